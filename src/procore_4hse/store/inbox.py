"""What waits for a person, and what they answered."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from procore_4hse.models import Item, ItemKind, Ruling, Side
from procore_4hse.store.tables import InboxRow


@dataclass(frozen=True)
class Entry:
    """An item with its number and its age."""

    id: int
    route: str
    state: str
    item: Item
    since: datetime
    answer: dict[str, Any] | None = None


class Inbox:
    def __init__(self, session: Session, route: str, now: datetime) -> None:
        self.session, self.route, self.now = session, route, now

    def keep(self, items: Iterable[Item], relying: Collection[str], unheard: Collection[tuple[Side, str]] = ()) -> None:
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
            if key not in wanted and key not in relying and not _concerns(row, unheard):
                self._set(row, "closed")

    def add(self, item: Item) -> None:
        """Opens one item anew, whatever was answered before, and leaves the others alone."""
        row = next((row for row in self._rows() if row.key == item.key), None)
        self._renew(row, item)
        if row is not None:
            row.answer = None
            self._set(row, "open")

    def close(self, *keys: str) -> None:
        for row in self._rows():
            if row.key in keys:
                self._set(row, "closed")

    def answer(self, item_id: int, answer: dict[str, Any]) -> None:
        row = self.session.get_one(InboxRow, item_id)
        row.answer = {**answer, "seen": row.facts}
        self._set(row, "answered")

    def withdraw(self, item_id: int) -> None:
        """Takes an answer back; the item is open again."""
        row = self.session.get_one(InboxRow, item_id)
        row.answer = None
        self._set(row, "open")

    def rulings(self) -> dict[str, Ruling]:
        return {row.key: Ruling(item_id=row.id or 0, key=row.key, **row.answer) for row in self._rows() if row.answer}

    def entries(self, *, states: tuple[str, ...] = ("open",)) -> list[Entry]:
        rows = self.session.exec(
            select(InboxRow)
            .where(InboxRow.route == self.route, col(InboxRow.state).in_(states))
            .order_by(col(InboxRow.id))
        )
        return [_entry(row) for row in rows]

    def find(self, item_id: int) -> Entry | None:
        row = self.session.get(InboxRow, item_id)
        return _entry(row) if row and row.route == self.route else None

    def counts(self) -> dict[str, int]:
        counts = {kind.value: 0 for kind in ItemKind}
        for entry in self.entries():
            counts[entry.item.kind.value] += 1
        return counts

    def _rows(self) -> list[InboxRow]:
        return list(self.session.exec(select(InboxRow).where(InboxRow.route == self.route, InboxRow.state != "closed")))

    def _renew(self, row: InboxRow | None, item: Item) -> None:
        texts, facts = _item_json(item), dict(item.facts)
        if row is None:
            row = InboxRow(
                route=self.route,
                kind=item.kind.value,
                key=item.key,
                item=texts,
                facts=facts,
                since=self.now,
                changed_at=self.now,
            )
            self.session.add(row)
            return
        if (row.item, row.facts, row.kind) == (texts, facts, item.kind.value):
            return
        answered = row.answer is not None and row.answer.get("seen") == facts
        row.item, row.facts, row.kind = texts, facts, item.kind.value
        self._set(row, "answered" if answered else "open")

    def _set(self, row: InboxRow, state: str) -> None:
        row.state, row.changed_at = state, self.now
        self.session.add(row)


def _concerns(row: InboxRow, unheard: Collection[tuple[Side, str]]) -> bool:
    """A guard's item concerns the whole route, any other one its two records."""
    about = {(side, row.item.get(f"{side.value}_id")) for side in Side}
    return bool(unheard) and (row.kind == ItemKind.GUARD or not about.isdisjoint(unheard))


def _entry(row: InboxRow) -> Entry:
    item = Item(**{**row.item, "kind": ItemKind(row.kind), "facts": row.facts})
    return Entry(row.id or 0, row.route, row.state, item, row.since, row.answer)


def _item_json(item: Item) -> dict[str, Any]:
    return {key: value for key, value in asdict(item).items() if key not in ("kind", "facts")}
