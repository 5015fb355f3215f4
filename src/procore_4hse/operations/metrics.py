"""What a monitoring system reads, from the store alone: so every process of a store tells the same.

This module loads prometheus-client, and is itself loaded by those alone that tell metrics.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest, write_to_textfile
from prometheus_client.core import CounterMetricFamily as Counted
from prometheus_client.core import GaugeMetricFamily as Gauge
from prometheus_client.core import HistogramMetricFamily as Histogram
from prometheus_client.core import InfoMetricFamily as Info
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from procore_4hse.models import Side
from procore_4hse.operations.status import Terms, cadences_of
from procore_4hse.route import Route
from procore_4hse.store import schema, tallies
from procore_4hse.store.inbox import waiting
from procore_4hse.store.repository import Store, Unit
from procore_4hse.store.standing import Stand
from procore_4hse.store.timetable import overdue

PREFIX = "procore_4hse_"
WINDOWS = {"10s": 10, "1m": 60, "1h": 3600}
"""The names of budget windows, by the longest that each is for; seconds. A server's clock may be a little off."""
LONGER = "1d"
TOLERANCE = 1.5


@dataclass(frozen=True, eq=False)
class StoreCollector(Collector):
    """Reads the store once for each time it is asked. No label holds an id or a person."""

    store: Store
    routes: Sequence[Route]
    terms: Terms
    version: str

    def describe(self) -> Iterable[Metric]:
        """Nothing is read before somebody asks."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Raises StoreError and StoreBusy."""
        yield Info(f"{PREFIX}build", "The version that tells these metrics.", value={"version": self.version})
        names = {route.key: route.name for route in self.routes}
        with self.store.read() as unit:
            if schema.has_tables(unit.connection):
                yield from _of_cycles(unit, names)
                yield from _of_standings(unit.standings.of([*names]), names)
                yield from _of_schedule(unit, self.routes, self.terms)
                yield from _of_inbox(unit, names)
                yield from _of_calls(unit, self.terms)


def exposition(collector: StoreCollector) -> bytes:
    """The metrics in Prometheus' text format."""
    return generate_latest(_registry(collector))


def written(collector: StoreCollector, file: Path) -> None:
    """The same as a file, which is there as a whole or not at all, for everybody to read. Raises OSError."""
    write_to_textfile(str(file), _registry(collector))
    file.chmod(0o644)


def _registry(collector: StoreCollector) -> CollectorRegistry:
    made = CollectorRegistry()
    made.register(collector)
    return made


def _of_cycles(unit: Unit, names: Mapping[str, str]) -> Iterator[Metric]:
    counted = Counted(f"{PREFIX}cycles", "Cycles that ended.", labels=["route", "outcome"])
    for (route, outcome), value in sorted(unit.tallies.of_routes(tallies.CYCLES, [*names]).items()):
        counted.add_metric([names[route], outcome], value)
    yield counted
    below = unit.tallies.totals(tallies.DURATIONS)
    so_far = accumulate(below.get((bound,), 0.0) for bound in tallies.BOUNDS)
    lasted = Histogram(f"{PREFIX}cycle_duration_seconds", "How long cycles took.")
    seconds = unit.tallies.totals(tallies.SECONDS).get(("",), 0.0)
    lasted.add_metric([], [*zip(tallies.BOUNDS, so_far, strict=True)], seconds)
    yield lasted


def _of_standings(stands: Mapping[str, Stand], names: Mapping[str, str]) -> Iterator[Metric]:
    agreed = Gauge(
        f"{PREFIX}route_last_agreement_timestamp_seconds",
        "When both sides were last read whole and compared without anything that went wrong.",
        labels=["route"],
    )
    records = Gauge(
        f"{PREFIX}records",
        "Incidents of each side by where they stand, as the last cycle counted that could.",
        labels=["route", "side", "state"],
    )
    for route, stand in stands.items():
        if stand.agreed_at is not None:
            agreed.add_metric([names[route]], stand.agreed_at.timestamp())
        for side, counts in stand.population.items():
            for state, count in counts.items():
                records.add_metric([names[route], side, state], count)
    yield from (agreed, records)


def _of_schedule(unit: Unit, routes: Sequence[Route], terms: Terms) -> Iterator[Metric]:
    """Of the routes that are run: neither disabled nor paused."""
    lag = Gauge(f"{PREFIX}route_due_lag_seconds", "How long the route has been due; 0: it is not.", labels=["route"])
    rest = Gauge(f"{PREFIX}route_cadence_seconds", "How long the route rests between cycles.", labels=["route"])
    slots = unit.schedule.slots([route.key for route in routes])
    run = [
        route for route in routes if route.enabled and route.key in slots and not slots[route.key].is_paused(unit.now)
    ]
    running, cadences = unit.leases.held(timedelta(0), {}), cadences_of(unit, run, terms)
    for route in run:
        slot = slots[route.key]
        late = overdue(slot, unit.now - slot.set_at, terms.pace)
        is_due = route.key not in running and late > timedelta(0)
        lag.add_metric([route.name], late.total_seconds() if is_due else 0.0)
        rest.add_metric([route.name], cadences[route.key].rest.total_seconds())
    yield from (lag, rest)


def _of_inbox(unit: Unit, names: Mapping[str, str]) -> Iterator[Metric]:
    items = Gauge(f"{PREFIX}inbox_items", "Questions that wait for a person.", labels=["route", "kind"])
    oldest = Gauge(
        f"{PREFIX}inbox_oldest_timestamp_seconds",
        "Since when the oldest question waits, but for those put off until later.",
        labels=["route"],
    )
    since: dict[str, datetime] = {}
    for each in waiting(unit.connection, [*names], unit.now):
        items.add_metric([names[each.route], each.kind], each.count)
        if each.oldest is not None:
            since[each.route] = min(each.oldest, since.get(each.route, each.oldest))
    for route, moment in since.items():
        oldest.add_metric([names[route]], moment.timestamp())
    yield from (items, oldest)


def _of_calls(unit: Unit, terms: Terms) -> Iterator[Metric]:
    for name, label, words in (
        (tallies.REQUESTS, ["system", "outcome"], "Calls that cycles made to each system."),
        (tallies.WRITES, ["system", "action", "outcome"], "Writes to each system by what became of them."),
        (tallies.HINTS, ["outcome"], "Messages of a system that something changed."),
    ):
        counted = Counted(PREFIX + name, words, labels=label)
        for words_of, value in sorted(unit.tallies.totals(name).items()):
            counted.add_metric(words_of, value)
        yield counted
    yield _of_budgets(unit, terms)


def _of_budgets(unit: Unit, terms: Terms) -> Metric:
    """A pause that a vendor asked for leaves nothing of any window."""
    left = Gauge(f"{PREFIX}budget_remaining", "Calls that each system still allows.", labels=["system", "window"])
    for side in Side:
        quotas = unit.budgets.quotas(terms.accounts[side])
        is_paused = any(not each.limit and each.left > timedelta(0) for each in quotas)
        windows = {_window(each.length): each.remaining for each in quotas if each.limit}
        for window, remaining in windows.items():
            left.add_metric([side.value, window], 0 if is_paused else remaining)
    return left


def _window(length: timedelta) -> str:
    seconds = length.total_seconds() / TOLERANCE
    return next((name for name, longest in WINDOWS.items() if seconds <= longest), LONGER)
