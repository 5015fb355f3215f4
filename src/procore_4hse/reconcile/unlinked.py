"""Incidents that are linked nowhere: pairs, doubts, and those that the other side does not have yet."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from types import MappingProxyType

from procore_4hse.mapping.details import number_of
from procore_4hse.mapping.folding import fold
from procore_4hse.mapping.lenses.base import Known, Unwritable
from procore_4hse.mapping.translate import new_payload, shows, unsaid
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
    RecordRef,
    Side,
    SyncStatus,
)
from procore_4hse.reconcile import items
from procore_4hse.reconcile.approval import contents
from procore_4hse.reconcile.children import edits_kept, people_of
from procore_4hse.reconcile.diff import display, emptied_since
from procore_4hse.reconcile.draft import Draft
from procore_4hse.reconcile.lifecycle import ANSWERED, presence_of
from procore_4hse.reconcile.linked import Pair, compare_pair
from procore_4hse.reconcile.match import (
    NUMBER,
    Candidate,
    Likeness,
    Matches,
    by_telling,
    is_clear,
    likeness_of,
    match,
    matters,
)
from procore_4hse.reconcile.refusals import keep_open, may_try
from procore_4hse.reconcile.scope import day_of, exclusion, is_in_range, is_left_to_backfills
from procore_4hse.reconcile.snapshot import Presence, Record, Snapshot

Free = dict[Side, dict[str, tuple[Record, bool]]]
"""Unlinked records by id, each with whether it may be linked or copied."""

ALIKE = "These look alike. They are not linked without you, and nothing is created meanwhile."
MADE_BY_US = (
    "Our own account made it, and our journal does not know for which incident. Until that is told, no unlinked 4HSE "
    "incident is copied to Procore."
)
ENTERED_ANEW = (
    "Its partner is gone, and the other system shows one like it that may have been entered anew. Until that is told, "
    "nothing is created, deleted or closed for either."
)
LISTED = 10
"""So many candidates are named; any other unlinked one may be given too."""
OUT_OF_SIGHT = (
    "An incident like it is gone here, and the other system does not show that one's partner now: it may have been "
    "entered anew. Nothing is created until someone says that it is another one."
)
TAKEN_APART = "A person took these two apart; neither is linked or copied until someone says whether they are one."


@dataclass(frozen=True)
class Matching:
    """What unlinked incidents, and those that lost their partner, are to each other. Ids are Procore's first."""

    joined: tuple[tuple[str, str], ...]
    """Pairs that are one incident: told by a person, by our id, or clear."""
    doubts: Mapping[str, tuple[str, ...]]
    parted: tuple[tuple[Record, str], ...]
    alone: Mapping[Side, list[Record]]
    not_duplicates: frozenset[tuple[str, str]]
    survivors: Mapping[RecordRef, Link]
    """Records whose partner is gone or missing, with the link that they had."""
    void: frozenset[QuestionKey] = frozenset()
    """Answers that were given to something else than what there is now; they are asked again."""

    @cached_property
    def taken(self) -> frozenset[RecordRef]:
        """Records that are joined or asked about here, so that nothing else is decided about them meanwhile."""
        pairs = [*self.joined, *((left, right) for left, rights in self.doubts.items() for right in rights)]
        return frozenset(record for pair in pairs for record in _records(pair))

    def joins(self, link: Link) -> bool:
        """Whether a record of this link is joined with another one here."""
        return any(link.refs & _records(pair) for pair in self.joined)


def match_unlinked(snapshot: Snapshot, draft: Draft) -> Matching:
    """Pairs among unlinked incidents of both sides; a survivor of a deletion may have been entered anew over there."""
    survivors = _survivors(snapshot)
    unlinked = {side: _unlinked(snapshot, side, survivors) for side in Side}
    free = {side: _free(snapshot, unlinked[side], survivors, draft) for side in Side}
    void = _void_answers(snapshot, free, survivors)
    asked = frozenset(_pairs_of(snapshot, void, free)) | _entered_anew(snapshot, survivors)
    snapshot = _without_answers(snapshot, void)
    not_duplicates = snapshot.not_duplicates | _told_apart(snapshot, draft)
    joined_by_people = _told_together(snapshot, unlinked, draft)
    joined = _joined([*joined_by_people, *_by_identity(snapshot, not_duplicates)], free)
    left = _without(free, [*joined, *joined_by_people])
    parted = _parted(snapshot, left, not_duplicates)
    left = _without(left, [_pair(*one) for one in parted])
    matches = _matches(snapshot, left, survivors, not_duplicates, asked - not_duplicates)
    return Matching(
        joined=(*joined, *matches.pairs),
        doubts=_certain(snapshot, matches.doubts, survivors, draft),
        parted=tuple(parted),
        alone={
            Side.PROCORE: [snapshot.records[Side.PROCORE][record_id] for record_id in matches.singles_procore],
            Side.FOURHSE: [snapshot.records[Side.FOURHSE][record_id] for record_id in matches.singles_fourhse],
        },
        not_duplicates=not_duplicates,
        survivors=survivors,
        void=void,
    )


def plan_unlinked(snapshot: Snapshot, matching: Matching, draft: Draft) -> None:
    """Unlinked incidents of both sides: linked when clear, asked about when doubtful, created when alone."""
    # An answer that named a partner still tells that the record is no other incident's.
    snapshot = _without_answers(snapshot, {key for key in matching.void if snapshot.decisions[key].verb == "reject"})
    for pair in matching.joined:
        _link(snapshot, pair, matching.survivors, draft)
    for procore_id, fourhse_ids in matching.doubts.items():
        about = {record for other in fourhse_ids for record in _records((procore_id, other))}
        reason = ENTERED_ANEW if about & matching.survivors.keys() else ALIKE
        _doubt(snapshot, snapshot.records[Side.PROCORE][procore_id], fourhse_ids, draft, reason)
    for record, other in matching.parted:
        _doubt(snapshot, record, (other,), draft, TAKEN_APART)
    _plan_alone(snapshot, matching, draft)


def _survivors(snapshot: Snapshot) -> dict[RecordRef, Link]:
    """Incidents that are there while their link's other record is not, whatever was decided about that so far."""
    incidents, survivors = snapshot.incidents, {}
    for link in snapshot.links:
        here = [side for side in Side if presence_of(snapshot, incidents, link, side) is Presence.PRESENT]
        if len(here) == 1:
            survivors[link.ref(here[0])] = link
    return survivors


def _entered_anew(snapshot: Snapshot, survivors: Mapping[RecordRef, Link]) -> frozenset[tuple[str, str]]:
    """The pairs that are asked about already of which one is a survivor: no edit of either takes the question back."""
    return frozenset(pair for pair in snapshot.open_matches if _records(pair) & survivors.keys())


def _certain(
    snapshot: Snapshot, doubts: Mapping[str, tuple[str, ...]], survivors: Mapping[RecordRef, Link], draft: Draft
) -> dict[str, tuple[str, ...]]:
    """Doubts without those about a survivor whose partner only stood on a page that was not read: they wait."""
    certain: dict[str, list[str]] = defaultdict(list)
    for left, rights in doubts.items():
        for right in rights:
            records = _records((left, right))
            links = [survivors[record] for record in records & survivors.keys()]
            if any(_is_unseen(snapshot, link) for link in links):
                draft.unknown |= records
            else:
                certain[left].append(right)
    return {left: tuple(rights) for left, rights in certain.items()}


def _is_unseen(snapshot: Snapshot, link: Link) -> bool:
    return any(presence_of(snapshot, snapshot.incidents, link, side) is Presence.UNSEEN for side in Side)


def _plan_alone(snapshot: Snapshot, matching: Matching, draft: Draft) -> None:
    """Records without anything alike on the other side; none goes to Procore before its orphans are explained."""
    told, alone = ToldApart(matching.not_duplicates), matching.alone
    orphans = _orphans(snapshot, alone[Side.PROCORE], told) if alone[Side.FOURHSE] else {}
    hidden = {side: _out_of_sight(snapshot, side) if alone[side] else [] for side in Side}
    unsettled = {side: _unsettled(snapshot, matching.survivors, side) if alone[side] else [] for side in Side}
    if orphans:
        _ask_about_orphans(snapshot, orphans.values(), alone[Side.FOURHSE], draft)
    for record in (*alone[Side.PROCORE], *alone[Side.FOURHSE]):
        others = unsettled[record.side]
        waits = bool(others) and _is_like_any(snapshot, _candidate(snapshot, record), others)
        if waits or (orphans and record.side is Side.FOURHSE):
            draft.unknown.add(record.ref)
        elif record.id not in orphans:
            _plan_create(snapshot, record, told, hidden[record.side], draft)


def _unsettled(snapshot: Snapshot, survivors: Mapping[RecordRef, Link], side: Side) -> list[Candidate]:
    """What survivors tell, and told, of which a write has no outcome yet, while their partner is gone from this side.

    One like them may have been entered anew; that is asked once the write is settled, and nothing is copied before.
    """
    left = []
    for ref, link in survivors.items():
        survivor = snapshot.record(ref.side, ref.id)
        if ref.side is side.other and survivor is not None and link.refs & snapshot.pending:
            left += [_candidate(snapshot, survivor, False, base) for base in ({}, link.base)]
            left.append(_former(snapshot, link, side))
    return left


def _out_of_sight(snapshot: Snapshot, side: Side) -> list[Candidate]:
    """What both sides last agreed on of incidents that are gone on one side and not proven gone on the other."""
    left, incidents = [], snapshot.incidents
    for link in snapshot.links:
        here, there = (presence_of(snapshot, incidents, link, each) for each in (side, side.other))
        is_over = link.state is LinkState.ENDED
        if not is_over and here in (Presence.GONE, Presence.ABSENT) and there is Presence.ABSENT:
            left.append(_former(snapshot, link, side))
    return left


def _former(snapshot: Snapshot, link: Link, side: Side) -> Candidate:
    """What this side showed of a link's incident when both last agreed."""
    former = snapshot.record(side, link.id_on(side)) or Record(side, link.id_on(side), {}, Presence.ABSENT)
    return _candidate(snapshot, former, eligible=False, base=link.base)


def _ask_about_orphans(snapshot: Snapshot, orphans: Iterable[Record], others: Iterable[Record], draft: Draft) -> None:
    calendar = Calendar.of((day_of(snapshot, other), other.id) for other in others)
    for orphan in orphans:
        _doubt(snapshot, orphan, tuple(calendar.nearest(day_of(snapshot, orphan))), draft, MADE_BY_US)


@dataclass(frozen=True)
class ToldApart:
    """Pairs that people called different, the Procore id first."""

    pairs: frozenset[tuple[str, str]]

    @cached_property
    def ids(self) -> frozenset[str]:
        return frozenset(record_id for pair in self.pairs for record_id in pair)

    @cached_property
    def others(self) -> Mapping[str, list[str]]:
        """The 4HSE ids that each Procore id was told apart from."""
        others: dict[str, list[str]] = defaultdict(list)
        for procore_id, fourhse_id in self.pairs:
            others[procore_id].append(fourhse_id)
        return others


@dataclass(frozen=True)
class Calendar:
    """Records by their day, so that the nearest are found without a look at all. Days are numbers."""

    onwards: list[tuple[int, str]]
    backwards: list[tuple[int, str]]
    undated: list[str]

    @classmethod
    def of(cls, records: Iterable[tuple[date | None, str]]) -> Calendar:
        known = [(day.toordinal() if day else None, record_id) for day, record_id in records]
        dated = [(day, record_id) for day, record_id in known if day is not None]
        undated = sorted(record_id for day, record_id in known if day is None)
        return cls(sorted(dated), sorted((-day, record_id) for day, record_id in dated), undated)

    def nearest(self, day: date | None) -> list[str]:
        """The ids of a few records, the nearest first; without a day each is as far as any other."""
        if day is None:
            return sorted([*self.undated, *(record_id for _, record_id in self.onwards)])[:LISTED]
        number = day.toordinal()
        near = _from(self.onwards, number) + _from(self.backwards, 1 - number)
        by_distance = sorted((abs(abs(other) - number), record_id) for other, record_id in near)
        return [*(record_id for _, record_id in by_distance), *self.undated][:LISTED]


def _from(days: list[tuple[int, str]], first: int) -> list[tuple[int, str]]:
    start = bisect_left(days, (first, ""))
    return days[start : start + LISTED]


def _orphans(snapshot: Snapshot, records: Iterable[Record], told: ToldApart) -> dict[str, Record]:
    """Those that our account made, nothing says for what, and that are no second copy of a linked incident.

    Then our own store is an old one, and any 4HSE incident without a link may be the one that they were made for.
    """
    suspects = [record for record in records if _may_be_orphan(snapshot, record, told)]
    if not suspects:
        return {}
    known = (snapshot.record(Side.PROCORE, link.procore_id) for link in snapshot.links)
    linked = by_telling(_candidate(snapshot, other) for other in known if other is not None)
    mine = ((record, _candidate(snapshot, record)) for record in suspects)
    return {
        record.id: record
        for record, one in mine
        if not any(is_clear(one, other) for other in linked.get(one.telling, ()))
    }


def _may_be_orphan(snapshot: Snapshot, record: Record, told: ToldApart) -> bool:
    """Whether our account made it, and nobody said for what."""
    if record.author is None or record.author not in snapshot.own_accounts or record.id in told.ids:
        return False
    decision = _answer(snapshot, record)
    return record.ref not in snapshot.linked_elsewhere and (decision is None or decision.verb != "reject")


def _unlinked(snapshot: Snapshot, side: Side, survivors: Mapping[RecordRef, Link]) -> dict[str, Record]:
    """Records that are there without a link, or as the survivors of one."""
    linked = {link.id_on(side) for link in snapshot.links}
    there = [record for record in snapshot.records[side].values() if record.presence is Presence.PRESENT]
    return {record.id: record for record in there if record.id not in linked or record.ref in survivors}


def _free(
    snapshot: Snapshot, unlinked: dict[str, Record], survivors: Mapping[RecordRef, Link], draft: Draft
) -> dict[str, tuple[Record, bool]]:
    """Unlinked records without an open intent, each with whether it may be linked or copied; all are counted."""
    free = {}
    waiting = snapshot.pending | snapshot.possibly_ours
    for record in unlinked.values():
        waits = record.ref in waiting
        eligible = record.ref not in survivors and exclusion(snapshot, record) is None and is_in_range(snapshot, record)
        draft.set_status(record.side, record.id, SyncStatus.WAITING if waits or eligible else SyncStatus.EXCLUDED)
        if not waits:
            free[record.id] = record, eligible
        if not eligible and record.ref not in survivors and is_left_to_backfills(snapshot, record):
            draft.left_to_backfills.add(record.ref)
    return free


def _records(pair: tuple[str, str]) -> frozenset[RecordRef]:
    ours, theirs = pair
    return frozenset({RecordRef(Side.PROCORE, Kind.INCIDENT, ours), RecordRef(Side.FOURHSE, Kind.INCIDENT, theirs)})


def _holds(free: Free, pair: tuple[str, str]) -> bool:
    return pair[0] in free[Side.PROCORE] and pair[1] in free[Side.FOURHSE]


def _without(free: Free, pairs: Iterable[tuple[str, str]]) -> Free:
    """What is left when these pairs are taken."""
    taken = {record for pair in pairs for record in _records(pair)}
    return {side: {key: one for key, one in free[side].items() if one[0].ref not in taken} for side in Side}


def _matches(
    snapshot: Snapshot,
    free: Free,
    survivors: Mapping[RecordRef, Link],
    not_duplicates: frozenset[tuple[str, str]],
    asked: frozenset[tuple[str, str]],
) -> Matches:
    mine, theirs = (_candidates(snapshot, free[side], survivors) for side in Side)
    kept = (pair for pair in asked if _holds(free, pair) and _matters(snapshot, free, survivors, pair))
    return match(mine, theirs, not_duplicates, frozenset(kept), snapshot.match)


def _matters(snapshot: Snapshot, free: Free, survivors: Mapping[RecordRef, Link], pair: tuple[str, str]) -> bool:
    """Whether one of the two may be copied, or is a survivor of which nobody has said what becomes of it."""
    both = free[Side.PROCORE][pair[0]], free[Side.FOURHSE][pair[1]]
    one, other = ((eligible, _is_undecided(snapshot, survivors.get(record.ref))) for record, eligible in both)
    return matters(one, other)


def _is_undecided(snapshot: Snapshot, link: Link | None) -> bool:
    """Whether a survivor of this link may still be deleted or closed; a backfill decides about none."""
    return link is not None and link.state not in ANSWERED and snapshot.only_days is None


def _candidates(
    snapshot: Snapshot, free: dict[str, tuple[Record, bool]], survivors: Mapping[RecordRef, Link]
) -> list[Candidate]:
    """Free records as they are, and survivors also as each side showed them last: that is what is entered anew.

    A survivor that was edited or made private meanwhile is so still known, and asked about; so is one whose text was
    kept only in part, or left different by a person.
    """
    known = [_candidate(snapshot, record, eligible) for record, eligible in free.values()]
    left = [record for record, _ in free.values() if record.ref in survivors]
    for one in left:
        link = survivors[one.ref]
        known.append(_candidate(snapshot, one, eligible=False, base=link.base))
        known.append(replace(_former(snapshot, link, one.side.other), id=one.id, people=people_of(snapshot, one)))
    undecided = {one.id for one in left if _is_undecided(snapshot, survivors[one.ref])}
    return [replace(one, survivor=True) if one.id in undecided else one for one in known]


def _candidate(
    snapshot: Snapshot, record: Record, eligible: bool = True, base: Mapping[str, Base] = MappingProxyType({})
) -> Candidate:
    """The record as it stands; with a base, each field of it as both sides last agreed."""
    agreed = {key: {**record.image, **one.of(record.side)} for key, one in base.items()}
    told = snapshot.mapping.title, snapshot.mapping.day, snapshot.mapping.description
    readings = (row and row.lens.get(record.side, agreed.get(row.key, record.image)) for row in told)
    title, day, description = (reading.value if isinstance(reading, Known) else None for reading in readings)
    return Candidate(
        id=record.id,
        day=day,
        title=title,
        title_hash=snapshot.title_hash(title) or record.image.get("title_hash") or "",
        description=description,
        people=people_of(snapshot, record),
        eligible=eligible,
        key=_known_by(snapshot, record, agreed),
    )


def _known_by(snapshot: Snapshot, record: Record, agreed: Mapping[str, Image]) -> str:
    """What the route names as known to both sides; empty where it names nothing, or the record shows nothing."""
    name = snapshot.match.key
    row = snapshot.mapping.by_key.get(name)
    if row is None:
        return fold(number_of(record.side, record.image)) if name == NUMBER else ""
    reading = row.lens.get(record.side, agreed.get(name, record.image))
    return fold(display(reading.value)) if isinstance(reading, Known) and reading.value else ""


# Answers that lost their ground ------------------------------------------------------------------------------------


def _void_answers(snapshot: Snapshot, free: Free, survivors: Mapping[RecordRef, Link]) -> frozenset[QuestionKey]:
    """Answers about records of which one moved since, or beside which another candidate came up."""
    told = [
        (record, decision)
        for verb in ("approve", "reject")
        for record, decision in _answers(snapshot, verb)
        if not _is_left_alone(snapshot, record, decision)
    ]
    if not told:
        return frozenset()
    alike = _alike(snapshot, free, survivors)
    return frozenset(
        decision.key
        for record, decision in told
        if not decision.covers(_question(snapshot, record, _others(decision, alike[record.ref])))
    )


def _is_left_alone(snapshot: Snapshot, record: Record, decision: Decision) -> bool:
    """Whether it was said that what another route has linked is left alone here: that holds, however it is edited."""
    is_rejected = decision.verb == "reject" and not decision.seen.get("candidates")
    return is_rejected and record.ref in snapshot.linked_elsewhere


def _alike(snapshot: Snapshot, free: Free, survivors: Mapping[RecordRef, Link]) -> Mapping[RecordRef, set[str]]:
    """What the other side shows that is like each record, as if nobody had answered anything yet."""
    joined = _joined(_by_identity(snapshot, snapshot.not_duplicates), free)
    left = _without(free, joined)
    left = _without(left, [_pair(*one) for one in _parted(snapshot, left, snapshot.not_duplicates)])
    matches = _matches(snapshot, left, survivors, snapshot.not_duplicates, frozenset())
    alike: dict[RecordRef, set[str]] = defaultdict(set)
    doubts = ((procore_id, other) for procore_id, others in matches.doubts.items() for other in others)
    for procore_id, fourhse_id in (*matches.pairs, *doubts):
        alike[RecordRef(Side.PROCORE, Kind.INCIDENT, procore_id)].add(fourhse_id)
        alike[RecordRef(Side.FOURHSE, Kind.INCIDENT, fourhse_id)].add(procore_id)
    return alike


def _others(decision: Decision, alike: set[str]) -> tuple[str, ...]:
    """The candidates of a question as they stand now; what was one is one, for as long as it is there."""
    shown = tuple(map(str, decision.seen.get("candidates", ())))
    return shown if alike <= set(shown) else tuple(sorted(alike.union(shown)))


def _pairs_of(snapshot: Snapshot, void: frozenset[QuestionKey], free: Free) -> list[tuple[str, str]]:
    """The pairs that void answers were about: they are asked about again, whether or not the two are still alike."""
    pairs = []
    for record in (one for side in Side for one, _ in free[side].values() if QuestionKey.match(one.ref) in void):
        decision = snapshot.decisions[QuestionKey.match(record.ref)]
        others = [decision.with_id] if decision.with_id else decision.seen.get("candidates", ())
        pairs += [_pair(record, str(other)) for other in others]
    return pairs


def _without_answers(snapshot: Snapshot, void: Set[QuestionKey]) -> Snapshot:
    if not void:
        return snapshot
    return replace(snapshot, decisions={key: told for key, told in snapshot.decisions.items() if key not in void})


# Answers ---------------------------------------------------------------------------------------------------------


def _answer(snapshot: Snapshot, record: Record) -> Decision | None:
    """What a person said when they were asked about this record."""
    return snapshot.decisions.get(QuestionKey.match(record.ref))


def _answers(snapshot: Snapshot, verb: str) -> Iterator[tuple[Record, Decision]]:
    """Procore's records first, each side's by their ids."""
    told = {key.record: told for key, told in snapshot.decisions.items() if told.verb == verb and key.topic == "match"}
    incidents = [ref for ref in told if ref is not None and ref.kind is Kind.INCIDENT]
    for ref in sorted(incidents, key=lambda ref: ([*Side].index(ref.side), ref.id)):
        if (record := snapshot.record(ref.side, ref.id)) is not None:
            yield record, told[ref]


def _pair(record: Record, other_id: str) -> tuple[str, str]:
    """The Procore id first."""
    return (record.id, other_id) if record.side is Side.PROCORE else (other_id, record.id)


def _told_apart(snapshot: Snapshot, draft: Draft) -> frozenset[tuple[str, str]]:
    """Answers to earlier doubts: a rejected item calls the record different from every candidate shown."""
    for record, decision in _answers(snapshot, "reject"):
        draft.not_duplicates += [_pair(record, other) for other in decision.seen.get("candidates", ())]
    return frozenset(draft.not_duplicates)


def _told_together(snapshot: Snapshot, unlinked: dict[Side, dict[str, Record]], draft: Draft) -> list[tuple[str, str]]:
    """Pairs that a person joined. Their answers stay until one of the two is linked, and no longer."""
    pairs = []
    for record, decision in _answers(snapshot, "approve"):
        pair = _pair(record, str(decision.with_id))
        if pair[0] in unlinked[Side.PROCORE] and pair[1] in unlinked[Side.FOURHSE]:
            draft.answers_in_use.append(decision.key)
            pairs.append(pair)
    return pairs


def _by_identity(snapshot: Snapshot, not_duplicates: frozenset[tuple[str, str]]) -> list[tuple[str, str]]:
    """Pairs of which the 4HSE id is the one that our scheme gives, unless a person said otherwise."""
    strangers = not_duplicates | snapshot.unlinked_by_hand
    pairs = [(procore_id, fourhse_id) for fourhse_id, procore_id in snapshot.ids_of_ours.items()]
    return [pair for pair in pairs if pair not in strangers]


def _parted(snapshot: Snapshot, left: Free, not_duplicates: frozenset[tuple[str, str]]) -> list[tuple[Record, str]]:
    """Of each pair that a person took apart: one that is there, Procore's first, and the other one's id.

    Whether the other one is shown now makes no difference: a copy would be taken for it.
    """
    mine, theirs = left[Side.PROCORE], left[Side.FOURHSE]
    parted = []
    for procore_id, fourhse_id in sorted(snapshot.unlinked_by_hand - not_duplicates):
        if procore_id in mine:
            parted.append((mine[procore_id][0], fourhse_id))
        elif fourhse_id in theirs:
            parted.append((theirs[fourhse_id][0], procore_id))
    return parted


def _joined(pairs: Iterable[tuple[str, str]], free: Free) -> list[tuple[str, str]]:
    """Those of free records, each record once: the first pair that names it holds."""
    joined: list[tuple[str, str]] = []
    taken: set[RecordRef] = set()
    for pair in pairs:
        if _holds(free, pair) and not taken & _records(pair):
            joined.append(pair)
            taken |= _records(pair)
    return joined


def _link(snapshot: Snapshot, pair: tuple[str, str], survivors: Mapping[RecordRef, Link], draft: Draft) -> None:
    """A pair becomes a link, and its fields are merged at once without a base, unless one of them is out of scope.

    What a survivor's record held when it agreed with its former partner, and holds no more, is filled by no merge.
    """
    procore_id, fourhse_id = pair
    records = snapshot.records[Side.PROCORE][procore_id], snapshot.records[Side.FOURHSE][fourhse_id]
    left = [record for record in records if record.ref in survivors]
    base: dict[str, Base] = {}
    for record in left:
        base |= emptied_since(snapshot.mapping.fields, record.side, record.image, survivors[record.ref].base)
    mine, theirs = (_known_by(snapshot, record, {}) for record in records)
    reason = f"both tell the same day{_known_as(snapshot) if mine and mine == theirs else ', title and description'}"
    action = Action(Act.LINK, Side.FOURHSE, Kind.INCIDENT, fourhse_id, procore_id, reason, base=base)
    draft.actions.append(action)
    for record in left[:1]:
        draft.actions += edits_kept(snapshot, survivors[record.ref], action.link)
    if any(exclusion(snapshot, record, linked=True) for record in records):
        return
    title = items.title_of(snapshot.mapping, records[0])
    compare_pair(snapshot, Pair(action.link, *records, snapshot.mapping.fields, title), draft)
    for side, record_id in ((Side.PROCORE, procore_id), (Side.FOURHSE, fourhse_id)):
        if draft.statuses[side].get(record_id) is SyncStatus.WAITING and not draft.is_asked_about(record_id):
            draft.set_status(side, record_id, SyncStatus.IN_SYNC)


def _known_as(snapshot: Snapshot) -> str:
    row = snapshot.mapping.by_key.get(snapshot.match.key)
    return f" and `{row.label}`" if row else " and number"


def _doubt(snapshot: Snapshot, record: Record, others: tuple[str, ...], draft: Draft, reason: str) -> None:
    draft.items.append(_question(snapshot, record, others, reason))


def _question(snapshot: Snapshot, record: Record, others: tuple[str, ...], reason: str = "") -> Item:
    side = record.side.other
    listed = tuple((other, _headline(snapshot, side, other)) for other in others)
    there = (snapshot.record(side, other) for other in others)
    shown = contents(snapshot, record, *(one for one in there if one is not None))
    return items.doubt(record, listed, reason, items.title_of(snapshot.mapping, record), shown)


def _headline(snapshot: Snapshot, side: Side, record_id: str) -> str:
    record = snapshot.record(side, record_id)
    return items.title_of(snapshot.mapping, record) if record else "(not shown now)"


def _doubt_alone(snapshot: Snapshot, record: Record, told: ToldApart, hidden: list[Candidate]) -> str | None:
    """Why a record is asked about although the other side shows nothing like it."""
    if record.ref in snapshot.linked_elsewhere:
        return "Another route has this incident already; it may have moved."
    if record.ref in snapshot.returned:
        return "It was deleted and is there again; what it was linked with may have been entered anew meanwhile."
    decision = _answer(snapshot, record)
    partner = decision.with_id if decision else None
    if partner is not None and any(link.id_on(record.side.other) == partner for link in snapshot.links):
        return f"It was called the same as {record.side.other.label} {partner}, which is linked with another one."
    if hidden and _is_like_any(snapshot, _candidate(snapshot, record), hidden):
        return OUT_OF_SIGHT
    # Called different from a partner, it is no copy of ours.
    return None if record.id in told.ids else _twin(snapshot, record)


def _is_like_any(snapshot: Snapshot, one: Candidate, others: Iterable[Candidate]) -> bool:
    return any(likeness_of(one, other, snapshot.match) is not Likeness.NONE for other in others)


def _is_rejected(snapshot: Snapshot, record: Record, draft: Draft) -> bool:
    """Whether a person called this doubt unfounded; what another route has linked is left alone all the same."""
    decision = _answer(snapshot, record)
    if decision is None or decision.verb != "reject" or decision.seen.get("candidates"):
        return False
    draft.answers_in_use.append(decision.key)
    return True


def _plan_create(snapshot: Snapshot, record: Record, told: ToldApart, hidden: list[Candidate], draft: Draft) -> None:
    """A record without a partner is created on the other side, unless something about it must be asked first."""
    side, title = record.side.other, items.title_of(snapshot.mapping, record)
    if doubt := _doubt_alone(snapshot, record, told, hidden):
        is_answered = _is_rejected(snapshot, record, draft)
        if not is_answered:
            draft.items.append(_question(snapshot, record, (), doubt))
        if not is_answered or record.ref in snapshot.linked_elsewhere:
            return
    if not snapshot.certified[side]:
        draft.unknown.add(record.ref)
        return
    try:
        fields = new_payload(snapshot.mapping.fields, side, record.image, snapshot.zone)
    except Unwritable as error:
        draft.items += items.why_held(snapshot.mapping.fields, record, None, error, title)
        return
    left = unsaid(snapshot.mapping.fields, side, record.image, snapshot.zone)
    rows = [row for row in snapshot.mapping.fields if row.key not in left]
    sources = {row.key: row.slice(record.side, record.image) for row in rows}
    reason = f"new in {record.side.label}"
    generation = _generation(snapshot, record, told)
    action = Action(Act.CREATE, side, Kind.INCIDENT, None, record.id, reason, fields, sources, generation=generation)
    draft.set_status(record.side, record.id, SyncStatus.IN_SYNC)
    tried = may_try(snapshot, action)
    keep_open(snapshot, action, title, draft, tried=tried)
    if tried:
        draft.actions.append(action)


def _generation(snapshot: Snapshot, record: Record, told: ToldApart) -> int:
    """How often a 4HSE record was made of this one: an id that we gave once is never given again."""
    ours = [other for other in told.others.get(record.id, ()) if snapshot.ids_of_ours.get(other) == record.id]
    generation = len(ours)
    if record.ref not in snapshot.returned:
        return generation
    # Its first 4HSE record may stand for what was entered anew by now.
    taken = {link.fourhse_id for link in snapshot.links}
    ids = [fourhse_id for fourhse_id, procore_id in snapshot.ids_of_ours.items() if procore_id == record.id]
    return next((each for each in range(generation, len(ids)) if ids[each] not in taken), len(ids))


def _twin(snapshot: Snapshot, record: Record) -> str | None:
    """Why an unlinked record may be a second copy that we made: it is never copied, only asked about."""
    if record.side is Side.FOURHSE and record.id in snapshot.ids_of_ours:
        return "Its id is one that we give; it may be a late copy of an incident that is linked already."
    if record.author is not None and record.author in snapshot.own_accounts:
        return "Our own account made it, and the journal does not know it; it may be a late copy."
    if any(a.side is record.side and shows(snapshot.mapping.fields, a, record.image, least=0) for a in snapshot.lost):
        return "It shows what a create without an answer sent; it may be a late copy."
    return None
