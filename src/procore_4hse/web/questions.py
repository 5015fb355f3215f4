"""What the pages of the inbox show: all that waits, and one question."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from procore_4hse.errors import UsageError
from procore_4hse.mapping.classes import FieldClass
from procore_4hse.models import Item, ItemKind, Kind, RecordRef, Side
from procore_4hse.operations import decisions
from procore_4hse.operations.choices import LATER, OTHER, Choice, choices
from procore_4hse.operations.decisions import Answer
from procore_4hse.operations.intended import Intended
from procore_4hse.operations.offline import UTC_ZONE
from procore_4hse.operations.questions import (
    Group,
    OtherIncident,
    Outline,
    Question,
    ShownRecord,
    equals,
    grouped,
    other_incidents,
    outlines,
    question_of,
    questions,
)
from procore_4hse.operations.records import Value
from procore_4hse.operations.subjects import Role
from procore_4hse.operations.texts import age, moment, say
from procore_4hse.reconcile.diff import BOTH_CHANGED
from procore_4hse.route import Route
from procore_4hse.store.decisions import KeptDecision, Outcome
from procore_4hse.store.inbox import Entry
from procore_4hse.store.repository import Unit
from procore_4hse.web.access import ABOUT_PEOPLE, ALL, PEOPLE, Classes, Visitor, classes_of
from procore_4hse.web.desk import Desk

Context = dict[str, Any]
ASKED = ("open", "answered")
EACH = 10
"""So many questions of one cause are listed: one answer may settle all of them."""
LISTED = 200
"""So many questions, incidents or held actions are shown at once."""
LAST_NUMBER = 2**31 - 1
"""No question has a higher number; a database could not even look for some."""


class Missing(Exception):
    """There is no such thing, or this person may not see it: nobody is told which."""


# Inbox -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Filter:
    kind: str = ""
    route: str = ""
    text: str = ""

    def takes(self, route: Route, entry: Entry) -> bool:
        words = f"{entry.item.title}\n{entry.item.reason}".casefold()
        is_chosen = self.kind in ("", entry.item.kind.value) and self.route in ("", route.name)
        return is_chosen and self.text.casefold().strip() in words


def inbox(desk: Desk, who: Visitor, chosen: Filter) -> Context:
    routes = who.routes(desk.routes)
    with desk.store.read() as unit:
        asked, hidden = _asked(unit, routes, who)
    now = desk.clock()
    open_ones = [each for each in asked if each.entry.state == "open" and not each.entry.is_snoozed(now)]
    taken = [each for each in asked if chosen.takes(each.route, each.entry)]
    return {
        "count": len(open_ones),
        "hidden": hidden,
        "filter": chosen,
        "is_filtered": chosen != Filter(),
        "kinds": [kind.value for kind in ItemKind],
        "routes": [route.name for route in routes],
        "groups": [_group(each, now) for each in grouped(taken)],
        "found": len(taken),
    }


def _asked(unit: Unit, routes: Iterable[Route], who: Visitor) -> tuple[list[Outline], int]:
    """The questions that this person may see, oldest first, and how many they may not."""
    seen: list[Outline] = []
    hidden = 0
    for route in routes:
        entries = unit.inbox(route.key).entries(states=ASKED)
        mine = visible(unit, route, entries, who)
        seen += outlines(unit, route, mine, entries)
        hidden += len(entries) - len(mine)
    return sorted(seen, key=lambda each: each.entry.since), hidden


def _group(group: Group, now: datetime) -> Context:
    """Questions of one cause, the first of them; one answer may settle all. Or those of a kind that stand alone."""
    rows = [_outlined(each, now) for each in group.questions[: EACH if group.about else LISTED]]
    return {
        "heading": group.heading,
        "about": group.about,
        "count": len(group.questions),
        "rows": rows,
        "more": len(group.questions) - len(rows),
        "first": rows[0]["id"],
    }


def _outlined(each: Outline, now: datetime) -> Context:
    return {**row(each.route, each.entry, now), "day": each.day}


def visible(unit: Unit, route: Route, entries: Sequence[Entry], who: Visitor) -> list[Entry]:
    """Those of a route's questions that this person may see."""
    if who.classes(route) == ALL:
        return list(entries)
    private = _private(unit, route, entries)
    return [entry for entry in entries if classes_of(entry.item, route, private) <= who.classes(route)]


def _private(unit: Unit, route: Route, entries: Iterable[Entry]) -> frozenset[str]:
    """The private incidents among those that these questions name."""
    ids = {id_ for entry in entries for id_ in (entry.item.procore_id, *entry.item.facts.get("candidates", ())) if id_}
    return unit.staging(route.key).private_among(frozenset(map(str, ids)))


def row(route: Route, entry: Entry, now: datetime) -> Context:
    return {
        "id": entry.id,
        "title": entry.item.title or say("inbox.untitled", number=entry.id),
        "reason": entry.item.reason,
        "route": route.name,
        "day": "",
        "age": age(now - entry.since),
        "state": "snoozed" if entry.state == "open" and entry.is_snoozed(now) else entry.state,
    }


# Question --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Asked:
    """A question that somebody may see, and the classes of data that it shows."""

    route: Route
    entry: Entry
    classes: Classes


def find_question(desk: Desk, who: Visitor, number: int) -> Asked:
    """Raises Missing."""
    if number > LAST_NUMBER:
        raise Missing
    try:
        route, entry = decisions.find(desk.store, who.routes(desk.routes), number)
    except UsageError as error:
        raise Missing from error
    with desk.store.read() as unit:
        classes = classes_of(entry.item, route, _private(unit, route, [entry]))
    if not classes <= who.classes(route):
        raise Missing
    return Asked(route, entry, classes)


def offered(desk: Desk, asked: Asked) -> tuple[Choice, ...]:
    """What may be answered to it now."""
    with desk.store.read() as unit:
        return question_of(unit, asked.route, asked.entry).choices


def answered_first(desk: Desk, asked: Asked) -> str:
    """Who answered it first; empty where no answer waits."""
    with desk.store.read() as unit:
        return decisions.answered_first(unit, asked.route, asked.entry)


def shown(entry: Entry) -> str:
    """A digest of what the page showed, the answer that waited then with it: who answers must know of that one too."""
    told = json.dumps((entry.item.shown, entry.state, entry.answer), sort_keys=True, default=str)
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def question(desk: Desk, who: Visitor, asked: Asked) -> Context:
    """Everything that is needed to decide, as far as this person may see it."""
    route, entry, now = asked.route, asked.entry, desk.clock()
    with desk.store.read() as unit:
        entries = visible(unit, route, unit.inbox(route.key).entries(states=ASKED), who)
        (whole,) = questions(unit, route, [entry], entries)
        equal = [each for each in equals(unit, route, entry, entries) if each.state == "open"]
        kept = [one for one in unit.decisions(route.key).of(entry.item.key) if one.item_id == entry.id]
        held = _held(unit, whole, who.classes(route))
        others = _others(other_incidents(unit, route, entry.item), who.classes(route))
    pairs = _pairs(whole, who.classes(route))
    return {
        **row(route, entry, now),
        "heading": whole.heading,
        "title": whole.title or whole.heading,
        "day": whole.day,
        "since": say("question.since", age=age(now - entry.since), moment=moment(entry.since)),
        "incident": _incident_of(entry),
        "values": _values(whole) if _has_values(entry) else None,
        "pairs": pairs,
        "withheld": any(pair["withheld"] for pair in pairs),
        "advice": plain_advice(whole),
        "others": others,
        "held": held,
        "choices": _choices(whole) if who.decides(route) else (),
        "is_open": entry.state != "closed",
        "other": _asked_side(entry).other.label,
        "decides": who.decides(route),
        "chosen": _chosen(route, entry),
        "in_use": bool(kept) and kept[-1].outcome is Outcome.IN_USE,
        "decided": [_decision(route, entry, one) for one in kept],
        "longest_note": decisions.NOTE,
        "shown": shown(entry),
        "equal": len(equal) if whole.about and len(equal) > 1 else 0,
        "tells_health": FieldClass.HEALTH in asked.classes or _tells_health(pairs, held),
    }


def _choices(whole: Question) -> list[Context]:
    """What may be answered; to leave it for later has a form of its own, which takes a day."""
    return [
        {
            "name": choice.name,
            "label": choice.label,
            "consequence": choice.consequence,
            "undoable": choice.undoable,
            "command": command,
        }
        for choice, command in whole.commands()
        if choice.name != LATER
    ]


def plain_advice(whole: Question) -> str:
    """What to do where no choice does it: which word to add and where, or what to correct."""
    return whole.item.advice if whole.kind is ItemKind.WORD else ""


def _others(found: Sequence[OtherIncident], classes: Classes) -> Context | None:
    """The incidents that one question about a word stands for, beside its own."""
    mine = [each for each in found if FieldClass.HEALTH in classes or not each.is_private]
    if not found:
        return None
    rows = mine[:LISTED]
    return {"rows": rows, "shown": len(rows), "count": len(mine), "hidden": len(found) - len(mine)}


# Its records -----------------------------------------------------------------------------------------------------


def _pairs(whole: Question, classes: Classes) -> list[Context]:
    """Two records beside each other; of several candidates each beside the one that is asked about."""
    if whole.held or not whole.records:
        return []
    first, *others = whole.records
    candidates = [each for each in others if each.role is Role.CANDIDATE]
    beside: list[Sequence[ShownRecord]] = [(first, each) for each in candidates] or [whole.records]
    return [_pair(whole, number, records, classes) for number, records in enumerate(beside, 1)]


HEADINGS = {Role.CANDIDATE: "question.candidates", Role.AFTER: "question.images"}
"""What stands above the records, by what the last of them is; else they are two."""


def _pair(whole: Question, number: int, records: Sequence[ShownRecord], classes: Classes) -> Context:
    mine = [[value for value in each.values if value.classes <= classes] for each in records]
    labels = dict.fromkeys(value.label for values in mine for value in values)
    asked = whole.label if _has_values(whole.entry) else ""
    last = records[-1]
    return {
        "number": number,
        "title": last.title if last.role is Role.CANDIDATE else "",
        "is_candidate": last.role is Role.CANDIDATE,
        "heading": say(HEADINGS.get(last.role, "question.records")),
        "columns": [_column(each) for each in records],
        "rows": [_line(label, mine) for label in labels if label != asked],
        "signs": [{"for": sign.speaks_for, "text": sign.text} for sign in last.signs if sign.classes <= classes],
        "withheld": sum(len(each.values) for each in records) > sum(map(len, mine)),
        "tells_health": any(FieldClass.HEALTH in value.classes and value.text for values in mine for value in values),
    }


def _column(record: ShownRecord) -> Context:
    return {
        "label": record.ref.side.label,
        "role": say(f"role.{record.role.value}"),
        "id": record.ref.id,
        "is_named": record.role is not Role.AFTER,
        "url": record.url,
        "incident": record.ref.id if record.ref.kind is Kind.INCIDENT and record.is_present else None,
        "is_present": record.is_present,
    }


def _line(label: str, records: Sequence[Sequence[Value]]) -> Context:
    values = [next((value for value in own if value.label == label), None) for own in records]
    return {
        "label": label,
        "cells": [value.text if value else "" for value in values],
        "differs": any(value is not None and value.differs for value in values),
    }


def _tells_health(pairs: Iterable[Context], held: Context | None) -> bool:
    return any(pair["tells_health"] for pair in pairs) or (held is not None and held["about_people"])


def _decision(route: Route, entry: Entry, decision: KeptDecision) -> Context:
    word = say(f"decision.{decision.outcome.value}", by=decision.ended_by or say("decision.somebody"))
    return {
        "at": moment(decision.made_at),
        "by": decision.who or say("decision.somebody"),
        "where": say(f"decision.from.{decision.channel}") if decision.channel else "",
        "choice": _label(route, entry, decision.choice),
        "note": decision.note,
        "outcome": f"{word}: {decision.words}" if decision.words else word,
    }


def _ids(entry: Entry) -> dict[Side, str | None]:
    return {Side.PROCORE: entry.item.procore_id, Side.FOURHSE: entry.item.fourhse_id}


def _asked_side(entry: Entry) -> Side:
    return entry.item.who.side if entry.item.who else decisions.side_of(entry.item)


def _incident_of(entry: Entry) -> str | None:
    """An id by which the story of its incident is found, or of the one that it stands below."""
    item = entry.item
    if item.who is not None or item.kind is ItemKind.GUARD:
        return None
    return item.procore_id or item.fourhse_id


def _has_values(entry: Entry) -> bool:
    return entry.item.field is not None and entry.item.kind in (ItemKind.CONFLICT, ItemKind.DRIFT)


def _values(whole: Question) -> Context:
    """The two values of the field that it is about, and between them what both last agreed on."""
    item = whole.item
    both = {Side.PROCORE: item.procore_value, Side.FOURHSE: item.fourhse_value}
    sides = [
        {"label": side.label, "value": value, **_sign(item, value, changed=BOTH_CHANGED in item.reason)}
        for side, value in both.items()
    ]
    before = say("undo.then" if "write" in item.facts else "question.base")
    return {"label": whole.label, "sides": sides, "before": before, "base": item.base_value}


def _sign(item: Item, value: str | None, *, changed: bool) -> Context:
    """How a value stands to what both last agreed on, where a side left that."""
    if item.kind is ItemKind.DRIFT or item.base_value is None or "write" in item.facts:
        return {"differs": True, "sign": say("question.apart")}
    changed = changed or value != item.base_value
    return {"differs": changed, "sign": say("question.differs" if changed else "question.same")}


def _held(unit: Unit, whole: Question, classes: Classes) -> Context | None:
    """What waits for its answer; who lacks the classes is told how much more there is."""
    if not whole.held_count:
        return None
    private = unit.staging(whole.route.key).private_among({ref.id for each in whole.held for ref in _around(each)})
    mine = [each for each in whole.held if _may_see(each, classes, private)]
    return {
        "rows": [_action_row(each, classes) for each in mine],
        "hidden": len(whole.held) - len(mine),
        "shown": len(mine),
        "count": whole.held_count - len(whole.held) + len(mine),
        "about_people": any(each.kind in PEOPLE for each in mine),
    }


def _around(action: Intended) -> Iterator[RecordRef]:
    """The records in Procore by which it is known whether an action is about a private incident."""
    yield from (ref for ref in (action.target, action.source, action.incident) if ref and ref.side is Side.PROCORE)


def _may_see(action: Intended, classes: Classes, private: Collection[str]) -> bool:
    if action.kind in PEOPLE and not classes >= ABOUT_PEOPLE:
        return False
    return FieldClass.HEALTH in classes or not any(ref.id in private for ref in _around(action))


def _action_row(action: Intended, classes: Classes) -> Context:
    return {
        "what": say(f"held.{action.act.value}", side=action.side.label),
        "record": say(f"record.{action.kind.value}"),
        "title": action.title,
        "day": action.day,
        "id": action.id,
        "changes": [each for each in action.changes if each.classes <= classes],
        "why": action.reason,
    }


def _chosen(route: Route, entry: Entry) -> str | None:
    """The label of the answer that waits for the next cycle."""
    if entry.state != "answered" or entry.answer is None:
        return None
    return _label(route, entry, entry.answer)


def _label(route: Route, entry: Entry, answer: Mapping[str, Any]) -> str:
    """An answer in the words of the choice that gives it, also where the question is closed by now."""
    given = {name: answer.get(name) for name in ("verb", "use", "with_id", "restore")}
    # Of a question that lost its values to their age nothing can be offered any more.
    offered = choices(route, replace(entry, state="open")) if entry.item.facts else ()
    same = (each.label for each in offered if each.answer and asdict(each.answer).items() >= given.items())
    return next(same, str(answer.get("with_id") or answer["verb"]))


# Later -----------------------------------------------------------------------------------------------------------


def later(desk: Desk, who: Visitor, asked: Asked) -> Context | None:
    """Putting a question off: the days to which it can be, and the day until which it is; None when it cannot be."""
    entry = asked.entry
    if entry.state != "open":
        return None
    with desk.store.read() as unit:
        zone = ZoneInfo(unit.routes.get(asked.route.key).zone or UTC_ZONE)
    now, until = desk.clock(), entry.snoozed_until
    return {
        "until": until.astimezone(zone).date().isoformat() if until and entry.is_snoozed(now) else None,
        "first": (now.astimezone(zone).date() + timedelta(days=1)).isoformat(),
        "proposed": decisions.put_off(now, zone).isoformat(),
        "may": who.decides(asked.route),
    }


def day(text: str) -> date:
    """Raises UsageError for what is no day."""
    try:
        return date.fromisoformat(text.strip())
    except ValueError as error:
        raise UsageError(say("later.no_day")) from error


# Many at once ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Many:
    """Open questions of one cause that somebody may see, the oldest first. `first` stands for all of them."""

    first: Question
    entries: tuple[Entry, ...]

    @property
    def shown(self) -> str:
        """A digest of all that would be answered: what moved, came up or was answered since counts as another set."""
        told = json.dumps(sorted((entry.id, shown(entry)) for entry in self.entries))
        return hashlib.sha256(told.encode()).hexdigest()[:16]

    def choices(self) -> list[Choice]:
        """What may be answered to each of them alike, the partner of each under one name."""
        return [each for choice in self.first.choices if (each := _for_all(choice)) is not None]

    def answer(self, choice: Choice, entry: Entry) -> Answer | None:
        """What a choice means for one of them; None where it puts the question off."""
        if choice.name != SAME:
            return choice.answer
        return Answer("approve", with_id=str(entry.item.facts["candidates"][0]))


SAME = "same"
"""The choice that calls each record and its only candidate one."""


def _for_all(choice: Choice) -> Choice | None:
    if choice.name.startswith("with:"):
        return replace(choice, name=SAME, label=say("cause.same"))
    return None if choice.name == OTHER else choice


def find_many(desk: Desk, who: Visitor, asked: Asked) -> Many:
    """The questions of one cause with this one. Raises Missing where it stands alone or waits for no answer."""
    route, entry = asked.route, asked.entry
    with desk.store.read() as unit:
        entries = visible(unit, route, unit.inbox(route.key).entries(states=ASKED), who)
        equal = [each for each in equals(unit, route, entry, entries) if each.state == "open"]
        if len(equal) < len(Side):
            raise Missing
        (first,) = questions(unit, route, equal[:1], entries)
    if not first.about:
        raise Missing
    return Many(first, tuple(equal))


def cause(desk: Desk, who: Visitor, many: Many) -> Context:
    """The page that counts them first, and takes one answer for all."""
    route, now = many.first.route, desk.clock()
    with desk.store.read() as unit:
        told = outlines(unit, route, many.entries[:LISTED], many.entries)
    return {
        "id": many.first.id,
        "heading": many.first.heading,
        "route": route.name,
        "about": many.first.about,
        "advice": plain_advice(many.first),
        "count": len(many.entries),
        "rows": [_outlined(each, now) for each in told],
        "shown_rows": len(told),
        "choices": many.choices() if who.decides(route) else (),
        "longest_note": decisions.NOTE,
        "shown": many.shown,
    }
