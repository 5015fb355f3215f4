"""Which linked incidents need no comparison; and what pages add up of cycles, beside their reports."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision: str | None = "0014"
branch_labels: str | None = None
depends_on: str | None = None

SIDES = ("procore", "fourhse")
COUNTS: list[sa.ColumnClause[float]] = [sa.column(f"{what}_{side}") for what in ("calls", "used") for side in SIDES]
CYCLES = sa.table("cycle", sa.column("report", sa.JSON), *COUNTS)


def upgrade() -> None:
    op.add_column("link", sa.Column("fingerprint", sa.String, nullable=True))
    for side in SIDES:
        op.add_column("cycle", sa.Column(f"calls_{side}", sa.Integer, nullable=True))
        op.add_column("cycle", sa.Column(f"used_{side}", sa.Float, nullable=True))
    report = CYCLES.c.report
    for side in SIDES:
        limit, remaining = (report[("budget", side, name)].as_integer() for name in ("limit", "remaining"))
        counts = {
            f"calls_{side}": report[("calls", side)].as_integer(),
            f"used_{side}": (limit - remaining) * 1.0 / sa.func.nullif(limit, 0),
        }
        op.execute(sa.update(CYCLES).values(counts))
