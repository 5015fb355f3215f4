"""Vendors on bad days and records that never get through: the cycle ends honestly, and nothing is lost by it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest

import actors as crew
from actors import hire, hurt_on_site, wrote
from oracle import differences
from procore_4hse.models import Kind
from procore_4hse.simulator.faults import FaultKind
from world import World

pytestmark = pytest.mark.any_store

Build = Callable[..., World]

LISTS = (
    r"/projects/\d+/incidents$",
    r"/incidents/injuries$",
    r"/incident/index$",
    r"/incident-person/index$",
)
BAD_DAYS = (
    FaultKind.REFUSED_CONNECTION,
    FaultKind.LOST_ANSWER,
    FaultKind.ERROR_BEFORE,
    FaultKind.UNAVAILABLE,
    FaultKind.TOO_MANY,
    FaultKind.UNAUTHORIZED,
    FaultKind.FORBIDDEN,
    FaultKind.HTML,
    FaultKind.HALF_JSON,
    FaultKind.ERROR_INSIDE,
    FaultKind.OTHER_SCHEMA,
)
ODD_ANSWERS = BAD_DAYS[-5:]
"""What one list alone may answer while the others work."""


def linked(world: World) -> World:
    """A pair born on each side, one of them with an injured person, at rest."""
    party, _ = hire(world)
    site = world.on_site("Ladder", hour=9)
    hurt_on_site(world, site, party, days=3)
    world.in_office("Saw")
    world.sync(first=True)
    assert crew.is_quiet(world)
    return world


def work(world: World) -> None:
    """An edit and a new incident on each side."""
    link = world.links()[0]
    world.procore.hand_edit("incident", int(link.procore_id), title="Scaffold")
    world.fourhse.hand_edit("incident", link.fourhse_id, date_incident="2026-02-14")
    world.on_site("Hook", date(2026, 2, 20))
    world.in_office("Nail", date(2026, 2, 22))


def tells_the_same(world: World) -> bool:
    """Everything stands once on each side and says the same there, people included."""
    site, office = world.site(), world.office()
    pairs = [(one.procore_id, one.fourhse_id) for one in world.links() if one.kind is Kind.INCIDENT]
    once = len(site) == len(office) == len(pairs) == 4
    people = [days for _, _, days in crew.on_site(world)] == [days for _, days in crew.in_office(world)] == [3]
    return once and people and differences(site.values(), office.values(), pairs, world.zone) == []


def come_to_rest(world: World, within: int = 14) -> None:
    for _ in range(within):
        report = world.sync()
        if (report.outcome, wrote(report)) == ("ok", crew.NOTHING):
            return
    raise AssertionError(f"not at rest: {report.outcome}, {report.reason}")


@pytest.mark.one_case_in(3)
@pytest.mark.parametrize("fault", BAD_DAYS)
@pytest.mark.parametrize("path", ["^/rest", "^/v2"], ids=["Procore", "4HSE"])
def test_a_bad_day_of_a_vendor_is_told_and_costs_nothing(
    build: Build, store_url: str, path: str, fault: FaultKind
) -> None:
    world = linked(build(store_url))
    work(world)
    world.faults.add(fault, path=path, times=None)
    lasts_and_passes(world)


@pytest.mark.one_case_in(3)
@pytest.mark.parametrize("fault", ODD_ANSWERS)
@pytest.mark.parametrize("path", LISTS)
def test_so_is_a_bad_day_of_a_single_list(build: Build, path: str, fault: FaultKind) -> None:
    world = linked(build())
    work(world)
    world.faults.add(fault, path=path, method="GET" if "incidents" in path else None, times=None)
    lasts_and_passes(world)


def test_a_vendor_so_slow_that_every_call_times_out_is_left_for_a_later_cycle(build: Build, store_url: str) -> None:
    world = linked(build(store_url))
    work(world)
    world.faults.add(FaultKind.LOST_ANSWER, times=None, where=lambda request: bool(world.clock.sleep(30)) or True)
    lasts_and_passes(world)


def lasts_and_passes(world: World) -> None:
    """Two cycles of it do nothing and say so; then everything crosses, and nothing waits for a person."""
    for _ in range(2):
        report = world.sync()
        assert (report.outcome, report.exit_code) in (("partial", 1), ("failed", 1), ("failed", 3))
        assert report.reason
    assert not {"deletion", "missing", "guard"} & {entry.item.kind.value for entry in world.inbox()}
    world.faults.clear()
    world.clock.advance(hours=1)
    come_to_rest(world)
    assert tells_the_same(world)
    assert world.inbox() == []


@pytest.mark.parametrize("fault", [FaultKind.ERROR_BEFORE, FaultKind.REFUSED_CONNECTION])
def test_writes_that_always_fail_hold_up_no_other_record(build: Build, store_url: str, fault: FaultKind) -> None:
    """There are more of them than make a side count as down, and they come before the good ones."""
    world = linked(build(store_url))
    poison, good = range(5), range(2)
    for number in poison:
        world.on_site(f"Bad site {number}", date(2026, 1, 1), description="Poison.")
        world.in_office(f"Bad office {number}", date(2026, 1, 20), description_event="Poison.")
    world.faults.add(fault, where=lambda request: b"Poison." in request.body, times=None)
    world.sync()
    for number in good:
        world.on_site(f"Good site {number}", date(2026, 1, 10 + 3 * number))
        world.in_office(f"Good office {number}", date(2026, 2, 1 + 3 * number))
    for _ in range(4):
        report = world.sync()
    assert report.outcome == "partial"
    both = {row["title"] for row in world.site().values()} & {row["name"] for row in world.office().values()}
    assert {f"Good {where} {number}" for where in ("site", "office") for number in good} <= both
