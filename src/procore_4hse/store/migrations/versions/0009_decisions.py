"""Who decided what, when and why, and what became of it; questions that wait for a later day, or for a backfill."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision: str | None = "0008"
branch_labels: str | None = None
depends_on: str | None = None

INBOX = sa.table(
    "inbox",
    *map(sa.column, ("id", "route", "key", "kind", "state")),
    sa.column("answer", sa.JSON),
    sa.column("changed_at", sa.DateTime(timezone=True)),
)
CHOICE = ("verb", "use", "with_id", "restore")


def upgrade() -> None:
    decision = op.create_table(
        "decision",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("route", sa.String, nullable=False),
        sa.Column("item_id", sa.Integer, nullable=False),
        sa.Column("key", sa.String, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("choice", sa.JSON, nullable=False),
        sa.Column("note", sa.String, nullable=False),
        sa.Column("who", sa.String, nullable=False),
        sa.Column("channel", sa.String, nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("shown", sa.String, nullable=False),
        sa.Column("outcome", sa.String, nullable=False),
        sa.Column("words", sa.String, nullable=False),
        sa.Column("write_id", sa.String, nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by", sa.String, nullable=False),
        sa.Column("purged_at", sa.DateTime(timezone=True), nullable=True),
    )
    op.create_index("ix_decision_key", "decision", ["route", "key"])
    op.add_column("inbox", sa.Column("snoozed_until", sa.DateTime(timezone=True), nullable=True))
    op.add_column("inbox", sa.Column("of_backfill", sa.Boolean, nullable=False, server_default=sa.false()))
    _keep_answers(op.get_bind(), decision)


def _keep_answers(connection: sa.Connection, decision: sa.Table) -> None:
    """Answers of before are known without who gave them; of a closed question nobody knows what became of it."""
    outcomes = {"answered": "waiting", "closed": "unknown"}
    rows = connection.execute(sa.select(INBOX).where(INBOX.c.state.in_(outcomes)).order_by(INBOX.c.id)).all()
    made = [
        {
            **{name: getattr(row, name) for name in ("route", "key", "kind")},
            "item_id": row.id,
            "choice": {name: row.answer.get(name) for name in CHOICE},
            **dict.fromkeys(("note", "who", "channel", "words", "ended_by"), ""),
            "made_at": row.changed_at,
            "shown": row.answer.get("shown") or "",
            "outcome": outcomes[row.state],
            "ended_at": row.changed_at if row.state == "closed" else None,
        }
        for row in rows
        if row.answer
    ]
    if made:
        connection.execute(sa.insert(decision), made)
