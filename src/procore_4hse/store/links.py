"""Which record is which, and what both showed when they last agreed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import or_
from sqlalchemy import select as sa_select
from sqlmodel import Session, col, select

from procore_4hse.models import CHILDREN, PEOPLE_RECORDS, Agreement, Kind, Link, LinkState, RawRecord, Side
from procore_4hse.store.tables import ApartRow, LinkRow, TombstoneRow


@dataclass(frozen=True)
class Tombstone:
    record: RawRecord
    evidence: str
    seen_at: datetime


class Links:
    def __init__(self, session: Session, route: str, now: datetime) -> None:
        self.session, self.route, self.now = session, route, now

    def all(self) -> tuple[Link, ...]:
        rows = self.session.exec(select(LinkRow).where(*self._living()).order_by(col(LinkRow.id)))
        return tuple(_link(row) for row in rows)

    def outline(self, *kinds: Kind) -> tuple[Link, ...]:
        """Every link of these kinds without its base, which makes most of its size."""
        columns = [c for c in LinkRow.__table__.columns if c.name != "base"]  # type: ignore[attr-defined]
        words = [kind.value for kind in kinds]
        rows = self.session.execute(sa_select(*columns).where(*self._living(), col(LinkRow.kind).in_(words)))
        return tuple(_link(LinkRow(base={}, **row)) for row in rows.mappings())

    def find(self, side: Side, record_id: str, kind: Kind = Kind.INCIDENT) -> Link | None:
        """The link of a record; `kind` is the link's own, or PERSON for any child seen from 4HSE."""
        row = self._row(side, record_id, kind)
        return _link(row) if row else None

    def add(
        self,
        procore_id: str,
        fourhse_id: str,
        *,
        kind: Kind = Kind.INCIDENT,
        parent: str | None = None,
        born: Side | None = None,
        generation: int = 0,
        born_private: bool = False,
    ) -> Link:
        """Links two records, or gives an existing link of either record its new partner.

        What was agreed on with the one before does not hold for a new partner.
        """
        row = (
            self._row(Side.PROCORE, procore_id, kind)
            or self._given_up(procore_id, fourhse_id, kind)
            or LinkRow(
                route=self.route,
                kind=kind.value,
                procore_id=procore_id,
                fourhse_id=fourhse_id,
                state=LinkState.LIVE.value,
                base={},
                since=self.now,
                born=born.value if born else None,
                parent=parent,
            )
        )
        row.base = row.base if row.fourhse_id == fourhse_id else {}
        row.fourhse_id, row.state, row.generation = fourhse_id, LinkState.LIVE.value, generation
        row.born_private = row.born_private or born_private
        self.session.add(row)
        self.session.flush()
        return _link(row)

    def _given_up(self, procore_id: str, fourhse_id: str, kind: Kind) -> LinkRow | None:
        """The link of a 4HSE record whose Procore record is gone for good; what both agreed on went with it."""
        row = self._row(Side.FOURHSE, fourhse_id, kind)
        if row is not None:
            self.drop_children(row.procore_id)
            row.procore_id, row.base = procore_id, {}
        return row

    def rebase(self, procore_id: str, fields: Mapping[str, Agreement], *, kind: Kind = Kind.INCIDENT) -> None:
        row = self._row(Side.PROCORE, procore_id, kind)
        if row is not None:
            fresh = {key: _agreement_json(agreement) for key, agreement in fields.items()}
            row.base = {**row.base, **fresh}
            self.session.add(row)

    def set_state(self, procore_id: str, state: LinkState, *, kind: Kind = Kind.INCIDENT) -> None:
        row = self._row(Side.PROCORE, procore_id, kind)
        if row is not None:
            row.state = state.value
            self.session.add(row)

    def drop_children(self, procore_id: str) -> tuple[Link, ...]:
        """Forgets the links of an incident's people, and returns them: it was made again, and they will be too."""
        rows = list(self.session.exec(select(LinkRow).where(*self._living(), LinkRow.parent == procore_id)))
        for row in rows:
            self.session.delete(row)
        return tuple(_link(row) for row in rows)

    def remove(self, procore_id: str) -> Link | None:
        """Takes a link apart; the two are strangers until a person answers."""
        row = self._row(Side.PROCORE, procore_id, Kind.INCIDENT)
        if row is None:
            return None
        row.removed = True
        self.session.add(row)
        return _link(row)

    def removed(self) -> frozenset[tuple[str, str]]:
        rows = self.session.exec(select(LinkRow).where(LinkRow.route == self.route, col(LinkRow.removed)))
        return frozenset((row.procore_id, row.fourhse_id) for row in rows)

    def settle_removed(self, procore_id: str, fourhse_id: str) -> None:
        """A person has answered about a pair that was taken apart."""
        for row in self.session.exec(
            select(LinkRow).where(
                LinkRow.route == self.route,
                col(LinkRow.removed),
                or_(col(LinkRow.procore_id) == procore_id, col(LinkRow.fourhse_id) == fourhse_id),
            )
        ):
            self.session.delete(row)

    def born_private(self) -> frozenset[str]:
        rows = self.session.exec(select(LinkRow).where(*self._living(), col(LinkRow.born_private)))
        return frozenset(row.procore_id for row in rows)

    def elsewhere(self) -> frozenset[tuple[Side, str]]:
        """Records that another route has linked."""
        rows = self.session.exec(select(LinkRow).where(LinkRow.route != self.route, col(LinkRow.removed).is_(False)))
        pairs = [(row.procore_id, row.fourhse_id) for row in rows]
        return frozenset({(Side.PROCORE, left) for left, _ in pairs} | {(Side.FOURHSE, right) for _, right in pairs})

    def tell_apart(self, procore_id: str, fourhse_id: str) -> None:
        self.session.merge(ApartRow(route=self.route, procore_id=procore_id, fourhse_id=fourhse_id))

    def apart(self) -> frozenset[tuple[str, str]]:
        rows = self.session.exec(select(ApartRow).where(ApartRow.route == self.route))
        return frozenset((row.procore_id, row.fourhse_id) for row in rows)

    def bury(self, record: RawRecord, evidence: str) -> None:
        """Keeps the last image of a deleted record."""
        self.session.add(
            TombstoneRow(
                route=self.route,
                side=record.side.value,
                kind=record.kind.value,
                record_id=record.id,
                image=dict(record.payload),
                evidence=evidence,
                seen_at=self.now,
            )
        )

    def tombstone(self, side: Side, record_id: str) -> Tombstone | None:
        row = self.session.exec(
            select(TombstoneRow)
            .where(
                TombstoneRow.route == self.route, TombstoneRow.side == side.value, TombstoneRow.record_id == record_id
            )
            .order_by(col(TombstoneRow.id).desc())
        ).first()
        if row is None:
            return None
        return Tombstone(RawRecord(side, Kind(row.kind), record_id, row.image), row.evidence, row.seen_at)

    def leave_behind(self, link: Link, record: RawRecord) -> None:
        """Keeps what 4HSE held of a person whose incident was made again there, by the Procore record's name."""
        self.bury(replace(record, kind=link.kind, id=link.procore_id), "its incident was made again")

    def left_behind(self) -> dict[str, Mapping[str, Any]]:
        """What 4HSE held last of people whose incident was made again, by the link's key."""
        kinds = [kind.value for kind in PEOPLE_RECORDS]
        rows = self.session.exec(
            select(TombstoneRow)
            .where(
                TombstoneRow.route == self.route,
                TombstoneRow.side == Side.FOURHSE.value,
                col(TombstoneRow.kind).in_(kinds),
            )
            .order_by(col(TombstoneRow.id))
        )
        return {f"{row.kind}-{row.record_id}": row.image for row in rows}

    def _living(self) -> tuple[Any, ...]:
        return col(LinkRow.route) == self.route, col(LinkRow.removed).is_(False)

    def _row(self, side: Side, record_id: str, kind: Kind) -> LinkRow | None:
        column = col(LinkRow.procore_id) if side is Side.PROCORE else col(LinkRow.fourhse_id)
        kinds = [each.value for each in (*CHILDREN, kind) if kind in (each, each.on(Side.FOURHSE))]
        found = select(LinkRow).where(*self._living(), column == record_id, col(LinkRow.kind).in_(kinds))
        return self.session.exec(found).first()


def _link(row: LinkRow) -> Link:
    return Link(
        id=row.id or 0,
        procore_id=row.procore_id,
        fourhse_id=row.fourhse_id,
        kind=Kind(row.kind),
        state=LinkState(row.state),
        base={key: Agreement(**value) for key, value in row.base.items()},
        parent=row.parent,
        generation=row.generation,
        born=Side(row.born) if row.born else None,
        since=row.since,
    )


def _agreement_json(agreement: Agreement) -> dict[str, Any]:
    return {"procore": dict(agreement.procore), "fourhse": dict(agreement.fourhse), "settled": agreement.settled}
