"""Raw to canonical, canonical to payload: one record at a time, through a compiled mapping."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from procore_4hse.mapping.lenses.base import STATUS_AT, ZONE, Held, Known, Reading, Unwritable
from procore_4hse.mapping.lenses.text import is_part
from procore_4hse.mapping.paths import at, path_of
from procore_4hse.mapping.rules import Field, FieldMapping
from procore_4hse.models import Action, Image, Side

REQUIRED = ("title", "day")
"""Rows without which neither system takes an incident."""
NEEDED = (*REQUIRED, "status", "category", "person")
"""Rows that hold a new record while they cannot be told; any other row only waits itself."""
LEAST_KEPT = 10
"""So many letters of a text tell that it is a part of ours and not another one that begins alike."""


def canonical(mapping: FieldMapping, side: Side, image: Image) -> dict[str, Reading]:
    """What a record means, per field key."""
    return {field.key: field.lens.get(side, image) for field in mapping.fields}


def facts_of(image: Image, zone: str) -> dict[str, Any]:
    """What a put needs to know beside the value: the zone, and when the source took its present status."""
    return {ZONE: zone, STATUS_AT: image.get(STATUS_AT)}


def payload(side: Side, values: Iterable[tuple[Field, Any]], current: Image, facts: Image) -> dict[str, Any]:
    """The raw values to write so that each field means its value. Raises Unwritable.

    Fields that share a key (a long title and the description below it) are laid one over the other in turn.
    """
    written: dict[str, Any] = {}
    for field, value in values:
        written |= field.lens.put(side, value, {**current, **written}, facts)
    return written


def shows(rows: Iterable[Field], action: Action, image: Image, *, least: int = LEAST_KEPT) -> bool:
    """Whether a record shows what this action sent, field by field; a server's rewrite counts as the same.

    Of a text it may hold a part alone, and of that part at least so many letters.
    """
    sent_rows = [row for row in rows if row.key in action.sources and row.writes_to(action.side)]
    return all(_shows_field(row, action, image) or keeps_part(row, action, image, least) for row in sent_rows)


def keeps_part(row: Field, action: Action, image: Image, least: int = 0) -> bool:
    """Whether a record holds, of the texts that this action sent for a row, no more than what a server left of them."""
    sent = [
        (value, at(image, path_of(name)))
        for name, value in action.fields.items()
        if name in row.lens.names(action.side)
    ]
    return bool(sent) and all(
        isinstance(value, str) and isinstance(stored, str | None) and _is_part(value, stored or "", least)
        for value, stored in sent
    )


def _is_part(sent: str, stored: str, least: int) -> bool:
    return len(stored) >= min(least, len(sent)) and is_part(sent, stored)


def _shows_field(row: Field, action: Action, image: Image) -> bool:
    sent = row.lens.get(action.side.other, action.sources[row.key])
    stored = row.lens.get(action.side, image)
    if isinstance(sent, Held) or isinstance(stored, Held):
        return False
    pair = {action.side: stored.value, action.side.other: sent.value}
    return row.lens.agree(pair[Side.PROCORE], pair[Side.FOURHSE]) or row.lens.is_rewrite(sent.value, stored.value)


def new_payload(rows: Iterable[Field], side: Side, source: Image, zone: str) -> dict[str, Any]:
    """The payload that creates on `side` what `source` means. Raises Unwritable when a needed field cannot be told."""
    return _laid(rows, side, source, zone)[0]


def unsaid(rows: Iterable[Field], side: Side, source: Image, zone: str) -> frozenset[str]:
    """The rows that a new record goes without, because their value cannot be told yet; the others wait for none."""
    return _laid(rows, side, source, zone)[1]


def _laid(rows: Iterable[Field], side: Side, source: Image, zone: str) -> tuple[dict[str, Any], frozenset[str]]:
    facts, written, left = facts_of(source, zone), dict[str, Any](), set[str]()
    rows = tuple(rows)
    for field in rows:
        if field.twin and side is Side.FOURHSE and _gives_way(field, rows, source):
            left.add(field.key)
            continue
        try:
            written |= _said(field, side, source, written, facts)
        except Unwritable as error:
            if field.key in NEEDED:
                error.field = field.key
                raise
            # A record is worth more than one of its fields: this one follows when its word is known.
            left.add(field.key)
    return written, frozenset(left)


def _gives_way(field: Field, rows: Iterable[Field], source: Image) -> bool:
    """Of two rows of one field in 4HSE the line that people wrote goes before what Procore sets itself."""
    line = field if not field.fills_only else next(row for row in rows if row.key == field.twin)
    is_written = line.lens.get(Side.PROCORE, source) != Known(None)
    return is_written == field.fills_only


def _said(field: Field, side: Side, source: Image, written: Image, facts: Image) -> dict[str, Any]:
    if side in field.blocked:  # Before the value is looked at: what may not cross must not hold a record either.
        return {}
    reading = field.lens.get(side.other, source)
    if isinstance(reading, Held):
        raise Unwritable(reading.reason)
    if reading.value is None and field.key in REQUIRED:
        raise Unwritable(f"{side.other.label} shows no {field.label.lower()}, and {side.label} needs one")
    if reading.value is None or not field.writes_to(side):
        return {}
    return field.lens.put(side, reading.value, written, facts)
