"""Records as people read them, under the mapping's labels: what the store holds of many, by a few statements."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from procore_4hse.engine.snapshots import picklists
from procore_4hse.mapping.classes import FieldClass
from procore_4hse.mapping.details import absence_in, author_in, changed_at, entry_details, number_of
from procore_4hse.mapping.directory import entry_name, name_in
from procore_4hse.mapping.folding import fold
from procore_4hse.mapping.images import image_of
from procore_4hse.mapping.lenses.base import ZONE, Held, Known, NeedsLists, Reading
from procore_4hse.mapping.lenses.category import KINDS
from procore_4hse.mapping.lenses.person import PersonLens
from procore_4hse.mapping.picklists import Picklists
from procore_4hse.mapping.rules import Field
from procore_4hse.models import PEOPLE_RECORDS, PROCORE_RECORDS, Image, Kind, RawRecord, RecordRef, Side, Staged
from procore_4hse.operations.offline import UTC_ZONE
from procore_4hse.operations.texts import counted, moment, say
from procore_4hse.reconcile.diff import display
from procore_4hse.route import Route
from procore_4hse.store.links import Tombstone
from procore_4hse.store.repository import Unit

Classes = frozenset[FieldClass]
PLAIN: Classes = frozenset({FieldClass.PLAIN})
IDENTITY: Classes = frozenset({FieldClass.IDENTITY})
ABOUT_PEOPLE: Classes = frozenset({FieldClass.IDENTITY, FieldClass.HEALTH})
"""That a record names somebody says already who was hurt."""
BELOW = {Side.PROCORE: PROCORE_RECORDS, Side.FOURHSE: (Kind.PERSON,)}
"""The records that an incident is told by beside its own; some of them name its people."""


@dataclass(frozen=True)
class Value:
    """What a record shows under one label. `classes` are those that somebody must have to see it."""

    label: str
    text: str
    classes: Classes = PLAIN
    reading: Reading | None = None
    """What it means, where that can be compared; None for what is told and never compared."""
    row: Field | None = None
    differs: bool = False

    def agrees(self, side: Side, other: Value) -> bool:
        """Whether another record's value says the same; `side` is where this one comes from."""
        if self.reading is None or other.reading is None:
            return True
        if self.row is None or not (isinstance(self.reading, Known) and isinstance(other.reading, Known)):
            return self.reading == other.reading
        values = {side: self.reading.value, side.other: other.reading.value}
        return self.row.lens.agree(values[Side.PROCORE], values[Side.FOURHSE])


@dataclass(frozen=True)
class KnownRecords:
    """Some records of one route as they were read last, the deleted ones as they were kept."""

    route: Route
    zone: str = UTC_ZONE
    staged: Mapping[RecordRef, Staged] = field(default_factory=dict)
    stones: Mapping[RecordRef, Tombstone] = field(default_factory=dict)
    below: Mapping[RecordRef, tuple[RawRecord, ...]] = field(default_factory=dict)
    """What stands below an incident, by the incident."""
    lists: Picklists = field(default_factory=Picklists)

    @classmethod
    def read(cls, unit: Unit, route: Route, refs: Collection[RecordRef]) -> KnownRecords:
        """These records with all that `values` tells of them."""
        rows = route.mapping.fields
        needs_lists = any(ref.kind not in (Kind.INCIDENT, Kind.DIRECTORY) for ref in refs)
        needs_lists |= bool(refs) and any(isinstance(row.lens, NeedsLists) for row in rows)
        known = cls.outline(unit, route, refs, refs)
        if not needs_lists:
            return known
        return replace(known, lists=picklists(unit, unit.routes.get(route.key), route.mapping))

    @classmethod
    def outline(
        cls, unit: Unit, route: Route, refs: Collection[RecordRef], with_people: Collection[RecordRef]
    ) -> KnownRecords:
        """These records for their titles and days, and some of them with their people."""
        staged = {record.record.ref: record for record in _staged(unit, route, refs)}
        present = frozenset(ref for ref, record in staged.items() if record.present)
        lost = [ref for ref in refs if ref not in present]
        zone = unit.routes.get(route.key).zone or UTC_ZONE
        stones = unit.links(route.key).tombstones(lost) if lost else {}
        return cls(route, zone, staged, stones, _below(unit, route, with_people, present))

    # One record ---------------------------------------------------------------------------------------------------

    def is_present(self, ref: RecordRef) -> bool:
        """Whether the latest reading shows it."""
        return ref in self.staged and self.staged[ref].present

    def is_hidden(self, ref: RecordRef) -> bool:
        """Whether privacy keeps its contents in its own system."""
        return ref in self.staged and self.staged[ref].minimal

    def image(self, ref: RecordRef) -> Image | None:
        """What it shows, or showed last; None of what nothing is known."""
        staged = self.staged.get(ref)
        if ref in self.stones and (staged is None or not staged.present):
            staged = Staged(self.stones[ref].record)
        if staged is None or staged.minimal:
            return None
        if ref.kind is not Kind.INCIDENT:
            return {**staged.record.payload, ZONE: self.zone}
        recorded = sorted({KINDS[record.kind].value for record in self.below.get(ref, ()) if record.kind in KINDS})
        return image_of(staged, self.zone, recorded=recorded)

    def people(self, ref: RecordRef) -> tuple[RawRecord, ...]:
        """The records that name the people of an incident."""
        return tuple(one for one in self.below.get(ref, ()) if one.kind in (*PEOPLE_RECORDS, Kind.PERSON))

    def title(self, ref: RecordRef) -> str:
        return self._text(ref, self.route.mapping.title)

    def day(self, ref: RecordRef) -> str:
        return self._text(ref, self.route.mapping.day)

    def _text(self, ref: RecordRef, row: Field) -> str:
        image = self.image(ref)
        reading = row.lens.get(ref.side, image) if image is not None else Known(None)
        return display(reading.value) if isinstance(reading, Known) else ""

    # Its values ---------------------------------------------------------------------------------------------------

    def values(self, ref: RecordRef, kind: Kind) -> tuple[Value, ...]:
        """Everything that people read of a record; `kind` is Procore's, also of a record of 4HSE. Empty ones too."""
        image = self.image(ref)
        if image is None:
            return ()
        if ref.kind is Kind.DIRECTORY:
            return tuple(_of_entry(ref.side, image))
        rows = self.route.mapping.rows_for(kind, self.lists)
        mapped = (self.value(row, ref.side, image) for row in rows)
        return (*mapped, *(self._of_incident(ref, image) if ref.kind is Kind.INCIDENT else ()))

    def both(self, ref: RecordRef, kind: Kind, before: Image, after: Image) -> Iterator[tuple[Value, ...]]:
        """One record as it stood at two moments, without what it showed at neither; what changed is marked."""
        rows = self.route.mapping.rows_for(kind, self.lists)
        read = {name for row in rows for name in row.lens.reads(ref.side)}
        # What no row tells of may say anything about anybody.
        rest = [name for name in before if name not in read and before[name] != after.get(name)]
        then, now = (
            [self.value(row, ref.side, {**image, ZONE: self.zone}) for row in rows]
            + [Value(name, str(image.get(name) or ""), frozenset(FieldClass)) for name in rest]
            for image in (before, after)
        )
        pairs = [pair for pair in zip(then, now, strict=True) if pair[0].text or pair[1].text]
        for which in range(2):
            yield tuple(replace(pair[which], differs=pair[0].text != pair[1].text) for pair in pairs)

    def value(self, row: Field, side: Side, image: Image) -> Value:
        reading = row.lens.get(side, image)
        return Value(row.label, in_words(row, side, image, reading), frozenset({row.privacy}), reading, row)

    def people_in_words(self, ref: RecordRef) -> str:
        """Who is named below an incident, with their days of absence; empty where nobody is."""
        return "; ".join(_person(*one) for one in self._named_people(ref))

    def _named_people(self, ref: RecordRef) -> list[tuple[str, int]]:
        return sorted(
            (name_in(ref.side, one.payload) or say("record.somebody"), absence_in(ref.side, one.payload))
            for one in self.people(ref)
        )

    def _of_incident(self, ref: RecordRef, image: Image) -> Iterator[Value]:
        told = tuple((fold(name), days) for name, days in self._named_people(ref))
        yield Value(say("field.people"), self.people_in_words(ref), ABOUT_PEOPLE, Known(told or None))
        yield Value(say("field.number"), number_of(ref.side, image))
        yield Value(say("field.author"), author_in(ref.side, image), IDENTITY)
        changed = changed_at(ref.side, image)
        yield Value(say("field.changed"), moment(changed) if changed else "")


def _person(name: str, days: int) -> str:
    return f"{name} ({counted(days, 'day')})" if days else name


def _of_entry(side: Side, row: Image) -> Iterator[Value]:
    name = entry_name(side, row)
    yield Value(say("entry.name"), name, IDENTITY, Known(fold(name)))
    for what, text in entry_details(side, row).items():
        yield Value(say(f"entry.{what}"), text, IDENTITY, Known(fold(text)))


def in_words(row: Field, side: Side, image: Image, reading: Reading) -> str:
    """What a field shows on a side, people by their names; of a word that nobody knows, the word itself."""
    if isinstance(reading, Held):
        return reading.word or ""
    if isinstance(row.lens, PersonLens) and reading.value is not None:
        named = name_in(side, image)
        return named or row.lens.directory.name(side, row.lens.person(side, image) or str(reading.value))
    return display(reading.value)


# Several records --------------------------------------------------------------------------------------------------


def compared(records: Sequence[tuple[Side, tuple[Value, ...]]]) -> list[tuple[Value, ...]]:
    """The values of the first record and of those beside it, without what all leave empty; what differs is marked."""
    filled = {value.label for _, values in records for value in values if value.text}
    shown = [(side, {value.label: value for value in values if value.label in filled}) for side, values in records]
    (first_side, first), others = shown[0], shown[1:]
    apart = [
        {
            label
            for label in first.keys() & other.keys()
            if side is not first_side and not first[label].agrees(first_side, other[label])
        }
        for side, other in others
    ]
    marks = [frozenset[str]().union(*apart), *apart]
    return [
        tuple(replace(value, differs=label in marked) for label, value in values.items())
        for (_, values), marked in zip(shown, marks, strict=True)
    ]


def _staged(unit: Unit, route: Route, refs: Iterable[RecordRef]) -> Iterator[Staged]:
    by_kind: dict[tuple[Side, Kind], set[str]] = defaultdict(set)
    for ref in refs:
        by_kind[ref.side, ref.kind].add(ref.id)
    for (side, kind), ids in by_kind.items():
        yield from unit.staging(route.key).some(side, kind, ids)


def _below(
    unit: Unit, route: Route, refs: Iterable[RecordRef], present: Collection[RecordRef]
) -> dict[RecordRef, tuple[RawRecord, ...]]:
    """What stands below each incident; of one that is gone what went with it."""
    incidents = {side: [ref.id for ref in refs if ref.side is side and ref.kind is Kind.INCIDENT] for side in Side}
    below: dict[RecordRef, tuple[RawRecord, ...]] = {}
    for side, ids in incidents.items():
        for staged in unit.staging(route.key).below(side, ids, BELOW[side]):
            incident = RecordRef(side, Kind.INCIDENT, staged.record.parent_id or "")
            if staged.present or incident not in present:
                below[incident] = (*below.get(incident, ()), staged.record)
    return below
