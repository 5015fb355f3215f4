"""Our own writes, looked at again: one that vanishes by itself, and many that vanish at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import takewhile
from typing import Any

from procore_4hse.mapping.lenses.base import Held
from procore_4hse.mapping.rules import Field
from procore_4hse.models import Act, Action, Image, Kind, Link, Side
from procore_4hse.reconcile.snapshot import Presence, Record

Lookup = Callable[[Link, Side], Record | None]

WINDOW = timedelta(hours=24)
VANISHES = 2
"""So often within the window may a value go back by itself before its field is frozen."""
REGRESS = 3
"""Links whose changes are all gone at once: the vendor was restored from a backup."""


class WriteState(StrEnum):
    STANDS = "stands"
    """What we wrote is there, or a person has changed it since."""
    GONE = "gone"
    """The record shows again what it showed before our write, or our new record is not there."""


@dataclass(frozen=True)
class Written:
    """A change that the journal knows, on one side, and what has become of it. `field` is None for a new record.

    A write of ours is told twice: on its target (`ours`), and on the side whose edit it carried.
    """

    at: datetime
    side: Side
    link: str
    field: str | None
    state: WriteState
    ours: bool = True
    cycle: int = 0
    """The cycle that wrote it: their numbers tell what came later, whatever the clock did in between."""


def retold(
    action: Action,
    at: datetime,
    link: Link,
    rows: Iterable[Field],
    records: Mapping[Side, Record | None],
    cycle: int = 0,
) -> Iterator[Written]:
    """What both sides show now of a write that was answered."""
    for side in Side:
        record, ours = records[side], side is action.side
        if record is None:
            continue
        there = record.presence in (Presence.PRESENT, Presence.UNSEEN)
        if action.act is Act.CREATE and (there or (side is Side.FOURHSE and record.presence is Presence.GONE)):
            state = WriteState.STANDS if there else WriteState.GONE
            yield Written(at, side, link.key, None, state, ours, cycle)
        for row in rows if action.act is Act.UPDATE and there else ():
            if row.key in action.sources:
                state = _write_state(row, action, side, record.image, link)
                yield Written(at, side, link.key, row.key, state, ours, cycle)


def _write_state(row: Field, action: Action, side: Side, image: Image, link: Link) -> WriteState:
    """Gone is what a side shows as it was before the change, unless both sides have agreed on that since."""
    now, base = row.lens.get(side, image), link.base.get(row.key)
    if isinstance(now, Held) or (base is not None and now == row.lens.get(side, base.of(side))):
        return WriteState.STANDS
    before = row.lens.get(action.side, action.seen)
    sent = row.lens.get(action.side.other, action.sources[row.key])
    if isinstance(before, Held) or isinstance(sent, Held):
        return WriteState.STANDS
    if side is action.side:
        return WriteState.GONE if now == before and not _agree(row, side, now.value, sent.value) else WriteState.STANDS
    return WriteState.GONE if now != sent and _agree(row, side, now.value, before.value) else WriteState.STANDS


def _agree(row: Field, side: Side, mine: Any, theirs: Any) -> bool:
    return row.lens.agree(mine, theirs) if side is Side.PROCORE else row.lens.agree(theirs, mine)


def lost_writes(writes: Iterable[Written], now: datetime) -> frozenset[tuple[str, str]]:
    """Fields (link key, field key) whose written value went back by itself twice within a day."""
    gone = [w for w in writes if w.ours and w.state is WriteState.GONE and w.field is not None]
    # What lies further ahead than this was written by a clock that ran ahead, and is no more of today.
    counts = Counter((w.link, w.field) for w in gone if abs(now - w.at) <= WINDOW)
    return frozenset((link, str(field)) for (link, field), count in counts.items() if count >= VANISHES)


def reverted(writes: Iterable[Written], side: Side) -> frozenset[tuple[str, str | None]]:
    """Fields (link key, field key) and records (link key, None) whose latest change on a side is gone."""
    return frozenset((w.link, w.field) for w in _latest(writes, side) if w.state is WriteState.GONE)


def restored_backup(writes: Iterable[Written], side: Side) -> frozenset[str]:
    """Links of a side on which every change after some moment is gone, when there are three or more; else none."""
    links = {w.link for w in takewhile(lambda w: w.state is WriteState.GONE, _latest(writes, side))}
    return frozenset(links) if len(links) >= REGRESS else frozenset()


def older_versions(
    links: Iterable[Link], rows: Callable[[Kind], Iterable[Field]], known: Lookup
) -> frozenset[tuple[str, str | None]]:
    """Fields of Procore records that show an earlier state of themselves and differ from what was agreed on."""
    fields = set()
    for link in links:
        record = known(link, Side.PROCORE)
        if record is None or not record.is_older or record.presence is not Presence.PRESENT:
            continue
        for row in rows(link.kind):
            base, now = link.base.get(row.key), row.lens.get(Side.PROCORE, record.image)
            if base is not None and not isinstance(now, Held) and now != row.lens.get(Side.PROCORE, base.procore):
                fields.add((link.key, row.key))
    return frozenset(fields)


def _latest(writes: Iterable[Written], side: Side) -> list[Written]:
    """The latest change of each field on a side, newest first."""
    seen: dict[tuple[str, str | None], Written] = {}
    for write in sorted((w for w in writes if w.side is side), key=lambda w: (w.cycle, w.at), reverse=True):
        seen.setdefault((write.link, write.field), write)
    return list(seen.values())
