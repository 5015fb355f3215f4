"""A store that is busy, and one that somebody must mend: each is told apart, and in one sentence."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import event, make_url, text
from sqlalchemy.exc import DBAPIError

from actors import NOTHING, wrote
from procore_4hse.engine.cycle import Options, run_cycle
from procore_4hse.engine.run_routes import run_routes
from procore_4hse.errors import StoreBusy, StoreError
from procore_4hse.models import Kind, RecordRef, Side
from procore_4hse.store.failures import our_error
from procore_4hse.store.patience import Patience
from procore_4hse.store.repository import Store
from procore_4hse.store.schema import REVISION
from world import World

ROUTE = "1363617/office"
NEXT = "next cycle goes on"
LIMITS = ("lock_timeout", "idle_in_transaction_session_timeout")


@dataclass
class Waiting:
    """Time that passes only while somebody waits; `then` happens once the wait has lasted `after` seconds."""

    now: float = 0.0
    after: float = float("inf")
    then: Callable[[], object] = lambda: None
    pauses: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds
        if self.now >= self.after:
            self.after = float("inf")
            self.then()

    def patience(self, seconds: float = 10) -> Patience:
        return Patience(timedelta(seconds=seconds), timedelta(0), lambda: self.now, self.sleep)


@pytest.fixture
def waiting() -> Waiting:
    return Waiting()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A SQLite store with tables that nobody uses at the moment."""
    path = tmp_path / "data" / "sync.db"
    store = Store(f"sqlite:///{path}")
    store.upgrade()
    store.close()
    return path


@contextmanager
def opened(url: str, patience: Patience | None = None) -> Iterator[Store]:
    store = Store(url, patience=patience or Waiting().patience())
    try:
        yield store
    finally:
        store.close()


def write(store: Store) -> None:
    with store.begin() as unit:
        unit.links(ROUTE).add("1", "a")


def links(store: Store) -> int:
    with store.read() as unit:
        return len(unit.links(ROUTE).all())


def told(store: Store, work: Callable[[Store], object]) -> str:
    """The sentence that a person reads when the store cannot be used."""
    with pytest.raises(StoreError) as failed:
        work(store)
    return str(failed.value)


# Busy ------------------------------------------------------------------------------------------------------------


@contextmanager
def locked(file: Path) -> Iterator[sqlite3.Connection]:
    """Another process that writes."""
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield other
    finally:
        other.close()


def test_a_locked_store_is_waited_for_in_growing_pauses_and_then_used_once(file: Path, waiting: Waiting) -> None:
    with locked(file) as other, opened(f"sqlite:///{file}", waiting.patience()) as store:
        waiting.after, waiting.then = 3, lambda: other.execute("COMMIT")
        write(store)
        assert links(store) == 1
    assert waiting.pauses == sorted(waiting.pauses)
    assert 3 <= waiting.now < 5


def test_a_store_that_stays_locked_is_busy_and_no_work_was_begun(file: Path, waiting: Waiting) -> None:
    begun = []
    with locked(file), opened(f"sqlite:///{file}", waiting.patience()) as store:
        with pytest.raises(StoreBusy, match=NEXT), store.begin():
            begun.append(1)
        assert links(store) == 0, "reading goes on meanwhile"
    assert begun == []
    assert 10 <= waiting.now <= 11


def test_an_upgraded_store_is_not_locked_to_find_that_out(file: Path, waiting: Waiting) -> None:
    with locked(file), opened(f"sqlite:///{file}", waiting.patience()) as store:
        store.upgrade()
    assert waiting.pauses == []


@pytest.mark.any_store
def test_a_cycle_that_finds_the_store_locked_is_partial_and_frees_its_route(
    waiting: Waiting, build: Callable[..., World]
) -> None:
    world = build()
    world.on_site("Ladder", hour=9)
    others = locked_by(world, waiting)
    waiting.after, waiting.then = 1.6, lambda: others[0].close()
    report = run_cycle(world.runtime, world.route, Options(first=True))
    assert (report.outcome, report.exit_code, wrote(report)) == ("partial", 1, NOTHING)
    assert NEXT in str(report.reason)
    assert world.sync(first=True).outcome == "ok"
    assert len(world.office()) == 1


@pytest.mark.any_store
def test_a_cycle_that_cannot_even_be_told_is_partial_too(waiting: Waiting, build: Callable[..., World]) -> None:
    world = build()
    others = locked_by(world, waiting)
    summary = run_routes(world.runtime, [world.route], Options())
    others[0].close()
    assert (summary.outcome, summary.exit_code) == ("partial", 1)


def locked_by(world: World, waiting: Waiting) -> list[sqlite3.Connection]:
    """Somebody else takes the store when the first answer is on its way."""
    world.store._patience = waiting.patience(1)
    others: list[sqlite3.Connection] = []

    def lock(_request: object, _response: object) -> None:
        if not others:
            file = str(world.store.url.database)
            others.append(sqlite3.connect(file, isolation_level=None, check_same_thread=False))
            others[0].execute("BEGIN IMMEDIATE")

    world.faults.on_response.append(lock)
    return others


def test_a_connection_that_breaks_off_is_made_anew_for_the_next_work(postgres_url: str) -> None:
    with opened(postgres_url) as store:
        store.upgrade()
        with pytest.raises(StoreBusy, match=NEXT):
            write_and_lose_the_connection(store)
        write(store)
        assert links(store) == 1


def write_and_lose_the_connection(store: Store) -> None:
    with store.begin() as unit:
        unit.links(ROUTE).add("1", "a")
        end_connections(store)
        unit.links(ROUTE).add("2", "b")


def end_connections(store: Store) -> None:
    with psycopg.connect(
        host=store.url.query["host"], user="postgres", dbname=store.url.database, autocommit=True
    ) as admin:
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def test_a_lock_that_another_process_keeps_for_too_long_is_busy(postgres_url: str) -> None:
    with opened(postgres_url) as store, opened(postgres_url) as other:
        store.upgrade()
        write(store)
        with other.begin() as theirs:
            theirs.links(ROUTE).remove("1")
            with pytest.raises(StoreBusy, match=NEXT):
                remove_at_once(store)


def remove_at_once(store: Store) -> None:
    with store.begin() as unit:
        unit.connection.execute(text("SET LOCAL lock_timeout = '1ms'"))
        unit.links(ROUTE).remove("1")


def test_a_server_that_was_there_before_is_away_and_not_lost(postgres_url: str, tmp_path: Path) -> None:
    url = make_url(postgres_url)
    sockets, real = tmp_path / "s", Path(str(url.query["host"]))
    sockets.symlink_to(real)
    waiting = Waiting()
    with opened(str(url.set(query={"host": str(sockets)})), waiting.patience()) as store:
        store.upgrade()
        store.close()
        sockets.unlink()
        with pytest.raises(StoreBusy):
            links(store)
        assert waiting.now >= 10
        sockets.symlink_to(real)
        assert links(store) == 0


# To be mended ----------------------------------------------------------------------------------------------------


def test_a_server_that_never_answered_is_told_with_its_address_and_without_a_password(waiting: Waiting) -> None:
    with opened("postgresql+psycopg://sync:s3cret@127.0.0.1:1/sync", waiting.patience()) as store:
        sentence = told(store, Store.upgrade)
    assert sentence.startswith("Nothing answers at the PostgreSQL server at 127.0.0.1, port 1;")
    assert "s3cret" not in sentence
    assert "store.url" in sentence
    assert waiting.now >= 10


def test_an_unknown_user_or_database_is_told_at_once(postgres_url: str, waiting: Waiting) -> None:
    url = make_url(postgres_url)
    with opened(str(url.set(username="nobody")), waiting.patience()) as store:
        assert "refuses our user or password" in told(store, Store.upgrade)
    with opened(str(url.set(database="nowhere")), waiting.patience()) as store:
        assert "no database of that name" in told(store, Store.upgrade)
    assert waiting.pauses == []


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ('FATAL:  password authentication failed for user "sync"', "refuses our user or password"),
        ("fe_sendauth: no password supplied", "refuses our user or password"),
        ('FATAL:  no pg_hba.conf entry for host "10.0.0.7"', "refuses our user or password"),
        ("FATAL:  the database system is starting up", NEXT),
        ("FATAL:  sorry, too many clients already", NEXT),
        ('could not translate host name "db" to address: Name or service not known', "Nothing answers"),
    ],
)
def test_what_postgresql_says_to_those_whom_it_lets_not_in(words: str, meant: str) -> None:
    url = make_url("postgresql+psycopg://sync:s3cret@db/sync")
    ours = our_error(wrapped(psycopg.OperationalError(f"connection failed: {words}")), url)
    assert meant in str(ours)
    assert "s3cret" not in str(ours)


def wrapped(error: psycopg.Error) -> DBAPIError:
    return DBAPIError.instance(None, None, error, psycopg.Error)


@pytest.mark.parametrize(
    ("pragma", "said"),
    [("query_only = ON", "read-only"), ("max_page_count = {pages}", "no room left")],
    ids=["read-only", "full"],
)
def test_a_file_that_takes_no_writes_says_why(file: Path, pragma: str, said: str) -> None:
    setting = "PRAGMA " + pragma.format(pages=file.stat().st_size // 4096)
    with opened(f"sqlite:///{file}") as store:
        event.listen(store._writing, "connect", lambda connection, _: connection.execute(setting))
        sentence = told(store, fill)
    assert said in sentence
    assert "store file sync.db" in sentence


def fill(store: Store) -> None:
    with store.begin() as unit:
        for number in range(2000):
            unit.links(ROUTE).add(str(number), f"{number:036}")


def test_a_damaged_file_is_told_as_one(file: Path) -> None:
    whole = file.read_bytes()
    file.write_bytes(whole[:4096] + b"\xff" * (len(whole) - 4096))
    with opened(f"sqlite:///{file}") as store:
        assert "is damaged" in told(store, links)


def test_a_folder_that_is_gone_is_told(file: Path) -> None:
    with opened(f"sqlite:///{file}") as store:
        shutil.rmtree(file.parent)
        assert "cannot be opened" in told(store, links)


def test_a_store_of_a_newer_version_is_left_alone(store_url: str) -> None:
    with opened(store_url) as store:
        store.upgrade()
        with store.begin() as unit:
            unit.connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        try:
            sentence = told(store, Store.upgrade)
        finally:
            with store.begin() as unit:
                unit.connection.execute(text("UPDATE alembic_version SET version_num = :known"), {"known": REVISION})
    assert "newer version" in sentence
    assert "9999" in sentence


def test_a_store_without_its_tables_says_how_they_are_made(tmp_path: Path) -> None:
    with opened(f"sqlite:///{tmp_path}/sync.db") as store:
        assert "db upgrade" in told(store, links)


def test_a_mistake_of_ours_is_not_blamed_on_the_store(file: Path) -> None:
    with opened(f"sqlite:///{file}") as store, pytest.raises(ZeroDivisionError), store.begin() as unit:
        unit.links(ROUTE).find(RecordRef(Side.PROCORE, Kind.INCIDENT, str(1 // 0)))


def test_a_process_stopped_in_the_middle_of_a_write_keeps_nobody_out_for_ever(postgres_url: str) -> None:
    with opened(postgres_url) as store, store.begin() as unit:
        asked = [unit.connection.execute(text(f"SHOW {name}")).scalar_one() for name in LIMITS]
    assert asked == ["30s", "2min"]
    with opened(postgres_url) as store, store.read() as unit:
        asked = [unit.connection.execute(text(f"SHOW {name}")).scalar_one() for name in LIMITS]
    assert asked == ["0", "0"], "a reader may wait for a vendor in between, and holds no lock"
