"""Who somebody is, is asked once for each person and no longer for each of their records."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision: str | None = "0004"
branch_labels: str | None = None
depends_on: str | None = None

INBOX = sa.table(
    "inbox",
    *map(sa.column, ("id", "route", "state", "key")),
    *(sa.column(n, sa.JSON) for n in ("item", "facts", "answer")),
)
RECORDS = sa.table("raw_record", *map(sa.column, ("route", "side", "kind", "id")), sa.column("payload", sa.JSON))
KINDS = ("injury", "near_miss", "person")


def upgrade() -> None:
    """`match:procore:injury-12` becomes `match:procore:directory-7` where the record names the person 7.

    A question with candidates asks about the records, and stays. So does the answer that a record is never copied: it
    was given about that one record. Of several questions about one person an answered one goes on, else the first.
    """
    connection = op.get_bind()
    asked = sa.select(INBOX).where(INBOX.c.key.like("match:%"), INBOX.c.state != "closed")
    rows = sorted(connection.execute(asked).all(), key=lambda row: (row.state != "answered", row.id))
    taken = set()
    for row in rows:
        person = None if _is_about_records(row) else _person(connection, row)
        if person is not None and (row.route, person) not in taken:
            taken.add((row.route, person))
            connection.execute(sa.update(INBOX).where(INBOX.c.id == row.id).values(_about(row, *person)))


def _is_about_records(row: sa.Row[Any]) -> bool:
    return bool(row.facts.get("candidates")) or (row.answer or {}).get("verb") == "reject"


def _person(connection: sa.Connection, row: sa.Row[Any]) -> tuple[str, str] | None:
    """The side, and whom the record names there."""
    _, side, record = row.key.split(":", 2)
    kind, _, record_id = record.partition("-")
    if kind not in KINDS:
        return None
    of_record = (
        RECORDS.c.route == row.route,
        RECORDS.c.side == side,
        RECORDS.c.kind == kind,
        RECORDS.c.id == record_id,
    )
    payload = connection.execute(sa.select(RECORDS.c.payload).where(*of_record)).scalar_one_or_none() or {}
    person = payload.get("person_office_id") if side == "fourhse" else _party(connection, row.route, payload)
    return None if person is None else (side, str(person))


def _party(connection: sa.Connection, route: str, payload: Mapping[str, Any]) -> object:
    """The person in Procore's directory; a record may name a user alone."""
    party, user = ((payload.get(name) or {}).get("id") for name in ("affected_party", "affected_person"))
    if party is not None or user is None:
        return party
    listed = sa.select(RECORDS.c.payload).where(
        RECORDS.c.route == route, RECORDS.c.side == "procore", RECORDS.c.kind == "directory"
    )
    people = connection.execute(listed).scalars()
    return next((each["id"] for each in people if str(each.get("user_id")) == str(user)), f"user {user}")


def _about(row: sa.Row[Any], side: str, person: str) -> dict[str, Any]:
    key, who = f"match:{side}:directory-{person}", {"who": {"side": side, "id": person}}
    answer = row.answer and {**row.answer, "seen": {**(row.answer.get("seen") or {}), **who}}
    ids = {"procore_id" if side == "procore" else "fourhse_id": person}
    item = {**row.item, "key": key, **ids}
    return {"key": key, "item": item, "facts": {**row.facts, **who}, "answer": answer or sa.null()}
