"""What an error of the database means to us: a store that has no time now, or one that somebody must mend first."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from procore_4hse.errors import StoreBusy, StoreError, SyncError

LOCKED = "The store was busy: others kept it locked; the next cycle goes on."
BROKEN_OFF = "The connection to the store broke off; the next cycle goes on from what was committed."
FULL_HOUSE = "The store was busy: it takes no more connections for now; the next cycle goes on."
AWAY = "Nothing answers at {place}; check that the database runs, and the host and port in store.url."

NO_TABLES = "{place} lacks a table or a column that this program needs; run: procore-4hse db upgrade"
READ_ONLY = "{place} cannot be written: it is read-only; let this account write to it, or correct store.url."
NO_ROOM = "There is no room left on the disk of {place}; make room and run this again."
DAMAGED = "{place} is damaged; restore it from a backup."
REFUSED = "{place} refuses our user or password; correct them in store.url."
UNKNOWN = "{place} cannot be used ({name}); check store.url, that the database runs and that there is room."

SURROUNDINGS = (sqlite3.OperationalError, sqlite3.InternalError)
"""What the program that asks cannot help. All others are mistakes of ours."""

SQLITE_BUSY = frozenset((sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL))
SQLITE = {
    sqlite3.SQLITE_READONLY: READ_ONLY,
    sqlite3.SQLITE_PERM: READ_ONLY,
    sqlite3.SQLITE_FULL: NO_ROOM,
    sqlite3.SQLITE_CORRUPT: DAMAGED,
    sqlite3.SQLITE_NOTADB: "{place} is no SQLite database; check store.url.",
    sqlite3.SQLITE_CANTOPEN: "{place} cannot be opened; check store.url, and its folder.",
    sqlite3.SQLITE_IOERR: "The disk of {place} cannot be read or written; check it, and that it is no network drive.",
}

POSTGRESQL_BUSY = {
    "40001": LOCKED,
    "40P01": LOCKED,
    "55P03": LOCKED,
    "57014": LOCKED,
    "53300": FULL_HOUSE,
    "57P03": FULL_HOUSE,
    "57P01": BROKEN_OFF,
    "57P02": BROKEN_OFF,
    "57P05": BROKEN_OFF,
    "25P03": BROKEN_OFF,
    "08000": BROKEN_OFF,
    "08003": BROKEN_OFF,
    "08006": BROKEN_OFF,
}
POSTGRESQL = {
    "53100": NO_ROOM,
    "25006": "{place} only lets us read; point store.url to the server that takes writes.",
    "42501": "{place} does not let our user do this; give it the rights to its database's tables.",
    "28P01": REFUSED,
    "28000": REFUSED,
    "3D000": "{place} has no database of that name; make it, or correct store.url.",
    "42P01": NO_TABLES,
    "42703": NO_TABLES,
    "XX001": DAMAGED,
    "XX002": DAMAGED,
}
UNTOLD = (
    (r"password authentication failed|no password supplied", "28P01"),
    (r'pg_hba\.conf|role "[^"]*" (does not exist|is not permitted)', "28000"),
    (r'database "[^"]*" does not exist', "3D000"),
    (r"starting up|shutting down|recovery mode|not (yet|currently) accepting", "57P03"),
    (r"too many (clients|connections)|connection slots", "53300"),
)
"""What PostgreSQL says when it lets nobody in, and the state that it means: the library has no state for it then."""


class NoAnswer(StoreBusy):
    """Nobody answers where the store should be: it is away for a while, or its address is wrong."""


@contextmanager
def as_our_errors(url: URL) -> Iterator[None]:
    """An error that the database's surroundings explain becomes one of ours; a mistake of ours stays what it is."""
    try:
        yield
    except SQLAlchemyError as error:
        ours = our_error(error, url)
        if ours is None:
            raise
        raise ours from error


def our_error(error: SQLAlchemyError, url: URL) -> SyncError | None:
    """StoreBusy or StoreError; None for what neither waiting nor mending the store would change."""
    if isinstance(error, PoolTimeout):
        return StoreBusy(LOCKED)
    cause = error.orig if isinstance(error, DBAPIError) else None
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return StoreBusy(BROKEN_OFF)
    if isinstance(cause, sqlite3.DatabaseError):
        return of_sqlite(cause, url)
    return _of_postgresql(cause, url) if url.get_backend_name() == "postgresql" else None


def of_sqlite(cause: sqlite3.DatabaseError, url: URL) -> SyncError | None:
    code = getattr(cause, "sqlite_errorcode", sqlite3.SQLITE_OK) & 0xFF  # The rest of an extended code is detail.
    if code in SQLITE_BUSY:
        return StoreBusy(LOCKED)
    if str(cause).startswith(("no such table", "no such column")):
        return _unusable(NO_TABLES, cause, url)
    if sentence := SQLITE.get(code):
        return _unusable(sentence, cause, url)
    return _unusable(UNKNOWN, cause, url) if isinstance(cause, SURROUNDINGS) else None


def _of_postgresql(cause: BaseException | None, url: URL) -> SyncError | None:
    # Most stores are SQLite, and never need this library, which is slow to load.
    import psycopg

    if not isinstance(cause, psycopg.Error):
        return None
    state = cause.sqlstate or next((state for words, state in UNTOLD if re.search(words, str(cause))), "")
    if sentence := POSTGRESQL_BUSY.get(state):
        return StoreBusy(sentence)
    if sentence := POSTGRESQL.get(state):
        return _unusable(sentence, cause, url)
    if isinstance(cause, psycopg.OperationalError) and not state:
        return NoAnswer(_told(AWAY, cause, url))
    surroundings = (psycopg.OperationalError, psycopg.InternalError)
    return _unusable(UNKNOWN, cause, url) if isinstance(cause, surroundings) else None


def _unusable(sentence: str, cause: Exception, url: URL) -> StoreError:
    return StoreError(_told(sentence, cause, url))


def _told(sentence: str, cause: Exception, url: URL) -> str:
    text = sentence.format(place=place_of(url), name=type(cause).__name__)
    return text[0].upper() + text[1:]


def place_of(url: URL) -> str:
    """The store in words, without what a URL may keep secret."""
    if url.get_backend_name() == "sqlite":
        return f"the store file {(url.database or ':memory:').rpartition('/')[2]}"
    host = url.host or url.query.get("host") or "this machine"
    port = f", port {url.port}" if url.port else ""
    return f"the PostgreSQL server at {host}{port}"
