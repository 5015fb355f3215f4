"""What a cycle did, for people and machines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from procore_4hse.errors import (
    AccessRefused,
    AskedToStop,
    BudgetExhausted,
    GuardStopped,
    LeaseLost,
    StoreBusy,
    StoreError,
    VendorError,
)
from procore_4hse.models import ItemKind, Kind, RecordRef, Side, SyncStatus
from procore_4hse.push.outcomes import Pushed
from procore_4hse.reconcile.draft import BADNESS
from procore_4hse.reconcile.snapshot import Plan
from procore_4hse.route import Route
from procore_4hse.runtime import RateBudget

CREDENTIALS, PERMISSIONS = "credentials", "permissions"


@dataclass
class Report:
    """What a cycle did, for people and machines. `exit_code` is one of those that the README lists."""

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
    fault: str | None = None
    """What kind of failure it was, where somebody can do something about it: see `fault_of`."""
    is_counted: bool = False
    """Whether `population` was counted; a cycle that broke off knows nothing of it."""
    is_whole: bool = False
    """Whether both sides were listed whole."""
    asked: dict[Side, Counter[str]] = field(default_factory=lambda: {side: Counter() for side in Side})
    """The calls by what came of them."""

    def json(self) -> dict[str, Any]:
        names = ("route", "outcome", "reason", "pulled", "written", "inbox", "population", "calls", "seconds")
        return {name: getattr(self, name) for name in names}

    def facts(self) -> dict[str, Any]:
        """What a log line tells of it: numbers, and the reason, which never holds what a record says."""
        counts = ("pulled", "written", "inbox", "population", "calls", "seconds")
        told = {"outcome": self.outcome, "exit": self.exit_code, "reason": self.reason}
        return told | {name: getattr(self, name) for name in counts if name != "population" or self.is_counted}

    def count_calls(self, side: Side, asked: Counter[str]) -> None:
        self.asked[side] = asked
        self.calls[side.value] = asked.total()

    def ended(self, outcome: str, reason: str | None, exit_code: int) -> None:
        self.outcome, self.reason, self.exit_code = outcome, reason, exit_code

    def ended_by(self, error: BaseException | None) -> bool:
        """Whether the report can tell how the cycle ended; an error that nobody foresaw is the caller's."""
        self.fault = fault_of(error)
        if isinstance(error, GuardStopped):
            self.ended("stopped", str(error), error.exit_code)
        elif isinstance(error, LeaseLost | BudgetExhausted | AskedToStop | StoreBusy):
            self.ended("partial", str(error), error.exit_code)
        elif isinstance(error, VendorError):
            # Never the vendor's own words: they may quote a record, and this is printed by `sync` and `status`.
            self.ended("failed", str(error), error.exit_code)
        elif error is not None:
            self.ended("failed", "The cycle broke off; the log says where.", StoreError.exit_code)
            return False
        return True

    def flaw(self, why: str) -> None:
        """The first thing that did not go through makes the cycle partial."""
        if self.outcome == "ok":
            self.ended("partial", why, 1)

    def count_pushed(self, pushed: Pushed) -> None:
        """What was written, and where its incidents stand now."""
        statuses = {side: dict(of_side) for side, of_side in self.plan.statuses.items()}
        for record in pushed.created:
            statuses[record.side][record.id] = SyncStatus.IN_SYNC
        for record in _incidents(pushed.put_off):
            _worsen(statuses[record.side], record.id, SyncStatus.WAITING)
        for record in _incidents(pushed.refused):
            _worsen(statuses[record.side], record.id, SyncStatus.REFUSED)
        for record in pushed.deleted:
            statuses[record.side].pop(record.id, None)
        self.plan = replace(self.plan, statuses=statuses)
        for side in Side:
            self.written[side.value].update(pushed.written[side])
        for why in pushed.flaws:
            self.flaw(why)


def fault_of(error: BaseException | None) -> str | None:
    """`credentials-SIDE` where a vendor does not know us, `permissions-SIDE` where it does not let us."""
    if not isinstance(error, AccessRefused):
        return None
    is_known = error.status == 403 and not error.call.endswith("/token")
    return f"{PERMISSIONS if is_known else CREDENTIALS}-{error.side.value}"


def not_begun(route: Route) -> Report:
    """Of a route whose turn had not come when the process was asked to stop."""
    reason = "The process was asked to stop before this route's turn came; run it again."
    return Report(route.name, outcome="partial", reason=reason, exit_code=AskedToStop.exit_code)


def budget_report(budgets: Mapping[Side, RateBudget], calls: Mapping[str, int]) -> dict[str, Any]:
    """What the vendors' answers said about our calls, kept for `status`, which makes none."""
    return {side.value: _budget(budget, calls[side.value]) for side, budget in budgets.items()}


def _budget(budget: RateBudget, calls: int) -> dict[str, Any]:
    """One vendor's budget, and the cadence that it allows."""
    pause, resets_at = budget.cadence(calls), budget.resets_at
    return {
        "limit": budget.limit,
        "remaining": budget.remaining,
        "resets_at": resets_at.isoformat() if resets_at else None,
        "pause": pause.total_seconds() if pause is not None else None,
    }


def _incidents(records: Iterable[RecordRef]) -> Iterator[RecordRef]:
    return (record for record in records if record.kind is Kind.INCIDENT)


def _worsen(statuses: dict[str, SyncStatus], record_id: str, sync_status: SyncStatus) -> None:
    if record_id in statuses:
        statuses[record_id] = max(statuses[record_id], sync_status, key=BADNESS)
