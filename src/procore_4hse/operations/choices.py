"""What may be answered to a question, as `decisions.py` takes it: each choice with its consequence and its command."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from procore_4hse.mapping.details import absence_in
from procore_4hse.models import Act, Item, ItemKind, Kind, RawRecord, Side
from procore_4hse.operations.decisions import GUARD_USES, SPOKEN, Answer
from procore_4hse.operations.texts import counted, say
from procore_4hse.route import Route
from procore_4hse.store.inbox import Entry

OTHER = "other"
"""The choice whose record a person names."""
SAME = "same"
"""The choice that two people who were one still are."""
LATER = "later"
"""The choice that answers nothing: the question comes again on a later day."""
NAMED = "RECORD_ID"
"""Stands in a command for the id that a person names."""


@dataclass(frozen=True)
class Choice:
    """`name` tells it from the other choices of its question in a form. Without an answer it puts the question off."""

    name: str
    label: str
    consequence: str
    answer: Answer | None
    undoable: bool = True
    """Whether it can be undone once it was carried out; until then every answer can be taken back."""

    @property
    def verb(self) -> str:
        return self.answer.verb if self.answer else "snooze"

    def options(self, until: date) -> dict[str, Any]:
        """The options of its command; `until` is the day to which it puts a question off."""
        if self.answer is None:
            return {"until": until.isoformat()}
        given = {"use": SPOKEN.get(self.answer.use or ""), "with": self.answer.with_id}
        named = {"with": None} if self.name == OTHER else {}
        return {**{name: value for name, value in given.items() if value}, **named, **self._flags()}

    def _flags(self) -> dict[str, bool]:
        return {"restore": True} if self.answer and self.answer.restore else {}

    def command(self, entry: Entry, until: date) -> str:
        """What is typed for it, word for word but for an id that a person names."""
        words = ["procore-4hse inbox", self.verb, str(entry.id)]
        for name, value in self.options(until).items():
            words += [f"--{name}", *([] if value is True else [NAMED if value is None else str(value)])]
        return " ".join([*words, *([f"--shown {entry.item.shown}"] if self.answer else [])])


@dataclass(frozen=True)
class Along:
    """What would be deleted along with an incident of 4HSE, as far as we read it."""

    people: Sequence[RawRecord] = ()
    resources: Sequence[RawRecord] = field(default=())

    def told(self) -> str:
        """1 involved person, 20 days of absence, and whatever hangs there that nobody lists for us."""
        days = sum(absence_in(Side.FOURHSE, person.payload) for person in self.people)
        parts = [
            *([counted(len(self.people), "involved person", "involved people")] if self.people else []),
            *([counted(days, "day") + " of absence"] if days else []),
            *([counted(len(self.resources), "resource")] if self.resources else []),
            say("choice.delete.unknown"),
        ]
        return ", ".join(parts[:-1]) + (" and " if len(parts) > 1 else "") + parts[-1]


def choices(route: Route, entry: Entry, along: Along = Along(), perhaps: Sequence[str] = ()) -> tuple[Choice, ...]:
    """The choices of a question that is open or answered, the likeliest to be right in no special place.

    `perhaps` are people of the other side who may be the one that it asks for.
    The last one of an open question is to leave it for later: nothing is answered, and nothing happens.
    """
    if entry.state == "closed":
        return ()
    later = (_later(entry.item),) if entry.state == "open" else ()
    return (*_answers(route, entry.item, along, perhaps), *later)


def _answers(route: Route, item: Item, along: Along, perhaps: Sequence[str]) -> Iterator[Choice]:
    if item.key.topic == "accident":
        yield from (_accident(each) for each in item.facts["uses"])
    elif item.who is not None:
        yield from _people(item, perhaps)
    elif item.key.topic == "difference" and item.field is not None:
        yield from (_use(route, item, side) for side in _sides(route, item))
    elif item.key.topic == "deletion":
        yield from _deletion(route, item, along)
    elif item.kind is ItemKind.MATCH:
        yield from _match(item)
    elif item.kind is ItemKind.GUARD:
        yield from _guard(item)
    else:
        yield from _single(item)


def chosen(offered: Sequence[Choice], name: str, with_id: str) -> Choice | None:
    """A choice by its name, with the record that a person named; None when no such choice is offered."""
    choice = next((each for each in offered if each.name == name), None)
    if choice is not None and choice.name == OTHER:
        return replace(choice, answer=Answer("approve", with_id=with_id.strip()))
    return choice


def _choice(name: str, text: str, verb: str, *, undoable: bool = True, side: str = "", **options: Any) -> Choice:
    """A choice in the words of the catalogue under `choice.TEXT`, its answer with these options."""
    label, words = say(f"choice.{text}", side=side), say(f"choice.{text}.words", side=side)
    return Choice(name, label, words, Answer(verb, **options), undoable)


def _later(item: Item) -> Choice:
    """Leaves everything as it is until a later day. What that means depends on what waits."""
    own = f"choice.later.{item.kind.value}"
    return Choice(LATER, say("choice.later"), say(own), None)


def _sides(route: Route, item: Item) -> Iterator[Side]:
    """The sides whose value may be chosen."""
    field = route.mapping.by_key.get(item.field or "")
    yield Side.PROCORE
    if field is None or field.lens.writes(Side.PROCORE):
        yield Side.FOURHSE


def _use(route: Route, item: Item, side: Side) -> Choice:
    field, other = route.mapping.by_key.get(item.field or ""), side.other.label
    travels = field is None or field.updates(side.other)
    words = say("choice.use.words" if travels else "choice.use.blocked", other=other)
    return Choice(side.value, say("choice.use", side=side.label), words, Answer("resolve", use=side.value))


def _people(item: Item, perhaps: Sequence[str]) -> Iterator[Choice]:
    """Who somebody is: follow a side, name the partner, or leave it."""
    asked = item.who.side if item.who else Side.PROCORE
    follow = say("choice.partner.words")
    for side in map(Side, item.facts.get("uses", ())):
        yield Choice(side.value, say("choice.use", side=side.label), follow, Answer("resolve", use=side.value))
    if item.kind is ItemKind.DRIFT:
        yield _choice(SAME, "same_person", "approve", with_id=item.key.pair[asked.other])
    yield from _candidates(item, asked.other, follow, perhaps)
    yield _choice(OTHER, "other", "approve")
    yield _choice("reject", "leave" if item.kind is ItemKind.DRIFT else "never", "reject")


def _accident(use: str) -> Choice:
    """Of an accident that Procore shows as a near miss: record it, or leave it."""
    is_injury = use == "injury"
    return _choice(use, "injury" if is_injury else "leave_both", "approve", undoable=not is_injury, use=use)


def _candidates(item: Item, side: Side, words: str, perhaps: Sequence[str] = ()) -> Iterator[Choice]:
    for each in dict.fromkeys(map(str, (*item.facts.get("candidates", ()), *perhaps))):
        label = say("choice.same", side=side.label, id=each)
        yield Choice(f"with:{each}", label, words, Answer("approve", with_id=each))


def _match(item: Item) -> Iterator[Choice]:
    """A record of a person is never copied when it is another one; an incident is."""
    side = Side.FOURHSE if item.procore_id is not None else Side.PROCORE
    is_incident = item.key.record is None or item.key.record.kind is Kind.INCIDENT
    yield from _candidates(item, side, say("choice.same.words"))
    yield _choice("reject", "different" if is_incident else "different_person", "reject", undoable=not is_incident)
    yield _choice(OTHER, "other", "approve")


def _deletion(route: Route, item: Item, along: Along) -> Iterator[Choice]:
    """What a route never writes, or what stands in another office, is not offered."""
    gone = Side(item.key.rpartition(":")[2])
    alive = gone.other
    if route.direction.writes_to(alive) and not item.facts.get("office"):
        yield _delete(item, alive, along)
    yield _choice("reject", "keep", "reject", side=alive.label)
    if route.direction.writes_to(gone):
        label, words = say("choice.restore", side=gone.label), "anew" if gone is Side.FOURHSE else "words"
        yield Choice("restore", label, say(f"choice.restore.{words}"), Answer("reject", restore=True))


def _delete(item: Item, alive: Side, along: Along) -> Choice:
    label = say("choice.delete", side=alive.label)
    if alive is Side.PROCORE:
        return Choice("approve", label, say("choice.delete.bin"), Answer("approve"))
    is_incident = item.key.record is None or item.key.record.kind is Kind.INCIDENT
    words = say("choice.delete.along", what=along.told()) if is_incident else say("choice.delete.alone")
    return Choice("approve", label, words, Answer("approve"), undoable=False)


def _guard(item: Item) -> Iterator[Choice]:
    uses = GUARD_USES.get(item.key.guarded)
    if uses is None:
        yield _choice("approve", "approve", "approve", undoable=can_undo(item.facts.get("actions", ())))
    for use in uses or ():
        yield _guard_use(item, use)
    if item.key.guarded == "deletes":
        yield _choice("reject", "holdback", "reject")


def can_undo(actions: Sequence[Mapping[str, Any]]) -> bool:
    """Whether every one of these actions can be taken back: what is created, or deleted in 4HSE, cannot."""
    return not any(
        each["act"] == Act.CREATE or (each["act"] == Act.DELETE and each["side"] == Side.FOURHSE) for each in actions
    )


def _guard_use(item: Item, use: str) -> Choice:
    if use in set(Side):
        side = Side(use)
        label, words = say("choice.use", side=side.label), say("choice.use.words", other=side.other.label)
        return Choice(use, label, words, Answer("approve", use=use))
    word = "put_back" if (item.key.guarded, use) == ("regress", "base") else use
    return _choice(use, word, "approve", undoable=use != "accept", use=use)


def _single(item: Item) -> Iterator[Choice]:
    if item.kind is ItemKind.MISSING:
        yield _choice("approve", "missing", "approve")
    if item.kind is ItemKind.REFUSED:
        call = item.key.call
        summary = [{"act": call.act, "side": call.side}] if call else []
        yield _choice("retry", "retry", "retry", undoable=can_undo(summary))
        if "lost_on" in item.facts:
            yield _choice("approve", "leave_both", "approve")
