"""Texts, numbers and entries that Procore shows in forms of its own, and what 4HSE holds of them."""

from __future__ import annotations

from typing import Any

import pytest

from procore_4hse.mapping.lenses.base import Held, Known, Unwritable
from procore_4hse.mapping.lenses.custom import CustomWordLens, CustomWordsLens, DecimalLens
from procore_4hse.mapping.lenses.display import ShownLens
from procore_4hse.mapping.lenses.lines import Spot
from procore_4hse.mapping.lenses.words import WordList
from procore_4hse.mapping.paths import at, path_of, stem
from procore_4hse.models import Side

LINE = Spot("text", "Trade", ("Place", "Trade"))
BELOW = Spot("text", None, ("Place", "Trade"))
TRADES = WordList.of(
    "trade", [("Roofer", "101"), ("Slater", "101"), ("Mason", "102"), ("Sunny", "true"), ("Guest", "not shared")]
)


def shows(value: Any) -> dict[str, Any]:
    """An incident whose custom field 7 has this value."""
    return {"custom_fields": {"custom_field_7": {"data_type": "any", "value": value}}}


def test_a_custom_field_is_found_where_it_is_wrapped_and_in_what_was_cut_out():
    assert (stem("custom_field_7"), stem("custom_fields"), stem("custom_field_x")) == (
        "custom_field_ID", "custom_fields", "custom_field_x",
    )  # fmt: skip
    path = path_of("custom_field_7")
    assert (at(shows("dry"), path), at({path: "cut"}, path), at({path: None, **shows("dry")}, path)) == (
        "dry",
        "cut",
        None,
    )
    assert (at({}, path), at({"custom_fields": None}, path), at({"custom_fields": {}}, path)) == (None, None, None)
    assert (path_of("hazard"), at({"hazard": 1}, "hazard")) == ("hazard", 1)


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ({"id": 1, "name": " Tower  A "}, "Tower A"),
        ({"id": 1, "label": "Roofing"}, "Roofing"),
        ({"id": 1, "name": None}, None),
        ([{"id": 1, "label": "a"}, {"id": 2, "label": "b"}], "a; b"),
        ([], None),
        (109, "109"),
        (True, "true"),
        (False, "false"),
        ("", None),
        (None, None),
        ("<p>one<br>two</p>", "one two"),
    ],
)
def test_every_form_is_read_as_one_line(raw, text):
    lens = ShownLens("custom_field_7", Spot("code"))
    assert lens.get(Side.PROCORE, shows(raw)) == Known(text)
    assert ShownLens("hazard", Spot("code")).get(Side.PROCORE, {"hazard": raw}) == Known(text)


def test_a_text_of_its_own_keeps_its_lines_and_one_on_a_line_does_not():
    whole, lined = (ShownLens("custom_field_7", spot, is_one_line=False) for spot in (BELOW, LINE))
    assert whole.get(Side.PROCORE, shows("one\n\ntwo")) == Known("one\n\ntwo")
    assert lined.get(Side.PROCORE, shows("one\n\ntwo")) == Known("one two")
    assert lined.get(Side.PROCORE, shows("-")) == Known(None)
    assert whole.get(Side.PROCORE, shows("-")) == Known("-")


def test_a_spot_below_lines_leaves_them_and_a_line_leaves_the_others():
    whole, lined = ShownLens("custom_field_7", BELOW, is_one_line=False), ShownLens("custom_field_7", LINE)
    image = {"text": "Place: Roof\n\nSeen by Bo."}
    assert (whole.get(Side.FOURHSE, image), lined.get(Side.FOURHSE, image)) == (Known("Seen by Bo."), Known(None))
    assert whole.put(Side.FOURHSE, "Seen by Al.", image, {}) == {"text": "Place: Roof\n\nSeen by Al."}
    assert lined.put(Side.FOURHSE, "Mason", image, {}) == {"text": "Place: Roof\nTrade: Mason\n\nSeen by Bo."}
    assert lined.put(Side.FOURHSE, None, {"text": "Place: Roof\nTrade: Mason"}, {}) == {"text": "Place: Roof"}


def test_a_custom_text_is_written_flat_and_stays_html_where_it_is():
    lens = ShownLens("custom_field_7", Spot("code"))
    assert lens.put(Side.PROCORE, "a < b", shows("dry"), {}) == {"custom_field_7": "a < b"}
    assert lens.put(Side.PROCORE, "a < b", shows("<p>dry</p>"), {}) == {"custom_field_7": "<p>a &lt; b</p>"}
    assert lens.put(Side.PROCORE, None, shows("dry"), {}) == {"custom_field_7": ""}
    assert (lens.reads(Side.PROCORE), lens.names(Side.PROCORE)) == (
        ("custom_fields.custom_field_7.value",), ("custom_field_7",),
    )  # fmt: skip


def test_what_procore_sets_itself_is_never_written_there():
    with pytest.raises(Unwritable, match="Procore sets `number` itself"):
        ShownLens("number", Spot("code"), is_set_by_procore=True).put(Side.PROCORE, "9", {}, {})


# Numbers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("20.00", "20"),
        ("1E+2", "100"),
        (100, "100"),
        (2.5, "2.5"),
        ("-0", "0"),
        (0, "0"),
        (" 7 ", "7"),
        (None, None),
        ("", None),
    ],
)
def test_a_number_has_one_form(written, value):
    lens = DecimalLens("custom_field_7", Spot("code"))
    assert lens.get(Side.PROCORE, shows(written)) == Known(value)
    assert lens.get(Side.FOURHSE, {"code": written}) == Known(value)


@pytest.mark.parametrize("written", ["about 7", "7,5", "NaN", "Infinity", "true"])
def test_what_is_no_number_waits(written):
    reading = DecimalLens("custom_field_7", Spot("code")).get(Side.FOURHSE, {"code": written})
    assert isinstance(reading, Held)
    assert reading.word == written


def test_a_number_is_written_as_one_in_procore_and_as_digits_in_4hse():
    lens = DecimalLens("custom_field_7", Spot("code"))
    written = [lens.put(Side.PROCORE, value, {}, {})["custom_field_7"] for value in ("20", "2.5", None)]
    assert [(each, type(each)) for each in written] == [(20, int), (2.5, float), (None, type(None))]
    assert lens.put(Side.FOURHSE, "20", {}, {}) == {"code": "20"}


# Entries ---------------------------------------------------------------------------------------------------------


def single_entry() -> CustomWordLens:
    return CustomWordLens("custom_field_7", Spot("code"), TRADES)


def several() -> CustomWordsLens:
    return CustomWordsLens("custom_field_7", Spot("code"), TRADES)


def test_an_entry_is_known_by_id_or_label_and_yes_by_true():
    assert single_entry().get(Side.PROCORE, shows({"id": 101, "label": "Roofing"})) == Known("101")
    assert single_entry().get(Side.PROCORE, shows(True)) == Known("true")
    assert single_entry().get(Side.PROCORE, shows(None)) == Known(None)
    labels = CustomWordLens("custom_field_7", Spot("code"), WordList.of("trade", [("Roofer", "roofing")]))
    assert labels.get(Side.PROCORE, shows({"id": 101, "label": "Roofing"})) == Known("roofing")


@pytest.mark.parametrize(
    ("raw", "word"),
    [({"id": 103, "label": "Joinery"}, "Joinery"), (False, "false"), ([{"id": 101, "label": "Roofing"}], None)],
)
def test_an_entry_that_the_list_does_not_hold_waits(raw, word):
    reading = single_entry().get(Side.PROCORE, shows(raw))
    assert isinstance(reading, Held)
    assert reading.word == word or (word is None and "several words" in reading.reason)


def test_an_entry_is_written_by_id_and_yes_as_a_boolean():
    assert single_entry().put(Side.PROCORE, "101", {}, {}) == {"custom_field_7": 101}
    assert single_entry().put(Side.PROCORE, "true", {}, {}) == {"custom_field_7": True}
    assert single_entry().put(Side.PROCORE, "false", {}, {}) == {"custom_field_7": False}
    assert single_entry().put(Side.PROCORE, None, {}, {}) == {"custom_field_7": None}
    with pytest.raises(Unwritable, match="`Roofing` is a label"):
        single_entry().put(Side.PROCORE, "Roofing", {}, {})


def test_4hse_keeps_a_synonym_that_is_still_right():
    assert single_entry().put(Side.FOURHSE, "101", {"code": "slater"}, {}) == {"code": "slater"}
    assert single_entry().put(Side.FOURHSE, "101", {"code": "Mason"}, {}) == {"code": "Roofer"}


def test_several_entries_have_no_order_and_are_written_as_ids():
    record = shows([{"id": 102, "label": "Masonry"}, {"id": 101, "label": "Roofing"}])
    assert (
        several().get(Side.PROCORE, record)
        == several().get(Side.FOURHSE, {"code": "Slater; Mason"})
        == Known(("101", "102"))
    )
    assert several().get(Side.PROCORE, shows([])) == several().get(Side.FOURHSE, {"code": " "}) == Known(None)
    assert several().put(Side.PROCORE, ("101", "102"), {}, {}) == {"custom_field_7": [101, 102]}
    assert several().put(Side.PROCORE, None, {}, {}) == {"custom_field_7": []}
    assert several().put(Side.FOURHSE, ("101", "102"), {"code": "Slater"}, {}) == {"code": "Slater; Mason"}


def test_one_unknown_entry_of_several_waits():
    for side, image in ((Side.PROCORE, shows([{"id": 9, "label": "x"}])), (Side.FOURHSE, {"code": "Mason; Baker"})):
        assert isinstance(several().get(side, image), Held)
