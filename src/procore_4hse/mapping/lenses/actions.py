"""The actions that Procore's incidents lead to, told as one text: a line for each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from procore_4hse.mapping.lenses import text
from procore_4hse.mapping.lenses.base import ACTIONS, ByValue, Held, Known, Reading, Unwritable, unreadable
from procore_4hse.mapping.lenses.display import display_text
from procore_4hse.mapping.lenses.lines import Spot
from procore_4hse.models import Image, Side


def summary(actions: Iterable[Image]) -> str:
    """The actions of one incident in the order in which they were made; empty when there are none."""
    # Ids have no fixed length (P17): padded, they sort as numbers whether they come as numbers or as text.
    ordered = sorted(actions, key=lambda row: (str(row.get("created_at") or ""), str(row.get("id")).zfill(20)))
    return "\n".join(f"{number}. {_line(row)}" for number, row in enumerate(ordered, start=1))


def _line(row: Image) -> str:
    described = display_text(row.get("description_plain_text")) or text.of_html(display_text(row.get("description")))
    parts = (display_text(row.get("action_type")), " ".join(str(described or "").split()))
    return ": ".join(filter(None, parts))


@dataclass(frozen=True)
class ActionsLens(ByValue):
    """The summary of an incident's actions, and the text of 4HSE that holds it. It never writes to Procore."""

    spot: Spot
    equivalence: str = "line ends, blanks at their ends, outer empty lines, Unicode form and HTML markup do not count"

    def reads(self, side: Side) -> tuple[str, ...]:
        return (ACTIONS,) if side is Side.PROCORE else (self.spot.key,)

    def names(self, side: Side) -> tuple[str, ...]:
        return () if side is Side.PROCORE else (self.spot.key,)

    def get(self, side: Side, image: Image) -> Reading:
        if side is Side.FOURHSE:
            return unreadable(side, image, self.spot.key) or Known(self._plain(self.spot.read(image)))
        if image.get(ACTIONS) is None:
            return Held("Procore's list of actions is not complete in this cycle")
        return Known(self._plain(text.tidied(str(image[ACTIONS]))))

    def _plain(self, told: str | None) -> str | None:
        """The text that counts, which is one line where it stands on one."""
        return " ".join(told.split()) if told and self.spot.line else told

    def put(self, side: Side, value: Any, current: Image, facts: Image) -> dict[str, Any]:
        if side is Side.PROCORE:
            raise Unwritable("Procore's actions are not changed from here")
        return self.spot.write(value, current)

    def is_rewrite(self, sent: Any, stored: Any) -> bool:
        return text.is_rewrite(sent, stored)
