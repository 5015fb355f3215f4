"""What the last 30 days were like, added up by each kind of database."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from actors import only, partner
from procore_4hse.models import Side
from procore_4hse.operations.month import DAYS, Day, days_of
from world import START, World

Build = Callable[..., World]
TODAY = START.date()


def days(world: World) -> dict[date, Day]:
    with world.store.read() as unit:
        return {day.day: day for day in days_of(unit, world.route, {})}


def ended(world: World, at: datetime, **report: Any) -> None:
    """A cycle that began then."""
    with world.store.begin() as unit:
        unit.cycles.now = at
        unit.cycles.end(unit.cycles.begin(world.route.key), "ok", None, report)


def both(procore: Any, fourhse: Any) -> dict[str, Any]:
    return {"procore": procore, "fourhse": fourhse}


def budget(limit: int | None, remaining: int | None) -> dict[str, Any]:
    return {"limit": limit, "remaining": remaining, "resets_at": None, "pause": None}


def test_calls_and_budgets_are_added_up_by_the_day_in_utc(build: Build) -> None:
    world = build()
    midnight = datetime(TODAY.year, TODAY.month, TODAY.day, tzinfo=UTC)
    ended(world, midnight - timedelta(seconds=1), calls=both(100, 50), budget=both(budget(3600, 3000), {}))
    ended(world, midnight, calls=both(7, 5), budget=both(budget(200, 150), budget(100, 99)))
    ended(world, midnight + timedelta(hours=1), calls=both(8, 6), budget=both(budget(200, 190), budget(100, 25)))
    ended(world, midnight + timedelta(hours=2))
    told = days(world)
    last, before = told[TODAY], told[TODAY - timedelta(days=1)]
    assert (last.cycles, dict(last.calls)) == (3, {Side.PROCORE: 15, Side.FOURHSE: 11})
    assert dict(last.used) == {Side.PROCORE: 0.25, Side.FOURHSE: 0.75}
    assert (before.cycles, dict(before.calls)) == (1, {Side.PROCORE: 100, Side.FOURHSE: 50})
    assert before.used[Side.PROCORE] == pytest.approx(1 / 6)
    assert before.used[Side.FOURHSE] is None


@pytest.mark.parametrize("limits", [budget(None, None), budget(0, 0), budget(100, None)])
def test_a_budget_that_nobody_knows_is_none(build: Build, limits: dict[str, Any]) -> None:
    world = build()
    ended(world, START, calls=both(1, 1), budget=both(limits, limits))
    assert dict(days(world)[TODAY].used) == {Side.PROCORE: None, Side.FOURHSE: None}


def test_days_that_are_over_are_counted_once(build: Build) -> None:
    """Yesterday not yet: what began then may have ended today."""
    world, past = build(), {}
    for ago in (29, 3, 1, 0):
        ended(world, START - timedelta(days=ago), calls=both(1, 2), budget=both(budget(200, 150), {}))
    with world.store.read() as unit:
        first = days_of(unit, world.route, past)
    assert {day for _, day in past} == {day.day for day in first[:-2]}
    for ago in (3, 1, 0):
        ended(world, START - timedelta(days=ago), calls=both(1, 2))
    with world.store.read() as unit:
        assert [day.cycles for day in days_of(unit, world.route, past)] == [1, *[0] * 25, 1, 0, 2, 2]
    world.clock.advance(days=1)
    with world.store.read() as unit:
        assert [day.cycles for day in days_of(unit, world.route, past)] == [0] * 25 + [1, 0, 2, 2, 0]


def test_there_are_thirty_days_until_today_however_few_have_a_cycle(build: Build) -> None:
    world = build()
    ended(world, START - timedelta(days=40), calls=both(1, 1))
    told = days(world)
    assert (len(told), min(told), max(told)) == (DAYS, TODAY - timedelta(days=29), TODAY)
    assert {(day.cycles, day.waiting, day.oldest) for day in told.values()} == {(0, 0, None)}


def test_what_crossed_stands_on_its_day_and_side(build: Build) -> None:
    world = build()
    world.on_site("Fall")
    world.sync(first=True)
    world.clock.advance(days=2)
    world.on_site("Cut")
    world.in_office("Burn")
    world.sync()
    told = {day.day: dict(day.written) for day in days(world).values() if any(day.written.values())}
    assert told == {
        TODAY: {Side.PROCORE: 0, Side.FOURHSE: 1},
        TODAY + timedelta(days=2): {Side.PROCORE: 1, Side.FOURHSE: 1},
    }


def test_a_question_waits_from_the_day_it_was_asked_until_it_was_closed(build: Build) -> None:
    world = build()
    site = world.on_site("Fall")
    world.sync(first=True)
    world.procore.hand_edit("incident", int(site), title="Slip")
    world.fourhse.hand_edit("incident", partner(world, site), name="Trip")
    world.sync()
    world.clock.advance(days=2)
    assert [days(world)[TODAY + timedelta(days=more)].waiting for more in range(-1, 3)] == [0, 1, 1, 1]
    world.answer(only(world, "conflict").id, "resolve", use="procore")
    world.sync()
    world.clock.advance(days=1)
    told = days(world)
    assert [told[TODAY + timedelta(days=more)].waiting for more in range(-1, 4)] == [0, 1, 1, 0, 0]
    ages = [told[TODAY + timedelta(days=more)].oldest for more in range(3)]
    assert ages == [timedelta(hours=11, minutes=55), timedelta(days=1, hours=11, minutes=55), None]
