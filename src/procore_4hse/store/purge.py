"""What may be removed from one route's memory, and its removal: values go, facts stay."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, or_, update
from sqlmodel import Session, col, select

from procore_4hse.models import PEOPLE_RECORDS, Image, Kind, LinkState, Side
from procore_4hse.store.links import Links
from procore_4hse.store.tables import InboxRow, JournalRow, RecordRow, RefusalRow, TombstoneRow

CHUNK = 400
PURGED = "its values were purged"

Key = tuple[Side, Kind, str]
"""Names a raw record; ids of different kinds may be equal."""

SETTLED = (LinkState.IGNORED, LinkState.CLOSED_BY_POLICY)
"""The deletion was answered: nobody reads the deleted record any more, but the count still knows it as deleted."""
UNASKED = (*SETTLED, LinkState.ENDED)
TEXTS = ("title", "reason", "advice")
VALUES = ("procore_value", "fourhse_value", "base_value")


@dataclass(frozen=True)
class Told:
    """A write to a person's record: which records it concerns, and all values that it holds of them."""

    id: str
    is_open: bool
    records: tuple[Key, Key]
    images: tuple[Image, ...]


class Purge:
    def __init__(self, session: Session, route: str, now: datetime) -> None:
        self.session, self.route, self.now = session, route, now

    # What is old enough -------------------------------------------------------------------------------------------

    def old_records(self, before: datetime) -> tuple[list[Key], list[Key]]:
        """Records that were absent before and belong to nothing living: those to remove, and those to empty.

        An emptied one keeps its id, for its link still counts it as deleted.
        """
        states = self._states()
        rows = self.session.execute(
            select(RecordRow.side, RecordRow.kind, RecordRow.id, RecordRow.digest).where(
                RecordRow.route == self.route, col(RecordRow.absent), col(RecordRow.absent_at) < before
            )
        )
        keys = {(Side(side), Kind(kind), record_id): digest for side, kind, record_id, digest in rows}
        gone = [key for key in keys if states.get(key, LinkState.ENDED) is LinkState.ENDED]
        return gone, [key for key, digest in keys.items() if digest and states.get(key) in SETTLED]

    def old_intents(self, before: datetime) -> list[str]:
        """Writes that have their outcome. A create that was looked for in vain keeps what tells a late copy."""
        ended = func.coalesce(col(JournalRow.ended_at), col(JournalRow.made_at))
        return list(
            self.session.exec(
                select(JournalRow.id).where(
                    JournalRow.route == self.route,
                    col(JournalRow.purged_at).is_(None),
                    JournalRow.outcome != "open",
                    or_(col(JournalRow.outcome) != "lost", col(JournalRow.kind) != Kind.INCIDENT.value),
                    ended < before,
                )
            )
        )

    def old_items(self, before: datetime) -> list[int]:
        """Questions that are closed."""
        rows = self.session.exec(
            select(InboxRow.id).where(
                InboxRow.route == self.route,
                InboxRow.state == "closed",
                col(InboxRow.purged_at).is_(None),
                col(InboxRow.changed_at) < before,
            )
        )
        return [item_id for item_id in rows if item_id is not None]

    def old_stones(self, before: datetime) -> list[int]:
        """Last images of deleted records, but for those whose deletion a person is still asked about."""
        states = self._states()
        rows = self.session.execute(
            select(TombstoneRow.id, TombstoneRow.side, TombstoneRow.kind, TombstoneRow.record_id).where(
                TombstoneRow.route == self.route,
                col(TombstoneRow.purged_at).is_(None),
                col(TombstoneRow.seen_at) < before,
            )
        )
        asked = (LinkState.GONE_PROCORE, LinkState.GONE_FOURHSE)
        return [row[0] for row in rows if states.get((Side(row[1]), Kind(row[2]), row[3])) not in asked]

    def _states(self) -> dict[Key, LinkState]:
        """The state of every linked record's link; a person's record follows its incident."""
        links = Links(self.session, self.route, self.now).outline(Kind.INCIDENT, *PEOPLE_RECORDS)
        incidents = {link.procore_id: link.state for link in links if link.kind is Kind.INCIDENT}
        found: dict[Key, LinkState] = {}
        for link in links:
            above = incidents.get(link.parent, LinkState.ENDED) if link.parent else LinkState.LIVE
            state = link.state if above is LinkState.LIVE or link.state in UNASKED else above
            found |= {(side, link.kind.on(side), link.id_on(side)): state for side in Side}
        return found

    # What says something about somebody ---------------------------------------------------------------------------

    def told_of_people(self) -> Iterator[Told]:
        """Every write to a person's record whose values are still known."""
        kinds = [kind.value for kind in PEOPLE_RECORDS]
        rows = self.session.exec(
            select(JournalRow).where(
                JournalRow.route == self.route, col(JournalRow.kind).in_(kinds), col(JournalRow.purged_at).is_(None)
            )
        )
        for row in rows:
            side, kind = Side(row.side), Kind(row.kind)
            records = (side, kind.on(side), row.target_id or ""), (side.other, kind.on(side.other), row.source_id or "")
            images = (row.fields, row.before, row.answer, row.action["seen"], *row.action["sources"].values())
            yield Told(row.id, row.outcome == "open", records, images)

    def stones_of_people(self) -> list[tuple[int, Key, Image]]:
        kinds = [kind.value for kind in (*PEOPLE_RECORDS, Kind.PERSON)]
        rows = self.session.exec(
            select(TombstoneRow).where(
                TombstoneRow.route == self.route,
                col(TombstoneRow.kind).in_(kinds),
                col(TombstoneRow.purged_at).is_(None),
            )
        )
        return [(row.id or 0, (Side(row.side), Kind(row.kind), row.record_id), row.image) for row in rows]

    def purged_items(self) -> frozenset[int]:
        rows = self.session.exec(
            select(InboxRow.id).where(InboxRow.route == self.route, col(InboxRow.purged_at).is_not(None))
        )
        return frozenset(item_id for item_id in rows if item_id is not None)

    # Removal ------------------------------------------------------------------------------------------------------

    def remove_records(self, keys: Iterable[Key]) -> None:
        for key in keys:
            self.session.execute(delete(RecordRow).where(*self._of(key)))

    def empty_records(self, keys: Iterable[Key]) -> None:
        """Id and place stay; the next listing that holds the record fills it again."""
        for key in keys:
            self.session.execute(
                update(RecordRow.__table__)  # type: ignore[attr-defined]
                .where(*self._of(key))
                .values(payload={}, digest="")
            )

    def empty_intents(self, ids: Sequence[str]) -> None:
        self._each(JournalRow, ids, self._empty_intent)

    def empty_items(self, ids: Sequence[int]) -> None:
        self._each(InboxRow, ids, self._empty_item)

    def hush_items(self, ids: Sequence[int]) -> None:
        """What was asked goes; the answer stays in force."""
        self._each(InboxRow, ids, self._hush_item)

    def empty_stones(self, ids: Sequence[int]) -> None:
        self._each(TombstoneRow, ids, self._empty_stone)

    def hush_refusals(self, keys: Sequence[str]) -> None:
        """The vendor's words go; that the call was refused stays, so that it is not sent again at once."""
        self.session.execute(
            update(RefusalRow.__table__)  # type: ignore[attr-defined]
            .where(col(RefusalRow.route) == self.route, col(RefusalRow.key).in_(keys))
            .values(words="")
        )

    def _of(self, key: Key) -> tuple[Any, ...]:
        side, kind, record_id = key
        return (
            col(RecordRow.route) == self.route,
            col(RecordRow.side) == side.value,
            col(RecordRow.kind) == kind.value,
            col(RecordRow.id) == record_id,
        )

    def _each(self, table: Any, ids: Sequence[Any], change: Callable[[Any], None]) -> None:
        """A long journal never lies in memory as a whole."""
        for start in range(0, len(ids), CHUNK):
            for row in self.session.exec(select(table).where(col(table.id).in_(ids[start : start + CHUNK]))):
                change(row)
                row.purged_at = self.now
            self.session.flush()
            self.session.expunge_all()

    def _empty_intent(self, row: JournalRow) -> None:
        row.action = {**row.action, "fields": {}, "sources": {}, "seen": {}}
        row.fields, row.before, row.answer, row.words = {}, {}, {}, PURGED

    def _hush_item(self, row: InboxRow) -> None:
        row.item = {**row.item, **dict.fromkeys(TEXTS, ""), **dict.fromkeys(VALUES), "reason": PURGED}

    def _empty_item(self, row: InboxRow) -> None:
        self._hush_item(row)
        row.facts, row.answer, row.state = {}, None, "closed"

    def _empty_stone(self, row: TombstoneRow) -> None:
        row.image = {}
