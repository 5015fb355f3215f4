"""Writes about people whose answer was lost, or which the vendor carries out minutes later: each is done once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import pytest

import actors as crew
from actors import hire, hurt_in_office, hurt_on_site, only, partner, wrote
from procore_4hse.models import Kind
from procore_4hse.simulator.faults import FaultKind
from procore_4hse.simulator.fourhse_dials import FourHseDials
from world import World

pytestmark = pytest.mark.any_store
LATEST = timedelta(minutes=10)
LOSSES = (
    FaultKind.REFUSED_CONNECTION,
    FaultKind.LOST_ANSWER,
    FaultKind.ERROR_AFTER,
    FaultKind.HALF_JSON,
    FaultKind.LATE,
)


@pytest.fixture
def world(build: Callable[..., World], store_url: str) -> World:
    """An incident born on each side, in sync, with nobody on it; 4HSE's tokens outlast a late request."""
    made = build(store_url, fourhse_dials=FourHseDials(token_lifetime=86400))
    made.on_site("Ladder", date(2026, 2, 10))
    made.in_office("Saw", date(2026, 2, 20), category="ACCIDENTS")
    made.sync(first=True)
    assert crew.is_quiet(made)
    return made


def ids(world: World) -> tuple[str, str]:
    """The incident on site, and the one in the office."""
    site = next(key for key, row in world.site().items() if row["title"] == "Ladder")
    return site, next(key for key, row in world.office().items() if row["name"] == "Saw")


def loses(world: World, fault: FaultKind, method: str, path: str) -> None:
    """The next such write loses its answer, the cycle says so, and the route comes to rest by itself.

    Half of an answer without a body is still the whole of it.
    """
    world.faults.add(fault, method=method, path=path, delay=LATEST)
    assert world.sync().outcome == "partial" or fault is FaultKind.HALF_JSON
    assert world.faults.fired[fault] == 1
    for _ in range(12):
        report = world.sync()
        if (report.outcome, wrote(report)) == ("ok", crew.NOTHING):
            break
    else:
        raise AssertionError(f"not at rest: {report.outcome}, {report.reason}")
    assert world.inbox() == []
    world.clock.advance(hours=1)
    assert crew.is_quiet(world)


@pytest.mark.one_case_in(3)
@pytest.mark.parametrize("fault", LOSSES)
class TestAnyLoss:
    def test_a_new_person_in_4hse(self, world: World, fault: FaultKind) -> None:
        party, assignment = hire(world)
        hurt_on_site(world, ids(world)[0], party, days=3)
        loses(world, fault, "POST", "/incident-person/create")
        assert crew.in_office(world) == [(assignment, 3)]
        assert crew.on_site(world) == [("injury", party, 3)]

    def test_a_new_injury_in_procore(self, world: World, fault: FaultKind) -> None:
        party, assignment = hire(world)
        hurt_in_office(world, ids(world)[1], assignment, days=5)
        loses(world, fault, "POST", r"/incidents/injuries$")
        assert crew.on_site(world) == [("injury", party, 5)]
        assert crew.in_office(world) == [(assignment, 5)]

    def test_days_in_4hse(self, world: World, fault: FaultKind) -> None:
        party, assignment = hire(world)
        injury = hurt_on_site(world, ids(world)[0], party, days=3)
        world.sync()
        world.procore.hand_edit("injury", injury, work_days_absent=8)
        loses(world, fault, "PUT", "/incident-person/")
        assert crew.in_office(world) == [(assignment, 8)]
        assert crew.on_site(world) == [("injury", party, 8)]

    def test_days_in_procore(self, world: World, fault: FaultKind) -> None:
        party, assignment = hire(world)
        person = hurt_in_office(world, ids(world)[1], assignment, days=5)
        world.sync()
        world.fourhse.hand_edit("incident-person", person, days=9)
        loses(world, fault, "PATCH", r"/incidents/injuries/\d+$")
        assert crew.on_site(world) == [("injury", party, 9)]
        assert crew.in_office(world) == [(assignment, 9)]

    def test_a_person_taken_off_in_4hse(self, world: World, fault: FaultKind) -> None:
        party, _ = hire(world)
        injury = hurt_on_site(world, ids(world)[0], party, days=3)
        world.sync()
        world.procore.hand_delete("injury", injury)
        world.sync()
        world.answer(only(world, "deletion").id, "approve")
        loses(world, fault, "DELETE", "/incident-person/")
        assert (crew.on_site(world), crew.in_office(world)) == ([], [])

    def test_an_injury_taken_off_in_procore(self, world: World, fault: FaultKind) -> None:
        _, assignment = hire(world)
        person = hurt_in_office(world, ids(world)[1], assignment, days=5)
        world.sync()
        world.fourhse.hand_delete("incident-person", person)
        world.sync()
        world.answer(only(world, "deletion").id, "approve")
        loses(world, fault, "DELETE", r"/incidents/injuries/\d+$")
        assert (crew.on_site(world), crew.in_office(world)) == ([], [])

    def test_an_injury_brought_back_in_procore(self, world: World, fault: FaultKind) -> None:
        party, assignment = hire(world)
        injury = hurt_on_site(world, ids(world)[0], party, days=3)
        world.sync()
        world.procore.hand_delete("injury", injury)
        world.sync()
        world.answer(only(world, "deletion").id, "reject", restore=True)
        loses(world, fault, "PATCH", "/restore")
        assert crew.on_site(world) == [("injury", party, 3)]
        assert crew.in_office(world) == [(assignment, 3)]

    def test_a_person_brought_back_in_4hse(self, world: World, fault: FaultKind) -> None:
        party, assignment = hire(world)
        hurt_on_site(world, ids(world)[0], party, days=3)
        world.sync()
        office = world.office()[partner(world, ids(world)[0])]
        world.fourhse.hand_delete("incident-person", office["persons"][0]["office_incident_person_id"])
        world.sync()
        world.answer(only(world, "deletion").id, "reject", restore=True)
        loses(world, fault, "POST", "/incident-person/create")
        assert crew.in_office(world) == [(assignment, 3)]
        assert crew.on_site(world) == [("injury", party, 3)]
        assert [link.state.value for link in world.links() if link.kind is Kind.INJURY] == ["live"]
