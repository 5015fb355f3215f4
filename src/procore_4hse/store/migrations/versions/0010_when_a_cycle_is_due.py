"""When each route's next cycle is due, and which routes are paused. A route without a row is due at once."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision: str | None = "0009"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    op.create_table(
        "schedule",
        sa.Column("route", sa.String, primary_key=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.String, nullable=False),
        sa.Column("every_seconds", sa.Float, nullable=True),
        sa.Column("wakes", sa.Integer, nullable=False, server_default="0"),
        sa.Column("active_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("account", sa.String, nullable=False, server_default=""),
        sa.Column("procore_calls", sa.Float, nullable=True),
        sa.Column("fourhse_calls", sa.Float, nullable=True),
        sa.Column("paused_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("paused_seconds", sa.Float, nullable=True),
        sa.Column("note", sa.String, nullable=False, server_default=""),
    )
