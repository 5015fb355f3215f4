"""When routes are due, as the store has it: found, claimed together with the lease, and written down after a cycle."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from procore_4hse.engine.lease import GRACE, RouteLease
from procore_4hse.engine.report import Report, budget_report
from procore_4hse.models import Side
from procore_4hse.route import Route
from procore_4hse.runtime import Runtime
from procore_4hse.store.repository import Unit
from procore_4hse.store.schedule import Slot
from procore_4hse.store.tallies import CYCLES, REQUESTS, lasted
from procore_4hse.store.timetable import AT_ONCE, Cadence, Pace, Share, cadence, next_due, overdue

LATEST = 4
"""The average of a route's calls follows the latest cycle by one part in this many."""


def pace_of(runtime: Runtime) -> Pace:
    return Pace(runtime.every, runtime.quiet_every, runtime.full_sweep_every)


@dataclass(frozen=True)
class Waiting:
    """A route that may be claimed. `overdue` is negative until it is due."""

    route: Route
    slot: Slot
    overdue: timedelta


@dataclass
class Waits:
    """How long ago each moment was set. From the first look on that is told by a timer, which nobody sets."""

    timer: Callable[[], float]
    seen: dict[str, tuple[datetime, timedelta, float]] = field(default_factory=dict)

    def since_set(self, slot: Slot, now: datetime) -> timedelta:
        known = self.seen.get(slot.route)
        if known is None or known[0] != slot.set_at:
            known = self.seen[slot.route] = (slot.set_at, now - slot.set_at, self.timer())
        _, waited, at = known
        return waited + timedelta(seconds=self.timer() - at)


def waiting(runtime: Runtime, routes: Sequence[Route], waits: Waits | None = None) -> list[Waiting]:
    """The routes that nobody has and no person paused, the longest due first."""
    waits = waits or Waits(runtime.timer)
    by_key = {route.key: route for route in routes}
    with runtime.store.read() as unit:
        slots, held, now = unit.schedule.slots([*by_key]), unit.leases.held(GRACE, runtime.ended), unit.now
    if fresh := by_key.keys() - slots.keys():
        with runtime.store.begin() as unit:
            unit.schedule.enter(sorted(fresh), runtime.account)
            slots, now = unit.schedule.slots([*by_key]), unit.now
    free = (slot for slot in slots.values() if slot.route not in held and not slot.is_paused(now))
    pace = pace_of(runtime)
    found = [Waiting(by_key[slot.route], slot, overdue(slot, waits.since_set(slot, now), pace)) for slot in free]
    return sorted(found, key=lambda each: each.overdue, reverse=True)


def due(found: Sequence[Waiting]) -> Iterator[Waiting]:
    return (each for each in found if each.overdue >= AT_ONCE)


def affordable(runtime: Runtime, slot: Slot, beside: int = 0) -> timedelta:
    """How long a cycle must wait until its calls, and those of so many others `beside` it, are allowed."""
    calls = slot.calls or {}
    waits = (budget.waits((beside + 1) * max(calls.get(side, 1.0), 1.0)) for side, budget in runtime.budgets.items())
    return max(waits, default=AT_ONCE)


def claim(runtime: Runtime, found: Waiting) -> RouteLease | None:
    """The route's lease; None when somebody else was faster."""
    lease = RouteLease(runtime, found.route.key)
    return lease if lease.take(found.slot) else None


def end_cycle(runtime: Runtime, lease: RouteLease, report: Report, *, dry: bool, whole: bool) -> None:
    """The route is free again. Of a cycle that is no dry run the report is kept, of a `whole` one the next is due."""
    with runtime.store.begin() as unit:  # No fence: how a cycle ended is kept also when its lease was lost.
        report.inbox = unit.inbox(lease.route).counts()
        if not dry:
            kept = {**report.json(), "budget": budget_report(runtime.budgets, report.calls)}
            unit.cycles.end(lease.cycle, report.outcome, report.reason, kept)
            unit.hooks.forget_old_events()
            _keep_standing(unit, lease.route, report, whole=whole)
        unit.tallies.add(lease.route, _tallies(report, dry=dry))
        if lease.release(unit) and whole and not dry:
            appoint(unit, runtime, lease, report)


def _keep_standing(unit: Unit, route: str, report: Report, *, whole: bool) -> None:
    """Only a cycle that looked at everything counts, and proves that both sides agree."""
    is_counted = whole and report.is_counted
    unit.standings.ended(
        route,
        report.outcome,
        report.reason,
        fault=report.fault,
        population=report.population if is_counted else None,
        agreed=is_counted and report.is_whole and report.outcome == "ok",
    )


def _tallies(report: Report, *, dry: bool) -> dict[tuple[str, str], float]:
    asked = {
        (REQUESTS, f"{side.value}/{outcome}"): float(count)
        for side, outcomes in report.asked.items()
        for outcome, count in outcomes.items()
    }
    return asked if dry else {(CYCLES, report.outcome): 1.0, **lasted(report.seconds), **asked}


def appoint(unit: Unit, runtime: Runtime, lease: RouteLease, report: Report) -> None:
    """Writes down when the next cycle is due, and what this one tells about the route."""
    # A hint that comes at this moment waits, or is known: it would be lost between what is read and what is written.
    route, before = lease.route, unit.schedule.locked(lease.route)
    calls = _averages(before.calls if before else None, report.calls)
    is_active = (
        before is None or before.active_at is None or any(sum(done.values()) for done in report.written.values())
    )
    unit.schedule.note(route, runtime.account, calls, unit.now if is_active else None)
    rest = cadence_of(unit, runtime, route).rest
    woken = before is not None and before.wakes != lease.wakes
    due = next_due(unit.now, outcome=report.outcome, woken=woken, every=runtime.every, rest=rest)
    unit.schedule.set(route, due.at, due.reason, every_seconds=runtime.every.total_seconds())


def cadence_of(unit: Unit, runtime: Runtime, route: str) -> Cadence:
    """How long the route rests, as far as its account's budgets are known."""
    pace = pace_of(runtime)
    per_call = {side: budget.cadence(1) for side, budget in runtime.budgets.items()}
    demand = unit.schedule.demand(route, runtime.account, unit.now - 2 * pace.limit)
    return cadence(pace, (Share(demand[side], each) for side, each in per_call.items() if each is not None))


def _averages(before: Mapping[Side, float] | None, calls: Mapping[str, int]) -> dict[Side, float]:
    told = {side: float(calls[side.value]) for side in Side}
    return {side: before[side] + (told[side] - before[side]) / LATEST for side in Side} if before else told
