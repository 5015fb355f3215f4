"""Equipment that a Procore record names and resources of a 4HSE incident: each piece once, by code or serial number."""

from collections.abc import Callable
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest

from actors import NOTHING, hire, hurt_on_site, is_quiet, only, partner, waiting, wrote
from procore_4hse.mapping.loader import load
from procore_4hse.mapping.rules import Direction
from procore_4hse.simulator.faults import FaultKind
from world import OFFICE, PROJECT, TENANT, World

pytestmark = pytest.mark.any_store

ROOT = Path(__file__).parents[2]
EQUIPMENT = """\
owner: plant office
recognised by:
  - identification number is code
  - serial number
fields:
  - field: Equipment
    procore: managed_equipment
    4hse: entity_id
    direction: both
    using: equipment
"""


@pytest.fixture
def world(build: Callable[..., World], store_url: str, tmp_path: Path) -> World:
    folder = Path(copytree(ROOT / "mappings" / "default", tmp_path / "site"))
    (folder / "equipment.yaml").write_text(EQUIPMENT)
    return build(store_url, mapping=load(folder))


def machine(world: World, name: str = "Crane", code: str = "EQ-1") -> tuple[int, str]:
    """The same piece in both systems, by its number."""
    site = world.procore.add_equipment(PROJECT, name, identification_number=code)
    return site, world.fourhse.add_equipment(TENANT, OFFICE, f"{name} of the office", code=code)


def resources(world: World, incident: str) -> list[str]:
    return sorted(row["entity_id"] for row in world.office()[incident]["resources"])


def resource_of(world: World, incident: str, piece: str) -> str:
    fields = {"office_incident_id": incident, "entity_id": piece, "entity_type": "EQUIPMENT"}
    return world.fourhse.hand_create("incident-resource", OFFICE, **fields)


def named(world: World, incident: str) -> list[Any]:
    return [(row["managed_equipment"] or {}).get("id") for row in world.site()[incident]["injuries"]]


def crossed(world: World) -> tuple[str, int, str, str]:
    """An injury whose crane is a resource: the incident and the injury in Procore, the incident and crane in 4HSE."""
    party, _ = hire(world)
    crane, office_crane = machine(world)
    site = world.on_site()
    record = hurt_on_site(world, site, party, days=1, managed_equipment_id=crane)
    assert world.sync().outcome == "ok"
    return site, record, partner(world, site), office_crane


def test_equipment_named_on_site_becomes_a_resource_once(world: World) -> None:
    _, _, office, crane = crossed(world)
    assert resources(world, office) == [crane]
    assert is_quiet(world)
    assert world.inbox() == []
    assert (world.procore.refused, world.fourhse.refused) == ([], [])


def test_a_piece_is_found_by_its_serial_number(world: World) -> None:
    drill = world.procore.add_equipment(PROJECT, "Drill", serial_number="s-77")
    office_drill = world.fourhse.add_equipment(TENANT, OFFICE, "Bohrer", serial="S-77")
    site = world.on_site()
    world.procore.hand_create("property_damage", PROJECT, incident_id=int(site), managed_equipment_id=drill)
    world.sync()
    assert resources(world, partner(world, site)) == [office_drill]


def test_two_records_that_name_one_piece_make_one_resource(world: World) -> None:
    party, _ = hire(world)
    crane, office_crane = machine(world)
    site = world.on_site()
    for _ in range(2):
        hurt_on_site(world, site, party, managed_equipment_id=crane)
    world.sync()
    assert resources(world, partner(world, site)) == [office_crane]
    assert is_quiet(world)


def test_a_changed_piece_travels_both_ways(world: World) -> None:
    site, record, office, _ = crossed(world)
    lift, office_lift = machine(world, "Lift", "EQ-2")
    world.procore.hand_edit("injury", record, managed_equipment_id=lift)
    world.clock.advance(hours=7)
    assert wrote(world.sync()) == {**NOTHING, "updated": 1}
    assert resources(world, office) == [office_lift]
    saw, office_saw = machine(world, "Saw", "EQ-3")
    (resource,) = world.office()[office]["resources"]
    world.fourhse.hand_edit("incident-resource", resource["office_incident_resource_id"], entity_id=office_saw)
    world.clock.advance(hours=7)
    assert wrote(world.sync()) == {**NOTHING, "updated": 1}
    assert named(world, site) == [saw]
    assert is_quiet(world)


def test_equal_pieces_of_a_first_meeting_are_linked_without_a_write(world: World) -> None:
    party, _ = hire(world)
    crane, office_crane = machine(world)
    site = world.on_site(description="The hook came off the crane.")
    hurt_on_site(world, site, party, managed_equipment_id=crane)
    office = world.in_office(description_event="The hook came off the crane.", category="ACCIDENTS")
    resource_of(world, office, office_crane)
    world.sync(first=True)
    assert (resources(world, office), named(world, site)) == ([office_crane], [crane])
    assert is_quiet(world)


def test_a_resource_fills_the_one_record_that_names_none(world: World) -> None:
    party, _ = hire(world)
    crane, office_crane = machine(world)
    site = world.on_site()
    hurt_on_site(world, site, party)
    world.sync()
    resource_of(world, partner(world, site), office_crane)
    world.sync()
    assert named(world, site) == [crane]
    assert is_quiet(world)


def test_a_resource_with_no_clear_place_stays_in_4hse(world: World) -> None:
    party, _ = hire(world)
    _, office_crane = machine(world)
    site = world.on_site()
    for _ in range(2):
        hurt_on_site(world, site, party)
    world.sync()
    resource_of(world, partner(world, site), office_crane)
    assert wrote(world.sync()) == NOTHING
    assert named(world, site) == [None, None]
    assert world.inbox() == []


def test_a_piece_without_a_partner_is_asked_about_and_the_person_crosses(world: World) -> None:
    party, _ = hire(world)
    odd = world.procore.add_equipment(PROJECT, "Odd thing", identification_number="EQ-9")
    site = world.on_site()
    hurt_on_site(world, site, party, days=2, managed_equipment_id=odd)
    world.sync()
    world.sync()
    office = partner(world, site)
    assert (resources(world, office), len(world.office()[office]["persons"])) == ([], 1)
    assert "has no partner in the 4HSE office" in only(world, "word").item.reason


def test_a_cleared_piece_is_asked_about_never_deleted(world: World) -> None:
    _, record, office, crane = crossed(world)
    world.procore.hand_edit("injury", record, managed_equipment_id=None)
    assert wrote(world.sync()) == NOTHING
    assert resources(world, office) == [crane]
    assert "names no equipment any more" in only(world, "deletion").item.reason
    world.answer(only(world, "deletion").id, "approve")
    assert wrote(world.sync()) == {**NOTHING, "deleted": 1}
    assert resources(world, office) == []
    assert is_quiet(world)


def test_a_deleted_resource_is_a_deletion_like_any_other(world: World) -> None:
    site, _, office, _ = crossed(world)
    (resource,) = world.office()[office]["resources"]
    world.fourhse.hand_delete("incident-resource", resource["office_incident_resource_id"])
    assert wrote(world.sync()) == NOTHING
    world.answer(only(world, "deletion").id, "approve")
    assert wrote(world.sync()) == {**NOTHING, "deleted": 1}
    assert named(world, site) == [None]
    assert is_quiet(world)


def test_a_deleted_record_asks_about_its_resource(world: World) -> None:
    _, record, office, crane = crossed(world)
    world.procore.hand_delete("injury", record)
    world.sync()
    assert len(waiting(world, "deletion")) == len(world.inbox()) == 2, "the person and the equipment"
    assert resources(world, office) == [crane]


def test_a_one_way_route_never_writes_the_other_way(world: World) -> None:
    world.with_route(direction=Direction.TO_FOURHSE)
    party, _ = hire(world)
    _, office_crane = machine(world)
    site = world.on_site()
    hurt_on_site(world, site, party)
    world.sync()
    resource_of(world, partner(world, site), office_crane)
    world.sync()
    assert named(world, site) == [None]


def test_other_resources_stay_as_they_are(world: World) -> None:
    _, _, office, crane = crossed(world)
    group = world.fourhse.hand_create("work-group", OFFICE, project_id=TENANT, name="Roofers")
    fields = {"office_incident_id": office, "entity_id": group, "entity_type": "WORK_GROUP"}
    world.fourhse.hand_create("incident-resource", OFFICE, **fields)
    assert is_quiet(world)
    assert sorted(resources(world, office)) == sorted([crane, group])


def test_without_the_file_no_equipment_is_read(build: Callable[..., World]) -> None:
    world = build()
    asked: list[str] = []
    world.faults.on_request.append(lambda request: asked.append(request.path))
    party, _ = hire(world)
    crane, _ = machine(world)
    site = world.on_site()
    hurt_on_site(world, site, party, managed_equipment_id=crane)
    world.sync()
    assert [path for path in asked if "equipment" in path or "resource" in path] == []
    assert resources(world, partner(world, site)) == []


@pytest.mark.parametrize("fault", [FaultKind.LOST_ANSWER, FaultKind.ERROR_AFTER, FaultKind.REFUSED_CONNECTION])
def test_a_lost_answer_about_a_resource_makes_it_once(world: World, fault: FaultKind) -> None:
    party, _ = hire(world)
    crane, office_crane = machine(world)
    site = world.on_site()
    hurt_on_site(world, site, party, managed_equipment_id=crane)
    world.faults.add(fault, where=lambda request: request.path.endswith("incident-resource/create"))
    assert world.sync().outcome == "partial"
    world.sync()
    assert resources(world, partner(world, site)) == [office_crane]
    assert is_quiet(world)


def test_equipment_of_a_near_miss_stays_named_when_it_becomes_an_injury(world: World) -> None:
    party, _ = hire(world)
    crane, office_crane = machine(world)
    site = world.on_site()
    hurt_on_site(world, site, party, kind="near_miss", managed_equipment_id=crane)
    assert world.sync().outcome == "ok"
    office = partner(world, site)
    world.fourhse.hand_edit("incident", office, category="ACCIDENTS")
    world.sync()
    world.answer(only(world, "conflict").id, "approve", use="injury")
    world.sync()
    assert (named(world, site), world.site()[site]["near_misses"]) == ([crane], [])
    for _ in range(2):
        assert is_quiet(world)
        assert (resources(world, office), world.inbox()) == ([office_crane], [])
