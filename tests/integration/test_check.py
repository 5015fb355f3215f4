"""check against systems that answer in unexpected ways: what it says is no more than what it saw."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from procore_4hse.mapping.lenses.incident import StatusLens
from procore_4hse.operations.check import Level, check_all
from procore_4hse.simulator.procore_dials import ProcoreDials
from procore_4hse.simulator.wire import Dropped, Request, Response
from world import PROJECT, World

pytestmark = pytest.mark.any_store


def warnings(world: World) -> list[str]:
    return [finding.what for finding in check_all(world.runtime, [world.route]) if finding.level is not Level.OK]


def test_a_system_that_does_not_answer_is_asked_for_one_thing_only(build: Callable[..., World]) -> None:
    world = build()
    paths = set()

    def dead(request: Request) -> Response:
        paths.add(request.path)
        raise Dropped

    world.procore.handle = dead
    world.runtime = World._house(world.store, world.clock, world.procore, world.fourhse)
    (problem,) = warnings(world)
    assert problem.startswith("Procore gave no usable answer to ")
    assert problem.endswith("Nothing else was asked of Procore.")
    assert len(paths) == 1


def name_status(world: World, **ids: int) -> None:
    """The mapping names these custom statuses, by the word that each stands for."""
    fields = tuple(
        replace(row, lens=replace(row.lens, custom=ids)) if isinstance(row.lens, StatusLens) else row
        for row in world.route.mapping.fields
    )
    world.with_route(mapping=replace(world.route.mapping, fields=fields))


def test_a_filter_that_procore_leaves_aside_proves_no_status(build: Callable[..., World]) -> None:
    world = build()
    world.on_site("Fall")
    name_status(world, open=4711)
    handle = world.procore.handle

    def deaf(request: Request) -> Response:
        kept = tuple(pair for pair in request.query if not pair[0].startswith("filters[custom_status_id]"))
        return handle(replace(request, query=kept))

    world.procore.handle = deaf
    world.runtime = World._house(world.store, world.clock, world.procore, world.fourhse)
    (warning,) = warnings(world)
    assert warning.startswith("the mapping names the status 4711 for 'open', which no incident or list")


def test_entries_that_records_use_and_none_may_take_any_more_are_named(build: Callable[..., World]) -> None:
    world = build()
    rash = world.procore.add_word("affliction_types", "Site rash")
    world.procore.hand_create("injury", PROJECT, incident_id=int(world.on_site()), affliction_type_id=rash)
    assert not any("no new record may take" in each for each in warnings(world))
    world.procore.register.state.lists["affliction_types"][rash].active = False
    world.procore.register.state.lists["affliction_types"][rash].row["active"] = False
    told = [each for each in warnings(world) if "no new record may take" in each]
    assert told == [
        "Procore's records use affliction types that no new record may take: 'Site rash'; "
        "have them activated in Procore where they are still needed."
    ]
    world.procore.forbid("/filter_options/")
    assert not any("no new record may take" in each for each in warnings(world))
    assert world.procore.refused == []


@pytest.mark.parametrize(
    ("answer", "outside"), [(404, "and the register answers 404"), (200, "and the register shows it too")]
)
def test_what_asking_for_a_deleted_incident_by_its_id_tells(
    build: Callable[..., World], answer: int, outside: str
) -> None:
    world = build(procore_dials=ProcoreDials(recycled_get_answers=answer))
    world.procore.hand_delete("incident", int(world.on_site()))
    fine = [finding.what for finding in check_all(world.runtime, [world.route]) if finding.level is Level.OK]
    told = f"Of an incident that was deleted the bin shows it, deleted at 2026-03-02T12:00:00Z, {outside}."
    assert told in fine
    assert world.procore.refused == []
