"""Words name the kind of their record, 4HSE's ids have one form, and what approvals cover is kept as digests."""

import hashlib
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision: str | None = "0002"
branch_labels: str | None = None
depends_on: str | None = None

IDS = {
    "raw_record": ("id", "parent_id"),
    "tombstone": ("record_id",),
}
"""Per table with a column `side`: the ids that 4HSE gives."""


def upgrade() -> None:
    _lower_ids()
    _name_kinds()
    _digest_signatures()


def _lower_ids() -> None:
    connection = op.get_bind()
    for table, columns in IDS.items():
        for column in columns:
            connection.execute(sa.text(f"UPDATE {table} SET {column} = lower({column}) WHERE side = 'fourhse'"))  # noqa: S608
    connection.execute(sa.text("UPDATE link SET fourhse_id = lower(fourhse_id)"))
    connection.execute(sa.text("UPDATE apart SET fourhse_id = lower(fourhse_id)"))


def _name_kinds() -> None:
    """`word:procore:12:days` becomes `word:procore:injury-12:days` where the record is known to be an injury."""
    connection = op.get_bind()
    inbox = sa.table("inbox", *map(sa.column, ("id", "route", "state", "key")), sa.column("item", sa.JSON))
    asked = sa.select(inbox).where(inbox.c.key.like("word:%"), inbox.c.state != "closed")
    for row in connection.execute(asked).all():
        if (key := _key(connection, row)) != row.key:
            renamed = sa.update(inbox).where(inbox.c.id == row.id)
            connection.execute(renamed.values(key=key, item={**row.item, "key": key}))


def _key(connection: sa.Connection, row: sa.Row[Any]) -> str:
    _, side, record_id, field = row.key.split(":", 3)
    record_id = record_id.lower() if side == "fourhse" else record_id
    records = sa.table("raw_record", *map(sa.column, ("route", "side", "kind", "id")))
    of_record = (records.c.route == row.route, records.c.side == side, records.c.id == record_id)
    known = sa.select(records.c.kind).where(*of_record, records.c.kind.in_(_kinds(field)))
    kinds = connection.execute(known).scalars().all()
    return f"word:{side}:{kinds[0]}-{record_id}:{field}" if len(kinds) == 1 else f"word:{side}:{record_id}:{field}"


def _kinds(field: str) -> tuple[str, ...]:
    """What has this field, if no incident; records of further kinds, such as entries of lists, may bear the same id."""
    if field == "equipment":
        return ("equipment", "resource")
    return ("injury", "near_miss", "person") if field in ("person", "days") or field.startswith("person_") else ()


def _digest_signatures() -> None:
    """What an approval covers is kept as digests: until now the actions' values themselves stood there."""
    connection = op.get_bind()
    inbox = sa.table(
        "inbox", sa.column("id"), sa.column("kind"), *(sa.column(name, sa.JSON) for name in ("facts", "answer"))
    )
    for row in connection.execute(sa.select(inbox).where(inbox.c.kind == "guard")).all():
        answer = row.answer and {**row.answer, "seen": _digested(row.answer.get("seen") or {})}
        renewed = sa.update(inbox).where(inbox.c.id == row.id)
        connection.execute(renewed.values(facts=_digested(row.facts), answer=answer or sa.null()))


def _digested(facts: dict[str, Any]) -> dict[str, Any]:
    if "held" not in facts:
        return facts
    return {**facts, "held": [hashlib.sha256(held.encode()).hexdigest() for held in facts["held"]]}
