"""The mapping checked, shown, tried and compared: a changed mapping on what is staged, before anybody deploys it."""

from __future__ import annotations

import re
from pathlib import Path
from shutil import copytree

import pytest
from cli_stand import DAY, MAPPING, PLACES, Stand
from typer.testing import CliRunner

from procore_4hse.cli import app

PAGE = (Path(__file__).parents[2] / "docs" / "mapping-reference.md").read_text(encoding="utf-8")

NUMBER = """
  - field: Number
    procore: number
    4hse: description_actions_involved
    line: Number
    direction: procore to 4hse
    using: text
"""
LOCATION = """
  - field: Place
    procore: location
    4hse: description_actions_involved
    line: Place
    direction: procore to 4hse
    using: name
"""


def other_mapping(stand: Stand, text: str = NUMBER) -> str:
    """The default mapping with one more row."""
    folder = copytree(MAPPING, stand.folder / "next")
    with (folder / "incident.yaml").open("a", encoding="utf-8") as file:
        file.write(text)
    return str(folder)


def swapped(stand: Stand) -> str:
    """The default mapping, but 4HSE's non-compliances are not shared."""
    folder = Path(other_mapping(stand, ""))
    words = folder / "words" / "category.yaml"
    text = words.read_text(encoding="utf-8")
    assert "NON_COMPLIANCE" in text
    text = text.replace("4hse: NON_COMPLIANCE", "4hse: ACCIDENTS_AND_MISSED_INJURIES")
    words.write_text(f"{text}- 4hse: NON_COMPLIANCE\n  procore: not shared\n", encoding="utf-8")
    return str(folder)


ACTIVITY = """
  - field: Activity
    procore: work_activity
    4hse: description
    line: Activity
    direction: both
    using: words
    words: activity
"""


def with_activity(stand: Stand, row: str = ACTIVITY) -> Path:
    """The default mapping with one more row about people, and its list."""
    folder = Path(other_mapping(stand, ""))
    (folder / "words" / "activity.yaml").write_text("- 4hse: Roof work\n  procore: Roofing\n", encoding="utf-8")
    with (folder / "people.yaml").open("a", encoding="utf-8") as file:
        file.write(row)
    return folder


# check and show --------------------------------------------------------------------------------------------------


def test_another_folder_is_checked_than_that_of_the_route(stand: Stand) -> None:
    folder = other_mapping(stand, NUMBER.replace("using: text", "using: magic"))
    assert "no problem" in stand.said("mapping", "check")
    said = stand.said("mapping", "check", folder, exit_code=2)
    assert f"{folder}/incident.yaml:" in said
    assert "`magic`" in said


SLIPS = {
    0: {
        "incident.yaml": {
            "if both changed: ask a person        #": "if both changed: ask someone #",
            "4hse: date_incident\n": "4hse: date_incidents\n",
        }
    },
    1: {"words/affliction.yaml": {"- 4hse: Burn\n": '- 4hse: "-"\n'}},
}


@pytest.mark.parametrize("number", SLIPS)
def test_the_page_shows_what_is_said_of_a_slip(number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    part = PAGE.split("## Checking\n")[1].split("\n## ")[0]
    shown = re.findall(r"^```\n(The mapping has.*?)^```", part, re.MULTILINE | re.DOTALL)
    assert len(shown) == len(SLIPS)
    monkeypatch.chdir(tmp_path)
    copytree(MAPPING, "mappings/site")
    for name, changes in SLIPS[number].items():
        path = Path("mappings/site", name)
        text = path.read_text(encoding="utf-8")
        for was, slip in changes.items():
            assert text.count(was) >= 1
            text = text.replace(was, slip, 1)
        path.write_text(text, encoding="utf-8")
    done = CliRunner(env={"COLUMNS": "200"}).invoke(app, ["mapping", "check", "mappings/site"])
    assert (done.exit_code, done.stderr.split()) == (2, shown[number].split())


def test_a_remedy_that_asks_ends_in_one_mark(stand: Stand) -> None:
    folder = other_mapping(stand, NUMBER.replace("using: text", "using: txt"))
    said = stand.said("mapping", "check", folder, exit_code=2)
    assert said.endswith("Did you mean `text`?")


def test_a_folder_that_is_not_there_is_told_with_its_full_path(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(stand.folder)
    said = stand.said("mapping", "check", "mappings/site", exit_code=2)
    assert f"{stand.folder}/mappings/site: there is no such mapping folder" in said


def test_a_folder_is_checked_against_what_the_routes_let_cross(stand: Stand) -> None:
    stand.write(stand.head() + stand.route("riverside") + '[routes.privacy]\nlocation = "none"\n')
    said = stand.said("mapping", "check", other_mapping(stand, LOCATION), exit_code=2)
    assert "the row `Place` goes to 4HSE, where its class, location, may not cross" in said
    assert "no problem" in stand.said("mapping", "check", str(MAPPING))


def test_a_folder_can_be_checked_while_the_settings_are_not_filled_in(stand: Stand) -> None:
    stand.write("")
    assert "no problem" in stand.said("mapping", "check", str(MAPPING))


def test_what_is_no_mistake_and_worth_a_look_is_remarked(stand: Stand) -> None:
    folder = with_activity(stand)
    (folder / "words" / "spare.yaml").write_text("no list at all: [", encoding="utf-8")
    said = stand.said("mapping", "check", str(folder))
    assert "29 fields, no problem." in said
    assert "`Activity` is `plain`, and stands in a text about a person's health." in said
    assert f"{folder}/words/spare.yaml: no row names this list, and it was not read." in said
    assert len(stand.json("mapping", "check", str(folder))["remarks"]) == 2


@pytest.mark.parametrize("told", ["plain", "health"])
def test_a_row_that_says_its_class_is_not_remarked(stand: Stand, told: str) -> None:
    folder = with_activity(stand, f"{ACTIVITY}    class: {told}\n")
    assert stand.json("mapping", "check", str(folder))["remarks"] == []


def test_the_default_mapping_needs_no_remark(stand: Stand) -> None:
    assert stand.json("mapping", "check")["remarks"] == []


def test_the_table_can_be_followed_by_the_word_lists(stand: Stand) -> None:
    listed = "The words of words/category.yaml 4HSE Procore"
    assert listed not in stand.said("mapping", "show")
    for words in (["--words"], ["--words", "--route", "riverside"]):
        said = stand.said("mapping", "show", *words)
        assert listed in said
        assert "ACCIDENTS injury" in said
        assert "The words of words/body_part.yaml" in said


def test_a_row_that_a_route_leaves_at_home_is_shown_so(stand: Stand) -> None:
    stand.configure("riverside", direction='"4hse-to-procore"')
    row = "Filing type filing_type description, line Filing type {} ask a person health"
    assert row.format("procore to 4hse") in stand.said("mapping", "show")
    assert row.format("goes nowhere") in stand.said("mapping", "show", "--route", "riverside")


# try -------------------------------------------------------------------------------------------------------------


def test_an_incident_is_tried_key_by_key(stand: Stand) -> None:
    site, office = stand.linked("Fall from ladder")
    folder = other_mapping(stand)
    tried = stand.json("mapping", "try", site, "--mapping", folder)
    assert tried == stand.json("mapping", "try", office, "--mapping", folder)
    assert list(tried) == ["route", "mapping", "procore_id", "fourhse_id", "records", "next"]
    assert (tried["route"], tried["mapping"], tried["procore_id"], tried["fourhse_id"]) == (
        "riverside", folder, site, office,
    )  # fmt: skip
    (record,) = tried["records"]
    assert list(record) == ["record", "procore_id", "fourhse_id", "linked", "fields"]
    number = next(each for each in record["fields"] if (each["label"], each["from"]) == ("Number", "procore"))
    assert number["new_record"] == number["linked_record"] == {"description_actions_involved": "Number: 1"}
    assert number["round_trip"] == "same"
    assert [action["fields"] for action in tried["next"]["actions"]] == [{"description_actions_involved": "Number: 1"}]
    assert tried["next"]["summary"] == "update in 4HSE (Number: 4HSE has none yet)."


def test_a_try_as_a_person_reads_it(stand: Stand) -> None:
    site, _ = stand.linked("Fall from ladder")
    said = stand.said("mapping", "try", site)
    assert "Fall from ladder route riverside, linked since" in said
    assert "through its mapping default as it is on disk; nothing is written" in said
    assert re.search(r"both records as they were read last, \d{4}-\d\d-\d\d \d\d:\d\d UTC", said)
    assert "Title title: Fall from ladder title name: Fall from ladder nothing: they agree the same" in said
    assert "Day event_date:" in said
    assert "time_unknown: False → True" in said
    assert "Next: nothing; there is nothing to do." in said


def test_the_default_is_the_folder_as_it_is_on_disk_now(stand: Stand) -> None:
    folder = Path(other_mapping(stand, ""))
    stand.configure(mapping=f'"{folder}"')
    site, _ = stand.linked()
    assert stand.json("mapping", "try", site)["next"]["actions"] == []
    with (folder / "incident.yaml").open("a", encoding="utf-8") as file:
        file.write(NUMBER)
    assert stand.json("mapping", "try", site)["next"]["actions"] != []


def test_what_a_changed_mapping_would_ask_is_told(stand: Stand) -> None:
    site = stand.on_site("Fall from ladder")
    stand.procore.hand_create("injury", PLACES["riverside"][0], incident_id=int(site))
    stand.run("sync")
    folder = Path(other_mapping(stand, ""))
    words = folder / "words" / "category.yaml"
    text = words.read_text(encoding="utf-8").replace("ACCIDENTS\n  procore: injury", "ACCIDENTS\n  procore: near miss")
    words.write_text(text.replace("REPORT_FAILURE\n  procore: not shared", "REPORT_FAILURE\n  procore: injury"))
    tried = stand.json("mapping", "try", site, "--mapping", str(folder))
    assert [(each["kind"], each["field"]) for each in tried["next"]["asks"]] == [("drift", "category")]
    assert "the route is held until a person acts: The mapping changed" in tried["next"]["summary"]
    assert "It would ask a person: Category:" in stand.said("mapping", "try", site, "--mapping", str(folder))


def test_trying_makes_no_call_and_no_write(stand: Stand) -> None:
    site, _ = stand.linked()
    before = stand.calls
    stand.run("mapping", "try", site, "--mapping", other_mapping(stand))
    stand.run("mapping", "diff", str(stand.folder / "next"))
    assert stand.calls == before
    assert stand.json("sync")["routes"][0]["written"]["fourhse"]["updated"] == 0


# diff ------------------------------------------------------------------------------------------------------------


def test_changes_are_told_key_by_key(stand: Stand) -> None:
    site, office = stand.linked("Fall from ladder")
    folder = other_mapping(stand)
    (route,) = stand.json("mapping", "diff", folder)["routes"]
    assert list(route) == [
        "route", "mapping", "incidents", "concerned", "rows", "counts", "newly", "stop", "changes",
    ]  # fmt: skip
    assert (route["incidents"], route["concerned"], route["stop"]) == (1, 1, None)
    assert route["rows"] == ["Number: this row is new."]
    assert route["counts"] == [{"field": "Number", "side": "fourhse", "what": "update", "incidents": 1}]
    assert route["newly"] == {"held": 0, "excluded": 0, "asked": 0}
    (change,) = route["changes"]
    assert change == {
        "procore_id": site,
        "fourhse_id": office,
        "title": "Fall from ladder",
        "record": "incident",
        "record_id": office,
        "field": "number",
        "side": "fourhse",
        "now": None,
        "then": {
            "what": "update",
            "from": {"description_actions_involved": None},
            "to": {"description_actions_involved": "Number: 1"},
            "reason": "Number: 4HSE has none yet",
        },
    }


def test_a_diff_as_a_person_reads_it(stand: Stand) -> None:
    stand.in_office("Pump", category="NON_COMPLIANCE")
    stand.run("sync")
    said = stand.said("mapping", "diff", swapped(stand))
    assert "Category: its words changed." in said
    assert "1 of 1 staged incident would change: 0 newly held, 1 newly left out, 0 newly asked about." in said
    assert "Pump incident in 4HSE nothing stays out" in said
    assert "its category is not shared" in said


def test_few_changes_are_listed_unless_all_are_asked_for(stand: Stand) -> None:
    for number in range(25):
        stand.on_site(f"Number {number}")
    stand.run("sync", "--first")
    folder = other_mapping(stand)
    said = stand.said("mapping", "diff", folder)
    assert "25 of 25 staged incidents would change" in said
    assert "and 5 more; --all lists them" in said
    assert said.count("description_actions_involved:") == 20
    assert stand.said("mapping", "diff", folder, "--all").count("description_actions_involved:") == 25
    assert len(stand.json("mapping", "diff", folder)["routes"][0]["changes"]) == 25


def test_the_same_mapping_changes_nothing(stand: Stand) -> None:
    stand.linked()
    said = stand.said("mapping", "diff", str(MAPPING))
    assert "Both mappings have the same rows and words." in said
    assert "None of 1 staged incident would change." in said


def test_a_row_more_changes_none_of_its_neighbours(stand: Stand) -> None:
    stand.linked()
    (route,) = stand.json("mapping", "diff", str(with_activity(stand)))["routes"]
    assert route["rows"] == ["Activity: this row is new."]


def test_an_empty_store_says_what_to_run(stand: Stand) -> None:
    assert "Nothing is staged yet" in stand.said("mapping", "diff", str(MAPPING))


def test_every_route_is_told_or_the_one_that_is_named(stand: Stand) -> None:
    stand.configure("riverside", "harbour")
    stand.on_site("Fall", DAY, route="harbour")
    stand.run("sync")
    assert len(stand.json("mapping", "diff", str(MAPPING))["routes"]) == 2
    (route,) = stand.json("mapping", "diff", str(MAPPING), "--route", "harbour")["routes"]
    assert (route["route"], route["incidents"]) == ("harbour", 1)


@pytest.mark.parametrize("command", [("diff", "nowhere"), ("try", "1", "--mapping", "nowhere")])
def test_a_folder_that_is_not_there_ends_with_2(stand: Stand, command: tuple[str, ...]) -> None:
    assert "there is no such mapping folder" in stand.said("mapping", *command, exit_code=2)


def test_a_broken_mapping_is_told_with_its_places(stand: Stand) -> None:
    folder = other_mapping(stand, NUMBER.replace("using: text", "using: magic"))
    said = stand.said("mapping", "diff", folder, exit_code=2)
    assert "`magic`" in said
    assert "incident.yaml:" in said


@pytest.mark.parametrize("command", ["diff FOLDER", "try ID --mapping FOLDER"])
def test_a_mapping_that_the_route_may_not_use_is_refused(stand: Stand, command: str) -> None:
    privacy = '[routes.privacy]\nlocation = "none"\n'
    stand.write(stand.head() + stand.route("riverside") + privacy)
    site, _ = stand.linked()
    folder = other_mapping(stand, LOCATION)
    words = command.replace("ID", site).replace("FOLDER", folder).split()
    said = stand.said("mapping", *words, exit_code=2)
    assert "the row `Place` goes to 4HSE, where its class, location, may not cross" in said
    stand.write(stand.file.read_text() + 'when_barred = "leave out"\n')
    assert stand.run("mapping", *words).exit_code == 0


def test_an_incident_that_nobody_knows_is_told(stand: Stand) -> None:
    assert "No incident 4711 is known" in stand.said("mapping", "try", "4711", exit_code=2)
