"""A route as the store remembers it: for commands that make no call."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from procore_4hse.engine.pull import Pulled
from procore_4hse.engine.recovery import Recovered
from procore_4hse.engine.snapshots import CycleInputs, glance, snapshot
from procore_4hse.errors import UsageError
from procore_4hse.models import Kind, RecordRef, Side
from procore_4hse.reconcile.snapshot import Snapshot
from procore_4hse.route import Route
from procore_4hse.store.links import Incidents
from procore_4hse.store.repository import Store, Unit

UTC_ZONE = "Etc/UTC"
CHILDREN = tuple(kind for kind in Kind if kind not in (Kind.INCIDENT, Kind.DIRECTORY))

Ids = dict[Side, str | None]
"""An incident's ids, None on a side without one."""


def offline_snapshot(store: Store, route: Route, incident: Ids | None = None) -> Snapshot:
    """The route, or one incident of it, as the last reading showed it, as if that reading had been complete."""
    with store.read() as unit:
        state = unit.routes.get(route.key, route.name)
        if state.memory.quiet:
            route = replace(route, mapping=route.mapping.suppress_alerts())
        settled = _unsettled(unit, route)
    pulled = Pulled(
        read=dict.fromkeys(Side, 0),
        certified=dict.fromkeys(Side, True),
        records_certified=True,
        people_certified=True,
        actions_certified=True,
        tied_certified=route.mapping.tied,
    )
    known = CycleInputs(route, state, state.zone or UTC_ZONE, pulled, settled, meeting_approved=state.meeting_approved)
    return snapshot(store, known) if incident is None else glance(store, known, listed(incident))


def listed(ids: Ids) -> Incidents:
    """The same ids, in the form in which the store takes those of many incidents."""
    return {side: [known] if known else [] for side, known in ids.items()}


def _unsettled(unit: Unit, route: Route) -> Recovered:
    recovered = Recovered()
    for intent in unit.journal(route.key).open():
        recovered.pending |= intent.action.refs
    return recovered


def find(store: Store, routes: tuple[Route, ...], record_id: str) -> tuple[Route, Ids]:
    """The incident that has this id on either side, else the one below which it stands; UsageError when none has."""
    if found := known(store, routes, record_id):
        return found
    raise UsageError(f"No incident {record_id} is known; read both systems first with: procore-4hse plan")


def known(store: Store, routes: Iterable[Route], record_id: str) -> tuple[Route, Ids] | None:
    """The same, None when none has it."""
    for wanted in dict.fromkeys((record_id, record_id.lower())):
        for route in routes:
            with store.read() as unit:
                if ids := _incident(unit, route, wanted) or _around(unit, route, wanted):
                    return route, ids
    return None


def _incident(unit: Unit, route: Route, wanted: str) -> Ids | None:
    for side in Side:
        incident = RecordRef(side, Kind.INCIDENT, wanted)
        link = unit.links(route.key).find(incident)
        if link is not None:
            return {each: link.id_on(each) for each in Side}
        if unit.staging(route.key).find(incident) is not None:
            return {side: wanted, side.other: None}
    return None


def _around(unit: Unit, route: Route, wanted: str) -> Ids | None:
    """The incident of a record that stands below one, such as an injury."""
    staging = unit.staging(route.key)
    staged_records = (staging.find(RecordRef(side, kind, wanted)) for side in Side for kind in CHILDREN)
    parents = [staged.record.parent_id for staged in staged_records if staged is not None]
    return next((_incident(unit, route, parent) for parent in parents if parent), None)
