"""An answer covers exactly what was shown: any move of a record on display voids it, and is told."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from core import child, crowd, injury, involved, near_miss, people

from procore_4hse.mapping.directory import Directory, Hint
from procore_4hse.mapping.lenses.base import INJURED
from procore_4hse.models import Act, Item, ItemKind, Kind, LinkState, QuestionKey, RecordRef, Side
from procore_4hse.reconcile.approval import contents
from procore_4hse.reconcile.identity import is_as_named, named
from procore_4hse.reconcile.plan import plan
from procore_4hse.reconcile.snapshot import Plan, Policy, Presence, Record, Snapshot
from routes import decision, link, office, ref, route, said, site, told

AGAIN = "It is asked again, for since it was answered "
OLD = "It is asked again, for an answer from an earlier version does not tell what was shown then."
GONE = {Side.PROCORE: (Presence.GONE, Presence.PRESENT), Side.FOURHSE: (Presence.PRESENT, Presence.GONE)}
SIDES = pytest.mark.parametrize("side", list(Side))
ANSWERS = pytest.mark.parametrize(("verb", "restore"), [("approve", False), ("reject", False), ("reject", True)])


# The digest of a question ------------------------------------------------------------------------------------------

ITEM = Item(ItemKind.CONFLICT, QuestionKey("difference:1:title"), "Fall", "Why.", "How.", {"seen": {"procore": "A"}})


def test_the_digest_is_about_what_is_shown_and_not_about_its_wording():
    assert replace(ITEM, title="Slip", reason="Else.", advice="Else.", procore_id="1").shown == ITEM.shown
    assert len(ITEM.shown) == 12


@pytest.mark.parametrize(
    "change",
    [
        {"kind": ItemKind.DRIFT},
        {"key": QuestionKey("difference:2:title")},
        {"field": "title"},
        {"procore_value": "A"},
        {"fourhse_value": "A"},
        {"base_value": "A"},
        {"facts": {"seen": {"procore": "B"}}},
    ],
)
def test_everything_that_is_shown_is_in_the_digest(change):
    assert replace(ITEM, **change).shown != ITEM.shown


def test_the_digest_survives_the_store():
    facts = {"b": (1, "2"), "a": {"y": None, "x": ["\ud83d", Side.PROCORE]}}
    item = replace(ITEM, facts=facts)
    assert replace(item, facts=json.loads(json.dumps(facts))).shown == item.shown


# The digests of records --------------------------------------------------------------------------------------------

RESOURCE = Record(Side.FOURHSE, "r1", {"entity_id": "x"}, kind=Kind.RESOURCE)


def test_an_incident_is_shown_with_its_people_and_resources():
    whole = route(people=people(injury(), near_miss(), involved(), further_resources={"a": (RESOURCE,)}))
    assert list(contents(whole, site(), office())) == [
        "procore:incident:1", "fourhse:incident:a", "procore:injury:i1", "procore:near_miss:n1", "fourhse:person:p1",
        "fourhse:resource:r1",
    ]  # fmt: skip


@pytest.mark.parametrize("presence", [Presence.ABSENT, Presence.GONE])
def test_what_is_not_there_shows_nothing(presence):
    whole = route(people=people(injury(presence=presence)))
    assert contents(whole, site(presence=presence)) == {}
    assert list(contents(whole, site())) == ["procore:incident:1"]


def test_what_a_page_that_was_not_read_would_show_is_as_it_was_last():
    assert contents(route(), site(presence=Presence.UNSEEN)) == contents(route(), site())


@pytest.mark.parametrize("change", [{"updated_at": "2026-03-01T00:00:00Z"}, {INJURED: None}, {INJURED: True}])
def test_a_new_date_of_change_and_what_we_derived_are_no_move(change):
    assert contents(route(), site(**change)) == contents(route(), site())


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (site(), site(description="Else.")),
        (office(), office(status="closed")),
        (injury(), injury(work_days_absent=30)),
        (involved(), involved(days=30)),
        (involved(), involved(code="W61")),
        (RESOURCE, replace(RESOURCE, image={"entity_id": "y"})),
    ],
)
def test_any_value_on_display_is_a_move(before, after):
    assert contents(route(), before).keys() == contents(route(), after).keys()
    assert contents(route(), before) != contents(route(), after)


# Deletions ---------------------------------------------------------------------------------------------------------


def survivor(side: Side, **fields: Any) -> tuple[Record, Record]:
    """A pair of which that side's record is gone; the other one shows these fields."""
    ours, theirs = GONE[side]
    there = (site(presence=ours), office(presence=theirs, **fields))
    return there if side is Side.PROCORE else (site(presence=ours, **fields), office(presence=theirs))


def deletion(side: Side, *records: Record, **changes: Any) -> Snapshot:
    return route(*(records or survivor(side)), links=(link(),), **changes)


def asked_again(whole: Snapshot, before: Snapshot) -> Item:
    """What is asked of this route when its only answer was given to the one before; nothing else follows from it."""
    found = plan(replace(whole, decisions=before.decisions))
    assert (found.actions, found.not_duplicates) == ((), ())
    assert LinkState.IGNORED not in [change.state for change in found.transitions]
    [item] = found.items
    return item


@SIDES
@ANSWERS
@pytest.mark.parametrize("policy", list(Policy))
def test_an_edit_after_the_answer_to_a_deletion_is_told_under_every_policy(side, verb, restore, policy):
    before = told(deletion(side), f"deletion:1:{side.value}", verb, restore=restore)
    edited = {"description" if side is Side.FOURHSE else "description_event": "Else."}
    item = asked_again(deletion(side, *survivor(side, **edited), deletions=policy), before)
    name = "Procore 1" if side is Side.FOURHSE else "4HSE a"
    assert item.kind is ItemKind.CONFLICT
    assert item.reason.endswith(f"{AGAIN}{name} was edited.")


@SIDES
@ANSWERS
def test_a_person_who_came_up_after_the_answer_is_told_and_not_named(side, verb, restore):
    before = told(deletion(side), f"deletion:1:{side.value}", verb, restore=restore)
    hurt = people(injury() if side is Side.FOURHSE else involved())
    item = asked_again(deletion(side, people=hurt), before)
    assert item.reason.endswith(f"{AGAIN}the record of a person in {side.other.label} came up.")
    fewer = asked_again(deletion(side), told(deletion(side, people=hurt), item.key, verb, restore=restore))
    assert fewer.reason.endswith(f"{AGAIN}the record of a person in {side.other.label} is no longer part of it.")


def test_more_days_and_another_resource_after_the_answer_are_told():
    hurt = people(involved(), further_resources={"a": (RESOURCE,)})
    before = told(deletion(Side.PROCORE, people=hurt), "deletion:1:procore", "approve")
    more = people(involved(days=30), involved("p2", days=2), further_resources={"a": ()})
    item = asked_again(deletion(Side.PROCORE, people=more), before)
    assert item.reason.endswith(
        f"{AGAIN}the record of a person in 4HSE was edited; the record of a person in 4HSE came up; "
        "a resource in 4HSE is no longer part of it."
    )


@SIDES
def test_an_answer_counts_again_for_nothing_but_what_was_shown(side):
    """A second answer, to the question as it stands by then, is carried out."""
    before = told(deletion(side), f"deletion:1:{side.value}", "approve")
    hurt = deletion(side, people=people(injury(), involved()))
    item = asked_again(hurt, before)
    [action] = plan(replace(hurt, decisions=said(item, "approve"))).actions
    assert (action.act, action.side) == (Act.DELETE, side.other)


@SIDES
@ANSWERS
def test_an_answer_without_a_digest_is_asked_again_and_says_so(side, verb, restore):
    old = decision(f"deletion:1:{side.value}", verb, restore=restore, seen={"edited": False})
    item = asked_again(deletion(side), replace(deletion(side), decisions=old))
    assert item.reason.endswith(OLD)


def test_a_person_s_survivor_that_was_edited_after_the_answer_is_asked_about_again():
    whole = crowd(injury(presence=Presence.GONE), involved(), links=(child(),))
    before = told(whole, "deletion:injury-i1:procore", "approve")
    found = plan(replace(crowd(injury(presence=Presence.GONE), involved(code="W61"), links=(child(),)),
                         decisions=before.decisions))  # fmt: skip
    [item] = found.items
    assert (found.actions, item.kind) == ((), ItemKind.DELETION)
    assert item.reason.endswith(f"{AGAIN}the record of a person in 4HSE was edited.")


# Another office of 4HSE --------------------------------------------------------------------------------------------

MOVED = replace(office(presence=Presence.ABSENT), office="annex")
WHERE = "It is in another office of 4HSE now: annex."


def test_a_survivor_that_moved_is_asked_about_again_with_its_place_for_as_long_as_it_is_there():
    before = told(deletion(Side.PROCORE), "deletion:1:procore", "approve")
    known = link(state=LinkState.GONE_PROCORE)
    moved = route(site(presence=Presence.GONE), MOVED, links=(known,))
    item = asked_again(moved, before)
    assert (item.kind, item.key) == (ItemKind.DELETION, "deletion:1:procore")
    assert WHERE in item.reason
    assert "deletes nothing in another office" in item.advice
    assert WHERE in plan(moved).items[0].reason


@pytest.mark.parametrize("policy", list(Policy))
def test_nothing_is_written_to_another_office(policy):
    moved = route(site(presence=Presence.GONE), MOVED, links=(link(),), deletions=policy)
    assert plan(moved).actions == ()
    answered = plan(told(replace(moved, deletions=Policy.ASK), "deletion:1:procore", "approve"))
    assert (answered.actions, [change.state for change in answered.transitions]) == ((), [LinkState.IGNORED])


def test_one_that_moved_while_its_partner_lives_is_missing_and_tells_its_place():
    [item] = plan(route(site(), MOVED, links=(link(),))).items
    assert (item.kind, WHERE in item.reason) == (ItemKind.MISSING, True)


# Missing -----------------------------------------------------------------------------------------------------------


@SIDES
def test_an_edit_of_the_other_one_voids_the_word_that_a_missing_one_was_deleted(side):
    ours, theirs = site(), office()
    lost = replace(ours if side is Side.PROCORE else theirs, presence=Presence.ABSENT, evidence="")
    there = theirs if side is Side.PROCORE else ours
    before = told(route(lost, there, links=(link(),)), f"missing:1:{side.value}", "approve")
    assert [item.kind for item in plan(before).items] == [ItemKind.DELETION]
    edited = replace(there, image={**there.image, "status": "closed"})
    item = asked_again(route(lost, edited, links=(link(),)), before)
    name = "4HSE a" if side is Side.PROCORE else "Procore 1"
    assert (item.kind, item.reason.endswith(f"{AGAIN}{name} was edited.")) == (ItemKind.MISSING, True)
    old = replace(before, decisions=decision(f"missing:1:{side.value}", "approve"))
    assert asked_again(route(lost, there, links=(link(),)), old).reason.endswith(OLD)


# Matches -----------------------------------------------------------------------------------------------------------

LIKE = {"description_event": "Another one."}
UNLIKE = {"name": "Trip", "description_event": "Quite another thing.", "date_incident": "2026-05-20"}
EQUAL: dict[str, Any] = {}


@pytest.mark.parametrize(("verb", "options"), [("approve", {"with_id": "a"}), ("reject", {})])
@pytest.mark.parametrize("now", [{"description_event": "Rain."}, UNLIKE, EQUAL], ids=["alike", "unlike", "equal"])
def test_an_edit_of_a_candidate_voids_the_answer_however_alike_the_two_are_by_now(verb, options, now):
    before = told(route(site(), office(**LIKE)), "match:procore:1", verb, **options)
    item = asked_again(route(site(), office(**now)), before)
    assert item.facts["candidates"] == ["a"]
    assert item.reason.endswith(f"{AGAIN}4HSE a was edited.")


@pytest.mark.parametrize(("verb", "options"), [("approve", {"with_id": "a"}), ("reject", {})])
def test_a_new_candidate_voids_the_answer(verb, options):
    before = told(route(site(), office(**LIKE)), "match:procore:1", verb, **options)
    item = asked_again(route(site(), office(**LIKE), office("b", **LIKE)), before)
    assert item.facts["candidates"] == ["a", "b"]
    assert item.reason.endswith(f"{AGAIN}4HSE b came up.")
    clear = asked_again(route(site(), office(**LIKE), office("b")), before)
    assert clear.facts["candidates"] == ["a", "b"], "neither is linked with another one before that is told"


def test_an_injury_that_came_up_on_a_candidate_voids_the_answer():
    before = told(route(site(), office(**LIKE)), "match:procore:1", "reject")
    item = asked_again(route(site(), office(**LIKE), people=people(involved())), before)
    assert item.reason.endswith(f"{AGAIN}the record of a person in 4HSE came up.")


def test_what_nobody_was_asked_about_goes_on_beside_a_void_answer():
    before = told(route(site(), office(**LIKE)), "match:procore:1", "approve", with_id="a")
    other = site("2", title="Slip", event_date="2026-02-25T11:00:00Z")
    found = plan(replace(route(site(), office(**UNLIKE), other), decisions=before.decisions))
    assert [(action.act, action.source_id) for action in found.actions] == [(Act.CREATE, "2")]
    assert [item.key for item in found.items] == ["match:procore:1"]


def test_neither_of_two_that_are_asked_about_again_is_linked_with_another_one_meanwhile():
    slip = site("2", title="Slip", description="Ice.", event_date="2026-02-25T11:00:00Z")
    before = told(route(site(), office(**LIKE)), "match:procore:1", "approve", with_id="a")
    as_slip = office(name="Slip", description_event="Ice.", date_incident="2026-02-25")
    found = plan(replace(route(site(), slip, as_slip), decisions=before.decisions))
    assert (found.actions, {item.key for item in found.items}) == ((), {"match:procore:1", "match:procore:2"})


def test_the_one_that_was_called_the_same_as_what_another_one_has_by_now_is_not_copied():
    before = told(route(site(), office(**LIKE)), "match:procore:1", "approve", with_id="a")
    slip = site("2", title="Slip"), office(name="Slip")
    found = plan(replace(route(site(), *slip, links=(link(*slip),)), decisions=before.decisions))
    [item] = found.items
    assert (found.actions, item.key) == ((), "match:procore:1")
    assert item.reason.startswith("It was called the same as 4HSE a, which is linked with another one.")


def test_a_candidate_that_is_gone_since_is_asked_about_without_it():
    both = route(site(), office(**LIKE), office("b", **LIKE))
    before = told(both, "match:procore:1", "approve", with_id="a")
    item = asked_again(route(site(), office(**LIKE)), before)
    assert item.reason.endswith(f"{AGAIN}4HSE b is no longer part of it.")


def test_an_answer_stands_while_a_listing_was_not_whole():
    """The candidate stands on a page that was not read: nobody can tell that it moved."""
    before = told(route(site(), office(**LIKE)), "match:procore:1", "approve", with_id="a")
    unseen = route(site(), office(presence=Presence.UNSEEN, **LIKE), decisions=before.decisions,
                   certified={Side.PROCORE: True, Side.FOURHSE: False})  # fmt: skip
    found = plan(unseen)
    assert (found.actions, found.items) == ((), ())
    assert ref(Side.PROCORE, "1") in found.unknown, "so the answer is kept"


def test_what_another_route_has_linked_stays_left_alone_however_it_is_edited():
    moved = {"linked_elsewhere": frozenset({ref(Side.PROCORE, "1")})}
    before = told(route(site(), **moved), "match:procore:1", "reject")
    for whole in (before, replace(before, decisions=decision("match:procore:1", "reject"))):
        found = plan(replace(route(site(title="Slip"), **moved), decisions=whole.decisions))
        assert (found.actions, found.items, found.answers_in_use) == ((), (), ("match:procore:1",))


def test_an_old_answer_to_a_match_is_asked_again():
    for verb, options in (("approve", {"with_id": "a"}), ("reject", {})):
        old = decision("match:procore:1", verb, seen={"candidates": ["a"]}, **options)
        whole = route(site(), office(**LIKE))
        assert asked_again(whole, replace(whole, decisions=old)).reason.endswith(OLD)


# People ------------------------------------------------------------------------------------------------------------


def which(*others: Record) -> Snapshot:
    return crowd(injury(), near_miss(), *others)


def kinds(found: Plan) -> list[Act]:
    return [action.act for action in found.actions]


def test_which_record_of_a_person_is_which_is_asked_again_when_one_moved():
    before = told(which(involved(), involved("p2")), "match:procore:injury-i1", "approve", with_id="p2")
    assert kinds(plan(before)) == [Act.LINK, Act.LINK]
    found = plan(replace(which(involved(), involved("p2", days=30)), decisions=before.decisions))
    assert found.actions == ()
    assert found.items[0].reason.endswith(f"{AGAIN}the record of a person in 4HSE was edited.")
    more = plan(replace(which(involved(), involved("p2"), involved("p3")), decisions=before.decisions))
    assert (more.actions, len(more.items)) == ((), 2)


ANN = RecordRef(Side.PROCORE, Kind.DIRECTORY, "9")
LISTS = Directory(
    names={Side.PROCORE: {"9": "Ann Lee"}, Side.FOURHSE: {"o1": "Bob Hall"}},
    hints={Side.PROCORE: {"9": (Hint("e-mail", "o1"),)}},
)


def test_a_partner_counts_for_the_person_who_was_shown():
    seen = {"who": {"side": "procore", "id": "9"}, "named": named(LISTS, ANN)}
    [answer] = decision("match:procore:directory-9", "approve", with_id="o1", seen=seen).values()
    assert is_as_named(LISTS, answer)
    assert not is_as_named(replace(LISTS, names={**LISTS.names, Side.PROCORE: {"9": "Cy Roe"}}), answer)
    assert not is_as_named(replace(LISTS, names={**LISTS.names, Side.FOURHSE: {"o1": "Cy Roe"}}), answer)
    assert not is_as_named(replace(LISTS, hints={}), answer)
    assert not is_as_named(replace(LISTS, unpaired={Side.FOURHSE: (("o2", "Ann Leigh"),)}), answer)
    assert not is_as_named(LISTS, replace(answer, seen={"who": seen["who"]}))
    assert not is_as_named(LISTS, replace(answer, seen={}))
