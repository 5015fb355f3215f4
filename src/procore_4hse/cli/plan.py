"""`plan`: the cycle of each route without one write to either system."""

from __future__ import annotations

import typer

from procore_4hse.cli.actions import action_json, show_actions
from procore_4hse.cli.context import Desk, Json, RouteNames, desk_of, teach
from procore_4hse.cli.reports import counting, show_report
from procore_4hse.cli.sync import Full
from procore_4hse.cycle import Options, Report
from procore_4hse.models import Action
from procore_4hse.rounds import Round, run_round

HELP = """The same cycle as `sync`, without one write to either system: every intended action with its reason.

Use it before the first sync, after a change of the configuration or the mapping, and whenever a guard holds a route.
It keeps what it read in the store, but links, settles and asks nothing. What a guard would hold is listed too.

[bold]Example[/bold]  procore-4hse plan --route riverside

[bold]Exit codes[/bold]  0 shown or busy · 1 a system could not be read whole · 2 configuration or mapping ·
3 credentials or permissions of a route · 4 the store or an internal error · 7 a guard would stop a route
"""


def register(app: typer.Typer) -> None:
    app.command("plan", help=teach(HELP))(plan)


def plan(ctx: typer.Context, route: RouteNames = None, full: Full = False, as_json: Json = False) -> None:
    desk = desk_of(ctx)
    desk.answers_in_json = as_json
    routes = desk.chosen(route or [])
    with desk.house() as house, counting(desk, routes):
        done = run_round(house, routes, Options(full=full, dry=True))
    if as_json:
        desk.print_json(_json(done))
    else:
        for report in done.reports:
            _show(desk, report)
    raise typer.Exit(done.exit_code)


def _json(done: Round) -> dict[str, object]:
    routes = [{**report.json(), "actions": [action_json(each) for each in _actions(report)]} for report in done.reports]
    return {**done.json(), "routes": routes}


def _actions(report: Report) -> list[Action]:
    return [*report.plan.actions, *report.plan.held]


def _show(desk: Desk, report: Report) -> None:
    show_report(desk, report)
    show_actions(desk, report.plan)
