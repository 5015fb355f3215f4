"""What may not cross is in no call to the other side: new, edited, made again, put back, or one line of a text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx
import pytest

import actors as crew
import world as stage
from actors import NOTHING, hire, hurt_in_office, hurt_on_site, is_quiet, only, partner, waiting, wrote
from procore_4hse.mapping.classes import FieldClass
from procore_4hse.mapping.loader import load
from procore_4hse.mapping.rules import Direction, FieldMapping
from procore_4hse.models import Side
from procore_4hse.simulator.wire import InProcess
from world import MAPPING, World

pytestmark = pytest.mark.any_store

HEALTH, IDENTITY, LOCATION = FieldClass.HEALTH, FieldClass.IDENTITY, FieldClass.LOCATION
NOWHERE, TO_PROCORE, TO_FOURHSE = Direction.NONE, Direction.TO_PROCORE, Direction.TO_FOURHSE
DEFAULT = load(MAPPING)
TOLD = "Affliction: Fracture\nBody parts: Left hand; Neck\n\nZebra fell."
WORDS = ("Fracture", "Left hand", "hand_left", "Neck", "Zebra", "First aid", "first_aid")

Build = Callable[..., World]


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """Everything but credentials that is sent to each system, addresses and bodies, in the order of the calls."""
    calls: dict[str, list[str]] = {"procore": [], "fourhse": []}

    class Recording(InProcess):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            side = "procore" if request.url.host in ("procore.test", "login.test") else "fourhse"
            if not request.url.path.endswith("/token"):
                calls[side].append(f"{request.method} {request.url} {request.read().decode()}")
            return super().handle_request(request)

    monkeypatch.setattr(stage, "InProcess", Recording)
    return calls


def spoken(sent: dict[str, list[str]], side: str, *words: str) -> list[str]:
    """The calls to that side that hold one of these words."""
    assert any(call.startswith(("POST", "PUT", "PATCH")) for call in sent[side]), "nothing was written there at all"
    return [call for call in sent[side] if any(word in call for word in words)]


def classed(mapping: FieldMapping = DEFAULT, **classes: FieldClass) -> FieldMapping:
    """The mapping with these rows, by key, in these classes."""

    def told(rows: Any) -> Any:
        return tuple(replace(row, privacy=classes.get(row.key, row.privacy)) for row in rows)

    return replace(mapping, fields=told(mapping.fields), people=told(mapping.people))


def hurt(world: World, incident: str, party: int) -> int:
    parts = world.procore.words("body_parts")
    return hurt_on_site(
        world, incident, party, days=371,
        affliction_type_id=world.procore.words("affliction_types")["Fracture"],
        body_part_ids=[parts["hand_left"], parts["neck"]],
        filing_type="first_aid", description="<p>Zebra fell.</p>",
    )  # fmt: skip


def injury(world: World) -> dict[str, Any]:
    (record,) = [one for row in world.site().values() for one in (*row["injuries"], *row["near_misses"])]
    return record


def involved(world: World) -> dict[str, Any]:
    (record,) = [one for row in world.office().values() for one in row["persons"]]
    return record


def closed_to(world: World, crossing: dict[FieldClass, Direction], mapping: FieldMapping = DEFAULT) -> None:
    """The route's privacy changes, and a person approves the change."""
    world.with_route(mapping=mapping.within(crossing))
    report = world.sync()
    assert (report.outcome, report.exit_code, wrote(report)) == ("stopped", 7, NOTHING)
    world.answer(only(world, "guard").id, "approve")


# New records ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("allowed", [NOWHERE, TO_PROCORE])
def test_no_health_of_a_person_goes_to_4hse(sent, build: Build, store_url: str, allowed: Direction) -> None:
    world = build(store_url, mapping=DEFAULT.within({HEALTH: allowed}))
    party, assignment = hire(world)
    site = world.on_site()
    record = hurt(world, site, party)
    assert world.sync().outcome == "ok"
    assert (involved(world)["person_office_id"], involved(world)["description"]) == (assignment, None)
    world.procore.hand_edit("injury", record, description="<p>Zebra fell again.</p>", work_days_absent=372)
    world.sync()
    assert is_quiet(world)
    assert spoken(sent, "fourhse", *WORDS, '"days"') == []
    assert world.inbox() == []


@pytest.mark.parametrize("allowed", [NOWHERE, TO_FOURHSE])
def test_no_health_of_a_person_goes_to_procore(sent, build: Build, allowed: Direction) -> None:
    world = build(mapping=DEFAULT.within({HEALTH: allowed}))
    party, assignment = hire(world)
    office = world.in_office(category="ACCIDENTS")
    record = hurt_in_office(world, office, assignment, days=371, description=TOLD)
    assert world.sync().outcome == "ok"
    assert (injury(world)["affected_party"]["id"], injury(world)["work_days_absent"]) == (party, None)
    world.fourhse.hand_edit("incident-person", record, description=f"{TOLD} Again.", days=372)
    world.sync()
    assert is_quiet(world)
    assert spoken(sent, "procore", *WORDS, "work_days_absent") == []
    assert world.inbox() == []


def test_the_way_that_is_left_is_gone(build: Build) -> None:
    world = build(mapping=DEFAULT.within({HEALTH: TO_PROCORE}))
    party, _ = hire(world)
    hurt(world, world.on_site(), party)
    world.sync()
    person = involved(world)["office_incident_person_id"]
    world.fourhse.hand_edit("incident-person", person, days=5, description="Affliction: Burn\n\nShe fell.")
    assert wrote(world.sync()) == {**NOTHING, "updated": 1}
    assert (injury(world)["work_days_absent"], injury(world)["affliction_type"]["name"]) == (5, "Burn")
    assert is_quiet(world)


@pytest.mark.parametrize("side", ["procore", "fourhse"])
def test_nobody_is_copied_where_identity_may_not_go(sent, build: Build, side: str) -> None:
    world = build(mapping=DEFAULT.within({IDENTITY: NOWHERE}))
    party, assignment = hire(world)
    if side == "procore":
        hurt(world, world.on_site(), party)
    else:
        hurt_in_office(world, world.in_office(category="ACCIDENTS"), assignment, days=371, description=TOLD)
    assert world.sync().outcome == "ok"
    assert len(crew.on_site(world)) + len(crew.in_office(world)) == 1
    assert spoken(sent, Side(side).other.value, *WORDS, "party", "person_office_id") == []
    assert is_quiet(world)
    assert world.inbox() == []


def test_a_word_that_nobody_knows_is_not_asked_about_where_it_may_not_go(build: Build) -> None:
    world = build(mapping=DEFAULT.within({HEALTH: NOWHERE}))
    _, assignment = hire(world)
    hurt_in_office(world, world.in_office(category="ACCIDENTS"), assignment, description="Affliction: Zebra bite")
    assert world.sync().outcome == "ok"
    assert len(crew.on_site(world)) == 1
    assert is_quiet(world)
    assert world.inbox() == []


# One text, two classes --------------------------------------------------------------------------------------------


def test_a_line_may_stay_home_while_the_text_around_it_crosses(sent, build: Build) -> None:
    world = build(mapping=classed(person_affliction_type=LOCATION).within({LOCATION: TO_PROCORE}))
    party, _ = hire(world)
    record = hurt(world, world.on_site(), party)
    world.sync()
    assert involved(world)["description"] == "Body parts: Left hand; Neck\nFiling type: First aid\n\nZebra fell."
    world.procore.hand_edit("injury", record, description="<p>He slipped.</p>")
    assert wrote(world.sync()) == {**NOTHING, "updated": 1}
    assert involved(world)["description"].endswith("\n\nHe slipped.")
    assert is_quiet(world)
    assert spoken(sent, "fourhse", "Fracture", "Affliction") == []


def test_a_text_may_stay_home_while_a_line_in_it_crosses(sent, build: Build) -> None:
    world = build(mapping=classed(person_description=LOCATION).within({LOCATION: NOWHERE}))
    party, _ = hire(world)
    hurt(world, world.on_site(), party)
    world.sync()
    assert involved(world)["description"] == "Affliction: Fracture\nBody parts: Left hand; Neck\nFiling type: First aid"
    person = involved(world)["office_incident_person_id"]
    world.fourhse.hand_edit("incident-person", person, description="Affliction: Burn\n\nGiraffe fell.")
    world.sync()
    assert (injury(world)["affliction_type"]["name"], injury(world)["description"]) == ("Burn", "<p>Zebra fell.</p>")
    assert is_quiet(world)
    assert spoken(sent, "fourhse", "Zebra") == spoken(sent, "procore", "Giraffe") == []


def test_a_long_title_crosses_while_the_text_that_it_leads_stays_home(sent, build: Build) -> None:
    world = build(mapping=classed(description=HEALTH).within({HEALTH: NOWHERE}))
    title = "A fall from the ladder, told at length. " * 8
    site = world.on_site(title, description="Zebra fell.")
    world.sync()
    (row,) = world.office().values()
    assert (row["name"][-1], row["description_event"]) == ("…", title.strip())
    world.procore.hand_edit("incident", int(site), title="A short one", description="Zebra fell again.")
    world.sync()
    (row,) = world.office().values()
    assert (row["name"], row["description_event"] or "") == ("A short one", "")
    assert is_quiet(world)
    assert spoken(sent, "fourhse", "Zebra") == []


# A change of the settings -----------------------------------------------------------------------------------------

OPEN = classed(description=HEALTH)
"""The default mapping, in which what happened is health too."""


def test_a_change_of_what_may_cross_is_asked_about_as_any_change_of_scope(build: Build, store_url: str) -> None:
    world = build(store_url, mapping=OPEN)
    world.on_site(description="Zebra fell.")
    world.sync()
    closed_to(world, {HEALTH: NOWHERE}, OPEN)
    assert world.sync().outcome == "ok"
    assert is_quiet(world)
    world.with_route(mapping=OPEN.within({HEALTH: TO_PROCORE}))
    assert world.sync().outcome == "stopped"
    assert "health crosses nowhere" in only(world, "guard").item.reason


def made_again(build: Build, crossing: dict[FieldClass, Direction]) -> tuple[World, str]:
    """An incident that had crossed whole, was deleted in 4HSE, and is made again there after the class was barred."""
    world = build(mapping=OPEN)
    site = world.on_site(description="Zebra fell.")
    world.on_site("Slip")
    world.sync()
    closed_to(world, crossing, OPEN)
    world.sync()
    world.fourhse.hand_delete("incident", partner(world, site))
    world.sync()
    world.answer(only(world, "deletion").id, "reject", restore=True)
    return world, site


@pytest.mark.parametrize("allowed", [NOWHERE, TO_PROCORE])
def test_what_is_made_again_goes_without_it(sent, build: Build, allowed: Direction) -> None:
    world, site = made_again(build, {HEALTH: allowed})
    sent["fourhse"].clear()
    world.sync()
    assert (world.office()[partner(world, site)]["description_event"] or "") == ""
    assert world.office()[partner(world, site)]["name"] == "Fall"
    assert spoken(sent, "fourhse", "Zebra") == []
    assert is_quiet(world)
    assert world.site()[site]["description"] == "Zebra fell."


def test_what_was_made_again_without_it_takes_nothing_away_when_the_class_may_cross_again(build: Build) -> None:
    world, site = made_again(build, {HEALTH: NOWHERE})
    world.sync()
    assert is_quiet(world)
    closed_to(world, {}, OPEN)
    world.sync()
    assert world.site()[site]["description"] == "Zebra fell."
    assert world.office()[partner(world, site)]["description_event"] == "Zebra fell."
    assert is_quiet(world)


def test_nobody_is_made_again_where_identity_may_not_go(sent, build: Build) -> None:
    world = build()
    party, _ = hire(world)
    site = world.on_site()
    hurt(world, site, party)
    world.sync()
    closed_to(world, {IDENTITY: TO_PROCORE})
    world.sync()
    world.fourhse.hand_delete("incident-person", involved(world)["office_incident_person_id"])
    world.sync()
    world.answer(only(world, "deletion").id, "reject", restore=True)
    sent["fourhse"].clear()
    world.procore.hand_edit("incident", int(site), title="Slip")
    world.sync()
    assert crew.in_office(world) == []
    assert spoken(sent, "fourhse", *WORDS) == []


@pytest.mark.parametrize("allowed", [NOWHERE, TO_PROCORE])
def test_what_a_restored_4hse_lost_is_put_back_without_it(sent, build: Build, allowed: Direction) -> None:
    world = build(mapping=OPEN)
    sites = [world.on_site(f"Fall {number}", description="Old.") for number in range(3)]
    world.sync()
    night = world.fourhse.snapshot()
    world.clock.advance(hours=8)
    for site in sites:
        world.procore.hand_edit("incident", int(site), title=f"Slip {site}", description="Zebra fell.")
    world.sync()
    closed_to(world, {HEALTH: allowed}, OPEN)
    world.sync()
    world.fourhse.restore_snapshot(night)
    assert world.sync().outcome == "stopped"
    world.answer(only(world, "guard").id, "approve", use="base")
    sent["fourhse"].clear()
    world.sync()
    assert sorted(row["name"] for row in world.office().values()) == sorted(f"Slip {site}" for site in sites)
    assert {row["description_event"] for row in world.office().values()} == {"Old."}
    assert is_quiet(world)
    assert {row["description"] for row in world.site().values()} == {"Zebra fell."}
    assert spoken(sent, "fourhse", "Zebra") == []


def test_an_answer_to_a_conflict_does_not_carry_it_either(sent, build: Build) -> None:
    world = build(mapping=OPEN)
    site = world.on_site(description="Old.")
    world.sync()
    world.procore.hand_edit("incident", int(site), description="Zebra fell.")
    world.fourhse.hand_edit("incident", partner(world, site), description_event="Giraffe fell.", name="Slip")
    world.sync()
    world.answer(only(world, "conflict").id, "resolve", use="procore")
    world.with_route(mapping=OPEN.within({HEALTH: NOWHERE}))
    world.sync()
    world.answer(only(world, "guard").id, "approve")
    world.sync()
    assert is_quiet(world)
    assert waiting(world, "conflict") == []
    assert spoken(sent, "fourhse", "Zebra") == spoken(sent, "procore", "Giraffe") == []
