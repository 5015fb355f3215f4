"""What a route is about: which records take part, and why one stays home."""

from __future__ import annotations

from datetime import date

from procore_4hse.mapping.lenses.base import Held
from procore_4hse.mapping.lenses.category import CategoryLens
from procore_4hse.models import Side
from procore_4hse.reconcile.snapshot import Record, Snapshot


def day_of(snapshot: Snapshot, record: Record) -> date | None:
    row = snapshot.mapping.day
    reading = row.lens.get(record.side, record.image)
    return None if isinstance(reading, Held) else reading.value


def exclusion(snapshot: Snapshot, record: Record, *, linked: bool = False) -> str | None:
    """Why a record stays out of this route; None when it takes part. `since` decides about unlinked ones only."""
    why = _stays_home(snapshot, record, linked=linked)
    if why is None and not linked and _is_too_old(snapshot, record):
        return f"it happened before {snapshot.since}"
    return why


def is_left_to_backfills(snapshot: Snapshot, record: Record) -> bool:
    """Whether nothing but its day keeps an unlinked record out, so that a backfill may have asked about it."""
    return _stays_home(snapshot, record, linked=False) is None and _is_too_old(snapshot, record)


def _stays_home(snapshot: Snapshot, record: Record, *, linked: bool) -> str | None:
    if record.minimal or (record.private and snapshot.private == "skip" and record.id not in snapshot.born_private):
        return "it is marked private"
    if _is_unshared(snapshot, record):
        return "its category is not shared"
    if linked:
        return None
    if not snapshot.direction.writes_to(record.side.other):
        return f"this route does not copy from {record.side.label}"
    return None


def _is_too_old(snapshot: Snapshot, record: Record) -> bool:
    day = day_of(snapshot, record)
    is_old = snapshot.only_days is None and day is not None and day < snapshot.since
    return is_old and not _is_begun(snapshot, record)


def _is_begun(snapshot: Snapshot, record: Record) -> bool:
    """Whether a backfill began to create its partner, and no answer came: any cycle finishes that."""
    return any((begun.side, begun.source_id) == (record.side.other, record.id) for begun in snapshot.lost)


def is_in_range(snapshot: Snapshot, record: Record) -> bool:
    """Whether a backfill's range, when there is one, holds this record's day."""
    if snapshot.only_days is None:
        return True
    day = day_of(snapshot, record)
    return day is not None and snapshot.only_days[0] <= day <= snapshot.only_days[1]


def _is_unshared(snapshot: Snapshot, record: Record) -> bool:
    row = snapshot.mapping.category
    if row is None or record.side is Side.PROCORE or not isinstance(row.lens, CategoryLens):
        return False
    return not row.lens.is_shared(record.image)
