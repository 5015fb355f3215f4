"""Who signed in to the desk, and who opened which record with health data there."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision: str | None = "0007"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    op.create_table(
        "desk_session",
        sa.Column("key", sa.String, primary_key=True),
        sa.Column("link", sa.String, nullable=True),
        sa.Column("who", sa.String, nullable=False),
        sa.Column("grants", sa.JSON, nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.UniqueConstraint("link"),
    )
    op.create_table(
        "desk_view",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("route", sa.String, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("who", sa.String, nullable=False),
        sa.Column("what", sa.String, nullable=False),
        sa.Column("record_id", sa.String, nullable=False),
    )
    op.create_index("ix_desk_view_route", "desk_view", ["route", "at"])
