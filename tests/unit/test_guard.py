"""Limits over plans: what is held, what goes on, and what an approval covers."""

from dataclasses import replace

import pytest

from procore_4hse.models import Act, Action, Item, ItemKind, Kind, LinkState, Place, Side
from procore_4hse.reconcile.guard import guarded
from procore_4hse.reconcile.snapshot import Changed, Limits, Plan, Presence, Snapshot, signature
from routes import link, office, route, ruling, site

FEW = Limits(max_deletes=2, max_delete_percent=10, max_change_percent=50, max_creates=2)


def action(act: Act, number: int, side: Side = Side.FOURHSE) -> Action:
    ids = {"target_id": None if act is Act.CREATE else f"a{number}", "source_id": f"{number}"}
    return Action(act, side, Kind.INCIDENT, **ids, reason="because", fields={"name": f"Fall {number}"})


def of(act: Act, many: int, side: Side = Side.FOURHSE) -> Plan:
    actions = tuple(action(act, number, side) for number in range(many))
    places = {side: {one.source_id: Place.IN_SYNC for one in actions} for side in Side}
    return Plan(actions=actions, places=places)


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
    found = guarded(plan, linked(5, rulings=ruling("guard:creates:fourhse", "approve", seen=shown)))
    assert found.actions == plan.actions, "the fourth alone is under the limit"
    changed = tuple(replace(one, fields={"name": "Another"}) for one in plan.actions)
    found = guarded(
        replace(plan, actions=changed), linked(5, rulings=ruling("guard:creates:fourhse", "approve", seen=shown))
    )
    assert (found.actions, len(found.held)) == ((), 4)


def test_deletions_approved_one_by_one_count_towards_no_limit():
    plan = of(Act.DELETE, 5)
    rulings = {}
    for one in plan.actions:
        rulings |= ruling(f"deletion:{one.source_id}:procore", "approve")
    assert guarded(plan, linked(30, rulings=rulings)).actions == plan.actions


# What holds everything -----------------------------------------------------------------------------------------------


def meeting(procore: int, fourhse: int, creates: int = 1, **changes) -> Plan:
    places = {
        Side.PROCORE: {f"{number}": Place.IN_SYNC for number in range(procore)},
        Side.FOURHSE: {f"a{number}": Place.IN_SYNC for number in range(fourhse)},
    }
    plan = replace(of(Act.CREATE, creates), places=places)
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
    approved = replace(emptied, rulings=ruling("guard:emptied:fourhse", "approve"))
    assert guarded(of(Act.UPDATE, 1), approved).stop is None


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
    changed = linked(1, changed=Changed(**{what: "as it was"}))
    found = guarded(of(Act.UPDATE, 1), changed)
    assert (found.actions, found.items[-1].key) == ((), f"guard:{what}")
    assert "as it was" in found.items[-1].reason
    assert guarded(of(Act.UPDATE, 1), replace(changed, rulings=ruling(f"guard:{what}", "approve"))).stop is None


def test_a_changed_mapping_is_asked_about_only_when_it_sets_pairs_against_each_other():
    changed = linked(1, changed=Changed(mapping="old"))
    assert guarded(of(Act.UPDATE, 1), changed).stop is None
    drift = Item(ItemKind.DRIFT, "difference:1:title", "", "", "", procore_id="1", field="title")
    found = guarded(replace(of(Act.UPDATE, 1), items=(drift,)), changed)
    assert (found.actions, [item.key for item in found.items]) == ((), ["guard:mapping"])


def test_what_is_held_leaves_no_trace():
    """No new base and no change of state either: the next cycle sees the same situation."""
    emptied = linked(3, records={Side.PROCORE: {"0": site("0")}, Side.FOURHSE: {}})
    plan = replace(of(Act.UPDATE, 1), apart=(("1", "a"),))
    found = guarded(plan, emptied)
    assert (found.rebases, found.transitions, found.apart, found.held) == ((), (), (), plan.actions)


def test_absent_by_a_missing_record_is_absent():
    records = {Side.PROCORE: {"0": site("0")}, Side.FOURHSE: {"a0": office("a0", Presence.ABSENT)}}
    assert guarded(Plan(), linked(1, records=records)).stop is not None
