"""Two processes that meet for the first time, and holders and clocks that cannot be trusted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import event, insert

from actors import hire, hurt_on_site
from procore_4hse.engine import pull
from procore_4hse.models import Act, Action, Kind, RawRecord, Side
from procore_4hse.store.journal import FIRST_RETRY, LAST_RETRY
from procore_4hse.store.leases import Holder
from procore_4hse.store.repository import Store, Unit
from procore_4hse.store.tables import LEASES, REFUSALS
from world import World

ROUTE = "1363617/office"
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
TTL, GRACE = timedelta(minutes=5), timedelta(minutes=1)
HERE, THERE = Holder("a", "boot", 1, "1", "pid:[1]"), Holder("b", "boot", 2, "2", "pid:[2]")


class Clock:
    now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def open_store(clock: Clock) -> Iterator[Callable[[str], Store]]:
    with ExitStack() as stack:

        def make(url: str) -> Store:
            store = Store(url, clock=clock)
            store.upgrade()
            stack.callback(store.close)
            return store

        yield make


@pytest.fixture
def store(store_url: str, open_store: Callable[[str], Store]) -> Store:
    return open_store(store_url)


def take(store: Store, holder: Holder, ttl: timedelta = TTL) -> int | None:
    with store.begin() as unit:
        return unit.leases.take(ROUTE, holder, ttl=ttl, grace=GRACE)


def stage(unit: Unit) -> int:
    record = RawRecord(Side.PROCORE, Kind.INCIDENT, "1", {"id": 1})
    return unit.staging(ROUTE).put([record], pull=1, minimal=frozenset(), server_at=NOW)


# The first meeting -----------------------------------------------------------------------------------------------

FIRSTS: dict[str, Callable[[Unit], object]] = {
    "lease": lambda unit: unit.leases.take(ROUTE, HERE, ttl=TTL, grace=GRACE),
    "route": lambda unit: unit.routes.save(ROUTE, "riverside", ever_linked=True),
    "memory": lambda unit: unit.routes.remember(ROUTE, "riverside", put_whole=True),
    "apart": lambda unit: unit.links(ROUTE).tell_apart("1", "a"),
    "refusal": lambda unit: unit.journal(ROUTE).refuse("refused:1", Side.FOURHSE, "No.", "print"),
    "day": lambda unit: unit.cycles.day_done(ROUTE, "backfill", "2026-01-01"),
    "record": stage,
}


@pytest.mark.parametrize("name", FIRSTS)
def test_of_two_that_write_a_row_for_the_first_time_neither_fails(
    postgres_url: str, open_store: Callable[[str], Store], name: str
) -> None:
    """One has seen that there is none; before it writes, the other has written and committed. SQLite has one writer."""
    ours, theirs = open_store(postgres_url), open_store(postgres_url)
    given: list[object] = []

    def come_first(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith("INSERT") and not given:
            with theirs.begin() as unit:
                given.append(FIRSTS[name](unit))

    event.listen(ours._writing, "before_cursor_execute", come_first)
    with ours.begin() as unit:
        second = FIRSTS[name](unit)
    assert len(given) == 1
    if name == "lease":
        assert (given, second) == ([1], None)


def test_what_is_written_twice_stands_once(store: Store) -> None:
    for _ in range(2):
        with store.begin() as unit:
            for name in ("route", "apart", "refusal", "day"):
                FIRSTS[name](unit)
    with store.read() as unit:
        assert unit.routes.get(ROUTE).ever_linked
        assert unit.links(ROUTE).not_duplicates() == {("1", "a")}
        assert unit.cycles.days_done(ROUTE, "backfill") == {"2026-01-01"}
        assert unit.journal(ROUTE).refusals()["refused:1"].next_try == NOW + 2 * FIRST_RETRY


# Holders ---------------------------------------------------------------------------------------------------------


def gone() -> Holder:
    """A process of this machine that nobody sees any more."""
    return replace(Holder.this_process(), pid=2**22 + 1, started="1")


@pytest.mark.parametrize("elsewhere", ["host", "boot", "namespace"])
def test_of_a_process_that_we_cannot_see_nothing_is_known(store: Store, elsewhere: str) -> None:
    assert gone().is_known_dead()
    assert take(store, replace(gone(), **{elsewhere: "another"})) == 1
    assert take(store, THERE) is None


def test_expiry_and_grace_succeed_a_process_that_we_cannot_see(store: Store, clock: Clock) -> None:
    assert take(store, replace(gone(), namespace="another")) == 1
    clock.now += TTL + GRACE
    assert take(store, THERE) == 2


@pytest.mark.parametrize("written", ["a|boot|1|1", "a|boot|1|1|pid:[4]", "a|boot|1|1|pid:[4]|and more"])
def test_a_holder_is_read_as_other_versions_wrote_it(store: Store, clock: Clock, written: str) -> None:
    with store.begin() as unit:
        row = {"route": ROUTE, "token": 7, "holder": written, "expires_at": NOW + TTL}
        unit.connection.execute(insert(LEASES), row)
    assert take(store, HERE) is None
    clock.now += TTL + GRACE
    assert take(store, HERE) == 8


# Clocks ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ahead", [timedelta(hours=1), timedelta(days=365)])
def test_a_lease_of_a_clock_that_ran_ahead_ends_within_its_own_span(
    store: Store, clock: Clock, ahead: timedelta
) -> None:
    clock.now = NOW + ahead
    assert take(store, HERE) == 1
    clock.now = NOW
    assert take(store, THERE) is None, "its holder may live"
    clock.now = NOW + TTL + GRACE - timedelta(seconds=1)
    assert take(store, THERE) is None
    clock.now = NOW + TTL + GRACE
    assert take(store, THERE) == 2


def test_a_long_lease_is_not_cut_by_one_who_takes_short_ones(store: Store, clock: Clock) -> None:
    assert take(store, HERE, ttl=4 * TTL) == 1
    assert take(store, THERE, ttl=TTL) is None
    clock.now = NOW + 3 * TTL
    assert take(store, THERE, ttl=TTL) is None


def test_a_holder_whose_lease_was_cut_renews_it(store: Store, clock: Clock) -> None:
    clock.now = NOW + timedelta(days=1)
    token = take(store, HERE)
    clock.now = NOW
    take(store, THERE)
    clock.now = NOW + TTL - timedelta(seconds=1)
    with store.begin() as unit:
        assert unit.leases.renew(ROUTE, token or 0, ttl=TTL)
    clock.now = NOW + TTL + GRACE
    assert take(store, THERE) is None


def test_a_refusal_of_a_clock_that_ran_ahead_is_due(store: Store, clock: Clock) -> None:
    clock.now = NOW + LAST_RETRY
    with store.begin() as unit:
        FIRSTS["refusal"](unit)
    clock.now = NOW + FIRST_RETRY
    with store.read() as unit:
        assert unit.journal(ROUTE).refusals()["refused:1"].next_try == NOW + LAST_RETRY + FIRST_RETRY
    clock.now = NOW
    with store.read() as unit:
        assert unit.journal(ROUTE).refusals()["refused:1"].next_try is None


def test_the_hundredth_refusal_waits_no_longer_than_the_tenth(store: Store) -> None:
    with store.begin() as unit:
        FIRSTS["refusal"](unit)
        unit.connection.execute(REFUSALS.update().values(tries=100_000))
        FIRSTS["refusal"](unit)
        assert unit.journal(ROUTE).refusals()["refused:1"].next_try == NOW + LAST_RETRY


def test_a_record_of_a_clock_that_ran_ahead_is_not_new_for_ever(store: Store, clock: Clock) -> None:
    clock.now = NOW + timedelta(days=365)
    with store.begin() as unit:
        stage(unit)
    clock.now = NOW
    with store.read() as unit:
        assert unit.staging(ROUTE).newest(Side.PROCORE, [Kind.INCIDENT]) is None


def written(store: Store, clock: Clock, at: datetime, cycle: int, outcome: str) -> str:
    clock.now = at
    action = Action(Act.UPDATE, Side.FOURHSE, Kind.INCIDENT, "a", str(cycle), "changed")
    with store.begin() as unit:
        intent = unit.journal(ROUTE).intend(action, cycle=cycle, before={}, server_at=NOW)
        unit.journal(ROUTE).end(intent.id, outcome)
    return intent.id


def test_a_write_of_a_clock_that_ran_ahead_is_not_the_latest_for_ever(store: Store, clock: Clock) -> None:
    ahead = written(store, clock, NOW + timedelta(days=365), 1, "done")
    later = written(store, clock, NOW, 2, "done")
    with store.read() as unit:
        assert [intent.id for intent in unit.journal(ROUTE).recent()] == [later, ahead]


def test_a_try_of_a_clock_that_ran_ahead_has_not_failed_lately(store: Store, clock: Clock) -> None:
    written(store, clock, NOW + timedelta(days=365), 1, "lost")
    written(store, clock, NOW, 2, "lost")
    with store.read() as unit:
        assert {source.id for source in unit.journal(ROUTE).in_vain()} == {"2"}


def asked_for(world: World, part: str) -> int:
    """How many calls of one cycle have this in their path."""
    paths: list[str] = []
    world.faults.on_request.append(lambda request: paths.append(request.path))
    assert world.sync().outcome == "ok"
    world.faults.on_request.pop()
    return len([path for path in paths if part in path])


@pytest.mark.any_store
def test_directories_that_a_clock_ahead_has_read_are_read_again(build: Callable[..., World]) -> None:
    world = build()
    hurt_on_site(world, world.on_site("Hook", hour=9), hire(world)[0], days=3)
    world.sync(first=True)
    world.sync()
    assert asked_for(world, "person-office") == 0
    with world.store.begin() as unit:
        ahead = world.clock() + timedelta(days=365)
        unit.routes.remember(world.route.key, world.route.name, directories_at=ahead)
    assert asked_for(world, "person-office") == 1
    assert asked_for(world, "person-office") == 0


@pytest.mark.any_store
@pytest.mark.parametrize("moment", ["swept_at", "cursor_at"])
def test_a_sweep_that_lies_ahead_is_no_reason_to_wait_for_the_next(
    build: Callable[..., World], monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    monkeypatch.setattr(pull, "PAGE", 4)
    world = build()
    for number in range(9):
        world.on_site(f"Site {number}", hour=number)
    world.sync(first=True)
    assert swept_by_a_cycle(world) is False
    with world.store.begin() as unit:
        ahead = {moment: world.clock() + timedelta(days=365)}
        unit.routes.save(world.route.key, world.route.name, **ahead)
    assert swept_by_a_cycle(world) is True


def swept_by_a_cycle(world: World) -> bool:
    with world.store.read() as unit:
        before = unit.routes.get(world.route.key).swept_at
    now = world.clock()
    world.sync()
    with world.store.read() as unit:
        after = unit.routes.get(world.route.key).swept_at
    assert after is not None
    return after != before and after >= now.replace(microsecond=0)
