"""Intents before remote writes, outcomes after them; and the calls that a vendor refused."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, func
from sqlalchemy import select as sa_select
from sqlmodel import Session, col, select

from procore_4hse.models import Act, Action, Kind, LinkState, Refusal, Side
from procore_4hse.store.tables import Instant, JournalRow, RefusalRow

FIRST_RETRY = timedelta(minutes=15)
LAST_RETRY = timedelta(hours=24)
RECENT = 300
"""So many of our latest writes are looked at again in each cycle."""
LATELY = timedelta(days=2)
"""What fails at all is tried much more often than this."""


@dataclass(frozen=True)
class Intent:
    """A remote write that was about to happen. `server_at` is the vendor's own clock at that moment."""

    id: str
    action: Action
    cycle: int
    before: dict[str, Any]
    server_at: datetime | None
    made_at: datetime
    outcome: str = "open"
    words: str = ""
    answer: dict[str, Any] | None = None
    ended_at: datetime | None = None
    looks: int = 0
    looked_at: datetime | None = None


class Journal:
    def __init__(self, session: Session, route: str, now: datetime) -> None:
        self.session, self.route, self.now = session, route, now

    def intend(self, action: Action, *, cycle: int, before: dict[str, Any], server_at: datetime | None) -> Intent:
        row = JournalRow(
            id=str(uuid.uuid4()),
            route=self.route,
            cycle=cycle,
            act=action.act.value,
            side=action.side.value,
            kind=action.kind.value,
            target_id=action.target_id,
            source_id=action.source_id,
            reason=action.reason,
            action=_action_json(action),
            fields=dict(action.fields),
            before=before,
            server_at=server_at,
            made_at=self.now,
        )
        self.session.add(row)
        return _intent(row)

    def end(
        self,
        intent_id: str,
        outcome: str,
        *,
        answer: dict[str, Any] | None = None,
        words: str = "",
        target_id: str | None = None,
    ) -> None:
        row = self.session.get_one(JournalRow, intent_id)
        row.outcome, row.answer, row.words, row.ended_at = outcome, dict(answer or {}), words, self.now
        row.target_id = target_id or row.target_id
        self.session.add(row)

    def send_instead(self, intent_id: str, fields: dict[str, Any]) -> None:
        """What is about to be sent after the first form was refused."""
        row = self.session.get_one(JournalRow, intent_id)
        row.fields, row.action = fields, {**row.action, "fields": fields}
        self.session.add(row)

    def looked(self, intent_id: str, server_at: datetime) -> None:
        row = self.session.get_one(JournalRow, intent_id)
        row.looks, row.looked_at = row.looks + 1, server_at
        self.session.add(row)

    def open(self) -> list[Intent]:
        """Intents without an outcome, oldest first."""
        rows = self.session.exec(
            select(JournalRow)
            .where(JournalRow.route == self.route, JournalRow.outcome == "open")
            .order_by(col(JournalRow.made_at), col(JournalRow.source_id), col(JournalRow.target_id))
        )
        return [_intent(row) for row in rows]

    def first_try(self, intent: Intent) -> str:
        """The id of the earliest lost create of the same record, or this intent's own."""
        rows = self.session.exec(
            select(JournalRow)
            .where(
                JournalRow.route == self.route,
                JournalRow.outcome == "lost",
                JournalRow.side == intent.action.side.value,
                JournalRow.source_id == intent.action.source_id,
            )
            .order_by(col(JournalRow.made_at))
        )
        same = [row.id for row in rows if row.action.get("generation") == intent.action.generation]
        return same[0] if same else intent.id

    def recent(self) -> list[Intent]:
        """The latest answered creates and updates whose values are still known, newest first."""
        rows = self.session.exec(
            select(JournalRow)
            .where(
                JournalRow.route == self.route,
                col(JournalRow.outcome).in_(("done", "adopted")),
                col(JournalRow.act).in_((Act.CREATE.value, Act.UPDATE.value)),
                col(JournalRow.purged_at).is_(None),
            )
            .order_by(col(JournalRow.ended_at).desc())
            .limit(RECENT)
        )
        return [_intent(row) for row in rows]

    def in_vain(self) -> frozenset[tuple[Side, str | None]]:
        """Sides and sources of writes whose latest try had no answer, or failed before it was sent."""
        failed = self._latest("lost", "abandoned")
        done = self._latest("done", "adopted", "refused", sources={source for _, source in failed}) if failed else {}
        return frozenset(key for key, made_at in failed.items() if key not in done or done[key] < made_at)

    def _latest(self, *outcomes: str, sources: Collection[str | None] = ()) -> dict[tuple[Side, str | None], datetime]:
        """When the latest write with one of these outcomes was made, by side and source."""
        by = (col(JournalRow.side), col(JournalRow.source_id))
        where = [col(JournalRow.route) == self.route, col(JournalRow.outcome).in_(outcomes)]
        where.append(col(JournalRow.made_at) >= self.now - LATELY)
        if sources:
            where.append(col(JournalRow.source_id).in_(sources))
        newest = func.max(JournalRow.made_at, type_=Instant)
        rows = self.session.execute(sa_select(*by, newest).where(*where).group_by(*by))
        return {(Side(side), source): made_at for side, source, made_at in rows}

    def lost(self) -> tuple[Action, ...]:
        """Creates of incidents that were looked for in vain; their vendor may still carry them out."""
        rows = self.session.exec(
            select(JournalRow).where(
                JournalRow.route == self.route,
                JournalRow.outcome == "lost",
                JournalRow.kind == Kind.INCIDENT.value,
            )
        )
        return tuple(_action(row.action) for row in rows)

    def story(self, *record_ids: str) -> list[Intent]:
        """Everything ever written for these records, oldest first."""
        rows = self.session.exec(
            select(JournalRow)
            .where(
                JournalRow.route == self.route,
                col(JournalRow.target_id).in_(record_ids) | col(JournalRow.source_id).in_(record_ids),
            )
            .order_by(col(JournalRow.made_at))
        )
        return [_intent(row) for row in rows]

    def refusals(self) -> dict[str, Refusal]:
        rows = self.session.exec(select(RefusalRow).where(RefusalRow.route == self.route))
        return {row.key: Refusal(row.key, Side(row.side), row.words, row.fingerprint, row.next_try) for row in rows}

    def refuse(self, key: str, side: Side, words: str, fingerprint: str) -> None:
        """Parks a refused call: tried again after a while, each time later, and whenever a side changes."""
        row = self.session.get(RefusalRow, (self.route, key))
        tries = row.tries + 1 if row is not None and row.fingerprint == fingerprint else 1
        pause = min(FIRST_RETRY * 2 ** (tries - 1), LAST_RETRY)
        self.session.merge(
            RefusalRow(
                route=self.route,
                key=key,
                side=side.value,
                words=words,
                fingerprint=fingerprint,
                tries=tries,
                next_try=self.now + pause,
            )
        )

    def forgive(self, key: str) -> None:
        self.session.execute(delete(RefusalRow).where(col(RefusalRow.route) == self.route, col(RefusalRow.key) == key))


def _intent(row: JournalRow) -> Intent:
    return Intent(
        id=row.id,
        action=replace(_action(row.action), target_id=row.target_id),
        cycle=row.cycle,
        before=row.before,
        server_at=row.server_at,
        made_at=row.made_at,
        outcome=row.outcome,
        words=row.words,
        answer=row.answer,
        ended_at=row.ended_at,
        looks=row.looks,
        looked_at=row.looked_at,
    )


def _action_json(action: Action) -> dict[str, Any]:
    return {
        "act": action.act.value,
        "side": action.side.value,
        "kind": action.kind.value,
        "target_id": action.target_id,
        "source_id": action.source_id,
        "reason": action.reason,
        "fields": dict(action.fields),
        "sources": {key: dict(value) for key, value in action.sources.items()},
        "seen": dict(action.seen),
        "generation": action.generation,
        "parent": action.parent,
        "then": action.then.value,
    }


def _action(data: dict[str, Any]) -> Action:
    words = {"act": Act(data["act"]), "side": Side(data["side"]), "kind": Kind(data["kind"])}
    return Action(**{**data, **words, "then": LinkState(data["then"])})
