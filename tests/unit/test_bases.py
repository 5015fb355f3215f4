"""What an answer to a write shows: what both agree on from now on, and what a side did not keep."""

from dataclasses import replace
from typing import Any

from procore_4hse.mapping.picklists import Picklists
from procore_4hse.mapping.rules import OnConflict
from procore_4hse.models import Act, Action, Kind, Side
from procore_4hse.push.bases import compare_answer, compare_arrived, doubt
from procore_4hse.push.rows import Rows
from procore_4hse.reconcile.diff import Verdict, diff_field
from routes import MAPPING, ROME, office, site

ROWS = Rows(MAPPING, Picklists(), ROME)


def update(*keys: str, seen: dict[str, Any] | None = None, **fields: Any) -> Action:
    """An update of the 4HSE incident out of these rows of Procore's."""
    source = site(title="Slip", description="He slipped.", status="closed").image
    sources = {key: MAPPING.by_key[key].slice(Side.PROCORE, source) for key in keys}
    return Action(
        Act.UPDATE, Side.FOURHSE, Kind.INCIDENT, "a", "1", "changed", fields=fields, sources=sources, seen=seen or {}
    )


def test_what_is_there_as_it_was_sent_is_agreed_on():
    found = compare_answer(ROWS, update("title", name="Slip"), office(name="Slip").image)
    assert (found.lost, found.bases["title"].lost_on, found.bases["title"].settled) == ([], None, False)


def test_what_is_not_there_as_it_was_sent_is_not():
    found = compare_answer(ROWS, update("title", name="Slip"), office(name="S").image)
    assert (found.lost, found.bases["title"].lost_on) == (["title"], Side.FOURHSE)


def test_a_word_that_cannot_be_read_there_is_not_either():
    found = compare_answer(ROWS, update("status", status="closed"), office(status="cl").image)
    assert (found.lost, found.bases["status"].lost_on) == ([], Side.FOURHSE)


def test_a_row_that_stands_in_a_text_which_was_written_is_looked_at_too():
    seen = {"name": "Fall", "description_event": "A worker fell."}
    action = update("title", seen=seen, name="Slip", description_event="A worker fell.")
    assert list(compare_answer(ROWS, action, office(name="Slip", description_event="A wor").image).spoiled) == [
        "description"
    ]
    assert list(compare_answer(ROWS, action, office(name="Slip").image).spoiled) == []
    assert (
        list(compare_answer(ROWS, action, office(name="Slip", description_event=" A worker  fell.").image).spoiled)
        == []
    )


def test_a_first_update_that_cannot_be_seen_is_sent_again_or_asked_about():
    """Two records that were just linked have agreed on nothing yet, and a rule that 4HSE wins is no reason either."""
    title, before = MAPPING.title, {"name": "Fall"}
    action = update("title", seen=before, name="Slip")
    assert "title" in compare_arrived(ROWS, action, office(name={"x": 1}).image).unseen
    base, winner = doubt(title, None, Side.FOURHSE, before), replace(title, on_conflict=OnConflict.FOURHSE)
    found = {name: diff_field(winner, site(title="Slip").image, office(name=name).image, base) for name in NAMES}
    assert [(one.verdict, one.to) for one in found.values()] == list(NAMES.values())


NAMES = {
    "Fall": (Verdict.WRITE, Side.FOURHSE),
    "Slip": (Verdict.AGREED, None),
    "Sl": (Verdict.CONFLICT, None),
}
