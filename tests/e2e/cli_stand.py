"""Both simulated systems on loopback, a configuration file, and the command line in this process."""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import structlog
from typer.testing import CliRunner, Result

from configured import both_systems
from procore_4hse.cli import app
from procore_4hse.simulator.faults import Faults
from procore_4hse.simulator.fourhse import SimulatedFourHse
from procore_4hse.simulator.procore import SimulatedProcore
from procore_4hse.simulator.wire import LoopbackServer

MAPPING = Path(__file__).parents[2] / "mappings" / "default"
ZONE = "America/Los_Angeles"
COMPANY = 26972
TENANT = "0d0c2d0e-6b2f-4a51-9f3f-0c8a3f2f2c11"
PLACES = {
    "riverside": (1363617, "5b7f5a5e-1d39-4a7c-8f43-7b1d6f3a9e02"),
    "harbour": (1363618, "6c8f5a5e-1d39-4a7c-8f43-7b1d6f3a9e03"),
}
DAY = date.today() - timedelta(days=20)  # noqa: DTZ011 any day will do


def now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Stand:
    """`run` is the real command; `sync` runs it and reads its JSON."""

    folder: Path
    procore: SimulatedProcore
    fourhse: SimulatedFourHse
    faults: Faults
    urls: tuple[str, str]
    environ: dict[str, str] = field(default_factory=dict)

    @classmethod
    def open(cls, folder: Path, stack: ExitStack) -> Stand:
        faults = Faults(now)
        procore = SimulatedProcore(clock=now, company_id=COMPANY, faults=faults)
        fourhse = SimulatedFourHse(clock=now, faults=faults)
        fourhse.add_project(TENANT, "Builder")
        for name, (project, office) in PLACES.items():
            procore.add_project(project, name, ZONE, ZONE)
            fourhse.add_office(TENANT, office, name)
        urls = tuple(stack.enter_context(LoopbackServer(system.handle)).url for system in (procore, fourhse))
        stand = cls(folder, procore, fourhse, faults, (urls[0], urls[1]))
        stand.configure()
        return stand

    # Configuration ------------------------------------------------------------------------------------------------

    @property
    def file(self) -> Path:
        return self.folder / "sync.toml"

    def configure(self, *routes: str, **more: str) -> None:
        """Writes the configuration with these routes; `more` are lines for each of them."""
        text = self.head() + "".join(self.route(name, **more) for name in routes or ("riverside",))
        self.write(text)

    def write(self, text: str) -> None:
        self.file.write_text(text)
        self.file.chmod(0o600)

    def head(self) -> str:
        return both_systems(*self.urls, COMPANY, "sqlite:///sync.db")

    def route(self, name: str, **more: str) -> str:
        project, office = PLACES[name]
        lines = {
            "name": f'"{name}"',
            "procore_project": str(project),
            "fourhse_project": f'"{TENANT}"',
            "fourhse_office": f'"{office}"',
            "mapping": f'"{MAPPING}"',
            "since": '"2015-01-01"',
            **more,
        }
        return "\n[[routes]]\n" + "".join(f"{key} = {value}\n" for key, value in lines.items())

    # The command --------------------------------------------------------------------------------------------------

    def run(self, *words: str, answer: str | None = None) -> Result:
        """The command with these words after the global options."""
        result = CliRunner(env={"SYNC_CONFIG": str(self.file), "COLUMNS": "200", **self.environ}).invoke(
            app, list(words), input=answer
        )
        structlog.reset_defaults()
        return result

    def json(self, *words: str, exit_code: int = 0) -> Any:
        """The one JSON object that the command prints on standard output."""
        done = self.run(*words, "--json")
        assert done.exit_code == exit_code, (done.exit_code, done.stdout, done.stderr)
        return json.loads(done.stdout)

    def said(self, *words: str, exit_code: int = 0) -> str:
        """What a person reads, results and messages together, on one line."""
        done = self.run(*words)
        assert done.exit_code == exit_code, (done.exit_code, done.stdout, done.stderr)
        assert "Traceback" not in done.output
        return " ".join(done.output.split())

    @property
    def calls(self) -> int:
        return sum(self.procore.calls.values()) + sum(self.fourhse.calls.values())

    @property
    def writes(self) -> int:
        return len(self.procore.writes) + len(self.fourhse.writes)

    # People at work -----------------------------------------------------------------------------------------------

    def on_site(self, title: str, day: date = DAY, *, route: str = "riverside", **fields: Any) -> str:
        moment = datetime.combine(day, time(9), tzinfo=ZoneInfo(ZONE)).astimezone(UTC)
        given = {"title": title, "description": f"What happened: {title}.", "event_date": moment, "time_unknown": False}
        return str(self.procore.hand_create("incident", PLACES[route][0], **{**given, **fields}))

    def in_office(self, title: str, day: date = DAY, *, route: str = "riverside", **fields: Any) -> str:
        given = {"name": title, "description_event": f"What happened: {title}.", "date_incident": day.isoformat()}
        words = {"status": "new", "category": "NON_COMPLIANCE"}
        return self.fourhse.hand_create("incident", PLACES[route][1], **{**given, **words, **fields})

    def linked(self, title: str = "Fall from ladder") -> tuple[str, str]:
        """One incident in both registers, linked and at rest: its two ids."""
        self.on_site(title)
        self.run("sync")
        link = self.json("links")["links"][-1]
        return link["procore_id"], link["fourhse_id"]
