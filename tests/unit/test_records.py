"""Records that name nobody, as one line: what it tells, and the laws of its lens."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from procore_4hse.mapping.lenses.base import UNNAMED, Held, Known, Unwritable
from procore_4hse.mapping.lenses.lines import Spot, split_lines
from procore_4hse.mapping.lenses.records import RecordsLens, names_nobody, statements, summary
from procore_4hse.models import Side

LABELS = ("Location", "Near misses", "Witness statements")
LENS = RecordsLens("near_misses", Spot("text", "Near misses", LABELS))


def record(number: int, text: str | None = None, made: str = "2026-03-02T12:00:00Z", **more: Any) -> dict[str, Any]:
    return {"id": number, "created_at": made, "description_plain_text": text, **more}


def site(told: str | None) -> dict[str, Any]:
    return {UNNAMED: {"witness_statements": ""} if told is None else {"near_misses": told}}


def test_records_are_counted_and_told_in_the_order_of_their_making() -> None:
    first, second, late = record(9, "A\n load."), record(10, "A rope."), record(1, "A net.", "2026-03-03T12:00:00Z")
    assert summary([late, second, first]) == summary([first, late, second]) == "3: A load.; A rope.; A net."
    assert (summary([]), summary([record(1)]), summary([record(1), record(2, "A rope.")])) == ("", "1", "2: A rope.")


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"description": "<p>Oil &amp; <b>water</b>.</p>"}, "1: Oil & water."),
        ({"environmental_type": {"id": 1, "name": "Spill"}}, "1: Spill"),
        ({"environmental_type": {"name": "Spill"}, "description": "Oil."}, "1: Spill: Oil."),
        ({"quantity_value": "20000.00", "quantity_unit_of_measure": "lbs"}, "1: 20000 lbs"),
        ({"quantity_value": 0.5, "environmental_type": {"name": "Noise"}}, "1: Noise, 0.5"),
        ({"quantity_value": "0.0", "quantity_unit_of_measure": "lbs"}, "1"),
        ({"quantity_value": "much"}, "1"),
        ({"quantity_value": "NaN"}, "1"),
        ({"affliction_type": {"name": "Fracture"}, "description": "A fall."}, "1: Fracture: A fall."),
    ],
)
def test_a_record_tells_what_it_is_and_what_happened(fields: dict[str, Any], told: str) -> None:
    assert summary([record(1, **fields)]) == told


@pytest.mark.parametrize(
    ("fields", "answer"),
    [
        ({}, True),
        ({"affected_party": None, "affected_person": {"id": None}}, True),
        ({"affected_company": {"id": 7}}, True),
        ({"affected_party": {"id": 7}}, False),
        ({"affected_person": {"id": 7}}, False),
        ({"affected_person": 7}, False),
    ],
)
def test_who_is_named_is_no_matter_of_a_line(fields: dict[str, Any], answer: bool) -> None:
    assert names_nobody(fields) is answer


@pytest.mark.parametrize(("count", "told"), [(2, "2"), ("3", "3"), (0, ""), (None, ""), ("many", ""), ([], "")])
def test_witness_statements_are_a_number(count: Any, told: str) -> None:
    assert statements({"witness_statements_count": count}) == told
    assert statements({}) == ""


def test_no_record_is_an_empty_line_and_no_whole_list_none_at_all() -> None:
    assert LENS.get(Side.PROCORE, site("")) == Known(None)
    for image in ({}, {UNNAMED: None}, site(None)):
        reading = LENS.get(Side.PROCORE, image)
        assert isinstance(reading, Held)
        assert reading.word is None
    # A base holds the slice alone.
    assert LENS.get(Side.PROCORE, {f"{UNNAMED}.near_misses": "1: A rope."}) == Known("1: A rope.")


words = st.lists(
    st.sampled_from(["A rope", "<p>", "&amp;", "é", "e\u0301", "\u00a0", "; ", "Location: x", "-", "…", "\n"])
)
bodies = st.lists(st.sampled_from(["We put up a net.", "Near misses: 7", "\n", "\n\n", "<A>", "Location: Roof\n"]))


@given(
    texts=st.lists(words.map("".join), max_size=3),
    body=bodies.map("".join),
    as_html=st.booleans(),
)
def test_laws(texts: list[str], body: str, as_html: bool) -> None:
    """What is put is read back, putting it again changes nothing, and every other line and the text below stay."""
    reading = LENS.get(Side.PROCORE, site(summary(record(number, each) for number, each in enumerate(texts))))
    assert isinstance(reading, Known)
    current = {"text": f"<p>{body}</p>" if as_html else body, "code": 1}
    once = {**current, **LENS.put(Side.FOURHSE, reading.value, current, {})}
    assert LENS.get(Side.FOURHSE, once) == reading
    assert {**once, **LENS.put(Side.FOURHSE, reading.value, once, {})} == once
    before, after = (split_lines(image["text"], LABELS) for image in (current, once))
    assert after.body == before.body
    assert {**after.lines, "Near misses": ""} == {**before.lines, "Near misses": ""}


def test_procores_records_are_never_written() -> None:
    assert LENS.names(Side.PROCORE) == ()
    with pytest.raises(Unwritable):
        LENS.put(Side.PROCORE, "1", {}, {})
