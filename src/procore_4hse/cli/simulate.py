"""`simulate`: the two simulated systems as servers on this machine."""

from __future__ import annotations

import json
import shlex
import signal
import threading
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from procore_4hse.cli import by_hand
from procore_4hse.cli.context import CliContext, cli_context, teach
from procore_4hse.cli.init import DEFAULT_MAPPING, begin, must_be_new
from procore_4hse.cli.systems import COMPANY, OFFICE, PROJECT, TENANT, Systems, now
from procore_4hse.errors import UsageError
from procore_4hse.settings.toml_file import DEFAULT_FILE
from procore_4hse.simulator.fourhse_screen import FourHseScreen
from procore_4hse.simulator.manual_edits import with_screen
from procore_4hse.simulator.procore_screen import ProcoreScreen
from procore_4hse.simulator.wire import Handler, LoopbackServer

HELP = """Both systems as simulated servers on this machine, until Ctrl-C: to try commands without an account.

They are written from the vendors' documents, hold a few made-up incidents each, some with people who were hurt, and
forget everything when they stop. With `--init` it writes a configuration for them and a copy of the default mapping, as
`init` does: other terminals in the same folder can use any command at once. Without, it prints the configuration as
environment variables to paste there. The commands below it do what people would do in both systems meanwhile.

[bold]Example[/bold]  procore-4hse simulate --init

[bold]Exit codes[/bold]  0 stopped · 2 a port is taken, or `--init` found files
"""

HEAD = "# Settings for the two systems that `procore-4hse simulate` started; each start may choose other ports.\n"

PortProcore = Annotated[
    int, typer.Option("--port-procore", min=0, max=65535, help="Port of Procore; 0 for a free one.")
]
PortFourHse = Annotated[int, typer.Option("--port-fourhse", min=0, max=65535, help="Port of 4HSE; 0 for a free one.")]
Incidents = Annotated[
    int, typer.Option("--incidents", min=0, max=2000, help="How many incidents without people each side holds.")
]
Init = Annotated[
    bool, typer.Option("--init", help="Write config/sync.toml and a copy of the default mapping; never overwrites.")
]


def api(app: typer.Typer) -> None:
    group = typer.Typer(help=teach(HELP), invoke_without_command=True)
    group.callback()(simulate)
    by_hand.add_to(group)
    app.add_typer(group, name="simulate")


def simulate(
    ctx: typer.Context,
    port_procore: PortProcore = 0,
    port_fourhse: PortFourHse = 0,
    incidents: Incidents = 12,
    init: Init = False,
) -> None:
    if ctx.invoked_subcommand is None:
        _serve(cli_context(ctx), port_procore, port_fourhse, incidents, init)


# Serving ---------------------------------------------------------------------------------------------------------


def _serve(context: CliContext, port_procore: int, port_fourhse: int, incidents: int, init: bool) -> None:
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    file = context.config or DEFAULT_FILE
    if init:
        must_be_new(file)
    systems = Systems.filled(incidents)
    with ExitStack() as stack:
        site = with_screen(systems.procore.handle, ProcoreScreen(systems.procore, PROJECT))
        office = with_screen(systems.fourhse.handle, FourHseScreen(systems.fourhse, OFFICE))
        procore = stack.enter_context(_server(site, port_procore)).url
        fourhse = stack.enter_context(_server(office, port_fourhse)).url
        context.out.print(f"Simulated Procore  {procore}", style="bold", soft_wrap=True)
        context.out.print(f"Simulated 4HSE     {fourhse}", style="bold", soft_wrap=True)
        if init:
            begin(context, file, settings_file(procore, fourhse).encode())
            context.out.print("In another terminal, in this folder, try: procore-4hse plan")
        else:
            _tell_variables(context, procore, fourhse)
        context.out.print("Ctrl-C stops both; they keep nothing.")
        context.out.file.flush()
        stopped.wait()


def _server(handler: Handler, port: int) -> LoopbackServer:
    try:
        return LoopbackServer(handler, port)
    except OSError as error:
        raise UsageError(
            f"Port {port} cannot be used ({error.strerror}); choose another, or 0 for a free one."
        ) from error


def _tell_variables(context: CliContext, procore: str, fourhse: str) -> None:
    context.out.print("Paste this into another terminal:\n")
    for name, value in variables(procore, fourhse).items():
        context.out.print(f"export {name}={shlex.quote(value)}", soft_wrap=True)
    context.out.print("\nThen try: procore-4hse plan, and procore-4hse sync --first")


# Settings --------------------------------------------------------------------------------------------------------


def _sections(procore: str, fourhse: str) -> dict[str, dict[str, Any]]:
    """The settings for both systems, but for store and mapping."""
    return {
        "procore": {
            "api_url": procore,
            "login_url": procore,
            "company_id": COMPANY,
            "client_id": "procore-client",
            "client_secret": "procore-secret",
        },
        "fourhse": {
            "api_url": fourhse,
            "token_url": f"{fourhse}/realms/4hse/protocol/openid-connect/token",
            "client_id": "4hse-client",
            "username": "sync@example.com",
            "password": "4hse-password",
        },
    }


def _route(mapping: Path) -> dict[str, Any]:
    return {
        "name": "riverside",
        "procore_project": PROJECT,
        "fourhse_project": TENANT,
        "fourhse_office": OFFICE,
        "mapping": str(mapping),
        "since": (now().date() - timedelta(days=365)).isoformat(),
    }


def variables(procore: str, fourhse: str) -> dict[str, str]:
    """A complete configuration for the two systems, with a store in the folder where a command is run."""
    variables = {
        f"SYNC_{section}__{key}".upper(): str(value)
        for section, keys in _sections(procore, fourhse).items()
        for key, value in keys.items()
    }
    routes = json.dumps([_route(DEFAULT_MAPPING)])
    return {**variables, "SYNC_STORE__URL": "sqlite:///simulated.db", "SYNC_ROUTES": routes}


def settings_file(procore: str, fourhse: str) -> str:
    """The same as a file, with the mapping and a store beside it."""
    sections = {**_sections(procore, fourhse), "store": {"url": "sqlite:///data/simulated.db"}}
    tables = [
        *((f"[{name}]", keys) for name, keys in sections.items()),
        ("[[routes]]", _route(Path("mappings/default"))),
    ]
    written = [
        "\n".join([head, *(f"{key} = {json.dumps(value)}" for key, value in keys.items())]) for head, keys in tables
    ]
    return HEAD + "".join(f"\n{table}\n" for table in written)
