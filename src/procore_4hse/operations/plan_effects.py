"""What a plan means, spot by spot: which field of which record, on which side, from what to what."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from procore_4hse.mapping.lenses.base import Known, Unwritable
from procore_4hse.mapping.paths import at, path_of
from procore_4hse.mapping.rules import Field
from procore_4hse.mapping.translate import facts_of
from procore_4hse.models import PEOPLE_RECORDS, Act, Action, Image, Item, ItemKind, Kind, Link, RecordRef, Side
from procore_4hse.reconcile.children import rows_of
from procore_4hse.reconcile.identity import person_of
from procore_4hse.reconcile.scope import exclusion
from procore_4hse.reconcile.snapshot import Plan, Record, Snapshot


class What(StrEnum):
    """What a plan has in store for a field, or for a record as a whole."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    RESTORE = "restore"
    LINK = "link"
    DIFFER = "differ"
    """Both agreed, and do no longer: a person names the side that holds."""
    CONFLICT = "conflict"
    HOLD = "hold"
    """A word that the mapping does not know: the field waits."""
    ASK = "ask"
    EXCLUDE = "exclude"


@dataclass(frozen=True)
class EffectKey:
    """One field of one record on one side; without a `field` the record as a whole.

    `procore_id` and `fourhse_id` are the incident's; `record_id` is that of the record itself, wherever it is index.
    """

    procore_id: str | None
    fourhse_id: str | None
    kind: Kind
    record_id: str
    side: Side
    field: str = ""


@dataclass(frozen=True)
class Effect:
    """From what to what, in the raw names of the side that it is about; empty where nothing would be written."""

    what: What
    was: Image = field(default_factory=dict)
    becomes: Image = field(default_factory=dict)
    reason: str = field(default="", compare=False)


Effects = Iterator[tuple[EffectKey, Effect]]


def effects(plan: Plan, snapshot: Snapshot) -> dict[EffectKey, Effect]:
    """Everything that this plan of this snapshot would do, ask, hold or leave out."""
    index = _Index.of(snapshot)
    return dict(
        [
            *_excluded(index),
            *(effect for item in plan.items for effect in _asked(index, item)),
            *(effect for action in plan.actions for effect in _done(index, action)),
        ]
    )


@dataclass(frozen=True)
class _Index:
    """A snapshot with its links and its people at hand."""

    snapshot: Snapshot
    links: dict[RecordRef, Link]
    people: dict[RecordRef, Record]

    @classmethod
    def of(cls, snapshot: Snapshot) -> _Index:
        below = [link for own in snapshot.people.links.values() for link in own]
        people = [record for side in Side for own in snapshot.people.records[side].values() for record in own]
        return cls(
            snapshot,
            {record: link for link in (*snapshot.links, *below) for record in link.refs},
            {record.ref: record for record in people},
        )

    def record(self, side: Side, kind: Kind, record_id: str | None) -> Record | None:
        if kind is Kind.INCIDENT:
            return self.snapshot.record(side, record_id or "")
        return self.people.get(RecordRef(side, kind.on(side), record_id or ""))

    def rows(self, kind: Kind) -> tuple[Field, ...]:
        return rows_of(self.snapshot, kind)

    def spot(
        self, side: Side, kind: Kind, record_id: str, on: Side, row: str = "", parent: str | None = None
    ) -> EffectKey:
        """The spot of a record that `on` shows; `parent` is the Procore id of the incident around it."""
        if kind is Kind.INCIDENT:
            link = self.links.get(RecordRef(on, kind, record_id))
            ids = {on: record_id, on.other: link.id_on(on.other) if link else None}
        else:
            link = self.links.get(RecordRef(Side.PROCORE, Kind.INCIDENT, parent or ""))
            ids = {Side.PROCORE: parent, Side.FOURHSE: link.fourhse_id if link else None}
        return EffectKey(ids[Side.PROCORE], ids[Side.FOURHSE], kind, record_id, side, row)


# Left out --------------------------------------------------------------------------------------------------------


def _excluded(index: _Index) -> Effects:
    for side in Side:
        for record in index.snapshot.records[side].values():
            if reason := exclusion(index.snapshot, record, linked=record.ref in index.links):
                yield index.spot(side, Kind.INCIDENT, record.id, side), Effect(What.EXCLUDE, reason=reason)


# Written ---------------------------------------------------------------------------------------------------------


def _done(index: _Index, action: Action) -> Effects:
    is_there = action.act is not Act.CREATE and action.target_id is not None
    on, record_id = (action.side, action.target_id) if is_there else (action.side.other, action.source_id)
    whole = index.spot(action.side, action.kind, record_id or "", on, "", action.parent)
    if action.act not in (Act.CREATE, Act.UPDATE):
        yield whole, Effect(What(action.act.value), reason=action.reason)
        return
    target = index.record(action.side, action.kind, record_id) if is_there else None
    for row, becomes in _by_row(index.rows(action.kind), action):
        was = {name: _present(target.image, name) for name in becomes} if target else {}
        yield replace(whole, field=row.key), Effect(What(action.act.value), was, becomes, action.reason)


def _by_row(rows: tuple[Field, ...], action: Action) -> Iterator[tuple[Field, Image]]:
    """What each row writes; a name that several rows may write belongs to those that name it first."""
    # A long title also writes the text that it leads, which belongs to the description's row.
    sent = [row for row in rows if row.key in action.sources]
    first = {name for row in sent for name in row.lens.names(action.side)[:1]}
    for row in sent:
        names = row.lens.names(action.side)
        own = [*names[:1], *(name for name in names[1:] if name not in first)]
        if becomes := {name: action.fields[name] for name in own if name in action.fields}:
            yield row, becomes


def _present(image: Image, name: str) -> Any:
    """What a record shows under a name that a call would send; ids are shown as objects with these ids."""
    if name in image:
        return image[name]
    if path_of(name) != name:
        value = at(image, path_of(name))
        return value.get("id") if isinstance(value, dict) else value
    if name.endswith("_ids"):
        return [entry.get("id") for entry in image.get(f"{name.removesuffix('_ids')}s") or ()]
    return (image.get(name.removesuffix("_id")) or {}).get("id")


# Asked -----------------------------------------------------------------------------------------------------------


def _asked(index: _Index, item: Item) -> Effects:
    record = item.key.record
    if item.who is not None:
        yield from _naming(index, item, item.who)
    elif item.key.topic == "difference" and record is not None:
        yield from _differing(index, item, index.links[record])
    elif item.kind is ItemKind.WORD and record is not None:
        yield from _held(index, item, record)
    elif item.kind is not ItemKind.GUARD:
        yield _whole(index, item), Effect(What.ASK, reason=item.reason)


def _naming(index: _Index, item: Item, who: RecordRef) -> Effects:
    """A question about somebody, told below each incident of which a record names them."""
    for person in index.people.values():
        if person.kind in (*PEOPLE_RECORDS, Kind.PERSON) and person_of(index.snapshot, person) == who:
            spot = index.spot(person.side, person.kind, person.id, person.side, "", _around(index, person))
            yield spot, Effect(What.ASK, reason=item.reason)


def _differing(index: _Index, item: Item, link: Link) -> Effects:
    """What each side would be given if the other one held."""
    what = What.DIFFER if item.kind is ItemKind.DRIFT else What.CONFLICT
    row = next(row for row in index.rows(link.kind) if row.key == item.field)
    for side in Side:
        target, source = (index.record(shown_by, link.kind, link.id_on(shown_by)) for shown_by in (side, side.other))
        if target is None or source is None or not row.updates(side):
            continue
        becomes = _payload(index, row, source, target)
        was = {name: _present(target.image, name) for name in becomes}
        spot = index.spot(side, link.kind, link.id_on(side), side, row.key, link.parent)
        yield spot, Effect(what, was, becomes, item.reason)


def _payload(index: _Index, row: Field, source: Record, target: Record) -> Image:
    reading = row.lens.get(source.side, source.image)
    try:
        value = reading.value if isinstance(reading, Known) else None
        return row.lens.put(target.side, value, target.image, facts_of(source.image, index.snapshot.zone))
    except Unwritable:
        return {}


def _held(index: _Index, item: Item, record: RecordRef) -> Effects:
    row = item.field or ""
    if record.kind is Kind.INCIDENT:
        spot = index.spot(record.side, record.kind, record.id, record.side, row)
    else:
        spot = EffectKey(item.procore_id, item.fourhse_id, record.kind, record.id, record.side, row)
    yield spot, Effect(What.HOLD, reason=item.reason)


def _whole(index: _Index, item: Item) -> EffectKey:
    """A question about a record: its incident, or a person of one, told by the question's key."""
    side = Side.PROCORE if item.procore_id else Side.FOURHSE
    record_id = item.procore_id or item.fourhse_id or ""
    asked = item.key.record if item.key.topic in ("match", "accident") else None
    if asked is not None and (person := index.people.get(asked)):
        return index.spot(person.side, person.kind, person.id, person.side, "", _around(index, person))
    return index.spot(side, Kind.INCIDENT, record_id, side)


def _around(index: _Index, person: Record) -> str | None:
    """The Procore id of the incident that a person belongs to."""
    own = index.snapshot.people.records[person.side]
    incident = next((incident for incident, records in own.items() if person in records), "")
    link = index.links.get(RecordRef(person.side, Kind.INCIDENT, incident))
    return link.procore_id if link else incident if person.side is Side.PROCORE else None
