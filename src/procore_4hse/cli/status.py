"""`status`: how each route stands, without a call to either system."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from procore_4hse.cli.context import CliContext, Json, cli_context, teach
from procore_4hse.cli.reports import OUTCOMES, PLACES, show_waiting
from procore_4hse.cli.tables import facts
from procore_4hse.cli.text import counted, moment, span
from procore_4hse.errors import UsageError
from procore_4hse.models import Side
from procore_4hse.operations.status import RouteStatus, Terms, standing_of
from procore_4hse.settings.values import duration
from procore_4hse.store.repository import Store
from procore_4hse.store.timetable import Cadence

HELP = """How each route stands: its last cycle and the next one, how many incidents are in sync, what waits for a
person and since when, what is left of the call budgets and how often they allow a cycle.

No call is made; everything comes from the store, which is left as it is, while others write and also when a newer
version of this program has it. As a health check it succeeds while the store can be read; with
`--fail-over` it also fails when something has been waiting for a person for longer than that, or when no cycle of a
route has succeeded for longer; a route that is disabled or paused need not succeed. What was put off until a day waits
again from that day on, and is as old as it is. A cycle that fails leaves the last counts as they were.

[bold]Example[/bold]  procore-4hse status --fail-over 24h

[bold]Exit codes[/bold]  0 shown · 2 configuration or mapping · 4 the store cannot be used ·
7 something waits longer, or succeeded longer ago, than `--fail-over` allows
"""

STOPPED = 7

FailOver = Annotated[
    str | None,
    typer.Option(
        "--fail-over",
        metavar="AGE",
        help="Exit 7 when something waits, or no cycle succeeded, for so long: 30m, 24h, 7d.",
    ),
]


def api(app: typer.Typer) -> None:
    app.command("status", help=teach(HELP))(status)


def status(ctx: typer.Context, fail_over: FailOver = None, as_json: Json = False) -> None:
    context = cli_context(ctx)
    limit = _limit(fail_over)
    # Not brought up to date: whoever looks, also with an older program than the daemon's, changes nothing.
    with closing(Store(context.settings.store.url.get_secret_value())) as store:
        every, terms = context.settings.schedule.every, Terms.of(context.settings)
        found, now = standing_of(store, context.routes, every, terms), datetime.now(UTC)
    if found.newer:
        context.err.print(found.newer, style="bold yellow")
    statuses = list(found.routes)
    late = list(_late(statuses, limit, now)) if limit is not None else []
    code = STOPPED if late else 0
    if as_json:
        context.print_json({"exit": code, "routes": [_json(each, now) for each in statuses]})
    else:
        for standing in statuses:
            _show_route(context, standing, now)
        for sentence in late:
            context.out.print(sentence, style="bold red")
    raise typer.Exit(code)


def _limit(text: str | None) -> timedelta | None:
    try:
        return None if text is None else duration(text)
    except ValueError as error:
        raise UsageError(f"--fail-over {text}: {error}.") from error


def _late(statuses: list[RouteStatus], limit: timedelta, now: datetime) -> Iterator[str]:
    """What waits longer than it may, in one sentence each."""
    for standing in statuses:
        if standing.oldest is not None and standing.has_old_question(limit, now):
            age = span(now - standing.oldest.since)
            yield f"{standing.route.name}: something has been waiting for {age}, too long."
        if standing.unsuccessful_since is not None and standing.is_late(limit, now):
            age = span(now - standing.unsuccessful_since)
            yield f"{standing.route.name}: no cycle has succeeded for {age}, too long."


def _json(standing: RouteStatus, now: datetime) -> dict[str, Any]:
    last, oldest = standing.last, standing.oldest
    report = last.report if last else {}
    return {
        "route": standing.route.name,
        "enabled": standing.route.enabled,
        "running": standing.is_running,
        "last": last and {
            "began_at": _iso(last.began_at),
            "ended_at": _iso(last.ended_at),
            "outcome": last.outcome,
            "reason": last.reason,
            "calls": report.get("calls"),
            "seconds": report.get("seconds"),
        },
        "last_success_at": _iso(standing.succeeded_at),
        "last_agreement_at": _iso(standing.proven_at),
        "next_at": _iso(standing.next_at),
        "due_reason": standing.slot and standing.slot.reason.value,
        "cadence_seconds": standing.cadence and round(standing.cadence.rest.total_seconds(), 1),
        "round_seconds": _round_json(standing),
        "links": standing.links,
        "population": standing.population or None,
        "inbox": standing.inbox,
        "answered": standing.answered,
        "oldest": oldest and {
            "id": str(oldest.id),
            "kind": oldest.item.kind.value,
            "since": _iso(oldest.since),
            "seconds": int((now - oldest.since).total_seconds()),
        },
        "budget": {side.value: _budget_json(standing, side) for side in Side},
    }  # fmt: skip


def _round_json(standing: RouteStatus) -> float | None:
    """How long the calls need for one cycle of every route, where that is longer than wished."""
    longer = standing.cadence.round if standing.cadence else None
    return round(longer.total_seconds(), 1) if longer else None


def _iso(instant: datetime | None) -> str | None:
    return instant.isoformat() if instant else None


def _budget_json(standing: RouteStatus, side: Side) -> dict[str, Any]:
    budget, pause = standing.budget.get(side.value, {}), standing.pauses[side]
    known = {name: budget.get(name) for name in ("limit", "remaining", "resets_at")}
    return {**known, "shortest_pause_seconds": pause and round(pause.total_seconds(), 1)}


# For people ------------------------------------------------------------------------------------------------------


def _show_route(context: CliContext, standing: RouteStatus, now: datetime) -> None:
    context.out.print(_headline(standing))
    context.out.print(_facts(standing, now))
    show_waiting(context, dict(standing.inbox))
    if standing.answered:
        context.out.print(f"  {standing.answered} answered, carried out by the next cycle", style="yellow")
    context.out.print()


def _headline(standing: RouteStatus) -> Text:
    if not standing.route.enabled:
        return Text.assemble((standing.route.name, "bold"), ": disabled in the configuration")
    if standing.last is None:
        return Text.assemble((standing.route.name, "bold"), ": no cycle has run yet; start one with procore-4hse sync")
    words, style = OUTCOMES[standing.last.outcome or "failed"]
    running = " (a cycle is running now)" if standing.is_running else ""
    return Text.assemble((standing.route.name, "bold"), ": ", (words, style), running)


def _facts(standing: RouteStatus, now: datetime) -> Table:
    listed = facts()
    if standing.last is not None:
        for name, words in _of_last(standing, now):
            listed.add_row(f"  {name}", words)
    if standing.oldest is not None:
        listed.add_row("  oldest waiting", f"{span(now - standing.oldest.since)}, a {standing.oldest.item.kind.value}")
    return listed


def _of_last(standing: RouteStatus, now: datetime) -> list[tuple[str, str]]:
    last = standing.last
    if last is None or last.ended_at is None:
        return []
    rows = [("last cycle", f"{moment(last.ended_at)}, {span(now - last.ended_at)} ago")]
    if last.reason:
        rows.append(("", last.reason))
    proven = (("last success", standing.succeeded_at), ("last agreement", standing.proven_at))
    rows += [(name, f"{moment(at)}, {span(now - at)} ago" if at else "none yet") for name, at in proven]
    if standing.next_at is not None:
        rows.append(("next cycle", f"{moment(standing.next_at)}, where the daemon runs"))
    if standing.cadence is not None:
        rows.append(("rests for", _rest(standing.cadence)))
    rows.append(("linked", counted(standing.links, "incident")))
    rows += [(side.label, _stand(standing, side)) for side in Side]
    return rows + [(f"{side.label} budget", _budget(standing, side)) for side in Side]


def _rest(cadence: Cadence) -> str:
    """How long after a cycle; where the calls are too few, by how much."""
    rest = _seconds(cadence.rest)
    if cadence.round is None:
        return rest
    return f"{rest}, for the calls that are allowed bear one cycle of every route in {_seconds(cadence.round)}"


def _stand(standing: RouteStatus, side: Side) -> str:
    counts = standing.population.get(side.value, {})
    return ", ".join(f"{counts.get(place, 0)} {words}" for place, words in PLACES.items())


def _budget(standing: RouteStatus, side: Side) -> str:
    """Calls of the last cycle, what was left after it, and the pause that the budget bears."""
    calls = (standing.last.report if standing.last else {}).get("calls", {}).get(side.value, 0)
    budget, pause = standing.budget.get(side.value, {}), standing.pauses[side]
    words = f"{calls} calls in the last cycle"
    if budget.get("limit") is not None:
        words += f", {budget.get('remaining')} of {budget['limit']} left"
    return words + (f"; allows a cycle every {_seconds(pause)}" if pause is not None else "; limit not known")


def _seconds(pause: timedelta) -> str:
    seconds = max(1, round(pause.total_seconds()))
    return f"{seconds} s" if seconds < 120 else span(pause)
