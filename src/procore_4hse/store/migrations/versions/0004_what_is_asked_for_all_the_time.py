"""Indexes for what every cycle asks, so that an old store answers as quickly as a new one; and a lease's own span."""

from collections.abc import Mapping

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision: str | None = "0003"
branch_labels: str | None = None
depends_on: str | None = None

OLD = {
    "raw_record": ("ix_raw_record_pull",),
    "link": ("ix_link_procore", "ix_link_fourhse"),
    "journal": ("ix_journal_open", "ix_journal_source_id"),
    "inbox": ("ix_inbox_route",),
    "tombstone": ("ix_tombstone_route",),
    "cycle": ("ix_cycle_route",),
}
NEW: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "raw_record": {"ix_raw_record_pull": ("route", "pull")},
    "link": {
        "ix_link_procore": ("procore_id", "route"),
        "ix_link_fourhse": ("fourhse_id", "route"),
        "ix_link_parent": ("route", "parent"),
    },
    "journal": {
        "ix_journal_outcome": ("route", "outcome", "made_at"),
        "ix_journal_source": ("source_id", "route"),
        "ix_journal_target": ("target_id", "route"),
    },
    "inbox": {"ix_inbox_key": ("route", "state", "key")},
    "tombstone": {"ix_tombstone_record": ("route", "side", "kind", "record_id")},
    "cycle": {"ix_cycle_latest": ("route", "id")},
}
SOME = {
    "ix_raw_record_absent": ("raw_record", ("route",), "absent", "absent = 1"),
    "ix_link_removed": ("link", ("route",), "removed", "removed = 1"),
    "ix_link_born_private": ("link", ("route",), "born_private", "born_private = 1"),
    "ix_journal_recent": ("journal", ("route", "cycle"), "purged_at IS NULL", "purged_at IS NULL"),
}
"""Indexes of a few rows: table, columns, and which rows, on PostgreSQL and on SQLite."""


def upgrade() -> None:
    for table, names in OLD.items():
        for name in names:
            op.drop_index(name, table_name=table)
    for table, indexes in NEW.items():
        for name, columns in indexes.items():
            op.create_index(name, table, list(columns))
    for name, (table, columns, where, on_sqlite) in SOME.items():
        op.create_index(name, table, list(columns), postgresql_where=sa.text(where), sqlite_where=sa.text(on_sqlite))
    with op.batch_alter_table("lease", schema=None) as batch_op:
        batch_op.add_column(sa.Column("seconds", sa.Float(), nullable=True))
