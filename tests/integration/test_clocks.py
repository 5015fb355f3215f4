"""A clock of ours that is wrong for a while: whatever it has dated is good again within the span it was meant for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from datetime import date, datetime, timedelta
from itertools import count

import pytest
from sqlalchemy import Column, select, update
from sqlmodel import SQLModel

from actors import hire, hurt_on_site, is_quiet
from oracle import differences
from procore_4hse import bootstrap
from procore_4hse.apis import Quota
from procore_4hse.engine import pull
from procore_4hse.engine.lease import GRACE, LEASE, RouteLease
from procore_4hse.errors import LeaseLost
from procore_4hse.models import Link
from procore_4hse.simulator.faults import FaultKind
from procore_4hse.store.desk import Session
from procore_4hse.store.journal import LAST_RETRY
from procore_4hse.store.leases import Holder
from procore_4hse.store.routes import RouteMemory
from procore_4hse.store.tables import LEASES, Instant
from world import START, Scene, World

HOUR, DAY, YEAR = timedelta(hours=1), timedelta(days=1), timedelta(days=365)
WRONG = {"a day back": -DAY, "an hour ahead": HOUR, "a year ahead": YEAR}
ELSEWHERE = Holder("elsewhere", "boot", 1, "1")
DELETED = "Deleted in Procore"
FEW = 4
"""Incidents of one Procore page, so that a few of them are listed by what changed."""

COLUMNS = {
    f"{table.name}.{column.name}": column
    for table in SQLModel.metadata.sorted_tables
    for column in table.columns
    if isinstance(column.type, Instant)
}
REMEMBERED = [each.name for each in fields(RouteMemory) if "datetime" in str(each.type)]
ONLY_WHETHER = {"journal.purged_at", "inbox.purged_at", "tombstone.purged_at", "decision.purged_at"}
"""Nobody asks when it was, only whether."""
THEIRS = {"journal.server_at", "journal.looked_at"}
"""On the vendor's clock, which is compared with itself alone."""
SAID = {"inbox.snoozed_until"}
"""A day that a person named; no clock of ours dates it."""
MOMENTS = [*sorted(COLUMNS.keys() - ONLY_WHETHER - THEIRS - SAID), *REMEMBERED]


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """A route whose store holds every kind of row: linked, deleted, refused, lost, held by somebody elsewhere."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pull, "PAGE", FEW)
        return Scene.of(at_work(World.build(f"sqlite:///{tmp_path_factory.mktemp('scene')}/sync.db")))


@pytest.fixture
def world(build: Callable[..., World], scene: Scene, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(pull, "PAGE", FEW)
    return scene.begin(build())


def at_work(world: World) -> World:
    party, _ = hire(world)
    for number in range(5):
        world.on_site(f"Site {number}", date(2026, 2, 1 + number))
    hurt_on_site(world, world.on_site(DELETED, date(2026, 1, 8)), party, days=2)
    world.sync(first=True)
    ids = sorted(world.site())
    world.procore.hand_delete("incident", int(ids[-1]))
    world.faults.add(FaultKind.ERROR_BEFORE, method="PUT", path="/incident/update", times=1, status=422)
    world.procore.hand_edit("incident", int(ids[0]), title="Refused once")
    world.sync()
    world.in_office("Whose answer was lost", date(2026, 2, 20))
    world.faults.add(FaultKind.ERROR_BEFORE, method="POST", path="/incidents$")
    world.sync()
    with world.store.begin() as unit:
        unit.cycles.day_done(world.route.key, "2026-01-01..2026-02-01 both", "2026-01-08")
        unit.leases.take(world.route.key, ELSEWHERE, ttl=LEASE, grace=GRACE)
        deleted = next(one for one in unit.inbox(world.route.key).entries() if one.item.kind == "deletion")
        unit.inbox(world.route.key).answer(deleted.id, {"verb": "reject"})
        unit.inbox(world.route.key).withdraw(deleted.id)
        unit.desk.log_view(world.route.key, "Jo", "incident", ids[0])
        for key in ("here", "signed out"):
            unit.desk.sign_in(key, Session("Jo", ()), lasts=timedelta(hours=8))
        unit.desk.sign_out("signed out")
        unit.schedule.pause(world.route.key, timedelta(hours=2), "stocktaking")
        unit.routes.remember(world.route.key, world.route.name, company_at=unit.now)
        unit.budgets.tell("ours", [Quota(600, 10, HOUR / 2, HOUR)], 0)
        unit.alerts.tell("a cause", ["Riverside"])
        for token in ("first", "second"):
            unit.hooks.add(world.route.procore_project, token, "key")
            unit.hooks.settle(world.route.procore_project, token, "hook")
        unit.hooks.receive(world.route.procore_project, "event")
    return world


def shift(world: World, moment: str, by: timedelta) -> int:
    """Everything of this kind was written by a clock that was so far from the truth; how many that are."""
    if moment in REMEMBERED:
        with world.store.begin() as unit:
            known = getattr(unit.routes.get(world.route.key).memory, moment)
            unit.routes.remember(world.route.key, world.route.name, **{moment: known + by})
        return 1
    column: Column[datetime] = COLUMNS[moment]
    with world.store.begin() as unit:
        rows = unit.connection.execute(select(*column.table.primary_key, column).where(column.is_not(None))).all()
        for *key, known in rows:
            named = [one == value for one, value in zip(column.table.primary_key, key, strict=True)]
            unit.connection.execute(update(column.table).where(*named).values({column: known + by}))
    return len(rows)


def incidents(world: World) -> list[Link]:
    return [link for link in world.links() if link.kind == "incident" and link.state == "live"]


def work(world: World, serial: int) -> None:
    """An edit of everything on one of the two sides, and a new incident on each."""
    links = incidents(world)
    for link in links[::2]:
        world.procore.hand_edit("incident", int(link.procore_id), title=f"On site {serial} of {link.procore_id}")
    for link in links[1::2]:
        world.fourhse.hand_edit("incident", link.fourhse_id, name=f"In the office {serial} of {link.procore_id}")
    world.on_site(f"New {serial}", date(2026, 1, 10 + serial))
    world.in_office(f"New too {serial}", date(2026, 1, 20 + serial))


def has_recovered(world: World) -> bool:
    """Both sides say the same but for what was deleted, one question waits, and it is of today."""
    (entry,) = world.inbox()
    pairs = [(link.procore_id, link.fourhse_id) for link in incidents(world)]
    told = differences(world.site().values(), world.office().values(), pairs, world.zone)
    told = [line for line in told if not line.startswith(str(entry.item.fourhse_id))]
    return (entry.item.kind, told) == ("deletion", []) and entry.since <= world.clock() and is_quiet(world)


@pytest.mark.one_case_in(11)
@pytest.mark.any_store
@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("moment", MOMENTS)
def test_whatever_a_wrong_clock_has_dated_is_good_again_within_its_span(world: World, moment: str, wrong: str) -> None:
    """Every stored moment there is, by the tables themselves: a new one that no row here has must be brought in."""
    assert shift(world, moment, WRONG[wrong]) > 0, "the route of this test holds no such moment"
    work(world, 1)
    world.sync()  # A lease that lies ahead is cut here to its own span.
    world.clock.advance((LEASE + GRACE).total_seconds())
    for _ in range(2):
        world.sync()
    world.clock.advance(LAST_RETRY.total_seconds())
    work(world, 2)
    world.sync()
    assert has_recovered(world)


@dataclass
class Ours:
    """This machine's clock beside the vendors', which is right."""

    world: World
    by: timedelta = timedelta(0)

    def __call__(self) -> datetime:
        return self.world.clock() + self.by


def with_a_clock_of_our_own(world: World) -> Ours:
    ours = Ours(world)
    world.store._clock = ours
    world.runtime = replace(world.runtime, clock=ours)
    return ours


@pytest.mark.one_case_in(4)
@pytest.mark.any_store
@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("from_call", [0, 3, 9])
def test_a_clock_that_is_wrong_for_one_cycle_leaves_nothing_behind(world: World, wrong: str, from_call: int) -> None:
    """It is wrong from the start of the cycle, or is set in the middle of it."""
    ours, calls = with_a_clock_of_our_own(world), count(0)
    world.clock.advance((LEASE + GRACE).total_seconds())
    world.faults.on_request.append(lambda _: setattr(ours, "by", WRONG[wrong]) if next(calls) == from_call else None)
    ours.by = WRONG[wrong] if from_call == 0 else ours.by
    work(world, 1)
    world.sync()
    ours.by = timedelta(0)
    world.sync()
    world.clock.advance((LEASE + GRACE).total_seconds())
    for _ in range(2):
        world.sync()
    world.clock.advance(LAST_RETRY.total_seconds())
    work(world, 2)
    world.sync()
    assert has_recovered(world)


@pytest.mark.any_store
@pytest.mark.parametrize("by", [-DAY, -timedelta(minutes=8)])
def test_a_clock_set_back_in_mid_cycle_does_not_make_its_lease_longer(
    build: Callable[..., World], by: timedelta
) -> None:
    """Somebody elsewhere took the route over meanwhile, as the store's own clock allows."""
    world = build()
    ours = with_a_clock_of_our_own(world)
    timer = [0.0]
    runtime = replace(world.runtime, timer=lambda: timer[0])
    lease = RouteLease(runtime, world.route.key)
    assert lease.take()
    ours.by = by
    timer[0] += (LEASE + GRACE).total_seconds()
    with world.store.begin() as unit:
        unit.connection.execute(update(LEASES).values(holder=str(ELSEWHERE), token=9))
    with pytest.raises(LeaseLost):
        lease.keep()


def test_what_a_connection_waits_for_does_not_move_with_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    steady = bootstrap._steady()
    before = steady()
    monkeypatch.setattr(bootstrap, "_now", lambda: START + YEAR)
    assert timedelta(0) <= steady() - before < HOUR
