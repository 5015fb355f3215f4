"""The alphabet of the small histories: everything that may happen between two cycles, as named values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from exhaust_world import BEFORE_SINCE, CORRECTED, DAY, LATER_SINCE, SINCE, TEXT, SmallWorld
from machine_moves import Move
from machine_people import Impossible

from procore_4hse.errors import UsageError
from procore_4hse.operations.remembered import forget, remembered
from procore_4hse.store.decisions import Decider
from world import PROJECT

ANY = Move("", 0, 0)


@dataclass(frozen=True)
class Event:
    """Something that happens. `act` raises Impossible where there is nothing to act on.

    Most have a cycle after them; what only arms a fault waits for the next event's.
    """

    name: str
    act: Callable[[SmallWorld], None]
    has_cycle: bool = True


# Incidents ----------------------------------------------------------------------------------------------------------


def oldest(rows: list[dict[str, Any]]) -> dict[str, Any]:
    if not rows:
        raise Impossible
    return rows[0]


def edit_site(world: SmallWorld, written: str | None, row: dict[str, Any], **values: Any) -> None:
    world.scenario.procore.hand_edit("incident", row["id"], **values)
    world.watch.human(("procore", str(row["id"])), written)


def edit_office(world: SmallWorld, written: str | None, row: dict[str, Any], **values: Any) -> None:
    world.scenario.fourhse.hand_edit("incident", row["office_incident_id"], **values)
    world.watch.human(("fourhse", row["office_incident_id"]), written)


def another(now: str, *titles: str) -> str:
    return next(title for title in titles if title != now)


def title_on_site(world: SmallWorld, who: str = "the site") -> None:
    row = oldest(world.sites())
    edit_site(world, "title", row, title=another(row["title"], f"Fall told by {who}", f"Slip told by {who}"))


def title_in_office(world: SmallWorld, who: str = "the office") -> None:
    row = oldest(world.offices())
    edit_office(world, "title", row, name=another(row["name"], f"Fall told by {who}", f"Slip told by {who}"))


def both_alike(world: SmallWorld) -> None:
    title = another(oldest(world.sites())["title"], "Fall told by both", "Slip told by both")
    edit_site(world, "title", world.sites()[0], title=title)
    edit_office(world, "title", oldest(world.offices()), name=title)


def both_differently(world: SmallWorld) -> None:
    oldest(world.offices())
    title_on_site(world)
    title_in_office(world)


def delete_on_site(world: SmallWorld) -> None:
    world.scenario.procore.hand_delete("incident", oldest(world.sites())["id"])
    world.watch.human()


def delete_in_office(world: SmallWorld) -> None:
    row = oldest(world.offices())
    world.people.office_before[row["office_incident_id"]] = row
    world.scenario.fourhse.hand_delete("incident", row["office_incident_id"])
    world.watch.human()


def restore_on_site(world: SmallWorld) -> None:
    if not any(row["kind"] == "incident" for row in world.scenario.procore.bin(PROJECT)):
        raise Impossible
    world.people.site_restore(ANY, "")


def put_back_in_office(world: SmallWorld) -> None:
    gone = world.people.office_before.keys() - world.watch.now["fourhse"].keys()
    if not gone:
        raise Impossible
    world.people.office_put_back(ANY, "")


def enter_anew_on_site(world: SmallWorld, text: str = TEXT) -> None:
    """Deleted and entered once more, with the people in it."""
    row = oldest(world.sites())
    delete_on_site(world)
    names = ("title", "event_date", "time_unknown", "private")
    made = world.scenario.procore.hand_create(
        "incident", PROJECT, **{name: row[name] for name in names}, description=text
    )
    world.watch.human()
    world.injured.enter_anew_on_site(row, str(made))


def enter_anew_in_office(world: SmallWorld, text: str = TEXT) -> None:
    row = oldest(world.offices())
    delete_in_office(world)
    made = world.scenario.in_office(
        day=date.fromisoformat(row["date_incident"][:10]),
        title=row["name"],
        category=row["category"],
        description_event=text,
    )
    world.watch.human()
    world.injured.enter_anew_in_office(row, made)


def status_on_site(world: SmallWorld) -> None:
    world.people.site_status(ANY, str(oldest(world.sites())["id"]))


def status_in_office(world: SmallWorld) -> None:
    row = oldest(world.offices())
    world.people.office_status(Move("", 0, 1 if row["status"] == "closed" else 0), row["office_incident_id"])


def private_on_site(world: SmallWorld) -> None:
    row = oldest(world.sites())
    edit_site(world, None, row, private=not row["private"])


def day_on_site(world: SmallWorld) -> None:
    row = oldest(world.sites())
    now = world.watch.now["procore"][str(row["id"])]["day"]
    moved = another(now, BEFORE_SINCE.isoformat(), DAY.isoformat())
    local = datetime.combine(date.fromisoformat(moved), time(9), ZoneInfo(world.scenario.zone))
    edit_site(world, "day", row, event_date=local.astimezone(UTC), time_unknown=False)


def day_in_office(world: SmallWorld) -> None:
    row = oldest(world.offices())
    moved = another(row["date_incident"][:10], BEFORE_SINCE.isoformat(), DAY.isoformat())
    edit_office(world, "day", row, date_incident=moved)


def category_in_office(world: SmallWorld) -> None:
    row = oldest(world.offices())
    edit_office(world, "category", row, category=another(row["category"], "ACCIDENTS", "NON_COMPLIANCE"))


def unshare_in_office(world: SmallWorld) -> None:
    row = oldest(world.offices())
    edit_office(world, None, row, category=another(row["category"], "REPORT_FAILURE", "NON_COMPLIANCE"))


# People -------------------------------------------------------------------------------------------------------------


def act_on_site(act: str, **how: Any) -> Callable[[SmallWorld], None]:
    return lambda world: getattr(world.injured, f"{act}_on_site")(oldest(world.sites()), **how)


def act_in_office(act: str, **how: Any) -> Callable[[SmallWorld], None]:
    return lambda world: getattr(world.injured, f"{act}_in_office")(oldest(world.offices()), **how)


# The inbox, the settings, what goes wrong ---------------------------------------------------------------------------

VALUES = {
    "first": {"deletion": 0, "difference": 1, "match": 0, "guard": 2, "missing": 0, "refused": 0, "word": 0},
    "second": {"deletion": 1, "difference": 0, "match": 1, "guard": 0},
    "third": {"deletion": 2, "guard": 1},
}
"""The answer that a question gets, by topic: delete, keep or restore; Procore's value or 4HSE's; the same or not."""


def answer(world: SmallWorld, which: str) -> None:
    """The newest question gets its first, second or third answer."""
    entries = world.scenario.inbox()
    if not entries:
        raise Impossible
    entry = entries[-1]
    topic = entry.item.key.topic
    if topic not in VALUES[which] or (which != "first" and topic == "guard" and entry.item.key.guarded != "mapping"):
        raise Impossible
    world.inbox_person.answer(entry, VALUES[which][topic])
    if entry.item.key.guarded == "scope":
        world.approved = world.approved | {world.asked_since}
        mark_setting(world)


def undo(world: SmallWorld) -> None:
    """The first answer that goes on counting is taken back, or the oldest that no cycle has carried out."""
    store, route = world.scenario.store, world.scenario.route
    with store.read() as unit:
        kept = remembered(unit, route)
    if kept:
        world.policies.look()  # A deletion that was ignored is not asked about again while all of them are.
        try:
            forget(store, world.scenario.runtime.holder, (route,), kept[0].id, Decider("anna", "cli"))
        except UsageError:
            raise Impossible from None
        world.inbox_person.forget_about(kept[0].procore_id, kept[0].fourhse_id)
    elif item := world.scenario.withdraw(0):
        world.inbox_person.forget(item)
    else:
        raise Impossible


def mark_setting(world: SmallWorld) -> None:
    world.watch.unapproved = world.scenario.route.since not in world.approved


def move_since(world: SmallWorld) -> None:
    since = LATER_SINCE if world.scenario.route.since == SINCE else SINCE
    world.scenario.with_route(since=since)
    mark_setting(world)


def approve_then_move_since(world: SmallWorld) -> None:
    """A setting changes between an answer and the cycle that would carry it out."""
    answer(world, "first")
    move_since(world)


def new_words(world: SmallWorld) -> None:
    if world.other_words:
        raise Impossible
    world.other_words = True
    world.people.world_new_words(ANY)


def arm(world: SmallWorld, what: str) -> None:
    if world.armed:
        raise Impossible
    world.armed = what


def step(world: SmallWorld, **parts: float) -> None:
    world.scenario.store.ahead += timedelta(**parts)


ALPHABET = (
    Event("title on site", title_on_site),
    Event("title in office", title_in_office),
    Event("both alike", both_alike),
    Event("both differently", both_differently),
    Event("delete on site", delete_on_site),
    Event("delete in office", delete_in_office),
    Event("restore on site", restore_on_site),
    Event("put back in office", put_back_in_office),
    Event("enter anew on site", enter_anew_on_site),
    Event("enter anew in office", enter_anew_in_office),
    Event("correct anew on site", partial(enter_anew_on_site, text=CORRECTED)),
    Event("correct anew in office", partial(enter_anew_in_office, text=CORRECTED)),
    Event("close or reopen on site", status_on_site),
    Event("close or reopen in office", status_in_office),
    Event("private or not", private_on_site),
    Event("day across since on site", day_on_site),
    Event("day across since in office", day_in_office),
    Event("category", category_in_office),
    Event("shared or not", unshare_in_office),
    Event("hurt on site", act_on_site("hurt", who=1)),
    Event("hurt in office", act_in_office("hurt", who=1)),
    Event("days on site", act_on_site("days")),
    Event("days in office", act_in_office("days")),
    Event("remove person on site", act_on_site("remove")),
    Event("remove person in office", act_in_office("remove")),
    Event("person anew on site", act_on_site("remove", again=True)),
    Event("person anew in office", act_in_office("remove", again=True)),
    Event("other person on site", act_on_site("correct")),
    Event("other person in office", act_in_office("correct")),
    Event("approve", partial(answer, which="first")),
    Event("reject", partial(answer, which="second")),
    Event("third answer", partial(answer, which="third")),
    Event("undo", undo),
    Event("since", move_since),
    Event("approve, then since", approve_then_move_since),
    Event("new words", new_words),
    Event("lost answer", partial(arm, what="lost answer"), has_cycle=False),
    Event("dies before a write", partial(arm, what="before write"), has_cycle=False),
    Event("dies after a write", partial(arm, what="after write"), has_cycle=False),
    Event("clock ahead", partial(step, hours=1)),
    Event("clock back", partial(step, days=-1)),
)
BY_NAME = {event.name: event for event in ALPHABET}
