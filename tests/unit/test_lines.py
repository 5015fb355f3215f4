"""Named lines above a text, on both sides: what is put is got again, what is got can be put, and the rest stays."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from procore_4hse.mapping.lenses import markup, text
from procore_4hse.mapping.lenses.base import Held, Known, Unwritable
from procore_4hse.mapping.lenses.display import EntryLens, ShownLens
from procore_4hse.mapping.lenses.incident import TextLens
from procore_4hse.mapping.lenses.lines import Spot, split_lines
from procore_4hse.mapping.lenses.typed import COUNT, DAY, YES_OR_NO, TypedLens
from procore_4hse.mapping.picklists import Picklists
from procore_4hse.models import Side
from procore_4hse.reconcile.diff import Verdict, diff_field
from routes import MAPPING

quick = settings(derandomize=True, max_examples=150)

LABELS = ("Reporter", "Code", "Actions taken")
REPORTER, CODE = (
    ShownLens("description", Spot(key), is_one_line=False, site=Spot("description", label, LABELS))
    for key, label in (("deponent", "Reporter"), ("code", "Code"))
)
BODY = TextLens("description", "description_event", site_labels=LABELS)
DAYS, RETURN, EMERGENCY = (
    TypedLens(name, Spot("description", label, ("Days", "Return", "Emergency")), form)
    for name, label, form in (
        ("work_days_restricted", "Days", COUNT),
        ("date_returned_to_work", "Return", DAY),
        ("treated_in_er", "Emergency", YES_OR_NO),
    )
)
words = st.text("abc é:-<>&1", max_size=12)
plain = st.lists(
    st.sampled_from(["one", "two", "\n", "\n\n", " ", "Code: 7", "Reporter: B", "reporter : c", "-", "<A>"])
)
marked = st.lists(st.sampled_from(["one", "<b>two</b>", "<br>", "Code: 7", " ", "&amp;"]), max_size=6).map(
    lambda parts: "<p>" + "".join(parts) + "</p><ul><li>x <i>y</i></li></ul>"
)
texts = st.one_of(st.none(), plain.map("".join), marked)


def value(lens: Any, side: Side, image: Mapping[str, Any]) -> Any:
    reading = lens.get(side, image)
    assert isinstance(reading, Known)
    return reading.value


def after(lens: Any, side: Side, said: Any, image: Mapping[str, Any]) -> dict[str, Any]:
    return {**image, **lens.put(side, said, image, {})}


# Laws ------------------------------------------------------------------------------------------------------------


@given(texts, words, words, st.sampled_from((REPORTER, CODE)), st.sampled_from(Side))
@quick
@example("<p>He <b>fell</b>.</p>", "A", "B", REPORTER, Side.PROCORE)
@example("Reporter: A\nCode: 1", "-", "", CODE, Side.PROCORE)
def test_laws_of_a_line_that_people_write(
    present: str | None, one: str, other: str, lens: ShownLens, side: Side
) -> None:
    image = {"description": present, lens.spot.key: present}
    neighbours = [each for each in (REPORTER, CODE, BODY) if each is not lens]
    before = [value(each, Side.PROCORE, image) for each in neighbours]
    a, b = lens.plain(one), lens.plain(other)
    got = value(lens, side, image)
    assert value(lens, side, after(lens, side, got, image)) == got
    once = after(lens, side, a, image)
    assert value(lens, side, once) == a
    assert value(lens, side, after(lens, side, b, once)) == b
    if side is Side.PROCORE:
        assert [value(each, Side.PROCORE, once) for each in neighbours] == before


@given(texts, plain.map("".join), words)
@quick
def test_a_text_below_lines_is_put_and_got_as_if_they_were_not_there(
    present: str | None, said: str, reporter: str
) -> None:
    image = after(REPORTER, Side.PROCORE, REPORTER.plain(reporter), {"description": present})
    body = text.canonical(said)
    written = after(BODY, Side.PROCORE, body, image)
    assert value(BODY, Side.PROCORE, written) == body
    assert value(REPORTER, Side.PROCORE, written) == REPORTER.plain(reporter)


@pytest.mark.parametrize(
    ("lens", "values"),
    [(DAYS, (None, 1, 400)), (RETURN, (None, date(2026, 3, 12))), (EMERGENCY, (None, True))],
    ids=["a count", "a day", "yes or no"],
)
@given(texts, st.data())
@quick
def test_laws_of_typed_lines(
    lens: TypedLens, values: tuple[Any, ...], present: str | None, data: st.DataObject
) -> None:
    image = {"description": present}
    others = [each for each in (DAYS, RETURN, EMERGENCY) if each is not lens]
    before = [value(each, Side.FOURHSE, image) for each in others]
    a, b = (data.draw(st.sampled_from(values)) for _ in range(2))
    once = after(lens, Side.FOURHSE, a, image)
    assert value(lens, Side.FOURHSE, once) == a
    assert value(lens, Side.FOURHSE, after(lens, Side.FOURHSE, b, once)) == b
    assert [value(each, Side.FOURHSE, once) for each in others] == before
    assert value(lens, Side.PROCORE, after(lens, Side.PROCORE, a, {})) == a


@given(marked, words)
@quick
def test_a_line_above_markup_leaves_the_markup(present: str, said: str) -> None:
    image = {"description": present}
    reporter = REPORTER.plain(said)
    there = after(REPORTER, Side.PROCORE, reporter, image)["description"]
    if value(CODE, Side.PROCORE, image) is None:
        assert there.endswith(present)
    assert value(BODY, Side.PROCORE, {"description": there}) == value(BODY, Side.PROCORE, image)
    back = after(REPORTER, Side.PROCORE, None, {"description": there})["description"]
    assert value(BODY, Side.PROCORE, {"description": back}) == value(BODY, Side.PROCORE, image)


@given(
    st.lists(st.sampled_from(["one", "two", "three", "\n"]), max_size=9),
    st.lists(st.sampled_from(["one", "two", "four"])),
)
@quick
def test_words_keep_the_line_ends_that_stood_behind_them(like: list[str], said: list[str]) -> None:
    line = " ".join(said)
    assert text.respaced(line, " ".join(like)).split() == said


def test_a_text_of_several_lines_is_edited_on_its_line() -> None:
    office = {"deponent": "The ladder was replaced.\nThe crew was told."}
    said = "The ladder was thrown away. The crew was told. And so on."
    written = REPORTER.put(Side.FOURHSE, said, office, {})
    assert written == {"deponent": "The ladder was thrown away.\nThe crew was told. And so on."}


# Forms -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lens", "written", "then"),
    [
        (DAYS, "Days: 0", None),
        (DAYS, "Days: -", None),
        (DAYS, "days : 12", 12),
        (RETURN, "Return: 2026-03-12", date(2026, 3, 12)),
        (EMERGENCY, "Emergency: Sì", True),
        (EMERGENCY, "Emergency: no", None),
        (EMERGENCY, "Nothing.", None),
    ],
)
def test_forms_that_people_write(lens: TypedLens, written: str, then: Any) -> None:
    assert lens.get(Side.FOURHSE, {"description": written}) == Known(then)


@pytest.mark.parametrize(
    ("lens", "written"),
    [(DAYS, "Days: -3"), (DAYS, "Days: some"), (RETURN, "Return: 12/03/2026"), (EMERGENCY, "Emergency: perhaps")],
)
def test_what_has_no_form_of_its_type_is_held_with_its_word(lens: TypedLens, written: str) -> None:
    reading = lens.get(Side.FOURHSE, {"description": written})
    assert isinstance(reading, Held)
    assert reading.word == written.partition(": ")[2]
    assert lens.form.what in reading.reason


@pytest.mark.parametrize(("raw", "then"), [(False, None), (True, True), (None, None)])
def test_a_flag_of_procores(raw: object, then: object) -> None:
    assert EMERGENCY.get(Side.PROCORE, {"treated_in_er": raw}) == Known(then)
    assert isinstance(DAYS.get(Side.PROCORE, {"work_days_restricted": True}), Held)


def test_a_description_that_cannot_be_read_is_asked_about_once() -> None:
    readings = [lens.get(Side.PROCORE, {"description": ["x"]}) for lens in (REPORTER, CODE, BODY)]
    assert [isinstance(reading, Held) and reading.word for reading in readings] == [None, None, "['x']"]


# Entries ---------------------------------------------------------------------------------------------------------

ROWS = [
    ("hazards", {"id": 1, "name": "Open edge", "name_key": "open_edge"}),
    ("hazards", {"id": 2, "name": "Hole", "active": False}),
    ("hazards", {"id": 3, "name": "Twice"}),
    ("hazards", {"id": 4, "name": "twice"}),
]
HAZARD = replace(
    EntryLens("hazard", Spot("code"), picker="hazards"), picklists=Picklists.of(Picklists().directory, ROWS)
)


@pytest.mark.parametrize("said", ["Open edge", "open  EDGE", "open-edge"])
def test_an_entry_is_written_by_its_id_and_agrees_in_any_case(said: str) -> None:
    named = value(HAZARD, Side.FOURHSE, {"code": said})
    assert HAZARD.put(Side.PROCORE, named, {}, {}) == {"hazard_id": 1}
    assert HAZARD.agree("Open edge", named)


@pytest.mark.parametrize("said", ["Hole", "Twice", "Pit", "1"], ids=["out of use", "two", "unknown", "an id"])
def test_what_the_list_does_not_name_has_no_form_in_procore(said: str) -> None:
    with pytest.raises(Unwritable, match=f"list of hazards has no active `{said}`"):
        HAZARD.put(Side.PROCORE, said, {}, {})


def test_an_entry_that_is_taken_away_is_taken_away_in_procore() -> None:
    assert HAZARD.put(Side.PROCORE, None, {"hazard": {"id": 1, "name": "Open edge"}}, {}) == {"hazard_id": None}


# Rows ------------------------------------------------------------------------------------------------------------


def test_a_day_of_return_is_not_written_to_an_injury_that_is_there() -> None:
    row = MAPPING.by_key["person_date_returned_to_work"]
    ours, theirs = {"date_returned_to_work": None}, {"description": "Return to work: 2026-02-20"}
    base = row.base_of(ours, {"description": ""})
    found = diff_field(row, ours, theirs, base)
    assert (found.verdict, found.to) == (Verdict.CONFLICT, None)
    assert found.reason == "changed in 4HSE, and Procore takes it with a new record alone"
    assert (row.writes_to(Side.PROCORE), row.updates(Side.PROCORE), row.updates(Side.FOURHSE)) == (True, False, True)


def test_a_paragraph_of_lines_reads_as_lines() -> None:
    written = "<p>Reporter: A &amp; B<br>Code: 7</p><p>He fell.</p>"
    assert split_lines(written, LABELS).lines == {"Reporter": "A & B", "Code": "7"}
    assert "He fell." in markup.plain(written)


def test_lines_that_a_server_wraps_in_a_paragraph_are_read_as_they_were_sent():
    sent = "Reporter: Jo & Kim\nCase number: 7\n\nA ladder\nslipped."
    stored = f"<p>{sent.replace('&', '&amp;')}</p>"
    labels = ("Reporter", "Case number")
    assert split_lines(stored, labels) == split_lines(sent, labels)
    assert split_lines("<p>A ladder\nslipped.</p>", labels).body == "A ladder slipped."
