"""check: what it looks at, what it warns about, and what it ends with."""

from __future__ import annotations

from datetime import timedelta
from shutil import copytree
from typing import Any

from cli_stand import MAPPING, PLACES, TENANT, Stand, now

from procore_4hse.simulator.faults import FaultKind


def told(found: dict[str, Any], level: str) -> str:
    assert list(found) == ["outcome", "exit", "findings"]
    assert all(list(each) == ["place", "level", "what"] for each in found["findings"])
    return "\n".join(f"{each['place']}: {each['what']}" for each in found["findings"] if each["level"] == level)


def test_a_sound_configuration_is_in_order_and_nothing_is_written(stand: Stand) -> None:
    stand.on_site("Secret happening")
    stand.in_office("Secret happening")
    found = stand.json("check")
    assert (found["outcome"], found["exit"]) == ("ok", 0)
    assert told(found, "warning") == told(found, "problem") == ""
    fine = told(found, "ok")
    assert "Procore: The credentials are accepted." in fine
    assert "4HSE: The credentials are accepted." in fine
    assert "its days are those of America/Los_Angeles" in fine
    assert "recycle bin can be read" in fine
    assert "Everything is in order." in stand.said("check")
    assert stand.writes == 0
    assert not stand.procore.refused
    assert not stand.fourhse.refused
    assert "Secret" not in stand.run("check").output


def test_gaps_in_words_and_missing_rights_are_warnings(stand: Stand) -> None:
    stand.in_office("Old one", category="Fire")
    stand.procore.service_account_is_admin = False
    found = stand.json("check")
    warnings = told(found, "warning")
    assert "route riverside: Category: 4HSE shows the category 'Fire'" in warnings
    assert "(1 incident); add the word to the mapping." in warnings
    assert "recycle bin may not be seen" in warnings
    assert "incident settings may not be read" in warnings
    assert "It can work; 3 warnings." in stand.said("check")


def test_words_are_compared_with_procores_lists_both_ways_and_records_are_counted(stand: Stand) -> None:
    own = stand.procore.add_word("affliction_types", "Site rash")
    site = stand.on_site("Fall")
    for description in ("Secret wound", "Another secret"):
        party = stand.procore.add_person(PLACES["riverside"][0], "Hidden", "Name")
        stand.procore.hand_create(
            "injury", PLACES["riverside"][0], incident_id=int(site), affected_party_id=party,
            affliction_type_id=own, description=description,
        )  # fmt: skip
    words = copytree(MAPPING, stand.folder / "mine") / "words" / "affliction.yaml"
    words.write_text(words.read_text(encoding="utf-8") + "- 4hse: Bite\n  procore: bite\n", encoding="utf-8")
    stand.configure(mapping='"mine"')
    warnings = told(stand.json("check"), "warning").splitlines()
    assert warnings == [
        "route riverside: Procore offers the affliction type 'Site rash', which words/affliction.yaml does not know "
        "(2 records of people); add the word to the mapping.",
        "route riverside: words/affliction.yaml names the affliction type 'bite', which Procore does not offer "
        "(0 records of people); correct the list, or have the entry added or activated in Procore.",
    ]
    said = stand.said("check")
    assert "It can work; 2 warnings." in said
    assert not [word for word in ("ecret", "Hidden", "Name") if word in said]


def test_what_people_wrote_in_4hse_is_counted_and_not_repeated(stand: Stand) -> None:
    office = PLACES["riverside"][1]
    person = stand.fourhse.add_person(TENANT, office, "Hidden", "Name")
    incident = stand.in_office("Fall")
    stand.fourhse.hand_create(
        "incident-person", office, office_incident_id=incident, person_office_id=person,
        description="Affliction: something private",
    )  # fmt: skip
    warnings = told(stand.json("check"), "warning")
    assert warnings == (
        "route riverside: Affliction: 4HSE shows words that words/affliction.yaml does not know "
        "(1 record of a person); add the word to the mapping."
    )


def test_a_list_that_is_closed_to_us_is_told_and_the_others_are_compared(stand: Stand) -> None:
    stand.procore.add_word("affliction_types", "Site rash")
    stand.faults.add(FaultKind.ERROR_BEFORE, path="/body_parts$", status=403, times=None)
    warnings = told(stand.json("check"), "warning")
    assert "Procore's list of body parts may not be read, so that its words cannot be compared" in warnings
    assert "'Site rash'" in warnings
    assert "body part '" not in warnings


def test_refused_credentials_of_one_system_leave_the_other_checked(stand: Stand) -> None:
    stand.environ = {"SYNC_PROCORE__CLIENT_SECRET": "wrong-and-secret"}
    found = stand.json("check", exit_code=3)
    assert found["exit"] == 3
    assert "Procore: Procore refused to give a token; check procore.client_id" in told(found, "problem")
    assert "4HSE: The credentials are accepted." in told(found, "ok")
    assert "wrong-and-secret" not in stand.run("check").output


def test_a_route_that_may_not_be_seen_is_told_by_its_name(stand: Stand) -> None:
    stand.configure("riverside", "harbour")
    stand.procore.hide_project(1363618)
    found = stand.json("check", exit_code=3)
    assert "route harbour: Procore does not allow GET" in told(found, "problem")
    assert "route riverside: The Procore project can be read" in told(found, "ok")


def test_clocks_that_differ_are_told(stand: Stand) -> None:
    stand.fourhse.clock = lambda: now() + timedelta(minutes=3)
    warnings = told(stand.json("check"), "warning")
    assert "4HSE: Its clock and ours differ by" in warnings
    assert "Procore" not in warnings


def test_a_project_without_a_zone_needs_a_person(stand: Stand) -> None:
    stand.procore.add_project(1363617, "riverside", "Nowhere", "")
    found = stand.json("check", exit_code=7)
    assert "does not say which time zone" in told(found, "problem")


def test_an_office_that_ended_or_a_suspended_project_is_told(stand: Stand) -> None:
    stand.fourhse.historicize_office("5b7f5a5e-1d39-4a7c-8f43-7b1d6f3a9e02")
    assert "The 4HSE office has ended" in told(stand.json("check"), "warning")
    stand.fourhse.suspend_project("0d0c2d0e-6b2f-4a51-9f3f-0c8a3f2f2c11")
    assert "The 4HSE project is suspended" in told(stand.json("check"), "warning")


def test_whether_lists_hide_incidents_of_unknown_time_is_told(stand: Stand) -> None:
    assert "cannot be told whether lists hide such ones" in told(stand.json("check"), "ok")
    stand.on_site("Some time", time_unknown=True)
    assert "plain lists show incidents of unknown time too" in told(stand.json("check"), "ok")


def test_pages_of_4hse_are_told_when_there_is_more_than_one(stand: Stand) -> None:
    for number in range(101):
        stand.in_office(f"Number {number}")
    assert "101 are listed, 100 on a page, as asked" in told(stand.json("check"), "ok")


def test_an_unusable_system_ends_with_its_own_code(stand: Stand) -> None:
    stand.faults.add(FaultKind.ERROR_BEFORE, path="/me$", status=400, times=None)
    assert stand.json("check", exit_code=1)["exit"] == 1
