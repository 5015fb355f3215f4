"""The lens of 4HSE's category, which Procore's records are evidence for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from procore_4hse.mapping.lenses.base import INJURED, Columns, Held, Known, Reading
from procore_4hse.models import Image, Side


@dataclass(frozen=True)
class CategoryLens(Columns):
    """4HSE's category against the evidence of Procore's injuries. It never writes to Procore."""

    words: Mapping[str, str]
    """4HSE word -> injury | no injury | not shared."""
    file: str = field(default="words/category.yaml", compare=False)
    """The list of the mapping's folder that these words come from."""
    equivalence: str = "an injury at Procore agrees with the injury word alone, none with every shared word"

    def reads(self, side: Side) -> tuple[str, ...]:
        return (INJURED,) if side is Side.PROCORE else (self.fourhse,)

    def get(self, side: Side, image: Image) -> Reading:
        if side is Side.PROCORE:
            injured = image.get(INJURED)
            return Held("Procore's record lists are not complete in this cycle") if injured is None else Known(injured)
        # The word itself, not its meaning: `agree` and a base need to see which of several words stands there.
        word = image.get(self.fourhse)
        if self.words.get(str(word)) in ("injury", "no injury"):
            return Known(word)
        if not word:
            return Held("4HSE has no category", word="")
        reason = f"4HSE shows the category {word!r}, which the list {self.file} does not know"
        return Held(reason, word=str(word), file=self.file)

    def is_shared(self, image: Image) -> bool:
        return self.words.get(str(image.get(self.fourhse))) != "not shared"

    def is_accident(self, image: Image) -> bool:
        """Whether 4HSE's word for an incident says that somebody was hurt."""
        return self.words.get(str(image.get(self.fourhse))) == "injury"

    def agree(self, procore: Any, fourhse: Any) -> bool:
        # Lopsided by intent: somebody hurt needs the word for accidents, but an accident may have hurt nobody.
        return not procore or self.words[fourhse] == "injury"

    def put(self, side: Side, value: Any, current: Image, facts: Image) -> dict[str, Any]:
        wanted = "injury" if value else "no injury"
        return {self.fourhse: next(word for word, meaning in self.words.items() if meaning == wanted)}

    def writes(self, side: Side) -> bool:
        return side is Side.FOURHSE
