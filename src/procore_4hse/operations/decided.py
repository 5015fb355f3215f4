"""Questions that were answered or closed, each with the decision about it and what became of that."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from procore_4hse.route import Route
from procore_4hse.store.decisions import KeptDecision, Outcome
from procore_4hse.store.inbox import Entry
from procore_4hse.store.repository import Unit

EVERY_STATE = ("open", "answered", "closed")


@dataclass(frozen=True)
class Decided:
    """A decision about a question; without one the question closed by itself, because its cause was gone."""

    route: Route
    entry: Entry
    decision: KeptDecision | None = None

    @property
    def at(self) -> datetime:
        """When it was decided, or else when the question closed."""
        return self.decision.made_at if self.decision else self.entry.changed_at or self.entry.since

    @property
    def ended_at(self) -> datetime:
        """When something about it happened last."""
        return (self.decision.ended_at if self.decision else None) or self.at


def unacted(unit: Unit, route: Route, entries: Sequence[Entry]) -> int:
    """How many answers still wait for a cycle. One that counts already, such as a person who is never copied, does
    not wait for anything.
    """
    keys = [entry.item.key for entry in entries if entry.state == "answered"]
    in_use = {each.key for each in unit.decisions(route.key).in_force(keys) if each.outcome is Outcome.IN_USE}
    return sum(key not in in_use for key in keys)


def decided(unit: Unit, routes: Sequence[Route], since: datetime | None = None) -> list[Decided]:
    """All that was decided or closed on these routes, or of which something happened since then; oldest first."""
    found = (each for route in routes for each in _of_route(unit, route))
    return sorted((each for each in found if since is None or each.ended_at >= since), key=lambda each: each.at)


def _of_route(unit: Unit, route: Route) -> Iterator[Decided]:
    entries = {entry.id: entry for entry in unit.inbox(route.key).entries(states=EVERY_STATE)}
    decisions = unit.decisions(route.key).all()
    for decision in decisions:
        if decision.item_id in entries:
            yield Decided(route, entries[decision.item_id], decision)
    answered = {decision.item_id for decision in decisions}
    for entry in entries.values():
        if entry.state == "closed" and entry.id not in answered:
            yield Decided(route, entry)
