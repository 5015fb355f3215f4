"""Which record is which, and what both showed when they last agreed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy import bindparam as given
from sqlalchemy.sql.selectable import NamedFromClause

from procore_4hse.models import CHILDREN, PEOPLE_RECORDS, Base, Kind, Link, LinkState, RawRecord, RecordRef, Side
from procore_4hse.store.inserts import chunks, insert_new
from procore_4hse.store.tables import APART, LINKS, RECORDS, STONES, Instant

C = LINKS.c
PAIR = (C.procore_id, C.fourhse_id)
NOTHING_AGREED: Mapping[str, Base] = MappingProxyType({})
LINKED = (Kind.INCIDENT, *CHILDREN)
"""The kinds of links."""
IDS = dict(zip((Side.PROCORE, Side.FOURHSE), PAIR, strict=True))
STATE = ("digest", "absent", "minimal", "status_at", "newest_at")
"""What staging tells of a record that a decision may depend on: its contents as a digest, and what is beside them."""
OURS = C.route == given("in_route")
LIVING = (OURS, C.removed.is_(False))


def _of_link(shown: NamedFromClause[Any], side: Side) -> ColumnElement[bool]:
    """Joins what is staged of a link's incident on that side."""
    named = (shown.c.side == side.value, shown.c.kind == Kind.INCIDENT.value, shown.c.id == IDS[side])
    return and_(shown.c.route == C.route, *named)


ALL = select(LINKS).where(*LIVING).order_by(C.id)
OUTLINE = select(*(column for column in C if column is not C.base)).where(
    *LIVING, C.kind.in_(given("of_kinds", expanding=True))
)
ON_SIDE = {
    side: select(LINKS).where(*LIVING, C.kind.in_(given("of_kinds", expanding=True)), column == given("record"))
    for side, column in IDS.items()
}
SOME_ON_SIDE = {
    side: select(LINKS).where(
        *LIVING, C.kind.in_(given("of_kinds", expanding=True)), column.in_(given("some", expanding=True))
    )
    for side, column in IDS.items()
}
OF_PARENTS = select(LINKS).where(*LIVING, C.parent.in_(given("incidents", expanding=True)))
WITH_RECORDS_BELOW = select(*PAIR).where(
    *LIVING,
    C.kind == Kind.INCIDENT.value,
    C.procore_id.in_(given("some", expanding=True)),
    or_(
        *(
            exists().where(RECORDS.c.route == C.route, RECORDS.c.side == side.value, RECORDS.c.parent_id == column)
            for side, column in IDS.items()
        )
    ),
)
MATCHED = (
    OUTLINE.where(C.parent.is_(None), C.born.is_(None), C.since >= given("from_at", type_=Instant))
    .order_by(None)
    .order_by(C.since.desc(), C.id.desc())
)
KEPT = select(*(column for column in C if column is not C.base)).where(*LIVING, C.state == LinkState.IGNORED.value)
HOW_MANY = select(func.count()).where(*LIVING, C.kind == given("of_kind"), C.state != LinkState.ENDED.value)
PARTNERS = select(C.fourhse_id, C.procore_id).where(
    *LIVING, C.kind == Kind.INCIDENT.value, C.fourhse_id.in_(given("some", expanding=True))
)
REMOVED = select(*PAIR).where(OURS, C.removed)
P, F = (RECORDS.alias(side.value) for side in Side)
STATES = (
    select(
        *(C.id, C.procore_id, C.fourhse_id, C.state, C.generation, C.fingerprint),
        *(shown.c[name] for shown in (P, F) for name in STATE),
    )
    .select_from(LINKS.outerjoin(P, _of_link(P, Side.PROCORE)).outerjoin(F, _of_link(F, Side.FOURHSE)))
    .where(*LIVING, C.kind == Kind.INCIDENT.value)
    .order_by(C.id)
)
CHILD_STATES = (
    select(C.parent, C.id, C.kind, C.procore_id, C.fourhse_id, C.state, C.generation, C.fingerprint)
    .where(*LIVING, C.kind != Kind.INCIDENT.value)
    .order_by(C.id)
)
BORN_PRIVATE = select(C.procore_id).where(*LIVING, C.born_private)
AMONG = {
    side: select(column)
    .distinct()
    .where(
        column.in_(given("some", expanding=True)),
        C.kind.in_(given("of_kinds", expanding=True)),
        C.removed.is_(False),
    )
    for side, column in IDS.items()
}
LINKED_HERE = {side: question.where(OURS) for side, question in AMONG.items()}
ELSEWHERE = {side: question.where(C.route != given("in_route")) for side, question in AMONG.items()}
ANSWERED = [delete(LINKS).where(OURS, C.removed, column == given("record")) for column in PAIR]
TOLD_APART = select(APART.c.procore_id, APART.c.fourhse_id).where(APART.c.route == given("in_route"))
INSERT, CHANGE, DELETE = (
    insert(LINKS),
    update(LINKS).where(C.id == given("one")),
    delete(LINKS).where(C.id == given("one")),
)
SETTLE = update(LINKS).where(C.id == given("one")).values(fingerprint=given("shown"))
STREAMED = {"yield_per": 1000}

S = STONES.c
BURIED = (
    select(STONES)
    .where(
        S.route == given("in_route"),
        S.side == given("on_side"),
        S.kind == given("of_kind"),
        S.record_id.in_(given("some", expanding=True)),
    )
    .order_by(S.id)
)
LEFT_BEHIND = (
    select(STONES)
    .where(
        S.route == given("in_route"), S.side == Side.FOURHSE.value, S.kind.in_([kind.value for kind in PEOPLE_RECORDS])
    )
    .order_by(S.id)
)


Incidents = Mapping[Side, Collection[str]]
"""Ids of incidents, by their side."""


@dataclass(frozen=True)
class Tombstone:
    record: RawRecord
    evidence: str
    seen_at: datetime
    number: int
    """The later one of two has the higher number, whatever the clock did in between."""


class Links:
    def __init__(self, connection: Connection, route: str, now: datetime) -> None:
        self.connection, self.route, self.now = connection, route, now

    def all(self) -> tuple[Link, ...]:
        return tuple(_link(row, row.base) for row in self._rows(ALL))

    def outlines(self) -> Iterator[Any]:
        """Of every incident's link: id, both ids, state, generation, fingerprint, and STATE of both its records."""
        return self._stream(STATES)

    def child_outlines(self) -> Iterator[Any]:
        """Of every other link: its incident's Procore id, and what tells what it is."""
        return self._stream(CHILD_STATES)

    def settle(self, fingerprints: Sequence[tuple[int, str | None]]) -> None:
        """What these links show now that there is nothing to do for them; None of those for which there is."""
        if fingerprints:
            self.connection.execute(SETTLE, [{"one": number, "shown": shown} for number, shown in fingerprints])

    def _stream(self, question: Select[Any]) -> Iterator[Any]:
        """A few rows at a time, however many there are."""
        yield from self.connection.execute(question, {"in_route": self.route}, execution_options=STREAMED)

    def outline(self, *kinds: Kind) -> tuple[Link, ...]:
        """Every link of these kinds without its base, which makes most of its size."""
        return tuple(_link(row, {}) for row in self._rows(OUTLINE, of_kinds=[kind.value for kind in kinds]))

    def ignored(self) -> tuple[Link, ...]:
        """Links of which one record was deleted and the other is kept; without their bases."""
        return tuple(_link(row, {}) for row in self._rows(KEPT))

    def matched(self, since: datetime) -> tuple[Link, ...]:
        """Incidents that were there on both sides and were linked since, newest first; without their bases."""
        return tuple(_link(row, {}) for row in self._rows(MATCHED, of_kinds=[Kind.INCIDENT.value], from_at=since))

    def count(self, kind: Kind) -> int:
        """Links of which at least one record was not deleted."""
        number: int = self.connection.execute(HOW_MANY, {"in_route": self.route, "of_kind": kind.value}).scalar_one()
        return number

    def procore_of(self, fourhse_ids: Collection[str]) -> dict[str, str]:
        """The Procore ids of these incidents of 4HSE, those that are linked."""
        rows = (
            self.connection.execute(PARTNERS, {"in_route": self.route, "some": some}) for some in chunks([*fourhse_ids])
        )
        return {fourhse_id: procore_id for found in rows for fourhse_id, procore_id in found}

    def around(self, incidents: Incidents) -> tuple[Link, ...]:
        """The links of these incidents, and those of their people and equipment."""
        own: dict[int, Row[Any]] = {}
        for side in Side:
            found = {row.procore_id if side is Side.PROCORE else row.fourhse_id for row in own.values()}
            left = [RecordRef(side, Kind.INCIDENT, each) for each in incidents[side] if each not in found]
            own |= {row.id: row for _, _, rows in self._links_of(left) for row in rows}
        below = self._below(row.procore_id for row in own.values())
        rows = sorted((*own.values(), *below), key=lambda row: row.id)  # As `all` has them.
        return tuple(_link(row, row.base) for row in rows)

    def with_records_below(self, procore_ids: Collection[str]) -> Incidents:
        """Those of these linked incidents below which a record stands, on either side."""
        rows = (self._rows(WITH_RECORDS_BELOW, some=some) for some in chunks(sorted(procore_ids)))
        pairs = [pair for found in rows for pair in found]
        return {Side.PROCORE: [ours for ours, _ in pairs], Side.FOURHSE: [theirs for _, theirs in pairs]}

    def find(self, record: RecordRef) -> Link | None:
        """The link of a record."""
        row = self._row(record)
        return _link(row, row.base) if row else None

    def some(self, records: Collection[RecordRef]) -> dict[RecordRef, Link]:
        """The links of these records, each of those that are in one."""
        return {
            RecordRef(side, kind, row.procore_id if side is Side.PROCORE else row.fourhse_id): _link(row, row.base)
            for side, kind, rows in self._links_of(records)
            for row in rows
        }

    def add(
        self,
        procore_id: str,
        fourhse_id: str,
        *,
        kind: Kind = Kind.INCIDENT,
        parent: str | None = None,
        origin: Side | None = None,
        generation: int = 0,
        born_private: bool = False,
        base: Mapping[str, Base] = NOTHING_AGREED,
    ) -> Link:
        """Links two records, or gives an existing link of either record its new partner.

        What was agreed on with the one before does not hold for a new partner: `base` does.
        """
        link = Link(
            0, procore_id, fourhse_id, kind=kind, base=base, parent=parent, origin=origin, generation=generation
        )
        known = self._row(link.ref(Side.PROCORE), kind) or self._given_up(link)
        if known is None:
            self.connection.execute(INSERT, self._new(link, born_private=born_private))
        else:
            same = (known.procore_id, known.fourhse_id) == (procore_id, fourhse_id)
            # An id that we gave once is never given again, whoever the partner was.
            highest = max(known.generation, generation)
            fresh = {"procore_id": procore_id, "fourhse_id": fourhse_id, "generation": highest, "kind": kind.value}
            # A person's record may stand in another incident than the one that its former partner was in.
            fresh["parent"] = parent or known.parent
            state = {"state": LinkState.LIVE.value, "base": known.base if same else _bases_json(base)}
            private = {"born_private": known.born_private or born_private}
            self._change(known, **fresh, **state, **private)
        row = self._found(link.ref(Side.PROCORE))[0]
        return _link(row, row.base)

    def join_all(self, links: Sequence[Link]) -> None:
        """Joins many pairs, each with its base; those of which neither record is in a link yet, by a few statements."""
        taken = self._taken(links)
        fresh: list[Link] = []
        known: list[Link] = []
        for link in links:
            (known if link.refs & taken else fresh).append(link)
            taken |= link.refs
        if fresh:
            self.connection.execute(INSERT, [self._new(link, born_private=False) for link in fresh])
        for link in known:
            self.join(link.procore_id, link.fourhse_id, kind=link.kind, parent=link.parent, base=link.base)
        self.rebase_all([(link.ref(Side.PROCORE), link.base) for link in known if link.base])

    def _taken(self, links: Iterable[Link]) -> set[RecordRef]:
        """Those of these links' records that are in a link of this route."""
        records = (record for link in links for record in link.refs)
        return {
            RecordRef(side, kind, record_id)
            for side, kind, ids in _by_kind(records)
            for (record_id,) in self._rows(LINKED_HERE[side], some=ids, of_kinds=_kinds_of(side, kind))
        }

    def _new(self, link: Link, *, born_private: bool) -> dict[str, Any]:
        return {
            "route": self.route,
            "kind": link.kind.value,
            "procore_id": link.procore_id,
            "fourhse_id": link.fourhse_id,
            "born": link.origin.value if link.origin else None,
            "parent": link.parent,
            "generation": link.generation,
            "state": LinkState.LIVE.value,
            "base": _bases_json(link.base),
            "born_private": born_private,
            "since": self.now,
        }

    def join(
        self,
        procore_id: str,
        fourhse_id: str,
        *,
        kind: Kind = Kind.INCIDENT,
        parent: str | None = None,
        base: Mapping[str, Base] = NOTHING_AGREED,
    ) -> Link:
        """Links two records that were there before, each instead of whatever it was linked with.

        The people of an incident that gets another partner are linked anew, by whom they name. `base` is what counts
        for new partners.
        """
        link = Link(0, procore_id, fourhse_id, kind=kind)
        former = [row for side in Side if (row := self._row(link.ref(side))) is not None]
        for row in former if kind is Kind.INCIDENT else ():
            if (row.procore_id, row.fourhse_id) != (procore_id, fourhse_id):
                self.drop_children(row.procore_id)
        return self.add(procore_id, fourhse_id, kind=kind, parent=parent, base=base)

    def _given_up(self, link: Link) -> Row[Any] | None:
        """The link of a 4HSE record whose Procore record is gone for good, without its people.

        A near miss that was entered anew as an injury had a link of another kind.
        """
        row = self._row(link.ref(Side.FOURHSE))
        if row is not None and link.kind is Kind.INCIDENT:
            self.drop_children(row.procore_id)
        return row

    def rebase(self, procore: RecordRef, fields: Mapping[str, Base]) -> None:
        """New bases for some fields of the link that the Procore record is in."""
        self.rebase_all([(procore, fields)])

    def rebase_all(self, fresh: Sequence[tuple[RecordRef, Mapping[str, Base]]]) -> None:
        """New bases for many links, each named by its Procore record, by a few statements for all of them."""
        rows = self._by_procore(procore for procore, _ in fresh)
        bases: dict[int, dict[str, Any]] = {}
        for procore, fields in fresh:
            if row := rows.get(procore):
                base = bases.setdefault(row.id, dict(row.base))
                base |= _bases_json(fields)
        if bases:
            changed = [{"one": number, "base": base, "fingerprint": None} for number, base in bases.items()]
            self.connection.execute(CHANGE, changed)

    def _by_procore(self, records: Iterable[RecordRef]) -> dict[RecordRef, Row[Any]]:
        """The links of these Procore records."""
        found = self._links_of(records)
        return {RecordRef(side, kind, row.procore_id): row for side, kind, rows in found for row in rows}

    def _links_of(self, records: Iterable[RecordRef]) -> Iterator[tuple[Side, Kind, Sequence[Row[Any]]]]:
        """The links of these records, some of one side and kind at a time."""
        for side, kind, ids in _by_kind(records):
            yield side, kind, self._rows(SOME_ON_SIDE[side], some=ids, of_kinds=_kinds_of(side, kind))

    def _below(self, procore_ids: Iterable[str]) -> list[Row[Any]]:
        """The links of the people and the equipment of these incidents."""
        rows = (self._rows(OF_PARENTS, incidents=some) for some in chunks([*procore_ids]))
        return [row for found in rows for row in found]

    def set_state(self, procore: RecordRef, state: LinkState) -> None:
        row = self._row(procore)
        if row is not None and row.state != state.value:
            self._change(row, state=state.value)

    def drop_children(self, procore_id: str) -> tuple[Link, ...]:
        """Forgets the links of an incident's people, and returns them: it was made again, and they will be too."""
        rows = self._below([procore_id])
        self._delete(rows)
        return tuple(_link(row, row.base) for row in rows)

    def remove(self, procore_id: str) -> Link | None:
        """Takes a link apart; the two are strangers until a person answers."""
        row = self._row(RecordRef(Side.PROCORE, Kind.INCIDENT, procore_id))
        if row is None:
            return None
        self._change(row, removed=True)
        return _link(row, row.base)

    def removed(self) -> frozenset[tuple[str, str]]:
        return frozenset((procore_id, fourhse_id) for procore_id, fourhse_id in self._rows(REMOVED))

    def settle_removed(self, procore_id: str, fourhse_id: str, *, same: bool) -> None:
        """A person has answered about a pair that was taken apart; its people stay one only where these are the `same`.

        Else each of them is somebody new beside the incident that the other side gets or has instead.
        """
        for pair in self.removed():
            if (procore_id == pair[0] or fourhse_id == pair[1]) and not (same and pair == (procore_id, fourhse_id)):
                self.drop_children(pair[0])
        for answered, record in zip(ANSWERED, (procore_id, fourhse_id), strict=True):
            self.connection.execute(answered, {"in_route": self.route, "record": record})

    def born_private(self) -> frozenset[str]:
        return frozenset(row.procore_id for row in self._rows(BORN_PRIVATE))

    def linked_elsewhere(self, records: Collection[RecordRef]) -> frozenset[RecordRef]:
        """Those of these records that another route has linked."""
        return frozenset(
            RecordRef(side, kind, record_id)
            for side, kind, ids in _by_kind(records)
            for (record_id,) in self._rows(ELSEWHERE[side], some=ids, of_kinds=_kinds_of(side, kind))
        )

    def tell_apart(self, procore_id: str, fourhse_id: str) -> None:
        insert_new(self.connection, APART, {"route": self.route, "procore_id": procore_id, "fourhse_id": fourhse_id})

    def forget_apart(self, procore_id: str, fourhse_id: str) -> None:
        """Nobody has called these two different any more."""
        named = (APART.c.route == self.route, APART.c.procore_id == procore_id, APART.c.fourhse_id == fourhse_id)
        self.connection.execute(delete(APART).where(*named))

    def not_duplicates(self) -> frozenset[tuple[str, str]]:
        return frozenset((procore_id, fourhse_id) for procore_id, fourhse_id in self._rows(TOLD_APART))

    def bury(self, record: RawRecord, evidence: str) -> None:
        """Keeps the last image of a deleted record."""
        named = {"route": self.route, "side": record.side.value, "kind": record.kind.value, "record_id": record.id}
        kept = {"image": dict(record.payload), "evidence": evidence, "seen_at": self.now}
        self.connection.execute(insert(STONES), {**named, **kept})

    def tombstone(self, record: RecordRef) -> Tombstone | None:
        return self.tombstones([record]).get(record)

    def tombstones(self, records: Collection[RecordRef]) -> dict[RecordRef, Tombstone]:
        """The latest image and evidence of each of these records that was ever buried."""
        return {
            RecordRef(side, kind, row.record_id): Tombstone(
                RawRecord(side, kind, row.record_id, row.image), row.evidence, row.seen_at, row.id
            )
            for side, kind, ids in _by_kind(records)
            for row in self._rows(BURIED, on_side=side.value, of_kind=kind.value, some=ids)
        }

    def leave_behind(self, link: Link, record: RawRecord) -> None:
        """Keeps what 4HSE held of a person whose incident was made again there, by the Procore record's name."""
        self.bury(replace(record, kind=link.kind, id=link.procore_id), "its incident was made again")

    def left_behind(self) -> dict[RecordRef, Mapping[str, Any]]:
        """What 4HSE held last of people whose incident was made again, by their Procore records."""
        rows = self._rows(LEFT_BEHIND)
        return {RecordRef(Side.PROCORE, Kind(row.kind), row.record_id): row.image for row in rows}

    def _rows(self, question: Select[Any], **words: object) -> Sequence[Any]:
        return self.connection.execute(question, {"in_route": self.route, **words}).all()

    def _found(self, record: RecordRef, kind: Kind | None = None) -> Sequence[Row[Any]]:
        """Links of a record, of one kind when that is known: a person in 4HSE may be an injury or a near miss."""
        kinds = [each for each in _kinds_of(record.side, record.kind) if kind in (None, each)]
        return self._rows(ON_SIDE[record.side], record=record.id, of_kinds=kinds)

    def _row(self, record: RecordRef, kind: Kind | None = None) -> Row[Any] | None:
        return next(iter(self._found(record, kind)), None)

    def _change(self, row: Row[Any], **values: object) -> None:
        self.connection.execute(CHANGE, {"one": row.id, "fingerprint": None, **values})

    def _delete(self, rows: Iterable[Row[Any]]) -> None:
        if ids := [{"one": row.id} for row in rows]:
            self.connection.execute(DELETE, ids)


def _kinds_of(side: Side, kind: Kind) -> list[str]:
    """The kinds of links that such a record of this side can be in."""
    return [each.value for each in LINKED if each.on(side) is kind]


def _by_kind(records: Iterable[RecordRef]) -> Iterator[tuple[Side, Kind, Sequence[str]]]:
    """Ids of one side and kind, so many at a time as one statement may name."""
    ids_by_kind: dict[tuple[Side, Kind], list[str]] = defaultdict(list)
    for record in records:
        ids_by_kind[record.side, record.kind].append(record.id)
    for (side, kind), ids in ids_by_kind.items():
        for some in chunks(ids):
            yield side, kind, some


def _link(row: Row[Any], base: Mapping[str, Any]) -> Link:
    return Link(
        id=row.id,
        procore_id=row.procore_id,
        fourhse_id=row.fourhse_id,
        kind=Kind(row.kind),
        state=LinkState(row.state),
        base={key: _base(value) for key, value in base.items()},
        parent=row.parent,
        generation=row.generation,
        origin=Side(row.born) if row.born else None,
        since=row.since,
    )


def _base(kept: Mapping[str, Any]) -> Base:
    lost_on = kept.get("lost_on")
    return Base(kept["procore"], kept["fourhse"], kept.get("settled", False), Side(lost_on) if lost_on else None)


def _bases_json(bases: Mapping[str, Base]) -> dict[str, Any]:
    return {key: _base_json(base) for key, base in bases.items()}


def _base_json(base: Base) -> dict[str, Any]:
    lost = {"lost_on": base.lost_on.value} if base.lost_on else {}
    return {"procore": dict(base.procore), "fourhse": dict(base.fourhse), "settled": base.settled, **lost}
