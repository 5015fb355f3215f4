"""What a route did on each of the last days: what crossed, what waited for a person, and what was called."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from procore_4hse.models import Side
from procore_4hse.route import Route
from procore_4hse.store.repository import Unit
from procore_4hse.store.routes import DayOfCycles

DAYS = 30
QUIET = DayOfCycles(0, dict.fromkeys(Side, 0), dict.fromkeys(Side))


@dataclass(frozen=True)
class Day:
    """One day in UTC. `waiting` questions stood open at its end, or now; `oldest` is how long one had by then.

    `used` is the largest share of a vendor's call budget that was used up, 0 to 1; None while no budget is known.
    """

    day: date
    cycles: int
    written: Mapping[Side, int]
    calls: Mapping[Side, int]
    used: Mapping[Side, float | None]
    waiting: int
    oldest: timedelta | None


Past = dict[tuple[str, date], DayOfCycles]
"""Days that are over, by route: what was counted once is not counted again for every page."""


def days_of(unit: Unit, route: Route, past: Past) -> tuple[Day, ...]:
    """The last 30 days until now, the oldest first; `past` is used and filled."""
    today = unit.now.astimezone(UTC).date()
    shown = [today - timedelta(days=ago) for ago in range(DAYS - 1, -1, -1)]
    start = _begin(shown[0])
    cycles, written = _cycles(unit, route.key, shown, past), unit.journal(route.key).written(start)
    spans = unit.inbox(route.key).spans(start)
    return tuple(_day(day, cycles.get(day, QUIET), written, spans, unit.now) for day in shown)


def _cycles(unit: Unit, route: str, shown: Sequence[date], past: Past) -> dict[date, DayOfCycles]:
    known = {day: past[route, day] for day in shown if (route, day) in past}
    counted = unit.cycles.by_day(route, _begin(next(day for day in shown if day not in known)))
    # A cycle that began yesterday may have ended today.
    past |= {(route, day): counted.get(day, QUIET) for day in shown[:-2] if day not in known}
    return known | counted


def _begin(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _day(
    day: date,
    cycles: DayOfCycles,
    written: Mapping[tuple[date, Side], int],
    spans: Sequence[tuple[datetime, datetime | None]],
    now: datetime,
) -> Day:
    end = min(_begin(day + timedelta(days=1)), now)
    since = list(_standing(spans, end))
    return Day(
        day=day,
        cycles=cycles.cycles,
        written={side: written.get((day, side), 0) for side in Side},
        calls=cycles.calls,
        used=cycles.used,
        waiting=len(since),
        oldest=end - min(since) if since else None,
    )


def _standing(spans: Sequence[tuple[datetime, datetime | None]], moment: datetime) -> Iterator[datetime]:
    """Since when each question stood that stood at this moment."""
    return (since for since, until in spans if since <= moment and (until is None or until > moment))
