"""When a route's next cycle is due, and why: pure functions of what the store and the budgets know."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from procore_4hse.store.schedule import WAKE_WITHIN, Demand, Reason, Slot

AT_ONCE = timedelta(0)
TO_BE_TRIED_AGAIN = ("partial", "failed")
"""Outcomes after which a route is never a quiet one."""


@dataclass(frozen=True)
class Pace:
    """How long routes rest. `quiet_every` is how far a rest is stretched where the calls do not bear `every`."""

    every: timedelta
    quiet_every: timedelta | None = None
    longest: timedelta = timedelta(hours=24)

    @property
    def quiet(self) -> timedelta:
        return max(self.every, min(self.quiet_every or self.every, self.limit))

    @property
    def limit(self) -> timedelta:
        """No route rests longer."""
        return max(self.every, self.longest)


@dataclass(frozen=True)
class Share:
    """What a budget bears of a round: the demand, and the time in which the vendor allows one more call."""

    demand: Demand
    per_call: timedelta

    @property
    def round(self) -> timedelta:
        """The shortest time in which all routes can have one cycle."""
        return self.per_call * self.demand.total


@dataclass(frozen=True)
class Cadence:
    """How long a route rests; `round` is the time that the budget needs for all routes, where that is too long."""

    rest: timedelta
    round: timedelta | None = None


@dataclass(frozen=True)
class Due:
    at: datetime
    reason: Reason


def cadence(pace: Pace, shares: Iterable[Share]) -> Cadence:
    """`every` while all budgets bear it; else the quietest routes rest longer, so that the others need not.

    Where even that is not enough, all rest as long as the budget needs for all of them.
    """
    shares = tuple(shares)
    rest = max((_rest(pace, share) for share in shares), default=pace.every)
    short = max((share.round for share in shares), default=AT_ONCE)
    return Cadence(rest, short if short > pace.quiet else None)


def _rest(pace: Pace, share: Share) -> timedelta:
    """Calls are counted as shares of the time: 1 is all that the budget gives."""
    if share.round <= pace.every:
        return pace.every
    if share.round >= pace.quiet:
        return min(share.round, pace.limit)
    own, quieter = share.per_call * share.demand.own, share.per_call * share.demand.quieter
    spared = quieter / pace.every - quieter / pace.quiet
    missing = share.round / pace.every - 1 - spared
    if missing <= 0:
        return pace.every
    left = own / pace.every - missing
    return pace.quiet if left <= own / pace.quiet else own / left


def next_due(ended_at: datetime, *, outcome: str, woken: bool, every: timedelta, rest: timedelta) -> Due:
    """After a cycle. `woken`: a hint came while it ran, and may be about what it had read by then."""
    if woken:
        return Due(ended_at + min(every, WAKE_WITHIN), Reason.HINT)
    if outcome in TO_BE_TRIED_AGAIN:
        return Due(ended_at + every, Reason.RETRY)
    return Due(ended_at + rest, Reason.CADENCE)


def overdue(slot: Slot, waited: timedelta, pace: Pace) -> timedelta:
    """For how long a route has been due; negative: until it is. `waited` is the time since the moment was set.

    A moment that was set later than now, by a clock that ran ahead, is due; one that was set under a longer `every`
    comes as much sooner as the present one is shorter; none lies further ahead than a route may rest.
    """
    if waited < AT_ONCE:
        return AT_ONCE
    shorter = min(1.0, pace.every / slot.every) if slot.every else 1.0
    return waited - min(slot.span * shorter, pace.limit)
