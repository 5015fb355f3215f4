"""Word lists in two columns, and the lenses that read and write them: one word, or several body parts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from procore_4hse.mapping.folding import by_key, fold, fold_key
from procore_4hse.mapping.lenses.base import (
    ByValue,
    Held,
    Known,
    Lens,
    NeedsLists,
    Reading,
    Unwritable,
    odd_value,
    unreadable,
)
from procore_4hse.mapping.lenses.lines import Spot
from procore_4hse.mapping.picklists import Picklists
from procore_4hse.models import Image, Side

NOT_SHARED = "not shared"
BETWEEN = ";"
"""Stands between several 4HSE words in one text."""
PLUS = " + "
"""Stands between several Procore words that one 4HSE word means together."""


@dataclass(frozen=True)
class WordList:
    """Lines of a list: a 4HSE word and the Procore words that it means; none for a word that is not shared.

    Several words may mean the same: all are read, the first is written. A 4HSE word may have several lines where
    Procore's words are a list of the company's: the first one whose words that list has is its meaning.
    """

    name: str
    entries: tuple[tuple[str, frozenset[str]], ...]

    @classmethod
    def of(cls, name: str, pairs: Iterable[tuple[str, str]]) -> WordList:
        return cls(name, tuple((fourhse, _meant(procore)) for fourhse, procore in pairs))

    def among(self, entry_of: Callable[[str], str | None]) -> WordList:
        """The lines that count while Procore's list is as `entry_of` says: the id of the entry that a word names.

        Words that name the same entry, by its key, its id or its name, become one: the first that is listed.
        """
        ids = {word: entry_of(word) for _, meaning in self.entries for word in meaning}
        counting: dict[str, int] = {}
        for at, (word, meaning) in enumerate(self.entries):
            before = counting.setdefault(fold(word), at)
            if before != at and not _all_known(self.entries[before][1], ids) and _all_known(meaning, ids):
                counting[fold(word)] = at
        lines = [self.entries[at] for at in sorted(counting.values())]
        first: dict[tuple[str | None, str], str] = {}
        for _, meaning in lines:
            for word in sorted(meaning):
                first.setdefault(_entry(word, ids), word)
        one = tuple((word, frozenset(first[_entry(each, ids)] for each in meaning)) for word, meaning in lines)
        return self if one == self.entries else WordList(self.name, one)

    def plainest(self) -> WordList:
        """The lines whose word is the one that is written."""
        return WordList(self.name, tuple(entry for entry in self.entries if self._first[entry[1]] == entry[0]))

    @cached_property
    def _meanings(self) -> Mapping[str, frozenset[str]]:
        return {fold(word): meaning for word, meaning in reversed(self.entries)}

    @cached_property
    def _first(self) -> Mapping[frozenset[str], str]:
        return {meaning: word for word, meaning in reversed(self.entries)}  # The first line is put last, and stays.

    @cached_property
    def procore_words(self) -> Mapping[str, str]:
        """Every Procore word of the list, by its folded form."""
        return {fold(word): word for _, meaning in self.entries for word in meaning}

    @cached_property
    def _keys(self) -> Mapping[str, str]:
        return by_key(self.procore_words.values())

    def meaning(self, word: str) -> frozenset[str] | None:
        """What a 4HSE word means; None for a word that the list does not hold."""
        return self._meanings.get(fold(word))

    def word(self, *meaning: str) -> str | None:
        """The 4HSE word that is written for exactly these Procore words."""
        return self._first.get(frozenset(meaning))

    def procore_word(self, called: str) -> str | None:
        """The list's own form of a Procore word; None for one that it does not hold.

        What is written alike goes before what only folds alike.
        """
        return self.procore_words.get(fold(called)) or self._keys.get(fold_key(called))

    def unknown(self, side: Side, word: str) -> Held:
        file = f"words/{self.name}.yaml"
        reason = f"{side.label} shows {word!r}, which the list {file} does not know"
        return Held(reason, word, file, self._known_on[side.other])

    @cached_property
    def _known_on(self) -> Mapping[Side, tuple[str, ...]]:
        words = tuple(dict.fromkeys(word for word, _ in self.entries))
        return {Side.PROCORE: tuple(self.procore_words.values()), Side.FOURHSE: words}


def _all_known(meaning: frozenset[str], ids: Mapping[str, str | None]) -> bool:
    return all(ids[word] is not None for word in meaning)


def _entry(word: str, ids: Mapping[str, str | None]) -> tuple[str | None, str]:
    """What a word of Procore's names: an entry by its id, else nothing but itself."""
    entry_id = ids[word]
    return (entry_id, "") if entry_id is not None else (None, fold(word))


def listed_now(words: WordList, picker: str | None, picklists: Picklists) -> WordList:
    """The lines of a list that count now. Each list is gone through once, for lenses are bound for every record."""
    if picker is None:
        return words
    return picklists.once(picker, words, lambda: words.among(lambda word: picklists.entry_of(picker, word)))


def _meant(procore: str) -> frozenset[str]:
    return frozenset() if procore == NOT_SHARED else frozenset(procore.split(PLUS))


@dataclass(frozen=True)
class _Listed(ByValue):
    """Procore's value in `procore`, 4HSE's words in `spot`, and the list between them."""

    procore: str
    spot: Spot
    words: WordList

    def reads(self, side: Side) -> tuple[str, ...]:
        return (self.procore,) if side is Side.PROCORE else (self.spot.key,)


@dataclass(frozen=True)
class WordLens(_Listed, NeedsLists):
    """One word on each side: a fixed word of Procore's, or an entry of one of its pickers, by name key, id or name."""

    picker: str | None = None
    """Procore's list of these words; None when the contract fixes them."""
    picklists: Picklists = field(default_factory=Picklists)
    equivalence: str = "two words agree when the word list says that they mean the same"

    def bound(self, picklists: Picklists) -> Lens:
        return replace(self, picklists=picklists, words=listed_now(self.words, self.picker, picklists))

    def names(self, side: Side) -> tuple[str, ...]:
        if side is Side.FOURHSE:
            return (self.spot.key,)
        return (f"{self.procore}_id",) if self.picker else (self.procore,)

    def get(self, side: Side, image: Image) -> Reading:
        if side is Side.FOURHSE:
            return unreadable(side, image, self.spot.key) or self._fourhse(self.spot.read(image))
        written = image.get(self.procore)
        if written in (None, "", {}):
            return Known(None)
        called = self.picklists.called(self.picker, written) if self.picker else (str(written),)
        word = next((word for word in map(self.words.procore_word, called) if word is not None), None)
        return Known(word) if word is not None else self.words.unknown(side, called[-1])

    def _fourhse(self, written: str | None) -> Reading:
        if written is None:
            return Known(None)
        meaning = self.words.meaning(written)
        if meaning is None:
            return self.words.unknown(Side.FOURHSE, written)
        return Known(next(iter(meaning), None))

    def put(self, side: Side, value: Any, current: Image, facts: Image) -> dict[str, Any]:
        if side is Side.PROCORE:
            (name,) = self.names(side)
            return {name: self._procore(value)}
        # A synonym that people chose stays: another word for the same would be an edit that nobody made.
        present = self.spot.read(current)
        if present and self._fourhse(present) == Known(value):
            return self.spot.write(present, current)
        word = None if value is None else self.words.word(value)
        if value is not None and word is None:
            raise Unwritable(f"the list words/{self.words.name}.yaml has no 4HSE word for `{value}`")
        return self.spot.write(word, current)

    def _procore(self, value: str | None) -> int | str | bool | None:
        if value is None or self.picker is None:
            return value
        entry_id = self.picklists.id_of(self.picker, value)
        if entry_id is None:
            raise Unwritable(f"Procore's list of {self.picker.replace('_', ' ')} has no active `{value}`")
        return entry_id


@dataclass(frozen=True)
class SeveralWords(_Listed):
    """Any number of Procore's words, and 4HSE's with `;` between them. Their order means nothing."""

    def listed(self, written: str | None) -> Reading:
        """What a text of 4HSE's words means together."""
        meanings = [(word, self.words.meaning(word)) for word in parts_of(written)]
        missing = next((word for word, meaning in meanings if meaning is None), None)
        if missing is not None:
            return self.words.unknown(Side.FOURHSE, missing)
        return Known(sorted_words(key for _, meaning in meanings for key in meaning or ()))

    def worded(self, wanted: frozenset[str], current: Image) -> str:
        """The words that stand there already, as far as they are still right, and one for each that is missing."""
        present = [(word, self.words.meaning(word)) for word in parts_of(self.spot.read(current))]
        # A word that means two parts goes when one of them does; what is still wanted of it is added by itself.
        kept = [word for word, meaning in present if meaning is not None and meaning <= wanted]
        covered = frozenset[str]().union(*(self.words.meaning(word) or () for word in kept))
        return f"{BETWEEN} ".join([*kept, *(self._word(key) for key in sorted(wanted - covered))])

    def _word(self, key: str) -> str:
        word = self.words.word(key)
        if word is None:
            raise Unwritable(f"the list words/{self.words.name}.yaml has no 4HSE word for `{key}` alone")
        return word


@dataclass(frozen=True)
class PartsLens(SeveralWords, NeedsLists):
    """Body parts: Procore's keys, with sides, and 4HSE's words with `;` between them. Their order means nothing."""

    picklists: Picklists = field(default_factory=Picklists)
    equivalence: str = "the same body parts, in any order and in any of the list's words"

    def bound(self, picklists: Picklists) -> Lens:
        return replace(self, picklists=picklists)  # Its words are Procore's own keys, of which none has another name.

    def names(self, side: Side) -> tuple[str, ...]:
        return ("body_part_ids",) if side is Side.PROCORE else (self.spot.key,)

    def get(self, side: Side, image: Image) -> Reading:
        if side is Side.PROCORE:
            return self._procore(image.get(self.procore))
        return unreadable(side, image, self.spot.key) or self.listed(self.spot.read(image))

    def clears(self, fields: Image) -> bool:
        """Whether an update of a Procore record leaves it without body parts."""
        return not fields.get("body_part_ids")

    def _procore(self, keys: Any) -> Reading:
        if not isinstance(keys or [], list):
            return odd_value(Side.PROCORE, self.procore, keys)
        parts: list[str] = []
        for called in map(self._called, keys or ()):
            key = self.words.procore_word(called)
            if key is None:
                return self.words.unknown(Side.PROCORE, called)
            parts.append(key)
        return Known(sorted_words(parts))

    def _called(self, raw: Any) -> str:
        """The key of a part as Procore shows it; one that comes as an id or an object is looked up in its list."""
        if isinstance(raw, str):
            return raw
        named = self.picklists.called("body_parts", raw if isinstance(raw, Mapping) else {"id": raw})
        return next((name for name in named if self.words.procore_word(name) is not None), named[-1])

    def put(self, side: Side, value: Any, current: Image, facts: Image) -> dict[str, Any]:
        wanted = frozenset(value or ())
        if side is Side.FOURHSE:
            return self.spot.write(self.worded(wanted, current), current)
        if wanted and not _has_affliction(current):
            raise Unwritable("Procore takes body parts only together with an affliction type")
        # Read as keys, written as ids of a list (P88).
        return {"body_part_ids": [self._id(key) for key in sorted(wanted)]}

    def _id(self, key: str) -> int:
        part_id = self.picklists.id_of("body_parts", key)
        if part_id is None:
            raise Unwritable(f"Procore's list of body parts has no selectable `{key}`")
        return part_id


def parts_of(written: str | None) -> list[str]:
    return [part.strip() for part in (written or "").split(BETWEEN) if part.strip()]


def sorted_words(words: Iterable[str]) -> tuple[str, ...] | None:
    """Each once, in an order that means nothing; None for none, as an empty text and a missing one are the same."""
    return tuple(sorted(set(words))) or None


def _has_affliction(current: Image) -> bool:
    """Whether the injury will have an affliction type: what is written with it counts before what it shows (P87)."""
    name = "affliction_type_id" if "affliction_type_id" in current else "affliction_type"
    return current.get(name) is not None
