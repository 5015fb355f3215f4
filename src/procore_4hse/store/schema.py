"""The tables of a store, brought to the form that this program knows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlmodel import SQLModel

from procore_4hse.errors import StoreError

UPGRADE = 6026_03_01
"""Names the lock under which one process at a time upgrades a PostgreSQL store."""
MIGRATIONS = Path(__file__).parent / "migrations"
REVISION = "0015"
"""The newest migration; a store that has it is up to date."""

VERSIONS = sa.table("alembic_version", sa.column("version_num", sa.String))


def has_tables(connection: sa.Connection) -> bool:
    """False before the first cycle."""
    return sa.inspect(connection).has_table(VERSIONS.name)


def is_current(connection: sa.Connection) -> bool:
    """Whether nothing is left to do. Raises StoreError for a store that only a newer version can read."""
    known = _revision(connection)
    if known == REVISION:
        return True
    if known is not None and not (MIGRATIONS / "versions").joinpath(_file_of(known)).exists():
        raise StoreError(
            "The store was brought up to date by a newer version of this program (its tables are of form "
            f"{known}); install that version again, or restore the store's backup from before."
        )
    return False


def upgrade(connection: sa.Connection) -> None:
    """Runs what is missing, in the transaction of this connection."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(UPGRADE)))
    if not is_current(connection):
        # Most commands find the store up to date and never need this library, which is slow to load.
        from alembic import command

        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def look_at_every_table(connection: sa.Connection) -> None:
    for table in SQLModel.metadata.sorted_tables:
        connection.execute(sa.select(sa.literal(1)).select_from(table).limit(1))


def _revision(connection: sa.Connection) -> str | None:
    """The migration that this store had last; None for a store without tables."""
    if not has_tables(connection):
        return None
    return connection.execute(sa.select(VERSIONS.c.version_num)).scalar_one_or_none()


def _file_of(revision: str) -> str:
    return next((path.name for path in (MIGRATIONS / "versions").glob(f"{revision}_*.py")), "unknown")


def _config() -> Any:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    return config
