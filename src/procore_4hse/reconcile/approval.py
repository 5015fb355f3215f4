"""What an approval covers: exactly what was shown, for as long as its cause is the one that was shown."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from procore_4hse.models import Action, Decision, Link, QuestionKey, Side
from procore_4hse.reconcile.snapshot import Change, Snapshot, fingerprint

FIRST_MEETING, SCOPE, ZONE, MAPPING = map(QuestionKey.guard, ("first-meeting", "scope", "zone", "mapping"))


def digest(*parts: Any) -> str:
    """Equal for equal raw values. It stands for them where they may not be kept: they say things about people."""
    return hashlib.sha256(fingerprint(*parts).encode()).hexdigest()


def signature(action: Action) -> str:
    """What an approval of an action covers: side, kind, record and fields, as they were shown."""
    return digest(action.act, action.side, action.kind, action.target_id, action.source_id, action.fields)


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
