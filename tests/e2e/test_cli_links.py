"""links and explain: which incident is which, and its whole story."""

from __future__ import annotations

import csv
import io
import re
from datetime import date, timedelta
from pathlib import Path
from shutil import copytree

import pytest
from cli_stand import DAY, MAPPING, Stand

from procore_4hse.simulator.faults import FaultKind
from procore_4hse.store.leases import Holder
from procore_4hse.store.repository import Store
from world import without_office_rows

TENANT, OFFICE = "0d0c2d0e-6b2f-4a51-9f3f-0c8a3f2f2c11", "5b7f5a5e-1d39-4a7c-8f43-7b1d6f3a9e02"
ROUTE_KEY = f"1363617/{OFFICE}"
WEATHER = """
  - field: Weather
    procore: custom_field_598134325870420
    4hse: deponent
    direction: both
    using: text
"""


def with_row(folder: Path, row: str) -> None:
    """One more row in the place of those that have 4HSE's texts."""
    path = folder / "incident.yaml"
    path.write_text(without_office_rows(path.read_text(encoding="utf-8")) + row, encoding="utf-8")


def strangers(stand: Stand) -> tuple[str, str]:
    """One incident on each side, both read, linked with nothing."""
    site, office = stand.on_site("Cut hand"), stand.in_office("Loose board", DAY + timedelta(days=9))
    stand.run("plan")
    return site, office


def test_links_are_listed_key_by_key(stand: Stand) -> None:
    assert "No incident is linked yet." in stand.said("links")
    site, office = stand.linked()
    (link,) = stand.json("links")["links"]
    assert list(link) == ["route", "procore_id", "fourhse_id", "since", "day", "title", "state"]
    assert (link["route"], link["procore_id"], link["fourhse_id"]) == ("riverside", site, office)
    assert (link["day"], link["title"], link["state"]) == (DAY.isoformat(), "Fall from ladder", "live")
    assert stand.json("links", "list", "--route", "riverside") == {"links": [link]}
    assert f"{DAY} Fall from ladder" in stand.said("links", "list")
    assert office in stand.said("links", "list")


def test_links_go_into_a_spreadsheet_without_formulas(stand: Stand) -> None:
    site, office = stand.linked("=1+1")
    (row,) = csv.DictReader(io.StringIO(stand.run("links", "--csv").stdout))
    assert (row["title"], row["day"], row["procore_id"], row["fourhse_id"]) == ("'=1+1", DAY.isoformat(), site, office)
    assert row["state"] == "live"
    assert "Choose one form" in stand.said("links", "--csv", "--json", exit_code=2)


def test_a_link_whose_incident_only_4hse_shows_any_more_keeps_its_title(stand: Stand) -> None:
    site, office = stand.linked("Fall")
    stand.procore.hand_delete("incident", int(site))
    stand.run("sync")
    (link,) = stand.json("links")["links"]
    assert (link["fourhse_id"], link["title"], link["state"]) == (office, "Fall", "gone-procore")
    assert "deleted in Procore" in stand.said("links")


LISTINGS = (("links",), ("plan",), ("history",), ("explain", "one"), ("explain", "one", "--rules"))


@pytest.mark.parametrize("words", LISTINGS, ids=" ".join)
def test_no_terminal_of_eighty_columns_breaks_an_id(stand: Stand, words: tuple[str, ...]) -> None:
    party = stand.procore.add_person(1363617, "Ann", "Lee", employee_id="E1")
    stand.fourhse.add_person(TENANT, OFFICE, "Ann", "Lee", code="E1")
    site, office = stand.linked("An incident whose title says a lot, as titles do, and is number one")
    stand.procore.hand_create("injury", 1363617, incident_id=int(site), affected_party_id=party)
    stand.run("sync")
    for number in range(3):
        stand.in_office(
            f"Another incident of which a lot is to be told, {number}", DAY + timedelta(days=9 * number + 9)
        )
    stand.fourhse.hand_edit("incident", office, description_event="What happened, as it was told a day later.")
    stand.environ["COLUMNS"] = "80"
    lines = stand.run(*words).stdout.splitlines()
    known = [row["office_incident_id"] for row in stand.fourhse.dump(OFFICE)]
    assert max(map(len, lines)) <= 80
    assert any(each in line for each in known for line in lines)
    assert [line for line in lines for each in known if each[:9] in line and each not in line] == []


def test_the_plan_goes_into_a_spreadsheet_field_by_field(stand: Stand) -> None:
    site, office = stand.linked("Fall")
    stand.procore.hand_edit("incident", int(site), title="=Slip")
    other = stand.on_site("Cut", DAY + timedelta(days=30))
    rows = [*csv.DictReader(io.StringIO(stand.run("plan", "--csv").stdout))]
    told = [(row["kind"], row["id"], row["title"], row["field"], row["old"], row["new"], row["held"]) for row in rows]
    assert ("update", office, "'=Slip", "name", "Fall", "'=Slip", "no") in told
    assert {row["title"] for row in rows if row["kind"] == "create"} == {"Cut"}
    assert {row["field"] for row in rows if row["kind"] == "create"} > {"name", "date_incident"}
    said = stand.said("plan")
    assert "1 update in 4HSE" in said
    assert "1 create in 4HSE" in said
    assert "Title: Fall → =Slip" in said
    assert other in said


def test_a_link_made_by_hand_is_merged_by_the_next_cycle(stand: Stand) -> None:
    site, office = strangers(stand)
    asked = stand.run("links", "add", "--route", "riverside", site, office)
    assert asked.exit_code == 2
    assert "add --yes" in asked.stderr
    assert "Cut hand" in asked.stderr
    assert stand.json("links") == {"links": []}
    assert "Linked." in stand.said("links", "add", "--route", "riverside", site, office.upper(), "--yes")
    stand.run("sync", "--first")
    fields = {item["field"] for item in stand.json("inbox")["items"]}
    assert {"title", "day"} <= fields
    assert len(stand.json("links")["links"]) == 1


@pytest.mark.parametrize(
    ("pair", "sentence"),
    [
        (("4711", "{free}"), "Procore shows no incident 4711"),
        (("{site}", "{free}"), "Procore {site} is gone or linked already"),
        (("{stranger}", "{office}"), "4HSE {office} is gone or linked already"),
        (("{stranger}", "no-such"), "4HSE shows no incident no-such"),
    ],
)
def test_only_two_free_incidents_can_be_linked(stand: Stand, pair: tuple[str, str], sentence: str) -> None:
    site, office = stand.linked()
    stranger, free = strangers(stand)
    known = {"site": site, "office": office, "stranger": stranger, "free": free}
    ids = [each.format(**known) for each in pair]
    said = stand.said("links", "add", "--route", "riverside", *ids, "--yes", exit_code=2)
    assert sentence.format(**known) in said
    assert len(stand.json("links")["links"]) == 1


def test_a_link_cannot_be_made_or_taken_apart_under_a_running_cycle(stand: Stand) -> None:
    linked, _ = stand.linked()
    site, office = strangers(stand)
    with (store := Store(f"sqlite:///{stand.folder}/sync.db")).begin() as unit:
        lasts = timedelta(minutes=5)
        assert unit.leases.take(ROUTE_KEY, Holder.this_process(), ttl=lasts, grace=lasts)
    store.close()
    assert "is running" in stand.said("links", "add", "--route", "riverside", site, office, "--yes", exit_code=1)
    assert "is running" in stand.said("links", "remove", linked, "--yes", exit_code=1)
    assert len(stand.json("links")["links"]) == 1


def test_what_was_taken_apart_stays_apart_until_someone_answers(stand: Stand) -> None:
    site, office = stand.linked()
    assert "add --yes" in stand.said("links", "remove", site, exit_code=2)
    assert "is in no link" in stand.said("links", "remove", "4711", "--yes", exit_code=2)
    assert "Taken apart." in stand.said("links", "remove", site, "--yes")
    for _ in range(2):
        assert stand.json("sync")["routes"][0]["written"]["fourhse"]["created"] == 0
        assert stand.json("links") == {"links": []}
    (item,) = stand.json("inbox")["items"]
    assert (item["kind"], item["procore_id"]) == ("match", site)
    assert stand.run("inbox", "approve", item["id"], "--with", office).exit_code == 0
    stand.run("sync")
    assert [link["fourhse_id"] for link in stand.json("links")["links"]] == [office]


def test_what_was_taken_apart_and_called_different_is_copied_both_ways(stand: Stand) -> None:
    site, _ = stand.linked()
    stand.run("links", "remove", site, "--yes")
    stand.run("sync")
    (item,) = stand.json("inbox")["items"]
    assert stand.run("inbox", "reject", item["id"]).exit_code == 0
    for _ in range(3):
        stand.run("sync")
    assert stand.json("inbox") == {"items": []}
    assert len(stand.json("links")["links"]) == 2
    counts = len(stand.procore.dump(1363617)), len(stand.fourhse.dump("5b7f5a5e-1d39-4a7c-8f43-7b1d6f3a9e02"))
    assert counts == (2, 2)


# explain ---------------------------------------------------------------------------------------------------------


def test_the_story_of_an_incident_key_by_key(stand: Stand) -> None:
    site, office = stand.linked("Fall from ladder")
    stand.procore.hand_create("property_damage", 1363617, incident_id=int(site), description="A dented door.")
    stand.procore.hand_create("environmental", 1363617, incident_id=int(site))
    stand.procore.hand_edit("incident", int(site), title="Fall from a ladder")
    stand.run("plan")
    story = stand.json("explain", site)
    assert story == stand.json("explain", office)
    assert list(story) == [
        "route", "procore_id", "fourhse_id", "link", "records", "fields", "crossings", "people", "children", "journal",
        "inbox", "next", "short",
    ]  # fmt: skip
    assert (story["procore_id"], story["fourhse_id"]) == (site, office)
    assert story["link"]["state"] == "live"
    assert story["link"]["born"] == "procore"
    title = next(field for field in story["fields"] if field["field"] == "title")
    assert (title["procore"], title["fourhse"], title["base"]) == (
        "Fall from a ladder",
        "Fall from ladder",
        "Fall from ladder",
    )
    assert (title["verdict"], title["to"]) == ("write", "fourhse")
    assert {kind: len(names) for kind, names in story["children"].items()} == {"property_damage": 1, "environmental": 1}
    assert [(step["kind"], step["outcome"]) for step in story["journal"]] == [("create", "done")]
    verdicts = {field["field"]: field["verdict"] for field in story["fields"]}
    changed = ("title", "category", "property_damages", "environmentals")
    assert {field for field, verdict in verdicts.items() if verdict == "write"} == {*changed}
    lines = "Property damages: 1: A dented door.\nEnvironmental releases: 1"
    assert [action["fields"] for action in story["next"]["actions"]] == [
        {"name": "Fall from a ladder", "category": "NON_COMPLIANCE", "description_actions_involved": lines}
    ]


def test_the_story_as_a_person_reads_it(stand: Stand) -> None:
    site, office = stand.linked("Fall from ladder")
    stand.procore.hand_create("property_damage", 1363617, incident_id=int(site), description="A dented door.")
    for text in ("Oil in the ditch.", "Dust."):
        stand.procore.hand_create("environmental", 1363617, incident_id=int(site), description=text)
    stand.run("sync")
    said = stand.said("explain", site, "--rules")
    assert "2 environmental records in Procore; 4HSE has no place for them, so they stay there" in said
    assert "Oil in the ditch." in said
    assert "Fall from ladder route riverside, linked since" in said
    assert "first made in Procore" in said
    assert "1 property damage in Procore; 4HSE has no place for it, so it stays there" in said
    assert "A dented door." in said
    assert "create in" in said
    assert "Next: nothing; there is nothing to do." in said
    stand.fourhse.hand_edit("incident", office, name="Fall from a step")
    stand.run("plan")
    assert "Next: update in Procore (Title: changed in 4HSE)." in stand.said("explain", office, "--rules")


def test_the_story_is_short_first_and_whole_with_rules(stand: Stand) -> None:
    site, office = stand.linked("Fall from ladder")
    stand.procore.hand_edit("incident", int(site), title="One")
    stand.fourhse.hand_edit("incident", office, name="Other")
    stand.run("sync")
    said = stand.said("explain", site)
    assert "Title: Procore One; 4HSE Other (conflict: " in said
    assert "Questions Question 1, conflict, open for less than a minute: " in said
    assert "procore-4hse inbox show 1" in said
    assert "Last changes" in said
    assert "incident made in 4HSE (new in Procore)" in said
    assert "value in" not in said
    assert "Decisions" not in said
    whole = stand.said("explain", site, "--rules")
    assert whole.startswith(said)
    assert "value in rule out, to a new record" in whole
    assert "What was written for it" in whole


def test_what_was_decided_is_told_with_who_when_why_and_what_became_of_it(stand: Stand) -> None:
    site, office = stand.linked("Fall from ladder")
    other, _ = stand.linked("Cut")
    stand.procore.hand_edit("incident", int(site), title="One")
    stand.fourhse.hand_edit("incident", office, name="Other")
    stand.run("sync")
    stand.run("inbox", "resolve", "1", "--use", "4hse", "--note", "asked the foreman")
    assert "waits for the next cycle" in stand.said("explain", site)
    stand.run("sync")
    said = stand.said("explain", office)
    assert "Both sides agree." in said
    assert "Decisions Question 1, conflict: Title: " in said
    assert re.search(r"UTC, \S+ \(cli\): resolve --use 4hse; carried out", said)
    assert "Note: asked the foreman" in said
    assert "Title in Procore: One → Other (" in said
    assert "Decisions" not in stand.said("explain", other)


def test_no_more_than_the_latest_writes_are_shown(stand: Stand) -> None:
    site, _ = stand.linked("Fall 0")
    for number in range(6):
        stand.procore.hand_edit("incident", int(site), title=f"Fall {number + 1}")
        stand.run("sync")
    said = stand.said("explain", site)
    assert "Fall 1 → Fall 2" in said
    assert "Fall 0 → Fall 1" not in said
    assert f"and 2 earlier ones: procore-4hse history {site}" in said


@pytest.mark.parametrize("text", ["ladder", "LADDER fall", "NUMBER", "2026-02-10"])
def test_an_incident_is_found_by_words_of_its_title_its_number_or_its_day(stand: Stand, text: str) -> None:
    site = stand.on_site("Fall from ladder", date(2026, 2, 10))
    stand.on_site("Cut hand", date(2026, 2, 20))
    stand.run("sync")
    number = str(next(row for row in stand.procore.dump(1363617) if str(row["id"]) == site)["number"])
    words = [number] if text == "NUMBER" else text.split()
    assert "Fall from ladder route riverside, linked since" in stand.said("explain", *words)
    assert stand.json("explain", *words)["procore_id"] == site


def test_several_that_fit_are_listed_with_the_command_for_each(stand: Stand) -> None:
    first = stand.on_site("Fall from ladder", date(2026, 2, 10))
    other = stand.on_site("Fall from roof", date(2026, 2, 20))
    stand.run("sync")
    said = stand.said("explain", "fall", exit_code=2)
    assert "2 incidents may be meant" in said
    for day, title, known in (("2026-02-10", "ladder", first), ("2026-02-20", "roof", other)):
        assert re.search(rf"{day} Fall from {title}, number \d+ procore-4hse explain {known}", said)
    hits = stand.json("explain", "fall", exit_code=2)["hits"]
    assert sorted((hit["id"], hit["side"], hit["day"]) for hit in hits) == sorted(
        [(first, "procore", "2026-02-10"), (other, "procore", "2026-02-20")]
    )
    assert "No incident nowhere at all is known" in stand.said("explain", "nowhere", "at", "all", exit_code=2)


def test_a_waiting_incident_names_what_it_waits_for(stand: Stand) -> None:
    site, office = stand.linked()
    stand.procore.hand_edit("incident", int(site), title="One")
    stand.fourhse.hand_edit("incident", office, name="Other")
    stand.run("sync")
    assert "Next: nothing until a person answers (inbox 1)." in stand.said("explain", site)
    assert stand.json("explain", site)["inbox"][0]["advice"].startswith("Choose the value")


def test_an_unlinked_incident_has_a_story_too(stand: Stand) -> None:
    stand.configure(since=f'"{DAY.isoformat()}"')
    early, late = stand.on_site("Early", DAY - timedelta(days=1)), stand.on_site("Late")
    stand.run("plan")
    assert f"Next: nothing: it happened before {DAY.isoformat()}." in stand.said("explain", early)
    assert "Next: create in 4HSE (new in Procore)." in stand.said("explain", late)
    assert stand.json("explain", late)["link"] is None


def test_a_write_whose_answer_was_lost_comes_before_anything_new(stand: Stand) -> None:
    office = stand.in_office("Loose board")
    stand.faults.add(FaultKind.LOST_ANSWER, method="POST", path="/incidents$")
    assert stand.json("sync", exit_code=1)["outcome"] == "partial"
    story = stand.json("explain", office)
    assert [step["outcome"] for step in story["journal"]] == ["open"]
    assert story["next"]["actions"] == []
    assert "a write whose answer was lost is looked for first" in story["next"]["summary"]


def test_a_refused_one_keeps_the_vendors_words(stand: Stand) -> None:
    site = stand.on_site("Cut hand")
    stand.faults.add(FaultKind.ERROR_BEFORE, method="POST", path="incident/create", status=422)
    stand.run("sync")
    (step,) = stand.json("explain", site)["journal"]
    assert step["outcome"] == "refused"
    assert "simulated" in step["words"]
    assert "simulated" in stand.said("explain", site, "--rules")


def test_each_field_tells_value_in_rule_value_out_and_the_way_back(stand: Stand) -> None:
    site, _ = stand.linked("Fall from ladder")
    crossings = {(each["from"], each["field"]): each for each in stand.json("explain", site)["crossings"]}
    day = crossings["procore", "day"]
    assert list(day) == [
        "field", "label", "from", "value_in", "means", "using", "direction", "if_both_changed", "new_record",
        "linked_record", "reads_back", "round_trip", "lost", "why",
    ]  # fmt: skip
    assert (day["using"], day["direction"], day["if_both_changed"]) == ("local day", "both", "ask a person")
    assert day["new_record"] == {"date_incident": DAY.isoformat()}
    assert (day["linked_record"], day["reads_back"], day["round_trip"]) == ({}, DAY.isoformat(), "lossy")
    assert set(day["lost"]) == {"event_date", "time_unknown"}
    assert crossings["fourhse", "category"]["round_trip"] == "stays"
    said = stand.said("explain", site, "--rules")
    assert "value in rule out, to a new record out, to the linked one and back" in said
    assert "nothing: they agree" in said


def test_people_are_told_field_by_field_and_found_by_their_own_id(stand: Stand) -> None:
    party = stand.procore.add_person(1363617, "Ann", "Lee", employee_id="E1")
    office = "5b7f5a5e-1d39-4a7c-8f43-7b1d6f3a9e02"
    stand.fourhse.add_person("0d0c2d0e-6b2f-4a51-9f3f-0c8a3f2f2c11", office, "Ann", "Lee", code="E1")
    other = stand.procore.add_person(1363617, "Bob", "Ray")
    site, _ = stand.linked("Fall from ladder")
    hurt = stand.procore.hand_create("injury", 1363617, incident_id=int(site), affected_party_id=party)
    alone = stand.procore.hand_create("near_miss", 1363617, incident_id=int(site), affected_party_id=other)
    stand.run("sync")
    stand.procore.hand_edit("injury", hurt, work_days_absent=9)
    stand.run("plan")
    story = stand.json("explain", str(hurt))
    assert (story["procore_id"], len(story["inbox"])) == (site, 1)
    linked, single = story["people"]
    assert (linked["record"], linked["procore_id"], linked["link"]["state"]) == ("injury", str(hurt), "live")
    days = next(each for each in linked["crossings"] if (each["field"], each["from"]) == ("days", "procore"))
    assert (days["new_record"], days["linked_record"], days["round_trip"]) == ({"days": 9}, {"days": 9}, "same")
    verdicts = {each["field"]: each["verdict"] for each in linked["fields"]}
    assert (verdicts["days"], verdicts["person"]) == ("write", "same")
    assert (single["record"], single["procore_id"], single["link"]) == ("near_miss", str(alone), None)
    assert single["crossings"][0]["why"] == "this person has no partner in the 4HSE office"
    assert [action["fields"] for action in story["next"]["actions"]] == [{"days": 9}]
    said = stand.said("explain", site, "--rules")
    assert f"Injury (Procore {hurt}, 4HSE {linked['fourhse_id']})" in said
    assert f"Near miss (Procore {alone}), not linked" in said
    assert "Ann Lee" in said


def test_a_record_that_names_no_person_says_why_it_stays(stand: Stand) -> None:
    site, _ = stand.linked("Fall from ladder")
    hurt = stand.procore.hand_create("injury", 1363617, incident_id=int(site), work_days_absent=3)
    assert stand.json("sync")["routes"][0]["written"]["fourhse"]["created"] == 0
    assert [one["names_nobody"] for one in stand.json("explain", site)["people"]] == [True]
    for words in (["explain", site], ["mapping", "try", site]):
        said = stand.said(*words)
        assert (
            "This injury names no person, and is told under 'Injuries without a name' of its incident in 4HSE." in said
        )
        assert "Next: nothing; 1 record names no person." in said
    party = stand.procore.add_person(1363617, "Bob", "Ray")
    stand.procore.hand_edit("injury", hurt, affected_party_id=party)
    stand.run("sync")
    assert [one["names_nobody"] for one in stand.json("explain", site)["people"]] == [False]
    assert "names no person" not in stand.said("explain", site)


def test_a_write_that_was_done_in_part_names_what_was_not_taken(stand: Stand) -> None:
    folder = copytree(MAPPING, stand.folder / "site")
    with_row(folder, WEATHER)
    stand.configure(mapping='"site"')
    _, office = stand.linked("Fall from ladder")
    stand.fourhse.hand_edit("incident", office, name="Fall from the ladder", deponent="Rain on the site")
    assert stand.json("sync", exit_code=1)["routes"][0]["inbox"]["refused"] == 1
    step = stand.json("explain", office)["journal"][-1]
    assert (step["outcome"], step["words"]) == ("done", "Not taken: custom_field_598134325870420.")
    assert "update in Procore title: Fall from the ladder" in stand.said("explain", office, "--rules")
    assert "done in part" in stand.said("explain", office, "--rules")
    said = stand.said("inbox", "show", "1")
    assert "`Weather`: the answer does not hold what was sent as custom_field_598134325870420." in said
    assert "Procore may not know this field; compare its number in incident.yaml" in said
    (item,) = stand.json("inbox")["items"]
    assert "Rain" not in item["reason"] + item["advice"]
    assert "create in 4HSE" in stand.said("explain", office, "--rules"), "a write that was taken whole stays as it was"


def test_the_id_of_an_entry_stands_behind_its_label(stand: Stand) -> None:
    folder = copytree(MAPPING, stand.folder / "site")
    with_row(folder, WEATHER.replace("using: text", "using: words\n    words: weather"))
    (folder / "words" / "weather.yaml").write_text("- 4hse: Rain\n  procore: 7\n", encoding="utf-8")
    stand.configure(mapping='"site"')
    stand.procore.add_custom_field(598134325870420, "lov_entry", {7: "Wet", 8: "Windy"})
    site = stand.on_site("Slip", custom_field_598134325870420=8)
    stand.run("sync")
    assert "Windy (8)" in stand.said("explain", site, "--rules")


def test_what_a_near_miss_has_no_place_for_is_counted_and_named(stand: Stand) -> None:
    party = stand.procore.add_person(1363617, "Ann", "Lee", employee_id="E1")
    office = "5b7f5a5e-1d39-4a7c-8f43-7b1d6f3a9e02"
    stand.fourhse.add_person("0d0c2d0e-6b2f-4a51-9f3f-0c8a3f2f2c11", office, "Ann", "Lee", code="E1")
    site, _ = stand.linked("Fall from ladder")
    near = stand.procore.hand_create("near_miss", 1363617, incident_id=int(site), affected_party_id=party)
    stand.run("sync")
    (person,) = stand.json("explain", site)["people"]
    assert (person["record"], person["local"]) == ("near_miss", [])
    assert "in 4HSE, for which" not in stand.said("explain", site, "--rules")
    fields = {"days": 9, "description": "Affliction: Burn\n\nIt missed him."}
    stand.fourhse.hand_edit("incident-person", person["fourhse_id"], **fields)
    assert stand.json("sync")["routes"][0]["written"]["procore"]["updated"] == 1, "the text below the lines"
    (person,) = stand.json("explain", str(near))["people"]
    assert person["local"] == [
        {"field": "days", "label": "Days of absence", "fourhse": "9"},
        {"field": "person_affliction_type", "label": "Affliction", "fourhse": "burn"},
    ]
    assert (
        "2 values stay in 4HSE, for which a near miss has no place: Days of absence: 9; Affliction: burn"
    ) in stand.said("explain", site, "--rules")


def test_days_of_a_person_who_becomes_a_near_miss_stay_in_4hse(stand: Stand) -> None:
    party = stand.procore.add_person(1363617, "Ann", "Lee", employee_id="E1")
    office = "5b7f5a5e-1d39-4a7c-8f43-7b1d6f3a9e02"
    hired = stand.fourhse.add_person("0d0c2d0e-6b2f-4a51-9f3f-0c8a3f2f2c11", office, "Ann", "Lee", code="E1")
    incident = stand.in_office("Scare", category="NON_COMPLIANCE")
    record = stand.fourhse.hand_create(
        "incident-person", office, office_incident_id=incident, person_office_id=hired, days=7
    )
    stand.run("sync")
    site = stand.json("links")["links"][0]["procore_id"]
    (made,) = next(row for row in stand.procore.dump(1363617) if str(row["id"]) == site)["near_misses"]
    assert made["affected_party"]["id"] == party
    (person,) = stand.json("explain", record)["people"]
    assert [(one["label"], one["fourhse"]) for one in person["local"]] == [("Days of absence", "7")]
    assert "1 value stays in 4HSE" in stand.said("explain", incident, "--rules")
    assert stand.fourhse.dump(office)[0]["persons"][0]["days"] == 7


def test_an_unknown_incident_is_told(stand: Stand) -> None:
    assert "No incident 4711 is known" in stand.said("explain", "4711", exit_code=2)


def test_reading_a_story_makes_no_call(stand: Stand) -> None:
    site, _ = stand.linked()
    before = stand.calls
    stand.run("explain", site)
    stand.run("links")
    stand.run("inbox")
    assert stand.calls == before
