"""history: every write with its old and its new value."""

from __future__ import annotations

import csv
import io

import pytest
from cli_stand import Stand

WRITE = ["id", "at", "route", "side", "kind", "record_kind", "record"]
KEYS = [*WRITE, "title", "field", "old", "new", "reason", "by", "undone_by"]


def retitled(stand: Stand, title: str = "Slip") -> tuple[str, str]:
    """A pair whose title was edited in Procore and carried over."""
    site, office = stand.linked("Fall")
    stand.procore.hand_edit("incident", int(site), title=title)
    stand.run("sync")
    return site, office


def test_writes_are_listed_key_by_key_by_route_by_day_and_by_record(stand: Stand) -> None:
    assert "Nothing was written yet." in stand.said("history")
    site, office = retitled(stand)
    writes = stand.json("history")["writes"]
    assert [list(write) for write in writes] == [KEYS] * 2
    assert (writes[0]["side"], writes[0]["kind"], writes[0]["record"]) == ("fourhse", "update", office)
    assert (writes[0]["title"], writes[0]["field"]) == ("Slip", "Title")
    assert (writes[0]["old"], writes[0]["new"], writes[0]["by"]) == ("Fall", "Slip", "the rules")
    assert (writes[1]["kind"], writes[1]["field"], writes[1]["undone_by"]) == ("create", None, None)
    for words in (
        ["list"],
        [site],
        ["list", office],
        ["Slip"],
        ["list", "slip"],
        ["--route", "riverside"],
        ["--since", "2020-01-01"],
    ):
        assert stand.json("history", *words) == {"writes": writes}
    assert stand.json("history", "--since", "2999-01-01") == {"writes": []}
    said = stand.said("history")
    assert "2 writes" in said
    assert "→ Slip" in said
    assert writes[0]["id"].partition("-")[0] in said


def test_the_story_of_an_incident_carries_what_people_read_first(stand: Stand) -> None:
    site, _ = retitled(stand)
    short = stand.json("explain", "slip")["short"]
    assert (short["agree"], short["waiting"], short["questions"], short["decisions"]) == (True, [], [], [])
    assert short["changes"] == stand.json("history", site)["writes"]
    stand.procore.hand_edit("incident", int(site), title="Slip on site")
    stand.fourhse.hand_edit("incident", stand.json("explain", site)["fourhse_id"], name="Slip in the office")
    stand.run("sync")
    stand.run("inbox", "resolve", "1", "--use", "4hse", "--note", "asked the foreman")
    short = stand.json("explain", site)["short"]
    assert (short["agree"], [one["field"] for one in short["waiting"]], short["questions"]) == (False, ["title"], ["1"])
    assert [(one["question"], one["note"]) for one in short["decisions"]] == [("1", "asked the foreman")]


def test_an_incident_is_named_by_words_of_its_title_where_one_is_tried_or_told(stand: Stand) -> None:
    site, _ = retitled(stand)
    tried = stand.json("mapping", "try", "slip")
    assert tried == stand.json("mapping", "try", site)
    stand.linked("Slip again")
    for command in ("history", "mapping try"):
        said = stand.said(*command.split(), "slip", exit_code=2)
        assert "2 incidents may be meant" in said
        assert f"procore-4hse {command} {site}" in said


def test_what_is_not_known_is_told(stand: Stand) -> None:
    assert "No incident 4711 is known" in stand.said("history", "4711", exit_code=2)
    assert "There is no route harbour" in stand.said("history", "--route", "harbour", exit_code=2)
    assert "is no day of the calendar" in stand.run("history", "--since", "soon").stderr
    assert "Choose one form" in stand.said("history", "--json", "--csv", exit_code=2)


@pytest.mark.parametrize("first", ["=", "+", "-", "@"])
def test_no_cell_is_taken_for_a_formula(stand: Stand, first: str) -> None:
    retitled(stand, f'{first}HYPERLINK("http://example.com","click")')
    done = stand.run("history", "--csv")
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert list(rows[0]) == KEYS
    assert rows[0]["new"] == f'\'{first}HYPERLINK("http://example.com","click")'
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row.values())


# Taking back ------------------------------------------------------------------------------------------------------


def latest(stand: Stand, field: str = "Title") -> str:
    return next(str(write["id"]) for write in stand.json("history")["writes"] if write["field"] == field)


def test_a_write_is_taken_back_on_both_sides(stand: Stand) -> None:
    site, office = retitled(stand)
    write = latest(stand)
    said = stand.said("history", "undo", write[:8], "--note", "wrong incident")
    assert "Title in 4HSE: Slip → Fall" in said
    assert "Noted as question 1" in said
    shown = stand.said("inbox", "show", "1")
    assert "a person takes back what was written to 4HSE" in shown
    assert "procore-4hse inbox undo 1" in shown
    assert "wrong incident" in shown
    for _ in range(2):
        assert stand.json("sync")["outcome"] == "ok"
    assert stand.procore.record(int(site)).values["title"] == "Fall"
    assert stand.fourhse.look("incident", office)["name"] == "Fall"
    writes = stand.json("history")["writes"]
    assert [one["by"] for one in writes][:3] == ["a person's answer (question 1)"] * 2 + ["the rules"]
    assert [one["undone_by"] for one in writes][2] == writes[1]["id"].partition(":")[0]
    assert "was taken back already" in stand.said("history", "undo", write, exit_code=2)
    assert "taken back by" in stand.said("history", site)


def test_taking_a_write_back_can_be_left(stand: Stand) -> None:
    site, office = retitled(stand)
    stand.said("history", "undo", latest(stand))
    assert "is being taken back already" in stand.said("history", "undo", latest(stand), exit_code=2)
    assert "Taken back: item 1 (conflict) is closed" in stand.said("inbox", "undo", "1")
    assert stand.json("inbox") == {"items": []}
    stand.run("sync")
    assert stand.fourhse.look("incident", office)["name"] == "Slip"
    assert stand.procore.record(int(site)).values["title"] == "Slip"


def test_where_one_side_keeps_its_value_that_is_told_and_asked(stand: Stand) -> None:
    retitled(stand)
    write = latest(stand)
    stand.configure(direction='"procore-to-4hse"')
    stand.run("sync")
    for item in stand.json("inbox")["items"]:
        stand.run("inbox", "approve", item["id"])
    stand.run("sync")
    asked = stand.run("history", "undo", write)
    assert asked.exit_code == 2
    assert "Title is not written to Procore, which keeps its value: the two differ" in asked.stderr
    assert stand.json("inbox") == {"items": []}
    stand.said("history", "undo", write, "--yes")
    for _ in range(3):
        stand.run("sync")
    (site,), (office,) = stand.procore.dump(1363617), stand.fourhse.dump("5b7f5a5e-1d39-4a7c-8f43-7b1d6f3a9e02")
    assert (site["title"], office["name"]) == ("Slip", "Fall")
    assert stand.json("inbox") == {"items": []}


def test_a_write_of_several_fields_is_taken_back_one_at_a_time(stand: Stand) -> None:
    site, _ = stand.linked("Fall")
    stand.procore.hand_edit("incident", int(site), title="Slip", description="A worker slipped.")
    stand.run("sync")
    start = latest(stand).partition(":")[0]
    said = stand.said("history", "undo", start, exit_code=2)
    assert f"history undo {start}:title or procore-4hse history undo {start}:description" in said
    made = stand.json("history")["writes"][-1]["id"]
    assert f"links remove {site}" in stand.said("history", "undo", made, exit_code=2)
    assert "No write none is known" in stand.said("history", "undo", "none", exit_code=2)
