"""What the pages of the inbox show: all that waits, and one question."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from procore_4hse.errors import UsageError
from procore_4hse.models import ItemKind, Kind, RecordRef, Side
from procore_4hse.operations import decisions
from procore_4hse.operations.choices import Choice, choices
from procore_4hse.operations.offline import UTC_ZONE
from procore_4hse.operations.questions import question_of
from procore_4hse.operations.search import Hit
from procore_4hse.route import Route
from procore_4hse.store.decisions import KeptDecision
from procore_4hse.store.inbox import Entry
from procore_4hse.store.repository import Unit
from procore_4hse.texts import age, moment, say
from procore_4hse.web.access import ABOUT_PEOPLE, ALL, PEOPLE, Classes, Visitor, classes_of
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
        mine = visible(unit, route, entries, who)
        seen += [(route, entry) for entry in mine]
        hidden += len(entries) - len(mine)
    return sorted(seen, key=lambda pair: pair[1].since), hidden


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


def _groups(entries: Sequence[tuple[Route, Entry]], now: datetime) -> Iterator[Context]:
    for kind in ItemKind:
        if own := [row(route, entry, now) for route, entry in entries if entry.item.kind is kind]:
            yield {"kind": kind.value, "rows": own}


def row(route: Route, entry: Entry, now: datetime) -> Context:
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
        **row(route, entry, now),
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
