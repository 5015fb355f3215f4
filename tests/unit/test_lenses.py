"""The laws of the lenses: what is put is got again, what is got can be put, and nothing else moves."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import available_timezones

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from procore_4hse.mapping.lenses import days, text
from procore_4hse.mapping.lenses.base import INJURED, STATUS_AT, ZONE, Held, Known, Lens, Unwritable
from procore_4hse.mapping.lenses.category import CategoryLens, Recorded
from procore_4hse.mapping.lenses.incident import TITLE_MAX, DayLens, StatusLens, TextLens, TitleLens, cut_title
from procore_4hse.models import Side
from routes import MAPPING, ROME

quick = settings(derandomize=True, max_examples=150)

TITLE = TitleLens("title", "name", overflow="description_event")
TEXT = TextLens("description", "description_event", title="name")
DAY = DayLens("event_date", "date_incident")
STATUS = StatusLens("status", "status")
CATEGORY = CategoryLens(
    "records",
    "category",
    (
        ("ACCIDENTS", "injury"),
        ("ACCIDENTS_AND_MISSED_INJURIES", "no injury"),
        ("NON_COMPLIANCE", "no injury"),
        ("REPORT_FAILURE", "not shared"),
    ),
)

ZONES = sorted(available_timezones() - {"localtime", "posixrules"})
PROCORE_ZONES = sorted(days._zone_names())
zones = st.one_of(
    st.sampled_from(ZONES), st.sampled_from(PROCORE_ZONES).map(lambda name: days.zone_name(None, name) or "")
)
dates = st.dates(date(1990, 1, 1), date(2100, 12, 31))
instants = st.integers(631_152_000, 4_133_980_800).map(lambda second: f"{datetime.fromtimestamp(second, UTC):%FT%T}")

letters = st.one_of(
    st.sampled_from(
        ["<A>", "<b>x</b>", "&amp;", '"', "'", "…", "e\u0301", "é", "שלום", "👩‍🚒", "\u200b", " ", "\u00a0"]
    ),
    st.characters(codec="utf-8", exclude_categories=["Cs"]),
)
lengths = st.one_of(st.integers(1, 12), st.integers(TITLE_MAX - 6, TITLE_MAX + 6), st.just(400))
long_titles = st.tuples(st.text("abcdeé שx", min_size=1, max_size=40), st.integers(TITLE_MAX + 1, 400)).map(
    lambda made: (made[0].strip() or "x") + "y" * made[1]
)
titles = st.one_of(
    st.lists(letters, min_size=1, max_size=12).map("".join),
    st.tuples(st.text("ab é😀", min_size=1, max_size=9), lengths).map(lambda made: (made[0] * made[1])[: made[1]]),
    long_titles,
)
bodies = st.one_of(
    st.none(),
    st.lists(st.one_of(letters, st.sampled_from(["\n", "\n\n", "\r\n"])), max_size=12).map("".join),
    st.lists(st.sampled_from(["one", "<br>", "&lt;A&gt;", " ", "<b>two</b>", "\n"]), max_size=6).map(
        lambda parts: "<p>" + "".join(parts) + "</p>"
    ),
)


def value_of(lens: Lens, side: Side, image: Mapping[str, Any]) -> Any:
    reading = lens.get(side, image)
    assert isinstance(reading, Known)
    return reading.value


def after(lens: Lens, side: Side, value: Any, image: Mapping[str, Any], **facts: Any) -> dict[str, Any]:
    """The image once the value is put."""
    zone = {ZONE: facts["zone"]} if "zone" in facts else {}
    return {**image, **lens.put(side, value, image, {**zone, STATUS_AT: facts.get("status_at")})}


def title_value(written: str) -> str:
    """What a written title means; titles that mean nothing, or need more room than HTML leaves, are no examples."""
    value = value_of(TITLE, Side.PROCORE, {"title": written})
    assume(value is not None and not text.is_html(value))
    return str(value)


def body_value(written: str | None) -> Any:
    return value_of(TEXT, Side.PROCORE, {"description": written})


# Text and title --------------------------------------------------------------------------------------------------


@given(bodies, bodies, bodies, st.sampled_from(Side))
@quick
def test_laws_of_plain_text(present: str | None, first: str | None, second: str | None, side: Side) -> None:
    lens = replace(TEXT, title=None)
    image = {lens.key(side): present, "code": "A-1"}
    a, b = body_value(first), body_value(second)
    got = value_of(lens, side, image)
    assert value_of(lens, side, after(lens, side, got, image)) == got
    once = after(lens, side, a, image)
    assert value_of(lens, side, once) == a
    assert after(lens, side, b, once) == after(lens, side, b, image) or text.is_html(once[lens.key(side)] or "")
    assert value_of(lens, side, after(lens, side, b, once)) == b
    assert once["code"] == "A-1"


@given(titles, titles, bodies, titles, bodies)
@quick
@example("x" * 300, "short", None, "y" * 256, "<p>seen by two</p>")
@example("x" * 255, "x" * 256, "a\n\nb", "x" * 257, None)
def test_laws_of_title_and_description_in_4hse(
    before: str, first: str, body: str | None, second: str, other: str | None
) -> None:
    """Each of the two is put and got as if the other were not there, whichever comes first."""
    side = Side.FOURHSE
    old, a, b = title_value(before), title_value(first), title_value(second)
    image = after(TITLE, side, old, after(TEXT, side, body_value(body), {}))
    assert (value_of(TITLE, side, image), value_of(TEXT, side, image)) == (old, body_value(body))
    assert after(TITLE, side, old, image) == image

    retitled = after(TITLE, side, a, image)
    assert (value_of(TITLE, side, retitled), value_of(TEXT, side, retitled)) == (a, body_value(body))
    assert after(TITLE, side, b, retitled) == after(TITLE, side, b, image)

    written = after(TEXT, side, body_value(other), retitled)
    assert (value_of(TITLE, side, written), value_of(TEXT, side, written)) == (a, body_value(other))
    swapped = after(TITLE, side, a, after(TEXT, side, body_value(other), image))
    assert (value_of(TITLE, side, swapped), value_of(TEXT, side, swapped)) == (a, body_value(other))
    assert len(written["name"]) <= TITLE_MAX


@given(titles, titles, st.text(max_size=300))
@quick
def test_laws_of_the_title_in_procore(before: str, first: str, present: str) -> None:
    side = Side.PROCORE
    a = title_value(first)
    image = {"title": present, "number": 7}
    once = after(TITLE, side, a, image)
    assert value_of(TITLE, side, once) == a
    assert once["number"] == 7
    assert after(TITLE, side, a, after(TITLE, side, title_value(before), image)) == once


def test_a_title_that_looks_like_html_is_got_as_it_was_put() -> None:
    for side in Side:
        assert value_of(TITLE, side, after(TITLE, side, "<p>a</p>", {})) == "<p>a</p>"


@pytest.mark.parametrize("length", [254, 255, 256, 300])
def test_a_title_is_cut_only_when_it_is_too_long(length: int) -> None:
    title = ("Fall from height " * 30)[:length].rstrip("F ").ljust(length, "x")
    image = after(TITLE, Side.FOURHSE, title, {"description_event": "He slipped."})
    cut = length > TITLE_MAX
    assert image["name"] == (title[:254].rstrip() + "…" if cut else title)
    assert image["description_event"] == (f"{title}\n\nHe slipped." if cut else "He slipped.")
    assert TITLE.was_cut(image) is cut


def test_a_long_title_goes_short_and_its_full_form_leaves_the_description() -> None:
    long = after(TITLE, Side.FOURHSE, "x" * 300, {"description_event": "<p>He <b>slipped</b>.</p>"})
    assert long["description_event"] == "<p>" + "x" * 300 + "<br><br>He slipped.</p>"
    short = after(TITLE, Side.FOURHSE, "Fall", long)
    assert short == {"name": "Fall", "description_event": "<p>He slipped.</p>"}
    assert not TITLE.was_cut(short)


def test_a_full_title_alone_in_the_description_is_no_description() -> None:
    image = after(TITLE, Side.FOURHSE, "x" * 300, {})
    assert image["description_event"] == "x" * 300
    assert value_of(TEXT, Side.FOURHSE, image) is None


def test_a_description_of_literal_markup_survives_under_a_cut_title() -> None:
    image = after(TITLE, Side.FOURHSE, "x" * 300, {})
    assert value_of(TEXT, Side.FOURHSE, after(TEXT, Side.FOURHSE, "<p>a</p>", image)) == "<p>a</p>"


@pytest.mark.parametrize(
    "edited", [{"name": "x" * 200 + "…"}, {"description_event": "rewritten"}, {"description_event": None}]
)
def test_editing_either_part_of_a_cut_title_changes_the_title(edited: dict[str, Any]) -> None:
    image = after(TITLE, Side.FOURHSE, "x" * 300, {"description_event": "below"})
    assert value_of(TITLE, Side.FOURHSE, {**image, **edited}) == {**image, **edited}["name"]


def test_a_first_line_that_does_not_begin_with_the_cut_title_is_description() -> None:
    image = {"name": cut_title("x" * 300), "description_event": "z" * 300 + "\n\nbelow"}
    assert value_of(TITLE, Side.FOURHSE, image) == image["name"]
    assert value_of(TEXT, Side.FOURHSE, image) == image["description_event"]


def test_without_a_description_row_a_title_stands_alone() -> None:
    lens = TitleLens("title", "name")
    image = {"name": "", "description_event": "kept"}
    assert after(lens, Side.FOURHSE, "x" * 300, image) == {"name": "x" * 300, "description_event": "kept"}
    assert not lens.was_cut(after(lens, Side.FOURHSE, "x" * 300, image))
    assert lens.reads(Side.FOURHSE) == ("name",)


def test_line_ends_in_a_title_count_as_blanks() -> None:
    assert value_of(TITLE, Side.PROCORE, {"title": "Fall\r\n\nfrom roof\n"}) == "Fall from roof"


@pytest.mark.parametrize("value", [None, ""])
def test_no_incident_is_written_without_a_title(value: str | None) -> None:
    with pytest.raises(Unwritable, match="title"):
        TITLE.put(Side.PROCORE, value, {}, {})


def test_a_server_that_trims_rewrites_a_text_and_a_title() -> None:
    assert TEXT.is_rewrite(" a  b ", "a b")
    assert TITLE.is_rewrite("a ", "a")
    assert not TITLE.is_rewrite("a", "b")


# Day -------------------------------------------------------------------------------------------------------------


@given(zones, instants, dates, dates, st.booleans())
@quick
def test_laws_of_the_day_in_procore(zone: str, moment: str, first: date, second: date, unknown: bool) -> None:
    side = Side.PROCORE
    image = {"event_date": f"{moment}.000Z", "time_unknown": unknown, ZONE: zone}
    assert after(DAY, side, value_of(DAY, side, image), image, zone=zone) == image
    assume(day_exists(first, zone) and day_exists(second, zone))
    once = after(DAY, side, first, image, zone=zone)
    assert value_of(DAY, side, once) == first
    assert once["time_unknown"] is unknown
    assert value_of(DAY, side, after(DAY, side, second, once, zone=zone)) == second


@given(zones, dates, dates)
@quick
@example("America/Los_Angeles", date(2025, 4, 1), date(2025, 1, 2))
def test_laws_of_a_day_that_was_sent_as_midnight_utc(zone: str, day: date, other: date) -> None:
    side = Side.PROCORE
    image = {"event_date": f"{day}T00:00:00Z", "time_unknown": True, ZONE: zone}
    assert value_of(DAY, side, image) == day
    assert after(DAY, side, day, image, zone=zone) == image
    assume(day_exists(other, zone))
    assert value_of(DAY, side, after(DAY, side, other, image, zone=zone)) == other


def test_a_day_of_unknown_time_never_becomes_midnight_utc_of_the_next_one() -> None:
    """Five in the afternoon, by the clock of the winter, is midnight UTC in summer."""
    image = {"event_date": "2025-01-03T00:00:01Z", "time_unknown": True, ZONE: "America/Los_Angeles"}
    at_five = {**image, "event_date": "2025-01-03T01:00:00Z"}
    moved = {
        one["event_date"]: after(DAY, Side.PROCORE, date(2025, 7, 1), one, zone=image[ZONE]) for one in (image, at_five)
    }
    assert [one["event_date"] for one in moved.values()] == ["2025-07-01T23:00:01Z", "2025-07-01T07:00:00Z"]
    known = {**at_five, "time_unknown": False}
    assert after(DAY, Side.PROCORE, date(2025, 7, 1), known, zone=image[ZONE])["event_date"] == "2025-07-02T00:00:00Z"


@given(zones, dates, dates)
@quick
@example("Pacific/Apia", date(2011, 12, 30), date(2011, 12, 31))
@example("America/Havana", date(2024, 3, 10), date(2024, 3, 11))
@example("Asia/Beirut", date(2022, 3, 27), date(2022, 3, 28))
@example("America/Sao_Paulo", date(2018, 11, 4), date(2018, 11, 3))
def test_no_day_moves_on_its_way_through_procore_and_back(zone: str, day: date, other: date) -> None:
    """4HSE's day makes a new Procore instant; got back it is the same day, and a zone's skipped day is refused."""
    if not day_exists(day, zone):
        with pytest.raises(Unwritable, match=f"{day} does not exist in {zone}"):
            DAY.put(Side.PROCORE, day, {}, {ZONE: zone})
        return
    image = {**after(DAY, Side.PROCORE, day, {}, zone=zone), ZONE: zone}
    assert image["time_unknown"] is True
    assert value_of(DAY, Side.PROCORE, image) == day
    back = after(DAY, Side.FOURHSE, day, {"date_incident": other.isoformat()}, zone=zone)
    assert back == {"date_incident": day.isoformat()}
    assert value_of(DAY, Side.FOURHSE, back) == day


def day_exists(day: date, zone: str) -> bool:
    return days.first_instant(day, zone) is not None


@pytest.mark.parametrize(
    ("zone", "moment", "day"),
    [
        ("Pacific/Honolulu", "2024-03-10T09:59:59Z", "2024-03-09"),
        ("Pacific/Honolulu", "2024-03-10T10:00:00Z", "2024-03-10"),
        ("America/Los_Angeles", "2024-03-10T07:59:59Z", "2024-03-09"),
        ("America/Los_Angeles", "2024-03-10T10:00:00Z", "2024-03-10"),
        ("America/Los_Angeles", "2024-11-03T07:00:00Z", "2024-11-03"),
        ("America/Los_Angeles", "2024-11-03T09:30:00Z", "2024-11-03"),
        ("America/Los_Angeles", "2024-11-04T07:59:59Z", "2024-11-03"),
        ("Europe/Rome", "2024-03-30T23:00:00Z", "2024-03-31"),
        ("Europe/Rome", "2024-03-31T21:59:59Z", "2024-03-31"),
        ("Europe/Rome", "2024-10-27T22:59:59Z", "2024-10-27"),
        ("Australia/Sydney", "2024-04-06T13:00:00Z", "2024-04-07"),
        ("Australia/Sydney", "2024-04-07T13:59:59Z", "2024-04-07"),
        ("Australia/Sydney", "2024-10-05T14:00:00Z", "2024-10-06"),
        ("Australia/Sydney", "2024-10-06T12:59:59Z", "2024-10-06"),
    ],
)
def test_nights_of_clock_changes(zone: str, moment: str, day: str) -> None:
    image = {"event_date": moment, "time_unknown": False, ZONE: zone}
    there = after(DAY, Side.FOURHSE, value_of(DAY, Side.PROCORE, image), {}, zone=zone)
    assert there == {"date_incident": day}
    assert after(DAY, Side.PROCORE, value_of(DAY, Side.FOURHSE, there), image, zone=zone) == image


def test_a_known_time_of_day_survives_a_change_of_the_day() -> None:
    image = {"event_date": "2024-07-01T20:30:00Z", "time_unknown": False, ZONE: "America/Los_Angeles"}
    moved = after(DAY, Side.PROCORE, date(2024, 12, 1), image, zone="America/Los_Angeles")
    assert moved == {**image, "event_date": "2024-12-01T21:30:00Z"}


def test_a_day_is_read_from_the_zone_of_its_own_image() -> None:
    image = {"event_date": "2024-07-01T05:00:00Z"}
    assert value_of(DAY, Side.PROCORE, {**image, ZONE: "Pacific/Honolulu"}) == date(2024, 6, 30)
    assert value_of(DAY, Side.PROCORE, {**image, ZONE: "Europe/Rome"}) == date(2024, 7, 1)


@pytest.mark.parametrize("written", [None, ""])
def test_a_missing_day_is_none_and_cannot_be_written(written: str | None) -> None:
    assert value_of(DAY, Side.PROCORE, {"event_date": written, ZONE: "UTC"}) is None
    assert value_of(DAY, Side.FOURHSE, {"date_incident": written}) is None
    with pytest.raises(Unwritable, match="day"):
        DAY.put(Side.FOURHSE, None, {}, {})


# Status ----------------------------------------------------------------------------------------------------------

CLOSING = {"zone": "Pacific/Honolulu", "status_at": "2024-07-01T05:00:00Z"}


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize("present", ["open", "closed", "new"])
@pytest.mark.parametrize("value", ["open", "closed"])
def test_laws_of_the_status(side: Side, present: str, value: str) -> None:
    image = {"status": "open" if side is Side.PROCORE and present == "new" else present, "date_closed": None, "code": 1}
    got = value_of(STATUS, side, image)
    assert value_of(STATUS, side, after(STATUS, side, got, image, **CLOSING)) == got
    once = after(STATUS, side, value, image, **CLOSING)
    assert value_of(STATUS, side, once) == value
    assert after(STATUS, side, value, once, **CLOSING)["status"] == once["status"]
    assert once["code"] == 1


def test_new_in_4hse_agrees_with_open_so_that_nothing_is_written() -> None:
    meanings = [value_of(STATUS, Side.FOURHSE, {"status": word}) for word in ("new", "open", "closed")]
    assert [STATUS.agree("open", meaning) for meaning in meanings] == [True, True, False]
    assert [STATUS.agree("closed", meaning) for meaning in meanings] == [False, False, True]


def test_a_new_open_incident_arrives_in_4hse_as_new() -> None:
    assert STATUS.put(Side.FOURHSE, "open", {}, {}) == {"status": "new"}


def test_opening_again_clears_the_day_of_closing() -> None:
    closed = {"status": "closed", "date_closed": "2024-01-01"}
    assert STATUS.put(Side.FOURHSE, "open", closed, {}) == {"status": "open", "date_closed": None}


def test_closing_sets_the_local_day_on_which_it_was_first_seen_closed() -> None:
    closed = after(STATUS, Side.FOURHSE, "closed", {"status": "new"}, **CLOSING)
    assert closed == {"status": "closed", "date_closed": "2024-06-30"}


def test_closing_needs_its_moment() -> None:
    with pytest.raises(Unwritable, match="day of closing"):
        STATUS.put(Side.FOURHSE, "closed", {}, {ZONE: "UTC", STATUS_AT: None})


@pytest.mark.parametrize(("side", "word"), [(Side.PROCORE, "new"), (Side.PROCORE, "void"), (Side.FOURHSE, "Open")])
def test_an_unknown_status_is_held_with_its_word(side: Side, word: str) -> None:
    reading = STATUS.get(side, {"status": word})
    assert isinstance(reading, Held)
    assert reading.word == word
    assert side.label in reading.reason


# Category --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("injured", [True, False])
@pytest.mark.parametrize("present", ["ACCIDENTS", "ACCIDENTS_AND_MISSED_INJURIES", "NON_COMPLIANCE", None])
def test_laws_of_the_category(injured: bool, present: str | None) -> None:
    """What is put agrees with the injuries it stands for; a word stays whatever agrees with it."""
    recorded = Recorded(injured)
    once = after(CATEGORY, Side.FOURHSE, recorded, {"category": present, "code": 1})
    assert CATEGORY.agree(recorded, value_of(CATEGORY, Side.FOURHSE, once))
    assert after(CATEGORY, Side.FOURHSE, recorded, once) == once
    assert once["code"] == 1


@pytest.mark.parametrize(
    ("injured", "word", "answer"),
    [
        (True, "ACCIDENTS", True),
        (True, "ACCIDENTS_AND_MISSED_INJURIES", False),
        (True, "NON_COMPLIANCE", False),
        (False, "ACCIDENTS", True),
        (False, "ACCIDENTS_AND_MISSED_INJURIES", True),
        (False, "NON_COMPLIANCE", True),
    ],
)
def test_injuries_agree_with_the_injury_word_alone(injured: bool, word: str, answer: bool) -> None:
    assert CATEGORY.agree(Recorded(injured), word) is answer


def test_the_first_word_of_a_meaning_is_written() -> None:
    assert CATEGORY.put(Side.FOURHSE, Recorded(True), {}, {}) == {"category": "ACCIDENTS"}
    assert CATEGORY.put(Side.FOURHSE, Recorded(False), {}, {}) == {"category": "ACCIDENTS_AND_MISSED_INJURIES"}


@pytest.mark.parametrize(("word", "reason"), [("Injury", "Injury"), (None, ""), ("", "")])
def test_an_unknown_or_missing_category_is_held(word: str | None, reason: str) -> None:
    reading = CATEGORY.get(Side.FOURHSE, {"category": word})
    assert isinstance(reading, Held)
    assert reading.word == reason


def test_a_word_that_is_not_shared_is_known_as_such() -> None:
    assert not CATEGORY.is_shared({"category": "REPORT_FAILURE"})
    assert CATEGORY.is_shared({"category": "ACCIDENTS"})
    assert CATEGORY.is_shared({"category": "Injury"})
    assert isinstance(CATEGORY.get(Side.FOURHSE, {"category": "REPORT_FAILURE"}), Held)


def test_incomplete_lists_are_no_evidence() -> None:
    reading = CATEGORY.get(Side.PROCORE, {INJURED: None})
    assert isinstance(reading, Held)
    assert reading.word is None


def test_the_category_never_writes_to_procore() -> None:
    assert [CATEGORY.writes(side) for side in Side] == [False, True]
    assert all(lens.writes(side) for lens in (TITLE, TEXT, DAY, STATUS) for side in Side)


@pytest.mark.parametrize("lens", [TITLE, TEXT, DAY, STATUS, CATEGORY])
@pytest.mark.parametrize("side", Side)
def test_a_lens_reads_every_key_that_it_looks_at(lens: Lens, side: Side) -> None:
    """An image cut down to `reads` means the same as the whole one: bases are kept in that form."""
    whole = {
        "title": "Fall",
        "name": cut_title("x" * 300),
        "description": "He slipped.",
        "description_event": "x" * 300 + "\n\nHe slipped.",
        "event_date": "2024-07-01T05:00:00Z",
        "date_incident": "2024-07-01",
        "status": "closed",
        "category": "ACCIDENTS",
        INJURED: True,
        ZONE: "Pacific/Honolulu",
    }
    assert lens.get(side, {key: whole.get(key) for key in lens.reads(side)}) == lens.get(side, whole)


@pytest.mark.parametrize("empty", ["", " \n", "<p></p>"])
@pytest.mark.parametrize("row", [*MAPPING.fields, *MAPPING.people, *MAPPING.equipment], ids=lambda row: row.key)
def test_an_empty_text_of_a_vendor_is_none_and_never_a_value(row, empty):
    for side in Side:
        image = dict.fromkeys(row.lens.reads(side), empty) | {ZONE: ROME, INJURED: None}
        reading = row.lens.get(side, image)
        assert isinstance(reading, Held) or reading.value not in ("", ())
