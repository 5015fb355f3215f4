"""The privacy of a route on the command line: what is refused, with which exit code, and what is said to stay home."""

from __future__ import annotations

from shutil import copytree

from cli_stand import MAPPING, Stand

BARRED = "health may not cross to 4HSE"


def test_a_route_that_bars_a_row_does_not_start(stand: Stand) -> None:
    stand.configure(privacy='{ health = "none" }')
    for command in (["sync"], ["plan"], ["check"], ["mapping", "check"]):
        said = stand.said(*command, exit_code=2)
        assert "the row `Affliction` goes to 4HSE and Procore, where its class, health, may not cross" in said
        assert 'Let health cross there, or write when_barred = "leave out"' in said
    report = stand.json("mapping", "check", exit_code=2)
    assert {problem["place"] for problem in report["problems"]} == {"route riverside, privacy, health"}
    assert len(report["problems"]) == 15
    assert stand.calls == 0


def test_a_title_cannot_be_left_out(stand: Stand) -> None:
    stand.configure(privacy='{ plain = "4hse-to-procore", when_barred = "leave out" }')
    said = stand.said("sync", exit_code=2)
    assert "the row `Title` goes to 4HSE, where its class, plain, may not cross" in said
    assert "Let plain cross there: no incident can do without this row" in said
    assert stand.calls == 0


def test_what_is_left_out_is_told(stand: Stand) -> None:
    stand.configure(privacy='{ health = "4hse-to-procore", when_barred = "leave out" }')
    assert f"Affliction: left out: {BARRED}." in stand.said("check")
    shown = stand.said("mapping", "show", "--route", "riverside")
    assert f"Left out: {BARRED}." in shown
    assert "route riverside" in shown
    assert "Left out" not in stand.said("mapping", "show")
    assert stand.json("mapping", "check")["outcome"] == "ok"


def test_the_story_of_an_incident_says_what_stays_home(stand: Stand) -> None:
    stand.configure(privacy='{ location = "none", when_barred = "leave out" }', mapping=f'"{raised(stand)}"')
    ours, _ = stand.linked()
    stand.procore.hand_edit("incident", int(ours), description="Quite another text.")
    stand.run("sync")
    (field,) = [one for one in stand.json("explain", ours)["fields"] if one["field"] == "description"]
    assert (field["verdict"], field["to"]) == ("local", None)
    assert field["reason"] == "left out: location may not cross to 4HSE or Procore"
    assert "left out: location may not cross" in stand.said("explain", ours, "--rules")


def raised(stand: Stand) -> str:
    """A copy of the default mapping in which the description is of the class location."""
    folder = copytree(MAPPING, stand.folder / "mine")
    text = (folder / "incident.yaml").read_text(encoding="utf-8")
    row = "    procore: description\n"
    (folder / "incident.yaml").write_text(text.replace(row, f"{row}    class: location\n", 1), encoding="utf-8")
    return folder.name
