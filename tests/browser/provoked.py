"""Each kind of question as it comes about on the simulated systems, and what each answer to it must do there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from actors import hire, hurt_on_site, partner
from procore_4hse.reconcile.snapshot import Limits
from procore_4hse.simulator.faults import FaultKind
from world import World


@dataclass(frozen=True)
class Provoked:
    """`first` is decided and taken back, `second` decided and carried out: each is how the name of a choice begins.

    `heading` is the plain name of the kind. What `provoke` gives, `is_done` needs to see that it was carried out.
    """

    heading: str
    title: str
    provoke: Callable[[World], Any]
    first: str
    second: str
    is_done: Callable[[World, Any], bool]


def _pair(world: World, title: str) -> tuple[str, str]:
    site = world.on_site(title)
    world.sync(first=True)
    return site, partner(world, site)


def _titles(world: World, pair: tuple[str, str]) -> tuple[str, str]:
    return world.site()[pair[0]]["title"], world.office()[pair[1]]["name"]


def conflict(world: World) -> tuple[str, str]:
    pair = _pair(world, "Fall from ladder")
    world.procore.hand_edit("incident", int(pair[0]), title="Fall from a ladder")
    world.fourhse.hand_edit("incident", pair[1], name="Fall from the ladder at gate 4")
    world.sync()
    return pair


def deletion(world: World) -> tuple[str, str]:
    pair = _pair(world, "Slip on wet floor")
    world.procore.hand_delete("incident", int(pair[0]))
    world.sync()
    return pair


def deletion_in_office(world: World, title: str = "Slip on wet stairs") -> tuple[str, str]:
    """Its proof is an answer about the record alone, and no recycle bin."""
    pair = _pair(world, title)
    world.fourhse.hand_delete("incident", pair[1])
    world.sync()
    return pair


def match(world: World) -> tuple[str, str]:
    site = world.on_site("Cut at the table saw", description="He cut his hand.")
    office = world.in_office("Cut at table saw", description_event="He cut his hand.")
    world.sync(first=True)
    return site, office


def word(world: World) -> Any:
    party, _ = hire(world, "Bruno Rossi", "E2")
    site = world.on_site("Sting on the beach")
    record = hurt_on_site(world, site, party, days=3)
    world.sync()
    own = world.procore.add_word("affliction_types", "Jellyfish")
    world.procore.hand_edit("injury", record, affliction_type_id=own)
    world.sync()
    return record


def refused(world: World) -> str:
    world.faults.add(FaultKind.ERROR_BEFORE, method="POST", path="/incident/create", status=422)
    site = world.on_site("Crane hits a pole")
    world.sync(first=True)
    return site


def drift(world: World) -> tuple[str, str]:
    """A value that 4HSE loses twice within a day."""
    pair = _pair(world, "Before")
    for _ in range(2):
        world.procore.hand_edit("incident", int(pair[0]), title="Edited")
        world.sync()
        world.fourhse.hand_edit("incident", pair[1], name="Before")
        world.sync()
    return pair


def guard(world: World) -> int:
    world.on_site("First")
    world.sync(first=True)
    world.with_route(limits=Limits(max_creates=0))
    world.on_site("One more")
    world.sync()
    return len(world.office())


def missing(world: World) -> tuple[str, str]:
    world.on_site("Another one, for a side that shows none at all is a question of its own")
    pair = _pair(world, "Trench collapse")
    world.procore.forbid("recycle_bin")
    world.procore.hand_delete("incident", int(pair[0]))
    world.sync()
    return pair


KINDS = {
    "conflict": Provoked(
        "Both sides changed it", "Fall from", conflict, "4HSE", "Procore",
        lambda world, pair: _titles(world, pair) == ("Fall from a ladder",) * 2,
    ),
    "deletion": Provoked(
        "Deleted on one side", "Slip on wet floor", deletion, "Delete it in 4HSE", "Bring it back in Procore",
        lambda world, pair: pair[0] in world.site() and pair[1] in world.office(),
    ),
    "match": Provoked(
        "One incident or two", "Cut at", match, "They are different", "It is the same",
        lambda world, pair: partner(world, pair[0]) == pair[1],
    ),
    "refused": Provoked(
        "Refused by the other system", "Crane hits a pole", refused, "Try it again", "Try it again",
        lambda world, site: bool(partner(world, site)),
    ),
    "drift": Provoked(
        "No longer equal", "Edited", drift, "Procore", "4HSE",
        lambda world, pair: _titles(world, pair) == ("Before", "Before"),
    ),
    "guard": Provoked(
        "Held for your approval", "", guard, "Let it happen", "Let it happen",
        lambda world, before: len(world.office()) == before + 1,
    ),
    "missing": Provoked(
        "No longer shown", "Trench collapse", missing, "It was deleted", "It was deleted",
        lambda world, pair: [entry.item.kind.value for entry in world.inbox()] == ["deletion"],
    ),
}  # fmt: skip
"""All but `word`, which no answer at the desk settles: the word is added to a list, or changed in its system."""
