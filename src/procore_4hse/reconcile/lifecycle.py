"""A link whose records are not both there: deletions with evidence, policies, answers, and returns."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from procore_4hse.mapping.lenses.base import Held, Known, Reading, Unwritable
from procore_4hse.mapping.lenses.incident import StatusLens
from procore_4hse.mapping.lenses.person import PersonLens
from procore_4hse.mapping.rules import Field
from procore_4hse.mapping.translate import facts_of, new_payload, payload, unsaid
from procore_4hse.models import (
    Act,
    Action,
    Base,
    Decision,
    Image,
    Item,
    Kind,
    Link,
    LinkState,
    QuestionKey,
    Side,
    SyncStatus,
)
from procore_4hse.reconcile import items
from procore_4hse.reconcile.approval import contents
from procore_4hse.reconcile.identity import is_never_copied, no_partner, person_of
from procore_4hse.reconcile.own_close import is_to_be_undone
from procore_4hse.reconcile.redacted_base import is_redacted, restore_base
from procore_4hse.reconcile.snapshot import Policy, Presence, Rebase, Record, RecordGroup, Snapshot, Transition

TOLD = "a person said so"
ANSWERED = (LinkState.IGNORED, LinkState.CLOSED_BY_POLICY)
"""A deletion was answered, and the survivor stays."""


@dataclass(frozen=True)
class LinkOutcome:
    """What becomes of a link in this cycle. `alive` asks for the ordinary comparison of both records."""

    alive: bool = False
    sync_status: SyncStatus = SyncStatus.WAITING
    transition: Transition | None = None
    actions: tuple[Action, ...] = ()
    items: tuple[Item, ...] = ()
    answers_in_use: tuple[QuestionKey, ...] = field(default=())
    rebases: tuple[Rebase, ...] = ()


def link_outcome(snapshot: Snapshot, group: RecordGroup, link: Link) -> LinkOutcome:
    """Every case of presence and state, each with its reason."""
    sides = {side: presence_of(snapshot, group, link, side) for side in Side}
    gone = [side for side in Side if sides[side] is Presence.GONE]
    here = [side for side in Side if sides[side] is Presence.PRESENT]
    if len(here) == 2:
        return _both_here(group, link)
    if link.state is LinkState.ENDED:
        return _returned(snapshot, group, link, here[0]) if here else LinkOutcome(sync_status=SyncStatus.EXCLUDED)
    if len(gone) == 2:
        return LinkOutcome(
            transition=Transition(link, LinkState.ENDED, "deleted on both sides"), sync_status=SyncStatus.EXCLUDED
        )
    if gone:
        return _one_gone(snapshot, group, link, gone[0])
    if _is_settled(group, link):
        return LinkOutcome(sync_status=SyncStatus.EXCLUDED)
    return _not_seen(snapshot, group, link, [side for side in Side if sides[side] is Presence.ABSENT])


def _is_settled(group: RecordGroup, link: Link) -> bool:
    """Whether its deletion was answered, and what was deleted then is not back in the place of the survivor."""
    there = (group.record(side, link.id_on(side)) for side in Side)
    is_back = any(one is not None and one.presence is Presence.PRESENT and one.evidence for one in there)
    return link.state in ANSWERED and not is_back


def presence_of(snapshot: Snapshot, group: RecordGroup, link: Link, side: Side) -> Presence:
    """What is known of one side's record: the listing, and what was proven or counts_as_gone before."""
    record = group.record(side, link.id_on(side))
    presence = record.presence if record else Presence.ABSENT
    if presence is Presence.ABSENT and not snapshot.certified[side]:
        return Presence.UNSEEN
    if presence is not Presence.ABSENT:
        return presence
    counts_as_gone = link.state is LinkState.gone(side) or _is_told_deleted(snapshot, group, link, side)
    counts_as_gone = counts_as_gone or (link.state in ANSWERED and record is not None and bool(record.evidence))
    return Presence.GONE if counts_as_gone else presence


def _is_told_deleted(snapshot: Snapshot, group: RecordGroup, link: Link, side: Side) -> bool:
    """Whether a person said so, of what they were shown: an edit of the other one since then may change their mind."""
    decision = snapshot.decisions.get(QuestionKey.missing(link, side))
    if decision is None or decision.verb != "approve":
        return False
    return decision.covers(_missing(snapshot, group, link, side))


def _missing(snapshot: Snapshot, group: RecordGroup, link: Link, side: Side) -> Item:
    known = {each: group.record(each, link.id_on(each)) for each in Side}
    there, lost = known[side.other], known[side]
    shown = contents(snapshot, there) if there is not None else {}
    title = items.headline(snapshot.mapping, group, link)
    return items.missing(link, side, title, shown, lost.office if lost is not None else "")


def marked_gone(snapshot: Snapshot, group: RecordGroup, link: Link) -> Transition | None:
    """That one of a link's records is proven gone, while what follows from it is asked elsewhere."""
    gone = [side for side in Side if presence_of(snapshot, group, link, side) is Presence.GONE]
    if len(gone) != 1 or link.state in ANSWERED:
        return None
    return _gone(group, link, gone[0])


def _both_here(group: RecordGroup, link: Link) -> LinkOutcome:
    images = {side: group.records[side][link.id_on(side)].image for side in Side}
    if link.state is LinkState.LIVE or is_to_be_undone(group.rows, link, images):
        return LinkOutcome(alive=True)
    return LinkOutcome(alive=True, transition=Transition(link, LinkState.LIVE, "both records are there again"))


def _not_seen(snapshot: Snapshot, group: RecordGroup, link: Link, absent: list[Side]) -> LinkOutcome:
    """Absence alone never deletes: the link is frozen, and asked about when the listing was complete."""
    return LinkOutcome(items=tuple(_missing(snapshot, group, link, side) for side in absent))


def _one_gone(snapshot: Snapshot, group: RecordGroup, link: Link, gone: Side) -> LinkOutcome:
    survivor = group.record(gone.other, link.id_on(gone.other))
    is_there = survivor is not None and survivor.presence is Presence.PRESENT
    if is_there and (link.key, None) in snapshot.to_restore(gone) and snapshot.direction.writes_to(gone):
        return _bring_back(snapshot, group, link, gone, f"put back after {gone.label} was restored")
    if _is_settled(group, link):
        return LinkOutcome(sync_status=SyncStatus.EXCLUDED)
    if survivor is None or not (is_there or survivor.office):
        return _survivor_unseen(snapshot, group, link, gone)
    if survivor.minimal:  # Kept home by privacy, it cannot be compared; what follows waits for its return.
        return LinkOutcome(sync_status=SyncStatus.EXCLUDED, transition=_gone(group, link, gone))
    question = _question(snapshot, group, link, survivor)
    decision = snapshot.decisions.get(question.key)
    if decision is None:
        return _by_policy(snapshot, group, link, survivor, question)
    if decision.covers(question):
        return _answered(snapshot, group, link, survivor, decision)
    return LinkOutcome(transition=_gone(group, link, gone), items=(question,))


def _survivor_unseen(snapshot: Snapshot, group: RecordGroup, link: Link, gone: Side) -> LinkOutcome:
    """The survivor is not shown either: nothing proves that it is gone too, so a complete listing without it asks."""
    marked, alive = _gone(group, link, gone), gone.other
    if presence_of(snapshot, group, link, alive) is not Presence.ABSENT:
        return LinkOutcome(transition=marked)
    return LinkOutcome(transition=marked, items=(_missing(snapshot, group, link, alive),))


def _by_policy(snapshot: Snapshot, group: RecordGroup, link: Link, survivor: Record, question: Item) -> LinkOutcome:
    gone, edited = survivor.side.other, bool(question.facts["edited"])
    marked = _gone(group, link, gone)
    policy = snapshot.deletions
    if policy is Policy.IGNORE:
        return LinkOutcome(
            sync_status=SyncStatus.EXCLUDED,
            transition=Transition(link, LinkState.IGNORED, marked.reason, gone, marked.evidence),
        )
    if survivor.side not in _written(snapshot, survivor):
        return LinkOutcome(transition=marked, items=(question,))
    if not _is_compared(group, link, survivor):
        return LinkOutcome(transition=marked, items=(question,))
    if policy is Policy.PROPAGATE and gone is Side.FOURHSE and not edited:
        return LinkOutcome(
            transition=marked,
            actions=(_delete(group, link, Side.PROCORE, f"deleted in 4HSE ({marked.evidence})"),),
        )
    if policy is Policy.CLOSE and not edited and link.kind is Kind.INCIDENT:
        return _close(snapshot, group, link, survivor, marked)
    return LinkOutcome(transition=marked, items=(question,))


def _question(snapshot: Snapshot, group: RecordGroup, link: Link, survivor: Record) -> Item:
    """What is asked about the survivor, as it stands now."""
    gone, title = survivor.side.other, items.headline(snapshot.mapping, group, link)
    told = items.Survivor(
        records=contents(snapshot, survivor),
        edited=_edited(group, link, survivor),
        goes_with=_goes_with(snapshot, link, survivor),
        office=survivor.office,
    )
    evidence = _gone(group, link, gone).evidence
    return items.deletion(link, gone, evidence, title, told, _written(snapshot, survivor))


def _written(snapshot: Snapshot, survivor: Record) -> frozenset[Side]:
    """Where this route may write. What hangs on a record in another office of 4HSE cannot be listed from here."""
    sides = frozenset(side for side in Side if snapshot.direction.writes_to(side))
    return sides - {survivor.side} if survivor.office else sides


def _goes_with(snapshot: Snapshot, link: Link, survivor: Record) -> tuple[Record, ...] | None:
    """What 4HSE would delete along with its incident; in Procore all of it comes back from the bin."""
    if survivor.side is Side.PROCORE or link.kind is not Kind.INCIDENT or survivor.office:
        return None
    people = snapshot.people
    below = (*people.records[Side.FOURHSE].get(link.fourhse_id, ()), *people.further_resources.get(link.fourhse_id, ()))
    return tuple(record for record in below if record.presence is Presence.PRESENT)


def _answered(snapshot: Snapshot, group: RecordGroup, link: Link, survivor: Record, decision: Decision) -> LinkOutcome:
    gone = survivor.side.other
    marked, answers_in_use = _gone(group, link, gone), (decision.key,)
    if decision.verb == "approve" and survivor.side in _written(snapshot, survivor):
        delete = _delete(group, link, survivor.side, "a person approved the deletion")
        return LinkOutcome(transition=marked, actions=(delete,), answers_in_use=answers_in_use)
    if decision.restore and snapshot.direction.writes_to(gone):
        back = _bring_back(snapshot, group, link, gone, "a person asked for it back")
        return replace(back, transition=marked, answers_in_use=answers_in_use)
    ignored = Transition(link, LinkState.IGNORED, "a person keeps the survivor", gone, marked.evidence)
    return LinkOutcome(
        sync_status=SyncStatus.EXCLUDED, transition=ignored, rebases=_named_when_kept(group, link, survivor)
    )


def _named_when_kept(group: RecordGroup, link: Link, survivor: Record) -> tuple[Rebase, ...]:
    """Whom a survivor names when a person says that it stays: whom it names later is somebody that nobody spoke of."""
    fresh: dict[str, Base] = {}
    for row in group.rows:
        if isinstance(row.lens, PersonLens) and (base := link.base.get(row.key)) is not None:
            shown = {**{side: base.of(side) for side in Side}, survivor.side: row.slice(survivor.side, survivor.image)}
            fresh[row.key] = replace(base, procore=shown[Side.PROCORE], fourhse=shown[Side.FOURHSE])
    return (Rebase(link.kind, link.procore_id, link.fourhse_id, fresh),) if fresh else ()


def _close(snapshot: Snapshot, group: RecordGroup, link: Link, survivor: Record, marked: Transition) -> LinkOutcome:
    """The survivor is closed through the mapping's own status row; one that is closed already is just marked."""
    closed = Transition(link, LinkState.CLOSED_BY_POLICY, "the route closes survivors", marked.side, marked.evidence)
    status = next(row for row in group.rows if isinstance(row.lens, StatusLens))
    reading = status.lens.get(survivor.side, survivor.image)
    if not isinstance(reading, Held) and reading.value == "closed":
        return LinkOutcome(sync_status=SyncStatus.EXCLUDED, transition=closed)
    facts = facts_of({"@status_at": snapshot.now.isoformat()}, snapshot.zone)
    action = Action(
        act=Act.UPDATE,
        side=survivor.side,
        kind=link.kind,
        target_id=survivor.id,
        source_id=link.id_on(survivor.side.other),
        reason=f"closed, because it was deleted in {survivor.side.other.label}",
        fields=payload(survivor.side, [(status, "closed")], survivor.image, facts),
        seen=status.slice(survivor.side, survivor.image),
        then=LinkState.CLOSED_BY_POLICY,
    )
    return LinkOutcome(transition=marked, actions=(action,))


def _returned(snapshot: Snapshot, group: RecordGroup, link: Link, back: Side) -> LinkOutcome:
    """One record of an ended link is there again: the same link lives again, and the other is brought back."""
    if not snapshot.direction.writes_to(back.other):
        return LinkOutcome(sync_status=SyncStatus.EXCLUDED)
    return _bring_back(snapshot, group, link, back.other, f"it is back in {back.label}")


def _bring_back(snapshot: Snapshot, group: RecordGroup, link: Link, gone: Side, reason: str) -> LinkOutcome:
    """What makes the deleted record again, or the question about what keeps us from it."""
    if gone is Side.PROCORE and not _is_told_gone(group, link):
        ids = link.procore_id, link.fourhse_id
        return LinkOutcome(actions=(Action(Act.RESTORE, gone, link.kind, *ids, reason, parent=group.parent_id),))
    if any(isinstance(row.lens, PersonLens) and gone in row.blocked for row in group.rows):
        return LinkOutcome()
    source = group.records[gone.other][link.id_on(gone.other)]
    rows = _carried(group.rows, link, gone)
    try:
        fields = new_payload(rows, gone, source.image, snapshot.zone)
    except Unwritable as error:
        return LinkOutcome(items=_why_held(snapshot, group, link, source, error))
    left = unsaid(rows, gone, source.image, snapshot.zone)
    again = Action(
        act=Act.CREATE,
        side=gone,
        kind=link.kind,
        target_id=None,
        source_id=source.id,
        reason=reason,
        fields=_as_it_was(snapshot, group, link, source, fields) if gone is Side.FOURHSE else fields,
        sources={row.key: row.slice(source.side, source.image) for row in rows if row.key not in left},
        generation=link.generation + 1,
        parent=group.parent_id,
    )
    return LinkOutcome(actions=(again,))


def _why_held(
    snapshot: Snapshot, group: RecordGroup, link: Link, source: Record, error: Unwritable
) -> tuple[Item, ...]:
    """What is asked about a record that cannot be made again as it stands; of a person, who it is there."""
    title = items.headline(snapshot.mapping, group, link)
    if not any(isinstance(row.lens, PersonLens) and row.key == error.field for row in group.rows):
        return items.why_held(group.rows, source, link.id_on(source.side.other), error, title)
    if is_never_copied(snapshot, person_of(snapshot, source)):
        return ()
    return (no_partner(snapshot, source, str(error), title),)


def _carried(rows: tuple[Field, ...], link: Link, to: Side) -> tuple[Field, ...]:
    """The rows that a record which is made again gets; what its own vendor set is not replaced by the other's."""
    return tuple(row for row in rows if not row.fills_only or link.origin is to.other)


def _as_it_was(
    snapshot: Snapshot, group: RecordGroup, link: Link, source: Record, fields: dict[str, Any]
) -> dict[str, Any]:
    """What a deleted record of 4HSE held comes back with it, but for what the survivor says otherwise by now.

    What may not cross to 4HSE does not come back either: it may be what Procore once told.
    """
    was = kept = snapshot.deleted_images.get(link.ref(Side.FOURHSE), {})
    for row in group.rows:
        then, now = row.lens.get(Side.FOURHSE, was), row.lens.get(Side.PROCORE, source.image)
        blocked = Side.FOURHSE in row.blocked
        if row.fills_only and not blocked and isinstance(then, Known) and then.value is not None:
            continue
        if not blocked and now == Known(None) and _was_empty(row, link):  # What stood there is 4HSE's own.
            continue
        same = isinstance(then, Known) and isinstance(now, Known) and row.lens.agree(now.value, then.value)
        if not same and not blocked and not row.twin and _is_a_part(row, group.rows):
            kept = {**kept, **_part(row, now, kept)}
        elif blocked or not same:
            kept = {name: value for name, value in kept.items() if name not in row.lens.reads(Side.FOURHSE)}
    return {**fields, **kept}


def _was_empty(row: Field, link: Link) -> bool:
    """Whether Procore showed nothing of a row when both sides last agreed on it, if they ever did."""
    base = link.base.get(row.key)
    return base is None or (not is_redacted(base.procore) and row.lens.get(Side.PROCORE, base.procore) == Known(None))


def _is_a_part(row: Field, rows: Iterable[Field]) -> bool:
    """Whether its text in 4HSE has other rows' lines too, so that the rest of it is not this row's."""
    keys = [other.lens.reads(Side.FOURHSE) for other in rows]
    own = row.lens.reads(Side.FOURHSE)
    return len(own) == 1 and keys.count(own) > 1


def _part(row: Field, now: Reading, kept: Image) -> dict[str, Any]:
    if not isinstance(now, Known) or not row.writes_to(Side.FOURHSE):
        return {}
    try:
        return row.lens.put(Side.FOURHSE, now.value, kept, {})
    except Unwritable:
        return {}


def _is_told_gone(group: RecordGroup, link: Link) -> bool:
    """Whether a person's word is all that says it is gone in Procore: there is nothing in the bin to restore."""
    return link.state is LinkState.GONE_PROCORE and _gone(group, link, Side.PROCORE).evidence == TOLD


def _delete(group: RecordGroup, link: Link, side: Side, reason: str) -> Action:
    survivor = group.records[side][link.id_on(side)]
    return Action(
        act=Act.DELETE,
        side=side,
        kind=link.kind,
        target_id=link.id_on(side),
        source_id=link.id_on(side.other),
        reason=reason,
        seen={key: value for row in group.rows for key, value in row.slice(side, survivor.image).items()},
        parent=group.parent_id,
        then=LinkState.ENDED,
    )


def _gone(group: RecordGroup, link: Link, gone: Side) -> Transition:
    record = group.record(gone, link.id_on(gone))
    evidence = (record.evidence if record else "") or TOLD
    return Transition(link, LinkState.gone(gone), f"deleted in {gone.label}", gone, evidence)


def _is_compared(group: RecordGroup, link: Link, survivor: Record) -> bool:
    """Whether each field on which both agreed can be read: what this cycle cannot read may have been edited."""
    readings = (row.lens.get(survivor.side, survivor.image) for row in group.rows if row.key in link.base)
    return not any(isinstance(now, Held) and now.word is None for now in readings)


def _edited(group: RecordGroup, link: Link, survivor: Record) -> bool:
    """Whether the survivor means something else than when both agreed, as far as this cycle can tell."""
    lost = group.record(survivor.side.other, link.id_on(survivor.side.other))
    for row in group.rows:
        base = restore_base(row, link.base.get(row.key), {survivor.side: survivor.image})
        now = row.lens.get(survivor.side, survivor.image)
        if isinstance(now, Held) and now.word is None:
            continue
        if base is None:
            if isinstance(now, Known) and _never_agreed(row, now, lost):
                return True
        elif is_redacted(base.of(survivor.side)) or now != row.lens.get(survivor.side, base.of(survivor.side)):
            return True
    return False


def _never_agreed(row: Field, now: Known, lost: Record | None) -> bool:
    """Whether the deleted one said something else than the survivor, of a field on which both have yet to agree."""
    if lost is None or lost.minimal or row.inactive or row.fills_only:
        return False
    said = row.lens.get(lost.side, lost.image)
    if not isinstance(said, Known) or said.value is None:
        return False
    both = (said.value, now.value) if lost.side is Side.PROCORE else (now.value, said.value)
    return not row.lens.agree(*both)
