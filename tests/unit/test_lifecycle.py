"""What becomes of a link whose records are not both there."""

from dataclasses import replace
from typing import Any

import pytest
from core import involved, people

from procore_4hse.mapping.lenses.base import INJURED
from procore_4hse.mapping.lenses.person import NumberLens
from procore_4hse.mapping.rules import Direction, Field
from procore_4hse.models import Act, Action, ItemKind, Kind, Link, LinkState, Side, SyncStatus
from procore_4hse.reconcile import items, lifecycle
from procore_4hse.reconcile.approval import contents
from procore_4hse.reconcile.lifecycle import LinkOutcome
from procore_4hse.reconcile.plan import plan
from procore_4hse.reconcile.snapshot import Policy, Presence, Record, Snapshot, Transition
from routes import MAPPING, decision, link, office, ref, route, site, told

HERE, UNSEEN, ABSENT, GONE = Presence.PRESENT, Presence.UNSEEN, Presence.ABSENT, Presence.GONE


def link_outcome(snapshot: Snapshot, link: Link) -> lifecycle.LinkOutcome:
    return lifecycle.link_outcome(snapshot, snapshot.incidents, link)


def presence_of(snapshot: Snapshot, link: Link, side: Side) -> Presence:
    return lifecycle.presence_of(snapshot, snapshot.incidents, link, side)


KEY = {Side.PROCORE: "deletion:1:procore", Side.FOURHSE: "deletion:1:fourhse"}


def seen(procore: Presence, fourhse: Presence, state: LinkState = LinkState.LIVE, **changes) -> LinkOutcome:
    return link_outcome(situation(procore, fourhse, state, **changes), link(state=state))


def situation(procore: Presence, fourhse: Presence, state: LinkState = LinkState.LIVE, **changes) -> Snapshot:
    return route(site(presence=procore), office(presence=fourhse), links=(link(state=state),), **changes)


def gone(side: Side, **changes) -> LinkOutcome:
    there = (GONE, HERE) if side is Side.PROCORE else (HERE, GONE)
    return seen(*there, **changes)


def answered(side: Side, verb: str, *, restore: bool = False, **changes) -> LinkOutcome:
    """What follows from this answer to the question about the survivor of a deletion on that side."""
    there = (GONE, HERE) if side is Side.PROCORE else (HERE, GONE)
    return link_outcome(told(situation(*there, **changes), KEY[side], verb, restore=restore), link())


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
    found = link_outcome(told(situation(*there), f"missing:1:{side.value}", "approve"), link())
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


@pytest.mark.parametrize("policy", [Policy.PROPAGATE, Policy.CLOSE])
def test_no_policy_acts_on_a_survivor_that_this_cycle_cannot_read_whole(policy):
    """Without the lists of people nobody can tell whether somebody was hurt since both agreed."""
    whole = route(site(**{INJURED: None}), office(presence=GONE), links=(link(),), deletions=policy)
    found = link_outcome(whole, link())
    assert (found.actions, [item.kind for item in found.items]) == ((), [ItemKind.DELETION])
    assert found.transition.state is LinkState.GONE_FOURHSE


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
    found = answered(side, "approve")
    [action] = found.actions
    assert (action.act, action.side, action.then) == (Act.DELETE, side.other, LinkState.ENDED)
    assert action.seen, "a survivor that changed in between is not deleted"


@SIDES
def test_no_answer_writes_to_a_side_that_the_route_only_reads(side):
    """Approved, the survivor stays for a person to delete; what was deleted there is not brought back."""
    away = {Side.PROCORE: Direction.TO_PROCORE, Side.FOURHSE: Direction.TO_FOURHSE}
    found = answered(side, "approve", direction=away[side])
    assert (found.actions, found.transition.state) == ((), LinkState.IGNORED)
    found = answered(side, "reject", restore=True, direction=away[side.other])
    assert (found.actions, found.transition.state) == ((), LinkState.IGNORED)
    answer = decision(f"guard:regress:{side.value}", "approve", use="base", seen={"cause": {"links": ["1"]}})
    reverted = {side: frozenset({("1", None)})}
    found = gone(side, decisions=answer, reverted=reverted, direction=away[side.other])
    assert found.actions == ()
    assert gone(side, decisions=answer, reverted=reverted).actions, "on a route of both directions it is put back"


@SIDES
def test_the_question_names_only_what_this_route_may_do(side):
    names = {Side.PROCORE: Direction.TO_PROCORE, Side.FOURHSE: Direction.TO_FOURHSE}
    [item] = gone(side, direction=names[side]).items
    assert "delete it there by hand" in item.advice
    assert "--restore" in item.advice
    [item] = gone(side, direction=names[side.other]).items
    assert "inbox approve" in item.advice
    assert "--restore" not in item.advice
    [item] = gone(side).items
    assert "inbox approve" in item.advice
    assert "--restore" in item.advice


@SIDES
def test_rejected_the_survivor_is_kept(side):
    found = answered(side, "reject")
    assert (found.actions, found.transition.state) == ((), LinkState.IGNORED)


def test_brought_back_from_the_bin_or_made_again_under_the_next_id():
    [action] = answered(Side.PROCORE, "reject", restore=True).actions
    assert (action.act, action.side, action.target_id) == (Act.RESTORE, Side.PROCORE, "1")
    [action] = answered(Side.FOURHSE, "reject", restore=True).actions
    assert (action.act, action.side, action.generation) == (Act.CREATE, Side.FOURHSE, 1)


@pytest.mark.parametrize("policy", [Policy.ASK, Policy.PROPAGATE, Policy.CLOSE])
def test_deleted_here_and_edited_there_is_never_silent(policy):
    whole = route(site(title="Slip"), office(presence=GONE), links=(link(),), deletions=policy)
    found = link_outcome(whole, link())
    assert (found.actions, [item.kind for item in found.items]) == ((), [ItemKind.CONFLICT])
    assert found.items[0].field is None


@SIDES
@pytest.mark.parametrize("row", [MAPPING.title, replace(MAPPING.title, fills_only=True)])
def test_what_both_never_agreed_on_is_no_edit_where_they_need_not_agree(side, row):
    known = replace(link(), base={})
    there = {"title": "Slip"} if side is Side.FOURHSE else {"name": "Slip"}
    ours, theirs = (
        (site(**there), office(presence=GONE)) if side is Side.FOURHSE else (site(presence=GONE), office(**there))
    )
    [item] = link_outcome(route(ours, theirs, links=(known,), mapping=replace(MAPPING, fields=(row,))), known).items
    assert item.facts["edited"] is not row.fills_only
    alone = route(ours if side is Side.FOURHSE else theirs, links=(replace(known, state=LinkState.gone(side)),))
    [item] = link_outcome(alone, alone.links[0]).items
    assert not item.facts["edited"], "nothing is known of what was deleted"


def never_agreed(ours: Record, theirs: Record, row: Field) -> bool:
    """Whether the survivor counts as edited, of a row on which these two have yet to agree."""
    known = replace(link(), base={})
    alone = route(ours, theirs, links=(known,), mapping=replace(MAPPING, fields=(row,)))
    [item] = lifecycle.link_outcome(alone, replace(alone.incidents, title="Fall"), known).items
    return bool(item.facts["edited"])


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (site(title="Slip"), office(presence=GONE, name=None)),
        (site(title="Slip"), office(presence=GONE, name="")),
        (site(presence=GONE, title=None), office(name="Slip")),
        (site(title="Slip"), replace(office(presence=GONE), minimal=True)),
    ],
)
def test_a_deleted_one_that_says_nothing_contradicts_no_survivor(ours, theirs):
    assert not never_agreed(ours, theirs, MAPPING.title)


def test_a_word_of_the_deleted_one_that_nobody_knows_contradicts_no_survivor():
    status = next(row for row in MAPPING.fields if row.key == "status")
    assert not never_agreed(site(presence=GONE, status="void"), office(status="closed"), status)
    assert never_agreed(site(presence=GONE), office(status="closed"), status)


@SIDES
def test_meanings_that_agree_are_no_edit_though_their_words_differ(side):
    there = {Side.PROCORE: (GONE, HERE), Side.FOURHSE: (HERE, GONE)}[side]
    hurt = site(presence=there[0], **{INJURED: True})
    assert not never_agreed(hurt, office(presence=there[1], category="ACCIDENTS"), MAPPING.category)
    assert never_agreed(hurt, office(presence=there[1]), MAPPING.category)


def test_a_row_that_rests_makes_no_edit():
    resting = replace(MAPPING.title, direction=Direction.NONE)
    assert not never_agreed(site(title="Slip"), office(presence=GONE), resting)
    assert never_agreed(site(title="Slip"), office(presence=GONE), MAPPING.title)


@pytest.mark.parametrize("answer", [{}, decision(KEY[Side.FOURHSE], "approve")])
@pytest.mark.parametrize("policy", list(Policy))
def test_nothing_happens_to_a_survivor_that_privacy_keeps_home(policy, answer):
    ours = replace(site(title=None, description=None), minimal=True)
    whole = route(ours, office(presence=GONE), links=(link(),), deletions=policy, decisions=answer)
    assert link_outcome(whole, link()) == LinkOutcome(
        sync_status=SyncStatus.EXCLUDED, transition=transition(Side.FOURHSE)
    )


def test_an_answer_to_a_plain_deletion_does_not_cover_an_edited_survivor():
    answer = told(situation(HERE, GONE), KEY[Side.FOURHSE], "approve").decisions
    whole = route(site(title="Slip"), office(presence=GONE), links=(link(),), decisions=answer)
    assert link_outcome(whole, link()).actions == ()


def test_what_cannot_be_told_in_this_cycle_is_no_edit():
    """Procore's record lists failed, so that its injuries are unknown."""
    whole = route(site(**{"@injured": None}), office(presence=GONE), links=(link(),))
    assert [item.kind for item in link_outcome(whole, link()).items] == [ItemKind.DELETION]


def test_what_cannot_be_told_in_this_cycle_hides_no_edit_of_another_field():
    known = route(site(title="Slip", **{"@injured": None}), office(presence=GONE), links=(link(),))
    mapping = replace(MAPPING, fields=(MAPPING.category, MAPPING.title))
    assert [item.kind for item in link_outcome(replace(known, mapping=mapping), link()).items] == [ItemKind.CONFLICT]


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


# Every case of presence and state, whole -------------------------------------------------------------------------

IDS = {Side.PROCORE: "1", Side.FOURHSE: "a"}
PAIRS = [(one, other) for one in Presence for other in Presence]


def expected(procore: Presence, fourhse: Presence, state: LinkState) -> str:
    """What the design says of two presences and a state, in one word."""
    both = {procore, fourhse}
    if both == {HERE}:
        return "alive"
    if state is LinkState.ENDED:
        return "brought back" if HERE in both else "over"
    sides = [
        GONE if one is ABSENT and state is LinkState.gone(side) else one
        for side, one in ((Side.PROCORE, procore), (Side.FOURHSE, fourhse))
    ]
    if sides == [GONE, GONE]:
        return "ended"
    if state in (LinkState.IGNORED, LinkState.CLOSED_BY_POLICY):
        return "over"
    if GONE in sides and ABSENT not in sides:
        return "deletion" if HERE in sides else "marked"
    return "missing" if ABSENT in sides else "waits"


def in_a_word(found: LinkOutcome) -> str:
    if found.alive:
        return "alive"
    if found.actions:
        return "brought back"
    if found.items:
        return found.items[0].kind.value
    if found.transition is not None:
        return "ended" if found.transition.state is LinkState.ENDED else "marked"
    return "over" if found.sync_status is SyncStatus.EXCLUDED else "waits"


@pytest.mark.parametrize("state", list(LinkState))
@pytest.mark.parametrize(("procore", "fourhse"), PAIRS)
def test_every_presence_in_every_state(procore, fourhse, state):
    whole = route(bare(site(presence=procore)), bare(office(presence=fourhse)), links=(link(state=state),))
    found = link_outcome(whole, link(state=state))
    assert in_a_word(found) == expected(procore, fourhse, state)
    if in_a_word(found) in ("over", "ended"):
        assert found.sync_status is SyncStatus.EXCLUDED
    elif not found.alive:
        assert found.sync_status is SyncStatus.WAITING


def bare(record):
    """Without evidence of its own, unless it is gone."""
    return record if record.presence is GONE else replace(record, evidence="")


@pytest.mark.parametrize("state", [LinkState.IGNORED, LinkState.CLOSED_BY_POLICY])
def test_evidence_that_was_kept_proves_what_is_absent_after_an_answer(state):
    known = link(state=state)
    kept = replace(office(presence=ABSENT), evidence="proof")
    assert presence_of(route(site(), kept, links=(known,)), known, Side.FOURHSE) is GONE
    assert presence_of(route(site(), office(presence=ABSENT), links=(known,)), known, Side.FOURHSE) is ABSENT
    assert presence_of(route(site(), kept, links=(link(),)), link(), Side.FOURHSE) is ABSENT


@SIDES
def test_what_the_store_does_not_hold_is_absent_or_unseen(side):
    assert presence_of(route(), link(), side) is ABSENT
    uncertified = {one: one is not side for one in Side}
    assert presence_of(route(certified=uncertified), link(), side) is UNSEEN
    assert presence_of(route(certified=uncertified), link(), side.other) is ABSENT
    gone = link(state=LinkState.gone(side))
    assert presence_of(route(certified=uncertified), gone, side) is UNSEEN, "a listing that was not whole tells nothing"
    rejected = decision(f"missing:1:{side.value}", "reject")
    assert presence_of(route(decisions=rejected), link(), side) is ABSENT


def transition(side: Side, state: LinkState | None = None, reason: str | None = None) -> Transition:
    return Transition(link(), state or LinkState.gone(side), reason or f"deleted in {side.label}", side, "proof")


@SIDES
def test_asked_whole(side):
    along, survivor = () if side is Side.PROCORE else None, office() if side is Side.PROCORE else site()
    shown = items.Survivor(contents(route(), survivor), goes_with=along)
    asked = items.deletion(link(), side, "proof", "Fall", shown)
    assert gone(side) == LinkOutcome(transition=transition(side), items=(asked,))


@SIDES
def test_ignored_whole(side):
    assert gone(side, deletions=Policy.IGNORE) == LinkOutcome(
        sync_status=SyncStatus.EXCLUDED, transition=transition(side, LinkState.IGNORED)
    )


def deleted(side: Side, reason: str) -> Action:
    record = site() if side is Side.PROCORE else office()
    seen = {key: value for row in MAPPING.fields for key, value in row.slice(side, record.image).items()}
    return Action(
        Act.DELETE, side, Kind.INCIDENT, IDS[side], IDS[side.other], reason, seen=seen, then=LinkState.ENDED
    )  # fmt: skip


def test_propagated_whole():
    assert gone(Side.FOURHSE, deletions=Policy.PROPAGATE) == LinkOutcome(
        transition=transition(Side.FOURHSE), actions=(deleted(Side.PROCORE, "deleted in 4HSE (proof)"),)
    )


@SIDES
def test_approved_whole(side):
    assert answered(side, "approve") == LinkOutcome(
        transition=transition(side),
        actions=(deleted(side.other, "a person approved the deletion"),),
        answers_in_use=(KEY[side],),
    )


@SIDES
def test_rejected_whole(side):
    assert answered(side, "reject") == LinkOutcome(
        sync_status=SyncStatus.EXCLUDED, transition=transition(side, LinkState.IGNORED, "a person keeps the survivor")
    )


@SIDES
@pytest.mark.parametrize("policy", list(Policy))
@pytest.mark.parametrize("verb", ["approve", "reject"])
def test_an_answer_that_does_not_tell_what_was_shown_is_asked_again_and_nothing_else_follows(side, policy, verb):
    old = gone(side, decisions=decision(KEY[side], verb, seen={"edited": False}), deletions=policy)
    assert old == gone(side)


PIECE = Record(Side.FOURHSE, "r1", {"entity_type": "EQUIPMENT"}, kind=Kind.RESOURCE)


def with_people(*below: Record, further: tuple[Record, ...] = (), **changes: Any) -> LinkOutcome:
    """The incident was deleted in Procore; these stand below its partner in 4HSE."""
    return gone(Side.PROCORE, people=people(*below, further_resources={"a": further}), **changes)


def test_a_question_about_a_deletion_names_what_4hse_would_delete_along_and_still_has():
    [item] = with_people(involved(), involved("p2", presence=ABSENT), further=(PIECE,)).items
    assert item.facts["goes_with"] == ["p1", "r1"]
    assert "goes_with" not in gone(Side.PROCORE).items[0].facts
    [item] = gone(Side.FOURHSE, people=people(involved())).items
    assert "goes_with" not in item.facts, "Procore has a bin, from which all of it comes back"


@pytest.mark.parametrize("verb", ["approve", "reject"])
@pytest.mark.parametrize(
    ("shown", "below", "covered"),
    [
        ([involved(), involved("p2")], [involved(), involved("p2")], True),
        ([involved(), involved("p2")], [involved()], False),
        ([involved()], [involved(), involved("p2")], False),
        ([], [involved()], False),
        ([], [], True),
    ],
    ids=["all shown", "one went since", "one came since", "none shown", "nobody"],
)
def test_an_answer_to_a_deletion_covers_only_what_was_shown_to_go_with_it(verb, shown, below, covered):
    answer = told(situation(GONE, HERE, people=people(*shown)), KEY[Side.PROCORE], verb).decisions
    found = with_people(*below, decisions=answer)
    deletes = [Act.DELETE] * (covered and verb == "approve")
    assert ([action.act for action in found.actions], bool(found.items)) == (deletes, not covered)


def test_a_yes_to_a_deletion_in_procore_needs_nobody_named():
    found = answered(Side.FOURHSE, "approve", people=people(involved()))
    assert [(action.act, action.side) for action in found.actions] == [(Act.DELETE, Side.PROCORE)]


def restored(reason: str) -> Action:
    return Action(Act.RESTORE, Side.PROCORE, Kind.INCIDENT, "1", "a", reason)


def remade(reason: str, generation: int = 1) -> Action:
    fields = {
        "name": "Fall", "description_event": "A worker fell.", "date_incident": "2026-02-10", "status": "new",
        "category": "ACCIDENTS_AND_MISSED_INJURIES",
    }  # fmt: skip
    sources = {row.key: row.slice(Side.PROCORE, site().image) for row in MAPPING.fields}
    return Action(
        Act.CREATE, Side.FOURHSE, Kind.INCIDENT, None, "1", reason, fields, sources, generation=generation
    )  # fmt: skip


@pytest.mark.parametrize(("side", "make"), [(Side.PROCORE, restored), (Side.FOURHSE, remade)])
def test_brought_back_whole(side, make):
    assert answered(side, "reject", restore=True) == LinkOutcome(
        transition=transition(side), actions=(make("a person asked for it back"),), answers_in_use=(KEY[side],)
    )


@pytest.mark.parametrize(("side", "make"), [(Side.PROCORE, restored), (Side.FOURHSE, remade)])
def test_put_back_whole_after_a_backup(side, make):
    back = decision(f"guard:regress:{side.value}", "approve", use="base", seen={"cause": {"links": ["1"]}})
    reverted = {side: frozenset({("1", None)})}
    found = gone(side, decisions=back, reverted=reverted)
    assert found == LinkOutcome(actions=(make(f"put back after {side.label} was restored"),))
    assert gone(side, decisions=back).items != ()
    assert gone(side, decisions=back, reverted={side: frozenset({("1", "title")})}).items != ()
    assert gone(side, reverted=reverted).items != ()


@pytest.mark.parametrize(
    ("procore", "fourhse", "action"),
    [(HERE, GONE, remade("it is back in Procore", 4)), (GONE, HERE, restored("it is back in 4HSE"))],
)
def test_back_after_the_end_whole(procore, fourhse, action):
    ended = link(state=LinkState.ENDED, generation=3)
    found = link_outcome(route(site(presence=procore), office(presence=fourhse), links=(ended,)), ended)
    assert found == LinkOutcome(actions=(action,))


def test_what_only_a_person_called_deleted_is_made_again_in_procore():
    """There is nothing in the bin to restore."""
    gone = link(state=LinkState.GONE_PROCORE)
    whole = told(route(site(presence=ABSENT), office(), links=(gone,)), KEY[Side.PROCORE], "reject", restore=True)
    found = link_outcome(whole, gone)
    [action] = found.actions
    assert (action.act, action.side, action.target_id, action.source_id) == (Act.CREATE, Side.PROCORE, None, "a")
    assert action.fields["title"] == "Fall"
    assert action.sources["title"] == {"name": "Fall", "description_event": "A worker fell."}
    proven = link_outcome(
        route(site(presence=GONE), office(), links=(gone,), decisions=whole.decisions),
        gone,
    )
    assert [action.act for action in proven.actions] == [Act.RESTORE]


BURIED = {
    "name": "Fall", "description_event": "A worker fell.", "date_incident": "2026-02-10", "status": "open",
    "category": "NON_COMPLIANCE", "place": "Roof",
}  # fmt: skip


def made_again(survivor: Record, **was: Any) -> dict[str, Any]:
    """What 4HSE gets when the incident that it held as `was` is asked for back."""
    whole = told(route(survivor, office(presence=GONE), links=(link(),)), KEY[Side.FOURHSE], "reject", restore=True)
    [action] = link_outcome(replace(whole, deleted_images={ref(Side.FOURHSE, "a"): was}), link()).actions
    assert (
        link_outcome(replace(whole, deleted_images={ref(Side.FOURHSE, "x"): was}), link()).actions
        == link_outcome(whole, link()).actions
    )
    return dict(action.fields)


def test_what_4hse_held_itself_comes_back_with_it():
    assert made_again(site(), **BURIED) == BURIED
    assert made_again(site(), place="Roof") == {**remade("").fields, "place": "Roof"}


def test_but_what_the_survivor_says_otherwise_by_now_and_what_nobody_can_tell():
    assert made_again(site(title="Slip"), **BURIED) == {**BURIED, "name": "Slip"}
    assert made_again(site(status="closed"), **BURIED) == {**BURIED, "status": "closed", "date_closed": "2026-02-10"}
    unknown = made_again(site(), **{**BURIED, "category": "Fire"})
    assert unknown == {**BURIED, "category": "ACCIDENTS_AND_MISSED_INJURIES"}


SET = Field("number", "Number", NumberLens("number", "serial"), fills_only=True)


def made_again_with(row: Field, origin: Side | None, **was: Any) -> Action:
    """The create of a 4HSE incident that is asked for back, under a mapping that has this row before all others."""
    mapping, mine = replace(MAPPING, fields=(row, *MAPPING.fields)), link(origin=origin)
    there = site(title="Slip", number=5), office(presence=GONE)
    whole = route(
        *there,
        links=(mine,),
        mapping=mapping,
        deleted_images={ref(Side.FOURHSE, "a"): was} if was else {},
    )
    [action] = link_outcome(told(whole, KEY[Side.FOURHSE], "reject", restore=True), mine).actions
    return action


@pytest.mark.parametrize(("origin", "carried"), [(Side.PROCORE, {"serial": 5}), (Side.FOURHSE, {}), (None, {})])
def test_what_procore_sets_is_carried_again_only_to_what_came_from_there(origin, carried):
    again = made_again_with(SET, origin)
    assert again.fields == {**remade("").fields, "name": "Slip", **carried}
    assert ("number" in again.sources) is bool(carried)


def test_what_a_vendor_set_before_comes_back_as_it_was_and_the_rest_as_it_is():
    assert made_again_with(SET, Side.PROCORE, **BURIED, serial=7).fields == {**BURIED, "name": "Slip", "serial": 7}
    assert made_again_with(SET, Side.PROCORE, **BURIED, serial=None).fields == {**BURIED, "name": "Slip", "serial": 5}
    home = replace(SET, direction=Direction.TO_PROCORE, blocked=(Side.FOURHSE,))
    assert made_again_with(home, Side.PROCORE, **BURIED, serial=7).fields == {**BURIED, "name": "Slip"}


def test_what_4hse_held_is_nothing_for_procore():
    gone = link(state=LinkState.GONE_PROCORE)
    whole = told(route(site(presence=ABSENT), office(), links=(gone,)), KEY[Side.PROCORE], "reject", restore=True)
    assert link_outcome(replace(whole, deleted_images={ref(Side.FOURHSE, "a"): BURIED}), gone) == link_outcome(
        whole, gone
    )


def test_one_that_cannot_be_told_is_not_made_again():
    ended = link(state=LinkState.ENDED)
    whole = route(site(**{"@injured": None}), links=(ended,))
    assert link_outcome(whole, ended) == LinkOutcome()


def test_a_close_whole():
    found = gone(Side.PROCORE, deletions=Policy.CLOSE)
    assert found == LinkOutcome(
        transition=transition(Side.PROCORE),
        actions=(
            Action(
                Act.UPDATE, Side.FOURHSE, Kind.INCIDENT, "a", "1", "closed, because it was deleted in Procore",
                {"status": "closed", "date_closed": "2026-03-02"}, seen={"status": "new", "date_closed": None},
                then=LinkState.CLOSED_BY_POLICY,
            ),
        ),
    )  # fmt: skip
    [action] = gone(Side.FOURHSE, deletions=Policy.CLOSE).actions
    assert (action.fields, action.seen) == ({"status": "closed"}, {"status": "open"})


def test_a_survivor_that_is_closed_already_is_just_marked():
    known = link(site(status="closed"))
    whole = route(site(status="closed"), office(presence=GONE), links=(known,), deletions=Policy.CLOSE)
    marked = Transition(known, LinkState.CLOSED_BY_POLICY, "the route closes survivors", Side.FOURHSE, "proof")
    assert link_outcome(whole, known) == LinkOutcome(sync_status=SyncStatus.EXCLUDED, transition=marked)


def test_a_status_that_nobody_knows_is_closed_all_the_same():
    known = link(site(status="void"))
    whole = route(site(status="void"), office(presence=GONE), links=(known,), deletions=Policy.CLOSE)
    assert [action.fields for action in link_outcome(whole, known).actions] == [{"status": "closed"}]


def test_the_end_and_the_return_say_why():
    assert seen(GONE, GONE).transition == Transition(link(), LinkState.ENDED, "deleted on both sides")
    known = link(state=LinkState.GONE_PROCORE)
    assert seen(HERE, HERE, LinkState.GONE_PROCORE).transition == Transition(
        known, LinkState.LIVE, "both records are there again"
    )


@SIDES
def test_missing_whole(side):
    there = (ABSENT, HERE) if side is Side.PROCORE else (HERE, ABSENT)
    shown = contents(route(), office() if side is Side.PROCORE else site())
    assert seen(*there) == LinkOutcome(items=(items.missing(link(), side, "Fall", shown),))
    both = tuple(items.missing(link(), one, "Fall", {}) for one in Side)
    assert seen(ABSENT, ABSENT) == LinkOutcome(items=both)


@SIDES
def test_a_survivor_that_no_whole_listing_was_read_for_is_only_marked(side):
    there = (GONE, UNSEEN) if side is Side.PROCORE else (UNSEEN, GONE)
    assert seen(*there) == LinkOutcome(transition=transition(side))


@SIDES
@pytest.mark.parametrize("policy", list(Policy))
def test_a_survivor_that_is_missing_without_proof_is_asked_about(side, policy):
    there = (GONE, ABSENT) if side is Side.PROCORE else (ABSENT, GONE)
    asked = items.missing(link(), side.other, "Fall", {})
    assert seen(*there, deletions=policy) == LinkOutcome(transition=transition(side), items=(asked,))
    whole = told(situation(*there), asked.key, "approve")
    ended = Transition(link(), LinkState.ENDED, "deleted on both sides")
    assert link_outcome(whole, link()) == LinkOutcome(sync_status=SyncStatus.EXCLUDED, transition=ended)


@pytest.mark.parametrize(
    ("ours", "base", "edited"),
    [
        (site(title="Slip"), {}, True),
        (site(status="void"), {}, True),
        (site(title="Fall "), {}, False),
        (site(title="Slip"), {"title": None}, True),
        (site(title="Fall"), {"title": None}, False),
    ],
)
def test_an_edit_is_another_meaning_than_when_both_agreed(ours, base, edited):
    known = link()
    known = replace(known, base={key: agreed for key, agreed in known.base.items() if key not in base})
    [item] = link_outcome(route(ours, office(presence=GONE), links=(known,)), known).items
    assert item.facts["edited"] is edited


def test_nothing_is_put_back_from_a_survivor_that_is_not_there():
    back = decision("guard:regress:fourhse", "approve", use="base", seen={"cause": {"links": ["1"]}})
    reverted = {Side.FOURHSE: frozenset({("1", None)})}
    whole = route(office(presence=GONE), links=(link(),), decisions=back, reverted=reverted)
    assert link_outcome(whole, link()).actions == ()


# One-way routes --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("policy", [Policy.PROPAGATE, Policy.CLOSE])
@SIDES
def test_no_policy_writes_to_a_side_that_the_route_only_reads(side, policy):
    """The survivor stands where the route comes from."""
    direction = Direction.TO_FOURHSE if side is Side.FOURHSE else Direction.TO_PROCORE
    found = gone(side, deletions=policy, direction=direction, mapping=MAPPING.narrowed(direction))
    assert (found.actions, [item.kind for item in found.items]) == ((), [ItemKind.DELETION])


@SIDES
def test_one_that_is_back_after_the_end_is_not_brought_to_a_side_that_the_route_only_reads(side):
    there = (HERE, ABSENT) if side is Side.PROCORE else (ABSENT, HERE)
    direction = Direction.TO_PROCORE if side is Side.PROCORE else Direction.TO_FOURHSE
    found = seen(*there, LinkState.ENDED, direction=direction, mapping=MAPPING.narrowed(direction))
    assert found == LinkOutcome(sync_status=SyncStatus.EXCLUDED)


def test_an_edited_survivor_that_the_route_only_reads_is_told_as_edited():
    direction = Direction.TO_FOURHSE
    changes = {"direction": direction, "mapping": MAPPING.narrowed(direction), "deletions": Policy.PROPAGATE}
    found = link_outcome(route(site(title="Slip"), office(presence=GONE), links=(link(),), **changes), link())
    assert [(item.kind, item.facts["edited"]) for item in found.items] == [(ItemKind.CONFLICT, True)]


def test_a_deletion_without_a_record_rests_on_a_person_s_word():
    known = link(state=LinkState.GONE_FOURHSE)
    found = link_outcome(route(site(), links=(known,)), known)
    assert (found.transition.evidence, found.items[0].reason) == (
        "a person said so",
        "It was deleted in 4HSE: a person said so. It is still there in Procore.",
    )


@pytest.mark.parametrize("first", [{"title": None}, {}])
def test_every_field_of_the_survivor_is_looked_at(first):
    known = replace(link(), base={key: agreed for key, agreed in link().base.items() if key not in first})
    whole = route(site(status="closed"), office(presence=GONE), links=(known,))
    assert link_outcome(whole, known).items[0].facts["edited"]


# Survivors that are asked about elsewhere ------------------------------------------------------------------------


def marked(
    procore: Presence, fourhse: Presence, state: LinkState = LinkState.LIVE, **changes: Any
) -> Transition | None:
    whole = situation(procore, fourhse, state, **changes)
    return lifecycle.marked_gone(whole, whole.incidents, link(state=state))


@SIDES
def test_one_that_is_gone_is_marked_with_its_evidence(side):
    there = (GONE, HERE) if side is Side.PROCORE else (HERE, GONE)
    proven = Transition(link(), LinkState.gone(side), f"deleted in {side.label}", side, "proof")
    assert marked(*there) == proven
    assert marked(*there, state=LinkState.gone(side)) == replace(proven, link=link(state=LinkState.gone(side)))
    absent = (ABSENT, HERE) if side is Side.PROCORE else (HERE, ABSENT)
    yes = told(situation(*absent), f"missing:1:{side.value}", "approve").decisions
    assert marked(*absent, decisions=yes) == replace(proven, evidence="a person said so")


@pytest.mark.parametrize("pair", [(HERE, HERE), (GONE, GONE), (HERE, ABSENT), (UNSEEN, HERE)])
def test_none_or_both_gone_marks_nothing(pair):
    assert marked(*pair) is None


@SIDES
@pytest.mark.parametrize("state", [LinkState.IGNORED, LinkState.CLOSED_BY_POLICY])
def test_what_was_answered_is_not_marked_again(side, state):
    there = (GONE, HERE) if side is Side.PROCORE else (HERE, GONE)
    assert marked(*there, state=state) is None


@pytest.mark.parametrize(("presence", "counted"), [(ABSENT, True), (UNSEEN, True), (GONE, False)])
def test_a_record_that_may_still_be_there_is_counted_as_waiting(presence, counted):
    assert plan(situation(HERE, presence)).statuses[Side.FOURHSE] == ({"a": SyncStatus.WAITING} if counted else {})
