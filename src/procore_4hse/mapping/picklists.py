"""What both systems' own lists say now: who is who, and which id a word of Procore's has."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar, cast

from procore_4hse.mapping.directory import Directory, EquipmentDirectory
from procore_4hse.mapping.folding import fold, fold_key
from procore_4hse.models import Image, text_id

T = TypeVar("T")
NAMES = ("name_key", "id", "name")
"""What may name an entry of a picker, the first that fits."""
FOLDED = ("~name_key", "~name")
"""The same where only the folded key fits; an id is no word that could be written in another way."""


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
        return names_of(row) or ("?",)

    def id_of(self, picker: str, word: str) -> int | None:
        """The id of the entry that new records may use under this name key, id or name; None when there is none."""
        row = _named(self._usable, picker, word)
        return int(row["id"]) if row is not None and str(row["id"]).isdecimal() else None

    def entry_of(self, picker: str, word: str) -> str | None:
        """The id of the entry of that name key, id or name, out of use or not; None when there is none."""
        row = _named(self._listed, picker, word)
        return None if row is None else str(row["id"])

    @cached_property
    def _usable(self) -> _Index:
        return _index(self.pickers, _is_usable)

    @cached_property
    def _listed(self) -> _Index:
        return _index(self.pickers, lambda row: True)

    def once(self, name: str, asked: object, find: Callable[[], T]) -> T:
        """What was found out with these lists about `asked`, by a name and the identity of what was asked."""
        # An identity may be given to another object once this one is gone, so that it is kept beside the answer.
        known, found = self._memory.get((name, id(asked)), (None, None))
        if known is not asked:
            found = find()
            self._memory[name, id(asked)] = (asked, found)
        return cast("T", found)

    @cached_property
    def _memory(self) -> dict[tuple[str, int], tuple[object, Any]]:
        return {}


_Index = Mapping[tuple[str, str, str], Sequence[Image]]
"""Rows by picker, key and word: long lists are asked for every word. Folded keys begin with `~`."""


def names_of(row: Image) -> tuple[str, ...]:
    """The name key, the id and the name of an entry, those that it has."""
    return tuple(str(row[key]) for key in NAMES if row.get(key) is not None)


def _index(pickers: Mapping[str, Mapping[str, Image]], counts: Callable[[Image], bool]) -> _Index:
    index: dict[tuple[str, str, str], list[Image]] = {}
    for picker, rows in pickers.items():
        for row in filter(counts, rows.values()):
            for key in NAMES:
                word = str(row.get(key) or "")
                index.setdefault((picker, key, fold(word)), []).append(row)
                index.setdefault((picker, f"~{key}", fold_key(word)), []).append(row)
    return index


def _named(index: _Index, picker: str, word: str) -> Image | None:
    """The one entry that this word names. What is written alike goes before what only folds alike."""
    return _alone(index, picker, NAMES, fold(word)) or _alone(index, picker, FOLDED, fold_key(word))


def _alone(index: _Index, picker: str, keys: Iterable[str], form: str) -> Image | None:
    for key in keys if form else ():
        rows = index.get((picker, key, form), ())
        if len(rows) == 1:  # Two entries of one name: no guess which is meant, the next key may tell.
            return rows[0]
    return None


def _is_usable(row: Image) -> bool:
    # Old records keep inactive entries and headings of body parts, new ones may not use them (P88, P98).
    is_listed = bool(row.get("active", True)) and bool(row.get("selectable", True))
    return is_listed and row.get("is_active") is not False
