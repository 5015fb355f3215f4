"""A month at a site: incidents that cross every day, people, and a question of every kind that waits at its end."""

from __future__ import annotations

from datetime import date, timedelta

from provoked import deletion_in_office, drift, match, missing, refused, word

from actors import hire, hurt_on_site, partner, waiting
from procore_4hse.operations.history import of_routes
from procore_4hse.reconcile.snapshot import Limits
from world import START, World

DAYS = 30
TITLES = (
    "Fall from ladder at gate 4", "Cut while sawing a beam", "Slip on wet floor", "Crane touches scaffold",
    "Dust in the eye", "Board falls from second floor", "Burn from hot pipe", "Truck backs into fence",
)  # fmt: skip


RENAMED = "Fall from the scaffold at gate 4"


def month(world: World) -> str:
    """Plays it; gives the Procore id of an incident with people, a question and a story."""
    world.clock.now = START - timedelta(days=DAYS)
    party, _ = hire(world, "Ann Lee")
    for number in range(DAYS):
        today = date(2026, 2, 1) + timedelta(days=number % 28)
        for place in range(number * 7 % 4):
            title = TITLES[(number + 3 * place) % len(TITLES)]
            made = world.on_site if place % 2 else world.in_office
            made(f"{title}, case {number}.{place}", today)
        if number % 6 == 2:
            disagree(world)
        if number % 6 == 5:
            agree(world)
        world.sync(first=True)
        allow(world, used=(number * 37 % 50) / 100)
        world.clock.advance(days=1, minutes=-5)
    told = world.on_site("Fall from ladder", hour=9)
    hurt_on_site(world, told, party, days=3, description="She broke her arm.")
    world.sync()
    every_kind(world, told)
    return told


def disagree(world: World) -> None:
    """Both sides change a title at once: a question for the days to come."""
    link = max(world.links(), key=lambda link: link.id)
    world.procore.hand_edit("incident", int(link.procore_id), title="Seen from the site")
    world.fourhse.hand_edit("incident", link.fourhse_id, name="Seen from the office")


def agree(world: World) -> None:
    for entry in waiting(world, "conflict"):
        world.answer(entry.id, "resolve", use="procore")


def allow(world: World, used: float) -> None:
    """What vendors that tell their limits would have told the cycle that ended last."""
    with world.store.begin() as unit:
        last = unit.cycles.last(world.route.key)
        told = {"limit": 3600, "remaining": round(3600 * (1 - used)), "resets_at": None, "pause": None}
        budget = {"procore": told, "fourhse": {**told, "remaining": 3600 - round(200 * used)}}
        unit.cycles.end(last.id, last.outcome, last.reason, {**last.report, "budget": budget})


def addresses(world: World, told: str) -> dict[str, str]:
    """A page of each form, by its name; of each kind of question one."""
    questions = {f"question-{entry.item.kind.value}": f"/inbox/{entry.id}" for entry in world.inbox()}
    written = of_routes(world.store, (world.route,))
    undo = next(write.id for write in written if write.new == RENAMED)
    pages = {"today": "/", "inbox": "/inbox", "incidents": "/incidents", "incident": f"/incidents/{told}"}
    pages |= {"remembered": "/remembered", "apart": f"/incidents/{told}/apart"}
    return {
        **pages,
        **questions,
        "undo": f"/writes/{undo}/undo",
        "runs": "/runs",
        "mapping": "/mapping",
        "nothing": "/no",
    }


def kept(world: World) -> None:
    """A deletion that somebody did not follow: an answer that goes on counting."""
    site = deletion_in_office(world, "Ladder slips on gravel")[0]
    asked = next(entry for entry in waiting(world, "deletion") if entry.item.procore_id == site)
    world.answer(asked.id, "reject")
    world.sync()


def every_kind(world: World, told: str) -> None:
    """The guard last, for it holds what is created after it; missing after the deletion, which wants its proof."""
    first = min(world.links(), key=lambda link: link.id)
    world.procore.hand_edit("incident", int(first.procore_id), title=RENAMED)
    world.procore.hand_edit("incident", int(told), title="Fall from a ladder at gate 4")
    world.sync()
    world.procore.hand_edit("incident", int(told), title="Fall from a ladder at gate 4, second floor")
    world.fourhse.hand_edit("incident", partner(world, told), name="Fall from the ladder at the north gate")
    drift(world)
    kept(world)
    deletion_in_office(world)
    match(world)
    word(world)
    missing(world)
    refused(world)
    world.with_route(limits=Limits(max_creates=1))
    for title in ("Window breaks", "Hose bursts"):
        world.on_site(title)
    world.sync()
