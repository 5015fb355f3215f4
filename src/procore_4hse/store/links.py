"""Which record is which, and what both showed when they last agreed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, delete, insert, or_, select, update
from sqlalchemy import bindparam as given

from procore_4hse.models import CHILDREN, PEOPLE_RECORDS, Base, Kind, Link, LinkState, RawRecord, RecordRef, Side
from procore_4hse.store.tables import APART, LINKS, STONES

C = LINKS.c
PAIR = (C.procore_id, C.fourhse_id)
LINKED = (Kind.INCIDENT, *CHILDREN)
"""The kinds of links."""
OURS = C.route == given("in_route")
LIVING = (OURS, C.removed.is_(False))

ALL = select(LINKS).where(*LIVING).order_by(C.id)
OUTLINE = select(*(column for column in C if column is not C.base)).where(
    *LIVING, C.kind.in_(given("of_kinds", expanding=True))
)
ON_SIDE = {
    side: select(LINKS).where(*LIVING, C.kind.in_(given("of_kinds", expanding=True)), column == given("record"))
    for side, column in zip((Side.PROCORE, Side.FOURHSE), PAIR, strict=True)
}
OF_PARENT = select(LINKS).where(*LIVING, C.parent == given("incident"))
REMOVED = select(*PAIR).where(OURS, C.removed)
BORN_PRIVATE = select(C.procore_id).where(*LIVING, C.born_private)
ELSEWHERE = select(C.kind, *PAIR).where(C.route != given("in_route"), C.removed.is_(False))
TOLD_APART = select(APART.c.procore_id, APART.c.fourhse_id).where(APART.c.route == given("in_route"))
INSERT, CHANGE, DELETE = (
    insert(LINKS),
    update(LINKS).where(C.id == given("row_id")),
    delete(LINKS).where(C.id == given("row_id")),
)

S = STONES.c
BURIED = (
    select(STONES)
    .where(
        S.route == given("in_route"),
        S.side == given("on_side"),
        S.kind == given("of_kind"),
        S.record_id == given("record"),
    )
    .order_by(S.id.desc())
    .limit(1)
)
LEFT_BEHIND = (
    select(STONES)
    .where(
        S.route == given("in_route"), S.side == Side.FOURHSE.value, S.kind.in_([kind.value for kind in PEOPLE_RECORDS])
    )
    .order_by(S.id)
)


@dataclass(frozen=True)
class Tombstone:
    record: RawRecord
    evidence: str
    seen_at: datetime


class Links:
    def __init__(self, connection: Connection, route: str, now: datetime) -> None:
        self.connection, self.route, self.now = connection, route, now

    def all(self) -> tuple[Link, ...]:
        return tuple(_link(row, row.base) for row in self._rows(ALL))

    def outline(self, *kinds: Kind) -> tuple[Link, ...]:
        """Every link of these kinds without its base, which makes most of its size."""
        return tuple(_link(row, {}) for row in self._rows(OUTLINE, of_kinds=[kind.value for kind in kinds]))

    def find(self, record: RecordRef) -> Link | None:
        """The link of a record."""
        row = self._row(record)
        return _link(row, row.base) if row else None

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
    ) -> Link:
        """Links two records, or gives an existing link of either record its new partner.

        What was agreed on with the one before does not hold for a new partner.
        """
        link = Link(0, procore_id, fourhse_id, kind=kind)
        row = self._row(link.ref(Side.PROCORE), kind) or self._given_up(link)
        fresh = {"procore_id": procore_id, "fourhse_id": fourhse_id, "generation": generation}
        if row is None:
            names = {
                "route": self.route,
                "kind": kind.value,
                "born": origin.value if origin else None,
                "parent": parent,
            }
            state = {"state": LinkState.LIVE.value, "base": {}, "born_private": born_private, "since": self.now}
            self.connection.execute(INSERT, {**names, **fresh, **state})
        else:
            same = (row.procore_id, row.fourhse_id) == (procore_id, fourhse_id)
            state = {"state": LinkState.LIVE.value, "base": row.base if same else {}, "kind": kind.value}
            private = {"born_private": row.born_private or born_private}
            # An id that we gave once is never given again, whoever the partner was.
            highest = {"generation": max(row.generation, generation)}
            self._change(row, **{**fresh, **state, **private, **highest})
        linked = self._rows_of(link.ref(Side.PROCORE))[0]
        return _link(linked, linked.base)

    def join(self, procore_id: str, fourhse_id: str, *, kind: Kind = Kind.INCIDENT, parent: str | None = None) -> Link:
        """Links two records that were there before, each instead of whatever it was linked with.

        The people of an incident that gets another partner are linked anew, by whom they name.
        """
        link = Link(0, procore_id, fourhse_id, kind=kind)
        former = [row for side in Side if (row := self._row(link.ref(side))) is not None]
        for row in former if kind is Kind.INCIDENT else ():
            if (row.procore_id, row.fourhse_id) != (procore_id, fourhse_id):
                self.drop_children(row.procore_id)
        return self.add(procore_id, fourhse_id, kind=kind, parent=parent)

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
        row = self._row(procore)
        if row is not None:
            fresh = {key: _base_json(base) for key, base in fields.items()}
            self._change(row, base={**row.base, **fresh})

    def set_state(self, procore: RecordRef, state: LinkState) -> None:
        row = self._row(procore)
        if row is not None and row.state != state.value:
            self._change(row, state=state.value)

    def drop_children(self, procore_id: str) -> tuple[Link, ...]:
        """Forgets the links of an incident's people, and returns them: it was made again, and they will be too."""
        rows = self._rows(OF_PARENT, incident=procore_id)
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

    def settle_removed(self, procore_id: str, fourhse_id: str) -> None:
        """A person has answered about a pair that was taken apart."""
        answered = or_(C.procore_id == procore_id, C.fourhse_id == fourhse_id)
        self.connection.execute(delete(LINKS).where(C.route == self.route, C.removed, answered))

    def born_private(self) -> frozenset[str]:
        return frozenset(row.procore_id for row in self._rows(BORN_PRIVATE))

    def elsewhere(self) -> frozenset[RecordRef]:
        """Records that another route has linked."""
        links = (Link(0, left, right, kind=Kind(kind)) for kind, left, right in self._rows(ELSEWHERE))
        return frozenset(record for link in links for record in link.refs)

    def tell_apart(self, procore_id: str, fourhse_id: str) -> None:
        if (procore_id, fourhse_id) not in self.not_duplicates():
            names = {"route": self.route, "procore_id": procore_id, "fourhse_id": fourhse_id}
            self.connection.execute(insert(APART), names)

    def not_duplicates(self) -> frozenset[tuple[str, str]]:
        return frozenset((procore_id, fourhse_id) for procore_id, fourhse_id in self._rows(TOLD_APART))

    def bury(self, record: RawRecord, evidence: str) -> None:
        """Keeps the last image of a deleted record."""
        named = {"route": self.route, "side": record.side.value, "kind": record.kind.value, "record_id": record.id}
        kept = {"image": dict(record.payload), "evidence": evidence, "seen_at": self.now}
        self.connection.execute(insert(STONES), {**named, **kept})

    def tombstone(self, record: RecordRef) -> Tombstone | None:
        named = {"on_side": record.side.value, "of_kind": record.kind.value, "record": record.id}
        row = next(iter(self._rows(BURIED, **named)), None)
        if row is None:
            return None
        return Tombstone(RawRecord(record.side, record.kind, record.id, row.image), row.evidence, row.seen_at)

    def leave_behind(self, link: Link, record: RawRecord) -> None:
        """Keeps what 4HSE held of a person whose incident was made again there, by the Procore record's name."""
        self.bury(replace(record, kind=link.kind, id=link.procore_id), "its incident was made again")

    def left_behind(self) -> dict[RecordRef, Mapping[str, Any]]:
        """What 4HSE held last of people whose incident was made again, by their Procore records."""
        rows = self._rows(LEFT_BEHIND)
        return {RecordRef(Side.PROCORE, Kind(row.kind), row.record_id): row.image for row in rows}

    def _rows(self, question: Select[Any], **words: object) -> Sequence[Any]:
        return self.connection.execute(question, {"in_route": self.route, **words}).all()

    def _rows_of(self, record: RecordRef, kind: Kind | None = None) -> Sequence[Row[Any]]:
        """Links of a record, of one kind when that is known: a person in 4HSE may be an injury or a near miss."""
        kinds = [each.value for each in LINKED if each.on(record.side) is record.kind and kind in (None, each)]
        return self._rows(ON_SIDE[record.side], record=record.id, of_kinds=kinds)

    def _row(self, record: RecordRef, kind: Kind | None = None) -> Row[Any] | None:
        return next(iter(self._rows_of(record, kind)), None)

    def _change(self, row: Row[Any], **values: object) -> None:
        self.connection.execute(CHANGE, {"row_id": row.id, **values})

    def _delete(self, rows: Iterable[Row[Any]]) -> None:
        if ids := [{"row_id": row.id} for row in rows]:
            self.connection.execute(DELETE, ids)


def _link(row: Row[Any], base: Mapping[str, Any]) -> Link:
    return Link(
        id=row.id,
        procore_id=row.procore_id,
        fourhse_id=row.fourhse_id,
        kind=Kind(row.kind),
        state=LinkState(row.state),
        base={key: Base(**value) for key, value in base.items()},
        parent=row.parent,
        generation=row.generation,
        origin=Side(row.born) if row.born else None,
        since=row.since,
    )


def _base_json(base: Base) -> dict[str, Any]:
    return {"procore": dict(base.procore), "fourhse": dict(base.fourhse), "settled": base.settled}
