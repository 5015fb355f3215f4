"""Incidents that are linked nowhere: pairs, doubts, and those that the other side does not have yet."""

from __future__ import annotations

from functools import partial

from procore_4hse.mapping.lenses import Held, Unwritable
from procore_4hse.mapping.translate import new_payload, shows
from procore_4hse.models import Act, Action, Item, Kind, Link, LinkState, Place, Side
from procore_4hse.reconcile import items
from procore_4hse.reconcile.children import people_of
from procore_4hse.reconcile.draft import Draft
from procore_4hse.reconcile.match import Candidate, Likeness, match
from procore_4hse.reconcile.match import compare as likeness
from procore_4hse.reconcile.pairs import Pair, compare
from procore_4hse.reconcile.refusals import keep_open, may_try
from procore_4hse.reconcile.scope import day_of, exclusion, is_in_range
from procore_4hse.reconcile.snapshot import Presence, Record, Snapshot

Free = dict[Side, dict[str, tuple[Record, bool]]]
"""Unlinked records by id, each with whether it may be linked or copied."""

ALIKE = "These may be one incident, and likeness alone never links; nothing is created meanwhile."
MADE_BY_US = (
    "Our own account made it, and our journal does not know for which incident. Until that is told, no unlinked 4HSE "
    "incident is copied to Procore."
)
LISTED = 10
"""So many candidates are named; any other unlinked one may be given too."""
FAR = 10**6
TAKEN_APART = "A person took these two apart; neither is linked or copied until someone says whether they are one."


def plan_unlinked(snapshot: Snapshot, draft: Draft) -> None:
    """Unlinked incidents of both sides: linked when clear, asked about when doubtful, created when alone."""
    free = {side: _unlinked(snapshot, side, draft) for side in Side}
    apart = snapshot.apart | _told_apart(snapshot, draft)
    joined = _by_identity(snapshot, free, apart, draft)
    parted = _parted(snapshot, free, apart, joined)
    candidates = {side: _candidates(snapshot, side, free, parted) for side in Side}
    found = match(candidates[Side.PROCORE], candidates[Side.FOURHSE], apart)
    taken = {left for left, _ in joined}, {right for _, right in joined}
    pairs = [*joined, *(pair for pair in found.pairs if pair[0] not in taken[0] and pair[1] not in taken[1])]
    linked = {left for left, _ in pairs}, {right for _, right in pairs}
    for left, right in pairs:
        _link(snapshot, left, right, draft, "both tell the same day, title and description")
    for left, rights in found.doubts.items():
        if left not in linked[0] and not linked[1] >= set(rights):
            _doubt(snapshot, left, tuple(r for r in rights if r not in linked[1]), draft, ALIKE)
    for left, right in parted:
        _doubt(snapshot, left, (right,), draft, TAKEN_APART)
    alone = {
        Side.PROCORE: [snapshot.records[Side.PROCORE][i] for i in found.singles_procore if i not in linked[0]],
        Side.FOURHSE: [snapshot.records[Side.FOURHSE][i] for i in found.singles_fourhse if i not in linked[1]],
    }
    _plan_alone(snapshot, alone, apart, draft)


def _plan_alone(
    snapshot: Snapshot, alone: dict[Side, list[Record]], apart: frozenset[tuple[str, str]], draft: Draft
) -> None:
    """Records without anything alike on the other side; none goes to Procore before its orphans are explained."""
    orphans = {}
    if alone[Side.FOURHSE]:
        orphans = {record.id: record for record in alone[Side.PROCORE] if _is_orphan(snapshot, record, apart)}
    for orphan in orphans.values():
        nearest = sorted(alone[Side.FOURHSE], key=partial(_distance, snapshot, orphan))[:LISTED]
        _doubt(snapshot, orphan.id, tuple(record.id for record in nearest), draft, MADE_BY_US)
    for record in (*alone[Side.PROCORE], *alone[Side.FOURHSE]):
        if orphans and record.side is Side.FOURHSE:
            draft.unheard.add((record.side, record.id))
        elif record.id not in orphans:
            _plan_create(snapshot, record, apart, draft)


def _is_orphan(snapshot: Snapshot, record: Record, apart: frozenset[tuple[str, str]]) -> bool:
    """Whether our account made it, nothing says for what, and it is no second copy of a linked incident.

    Then our own store is an old one, and any 4HSE incident without a link may be the one that it was made for.
    """
    if record.author is None or record.author not in snapshot.own_accounts or _is_told(record, apart):
        return False
    ruling = snapshot.rulings.get(f"match:{record.side.value}:{record.id}")
    if (record.side, record.id) in snapshot.linked_elsewhere or (ruling is not None and ruling.verb == "reject"):
        return False
    mine = _candidate(snapshot, record, eligible=True)
    known = (snapshot.record(record.side, link.id_on(record.side)) for link in snapshot.links)
    return not any(
        likeness(mine, _candidate(snapshot, other, eligible=True)) is Likeness.CLEAR
        for other in known
        if other is not None
    )


def _distance(snapshot: Snapshot, one: Record, other: Record) -> tuple[int, str]:
    """Days between two records, the nearest first."""
    days = day_of(snapshot, one), day_of(snapshot, other)
    return abs((days[0] - days[1]).days) if days[0] and days[1] else FAR, other.id


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
        eligible = eligible and is_in_range(snapshot, record)
        draft.stand(side, record.id, Place.WAITING if eligible else Place.EXCLUDED)
        free[record.id] = record, eligible
    return free


def _candidates(snapshot: Snapshot, side: Side, free: Free, parted: list[tuple[str, str]]) -> list[Candidate]:
    """What may be matched or copied; a pair that a person took apart is neither until they answer."""
    waiting = {pair[0 if side is Side.PROCORE else 1] for pair in parted}
    return [_candidate(snapshot, record, ok) for record, ok in free[side].values() if record.id not in waiting]


def _parted(
    snapshot: Snapshot, free: Free, apart: frozenset[tuple[str, str]], joined: list[tuple[str, str]]
) -> list[tuple[str, str]]:
    """Pairs whose link a person took apart without an answer about them since."""
    taken = {left for left, _ in joined}, {right for _, right in joined}
    return [
        (left, right)
        for left, right in sorted(snapshot.unlinked_by_hand - apart)
        if left in free[Side.PROCORE] and right in free[Side.FOURHSE] and left not in taken[0] and right not in taken[1]
    ]


def _candidate(snapshot: Snapshot, record: Record, eligible: bool) -> Candidate:
    readings = {row.key: row.lens.get(record.side, record.image) for row in snapshot.mapping.fields}
    told = {key: None if isinstance(reading, Held) else reading.value for key, reading in readings.items()}
    return Candidate(
        id=record.id,
        day=day_of(snapshot, record),
        title=told.get(snapshot.mapping.title.key),
        description=told.get(snapshot.mapping.description.key) if snapshot.mapping.description else None,
        people=people_of(snapshot, record),
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
    snapshot: Snapshot, free: Free, apart: frozenset[tuple[str, str]], draft: Draft
) -> list[tuple[str, str]]:
    """Pairs that need no likeness: 4HSE ids of our own scheme, and those that a person joined."""
    strangers = apart | snapshot.unlinked_by_hand
    pairs = [
        (procore_id, fourhse_id)
        for fourhse_id, procore_id in snapshot.ids_of_ours.items()
        if fourhse_id in free[Side.FOURHSE]
        and procore_id in free[Side.PROCORE]
        and (procore_id, fourhse_id) not in strangers
    ]
    for ruling in snapshot.rulings.values():
        if ruling.key.startswith("match:") and ruling.verb == "approve" and ruling.with_id:
            _, side, record_id = ruling.key.split(":", 2)
            pair = (record_id, ruling.with_id) if side == Side.PROCORE.value else (ruling.with_id, record_id)
            draft.relying.append(ruling.key)
            if pair[0] in free[Side.PROCORE] and pair[1] in free[Side.FOURHSE] and pair not in pairs:
                pairs.append(pair)
    return pairs


def _link(snapshot: Snapshot, procore_id: str, fourhse_id: str, draft: Draft, reason: str) -> None:
    """A pair becomes a link, and its fields are merged at once without a base."""
    draft.actions.append(Action(Act.LINK, Side.FOURHSE, Kind.INCIDENT, fourhse_id, procore_id, reason))
    records = snapshot.records[Side.PROCORE][procore_id], snapshot.records[Side.FOURHSE][fourhse_id]
    title = items.title_of(snapshot.mapping, records[0])
    compare(snapshot, Pair(Link(0, procore_id, fourhse_id), *records, snapshot.mapping.fields, title), draft)
    for side, record_id in ((Side.PROCORE, procore_id), (Side.FOURHSE, fourhse_id)):
        if draft.places[side].get(record_id) is Place.WAITING and not _is_asked(draft, record_id):
            draft.stand(side, record_id, Place.IN_SYNC)


def _is_asked(draft: Draft, record_id: str) -> bool:
    return any(record_id in (item.procore_id, item.fourhse_id) for item in draft.items)


def _doubt(snapshot: Snapshot, procore_id: str, fourhse_ids: tuple[str, ...], draft: Draft, reason: str) -> None:
    record = snapshot.records[Side.PROCORE][procore_id]
    listed = tuple(
        (other, items.title_of(snapshot.mapping, snapshot.records[Side.FOURHSE][other])) for other in fourhse_ids
    )
    draft.items.append(items.doubt(record, listed, reason, items.title_of(snapshot.mapping, record)))


def _doubt_alone(snapshot: Snapshot, record: Record, apart: frozenset[tuple[str, str]]) -> str | None:
    """Why a record is asked about although the other side shows nothing like it."""
    if (record.side, record.id) in snapshot.linked_elsewhere:
        return "Another route has this incident already; it may have moved."
    return None if _is_told(record, apart) else _twin(snapshot, record)


def _is_rejected(snapshot: Snapshot, record: Record, draft: Draft) -> bool:
    """Whether a person called this doubt unfounded; what another route has linked is left alone all the same."""
    ruling = snapshot.rulings.get(f"match:{record.side.value}:{record.id}")
    if ruling is None or ruling.verb != "reject" or ruling.seen.get("candidates"):
        return False
    draft.relying.append(ruling.key)
    return True


def _plan_create(snapshot: Snapshot, record: Record, apart: frozenset[tuple[str, str]], draft: Draft) -> None:
    """A record without a partner is created on the other side, unless something about it must be asked first."""
    side, title = record.side.other, items.title_of(snapshot.mapping, record)
    if doubt := _doubt_alone(snapshot, record, apart):
        told = _is_rejected(snapshot, record, draft)
        if not told:
            draft.items.append(items.doubt(record, (), doubt, title))
        if not told or (record.side, record.id) in snapshot.linked_elsewhere:
            return
    if not snapshot.certified[side]:
        draft.unheard.add((record.side, record.id))
        return
    try:
        fields = new_payload(snapshot.mapping, side, record.image, snapshot.zone)
    except Unwritable as error:
        draft.items += _why_held(snapshot, record, str(error), title)
        return
    sources = {row.key: row.slice(record.side, record.image) for row in snapshot.mapping.fields}
    reason = f"new in {record.side.title}"
    generation = len([other for mine, other in apart if mine == record.id and other in snapshot.ids_of_ours])
    action = Action(Act.CREATE, side, Kind.INCIDENT, None, record.id, reason, fields, sources, generation=generation)
    draft.stand(record.side, record.id, Place.IN_SYNC)
    tried = may_try(snapshot, action)
    keep_open(snapshot, action, title, draft, tried=tried)
    if tried:
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


def _is_told(record: Record, apart: frozenset[tuple[str, str]]) -> bool:
    """Whether a person called it different from a partner, so that it is no copy of ours."""
    return any(record.id in pair for pair in apart)


def _twin(snapshot: Snapshot, record: Record) -> str | None:
    """Why an unlinked record may be a second copy that we made: it is never copied, only asked about."""
    if record.side is Side.FOURHSE and record.id in snapshot.ids_of_ours:
        return "Its id is one that we give; it may be a late copy of an incident that is linked already."
    if record.author is not None and record.author in snapshot.own_accounts:
        return "Our own account made it, and the journal does not know it; it may be a late copy."
    if any(a.side is record.side and shows(snapshot.mapping.fields, a, record.image) for a in snapshot.lost):
        return "It shows what a create without an answer sent; it may be a late copy."
    return None
