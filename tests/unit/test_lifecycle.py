"""What becomes of a link whose records are not both there."""

import pytest

from procore_4hse.models import Act, ItemKind, LinkState, Side
from procore_4hse.reconcile.lifecycle import Fate, fate
from procore_4hse.reconcile.snapshot import Policy, Presence, Snapshot
from routes import link, office, route, ruling, site

HERE, UNSEEN, ABSENT, GONE = Presence.PRESENT, Presence.UNSEEN, Presence.ABSENT, Presence.GONE
KEY = {Side.PROCORE: "deletion:1:procore", Side.FOURHSE: "deletion:1:fourhse"}
UNEDITED = {"edited": False}


def seen(procore: Presence, fourhse: Presence, state: LinkState = LinkState.LIVE, **changes) -> Fate:
    return fate(situation(procore, fourhse, state, **changes), link(state=state))


def situation(procore: Presence, fourhse: Presence, state: LinkState = LinkState.LIVE, **changes) -> Snapshot:
    return route(site(presence=procore), office(presence=fourhse), links=(link(state=state),), **changes)


def gone(side: Side, **changes) -> Fate:
    there = (GONE, HERE) if side is Side.PROCORE else (HERE, GONE)
    return seen(*there, **changes)


SIDES = pytest.mark.parametrize("side", list(Side))


@pytest.mark.parametrize("state", list(LinkState))
def test_both_there_is_alive_from_every_state(state):
    found = seen(HERE, HERE, state)
    assert found.alive
    assert (found.transition is None) == (state is LinkState.LIVE)
    assert found.transition is None or found.transition.state is LinkState.LIVE


@pytest.mark.parametrize("pair", [(HERE, UNSEEN), (UNSEEN, HERE), (UNSEEN, UNSEEN)])
def test_a_listing_that_was_not_whole_says_nothing(pair):
    found = seen(*pair)
    assert (found.alive, found.actions, found.items, found.transition) == (False, (), (), None)


@pytest.mark.parametrize("policy", list(Policy))
@pytest.mark.parametrize("pair", [(HERE, ABSENT), (ABSENT, HERE)])
def test_absence_alone_asks_and_does_nothing_under_any_policy(pair, policy):
    found = seen(*pair, deletions=policy)
    assert (found.actions, found.transition) == ((), None)
    assert [item.kind for item in found.items] == [ItemKind.MISSING]


@SIDES
def test_a_person_may_tell_that_a_missing_one_was_deleted(side):
    there = (ABSENT, HERE) if side is Side.PROCORE else (HERE, ABSENT)
    found = seen(*there, rulings=ruling(f"missing:1:{side.value}", "approve"))
    assert [item.kind for item in found.items] == [ItemKind.DELETION]
    assert (found.transition.state, found.transition.evidence) == (LinkState.gone(side), "a person said so")


@SIDES
def test_ask_asks(side):
    found = gone(side)
    assert (found.actions, [item.kind for item in found.items]) == ((), [ItemKind.DELETION])
    assert (found.transition.state, found.transition.evidence) == (LinkState.gone(side), "proof")


def test_propagate_deletes_by_itself_at_procore_alone():
    assert [(a.act, a.side) for a in gone(Side.FOURHSE, deletions=Policy.PROPAGATE).actions] == [
        (Act.DELETE, Side.PROCORE)
    ]
    found = gone(Side.PROCORE, deletions=Policy.PROPAGATE)
    assert (found.actions, [item.kind for item in found.items]) == ((), [ItemKind.DELETION])


@SIDES
def test_close_closes_the_survivor(side):
    [action] = gone(side, deletions=Policy.CLOSE).actions
    assert (action.act, action.side, action.then) == (Act.UPDATE, side.other, LinkState.CLOSED_BY_POLICY)
    assert action.fields["status"] == "closed"


@SIDES
def test_ignore_ends_it_without_a_word(side):
    found = gone(side, deletions=Policy.IGNORE)
    assert (found.actions, found.items, found.transition.state) == ((), (), LinkState.IGNORED)


@SIDES
def test_approved_the_survivor_is_deleted(side):
    found = gone(side, rulings=ruling(KEY[side], "approve", seen=UNEDITED))
    [action] = found.actions
    assert (action.act, action.side, action.then) == (Act.DELETE, side.other, LinkState.ENDED)
    assert action.seen, "a survivor that changed in between is not deleted"


@SIDES
def test_rejected_the_survivor_is_kept(side):
    found = gone(side, rulings=ruling(KEY[side], "reject", seen=UNEDITED))
    assert (found.actions, found.transition.state) == ((), LinkState.IGNORED)


def test_brought_back_from_the_bin_or_made_again_under_the_next_id():
    [action] = gone(Side.PROCORE, rulings=ruling(KEY[Side.PROCORE], "reject", restore=True, seen=UNEDITED)).actions
    assert (action.act, action.side, action.target_id) == (Act.RESTORE, Side.PROCORE, "1")
    [action] = gone(Side.FOURHSE, rulings=ruling(KEY[Side.FOURHSE], "reject", restore=True, seen=UNEDITED)).actions
    assert (action.act, action.side, action.generation) == (Act.CREATE, Side.FOURHSE, 1)


@pytest.mark.parametrize("policy", [Policy.ASK, Policy.PROPAGATE, Policy.CLOSE])
def test_deleted_here_and_edited_there_is_never_silent(policy):
    whole = route(site(title="Slip"), office(presence=GONE), links=(link(),), deletions=policy)
    found = fate(whole, link())
    assert (found.actions, [item.kind for item in found.items]) == ((), [ItemKind.CONFLICT])
    assert found.items[0].field is None


def test_an_answer_to_a_plain_deletion_does_not_cover_an_edited_survivor():
    answer = ruling(KEY[Side.FOURHSE], "approve", seen=UNEDITED)
    whole = route(site(title="Slip"), office(presence=GONE), links=(link(),), rulings=answer)
    assert fate(whole, link()).actions == ()


def test_what_cannot_be_told_in_this_cycle_is_no_edit():
    """Procore's record lists failed, so that its injuries are unknown."""
    whole = route(site(**{"@injured": None}), office(presence=GONE), links=(link(),))
    assert [item.kind for item in fate(whole, link()).items] == [ItemKind.DELETION]


def test_both_gone_is_the_end():
    found = seen(GONE, GONE)
    assert (found.actions, found.items, found.transition.state) == ((), (), LinkState.ENDED)


def test_one_of_an_ended_pair_is_back_and_brings_the_other():
    [action] = seen(HERE, ABSENT, LinkState.ENDED).actions
    assert (action.act, action.side) == (Act.CREATE, Side.FOURHSE)
    [action] = seen(ABSENT, HERE, LinkState.ENDED).actions
    assert (action.act, action.side) == (Act.RESTORE, Side.PROCORE)


@pytest.mark.parametrize("state", [LinkState.IGNORED, LinkState.CLOSED_BY_POLICY])
def test_what_was_decided_stays_decided(state):
    found = seen(HERE, GONE, state)
    assert (found.actions, found.items) == ((), ())
