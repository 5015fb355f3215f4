"""What Procore's hooks prove with that they are ours, and which of their events came already."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision: str | None = "0011"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    op.create_table(
        "hook_token",
        sa.Column("hash", sa.String, primary_key=True),
        sa.Column("key", sa.String, nullable=False),
        sa.Column("project", sa.String, nullable=False),
        sa.Column("hook", sa.String, nullable=True),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
    )
    op.create_index("ix_hook_token_project", "hook_token", ["project"])
    op.create_table(
        "hook_event",
        sa.Column("project", sa.String, primary_key=True),
        sa.Column("event", sa.String, primary_key=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_hook_event_at", "hook_event", ["at"])
