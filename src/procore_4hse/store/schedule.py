"""When each route's next cycle is due and why, shared by all processes of a store; and which routes people paused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, case, func, literal, or_, select, update
from sqlalchemy import bindparam as given

from procore_4hse.models import Side
from procore_4hse.store.inserts import chunks, insert_new
from procore_4hse.store.tables import SCHEDULE

WAKE_WITHIN = timedelta(seconds=30)
"""A route is due so soon after something woke it: what comes in the meantime is for the same cycle."""


class Reason(StrEnum):
    """Why a cycle is due when it is due."""

    FIRST = "first"
    CADENCE = "cadence"
    RETRY = "retry"
    HINT = "hint"
    PERSON = "person"


@dataclass(frozen=True)
class Slot:
    """When a route's next cycle is due: `set_at` is when that was written down. `wakes` grows with each hint."""

    route: str
    due_at: datetime
    set_at: datetime
    reason: Reason
    every: timedelta | None = None
    """The `schedule.every` under which it was set; None where that had no part in it."""
    wakes: int = 0
    active_at: datetime | None = None
    """When a cycle of it wrote something last."""
    calls: Mapping[Side, float] | None = None
    """Of one cycle, on average; None before the first."""
    paused_at: datetime | None = None
    paused_for: timedelta | None = None
    """None: until somebody resumes it."""
    note: str = ""

    @property
    def span(self) -> timedelta:
        return self.due_at - self.set_at

    @property
    def paused_until(self) -> datetime | None:
        """None: until somebody resumes it."""
        return self.paused_at + self.paused_for if self.paused_at and self.paused_for is not None else None

    def is_paused(self, now: datetime) -> bool:
        """A pause that began later than now was written by a clock that ran ahead, and counts as over."""
        if self.paused_at is None or self.paused_for is None:
            return self.paused_at is not None
        return self.paused_at <= now < self.paused_at + self.paused_for


@dataclass(frozen=True)
class Demand:
    """The calls that one round takes on one side: of one route, of those that wrote longer ago than it, of all."""

    own: float
    quieter: float
    total: float


C = SCHEDULE.c
KNOWN = select(SCHEDULE).where(C.route == given("of_route"))
LOCKED = KNOWN.with_for_update()
CHANGE = update(SCHEDULE).where(C.route == given("of_route"))
WAKE = CHANGE.values(wakes=C.wakes + 1)
CALLS = {Side.PROCORE: C.procore_calls, Side.FOURHSE: C.fourhse_calls}


def _quieter() -> ColumnElement[bool]:
    than, route = given("active", type_=C.active_at.type), given("of_route", type_=C.route.type)
    return or_(C.active_at < than, and_(C.active_at == than, C.route < route))


# A route that had no cycle yet counts as an average one.
DEMAND = select(
    *(func.coalesce(func.avg(calls), 0.0) * func.count() for calls in CALLS.values()),
    *(func.coalesce(func.sum(case((_quieter(), calls), else_=literal(0.0))), 0.0) for calls in CALLS.values()),
).where(C.account == given("of_account"), C.paused_at.is_(None), C.set_at > given("since", type_=C.set_at.type))


class Schedule:
    def __init__(self, connection: Connection, now: datetime) -> None:
        self.connection, self.now = connection, now

    def slot(self, route: str) -> Slot | None:
        row = self.connection.execute(KNOWN, {"of_route": route}).one_or_none()
        return _slot(row) if row else None

    def locked(self, route: str) -> Slot | None:
        """The same, and nobody else changes it until this transaction ends: what is written may go by it."""
        row = self.connection.execute(LOCKED, {"of_route": route}).one_or_none()
        return _slot(row) if row else None

    def slots(self, routes: Sequence[str] | None = None) -> dict[str, Slot]:
        """By route; without `routes` all that the store knows."""
        if routes is None:
            return {row.route: _slot(row) for row in self.connection.execute(select(SCHEDULE))}
        found = (self.connection.execute(select(SCHEDULE).where(C.route.in_(some))) for some in chunks(routes))
        return {row.route: _slot(row) for rows in found for row in rows}

    def enter(self, routes: Sequence[str], account: str = "") -> None:
        """Routes that are new here are due at once."""
        told = {"due_at": self.now, "set_at": self.now, "reason": Reason.FIRST, "account": account}
        for route in routes:
            insert_new(self.connection, SCHEDULE, {"route": route, **told})

    def set(self, route: str, due_at: datetime, reason: Reason, **changes: Any) -> None:
        """The next cycle; `changes` are named as the columns."""
        self._change(
            route, **{"due_at": due_at, "set_at": self.now, "reason": reason, "every_seconds": None, **changes}
        )

    def note(self, route: str, account: str, calls: Mapping[Side, float], active_at: datetime | None) -> None:
        """What a cycle tells about the route; `active_at` None: it wrote nothing."""
        facts = {"account": account, "procore_calls": calls[Side.PROCORE], "fourhse_calls": calls[Side.FOURHSE]}
        self._change(route, **facts, **({"active_at": active_at} if active_at else {}))

    def wake(self, route: str, reason: Reason = Reason.HINT, within: timedelta = WAKE_WITHIN) -> None:
        """Due so soon at the latest. A cycle that runs now is followed by another one."""
        slot = self.locked(route)
        if slot is None or slot.due_at > self.now + within:
            self.set(route, self.now + within, reason)
        self.connection.execute(WAKE, {"of_route": route})

    def pause(self, route: str, length: timedelta | None, note: str) -> None:
        self.enter([route])
        seconds = length.total_seconds() if length is not None else None
        self._change(route, paused_at=self.now, paused_seconds=seconds, note=note)

    def resume(self, route: str) -> None:
        """Due at once, because a person wants it."""
        self.set(route, self.now, Reason.PERSON, paused_at=None, paused_seconds=None, note="")

    def demand(self, route: str, account: str, since: datetime) -> dict[Side, Demand]:
        """The calls of one round, of all routes of this account that ran since then and are not paused."""
        own = self.slot(route)
        words = {"of_route": route, "of_account": account, "active": own and own.active_at, "since": since}
        totals, quieter = _halves(self.connection.execute(DEMAND, words).one())
        calls = (own and own.calls) or {}
        return {side: Demand(calls.get(side, 0.0), quieter[side], totals[side]) for side in Side}

    def _change(self, route: str, **changes: Any) -> None:
        if self.connection.execute(CHANGE.values(**changes), {"of_route": route}).rowcount == 0:
            self.enter([route])
            self.connection.execute(CHANGE.values(**changes), {"of_route": route})


def _halves(row: Row[Any]) -> tuple[dict[Side, float], dict[Side, float]]:
    numbers = [float(each) for each in row]
    return dict(zip(CALLS, numbers[:2], strict=True)), dict(zip(CALLS, numbers[2:], strict=True))


def _slot(row: Row[Any]) -> Slot:
    calls = {Side.PROCORE: row.procore_calls, Side.FOURHSE: row.fourhse_calls}
    return Slot(
        route=row.route,
        due_at=row.due_at,
        set_at=row.set_at,
        reason=Reason(row.reason),
        every=_span(row.every_seconds),
        wakes=row.wakes,
        active_at=row.active_at,
        calls=calls if row.procore_calls is not None else None,
        paused_at=row.paused_at,
        paused_for=_span(row.paused_seconds),
        note=row.note,
    )


def _span(seconds: float | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=seconds)
