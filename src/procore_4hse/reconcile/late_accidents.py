"""Accidents recognised late: 4HSE tells of one, and Procore holds only a near miss. Asked, never silently in sync.

Each person is a question of its own, for of several who were there perhaps one was hurt. The answer `injury` is carried
out in two steps, and a crash between them costs nothing: an injury takes the near miss's place in the link, then the
near miss, which has no partner any more, goes to Procore's recycle bin.
"""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass
from typing import Any

from procore_4hse.mapping.directory import name_in
from procore_4hse.mapping.lenses.base import Known, Unwritable
from procore_4hse.mapping.lenses.category import CategoryLens, Recorded
from procore_4hse.mapping.lenses.person import PersonLens
from procore_4hse.mapping.rules import Field
from procore_4hse.mapping.translate import facts_of, payload
from procore_4hse.models import Act, Action, Image, Item, Kind, Link, LinkState, QuestionKey, RecordRef, Side
from procore_4hse.reconcile import items
from procore_4hse.reconcile.approval import digest
from procore_4hse.reconcile.child_context import incident_id, want
from procore_4hse.reconcile.diff import display
from procore_4hse.reconcile.draft import Draft
from procore_4hse.reconcile.identity import no_partner
from procore_4hse.reconcile.items import INJURY, LEAVE, LateAccident
from procore_4hse.reconcile.snapshot import Presence, Record, RecordGroup, Snapshot

DAYS = "days"
"""The row of the days of absence."""


@dataclass(frozen=True)
class IncidentPeople:
    """The near misses and the injuries of one linked incident."""

    snapshot: Snapshot
    parent: Link
    title: str
    near_misses: RecordGroup
    injuries: RecordGroup

    @property
    def hurt(self) -> tuple[Record, ...]:
        """The injuries that Procore shows."""
        return tuple(one for one in self.injuries.records[Side.PROCORE].values() if one.presence is Presence.PRESENT)

    @property
    def replaced(self) -> dict[RecordRef, Link]:
        """Near misses whose place an injury has taken, as a person said: each with the link of that injury."""
        shown, linked = {one.id for one in self.hurt}, {link.procore_id for link in self.near_misses.links}
        by_person = {link.fourhse_id: link for link in self.injuries.links if link.procore_id in shown}
        found = {}
        for record in self.near_misses.records[Side.PROCORE].values():
            told = self.snapshot.decisions.get(QuestionKey.accident(record.ref))
            link = by_person.get(told.seen.get("person", "")) if told is not None else None
            if link is not None and record.id not in linked and record.presence is Presence.PRESENT:
                found[record.ref] = link
        return found


def is_accident(snapshot: Snapshot, parent: Link) -> bool:
    """Whether 4HSE's category says that somebody was hurt in a linked incident."""
    row, incident = snapshot.mapping.category, snapshot.records[Side.FOURHSE][parent.fourhse_id]
    return row is not None and isinstance(row.lens, CategoryLens) and row.lens.is_accident(incident.image)


def plan_late_accidents(people: IncidentPeople, anew: Set[RecordRef], draft: Draft) -> None:
    """What is asked about one incident's near misses, and what the answers do; not of links with a record in `anew`."""
    for pair in _pairs(people):
        if pair.link.refs & anew:
            continue
        if pair.link.refs & people.snapshot.pending:
            draft.unknown.add(pair.near_miss.ref)
        elif _agrees(_person_row(people), pair):
            # Two whom the lists tell apart are asked about first: nobody gets the days of another.
            _plan_pair(people, pair, draft)
    for near_miss, link in people.replaced.items():
        _plan_replaced(people, people.near_misses.records[Side.PROCORE][near_miss.id], link, draft)


# A near miss and its partner ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Pair:
    """A linked near miss and the involved person of 4HSE."""

    link: Link
    near_miss: Record
    person: Record


def _pairs(people: IncidentPeople) -> Iterator[_Pair]:
    for link in people.near_misses.links:
        near_miss, person = (people.near_misses.record(side, link.id_on(side)) for side in Side)
        if near_miss is not None and person is not None and near_miss.presence is person.presence is Presence.PRESENT:
            yield _Pair(link, near_miss, person)


def _plan_pair(people: IncidentPeople, pair: _Pair, draft: Draft) -> None:
    key, facts = QuestionKey.accident(pair.near_miss.ref), _shown(people, pair)
    decision = people.snapshot.decisions.get(key)
    if decision is not None and decision.seen == facts:
        draft.answers_in_use.append(key)
        if decision.use == INJURY:
            _make_injury(people, pair, draft)
        return
    told = _told(people, pair)
    if told.word or told.days:
        draft.items.append(items.accident(pair.link, told, facts, people.title))


def _told(people: IncidentPeople, pair: _Pair) -> LateAccident:
    """What 4HSE says of an accident that Procore does not show."""
    snapshot, parent = people.snapshot, people.parent
    person = _person_row(people).lens
    whom = person.get(Side.PROCORE, pair.near_miss.image)
    is_hurt = any(person.get(one.side, one.image) == whom for one in people.hurt)
    word, after = _words(snapshot, parent)
    return LateAccident(
        who=_name(pair.near_miss, pair.person),
        day=_day(snapshot, parent),
        word=word if is_accident(snapshot, parent) and not people.hurt else "",
        days=0 if is_hurt else _days(people, pair.person),
        after="" if is_accident(snapshot, parent) else after,
    )


def _shown(people: IncidentPeople, pair: _Pair) -> dict[str, Any]:
    """What an answer is given to. Digests stand for the values, which say things about a person."""
    category = people.snapshot.mapping.category
    incident = people.snapshot.records[Side.FOURHSE][people.parent.fourhse_id]
    word = category.lens.get(Side.FOURHSE, incident.image) if category is not None else None
    return {
        "person": pair.person.id,
        "near_miss": _digest(people.near_misses, pair.near_miss),
        "accident": digest(word, _digest(people.injuries, pair.person)),
        "uses": _uses(people),
    }


def _digest(group: RecordGroup, record: Record) -> str:
    return digest(*((row.key, row.lens.get(record.side, record.image)) for row in group.rows if not row.inactive))


def _uses(people: IncidentPeople) -> list[str]:
    """The answers that the question takes: a route that never writes to Procore makes no injury there."""
    return [INJURY, LEAVE] if _person_row(people).writes_to(Side.PROCORE) else [LEAVE]


def _person_row(people: IncidentPeople) -> Field:
    return next(row for row in people.injuries.rows if isinstance(row.lens, PersonLens))


def _agrees(row: Field, pair: _Pair) -> bool:
    mine, theirs = (row.lens.get(one.side, one.image) for one in (pair.near_miss, pair.person))
    return isinstance(mine, Known) and isinstance(theirs, Known) and row.lens.agree(mine.value, theirs.value)


def _days(people: IncidentPeople, person: Record) -> int:
    row = next((row for row in people.injuries.rows if row.key == DAYS and not row.inactive), None)
    reading = row.lens.get(Side.FOURHSE, person.image) if row is not None else Known(None)
    return max(reading.value or 0, 0) if isinstance(reading, Known) else 0


def _words(snapshot: Snapshot, parent: Link) -> tuple[str, str]:
    """4HSE's word for the incident, and the one that an injury in Procore would make of it."""
    row, incident = snapshot.mapping.category, snapshot.records[Side.FOURHSE][parent.fourhse_id]
    if row is None or not isinstance(row.lens, CategoryLens):
        return "", ""
    reading = row.lens.get(Side.FOURHSE, incident.image)
    after = row.lens.word(Recorded(is_injured=True))
    is_written = isinstance(reading, Known) and row.writes_to(Side.FOURHSE)
    return str(incident.image.get(row.lens.fourhse) or ""), after if is_written else ""


def _name(near_miss: Record, person: Record) -> str:
    return name_in(near_miss.side, near_miss.image) or name_in(person.side, person.image) or "Somebody"


def _day(snapshot: Snapshot, parent: Link) -> str:
    incident = snapshot.records[Side.PROCORE][parent.procore_id]
    reading = snapshot.mapping.day.lens.get(Side.PROCORE, incident.image)
    return display(reading.value) if isinstance(reading, Known) else ""


# The answer that it was an injury ----------------------------------------------------------------------------------


def _make_injury(people: IncidentPeople, pair: _Pair, draft: Draft) -> None:
    if any(action.refs & pair.link.refs for action in draft.actions):
        return  # What is just being written to one of them goes first.
    try:
        fields, sources = _contents(people, pair)
    except Unwritable as error:
        draft.items.append(no_partner(people.snapshot, pair.person, str(error), people.title))
        return
    action = Action(
        act=Act.CREATE,
        side=Side.PROCORE,
        kind=Kind.INJURY,
        target_id=None,
        source_id=pair.person.id,
        reason="a person said that it was an accident; the near miss then goes to Procore's recycle bin",
        fields=fields | incident_id(people.parent, Side.PROCORE),
        sources=sources,
        parent=people.parent.procore_id,
        predecessor=pair.near_miss.id,
    )
    want(people.snapshot, action, people.title, draft)


def _contents(people: IncidentPeople, pair: _Pair) -> tuple[dict[str, Any], dict[str, Image]]:
    """What the injury holds: what the near miss held, and what 4HSE alone knew. Raises Unwritable without a person.

    A row on which both have yet to agree, or whose value has no form, is no source: it is compared anew.
    """
    facts = facts_of(pair.person.image, people.snapshot.zone)
    fields: dict[str, Any] = {}
    sources: dict[str, Image] = {}
    for row in people.injuries.rows:
        is_shared = Kind.NEAR_MISS in row.kinds
        source = pair.near_miss if is_shared else pair.person
        reading = row.lens.get(source.side, source.image)
        may_be_written = row.lens.writes(Side.PROCORE) if is_shared else row.writes_to(Side.PROCORE)
        if not isinstance(reading, Known):
            continue
        try:
            fields |= _put(row, reading.value, fields, facts) if may_be_written else {}
        except Unwritable:
            if isinstance(row.lens, PersonLens):
                raise
            continue
        if not row.inactive and (not is_shared or _agrees(row, pair)):
            sources[row.key] = row.slice(Side.FOURHSE, pair.person.image)
    return fields | _equipment(people.snapshot, pair.near_miss), sources


def _equipment(snapshot: Snapshot, near_miss: Record) -> dict[str, Any]:
    """The piece of equipment that the near miss names, where the mapping speaks of equipment: it stays named."""
    for row in snapshot.mapping.rows_for(Kind.EQUIPMENT, snapshot.people.picklists):
        reading = row.lens.get(Side.PROCORE, near_miss.image)
        if isinstance(reading, Known):
            return _put(row, reading.value, {}, {})
    return {}


def _put(row: Field, value: Any, fields: Image, facts: Image) -> dict[str, Any]:
    return {} if value is None else payload(Side.PROCORE, [(row, value)], fields, facts)


# The near miss whose place an injury has taken -----------------------------------------------------------------------


def _plan_replaced(people: IncidentPeople, near_miss: Record, link: Link, draft: Draft) -> None:
    """It goes to the bin, unless somebody changed it since the answer: then it is asked about once more."""
    decision = people.snapshot.decisions[QuestionKey.accident(near_miss.ref)]
    shown = _digest(people.near_misses, near_miss)
    if near_miss.ref in people.snapshot.pending:
        return  # Whether it is in the bin is not known; what is asked or answered stays.
    if decision.seen.get("near_miss") != shown:
        draft.items.append(_asked_once_more(people, near_miss, link, shown))
        return
    draft.answers_in_use.append(decision.key)
    if decision.use == INJURY and people.snapshot.direction.writes_to(Side.PROCORE):
        want(people.snapshot, _to_the_bin(people, near_miss, link), people.title, draft)


def _asked_once_more(people: IncidentPeople, near_miss: Record, link: Link, shown: str) -> Item:
    person = people.near_misses.record(Side.FOURHSE, link.fourhse_id) or near_miss
    facts = {"person": link.fourhse_id, "near_miss": shown, "uses": [INJURY, LEAVE]}
    who, day = _name(near_miss, person), _day(people.snapshot, people.parent)
    return items.replaced_near_miss(near_miss, who, day, facts, people.title)


def _to_the_bin(people: IncidentPeople, near_miss: Record, link: Link) -> Action:
    rows = people.near_misses.rows
    return Action(
        act=Act.DELETE,
        side=Side.PROCORE,
        kind=Kind.NEAR_MISS,
        target_id=near_miss.id,
        source_id=link.fourhse_id,
        reason="an injury took its place, as a person said",
        seen={key: value for row in rows for key, value in row.slice(Side.PROCORE, near_miss.image).items()},
        parent=people.parent.procore_id,
        then=LinkState.ENDED,
        successor=link.procore_id,
    )
