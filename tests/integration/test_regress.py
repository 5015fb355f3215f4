"""A system, or our own store, comes back from last night's backup: nothing doubled, lost, deleted or taken back."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import URL

import actors as crew
from actors import hire, hurt_in_office, hurt_on_site, only, partner, waiting, wrote
from oracle import differences
from procore_4hse.models import Kind, Side
from procore_4hse.reconcile.snapshot import Policy
from procore_4hse.runtime import Runtime
from world import World

pytestmark = pytest.mark.one_test_on_postgresql_in(8)

SIDES = [Side.PROCORE, Side.FOURHSE]


class Day:
    """Six linked incidents, one with a person; then a day of work on both sides that has all crossed."""

    def __init__(self, world: World, folder: Path | None = None) -> None:
        self.world = world
        self.party, self.assignment = hire(world)
        self.sites = [world.on_site(f"Site {number}", hour=9) for number in range(3)]
        self.offices = [world.in_office(f"Office {number}") for number in range(3)]
        self.injury = hurt_on_site(world, self.sites[0], self.party, days=3)
        world.sync(first=True)
        assert crew.is_quiet(world)
        self.night = (world.procore.snapshot(), world.fourhse.snapshot())
        if folder:
            keep_store(world, folder)
        world.clock.advance(hours=8)
        self.work()

    def work(self) -> None:
        """Edits, new incidents and a new person on both sides; two cycles carry them over."""
        world = self.world
        for number, site in enumerate(self.sites):
            world.procore.hand_edit("incident", int(site), title=f"Site {number} by day")
        world.sync()
        for number, office in enumerate(self.offices):
            world.fourhse.hand_edit("incident", office, name=f"Office {number} by day")
        world.sync()
        self.new_site = world.on_site("New on site")
        hurt_on_site(world, self.new_site, self.party, days=5)
        self.new_office = world.in_office("New in office", date(2026, 2, 12))
        hurt_in_office(world, self.new_office, self.assignment)
        world.procore.hand_edit("injury", self.injury, work_days_absent=12)
        world.sync()
        assert crew.is_quiet(world)
        self.after = self.shown()

    def restore(self, side: Side) -> None:
        if side is Side.PROCORE:
            self.world.procore.restore_snapshot(self.night[0])
        else:
            self.world.fourhse.restore_snapshot(self.night[1])

    def shown(self) -> tuple[Any, ...]:
        """What both registers say, ids aside."""
        site = sorted((row["title"], row["description"]) for row in self.world.site().values())
        office = sorted((row["name"], row["description_event"]) for row in self.world.office().values())
        return site, office, crew.on_site(self.world), crew.in_office(self.world)

    def calm(self) -> Any:
        """Three further cycles; the last one has nothing to do."""
        for _ in range(3):
            report = self.world.sync()
        assert (report.outcome, wrote(report)) == ("ok", crew.NOTHING)
        return report


def keep_store(world: World, folder: Path) -> None:
    """Last night's copy of the store, made while nothing ran."""
    world.store.close()
    url = world.store.url
    if url.get_backend_name() == "postgresql":
        copy_database(url, str(url.database), f"night_{url.database}")
    else:
        shutil.copy(str(url.database), folder / "night.db")


def restore_store(world: World, folder: Path) -> None:
    world.store.close()
    url = world.store.url
    if url.get_backend_name() == "postgresql":
        copy_database(url, f"night_{url.database}", str(url.database))
        return
    file = Path(str(url.database))
    for leftover in (Path(f"{file}-wal"), Path(f"{file}-shm")):
        leftover.unlink(missing_ok=True)
    shutil.copy(folder / "night.db", file)


def copy_database(url: URL, source: str, target: str) -> None:
    with psycopg.connect(host=url.query["host"], user=url.username, dbname="postgres", autocommit=True) as admin:
        names = {"source": sql.Identifier(source), "target": sql.Identifier(target)}
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [source])
        admin.execute(sql.SQL("DROP DATABASE IF EXISTS {target} WITH (FORCE)").format(**names))
        admin.execute(sql.SQL("CREATE DATABASE {target} TEMPLATE {source}").format(**names))


def deletes(world: World) -> list[object]:
    """Deletions that we asked either vendor for."""
    left = [write for write in world.procore.writes if write.verb == "DELETE"]
    return [*left, *(write for write in world.fourhse.writes if write.operation == "delete")]


def judged(world: World) -> list[str]:
    pairs = [
        (link.procore_id, link.fourhse_id)
        for link in world.links()
        if link.kind is Kind.INCIDENT and link.state == "live"
    ]
    return differences(world.site().values(), world.office().values(), pairs, world.zone)


# 4HSE -------------------------------------------------------------------------------------------------------------


def test_4hse_from_a_backup_is_held_and_nothing_is_written(build, store_url):
    day = Day(build(store_url))
    day.restore(Side.FOURHSE)
    for _ in range(2):
        report = day.world.sync()
        assert (report.outcome, report.exit_code, wrote(report)) == ("stopped", 7, crew.NOTHING)
    assert [entry.item.kind for entry in day.world.inbox()] == ["guard"]
    assert "backup" in only(day.world, "guard").item.reason


@pytest.mark.parametrize("policy", [Policy.ASK, Policy.PROPAGATE])
def test_with_base_4hse_gets_the_day_back(build, policy):
    day = Day(build(deletions=policy))
    day.restore(Side.FOURHSE)
    day.world.sync()
    day.world.answer(only(day.world, "guard").id, "approve", use="base")
    day.world.sync()
    day.calm()
    assert day.shown() == day.after
    assert judged(day.world) == []
    assert day.world.inbox() == []
    assert deletes(day.world) == []


def test_with_base_a_cycle_that_breaks_off_takes_nothing_back(build):
    day = Day(build())
    day.restore(Side.FOURHSE)
    day.world.sync()
    day.world.answer(only(day.world, "guard").id, "approve", use="base")
    day.world.runtime = stopping_after(day.world, writes=2)
    assert day.world.sync().outcome == "partial"
    day.world.runtime = replace(day.world.runtime, stopping=lambda: False)
    day.world.sync()
    day.calm()
    assert day.shown() == day.after


def stopping_after(world: World, writes: int) -> Runtime:
    """The same runtime, whose process is asked to stop after so many writes to 4HSE."""
    began = len(world.fourhse.writes)
    return replace(world.runtime, stopping=lambda: len(world.fourhse.writes) >= began + writes)


def test_with_accept_the_old_values_hold_and_what_is_gone_is_asked(build):
    day = Day(build())
    day.restore(Side.FOURHSE)
    day.world.sync()
    day.world.answer(only(day.world, "guard").id, "approve", use="accept")
    day.world.sync()
    day.calm()
    titles = [row["title"] for row in day.world.site().values()]
    assert sorted(titles) == [
        *sorted(["New in office", "New on site", "Office 0", "Office 1", "Office 2", "Site 0", "Site 1", "Site 2"])
    ]
    assert len(waiting(day.world, "deletion")) == 2
    assert deletes(day.world) == []
    assert waiting(day.world, "guard") == []


def test_an_edit_after_the_backup_is_nobody_s_old_value(build):
    """The backup was put back, and somebody went on working in 4HSE before our next cycle."""
    day = Day(build())
    day.restore(Side.FOURHSE)
    day.world.fourhse.hand_edit("incident", day.offices[0], description_event="Written after the backup.")
    day.world.sync()
    day.world.answer(only(day.world, "guard").id, "approve", use="base")
    day.world.sync()
    day.calm()
    row = day.world.office()[day.offices[0]]
    assert (row["name"], row["description_event"]) == ("Office 0 by day", "Written after the backup.")
    assert day.world.site()[partner(day.world, day.offices[0])]["description"] == "Written after the backup."


# Procore ----------------------------------------------------------------------------------------------------------


def test_procore_from_a_backup_is_held_even_for_one_record(build):
    world = build()
    site = world.on_site("Site", hour=9)
    world.on_site("Other")
    world.sync()
    world.procore.hand_edit("incident", int(site), title="First")
    world.sync()
    night = world.procore.snapshot()
    world.procore.hand_edit("incident", int(site), title="Second")
    world.sync()
    world.procore.restore_snapshot(night)
    report = world.sync()
    assert (report.outcome, wrote(report)) == ("stopped", crew.NOTHING)
    assert "Procore" in only(world, "guard").item.reason
    world.answer(only(world, "guard").id, "approve", use="base")
    world.sync()
    assert world.site()[site]["title"] == "Second"
    assert crew.is_quiet(world)
    assert world.inbox() == []


def test_with_accept_one_record_s_old_value_holds(build):
    world = build()
    site = world.on_site("First", hour=9)
    world.sync()
    night = world.procore.snapshot()
    world.clock.advance(hours=1)
    world.procore.hand_edit("incident", int(site), title="Second")
    world.sync()
    world.procore.restore_snapshot(night)
    world.sync()
    world.answer(only(world, "guard").id, "approve", use="accept")
    world.sync()
    assert world.office()[partner(world, site)]["name"] == "First"
    assert crew.is_quiet(world)
    assert world.inbox() == []
    world.procore.hand_edit("incident", int(site), title="Third")
    world.sync()
    assert world.office()[partner(world, site)]["name"] == "Third"


def test_with_base_procore_gets_the_day_back_and_what_is_gone_is_asked(build):
    day = Day(build())
    day.restore(Side.PROCORE)
    report = day.world.sync()
    assert (report.outcome, report.exit_code, wrote(report)) == ("stopped", 7, crew.NOTHING)
    day.world.answer(only(day.world, "guard").id, "approve", use="base")
    day.world.sync()
    day.calm()
    titles = sorted(row["title"] for row in day.world.site().values())
    assert titles == sorted([f"{name} {number} by day" for name in ("Office", "Site") for number in range(3)])
    assert crew.on_site(day.world, day.sites[0]) == [("injury", day.party, 12)]
    assert {entry.item.kind for entry in day.world.inbox()} == {"missing"}
    assert len(day.world.office()) == 8
    assert deletes(day.world) == []


def test_what_procore_s_backup_lost_can_be_brought_back_once(build):
    day = Day(build())
    day.restore(Side.PROCORE)
    day.world.sync()
    day.world.answer(only(day.world, "guard").id, "approve", use="base")
    day.world.sync()
    for entry in waiting(day.world, "missing"):
        day.world.answer(entry.id, "approve")
    day.world.sync()
    for entry in waiting(day.world, "deletion"):
        day.world.answer(entry.id, "reject", restore=True)
    day.world.sync()
    day.calm()
    assert day.world.inbox() == []
    site, office, _, people = day.shown()
    assert (site, office, people) == (day.after[0], day.after[1], day.after[3])
    assert judged(day.world) == []


def test_with_accept_procore_s_old_values_hold(build):
    day = Day(build())
    day.restore(Side.PROCORE)
    day.world.sync()
    day.world.answer(only(day.world, "guard").id, "approve", use="accept")
    day.world.sync()
    day.calm()
    names = sorted(row["name"] for row in day.world.office().values())
    assert names == sorted(
        [f"{name} {number}" for name in ("Office", "Site") for number in range(3)] + ["New in office", "New on site"]
    )
    assert crew.in_office(day.world, partner(day.world, day.sites[0])) == [(day.assignment, 3)]
    assert waiting(day.world, "guard") == []


# Not a backup -----------------------------------------------------------------------------------------------------


def test_deletions_that_a_person_approved_are_no_backup(build):
    world = build()
    sites = [world.on_site(f"Site {number}") for number in range(4)]
    world.sync()
    for site in sites[1:]:
        world.procore.hand_delete("incident", int(site))
    world.sync()
    for entry in waiting(world, "deletion"):
        world.answer(entry.id, "approve")
    world.sync()
    assert crew.is_quiet(world)
    assert world.inbox() == []


def test_values_that_people_took_back_one_by_one_are_no_backup(build):
    world = build()
    sites = [world.on_site(f"Site {number}") for number in range(4)]
    world.sync()
    for site in sites:
        world.procore.hand_edit("incident", int(site), title="Changed")
    world.sync()
    for link in world.links()[:3]:
        world.fourhse.hand_edit("incident", link.fourhse_id, name="Back")
        assert world.sync().outcome == "ok"
    assert world.inbox() == []


# Our own store ----------------------------------------------------------------------------------------------------


def test_our_own_store_from_a_backup_doubles_nothing(build, store_url, tmp_path):
    day = Day(build(store_url), tmp_path)
    restore_store(day.world, tmp_path)
    report = day.world.sync()
    assert wrote(report) == crew.NOTHING
    day.calm()
    assert day.shown() == day.after
    assert judged(day.world) == []
    assert day.world.inbox() == []


def test_our_own_store_from_a_backup_and_edits_since_are_asked_not_doubled(build, store_url, tmp_path):
    day = Day(build(store_url), tmp_path)
    copy_on_site = partner(day.world, day.new_office)
    copy_in_office = partner(day.world, day.new_site)
    restore_store(day.world, tmp_path)
    day.world.procore.hand_edit("incident", int(copy_on_site), title="Quite another title", description="And text.")
    day.world.fourhse.hand_edit("incident", copy_in_office, name="Another one", description_event="And other text.")
    for _ in range(3):
        day.world.sync()
    assert (len(day.world.site()), len(day.world.office())) == (8, 8)
    item = only(day.world, "match")
    assert item.item.procore_id == copy_on_site
    day.world.answer(item.id, "approve", with_id=day.new_office)
    for entry in waiting(day.world, "conflict"):
        day.world.answer(entry.id, "resolve", use="procore" if entry.item.procore_id == copy_on_site else "fourhse")
    for _ in range(2):
        day.world.sync()
        for entry in waiting(day.world, "conflict"):
            day.world.answer(entry.id, "resolve", use="procore")
    day.calm()
    assert (len(day.world.site()), len(day.world.office())) == (8, 8)
    assert judged(day.world) == []


def test_an_incident_made_again_after_the_night_is_known_as_ours(build, tmp_path):
    world = build()
    site = world.on_site("Site")
    world.on_site("Other")
    world.sync()
    keep_store(world, tmp_path)
    world.fourhse.hand_delete("incident", partner(world, site))
    world.sync()
    world.answer(only(world, "deletion").id, "reject", restore=True)
    world.sync()
    assert crew.is_quiet(world)
    restore_store(world, tmp_path)
    for _ in range(3):
        world.sync()
    assert len(world.site()) == 2
    assert len(world.office()) == 2


# One field that will not stay -------------------------------------------------------------------------------------


def test_a_value_that_vanishes_twice_within_a_day_is_shown_and_frozen(build):
    world = build()
    site, office = _gone_twice(world)
    report = world.sync()
    assert (report.outcome, wrote(report)) == ("ok", crew.NOTHING)
    item = only(world, "drift").item
    assert (item.field, item.procore_value, item.fourhse_value) == ("title", "Edited", "Before")
    assert crew.is_quiet(world)
    world.procore.hand_edit("incident", int(site), description="Something else crosses all the same.")
    world.sync()
    assert world.office()[office]["description_event"] == "Something else crosses all the same."
    assert world.office()[office]["name"] == "Before"


@pytest.mark.parametrize(("use", "title"), [("procore", "Edited"), ("fourhse", "Before")])
def test_a_person_s_answer_ends_it(build, use, title):
    world = build()
    site, office = _gone_twice(world)
    world.sync()
    world.answer(only(world, "drift").id, "resolve", use=use)
    world.sync()
    assert (world.site()[site]["title"], world.office()[office]["name"]) == (title, title)
    assert crew.is_quiet(world)
    assert world.inbox() == []


def test_once_is_an_edit(build):
    world = build()
    site = world.on_site("Before")
    world.sync()
    office = partner(world, site)
    _write_and_lose(world, site, office)
    world.sync()
    assert world.site()[site]["title"] == "Before"
    assert world.inbox() == []


def _gone_twice(world: World) -> tuple[str, str]:
    site = world.on_site("Before")
    world.sync()
    office = partner(world, site)
    _write_and_lose(world, site, office)
    world.sync()
    _write_and_lose(world, site, office)
    return site, office


def _write_and_lose(world: World, site: str, office: str) -> None:
    """Procore's title is edited and crosses; then 4HSE shows the old one again."""
    world.procore.hand_edit("incident", int(site), title="Edited")
    world.sync()
    assert world.office()[office]["name"] == "Edited"
    world.fourhse.hand_edit("incident", office, name="Before")
