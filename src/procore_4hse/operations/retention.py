"""What the store stops remembering: contents that are old enough, and one person's data on request.

Links, what both sides last agreed on, ignored marks and the numbers that 4HSE's ids are made of always stay, so that a
cycle afterwards does what it would have done without.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from typing import Protocol, Self

from procore_4hse.engine.lease import GRACE, LEASE
from procore_4hse.mapping.directory import Directory
from procore_4hse.mapping.entries import COMPANY_LIST
from procore_4hse.mapping.rules import FieldMapping
from procore_4hse.models import PEOPLE_RECORDS, Image, ItemKind, Kind, Link, RecordRef, Side
from procore_4hse.reconcile.redacted_base import is_redacted, redact_base
from procore_4hse.runtime import Runtime
from procore_4hse.store.inbox import Entry
from procore_4hse.store.purge import Told
from procore_4hse.store.repository import Unit

LOOKED_AT = timedelta(days=1)
"""A cycle looks at what it wrote so recently, so values that young are never purged."""
CHILDREN = {Side.PROCORE: PEOPLE_RECORDS, Side.FOURHSE: (Kind.PERSON,)}
EVERY_STATE = ("open", "answered", "closed")


# Contents that are old enough --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ages:
    """How old each kind of contents may become; None: as old as it likes."""

    raw: timedelta | None = None
    journal: timedelta | None = None
    tombstones: timedelta | None = None

    @property
    def is_endless(self) -> bool:
        return all(getattr(self, each.name) is None for each in fields(self))

    def ends(self, now: datetime) -> Cutoffs:
        ages = {each.name: getattr(self, each.name) for each in fields(self)}
        return Cutoffs(**{name: None if age is None else now - age for name, age in ages.items()})


@dataclass(frozen=True)
class Cutoffs:
    """Before which instant each kind of contents goes; None: it stays."""

    raw: datetime | None = None
    journal: datetime | None = None
    tombstones: datetime | None = None

    @classmethod
    def at(cls, moment: datetime) -> Cutoffs:
        return cls(moment, moment, moment)


@dataclass(frozen=True)
class Expired:
    """Contents of one route that are old enough."""

    removed: Sequence[RecordRef] = ()
    emptied: Sequence[RecordRef] = ()
    intents: Sequence[str] = ()
    items: Sequence[int] = ()
    stones: Sequence[int] = ()
    views: Sequence[int] = ()
    decisions: Sequence[int] = ()

    @classmethod
    def of(cls, unit: Unit, route: str, ends: Cutoffs) -> Self:
        purge = unit.purge(route)
        removed, emptied = purge.old_records(ends.raw) if ends.raw else ([], [])
        return cls(
            removed,
            emptied,
            purge.old_intents(ends.journal) if ends.journal else (),
            purge.old_items(ends.journal) if ends.journal else (),
            purge.old_stones(ends.tombstones) if ends.tombstones else (),
            purge.old_views(ends.journal) if ends.journal else (),
            purge.old_decisions(ends.journal) if ends.journal else (),
        )

    def counts(self) -> dict[str, int]:
        return {
            "raw_records": len(self.removed) + len(self.emptied),
            "journal": len(self.intents),
            "inbox": len(self.items),
            "tombstones": len(self.stones),
            "views": len(self.views),
            "decisions": len(self.decisions),
        }

    def carry_out(self, unit: Unit, route: str) -> None:
        purge = unit.purge(route)
        purge.remove_records(self.removed)
        purge.empty_records(self.emptied)
        purge.empty_intents(self.intents)
        purge.empty_items(self.items)
        purge.empty_stones(self.stones)
        purge.remove_views(self.views)
        purge.empty_decisions(self.decisions)


# One person --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Person:
    """Somebody by their ids: Procore's person and user, 4HSE's assignments; and the names they go by."""

    parties: frozenset[str]
    users: frozenset[str]
    offices: frozenset[str]
    names: frozenset[str] = frozenset()
    emails: frozenset[str] = frozenset()

    def is_account(self, who: str) -> bool:
        """Whether somebody who signed in is this person, by their full name or e-mail address."""
        return " ".join(who.split()).casefold() in self.names | self.emails

    @property
    def rows(self) -> frozenset[RecordRef]:
        """Their rows in the two lists, which questions about who they are name."""
        ids = {Side.PROCORE: self.parties, Side.FOURHSE: self.offices}
        return frozenset(RecordRef(side, Kind.DIRECTORY, each) for side in Side for each in ids[side])

    def is_named(self, image: Image) -> bool:
        """Whether a person's record, or what was sent for one, names them."""
        named = {
            (_id_of(image.get("affected_party")) or _text(image.get("affected_party_id"))) in self.parties,
            (_id_of(image.get("affected_person")) or _text(image.get("affected_person_id"))) in self.users,
            _text(image.get("person_office_id")) in self.offices,
        }
        return any(named)

    def is_named_in(self, texts: Iterable[object]) -> bool:
        """Whether one of these texts holds their name."""
        # Anywhere in a text: better one line too many than a name that stays.
        words = [str(text).casefold() for text in texts if text]
        return any(name in word for name in self.names for word in words)


def _id_of(named: object) -> str | None:
    return _text(named.get("id")) if isinstance(named, Mapping) else None


def _text(value: object) -> str | None:
    return None if value is None else str(value)


@dataclass(frozen=True)
class PersonData:
    """What one route remembers of one person."""

    directory: Sequence[RecordRef] = ()
    records: Sequence[RecordRef] = ()
    bases: Sequence[Link] = ()
    intents: Sequence[str] = ()
    items: Sequence[int] = ()
    marks: Sequence[int] = ()
    """Answers that go on counting for a record: these stay, without what was asked."""
    stones: Sequence[int] = ()
    refusals: Sequence[str] = ()
    partners: Sequence[str] = ()
    notes: Sequence[int] = ()
    """Decisions about them, or whose note names them."""
    accounts: frozenset[str] = frozenset()
    """The names under which they decided something themselves, or opened health data."""
    accounts_used: int = 0
    """How often these names stand there."""
    unsettled: Sequence[str] = ()
    """Writes whose fate is not known: they keep their values until a cycle has found it out."""

    def counts(self) -> dict[str, int]:
        return {
            "directory": len(self.directory),
            "raw_records": len(self.records),
            "bases": len(self.bases),
            "journal": len(self.intents),
            "inbox": len(self.items) + len(self.marks),
            "tombstones": len(self.stones),
            "refusals": len(self.refusals),
            "partners": len(self.partners),
            "decisions": len(self.notes),
            "signed": self.accounts_used,
            "unsettled": len(self.unsettled),
        }

    def carry_out(self, unit: Unit, route: str, salt: Callable[[], str]) -> None:
        purge, links = unit.purge(route), unit.links(route)
        purge.remove_records(self.directory)
        purge.empty_records(self.records)
        for link in self.bases:
            # A fingerprint stays instead of values, so that a later edit is still seen as one.
            kept = {key: redact_base(base, salt()) for key, base in link.base.items()}
            links.rebase(link.ref(Side.PROCORE), kept)
        purge.erase_refusals(self.refusals)
        self._forget_partners(unit, route)
        purge.empty_intents(self.intents)
        purge.empty_items(self.items)
        purge.erase_items(self.marks)
        purge.empty_stones(self.stones)
        purge.void_decisions(self.items)
        purge.erase_notes(self.notes)
        purge.erase_decider(self.accounts)
        purge.erase_viewer(self.accounts)

    def _forget_partners(self, unit: Unit, route: str) -> None:
        if self.partners:
            kept = {
                party: office for party, office in _named_partners(unit, route).items() if party not in self.partners
            }
            unit.routes.remember(route, unit.routes.get(route).name, partners=kept)


def person_data(unit: Unit, route: str, wanted: str, mapping: FieldMapping | None = None) -> PersonData:
    """Everything that this route remembers of the person who has this id in Procore or in 4HSE.

    The mapping tells how a person is recognised on the other side; without one the usual rules do.
    """
    person = _person(unit, route, wanted, mapping)
    stones = unit.purge(route).stones_of_people()
    rows = [staged.record for side in Side for staged, _ in unit.staging(route).records(side, CHILDREN[side])]
    named = {row.ref for row in rows if person.is_named(row.payload)}
    named |= {key for _, key, image in stones if person.is_named(image)}
    # A record whose partner names the person is about them too, also when its own content is gone already.
    links = [link for link in unit.links(route).all() if link.kind in PEOPLE_RECORDS]
    records = named | {key for link in links if named & link.refs for key in link.refs}
    asked = list(_asked(unit, route, person, _marks(records | person.rows)))
    journal = [intent for intent in unit.purge(route).told_of_people() if _concerns(intent, person, records)]
    accounts = [who for who in _signed(unit, route) if person.is_account(who)]
    return PersonData(
        directory=_directory_rows(unit, route, person),
        records=[key for row in rows if row.payload and (key := row.ref) in records],
        bases=[link for link in links if _remembers(link) and (records & link.refs or _agreed_on(link, person))],
        intents=[intent.id for intent in journal if not intent.is_open],
        items=[entry.id for entry in asked if not _is_mark(entry)],
        marks=[entry.id for entry in asked if _is_mark(entry)],
        stones=[stone for stone, key, _ in stones if key in records],
        refusals=[key for key, words in _refused(unit, route).items() if words and _is_marked(key, _marks(records))],
        partners=[
            party
            for party, office in _named_partners(unit, route).items()
            if {party} & person.parties or {office} & person.offices
        ],
        notes=[*_noted(unit, route, person, _marks(records | person.rows), {entry.id for entry in asked})],
        accounts=frozenset(accounts),
        accounts_used=len(accounts),
        unsettled=[intent.id for intent in journal if intent.is_open],
    )


def _signed(unit: Unit, route: str) -> Iterator[str]:
    """Who decided, took back, or opened health data, each time anew."""
    for decision in unit.decisions(route).all():
        yield from (decision.who, decision.ended_by)
    yield from (view.who for view in unit.desk.views(route))


def _noted(unit: Unit, route: str, person: Person, marks: frozenset[str], items: Set[int]) -> Iterator[int]:
    """Decisions about this person's questions, or that name them, of which anything is left to remove."""
    for decision in unit.decisions(route).all():
        partner = decision.choice["with_id"]
        is_about = decision.item_id in items or _is_marked(decision.key, marks)
        is_about = is_about or partner in person.parties | person.offices or person.is_named_in([decision.note])
        if is_about and (decision.note or partner):
            yield decision.id


def _person(unit: Unit, route: str, wanted: str, mapping: FieldMapping | None) -> Person:
    """The person with this id, their partner on the other side, and the names that both directories show."""
    ids = frozenset({wanted, wanted.lower()})  # 4HSE's ids are UUIDs, which people may type in capitals.
    rows = {side: _staged(unit, route, side, Kind.DIRECTORY) for side in Side}
    listed, rules = (mapping.partners, mapping.recognised) if mapping else ({}, None)
    told = _named_partners(unit, route)
    directory = Directory.of(rows[Side.PROCORE], rows[Side.FOURHSE], listed, rules, told)
    parties = ids | {directory.to_procore[each] for each in ids if each in directory.to_procore}
    offices = ids | {directory.to_fourhse[each] for each in ids if each in directory.to_fourhse}
    offices |= {once for once, now in directory.earlier.items() if now in offices}
    names = {_full_name(row, "") for row in rows[Side.PROCORE] if str(row.get("id")) in parties}
    names |= {_full_name(row, "person_") for row in rows[Side.FOURHSE] if str(row.get("person_office_id")) in offices}
    emails = {_email(row, "email", "email_address") for row in rows[Side.PROCORE] if str(row.get("id")) in parties}
    emails |= {
        _email(row, "person_entity_id") for row in rows[Side.FOURHSE] if str(row.get("person_office_id")) in offices
    }
    users = frozenset(user for user, party in directory.parties.items() if party in parties)
    known = (frozenset(each for each in some if each) for some in (names, emails))
    return Person(parties, users, offices, *known)


def _staged(unit: Unit, route: str, side: Side, kind: Kind) -> list[Image]:
    return [staged.record.payload for staged, _ in unit.staging(route).records(side, [kind])]


def _full_name(row: Image, prefix: str) -> str:
    return " ".join(f"{row.get(prefix + 'first_name') or ''} {row.get(prefix + 'last_name') or ''}".split()).casefold()


def _email(row: Image, *keys: str) -> str:
    return next((str(row[key]).strip().casefold() for key in keys if row.get(key)), "")


def _named_partners(unit: Unit, route: str) -> Mapping[str, str]:
    """Procore person id -> 4HSE assignment, as a person named them."""
    return unit.routes.get(route).memory.partners


def _refused(unit: Unit, route: str) -> dict[str, str]:
    return {key: refusal.words for key, refusal in unit.journal(route).refusals().items()}


def _directory_rows(unit: Unit, route: str, person: Person) -> list[RecordRef]:
    wanted = {Side.PROCORE: person.parties, Side.FOURHSE: person.offices}
    listed = unit.staging(route).entries(Side.FOURHSE, Kind.PICKER)[Kind.PICKER]
    company = (row for row in listed if row.parent_id == COMPANY_LIST)
    return [
        *(row.ref for row in company if _full_name(row.payload, "person_") in person.names),
        *(
            staged.record.ref
            for side in Side
            for staged, _ in unit.staging(route).records(side, [Kind.DIRECTORY])
            if staged.record.id in wanted[side]
        ),
    ]


def _remembers(link: Link) -> bool:
    return any(not is_redacted(base.of(side)) for base in link.base.values() for side in Side)


def _agreed_on(link: Link, person: Person) -> bool:
    return any(person.is_named(base.of(side)) for base in link.base.values() for side in Side)


def _concerns(intent: Told, person: Person, records: set[RecordRef]) -> bool:
    return not records.isdisjoint(intent.records) or any(person.is_named(image) for image in intent.images)


def _marks(records: Iterable[RecordRef]) -> frozenset[str]:
    """What the keys of questions and refusals about these records hold."""
    marks = set()
    for record in records:
        marks |= {f":{record.kind.value}-{record.id}:", f"word:{record.side.value}:{record.id}:"}
        # Questions carry Procore's kind: for a 4HSE person it may have been an injury or a near miss.
        kinds = PEOPLE_RECORDS if record.side is Side.FOURHSE else (record.kind,)
        marks |= {f":{kind.value}:{record.id}:" for kind in kinds}
    return frozenset(marks)


def _is_marked(key: str, marks: frozenset[str]) -> bool:
    return any(mark in f"{key}:" for mark in marks)  # With a colon behind, so that 12 is not found in 123.


def _asked(unit: Unit, route: str, person: Person, marks: frozenset[str]) -> Iterator[Entry]:
    """Questions about these records, and others that name the person and wait for nobody.

    A guard that still holds the route keeps what it shows until it is answered.
    """
    done = unit.purge(route).purged_items()
    for entry in unit.inbox(route).entries(states=EVERY_STATE):
        if entry.id not in done and (_is_about(entry, person, marks) or _showed(entry, person)):
            yield entry


def _showed(entry: Entry, person: Person) -> bool:
    """Whether a guard that is over kept images of a record that names the person."""
    images = (entry.item.facts.get("before"), entry.item.facts.get("after"))
    return entry.state == "closed" and any(person.is_named(image) for image in images if isinstance(image, Mapping))


def _is_mark(entry: Entry) -> bool:
    """Whether a person said what holds for as long as the record is there: never copied, or what a near miss was."""
    said = (entry.answer or {}).get("verb")
    is_never_copied = entry.item.kind is ItemKind.MATCH and said == "reject"
    return entry.state != "closed" and (is_never_copied or (entry.item.key.topic == "accident" and said is not None))


def _is_about(entry: Entry, person: Person, marks: frozenset[str]) -> bool:
    item, answer = entry.item, entry.answer or {}
    values = (item.procore_value, item.fourhse_value, item.base_value, item.facts.get("note"))
    texts = (item.title, item.reason, item.advice, *values)
    if _is_marked(item.key, marks) or answer.get("with_id") in person.parties | person.offices:
        return True
    is_of_people = any(f":{kind.value}-" in item.key for kind in (*PEOPLE_RECORDS, Kind.PERSON, Kind.DIRECTORY))
    return (entry.state == "closed" or is_of_people) and person.is_named_in(texts)


# The whole store ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Purged:
    """How much of each kind went, or would go, in all routes; `busy` are routes that a cycle held meanwhile.

    Their names, by their keys.
    """

    counts: Mapping[str, int]
    busy: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Whether every route was looked at and none held anything of it."""
        return not (self.busy or any(self.counts.values()))


class Contents(Protocol):
    def counts(self) -> dict[str, int]: ...


def purge_old(
    runtime: Runtime, ends: Callable[[datetime], Cutoffs], routes: Sequence[str], *, dry: bool = False
) -> Purged:
    """Removes what is old enough from each of these routes that no cycle holds now."""
    done, busy = [Expired()], []
    for route in routes:
        with _opened(runtime, route, dry=dry) as unit:
            if unit is None:
                busy.append(route)
                continue
            if not dry:
                unit.purge(route).date_back()
            done.append(expired := Expired.of(unit, route, ends(unit.now)))
            if not dry:
                expired.carry_out(unit, route)
    return _summed(runtime, done, busy)


def forget_person(
    runtime: Runtime,
    wanted: str,
    routes: Mapping[str, FieldMapping | None],
    *,
    salt: Callable[[], str],
    dry: bool = False,
) -> Purged:
    """Removes what each of these routes remembers of one person, wherever no cycle runs now."""
    done, busy = [PersonData()], []
    for route in routes:
        with _opened(runtime, route, dry=dry) as unit:
            if unit is None:
                busy.append(route)
                continue
            done.append(remembered := person_data(unit, route, wanted, routes[route]))
            if not dry:
                remembered.carry_out(unit, route, salt)
    return _summed(runtime, done, busy)


def all_routes(runtime: Runtime) -> tuple[str, ...]:
    """Every route that the store remembers, also those that no configuration names any more."""
    with runtime.store.read() as unit:
        return unit.routes.keys()


def _summed(runtime: Runtime, done: Sequence[Contents], busy: Sequence[str]) -> Purged:
    counts = {name: sum(contents.counts()[name] for contents in done) for name in done[0].counts()}
    with runtime.store.read() as unit:
        return Purged(counts, {route: unit.routes.get(route).name or route for route in busy})


@contextmanager
def _opened(runtime: Runtime, route: str, *, dry: bool) -> Iterator[Unit | None]:
    """A look at the route, or its lease for one transaction; None while a cycle has it."""
    if dry:
        with runtime.store.read() as unit:
            yield unit
        return
    with runtime.store.begin() as unit:
        token = unit.leases.take(route, runtime.holder, ttl=LEASE, grace=GRACE)
        yield unit if token is not None else None
        if token is not None:
            unit.leases.release(route, token)
