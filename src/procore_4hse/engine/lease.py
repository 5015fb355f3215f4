"""A route's lease: one cycle of a route at a time, across processes and machines."""

from __future__ import annotations

from datetime import datetime, timedelta

from procore_4hse.apis import CALL_TIMEOUT
from procore_4hse.errors import LeaseLost
from procore_4hse.runtime import Runtime
from procore_4hse.store.repository import Fence, Unit
from procore_4hse.store.schedule import Slot

LEASE = timedelta(seconds=120)
"""So that a holder that is stopped or cannot be reached is succeeded within three minutes, with GRACE."""
GRACE = timedelta(seconds=45)
"""A foreign lease is taken this long after it expired: its holder's clock may differ. A call is over by then anyway."""

MARGIN = timedelta(seconds=10)
"""So much longer than a call the lease must last before the call is made."""

KEPT_FOR = LEASE - CALL_TIMEOUT - MARGIN
"""A lease that was taken or renewed less than this ago outlasts the next call."""


class RouteLease:
    """The lease of one route, once it is taken. `is_ours` is False while another process has the route."""

    def __init__(self, runtime: Runtime, route: str) -> None:
        self.runtime, self.store, self.route = runtime, runtime.store, route
        self.token: int | None = None
        self.cycle = 0
        """The number of the cycle that began with it."""
        self.wakes = 0
        """How often the route had been woken when it began."""
        self.asked_at, self.asked_on_timer = self._now()
        """When the store was asked for it last: its own clock may differ from this machine's."""

    @property
    def is_ours(self) -> bool:
        return self.token is not None

    @property
    def fence(self) -> Fence:
        """What lets a transaction commit only while the lease is ours."""
        return Fence(self.route, self.token or 0)

    def take(self, seen: Slot | None = None) -> bool:
        """Takes the route and begins a cycle, in one commit; False when another process has it.

        With what was `seen` of the schedule it is also False when the route is no longer due as it was then. The lease
        of a holder that is known to be dead is free at once, and so is one of ours whose cycle is over.
        """
        if self.is_ours:
            return True
        asked = self._now()
        with self.store.begin() as unit:
            self.token = self._taken(unit, seen)
            if self.token is not None:
                self.cycle = unit.cycles.begin(self.route)
        self.asked_at, self.asked_on_timer = asked
        return self.is_ours

    def _taken(self, unit: Unit, seen: Slot | None) -> int | None:
        holder, ended = self.runtime.holder, self.runtime.ended.get(self.route)
        token = unit.leases.take(self.route, holder, ttl=LEASE, grace=GRACE, ended=ended, wait=seen is None)
        if token is None:
            return None
        now = unit.schedule.slot(self.route)
        self.wakes = now.wakes if now else 0
        if seen is None or (now is not None and now.set_at == seen.set_at and not now.is_paused(unit.now)):
            return token
        unit.leases.release(self.route, token)
        return None

    def keep(self) -> None:
        """The lease outlasts the next call, or LeaseLost is raised.

        A read of many tries may outlast it; within its grace nobody else can have taken it, so it is renewed still.
        """
        asked = now, on_timer = self._now()
        # A timer may stand still while the machine sleeps, and a clock may be set: each must say that little passed.
        passed, timed = now - self.asked_at, timedelta(seconds=on_timer - self.asked_on_timer)
        if timedelta(0) <= passed < KEPT_FOR and timed < KEPT_FOR:
            return
        with self.store.begin() as unit:
            if not unit.leases.renew(self.route, self.fence.token, ttl=LEASE, grace=GRACE):
                raise LeaseLost("This route's lease ran out; nothing more is written. It goes on in the next cycle.")
        self.asked_at, self.asked_on_timer = asked

    def _now(self) -> tuple[datetime, float]:
        return self.runtime.clock(), self.runtime.timer()

    def give_back(self) -> None:
        """Before anything was done: there was no cycle."""
        self.end()
        with self.store.begin() as unit:
            unit.cycles.drop([self.cycle])
            self.release(unit)

    def end(self) -> None:
        """Nothing is written under it any more; to this process it is free, whether or not the store can be told."""
        if self.token is not None:
            self.runtime.ended[self.route] = self.token

    def release(self, unit: Unit) -> bool:
        """Frees the route; nothing happens, and it is False, when the lease was never ours, or is another's by now."""
        return self.token is not None and unit.leases.release(self.route, self.token)
