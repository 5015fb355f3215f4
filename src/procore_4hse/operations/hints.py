"""What a hook of Procore's told: a route is due sooner. Nothing else that it says is believed, and nobody is called."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from procore_4hse.models import text_id
from procore_4hse.route import Route
from procore_4hse.store.repository import Store, Unit
from procore_4hse.store.tallies import HINTS

EVENT_ID = re.compile(r"[0-9a-z_-]{1,64}")
MOST_EVENTS = 500
"""In one delivery; Procore is known to send one."""
SCHEME = "Bearer "

Seal = Callable[[str], str]
"""Makes of a token the keyed hash under which the store knows it."""


class Outcome(StrEnum):
    TAKEN = "taken"
    """The route is due within half a minute."""
    REPEATED = "repeated"
    """It came before."""
    OWN = "own"
    """We made the change ourselves."""
    UNKNOWN = "unknown"
    """Of a project that no route here has."""


@dataclass(frozen=True)
class Event:
    """An event of Procore's, by its id; `user` is whoever made the change."""

    id: str
    user: str | None


@dataclass(frozen=True)
class Hints:
    """Takes what comes for these routes."""

    store: Store
    seal: Seal
    routes: Mapping[str, Route]
    """By Procore project."""

    def sender(self, authorization: str) -> str | None:
        """The project whose hook sends this header; None for anybody else."""
        if not authorization.startswith(SCHEME):
            return None
        with self.store.read() as unit:
            return unit.hooks.project_of(self.seal(authorization.removeprefix(SCHEME)))

    def take(self, project: str, body: bytes) -> Outcome:
        """Raises ValueError for what is no event. A hint that is lost or false costs nothing but time."""
        events = events_in(body)
        with self.store.begin() as unit:
            fresh = [event for event in events if unit.hooks.receive(project, event.id)]
            outcome = self._outcome(unit, self.routes.get(project), fresh)
            if outcome is Outcome.TAKEN:
                unit.schedule.wake(self.routes[project].key)
            unit.tallies.add("", {(HINTS, outcome.value): 1.0})
            return outcome

    def _outcome(self, unit: Unit, route: Route | None, fresh: list[Event]) -> Outcome:
        if not fresh:
            return Outcome.REPEATED
        if route is None:
            return Outcome.UNKNOWN
        # What another program changes under our account waits for the next cycle, as if its hint had been lost.
        ours = unit.routes.get(route.key).memory.accounts_procore
        return Outcome.OWN if all(event.user in ours for event in fresh) else Outcome.TAKEN


def events_in(body: bytes) -> list[Event]:
    """One event or a list of them, in any version of the payload (P111). Raises ValueError for anything else."""
    try:
        data = json.loads(body)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    events = [_event(each) for each in (data if isinstance(data, list) else [data])]
    if not 0 < len(events) <= MOST_EVENTS:
        raise ValueError("no event, or too many")
    return events


def _event(data: Any) -> Event:
    if not isinstance(data, dict):
        raise ValueError("no event")
    event = text_id(data.get("ulid")) or text_id(data.get("id"))
    if event is None or not EVENT_ID.fullmatch(event):
        raise ValueError("an event without an id")
    return Event(event, text_id(data.get("user_id")))
