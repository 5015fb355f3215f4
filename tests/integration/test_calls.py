"""What a write costs in calls: looks that this cycle's own readings make needless, and those that stay."""

from dataclasses import replace
from datetime import date, timedelta
from itertools import count

import pytest

from actors import hire, hurt_on_site, partner
from procore_4hse.simulator.faults import FaultKind
from procore_4hse.simulator.fourhse_dials import FourHseDials
from world import World

pytestmark = pytest.mark.one_test_on_postgresql_in(8)

ONE = "/rest/v1.0/projects/{project_id}/incidents/{id}"


def calls_of(world: World, outcome: str = "ok") -> dict[str, int]:
    """The calls of a cycle about single records."""
    before = world.procore.calls + world.fourhse.calls
    assert world.sync().outcome == outcome
    made = world.procore.calls + world.fourhse.calls - before
    return {name: number for name, number in made.items() if name.endswith((ONE, "/view", "/create", "/update"))}


def begun(build, **options) -> World:
    """A route that has a link."""
    world = build(**options)
    world.on_site("The first one")
    world.sync(first=True)
    world.sync()
    return world


def test_a_create_in_4hse_is_one_call_once_the_route_has_links(build):
    world = build()
    world.on_site("The first one")
    assert calls_of(world) == {"incident/view": 1, "incident/create": 1}, "the store may be a new one for an old route"
    for day in range(1, 4):
        world.on_site(f"Fall {day}", date(2026, 1, day))
    assert calls_of(world) == {"incident/create": 3}
    party, _ = hire(world)
    hurt_on_site(world, next(iter(world.site())), party)
    made = calls_of(world)
    assert (made["incident-person/create"], made.get("incident-person/view")) == (1, None)


def test_a_create_that_was_tried_before_looks_first(build):
    world = begun(build)
    world.on_site("Fall from a ladder", date(2026, 1, 5))
    world.faults.add(FaultKind.ERROR_BEFORE, method="POST", path="/incident/create", status=422)
    assert calls_of(world, "partial") == {}
    world.clock.advance(hours=1)
    assert calls_of(world) == {"incident/view": 1, "incident/create": 1}


def test_where_4hse_gives_ids_of_its_own_a_create_looks_first(build):
    world = begun(build, fourhse_dials=FourHseDials(client_id_kept=False))
    world.on_site("Fall from a ladder", date(2026, 1, 5))
    assert calls_of(world) == {"incident/view": 1, "incident/create": 1}


def test_what_is_made_again_after_a_deletion_looks_first(build):
    world = begun(build)
    [incident] = world.site()
    world.fourhse.hand_delete("incident", partner(world, incident))
    world.in_office("Another one", date(2025, 3, 3))
    world.sync()
    [entry] = world.inbox()
    world.answer(entry.id, "reject", restore=True)
    made = calls_of(world)
    assert made["incident/create"] == 1
    assert made["incident/view"] >= 2


@pytest.mark.parametrize(("seconds", "looks"), [(1, 1), (6, 2)])
def test_a_second_part_of_an_update_goes_by_the_answer_to_the_first_while_that_is_fresh(build, seconds, looks):
    """A status travels alone (P69): two writes, and one look for both."""
    world = begun(build)
    [incident] = world.site()
    ticks = count(step=seconds)
    world.runtime = replace(world.runtime, timer=lambda: next(ticks))
    closed = {"status": "closed", "date_closed": (world.clock.now - timedelta(days=1)).date().isoformat()}
    world.fourhse.hand_edit("incident", partner(world, incident), name="A fall from a roof", **closed)
    assert calls_of(world) == {f"GET {ONE}": looks, f"PATCH {ONE}": 2}
    assert (world.site()[incident]["title"], world.site()[incident]["status"]) == ("A fall from a roof", "closed")
