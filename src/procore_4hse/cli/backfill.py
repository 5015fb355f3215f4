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
from procore_4hse.cli.context import Desk, Json, RouteNames, day, desk_of, teach
from procore_4hse.cli.reports import show_report
from procore_4hse.engine.backfill import Preview, Progress, Result, Span, backfill, refuse_contradictions
from procore_4hse.engine.run_routes import Round
from procore_4hse.errors import UsageError
from procore_4hse.models import Side
from procore_4hse.route import Route
from procore_4hse.runtime import House
from procore_4hse.settings.model import Direction

HELP = """Incidents that happened in a range of days, whatever the route's `since` says.

It reads both systems and shows first what it would do: clear pairs to link, doubtful ones for the inbox, incidents to
create on each side, calls and time. Then it asks, on a terminal; elsewhere it wants `--yes`. That also approves a first
meeting, and max_creates does not count here. `--dry-run` only shows.

Where the mapping writes filing types to Procore, a backfill leaves them out, since Procore may alert people about them;
`--with-filing-types` carries them too. What was left out stays so until somebody edits it.

It works day by day. After a crash or a kill just run it again: what is linked is not made twice, and an answer that got
lost is looked for first. Run again later, it finds what is new in the range. What it linked stays in sync from then on.

[bold]Example[/bold]  procore-4hse backfill --from 2025-01-01 --to 2025-12-31 --dry-run

[bold]Exit codes[/bold]  0 done or busy · 1 partial, run it again · 2 usage, configuration or mapping · 3 credentials or
permissions of a route · 4 the store or an internal error · 7 a guard holds a route until a person acts
"""


First = Annotated[date, typer.Option("--from", metavar="DAY", parser=day, help="The first day, YYYY-MM-DD.")]
Last = Annotated[
    date | None, typer.Option("--to", metavar="DAY", parser=day, help="The last day, included; today unless given.")
]
Way = Annotated[Direction, typer.Option("--direction", help="Copy only this way; clear pairs are linked all the same.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what it would do and write nothing.")]
FilingTypes = Annotated[
    bool, typer.Option("--with-filing-types", help="Give injuries in Procore their filing type; it may alert people.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Go ahead without asking.")]


def register(app: typer.Typer) -> None:
    app.command("backfill", help=teach(HELP))(_backfill)


def _backfill(
    ctx: typer.Context,
    first: First,
    last: Last = None,
    route: RouteNames = None,
    direction: Way = Direction.BOTH,
    with_filing_types: FilingTypes = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    desk = desk_of(ctx)
    desk.answers_in_json = as_json
    span = replace(_span(first, last, direction), with_filing_types=with_filing_types)
    routes = desk.chosen(route or [])
    refuse_contradictions(routes, span.direction)
    if not dry_run:
        desk.must_be_able_to_ask(yes=yes)
    with desk.house() as house:
        results = _look(desk, house, routes, span) if dry_run or not yes else {}
        if not dry_run:
            _ask(desk, results, yes=yes)
            results |= _carry_out(desk, house, routes, span, results, show=yes)
    done = Round(tuple(result.report for result in results.values()))
    _show(desk, done, results, as_json=as_json, dry=dry_run)
    raise typer.Exit(done.exit_code)


def _span(first: date, last: date | None, direction: Direction) -> Span:
    if last is not None and last < first:
        raise UsageError(f"The range ends ({last}) before it begins ({first}); give --from the earlier day.")
    return Span(first, last, DIRECTIONS[direction.value])


def _look(desk: Desk, house: House, routes: Sequence[Route], span: Span) -> dict[str, Result]:
    return {route.name: backfill(house, route, span, dry=True, shown=_shower(desk)) for route in routes}


def _ask(desk: Desk, looked: dict[str, Result], *, yes: bool) -> None:
    """A person is asked once, about all routes, and only when there is something to do."""
    if any(result.preview and not result.preview.is_empty for result in looked.values()):
        desk.confirm("Go ahead?", yes=yes)


def _carry_out(
    desk: Desk, house: House, routes: Sequence[Route], span: Span, looked: dict[str, Result], *, show: bool
) -> dict[str, Result]:
    """The routes that could be looked at, or all when nobody looked; each reads again, for time has passed."""
    ready = [route for route in routes if route.name not in looked or looked[route.name].preview is not None]
    shown = _shower(desk) if show else lambda route, preview: None
    with _bar(desk) as watch:
        return {route.name: backfill(house, route, span, shown=shown, watch=watch) for route in ready}


# What is shown ---------------------------------------------------------------------------------------------------


def _shower(desk: Desk) -> Callable[[str, Preview], None]:
    """Beside one JSON object the preview is for a person only: it goes to standard error."""
    screen = desk.err if desk.answers_in_json else desk.out

    def show(route: str, preview: Preview) -> None:
        if not (desk.answers_in_json and desk.quiet):
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
def _bar(desk: Desk) -> Iterator[Callable[[Progress], None]]:
    """A bar of records for each route, with the day in hand; on a terminal only."""
    columns = (TextColumn("{task.fields[route]}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"))
    quiet = desk.quiet or not desk.err.is_terminal
    with Bars(*columns, TimeElapsedColumn(), console=desk.err, transient=True, disable=quiet) as bars:
        tasks = {}

        def watch(step: Progress) -> None:
            if step.route not in tasks:
                tasks[step.route] = bars.add_task("", total=step.of_records, route=step.route)
            said = f"{step.day}, day {step.days} of {step.of_days}"
            bars.update(tasks[step.route], completed=step.records, description=said)

        yield watch


def _show(desk: Desk, done: Round, results: dict[str, Result], *, as_json: bool, dry: bool) -> None:
    if as_json:
        desk.print_json({**done.json(), "routes": [result.json() for result in results.values()]})
        return
    for result in results.values():
        show_report(desk, result.report)
    if dry:
        desk.out.print("Nothing was written: this was a dry run.")
    if not results:
        desk.out.print("No route is enabled, so there was nothing to do.")
