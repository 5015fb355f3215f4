"""What questions have in common, so that one answer settles all of them."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from procore_4hse.models import Item, ItemKind, Kind, Side
from procore_4hse.operations.likeness import are_identical
from procore_4hse.operations.records import KnownRecords
from procore_4hse.operations.subjects import Subject
from procore_4hse.operations.texts import say
from procore_4hse.reconcile.diff import BOTH_CHANGED
from procore_4hse.route import Route
from procore_4hse.store.inbox import Entry


def heading_of(item: Item) -> str:
    """What kind of question it is, in plain words."""
    return say(f"kind.{item.kind.value}" + (_form(item) if item.kind is ItemKind.CONFLICT else ""))


def _form(item: Item) -> str:
    """A conflict has many: who changed what is claimed only where that is known."""
    if item.key.topic != "difference":
        return f".{item.key.topic}"
    if "write" in item.facts:
        return ".undo"
    if item.base_value is None:
        return ".linked"
    return "" if BOTH_CHANGED in item.reason else ".one"


@dataclass(frozen=True)
class Cause:
    """What makes two questions one to those who answer; `words` say it where several may have it."""

    parts: tuple[object, ...]
    words: str = ""

    def key(self, route: Route, item: Item) -> str:
        """Equal for the questions of one cause; tells nothing of what they show."""
        told = json.dumps([route.key, *(None if part is None else str(part) for part in self.parts)])
        return f"{item.kind.value}-{hashlib.sha256(told.encode()).hexdigest()[:12]}"


def cause_of(known: KnownRecords, item: Item, subjects: Sequence[Subject], candidates: Counter[str]) -> Cause:
    """Equal for questions that one answer settles; a question without equals is a cause of its own."""
    row = known.route.mapping.by_key.get(item.field or "")
    label = row.label if row else item.field or ""
    if item.kind is ItemKind.WORD and item.key.record is not None:
        side, word = item.key.record.side, item.facts.get("word")
        words = say("cause.word", field=label, word=word, side=side.label) if word else item.reason
        return Cause(("word", side, item.field, word, None if word else item.reason), words)
    if "lost_on" in item.facts:
        side = Side(item.facts["lost_on"])
        return Cause(("lost", side, item.field), say("cause.lost", field=label, side=side.label))
    if call := item.key.call:
        return Cause(("refused", call.act, call.side, call.kind, item.field, item.reason), item.reason)
    if item.who is not None:
        return Cause(("person", item.who.side, item.who.id))
    if _is_plain_difference(item):
        values = (item.procore_value, item.fourhse_value, item.base_value)
        return Cause(
            (item.kind, item.field, *values),
            say(
                "cause.difference",
                field=label,
                one=values[0] or say("question.empty"),
                other=values[1] or say("question.empty"),
            ),
        )
    if item.kind is ItemKind.MATCH and _is_identical(known, subjects, candidates):
        return Cause(("identical",), say("cause.identical"))
    return Cause((item.key,))


def _is_plain_difference(item: Item) -> bool:
    """Whether two values of one field are all that is asked about, and nobody wants to take a write back by it."""
    return item.key.topic == "difference" and item.field is not None and "write" not in item.facts


def _is_identical(known: KnownRecords, subjects: Sequence[Subject], candidates: Counter[str]) -> bool:
    """Whether a record and its only candidate show the same, and neither may be anybody else's partner."""
    if len(subjects) != len(Side) or subjects[0].ref.kind is not Kind.INCIDENT:
        return False
    one, other = (subject.ref for subject in subjects)
    return candidates[other.id] == 1 and not candidates[one.id] and are_identical(known, one, other)


def candidates_of(entries: Iterable[Entry]) -> Counter[str]:
    """How often each record is a candidate of a question that is asked now."""
    return Counter(
        str(each) for entry in entries if entry.state != "closed" for each in entry.item.facts.get("candidates", ())
    )
