"""Store rows into a snapshot: what the core needs to know, read in one transaction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date

from procore_4hse.clients import FourHseApi
from procore_4hse.engine.pull import Pulled
from procore_4hse.engine.recovery import Recovered
from procore_4hse.mapping.directory import Directory, EquipmentDirectory
from procore_4hse.mapping.images import author_of, image_of, is_private
from procore_4hse.mapping.lenses.actions import summary
from procore_4hse.mapping.lenses.base import Known
from procore_4hse.mapping.lenses.equipment import RESOURCE_TYPE, names_equipment
from procore_4hse.mapping.picklists import Picklists
from procore_4hse.mapping.rules import Field, FieldMapping
from procore_4hse.models import (
    CHILDREN,
    PROCORE_RECORDS,
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
from procore_4hse.reconcile.echo import Lookup, Written, lost_writes, older_versions, restored_backup, retold, reverted
from procore_4hse.reconcile.guard import FIRST_MEETING, MAPPING, ZONE
from procore_4hse.reconcile.snapshot import Changed, People, Presence, Record, Snapshot
from procore_4hse.route import Route
from procore_4hse.store.journal import Intent
from procore_4hse.store.links import Links, Tombstone
from procore_4hse.store.repository import Store, Unit
from procore_4hse.store.routes import RouteState


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
    Side.FOURHSE: (Kind.INCIDENT, Kind.PERSON, Kind.RESOURCE),
}
"""What a snapshot shows of each side."""


Told = Mapping[Kind, Mapping[str, str]]
"""Why records counted as deleted, by their kind and id."""


class StagedRecords:
    """All staged records of a route, each with the number of the pull that saw it last; read once."""

    def __init__(self, unit: Unit, route: str) -> None:
        self._found: dict[tuple[Side, Kind], list[tuple[Staged, int]]] = defaultdict(list)
        for side, kinds in RECORDS.items():
            for staged, pull in unit.staging(route).records(side, kinds):
                self._found[side, staged.record.kind].append((staged, pull))

    def of(self, side: Side, *kinds: Kind) -> Iterator[tuple[Staged, int]]:
        for kind in kinds:
            yield from self._found[side, kind]


def snapshot(store: Store, known: CycleInputs) -> Snapshot:
    """The route at this moment, complete."""
    route = known.route
    with store.read() as unit:
        links, journal, inbox = unit.links(route.key), unit.journal(route.key), unit.inbox(route.key)
        decisions = inbox.decisions()
        living, staged_records = links.all(), StagedRecords(unit, route.key)
        stones = links.tombstones(list(_possibly_buried(living)))
        told = {side: _evidence_before(stones, living, side) for side in Side}
        records = {side: _records(staged_records, known, side, told[side]) for side in Side}
        seen = Snapshot(
            mapping=route.mapping.narrowed(route.direction),
            zone=known.zone,
            since=route.since,
            now=unit.now,
            records=records,
            links=tuple(link for link in living if link.kind is Kind.INCIDENT),
            people=_people(unit, staged_records, known, living, told),
            certified=known.pulled.certified,
            direction=route.direction,
            private=route.private,
            deletions=route.deletions,
            limits=route.limits,
            decisions=decisions,
            refusals=journal.refusals(),
            pending=frozenset(known.settled.pending),
            possibly_ours=frozenset(known.settled.possibly_ours),
            lost=journal.lost(),
            own_accounts=frozenset(known.state.memory.accounts_procore),
            linked_elsewhere=links.linked_elsewhere(_free(records, living)),
            not_duplicates=links.not_duplicates(),
            unlinked_by_hand=links.removed(),
            ids_of_ours=_ids_of_ours(staged_records, route, living),
            ever_linked=known.state.ever_linked,
            meeting_approved=known.meeting_approved or _is_approved(decisions, FIRST_MEETING),
            changed=_changed(known),
            rebased=_rebased(route, decisions),
            drift_winner=_winner(decisions),
            only_days=known.only_days,
            born_private=links.born_private(),
            deleted_images=_deleted_images(links, stones, living),
        )
        return _looking_back(seen, journal.recent(), living)


Stones = Mapping[RecordRef, Tombstone]


def _possibly_buried(living: Iterable[Link]) -> Iterator[RecordRef]:
    """The records whose tombstones a snapshot asks for: those of all links of which a record was deleted."""
    return (record for link in living if link.state is not LinkState.LIVE for record in link.refs)


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
    held = {record.ref: _own(record.kind, record.payload) for record in buried}
    return held | {record: _own(Kind.PERSON, image) for record, image in links.left_behind().items()}


def _own(kind: Kind, image: Image) -> Image:
    """The values of a 4HSE record that a call of ours may write."""
    fields = FourHseApi.OWN_FIELDS if kind is Kind.INCIDENT else FourHseApi.PERSON_FIELDS
    names = fields - FourHseApi.NEVER_WRITTEN
    return {name: value for name, value in image.items() if name in names and value is not None}


def _looking_back(seen: Snapshot, intents: Iterable[Intent], links: Iterable[Link]) -> Snapshot:
    """The same snapshot, with what has become of the changes that the journal knows."""

    def rows(kind: Kind) -> tuple[Field, ...]:
        return seen.mapping.rows_for(kind, seen.people.picklists)

    known = _lookup(seen)
    living = {(link.kind, link.procore_id): link for link in links if link.state is LinkState.LIVE}
    writes = tuple(_writes(intents, living, rows, known))
    past = {
        Side.PROCORE: older_versions(living.values(), rows, known),
        Side.FOURHSE: frozenset[tuple[str, str | None]](),
    }
    return replace(
        seen,
        lost_writes=lost_writes(writes, seen.now),
        restored_backup={side: restored_backup(writes, side) | {key for key, _ in past[side]} for side in Side},
        reverted={side: reverted(writes, side) | past[side] for side in Side},
    )


def _records(staged_records: StagedRecords, known: CycleInputs, side: Side, told: Told) -> dict[str, Record]:
    injured = _injured(staged_records, known) if side is Side.PROCORE else {}
    actions = _actions(staged_records, known) if side is Side.PROCORE else {}
    return {
        staged.record.id: _record(
            known,
            staged,
            pull,
            image_of(staged, known.zone, injured=injured.get(staged.record.id), actions=actions.get(staged.record.id)),
            told[Kind.INCIDENT].get(staged.record.id, ""),
        )
        for staged, pull in staged_records.of(side, Kind.INCIDENT)
    }


def _evidence_before(stones: Stones, living: Iterable[Link], side: Side) -> Told:
    """Why each record counted as deleted when its link changed state, by its kind and id."""
    told: dict[Kind, dict[str, str]] = defaultdict(dict)
    for link in living:
        if _gone_side(stones, link) is side and (stone := stones.get(link.ref(side))):
            told[link.kind.on(side)][link.id_on(side)] = stone.evidence
    return told


def _gone_side(stones: Stones, link: Link) -> Side | None:
    """Where the record of a link was deleted; a link that only its survivor stands for was buried there last."""
    if link.state not in (LinkState.IGNORED, LinkState.CLOSED_BY_POLICY):
        return next((side for side in Side if link.state is LinkState.gone(side)), None)
    buried = [side for side in Side if link.ref(side) in stones]
    return max(buried, key=lambda side: stones[link.ref(side)].seen_at, default=None)


def _record(known: CycleInputs, staged: Staged, pull: int, image: Image, told: str) -> Record:
    raw = staged.record
    evidence = known.proven.get(raw.ref, "")
    return Record(
        side=raw.side,
        id=raw.id,
        image=image,
        presence=_presence(known, staged, pull, proven=bool(evidence)),
        private=is_private(staged),
        author=author_of(staged),
        minimal=staged.minimal,
        evidence=evidence or told,
        is_older=staged.is_older,
    )


def _presence(known: CycleInputs, staged: Staged, pull: int, *, proven: bool) -> Presence:
    if proven:
        return Presence.GONE
    if not staged.present:
        return Presence.ABSENT
    seen_now = pull >= known.pulled.number or known.pulled.certified[staged.record.side]
    return Presence.PRESENT if seen_now else Presence.UNSEEN


def _injured(staged_records: StagedRecords, known: CycleInputs) -> dict[str, bool | None]:
    """Whether each Procore incident has an injury; None wherever the evidence is not complete."""
    if not known.pulled.records_certified:
        return {}
    hurt = {staged.record.parent_id for staged, _ in staged_records.of(Side.PROCORE, Kind.INJURY) if staged.present}
    ids = [staged.record.id for staged, _ in staged_records.of(Side.PROCORE, Kind.INCIDENT)]
    return {i: None if i in known.pulled.uncounted else i in hurt for i in ids}


def _actions(staged_records: StagedRecords, known: CycleInputs) -> dict[str, str | None]:
    """What the actions of each Procore incident tell; None wherever the list does not show as many as it counts."""
    if not (known.route.mapping.reads_actions and known.pulled.actions_certified):
        return {}
    found: dict[str | None, list[Image]] = defaultdict(list)
    for staged, _ in staged_records.of(Side.PROCORE, Kind.ACTION):
        if staged.present:
            found[staged.record.parent_id].append(staged.record.payload)
    incidents = [staged.record for staged, _ in staged_records.of(Side.PROCORE, Kind.INCIDENT)]
    stated = {one.id: one.payload.get("actions_count") for one in incidents}
    return {i: summary(found[i]) if count in (None, len(found[i])) else None for i, count in stated.items()}


def _people(
    unit: Unit, staged_records: StagedRecords, known: CycleInputs, living: Iterable[Link], told: Mapping[Side, Told]
) -> People:
    """Children by incident, on both sides, and the partners that the two directories show."""
    by_incident: dict[str, list[Link]] = defaultdict(list)
    equipped: set[str] = set()
    for link in living:
        if link.kind is not Kind.INCIDENT and link.parent is not None:
            by_incident[link.parent].append(link)
        if link.kind is Kind.EQUIPMENT and any(names_equipment(base.procore) for base in link.base.values()):
            equipped.add(link.procore_id)
    return People(
        records={side: _children(staged_records, known, side, told[side], equipped) for side in Side},
        links={incident: tuple(own) for incident, own in by_incident.items()},
        picklists=known.picklists or picklists(unit, known.state, known.route.mapping),
        certified=known.pulled.records_certified and known.pulled.people_certified,
        uncounted=known.pulled.uncounted,
    )


def _children(
    staged_records: StagedRecords, known: CycleInputs, side: Side, told: Told, equipped: Collection[str]
) -> dict[str, tuple[Record, ...]]:
    """Records by incident. One of `equipped` that names no equipment any more says so itself: that is its deletion."""
    found: dict[str, list[Record]] = defaultdict(list)
    for staged, _ in staged_records.of(side, *(CHILDREN if side is Side.PROCORE else (Kind.PERSON, Kind.RESOURCE))):
        raw = staged.record
        if raw.kind is Kind.RESOURCE and raw.payload.get("entity_type") != RESOURCE_TYPE:
            continue
        proof = known.proven.get(raw.ref, "")
        if raw.kind is Kind.EQUIPMENT and raw.id in equipped and not names_equipment(raw.payload):
            proof = proof or "Procore's record names no equipment any more"
        presence = Presence.GONE if proof else Presence.PRESENT if staged.present else Presence.ABSENT
        evidence = proof or told[raw.kind].get(raw.id, "")
        found[raw.parent_id or ""].append(
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
    return {incident: tuple(records) for incident, records in found.items()}


def picklists(unit: Unit, state: RouteState, mapping: FieldMapping) -> Picklists:
    """Who is who and which word has which id: from the lists as staged last, the mapping, and what a person told."""
    staging = unit.staging(state.key)
    people = [staged.record.payload for staged, _ in staging.records(Side.PROCORE, [Kind.DIRECTORY])]
    assigned = [staged.record.payload for staged, _ in staging.records(Side.FOURHSE, [Kind.DIRECTORY])]
    told = {**mapping.partners, **state.memory.partners}
    lists = [staged.record for staged, _ in staging.records(Side.PROCORE, [Kind.PICKER])]
    theirs = [staged.record.payload for staged, _ in staging.records(Side.FOURHSE, [Kind.PICKER])]
    equipment = EquipmentDirectory.of(
        {str(row.payload["id"]): row.payload for row in lists if row.parent_id == "managed_equipment"},
        {str(row["office_equipment_id"]): row for row in theirs},
        mapping.equipment_by,
        mapping.equipment_partners,
    )
    who = Directory.of(people, assigned, told, mapping.recognised)
    return Picklists.of(who, ((row.parent_id or "", row.payload) for row in lists), equipment)


def partners_told(unit: Unit, route: Route, known: Picklists) -> dict[str, str]:
    """Procore person id -> 4HSE person-office id, from approved questions about a person without a partner."""
    told: dict[str, str] = {}
    lens = route.mapping.person.bound(known).lens
    for decision in unit.inbox(route.key).decisions().values():
        record = decision.key.record if decision.key.topic == "match" else None
        if decision.verb != "approve" or not decision.with_id or decision.seen.get("candidates"):
            continue
        if record is None or record.kind is Kind.INCIDENT or not (staged := unit.staging(route.key).find(record)):
            continue
        named = staged.record.payload.get("person_office_id")
        reading = lens.get(Side.PROCORE, staged.record.payload)
        if record.side is Side.FOURHSE and named is not None:
            told[decision.with_id] = str(named)
        elif record.side is Side.PROCORE and isinstance(reading, Known) and reading.value is not None:
            told[str(reading.value)] = decision.with_id
    return told


def _ids_of_ours(staged_records: StagedRecords, route: Route, links: Iterable[Link]) -> dict[str, str]:
    generations = {link.procore_id: link.generation for link in links if link.kind is Kind.INCIDENT}
    rows = staged_records.of(Side.PROCORE, Kind.INCIDENT)
    ids = {staged.record.id for staged, _ in rows} | generations.keys()
    return {
        fourhse_id(route.key, Kind.INCIDENT, procore_id, generation): procore_id
        for procore_id in ids
        for generation in range(generations.get(procore_id, 0) + 2)
    }


def _changed(known: CycleInputs) -> Changed:
    state, route = known.state, known.route
    return Changed(
        scope=state.scope if state.scope not in (None, route.scope) else None,
        zone=state.zone if state.zone not in (None, known.zone) else None,
        mapping=state.mapping if state.mapping not in (None, route.mapping.digest) else None,
    )


Rows = Callable[[Kind], tuple[Field, ...]]


def _writes(
    intents: Iterable[Intent], living: dict[tuple[Kind, str], Link], rows: Rows, known: Lookup
) -> Iterator[Written]:
    """Answered writes to records that are still linked, and what both sides show of them now."""
    for intent in intents:
        action = intent.action
        link = living.get((action.kind, action.id_on(Side.PROCORE)))
        if link is not None and link.refs == action.refs:
            records = {side: known(link, side) for side in Side}
            yield from retold(action, intent.ended_at or intent.made_at, link, rows(action.kind), records)


def _lookup(seen: Snapshot) -> Lookup:
    """Finds a link's record on a side, an incident's or a person's."""
    children = {record.ref: record for side in Side for own in seen.people.records[side].values() for record in own}

    def known(link: Link, side: Side) -> Record | None:
        if link.kind is Kind.INCIDENT:
            return seen.record(side, link.id_on(side))
        return children.get(link.ref(side))

    return known


def _rebased(route: Route, decisions: Mapping[QuestionKey, Decision]) -> frozenset[str]:
    if _is_approved(decisions, MAPPING) and decisions[MAPPING].use == "base":
        return frozenset(row.key for row in route.mapping.fields)
    return frozenset({route.mapping.day.key}) if _is_approved(decisions, ZONE) else frozenset()


def _winner(decisions: Mapping[QuestionKey, Decision]) -> Side | None:
    decision = decisions.get(MAPPING)
    return Side(decision.use) if decision and decision.verb == "approve" and decision.use in tuple(Side) else None


def _is_approved(decisions: Mapping[QuestionKey, Decision], key: QuestionKey) -> bool:
    return key in decisions and decisions[key].verb == "approve"
