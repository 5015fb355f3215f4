"""`webhooks` and `run --hooks`: hooks are made, looked at, received on a port of their own, and removed."""

from __future__ import annotations

import json
import signal
import socket
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from cli_stand import PLACES, Stand
from processes import started

from procore_4hse.simulator.procore_hook_board import Hook, HookSender


def configured(stand: Stand, *routes: str) -> str:
    """Hooks go to a free port of this machine; the address."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        place = f"127.0.0.1:{door.getsockname()[1]}"
    url = f"http://{place}/procore"
    head = f'{stand.head()}\n[hooks]\nlisten = "{place}"\nurl = "{url}"\n'
    stand.write(head + "".join(stand.route(name) for name in routes or ("riverside",)))
    return url


def hooks(stand: Stand) -> list[Hook]:
    return [*stand.procore.hooks.hooks.values()]


def test_hooks_are_made_told_renewed_and_removed(stand: Stand) -> None:
    url = configured(stand, "riverside", "harbour")
    missing = stand.run("webhooks")
    assert missing.exit_code == 1
    assert "Procore has no hook for route harbour; make one with: procore-4hse webhooks install" in missing.stderr
    assert "Route harbour: has a hook now." in stand.said("webhooks", "install", "--route", "harbour")
    assert stand.said("webhooks", "install") == "Route riverside: has a hook now. Route harbour: is in order."
    (first, _), before = hooks(stand), hooks(stand)[0].authorization
    assert "has a new token" in stand.said("webhooks", "install", "--route", "harbour", "--new-token")
    assert (hooks(stand)[0].authorization == before, first.project_id) == (False, PLACES["harbour"][0])
    told = stand.json("webhooks", "status", "--route", "harbour")
    assert told == {"outcome": "ok", "exit": 0, "webhooks": [{
        "route": "harbour", "hook": str(first.id), "url": url, "active": True, "last_hint_at": None,
        "failed_deliveries": 0, "problems": [],
    }]}  # fmt: skip
    assert "none known" in stand.said("webhooks")
    assert stand.said("webhooks", "remove") == "Route riverside: 1 hook removed. Route harbour: 1 hook removed."
    assert hooks(stand) == []


def test_what_is_wrong_is_said_in_one_sentence_and_the_other_route_goes_on(stand: Stand) -> None:
    assert "add url under [hooks]" in stand.said("webhooks", "install", exit_code=2)
    assert "add url under [hooks]" in stand.said("run", "--hooks", exit_code=2)
    configured(stand, "riverside", "harbour")
    stand.procore.forbid(f"/{PLACES['riverside'][0]}/webhooks/")
    done = stand.run("webhooks", "install")
    assert (done.exit_code, done.stdout) == (3, "Route harbour: has a hook now.\n")
    assert "does not allow GET" in done.stderr
    (broken, fine) = stand.json("webhooks", "status", exit_code=3)["webhooks"]
    assert (broken["hook"], broken["failed_deliveries"], len(broken["problems"])) == (None, None, 1)
    assert fine["problems"] == []
    stand.write(stand.head() + '\n[hooks]\nurl = "https://127.0.0.1"\n' + stand.route("riverside"))
    stand.procore.permit_all()
    with socket.create_server(("127.0.0.1", 8485)) if _is_free(8485) else socket.socket():
        assert "Choose another for hooks.listen" in stand.said("run", "--hooks", exit_code=2)


def _is_free(port: int) -> bool:
    with socket.socket() as door:
        return door.connect_ex(("127.0.0.1", port)) != 0


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ('listen = "0.0.0.0:8485"', "would open the receiver to a network at 0.0.0.0:8485"),
        ('listen = "8485"', 'host and port in quotes, such as "127.0.0.1:8485"'),
        ('listen = "127.0.0.1:none"', "host and port in quotes"),
        ('url = "http://sync.example.com/procore"', "plain http"),
        ('url = "https://sync.example.com/?x=1"', "holds more than an address"),
    ],
)
def test_settings_that_cannot_work_are_named(stand: Stand, lines: str, told: str) -> None:
    stand.write(f"{stand.head()}\n[hooks]\n{lines}\n" + stand.route("riverside"))
    assert told in stand.said("webhooks", exit_code=2)


def test_the_receiver_answers_beside_the_daemon_and_the_route_is_due_soon(stand: Stand) -> None:
    url = configured(stand)
    stand.run("sync")
    stand.run("webhooks", "install")
    (hook,) = hooks(stand)
    sender = HookSender(stand.procore.hooks)
    with started(stand, "run", "--hooks") as process, httpx.Client() as client:
        told = process.stderr.readline()  # type: ignore[union-attr]
        while f"Hooks are received at {url}" not in told:
            assert told, "it ended without a word of hooks"
            told = process.stderr.readline()  # type: ignore[union-attr]
        stand.on_site("Fall")
        assert (sender.deliver(), hook.deliveries[-1].status) == (1, "delivered")
        assert client.post(url, json={"id": "x"}).status_code == 401
        assert client.get(url.removesuffix("/procore")).status_code == 404
        (route,) = stand.json("routes", "list")["routes"]
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=20)
    assert process.returncode == 0
    assert route["reason"] == "hint"
    assert datetime.fromisoformat(route["due_at"]) <= datetime.now(UTC) + timedelta(seconds=30)
    lines = [json.loads(line) for line in log.splitlines()]
    assert [line["outcome"] for line in lines if line["event"] == "hooks.received"] == ["taken"]
    assert hook.authorization.removeprefix("Bearer ") not in log
    assert stand.json("webhooks", "status")["webhooks"][0]["last_hint_at"] is not None
