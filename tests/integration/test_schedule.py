"""The schedule in the store: who claims what, hints and deaths in mid-cycle, pauses, and pace within the calls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from threading import Barrier, Thread

import pytest
from sqlalchemy import text

from procore_4hse.engine.appointments import Waiting, claim, due, waiting
from procore_4hse.engine.cycle import Options, run_cycle
from procore_4hse.engine.lease import GRACE, LEASE
from procore_4hse.engine.report import Report
from procore_4hse.engine.run_routes import run_due, run_routes
from procore_4hse.models import Side
from procore_4hse.operations.schedule import pause, paused_routes, resume, schedules
from procore_4hse.route import Route
from procore_4hse.store.leases import Holder
from procore_4hse.store.repository import Store
from procore_4hse.store.schedule import Reason, Slot
from world import PROJECT, TENANT, World

pytestmark = pytest.mark.one_test_on_postgresql_in(8)

Build = Callable[..., World]
EVERY = timedelta(minutes=5)
OFFICES = "5b7f5a5e-1d39-4a7c-8f43-7b1d6f3a9e{:02}"


def routes_of(world: World, count: int) -> list[Route]:
    """So many, the world's own first."""
    found = [world.route]
    for number in range(1, count):
        world.procore.add_project(PROJECT + number, f"Site {number}", world.zone, world.zone)
        world.fourhse.add_office(TENANT, office := OFFICES.format(50 + number), f"Office {number}")
        place = {"procore_project": str(PROJECT + number), "fourhse_office": office}
        found.append(replace(world.route, name=f"site {number}", **place))
    return found


def elsewhere(world: World, number: int = 1) -> World:
    """Another process on the same store, which nobody here can tell to be alive or dead."""
    store = Store(world.store.url.render_as_string(hide_password=False), clock=world.clock)
    runtime = World._house(store, world.clock, world.procore, world.fourhse)
    return replace(world, store=store, runtime=replace(runtime, holder=Holder(f"machine-{number}", "boot", 1, "1")))


def found(world: World, *routes: Route) -> list[Waiting]:
    return [*due(waiting(world.runtime, routes or [world.route]))]


def slot(world: World, route: Route | None = None) -> Slot:
    with world.store.read() as unit:
        known = unit.schedule.slot((route or world.route).key)
    assert known is not None
    return known


def cycle(world: World) -> Report:
    return run_cycle(world.runtime, world.route, Options())


def wake(world: World) -> None:
    with world.store.begin() as unit:
        unit.schedule.wake(world.route.key)


def at_call(world: World, act: Callable[[], object]) -> None:
    """Once, in the middle of the next cycle."""

    def look(request: object) -> None:
        world.faults.on_request.remove(look)
        act()

    world.faults.on_request.append(look)


# Claims ------------------------------------------------------------------------------------------------------------


def test_a_new_route_is_due_at_once_and_again_after_its_pause(build: Build) -> None:
    world = build()
    assert [each.slot.reason for each in found(world)] == [Reason.FIRST]
    cycle(world)
    assert found(world) == []
    world.clock.advance(seconds=299)
    assert found(world) == []
    world.clock.advance(seconds=1)
    (again,) = found(world)
    assert again.slot.reason is Reason.CADENCE
    assert timedelta(0) <= again.overdue < timedelta(minutes=1)


def test_the_one_that_is_due_longest_comes_first_and_one_that_is_held_not_at_all(build: Build) -> None:
    world = build()
    routes = routes_of(world, 4)
    for route in reversed(routes):
        run_cycle(world.runtime, route, Options())
        world.clock.advance(seconds=10)
    world.clock.advance(minutes=6)
    there = elsewhere(world)
    assert claim(there.runtime, found(world, *routes)[0]) is not None
    assert [each.route.name for each in found(world, *routes)] == ["site 2", "site 1", "riverside"]
    there.store.close()


def test_of_many_processes_that_want_the_same_route_one_gets_it(build: Build) -> None:
    world = build()
    machines = [elsewhere(world, number) for number in range(3)]
    (seen,) = found(world)
    ready, leases = Barrier(3), []

    def want(machine: World) -> None:
        ready.wait(10)
        leases.append(claim(machine.runtime, seen))

    threads = [Thread(target=want, args=(machine,)) for machine in machines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(lease is not None for lease in leases) == [False, False, True]
    for machine in machines:
        machine.store.close()


def test_what_was_done_since_it_was_seen_is_not_done_again(build: Build) -> None:
    world = build()
    (seen,) = found(world)
    there = elsewhere(world)
    world.clock.advance(seconds=1)
    cycle(there)
    assert claim(world.runtime, seen) is None
    assert cycle(world).outcome == "ok", "the lease is free again"
    there.store.close()


def test_a_failure_is_tried_again_after_the_plain_pause_and_a_dry_run_moves_nothing(build: Build) -> None:
    world = build()
    world.sync(dry=True)
    assert found(world)[0].slot.reason is Reason.FIRST
    at_call(world, lambda: (_ for _ in ()).throw(RuntimeError("a fault of ours")))
    with pytest.raises(RuntimeError):
        cycle(world)
    assert (slot(world).reason, slot(world).span) == (Reason.RETRY, EVERY)


# Hints and deaths --------------------------------------------------------------------------------------------------


def test_a_hint_brings_the_next_cycle_forward_and_never_puts_it_off(build: Build) -> None:
    world = build()
    cycle(world)
    wake(world)
    assert (slot(world).reason, slot(world).span) == (Reason.HINT, timedelta(seconds=30))
    world.clock.advance(seconds=20)
    wake(world)
    world.clock.advance(seconds=10)
    assert len(found(world)) == 1


def test_a_hint_during_a_cycle_is_one_more_cycle_after_it(build: Build) -> None:
    world = build()
    at_call(world, lambda: wake(world))
    cycle(world)
    assert (slot(world).reason, slot(world).span) == (Reason.HINT, timedelta(seconds=30))
    world.clock.advance(seconds=30)
    cycle(world)
    assert slot(world).reason is Reason.CADENCE, "one more, and no further one"


def test_a_hint_at_the_moment_in_which_a_cycle_ends_is_not_lost(build: Build) -> None:
    """It has seen when the route is due, and the cycle writes something else before it goes on: both must wait."""
    world = build()
    cycle(world)
    with world.store.begin() as unit:
        unit.schedule.set(world.route.key, unit.now, Reason.CADENCE)
    with world.store.begin() as unit:
        assert unit.schedule.locked(world.route.key) is not None
        hint = Thread(target=wake, args=(world,))
        hint.start()
        if unit.connection.dialect.name == "postgresql":
            waits = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
            while not unit.connection.execute(waits).scalar_one():
                pass
        unit.schedule.set(world.route.key, unit.now + timedelta(hours=1), Reason.CADENCE)
    hint.join(20)
    assert (slot(world).reason, slot(world).span) == (Reason.HINT, timedelta(seconds=30))


def test_a_route_whose_process_died_in_mid_cycle_is_due_hint_and_all(build: Build) -> None:
    """Of a process elsewhere nobody knows whether it lives: its lease and grace are waited for."""
    world = build()
    cycle(world)
    world.clock.advance(minutes=5)
    there = elsewhere(world)
    assert claim(there.runtime, found(world)[0]) is not None
    wake(world)
    there.store.close()
    assert found(world) == []
    world.clock.advance((LEASE + GRACE).total_seconds())
    (again,) = found(world)
    lease = claim(world.runtime, again)
    assert lease is not None
    assert run_cycle(world.runtime, world.route, Options(), lease=lease).outcome == "ok"
    assert slot(world).reason is Reason.CADENCE, "the cycle after the death came after the hint too"


def test_a_lease_that_is_given_back_leaves_the_route_due_and_no_cycle_behind(build: Build) -> None:
    world = build()
    lease = claim(world.runtime, found(world)[0])
    assert lease is not None
    lease.give_back()
    assert len(found(world)) == 1
    with world.store.read() as unit:
        assert unit.cycles.recent(world.route.key, 9) == []


# People ------------------------------------------------------------------------------------------------------------


def test_a_paused_route_is_not_claimed_until_its_pause_is_over_or_somebody_resumes_it(build: Build) -> None:
    world = build()
    cycle(world)
    pause(world.store, world.route, timedelta(hours=2), "the register is tidied up")
    world.clock.advance(hours=1)
    (told,) = schedules(world.store, [world.route])
    assert (found(world), told.is_paused, told.due_at) == ([], True, None)
    assert paused_routes(world.store, [world.route]) == (world.route,)
    world.clock.advance(hours=1)
    assert (len(found(world)), paused_routes(world.store, [world.route])) == (1, ())
    pause(world.store, world.route, None, "")
    world.clock.advance(days=99)
    assert found(world) == []
    resume(world.store, world.route)
    assert [each.slot.reason for each in found(world)] == [Reason.PERSON]


def test_a_pause_while_it_was_about_to_be_claimed_counts(build: Build) -> None:
    world = build()
    (seen,) = found(world)
    pause(world.store, world.route, None, "")
    assert claim(world.runtime, seen) is None
    assert cycle(world).outcome == "ok", "a cycle that somebody names runs"


def test_a_route_that_the_configuration_names_no_more_is_told_and_not_claimed(build: Build) -> None:
    world = build()
    here, former = routes_of(world, 2)
    run_routes(world.runtime, [here, former], Options())
    world.clock.advance(minutes=5)
    assert [each.route for each in found(world, here)] == [here]
    told = [(each.name, each.route, each.due_at is None) for each in schedules(world.store, [here])]
    assert told == [("riverside", here, False), ("site 1", None, True)]


# sync --due --------------------------------------------------------------------------------------------------------


def test_only_what_is_due_is_run_and_once(build: Build) -> None:
    world = build()
    first, second = routes_of(world, 2)
    run_cycle(world.runtime, first, Options())
    assert [report.route for report in run_due(world.runtime, [first, second], Options()).reports] == [second.name]
    nothing = run_due(world.runtime, [first, second], Options())
    assert (nothing.reports, nothing.outcome, nothing.exit_code) == ((), "ok", 0)


# Pace --------------------------------------------------------------------------------------------------------------


def rationed(world: World, calls_an_hour: int, **pace: timedelta) -> World:
    """Procore allows so few calls, a fifth of which is kept for recovery and push."""
    world.procore.set_limits(hour=calls_an_hour)
    budget = world.runtime.apis(world.route)[0]._http.budget  # type: ignore[attr-defined]
    return replace(world, runtime=replace(world.runtime, budgets={Side.PROCORE: budget}, account="ours", **pace))


def test_quiet_routes_rest_longer_where_the_calls_do_not_bear_the_pause(build: Build) -> None:
    world = rationed(build(), 600, quiet_every=timedelta(hours=1))
    routes = routes_of(world, 8)
    for _ in range(2):
        for route in routes:
            run_cycle(world.runtime, route, Options())
            world.clock.advance(seconds=1)
    rests = [slot(world, route).span for route in routes]
    assert rests[0] == timedelta(hours=1), "it wrote nothing for longest"
    assert rests[-1] == EVERY
    assert slot(world, routes[0]).calls is not None


def test_without_a_longer_pause_in_the_settings_all_rest_as_long_as_the_calls_need(build: Build) -> None:
    world = rationed(build(), 120)
    routes = routes_of(world, 3)
    for _ in range(2):
        for route in routes:
            run_cycle(world.runtime, route, Options())
    assert all(EVERY < slot(world, route).span < timedelta(hours=1) for route in routes)
