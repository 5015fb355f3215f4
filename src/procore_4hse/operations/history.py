"""Every write that was carried out, field by field: what stood there before, what stands there since, and why."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from heapq import merge
from zoneinfo import ZoneInfo

from procore_4hse.engine.snapshots import picklists
from procore_4hse.mapping.lenses.base import ZONE, Held, Known, NeedsLists, Reading
from procore_4hse.mapping.lenses.person import PersonLens
from procore_4hse.mapping.picklists import Picklists
from procore_4hse.mapping.rules import Field
from procore_4hse.models import Act, Action, Image, Kind, Link, QuestionKey, RawRecord, RecordRef, Side
from procore_4hse.operations.offline import UTC_ZONE, find, listed
from procore_4hse.push.steps import answered_by
from procore_4hse.reconcile.diff import display
from procore_4hse.reconcile.items import title_of
from procore_4hse.reconcile.snapshot import Record
from procore_4hse.route import Route
from procore_4hse.store.inbox import Entry
from procore_4hse.store.journal import CARRIED_OUT, EVER, Intent
from procore_4hse.store.repository import Store, Unit

Rows = Mapping[Kind, tuple[Field, ...]]
"""The mapping's rows for each kind of record, told what both systems' own lists hold."""
PAGE = 200
REMOVED = "(removed)"
"""What stands in place of values that retention took away."""
RULES = "the rules"
PERSON = "a person's answer"
NAMED = "a person named in "
"""How the reason of a create begins that follows the rules: there is somebody new in an incident."""


@dataclass(frozen=True)
class Write:
    """One field of a write. Of a record that was made, deleted, brought back or linked it is one for all fields.

    `old` and `new` are in words. `by` says whether a rule or a person decided; `undone_by` is the write that took this
    one back.
    """

    id: str
    at: datetime
    route: Route
    side: Side
    act: Act
    kind: Kind
    record: str
    title: str
    field: str
    old: str
    new: str
    reason: str
    by: str
    undone_by: str | None = None
    row: Field | None = None
    """The mapping's row of the field; None of a whole record."""


def of_incident(store: Store, routes: tuple[Route, ...], record_id: str, since: date | None = None) -> list[Write]:
    """What was written for the incident that has this id on either side, or is around the record that has it.

    Newest first, since that day of the project's. Raises UsageError when no such incident is known.
    """
    route, ids = find(store, routes, record_id)
    with store.read() as unit:
        start = _start(unit, route, since)
        links = unit.links(route.key).around(listed(ids))
        own = {RecordRef(side, Kind.INCIDENT, known) for side, known in ids.items() if known}
        records = own | {record for link in links for record in link.refs}
        told = unit.journal(route.key).story(*(record.id for record in records))
        mine = [one for one in told if one.outcome in CARRIED_OUT and _is_about(one.action, records, ids[Side.PROCORE])]
        reader = _Reader.of(unit, route, _rows(unit, route), mine[::-1], links)
        joined = [link for link in links if link.kind is Kind.INCIDENT and link.origin is None]
        found = list(merge(reader.writes(), reader.joined(joined), key=lambda write: write.at, reverse=True))
    return [write for write in found if write.at >= start]


def values(route: Route, zone: str, rows: Rows, intents: Iterable[Intent]) -> Iterator[Write]:
    """The same of writes that are at hand, without titles, persons, and what was taken back; nothing is read."""
    carried_out = [intent for intent in intents if intent.outcome in CARRIED_OUT]
    return _Reader(route, zone, carried_out, {}, {}, {}, rows).writes()


def of_routes(store: Store, routes: Iterable[Route], since: date | None = None) -> Iterator[Write]:
    """What was written on these routes since that day of the project's, newest first. Read page by page."""
    yield from merge(*(_of_route(store, route, since) for route in routes), key=lambda write: write.at, reverse=True)


def _is_about(action: Action, records: set[RecordRef], incident: str | None) -> bool:
    return not action.refs.isdisjoint(records) or (incident is not None and action.parent == incident)


def _of_route(store: Store, route: Route, since: date | None) -> Iterator[Write]:
    with store.read() as unit:
        start = _start(unit, route, since)
        links, rows = unit.links(route.key).matched(start), _rows(unit, route)
        joined = list(_Reader.of(unit, route, rows, (), links).joined(links))
    yield from merge(_written(store, route, rows, start), joined, key=lambda write: write.at, reverse=True)


def _rows(unit: Unit, route: Route, kinds: Collection[Kind] = tuple(Kind)) -> Rows:
    """Of these kinds of records. Both systems' lists hold thousands of people, and are read only where they count."""
    unbound = Picklists()
    rows = {kind: route.mapping.rows_for(kind, unbound) for kind in kinds}
    if not any(isinstance(row.lens, NeedsLists) for own in rows.values() for row in own):
        return rows
    lists = picklists(unit, unit.routes.get(route.key), route.mapping)
    return {kind: route.mapping.rows_for(kind, lists) for kind in kinds}


def _start(unit: Unit, route: Route, since: date | None) -> datetime:
    zone = ZoneInfo(unit.routes.get(route.key).zone or UTC_ZONE)
    return datetime.combine(since, time(), zone) if since else EVER


def _written(store: Store, route: Route, rows: Rows, start: datetime) -> Iterator[Write]:
    last: tuple[datetime, str] | None = None
    while True:
        with store.read() as unit:
            intents = unit.journal(route.key).page(since=start, before=last, at_most=PAGE)
            writes = list(_Reader.of(unit, route, rows, intents).writes())
        yield from writes
        if len(intents) < PAGE:
            return
        last = intents[-1].made_at, intents[-1].id


def find_writes(unit: Unit, route: Route, write_id: str) -> list[tuple[Intent, list[Write]]]:
    """The writes whose id begins so, two at most, each with its rows; with a field behind a colon that row alone."""
    start, _, field = write_id.partition(":")
    intents = unit.journal(route.key).beginning(start)
    rows = _rows(unit, route, {intent.action.kind for intent in intents})
    found = ((intent, list(_Reader.of(unit, route, rows, [intent]).writes())) for intent in intents)
    return [(each, [one for one in writes if field in ("", one.id.partition(":")[2])]) for each, writes in found]


# Read in few statements, however many writes ----------------------------------------------------------------------


@dataclass(frozen=True)
class _Reader:
    """Some writes of one route, and what the store tells about them."""

    route: Route
    zone: str
    intents: Sequence[Intent]
    titles: dict[RecordRef, str]
    answers: dict[str, list[Entry]]
    undone: dict[str, str]
    rows: Rows

    @classmethod
    def of(cls, unit: Unit, route: Route, rows: Rows, intents: Sequence[Intent], links: Iterable[Link] = ()) -> _Reader:
        actions = [intent.action for intent in intents]
        refs = {ref for action in actions for ref in _incident(action)} | {ref for link in links for ref in link.refs}
        keys = {key for action in actions for key in _questions(action)}
        keys |= {QuestionKey.match(ref) for link in links for ref in link.refs}
        targets = [action.target_id for action in actions if action.act is Act.UPDATE and action.target_id]
        return cls(
            route=route,
            zone=unit.routes.get(route.key).zone or UTC_ZONE,
            intents=intents,
            titles=_titles(unit, route, refs),
            answers=_by_key(unit.inbox(route.key).answered(keys)),
            undone=unit.journal(route.key).undone(targets),
            rows=rows,
        )

    def writes(self) -> Iterator[Write]:
        for intent in self.intents:
            yield from self._updated(intent) if intent.action.act is Act.UPDATE else (self._whole(intent),)

    def joined(self, links: Iterable[Link]) -> Iterator[Write]:
        for link in links:
            asked = [entry for ref in link.refs for entry in self.answers.get(QuestionKey.match(ref), ())]
            said = [entry for entry in asked if (entry.answer or {}).get("verb") == "approve"]
            yield Write(
                id=f"link-{link.id}",
                at=link.since or EVER,
                route=self.route,
                side=Side.FOURHSE,
                act=Act.LINK,
                kind=link.kind,
                record=link.fourhse_id,
                title=next((self.titles[ref] for ref in link.refs if self.titles.get(ref)), ""),
                field="",
                old="",
                new=f"Procore {link.procore_id} and 4HSE {link.fourhse_id}",
                reason="the two are one incident",
                by=_answer(said[-1]) if said else RULES,
            )

    def _updated(self, intent: Intent) -> Iterator[Write]:
        action = intent.action
        if intent.is_purged:
            yield self._write(intent, None, REMOVED, REMOVED)
            return
        mapped = {row.key: row for row in self.rows[action.kind]}
        for key in action.sources:
            row = mapped.get(key)
            yield self._field(intent, row) if row else self._write(intent, None, "", _raw(action.sources[key]), key)
        if not action.sources:
            yield from self._beside_the_rows(intent)

    def _beside_the_rows(self, intent: Intent) -> Iterator[Write]:
        """A write that carries no row's value: the rows that it changed, or else what was sent."""
        action = intent.action
        touched = (self._field(intent, row) for row in self.rows[action.kind] if _touches(row, action))
        changed = [write for write in touched if write.old != write.new]
        was = {name: intent.before[name] for name in action.fields if name in intent.before}
        yield from changed or [self._write(intent, None, _raw(was), _raw(action.fields))]

    def _field(self, intent: Intent, row: Field) -> Write:
        action = intent.action
        old = row.lens.get(action.side, self._zoned({**intent.before, **action.seen}))
        return self._write(intent, row, in_words(row, action.side, old), self._new(intent, row))

    def _new(self, intent: Intent, row: Field) -> str:
        """What the answer showed; of a write whose answer was lost, what was sent."""
        action = intent.action
        if not intent.answer and row.key in action.sources:
            source = row.lens.get(action.side.other, self._zoned(action.sources[row.key]))
            return in_words(row, action.side.other, source)
        shown = self._zoned({**action.seen, **action.fields, **(intent.answer or {})})
        return in_words(row, action.side, row.lens.get(action.side, shown))

    def _whole(self, intent: Intent) -> Write:
        action = intent.action
        if intent.is_purged:
            return self._write(intent, None, REMOVED, REMOVED)
        held = self._held(intent)
        return self._write(
            intent, None, held if action.act is Act.DELETE else "", "" if action.act is Act.DELETE else held
        )

    def _held(self, intent: Intent) -> str:
        """Everything that the mapping reads of a record that was made, deleted or brought back."""
        action = intent.action
        is_gone = action.act is Act.DELETE
        image = self._zoned(intent.before if is_gone else {**intent.before, **action.fields, **(intent.answer or {})})
        told = ((row, row.lens.get(action.side, image)) for row in self.rows[action.kind])
        values = (
            (row.label, in_words(row, action.side, reading)) for row, reading in told if isinstance(reading, Known)
        )
        return "; ".join(f"{label}: {value}" for label, value in values if value)

    def _zoned(self, image: Image) -> Image:
        return {**image, ZONE: self.zone}

    def _write(self, intent: Intent, row: Field | None, old: str, new: str, field: str = "") -> Write:
        action = intent.action
        key = row.key if row else field
        write_id = f"{intent.id}:{key}" if key else intent.id
        return Write(
            id=write_id,
            at=intent.made_at,
            route=self.route,
            side=action.side,
            act=action.act,
            kind=action.kind,
            record=action.target_id or "",
            title=next((self.titles[ref] for ref in _incident(action) if self.titles.get(ref)), ""),
            field=row.label if row else field,
            old=old,
            new=new,
            reason=action.reason,
            by=self._by(intent, key),
            undone_by=self.undone.get(write_id),
            row=row,
        )

    def _by(self, intent: Intent, field: str) -> str:
        """Whose decision it was: a person's when their answer ended with this write. Their name comes in here."""
        action = intent.action
        keys = set(_questions(action))
        if field and action.act is Act.UPDATE:
            keys &= {QuestionKey.difference(action.link, field)}
        for entry in (entry for key in keys for entry in self.answers.get(key, ())):
            is_undo = bool(action.undoes) and entry.item.facts.get("write") == action.undoes
            if is_undo or (entry.state == "closed" and entry.changed_at == intent.ended_at):
                return _answer(entry)
        is_told = "a person " in action.reason and not action.reason.startswith(NAMED)
        return PERSON if is_told else RULES


def _answer(entry: Entry) -> str:
    return f"{PERSON} (question {entry.id})"


def _questions(action: Action) -> Iterator[QuestionKey]:
    """The questions whose answers this write may have carried out."""
    yield from answered_by(action)
    if action.undoes:
        yield QuestionKey.difference(action.link, action.undoes.partition(":")[2])


def _by_key(entries: Iterable[Entry]) -> dict[str, list[Entry]]:
    by_key: dict[str, list[Entry]] = {}
    for entry in entries:
        by_key.setdefault(entry.item.key, []).append(entry)
    return by_key


def _touches(row: Field, action: Action) -> bool:
    return not row.inactive and not action.fields.keys().isdisjoint(row.lens.names(action.side))


# Words ------------------------------------------------------------------------------------------------------------


def in_words(row: Field, side: Side, reading: Reading) -> str:
    """What a field shows on a side, people by their names, or in brackets why it cannot be told."""
    if isinstance(reading, Held):
        return f"({reading.reason})"
    if isinstance(row.lens, PersonLens) and reading.value is not None:
        return row.lens.directory.name(Side.PROCORE, str(reading.value))
    return display(reading.value)


def _raw(values: Image) -> str:
    """Values that no row of the mapping reads, under the names of their system."""
    return "; ".join(f"{name}: {value}" for name, value in values.items() if not isinstance(value, dict | list))


def _incident(action: Action) -> tuple[RecordRef, ...]:
    """The incident that a write is about, by the ids that the write knows."""
    if action.parent:
        return (RecordRef(Side.PROCORE, Kind.INCIDENT, action.parent),)
    return tuple(ref for ref in sorted(action.refs, key=lambda ref: ref.side.value) if ref.kind is Kind.INCIDENT)


def _titles(unit: Unit, route: Route, records: set[RecordRef]) -> dict[RecordRef, str]:
    """The headlines of incidents, from staging or else from what was kept of a deleted one."""
    titles: dict[RecordRef, str] = {}
    for side in Side:
        for staged in unit.staging(route.key).some(
            side, Kind.INCIDENT, [ref.id for ref in records if ref.side is side]
        ):
            titles[staged.record.ref] = _title(route, staged.record, minimal=staged.minimal)
    stones = unit.links(route.key).tombstones([ref for ref in records if ref not in titles])
    return titles | {ref: _title(route, stone.record) for ref, stone in stones.items()}


def _title(route: Route, record: RawRecord, *, minimal: bool = False) -> str:
    return title_of(route.mapping, Record(record.side, record.id, record.payload, minimal=minimal))
