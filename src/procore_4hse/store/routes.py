"""What a route remembers between cycles, the record of its cycles, and the days that a backfill has done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from procore_4hse.store.tables import CycleRow, RouteRow, SliceRow


@dataclass(frozen=True)
class RouteState:
    """`memory` holds what was learnt about the vendors: own accounts, whether PUT wants the whole record ..."""

    key: str
    name: str
    scope: str | None = None
    zone: str | None = None
    mapping: str | None = None
    ever_linked: bool = False
    meeting_approved: bool = False
    cursor_at: datetime | None = None
    swept_at: datetime | None = None
    incidents: int = 0
    memory: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class CycleRecord:
    id: int
    route: str
    began_at: datetime
    ended_at: datetime | None
    outcome: str | None
    reason: str | None
    report: Mapping[str, Any]


class Routes:
    def __init__(self, session: Session, now: datetime) -> None:
        self.session, self.now = session, now

    def get(self, key: str, name: str = "") -> RouteState:
        """The route's memory; made on first sight."""
        row = self.session.get(RouteRow, key)
        if row is None:
            return RouteState(key=key, name=name)
        return RouteState(**row.model_dump())

    def keys(self) -> tuple[str, ...]:
        """Every route that the store knows, configured or not."""
        return tuple(self.session.exec(select(RouteRow.key).order_by(col(RouteRow.key))))

    def save(self, key: str, name: str, **changes: Any) -> None:
        row = self.session.get(RouteRow, key) or RouteRow(key=key, name=name)
        for column, value in {"name": name, **changes}.items():
            setattr(row, column, value)
        self.session.add(row)

    def remember(self, key: str, name: str, **facts: Any) -> None:
        state = self.get(key, name)
        if any(state.memory.get(fact) != value for fact, value in facts.items()):
            self.save(key, name, memory={**state.memory, **facts})


class Cycles:
    def __init__(self, session: Session, now: datetime) -> None:
        self.session, self.now = session, now

    def begin(self, route: str) -> int:
        row = CycleRow(route=route, began_at=self.now)
        self.session.add(row)
        self.session.flush()
        return row.id or 0

    def end(self, cycle: int, outcome: str, reason: str | None, report: dict[str, Any]) -> None:
        row = self.session.get_one(CycleRow, cycle)
        row.ended_at, row.outcome, row.reason, row.report = self.now, outcome, reason, report
        self.session.add(row)

    def last(self, route: str) -> CycleRecord | None:
        row = self.session.exec(
            select(CycleRow)
            .where(CycleRow.route == route, col(CycleRow.ended_at).is_not(None))
            .order_by(col(CycleRow.id).desc())
        ).first()
        return CycleRecord(**row.model_dump()) if row else None

    def days_done(self, route: str, backfill: str) -> set[str]:
        rows = self.session.exec(select(SliceRow).where(SliceRow.route == route, SliceRow.backfill == backfill))
        return {row.day for row in rows}

    def day_done(self, route: str, backfill: str, day: str) -> None:
        self.session.add(SliceRow(route=route, backfill=backfill, day=day, done_at=self.now))
