"""`desk` and `run --desk` as processes: one line with the address, a page behind it, and a quiet end."""

from __future__ import annotations

import json
import signal
import socket
from typing import Any

import httpx
import pytest
from cli_stand import Stand
from processes import started


def line(process: Any) -> str:
    """What it prints first."""
    return str(process.stdout.readline()).strip()


def test_it_prints_one_line_serves_and_ends_with_0(stand: Stand) -> None:
    with started(stand, "desk", "--port", "0") as process:
        url = line(process)
        origin = url.partition("/enter/")[0]
        assert origin.startswith("http://127.0.0.1:")
        with httpx.Client() as browser:
            assert browser.get(url).status_code == 303
            assert browser.post(f"{origin}/enter", headers={"Origin": origin}).status_code == 303
            assert "No cycle has run yet" in browser.get(origin).text
        process.send_signal(signal.SIGTERM)
        out, log = process.communicate(timeout=20)
    assert (process.returncode, out) == (0, "")
    assert [json.loads(each)["event"] for each in log.splitlines()] == [
        "desk.started",
        "desk.signed_in",
        "desk.stopped",
    ]
    assert url.partition("/enter/")[2] not in log


def test_json_and_a_new_link_for_a_desk_that_runs(stand: Stand) -> None:
    with started(stand, "desk", "--port", "0", "--json") as process:
        printed = "".join(iter(process.stdout.readline, "}\n")) + "}"  # type: ignore[union-attr]
        origin = json.loads(printed)["url"].partition("/enter/")[0]
        port = origin.rpartition(":")[2]
        again = stand.json("desk", "--link", "--port", port)["url"]
        assert again.startswith(f"{origin}/enter/")
        assert httpx.get(again).status_code == 303


def test_it_runs_beside_the_daemon_and_prints_no_key(stand: Stand) -> None:
    with socket.create_server(("127.0.0.1", 0)) as door:
        port = str(door.getsockname()[1])
    stand.write(stand.head() + f"\n[desk]\nport = {port}\n" + stand.route("riverside"))
    with started(stand, "run", "--desk") as process:
        told = process.stderr.readline()  # type: ignore[union-attr]
        while f"The desk is at http://127.0.0.1:{port}" not in told:
            assert told, "it ended without a word of the desk"
            told = process.stderr.readline()  # type: ignore[union-attr]
        assert httpx.get(f"http://127.0.0.1:{port}/").status_code == 401
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)
    assert process.returncode == 0


def test_a_port_that_is_taken_is_said_in_one_sentence(stand: Stand) -> None:
    with socket.create_server(("127.0.0.1", 0)) as door:
        said = stand.said("desk", "--port", str(door.getsockname()[1]), exit_code=2)
    assert "Choose another with --port" in said


@pytest.mark.parametrize(
    ("words", "lines", "told"),
    [
        (("--host", "0.0.0.0"), "", "does not open to a network at 0.0.0.0"),  # noqa: S104 it is refused
        (("--link", "--port", "0"), "", "Say at which port"),
        (("--link",), 'auth = "proxy"\ntrusted_peers = ["10.0.0.1"]\nsecret = "s"', "no link to print"),
        ((), 'viewers = ["team on elsewhere"]', "names a route or a class that does not exist"),
    ],
)
def test_what_cannot_work_is_told_before_anything_is_served(
    stand: Stand, words: tuple[str, ...], lines: str, told: str
) -> None:
    stand.write(stand.head() + f"\n[desk]\n{lines}\n" + stand.route("riverside"))
    assert told in stand.said("desk", *words, exit_code=2)
