"""What a cycle did, for people and machines."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from procore_4hse.models import ItemKind, Place, Side
from procore_4hse.push.outcomes import Pushed
from procore_4hse.reconcile.snapshot import Plan
from procore_4hse.runtime import Line


@dataclass
class Report:
    """What a cycle did, for people and machines. `exit_code` follows surface.md's list."""

    route: str
    outcome: str = "ok"
    reason: str | None = None
    exit_code: int = 0
    pulled: dict[str, int] = field(default_factory=lambda: {side.value: 0 for side in Side})
    written: dict[str, dict[str, int]] = field(
        default_factory=lambda: {side.value: {"created": 0, "updated": 0, "deleted": 0} for side in Side}
    )
    inbox: dict[str, int] = field(default_factory=lambda: {kind.value: 0 for kind in ItemKind})
    population: dict[str, dict[str, int]] = field(
        default_factory=lambda: {side.value: {"in_sync": 0, "waiting": 0, "refused": 0, "excluded": 0} for side in Side}
    )
    calls: dict[str, int] = field(default_factory=lambda: {side.value: 0 for side in Side})
    seconds: float = 0.0
    plan: Plan = field(default_factory=Plan)

    def json(self) -> dict[str, Any]:
        names = ("route", "outcome", "reason", "pulled", "written", "inbox", "population", "calls", "seconds")
        return {name: getattr(self, name) for name in names}

    def ended(self, outcome: str, reason: str | None, exit_code: int) -> None:
        self.outcome, self.reason, self.exit_code = outcome, reason, exit_code

    def flaw(self, why: str) -> None:
        """The first thing that did not go through makes the cycle partial."""
        if self.outcome == "ok":
            self.ended("partial", why, 1)

    def count_pushed(self, pushed: Pushed) -> None:
        """What was written, and where its incidents stand now."""
        places = {side: dict(known) for side, known in self.plan.places.items()}
        for side, record_id in pushed.created:
            places[side][record_id] = Place.IN_SYNC
        for side, record_id in pushed.put_off:
            _worsen(places[side], record_id, Place.WAITING)
        for side, record_id in pushed.refused:
            _worsen(places[side], record_id, Place.REFUSED)
        for side, record_id in pushed.deleted:
            places[side].pop(record_id, None)
        self.plan = replace(self.plan, places=places)
        for side in Side:
            self.written[side.value].update(pushed.written[side])
        for why in pushed.flaws:
            self.flaw(why)


def budget_told(line: Line, calls: int) -> dict[str, Any]:
    """What one vendor's answers said about our calls, and the cadence that they allow."""
    pause, resets_at = line.cadence(calls), line.resets_at
    return {
        "limit": line.limit,
        "remaining": line.remaining,
        "resets_at": resets_at.isoformat() if resets_at else None,
        "pause": pause.total_seconds() if pause is not None else None,
    }


def _worsen(places: dict[str, Place], record_id: str, place: Place) -> None:
    if record_id in places:
        places[record_id] = max(places[record_id], place, key=list(Place).index)
