"""The people of a linked incident: who is who, who crosses, and what is asked."""

from dataclasses import replace
from datetime import timedelta

import pytest
from core import DIRECTORY, MAPPING, PERSON_8, WHOLE, child, crowd, injury, involved, near_miss

from procore_4hse.mapping.picklists import Picklists
from procore_4hse.mapping.rules import Direction
from procore_4hse.models import (
    Act,
    Action,
    Item,
    ItemKind,
    Kind,
    LinkState,
    QuestionKey,
    RecordRef,
    Refusal,
    Side,
    SyncStatus,
)
from procore_4hse.reconcile.identity import named
from procore_4hse.reconcile.plan import plan
from procore_4hse.reconcile.refusals import refusal_fingerprint
from procore_4hse.reconcile.snapshot import Plan, Policy, Presence, Rebase, Snapshot
from routes import asked, decision, link, office, ref, site, told

LINKED = {"links": (child(),)}


def sync_status(found: Plan) -> SyncStatus:
    both = found.statuses[Side.PROCORE]["1"], found.statuses[Side.FOURHSE]["a"]
    assert both[0] is both[1]
    assert [len(known) for known in found.statuses.values()] == [1, 1], "a person is no incident of its own"
    return both[0]


def test_nobody_needs_nothing():
    found = plan(crowd())
    assert (found.actions, found.items, found.unknown, sync_status(found)) == ((), (), frozenset(), SyncStatus.IN_SYNC)


def test_people_who_agree_need_nothing():
    found = plan(crowd(injury(), involved(), **LINKED))
    assert (found.actions, found.items, found.rebases, sync_status(found)) == ((), (), (), SyncStatus.IN_SYNC)


# Who is who ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("record", "fields"), [(injury(), {"person", "days"}), (near_miss(), {"person"})])
def test_one_of_each_who_name_one_person_are_linked(record, fields):
    found = plan(crowd(record, involved()))
    assert found.actions == (
        Action(Act.LINK, Side.FOURHSE, record.kind, "p1", record.id, "both name the same person", parent="1"),
    )
    assert [replace(r, fields=set(r.fields)) for r in found.rebases] == [Rebase(record.kind, record.id, "p1", fields)]
    assert (found.items, sync_status(found)) == ((), SyncStatus.IN_SYNC)


def test_linked_people_who_differ_follow_the_rule_at_once():
    found = plan(crowd(injury(), involved(days=5)))
    assert [action.act for action in found.actions] == [Act.LINK]
    [item] = found.items
    assert (item.kind, item.key, item.title) == (ItemKind.CONFLICT, "difference:injury-i1:days", "Fall")
    assert (item.procore_id, item.fourhse_id) == ("1", "a"), "people look it up by the incident"
    assert (item.procore_value, item.fourhse_value, sync_status(found)) == ("3", "5", SyncStatus.WAITING)
    filled = plan(crowd(injury(work_days_absent=None), involved())).actions[1]
    assert filled == Action(
        Act.UPDATE, Side.PROCORE, Kind.INJURY, "i1", "p1", "Days of absence: Procore has none yet",
        {"work_days_absent": 3}, {"days": {"days": 3}}, {"work_days_absent": None}, parent="1",
    )  # fmt: skip


def test_two_people_are_told_apart_by_whom_they_name():
    found = plan(crowd(injury(), injury("i2", **PERSON_8), involved(), involved("p2", person_office_id="o8")))
    assert [(action.act, action.source_id, action.target_id) for action in found.actions] == [
        (Act.LINK, "i1", "p1"),
        (Act.LINK, "i2", "p2"),
    ]


def test_several_records_of_one_person_are_asked_about():
    found = plan(crowd(injury(), near_miss(), involved(days=None), involved("p2", days=4)))
    reason = "One person has several records on this incident; which is which must be told."
    listed = "4HSE p1 0 days; 4HSE p2 4 days. If the same: procore-4hse inbox approve ID --with RECORD_ID; "
    advice = f"{listed}different, and it is never copied: procore-4hse inbox reject ID"
    facts = {"candidates": ["p1", "p2"], "records": {}}
    assert asked(found) == (
        Item(ItemKind.MATCH, "match:procore:injury-i1", "Fall", reason, advice, facts, procore_id="i1"),
        Item(ItemKind.MATCH, "match:procore:near_miss-n1", "Fall", reason, advice, facts, procore_id="n1"),
    )
    assert (found.actions, sync_status(found)) == ((), SyncStatus.WAITING)


def test_a_person_may_tell_who_is_who_and_the_rest_follows():
    whole = crowd(injury(), near_miss(), involved(), involved("p2"))
    found = plan(told(whole, "match:procore:injury-i1", "approve", with_id="p2"))
    assert [(action.act, action.source_id, action.target_id) for action in found.actions] == [
        (Act.LINK, "i1", "p2"),
        (Act.LINK, "n1", "p1"),
    ]
    assert (found.items, set(found.answers_in_use)) == ((), {"match:procore:injury-i1"})


def test_people_whom_a_person_joined_follow_the_rule_under_the_incident_s_title():
    whole = crowd(injury(), near_miss(), involved(), involved("p2", days=5))
    found = plan(told(whole, "match:procore:injury-i1", "approve", with_id="p2"))
    assert [(item.key, item.title) for item in found.items] == [("difference:injury-i1:days", "Fall")]


def test_an_answer_about_a_partner_who_is_not_there_links_nothing():
    whole = crowd(injury(), near_miss(), involved(), involved("p2"))
    found = plan(told(whole, "match:procore:injury-i1", "approve", with_id="p9"))
    assert (found.actions, len(found.items)) == ((), 2)


@pytest.mark.parametrize(
    ("records", "key"),
    [([injury(**PERSON_8)], "match:procore:injury-i1"), ([involved()], "match:fourhse:person-p1")],
)
def test_a_person_may_say_that_a_record_stays_home(records, key):
    found = plan(crowd(*records, decisions=decision(key, "reject")))
    assert (found.actions, found.items, found.answers_in_use) == ((), (), (key,))
    other = plan(crowd(*records, decisions=decision(key, "approve", with_id="x")))
    assert len(other.actions) == 1, "only a no keeps it home"


def test_a_record_that_stays_home_leaves_the_other_two_to_each_other():
    found = plan(crowd(injury(), near_miss(), involved(), decisions=decision("match:procore:near_miss-n1", "reject")))
    assert [(action.act, action.source_id, action.target_id) for action in found.actions] == [(Act.LINK, "i1", "p1")]


@pytest.mark.parametrize(
    "nobody",
    [
        injury(affected_party=None),
        near_miss(affected_party=None),
        involved(person_office_id=None),
        replace(near_miss(), kind=Kind.PROPERTY_DAMAGE),
        replace(near_miss(), kind=Kind.ENVIRONMENTAL),
        replace(near_miss(), presence=Presence.ABSENT),
        replace(involved(), presence=Presence.UNSEEN),
    ],
)
def test_a_record_that_names_nobody_or_is_not_seen_has_no_partner_and_holds_nothing(nobody):
    found = plan(crowd(nobody))
    assert (found.actions, found.items, sync_status(found)) == ((), (), SyncStatus.IN_SYNC)


# Who crosses -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("record", "fields", "sources"),
    [
        (
            injury(), {"person_office_id": "o7", "days": 3},
            {"person": {"affected_party": {"id": 7}, "affected_person": None}, "days": {"work_days_absent": 3}},
        ),
        (
            injury(work_days_absent=None), {"person_office_id": "o7"},
            {"person": {"affected_party": {"id": 7}, "affected_person": None}, "days": {"work_days_absent": None}},
        ),
        (
            near_miss(), {"person_office_id": "o7"},
            {"person": {"affected_party": {"id": 7}, "affected_person": None}},
        ),
    ],
)  # fmt: skip
def test_a_person_named_in_procore_is_made_in_4hse(record, fields, sources):
    found = plan(crowd(record, parent=link(generation=2)))
    created = [action for action in found.actions if action.kind is not Kind.INCIDENT]
    assert created == [
        Action(
            Act.CREATE, Side.FOURHSE, record.kind, None, record.id, "a person named in Procore",
            {**fields, "office_incident_id": "a"}, sources, generation=2, parent="1",
        )
    ]  # fmt: skip


@pytest.mark.parametrize(("days", "carried"), [(3, {"days": 3}), (None, {})])
def test_a_person_of_an_incident_that_is_made_again_has_what_4hse_alone_held_of_them(days, carried):
    held = {"person_office_id": "o8", "days": 9, "note": "Saw it."}
    [action] = plan(
        crowd(injury(work_days_absent=days), deleted_images={ref(Side.PROCORE, "i1", Kind.INJURY): held})
    ).actions
    assert action.fields == {"person_office_id": "o7", **carried, "note": "Saw it.", "office_incident_id": "a"}
    [other] = plan(
        crowd(
            injury(work_days_absent=days),
            deleted_images={
                ref(Side.PROCORE, "i2", Kind.INJURY): held,
                ref(Side.PROCORE, "i1", Kind.NEAR_MISS): held,
            },
        )
    ).actions
    assert other.fields == {"person_office_id": "o7", **carried, "office_incident_id": "a"}


def test_what_4hse_held_of_a_person_is_nothing_for_procore():
    [action] = plan(
        crowd(involved(), deleted_images={ref(Side.FOURHSE, "p1", Kind.PERSON): {"note": "Saw it."}})
    ).actions
    assert action.fields == {"affected_party_id": 7, "incident_id": 1}


@pytest.mark.parametrize(
    ("category", "kind", "fields"),
    [
        ("ACCIDENTS", Kind.INJURY, {"affected_party_id": 7, "work_days_absent": 3}),
        ("NON_COMPLIANCE", Kind.NEAR_MISS, {"affected_party_id": 7}),
        ("Fire", Kind.NEAR_MISS, {"affected_party_id": 7}),
    ],
)
def test_a_person_from_4hse_becomes_an_injury_under_the_injury_word_else_a_near_miss(category, kind, fields):
    found = plan(crowd(involved(), category=category))
    [action] = found.actions
    assert (action.act, action.side, action.kind) == (Act.CREATE, Side.PROCORE, kind)
    assert action.fields == {**fields, "incident_id": 1}
    assert (action.source_id, action.reason, action.parent) == ("p1", "a person named in 4HSE", "1")
    assert action.sources["person"] == {"person_office_id": "o7"}


def test_without_a_category_row_a_person_from_4hse_is_a_near_miss():
    bare = replace(WHOLE, fields=tuple(row for row in WHOLE.fields if row.key != "category"))
    [action] = plan(crowd(involved(), category="ACCIDENTS", mapping=bare)).actions
    assert action.kind is Kind.NEAR_MISS


def test_a_one_way_route_takes_nobody_the_other_way():
    assert plan(crowd(involved(), direction=Direction.TO_FOURHSE)).actions == ()
    assert plan(crowd(near_miss(), direction=Direction.TO_PROCORE)).actions == ()
    assert len(plan(crowd(near_miss(), direction=Direction.TO_FOURHSE)).actions) == 1


@pytest.mark.parametrize(
    ("record", "said", "ids"),
    [
        (
            near_miss(affected_party={"id": 9}),
            "This person has no partner in the 4HSE office; the incident itself crosses.",
            {"key": "match:procore:directory-9", "procore_id": "9"},
        ),
        (
            involved(person_office_id="o9"),
            "This person has no partner in Procore's directory; the incident itself crosses.",
            {"key": "match:fourhse:directory-o9", "fourhse_id": "o9"},
        ),
    ],
)
def test_a_person_without_a_partner_holds_that_person_only(record, said, ids):
    advice = (
        "Give the person the same employee id, tax code or e-mail on both sides, or name the partner: "
        "procore-4hse inbox approve ID --with RECORD_ID; never copy this person: procore-4hse inbox reject ID"
    )
    found = plan(crowd(record, involved("p2", person_office_id="o8")))
    person = RecordRef(record.side, Kind.DIRECTORY, ids[f"{record.side.value}_id"])
    assert found.items == (
        Item(
            kind=ItemKind.MATCH, title="Fall", reason=said, advice=advice,
            facts={
                "candidates": [], "records": {}, "who": {"side": record.side.value, "id": person.id},
                "named": named(DIRECTORY, person),
            },
            **ids,
        ),
    )  # fmt: skip
    assert [action.source_id for action in found.actions] == ["p2"]
    assert sync_status(found) is SyncStatus.WAITING


@pytest.mark.parametrize(
    ("record", "names", "said", "perhaps"),
    [
        (
            near_miss(affected_party={"id": 9, "name": "Ann Lee"}), "Ann",
            "Ann Lee has no partner in the 4HSE office; the incident itself crosses.", "4HSE",
        ),
        (
            involved(person_office_id="o9", person_first_name="Ann", person_last_name="Lee"), "Lee",
            "Ann Lee has no partner in Procore's directory; the incident itself crosses.", "Procore",
        ),
    ],
)  # fmt: skip
def test_a_person_without_a_partner_is_named_beside_those_of_a_similar_name(record, names, said, perhaps):
    few = tuple((f"x{number}", f"{names} {number}") for number in range(6))
    found = plan(unpaired(crowd(record), {record.side.other: (*few, ("y", "Bob Hall")), record.side: (("z", "Ann"),)}))
    [item] = found.items
    listed = "; ".join(f"{perhaps} x{number} {names} {number}" for number in range(5))
    assert (item.reason, item.advice.partition(". Give ")[0]) == (said, f"Perhaps: {listed}")


def unpaired(whole: Snapshot, names: dict[Side, tuple[tuple[str, str], ...]]) -> Snapshot:
    """The same with these people in the directories, none of whom has a partner."""
    return replace(whole, people=replace(whole.people, picklists=Picklists(replace(DIRECTORY, unpaired=names))))


def test_days_that_cannot_be_read_stay_behind():
    [action] = plan(crowd(injury(work_days_absent="many"))).actions
    assert action.fields == {"person_office_id": "o7", "office_incident_id": "a"}


def test_a_refused_person_waits_and_shows_on_the_incident():
    plain = crowd(near_miss())
    [action] = plan(plain).actions
    key = QuestionKey.refused(action)
    refusal = Refusal(key, Side.FOURHSE, "No.", refusal_fingerprint(action), plain.now + timedelta(hours=1))
    found = plan(replace(plain, refusals={key: refusal}))
    assert found.actions == ()
    assert [(item.key, item.title, item.procore_id, item.fourhse_id) for item in found.items] == [
        (key, "Fall", "1", "a")
    ]
    assert sync_status(found) is SyncStatus.REFUSED
    due = plan(replace(plain, refusals={key: replace(refusal, next_try=None)}))
    assert (due.actions, sync_status(due)) == ((action,), SyncStatus.WAITING)


# Linked people ---------------------------------------------------------------------------------------------------


def test_an_edit_of_a_person_crosses_as_an_update():
    found = plan(crowd(injury(work_days_absent=9), involved(), **LINKED))
    assert found.actions == (
        Action(
            Act.UPDATE, Side.FOURHSE, Kind.INJURY, "p1", "i1", "Days of absence: changed in Procore",
            {"days": 9}, {"days": {"work_days_absent": 9}}, {"days": 3}, parent="1",
        ),
    )  # fmt: skip


def test_the_correction_of_a_person_is_an_update():
    found = plan(crowd(injury(), involved(person_office_id="o8"), **LINKED))
    assert [(a.act, a.side, a.fields) for a in found.actions] == [(Act.UPDATE, Side.PROCORE, {"affected_party_id": 8})]


EIGHT = injury("i2", **PERSON_8), involved("p2", person_office_id="o8")
"""Another person of the same incident, on both sides."""
NOW_SEVEN = injury("i2"), EIGHT[1]
NOW_SEVEN_IN_4HSE = EIGHT[0], involved("p2")
WHO = "difference:injury-i2:person"


@pytest.mark.parametrize(
    ("corrected", "other"),
    [
        (NOW_SEVEN, (injury(presence=Presence.GONE), involved())),
        (NOW_SEVEN_IN_4HSE, (injury(), involved(presence=Presence.GONE))),
        (NOW_SEVEN, (involved(),)),
        (NOW_SEVEN_IN_4HSE, (injury(),)),
    ],
    ids=["survivor in 4HSE", "survivor in Procore", "new in 4HSE", "new in Procore"],
)
def test_no_correction_counts_a_person_twice(corrected, other):
    """Nor is the other record copied, which would do the same."""
    links = (child(*EIGHT), child()) if len(other) == 2 else (child(*EIGHT),)
    whole = crowd(*corrected, *other, links=links)
    found = plan(whole)
    [question] = [item for item in found.items if item.key == WHO]
    assert (found.actions, question.kind, sync_status(found)) == ((), ItemKind.CONFLICT, SyncStatus.WAITING)
    assert "names this person already: they would be counted twice" in question.reason
    into = Side.FOURHSE if corrected is NOW_SEVEN else Side.PROCORE
    for use, side in (("fourhse", Side.PROCORE), ("procore", Side.FOURHSE)):
        [write, *_] = plan(told(whole, WHO, "resolve", use=use)).actions
        assert (write.act, write.side, write.target_id) == (Act.UPDATE, side, corrected[side is Side.FOURHSE].id)
        before = decision(WHO, "resolve", use=use, seen={"seen": question.facts["seen"]})
        assert bool(plan(replace(whole, decisions=before)).actions) is (side is not into), "it was not asked then"


def test_a_correction_goes_on_once_the_other_record_of_the_person_is_gone_too():
    gone = injury(presence=Presence.GONE), involved(presence=Presence.GONE)
    found = plan(crowd(*NOW_SEVEN, *gone, links=(child(*EIGHT), child())))
    assert [(a.act, a.target_id, a.fields) for a in found.actions] == [(Act.UPDATE, "p2", {"person_office_id": "o7"})]


def test_a_correction_to_a_person_whom_both_sides_have_on_another_record_is_told_to_both():
    found = plan(crowd(*NOW_SEVEN, injury(), involved(), links=(child(*EIGHT), child())))
    assert [(a.act, a.target_id, a.fields) for a in found.actions] == [(Act.UPDATE, "p2", {"person_office_id": "o7"})]


def test_a_linked_near_miss_has_no_days():
    pair = child(near_miss())
    assert plan(crowd(near_miss(), involved(days=9), links=(pair,))).actions == ()


def test_a_linked_person_is_not_looked_at_twice():
    found = plan(crowd(injury(), involved(), injury("i2"), **LINKED))
    assert [(action.act, action.source_id) for action in found.actions] == [(Act.CREATE, "i2")]


def test_a_near_miss_may_bear_the_number_of_an_injury():
    found = plan(crowd(injury("5"), involved(), near_miss("5", **PERSON_8), links=(child(injury("5")),)))
    assert [(action.act, action.kind, action.source_id) for action in found.actions] == [
        (Act.CREATE, Kind.NEAR_MISS, "5")
    ]


def test_a_conflict_of_linked_people_bears_the_title_of_the_incident():
    [item] = plan(crowd(injury(work_days_absent=9), involved(days=5), **LINKED)).items
    assert (item.kind, item.title) == (ItemKind.CONFLICT, "Fall")


def test_one_person_with_an_open_intent_holds_no_other():
    other = near_miss(), involved("p2")
    moved = replace(other[1], image={**other[1].image, "person_office_id": "o8"})
    pairs = child(), child(injury("i2"), involved("p3"))
    third = injury("i2", work_days_absent=9), involved("p3")
    pending = frozenset({ref(Side.PROCORE, "i1", Kind.INJURY)})
    found = plan(crowd(injury(), involved(), other[0], moved, *third, links=(*pairs, child(*other)), pending=pending))
    assert [(action.kind, action.target_id) for action in found.actions] == [
        (Kind.INJURY, "p3"),
        (Kind.NEAR_MISS, "n1"),
    ]


@pytest.mark.parametrize("known", [ref(Side.PROCORE, "i1", Kind.INJURY), ref(Side.FOURHSE, "p1", Kind.PERSON)])
def test_a_person_with_an_open_intent_waits_with_the_incident(known):
    found = plan(crowd(injury(work_days_absent=9), involved(), pending=frozenset({known}), **LINKED))
    assert (found.actions, sync_status(found)) == ((), SyncStatus.WAITING)
    other = plan(
        crowd(
            injury(work_days_absent=9), involved(), pending=frozenset({ref(Side.PROCORE, "i9", Kind.INJURY)}), **LINKED
        )
    )
    assert len(other.actions) == 1


@pytest.mark.parametrize("how", ["pending", "possibly_ours"])
def test_what_an_open_intent_may_have_made_is_neither_linked_nor_copied(how):
    found = plan(crowd(near_miss(), **{how: frozenset({ref(Side.PROCORE, "n1", Kind.NEAR_MISS)})}))
    assert found.actions == ()
    assert len(plan(crowd(near_miss(), **{how: frozenset({ref(Side.FOURHSE, "n1", Kind.NEAR_MISS)})})).actions) == 1


# Deleted people --------------------------------------------------------------------------------------------------


def test_a_deleted_person_is_a_deletion_like_any_other():
    found = plan(crowd(injury(), involved(presence=Presence.GONE), **LINKED))
    [item] = found.items
    assert (item.kind, item.key, item.title) == (ItemKind.DELETION, "deletion:injury-i1:fourhse", "Fall")
    assert (item.procore_id, item.fourhse_id, sync_status(found)) == ("1", "a", SyncStatus.WAITING)
    assert [(change.link, change.state) for change in found.transitions] == [(child(), LinkState.GONE_FOURHSE)]


def test_propagated_into_procore_with_its_incident_named():
    found = plan(crowd(injury(), involved(presence=Presence.GONE), deletions=Policy.PROPAGATE, **LINKED))
    [action] = found.actions
    assert (action.act, action.side, action.kind, action.target_id) == (Act.DELETE, Side.PROCORE, Kind.INJURY, "i1")
    assert (action.parent, action.then) == ("1", LinkState.ENDED)


def test_a_person_cannot_be_closed_and_is_asked_about():
    found = plan(crowd(injury(), involved(presence=Presence.GONE), deletions=Policy.CLOSE, **LINKED))
    assert (found.actions, [item.kind for item in found.items]) == ((), [ItemKind.DELETION])


def test_a_person_who_is_made_again_in_4hse_belongs_to_the_incident():
    whole = crowd(injury(), involved(presence=Presence.GONE), **LINKED)
    found = plan(told(whole, "deletion:injury-i1:fourhse", "reject", restore=True))
    [action] = found.actions
    assert action.fields == {"person_office_id": "o7", "days": 3, "office_incident_id": "a"}
    assert (action.act, action.generation, action.parent) == (Act.CREATE, 1, "1")
    assert found.answers_in_use == ("deletion:injury-i1:fourhse",)


def test_a_person_who_is_made_again_in_procore_belongs_to_the_incident():
    """There is nothing in the bin: only a person says that the record was deleted."""
    gone = replace(child(), state=LinkState.GONE_PROCORE)
    whole = crowd(injury(presence=Presence.ABSENT), involved(), links=(gone,))
    found = plan(told(whole, "deletion:injury-i1:procore", "reject", restore=True))
    [action] = found.actions
    assert (action.act, action.side) == (Act.CREATE, Side.PROCORE)
    assert action.fields == {"affected_party_id": 7, "work_days_absent": 3, "incident_id": 1}


def test_people_of_whom_no_list_knows_anything_any_more_are_missing():
    found = plan(crowd(**LINKED))
    assert [item.key for item in found.items] == ["missing:injury-i1:procore", "missing:injury-i1:fourhse"]


def test_an_unseen_person_is_missing_and_moves_nothing():
    found = plan(crowd(injury(), involved(presence=Presence.ABSENT), **LINKED))
    assert (found.actions, [item.kind for item in found.items]) == ((), [ItemKind.MISSING])


# What is not whole -----------------------------------------------------------------------------------------------


EVERYONE = {
    ref(Side.PROCORE, "1"),
    ref(Side.FOURHSE, "a"),
    ref(Side.PROCORE, "n1", Kind.NEAR_MISS),
    ref(Side.FOURHSE, "p2", Kind.PERSON),
}
KEPT = ["match:procore:near_miss-n1", "match:fourhse:person-p2"]
NAMED = {ref(Side.PROCORE, "7", Kind.DIRECTORY), ref(Side.FOURHSE, "o7", Kind.DIRECTORY)}


@pytest.mark.parametrize("how", [{"certified": False}, {"uncounted": frozenset({"1"})}])
def test_lists_that_are_not_whole_plan_nothing_and_close_nothing(how):
    found = plan(crowd(near_miss(), involved("p2"), of_people=how))
    assert (found.actions, found.items, found.unknown) == ((), (), EVERYONE | NAMED)
    more = plan(crowd(near_miss(), involved("p2"), of_people=how, pending=frozenset({ref(Side.PROCORE, "9")})))
    assert more.unknown == EVERYONE | NAMED | {ref(Side.PROCORE, "9")}
    other = plan(crowd(near_miss(), involved("p2"), of_people={"uncounted": frozenset({"2"})}))
    assert (len(other.actions), other.unknown) == (1, frozenset())


def test_a_side_that_has_nobody_has_no_list():
    whole = crowd(near_miss())
    lists = {Side.PROCORE: whole.people.records[Side.PROCORE], Side.FOURHSE: {}}
    assert len(plan(replace(whole, people=replace(whole.people, records=lists))).actions) == 1


def answered():
    others = decision("match:procore:near_miss-n9", "reject")
    return {**decision(KEPT[0], "reject"), **decision(KEPT[1], "approve", with_id="n1"), **others}


def test_what_a_person_said_stays_said_while_the_incident_itself_waits():
    pending = frozenset({ref(Side.PROCORE, "1")})
    found = plan(crowd(near_miss(), involved("p2"), decisions=answered(), pending=pending))
    assert (found.actions, set(found.answers_in_use)) == ((), set(KEPT))


def test_and_while_it_is_out_of_scope():
    whole = crowd(near_miss(), involved("p2"), decisions=answered())
    away = {Side.PROCORE: {"1": site()}, Side.FOURHSE: {"a": office(category="REPORT_FAILURE")}}
    found = plan(replace(whole, records=away))
    assert (found.actions, set(found.answers_in_use)) == ((), set(KEPT))


def test_a_worse_place_of_the_incident_stays():
    whole = crowd(near_miss(), involved("p2", person_office_id="o8"))
    conflict = {Side.PROCORE: {"1": site(title="Slip")}, Side.FOURHSE: {"a": office(name="Trip")}}
    found = plan(replace(whole, records=conflict))
    assert (len(found.actions), sync_status(found)) == (2, SyncStatus.WAITING)


def refusing_its_title(whole: Snapshot) -> Snapshot:
    """The same with an edited title that 4HSE has refused."""
    records = {Side.PROCORE: {"1": site(title="Slip")}, Side.FOURHSE: {"a": office()}}
    edited = replace(whole, records=records)
    action = next(action for action in plan(edited).actions if action.kind is Kind.INCIDENT)
    key = QuestionKey.refused(action)
    later = whole.now + timedelta(hours=1)
    return replace(edited, refusals={key: Refusal(key, Side.FOURHSE, "No.", refusal_fingerprint(action), later)})


def test_a_refused_title_is_worse_than_a_waiting_person():
    found = plan(refusing_its_title(crowd(near_miss(affected_party={"id": 9}))))
    assert (len(found.items), sync_status(found)) == (2, SyncStatus.REFUSED)


# With what the incident itself needs -----------------------------------------------------------------------------


def with_title(whole: Snapshot, ours: str, theirs: str, **changes) -> Plan:
    hurt = {"@injured": True}
    records = {
        Side.PROCORE: {"1": site(title=ours, **hurt)},
        Side.FOURHSE: {"a": office(name=theirs, category="ACCIDENTS")},
    }
    return plan(replace(whole, records=records, **changes))


def test_an_edit_of_both_crosses_together():
    found = with_title(crowd(injury(work_days_absent=9), involved(), **LINKED), "Slip", "Fall")
    assert [(action.kind, action.fields) for action in found.actions] == [
        (Kind.INCIDENT, {"name": "Slip"}),
        (Kind.INJURY, {"days": 9}),
    ]


def test_both_may_be_asked_about():
    found = with_title(crowd(injury(work_days_absent=9), involved(days=5), **LINKED), "Slip", "Trip")
    assert [item.key for item in found.items] == ["difference:1:title", "difference:injury-i1:days"]


def test_both_may_agree_newly():
    found = with_title(crowd(injury(work_days_absent=9), involved(days=9), **LINKED), "Slip", "Slip")
    assert [(rebase.kind, "title" in rebase.fields, "days" in rebase.fields) for rebase in found.rebases] == [
        (Kind.INCIDENT, True, False),
        (Kind.INJURY, False, True),
    ]


def test_both_may_change_their_state():
    back = link(site(**{"@injured": True}), office(category="ACCIDENTS"), state=LinkState.IGNORED)
    found = plan(crowd(injury(), involved(presence=Presence.GONE), parent=back, **LINKED))
    assert [change.state for change in found.transitions] == [LinkState.LIVE, LinkState.GONE_FOURHSE]


def test_both_may_rely_on_an_answer():
    values = {"seen": {"procore": "Slip", "fourhse": "Trip"}}
    said = decision("difference:1:title", "resolve", use="procore", seen=values)
    said |= decision("match:procore:near_miss-n1", "reject")
    found = with_title(crowd(injury(), involved(), near_miss(**PERSON_8), decisions=said, **LINKED), "Slip", "Trip")
    assert found.answers_in_use == ("difference:1:title", "match:procore:near_miss-n1")


def test_a_person_who_is_restored_in_procore_names_the_incident():
    whole = crowd(injury(presence=Presence.GONE), involved(), **LINKED)
    found = plan(told(whole, "deletion:injury-i1:procore", "reject", restore=True))
    assert found.actions == (
        Action(Act.RESTORE, Side.PROCORE, Kind.INJURY, "i1", "p1", "a person asked for it back", parent="1"),
    )


@pytest.mark.parametrize("hurt", [injury(work_days_absent=None), injury()], ids=["nothing told", "another way"])
def test_a_row_that_has_nothing_to_carry_leaves_the_rest(hurt):
    person, days = MAPPING.people
    way = Direction.TO_PROCORE if hurt.image["work_days_absent"] else Direction.BOTH
    turned = replace(MAPPING, people=(replace(days, direction=way), person))
    [action] = plan(crowd(hurt, mapping=turned)).actions
    assert action.fields == {"person_office_id": "o7", "office_incident_id": "a"}


# Words -----------------------------------------------------------------------------------------------------------

PICKERS = {"affliction_types": {"3": {"id": 3, "name": "Brûlure", "name_key": "burn"}}} | {
    "body_parts": {"4": {"id": 4, "name": "hand_left", "selectable": True}}
}
WORDED = {"mapping": WHOLE, "of_people": {"picklists": Picklists(DIRECTORY, PICKERS)}}
WORD_FIELDS = {"affliction_type": None, "affected_body_parts": []}


@pytest.mark.parametrize(
    ("text", "waits"),
    [
        ("Affliction: Burn\nBody parts: Left hand", set()),
        ("Affliction: Burn\nBody parts: All over", {"person_affected_body_parts"}),
        ("Affliction: Odd\nBody parts: Left hand", {"person_affliction_type", "person_affected_body_parts"}),
    ],
    ids=["all told", "a word unknown", "a part without its nature"],
)
def test_a_create_tells_only_what_it_can_so_that_a_lost_one_is_known_again(text, waits):
    hurt = crowd(involved(description=text), category="ACCIDENTS", **WORDED)
    [create] = plan(hurt).actions
    assert {"person", "days", "person_affliction_type", "person_affected_body_parts"} - set(create.sources) == waits
    sent = {"affliction_type_id", "body_part_ids"} & set(create.fields)
    assert len(sent) == 2 - len(waits)


def test_a_part_that_needs_its_nature_is_written_with_it():
    ours, before = injury(**WORD_FIELDS), involved(description="")
    rows = {row.key: row.base_of(ours.image, before.image) for row in WHOLE.rows_for(Kind.INJURY, Picklists(DIRECTORY))}
    known = replace(child(ours, before), base=rows)
    told = involved(description="Affliction: Burn\nBody parts: Left hand")
    found = plan(crowd(ours, told, links=(known,), **WORDED))
    assert [action.fields for action in found.actions] == [{"affliction_type_id": 3, "body_part_ids": [4]}]
    assert (found.items, sync_status(found)) == ((), SyncStatus.IN_SYNC)
    alone = plan(crowd(ours, involved(description="Body parts: Left hand"), links=(known,), **WORDED))
    assert alone.actions == ()
    assert [(item.kind, item.field) for item in alone.items] == [(ItemKind.WORD, "person_affected_body_parts")]
    assert sync_status(alone) is SyncStatus.WAITING


# A linked person who is somebody without a partner now -----------------------------------------------------------

CORRECTED = [
    (
        (injury(affected_party={"id": 9}), involved()),
        "match:procore:directory-9",
        {"procore_id": "9"},
        "the 4HSE office",
    ),
    (
        (injury(), involved(person_office_id="o9")),
        "match:fourhse:directory-o9",
        {"fourhse_id": "o9"},
        "Procore's directory",
    ),
]


@pytest.mark.parametrize(("records", "key", "ids", "where"), CORRECTED)
def test_a_linked_person_who_has_no_partner_any_more_is_asked_about(records, key, ids, where):
    found = plan(crowd(*records, **LINKED))
    [item] = found.items
    assert (item.kind, item.key, item.title) == (ItemKind.MATCH, key, "Fall")
    assert (item.procore_id, item.fourhse_id) == (ids.get("procore_id"), ids.get("fourhse_id"))
    assert item.reason == f"This person has no partner in {where}; the incident itself crosses."
    assert (found.actions, sync_status(found)) == ((), SyncStatus.WAITING)


@pytest.mark.parametrize(("records", "key", "ids", "where"), CORRECTED)
def test_a_linked_person_who_is_never_copied_is_not_asked_about(records, key, ids, where):
    found = plan(crowd(*records, **LINKED, decisions=decision(key, "reject")))
    assert (found.actions, found.items, sync_status(found)) == ((), (), SyncStatus.IN_SYNC)
    other = plan(crowd(*records, **LINKED, decisions=decision(key + "9", "reject")))
    assert [item.key for item in other.items] == [key]


@pytest.mark.parametrize(
    ("record", "key"),
    [(near_miss(), "match:procore:directory-7"), (involved(), "match:fourhse:directory-o7")],
)
def test_a_person_who_is_never_copied_stays_home_on_whatever_record(record, key):
    found = plan(crowd(record, decisions=decision(key, "reject")))
    assert (found.actions, found.items) == ((), ())


def test_a_person_entered_anew_is_linked_to_the_survivor_and_the_others_go_on():
    eight, there = injury("i2", **PERSON_8), involved("p2", person_office_id="o8")
    links = (child(), child(eight, there))
    gone = involved(presence=Presence.GONE)
    found = plan(
        crowd(injury(), gone, involved("p9"), eight, replace(there, image={**there.image, "days": 5}), links=links)
    )
    assert [(action.act, action.source_id, action.target_id) for action in found.actions] == [
        (Act.UPDATE, "p2", "i2"),
        (Act.LINK, "i1", "p9"),
    ]
    assert (found.items, found.transitions) == ((), ())


def test_a_refused_deletion_of_a_person_is_told_under_the_title_of_the_incident():
    whole = crowd(injury(presence=Presence.GONE), involved(), **LINKED)
    whole = told(whole, "deletion:injury-i1:procore", "approve")
    [action] = plan(whole).actions
    key = QuestionKey.refused(action)
    refusal = Refusal(key, Side.FOURHSE, "No.", refusal_fingerprint(action), whole.now + timedelta(hours=1))
    found = plan(replace(whole, refusals={key: refusal}))
    assert (action.act, found.actions) == (Act.DELETE, ())
    assert [(item.key, item.title) for item in found.items] == [(key, "Fall")]


def test_a_person_entered_anew_on_site_is_linked_to_the_one_that_4hse_kept():
    found = plan(crowd(injury(presence=Presence.GONE), involved(), injury("i9"), **LINKED))
    assert [(action.act, action.source_id, action.target_id) for action in found.actions] == [(Act.LINK, "i9", "p1")]
    assert (found.items, found.transitions) == ((), ())


@pytest.mark.parametrize(
    "changes",
    [
        {"presence": Presence.UNSEEN},
        {"presence": Presence.GONE, "pending": frozenset({ref(Side.FOURHSE, "p1", Kind.PERSON)})},
    ],
)
def test_a_survivor_whose_partner_may_still_be_there_gets_no_other_one(changes):
    partner = involved(presence=changes["presence"])
    pending = changes.get("pending", frozenset())
    found = plan(crowd(injury(), partner, involved("p9"), **LINKED, pending=pending))
    assert Act.LINK not in [action.act for action in found.actions]


def test_a_second_record_on_the_survivor_s_own_side_is_no_new_partner():
    found = plan(crowd(injury(), involved(presence=Presence.GONE), near_miss(), **LINKED))
    assert [(action.act, action.source_id) for action in found.actions] == [(Act.CREATE, "n1")]
    assert [item.key for item in found.items] == ["deletion:injury-i1:fourhse"]


def test_one_entered_anew_that_is_never_copied_leaves_the_deletion_to_be_asked():
    answer = decision("match:fourhse:person-p9", "reject")
    found = plan(crowd(injury(), involved(presence=Presence.GONE), involved("p9"), **LINKED, decisions=answer))
    assert (found.actions, [item.key for item in found.items]) == ((), ["deletion:injury-i1:fourhse"])


def test_while_a_write_to_a_person_s_partner_is_open_a_new_record_of_theirs_is_not_copied():
    """Whether the old one in 4HSE is gone cannot be told: a copy of the new one would count the person twice."""
    here, gone = injury(), involved(presence=Presence.ABSENT)
    again = involved("p9")
    waiting = frozenset({ref(Side.FOURHSE, "p1", Kind.PERSON)})
    found = plan(crowd(here, gone, again, links=(child(),), pending=waiting))
    assert [action.act for action in found.actions if action.kind is not Kind.INCIDENT] == []
    assert again.ref in found.unknown
    settled = plan(crowd(here, gone, again, links=(child(),)))
    assert [action.act for action in settled.actions if action.kind is not Kind.INCIDENT] == [Act.LINK]


@pytest.mark.parametrize(
    ("known", "again"),
    [
        ((injury(), involved(presence=Presence.UNSEEN)), involved("p9")),
        ((injury(), involved(presence=Presence.UNSEEN)), near_miss()),
        ((injury(presence=Presence.UNSEEN), involved()), injury("i9")),
        ((injury(presence=Presence.UNSEEN), involved()), involved("p9")),
    ],
)
def test_a_new_record_of_a_person_waits_while_the_partner_of_their_old_one_is_not_seen(known, again):
    elsewhere = ref(Side.PROCORE, "9")
    found = plan(crowd(*known, again, near_miss("n8", **PERSON_8), pending=frozenset({elsewhere}), **LINKED))
    assert [action.source_id for action in found.actions if action.kind is not Kind.INCIDENT] == ["n8"]
    assert found.unknown == {again.ref, elsewhere}


def test_everybody_who_waits_for_that_is_unknown():
    eight = injury("i2", **PERSON_8), involved("p2", Presence.UNSEEN, person_office_id="o8")
    again = involved("p8", person_office_id="o8"), involved("p9")
    links = child(), child(*eight)
    found = plan(crowd(injury(), involved(presence=Presence.UNSEEN), *eight, *again, links=links))
    assert found.unknown == {record.ref for record in again}


def test_a_person_without_a_partner_is_one_question_however_many_records_name_them():
    nobody = {"affected_party": {"id": 9}}
    found = plan(crowd(near_miss(**nobody), injury(**nobody)))
    assert [item.key for item in found.items] == ["match:procore:directory-9"]
