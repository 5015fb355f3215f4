"""The lens of a piece of equipment that a Procore record names and a 4HSE incident lists as a resource."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from procore_4hse.mapping.directory import EquipmentDirectory
from procore_4hse.mapping.lenses.base import ByValue, Held, Known, Lens, NeedsLists, Reading, Unwritable, odd_value
from procore_4hse.mapping.picklists import Picklists
from procore_4hse.models import Image, Kind, Side, text_id

RESOURCE_TYPE = "EQUIPMENT"


def names_equipment(image: Image) -> bool:
    """Whether a Procore record names a piece of equipment, be it in a form that cannot be read."""
    named = image.get("managed_equipment")
    return named.get("id") is not None if isinstance(named, Mapping) else named is not None


def lists_equipment(image: Image) -> bool:
    """Whether a 4HSE resource is a piece of equipment: there are others too."""
    return image.get("entity_type") == RESOURCE_TYPE


def is_gone(kind: Kind, image: Image) -> bool:
    """Whether a Procore record that can be shown is a deleted one, or names no equipment any more."""
    return bool(image.get("deleted_at")) or (
        kind is Kind.EQUIPMENT and ("entity_id" not in image and not names_equipment(image))
    )


@dataclass(frozen=True)
class EquipmentLens(ByValue, NeedsLists):
    """Both sides' ids mean Procore's piece of equipment where a partner is known (P96, H9)."""

    equipment: EquipmentDirectory = field(default_factory=EquipmentDirectory)
    equivalence: str = "the two ids mean one piece of equipment"

    def bound(self, picklists: Picklists) -> Lens:
        return replace(self, equipment=picklists.equipment)

    def reads(self, side: Side) -> tuple[str, ...]:
        return ("managed_equipment",) if side is Side.PROCORE else ("entity_id",)

    def names(self, side: Side) -> tuple[str, ...]:
        return ("managed_equipment_id",) if side is Side.PROCORE else ("entity_id", "entity_type")

    def get(self, side: Side, image: Image) -> Reading:
        if side is Side.PROCORE:
            return self._named(image["managed_equipment"]) if names_equipment(image) else Known(None)
        if image.get("entity_id") is None:
            return Held("4HSE names no equipment here")
        office_id = text_id(image["entity_id"])
        if office_id is None:
            return odd_value(side, "entity_id", image["entity_id"])
        # Without a partner it is still a value, one that equals no id of Procore's.
        return Known(self.equipment.to_procore.get(office_id, f"4HSE {office_id}"))

    def _named(self, named: Any) -> Reading:
        piece = text_id(named.get("id")) if isinstance(named, Mapping) else None
        return odd_value(Side.PROCORE, "managed_equipment", named) if piece is None else Known(piece)

    def put(self, side: Side, value: Any, current: Image, facts: Image) -> dict[str, Any]:
        if side is Side.PROCORE:
            return {"managed_equipment_id": self._procore(value)}
        if value is None:
            raise Unwritable("a resource without equipment cannot be")
        if str(value) not in self.equipment.to_fourhse:
            raise Unwritable("this equipment has no partner in the 4HSE office")
        # The type goes along, for an id alone does not say of which list it is (H9).
        return {"entity_id": self.equipment.to_fourhse[str(value)], "entity_type": RESOURCE_TYPE}

    def _procore(self, value: Any) -> int:
        if value is None or not str(value).isdecimal():
            raise Unwritable("this equipment has no partner in the Procore project")
        return int(value)
