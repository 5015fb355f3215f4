"""Records that name nobody: told on lines of the incident in 4HSE, one way, quiet, and open to people there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest

from actors import NOTHING, hire, is_quiet, only, wrote
from procore_4hse.mapping.classes import FieldClass
from procore_4hse.mapping.loader import load
from procore_4hse.mapping.rules import Direction, FieldMapping
from procore_4hse.models import Side
from procore_4hse.operations import explain
from procore_4hse.reconcile.snapshot import Limits
from procore_4hse.simulator.faults import FaultKind
from world import MAPPING, PROJECT, World, default_mapping, without_office_rows

pytestmark = pytest.mark.any_store

Build = Callable[..., World]
TOLD = (
    "Injuries without a name: 1: He cut his hand.\n"
    "Near misses without a name: 2: A load swung over the path.; A ladder slipped.\n"
    "Property damages: 1\n"
    "Environmental releases: 1: Spill, 20 lbs: Oil ran into the drain."
)


def record(world: World, incident: str, kind: str, text: str | None = None, **more: Any) -> int:
    told = {} if text is None else {"description": f"<p>{text}</p>"}
    return int(world.procore.hand_create(kind, PROJECT, incident_id=int(incident), **told, **more))


def full(world: World) -> str:
    """An incident with a record of each kind that names nobody, and two near misses."""
    made = world.on_site("Storm")
    record(world, made, "injury", "He cut his hand.")
    record(world, made, "near_miss", "A load swung over the path.")
    record(world, made, "near_miss", "A ladder slipped.")
    record(world, made, "property_damage")
    spill = world.procore.words("environmental_types")["Spill"]
    more = {"environmental_type_id": spill, "quantity_value": 20, "quantity_unit_of_measure": "lbs"}
    record(world, made, "environmental", "Oil ran into the drain.", **more)
    return made


def text(world: World) -> str:
    (row,) = world.office().values()
    return str(row["description_actions_involved"] or "")


def office_id(world: World) -> str:
    (one,) = world.office()
    return one


def without_lines() -> FieldMapping:
    """The default mapping as it was before it had these rows."""
    mapping = default_mapping()
    fields = tuple(row for row in mapping.fields if row.wording.using != "records summary")
    return replace(mapping, fields=fields, digest="before")


def test_each_kind_has_its_line_and_the_next_cycle_is_quiet(build: Build) -> None:
    world = build()
    full(world)
    assert world.sync().outcome == "ok"
    assert text(world) == TOLD
    assert is_quiet(world)
    assert world.inbox() == []


def test_witness_statements_are_counted_and_never_told(build: Build) -> None:
    world = build()
    made = world.on_site()
    witness = world.procore.add_person(PROJECT, "Ann", "Lee")
    for _ in range(2):
        world.procore.hand_create(
            "witness_statement", PROJECT, incident_id=int(made), witness_id=witness, statement="I saw it."
        )
    world.sync()
    assert text(world) == "Witness statements: 2"
    assert is_quiet(world)


def test_a_record_that_is_changed_named_or_removed_changes_its_line_alone(build: Build) -> None:
    world = build()
    party, _ = hire(world)
    made = full(world)
    world.sync()
    row = world.site()[made]
    world.procore.hand_edit("property_damage", row["property_damages"][0]["id"], description="A fence fell.")
    world.procore.hand_edit("injury", row["injuries"][0]["id"], affected_party_id=party)
    world.procore.hand_delete("near_miss", min(each["id"] for each in row["near_misses"]))
    world.sync()
    assert text(world) == (
        "Near misses without a name: 1: A ladder slipped.\n"
        "Property damages: 1: A fence fell.\n"
        "Environmental releases: 1: Spill, 20 lbs: Oil ran into the drain."
    )
    (office,) = world.office().values()
    assert len(office["persons"]) == 1, "who is named by now is an involved person"
    assert is_quiet(world)


def test_what_people_write_around_and_on_the_lines_is_kept(build: Build) -> None:
    """A line edited in 4HSE stays; once Procore's record changes too, a person is asked, and no edit is lost."""
    world = build()
    made = full(world)
    world.sync()
    edited = (
        text(world).replace("Property damages: 1", "Property damages: a fence, see file 7") + "\n\nWe put up a net."
    )
    world.fourhse.hand_edit("incident", office_id(world), description_actions_involved=edited)
    assert wrote(world.sync())["updated"] == 1, "what was done goes to Procore, and no line of ours"
    assert world.site()[made]["description"] == "Actions taken: We put up a net.\n\nWhat happened: Storm (1)."
    assert is_quiet(world)
    assert text(world) == edited
    (damage,) = world.site()[made]["property_damages"]
    world.procore.hand_edit("property_damage", damage["id"], description="A fence fell.")
    record(world, made, "near_miss", "A net tore.")
    world.sync()
    entry = only(world, "conflict")
    assert entry.item.field == "property_damages"
    assert text(world) == edited.replace("2: A load", "3: A load").replace("slipped.", "slipped.; A net tore.")
    world.answer(entry.id, "resolve", use="procore")
    world.sync()
    assert "Property damages: 1: A fence fell." in text(world)
    assert text(world).endswith("\n\nWe put up a net.")
    assert is_quiet(world)


def test_a_removed_line_stays_away_until_its_record_changes(build: Build) -> None:
    world = build()
    full(world)
    world.sync()
    world.fourhse.hand_edit("incident", office_id(world), description_actions_involved="We put up a net.")
    world.sync()
    assert is_quiet(world)
    assert text(world) == "We put up a net."
    assert world.inbox() == []


def test_no_line_comes_back_as_text(build: Build, tmp_path: Path) -> None:
    """Also where the mapping carries the text below the lines to Procore."""
    folder = Path(copytree(MAPPING, tmp_path / "site"))
    definition = 598134325870420
    incident = without_office_rows((folder / "incident.yaml").read_text(encoding="utf-8"))
    with (folder / "incident.yaml").open("w", encoding="utf-8") as file:
        file.write(
            f"{incident}\n  - field: Measures\n    procore: custom_field_{definition}\n"
            "    4hse: description_actions_involved\n    direction: both\n    using: text\n"
        )
    world = build(mapping=load(folder))
    world.procore.add_custom_field(definition, "string")
    made = full(world)
    before = world.site()[made]["description"]
    world.sync()
    world.fourhse.hand_edit(
        "incident", office_id(world), description_actions_involved=text(world) + "\n\nWe put up a net."
    )
    assert world.sync().outcome == "ok"
    shown = world.site()[made]
    assert shown["custom_fields"][f"custom_field_{definition}"]["value"] == "We put up a net."
    assert shown["description"] == before
    assert text(world) == f"{TOLD}\n\nWe put up a net."
    assert is_quiet(world)


def test_an_incident_of_the_office_gets_its_lines_too_and_nothing_goes_back(build: Build) -> None:
    world = build()
    world.in_office("Leak", description_actions_involved="Property damages: written by hand\nClosed the valve.")
    world.sync()
    (made,) = world.site()
    assert is_quiet(world)
    record(world, made, "environmental", "Oil ran out.")
    assert wrote(world.sync()) == {**NOTHING, "updated": 1}
    assert text(world) == (
        "Property damages: written by hand\nEnvironmental releases: 1: Oil ran out.\n\nClosed the valve."
    )
    assert is_quiet(world)


def test_while_a_list_fails_no_line_changes(build: Build) -> None:
    world = build()
    made = full(world)
    world.sync()
    world.faults.add(FaultKind.UNAVAILABLE, path="/incidents/environmentals$", times=None)
    record(world, made, "near_miss", "A net tore.")
    assert world.sync().outcome == "partial"
    assert text(world) == TOLD
    world.faults.clear()
    assert world.sync().outcome == "ok"
    assert "3: A load" in text(world)


def test_a_store_from_before_gets_its_lines_without_a_question(build: Build) -> None:
    """Only what has something to tell is written; texts that stand there stay below the lines."""
    world = build(mapping=without_lines())
    full(world)
    world.on_site("Fall")
    world.sync()
    storm = next(one for one, row in world.office().items() if row["name"] == "Storm")
    world.fourhse.hand_edit("incident", storm, description_actions_involved="We put up a net.")
    world.sync()
    assert is_quiet(world)
    world.with_route(mapping=default_mapping())
    assert wrote(world.sync()) == {**NOTHING, "updated": 1}
    assert world.office()[storm]["description_actions_involved"] == f"{TOLD}\n\nWe put up a net."
    assert world.inbox() == []
    assert is_quiet(world)


def test_many_new_lines_at_once_are_one_question(build: Build) -> None:
    """More than `max_change_percent` of the links is held as a whole, with its number."""
    world = build(mapping=without_lines(), limits=Limits(percent_from=2))
    for title in ("Storm", "Flood", "Frost"):
        record(world, world.on_site(title), "near_miss", "A tile fell.")
    world.sync(first=True)
    world.with_route(mapping=default_mapping())
    assert world.sync().outcome == "stopped"
    (entry,) = world.inbox()
    assert entry.item.key == "guard:updates:fourhse"
    world.answer(entry.id, "approve")
    assert wrote(world.sync()) == {**NOTHING, "updated": 3}
    assert is_quiet(world)


def test_explain_shows_each_line(build: Build) -> None:
    world = build()
    made = full(world)
    world.sync()
    story = explain.collect(world.store, world.route, {Side.PROCORE: made, Side.FOURHSE: office_id(world)})
    told = {one.field.label: one.procore.value for one in story.incident.fields if "1" in str(one.procore)}  # type: ignore[union-attr]
    assert told["Environmental releases"] == "1: Spill, 20 lbs: Oil ran into the drain."


def test_a_route_that_keeps_health_home_tells_of_damages_alone(build: Build) -> None:
    world = build(mapping=default_mapping().within({FieldClass.HEALTH: Direction.NONE}))
    full(world)
    world.sync()
    assert text(world) == TOLD[TOLD.index("Property") :]
