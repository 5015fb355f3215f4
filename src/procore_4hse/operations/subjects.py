"""The records that a question concerns, and what each is to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from procore_4hse.models import CHILDREN, Item, ItemKind, Kind, Link, RecordRef, Side


class Role(StrEnum):
    """What a record is to its question."""

    PAIR = "pair"
    SURVIVOR = "survivor"
    DELETED = "deleted"
    CANDIDATE = "candidate"
    BEFORE = "before"
    """As it stood before a write of ours emptied a part of it."""
    AFTER = "after"


@dataclass(frozen=True)
class Subject:
    """A record that a question concerns. `kind` is Procore's, also of a record of 4HSE."""

    ref: RecordRef
    role: Role
    kind: Kind


def named(item: Item) -> Iterator[RecordRef]:
    """The records that a question names and that may be in a link."""
    refs = (item.key.record, *(item.key.call.refs if item.key.call else ()))
    yield from (ref for ref in refs if ref is not None and ref.kind is not Kind.DIRECTORY)


def incidents(item: Item) -> Iterator[RecordRef]:
    """The incidents that a question is about: its ids are an incident's, but for a match about a person."""
    record = item.key.record
    if item.who is not None and item.kind is ItemKind.MATCH:
        return
    if item.kind is ItemKind.MATCH and record is not None and record.kind is not Kind.INCIDENT:
        return
    ids = {Side.PROCORE: item.procore_id, Side.FOURHSE: item.fourhse_id}
    yield from (RecordRef(side, Kind.INCIDENT, known) for side, known in ids.items() if known)


def incident_id(item: Item, side: Side) -> str | None:
    return next((ref.id for ref in incidents(item) if ref.side is side), None)


def emptied(item: Item) -> Subject | None:
    """The record of which a write emptied what it did not send; None where a question asks about no such write."""
    if item.key.guarded != "replaced" or "record" not in item.facts:
        return None
    side, kind = Side(item.facts["side"]), Kind(item.facts["kind"])
    procores = {Kind.PERSON: Kind.INJURY, Kind.RESOURCE: Kind.EQUIPMENT}.get(kind, kind)
    return Subject(RecordRef(side, kind, str(item.facts["record"])), Role.BEFORE, procores)


def subjects_of(item: Item, links: Mapping[RecordRef, Link], perhaps: Sequence[str] = ()) -> list[Subject]:
    """The records that a question concerns, the one that is asked about first, each once.

    `perhaps` are people of the other side who may be the one that it asks for.
    """
    if item.key.topic == "guard":
        return []
    if item.who is not None:
        return list(_people(item, perhaps))
    if item.kind is ItemKind.MATCH and item.key.record is not None:
        return list(_match(item, item.key.record))
    record = next(named(item), None)
    return list(_pair(item, record, links.get(record))) if record else []


def _people(item: Item, perhaps: Sequence[str]) -> Iterator[Subject]:
    """Rows of the directories: whom it asks for, and who may be meant."""
    who = item.who
    if who is None:
        return
    if item.kind is ItemKind.DRIFT:
        party, office = item.key.split(":")[1:3]
        rows = {Side.PROCORE: party.partition("-")[2], Side.FOURHSE: office}
        yield from (Subject(RecordRef(side, Kind.DIRECTORY, rows[side]), Role.PAIR, Kind.DIRECTORY) for side in Side)
        return
    yield Subject(who, Role.PAIR, Kind.DIRECTORY)
    for each in dict.fromkeys((*item.facts.get("candidates", ()), *perhaps)):
        yield Subject(RecordRef(who.side.other, Kind.DIRECTORY, str(each)), Role.CANDIDATE, Kind.DIRECTORY)


def _match(item: Item, record: RecordRef) -> Iterator[Subject]:
    kind = record.kind if record.side is Side.PROCORE or record.kind is Kind.INCIDENT else Kind.INJURY
    yield Subject(record, Role.PAIR, kind)
    for each in map(str, item.facts.get("candidates", ())):
        # A record of a person in Procore is an injury or a near miss: what is not there shows nothing.
        other = kind.on(record.side.other)
        yield Subject(RecordRef(record.side.other, other, each), Role.CANDIDATE, kind)


def _pair(item: Item, record: RecordRef, link: Link | None) -> Iterator[Subject]:
    """Both halves of a link, or of what a question says belongs together; of a deletion the survivor first."""
    ids = {record.side: record.id, record.side.other: link.id_on(record.side.other) if link else None}
    if link is None and record.kind is Kind.INCIDENT:
        other = item.fourhse_id if record.side is Side.PROCORE else item.procore_id
        ids[record.side.other] = other
    if item.key.topic == "accident":
        ids[Side.FOURHSE] = ids[Side.FOURHSE] or item.facts.get("person")
    kind = link.kind if link else record.kind if record.kind in (Kind.INCIDENT, *CHILDREN) else Kind.INJURY
    for side in _order(item):
        if known := ids[side]:
            yield Subject(RecordRef(side, kind.on(side), str(known)), _role(item, side), kind)


def _order(item: Item) -> tuple[Side, Side]:
    if item.key.topic != "deletion":
        return (Side.PROCORE, Side.FOURHSE)
    gone = Side(item.key.rpartition(":")[2])
    return (gone.other, gone)


def _role(item: Item, side: Side) -> Role:
    if item.key.topic != "deletion":
        return Role.PAIR
    return Role.DELETED if item.key.rpartition(":")[2] == side.value else Role.SURVIVOR
