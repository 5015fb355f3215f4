"""What every cycle of a process shares. Clock, timer and random enter here, and nowhere below."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Event
from typing import Protocol

from procore_4hse.apis import FourHseIncidentApi, ProcoreIncidentApi
from procore_4hse.errors import AskedToStop
from procore_4hse.models import Side
from procore_4hse.route import Route
from procore_4hse.store.leases import Holder
from procore_4hse.store.repository import Store

GRACE = timedelta(seconds=12)
"""How long the actions in hand may take after the first signal; the process is gone within 15 seconds."""


def interruptible(stop: Event) -> Callable[[float], None]:
    """A sleep that raises AskedToStop as soon as `stop` is set."""

    def sleep(seconds: float) -> None:
        if stop.wait(seconds):
            raise AskedToStop("The process was asked to stop while it waited for a vendor; the next cycle goes on.")

    return sleep


class RateBudget(Protocol):
    """What is known of one vendor's connection: its budget."""

    @property
    def limit(self) -> int | None: ...

    @property
    def remaining(self) -> int | None: ...

    @property
    def resets_at(self) -> datetime | None: ...

    def cadence(self, calls_per_cycle: int) -> timedelta | None: ...

    def waits(self, calls: float = 1) -> timedelta: ...


@dataclass(frozen=True)
class Runtime:
    """What every cycle of a process shares. `apis` binds both sides to a route's project and office."""

    store: Store
    clock: Callable[[], datetime]
    apis: Callable[[Route], tuple[ProcoreIncidentApi, FourHseIncidentApi]]
    every: timedelta = timedelta(minutes=5)
    quiet_every: timedelta | None = None
    """How long a route may rest at most where the calls do not bear `every`; None: no longer than that."""
    full_sweep_every: timedelta = timedelta(hours=24)
    settle_for: timedelta = timedelta(minutes=30)
    keep_cycles: timedelta | None = timedelta(days=90)
    """How long it is remembered what a cycle did; None: for ever."""
    stopping: Callable[[], bool] = lambda: False
    holder: Holder = field(default_factory=Holder.this_process)
    timer: Callable[[], float] = time.monotonic
    budgets: dict[Side, RateBudget] = field(default_factory=dict)
    account: str = ""
    """Whose calls these are: routes of one account share its budget."""
    ended: dict[str, int] = field(default_factory=dict)
    """The lease of each route's last cycle here, by its token: should the store have had no time to free it, it is."""
