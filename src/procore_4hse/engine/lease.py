"""A route's lease: one cycle of a route at a time, across processes and machines."""

from __future__ import annotations

from datetime import datetime, timedelta

from procore_4hse.apis import CALL_TIMEOUT
from procore_4hse.errors import LeaseLost
from procore_4hse.runtime import Runtime
from procore_4hse.store.repository import Fence, Unit

LEASE = timedelta(minutes=10)
GRACE = CALL_TIMEOUT
"""A foreign lease is taken this long after it expired: a call of its holder may still be on its way."""

MARGIN = timedelta(minutes=1)
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
        self.asked_at, self.asked_on_timer = self._now()
        """When the store was asked for it last: its own clock may differ from this machine's."""

    @property
    def is_ours(self) -> bool:
        return self.token is not None

    @property
    def fence(self) -> Fence:
        """What lets a transaction commit only while the lease is ours."""
        return Fence(self.route, self.token or 0)

    def take(self) -> bool:
        """Takes the route and begins a cycle, in one commit; False when another process has it.

        The lease of a holder that is known to be dead is free at once, and so is one of ours whose cycle is over.
        """
        asked = self._now()
        with self.store.begin() as unit:
            ended = self.runtime.ended.get(self.route)
            self.token = unit.leases.take(self.route, self.runtime.holder, ttl=LEASE, grace=GRACE, ended=ended)
            if self.token is not None:
                self.cycle = unit.cycles.begin(self.route)
        self.asked_at, self.asked_on_timer = asked
        return self.is_ours

    def keep(self) -> None:
        """The lease outlasts the next call, or LeaseLost is raised."""
        asked = now, on_timer = self._now()
        # A timer may stand still while the machine sleeps, and a clock may be set: each must say that little passed.
        passed, timed = now - self.asked_at, timedelta(seconds=on_timer - self.asked_on_timer)
        if timedelta(0) <= passed < KEPT_FOR and timed < KEPT_FOR:
            return
        with self.store.begin() as unit:
            if not unit.leases.renew(self.route, self.fence.token, ttl=LEASE):
                raise LeaseLost("This route's lease ran out; nothing more is written. It goes on in the next cycle.")
        self.asked_at, self.asked_on_timer = asked

    def _now(self) -> tuple[datetime, float]:
        return self.runtime.clock(), self.runtime.timer()

    def end(self) -> None:
        """Nothing is written under it any more; to this process it is free, whether or not the store can be told."""
        if self.token is not None:
            self.runtime.ended[self.route] = self.token

    def release(self, unit: Unit) -> None:
        """Frees the route; nothing happens when the lease was never ours, or is another's by now."""
        if self.token is not None:
            unit.leases.release(self.route, self.token)
