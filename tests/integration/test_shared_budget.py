"""One budget for all processes of a credential: both windows, a 429 that stops all, and a store that has no time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from procore_4hse.apis import Quota
from procore_4hse.clients.budget import PATIENCE, SHARE_EVERY, Budget
from procore_4hse.engine.cycle import Options
from procore_4hse.engine.run_routes import run_due
from procore_4hse.errors import BudgetExhausted, StoreBusy
from procore_4hse.models import Side
from procore_4hse.store.budgets import after, later
from procore_4hse.store.repository import AccountBudget
from world import Clock, World

HOUR, SPIKE = timedelta(hours=1), timedelta(seconds=10)
Build = Callable[..., World]


def stated(clock: Clock, limit: int, remaining: int, left: float) -> dict[str, str]:
    """Headers as Procore sends them."""
    reset = int(clock.now.timestamp() + left)
    return {
        "x-rate-limit-limit": str(limit),
        "x-rate-limit-remaining": str(remaining),
        "x-rate-limit-reset": str(reset),
    }


def process(world: World, account: str = "ours") -> Budget:
    """One of several with the same credential."""
    time = {"clock": world.clock, "sleep": world.clock.sleep, "random": lambda: 0.5}
    return Budget(Side.PROCORE, **time, shared=AccountBudget(world.store, account))  # type: ignore[arg-type]


def hears(budget: Budget, clock: Clock, limit: int, remaining: int, left: float, status: int = 200) -> None:
    budget.acquire(reserve=True)
    budget.observe(status, stated(clock, limit, remaining, left), clock.now)


def pass_time(world: World, *budgets: Budget) -> None:
    """Each hears what the others know by now."""
    world.clock.advance(SHARE_EVERY.total_seconds())
    for budget in (*budgets, *budgets):
        budget._exchange()


def test_a_process_knows_both_windows_though_it_was_told_of_one(build: Build) -> None:
    world = build()
    one, another = process(world), process(world)
    hears(one, world.clock, 3600, 3000, 1800)
    pass_time(world, one)
    hears(another, world.clock, 25, 20, 9)
    pass_time(world, another)
    assert (another.limit, another.remaining) == (3600, 2999), "its own call, of which the hour was not told"
    assert another.cadence(1) == HOUR / 2880


def test_a_process_that_has_made_no_call_knows_what_is_left(build: Build) -> None:
    world = build()
    one = process(world)
    hears(one, world.clock, 600, 120, 3000)
    pass_time(world, one)
    fresh = process(world)
    with pytest.raises(BudgetExhausted):
        fresh.acquire(reserve=False)
    assert fresh.waits() > PATIENCE
    assert process(world, "another account").waits() == timedelta(0)


def test_a_refusal_stops_all_processes_until_the_time_that_the_vendor_names(build: Build) -> None:
    world = build()
    one, another = process(world), process(world)
    another.acquire(reserve=True)
    one.acquire(reserve=True)
    one.observe(429, {"retry-after": "600"}, world.clock.now)
    world.clock.advance(SHARE_EVERY.total_seconds())
    with pytest.raises(BudgetExhausted) as caught:
        another.acquire(reserve=True)
    assert caught.value.resets_at == world.clock.now + timedelta(seconds=598)
    world.clock.advance(598)
    another.acquire(reserve=True)


def test_calls_of_all_count_in_an_hour_of_which_nobody_is_told(build: Build) -> None:
    world = build()
    processes = [process(world) for _ in range(3)]
    hears(processes[0], world.clock, 600, 600, 3000)
    pass_time(world, *processes)
    for _ in range(10):
        for budget in processes:
            budget.acquire(reserve=True)
    pass_time(world, *processes)
    assert {budget.remaining for budget in processes} == {570}


def test_an_hour_that_is_over_is_followed_by_another_one(build: Build) -> None:
    world = build()
    one = process(world)
    hears(one, world.clock, 600, 0, 3000)
    pass_time(world, one)
    world.clock.advance(3000)
    assert process(world).waits() == timedelta(0)
    one.acquire(reserve=False)
    pass_time(world, one)
    assert process(world).remaining is None, "it has not asked yet"
    pass_time(world, fresh := process(world))
    assert fresh.remaining == 599


def test_a_store_that_has_no_time_leaves_a_process_with_what_it_knows(build: Build) -> None:
    class Busy:
        def exchange(self, told: object, spent: int) -> tuple[Quota, ...]:
            raise StoreBusy("busy")

    world = build()
    budget = process(world)
    budget._shared = Busy()
    hears(budget, world.clock, 600, 500, 3000)
    pass_time(world, budget)
    assert budget.remaining == 500


def test_no_cycle_begins_whose_calls_are_not_there(build: Build) -> None:
    world = build()
    world = replace(world, runtime=replace(world.runtime, budgets={Side.PROCORE: process(world)}))
    told = process(world)
    hears(told, world.clock, 600, 121, 3000)
    pass_time(world, told)
    world.sync()
    assert run_due(world.runtime, [world.route], Options()).reports == ()
    world.clock.advance(3600)
    assert len(run_due(world.runtime, [world.route], Options()).reports) == 1


# Two statements about one window -----------------------------------------------------------------------------------


def quota(remaining: int, left: float, limit: int = 600) -> Quota:
    return Quota(limit, remaining, timedelta(seconds=left), HOUR)


@pytest.mark.parametrize("swap", [False, True])
def test_of_one_period_the_smaller_remainder_is_the_later_one(swap: bool) -> None:
    known, told = (quota(400, 1000), quota(300, 999))[:: -1 if swap else 1]
    assert later(known, told).remaining == 300


def test_a_new_period_replaces_the_old_one() -> None:
    assert later(quota(3, 10), quota(599, 3599)) == quota(599, 3599)
    assert later(quota(600, 0), quota(599, 3)) == quota(599, 3)


def test_what_was_told_of_a_period_that_is_over_says_nothing_about_the_present_one(build: Build) -> None:
    """A process that made no call since then tells late, and would stop all the others for an hour."""
    assert later(quota(599, 3599), quota(3, -10)) == quota(599, 3599)
    world = build()
    silent, busy = process(world), process(world)
    hears(silent, world.clock, 600, 121, 60)
    world.clock.advance(90)
    hears(busy, world.clock, 600, 599, 3599)
    busy.share()
    silent.share()
    pass_time(world, busy, silent)
    assert (busy.waits(9), silent.waits(9)) == (timedelta(0), timedelta(0))
    behind = process(world)
    hears(behind, world.clock, 600, 121, 60)  # It has not heard of the present one.
    hears(behind, world.clock, 600, 590, 3500)
    behind._hear(quota(121, 60), world.clock.now)
    assert behind.waits(9) == timedelta(0)


def test_calls_of_which_the_vendor_did_not_tell_are_taken_off() -> None:
    assert after(quota(10, 100), 3) == quota(7, 100)
    assert after(quota(2, 100), 3) == quota(0, 100)
    assert after(quota(600, 0), 3) == quota(597, 3600), "a new hour begins with the first call"
    assert after(quota(0, 50, limit=0), 3) == quota(0, 50, limit=0)


def test_what_a_clock_that_ran_ahead_wrote_is_over(build: Build) -> None:
    world = build()
    one = process(world)
    world.clock.now = datetime(2027, 1, 1, tzinfo=UTC)
    hears(one, world.clock, 600, 0, 3000)
    pass_time(world, one)
    world.clock.now = datetime(2026, 3, 2, tzinfo=UTC)
    assert process(world).waits() == timedelta(0)
