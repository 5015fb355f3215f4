"""check against systems that answer in unexpected ways: what it says is no more than what it saw."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from procore_4hse.mapping.lenses.incident import StatusLens
from procore_4hse.operations.check import Level, check_all
from procore_4hse.simulator.wire import Dropped, Request, Response
from world import World

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
