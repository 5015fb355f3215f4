"""A route's lease: one cycle of a route at a time, across processes and machines."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from procore_4hse.apis import CALL_TIMEOUT
from procore_4hse.errors import LeaseLost
from procore_4hse.store.leases import Holder
from procore_4hse.store.repository import Fence, Store, Unit

LEASE = timedelta(minutes=10)
GRACE = CALL_TIMEOUT
"""A foreign lease is taken this long after it expired: a call of its holder may still be on its way."""

MARGIN = timedelta(minutes=1)
"""So much longer than a call the lease must last before the call is made."""


class RouteLease:
    """The lease of one route, once it is taken. `is_ours` is False while another process has the route."""

    def __init__(self, store: Store, route: str, holder: Holder, clock: Callable[[], datetime]) -> None:
        self.store, self.route, self.holder, self.clock = store, route, holder, clock
        self.token: int | None = None
        self.cycle = 0
        """The number of the cycle that began with it."""
        self.until = clock()
        """Counted on this machine's clock from before the store was asked: the store's own clock may differ."""

    @property
    def is_ours(self) -> bool:
        return self.token is not None

    @property
    def fence(self) -> Fence:
        """What lets a transaction commit only while the lease is ours."""
        return Fence(self.route, self.token or 0)

    def take(self) -> bool:
        """Takes the route and begins a cycle, in one commit; False when another process has it.

        The lease of a holder that is known to be dead is free at once.
        """
        asked_at = self.clock()
        with self.store.begin() as unit:
            self.token = unit.leases.take(self.route, self.holder, ttl=LEASE, grace=GRACE)
            if self.token is not None:
                self.cycle = unit.cycles.begin(self.route)
        self.until = asked_at + LEASE
        return self.is_ours

    def keep(self) -> None:
        """The lease outlasts the next call, or LeaseLost is raised."""
        if self.until - self.clock() > CALL_TIMEOUT + MARGIN:
            return
        asked_at = self.clock()
        with self.store.begin() as unit:
            if not unit.leases.renew(self.route, self.fence.token, ttl=LEASE):
                raise LeaseLost("This route's lease ran out; nothing more is written. It goes on in the next cycle.")
        self.until = asked_at + LEASE

    def release(self, unit: Unit) -> None:
        """Frees the route; nothing happens when the lease was never ours, or is another's by now."""
        if self.token is not None:
            unit.leases.release(self.route, self.token)
