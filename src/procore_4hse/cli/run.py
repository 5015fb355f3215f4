"""`run`: the daemon."""

from __future__ import annotations

from threading import Event

import typer

from procore_4hse.cli.context import cli_context, teach
from procore_4hse.daemon import Daemon
from procore_4hse.errors import UsageError
from procore_4hse.operations.retention import Ages
from procore_4hse.runtime import interruptible

HELP = """The daemon: a cycle of each route at once, then after each pause (schedule.every), until it is told to end.

SIGTERM or Ctrl-C ends it: the action in hand is finished, or left to be settled by the next cycle when its answer takes
too long, and the process is gone within 15 seconds. A second signal ends it at once. An outage of a vendor, refused
credentials or a guard never end it: it says so in its log and tries again.

Log lines go to standard error, coloured on a terminal and as JSON elsewhere. Watch it with `status --fail-over`. A
configuration is read once, so start it again after a change.

[bold]Example[/bold]  procore-4hse --log-format json run

[bold]Exit codes[/bold]  0 ended by a signal · 1 ended by a second signal · 2 configuration or mapping · 4 the store
"""


def api(app: typer.Typer) -> None:
    app.command("run", help=teach(HELP))(run)


def run(ctx: typer.Context) -> None:
    context = cli_context(ctx)
    routes, stop = context.chosen([]), Event()
    if not routes:
        raise UsageError("No route is enabled, so there is nothing to run; set enabled = true for one.")
    with context.runtime(stopping=stop.is_set, sleep=interruptible(stop)) as runtime:
        ages = Ages(**context.settings.retention.model_dump(exclude={"cycles"}))
        code = Daemon(runtime, routes, every=context.settings.schedule.every, stop=stop, ages=ages).run()
    raise typer.Exit(code)
