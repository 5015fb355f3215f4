"""What each page shows: values of the operations turned into what its template prints. One function per page."""

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
from procore_4hse.mapping.show import rows as mapping_rows
from procore_4hse.models import Act, ItemKind, Kind, LinkState, RecordRef, Side
from procore_4hse.operations import decisions
from procore_4hse.operations.choices import Choice, choices
from procore_4hse.operations.explain import Compared, Story, outline
from procore_4hse.operations.history import Write, in_words, values
from procore_4hse.operations.offline import UTC_ZONE, find
from procore_4hse.operations.questions import question_of
from procore_4hse.operations.search import Hit, search
from procore_4hse.reconcile.diff import FieldDiff, Verdict
from procore_4hse.route import Route
from procore_4hse.store.decisions import KeptDecision
from procore_4hse.store.inbox import Entry
from procore_4hse.store.journal import CARRIED_OUT, Intent
from procore_4hse.store.repository import Unit
from procore_4hse.texts import age, moment, say
from procore_4hse.web.access import ABOUT_PEOPLE, ALL, PEOPLE, Classes, Visitor, classes_of, classes_of_action
from procore_4hse.web.desk import Desk

Context = dict[str, Any]
ASKED = ("open", "answered")
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
        entries, hidden = _asked(unit, routes, who)
    now = desk.clock()
    open_ones = [entry for _, entry in entries if entry.state == "open" and not entry.is_snoozed(now)]
    taken = [pair for pair in entries if chosen.takes(*pair)]
    return {
        "count": len(open_ones),
        "hidden": hidden,
        "filter": chosen,
        "is_filtered": chosen != Filter(),
        "kinds": [kind.value for kind in ItemKind],
        "routes": [route.name for route in routes],
        "groups": [*_groups(taken[:LISTED], now)],
        "found": len(taken),
        "shown": min(len(taken), LISTED),
    }


def _asked(unit: Unit, routes: Iterable[Route], who: Visitor) -> tuple[list[tuple[Route, Entry]], int]:
    """The questions that this person may see, oldest first, and how many they may not."""
    seen: list[tuple[Route, Entry]] = []
    hidden = 0
    for route in routes:
        entries = unit.inbox(route.key).entries(states=ASKED)
        visible = _visible(unit, route, entries, who)
        seen += [(route, entry) for entry in visible]
        hidden += len(entries) - len(visible)
    return sorted(seen, key=lambda pair: pair[1].since), hidden


def _visible(unit: Unit, route: Route, entries: Sequence[Entry], who: Visitor) -> list[Entry]:
    """Those of a route's questions that this person may see."""
    if who.classes(route) == ALL:
        return list(entries)
    private = _private(unit, route, entries)
    return [entry for entry in entries if classes_of(entry.item, route, private) <= who.classes(route)]


def _private(unit: Unit, route: Route, entries: Iterable[Entry]) -> frozenset[str]:
    """The private incidents among those that these questions name."""
    ids = {id_ for entry in entries for id_ in (entry.item.procore_id, *entry.item.facts.get("candidates", ())) if id_}
    return unit.staging(route.key).private_among(frozenset(map(str, ids)))


def _groups(entries: Sequence[tuple[Route, Entry]], now: datetime) -> Iterator[Context]:
    for kind in ItemKind:
        if own := [_row(route, entry, now) for route, entry in entries if entry.item.kind is kind]:
            yield {"kind": kind.value, "rows": own}


def _row(route: Route, entry: Entry, now: datetime) -> Context:
    return {
        "id": entry.id,
        "kind": entry.item.kind.value,
        "title": entry.item.title or say("inbox.untitled", number=entry.id),
        "reason": entry.item.reason,
        "route": route.name,
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


def shown(entry: Entry) -> str:
    """A digest of what the page showed, the answer that waited then with it: who answers must know of that one too."""
    told = json.dumps((entry.item.shown, entry.state, entry.answer), sort_keys=True, default=str)
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def question(desk: Desk, who: Visitor, asked: Asked) -> Context:
    route, entry, item, now = asked.route, asked.entry, asked.entry.item, desk.clock()
    field = route.mapping.by_key.get(item.field or "")
    return {
        **_row(route, entry, now),
        "since": say("question.since", age=age(now - entry.since), moment=moment(entry.since)),
        "ids": [(side.label, known) for side, known in _ids(entry).items() if known],
        "incident": _incident_of(entry),
        "values": _values(entry, field.label if field else item.field or "") if _has_values(entry) else None,
        "candidates": _candidates(desk, route, entry),
        "held": _held(item.facts.get("actions", ()), route, who),
        "choices": choices(route, entry) if who.decides(route) else (),
        "is_open": entry.state != "closed",
        "other": _asked_side(entry).other.label,
        "decides": who.decides(route),
        "chosen": _chosen(route, entry),
        "decided": _decided(desk, route, entry),
        "longest_note": decisions.NOTE,
        "shown": shown(entry),
    }


def _decided(desk: Desk, route: Route, entry: Entry) -> list[Context]:
    """What was decided about it so far, oldest first."""
    with desk.store.read() as unit:
        found = [one for one in unit.decisions(route.key).of(entry.item.key) if one.item_id == entry.id]
    return [_decision(route, entry, one) for one in found]


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


def _values(entry: Entry, label: str) -> Context:
    item = entry.item
    both = ((Side.PROCORE, item.procore_value), (Side.FOURHSE, item.fourhse_value))
    sides = [{"label": side.label, "value": value, "differs": value != item.base_value} for side, value in both]
    return {"label": label, "sides": sides, "base": item.base_value}


def _candidates(desk: Desk, route: Route, entry: Entry) -> list[Context]:
    """Each record that may be the same one, with its headline and day where the latest reading shows them."""
    ids = [str(each) for each in entry.item.facts.get("candidates", ())]
    named = entry.item.key.record
    if not ids or named is None or named.kind is not Kind.INCIDENT:
        return []
    side = _asked_side(entry).other
    with desk.store.read() as unit:
        staging = unit.staging(route.key)
        zone = unit.routes.get(route.key).zone or UTC_ZONE
        found = [(each, staging.find(RecordRef(side, Kind.INCIDENT, each))) for each in ids]
    return [
        {"id": each, "side": side.label, "hit": Hit.of(route, staged.record, zone) if staged else None}
        for each, staged in found
    ]


def _held(actions: Sequence[Mapping[str, Any]], route: Route, who: Visitor) -> Context | None:
    if not actions:
        return None
    sees_people = who.classes(route) >= ABOUT_PEOPLE
    visible = [each for each in actions if sees_people or Kind(each["kind"]) not in PEOPLE]
    rows = [_action_row(each) for each in visible[:LISTED]]
    return {"rows": rows, "hidden": len(actions) - len(visible), "shown": len(rows), "count": len(visible)}


def _action_row(action: Mapping[str, Any]) -> Context:
    return {
        "what": say(f"act.{action['act']}", side=Side(action["side"]).label),
        "record": say(f"record.{action['kind']}"),
        "id": action["id"] or action["source_id"],
        "why": action["reason"],
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
    """Putting a question off: from which day on it can be, and the day until which it is; None when it cannot be."""
    entry = asked.entry
    if entry.state != "open":
        return None
    with desk.store.read() as unit:
        zone = ZoneInfo(unit.routes.get(asked.route.key).zone or UTC_ZONE)
    now, until = desk.clock(), entry.snoozed_until
    return {
        "until": until.astimezone(zone).date().isoformat() if until and entry.is_snoozed(now) else None,
        "first": (now.astimezone(zone).date() + timedelta(days=1)).isoformat(),
        "may": who.decides(asked.route),
    }


def day(text: str) -> date:
    """Raises UsageError for what is no day."""
    try:
        return date.fromisoformat(text.strip())
    except ValueError as error:
        raise UsageError(say("later.no_day")) from error


# Incidents -------------------------------------------------------------------------------------------------------


def incidents(desk: Desk, who: Visitor, text: str | None) -> Context:
    """The search: nothing is looked for while `text` is None."""
    seen = who.routes(desk.routes)
    found = search(desk.store, seen, text or "", lambda route: FieldClass.HEALTH in who.classes(route))
    return {"text": text or "", "asked": text is not None, "hits": found.hits, "is_cut": found.is_cut}


def find_incident(desk: Desk, who: Visitor, record_id: str) -> Story:
    """Raises Missing."""
    try:
        route, ids = find(desk.store, who.routes(desk.routes), record_id)
    except UsageError as error:
        raise Missing from error
    classes, story = who.classes(route), outline(desk.store, route, ids)
    # By the id of somebody's record nobody finds the incident who may not know of that record.
    is_by_a_child = record_id.lower() not in {str(known).lower() for known in ids.values()}
    if (is_by_a_child and not classes >= ABOUT_PEOPLE) or (_is_private(story) and FieldClass.HEALTH not in classes):
        raise Missing
    return story


def _is_private(story: Story) -> bool:
    return any(record is not None and record.private for record in story.incident.records.values())


def tells_health(story: Story, who: Visitor) -> bool:
    """Whether the page of this incident shows somebody health data."""
    classes = who.classes(story.route)
    return _is_private(story) or (bool(story.people) and classes >= ABOUT_PEOPLE)


def record_of(story: Story) -> str:
    """An id by which the incident is found again."""
    return next(record_id for record_id in story.ids.values() if record_id)


def incident(desk: Desk, who: Visitor, story: Story) -> Context:
    classes, now = who.classes(story.route), desk.clock()
    sees_people = classes >= ABOUT_PEOPLE
    with desk.store.read() as unit:
        asked = _visible(unit, story.route, story.items, who)
    writes = [each for each in story.journal if classes_of_action(each.action, story.route) <= classes]
    told, undone = _told(story), _undone(story)
    decides = who.decides(story.route)
    return {
        "title": _title(story),
        "route": story.route.name,
        "link": _link(story),
        "read": story.read_at and say("incident.read", age=age(now - story.read_at)),
        "sides": [_side(story, side) for side in Side],
        "fields": _fields(story.incident, classes),
        "people": [_person(one, classes) for one in story.people] if sees_people else [],
        "questions": [_row(story.route, entry, now) for entry in asked],
        "writes": [_write(each, told.get(each.id, ()), undone if decides else None, classes) for each in writes],
        "state": _state(story, asked),
        "hidden": (bool(story.people) and not sees_people) or (asked, writes) != ([*story.items], [*story.journal]),
    }


def _title(story: Story) -> str:
    for side in Side:
        record = story.incident.records[side]
        if record is not None and not record.minimal:
            row = story.route.mapping.title
            return in_words(row, side, row.lens.get(side, record.image))
    return say("incident.untitled")


def _link(story: Story) -> list[str]:
    link = story.incident.link
    if link is None:
        return [say("incident.unlinked")]
    words = [say("incident.linked") + (f" {say('incident.since', moment=moment(link.since))}" if link.since else "")]
    words += [say("incident.origin", side=link.origin.label)] if link.origin else []
    if link.state is LinkState.LIVE:
        return words
    since = f" {say('incident.since', moment=moment(min(story.deleted_at.values())))}" if story.deleted_at else ""
    return [*words, f"{say(f'link.{link.state.value}')}{since}"]


def _side(story: Story, side: Side) -> Context:
    record = story.incident.records[side]
    return {
        "label": side.label,
        "id": story.ids[side],
        "presence": "restored" if story.is_brought_back(side) else record and record.presence.value,
        "private": record is not None and record.private,
    }


def _fields(pair: Compared, classes: Classes) -> list[Context]:
    """Both values of each field; of an incident that one side alone has, what that side shows."""
    if pair.fields:
        return [_field(each, classes) for each in pair.fields]
    return [
        {
            "label": one.row.label,
            "withheld": one.row.privacy not in classes,
            "values": {one.side.label: in_words(one.row, one.side, one.reading), one.side.other.label: ""},
            "base": None,
            "verdict": "",
            "so": "",
        }
        for one in pair.previews
    ]


def _field(one: FieldDiff, classes: Classes) -> Context:
    base = one.field.lens.get(Side.PROCORE, one.base.procore) if one.base else None
    return {
        "label": one.field.label,
        "withheld": one.field.privacy not in classes,
        "values": {
            Side.PROCORE.label: in_words(one.field, Side.PROCORE, one.procore),
            Side.FOURHSE.label: in_words(one.field, Side.FOURHSE, one.fourhse),
        },
        "base": base and in_words(one.field, Side.PROCORE, base),
        "verdict": "same" if one.verdict in (Verdict.SAME, Verdict.AGREED) else "differs",
        "so": say(f"verdict.{one.verdict.value}", side=one.to.label if one.to else "", why=one.reason),
    }


def _person(one: Compared, classes: Classes) -> Context:
    ids = ", ".join(f"{side.label} {known}" for side, known in one.ids.items() if known)
    return {"what": say(f"record.{one.kind.value}"), "ids": ids, "fields": _fields(one, classes)}


def _told(story: Story) -> dict[str, list[Write]]:
    """What was carried out for this incident, by the write."""
    told: dict[str, list[Write]] = {}
    for write in values(story.route, story.zone, story.rows, story.journal):
        told.setdefault(write.id.partition(":")[0], []).append(write)
    return told


def _undone(story: Story) -> frozenset[str]:
    """The writes that were taken back."""
    return frozenset(one.action.undoes for one in story.journal if one.outcome in CARRIED_OUT and one.action.undoes)


def _write(intent: Intent, told: Sequence[Write], undone: Collection[str] | None, classes: Classes) -> Context:
    """A write as a line of the story; its values and a vendor's own words only for who may see their class.

    `undone` are the writes that were taken back; None for somebody who may take none back.
    """
    action, full = intent.action, classes == ALL
    seen = [each for each in told if (each.row.privacy in classes if each.row else full)]
    sent = [(name, display_raw(value)) for name, value in action.fields.items()] if full and not told else []
    return {
        "at": moment(intent.made_at),
        "what": say(f"act.{action.act.value}", side=action.side.label),
        "record": say(f"record.{action.kind.value}"),
        "outcome": say(f"write.{intent.outcome}"),
        "why": action.reason,
        "words": intent.words if full else "",
        "values": [_value(*each) for each in sent] or [_changed(each, undone) for each in seen],
    }


def _value(name: str, value: str) -> Context:
    return {"name": name, "value": value, "undo": None, "is_undone": False}


def _changed(write: Write, undone: Collection[str] | None) -> Context:
    may_go = undone is not None and write.act is Act.UPDATE and write.row is not None and write.old != write.new
    is_undone = write.id in (undone or ())
    told = _value(write.field or say("write.all"), _change(write))
    return {**told, "undo": write.id if may_go and not is_undone else None, "is_undone": is_undone}


def _change(write: Write) -> str:
    """From what to what; of a whole record, what it held."""
    old, new = display_raw(write.old), display_raw(write.new)
    return f"{old or say('write.empty')} → {new or say('write.empty')}" if write.field else new or old


def display_raw(value: Any) -> str:
    """A raw value that a call sent, cut to a length that a table bears."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= LISTED else f"{text[:LISTED]}…"


def _state(story: Story, asked: Sequence[Entry]) -> str:
    if story.pending:
        return say("incident.pending")
    if any(entry.state == "open" for entry in asked):
        return say("incident.waits")
    return say("incident.excluded", why=story.excluded) if story.excluded else say("incident.quiet")


# Mapping --------------------------------------------------------------------------------------------------------------


def mapping(desk: Desk, who: Visitor) -> Context:
    carried = [(route, route.mapping.narrowed(route.direction)) for route in who.routes(desk.routes)]
    return {
        "mappings": [
            {"name": known.name, "route": route.name, "owner": known.owner, "rows": mapping_rows(known)}
            for route, known in carried
        ]
    }
