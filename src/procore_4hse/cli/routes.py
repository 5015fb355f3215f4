"""`routes`: when each route is due, and pausing one without editing the configuration."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from procore_4hse.cli.context import CliContext, Json, cli_context, teach
from procore_4hse.cli.tables import table
from procore_4hse.cli.text import moment, plain, span
from procore_4hse.errors import UsageError
from procore_4hse.operations import schedule
from procore_4hse.operations.schedule import RouteSchedule
from procore_4hse.settings.values import duration

GROUP = """When each route is due, and why; and pausing a route without editing the configuration.

Without a word after it, `routes` lists. Due times stand in the store: any number of daemons (`run`) and of
`sync --due` share the routes, and starting one again changes nothing. A route is due `schedule.every` after its last
cycle, later where the calls that Procore and 4HSE allow do not bear that for all routes, and at once when it was
resumed.

[bold]Example[/bold]  procore-4hse routes pause riverside --for 2h --note "the register is being tidied up"

[bold]Exit codes[/bold]  0 done · 2 configuration, or no such route · 4 the store cannot be used
"""

LIST = """Lists the routes: when each is due, why then, how long it rests, and which are paused until when.

Routes that the configuration names no more are listed too: what is known of them stays, and nothing runs them.

[bold]Example[/bold]  procore-4hse routes list --json

[bold]Exit codes[/bold]  0 listed · 2 configuration · 4 the store cannot be used
"""

PAUSE = """Pauses a route: no daemon and no `sync` has a cycle of it, unless `sync` names it. A cycle that runs now goes
on to its end.

[bold]Example[/bold]  procore-4hse routes pause riverside --for 2h --note "the register is being tidied up"

[bold]Exit codes[/bold]  0 paused · 2 configuration, or no such route · 4 the store cannot be used
"""

RESUME = """Ends a pause. The route is due at once, also when it was not paused.

[bold]Example[/bold]  procore-4hse routes resume riverside

[bold]Exit codes[/bold]  0 resumed · 2 configuration, or no such route · 4 the store cannot be used
"""

REASONS = {
    "first": "its first cycle",
    "cadence": "its pause is over by then",
    "retry": "what did not go through is tried again",
    "hint": "Procore told of a change",
    "person": "somebody resumed it",
}

Name = Annotated[str, typer.Argument(metavar="NAME", help="The route's name in the configuration.")]
For = Annotated[
    str | None, typer.Option("--for", metavar="SPAN", help="How long: 30m, 2h, 3d ...; else until resumed.")
]
Note = Annotated[str, typer.Option("--note", metavar="TEXT", help="Why, for whoever lists the routes.")]


def api(app: typer.Typer) -> None:
    group = typer.Typer(help=teach(GROUP), invoke_without_command=True)
    group.callback()(either)
    group.command("list", help=teach(LIST))(list_routes)
    group.command("pause", help=teach(PAUSE))(pause)
    group.command("resume", help=teach(RESUME))(resume)
    app.add_typer(group, name="routes")


def either(ctx: typer.Context, as_json: Json = False) -> None:
    if ctx.invoked_subcommand is None:
        _list(cli_context(ctx), as_json=as_json)


def list_routes(ctx: typer.Context, as_json: Json = False) -> None:
    _list(cli_context(ctx), as_json=as_json)


def pause(ctx: typer.Context, name: Name, length: For = None, note: Note = "") -> None:
    context = cli_context(ctx)
    (route,), how_long = context.named([name]), _length(length)
    with _store(context) as store:
        schedule.pause(store, route, how_long, note)
    until = f"for {length}" if length else f"until somebody resumes it: procore-4hse routes resume {name}"
    context.out.print(f"Route {name} is paused {until}", style="green")


def resume(ctx: typer.Context, name: Name) -> None:
    context = cli_context(ctx)
    (route,) = context.named([name])
    with _store(context) as store:
        schedule.resume(store, route)
    context.out.print(f"Route {name} is due now; a daemon or sync --due takes it.", style="green")


def _store(context: CliContext) -> Any:
    from procore_4hse.bootstrap import open_store

    return open_store(context.settings)


def _length(text: str | None) -> timedelta | None:
    try:
        return None if text is None else duration(text)
    except ValueError as error:
        raise UsageError(f"--for {text}: {error}.") from error


def _list(context: CliContext, *, as_json: bool) -> None:
    with _store(context) as store:
        found = schedule.schedules(store, context.routes)
    if as_json:
        context.print_json({"routes": [_json(each) for each in found]})
        return
    now, listed = datetime.now(UTC), table()
    for column in ("route", "due", "why", "rests for"):
        listed.add_column(column)
    for each in found:
        listed.add_row(each.name, *_words(each, now))
    context.out.print(listed)


def _json(each: RouteSchedule) -> dict[str, Any]:
    slot = each.slot
    return {
        "route": each.name,
        "configured": each.route is not None,
        "enabled": each.route is not None and each.route.enabled,
        "running": each.is_running,
        "due_at": each.due_at and each.due_at.isoformat(),
        "reason": slot and slot.reason.value,
        "cadence_seconds": slot and _rest(each),
        "paused": _pause_json(each) if each.is_paused else None,
    }


def _rest(each: RouteSchedule) -> float | None:
    return each.slot.span.total_seconds() if each.slot and each.slot.reason == "cadence" else None


def _pause_json(each: RouteSchedule) -> dict[str, Any]:
    slot = each.slot
    since, until = (slot.paused_at, slot.paused_until) if slot else (None, None)
    return {
        "since": since and since.isoformat(),
        "until": until and until.isoformat(),
        "note": slot.note if slot else "",
    }


def _words(each: RouteSchedule, now: datetime) -> tuple[str, str, str]:
    """When, why, and how long it rests."""
    rest = _rest(each)
    how_long = span(timedelta(seconds=rest)) if rest is not None else ""
    if each.route is None:
        return "never", "the configuration names it no more; what is known of it stays", how_long
    if not each.route.enabled:
        return "never", "disabled in the configuration", how_long
    if each.is_paused and each.slot:
        return _end_of_pause(each.slot.paused_until), f"paused{_because(each.slot.note)}", how_long
    if each.slot is None:
        return "now", REASONS["first"], how_long
    running = "; a cycle is running now" if each.is_running else ""
    return _when(each.slot.due_at, now), REASONS[each.slot.reason] + running, how_long


def _end_of_pause(until: datetime | None) -> str:
    return moment(until) if until else "when resumed"


def _because(note: str) -> str:
    return f": {plain(note)}" if note else ""


def _when(due_at: datetime, now: datetime) -> str:
    return f"{moment(due_at)}, in {span(due_at - now)}" if due_at > now else "now"
