"""Who signed in to the desk, and which records with health data they opened there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy import bindparam as given

from procore_4hse.store.inserts import insert_new
from procore_4hse.store.tables import DESK_SESSIONS, DESK_VIEWS, Instant

C, V = DESK_SESSIONS.c, DESK_VIEWS.c
NOW = given("now", type_=Instant)
# One that was made later than now was dated by a clock that ran ahead, and would last so much longer.
LIVING = select(DESK_SESSIONS).where(
    C.key == given("of_key"), C.ended_at.is_(None), C.made_at <= NOW, C.expires_at > NOW
)
END = update(DESK_SESSIONS).where(C.key == given("of_key"), C.ended_at.is_(None)).values(ended_at=NOW)
EXPIRED = delete(DESK_SESSIONS).where(C.expires_at <= NOW)
VIEWS = select(DESK_VIEWS).where(V.route == given("of_route")).order_by(V.id)


@dataclass(frozen=True)
class Session:
    """`grants` is what the desk keeps of the person's rights, as JSON."""

    who: str
    grants: Sequence[Any]


@dataclass(frozen=True)
class View:
    """`what` is incident | question; `record_id` the incident's id in either system, or the question's number."""

    at: datetime
    who: str
    what: str
    record_id: str


class Desk:
    def __init__(self, connection: Connection, now: datetime) -> None:
        self.connection, self.now = connection, now

    def sign_in(self, key: str, session: Session, *, lasts: timedelta, link: str | None = None) -> bool:
        """Opens a session under a key's hash; False when the link, also a hash, has opened one before."""
        self.connection.execute(EXPIRED, {"now": self.now})
        row = {"key": key, "link": link, "who": session.who, "grants": list(session.grants)}
        times = {"made_at": self.now, "expires_at": self.now + lasts}
        return insert_new(self.connection, DESK_SESSIONS, {**row, **times}) == 1

    def session(self, key: str) -> Session | None:
        """The session of this hash, while it lasts."""
        row = self.connection.execute(LIVING, {"of_key": key, "now": self.now}).one_or_none()
        return Session(row.who, row.grants) if row else None

    def sign_out(self, key: str) -> None:
        self.connection.execute(END, {"of_key": key, "now": self.now})

    def log_view(self, route: str, who: str, what: str, record_id: str) -> None:
        row = {"route": route, "at": self.now, "who": who, "what": what, "record_id": record_id}
        self.connection.execute(insert(DESK_VIEWS), row)

    def views(self, route: str) -> list[View]:
        """What was opened on a route, oldest first."""
        rows = self.connection.execute(VIEWS, {"of_route": route})
        return [View(row.at, row.who, row.what, row.record_id) for row in rows]
