"""Actions as people read them: which incident, and each field from what to what, in the mapping's labels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from procore_4hse.mapping.lenses.base import Known, Unwritable
from procore_4hse.mapping.lenses.category import Recorded
from procore_4hse.mapping.rules import Field
from procore_4hse.mapping.translate import facts_of
from procore_4hse.models import Act, Image, Kind, RecordRef, Side
from procore_4hse.operations.records import ABOUT_PEOPLE, Classes, KnownRecords, in_words
from procore_4hse.operations.texts import say
from procore_4hse.route import Route
from procore_4hse.store.repository import Unit

Summary = Mapping[str, Any]
"""An action as `reconcile.items.summary` tells it."""


@dataclass(frozen=True)
class Change:
    label: str
    old: str
    new: str
    classes: Classes


@dataclass(frozen=True)
class Intended:
    """One action. `title` and `day` are the incident's; `changes` are told of what is created or updated."""

    act: Act
    side: Side
    kind: Kind
    reason: str
    target: RecordRef | None
    source: RecordRef | None
    title: str = ""
    day: str = ""
    changes: tuple[Change, ...] = ()
    incident: RecordRef | None = None
    """The incident that a record below one belongs to: Procore's, or the one that it will be made from."""
    pair: tuple[tuple[RecordRef, str], ...] = ()
    """Of two that are linked: both, with the headline of each."""

    @property
    def id(self) -> str:
        """The target's id, or else the source's."""
        named = self.target or self.source
        return named.id if named else ""


def refs_of(summaries: Iterable[Summary]) -> set[RecordRef]:
    """The records that these actions are about, with the incidents around them."""
    return {ref for each in summaries for ref in (_target(each), _source(each), *_incidents(each)) if ref}


def intended(known: KnownRecords, summaries: Iterable[Summary]) -> Iterator[Intended]:
    """These actions, told from the records as they were read last."""
    rows = {kind: {row.key: row for row in known.route.mapping.rows_for(kind, known.lists)} for kind in Kind}
    for each in summaries:
        kind = Kind(each["kind"])
        around = list(_incidents(each))
        about = next((ref for ref in around if known.title(ref)), None)
        is_below, pair = kind is not Kind.INCIDENT, (_source(each), _target(each))
        yield Intended(
            Act(each["act"]),
            Side(each["side"]),
            kind,
            each["reason"],
            _target(each),
            _source(each),
            known.title(about) if about else "",
            known.day(about) if about else "",
            tuple(_changes(known, each, [row for key, row in rows[kind].items() if key in each.get("fields", ())])),
            (about or next(iter(around), None)) if is_below else None,
            tuple((ref, known.title(ref)) for ref in pair if ref) if Act(each["act"]) is Act.LINK else (),
        )


def read(unit: Unit, route: Route, summaries: Sequence[Summary]) -> list[Intended]:
    """The same, with what the store holds of their records."""
    return list(intended(KnownRecords.read(unit, route, refs_of(summaries)), summaries))


def _target(each: Summary) -> RecordRef | None:
    side = Side(each["side"])
    return RecordRef(side, Kind(each["kind"]).on(side), each["id"]) if each["id"] else None


def _source(each: Summary) -> RecordRef | None:
    side = Side(each["side"]).other
    return RecordRef(side, Kind(each["kind"]).on(side), each["source_id"]) if each["source_id"] else None


def _incidents(each: Summary) -> Iterator[RecordRef]:
    """The incident that an action is about, on whichever side it is known; that of a parent, Procore's first."""
    if Kind(each["kind"]) is Kind.INCIDENT:
        yield from (ref for ref in (_target(each), _source(each)) if ref)
    elif each.get("parent"):
        yield from (RecordRef(side, Kind.INCIDENT, each["parent"]) for side in Side)


def _changes(known: KnownRecords, each: Summary, rows: Iterable[Field]) -> Iterator[Change]:
    target, source = _target(each), _source(each)
    now = (known.image(target) if target else None) or {}
    comes = (known.image(source) if source else None) or {}
    side = Side(each["side"])
    for row in rows:
        old = known.value(row, side, now).text if now else ""
        new = _arriving(row, side, now, comes, known.zone)
        if old != new:
            yield Change(row.label, old, new, frozenset({row.privacy}))
    if source is not None and Act(each["act"]) is Act.CREATE and source.kind is Kind.INCIDENT:
        yield from _people_along(known, source)


def _people_along(known: KnownRecords, source: RecordRef) -> Iterator[Change]:
    """The people of an incident that is made: their records follow in the same cycle, under the same approval."""
    if people := known.people_in_words(source):
        yield Change(say("field.people"), "", people, ABOUT_PEOPLE)


def _arriving(row: Field, side: Side, now: Image, comes: Image, zone: str) -> str:
    """What the source's value is called where it goes."""
    reading = row.lens.get(side.other, comes)
    # Evidence, for which the other side has a word.
    if isinstance(reading, Known) and isinstance(reading.value, Recorded):
        try:
            written = row.lens.put(side, reading.value, now, facts_of(comes, zone))
        except Unwritable:
            return ""
        return in_words(row, side, written, row.lens.get(side, {**now, **written}))
    return in_words(row, side.other, comes, reading)
