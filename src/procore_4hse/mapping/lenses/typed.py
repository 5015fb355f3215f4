"""The lenses of numbers, days, and yes or no, which have a form of their own in one system and stand in a text of the
other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

from procore_4hse.mapping.lenses.base import LONGEST_WORD, ByValue, Held, Known, Reading, unreadable
from procore_4hse.mapping.lenses.days import parse_day
from procore_4hse.mapping.lenses.lines import NONE, Spot
from procore_4hse.mapping.paths import at, path_of
from procore_4hse.models import Image, Side

YES, NO = "Yes", "No"
_YES = frozenset({"yes", "y", "true", "sì", "si", "si\u0300"})
_NO = frozenset({"no", "n", "false"})
_MOST = 2**63
"""From here on a number fits no system."""


@dataclass(frozen=True)
class Form:
    """How values of one type stand in a record."""

    what: str
    """As a question names it, with an article."""
    equivalence: str
    read: Callable[[Any], Any]
    """The value of what stands there, None for nothing; raises ValueError where it is none of this type."""
    text: Callable[[Any], str]
    """The value in a text."""
    member: Callable[[Any], Any]
    """The value, or None, as a member of Procore's."""


def _count(raw: Any) -> int | None:
    if isinstance(raw, bool):
        raise ValueError
    number = int(str(raw))
    if not 0 <= number < _MOST:
        raise ValueError
    return number or None


def _day(raw: Any) -> date:
    day = parse_day(raw)
    if day is None:
        raise ValueError
    return day


def _yes_or_no(raw: Any) -> bool | None:
    word = str(raw).strip().casefold()
    if word not in _YES | _NO:
        raise ValueError
    return word in _YES or None


COUNT = Form("a whole number", "none and 0 are the same", _count, str, lambda value: value or 0)
DAY = Form(
    "a day such as 2026-03-12",
    "a time of day does not count",
    _day,
    lambda day: str(day.isoformat()),
    lambda day: None if day is None else day.isoformat(),
)
YES_OR_NO = Form("yes or no", "none and no are the same", _yes_or_no, lambda _: YES, bool)


@dataclass(frozen=True)
class TypedLens(ByValue):
    """A member of Procore's and a text of 4HSE, or a member of 4HSE's and a named line in Procore."""

    procore: str
    spot: Spot
    form: Form
    site: Spot | None = None
    """The line above the text in Procore that holds the value."""

    @property
    def equivalence(self) -> str:
        return self.form.equivalence

    def reads(self, side: Side) -> tuple[str, ...]:
        return (path_of(self.procore),) if side is Side.PROCORE else (self.spot.key,)

    def names(self, side: Side) -> tuple[str, ...]:
        return (self.procore,) if side is Side.PROCORE else (self.spot.key,)

    def _spot(self, side: Side) -> Spot | None:
        return self.site if side is Side.PROCORE else self.spot

    def get(self, side: Side, image: Image) -> Reading:
        spot = self._spot(side)
        if spot is not None and (held := unreadable(side, image, spot.key)):
            return held
        raw = at(image, path_of(self.procore)) if spot is None else spot.read(image)
        if raw in (None, "", NONE):
            return Known(None)
        try:
            return Known(self.form.read(raw))
        except ValueError:
            shown = str(raw)[:LONGEST_WORD]
            return Held(f"{side.label} shows {shown!r} where {self.form.what} stands", word=shown)

    def put(self, side: Side, value: Any, current: Image, facts: Image) -> dict[str, Any]:
        spot = self._spot(side)
        if spot is None:
            return {self.procore: self.form.member(value)}
        return spot.write(None if value is None else self.form.text(value), current)
