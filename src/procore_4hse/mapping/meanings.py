"""What a word of a list means, whichever language or form it is said in: the default list and the ready lists know.

A text means what a listed word of the same stems means: `Contusione`, `Bruises` and `bruise_or_contusion` are one.
Nothing is told of a text that no list holds, or that two lists hold with different meanings.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from procore_4hse.mapping.document import read_document
from procore_4hse.mapping.lenses.words import NOT_SHARED, WordList

TEMPLATES = Path(__file__).parents[1] / "templates" / "mappings"
LANGUAGES = ("en", "it")
LISTS = {"affliction_type": "affliction", "affected_body_parts": "body_part"}
"""Procore's fields whose words the default mapping knows, with the name of its list; ready lists begin with it."""

Stems = frozenset[str]
Meaning = frozenset[str]
"""Words of Procore's as the default list has them; several where one word means all of them together."""

_WORD = re.compile(r"[^\W_]+")
_SMALL = frozenset(
    re.findall(
        r"\w+",
        "and or of the to in with nec unspecified "
        "e o ed od di da del dei della delle dell degli dello la lo il le i gli l al alla",
    )
)
"""Words that change no meaning here, in English and Italian."""
_ENDING = re.compile(r"(?<=[^\W\d_]{3})(?:es|s|h?[aeioy])$")
"""The plural and the gender of a word in both languages."""


def stems(text: str) -> Stems:
    """A text without order, accents, small words and endings."""
    plain = unicodedata.normalize("NFKD", text.casefold().replace("n.e.c.", " "))
    words = _WORD.findall("".join(letter for letter in plain if not unicodedata.combining(letter)))
    return frozenset(_ENDING.sub("", word) for word in words if word not in _SMALL)


Known = Mapping[Stems, Meaning]


@dataclass(frozen=True)
class Meanings:
    """What texts mean, by their stems. `names` has those alone that say a word of Procore's itself: `Frattura`.

    The others are counted under one that is wider, as a `Sprain` is under `sprain_or_strain`.
    """

    names: Known
    counted: Known

    def named(self, texts: Iterable[str]) -> Meaning | None:
        """What any of these texts for the same thing is a name of; None when none is one, or two are of two things."""
        return _one(self.names, texts)

    def of(self, texts: Iterable[str]) -> Meaning | None:
        """What any of these texts is a name of, or is counted under."""
        every = tuple(texts)
        return self.named(every) or _one(self.counted, every)


@cache
def meanings(procore: str) -> Meanings:
    """What is known of the words of this field of Procore's; nothing for a field that the default mapping lacks."""
    if procore not in LISTS:
        return Meanings({}, {})
    name = LISTS[procore]
    default = _read(TEMPLATES / "default" / "words" / f"{name}.yaml")
    ready = [_read(path) for path in sorted((TEMPLATES / "ready").glob(f"{name}_*.yaml"))]
    plain = [words for words in ready if words.name in {f"{name}_{language}" for language in LANGUAGES}]
    narrow = {stems(word) for words in ready if words.name == f"{name}_narrow" for word, _ in words.entries}
    names = _known([default.plainest(), *plain])
    return Meanings({text: names[text] for text in names if text not in narrow}, _known([default, *ready]))


def _one(known: Known, texts: Iterable[str]) -> Meaning | None:
    meant = {meaning for text in texts if (meaning := known.get(stems(text)))}
    return next(iter(meant)) if len(meant) == 1 else None


def _known(lists: Iterable[WordList]) -> Known:
    """What each text means; one that means two things is left out."""
    found: dict[Stems, set[Meaning]] = {}
    for words in lists:
        for word, meaning in words.entries:
            for text, meant in ((word, meaning), *((key, frozenset({key})) for key in meaning)):
                if stems(text):
                    found.setdefault(stems(text), set()).add(meant)
    return {text: next(iter(meant)) for text, meant in found.items() if len(meant) == 1}


def _read(path: Path) -> WordList:
    entries = read_document(path).data
    pairs = ((entry["4hse"], entry["procore"]) for entry in entries)
    return WordList.of(path.stem, (pair for pair in pairs if pair[1] != NOT_SHARED))
