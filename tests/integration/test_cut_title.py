"""A title too long for 4HSE: its name and the line that leads its description are one title, and settled as one."""

from typing import Any

import pytest

from odd_values import Spoiled, Spoiler
from procore_4hse.simulator.faults import FaultKind
from world import World

pytestmark = pytest.mark.any_store  # What a text is and becomes is the same on both.

NOTHING = {side: {"created": 0, "updated": 0, "deleted": 0} for side in ("procore", "fourhse")}
LONG = " ".join(f"word{number}" for number in range(60))
NAME = LONG[:254].rstrip() + "…"
OTHER = "Another " + LONG
OTHER_NAME = OTHER[:254].rstrip() + "…"
BODY = "A worker fell.\n\nNobody was hurt."
SHORT = "Fall from a ladder"

EDITS: dict[str, tuple[dict[str, str], str]] = {
    "name": ({"name": SHORT}, SHORT),
    "line": ({"description_event": f"{OTHER}\n\n{BODY}"}, OTHER),
    "short line": ({"description_event": f"{SHORT}\n\n{BODY}"}, SHORT),
    "line gone": ({"description_event": BODY}, NAME),
    "both": ({"name": OTHER_NAME, "description_event": f"{OTHER}\n\n{BODY}"}, OTHER),
}
"""What a person changes in 4HSE, and the title that 4HSE tells then."""


@pytest.fixture
def world(build) -> World:
    world = build()
    world.on_site(LONG, description=BODY)
    world.sync()
    [row] = world.office().values()
    assert (row["name"], row["description_event"]) == (NAME, f"{LONG}\n\n{BODY}")
    return world


def edit(world: World, edited: str) -> str:
    fields, told = EDITS[edited]
    [office] = world.office()
    world.fourhse.hand_edit("incident", office, **fields)
    return told


def shown(world: World) -> tuple[tuple[str, str], tuple[str, str]]:
    [site], [office] = world.site().values(), world.office().values()
    return (site["title"], site["description"]), (office["name"], office["description_event"])


def only(world: World) -> Any:
    [entry] = world.inbox()
    return entry


@pytest.mark.parametrize("edited", EDITS)
def test_an_edit_of_either_place_is_one_conflict_about_the_title(world, edited):
    told = edit(world, edited)
    for _ in range(2):
        report = world.sync()
        assert report.written == NOTHING
        assert report.population["fourhse"]["waiting"] == 1
        item = only(world).item
        assert (item.kind, item.field, item.procore_value, item.fourhse_value) == ("conflict", "title", LONG, told)


@pytest.mark.parametrize("place", ["name", "description_event"])
@pytest.mark.parametrize("odd", [["x"], {"x": 1}, True], ids=["list", "object", "yes"])
def test_what_cannot_be_read_is_no_title_that_a_person_could_choose(world, place, odd):
    """Beside a leading line it was taken for a changed name, and an answer had it written as the title."""
    (record,) = world.office()
    spoiler = Spoiler(True, "4HSE incident", path=(place,), value=odd, targets={"4HSE incident": record})
    spoilt: Any = Spoiled(world.fourhse, spoiler)
    world.runtime = world._house(world.store, world.clock, world.procore, spoilt)
    assert world.sync().written == NOTHING
    asked = [(entry.item.kind, entry.item.field, "cannot be read" in entry.item.reason) for entry in world.inbox()]
    assert asked == [("word", "title", True), ("word", "description", True)]
    spoiler.armed = False
    assert (world.sync().written, world.inbox()) == (NOTHING, [])


@pytest.mark.one_case_in(3)
@pytest.mark.parametrize("edited", EDITS)
@pytest.mark.parametrize("use", ["procore", "fourhse"])
def test_an_answer_settles_the_title_and_its_line_together(world, edited, use):
    told = edit(world, edited)
    world.sync()
    world.answer(only(world).id, "resolve", use=use)
    for _ in range(3):
        world.sync()
    title = LONG if use == "procore" else told
    whole = (title, BODY) if len(title) <= 255 else (title[:254].rstrip() + "…", f"{title}\n\n{BODY}")
    assert shown(world) == ((title, BODY), whole)
    assert (world.inbox(), world.sync().written) == ([], NOTHING)
    assert world.sync().population["fourhse"]["in_sync"] == 1


@pytest.mark.one_case_in(3)
@pytest.mark.parametrize("edited", EDITS)
@pytest.mark.parametrize("use", ["procore", "fourhse"])
def test_a_lost_answer_on_the_way_settles_it_all_the_same(world, edited, use):
    told = edit(world, edited)
    world.sync()
    world.answer(only(world).id, "resolve", use=use)
    world.faults.add(FaultKind.LOST_ANSWER, path="/incident/update", method="PUT")
    world.faults.add(FaultKind.LOST_ANSWER, path="/incidents/", method="PATCH")
    for _ in range(6):
        world.sync()
    title = LONG if use == "procore" else told
    assert (shown(world)[0], world.inbox()) == ((title, BODY), [])
    assert world.sync().written == NOTHING


@pytest.mark.parametrize("edited", ["name", "line", "short line"])
def test_what_procore_agreed_to_by_itself_leaves_no_old_line_behind(world, edited):
    told = edit(world, edited)
    world.sync()
    [site] = world.site()
    world.procore.hand_edit("incident", int(site), title=told)
    for _ in range(3):
        world.sync()
    whole = (told, BODY) if len(told) <= 255 else (told[:254].rstrip() + "…", f"{told}\n\n{BODY}")
    assert (shown(world), world.inbox()) == (((told, BODY), whole), [])


def test_another_title_in_procore_meanwhile_is_asked_about_and_takes_the_old_line_away(world):
    edit(world, "name")
    [site] = world.site()
    world.procore.hand_edit("incident", int(site), title="Slip")
    world.sync()
    world.answer(only(world).id, "resolve", use="procore")
    for _ in range(3):
        world.sync()
    assert (shown(world), world.inbox()) == ((("Slip", BODY), ("Slip", BODY)), [])


@pytest.mark.parametrize(("text", "told"), [(f"{LONG} again", f"{LONG} again"), ("A rope broke at noon.", NAME)])
@pytest.mark.parametrize("use", ["procore", "fourhse"])
def test_a_text_that_took_the_place_of_the_only_line_is_no_title(build, text, told, use):
    world = build()
    world.on_site(LONG, description="")
    world.sync()
    [office] = world.office()
    world.fourhse.hand_edit("incident", office, description_event=text)
    world.sync()
    assert only(world).item.fourhse_value == told
    world.answer(only(world).id, "resolve", use=use)
    for _ in range(2):
        world.sync()
    is_text = told == NAME
    title, body = LONG if use == "procore" else told, text if is_text else ""
    [site], [row] = world.site().values(), world.office().values()
    assert (site["title"], site["description"] or "") == (title, body)
    assert body in row["description_event"]
    assert (world.sync().written, world.inbox()) == (NOTHING, [])
