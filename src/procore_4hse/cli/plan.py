"""`plan`: the cycle of each route without one write to either system."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import typer

from procore_4hse.cli.actions import COLUMNS, SHOWN, action_json, field_rows, show_actions, show_pairs
from procore_4hse.cli.context import Json, RouteNames, cli_context, teach
from procore_4hse.cli.reports import counting, show_report
from procore_4hse.cli.spreadsheets import Csv, one_form, print_csv
from procore_4hse.cli.sync import Full
from procore_4hse.engine.cycle import Options
from procore_4hse.engine.report import Report
from procore_4hse.engine.run_routes import Summary, run_routes
from procore_4hse.models import Action, Kind, Side
from procore_4hse.operations import intended
from procore_4hse.operations.intended import Intended
from procore_4hse.operations.possible_pairs import PossiblePair, possible_pairs
from procore_4hse.operations.search import hits
from procore_4hse.reconcile import items
from procore_4hse.route import Route
from procore_4hse.runtime import Runtime

HELP = """The same cycle as `sync`, without one write to either system: every intended action with its reason.

Use it before the first sync, after a change of the configuration or the mapping, and whenever a guard holds a route.
It keeps what it read in the store, but links, settles and asks nothing. What a guard would hold is listed too. `--csv`
has a row for each field; a cell that a spreadsheet would take for a formula begins with an apostrophe.

[bold]Example[/bold]  procore-4hse plan --route riverside

[bold]Exit codes[/bold]  0 shown or busy · 1 a system could not be read whole · 2 configuration or mapping ·
3 credentials or permissions of a route · 4 the store or an internal error · 7 a guard would stop a route
"""


def api(app: typer.Typer) -> None:
    app.command("plan", help=teach(HELP))(plan)


def plan(
    ctx: typer.Context, route: RouteNames = None, full: Full = False, as_json: Json = False, as_csv: Csv = False
) -> None:
    context = cli_context(ctx)
    one_form(as_json=as_json, as_csv=as_csv)
    context.answers_in_json = as_json
    routes = context.chosen(route or [])
    with context.runtime() as runtime, counting(context, routes):
        done = run_routes(runtime, routes, Options(full=full, dry=True))
        planned = [*zip(routes, done.reports, strict=True)]
        in_full = as_json or as_csv  # Every action with the titles it is about; a person is shown the first ones.
        titles = [_titles(runtime, *each) for each in planned] if in_full else []
        told = [] if in_full else [_told(runtime, *each) for each in planned]
    if as_json:
        context.print_json(_json(done, titles))
    elif as_csv:
        print_csv(COLUMNS, _rows(routes, done, titles))
    else:
        for report, (actions, held, pairs) in zip(done.reports, told, strict=True):
            show_report(context, report)
            show_actions(context, report.plan, actions, held)
            show_pairs(context, pairs)
    raise typer.Exit(done.exit_code)


def _json(done: Summary, titles: Sequence[dict[str, str]]) -> dict[str, object]:
    told = zip(done.reports, titles, strict=True)
    listed = ([action_json(each, known) for each in _actions(report)] for report, known in told)
    routes = [{**report.json(), "actions": each} for report, each in zip(done.reports, listed, strict=True)]
    return {**done.json(), "routes": routes}


def _rows(routes: Sequence[Route], done: Summary, titles: Sequence[dict[str, str]]) -> Iterator[dict[str, object]]:
    for route, report, known in zip(routes, done.reports, titles, strict=True):
        held = len(report.plan.actions)
        for number, action in enumerate(_actions(report)):
            yield from field_rows(action, known, route=route.name, held="yes" if number >= held else "no")


def _actions(report: Report) -> list[Action]:
    return [*report.plan.actions, *report.plan.held]


def _titles(runtime: Runtime, route: Route, report: Report) -> dict[str, str]:
    """The headline of each incident that an action is about, by its id."""
    ids: dict[Side, set[str]] = {side: set() for side in Side}
    for action in _actions(report):
        for record in action.refs:
            if record.kind is Kind.INCIDENT:
                ids[record.side].add(record.id)
        for side in Side:  # Of an incident that is not there yet, people name the one that it is made from.
            ids[side] |= {action.parent} if action.parent else set()
    with runtime.store.read() as unit:
        found = [hits(unit, route, side, known) for side, known in ids.items()]
    return {known: hit.title for each in found for known, hit in each.items()}


def _told(runtime: Runtime, route: Route, report: Report) -> tuple[list[Intended], list[Intended], list[PossiblePair]]:
    """What the first actions of a plan would change, those that it holds, and what may be one on a new route."""
    with runtime.store.read() as unit:
        actions, held = (
            intended.read(unit, route, [items.summary(action) for action in some[:SHOWN]])
            for some in (report.plan.actions, report.plan.held)
        )
    return actions, held, possible_pairs(runtime.store, route, SHOWN)
