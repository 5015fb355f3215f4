"""Decisions at the command line: notes, many at once, the list of what was decided, and putting a question off."""

from __future__ import annotations

import csv
import getpass
import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cli_stand import Stand

TODAY = datetime.now(UTC).date()


def conflicts(stand: Stand, many: int = 3) -> list[str]:
    """Titles that both sides changed: the ids of the questions."""
    pairs = [stand.linked(f"Fall {number}") for number in range(many)]
    for number, (site, office) in enumerate(pairs):
        stand.procore.hand_edit("incident", int(site), title=f"=SUM({number})")
        stand.fourhse.hand_edit("incident", office, name=f"Step {number}")
    stand.run("sync")
    return [item["id"] for item in stand.json("inbox")["items"]]


def closed(stand: Stand, *words: str) -> list[dict[str, Any]]:
    return list(stand.json("inbox", "list", "--closed", *words)["items"])


# The record --------------------------------------------------------------------------------------------------------


def test_what_was_decided_is_listed_with_who_when_why_and_what_became_of_it(stand: Stand) -> None:
    first, second, _ = conflicts(stand)
    stand.said("inbox", "resolve", first, "--use", "4hse", "--note", "The foreman wrote it himself.")
    assert [each["state"] for each in closed(stand)] == ["answered"]
    stand.run("sync")
    (item,) = closed(stand)
    decision = item["decision"]
    assert (item["id"], item["kind"], item["state"]) == (first, "conflict", "closed")
    assert decision["choice"] == {"verb": "resolve", "options": {"use": "fourhse"}}
    assert (decision["by"], decision["from"], decision["outcome"]) == (getpass.getuser(), "cli", "carried_out")
    assert (decision["note"], decision["at"][:10]) == ("The foreman wrote it himself.", str(TODAY))
    assert decision["write"]
    said = stand.said("inbox", "list", "--closed")
    assert all(
        words in said for words in ("resolve --use 4hse", "The foreman wrote it", "carried out", getpass.getuser())
    )
    shown = stand.said("inbox", "show", first)
    assert "resolve --use 4hse; carried out Note: The foreman wrote it himself." in shown
    assert "resolve" not in stand.said("inbox", "list", "--closed", "--kind", "match")
    assert stand.said("inbox", "show", second).count("Note:") == 0


def test_a_question_that_closed_by_itself_says_so(stand: Stand) -> None:
    (only,) = conflicts(stand, many=1)
    site = stand.json("links")["links"][0]["procore_id"]
    stand.procore.hand_edit("incident", int(site), title="Step 0")
    stand.run("sync")
    assert [(each["id"], each["decision"]) for each in closed(stand)] == [(only, None)]
    assert "closed by itself" in stand.said("inbox", "list", "--closed")


def test_the_list_may_begin_on_a_day(stand: Stand) -> None:
    (only,) = conflicts(stand, many=1)
    stand.said("inbox", "resolve", only, "--use", "4hse")
    assert len(closed(stand, "--since", str(TODAY - timedelta(days=1)))) == 1
    assert closed(stand, "--since", str(TODAY + timedelta(days=1))) == []
    assert "--since belongs to --closed" in stand.said("inbox", "list", "--since", str(TODAY), exit_code=2)


def test_no_cell_of_the_csv_is_a_formula(stand: Stand) -> None:
    (only,) = conflicts(stand, many=1)
    stand.said("inbox", "resolve", only, "--use", "4hse", "--note", "@home: -1")
    text = stand.run("inbox", "list", "--closed", "--csv").stdout
    (row,) = csv.DictReader(io.StringIO(text))
    assert (row["procore_value"], row["note"]) == ("'=SUM(0)", "'@home: -1")
    assert (row["choice"], row["outcome"]) == ("resolve --use 4hse", "the next cycle carries it out")
    stand.said("inbox", "undo", only)
    (waiting,) = csv.DictReader(io.StringIO(stand.run("inbox", "--csv").stdout))
    assert (waiting["id"], waiting["procore_value"]) == (only, "'=SUM(0)")


# Many at once ------------------------------------------------------------------------------------------------------


def test_several_are_answered_and_taken_back_at_once(stand: Stand) -> None:
    numbers = conflicts(stand)
    said = stand.said("inbox", "resolve", *numbers, "--use", "4hse")
    assert (said.count("Noted: item"), said.count("The next cycle carries it out")) == (3, 1)
    assert stand.json("inbox") == {"items": []}
    assert stand.said("inbox", "undo", *numbers[:2]).count("Taken back: item") == 2
    assert [item["id"] for item in stand.json("inbox")["items"]] == numbers[:2]


def test_each_is_checked_by_itself_and_those_that_do_not_fit_are_named(stand: Stand) -> None:
    first, second, third = conflicts(stand)
    said = stand.said("inbox", "resolve", first, "99", third, "--use", "4hse", exit_code=2)
    assert "The inbox has no item 99" in said
    assert "1 of 3 could not be done: 99. The others are done." in said
    assert [item["id"] for item in stand.json("inbox")["items"]] == [second]


def test_all_of_a_kind_are_answered_after_their_count_was_shown(stand: Stand) -> None:
    numbers = conflicts(stand)
    said = stand.said("inbox", "resolve", "--kind", "conflict", "--all", "--use", "4hse", exit_code=2)
    assert "3 questions of kind conflict." in said
    assert "add --yes" in said
    assert len(stand.json("inbox")["items"]) == 3
    words = ("--kind", "conflict", "--all", "--yes")
    assert stand.said("inbox", "resolve", *words, "--use", "4hse", "--note", "All the same").count("Noted") == 3
    assert [each["decision"]["note"] for each in closed(stand)] == ["All the same"] * 3
    assert stand.said("inbox", "undo", *words).count("Taken back") == 3
    assert [item["id"] for item in stand.json("inbox")["items"]] == numbers
    assert "0 questions of kind match." in stand.said("inbox", "reject", "--kind", "match", "--all")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ((), "Say which questions"),
        (("1", "--kind", "conflict", "--all"), "Say which questions"),
        (("--all",), "choose questions together"),
        (("1", "--kind", "conflict"), "choose questions together"),
        (("1", "--route", "riverside"), "choose questions together"),
        (("1", "2", "--shown", "abc"), "give one ID with it"),
    ],
)
def test_what_is_meant_must_be_said_once(stand: Stand, words: tuple[str, ...], sentence: str) -> None:
    assert sentence in stand.said("inbox", "retry", *words, exit_code=2)


# Later -------------------------------------------------------------------------------------------------------------


def test_a_question_is_put_off_until_a_day_or_until_it_moves(stand: Stand) -> None:
    (only,) = conflicts(stand, many=1)
    later = str(TODAY + timedelta(days=5))
    assert "Put off: item 1 (conflict)" in stand.said("inbox", "snooze", only, "--until", later)
    assert stand.json("inbox") == {"items": []}
    assert "1 put off until a later day" in stand.said("inbox")
    assert [item["id"] for item in stand.json("inbox", "list", "--snoozed")["items"]] == [only]
    assert stand.json("status", "--fail-over", "1s")["routes"][0]["oldest"] is None
    assert stand.json("sync")["routes"][0]["inbox"]["conflict"] == 1
    assert stand.json("inbox") == {"items": []}, "a cycle that finds it as it was leaves it put off"
    site = stand.json("links")["links"][0]["procore_id"]
    stand.procore.hand_edit("incident", int(site), title="Something else")
    stand.run("sync")
    assert [item["id"] for item in stand.json("inbox")["items"]] == [only]


def test_nothing_is_put_off_to_a_day_that_has_begun_or_when_it_is_answered(stand: Stand) -> None:
    (only,) = conflicts(stand, many=1)
    yesterday = str(TODAY - timedelta(days=1))
    assert "has begun already" in stand.said("inbox", "snooze", only, "--until", yesterday, exit_code=2)
    stand.said("inbox", "resolve", only, "--use", "4hse")
    later = str(TODAY + timedelta(days=5))
    assert "waits for no answer" in stand.said("inbox", "snooze", only, "--until", later, exit_code=2)
