"""`sync`: one cycle of each route, then exit."""

from __future__ import annotations

from typing import Annotated

import typer

from procore_4hse.cli.context import Json, RouteNames, cli_context, teach
from procore_4hse.cli.interrupt import Interrupt
from procore_4hse.cli.reports import counting, show_round
from procore_4hse.engine.cycle import Options
from procore_4hse.engine.run_routes import run_due, run_routes
from procore_4hse.operations.notify import Watcher

HELP = """One cycle, then exit: reads both systems, writes what changed, asks about the rest.

For cron, a Kubernetes CronJob or any scheduler; `run` is the same as a daemon. The store is created or brought up to
date by itself. Two at once do no harm: the second finds the route busy and leaves it alone. With `--due` only those
routes have a cycle that are due, as `routes list` tells: so any number of these, and daemons, share the routes of one
store. A route that is paused has a cycle only when it is named.

The first time both registers hold incidents nothing is written; look at it with `plan`, then allow it once with
`--first` or in the inbox.

With `-q` before the command nothing is printed while all is well: cron sends mail about what a command prints.

Ctrl-C or SIGTERM ends it within 15 seconds: the action in hand is finished, the rest is left to the next cycle. A
second one ends it at once.

[bold]Example[/bold]  procore-4hse sync --route riverside --json

[bold]Exit codes[/bold]  0 done or busy · 1 partial, the next cycle goes on · 2 configuration or mapping · 3 credentials
or permissions of a route · 4 the store or an internal error · 7 a guard holds a route until a person acts
"""


def api(app: typer.Typer) -> None:
    app.command("sync", help=teach(HELP))(sync)


Full = Annotated[bool, typer.Option("--full", help="List Procore completely, whatever the schedule says.")]
First = Annotated[
    bool, typer.Option("--first", help="Approve the first meeting of two populated registers in advance.")
]


Due = Annotated[bool, typer.Option("--due", help="Only the routes that are due.")]


def sync(
    ctx: typer.Context,
    route: RouteNames = None,
    due: Due = False,
    full: Full = False,
    first: First = False,
    as_json: Json = False,
) -> None:
    context = cli_context(ctx)
    context.answers_in_json = as_json
    routes, interrupt = context.chosen(route or []), Interrupt(context)
    with (
        context.runtime(stopping=interrupt.stop.is_set, sleep=interrupt.sleep) as runtime,
        counting(context, routes) as progress,
        interrupt.heard(),
    ):
        wanted = routes if route else context.unpaused(runtime.store, routes)
        watcher = Watcher.of(context.settings, runtime, context.routes)
        done = (run_due if due else run_routes)(runtime, wanted, Options(full=full, first=first), progress)
        watcher.round_over(done.exit_code)
    if as_json:
        context.print_json(done.json())
    else:
        show_round(context, done, due=due)
    raise typer.Exit(done.exit_code)
