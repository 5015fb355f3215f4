"""Fields on their way as people and programs read them: value in, rule, value out, there and back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.table import Table

from procore_4hse.cli.context import CliContext
from procore_4hse.cli.tables import add_id_column, table, whole_ids
from procore_4hse.cli.text import fields_in_words, plain, short
from procore_4hse.mapping.lenses.base import Held, Reading
from procore_4hse.mapping.preview import FieldPreview, RoundTrip
from procore_4hse.mapping.rules import Direction
from procore_4hse.models import Image
from procore_4hse.reconcile.diff import display

WIDE = 140
"""From so many columns of a terminal on every value has room beside the others."""
NARROW = 52
COLUMNS = {"field": 1, "value in": 2, "rule": 1, "out, to a new record": 2, "out, to the linked one": 2, "and back": 2}


def crossing_json(preview: FieldPreview) -> dict[str, Any]:
    row = preview.row
    return {
        "field": row.key,
        "label": row.label,
        "from": preview.side.value,
        "value_in": dict(preview.raw),
        "means": in_words(preview.reading),
        "using": row.wording.using,
        "direction": row.way.value,
        "if_both_changed": row.on_conflict.value,
        "new_record": None if preview.new is None else dict(preview.new),
        "linked_record": None if preview.change is None else dict(preview.change),
        "reads_back": None if preview.back is None else in_words(preview.back),
        "round_trip": preview.round_trip.value,
        "lost": {name: list(both) for name, both in preview.lost.items()},
        "why": preview.why or None,
    }


def show_crossings(context: CliContext, title: str, previews: Iterable[FieldPreview]) -> None:
    """A column for each step, or on a narrow terminal, where ids would be broken, a line for each."""
    context.out.print((_wide if context.out.width >= WIDE else _narrow)(title, previews))


def _wide(title: str, previews: Iterable[FieldPreview]) -> Table:
    listed = table(title, rows_apart=True)
    for name, ratio in COLUMNS.items():
        listed.add_column(name, ratio=ratio, overflow="fold")
    for one in previews:
        listed.add_row(_field(one), *_steps(one))
    return listed


def _narrow(title: str, previews: Iterable[FieldPreview]) -> Table:
    listed = table(title, rows_apart=True)
    field, *steps = COLUMNS
    listed.add_column(field, overflow="fold")
    add_id_column(listed, "on its way")
    for one in previews:
        told = zip(steps, _steps(one), strict=True)
        lines = (line for step, cell in told for line in f"{step}: {cell}".splitlines())
        listed.add_row(_field(one), whole_ids(*lines, width=NARROW))
    return listed


def _field(one: FieldPreview) -> str:
    return f"{one.row.label}\nfrom {one.side.label}"


def _steps(one: FieldPreview) -> tuple[str, ...]:
    came = _values(one.raw) or in_words(one.reading)
    return came, _rule(one), _new(one), _change(one), _back(one)


def in_words(reading: Reading) -> str:
    """What a reading means, or in brackets why it cannot be told."""
    return f"({reading.reason})" if isinstance(reading, Held) else plain(display(reading.value))


def _values(fields: Image) -> str:
    return fields_in_words({name: _flat(value) for name, value in fields.items()})


def _flat(value: Any) -> Any:
    """Objects by their name or label and their id, lists one after the other."""
    if isinstance(value, list):
        return ", ".join(str(_flat(one)) for one in value)
    if isinstance(value, dict) and "id" in value:
        name = value.get("name") or value.get("label")
        return f"{name} ({value['id']})" if name else value["id"]
    return value


def _rule(preview: FieldPreview) -> str:
    row = preview.row
    return f"{row.wording.using or row.label.lower()}\n{way_in_words(row.way)}\n{row.on_conflict.value}"


def way_in_words(way: Direction) -> str:
    return "goes nowhere" if way is Direction.NONE else way.value


def _new(preview: FieldPreview) -> str:
    return "-" if preview.new is None else _values(preview.new)


def _change(preview: FieldPreview) -> str:
    if preview.change is None:
        return "-"
    return _values(preview.change) or "nothing: they agree"


def _back(preview: FieldPreview) -> str:
    match preview.round_trip:
        case RoundTrip.SAME:
            return "the same"
        case RoundTrip.LOSSY:
            return f"the same meaning; a record made again from it would lose\n{_lost(preview)}"
        case RoundTrip.CHANGED:
            return f"comes back as {in_words(preview.back) if preview.back else 'nothing'}"
        case RoundTrip.STAYS:
            return f"stays: {plain(preview.why)}"
        case RoundTrip.EMPTY:
            return "no value"


def _lost(preview: FieldPreview) -> str:
    changes = (
        (name, short(was, 80) or "empty", short(again, 80) or "empty") for name, (was, again) in preview.lost.items()
    )
    return "\n".join(f"{name}: {was} → {again}" for name, was, again in changes)
