"""Intents before remote writes, outcomes after them; and the calls that a vendor refused."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, Select, delete, func, insert, or_, select, union, update
from sqlalchemy import bindparam as given

from procore_4hse.models import Act, Action, Kind, LinkState, QuestionKey, RecordRef, Refusal, Side
from procore_4hse.store import days
from procore_4hse.store.inserts import chunks, insert_new
from procore_4hse.store.tables import JOURNAL, REFUSALS, Instant
from procore_4hse.store.tallies import WRITES, Tallies

FIRST_RETRY = timedelta(minutes=15)
LAST_RETRY = timedelta(hours=24)
RECENT = 300
"""So many of our latest writes are looked at again in each cycle."""
LATELY = timedelta(days=2)
"""What fails at all is tried much more often than this."""

C = JOURNAL.c
OURS = C.route == given("in_route")
OPEN = select(JOURNAL).where(OURS, C.outcome == "open").order_by(C.made_at, C.source_id, C.target_id)
LOST = select(C.action).where(OURS, C.outcome == "lost", C.kind == Kind.INCIDENT.value)
LOST_OF = (
    select(C.id, C.action)
    .where(OURS, C.outcome == "lost", C.side == given("on_side"), C.source_id == given("source"))
    .order_by(C.cycle, C.made_at)
)
OTHER_CREATE = (
    select(C.id)
    .where(
        OURS,
        C.act == Act.CREATE.value,
        C.side == given("on_side"),
        C.source_id == given("source"),
        C.id != given("one"),
    )
    .limit(1)
)
ANSWERED = (
    select(JOURNAL)
    .where(
        OURS,
        C.outcome.in_(("done", "adopted")),
        C.act.in_((Act.CREATE.value, Act.UPDATE.value)),
        C.purged_at.is_(None),
    )
    .order_by(C.cycle.desc(), C.ended_at.desc())  # A cycle's number is no clock's: it never runs ahead.
    .limit(RECENT)
)
NAMED = JOURNAL.alias()
OF_RECORDS = (
    union(  # Two questions, for a database may use one index for each: an "or" makes SQLite read the whole route.
        *(
            select(NAMED.c.id).where(NAMED.c.route == given("in_route"), column.in_(given("records", expanding=True)))
            for column in (NAMED.c.source_id, NAMED.c.target_id)
        )
    )
)
CARRIED_OUT = ("done", "adopted")
"""The outcomes of a write that is there."""
EVER, NEVER = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
UNTIL = given("until", type_=Instant)
PAGE = (
    select(JOURNAL)
    .where(
        OURS,
        C.outcome == given("ended_as"),
        C.made_at >= given("since", type_=Instant),
        C.made_at <= UNTIL,
        or_(C.made_at < UNTIL, C.id < given("below")),
    )
    .order_by(C.made_at.desc(), C.id.desc())
    .limit(given("at_most"))
)
DAY = days.number_of(C.made_at)
WRITTEN = (
    select(C.side, DAY.label("day"), func.count().label("writes"))
    .where(
        OURS,
        C.outcome.in_(CARRIED_OUT),
        C.act.in_([act.value for act in (Act.CREATE, Act.UPDATE, Act.DELETE, Act.RESTORE)]),
        C.made_at >= given("since", type_=Instant),
    )
    .group_by(C.side, DAY)
)
BEGUN = select(JOURNAL).where(C.id >= given("first"), C.id < given("last")).limit(2)
UNDOING = select(C.id, C.outcome, C.action["undoes"].as_string().label("undoes")).where(
    OURS, C.target_id.in_(given("records", expanding=True))
)
SENT = (
    select(C.target_id, C.outcome, C.action)
    .where(
        OURS,
        C.side == given("on_side"),
        C.kind == given("of_kind"),
        C.outcome.in_(CARRIED_OUT),
        C.target_id.in_(given("records", expanding=True)),
    )
    .order_by(C.cycle, C.made_at)
)
STORY = select(JOURNAL).where(C.id.in_(OF_RECORDS)).order_by(C.made_at)
ONE, CHANGE = C.id == given("one"), update(JOURNAL).where(C.id == given("one"))
END = CHANGE.returning(C.side, C.act)
LOOKED = CHANGE.values(looks=C.looks + 1, looked_at=given("seen_at", type_=Instant))
REFUSED = select(REFUSALS).where(REFUSALS.c.route == given("in_route"))
COLUMNS = ("act", "side", "kind", "target_id", "source_id", "reason", "fields")
"""What of an action can be asked for."""
ITS_REFUSAL = (REFUSALS.c.route == given("in_route"), REFUSALS.c.key == given("of_key"))


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
    is_purged: bool = False
    """Its values were removed."""


class Journal:
    def __init__(self, connection: Connection, route: str, now: datetime) -> None:
        self.connection, self.route, self.now = connection, route, now

    def intend(self, action: Action, *, cycle: int, before: dict[str, Any], server_at: datetime | None) -> Intent:
        intent = Intent(str(uuid.uuid4()), action, cycle, before, server_at, self.now)
        whole = _action_json(action)
        columns = {"action": whole, **{column: whole[column] for column in COLUMNS}}
        moment = {"cycle": cycle, "before": before, "server_at": server_at, "made_at": self.now, "answer": {}}
        self.connection.execute(insert(JOURNAL), {"id": intent.id, "route": self.route, **columns, **moment})
        return intent

    def end(
        self,
        intent_id: str,
        outcome: str,
        *,
        answer: dict[str, Any] | None = None,
        words: str = "",
        target_id: str | None = None,
    ) -> None:
        columns = {"outcome": outcome, "answer": dict(answer or {}), "words": words, "ended_at": self.now}
        known = {"target_id": target_id} if target_id else {}
        ended = self.connection.execute(END, {"one": intent_id, **columns, **known}).one()
        Tallies(self.connection).add(self.route, {(WRITES, f"{ended.side}/{ended.act}/{outcome}"): 1})

    def send_instead(self, intent_id: str, fields: dict[str, Any]) -> None:
        """What is about to be sent after the first form was refused."""
        action = self.connection.execute(select(C.action).where(ONE), {"one": intent_id}).scalar_one()
        self._change(intent_id, fields=fields, action={**action, "fields": fields})

    def looked(self, intent_id: str, server_at: datetime) -> None:
        self.connection.execute(LOOKED, {"one": intent_id, "seen_at": server_at})

    def open(self) -> list[Intent]:
        """Intents without an outcome, oldest first."""
        return [_intent(row) for row in self._rows(OPEN)]

    def written(self, since: datetime) -> dict[tuple[date, Side], int]:
        """How many writes were carried out in each system on each day in UTC since then."""
        rows = self.connection.execute(WRITTEN, {"in_route": self.route, "since": since})
        return {(days.day_of(row.day), Side(row.side)): row.writes for row in rows}

    def first_try(self, intent: Intent) -> str:
        """The id of the earliest lost create of the same record, or this intent's own."""
        rows = self._rows(LOST_OF, on_side=intent.action.side.value, source=intent.action.source_id)
        same = [row.id for row in rows if row.action.get("generation") == intent.action.generation]
        return same[0] if same else intent.id

    def tried_before(self, intent: Intent) -> bool:
        """Whether any other create was ever begun on that side from the same record."""
        same = {"on_side": intent.action.side.value, "source": intent.action.source_id, "one": intent.id}
        return bool(self._rows(OTHER_CREATE, **same))

    def recent(self) -> list[Intent]:
        """The latest answered creates and updates whose values are still known, newest first."""
        return [_intent(row) for row in self._rows(ANSWERED)]

    def in_vain(self) -> frozenset[RecordRef]:
        """Sources of writes whose latest try had no answer, or failed before it was sent."""
        failed = self._latest("lost", "abandoned")
        done = self._latest("done", "adopted", "refused", sources={source.id for source in failed}) if failed else {}
        return frozenset(key for key, made_at in failed.items() if key not in done or done[key] < made_at)

    def _latest(self, *outcomes: str, sources: Collection[str] = ()) -> dict[RecordRef, datetime]:
        """When the latest write with one of these outcomes was made, by its source."""
        where = [C.route == self.route, C.outcome.in_(outcomes), C.made_at.between(self.now - LATELY, self.now)]
        where += [C.source_id.in_(sources)] if sources else []
        newest = func.max(C.made_at, type_=Instant)
        by = (C.side, C.kind, C.source_id)
        rows = self.connection.execute(select(*by, newest).where(*where).group_by(*by))
        return {_source(Side(side), Kind(kind), source): made_at for side, kind, source, made_at in rows}

    def lost(self) -> tuple[Action, ...]:
        """Creates of incidents that were looked for in vain; their vendor may still carry them out."""
        return tuple(_action(row.action) for row in self._rows(LOST))

    def story(self, *record_ids: str) -> list[Intent]:
        """Everything ever written for these records, oldest first."""
        return [_intent(row) for row in self._rows(STORY, records=list(record_ids))]

    def page(
        self, *, since: datetime | None = None, before: tuple[datetime, str] | None = None, at_most: int = 200
    ) -> list[Intent]:
        """The latest writes that were carried out, newest first; `before` names the last one of the page before."""
        until, below = before or (NEVER, "")
        words = {"since": since or EVER, "until": until, "below": below, "at_most": at_most}
        # One question for each outcome, for an index leads to each of them in the order of time.
        rows = [_intent(row) for outcome in CARRIED_OUT for row in self._rows(PAGE, ended_as=outcome, **words)]
        return sorted(rows, key=lambda intent: (intent.made_at, intent.id), reverse=True)[:at_most]

    def beginning(self, start: str) -> list[Intent]:
        """The writes whose id begins so; two at most, for more than one is none in particular."""
        rows = self._rows(BEGUN, first=start, last=f"{start}g")  # Ids are hexadecimal.
        return [_intent(row) for row in rows if row.route == self.route]

    def undone(self, target_ids: Collection[str]) -> dict[str, str]:
        """Which write on these records took back which earlier one: its id, by what it undoes."""
        found = (self._rows(UNDOING, records=some) for some in chunks(list(dict.fromkeys(target_ids))))
        return {row.undoes: row.id for rows in found for row in rows if row.undoes and row.outcome in CARRIED_OUT}

    def last_sent(self, side: Side, field: str, name: str, incident_ids: Collection[str]) -> dict[str, Any]:
        """The value of `name` that we sent last for a row of the mapping, by incident.

        What was only put back is no value of ours: it is taken from no other side, as when a write is taken back, or
        the incident was made again with what it held. Nor is what was only found there after an answer was lost, for
        a person may have entered the same; but a record that bears the id we sent was made by us.
        """
        sent: dict[str, Any] = {}
        for some in chunks(list(dict.fromkeys(incident_ids))):
            for row in self._rows(SENT, on_side=side.value, of_kind=Kind.INCIDENT.value, records=some):
                action = row.action
                if name in action["fields"]:
                    is_known = row.outcome == "done" or row.target_id in action["fields"].values()
                    is_ours = is_known and field in action["sources"] and not action["generation"]
                    sent[row.target_id] = action["fields"][name] if is_ours else None
        return {incident: value for incident, value in sent.items() if value is not None}

    def refusals(self) -> dict[QuestionKey, Refusal]:
        keyed = ((QuestionKey(row.key), row) for row in self._rows(REFUSED))
        return {
            key: Refusal(key, Side(row.side), row.words, row.fingerprint, self._due(row.next_try)) for key, row in keyed
        }

    def _due(self, next_try: datetime) -> datetime | None:
        """None, which is now, when only a clock that ran ahead can have set it so late."""
        return next_try if next_try <= self.now + LAST_RETRY else None

    def refuse(self, key: str, side: Side, words: str, fingerprint: str) -> None:
        """Parks a refused call: tried again after a while, each time later, and whenever a side changes."""
        known = next(iter(self._rows(select(REFUSALS).where(*ITS_REFUSAL), of_key=key)), None)
        tries = known.tries + 1 if known is not None and known.fingerprint == fingerprint else 1
        # A doubling more than this many would only make numbers that no clock can show.
        pause = min(FIRST_RETRY * 2 ** min(tries - 1, 10), LAST_RETRY)
        columns: dict[str, object] = {"side": side.value, "words": words, "fingerprint": fingerprint}
        columns |= {"tries": tries, "next_try": self.now + pause}
        if insert_new(self.connection, REFUSALS, {"route": self.route, "key": key, **columns}) == 0:
            named = {"in_route": self.route, "of_key": key}
            self.connection.execute(update(REFUSALS).where(*ITS_REFUSAL), {**named, **columns})

    def forgive(self, key: str) -> None:
        self.connection.execute(delete(REFUSALS).where(*ITS_REFUSAL), {"in_route": self.route, "of_key": key})

    def _rows(self, question: Select[Any], **words: object) -> Sequence[Row[Any]]:
        return self.connection.execute(question, {"in_route": self.route, **words}).all()

    def _change(self, intent_id: str, **values: object) -> None:
        self.connection.execute(CHANGE, {"one": intent_id, **values})


def _source(side: Side, kind: Kind, source_id: str | None) -> RecordRef:
    """The record that a write to this side was made from."""
    return RecordRef(side.other, kind.on(side.other), source_id or "")


def _intent(row: Row[Any]) -> Intent:
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
        is_purged=row.purged_at is not None,
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
        "predecessor": action.predecessor,
        "successor": action.successor,
        "undoes": action.undoes,
    }


def _action(data: dict[str, Any]) -> Action:
    words = {"act": Act(data["act"]), "side": Side(data["side"]), "kind": Kind(data["kind"])}
    return Action(**{**data, **words, "then": LinkState(data["then"])})
