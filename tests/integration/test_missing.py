"""What our account may no longer see is missing, not deleted: nothing follows from it, and it comes back unharmed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest

import actors as crew
from actors import hire, hurt_on_site, waiting, wrote
from procore_4hse.models import Kind
from procore_4hse.reconcile.snapshot import Limits, Policy
from procore_4hse.simulator.faults import FaultKind
from procore_4hse.simulator.fourhse_dials import FourHseDials
from procore_4hse.simulator.wire import Request
from world import OFFICE, TENANT, World

pytestmark = pytest.mark.any_store

MANY = 30


@pytest.fixture
def world(build: Callable[..., World], store_url: str) -> World:
    """Thirty pairs, five of them with an injured person, at rest, under the policy that deletes the most by itself."""
    made = build(store_url, deletions=Policy.PROPAGATE)
    for number in range(MANY):
        site = made.on_site(f"Case {number}", date(2026, 1, 1) + timedelta(days=number))
        if number < 5:
            party, _ = hire(made, f"Ann Lee{number}", f"E{number}")
            hurt_on_site(made, site, party, days=3)
    made.sync(first=True)
    assert crew.is_quiet(made)
    return made


def everything(world: World) -> tuple[Any, ...]:
    """What both registers hold, to the last field."""
    return world.site(), world.office()


def pairs(world: World) -> list[str]:
    return [str(link.state.value) for link in world.links() if link.kind is Kind.INCIDENT]


def test_a_third_of_4hse_out_of_sight_is_missing_and_exit_0(world: World) -> None:
    before = everything(world)
    world.fourhse.revoke(OFFICE, 0.3)
    for _ in range(3):
        report = world.sync()
        assert (report.outcome, report.exit_code, wrote(report)) == ("ok", 0, crew.NOTHING)
    assert report.inbox["missing"] == len(waiting(world, "missing")) == 9
    assert report.inbox["deletion"] == report.inbox["guard"] == 0
    assert pairs(world) == ["live"] * MANY
    assert sum(report.population["fourhse"].values()) == MANY
    world.fourhse.grant(OFFICE)
    assert crew.is_quiet(world)
    assert (everything(world), world.inbox()) == (before, [])


def test_a_frozen_incident_takes_no_edit_until_it_is_seen_again(world: World) -> None:
    world.fourhse.revoke(OFFICE, 0.3)
    world.sync()
    for entry in waiting(world, "missing"):
        world.procore.hand_edit("incident", int(entry.item.procore_id), title=f"Edited {entry.item.procore_id}")
    assert wrote(world.sync()) == crew.NOTHING
    world.fourhse.grant(OFFICE)
    assert wrote(world.sync())["updated"] == 9
    assert sum(row["name"].startswith("Edited") for row in world.office().values()) == 9
    assert crew.is_quiet(world)


@pytest.mark.parametrize("how", ["revoked", "historicized", "suspended", "empty", "hidden"])
def test_a_side_out_of_sight_stops_the_route_or_fails_and_nothing_follows(world: World, how: str) -> None:
    before = everything(world)
    lose, find = LOSSES[how]
    lose(world)
    for _ in range(2):
        report = world.sync()
        assert (report.outcome, report.exit_code) == (("failed", 3) if how == "hidden" else ("stopped", 7))
        assert wrote(report) == crew.NOTHING
    assert pairs(world) == ["live"] * MANY
    find(world)
    report = world.sync()
    assert (report.outcome, wrote(report)) == ("ok", crew.NOTHING)
    assert (everything(world), world.inbox()) == (before, [])


LOSSES: dict[str, tuple[Callable[[World], object], Callable[[World], object]]] = {
    "revoked": (lambda w: w.fourhse.revoke(OFFICE), lambda w: w.fourhse.grant(OFFICE)),
    "historicized": (lambda w: w.fourhse.historicize_office(OFFICE), lambda w: w.fourhse.reactivate_office(OFFICE)),
    "suspended": (lambda w: w.fourhse.suspend_project(TENANT), lambda w: w.fourhse.resume_project(TENANT)),
    "empty": (
        lambda w: w.faults.add(FaultKind.EMPTY, path=r"/projects/\d+/incidents$", method="GET", times=None),
        lambda w: w.faults.clear(),
    ),
    "hidden": (
        lambda w: w.procore.hide_project(int(w.route.procore_project)),
        lambda w: w.procore.hide_project(int(w.route.procore_project), False),
    ),
}


def test_of_many_missing_ones_each_is_looked_up_within_three_cycles(build: Callable[..., World]) -> None:
    limits = Limits(max_deletes=100, max_delete_percent=100)
    world = build(fourhse_dials=FourHseDials(forbidden_view_status=403), limits=limits)
    for number in range(75):
        world.on_site(f"Case {number}")
    world.sync(first=True)
    world.fourhse.revoke(OFFICE, 0.8)
    views: list[str] = []

    def note(request: Request) -> None:
        if "/incident/view/" in request.path:
            views.append(request.path.rpartition("/")[2])

    world.faults.on_request.append(note)
    for _ in range(3):
        before = len(views)
        assert world.sync().inbox["missing"] == 60
        assert len(views) - before == 26, "25 missing ones and the witness"
    missing = {entry.item.fourhse_id for entry in waiting(world, "missing")}
    assert len(missing) == 60
    assert missing <= set(views)
