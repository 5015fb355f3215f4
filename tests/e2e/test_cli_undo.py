"""inbox undo, and answers about people."""

from __future__ import annotations

from typing import Any

from cli_stand import PLACES, TENANT, Stand

PROJECT, OFFICE = PLACES["riverside"]


def conflict(stand: Stand) -> tuple[str, str, str]:
    """A title that both sides changed: the ids of the pair, and the item's."""
    site, office = stand.linked("Fall")
    stand.procore.hand_edit("incident", int(site), title="Fall from a ladder")
    stand.fourhse.hand_edit("incident", office, name="Fall from a step")
    stand.run("sync")
    return site, office, only(stand)["id"]


def only(stand: Stand) -> dict[str, Any]:
    (item,) = stand.json("inbox")["items"]
    return dict(item)


def test_an_answer_taken_back_is_not_carried_out(stand: Stand) -> None:
    site, office, item = conflict(stand)
    stand.said("inbox", "resolve", item, "--use", "procore")
    assert stand.json("inbox") == {"items": []}
    assert "Taken back: item 1 (conflict) waits for an answer again." in stand.said("inbox", "undo", item)
    assert only(stand)["id"] == item
    assert stand.json("sync")["routes"][0]["inbox"]["conflict"] == 1
    assert stand.fourhse.look("incident", office)["name"] == "Fall from a step"
    stand.said("inbox", "resolve", item, "--use", "4hse")
    stand.run("sync")
    assert stand.procore.record(int(site)).values["title"] == "Fall from a step"


def test_nothing_to_take_back_is_told(stand: Stand) -> None:
    _, _, item = conflict(stand)
    assert "Item 1 has no answer to take back" in stand.said("inbox", "undo", item, exit_code=2)
    assert "The inbox has no item 9" in stand.said("inbox", "undo", "9", exit_code=2)
    stand.said("inbox", "resolve", item, "--use", "procore")
    stand.run("sync")
    assert "Item 1 is closed: its answer was carried out" in stand.said("inbox", "undo", item, exit_code=2)


def test_an_approved_deletion_can_be_taken_back(stand: Stand) -> None:
    site, office = stand.linked("Fall")
    stand.linked("Slip")
    stand.procore.hand_delete("incident", int(site))
    stand.run("sync")
    item = only(stand)["id"]
    stand.said("inbox", "approve", item)
    stand.said("inbox", "undo", item)
    stand.run("sync")
    assert stand.fourhse.look("incident", office) is not None
    assert only(stand)["kind"] == "deletion"


# People -----------------------------------------------------------------------------------------------------------


def stranger(stand: Stand) -> tuple[str, str, dict[str, Any]]:
    """Ann Lee was hurt, whom 4HSE knows as Anna Lee: her assignment there, Bo's, and the question about her."""
    assignment = stand.fourhse.add_person(TENANT, OFFICE, "Anna", "Lee")
    bo = stand.fourhse.add_person(TENANT, OFFICE, "Bo", "Diaz")
    stand.procore.add_person(PROJECT, "Bo", "Diaz")
    party = stand.procore.add_person(PROJECT, "Ann", "Lee")
    site = stand.on_site("Fall")
    stand.procore.hand_create("injury", PROJECT, incident_id=int(site), affected_party_id=party, work_days_absent=3)
    stand.run("sync")
    return assignment, bo, only(stand)


def test_a_person_s_partner_is_proposed_and_named(stand: Stand) -> None:
    assignment, _, item = stranger(stand)
    assert item["reason"] == "Ann Lee has no partner in the 4HSE office; the incident itself crosses."
    assert f"Perhaps: 4HSE {assignment} Anna Lee. " in item["advice"]
    assert "Diaz" not in item["advice"]
    stand.said("inbox", "approve", item["id"], "--with", assignment)
    assert stand.json("sync")["routes"][0]["written"]["fourhse"]["created"] == 1
    (row,) = stand.fourhse.dump(OFFICE)
    assert [(one["person_office_id"], one["days"]) for one in row["persons"]] == [(assignment, 3)]


def test_somebody_else_s_partner_and_nobody_s_id_are_refused(stand: Stand) -> None:
    _, bo, item = stranger(stand)
    said = stand.said("inbox", "approve", item["id"], "--with", bo, exit_code=2)
    assert f"4HSE {bo} is the partner of somebody else already." in said
    said = stand.said("inbox", "approve", item["id"], "--with", "7", exit_code=2)
    assert "4HSE's directory shows no person 7 on this route." in said
    assert "Say who it is: --with the person's id in 4HSE." in stand.said("inbox", "approve", item["id"], exit_code=2)
    assert only(stand)["id"] == item["id"]


def test_a_rejected_person_may_be_taken_up_again(stand: Stand) -> None:
    assignment, _, item = stranger(stand)
    stand.said("inbox", "reject", item["id"])
    stand.run("sync")
    assert stand.json("inbox") == {"items": []}
    stand.said("inbox", "undo", item["id"])
    stand.said("inbox", "approve", item["id"], "--with", assignment)
    assert stand.json("sync")["routes"][0]["written"]["fourhse"]["created"] == 1
