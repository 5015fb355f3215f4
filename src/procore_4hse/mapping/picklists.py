"""What both systems' own lists say now: who is who, and which id a word of Procore's has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from procore_4hse.mapping.directory import Directory, EquipmentDirectory
from procore_4hse.models import Image


@dataclass(frozen=True)
class Picklists:
    """The directories' partners, and the rows of Procore's pickers by picker and id (P97)."""

    directory: Directory = field(default_factory=Directory)
    pickers: Mapping[str, Mapping[str, Image]] = field(default_factory=dict)
    equipment: EquipmentDirectory = field(default_factory=EquipmentDirectory)

    @classmethod
    def of(
        cls, directory: Directory, rows: Iterable[tuple[str, Image]], equipment: EquipmentDirectory | None = None
    ) -> Picklists:
        pickers: dict[str, dict[str, Image]] = {}
        for picker, row in rows:
            pickers.setdefault(picker, {})[str(row["id"])] = row
        return cls(directory, pickers, equipment or EquipmentDirectory())

    def called(self, picker: str, raw: Any) -> tuple[str, ...]:
        """All that names the entry that a record shows: its name key, its id and, last, its localised name."""
        entry = raw if isinstance(raw, Mapping) else {"name": raw}
        # A record shows most entries without their name key; the list adds it.
        row = {**self.pickers.get(picker, {}).get(str(entry.get("id")), {}), **entry}
        return tuple(str(row[key]) for key in ("name_key", "id", "name") if row.get(key) is not None) or ("?",)

    def id_of(self, picker: str, word: str) -> int | None:
        """The id of the entry that new records may use under this name key, id or name; None when there is none."""
        rows = [row for row in self.pickers.get(picker, {}).values() if _is_usable(row)]
        for key in ("name_key", "id", "name"):
            matches = [row for row in rows if str(row.get(key) or "").casefold() == word.casefold()]
            if len(matches) == 1:  # Two entries of one name: no guess which is meant, the next key may tell.
                return int(matches[0]["id"])
        return None


def _is_usable(row: Image) -> bool:
    # Old records keep inactive entries and headings of body parts, new ones may not use them (P88, P98).
    return bool(row.get("active", True)) and bool(row.get("selectable", True))
