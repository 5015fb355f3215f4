"""`run`: the daemon."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from threading import Event
from typing import Annotated

import typer

from procore_4hse.cli.context import CliContext, cli_context, teach, version
from procore_4hse.daemon import Daemon
from procore_4hse.errors import UsageError
from procore_4hse.operations.notify import Watcher
from procore_4hse.operations.retention import Ages
from procore_4hse.operations.status import Terms
from procore_4hse.route import Route
from procore_4hse.runtime import Runtime, interruptible
from procore_4hse.store.repository import Store

HELP = """The daemon: a cycle of each route when it is due, `schedule.every` after the one before, until it is told to
end.

When a route is due stands in the store: any number of daemons on any number of machines share the routes of one
PostgreSQL, each route is with one of them at a time, and starting one again moves nothing. `routes list` tells.

SIGTERM or Ctrl-C ends it: the action in hand is finished, or left to be settled by the next cycle when its answer takes
too long, and the process is gone within 15 seconds. A second signal ends it at once. An outage of a vendor, refused
credentials or a guard never end it: it says so in its log and tries again.

Log lines go to standard error, coloured on a terminal and as JSON elsewhere. Watch it with `status --fail-over`. A
configuration is read once, so start it again after a change. With `--desk` the inbox in the browser is served beside
it, where the settings say; `desk --link` prints an address that signs you in. With `--hooks` it receives Procore's
hooks too, at `hooks.listen`: `webhooks install` makes them, and a route that one tells of has a cycle within a minute.
Where `metrics.listen` says, `/metrics`, `/healthz` and `/readyz` are served, for monitoring. systemd hears when it is
ready and that it is not stuck.

[bold]Example[/bold]  procore-4hse --log-format json run

[bold]Exit codes[/bold]  0 ended by a signal · 1 ended by a second signal · 2 configuration or mapping · 4 the store
"""


WithDesk = Annotated[bool, typer.Option("--desk", help="Serve the inbox in the browser beside the daemon.")]
WithHooks = Annotated[bool, typer.Option("--hooks", help="Receive Procore's hooks beside the daemon.")]


def api(app: typer.Typer) -> None:
    app.command("run", help=teach(HELP))(run)


def run(ctx: typer.Context, desk: WithDesk = False, hooks: WithHooks = False) -> None:
    context = cli_context(ctx)
    routes, stop = context.chosen([]), Event()
    if not routes:
        raise UsageError("No route is enabled, so there is nothing to run; set enabled = true for one.")
    with (
        context.runtime(stopping=stop.is_set, sleep=interruptible(stop)) as runtime,
        _desk_beside(context, runtime, wanted=desk),
        _hooks_beside(context, routes, wanted=hooks),
    ):
        ages = Ages(**context.settings.retention.model_dump(exclude={"cycles"}))
        watcher = Watcher.of(context.settings, runtime, context.routes)
        daemon = Daemon(runtime, routes, stop=stop, ages=ages, watcher=watcher)
        with _metrics_beside(context, daemon):
            code = daemon.run()
    raise typer.Exit(code)


@contextmanager
def _desk_beside(context: CliContext, runtime: Runtime, *, wanted: bool) -> Iterator[None]:
    if not wanted:
        yield
        return
    from procore_4hse.cli.desk import opened

    with opened(context, runtime.store, context.settings.desk) as url:
        # Without a key: what a daemon prints is kept in logs.
        context.note(f"The desk is at {url}")
        yield


@contextmanager
def _hooks_beside(context: CliContext, routes: Sequence[Route], *, wanted: bool) -> Iterator[None]:
    if not wanted:
        yield
        return
    from procore_4hse.cli.webhooks import received

    with received(context, routes) as url:
        context.note(f"Hooks are received at {url}")
        yield


@contextmanager
def _metrics_beside(context: CliContext, daemon: Daemon) -> Iterator[None]:
    """On connections of their own: who asks for metrics takes none from the cycles."""
    listen = context.settings.metrics.listen
    if not listen:
        yield
        return
    from procore_4hse.operations.metrics import StoreCollector
    from procore_4hse.web.probes import probes
    from procore_4hse.web.server import probing

    with closing(Store(context.settings.store.url.get_secret_value())) as store:
        collector = StoreCollector(store, context.routes, Terms.of(context.settings), version())
        with probing(probes(collector, daemon.is_alive), listen) as url:
            context.note(f"Metrics are at {url}/metrics")
            yield
