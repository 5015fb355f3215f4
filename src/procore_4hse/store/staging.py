"""Raw records of both sides, as the vendors sent them last."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence, Set
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    String,
    and_,
    case,
    cast,
    delete,
    exists,
    func,
    or_,
    select,
    update,
)
from sqlalchemy import bindparam as given

from procore_4hse.models import Image, Kind, RawRecord, RecordRef, Side, Staged
from procore_4hse.store.inserts import chunks, insert_new
from procore_4hse.store.tables import LINKS, RECORDS, ROUTES

C = RECORDS.c
OF_SIDE = (C.route == given("in_route"), C.side == given("on_side"))
OF_KIND = (*OF_SIDE, C.kind == given("of_kind"))
OF_KINDS = (*OF_SIDE, C.kind.in_(given("of_kinds", expanding=True)))
ONE = (*OF_KIND, C.id == given("row_id"))
SOME = (*OF_KIND, C.id.in_(given("some", expanding=True)))

KNOWN: Select[Any] = select(C.id, C.digest, C.absent).where(*SOME)
BEFORE: Select[Any] = select(C.id, C.payload, C.absent, C.status_at, C.newest_at, C.fetched_at).where(*SOME)
PAYLOADS = select(C.id, C.payload).where(*SOME)
ENTRIES = select(C.kind, C.id, C.payload, C.parent_id).where(*OF_KINDS).order_by(C.kind, C.id)
SHOWN = (C.side, C.kind, C.id, C.parent_id, C.payload, C.absent, C.status_at, C.minimal, C.newest_at, C.pull)
"""What is told of a staged record; moments that nobody asks for would be read from their texts all the same."""
LISTED: Select[Any] = select(*SHOWN).where(*OF_KINDS).order_by(C.kind, C.id)
STATES: Select[Any] = (
    select(C.kind, C.id, C.parent_id, C.digest, C.absent, C.minimal, C.status_at, C.newest_at)
    .where(*OF_KINDS)
    .order_by(C.kind, C.id)
)
FREE: dict[Side, Select[Any]] = {
    side: select(C.id).where(
        *OF_KIND,
        ~exists().where(LINKS.c.route == C.route, LINKS.c.kind == C.kind, LINKS.c.removed.is_(False), column == C.id),
    )
    for side, column in ((Side.PROCORE, LINKS.c.procore_id), (Side.FOURHSE, LINKS.c.fourhse_id))
}
FOUND = select(RECORDS).where(*ONE)
WHOLE: Select[Any] = select(*SHOWN).where(*SOME)
# The kind is no plain column here and nothing is ordered: SQLite would rather read all incidents in that order than
# look for the few records below one.
BELOW: Select[Any] = select(*SHOWN).where(
    *OF_SIDE,
    C.parent_id.in_(given("incidents", expanding=True)),
    (C.kind + "").in_(given("of_kinds", expanding=True)),
)
PRESENT = select(RECORDS).where(*OF_KIND, C.absent.is_(False)).order_by(C.id.desc())
# Payloads are kept as ASCII, which PostgreSQL folds in half the time where it need not ask for a language's rules.
CONTENTS = cast(C.payload, String().with_variant(String(collation="C"), "postgresql"))
NEWEST = select(func.max(C.fetched_at)).where(*OF_KINDS, C.fetched_at <= given("now", type_=C.fetched_at.type))
COUNT = select(func.count()).select_from(RECORDS).where(*OF_KIND, C.absent.is_(False))
ABSENT = select(C.side, C.kind, C.id).where(C.route == given("in_route"), C.absent)
A_PRESENT_ONE = select(C.id).where(*OF_KIND, C.absent.is_(False)).order_by(C.id).limit(1)
A_ROW = select(C.id).where(*OF_KIND).limit(1)
STREAMED = {"yield_per": 1000}
"""A few rows in memory at a time, however many there are."""
LAST_PULL = select(ROUTES.c.pulls).where(ROUTES.c.key == given("in_route"))
CHANGE = update(RECORDS).where(*ONE)
NOT_ABSENT = select(C.kind, C.id).where(*OF_KINDS, or_(C.absent.is_(False), C.absent_at.is_(None)))
MISS = (
    update(RECORDS)
    .where(*SOME)
    .values(absent=True, absent_at=func.coalesce(C.absent_at, given("noticed_at", type_=C.absent_at.type)))
)
DROP, FORGET = delete(RECORDS).where(*OF_KIND, C.absent), delete(RECORDS).where(*ONE)


class Staging:
    def __init__(self, connection: Connection, route: str, now: datetime) -> None:
        self.connection, self.route, self.now = connection, route, now

    def put(
        self,
        records: Sequence[RawRecord],
        *,
        pull: int,
        minimal: frozenset[str],
        server_at: datetime,
        repeated: frozenset[str] = frozenset(),
    ) -> int:
        """Stages a page of one kind; returns how many records are new or changed. Ids in `minimal` have no contents.

        Members named in `repeated` tell of another record: one that changed in these alone is no newer than before.

        What is there already and shown unchanged is not written, so that a quiet cycle costs no write per record.
        """
        changed = 0
        for chunk in chunks(records):
            of_kind = self._of(chunk[0].side, chunk[0].kind)
            staged = {row.id: row for row in self.connection.execute(KNOWN, {**of_kind, "some": _ids(chunk)})}
            fresh = {record.id: record for record in chunk if not _is_as_staged(record, staged.get(record.id))}
            self._write(fresh, fresh.keys() & staged.keys(), pull, minimal, server_at, repeated)
            changed += len(fresh)
        return changed

    def put_one(self, record: RawRecord, *, server_at: datetime, minimal: bool = False) -> None:
        """Stages the record that a call of ours has just shown; it counts for the latest pull."""
        row = self._row(record.ref)
        hidden = frozenset({record.id} if minimal else ())
        known = frozenset({record.id} if row else ())
        self._write({record.id: record}, known, row.pull if row else self.last_pull(), hidden, server_at)

    def amend(self, record: RawRecord) -> None:
        """What a record shows that a listing did not hold; it stays absent."""
        values = {"payload": dict(record.payload), "digest": _digest(record.payload)}
        self.connection.execute(CHANGE, {**self._of(record.side, record.kind), "row_id": record.id, **values})

    def last_pull(self) -> int:
        """The number of the pull that began last; 0 before the first one."""
        newest: int | None = self.connection.execute(LAST_PULL, {"in_route": self.route}).scalar_one_or_none()
        return newest or 0

    def mark_absent(self, side: Side, shown: Mapping[Kind, Collection[str]]) -> None:
        """What certified listings did not hold is absent; that alone proves nothing. `shown` are the ids they held."""
        seen = {kind.value: ids for kind, ids in shown.items()}
        known = self.connection.execute(NOT_ABSENT, self._of_kinds(side, shown), execution_options=STREAMED)
        lost = [(kind, one) for kind, one in known if one not in seen[kind]]
        for kind in shown:
            for missing in chunks([one for of, one in lost if of == kind.value]):
                self.connection.execute(MISS, {**self._of(side, kind), "some": missing, "noticed_at": self.now})

    def drop_absent(self, side: Side, kind: Kind) -> None:
        self.connection.execute(DROP, self._of(side, kind))

    def forget(self, record: RecordRef) -> None:
        self.connection.execute(FORGET, {**self._of(record.side, record.kind), "row_id": record.id})

    def records(self, side: Side, kinds: Iterable[Kind]) -> list[tuple[Staged, int]]:
        """Every staged record of these kinds by its id, each with the number of the pull that brought it."""
        rows = self.connection.execute(LISTED, self._of_kinds(side, kinds))
        return [(_staged(row), row.pull) for row in rows]

    def states(self, side: Side, kinds: Iterable[Kind]) -> Iterator[Any]:
        """Kind, id, incident and what is told beside the contents of every such record, a few rows at a time."""
        yield from self.connection.execute(STATES, self._of_kinds(side, kinds), execution_options=STREAMED)

    def told(self, side: Side, kind: Kind, name: str) -> Iterator[tuple[str, Image]]:
        """One value of each record that is there and not kept home, by its id, without the rest of its contents."""
        question = select(C.id, C.payload[name]).where(*OF_KIND, C.absent.is_(False), C.minimal.is_(False))
        for one, value in self.connection.execute(question, self._of(side, kind), execution_options=STREAMED):
            yield one, {name: value}

    def unlinked(self, side: Side) -> list[str]:
        """The ids of this side's incidents that are in no link, whether or not the listing still held them."""
        return list(self.connection.execute(FREE[side], self._of(side, Kind.INCIDENT)).scalars())

    def entries(self, side: Side, *kinds: Kind) -> dict[Kind, list[RawRecord]]:
        """The rows of directories and word lists by their ids. They are hundreds, and read in every cycle."""
        found: dict[Kind, list[RawRecord]] = {kind: [] for kind in kinds}
        for kind, *entry in self.connection.execute(ENTRIES, self._of_kinds(side, kinds)):
            found[kind].append(RawRecord(side, Kind(kind), *entry))
        return found

    def around(self, side: Side, incidents: Collection[str], kinds: Iterable[Kind]) -> list[tuple[Staged, int]]:
        """These incidents of that side and the records of these kinds below them, as `records` gives them."""
        own, below = self._of(side, Kind.INCIDENT), self._of_kinds(side, kinds)
        rows: list[Row[Any]] = []
        for some in chunks([*incidents]):
            rows += self.connection.execute(WHOLE, {**own, "some": some})
            rows += self.connection.execute(BELOW, {**below, "incidents": some})
        return [(_staged(row), row.pull) for row in sorted(rows, key=_by_kind)]  # As all of them would come.

    def below(self, side: Side, incidents: Collection[str], kinds: Iterable[Kind]) -> list[Staged]:
        """The records of these kinds below these incidents, by kind and id."""
        of_kinds = self._of_kinds(side, kinds)
        found = (self.connection.execute(BELOW, {**of_kinds, "incidents": some}) for some in chunks([*incidents]))
        return [_staged(row) for row in sorted((row for rows in found for row in rows), key=_by_kind)]

    def private_among(self, ids: Collection[str]) -> frozenset[str]:
        """Which of these Procore incidents are marked private."""
        of_kind = self._of(Side.PROCORE, Kind.INCIDENT)
        found = (self.connection.execute(PAYLOADS, {**of_kind, "some": some}) for some in chunks([*ids]))
        # Told here and not by the database: whatever is no plain false counts, and a cast could fail on it.
        return frozenset(row.id for rows in found for row in rows if row.payload.get("private"))

    def holding(
        self, side: Side, several: Collection[Sequence[str]], at_most: int, first: Iterable[str] = ()
    ) -> list[RawRecord]:
        """Incidents that hold all words of one of several lists somewhere, whatever the case of plain letters.

        Those come first that hold the words as the whole of one of the values in `first`; then the highest id.
        """
        wholes = [" ".join(words).lower() for words in several]
        named = [(func.lower(cast(C.payload[name].as_string(), String)).in_(wholes), 0) for name in first]
        held = or_(*(and_(*map(_contains, sorted(words, key=_is_letters))) for words in several))
        # As a number: PostgreSQL takes any text for a rare one, and would sort all that hold it where few are wanted.
        found = (
            PRESENT.where(case((held, 1), else_=0) > 0)
            .order_by(None)
            .order_by(*([case(*named, else_=1)] if named else ()), C.id.desc())
            .limit(at_most)
        )
        return [_staged(row).record for row in self.connection.execute(found, self._of(side, Kind.INCIDENT))]

    def absent(self) -> frozenset[RecordRef]:
        """Records that a certified listing no longer held."""
        rows = self.connection.execute(ABSENT, {"in_route": self.route})
        return frozenset(RecordRef(Side(side), Kind(kind), record_id) for side, kind, record_id in rows)

    def one_present(self, side: Side, kind: Kind) -> str | None:
        """The id of some record that the latest listing held."""
        return self.connection.execute(A_PRESENT_ONE, self._of(side, kind)).scalar_one_or_none()

    def holds(self, side: Side, kind: Kind) -> bool:
        """Whether any record of this kind was ever listed and is known still."""
        return self.connection.execute(A_ROW, self._of(side, kind)).first() is not None

    def newest(self, side: Side, kinds: Iterable[Kind]) -> datetime | None:
        """When a record of these kinds was last new or changed in what is its own.

        A clock that ran ahead then is not believed.
        """
        words = {**self._of_kinds(side, kinds), "now": self.now}
        moment: datetime | None = self.connection.execute(NEWEST, words).scalar_one()
        return moment

    def find(self, record: RecordRef) -> Staged | None:
        row = self._row(record)
        return _staged(row) if row else None

    def some(self, side: Side, kind: Kind, ids: Collection[str]) -> list[Staged]:
        """Those of these records that are staged."""
        named = (self.connection.execute(WHOLE, {**self._of(side, kind), "some": some}) for some in chunks([*ids]))
        return [_staged(row) for rows in named for row in rows]

    def count(self, side: Side, kind: Kind) -> int:
        """Records that the latest listings still hold."""
        number: int = self.connection.execute(COUNT, self._of(side, kind)).scalar_one()
        return number

    def _of(self, side: Side, kind: Kind) -> dict[str, Any]:
        return {"in_route": self.route, "on_side": side.value, "of_kind": kind.value}

    def _of_kinds(self, side: Side, kinds: Iterable[Kind]) -> dict[str, Any]:
        return {"in_route": self.route, "on_side": side.value, "of_kinds": [kind.value for kind in kinds]}

    def _row(self, record: RecordRef) -> Row[Any] | None:
        return self.connection.execute(FOUND, {**self._of(record.side, record.kind), "row_id": record.id}).one_or_none()

    def _write(
        self,
        fresh: Mapping[str, RawRecord],
        known: Set[str],
        pull: int,
        minimal: frozenset[str],
        server_at: datetime,
        repeated: frozenset[str] = frozenset(),
    ) -> None:
        """What is new or changed, with everything that staging tells about it beside its contents."""
        before = self._before([fresh[record_id] for record_id in known])
        added, changed = [], []
        for record_id, record in fresh.items():
            row = before.get(record_id)
            values = self._values(record, pull, record_id in minimal)
            was = row.payload if row is not None else {}
            values |= _times(record.payload, row, was.get("status"), server_at)
            if row is not None and not row.absent and _without(repeated, was) == _without(repeated, record.payload):
                values["fetched_at"] = row.fetched_at
            if row is None:
                added.append({**self._name(record), **values})
            else:
                changed.append({**self._of(record.side, record.kind), "row_id": record_id, **values})
        if added:
            # Somebody who lost the lease may have staged a row meanwhile; the fence keeps one of the two commits out.
            insert_new(self.connection, RECORDS, added)
        if changed:
            self.connection.execute(CHANGE, changed)

    def _name(self, record: RawRecord) -> dict[str, str]:
        return {"route": self.route, "side": record.side.value, "kind": record.kind.value, "id": record.id}

    def _values(self, record: RawRecord, pull: int, minimal: bool) -> dict[str, Any]:
        return {
            "parent_id": record.parent_id,
            "payload": dict(record.payload),
            "digest": _digest(record.payload),
            "minimal": minimal,
            "pull": pull,
            "absent": False,
            "absent_at": None,
            "fetched_at": self.now,
        }

    def _before(self, records: Sequence[RawRecord]) -> dict[str, Row[Any]]:
        """What each of these records showed before, and when; moments are read from their texts, so of these alone."""
        if not records:
            return {}
        of_kind = self._of(records[0].side, records[0].kind)
        return {row.id: row for row in self.connection.execute(BEFORE, {**of_kind, "some": _ids(records)})}


def _without(names: frozenset[str], payload: Image) -> Image:
    return {name: value for name, value in payload.items() if name not in names}


def _ids(records: Iterable[RawRecord]) -> list[str]:
    return [record.id for record in records]


def _is_as_staged(record: RawRecord, row: Row[Any] | None) -> bool:
    return row is not None and not row.absent and row.digest == _digest(record.payload)


def _times(payload: Image, row: Row[Any] | None, status: object, server_at: datetime) -> dict[str, str | None]:
    """Since when the record has its status, which was `status` before, and the latest change date it ever showed."""
    shown = _change_date(payload)
    moved = row is None or row.status_at is None or status != payload.get("status")
    return {
        "status_at": str(shown or server_at.isoformat()) if row is None or moved else row.status_at,
        "newest_at": _later(row.newest_at if row else None, shown),
    }


def _contains(word: str) -> ColumnElement[bool]:
    # Payloads are kept as ASCII: a letter beyond it stands there as an escape.
    written = json.dumps(word)[1:-1].lower()
    return (func.lower(CONTENTS) if _is_letters(written) else CONTENTS).contains(written, autoescape=True)


def _is_letters(word: str) -> bool:
    """Whether its case could differ; a number or a day is looked for in less time, and before what is."""
    return word.lower() != word.upper()


def _by_kind(row: Row[Any]) -> tuple[str, str]:
    return row.kind, row.id


def _staged(row: Row[Any]) -> Staged:
    record = RawRecord(Side(row.side), Kind(row.kind), row.id, row.payload, row.parent_id)
    shown = _change_date(record.payload)
    return Staged(
        record,
        present=not row.absent,
        status_at=row.status_at,
        minimal=row.minimal,
        is_older=shown is not None and _later(shown, row.newest_at) != shown,
    )


def _change_date(payload: Image) -> str | None:
    """When the vendor says that the record was changed last; whatever is no instant says nothing."""
    shown = payload.get("updated_at")
    return shown if isinstance(shown, str) and _INSTANT.match(shown) else None


_INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:")


def _later(first: str | None, second: str | None) -> str | None:
    """The later of two change dates of one vendor, who writes them all in the same form."""
    return max(first or "", second or "") or None


def _digest(payload: object) -> str:
    return hashlib.sha256(json.dumps(payload, sort_keys=True, default=str).encode()).hexdigest()
