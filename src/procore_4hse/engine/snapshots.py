"""Store rows into a snapshot: what the core needs to know, read in one transaction."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property, partial

import structlog

from procore_4hse.clients.fourhse import own_values
from procore_4hse.engine.pull import Pulled
from procore_4hse.engine.recovery import Recovered
from procore_4hse.mapping.directory import Directory
from procore_4hse.mapping.entries import LISTS, picklists_of
from procore_4hse.mapping.images import author_of, image_of, is_private, other_office, stated_count
from procore_4hse.mapping.lenses.actions import summary
from procore_4hse.mapping.lenses.category import KINDS
from procore_4hse.mapping.lenses.days import same_rules
from procore_4hse.mapping.lenses.equipment import lists_equipment, names_equipment
from procore_4hse.mapping.lenses.office import LISTS as TIED_LISTS
from procore_4hse.mapping.lenses.office import summary as tied_summary
from procore_4hse.mapping.lenses.person import PersonLens
from procore_4hse.mapping.lenses.records import FIELDS, names_nobody
from procore_4hse.mapping.lenses.records import summary as records_summary
from procore_4hse.mapping.picklists import Picklists
from procore_4hse.mapping.private_images import title_hash
from procore_4hse.mapping.rules import Field, FieldMapping
from procore_4hse.models import (
    CHILDREN,
    PEOPLE_RECORDS,
    PROCORE_RECORDS,
    Base,
    Decision,
    Image,
    Kind,
    Link,
    LinkState,
    QuestionKey,
    RecordRef,
    Side,
    Staged,
)
from procore_4hse.push.ids import fourhse_id
from procore_4hse.reconcile.category import may_follow
from procore_4hse.reconcile.echo import Lookup, Written, lost_writes, older_versions, restored_backup, retold, reverted
from procore_4hse.reconcile.snapshot import Change, Changed, People, Presence, Record, Snapshot
from procore_4hse.reconcile.undo import is_undone
from procore_4hse.route import Route
from procore_4hse.store.inbox import Entry
from procore_4hse.store.journal import Intent, Journal
from procore_4hse.store.links import Incidents, Links, Tombstone
from procore_4hse.store.repository import Store, Unit
from procore_4hse.store.routes import RouteState

log = structlog.get_logger()


@dataclass(frozen=True)
class CycleInputs:
    """What one cycle knows beside the store."""

    route: Route
    state: RouteState
    zone: str
    pulled: Pulled
    settled: Recovered = field(default_factory=Recovered)
    proven: dict[RecordRef, str] = field(default_factory=dict)
    meeting_approved: bool = False
    only_days: tuple[date, date] | None = None
    picklists: Picklists | None = None
    """What the systems' own lists hold, when the cycle has read them already."""


RECORDS = {
    Side.PROCORE: (Kind.INCIDENT, *PROCORE_RECORDS, Kind.EQUIPMENT, Kind.ACTION),
    Side.FOURHSE: (Kind.INCIDENT, Kind.PERSON, Kind.RESOURCE, Kind.INCIDENT_ACTION),
}
"""What a snapshot shows of each side."""


Reasons = Mapping[Kind, Mapping[str, str]]
"""Why records counted as deleted, by their kind and id."""


class StagedRecords:
    """All staged records of a route, or those around some incidents, each with the pull that brought it; read once."""

    def __init__(self, unit: Unit, route: str, incidents: Incidents | None = None) -> None:
        self._rows: dict[tuple[Side, Kind], list[tuple[Staged, int]]] = defaultdict(list)
        staging = unit.staging(route)
        for side, kinds in RECORDS.items():
            rows = staging.records(side, kinds) if incidents is None else staging.around(side, incidents[side], kinds)
            for staged, pull in rows:
                self._rows[side, staged.record.kind].append((staged, pull))

    @cached_property
    def present(self) -> frozenset[RecordRef]:
        """The records that the listings still hold."""
        return frozenset(staged.record.ref for rows in self._rows.values() for staged, _ in rows if staged.present)

    def of(self, side: Side, *kinds: Kind) -> Iterator[tuple[Staged, int]]:
        for kind in kinds:
            yield from self._rows[side, kind]


def snapshot(store: Store, inputs: CycleInputs, incidents: Incidents | None = None) -> Snapshot:
    """The route at this moment, complete; or some incidents of it, which is quick and enough for `plan_joined`."""
    with store.read() as unit:
        seen, living = _seen(unit, inputs, incidents)
        return _looking_back(seen, unit.journal(inputs.route.key), living)


def glance(store: Store, inputs: CycleInputs, incidents: Incidents) -> Snapshot:
    """Some incidents of the route, without what has become of earlier writes: no ground for a plan."""
    with store.read() as unit:
        return _seen(unit, inputs, incidents)[0]


def _seen(unit: Unit, inputs: CycleInputs, incidents: Incidents | None) -> tuple[Snapshot, tuple[Link, ...]]:
    """What there is, and every link of it that counts."""
    links, key = unit.links(inputs.route.key), inputs.route.key
    living = links.all() if incidents is None else links.around(incidents)
    seen = _left_alone(_as_stored(unit, inputs, living, StagedRecords(unit, key, incidents)))
    return replace(seen, own_words=_own_words(unit.journal(key), seen)), living


def _as_stored(unit: Unit, inputs: CycleInputs, living: tuple[Link, ...], staged_records: StagedRecords) -> Snapshot:
    route, links, inbox = inputs.route, unit.links(inputs.route.key), unit.inbox(inputs.route.key)
    stones = links.tombstones(list(_possibly_buried(living, staged_records)))
    reasons = {side: _evidence_before(stones, living, side) for side in Side}
    records = {side: _records(staged_records, inputs, side, reasons[side]) for side in Side}
    people = _people(unit, staged_records, inputs, living, reasons)
    return Snapshot(
        mapping=route.mapping.narrowed(route.direction).bound(people.picklists),
        zone=inputs.zone,
        since=route.since,
        now=unit.now,
        records=records,
        links=tuple(link for link in living if link.kind is Kind.INCIDENT),
        people=people,
        certified=inputs.pulled.certified,
        direction=route.direction,
        private=route.private,
        deletions=route.deletions,
        limits=route.limits,
        match=route.match,
        decisions=inbox.decisions(),
        refusals=unit.journal(route.key).refusals(),
        pending=frozenset(inputs.settled.pending),
        possibly_ours=frozenset(inputs.settled.possibly_ours),
        own_accounts=frozenset(inputs.state.memory.accounts_procore),
        title_hash=_title_hash(records, inputs.state),
        returned=frozenset(links.tombstones(list(_without_link(records, living)))),
        linked_elsewhere=links.linked_elsewhere(_free(records, living)),
        not_duplicates=links.not_duplicates(),
        unlinked_by_hand=links.removed(),
        open_matches=frozenset(_open_matches(inbox.matches())),
        ids_of_ours=_ids_of_ours(staged_records, route, living),
        ever_linked=inputs.state.ever_linked,
        meeting_approved=inputs.meeting_approved,
        changed=_changed(inputs),
        only_days=inputs.only_days,
        born_private=links.born_private(),
        deleted_images=_deleted_images(links, stones, living),
    )


def _own_words(journal: Journal, seen: Snapshot) -> dict[str, str]:
    """The category that we sent last, of each link for which it may have to be another one."""
    row, asked = seen.mapping.category, [link for link in seen.links if may_follow(seen, link)]
    if row is None or not asked:
        return {}
    (name,) = row.lens.names(Side.FOURHSE)
    sent = journal.last_sent(Side.FOURHSE, row.key, name, [link.fourhse_id for link in asked])
    return {link.key: str(sent[link.fourhse_id]) for link in asked if link.fourhse_id in sent}


def _left_alone(seen: Snapshot) -> Snapshot:
    """The last net: a record of which some value makes a lens fail is planned for on neither side until it is read.

    Lenses tell what they cannot read, so none is expected here; but one record must never stop a route. It counts as
    waiting, as a record with an open write does, and shows nothing that could be compared.
    """
    rows = {kind: seen.mapping.rows_for(kind, seen.people.picklists) for kind in (Kind.INCIDENT, *CHILDREN)}
    rows |= {Kind.PERSON: rows[Kind.INJURY], Kind.RESOURCE: rows[Kind.EQUIPMENT]}
    odd = frozenset(record.ref for record in _all_records(seen) if not _can_be_read(record, rows[record.kind]))
    if not odd:
        return seen
    for ref in odd:
        log.error("pull.odd_record", side=ref.side.value, kind=ref.kind.value, id=ref.id)

    def bare(record: Record) -> Record:
        facts = {name: fact for name, fact in record.image.items() if name.startswith("@")}
        return replace(record, image=facts) if record.ref in odd else record

    records = {side: {key: bare(one) for key, one in seen.records[side].items()} for side in Side}
    below = {side: {key: tuple(map(bare, own)) for key, own in seen.people.records[side].items()} for side in Side}
    people = replace(seen.people, records=below)
    return replace(
        seen, records=records, people=people, pending=seen.pending | odd, possibly_ours=seen.possibly_ours | odd
    )


def _all_records(seen: Snapshot) -> Iterator[Record]:
    for side in Side:
        yield from seen.records[side].values()
        for own in seen.people.records[side].values():
            yield from own


def _can_be_read(record: Record, rows: Iterable[Field]) -> bool:
    try:
        for row in rows:
            row.lens.get(record.side, record.image)
    except Exception:  # Whatever it is: its words may quote the record, so they are not logged.
        return False
    return True


Stones = Mapping[RecordRef, Tombstone]


def _possibly_buried(living: Iterable[Link], staged_records: StagedRecords) -> Iterator[RecordRef]:
    """The records whose tombstones a snapshot asks for: those of all links of which a record was deleted.

    A link that has ended is asked about when one of its two is there again; until then it costs no question.
    """
    for link in living:
        is_over = link.state is LinkState.ENDED and link.refs.isdisjoint(staged_records.present)
        if link.state is not LinkState.LIVE and not is_over:
            yield from link.refs


def _without_link(records: Mapping[Side, Mapping[str, Record]], links: Iterable[Link]) -> frozenset[RecordRef]:
    """Incidents that are there and stand in no link at all, in whatever state."""
    linked = {record for link in links for record in link.refs}
    there = (one for side in Side for one in records[side].values() if one.presence is Presence.PRESENT)
    return frozenset(one.ref for one in there) - linked


def _free(records: Mapping[Side, Mapping[str, Record]], living: Iterable[Link]) -> frozenset[RecordRef]:
    """Incidents that no living link of this route holds."""
    held = {record for link in living if link.state is LinkState.LIVE for record in link.refs}
    return frozenset(one.ref for side in Side for one in records[side].values()) - held


def _deleted_images(links: Links, stones: Stones, living: Iterable[Link]) -> dict[RecordRef, Image]:
    """What deleted records of 4HSE held, so that one which is made again there holds it still.

    A person whose incident was made again is named by the Procore record.
    """
    deleted = [link.ref(Side.FOURHSE) for link in living if link.state in (LinkState.GONE_FOURHSE, LinkState.ENDED)]
    buried = [stones[record].record for record in deleted if record in stones]
    held = {record.ref: own_values(record.kind, record.payload) for record in buried}
    return held | {record: own_values(Kind.PERSON, image) for record, image in links.left_behind().items()}


def _looking_back(seen: Snapshot, journal: Journal, links: Iterable[Link]) -> Snapshot:
    """The same snapshot, with what has become of the changes that the journal knows."""

    def rows(kind: Kind) -> tuple[Field, ...]:
        return seen.mapping.rows_for(kind, seen.people.picklists)

    record_of = _lookup(seen)
    living = {(link.kind, link.procore_id): link for link in links if link.state is LinkState.LIVE}
    writes = tuple(_writes(journal.recent(), living, rows, record_of, seen.decisions))
    past = {
        Side.PROCORE: older_versions(living.values(), rows, record_of),
        Side.FOURHSE: frozenset[tuple[str, str | None]](),
    }
    return replace(
        seen,
        lost=journal.lost(),
        lost_writes=lost_writes(writes, seen.now),
        restored_backup={side: restored_backup(writes, side) | {key for key, _ in past[side]} for side in Side},
        reverted={side: reverted(writes, side) | past[side] for side in Side},
    )


def _records(staged_records: StagedRecords, inputs: CycleInputs, side: Side, reasons: Reasons) -> dict[str, Record]:
    recorded = _recorded(staged_records, inputs) if side is Side.PROCORE else {}
    unnamed = _unnamed(staged_records, inputs) if side is Side.PROCORE else {}
    actions = _actions(staged_records, inputs) if side is Side.PROCORE else {}
    tied = _tied(staged_records, inputs) if side is Side.FOURHSE else {}
    records = {}
    for staged, pull in staged_records.of(side, Kind.INCIDENT):
        one = staged.record.id
        image = image_of(
            staged,
            inputs.zone,
            recorded=recorded.get(one),
            unnamed=unnamed.get(one),
            actions=actions.get(one),
            tied=tied.get(one),
        )
        records[one] = _record(inputs, staged, pull, image, reasons[Kind.INCIDENT].get(one, ""))
    return records


def _evidence_before(stones: Stones, living: Iterable[Link], side: Side) -> Reasons:
    """Why each record counted as deleted when its link changed state, by its kind and id."""
    reasons: dict[Kind, dict[str, str]] = defaultdict(dict)
    for link in living:
        if _gone_side(stones, link) is side and (stone := stones.get(link.ref(side))):
            reasons[link.kind.on(side)][link.id_on(side)] = stone.evidence
    return reasons


def _gone_side(stones: Stones, link: Link) -> Side | None:
    """Where the record of a link was deleted; a link that only its survivor stands for was buried there last."""
    if link.state not in (LinkState.IGNORED, LinkState.CLOSED_BY_POLICY):
        return next((side for side in Side if link.state is LinkState.gone(side)), None)
    buried = [side for side in Side if link.ref(side) in stones]
    return max(buried, key=lambda side: stones[link.ref(side)].number, default=None)


def _record(inputs: CycleInputs, staged: Staged, pull: int, image: Image, reason: str) -> Record:
    raw = staged.record
    evidence = inputs.proven.get(raw.ref, "")
    return Record(
        side=raw.side,
        id=raw.id,
        image=image,
        presence=_presence(inputs, staged, pull, proven=bool(evidence)),
        private=is_private(raw),
        author=author_of(raw),
        minimal=staged.minimal,
        evidence=evidence or reason,
        is_older=staged.is_older,
        office="" if staged.present else other_office(raw, inputs.route.fourhse_office),
    )


def _presence(inputs: CycleInputs, staged: Staged, pull: int, *, proven: bool) -> Presence:
    if proven:
        return Presence.GONE
    if not staged.present:
        return Presence.ABSENT
    pulled, side = inputs.pulled, staged.record.side
    # What we wrote since the pull bears its number, or a later one.
    seen_now = pull >= pulled.number or staged.record.id in pulled.shown.get(side, ())
    return Presence.PRESENT if seen_now or pulled.certified[side] else Presence.UNSEEN


def _recorded(staged_records: StagedRecords, inputs: CycleInputs) -> dict[str, list[str] | None]:
    """Which kinds of records each Procore incident has; None wherever the evidence is not complete."""
    if not inputs.pulled.records_certified:
        return {}
    kinds: dict[str | None, set[str]] = defaultdict(set)
    for staged, _ in staged_records.of(Side.PROCORE, *PROCORE_RECORDS):
        if staged.present:
            kinds[staged.record.parent_id].add(KINDS[staged.record.kind].value)
    ids = [staged.record.id for staged, _ in staged_records.of(Side.PROCORE, Kind.INCIDENT)]
    return {i: None if i in inputs.pulled.uncounted else sorted(kinds.get(i, ())) for i in ids}


def _unnamed(staged_records: StagedRecords, inputs: CycleInputs) -> dict[str, dict[str, str]]:
    """What the records that name nobody tell, by incident and kind, of incidents whose lists are complete."""
    if not (inputs.route.mapping.tells_records and inputs.pulled.records_certified):
        return {}
    rows: dict[tuple[str | None, Kind], list[Image]] = defaultdict(list)
    for staged, _ in staged_records.of(Side.PROCORE, *PROCORE_RECORDS):
        if staged.present and names_nobody(staged.record.payload):
            rows[staged.record.parent_id, staged.record.kind].append(staged.record.payload)
    ids = {staged.record.id for staged, _ in staged_records.of(Side.PROCORE, Kind.INCIDENT)} - inputs.pulled.uncounted
    return {i: {name: records_summary(rows.get((i, kind), ())) for kind, name in FIELDS.items()} for i in ids}


def _actions(staged_records: StagedRecords, inputs: CycleInputs) -> dict[str, str | None]:
    """What the actions of each Procore incident tell; None wherever the list does not show as many as it counts."""
    if not (inputs.route.mapping.reads_actions and inputs.pulled.actions_certified):
        return {}
    payloads: dict[str | None, list[Image]] = defaultdict(list)
    for staged, _ in staged_records.of(Side.PROCORE, Kind.ACTION):
        if staged.present:
            payloads[staged.record.parent_id].append(staged.record.payload)
    incidents = [staged.record for staged, _ in staged_records.of(Side.PROCORE, Kind.INCIDENT)]
    stated = {incident.id: stated_count(incident.payload, "actions") for incident in incidents}
    return {i: summary(payloads[i]) if count in (None, len(payloads[i])) else None for i, count in stated.items()}


def _tied(staged_records: StagedRecords, inputs: CycleInputs) -> dict[str, dict[str, str]]:
    """What the lists of resources and actions that were read whole tell of each 4HSE incident."""
    mapping = inputs.route.mapping
    kinds = mapping.tied & inputs.pulled.tied_certified
    if not kinds:
        return {}
    rows: dict[tuple[str | None, Kind], list[Image]] = defaultdict(list)
    for staged, _ in staged_records.of(Side.FOURHSE, *kinds):
        own = staged.record
        if staged.present and not (mapping.equipment and lists_equipment(own.payload)):  # That crosses by itself.
            rows[own.parent_id, own.kind].append(own.payload)
    ids = [staged.record.id for staged, _ in staged_records.of(Side.FOURHSE, Kind.INCIDENT)]
    return {i: {TIED_LISTS[kind]: tied_summary(rows[i, kind]) for kind in kinds} for i in ids}


def _people(
    unit: Unit,
    staged_records: StagedRecords,
    inputs: CycleInputs,
    living: Iterable[Link],
    reasons: Mapping[Side, Reasons],
) -> People:
    """Children by incident, on both sides, and the partners that the two directories show."""
    lists = inputs.picklists or picklists(unit, inputs.state, inputs.route.mapping)
    by_incident: dict[str, list[Link]] = defaultdict(list)
    equipped: set[str] = set()
    for link in living:
        if link.kind is not Kind.INCIDENT and link.parent is not None:
            by_incident[link.parent].append(link)
        if link.kind is Kind.EQUIPMENT and any(names_equipment(base.procore) for base in link.base.values()):
            equipped.add(link.procore_id)
    return People(
        records={side: _children(staged_records, inputs, side, reasons[side], equipped) for side in Side},
        links={incident: tuple(own) for incident, own in by_incident.items()},
        picklists=lists,
        copies=_copies(unit, inputs.route, living, lists.directory),
        certified=inputs.pulled.records_certified and inputs.pulled.people_certified,
        uncounted=inputs.pulled.uncounted,
        further_resources=_further_resources(staged_records),
    )


def _further_resources(staged_records: StagedRecords) -> dict[str, tuple[Record, ...]]:
    """Resources of 4HSE that are no equipment, by their incident."""
    resources: dict[str, list[Record]] = defaultdict(list)
    for staged, _ in staged_records.of(Side.FOURHSE, Kind.RESOURCE):
        raw = staged.record
        if staged.present and not lists_equipment(raw.payload):
            resources[raw.parent_id or ""].append(Record(raw.side, raw.id, raw.payload, kind=raw.kind))
    return {incident: tuple(records) for incident, records in resources.items()}


def _copies(unit: Unit, route: Route, living: Iterable[Link], directory: Directory) -> dict[str, Side]:
    """Of the links whose two people the lists tell apart: the side whose record we told last who it is."""
    row, copies = route.mapping.person, {}
    for link in living:
        base = link.base.get(row.key) if link.kind in PEOPLE_RECORDS else None
        if base is None or not _parts(row, base, directory):
            continue
        for intent in unit.journal(route.key).story(link.procore_id, link.fourhse_id):
            action = intent.action
            if intent.outcome in ("done", "adopted") and action.kind is link.kind and row.key in action.sources:
                copies[link.key] = action.side
    return copies


def _parts(row: Field, base: Base, directory: Directory) -> bool:
    lens = replace(row.lens, directory=directory) if isinstance(row.lens, PersonLens) else PersonLens(directory)
    party, office = (lens.person(side, base.of(side)) for side in Side)
    return party is not None and office is not None and directory.parts(party, office)


def _children(
    staged_records: StagedRecords, inputs: CycleInputs, side: Side, reasons: Reasons, equipped: Collection[str]
) -> dict[str, tuple[Record, ...]]:
    """Records by incident. One of `equipped` that names no equipment any more says so itself: that is its deletion."""
    records: dict[str, list[Record]] = defaultdict(list)
    for staged, _ in staged_records.of(side, *(CHILDREN if side is Side.PROCORE else (Kind.PERSON, Kind.RESOURCE))):
        raw = staged.record
        if raw.kind is Kind.RESOURCE and not lists_equipment(raw.payload):
            continue
        proof = inputs.proven.get(raw.ref, "")
        if raw.kind is Kind.EQUIPMENT and raw.id in equipped and not names_equipment(raw.payload):
            proof = proof or "Procore's record names no equipment any more"
        presence = Presence.GONE if proof else Presence.PRESENT if staged.present else Presence.ABSENT
        evidence = proof or reasons[raw.kind].get(raw.id, "")
        records[raw.parent_id or ""].append(
            Record(
                side,
                raw.id,
                raw.payload,
                presence,
                minimal=staged.minimal,
                evidence=evidence,
                kind=raw.kind,
                is_older=staged.is_older,
            )
        )
    return {incident: tuple(children) for incident, children in records.items()}


MADE: dict[str, tuple[bytes, Picklists]] = {}
"""What was made of the lists that were read last, by the route, with a digest of all that it was made of."""
KEPT = 8
"""The lists of so many routes are kept, for pages more than for cycles; those of hundreds would fill the memory."""


def picklists(unit: Unit, state: RouteState, mapping: FieldMapping) -> Picklists:
    """Who is who and which word has which id: from the lists as staged last, the mapping, and what a person told.

    Lists hold thousands of people and seldom change; to find that out takes far less than to read them again.
    """
    rules = (mapping.partners, mapping.recognised, mapping.equipment_by, mapping.equipment_partners)
    shown = hashlib.sha256(repr((rules, state.memory.partners, states_of_lists(unit, state.key))).encode()).digest()
    before, lists = MADE.get(state.key, (b"", Picklists()))
    if before != shown:
        listed = {side: unit.staging(state.key).entries(side, *LISTS) for side in Side}
        entries = {(side, kind): rows for side, kinds in listed.items() for kind, rows in kinds.items()}
        lists = picklists_of(entries, mapping, state.memory.partners)
        MADE.pop(state.key, None)
        MADE[state.key] = shown, lists
        for old in [*MADE][:-KEPT]:
            MADE.pop(old, None)
    return replace(lists)  # What is found out with them is remembered by a copy, for it names what it is asked.


def states_of_lists(unit: Unit, route: str) -> list[tuple[object, ...]]:
    """What tells whether the lists of people and words still hold what they held."""
    return [tuple(row) for side in Side for row in unit.staging(route).states(side, LISTS)]


def partners_told(decisions: Iterable[Decision]) -> dict[str, str]:
    """Procore person id -> 4HSE person-office id, from answers to questions about who somebody is."""
    partners: dict[str, str] = {}
    for decision in decisions:
        if decision.verb == "approve" and decision.with_id and decision.who:
            pair = (decision.who.id, decision.with_id)
            party, office = pair if decision.who.side is Side.PROCORE else reversed(pair)
            partners[party] = office
    return partners


def _title_hash(records: Mapping[Side, Mapping[str, Record]], state: RouteState) -> Callable[[str | None], str]:
    """How titles are compared with those that privacy keeps home; not at all where there are none."""
    if any(record.minimal for record in records[Side.PROCORE].values()):
        return partial(title_hash, key=state.memory.privacy_key)
    return lambda _: ""


def _open_matches(entries: Iterable[Entry]) -> Iterator[tuple[str, str]]:
    """The pairs of incidents that are asked about, the Procore id first."""
    for item in (entry.item for entry in entries):
        record = item.key.record
        if item.key.topic == "match" and record is not None and record.kind is Kind.INCIDENT:
            for other in item.facts.get("candidates", ()):
                yield (record.id, other) if record.side is Side.PROCORE else (other, record.id)


def _ids_of_ours(staged_records: StagedRecords, route: Route, links: Iterable[Link]) -> dict[str, str]:
    generations = {link.procore_id: link.generation for link in links if link.kind is Kind.INCIDENT}
    rows = staged_records.of(Side.PROCORE, Kind.INCIDENT)
    ids = {staged.record.id for staged, _ in rows} | generations.keys()
    return {
        fourhse_id(route.key, Kind.INCIDENT, procore_id, generation): procore_id
        for procore_id in ids
        for generation in range(generations.get(procore_id, 0) + 2)
    }


def _changed(inputs: CycleInputs) -> Changed:
    state, route = inputs.state, inputs.route
    return Changed(
        scope=_change(state.scope, route.scope),
        # Another name for the same rules moves no day.
        zone=None if state.zone and same_rules(state.zone, inputs.zone) else _change(state.zone, inputs.zone),
        mapping=_change(state.mapping, route.mapping.digest),
    )


def _change(old: str | None, new: str) -> Change | None:
    """None when it is as it was, or seen for the first time."""
    return Change(old, new) if old not in (None, new) else None


Rows = Callable[[Kind], tuple[Field, ...]]


def _writes(
    intents: Iterable[Intent],
    living: dict[tuple[Kind, str], Link],
    rows: Rows,
    record_of: Lookup,
    decisions: Mapping[QuestionKey, Decision],
) -> Iterator[Written]:
    """Answered writes to records that are still linked, and what both sides show of them now."""
    for intent in intents:
        action = intent.action
        link = living.get((action.kind, action.id_on(Side.PROCORE)))
        if link is not None and link.refs == action.refs:
            records = {side: record_of(link, side) for side in Side}
            at = intent.ended_at or intent.made_at
            kept = [row for row in rows(action.kind) if not is_undone(decisions, link, row.key)]
            yield from retold(action, at, link, kept, records, intent.cycle)


def _lookup(seen: Snapshot) -> Lookup:
    """Finds a link's record on a side, an incident's or a person's."""
    children = {record.ref: record for side in Side for own in seen.people.records[side].values() for record in own}

    def record_of(link: Link, side: Side) -> Record | None:
        if link.kind is Kind.INCIDENT:
            return seen.record(side, link.id_on(side))
        return children.get(link.ref(side))

    return record_of
