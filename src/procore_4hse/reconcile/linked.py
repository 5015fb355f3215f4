"""Two linked records, compared field by field: new bases, writes, and what a person is asked."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from procore_4hse.mapping.lenses.base import ZONE, Held, Unwritable
from procore_4hse.mapping.lenses.incident import StatusLens, TitleLens
from procore_4hse.mapping.lenses.person import PersonLens
from procore_4hse.mapping.rules import Field
from procore_4hse.mapping.translate import facts_of, payload
from procore_4hse.models import (
    Act,
    Action,
    Base,
    Decision,
    Image,
    Item,
    ItemKind,
    Link,
    LinkState,
    QuestionKey,
    Side,
    SyncStatus,
)
from procore_4hse.reconcile import items
from procore_4hse.reconcile.approval import mapping_choice, zone_is_approved
from procore_4hse.reconcile.category import following
from procore_4hse.reconcile.diff import FieldDiff, Verdict, diff, repaired_title
from procore_4hse.reconcile.draft import Draft
from procore_4hse.reconcile.identity import identified, is_never_copied, left, no_partner, person_of, question
from procore_4hse.reconcile.own_close import is_to_be_undone, own_close
from procore_4hse.reconcile.redacted_base import is_redacted
from procore_4hse.reconcile.refusals import keep_open, may_try
from procore_4hse.reconcile.scope import day_of
from procore_4hse.reconcile.snapshot import Rebase, Record, Snapshot
from procore_4hse.reconcile.undo import old_payload, with_old_value


@dataclass(frozen=True)
class Pair:
    """A link with both its records; `rows` are the mapping's for its kind, `title` the incident's headline."""

    link: Link
    procore: Record
    fourhse: Record
    rows: tuple[Field, ...]
    title: str
    parent: str | None = None
    """The Procore id of the incident around them, when they are children."""
    unpaired: Mapping[Side, Collection[str]] = field(default_factory=dict)
    """Whom other records of that incident name, by their side, that stand there without a partner."""

    def on(self, side: Side) -> Record:
        return self.procore if side is Side.PROCORE else self.fourhse

    @property
    def images(self) -> dict[Side, Image]:
        return {side: self.on(side).image for side in Side}


def compare_pair(snapshot: Snapshot, pair: Pair, draft: Draft) -> None:
    """Everything that this pair needs, laid into the draft."""
    link = pair.link
    decisions = _decisions(snapshot, pair)
    differences = diff(pair.rows, pair.procore.image, pair.fourhse.image, dict(link.base), decisions, link.origin)
    undone = (_as_undone(one) for one in differences)
    told = (identified(snapshot, link, difference) for difference in undone)
    followed = (following(snapshot, link, one) for one in told)
    came = (_as_it_came(snapshot, link, _for_the_route(snapshot, pair, one)) for one in followed)
    answered = (_as_answered(snapshot, link, one) for one in came)
    put_back = (with_old_value(one, decisions.get(one.field.key), snapshot.zone) for one in answered)
    diffs = tuple(_counted_once(pair, one) for one in put_back)
    _count(draft, pair, SyncStatus.IN_SYNC)
    diffs = _with_fitting_title(snapshot, pair, diffs, draft)
    _settle_bases(pair, diffs, draft)
    writes = [one for one in diffs if one.verdict is Verdict.WRITE]
    for side in Side:
        together = [one for one in writes if one.to is side and not _goes_alone(pair, one)]
        _plan_writes(snapshot, pair, together, draft)
    for one in writes:
        if _goes_alone(pair, one):
            _plan_writes(snapshot, pair, [one], draft)
    _ask(snapshot, pair, diffs, draft)


def _goes_alone(pair: Pair, difference: FieldDiff) -> bool:
    """What puts an old value back, and what makes a link live again: nothing else may stand for its outcome."""
    return difference.old is not None or _makes_live(pair, difference)


def _makes_live(pair: Pair, difference: FieldDiff) -> bool:
    return pair.link.state is LinkState.CLOSED_BY_POLICY and isinstance(difference.field.lens, StatusLens)


def _state_after(pair: Pair, diffs: Iterable[FieldDiff]) -> LinkState:
    """A link that the policy closed is so until our close is undone, or stands no more."""
    waits = is_to_be_undone(pair.rows, pair.link, pair.images)
    return pair.link.state if waits and not any(_makes_live(pair, one) for one in diffs) else LinkState.LIVE


def _count(draft: Draft, pair: Pair, sync_status: SyncStatus) -> None:
    for side in Side:
        draft.worsen(side, pair.link.id_on(side), sync_status)


# Answers ---------------------------------------------------------------------------------------------------------


def _decisions(snapshot: Snapshot, pair: Pair) -> dict[str, Decision]:
    """A person's answers for this pair, by field key."""
    by_row = {}
    for row in pair.rows:
        decision = snapshot.decisions.get(QuestionKey.difference(pair.link, row.key))
        if decision is not None:
            by_row[row.key] = decision
    ours = own_close(pair.rows, pair.link, pair.images)
    return {ours.row.key: ours.undoing, **by_row} if ours is not None else by_row


def _as_undone(difference: FieldDiff) -> FieldDiff:
    """What undoes our own close says so: no person has answered anything."""
    if difference.used is None or difference.used.item_id or difference.to is None:
        return difference
    reason = f"closed when it was deleted in {difference.to.other.label}, and open again since it is back there"
    return replace(difference, reason=reason)


def _for_the_route(snapshot: Snapshot, pair: Pair, difference: FieldDiff) -> FieldDiff:
    """A person's answer about a changed zone or mapping decides a field of every pair at once."""
    if difference.is_parted or difference.verdict in (Verdict.SAME, Verdict.AGREED, Verdict.HELD, Verdict.LOST):
        return difference
    if snapshot.changed.mapping is None and snapshot.changed.zone is None:
        return difference
    choice = mapping_choice(snapshot)
    chosen = choice if choice is not None and choice.decides(pair.link, difference.field.key) else None
    keeps_both = chosen is not None and chosen.use == "base"
    keeps_both = keeps_both or (zone_is_approved(snapshot) and difference.field.key == snapshot.mapping.day.key)
    if keeps_both and not _was_edited(pair, difference):
        return replace(difference, verdict=Verdict.SETTLED, rebase=True)
    winner = chosen.winner if chosen else None
    is_first = difference.verdict is Verdict.CONFLICT and difference.base is None
    if (difference.verdict is Verdict.DRIFT or is_first) and winner and difference.field.updates(winner.other):
        return replace(difference, verdict=Verdict.WRITE, to=winner.other, reason=f"a person chose {winner.label}")
    return difference


def _was_edited(pair: Pair, difference: FieldDiff) -> bool:
    """Whether a side shows other values than when both last agreed; another zone is no other value."""
    if difference.base is None:
        return False
    for side in Side:
        now, base = difference.field.slice(side, pair.on(side).image), difference.base.of(side)
        if is_redacted(base) or any(base[name] != now[name] for name in now.keys() & base.keys() - {ZONE}):
            return True
    return False


def _as_it_came(snapshot: Snapshot, link: Link, difference: FieldDiff) -> FieldDiff:
    """A value that went back by itself is no edit of a person's: it is asked about, or put back when that was said."""
    if difference.verdict not in (Verdict.WRITE, Verdict.CONFLICT) or difference.used is not None:
        return difference
    for side in Side:
        if (link.key, difference.field.key) in snapshot.to_restore(side) and difference.field.lens.writes(side):
            return _restored(difference, side)
    if (link.key, difference.field.key) in snapshot.lost_writes:
        return replace(difference, verdict=Verdict.DRIFT, reason="what was written here vanished twice within a day")
    return difference


def _restored(difference: FieldDiff, side: Side) -> FieldDiff:
    """Where the value may not be written again, the old one there goes nowhere either."""
    if difference.base is not None and difference.base.lost_on is side.other:
        reason = f"{side.label} was restored, and {side.other.label} did not keep what was there before"
        return replace(difference, verdict=Verdict.CONFLICT, to=None, reason=reason)
    if difference.field.updates(side):
        return replace(difference, verdict=Verdict.WRITE, to=side, reason=f"put back after {side.label} was restored")
    return replace(difference, verdict=Verdict.LOCAL)


def _as_answered(snapshot: Snapshot, link: Link, difference: FieldDiff) -> FieldDiff:
    """What a person said about a value that a side did not keep: send it once more, or leave both as they are."""
    side = difference.base.lost_on if difference.base is not None else None
    if difference.verdict is not Verdict.LOST or side is None:
        return difference
    decision = snapshot.decisions.get(QuestionKey.lost(link, difference.field.key, side))
    if decision is None or decision.seen != items.lost_facts(side, difference.value):
        return difference
    if decision.verb == "approve":
        return replace(difference, verdict=Verdict.SETTLED, reason="a person leaves both", used=decision, rebase=True)
    if not difference.field.updates(side):
        return difference
    return replace(difference, verdict=Verdict.WRITE, to=side, reason="a person had it sent again", used=decision)


def _counted_once(pair: Pair, difference: FieldDiff) -> FieldDiff:
    """A correction that would name somebody on a second record of a side is asked about, and only an answer to that
    makes it."""
    to, used = difference.to, difference.used
    if to is None or not isinstance(difference.field.lens, PersonLens):
        return difference
    if difference.value(to.other) not in pair.unpaired.get(to, ()) or (used and used.seen.get("counts_twice")):
        return difference
    reason = (
        f"{difference.reason}, and another record of this incident in {to.label} names this person already: "
        "they would be counted twice"
    )
    return replace(difference, verdict=Verdict.CONFLICT, to=None, used=None, reason=reason, counts_twice=True)


# Bases and writes ------------------------------------------------------------------------------------------------


def _settle_bases(pair: Pair, diffs: Iterable[FieldDiff], draft: Draft) -> None:
    fresh: dict[str, Base] = {}
    for difference in diffs:
        settled = difference.verdict is Verdict.SETTLED and (difference.used is not None or difference.rebase)
        if difference.verdict is Verdict.AGREED or settled:
            # What a person leaves as it is has been agreed on by nobody: the whole value is still on one side alone.
            lost_on = difference.base.lost_on if difference.rebase and difference.base is not None else None
            fresh[difference.field.key] = difference.field.base_of(
                pair.procore.image, pair.fourhse.image, settled=settled, lost_on=lost_on
            )
    if fresh:
        draft.rebases.append(Rebase(pair.link.kind, pair.link.procore_id, pair.link.fourhse_id, fresh))


def _plan_writes(snapshot: Snapshot, pair: Pair, diffs: list[FieldDiff], draft: Draft) -> None:
    """One update of one record: the fields whose call is not parked after a refusal."""
    ready: list[FieldDiff] = []
    for difference in diffs:
        if asked := _left_by_then(snapshot, pair, difference):
            draft.items.append(asked)
            _count(draft, pair, SyncStatus.WAITING)
            continue
        action = _update(snapshot, pair, [difference])
        if isinstance(action, str) and ready:  # A body part has a form only beside the affliction written with it.
            action = _update(snapshot, pair, [*ready, difference])
        if isinstance(action, str):
            _ask_about_unwritable(snapshot, pair, difference, action, draft)
            continue
        if _tried(snapshot, action, pair, draft):
            ready.append(difference)
        if difference.used is not None:
            draft.answers_in_use.append(difference.used.key)
    if ready and isinstance(action := _update(snapshot, pair, ready), Action):
        draft.actions.append(action)


def _left_by_then(snapshot: Snapshot, pair: Pair, difference: FieldDiff) -> Item | None:
    """The question about a correction that would name somebody who had left by the day of the incident."""
    if difference.to is None or not isinstance(difference.field.lens, PersonLens):
        return None
    incident = snapshot.record(Side.PROCORE, pair.parent or "")
    day = day_of(snapshot, incident) if incident is not None else None
    return left(snapshot, pair.on(difference.to.other), day, pair.title)


def _tried(snapshot: Snapshot, action: Action, pair: Pair, draft: Draft) -> bool:
    """Whether an action is carried out now, and not parked after a refusal."""
    tried = may_try(snapshot, action)
    keep_open(snapshot, action, pair.title, draft, tried=tried)
    return tried


def _repaired_for(pair: Pair, diffs: Iterable[FieldDiff]) -> dict[str, Any]:
    """What a write of the title to 4HSE puts right there beside it."""
    is_about_title = any(isinstance(one.field.lens, TitleLens) for one in diffs)
    return repaired_title(pair.rows, pair.fourhse.image, pair.link.base) if is_about_title else {}


def _with_fitting_title(
    snapshot: Snapshot, pair: Pair, diffs: tuple[FieldDiff, ...], draft: Draft
) -> tuple[FieldDiff, ...]:
    """A cut title that 4HSE's new one replaces leaves its leading line there: that goes before anything else does."""
    repaired = repaired_title(pair.rows, pair.fourhse.image, pair.link.base)
    title = next((one for one in diffs if isinstance(one.field.lens, TitleLens)), None)
    if not repaired or title is None or title.verdict is Verdict.CONFLICT or title.to is Side.FOURHSE:
        return diffs
    action = Action(
        act=Act.UPDATE,
        side=Side.FOURHSE,
        kind=pair.link.kind,
        target_id=pair.fourhse.id,
        source_id=pair.procore.id,
        reason=f"{title.field.label}: name and leading line are made to fit",
        fields=repaired,
        seen={key: pair.fourhse.image.get(key) for key in repaired},
        then=_state_after(pair, ()),
    )
    if _tried(snapshot, action, pair, draft):
        draft.actions.append(action)
    if title.used is not None:
        draft.answers_in_use.append(title.used.key)
    _count(draft, pair, SyncStatus.WAITING)
    shared = repaired.keys()
    return tuple(one for one in diffs if shared.isdisjoint(one.field.lens.reads(Side.FOURHSE)))


def _update(snapshot: Snapshot, pair: Pair, diffs: list[FieldDiff]) -> Action | str:
    """The update that carries these fields, or the reason why their value has no form on that side."""
    side = diffs[0].to or Side.PROCORE
    target, source = pair.on(side), pair.on(side.other)
    values = [(difference.field, difference.written) for difference in diffs]
    repaired = _repaired_for(pair, diffs) if side is Side.FOURHSE else {}
    try:
        current, facts = {**target.image, **repaired}, facts_of(source.image, snapshot.zone)
        fields = old_payload(diffs[0], current, facts) if diffs[0].old else payload(side, values, current, facts)
    except Unwritable as error:
        return str(error)
    return Action(
        act=Act.UPDATE,
        side=side,
        kind=pair.link.kind,
        target_id=target.id,
        source_id=source.id,
        reason="; ".join(f"{difference.field.label}: {difference.reason}" for difference in diffs),
        fields={**repaired, **fields},
        # What puts an old value back carries nothing of the other side, and leaves the base as it is.
        sources={one.field.key: one.field.slice(side.other, source.image) for one in diffs if one.old is None},
        seen={key: value for difference in diffs for key, value in difference.field.slice(side, target.image).items()},
        parent=pair.parent,
        then=_state_after(pair, diffs),
        undoes=next((one.used.seen["write"] for one in diffs if one.old is not None and one.used is not None), ""),
    )


# Questions -------------------------------------------------------------------------------------------------------


def _ask(snapshot: Snapshot, pair: Pair, diffs: Iterable[FieldDiff], draft: Draft) -> None:
    kinds = {Verdict.CONFLICT: ItemKind.CONFLICT, Verdict.DRIFT: ItemKind.DRIFT}
    for difference in diffs:
        lost_on = difference.base.lost_on if difference.base is not None else None
        if difference.verdict is Verdict.LOST and lost_on is not None:
            draft.items.append(items.lost(pair.link, difference.field, lost_on, difference.value, pair.title))
            _count(draft, pair, SyncStatus.REFUSED)
            continue
        if difference.verdict is Verdict.DRIFT and difference.is_parted:
            draft.items.append(question(snapshot, pair.link, difference, pair.title))
        elif difference.verdict in kinds:
            draft.items.append(items.difference(kinds[difference.verdict], pair.link, difference, pair.title))
        elif difference.verdict is Verdict.HELD:
            draft.items += _held_word(pair, difference)
        else:
            continue
        _count(draft, pair, SyncStatus.WAITING)


def _held_word(pair: Pair, difference: FieldDiff) -> list[Item]:
    return [
        items.word(
            pair.on(side), pair.link.id_on(side.other), difference.field.key, reading.reason, pair.title, reading
        )
        for side, reading in ((Side.PROCORE, difference.procore), (Side.FOURHSE, difference.fourhse))
        if isinstance(reading, Held) and reading.word is not None
    ]


def _ask_about_unwritable(snapshot: Snapshot, pair: Pair, difference: FieldDiff, reason: str, draft: Draft) -> None:
    """A value that has no form on the other side; of a person, who it is there."""
    source, field = pair.on((difference.to or Side.PROCORE).other), difference.field
    if not isinstance(field.lens, PersonLens):
        other_id = pair.link.id_on(source.side.other)
        draft.items.append(items.word(source, other_id, field.key, f"{field.label}: {reason}", pair.title))
    elif is_never_copied(snapshot, person_of(snapshot, source)):
        return
    else:
        draft.items.append(no_partner(snapshot, source, reason, pair.title))
    _count(draft, pair, SyncStatus.WAITING)
