"""When each route is due and why, as the store has it; pausing a route and letting it go on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from procore_4hse.route import Route
from procore_4hse.store.repository import Store, Unit
from procore_4hse.store.schedule import Slot


@dataclass(frozen=True)
class RouteSchedule:
    """`route` is None for one that the configuration names no more. `slot` is None before the first cycle."""

    name: str
    route: Route | None
    slot: Slot | None
    is_running: bool
    is_paused: bool

    @property
    def due_at(self) -> datetime | None:
        """None where no process takes it."""
        is_run = self.route is not None and self.route.enabled and not self.is_paused
        return self.slot.due_at if self.slot and is_run else None


def schedules(store: Store, routes: Sequence[Route]) -> list[RouteSchedule]:
    """The routes in the order of the configuration, then those that only the store knows."""
    with store.read() as unit:
        slots, known = unit.schedule.slots(), unit.routes.keys()
        by_key: dict[str, Route | None] = {route.key: route for route in routes}
        former = dict.fromkeys(key for key in known if key not in by_key)
        return [_of(unit, key, route, slots.get(key)) for key, route in (by_key | former).items()]


def _of(unit: Unit, key: str, route: Route | None, slot: Slot | None) -> RouteSchedule:
    name = route.name if route else unit.routes.get(key).name or key
    is_paused = slot is not None and slot.is_paused(unit.now)
    return RouteSchedule(name, route, slot, unit.leases.holder(key) is not None, is_paused)


def paused_routes(store: Store, routes: Sequence[Route]) -> tuple[Route, ...]:
    with store.read() as unit:
        slots = unit.schedule.slots([route.key for route in routes])
        paused = {slot.route for slot in slots.values() if slot.is_paused(unit.now)}
    return tuple(route for route in routes if route.key in paused)


def pause(store: Store, route: Route, length: timedelta | None, note: str) -> None:
    """No process takes the route until then, or until it is resumed; a cycle that runs now goes on to its end."""
    with store.begin() as unit:
        unit.schedule.pause(route.key, length, note)


def resume(store: Store, route: Route) -> None:
    with store.begin() as unit:
        unit.schedule.resume(route.key)
