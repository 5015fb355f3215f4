"""What the store stops remembering, and that no cycle afterwards does anything else because of it."""

from __future__ import annotations

import itertools
import signal
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from random import Random
from typing import Any

import pytest
from sqlalchemy import insert, select, text
from sqlmodel import SQLModel

import actors as crew
from actors import hire, hire_in_office, hire_on_site, hurt_in_office, hurt_on_site, only, partner, wrote
from edits import Editors, seed, settle_doubts
from procore_4hse.daemon import Daemon
from procore_4hse.errors import StoreBusy
from procore_4hse.models import Item, ItemKind, Kind, LinkState, Side
from procore_4hse.operations import decisions, undo
from procore_4hse.operations.decisions import Answer
from procore_4hse.operations.history import REMOVED, of_routes
from procore_4hse.operations.retention import Ages, Cutoffs, all_routes, forget_person, purge_old
from procore_4hse.reconcile import items
from procore_4hse.reconcile.snapshot import Policy, Record
from procore_4hse.simulator.faults import FaultKind
from procore_4hse.simulator.fourhse_dials import FourHseDials
from procore_4hse.simulator.procore_dials import ProcoreDials
from procore_4hse.store.decisions import Decider, KeptDecision, Outcome
from procore_4hse.store.leases import Holder
from procore_4hse.store.repository import Store
from procore_4hse.store.routes import Cycles
from procore_4hse.store.tables import CYCLES
from world import PROJECT, World, default_mapping

pytestmark = pytest.mark.one_test_on_postgresql_in(8)

LONG = timedelta(days=100)
INCIDENTS = r"/projects/\d+/incidents$"


def purge(world: World, *, dry: bool = False) -> dict[str, int]:
    """Everything older than this moment."""
    done = purge_old(world.runtime, Cutoffs.at, all_routes(world.runtime), dry=dry)
    assert not done.busy
    return dict(done.counts)


def forget(world: World, who: object, *, dry: bool = False) -> dict[str, int]:
    salts = (f"salt {number}" for number in itertools.count())
    routes = dict.fromkeys(all_routes(world.runtime), world.route.mapping)
    done = forget_person(world.runtime, str(who), routes, salt=lambda: next(salts), dry=dry)
    assert not done.busy
    return dict(done.counts)


def memory(world: World, *tables: str) -> str:
    """All that these tables hold, or the whole store, as text."""
    names = tables or tuple(SQLModel.metadata.tables)
    with world.store.read() as unit:
        rows = [row for name in names for row in unit.connection.execute(text(f"SELECT * FROM {name}"))]  # noqa: S608
    return "\n".join(str(tuple(row)) for row in rows)


def standing(world: World) -> list[Any]:
    """Links and open questions, but for the numbers that a renewed question keeps anyway."""
    links = [(link.key, link.fourhse_id, link.state, link.generation, dict(link.base)) for link in world.links()]
    return [links, [(entry.id, entry.item) for entry in world.inbox()]]


def is_nothing(report: Any) -> bool:
    return wrote(report) == crew.NOTHING


# Old contents ------------------------------------------------------------------------------------------------------


def lived_in(world: World, random: Random) -> None:
    """A route with a past: doubts, edits, people, conflicts, deletions in every state, a create without an answer."""
    seed(world, 14, shared=5)
    world.sync(first=True)
    settle_doubts(world)
    world.sync()
    editors = Editors(world, random)
    for _ in range(3):
        editors.edit_both_sides()
        world.sync()
    _hurt(world, random)
    _delete(world, random)
    _contradict(world)
    _lose_an_answer(world)
    for _ in range(3):
        world.sync()


def _hurt(world: World, random: Random) -> None:
    for number in range(4):
        party, _ = hire(world, f"Ann {'ABCD'[number]}oe", f"E{number}")
        hurt_on_site(world, random.choice(sorted(world.site())), party, days=number)
    world.sync()


def _delete(world: World, random: Random) -> None:
    chosen = random.sample([link for link in world.links() if link.kind is Kind.INCIDENT], 8)
    for number, link in enumerate(chosen):
        if number % 2:
            world.procore.hand_delete("incident", int(link.procore_id))
        else:
            world.fourhse.hand_delete("incident", link.fourhse_id)
        world.sync()
    asked = [entry for entry in world.inbox() if entry.item.kind == "deletion"]
    assert len(asked) == 8
    for entry, verb in zip(asked[:6], ("approve", "reject") * 3, strict=True):
        world.answer(entry.id, verb)
    world.sync()


def _contradict(world: World) -> None:
    ours, theirs = next((one.procore_id, one.fourhse_id) for one in reversed(world.links()) if is_alive(one))
    world.procore.hand_edit("incident", int(ours), title="Here it is a fall")
    world.fourhse.hand_edit("incident", theirs, name="There it is a slip")


def _lose_an_answer(world: World) -> None:
    world.on_site("The answer to this one gets lost", date(2026, 1, 7))
    world.faults.add(FaultKind.LOST_ANSWER, method="POST", path="/incident/create")


def is_alive(link: Any) -> bool:
    return link.kind is Kind.INCIDENT and link.state is LinkState.LIVE


@pytest.mark.parametrize("number", [1])
def test_after_a_purge_a_cycle_does_nothing_else(build, store_url, number):
    world = build(store_url)
    lived_in(world, Random(number))  # noqa: S311
    with world.store.begin() as unit:
        unit.desk.log_view(world.route.key, "anna", "incident", "1")
    world.clock.advance(LONG.total_seconds())
    assert is_nothing(world.sync())
    before, population = standing(world), world.sync(full=True).population
    assert before[1], "something waits for a person"
    would = purge(world, dry=True)
    assert standing(world) == before
    assert min(would.values()) > 0
    assert purge(world) == would
    for full in (False, True):
        report = world.sync(full=full)
        assert (report.outcome, is_nothing(report), report.population) == ("ok", True, population)
    assert standing(world) == before
    assert set(purge(world).values()) == {0}
    assert (world.procore.refused, world.fourhse.refused) == ([], [])
    _goes_on(world)


def _goes_on(world: World) -> None:
    asked = {entry.item.procore_id for entry in world.inbox()}
    link = next(one for one in world.links() if is_alive(one) and one.procore_id not in asked)
    world.fourhse.hand_edit("incident", link.fourhse_id, name="Read after the purge")
    assert wrote(world.sync()) == {"created": 0, "updated": 1, "deleted": 0}
    assert world.site()[link.procore_id]["title"] == "Read after the purge"


def linked(build: Callable[..., World], store_url: str, many: int = 3, **route: Any) -> World:
    world = build(store_url, **route)
    for number in range(many):
        world.on_site(f"Fall {number}", description="A secret word.")
    world.sync(first=True)
    return world


def test_the_journal_keeps_what_happened_and_loses_what_was_said(build, store_url):
    world = linked(build, store_url)
    world.clock.advance(hours=1)
    early = world.clock.now
    ours = world.links()[0].procore_id
    world.procore.hand_edit("incident", int(ours), title="A later word")
    world.sync()
    facts = "SELECT id, act, side, kind, target_id, source_id, reason, outcome, made_at, ended_at FROM journal"
    with world.store.read() as unit:
        before = list(unit.connection.execute(text(f"{facts} ORDER BY id")))
    done = purge_old(world.runtime, lambda now: Cutoffs(journal=early), all_routes(world.runtime))
    assert done.counts["journal"] == 3
    assert "Fall 1" not in memory(world, "journal")
    assert "A later word" in memory(world, "journal")
    with world.store.read() as unit:
        assert list(unit.connection.execute(text(f"{facts} ORDER BY id"))) == before
        assert [intent.action.act for intent in unit.journal(world.route.key).recent()] == ["update"]
        story = unit.journal(world.route.key).story(ours)
    assert [(each.outcome, each.words) for each in story] == [("done", "its values were purged"), ("done", "")]


def test_what_is_not_settled_keeps_its_values_and_is_settled_after_the_purge(build, store_url):
    world = build(store_url)
    world.in_office("Fall", description_event="A secret word.")
    world.faults.add(FaultKind.LOST_ANSWER, method="POST", path=INCIDENTS)
    assert world.sync(first=True).outcome == "partial"
    assert purge(world)["journal"] == 0
    assert "A secret word." in memory(world, "journal")
    for _ in range(3):
        world.sync()
    assert (len(world.site()), len(world.links())) == (1, 1)


def test_a_late_copy_is_still_known_for_one_long_after_the_purge(build, store_url):
    dials = {"procore_dials": ProcoreDials(created_by_null=True), "fourhse_dials": FourHseDials(token_lifetime=86400)}
    world = build(store_url, **dials)
    world.in_office("Fall", description_event="A secret word.")
    world.faults.add(FaultKind.LATE, method="POST", path=INCIDENTS, delay=timedelta(minutes=50))
    world.sync(first=True)
    for _ in range(12):
        world.sync()
    assert len(world.site()) == 2, "the first try arrived after it was made again"
    world.clock.advance(LONG.total_seconds())
    purge(world)
    assert is_nothing(world.sync())
    assert [entry.item.kind for entry in world.inbox()] == ["match"]
    assert len(world.office()) == 1
    world.on_site("Another one")
    assert wrote(world.sync()) == {"created": 1, "updated": 0, "deleted": 0}


def test_a_deletion_that_is_asked_about_keeps_all_that_an_answer_needs(build, store_url):
    world = linked(build, store_url)
    link = world.links()[0]
    world.fourhse.hand_edit("incident", link.fourhse_id, deponent="Hall 3")
    world.sync()
    world.fourhse.hand_delete("incident", link.fourhse_id)
    world.sync()
    world.clock.advance(LONG.total_seconds())
    counts = purge(world)
    assert (counts["raw_records"], counts["tombstones"]) == (0, 0)
    world.answer(only(world, "deletion").id, "reject", restore=True)
    world.sync()
    assert [row["deponent"] for row in world.office().values()].count("Hall 3") == 1


def is_line(row):
    """Whether this row of the mapping puts a field of 4HSE on a line in Procore."""
    return row.key.startswith("line_")


def test_what_was_kept_alone_is_brought_back_without_what_only_the_purged_image_held(build, store_url):
    of_its_own = replace(default_mapping(), fields=tuple(row for row in default_mapping().fields if not is_line(row)))
    world = linked(build, store_url, deletions=Policy.IGNORE, mapping=of_its_own)
    link = world.links()[0]
    world.fourhse.hand_edit("incident", link.fourhse_id, deponent="Hall 3")
    world.sync()
    world.fourhse.hand_delete("incident", link.fourhse_id)
    world.sync()
    assert world.links()[0].state is LinkState.IGNORED
    world.clock.advance(LONG.total_seconds())
    population = world.sync().population
    counts = purge(world)
    assert (counts["raw_records"], counts["tombstones"]) == (1, 1)
    assert "Hall 3" not in memory(world, "raw_record", "tombstone")
    assert "it has gone from the list" in memory(world, "tombstone"), "the evidence stays"
    report = world.sync()
    assert (is_nothing(report), report.population) == (True, population)
    assert world.links()[0].state is LinkState.IGNORED


def test_a_missing_record_is_asked_about_for_as_long_as_it_is_missing(build, store_url):
    world = linked(build, store_url)
    world.procore.service_account_is_admin = False
    world.procore.hand_delete("incident", int(world.links()[0].procore_id))
    world.sync()
    before = [entry.item for entry in world.inbox()]
    assert [item.kind for item in before] == ["missing"]
    world.clock.advance(LONG.total_seconds())
    assert purge(world)["raw_records"] == 0
    assert is_nothing(world.sync())
    assert [entry.item for entry in world.inbox()] == before


def test_age_counts_from_when_a_record_was_first_not_shown(build, store_url):
    world = build(store_url, since=date(2026, 3, 1))
    old = world.on_site("Long ago", date(2020, 1, 1), description="A secret word.")
    world.sync(first=True)
    world.clock.advance(LONG.total_seconds())
    world.procore.hand_delete("incident", int(old))
    world.sync()
    gone_at = world.clock.now
    world.clock.advance(days=20)
    world.sync()
    week = Ages(raw=timedelta(weeks=10)).ends
    assert purge_old(world.runtime, week, all_routes(world.runtime)).counts["raw_records"] == 0
    done = purge_old(world.runtime, lambda now: Cutoffs(raw=gone_at), all_routes(world.runtime))
    assert done.counts["raw_records"] == 1
    assert "A secret word." not in memory(world)


def test_each_age_is_its_own(build, store_url):
    world = linked(build, store_url, deletions=Policy.PROPAGATE)
    world.fourhse.hand_delete("incident", world.links()[0].fourhse_id)
    for _ in range(3):
        world.sync()
    world.clock.advance(LONG.total_seconds())
    short = timedelta(days=30)

    def counts(**ages: timedelta) -> dict[str, int]:
        done = purge_old(world.runtime, Ages(**ages).ends, all_routes(world.runtime), dry=True)
        return {name: count for name, count in done.counts.items() if count}

    assert counts() == {}
    assert counts(raw=LONG * 2, journal=LONG * 2, tombstones=LONG * 2) == {}
    assert counts(raw=short).keys() == {"raw_records"}
    assert counts(journal=short).keys() == {"journal"}
    assert counts(tombstones=short).keys() == {"tombstones"}


def test_a_route_in_a_cycle_is_left_for_later(build, store_url):
    world = linked(build, store_url)
    other = Holder("elsewhere", "boot", 1, "1")
    with world.store.begin() as unit:
        token = unit.leases.take(world.route.key, other, ttl=timedelta(hours=1), grace=timedelta(0))
    world.clock.advance(minutes=1)
    held = purge_old(world.runtime, Cutoffs.at, all_routes(world.runtime))
    assert (sum(held.counts.values()), list(held.busy.values())) == (0, ["riverside"])
    held = forget_person(world.runtime, "1", {world.route.key: None}, salt=str)
    assert list(held.busy.values()) == ["riverside"]
    with world.store.begin() as unit:
        unit.leases.release(world.route.key, token)
    assert purge(world)["journal"] == 3
    assert world.sync().outcome == "ok", "the route is free again"


def daemon(world: World, stop: threading.Event, timer: Callable[[], float], **ages: timedelta) -> Daemon:
    runtime = replace(world.runtime, stopping=stop.is_set, timer=timer, every=timedelta(milliseconds=5))
    return Daemon(runtime, [world.route], stop=stop, ages=Ages(**ages))


def test_the_daemon_purges_after_a_cycle_what_became_too_old(build, tmp_path):
    world = linked(build, f"sqlite:///{tmp_path}/sync.db")
    world.clock.advance(LONG.total_seconds())
    running = daemon(world, threading.Event(), time.monotonic, journal=timedelta(days=30))
    cycles = itertools.count(1)

    def end_in_the_second(request: Any) -> None:
        if request.path.endswith(f"/projects/{PROJECT}") and next(cycles) == 2:
            running.news.put(signal.SIGTERM)

    world.faults.on_request.append(end_in_the_second)
    assert running.run() == 0
    assert "A secret word." not in memory(world, "journal")
    assert "A secret word." in memory(world, "raw_record")


def test_the_daemon_purges_once_a_day_and_routes_that_nobody_runs_too(build, store_url):
    world, now = linked(build, store_url), 0.0
    gone = f"{PROJECT}/a-former-office"
    with world.store.begin() as unit:
        unit.routes.save(gone, "former")
        unit.inbox(gone).add(Item(ItemKind.WORD, "word:1", "A former word.", "", ""))
        unit.inbox(gone).close("word:1")
    running = daemon(world, threading.Event(), lambda: now, journal=timedelta(days=30))
    world.clock.advance(LONG.total_seconds())
    running._purge(world.route)
    assert "A secret word." in memory(world, "journal"), "no vendor has said that so much time has passed"
    world.sync()
    running.purged.clear()
    running._purge(world.route)
    assert "A secret word." not in memory(world, "journal")
    assert "A former word." not in memory(world, "inbox")
    world.on_site("A later one", description="A later word.")
    world.sync()
    world.clock.advance(LONG.total_seconds())
    world.sync()
    for now, is_kept in ((86399.0, True), (86400.0, False)):  # noqa: B007
        running._purge(world.route)
        assert ("A later word." in memory(world, "journal")) is is_kept


def test_a_daemon_without_ages_purges_nothing(build, store_url):
    world = linked(build, store_url)
    world.clock.advance(LONG.total_seconds())
    daemon(world, threading.Event(), lambda: 0.0)._purge(world.route)
    assert "A secret word." in memory(world, "journal")


def test_a_file_that_is_written_anew_holds_nothing_that_was_removed_from_it(tmp_path):
    file = tmp_path / "sync.db"
    store = Store(f"sqlite:///{file}")
    store.upgrade()
    with sqlite3.connect(file) as careless:
        careless.execute("PRAGMA secure_delete = OFF")
        careless.execute("INSERT INTO apart VALUES ('route', ?, '')", ["A secret word. " * 5000])
        careless.commit()
        careless.execute("DELETE FROM apart")
    careless.close()
    assert b"A secret word." in file.read_bytes() + file.with_name("sync.db-wal").read_bytes()
    with sqlite3.connect(file) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM apart").fetchall()
        assert not store.rewrite(patience=timedelta(0)), "somebody still reads what was there before"
        reader.rollback()
    reader.close()
    assert store.rewrite()
    assert b"A secret word." not in b"".join(path.read_bytes() for path in tmp_path.glob("sync.db*"))
    store.close()


# Old cycles --------------------------------------------------------------------------------------------------------


def remember_cycles(world: World, many: int, **told: Any) -> None:
    """Cycles of long ago, the last of which was a success unless told."""
    long_ago = world.clock() - LONG
    row = {"route": world.route.key, "began_at": long_ago, "ended_at": long_ago, "outcome": "ok", "report": {}, **told}
    with world.store.begin() as unit:
        unit.connection.execute(insert(CYCLES), [row] * many)


def cycles(world: World) -> list[int]:
    with world.store.read() as unit:
        return list(unit.connection.execute(select(CYCLES.c.id).order_by(CYCLES.c.id)).scalars())


def test_what_old_cycles_did_goes_by_itself_a_few_at_a_time(build, store_url):
    world = build(store_url)
    remember_cycles(world, 250)
    left = []
    for _ in range(4):
        assert world.sync().outcome == "ok"
        left.append(len(cycles(world)))
    assert left == [151, 52, 3, 4]
    world.runtime = replace(world.runtime, keep_cycles=None)
    world.clock.advance(LONG.total_seconds())
    world.sync()
    assert len(cycles(world)) == 5


def test_the_last_success_stays_however_old_it_is(build, store_url):
    world = build(store_url)
    remember_cycles(world, 2)
    remember_cycles(world, 2, outcome="failed")
    world.faults.add(FaultKind.ERROR_BEFORE, path=INCIDENTS, status=500, times=None)
    assert world.sync().outcome == "failed"
    assert cycles(world) == [2, 5]


def test_a_clock_that_runs_ahead_removes_no_cycle(build, store_url):
    world = build(store_url)
    world.sync()
    world.store._clock = lambda: world.clock() + LONG
    for _ in range(3):
        world.sync()
    assert len(cycles(world)) == 4


def test_cycles_that_cannot_be_removed_cost_no_report(build, store_url, monkeypatch):
    def fail(*_: object) -> None:
        raise StoreBusy("Another process keeps the store locked; it is tried again.")

    world = build(store_url)
    remember_cycles(world, 3)
    monkeypatch.setattr(Cycles, "drop", fail)
    assert world.sync().outcome == "ok"
    assert len(cycles(world)) == 4
    with world.store.read() as unit:
        assert unit.cycles.last(world.route.key).outcome == "ok"


# One person --------------------------------------------------------------------------------------------------------


def with_people(build: Callable[..., World], store_url: str, **route: Any) -> tuple[World, int, str]:
    """Ann Lee was hurt twice, Bob Ray once; both cross. A second Ann Lee has no partner and waits."""
    world = build(store_url, **route)
    party, assignment = hire(world, "Ann Lee", "E1")
    other, _ = hire(world, "Bob Ray", "E2")
    first, second = world.on_site("Fall"), world.on_site("Slip")
    hurt_on_site(world, first, party, days=3)
    hurt_on_site(world, first, other, days=4)
    world.sync(first=True)
    world.fourhse.hand_edit("incident", partner(world, second), category="ACCIDENTS")
    hurt_in_office(world, partner(world, second), assignment, days=5)
    world.sync()
    record = next(one for one in world.office()[partner(world, first)]["persons"] if one["days"] == 3)
    world.fourhse.hand_edit("incident-person", record["office_incident_person_id"], days=6)
    world.sync()
    assert crew.in_office(world) == sorted([(assignment, 6), (_of(world, other), 4), (assignment, 5)], key=str)
    return world, party, assignment


def _of(world: World, party: int) -> str:
    """The 4HSE assignment that Bob's record names."""
    return next(str(one["person_office_id"]) for row in world.office().values() for one in row["persons"]
                if one["days"] == 4)  # fmt: skip


def child_of(world: World, party: int, days: int) -> int:
    rows = [one for row in world.site().values() for kind in ("injuries", "near_misses") for one in row[kind]]
    return next(one["id"] for one in rows if one["affected_party"]["id"] == party and one["work_days_absent"] == days)


ANN = ("Ann", "Lee")


@pytest.mark.parametrize("side", list(Side))
def test_one_person_is_forgotten_by_either_id_and_nothing_is_written_because_of_it(build, store_url, side):
    world, party, assignment = with_people(build, store_url)
    who = party if side is Side.PROCORE else assignment.upper()
    links = [link.key for link in world.links()]
    would = forget(world, who, dry=True)
    assert all(name in memory(world) for name in ANN)
    assert forget(world, who) == would
    assert would == {
        "directory": 2, "raw_records": 4, "bases": 2, "journal": 3, "inbox": 0, "tombstones": 0, "refusals": 0,
        "partners": 0, "decisions": 0, "signed": 0, "unsettled": 0,
    }  # fmt: skip
    left = memory(world)
    assert not [word for word in (*ANN, str(party), assignment) if f"'{word}" in left or f'"{word}' in left]
    assert all(name in left for name in ("Bob", "Ray"))
    assert set(forget(world, who).values()) == {0}
    for full in (False, True):
        report = world.sync(full=full)
        assert (report.outcome, is_nothing(report)) == ("ok", True)
    assert ([link.key for link in world.links()], world.inbox()) == (links, [])
    assert "Ann" in memory(world, "raw_record"), "what still stands comes back"
    assert "Ann" not in memory(world, "journal")


def test_what_was_taken_back_and_its_note_go_with_the_person(build, store_url):
    """Of their own record, and of an incident's field where the note alone names them."""
    world, party, _ = with_people(build, store_url)
    world.procore.hand_edit("incident", int(next(iter(world.site()))), title="Slip")
    world.sync()
    for field in ("Title", "Days of absence"):
        writes = of_routes(world.store, [world.route])
        wanted = next(write.id for write in writes if write.field == field)
        undo.keep(world.store, world.runtime.holder, undo.prepare(world.store, (world.route,), wanted, "Not Ann Lee"))
    for _ in range(3):
        assert world.sync().outcome == "ok"
    assert "Not Ann Lee" in memory(world, "inbox")
    forget(world, party)
    assert "Ann" not in memory(world, "inbox")
    told = [write.old for write in of_routes(world.store, [world.route]) if write.kind is Kind.INJURY]
    assert told.count(REMOVED) == 5, "all that is Ann's"


@pytest.mark.parametrize("days", [9, None])
@pytest.mark.parametrize("side", list(Side))
def test_an_edit_that_no_cycle_saw_before_the_removal_still_crosses(build, store_url, side, days):
    world, party, assignment = with_people(build, store_url)
    injury = child_of(world, party, 6)
    link = next(one for one in world.links() if one.key == f"injury-{injury}")
    if side is Side.PROCORE:
        world.procore.hand_edit("injury", injury, work_days_absent=days)
    else:
        world.fourhse.hand_edit("incident-person", link.fourhse_id, days=days)
    forget(world, party)
    assert wrote(world.sync()) == {"created": 0, "updated": 1, "deleted": 0}
    assert (assignment, days or 0) in [(who, many or 0) for who, many in crew.in_office(world)]
    assert days in [many if days else many or None for _, who, many in crew.on_site(world) if who == party]
    assert crew.is_quiet(world)


def test_removed_in_both_systems_first_the_person_is_gone_for_good(build, store_url):
    world, party, _ = with_people(build, store_url)
    for link in world.links():
        if link.kind is not Kind.INCIDENT and str(party) in str(link.base):
            world.procore.hand_delete(str(link.kind), int(link.procore_id))
            world.fourhse.hand_delete("incident-person", link.fourhse_id)
    forget(world, party)
    assert is_nothing(world.sync())
    left = memory(world, "raw_record", "link", "journal", "inbox", "tombstone")
    assert not [word for word in ANN if word in left]
    assert world.inbox() == []
    assert crew.is_quiet(world)


def test_a_partner_that_a_person_named_is_forgotten_and_nothing_is_written(build, store_url):
    world = build(store_url)
    party, assignment = hire_on_site(world, "Ann Lee"), hire_in_office(world, "Hannah Leigh")
    hurt_on_site(world, world.on_site(), party, days=3)
    world.sync(first=True)
    entry = only(world, "match")
    assert "Ann Lee" in memory(world, "inbox")
    world.answer(entry.id, "approve", with_id=assignment)
    world.sync()
    assert crew.in_office(world) == [(assignment, 3)]
    counts = forget(world, assignment)
    assert (counts["partners"], counts["inbox"], counts["bases"]) == (1, 1, 1)
    assert assignment not in memory(world, "route")
    assert not [word for word in (*ANN, "Hannah") if word in memory(world)]
    for _ in range(2):
        report = world.sync()
        assert (report.outcome, is_nothing(report), world.inbox()) == ("ok", True, [])


def test_that_somebody_is_never_copied_stays_said(build, store_url):
    world = build(store_url)
    party = hire_on_site(world, "Ann Lee")
    hurt_on_site(world, world.on_site(), party, days=3)
    world.sync(first=True)
    world.answer(only(world, "match").id, "reject")
    assert is_nothing(world.sync())
    assert forget(world, party)["inbox"] == 1
    assert "Ann Lee" not in memory(world)
    assert is_nothing(world.sync())
    assert world.inbox() == []


def test_a_write_without_an_answer_keeps_its_values_until_it_is_settled(build, store_url):
    world, party, _ = with_people(build, store_url)
    world.procore.hand_edit("injury", child_of(world, party, 6), work_days_absent=77)
    world.faults.add(FaultKind.LOST_ANSWER, path="/incident-person/update")
    world.sync()
    counts = forget(world, party)
    assert (counts["unsettled"], counts["journal"]) == (1, 3)
    for _ in range(3):
        world.sync()
    assert 77 in [days for _, days in crew.in_office(world)]
    assert crew.is_quiet(world)
    assert forget(world, party)["unsettled"] == 0


def test_a_refusal_loses_its_words_and_is_not_sent_again_because_of_it(build, store_url):
    world, party, _ = with_people(build, store_url)
    world.faults.add(FaultKind.FORBIDDEN, path="/incident-person/update", times=None, status=422)
    world.procore.hand_edit("injury", child_of(world, party, 6), work_days_absent=8)
    world.sync()
    assert [entry.item.kind for entry in world.inbox()] == ["refused"]
    counts = forget(world, party)
    assert (counts["refusals"], counts["inbox"]) == (1, 1)
    with world.store.read() as unit:
        assert [refusal.words for refusal in unit.journal(world.route.key).refusals().values()] == [""]
    before = world.fourhse.calls["incident-person/update"]
    world.sync()
    assert world.fourhse.calls["incident-person/update"] == before
    assert [entry.item.kind for entry in world.inbox()] == ["refused"]


def test_a_deleted_record_s_last_image_goes_with_the_person(build, store_url):
    world, party, _ = with_people(build, store_url)
    world.procore.hand_delete("injury", child_of(world, party, 6))
    world.sync()
    entry = only(world, "deletion")
    counts = forget(world, party)
    assert (counts["tombstones"], counts["inbox"]) == (1, 1)
    assert not [word for word in ANN if word in memory(world, "tombstone", "inbox")]
    assert is_nothing(world.sync())
    assert [each.item.key for each in world.inbox()] == [entry.item.key], "it is asked about again"
    world.answer(world.inbox()[0].id, "approve")
    assert wrote(world.sync())["deleted"] == 1


def test_images_that_a_guard_kept_go_once_it_is_over(build, store_url):
    world, _, assignment = with_people(build, store_url)
    shown = {"person_office_id": assignment, "days": 3}
    guard = Item(ItemKind.GUARD, "guard:replaced", "", "It was emptied.", "", facts={"before": shown, "after": {}})
    with world.store.begin() as unit:
        unit.inbox(world.route.key).add(guard)
    assert forget(world, assignment)["inbox"] == 0
    assert assignment in memory(world, "inbox")
    with world.store.begin() as unit:
        unit.inbox(world.route.key).close(guard.key)
    assert forget(world, assignment)["inbox"] == 1
    assert assignment not in memory(world, "inbox")


def test_nobody_with_this_id_is_nothing_to_do(build, store_url):
    world, _, _ = with_people(build, store_url)
    before = memory(world, "raw_record", "link", "journal", "inbox", "tombstone", "route")
    assert set(forget(world, "4711").values()) == {0}
    assert memory(world, "raw_record", "link", "journal", "inbox", "tombstone", "route") == before


def test_a_question_who_somebody_is_goes_too_when_no_list_names_them_any_more(build, store_url):
    world = build(store_url)
    world.sync()
    asked = items.doubt(
        Record(Side.PROCORE, "77", {}, kind=Kind.DIRECTORY), (), "Nobody is known to be this one.", "", {}
    )
    with world.store.begin() as unit:
        unit.inbox(world.route.key).add(asked)
    assert forget(world, "77")["inbox"] == 1
    assert "this one" not in memory(world, "inbox")


# Decisions and who made them ---------------------------------------------------------------------------------------

CARL = Decider("carl@builder.example", "web")


def decided(world: World) -> KeptDecision:
    with world.store.read() as unit:
        (one,) = unit.decisions(world.route.key).all()
    return one


def named(build, store_url) -> tuple[World, int, str]:
    """Carl named a partner for Ann, with a note that names her; no cycle has learnt it yet."""
    world = build(store_url)
    hire_on_site(world, "Carl Otto", email="Carl@Builder.example")
    party, assignment = hire_on_site(world, "Ann Lee"), hire_in_office(world, "Bo Diaz")
    hurt_on_site(world, world.on_site(), party, days=3)
    world.sync()
    answer, note = Answer("approve", with_id=assignment), "Ann Lee married: she is Bo Diaz now."
    decisions.keep(world.store, (world.route,), only(world, "match").id, answer, CARL, note=note)
    return world, party, assignment


def test_note_and_names_of_a_decision_go_with_the_age_of_the_journal_and_that_it_was_made_stays(build, store_url):
    world, _, _ = named(build, store_url)
    world.clock.advance(days=40)
    assert purge(world)["decisions"] == 0, "nobody has carried it out yet"
    world.sync()
    assert decided(world).outcome is Outcome.CARRIED_OUT
    world.clock.advance(minutes=1)
    before = decided(world)
    assert (purge(world, dry=True)["decisions"], purge(world)["decisions"], purge(world)["decisions"]) == (1, 1, 0)
    one = decided(world)
    assert (one.note, one.who, one.choice["with_id"]) == ("", "", None)
    assert (one.made_at, one.outcome, one.choice["verb"]) == (before.made_at, Outcome.CARRIED_OUT, "approve")
    assert CARL.who not in memory(world)


@pytest.mark.parametrize("carried_out", [True, False])
def test_the_notes_about_a_person_go_with_them_and_who_decided_stays(build, store_url, carried_out):
    world, party, assignment = named(build, store_url)
    if carried_out:
        world.sync()
    assert "married" in memory(world)
    assert forget(world, party)["decisions"] == 1
    left = memory(world)
    # Before a cycle has learnt it, the other one is somebody else as far as anybody knows.
    assert not [word for word in ("married", "Ann", *(["Diaz", assignment] if carried_out else [])) if word in left]
    one = decided(world)
    assert (one.who, one.channel) == (CARL.who, "web")
    assert (one.outcome, one.words != "") == ((Outcome.CARRIED_OUT, False) if carried_out else (Outcome.VOID, True))
    assert set(forget(world, party).values()) == {0}


def test_who_decided_or_opened_health_data_is_forgotten_by_name_and_by_address(build, store_url):
    world, _, _ = named(build, store_url)
    with world.store.read() as unit:
        people = [one.record for one, _ in unit.staging(world.route.key).records(Side.PROCORE, [Kind.DIRECTORY])]
    carl = next(person.id for person in people if person.payload["last_name"] == "Otto")
    with world.store.begin() as unit:
        for who in (CARL.who, "Carl Otto", "Dora"):
            unit.desk.log_view(world.route.key, who, "incident", "4711")
    assert forget(world, carl, dry=True)["signed"] == 3
    forget(world, carl)
    assert "carl" not in memory(world).casefold()
    assert (decided(world).who, decided(world).note != "") == ("", True)
    with world.store.read() as unit:
        assert [view.who for view in unit.desk.views(world.route.key)] == ["", "", "Dora"]
