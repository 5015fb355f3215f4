"""Equipment without a partner, both ways, each piece with the number of incidents that name it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from procore_4hse.mapping.lenses.equipment import EquipmentLens
from procore_4hse.mapping.rules import Direction, Field, FieldMapping
from procore_4hse.models import Image, Kind, Side
from procore_4hse.operations.coverage import Gap
from procore_4hse.operations.equipment_coverage import EquipmentList, equipment_gaps
from routes import MAPPING

RULES = ("identification number is code", "serial number")
ROW = Field("equipment", "Equipment", EquipmentLens(), kinds=(Kind.EQUIPMENT,))
EQUIPPED = replace(MAPPING, equipment=(ROW,), equipment_by=RULES)


def site(*rows: Image, named: dict[int, tuple[int, ...]] | None = None) -> EquipmentList:
    """Procore's list; `named` are the incidents that name each piece."""
    records = [
        {"managed_equipment": {"id": piece}, "incident_id": incident}
        for piece, incidents in (named or {}).items()
        for incident in incidents
    ]
    return EquipmentList.of(Side.PROCORE, rows, [*records, {"managed_equipment": None, "incident_id": 1}])


def office(*rows: Image, named: dict[str, tuple[str, ...]] | None = None) -> EquipmentList:
    records = [
        {"entity_id": piece, "entity_type": "EQUIPMENT", "office_incident_id": incident}
        for piece, incidents in (named or {}).items()
        for incident in incidents
    ]
    return EquipmentList.of(Side.FOURHSE, rows, [*records, {"entity_id": "x", "entity_type": "WORK_GROUP"}])


def crane(number: int = 1, code: str | None = "EQ-1", **more: Any) -> Image:
    return {"id": number, "name": f"Crane {number}", "identification_number": code, **more}


def kran(piece_id: str = "a", code: str | None = "EQ-1", **more: Any) -> Image:
    return {"office_equipment_id": piece_id, "name": f"Kran {piece_id}", "code": code, **more}


def whats(*lists: EquipmentList, mapping: FieldMapping = EQUIPPED) -> list[tuple[str, int]]:
    return [(gap.what, gap.records) for gap in equipment_gaps(mapping, *lists)]


def test_pieces_that_a_rule_pairs_leave_no_gap() -> None:
    assert whats(site(crane(), named={1: (11,)}), office(kran(), named={"a": ("i",)})) == []
    assert whats(site(crane(code=None, serial_number="s-7")), office(kran(code=None, serial="S-7"))) == []


def test_a_piece_without_a_partner_is_told_with_the_incidents_that_name_it() -> None:
    mine = site(crane(1, "EQ-1"), crane(2, "EQ-2"), named={1: (11,), 2: (11, 12, 12)})
    theirs = office(kran("c", "EQ-3"), named={"c": ("i",)})
    assert whats(mine, theirs) == [
        ("Procore's equipment Crane 2 (EQ-2) has no partner in 4HSE", 2),
        ("Procore's equipment Crane 1 (EQ-1) has no partner in 4HSE", 1),
        ("4HSE's equipment Kran c (EQ-3) has no partner in Procore", 1),
    ]


def test_pieces_that_nothing_names_are_told_together() -> None:
    mine = site(*(crane(number, None) for number in range(1, 8)))
    listed = ", ".join(f"Crane {number} ({number})" for number in range(1, 6))
    what = f"Procore's equipment that no incident names has no partner in 4HSE: {listed} and 2 more"
    assert whats(mine, office()) == [(what, 0)]


def test_a_piece_that_a_record_names_and_the_list_lacks_is_told() -> None:
    deleted = crane(1, deleted_at="2026-01-01T00:00:00Z")
    assert whats(site(deleted, named={1: (11,)}), office(kran())) == [
        ("Procore's equipment 1 has no partner in 4HSE, and Procore's list does not show it", 1),
        ("4HSE's equipment that no incident names has no partner in Procore: Kran a (EQ-1)", 0),
    ]


def test_a_number_that_several_pieces_have_is_told_once() -> None:
    mine = site(crane(1), crane(2, "eq-1"), named={1: (11,), 2: (12,)})
    (gap,) = equipment_gaps(EQUIPPED, mine, office(kran(), named={"a": ("i",)}))
    assert gap == Gap(
        "`identification number is code` fits several pieces of equipment, so that none is chosen: "
        "2 in Procore, Crane 1 (EQ-1), Crane 2 (eq-1); 1 in 4HSE, Kran a (EQ-1)",
        "give each a number of its own, or name the partners in equipment.yaml",
        2,
    )


def test_a_number_that_only_one_side_shares_is_no_doubt() -> None:
    mine = site(*(crane(number, "EQ-7") for number in (1, 2, 3)), named={2: (11,)})
    assert whats(mine, office()) == [
        ("Procore's equipment Crane 2 (EQ-7) has no partner in 4HSE", 1),
        ("Procore's equipment that no incident names has no partner in 4HSE: Crane 1 (EQ-7), Crane 3 (EQ-7)", 0),
    ]


def test_a_doubt_that_a_later_rule_or_an_exception_clears_is_none() -> None:
    mine = site(crane(1, serial_number="s1"), crane(2))
    idle = "Procore's equipment that no incident names has no partner in 4HSE: Crane 2 (EQ-1)"
    assert whats(mine, office(kran(serial="S1"))) == [(idle, 0)]
    named = replace(EQUIPPED, equipment_partners={"1": "a", "2": "b"})
    assert whats(site(crane(1), crane(2)), office(kran(), kran("b")), mapping=named) == []


def test_an_exception_that_names_nothing_is_told() -> None:
    named = replace(EQUIPPED, equipment_partners={"1": "a", "8": "z", "2": "y"})
    mine = site(crane(1, None), crane(2, None), named={2: (11,)})
    assert whats(mine, office(kran("a", None)), mapping=named) == [
        ("equipment.yaml names 8 and z as partners, and Procore shows no 8 and 4HSE shows no z", 0),
        ("equipment.yaml names 2 and y as partners, and 4HSE shows no y", 1),
    ]


def test_without_equipment_or_where_it_rests_there_are_no_gaps() -> None:
    alone = site(crane()), office()
    assert whats(*alone, mapping=MAPPING) == []
    assert whats(*alone, mapping=replace(EQUIPPED, equipment=(replace(ROW, direction=Direction.NONE),))) == []
    assert len(whats(*alone)) == 1
