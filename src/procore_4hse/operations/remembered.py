"""Answers that go on counting: what people said once and for all, listed, and taken back one by one."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from procore_4hse.engine.snapshots import partners_told, picklists
from procore_4hse.errors import UsageError
from procore_4hse.mapping.directory import Directory
from procore_4hse.models import CHILDREN, PEOPLE_RECORDS, Decision, Kind, Link, LinkState, QuestionKey, RecordRef, Side
from procore_4hse.operations.decisions import alone, confirm_undoable, forget_partners
from procore_4hse.reconcile.items import LEAVE, title_of
from procore_4hse.reconcile.snapshot import Policy, Record
from procore_4hse.route import Route
from procore_4hse.store.decisions import Decider
from procore_4hse.store.leases import Holder
from procore_4hse.store.links import Tombstone
from procore_4hse.store.repository import Store, Unit

KINDS = {
    "partner": "named as one person",
    "different": "called different",
    "never-copied": "never copied",
    "ignored": "kept, though the other one was deleted",
    "near-miss": "left a near miss, though 4HSE tells of an accident",
}


@dataclass(frozen=True)
class Remembered:
    """One such answer. Its id stays the same for as long as it counts."""

    kind: str
    route: Route
    what: str
    procore_id: str | None = None
    fourhse_id: str | None = None
    since: datetime | None = None
    """When it was given, where that is known."""
    item_id: int | None = None
    """The answered question that holds it."""
    key: QuestionKey | None = None
    """What that question is about."""
    incident: str | None = None
    """The Procore id of the incident that it is about; None where it is about somebody."""

    @property
    def id(self) -> str:
        parts = (self.route.key, self.kind, self.procore_id or "", self.fourhse_id or "")
        return f"{self.kind}:{hashlib.sha256(repr(parts).encode()).hexdigest()[:10]}"


def remembered(unit: Unit, route: Route) -> list[Remembered]:
    """Everything that people said once and for all about this route."""
    directory = picklists(unit, unit.routes.get(route.key), route.mapping).directory
    found = [
        *_partners(unit, route, directory),
        *_different(unit, route),
        *_never_copied(unit, route, directory),
        *_ignored(unit, route),
        *_near_misses(unit, route),
    ]
    return sorted(found, key=lambda one: (list(KINDS).index(one.kind), one.what, one.id))


def forget(store: Store, holder: Holder, routes: tuple[Route, ...], wanted: str, by: Decider) -> Remembered:
    """Takes such an answer back, which its decision tells from then on; the next cycle asks again where it must.

    Raises UsageError.

    Raises SyncError while a cycle of the route runs: it may be acting on that answer.
    """
    one = _find(store, routes, wanted)
    with alone(store, holder, one.route) as unit:
        unit.decisions(one.route.key).take_back(QUESTIONS[one.kind](one), by)
        FORGET[one.kind](unit, one)
    return one


def _find(store: Store, routes: tuple[Route, ...], wanted: str) -> Remembered:
    with store.read() as unit:
        for route in routes:
            for one in remembered(unit, route):
                if one.id == wanted:
                    return one
    raise UsageError(f"Nothing remembered has the id {wanted}; see them all with: procore-4hse inbox remembered")


# Partners of people ----------------------------------------------------------------------------------------------


def _partners(unit: Unit, route: Route, directory: Directory) -> Iterator[Remembered]:
    for party, office in unit.routes.get(route.key).memory.partners.items():
        names = f"{directory.name(Side.PROCORE, party)} in Procore is {directory.name(Side.FOURHSE, office)} in 4HSE"
        unused = "" if directory.told.get(party) == office else "; not used, for the mapping or another answer differs"
        yield Remembered("partner", route, names + unused, party, office)


def _forget_partner(unit: Unit, one: Remembered) -> None:
    inbox = unit.inbox(one.route.key)
    forget_partners(unit, one.route, {one.procore_id or "": one.fourhse_id or ""})
    for decision in inbox.decisions().values():  # An answer that is still kept would be learnt again.
        if one.procore_id in partners_told([decision]):
            inbox.withdraw(decision.item_id)


# Incidents that are two ------------------------------------------------------------------------------------------


def _different(unit: Unit, route: Route) -> Iterator[Remembered]:
    pairs = unit.links(route.key).not_duplicates()
    site = _titles(unit, route, Side.PROCORE, {procore_id for procore_id, _ in pairs})
    office = _titles(unit, route, Side.FOURHSE, {fourhse_id for _, fourhse_id in pairs})
    for procore_id, fourhse_id in pairs:
        what = f"{site[procore_id]} and {office[fourhse_id]}"
        yield Remembered("different", route, what, procore_id, fourhse_id, incident=procore_id)


def _forget_different(unit: Unit, one: Remembered) -> None:
    unit.links(one.route.key).forget_apart(one.procore_id or "", one.fourhse_id or "")


def _titles(unit: Unit, route: Route, side: Side, ids: Collection[str]) -> dict[str, str]:
    """What these incidents are called; of one without a title that may be told, its id."""
    staged = unit.staging(route.key).some(side, Kind.INCIDENT, ids)
    records = {one.record.id: Record(side, one.record.id, one.record.payload, minimal=one.minimal) for one in staged}
    return {known: title_of(route.mapping, records.get(known)) or f"{side.label} {known}" for known in ids}


# People who are never copied -------------------------------------------------------------------------------------


def _never_copied(unit: Unit, route: Route, directory: Directory) -> Iterator[Remembered]:
    since = {entry.id: entry.changed_at for entry in unit.inbox(route.key).entries(states=("answered",))}
    for decision in unit.inbox(route.key).decisions().values():
        record = decision.key.record if _is_never_copied(decision) else None
        if record is None:
            continue
        ids = {record.side: record.id}
        whole = record.kind is Kind.DIRECTORY
        what = directory.name(record.side, record.id) if whole else f"the record {record.id} of a person"
        yield Remembered(
            "never-copied",
            route,
            f"{what} of {record.side.label}",
            ids.get(Side.PROCORE),
            ids.get(Side.FOURHSE),
            since.get(decision.item_id),
            decision.item_id,
            decision.key,
        )


def _is_never_copied(decision: Decision) -> bool:
    record, people = decision.key.record, (*PEOPLE_RECORDS, Kind.PERSON, Kind.DIRECTORY)
    return decision.key.topic == "match" and decision.verb == "reject" and record is not None and record.kind in people


def _withdraw(unit: Unit, one: Remembered) -> None:
    if one.item_id is not None:
        unit.inbox(one.route.key).withdraw(one.item_id)


# Survivors of deletions ------------------------------------------------------------------------------------------


def _ignored(unit: Unit, route: Route) -> Iterator[Remembered]:
    links = unit.links(route.key).ignored()
    stones = unit.links(route.key).tombstones([link.ref(side) for link in links for side in Side])
    titles = _titles(unit, route, Side.PROCORE, {link.parent or link.procore_id for link in links})
    for link in links:
        if gone := _deleted(stones, link):
            title = f"somebody in {titles[link.parent]}" if link.parent else titles[link.procore_id]
            what = f"{title}: deleted in {gone.label}, kept in {gone.other.label}"
            ids, since = (link.procore_id, link.fourhse_id), stones[link.ref(gone)].seen_at
            yield Remembered("ignored", route, what, *ids, since, incident=None if link.parent else link.procore_id)


def _deleted(stones: Mapping[RecordRef, Tombstone], link: Link) -> Side | None:
    """Where a record of the link was deleted last."""
    sides = [side for side in Side if link.ref(side) in stones]
    return max(sides, key=lambda side: stones[link.ref(side)].number, default=None)


def _forget_ignored(unit: Unit, one: Remembered) -> None:
    """Back to the state from which the deletion is asked again."""
    if one.route.deletions is Policy.IGNORE:
        raise UsageError(f"Route {one.route.name} ignores every deletion; change `deletions` in its settings first.")
    links = unit.links(one.route.key)
    for link in links.ignored():
        if (link.procore_id, link.fourhse_id) == (one.procore_id, one.fourhse_id):
            gone = _deleted(links.tombstones([link.ref(side) for side in Side]), link)
            links.set_state(link.ref(Side.PROCORE), LinkState.gone(gone or Side.PROCORE))


# Near misses that 4HSE tells of as accidents -------------------------------------------------------------------------


def _near_misses(unit: Unit, route: Route) -> Iterator[Remembered]:
    for entry in unit.inbox(route.key).entries(states=("answered",)):
        if entry.item.key.topic == "accident" and (entry.answer or {}).get("use") == LEAVE:
            what = f"somebody in {entry.item.title or 'an incident'}"
            record = entry.item.key.record
            near_miss, person = record.id if record else None, entry.item.facts["person"]
            yield Remembered("near-miss", route, what, near_miss, person, entry.changed_at, entry.id, entry.item.key)


def _forget_near_miss(unit: Unit, one: Remembered) -> None:
    entry = unit.inbox(one.route.key).find(one.item_id or 0)
    if entry is not None:
        confirm_undoable(unit, one.route, entry)
        _withdraw(unit, one)


# The questions that were answered so ---------------------------------------------------------------------------------


def _matches(kind: Kind) -> Callable[[Remembered], list[QuestionKey]]:
    """Whether two are one was asked about either of them."""
    return lambda one: [QuestionKey.match(RecordRef(side, kind, known)) for side, known in _ids(one).items() if known]


def _ids(one: Remembered) -> dict[Side, str | None]:
    return {Side.PROCORE: one.procore_id, Side.FOURHSE: one.fourhse_id}


def _who_they_are(one: Remembered) -> list[QuestionKey]:
    parted = QuestionKey.parted(one.procore_id or "", one.fourhse_id or "")
    return [*_matches(Kind.DIRECTORY)(one), parted]


def _of_deletion(one: Remembered) -> list[QuestionKey]:
    links = [Link(0, one.procore_id or "", one.fourhse_id or "", kind) for kind in (Kind.INCIDENT, *CHILDREN)]
    return [QuestionKey.deletion(link, side) for link in links for side in Side]


QUESTIONS: Mapping[str, Callable[[Remembered], list[QuestionKey]]] = {
    "partner": _who_they_are,
    "different": _matches(Kind.INCIDENT),
    "never-copied": lambda one: [one.key] if one.key else [],
    "ignored": _of_deletion,
    "near-miss": lambda one: [one.key] if one.key else [],
}

FORGET: Mapping[str, Callable[[Unit, Remembered], None]] = {
    "partner": _forget_partner,
    "different": _forget_different,
    "never-copied": _withdraw,
    "ignored": _forget_ignored,
    "near-miss": _forget_near_miss,
}
