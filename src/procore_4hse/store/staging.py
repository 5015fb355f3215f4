"""Raw records of both sides, as the vendors sent them last."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, func, update
from sqlalchemy import select as bare_select
from sqlmodel import Session, col, select

from procore_4hse.models import Kind, RawRecord, Side, Staged
from procore_4hse.store.tables import RecordRow

CHUNK = 400


RECORDS = RecordRow.__table__  # type: ignore[attr-defined]
"""The bare table: its rows are read, and its updates made, without a look at the session."""


class Staging:
    def __init__(self, session: Session, route: str, now: datetime) -> None:
        self.session, self.route, self.now = session, route, now

    def put(self, records: Sequence[RawRecord], *, pull: int, minimal: frozenset[str], server_at: datetime) -> int:
        """Stages a page; returns how many records are new or changed. Ids in `minimal` carry no contents."""
        changed = 0
        for chunk in _chunks(list(records)):
            known = self._known(chunk)
            same = []
            for record in chunk:
                row = known.get((record.kind, record.id))
                if row is not None and row.digest == _digest(record.payload) and not row.absent:
                    same.append(row.id)
                else:
                    self._write(row, record, pull, record.id in minimal, server_at)
                    changed += 1
            self._touch(chunk[0], same, pull)
        return changed

    def put_one(self, record: RawRecord, *, server_at: datetime, minimal: bool = False) -> None:
        """Stages the record that a call of ours has just shown; it counts for the latest pull."""
        row = self.session.get(RecordRow, (self.route, record.side.value, record.kind.value, record.id))
        self._write(row, record, row.pull if row else self.last_pull(), minimal, server_at)

    def last_pull(self) -> int:
        newest = self.session.exec(select(func.max(RecordRow.pull)).where(RecordRow.route == self.route)).one()
        return newest or 0

    def mark_absent(self, side: Side, kind: Kind, *, pull: int) -> None:
        """What a certified listing did not hold is absent; that alone proves nothing."""
        self.session.execute(
            update(RECORDS)
            .where(*self._where(side, kind), col(RecordRow.pull) < pull)
            .values(absent=True, absent_at=func.coalesce(col(RecordRow.absent_at), self.now))
        )

    def drop_absent(self, side: Side, kind: Kind) -> None:
        self.session.execute(delete(RecordRow).where(*self._where(side, kind), col(RecordRow.absent)))

    def forget(self, side: Side, kind: Kind, record_id: str) -> None:
        self.session.execute(delete(RecordRow).where(*self._where(side, kind), col(RecordRow.id) == record_id))

    def records(self, side: Side, kinds: Iterable[Kind]) -> list[tuple[Staged, int]]:
        """Every staged record of these kinds by its id, each with the number of the pull that saw it last."""
        words = [kind.value for kind in kinds]
        rows = self.session.execute(
            bare_select(RECORDS)
            .where(RECORDS.c.route == self.route, RECORDS.c.side == side.value, RECORDS.c.kind.in_(words))
            .order_by(RECORDS.c.kind, RECORDS.c.id)
        )
        return [(_staged(row), row.pull) for row in rows]

    def newest(self, side: Side, kinds: Iterable[Kind]) -> datetime | None:
        """When a record of these kinds was last new or changed."""
        words = [kind.value for kind in kinds]
        where = (RecordRow.route == self.route, RecordRow.side == side.value, col(RecordRow.kind).in_(words))
        return self.session.exec(select(func.max(RecordRow.fetched_at)).where(*where)).one()

    def find(self, side: Side, kind: Kind, record_id: str) -> Staged | None:
        row = self.session.get(RecordRow, (self.route, side.value, kind.value, record_id))
        return _staged(row) if row else None

    def count(self, side: Side, kind: Kind) -> int:
        """Records that the latest listings still hold."""
        return self.session.exec(
            select(func.count())
            .select_from(RecordRow)
            .where(*self._where(side, kind), col(RecordRow.absent).is_(False))
        ).one()

    def _where(self, side: Side, kind: Kind) -> tuple[Any, ...]:
        return (
            col(RecordRow.route) == self.route,
            col(RecordRow.side) == side.value,
            col(RecordRow.kind) == kind.value,
        )

    def _known(self, chunk: Sequence[RawRecord]) -> dict[tuple[Kind, str], RecordRow]:
        rows = self.session.exec(
            select(RecordRow).where(
                RecordRow.route == self.route,
                RecordRow.side == chunk[0].side.value,
                col(RecordRow.id).in_([record.id for record in chunk]),
            )
        )
        return {(Kind(row.kind), row.id): row for row in rows}

    def _touch(self, example: RawRecord, ids: list[str], pull: int) -> None:
        if ids:
            self.session.execute(
                update(RECORDS)
                .where(*self._where(example.side, example.kind), col(RecordRow.id).in_(ids))
                .values(pull=pull)
            )

    def _write(self, row: RecordRow | None, record: RawRecord, pull: int, minimal: bool, server_at: datetime) -> None:
        if row is None:
            row = RecordRow(
                route=self.route,
                side=record.side.value,
                kind=record.kind.value,
                id=record.id,
                payload={},
                digest="",
                pull=pull,
                fetched_at=self.now,
            )
        if row.status_at is None or row.payload.get("status") != record.payload.get("status"):
            row.status_at = str(record.payload.get("updated_at") or server_at.isoformat())
        row.newest_at = _later(row.newest_at, record.payload.get("updated_at"))
        row.parent_id, row.minimal, row.pull = record.parent_id, minimal, pull
        row.absent, row.absent_at = False, None
        row.payload, row.digest, row.fetched_at = dict(record.payload), _digest(record.payload), self.now
        self.session.add(row)


def _staged(row: RecordRow | Row[Any]) -> Staged:
    record = RawRecord(Side(row.side), Kind(row.kind), row.id, row.payload, row.parent_id)
    shown = record.payload.get("updated_at")
    return Staged(
        record,
        present=not row.absent,
        status_at=row.status_at,
        minimal=row.minimal,
        is_older=shown is not None and _later(shown, row.newest_at) != shown,
    )


def _later(one: str | None, other: object) -> str | None:
    """The later of two change dates of one vendor, who writes them all in the same form."""
    return max(one or "", str(other or "")) or None


def _digest(payload: object) -> str:
    return hashlib.sha256(json.dumps(payload, sort_keys=True, default=str).encode()).hexdigest()


def _chunks(records: list[RawRecord]) -> Iterable[list[RawRecord]]:
    for start in range(0, len(records), CHUNK):
        yield records[start : start + CHUNK]
