"""How each route stands after its last cycle; what an earlier cycle proved stays until another one proves it anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select, update
from sqlalchemy import bindparam as given

from procore_4hse.store.inserts import chunks, insert_new
from procore_4hse.store.tables import STANDING

C = STANDING.c
CHANGE = update(STANDING).where(C.route == given("of_route"))


@dataclass(frozen=True)
class Stand:
    """`population` is by side and place, as it was at `counted_at`; a cycle that counted nothing leaves it alone."""

    route: str
    ended_at: datetime
    outcome: str
    reason: str | None = None
    fault: str | None = None
    succeeded_at: datetime | None = None
    agreed_at: datetime | None = None
    counted_at: datetime | None = None
    population: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


class Standings:
    def __init__(self, connection: Connection, now: datetime) -> None:
        self.connection, self.now = connection, now

    def of(self, routes: Sequence[str]) -> dict[str, Stand]:
        """By route; one that had no cycle yet is missing."""
        asked = (select(STANDING).where(C.route.in_(some)) for some in chunks(routes))
        return {row.route: Stand(**row._mapping) for question in asked for row in self.connection.execute(question)}

    def ended(
        self,
        route: str,
        outcome: str,
        reason: str | None,
        *,
        fault: str | None,
        population: Mapping[str, Any] | None,
        agreed: bool,
    ) -> None:
        """After a cycle. `population` None: nothing was counted. `agreed`: both sides were read whole and compared."""
        told: dict[str, Any] = {"ended_at": self.now, "outcome": outcome, "reason": reason, "fault": fault}
        if outcome == "ok":
            told["succeeded_at"] = self.now
        if agreed:
            told["agreed_at"] = self.now
        if population is not None:
            told |= {"counted_at": self.now, "population": population}
        if self.connection.execute(CHANGE.values(**told), {"of_route": route}).rowcount == 0:
            insert_new(self.connection, STANDING, {"route": route, "population": {}, **told})
