"""A value that a side did not keep as it was sent has not been agreed on; until now only its refusal told that."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision: str | None = "0006"
branch_labels: str | None = None
depends_on: str | None = None

LINKS = sa.table(
    "link", *map(sa.column, ("id", "route", "kind", "procore_id", "fourhse_id")), sa.column("base", sa.JSON)
)
REFUSALS = sa.table("refusal", *map(sa.column, ("route", "key")))


def upgrade() -> None:
    """`refused:update:fourhse:incident:ID:title` beside a base that our write left so is a loss, and no refusal."""
    connection = op.get_bind()
    updates = sa.select(REFUSALS).where(REFUSALS.c.key.like("refused:update:%"))
    for row in connection.execute(updates).all():
        _, _, side, kind, record_id, field = row.key.split(":", 5)
        if _mark(connection, row.route, side, kind, record_id, field):
            gone = (REFUSALS.c.route == row.route, REFUSALS.c.key == row.key)
            connection.execute(sa.delete(REFUSALS).where(*gone))


def _mark(connection: sa.Connection, route: str, side: str, kind: str, record_id: str, field: str) -> bool:
    """Whether a base of this record's link was left so by a write."""
    column = LINKS.c.procore_id if side == "procore" else LINKS.c.fourhse_id
    of_record = (LINKS.c.route == route, LINKS.c.kind == kind, column == record_id)
    is_marked = False
    for link in connection.execute(sa.select(LINKS).where(*of_record)).all():
        base = (link.base or {}).get(field) or {}
        if base.get("settled"):
            marked = {**link.base, field: {**base, "settled": False, "lost_on": side}}
            connection.execute(sa.update(LINKS).where(LINKS.c.id == link.id).values(base=marked))
            is_marked = True
    return is_marked
