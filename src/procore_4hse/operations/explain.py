"""The whole story of one incident, from the store alone: both records, field by field, and what is next."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from procore_4hse.mapping.images import deleted_at
from procore_4hse.mapping.lenses.base import Known, Reading
from procore_4hse.mapping.lenses.days import parse_instant
from procore_4hse.mapping.lenses.person import PersonLens
from procore_4hse.mapping.preview import FieldPreview, previews
from procore_4hse.mapping.rules import Field
from procore_4hse.models import (
    CHILDREN,
    PEOPLE_RECORDS,
    PROCORE_RECORDS,
    Act,
    Action,
    Decision,
    Image,
    Item,
    ItemKind,
    Kind,
    Link,
    LinkState,
    QuestionKey,
    RawRecord,
    RecordRef,
    Side,
)
from procore_4hse.operations.decided import Decided, decided
from procore_4hse.operations.offline import Ids, listed, offline_snapshot
from procore_4hse.reconcile.category import following
from procore_4hse.reconcile.children import rows_of
from procore_4hse.reconcile.diff import FieldDiff, diff
from procore_4hse.reconcile.guard import guarded
from procore_4hse.reconcile.identity import identified, person_of
from procore_4hse.reconcile.plan import plan
from procore_4hse.reconcile.scope import exclusion
from procore_4hse.reconcile.snapshot import Plan, Presence, Record, Snapshot
from procore_4hse.route import Route
from procore_4hse.store.inbox import Entry
from procore_4hse.store.journal import Intent
from procore_4hse.store.repository import Store, Unit

Records = Mapping[Side, Record | None]


@dataclass(frozen=True)
class Compared:
    """One record, or two that are one: what each side shows, what crosses, and how both compare.

    `kind` is Procore's, also of a person whom only 4HSE shows: what they would become. `fields` are compared only
    while both records are known.
    """

    kind: Kind
    ids: Ids
    records: Records
    link: Link | None
    previews: tuple[FieldPreview, ...] = ()
    fields: tuple[FieldDiff, ...] = ()
    local: tuple[tuple[Field, Reading], ...] = ()
    """What 4HSE shows of a person for which such a record has no place in Procore, as a near miss has no days."""

    @property
    def names_nobody(self) -> bool:
        """Whether it is an injury or a near miss that crosses nowhere, because it does not tell whom it is about."""
        readings = (one.reading for one in self.previews if isinstance(one.row.lens, PersonLens))
        return self.link is None and self.kind in PEOPLE_RECORDS and next(readings, None) == Known(None)


@dataclass(frozen=True)
class Story:
    """`next` is what a cycle would do now with the incident and its people."""

    route: Route
    seen: Snapshot = field(repr=False)
    incident: Compared
    people: tuple[Compared, ...] = ()
    journal: tuple[Intent, ...] = ()
    items: tuple[Entry, ...] = ()
    next: tuple[Action, ...] = ()
    held: tuple[Action, ...] = ()
    asks: tuple[Item, ...] = ()
    """What the next cycle would ask that is not in the inbox yet."""
    stop: str | None = None
    """Why the next cycle would hold what is planned or asked here until a person acts."""
    pending: bool = False
    """A write whose fate is not known yet; nothing new is planned before it is."""
    excluded: str | None = None
    children: Mapping[Kind, tuple[RawRecord, ...]] = field(default_factory=dict)
    """Everything below the incident, on both sides, that the latest readings show."""
    rows: Mapping[Kind, tuple[Field, ...]] = field(default_factory=dict)
    """The mapping's rows of the incident and of what stands below it, told what both systems' own lists hold."""
    read_at: datetime | None = None
    """When the latest reading of both systems began."""
    named: frozenset[RecordRef] = frozenset()
    """The incident, its people's records, and the rows of the directories that these name."""
    deleted_at: Mapping[Side, datetime] = field(default_factory=dict)
    """Since when each side's incident is deleted, as the vendor says, or else when it was noticed."""

    @property
    def ids(self) -> Ids:
        return self.incident.ids

    @property
    def zone(self) -> str:
        return self.seen.zone

    def is_brought_back(self, side: Side) -> bool:
        """Whether its incident was restored there since the latest reading, which could not show it yet."""
        record = self.incident.records[side]
        if record is not None and record.presence is Presence.PRESENT:
            return False
        return any(
            intent.action.act is Act.RESTORE
            and intent.action.ref(side) == RecordRef(side, Kind.INCIDENT, self.ids[side] or "")
            and intent.action.side is side
            and intent.outcome == "done"
            and (self.read_at is None or intent.made_at >= self.read_at)
            for intent in self.journal
        )


def collect(store: Store, route: Route, ids: Ids) -> Story:
    """What the store tells of this incident, read through the mapping of this route."""
    seen = offline_snapshot(store, route)
    planned = plan(seen)
    return _story(store, route, ids, seen, planned, guarded(planned, seen))


def outline(store: Store, route: Route, ids: Ids) -> Story:
    """The same without what the next cycle would do or ask, which takes a plan of the whole route."""
    return _story(store, route, ids, offline_snapshot(store, route, ids), Plan(), Plan())


def decisions_about(store: Store, story: Story) -> list[Decided]:
    """What people decided about the incident and its people so far, oldest first."""
    with store.read() as unit:
        found = [each for each in decided(unit, [story.route]) if each.decision is not None]
    return [each for each in found if _is_about(each.entry.item, story.ids, story.named)]


def _story(store: Store, route: Route, ids: Ids, seen: Snapshot, planned: Plan, decided: Plan) -> Story:
    link = next((each for each in seen.links if each.procore_id == ids[Side.PROCORE]), None)
    people = tuple(_people(seen, ids, decided))
    named = _named(ids, people)
    with store.read() as unit:
        entries = unit.inbox(route.key).entries(states=("open", "answered"))
        journal = _journal(unit, route, ids, named)
        children = _children(unit, route, ids)
        read_at = unit.routes.get(route.key, route.name).cursor_at
        deleted_at = _deleted_at(unit, route, link)
    asked_about = named | _whom(seen, ids)
    items = [entry for entry in entries if _is_about(entry.item, ids, asked_about)]
    asks = _new_questions(planned, items, ids, asked_about)
    held = tuple(action for action in decided.held if _concerns(action, named))
    incident = _incident(seen, ids, link)
    return Story(
        route=route,
        seen=seen,
        incident=incident,
        people=people,
        journal=journal,
        items=tuple(items),
        next=tuple(action for action in decided.actions if _concerns(action, named)),
        held=held,
        asks=asks,
        stop=decided.stop if held or {item.key for item in asks} - {item.key for item in decided.items} else None,
        pending=bool(seen.pending & _incident_refs(ids)),
        excluded=_excluded(seen, incident),
        children=children,
        rows={kind: rows_of(seen, kind) for kind in (Kind.INCIDENT, *CHILDREN)},
        read_at=read_at,
        named=asked_about,
        deleted_at=deleted_at,
    )


def _deleted_at(unit: Unit, route: Route, link: Link | None) -> dict[Side, datetime]:
    if link is None or link.state is LinkState.LIVE:
        return {}
    stones = unit.links(route.key).tombstones(link.refs)
    told = {ref.side: parse_instant(deleted_at(stone.record.payload)) or stone.seen_at for ref, stone in stones.items()}
    return told if link.state not in GONE_ON else {side: at for side, at in told.items() if side is GONE_ON[link.state]}


GONE_ON = {LinkState.gone(side): side for side in Side}


# Records ---------------------------------------------------------------------------------------------------------


def _incident(seen: Snapshot, ids: Ids, link: Link | None) -> Compared:
    records = {side: seen.record(side, known) if known else None for side, known in ids.items()}
    return _compared(seen, Compared(Kind.INCIDENT, ids, records, link), rows_of(seen, Kind.INCIDENT))


def _people(seen: Snapshot, ids: Ids, decided: Plan) -> Iterable[Compared]:
    """The people of an incident: pairs that are linked, then those whom one side alone names."""
    own = {side: seen.people.records[side].get(ids[side] or "", ()) for side in Side}
    linked: set[tuple[Kind, str]] = set()
    for link in seen.people.links.get(ids[Side.PROCORE] or "", ()):
        records = {side: _member(own[side], link.kind.on(side), link.id_on(side)) for side in Side}
        linked |= {(link.kind.on(side), link.id_on(side)) for side in Side}
        pair = Compared(link.kind, {side: link.id_on(side) for side in Side}, records, link)
        yield _compared(seen, pair, rows_of(seen, link.kind))
    for record in (record for side in Side for record in own[side]):
        if (record.kind, record.id) not in linked and record.presence is Presence.PRESENT:
            kind = record.kind if record.kind in CHILDREN else _becomes(record, decided)
            alone = {record.side: record, record.side.other: None}
            single = Compared(kind, {record.side: record.id, record.side.other: None}, alone, None)
            yield _compared(seen, single, rows_of(seen, kind))


def _member(records: Iterable[Record], kind: Kind, record_id: str) -> Record | None:
    return next((record for record in records if (record.kind, record.id) == (kind, record_id)), None)


def _becomes(record: Record, decided: Plan) -> Kind:
    """What a person or a resource that only 4HSE names is, or would become, in Procore."""
    if record.kind is Kind.RESOURCE:
        return Kind.EQUIPMENT
    planned = (*decided.actions, *decided.held)
    kinds = (action.kind for action in planned if action.side is Side.PROCORE and action.source_id == record.id)
    return next(kinds, Kind.INJURY)


def _compared(seen: Snapshot, pair: Compared, rows: tuple[Field, ...]) -> Compared:
    images = {side: record.image for side, record in pair.records.items() if record and not record.minimal}
    crossing = [
        one
        for side, image in images.items()
        for one in previews(rows, side, image, seen.zone, images.get(side.other) if pair.link else None)
    ]
    fields: tuple[FieldDiff, ...] = ()
    if len(images) == len(Side):
        base = dict(pair.link.base) if pair.link else {}
        origin = pair.link.origin if pair.link else None
        fields = diff(rows, images[Side.PROCORE], images[Side.FOURHSE], base, _decisions(seen, pair.link, rows), origin)
    if pair.link is not None:
        told = (identified(seen, pair.link, one) for one in fields)
        fields = tuple(following(seen, pair.link, one) for one in told)
    local = tuple(_local(seen, pair.kind, images.get(Side.FOURHSE)))
    return Compared(pair.kind, pair.ids, pair.records, pair.link, tuple(crossing), fields, local)


def _local(seen: Snapshot, kind: Kind, image: Image | None) -> Iterator[tuple[Field, Reading]]:
    for row in seen.mapping.people if image is not None and kind in PEOPLE_RECORDS else ():
        reading = row.bound(seen.people.picklists).lens.get(Side.FOURHSE, image or {})
        if kind not in row.kinds and not row.inactive and reading != Known(None):
            yield row, reading


def _decisions(seen: Snapshot, link: Link | None, rows: Iterable[Field]) -> dict[str, Decision]:
    keys = {QuestionKey.difference(link, row.key): row.key for row in rows} if link else {}
    return {keys[key]: decision for key, decision in seen.decisions.items() if key in keys}


def _excluded(seen: Snapshot, incident: Compared) -> str | None:
    linked = incident.link is not None
    reasons = (exclusion(seen, record, linked=linked) for record in incident.records.values() if record)
    return next((reason for reason in reasons if reason), None)


def _children(unit: Unit, route: Route, ids: Ids) -> dict[Kind, tuple[RawRecord, ...]]:
    """Everything below the incident that the latest readings show; kinds without any are left out."""
    by_kind: dict[Kind, list[RawRecord]] = {}
    for side, kinds in ((Side.PROCORE, (*PROCORE_RECORDS, Kind.ACTION)), (Side.FOURHSE, IN_OFFICE)):
        for staged, _ in unit.staging(route.key).around(side, listed(ids)[side], kinds):
            if staged.present and staged.record.kind in kinds:
                by_kind.setdefault(staged.record.kind, []).append(staged.record)
    return {kind: tuple(records) for kind, records in by_kind.items()}


# What is about them ----------------------------------------------------------------------------------------------

IN_OFFICE = (Kind.PERSON, Kind.RESOURCE, Kind.INCIDENT_ACTION)
"""What stands below an incident of 4HSE, as far as the mapping has it read."""
NAMING = (*PEOPLE_RECORDS, Kind.PERSON)
"""The records that name a person."""
Named = frozenset[RecordRef]
"""The incident and its people."""


def _incident_refs(ids: Ids) -> Named:
    return frozenset(RecordRef(side, Kind.INCIDENT, known) for side, known in ids.items() if known)


def _named(ids: Ids, people: Iterable[Compared]) -> Named:
    theirs = {RecordRef(side, one.kind.on(side), known) for one in people for side, known in one.ids.items() if known}
    return _incident_refs(ids) | theirs


def _whom(seen: Snapshot, ids: Ids) -> Named:
    """The rows of the directories that its people's records name: one question covers all records of somebody."""
    rows = (row for side in Side for row in seen.people.records[side].get(ids[side] or "", ()))
    return frozenset(whom for row in rows if row.kind in NAMING and (whom := person_of(seen, row)))


def _concerns(action: Action, named: Named) -> bool:
    """Whether it writes to, or comes from, one of them."""
    return not action.refs.isdisjoint(named)


def _journal(unit: Unit, route: Route, ids: Ids, named: Named) -> tuple[Intent, ...]:
    written = unit.journal(route.key).story(*(record.id for record in named))
    below = ids[Side.PROCORE]
    return tuple(
        intent for intent in written if _concerns(intent.action, named) or (below and intent.action.parent == below)
    )


def _is_about(item: Item, ids: Ids, named: Named) -> bool:
    """Whether it asks about the incident, about one of its people, or names the incident as a candidate."""
    if item.who is not None:
        return item.who in named
    record = item.key.record
    if item.kind is ItemKind.MATCH and record is not None and record.kind is not Kind.INCIDENT:
        return record in named
    asked = {Side.PROCORE: item.procore_id, Side.FOURHSE: item.fourhse_id}
    mine = {known for known in ids.values() if known}
    others = {*item.facts.get("candidates", ()), *item.facts.get("incidents", ())}
    return any(asked[side] in mine for side in Side) or bool(mine & others)


def _new_questions(planned: Plan, asked: list[Entry], ids: Ids, named: Named) -> tuple[Item, ...]:
    known = {key for entry in asked for key in (entry.item.key, *entry.item.facts.get("keys", ()))}
    return tuple(item for item in planned.items if _is_about(item, ids, named) and item.key not in known)
