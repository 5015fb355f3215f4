"""The daemon: a cycle per route on its schedule, until a signal ends it. `run` is the whole life in four steps."""

from __future__ import annotations

import logging
import math
import os
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, timedelta
from queue import Empty, SimpleQueue
from threading import Event
from types import FrameType
from typing import Any

import structlog
from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_EXECUTED, JobExecutionEvent
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from structlog.contextvars import bound_contextvars

from procore_4hse.engine.cycle import Options, run_cycle
from procore_4hse.engine.report import Report
from procore_4hse.engine.run_routes import report_of_error
from procore_4hse.errors import AccessRefused, StoreBusy, StoreError
from procore_4hse.operations.retention import Ages, all_routes, purge_old
from procore_4hse.route import Route
from procore_4hse.runtime import GRACE, Runtime

log = structlog.get_logger()

AT_ONCE = 4
"""Cycles that run side by side; when more routes are due, the one that waited longest goes first."""

SIGNALS = (signal.SIGTERM, signal.SIGINT)
PURGE_EVERY = timedelta(days=1)
"""How often each route is rid of contents that became too old."""

NO_AGES = Ages()
"""Nothing is purged."""

CUT_SHORT = 1
"""The exit code after a second signal: a rerun takes up what was left."""


class Daemon:
    """Runs cycles until a signal, or a store that cannot be opened again, ends it; `run` returns the exit code.

    Cycles run in threads. Everything else happens in the main thread, one piece of news after the other: a signal, or
    a cycle that is over. A signal's own handler only adds to the queue, for it may interrupt any line of ours.
    """

    def __init__(
        self,
        runtime: Runtime,
        routes: Sequence[Route],
        *,
        every: timedelta,
        stop: Event,
        grace: timedelta | None = None,
        ages: Ages = NO_AGES,
        leave: Callable[[int], object] = os._exit,
    ) -> None:
        self.runtime, self.routes, self.every, self.stop, self.leave = runtime, routes, every, stop, leave
        self.grace = GRACE if grace is None else grace
        self.ages = ages
        self.purged: dict[str, float] = {}
        """When each route was purged last, by the process's timer."""
        self.due: dict[str, float] = {}
        """When each route's next cycle begins, by the process's timer: a clock that is set moves no pause."""
        self.by_key = {route.key: route for route in routes}
        self.news: SimpleQueue[int | JobExecutionEvent] = SimpleQueue()
        self.under_way: set[str] = set()
        self.exit_code = 0
        self.scheduler = BackgroundScheduler(
            executors={"default": ThreadPoolExecutor(AT_ONCE)}, job_defaults={"misfire_grace_time": None}, timezone=UTC
        )
        self.handlers: dict[int, Any] = {}

    def run(self) -> int:
        self.startup()
        try:
            self.loop()
        finally:
            self.shutdown()
        return self.exit_code

    # The four steps -----------------------------------------------------------------------------------------------

    def startup(self) -> None:
        """Signals are heard from here on, and every route's first cycle is due at once."""
        self.handlers = {number: signal.signal(number, self.hear) for number in SIGNALS}
        logging.getLogger("apscheduler").setLevel(logging.CRITICAL)  # what a cycle raises is told by a line of ours
        self.scheduler.add_listener(self.news.put, EVENT_JOB_EXECUTED | EVENT_JOB_ERROR)
        for route in self.routes:
            self._plan(route, timedelta(0))
        self.scheduler.start()
        log.info("daemon.started", routes=len(self.routes), every_seconds=self.every.total_seconds())

    def loop(self) -> None:
        while not self.stop.is_set():
            self._begin_what_is_due()
            with suppress(Empty):
                self._take(self.news.get(timeout=self._until_due()))

    def shutdown(self) -> None:
        """No cycle begins any more; those under way finish the action in hand, or are left when it lasts too long."""
        self.stop.set()
        # The scheduler's own thread may be taking a due job out: once it is stopped, that would fail in that thread.
        self.scheduler.pause()
        self.scheduler.remove_all_jobs()
        self.scheduler.shutdown(wait=False)
        leave_by = self.runtime.timer() + self.grace.total_seconds()
        while self.under_way:
            try:
                self._take(self.news.get(timeout=max(0.0, leave_by - self.runtime.timer())))
            except Empty:
                log.warning("daemon.left", routes=len(self.under_way), why="a call lasts; its intent stays open")
                self.leave(self.exit_code)
                break
        for number, handler in self.handlers.items():
            signal.signal(number, handler or signal.SIG_DFL)
        log.info("daemon.stopped", exit=self.exit_code)

    def hear(self, number: int, _: FrameType | None) -> None:
        self.news.put(number)

    # News ---------------------------------------------------------------------------------------------------------

    def _take(self, news: int | JobExecutionEvent) -> None:
        if isinstance(news, JobExecutionEvent):
            self._cycle_over(self.by_key[news.job_id], news)
        elif self.stop.is_set():
            log.warning("daemon.cut_short", signal=signal.Signals(news).name)
            self.leave(CUT_SHORT)
        else:
            log.info("daemon.stopping", signal=signal.Signals(news).name)
            self.stop.set()

    def _cycle_over(self, route: Route, news: JobExecutionEvent) -> None:
        # This is another thread than the cycle's, which bound its own name.
        with bound_contextvars(route=route.name):
            if isinstance(news.exception, StoreError):
                log.error("daemon.no_store", error=news.exception)
                self.exit_code = StoreError.exit_code
                self.stop.set()
            elif news.exception is not None:
                log.error("daemon.cycle_failed", error=news.exception)
            elif news.retval is not None:
                self._tell(news.retval)
        self._plan(route, self.every)

    def _tell(self, report: Report) -> None:
        """What a person should know of a cycle that did not end well; the cycle itself logs the others."""
        if report.exit_code == AccessRefused.exit_code:
            log.error("daemon.no_access", reason=report.reason)
        elif report.exit_code != 0:
            log.warning("daemon.not_done", outcome=report.outcome, reason=report.reason)

    # Cycles -------------------------------------------------------------------------------------------------------

    def _plan(self, route: Route, pause: timedelta) -> None:
        """The pause counts from the end of the cycle before, so a route never meets itself."""
        self.due[route.key] = self.runtime.timer() + pause.total_seconds()

    def _begin_what_is_due(self) -> None:
        now = self.runtime.timer()
        for key in sorted((key for key, at in self.due.items() if at <= now), key=self.due.__getitem__):
            del self.due[key]
            self.scheduler.add_job(self._cycle, args=(self.by_key[key],), id=key, replace_existing=True)

    def _until_due(self) -> float | None:
        """Seconds; None while every route's cycle is under way."""
        return max(0.0, min(self.due.values()) - self.runtime.timer()) if self.due else None

    def _cycle(self, route: Route) -> Report | None:
        """None when the end came before the cycle began."""
        self.under_way.add(route.key)
        try:
            if self.stop.is_set():
                return None
            report = self._run_cycle(route)
            with bound_contextvars(route=route.name):
                self._try_to_purge(route)
            return report
        finally:
            self.under_way.discard(route.key)

    def _run_cycle(self, route: Route) -> Report:
        """A store that had no time, or that can be opened again, costs this cycle alone. Raises StoreError."""
        try:
            return run_cycle(self.runtime, route, Options())
        except StoreBusy as error:
            return report_of_error(route.name, error)
        except StoreError as error:
            self.runtime.store.reopen()
            return report_of_error(route.name, error)

    def _try_to_purge(self, route: Route) -> None:
        """What a purge meets is told, and costs nobody the report of the cycle; the next cycle tries again."""
        if self.ages.is_endless or self.stop.is_set():
            return
        try:
            self._purge(route)
        except Exception as error:
            log.exception("daemon.purge_failed", error=error)

    def _purge(self, route: Route) -> None:
        """Once a day contents that became too old go: this route's, and those of routes that are not run here.

        They are old enough by the vendors' clocks too: what a clock of ours that ran ahead removed would not come back.
        """
        dates = [api.server_date for api in self.runtime.apis(route) if api.server_date]
        if not dates:
            return
        keys = (route.key, *(key for key in all_routes(self.runtime) if key not in self.by_key))
        now = self.runtime.timer()
        due = [key for key in keys if now - self.purged.get(key, -math.inf) >= PURGE_EVERY.total_seconds()]
        done = purge_old(self.runtime, lambda now: self.ages.ends(min(now, *dates)), due)
        self.purged |= {key: now for key in due if key not in done.busy}
        if any(done.counts.values()):
            log.info("daemon.purged", **done.counts)
