"""`backfill`: incidents of a range of days, whatever `since` says."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from procore_4hse.bootstrap import DIRECTIONS
from procore_4hse.cli.context import CliContext, Json, RouteNames, cli_context, day, teach
from procore_4hse.cli.interrupt import Interrupt
from procore_4hse.cli.reports import show_report
from procore_4hse.engine.backfill import (
    Preview,
    Progress,
    Result,
    Span,
    backfill,
    refuse_contradictions,
    refuse_days_to_come,
)
from procore_4hse.engine.run_routes import Summary
from procore_4hse.errors import UsageError
from procore_4hse.models import Side
from procore_4hse.route import Route
from procore_4hse.runtime import Runtime
from procore_4hse.settings.model import DirectionSetting

HELP = """Incidents that happened in a range of days, whatever the route's `since` says.

It reads both systems and shows first what it would do: clear pairs to link, doubtful ones for the inbox, incidents to
create on each side, calls and time. Then it asks, on a terminal; elsewhere it wants `--yes`. That also approves a first
meeting, and max_creates does not count here. `--dry-run` only shows.

Where the mapping writes filing types to Procore, a backfill leaves them out, since Procore may alert people about them;
`--with-filing-types` carries them too. What was left out stays so until somebody edits it.

It works day by day. After a crash or a kill just run it again: what is linked is not made twice, and an answer that got
lost is looked for first. Run again later, it finds what is new in the range. What it linked stays in sync from then on.

[bold]Example[/bold]  procore-4hse backfill --from 2025-01-01 --to 2025-12-31 --dry-run

[bold]Exit codes[/bold]  0 done · 1 partial or busy, run it again · 2 usage, configuration or mapping · 3 credentials or
permissions of a route · 4 the store or an internal error · 7 a guard holds a route until a person acts
"""


First = Annotated[date, typer.Option("--from", metavar="DAY", parser=day, help="The first day, YYYY-MM-DD.")]
Last = Annotated[
    date | None, typer.Option("--to", metavar="DAY", parser=day, help="The last day, included; today unless given.")
]
Way = Annotated[
    DirectionSetting, typer.Option("--direction", help="Copy only this way; clear pairs are linked all the same.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what it would do and write nothing.")]
FilingTypes = Annotated[
    bool, typer.Option("--with-filing-types", help="Give injuries in Procore their filing type; it may alert people.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Go ahead without asking.")]


def api(app: typer.Typer) -> None:
    app.command("backfill", help=teach(HELP))(_backfill)


def _backfill(
    ctx: typer.Context,
    first: First,
    last: Last = None,
    route: RouteNames = None,
    direction: Way = DirectionSetting.BOTH,
    with_filing_types: FilingTypes = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    context = cli_context(ctx)
    context.answers_in_json = as_json
    span = replace(_span(first, last, direction), with_filing_types=with_filing_types)
    routes = context.chosen(route or [])
    refuse_contradictions(routes, span.direction)
    if not dry_run:
        context.must_be_able_to_ask(yes=yes)
    interrupt = Interrupt(context)
    with context.runtime(stopping=interrupt.stop.is_set, sleep=interrupt.sleep) as runtime:
        routes = routes if route else context.unpaused(runtime.store, routes)
        with interrupt.heard():
            refuse_days_to_come(runtime, routes, span.first)
            results = _look(context, runtime, routes, span) if dry_run or not yes else {}
        if not dry_run:
            if not interrupt.stop.is_set():
                _ask(context, results, yes=yes)
            with interrupt.heard():
                results |= _carry_out(context, runtime, routes, span, results, show=yes)
    done = Summary(tuple(result.report for result in results.values()))
    _show(context, done, results, as_json=as_json, dry=dry_run)
    raise typer.Exit(done.exit_code)


def _span(first: date, last: date | None, direction: DirectionSetting) -> Span:
    if last is not None and last < first:
        raise UsageError(f"The range ends ({last}) before it begins ({first}); give --from the earlier day.")
    return Span(first, last, DIRECTIONS[direction.value])


def _look(context: CliContext, runtime: Runtime, routes: Sequence[Route], span: Span) -> dict[str, Result]:
    return {route.name: backfill(runtime, route, span, dry=True, shown=_shower(context)) for route in routes}


def _ask(context: CliContext, looked: dict[str, Result], *, yes: bool) -> None:
    """A person is asked once, about all routes, and only when there is something to do."""
    if any(result.preview and not result.preview.is_empty for result in looked.values()):
        context.confirm("Go ahead?", yes=yes)


def _carry_out(
    context: CliContext, runtime: Runtime, routes: Sequence[Route], span: Span, looked: dict[str, Result], *, show: bool
) -> dict[str, Result]:
    """The routes that could be looked at, or all when nobody looked; each reads again, for time has passed."""
    ready = [route for route in routes if route.name not in looked or looked[route.name].preview is not None]
    shown = _shower(context) if show else lambda route, preview: None
    with _bar(context) as watch:
        return {route.name: backfill(runtime, route, span, shown=shown, watch=watch) for route in ready}


# What is shown ---------------------------------------------------------------------------------------------------


def _shower(context: CliContext) -> Callable[[str, Preview], None]:
    """Beside one JSON object the preview is for a person only: it goes to standard error."""
    screen = context.err if context.answers_in_json else context.out

    def show(route: str, preview: Preview) -> None:
        if not (context.answers_in_json and context.quiet):
            for line in lines(route, preview):
                screen.print(line, soft_wrap=True)

    return show


def lines(route: str, preview: Preview) -> Iterator[str]:
    """A preview, as a person reads it."""
    yield f"{route}: incidents from {preview.first} to {preview.last}"
    if preview.is_empty:
        yield "  nothing to do"
        return
    yield f"  to link: {preview.pairs} clear pairs; to the inbox: {preview.doubts} doubtful ones"
    for side in Side:
        yield f"  in {side.label}: {preview.creates[side.value]} to create, {preview.updates[side.value]} to update"
    yield f"  about {preview.calls} calls and {_minutes(preview.seconds)}, on {preview.days} days"
    if preview.filing_types_left_out:
        yield "  no filing type is written to Procore, where it may alert people; --with-filing-types writes them"
    if preview.days_done:
        yield f"  earlier runs of this backfill finished {preview.days_done} days"


def _minutes(seconds: int) -> str:
    return "less than a minute" if seconds < 60 else f"{round(seconds / 60)} min"


@contextmanager
def _bar(context: CliContext) -> Iterator[Callable[[Progress], None]]:
    """A bar of records for each route, with the day in hand; on a terminal only."""
    columns = (TextColumn("{task.fields[route]}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"))
    quiet = context.quiet or not context.err.is_terminal
    with Bars(*columns, TimeElapsedColumn(), console=context.err, transient=True, disable=quiet) as bars:
        tasks = {}

        def watch(step: Progress) -> None:
            if step.route not in tasks:
                tasks[step.route] = bars.add_task("", total=step.of_records, route=step.route)
            said = f"{step.day}, day {step.days} of {step.of_days}"
            bars.update(tasks[step.route], completed=step.records, description=said)

        yield watch


def _show(context: CliContext, done: Summary, results: dict[str, Result], *, as_json: bool, dry: bool) -> None:
    if as_json:
        context.print_json({**done.json(), "routes": [result.json() for result in results.values()]})
        return
    for result in results.values():
        show_report(context, result.report)
    if dry:
        context.out.print("Nothing was written: this was a dry run.")
    if not results:
        context.out.print("No route is enabled, so there was nothing to do.")
