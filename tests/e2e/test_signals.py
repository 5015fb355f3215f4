"""Real processes under real signals: the daemon, `sync` and `backfill`; and two processes that want one route."""

import json
import re
import signal
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta

import pytest
from cli_stand import PLACES, Stand
from processes import after_create, at_create, counts, ended, everything_stands_once, started

from procore_4hse.simulator.faults import FaultKind
from procore_4hse.simulator.wire import Request

SITE = [f"On site {number}" for number in range(6)]
OFFICE = [f"In office {number}" for number in range(6)]
SHORT_GRACE = "from datetime import timedelta; from procore_4hse import daemon; daemon.GRACE = timedelta(seconds=0.2)"

SHORT_WAIT = SHORT_GRACE.replace("procore_4hse import daemon; daemon", "procore_4hse.cli import interrupt; interrupt")
ONE_ROUND = {"sync": ("sync", "--json"), "backfill": ("backfill", "--from", "2015-01-01", "--yes", "--json")}

EVERY_SECOND = "import os; os.environ['SYNC_SCHEDULE__EVERY'] = '1s'"


@pytest.fixture
def full(stand: Stand) -> Stand:
    """Twelve incidents that wait to cross, after a first meeting that is over."""
    stand.linked("Linked before")
    for site, office in zip(SITE, OFFICE, strict=True):
        stand.on_site(site)
        stand.in_office(office)
    stand.run("routes", "resume", "riverside")  # A daemon begins at once.
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


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("command", ONE_ROUND)
def test_a_signal_ends_a_command_after_the_action_in_hand(full: Stand, command: str, number: signal.Signals) -> None:
    with started(full, *ONE_ROUND[command]) as process:
        full.faults.on_request.append(at_create(4, lambda: process.send_signal(number)))
        began = time.monotonic()
        out, err = process.communicate(timeout=20)
    assert time.monotonic() - began < 15
    assert process.returncode == 1, err
    assert "Asked to stop" in err
    assert json.loads(out)["outcome"] == "partial"
    site, office = counts(full)
    assert 4 + 14 - 1 <= site.total() + office.total() < 26
    assert comes_to_rest(full)


@pytest.mark.parametrize("command", ONE_ROUND)
def test_a_signal_ends_a_command_that_waits_for_a_vendor(full: Stand, command: str) -> None:
    full.faults.add(FaultKind.ERROR_BEFORE, path="/incident/index$", status=503, times=None)
    with started(full, *ONE_ROUND[command]) as process:

        def stop(request: Request) -> None:
            if request.path.endswith("/incident/index"):
                process.terminate()

        full.faults.on_request.append(stop)
        began = time.monotonic()
        out, _ = process.communicate(timeout=20)
    full.faults.on_request.remove(stop)
    full.faults.clear()
    assert time.monotonic() - began < 10
    assert (process.returncode, json.loads(out)["outcome"]) == (1, "partial")
    assert comes_to_rest(full)


@pytest.mark.parametrize("path", ["/incident/index$", "/incident/create$"])
@pytest.mark.parametrize("command", ONE_ROUND)
def test_a_signal_ends_a_command_that_waits_for_its_budget(full: Stand, command: str, path: str) -> None:
    full.faults.add(FaultKind.TOO_MANY, path=path, delay=timedelta(seconds=50), times=None)
    with started(full, *ONE_ROUND[command]) as process:

        def stop(request: Request) -> None:
            if re.search(path, request.path):
                full.faults.on_request.remove(stop)
                process.terminate()

        full.faults.on_request.append(stop)
        began = time.monotonic()
        out, err = process.communicate(timeout=20)
    full.faults.clear()
    assert time.monotonic() - began < 15
    assert (process.returncode, json.loads(out)["outcome"]) == (1, "partial"), err
    assert open_intents(full) == 0
    let_the_pause_be_over(full)
    assert comes_to_rest(full)


def test_an_action_that_takes_seconds_is_finished_and_the_rest_is_cancelled(full: Stand) -> None:
    """Slow, for a vendor that takes seconds is what it is about."""
    with started(full, *ONE_ROUND["sync"]) as process:

        def answer_late() -> None:
            process.terminate()
            threading.Event().wait(4)

        full.faults.on_response.append(after_create(3, answer_late))
        out, _ = process.communicate(timeout=20)
    assert (process.returncode, json.loads(out)["outcome"]) == (1, "partial")
    assert open_intents(full) == 0
    site, office = counts(full)
    assert site.total() + office.total() == 14 + 3
    assert comes_to_rest(full)


def open_intents(stand: Stand) -> int:
    with closing(sqlite3.connect(stand.folder / "sync.db")) as store:
        (many,) = store.execute("SELECT count(*) FROM journal WHERE outcome = 'open'").fetchone()
    return int(many)


def let_the_pause_be_over(stand: Stand) -> None:
    """The store keeps what a vendor asked for, so the next process would wait for it too."""
    with closing(sqlite3.connect(stand.folder / "sync.db")) as store, store:
        assert store.execute("DELETE FROM call_budget").rowcount


@pytest.mark.parametrize("signals", [1, 2])
@pytest.mark.parametrize("command", ONE_ROUND)
def test_a_call_that_hangs_does_not_hold_a_command(
    full: Stand, held: threading.Event, command: str, signals: int
) -> None:
    with started(full, *ONE_ROUND[command], before=SHORT_WAIT if signals == 1 else "") as process:

        def hang(request: Request) -> None:
            if request.path.endswith("/incident/index"):
                full.faults.on_request.remove(hang)
                process.terminate()
                held.wait(30)

        full.faults.on_request.append(hang)
        if signals == 2:
            for line in process.stderr or ():
                if "Asked to stop" in line:
                    break
            process.terminate()
        out, _ = process.communicate(timeout=10)
    held.set()
    assert (process.returncode, json.loads(out)) == (1, {"outcome": "partial", "exit": 1, "routes": []})
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
