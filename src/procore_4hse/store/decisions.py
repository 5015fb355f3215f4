"""What people decided, as a record that only grows: who, when, what they saw and why, and what became of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update
from sqlalchemy import bindparam as given

from procore_4hse.models import Item, QuestionKey
from procore_4hse.store.tables import DECISIONS

C = DECISIONS.c
CHOICE = ("verb", "use", "with_id", "restore")


class Outcome(StrEnum):
    """What became of a decision. The first two are in force; the others end it."""

    WAITING = "waiting"
    """No cycle has acted on it yet."""
    IN_USE = "in_use"
    """Cycles act on it: its work is not finished, or it goes on counting."""
    CARRIED_OUT = "carried_out"
    VOID = "void"
    TAKEN_BACK = "taken_back"
    REPLACED = "replaced"
    """The same question was answered anew."""
    UNKNOWN = "unknown"
    """It ended before decisions were kept."""


IN_FORCE = (Outcome.WAITING.value, Outcome.IN_USE.value)
KEYED = (C.route == given("in_route"), C.key.in_(given("keys", expanding=True)))
OF_KEYS = select(DECISIONS).where(*KEYED).order_by(C.id)
STANDING = select(DECISIONS).where(*KEYED, C.outcome.in_(IN_FORCE))
END = update(DECISIONS).where(*KEYED, C.outcome.in_(IN_FORCE))
USE = update(DECISIONS).where(*KEYED, C.outcome == Outcome.WAITING.value).values(outcome=Outcome.IN_USE.value)
ONE = update(DECISIONS).where(C.id == given("one"))
ALL = select(DECISIONS).where(C.route == given("in_route")).order_by(C.id)


@dataclass(frozen=True)
class Decider:
    """Who decides, by the system's user or the name they signed in with, and where: cli | web."""

    who: str
    channel: str


@dataclass(frozen=True)
class KeptDecision:
    """A decision with what became of it. `choice` has `verb`, `use`, `with_id` and `restore`."""

    id: int
    item_id: int
    key: QuestionKey
    choice: Mapping[str, Any]
    note: str
    who: str
    channel: str
    made_at: datetime
    shown: str
    outcome: Outcome
    words: str = ""
    write_id: str | None = None
    ended_at: datetime | None = None
    ended_by: str = ""


class Decisions:
    def __init__(self, connection: Connection, route: str, now: datetime) -> None:
        self.connection, self.route, self.now = connection, route, now

    def add(self, item_id: int, item: Item, answer: Mapping[str, Any], by: Decider, note: str = "") -> None:
        """Keeps an answer; one that was given to the same question before ends with it."""
        self.end([item.key], Outcome.REPLACED, by=by.who)
        row = {
            "route": self.route,
            "item_id": item_id,
            "key": item.key,
            "kind": item.kind.value,
            "choice": {name: answer.get(name) for name in CHOICE},
            "note": note,
            "who": by.who,
            "channel": by.channel,
            "made_at": self.now,
            "shown": item.shown,
            "outcome": Outcome.WAITING.value,
            "words": "",
            "ended_by": "",
        }
        self.connection.execute(insert(DECISIONS), row)

    def use(self, keys: Collection[QuestionKey]) -> None:
        """A cycle acts on the answers to these questions."""
        if keys:
            self.connection.execute(USE, {"in_route": self.route, "keys": list(keys)})

    def end(
        self,
        keys: Collection[QuestionKey],
        outcome: Outcome,
        *,
        words: str = "",
        write_id: str | None = None,
        by: str = "",
    ) -> None:
        """What became of the answers to these questions that are in force."""
        values = {"outcome": outcome.value, "words": words, "write_id": write_id}
        named = {"in_route": self.route, "keys": list(keys)}
        self.connection.execute(END, {**named, **values, "ended_at": self.now, "ended_by": by})

    def revive(self, key: QuestionKey) -> None:
        """The answer counts again: what its question shows is again what it showed."""
        latest = self.of(key)[-1:]
        for one in latest:
            if one.outcome is Outcome.VOID:
                back = {"outcome": Outcome.WAITING.value, "words": "", "ended_at": None}
                self.connection.execute(ONE, {"one": one.id, **back})

    def take_back(self, keys: Collection[QuestionKey], by: Decider) -> None:
        """Ends the latest answers to these questions also where they were carried out, for they went on counting."""
        for key in keys:
            for one in self.of(key)[-1:]:
                if one.outcome in (Outcome.WAITING, Outcome.IN_USE, Outcome.CARRIED_OUT, Outcome.UNKNOWN):
                    ended = {"outcome": Outcome.TAKEN_BACK.value, "ended_at": self.now, "ended_by": by.who}
                    self.connection.execute(ONE, {"one": one.id, **ended})

    def in_force(self, keys: Collection[QuestionKey]) -> list[KeptDecision]:
        rows = self.connection.execute(STANDING, {"in_route": self.route, "keys": list(keys)}) if keys else ()
        return [_kept(row) for row in rows]

    def of(self, key: QuestionKey) -> list[KeptDecision]:
        """All that was ever answered to one question, oldest first."""
        return [_kept(row) for row in self.connection.execute(OF_KEYS, {"in_route": self.route, "keys": [key]})]

    def all(self) -> list[KeptDecision]:
        """All decisions of the route, oldest first."""
        return [_kept(row) for row in self.connection.execute(ALL, {"in_route": self.route})]


def _kept(row: Row[Any]) -> KeptDecision:
    return KeptDecision(
        row.id,
        row.item_id,
        QuestionKey(row.key),
        row.choice,
        row.note,
        row.who,
        row.channel,
        row.made_at,
        row.shown,
        Outcome(row.outcome),
        row.words,
        row.write_id,
        row.ended_at,
        row.ended_by,
    )
