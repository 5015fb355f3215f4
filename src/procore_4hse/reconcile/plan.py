"""The plan of a cycle: links first, then what is linked nowhere. A pure function of a snapshot."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from procore_4hse.mapping.lenses import Held, StatusLens, Unwritable
from procore_4hse.mapping.translate import facts_of, new_payload, payload
from procore_4hse.models import (
    Act,
    Action,
    Agreement,
    Item,
    ItemKind,
    Kind,
    Link,
    LinkState,
    Place,
    Refusal,
    Ruling,
    Side,
)
from procore_4hse.reconcile import items
from procore_4hse.reconcile.diff import FieldDiff, Verdict, diff
from procore_4hse.reconcile.lifecycle import fate, presence_of
from procore_4hse.reconcile.match import Candidate, match
from procore_4hse.reconcile.scope import day_of, exclusion, is_in_range
from procore_4hse.reconcile.snapshot import Plan, Presence, Rebase, Record, Snapshot, Transition, fingerprint


@dataclass
class Draft:
    """A plan in the making."""

    actions: list[Action] = field(default_factory=list)
    items: list[Item] = field(default_factory=list)
    rebases: list[Rebase] = field(default_factory=list)
    transitions: list[Transition] = field(default_factory=list)
    places: dict[Side, dict[str, Place]] = field(default_factory=lambda: {side: {} for side in Side})
    apart: list[tuple[str, str]] = field(default_factory=list)
    relying: list[str] = field(default_factory=list)

    def stand(self, side: Side, record_id: str, place: Place) -> None:
        self.places[side][record_id] = place

    def done(self) -> Plan:
        return Plan(
            actions=tuple(self.actions),
            items=tuple(self.items),
            rebases=tuple(self.rebases),
            transitions=tuple(self.transitions),
            places=self.places,
            apart=tuple(self.apart),
            relying=tuple(self.relying),
        )


def plan(snapshot: Snapshot) -> Plan:
    """Every create, update, delete, restore and link with its reason, and everything that waits for a person.

    Guards are not looked at here: see `guard.guarded`.
    """
    draft = Draft()
    if snapshot.only_days is None:
        for link in snapshot.links:
            _plan_link(snapshot, link, draft)
    else:
        _leave_links(snapshot, draft)
    _plan_unlinked(snapshot, draft)
    return draft.done()


# Linked records --------------------------------------------------------------------------------------------------


def _leave_links(snapshot: Snapshot, draft: Draft) -> None:
    for link in snapshot.links:
        _stand(draft, snapshot, link, Place.EXCLUDED)


def _plan_link(snapshot: Snapshot, link: Link, draft: Draft) -> None:
    if any((side, link.id_on(side)) in snapshot.pending for side in Side):
        _stand(draft, snapshot, link, Place.WAITING)
        return
    found = fate(snapshot, link)
    draft.actions += [_checked(snapshot, action, draft) for action in found.actions if _may_try(snapshot, action)]
    draft.items += found.items
    draft.relying += found.relying
    if found.transition:
        draft.transitions.append(found.transition)
    if found.alive:
        _plan_pair(snapshot, link, draft)
    else:
        _stand(draft, snapshot, link, found.place)


def _plan_pair(snapshot: Snapshot, link: Link, draft: Draft) -> None:
    records = {side: snapshot.records[side][link.id_on(side)] for side in Side}
    away = [reason for record in records.values() if (reason := exclusion(snapshot, record, linked=True))]
    if away:
        _stand(draft, snapshot, link, Place.EXCLUDED)
        return
    images = records[Side.PROCORE].image, records[Side.FOURHSE].image
    diffs = diff(snapshot.mapping, *images, dict(link.base), _rulings(snapshot, link, records))
    diffs = tuple(_for_the_route(snapshot, found) for found in diffs)
    _stand(draft, snapshot, link, Place.IN_SYNC)
    _settle_bases(link, records, diffs, draft)
    for side in Side:
        _plan_writes(snapshot, link, records, [d for d in diffs if d.to is side], draft)
    _ask(snapshot, link, records, diffs, draft)
    _keep_refusals(snapshot, link, records, diffs, draft)


def _keep_refusals(
    snapshot: Snapshot, link: Link, records: dict[Side, Record], diffs: Iterable[FieldDiff], draft: Draft
) -> None:
    """A field whose write was answered without it stays in the inbox for as long as both sides stand as they were."""
    for found in diffs:
        for side in Side if found.verdict is Verdict.SETTLED else ():
            if f"refused:update:{side.value}:{link.id_on(side)}:{found.field.key}" in snapshot.refusals:
                action = _update(snapshot, link, records, [replace(found, to=side)])
                if isinstance(action, Action):
                    _checked(snapshot, action, draft)


def _rulings(snapshot: Snapshot, link: Link, records: dict[Side, Record]) -> dict[str, Ruling]:
    found = {}
    for row in snapshot.mapping.fields:
        ruling = snapshot.rulings.get(f"difference:{link.procore_id}:{row.key}")
        if ruling is not None:
            found[row.key] = ruling
        elif link.state is LinkState.CLOSED_BY_POLICY and isinstance(row.lens, StatusLens):
            found |= _reopening(row.key, link, records, snapshot)
    return found


def _reopening(key: str, link: Link, records: dict[Side, Record], snapshot: Snapshot) -> dict[str, Ruling]:
    """Our own close of a survivor is undone when the deleted one is back and the survivor is still as we left it."""
    row, base = snapshot.mapping.by_key[key], link.base.get(key)
    if base is None:
        return {}
    now = {side: row.lens.get(side, records[side].image) for side in Side}
    closed = [side for side in Side if now[side] != row.lens.get(side, base.of(side))]
    if len(closed) != 1 or any(isinstance(reading, Held) for reading in now.values()):
        return {}
    values = {side.value: str(getattr(now[side], "value", "")) for side in Side}
    return {key: Ruling(0, key, "resolve", use=closed[0].other.value, seen={"seen": values})}


def _for_the_route(snapshot: Snapshot, found: FieldDiff) -> FieldDiff:
    """A person's answer about a changed zone or mapping decides a field of every pair at once."""
    if found.verdict in (Verdict.SAME, Verdict.AGREED, Verdict.HELD):
        return found
    if found.field.key in snapshot.rebased:
        return replace(found, verdict=Verdict.SETTLED, to=None, reason="a person accepted it", rebase=True)
    if found.verdict is Verdict.DRIFT and snapshot.drift_winner and found.field.leads_to(snapshot.drift_winner.other):
        winner = snapshot.drift_winner
        return replace(found, verdict=Verdict.WRITE, to=winner.other, reason=f"a person chose {winner.title}")
    return found


def _settle_bases(link: Link, records: dict[Side, Record], diffs: Iterable[FieldDiff], draft: Draft) -> None:
    procore, fourhse = records[Side.PROCORE].image, records[Side.FOURHSE].image
    fresh: dict[str, Agreement] = {}
    for found in diffs:
        if found.verdict is Verdict.AGREED:
            fresh[found.field.key] = found.field.agreement(procore, fourhse)
        elif found.verdict is Verdict.SETTLED and (found.used is not None or found.rebase):
            fresh[found.field.key] = found.field.agreement(procore, fourhse, settled=True)
    if fresh:
        draft.rebases.append(Rebase(link.procore_id, link.fourhse_id, fresh))


def _plan_writes(
    snapshot: Snapshot, link: Link, records: dict[Side, Record], diffs: list[FieldDiff], draft: Draft
) -> None:
    """One update of one record: the fields whose call is not parked after a refusal."""
    ready = []
    for found in diffs:
        action = _update(snapshot, link, records, [found])
        if isinstance(action, str):
            draft.items.append(_unwritable(snapshot, link, records, found, action))
            _stand(draft, snapshot, link, Place.WAITING)
        elif _may_try(snapshot, _checked(snapshot, action, draft)):
            ready.append(found)
        if found.used is not None:
            draft.relying.append(found.used.key)
    if ready:
        action = _update(snapshot, link, records, ready)
        if isinstance(action, Action):
            draft.actions.append(action)


def _update(snapshot: Snapshot, link: Link, records: dict[Side, Record], diffs: list[FieldDiff]) -> Action | str:
    """The update that carries these fields, or the reason why their value has no form on that side."""
    side = diffs[0].to or Side.PROCORE
    target, source = records[side], records[side.other]
    values = [(found.field, found.value(side.other)) for found in diffs]
    try:
        fields = payload(side, values, target.image, facts_of(source.image, snapshot.zone))
    except Unwritable as error:
        return str(error)
    return Action(
        act=Act.UPDATE,
        side=side,
        kind=Kind.INCIDENT,
        target_id=link.id_on(side),
        source_id=link.id_on(side.other),
        reason="; ".join(f"{found.field.label}: {found.reason}" for found in diffs),
        fields=fields,
        sources={found.field.key: found.field.slice(side.other, source.image) for found in diffs},
        seen={key: value for found in diffs for key, value in found.field.slice(side, target.image).items()},
    )


def _unwritable(snapshot: Snapshot, link: Link, records: dict[Side, Record], found: FieldDiff, reason: str) -> Item:
    source = records[(found.to or Side.PROCORE).other]
    title = items.title_of(snapshot.mapping, source)
    return items.word(source, link.id_on(source.side.other), found.field.key, f"{found.field.label}: {reason}", title)


def _ask(snapshot: Snapshot, link: Link, records: dict[Side, Record], diffs: Iterable[FieldDiff], draft: Draft) -> None:
    title = items.title_of(snapshot.mapping, records[Side.PROCORE])
    kinds = {Verdict.CONFLICT: ItemKind.CONFLICT, Verdict.DRIFT: ItemKind.DRIFT}
    for found in diffs:
        if found.verdict in kinds:
            draft.items.append(items.difference(kinds[found.verdict], link, found, title))
        elif found.verdict is Verdict.HELD:
            draft.items += _held_word(link, records, found, title)
        else:
            continue
        _stand(draft, snapshot, link, Place.WAITING)


def _held_word(link: Link, records: dict[Side, Record], found: FieldDiff, title: str) -> list[Item]:
    return [
        items.word(records[side], link.id_on(side.other), found.field.key, reading.reason, title)
        for side, reading in ((Side.PROCORE, found.procore), (Side.FOURHSE, found.fourhse))
        if isinstance(reading, Held) and reading.word is not None
    ]


def _stand(draft: Draft, snapshot: Snapshot, link: Link, place: Place) -> None:
    """A link is counted on each side that still has, or may still have, its record."""
    for side in Side:
        presence = presence_of(snapshot, link, side)
        if presence is Presence.GONE or (link.state is LinkState.ENDED and presence is not Presence.PRESENT):
            continue
        worst = max((draft.places[side].get(link.id_on(side), place), place), key=list(Place).index)
        draft.stand(side, link.id_on(side), worst)


# Calls that were refused before ----------------------------------------------------------------------------------


def refusal_key(action: Action) -> str:
    if action.act is Act.UPDATE:
        return f"refused:update:{action.side.value}:{action.target_id}:{','.join(sorted(action.sources))}"
    return f"refused:{action.act.value}:{action.side.value}:{action.source_id or action.target_id}"


def refusal_fingerprint(action: Action) -> str:
    """Changes when either side's values of the refused call change."""
    return fingerprint(dict(action.sources), dict(action.seen), dict(action.fields))


def _may_try(snapshot: Snapshot, action: Action) -> bool:
    refusal = snapshot.refusals.get(refusal_key(action))
    if refusal is None or refusal.fingerprint != refusal_fingerprint(action):
        return True
    ruling = snapshot.rulings.get(refusal.key)
    return bool(ruling and ruling.verb == "retry") or refusal.next_try is None or snapshot.now >= refusal.next_try


def _checked(snapshot: Snapshot, action: Action, draft: Draft) -> Action:
    """Keeps the item of a refused call open for as long as the call is wanted."""
    refusal = snapshot.refusals.get(refusal_key(action))
    if refusal is not None:
        draft.items.append(_refused_item(snapshot, refusal, action))
        for side, record_id in ((action.side, action.target_id), (action.side.other, action.source_id)):
            if record_id is not None:
                draft.stand(side, record_id, Place.REFUSED)
    return action


def _refused_item(snapshot: Snapshot, refusal: Refusal, action: Action) -> Item:
    source = snapshot.record(action.side.other, action.source_id or "")
    return items.refused(refusal, action, items.title_of(snapshot.mapping, source))


# Records that are linked nowhere ---------------------------------------------------------------------------------


def _plan_unlinked(snapshot: Snapshot, draft: Draft) -> None:
    free = {side: _unlinked(snapshot, side, draft) for side in Side}
    candidates = {side: [_candidate(snapshot, record, ok) for record, ok in free[side].values()] for side in Side}
    apart = snapshot.apart | _told_apart(snapshot, draft)
    found = match(candidates[Side.PROCORE], candidates[Side.FOURHSE], apart)
    pairs = [*_by_identity(snapshot, free, draft), *found.pairs]
    linked = {left for left, _ in pairs}, {right for _, right in pairs}
    for left, right in pairs:
        _link(snapshot, left, right, draft, "both tell the same day, title and description")
    for left, rights in found.doubts.items():
        if left not in linked[0] and not linked[1] >= set(rights):
            _doubt(snapshot, left, tuple(r for r in rights if r not in linked[1]), draft)
    for side, singles in ((Side.PROCORE, found.singles_procore), (Side.FOURHSE, found.singles_fourhse)):
        for record_id in singles:
            if record_id not in linked[0 if side is Side.PROCORE else 1]:
                _plan_create(snapshot, snapshot.records[side][record_id], draft)


def _unlinked(snapshot: Snapshot, side: Side, draft: Draft) -> dict[str, tuple[Record, bool]]:
    """Records without a living link, each with whether it may be linked or copied; counted where they stand."""
    living = {link.id_on(side) for link in snapshot.links if link.state is not LinkState.IGNORED}
    ignored = {link.id_on(side) for link in snapshot.links if link.state is LinkState.IGNORED}
    free = {}
    for record in snapshot.records[side].values():
        if record.presence is not Presence.PRESENT or record.id in living:
            continue
        if (side, record.id) in snapshot.pending or (side, record.id) in snapshot.possibly_ours:
            draft.stand(side, record.id, Place.WAITING)
            continue
        eligible = record.id not in ignored and exclusion(snapshot, record, linked=False) is None
        draft.stand(side, record.id, Place.WAITING if eligible else Place.EXCLUDED)
        free[record.id] = record, eligible and is_in_range(snapshot, record)
    return free


def _candidate(snapshot: Snapshot, record: Record, eligible: bool) -> Candidate:
    readings = {row.key: row.lens.get(record.side, record.image) for row in snapshot.mapping.fields}
    told = {key: None if isinstance(reading, Held) else reading.value for key, reading in readings.items()}
    return Candidate(
        id=record.id,
        day=day_of(snapshot, record),
        title=told.get(snapshot.mapping.title.key),
        description=told.get(snapshot.mapping.description.key) if snapshot.mapping.description else None,
        eligible=eligible,
    )


def _told_apart(snapshot: Snapshot, draft: Draft) -> frozenset[tuple[str, str]]:
    """Answers to earlier doubts: a rejected item calls the record different from every candidate shown."""
    for ruling in snapshot.rulings.values():
        _, _, rest = ruling.key.partition("match:")
        side, _, record_id = rest.partition(":")
        if rest and ruling.verb == "reject":
            for other in ruling.seen.get("candidates", ()):
                draft.apart.append((record_id, other) if side == Side.PROCORE.value else (other, record_id))
    return frozenset(draft.apart)


def _by_identity(
    snapshot: Snapshot, free: dict[Side, dict[str, tuple[Record, bool]]], draft: Draft
) -> list[tuple[str, str]]:
    """Pairs that need no likeness: 4HSE ids of our own scheme, and those that a person joined."""
    pairs = []
    for fourhse_id, procore_id in snapshot.ids_of_ours.items():
        if fourhse_id in free[Side.FOURHSE] and procore_id in free[Side.PROCORE]:
            pairs.append((procore_id, fourhse_id))
    for ruling in snapshot.rulings.values():
        if ruling.key.startswith("match:") and ruling.verb == "approve" and ruling.with_id:
            _, side, record_id = ruling.key.split(":", 2)
            pair = (record_id, ruling.with_id) if side == Side.PROCORE.value else (ruling.with_id, record_id)
            draft.relying.append(ruling.key)
            if pair[0] in free[Side.PROCORE] and pair[1] in free[Side.FOURHSE] and pair not in pairs:
                pairs.append(pair)
    return [pair for pair in pairs if pair not in snapshot.unlinked_by_hand]


def _link(snapshot: Snapshot, procore_id: str, fourhse_id: str, draft: Draft, reason: str) -> None:
    """A pair becomes a link, and its fields are merged at once without a base."""
    draft.actions.append(Action(Act.LINK, Side.FOURHSE, Kind.INCIDENT, fourhse_id, procore_id, reason))
    _plan_pair(snapshot, Link(0, procore_id, fourhse_id), draft)
    for side, record_id in ((Side.PROCORE, procore_id), (Side.FOURHSE, fourhse_id)):
        if draft.places[side].get(record_id) is Place.WAITING and not _is_asked(draft, record_id):
            draft.stand(side, record_id, Place.IN_SYNC)


def _is_asked(draft: Draft, record_id: str) -> bool:
    return any(record_id in (item.procore_id, item.fourhse_id) for item in draft.items)


def _doubt(snapshot: Snapshot, procore_id: str, fourhse_ids: tuple[str, ...], draft: Draft) -> None:
    record = snapshot.records[Side.PROCORE][procore_id]
    listed = tuple(
        (other, items.title_of(snapshot.mapping, snapshot.records[Side.FOURHSE][other])) for other in fourhse_ids
    )
    reason = "These may be one incident, and likeness alone never links; nothing is created meanwhile."
    draft.items.append(items.doubt(record, listed, reason, items.title_of(snapshot.mapping, record)))


def _plan_create(snapshot: Snapshot, record: Record, draft: Draft) -> None:
    """A record without a partner is created on the other side, unless something about it must be asked first."""
    side, title = record.side.other, items.title_of(snapshot.mapping, record)
    if (record.side, record.id) in snapshot.linked_elsewhere:
        draft.items.append(
            items.doubt(record, (), "Another route has this incident already; it may have moved.", title)
        )
        return
    if twin := _twin(snapshot, record):
        draft.items.append(items.doubt(record, (), twin, title))
        return
    if not snapshot.certified[side]:
        return
    try:
        fields = new_payload(snapshot.mapping, side, record.image, snapshot.zone)
    except Unwritable as error:
        draft.items += _why_held(snapshot, record, str(error), title)
        return
    sources = {row.key: row.slice(record.side, record.image) for row in snapshot.mapping.fields}
    reason = f"new in {record.side.title}"
    action = Action(Act.CREATE, side, Kind.INCIDENT, None, record.id, reason, fields, sources)
    draft.stand(record.side, record.id, Place.IN_SYNC)
    if _may_try(snapshot, _checked(snapshot, action, draft)):
        draft.actions.append(action)


def _why_held(snapshot: Snapshot, record: Record, reason: str, title: str) -> list[Item]:
    """An unknown word is asked about; evidence that is only incomplete in this cycle is not."""
    held = [
        (row, reading)
        for row in snapshot.mapping.fields
        if isinstance(reading := row.lens.get(record.side, record.image), Held)
    ]
    if held and held[0][1].word is None:
        return []
    row = held[0][0] if held else snapshot.mapping.day
    return [items.word(record, None, row.key, reason, title)]


def _twin(snapshot: Snapshot, record: Record) -> str | None:
    """Why an unlinked record may be a second copy that we made: it is never copied, only asked about."""
    if record.side is Side.FOURHSE and record.id in snapshot.ids_of_ours:
        return "Its id is one that we give; it may be a late copy of an incident that is linked already."
    if record.author is not None and record.author in snapshot.own_accounts:
        return "Our own account made it, and the journal does not know it; it may be a late copy."
    return None
