"""Several processes and machines that want one route: one cycle at a time, and whoever wakes up late writes nothing."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

import actors as crew
from actors import hire, hurt_in_office, hurt_on_site, wrote
from oracle import differences
from procore_4hse.engine.cycle import Options, run_cycle
from procore_4hse.engine.lease import GRACE, LEASE
from procore_4hse.engine.report import Report
from procore_4hse.models import Kind
from procore_4hse.simulator.fourhse_dials import FourHseDials
from procore_4hse.store.leases import Holder
from procore_4hse.store.repository import Store, Unit
from world import World

HERE, THERE = Holder("site-server", "boot", 4711, "1"), Holder("office-server", "boot", 815, "1")


class Machines:
    """Two machines with connections of their own to the store; neither can see whether the other's process lives."""

    def __init__(self, store_url: str, stack: ExitStack) -> None:
        self.world = World.build(store_url, fourhse_dials=FourHseDials(token_lifetime=86400))
        self.party, self.assignment = hire(self.world)
        self.world.on_site("Ladder", hour=9)
        self.world.in_office("Saw", date(2026, 2, 20))
        self.world.sync(first=True)
        assert crew.is_quiet(self.world)
        stack.callback(self.world.store.close)
        self.here, self.there = self._machine(store_url, HERE, stack), self._machine(store_url, THERE, stack)

    def _machine(self, store_url: str, holder: Holder, stack: ExitStack) -> World:
        store = Store(store_url, clock=self.world.clock)
        stack.callback(store.close)
        runtime = World._house(store, self.world.clock, self.world.procore, self.world.fourhse)
        return replace(self.world, store=store, runtime=replace(runtime, holder=holder))

    def work(self) -> None:
        """An edit, a new incident and a person on each side."""
        world = self.world
        link = world.links()[0]
        world.procore.hand_edit("incident", int(link.procore_id), title="Scaffold", status="closed")
        world.fourhse.hand_edit("incident", link.fourhse_id, date_incident="2026-02-14")
        hurt_on_site(world, world.on_site("Hook", date(2026, 2, 16)), self.party, days=3)
        nail = world.in_office("Nail", date(2026, 2, 22), category="ACCIDENTS")
        hurt_in_office(world, nail, self.assignment, days=5)

    def stand_once(self) -> bool:
        """Every incident and every person stands once on each side and says the same there."""
        world = self.world
        site, office = world.site(), world.office()
        pairs = [(one.procore_id, one.fourhse_id) for one in world.links() if one.kind is Kind.INCIDENT]
        people = len(crew.on_site(world)) == len(crew.in_office(world)) == 2
        once = len(site) == len(office) == len(pairs) == 4
        return once and people and differences(site.values(), office.values(), pairs, world.zone) == []

    def sleep(self, length: timedelta) -> tuple[Report, int]:
        """Time passes and the other machine runs a cycle; how it ended, and all writes until then."""
        self.world.clock.advance(seconds=length.total_seconds())
        report = cycle(self.there)
        return report, writes(self.world)

    def before_transaction(self, number: int, act: Callable[[], Any]) -> list[Any]:
        """`act` happens once, before transaction number `number` of this machine; what it gave is in the list."""
        given: list[Any] = []
        count = itertools.count(1)

        def open_late(engine: Engine) -> Unit:
            if next(count) == number:
                given.append(act())
            return open_unit(engine)

        open_unit, self.here.store._open = self.here.store._open, open_late  # type: ignore[method-assign]
        return given

    def rest(self, within: int = 12) -> None:
        for _ in range(within):
            report = self.there.sync()
            if (report.outcome, wrote(report)) == ("ok", crew.NOTHING):
                return
        raise AssertionError(f"not at rest: {report.outcome}, {report.reason}")


@pytest.fixture
def machines(store_url: str) -> Iterator[Machines]:
    with ExitStack() as stack:
        yield Machines(store_url, stack)


def at_call(world: World, number: int, act: Callable[[], Any]) -> list[Any]:
    """`act` happens once, when the answer to call number `number` is on its way; what it gave is in the list."""
    calls, given = [0], []

    def look(_request: object, _response: object) -> None:
        calls[0] += 1
        if calls[0] == number:
            given.append(act())

    world.faults.on_response.append(look)
    return given


def cycle(world: World) -> Report:
    return run_cycle(world.runtime, world.route, Options())


@pytest.mark.parametrize("number", [1, 6, 14, 20])
def test_of_two_machines_the_second_leaves_the_route_alone(machines: Machines, number: int) -> None:
    machines.work()
    given = at_call(machines.world, number, lambda: cycle(machines.there))
    report = cycle(machines.here)
    assert [(one.outcome, one.exit_code, one.calls) for one in given] == [("busy", 0, {"procore": 0, "fourhse": 0})]
    assert report.outcome == "ok"
    assert wrote(report)["created"] == 4
    machines.rest()
    assert machines.stand_once()


@pytest.mark.one_case_in(3)
@pytest.mark.parametrize("number", [3, 8, 16, 24, 30, 34, 38, 42, 46, 48, 50])
def test_one_that_slept_through_its_lease_writes_nothing_more(machines: Machines, number: int) -> None:
    """It sleeps right before a transaction, be it with an answer just received; the other one takes over."""
    machines.work()
    given = machines.before_transaction(number, lambda: machines.sleep(LEASE + GRACE + timedelta(seconds=1)))
    late = cycle(machines.here)
    ((report, done),) = given
    assert report.outcome in ("ok", "partial")
    assert (late.outcome, late.exit_code) == ("partial", 1)
    assert "lease" in str(late.reason) or "took this route over" in str(late.reason)
    assert writes(machines.world) == done
    machines.rest()
    assert machines.stand_once()
    assert machines.world.inbox() == []


@pytest.mark.one_case_in(4)
@pytest.mark.parametrize("number", [14, 17, 19, 20, 21, 22])
def test_one_that_slept_during_a_call_writes_nothing_more(machines: Machines, number: int) -> None:
    """The call was carried out, and the sleeper never reads the answer."""
    machines.work()
    given = at_call(machines.world, number, lambda: machines.sleep(LEASE + GRACE + timedelta(seconds=1)))
    late = cycle(machines.here)
    ((_, done),) = given
    assert late.outcome == "partial"
    assert writes(machines.world) == done
    machines.rest()
    assert machines.stand_once()


@pytest.mark.parametrize("number", [12, 40])
def test_one_that_sleeps_shortly_goes_on(machines: Machines, number: int) -> None:
    machines.work()
    given = machines.before_transaction(number, lambda: machines.sleep(LEASE / 2))
    report = cycle(machines.here)
    assert (report.outcome, wrote(report)["created"]) == ("ok", 4)
    assert [other.outcome for other, _ in given] == ["busy"]
    machines.rest()
    assert machines.stand_once()


def writes(world: World) -> int:
    """Writes that reached either system, ours and people's."""
    return len(world.procore.writes) + len(world.fourhse.writes)
