"""Injured and endangered people cross with their incident, each once, and never by a guess."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date

import pytest

import actors as crew
from actors import (
    hire,
    hire_in_office,
    hire_on_site,
    hurt_in_office,
    hurt_on_site,
    is_quiet,
    only,
    partner,
    waiting,
    wrote,
)
from procore_4hse.engine.backfill import Span, backfill
from procore_4hse.engine.snapshots import picklists
from procore_4hse.mapping.rules import Direction
from procore_4hse.models import Kind, RecordRef, Side
from procore_4hse.operations.decisions import part, take_back
from procore_4hse.operations.remembered import forget, remembered
from procore_4hse.simulator.faults import FaultKind
from procore_4hse.simulator.fourhse_dials import FourHseDials
from procore_4hse.simulator.procore_dials import ProcoreDials
from procore_4hse.store.decisions import Decider
from procore_4hse.store.staging import Staging
from world import World

pytestmark = pytest.mark.any_store


@pytest.fixture
def world(build: Callable[..., World]) -> World:
    return build()


def troubles(world: World) -> list[object]:
    """What a further cycle writes, asks or complains about, and calls that the vendors' contracts forbid."""
    report = world.sync()
    written = [] if wrote(report) == crew.NOTHING else [report.written]
    asked = [entry.item.reason for entry in world.inbox()]
    said = [] if report.outcome == "ok" else [report.reason]
    return [*written, *asked, *said, *world.procore.refused, *world.fourhse.refused]


# Crossing ---------------------------------------------------------------------------------------------------------


def test_an_injured_person_crosses_with_the_incident_and_days_travel_both_ways(build, store_url):
    world = build(store_url)
    party, assignment = hire(world)
    site = world.on_site()
    hurt_on_site(world, site, party, days=3)
    report = world.sync()
    assert (report.outcome, report.written["fourhse"]["created"]) == ("ok", 2)
    office = partner(world, site)
    assert crew.in_office(world, office) == [(assignment, 3)]
    assert world.office()[office]["category"] == "ACCIDENTS"
    assert troubles(world) == []

    record = world.office()[office]["persons"][0]["office_incident_person_id"]
    world.fourhse.hand_edit("incident-person", record, days=12)
    assert wrote(world.sync()) == {"created": 0, "updated": 1, "deleted": 0}
    assert crew.on_site(world) == [("injury", party, 12)]
    world.procore.hand_edit("injury", world.site()[site]["injuries"][0]["id"], work_days_absent=0)
    assert wrote(world.sync()) == {"created": 0, "updated": 1, "deleted": 0}
    assert crew.in_office(world) == [(assignment, 0)]
    assert troubles(world) == []


@pytest.mark.parametrize(
    ("there", "here"),
    [
        ({"employee_id": "E7"}, {"code": "e7"}),
        ({"employee_id": "RSSMRA80A01H501U"}, {"tax_code": "RSSMRA80A01H501U"}),
        ({"email": "Ann.Lee@example.com"}, {"email": "ann.lee@example.com"}),
        ({}, {}),
    ],
    ids=["employee id", "tax code", "e-mail", "name"],
)
def test_each_rule_finds_the_person(world, there, here):
    party = hire_on_site(world, "Ann Lee", **there)
    hire_on_site(world, "Bo Diaz", employee_id="E8")
    hire_in_office(world, "Cy Roe", code="E9")
    assignment = hire_in_office(world, "ann LEE" if not here else "Anna Lee", **here)
    hurt_on_site(world, world.on_site(), party, days=2)
    world.sync()
    assert crew.in_office(world) == [(assignment, 2)]
    assert troubles(world) == []


def test_a_person_who_first_crosses_from_4hse_is_an_injury_under_the_injury_word_else_a_near_miss(world):
    party, assignment = hire(world)
    accident = world.in_office("Cut", category="ACCIDENTS")
    scare = world.in_office("Scare", category="NON_COMPLIANCE")
    hurt_in_office(world, accident, assignment, days=5)
    hurt_in_office(world, scare, assignment, days=4)
    world.sync()
    assert crew.on_site(world, partner(world, accident)) == [("injury", party, 5)]
    assert crew.on_site(world, partner(world, scare)) == [("near_miss", party, None)]
    assert troubles(world) == ["Ann Lee, 2026-02-10: 4HSE shows 4 days of absence; in Procore it is a near miss."]


def test_a_near_miss_keeps_its_kind_and_the_days_in_4hse_stay_there_while_a_person_is_asked(world):
    party, assignment = hire(world)
    scare = world.in_office("Scare", category="NON_COMPLIANCE")
    record = hurt_in_office(world, scare, assignment)
    world.sync()
    who = "Ann Lee, 2026-02-10: 4HSE"
    world.fourhse.hand_edit("incident-person", record, days=9)
    assert troubles(world) == [f"{who} shows 9 days of absence; in Procore it is a near miss."]
    world.fourhse.hand_edit("incident", scare, category="ACCIDENTS")
    said = "calls it an accident (ACCIDENTS) and shows 9 days of absence"
    assert troubles(world) == [f"{who} {said}; in Procore it is a near miss."]
    assert crew.on_site(world) == [("near_miss", party, None)]
    assert crew.in_office(world) == [(assignment, 9)]


def test_a_record_that_names_nobody_has_no_partner_and_holds_nothing(world):
    site = world.on_site()
    hurt_on_site(world, site, None, days=3)
    assert world.sync().outcome == "ok"
    assert world.office()[partner(world, site)]["category"] == "ACCIDENTS"
    assert crew.in_office(world) == []
    assert troubles(world) == []


def test_two_injuries_of_one_person_stay_two(world):
    party, assignment = hire(world)
    site = world.on_site()
    hurt_on_site(world, site, party, days=1)
    hurt_on_site(world, site, party, days=30)
    world.sync()
    assert crew.in_office(world) == [(assignment, 1), (assignment, 30)]
    assert troubles(world) == []


def test_a_second_injury_of_a_person_whose_first_crossed_crosses_too(world):
    party, assignment = hire(world)
    site = world.on_site()
    hurt_on_site(world, site, party, days=1)
    world.sync()
    hurt_on_site(world, site, party, days=30)
    world.sync()
    assert crew.in_office(world) == [(assignment, 1), (assignment, 30)]
    assert troubles(world) == []


def test_a_near_miss_and_an_injury_of_one_person_stay_two(world):
    party, assignment = hire(world)
    site = world.on_site()
    hurt_on_site(world, site, party, days=7)
    hurt_on_site(world, site, party, kind="near_miss")
    world.sync()
    assert sorted(crew.in_office(world), key=str) == [(assignment, 7), (assignment, None)]
    assert troubles(world) == []


def test_a_user_named_without_a_party_is_the_same_person(world):
    party, assignment = hire(world)
    user = world.procore.person(party).user_id
    site = world.on_site()
    hurt_on_site(world, site, None, affected_person_id=user)
    world.sync()
    assert crew.in_office(world) == [(assignment, 0)] or crew.in_office(world) == [(assignment, None)]
    assert troubles(world) == []


# A correction -----------------------------------------------------------------------------------------------------


def test_a_correction_of_the_person_is_an_update_on_either_side(world):
    ann, her_assignment = hire(world, "Ann Lee", "E1")
    bo, his_assignment = hire(world, "Bo Diaz", "E2")
    site = world.on_site()
    injury = hurt_on_site(world, site, ann, days=3)
    world.sync()
    record = world.office()[partner(world, site)]["persons"][0]["office_incident_person_id"]
    world.procore.hand_edit("injury", injury, affected_party_id=bo)
    assert wrote(world.sync()) == {"created": 0, "updated": 1, "deleted": 0}
    assert crew.in_office(world) == [(his_assignment, 3)]
    assert world.fourhse.look("incident-person", record) is not None
    world.fourhse.hand_edit("incident-person", record, person_office_id=her_assignment)
    assert wrote(world.sync()) == {"created": 0, "updated": 1, "deleted": 0}
    assert crew.on_site(world) == [("injury", ann, 3)]
    assert troubles(world) == []


def test_a_correction_to_a_person_without_a_partner_waits_and_the_days_still_cross(world):
    ann, her_assignment = hire(world)
    stranger = hire_on_site(world, "Bo Diaz")
    site = world.on_site()
    injury = hurt_on_site(world, site, ann, days=3)
    world.sync()
    world.procore.hand_edit("injury", injury, affected_party_id=stranger, work_days_absent=8)
    world.sync()
    assert crew.in_office(world) == [(her_assignment, 8)]
    assert len(world.inbox()) == 1
    his_assignment = hire_in_office(world, "Bo Diaz")
    world.clock.advance(hours=7)
    world.sync()
    assert crew.in_office(world) == [(his_assignment, 8)]
    assert troubles(world) == []


def test_whom_a_correction_means_is_asked_when_nobody_knows_it_and_followed_once_named(world):
    ann, her_assignment = hire(world)
    stranger, his_assignment = hire_on_site(world, "Bo Diaz"), hire_in_office(world, "Roberto Diaz")
    injury = hurt_on_site(world, world.on_site(), ann, days=3)
    world.sync()
    world.procore.hand_edit("injury", injury, affected_party_id=stranger)
    world.sync()
    assert crew.in_office(world) == [(her_assignment, 3)]
    world.answer(only(world, "match").id, "approve", with_id=his_assignment)
    world.sync()
    assert crew.in_office(world) == [(his_assignment, 3)]
    assert troubles(world) == []


def test_a_correction_to_somebody_who_is_never_copied_is_not_asked_about(world):
    ann, her_assignment = hire(world)
    stranger = hire_on_site(world, "Bo Diaz")
    injury = hurt_on_site(world, world.on_site(), ann, days=3)
    world.sync()
    world.procore.hand_edit("injury", injury, affected_party_id=stranger)
    world.sync()
    world.answer(only(world, "match").id, "reject")
    assert troubles(world) == []
    assert crew.in_office(world) == [(her_assignment, 3)]


# Nobody knows who that is -----------------------------------------------------------------------------------------


def test_a_person_without_a_partner_waits_alone_and_is_remembered_once_named(world):
    party = hire_on_site(world, "Ann Lee")
    assignment = hire_in_office(world, "Anna Leigh")
    site = world.on_site()
    hurt_on_site(world, site, party, days=3)
    assert world.sync().outcome == "ok"
    assert partner(world, site)
    assert crew.in_office(world) == []
    item = only(world, "match")
    assert "no partner" in item.item.reason
    world.answer(item.id, "approve", with_id=assignment)
    told = world.sync(dry=True)
    with world.store.read() as unit:
        assert remembered(unit, world.route) == []  # Until a cycle carries it out, the answer can be taken back.
    assert [action.fields["person_office_id"] for action in told.plan.actions] == [assignment]
    assert world.sync().plan.actions == told.plan.actions
    assert crew.in_office(world) == [(assignment, 3)]
    assert troubles(world) == []
    second = world.on_site("Slip", day=date(2026, 2, 20))
    hurt_on_site(world, second, party, days=1)
    world.sync()
    assert crew.in_office(world, partner(world, second)) == [(assignment, 1)]
    assert troubles(world) == []


def test_a_person_of_4hse_without_a_partner_is_named_in_the_same_way(world):
    party = hire_on_site(world, "Ann Lee")
    assignment = hire_in_office(world, "Anna Leigh")
    office = world.in_office(category="ACCIDENTS")
    hurt_in_office(world, office, assignment, days=3)
    world.sync()
    assert crew.on_site(world) == []
    world.answer(only(world, "match").id, "approve", with_id=str(party))
    world.sync()
    assert crew.on_site(world) == [("injury", party, 3)]
    assert troubles(world) == []


@pytest.mark.parametrize("side", ["procore", "fourhse"])
def test_two_people_of_one_name_are_never_guessed(world, side):
    party, assignment = hire_on_site(world, "Ann Lee"), hire_in_office(world, "Ann Lee")
    hire_on_site(world, "Ann Lee") if side == "procore" else hire_in_office(world, "Ann Lee")
    site, office = world.on_site("Cut"), world.in_office("Slip")
    hurt_on_site(world, site, party)
    hurt_in_office(world, office, assignment)
    world.sync(first=True)
    assert len(waiting(world, "match")) == 2
    assert (len(crew.on_site(world)), len(crew.in_office(world))) == (1, 1)


def test_a_rejected_person_is_never_copied_even_when_a_partner_turns_up(world):
    party = hire_on_site(world, "Ann Lee")
    site = world.on_site()
    injury = hurt_on_site(world, site, party, days=3)
    world.sync()
    world.answer(only(world, "match").id, "reject")
    assert troubles(world) == []
    hire_in_office(world, "Ann Lee")
    world.clock.advance(hours=7)
    assert troubles(world) == []
    world.procore.hand_edit("injury", injury, work_days_absent=4)
    assert troubles(world) == []
    assert crew.in_office(world) == []


def test_a_rejected_person_stays_rejected_when_a_list_could_not_be_read_for_a_while(world):
    party = hire_on_site(world, "Ann Lee")
    hurt_on_site(world, world.on_site(), party, days=3)
    world.sync()
    world.answer(only(world, "match").id, "reject")
    assert troubles(world) == []
    world.faults.add(FaultKind.FORBIDDEN, path=r"/injuries$")
    assert world.sync().outcome == "partial"
    hire_in_office(world, "Ann Lee")
    world.clock.advance(hours=7)
    assert troubles(world) == []
    assert crew.in_office(world) == []


def test_a_person_who_waits_is_not_asked_anew_after_a_list_could_not_be_read(world):
    party = hire_on_site(world, "Ann Lee")
    hurt_on_site(world, world.on_site(), party, days=3)
    world.sync()
    item = only(world, "match")
    world.faults.add(FaultKind.FORBIDDEN, path=r"/injuries$")
    assert world.sync().outcome == "partial"
    assert only(world, "match").id == item.id
    world.sync()
    assert (only(world, "match").id, only(world, "match").since) == (item.id, item.since)


def test_a_question_about_a_person_closes_when_the_person_is_taken_off_the_record(world):
    party = hire_on_site(world, "Ann Lee")
    injury = hurt_on_site(world, world.on_site(), party)
    world.sync()
    assert waiting(world, "match")
    world.procore.hand_delete("injury", injury)
    assert troubles(world) == []


@pytest.mark.parametrize("change", ["left 4HSE", "a namesake came to 4HSE", "a namesake came to Procore"])
def test_linked_records_stay_as_they_are_when_the_directory_no_longer_tells_who_it_is(world, change):
    party, assignment = hire_on_site(world, "Ann Lee"), hire_in_office(world, "Ann Lee")
    site = world.on_site()
    injury = hurt_on_site(world, site, party, days=3)
    world.sync()
    if change == "left 4HSE":
        world.fourhse.historicize("person-office", assignment)
    else:
        hire_in_office(world, "Ann Lee") if change.endswith("4HSE") else hire_on_site(world, "Ann Lee")
    world.clock.advance(hours=7)
    assert troubles(world) == []
    world.procore.hand_edit("injury", injury, work_days_absent=8)
    world.sync()
    assert crew.in_office(world) == [(assignment, 8)]
    bo, his_assignment = hire(world, "Bo Diaz", "E2")
    world.clock.advance(hours=7)
    world.procore.hand_edit("injury", injury, affected_party_id=bo)
    world.sync()
    assert crew.in_office(world) == [(his_assignment, 8)]
    assert troubles(world) == []


# Two lists that speak against each other ----------------------------------------------------------------------------


def test_a_number_that_names_somebody_else_altogether_is_asked_once_for_all_records_of_the_person(world):
    party = hire_on_site(world, "Ann Lee", employee_id="E1")
    assignment = hire_in_office(world, "Cy Roe", code="E1")
    for title in ("Fall", "Slip", "Cut"):
        hurt_on_site(world, world.on_site(title), party, days=3)
    world.sync()
    item = only(world, "match")
    assert (item.item.key, item.item.title) == (f"match:procore:directory-{party}", "Fall")
    assert "Ann Lee has no certain partner in the 4HSE office, for Cy Roe (employee id is code)" in item.item.reason
    assert f"Perhaps: 4HSE {assignment} Cy Roe" in item.item.advice
    assert crew.in_office(world) == []
    world.answer(item.id, "approve", with_id=assignment)
    world.sync()
    assert crew.in_office(world) == [(assignment, 3)] * 3
    assert troubles(world) == []


def test_a_person_who_is_never_copied_is_so_on_every_record(world):
    party = hire_on_site(world, "Ann Lee")
    site = world.on_site()
    first = hurt_on_site(world, site, party)
    world.sync()
    world.answer(only(world, "match").id, "reject")
    hurt_on_site(world, world.on_site("Slip"), party)
    assert world.sync().outcome == "ok"
    assert world.inbox() == []
    world.procore.hand_delete("injury", first)
    world.sync()
    hurt_on_site(world, world.on_site("Cut"), party)
    world.sync()
    assert world.inbox() == []
    assert crew.in_office(world) == []


def test_an_answer_that_the_mapping_s_table_contradicts_is_not_used(world):
    party, told, listed = (
        hire_on_site(world, "Ann Lee"),
        hire_in_office(world, "Bo Diaz"),
        hire_in_office(world, "Cy Roe"),
    )
    remember(world, {str(party): told})
    world.with_route(mapping=replace(world.route.mapping, partners={str(party): listed}))
    hurt_on_site(world, world.on_site(), party, days=3)
    world.sync()
    assert crew.in_office(world) == [(listed, 3)]
    assert troubles(world) == []


# A list that changes under a link ---------------------------------------------------------------------------------


def remember(world: World, partners: dict[str, str]) -> None:
    """What people named as partners, as the route keeps it."""
    with world.store.begin() as unit:
        unit.routes.remember(world.route.key, world.route.name, partners=partners)


def swapped_codes(world: World) -> tuple[tuple[int, str], tuple[int, str]]:
    """Ann and Bo were each other's number in 4HSE; both were hurt twice before somebody corrected it."""
    ann, bo = hire(world, "Ann Lee", "E1"), hire(world, "Bo Lee", "E2")
    for title in ("Fall", "Slip"):
        hurt_on_site(world, world.on_site(title), ann[0], days=3)
    world.sync()
    crew.correct_in_office(world, ann[1], code="E2", first_name="Bob")
    crew.correct_in_office(world, bo[1], code="E1", first_name="Anna")
    world.clock.advance(hours=7)
    world.sync()
    return ann, bo


@pytest.mark.parametrize("use", ["procore", "fourhse"])
def test_a_corrected_code_is_one_question_and_the_side_that_is_right_is_followed(world, use):
    ann, bo = swapped_codes(world)
    item = only(world, "drift")
    assert (item.item.procore_value, item.item.fourhse_value) == ("Ann Lee", "Bob Lee")
    assert item.item.facts["uses"] == ["procore", "fourhse"]
    world.sync()
    assert only(world, "drift").id == item.id
    world.answer(item.id, "resolve", use=use)
    assert wrote(world.sync()) == {"created": 0, "updated": 2, "deleted": 0}
    assert crew.in_office(world) == [(bo[1] if use == "procore" else ann[1], 3)] * 2
    assert crew.on_site(world) == [("injury", ann[0] if use == "procore" else bo[0], 3)] * 2
    assert troubles(world) == []


def test_a_corrected_code_may_leave_the_records_as_they_are(world):
    ann, _ = swapped_codes(world)
    world.answer(only(world, "drift").id, "reject")
    assert troubles(world) == []
    assert world.sync().population["procore"]["in_sync"] == 2
    assert crew.in_office(world) == [(ann[1], 3)] * 2


def test_a_code_that_leads_to_nobody_any_more_asks_for_the_partner(world):
    party, assignment = hire_on_site(world, "Ann Lee", "E1"), hire_in_office(world, "Anna Lee", code="E1")
    hurt_on_site(world, world.on_site(), party, days=3)
    world.sync()
    crew.correct_in_office(world, assignment, code="E7")
    world.clock.advance(hours=7)
    world.sync()
    item = only(world, "drift")
    assert item.item.facts["uses"] == []
    world.answer(item.id, "approve", with_id=assignment)
    assert troubles(world) == []
    assert crew.in_office(world) == [(assignment, 3)]


def test_an_answer_about_a_list_that_moved_again_is_asked_anew(world):
    ann, _ = swapped_codes(world)
    world.answer(only(world, "drift").id, "resolve", use="fourhse")
    crew.correct_in_office(world, ann[1], code="E9")
    world.clock.advance(hours=7)
    assert wrote(world.sync()) == crew.NOTHING
    assert only(world, "drift").item.facts["uses"] == ["procore"]


def test_a_question_about_two_people_waits_while_a_list_cannot_be_read(world):
    swapped_codes(world)
    item = only(world, "drift")
    world.faults.add(FaultKind.FORBIDDEN, path=r"/injuries$")
    assert world.sync().outcome == "partial"
    assert (only(world, "drift").id, only(world, "drift").since) == (item.id, item.since)


def test_a_corrected_code_does_not_hold_the_route_when_the_mapping_changes_too(world):
    swapped_codes(world)
    world.with_route(mapping=replace(world.route.mapping, digest="another"))
    assert world.sync().outcome == "ok"
    assert only(world, "drift")
    assert waiting(world, "guard") == []


# A wrong partner --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["answer", "table"])
def test_another_partner_corrects_every_record_of_the_person(world, by):
    party = hire_on_site(world, "Ann Lee")
    wrong, right = hire_in_office(world, "Bo Diaz"), hire_in_office(world, "Anna Leigh")
    remember(world, {str(party): wrong})
    sites = [world.on_site(title) for title in ("Fall", "Slip", "Cut")]
    for days, site in enumerate(sites, 3):
        hurt_on_site(world, site, party, days=days)
    world.sync()
    assert crew.in_office(world) == [(wrong, 3), (wrong, 4), (wrong, 5)]
    if by == "table":
        world.with_route(mapping=replace(world.route.mapping, partners={str(party): right}, digest="another"))
    else:
        remember(world, {})
        assert wrote(world.sync()) == crew.NOTHING
        world.answer(only(world, "drift").id, "approve", with_id=right)
    assert wrote(world.sync()) == {"created": 0, "updated": 3, "deleted": 0}
    assert crew.in_office(world) == [(right, 3), (right, 4), (right, 5)]
    assert troubles(world) == []


def test_a_record_that_came_from_4hse_is_corrected_in_procore(world):
    wrong, right = hire_on_site(world, "Bo Diaz"), hire_on_site(world, "Anna Leigh")
    assignment = hire_in_office(world, "Ann Lee")
    remember(world, {str(wrong): assignment})
    hurt_in_office(world, world.in_office(category="ACCIDENTS"), assignment, days=3)
    world.sync()
    assert crew.on_site(world) == [("injury", wrong, 3)]
    remember(world, {str(right): assignment})
    assert wrote(world.sync()) == {"created": 0, "updated": 1, "deleted": 0}
    assert (crew.on_site(world), crew.in_office(world)) == ([("injury", right, 3)], [(assignment, 3)])
    assert troubles(world) == []


def test_the_side_that_named_the_person_last_is_the_one_that_is_followed(world):
    ann, bo = hire(world, "Ann Lee", "E1"), hire_on_site(world, "Bo Diaz")
    other, right = hire_in_office(world, "Cy Roe"), hire_on_site(world, "Di Roe")
    remember(world, {str(bo): other})
    site = world.on_site()
    hurt_on_site(world, site, ann[0], days=3)
    world.sync()
    record = world.office()[partner(world, site)]["persons"][0]["office_incident_person_id"]
    world.fourhse.hand_edit("incident-person", record, person_office_id=other)
    world.sync()
    assert crew.on_site(world) == [("injury", bo, 3)]
    remember(world, {str(right): other})
    world.sync()
    assert (crew.on_site(world), crew.in_office(world)) == ([("injury", right, 3)], [(other, 3)])
    assert troubles(world) == []


def test_a_partner_that_was_forgotten_is_not_learnt_again_from_an_answer_that_a_backfill_left(world):
    party, assignment = hire_on_site(world, "Ann Lee"), hire_in_office(world, "Bo Diaz")
    hurt_on_site(world, world.on_site(), party, days=3)
    world.sync()
    world.answer(only(world, "match").id, "approve", with_id=assignment)
    backfill(world.runtime, world.route, Span(date(2026, 2, 10), date(2026, 2, 28)))
    with world.store.read() as unit:
        (one,) = remembered(unit, world.route)
    forget(world.store, world.runtime.holder, (world.route,), one.id, Decider("anna", "cli"))
    world.sync()
    assert crew.in_office(world) == []
    assert only(world, "match")


def test_a_partner_is_forgotten_with_the_answer_that_a_cycle_learnt_it_from_and_did_not_carry_out(world):
    party, assignment = hire_on_site(world, "Ann Lee"), hire_in_office(world, "Bo Diaz")
    hurt_on_site(world, world.on_site(), party, days=3)
    world.sync()
    entry = only(world, "match")
    world.answer(entry.id, "approve", with_id=assignment)
    backfill(world.runtime, world.route, Span(date(2026, 2, 10), date(2026, 2, 28)))
    take_back(world.store, (world.route,), entry.id, Decider("anna", "cli"))
    with world.store.read() as unit:
        assert remembered(unit, world.route) == []
    world.sync()
    assert crew.in_office(world) == []
    assert only(world, "match").id == entry.id


def test_two_records_that_people_made_themselves_are_asked_about_before_one_is_changed(world):
    party, wrong, right = (
        hire_on_site(world, "Ann Lee"),
        hire_in_office(world, "Bo Diaz"),
        hire_in_office(world, "Cy Roe"),
    )
    remember(world, {str(party): wrong})
    site, office = same_incident(world)
    hurt_on_site(world, site, party, days=3)
    hurt_in_office(world, office, wrong, days=3)
    world.sync(first=True)
    remember(world, {str(party): right})
    assert wrote(world.sync()) == crew.NOTHING
    world.answer(only(world, "drift").id, "resolve", use="procore")
    world.sync()
    assert crew.in_office(world) == [(right, 3)]
    assert troubles(world) == []


# The first meeting ------------------------------------------------------------------------------------------------


def same_incident(world: World) -> tuple[str, str]:
    text = "The ladder slipped, and someone fell from the third step."
    return world.on_site("Fall", description=text), world.in_office(
        "Fall", description_event=text, category="ACCIDENTS"
    )


def test_at_the_first_meeting_one_person_on_both_sides_is_one(world):
    party, assignment = hire(world)
    site, office = same_incident(world)
    hurt_on_site(world, site, party, days=3)
    hurt_in_office(world, office, assignment, days=3)
    world.sync(first=True)
    assert (crew.on_site(world), crew.in_office(world)) == ([("injury", party, 3)], [(assignment, 3)])
    assert troubles(world) == []


def test_at_the_first_meeting_empty_days_are_filled_and_different_ones_asked(world):
    ann, bo = hire(world, "Ann Lee", "E1"), hire(world, "Bo Diaz", "E2")
    site, office = same_incident(world)
    hurt_on_site(world, site, ann[0], days=3)
    hurt_in_office(world, office, ann[1])
    hurt_on_site(world, site, bo[0], days=4)
    hurt_in_office(world, office, bo[1], days=9)
    world.sync(first=True)
    assert sorted(crew.in_office(world)) == sorted([(ann[1], 3), (bo[1], 9)])
    item = only(world, "conflict")
    assert (item.item.procore_value, item.item.fourhse_value) == ("4", "9")
    assert (item.item.procore_id, item.item.fourhse_id) == (site, office)
    world.answer(item.id, "resolve", use="fourhse")
    world.sync()
    assert sorted(crew.on_site(world)) == sorted([("injury", ann[0], 3), ("injury", bo[0], 9)])
    assert troubles(world) == []


def test_several_records_of_one_person_are_asked_about_and_linked_as_told(world):
    party, assignment = hire(world)
    site, office = same_incident(world)
    hurt_on_site(world, site, party, days=1)
    hurt_on_site(world, site, party, days=30)
    hurt_in_office(world, office, assignment, days=1)
    thirty = hurt_in_office(world, office, assignment, days=30)
    world.sync(first=True)
    assert (len(crew.on_site(world)), len(crew.in_office(world))) == (2, 2)
    items = waiting(world, "match")
    assert len(items) == 2
    injury = next(str(one["id"]) for one in world.site()[site]["injuries"] if one["work_days_absent"] == 30)
    world.answer(next(one.id for one in items if one.item.procore_id == injury), "approve", with_id=thirty)
    assert world.sync().outcome == "ok"
    assert crew.on_site(world) == [("injury", party, 1), ("injury", party, 30)]
    assert sorted(crew.in_office(world)) == sorted([(assignment, 1), (assignment, 30)])
    assert troubles(world) == []


def test_a_record_called_different_from_its_candidates_stays_and_the_rest_goes_on(world):
    party, assignment = hire(world)
    site, office = same_incident(world)
    hurt_on_site(world, site, party, days=1)
    hurt_on_site(world, site, party, days=30)
    hurt_in_office(world, office, assignment, days=1)
    world.sync(first=True)
    injury = next(str(one["id"]) for one in world.site()[site]["injuries"] if one["work_days_absent"] == 30)
    items = waiting(world, "match")
    world.answer(next(one.id for one in items if one.item.procore_id == injury), "reject")
    world.sync()
    assert crew.in_office(world) == [(assignment, 1)]
    assert crew.on_site(world) == [("injury", party, 1), ("injury", party, 30)]
    assert troubles(world) == []


def test_at_the_first_meeting_two_people_speak_against_one_incident(world):
    ann, bo = hire(world, "Ann Lee", "E1"), hire(world, "Bo Diaz", "E2")
    site, office = same_incident(world)
    hurt_on_site(world, site, ann[0])
    hurt_in_office(world, office, bo[1])
    world.sync(first=True)
    assert world.links() == []
    item = only(world, "match")
    assert (item.item.procore_id, item.item.facts["candidates"]) == (site, [office])


def test_at_the_first_meeting_one_person_hurt_on_one_day_is_a_doubt(world):
    party, assignment = hire(world)
    site, office = world.on_site("Fall from the ladder"), world.in_office("Cut at the saw", category="ACCIDENTS")
    hurt_on_site(world, site, party)
    hurt_in_office(world, office, assignment)
    world.sync(first=True)
    item = only(world, "match")
    assert (item.item.procore_id, item.item.facts["candidates"]) == (site, [office])
    world.answer(item.id, "approve", with_id=office)
    world.sync()
    assert (len(world.links()), len(crew.on_site(world)), len(crew.in_office(world))) == (2, 1, 1)


def test_people_whom_nobody_knows_on_the_other_side_say_nothing_about_an_incident(world):
    site, office = same_incident(world)
    hurt_on_site(world, site, hire_on_site(world, "Ann Lee"))
    hurt_in_office(world, office, hire_in_office(world, "Bo Diaz"))
    world.sync(first=True)
    assert partner(world, site) == office


# What stays home, and what is refused -------------------------------------------------------------------------------


def test_a_one_way_route_carries_people_one_way(build):
    world = build(direction=Direction.TO_FOURHSE)
    party, assignment = hire(world)
    site = world.on_site()
    hurt_on_site(world, site, party, days=3)
    world.sync()
    office = partner(world, site)
    hurt_in_office(world, office, assignment, days=1)
    world.fourhse.hand_edit(
        "incident-person", world.office()[office]["persons"][0]["office_incident_person_id"], days=2
    )
    assert is_quiet(world)
    assert world.procore.writes == []


def test_people_of_a_private_incident_stay_home(world):
    party, _ = hire(world)
    hidden = world.on_site("Hidden", private=True)
    hurt_on_site(world, hidden, party, days=3)
    site = world.on_site()
    injury = hurt_on_site(world, site, party, days=3)
    world.sync()
    assert len(crew.in_office(world)) == 1
    world.procore.hand_edit("incident", int(site), private=True)
    world.procore.hand_edit("injury", injury, work_days_absent=20)
    assert is_quiet(world)
    assert [days for _, days in crew.in_office(world)] == [3]
    with world.store.read() as unit:
        staged = [one.record for one, _ in unit.staging(world.route.key).records(Side.PROCORE, [Kind.INJURY])]
    assert all("affected_party" not in one.payload for one in staged if one.parent_id == hidden)


def test_a_refused_person_parks_alone(build):
    world = build(fourhse_dials=FourHseDials(historicized_person_refused=True))
    ann, bo = hire(world, "Ann Lee", "E1"), hire(world, "Bo Diaz", "E2")
    site = world.on_site()
    hurt_on_site(world, site, ann[0], days=3)
    hurt_on_site(world, site, bo[0], days=4)
    other = world.on_site("Slip")
    world.faults.add(
        FaultKind.ERROR_BEFORE, path="incident-person/create", where=_names(ann[1]), status=422, times=None
    )
    report = world.sync()
    assert (report.outcome, report.exit_code) == ("partial", 1)
    assert report.population["fourhse"]["refused"] == 1
    assert partner(world, other)
    assert crew.in_office(world) == [(bo[1], 4)]
    item = only(world, "refused")
    assert (item.item.procore_id, item.item.title) == (site, "Fall")
    again = world.sync()
    assert (again.outcome, wrote(again)) == ("ok", crew.NOTHING)
    assert again.population["procore"] == {"in_sync": 1, "waiting": 0, "refused": 1, "excluded": 0}
    assert only(world, "refused").id == item.id
    world.faults.clear()
    world.answer(item.id, "retry")
    world.sync()
    assert sorted(crew.in_office(world)) == sorted([(ann[1], 3), (bo[1], 4)])
    assert troubles(world) == []


def _names(assignment: str):
    return lambda request: assignment in request.body.decode()


# Lists that say too little ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bumps", [False, True], ids=["incident stays", "incident moves"])
def test_days_cross_whether_or_not_the_incident_moves(build, bumps):
    world = build(procore_dials=ProcoreDials(child_edit_bumps_incident=bumps))
    party, assignment = hire(world)
    site = world.on_site()
    injury = hurt_on_site(world, site, party, days=3)
    world.sync()
    moved = world.site()[site]["updated_at"]
    world.procore.hand_edit("injury", injury, work_days_absent=6)
    assert (world.site()[site]["updated_at"] != moved) is bumps
    world.sync()
    assert crew.in_office(world) == [(assignment, 6)]
    record = world.office()[partner(world, site)]["persons"][0]["office_incident_person_id"]
    world.fourhse.hand_edit("incident-person", record, days=1)
    world.sync()
    assert crew.on_site(world) == [("injury", party, 1)]
    assert troubles(world) == []


@pytest.mark.parametrize(
    ("path", "fault"),
    [
        (r"/incidents/injuries$", FaultKind.FORBIDDEN),
        (r"/incidents/injuries$", FaultKind.EMPTY),
        (r"/incidents/injuries$", FaultKind.ERROR_BEFORE),
        (r"/incident-person/index$", FaultKind.FORBIDDEN),
        (r"/incident-person/index$", FaultKind.ERROR_BEFORE),
    ],
)
def test_a_list_of_people_that_fails_takes_nobody_away(world, fault, path):
    party, assignment = hire(world)
    site = world.on_site()
    hurt_on_site(world, site, party, days=3)
    world.sync()
    office = partner(world, site)
    newcomer = world.in_office("Slip")
    world.faults.add(fault, path=path, times=None)
    for _ in range(3):
        report = world.sync()
        assert report.outcome == "partial"
    assert world.office()[office]["category"] == "ACCIDENTS"
    assert crew.on_site(world) == [("injury", party, 3)]
    assert crew.in_office(world) == [(assignment, 3)]
    assert world.inbox() == []
    world.faults.clear()
    world.sync()
    assert partner(world, newcomer)
    assert troubles(world) == []


def test_an_empty_list_of_involved_people_proves_nothing(world):
    party, assignment = hire(world)
    site = world.on_site()
    hurt_on_site(world, site, party, days=3)
    world.sync()
    world.faults.add(FaultKind.EMPTY, path=r"/incident-person/index$", times=None)
    for _ in range(3):
        assert wrote(world.sync()) == crew.NOTHING
    assert [entry.item.kind for entry in world.inbox()] == ["missing"]
    world.faults.clear()
    assert troubles(world) == []
    assert (crew.on_site(world), crew.in_office(world)) == ([("injury", party, 3)], [(assignment, 3)])


def test_more_people_than_a_page_holds_all_cross(build):
    world = build(procore_dials=ProcoreDials(child_page_cap=100))
    site = world.on_site()
    for _ in range(101):
        hurt_on_site(world, site, None)
    party, assignment = hire(world)
    hurt_on_site(world, site, party, days=3)
    assert world.sync().outcome == "ok"
    assert crew.in_office(world) == [(assignment, 3)]
    assert troubles(world) == []


# Lost answers -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("site_first", [True, False])
def test_somebody_entered_on_both_sides_while_our_create_has_no_answer_is_counted_once(world, site_first):
    party, assignment = hire(world)
    site = world.on_site()
    world.sync()
    office = partner(world, site)
    enter = [lambda: hurt_on_site(world, site, party, 5), lambda: hurt_in_office(world, office, assignment)]
    first, second = enter if site_first else reversed(enter)
    first()
    world.faults.add(FaultKind.ERROR_BEFORE, method="POST", path=r"/incident-person/create$|/near_misses$")
    world.sync()
    second()
    for _ in range(6):
        world.sync()
        world.clock.advance(minutes=12)
    assert (len(crew.on_site(world)), crew.in_office(world)) == (1, [(assignment, 5)])


@pytest.mark.parametrize("kind", [FaultKind.LOST_ANSWER, FaultKind.ERROR_AFTER])
def test_a_person_whose_create_lost_its_answer_is_not_made_twice_though_an_incident_is_made_too(world, kind):
    party, assignment = hire(world)
    office = world.in_office(category="ACCIDENTS")
    world.sync()
    hurt_in_office(world, office, assignment, days=5)
    world.in_office("Slip")
    world.faults.add(kind, method="POST", path=r"/incidents/injuries$")
    assert world.sync().outcome == "partial"
    for _ in range(2):
        world.sync()
    assert crew.on_site(world) == [("injury", party, 5)]
    assert troubles(world) == []


def test_a_dry_run_writes_nothing_and_names_the_person_it_would_write(world):
    party, _ = hire(world)
    site = world.on_site()
    world.sync()
    hurt_on_site(world, site, party, days=3)
    report = world.sync(dry=True)
    assert [(action.kind, action.act, action.side) for action in report.plan.actions if action.kind != "incident"] == [
        ("injury", "create", "fourhse")
    ]
    assert crew.in_office(world) == []


# Two that were one ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("left", [True, False])
def test_the_people_of_two_that_were_taken_apart_stand_once_in_each_of_the_four(world, left):
    party, assignment = hire(world)
    day, text = date(2026, 1, 10), "The hook came off the crane."
    site = world.on_site("Hook", day, description=text)
    office = world.in_office("Hook", day, description_event=text, category="ACCIDENTS")
    injury = hurt_on_site(world, site, party, days=3)
    world.sync(first=True)
    assert crew.in_office(world, office) == [(assignment, 3)]
    part(world.store, world.runtime.holder, world.route, site)
    if not left:
        world.procore.hand_delete("injury", injury)
    world.sync()
    world.answer(only(world, "match").id, "reject")
    told, done = world.sync(dry=True).plan, world.sync().plan
    assert [(one.act, one.kind, one.source_id) for one in told.actions] == [
        (one.act, one.kind, one.source_id) for one in done.actions
    ]
    assert len(world.site()) == len(world.office()) == 2
    copies = {one: crew.in_office(world, one) for one in world.office()}
    assert copies.pop(office) == [(assignment, 3)]
    assert list(copies.values()) == [[(assignment, 3)] if left else []]
    assert crew.on_site(world, site) == ([("injury", party, 3)] if left else [])
    assert crew.on_site(world, partner(world, office)) == [("injury", party, 3)]
    assert troubles(world) == []
    assert world.sync().plan.actions == ()


def test_the_people_of_two_that_were_taken_apart_and_are_one_after_all_stay_one(world):
    party, _ = hire(world)
    site = world.on_site()
    hurt_on_site(world, site, party, days=3)
    world.sync()
    before, office = world.links(), partner(world, site)
    part(world.store, world.runtime.holder, world.route, site)
    world.sync()
    world.answer(only(world, "match").id, "approve", with_id=office)
    assert wrote(world.sync()) == crew.NOTHING
    assert {link.refs for link in world.links()} == {link.refs for link in before}
    assert troubles(world) == []


# Is 4HSE's PUT partial? -------------------------------------------------------------------------------------------


def described(world: World) -> tuple[str, int, str]:
    """A person whose record in 4HSE bears words that never cross: site, injury and that record."""
    party, _ = hire(world)
    site = world.on_site()
    injury = hurt_on_site(world, site, party, days=3)
    world.sync()
    record = world.office()[partner(world, site)]["persons"][0]["office_incident_person_id"]
    world.fourhse.hand_edit("incident-person", record, code="W61", description="Left hand.")
    world.procore.hand_edit("injury", injury, work_days_absent=7)
    return site, injury, record


def test_where_4hse_wants_whole_records_a_person_s_is_sent_whole(build):
    world = build(fourhse_dials=FourHseDials(put_is="full"))
    _, _, record = described(world)
    world.sync()
    row = world.fourhse.look("incident-person", record)
    assert (row["days"], row["code"], row["description"]) == (7, "W61", "Left hand.")
    assert is_quiet(world)
    assert world.inbox() == []


def test_what_4hse_blanked_on_a_person_stops_the_route_and_is_put_back(build):
    world = build(fourhse_dials=FourHseDials(put_is="blanking"))
    _, injury, record = described(world)
    report = world.sync()
    assert (report.outcome, report.exit_code) == ("stopped", 7)
    assert "code, description" in only(world, "guard").item.reason
    world.answer(only(world, "guard").id, "approve")
    world.sync()
    world.procore.hand_edit("injury", injury, work_days_absent=8)
    world.sync()
    row = world.fourhse.look("incident-person", record)
    assert (row["days"], row["code"], row["description"]) == (8, "W61", "Left hand.")
    assert troubles(world) == []


def test_lists_are_read_again_only_when_something_of_them_has_changed(world, monkeypatch):
    party, office = hire(world)
    stranger = crew.hire_in_office(world, "Bob Kay")
    hurt_on_site(world, world.on_site(), party)
    world.sync()

    def known():
        with world.store.read() as unit:
            return picklists(unit, unit.routes.get(world.route.key), world.route.mapping)

    first = known()
    with monkeypatch.context() as patch:
        patch.delattr(Staging, "entries")
        again = known()
    assert (again.directory is first.directory, again is first) == (True, False)
    with world.store.begin() as unit:
        staging = unit.staging(world.route.key)
        row = staging.find(RecordRef(Side.FOURHSE, Kind.DIRECTORY, office)).record
        staging.amend(replace(row, payload={**row.payload, "person_last_name": "Lea"}))
    assert known().directory.name(Side.FOURHSE, office) == "Ann Lea"
    with world.store.begin() as unit:
        unit.routes.remember(world.route.key, "riverside", partners={str(party): stranger})
    assert known().directory.partner(Side.PROCORE, str(party)) == stranger
    world.route = replace(world.route, mapping=replace(world.route.mapping, partners={str(party): office}))
    assert known().directory.partner(Side.PROCORE, str(party)) == office
