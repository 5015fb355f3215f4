"""How the routes stand now, and what their cycles did lately: the pages Today and Runs."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from procore_4hse.models import Side, SyncStatus
from procore_4hse.operations.status import RouteStatus, standing_of
from procore_4hse.store.tables import CycleRow
from procore_4hse.web.access import Visitor
from procore_4hse.web.desk import Desk
from procore_4hse.web.texts import age, moment, say

Context = dict[str, Any]
CYCLES = 50
"""So many of the latest cycles are listed."""
PLACES = (SyncStatus.IN_SYNC, SyncStatus.WAITING, SyncStatus.REFUSED, SyncStatus.EXCLUDED)


# Today -----------------------------------------------------------------------------------------------------------


def today(desk: Desk, who: Visitor) -> Context:
    standing = standing_of(desk.store, who.routes(desk.routes), desk.every)
    now = desk.clock()
    return {"routes": [_standing(each, now) for each in standing.routes], "newer": standing.newer}


def _standing(status: RouteStatus, now: datetime) -> Context:
    last, oldest = status.last, status.oldest
    return {
        "name": status.route.name,
        "enabled": status.route.enabled,
        "running": status.is_running,
        "outcome": last and _outcome(last),
        "reason": last and last.reason,
        "last": last and last.ended_at and say("today.ago", age=age(now - last.ended_at)),
        "last_at": last and moment(last.ended_at),
        "next": status.next_at and _due(status.next_at, now),
        "links": status.links,
        "waiting": [(kind, count) for kind, count in status.inbox.items() if count],
        "count": sum(status.inbox.values()),
        "answered": status.answered,
        "oldest": oldest and age(now - oldest.since),
        "counts": [_population(last, side) for side in Side] if last else [],
    }


def _due(next_at: datetime, now: datetime) -> str:
    return say("today.in", age=age(next_at - now)) if next_at > now else say("today.due")


def _population(last: CycleRow, side: Side) -> Context:
    counts = last.report.get("population", {}).get(side.value, {})
    places = [(place.value, counts.get(place.value, 0)) for place in PLACES]
    return {"side": side.label, "places": places, "all": sum(count for _, count in places)}


def _outcome(cycle: CycleRow) -> str:
    return cycle.outcome or ("failed" if cycle.ended_at else "running")


# Runs ------------------------------------------------------------------------------------------------


def runs(desk: Desk, who: Visitor) -> Context:
    with desk.store.read() as unit:
        routes = [(route.name, unit.cycles.recent(route.key, CYCLES)) for route in who.routes(desk.routes)]
    return {"routes": [{"name": name, "cycles": [_cycle(each) for each in cycles]} for name, cycles in routes]}


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
