"""The lens of texts that Procore shows in many forms: a plain value, the name of an object, a custom field's value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from procore_4hse.mapping.folding import fold_key
from procore_4hse.mapping.lenses import text
from procore_4hse.mapping.lenses.base import ByValue, Known, Lens, NeedsLists, Reading, Unwritable, unreadable
from procore_4hse.mapping.lenses.lines import NONE, Spot
from procore_4hse.mapping.paths import at, path_of
from procore_4hse.mapping.picklists import Picklists
from procore_4hse.models import Image, Side


def display_text(raw: Any) -> str | None:
    """What a value tells when it is read aloud: an object its name, an entry its label, a list all of them."""
    if isinstance(raw, Mapping):
        return display_text(raw.get("name", raw.get("label")))  # Entries of custom fields have a label (P102).
    if isinstance(raw, list):
        return "; ".join(filter(None, map(display_text, raw))) or None
    if isinstance(raw, bool):  # In the words of a list's file, not in Python's.
        return "true" if raw else "false"
    return None if raw in (None, "") else str(raw)


@dataclass(frozen=True)
class ShownLens(ByValue):
    """Procore's value in `procore`, as text; 4HSE's in `spot`. One that Procore sets itself is never written there."""

    procore: str
    spot: Spot
    is_one_line: bool = True
    is_set_by_procore: bool = False
    site: Spot | None = None
    """The line above the text in Procore that holds the value."""

    @property
    def equivalence(self) -> str:
        blanks = "repeated blanks and line ends" if self._is_one_line else "line ends, blanks at their ends"
        return f"{blanks}, Unicode form and HTML markup do not count"

    @property
    def _is_one_line(self) -> bool:
        return self.is_one_line or self._is_on_a_line

    @property
    def _is_on_a_line(self) -> bool:
        return self.spot.line is not None or self.site is not None

    def reads(self, side: Side) -> tuple[str, ...]:
        return (path_of(self.procore),) if side is Side.PROCORE else (self.spot.key,)

    def names(self, side: Side) -> tuple[str, ...]:
        return (self.procore,) if side is Side.PROCORE else (self.spot.key,)

    def get(self, side: Side, image: Image) -> Reading:
        spot = self.site if side is Side.PROCORE else self.spot
        if spot is not None and (held := unreadable(side, image, spot.key)):
            # The row of the text below the lines asks about it, once for all.
            return held if side is Side.FOURHSE else replace(held, word=None)
        written = display_text(at(image, path_of(self.procore))) if spot is None else spot.read(image)
        return Known(self.plain(written))

    def plain(self, written: str | None) -> str | None:
        """The text that counts."""
        plain = text.canonical(written)
        if self._is_one_line:
            plain = " ".join((plain or "").split()) or None
        return None if self._is_on_a_line and plain == NONE else plain

    def put(self, side: Side, value: Any, current: Image, facts: Image) -> dict[str, Any]:
        if side is Side.FOURHSE:
            # A text of several lines stands on one line in Procore, and keeps its lines where it comes from.
            several = self.site is not None and self.spot.line is None and value is not None
            return self.spot.write(text.respaced(value, self.spot.read(current)) if several else value, current)
        if self.site is not None:
            return self.site.write(value, current)
        if self.is_set_by_procore:
            raise Unwritable(f"Procore sets `{self.procore}` itself")
        return {self.procore: text.rendered(value, like=at(current, path_of(self.procore)))}

    def is_rewrite(self, sent: Any, stored: Any) -> bool:
        return text.is_rewrite(sent, stored)


@dataclass(frozen=True)
class EntryLens(ShownLens, NeedsLists):
    """The name of an entry of one of Procore's lists. Procore takes its id, which is looked up in the list itself."""

    picker: str = ""
    picklists: Picklists = field(default_factory=Picklists)

    @property
    def equivalence(self) -> str:
        return f"{super().equivalence}; neither do capital letters, `_`, `-` and `/`"

    def bound(self, picklists: Picklists) -> Lens:
        return replace(self, picklists=picklists)

    def names(self, side: Side) -> tuple[str, ...]:
        return (f"{self.procore}_id",) if side is Side.PROCORE else (self.spot.key,)

    def agree(self, procore: Any, fourhse: Any) -> bool:
        return bool(procore == fourhse) or (None not in (procore, fourhse) and fold_key(procore) == fold_key(fourhse))

    def put(self, side: Side, value: Any, current: Image, facts: Image) -> dict[str, Any]:
        if side is Side.FOURHSE:
            return self.spot.write(value, current)
        if value is None:
            return {f"{self.procore}_id": None}
        entry_id = self.picklists.id_of(self.picker, value)
        named = entry_id and display_text(self.picklists.pickers[self.picker][str(entry_id)])
        # The list is asked by key and id too, and what is written has to read as the name that stands in 4HSE.
        if not named or not self.agree(self.plain(named), value):
            raise Unwritable(f"Procore's list of {self.picker.replace('_', ' ')} has no active `{value}`")
        return {f"{self.procore}_id": entry_id}
