"""db purge: what the store stops remembering, as a person or a scheduler asks for it."""

from __future__ import annotations

import itertools
import os
import re
from datetime import UTC, datetime, timedelta

import pytest
from cli_stand import PLACES, TENANT, Stand
from processes import ended, started
from sqlalchemy import text

from procore_4hse.settings.model import Settings
from procore_4hse.simulator.wire import Request
from procore_4hse.store.leases import Holder
from procore_4hse.store.repository import Store

ROUTE_KEY = "1363617/5b7f5a5e-1d39-4a7c-8f43-7b1d6f3a9e02"
AGES = '\n[retention]\nraw = "90d"\njournal = "2y"\ntombstones = "26w"\n'
DAYS_AGO = {"yesterday": 1, "today": 0, "tomorrow": -1}


def day(name: str) -> str:
    return (datetime.now(UTC) - timedelta(days=DAYS_AGO[name])).date().isoformat()


def store_of(stand: Stand) -> Store:
    return Store(f"sqlite:///{stand.folder}/sync.db")


def make_old(stand: Stand, years: int = 3) -> None:
    """All that was written so far happened years ago."""
    long_ago = (datetime.now(UTC) - timedelta(days=365 * years)).replace(tzinfo=None)
    store = store_of(stand)
    with store.begin() as unit:
        unit.connection.execute(text("UPDATE journal SET made_at = :at, ended_at = :at"), {"at": str(long_ago)})
    store.close()


def hurt(stand: Stand) -> tuple[int, str]:
    """Ann Lee was hurt, and both systems know; her two ids."""
    project, office = PLACES["riverside"]
    party = stand.procore.add_person(project, "Ann", "Leatherhead", employee_id="E1")
    assignment = stand.fourhse.add_person(TENANT, office, "Ann", "Leatherhead", code="E1")
    site = stand.on_site("Fall from ladder")
    stand.procore.hand_create("injury", project, incident_id=int(site), affected_party_id=party, work_days_absent=3)
    assert stand.run("sync").exit_code == 0
    assert stand.run("sync").exit_code == 0
    return party, assignment


def file_of(stand: Stand) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(stand.folder.glob("sync.db*")))


# Old contents ----------------------------------------------------------------------------------------------------


def test_what_is_older_than_a_day_goes_and_nothing_else_changes(stand: Stand) -> None:
    stand.linked("Fall over a misplaced wheelbarrow")
    make_old(stand)
    would = stand.json("db", "purge", "--before", "2025-01-01", "--dry-run")
    assert would == {
        "dry_run": True, "raw_records": 0, "journal": 1, "inbox": 0, "tombstones": 0, "views": 0, "decisions": 0,
        "busy": [],
    }  # fmt: skip
    assert stand.json("db", "purge", "--before", "2025-01-01") == {**would, "dry_run": False}
    said = stand.said("db", "purge", "--before", day("yesterday"))
    assert "0 writes in the journal" in said
    assert "Purged." in said
    calls = stand.writes
    assert stand.run("sync").exit_code == 0
    assert stand.writes == calls


@pytest.mark.parametrize("when", ["today", "tomorrow"])
def test_what_cycles_still_look_at_is_never_purged(stand: Stand, when: str) -> None:
    stand.linked()
    said = stand.said("db", "purge", "--before", day(when), exit_code=2)
    assert "give --before yesterday or earlier" in said


@pytest.mark.parametrize("word", ["2026-13-01", "last year", "20260101"])
def test_a_day_is_a_day(stand: Stand, word: str) -> None:
    assert "write it as YYYY-MM-DD" in re.sub(r"[│\s]+", " ", stand.run("db", "purge", "--before", word).stderr)


def test_without_a_day_the_ages_of_the_configuration_count(stand: Stand) -> None:
    stand.linked()
    assert "set ages under [retention]" in stand.said("db", "purge", exit_code=2)
    make_old(stand, years=1)
    stand.write(stand.file.read_text() + AGES)
    assert stand.json("db", "purge")["journal"] == 0
    make_old(stand)
    assert stand.json("db", "purge")["journal"] == 1


def test_the_daemon_goes_by_the_same_ages(stand: Stand) -> None:
    stand.linked("Fall over a misplaced wheelbarrow")
    make_old(stand)
    stand.write(stand.file.read_text() + AGES + '[schedule]\nevery = "1s"\n')
    with started(stand, "run") as process:
        cycles = itertools.count(1)

        def end_in_the_second(request: Request) -> None:
            if request.path.endswith("/projects/1363617") and next(cycles) == 2:
                process.terminate()

        stand.faults.on_request.append(end_in_the_second)
        code, log = ended(process)
    assert code == 0
    (purged,) = [line for line in log if line["event"] == "daemon.purged"]
    assert (purged["route"], purged["journal"], purged["raw_records"]) == ("riverside", 1, 0)
    assert b"wheelbarrow" not in values_in_the_journal(stand)


def values_in_the_journal(stand: Stand) -> bytes:
    store = store_of(stand)
    with store.read() as unit:
        rows = unit.connection.execute(text("SELECT action, fields, before, answer, words FROM journal"))
        values = str([tuple(row) for row in rows]).encode()
    store.close()
    return values


def test_a_route_in_a_cycle_is_told_and_left(stand: Stand) -> None:
    stand.linked()
    make_old(stand)
    store = store_of(stand)
    with store.begin() as unit:
        unit.leases.take(ROUTE_KEY, Holder.this_process(), ttl=timedelta(hours=1), grace=timedelta(0))
    store.close()
    assert "A cycle of route riverside is running" in stand.said("db", "purge", "--before", "2025-01-01", exit_code=1)
    report = stand.json("db", "purge", "--before", "2025-01-01", exit_code=1)
    assert (report["journal"], report["busy"]) == (0, ["riverside"])


# One person ------------------------------------------------------------------------------------------------------


def test_a_person_s_data_goes_only_when_that_is_meant(stand: Stand) -> None:
    party, _ = hurt(stand)
    before = file_of(stand)
    refused = stand.run("db", "purge", "--person", str(party))
    assert (refused.exit_code, "add --yes" in refused.stderr) == (2, True)
    assert stand.run("db", "purge", "--person", str(party), "--before", "2025-01-01", "--yes").exit_code == 2
    would = stand.json("db", "purge", "--person", str(party), "--dry-run")
    assert (would["directory"], would["raw_records"], would["bases"], would["journal"]) == (2, 2, 1, 1)
    assert b"Leatherhead" in before
    assert b"Leatherhead" in file_of(stand)


def test_a_person_s_data_is_nowhere_in_the_file_afterwards(stand: Stand) -> None:
    party, assignment = hurt(stand)
    done = stand.run("db", "purge", "--person", assignment, "--yes")
    assert done.exit_code == 0
    assert b"Leatherhead" not in file_of(stand)
    assert not [word for word in ("Ann", "Leatherhead", str(party), assignment) if word in done.output]
    said = " ".join(done.output.split())
    assert "2 rows of the two directories" in said
    assert "come back with the next cycle unless they are removed there" in said
    writes = stand.writes
    assert stand.run("sync").exit_code == 0
    assert stand.writes == writes


@pytest.mark.parametrize(("answer", "exit_code"), [("n\n", 1), ("y\n", 0)])
def test_on_a_terminal_it_shows_the_counts_and_asks(stand: Stand, answer: str, exit_code: int) -> None:
    party, _ = hurt(stand)
    keyboard, terminal = os.openpty()
    os.write(keyboard, answer.encode())
    with started(stand, "db", "purge", "--person", str(party), stdin=terminal) as process:
        _, asked = process.communicate(timeout=20)
    os.close(keyboard)
    os.close(terminal)
    assert process.returncode == exit_code
    assert "2 rows of the two directories" in " ".join(asked.split())
    assert "Remove this from the store?" in asked
    assert (b"Leatherhead" in file_of(stand)) is (exit_code == 1)


def test_an_id_that_is_nobodys_is_a_mistake(stand: Stand) -> None:
    stand.linked()
    for more in ("--yes", "--dry-run"):
        said = stand.said("db", "purge", "--person", "4711", more, exit_code=2)
        assert said.startswith("The store holds nothing about a person with this id; give the person's id in Procore")
    counts = stand.json("db", "purge", "--person", "4711", "--yes", exit_code=2)
    assert {key: value for key, value in counts.items() if value} == {}
    assert set(counts) == {
        "dry_run", "busy", "directory", "raw_records", "bases", "journal", "inbox", "tombstones", "refusals",
        "partners", "decisions", "signed", "unsettled",
    }  # fmt: skip


def test_no_age_is_set_unless_told_but_for_the_records_of_cycles(stand: Stand) -> None:
    ages = Settings.model_fields["retention"].default.model_dump()
    assert {name: age.days for name, age in ages.items() if age} == {"cycles": 90}
