"""What both systems' own lists say now: who is who, and which id a word of Procore's has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from procore_4hse.mapping.directory import Directory, EquipmentDirectory
from procore_4hse.models import Image, text_id

NAMES = ("name_key", "id", "name")
"""What may name an entry of a picker, the first that fits."""


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
        row = {**self.pickers.get(picker, {}).get(text_id(entry.get("id")) or "", {}), **entry}
        return tuple(str(row[key]) for key in NAMES if row.get(key) is not None) or ("?",)

    def id_of(self, picker: str, word: str) -> int | None:
        """The id of the entry that new records may use under this name key, id or name; None when there is none."""
        for key in NAMES:
            rows = self._usable.get((picker, key, word.casefold()), [])
            if (
                len(rows) == 1 and str(rows[0]["id"]).isdecimal()
            ):  # Two entries of one name: no guess which is meant, the next key may tell.
                return int(rows[0]["id"])
        return None

    @cached_property
    def _usable(self) -> Mapping[tuple[str, str, str], list[Image]]:
        """The entries that new records may use, by picker, key and word: long lists are asked for every word."""
        usable: dict[tuple[str, str, str], list[Image]] = {}
        for picker, rows in self.pickers.items():
            for row in filter(_is_usable, rows.values()):
                for key in NAMES:
                    usable.setdefault((picker, key, str(row.get(key) or "").casefold()), []).append(row)
        return usable


def _is_usable(row: Image) -> bool:
    # Old records keep inactive entries and headings of body parts, new ones may not use them (P88, P98).
    return bool(row.get("active", True)) and bool(row.get("selectable", True))
