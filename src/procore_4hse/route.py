"""A route: one Procore project, one 4HSE office, and the rules between them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from urllib.parse import quote

from procore_4hse.mapping.rules import Direction, FieldMapping
from procore_4hse.models import Side
from procore_4hse.reconcile.match import USUAL, MatchRules
from procore_4hse.reconcile.snapshot import Limits, Policy


@dataclass(frozen=True)
class Route:
    """One Procore project and one 4HSE office, with the rules between them. `key` never depends on the name."""

    name: str
    procore_project: str
    fourhse_project: str
    fourhse_office: str
    mapping: FieldMapping
    since: date
    direction: Direction = Direction.BOTH
    deletions: Policy = Policy.ASK
    private: str = "skip"
    limits: Limits = field(default_factory=Limits)
    match: MatchRules = USUAL
    """What speaks for two incidents being one."""
    enabled: bool = True
    addresses: Mapping[Side, str] = field(default_factory=dict)
    """How an incident is opened in its own system: {id}, {project} and {office} are filled in. Empty where unknown."""

    @property
    def key(self) -> str:
        return f"{self.procore_project}/{self.fourhse_office}"

    def address(self, side: Side, incident: str | None) -> str | None:
        """Where an incident is opened in its own system; None where that is not known."""
        pattern = self.addresses.get(side)
        if not pattern or not incident:
            return None
        project = self.procore_project if side is Side.PROCORE else self.fourhse_project
        places = {"id": incident, "project": project, "office": self.fourhse_office}
        return pattern.format_map({name: quote(value, safe="") for name, value in places.items()})

    @property
    def scope(self) -> str:
        """The settings that decide what takes part, as one sentence; a change of it is asked about."""
        told = f"direction {self.direction.value}, since {self.since}, private {self.private}"
        return ", ".join((told, *_crossings(self.mapping)))


def _crossings(mapping: FieldMapping) -> Iterator[str]:
    """The classes that do not cross freely; nothing where all do, as it was before a route could say so."""
    for one in sorted(mapping.crossing):
        way = mapping.crossing[one]
        yield f"{one} crosses {'nowhere' if way is Direction.NONE else way.value}"
