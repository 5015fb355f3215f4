"""How each route stands, what happened so far, and what people were told about.

Of earlier cycles only the last one and the last success are known to have been kept; these tell how a route stands.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision: str | None = "0012"
branch_labels: str | None = None
depends_on: str | None = None

Instant = sa.DateTime(timezone=True)


def upgrade() -> None:
    standing = op.create_table(
        "standing",
        sa.Column("route", sa.String, primary_key=True),
        sa.Column("ended_at", Instant, nullable=False),
        sa.Column("outcome", sa.String, nullable=False),
        sa.Column("reason", sa.String, nullable=True),
        sa.Column("fault", sa.String, nullable=True),
        sa.Column("succeeded_at", Instant, nullable=True),
        sa.Column("agreed_at", Instant, nullable=True),
        sa.Column("counted_at", Instant, nullable=True),
        sa.Column("population", sa.JSON, nullable=False),
    )
    op.create_table(
        "tally",
        sa.Column("route", sa.String, primary_key=True),
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("of", sa.String, primary_key=True),
        sa.Column("value", sa.Float, nullable=False),
    )
    op.create_table(
        "alert",
        sa.Column("cause", sa.String, primary_key=True),
        sa.Column("since", Instant, nullable=False),
        sa.Column("told", sa.JSON, nullable=False),
        sa.Column("newest", sa.Integer, nullable=False, server_default="0"),
    )
    _fill(standing)


def _fill(standing: sa.Table) -> None:
    store = op.get_bind()
    routes = sa.table("route", sa.column("key", sa.String))
    for key in store.execute(sa.select(routes.c.key)).scalars().all():
        last, success = _last(store, key), _last(store, key, "ok")
        if last is None:
            continue
        told = {"route": key, "ended_at": last.ended_at, "outcome": last.outcome, "reason": last.reason}
        at = success.ended_at if success else None
        told |= {"succeeded_at": at, "agreed_at": at, "counted_at": at}
        told["population"] = (success.report.get("population") or {}) if success else {}
        store.execute(sa.insert(standing), told)


def _last(store: sa.Connection, route: str, outcome: str | None = None) -> Any:
    cycle = sa.table(
        "cycle",
        sa.column("id", sa.Integer),
        sa.column("route", sa.String),
        sa.column("ended_at", Instant),
        sa.column("outcome", sa.String),
        sa.column("reason", sa.String),
        sa.column("report", sa.JSON),
    )
    question = sa.select(cycle).where(cycle.c.route == route, cycle.c.ended_at.is_not(None))
    if outcome is not None:
        question = question.where(cycle.c.outcome == outcome)
    return store.execute(question.order_by(cycle.c.id.desc()).limit(1)).one_or_none()
