"""What has happened so far, counted by all processes together: these numbers never become less."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, func, select
from sqlalchemy import bindparam as given

from procore_4hse.store.inserts import add_up, chunks
from procore_4hse.store.tables import TALLY

CYCLES = "cycles"
"""Of each route, by outcome."""
DURATIONS = "durations"
"""Cycles by the bound that they stayed below, in seconds."""
SECONDS = "seconds"
"""The time that all cycles took."""
REQUESTS = "requests"
"""To each system, by outcome: of cycles, dry ones too."""
WRITES = "writes"
"""To each system, by action and outcome."""
HINTS = "hints"
"""What came in, by what became of it."""

BOUNDS = ("1", "5", "15", "60", "300", "900", "+Inf")
"""Of `DURATIONS`."""

C = TALLY.c
TOTALS = select(C.of, func.sum(C.value)).where(C.name == given("of_name")).group_by(C.of)

Amounts = Mapping[tuple[str, str], float]
"""By name and what was counted, its words with a stroke between them."""


class Tallies:
    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def add(self, route: str, amounts: Amounts) -> None:
        """`route` is empty for what belongs to none. Each route has rows of its own, so that no cycle waits here."""
        # In one order, so that two transactions never wait for each other.
        counted = sorted(amounts.items())
        rows = [{"route": route, "name": name, "of": of, "value": value} for (name, of), value in counted]
        if rows:
            add_up(self.connection, TALLY, rows)

    def totals(self, name: str) -> dict[tuple[str, ...], float]:
        """Of everything that this store ever saw, former routes too; by the words of what was counted."""
        found = self.connection.execute(TOTALS, {"of_name": name})
        return {tuple(of.split("/")): float(value) for of, value in found}

    def of_routes(self, name: str, routes: Sequence[str]) -> dict[tuple[str, str], float]:
        """By route and what was counted."""
        asked = (select(TALLY).where(C.name == name, C.route.in_(some)) for some in chunks(routes))
        return {(row.route, row.of): row.value for question in asked for row in self.connection.execute(question)}


def lasted(seconds: float) -> dict[tuple[str, str], float]:
    """A cycle that took so long."""
    bound = next(bound for bound in BOUNDS if seconds <= float(bound))
    return {(DURATIONS, bound): 1, (SECONDS, ""): seconds}
