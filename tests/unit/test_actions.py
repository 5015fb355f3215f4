"""The actions of an incident as one text."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from procore_4hse.mapping.lenses.actions import ActionsLens, summary
from procore_4hse.mapping.lenses.base import ACTIONS, TIED, Held, Known, Unwritable
from procore_4hse.mapping.lenses.lines import Spot
from procore_4hse.mapping.lenses.office import OfficeLens
from procore_4hse.mapping.lenses.office import summary as office_summary
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


@pytest.mark.parametrize(
    ("counts", "told"),
    [
        ((1, 2), "1. Clean.\nObservations: 1 open, 2 closed"),
        (("0", 3), "1. Clean.\nObservations: 3 closed"),
        ((0, None), "1. Clean."),
        (("many", -1), "1. Clean."),
    ],
)
def test_how_many_of_their_observations_are_open_is_told_below_actions_alone(counts, told):
    lens = replace(LENS, with_observations=True)
    observed = dict(zip(("open_observations_count", "closed_observations_count"), counts, strict=True))
    assert lens.get(Side.PROCORE, {ACTIONS: "1. Clean.", **observed}) == Known(told)
    assert lens.get(Side.PROCORE, {ACTIONS: "", **observed}) == Known(None)
    assert LENS.get(Side.PROCORE, {ACTIONS: "1. Clean.", **observed}) == Known("1. Clean.")
    assert {ACTIONS, *observed} == {*lens.reads(Side.PROCORE)}


# What 4HSE ties to an incident ------------------------------------------------------------------------------------

TIED_LINE = OfficeLens("description", Spot("resources"), site=Spot("description", "Resources", ("Resources",)))


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (
            {"entity_type": "WORK_GROUP", "entity_name": "Crew", "description": " two\nmen "},
            "Work group: Crew, two men",
        ),
        ({"entity_type": "EQUIPMENT", "entity_id": "9f"}, "Equipment: 9f"),
        ({"entity_type": "ACTION", "action_type": "PER", "action_name": "Gloves"}, "PER: Gloves"),
        ({"description": "loose"}, "loose"),
        ({"entity_type": ["EQUIPMENT"], "entity_name": {"name": "Crane"}}, "Equipment: Crane"),
        ({}, ""),
    ],
)
def test_a_row_of_4hse_tells_its_kind_its_name_and_what_is_said_about_it(row, told):
    assert office_summary([row]) == told


def test_rows_of_4hse_stand_in_one_order_whatever_order_they_come_in():
    rows = [{"entity_type": "SUBSTANCE", "entity_name": name} for name in ("Acetone", "Lime")]
    assert office_summary(rows) == office_summary(rows[::-1]) == "Substance: Acetone; Substance: Lime"


def test_what_4hse_ties_to_an_incident_is_written_to_procore_alone_and_waits_for_a_whole_list():
    assert TIED_LINE.get(Side.FOURHSE, {TIED: {"resources": "Substance: Lime"}}) == Known("Substance: Lime")
    assert TIED_LINE.get(Side.FOURHSE, {TIED: {"resources": ""}}) == Known(None)
    for image in ({TIED: {"actions": ""}}, {TIED: {}}, {}):
        assert isinstance(TIED_LINE.get(Side.FOURHSE, image), Held)
    now = {"description": "He fell."}
    written = TIED_LINE.put(Side.PROCORE, "Substance: Lime", now, {})
    assert written == {"description": "Resources: Substance: Lime\n\nHe fell."}
    assert TIED_LINE.get(Side.PROCORE, written) == Known("Substance: Lime")
    assert TIED_LINE.names(Side.FOURHSE) == ()
    with pytest.raises(Unwritable):
        TIED_LINE.put(Side.FOURHSE, "Substance: Lime", {}, {})


def test_procores_actions_are_never_written():
    with pytest.raises(Unwritable):
        LENS.put(Side.PROCORE, "1. Toolbox Talk", {}, {})
