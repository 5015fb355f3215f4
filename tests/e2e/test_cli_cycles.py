"""sync, plan and status: what they print, and what they end with."""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest
from cli_stand import PLACES, TENANT, Stand
from preloaded import Process
from processes import BARE
from sqlalchemy import update

from procore_4hse.models import ItemKind
from procore_4hse.simulator.faults import FaultKind
from procore_4hse.store.leases import Holder
from procore_4hse.store.repository import Store
from procore_4hse.store.tables import INBOX

ROUTE_KEYS = [
    "route", "outcome", "reason", "pulled", "written", "inbox", "population", "calls", "seconds",
]  # fmt: skip
SIDES = {"procore", "fourhse"}
ACTION_KEYS = ["side", "kind", "record", "id", "fields", "reason"]


def check_shape(found: dict[str, Any], *more: str) -> list[dict[str, Any]]:
    """The object that sync and plan owe, key by key; its routes."""
    assert list(found) == ["outcome", "exit", "routes"]
    routes: list[dict[str, Any]] = found["routes"]
    for route in routes:
        assert list(route) == [*ROUTE_KEYS, *more]
        assert set(route["pulled"]) == set(route["written"]) == set(route["population"]) == set(route["calls"]) == SIDES
        for side in SIDES:
            assert set(route["written"][side]) == {"created", "updated", "deleted"}
            assert set(route["population"][side]) == {"in_sync", "waiting", "refused", "excluded"}
        assert set(route["inbox"]) == {kind.value for kind in ItemKind}
    return routes


def test_a_sync_prints_one_object_and_everything_has_crossed(stand: Stand) -> None:
    for number in range(3):
        stand.on_site(f"On site {number}")
    (route,) = check_shape(report := stand.json("sync"))
    assert (report["outcome"], report["exit"], route["route"], route["reason"]) == ("ok", 0, "riverside", None)
    assert route["written"] == {
        "procore": {"created": 0, "updated": 0, "deleted": 0},
        "fourhse": {"created": 3, "updated": 0, "deleted": 0},
    }
    assert route["population"]["procore"] == {"in_sync": 3, "waiting": 0, "refused": 0, "excluded": 0}
    assert min(route["calls"].values()) > 0
    assert not stand.procore.refused
    assert not stand.fourhse.refused


def test_two_populated_registers_wait_for_a_yes(stand: Stand) -> None:
    stand.on_site("Cut hand")
    stand.in_office("Loose board")
    report = stand.json("sync", exit_code=7)
    assert (report["outcome"], report["exit"], report["routes"][0]["outcome"]) == ("stopped", 7, "stopped")
    assert report["routes"][0]["inbox"]["guard"] == 1
    assert stand.writes == 0
    assert stand.json("sync", "--first")["routes"][0]["written"]["procore"]["created"] == 1


def test_a_plan_lists_every_action_and_writes_nothing(stand: Stand) -> None:
    site = stand.on_site("Cut hand")
    (route,) = check_shape(stand.json("plan"), "actions")
    (action,) = route["actions"]
    assert list(action) == ACTION_KEYS
    assert (action["side"], action["kind"], action["record"], action["id"]) == ("fourhse", "create", "incident", None)
    assert action["fields"]["name"] == "Cut hand"
    assert action["reason"] == "new in Procore"
    assert stand.writes == 0
    assert stand.json("links") == {"links": []}
    stand.run("sync")
    stand.procore.hand_edit("incident", int(site), title="Cut finger")
    (route,) = stand.json("plan")["routes"]
    assert [(a["kind"], a["fields"]) for a in route["actions"]] == [("update", {"name": "Cut finger"})]
    assert isinstance(route["actions"][0]["id"], str)
    assert all(count == 0 for side in route["written"].values() for count in side.values())


def test_a_plan_that_a_guard_would_stop_lists_what_is_held(stand: Stand) -> None:
    stand.on_site("Cut hand")
    stand.in_office("Loose board")
    (route,) = check_shape(stand.json("plan", exit_code=7), "actions")
    assert route["outcome"] == "stopped"
    assert {(a["kind"], a["side"]) for a in route["actions"]} == {("create", "procore"), ("create", "fourhse")}
    assert "First meeting" in stand.said("plan", exit_code=7)


def test_a_plan_of_a_new_route_tells_both_of_each_pair_their_people_and_what_may_be_one(stand: Stand) -> None:
    text = "A ladder slipped on wet ground near the gate."
    site = stand.on_site("Fall", description=text)
    office = stand.in_office("Fall", description_event=text)
    party = stand.procore.add_person(PLACES["riverside"][0], "Ann", "Lee")
    stand.fourhse.add_person(TENANT, PLACES["riverside"][1], "Ann", "Lee")
    stand.procore.hand_create("near_miss", PLACES["riverside"][0], incident_id=int(site), affected_party_id=party)
    (route,) = check_shape(stand.json("plan", exit_code=7), "actions")
    link, person = route["actions"]
    both = {"procore": {"id": site, "title": "Fall"}, "fourhse": {"id": office, "title": "Fall"}}
    assert (link["kind"], link["fields"]) == ("link", both)
    assert [person[key] for key in ("kind", "side", "record", "id")] == ["create", "fourhse", "near_miss", None]
    said = " ".join(stand.said("plan", exit_code=7).split())
    assert "Possible pairs, before the first sync:" in said
    assert "+ The same title" in said
    assert stand.writes == 0


def test_one_refused_record_makes_the_cycle_partial_and_the_next_one_fine(stand: Stand) -> None:
    stand.on_site("First")
    stand.on_site("Second")
    stand.faults.add(FaultKind.ERROR_BEFORE, method="POST", path="incident/create", status=422)
    report = stand.json("sync", exit_code=1)
    assert (report["outcome"], report["exit"]) == ("partial", 1)
    assert report["routes"][0]["inbox"]["refused"] == 1
    assert report["routes"][0]["written"]["fourhse"]["created"] == 1
    assert stand.json("sync")["exit"] == 0


def test_refused_credentials_end_with_3_and_never_show_them(stand: Stand) -> None:
    stand.environ = {"SYNC_FOURHSE__PASSWORD": "wrong-and-secret"}
    done = stand.run("sync", "--json")
    report = json.loads(done.stdout)
    assert (done.exit_code, report["outcome"], report["exit"]) == (3, "failed", 3)
    assert "4HSE refused to give a token" in report["routes"][0]["reason"]
    assert "wrong-and-secret" not in done.output


def test_one_routes_failure_leaves_the_other_alone_and_the_gravest_code_counts(stand: Stand) -> None:
    stand.configure("riverside", "harbour")
    stand.on_site("Cut hand", route="harbour")
    stand.procore.hide_project(1363617)
    report = stand.json("sync", exit_code=3)
    assert {route["route"]: route["outcome"] for route in report["routes"]} == {"riverside": "failed", "harbour": "ok"}
    assert report["routes"][1]["written"]["fourhse"]["created"] == 1
    stand.in_office("Loose board", route="riverside")
    stand.procore.hide_project(1363617, hidden=False)
    stand.on_site("Dust", route="riverside")
    report = stand.json("sync", exit_code=7)
    assert (report["outcome"], [route["outcome"] for route in report["routes"]]) == ("stopped", ["stopped", "ok"])


def test_only_named_and_enabled_routes_take_part(stand: Stand) -> None:
    stand.configure("riverside", "harbour")
    assert [route["route"] for route in stand.json("sync", "--route", "harbour")["routes"]] == ["harbour"]
    unknown = stand.said("sync", "--route", "seaside", exit_code=2)
    assert "There is no route seaside; the configuration has: riverside, harbour." in unknown
    stand.write(stand.head() + stand.route("riverside", enabled="false") + stand.route("harbour"))
    done = stand.run("sync", "--json")
    assert [route["route"] for route in json.loads(done.stdout)["routes"]] == ["harbour"]
    assert "Route riverside is disabled" in done.stderr


def test_a_route_that_another_process_holds_is_busy(stand: Stand) -> None:
    stand.run("db", "upgrade")
    with (store := Store(f"sqlite:///{stand.folder}/sync.db")).begin() as unit:
        key = "1363617/5b7f5a5e-1d39-4a7c-8f43-7b1d6f3a9e02"
        lasts = timedelta(minutes=5)
        assert unit.leases.take(key, Holder.this_process(), ttl=lasts, grace=lasts)
    store.close()
    assert stand.json("sync")["outcome"] == "busy"
    assert "another process" in stand.said("sync")


@pytest.mark.parametrize("command", ["sync", "plan"])
def test_an_unusable_store_ends_with_4_and_still_one_object(stand: Stand, command: str) -> None:
    (stand.folder / "occupied").write_text("no folder")
    stand.environ = {"SYNC_STORE__URL": f"sqlite:///{stand.folder}/occupied/sync.db"}
    done = stand.run(command, "--json")
    assert (done.exit_code, json.loads(done.stdout)) == (4, {"outcome": "failed", "exit": 4, "routes": []})
    assert "Check store.url" in done.stderr
    assert stand.calls == 0


def test_logs_go_to_standard_error_as_json_lines(stand: Stand) -> None:
    stand.on_site("Secret happening")
    done = stand.run("sync", "--json")
    events = [json.loads(line) for line in done.stderr.splitlines()]
    assert {"push.created", "cycle.done"} <= {event["event"] for event in events}
    assert "Secret happening" not in done.output
    assert stand.run("-q", "sync", "--json").stderr == ""
    assert any(json.loads(line)["level"] == "debug" for line in stand.run("-v", "sync").stderr.splitlines())


def test_people_read_what_happened_without_contents(stand: Stand) -> None:
    stand.on_site("Secret happening")
    said = stand.said("-q", "sync") + stand.said("-q", "status")
    assert "riverside: done" in said
    assert "linked 1 incidents" in said.replace("incident ", "incidents ")
    assert "Secret" not in said


# status ----------------------------------------------------------------------------------------------------------


def test_status_before_and_after_the_first_cycle(stand: Stand) -> None:
    assert stand.json("status")["routes"][0]["last"] is None
    assert "no cycle has run yet" in stand.said("status")
    stand.on_site("Cut hand")
    stand.run("sync")
    (route,) = stand.json("status")["routes"]
    assert list(route) == [
        "route", "enabled", "running", "last", "last_success_at", "last_agreement_at", "next_at", "due_reason",
        "cadence_seconds", "round_seconds", "links", "population", "inbox", "answered", "oldest", "budget",
    ]  # fmt: skip
    assert (route["last"]["outcome"], route["links"], route["running"]) == ("ok", 1, False)
    assert route["next_at"] > route["last"]["ended_at"]
    assert (route["due_reason"], route["cadence_seconds"], route["round_seconds"]) == ("cadence", 300.0, None)
    assert route["population"]["fourhse"]["in_sync"] == 1
    assert route["budget"]["procore"]["limit"] > route["budget"]["procore"]["remaining"] > 0
    assert route["budget"]["procore"]["shortest_pause_seconds"] is not None


def test_status_fails_when_something_waits_too_long(stand: Stand) -> None:
    stand.on_site("Cut hand")
    stand.in_office("Loose board")
    stand.run("sync")
    assert stand.json("status", "--fail-over", "24h")["exit"] == 0
    with (store := Store(f"sqlite:///{stand.folder}/sync.db")).begin() as unit:
        unit.connection.execute(update(INBOX).values(since=unit.now - timedelta(hours=25)))
    store.close()
    status = stand.json("status", "--fail-over", "24h", exit_code=7)
    assert status["exit"] == 7
    assert status["routes"][0]["oldest"]["id"] == "1"
    assert "waiting for 1 day, too long" in stand.said("status", "--fail-over", "24h", exit_code=7)
    assert stand.run("status").exit_code == 0
    assert "--fail-over soon" in stand.said("status", "--fail-over", "soon", exit_code=2)


def test_status_leaves_a_store_of_another_version_as_it_is(stand: Stand) -> None:
    assert stand.run("status").exit_code == 0
    assert tables(stand) == []
    stand.on_site("Cut hand")
    stand.run("sync")
    change(stand, "UPDATE alembic_version SET version_num = '9999'")
    assert stand.json("status")["routes"][0]["links"] == 1
    assert stand.said("status").count("brought up to date by a newer version of this program") == 1
    change(stand, "ALTER TABLE cycle RENAME TO put_by")
    said = stand.said("status", exit_code=4)
    assert "by a newer version of this program" in said
    assert "db upgrade" not in said
    change(stand, "UPDATE alembic_version SET version_num = '0003'")
    assert "db upgrade" in stand.said("status", exit_code=4)
    assert "put_by" in tables(stand)


def tables(stand: Stand) -> list[str]:
    return change(stand, "SELECT name FROM sqlite_master WHERE type = 'table'")


def change(stand: Stand, statement: str) -> list[str]:
    with closing(sqlite3.connect(stand.folder / "sync.db")) as connection, connection:
        return [row[0] for row in connection.execute(statement)]


def test_status_works_while_another_process_writes(stand: Stand) -> None:
    stand.on_site("Cut hand")
    stand.run("sync")
    with (store := Store(f"sqlite:///{stand.folder}/sync.db")).begin() as unit:
        unit.connection.execute(update(INBOX).values(since=unit.now))
        assert stand.json("status")["routes"][0]["links"] == 1
    store.close()


def test_status_makes_no_call(stand: Stand) -> None:
    stand.run("sync")
    before = stand.calls
    stand.run("status")
    assert stand.calls == before


# The real command ------------------------------------------------------------------------------------------------


def test_the_real_command_prints_one_object_and_keeps_its_store_private(stand: Stand) -> None:
    stand.on_site("Cut hand")
    command = [sys.executable, "-m", "procore_4hse", "--config", str(stand.file), "sync", "--json"]
    done = subprocess.run(command, env=BARE, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    check_shape(json.loads(done.stdout))
    assert (stand.folder / "sync.db").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(("environ", "colours"), [({"NO_COLOR": "1"}, False), ({}, True)])
def test_no_color_is_obeyed(stand: Stand, environ: dict[str, str], colours: bool) -> None:
    asked = {"FORCE_COLOR": "1", "TERM": "xterm-256color", **environ}
    with closing(Process(["--config", str(stand.file), "sync"], asked)) as process:
        said, _ = process.communicate(timeout=60)
    assert bool(re.search("\x1b\\[[0-9;]*3[0-9]m", said)) is colours, repr(said)


def test_what_was_refused_is_told_to_be_tried_after_a_pause_and_is(stand: Stand) -> None:
    stand.on_site("Cut hand")
    stand.faults.add(FaultKind.ERROR_BEFORE, method="POST", path="incident/create", status=422)
    said = stand.said("sync", exit_code=1)
    assert "partly done; the rest is tried again by itself" in said
    assert "4HSE refused a record; it is tried again after a pause, or once either side changed" in said
    before = stand.writes
    assert "riverside: done" in stand.said("sync")
    assert stand.writes == before
