"""A day of many routes on one credential, on a simulated clock: two daemons and a cron share the work and the calls.
With `--hints` Procore tells of changes.

Everything is real but the vendors and the time: each process has connections of its own to the store and a budget of
its own, and hears of the others through the store alone.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from random import Random
from statistics import quantiles

from hook_stand import HookStand
from procore_4hse.engine.appointments import Waits, affordable, claim, due, waiting
from procore_4hse.engine.cycle import Options, run_cycle
from procore_4hse.engine.run_routes import run_due
from procore_4hse.models import Side
from procore_4hse.route import Route
from procore_4hse.runtime import Runtime
from procore_4hse.simulator.wire import Request, Response
from procore_4hse.store.leases import Holder
from procore_4hse.store.repository import AccountBudget, Store
from world import PROJECT, TENANT, World

EVERY, QUIET = timedelta(minutes=5), timedelta(hours=1)
PER_CALL, LOOK_EVERY, CRON_EVERY = timedelta(milliseconds=200), timedelta(seconds=20), timedelta(minutes=10)
SLACK = timedelta(minutes=3)
"""A route waits its turn behind those that are due too."""
WITH_HINT = timedelta(minutes=10)
"""Within that a report crosses of which a hook told."""
OFFICE = "5b7f5a5e-1d39-4a7c-8f43-7b1d6f3a{:04}"


@dataclass
class Day:
    """`rests` are the times between two cycles of a route beyond what was announced; `crossed` those of the edits."""

    world: World
    routes: list[Route]
    processes: list[Runtime]
    random: Random
    refused: int = 0
    calls: Counter[int] = field(default_factory=Counter)
    cycles: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    announced: dict[str, datetime] = field(default_factory=dict)
    late: list[timedelta] = field(default_factory=list)
    spans: list[timedelta] = field(default_factory=list)
    edited: dict[str, datetime] = field(default_factory=dict)
    allowed: dict[str, timedelta] = field(default_factory=lambda: defaultdict(timedelta))
    bounds: dict[str, timedelta] = field(default_factory=dict)
    crossed: list[tuple[timedelta, timedelta]] = field(default_factory=list)
    """How long an edit took, and how long it may take."""
    hooks: HookStand | None = None
    """None: nobody tells of changes."""
    lost: int = 0

    @classmethod
    def build(cls, url: str, routes: int, calls_an_hour: int, stack: ExitStack, *, hints: bool = False) -> Day:
        world = World.build(url)
        stack.callback(world.store.close)
        lines = [*_routes(world, routes)]
        hooks = _hooks(world, lines) if hints else None
        world.procore.set_limits(hour=calls_an_hour)
        processes = [_process(world, url, number, stack) for number in range(3)]
        day = cls(world, lines, processes, Random(0), hooks=hooks)  # noqa: S311
        world.faults.on_response.append(day.count)
        return day

    def count(self, request: Request, response: Response) -> None:
        self.world.clock.now += PER_CALL
        self.refused += response.status == 429
        if request.path.startswith("/rest"):
            self.calls[int(self.world.clock.now.timestamp() // 3600)] += 1

    def live(self, length: timedelta) -> None:
        end, cron_at = self.world.clock.now + length, self.world.clock.now
        waits = [Waits(runtime.timer) for runtime in self.processes]
        while self.world.clock.now < end:
            idle = [self.work(runtime, wait) for runtime, wait in zip(self.processes[:2], waits, strict=False)]
            if self.world.clock.now >= cron_at:
                cron_at = self.world.clock.now + CRON_EVERY
                for report in run_due(self.processes[2], self.routes[:3], Options()).reports:
                    self.over(next(each for each in self.routes if each.name == report.route), report.outcome)
            if all(idle):
                self.world.clock.now += LOOK_EVERY
            self.people_work()
            if self.hooks is not None:
                self.hooks.sender.deliver()

    def work(self, runtime: Runtime, waits: Waits) -> bool:
        """One cycle, if any is due; True when none was."""
        for found in due(waiting(runtime, self.routes, waits)):
            if affordable(runtime, found.slot):
                return True
            if lease := claim(runtime, found):
                self.over(found.route, run_cycle(runtime, found.route, Options(), lease=lease).outcome)
                return False
        return True

    def over(self, route: Route, outcome: str) -> None:
        now = self.world.clock.now
        self.cycles[route.key] += 1
        self.outcomes[outcome] += 1
        if route.key in self.announced:
            self.late.append(now - self.announced[route.key])
        if at := self.edited.pop(route.key, None):
            self.crossed.append((now - at, self.bounds.pop(route.key)))
        with self.world.store.read() as unit:
            slot = unit.schedule.slot(route.key)
        if slot is not None:
            self.spans.append(slot.span)
            self.announced[route.key] = slot.due_at
            self.allowed[route.key] = slot.span

    def people_work(self) -> None:
        """Now and then somebody reports an incident on one of a few routes."""
        if self.random.random() < 0.02:
            route = self.random.choice(self.routes[:: 20 if len(self.routes) > 20 else 3])
            if route.key in self.announced and route.key not in self.edited:
                self.edited[route.key] = self.world.clock.now
                self.world.procore.hand_create(
                    "incident", int(route.procore_project), title=f"Fall {self.random.random()}",
                    description="On the stairs.", event_date=self.world.clock.now, time_unknown=True,
                )  # fmt: skip
                self.bounds[route.key] = WITH_HINT if self.is_told(route) else self.allowed[route.key] + SLACK

    def is_told(self, route: Route) -> bool:
        """Whether a hook tells of the report that was just made; others send what they like meanwhile."""
        if self.hooks is None:
            return False
        self.hooks.sender.deliver()
        (hook,) = self.world.procore.hooks.of_project(int(route.procore_project), None)
        self.hooks.sender.forge(hook, {"id": str(self.random.random())[2:]}, "Bearer a guess")
        is_lost = hook.deliveries[-1].status == "discarded"
        self.lost += is_lost
        return not is_lost

    def wrong(self) -> Iterator[str]:
        if self.refused:
            yield f"{self.refused} calls were refused"
        if never := [route.name for route in self.routes if not self.cycles[route.key]]:
            yield f"{len(never)} routes had no cycle"
        if late := [each for each in self.late if each > SLACK]:
            yield f"{len(late)} of {len(self.late)} cycles were late, by up to {max(late)}"
        if slow := [took for took, bound in self.crossed if took > bound]:
            yield f"{len(slow)} of {len(self.crossed)} reports took up to {max(slow)}"

    def figures(self) -> str:
        spans = sorted(self.spans)
        middle = quantiles(spans, n=2)[0] if len(spans) > 1 else spans[0]
        took = max((took for took, _ in self.crossed), default=timedelta(0))
        told = [took for took, bound in self.crossed if bound == WITH_HINT]
        hinted = f", {len(told)} of which a hook told within {max(told)} ({self.lost} hints were lost)" if told else ""
        return (
            f"{len(self.routes)} routes, {sum(self.cycles.values())} cycles ({dict(self.outcomes)}), "
            f"{sum(self.calls.values())} Procore calls, {max(self.calls.values(), default=0)} in the fullest hour, "
            f"{self.refused} refused; a route rests for {spans[0]} to {spans[-1]}, {middle} in the middle; "
            f"late by {max(self.late, default=timedelta(0))} at most; "
            f"{len(self.crossed)} reports crossed within {took}{hinted}"
        )


def _routes(world: World, count: int) -> Iterator[Route]:
    yield world.route
    for number in range(1, count):
        world.procore.add_project(PROJECT + number, f"Site {number}", world.zone, world.zone)
        world.fourhse.add_office(TENANT, office := OFFICE.format(number), f"Office {number}")
        place = {"procore_project": str(PROJECT + number), "fourhse_office": office}
        yield replace(world.route, name=f"site {number}", **place)


def _hooks(world: World, routes: list[Route]) -> HookStand:
    """Made before the day begins. Of twenty events one is lost, two are doubled, and any may be two minutes late."""
    stand = HookStand.of(world, routes)
    for route in routes:
        stand.hook(route).install()
    stand.sender.lost, stand.sender.doubled, stand.sender.delayed = 0.05, 0.1, timedelta(minutes=2)
    return stand


def _process(world: World, url: str, number: int, stack: ExitStack) -> Runtime:
    """With a store and a budget of its own; of the others it hears through the store alone."""
    store = Store(url, clock=world.clock)
    stack.callback(store.close)
    runtime = World._house(store, world.clock, world.procore, world.fourhse)
    budget = runtime.apis(world.route)[0]._http.budget  # type: ignore[attr-defined]
    budget._shared = AccountBudget(store, "ours")
    return replace(
        runtime,
        every=EVERY,
        quiet_every=QUIET,
        budgets={Side.PROCORE: budget},
        account="ours",
        timer=lambda: world.clock.now.timestamp(),
        holder=Holder(f"machine-{number}", "boot", number, "1"),
    )


if __name__ == "__main__":
    import argparse
    import logging
    import tempfile
    import time

    import structlog

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    told = argparse.ArgumentParser(description=__doc__)
    told.add_argument("--routes", type=int, default=300)
    told.add_argument("--hours", type=float, default=24)
    told.add_argument("--calls", type=int, default=3600)
    told.add_argument("--hints", action="store_true")
    given = told.parse_args()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as closing:
        began, url = time.monotonic(), f"sqlite:///{folder}/sync.db"
        day = Day.build(url, given.routes, given.calls, closing, hints=given.hints)
        day.live(timedelta(hours=given.hours))
        print(day.figures(), f"{time.monotonic() - began:.0f} s", sep="; ")  # noqa: T201
        raise SystemExit("; ".join(day.wrong()) or 0)
