"""Incidents of a range of days, whatever the route's `since` says: looked at first, then carried out day by day.

A run reads both sides once and plans the whole range from what is linked now. A day that is done is written down in
the store for people to see how far it came. It is never a reason to leave a day out: a run after a crash goes on by
itself, because what is linked needs nothing more, and a run that is repeated later finds what is new in the range.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from typing import Any

import structlog

from procore_4hse.engine.cycle import Cycle, Options
from procore_4hse.engine.report import Report
from procore_4hse.engine.snapshots import CycleInputs, snapshot
from procore_4hse.errors import UsageError
from procore_4hse.mapping.rules import Direction
from procore_4hse.models import Act, Action, ItemKind, Kind, Link, Side, SyncStatus
from procore_4hse.push.pusher import Pusher
from procore_4hse.reconcile.guard import guarded
from procore_4hse.reconcile.plan import plan_joined
from procore_4hse.reconcile.scope import day_of
from procore_4hse.reconcile.snapshot import Plan, Rebase, Snapshot
from procore_4hse.route import Route
from procore_4hse.runtime import Runtime
from procore_4hse.store.routes import RouteState

log = structlog.get_logger()

CALLS = {
    (Act.CREATE, Side.PROCORE): 1,
    (Act.CREATE, Side.FOURHSE): 2,
    (Act.UPDATE, Side.PROCORE): 2,
    (Act.UPDATE, Side.FOURHSE): 2,
}
"""What a write costs: a create in 4HSE looks for its id first, an update reads its target again."""

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
    run = Backfill(runtime, route, span, dry=dry, shown=shown, watch=watch)
    with run:
        run.run()
    return Result(run.report, run.preview)


def refuse_contradictions(routes: Iterable[Route], direction: Direction) -> None:
    """A direction may narrow what a route does; it never makes a one-way route go the other way."""
    for route in routes:
        if direction not in (Direction.BOTH, route.direction) and route.direction is not Direction.BOTH:
            raise UsageError(
                f"Route {route.name} goes from {route.direction.value} only; "
                "leave out --direction, or change the route's direction in the configuration."
            )


class Backfill(Cycle):
    """A cycle over a range of days: the same steps, but the plan is carried out in slices of a day."""

    def __init__(
        self,
        runtime: Runtime,
        route: Route,
        span: Span,
        *,
        dry: bool,
        shown: Callable[[str, Preview], None],
        watch: Callable[[Progress], None],
    ) -> None:
        super().__init__(runtime, route, Options(dry=dry, only_days=(span.first, span.last)))
        self.span, self.shown, self.watch = span, shown, watch
        self.preview: Preview | None = None
        self.slices: dict[date, Plan] = {}
        self.days = (span.first, span.last or span.first)
        self.records = 0

    def suppress_alerts(self, state: RouteState) -> None:
        """No filing type goes to Procore unless that was asked for, whatever an earlier run was told."""
        self.alerts_off = bool(self.route.mapping.alerting) and not self.span.with_filing_types
        if self.alerts_off:
            self.route = replace(self.route, mapping=self.route.mapping.suppress_alerts())
        elif state.memory.quiet and not self.options.dry:
            self.remember_quiet(False)

    # Plan -------------------------------------------------------------------------------------------------------

    def planned(self, seen: Snapshot) -> Plan:
        decided = narrowed(super().planned(seen), self.span.direction)
        self.days = seen.only_days or self.days
        self.slices = by_day(decided, seen)
        self.preview = self._preview(decided)
        self.shown(self.route.name, self.preview)
        return decided

    def _preview(self, decided: Plan) -> Preview:
        return Preview(
            *self.days,
            pairs=len([action for action in decided.actions if action.act is Act.LINK]),
            doubts=len([item for item in decided.items if item.kind is ItemKind.MATCH]),
            creates=_counted(decided, Act.CREATE),
            updates=_counted(decided, Act.UPDATE),
            days=len(self.slices),
            days_done=len(self._days_done()),
            calls=sum(CALLS.get((action.act, action.side), 0) for action in decided.actions),
            filing_types_left_out=self.alerts_off,
        )

    # Push -------------------------------------------------------------------------------------------------------

    def _push(self, known: CycleInputs, decided: Plan, pusher: Pusher) -> Plan:
        if self.alerts_off:
            self.remember_quiet(True)
        before = {link.id for link in self._links()}
        self._record(known, replace(decided, actions=(), rebases=()))
        done = self._days_done()
        for number, (day, part) in enumerate(self.slices.items(), 1):
            pusher.progress = self._watching(day, number)
            if self._push_day(known, part, pusher) and day.isoformat() not in done:
                self._write_down(day)
        self._push_people(known, [link for link in self._links() if link.id not in before], pusher)
        return decided

    def _push_day(self, known: CycleInputs, part: Plan, pusher: Pusher) -> bool:
        """True when nothing of this day was put off."""
        put_off = len(pusher.done.put_off)
        if part.rebases or any(action.act is Act.LINK for action in part.actions):
            self._record(known, part)
        pusher.run(part.actions)
        return len(pusher.done.put_off) == put_off

    def _push_people(self, known: CycleInputs, made: Sequence[Link], pusher: Pusher) -> None:
        """The people of incidents that this run has linked follow them, as in any cycle."""
        if not made:
            return
        seen = snapshot(self.store, replace(known, state=self._state()))
        decided = narrowed(guarded(plan_joined(seen, made), seen), self.span.direction)
        self._record(known, decided)
        pusher.run(tuple(action for action in decided.actions if action.kind is not Kind.INCIDENT))

    # Small things -----------------------------------------------------------------------------------------------

    def _watching(self, day: date, number: int) -> Callable[[Action], None]:
        of_records = sum(len(part.actions) for part in self.slices.values())

        def watching(_: Action) -> None:
            self.records += 1
            self.watch(Progress(self.route.name, day, number, len(self.slices), self.records, of_records))

        return watching

    def _links(self) -> tuple[Link, ...]:
        with self.store.read() as unit:
            return tuple(link for link in unit.links(self.route.key).all() if link.kind is Kind.INCIDENT)

    def _days_done(self) -> set[str]:
        with self.store.read() as unit:
            return unit.cycles.days_done(self.route.key, self._name())

    def _write_down(self, day: date) -> None:
        with self.store.begin(self.fence) as unit:
            unit.cycles.day_done(self.route.key, self._name(), day.isoformat())
        log.info("backfill.day_done", route=self.route.name, day=day)

    def _name(self) -> str:
        """How the store knows this backfill: its range and its direction."""
        return f"{self.days[0]}..{self.days[1]} {self.span.direction.value}"


def narrowed(plan: Plan, direction: Direction) -> Plan:
    """The plan without writes to the side that `direction` does not lead to; what is clear is linked all the same."""
    kept = tuple(a for a in plan.actions if a.act is Act.LINK or direction.writes_to(a.side))
    statuses = {side: dict(known) for side, known in plan.statuses.items()}
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
