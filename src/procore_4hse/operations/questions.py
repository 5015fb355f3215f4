"""Questions as complete values: what commands, JSON and pages show of one, made from what the store remembers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import TypeVar
from zoneinfo import ZoneInfo

from procore_4hse.engine.snapshots import picklists
from procore_4hse.models import Item, ItemKind, Kind, RecordRef, Side
from procore_4hse.operations.causes import candidates_of, cause_of, heading_of
from procore_4hse.operations.choices import Along, Choice, choices
from procore_4hse.operations.decisions import put_off
from procore_4hse.operations.intended import Intended, intended, refs_of
from procore_4hse.operations.likeness import Sign, signs
from procore_4hse.operations.records import KnownRecords, Value, compared
from procore_4hse.operations.subjects import Role, Subject, emptied, incident_id, incidents, named, subjects_of
from procore_4hse.reconcile.identity import perhaps
from procore_4hse.route import Route
from procore_4hse.store.inbox import Entry
from procore_4hse.store.repository import Unit

ASKED = ("open", "answered")
HELD = 100
"""So many held actions of one question are told in full."""


@dataclass(frozen=True)
class ShownRecord:
    """A record with its readable values; none where privacy keeps them home, or where nothing is known of it."""

    ref: RecordRef
    role: Role
    kind: Kind
    url: str | None
    """Where its incident is opened in its own system."""
    values: tuple[Value, ...]
    title: str = ""
    day: str = ""
    is_present: bool = True
    """Whether the latest reading shows it."""
    signs: tuple[Sign, ...] = ()
    """Of a candidate: what speaks for it and what against."""


@dataclass(frozen=True)
class Outline:
    """What a list shows of a question. `title` and `day` are its incident's."""

    route: Route
    entry: Entry
    cause: str
    """Equal for questions that one answer settles."""
    about: str
    """The cause in words; empty for a question that stands alone."""
    title: str
    day: str

    @property
    def item(self) -> Item:
        return self.entry.item

    @property
    def id(self) -> int:
        return self.entry.id

    @property
    def kind(self) -> ItemKind:
        return self.entry.item.kind

    @property
    def heading(self) -> str:
        """What kind of question it is, in plain words."""
        return heading_of(self.item)

    @property
    def label(self) -> str:
        """The mapping's name of the field that it is about; empty when it is about no single field."""
        row = self.route.mapping.by_key.get(self.item.field or "")
        return row.label if row else self.item.field or ""

    @property
    def only_candidate(self) -> str | None:
        """The one record that may be the same; None where several may be, or none."""
        candidates = [str(each) for each in self.item.facts.get("candidates", ())]
        return candidates[0] if len(candidates) == 1 else None


@dataclass(frozen=True)
class Question(Outline):
    """A question with all that is needed to decide."""

    records: tuple[ShownRecord, ...]
    choices: tuple[Choice, ...]
    until: date
    """To which day it is put off unless somebody names another one."""
    held: tuple[Intended, ...] = ()
    """The first of the actions that wait for its answer."""

    @property
    def held_count(self) -> int:
        return len(self.item.facts.get("actions", ()))

    def commands(self) -> list[tuple[Choice, str]]:
        return [(choice, choice.command(self.entry, self.until)) for choice in self.choices]


# Read in few statements, however many ---------------------------------------------------------------------------


def outlines(unit: Unit, route: Route, entries: Sequence[Entry], among: Sequence[Entry]) -> list[Outline]:
    """What a list shows of these questions of a route, in their order.

    `among` are all that are asked now: whether a pair stands alone shows among all.
    """
    subjects = {entry.id: subjects_of(entry.item, {}) for entry in entries if entry.item.kind is ItemKind.MATCH}
    matched = {subject.ref for own in subjects.values() for subject in own}
    refs = matched | {ref for entry in entries for ref in incidents(entry.item)}
    known = KnownRecords.outline(unit, route, {ref for ref in refs if ref.kind is Kind.INCIDENT}, matched)
    reader = _Reader(known, subjects, candidates_of(among))
    return [reader.outline(entry) for entry in entries]


def questions(
    unit: Unit, route: Route, entries: Sequence[Entry], among: Sequence[Entry] | None = None
) -> list[Question]:
    """These questions of a route as complete values, in their order; `among` as above, where they are not all."""
    asked = [entry for entry in entries if entry.state != "closed"]
    links = unit.links(route.key).some({ref for entry in asked for ref in named(entry.item)})
    meant = _perhaps(unit, route, asked)
    subjects = {entry.id: subjects_of(entry.item, links, meant.get(entry.id, ())) for entry in asked}
    held = {entry.id: entry.item.facts.get("actions", ())[:HELD] for entry in asked}
    refs = {subject.ref for own in subjects.values() for subject in own}
    refs |= {ref for entry in asked for ref in incidents(entry.item)}
    refs |= {ref for own in held.values() for ref in refs_of(own)}
    refs |= {record.ref for entry in asked if (record := emptied(entry.item))}
    known = KnownRecords.read(unit, route, refs)
    reader = _Reader(known, subjects, candidates_of(among or entries), held, _along(unit, route, asked), meant)
    until = put_off(unit.now, ZoneInfo(known.zone))
    return [reader.question(entry, until) for entry in entries]


def outlined(unit: Unit, routes: Iterable[Route], states: Collection[str] = ("open",)) -> list[Outline]:
    """The questions of these routes in these states as a list shows them, the oldest first."""
    return _oldest_first(outlines(unit, *each) for each in _entries(unit, routes, states))


def asked(unit: Unit, routes: Iterable[Route], states: Collection[str] = ("open",)) -> list[Question]:
    """The same as complete values."""
    return _oldest_first(questions(unit, *each) for each in _entries(unit, routes, states))


def question_of(unit: Unit, route: Route, entry: Entry) -> Question:
    """One question as a complete value."""
    (question,) = questions(unit, route, [entry], unit.inbox(route.key).entries(states=ASKED))
    return question


@dataclass(frozen=True)
class OtherIncident:
    """An incident that a question about a word is asked for too, beside the one that it names."""

    id: str
    title: str
    day: str
    is_private: bool
    """Whether Procore marks it private."""


def other_incidents(unit: Unit, route: Route, item: Item) -> list[OtherIncident]:
    """Those of one question that stands for many, the oldest first; as many as the question itself remembers."""
    ids = {str(each) for each in item.facts.get("incidents", ())} - {item.procore_id, item.fourhse_id}
    if not ids or item.key.record is None:
        return []
    side = item.key.record.side  # The ids are those of both sides, and one side tells of each incident once.
    refs = {RecordRef(side, Kind.INCIDENT, each) for each in ids}
    known, links = KnownRecords.outline(unit, route, refs, ()), unit.links(route.key).some(refs)
    in_procore = {ref.id: links[ref].procore_id if ref in links else ref.id for ref in known.staged}
    private = unit.staging(route.key).private_among(frozenset(in_procore.values()))
    found = [
        OtherIncident(ref.id, known.title(ref), known.day(ref), in_procore[ref.id] in private) for ref in known.staged
    ]
    return sorted(found, key=lambda each: (each.day, each.title, each.id))


def equals(unit: Unit, route: Route, entry: Entry, entries: Sequence[Entry]) -> list[Entry]:
    """Those of the questions that are asked which one answer settles together with this one, itself among them."""
    same_kind = [each for each in entries if each.item.kind is entry.item.kind]
    is_match = entry.item.kind is ItemKind.MATCH
    subjects = {each.id: subjects_of(each.item, {}) for each in same_kind} if is_match else {}
    refs = {subject.ref for own in subjects.values() for subject in own}
    known = KnownRecords.outline(unit, route, refs, refs) if refs else KnownRecords(route)
    candidates = candidates_of(entries)
    causes = {each.id: cause_of(known, each.item, subjects.get(each.id, ()), candidates).parts for each in same_kind}
    return [each for each in same_kind if causes[each.id] == causes.get(entry.id)]


def _entries(
    unit: Unit, routes: Iterable[Route], states: Collection[str]
) -> Iterator[tuple[Route, list[Entry], list[Entry]]]:
    """Of each route the questions in these states, and all that are asked."""
    for route in routes:
        entries = unit.inbox(route.key).entries(states=ASKED)
        yield route, [entry for entry in entries if entry.state in states], entries


Q = TypeVar("Q", bound=Outline)


def _oldest_first(found: Iterable[list[Q]]) -> list[Q]:
    return sorted((each for own in found for each in own), key=lambda each: each.entry.since)


# By their cause --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Group:
    """Questions under one heading: those of one cause, which `about` tells, or those that stand alone."""

    about: str
    questions: tuple[Outline, ...]

    @property
    def kind(self) -> ItemKind:
        return self.questions[0].kind

    @property
    def heading(self) -> str:
        return self.questions[0].heading


def grouped(found: Iterable[Outline]) -> list[Group]:
    """Questions by their cause, those without equals by their heading; the group with the oldest one first."""
    listed = list(found)
    shared = Counter(question.cause for question in listed)
    groups: dict[tuple[str, str], list[Outline]] = {}
    for question in listed:
        cause = question.cause if shared[question.cause] > 1 else ""
        groups.setdefault((question.heading, cause), []).append(question)
    return [
        Group(own[0].about if cause else "", tuple(own))
        for (_, cause), own in sorted(groups.items(), key=lambda group: group[1][0].entry.since)
    ]


# One question ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Reader:
    """Everything that some questions of one route are made of."""

    known: KnownRecords
    subjects: Mapping[int, Sequence[Subject]]
    candidates: Counter[str]
    held: Mapping[int, Sequence[Mapping[str, object]]] = field(default_factory=dict)
    along: Mapping[int, Along] = field(default_factory=dict)
    meant: Mapping[int, Sequence[str]] = field(default_factory=dict)

    def outline(self, entry: Entry) -> Outline:
        route, item = self.known.route, entry.item
        cause = cause_of(self.known, item, self.subjects.get(entry.id, ()), self.candidates)
        day = next((day for ref in incidents(item) if (day := self.known.day(ref))), "")
        return Outline(route, entry, cause.key(route, item), cause.words, item.title, day)

    def question(self, entry: Entry, until: date) -> Question:
        told, subjects = self.outline(entry), self.subjects.get(entry.id, ())
        return Question(
            route=told.route,
            entry=entry,
            cause=told.cause,
            about=told.about,
            title=told.title or self._name(subjects),
            day=told.day,
            records=(*self._records(entry.item, subjects), *self._held_records(entry)),
            choices=choices(told.route, entry, self.along.get(entry.id, Along()), self.meant.get(entry.id, ())),
            until=until,
            held=tuple(intended(self.known, self.held.get(entry.id, ()))),
        )

    def _name(self, subjects: Sequence[Subject]) -> str:
        """The name of whom it asks about, where it is about no incident."""
        who = [self.known.values(each.ref, each.kind) for each in subjects if each.ref.kind is Kind.DIRECTORY]
        return next((values[0].text for values in who if values), "")

    def _records(self, item: Item, subjects: Sequence[Subject]) -> Iterator[ShownRecord]:
        if record := emptied(item):
            yield from self._images(item, record)
        values = [(each.ref.side, self.known.values(each.ref, each.kind)) for each in subjects]
        for each, own in zip(subjects, compared(values) if values else (), strict=True):
            yield self._shown(item, each, own, subjects[0])

    def _images(self, item: Item, record: Subject) -> Iterator[ShownRecord]:
        """Both are gone where they were removed for their age."""
        before, after = item.facts.get("before"), item.facts.get("after")
        if before and after:
            both = self.known.both(record.ref, record.kind, {**after, **before}, after)
            for role, values in zip((Role.BEFORE, Role.AFTER), both, strict=True):
                yield self._shown(item, replace(record, role=role), values, record)

    def _shown(self, item: Item, each: Subject, values: tuple[Value, ...], first: Subject) -> ShownRecord:
        ref, is_incident = each.ref, each.ref.kind is Kind.INCIDENT
        around = ref.id if is_incident else incident_id(item, ref.side)
        return ShownRecord(
            ref=ref,
            role=each.role,
            kind=each.kind,
            url=None if ref.kind is Kind.DIRECTORY else self.known.route.address(ref.side, around),
            values=values,
            title=self.known.title(ref) if is_incident else "",
            day=self.known.day(ref) if is_incident else "",
            is_present=self.known.is_present(ref),
            signs=signs(self.known, first.ref, ref) if is_incident and each.role is Role.CANDIDATE else (),
        )

    def _held_records(self, entry: Entry) -> Iterator[ShownRecord]:
        """The records of the actions that are held, each with the values that would change."""
        for action in intended(self.known, self.held.get(entry.id, ())):
            for ref, text in ((action.target, "old"), (action.source, "new")):
                if ref is None:
                    continue
                values = tuple(
                    Value(each.label, getattr(each, text), each.classes, differs=True) for each in action.changes
                )
                url = self.known.route.address(ref.side, ref.id) if ref.kind is Kind.INCIDENT else None
                present = self.known.is_present(ref)
                yield ShownRecord(ref, Role.PAIR, action.kind, url, values, action.title, action.day, present)


def _perhaps(unit: Unit, route: Route, entries: Iterable[Entry]) -> dict[int, tuple[str, ...]]:
    """People of the other side who may be the one that a question asks for, by the lists as they are now."""
    about = {entry.id: entry.item.who for entry in entries if entry.item.kind is ItemKind.MATCH and entry.item.who}
    if not about:
        return {}
    directory = picklists(unit, unit.routes.get(route.key), route.mapping).directory
    return {number: tuple(perhaps(directory, who, directory.name(who.side, who.id))) for number, who in about.items()}


def _along(unit: Unit, route: Route, entries: Iterable[Entry]) -> dict[int, Along]:
    """What would be deleted with each incident of 4HSE of which a deletion is asked."""
    ids = {entry.id: frozenset(map(str, entry.item.facts.get("goes_with", ()))) for entry in entries}
    named = frozenset[str]().union(*ids.values())
    if not named:
        return {}
    staging = unit.staging(route.key)
    records = {
        kind: [each.record for each in staging.some(Side.FOURHSE, kind, named)] for kind in (Kind.PERSON, Kind.RESOURCE)
    }
    return {
        number: Along(*([one for one in records[kind] if one.id in own] for kind in (Kind.PERSON, Kind.RESOURCE)))
        for number, own in ids.items()
    }
