"""`backfill` as a command: what it shows, when it asks, what it ends with; and as a process that is killed."""

import json
import os
import signal
from datetime import date, timedelta
from pathlib import Path
from shutil import copytree
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from cli_stand import MAPPING, PLACES, TENANT, Stand, now
from processes import after_create, at_create, counts, ended, everything_stands_once, started

from procore_4hse.simulator.faults import FaultKind
from procore_4hse.simulator.wire import Dropped
from procore_4hse.store.leases import Holder
from procore_4hse.store.repository import Store

FIRST, LAST = date(2025, 3, 1), date(2025, 3, 31)
RANGE = ("backfill", "--from", str(FIRST), "--to", str(LAST))
SITE = [f"On site {number}" for number in range(8)]
OFFICE = [f"In office {number}" for number in range(8)]


@pytest.fixture
def full(stand: Stand) -> Stand:
    """Sixteen incidents on eight days, all before the route's `since`."""
    stand.configure("riverside", since='"2026-01-01"')
    for number, (site, office) in enumerate(zip(SITE, OFFICE, strict=True)):
        stand.on_site(site, FIRST + timedelta(number))
        stand.in_office(office, FIRST + timedelta(number))
    return stand


def route_of(found: Any) -> Any:
    (route,) = found["routes"]
    return route


# What is shown and asked -----------------------------------------------------------------------------------------


def test_a_dry_run_shows_and_writes_nothing(full: Stand) -> None:
    said = full.said(*RANGE, "--dry-run")
    assert "riverside: incidents from 2025-03-01 to 2025-03-31" in said
    assert "in Procore: 8 to create" in said
    assert "in 4HSE: 8 to create" in said
    assert "about 24 calls and less than a minute, on 8 days" in said
    assert "Nothing was written" in said
    assert full.writes == 0


def test_one_object_like_that_of_sync_with_the_preview_in_it(full: Stand) -> None:
    report = full.json(*RANGE, "--yes")
    route = route_of(report)
    assert (report["outcome"], report["exit"], route["outcome"], route["reason"]) == ("ok", 0, "ok", None)
    assert route["written"]["procore"]["created"] == route["written"]["fourhse"]["created"] == 8
    assert route["preview"]["creates"] == {"procore": 8, "fourhse": 8}
    assert (route["preview"]["first"], route["preview"]["last"], route["preview"]["days"]) == (*RANGE[2::2], 8)
    assert everything_stands_once(full, *SITE, *OFFICE)


def test_without_a_terminal_it_wants_a_yes_before_any_call(full: Stand) -> None:
    assert "--yes" in full.said(*RANGE, exit_code=2)
    assert full.calls == 0


@pytest.mark.parametrize(("answer", "exit_code", "created"), [("y\n", 0, 16), ("n\n", 1, 0)])
def test_on_a_terminal_it_asks_after_the_preview(full: Stand, answer: str, exit_code: int, created: int) -> None:
    keyboard, terminal = os.openpty()
    os.write(keyboard, answer.encode())
    with started(full, *RANGE, stdin=terminal) as process:
        said, asked = process.communicate(timeout=20)
    os.close(keyboard)
    os.close(terminal)
    assert process.returncode == exit_code
    assert "in Procore: 8 to create" in said
    assert "Go ahead?" in asked
    site, office = counts(full)
    assert site.total() + office.total() == 16 + created


def test_days_that_are_none_and_ranges_that_end_too_early_are_refused(full: Stand) -> None:
    for words in (("--from", "2025-02-30"), ("--from", "20250301"), ("--from", "2025-04-01", "--to", "2025-03-01"), ()):
        assert full.run("backfill", *words, "--yes").exit_code == 2
    full.configure("riverside", direction='"procore-to-4hse"')
    assert "--direction" in full.said(*RANGE, "--direction", "4hse-to-procore", "--yes", exit_code=2)
    assert full.calls == 0


@pytest.mark.parametrize(("zone", "days"), [("Pacific/Honolulu", 1), ("Pacific/Kiritimati", 2), ("Asia/Tokyo", 400)])
def test_days_to_come_are_refused_before_anything_is_read(full: Stand, zone: str, days: int) -> None:
    full.procore.add_project(PLACES["riverside"][0], "riverside", zone, zone)
    today = now().astimezone(ZoneInfo(zone)).date()
    said = full.said("backfill", "--from", str(today + timedelta(days)), "--yes", exit_code=2)
    assert "give --from a day that has come" in said
    assert full.calls <= 2
    assert full.run("backfill", "--from", str(today), "--dry-run").exit_code == 0


def test_a_route_that_is_busy_is_no_success(full: Stand) -> None:
    full.run("db", "upgrade")
    with (store := Store(f"sqlite:///{full.folder}/sync.db")).begin() as unit:
        key = f"{PLACES['riverside'][0]}/{PLACES['riverside'][1]}"
        assert unit.leases.take(key, Holder.this_process(), ttl=timedelta(hours=1), grace=timedelta(0))
    store.close()
    for more in ("--yes", "--dry-run"):
        report = full.json(*RANGE, more, exit_code=1)
        assert (report["outcome"], report["exit"], route_of(report)["outcome"]) == ("busy", 1, "busy")
    assert "run the backfill again" in full.said(*RANGE, "--yes", exit_code=1)
    assert full.calls == 0


def test_a_direction_and_a_route_narrow_it(full: Stand) -> None:
    full.configure("riverside", "harbour", since='"2026-01-01"')
    full.on_site("In the harbour", FIRST, route="harbour")
    report = full.json(*RANGE, "--route", "riverside", "--direction", "procore-to-4hse", "--yes")
    assert route_of(report)["written"]["procore"]["created"] == 0
    assert route_of(report)["written"]["fourhse"]["created"] == 8
    assert not full.fourhse.dump(PLACES["harbour"][1])


def test_one_route_that_fails_does_not_stop_the_other(full: Stand) -> None:
    full.configure("riverside", "harbour", since='"2026-01-01"')
    full.on_site("In the harbour", FIRST, route="harbour")
    full.faults.add(FaultKind.FORBIDDEN, path=rf"/projects/{PLACES['riverside'][0]}$")
    report = full.json(*RANGE, "--yes", exit_code=3)
    assert [(route["outcome"], route["preview"] is None) for route in report["routes"]] == [
        ("failed", True),
        ("ok", False),
    ]
    assert [row["name"] for row in full.fourhse.dump(PLACES["harbour"][1])] == ["In the harbour"]


# Killed ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("created", [1, 6, 7, 16])
def test_killed_after_a_create_it_goes_on_by_itself_and_makes_nothing_twice(full: Stand, created: int) -> None:
    with started(full, *RANGE, "--yes") as process:
        full.faults.on_response.append(after_create(created, process.kill))
        code, _ = ended(process)
    site, office = counts(full)
    assert (code, site.total() + office.total()) == (-signal.SIGKILL, 16 + created)
    assert full.json(*RANGE, "--yes")["outcome"] == "ok"
    assert everything_stands_once(full, *SITE, *OFFICE)
    is_at_rest(full)


def test_killed_before_a_create_arrives_it_looks_for_it_and_makes_it_in_the_end(full: Stand) -> None:
    full.write(full.file.read_text() + '\n[schedule]\nsettle_for = "1s"\n')

    with started(full, *RANGE, "--yes") as process:

        def lose() -> None:
            process.kill()
            raise Dropped

        full.faults.on_request.append(at_create(6, lose))
        assert ended(process)[0] == -signal.SIGKILL
    outcomes = []
    while outcomes[-1:] != ["ok"]:
        assert len(outcomes) < 40
        outcomes.append(json.loads(full.run(*RANGE, "--yes", "--json").stdout)["outcome"])
    assert set(outcomes[:-1]) <= {"partial"}
    assert everything_stands_once(full, *SITE, *OFFICE)
    is_at_rest(full)


def is_at_rest(stand: Stand) -> None:
    """A sync afterwards and one more backfill find nothing to do."""
    writes = stand.writes
    assert stand.json("sync")["outcome"] == "ok"
    assert stand.json(*RANGE, "--yes")["outcome"] == "ok"
    assert stand.writes == writes
    assert len(stand.json("links")["links"]) == 16


# Filing types ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("words", "filed"), [((), None), (("--with-filing-types",), "lost_time")])
def test_filing_types_are_carried_only_when_asked_for(stand: Stand, words: tuple[str, ...], filed: str | None) -> None:
    people = Path(copytree(MAPPING, stand.folder / "mine")) / "people.yaml"
    text = people.read_text(encoding="utf-8")
    people.write_text(text.replace("direction: procore to 4hse  ", "direction: both  "), encoding="utf-8")
    stand.configure("riverside", since='"2026-01-01"', mapping='"mine"')
    project, office = PLACES["riverside"]
    stand.procore.add_person(project, "Ann", "Lee", employee_id="E1")
    hired = stand.fourhse.add_person(TENANT, office, "Ann", "Lee", code="E1")
    incident = stand.in_office("Fall", FIRST, category="ACCIDENTS")
    fields = {"office_incident_id": incident, "person_office_id": hired, "description": "Filing type: Lost time"}
    stand.fourhse.hand_create("incident-person", office, **fields)
    assert ("no filing type is written" in stand.said(*RANGE, *words, "--dry-run")) is (filed is None)
    assert stand.json(*RANGE, *words, "--yes")["exit"] == 0
    stand.run("sync")
    (row,) = stand.procore.dump(project)
    assert [injury["filing_type"] for injury in row["injuries"]] == [filed]
    assert stand.procore.mails == (0 if filed is None else 1)
