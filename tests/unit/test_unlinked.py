"""Incidents that are linked nowhere: pairs, doubts, copies, and those that stay where they are."""

from collections import Counter
from dataclasses import replace
from datetime import date, timedelta

import pytest
from core import child, injury, involved, people
from hypothesis import given, settings
from hypothesis import strategies as st

from procore_4hse.mapping.lenses.base import Held
from procore_4hse.mapping.rules import Direction
from procore_4hse.models import Act, Action, Item, ItemKind, Kind, LinkState, QuestionKey, Refusal, Side, SyncStatus
from procore_4hse.reconcile import items, unlinked
from procore_4hse.reconcile.draft import Draft
from procore_4hse.reconcile.plan import plan
from procore_4hse.reconcile.refusals import refusal_fingerprint
from procore_4hse.reconcile.snapshot import Plan, Policy, Presence, Transition
from procore_4hse.reconcile.unlinked import ALIKE, ENTERED_ANEW, MADE_BY_US, TAKEN_APART
from routes import MAPPING, asked, decision, link, matched, office, ref, route, site, told

SAME = "both tell the same day, title and description"
TRIP = {"name": "Trip", "description_event": "Quite another thing.", "date_incident": "2026-02-20"}


def steps(found: Plan) -> list[tuple[Act, Side, str | None, str | None]]:
    return [(action.act, action.side, action.target_id, action.source_id) for action in found.actions]


def join(fourhse: str = "a", procore: str = "1") -> Action:
    return Action(Act.LINK, Side.FOURHSE, Kind.INCIDENT, fourhse, procore, SAME)


COPIED = (Act.CREATE, Side.FOURHSE, None, "1")
COPIED_BACK = (Act.CREATE, Side.PROCORE, None, "a")


# Pairs -----------------------------------------------------------------------------------------------------------


def test_a_clear_pair_is_linked_and_both_are_in_sync():
    found = plan(route(site(), office()))
    assert found.actions == (join(),)
    assert found.statuses == {Side.PROCORE: {"1": SyncStatus.IN_SYNC}, Side.FOURHSE: {"a": SyncStatus.IN_SYNC}}
    [rebase] = found.rebases
    assert (rebase.kind, rebase.procore_id, rebase.fourhse_id) == (Kind.INCIDENT, "1", "a")
    assert set(rebase.fields) == {row.key for row in MAPPING.fields}


def test_a_pair_that_differs_in_a_field_is_linked_and_asked_about_under_its_title():
    found = plan(route(site(), office(status="closed", date_closed="2026-02-11")))
    assert found.actions == (join(),)
    [item] = found.items
    assert (item.kind, item.key, item.title) == (ItemKind.CONFLICT, "difference:1:status", "Fall")
    assert {known[key] for known, key in zip(found.statuses.values(), ("1", "a"), strict=True)} == {SyncStatus.WAITING}


def test_a_question_about_one_pair_leaves_another_in_sync():
    other = site("2", title="Slip"), office("b", name="Slip")
    found = plan(route(site(), office(status="closed", date_closed="2026-02-11"), *other))
    assert found.statuses[Side.PROCORE] == {"1": SyncStatus.WAITING, "2": SyncStatus.IN_SYNC}
    assert found.statuses[Side.FOURHSE] == {"a": SyncStatus.WAITING, "b": SyncStatus.IN_SYNC}


def test_an_ignored_link_whose_records_are_both_there_again_is_not_made_a_second_time():
    """It lives again as it was; a record that is private by now is frozen, and none of its fields is filled."""
    back = replace(link(), state=LinkState.IGNORED)
    whole = route(site(), office(), links=(back,), ids_of_ours={"a": "1"})
    found = plan(whole)
    assert (found.actions, [change.state for change in found.transitions]) == ((), [LinkState.LIVE])
    hidden = replace(site(title=None, description=None, status=None), minimal=True, private=True)
    found = plan(route(hidden, office(), links=(back,), ids_of_ours={"a": "1"}))
    assert (found.actions, found.items) == ((), ())


def test_a_private_record_is_linked_by_its_id_and_none_of_its_fields_is_filled():
    hidden = replace(site(title=None, description=None, status=None), minimal=True, private=True)
    found = plan(route(hidden, office(), ids_of_ours={"a": "1"}))
    assert steps(found) == [(Act.LINK, Side.FOURHSE, "a", "1")]
    assert (found.items, found.rebases, found.statuses[Side.PROCORE]) == ((), (), {"1": SyncStatus.EXCLUDED})


def test_an_id_of_our_scheme_is_its_incident_unless_it_is_away_or_told_apart():
    ours = {"ids_of_ours": {"a": "1", "x": "1", "b": "9"}}
    found = plan(route(site(), office(**TRIP), **ours))
    assert steps(found)[0] == (Act.LINK, Side.FOURHSE, "a", "1")
    not_duplicates = plan(route(site(), office(**TRIP), not_duplicates=frozenset({("1", "a")}), **ours))
    assert Act.LINK not in [action.act for action in not_duplicates.actions]
    taken = plan(route(site(), office(**TRIP), unlinked_by_hand=frozenset({("1", "a")}), **ours))
    assert (taken.actions, [item.reason for item in taken.items]) == ((), [TAKEN_APART])


@pytest.mark.parametrize(("key", "other"), [("match:procore:1", "a"), ("match:fourhse:a", "1")])
def test_a_person_s_word_joins_whatever_they_show(key, other):
    found = plan(matched(route(site(), office(**TRIP)), key, "approve", other, with_id=other))
    assert steps(found)[0] == (Act.LINK, Side.FOURHSE, "a", "1")
    assert found.answers_in_use == (key,)
    twice = plan(matched(route(site(), office(), ids_of_ours={"a": "1"}), key, "approve", other, with_id=other))
    assert [action.act for action in twice.actions] == [Act.LINK], "told twice is linked once"
    shown = (other,) if other == "1" else ("a", "b")
    clearer = plan(matched(route(site(), office(**TRIP), office("b")), key, "approve", *shown, with_id=other))
    assert [action.target_id for action in clearer.actions if action.act is Act.LINK] == ["a"]
    assert [item.title for item in found.items] == ["Fall"] * len(found.items), "the title is Procore's"


def test_a_pair_that_a_person_joined_is_compared_however_old_it_is():
    old = site(description=None, event_date="2025-02-10T11:00:00Z"), office(date_incident="2025-02-10")
    found = plan(matched(route(*old), "match:procore:1", "approve", "a", with_id="a"))
    assert steps(found) == [(Act.LINK, Side.FOURHSE, "a", "1"), (Act.UPDATE, Side.PROCORE, "1", "a")]


def test_a_person_s_word_waits_for_what_an_open_intent_names():
    """Neither is linked, copied or matched with another; the answer stays until it can be carried out."""
    for waiting in (
        {"pending": frozenset({ref(Side.FOURHSE, "a")})},
        {"possibly_ours": frozenset({ref(Side.FOURHSE, "a")})},
    ):
        whole = route(site(), office(**TRIP), office("b"), **waiting)
        found = plan(matched(whole, "match:procore:1", "approve", "a", "b", with_id="a"))
        assert (steps(found), found.items) == ([(Act.CREATE, Side.PROCORE, None, "b")], ())
        assert found.answers_in_use == ("match:procore:1",)


@pytest.mark.parametrize("partner", [None, office(presence=Presence.ABSENT)])
def test_a_person_s_word_about_one_that_is_away_holds_nothing(partner):
    others = () if partner is None else (partner,)
    found = plan(matched(route(site(), *others), "match:procore:1", "approve", "a", with_id="a"))
    assert (steps(found), found.answers_in_use) == ([COPIED], ())


def test_a_word_that_was_carried_out_is_not_kept():
    """Else it would join again what a person takes apart later."""
    found = plan(
        route(site(), office(), links=(link(),), decisions=decision("match:procore:1", "approve", with_id="a"))
    )
    assert (found.actions, found.answers_in_use) == ((), ())


def test_two_words_about_one_record_link_it_once_and_the_other_is_asked_again():
    second = site("2", title="Slip", event_date="2026-05-01T11:00:00Z")
    both = matched(route(site(), second, office(**TRIP)), "match:procore:1", "approve", "a", with_id="a")
    found = plan(matched(both, "match:procore:2", "approve", "a", with_id="a"))
    assert [(action.act, action.source_id) for action in found.actions if action.act is not Act.UPDATE] == [
        (Act.LINK, "1")
    ]
    told = site(), office()
    linked = route(*told, second, links=(link(*told),))
    again = plan(matched(linked, "match:procore:2", "approve", "a", with_id="a"))
    taken = (
        "It was called the same as 4HSE a, which is linked with another one. "
        "It is asked again, for since it was answered 4HSE a is no longer part of it."
    )
    assert (again.actions, asked(again)) == ((), (items.doubt(second, (), taken, "Slip", {}),))
    other = route(*told, office("b", **TRIP), links=(link(*told),))
    [item] = plan(matched(other, "match:fourhse:b", "approve", "1", with_id="1")).items
    assert item.reason.startswith("It was called the same as Procore 1, which is linked with another one.")
    assert steps(plan(matched(linked, "match:procore:2", "reject"))) == [(Act.CREATE, Side.FOURHSE, None, "2")]


def test_two_ids_of_our_scheme_for_one_incident_are_one_link_and_a_late_copy():
    between = site("2", title="Slip"), office("z", name="Slip")
    ours = {"a": "1", "z": "2", "b": "1"}
    found = plan(route(site(), office(), *between, office("b", **TRIP), ids_of_ours=ours))
    assert found.actions == (join(), join("z", "2"))
    assert asked(found) == (items.doubt(office("b", **TRIP), (), LATE, "Trip", {}),)


def test_what_is_joined_casts_no_doubt_on_the_rest():
    """The second pair would be two of two alike, were the first not told by its id."""
    found = plan(route(site(), site("2"), office(), office("b"), ids_of_ours={"a": "1"}))
    assert (found.actions, found.items) == ((join(), join("b", "2")), ())


def test_two_who_name_different_people_are_never_one_without_a_word():
    both = site(), office()
    assert plan(route(*both, people=people(injury(), involved()))).actions == (join(),)
    others = people(injury(), involved(person_office_id="o8"))
    assert asked(plan(route(*both, people=others))) == (items.doubt(site(), (("a", "Fall"),), ALIKE, "Fall", {}),)


@pytest.mark.parametrize(
    "hurt",
    [injury(presence=Presence.ABSENT), injury(affected_party={"id": 9}), injury(affected_party=None)],
)
def test_who_is_not_there_or_has_no_partner_contradicts_nobody(hurt):
    others = people(hurt, involved(person_office_id="o8"))
    assert plan(route(site(), office(), people=others)).actions == (join(),)


def test_without_a_description_in_the_mapping_none_is_clear():
    bare = replace(MAPPING, fields=tuple(row for row in MAPPING.fields if row.key != "description"))
    found = plan(route(site(), office(), mapping=bare))
    assert (found.actions, [item.reason for item in found.items]) == ((), [ALIKE])


# Doubts ----------------------------------------------------------------------------------------------------------


def test_a_doubt_names_every_candidate():
    more = {"description_event": "Another one."}
    found = plan(route(site(), office(**more), office("b", date_incident="2026-02-12", **more)))
    assert asked(found) == (items.doubt(site(), (("a", "Fall"), ("b", "Fall")), ALIKE, "Fall", {}),)
    assert (found.actions, found.statuses[Side.PROCORE]) == ((), {"1": SyncStatus.WAITING})


def test_a_candidate_that_is_linked_meanwhile_is_no_candidate():
    """The second one is ours by its id, so that the first is asked about alone."""
    more = {"description_event": "Another one."}
    first, other = site(), site("2", title="Slip", description="x", event_date="2026-02-20T11:00:00Z")
    found = plan(route(first, other, office(**more), office("b", **more), ids_of_ours={"b": "2"}))
    assert [item.facts.get("candidates") for item in found.items if item.kind is ItemKind.MATCH] == [["a"]]


def test_a_pair_that_was_taken_apart_is_neither_linked_nor_copied_until_answered():
    taken = {"unlinked_by_hand": frozenset({("1", "a")})}
    found = plan(route(site(), office(), **taken))
    assert asked(found) == (items.doubt(site(), (("a", "Fall"),), TAKEN_APART, "Fall", {}),)
    assert found.actions == ()
    parted = plan(matched(route(site(), office(), **taken), "match:procore:1", "reject", "a"))
    assert (steps(parted), parted.not_duplicates) == ([COPIED, COPIED_BACK], (("1", "a"),))
    joined = plan(matched(route(site(), office(), **taken), "match:procore:1", "approve", "a", with_id="a"))
    assert (joined.actions, joined.items) == ((join(),), ())


def test_of_a_pair_that_was_taken_apart_one_that_is_not_shown_now_is_asked_about_all_the_same():
    """A copy would get the id that the hidden one has, and be taken for it."""
    taken = {"unlinked_by_hand": frozenset({("1", "a")}), "ids_of_ours": {"a": "1"}}
    hidden = replace(office(), presence=Presence.ABSENT)
    for theirs, headline in (([], "(not shown now)"), ([hidden], "Fall")):
        found = plan(route(site(), *theirs, **taken))
        assert (found.actions, asked(found)) == (
            (),
            (items.doubt(site(), (("a", headline),), TAKEN_APART, "Fall", {}),),
        )
    found = plan(route(office(), **taken))
    assert (found.actions, asked(found)) == (
        (),
        (items.doubt(office(), (("1", "(not shown now)"),), TAKEN_APART, "Fall", {}),),
    )
    (copied,) = plan(matched(route(site(), **taken), "match:procore:1", "reject", "a")).actions
    assert (copied.act, copied.generation) == (Act.CREATE, 1)


@pytest.mark.parametrize(
    ("key", "candidates", "not_duplicates"),
    [
        ("match:procore:1", ["a", "b"], (("1", "a"), ("1", "b"))),
        ("match:fourhse:a", ["1", "2"], (("1", "a"), ("2", "a"))),
    ],
)
def test_a_no_calls_it_different_from_every_candidate_shown(key, candidates, not_duplicates):
    both = route(site(), office())
    assert plan(matched(both, key, "reject", *candidates)).not_duplicates == not_duplicates
    assert plan(matched(both, key, "approve", *candidates)).not_duplicates == ()
    other = decision("guard:scope", "reject", seen={"candidates": candidates})
    assert plan(replace(both, decisions=other)).not_duplicates == ()


def test_each_no_is_remembered():
    whole = matched(route(site(), office(), office("b", **TRIP)), "match:procore:1", "reject", "a")
    assert plan(matched(whole, "match:fourhse:b", "reject", "2")).not_duplicates == (("1", "a"), ("2", "b"))


# Copies that we may have made ------------------------------------------------------------------------------------

LOST = Action(
    Act.CREATE, Side.PROCORE, Kind.INCIDENT, None, "z", "", {"title": "Fall"},
    {"title": {"name": "Fall", "description_event": ""}},
)  # fmt: skip
OTHER = "Another route has this incident already; it may have moved."
LATE = "Its id is one that we give; it may be a late copy of an incident that is linked already."
OWN = "Our own account made it, and the journal does not know it; it may be a late copy."
SENT = "It shows what a create without an answer sent; it may be a late copy."
AGAIN = "It was deleted and is there again; what it was linked with may have been entered anew meanwhile."
MINE = replace(site(), author="us")
RETURNED = {"returned": frozenset({ref(Side.PROCORE, "1")})}


@pytest.mark.parametrize(
    ("record", "changes", "reason"),
    [
        (site(), {"linked_elsewhere": frozenset({ref(Side.PROCORE, "1")})}, OTHER),
        (site(), RETURNED, AGAIN),
        (office(), {"ids_of_ours": {"a": "9"}}, LATE),
        (MINE, {"own_accounts": frozenset({"us"})}, OWN),
        (site(), {"lost": (LOST,)}, SENT),
    ],
)
def test_what_may_be_a_copy_is_asked_about(record, changes, reason):
    found = plan(route(record, **changes))
    assert (found.actions, asked(found)) == ((), (items.doubt(record, (), reason, "Fall", {}),))
    key = f"match:{record.side.value}:{record.id}"
    told = plan(matched(route(record, **changes), key, "reject"))
    assert (told.items, told.answers_in_use) == ((), (key,))
    assert len(told.actions) == (0 if reason is OTHER else 1), "what another route has is left alone all the same"
    for other in (
        decision(key, "retry"),
        decision(key, "reject", seen={"candidates": ["x"]}),
        decision("match:fourhse:stranger", "reject"),
    ):
        if reason is OTHER or "candidates" not in next(iter(other.values())).seen:
            assert len(plan(route(record, decisions=other, **changes)).items) == 1


@pytest.mark.parametrize(
    ("record", "changes"),
    [
        (site(), {"linked_elsewhere": frozenset({ref(Side.FOURHSE, "1")})}),
        (site(), {"returned": frozenset({ref(Side.FOURHSE, "1"), ref(Side.PROCORE, "2")})}),
        (site("a"), {"ids_of_ours": {"a": "9"}}),
        (MINE, {"own_accounts": frozenset({"them"})}),
        (site(), {"own_accounts": frozenset({"us"})}),
        (site(title="Slip"), {"lost": (LOST,)}),
        (office(), {"lost": (LOST,)}),
        (office(), {"lost": (replace(LOST, side=Side.FOURHSE, sources={"title": {"title": "Slip"}}),)}),
    ],
)
def test_what_only_looks_like_it_is_copied(record, changes):
    found = plan(route(record, **changes))
    assert ([action.act for action in found.actions], found.items) == ([Act.CREATE], ())


def test_one_that_a_person_called_different_from_its_partner_is_no_copy_of_ours():
    found = plan(route(MINE, own_accounts=frozenset({"us"}), not_duplicates=frozenset({("1", "a")})))
    assert steps(found) == [COPIED]
    other = plan(route(MINE, own_accounts=frozenset({"us"}), not_duplicates=frozenset({("2", "a")})))
    assert other.actions == ()


def test_the_next_generation_when_the_id_of_our_scheme_was_told_to_be_another():
    not_duplicates = frozenset({("1", "a"), ("1", "b"), ("2", "a")})
    found = plan(route(site(), ids_of_ours={"a": "1"}, not_duplicates=not_duplicates))
    assert [action.generation for action in found.actions] == [1]
    assert [action.generation for action in plan(route(site(), not_duplicates=not_duplicates)).actions] == [0]


@pytest.mark.parametrize(
    ("ids", "linked", "apart", "generation"),
    [
        (["a", "b"], [], [], 0),
        (["a", "b"], ["a"], [], 1),
        (["a", "b", "c"], ["a", "b"], [], 2),
        (["a", "b", "c"], ["b"], [], 0),
        (["a", "b", "c"], ["b"], ["a"], 2),
        (["a"], ["a"], [], 1),
        (["a", "b"], ["a", "b"], [], 2),
    ],
)
def test_one_that_is_there_again_gets_an_id_that_stands_for_no_other_incident(ids, linked, apart, generation):
    pairs = [(site(f"{number}"), office(name)) for number, name in enumerate(linked, start=7)]
    whole = route(
        *(record for pair in pairs for record in pair),
        site(title="Slip"),
        links=tuple(link(*pair) for pair in pairs),
        ids_of_ours={"z": "7", **dict.fromkeys(ids, "1")},
        not_duplicates=frozenset(("1", name) for name in apart),
        **RETURNED,
    )
    found = plan(told(whole, "match:procore:1", "reject"))
    assert [action.generation for action in found.actions] == [generation]


# Copies ----------------------------------------------------------------------------------------------------------


def test_a_copy_whole():
    found = plan(route(site()))
    fields = {
        "name": "Fall", "description_event": "A worker fell.", "date_incident": "2026-02-10", "status": "new",
        "category": "ACCIDENTS_AND_MISSED_INJURIES",
    }  # fmt: skip
    sources = {row.key: row.slice(Side.PROCORE, site().image) for row in MAPPING.fields}
    assert found.actions == (
        Action(Act.CREATE, Side.FOURHSE, Kind.INCIDENT, None, "1", "new in Procore", fields, sources),
    )
    assert found.statuses == {Side.PROCORE: {"1": SyncStatus.IN_SYNC}, Side.FOURHSE: {}}
    assert plan(route(office())).actions[0].reason == "new in 4HSE"


@pytest.mark.parametrize("side", list(Side))
def test_without_a_whole_listing_of_the_other_side_nothing_is_told_about_it(side):
    record = site() if side is Side.PROCORE else office()
    certified = {one: one is side for one in Side}
    found = plan(route(record, certified=certified))
    assert (found.actions, found.items, found.unknown) == ((), (), {record.ref})
    assert found.statuses[side] == {record.id: SyncStatus.WAITING}


@pytest.mark.parametrize(
    ("record", "field", "reason"),
    [
        (site(status="void"), "status", "Procore shows the status 'void', which is none we know."),
        (
            office(category="Fire"),
            "category",
            "4HSE shows the category 'Fire', which the list words/category.yaml does not know.",
        ),
        (site(title=None), "title", "Procore shows no title, and 4HSE needs one."),
        (site(event_date=None), "day", "Procore shows no day, and 4HSE needs one."),
    ],
)
def test_one_that_cannot_be_told_is_held_and_asked_about(record, field, reason):
    found = plan(route(record))
    title = "" if reason.startswith("Procore shows no title") else "Fall"
    reading = MAPPING.by_key[field].lens.get(record.side, record.image)
    held = reading if isinstance(reading, Held) and "needs one" not in reason else None
    assert asked(found) == (items.word(record, None, field, reason.removesuffix("."), title, held),)
    assert (found.actions, found.statuses[record.side]) == ((), {record.id: SyncStatus.WAITING})


def test_evidence_that_is_not_whole_holds_it_without_a_question():
    found = plan(route(site(**{"@injured": None}), site("2", status="void", event_date="2026-05-01T11:00:00Z")))
    assert (found.actions, [item.procore_id for item in found.items]) == ((), ["2"])


def test_each_one_that_cannot_be_told_is_asked_about():
    more = site("2", status="void", event_date="2026-05-01T11:00:00Z")
    assert [item.procore_id for item in plan(route(site(status="void"), more)).items] == ["1", "2"]


def test_a_refused_copy_waits_for_its_time():
    whole = route(site())
    [action] = plan(whole).actions
    key = QuestionKey.refused(action)
    refusal = Refusal(key, Side.FOURHSE, "No.", refusal_fingerprint(action), whole.now + timedelta(hours=1))
    found = plan(replace(whole, refusals={key: refusal}))
    assert (found.actions, found.items) == ((), (items.refused(MAPPING, refusal, action, "Fall"),))
    assert found.statuses[Side.PROCORE] == {"1": SyncStatus.REFUSED}
    due = plan(replace(whole, refusals={key: replace(refusal, next_try=None)}))
    assert (due.actions, due.items) == ((action,), found.items)
    assert due.statuses[Side.PROCORE] == {"1": SyncStatus.IN_SYNC}


# Who is looked at ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("presence", [Presence.UNSEEN, Presence.ABSENT, Presence.GONE])
def test_only_what_is_there(presence):
    found = plan(route(site(presence=presence)))
    assert (found.actions, found.statuses) == ((), {side: {} for side in Side})


@pytest.mark.parametrize("how", ["pending", "possibly_ours"])
@pytest.mark.parametrize("side", list(Side))
def test_what_an_open_intent_names_waits(side, how):
    record = site() if side is Side.PROCORE else office()
    found = plan(route(record, **{how: frozenset({record.ref})}))
    assert (found.actions, found.statuses[side]) == ((), {record.id: SyncStatus.WAITING})
    other = plan(route(record, **{how: frozenset({(side.other, record.id)})}))
    assert len(other.actions) == 1


def test_the_survivor_of_a_deletion_is_asked_about_only_beside_something_alike():
    kept = replace(link(), state=LinkState.IGNORED, fourhse_id="gone")
    alone = plan(route(site(), links=(kept,)))
    assert (alone.actions, alone.items, alone.statuses[Side.PROCORE]) == ((), (), {"1": SyncStatus.EXCLUDED})
    alike = plan(route(site(), office(), links=(kept,)))
    assert (alike.actions, [item.kind for item in alike.items]) == ((), [ItemKind.MATCH])


# Orphans: our own store came back from a backup ------------------------------------------------------------------

US = {"own_accounts": frozenset({"us"})}
FAR_OFF = office("z", **{**TRIP, "date_incident": None})


def offices(*days: int):
    return [office(f"d{day}", name="Trip", description_event="x", date_incident=f"2026-02-{day}") for day in days]


def test_an_orphan_is_asked_about_with_the_nearest_first_and_nothing_goes_to_procore():
    others = *offices(20, 14), office("a", **{**TRIP, "date_incident": "2026-02-28"})
    found = plan(route(MINE, *others, FAR_OFF, site("2", title="Up", event_date="2026-05-01T11:00:00Z"), **US))
    listed = tuple((name, "Trip") for name in ("d14", "d20", "a", "z"))
    assert asked(found) == (items.doubt(MINE, listed, MADE_BY_US, "Fall", {}),)
    assert steps(found) == [(Act.CREATE, Side.FOURHSE, None, "2")], "what was made by others still crosses"
    assert found.unknown == {
        ref(Side.FOURHSE, "d20"),
        ref(Side.FOURHSE, "d14"),
        ref(Side.FOURHSE, "a"),
        ref(Side.FOURHSE, "z"),
    }


def test_one_without_a_day_is_near_to_none():
    orphan = replace(site(event_date=None), author="us")
    [item] = plan(route(orphan, *offices(20, 14), **US)).items
    assert item.facts["candidates"] == ["d14", "d20"]


def test_equally_near_ones_stand_by_their_id_and_no_more_than_ten_are_named():
    same = [office(f"e{number:02}", **TRIP) for number in range(12, 0, -1)]
    [item] = plan(route(MINE, *same, **US)).items
    assert item.facts["candidates"] == [f"e{number:02}" for number in range(1, 11)]


@pytest.mark.parametrize(
    ("record", "changes"),
    [
        (site(), US),
        (replace(MINE, author="them"), US),
        (MINE, {}),
        (MINE, {**US, "not_duplicates": frozenset({("1", "x")})}),
        (MINE, {**US, "linked_elsewhere": frozenset({ref(Side.PROCORE, "1")})}),
    ],
)
def test_one_that_is_explained_is_no_orphan_and_holds_nobody(record, changes):
    found = plan(route(record, *offices(20), **changes))
    assert (Act.CREATE, Side.PROCORE, None, "d20") in steps(found)
    assert MADE_BY_US not in [item.reason for item in found.items]


def test_an_orphan_that_somebody_explained_is_none():
    answered = matched(route(MINE, *offices(20), **US), "match:procore:1", "reject")
    assert (Act.CREATE, Side.PROCORE, None, "d20") in steps(plan(answered))


@pytest.mark.parametrize(
    "changes",
    [
        {"not_duplicates": frozenset({("9", "x")})},
        {"decisions": decision("match:procore:1", "retry")},
        {"decisions": decision("match:procore:9", "reject")},
        {"linked_elsewhere": frozenset({ref(Side.PROCORE, "9")})},
    ],
)
def test_what_explains_another_one_explains_nothing_here(changes):
    found = plan(route(MINE, *offices(20), **US, **changes))
    [item] = found.items
    assert item.reason.startswith(MADE_BY_US)


def test_orphans_are_read_and_compared_in_a_number_that_grows_with_them(monkeypatch):
    """Not one for each other one: neither texts of what is linked, nor days of what may be theirs."""
    many, read = 40, Counter()

    def counted(name):
        work = getattr(unlinked, name)
        return lambda *values, **options: read.update([name]) or work(*values, **options)

    for name in ("_candidate", "day_of", "is_clear"):
        monkeypatch.setattr(unlinked, name, counted(name))
    mine = [replace(site(str(number), title=f"Fall {number}", description=""), author="us") for number in range(many)]
    linked = [(site(f"9{n}", title=f"Slip {n}"), office(f"l{n}", name=f"Slip {n}")) for n in range(many)]
    links = tuple(link(*pair) for pair in linked)
    theirs = [office(f"o{n}", name=f"Trip {n}", description_event="", date_incident="2026-05-05") for n in range(many)]
    whole = route(*mine, *theirs, *(record for pair in linked for record in pair), links=links, **US)
    assert [item.reason for item in plan(whole).items] == [MADE_BY_US] * many
    assert read["_candidate"] <= 4 * many
    assert read["day_of"] <= 6 * many
    assert read["is_clear"] == 0


def test_a_second_copy_of_a_linked_incident_is_no_orphan():
    first = site("7"), office("a7")
    whole = route(MINE, *first, *offices(20), links=(link(*first),), **US)
    found = plan(whole)
    assert ([item.reason for item in found.items], len(found.actions)) == ([OWN], 1)
    other = site("7", title="Up", description="Else."), office("a7", name="Up", description_event="Else.")
    found = plan(route(MINE, *other, *offices(20), links=(link(*other), link(site("8"), office("a8"))), **US))
    assert [item.reason for item in found.items if item.kind is ItemKind.MATCH] == [MADE_BY_US]


def test_without_anything_unlinked_in_4hse_it_is_a_late_copy():
    assert [item.reason for item in plan(route(MINE, **US)).items] == [OWN]


# Laws ------------------------------------------------------------------------------------------------------------

SITES = st.builds(
    site,
    st.sampled_from(["1", "2"]), st.sampled_from(Presence),
    title=st.sampled_from(["Fall", "Slip"]), status=st.sampled_from(["open", "closed", "void"]),
    event_date=st.sampled_from(["2026-02-10T11:00:00Z", "2025-02-10T11:00:00Z"]),
)  # fmt: skip
OFFICES = st.builds(
    office,
    st.sampled_from(["a", "b"]), st.sampled_from(Presence),
    name=st.sampled_from(["Fall", "Trip"]), status=st.sampled_from(["new", "closed"]),
    category=st.sampled_from(["NON_COMPLIANCE", "REPORT_FAILURE", "Fire"]),
)  # fmt: skip
LINKS = st.sampled_from([(), *[(link(state=state),) for state in LinkState]])
SNAPSHOTS = st.builds(
    lambda records, links, direction, policy, whole: route(
        *records, links=links, direction=direction, deletions=policy, mapping=MAPPING.narrowed(direction),
        certified=dict(zip(Side, whole, strict=True)),
    ),
    st.lists(SITES | OFFICES, max_size=4), LINKS,
    st.sampled_from([Direction.BOTH, Direction.TO_FOURHSE, Direction.TO_PROCORE]),
    st.sampled_from(Policy), st.tuples(st.booleans(), st.booleans()),
)  # fmt: skip


@given(SNAPSHOTS)
@settings(derandomize=True, max_examples=150)
def test_a_plan_depends_on_its_snapshot_alone_and_never_writes_to_a_side_that_is_only_read(snapshot):
    found = plan(snapshot)
    assert plan(snapshot) == found
    for action in found.actions:
        assert action.act is Act.LINK or snapshot.direction.writes_to(action.side)
        assert (action.side, action.target_id) not in snapshot.pending
    for side in Side:
        present = {one.id for one in snapshot.records[side].values() if one.presence is Presence.PRESENT}
        assert present <= found.statuses[side].keys(), "everything that is there is counted"


@given(SITES, OFFICES)
@settings(derandomize=True, max_examples=100)
def test_an_echo_of_our_own_writes_plans_nothing(ours, theirs):
    """The pair as our writes leave it: each changed field agrees, and the base says so."""
    ours, theirs = replace(ours, presence=Presence.PRESENT), replace(theirs, presence=Presence.PRESENT)
    known = replace(link(ours, theirs), base={})
    first = plan(route(ours, theirs, links=(known,)))
    written = {side: dict(one.image) for side, one in ((Side.PROCORE, ours), (Side.FOURHSE, theirs))}
    for action in first.actions:
        written[action.side] |= action.fields
    ours, theirs = (replace(one, image=written[one.side]) for one in (ours, theirs))
    fresh = plan(route(ours, theirs, links=(link(ours, theirs),)))
    assert fresh.actions == ()


# Entered anew after a deletion -----------------------------------------------------------------------------------

LOST = office("lost", Presence.GONE)
BROKEN = replace(link(), fourhse_id="lost")
"""The link of an incident whose partner was deleted."""
MARKED = Transition(BROKEN, LinkState.GONE_FOURHSE, "deleted in 4HSE", Side.FOURHSE, "proof")
SEVEN = {"title": "Slip", "description": "Ice.", "event_date": "2026-02-25T11:00:00Z"}
A_SEVEN = {"name": "Slip", "description_event": "Ice.", "date_incident": "2026-02-25"}


def test_one_that_looks_like_a_survivor_is_asked_about_and_the_deletion_waits_for_that():
    found = plan(route(site(), LOST, office(), links=(BROKEN,), deletions=Policy.CLOSE))
    assert asked(found) == (items.doubt(site(), (("a", "Fall"),), ENTERED_ANEW, "Fall", {}),)
    assert (found.actions, found.transitions) == ((), (MARKED,))
    assert found.statuses[Side.PROCORE] == {"1": SyncStatus.WAITING}


@pytest.mark.parametrize(
    ("title", "changes", "state"),
    [
        ("", {"title": None, "description": None, "status": None}, {"minimal": True, "private": True}),
        ("Fall", {"event_date": "2026-01-05T11:00:00Z"}, {}),
    ],
    ids=["made private", "another day"],
)
def test_a_survivor_is_known_by_what_both_agreed_on_however_it_stands_now(title, changes, state):
    """What is entered anew tells what both sides once told; a copy of it would be a second one."""
    survivor = replace(site(**changes), **state)
    found = plan(route(survivor, LOST, office(), links=(BROKEN,)))
    assert asked(found) == (items.doubt(survivor, (("a", "Fall"),), ENTERED_ANEW, title, {}),)
    assert (found.actions, found.transitions) == ((), (MARKED,))


def test_each_field_of_a_survivor_is_known_by_its_own_base():
    """The base of a description shows the title beside it as it was when the descriptions agreed."""
    broken = link(site("7"), office())
    older = replace(broken.base["description"], fourhse={**broken.base["description"].fourhse, "name": "Trip"})
    broken = replace(broken, base={**broken.base, "description": older})
    entered, survivor = site("2", description="Another text."), office(name="Slip")
    found = plan(route(site("7", Presence.GONE), entered, survivor, links=(broken,)))
    assert asked(found) == (items.doubt(entered, (("a", "Slip"),), ENTERED_ANEW, "Fall", {}),)


def test_a_link_that_gets_a_new_partner_is_not_marked_as_one_that_lost_it():
    whole = route(site(), LOST, office(), links=(BROKEN,))
    found = plan(matched(whole, "match:procore:1", "approve", "a", with_id="a"))
    assert (found.actions, found.transitions) == ((join(),), ())


def test_a_pair_that_is_joined_beside_it_marks_the_survivor_all_the_same():
    found = plan(route(site(), LOST, office(), site("7", **SEVEN), office("a7", **A_SEVEN), links=(BROKEN,)))
    assert (found.actions, found.transitions) == ((join("a7", "7"),), (MARKED,))
    assert [item.reason for item in found.items] == [ENTERED_ANEW]


def test_a_doubt_of_two_that_were_never_linked_is_no_new_entry():
    whole = route(
        site(),
        LOST,
        office(),
        site("7", **SEVEN),
        office("a7", **{**A_SEVEN, "description_event": "Rain."}),
        links=(BROKEN,),
    )
    assert [item.reason for item in plan(whole).items] == [ENTERED_ANEW, ALIKE]


REMOVED, AGAIN = injury(presence=Presence.GONE), involved("p9")


@pytest.mark.parametrize(
    ("there", "former", "linked"),
    [
        ([REMOVED, AGAIN], child(), [("i1", "p9")]),
        ([injury(presence=Presence.ABSENT), AGAIN], child(), [("i1", "p9")]),
        ([injury(), AGAIN], child(), []),
        ([REMOVED, injury("i2"), AGAIN], child(), []),
        ([REMOVED, AGAIN], child(state=LinkState.ENDED), []),
        ([REMOVED, involved("p9", person_office_id="o8")], child(), []),
    ],
    ids=["removed", "not shown", "there", "there on another record", "removed on both sides before", "somebody else"],
)
def test_who_was_removed_from_a_survivor_is_linked_with_the_new_record_so_that_it_is_asked_about(there, former, linked):
    """As unlinked, the new record would be copied, and the removal undone."""
    whole = route(site(), LOST, office(), links=(BROKEN,), people=people(*there, links=(former,)))
    found = plan(matched(whole, "match:procore:1", "approve", "a", with_id="a"))
    incident, *persons = (action for action in found.actions if action.act is Act.LINK)
    assert (incident, [(a.source_id, a.target_id) for a in persons]) == (join(), linked)
    assert {(a.kind, a.parent) for a in persons} <= {(Kind.INJURY, "1")}


OLD = {"event_date": "2025-02-10T11:00:00Z"}, {"date_incident": "2025-02-10"}


@pytest.mark.parametrize("policy", Policy)
@pytest.mark.parametrize("as_it_was", [True, False])
@pytest.mark.parametrize("changes", [OLD, ({}, {"category": "REPORT_FAILURE"})], ids=["before since", "not shared"])
def test_a_survivor_is_asked_about_with_one_that_stays_home_before_it_goes(changes, as_it_was, policy):
    """Deleted, the accident would stand in one system alone, and never be copied again."""
    ours, theirs = site(**changes[0]), office(**changes[1])
    kept = {} if as_it_was else {"name": "Trip", "description_event": "Quite another thing."}
    edited = replace(theirs, image={**theirs.image, **kept})
    pairs = frozenset() if as_it_was else ONE_PAIR
    whole = route(ours, LOST, edited, links=(BROKEN,), deletions=policy, open_matches=pairs)
    found = plan(whole)
    assert (found.actions, [item.reason for item in found.items]) == ((), [ENTERED_ANEW])
    joined = plan(told(whole, "match:procore:1", "approve", with_id="a"))
    assert steps(joined)[0] == steps(Plan((join(),)))[0]


@pytest.mark.parametrize(
    "changes",
    [
        {"links": (replace(BROKEN, state=LinkState.IGNORED),)},
        {"links": (replace(BROKEN, state=LinkState.CLOSED_BY_POLICY),)},
        {"links": (BROKEN,), "only_days": (date(2026, 2, 1), date(2026, 2, 28))},
    ],
    ids=["kept", "closed", "backfill"],
)
def test_a_survivor_of_which_nothing_is_decided_now_is_not_asked_about_with_one_that_stays_home(changes):
    found = plan(route(site(**OLD[0]), LOST, office(**OLD[1]), **changes))
    assert (found.actions, found.items) == ((), ())


ONE_PAIR = frozenset({("1", "a")})


@pytest.mark.parametrize("policy", Policy)
def test_what_may_have_been_entered_anew_stays_in_question_however_it_is_edited(policy):
    """A copy of it would be a second one, and no edit is an answer."""
    whole = route(site(), LOST, office(**TRIP), links=(BROKEN,), deletions=policy)
    assert steps(plan(whole))[-1] == COPIED_BACK
    found = plan(replace(whole, open_matches=ONE_PAIR))
    assert asked(found) == (items.doubt(site(), (("a", "Trip"),), ENTERED_ANEW, "Fall", {}),)
    assert (found.actions, found.transitions) == ((), (MARKED,))


def test_an_answer_ends_the_question_about_what_was_entered_anew():
    whole = route(site(), LOST, office(**TRIP), links=(BROKEN,), open_matches=ONE_PAIR)
    different = plan(told(whole, "match:procore:1", "reject"))
    assert (steps(different), [item.kind for item in different.items]) == ([COPIED_BACK], [ItemKind.DELETION])
    assert steps(plan(told(whole, "match:procore:1", "approve", with_id="a")))[0] == steps(Plan((join(),)))[0]


def test_a_question_about_two_without_a_link_or_with_one_that_is_away_closes_by_itself():
    assert steps(plan(route(site(), office(**TRIP), open_matches=ONE_PAIR))) == [COPIED, COPIED_BACK]
    away = route(site(presence=Presence.ABSENT), LOST, office(**TRIP), links=(BROKEN,), open_matches=ONE_PAIR)
    assert steps(plan(away)) == [COPIED_BACK]


def test_each_question_of_a_draft_is_looked_at_once():
    """A first meeting asks of each pair whether a question names it, and there may be thousands of both."""
    looked_at = []

    class Items(list[Item]):
        def __getitem__(self, part):
            looked_at.extend(found := super().__getitem__(part))
            return found

    draft = Draft(items=Items())
    for number in range(100):
        draft.items.append(items.word(site(str(number)), f"o{number}", "title", "Held", "Fall"))
        assert draft.is_asked_about(str(number))
        assert draft.is_asked_about(f"o{number}")
        assert not draft.is_asked_about(str(number + 1))
    assert len(looked_at) == 100


def test_one_that_looks_like_a_survivor_waits_while_its_partner_may_stand_on_a_page_that_was_not_read():
    elsewhere, unread = ref(Side.PROCORE, "9"), office("lost", Presence.UNSEEN)
    doubtful = site("7", **SEVEN), office("a7", **{**A_SEVEN, "description_event": "Rain."})
    whole = route(site(), unread, office(), *doubtful, links=(BROKEN,), pending=frozenset({elsewhere}))
    found = plan(whole)
    assert (found.actions, [item.reason for item in found.items]) == ((), [ALIKE])
    assert found.unknown == {elsewhere, ref(Side.PROCORE, "1"), ref(Side.FOURHSE, "a")}
