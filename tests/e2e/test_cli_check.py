"""check: what it looks at, what it warns about, and what it ends with."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
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
    report = stand.json("check")
    assert (report["outcome"], report["exit"]) == ("ok", 0)
    assert told(report, "warning") == told(report, "problem") == ""
    fine = told(report, "ok")
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
    report = stand.json("check")
    warnings = told(report, "warning")
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
        "(2 records of people); add the word to the mapping, or let `procore-4hse mapping words --from-live` complete "
        "the list.",
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
        "(1 record of a person); add the word to the mapping, or let `procore-4hse mapping words --from-live` complete "
        "the list."
    )


def test_a_list_that_is_closed_to_us_is_told_and_the_others_are_compared(stand: Stand) -> None:
    stand.procore.add_word("affliction_types", "Site rash")
    stand.faults.add(FaultKind.ERROR_BEFORE, path="/body_parts$", status=403, times=None)
    warnings = told(stand.json("check"), "warning")
    assert "Procore's list of body parts may not be read, so that its words cannot be compared" in warnings
    assert "'Site rash'" in warnings
    assert "body part '" not in warnings


def test_lists_that_are_closed_to_us_are_told_at_once_for_all_routes(stand: Stand) -> None:
    stand.configure("riverside", "harbour")
    for name in ("body_parts", "affliction_types"):
        stand.faults.add(FaultKind.ERROR_BEFORE, path=f"/{name}$", status=403, times=None)
    (closed,) = [line for line in told(stand.json("check"), "warning").splitlines() if "may not be read" in line]
    assert closed.startswith("2 routes: riverside, harbour: Procore's 2 lists of ")
    assert "so that their words cannot be compared" in closed


def test_refused_credentials_of_one_system_leave_the_other_checked(stand: Stand) -> None:
    stand.environ = {"SYNC_PROCORE__CLIENT_SECRET": "wrong-and-secret"}
    report = stand.json("check", exit_code=3)
    assert report["exit"] == 3
    assert "Procore: Procore refused to give a token; check procore.client_id" in told(report, "problem")
    assert "4HSE: The credentials are accepted." in told(report, "ok")
    assert "wrong-and-secret" not in stand.run("check").output


def test_a_system_that_refuses_our_credentials_is_asked_nothing_more(stand: Stand) -> None:
    stand.configure("riverside", "harbour")
    stand.environ = {"SYNC_FOURHSE__PASSWORD": "wrong"}
    report = stand.json("check", exit_code=3)
    assert told(report, "problem") == (
        "4HSE: 4HSE refused to give a token; check fourhse.client_id, fourhse.client_secret, fourhse.username and "
        "fourhse.password. Nothing else was asked of 4HSE."
    )
    assert len([each for each in report["findings"] if each["place"] == "4HSE"]) == 1
    assert sum(stand.fourhse.calls.values()) == 1
    assert "2 routes: riverside, harbour: The Procore project can be read" in told(report, "ok")


def test_permissions_that_are_missing_everywhere_are_told_once_and_stop_the_asking(stand: Stand) -> None:
    stand.configure("riverside", "harbour")
    stand.faults.add(FaultKind.ERROR_BEFORE, path="/rest/", status=403, times=None)
    report = stand.json("check", exit_code=3)
    me, place = told(report, "problem").splitlines()
    assert me.startswith("Procore: Procore does not allow GET /rest/v1.0/me (403)")
    assert place == (
        "2 routes: riverside, harbour: Procore does not allow GET /rest/v1.0/projects/{id} (403); give our account the "
        "permission for it. Nothing else was asked of Procore about it."
    )
    assert "Procore" not in told(report, "warning")


def test_a_route_that_may_not_be_seen_is_told_by_its_name(stand: Stand) -> None:
    stand.configure("riverside", "harbour")
    stand.procore.hide_project(1363618)
    report = stand.json("check", exit_code=3)
    assert "route harbour: Procore does not allow GET" in told(report, "problem")
    assert "route riverside: The Procore project can be read" in told(report, "ok")


def test_clocks_that_differ_are_told(stand: Stand) -> None:
    stand.fourhse.clock = lambda: now() + timedelta(minutes=3)
    warnings = told(stand.json("check"), "warning")
    assert "4HSE: Its clock and ours differ by" in warnings
    assert "Procore" not in warnings


def test_a_project_without_a_zone_needs_a_person(stand: Stand) -> None:
    stand.procore.add_project(1363617, "riverside", "Nowhere", "")
    report = stand.json("check", exit_code=7)
    assert "does not say which time zone" in told(report, "problem")


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
    assert "101 are listed, 100 on a page" in told(stand.json("check"), "ok")


def test_an_unusable_system_ends_with_its_own_code(stand: Stand) -> None:
    stand.faults.add(FaultKind.ERROR_BEFORE, path="/me$", status=400, times=None)
    assert stand.json("check", exit_code=1)["exit"] == 1


# Statuses, filing types and equipment ----------------------------------------------------------------------------


def own_mapping(stand: Stand) -> Path:
    """A copy of the default mapping, which the route uses."""
    folder = Path(copytree(MAPPING, stand.folder / "mine"))
    stand.configure(mapping='"mine"')
    return folder


def rewrite(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


def test_custom_statuses_are_looked_for_among_procores_incidents(stand: Stand) -> None:
    folder = own_mapping(stand)
    reviewed = stand.procore.custom_status("Under review", "open")
    filed = stand.procore.custom_status("Filed", "closed")
    rewrite(folder / "incident.yaml", "    using: status\n", "    using: status\n    words: status\n")
    listed = folder / "words" / "status.yaml"
    listed.write_text(f"- 4hse: open\n  procore: {reviewed}\n- 4hse: closed\n  procore: {filed}\n", encoding="utf-8")
    assert told(stand.json("check"), "warning").splitlines() == [
        f"route riverside: the mapping names the status {one} for '{word}', which no incident or list in Procore shows "
        "(0 incidents); compare the id with your Procore administrator."
        for one, word in ((reviewed, "open"), (filed, "closed"))
    ]
    stand.on_site("One", custom_status_id=reviewed)
    for title in ("Two", "Three"):
        stand.on_site(title, custom_status_id=reviewed, time_unknown=True)
    stand.on_site("Four", custom_status_id=filed)
    assert told(stand.json("check"), "warning") == ""
    listed.write_text(f"- 4hse: closed\n  procore: {reviewed}\n", encoding="utf-8")
    assert told(stand.json("check"), "warning") == (
        f"route riverside: the mapping names the status 'Under review' ({reviewed}) for 'closed', and Procore means "
        "'open' (3 incidents); correct the list of statuses."
    )
    assert not stand.procore.refused


def test_what_would_alert_people_is_named(stand: Stand) -> None:
    assert "No row writes a filing type to Procore" in told(stand.json("check"), "ok")
    folder = own_mapping(stand)
    rewrite(folder / "people.yaml", "direction: procore to 4hse  ", "direction: both  ")
    office = PLACES["riverside"][1]
    person = stand.fourhse.add_person(TENANT, office, "Hidden", "Name")
    for text in ("Filing type: Fatality", "Filing type: First aid", "No type."):
        incident = stand.in_office(text)
        fields = {"office_incident_id": incident, "person_office_id": person, "description": text}
        stand.fourhse.hand_create("incident-person", office, **fields)
    assert told(stand.json("check"), "warning") == (
        "route riverside: `Filing type` writes filing types to Procore, where 2 of 7 have a severity; these alert "
        "people by e-mail or push: fatality, lost_time. 4HSE shows one of them for 1 involved person. "
        "A backfill leaves them out unless --with-filing-types is given."
    )
    stand.faults.add(FaultKind.ERROR_BEFORE, path="/injury_filing_types$", status=403, times=None)
    assert "which of them alert people may not be read" in told(stand.json("check"), "warning")
    stand.configure(mapping='"mine"', direction='"procore-to-4hse"')
    assert told(stand.json("check"), "warning") == ""


def test_equipment_is_compared_by_the_rules_of_the_mapping(stand: Stand) -> None:
    project, office = PLACES["riverside"]
    crane = stand.procore.add_equipment(project, "Crane", identification_number="EQ-1")
    kran = stand.fourhse.add_equipment(TENANT, office, "Kran", code="EQ-1")
    odd = stand.procore.add_equipment(project, "Odd thing", identification_number="EQ-9")
    for piece in (crane, odd):
        fields = {"incident_id": int(stand.on_site(f"Hit {piece}")), "managed_equipment_id": piece}
        stand.procore.hand_create("property_damage", project, **fields)
    resource = {"office_incident_id": stand.in_office("Hit"), "entity_id": kran, "entity_type": "EQUIPMENT"}
    stand.fourhse.hand_create("incident-resource", office, **resource)
    assert "equipment" not in stand.said("check")
    (own_mapping(stand) / "equipment.yaml").write_text(
        "owner: plant office\nrecognised by:\n  - identification number is code\nfields:\n  - field: Equipment\n"
        "    procore: managed_equipment\n    4hse: entity_id\n    direction: both\n    using: equipment\n",
        encoding="utf-8",
    )
    assert told(stand.json("check"), "warning") == (
        "route riverside: Procore's equipment Odd thing (EQ-9) has no partner in 4HSE (1 incident); give both the same "
        "number, or name them under `partners` in equipment.yaml."
    )
    stand.fourhse.add_equipment(TENANT, office, "Ding", code="EQ-9")
    assert "Every piece of equipment that both systems list has its partner." in told(stand.json("check"), "ok")
    stand.faults.add(FaultKind.ERROR_BEFORE, path="/managed_equipment$", status=403, times=None)
    assert "Procore's list of equipment may not be read" in told(stand.json("check"), "warning")
    assert stand.writes == 0


def test_a_history_that_is_kept_too_short_is_one_warning(stand: Stand) -> None:
    whole = stand.file.read_text()
    for age, warned in (("1824d", True), ("5y", False)):
        stand.write(f'{whole}\n[retention]\njournal = "{age}"\n')
        report = stand.json("check")
        warning = told(report, "warning")
        assert report["exit"] == 0
        assert ("retention.journal: What was written is forgotten after 1824 days." in warning) is warned
        assert warning.count("29 CFR 1904.33") == warned
