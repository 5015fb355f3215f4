"""What a person decides, checked before it is stored: answers to items, links made and taken apart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from procore_4hse.engine.lease import GRACE, LEASE
from procore_4hse.engine.snapshots import partners_told, picklists
from procore_4hse.errors import RouteBusy, UsageError
from procore_4hse.models import PEOPLE_RECORDS, Item, ItemKind, Kind, Link, LinkState, RecordRef, Side
from procore_4hse.operations.offline import UTC_ZONE
from procore_4hse.operations.texts import moment, say
from procore_4hse.reconcile.undo import UNDO
from procore_4hse.route import Route
from procore_4hse.store.decisions import Decider, KeptDecision
from procore_4hse.store.inbox import Entry
from procore_4hse.store.leases import Holder
from procore_4hse.store.repository import Store, Unit


@dataclass(frozen=True)
class Answer:
    """`use` is procore | fourhse | base | accept | injury | leave."""

    verb: str
    use: str | None = None
    with_id: str | None = None
    restore: bool = False


USES = {
    "procore": "procore",
    "4hse": "fourhse",
    **{each: each for each in ("fourhse", "base", "accept", "injury", "leave")},
}
"""How a person may write it -> how it is kept."""

GUARD_USES: Mapping[str, tuple[str, ...]] = {
    "mapping": ("procore", "fourhse", "base"),
    "regress": ("base", "accept"),
}
"""The guards whose approval must name what holds; no other guard takes it."""

PUT_OFF = timedelta(days=7)
NOTE = 2000
"""So many letters a note may have."""
TITLES = {side.value: side.label for side in Side}
SPOKEN = {kept: written for written, kept in USES.items() if written != "fourhse"}


def find(store: Store, routes: tuple[Route, ...], item_id: int) -> tuple[Route, Entry]:
    """The item with this number and its route; UsageError when no configured route has it."""
    with store.read() as unit:
        for route in routes:
            if entry := unit.inbox(route.key).find(item_id):
                return route, entry
    raise UsageError(f"The inbox has no item {item_id}; see what waits with: procore-4hse inbox")


def keep(
    store: Store,
    routes: tuple[Route, ...],
    item_id: int,
    answer: Answer,
    by: Decider,
    *,
    shown: str | None = None,
    seen: Entry | None = None,
    note: str = "",
) -> tuple[Route, Entry, Answer]:
    """Stores the answer after checking it, with who gives it; the next cycle carries it out.

    `shown` is the digest of what the person saw; None counts for the item as the store has it. `seen` is the item as
    they saw it, with the answer that waited then: without it, another person's answer stands. Raises UsageError.
    """
    if len(note) > NOTE:
        raise UsageError(f"The note has {len(note)} letters; write it in at most {NOTE}.")
    route, entry = find(store, routes, item_id)
    with store.begin() as unit:
        former, entry = entry, unit.inbox(route.key).find(item_id, to_answer=True) or entry
        _require_shown(entry, shown)
        _require_first(unit, route, entry, seen or former, None if seen else by)
        checked = check(unit, route, entry, answer)
        unit.inbox(route.key).answer(item_id, asdict(checked), by, note.strip())
    return route, entry, checked


def _require_shown(entry: Entry, shown: str | None) -> None:
    if shown is not None and shown != entry.item.shown and entry.state != "closed":
        raise UsageError(
            f"Item {entry.id} no longer shows what it showed as {shown}, so this answer is not kept. Look at it again: "
            f"procore-4hse inbox show {entry.id}"
        )


def _require_first(unit: Unit, route: Route, entry: Entry, former: Entry, by: Decider | None) -> None:
    """Of two people who answer at the same time one is told; `by` is somebody who has not seen what waits."""
    first = answered_first(unit, route, entry)
    if first and (entry.answer != former.answer or (by is not None and _is_anothers(unit, route, entry, by.who))):
        raise UsageError(f"{first} Look at it again: procore-4hse inbox show {entry.id}")


def answered_first(unit: Unit, route: Route, entry: Entry) -> str:
    """Who gave the answer that waits, for somebody whose own came second; empty where none waits."""
    if entry.state != "answered":
        return ""
    given = _given(unit, route, entry)
    who, at = (given.who, given.made_at) if given else ("", None)
    return say("decision.first", number=entry.id, who=who or say("decision.somebody"), when=moment(at))


def _is_anothers(unit: Unit, route: Route, entry: Entry, who: str) -> bool:
    given = _given(unit, route, entry)
    return given is not None and bool(given.who and who) and given.who != who


def _given(unit: Unit, route: Route, entry: Entry) -> KeptDecision | None:
    """The decision of the answer that waits; None for one from before decisions were recorded."""
    return next(iter(unit.decisions(route.key).in_force([entry.item.key])), None)


def take_back(store: Store, routes: tuple[Route, ...], item_id: int, by: Decider) -> tuple[Route, Entry]:
    """Withdraws the answer to an item that no cycle has carried out yet. Raises UsageError."""
    route, _ = find(store, routes, item_id)
    with store.begin() as unit:
        entry = unit.inbox(route.key).find(item_id)
        if entry is None or entry.state == "closed":
            raise UsageError(f"Item {item_id} is closed: its answer was carried out, or its cause is gone.")
        if entry.state != "answered":
            raise UsageError(f"Item {item_id} has no answer to take back; see: procore-4hse inbox show {item_id}")
        confirm_undoable(unit, route, entry)
        told = unit.inbox(route.key).decision(entry.item.key)
        forget_partners(unit, route, partners_told([told] if told is not None else []))
        unit.inbox(route.key).withdraw(item_id, by)
        if is_undo(entry):  # Nobody asked: without the answer there is no question.
            unit.inbox(route.key).close(entry.item.key)
    return route, entry


def forget_partners(unit: Unit, route: Route, told: Mapping[str, str]) -> None:
    """A cycle learns a partner as soon as it reads the answer, also one that then carries nothing out."""
    known = unit.routes.get(route.key).memory.partners
    kept = {party: office for party, office in known.items() if told.get(party) != office}
    if len(kept) < len(known):
        unit.routes.remember(route.key, route.name, partners=kept)


def snooze(store: Store, routes: tuple[Route, ...], item_id: int, until: date | None = None) -> tuple[Route, Entry]:
    """Puts an open item off until that day begins in the project's zone, a week unless told. Raises UsageError."""
    route, _ = find(store, routes, item_id)
    with store.begin() as unit:
        entry = unit.inbox(route.key).find(item_id)
        if entry is None or entry.state != "open":
            raise UsageError(f"Item {item_id} waits for no answer, so there is nothing to put off.")
        zone = ZoneInfo(unit.routes.get(route.key).zone or UTC_ZONE)
        until = until or put_off(unit.now, zone)
        moment = datetime(until.year, until.month, until.day, tzinfo=zone)
        if moment <= unit.now:
            raise UsageError(f"{until} has begun already; give --until a day that is to come.")
        unit.inbox(route.key).snooze(item_id, moment)
    return route, entry


def put_off(now: datetime, zone: ZoneInfo) -> date:
    """The day to which a question is put off unless somebody names another one."""
    return now.astimezone(zone).date() + PUT_OFF


def is_undo(entry: Entry) -> bool:
    """Whether it holds a person's wish to take a write back."""
    return entry.state != "open" and (entry.answer or {}).get("verb") == UNDO


def confirm_undoable(unit: Unit, route: Route, entry: Entry) -> None:
    """Without the answer, a near miss whose place an injury has taken would count as one more person."""
    person = entry.item.facts.get("person") if entry.item.key.topic == "accident" else None
    link = unit.links(route.key).find(RecordRef(Side.FOURHSE, Kind.PERSON, person)) if person else None
    if link is not None and link.kind is Kind.INJURY:
        raise UsageError(
            f"An injury stands in Procore in the place of this near miss by now, so that the answer can be changed and "
            f"not taken back: procore-4hse inbox approve {entry.id} --use injury, or --use leave"
        )


def check(unit: Unit, route: Route, entry: Entry, answer: Answer) -> Answer:
    """The answer in the form in which it is kept."""
    if entry.state == "closed":
        raise UsageError(f"Item {entry.id} is closed: its cause is gone, and there is nothing to answer any more.")
    if answer.verb == "resolve":
        return _resolve(route, entry, answer)
    if answer.verb == "approve":
        return _approve(unit, route, entry, answer)
    if answer.verb == "reject":
        return _reject(entry, answer)
    if entry.item.kind is not ItemKind.REFUSED:
        raise _misfit(entry, "retry takes a refused item")
    return answer


def _resolve(route: Route, entry: Entry, answer: Answer) -> Answer:
    item = entry.item
    if item.key.topic != "difference" or item.field is None:
        raise _misfit(entry, "resolve takes a conflict or a drift about a field")
    if item.who and not item.facts["uses"]:
        raise UsageError(f"Nobody is known as the partner of either now; name one: inbox approve {entry.id} --with ID")
    use = _use(answer, tuple(item.facts["uses"]) if item.who else ("procore", "fourhse"))
    field = route.mapping.by_key.get(item.field)
    if field is not None and use == "fourhse" and not field.lens.writes(Side.PROCORE):
        raise UsageError(f"{field.label} is never written to Procore, so only --use procore can be chosen here.")
    return Answer("resolve", use=use)


def _approve(unit: Unit, route: Route, entry: Entry, answer: Answer) -> Answer:
    item = entry.item
    if item.key.topic == "accident" and answer.with_id is None:
        return Answer("approve", use=_use(answer, tuple(item.facts["uses"])))
    if item.who and answer.use is None:
        return Answer("approve", with_id=_partner(unit, route, entry, answer.with_id))
    if answer.with_id is not None and item.kind is not ItemKind.MATCH:
        raise UsageError(f"--with names the partner of a match; item {entry.id} is a {item.kind.value}.")
    if answer.use is not None and item.kind is not ItemKind.GUARD:
        raise UsageError(
            f"--use belongs to a guard; item {entry.id} is a {item.kind.value}. See: inbox show {entry.id}"
        )
    if item.kind is ItemKind.MATCH:
        return Answer("approve", with_id=_partner(unit, route, entry, answer.with_id))
    if item.kind is ItemKind.GUARD:
        return Answer("approve", use=_guard_use(entry, answer))
    if item.kind is ItemKind.MISSING or _is_deletion(item) or "lost_on" in item.facts:
        return Answer("approve")
    raise _misfit(entry, "approve takes a deletion, a missing one, a match, a guard or what was not kept")


def _reject(entry: Entry, answer: Answer) -> Answer:
    item = entry.item
    if answer.restore and not _is_deletion(item):
        raise UsageError(f"--restore brings back what was deleted; item {entry.id} is a {item.kind.value}.")
    if item.kind is ItemKind.MATCH or item.who or _is_deletion(item) or item.key.guarded == "deletes":
        return Answer("reject", restore=answer.restore)
    raise _misfit(entry, "reject takes a deletion, held deletions or a match")


def _is_deletion(item: Item) -> bool:
    """Also one that became a conflict, because the survivor was edited meanwhile."""
    return item.key.topic == "deletion"


def _use(answer: Answer, allowed: tuple[str, ...]) -> str:
    use = USES.get((answer.use or "").lower())
    if use not in allowed:
        listed = " or ".join(f"--use {SPOKEN[each]}" for each in allowed)
        raise UsageError(f"Say which holds: {listed}.")
    return use


def _guard_use(entry: Entry, answer: Answer) -> str | None:
    allowed = GUARD_USES.get(entry.item.key.guarded)
    if allowed is not None:
        return _use(answer, allowed)
    if answer.use is not None:
        raise UsageError(f"There is nothing to choose in item {entry.id}; approve it without --use.")
    return None


def _misfit(entry: Entry, takes: str) -> UsageError:
    if entry.item.key.topic == "accident":
        takes = "approve with --use takes it, for it is about an accident recognised late"
    return UsageError(
        f"Item {entry.id} is a {entry.item.kind.value}, and {takes}. What it takes stands in: "
        f"procore-4hse inbox show {entry.id}"
    )


# The partner of a match ------------------------------------------------------------------------------------------


def _partner(unit: Unit, route: Route, entry: Entry, with_id: str | None) -> str:
    """The record on the other side that a person calls the same incident."""
    listed = [str(each) for each in entry.item.facts.get("candidates", ())]
    if _is_person(entry.item):
        return _person(unit, route, entry, with_id, listed)
    if with_id is None:
        known = f"; the candidates are {', '.join(listed)}" if listed else ""
        raise UsageError(f"Say which record is the same incident: --with RECORD_ID{known}.")
    side = side_of(entry.item).other
    if with_id not in listed and not is_free(unit, route, side, with_id):
        known = f" The candidates are: {', '.join(listed)}." if listed else ""
        raise UsageError(f"{side.label} shows no unlinked incident {with_id} on this route.{known}")
    return with_id


def _is_person(item: Item) -> bool:
    """Whether a match asks about a record of a person rather than about an incident."""
    record = item.key.record
    return item.who is not None or (record is not None and record.kind in (*PEOPLE_RECORDS, Kind.PERSON))


def _person(unit: Unit, route: Route, entry: Entry, with_id: str | None, listed: list[str]) -> str:
    """The record that is the same one, or the partner in the other directory when nobody is known to be this person."""
    side = _asked_side(entry.item).other
    if with_id is None:
        known = f"RECORD_ID; the candidates are {', '.join(listed)}" if listed else f"the person's id in {side.label}"
        raise UsageError(f"Say who it is: --with {known}.")
    if listed and with_id in listed:
        return with_id
    if listed:
        raise UsageError(f"{with_id} is none of the candidates: {', '.join(listed)}.")
    if unit.staging(route.key).find(RecordRef(side, Kind.DIRECTORY, with_id)) is None:
        raise UsageError(f"{side.label}'s directory shows no person {with_id} on this route.")
    if _is_taken(unit, route, entry, side, with_id):
        raise UsageError(f"{side.label} {with_id} is the partner of somebody else already.")
    return with_id


def _asked_side(item: Item) -> Side:
    return item.who.side if item.who else side_of(item)


def _is_taken(unit: Unit, route: Route, entry: Entry, side: Side, person: str) -> bool:
    """Whether a person is a partner already, or will be by an answer that no cycle has carried out yet."""
    pairs = picklists(unit, unit.routes.get(route.key), route.mapping).directory
    others = [each for each in unit.inbox(route.key).decisions().values() if each.item_id != entry.id]
    told = partners_told(others)
    partner = pairs.partner(side, person)
    own = entry.item.who.id if entry.item.who else None
    return partner not in (None, own) or person in (told.values() if side is Side.FOURHSE else told)


def side_of(item: Item) -> Side:
    """The side whose record a match asks about."""
    return Side.PROCORE if item.procore_id is not None else Side.FOURHSE


def is_free(unit: Unit, route: Route, side: Side, record_id: str) -> bool:
    """Whether the latest reading shows this incident and no link, of this route or another, holds it."""
    incident = RecordRef(side, Kind.INCIDENT, record_id)
    staged = unit.staging(route.key).find(incident)
    if staged is None or not staged.present:
        return False
    links = unit.links(route.key)
    link = links.find(incident)
    return (link is None or link.state is LinkState.IGNORED) and not links.linked_elsewhere([incident])


# Links by hand ---------------------------------------------------------------------------------------------------


def check_pair(unit: Unit, route: Route, procore_id: str, fourhse_id: str) -> None:
    """Both are shown by the latest reading, and neither is in a link. Raises UsageError."""
    for side, record_id in ((Side.PROCORE, procore_id), (Side.FOURHSE, fourhse_id)):
        if unit.staging(route.key).find(RecordRef(side, Kind.INCIDENT, record_id)) is None:
            raise UsageError(f"{side.label} shows no incident {record_id} on route {route.name}; run plan to read it.")
        if not is_free(unit, route, side, record_id):
            raise UsageError(
                f"{side.label} {record_id} is gone or linked already; see: procore-4hse explain {record_id}"
            )


def join(store: Store, holder: Holder, route: Route, procore_id: str, fourhse_id: str) -> Link:
    """Links the two; the next cycle merges their fields. Raises UsageError, or RouteBusy while a cycle runs."""
    with alone(store, holder, route) as unit:
        check_pair(unit, route, procore_id, fourhse_id)
        links = unit.links(route.key)
        links.settle_removed(procore_id, fourhse_id, same=True)
        return links.join(procore_id, fourhse_id)


def part(store: Store, holder: Holder, route: Route, procore_id: str) -> Link:
    """Takes a link apart: nothing joins or copies the two until a person answers."""
    with alone(store, holder, route) as unit:
        link = unit.links(route.key).remove(procore_id)
    if link is None:
        raise UsageError(f"Procore {procore_id} is in no link; see: procore-4hse links")
    return link


def link_of(store: Store, routes: tuple[Route, ...], procore_id: str) -> tuple[Route, Link]:
    """The incident's link and its route; UsageError when there is none."""
    with store.read() as unit:
        for route in routes:
            link = unit.links(route.key).find(RecordRef(Side.PROCORE, Kind.INCIDENT, procore_id))
            if link is not None:
                return route, link
    raise UsageError(f"Procore {procore_id} is in no link; see: procore-4hse links")


@contextmanager
def alone(store: Store, holder: Holder, route: Route) -> Iterator[Unit]:
    """A transaction while no cycle of this route runs: one that does may be about to copy what is linked here."""
    with store.begin() as unit:
        token = unit.leases.take(route.key, holder, ttl=LEASE, grace=GRACE)
        if token is None:
            raise RouteBusy(f"A cycle of route {route.name} is running; try this again when it is done.")
        yield unit
        unit.leases.release(route.key, token)
