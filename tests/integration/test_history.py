"""What was written, as people read it: old and new value of each field, why, and whose decision it was."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from itertools import islice

import pytest

from actors import hire, hurt_on_site
from procore_4hse.models import Act, Side
from procore_4hse.operations import history
from procore_4hse.operations.history import Write
from procore_4hse.operations.retention import Cutoffs, purge_old
from world import World

pytestmark = pytest.mark.one_test_on_postgresql_in(8)

Build = Callable[..., World]


def linked(world: World, title: str = "Fall", **fields: object) -> tuple[str, str]:
    """An incident made in Procore and carried over: both ids."""
    site = world.on_site(title, **fields)
    world.sync(first=True)
    return site, next(link.fourhse_id for link in world.links() if link.procore_id == site)


def written(world: World, record: str | None = None, since: date | None = None) -> list[Write]:
    if record is not None:
        return history.of_incident(world.store, (world.route,), record, since)
    return list(history.of_routes(world.store, (world.route,), since))


def told(writes: list[Write]) -> list[tuple[Act, Side, str, str, str]]:
    return [(one.act, one.side, one.field, one.old, one.new) for one in writes]


def test_each_field_of_a_write_is_a_row_with_its_old_and_its_new_value(build: Build) -> None:
    world = build()
    site, office = linked(world)
    world.procore.hand_edit("incident", int(site), title="Slip", description="A worker slipped.")
    world.sync()
    title, description, made = written(world, site)
    assert told([title, description]) == [
        (Act.UPDATE, Side.FOURHSE, "Title", "Fall", "Slip"),
        (Act.UPDATE, Side.FOURHSE, "Description", "What happened: Fall (1).", "A worker slipped."),
    ]
    assert (title.title, title.record, title.by) == ("Slip", office, history.RULES)
    assert "Title: changed in Procore" in title.reason
    assert title.id.partition(":")[2] == "title"
    assert (made.act, made.field, made.old) == (Act.CREATE, "", "")
    assert "Title: Fall" in made.new
    assert "Day: 2026-02-10" in made.new
    assert written(world, office) == written(world, site) == written(world)


def test_a_person_s_answer_is_told_with_its_question(build: Build) -> None:
    world = build()
    site, office = linked(world)
    world.procore.hand_edit("incident", int(site), title="Slip", description="A worker slipped.")
    world.fourhse.hand_edit("incident", office, name="Trip")
    world.sync()
    (asked,) = world.inbox()
    world.answer(asked.id, "resolve", use="fourhse")
    world.sync()
    chosen, description, _ = written(world)
    assert told([chosen]) == [(Act.UPDATE, Side.PROCORE, "Title", "Slip", "Trip")]
    assert chosen.by == f"a person's answer (question {asked.id})"
    assert description.by == history.RULES


def test_people_are_named_and_a_deletion_tells_what_was_deleted(build: Build) -> None:
    world = build()
    site, _ = linked(world)
    party, _ = hire(world)
    injury = hurt_on_site(world, site, party, days=3)
    world.sync()
    world.procore.hand_edit("injury", injury, work_days_absent=5)
    world.sync()
    days, made = [one for one in written(world, site) if one.kind.value == "injury"]
    assert made.by == history.RULES
    assert told([days]) == [(Act.UPDATE, Side.FOURHSE, "Days of absence", "3", "5")]
    assert days.title == "Fall"
    assert "Person: Ann Lee" in made.new
    world.procore.hand_delete("incident", int(site))
    world.sync()
    (asked,) = world.inbox()
    world.answer(asked.id, "approve")
    world.sync()
    gone = written(world)[0]
    assert (gone.act, gone.side, gone.new, gone.title) == (Act.DELETE, Side.FOURHSE, "", "Fall")
    assert "Title: Fall" in gone.old
    assert gone.by == f"a person's answer (question {asked.id})"


def test_incidents_that_were_linked_are_told(build: Build) -> None:
    world = build()
    site = world.on_site("Fall", description="A worker fell from a ladder.")
    office = world.in_office("Fall", description_event="A worker fell from a ladder.")
    world.sync(first=True)
    joined = written(world)[-1]
    assert (joined.act, joined.new, joined.title) == (Act.LINK, f"Procore {site} and 4HSE {office}", "Fall")
    assert joined in written(world, site)


def test_a_day_leaves_out_what_was_written_before_it(build: Build) -> None:
    world = build()
    site, _ = linked(world)
    world.clock.advance(days=3)
    world.procore.hand_edit("incident", int(site), title="Slip")
    world.sync()
    today = world.clock.now.date()
    assert [one.act for one in written(world)] == [Act.UPDATE, Act.CREATE]
    for record in (None, site):
        assert [one.act for one in written(world, record, today - timedelta(days=1))] == [Act.UPDATE]
        assert written(world, record, today + timedelta(days=1)) == []


def test_a_long_history_is_read_page_by_page_and_each_write_once(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    world = build()
    for number in range(5):
        world.on_site(f"Fall {number}", hour=number)
    world.sync(first=True)
    world.sync()
    whole = written(world)
    for page in (1, 2, 3):
        monkeypatch.setattr(history, "PAGE", page)
        assert list(islice(history.of_routes(world.store, [world.route]), 20)) == whole
    assert len({write.id for write in whole}) == 5


def test_what_retention_took_away_is_told_as_removed(build: Build) -> None:
    world = build()
    site, _ = linked(world)
    world.procore.hand_edit("incident", int(site), title="Slip")
    world.sync()
    world.clock.advance(days=3)
    purge_old(world.runtime, Cutoffs.at, [world.route.key])
    assert [(one.old, one.new) for one in written(world)] == [(history.REMOVED, history.REMOVED)] * 2
    assert "Title: changed in Procore" in written(world)[0].reason
