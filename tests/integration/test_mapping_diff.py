"""What another mapping would change is told before anybody deploys it, and is what then happens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest

import actors as crew
from actors import NOTHING, hire, hire_in_office, hire_on_site, hurt_on_site, partner, wrote
from procore_4hse.mapping.loader import load
from procore_4hse.mapping.rules import Direction
from procore_4hse.models import Kind, Side
from procore_4hse.operations.explain import collect
from procore_4hse.operations.mapping_diff import MappingDiff, mapping_diff
from procore_4hse.operations.offline import find
from procore_4hse.operations.plan_effects import What
from procore_4hse.reconcile.diff import Verdict
from world import MAPPING, OFFICE, PROJECT, TENANT, World

pytestmark = pytest.mark.any_store

NUMBER = """
  - field: Number
    procore: number
    4hse: description_actions_involved
    line: Number
    direction: procore to 4hse
    using: text
"""

EQUIPMENT = """
owner: plant office
recognised by:
  - identification number is code
fields:
  - field: Equipment
    procore: managed_equipment
    4hse: entity_id
    direction: both
    using: equipment
"""

Edit = Callable[..., Path]


@pytest.fixture
def edited(tmp_path: Path) -> Edit:
    """A copy of the default mapping with texts replaced, `file={old: new}`, or added at its end."""

    def make(changes: dict[str, dict[str, str] | str]) -> Path:
        folder = copytree(MAPPING, tmp_path / "next")
        for name, change in changes.items():
            file = folder / name
            file.write_text(_changed(file.read_text(encoding="utf-8"), change), encoding="utf-8")
        return folder

    return make


def _changed(text: str, change: dict[str, str] | str) -> str:
    if isinstance(change, str):
        return text + change
    for old, new in change.items():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


def told(world: World, folder: Path = MAPPING) -> MappingDiff:
    return mapping_diff(world.store, world.route, replace(world.route, mapping=load(folder)))


def spots(found: MappingDiff) -> set[tuple[str, Side, What | None, What | None]]:
    """Field, side, what happens now and what would happen."""
    return {(each.label, each.spot.side, _what(each.now), _what(each.then)) for each in found.changes}


def _what(effect: Any) -> What | None:
    return effect.what if effect else None


def meaning(word: str, was: str, becomes: str) -> dict[str, str]:
    return {f"- 4hse: {word}\n  procore: {was}\n": f"- 4hse: {word}\n  procore: {becomes}\n"}


WITHOUT_BREACHES = {
    "NON_COMPLIANCE\n  procore: property": "ACCIDENTS_AND_MISSED_INJURIES\n  procore: property",
    "NON_COMPLIANCE\n  procore: environmental\n": "ACCIDENTS_AND_MISSED_INJURIES\n  procore: environmental\n"
    "- 4hse: NON_COMPLIANCE\n  procore: not shared\n",
}
"""4HSE's non-compliances are not shared any more."""


# Nothing is done -------------------------------------------------------------------------------------------------


def test_the_mapping_in_force_changes_nothing_whatever_there_is_to_do(build, store_url):
    world = build(store_url)
    made = world.on_site("Fall")
    world.sync()
    world.procore.hand_edit("incident", int(made), title="Slip")
    world.in_office("Another")
    world.sync(dry=True)
    diff = told(world)
    assert (diff.incidents, diff.concerned, diff.rows, diff.changes) == (2, 0, (), ())


def test_a_comparison_makes_no_call_and_no_write(build, store_url, edited):
    world = build(store_url)
    world.on_site("Fall")
    world.sync()
    calls = world.procore.calls.total() + world.fourhse.calls.total()
    assert told(world, edited({"incident.yaml": NUMBER})).concerned == 1
    assert world.procore.calls.total() + world.fourhse.calls.total() == calls
    assert (wrote(world.sync()), world.inbox()) == (NOTHING, [])


def test_an_empty_store_has_nothing_to_change(build, edited):
    diff = told(build(), edited({"incident.yaml": NUMBER}))
    assert (diff.incidents, diff.changes, diff.stop) == (0, (), None)
    assert diff.rows == ("Number: this row is new.",)


# What is told happens --------------------------------------------------------------------------------------------


def test_a_new_row_is_told_and_then_written_exactly_so(build, store_url, edited):
    world = build(store_url)
    for number in range(3):
        world.on_site(f"Fall {number}")
    world.sync()
    folder = edited({"incident.yaml": NUMBER})
    diff = told(world, folder)
    assert diff.counts == {("Number", Side.FOURHSE, What.UPDATE): 3}
    assert (diff.concerned, diff.newly(What.UPDATE), diff.stop) == (3, 3, None)
    world.with_route(mapping=load(folder))
    report = world.sync()
    assert wrote(report) == {"created": 0, "updated": 3, "deleted": 0}
    assert {(action.target_id, *action.fields.items()) for action in report.plan.actions} == {
        (each.spot.record_id, *each.then.becomes.items()) for each in diff.changes if each.then
    }
    assert {each.title for each in diff.changes} == {"Fall 0", "Fall 1", "Fall 2"}
    assert told(world, folder).changes == ()


def test_another_word_for_new_records_is_told_field_by_field(build, edited):
    world = build()
    world.on_site("Fall")
    world.sync(dry=True)
    bare = "\n  procore: nothing recorded\n"
    change = {f"ACCIDENTS_AND_MISSED_INJURIES{bare}": f"NON_COMPLIANCE{bare}"}
    diff = told(world, edited({"words/category.yaml": change}))
    (change,) = diff.changes
    assert change.now is not None
    assert change.then is not None
    assert (change.now.what, change.now.becomes) == (What.CREATE, {"category": "ACCIDENTS_AND_MISSED_INJURIES"})
    assert (change.then.what, change.then.becomes) == (What.CREATE, {"category": "NON_COMPLIANCE"})


def test_a_word_that_is_no_longer_shared_freezes_what_is_linked(build, edited):
    world = build()
    office = world.in_office("Pump", category="NON_COMPLIANCE")
    world.sync()
    diff = told(world, edited({"words/category.yaml": WITHOUT_BREACHES}))
    assert diff.rows == ("Category: its words changed.",)
    assert (diff.newly(What.EXCLUDE), diff.newly(What.HOLD), diff.incidents) == (1, 0, 1)
    assert spots(diff) == {("incident", Side.FOURHSE, None, What.EXCLUDE)}
    assert [each.spot.fourhse_id for each in diff.changes] == [office]


def test_a_word_that_becomes_shared_lets_incidents_cross(build, edited):
    world = build()
    world.in_office("Pump", category="REPORT_FAILURE")
    world.sync()
    diff = told(world, edited({"words/category.yaml": meaning("REPORT_FAILURE", "not shared", "environmental")}))
    assert (diff.concerned, diff.newly(What.CREATE), diff.newly(What.EXCLUDE)) == (1, 1, 0)
    assert ("incident", Side.FOURHSE, What.EXCLUDE, None) in spots(diff)
    assert ("Title", Side.PROCORE, None, What.CREATE) in spots(diff)


def test_a_word_that_goes_holds_its_incidents(build, edited):
    world = build()
    world.in_office("Pump", category="NON_COMPLIANCE")
    world.sync()
    diff = told(
        world,
        edited({"words/category.yaml": {**WITHOUT_BREACHES, "- 4hse: NON_COMPLIANCE\n  procore: not shared\n": ""}}),
    )
    assert spots(diff) == {("Category", Side.FOURHSE, None, What.HOLD)}
    assert diff.newly(What.HOLD) == 1


def test_a_route_of_one_way_is_told_its_own_way(build, edited):
    world = build(direction=Direction.TO_PROCORE)
    world.in_office("Pump")
    world.sync()
    assert told(world, edited({"incident.yaml": NUMBER})).changes == ()


# People ----------------------------------------------------------------------------------------------------------


def test_a_named_partner_lets_a_person_cross(build, store_url, edited):
    world = build(store_url)
    party, assignment = hire_on_site(world, "Ann Lee"), hire_in_office(world, "Anna Lees")
    hurt_on_site(world, world.on_site("Fall"), party)
    world.sync()
    names = f"partners:\n  - procore: {party}\n    4hse: {assignment}\n"
    text = (MAPPING / "people.yaml").read_text(encoding="utf-8")
    start = text.index("partners:")
    present = text[start : text.index("fields:", start)]
    folder = edited({"people.yaml": {present: names}})
    diff = told(world, folder)
    assert ("injury", Side.PROCORE, What.ASK, None) in spots(diff)
    assert ("Person", Side.FOURHSE, None, What.CREATE) in spots(diff)
    world.with_route(mapping=load(folder))
    assert wrote(world.sync()) == {"created": 1, "updated": 0, "deleted": 0}
    assert crew.in_office(world) == [(assignment, None)]


def test_an_affliction_that_means_something_else_is_asked_about(build, edited):
    world = build()
    party, _ = hire(world)
    words = world.procore.words("affliction_types")
    site = world.on_site("Fall")
    hurt_on_site(world, site, party, affliction_type_id=words["Fracture"])
    world.sync()
    assert "Affliction: Fracture" in str(world.office()[partner(world, site)]["persons"])
    diff = told(world, edited({"words/affliction.yaml": meaning("Fracture", "fracture", "sprain_or_strain")}))
    becomes = {each.spot.side: each.then.becomes for each in diff.changes if each.then}
    assert becomes == {
        Side.PROCORE: {"affliction_type_id": words["Sprain or Strain"]},
        Side.FOURHSE: {"description": "Affliction: Fractures"},
    }
    assert (diff.concerned, diff.newly(What.DIFFER)) == (1, 1)
    assert diff.stop is not None


def test_equipment_is_told_below_its_incident_and_by_a_mapping_that_drops_it(build, edited):
    folder = edited({})
    (folder / "equipment.yaml").write_text(EQUIPMENT, encoding="utf-8")
    world = build(mapping=load(folder))
    party, _ = hire(world)
    crane = world.procore.add_equipment(PROJECT, "Crane", identification_number="EQ-1")
    world.fourhse.add_equipment(TENANT, OFFICE, "Kran", code="EQ-1")
    site = world.on_site("Fall")
    hurt_on_site(world, site, party, managed_equipment_id=crane)
    world.sync()
    below = collect(world.store, *find(world.store, (world.route,), site)).people
    assert [(one.kind, one.link is not None) for one in below] == [(Kind.INJURY, True), (Kind.EQUIPMENT, True)]
    assert [field.verdict for field in below[1].fields] == [Verdict.SAME]
    assert told(world, MAPPING).rows == ("Equipment: this row is gone.",)


# The mappings themselves -----------------------------------------------------------------------------------------


def test_what_differs_in_a_row_is_told(build, edited):
    change = "direction: both\n    if both changed: ask a person\n    using: text\n    reason: What happened"
    other = "direction: procore to 4hse\n    if both changed: procore wins\n    using: text\n    reason: What happened"
    diff = told(build(), edited({"incident.yaml": {change: other}}))
    assert diff.rows == (
        "Description: its direction was `both` and is `procore to 4hse`; "
        "its rule was `ask a person` and is `procore wins`.",
    )
