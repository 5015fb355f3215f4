"""The daemon in process: its schedule, its end, and what it rides through. Signals are real, the vendors simulated."""

import itertools
import logging
import os
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog
from sqlalchemy import Connection, event, text

from hook_stand import HookStand
from procore_4hse import daemon as daemon_module
from procore_4hse.daemon import Daemon
from procore_4hse.engine.appointments import Waits, waiting
from procore_4hse.engine.cycle import Options, run_cycle
from procore_4hse.errors import AskedToStop, StoreBusy, StoreError
from procore_4hse.operations.retention import Ages
from procore_4hse.route import Route
from procore_4hse.runtime import interruptible
from procore_4hse.simulator.faults import FaultKind
from procore_4hse.simulator.wire import Request
from procore_4hse.store.patience import Patience
from procore_4hse.store.schedule import Slot
from world import PROJECT, START, TENANT, World

A_MOMENT = timedelta(milliseconds=5)
PROJECT_SHOWN = f"/projects/{PROJECT}"
OTHER_PROJECT = 1363618
OTHER_OFFICE = "5b7f5a5e-1d39-4a7c-8f43-7b1d6f3a9e03"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    built = World.build(f"sqlite:///{tmp_path}/sync.db")
    yield built
    built.store.close()


@pytest.fixture(autouse=True)
def _the_store_is_looked_at_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test waits for a daemon that has nothing to do."""
    monkeypatch.setattr(daemon_module, "LOOK_EVERY", timedelta(milliseconds=20))


@pytest.fixture
def stop() -> threading.Event:
    return threading.Event()


@pytest.fixture
def told() -> Iterator[list[Any]]:
    with structlog.testing.capture_logs(processors=[structlog.contextvars.merge_contextvars]) as lines:
        yield lines


def daemon(world: World, stop: threading.Event, *routes: Route, **options: Any) -> Daemon:
    runtime = replace(world.runtime, stopping=stop.is_set, every=options.pop("every", A_MOMENT))
    return Daemon(runtime, routes or (world.route,), stop=stop, **options)


def second_route(world: World) -> Route:
    world.procore.add_project(OTHER_PROJECT, "Hillside", world.zone, world.zone)
    world.fourhse.add_office(TENANT, OTHER_OFFICE, "Hillside site")
    return replace(world.route, name="hillside", procore_project=str(OTHER_PROJECT), fourhse_office=OTHER_OFFICE)


def terminate() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


@contextmanager
def at_the_latest(seconds: float) -> Iterator[None]:
    """A daemon that waits for ever is told to end, so that the test can say what did not happen."""
    timer = threading.Timer(seconds, terminate)
    timer.start()
    yield
    timer.cancel()


def hold(stop: threading.Event) -> Callable[[], object]:
    """Asks for the end and goes on once the daemon has heard it."""
    return lambda: (terminate(), stop.wait(20))


def when(world: World, is_it: Callable[[Request], bool], act: Callable[[], object], times: int = 1) -> None:
    """`act` happens once, right before the request that makes it `times` times."""
    seen = 0

    def look(request: Request) -> None:
        nonlocal seen
        if is_it(request):
            seen += 1
            if seen == times:
                act()

    world.faults.on_request.append(look)


def opens(project: int) -> Callable[[Request], bool]:
    """Every cycle asks for its project once, first of all."""
    return lambda request: request.path.endswith(f"/projects/{project}")


def outcomes(world: World, key: str | None = None) -> list[str]:
    query = text("SELECT outcome FROM cycle WHERE route = :route ORDER BY id")
    with world.store.read() as unit:
        return list(unit.connection.execute(query, {"route": key or world.route.key}).scalars())


def slot(world: World) -> Slot:
    with world.store.read() as unit:
        found = unit.schedule.slot(world.route.key)
    assert found is not None
    return found


def events(told: list[Any], event: str) -> list[Any]:
    return [line for line in told if line["event"] == event]


# The schedule ----------------------------------------------------------------------------------------------------


def test_the_first_cycle_comes_at_once_and_the_next_after_each_pause(store_url: str, stop: threading.Event) -> None:
    world = World.build(store_url)
    world.on_site("Fall")
    when(world, opens(PROJECT), terminate, times=4)
    assert daemon(world, stop).run() == 0
    assert outcomes(world)[:3] == ["ok", "ok", "ok"]
    assert [row["name"] for row in world.office().values()] == ["Fall"]
    world.store.close()


def test_a_hint_that_arrives_at_the_port_has_a_cycle_soon(
    world: World, stop: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(daemon_module, "LOOK_EVERY", A_MOMENT)
    seconds = itertools.count()  # Time flies: one of them each time that somebody looks.
    world.runtime = replace(world.runtime, timer=lambda: float(next(seconds)))
    stand = HookStand.of(world)
    stand.hook().install()
    with stand.listening() as url, httpx.Client() as client, at_the_latest(20):
        stand.sender.post = lambda _, head, body: client.post(url, headers=head, content=body).status_code
        made = daemon(world, stop, every=timedelta(days=1))
        over = made._cycle_over

        def people_work(*news: Any) -> None:
            over(*news)
            if not world.office():
                world.on_site("Fall")
                assert stand.sender.deliver() == 1
            else:
                terminate()

        monkeypatch.setattr(made, "_cycle_over", people_work)
        assert made.run() == 0
    assert outcomes(world) == ["ok", "ok"]
    assert len(world.office()) == 1


def test_the_pause_counts_from_the_end_of_a_cycle(world: World, stop: threading.Event) -> None:
    when(world, opens(PROJECT), lambda: (world.clock.advance(minutes=20), terminate()))
    with at_the_latest(20):
        daemon(world, stop, every=timedelta(hours=1)).run()
    assert slot(world).due_at == START + timedelta(minutes=80)


def test_a_route_is_not_due_again_because_a_daemon_starts_again(world: World, stop: threading.Event) -> None:
    run_cycle(world.runtime, world.route, Options())
    running = daemon(world, stop, every=timedelta(minutes=5))
    running._begin_what_is_due()
    assert running.claimed == {}
    assert running.look_at - time.monotonic() <= 0.02, "somebody may want it sooner"


@pytest.mark.parametrize("by", [timedelta(days=-1), timedelta(hours=1), timedelta(days=365)])
def test_a_clock_that_is_set_moves_no_pause(world: World, by: timedelta) -> None:
    """It is set during the pause after a cycle; only what passes on the process's own timer counts."""
    seconds = [0.0]
    runtime = replace(world.runtime, timer=lambda: seconds[0])
    run_cycle(runtime, world.route, Options())
    waits = Waits(runtime.timer)
    left = [each.overdue for each in waiting(runtime, [world.route], waits)]
    world.clock.now += by
    seconds[0] += 299
    (found,) = waiting(runtime, [world.route], waits)
    assert (left, found.overdue) == ([timedelta(minutes=-5)], timedelta(seconds=-1))


def test_a_route_in_a_long_call_neither_meets_itself_nor_holds_up_another(world: World, stop: threading.Event) -> None:
    other, go_on = second_route(world), threading.Event()
    when(world, opens(PROJECT), lambda: go_on.wait(20))
    when(world, opens(OTHER_PROJECT), go_on.set, times=4)
    when(world, opens(PROJECT), terminate, times=2)
    assert daemon(world, stop, world.route, other).run() == 0
    assert go_on.is_set()
    assert len(outcomes(world, other.key)) >= 3
    assert set(outcomes(world)[:1] + outcomes(world, other.key)[:3]) == {"ok"}
    assert "busy" not in outcomes(world) + outcomes(world, other.key)


def test_every_line_about_a_route_names_it_and_no_other_line_does(
    world: World, stop: threading.Event, told: list[Any]
) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.INFO))
    other, go_on = second_route(world), threading.Event()
    world.on_site("Fall")
    when(world, opens(PROJECT), lambda: go_on.wait(20))  # Both cycles are under way at once.
    when(world, opens(OTHER_PROJECT), go_on.set)
    world.faults.add(FaultKind.FORBIDDEN, path=f"/projects/{OTHER_PROJECT}")
    when(world, opens(PROJECT), terminate, times=2)
    assert daemon(world, stop, world.route, other).run() == 0
    assert {line["route"] for line in events(told, "cycle.done")} == {"riverside", "hillside"}
    assert {line["route"] for line in events(told, "push.created")} == {"riverside"}
    assert {line["route"] for line in events(told, "daemon.no_access")} == {"hillside"}
    whole = [line for name in ("daemon.started", "daemon.stopping", "daemon.stopped") for line in events(told, name)]
    assert len(whole) == 3
    assert all("route" not in line for line in whole)


# The end ---------------------------------------------------------------------------------------------------------


def test_the_action_in_hand_is_finished_and_the_rest_put_off(world: World, stop: threading.Event) -> None:
    for number in range(3):
        world.on_site(f"Fall {number}", date(2026, 2, 1 + number * 5))
    when(world, lambda request: request.path.endswith("/incident/create"), hold(stop))
    assert daemon(world, stop).run() == 0
    assert outcomes(world) == ["partial"]
    assert len(world.office()) == len(world.links()) == 1
    with world.store.read() as unit:
        assert unit.journal(world.route.key).open() == []


def test_a_pull_ends_between_two_pages(world: World, stop: threading.Event) -> None:
    world.on_site("Fall")
    asked: list[str] = []
    when(world, lambda request: request.path.endswith("/incidents"), hold(stop))
    world.faults.on_request.append(lambda request: asked.append(request.path))
    assert daemon(world, stop).run() == 0
    assert outcomes(world) == ["partial"]
    assert asked[-1].endswith("/incidents")


def test_a_call_that_hangs_is_left_behind_with_its_lease(world: World, stop: threading.Event, told: list[Any]) -> None:
    let_go, left = threading.Event(), []
    when(world, lambda request: request.path.endswith("/incidents"), lambda: (terminate(), let_go.wait(20)))
    running = daemon(world, stop, grace=timedelta(milliseconds=50), leave=left.append)
    assert running.run() == 0
    with world.store.read() as unit:
        assert unit.leases.holder(world.route.key) == str(world.runtime.holder)
    let_go.set()
    assert left == [0]
    assert events(told, "daemon.left")


def test_a_second_signal_ends_it_at_once(world: World, stop: threading.Event) -> None:
    let_go, left = threading.Event(), []

    def twice() -> None:
        terminate()
        stop.wait(20)
        terminate()
        let_go.wait(20)

    def leave(code: int) -> None:
        left.append(code)
        let_go.set()

    when(world, lambda request: request.path.endswith("/incidents"), twice)
    daemon(world, stop, leave=leave).run()
    assert left == [1]


def test_the_signals_belong_to_whoever_had_them_before(world: World, stop: threading.Event) -> None:
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    when(world, opens(PROJECT), terminate)
    daemon(world, stop).run()
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)] == before


# What it rides through -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/rest/", "/v2/"])
def test_an_outage_of_one_vendor_passes(world: World, stop: threading.Event, told: list[Any], path: str) -> None:
    world.on_site("Fall in Procore")
    world.in_office("Fall in 4HSE", date(2026, 1, 5))
    assert world.sync(first=True).outcome == "ok"
    world.on_site("Slip in Procore", date(2026, 2, 20))
    world.in_office("Slip in 4HSE", date(2026, 2, 25))
    world.faults.add(FaultKind.UNAVAILABLE, path=path, times=11)
    when(world, opens(PROJECT), terminate, times=30)
    assert daemon(world, stop).run() == 0
    assert "failed" in outcomes(world)
    assert outcomes(world)[-2] == "ok"
    assert events(told, "daemon.not_done")
    assert len(world.site()) == len(world.office()) == len(world.links()) == 4


def test_refused_credentials_are_told_and_tried_again(world: World, stop: threading.Event, told: list[Any]) -> None:
    world.faults.add(FaultKind.FORBIDDEN, path=PROJECT_SHOWN)
    when(world, opens(PROJECT), terminate, times=3)
    assert daemon(world, stop).run() == 0
    assert outcomes(world)[:2] == ["failed", "ok"]
    assert "permission" in events(told, "daemon.no_access")[0]["reason"]


def test_an_error_that_nobody_foresaw_is_told_and_the_next_cycle_comes(
    world: World, stop: threading.Event, told: list[Any]
) -> None:
    def stumble() -> None:
        raise RuntimeError("a fault of ours")

    when(world, opens(PROJECT), stumble)
    when(world, opens(PROJECT), terminate, times=3)
    assert daemon(world, stop).run() == 0
    assert outcomes(world)[:2] == ["failed", "ok"]
    assert isinstance(events(told, "daemon.cycle_failed")[0]["error"], RuntimeError)


def test_a_store_that_opens_again_is_used_on(world: World, stop: threading.Event, told: list[Any]) -> None:
    """A full disk, say: the cycle that met it failed, and the next one goes on."""
    world.on_site("Fall")

    def full(connection: Connection, *_: object) -> None:
        connection.exec_driver_sql("PRAGMA max_page_count = 1")

    def fill_the_disk() -> None:
        event.listen(world.store._writing, "begin", full)
        world.on_site("Slip", date(2026, 2, 20), description="A long story. " * 5000)

    when(world, opens(PROJECT), fill_the_disk)
    when(world, opens(PROJECT), lambda: event.remove(world.store._writing, "begin", full), times=3)
    when(world, opens(PROJECT), terminate, times=4)
    assert daemon(world, stop).run() == 0
    assert any("no room left" in str(line["reason"]) for line in events(told, "daemon.not_done"))


@pytest.mark.parametrize("seconds", [40, 70])
def test_a_store_that_is_busy_never_ends_it(
    world: World, stop: threading.Event, told: list[Any], seconds: float
) -> None:
    """Somebody keeps it locked for longer than one cycle waits, or so long that it cannot even free its route."""
    clock = [0.0]

    def pass_time(pause: float) -> None:
        clock[0] += pause
        if clock[0] > seconds:
            other.rollback()

    world.store._patience = Patience(timedelta(seconds=30), timer=lambda: clock[0], sleep=pass_time)
    event.listen(world.store._writing, "connect", lambda opened, _: opened.execute("PRAGMA busy_timeout = 0"))
    world.store.close()  # The connections made so far would wait by themselves.
    other = sqlite3.connect(str(world.store.url.database), isolation_level=None, check_same_thread=False)
    world.on_site("Fall")
    when(world, opens(PROJECT), lambda: other.execute("BEGIN IMMEDIATE"))
    when(world, opens(PROJECT), terminate, times=3)
    with at_the_latest(20):
        assert daemon(world, stop).run() == 0
    other.close()
    assert "store was busy" in events(told, "daemon.not_done")[0]["reason"]
    assert [row["name"] for row in world.office().values()] == ["Fall"]


@pytest.mark.parametrize("error", [StoreBusy("busy"), StoreError("lost"), ZeroDivisionError()])
def test_a_purge_that_fails_costs_no_report(
    world: World, stop: threading.Event, told: list[Any], monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(daemon_module, "purge_old", fail)
    world.faults.add(FaultKind.FORBIDDEN, path=PROJECT_SHOWN, times=None)
    when(world, opens(PROJECT), terminate, times=2)
    assert daemon(world, stop, ages=Ages(raw=timedelta(days=30))).run() == 0
    assert events(told, "daemon.no_access"), "what the cycle met is told"
    assert events(told, "daemon.purge_failed")[0]["error"] is error


def test_a_broken_store_ends_it(world: World, stop: threading.Event, told: list[Any]) -> None:
    def break_store() -> None:
        with world.store.begin() as unit:
            unit.connection.execute(text("DROP TABLE raw_record"))

    when(world, opens(PROJECT), break_store)
    assert daemon(world, stop).run() == 4
    assert events(told, "daemon.no_store")


# Waits -----------------------------------------------------------------------------------------------------------


def test_a_wait_ends_when_the_process_shall_end(stop: threading.Event) -> None:
    wait = interruptible(stop)
    wait(0)
    threading.Timer(0.01, stop.set).start()
    with pytest.raises(AskedToStop):
        wait(20)


def test_a_write_that_waits_for_its_turn_is_not_sent_and_leaves_no_open_intent(world: World) -> None:
    def asked(seconds: float) -> None:
        raise AskedToStop("asked to stop")

    world.on_site("Fall")
    _procore, fourhse = world.runtime.apis(world.route)
    fourhse._http.budget._sleep = asked  # type: ignore[method-assign]
    world.faults.add(FaultKind.TOO_MANY, path="/incident/create", delay=timedelta(seconds=5))
    report = run_cycle(world.runtime, world.route, Options())
    assert (report.outcome, report.reason) == ("partial", "asked to stop")
    assert world.office() == {}
    with world.store.read() as unit:
        assert unit.journal(world.route.key).open() == []


# Who is told -----------------------------------------------------------------------------------------------------


@dataclass
class Looks:
    """A watcher that keeps what it is asked, and does `act` each time."""

    act: Callable[[], object] = lambda: None
    asked: list[int | None] = field(default_factory=list)

    def look(self) -> None:
        self.asked.append(None)
        self.act()

    def round_over(self, exit_code: int) -> None:
        self.asked.append(exit_code)
        self.act()


def test_after_each_round_the_watcher_hears_the_worst_exit_code(
    world: World, stop: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(daemon_module, "WATCH_EVERY", A_MOMENT)
    hillside = second_route(world)
    world.faults.add(FaultKind.FORBIDDEN, path=f"/projects/{OTHER_PROJECT}", times=None)
    looks = Looks()
    looks.act = lambda: terminate() if 3 in looks.asked else None
    with at_the_latest(20):
        daemon(world, stop, world.route, hillside, every=timedelta(hours=1), watcher=looks).run()
    assert [code for code in looks.asked if code is not None] == [3]


def test_a_watcher_that_lasts_keeps_no_cycle_from_running(
    world: World, stop: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(daemon_module, "WATCH_EVERY", A_MOMENT)
    looks = Looks(lambda: stop.wait(20))
    when(world, opens(PROJECT), terminate, times=3)
    with at_the_latest(20):
        daemon(world, stop, watcher=looks).run()
    assert outcomes(world)[:2] == ["ok", "ok"]
    assert len(looks.asked) == 1, "one look at a time"


def test_the_watchdog_hears_of_a_main_thread_that_goes_round_and_of_no_other(
    world: World, stop: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    now = [0.0]
    monkeypatch.setattr(daemon_module, "tell_systemd", said.append)
    one = daemon(world, stop)
    one.runtime = replace(one.runtime, timer=lambda: now[0])
    one.beat = 0.0
    one._go_round()
    assert (said, one.is_alive()) == ([], True)
    now[0] = 600
    assert not one.is_alive(), "it stood still for ten minutes"
    one._go_round()
    assert (said, one.is_alive()) == (["WATCHDOG=1"], True)
