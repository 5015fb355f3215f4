"""The only file that opens a connection: units of work over the staging store."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from procore_4hse.errors import LeaseLost, StoreError
from procore_4hse.store.inbox import Inbox
from procore_4hse.store.journal import Journal
from procore_4hse.store.leases import Leases
from procore_4hse.store.links import Links
from procore_4hse.store.purge import Purge
from procore_4hse.store.routes import Cycles, Routes
from procore_4hse.store.staging import Staging

UPGRADE = 6026_03_01
"""Names the lock under which one process at a time upgrades a PostgreSQL store."""
MIGRATIONS = Path(__file__).parent / "migrations"
REVISION = "0003"
"""The newest migration; a store that has it is up to date."""

VERSIONS = sa.table("alembic_version", sa.column("version_num", sa.String))


@dataclass(frozen=True)
class Fence:
    """The right to commit for a route: the lease's token must still be this one."""

    route: str
    token: int


class Unit:
    """One transaction. What is done in it happens together or not at all."""

    def __init__(self, connection: sa.Connection, now: datetime) -> None:
        self.connection = connection
        self.now = now
        self.routes = Routes(connection, now)
        self.cycles = Cycles(connection, now)
        self.leases = Leases(connection, now)

    def staging(self, route: str) -> Staging:
        return Staging(self.connection, route, self.now)

    def links(self, route: str) -> Links:
        return Links(self.connection, route, self.now)

    def journal(self, route: str) -> Journal:
        return Journal(self.connection, route, self.now)

    def inbox(self, route: str) -> Inbox:
        return Inbox(self.connection, route, self.now)

    def purge(self, route: str) -> Purge:
        return Purge(self.connection, route, self.now)


class Store:
    """A SQLite file (created with mode 0600, WAL, durable) or a PostgreSQL database.

    `clock` gives the store's own time; without one, PostgreSQL's clock is used so that machines agree.
    """

    def __init__(self, url: str, *, clock: Callable[[], datetime] | None = None) -> None:
        self.url = sa.engine.make_url(url)
        self._clock = clock
        _prepare_file(self.url)
        self._writing = _engine(self.url, begin="BEGIN IMMEDIATE")
        self._reading = _engine(self.url, begin="BEGIN")

    def upgrade(self) -> None:
        """Creates the tables or brings them up to date; nothing happens when they are."""
        with _as_store_error():
            with self._reading.connect() as connection:
                if _revision(connection) == REVISION:
                    return
            with self._writing.begin() as connection:
                if self.url.get_backend_name() == "postgresql":
                    connection.execute(sa.select(sa.func.pg_advisory_xact_lock(UPGRADE)))
                _migrate(connection)

    @contextmanager
    def begin(self, fence: Fence | None = None) -> Iterator[Unit]:
        """A transaction that may write; with a fence it commits only while the lease is held. Raises LeaseLost."""
        with _as_store_error(), self._writing.connect() as connection:
            unit = Unit(connection, self._now(connection))
            yield unit
            if fence is not None and not unit.leases.is_held(fence.route, fence.token):
                raise LeaseLost("Another process took this route over; it goes on from here, and this one stops.")
            connection.commit()

    @contextmanager
    def read(self) -> Iterator[Unit]:
        """A transaction that only reads."""
        with _as_store_error(), self._reading.connect() as connection:
            yield Unit(connection, self._now(connection))

    def rewrite(self, *, patience: timedelta = timedelta(seconds=5)) -> bool:
        """Leaves nothing in a SQLite file that was removed from it; False while another process reads or writes it.

        PostgreSQL uses the room of removed rows again by itself.
        """
        if self.url.get_backend_name() != "sqlite":
            return True
        connection = self._writing.raw_connection()
        try:
            connection.cursor().execute(f"PRAGMA busy_timeout = {patience // timedelta(milliseconds=1)}")
            for statement in ("VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)"):
                busy = connection.cursor().execute(statement).fetchone()
        except sqlite3.OperationalError:
            return False
        finally:
            connection.invalidate()
        return busy is not None and busy[0] == 0

    def close(self) -> None:
        self._writing.dispose()
        self._reading.dispose()

    def _now(self, connection: sa.Connection) -> datetime:
        if self._clock is not None:
            return self._clock()
        if self.url.get_backend_name() == "postgresql":
            moment: datetime = connection.execute(sa.select(sa.func.clock_timestamp())).scalar_one()
            return moment.astimezone(UTC)
        return datetime.now(UTC)


def _revision(connection: sa.Connection) -> str | None:
    """The migration that this store had last; None for a store without tables."""
    if not sa.inspect(connection).has_table(VERSIONS.name):
        return None
    return connection.execute(sa.select(VERSIONS.c.version_num)).scalar_one_or_none()


def _migrate(connection: sa.Connection) -> None:
    # Most commands find the store up to date and never need this library, which is slow to load.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


@contextmanager
def _as_store_error() -> Iterator[None]:
    try:
        yield
    except SQLAlchemyError as error:
        name = type(getattr(error, "orig", None) or error).__name__
        raise StoreError(
            f"The store cannot be used ({name}). Check store.url, that the database runs and that there is room."
        ) from error


def _prepare_file(url: sa.engine.URL) -> None:
    """A new SQLite file belongs to its owner alone."""
    if url.get_backend_name() != "sqlite" or not url.database or url.database == ":memory:":
        return
    path = Path(url.database)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except OSError as error:
        raise StoreError(f"The store file {path.name} cannot be made: {error.strerror}. Check store.url.") from error


def _engine(url: sa.engine.URL, *, begin: str) -> sa.Engine:
    if url.get_backend_name() != "sqlite":
        return sa.create_engine(url, pool_pre_ping=True)
    engine = sa.create_engine(url, connect_args={"timeout": 30, "check_same_thread": False})

    @sa.event.listens_for(engine, "connect")
    def _settings(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=30000"):
            connection.execute(f"PRAGMA {pragma}")

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine
