"""People who left still name old incidents; of new ones it is asked, and newcomers without an assignment are told."""

from collections.abc import Callable
from datetime import date

import pytest

import actors as crew
from actors import hire, hire_in_office, hire_on_site, hurt_in_office, hurt_on_site, is_quiet, only, partner
from procore_4hse.engine.backfill import Span, backfill
from procore_4hse.models import Kind, Side
from procore_4hse.operations.retention import person_data
from procore_4hse.simulator.faults import FaultKind
from procore_4hse.simulator.procore_dials import ProcoreDials
from world import TENANT, World

pytestmark = pytest.mark.one_test_on_postgresql_in(8)

YARD = "9d3f7c57-5f2b-4f6c-8c1a-2f7d1c4b6e10"
OLD = date(2019, 5, 6)
NEW = date(2026, 3, 4)


@pytest.fixture
def world(build: Callable[..., World]) -> World:
    return build(since=date(2026, 1, 1))


@pytest.mark.parametrize("listed", [True, False], ids=["kept in Procore's list", "gone from Procore's list"])
def test_a_2019_injury_of_somebody_who_left_crosses_in_a_backfill_both_ways(build, listed):
    world = build(since=date(2026, 1, 1), procore_dials=ProcoreDials(people_who_left_listed=listed))
    (ann, her_assignment), (bo, his_assignment) = hire(world), hire(world, "Bo Diaz", "E2")
    fall = world.on_site("Fall", OLD)
    hurt_on_site(world, fall, ann, days=3)
    hurt_on_site(world, world.on_site("Trip", date(2018, 3, 1)), bo)
    cut = world.in_office("Cut", OLD, category="ACCIDENTS")
    hurt_in_office(world, cut, his_assignment, days=5)
    for party, assignment in ((ann, her_assignment), (bo, his_assignment)):
        world.procore.deactivate_person(party)
        world.fourhse.historicize("person-office", assignment)
    backfill(world.runtime, world.route, Span(OLD, OLD))
    assert crew.in_office(world, partner(world, fall)) == [(her_assignment, 3)]
    assert crew.on_site(world, partner(world, cut)) == [("injury", bo, 5)]
    assert world.inbox() == []
    assert is_quiet(world)
    assert (world.procore.refused, world.fourhse.refused) == ([], [])


def test_a_new_injury_of_somebody_who_left_is_asked_about_and_an_answer_lets_it_cross(world):
    ann, assignment = hire(world)
    world.fourhse.historicize("person-office", assignment)
    old = world.on_site("Fall", date(2026, 2, 10))
    hurt_on_site(world, old, ann, days=3)
    world.sync()
    assert crew.in_office(world) == [(assignment, 3)], "she was there then, for all we know"
    world.clock.advance(days=2)
    hurt_on_site(world, world.on_site("Slip", NEW), ann, days=4)
    hurt_on_site(world, world.on_site("Cut", NEW), ann, days=4)
    world.sync()
    item = only(world, "match").item
    told = "Ann Lee left the 4HSE office by 2026-03-02, and this happened on 2026-03-04; the incident itself crosses."
    assert item.reason == told
    assert item.advice.startswith("In 4HSE, open this person and assign them to the office")
    world.answer(only(world, "match").id, "approve", with_id=assignment)
    world.sync()
    assert crew.in_office(world) == [(assignment, 3), (assignment, 4), (assignment, 4)]
    assert world.inbox() == []
    assert is_quiet(world)


def test_a_correction_that_names_somebody_who_left_is_asked_about(world):
    (ann, hers), (bo, his) = hire(world), hire(world, "Bo Diaz", "E2")
    world.fourhse.historicize("person-office", his)
    hurt_on_site(world, world.on_site("Trip"), ann)
    world.sync()
    world.clock.advance(days=2)
    injury = hurt_on_site(world, world.on_site("Slip", NEW), ann, days=4)
    world.sync()
    world.procore.hand_edit("injury", injury, affected_party_id=bo)
    world.sync()
    assert "Bo Diaz left the 4HSE office by 2026-03-02" in only(world, "match").item.reason
    assert [who for who, _ in crew.in_office(world)] == [hers, hers]
    world.answer(only(world, "match").id, "approve", with_id=his)
    world.sync()
    assert sorted(who for who, _ in crew.in_office(world)) == sorted([hers, his])
    assert (world.inbox(), is_quiet(world)) == ([], True)


def test_somebody_who_came_back_is_the_same_person_in_old_records_and_new_ones(world):
    ann, before = hire(world)
    old, fall = world.in_office("Cut", date(2026, 1, 10), category="ACCIDENTS"), world.on_site("Fall")
    hurt_in_office(world, old, before, days=5)
    hurt_on_site(world, fall, ann, days=1)
    world.sync(first=True)
    world.fourhse.historicize("person-office", before)
    world.clock.advance(hours=7)
    assert is_quiet(world)
    again = hire_in_office(world, "Ann Lee", code="E1")
    world.clock.advance(days=2)
    slip = world.on_site("Slip", NEW)
    hurt_on_site(world, slip, ann, days=2)
    world.sync()
    assert crew.in_office(world, partner(world, slip)) == [(again, 2)]
    assert crew.in_office(world, old) == [(before, 5)]
    assert world.inbox() == []
    assert is_quiet(world)


def test_a_number_that_a_newcomer_has_from_somebody_who_left_names_the_newcomer(world):
    ann, assignment = hire(world)
    gone = hire_in_office(world, "Cy Roe", code="E9")
    world.fourhse.historicize("person-office", gone)
    crew.correct_in_office(world, gone, code="E1")
    site = world.on_site()
    hurt_on_site(world, site, ann, days=2)
    world.sync()
    assert crew.in_office(world) == [(assignment, 2)]
    assert world.inbox() == []


def test_a_person_of_the_company_who_is_not_assigned_to_the_office_is_named_with_what_to_do(world):
    ann = hire_on_site(world, "Ann Lee", employee_id="E1")
    world.fourhse.add_office(TENANT, YARD, "Yard")
    world.fourhse.add_person(TENANT, YARD, "Ann", "Lee", code="E1")
    world.fourhse.add_person(TENANT, YARD, "Bo", "Diaz", code="E2")
    hurt_on_site(world, world.on_site(), ann, days=2)
    world.sync()
    item = only(world, "match").item
    assert "and 4HSE has Ann Lee (E1) in the company without an assignment to this office" in item.reason
    assert item.advice.startswith("In 4HSE, open this person and assign them to the office")
    with world.store.read() as unit:
        kept = [
            entry.payload for entry in unit.staging(world.route.key).entries(Side.FOURHSE, Kind.PICKER)[Kind.PICKER]
        ]
    assert [entry["person_code"] for entry in kept] == ["E1"], "nobody else's data are kept"
    asked = world.fourhse.calls["person/index"]
    world.sync()
    hurt_on_site(world, world.on_site("Slip"), ann)
    world.sync()
    assert world.fourhse.calls["person/index"] == asked == 1
    assignment = hire_in_office(world, "Ann Lee", code="E1")
    world.clock.advance(hours=7)
    world.sync()
    assert [who for who, _ in crew.in_office(world)] == [assignment] * 2
    assert world.inbox() == []
    assert world.fourhse.refused == []


def test_the_people_of_the_company_may_be_closed_to_us(world):
    world.faults.add(FaultKind.FORBIDDEN, path=r"/v2/person/index$", times=None)
    hurt_on_site(world, world.on_site(), hire_on_site(world, "Ann Lee"))
    assert world.sync().outcome == "ok"
    assert "Give the person the same employee id" in only(world, "match").item.advice


def test_forgetting_somebody_forgets_them_among_the_people_of_the_company_too(world):
    ann = hire_on_site(world, "Ann Lee", employee_id="E1")
    world.fourhse.add_office(TENANT, YARD, "Yard")
    world.fourhse.add_person(TENANT, YARD, "Ann", "Lee", code="E1")
    hurt_on_site(world, world.on_site(), ann)
    world.sync()
    with world.store.begin() as unit:
        data = person_data(unit, world.route.key, str(ann), world.route.mapping)
        assert [ref.kind for ref in data.directory] == [Kind.PICKER, Kind.DIRECTORY]
