"""The only file that opens a connection: units of work over the staging store."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from procore_4hse.apis import Quota
from procore_4hse.errors import LeaseLost, StoreBusy, StoreError
from procore_4hse.store import schema
from procore_4hse.store.account_facts import AccountFacts
from procore_4hse.store.alerts import Alerts
from procore_4hse.store.budgets import Budgets
from procore_4hse.store.decisions import Decisions
from procore_4hse.store.desk import Desk
from procore_4hse.store.failures import NoAnswer, as_our_errors, of_sqlite
from procore_4hse.store.hooks import Hooks
from procore_4hse.store.inbox import Inbox
from procore_4hse.store.journal import Journal
from procore_4hse.store.leases import Leases
from procore_4hse.store.links import Links
from procore_4hse.store.patience import Patience
from procore_4hse.store.purge import Purge
from procore_4hse.store.routes import Cycles, Routes
from procore_4hse.store.schedule import Schedule
from procore_4hse.store.staging import Staging
from procore_4hse.store.standing import Standings
from procore_4hse.store.tallies import Tallies

PATIENCE = Patience()
READ_WAIT = timedelta(seconds=30)
"""How long SQLite waits for the rare locks that concern readers: they come up in the middle of a caller's work."""
POSTGRESQL = {
    "connect_timeout": 10,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}
"""A server that is gone is noticed within about a minute; libpq's own defaults take hours. A URL may say otherwise."""
WRITE_LIMITS = ("SET lock_timeout = '30s'", "SET idle_in_transaction_session_timeout = '120s'")
"""A process that was stopped in the middle of a transaction must not keep its rows locked from everybody else."""


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
        self.schedule = Schedule(connection, now)
        self.budgets = Budgets(connection, now)
        self.account_facts = AccountFacts(connection)
        self.desk = Desk(connection, now)
        self.hooks = Hooks(connection, now)
        self.standings = Standings(connection, now)
        self.tallies = Tallies(connection)
        self.alerts = Alerts(connection, now)

    def staging(self, route: str) -> Staging:
        return Staging(self.connection, route, self.now)

    def links(self, route: str) -> Links:
        return Links(self.connection, route, self.now)

    def journal(self, route: str) -> Journal:
        return Journal(self.connection, route, self.now)

    def inbox(self, route: str) -> Inbox:
        return Inbox(self.connection, route, self.now)

    def decisions(self, route: str) -> Decisions:
        return Decisions(self.connection, route, self.now)

    def purge(self, route: str) -> Purge:
        return Purge(self.connection, route, self.now)


class Store:
    """A SQLite file (created with mode 0600, WAL, durable) or a PostgreSQL database.

    `clock` gives the store's own time; without one, PostgreSQL's clock is used so that machines agree.
    """

    def __init__(self, url: str, *, clock: Callable[[], datetime] | None = None, patience: Patience = PATIENCE) -> None:
        self.url = sa.engine.make_url(url)
        self._clock = clock
        self._patience = patience
        self._has_answered = False
        _prepare_file(self.url)
        self._writing = _engine(self.url, begin="BEGIN IMMEDIATE", lock_wait=patience.lock_wait, setup=WRITE_LIMITS)
        self._reading = _engine(self.url, begin="BEGIN", lock_wait=READ_WAIT)

    def upgrade(self) -> None:
        """Creates the tables or brings them up to date; nothing happens, and nobody is waited for, when they are."""
        with self.read() as unit:
            if schema.is_current(unit.connection):
                return
        with self.begin() as unit:
            schema.upgrade(unit.connection)

    @contextmanager
    def begin(self, fence: Fence | None = None) -> Iterator[Unit]:
        """A transaction that may write; with a fence it commits only while the lease is held.

        Raises LeaseLost, StoreBusy when others keep the store locked for long, and StoreError.
        """
        with self._unit(self._writing) as unit:
            yield unit
            if fence is not None and not unit.leases.is_held(fence.route, fence.token):
                raise LeaseLost("Another process took this route over; it goes on from here, and this one stops.")
            unit.connection.commit()

    @contextmanager
    def read(self) -> Iterator[Unit]:
        """A transaction that only reads."""
        with self._unit(self._reading) as unit:
            yield unit

    @contextmanager
    def _unit(self, engine: sa.Engine) -> Iterator[Unit]:
        with as_our_errors(self.url):
            unit = self._open(engine)
            with unit.connection:
                yield unit

    def _open(self, engine: sa.Engine) -> Unit:
        """Connected, and with the write lock where one is needed: until here waiting and asking again does no harm."""
        try:
            unit = self._patience.ask(lambda: self._try_to_open(engine))
        except NoAnswer as error:
            if self._has_answered:
                raise
            raise StoreError(str(error)) from error
        self._has_answered = True
        return unit

    def _try_to_open(self, engine: sa.Engine) -> Unit:
        with as_our_errors(self.url), ExitStack() as unless_open:
            connection = unless_open.enter_context(engine.connect())
            connection.begin()
            unit = Unit(connection, self._now(connection))
            unless_open.pop_all()  # From here on whoever asked for the unit closes its connection.
            return unit

    def rewrite(self, *, patience: timedelta = timedelta(seconds=5)) -> bool:
        """Leaves nothing in a SQLite file that was removed from it; False while another process reads or writes it.

        PostgreSQL uses the room of removed rows again by itself.
        """
        if self.url.get_backend_name() != "sqlite":
            return True
        with as_our_errors(self.url), self._writing.connect() as opened:
            return self._rewritten(opened, patience)

    def _rewritten(self, opened: sa.Connection, patience: timedelta) -> bool:
        connection = opened.connection
        try:
            connection.cursor().execute(f"PRAGMA busy_timeout = {patience // timedelta(milliseconds=1)}")
            for statement in ("VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)"):
                busy = connection.cursor().execute(statement).fetchone()
        except sqlite3.OperationalError as error:
            if isinstance(ours := of_sqlite(error, self.url), StoreBusy):
                return False
            raise ours or error from error
        finally:
            connection.invalidate()
        return busy is not None and busy[0] == 0

    def reopen(self) -> None:
        """Connects anew and looks at every table. Raises StoreError when the store cannot be used, and StoreBusy."""
        self.close()
        with self.read() as unit:
            schema.look_at_every_table(unit.connection)

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


@dataclass(frozen=True)
class AccountBudget:
    """A credential's budget in the store, for the connection of one process."""

    store: Store
    account: str

    def exchange(self, told: Sequence[Quota], spent: int) -> Sequence[Quota]:
        """See SharedBudget. Nothing is written while there is nothing to tell."""
        if not told and not spent:
            with self.store.read() as unit:
                return unit.budgets.quotas(self.account)
        with self.store.begin() as unit:
            unit.budgets.tell(self.account, told, spent)
            return unit.budgets.quotas(self.account)


@dataclass(frozen=True)
class AccountPageSize:
    """How many rows 4HSE grants a credential on a page, in the store."""

    store: Store
    account: str
    usual: int

    def rows(self) -> int:
        """See PageSize."""
        with self.store.read() as unit:
            granted = unit.account_facts.get(self.account, PAGE_ROWS)
        return self.usual if granted is None else int(granted)

    def remember(self, rows: int) -> None:
        """See PageSize."""
        with self.store.begin() as unit:
            unit.account_facts.set(self.account, PAGE_ROWS, rows)

    def forget(self) -> None:
        """See PageSize."""
        with self.store.begin() as unit:
            unit.account_facts.forget(self.account, PAGE_ROWS)


PAGE_ROWS = "rows on a page"


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


def _engine(url: sa.engine.URL, *, begin: str, lock_wait: timedelta, setup: tuple[str, ...] = ()) -> sa.Engine:
    if url.get_backend_name() != "sqlite":
        return _postgresql(url, setup)
    engine = sa.create_engine(url, connect_args={"check_same_thread": False})
    pragmas = (
        f"busy_timeout={lock_wait // timedelta(milliseconds=1)}",
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
    )

    @sa.event.listens_for(engine, "connect")
    def _settings(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


def _postgresql(url: sa.engine.URL, setup: tuple[str, ...]) -> sa.Engine:
    waits = {name: value for name, value in POSTGRESQL.items() if name not in url.query}
    engine = sa.create_engine(url, pool_pre_ping=True, connect_args=waits)

    @sa.event.listens_for(engine, "connect")
    def _settings(connection: Any, _record: Any) -> None:
        for statement in setup:
            connection.execute(statement)
        connection.commit()

    return engine
