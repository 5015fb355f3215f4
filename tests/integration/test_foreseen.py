"""A dry run tells of people whose incidents are not linked yet what the next cycle does with them."""

from collections.abc import Callable
from datetime import date

import pytest

from actors import hire, hire_on_site, hurt_in_office, hurt_on_site
from procore_4hse.engine.report import Report
from procore_4hse.models import Action, Kind
from world import World

pytestmark = pytest.mark.any_store
PARENTS = ("incident_id", "office_incident_id")


def wanted(actions: tuple[Action, ...]) -> list[tuple[str, str, str, dict[str, object]]]:
    return sorted(
        (each.act.value, each.side.value, each.kind.value, {k: v for k, v in each.fields.items() if k not in PARENTS})
        for each in actions
        if each.kind is not Kind.INCIDENT
    )


def both(world: World) -> tuple[Report, Report]:
    """What a dry run tells, and what the cycle after it does."""
    return world.sync(dry=True, first=True), world.sync(first=True)


def test_the_people_of_incidents_that_would_be_made_are_told_as_they_cross(build: Callable[..., World]) -> None:
    world = build()
    party, assignment = hire(world)
    hurt_on_site(world, world.on_site("Fall"), party, days=3)
    cut = world.in_office("Cut", date(2026, 1, 10), category="ACCIDENTS")
    hurt_in_office(world, cut, assignment, days=5)
    scare = world.in_office("Scare", date(2026, 1, 20))
    hurt_in_office(world, scare, assignment)
    told, done = both(world)
    assert wanted(told.plan.actions) == wanted(done.plan.actions)
    assert [(each[1], each[2]) for each in wanted(told.plan.actions)] == [
        ("fourhse", "injury"), ("procore", "injury"), ("procore", "near_miss"),
    ]  # fmt: skip
    below = [each for each in told.plan.actions if each.kind is not Kind.INCIDENT]
    assert not any(name in each.fields for each in below for name in PARENTS)
    assert {each.parent for each in below} >= {cut, scare}
    assert told.population["fourhse"] == {"in_sync": 2, "waiting": 0, "refused": 0, "excluded": 0}


def test_the_people_of_pairs_that_would_be_linked_are_told_as_they_cross(build: Callable[..., World]) -> None:
    world = build()
    (ann, hers), (bo, his) = hire(world), hire(world, "Bo Diaz", "E2")
    text = "A ladder slipped on wet ground near the gate."
    site = world.on_site("Fall", description=text)
    office = world.in_office("Fall", description_event=text, category="ACCIDENTS")
    hurt_on_site(world, site, ann, days=3)
    hurt_in_office(world, office, hers, days=3)
    hurt_on_site(world, site, bo, days=1)
    told, done = both(world)
    assert wanted(told.plan.actions) == wanted(done.plan.actions)
    assert [each[:3] for each in wanted(told.plan.actions)] == [
        ("create", "fourhse", "injury"), ("link", "fourhse", "injury"),
    ]  # fmt: skip
    assert his in str(wanted(told.plan.actions))


def test_people_without_a_partner_are_told_before_their_incident_is_there(build: Callable[..., World]) -> None:
    world = build()
    hurt_on_site(world, world.on_site("Fall"), hire_on_site(world, "Ann Lee"))
    told, done = both(world)
    assert [item.key for item in told.plan.items] == [item.key for item in done.plan.items]
    assert [item.fourhse_id for item in told.plan.items] == [None]
    assert [entry.item.kind for entry in world.inbox()] == ["match"]


def test_what_a_first_meeting_holds_is_told_with_its_people(build: Callable[..., World]) -> None:
    world = build()
    party, _ = hire(world)
    hurt_on_site(world, world.on_site("Fall"), party)
    world.in_office("Cut", date(2026, 1, 10))
    told = world.sync(dry=True)
    assert (told.outcome, told.plan.actions) == ("stopped", ())
    assert [each.kind for each in told.plan.held].count(Kind.INJURY) == 1
    assert world.sync(dry=True).plan.held == told.plan.held
