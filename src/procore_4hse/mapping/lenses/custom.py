"""The lenses of Procore's custom fields that hold a number, an entry of a list, several entries, or yes and no."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from procore_4hse.mapping.lenses.base import ByValue, Held, Known, Lens, Reading, Unwritable, odd_value, unreadable
from procore_4hse.mapping.lenses.lines import Spot
from procore_4hse.mapping.lenses.words import SeveralWords, WordLens, WordList, sorted_words
from procore_4hse.mapping.paths import at, path_of
from procore_4hse.mapping.picklists import Picklists
from procore_4hse.models import Image, Side

SWITCH = ("true", "false")
MOST_DIGITS = 18
"""Before or behind the point; a number beyond 64 bit is no value that people entered."""


@dataclass(frozen=True)
class DecimalLens(ByValue):
    """A number of a custom field, and its digits in a text of 4HSE."""

    procore: str
    spot: Spot
    equivalence: str = "2, 2.0 and 2.00 are the same; none and 0 are not"

    def reads(self, side: Side) -> tuple[str, ...]:
        return (path_of(self.procore),) if side is Side.PROCORE else (self.spot.key,)

    def names(self, side: Side) -> tuple[str, ...]:
        return (self.procore,) if side is Side.PROCORE else (self.spot.key,)

    def get(self, side: Side, image: Image) -> Reading:
        if held := unreadable(side, image, *self.reads(side)):
            return held
        written = at(image, path_of(self.procore)) if side is Side.PROCORE else self.spot.read(image)
        if written in (None, ""):
            return Known(None)
        digits = _digits(str(written))
        if digits is None:
            return Held(f"{side.label} shows {written!r} where a number stands", word=str(written))
        return Known(digits)

    def put(self, side: Side, value: Any, current: Image, facts: Image) -> dict[str, Any]:
        if side is Side.FOURHSE:
            return self.spot.write(value, current)
        if value is None:
            return {self.procore: None}
        # A JSON number, never a text, and a whole one without a point.
        return {self.procore: float(value) if "." in value else int(value)}


def _digits(written: str) -> str | None:
    """The number in its shortest form; None when it is none."""
    try:
        number = Decimal(written.strip())
    except InvalidOperation:
        return None
    if not number.is_finite() or (number and not -MOST_DIGITS <= number.adjusted() <= MOST_DIGITS):
        return None
    # `normalize` cuts zeros, `+ 0` turns -0 into 0, and `f` writes 1E+2 as 100.
    return f"{number.normalize() + 0:f}"


@dataclass(frozen=True)
class CustomWordLens(WordLens):
    """One entry of a custom field's list, or its yes and no; the word list names entries by id or by label."""

    def reads(self, side: Side) -> tuple[str, ...]:
        return (path_of(self.procore),) if side is Side.PROCORE else (self.spot.key,)

    def bound(self, picklists: Picklists) -> Lens:
        return self

    def get(self, side: Side, image: Image) -> Reading:
        if side is Side.FOURHSE:
            return super().get(side, image)
        raw = at(image, path_of(self.procore))
        if isinstance(raw, list):
            return Held("Procore shows several entries here; the row needs `using: several words`", word=str(raw))
        return _entry(self.words, raw)

    def _procore(self, value: str | None) -> int | str | bool | None:
        return None if value is None else _id(value)


@dataclass(frozen=True)
class CustomWordsLens(SeveralWords):
    """Several entries of a custom field's list; their order means nothing."""

    equivalence: str = "the same entries, in any order and in any of the list's words"

    def reads(self, side: Side) -> tuple[str, ...]:
        return (path_of(self.procore),) if side is Side.PROCORE else (self.spot.key,)

    def names(self, side: Side) -> tuple[str, ...]:
        return (self.procore,) if side is Side.PROCORE else (self.spot.key,)

    def get(self, side: Side, image: Image) -> Reading:
        if side is Side.FOURHSE:
            return unreadable(side, image, self.spot.key) or self.listed(self.spot.read(image))
        entries = at(image, path_of(self.procore)) or []
        if not isinstance(entries, list):
            return odd_value(side, path_of(self.procore), entries)
        readings = [_entry(self.words, entry) for entry in entries]
        held = next((reading for reading in readings if isinstance(reading, Held)), None)
        return held or Known(sorted_words(reading.value for reading in readings if isinstance(reading, Known)))

    def put(self, side: Side, value: Any, current: Image, facts: Image) -> dict[str, Any]:
        if side is Side.FOURHSE:
            return self.spot.write(self.worded(frozenset(value or ()), current), current)
        return {self.procore: [_id(word) for word in value or ()]}


def _entry(words: WordList, raw: Any) -> Reading:
    """The word of the list for an entry that a record shows, by its id or its label."""
    if raw in (None, "", {}):
        return Known(None)
    called = _called(raw)
    listed = next((word for word in map(words.procore_word, called) if word is not None), None)
    return words.unknown(Side.PROCORE, called[-1]) if listed is None else Known(listed)


def _called(raw: Any) -> tuple[str, ...]:
    if isinstance(raw, bool):
        return (SWITCH[not raw],)  # True is the first of the two.
    if isinstance(raw, Mapping):
        return tuple(str(raw[key]) for key in ("id", "label") if raw.get(key) is not None) or ("?",)
    return (str(raw),)


def is_written(word: str) -> bool:
    """Whether Procore takes this word of a list: the id of an entry, or yes and no."""
    return word in SWITCH or word.isdecimal()


def _id(word: str) -> int | bool:
    """What Procore takes for a word of the list: it knows entries by their id alone (P103)."""
    if word in SWITCH:
        return word == SWITCH[0]
    if not is_written(word):
        raise Unwritable(f"Procore takes an entry by its id, and `{word}` is a label")
    return int(word)
