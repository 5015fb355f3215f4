"""A mapping as people read it: one row per field, in words."""

from __future__ import annotations

from dataclasses import dataclass

from procore_4hse.mapping.rules import Field, Mapping
from procore_4hse.mapping.schema import USING, Keeps


@dataclass(frozen=True)
class Row:
    """A field of a mapping, every value a text to print."""

    field: str
    procore: str
    fourhse: str
    direction: str
    if_both_changed: str
    using: str
    keeps: str
    """exact, or lossy | one-way with what is lost."""
    equal: str
    """What counts as equal."""
    owner: str
    reason: str


def rows(mapping: Mapping) -> tuple[Row, ...]:
    """The rows of a loaded mapping in their order."""
    return tuple(_row(field) for field in mapping.fields)


def _row(field: Field) -> Row:
    said = field.wording
    return Row(
        field=field.label,
        procore=said.procore,
        fourhse=said.fourhse,
        direction=field.direction.value,
        if_both_changed=field.on_conflict.value,
        using=said.using,
        keeps=_keeps(field),
        equal=field.lens.equivalence,
        owner=said.owner,
        reason=said.reason,
    )


def _keeps(field: Field) -> str:
    using = USING[field.wording.using]
    return using.keeps.value if using.keeps is Keeps.EXACT else f"{using.keeps}: {using.lost}"
