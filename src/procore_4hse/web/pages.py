"""What each page shows: values of the operations turned into what its template prints. One function per page."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from typing import Any

from procore_4hse.errors import UsageError
from procore_4hse.mapping.classes import FieldClass
from procore_4hse.mapping.show import rows as mapping_rows
from procore_4hse.models import Act, LinkState, Side
from procore_4hse.operations.explain import Compared, Story, outline
from procore_4hse.operations.history import Write, in_words, values
from procore_4hse.operations.offline import find
from procore_4hse.operations.search import search
from procore_4hse.operations.texts import age, moment, say
from procore_4hse.reconcile.diff import FieldDiff, Verdict
from procore_4hse.store.inbox import Entry
from procore_4hse.store.journal import CARRIED_OUT, Intent
from procore_4hse.web.access import ABOUT_PEOPLE, ALL, Classes, Visitor, classes_of_action
from procore_4hse.web.desk import Desk
from procore_4hse.web.questions import LISTED, Context, Missing, row, visible

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
        asked = visible(unit, story.route, story.items, who)
    writes = [each for each in story.journal if classes_of_action(each.action, story.route) <= classes]
    told, undone = _told(story), _undone(story)
    decides = who.decides(story.route)
    return {
        "title": _title(story),
        "apart": decides and _may_part(story) and record_of(story),
        "kept": story.incident.link is not None and story.incident.link.state is LinkState.IGNORED,
        "route": story.route.name,
        "link": _link(story),
        "read": story.read_at and say("incident.read", age=age(now - story.read_at)),
        "sides": [_side(story, side) for side in Side],
        "fields": _fields(story.incident, classes),
        "people": [_person(one, classes) for one in story.people] if sees_people else [],
        "questions": [row(story.route, entry, now) for entry in asked],
        "writes": [_write(each, told.get(each.id, ()), undone if decides else None, classes) for each in writes],
        "state": _state(story, asked),
        "hidden": (bool(story.people) and not sees_people) or (asked, writes) != ([*story.items], [*story.journal]),
    }


def _title(story: Story) -> str:
    titles = (title_on(story, side) for side in Side)
    return next((title for title in titles if title is not None), say("incident.untitled"))


def title_on(story: Story, side: Side) -> str | None:
    """What an incident is called on a side; None where nothing of it may be told, or it is not there."""
    record = story.incident.records[side]
    if record is None or record.minimal:
        return None
    row = story.route.mapping.title
    return in_words(row, side, row.lens.get(side, record.image))


def _may_part(story: Story) -> bool:
    return story.incident.link is not None and story.incident.link.state is not LinkState.ENDED


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
