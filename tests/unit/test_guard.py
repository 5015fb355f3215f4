"""Limits over plans: what is held, what goes on, and what an approval covers."""

from collections import Counter
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from procore_4hse.models import Act, Action, Decision, Item, ItemKind, Kind, LinkState, QuestionKey, Side, SyncStatus
from procore_4hse.reconcile import guard as guard_module
from procore_4hse.reconcile import items as items_module
from procore_4hse.reconcile.approval import signature
from procore_4hse.reconcile.guard import guarded
from procore_4hse.reconcile.items import guard, summary
from procore_4hse.reconcile.snapshot import Change, Changed, Limits, Plan, Presence, Rebase, Snapshot, Transition
from routes import decision, link, office, route, site

FEW = Limits(max_deletes=2, max_delete_percent=10, max_change_percent=50, max_creates=2)


def action(act: Act, number: int, side: Side = Side.FOURHSE) -> Action:
    ids = {"target_id": None if act is Act.CREATE else f"a{number}", "source_id": f"{number}"}
    return Action(act, side, Kind.INCIDENT, **ids, reason="because", fields={"name": f"Fall {number}"})


NEW = Change("old", "new")
CAUSE = {"old": "old", "new": "new"}


def approved(held: Plan, **options: str) -> dict[QuestionKey, Decision]:
    """A yes to the guard's question that this plan ends with, as it was shown."""
    item = held.items[-1]
    return {item.key: Decision(1, item.key, "approve", seen=item.facts, **options)}


def chosen(use: str, *differences: str) -> dict[str, Any]:
    """A person chose what holds for these fields, which the mapping in force set against each other."""
    seen = {"cause": CAUSE, "differences": list(differences)}
    return {"changed": Changed(mapping=NEW), "decisions": decision("guard:mapping", "approve", use=use, seen=seen)}


def of(act: Act, many: int, side: Side = Side.FOURHSE) -> Plan:
    actions = tuple(action(act, number, side) for number in range(many))
    statuses = {side: {one.source_id: SyncStatus.IN_SYNC for one in actions} for side in Side}
    return Plan(actions=actions, statuses=statuses)


def linked(many: int, **changes) -> Snapshot:
    pairs = [(site(str(number)), office(f"a{number}")) for number in range(many)]
    links = tuple(link(*pair) for pair in pairs)
    return route(*(one for pair in pairs for one in pair), links=links, limits=FEW, **changes)


@pytest.mark.parametrize(
    ("act", "links", "allowed", "held"),
    [
        (Act.DELETE, 5, 2, 3),
        (Act.DELETE, 30, 2, 3),
        (Act.DELETE, 20, 2, 3),
        (Act.UPDATE, 19, 19, None),
        (Act.UPDATE, 20, 10, 11),
        (Act.CREATE, 0, 2, 3),
    ],
)
def test_each_limit_begins_right_after_its_number(act, links, allowed, held):
    whole = linked(links)
    assert guarded(of(act, allowed), whole).stop is None
    if held is not None:
        found = guarded(of(act, held), whole)
        assert (found.actions, len(found.held)) == ((), held)
        assert found.stop == found.items[-1].reason
        assert found.population(Side.PROCORE)["waiting"] == held


def test_the_share_of_deletions_counts_from_twenty_links_up():
    limits = Limits(max_deletes=100, max_delete_percent=10)
    assert guarded(of(Act.DELETE, 5), replace(linked(19), limits=limits)).stop is None
    assert "max_delete_percent" in (guarded(of(Act.DELETE, 3), replace(linked(20), limits=limits)).stop or "")
    assert guarded(of(Act.DELETE, 2), replace(linked(20), limits=limits)).stop is None


def test_a_limit_holds_its_own_kind_on_its_side_alone():
    creates = of(Act.CREATE, 3)
    rest = (action(Act.UPDATE, 1), action(Act.CREATE, 9, Side.PROCORE), action(Act.DELETE, 2))
    found = guarded(replace(creates, actions=(*creates.actions, *rest)), linked(5))
    assert found.actions == rest
    assert found.held == creates.actions


def test_an_approval_covers_what_was_shown_and_nothing_else():
    plan = of(Act.CREATE, 4)
    shown = {"held": [signature(one) for one in plan.actions[:3]]}
    found = guarded(plan, linked(5, decisions=decision("guard:creates:fourhse", "approve", seen=shown)))
    assert found.actions == plan.actions, "the fourth alone is under the limit"
    changed = tuple(replace(one, fields={"name": "Another"}) for one in plan.actions)
    found = guarded(
        replace(plan, actions=changed), linked(5, decisions=decision("guard:creates:fourhse", "approve", seen=shown))
    )
    assert (found.actions, len(found.held)) == ((), 4)


def test_deletions_approved_one_by_one_count_towards_no_limit():
    plan = of(Act.DELETE, 5)
    decisions = {}
    for one in plan.actions:
        decisions |= decision(f"deletion:{one.source_id}:procore", "approve")
    assert guarded(plan, linked(30, decisions=decisions)).actions == plan.actions


# What holds everything -----------------------------------------------------------------------------------------------


def meeting(procore: int, fourhse: int, creates: int = 1, **changes) -> Plan:
    statuses = {
        Side.PROCORE: {f"{number}": SyncStatus.IN_SYNC for number in range(procore)},
        Side.FOURHSE: {f"a{number}": SyncStatus.IN_SYNC for number in range(fourhse)},
    }
    plan = replace(of(Act.CREATE, creates), statuses=statuses)
    return guarded(plan, route(limits=FEW, **{"ever_linked": False, **changes}))


@pytest.mark.parametrize(
    ("procore", "fourhse", "creates", "asked"), [(1, 0, 1, False), (0, 1, 1, False), (1, 1, 1, True), (3, 0, 3, True)]
)
def test_two_populated_registers_meet_only_with_a_person_s_word(procore, fourhse, creates, asked):
    found = meeting(procore, fourhse, creates)
    assert [item.key for item in found.items] == (["guard:first-meeting"] if asked else [])
    assert (found.actions == ()) == asked


def test_an_approved_meeting_may_create_more_than_the_limit():
    assert len(meeting(3, 3, 3, meeting_approved=True).actions) == 3


def test_a_side_that_shows_nothing_any_more_holds_everything():
    emptied = linked(3, records={Side.PROCORE: {"0": site("0")}, Side.FOURHSE: {}})
    found = guarded(of(Act.UPDATE, 1), emptied)
    assert (found.actions, [item.key for item in found.items]) == ((), ["guard:emptied:fourhse"])
    assert guarded(of(Act.UPDATE, 1), replace(emptied, decisions=approved(found))).stop is None
    more = linked(4, records=emptied.records, decisions=approved(found))
    assert guarded(of(Act.UPDATE, 1), more).stop is not None, "one link more is gone than was shown"


def test_two_sides_that_were_always_empty_are_no_loss():
    assert guarded(Plan(), route()).stop is None


def test_a_listing_that_was_not_whole_proves_no_emptiness():
    unsure = linked(
        3, records={side: {} for side in Side}, certified={Side.PROCORE: False, Side.FOURHSE: False}
    )  # fmt: skip
    assert guarded(Plan(), unsure).stop is None


def test_an_ended_link_is_not_missed():
    ended = tuple(replace(one, state=LinkState.ENDED) for one in linked(2).links)
    assert guarded(Plan(), route(links=ended)).stop is None


@pytest.mark.parametrize("what", ["scope", "zone"])
def test_a_changed_route_is_asked_about(what):
    changed = linked(1, changed=Changed(**{what: Change("as it was", "as it is")}))
    found = guarded(of(Act.UPDATE, 1), changed)
    assert (found.actions, found.items[-1].key) == ((), f"guard:{what}")
    assert "as it was" in found.items[-1].reason
    assert "as it is" in found.items[-1].reason
    assert guarded(of(Act.UPDATE, 1), replace(changed, decisions=approved(found))).stop is None
    again = replace(changed, changed=Changed(**{what: Change("as it was", "another")}), decisions=approved(found))
    assert guarded(of(Act.UPDATE, 1), again).actions == (), "another setting than the one that was shown"


def test_a_changed_mapping_is_asked_about_only_when_it_sets_pairs_against_each_other():
    changed = linked(1, changed=Changed(mapping=NEW))
    assert guarded(of(Act.UPDATE, 1), changed).stop is None
    drift = Item(ItemKind.DRIFT, QuestionKey("difference:1:title"), "", "", "", procore_id="1", field="title")
    found = guarded(replace(of(Act.UPDATE, 1), items=(drift,)), changed)
    assert (found.actions, [item.key for item in found.items]) == ((), ["guard:mapping"])


def test_what_is_held_leaves_no_trace():
    """No new base and no change of state either: the next cycle sees the same situation."""
    emptied = linked(3, records={Side.PROCORE: {"0": site("0")}, Side.FOURHSE: {}})
    plan = replace(of(Act.UPDATE, 1), not_duplicates=(("1", "a"),))
    found = guarded(plan, emptied)
    assert (found.rebases, found.transitions, found.not_duplicates, found.held) == ((), (), (), plan.actions)


def test_absent_by_a_missing_record_is_absent():
    records = {Side.PROCORE: {"0": site("0")}, Side.FOURHSE: {"a0": office("a0", Presence.ABSENT)}}
    assert guarded(Plan(), linked(1, records=records)).stop is not None


# Word for word: what, how much, which limit ---------------------------------------------------------------------

GO_ON = "Look at what is held with: procore-4hse inbox show ID. To let it happen: procore-4hse inbox approve ID"


@pytest.mark.parametrize(
    ("act", "side", "many", "limits", "reason"),
    [
        (
            Act.DELETE, Side.FOURHSE, 3, FEW,
            "3 records would be deleted in 4HSE; more than 2 need your approval (max_deletes).",
        ),
        (
            Act.DELETE, Side.PROCORE, 3, replace(FEW, max_deletes=9),
            "3 of 20 linked incidents would be deleted in Procore; "
            "more than 10 % need your approval (max_delete_percent).",
        ),
        (
            Act.UPDATE, Side.PROCORE, 11, FEW,
            "11 of 20 linked incidents would be updated in Procore; "
            "more than 50 % need your approval (max_change_percent).",
        ),
        (
            Act.CREATE, Side.FOURHSE, 3, FEW,
            "3 incidents would be created in 4HSE; more than 2 need your approval (max_creates).",
        ),
        (
            Act.DELETE, Side.FOURHSE, 1, replace(FEW, max_deletes=0),
            "1 record would be deleted in 4HSE; more than 0 need your approval (max_deletes).",
        ),
    ],
)  # fmt: skip
def test_a_limit_says_what_how_much_and_which(act, side, many, limits, reason):
    plan = of(act, many, side)
    found = guarded(plan, replace(linked(20), limits=limits))
    assert found.stop == reason
    assert found.items == (guard(QuestionKey.guard(f"{act.value}s", side), reason, GO_ON, plan.actions, {}),)
    assert (found.actions, found.held) == ((), plan.actions)


def test_the_limits_of_a_route_that_names_none():
    assert Limits() == Limits(20, 10, 50, 200, 20)


def test_the_first_reason_stops_and_every_kind_has_its_item():
    plan = of(Act.DELETE, 3)
    creates = of(Act.CREATE, 3, Side.PROCORE).actions
    asked = Item(ItemKind.WORD, "word:x", "", "", "")
    found = guarded(replace(plan, actions=(*plan.actions, *creates), items=(asked,)), linked(5))
    assert [item.key for item in found.items] == ["word:x", "guard:creates:procore", "guard:deletes:fourhse"]
    assert (found.stop, found.held) == (found.items[1].reason, (*creates, *plan.actions))


def test_links_that_ended_count_towards_no_share():
    whole = linked(20)
    ended = replace(whole, links=(replace(whole.links[0], state=LinkState.ENDED), *whole.links[1:]))
    assert guarded(of(Act.UPDATE, 11), ended).stop is None


def test_the_merge_of_new_links_counts_towards_no_share():
    many = of(Act.UPDATE, 11)
    for joined in (
        tuple(Action(Act.LINK, Side.FOURHSE, Kind.INCIDENT, a.target_id, "x", "") for a in many.actions[:1]),
        tuple(Action(Act.LINK, Side.FOURHSE, Kind.INCIDENT, "x", a.target_id, "") for a in many.actions[:1]),
    ):
        whole = replace(many, actions=(*many.actions, *joined))
        assert guarded(whole, linked(20)).actions == whole.actions
    stranger = Action(Act.LINK, Side.FOURHSE, Kind.INCIDENT, "x", "y", "")
    assert guarded(replace(many, actions=(*many.actions, stranger)), linked(20)).actions == (stranger,)


def test_people_are_created_and_updated_within_their_incident_but_deleted_within_the_limit():
    for act in (Act.CREATE, Act.UPDATE):
        plan = of(act, 15)
        people = replace(plan, actions=tuple(replace(one, kind=Kind.INJURY) for one in plan.actions))
        assert guarded(people, linked(20)).stop is None
    plan = of(Act.DELETE, 3)
    people = replace(plan, actions=tuple(replace(one, kind=Kind.INJURY) for one in plan.actions))
    found = guarded(people, linked(20))
    assert (found.actions, found.held) == ((), people.actions)
    decisions = {}
    for one in plan.actions:
        decisions |= decision(f"deletion:injury-{one.source_id}:procore", "approve")
    assert guarded(people, linked(20, decisions=decisions)).actions == people.actions


def test_a_no_to_one_deletion_or_a_yes_to_another_side_lets_nothing_pass():
    plan = of(Act.DELETE, 3)
    for suffix, verb in (("procore", "reject"), ("fourhse", "approve")):
        decisions = {}
        for one in plan.actions:
            decisions |= decision(f"deletion:{one.source_id}:{suffix}", verb)
        assert guarded(plan, linked(5, decisions=decisions)).actions == ()


def test_deletions_in_procore_are_known_by_their_own_id():
    plan = of(Act.DELETE, 3, Side.PROCORE)
    decisions = {}
    for one in plan.actions:
        decisions |= decision(f"deletion:{one.target_id}:fourhse", "approve")
    assert guarded(plan, linked(5, decisions=decisions)).actions == plan.actions


@pytest.mark.parametrize(
    ("act", "exempt"),
    [
        (Act.CREATE, {"meeting_approved": True}),
        (Act.UPDATE, chosen("procore", *(f"difference:{number}:title" for number in range(11)))),
    ],
)
def test_what_a_person_approved_for_the_route_is_exempt(act, exempt):
    plan = of(act, 11)
    plan = replace(plan, actions=tuple(replace(action, sources={"title": {}}) for action in plan.actions))
    assert guarded(plan, linked(20, **exempt)).actions == plan.actions
    other = of(Act.DELETE, 3)
    assert guarded(other, linked(20, **exempt)).actions == ()


def test_a_choice_after_a_changed_mapping_covers_only_what_was_counted():
    """An edit beside it falls under the limit, and a field that differs since is asked in the same question."""
    plan = of(Act.UPDATE, 11)
    counted = replace(plan, actions=tuple(replace(action, sources={"title": {}}) for action in plan.actions[:5]))
    choice = chosen("procore", *(f"difference:{number}:title" for number in range(5)))
    assert guarded(counted, linked(20, **choice)).actions == counted.actions
    both = replace(counted, actions=(*counted.actions, *plan.actions))
    beside = guarded(both, linked(20, **choice))
    assert (beside.actions, beside.items[-1].key) == (counted.actions, "guard:updates:fourhse")
    late = Item(ItemKind.DRIFT, QuestionKey("difference:9:title"), "", "", "", procore_id="9", field="title")
    again = guarded(replace(counted, items=(late,)), linked(20, **choice))
    assert (again.actions, [item.key for item in again.items]) == (counted.actions, ["guard:mapping"])
    assert "difference:9:title" in again.items[0].facts["differences"]
    other = {**choice, "changed": Changed(mapping=Change("old", "newer"))}
    assert guarded(replace(counted, items=(late,)), linked(20, **other)).actions == ()


def test_what_came_up_after_a_meeting_was_approved_is_asked_in_the_same_question():
    asked = meeting(3, 3, 3)
    again = meeting(3, 3, 4, decisions=approved(asked))
    assert (len(again.actions), [item.key for item in again.items]) == (3, ["guard:first-meeting"])
    assert "1 change came up" in again.items[0].reason
    assert len(meeting(3, 3, 4, decisions=approved(again)).actions) == 4


def test_an_approved_meeting_that_was_cut_short_goes_on():
    """With the first link made, its creates still count towards no limit."""
    yes = approved(meeting(3, 3, 3))
    later = meeting(3, 3, 3, decisions=yes, ever_linked=True)
    assert (len(later.actions), later.stop) == (3, None)
    assert later.answers_in_use == ("guard:first-meeting",)


def test_a_backfill_may_create_more_than_the_limit():
    days = (date(2026, 1, 1), date(2026, 2, 1))
    assert len(guarded(of(Act.CREATE, 3), linked(5, only_days=days)).actions) == 3


def test_an_approval_stays_until_its_actions_are_carried_out():
    plan = of(Act.CREATE, 3)
    answer = decision("guard:creates:fourhse", "approve", seen={"held": [signature(one) for one in plan.actions]})
    found = guarded(replace(plan, answers_in_use=("x",)), linked(5, decisions=answer))
    assert found.answers_in_use == ("x", "guard:creates:fourhse")
    assert guarded(Plan(), linked(5, decisions=answer)).answers_in_use == ()
    refused = decision("guard:creates:fourhse", "reject", seen={"held": [signature(one) for one in plan.actions]})
    assert guarded(plan, linked(5, decisions=refused)).actions == ()


def test_more_than_was_approved_is_asked_again_in_the_same_item():
    plan = of(Act.CREATE, 6)
    answer = decision("guard:creates:fourhse", "approve", seen={"held": [signature(one) for one in plan.actions[:2]]})
    found = guarded(plan, linked(5, decisions=answer))
    assert (found.actions, found.held) == (plan.actions[:2], plan.actions[2:])
    assert (found.items[0].key, found.answers_in_use) == ("guard:creates:fourhse", ("guard:creates:fourhse",))


def test_what_is_held_waits_and_the_rest_stands_where_it_stood():
    plan = of(Act.CREATE, 3)
    statuses = {
        Side.PROCORE: {"0": SyncStatus.IN_SYNC, "9": SyncStatus.IN_SYNC},
        Side.FOURHSE: {"a9": SyncStatus.EXCLUDED},
    }
    found = guarded(replace(plan, statuses=statuses), linked(5))
    assert found.statuses == {
        Side.PROCORE: {"0": SyncStatus.WAITING, "9": SyncStatus.IN_SYNC},
        Side.FOURHSE: {"a9": SyncStatus.EXCLUDED},
    }


# Whole routes, word for word -------------------------------------------------------------------------------------


def test_a_first_meeting_says_what_would_happen():
    plan = replace(
        of(Act.CREATE, 3),
        statuses={
            Side.PROCORE: {"0": SyncStatus.IN_SYNC, "1": SyncStatus.WAITING, "2": SyncStatus.EXCLUDED},
            Side.FOURHSE: {"a0": SyncStatus.IN_SYNC},
        },
        items=(Item(ItemKind.MATCH, "match:x", "", "", ""), Item(ItemKind.WORD, "word:x", "", "", "")),
    )
    plan = replace(plan, actions=(*plan.actions, Action(Act.LINK, Side.FOURHSE, Kind.INCIDENT, "a9", "9", "")))
    found = guarded(plan, route(limits=FEW, ever_linked=False))
    reason = (
        "First meeting: Procore holds 2 incidents to compare, and 4HSE 1. Clearly the same: 1. Doubtful: 1. "
        "To be created in Procore: 0; in 4HSE: 3. Nothing was written."
    )
    advice = "Read it with: procore-4hse plan. To let it happen: procore-4hse inbox approve ID, or sync --first"
    creates = {Side.PROCORE: 0, Side.FOURHSE: 3}
    assert found.items == (
        guard(QuestionKey.guard("first-meeting"), reason, advice, plan.actions, {}, creates=creates),
    )
    assert (found.actions, found.held, found.stop) == ((), plan.actions, reason)
    assert found.statuses[Side.PROCORE] == {
        "0": SyncStatus.WAITING,
        "1": SyncStatus.WAITING,
        "2": SyncStatus.WAITING,
    }


@pytest.mark.parametrize(
    "changes", [{"ever_linked": True}, {"meeting_approved": True}, {"only_days": (date(2026, 1, 1), date(2026, 2, 1))}]
)
def test_a_meeting_is_asked_about_once_and_in_no_backfill(changes):
    assert meeting(1, 1, 1, **changes).stop is None


def test_a_meeting_with_nothing_to_do_is_no_question():
    assert meeting(1, 1, 0).stop is None


def test_a_meeting_of_one_populated_side_stays_within_the_limit():
    assert meeting(2, 0, 2).stop is None
    assert "First meeting" in (meeting(3, 0, 3).stop or "")


def test_what_else_is_asked_stays_asked_while_a_whole_route_is_held():
    kinds = (ItemKind.WORD, ItemKind.DRIFT, ItemKind.MISSING, ItemKind.DELETION)
    asked = tuple(Item(kind, QuestionKey(f"{kind}:x"), "", "", "", procore_id="1", field="title") for kind in kinds)

    def kept(found):
        return [item.kind for item in found.items[:-1]]

    plan = replace(of(Act.UPDATE, 1), items=asked)
    assert kept(guarded(plan, linked(1, changed=Changed(scope=NEW)))) == list(kinds)
    assert kept(guarded(plan, linked(1, changed=Changed(mapping=NEW)))) == [kinds[0], *kinds[2:]]
    empty = {"records": {Side.PROCORE: {"0": site("0")}, Side.FOURHSE: {}}}
    assert kept(guarded(plan, linked(1, **empty))) == list(kinds[:2])
    back = {"restored_backup": {Side.PROCORE: frozenset({"1"})}}
    assert kept(guarded(plan, linked(1, **back))) == list(kinds[:2])
    assert kept(guarded(plan, route(limits=FEW, ever_linked=False))) == []


@pytest.mark.parametrize(
    ("changes", "key", "reason", "advice", "cause"),
    [
        (
            {"changed": Changed(scope=NEW)}, "scope",
            "This route's settings changed. They were: old. They are now: new.",
            f"If that is meant: inbox approve ID. {GO_ON}", {"old": "old", "new": "new"},
        ),
        (
            {"changed": Changed(zone=NEW)}, "zone",
            "The project's time zone was old and is now new; days may read differently.",
            "If that is right: procore-4hse inbox approve ID; the days on both sides then stay as they stand.",
            {"old": "old", "new": "new"},
        ),
        (
            {"records": {Side.PROCORE: {}, Side.FOURHSE: {"a0": office("a0")}}}, "emptied:procore",
            "Procore shows no incident at all any more; 2 were linked.",
            "See whether our account lost its rights in Procore. If it is really empty: inbox approve ID",
            {"links": ["0", "1"]},
        ),
    ],
)  # fmt: skip
def test_a_whole_route_is_held_with_a_reason_and_a_remedy(changes, key, reason, advice, cause):
    plan = replace(of(Act.UPDATE, 1), transitions=(), rebases=())
    found = guarded(plan, linked(2, **changes))
    assert found.items == (guard(QuestionKey(f"guard:{key}"), reason, advice, plan.actions, cause),)
    assert (found.actions, found.held, found.stop) == ((), plan.actions, reason)


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"changed": Changed(scope=NEW)}, "guard:scope"),
        ({"changed": Changed(zone=NEW)}, "guard:zone"),
        ({"records": {Side.PROCORE: {}, Side.FOURHSE: {"a0": office("a0")}}}, "guard:emptied:procore"),
    ],
)
def test_only_a_yes_lets_a_whole_route_go_on(changes, key):
    plan = of(Act.UPDATE, 1)
    asked = guarded(plan, linked(1, **changes))
    (yes,) = approved(asked).values()
    assert yes.key == key
    assert guarded(plan, linked(1, **changes, decisions={yes.key: yes})).actions == plan.actions
    assert guarded(plan, linked(1, **changes, decisions={yes.key: replace(yes, verb="reject")})).actions == ()
    assert guarded(plan, linked(1, **changes, decisions={QuestionKey("guard:other"): yes})).actions == ()
    assert guarded(plan, linked(1, **changes, decisions=decision(key, "approve"))).actions == (), "nothing was shown"


def test_a_side_that_shows_one_incident_is_not_empty():
    records = {Side.PROCORE: {"0": site("0"), "1": site("1")}, Side.FOURHSE: {"a0": office("a0")}}
    assert guarded(Plan(), linked(2, records=records)).stop is None


@pytest.mark.parametrize("presence", [Presence.UNSEEN, Presence.GONE])
def test_only_absent_ones_make_a_side_empty(presence):
    records = {Side.PROCORE: {"0": site("0")}, Side.FOURHSE: {"a0": office("a0", presence)}}
    assert guarded(Plan(), linked(1, records=records)).stop is None


@pytest.mark.parametrize("side", list(Side))
def test_a_named_winner_lets_the_rest_cross_and_what_it_cannot_write_is_asked_one_by_one(side):
    drift = Item(ItemKind.DRIFT, QuestionKey("difference:2:category"), "", "", "", procore_id="2", field="category")
    plan = replace(of(Act.UPDATE, 1), items=(drift,))
    found = guarded(plan, linked(1, **chosen(side.value, "difference:2:category", "difference:0:title")))
    assert (found.actions, found.items, found.stop) == (plan.actions, plan.items, None)
    assert "guard:mapping" in found.answers_in_use


def test_a_changed_mapping_names_the_fields_and_counts_the_pairs():
    def drift(pair: str, field: str) -> Item:
        return Item(ItemKind.DRIFT, QuestionKey(f"difference:{pair}:{field}"), "", "", "", procore_id=pair, field=field)

    plan = replace(of(Act.UPDATE, 1), items=(drift("1", "title"), drift("1", "day"), drift("2", "title")))
    found = guarded(plan, linked(1, changed=Changed(mapping=NEW)))
    reason = "The mapping changed, and 2 linked incidents that agreed would now differ in: Day, Title."
    advice = (
        "Say what holds with: procore-4hse inbox approve ID --use procore|4hse|base. "
        "With procore, its values are written to 4HSE. With 4hse, its values are written to Procore. "
        "With base, both sides stay as they are until one is edited."
    )
    named = ["difference:1:day", "difference:1:title", "difference:2:title"]
    assert found.items == (
        guard(QuestionKey.guard("mapping"), reason, advice, plan.actions, CAUSE, pairs=2, differences=named),
    )
    single = guarded(replace(plan, items=plan.items[:1]), linked(1, changed=Changed(mapping=NEW)))
    assert single.stop == "The mapping changed, and 1 linked incident that agreed would now differ in: Title."
    assert guarded(plan, linked(1)).stop is None


# A restored side -------------------------------------------------------------------------------------------------

UNDONE = {side: frozenset({("1", "title"), ("2", None)}) for side in Side}


@pytest.mark.parametrize("side", list(Side))
def test_a_restored_side_is_asked_about(side):
    plan = of(Act.UPDATE, 1)
    whole = linked(2, restored_backup={side: frozenset({"2", "1", "3"})}, reverted=UNDONE)
    reason = (
        f"{side.label} shows old values again on 3 linked records, as after a restored backup: "
        "what changed there since is gone at once."
    )
    advice = (
        "To write again what both sides had agreed on: procore-4hse inbox approve ID --use base; "
        "to take the old values, and what is gone as deleted: --use accept"
    )
    found = guarded(plan, whole)
    assert found.items == (
        guard(QuestionKey.guard("regress", side), reason, advice, plan.actions, {"links": ["1", "2", "3"]}),
    )
    assert (found.actions, found.stop) == ((), reason)


HELD = [signature(action) for action in of(Act.UPDATE, 1).actions]


def restored(verb="approve", links=("1", "2", "3"), **changes):
    told = decision("guard:regress:procore", verb, use="base", seen={"cause": {"links": list(links)}, "held": HELD})
    restored_backup = {Side.PROCORE: frozenset({"1", "2", "3"})}
    return guarded(
        of(Act.UPDATE, 1),
        linked(2, **{"restored_backup": restored_backup, "reverted": UNDONE, "decisions": told, **changes}),
    )


def test_an_answer_about_a_restored_side_lasts_until_all_of_it_is_done():
    assert (restored().stop, restored().answers_in_use) == (None, ("guard:regress:procore",))
    assert restored(restored_backup={}).answers_in_use == ("guard:regress:procore",)
    assert restored(reverted={}, restored_backup={}, links=()).answers_in_use == ()
    other = {Side.PROCORE: frozenset({("9", "title")})}
    assert restored(reverted=other, restored_backup={}, links=("1",)).answers_in_use == ()


def test_more_links_than_the_answer_saw_and_a_no_are_asked_again():
    assert restored(links=("1", "2")).stop is not None
    assert restored(verb="reject").stop is not None
    assert restored(verb="reject", restored_backup={}).stop is None


# Deletions that a person rejected --------------------------------------------------------------------------------


def test_rejected_deletions_keep_their_survivors_and_let_the_others_go():
    plan = of(Act.DELETE, 3, Side.PROCORE)
    links = [replace(link(), procore_id=one.target_id, fourhse_id=one.source_id) for one in plan.actions]
    changes = tuple(Transition(one, LinkState.GONE_FOURHSE, "deleted in 4HSE", Side.FOURHSE, "proof") for one in links)
    statuses = {Side.PROCORE: {one.target_id: SyncStatus.WAITING for one in plan.actions}}
    no = decision("guard:deletes:procore", "reject", seen={"held": [signature(plan.actions[0])]})
    found = guarded(replace(plan, transitions=changes, statuses=statuses), linked(5, decisions=no))
    assert (found.actions, found.items) == (plan.actions[1:], ())
    assert found.transitions == (
        replace(changes[0], state=LinkState.IGNORED, reason="a person keeps the survivor"),
        *changes[1:],
    )
    assert [*found.statuses[Side.PROCORE].values()] == [
        SyncStatus.EXCLUDED,
        SyncStatus.WAITING,
        SyncStatus.WAITING,
    ]


def test_a_rejected_deletion_of_a_person_excludes_no_incident():
    plan = of(Act.DELETE, 1)
    plan = replace(plan, actions=(replace(plan.actions[0], kind=Kind.INJURY),), statuses={})
    no = decision("guard:deletes:fourhse", "reject", seen={"held": [signature(plan.actions[0])]})
    found = guarded(plan, linked(5, decisions=no))
    assert (found.actions, found.statuses.get(Side.FOURHSE)) == ((), {})
    assert guarded(plan, linked(5, decisions=decision("guard:deletes:fourhse", "reject"))).actions == plan.actions


# Answers and counts that say little ------------------------------------------------------------------------------


def test_an_answer_that_names_nothing_allows_nothing():
    plan = of(Act.CREATE, 3)
    assert guarded(plan, linked(5, decisions=decision("guard:creates:fourhse", "approve"))).held == plan.actions
    bare = decision("guard:regress:procore", "approve", use="base")
    assert restored(decisions=bare).stop is not None
    assert restored(decisions=bare, restored_backup={}).stop is None


def test_a_plan_that_counts_one_side_alone_is_held_all_the_same():
    plan = replace(of(Act.CREATE, 3), statuses={Side.PROCORE: {"0": SyncStatus.IN_SYNC}})
    assert guarded(plan, linked(5)).statuses == {Side.PROCORE: {"0": SyncStatus.WAITING}}


def test_a_held_route_takes_no_new_base_and_changes_no_state():
    change = Transition(link(), LinkState.ENDED, "deleted on both sides")
    plan = replace(of(Act.UPDATE, 1), transitions=(change,), rebases=(Rebase(Kind.INCIDENT, "1", "a", {}),))
    found = guarded(plan, linked(1, changed=Changed(scope=NEW)))
    assert (found.rebases, found.transitions) == ((), ())


def test_an_unseen_incident_of_procore_makes_it_not_empty():
    records = {Side.PROCORE: {"0": site("0", Presence.UNSEEN)}, Side.FOURHSE: {"a0": office("a0")}}
    assert guarded(Plan(), linked(1, records=records)).stop is None


def test_held_incidents_of_a_side_that_counts_none_are_left_out():
    plan = replace(of(Act.DELETE, 3), statuses={Side.PROCORE: {"0": SyncStatus.IN_SYNC}})
    assert guarded(plan, linked(5)).statuses == {Side.PROCORE: {"0": SyncStatus.WAITING}}


# What came up after an answer ------------------------------------------------------------------------------------

NEW_SCOPE = {"changed": Changed(scope=NEW)}


def test_what_came_up_after_a_yes_is_asked_in_the_same_question_and_the_rest_goes_on():
    plan = of(Act.UPDATE, 3)
    asked = guarded(of(Act.UPDATE, 1), linked(5, **NEW_SCOPE))
    [first] = asked.items
    found = guarded(replace(plan, answers_in_use=("x",)), linked(5, **NEW_SCOPE, decisions=approved(asked)))
    assert (found.actions, found.held) == (plan.actions[:1], plan.actions[1:])
    reason = f"{first.reason} What was approved goes on; since then 2 changes came up that nobody has seen yet."
    again = guard(first.key, reason, first.advice, plan.actions, CAUSE)
    assert found.items == (replace(again, facts={**again.facts, "actions": [summary(a) for a in plan.actions[1:]]}),)
    assert (found.stop, found.answers_in_use) == (reason, ("x", "guard:scope"))
    assert guarded(plan, linked(5, **NEW_SCOPE, decisions=approved(found))).actions == plan.actions


def test_a_yes_is_kept_while_its_cause_stands_though_nothing_is_to_be_done():
    asked = guarded(of(Act.UPDATE, 1), linked(5, **NEW_SCOPE))
    found = guarded(Plan(), linked(5, **NEW_SCOPE, decisions=approved(asked)))
    assert (found.items, found.stop, found.answers_in_use) == ((), None, ("guard:scope",))


def test_fields_that_differ_since_a_choice_are_asked_about_with_those_that_were_counted():
    def drift(pair: str, field: str) -> Item:
        return Item(ItemKind.DRIFT, QuestionKey(f"difference:{pair}:{field}"), "", "", "", procore_id=pair, field=field)

    chose, beside = of(Act.UPDATE, 2).actions
    plan = Plan(actions=(replace(chose, sources={"title": {}}), beside), items=(drift("0", "day"), drift("9", "title")))
    found = guarded(plan, linked(20, **chosen("procore", "difference:0:title", "difference:0:day")))
    assert (found.actions, found.held) == (plan.actions[:1], (beside,))
    [item] = found.items
    reason = "The mapping changed, and 1 linked incident that agreed would now differ in: Title."
    named = ["difference:0:day", "difference:0:title", "difference:9:title"]
    assert (item.reason, item.facts["differences"], item.facts["pairs"]) == (reason, named, 1)
    assert item.facts["actions"] == [summary(beside)]
    assert item.facts["held"] == [signature(one) for one in plan.actions]


def test_a_choice_that_saw_no_field_decides_none_and_all_are_asked_about():
    drift = Item(ItemKind.DRIFT, QuestionKey("difference:9:title"), "", "", "", procore_id="9", field="title")
    told = decision("guard:mapping", "approve", use="procore", seen={"cause": CAUSE})
    found = guarded(Plan(items=(drift,)), linked(1, changed=Changed(mapping=NEW), decisions=told))
    assert [item.facts["differences"] for item in found.items] == [["difference:9:title"]]


def test_what_an_answer_about_a_restored_side_brings_about_goes_on_and_the_rest_is_asked():
    plan = of(Act.UPDATE, 5)
    told = decision("guard:regress:procore", "approve", use="base", seen={"cause": {"links": ["1", "2", "3"]}})
    changes = {"restored_backup": {Side.PROCORE: frozenset({"1", "2"})}, "reverted": UNDONE, "decisions": told}
    found = guarded(plan, linked(20, **changes))
    assert (found.actions, found.held) == (plan.actions[1:4], (plan.actions[0], plan.actions[4]))
    assert "2 changes came up" in found.items[-1].reason


def test_an_answer_about_an_emptied_side_brings_nothing_about():
    ours = {str(number): site(str(number)) for number in range(3)}
    gone = {"records": {Side.PROCORE: ours, Side.FOURHSE: {}}}
    plan = of(Act.UPDATE, 2, Side.FOURHSE)
    asked = guarded(replace(plan, actions=plan.actions[:1]), linked(3, **gone))
    assert [item.key for item in asked.items] == ["guard:emptied:fourhse"]
    found = guarded(plan, linked(3, **gone, decisions=approved(asked)))
    assert (found.actions, found.held) == (plan.actions[:1], plan.actions[1:])
    assert "1 change came up" in found.items[-1].reason


def test_a_no_is_not_kept_and_a_choice_keeps_no_other_answer():
    plan = of(Act.CREATE, 1)
    no = decision("guard:creates:fourhse", "reject", seen={"held": [signature(one) for one in plan.actions]})
    assert guarded(plan, linked(5, decisions=no)).answers_in_use == ()
    choice = chosen("procore", "difference:0:title")
    done = decision("guard:creates:fourhse", "approve", seen={"held": ["done"]})
    both = {**choice, "decisions": {**choice["decisions"], **done}}
    assert guarded(plan, linked(5, **both)).answers_in_use == ("guard:mapping",)
    assert guarded(plan, linked(5, decisions=choice["decisions"])).answers_in_use == ()


# Many of them ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_answered", [False, True])
def test_held_actions_are_never_compared_with_each_other(monkeypatch, is_answered):
    """However many are held: each is signed a few times, and none is set against another."""
    many, signed = 3000, Counter()

    def counted(module):
        return lambda one: signed.update([one.source_id]) or signature(one)

    for module in (guard_module, items_module):
        monkeypatch.setattr(module, "signature", counted(module))
    monkeypatch.setattr(Action, "__eq__", lambda *_: pytest.fail("two actions are compared"))
    planned = of(Act.CREATE, many)
    held = guarded(planned, linked(0))
    assert len(held.held) == many
    if is_answered:
        again = guarded(of(Act.CREATE, many + FEW.max_creates + 1), linked(0, decisions=approved(held)))
        assert (len(again.actions), len(again.held)) == (many, FEW.max_creates + 1)
    assert max(signed.values()) <= 12
