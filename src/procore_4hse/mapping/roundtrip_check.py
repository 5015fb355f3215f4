"""Would a mapping settle? Every row is tried on samples: what one side shows is written, read back, and must agree."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import combinations
from typing import Any

from procore_4hse.mapping.directory import Directory, EquipmentDirectory
from procore_4hse.mapping.folding import fold
from procore_4hse.mapping.lenses.actions import ActionsLens
from procore_4hse.mapping.lenses.base import STATUS_AT, ZONE, Held, Lens, Unwritable
from procore_4hse.mapping.lenses.category import KINDS, Meaning, Recorded
from procore_4hse.mapping.lenses.custom import DecimalLens
from procore_4hse.mapping.lenses.display import EntryLens, ShownLens
from procore_4hse.mapping.lenses.equipment import EquipmentLens
from procore_4hse.mapping.lenses.incident import CUSTOM_STATUS, TITLE_MAX, StatusLens, TextLens, TitleLens
from procore_4hse.mapping.lenses.person import PersonLens
from procore_4hse.mapping.lenses.typed import COUNT, DAY, YES_OR_NO, TypedLens
from procore_4hse.mapping.lenses.words import PartsLens, SeveralWords, WordLens
from procore_4hse.mapping.paths import CUSTOM, stem
from procore_4hse.mapping.picklists import Picklists
from procore_4hse.mapping.rules import Field
from procore_4hse.models import Image, Side

FACTS: Image = {ZONE: "America/Los_Angeles", STATUS_AT: "2026-03-08T09:30:00Z"}
TEXTS = ("x", "No", "-", "a: b", "<A> & b", "<p>x</p>", "one\n\ntwo", " x", "é…", "x" * (TITLE_MAX + 1))
DAYS = (date(2026, 1, 1), date(2026, 3, 8), date(2026, 11, 1))
"""A plain day, and the two on which clocks change."""


@dataclass(frozen=True)
class CounterExample:
    """A value that does not come back: in which field, and what each side shows."""

    field: Field
    side: Side
    """Where the value was written."""
    value: str
    written: str
    read_back: str

    def __str__(self) -> str:
        return (
            f"{self.side.other.label}'s {self.value} is written to {self.side.label} as {self.written}, "
            f"and {self.read_back}: the two would never agree"
        )


def counter_examples(rows: tuple[Field, ...]) -> Iterator[CounterExample]:
    """The smallest failing sample of each row of a record, in the order of the rows."""
    for pickers in _situations(rows):
        yield from _failing(rows, pickers)


def _failing(rows: tuple[Field, ...], pickers: Iterable[tuple[str, Image]]) -> Iterator[CounterExample]:
    picklists = Picklists.of(Directory({"1": "a"}, {"a": "1"}), pickers, EquipmentDirectory({"1": "a"}, {"a": "1"}))
    bound = tuple(row.bound(picklists) for row in rows)
    for row in bound:
        needed = {other.key: _samples(other, bound)[0] for other in bound if _leads(other, row)}
        tried = (
            _tried(bound, row, side, value, needed)
            for side in Side
            if row.writes_to(side)
            for value in _samples(row, bound)
        )
        if (failing := next((example for example in tried if example is not None), None)) is not None:
            yield failing


def _tried(
    rows: tuple[Field, ...], row: Field, side: Side, value: Any, needed: Mapping[str, Any]
) -> CounterExample | None:
    """Writes this value beside the neighbours that it needs and reads it back."""
    image: Image = {}
    try:
        for other in rows:
            if other is row or other.key in needed:
                image = {**image, **other.lens.put(side, value if other is row else needed[other.key], image, FACTS)}
    except Unwritable as error:
        return CounterExample(row, side, _quoted(value), "nothing", str(error))
    stored_image = {**image, **_echo(rows, image), ZONE: FACTS[ZONE]}
    stored = row.lens.get(side, stored_image)
    written = ", ".join(f"`{name}` {image[name]!r}" for name in row.lens.names(side) if name in image)
    if isinstance(stored, Held):
        return CounterExample(row, side, _quoted(value), written, f"reads as no known word there ({stored.reason})")
    # `agree` takes Procore's value first; `value` is what the other side shows.
    agrees = row.lens.agree(*((value, stored.value) if side is Side.FOURHSE else (stored.value, value)))
    return None if agrees else CounterExample(row, side, _quoted(value), written, f"reads as {_quoted(stored.value)}")


def _leads(other: Field, row: Field) -> bool:
    """A title leads a description, and Procore takes no body part without an affliction."""
    if isinstance(row.lens, PartsLens):
        return other.wording.procore == "affliction_type"
    return isinstance(row.lens, TextLens) and isinstance(other.lens, TitleLens)


def _quoted(value: Any) -> str:
    if value is None:
        return "nothing"
    text = "; ".join(value) if isinstance(value, tuple) else str(value)
    return f"`{text if len(text) <= 40 else text[:39] + '…'}`"


# Samples ---------------------------------------------------------------------------------------------------------


def _samples(row: Field, rows: tuple[Field, ...]) -> tuple[Any, ...]:
    """Values that such a row may meet, the smallest first; every word of a list is one."""
    lens = row.lens
    if isinstance(lens, WordLens):
        return tuple(sorted(set(_single(lens.words.entries)), key=lambda word: (len(word), word)))
    if isinstance(lens, SeveralWords):
        return tuple(sorted(_parts(lens), key=lambda keys: (len(keys), keys)))
    if isinstance(lens, PersonLens):
        return ("1",)
    if isinstance(lens, ActionsLens):
        return ("1. x", "1. x 2. y: z" if lens.spot.line else "1. x\n2. y: z")
    if isinstance(lens, DecimalLens):
        return ("1", "0", "2.5")
    if isinstance(lens, TypedLens):
        return TYPED[lens.form.what]
    if isinstance(lens, EntryLens):
        return NAMES
    if isinstance(lens, ShownLens):
        return tuple(dict.fromkeys(filter(None, map(lens.plain, _texts(rows)))))
    if isinstance(lens, EquipmentLens):
        return ("1",)
    return SAMPLES.get(row.wording.using, _texts(rows))


def _texts(rows: tuple[Field, ...]) -> tuple[Any, ...]:
    labels = sorted({label for row in rows for label in _labels(row.lens)})
    return (*(text for text in TEXTS if text == text.strip()), *(f"{label}: x" for label in labels))


def _labels(lens: Lens) -> tuple[str, ...]:
    if isinstance(lens, TextLens):
        return (*lens.labels, *lens.site_labels)
    return lens.spot.labels if isinstance(lens, ShownLens) else ()


NAMES = ("Tower", "Roof")
TYPED: Mapping[str, tuple[Any, ...]] = {
    COUNT.what: (None, 1, 365),
    DAY.what: (None, *DAYS),
    YES_OR_NO.what: (None, True),
}
SAMPLES: Mapping[str, tuple[Any, ...]] = {
    "title": tuple(text for text in TEXTS if text == text.strip() and "\n" not in text),
    "local day": DAYS,
    "status": ("open", "closed"),
    "category from records": tuple(
        Recorded(is_injured, frozenset(kinds))
        for is_injured in (False, True)
        for kinds in ((), *((kind,) for kind in KINDS.values() if kind is not Meaning.INJURY))
    ),
    "number": (None, 1, 365),
}


def _single(entries: Entries) -> Iterator[str]:
    return (word for _, meaning in entries for word in meaning)


def _parts(lens: SeveralWords) -> set[tuple[str, ...]]:
    keys = sorted(lens.words.procore_words.values())
    meanings = {tuple(sorted(meaning)) for _, meaning in lens.words.entries if meaning}
    # Pairs of all 138 body parts would be 9,453 samples; pairs of a dozen show the same faults.
    return meanings | {(key,) for key in keys} | set(combinations(keys[:12], 2))


# What the systems show of what was written -----------------------------------------------------------------------


def _situations(rows: tuple[Field, ...]) -> Iterator[list[tuple[str, Image]]]:
    """Lists in which Procore knows every word of the mapping; if 4HSE words have several lines, only the last ones."""
    yield list(_pickers(rows, _single))
    lists = [row.lens.words.entries for row in rows if isinstance(row.lens, WordLens)]
    if any(len(_lasts(entries)) < len(entries) for entries in lists):
        yield list(_pickers(rows, lambda entries: _single(_lasts(entries))))


Entries = Iterable[tuple[str, frozenset[str]]]


def _lasts(entries: Entries) -> list[tuple[str, frozenset[str]]]:
    """The last line of each 4HSE word."""
    last = {fold(word): meaning for word, meaning in entries}
    return [(word, meaning) for word, meaning in entries if last[fold(word)] == meaning]


def _pickers(rows: Iterable[Field], words_of: Callable[[Entries], Iterator[str]]) -> Iterator[tuple[str, Image]]:
    for row in rows:
        lens = row.lens
        if isinstance(lens, WordLens) and lens.picker:
            # Invented ids begin at a million, away from those that a list may name itself.
            for number, word in enumerate(sorted(set(words_of(lens.words.entries))), start=10**6):
                yield lens.picker, {"id": int(word) if word.isdecimal() else number, "name_key": word}
        elif isinstance(lens, EntryLens):
            yield from ((lens.picker, {"id": number, "name": name}) for number, name in enumerate(NAMES, start=1))
        elif isinstance(lens, PartsLens):
            for number, key in enumerate(sorted(set(_single(lens.words.entries))), start=10**6):
                yield "body_parts", {"id": number, "name": key}


def _echo(rows: Iterable[Field], image: Image) -> dict[str, Any]:
    """Procore shows objects where it takes ids."""
    custom = {name: {"value": value} for name, value in image.items() if stem(name) == CUSTOM}
    echoed: dict[str, Any] = {"custom_fields": custom}
    for row in rows:
        lens = row.lens
        if isinstance(lens, WordLens) and lens.picker and (name := f"{lens.procore}_id") in image:
            echoed[lens.procore] = image[name] and {"id": image[name]}
        elif isinstance(lens, EntryLens) and (name := f"{lens.procore}_id") in image:
            echoed[lens.procore] = lens.picklists.pickers[lens.picker][str(image[name])]
        elif isinstance(lens, PartsLens) and "body_part_ids" in image:
            parts = lens.picklists.pickers["body_parts"]
            echoed[lens.procore] = [str(parts[str(part_id)]["name"]) for part_id in image["body_part_ids"]]
        elif isinstance(lens, StatusLens) and CUSTOM_STATUS in image:
            echoed[lens.procore] = next(word for word, status in lens.custom.items() if status == image[CUSTOM_STATUS])
        elif isinstance(lens, PersonLens) and "affected_party_id" in image:
            echoed["affected_party"] = {"id": image["affected_party_id"]}
        elif isinstance(lens, EquipmentLens) and "managed_equipment_id" in image:
            echoed["managed_equipment"] = {"id": image["managed_equipment_id"]}
    return echoed
