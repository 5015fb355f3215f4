"""`simulate`: the two simulated systems as servers on this machine."""

from __future__ import annotations

import json
import shlex
import signal
import threading
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Annotated

import typer

from procore_4hse.cli.context import Desk, desk_of, teach
from procore_4hse.cli.init import DEFAULT_MAPPING
from procore_4hse.errors import UsageError
from procore_4hse.simulator.fourhse import SimulatedFourHse
from procore_4hse.simulator.procore import SimulatedProcore
from procore_4hse.simulator.wire import Handler, LoopbackServer

HELP = """Both systems as simulated servers on this machine, until Ctrl-C: to try commands without an account.

They are written from the vendors' documents, hold a few made-up incidents each, and forget everything when they stop.
It prints their addresses and a configuration as environment variables: paste them into another terminal and use any
command there.

[bold]Example[/bold]  procore-4hse simulate --incidents 20

[bold]Exit codes[/bold]  0 stopped · 2 a port is taken
"""

COMPANY = 26972
PROJECT = 1363617
TENANT = "0d0c2d0e-6b2f-4a51-9f3f-0c8a3f2f2c11"
OFFICE = "5b7f5a5e-1d39-4a7c-8f43-7b1d6f3a9e02"
ZONE = "America/Los_Angeles"
SHARED = 3
"""Every third incident stands in both registers from the start."""

HAPPENINGS = (
    ("Slip on wet stairs", "A worker slipped on the wet stairs and caught the rail."),
    ("Dropped spanner", "A spanner fell from the third level into the barrier below. Nobody was near."),
    ("Cut hand", "A cut in the palm from sheet metal; first aid on site."),
    ("Reversing van", "A van reversed without a banksman and touched the fence."),
    ("Loose scaffold board", "A board on the north scaffold was found without clips and taken out of use."),
    ("Dust in the eye", "Dust in the eye while grinding; washed out at the station."),
)

PortProcore = Annotated[
    int, typer.Option("--port-procore", min=0, max=65535, help="Port of Procore; 0 for a free one.")
]
PortFourHse = Annotated[int, typer.Option("--port-fourhse", min=0, max=65535, help="Port of 4HSE; 0 for a free one.")]
Incidents = Annotated[int, typer.Option("--incidents", min=0, max=2000, help="How many incidents each side holds.")]


def register(app: typer.Typer) -> None:
    app.command("simulate", help=teach(HELP))(simulate)


def simulate(
    ctx: typer.Context, port_procore: PortProcore = 0, port_fourhse: PortFourHse = 0, incidents: Incidents = 12
) -> None:
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    systems = Systems.filled(incidents)
    with ExitStack() as stack:
        procore = stack.enter_context(_server(systems.procore.handle, port_procore))
        fourhse = stack.enter_context(_server(systems.fourhse.handle, port_fourhse))
        _tell(desk_of(ctx), procore.url, fourhse.url, incidents)
        stopped.wait()


def _server(handler: Handler, port: int) -> LoopbackServer:
    try:
        return LoopbackServer(handler, port)
    except OSError as error:
        raise UsageError(
            f"Port {port} cannot be used ({error.strerror}); choose another, or 0 for a free one."
        ) from error


@dataclass(frozen=True)
class Systems:
    """A project and an office, with incidents of the last weeks in both."""

    procore: SimulatedProcore
    fourhse: SimulatedFourHse

    @classmethod
    def filled(cls, incidents: int) -> Systems:
        procore, fourhse = SimulatedProcore(clock=_now, company_id=COMPANY), SimulatedFourHse(clock=_now)
        procore.add_project(PROJECT, "Riverside", ZONE, ZONE)
        fourhse.add_project(TENANT, "Builder")
        fourhse.add_office(TENANT, OFFICE, "Riverside site")
        systems = cls(procore, fourhse)
        for number in range(incidents):
            systems._add(number, _now().date() - timedelta(days=number % 60))
        return systems

    def _add(self, number: int, day: date) -> None:
        """One incident on each side: every third the same one, the others different."""
        is_shared = number % SHARED == 0
        self._on_site(day, *_happening(number, "block B" if is_shared else f"level {number}"))
        self._in_office(day, *_happening(number + (not is_shared), "block B" if is_shared else f"store room {number}"))

    def _on_site(self, day: date, title: str, description: str) -> None:
        moment = datetime(day.year, day.month, day.day, 20, tzinfo=UTC)
        self.procore.hand_create(
            "incident", PROJECT, title=title, description=description, event_date=moment, time_unknown=False
        )

    def _in_office(self, day: date, title: str, description: str) -> None:
        given = {"name": title, "description_event": description, "date_incident": day.isoformat()}
        self.fourhse.hand_create("incident", OFFICE, status="new", category="NON_COMPLIANCE", **given)


def _happening(number: int, place: str) -> tuple[str, str]:
    title, description = HAPPENINGS[number % len(HAPPENINGS)]
    return f"{title}, {place}", description


def _now() -> datetime:
    return datetime.now(UTC)


def _tell(desk: Desk, procore: str, fourhse: str, incidents: int) -> None:
    desk.out.print(f"Simulated Procore  {procore}", style="bold", soft_wrap=True)
    desk.out.print(f"Simulated 4HSE     {fourhse}", style="bold", soft_wrap=True)
    desk.out.print(f"{incidents} incidents on each side. Paste this into another terminal:\n")
    for name, value in variables(procore, fourhse).items():
        desk.out.print(f"export {name}={shlex.quote(value)}", soft_wrap=True)
    desk.out.print("\nThen try: procore-4hse plan, and procore-4hse sync --first")
    desk.out.print("Ctrl-C stops both; they keep nothing.")
    desk.out.file.flush()


def variables(procore: str, fourhse: str) -> dict[str, str]:
    """A complete configuration for the two systems, with a store in the folder where a command is run."""
    route = {
        "name": "riverside",
        "procore_project": PROJECT,
        "fourhse_project": TENANT,
        "fourhse_office": OFFICE,
        "mapping": str(DEFAULT_MAPPING),
        "since": (_now().date() - timedelta(days=365)).isoformat(),
    }
    return {
        "SYNC_PROCORE__API_URL": procore,
        "SYNC_PROCORE__LOGIN_URL": procore,
        "SYNC_PROCORE__COMPANY_ID": str(COMPANY),
        "SYNC_PROCORE__CLIENT_ID": "procore-client",
        "SYNC_PROCORE__CLIENT_SECRET": "procore-secret",
        "SYNC_FOURHSE__API_URL": fourhse,
        "SYNC_FOURHSE__TOKEN_URL": f"{fourhse}/realms/4hse/protocol/openid-connect/token",
        "SYNC_FOURHSE__CLIENT_ID": "4hse-client",
        "SYNC_FOURHSE__USERNAME": "sync@example.com",
        "SYNC_FOURHSE__PASSWORD": "4hse-password",
        "SYNC_STORE__URL": "sqlite:///simulated.db",
        "SYNC_ROUTES": json.dumps([route]),
    }
