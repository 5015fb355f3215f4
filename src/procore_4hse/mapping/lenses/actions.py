"""The actions that Procore's incidents lead to, told as one text: a line for each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from procore_4hse.mapping.lenses import text
from procore_4hse.mapping.lenses.base import ACTIONS, ByValue, Held, Known, Reading, Unwritable, unreadable
from procore_4hse.mapping.lenses.display import display_text
from procore_4hse.mapping.lenses.lines import Spot
from procore_4hse.models import Image, Side, text_id


def summary(actions: Iterable[Image]) -> str:
    """The actions of one incident in the order in which they were made; empty when there are none."""
    # Ids have no fixed length (P17): padded, they sort as numbers whether they come as numbers or as text.
    ordered = sorted(actions, key=lambda row: (str(row.get("created_at") or ""), str(row.get("id")).zfill(20)))
    return "\n".join(f"{number}. {told(row)}" for number, row in enumerate(ordered, start=1))


def told(row: Image) -> str:
    """One action: its type, and what is to be done."""
    described = display_text(row.get("description_plain_text")) or text.of_html(display_text(row.get("description")))
    parts = (display_text(row.get("action_type")), " ".join(str(described or "").split()))
    return ": ".join(filter(None, parts))


OBSERVATIONS = {"open": "open_observations_count", "closed": "closed_observations_count"}
"""How an incident counts the observations that were made of its actions. No documented call shows one by itself."""


def _observations(incident: Image) -> str:
    counts = {state: text_id(incident.get(name)) or "" for state, name in OBSERVATIONS.items()}
    told = ", ".join(f"{count} {state}" for state, count in counts.items() if count.isdecimal() and int(count))
    return f"Observations: {told}" if told else ""


@dataclass(frozen=True)
class ActionsLens(ByValue):
    """The summary of an incident's actions, and the text of 4HSE that holds it. It never writes to Procore."""

    spot: Spot
    with_observations: bool = False
    """Whether it ends in how many of the observations that the actions led to are open, and how many are closed."""
    equivalence: str = "line ends, blanks at their ends, outer empty lines, Unicode form and HTML markup do not count"

    def reads(self, side: Side) -> tuple[str, ...]:
        if side is Side.FOURHSE:
            return (self.spot.key,)
        return (ACTIONS, *OBSERVATIONS.values()) if self.with_observations else (ACTIONS,)

    def names(self, side: Side) -> tuple[str, ...]:
        return () if side is Side.PROCORE else (self.spot.key,)

    def get(self, side: Side, image: Image) -> Reading:
        if side is Side.FOURHSE:
            return unreadable(side, image, self.spot.key) or Known(self._plain(self.spot.read(image)))
        if image.get(ACTIONS) is None:
            return Held("Procore's list of actions is not complete in this cycle")
        observed = _observations(image) if self.with_observations and image[ACTIONS] else ""
        return Known(self._plain(text.tidied("\n".join(filter(None, (str(image[ACTIONS]), observed))))))

    def _plain(self, told: str | None) -> str | None:
        """The text that counts, which is one line where it stands on one."""
        return " ".join(told.split()) if told and self.spot.line else told

    def put(self, side: Side, value: Any, current: Image, facts: Image) -> dict[str, Any]:
        if side is Side.PROCORE:
            raise Unwritable("Procore's actions are not changed from here")
        return self.spot.write(value, current)

    def is_rewrite(self, sent: Any, stored: Any) -> bool:
        return text.is_rewrite(sent, stored)
