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
    for words in (["list"], [site], ["list", office], ["--route", "riverside"], ["--since", "2020-01-01"]):
        assert stand.json("history", *words) == {"writes": writes}
    assert stand.json("history", "--since", "2999-01-01") == {"writes": []}
    said = stand.said("history")
    assert "2 writes" in said
    assert "→ Slip" in said
    assert writes[0]["id"].partition("-")[0] in said


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
