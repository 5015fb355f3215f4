"""What may be purged: since when a record is absent, and whose values were removed."""

import sqlalchemy as sa
from alembic import op

from procore_4hse.store.tables import Instant

revision = "0002"
down_revision: str | None = "0001"
branch_labels: str | None = None
depends_on: str | None = None

COLUMNS = {"raw_record": "absent_at", "journal": "purged_at", "inbox": "purged_at", "tombstone": "purged_at"}


def upgrade() -> None:
    for table, column in COLUMNS.items():
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.add_column(sa.Column(column, Instant(), nullable=True))
