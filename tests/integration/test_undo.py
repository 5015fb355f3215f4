"""A write that a person takes back: the old value on both sides, whatever happens between the two writes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from actors import hire, hurt_on_site
from procore_4hse.engine.lease import GRACE, LEASE
from procore_4hse.errors import SyncError, UsageError
from procore_4hse.models import Side
from procore_4hse.operations import decisions, history, undo
from procore_4hse.operations.history import Write
from procore_4hse.reconcile.undo import TAKEN_BACK
from procore_4hse.simulator.faults import FaultKind
from procore_4hse.store.decisions import Decider
from procore_4hse.store.leases import Holder
from world import World

pytestmark = pytest.mark.one_test_on_postgresql_in(8)

Build = Callable[..., World]


def retitled(world: World, title: str = "Slip", marks: tuple[str, ...] = ("Fall",)) -> list[tuple[str, str]]:
    """Pairs whose titles were edited in Procore and carried over to 4HSE."""
    sites = [world.on_site(mark, hour=place) for place, mark in enumerate(marks)]
    world.sync(first=True)
    for place, site in enumerate(sites):
        world.procore.hand_edit("incident", int(site), title=f"{title} {place}")
    world.sync()
    offices = {link.procore_id: link.fourhse_id for link in world.links()}
    return [(site, offices[site]) for site in sites]


def writes(world: World) -> list[Write]:
    return list(history.of_routes(world.store, (world.route,)))


def of_field(world: World, label: str = "Title") -> Write:
    """The latest write of this field."""
    return next(write for write in writes(world) if write.field == label)


def take_back(world: World, write: Write) -> int:
    return undo.keep(
        world.store, Holder.this_process(), undo.prepare(world.store, (world.route,), write.id, "wrong one")
    )


def refusal(world: World, write_id: str) -> str:
    with pytest.raises(UsageError) as raised:
        undo.prepare(world.store, (world.route,), write_id)
    return str(raised.value)


def shown(world: World, pair: tuple[str, str]) -> tuple[Any, Any]:
    return world.site()[pair[0]]["title"], world.office()[pair[1]]["name"]


def test_the_old_value_comes_back_on_both_sides(build: Build) -> None:
    world = build()
    [pair] = retitled(world)
    write = of_field(world)
    number = take_back(world, write)
    assert world.inbox() == []
    assert world.sync().outcome == "ok"
    assert shown(world, pair) == ("Slip 0", "Fall"), "the side that was written comes first"
    assert world.sync().outcome == "ok"
    assert shown(world, pair) == ("Fall", "Fall")
    last, first, *_ = writes(world)
    assert [(one.side, one.field, one.old, one.new) for one in (last, first)] == [
        (Side.PROCORE, "Title", "Slip 0", "Fall"),
        (Side.FOURHSE, "Title", "Slip 0", "Fall"),
    ]
    for one in (last, first):
        assert one.reason == f"Title: {TAKEN_BACK}"
        assert one.by == f"a person's answer (question {number})"
    again = next(one for one in writes(world) if one.id == write.id)
    assert again.undone_by == first.id.partition(":")[0]
    quiet = world.sync()
    assert (quiet.outcome, len(writes(world)), world.inbox()) == ("ok", len([last, first, write, 1]), [])
    assert "was taken back already" in refusal(world, write.id)


def test_taking_back_can_be_taken_back_too(build: Build) -> None:
    world = build()
    [pair] = retitled(world)
    take_back(world, of_field(world))
    world.sync()
    world.sync()
    take_back(world, of_field(world))
    world.sync()
    world.sync()
    assert shown(world, pair) == ("Slip 0", "Slip 0")


def test_three_that_are_taken_back_at_once_are_no_restored_backup(build: Build) -> None:
    world = build()
    pairs = retitled(world, marks=("Fall", "Cut", "Burn", "Bump"))
    titles = [write for write in writes(world) if write.field == "Title"]
    for write in titles:
        take_back(world, write)
    for _ in range(3):
        assert world.sync().outcome == "ok"
    assert [shown(world, pair) for pair in pairs] == [("Fall",) * 2, ("Cut",) * 2, ("Burn",) * 2, ("Bump",) * 2]
    assert world.inbox() == []


def test_a_person_s_days_come_back(build: Build) -> None:
    world = build()
    site = world.on_site()
    party, _ = hire(world)
    injury = hurt_on_site(world, site, party, days=3)
    world.sync(first=True)
    world.procore.hand_edit("injury", injury, work_days_absent=30)
    world.sync()
    take_back(world, of_field(world, "Days of absence"))
    world.sync()
    world.sync()
    (row,) = world.office().values()
    assert [one["days"] for one in row["persons"]] == [3]
    assert world.site()[site]["injuries"][0]["work_days_absent"] == 3


@pytest.mark.any_store
def test_a_day_and_a_status_come_back(build: Build) -> None:
    world = build()
    site = world.on_site(day=date(2026, 2, 10), hour=14)
    world.sync(first=True)
    office = world.links()[0].fourhse_id
    before = world.site()[site]["event_date"]
    world.fourhse.hand_edit("incident", office, date_incident="2026-02-11")
    world.sync()
    take_back(world, of_field(world, "Day"))
    world.sync()
    world.sync()
    assert (world.site()[site]["event_date"], world.office()[office]["date_incident"]) == (before, "2026-02-10")
    world.procore.hand_edit("incident", int(site), status="closed")
    world.sync()
    assert world.office()[office]["status"] == "closed"
    take_back(world, of_field(world, "Status"))
    world.sync()
    world.sync()
    assert (world.site()[site]["status"], world.office()[office]["status"]) == ("open", "open")


@pytest.mark.any_store
@pytest.mark.parametrize("lost", ["PUT", "PATCH"])
def test_a_lost_answer_on_either_side_changes_nothing(build: Build, lost: str) -> None:
    world = build()
    [pair] = retitled(world)
    take_back(world, of_field(world))
    world.faults.add(FaultKind.LOST_ANSWER, method=lost)
    for _ in range(4):
        world.sync()
    assert shown(world, pair) == ("Fall", "Fall")
    assert world.inbox() == []
    assert world.sync().outcome == "ok"


@pytest.mark.any_store
def test_what_moved_since_is_told_and_nothing_is_put_back(build: Build) -> None:
    world = build()
    [(site, office)] = retitled(world)
    write = of_field(world)
    world.fourhse.hand_edit("incident", office, name="Trip")
    world.sync()
    said = refusal(world, write.id)
    assert "Title no longer shows in 4HSE what this write left there" in said
    assert "Trip" not in said
    assert shown(world, (site, office)) == ("Trip", "Trip")


@pytest.mark.any_store
def test_a_side_that_moves_after_it_was_taken_back_is_asked_about(build: Build) -> None:
    world = build()
    [(site, office)] = retitled(world)
    take_back(world, of_field(world))
    world.procore.hand_edit("incident", int(site), title="Trip")
    world.sync()
    (asked,) = world.inbox()
    assert "one side changed after a person took it back" in asked.item.reason
    assert shown(world, (site, office)) == ("Trip", "Slip 0")
    world.answer(asked.id, "resolve", use="procore")
    world.sync()
    assert shown(world, (site, office)) == ("Trip", "Trip")


@pytest.mark.any_store
def test_between_the_two_writes_an_edit_is_asked_about(build: Build) -> None:
    world = build()
    [pair] = retitled(world)
    take_back(world, of_field(world))
    world.sync()
    world.procore.hand_edit("incident", int(pair[0]), title="Trip")
    world.sync()
    assert shown(world, pair) == ("Trip", "Fall")
    assert [entry.item.kind.value for entry in world.inbox()] == ["conflict"]


@pytest.mark.any_store
def test_until_a_cycle_has_begun_it_can_be_left_as_it_is(build: Build) -> None:
    world = build()
    [pair] = retitled(world)
    number = take_back(world, of_field(world))
    assert "is being taken back already" in refusal(world, of_field(world).id)
    decisions.take_back(world.store, (world.route,), number, Decider("jo", "cli"))
    assert world.inbox() == []
    world.sync()
    assert shown(world, pair) == ("Slip 0", "Slip 0")
    assert world.inbox() == []


@pytest.mark.any_store
def test_a_side_that_may_not_be_written_keeps_its_value_for_good(build: Build) -> None:
    world = build()
    site = world.on_site()
    world.sync(first=True)
    office = world.links()[0].fourhse_id
    party, _ = hire(world)
    hurt_on_site(world, site, party)
    world.sync()
    assert world.office()[office]["category"] == "ACCIDENTS"
    write = of_field(world, "Category")
    assert undo.prepare(world.store, (world.route,), write.id).stays is Side.PROCORE
    take_back(world, write)
    for _ in range(3):
        world.sync()
        assert world.office()[office]["category"] == "ACCIDENTS_AND_MISSED_INJURIES"
    assert [write.field for write in writes(world)].count("Category") == 2


@pytest.mark.any_store
def test_no_cycle_runs_while_it_is_kept(build: Build) -> None:
    world = build()
    retitled(world)
    with world.store.begin() as unit:
        unit.leases.take(world.route.key, Holder("elsewhere", "", 1, ""), ttl=LEASE, grace=GRACE)
    with pytest.raises(SyncError, match="A cycle of route riverside is running"):
        take_back(world, of_field(world))


@pytest.mark.any_store
def test_what_cannot_be_taken_back_says_what_can_be_done(build: Build) -> None:
    world = build()
    [(site, _)] = retitled(world)
    write, made = writes(world)
    assert f"links remove {site}" in refusal(world, made.id)
    assert "No write 00000000 is known" in refusal(world, "00000000")
    assert "did not change that field" in refusal(world, f"{write.id.partition(':')[0]}:status")
    assert undo.prepare(world.store, (world.route,), write.id[:8]).write == write
    world.procore.hand_delete("incident", int(site))
    world.sync()
    assert "one was deleted" in refusal(world, write.id)
    world.answer(world.inbox()[0].id, "approve")
    world.sync()
    assert "keeps no bin" in refusal(world, writes(world)[0].id)
