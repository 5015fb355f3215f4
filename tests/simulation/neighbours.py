"""Two routes, two processes, one store, and somebody who keeps locking it.

The locks are real, of a connection of their own; time passes where the product waits. `make neighbours` plays half an
hour several times.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from random import Random
from threading import Event
from typing import Any

import psycopg
from sqlalchemy import event, make_url

from oracle import differences, duplicates
from procore_4hse.daemon import Daemon
from procore_4hse.route import Route
from procore_4hse.simulator.wire import Request
from procore_4hse.store.leases import Holder
from procore_4hse.store.patience import Patience
from procore_4hse.store.repository import Store
from world import OFFICE, PROJECT, TENANT, World

OTHER_PROJECT, OTHER_OFFICE = 1363618, "5b7f5a5e-1d39-4a7c-8f43-7b1d6f3a9e03"
PLACES = {"riverside": (PROJECT, OFFICE), "hillside": (OTHER_PROJECT, OTHER_OFFICE)}
PAUSE = timedelta(seconds=20)
LONGEST_LOCK = 60
PATIENT_FOR = timedelta(seconds=30)
"""As long as PostgreSQL lets one of our statements wait for a lock."""
CYCLES_TO_REST = 10
IS_TOLD = {"ok", "partial", "busy"}


@dataclass
class Locker:
    """Another program that locks the store for writing, and lets go when its time is over."""

    url: str
    clock: Any
    random: Random
    until: datetime | None = None
    held: Counter[str] = field(default_factory=Counter)
    connection: Any = None

    def lock(self) -> None:
        if self.until is not None:
            return
        seconds = self.random.randint(1, LONGEST_LOCK)
        try:
            self.connection = self._sqlite() if self.url.startswith("sqlite") else self._postgresql()
        except (sqlite3.OperationalError, psycopg.errors.LockNotAvailable):
            return  # One of the two is writing at this very moment.
        self.until = self.clock() + timedelta(seconds=seconds)
        self.held += Counter(locks=1, seconds=seconds)

    def look_at_the_clock(self) -> None:
        if self.until is not None and self.clock() >= self.until:
            self.until = None
            self.connection.rollback()
            self.connection.close()

    def _sqlite(self) -> Any:
        made = sqlite3.connect(str(make_url(self.url).database), isolation_level=None, timeout=0)
        made.execute("BEGIN IMMEDIATE")
        return made

    def _postgresql(self) -> Any:
        url = make_url(self.url)
        made = psycopg.connect(host=str(url.query["host"]), user="postgres", dbname=url.database)
        made.execute("SET lock_timeout = '1ms'")
        made.execute("LOCK TABLE route, lease, link, journal, raw_record, inbox, cycle IN EXCLUSIVE MODE")
        return made


@dataclass
class Neighbours:
    """Both processes work in one thread: the second one's cycles fall into the middle of the first one's."""

    world: World
    random: Random
    locker: Locker
    processes: list[Daemon]
    routes: list[Route]
    outcomes: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    marks: dict[str, int] = field(default_factory=lambda: dict.fromkeys(PLACES, 0))
    is_nested: bool = False

    @classmethod
    def move_in(cls, url: str, seed: int, stack: ExitStack) -> Neighbours:
        world, random = World.build(url), Random(seed)  # noqa: S311
        stack.callback(world.store.close)
        world.procore.add_project(OTHER_PROJECT, "Hillside", world.zone, world.zone)
        world.fourhse.add_office(TENANT, OTHER_OFFICE, "Hillside site")
        other = {"name": "hillside", "procore_project": str(OTHER_PROJECT), "fourhse_office": OTHER_OFFICE}
        routes = [world.route, replace(world.route, **other)]
        locker = Locker(url, world.clock, random)
        processes = [_process(world, url, number, locker, routes, stack) for number in (1, 2)]
        neighbours = cls(world, random, locker, processes, routes)
        for route in routes:  # The first meeting is over before anybody works.
            neighbours._report_on_site(route.name, PLACES[route.name][0])
            neighbours.cycle(processes[0], route)
        world.faults.on_request.append(neighbours.in_between)
        return neighbours

    def live(self, for_how_long: timedelta) -> None:
        end = self.world.clock() + for_how_long
        while self.world.clock() < end:
            self.people_work()
            for process in self.processes:
                self.cycle(process, self.random.choice(self.routes))
            self.world.clock.advance(PAUSE.total_seconds())
            self.locker.look_at_the_clock()

    def cycle(self, process: Daemon, route: Route) -> None:
        """What the daemon does in one of its threads; what it would raise would end it, or cost a report."""
        try:
            report = process._run_cycle(route)
        except Exception as error:
            self.failures.append(f"{type(error).__name__}: {error}")
        else:
            self.outcomes[report.outcome] += 1
            # A call in which the other process's whole cycle went by took too long for any vendor, and says so.
            if report.outcome not in IS_TOLD and "ReadTimeout" not in str(report.reason):
                self.failures.append(f"{report.outcome}: {report.reason}")

    def in_between(self, _request: Request) -> None:
        """Time passes with each call; now and then the store is locked, or the other process begins a cycle."""
        self.world.clock.advance(self.random.random())
        self.locker.look_at_the_clock()
        if self.random.random() < 0.02:
            self.locker.lock()
        if not self.is_nested and self.random.random() < 0.04:
            self.is_nested = True
            self.cycle(self.processes[1], self.random.choice(self.routes))
            self.is_nested = False

    # People ---------------------------------------------------------------------------------------------------------

    def people_work(self) -> None:
        """An incident more on each side, an edit of a title on site, and of a day in the office."""
        for name, (project, office) in PLACES.items():
            self._report_on_site(name, project)
            self._report_in_office(name, office)
            site, there = self.world.procore.dump(project), self.world.fourhse.dump(office)
            one, another = self.random.choice(site), self.random.choice(there)
            self.world.procore.hand_edit(
                "incident", int(one["id"]), title=f"{one['title'].split(' [')[0]} [{len(site)}]"
            )
            self.world.fourhse.hand_edit("incident", another["office_incident_id"], date_incident=self._day())

    def _report_on_site(self, name: str, project: int) -> None:
        mark = self._mark(name)
        moment = datetime(2026, 2, 1 + mark % 27, 20, tzinfo=UTC)
        self.world.procore.hand_create(
            "incident", project, title=f"On site {mark}", description=f"Mark {mark} of {name}.", event_date=moment
        )

    def _report_in_office(self, name: str, office: str) -> None:
        mark = self._mark(name)
        self.world.fourhse.hand_create(
            "incident", office, name=f"In office {mark}", description_event=f"Mark {mark} of {name}.",
            date_incident=self._day(), status="new", category="NON_COMPLIANCE",
        )  # fmt: skip

    def _mark(self, name: str) -> int:
        self.marks[name] += 1
        return self.marks[name]

    def _day(self) -> str:
        return date(2026, 1, self.random.randint(1, 28)).isoformat()

    # The end --------------------------------------------------------------------------------------------------------

    def rest(self) -> list[str]:
        """What is wrong once nobody locks the store and nobody works any more."""
        self.world.faults.on_request.remove(self.in_between)
        self.world.clock.advance(LONGEST_LOCK)
        self.locker.look_at_the_clock()
        for _ in range(CYCLES_TO_REST):
            self.world.clock.advance(minutes=5)
            self._answer()
            for process in self.processes:
                for route in self.routes:
                    self.cycle(process, route)
        return [*self.failures, *(line for route in self.routes for line in self._wrong(route))]

    def _answer(self) -> None:
        """What somebody edited before the outcome of its create could be committed is asked about; so is its title."""
        for route in self.routes:
            with self.world.store.begin() as unit:
                for entry in unit.inbox(route.key).entries():
                    self.outcomes["questions"] += 1
                    candidates = entry.item.facts.get("candidates")
                    same = {"verb": "approve", "with_id": candidates[0]} if candidates else None
                    unit.inbox(route.key).answer(entry.id, same or {"verb": "resolve", "use": "procore"})

    def _wrong(self, route: Route) -> list[str]:
        project, office = PLACES[route.name]
        site, there = self.world.procore.dump(project), self.world.fourhse.dump(office)
        with self.world.store.read() as unit:
            pairs = [(link.procore_id, link.fourhse_id) for link in unit.links(route.key).all()]
            asked = unit.inbox(route.key).entries()
        twice = [*duplicates(site, "description"), *duplicates(there, "description_event")]
        found = [f"twice: {one}" for one in twice] + [f"asked: {entry.item.key}" for entry in asked]
        found += differences(site, there, pairs, self.world.zone)
        if (len(site), len(there)) != (self.marks[route.name], self.marks[route.name]):
            found.append(f"{self.marks[route.name]} were reported, {len(site)} and {len(there)} are there")
        return [f"{route.name}: {line}" for line in found]

    def figures(self) -> str:
        writes = len(self.world.procore.writes) + len(self.world.fourhse.writes)
        told = ", ".join(f"{count} {outcome}" for outcome, count in sorted(self.outcomes.items()))
        held = self.locker.held
        locked = f"{held['locks']} locks of {held['seconds']} s together"
        return f"cycles: {told}; {locked}; {writes} writes of people and of ours"


def _process(world: World, url: str, number: int, locker: Locker, routes: list[Route], stack: ExitStack) -> Daemon:
    """A process with connections of its own, which nobody else can tell to be alive or dead."""

    def sleep(seconds: float) -> None:
        world.clock.advance(seconds)
        locker.look_at_the_clock()

    patience = Patience(PATIENT_FOR, timedelta(0), lambda: world.clock().timestamp(), sleep)
    store = Store(url, clock=world.clock, patience=patience)
    stack.callback(store.close)
    if not url.startswith("sqlite"):
        _wait_in_simulated_time(store, sleep)
    runtime = replace(
        World._house(store, world.clock, world.procore, world.fourhse),
        holder=Holder(f"machine-{number}", "boot", number, "1"),
        every=PAUSE,
    )
    return Daemon(runtime, routes, stop=Event())


def _wait_in_simulated_time(store: Store, sleep: Callable[[float], None]) -> None:
    """PostgreSQL waits itself: here a statement gives up at once, as after all of its time."""
    event.listen(store._writing, "begin", lambda opened: opened.exec_driver_sql("SET lock_timeout = '1ms'"))

    def gave_up(context: Any) -> None:
        if isinstance(context.original_exception, psycopg.errors.LockNotAvailable):
            sleep(PATIENT_FOR.total_seconds())

    event.listen(store._writing, "handle_error", gave_up)
