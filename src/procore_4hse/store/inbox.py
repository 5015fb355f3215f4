"""What waits for a person, and what they answered."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update
from sqlalchemy import bindparam as given

from procore_4hse.models import Decision, Item, ItemKind, QuestionKey, RecordRef
from procore_4hse.store.inserts import chunks
from procore_4hse.store.tables import INBOX

C = INBOX.c
ASKED = select(INBOX).where(C.route == given("in_route"), C.state.in_(("open", "answered")))
OF_KEY = ASKED.where(C.key == given("of_key"))
COUNTS = select(C.kind, func.count()).where(C.route == given("in_route"), C.state == "open").group_by(C.kind)
IN_STATES = (
    select(INBOX).where(C.route == given("in_route"), C.state.in_(given("states", expanding=True))).order_by(C.id)
)
UNDER = select(INBOX).where(
    C.route == given("in_route"), C.state.in_(("answered", "closed")), C.key.in_(given("keys", expanding=True))
)
CLOSE = update(INBOX).where(
    C.route == given("in_route"), C.state.in_(("open", "answered")), C.key.in_(given("keys", expanding=True))
)
ONE, CHANGE = select(INBOX).where(C.id == given("one")), update(INBOX).where(C.id == given("one"))


@dataclass(frozen=True)
class Entry:
    """An item with its number and its age."""

    id: int
    route: str
    state: str
    item: Item
    since: datetime
    answer: dict[str, Any] | None = None
    changed_at: datetime | None = None
    """When it was asked, answered or closed last."""


class Inbox:
    def __init__(self, connection: Connection, route: str, now: datetime) -> None:
        self.connection, self.route, self.now = connection, route, now

    def keep(self, items: Iterable[Item], answers_in_use: Collection[str], unknown: Collection[RecordRef] = ()) -> None:
        """Opens what is new, renews what is known, and closes whatever has lost its cause.

        What concerns records in `unheard` stays as it is: nobody can tell now whether its cause is gone.

        An answer holds for the facts it was given to; when they moved, the item is asked again, and what was
        answered before stays with it.
        """
        rows = {row.key: row for row in self._rows()}
        wanted = {item.key: item for item in items}
        for key, item in wanted.items():
            self._renew(rows.get(key), item)
        for key, row in rows.items():
            if key not in wanted and key not in answers_in_use and not _concerns(row, unknown):
                self._change(row.id, state="closed")

    def add(self, item: Item) -> int:
        """Opens one item anew, whatever was answered before, and leaves the others alone. Returns its number."""
        row = self.connection.execute(OF_KEY, {"in_route": self.route, "of_key": item.key}).first()
        self._renew(row, item)
        if row is not None:
            self._change(row.id, answer=None, state="open")
            return int(row.id)
        return int(self.connection.execute(OF_KEY, {"in_route": self.route, "of_key": item.key}).one().id)

    def close(self, *keys: str) -> None:
        content = {"state": "closed", "changed_at": self.now}
        self.connection.execute(CLOSE, {"in_route": self.route, "keys": keys, **content})

    def answer(self, item_id: int, answer: dict[str, Any]) -> None:
        """Keeps the answer, with what the item shows now."""
        item = _item(self.connection.execute(ONE, {"one": item_id}).one())
        self._change(item_id, answer={**answer, "seen": dict(item.facts), "shown": item.shown}, state="answered")

    def withdraw(self, item_id: int) -> None:
        """Takes an answer back; the item is open again."""
        self._change(item_id, answer=None, state="open")

    def decisions(self) -> dict[QuestionKey, Decision]:
        return {QuestionKey(row.key): _decision(row) for row in self._rows() if row.answer}

    def decision(self, key: QuestionKey) -> Decision | None:
        """What was answered to one question."""
        row = self.connection.execute(OF_KEY, {"in_route": self.route, "of_key": key}).first()
        return _decision(row) if row and row.answer else None

    def entries(self, *, states: tuple[str, ...] = ("open",)) -> list[Entry]:
        rows = self.connection.execute(IN_STATES, {"in_route": self.route, "states": states})
        return [_entry(row) for row in rows]

    def find(self, item_id: int) -> Entry | None:
        row = self.connection.execute(ONE, {"one": item_id}).one_or_none()
        return _entry(row) if row and row.route == self.route else None

    def standing(self, key: str) -> Entry | None:
        """The question under this key that is not closed."""
        row = self.connection.execute(OF_KEY, {"in_route": self.route, "of_key": key}).first()
        return _entry(row) if row else None

    def answered(self, keys: Collection[str]) -> list[Entry]:
        """What was ever answered to questions under these keys, carried out or not."""
        rows = (self.connection.execute(UNDER, {"in_route": self.route, "keys": some}) for some in chunks([*keys]))
        return [_entry(row) for found in rows for row in found if row.answer]

    def counts(self) -> dict[str, int]:
        asked = self.connection.execute(COUNTS, {"in_route": self.route})
        return {**{kind.value: 0 for kind in ItemKind}, **dict(asked.all())}

    def _rows(self) -> Sequence[Row[Any]]:
        return self.connection.execute(ASKED, {"in_route": self.route}).all()

    def _renew(self, row: Row[Any] | None, item: Item) -> None:
        content = {"item": _item_json(item), "facts": dict(item.facts), "kind": item.kind.value}
        if row is None:
            fresh = {"route": self.route, "key": item.key, **content, "since": self.now, "changed_at": self.now}
            self.connection.execute(insert(INBOX), fresh)
            return
        if row.since > self.now:  # A clock that ran ahead asked it; for `status --fail-over` it would never be old.
            self._change(row.id, since=self.now)
        if (row.item, row.facts, row.kind) != tuple(content.values()):
            answered = row.answer is not None and row.answer.get("seen") == content["facts"]
            self._change(row.id, **content, state="answered" if answered else "open")

    def _change(self, item_id: int, **values: object) -> None:
        self.connection.execute(CHANGE, {"one": item_id, **values, "changed_at": self.now})


def _concerns(row: Row[Any], unknown: Collection[RecordRef]) -> bool:
    """A guard's item concerns the whole route, any other one its two records."""
    return bool(unknown) and (row.kind == ItemKind.GUARD or not _item(row).refs.isdisjoint(unknown))


def _decision(row: Row[Any]) -> Decision:
    return Decision(item_id=row.id, key=QuestionKey(row.key), **row.answer)


def _entry(row: Row[Any]) -> Entry:
    return Entry(row.id, row.route, row.state, _item(row), row.since, row.answer, row.changed_at)


def _item(row: Row[Any]) -> Item:
    return Item(**{**row.item, "kind": ItemKind(row.kind), "key": QuestionKey(row.key), "facts": row.facts})


def _item_json(item: Item) -> dict[str, Any]:
    return {key: value for key, value in asdict(item).items() if key not in ("kind", "facts")}
