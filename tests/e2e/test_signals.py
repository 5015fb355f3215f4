"""The daemon as a real process under real signals, and two processes that want one route."""

import signal
import threading
import time
from collections.abc import Iterator

import pytest
from cli_stand import PLACES, Stand
from processes import after_create, at_create, counts, ended, everything_stands_once, started

from procore_4hse.simulator.wire import Request

SITE = [f"On site {number}" for number in range(6)]
OFFICE = [f"In office {number}" for number in range(6)]
SHORT_GRACE = "from datetime import timedelta; from procore_4hse import daemon; daemon.GRACE = timedelta(seconds=0.2)"

EVERY_SECOND = "import os; os.environ['SYNC_SCHEDULE__EVERY'] = '1s'"


@pytest.fixture
def full(stand: Stand) -> Stand:
    """Twelve incidents that wait to cross, after a first meeting that is over."""
    stand.linked("Linked before")
    for site, office in zip(SITE, OFFICE, strict=True):
        stand.on_site(site)
        stand.in_office(office)
    return stand


@pytest.fixture
def held() -> Iterator[threading.Event]:
    """Requests that wait for this go on at the end of the test at the latest."""
    go_on = threading.Event()
    yield go_on
    go_on.set()


def comes_to_rest(stand: Stand) -> bool:
    """One more cycle brings everything across, and another one writes nothing; all told by the registers."""
    assert stand.json("sync")["outcome"] == "ok"
    writes = stand.writes
    assert stand.json("sync")["outcome"] == "ok"
    return stand.writes == writes and everything_stands_once(stand, "Linked before", *SITE, *OFFICE)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_in_mid_cycle_ends_it_politely(full: Stand, number: signal.Signals) -> None:
    with started(full, "run") as process:
        full.faults.on_request.append(at_create(4, lambda: process.send_signal(number)))
        began = time.monotonic()
        code, log = ended(process)
    assert code == 0
    assert time.monotonic() - began < 15
    assert [line["event"] for line in log][-1] == "daemon.stopped"
    site, office = counts(full)
    assert 4 + 14 - 1 <= site.total() + office.total() < 26
    assert comes_to_rest(full)


@pytest.mark.parametrize("created", [3, 9])
def test_a_daemon_that_is_killed_leaves_nothing_to_mend(full: Stand, created: int) -> None:
    with started(full, "run") as process:
        full.faults.on_response.append(after_create(created, process.kill))
        code, _ = ended(process)
    assert code == -signal.SIGKILL
    assert comes_to_rest(full)


def test_a_read_that_hangs_does_not_hold_the_process(full: Stand, held: threading.Event) -> None:
    with started(full, "run", before=SHORT_GRACE) as process:

        def hang(request: Request) -> None:
            if request.path.endswith("/incident/index"):
                process.terminate()
                held.wait(30)

        full.faults.on_request.append(hang)
        code, log = ended(process)
    full.faults.on_request.remove(hang)
    assert code == 0
    assert [line["event"] for line in log][-1] == "daemon.left"
    assert comes_to_rest(full)


def test_a_write_that_hangs_is_left_to_the_next_cycle(full: Stand, held: threading.Event) -> None:
    with started(full, "run", before=SHORT_GRACE) as process:

        def hang() -> None:
            process.terminate()
            held.wait(30)

        full.faults.on_response.append(after_create(3, hang))
        code, _ = ended(process)
    held.set()
    assert code == 0
    assert comes_to_rest(full)


def test_a_second_signal_ends_it_at_once(full: Stand, held: threading.Event) -> None:
    with started(full, "run") as process:

        def insist(request: Request) -> None:
            if request.path.endswith("/incident/index"):
                process.terminate()
                full.faults.on_request.remove(insist)
                held.wait(30)

        full.faults.on_request.append(insist)
        for line in process.stderr or ():
            if "daemon.stopping" in line:
                break
        process.terminate()
        code, _ = ended(process, within=5)
    held.set()
    assert code == 1
    assert comes_to_rest(full)


def test_of_two_processes_the_second_leaves_the_route_alone(full: Stand, held: threading.Event) -> None:
    asked = threading.Event()

    def hang(request: Request) -> None:
        asked.set()
        held.wait(30)

    full.faults.on_request.append(hang)
    with started(full, "sync", "--json") as first:
        assert asked.wait(20)
        calls = full.calls
        second = full.json("sync")
        assert (second["outcome"], second["exit"], full.calls) == ("busy", 0, calls)
        held.set()
        assert ended(first)[0] == 0
    assert comes_to_rest(full)


def test_two_daemons_and_a_sync_share_the_route_and_do_everything_once(full: Stand) -> None:
    """Slow, for a daemon's pause is a second at least, and nine cycles must have begun."""
    opened = threading.Semaphore(0)

    def count(request: Request) -> None:
        if request.path.endswith(f"/projects/{PLACES['riverside'][0]}"):
            opened.release()

    full.faults.on_request.append(count)
    with started(full, "run", before=EVERY_SECOND) as one, started(full, "run", before=EVERY_SECOND) as other:
        for _ in range(3):
            assert opened.acquire(timeout=30)
            assert full.json("sync")["outcome"] in ("busy", "ok")
        for _ in range(6):
            assert opened.acquire(timeout=30)
        for process in (one, other):
            process.terminate()
        assert [ended(process)[0] for process in (one, other)] == [0, 0]
    assert comes_to_rest(full)


def test_without_an_enabled_route_there_is_nothing_to_run(stand: Stand) -> None:
    stand.configure("riverside", enabled="false")
    assert "No route is enabled" in stand.said("run", exit_code=2)
    assert stand.calls == 0
