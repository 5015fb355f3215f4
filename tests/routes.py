"""Routes as plain values, for tests of the core: two sides' images, links with bases, snapshots."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from procore_4hse.mapping.lenses.base import NO_RECORDS, STATUS_AT, UNNAMED, ZONE
from procore_4hse.mapping.lenses.records import FIELDS, STATEMENTS
from procore_4hse.mapping.loader import load
from procore_4hse.models import Decision, Item, Kind, Link, QuestionKey, RecordRef, Side
from procore_4hse.reconcile import items
from procore_4hse.reconcile.approval import contents
from procore_4hse.reconcile.plan import plan
from procore_4hse.reconcile.snapshot import Plan, Presence, Record, Snapshot

MAPPING = load(Path(__file__).parent.parent / "mappings" / "default")
WITHOUT_LINES = replace(MAPPING, fields=tuple(row for row in MAPPING.fields if not row.key.startswith("line_")))
"""The default mapping without the rows that put fields of 4HSE on lines in Procore, so that others may have them."""
ROME = "Europe/Rome"
NOON = "2026-02-10T11:00:00Z"
NOTHING_UNNAMED = dict.fromkeys((*FIELDS.values(), STATEMENTS), "")
"""What an incident tells of records that name nobody while it has none."""


def ref(side: Side, record_id: str, kind: Kind = Kind.INCIDENT) -> RecordRef:
    return RecordRef(side, kind, record_id)


def site(record_id: str = "1", presence: Presence = Presence.PRESENT, **fields: Any) -> Record:
    """An incident as Procore shows it, at noon in Rome."""
    image = {
        "title": "Fall", "description": "A worker fell.", "event_date": NOON, "time_unknown": False, "status": "open",
        ZONE: ROME, **NO_RECORDS, UNNAMED: NOTHING_UNNAMED, STATUS_AT: NOON, **fields,
    }  # fmt: skip
    return Record(Side.PROCORE, record_id, image, presence, evidence="proof" if presence is Presence.GONE else "")


def office(record_id: str = "a", presence: Presence = Presence.PRESENT, **fields: Any) -> Record:
    """The same incident as 4HSE shows it."""
    image = {
        "name": "Fall", "description_event": "A worker fell.", "date_incident": "2026-02-10", "status": "new",
        "date_closed": None, "category": "NON_COMPLIANCE", ZONE: ROME, STATUS_AT: NOON, **fields,
    }  # fmt: skip
    return Record(Side.FOURHSE, record_id, image, presence, evidence="proof" if presence is Presence.GONE else "")


def link(ours: Record | None = None, theirs: Record | None = None, **changes: Any) -> Link:
    """A link of these two as they stood when they agreed."""
    ours, theirs = ours or site(), theirs or office()
    base = {row.key: row.base_of(ours.image, theirs.image) for row in MAPPING.fields}
    return Link(int(ours.id), ours.id, theirs.id, base=base, **changes)


def route(*records: Record, links: tuple[Link, ...] = (), **changes: Any) -> Snapshot:
    """A route with these records; it has been linked before unless told."""
    by_side = {side: {one.id: one for one in records if one.side is side} for side in Side}
    whole = Snapshot(
        mapping=MAPPING, zone=ROME, since=date(2026, 1, 1), now=datetime(2026, 3, 2, 12, tzinfo=UTC),
        records=by_side, links=links, ever_linked=True,
    )  # fmt: skip
    return replace(whole, **changes)


def decision(key: str, verb: str, **options: Any) -> dict[QuestionKey, Decision]:
    return {QuestionKey(key): Decision(1, QuestionKey(key), verb, **options)}


def said(question: Item, verb: str, **options: Any) -> dict[QuestionKey, Decision]:
    """This answer to this question, as it is kept."""
    return {question.key: Decision(1, question.key, verb, seen=question.facts, shown=question.shown, **options)}


def told(whole: Snapshot, key: str, verb: str, **options: Any) -> Snapshot:
    """The same route with this answer to what it asks under that key, as it stands now."""
    question = next(item for item in plan(whole).items if item.key == key)
    return replace(whole, decisions={**whole.decisions, **said(question, verb, **options)})


def matched(whole: Snapshot, key: str, verb: str, *candidates: str, **options: Any) -> Snapshot:
    """The same route with this answer to a match that named these candidates, whether or not it would be asked now."""
    named = QuestionKey(key).record
    assert named is not None
    others = (whole.record(named.side.other, other) for other in candidates)
    record = whole.record(named.side, named.id) or Record(named.side, named.id, {}, Presence.ABSENT)
    shown = contents(whole, record, *(one for one in others if one is not None))
    question = items.doubt(record, tuple((other, "") for other in candidates), "", "", shown)
    return replace(whole, decisions={**whole.decisions, **said(question, verb, **options)})


def asked(found: Plan) -> tuple[Item, ...]:
    """What a plan asks, but for the digests of the records on display."""
    return tuple(
        replace(item, facts={**item.facts, "records": {}}) if "records" in item.facts else item for item in found.items
    )
