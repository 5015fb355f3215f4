"""The equipment of a linked incident: which records mean one piece, what crosses, and what is asked."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from core import MAPPING, crowd, injury

from procore_4hse.mapping.directory import EquipmentDirectory
from procore_4hse.mapping.lenses.equipment import EquipmentLens
from procore_4hse.mapping.picklists import Picklists
from procore_4hse.mapping.rules import Direction, Field
from procore_4hse.models import Act, Action, Item, ItemKind, Kind, Link, QuestionKey, Refusal, Side, SyncStatus
from procore_4hse.reconcile.plan import plan
from procore_4hse.reconcile.refusals import refusal_fingerprint
from procore_4hse.reconcile.snapshot import Plan, Presence, Rebase, Record
from routes import link, ref

PIECES = EquipmentDirectory({"7": "e7", "8": "e8"}, {"e7": "7", "e8": "8"})
ROW = Field("equipment", "Equipment", EquipmentLens(PIECES), kinds=(Kind.EQUIPMENT,))
EQUIPPED = replace(MAPPING, equipment=(ROW,))
SAME = "both name the same equipment"
EMPTY = "the one record of the incident names no equipment yet"


def machine(record_id: str = "injury-1", piece: int | None = 7, **changes: Any) -> Record:
    """What a record of incident 1 in Procore says of equipment: the crane."""
    image = {"managed_equipment": None if piece is None else {"id": piece}}
    return replace(Record(Side.PROCORE, record_id, image, kind=Kind.EQUIPMENT), **changes)


def resource(record_id: str = "r1", piece: str | None = "e7", **changes: Any) -> Record:
    """The crane as 4HSE lists it."""
    image = {"entity_id": piece, "entity_type": "EQUIPMENT", "office_incident_id": "a"}
    return replace(Record(Side.FOURHSE, record_id, image, kind=Kind.RESOURCE), **changes)


def carried(ours: Record | None = None, theirs: Record | None = None) -> Link:
    """The link of these two as they stood when they agreed."""
    ours, theirs = ours or machine(), theirs or resource()
    base = {ROW.key: ROW.base_of(ours.image, theirs.image)}
    return Link(6, ours.id, theirs.id, kind=Kind.EQUIPMENT, base=base, parent="1")


def planned(*records: Record, **changes: Any) -> Plan:
    return plan(
        crowd(*records, **{"mapping": EQUIPPED, "of_people": {"picklists": Picklists(equipment=PIECES)}, **changes})
    )


def steps(found: Plan) -> list[tuple[Act, str | None, str | None]]:
    return [(action.act, action.source_id, action.target_id) for action in found.actions]


def made(record_id: str = "injury-1") -> tuple[Act, str | None, str | None]:
    return Act.CREATE, record_id, None


def test_two_that_name_one_piece_are_linked_without_a_write():
    found = planned(machine(), resource())
    assert found.actions == (Action(Act.LINK, Side.FOURHSE, Kind.EQUIPMENT, "r1", "injury-1", SAME, parent="1"),)
    agreed = {"equipment": ROW.base_of(machine().image, resource().image)}
    assert found.rebases == (Rebase(Kind.EQUIPMENT, "injury-1", "r1", agreed),)
    assert (found.items, found.statuses[Side.PROCORE]) == ((), {"1": SyncStatus.IN_SYNC})


def test_each_piece_finds_its_own():
    found = planned(machine(), machine("injury-2", 8), resource("r2", "e8"), resource())
    assert steps(found) == [(Act.LINK, "injury-1", "r1"), (Act.LINK, "injury-2", "r2")]
    not_duplicates = planned(machine(), machine("injury-2", 8), resource("r2", "e8"))
    assert steps(not_duplicates) == [made(), (Act.LINK, "injury-2", "r2")]


def test_a_piece_named_in_procore_becomes_a_resource_of_the_incident():
    found = planned(machine(), parent=link(generation=2))
    assert found.actions == (
        Action(
            Act.CREATE, Side.FOURHSE, Kind.EQUIPMENT, None, "injury-1", "a piece of equipment named in Procore",
            {"entity_id": "e7", "entity_type": "EQUIPMENT", "office_incident_id": "a"},
            {"equipment": {"managed_equipment": {"id": 7}}}, generation=2, parent="1",
        ),
    )  # fmt: skip
    assert found.items == ()


def test_two_records_that_name_one_piece_make_one_resource():
    assert steps(planned(machine("injury-2"), machine())) == [made("injury-2")]
    both = planned(machine("injury-2"), machine(), resource("r2"), resource())
    assert steps(both) == [(Act.LINK, "injury-2", "r2")]


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (machine(), resource()),
        (machine(piece=8), resource()),
        (machine(), resource(piece="e8")),
        (machine(), resource(piece=None)),
        (machine(), None),
        (None, resource()),
    ],
)
def test_a_piece_that_a_link_carries_on_either_side_is_not_made_again(ours, theirs):
    there = [record for record in (ours, theirs) if record is not None]
    found = planned(*there, machine("injury-2"), links=(carried(),))
    assert [step for step in steps(found) if step[0] is Act.CREATE] == []


@pytest.mark.parametrize("presence", [Presence.ABSENT, Presence.GONE])
def test_a_piece_that_another_record_names_stays_when_its_record_goes(presence):
    found = planned(machine(presence=presence), machine("injury-2"), resource(), links=(carried(),))
    reason = "another record names this equipment"
    assert found.actions == (Action(Act.LINK, Side.FOURHSE, Kind.EQUIPMENT, "r1", "injury-2", reason, parent="1"),)
    assert (found.items, found.transitions) == ((), ())


@pytest.mark.parametrize(
    ("changes", "theirs"),
    [
        ({}, resource(presence=Presence.GONE)),
        ({}, resource(piece="e8")),
        ({}, resource(piece=None)),
        ({"pending": frozenset({ref(Side.FOURHSE, "r1", Kind.RESOURCE)})}, resource()),
    ],
)
def test_nothing_else_takes_the_place_of_a_record_that_is_gone(changes, theirs):
    found = planned(machine(presence=Presence.GONE), machine("injury-2"), theirs, links=(carried(),), **changes)
    assert (Act.LINK, "injury-2", "r1") not in steps(found)


def test_one_record_takes_one_place_alone():
    links = carried(), carried(machine("injury-3"), resource("r3"))
    gone = machine(presence=Presence.GONE), machine("injury-3", presence=Presence.GONE)
    found = planned(*gone, machine("injury-2"), resource(), resource("r3"), links=links)
    assert steps(found) == [(Act.LINK, "injury-2", "r1")]
    assert [item.key for item in found.items] == ["deletion:equipment-injury-3:procore"]


@pytest.mark.parametrize("second", [machine("injury-2"), resource("r2")])
def test_what_is_linked_is_not_linked_a_second_time(second):
    found = planned(machine(), resource(), second, links=(carried(),))
    assert (found.actions, found.items) == ((), ())


def test_a_piece_without_a_partner_is_asked_about():
    found = planned(machine(piece=9), machine("injury-2"))
    said = "Equipment: this equipment has no partner in the 4HSE office"
    assert found.items == (
        Item(
            ItemKind.WORD, "word:procore:equipment-injury-1:equipment", "Fall",
            f"{said}; name it under `partners` in equipment.yaml.",
            "Correct the value in Procore; it closes by itself.",
            procore_id="1", fourhse_id="a", field="equipment",
        ),
    )  # fmt: skip
    assert steps(found) == [made("injury-2")]


@pytest.mark.parametrize(
    "hidden",
    [{"presence": Presence.ABSENT}, {"presence": Presence.UNSEEN}, {"presence": Presence.GONE}, {"minimal": True}],
)
def test_a_record_that_is_not_shown_is_neither_linked_nor_copied(hidden):
    assert steps(planned(machine(**hidden))) == []
    assert steps(planned(machine(), resource(**hidden))) == [made()]


@pytest.mark.parametrize("how", ["pending", "possibly_ours"])
def test_what_an_open_intent_may_have_made_is_neither_linked_nor_copied(how):
    assert steps(planned(machine(), **{how: frozenset({ref(Side.PROCORE, "injury-1", Kind.EQUIPMENT)})})) == []
    assert steps(planned(machine(), **{how: frozenset({ref(Side.FOURHSE, "injury-1", Kind.EQUIPMENT)})})) == [made()]
    assert steps(planned(machine(), resource(), **{how: frozenset({ref(Side.FOURHSE, "r1", Kind.RESOURCE)})})) == [
        made()
    ]


def test_a_route_to_procore_makes_no_resource_and_asks_nothing():
    found = planned(machine(), machine("injury-2", 9), direction=Direction.TO_PROCORE)
    assert (found.actions, found.items) == ((), ())


# A resource that no record names ---------------------------------------------------------------------------------


def test_a_resource_fills_the_one_record_that_names_none():
    found = planned(machine(piece=None), resource())
    assert found.actions == (
        Action(Act.LINK, Side.FOURHSE, Kind.EQUIPMENT, "r1", "injury-1", EMPTY, parent="1"),
        Action(
            Act.UPDATE, Side.PROCORE, Kind.EQUIPMENT, "injury-1", "r1", "Equipment: Procore has none yet",
            {"managed_equipment_id": 7}, {"equipment": {"entity_id": "e7"}}, {"managed_equipment": None}, parent="1",
        ),
    )  # fmt: skip


def test_beside_records_that_name_theirs_the_one_that_names_none_is_filled_too():
    found = planned(machine(), machine("injury-2", None), resource(), resource("r2", "e8"))
    assert steps(found) == [
        (Act.LINK, "injury-1", "r1"),
        (Act.LINK, "injury-2", "r2"),
        (Act.UPDATE, "r2", "injury-2"),
    ]


@pytest.mark.parametrize(
    "records",
    [
        [resource()],
        [machine(piece=None)],
        [machine(piece=None), resource(piece=None)],
        [machine(piece=None), resource(), resource("r2", "e8")],
        [machine(piece=None), resource(), resource("r2")],
        [machine(piece=None), machine("injury-2", None), resource()],
        [machine(piece=None), machine("injury-2", None), resource(), resource("r2", "e8")],
    ],
)
def test_a_resource_with_no_clear_place_stays_in_4hse(records):
    found = planned(*records)
    assert (found.actions, found.items) == ((), ())


def test_a_resource_that_a_record_names_fills_no_other():
    assert steps(planned(machine(), machine("injury-2", None), resource())) == [(Act.LINK, "injury-1", "r1")]


def test_beside_linked_equipment_no_record_is_filled():
    found = planned(machine(), resource(), machine("injury-2", None), resource("r2", "e8"), links=(carried(),))
    assert (found.actions, found.items) == ((), ())


def test_a_route_to_4hse_fills_no_record():
    found = planned(machine(piece=None), resource(), direction=Direction.TO_FOURHSE)
    assert (found.actions, found.rebases) == ((), ())


def test_a_resource_whose_piece_has_no_partner_is_asked_about_under_the_incident_s_title():
    found = planned(machine(piece=None), resource(piece="e9"))
    [item] = found.items
    assert (item.kind, item.title, item.reason) == (
        ItemKind.WORD, "Fall", "Equipment: this equipment has no partner in the Procore project.",
    )  # fmt: skip
    assert steps(found) == [(Act.LINK, "injury-1", "r1")]


def test_people_and_equipment_of_one_incident_leave_each_other_alone():
    found = planned(injury(affected_party=None), machine(piece=None), resource())
    assert [action.kind for action in found.actions] == [Kind.EQUIPMENT, Kind.EQUIPMENT]


# Linked equipment ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ours", "theirs", "side", "fields"),
    [
        (machine(piece=8), resource(), Side.FOURHSE, {"entity_id": "e8", "entity_type": "EQUIPMENT"}),
        (machine(), resource(piece="e8"), Side.PROCORE, {"managed_equipment_id": 8}),
    ],
)
def test_another_piece_crosses_as_an_update(ours, theirs, side, fields):
    [action] = planned(ours, theirs, links=(carried(),)).actions
    assert (action.act, action.side, action.kind, action.fields) == (Act.UPDATE, side, Kind.EQUIPMENT, fields)


def test_a_deleted_resource_is_a_deletion_like_any_other():
    [item] = planned(machine(), resource(presence=Presence.GONE), links=(carried(),)).items
    assert (item.kind, item.key) == (ItemKind.DELETION, "deletion:equipment-injury-1:fourhse")


def test_a_list_that_pairs_other_pieces_by_now_moves_no_record_that_did_not_change():
    others = {"picklists": Picklists(equipment=EquipmentDirectory({"7": "e8", "8": "e7"}, {"e8": "7", "e7": "8"}))}
    found = planned(machine(), resource(), links=(carried(),), of_people=others)
    assert (found.actions, found.items) == ((), ())


def test_without_a_row_for_it_linked_equipment_is_left_alone():
    found = planned(machine(piece=8), links=(carried(),), mapping=MAPPING)
    assert (found.actions, found.items) == ((), ())


def test_a_refused_resource_is_told_under_the_title_of_its_incident():
    whole = crowd(machine(), mapping=EQUIPPED, of_people={"picklists": Picklists(equipment=PIECES)})
    [action] = plan(whole).actions
    key = QuestionKey.refused(action)
    refusal = Refusal(key, Side.FOURHSE, "No.", refusal_fingerprint(action), whole.now + timedelta(hours=1))
    found = plan(replace(whole, refusals={key: refusal}))
    assert (found.actions, [(item.key, item.title) for item in found.items]) == ((), [(key, "Fall")])
