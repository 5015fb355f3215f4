"""How the routes stand now, and what their cycles did lately: the pages Today and Runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from procore_4hse.models import Side, SyncStatus
from procore_4hse.operations.month import Day, days_of
from procore_4hse.operations.status import RouteStatus, standing_of
from procore_4hse.operations.texts import age, moment, say
from procore_4hse.route import Route
from procore_4hse.store.tables import CycleRow
from procore_4hse.web.access import Visitor
from procore_4hse.web.desk import Desk
from procore_4hse.web.pictures import Picture, Series

Context = dict[str, Any]
CYCLES = 50
"""So many of the latest cycles are listed."""
PLACES = (SyncStatus.IN_SYNC, SyncStatus.WAITING, SyncStatus.REFUSED, SyncStatus.EXCLUDED)
SILENT = timedelta(days=1)
"""A route without a cycle for so long is worth a word, whoever starts its cycles."""


# Today -----------------------------------------------------------------------------------------------------------


def today(desk: Desk, who: Visitor) -> Context:
    standing = standing_of(desk.store, who.routes(desk.routes), desk.every)
    now = desk.clock()
    return {
        "routes": [_standing(each, now) for each in standing.routes],
        "places": [place.value for place in PLACES],
        "newer": standing.newer,
    }


def _standing(status: RouteStatus, now: datetime) -> Context:
    last, proven = status.last, status.proven_at
    populations = [_population(status, side) for side in Side] if status.population else []
    return {
        "name": status.route.name,
        "running": status.is_running,
        "outcome": _outcome(last) if last else None,
        "next": status.next_at and _due(status.next_at, now),
        "counts": [*zip(*populations, strict=True)],
        "proven": proven and say("today.ago", age=age(now - proven)),
        "proven_at": proven and moment(proven),
        "waiting": _waiting(status, now),
        "answered": status.answered and say("today.answered.words", count=status.answered),
        "wrong": [*_wrong(status, now)],
    }


def _due(next_at: datetime, now: datetime) -> str:
    return say("today.in", age=age(next_at - now)) if next_at > now else say("today.due")


def _waiting(status: RouteStatus, now: datetime) -> str | None:
    count = sum(status.inbox.values())
    if not count:
        return None
    words = say("today.waiting.one") if count == 1 else say("today.waiting", count=count)
    return words if status.oldest is None else say("today.since", words=words, age=age(now - status.oldest.since))


def _wrong(status: RouteStatus, now: datetime) -> Iterator[str]:
    """What is wrong besides the questions that wait."""
    last = status.last
    if not status.route.enabled:
        yield say("today.disabled")
    if last is None:
        yield say("today.none")
        return
    if last.reason and last.outcome != "ok":
        yield last.reason
    if last.ended_at and now - last.ended_at >= SILENT:
        yield say("today.silent", age=age(now - last.ended_at))


def _population(status: RouteStatus, side: Side) -> list[int]:
    """How many incidents of a side stand in each place, and all of them together."""
    counts = status.population.get(side.value, {})
    places = [counts.get(place.value, 0) for place in PLACES]
    return [*places, sum(places)]


def _outcome(cycle: CycleRow) -> str:
    return cycle.outcome or ("failed" if cycle.ended_at else "running")


# Runs ------------------------------------------------------------------------------------------------------------


def runs(desk: Desk, who: Visitor) -> Context:
    return {"routes": [_runs(desk, route) for route in who.routes(desk.routes)]}


def _runs(desk: Desk, route: Route) -> Context:
    with desk.store.read() as unit:
        cycles, days = unit.cycles.recent(route.key, CYCLES), days_of(unit, route, desk.past)
    return {
        "name": route.name,
        "cycles": [_cycle(each) for each in cycles],
        "pictures": [*_pictures(days)] if any(day.cycles for day in days) else [],
        "days": [_day(day) for day in reversed(days)],
    }


def _pictures(days: Sequence[Day]) -> Iterator[Picture]:
    """What crossed, what waited and for how long, and how near the calls came to what the vendors allow."""
    ages = [day.oldest or timedelta(0) for day in days]
    used = [{side: (share or 0) * 100 for side, share in day.used.items()} for day in days]
    yield _picture("crossed", _sides([day.written for day in days]))
    yield _picture("waiting", (Series("all", "", [day.waiting for day in days]),))
    yield _picture("oldest", (Series("all", "", [each.total_seconds() for each in ages]),), most=age(max(ages)))
    yield _picture("used", _sides(used), top=100)


def _sides(days: Sequence[Mapping[Side, float]]) -> tuple[Series, ...]:
    return tuple(Series(side.value, say("runs.to", side=side.label), [day[side] for day in days]) for side in Side)


def _picture(name: str, series: tuple[Series, ...], *, top: float = 0, most: str = "") -> Picture:
    highest = max(value for one in series for value in one.values)
    words = say(f"runs.{name}.most", most=most or f"{highest:.3g}") if highest else say(f"runs.{name}.none")
    return Picture(say(f"runs.{name}"), words, series, top or highest or 1)


def _day(day: Day) -> Context:
    used = {side: "" if share is None else f"{share:.0%}" for side, share in day.used.items()}
    return {
        "day": day.day.isoformat(),
        "cells": [
            ("cycles", day.cycles),
            *((f"written.{side.value}", day.written[side]) for side in Side),
            ("waiting", day.waiting),
            ("oldest", age(day.oldest) if day.oldest else ""),
            *((f"calls.{side.value}", day.calls[side]) for side in Side),
            *((f"used.{side.value}", used[side]) for side in Side),
        ],
    }


def _cycle(cycle: CycleRow) -> Context:
    report = cycle.report
    written = {side: sum(counts.values()) for side, counts in report.get("written", {}).items()}
    return {
        "began": moment(cycle.began_at),
        "outcome": _outcome(cycle),
        "reason": cycle.reason,
        "read": say("runs.both", **report["pulled"]) if "pulled" in report else "",
        "written": say("runs.both.to", **written) if written else "",
        "calls": say("runs.both.calls", **report["calls"]) if "calls" in report else "",
        "took": say("runs.seconds", seconds=f"{report['seconds']:.1f}") if "seconds" in report else "",
    }
