"""Procore's records that name nobody, each kind told as one line: how many there are, and what they tell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from procore_4hse.mapping.lenses import text
from procore_4hse.mapping.lenses.base import UNNAMED, Held, Known, Reading, unreadable
from procore_4hse.mapping.lenses.display import ShownLens, display_text
from procore_4hse.mapping.paths import at
from procore_4hse.models import Image, Kind, Side, text_id

FIELDS = {
    Kind.INJURY: "injuries",
    Kind.NEAR_MISS: "near_misses",
    Kind.PROPERTY_DAMAGE: "property_damages",
    Kind.ENVIRONMENTAL: "environmentals",
}
"""The name under which an incident shows its records of a kind."""
STATEMENTS = "witness_statements"
"""Witness statements name their witness and are never read; an incident counts them."""


def names_nobody(image: Image) -> bool:
    """Whether a record of Procore's tells of no person; damages and releases never do."""
    named = (image.get("affected_party"), image.get("affected_person"))
    return all((each.get("id") if isinstance(each, Mapping) else each) is None for each in named)


def summary(rows: Iterable[Image]) -> str:
    """How many records these are, and what each of them tells, in the order in which they were made; empty for none."""
    # Ids have no fixed length (P17): padded, they sort as numbers whether they come as numbers or as text.
    ordered = sorted(rows, key=lambda row: (str(row.get("created_at") or ""), str(row.get("id")).zfill(20)))
    told = "; ".join(filter(None, map(_told, ordered)))
    return ": ".join(filter(None, (str(len(ordered)), told))) if ordered else ""


def _told(row: Image) -> str:
    described = display_text(row.get("description_plain_text")) or text.of_html(display_text(row.get("description")))
    what = (display_text(row.get(name)) for name in ("affliction_type", "environmental_type"))
    head = ", ".join(filter(None, (*what, _quantity(row))))
    return ": ".join(filter(None, (head, " ".join(str(described or "").split()))))


def _quantity(row: Image) -> str:
    """The quantity of a release and its unit. Procore shows numbers with zeros at their end (P92)."""
    try:
        number = Decimal(str(row.get("quantity_value") or 0)).normalize()
    except InvalidOperation:
        return ""
    unit = display_text(row.get("quantity_unit_of_measure")) or ""
    return f"{number:f} {unit}".strip() if number.is_finite() and number else ""


def statements(incident: Image) -> str:
    """How many witness statements an incident counts; empty for none, or where it does not say."""
    number = text_id(incident.get(f"{STATEMENTS}_count")) or ""
    return number if number.isdecimal() and int(number) else ""


@dataclass(frozen=True)
class RecordsLens(ShownLens):
    """The summary of one kind of records, and the line of 4HSE that holds it. It never writes to Procore."""

    is_set_by_procore: bool = True

    def reads(self, side: Side) -> tuple[str, ...]:
        return (self._fact,) if side is Side.PROCORE else (self.spot.key,)

    def names(self, side: Side) -> tuple[str, ...]:
        return () if side is Side.PROCORE else (self.spot.key,)

    def tells(self, kind: Kind) -> bool:
        return FIELDS.get(kind) == self.procore

    @property
    def _fact(self) -> str:
        return f"{UNNAMED}.{self.procore}"

    def get(self, side: Side, image: Image) -> Reading:
        if side is Side.FOURHSE:
            return unreadable(side, image, self.spot.key) or Known(self.plain(self.spot.read(image)))
        told: Any = at(image, self._fact)
        if told is None:
            return Held("Procore's record lists are not complete in this cycle")
        return Known(self.plain(told))
