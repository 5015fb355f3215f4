"""What may be kept of a record that privacy keeps home."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import replace

from procore_4hse.mapping.lenses.text import normalised_title
from procore_4hse.models import Kind, RawRecord, Side


def private_image(record: RawRecord, key: str, exempt: frozenset[str]) -> RawRecord:
    """The record itself, or what may be staged of it when it is marked private.

    Of an incident that is its id, its day and a keyed hash of its title. `exempt` are ids of incidents that are ours.
    """
    payload = record.payload
    incident = record.id if record.kind is Kind.INCIDENT else record.parent_id
    hidden = payload.get("private") if record.kind is Kind.INCIDENT else payload.get("incident_private")
    if record.side is not Side.PROCORE or not hidden or incident in exempt:
        return record
    if record.kind is not Kind.INCIDENT:
        return bare(record)
    kept = {name: payload.get(name) for name in ("id", "event_date", "time_unknown", "private")}
    return replace(record, payload={**kept, "title_hash": title_hash(str(payload.get("title") or ""), key)})


def title_hash(title: str | None, key: str) -> str:
    """Equal for titles that the matching takes for equal; tells nothing without the key. Empty for an empty title."""
    told = normalised_title(title)
    return hmac.new(key.encode(), told.encode(), hashlib.sha256).hexdigest() if told else ""


def bare(record: RawRecord) -> RawRecord:
    """What may be staged of a private incident's child: where it belongs."""
    return replace(record, payload={name: record.payload.get(name) for name in ("id", "incident_id")})
