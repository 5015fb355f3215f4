"""A plan in the making, and where each incident stands in the count."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from procore_4hse.models import Action, Item, Link, LinkState, Place, Side
from procore_4hse.reconcile.lifecycle import presence_of
from procore_4hse.reconcile.snapshot import Plan, Presence, Rebase, Snapshot, Transition


@dataclass
class Draft:
    """A plan in the making."""

    actions: list[Action] = field(default_factory=list)
    items: list[Item] = field(default_factory=list)
    rebases: list[Rebase] = field(default_factory=list)
    transitions: list[Transition] = field(default_factory=list)
    places: dict[Side, dict[str, Place]] = field(default_factory=lambda: {side: {} for side in Side})
    apart: list[tuple[str, str]] = field(default_factory=list)
    relying: list[str] = field(default_factory=list)
    unheard: set[tuple[Side, str]] = field(default_factory=set)

    def take(self, transition: Transition | None, items: Iterable[Item], relying: Iterable[str]) -> None:
        self.items += items
        self.relying += relying
        if transition is not None:
            self.transitions.append(transition)

    def stand(self, side: Side, record_id: str, place: Place) -> None:
        self.places[side][record_id] = place

    def done(self) -> Plan:
        return Plan(
            actions=tuple(self.actions),
            items=tuple(self.items),
            rebases=tuple(self.rebases),
            transitions=tuple(self.transitions),
            places=self.places,
            apart=tuple(self.apart),
            relying=tuple(self.relying),
            unheard=frozenset(self.unheard),
        )


def stand(draft: Draft, snapshot: Snapshot, link: Link, place: Place) -> None:
    """A link is counted on each side that still has, or may still have, its record."""
    for side in Side:
        presence = presence_of(snapshot, link, side)
        if presence is Presence.GONE or (link.state is LinkState.ENDED and presence is not Presence.PRESENT):
            continue
        worst = max((draft.places[side].get(link.id_on(side), place), place), key=list(Place).index)
        draft.stand(side, link.id_on(side), worst)
