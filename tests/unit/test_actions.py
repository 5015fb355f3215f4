"""The actions of an incident as one text."""

from __future__ import annotations

from typing import Any

import pytest

from procore_4hse.mapping.lenses.actions import ActionsLens, summary
from procore_4hse.mapping.lenses.base import ACTIONS, Held, Known, Unwritable
from procore_4hse.mapping.lenses.lines import Spot
from procore_4hse.models import Side

LENS = ActionsLens(Spot("text", None, ("Location",)))


def action(number: int, made: str = "2026-03-02T12:00:00Z", **fields: Any) -> dict[str, Any]:
    return {"id": number, "created_at": made, "action_type": {"id": 1, "name": "Corrective Action"}, **fields}


def test_each_action_is_a_line_in_the_order_of_their_making():
    first, second = action(9, description_plain_text="Put up\n a rail."), action(10, description_plain_text="Clean.")
    late = action(1, "2026-03-03T12:00:00Z", description_plain_text="Teach.")
    text = "1. Corrective Action: Put up a rail.\n2. Corrective Action: Clean.\n3. Corrective Action: Teach."
    assert summary([late, second, first]) == summary([first, late, second]) == text


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({}, "1. Corrective Action"),
        ({"description": "<p>Put up <b>a</b> rail &amp; a sign.</p>"}, "1. Corrective Action: Put up a rail & a sign."),
        ({"action_type": None, "description_plain_text": "Clean."}, "1. Clean."),
        ({"action_type": None}, "1. "),
    ],
)
def test_what_an_action_lacks_is_left_out(fields, text):
    assert summary([action(1, **fields)]) == text


def test_no_action_is_an_empty_text_and_no_whole_list_is_none_at_all():
    assert LENS.get(Side.PROCORE, {ACTIONS: summary([])}) == Known(None)
    reading = LENS.get(Side.PROCORE, {ACTIONS: None})
    assert isinstance(reading, Held)
    assert reading.word is None
    assert isinstance(LENS.get(Side.PROCORE, {}), Held)


def test_the_summary_stands_below_the_lines_of_other_rows():
    now = {"text": "Location: Roof\n\n1. Corrective Action: Clean."}
    assert LENS.get(Side.FOURHSE, now) == Known("1. Corrective Action: Clean.")
    assert LENS.put(Side.FOURHSE, "1. Toolbox Talk", now, {}) == {"text": "Location: Roof\n\n1. Toolbox Talk"}


def test_procores_actions_are_never_written():
    with pytest.raises(Unwritable):
        LENS.put(Side.PROCORE, "1. Toolbox Talk", {}, {})
