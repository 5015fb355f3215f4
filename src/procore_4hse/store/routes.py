"""What a route remembers between cycles, the record of its cycles, and the days that a backfill has done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Connection, delete, func, insert, select, update
from sqlalchemy import bindparam as given

from procore_4hse.models import Side
from procore_4hse.store import days
from procore_4hse.store.inserts import insert_new
from procore_4hse.store.tables import CYCLES, ROUTES, SLICES, CycleRow

KNOWN = select(ROUTES).where(ROUTES.c.key == given("of_key"))
CHANGE = update(ROUTES).where(ROUTES.c.key == given("of_key"))
END = update(CYCLES).where(CYCLES.c.id == given("of_cycle"))
LAST = (
    select(CYCLES)
    .where(CYCLES.c.route == given("of_route"), CYCLES.c.ended_at.is_not(None))
    .order_by(CYCLES.c.id.desc())
    .limit(1)
)
RECENT = select(CYCLES).where(CYCLES.c.route == given("of_route")).order_by(CYCLES.c.id.desc()).limit(given("at_most"))
OF_ROUTE = CYCLES.c.route == given("of_route")
OLDEST = select(CYCLES.c.id, CYCLES.c.began_at).where(OF_ROUTE).order_by(CYCLES.c.id).limit(given("at_most"))
NEWEST = select(func.max(CYCLES.c.id)).where(OF_ROUTE)
NEWEST_SUCCESS = NEWEST.where(CYCLES.c.outcome == "ok")
SUCCEEDED_AT = select(CYCLES.c.ended_at).where(OF_ROUTE, CYCLES.c.outcome == "ok").order_by(CYCLES.c.id.desc()).limit(1)
DROP = delete(CYCLES).where(CYCLES.c.id.in_(given("some", expanding=True)))
SINCE = CYCLES.c.began_at >= given("since", type_=CYCLES.c.began_at.type)
# Materialized: PostgreSQL would read each whole report once for each number that is taken out of it.
TOLD = (
    select(
        days.number_of(CYCLES.c.began_at).label("day"),
        CYCLES.c.report["calls"].label("calls"),
        CYCLES.c.report["budget"].label("budget"),
    )
    .where(OF_ROUTE, SINCE)
    .cte("told")
    .prefix_with("MATERIALIZED")
)


def _used(side: Side) -> Any:
    """The largest share of a vendor's budget that was used up when a cycle ended."""
    limit, remaining = (TOLD.c.budget[(side.value, name)].as_integer() for name in ("limit", "remaining"))
    return func.max((limit - remaining) * 1.0 / func.nullif(limit, 0))


BY_DAY = select(
    TOLD.c.day,
    func.count().label("cycles"),
    *(func.coalesce(func.sum(TOLD.c.calls[side.value].as_integer()), 0).label(f"calls_{side.value}") for side in Side),
    *(_used(side).label(f"used_{side.value}") for side in Side),
).group_by(TOLD.c.day)
DAYS = select(SLICES.c.day).where(SLICES.c.route == given("of_route"), SLICES.c.backfill == given("of_backfill"))


@dataclass(frozen=True)
class RouteMemory:
    """What a route has learnt about its vendors and been told by people. Kept as JSON under these names."""

    privacy_key: str = ""
    """Of the keyed hashes that stand for the titles of private incidents."""
    accounts_procore: tuple[str, ...] = ()
    """Whom Procore names as the author of what we created."""
    accounts_fourhse: tuple[str, ...] = ()
    client_ids_kept: bool = True
    """False once 4HSE gave a record another id than the one that we sent (H4)."""
    put_whole: bool = False
    """Whether 4HSE's PUT wants the whole record (H5)."""
    hides_unknown_time: bool = False
    """Whether Procore shows incidents of unknown time only when they are asked for (P42)."""
    records_at: datetime | None = None
    """When all four of Procore's lists of records were read whole last."""
    directories_at: datetime | None = None
    """When the directories of people were read last."""
    words_at: datetime | None = None
    """When the oldest of the word lists in use was read."""
    lacking: bool = False
    """Whether these lists lacked somebody or a word that a record names."""
    pickers: tuple[str, ...] = ()
    """The word lists that were read with them."""
    company_at: datetime | None = None
    """When the people of 4HSE's company were read last."""
    strangers: tuple[str, ...] = ()
    """Procore person ids without a partner in the office, as they were then."""
    partners: Mapping[str, str] = field(default_factory=dict)
    """Procore person id -> 4HSE person-office id, as a person named them."""
    quiet: bool = False
    """A backfill that alerts nobody has not come to its end."""

    def accounts(self, side: Side) -> tuple[str, ...]:
        return self.accounts_procore if side is Side.PROCORE else self.accounts_fourhse


MEMORY = TypeAdapter(RouteMemory)


@dataclass(frozen=True)
class RouteState:
    """What a route remembers between cycles."""

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
    pulls: int = 0
    memory: RouteMemory = RouteMemory()


@dataclass(frozen=True)
class DayOfCycles:
    """What the cycles that began on one day in UTC called. `used` is the largest share of a vendor's budget, 0 to 1."""

    cycles: int
    calls: Mapping[Side, int]
    used: Mapping[Side, float | None]


class Routes:
    def __init__(self, connection: Connection, now: datetime) -> None:
        self.connection, self.now = connection, now

    def get(self, key: str, name: str = "") -> RouteState:
        """The route's memory; an empty one on first sight."""
        row = self.connection.execute(KNOWN, {"of_key": key}).one_or_none()
        if row is None:
            return RouteState(key=key, name=name)
        return RouteState(**{**row._mapping, "memory": MEMORY.validate_python(row.memory)})

    def keys(self) -> tuple[str, ...]:
        """Every route that the store knows, configured or not."""
        return tuple(self.connection.execute(select(ROUTES.c.key).order_by(ROUTES.c.key)).scalars())

    def save(self, key: str, name: str, **changes: Any) -> None:
        known = {"of_key": key, "name": name, **changes}
        if self.connection.execute(CHANGE, known).rowcount == 0:
            insert_new(self.connection, ROUTES, {"key": key, "name": name, "memory": {}})
            self.connection.execute(CHANGE, known)

    def begin_pull(self, key: str, name: str) -> int:
        """The number of the pull that begins now: higher than any before it."""
        number = self.get(key, name).pulls + 1
        self.save(key, name, pulls=number)
        return number

    def remember(self, key: str, name: str, **facts: Any) -> None:
        """`facts` are named as in RouteMemory."""
        before = self.get(key, name).memory
        if (memory := replace(before, **facts)) != before:
            self.save(key, name, memory=MEMORY.dump_python(memory, mode="json", exclude_defaults=True))


class Cycles:
    def __init__(self, connection: Connection, now: datetime) -> None:
        self.connection, self.now = connection, now

    def begin(self, route: str) -> int:
        made = self.connection.execute(insert(CYCLES), {"route": route, "began_at": self.now, "report": {}})
        (number,) = made.inserted_primary_key or (0,)
        return int(number)

    def end(self, cycle: int, outcome: str, reason: str | None, report: dict[str, Any]) -> None:
        ending = {"ended_at": self.now, "outcome": outcome, "reason": reason, "report": report}
        self.connection.execute(END, {"of_cycle": cycle, **ending})

    def last(self, route: str) -> CycleRow | None:
        row = self.connection.execute(LAST, {"of_route": route}).one_or_none()
        return CycleRow(**row._mapping) if row else None

    def last_success(self, route: str) -> datetime | None:
        """When the latest cycle ended that read both sides whole and put everything where it belongs."""
        return self.connection.execute(SUCCEEDED_AT, {"of_route": route}).scalar_one_or_none()

    def recent(self, route: str, at_most: int) -> list[CycleRow]:
        """The latest cycles, also one that runs, newest first."""
        rows = self.connection.execute(RECENT, {"of_route": route, "at_most": at_most})
        return [CycleRow(**row._mapping) for row in rows]

    def by_day(self, route: str, since: datetime) -> dict[date, DayOfCycles]:
        """The cycles since then, added up by the database: thousands of reports are too much to be read for a page."""
        rows = self.connection.execute(BY_DAY, {"of_route": route, "since": since})
        return {days.day_of(row.day): _day(row) for row in rows}

    def old(self, route: str, before: datetime, *, at_most: int) -> list[int]:
        """The numbers of the route's oldest cycles, but for those that began later or that `status` tells of.

        Of the newest cycle, the last one that ended and the last success a person may want to know at any age.
        """
        oldest = self.connection.execute(OLDEST, {"of_route": route, "at_most": at_most}).all()
        old = [number for number, began_at in oldest if began_at < before]
        told_of = self._told_of(route) if old else set()
        return [number for number in old if number not in told_of]

    def _told_of(self, route: str) -> set[int | None]:
        words = {"of_route": route}
        last = self.last(route)
        newest = {self.connection.execute(question, words).scalar_one() for question in (NEWEST, NEWEST_SUCCESS)}
        return newest | {last.id if last else None}

    def drop(self, numbers: Sequence[int]) -> None:
        self.connection.execute(DROP, {"some": numbers})

    def days_done(self, route: str, backfill: str) -> set[str]:
        return set(self.connection.execute(DAYS, {"of_route": route, "of_backfill": backfill}).scalars())

    def day_done(self, route: str, backfill: str, day: str) -> None:
        done = {"route": route, "backfill": backfill, "day": day, "done_at": self.now}
        insert_new(self.connection, SLICES, done)


def _day(row: Any) -> DayOfCycles:
    used = {side: getattr(row, f"used_{side.value}") for side in Side}
    return DayOfCycles(
        cycles=row.cycles,
        calls={side: getattr(row, f"calls_{side.value}") for side in Side},
        used={side: None if share is None else float(share) for side, share in used.items()},
    )
