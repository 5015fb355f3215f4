"""The calls that vendors still allow, as all processes of one credential know them together."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, select, text, update
from sqlalchemy import bindparam as given

from procore_4hse.apis import Quota
from procore_4hse.store.inserts import insert_new
from procore_4hse.store.tables import BUDGETS

SAME_PERIOD = timedelta(seconds=5)
"""Two statements of a window whose ends are no further apart are about one period of it."""

C = BUDGETS.c
KNOWN = select(BUDGETS).where(C.account == given("of_account")).order_by(C.calls)
CHANGE = update(BUDGETS).where(C.account == given("of_account"), C.calls == given("of_calls"))


class Budgets:
    def __init__(self, connection: Connection, now: datetime) -> None:
        self.connection, self.now = connection, now

    def quotas(self, account: str) -> tuple[Quota, ...]:
        """What is known now; a window that is over is full again."""
        return tuple(_quota(row, self.now) for row in self.connection.execute(KNOWN, {"of_account": account}))

    def tell(self, account: str, told: Sequence[Quota], spent: int) -> None:
        """What a vendor told one process lately. Its calls since count where the vendor did not tell itself."""
        if self.connection.dialect.name == "postgresql":
            # Somebody who was stopped in the middle of this must not keep others from their calls.
            self.connection.execute(text("SET LOCAL lock_timeout = '1s'"))
        fresh = {quota.limit: quota for quota in sorted(told, key=lambda quota: quota.limit)}
        for quota in fresh.values():
            told_now = {"account": account, "calls": quota.limit, "remaining": quota.remaining, **self._until(quota)}
            insert_new(self.connection, BUDGETS, told_now)
        for row in self.connection.execute(KNOWN.with_for_update(), {"of_account": account}).all():
            known = _quota(row, self.now)
            self._keep(account, later(known, fresh[row.calls]) if row.calls in fresh else after(known, spent))

    def _keep(self, account: str, quota: Quota) -> None:
        of = {"of_account": account, "of_calls": quota.limit}
        self.connection.execute(CHANGE, {**of, "remaining": quota.remaining, **self._until(quota)})

    def _until(self, quota: Quota) -> dict[str, Any]:
        return {"resets_at": self.now + quota.left, "seconds": quota.length.total_seconds()}


def later(known: Quota, told: Quota) -> Quota:
    """Which of two statements about a window is the later one: answers come in any order."""
    length = max(known.length, told.length) if told.limit else told.length
    if told.left > known.left + SAME_PERIOD or known.left <= timedelta(0):
        return Quota(told.limit, told.remaining, told.left, length)
    if told.left < known.left - SAME_PERIOD:  # Of a period that is over: a process may be silent for long.
        return Quota(known.limit, known.remaining, known.left, length)
    return Quota(told.limit, min(known.remaining, told.remaining), known.left, length)


def after(known: Quota, spent: int) -> Quota:
    """A window of which the vendor did not tell after so many calls."""
    if not known.limit or not spent:
        return known
    left = known.left if known.left > timedelta(0) else known.length
    return Quota(known.limit, max(known.remaining - spent, 0), left, known.length)


def _quota(row: Row[Any], now: datetime) -> Quota:
    length, left = timedelta(seconds=row.seconds), row.resets_at - now
    is_over = not timedelta(0) < left <= length + SAME_PERIOD
    return Quota(row.calls, row.calls if is_over else row.remaining, timedelta(0) if is_over else left, length)
