"""What a word list lacks of what both systems hold now, as lines to be written below those that are there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

from procore_4hse.mapping.folding import fold
from procore_4hse.mapping.lenses.words import BETWEEN, NOT_SHARED, PLUS, WordList
from procore_4hse.mapping.meanings import Meaning, Meanings, Stems, stems
from procore_4hse.mapping.picklists import Picklists, names_of
from procore_4hse.models import Image


class Mark(StrEnum):
    PROPOSED = "proposed"
    """A 4HSE word beside the entry that seems to mean the same."""
    NEW = "new"
    """An entry without any match, under its own name."""


@dataclass(frozen=True)
class Line:
    """A line to be added. `records` is how many records use the entry, or show the 4HSE word."""

    fourhse: str
    procore: str
    mark: Mark
    records: int = 0


@dataclass(frozen=True)
class LiveList:
    """One of Procore's lists as it is now: the rows as they are, and what records show of it.

    A row is known by `name_key`, `id` and `name`; `label` is what people read, where that is another text.
    """

    picker: str
    rows: tuple[Image, ...]
    used: Mapping[str, int] = field(default_factory=dict)
    """Entry id -> the records that use it."""
    shown: Mapping[str, int] = field(default_factory=dict)
    """4HSE's words in this field -> the records that show them."""
    is_own: bool = True
    """Whether the list is the company's; of words that Procore fixes, a 4HSE word has one line."""

    @cached_property
    def lists(self) -> Picklists:
        return Picklists(pickers={self.picker: {str(row["id"]): row for row in self.rows}})

    def entry_of(self, word: str) -> str | None:
        return self.lists.entry_of(self.picker, word)


@dataclass(frozen=True)
class Completed:
    lines: tuple[Line, ...]
    asked: int
    """4HSE's words in use that are left without an entry: each is one question."""


def completed(words: WordList, live: LiveList, known: Meanings) -> Completed:
    """The lines that this list lacks, most used first; none when Procore's list is empty, for that proves nothing."""
    return _Completion(words, live, known).result() if live.rows else Completed((), 0)


@dataclass(frozen=True)
class _Completion:
    words: WordList
    live: LiveList
    known: Meanings

    def result(self) -> Completed:
        mended = tuple(self._for_lost_lines())
        proposed = (*mended, *self._for_shown_words(self._with(mended)))
        lines = (*proposed, *self._own_names(proposed))
        then = self._with(lines)
        return Completed(lines, sum(self._is_lost(word, then) for word in self.live.shown))

    def _with(self, lines: Sequence[Line]) -> WordList:
        """The lines that will count once these are added."""
        added = WordList.of(self.words.name, ((line.fourhse, line.procore) for line in lines))
        return WordList(self.words.name, (*self.words.entries, *added.entries)).among(self.live.entry_of)

    @cached_property
    def _now(self) -> WordList:
        return self._with(())

    @cached_property
    def _usable(self) -> list[Image]:
        return [row for row in self.live.rows if row.get("active", True) and row.get("selectable", True)]

    def _is_lost(self, word: str, words: WordList) -> bool:
        """Whether a 4HSE word has no line, or only lines that name nothing which Procore has."""
        meaning = words.meaning(word)
        return meaning is None or any(self.live.entry_of(each) is None for each in meaning)

    # Proposals ----------------------------------------------------------------------------------------------------

    def _for_lost_lines(self) -> Iterator[Line]:
        """A further line for each 4HSE word whose lines name nothing that Procore has."""
        if not self.live.is_own:
            return
        for word, meaning in self._now.entries:
            if len(meaning) == 1 and self._is_lost(word, self._now):
                (key,) = meaning
                if (row := self._entry_for(word, key)) is not None:
                    yield Line(word, self._name(row), Mark.PROPOSED, self.live.used.get(str(row["id"]), 0))

    def _for_shown_words(self, words: WordList) -> Iterator[Line]:
        """A line for each word that 4HSE's texts show and the list does not know."""
        seen: set[str] = set()
        otherwise = self._said_otherwise(words)
        for word, records in sorted(self.live.shown.items(), key=lambda each: (-each[1], each[0])):
            if words.meaning(word) is not None or fold(word) in seen:
                continue
            seen.add(fold(word))
            row = self._entry_for(word)
            named = otherwise.get(stems(word)) if row is None else self._said(row)
            if named is not None:
                yield Line(word, named, Mark.PROPOSED, records)

    def _said_otherwise(self, words: WordList) -> Mapping[Stems, str]:
        """What the list's own 4HSE words mean, by their stems; not where two of them differ."""
        found: dict[Stems, set[Meaning]] = {}
        for word, meaning in words.entries:
            found.setdefault(stems(word), set()).add(frozenset() if self._is_lost(word, words) else meaning)
        return {text: PLUS.join(sorted(*meant)) for text, meant in found.items() if len(meant) == 1 and all(meant)}

    def _entry_for(self, word: str, key: str | None = None) -> Image | None:
        """The one entry that means what this 4HSE word means, or what `key` of its line does."""
        texts = [word] if key is None else [word, key]
        for text in texts:
            same = [row for row in self._usable if stems(text) and stems(text) in map(stems, _texts(row))]
            if same:
                return same[0] if len(same) == 1 else None
        meant = self.known.of([word]) if key is None else self.known.of([key]) or self.known.of([word])
        if meant is None:
            return None
        named = [row for row in self._usable if self.known.named(_texts(row)) == meant]
        narrow = [row for row in self._usable if self.known.of(_texts(row)) == meant and row not in named]
        fitting = [row for row in narrow if any(stems(text) < stems(word) for text in _texts(row))]
        # A kind of what the word says goes before the whole, as `Chemical burn` does; two kinds are a question.
        chosen = fitting or named
        return chosen[0] if len(chosen) == 1 else None

    # Entries without a match --------------------------------------------------------------------------------------

    def _own_names(self, proposed: Sequence[Line]) -> Iterator[Line]:
        """A line under its own name for each entry that the list does not know: such as may be used, and such as is."""
        taken = {fold(word) for word, _ in self.words.entries} | {fold(line.fourhse) for line in proposed}
        then, matched = self._with(proposed), {self.live.entry_of(line.procore) for line in proposed}
        rows = [row for row in self.live.rows if row in self._usable or self.live.used.get(str(row["id"]))]
        for row in sorted(rows, key=lambda each: -self.live.used.get(str(each["id"]), 0)):
            if str(row["id"]) in matched or _listed(then, row) is not None or not _texts(row):
                continue
            word = next(each for each in _own_words(row) if fold(each) not in taken)
            taken.add(fold(word))
            yield Line(word, self._name(row), Mark.NEW, self.live.used.get(str(row["id"]), 0))

    def _said(self, row: Image) -> str:
        """The word for an entry in the column `procore`: the list's own, where that names this entry and no other."""
        listed = _listed(self._now, row)
        return listed if listed and self.live.entry_of(listed) == str(row["id"]) else self._name(row)

    def _name(self, row: Image) -> str:
        """How the entry is named in the column `procore`: by the first of its names that is its own and no other's."""
        names = [name for name in (row.get("name_key"), row.get("name")) if name]
        plain = (" ".join(str(name).split()) for name in names)
        own = (name for name in plain if self.live.entry_of(name) == str(row["id"]) and _is_one_word(name))
        return next(own, str(row["id"]))


def _listed(words: WordList, row: Image) -> str | None:
    """The list's own word for this entry, by any of its names."""
    known = (words.procore_word(name) for name in names_of(row))
    return next((word for word in known if word is not None), None)


def _is_one_word(name: str) -> bool:
    return bool(name) and PLUS not in name and fold(name) != NOT_SHARED


def _texts(row: Image) -> list[str]:
    """What people read of an entry, and its key."""
    return [str(row[key]) for key in ("label", "name", "name_key") if row.get(key)]


def _own_words(row: Image) -> Iterator[str]:
    """The words that an entry may have in 4HSE, the first that no line has."""
    # `;` stands between two words there, and `-` for none.
    texts = [" ".join(text.replace(BETWEEN, ",").split()) for text in _texts(row)]
    yield from (text for text in texts if stems(text))
    yield f"{texts[0]} ({row['id']})"
