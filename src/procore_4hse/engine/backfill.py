"""Incidents of a range of days, whatever the route's `since` says: looked at first, then carried out day by day.

A run reads both sides once and plans the whole range from what is linked now. A day that is done is written down in
the store for people to see how far it came. It is never a reason to leave a day out: a run after a crash goes on by
itself, because what is linked needs nothing more, and a run that is repeated later finds what is new in the range.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import structlog

from procore_4hse.engine.cycle import Options, run_cycle
from procore_4hse.engine.report import Report, not_begun
from procore_4hse.engine.selection import Days, Portion
from procore_4hse.errors import UsageError, VendorError
from procore_4hse.mapping.places import project_zone
from procore_4hse.mapping.rules import Direction, FieldMapping
from procore_4hse.models import Act, Action, ItemKind, Side, SyncStatus
from procore_4hse.push.steps import Steps
from procore_4hse.reconcile.scope import day_of
from procore_4hse.reconcile.snapshot import Plan, Rebase, Snapshot
from procore_4hse.route import Route
from procore_4hse.runtime import Runtime
from procore_4hse.store.repository import Store

log = structlog.get_logger()

CALLS = {
    (Act.CREATE, Side.PROCORE): 1,
    (Act.CREATE, Side.FOURHSE): 2,
    (Act.UPDATE, Side.PROCORE): 2,
    (Act.UPDATE, Side.FOURHSE): 2,
}
"""What a write costs: a create in 4HSE looks for its id first, an update reads its target again."""

BUSY = "Another process has this route, so nothing was done; run the backfill again when that one is through."

PACE = 2
"""Calls a second that an estimate reckons with."""


@dataclass(frozen=True)
class Span:
    """Days, both ends included; no `last` is today in the project's zone. `direction` may narrow the route's own."""

    first: date
    last: date | None = None
    direction: Direction = Direction.BOTH
    with_filing_types: bool = False
    """Whether injuries in Procore get their filing type at once, although that may alert people (P73)."""


@dataclass(frozen=True)
class Preview:
    """What a backfill of one route would do, before it does it."""

    first: date
    last: date
    pairs: int = 0
    doubts: int = 0
    creates: dict[str, int] = field(default_factory=lambda: {side.value: 0 for side in Side})
    updates: dict[str, int] = field(default_factory=lambda: {side.value: 0 for side in Side})
    days: int = 0
    """Days that hold something to do."""
    days_done: int = 0
    """Days that earlier runs of the same backfill finished."""
    calls: int = 0
    filing_types_left_out: bool = False
    """Whether injuries in Procore go without the filing type that the mapping would write."""

    @property
    def seconds(self) -> int:
        return self.calls // PACE

    @property
    def is_empty(self) -> bool:
        return not (self.days or self.doubts)

    def json(self) -> dict[str, Any]:
        return {**asdict(self), "first": str(self.first), "last": str(self.last), "seconds": self.seconds}


@dataclass(frozen=True)
class Progress:
    """How far one route's backfill is: a day in hand, and records written of those that were planned."""

    route: str
    day: date
    days: int
    of_days: int
    records: int
    of_records: int


@dataclass(frozen=True)
class Result:
    """What came of one route's backfill; without a preview the route was busy or could not be read."""

    report: Report
    preview: Preview | None = None

    def json(self) -> dict[str, Any]:
        return {**self.report.json(), "preview": self.preview.json() if self.preview else None}


def backfill(
    runtime: Runtime,
    route: Route,
    span: Span,
    *,
    dry: bool = False,
    shown: Callable[[str, Preview], None] = lambda route, preview: None,
    watch: Callable[[Progress], None] = lambda progress: None,
) -> Result:
    """One run for one route. `shown` is told what is about to happen; `dry` ends after that.

    Raises StoreError alone, as a cycle does.
    """
    if runtime.stopping():
        return Result(not_begun(route))
    chosen = DaysOf(runtime.store, route, span, shown)

    def progress(_: Action, records: int) -> None:
        watch(chosen.progress(records))

    report = run_cycle(runtime, route, Options(dry=dry), progress, selection=chosen)
    if report.outcome == "busy":  # Whoever asked for these days is told that they were not looked at.
        report.ended("busy", BUSY, 1)
    return Result(report, chosen.preview)


def refuse_contradictions(routes: Iterable[Route], direction: Direction) -> None:
    """A direction may narrow what a route does; it never makes a one-way route go the other way."""
    for route in routes:
        if direction not in (Direction.BOTH, route.direction) and route.direction is not Direction.BOTH:
            raise UsageError(
                f"Route {route.name} goes from {route.direction.value} only; "
                "leave out --direction, or change the route's direction in the configuration."
            )


def refuse_days_to_come(runtime: Runtime, routes: Iterable[Route], first: date) -> None:
    """A range that begins after today, in the zone of a route's project, holds nothing yet."""
    now = runtime.clock()
    if first < now.date():  # It has begun in every zone, so that no project needs to be asked for its own.
        return
    for route in routes:
        today = _today(runtime, route, now) if first <= now.date() + timedelta(days=1) else now.date()
        if today is not None and first > today:
            raise UsageError(
                f"The range begins on {first}, and in route {route.name} today is {today}; "
                "give --from a day that has come. New incidents cross with sync."
            )


def _today(runtime: Runtime, route: Route, now: datetime) -> date | None:
    """The day it is in the project; None when that cannot be told, which the cycle itself will say."""
    try:
        zone = project_zone(runtime.apis(route)[0].project())
    except VendorError:
        return None
    return now.astimezone(ZoneInfo(zone)).date() if zone else None


class DaysOf:
    """The selection of one backfill: incidents of a range of days, carried out day by day, oldest first.

    Made for one run, it remembers what it showed and which day is in hand.
    """

    def __init__(self, store: Store, route: Route, span: Span, shown: Callable[[str, Preview], None]) -> None:
        self.store, self.route, self.span, self.shown = store, route, span, shown
        self.preview: Preview | None = None
        self.slices: dict[date, Plan] = {}
        self.done_before: set[str] = set()
        """Days that earlier runs of the same backfill finished."""
        self.name = ""
        """How the store knows this backfill: its range and its direction."""
        self.day, self.number = span.first, 0
        self.without_alerts = False

    def days(self, today: date) -> Days:
        return self.span.first, self.span.last or today

    def leaves_out_alerts(self, mapping: FieldMapping, *, begun_without: bool) -> bool:
        """No filing type goes to Procore unless that was asked for, whatever an earlier run was told."""
        self.without_alerts = bool(mapping.alerting) and not self.span.with_filing_types
        return self.without_alerts

    def part(self, planned: Plan) -> Plan:
        return narrowed(planned, self.span.direction)

    def announce(self, seen: Snapshot, decided: Plan) -> None:
        first, last = seen.only_days or (self.span.first, self.span.first)
        self.name = f"{first}..{last} {self.span.direction.value}"
        self.slices = by_day(decided, seen)
        with self.store.read() as unit:
            self.done_before = unit.cycles.days_done(self.route.key, self.name)
        self.preview = Preview(
            first,
            last,
            pairs=len([action for action in decided.actions if action.act is Act.LINK]),
            doubts=len([item for item in decided.items if item.kind is ItemKind.MATCH]),
            creates=_counted(decided, Act.CREATE),
            updates=_counted(decided, Act.UPDATE),
            days=len(self.slices),
            days_done=len(self.done_before),
            calls=sum(CALLS.get((action.act, action.side), 0) for action in decided.actions),
            filing_types_left_out=self.without_alerts,
        )
        self.shown(self.route.name, self.preview)

    def portions(self, decided: Plan) -> Iterator[Portion]:
        """What belongs to no day comes first: the questions."""
        yield Portion(replace(decided, actions=(), rebases=()))
        for day, part in self.slices.items():
            self.day, self.number = day, self.number + 1
            yield Portion(part, day)

    def done(self, portion: Portion, steps: Steps) -> None:
        if portion.day is None or portion.day.isoformat() in self.done_before:
            return
        with steps.begin() as unit:
            unit.cycles.day_done(self.route.key, self.name, portion.day.isoformat())
        log.info("backfill.day_done", day=portion.day)

    def progress(self, records: int) -> Progress:
        """How far this run is, with so many records done."""
        of_records = sum(len(part.actions) for part in self.slices.values())
        return Progress(self.route.name, self.day, self.number, len(self.slices), records, of_records)


def narrowed(plan: Plan, direction: Direction) -> Plan:
    """The plan without writes to the side that `direction` does not lead to; what is clear is linked all the same."""
    kept = tuple(a for a in plan.actions if a.act is Act.LINK or direction.writes_to(a.side))
    statuses = {side: dict(of_side) for side, of_side in plan.statuses.items()}
    for action in plan.actions:
        if action.act is Act.CREATE and not direction.writes_to(action.side):
            statuses[action.side.other][action.source_id or ""] = SyncStatus.EXCLUDED
    return replace(plan, actions=kept, statuses=statuses)


def by_day(plan: Plan, seen: Snapshot) -> dict[date, Plan]:
    """What a plan does about each day, oldest first; a pair belongs to the day that Procore tells."""
    actions: dict[date, list[Action]] = defaultdict(list)
    rebases: dict[date, list[Rebase]] = defaultdict(list)
    for action in plan.actions:
        ids = {action.side: action.target_id, action.side.other: action.source_id}
        actions[_day(seen, ids[Side.PROCORE], ids[Side.FOURHSE])].append(action)
    for fresh in plan.rebases:
        rebases[_day(seen, fresh.procore_id, fresh.fourhse_id)].append(fresh)
    return {day: Plan(tuple(actions[day]), rebases=tuple(rebases[day])) for day in sorted({*actions, *rebases})}


def _day(seen: Snapshot, procore_id: str | None, fourhse_id: str | None) -> date:
    for side, record_id in ((Side.PROCORE, procore_id), (Side.FOURHSE, fourhse_id)):
        record = seen.record(side, record_id or "")
        if record is not None and (day := day_of(seen, record)) is not None:
            return day
    return date.min


def _counted(plan: Plan, act: Act) -> dict[str, int]:
    return {side.value: len([a for a in plan.actions if a.act is act and a.side is side]) for side in Side}
