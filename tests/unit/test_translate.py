"""One record through the default mapping: what it means, and what is written for it."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from procore_4hse.mapping.lenses.base import INJURED, NO_RECORDS, STATUS_AT, UNNAMED, ZONE, Held, Known, Unwritable
from procore_4hse.mapping.loader import load
from procore_4hse.mapping.rules import Direction
from procore_4hse.mapping.translate import canonical, facts_of, keeps_part, new_payload, payload, shows
from procore_4hse.models import Act, Action, Kind, Side
from routes import NOTHING_UNNAMED

MAPPING = load(Path(__file__).parents[2] / "mappings" / "default")
HONOLULU = "Pacific/Honolulu"

PROCORE: dict[str, Any] = {
    "title": "Fall from ladder",
    "description": "<p>He <b>slipped</b> &amp; fell.</p>",
    "event_date": "2024-03-10T09:30:00Z",
    "time_unknown": False,
    "status": "open",
    "number": 7,
    **NO_RECORDS,
    UNNAMED: NOTHING_UNNAMED,
    ZONE: HONOLULU,
    STATUS_AT: "2024-03-12T05:00:00Z",
}
FOURHSE: dict[str, Any] = {
    "name": "Fall from ladder",
    "description_event": "He slipped & fell.",
    "date_incident": "2024-03-09",
    "status": "new",
    "date_closed": None,
    "category": "NON_COMPLIANCE",
    "code": "A-1",
    STATUS_AT: "2024-03-12T05:00:00Z",
}


def values(*keys: str, side: Side, image: dict[str, Any]) -> list[tuple[Any, Any]]:
    means = canonical(MAPPING, side, image)
    pairs = []
    for key in keys:
        reading = means[key]
        assert isinstance(reading, Known)
        pairs.append((MAPPING.by_key[key], reading.value))
    return pairs


def test_both_images_mean_the_same_incident() -> None:
    left, right = (canonical(MAPPING, side, image) for side, image in zip(Side, (PROCORE, FOURHSE), strict=True))
    for field in MAPPING.fields:
        key = field.key
        here, there = left[key], right[key]
        assert isinstance(here, Known)
        assert isinstance(there, Known)
        assert field.lens.agree(here.value, there.value) == (key != "line_code"), key


def test_a_new_4hse_incident() -> None:
    assert new_payload(MAPPING.fields, Side.FOURHSE, PROCORE, HONOLULU) == {
        "name": "Fall from ladder",
        "description_event": "He slipped & fell.",
        "date_incident": "2024-03-09",
        "status": "new",
        "category": "ACCIDENTS_AND_MISSED_INJURIES",
    }


def test_a_new_4hse_incident_that_is_closed_already_and_has_an_injury() -> None:
    written = new_payload(MAPPING.fields, Side.FOURHSE, {**PROCORE, "status": "closed", INJURED: True}, HONOLULU)
    assert (written["status"], written["date_closed"], written["category"]) == ("closed", "2024-03-11", "ACCIDENTS")


def test_a_new_procore_incident_has_no_known_time_and_no_records() -> None:
    assert new_payload(MAPPING.fields, Side.PROCORE, FOURHSE, HONOLULU) == {
        "title": "Fall from ladder",
        "description": "Code: A-1\n\nHe slipped & fell.",
        "event_date": "2024-03-09T10:00:00Z",
        "time_unknown": True,
        "status": "open",
    }


def test_an_empty_description_is_not_written_with_a_new_incident() -> None:
    assert "description" not in new_payload(
        MAPPING.fields, Side.PROCORE, {**FOURHSE, "description_event": " ", "code": None}, HONOLULU
    )


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"title": " "}, "Procore shows no title, and 4HSE needs one"),
        ({"event_date": None}, "Procore shows no day, and 4HSE needs one"),
        ({"status": "void"}, "status 'void'"),
        ({INJURED: None}, "record lists are not complete"),
        ({"status": "closed", STATUS_AT: None}, "day of closing is not known"),
    ],
)
def test_an_incident_that_cannot_be_told_is_not_made(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(Unwritable, match=said):
        new_payload(MAPPING.fields, Side.FOURHSE, {**PROCORE, **changed}, HONOLULU)


def test_a_day_that_the_zone_skipped_is_not_written() -> None:
    with pytest.raises(Unwritable, match="2011-12-30 does not exist in Pacific/Apia"):
        new_payload(MAPPING.fields, Side.PROCORE, {**FOURHSE, "date_incident": "2011-12-30"}, "Pacific/Apia")


def test_an_unknown_category_is_held_and_the_other_fields_are_told() -> None:
    means = canonical(MAPPING, Side.FOURHSE, {**FOURHSE, "category": "Fire"})
    assert [key for key, reading in means.items() if isinstance(reading, Held)] == ["category"]


def test_a_route_of_one_direction_leaves_the_other_side_alone() -> None:
    narrowed = MAPPING.narrowed(Direction.TO_FOURHSE)
    assert new_payload(narrowed.fields, Side.PROCORE, FOURHSE, HONOLULU) == {}
    assert new_payload(narrowed.fields, Side.FOURHSE, PROCORE, HONOLULU) == new_payload(
        MAPPING.fields, Side.FOURHSE, PROCORE, HONOLULU
    )


def test_facts_are_the_zone_and_the_moment_of_the_status() -> None:
    assert facts_of(PROCORE, "UTC") == {ZONE: "UTC", STATUS_AT: "2024-03-12T05:00:00Z"}
    assert facts_of({}, "UTC") == {ZONE: "UTC", STATUS_AT: None}


def test_nothing_but_the_named_fields_is_written() -> None:
    facts = facts_of(FOURHSE, HONOLULU)
    moved = values("day", side=Side.FOURHSE, image={**FOURHSE, "date_incident": "2024-03-20"})
    assert payload(Side.PROCORE, moved, PROCORE, facts) == {"event_date": "2024-03-21T09:30:00Z"}


TITLES = ["Fall", "x" * 255, "y" * 256, "Fall " * 80 + "end"]
BODIES = [None, "He slipped.", "one\n\ntwo", "z" * 300]


@given(*[st.sampled_from(TITLES)] * 2, *[st.sampled_from(BODIES)] * 2, st.permutations(["title", "description"]))
@settings(derandomize=True, max_examples=200)
def test_title_and_description_may_change_together_in_any_order(
    title: str, new_title: str, body: str | None, new_body: str | None, order: list[str]
) -> None:
    before = {"title": title, "description": body}
    wanted = {"title": new_title, "description": new_body}
    image = payload(Side.FOURHSE, values("title", "description", side=Side.PROCORE, image=before), {}, {})
    image |= payload(Side.FOURHSE, values(*order, side=Side.PROCORE, image=wanted), image, {})
    assert len(image["name"]) <= 255
    means = canonical(MAPPING, Side.FOURHSE, image)
    assert (means["title"], means["description"]) == (Known(new_title), Known(new_body))


TOLD = "A worker fell from a ladder."


def sent(**fields: Any) -> Action:
    """A create in 4HSE of an incident with this text."""
    source = {"title": "Fall", "description": TOLD}
    whole = {"name": "Fall", "description_event": TOLD, **fields}
    rows = {"title": {"title": source["title"]}, "description": {"description": source["description"]}}
    return Action(Act.CREATE, Side.FOURHSE, Kind.INCIDENT, None, "1", "new", fields=whole, sources=rows)


@pytest.mark.parametrize(
    ("shown", "is_known", "is_any_part"),
    [
        (TOLD, True, True),
        ("A worker fell", True, True),
        ("A worker", False, True),
        ("", False, True),
        (None, False, True),
        ("Another text altogether", False, False),
        (["A worker fell"], False, False),
    ],
)
def test_a_record_is_known_by_ten_letters_of_its_text(shown: Any, is_known: bool, is_any_part: bool) -> None:
    image = {"name": "Fall", "description_event": shown}
    assert shows(MAPPING.fields, sent(), image) is is_known
    assert shows(MAPPING.fields, sent(), image, least=0) is is_any_part


def test_a_short_text_is_known_by_all_its_letters() -> None:
    assert shows(MAPPING.fields, sent(), {"name": "Fall", "description_event": TOLD})
    assert not shows(MAPPING.fields, sent(), {"name": "Fal", "description_event": TOLD})


def test_a_value_that_is_no_text_is_there_whole_or_not_at_all() -> None:
    assert not keeps_part(MAPPING.by_key["day"], sent(date_incident=7), {"date_incident": None})
    assert not keeps_part(MAPPING.by_key["day"], sent(), {"date_incident": None})
