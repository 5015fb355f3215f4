"""Pulls are counted by their route, for one that finds nothing new leaves no number behind in what it read.

And an index finds a route's last success, which stays when old cycles go.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision: str | None = "0005"
branch_labels: str | None = None
depends_on: str | None = None

ROUTES = sa.table("route", sa.column("key"), sa.column("pulls"))
RECORDS = sa.table("raw_record", sa.column("route"), sa.column("pull"))


def upgrade() -> None:
    with op.batch_alter_table("route", schema=None) as batch_op:
        batch_op.add_column(sa.Column("pulls", sa.Integer(), nullable=False, server_default="0"))
    newest = sa.select(sa.func.max(RECORDS.c.pull)).where(RECORDS.c.route == ROUTES.c.key).scalar_subquery()
    op.execute(sa.update(ROUTES).values(pulls=sa.func.coalesce(newest, 0)))
    op.drop_index("ix_raw_record_pull", table_name="raw_record")
    op.create_index("ix_cycle_outcome", "cycle", ["route", "outcome", "id"])
