"""People of incidents as plain values, for tests of the core; the incidents themselves stand in `routes`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from procore_4hse.mapping.directory import Directory
from procore_4hse.mapping.picklists import Picklists
from procore_4hse.models import Kind, Link, Side
from procore_4hse.reconcile.snapshot import People, Presence, Record, Snapshot
from routes import MAPPING as WHOLE
from routes import link, office, route, site

DIRECTORY = Directory({"7": "o7", "8": "o8"}, {"o7": "7", "o8": "8"})
LIVE = Picklists(DIRECTORY)
MAPPING = replace(WHOLE, people=WHOLE.people[:2])
"""Who it is and for how many days; the other rows have tests of their own."""
PERSON_8 = {"affected_party": {"id": 8}}


def injury(record_id: str = "i1", presence: Presence = Presence.PRESENT, **fields: Any) -> Record:
    """Person 7 of Procore's directory, hurt in incident 1 and three days away."""
    image = {"affected_party": {"id": 7}, "affected_person": None, "work_days_absent": 3, "incident_id": 1, **fields}
    evidence = "proof" if presence is Presence.GONE else ""
    return Record(Side.PROCORE, record_id, image, presence, evidence=evidence, kind=Kind.INJURY)


def near_miss(record_id: str = "n1", **fields: Any) -> Record:
    image = {"affected_party": {"id": 7}, "affected_person": None, "incident_id": 1, **fields}
    return Record(Side.PROCORE, record_id, image, kind=Kind.NEAR_MISS)


def involved(record_id: str = "p1", presence: Presence = Presence.PRESENT, **fields: Any) -> Record:
    """The same person in 4HSE."""
    image = {"person_office_id": "o7", "days": 3, "office_incident_id": "a", **fields}
    evidence = "proof" if presence is Presence.GONE else ""
    return Record(Side.FOURHSE, record_id, image, presence, evidence=evidence, kind=Kind.PERSON)


def child(ours: Record | None = None, theirs: Record | None = None, **changes: Any) -> Link:
    """The link of these two people as they stood when they agreed."""
    ours, theirs = ours or injury(), theirs or involved()
    rows = MAPPING.rows_for(ours.kind, LIVE)
    base = {row.key: row.base_of(ours.image, theirs.image) for row in rows}
    return Link(5, ours.id, theirs.id, kind=ours.kind, base=base, parent="1", **changes)


def people(*records: Record, links: tuple[Link, ...] = (), **changes: Any) -> People:
    mine = tuple(record for record in records if record.side is Side.PROCORE)
    theirs = tuple(record for record in records if record.side is Side.FOURHSE)
    known = {Side.PROCORE: {"1": mine}, Side.FOURHSE: {"a": theirs}}
    whole: dict[str, Any] = {"links": {"1": links} if links else {}, "picklists": LIVE, "certified": True}
    return People(records=known, **{**whole, **changes})


def crowd(*records: Record, links: tuple[Link, ...] = (), category: str = "NON_COMPLIANCE", **changes: Any) -> Snapshot:
    """A linked incident in which nothing moved, with these people; a hurt one makes it an accident."""
    hurt = any(record.kind is Kind.INJURY and record.presence is Presence.PRESENT for record in records)
    ours, theirs = site(**{"@injured": hurt}), office(category="ACCIDENTS" if hurt else category)
    parent = changes.pop("parent", None) or link(ours, theirs)
    there = people(*records, links=links, **changes.pop("of_people", {}))
    return route(ours, theirs, links=(parent,), people=there, **{"mapping": MAPPING, **changes})
