"""The tables of a store, brought to the form that this program knows."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from procore_4hse.errors import StoreError

UPGRADE = 6026_03_01
"""Names the lock under which one process at a time upgrades a PostgreSQL store."""
MIGRATIONS = Path(__file__).parent / "migrations"


def is_current(connection: sa.Connection) -> bool:
    """Whether nothing is left to do. Raises StoreError for a store that only a newer version can read."""
    script = ScriptDirectory.from_config(_config())
    found = set(MigrationContext.configure(connection).get_current_heads())
    if unknown := found - {one.revision for one in script.walk_revisions()}:
        raise StoreError(
            f"The store was brought up to date by a newer version of this program (its tables are of form "
            f"{', '.join(sorted(unknown))}); install that version again, or restore the store's backup from before."
        )
    return found == set(script.get_heads())


def upgrade(connection: sa.Connection) -> None:
    """Runs what is missing, in the transaction of this connection."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(UPGRADE)))
    if not is_current(connection):
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    return config
