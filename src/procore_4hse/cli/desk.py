"""`desk`: the inbox in the browser."""

from __future__ import annotations

import gc
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from threading import Event
from typing import TYPE_CHECKING, Annotated

import typer

from procore_4hse.bootstrap import open_store
from procore_4hse.cli.context import CliContext, cli_context, system_user, teach
from procore_4hse.errors import UsageError
from procore_4hse.settings.model import DeskAuth, DeskSettings
from procore_4hse.web.desk import LINK_LASTS, Desk
from procore_4hse.web.keys import Keys
from procore_4hse.web.server import serving

if TYPE_CHECKING:
    from procore_4hse.store.repository import Store

HELP = """The inbox in the browser: what waits for a person, the story of each incident, how each route stands.

It prints one line, the address with a key that signs you in once within 15 minutes, and serves until SIGTERM or Ctrl-C.
It listens on this machine alone unless the settings say otherwise, makes no call to either system and runs no cycle:
answers are carried out by the next cycle of `run` or `sync`. `--link` prints a new address for a desk that runs.

[bold]Example[/bold]  procore-4hse desk --port 0

[bold]Exit codes[/bold]  0 ended by a signal, or the address printed · 2 configuration, or a port that is taken ·
4 the store
"""

Host = Annotated[str | None, typer.Option("--host", metavar="H", help="Where to listen; else desk.host.")]
Port = Annotated[int | None, typer.Option("--port", min=0, max=65535, help="The port, 0 for any; else desk.port.")]
Link = Annotated[bool, typer.Option("--link", help="Print a new address for a desk that runs already, and exit.")]
Json = Annotated[bool, typer.Option("--json", help="Print the address as one JSON object.")]


def api(app: typer.Typer) -> None:
    app.command("desk", help=teach(HELP))(desk)


def desk(ctx: typer.Context, host: Host = None, port: Port = None, link: Link = False, as_json: Json = False) -> None:
    context = cli_context(ctx)
    settings = _told(context.settings.desk, host, port)
    if link:
        _tell(context, _running_at(settings), as_json=as_json)
        return
    ended = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    with open_store(context.settings) as store, opened(context, store, settings) as url:
        _tell(context, url, as_json=as_json)
        ended.wait()


@contextmanager
def opened(context: CliContext, store: Store, settings: DeskSettings) -> Iterator[str]:
    """The desk while the caller's work goes on; gives its address."""
    made = Desk.of(context.settings.model_copy(update={"desk": settings}), context.routes, store)
    with serving(made, settings.host, settings.port) as url:
        # What is loaded by now stays: looked through by Python again and again, it would cost a page 60 ms each time.
        gc.freeze()
        yield url


def _told(settings: DeskSettings, host: str | None, port: int | None) -> DeskSettings:
    """The settings with what the command line says instead, checked as a whole again. Raises UsageError."""
    given = {key: value for key, value in (("host", host), ("port", port)) if value is not None}
    try:
        return DeskSettings(**{**dict(settings), **given})
    except ValueError as error:
        raise UsageError(
            f"The desk does not open to a network at {host} by itself; add base_url under [desk] first."
        ) from error


def _running_at(settings: DeskSettings) -> str:
    if settings.auth is not DeskAuth.LINK:
        raise UsageError("People sign in to this desk otherwise (desk.auth), so there is no link to print.")
    if not settings.base_url and not settings.port:
        raise UsageError("Say at which port the desk runs: --port PORT.")
    return settings.base_url or f"http://{settings.host}:{settings.port}"


def _tell(context: CliContext, url: str, *, as_json: bool) -> None:
    if context.settings.desk.auth is DeskAuth.LINK:
        key = Keys.of(context.settings).link(system_user(), now=datetime.now(UTC), lasts=LINK_LASTS)
        url = f"{url}/enter/{key}"
    if as_json:
        context.print_json({"url": url})
    else:
        typer.echo(url)
    context.out.file.flush()
