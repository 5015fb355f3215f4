"""What an incident of 4HSE is tied to, told as one text: resources of all kinds, and what its actions require."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from procore_4hse.mapping.lenses.base import TIED, Held, Known, Reading, Unwritable
from procore_4hse.mapping.lenses.display import ShownLens, display_text
from procore_4hse.mapping.paths import at
from procore_4hse.models import Image, Kind, Side

LISTS: Mapping[Kind, str] = {Kind.RESOURCE: "resources", Kind.INCIDENT_ACTION: "actions"}
"""The name under which a row of the mapping asks for each list."""

LONGEST_SHORT_FORM = 3
"""Such a kind is no word, as `PER` is none, and stays as 4HSE writes it."""


def summary(rows: Iterable[Image]) -> str:
    """What each of these rows names, in the order of kinds and names; empty for none."""
    return "; ".join(sorted(filter(None, map(told, rows))))


def told(row: Image) -> str:
    """One resource or action: `Work group: Scaffolders, on level 2`. An action is known by what it requires."""
    kind = display_text(row.get("action_type") or row.get("entity_type")) or ""
    name = display_text(row.get("action_name") or row.get("entity_name") or row.get("entity_id"))
    words = kind if len(kind) <= LONGEST_SHORT_FORM else kind.replace("_", " ").capitalize()
    named = ": ".join(filter(None, (words, name)))
    described = " ".join(str(display_text(row.get("description")) or "").split())
    return ", ".join(filter(None, (named, described)))


@dataclass(frozen=True)
class OfficeLens(ShownLens):
    """The summary of one of 4HSE's lists, which it never writes, and the line or custom field in Procore."""

    @property
    def _fact(self) -> str:
        return f"{TIED}.{self.spot.key}"

    def reads(self, side: Side) -> tuple[str, ...]:
        return super().reads(side) if side is Side.PROCORE else (self._fact,)

    def names(self, side: Side) -> tuple[str, ...]:
        return super().names(side) if side is Side.PROCORE else ()

    def get(self, side: Side, image: Image) -> Reading:
        if side is Side.PROCORE:
            return super().get(side, image)
        listed: Any = at(image, self._fact)
        if listed is None:
            return Held(f"4HSE's list of {self.spot.key} is not complete in this cycle")
        return Known(self.plain(listed))

    def put(self, side: Side, value: Any, current: Image, facts: Image) -> dict[str, Any]:
        if side is Side.FOURHSE:
            raise Unwritable(f"4HSE's {self.spot.key} are not changed from here")
        return super().put(side, value, current, facts)
