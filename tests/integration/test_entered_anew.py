"""Deleted and entered anew, as people correct things: never a second copy, never a person counted twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import actors as crew
from actors import hire, hurt_in_office, hurt_on_site, in_office, on_site, waiting, wrote
from oracle import differences
from procore_4hse.models import Item, ItemKind, Kind, QuestionKey, RecordRef, Side
from procore_4hse.reconcile.snapshot import Policy
from procore_4hse.reconcile.unlinked import ENTERED_ANEW, OUT_OF_SIGHT
from procore_4hse.simulator.faults import FaultKind
from procore_4hse.simulator.fourhse_dials import FourHseDials
from world import OFFICE, World

pytestmark = pytest.mark.any_store  # What is asked is decided above the store.

BOTH = pytest.mark.parametrize("side", ["procore", "fourhse"])
TEXT = "A rope broke and the load came down by the fence."


def linked(build: Callable[..., World], **route: Any) -> World:
    """Three incidents that both sides hold; the first one is about to be corrected."""
    world = build(**route)
    for number in range(3):
        world.on_site(f"Fall {number}", description=f"{TEXT} {number}")
    world.sync(first=True)
    return world


def pair(world: World) -> tuple[str, str]:
    link = min(world.links(), key=lambda link: link.id)
    return link.procore_id, link.fourhse_id


def delete(world: World, side: str) -> None:
    ours, theirs = pair(world)
    if side == "procore":
        world.procore.hand_delete("incident", int(ours))
    else:
        world.fourhse.hand_delete("incident", theirs)


def enter(world: World, side: str, title: str = "Fall 0") -> str:
    """The same incident once more, by a person, with its description corrected."""
    if side == "procore":
        return str(world.on_site(title, description=f"{TEXT} 0 Nobody was hurt."))
    return str(world.in_office(title, description_event=f"{TEXT} 0 Nobody was hurt."))


def counts(world: World) -> tuple[int, int]:
    return len(world.site()), len(world.office())


@pytest.mark.one_case_in(5)
@BOTH
@pytest.mark.parametrize("later", [False, True])
@pytest.mark.parametrize("policy", list(Policy))
def test_nothing_is_doubled_under_any_policy(build, side, later, policy):
    world = linked(build, deletions=policy)
    delete(world, side)
    if later:
        world.sync()
    enter(world, side)
    world.sync()
    world.sync()
    # A deletion that went on by itself before anything was entered leaves no survivor to ask about.
    if not (later and policy is Policy.PROPAGATE and side == "fourhse"):
        [entry] = waiting(world, "match")
        assert "entered anew" in entry.item.reason
        assert waiting(world, "deletion") == []
    assert counts(world) == (3, 3), "a copy would make four"


@pytest.mark.parametrize("form", ["escaped", "cut at four bytes", "emptied"])
def test_one_whose_survivor_keeps_only_a_part_is_asked_about_and_not_copied(build, form):
    """What is entered anew says what the deleted one said, and its survivor never did."""
    world = build(fourhse_dials=FourHseDials(text_kept=form), deletions=Policy.CLOSE)
    text = "A rope \U0001f3d7 <b> broke & the load came down."
    first = world.on_site("Fall \U0001f3d7 <A>", description=text)
    world.sync(first=True)
    world.procore.hand_delete("incident", int(first))
    world.on_site("Fall \U0001f3d7 <A>", description=text)
    world.sync()
    [entry] = waiting(world, "match")
    assert entry.item.reason.startswith(ENTERED_ANEW)
    assert counts(world) == (1, 1)


@BOTH
@pytest.mark.parametrize("edited", ["survivor", "newcomer"])
def test_no_edit_of_either_takes_the_question_back(build, side, edited):
    """As two that look like each other no more, one would be copied and the other one asked about as deleted."""
    world = linked(build)
    delete(world, side)
    again = enter(world, side)
    world.sync()
    [before] = waiting(world, "match")
    number = again if edited == "newcomer" else pair(world)[side == "procore"]
    if number.isdigit():
        world.procore.hand_edit("incident", int(number), title="Trip", description="Quite another thing.")
    else:
        world.fourhse.hand_edit("incident", number, name="Trip", description_event="Quite another thing.")
    for _ in range(2):
        world.sync()
        assert [entry.id for entry in world.inbox()] == [before.id]
    assert counts(world) == (3, 3), "a copy would make four"


def test_a_question_that_names_no_candidates_keeps_no_pair(build):
    """As an earlier version may have left it."""
    world = linked(build)
    key = QuestionKey.match(RecordRef(Side.PROCORE, Kind.INCIDENT, pair(world)[0]))
    with world.store.begin() as unit:
        unit.inbox(world.route.key).add(Item(ItemKind.MATCH, key, "", "", ""))
    assert (world.sync().outcome, world.inbox(), counts(world)) == ("ok", [], (3, 3))


@BOTH
def test_the_same_joins_the_new_record_to_the_survivor(build, side):
    world = linked(build)
    delete(world, side)
    world.sync()
    again = enter(world, side)
    world.sync()
    [entry] = waiting(world, "match")
    _, theirs = pair(world)
    ours = pair(world)[0]
    world.answer(entry.id, "approve", with_id=theirs if side == "procore" else again)
    world.sync()
    wanted = (again, theirs) if side == "procore" else (ours, again)
    assert wanted in [(link.procore_id, link.fourhse_id) for link in world.links() if link.state == "live"]
    assert counts(world) == (3, 3)
    for entry in world.inbox():
        world.answer(entry.id, "resolve", use=side)
    world.sync()
    assert (world.sync().outcome, world.inbox(), counts(world)) == ("ok", [], (3, 3))
    pairs = [(link.procore_id, link.fourhse_id) for link in world.links() if link.state == "live"]
    assert differences(world.site().values(), world.office().values(), pairs, world.zone) == []


@BOTH
def test_different_goes_on_with_the_deletion_and_creates_the_new_one(build, side):
    world = linked(build)
    delete(world, side)
    enter(world, side)
    world.sync()
    [entry] = waiting(world, "match")
    world.answer(entry.id, "reject")
    world.sync()
    assert counts(world) == ((3, 4) if side == "procore" else (4, 3))
    [deletion] = waiting(world, "deletion")
    world.answer(deletion.id, "approve")
    world.sync()
    assert (counts(world), world.inbox(), world.sync().outcome) == ((3, 3), [], "ok")


@BOTH
def test_an_answer_about_the_deletion_waits_for_what_was_entered_anew(build, side):
    world = linked(build)
    delete(world, side)
    world.sync()
    [deletion] = waiting(world, "deletion")
    world.answer(deletion.id, "approve")
    enter(world, side)
    world.sync()
    assert (counts(world), [entry.item.kind.value for entry in world.inbox()]) == ((3, 3), ["match"])


@BOTH
def test_a_survivor_that_is_only_missing_is_no_reason_for_a_copy(build, side):
    """Nothing proves that the old one is gone: it is hidden, and one like it is entered."""
    world = linked(build)
    if side == "procore":
        world.procore.forbid(r"/recycle_bin")
    delete(world, side)
    enter(world, side)
    world.sync()
    assert [entry.item.kind.value for entry in world.inbox()] == ["match"]
    assert counts(world) == (3, 3)


def test_the_old_one_that_returns_is_asked_about_and_not_copied(build):
    world = linked(build)
    old, theirs = pair(world)
    delete(world, "procore")
    world.sync()
    again = enter(world, "procore")
    world.sync()
    [entry] = waiting(world, "match")
    world.answer(entry.id, "approve", with_id=theirs)
    world.sync()
    world.procore.hand_restore("incident", int(old))
    world.sync()
    [entry] = waiting(world, "match")
    assert (entry.item.procore_id, counts(world)) == (old, (4, 3))
    assert "is there again" in entry.item.reason
    assert (again, theirs) in [(link.procore_id, link.fourhse_id) for link in world.links() if link.state == "live"]
    world.answer(entry.id, "reject")
    world.sync()
    assert counts(world) == (4, 4), "a person said that they are two"


# People ----------------------------------------------------------------------------------------------------------


def hurt(build: Callable[..., World], **route: Any) -> tuple[World, str, int, str]:
    """An incident with one injured person, on both sides."""
    world = build(**route)
    party, assignment = hire(world)
    incident = str(world.on_site("Fall", description=TEXT))
    hurt_on_site(world, incident, party, days=3)
    world.sync(first=True)
    world.sync()
    assert (len(on_site(world)), in_office(world)) == (1, [(assignment, 3)])
    return world, incident, party, assignment


def the(world: World, kind: str) -> Any:
    return next(link for link in world.links() if str(link.kind) == kind)


@BOTH
def test_a_person_removed_before_the_answer_is_a_deletion_and_not_made_again(build, side):
    """The incident was deleted and entered anew with them on one side; the other one took them out meanwhile."""
    world, _, party, assignment = hurt(build)
    person = the(world, "injury")
    delete(world, side)
    if side == "procore":
        again, partner = str(world.on_site("Fall", description=TEXT)), pair(world)[1]
        hurt_on_site(world, again, party, days=3)
        world.fourhse.hand_delete("incident-person", person.fourhse_id)
    else:
        again = partner = str(world.in_office("Fall", description_event=TEXT))
        hurt_in_office(world, again, assignment, days=3)
        world.procore.hand_delete("injury", int(person.procore_id))
    world.sync()
    [entry] = waiting(world, "match")
    world.answer(entry.id, "approve", with_id=partner)
    for _ in range(3):
        world.sync()
    assert (len(on_site(world)), len(in_office(world))) == ((1, 0) if side == "procore" else (0, 1))
    [entry] = world.inbox()
    assert entry.item.kind.value == "deletion"
    world.answer(entry.id, "approve")
    world.sync()
    assert (on_site(world), in_office(world), world.sync().outcome, world.inbox()) == ([], [], "ok", [])


@BOTH
def test_whom_people_took_out_of_the_new_record_before_the_answer_is_not_made_there_again(build, side):
    world, _, party, assignment = hurt(build)
    theirs = pair(world)[1]
    delete(world, side)
    if side == "procore":
        again, partner = str(world.on_site("Fall", description=TEXT)), theirs
        person = hurt_on_site(world, again, party, days=3)
        world.sync()
        world.procore.hand_delete("injury", person)
    else:
        again = partner = str(world.in_office("Fall", description_event=TEXT))
        named = hurt_in_office(world, again, assignment, days=3)
        world.sync()
        world.fourhse.hand_delete("incident-person", named)
    world.sync()
    [entry] = waiting(world, "match")
    world.answer(entry.id, "approve", with_id=partner)
    for _ in range(3):
        world.sync()
    assert (len(on_site(world)), len(in_office(world))) == ((0, 1) if side == "procore" else (1, 0))
    assert len([*waiting(world, "missing"), *waiting(world, "deletion")]) == 1


@pytest.mark.parametrize("kind", ["injury", "near_miss"])
def test_a_person_entered_anew_on_site_is_rejoined_unasked(build, kind):
    world, incident, party, assignment = hurt(build)
    world.procore.hand_delete("injury", int(the(world, "injury").procore_id))
    hurt_on_site(world, incident, party, days=3 if kind == "injury" else None, kind=kind)
    report = world.sync()
    world.sync()
    assert wrote(report)["created"] == 0
    assert in_office(world) == [(assignment, 3)]
    assert (waiting(world, "deletion"), waiting(world, "match")) == ([], [])
    assert [str(link.kind) for link in world.links() if str(link.kind) != "incident"] == [kind]


@pytest.mark.parametrize("whole", [False, True], ids=["the person", "the incident"])
def test_days_that_the_office_emptied_are_not_filled_from_a_record_that_was_entered_anew(build, whole):
    """Whoever took them out knows something that the re-entered record does not tell; so it is asked."""
    world, incident, party, assignment = hurt(build)
    person, partner = the(world, "injury"), the(world, "incident").fourhse_id
    if whole:
        delete(world, "procore")
        incident = str(world.on_site("Fall", description=TEXT))
    else:
        world.procore.hand_delete("injury", int(person.procore_id))
    hurt_on_site(world, incident, party, days=3)
    world.fourhse.hand_edit("incident-person", person.fourhse_id, days=None)
    world.sync()
    for entry in waiting(world, "match"):
        world.answer(entry.id, "approve", with_id=partner)
    for _ in range(3):
        world.sync()
    assert in_office(world) == [(assignment, None)]
    [entry] = waiting(world, "conflict")
    assert (entry.item.procore_value, entry.item.fourhse_value, entry.item.base_value) == ("3", "", "3")
    world.answer(entry.id, "resolve", use="procore")
    world.sync()
    assert (in_office(world), world.sync().outcome, world.inbox()) == ([(assignment, 3)], "ok", [])


def test_a_near_miss_entered_anew_as_an_injury_is_one_person_still(build):
    world = build()
    party, assignment = hire(world)
    incident = str(world.on_site("Fall", description=TEXT))
    near = hurt_on_site(world, incident, party, kind="near_miss")
    world.sync(first=True)
    world.sync()
    world.procore.hand_delete("near_miss", int(near))
    hurt_on_site(world, incident, party, days=5)
    for _ in range(3):
        world.sync()
    assert in_office(world) == [(assignment, 5)]
    assert waiting(world, "deletion") == []


def test_a_person_entered_anew_in_the_office_is_rejoined_unasked(build):
    world, _, _, assignment = hurt(build)
    link, parent = the(world, "injury"), the(world, "incident")
    world.fourhse.hand_delete("incident-person", link.fourhse_id)
    hurt_in_office(world, parent.fourhse_id, assignment, days=3)
    for _ in range(2):
        world.sync()
    assert (len(on_site(world)), in_office(world)) == (1, [(assignment, 3)])
    assert (waiting(world, "deletion"), waiting(world, "match")) == ([], [])


def test_two_records_of_one_person_that_both_stand_are_no_re_entry(build):
    world, incident, party, _ = hurt(build)
    hurt_on_site(world, incident, party, days=1)
    for _ in range(2):
        world.sync()
    assert len(in_office(world)) == 2


def without_its_partner(build: Callable[..., World]) -> tuple[World, Any]:
    """An incident was deleted in Procore, and 4HSE does not show its partner now; what it told."""
    world = build()
    for number in range(10):
        world.on_site(f"Fall {number}", description=f"{TEXT} {number}")
    world.sync(first=True)
    world.fourhse.revoke(OFFICE, 0.3)
    world.sync()
    lost = waiting(world, "missing")[0].item.procore_id
    former = world.site()[lost]
    world.procore.hand_delete("incident", int(lost))
    return world, former


@pytest.mark.parametrize("later", [False, True])
def test_one_whose_old_partner_is_out_of_sight_is_asked_about_and_not_copied(build, later):
    """Once the rights are back there would be two; only a person can tell that it is another one."""
    world, former = without_its_partner(build)
    if later:
        world.sync()
    anew = world.on_site(former["title"], description=former["description"])
    for _ in range(3):
        assert wrote(world.sync()) == crew.NOTHING
    (asked,) = (entry for entry in waiting(world, "match") if entry.item.procore_id == anew)
    assert asked.item.reason == OUT_OF_SIGHT
    world.fourhse.grant(OFFICE)
    world.sync()
    assert [len(rows) for rows in (world.site(), world.office())] == [10, 10]
    (again,) = (entry for entry in waiting(world, "match") if anew in str(entry.item))
    assert again.item.reason == ENTERED_ANEW, "its old partner is there to be named"


@BOTH
def test_one_of_whose_old_partner_a_write_is_not_settled_waits_for_that(build, side):
    world = linked(build)
    ours, theirs = pair(world)
    if side == "procore":
        world.fourhse.hand_edit("incident", theirs, status="closed", date_closed="2026-03-02")
        lost, looked_up = {"method": "PATCH"}, f"/incidents/{ours}"
    else:
        world.procore.hand_edit("incident", int(ours), status="closed")
        lost, looked_up = {"path": "/incident/update"}, "/incident/view"
    world.faults.add(FaultKind.LOST_ANSWER, **lost)
    world.sync()
    before = counts(world)
    delete(world, side)
    anew = enter(world, side)
    another = world.on_site("Burn") if side == "procore" else world.in_office("Burn")
    assert [action.source_id for action in world.sync(dry=True).plan.actions] == [another] != [anew]
    world.faults.add(FaultKind.UNAVAILABLE, path=looked_up, times=9)
    world.sync()
    world.faults.clear()
    for _ in range(2):
        world.sync()
    assert [entry.item.reason for entry in world.inbox()] == [ENTERED_ANEW]
    assert counts(world) == (before[0] + 1, before[1] + 1), "but for the other one nothing was copied"


def test_another_one_crosses_although_the_old_partner_is_out_of_sight(build):
    world, former = without_its_partner(build)
    world.on_site("Cut hand", description="A blade slipped near the saw in the carpentry shop today.")
    anew = world.on_site(former["title"], description=former["description"])
    assert wrote(world.sync())["created"] == 1
    (asked,) = (entry for entry in waiting(world, "match") if entry.item.procore_id == anew)
    world.answer(asked.id, "reject")
    assert wrote(world.sync())["created"] == 1
