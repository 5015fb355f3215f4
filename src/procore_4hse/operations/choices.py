"""What may be answered to a question, as `decisions.py` takes it: each choice with its consequence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from procore_4hse.models import Item, ItemKind, Side
from procore_4hse.operations.decisions import GUARD_USES, Answer
from procore_4hse.route import Route
from procore_4hse.store.inbox import Entry
from procore_4hse.texts import say

OTHER = "other"
"""The choice whose record a person names."""


@dataclass(frozen=True)
class Choice:
    """`name` tells it from the other choices of its question in a form."""

    name: str
    label: str
    consequence: str
    answer: Answer


def choices(route: Route, entry: Entry) -> tuple[Choice, ...]:
    """The choices of a question that is open or answered, the likeliest to be right in no special place."""
    if entry.state == "closed":
        return ()
    item = entry.item
    if item.key.topic == "accident":
        return tuple(_accident(each) for each in item.facts["uses"])
    if item.who is not None:
        return (*_people(item),)
    if item.key.topic == "difference" and item.field is not None:
        return (*(_use(route, item, side) for side in _sides(route, item)),)
    if item.key.topic == "deletion":
        return (*_deletion(route, item),)
    if item.kind is ItemKind.MATCH:
        return (*_match(item),)
    if item.kind is ItemKind.GUARD:
        return (*_guard(item),)
    return _single(item)


def named(route: Route, entry: Entry, name: str, with_id: str) -> Answer | None:
    """The answer of a choice by its name; None when the question has no such choice."""
    choice = next((each for each in choices(route, entry) if each.name == name), None)
    if choice is None:
        return None
    return Answer("approve", with_id=with_id.strip()) if choice.name == OTHER else choice.answer


def _choice(name: str, label: str, consequence: str, verb: str, **options: object) -> Choice:
    return Choice(name, label, consequence, Answer(verb, **options))  # type: ignore[arg-type]


def _sides(route: Route, item: Item) -> Iterator[Side]:
    """The sides whose value may be chosen."""
    field = route.mapping.by_key.get(item.field or "")
    yield Side.PROCORE
    if field is None or field.lens.writes(Side.PROCORE):
        yield Side.FOURHSE


def _use(route: Route, item: Item, side: Side) -> Choice:
    field, other = route.mapping.by_key.get(item.field or ""), side.other.label
    travels = field is None or field.writes_to(side.other)
    words = say("choice.use.words" if travels else "choice.use.blocked", other=other)
    return _choice(side.value, say("choice.use", side=side.label), words, "resolve", use=side.value)


def _people(item: Item) -> Iterator[Choice]:
    """Who somebody is: follow a side, name the partner, or leave it."""
    asked = item.who.side if item.who else Side.PROCORE
    follow = say("choice.partner.words")
    for side in map(Side, item.facts.get("uses", ())):
        yield _choice(side.value, say("choice.use", side=side.label), follow, "resolve", use=side.value)
    yield from _candidates(item, asked.other, follow)
    yield Choice(OTHER, say("choice.other"), say("choice.other.words"), Answer("approve"))
    word = "leave" if item.kind is ItemKind.DRIFT else "never"
    yield _choice("reject", say(f"choice.{word}"), say(f"choice.{word}.words"), "reject")


def _accident(use: str) -> Choice:
    """Of an accident that Procore shows as a near miss: record it, or leave it."""
    word = "injury" if use == "injury" else "leave_both"
    return _choice(use, say(f"choice.{word}"), say(f"choice.{word}.words"), "approve", use=use)


def _candidates(item: Item, side: Side, words: str) -> Iterator[Choice]:
    for each in map(str, item.facts.get("candidates", ())):
        label = say("choice.same", side=side.label, id=each)
        yield _choice(f"with:{each}", label, words, "approve", with_id=each)


def _match(item: Item) -> Iterator[Choice]:
    side = Side.FOURHSE if item.procore_id is not None else Side.PROCORE
    yield from _candidates(item, side, say("choice.same.words"))
    yield _choice("reject", say("choice.different"), say("choice.different.words"), "reject")
    yield Choice(OTHER, say("choice.other"), say("choice.other.words"), Answer("approve"))


def _deletion(route: Route, item: Item) -> Iterator[Choice]:
    """What a route never writes is not offered."""
    gone = Side(item.key.rpartition(":")[2])
    alive = gone.other
    if route.direction.writes_to(alive):
        words = say("choice.delete.words", side=alive.label)
        yield _choice("approve", say("choice.delete", side=alive.label), words, "approve")
    yield _choice("reject", say("choice.keep", side=alive.label), say("choice.keep.words"), "reject")
    if route.direction.writes_to(gone):
        label, words = say("choice.restore", side=gone.label), say("choice.restore.words")
        yield _choice("restore", label, words, "reject", restore=True)


def _guard(item: Item) -> Iterator[Choice]:
    uses = GUARD_USES.get(item.key.guarded)
    if uses is None:
        yield _choice("approve", say("choice.approve"), say("choice.approve.words"), "approve")
    for use in uses or ():
        yield _guard_use(item, use)
    if item.key.guarded == "deletes":
        yield _choice("reject", say("choice.holdback"), say("choice.holdback.words"), "reject")


def _guard_use(item: Item, use: str) -> Choice:
    if use in set(Side):
        side = Side(use)
        label, words = say("choice.use", side=side.label), say("choice.use.words", other=side.other.label)
        return _choice(use, label, words, "approve", use=use)
    word = "put_back" if (item.key.guarded, use) == ("regress", "base") else use
    return _choice(use, say(f"choice.{word}"), say(f"choice.{word}.words"), "approve", use=use)


def _single(item: Item) -> tuple[Choice, ...]:
    if item.kind is ItemKind.MISSING:
        return (_choice("approve", say("choice.missing"), say("choice.missing.words"), "approve"),)
    if item.kind is not ItemKind.REFUSED:
        return ()
    again = _choice("retry", say("choice.retry"), say("choice.retry.words"), "retry")
    leave = _choice("approve", say("choice.leave_both"), say("choice.leave_both.words"), "approve")
    return (again, leave) if "lost_on" in item.facts else (again,)
