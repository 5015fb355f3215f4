"""A mapping as people read it: one row per field, in words."""

from __future__ import annotations

from dataclasses import dataclass

from procore_4hse.mapping.rules import Field, FieldMapping
from procore_4hse.mapping.schema import INCIDENT_FORM, PEOPLE_FORM, Form, Keeps


@dataclass(frozen=True)
class Row:
    """A field of a mapping, every value a text to print."""

    record: str
    """incident | person."""
    field: str
    procore: str
    fourhse: str
    direction: str
    """The way that its values go in the end."""
    if_both_changed: str
    using: str
    keeps: str
    """exact, or lossy | one-way with what is lost."""
    equal: str
    """What counts as equal."""
    owner: str
    reason: str
    privacy: str
    """The class of its values."""
    left_out: str
    """What the route's privacy keeps home of it; empty when it keeps nothing."""


def rows(mapping: FieldMapping) -> tuple[Row, ...]:
    """The rows of a loaded mapping in their order, those of an incident first."""
    return tuple(
        _row(field, form)
        for fields, form in ((mapping.fields, INCIDENT_FORM), (mapping.people, PEOPLE_FORM))
        for field in fields
    )


def _row(field: Field, form: Form) -> Row:
    said = field.wording
    using = form.using[said.using]
    return Row(
        record=form.record,
        field=field.label,
        procore=said.procore,
        fourhse=said.fourhse,
        direction=field.way.value,
        if_both_changed=field.on_conflict.value,
        using=said.using,
        keeps=using.keeps.value if using.keeps is Keeps.EXACT else f"{using.keeps}: {using.lost}",
        equal=field.lens.equivalence,
        owner=said.owner,
        reason=said.reason,
        privacy=field.privacy.value,
        left_out=field.left_out,
    )
