"""The lens of 4HSE's category, which Procore's records are evidence for."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from procore_4hse.mapping.lenses.base import INJURED, RECORDED, Columns, Held, Known, Reading, Unwritable
from procore_4hse.models import Image, Kind, Side


class Meaning(StrEnum):
    """What a line of the list says of a 4HSE word: for which records it is written, or that it stays in 4HSE."""

    INJURY = "injury"
    NEAR_MISS = "near miss"
    PROPERTY_DAMAGE = "property damage"
    ENVIRONMENTAL = "environmental"
    NOTHING = "nothing recorded"
    NO_INJURY = "no injury"
    """Whatever is recorded, while nobody was hurt."""
    NOT_SHARED = "not shared"


KINDS = {
    Kind.INJURY: Meaning.INJURY,
    Kind.NEAR_MISS: Meaning.NEAR_MISS,
    Kind.PROPERTY_DAMAGE: Meaning.PROPERTY_DAMAGE,
    Kind.ENVIRONMENTAL: Meaning.ENVIRONMENTAL,
}
"""The list's word for each kind of Procore's records."""
BY_KIND = frozenset({Meaning.NEAR_MISS, Meaning.PROPERTY_DAMAGE, Meaning.ENVIRONMENTAL, Meaning.NOTHING})
"""What a list has to tell unless one of its words means `no injury`."""
READ_ALOUD = {
    Meaning.INJURY: "an injury",
    Meaning.NEAR_MISS: "a near miss",
    Meaning.PROPERTY_DAMAGE: "a property damage",
    Meaning.ENVIRONMENTAL: "an environmental release",
}


@dataclass(frozen=True)
class Recorded:
    """What Procore records of an incident. Two are equal when both tell of an injury, or neither does.

    Whether somebody was hurt is all that may contradict a 4HSE word; the other kinds only choose the one to write.
    """

    is_injured: bool
    kinds: frozenset[str] | None = field(default=None, compare=False)
    """All kinds, by the list's words; None where the list does not ask for them."""

    def __str__(self) -> str:
        if self.is_injured or not self.kinds:  # Answers are kept with these words: an injury is told as it always was.
            return "an injury is recorded" if self.is_injured else "no injury is recorded"
        return f"{read_aloud(self.kinds)} recorded"


def read_aloud(kinds: Collection[str]) -> str:
    """Kinds of records as the beginning of a sentence: `a near miss and a property damage are`; empty for none."""
    told = [words for kind, words in READ_ALOUD.items() if kind in kinds]
    return f"{' and '.join(told)} {'is' if len(told) == 1 else 'are'}" if told else ""


@dataclass(frozen=True)
class CategoryLens(Columns):
    """4HSE's category against the evidence of Procore's records. It never writes to Procore."""

    words: tuple[tuple[str, str], ...]
    """4HSE word and what it means, in the order of the list; a word may stand in several lines."""
    file: str = field(default="words/category.yaml", compare=False)
    """The list of the mapping's folder that these words come from."""
    equivalence: str = "an injury at Procore agrees with the injury word alone, none with every shared word"

    @property
    def tells_kinds(self) -> bool:
        """Whether a line asks for more than injuries."""
        return any(meaning in BY_KIND for _, meaning in self.words)

    def reads(self, side: Side) -> tuple[str, ...]:
        if side is Side.FOURHSE:
            return (self.fourhse,)
        # A list of injuries alone keeps bases as they were before there were others.
        return (INJURED, RECORDED) if self.tells_kinds else (INJURED,)

    def get(self, side: Side, image: Image) -> Reading:
        if side is Side.PROCORE:
            return self._recorded(image)
        # The word itself, not its meaning: `agree` and a base need to see which of several words stands there.
        word = image.get(self.fourhse)
        if self.meanings(word) - {Meaning.NOT_SHARED}:
            return Known(word)
        if not word:
            return Held("4HSE has no category", word="")
        reason = f"4HSE shows the category {word!r}, which the list {self.file} does not know"
        return Held(reason, str(word), self.file, tuple(Meaning))

    def _recorded(self, image: Image) -> Reading:
        injured, kinds = image.get(INJURED), image.get(RECORDED)
        if injured is None:
            return Held("Procore's record lists are not complete in this cycle")
        return Known(Recorded(injured, None if kinds is None or not self.tells_kinds else frozenset(kinds)))

    def meanings(self, word: object) -> frozenset[str]:
        """What a 4HSE word means; empty for one that the list does not hold."""
        return frozenset(meaning for listed, meaning in self.words if listed == word)

    def is_shared(self, image: Image) -> bool:
        return self.meanings(image.get(self.fourhse)) != {Meaning.NOT_SHARED}

    def is_accident(self, image: Image) -> bool:
        """Whether 4HSE's word for an incident says that somebody was hurt, and nothing else."""
        return self.meanings(image.get(self.fourhse)) == {Meaning.INJURY}

    def agree(self, procore: Any, fourhse: Any) -> bool:
        # Lopsided by intent: somebody hurt needs the word for accidents, but an accident may have hurt nobody.
        return not procore.is_injured or Meaning.INJURY in self.meanings(fourhse)

    def put(self, side: Side, value: Any, current: Image, facts: Image) -> dict[str, Any]:
        # A word is put back as it stood when a write is taken back.
        return {self.fourhse: self.word(value) if isinstance(value, Recorded) else value}

    def word(self, recorded: Recorded) -> str:
        """The word that is written for these records: the first line that speaks of one of them, an injury's first."""
        applies = _injury if recorded.is_injured else _others(recorded.kinds or ())
        word = next((word for word, meaning in self.words if meaning in applies), None)
        if word is None:
            raise Unwritable(f"the list {self.file} has no word for what Procore records")
        return word

    def writes(self, side: Side) -> bool:
        return side is Side.FOURHSE


_injury = frozenset({Meaning.INJURY})


def _others(kinds: Collection[str]) -> frozenset[str]:
    return frozenset({*kinds, Meaning.NO_INJURY} if kinds else {Meaning.NOTHING, Meaning.NO_INJURY})
