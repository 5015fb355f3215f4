"""What a route remembers between cycles, the record of its cycles, and the days that a backfill has done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select, update
from sqlalchemy import bindparam as given

from procore_4hse.store.tables import CYCLES, ROUTES, SLICES

KNOWN = select(ROUTES).where(ROUTES.c.key == given("of_key"))
CHANGE = update(ROUTES).where(ROUTES.c.key == given("of_key"))
END = update(CYCLES).where(CYCLES.c.id == given("of_cycle"))
LAST = (
    select(CYCLES)
    .where(CYCLES.c.route == given("of_route"), CYCLES.c.ended_at.is_not(None))
    .order_by(CYCLES.c.id.desc())
    .limit(1)
)
DAYS = select(SLICES.c.day).where(SLICES.c.route == given("of_route"), SLICES.c.backfill == given("of_backfill"))


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
    def __init__(self, connection: Connection, now: datetime) -> None:
        self.connection, self.now = connection, now

    def get(self, key: str, name: str = "") -> RouteState:
        """The route's memory; an empty one on first sight."""
        row = self.connection.execute(KNOWN, {"of_key": key}).one_or_none()
        return RouteState(key=key, name=name) if row is None else RouteState(**row._mapping)

    def keys(self) -> tuple[str, ...]:
        """Every route that the store knows, configured or not."""
        return tuple(self.connection.execute(select(ROUTES.c.key).order_by(ROUTES.c.key)).scalars())

    def save(self, key: str, name: str, **changes: Any) -> None:
        if self.connection.execute(CHANGE, {"of_key": key, "name": name, **changes}).rowcount == 0:
            self.connection.execute(insert(ROUTES), {"key": key, "name": name, "memory": {}, **changes})

    def remember(self, key: str, name: str, **facts: Any) -> None:
        state = self.get(key, name)
        if any(state.memory.get(fact) != value for fact, value in facts.items()):
            self.save(key, name, memory={**state.memory, **facts})


class Cycles:
    def __init__(self, connection: Connection, now: datetime) -> None:
        self.connection, self.now = connection, now

    def begin(self, route: str) -> int:
        made = self.connection.execute(insert(CYCLES), {"route": route, "began_at": self.now, "report": {}})
        (number,) = made.inserted_primary_key or (0,)
        return int(number)

    def end(self, cycle: int, outcome: str, reason: str | None, report: dict[str, Any]) -> None:
        told = {"ended_at": self.now, "outcome": outcome, "reason": reason, "report": report}
        self.connection.execute(END, {"of_cycle": cycle, **told})

    def last(self, route: str) -> CycleRecord | None:
        row = self.connection.execute(LAST, {"of_route": route}).one_or_none()
        return CycleRecord(**row._mapping) if row else None

    def days_done(self, route: str, backfill: str) -> set[str]:
        return set(self.connection.execute(DAYS, {"of_route": route, "of_backfill": backfill}).scalars())

    def day_done(self, route: str, backfill: str, day: str) -> None:
        self.connection.execute(insert(SLICES), {"route": route, "backfill": backfill, "day": day, "done_at": self.now})
