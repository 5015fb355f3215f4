"""The calls that each vendor still allows, shared by all processes of one credential."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision: str | None = "0010"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    op.create_table(
        "call_budget",
        sa.Column("account", sa.String, primary_key=True),
        sa.Column("calls", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("remaining", sa.Integer, nullable=False),
        sa.Column("resets_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seconds", sa.Float, nullable=False),
    )
