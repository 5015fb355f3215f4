"""Three processes on one store share the routes; one dies, one stands still, one loses its connection to the store."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text

from procore_4hse.engine.appointments import claim, due, waiting
from procore_4hse.engine.cycle import Options, run_cycle
from procore_4hse.engine.lease import GRACE, LEASE
from procore_4hse.errors import StoreBusy
from procore_4hse.route import Route
from procore_4hse.runtime import Runtime
from procore_4hse.store.leases import Holder
from procore_4hse.store.repository import Store
from procore_4hse.store.schedule import Slot
from world import PROJECT, TENANT, World

OFFICE = "5b7f5a5e-1d39-4a7c-8f43-7b1d6f3a9e{:02}"
THREE_MINUTES = timedelta(minutes=3)


class Fleet:
    """Machines that cannot see whether another one's process lives, and routes without an incident."""

    def __init__(self, url: str, stack: ExitStack, routes: int = 6) -> None:
        self.world, self.url, self.stack = World.build(url), url, stack
        stack.callback(self.world.store.close)
        self.routes = [*self._routes(routes)]
        self.machines = [self.machine(Holder(f"machine-{number}", "boot", number, "1")) for number in range(3)]
        self.cycles: Counter[str] = Counter()

    def _routes(self, count: int) -> Iterator[Route]:
        for number in range(count):
            self.world.procore.add_project(PROJECT + 1 + number, f"Site {number}", self.world.zone, self.world.zone)
            self.world.fourhse.add_office(TENANT, office := OFFICE.format(50 + number), f"Office {number}")
            place = {"procore_project": str(PROJECT + 1 + number), "fourhse_office": office}
            yield replace(self.world.route, name=f"site {number}", **place)

    def machine(self, holder: Holder) -> Runtime:
        store = Store(self.url, clock=self.world.clock)
        self.stack.callback(store.close)
        house = World._house(store, self.world.clock, self.world.procore, self.world.fourhse)
        return replace(house, holder=holder, timer=lambda: self.world.clock.now.timestamp())

    def work(self, *machines: Runtime) -> int:
        """Each machine takes one route in turn until nothing is due; how many cycles that were."""
        before = self.cycles.total()
        while sum(self._one(machine) for machine in machines or self.machines):
            pass
        return self.cycles.total() - before

    def _one(self, machine: Runtime) -> bool:
        for found in due(waiting(machine, self.routes)):
            if lease := claim(machine, found):
                assert run_cycle(machine, found.route, Options(), lease=lease).outcome == "ok"
                self.cycles[found.route.key] += 1
                return True
        return False

    def slot(self, route: Route) -> Slot | None:
        with self.world.store.read() as unit:
            return unit.schedule.slot(route.key)

    def in_mid_cycle(self, act: Callable[[], object]) -> None:
        def look(request: object) -> None:
            self.world.faults.on_request.remove(look)
            act()

        self.world.faults.on_request.append(look)


@pytest.fixture
def fleet(store_url: str) -> Iterator[Fleet]:
    with ExitStack() as stack:
        yield Fleet(store_url, stack)


def test_they_share_the_routes_and_each_has_one_cycle_a_round(fleet: Fleet) -> None:
    for _ in range(2):
        assert fleet.work() == len(fleet.routes)
        assert fleet.work() == 0
        fleet.world.clock.advance(minutes=5)
    assert set(fleet.cycles.values()) == {2}


def test_the_route_of_one_that_is_known_dead_goes_on_at_once(fleet: Fleet) -> None:
    dead = fleet.machine(replace(Holder.this_process(), pid=2**22 + 1, started="1"))
    assert claim(dead, waiting(dead, fleet.routes)[0]) is not None
    assert fleet.work() == len(fleet.routes)


def test_the_route_of_one_of_which_nothing_is_known_goes_on_within_three_minutes(fleet: Fleet) -> None:
    here, *others = fleet.machines
    assert claim(here, waiting(here, fleet.routes)[0]) is not None
    assert fleet.work(*others) == len(fleet.routes) - 1
    fleet.world.clock.advance(THREE_MINUTES.total_seconds())
    assert fleet.work(*others) == 1
    assert set(fleet.cycles.values()) == {1}


def test_one_that_stood_still_for_four_minutes_writes_nothing_more_and_moves_no_due_time(fleet: Fleet) -> None:
    here, *others = fleet.machines
    route = fleet.routes[0]
    found = next(each for each in waiting(here, fleet.routes) if each.route is route)
    after: list[Slot | None] = []

    def stand_still() -> None:
        fleet.world.clock.advance(minutes=4)
        fleet.world.procore.hand_create(
            "incident", int(route.procore_project), title="Fall", event_date=fleet.world.clock.now
        )
        assert fleet.work(*others) == len(fleet.routes)
        after.append(fleet.slot(route))
        fleet.world.clock.advance(seconds=1)

    fleet.in_mid_cycle(stand_still)
    lease = claim(here, found)
    report = run_cycle(here, route, Options(), lease=lease)
    assert (report.exit_code, report.written["fourhse"]["created"]) == (1, 0)
    assert fleet.slot(route) == after[0]
    assert len(fleet.world.fourhse.dump(route.fourhse_office)) == 1


def test_one_that_lost_its_connection_in_mid_cycle_goes_on_when_it_has_one_again(postgres_url: str) -> None:
    with ExitStack() as stack:
        fleet = Fleet(postgres_url, stack)
        here, *others = fleet.machines

        def cut_all() -> None:
            with others[0].store.begin() as unit:
                cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
                unit.connection.execute(text(f"{cut} AND datname = current_database()"))

        found = waiting(here, fleet.routes)[0]
        lease = claim(here, found)
        fleet.in_mid_cycle(cut_all)
        try:
            run_cycle(here, found.route, Options(), lease=lease)
        except StoreBusy:
            fleet.world.clock.advance((LEASE + GRACE).total_seconds())
        assert fleet.work() >= len(fleet.routes) - 1
        assert all(fleet.slot(route).calls for route in fleet.routes)  # type: ignore[union-attr]
