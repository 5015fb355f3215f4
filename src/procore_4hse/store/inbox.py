"""What waits for a person, and what they answered."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, String, case, cast, func, insert, or_, select, type_coerce, update
from sqlalchemy import bindparam as given

from procore_4hse.models import Decision, Item, ItemKind, QuestionKey, RecordRef
from procore_4hse.store.decisions import Decider, Decisions, Outcome
from procore_4hse.store.inserts import chunks
from procore_4hse.store.tables import INBOX, Instant

C = INBOX.c
ASKED = select(INBOX).where(C.route == given("in_route"), C.state.in_(("open", "answered")))
ANSWERED = ASKED.where(cast(C.answer, String) != "null")
OF_KEY = ASKED.where(C.key == given("of_key"))
COUNTS = select(C.kind, func.count()).where(C.route == given("in_route"), C.state == "open").group_by(C.kind)
IN_STATES = (
    select(INBOX).where(C.route == given("in_route"), C.state.in_(given("states", expanding=True))).order_by(C.id)
)
MATCHES = select(INBOX).where(C.route == given("in_route"), C.state == "open", C.kind == ItemKind.MATCH.value)
IN_SIGHT = case((or_(C.snoozed_until.is_(None), C.snoozed_until <= given("now", type_=Instant)), C.since))
STANDING = (
    select(
        C.route,
        C.kind,
        func.count().label("count"),
        type_coerce(func.min(IN_SIGHT), Instant).label("oldest"),
        func.max(C.id).label("newest"),
    )
    .where(C.route.in_(given("routes", expanding=True)), C.state == "open")
    .group_by(C.route, C.kind)
)
UNDER = select(INBOX).where(
    C.route == given("in_route"), C.state.in_(("answered", "closed")), C.key.in_(given("keys", expanding=True))
)
CLOSE = update(INBOX).where(
    C.route == given("in_route"), C.state.in_(("open", "answered")), C.key.in_(given("keys", expanding=True))
)
SPANS = select(C.since, C.changed_at, C.state).where(
    C.route == given("in_route"), or_(C.state != "closed", C.changed_at >= given("from_then", type_=C.changed_at.type))
)
ONE, CHANGE = select(INBOX).where(C.id == given("one")), update(INBOX).where(C.id == given("one"))

UNNAMED = Decider("", "")
MOVED = "what it shows has changed since"
ASKED_ANEW = "it was asked anew"


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
    snoozed_until: datetime | None = None
    """A person wants to see it again from then on."""
    of_backfill: bool = False
    """Whether a backfill asked it."""

    def is_snoozed(self, now: datetime) -> bool:
        return self.snoozed_until is not None and now < self.snoozed_until


@dataclass(frozen=True)
class Waiting:
    """How many questions of one kind stand open on a route. `oldest`: since when, but for those put off until later."""

    route: str
    kind: str
    count: int
    oldest: datetime | None
    newest: int
    """The highest number among them."""


def waiting(connection: Connection, routes: Sequence[str], now: datetime) -> list[Waiting]:
    """What stands open on all these routes together."""
    asked = (connection.execute(STANDING, {"routes": some, "now": now}) for some in chunks(routes))
    return [Waiting(**row._mapping) for found in asked for row in found]


class Inbox:
    def __init__(self, connection: Connection, route: str, now: datetime) -> None:
        self.connection, self.route, self.now = connection, route, now
        self.record = Decisions(connection, route, now)

    def keep(
        self,
        items: Iterable[Item],
        answers_in_use: Collection[QuestionKey],
        unknown: Collection[RecordRef] = (),
        left_to_backfills: Collection[RecordRef] = (),
    ) -> list[QuestionKey]:
        """Opens what is new, renews what is known, and closes whatever has lost its cause.

        Gives the answered ones that it closed: what became of those answers is for the caller to find out.

        What concerns records in `unknown` stays as it is: nobody can tell now whether its cause is gone. So does what
        a backfill asked about a record that is left to backfills; an answer that counts no more leaves it open again.

        An answer holds for the facts it was given to; when they moved, the item is asked again, and what was
        answered before stays with it.
        """
        wanted = {item.key: item for item in items}
        rows = self.renew(wanted.values(), answers_in_use)
        over = [row for key, row in rows.items() if key not in wanted and key not in answers_in_use]
        kept = {row.id for row in over if row.of_backfill and not _item(row).refs.isdisjoint(left_to_backfills)}
        for row in over:
            if row.id in kept and row.state == "answered" and row.kind == ItemKind.MATCH:
                self._change(row.id, state="open")  # An answer that still counts would be in use.
                self.record.end([QuestionKey(row.key)], Outcome.VOID, words=MOVED)
        closed = [row for row in over if row.id not in kept and not _concerns(row, unknown)]
        for row in closed:
            self._change(row.id, state="closed")
        return [QuestionKey(row.key) for row in closed if row.state == "answered"]

    def renew(self, items: Iterable[Item], answers_in_use: Collection[QuestionKey]) -> dict[str, Row[Any]]:
        """Opens what is new and renews what is known, as `keep` does, and closes nothing; the rows as they were."""
        rows = {row.key: row for row in self._rows()}
        for item in items:
            self._renew(rows.get(item.key), item)
        in_use = [QuestionKey(key) for key in answers_in_use if key in rows]
        for key in in_use:
            if rows[key].state == "open":  # What moved is back as it was, and so is the answer.
                self.record.revive(key)
        self.record.use(in_use)
        return rows

    def add(
        self,
        item: Item,
        *,
        outcome: Outcome = Outcome.VOID,
        words: str = ASKED_ANEW,
        of_backfill: bool = False,
    ) -> int:
        """Opens one item anew, whatever was answered before, and leaves the others alone. Returns its number.

        `outcome` and `words` say what became of an answer that was in force.
        """
        row = self.connection.execute(OF_KEY, {"in_route": self.route, "of_key": item.key}).first()
        if row is not None and row.state == "answered":
            self.record.end([item.key], outcome, words=words)
        self._renew(row, item, of_backfill=of_backfill)
        if row is not None:
            self._change(row.id, answer=None, state="open", of_backfill=of_backfill)
            return int(row.id)
        return int(self.connection.execute(OF_KEY, {"in_route": self.route, "of_key": item.key}).one().id)

    def asked_by_backfills(self) -> list[Entry]:
        """What a backfill asked and nobody has settled."""
        return [_entry(row) for row in self._rows() if row.of_backfill]

    def close(self, *keys: str) -> None:
        content = {"state": "closed", "changed_at": self.now}
        self.connection.execute(CLOSE, {"in_route": self.route, "keys": keys, **content})

    def answer(self, item_id: int, answer: dict[str, Any], by: Decider = UNNAMED, note: str = "") -> None:
        """Keeps the answer, with what the item shows now."""
        item = _item(self.connection.execute(ONE, {"one": item_id}).one())
        self._change(item_id, answer={**answer, "seen": dict(item.facts), "shown": item.shown}, state="answered")
        self.record.add(item_id, item, answer, by, note)

    def withdraw(self, item_id: int, by: Decider = UNNAMED, *, void: str = "") -> None:
        """The answer counts no more, and the item is open again. `void` says why when no person takes it back."""
        key = QuestionKey(self.connection.execute(ONE, {"one": item_id}).one().key)
        self._change(item_id, answer=None, state="open")
        self.record.end([key], Outcome.VOID if void else Outcome.TAKEN_BACK, words=void, by=by.who)

    def snooze(self, item_id: int, until: datetime) -> None:
        """Out of sight until then, or until its cause moves."""
        self.connection.execute(CHANGE, {"one": item_id, "snoozed_until": until})

    def decisions(self) -> dict[QuestionKey, Decision]:
        rows = self.connection.execute(ANSWERED, {"in_route": self.route})
        return {QuestionKey(row.key): _decision(row) for row in rows if row.answer}

    def decision(self, key: QuestionKey) -> Decision | None:
        """What was answered to one question."""
        row = self.connection.execute(OF_KEY, {"in_route": self.route, "of_key": key}).first()
        return _decision(row) if row and row.answer else None

    def matches(self) -> list[Entry]:
        """The open questions whether two are one."""
        return [_entry(row) for row in self.connection.execute(MATCHES, {"in_route": self.route})]

    def entries(self, *, states: tuple[str, ...] = ("open",)) -> list[Entry]:
        rows = self.connection.execute(IN_STATES, {"in_route": self.route, "states": states})
        return [_entry(row) for row in rows]

    def spans(self, since: datetime) -> list[tuple[datetime, datetime | None]]:
        """From when until when each question stood that was not closed by then; None of one that still stands."""
        rows = self.connection.execute(SPANS, {"in_route": self.route, "from_then": since})
        return [(row.since, row.changed_at if row.state == "closed" else None) for row in rows]

    def find(self, item_id: int, *, to_answer: bool = False) -> Entry | None:
        """`to_answer`: nobody else answers it before this transaction ends."""
        row = self.connection.execute(ONE.with_for_update() if to_answer else ONE, {"one": item_id}).one_or_none()
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

    def _renew(self, row: Row[Any] | None, item: Item, *, of_backfill: bool = False) -> None:
        content = {"item": _item_json(item), "facts": dict(item.facts), "kind": item.kind.value}
        if row is None:
            times = {"since": self.now, "changed_at": self.now}
            fresh = {"route": self.route, "key": item.key, **content, **times, "of_backfill": of_backfill}
            self.connection.execute(insert(INBOX), fresh)
            return
        if row.since > self.now:  # A clock that ran ahead asked it; for `status --fail-over` it would never be old.
            self._change(row.id, since=self.now)
        if row.snoozed_until is not None and _item(row).shown != item.shown:
            self._change(row.id, snoozed_until=None)
        if (row.item, row.facts, row.kind) != tuple(content.values()):
            answered = row.answer is not None and row.answer.get("seen") == content["facts"]
            self._change(row.id, **content, state="answered" if answered else "open")
            if answered and row.state == "open":
                self.record.revive(item.key)
            elif row.state == "answered" and not answered:
                self.record.end([item.key], Outcome.VOID, words=MOVED)

    def _change(self, item_id: int, **values: object) -> None:
        self.connection.execute(CHANGE, {"one": item_id, **values, "changed_at": self.now})


def _concerns(row: Row[Any], unknown: Collection[RecordRef]) -> bool:
    """A guard's item concerns the whole route, any other one its two records."""
    return bool(unknown) and (row.kind == ItemKind.GUARD or not _item(row).refs.isdisjoint(unknown))


def _decision(row: Row[Any]) -> Decision:
    return Decision(item_id=row.id, key=QuestionKey(row.key), **row.answer)


def _entry(row: Row[Any]) -> Entry:
    state = (row.answer, row.changed_at, row.snoozed_until, row.of_backfill)
    return Entry(row.id, row.route, row.state, _item(row), row.since, *state)


def _item(row: Row[Any]) -> Item:
    return Item(**{**row.item, "kind": ItemKind(row.kind), "key": QuestionKey(row.key), "facts": row.facts})


def _item_json(item: Item) -> dict[str, Any]:
    return {key: value for key, value in asdict(item).items() if key not in ("kind", "facts")}
