"""Fields on their way: value in, value out, and what comes back when it is read on the other side."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from procore_4hse.mapping.lenses.base import Held, Known, Lens, Reading, Unwritable
from procore_4hse.mapping.lenses.display import EntryLens
from procore_4hse.mapping.lenses.words import PartsLens
from procore_4hse.mapping.paths import path_of
from procore_4hse.mapping.rules import Field
from procore_4hse.mapping.translate import facts_of
from procore_4hse.models import Image, Side


class RoundTrip(StrEnum):
    """What becomes of a value that is written to the other side and read there again."""

    SAME = "same"
    LOSSY = "lossy"
    """The meaning comes back, and some of the raw form would not."""
    CHANGED = "changed"
    """Another meaning comes back."""
    STAYS = "stays"
    """Nothing is written: the field does not travel that way, or its value has no form there."""
    EMPTY = "empty"
    """There is no value to write."""


@dataclass(frozen=True)
class FieldPreview:
    """One field of one record on its way to the other side."""

    row: Field
    side: Side
    """Where it comes from."""
    raw: Image
    reading: Reading
    new: Image | None = None
    """What a new record there would be given; None when nothing is written."""
    change: Image | None = None
    """What an update of the linked record would send, empty when both agree; None where there is none to be made."""
    back: Reading | None = None
    """What the new record means when it is read there."""
    lost: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)
    """Raw names whose value would not come back from the new record: what it is, what it would be."""
    why: str = ""
    """Why it stays."""

    @property
    def round_trip(self) -> RoundTrip:
        if self.new is None:
            return RoundTrip.STAYS if self.why else RoundTrip.EMPTY
        if not _agrees(self, self.back):
            return RoundTrip.CHANGED
        return RoundTrip.LOSSY if self.lost else RoundTrip.SAME


def previews(
    rows: Iterable[Field], side: Side, image: Image, zone: str, partner: Image | None = None
) -> tuple[FieldPreview, ...]:
    """Every field of a record on its way from `side`; `partner` is the linked record as it is, when there is one."""
    facts = facts_of(image, zone)
    fields = [_begun(row, side, image) for row in rows]
    new = _put(side.other, [c for c in fields if not c.why and _value(c) is not None], {}, facts)
    stored = _stored(new, side.other)
    back = {key: row.lens.get(side.other, {**facts, **stored}) for key, row in new.rows.items()}
    fields = [_with_new(c, new, back.get(c.row.key)) for c in fields]
    # Nothing is put over `current`: what comes home must come from the other side's record alone.
    again = _put(side, [returned for c in fields if (returned := _returned(c))], {}, facts)
    fields = [replace(c, lost=_lost(c, again)) for c in fields]
    return tuple(fields if partner is None else _with_changes(fields, partner, facts))


def _begun(row: Field, side: Side, image: Image) -> FieldPreview:
    raw = {name: value for name, value in row.slice(side, image).items() if not name.startswith("@")}
    begun = FieldPreview(row, side, raw, row.lens.get(side, image))
    if side.other in row.blocked:
        return replace(begun, why=row.left_out)
    if isinstance(begun.reading, Held):
        return replace(begun, why=begun.reading.reason)
    if not row.writes_to(side.other):
        return replace(begun, why=f"this field does not travel to {side.other.label}")
    return begun


def _value(preview: FieldPreview) -> Any:
    return preview.reading.value if isinstance(preview.reading, Known) else None


# Writing ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Put:
    """What fields write, laid one over the other as in a payload: whole, and the part of each."""

    fields: dict[str, Any] = field(default_factory=dict)
    parts: dict[str, Image] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    rows: dict[str, Field] = field(default_factory=dict)


def _put(side: Side, fields: Iterable[FieldPreview], current: Image, facts: Image) -> _Put:
    put = _Put()
    for preview in fields:
        row, value = preview.row, _value(preview)
        try:
            part = row.lens.put(side, value, {**current, **put.fields}, facts)
        except Unwritable as error:
            put.refused[row.key] = str(error)
            continue
        put.fields.update(part)
        put.parts[row.key], put.rows[row.key] = part, row
    return put


def _stored(put: _Put, side: Side) -> dict[str, Any]:
    """Written fields as the system shows them: an object for the id that it takes, keys for ids of body parts."""
    stored = dict(put.fields)
    for key, part in put.parts.items():
        lens = put.rows[key].lens
        read_name = lens.reads(side)[0]
        for name, value in part.items():
            if read_name == path_of(name):
                stored[read_name] = value
            elif name == f"{read_name}_id":
                stored[read_name] = None if value is None else _entry_of(lens, value)
            elif isinstance(lens, PartsLens) and name not in lens.reads(side):
                stored[read_name] = [_key_of(lens, part_id) for part_id in value]
    return stored


def _entry_of(lens: Lens, entry_id: Any) -> Image:
    """The object that a record shows for the id of an entry; by its name where that is what counts."""
    rows = lens.picklists.pickers[lens.picker] if isinstance(lens, EntryLens) else {}
    return {"id": entry_id, **rows.get(str(entry_id), {})}


def _key_of(lens: PartsLens, part: object) -> str:
    """The key by which a record shows the body part that has this id."""
    called = lens.picklists.called("body_parts", {"id": part})
    known = (lens.words.procore_word(name) for name in called)
    return next((key for key in known if key is not None), called[-1])


def _with_new(preview: FieldPreview, new: _Put, back: Reading | None) -> FieldPreview:
    key = preview.row.key
    if key in new.refused:
        return replace(preview, why=new.refused[key])
    if key not in new.parts:
        return preview
    return replace(preview, new={name: new.fields[name] for name in new.parts[key]}, back=back)


def _with_changes(fields: list[FieldPreview], partner: Image, facts: Image) -> list[FieldPreview]:
    other = fields[0].side.other if fields else Side.PROCORE
    there = {c.row.key: c.row.lens.get(other, partner) for c in fields}
    free = [c for c in fields if not c.why and not (c.row.fills_only and _is_set(there[c.row.key]))]
    put = _put(other, [c for c in free if not _agrees(c, there[c.row.key])], partner, facts)
    return [_with_change(c, put) if c in free else c for c in fields]


def _is_set(reading: Reading) -> bool:
    return isinstance(reading, Held) or reading.value not in (None, "")


def _with_change(preview: FieldPreview, put: _Put) -> FieldPreview:
    key = preview.row.key
    if key in put.refused:
        return replace(preview, why=put.refused[key])
    return replace(preview, change={name: put.fields[name] for name in put.parts.get(key, ())})


# Coming back -----------------------------------------------------------------------------------------------------


def _agrees(preview: FieldPreview, there: Reading | None) -> bool:
    if not isinstance(preview.reading, Known) or not isinstance(there, Known):
        return False
    pair = {preview.side: preview.reading.value, preview.side.other: there.value}
    return preview.row.lens.agree(pair[Side.PROCORE], pair[Side.FOURHSE])


def _returned(preview: FieldPreview) -> FieldPreview | None:
    """The same field with the value that was read back, where it could be written home again."""
    if not isinstance(preview.back, Known) or preview.back.value is None:
        return None
    return replace(preview, reading=preview.back) if preview.row.writes_to(preview.side) else None


def _lost(preview: FieldPreview, again: _Put) -> dict[str, tuple[Any, Any]]:
    if preview.row.key not in again.parts:
        return {}
    return {
        name: (value, again.fields[name])
        for name, value in preview.raw.items()
        if name in again.fields and again.fields[name] != value
    }
