"""What may be removed from one route's memory, and its removal: values go, facts stay."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Table, delete, func, or_, select, update
from sqlalchemy import bindparam as given

from procore_4hse.models import PEOPLE_RECORDS, Image, Kind, LinkState, RecordRef, Side
from procore_4hse.store.decisions import IN_FORCE, Outcome
from procore_4hse.store.inserts import chunks
from procore_4hse.store.links import Links
from procore_4hse.store.tables import DECISIONS, DESK_VIEWS, INBOX, JOURNAL, RECORDS, REFUSALS, STONES

CHUNK = 400
PURGED = "its values were purged"

SETTLED = (LinkState.IGNORED, LinkState.CLOSED_BY_POLICY)
"""The deletion was answered: nobody reads the deleted record any more, but the count still knows it as deleted."""
UNASKED = (*SETTLED, LinkState.ENDED)
TEXTS = ("title", "reason", "advice")
DATED = (
    (RECORDS, RECORDS.c.absent_at),
    (JOURNAL, JOURNAL.c.ended_at),
    (INBOX, INBOX.c.changed_at),
    (STONES, STONES.c.seen_at),
    (DECISIONS, DECISIONS.c.ended_at),
    (DESK_VIEWS, DESK_VIEWS.c.at),
)
"""From when the age of contents is counted."""
VALUES = ("procore_value", "fourhse_value", "base_value")


@dataclass(frozen=True)
class Told:
    """A write to a person's record: which records it concerns, and all values that it holds of them."""

    id: str
    is_open: bool
    records: tuple[RecordRef, RecordRef]
    images: tuple[Image, ...]


class Purge:
    def __init__(self, connection: Connection, route: str, now: datetime) -> None:
        self.connection, self.route, self.now = connection, route, now

    # What is old enough -------------------------------------------------------------------------------------------

    def old_records(self, before: datetime) -> tuple[list[RecordRef], list[RecordRef]]:
        """Records that were absent before and belong to nothing living: those to remove, and those to empty.

        An emptied one keeps its id, for its link still counts it as deleted.
        """
        states = self._states()
        old = select(RECORDS.c.side, RECORDS.c.kind, RECORDS.c.id, RECORDS.c.digest).where(
            RECORDS.c.route == self.route, RECORDS.c.absent, RECORDS.c.absent_at < before
        )
        rows = self.connection.execute(old)
        keys = {RecordRef(Side(side), Kind(kind), record_id): digest for side, kind, record_id, digest in rows}
        gone = [key for key in keys if states.get(key, LinkState.ENDED) is LinkState.ENDED]
        return gone, [key for key, digest in keys.items() if digest and states.get(key) in SETTLED]

    def old_intents(self, before: datetime) -> list[str]:
        """Writes that have their outcome. A create that was looked for in vain keeps what tells a late copy."""
        column = JOURNAL.c
        return self._ids(
            JOURNAL,
            column.outcome != "open",
            or_(column.outcome != "lost", column.kind != Kind.INCIDENT.value),
            func.coalesce(column.ended_at, column.made_at) < before,
        )

    def old_items(self, before: datetime) -> list[int]:
        """Questions that are closed."""
        return self._ids(INBOX, INBOX.c.state == "closed", INBOX.c.changed_at < before)

    def old_decisions(self, before: datetime) -> list[int]:
        """Decisions that are in force no more."""
        column = DECISIONS.c
        return self._ids(DECISIONS, column.outcome.not_in(IN_FORCE), column.ended_at < before)

    def old_stones(self, before: datetime) -> list[int]:
        """Last images of deleted records, but for those whose deletion a person is still asked about."""
        states = self._states()
        rows = self._unpurged(STONES, STONES.c.seen_at < before)
        asked = (LinkState.GONE_PROCORE, LinkState.GONE_FOURHSE)
        return [row.id for row in rows if states.get(_buried(row)) not in asked]

    def date_back(self) -> None:
        """What a clock that ran ahead has dated counts from now, or it would stay so much longer."""
        for table, column in DATED:
            ahead = (table.c.route == self.route, column > self.now)
            self.connection.execute(update(table).where(*ahead).values({column: self.now}))

    def old_views(self, before: datetime) -> list[int]:
        """Who opened which record with health data at the desk."""
        old = select(DESK_VIEWS.c.id).where(DESK_VIEWS.c.route == self.route, DESK_VIEWS.c.at < before)
        return list(self.connection.execute(old).scalars())

    def _states(self) -> dict[RecordRef, LinkState]:
        """The state of every linked record's link; a person's record follows its incident."""
        links = Links(self.connection, self.route, self.now).outline(Kind.INCIDENT, *PEOPLE_RECORDS)
        incidents = {link.procore_id: link.state for link in links if link.kind is Kind.INCIDENT}
        states: dict[RecordRef, LinkState] = {}
        for link in links:
            above = incidents.get(link.parent, LinkState.ENDED) if link.parent else LinkState.LIVE
            state = link.state if above is LinkState.LIVE or link.state in UNASKED else above
            states |= dict.fromkeys(link.refs, state)
        return states

    # What says something about somebody ---------------------------------------------------------------------------

    def told_of_people(self) -> Iterator[Told]:
        """Every write to a person's record whose values are still known."""
        kinds = [kind.value for kind in PEOPLE_RECORDS]
        rows = self._unpurged(JOURNAL, JOURNAL.c.kind.in_(kinds))
        for row in rows:
            side, kind = Side(row.side), Kind(row.kind)
            target = RecordRef(side, kind.on(side), row.target_id or "")
            source = RecordRef(side.other, kind.on(side.other), row.source_id or "")
            images = (row.fields, row.before, row.answer, row.action["seen"], *row.action["sources"].values())
            yield Told(row.id, row.outcome == "open", (target, source), images)

    def stones_of_people(self) -> list[tuple[int, RecordRef, Image]]:
        kinds = [kind.value for kind in (*PEOPLE_RECORDS, Kind.PERSON)]
        rows = self._unpurged(STONES, STONES.c.kind.in_(kinds))
        return [(row.id, _buried(row), row.image) for row in rows]

    def purged_items(self) -> frozenset[int]:
        purged = select(INBOX.c.id).where(INBOX.c.route == self.route, INBOX.c.purged_at.is_not(None))
        return frozenset(self.connection.execute(purged).scalars())

    def _ids(self, table: Table, *where: ColumnElement[bool]) -> list[Any]:
        ours = (table.c.route == self.route, table.c.purged_at.is_(None))
        return list(self.connection.execute(select(table.c.id).where(*ours, *where)).scalars())

    def _unpurged(self, table: Table, *where: ColumnElement[bool]) -> Iterable[Row[Any]]:
        ours = (table.c.route == self.route, table.c.purged_at.is_(None))
        return self.connection.execute(select(table).where(*ours, *where))

    # Removal ------------------------------------------------------------------------------------------------------

    def remove_records(self, keys: Iterable[RecordRef]) -> None:
        for key in keys:
            self.connection.execute(delete(RECORDS).where(*self._of(key)))

    def empty_records(self, keys: Iterable[RecordRef]) -> None:
        """Id and place stay; the next listing that holds the record fills it again."""
        for key in keys:
            self.connection.execute(update(RECORDS).where(*self._of(key)).values(payload={}, digest=""))

    def empty_intents(self, ids: Sequence[str]) -> None:
        self._each(JOURNAL, ids, _empty_intent)

    def empty_items(self, ids: Sequence[int]) -> None:
        self._each(INBOX, ids, _empty_item)

    def erase_items(self, ids: Sequence[int]) -> None:
        """What was asked goes; the answer stays in force."""
        self._each(INBOX, ids, _hush_item)

    def empty_decisions(self, ids: Sequence[int]) -> None:
        """Note, names and the record that was named go; that it was decided so, when and with what outcome stays."""
        self._each(DECISIONS, ids, _empty_decision)

    def erase_notes(self, ids: Sequence[int]) -> None:
        """Note and the record that was named go; who decided stays."""
        self._each(DECISIONS, ids, _hush_decision)

    def void_decisions(self, items: Sequence[int]) -> None:
        """Answers whose questions lost their values count no more."""
        column = DECISIONS.c
        ended = {"outcome": Outcome.VOID.value, "words": PURGED, "ended_at": self.now}
        for some in chunks(items):
            ours = (column.route == self.route, column.item_id.in_(some), column.outcome.in_(IN_FORCE))
            self.connection.execute(update(DECISIONS).where(*ours).values(ended))

    def erase_decider(self, names: Collection[str]) -> None:
        """The name of somebody who decided, or took a decision back, as they signed in."""
        for column in (DECISIONS.c.who, DECISIONS.c.ended_by):
            named = (DECISIONS.c.route == self.route, column.in_(names))
            self.connection.execute(update(DECISIONS).where(*named).values({column: ""}))

    def erase_viewer(self, names: Collection[str]) -> None:
        """Their name where they opened health data: that somebody did stays."""
        named = (DESK_VIEWS.c.route == self.route, DESK_VIEWS.c.who.in_(names))
        self.connection.execute(update(DESK_VIEWS).where(*named).values(who=""))

    def empty_stones(self, ids: Sequence[int]) -> None:
        self._each(STONES, ids, _empty_stone)

    def erase_refusals(self, keys: Sequence[str]) -> None:
        """The vendor's words go; that the call was refused stays, so that it is not sent again at once."""
        named = (REFUSALS.c.route == self.route, REFUSALS.c.key.in_(keys))
        self.connection.execute(update(REFUSALS).where(*named).values(words=""))

    def remove_views(self, ids: Sequence[int]) -> None:
        for some in chunks(ids):
            self.connection.execute(delete(DESK_VIEWS).where(DESK_VIEWS.c.id.in_(some)))

    def _of(self, key: RecordRef) -> tuple[ColumnElement[bool], ...]:
        named = {"route": self.route, "side": key.side.value, "kind": key.kind.value, "id": key.id}
        return tuple(RECORDS.c[name] == value for name, value in named.items())

    def _each(self, table: Table, ids: Sequence[Any], emptied: Callable[[Row[Any]], dict[str, Any]]) -> None:
        """A long journal never lies in memory as a whole."""
        change = update(table).where(table.c.id == given("row_id"))
        for start in range(0, len(ids), CHUNK):
            rows = self.connection.execute(select(table).where(table.c.id.in_(ids[start : start + CHUNK])))
            fresh = [{"row_id": row.id, **emptied(row), "purged_at": self.now} for row in rows]
            if fresh:
                self.connection.execute(change, fresh)


def _empty_intent(row: Row[Any]) -> dict[str, Any]:
    action = {**row.action, "fields": {}, "sources": {}, "seen": {}}
    return {"action": action, "fields": {}, "before": {}, "answer": {}, "words": PURGED}


def _hush_item(row: Row[Any]) -> dict[str, Any]:
    return {"item": {**row.item, **dict.fromkeys(TEXTS, ""), **dict.fromkeys(VALUES), "reason": PURGED}}


def _empty_item(row: Row[Any]) -> dict[str, Any]:
    return {**_hush_item(row), "facts": {}, "answer": None, "state": "closed"}


def _hush_decision(row: Row[Any]) -> dict[str, Any]:
    return {"note": "", "choice": {**row.choice, "with_id": None}}


def _empty_decision(row: Row[Any]) -> dict[str, Any]:
    return {**_hush_decision(row), "who": "", "ended_by": ""}


def _empty_stone(row: Row[Any]) -> dict[str, Any]:
    return {"image": {}}


def _buried(row: Row[Any]) -> RecordRef:
    """The deleted record that a tombstone is about."""
    return RecordRef(Side(row.side), Kind(row.kind), row.record_id)
