"""Three real `run` processes on one PostgreSQL share many routes; one is killed, one stands still, one is cut off.

`make machines` plays it with 300 routes; it lasts six minutes, for one process stands still for four of them. What is
said at the end is read from the store and from both registers.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import psycopg
from crash_store import postgres_sockets

from configured import both_systems
from procore_4hse.daemon import AT_ONCE
from procore_4hse.simulator.faults import Faults
from procore_4hse.simulator.fourhse import SimulatedFourHse
from procore_4hse.simulator.procore import SimulatedProcore
from procore_4hse.simulator.wire import LoopbackServer, Request

ZONE = "America/Los_Angeles"
COMPANY, FIRST_PROJECT = 26972, 1363617
TENANT = "0d0c2d0e-6b2f-4a51-9f3f-0c8a3f2f2c11"
OFFICE = "5b7f5a5e-1d39-4a7c-8f43-7b1d6f3a{:04}"
MAPPING = Path(__file__).parents[2] / "mappings" / "default"
MACHINES = 3

STANDS_STILL = timedelta(minutes=4)
WITHIN = timedelta(minutes=3)
"""A holder of which nothing is known is succeeded by then."""
BUSY_WITH_OTHERS = timedelta(seconds=20)
"""What is at once for processes that are busy with other routes: they look at the store every five seconds."""

ENDED_WELL = "SELECT route, began_at, ended_at FROM cycle WHERE outcome = 'ok' ORDER BY route, began_at"
NOT_WELL = "SELECT count(*) FROM cycle WHERE outcome <> 'ok'"


def now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Machines:
    """`before` acts on the process that holds a route, when it makes a call for it."""

    routes: int
    folder: Path
    sockets: str
    stack: ExitStack
    every: timedelta
    processes: dict[int, subprocess.Popen[bytes]] = field(default_factory=dict)
    plans: dict[str, Callable[[int], None]] = field(default_factory=dict)
    """What happens to the holder of a route's lease at the next call for that project."""
    lock: threading.Lock = field(default_factory=threading.Lock)
    called: threading.Event = field(default_factory=threading.Event)
    """Some process made a call."""
    wrong: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        faults = Faults(now)
        faults.on_request.append(self.act)
        self.procore = SimulatedProcore(clock=now, company_id=COMPANY, faults=faults)
        self.fourhse = SimulatedFourHse(clock=now)
        self.fourhse.add_project(TENANT, "Builder")
        for number in range(self.routes):
            self.procore.add_project(FIRST_PROJECT + number, f"Site {number}", ZONE, ZONE)
            self.fourhse.add_office(TENANT, OFFICE.format(number), f"Office {number}")
            self.on_site(number, f"Fall {number}")
        self.urls = [self.stack.enter_context(LoopbackServer(one.handle)).url for one in (self.procore, self.fourhse)]
        with self.admin("postgres") as admin:
            admin.execute("CREATE DATABASE machines")

    def on_site(self, number: int, title: str) -> None:
        fields = {"title": title, "description": "On the stairs.", "event_date": now(), "time_unknown": True}
        self.procore.hand_create("incident", FIRST_PROJECT + number, **fields)

    # The processes ----------------------------------------------------------------------------------------------------

    @contextmanager
    def admin(self, database: str = "machines") -> Iterator[psycopg.Connection]:
        with psycopg.connect(host=self.sockets, user="postgres", dbname=database, autocommit=True) as connection:
            yield connection

    def start(self, number: int) -> None:
        file = self.folder / f"machine-{number}.toml"
        file.write_text(self.configuration(number))
        file.chmod(0o600)
        command = [sys.executable, "-m", "procore_4hse", "--config", str(file), "--log-format", "json", "run"]
        log = self.stack.enter_context((self.folder / f"machine-{number}.log").open("wb"))
        process = subprocess.Popen(command, stdout=log, stderr=log)
        self.stack.callback(process.wait)
        self.stack.callback(process.kill)
        self.processes[process.pid] = process

    def configuration(self, number: int) -> str:
        store = f"postgresql+psycopg://postgres@/machines?host={self.sockets}&application_name=machine-{number}"
        head = both_systems(*self.urls, COMPANY, store) + f'\n[schedule]\nevery = "{self.every.total_seconds():.0f}s"\n'
        return head + "".join(self.route(one) for one in range(self.routes))

    def route(self, number: int) -> str:
        return f"""
[[routes]]
name = "site-{number}"
procore_project = {FIRST_PROJECT + number}
fourhse_project = "{TENANT}"
fourhse_office = "{OFFICE.format(number)}"
mapping = "{MAPPING}"
since = "2015-01-01"
"""

    # What happens to them ---------------------------------------------------------------------------------------------

    def act(self, request: Request) -> None:
        """In mid-cycle: while the holder of the route waits for its answer."""
        self.called.set()
        project = next((part for part in request.path.split("/") if part in self.plans), None)
        with self.lock:
            plan = self.plans.pop(project, None) if project and request.path.endswith("/incidents") else None
        if plan is not None:
            plan(self.holder_of(int(project or 0)))

    def holder_of(self, project: int) -> int:
        with self.admin() as admin:
            rows = admin.execute("SELECT holder FROM lease WHERE route LIKE %s", [f"%{project}%"]).fetchall()
        return int(rows[0][0].split("|")[2])

    def in_mid_cycle(self, number: int, do: Callable[[int], None]) -> int:
        """`do` to the process that holds this route in its next cycle; its process id."""
        done, holders = threading.Event(), list[int]()

        def plan(pid: int) -> None:
            do(pid)
            holders.append(pid)
            done.set()

        with self.lock:
            self.plans[str(FIRST_PROJECT + number)] = plan
        assert done.wait(300), "no cycle of that route began"
        return holders[0]

    def cut_off(self, pid: int) -> None:
        """The store ends all connections of that process, as when a server is restarted or a network fails."""
        name = next(f"machine-{number}" for number, each in enumerate(self.processes) if each == pid)
        with self.admin() as admin:
            admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s", [name])

    def waits_for(self, is_there: Callable[[], bool], within: timedelta) -> bool:
        """Looks again with each call that a process makes, and once a second where none of them calls."""
        until = time.monotonic() + within.total_seconds()
        while not is_there():
            if time.monotonic() > until:
                return False
            self.called.wait(1)
            self.called.clear()
        return True

    def goes_on(self, number: int, since: datetime, within: timedelta) -> timedelta:
        """Until another cycle of this route has ended well."""
        query = "SELECT min(ended_at) FROM cycle WHERE route LIKE %s AND began_at > %s AND outcome = 'ok'"
        ended: list[datetime] = []

        def has_ended() -> bool:
            with self.admin() as admin:
                (at,) = admin.execute(query, [f"%{FIRST_PROJECT + number}%", since]).fetchone() or (None,)
            ended.extend([at] if at else [])
            return bool(ended)

        if not self.waits_for(has_ended, within + timedelta(minutes=1)):
            self.wrong.append(f"route {number} never went on")
            return within
        took = ended[0] - since
        if took > within:
            self.wrong.append(f"route {number} went on after {took}")
        return timedelta(seconds=round(took.total_seconds()))

    # What is left -----------------------------------------------------------------------------------------------------

    def settled(self, rounds: int) -> None:
        """All routes have had so many cycles from now on."""
        since, query = now(), "SELECT route, count(*) FROM cycle WHERE began_at > %s AND outcome = 'ok' GROUP BY route"

        def is_settled() -> bool:
            with self.admin() as admin, suppress(psycopg.errors.UndefinedTable):  # Somebody is just making them.
                counts = [count for _, count in admin.execute(query, [since]).fetchall()]
                return len(counts) == self.routes and min(counts) >= rounds
            return False

        if not self.waits_for(is_settled, timedelta(minutes=10)):
            self.wrong.append("not all routes went on")

    def judge(self) -> Iterator[str]:
        yield from self.wrong
        for number in range(self.routes):
            site = Counter(row["title"] for row in self.procore.dump(FIRST_PROJECT + number))
            office = Counter(row["name"] for row in self.fourhse.dump(OFFICE.format(number)))
            if site != office or set(site.values()) != {1}:
                yield f"route {number} holds {site} on site and {office} in the office"
        with self.admin() as admin:
            rows = admin.execute(ENDED_WELL).fetchall()
            (others,) = admin.execute(NOT_WELL).fetchone() or (0,)
        for (route, _, ended), (other, began, _) in pairwise(rows):
            if route == other and ended > began + timedelta(seconds=1):
                yield f"two cycles of {route} at once: one ended at {ended}, the next began at {began}"
        if others > MACHINES * AT_ONCE:
            yield f"{others} cycles did not end well, more than were under way when something happened"

    def end(self) -> None:
        for pid, process in self.processes.items():
            if process.poll() is None:
                os.kill(pid, signal.SIGTERM)
                if (code := process.wait(60)) != 0:
                    self.wrong.append(f"a process ended with {code}")


def play(machines: Machines) -> Iterator[str]:
    """What is told of each thing that happens, as it happens."""
    for number in range(MACHINES):
        machines.start(number)
    machines.settled(1)
    yield f"{machines.routes} routes had their first cycle"
    middle = machines.routes // 2

    dead = machines.in_mid_cycle(0, lambda pid: os.kill(pid, signal.SIGKILL))
    yield f"killed with -9 in mid-cycle: its route went on after {machines.goes_on(0, now(), BUSY_WITH_OTHERS)}"
    machines.processes.pop(dead).wait()
    machines.start(MACHINES)

    cut_at = now()
    machines.in_mid_cycle(middle, machines.cut_off)
    yield f"cut off from the store in mid-cycle: its route went on after {machines.goes_on(middle, cut_at, WITHIN)}"

    last = machines.routes - 1
    still = machines.in_mid_cycle(last, lambda pid: os.kill(pid, signal.SIGSTOP))
    stopped_at = now()
    machines.on_site(last, "While one stands still")
    yield f"stopped in mid-cycle: its route went on after {machines.goes_on(last, stopped_at, WITHIN)}"
    # Leases run on PostgreSQL's clock, which nobody can set forward: it must really stand still for so long.
    machines.waits_for(lambda: now() >= stopped_at + STANDS_STILL, STANDS_STILL)
    os.kill(still, signal.SIGCONT)
    machines.settled(1)
    machines.end()


def main(routes: int, every: timedelta) -> int:
    with postgres_sockets() as sockets, tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        machines = Machines(routes, Path(folder), sockets, stack, every)
        for line in play(machines):
            print(line, flush=True)  # noqa: T201
        wrong = [*machines.judge()]
        print(*(wrong or ["nothing twice, nothing lost, no two cycles of a route at once"]), sep="\n")  # noqa: T201
        return bool(wrong)


if __name__ == "__main__":
    import argparse

    told = argparse.ArgumentParser(description=__doc__)
    told.add_argument("--routes", type=int, default=300)
    told.add_argument("--every", type=int, default=60, help="seconds between two cycles of a route")
    given = told.parse_args()
    raise SystemExit(main(given.routes, timedelta(seconds=given.every)))
