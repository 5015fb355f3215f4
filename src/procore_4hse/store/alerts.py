"""What people were told about, by any process of the store."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, func, select, update

from procore_4hse.store.inserts import insert_new
from procore_4hse.store.tables import ALERTS, INBOX

TELLING = 6026_03_02
"""Names the lock under which one process of a PostgreSQL store at a time finds out what to tell."""

C = ALERTS.c


@dataclass(frozen=True)
class Told:
    """`routes` whose people know of it; of questions also the highest number that they know of."""

    cause: str
    since: datetime
    routes: frozenset[str]
    newest: int = 0


class Alerts:
    def __init__(self, connection: Connection, now: datetime) -> None:
        self.connection, self.now = connection, now

    def one_at_a_time(self) -> None:
        """Whoever else comes here waits for this transaction. SQLite lets one in alone in any case."""
        if self.connection.dialect.name == "postgresql":
            self.connection.execute(select(func.pg_advisory_xact_lock(TELLING)))

    def told(self) -> dict[str, Told]:
        """By cause."""
        rows = self.connection.execute(select(ALERTS))
        return {row.cause: Told(row.cause, row.since, frozenset(row.told), row.newest) for row in rows}

    def tell(self, cause: str, routes: Collection[str], newest: int = 0) -> None:
        """These are all that know of it now; with none it is over."""
        if not routes:
            self.connection.execute(delete(ALERTS).where(C.cause == cause))
            return
        known = {"told": sorted(routes), "newest": newest}
        if self.connection.execute(update(ALERTS).where(C.cause == cause), known).rowcount == 0:
            insert_new(self.connection, ALERTS, {"cause": cause, "since": self.now, **known})

    def asked_since(self, route: str, newest: int) -> dict[str, int]:
        """Open questions of a route with a higher number, but for those put off until later; by kind."""
        is_new = (INBOX.c.route == route, INBOX.c.state == "open", INBOX.c.id > newest)
        in_sight = INBOX.c.snoozed_until.is_(None) | (INBOX.c.snoozed_until <= self.now)
        question = select(INBOX.c.kind, func.count().label("asked")).where(*is_new, in_sight).group_by(INBOX.c.kind)
        return {row.kind: row.asked for row in self.connection.execute(question)}
