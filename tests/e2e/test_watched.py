"""What others see of a process that nobody looks at: metrics, alerts, a dead-man's switch, systemd, and silence."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from cli_stand import PLACES, Stand
from processes import started
from sqlalchemy import update

from procore_4hse.daemon import tell_systemd
from procore_4hse.models import Side
from procore_4hse.operations.metrics import StoreCollector
from procore_4hse.operations.notify import Watcher, by_apprise
from procore_4hse.operations.status import Terms
from procore_4hse.simulator.faults import FaultKind
from procore_4hse.simulator.wire import LoopbackServer, Request, Response
from procore_4hse.store.repository import Store
from procore_4hse.store.tables import INBOX, STANDING
from procore_4hse.store.timetable import Pace
from procore_4hse.web.probes import probes
from procore_4hse.web.server import probing

DAY = timedelta(days=1)
AN_OLD_MODULE = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
"""apprise looks for it, and does without where it is gone."""


@contextmanager
def listening(*answers: int) -> Iterator[tuple[str, list[Request]]]:
    """A server that keeps what it is sent; its answers have these statuses, then 200."""
    seen: list[Request] = []
    left = list(answers)

    def answer(request: Request) -> Response:
        seen.append(request)
        return Response.of(left.pop(0) if left else 200, {})

    with LoopbackServer(answer) as server:
        yield server.url, seen


def with_alerts(stand: Stand, url: str) -> str:
    """Writes a configuration that tells this server; its apprise address."""
    address = url.replace("http://", "json://")
    lines = f'\n[alerts]\nurls = ["{address}/told"]\nping_url = "{url}/alive"\n'
    stand.write(stand.head() + lines + stand.route("riverside"))
    return address


# Metrics ---------------------------------------------------------------------------------------------------------


def test_the_metrics_are_a_file_that_others_may_read(stand: Stand, tmp_path: Path) -> None:
    stand.on_site("Fall from a ladder")
    stand.run("sync")
    file = tmp_path / "procore_4hse.prom"
    assert stand.run("metrics", "write", str(file)).exit_code == 0
    assert 'procore_4hse_cycles_total{outcome="ok",route="riverside"} 1.0' in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o644
    assert [each.name for each in tmp_path.glob("*.prom*")] == [file.name], "nothing half-written is left"
    assert "cannot be written" in stand.said("metrics", "write", str(tmp_path / "away" / "x.prom"), exit_code=2)


def test_what_machines_ask(tmp_path: Path) -> None:
    alive = [True]
    terms = Terms(Pace(DAY), {side: side.value for side in Side})
    with ExitStack() as stack:
        store = stack.enter_context(closing(Store(f"sqlite:///{tmp_path}/sync.db")))
        store.upgrade()
        app = probes(StoreCollector(store, [], terms, "1.2.3"), lambda: alive[0])
        url = stack.enter_context(probing(app, "127.0.0.1:0"))
        asked = stack.enter_context(httpx.Client(base_url=url))
        assert [asked.get(path).status_code for path in ("/healthz", "/readyz", "/metrics")] == [200, 200, 200]
        assert asked.get("/metrics").headers["content-type"].startswith("text/plain; version=")
        assert asked.get("/").status_code == 404
        alive[0] = False
        with store.begin() as unit:
            unit.connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
        assert asked.get("/healthz").status_code == 503
        refused = asked.get("/readyz")
        assert (refused.status_code, "newer version" in refused.text) == (503, True)


def test_a_daemon_serves_its_metrics_and_tells_systemd_when_it_is_ready(
    stand: Stand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd, socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(20)
        free.close()
        stand.write(stand.head() + f'[metrics]\nlisten = "127.0.0.1:{port}"\n' + stand.route("riverside"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        with started(stand, "run") as process:
            assert systemd.recv(100) == b"READY=1"
            assert httpx.get(f"http://127.0.0.1:{port}/healthz").text == "alive\n"
            assert "procore_4hse_build_info" in httpx.get(f"http://127.0.0.1:{port}/metrics").text
            process.terminate()
            process.communicate(timeout=20)
            assert process.returncode == 0
        assert systemd.recv(100) == b"STOPPING=1"


def test_a_port_that_is_taken_is_one_sentence(stand: Stand) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        where = f"127.0.0.1:{taken.getsockname()[1]}"
        stand.write(stand.head() + f'[metrics]\nlisten = "{where}"\n' + stand.route("riverside"))
        assert "The metrics cannot listen at 127.0.0.1" in stand.said("run", exit_code=2)


def test_systemd_that_does_not_listen_costs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    tell_systemd("READY=1")
    name = f"@procore-4hse-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind("\0" + name[1:])
        monkeypatch.setenv("NOTIFY_SOCKET", name)
        tell_systemd("READY=1")
        assert systemd.recv(100) == b"READY=1"


# Alerts ----------------------------------------------------------------------------------------------------------


@AN_OLD_MODULE
def test_a_sync_tells_people_and_the_dead_mans_switch(stand: Stand) -> None:
    with listening() as (url, seen):
        with_alerts(stand, url)
        stand.on_site("Fall of Anna Rossi")
        stand.in_office("Loose board")
        for _ in range(2):
            assert stand.run("sync").exit_code == 7
        assert stand.run("sync", "--first").exit_code == 0
    pings = [request.path for request in seen if request.method == "GET"]
    assert pings == ["/alive/7", "/alive/7", "/alive/0"]
    first, over = (json.loads(request.body) for request in seen if request.method == "POST")
    assert first["message"].splitlines()[0].startswith("Stopped: ")
    assert "1 new question on riverside: Held for your approval" in first["message"]
    assert over["message"].startswith("Over: No longer stopped. (riverside)")
    assert "Anna" not in str((first, over))


@AN_OLD_MODULE
def test_a_route_with_addresses_of_its_own_is_told_there(stand: Stand) -> None:
    with listening() as (url, seen):
        address = url.replace("http://", "json://")
        lines = f'\n[alerts]\nurls = ["{address}/all"]\n'
        own = stand.route("riverside", alerts=f'["{address}/own"]')
        stand.write(stand.head() + lines + own + stand.route("harbour"))
        stand.faults.add(FaultKind.FORBIDDEN, path=f"/projects/{PLACES['riverside'][0]}", times=None)
        assert stand.run("sync").exit_code == 3
    (told,) = seen
    assert (told.path, "(riverside)" in json.loads(told.body)["message"]) == ("/own", True)


@AN_OLD_MODULE
def test_a_message_of_which_a_part_does_not_arrive_has_not_arrived() -> None:
    with listening(200, 500, 200) as (url, seen):
        addresses = [f"{url.replace('http://', 'json://')}/{name}" for name in ("one", "two")]
        assert by_apprise(addresses, "A title", "A text") is False
        assert by_apprise(addresses[:1], "A title", "A text") is True
        assert by_apprise(["nonsense"], "A title", "A text") is False
        assert len(seen) == 3


def test_a_dead_mans_switch_that_does_not_answer_costs_nothing(stand: Stand) -> None:
    with listening(500) as (url, _):
        with_alerts(stand, url)
        assert stand.run("sync").exit_code == 0
    assert stand.run("sync").exit_code == 0, "nobody listens there any more"


def test_an_odd_address_costs_nothing_and_a_process_that_ends_calls_none() -> None:
    Watcher(None, "https://xn--/alive").round_over(0)
    with listening() as (url, seen):
        Watcher(None, url, stopping=lambda: True).round_over(0)
        Watcher(None, url).round_over(3)
    assert [request.path for request in seen] == ["/3"]


def test_addresses_without_the_library_are_one_sentence(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("procore_4hse.operations.notify.find_spec", lambda _: None)
    assert stand.run("sync").exit_code == 0, "whoever names none needs none"
    with_alerts(stand, "http://127.0.0.1:9")
    assert "procore-4hse-sync[alerts]" in stand.said("sync", exit_code=2)


@AN_OLD_MODULE
def test_check_names_an_address_that_nothing_can_be_sent_to_by_its_number(stand: Stand) -> None:
    lines = '\n[alerts]\nurls = ["json://127.0.0.1:9/one", "nonsense"]\n'
    stand.write(stand.head() + lines + stand.route("riverside"))
    found = {each["place"]: each["what"] for each in stand.json("check")["findings"]}
    assert found["alerts.urls"] == "Address 2 is none that alerts can go to; see monitoring.md."


def test_addresses_are_secrets(stand: Stand) -> None:
    address = with_alerts(stand, "http://127.0.0.1:9")
    stand.file.chmod(0o644)
    assert "can be read by everyone" in stand.said("status", exit_code=2)
    stand.file.chmod(0o600)
    done = stand.run("-v", "sync")
    assert address.removeprefix("json://") + "/told" not in done.output
    stand.write(stand.head() + stand.route("riverside", alerts='["json://127.0.0.1:9/own"]'))
    stand.file.chmod(0o644)
    assert "can be read by everyone" in stand.said("status", exit_code=2)


# Silence and status ----------------------------------------------------------------------------------------------


def test_a_quiet_sync_says_nothing_while_all_is_well(stand: Stand) -> None:
    stand.on_site("Fall from a ladder")
    done = stand.run("-q", "sync")
    assert (done.exit_code, done.output) == (0, "")
    assert stand.run("-q", "sync", "--due").output == "", "nothing is due"
    stand.faults.add(FaultKind.FORBIDDEN, path="/incidents", times=None)
    done = stand.run("-q", "sync")
    assert (done.exit_code, "riverside: failed" in done.output) == (3, True)


def test_the_log_tells_what_a_cycle_did_and_why(stand: Stand) -> None:
    stand.on_site("Fall of Anna Rossi")
    stand.in_office("Loose board")
    lines = [json.loads(line) for line in stand.run("sync").stderr.splitlines() if line.startswith("{")]
    (told,) = [line for line in lines if line["event"] == "cycle.done"]
    assert (told["outcome"], told["exit"], told["pulled"]) == ("stopped", 7, {"procore": 1, "fourhse": 1})
    assert told["reason"]
    assert told["calls"]["procore"] > 0
    assert told["population"]["procore"]["waiting"] == 1
    assert "Anna" not in str(lines)


def standing(stand: Stand, **columns: Any) -> None:
    with closing(Store(f"sqlite:///{stand.folder}/sync.db")) as store, store.begin() as unit:
        unit.connection.execute(update(STANDING).values(**columns))


def test_an_old_success_fails_as_an_old_question_does(stand: Stand) -> None:
    stand.on_site("Fall from a ladder")
    stand.run("sync")
    assert stand.json("status", "--fail-over", "1h")["exit"] == 0
    standing(stand, succeeded_at=datetime.now(UTC) - DAY)
    assert stand.json("status", "--fail-over", "1h", exit_code=7)["exit"] == 7
    said = stand.said("status", "--fail-over", "1h", exit_code=7)
    assert "riverside: no cycle has succeeded for 1 day, too long." in said
    assert stand.run("status", "--fail-over", "2d").exit_code == 0
    stand.run("routes", "pause", "riverside")
    assert stand.run("status", "--fail-over", "1h").exit_code == 0, "a paused route need not succeed"
    stand.run("routes", "resume", "riverside")
    stand.configure("riverside", enabled="false")
    assert stand.run("status", "--fail-over", "1h").exit_code == 0, "nor a disabled one"


def test_what_was_put_off_is_as_old_as_it_is_from_its_day_on(stand: Stand) -> None:
    stand.on_site("Fall from a ladder")
    stand.in_office("Loose board")
    stand.run("sync")
    now = datetime.now(UTC)
    for until, code in ((now + DAY, 0), (now - DAY, 7)):
        with closing(Store(f"sqlite:///{stand.folder}/sync.db")) as store, store.begin() as unit:
            unit.connection.execute(update(INBOX).values(since=now - 2 * DAY, snoozed_until=until))
        assert stand.run("status", "--fail-over", "24h").exit_code == code


def test_before_the_first_success_the_first_cycle_counts(stand: Stand) -> None:
    assert stand.run("status", "--fail-over", "1h").exit_code == 0, "nothing has begun"
    stand.faults.add(FaultKind.FORBIDDEN, path="/incidents", times=None)
    stand.run("sync")
    assert stand.run("status", "--fail-over", "1h").exit_code == 0
    with closing(Store(f"sqlite:///{stand.folder}/sync.db")) as store, store.begin() as unit:
        unit.connection.exec_driver_sql("UPDATE cycle SET began_at = '2026-01-01 00:00:00'")
    assert stand.run("status", "--fail-over", "1h").exit_code == 7


def test_a_cycle_that_fails_leaves_the_counts_that_status_tells(stand: Stand) -> None:
    stand.on_site("Fall from a ladder")
    stand.run("sync")
    (before,) = stand.json("status")["routes"]
    stand.faults.add(FaultKind.FORBIDDEN, path="/incidents", times=None)
    assert stand.run("sync").exit_code == 3
    (after,) = stand.json("status")["routes"]
    for name in ("population", "last_success_at", "last_agreement_at", "links"):
        assert after[name] == before[name]
        assert after[name] is not None
    assert after["last"]["outcome"] == "failed"
    assert "last agreement" in stand.said("status")
