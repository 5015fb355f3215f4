"""The staging store, the same on SQLite and on PostgreSQL."""

import os
import stat
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect, text
from sqlmodel import SQLModel

from procore_4hse.errors import LeaseLost, StoreError
from procore_4hse.models import Act, Action, Base, Item, ItemKind, Kind, LinkState, RawRecord, RecordRef, Side
from procore_4hse.store import schema
from procore_4hse.store.leases import Holder
from procore_4hse.store.repository import Fence, Store
from procore_4hse.store.routes import RouteMemory
from procore_4hse.store.schema import MIGRATIONS, REVISION

ROUTE = "1363617/office"
INCIDENT = RecordRef(Side.PROCORE, Kind.INCIDENT, "1")
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
TTL, GRACE = timedelta(minutes=5), timedelta(minutes=1)
HERE, THERE = Holder("a", "boot", 1, "1"), Holder("b", "boot", 2, "2")


class Clock:
    now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["sqlite", "postgresql"])
def unused_store_url(request, tmp_path, postgres_server) -> Iterator[str]:
    """Where no table was ever made."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/unused.db"
        return
    with psycopg.connect(host=postgres_server, user="postgres", dbname="postgres", autocommit=True) as admin:
        admin.execute("CREATE DATABASE unused")
        yield f"postgresql+psycopg://postgres@/unused?host={postgres_server}"
        admin.execute("DROP DATABASE unused WITH (FORCE)")


@pytest.fixture
def store(store_url, clock) -> Iterator[Store]:
    store = Store(store_url, clock=clock)
    store.upgrade()
    yield store
    store.close()


def item(key: str = "difference:1:title", **changes) -> Item:
    facts = changes.pop("facts", {"seen": "A"})
    return Item(ItemKind.CONFLICT, key, "Fall", "Both changed.", "Choose.", facts=facts, procore_id="1", **changes)


def record(number: int, **payload) -> RawRecord:
    return RawRecord(Side.PROCORE, Kind.INCIDENT, str(number), {"id": number, "status": "open", **payload})


def create(source: str = "1") -> Action:
    return Action(
        Act.CREATE, Side.FOURHSE, Kind.INCIDENT, None, source, "new in Procore", {"name": "Fall"},
        sources={"title": {"title": "Fall"}}, generation=2, then=LinkState.LIVE,
    )  # fmt: skip


# Migrations ----------------------------------------------------------------------------------------------------------


def test_upgrading_twice_changes_nothing_and_keeps_the_rows(store, store_url):
    with store.begin() as unit:
        unit.links(ROUTE).add("1", "a")
    before = tables(store_url)
    store.upgrade()
    assert tables(store_url) == before
    with store.read() as unit:
        assert [link.fourhse_id for link in unit.links(ROUTE).all()] == ["a"]


def tables(store_url: str) -> dict[str, list[str]]:
    engine = create_engine(store_url)
    inspector = inspect(engine)
    columns = {
        name: sorted(column["name"] for column in inspector.get_columns(name)) for name in inspector.get_table_names()
    }
    engine.dispose()
    return columns


def test_the_migrations_make_the_tables_that_the_program_describes(store):
    with store.begin() as unit:
        context = MigrationContext.configure(unit.connection)
        assert compare_metadata(context, SQLModel.metadata) == []


FORM_3 = {
    "route": "'r', 'riverside', NULL, NULL, NULL, TRUE, FALSE, NULL, NULL, 0, '{}'",
    "raw_record": "'r', 'procore', 'incident', '1', NULL, '{}', 'd', FALSE, 4, TRUE, NULL, NULL, '2026-01-01', NULL",
    "lease": "'r', 7, 'a|boot|1|1', '2100-01-01'",
    "link": "1, 'r', 'incident', '1', 'a', 'live', '{}', NULL, 0, NULL, FALSE, TRUE, '2026-01-01'",
    "tombstone": "1, 'r', 'procore', 'incident', '1', '{}', '404', '2026-01-01', NULL",
}
"""Rows as the third form of the tables holds them."""


def test_a_filled_store_of_the_form_before_is_brought_up_to_date(unused_store_url, clock):
    old = create_engine(unused_store_url)
    config = Config()
    config.set_main_option("script_location", str(schema.MIGRATIONS))
    with old.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0003")
    with old.begin() as connection:
        for table, values in FORM_3.items():
            connection.exec_driver_sql(f"INSERT INTO {table} VALUES ({values})")  # noqa: S608
    old.dispose()
    store = Store(unused_store_url, clock=clock)
    store.upgrade()
    with store.begin() as unit:
        assert compare_metadata(MigrationContext.configure(unit.connection), SQLModel.metadata) == []
        assert unit.links("r").removed() == {("1", "a")}
        assert unit.links("r").tombstone(INCIDENT).evidence == "404"
        assert (unit.staging("r").last_pull(), unit.staging("r").absent()) == (4, {INCIDENT})
        assert unit.leases.take("r", HERE, ttl=TTL, grace=GRACE) is None
    clock.now = NOW + TTL + GRACE
    with store.begin() as unit:
        assert unit.leases.take("r", HERE, ttl=TTL, grace=GRACE) == 8, "its clock ran ahead when it was taken"
    store.close()


FORM_5 = {
    "link": (
        "1, 'r', 'incident', '1', 'a', 'live', '{base}', NULL, 0, NULL, FALSE, FALSE, '2026-01-01'",
        "2, 'r', 'incident', '2', 'b', 'live', '{base}', NULL, 0, NULL, FALSE, FALSE, '2026-01-01'",
    ),
    "refusal": (
        "'r', 'refused:update:fourhse:incident:a:title', 'fourhse', 'No.', 'f', 1, '2026-01-01'",
        "'r', 'refused:update:procore:incident:2:description', 'procore', 'No.', 'f', 1, '2026-01-01'",
        "'r', 'refused:create:fourhse:incident:3:', 'fourhse', 'No.', 'f', 1, '2026-01-01'",
    ),
}
"""Two links, a loss on the first, and two calls that were refused, as the fifth form of the tables holds them."""
LEFT_SO = '{"title": {"procore": {}, "fourhse": {}, "settled": true}, "description": {"procore": {}, "fourhse": {}}}'


def test_what_was_not_kept_is_told_by_its_base_from_now_on(unused_store_url, clock):
    old, config = create_engine(unused_store_url), migrations()
    with old.begin() as config.attributes["connection"]:
        command.upgrade(config, "0005")
    with old.begin() as connection:
        for table, rows in FORM_5.items():
            for row in rows:
                connection.exec_driver_sql(f"INSERT INTO {table} VALUES ({row.format(base=LEFT_SO)})")  # noqa: S608
    old.dispose()
    store = Store(unused_store_url, clock=clock)
    store.upgrade()
    with store.begin() as unit:
        lost, left = unit.links("r").all()
        assert (lost.base["title"].lost_on, lost.base["title"].settled) == (Side.FOURHSE, False)
        assert lost.base["description"].lost_on is None
        assert (left.base["title"].lost_on, left.base["title"].settled) == (None, True)
        kept = ["refused:create:fourhse:incident:3:", "refused:update:procore:incident:2:description"]
        assert sorted(unit.journal("r").refusals()) == kept
    store.close()


FORM_11 = (
    '{"calls": {"procore": 7, "fourhse": 5}, "budget": {"procore": {"limit": 200, "remaining": 150}, "fourhse": {}}}',
    '{"calls": {"procore": 1, "fourhse": 1}, "budget": {"procore": {"limit": null}, "fourhse": {"limit": 0}}}',
    "{}",
)
"""The reports of three cycles of one day."""


def test_what_pages_add_up_of_cycles_is_taken_out_of_the_reports_that_are_there(unused_store_url, clock):
    old, config = create_engine(unused_store_url), migrations()
    with old.begin() as config.attributes["connection"]:
        command.upgrade(config, "0011")
    with old.begin() as connection:
        for report in FORM_11:
            insert = text("INSERT INTO cycle (route, began_at, report) VALUES ('r', :began_at, :report)")
            connection.execute(insert, {"began_at": f"{NOW:%Y-%m-%d %H:%M:%S.000000}", "report": report})
    old.dispose()
    store = Store(unused_store_url, clock=clock)
    store.upgrade()
    with store.read() as unit:
        (day,) = unit.cycles.by_day("r", NOW - timedelta(days=1)).values()
    store.close()
    assert (day.cycles, day.calls) == (3, {Side.PROCORE: 8, Side.FOURHSE: 6})
    assert day.used == {Side.PROCORE: 0.25, Side.FOURHSE: None}


def test_a_new_sqlite_file_belongs_to_its_owner_alone(tmp_path):
    old = os.umask(0)
    try:
        Store(f"sqlite:///{tmp_path}/new/sync.db").close()
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "new" / "sync.db").stat().st_mode) == 0o600


def test_a_store_that_cannot_be_used_says_what_to_look_at(tmp_path):
    (tmp_path / "sync.db").write_text("this is no database, and long enough to be seen as none" * 40)
    store = Store(f"sqlite:///{tmp_path}/sync.db")
    with pytest.raises(StoreError, match=r"store\.url"):
        store.upgrade()
    store.close()


def migrations() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return config


def revision(store: Store) -> str:
    with store.read() as unit:
        return str(unit.connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one())


def test_the_newest_migration_is_the_one_that_an_upgrade_looks_for():
    assert ScriptDirectory.from_config(migrations()).get_heads() == [REVISION]


def test_a_store_of_an_older_release_is_brought_up_to_date_and_then_left_alone(unused_store_url):
    store, config, engine = Store(unused_store_url), migrations(), create_engine(unused_store_url)
    with engine.begin() as config.attributes["connection"]:
        command.upgrade(config, "0001")
    engine.dispose()
    assert revision(store) == "0001"
    for _ in range(2):
        store.upgrade()
        assert revision(store) == REVISION
    store.close()


def test_without_tables_a_store_is_unusable(unused_store_url):
    store = Store(unused_store_url)
    with pytest.raises(StoreError), store.read() as unit:
        unit.links(ROUTE).all()
    store.close()


def link_and_fail(store: Store) -> None:
    with store.begin() as unit:
        unit.links(ROUTE).add("1", "a")
        raise ZeroDivisionError


def test_what_fails_half_way_leaves_nothing(store):
    with pytest.raises(ZeroDivisionError):
        link_and_fail(store)
    with store.read() as unit:
        assert unit.links(ROUTE).all() == ()


# Leases --------------------------------------------------------------------------------------------------------------


def take(store: Store, holder: Holder) -> int | None:
    with store.begin() as unit:
        return unit.leases.take(ROUTE, holder, ttl=TTL, grace=GRACE)


def test_one_holder_at_a_time_and_the_next_after_expiry_and_grace(store, clock):
    assert take(store, HERE) == 1
    assert take(store, THERE) is None
    clock.now = NOW + TTL + GRACE - timedelta(seconds=1)
    assert take(store, THERE) is None
    clock.now = NOW + TTL + GRACE
    assert take(store, THERE) == 2


def test_a_released_lease_is_free_at_once(store):
    token = take(store, HERE)
    with store.begin() as unit:
        unit.leases.release(ROUTE, token)
    assert take(store, THERE) == 2


def test_a_dead_process_of_this_host_is_succeeded_at_once(store):
    me = Holder.this_process()
    assert take(store, replace(me, pid=2**22 + 1, started="1")) == 1
    assert take(store, THERE) == 2
    with store.begin() as unit:
        unit.leases.release(ROUTE, 2)
    assert take(store, me) == 3
    assert take(store, THERE) is None, "this very process lives"


def test_an_old_token_commits_nothing(store, clock):
    old = take(store, HERE)
    clock.now = NOW + TTL + GRACE
    new = take(store, THERE)
    with pytest.raises(LeaseLost), store.begin(Fence(ROUTE, old)) as unit:
        unit.links(ROUTE).add("1", "a")
    with store.begin(Fence(ROUTE, new)) as unit:
        unit.links(ROUTE).add("2", "b")
    with store.read() as unit:
        assert [link.procore_id for link in unit.links(ROUTE).all()] == ["2"]


def test_a_lease_is_renewed_only_while_it_lasts(store, clock):
    token = take(store, HERE)
    clock.now = NOW + TTL - timedelta(seconds=1)
    with store.begin() as unit:
        assert unit.leases.renew(ROUTE, token, ttl=TTL)
    clock.now = NOW + 3 * TTL
    with store.begin() as unit:
        assert not unit.leases.renew(ROUTE, token, ttl=TTL)


# Staging -------------------------------------------------------------------------------------------------------------


def put(store: Store, pull: int, *records: RawRecord) -> int:
    with store.begin() as unit:
        return unit.staging(ROUTE).put(records, pull=pull, minimal=frozenset(), server_at=NOW)


def begin_pull(store: Store) -> int:
    with store.begin() as unit:
        return unit.routes.begin_pull(ROUTE, "riverside")


def test_a_page_is_staged_once_however_often_it_comes(store):
    assert put(store, 1, *(record(number) for number in range(900))) == 900
    assert put(store, 2, *(record(number) for number in range(900))) == 0
    with store.read() as unit:
        assert {pull for _, pull in unit.staging(ROUTE).records(Side.PROCORE, [Kind.INCIDENT])} == {1}
    assert put(store, 3, *(record(number, title="x" if number == 7 else None) for number in range(900))) == 900
    with store.read() as unit:
        assert unit.staging(ROUTE).count(Side.PROCORE, Kind.INCIDENT) == 900
        assert {pull for _, pull in unit.staging(ROUTE).records(Side.PROCORE, [Kind.INCIDENT])} == {3}


def test_pulls_are_numbered_whether_or_not_they_bring_anything(store):
    with store.read() as unit:
        assert unit.staging(ROUTE).last_pull() == 0
    assert [begin_pull(store), begin_pull(store)] == [1, 2]
    with store.begin() as unit:
        unit.staging(ROUTE).put_one(record(1), server_at=NOW)
        assert unit.staging(ROUTE).last_pull() == 2
        ((_, number),) = unit.staging(ROUTE).records(Side.PROCORE, [Kind.INCIDENT])
        assert number == 2


def test_what_a_certified_listing_did_not_hold_is_absent_and_may_come_back(store):
    put(store, 1, record(1), record(2))
    put(store, 2, record(2))
    with store.begin() as unit:
        unit.staging(ROUTE).mark_absent(Side.PROCORE, {Kind.INCIDENT: {"2"}})
    assert presence(store) == {"1": False, "2": True}
    put(store, 3, record(1))
    assert presence(store) == {"1": True, "2": True}


def presence(store: Store) -> dict[str, bool]:
    with store.read() as unit:
        rows = unit.staging(ROUTE).records(Side.PROCORE, [Kind.INCIDENT])
    return {staged.record.id: staged.present for staged, _ in rows}


def test_the_moment_of_a_status_is_when_it_was_first_seen(store):
    put(store, 1, record(1, updated_at="2026-03-01T10:00:00Z"))
    put(store, 2, record(1, status="closed", updated_at="2026-03-01T11:00:00Z"))
    put(store, 3, record(1, status="closed", title="Edited", updated_at="2026-03-01T12:00:00Z"))
    with store.read() as unit:
        staged = unit.staging(ROUTE).find(INCIDENT)
    assert staged.status_at == "2026-03-01T11:00:00Z"


def test_records_come_in_the_same_order_whatever_was_written_last(store):
    put(store, 1, *(record(number) for number in range(1, 6)))
    put(store, 2, record(2, status="closed"), record(4, status="closed"))
    with store.read() as unit:
        rows = unit.staging(ROUTE).records(Side.PROCORE, [Kind.INCIDENT])
    assert [staged.record.id for staged, _ in rows] == ["1", "2", "3", "4", "5"]


# Links, journal, tombstones ------------------------------------------------------------------------------------------


def test_a_base_keeps_the_raw_values_of_both_sides(store):
    base_of = Base({"title": 'A "quoted" <A> è'}, {"name": 'A "quoted" <A> è'}, settled=True)
    with store.begin() as unit:
        unit.links(ROUTE).add("1", "a", origin=Side.PROCORE, generation=3)
        unit.links(ROUTE).rebase(INCIDENT, {"title": base_of})
        unit.links(ROUTE).rebase(INCIDENT, {"day": Base({}, {})})
    with store.read() as unit:
        [link] = unit.links(ROUTE).all()
    assert (link.base["title"], set(link.base)) == (base_of, {"title", "day"})
    assert (link.origin, link.generation, link.state) == (Side.PROCORE, 3, LinkState.LIVE)


def test_a_new_partner_has_agreed_on_nothing_yet(store):
    with store.begin() as unit:
        links = unit.links(ROUTE)
        links.add("1", "a")
        links.rebase(INCIDENT, {"title": Base({}, {})})
        assert set(links.add("1", "a").base) == {"title"}
        assert links.add("1", "b", generation=1).base == {}
        links.add("7", "r", kind=Kind.INJURY, parent="1")
        assert links.add("8", "r", kind=Kind.INJURY, parent="2").parent == "2"  # Theirs stands in another incident.


def test_routes_do_not_see_each_other_s_links_but_know_of_them(store):
    with store.begin() as unit:
        unit.links("other").add("1", "a")
    with store.read() as unit:
        assert unit.links(ROUTE).all() == ()
        theirs = RecordRef(Side.FOURHSE, Kind.INCIDENT, "a")
        assert unit.links(ROUTE).linked_elsewhere([INCIDENT, theirs, replace(theirs, id="b")]) == {INCIDENT, theirs}
        assert unit.links(ROUTE).linked_elsewhere([replace(INCIDENT, kind=Kind.INJURY)]) == frozenset()
        assert unit.links("other").linked_elsewhere([INCIDENT, theirs]) == frozenset()


def test_an_intent_stays_open_until_its_outcome_and_keeps_the_whole_action(store):
    with store.begin() as unit:
        intent = unit.journal(ROUTE).intend(create(), cycle=1, before={}, server_at=NOW)
    with store.read() as unit:
        [found] = unit.journal(ROUTE).open()
    assert (found.id, found.action, found.server_at) == (intent.id, create(), NOW)
    with store.begin() as unit:
        unit.journal(ROUTE).end(intent.id, "done", answer={"id": "a"}, target_id="a")
    with store.read() as unit:
        assert unit.journal(ROUTE).open() == []
        [ended] = unit.journal(ROUTE).story("a")
    assert (ended.outcome, ended.answer, ended.action.target_id) == ("done", {"id": "a"}, "a")


def test_a_second_try_bears_the_token_of_the_first(store):
    with store.begin() as unit:
        first = unit.journal(ROUTE).intend(create(), cycle=1, before={}, server_at=NOW)
        unit.journal(ROUTE).end(first.id, "lost")
    with store.begin() as unit:
        second = unit.journal(ROUTE).intend(create(), cycle=2, before={}, server_at=NOW)
        stranger = unit.journal(ROUTE).intend(create("2"), cycle=2, before={}, server_at=NOW)
    with store.read() as unit:
        assert unit.journal(ROUTE).first_try(second) == first.id
        assert unit.journal(ROUTE).first_try(stranger) == stranger.id


def test_a_refused_call_waits_twice_as_long_each_time(store, clock):
    waits = []
    for _ in range(8):
        with store.begin() as unit:
            unit.journal(ROUTE).refuse("refused:1", Side.FOURHSE, "No.", "print")
            waits.append(unit.journal(ROUTE).refusals()["refused:1"].next_try - clock.now)
    assert waits[:3] == [timedelta(minutes=15), timedelta(minutes=30), timedelta(minutes=60)]
    assert waits[-1] == timedelta(hours=24)
    with store.begin() as unit:
        unit.journal(ROUTE).refuse("refused:1", Side.FOURHSE, "No.", "another print")
        assert unit.journal(ROUTE).refusals()["refused:1"].next_try == clock.now + timedelta(minutes=15)


def test_a_tombstone_keeps_the_last_image_and_the_evidence(store):
    for words in ("first", "second"):
        with store.begin() as unit:
            unit.links(ROUTE).bury(record(1, title=words), f"{words} evidence")
    with store.read() as unit:
        stone = unit.links(ROUTE).tombstone(INCIDENT)
    assert (stone.record.payload["title"], stone.evidence, stone.seen_at) == ("second", "second evidence", NOW)


# Inbox ---------------------------------------------------------------------------------------------------------------


def keep(store: Store, *items: Item, answers_in_use: tuple[str, ...] = ()) -> None:
    with store.begin() as unit:
        unit.inbox(ROUTE).keep(items, answers_in_use)


def waiting(store: Store) -> list[str]:
    with store.read() as unit:
        return [entry.item.key for entry in unit.inbox(ROUTE).entries()]


def decisions(store: Store) -> dict:
    with store.read() as unit:
        return unit.inbox(ROUTE).decisions()


def answer(store: Store, **given) -> None:
    with store.begin() as unit:
        [entry] = unit.inbox(ROUTE).entries()
        unit.inbox(ROUTE).answer(entry.id, {"verb": "resolve", "use": "procore", **given})


def test_one_cause_is_one_item_however_often_it_is_found(store, clock):
    keep(store, item())
    clock.now += timedelta(hours=1)
    keep(store, item(), item("difference:2:title"))
    with store.read() as unit:
        entries = unit.inbox(ROUTE).entries()
    assert [entry.since for entry in entries] == [NOW, NOW + timedelta(hours=1)]


def test_an_item_without_a_cause_closes_itself(store):
    keep(store, item())
    keep(store)
    assert waiting(store) == []


def test_an_answer_holds_for_what_was_seen(store):
    keep(store, item())
    answer(store)
    assert waiting(store) == []
    keep(store, item())
    assert (waiting(store), decisions(store)["difference:1:title"].use) == ([], "procore")
    keep(store, item(facts={"seen": "B"}))
    assert waiting(store) == ["difference:1:title"], "a side moved, so it is asked again"


def test_an_answer_that_is_being_carried_out_stays(store):
    keep(store, item())
    answer(store)
    keep(store, answers_in_use=("difference:1:title",))
    assert decisions(store)["difference:1:title"].seen == {"seen": "A"}
    keep(store)
    assert decisions(store) == {}


def test_a_withdrawn_answer_opens_the_item_again(store):
    keep(store, item())
    with store.read() as unit:
        [entry] = unit.inbox(ROUTE).entries()
    answer(store)
    with store.begin() as unit:
        unit.inbox(ROUTE).withdraw(entry.id)
    assert (waiting(store), decisions(store)) == (["difference:1:title"], {})


# Routes --------------------------------------------------------------------------------------------------------------


def test_what_a_route_learnt_stays_with_it(store):
    with store.begin() as unit:
        unit.routes.save(ROUTE, "riverside", cursor_at=NOW, ever_linked=True)
        unit.routes.remember(ROUTE, "riverside", put_whole=True)
        unit.routes.remember(ROUTE, "renamed", hides_unknown_time=True)
    with store.read() as unit:
        state = unit.routes.get(ROUTE)
    assert (state.cursor_at, state.ever_linked, state.name) == (NOW, True, "renamed")
    assert state.memory == RouteMemory(put_whole=True, hides_unknown_time=True)


def test_only_an_ended_cycle_is_the_last_one(store):
    with store.begin() as unit:
        first = unit.cycles.begin(ROUTE)
        unit.cycles.end(first, "ok", None, {"route": "riverside"})
        unit.cycles.begin(ROUTE)
    with store.read() as unit:
        assert unit.cycles.last(ROUTE).id == first


def test_a_process_of_which_only_its_entry_is_left_counts_as_dead():
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    started = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[19]
    holder = replace(Holder.this_process(), pid=child, started=started)
    dead = holder.is_known_dead()
    os.waitpid(child, 0)
    assert dead
