"""`plan`: the cycle of each route without one write to either system."""

from __future__ import annotations

import typer

from procore_4hse.cli.actions import action_json, show_actions
from procore_4hse.cli.context import Json, RouteNames, cli_context, teach
from procore_4hse.cli.reports import counting, show_report
from procore_4hse.cli.sync import Full
from procore_4hse.engine.cycle import Options
from procore_4hse.engine.report import Report
from procore_4hse.engine.run_routes import Summary, run_routes
from procore_4hse.mapping.lenses.base import Known
from procore_4hse.models import Action, Kind
from procore_4hse.reconcile.diff import display
from procore_4hse.route import Route
from procore_4hse.runtime import Runtime

HELP = """The same cycle as `sync`, without one write to either system: every intended action with its reason.

Use it before the first sync, after a change of the configuration or the mapping, and whenever a guard holds a route.
It keeps what it read in the store, but links, settles and asks nothing. What a guard would hold is listed too.

[bold]Example[/bold]  procore-4hse plan --route riverside

[bold]Exit codes[/bold]  0 shown or busy · 1 a system could not be read whole · 2 configuration or mapping ·
3 credentials or permissions of a route · 4 the store or an internal error · 7 a guard would stop a route
"""


def api(app: typer.Typer) -> None:
    app.command("plan", help=teach(HELP))(plan)


def plan(ctx: typer.Context, route: RouteNames = None, full: Full = False, as_json: Json = False) -> None:
    context = cli_context(ctx)
    context.answers_in_json = as_json
    routes = context.chosen(route or [])
    with context.runtime() as runtime, counting(context, routes):
        done = run_routes(runtime, routes, Options(full=full, dry=True))
        titles = [_titles(runtime, each, report) for each, report in zip(routes, done.reports, strict=True)]
    if as_json:
        context.print_json(_json(done))
    else:
        for report, known in zip(done.reports, titles, strict=True):
            show_report(context, report)
            show_actions(context, report.plan, known)
    raise typer.Exit(done.exit_code)


def _json(done: Summary) -> dict[str, object]:
    routes = [{**report.json(), "actions": [action_json(each) for each in _actions(report)]} for report in done.reports]
    return {**done.json(), "routes": routes}


def _actions(report: Report) -> list[Action]:
    return [*report.plan.actions, *report.plan.held]


def _titles(runtime: Runtime, route: Route, report: Report) -> dict[str, str]:
    """The headline of each incident that an action names, by its id."""
    with runtime.store.read() as unit:
        staging = unit.staging(route.key)
        named = {record for action in _actions(report) for record in action.records}
        staged = {record_id: (side, staging.find(side, Kind.INCIDENT, record_id)) for side, record_id in named}
    lens = route.mapping.title.lens
    readings = {record_id: lens.get(side, known.record.payload) for record_id, (side, known) in staged.items() if known}
    return {record_id: display(reading.value) for record_id, reading in readings.items() if isinstance(reading, Known)}
