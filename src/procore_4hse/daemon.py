"""The daemon: cycles of the routes that are due, until a signal ends it. `run` is the whole life in four steps.

When a route is due stands in the store, where any number of daemons claim routes, each together with its lease.
"""

from __future__ import annotations

import logging
import math
import os
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
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

from procore_4hse.engine.appointments import Waiting, Waits, affordable, claim, due, waiting
from procore_4hse.engine.cycle import Options, run_cycle
from procore_4hse.engine.lease import RouteLease
from procore_4hse.engine.report import Report
from procore_4hse.engine.run_routes import INTERNAL, report_of_error, worst_exit_code
from procore_4hse.errors import AccessRefused, StoreBusy, StoreError
from procore_4hse.operations.notify import Watcher
from procore_4hse.operations.retention import Ages, all_routes, purge_old
from procore_4hse.route import Route
from procore_4hse.runtime import GRACE, Runtime

log = structlog.get_logger()

AT_ONCE = 4
"""Cycles that run side by side; when more routes are due, the one that waited longest goes first."""

SIGNALS = (signal.SIGTERM, signal.SIGINT)
LOOK_EVERY = timedelta(seconds=5)
"""How often the store is looked at while nothing is due: another process, a hint or a person may change that."""
PURGE_EVERY = timedelta(days=1)
"""How often each route is rid of contents that became too old."""

NO_AGES = Ages()
"""Nothing is purged."""

LISTEN = 0.2
"""Seconds: a signal that comes right before a wait does not end it, and is heard between two waits alone."""

WATCHER = "watcher"
WATCH_EVERY = timedelta(minutes=1)
"""How often it is looked whether somebody is to be told: a question grows old while no cycle runs, too."""
BEAT_EVERY = 10
"""Seconds between two signs of life."""
STUCK_AFTER = timedelta(minutes=5)
"""A main thread that gave no sign for so long is stuck; it waits for a store that is locked, for less than that."""

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
        stop: Event,
        grace: timedelta | None = None,
        ages: Ages = NO_AGES,
        watcher: Watcher | None = None,
        leave: Callable[[int], object] = os._exit,
    ) -> None:
        self.runtime, self.routes, self.stop, self.leave = runtime, routes, stop, leave
        self.grace = GRACE if grace is None else grace
        self.ages = ages
        self.watcher = watcher
        self.watch_at = -math.inf
        """When the watcher is to look again, by the process's timer; it is infinite while it looks."""
        self.round: list[int] = []
        """The exit codes of the cycles that ended since the dead-man's switch was told last."""
        self.round_from = runtime.timer()
        """When that was, by the timer."""
        self.purged: dict[str, float] = {}
        """When each route was purged last, by the process's timer."""
        self.waits = Waits(runtime.timer)
        """What tells the pauses: a clock that is set moves none."""
        self.queue: list[Waiting] = []
        """What was due at the last look at the store and is not claimed yet, the longest due last."""
        self.look_at = -math.inf
        """When the store is to be looked at again, by the process's timer."""
        self.put_off: dict[str, float] = {}
        """Until when routes are left alone whose cycle could not tell the store how it ended, by the timer."""
        self.claimed: dict[str, RouteLease] = {}
        """The routes whose cycles are under way, or about to begin."""
        self.by_key = {route.key: route for route in routes}
        self.news: SimpleQueue[int | JobExecutionEvent] = SimpleQueue()
        self.exit_code = 0
        self.beat = runtime.timer()
        """When the main thread went round last, by the timer."""
        self.scheduler = BackgroundScheduler(
            executors={"default": ThreadPoolExecutor(AT_ONCE), WATCHER: ThreadPoolExecutor(1)},
            job_defaults={"misfire_grace_time": None},
            timezone=UTC,
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
        """Signals are heard from here on."""
        self.handlers = {number: signal.signal(number, self.hear) for number in SIGNALS}
        logging.getLogger("apscheduler").setLevel(logging.CRITICAL)  # what a cycle raises is told by a line of ours
        self.scheduler.add_listener(self.news.put, EVENT_JOB_EXECUTED | EVENT_JOB_ERROR)
        self.scheduler.start()
        tell_systemd("READY=1")
        log.info("daemon.started", routes=len(self.routes), every_seconds=self.runtime.every.total_seconds())

    def loop(self) -> None:
        while not self.stop.is_set():
            self._begin_what_is_due()
            with suppress(Empty):
                self._take(self._next_news(self._until_next_look()))

    def shutdown(self) -> None:
        """No cycle begins any more; those under way finish the action in hand, or are left when it lasts too long."""
        self.stop.set()
        tell_systemd("STOPPING=1")
        leave_by = self.runtime.timer() + self.grace.total_seconds()
        while self.claimed:
            try:
                self._take(self._next_news(max(0.0, leave_by - self.runtime.timer())))
            except Empty:
                log.warning("daemon.left", routes=len(self.claimed), why="a call lasts; its intent stays open")
                self.leave(self.exit_code)
                break
        self.scheduler.shutdown(wait=False)
        for number, handler in self.handlers.items():
            signal.signal(number, handler or signal.SIG_DFL)
        log.info("daemon.stopped", exit=self.exit_code)

    def hear(self, number: int, _: FrameType | None) -> None:
        self.news.put(number)

    # News ---------------------------------------------------------------------------------------------------------

    def _next_news(self, seconds: float | None) -> int | JobExecutionEvent:
        """Waits so long for it, without an end for None; Empty when nothing came."""
        left = math.inf if seconds is None else seconds
        while True:
            self._go_round()
            try:
                return self.news.get(timeout=min(left, LISTEN))
            except Empty:
                left -= LISTEN
                if left <= 0:
                    raise

    def _go_round(self) -> None:
        """The main thread is not stuck; systemd's watchdog hears of it too."""
        now = self.runtime.timer()
        if now - self.beat >= BEAT_EVERY:
            self.beat = now
            tell_systemd("WATCHDOG=1")
        if self.watcher is not None and now >= self.watch_at and not self.stop.is_set():
            self.watch_at = math.inf
            self.scheduler.add_job(self._watch, args=(self.watcher, self._round_over()), id=WATCHER, executor=WATCHER)

    def _round_over(self) -> int | None:
        """The worst exit code of a round that is over: nothing is due, or `every` has passed; None while it is not."""
        now = self.runtime.timer()
        is_over = not (self.claimed or self.queue) or now - self.round_from >= self.runtime.every.total_seconds()
        if not self.round or not is_over:
            return None
        codes, self.round, self.round_from = self.round, [], now
        return worst_exit_code(codes)

    @staticmethod
    def _watch(watcher: Watcher, exit_code: int | None) -> None:
        if exit_code is None:
            watcher.look()
        else:
            watcher.round_over(exit_code)

    def is_alive(self) -> bool:
        """Whether the main thread went round lately; asked by another one."""
        return self.runtime.timer() - self.beat < STUCK_AFTER.total_seconds()

    def _take(self, news: int | JobExecutionEvent) -> None:
        if isinstance(news, JobExecutionEvent) and news.job_id == WATCHER:
            self.watch_at = self.runtime.timer() + WATCH_EVERY.total_seconds()
        elif isinstance(news, JobExecutionEvent):
            self._cycle_over(self.by_key[news.job_id], news)
        elif self.stop.is_set():
            log.warning("daemon.cut_short", signal=signal.Signals(news).name)
            self.leave(CUT_SHORT)
        else:
            log.info("daemon.stopping", signal=signal.Signals(news).name)
            self.stop.set()

    def _cycle_over(self, route: Route, news: JobExecutionEvent) -> None:
        del self.claimed[route.key]
        self.look_at = self.runtime.timer()
        # This is another thread than the cycle's, which bound its own name.
        with bound_contextvars(route=route.name):
            if isinstance(news.exception, StoreError):
                self._end_without_store(news.exception)
            elif news.exception is not None:
                log.error("daemon.cycle_failed", error=news.exception)
                self.round.append(INTERNAL)
                self._put_off(route)
            elif news.retval is not None:
                self.round.append(news.retval.exit_code)
                self._tell(news.retval)

    def _tell(self, report: Report) -> None:
        """What a person should know of a cycle that did not end well; the cycle itself logs the others."""
        if report.exit_code == AccessRefused.exit_code:
            log.error("daemon.no_access", reason=report.reason)
        elif report.exit_code != 0:
            log.warning("daemon.not_done", outcome=report.outcome, reason=report.reason)

    # Cycles -------------------------------------------------------------------------------------------------------

    def _begin_what_is_due(self) -> None:
        """A store that has no time, or that can be opened again, is asked later."""
        try:
            self._claim_what_is_due()
        except StoreBusy as error:
            log.warning("daemon.store_waited_for", reason=str(error))
            self._look_later()
        except StoreError as error:
            log.warning("daemon.store_waited_for", reason=str(error))
            self._try_to_reopen()

    def _claim_what_is_due(self) -> None:
        """As many as there is room for; what is claimed begins at once."""
        while len(self.claimed) < AT_ONCE and (found := self._next()) is not None:
            if (lease := claim(self.runtime, found)) is not None:
                self.claimed[found.route.key] = lease
                self.scheduler.add_job(self._cycle, args=(found.route, lease), id=found.route.key)

    def _try_to_reopen(self) -> None:
        try:
            self.runtime.store.reopen()
            self._look_later()
        except StoreError as error:
            self._end_without_store(error)

    def _end_without_store(self, error: BaseException) -> None:
        log.error("daemon.no_store", error=error)
        self.exit_code = StoreError.exit_code
        self.stop.set()

    def _look_later(self) -> None:
        self.queue, self.look_at = [], self.runtime.timer() + LOOK_EVERY.total_seconds()

    def _next(self) -> Waiting | None:
        """The route that has been due longest, as the store was seen last; it is looked at again once all are done."""
        if not self.queue and self.runtime.timer() >= self.look_at:
            self._look()
        return self.queue.pop() if self.queue else None

    def _look(self) -> None:
        found = waiting(self.runtime, [*self._rested()], self.waits)
        self.queue = [*due(found)][::-1]
        if self.queue and (pause := affordable(self.runtime, self.queue[-1].slot, len(self.claimed))):
            log.info("daemon.calls_waited_for", seconds=pause.total_seconds(), routes=len(self.queue))
            self.queue = []
        soon = min((-each.overdue for each in found if each.overdue < timedelta(0)), default=LOOK_EVERY)
        self.look_at = self.runtime.timer() + min(soon, LOOK_EVERY).total_seconds()

    def _until_next_look(self) -> float | None:
        """Seconds; None while there is room for no further cycle."""
        return max(0.0, self.look_at - self.runtime.timer()) if len(self.claimed) < AT_ONCE else None

    def _cycle(self, route: Route, lease: RouteLease) -> Report | None:
        """None when the end came before the cycle began."""
        if self.stop.is_set():
            lease.give_back()
            return None
        report = self._run_cycle(route, lease)
        with bound_contextvars(route=route.name):
            self._try_to_purge(route)
        return report

    def _run_cycle(self, route: Route, lease: RouteLease | None = None) -> Report:
        """A store that had no time, or that can be opened again, costs this cycle alone. Raises StoreError."""
        try:
            return run_cycle(self.runtime, route, Options(), lease=lease)
        except StoreBusy as error:
            self._put_off(route)
            return report_of_error(route.name, error)
        except StoreError as error:
            self._put_off(route)
            self.runtime.store.reopen()
            return report_of_error(route.name, error)

    def _put_off(self, route: Route) -> None:
        """The store may not know that its cycle is over, and would have it due at once."""
        self.put_off[route.key] = self.runtime.timer() + self.runtime.every.total_seconds()

    def _rested(self) -> Iterator[Route]:
        """Routes that may be claimed here. One whose cycle is just ending is free to this process, and not yet over."""
        now = self.runtime.timer()
        return (each for each in self.routes if each.key not in self.claimed and self.put_off.get(each.key, now) <= now)

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


def tell_systemd(state: str) -> None:
    """A state such as READY=1, where systemd runs this process; else nothing, and nothing that fails is raised.

    What libsystemd's sd_notify does: one datagram. A name that begins with @ is one of the abstract namespace.
    """
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
        out.sendto(state.encode(), "\0" + address[1:] if address.startswith("@") else address)
