"""A person taken off an incident: evidence first, then the route's policy or a person's word."""

from collections.abc import Callable
from dataclasses import replace

import pytest

import actors as crew
from actors import hire, hurt_in_office, hurt_on_site, is_quiet, only, partner, wrote
from procore_4hse.models import Kind, LinkState
from procore_4hse.reconcile.snapshot import Limits, Policy
from procore_4hse.simulator.faults import FaultKind
from procore_4hse.simulator.procore_dials import ProcoreDials
from world import OFFICE, World

pytestmark = pytest.mark.any_store

SIDES = ["procore", "fourhse"]


class Case:
    """One linked incident with one linked person, three days lost; `days` are what the two sides show."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.party, self.assignment = hire(world)
        self.site = world.on_site()
        self.injury = hurt_on_site(world, self.site, self.party, days=3)
        world.sync()
        self.office = partner(world, self.site)
        self.person = world.office()[self.office]["persons"][0]["office_incident_person_id"]
        world.on_site("Slip")
        world.in_office("Cut")
        world.sync(first=True)
        assert is_quiet(world)

    @property
    def days(self) -> tuple[list[int | None], list[int | None]]:
        """Of the incident's people in Procore and in 4HSE."""
        return (
            [days for _, _, days in crew.on_site(self.world, self.site)],
            [days for _, days in crew.in_office(self.world, self.office)],
        )

    def take_off(self, side: str) -> None:
        if side == "procore":
            self.world.procore.hand_delete("injury", self.injury)
        else:
            self.world.fourhse.hand_delete("incident-person", self.person)

    def edit(self, side: str, days: int) -> None:
        if side == "procore":
            self.world.procore.hand_edit("injury", self.injury, work_days_absent=days)
        else:
            self.world.fourhse.hand_edit("incident-person", self.person, days=days)

    def state(self) -> LinkState:
        (link,) = [one for one in self.world.links() if one.kind is Kind.INJURY]
        return link.state


@pytest.fixture
def case(build: Callable[..., World]) -> Case:
    return Case(build())


def other(side: str) -> str:
    return "fourhse" if side == "procore" else "procore"


def left(case: Case, side: str) -> list[int | None]:
    return case.days[0 if side == "procore" else 1]


# Ask --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("side", SIDES)
def test_it_is_asked_and_nothing_happens_meanwhile(case, side):
    case.take_off(side)
    report = case.world.sync()
    assert (report.outcome, wrote(report)) == ("ok", crew.NOTHING)
    item = only(case.world, "deletion")
    assert (item.item.procore_id, item.item.fourhse_id, item.item.title) == (case.site, case.office, "Fall")
    assert is_quiet(case.world)
    again = only(case.world, "deletion")
    assert (again.id, again.since, again.item.reason) == (item.id, item.since, item.item.reason)
    assert left(case, other(side)) == [3]


@pytest.mark.parametrize("side", SIDES)
def test_approved_the_other_one_goes_too(store_url, build, side):
    case = Case(build(store_url))
    case.take_off(side)
    case.world.sync()
    case.world.answer(only(case.world, "deletion").id, "approve")
    assert wrote(case.world.sync()) == {"created": 0, "updated": 0, "deleted": 1}
    assert case.days == ([], [])
    assert case.state() is LinkState.ENDED
    assert is_quiet(case.world)
    assert case.world.inbox() == []


@pytest.mark.parametrize("side", SIDES)
def test_rejected_the_other_one_stays_and_is_never_copied_again(case, side):
    case.take_off(side)
    case.world.sync()
    case.world.answer(only(case.world, "deletion").id, "reject")
    assert is_quiet(case.world)
    case.edit(other(side), 9)
    assert is_quiet(case.world)
    assert (left(case, side), left(case, other(side))) == ([], [9])
    assert case.world.inbox() == []
    assert case.state() is LinkState.IGNORED


@pytest.mark.parametrize("side", SIDES)
def test_rejected_with_restore_it_comes_back_once(case, side):
    case.take_off(side)
    case.world.sync()
    case.world.answer(only(case.world, "deletion").id, "reject", restore=True)
    case.world.sync()
    case.world.sync()
    assert case.days == ([3], [3])
    assert case.state() is LinkState.LIVE
    case.world.sync()
    assert is_quiet(case.world)
    assert case.world.inbox() == []


def test_one_who_is_somebody_else_by_now_is_asked_about_before_they_are_brought_back(case):
    stranger = crew.hire_on_site(case.world, "Bo Diaz")
    case.take_off("fourhse")
    case.world.procore.hand_edit("injury", case.injury, affected_party_id=stranger)
    case.world.sync()
    case.world.answer(only(case.world, "conflict").id, "reject", restore=True)
    for _ in range(2):
        case.world.sync()
        [asked] = case.world.inbox()
        assert (asked.item.who.id, case.days) == (str(stranger), ([3], []))
    known = crew.hire_in_office(case.world, "Robert Diaz")
    case.world.answer(asked.id, "approve", with_id=known)
    case.world.sync()
    assert crew.in_office(case.world, case.office) == [(known, 3)]
    assert is_quiet(case.world)
    assert case.world.inbox() == []


@pytest.mark.parametrize("side", SIDES)
def test_taken_off_here_and_edited_there_is_a_conflict(case, side):
    case.take_off(side)
    case.edit(other(side), 9)
    case.world.sync()
    item = only(case.world, "conflict")
    assert item.item.field is None
    assert left(case, other(side)) == [9]
    case.world.answer(item.id, "reject", restore=True)
    for _ in range(3):
        case.world.sync()
    assert case.days == ([9], [9])
    assert is_quiet(case.world)


@pytest.mark.parametrize("side", SIDES)
def test_an_edit_after_the_approval_is_asked_again_and_not_deleted(case, side):
    case.take_off(side)
    case.world.sync()
    case.world.answer(only(case.world, "deletion").id, "approve")
    case.edit(other(side), 9)
    case.world.sync()
    assert left(case, other(side)) == [9]
    assert only(case.world, "conflict").item.field is None


def test_the_question_withdraws_itself_when_the_record_is_restored(case):
    case.take_off("procore")
    case.world.sync()
    assert only(case.world, "deletion")
    case.world.procore.hand_restore("injury", case.injury)
    assert is_quiet(case.world)
    assert case.world.inbox() == []
    assert case.state() is LinkState.LIVE


def test_restored_in_procore_after_the_approval_it_is_made_again_once_in_4hse(case):
    case.take_off("procore")
    case.world.sync()
    case.world.answer(only(case.world, "deletion").id, "approve")
    case.world.sync()
    case.world.procore.hand_restore("injury", case.injury)
    case.world.sync()
    assert case.days == ([3], [3])
    assert case.state() is LinkState.LIVE
    assert is_quiet(case.world)


def test_taken_off_on_both_sides_nothing_is_asked_any_more(case):
    case.take_off("procore")
    case.world.sync()
    case.take_off("fourhse")
    case.world.sync()
    assert case.state() is LinkState.ENDED
    assert is_quiet(case.world)
    assert case.world.inbox() == []


def test_an_ended_pair_costs_no_calls(case):
    idle = case.world.sync().calls
    case.take_off("procore")
    case.take_off("fourhse")
    case.world.sync()
    case.world.sync()
    assert case.world.sync().calls == idle


# The other policies -----------------------------------------------------------------------------------------------


def test_propagate_takes_it_to_the_bin_and_asks_where_nothing_comes_back(case):
    case.world.with_route(deletions=Policy.PROPAGATE)
    case.take_off("fourhse")
    assert case.world.sync().written["procore"]["deleted"] == 1
    assert [one["id"] for one in case.world.procore.bin(int(case.world.route.procore_project))] == [case.injury]
    assert is_quiet(case.world)


def test_propagate_still_asks_before_4hse_loses_a_person(case):
    case.world.with_route(deletions=Policy.PROPAGATE)
    case.take_off("procore")
    assert is_quiet(case.world)
    assert only(case.world, "deletion")
    assert case.days == ([], [3])


@pytest.mark.parametrize("side", SIDES)
def test_ignore_leaves_the_other_one_alone(case, side):
    case.world.with_route(deletions=Policy.IGNORE)
    case.take_off(side)
    assert is_quiet(case.world)
    case.edit(other(side), 9)
    assert is_quiet(case.world)
    assert case.world.inbox() == []
    assert left(case, other(side)) == [9]


def test_whom_people_enter_beside_an_ignored_survivor_crosses_once_and_the_survivor_stays(case):
    case.world.with_route(deletions=Policy.IGNORE)
    case.take_off("fourhse")
    assert is_quiet(case.world)
    hurt_on_site(case.world, case.site, case.party, days=5)
    case.world.sync()
    assert is_quiet(case.world)
    assert case.days == ([3, 5], [5])
    assert case.world.inbox() == []


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("by", ["policy", "answer"])
def test_somebody_else_whom_a_survivor_names_later_crosses(case, side, by):
    """What was left alone is the person who was taken out; whom the record names now nobody has spoken of."""
    bo = hire(case.world, "Bo Ray", "E2")
    if by == "policy":
        case.world.with_route(deletions=Policy.IGNORE)
    case.take_off(side)
    case.world.sync()
    if by == "answer":
        case.world.answer(only(case.world, "deletion").id, "reject")
    assert is_quiet(case.world)
    if side == "procore":
        case.world.fourhse.hand_edit("incident-person", case.person, person_office_id=bo[1])
    else:
        case.world.procore.hand_edit("injury", case.injury, affected_party_id=bo[0])
    case.world.sync()
    assert is_quiet(case.world)
    assert crew.on_site(case.world, case.site) == [("injury", bo[0], 3)]
    assert crew.in_office(case.world, case.office) == [(bo[1], 3)]
    (person,) = case.world.office()[case.office]["persons"]
    assert (person["office_incident_person_id"] == case.person) == (side == "procore"), "no id is given twice"
    assert (case.world.inbox(), case.state()) == ([], LinkState.LIVE)


def test_whom_a_survivor_named_when_it_was_to_stay_is_never_copied(case):
    bo = hire(case.world, "Bo Ray", "E2")
    case.take_off("fourhse")
    case.world.procore.hand_edit("injury", case.injury, affected_party_id=bo[0])
    case.world.sync()
    (entry,) = case.world.inbox()
    case.world.answer(entry.id, "reject")
    assert is_quiet(case.world)
    assert (crew.in_office(case.world, case.office), case.world.inbox()) == ([], [])


@pytest.mark.parametrize("side", SIDES)
def test_a_person_cannot_be_closed_and_is_asked_about(case, side):
    case.world.with_route(deletions=Policy.CLOSE)
    case.take_off(side)
    assert is_quiet(case.world)
    assert only(case.world, "deletion")


# Evidence ---------------------------------------------------------------------------------------------------------


def test_without_rights_to_the_bin_it_is_missing_until_a_person_says_so(case):
    case.world.procore.service_account_is_admin = False
    case.take_off("procore")
    assert is_quiet(case.world)
    item = only(case.world, "missing")
    assert item.item.procore_id == case.site
    case.world.answer(item.id, "approve")
    assert is_quiet(case.world)
    case.world.answer(only(case.world, "deletion").id, "approve")
    case.world.sync()
    assert case.days == ([], [])
    assert is_quiet(case.world)
    assert case.world.inbox() == []


def test_a_view_that_fails_proves_nothing(case):
    case.world.faults.add(FaultKind.FORBIDDEN, path="incident-person/view", times=None)
    case.take_off("fourhse")
    case.world.sync()
    assert [entry.item.kind for entry in case.world.inbox()] == ["missing"]
    assert case.days == ([3], [])


@pytest.mark.parametrize("answers", [404, 200])
def test_a_recycled_record_that_still_answers_is_gone_all_the_same(build, answers):
    case = Case(build(procore_dials=ProcoreDials(recycled_get_answers=answers)))
    case.take_off("procore")
    case.world.sync()
    case.world.answer(only(case.world, "deletion").id, "approve")
    case.world.sync()
    assert case.days == ([], [])


@pytest.mark.parametrize("side", SIDES)
def test_an_approval_outlives_a_cycle_in_which_nothing_can_be_told(case, side):
    case.take_off(side)
    case.world.sync()
    case.world.answer(only(case.world, "deletion").id, "approve")
    case.world.faults.add(FaultKind.FORBIDDEN, path="/injuries$")
    assert case.world.sync().outcome == "partial"
    case.world.sync()
    assert case.days == ([], [])


# With the incident ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("hides", [True, False], ids=["lists hide them", "lists show them"])
def test_people_of_a_deleted_incident_follow_it_without_a_question(build, hides):
    case = Case(build(procore_dials=ProcoreDials(delete_hides_children_in_lists=hides)))
    case.world.procore.hand_delete("incident", int(case.site))
    case.world.sync()
    assert [entry.item.kind for entry in case.world.inbox()] == ["deletion"]
    case.world.answer(only(case.world, "deletion").id, "approve")
    report = case.world.sync()
    assert report.written["fourhse"]["deleted"] == 1
    assert case.office not in case.world.office()
    assert is_quiet(case.world)
    assert case.world.inbox() == []


def test_a_deleted_incident_s_people_cost_no_calls_for_ever(case):
    idle = case.world.sync().calls
    case.world.procore.hand_delete("incident", int(case.site))
    case.world.sync()
    case.world.answer(only(case.world, "deletion").id, "approve")
    case.world.sync()
    assert case.world.sync().calls == idle


@pytest.mark.parametrize("bumps", [True, False])
def test_an_incident_restored_from_the_bin_has_its_people_s_links_back(build, bumps):
    case = Case(build(procore_dials=ProcoreDials(restore_bumps_updated_at=bumps, delete_bumps_updated_at=bumps)))
    case.world.procore.hand_delete("incident", int(case.site))
    case.world.sync()
    case.world.procore.hand_restore("incident", int(case.site))
    assert is_quiet(case.world)
    assert case.world.inbox() == []
    case.edit("procore", 8)
    case.world.sync()
    assert case.days == ([8], [8])


def test_an_incident_made_again_in_4hse_has_its_people_again_once(case):
    case.world.procore.hand_delete("incident", int(case.site))
    case.world.sync()
    case.world.answer(only(case.world, "deletion").id, "approve")
    case.world.sync()
    assert case.office not in case.world.office()
    case.world.procore.hand_restore("incident", int(case.site))
    case.world.sync()
    case.office = partner(case.world, case.site)
    case.world.sync()
    assert case.days == ([3], [3])
    case.edit("procore", 4)
    case.world.sync()
    assert case.days == ([4], [4])
    assert is_quiet(case.world)


@pytest.mark.parametrize("kind", ["injury", "near_miss"])
def test_people_of_an_incident_made_again_hold_what_4hse_alone_knew(case, kind):
    """A near miss has no days in Procore, so those of 4HSE are its own."""
    world = case.world
    party, _ = hire(world, "Bo Diaz", "E2")
    crew.hurt_on_site(world, case.site, party, kind=kind)
    world.sync()
    (person,) = [one for one in world.office()[case.office]["persons"] if one["days"] is None]
    given = {"code": "W61"} if kind == "injury" else {"code": "W61", "days": 4}
    world.fourhse.hand_edit("incident-person", person["office_incident_person_id"], **given)
    assert is_quiet(world)
    world.fourhse.hand_delete("incident", case.office)
    world.sync()
    world.answer(only(world, "deletion").id, "reject", restore=True)
    world.sync()
    people = world.office()[partner(world, case.site)]["persons"]
    (again,) = [one for one in people if one["person_office_id"] == person["person_office_id"]]
    assert {name: again[name] for name in given} == given
    assert [one["code"] for one in people if one is not again] == [None]
    assert is_quiet(world)


def test_a_person_brought_back_in_4hse_holds_what_4hse_alone_knew(case):
    case.world.fourhse.hand_edit("incident-person", case.person, code="W61")
    case.world.sync()
    case.take_off("fourhse")
    case.world.sync()
    case.world.answer(only(case.world, "deletion").id, "reject", restore=True)
    case.world.sync()
    (again,) = case.world.office()[case.office]["persons"]
    assert (again["code"], again["days"]) == ("W61", 3)
    assert is_quiet(case.world)


def test_an_incident_deleted_in_4hse_and_brought_back_has_its_people_again_once(case):
    case.world.fourhse.hand_delete("incident", case.office)
    case.world.sync()
    assert [entry.item.kind for entry in case.world.inbox()] == ["deletion"]
    case.world.answer(only(case.world, "deletion").id, "reject", restore=True)
    case.world.sync()
    case.office = partner(case.world, case.site)
    case.world.sync()
    assert case.days == ([3], [3])
    assert is_quiet(case.world)
    assert case.world.inbox() == []


def test_an_incident_deleted_in_4hse_and_restored_in_procore_has_all_its_people_back(case):
    case.world.fourhse.hand_delete("incident", case.office)
    case.world.with_route(deletions=Policy.PROPAGATE)
    case.world.sync()
    assert case.site not in case.world.site()
    case.world.procore.hand_restore("incident", int(case.site))
    case.world.sync()
    case.office = partner(case.world, case.site)
    case.world.sync()
    assert case.days == ([3], [3])
    assert is_quiet(case.world)


# Limits -----------------------------------------------------------------------------------------------------------


def test_many_people_taken_off_at_once_are_held(build):
    world = build(deletions=Policy.PROPAGATE, limits=replace(Limits(), max_deletes=2))
    site, assignments = world.on_site(), []
    for number in range(4):
        party, assignment = hire(world, f"Ann Lee{number}", f"E{number}")
        hurt_on_site(world, site, party, days=number + 1)
        assignments.append(assignment)
    world.sync()
    people = [one["office_incident_person_id"] for one in world.office()[partner(world, site)]["persons"]]
    for person in people[:3]:
        world.fourhse.hand_delete("incident-person", person)
    report = world.sync()
    assert (report.outcome, report.exit_code, len(crew.on_site(world))) == ("stopped", 7, 4)
    world.answer(only(world, "guard").id, "approve")
    report = world.sync()
    assert (report.outcome, len(crew.on_site(world)), len(crew.in_office(world))) == ("ok", 1, 1)
    assert is_quiet(world)


def test_a_person_added_by_hand_to_another_incident_is_no_return(case):
    """Two records of one person on two incidents have nothing to do with each other."""
    slip = next(one for one, row in case.world.office().items() if row["name"] == "Slip")
    case.take_off("fourhse")
    hurt_in_office(case.world, slip, case.assignment, days=1)
    case.world.sync()
    assert only(case.world, "deletion")
    assert len(crew.in_office(case.world)) == 1
    assert len(crew.on_site(case.world)) == 2
    assert case.world.fourhse.dump(OFFICE)
