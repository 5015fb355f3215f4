"""Our own writes, looked at again: one that vanishes by itself, and many that vanish at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from procore_4hse.models import Side

WINDOW = timedelta(hours=24)
VANISHES = 2
"""So often within the window may a value go back by itself before its field is frozen."""
REGRESS = 3
"""Links whose changes are all gone at once: the vendor was restored from a backup."""


class Fate(StrEnum):
    STANDS = "stands"
    """What we wrote is there, or a person has changed it since."""
    GONE = "gone"
    """The record shows again what it showed before our write, or our new record is not there."""


@dataclass(frozen=True)
class Written:
    """A write of ours that was answered, and what has become of it. `field` is None for a new record."""

    at: datetime
    side: Side
    link: str
    field: str | None
    fate: Fate


def vanished(writes: Iterable[Written], now: datetime) -> frozenset[tuple[str, str]]:
    """Fields (link key, field key) whose written value went back by itself twice within a day."""
    gone = [w for w in writes if w.fate is Fate.GONE and w.field is not None and now - w.at <= WINDOW]
    counts = Counter((w.link, w.field) for w in gone)
    return frozenset((link, str(field)) for (link, field), count in counts.items() if count >= VANISHES)


def regressed(writes: Iterable[Written], side: Side) -> frozenset[str]:
    """Links of a side on which every change after some moment is gone, when there are three or more; else none."""
    links: set[str] = set()
    latest: set[tuple[str, str | None]] = set()
    for write in sorted((w for w in writes if w.side is side), key=lambda w: w.at, reverse=True):
        if (write.link, write.field) in latest:
            continue
        latest.add((write.link, write.field))
        if write.fate is Fate.STANDS:
            break
        links.add(write.link)
    return frozenset(links) if len(links) >= REGRESS else frozenset()
