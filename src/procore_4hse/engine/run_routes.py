"""A round: one cycle of each chosen route, side by side. One route's failure never stops the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import structlog

from procore_4hse.engine.appointments import Waiting, affordable, claim, due, waiting
from procore_4hse.engine.cycle import Options, run_cycle
from procore_4hse.engine.report import Report, not_begun
from procore_4hse.errors import StoreBusy, SyncError
from procore_4hse.models import Action
from procore_4hse.route import Route
from procore_4hse.runtime import Runtime

log = structlog.get_logger()

AT_ONCE = 4
"""Routes that run at the same time; they share the vendors' budgets, so that more would only wait."""

WORST_FIRST = (4, 2, 3, 7, 1, 0)
"""Exit codes, the first that occurs counts."""

WORST = ("failed", "stopped", "partial", "ok", "busy")

INTERNAL = 4

Progress = Callable[[Route, Action, int], None]
"""Called after each record: the route, what was done, and how many that makes."""


@dataclass(frozen=True)
class Summary:
    """What the routes' cycles did, in the order of the configuration."""

    reports: tuple[Report, ...]

    @property
    def exit_code(self) -> int:
        return worst_exit_code([report.exit_code for report in self.reports])

    @property
    def outcome(self) -> str:
        """That of the route which decides the exit code."""
        of_the_worst = [report.outcome for report in self.reports if report.exit_code == self.exit_code]
        return min(of_the_worst, key=WORST.index, default="ok")

    def json(self) -> dict[str, Any]:
        return {"outcome": self.outcome, "exit": self.exit_code, "routes": [report.json() for report in self.reports]}


def worst_exit_code(codes: Sequence[int]) -> int:
    return min(codes, key=WORST_FIRST.index, default=0)


def run_routes(
    runtime: Runtime, routes: Sequence[Route], options: Options, progress: Progress | None = None
) -> Summary:
    """One cycle of every route; each failure becomes that route's report."""
    with ThreadPoolExecutor(max_workers=AT_ONCE, thread_name_prefix="route") as pool:
        cycles = [pool.submit(_in_turn, runtime, route, options, _progress_of(route, progress)) for route in routes]
    return Summary(tuple(report_of(route.name, cycle) for route, cycle in zip(routes, cycles, strict=True)))


def run_due(runtime: Runtime, routes: Sequence[Route], options: Options, progress: Progress | None = None) -> Summary:
    """One cycle of each route that is due now and that no other process takes first."""
    found = [each for each in due(waiting(runtime, routes)) if not affordable(runtime, each.slot)]
    with ThreadPoolExecutor(max_workers=AT_ONCE, thread_name_prefix="route") as pool:
        told = [_progress_of(each.route, progress) for each in found]
        cycles = [
            pool.submit(_if_still_due, runtime, each, options, count) for each, count in zip(found, told, strict=True)
        ]
    reports = (report_of(each.route.name, cycle) for each, cycle in zip(found, cycles, strict=True))
    return Summary(tuple(report for report in reports if report is not None))


def _if_still_due(
    runtime: Runtime, found: Waiting, options: Options, progress: Callable[[Action, int], None] | None
) -> Report | None:
    if runtime.stopping():
        return not_begun(found.route)
    lease = claim(runtime, found)
    return run_cycle(runtime, found.route, options, progress, lease=lease) if lease else None


def _in_turn(
    runtime: Runtime, route: Route, options: Options, progress: Callable[[Action, int], None] | None
) -> Report:
    """The cycle of a route whose turn has come, unless the process shall end by then."""
    return not_begun(route) if runtime.stopping() else run_cycle(runtime, route, options, progress)


R = TypeVar("R", Report, Report | None)


def report_of(route: str, cycle: Future[R]) -> R | Report:
    """The cycle's own report, or one that says why there is none."""
    error = cycle.exception()
    return cycle.result() if error is None else report_of_error(route, error)


def report_of_error(route: str, error: BaseException) -> Report:
    """The report of a cycle that ended so badly that it made none."""
    if isinstance(error, SyncError):
        outcome = "partial" if isinstance(error, StoreBusy) else "failed"
        return Report(route, outcome=outcome, reason=str(error), exit_code=error.exit_code)
    # The route's name is bound in the cycle's own thread alone.
    log.error("round.route_failed", route=route, exc_info=error)
    reason = f"An internal error ({type(error).__name__}) stopped this route; run it again with -v and report it."
    return Report(route, outcome="failed", reason=reason, exit_code=INTERNAL)


def _progress_of(route: Route, progress: Progress | None) -> Callable[[Action, int], None] | None:
    if progress is None:
        return None
    return lambda action, done: progress(route, action, done)
