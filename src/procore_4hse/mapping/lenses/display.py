"""The lens of texts that Procore shows in many forms: a plain value, the name of an object, a custom field's value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from procore_4hse.mapping.lenses import text
from procore_4hse.mapping.lenses.base import ByValue, Known, Reading, Unwritable, unreadable
from procore_4hse.mapping.lenses.lines import NONE, Spot
from procore_4hse.mapping.paths import at, path_of
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

    @property
    def equivalence(self) -> str:
        blanks = "repeated blanks and line ends" if self._is_one_line else "line ends, blanks at their ends"
        return f"{blanks}, Unicode form and HTML markup do not count"

    @property
    def _is_one_line(self) -> bool:
        return self.is_one_line or self.spot.line is not None

    def reads(self, side: Side) -> tuple[str, ...]:
        return (path_of(self.procore),) if side is Side.PROCORE else (self.spot.key,)

    def names(self, side: Side) -> tuple[str, ...]:
        return (self.procore,) if side is Side.PROCORE else (self.spot.key,)

    def get(self, side: Side, image: Image) -> Reading:
        if side is Side.FOURHSE and (held := unreadable(side, image, self.spot.key)):
            return held
        written = display_text(at(image, path_of(self.procore))) if side is Side.PROCORE else self.spot.read(image)
        return Known(self.plain(written))

    def plain(self, written: str | None) -> str | None:
        """The text that counts."""
        plain = text.canonical(written)
        if self._is_one_line:
            plain = " ".join((plain or "").split()) or None
        return None if self.spot.line and plain == NONE else plain

    def put(self, side: Side, value: Any, current: Image, facts: Image) -> dict[str, Any]:
        if side is Side.FOURHSE:
            return self.spot.write(value, current)
        if self.is_set_by_procore:
            raise Unwritable(f"Procore sets `{self.procore}` itself")
        return {self.procore: text.rendered(value, like=at(current, path_of(self.procore)))}

    def is_rewrite(self, sent: Any, stored: Any) -> bool:
        return text.is_rewrite(sent, stored)
