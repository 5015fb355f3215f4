"""How a route stands, from the store alone, which is left as it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from procore_4hse.bootstrap import accounts_of
from procore_4hse.errors import StoreError
from procore_4hse.models import ItemKind, Kind, Side
from procore_4hse.operations.decided import unacted
from procore_4hse.route import Route
from procore_4hse.settings.model import Settings
from procore_4hse.store import schema
from procore_4hse.store.inbox import Entry
from procore_4hse.store.repository import Store, Unit
from procore_4hse.store.schedule import Slot
from procore_4hse.store.tables import CycleRow
from procore_4hse.store.timetable import Cadence, Pace, Share, cadence


@dataclass(frozen=True)
class RouteStatus:
    """`oldest` is what has been waiting for a person longest, but for what is put off until a later day.

    `answered` waits for the next cycle only. `proven_at` is when both sides were last read whole and compared without
    anything that went wrong: what is counted as in sync was equal then.
    """

    route: Route
    last: CycleRow | None
    next_at: datetime | None
    """When the next cycle is due; None before the first one, and for a route that is disabled or paused."""
    is_running: bool
    inbox: Mapping[str, int]
    answered: int
    oldest: Entry | None
    links: int
    pauses: Mapping[Side, timedelta | None]
    """The shortest time between two cycles like the last one that each budget bears; None while unknown."""
    budget: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Per side, what the last cycle's answers said: `limit`, `remaining`, `resets_at`."""
    proven_at: datetime | None = None
    succeeded_at: datetime | None = None
    """When the last cycle ended that left nothing undone."""
    began_at: datetime | None = None
    """When the first cycle that is remembered began, where none has succeeded."""
    population: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """How many incidents of each side stand where, as the last cycle counted that could."""
    slot: Slot | None = None
    """What the schedule has; None before the first cycle."""
    cadence: Cadence | None = None
    """How long the route rests after a cycle as the calls allow; None where that was not asked for."""

    @property
    def unsuccessful_since(self) -> datetime | None:
        """When the last cycle succeeded, or the first one began; None before the first one."""
        return self.succeeded_at or self.began_at

    def is_late(self, limit: timedelta, now: datetime) -> bool:
        """Whether no cycle has succeeded for longer than that. A route that is disabled or paused is not late."""
        since = self.unsuccessful_since
        is_run = self.route.enabled and not (self.slot is not None and self.slot.is_paused(now))
        return is_run and since is not None and now - since > limit

    def has_old_question(self, limit: timedelta, now: datetime) -> bool:
        return self.oldest is not None and now - self.oldest.since > limit


@dataclass(frozen=True)
class Terms:
    """What the settings say of the pace, and what the store calls the credentials."""

    pace: Pace
    accounts: Mapping[Side, str]

    @classmethod
    def of(cls, settings: Settings) -> Terms:
        schedule = settings.schedule
        pace = Pace(schedule.every, schedule.quiet_every, schedule.full_sweep_every)
        return cls(pace, accounts_of(settings))


UNREADABLE = (StoreError, AttributeError, LookupError, TypeError, ValueError)
"""How tables or words of a newer version can fail to be read."""


@dataclass(frozen=True)
class Standing:
    """`newer` says that a newer version of this program has the store, whose tables could be read all the same."""

    routes: tuple[RouteStatus, ...]
    newer: str | None = None


def standing_of(store: Store, routes: Sequence[Route], every: timedelta, terms: Terms | None = None) -> Standing:
    """How each route stands in a store that is never brought up to date here. Raises StoreError.

    With `terms` also how long it rests.
    """
    with store.read() as unit:
        if not schema.has_tables(unit.connection):
            return Standing(tuple(_before_the_first(route) for route in routes))
        newer = _is_newer(unit)
    try:
        return Standing(tuple(status_of(store, route, every, terms) for route in routes), str(newer) if newer else None)
    except UNREADABLE as error:
        if newer is None:
            raise
        raise newer from error


def require_usable(store: Store) -> None:
    """Raises StoreError and StoreBusy."""
    with store.read() as unit:
        schema.is_current(unit.connection)


def _is_newer(unit: Unit) -> StoreError | None:
    try:
        schema.is_current(unit.connection)
    except StoreError as error:
        return error
    return None


def _before_the_first(route: Route) -> RouteStatus:
    """A store without tables: no cycle has run yet."""
    waiting = {kind.value: 0 for kind in ItemKind}
    return RouteStatus(route, None, None, False, waiting, 0, None, 0, dict.fromkeys(Side))


def status_of(store: Store, route: Route, every: timedelta, terms: Terms | None = None) -> RouteStatus:
    with store.read() as unit:
        stand = unit.standings.of([route.key]).get(route.key)
        last, slot = unit.cycles.last(route.key), unit.schedule.slot(route.key)
        inbox = unit.inbox(route.key)
        waiting = [entry for entry in inbox.entries() if not entry.is_snoozed(unit.now)]
        return RouteStatus(
            route=route,
            last=last,
            next_at=_next(slot, last, every, unit.now) if route.enabled else None,
            is_running=unit.leases.holder(route.key) is not None,
            inbox=inbox.counts(),
            answered=unacted(unit, route, inbox.entries(states=("answered",))),
            oldest=min(waiting, key=lambda entry: entry.since, default=None),
            links=unit.links(route.key).count(Kind.INCIDENT),
            pauses={side: _pause(last, side) for side in Side},
            budget=last.report.get("budget", {}) if last else {},
            proven_at=stand.agreed_at if stand else None,
            succeeded_at=stand.succeeded_at if stand else None,
            began_at=None if stand and stand.succeeded_at else unit.cycles.first_began(route.key),
            population=stand.population if stand else {},
            slot=slot,
            cadence=cadence_of(unit, route, terms) if terms else None,
        )


def _next(slot: Slot | None, last: CycleRow | None, every: timedelta, now: datetime) -> datetime | None:
    """As the schedule says; a moment that was set later than now was told by a clock that ran ahead."""
    if slot is not None:
        return None if slot.is_paused(now) else min(slot.set_at, now) + slot.span
    return min(last.ended_at, now) + every if last and last.ended_at else None


def cadence_of(unit: Unit, route: Route, terms: Terms) -> Cadence:
    """As the processes of these credentials know the calls that are left."""
    return cadences_of(unit, [route], terms)[route.key]


def cadences_of(unit: Unit, routes: Sequence[Route], terms: Terms) -> dict[str, Cadence]:
    """The same of many routes, by their keys."""
    quotas = {side: unit.budgets.quotas(account) for side, account in terms.accounts.items()}
    known = {side: max(each.per_call for each in told) for side, told in quotas.items() if told}
    account, since = terms.accounts[Side.PROCORE], unit.now - 2 * terms.pace.limit
    found = {}
    for route in routes:
        demand = unit.schedule.demand(route.key, account, since) if known else {}
        found[route.key] = cadence(terms.pace, (Share(demand[side], each) for side, each in known.items()))
    return found


def _pause(last: CycleRow | None, side: Side) -> timedelta | None:
    """What the last cycle learnt from its answers and from the pace of its connection."""
    budget = last.report.get("budget", {}) if last else {}
    seconds = budget.get(side.value, {}).get("pause")
    return None if seconds is None else timedelta(seconds=seconds)
