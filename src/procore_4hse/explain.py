"""The whole story of one incident, from the store alone: both records, what was written, what is next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from procore_4hse.errors import UsageError
from procore_4hse.gather import Gathering, Route, snapshot
from procore_4hse.house import House
from procore_4hse.models import PROCORE_RECORDS, Action, Item, Kind, Link, RawRecord, Ruling, Side
from procore_4hse.pull import Pulled
from procore_4hse.reconcile.diff import FieldDiff, diff
from procore_4hse.reconcile.guard import guarded
from procore_4hse.reconcile.items import difference_key
from procore_4hse.reconcile.plan import plan
from procore_4hse.reconcile.scope import exclusion
from procore_4hse.reconcile.snapshot import Plan, Record, Snapshot
from procore_4hse.settle import Settled
from procore_4hse.store.inbox import Entry
from procore_4hse.store.journal import Intent
from procore_4hse.store.repository import Store, Unit
from procore_4hse.store.routes import RouteState

UTC_ZONE = "Etc/UTC"


@dataclass(frozen=True)
class Story:
    """`fields` are compared only while both records are known; `next` is what a cycle would do now."""

    route: Route
    zone: str
    ids: Mapping[Side, str | None]
    records: Mapping[Side, Record | None]
    link: Link | None
    fields: tuple[FieldDiff, ...] = ()
    journal: tuple[Intent, ...] = ()
    items: tuple[Entry, ...] = ()
    next: tuple[Action, ...] = ()
    held: tuple[Action, ...] = ()
    asks: tuple[Item, ...] = ()
    """What the next cycle would ask that is not in the inbox yet."""
    pending: bool = False
    """A write whose fate is not known yet; nothing new is planned before it is."""
    excluded: str | None = None
    children: Mapping[Kind, tuple[RawRecord, ...]] = field(default_factory=dict)


def story_of(house: House, routes: tuple[Route, ...], record_id: str) -> Story:
    """The story of the incident that has this id on either side. Raises UsageError when none is known."""
    for route in routes:
        if ids := _ids(house.store, route, record_id):
            return _told(house.store, route, ids)
    raise UsageError(f"No incident {record_id} is known; read both systems first with: procore-4hse plan")


def _ids(store: Store, route: Route, record_id: str) -> dict[Side, str | None] | None:
    """Both ids of the incident, None for a side without one."""
    with store.read() as unit:
        for side in Side:
            for wanted in dict.fromkeys((record_id, record_id.lower())):
                link = unit.links(route.key).find(side, wanted)
                if link is not None and link.kind is Kind.INCIDENT:
                    return {each: link.id_on(each) for each in Side}
                if unit.staging(route.key).find(side, Kind.INCIDENT, wanted) is not None:
                    return {side: wanted, side.other: None}
    return None


def _told(store: Store, route: Route, ids: Mapping[Side, str | None]) -> Story:
    with store.read() as unit:
        state = unit.routes.get(route.key, route.name)
        settled = _unsettled(unit, route)
        journal = unit.journal(route.key).story(*(each for each in ids.values() if each))
        items = [e for e in unit.inbox(route.key).entries(states=("open", "answered")) if _is_about(e.item, ids)]
        children = _children(unit, route, ids)
    seen = _as_last_read(store, route, state, settled)
    decided = guarded(plan(seen), seen)
    records = {side: seen.record(side, known) if known else None for side, known in ids.items()}
    link = next((each for each in seen.links if each.procore_id == ids[Side.PROCORE]), None)
    return Story(
        route=route,
        zone=seen.zone,
        ids=ids,
        records=records,
        link=link,
        fields=_compared(seen, link, records),
        journal=tuple(journal),
        items=tuple(items),
        next=tuple(action for action in decided.actions if _concerns(action, ids)),
        held=tuple(action for action in decided.held if _concerns(action, ids)),
        asks=_new_questions(decided, items, ids),
        pending=any((side, known) in settled.pending for side, known in ids.items() if known),
        excluded=_excluded(seen, records, link),
        children=children,
    )


def _unsettled(unit: Unit, route: Route) -> Settled:
    found = Settled()
    for intent in unit.journal(route.key).open():
        action = intent.action
        ids = ((action.side, action.target_id), (action.side.other, action.source_id))
        found.pending |= {(side, record_id) for side, record_id in ids if record_id}
    return found


def _as_last_read(store: Store, route: Route, state: RouteState, settled: Settled) -> Snapshot:
    """The route as the store knows it, taken as if the last reading had been complete."""
    pulled = Pulled(
        read=dict.fromkeys(Side, 0),
        certified=dict.fromkeys(Side, True),
        records_certified=True,
        people_certified=True,
    )
    known = Gathering(route, state, state.zone or UTC_ZONE, pulled, settled, meeting_approved=state.meeting_approved)
    return snapshot(store, known)


def _compared(seen: Snapshot, link: Link | None, records: Mapping[Side, Record | None]) -> tuple[FieldDiff, ...]:
    procore, fourhse = records[Side.PROCORE], records[Side.FOURHSE]
    if procore is None or fourhse is None or procore.minimal or fourhse.minimal:
        return ()
    return diff(
        seen.mapping.fields,
        procore.image,
        fourhse.image,
        dict(link.base) if link else {},
        _rulings(seen, link),
        link.born if link else None,
    )


def _rulings(seen: Snapshot, link: Link | None) -> dict[str, Ruling]:
    keys = {difference_key(link, row.key): row.key for row in seen.mapping.fields} if link else {}
    return {keys[key]: ruling for key, ruling in seen.rulings.items() if key in keys}


def _excluded(seen: Snapshot, records: Mapping[Side, Record | None], link: Link | None) -> str | None:
    reasons = (exclusion(seen, record, linked=link is not None) for record in records.values() if record)
    return next((reason for reason in reasons if reason), None)


def _concerns(action: Action, ids: Mapping[Side, str | None]) -> bool:
    named = {action.side: action.target_id, action.side.other: action.source_id}
    return any(known is not None and named[side] == known for side, known in ids.items())


def _is_about(item: Item, ids: Mapping[Side, str | None]) -> bool:
    named = {Side.PROCORE: item.procore_id, Side.FOURHSE: item.fourhse_id}
    mine = {known for known in ids.values() if known}
    return any(named[side] in mine for side in Side) or bool(mine & {*item.facts.get("candidates", ())})


def _new_questions(decided: Plan, asked: list[Entry], ids: Mapping[Side, str | None]) -> tuple[Item, ...]:
    known = {entry.item.key for entry in asked}
    return tuple(item for item in decided.items if _is_about(item, ids) and item.key not in known)


def _children(unit: Unit, route: Route, ids: Mapping[Side, str | None]) -> dict[Kind, tuple[RawRecord, ...]]:
    """Everything below the incident, on both sides, that the latest readings show; kinds without any are left out."""
    found: dict[Kind, list[RawRecord]] = {}
    for side, kinds in ((Side.PROCORE, PROCORE_RECORDS), (Side.FOURHSE, (Kind.PERSON,))):
        for staged, _ in unit.staging(route.key).records(side, kinds) if ids[side] else ():
            if staged.present and staged.record.parent_id == ids[side]:
                found.setdefault(staged.record.kind, []).append(staged.record)
    return {kind: tuple(records) for kind, records in found.items()}
