"""What an answer covers: exactly what was shown, for as long as that is what there is."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from procore_4hse.mapping.rules import FieldMapping
from procore_4hse.models import PEOPLE_RECORDS, Action, Decision, Kind, Link, QuestionKey, RecordRef, Side
from procore_4hse.reconcile.snapshot import Change, Presence, Record, Snapshot, fingerprint

FIRST_MEETING, SCOPE, ZONE, MAPPING = map(QuestionKey.guard, ("first-meeting", "scope", "zone", "mapping"))


def digest(*parts: Any) -> str:
    """Equal for equal raw values. It stands for them where they may not be kept: they say things about people."""
    return hashlib.sha256(fingerprint(*parts).encode()).hexdigest()


def signature(action: Action) -> str:
    """What an approval of an action covers: side, kind, record and fields, as they were shown."""
    return digest(action.act, action.side, action.kind, action.target_id, action.source_id, action.fields)


# What records show ------------------------------------------------------------------------------------------------


def contents(snapshot: Snapshot, *records: Record) -> dict[str, str]:
    """A digest of what each of these records shows, and each person and resource of an incident, by its name.

    A question keeps them, so that its answer is void once any of them moved. What is not there has none.
    """
    shown = [record for record in records if _is_there(record)]
    below = [child for record in shown if record.kind is Kind.INCIDENT for child in _below(snapshot, record)]
    return {record_name(record.ref): _content(snapshot, record) for record in (*shown, *below)}


def record_name(record: RecordRef) -> str:
    return f"{record.side.value}:{record.kind.value}:{record.id}"


def read_name(name: str) -> RecordRef:
    side, kind, record_id = name.split(":", 2)
    return RecordRef(Side(side), Kind(kind), record_id)


def payload_digest(payload: Mapping[str, Any]) -> str:
    """Of a record whose every value is shown, as a person or a resource of 4HSE goes with its incident."""
    return digest(payload)[:DIGITS]


DIGITS = 16


def _content(snapshot: Snapshot, record: Record) -> str:
    known = snapshot.digests.get(record.ref)
    if known is None:
        known = snapshot.digests[record.ref] = content_of(snapshot.mapping, record)
    return known


def content_of(mapping: FieldMapping, record: Record) -> str:
    """A digest of what one record shows in the fields of the mapping."""
    if record.side is Side.FOURHSE and record.kind is not Kind.INCIDENT:
        return payload_digest(record.image)
    rows = mapping.equipment if record.kind is Kind.EQUIPMENT else mapping.people
    rows = mapping.fields if record.kind is Kind.INCIDENT else rows
    # Procore dates every change, and not each is one of these values.
    return digest(*(row.slice(record.side, record.image) for row in rows))[:DIGITS]


def _below(snapshot: Snapshot, incident: Record) -> list[Record]:
    people, kinds = snapshot.people, (*PEOPLE_RECORDS, Kind.PERSON, Kind.RESOURCE)
    own = people.records[incident.side].get(incident.id, ())
    further = people.further_resources.get(incident.id, ()) if incident.side is Side.FOURHSE else ()
    return [record for record in (*own, *further) if record.kind in kinds and _is_there(record)]


def _is_there(record: Record) -> bool:
    return record.presence in (Presence.PRESENT, Presence.UNSEEN)


# Held actions and settings ----------------------------------------------------------------------------------------


def is_approved(decision: Decision | None) -> bool:
    return decision is not None and decision.verb == "approve"


def cause_of(change: Change) -> dict[str, str]:
    """What a question about a changed setting keeps, so that its answer counts for no other change."""
    return {"old": change.old, "new": change.new}


def stands(decision: Decision | None, cause: Mapping[str, Any]) -> bool:
    """Whether a question was approved, and for this very cause. Links may have become fewer since, never others."""
    if decision is None or decision.verb != "approve":
        return False
    shown = decision.seen.get("cause")
    if isinstance(shown, Mapping) and shown.keys() == cause.keys() == {"links"}:
        return set(cause["links"]) <= set(shown["links"])
    # An answer from before causes were kept says nothing about this one: it is asked again.
    return shown == dict(cause)


def approved_actions(*decisions: Decision) -> frozenset[str]:
    """The signatures of all actions that were shown and approved, with these very values."""
    return frozenset(held for each in decisions if is_approved(each) for held in each.seen.get("held", ()))


def approved_by_guards(snapshot: Snapshot) -> frozenset[str]:
    return approved_actions(*(decision for key, decision in snapshot.decisions.items() if key.guarded))


def is_about_links(decision: Decision, action: Action) -> bool:
    """Whether the action is about a link that the question named, such as one that came back from a backup."""
    named = decision.seen.get("cause", {}).get("links", ())
    return action.link.key in named


@dataclass(frozen=True)
class MappingChoice:
    """What a person chose for the fields that a changed mapping set against each other. `use` is a side or `base`."""

    use: str
    differences: frozenset[str]
    """The fields that were counted, as keys of their questions."""

    @property
    def winner(self) -> Side | None:
        return Side(self.use) if self.use in tuple(Side) else None

    def decides(self, link: Link, field: str) -> bool:
        return QuestionKey.difference(link, field) in self.differences

    def carries(self, action: Action) -> bool:
        """Whether an update writes nothing but what this choice decided."""
        return bool(action.sources) and all(self.decides(action.link, field) for field in action.sources)


def mapping_choice(snapshot: Snapshot) -> MappingChoice | None:
    """The answer about the mapping now in force; one that was given about another mapping counts for nothing."""
    change, decision = snapshot.changed.mapping, snapshot.decisions.get(MAPPING)
    if change is None or decision is None or not stands(decision, cause_of(change)):
        return None
    return MappingChoice(decision.use or "", frozenset(decision.seen.get("differences", ())))


def zone_is_approved(snapshot: Snapshot) -> bool:
    """Whether a person accepted this very change of zone: the days on both sides then stay as they stand."""
    change = snapshot.changed.zone
    return change is not None and stands(snapshot.decisions.get(ZONE), cause_of(change))
