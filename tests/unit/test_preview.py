"""Fields on their way: what goes in, what comes out on the other side, and what would not come back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from procore_4hse.mapping.classes import FieldClass
from procore_4hse.mapping.directory import Directory
from procore_4hse.mapping.lenses.base import INJURED, Known
from procore_4hse.mapping.lenses.display import ShownLens
from procore_4hse.mapping.lenses.incident import TextLens
from procore_4hse.mapping.lenses.lines import Spot
from procore_4hse.mapping.picklists import Picklists
from procore_4hse.mapping.preview import FieldPreview, RoundTrip, previews
from procore_4hse.mapping.rules import Direction, Field
from procore_4hse.models import Image, Kind, Side
from routes import MAPPING, ROME, office, site

LIVE = Picklists(
    Directory({"7": "o7"}, {"o7": "7"}),
    {
        "affliction_types": {"31": {"id": 31, "name": "Frattura", "name_key": "fracture", "active": True}},
        "body_parts": {"41": {"id": 41, "name": "hand_left", "selectable": True}},
    },
)
INJURY = {
    "affected_party": {"id": 7, "name": "Ann Lee"},
    "affected_person": None,
    "work_days_absent": 3,
    "affliction_type": {"id": 31, "name": "Frattura"},
    "affected_body_parts": ["hand_left"],
    "filing_type": None,
    "description": "<p>Caught in the hoist.</p>",
}
LONG = "A very long title " * 20


def of_incident(side: Side, image: Any, partner: Any = None, rows: Any = MAPPING.fields) -> dict[str, FieldPreview]:
    return {field.row.key: field for field in previews(rows, side, image, ROME, partner)}


def of_person(side: Side, image: Any, partner: Any = None, **changes: Any) -> dict[str, FieldPreview]:
    rows = MAPPING.rows_for(Kind.INJURY, replace(LIVE, **changes))
    return {field.row.key: field for field in previews(rows, side, image, ROME, partner)}


def one_way(key: str, direction: Direction) -> tuple[Field, ...]:
    return tuple(replace(row, direction=direction) if row.key == key else row for row in MAPPING.fields)


# Incidents -------------------------------------------------------------------------------------------------------


def test_every_field_of_an_incident_tells_what_a_new_record_is_given() -> None:
    fields = of_incident(Side.PROCORE, site(**{INJURED: True}).image)
    assert {key: field.new for key, field in fields.items() if field.new is not None} == {
        "title": {"name": "Fall"},
        "description": {"description_event": "A worker fell."},
        "day": {"date_incident": "2026-02-10"},
        "status": {"status": "new"},
        "category": {"category": "ACCIDENTS"},
    }
    assert all(field.change is None for field in fields.values())


def test_raw_values_are_shown_without_what_we_derived() -> None:
    fields = of_incident(Side.PROCORE, site().image)
    assert fields["day"].raw == {"event_date": "2026-02-10T11:00:00Z", "time_unknown": False}
    assert fields["category"].raw == {}


@pytest.mark.parametrize(
    ("side", "image", "key", "lost"),
    [
        (Side.PROCORE, site().image, "title", {}),
        (
            Side.PROCORE,
            site().image,
            "day",
            {"event_date": ("2026-02-10T11:00:00Z", "2026-02-09T23:00:00Z"), "time_unknown": (False, True)},
        ),
        (
            Side.PROCORE,
            site(description="<p>A <b>worker</b> fell.</p>").image,
            "description",
            {"description": ("<p>A <b>worker</b> fell.</p>", "A worker fell.")},
        ),
        (Side.FOURHSE, office(status="open").image, "status", {"status": ("open", "new")}),
        (Side.FOURHSE, office().image, "status", {}),
    ],
)
def test_what_a_record_made_again_would_lose_is_named(side: Side, image: Any, key: str, lost: Any) -> None:
    field = of_incident(side, image)[key]
    assert (field.lost, field.round_trip) == (lost, RoundTrip.LOSSY if lost else RoundTrip.SAME)


@pytest.mark.parametrize("side", Side)
def test_a_long_title_and_the_text_below_it_come_back_together(side: Side) -> None:
    title, text = LONG.strip(), "What happened."
    ours = site(title=title, description=text).image
    cut = of_incident(Side.PROCORE, ours)
    theirs = office(**{**cut["title"].new, **cut["description"].new}).image  # type: ignore[dict-item]
    fields = of_incident(side, ours if side is Side.PROCORE else theirs)
    assert {key: fields[key].reading for key in ("title", "description")} == {
        "title": Known(title),
        "description": Known(text),
    }
    assert {fields[key].round_trip for key in ("title", "description")} == {RoundTrip.SAME}
    assert theirs["description_event"] == f"{title}\n\n{text}"


def test_only_what_differs_is_sent_to_the_linked_record() -> None:
    fields = of_incident(Side.PROCORE, site(title="Slip").image, office().image)
    assert fields["title"].change == {"name": "Slip"}
    assert {key for key, field in fields.items() if field.change} == {"title"}
    assert fields["status"].change == {}, "new and open agree, although a new record would say new"


def test_the_linked_record_keeps_what_the_value_does_not_speak_about() -> None:
    day = of_incident(Side.FOURHSE, office(date_incident="2026-02-12").image, site().image)["day"]
    assert day.new == {"event_date": "2026-02-11T23:00:00Z", "time_unknown": True}
    assert day.change == {"event_date": "2026-02-12T11:00:00Z"}, "at the same time of day"


def test_a_word_that_nobody_knows_stays_with_its_reason() -> None:
    fields = of_incident(Side.FOURHSE, office(status="odd", category="FIRE").image)
    for key, word in (("status", "odd"), ("category", "FIRE")):
        assert (fields[key].new, fields[key].round_trip) == (None, RoundTrip.STAYS)
        assert word in fields[key].why


def test_a_field_stays_where_it_does_not_travel() -> None:
    rows = one_way("description", Direction.TO_PROCORE)
    ours = of_incident(Side.PROCORE, site().image, office().image, rows)["description"]
    assert (ours.new, ours.change, ours.why) == (None, None, "this field does not travel to 4HSE")
    theirs = of_incident(Side.FOURHSE, office().image, site().image, rows)["description"]
    assert theirs.new == {"description": "A worker fell."}
    assert of_incident(Side.FOURHSE, office().image)["category"].why == "this field does not travel to Procore"


def test_what_privacy_keeps_home_says_so() -> None:
    rows = MAPPING.within({FieldClass.HEALTH: Direction.TO_PROCORE}).rows_for(Kind.INJURY, LIVE)
    ours = {field.row.key: field for field in previews(rows, Side.PROCORE, INJURY, ROME)}
    assert (ours["days"].new, ours["days"].why) == (None, "left out: health may not cross to 4HSE")
    assert ours["person"].new == {"person_office_id": "o7"}
    theirs = {
        field.row.key: field for field in previews(rows, Side.FOURHSE, {"person_office_id": "o7", "days": 3}, ROME)
    }
    assert theirs["days"].new == {"work_days_absent": 3}


def test_what_a_vendor_sets_goes_only_into_an_empty_field() -> None:
    lens = TextLens("number", "code")
    row = Field("number", "Number", lens, direction=Direction.TO_FOURHSE, fills_only=True)
    image = {"number": "7"}
    (empty,) = previews([row], Side.PROCORE, image, ROME, {"code": ""})
    (taken,) = previews([row], Side.PROCORE, image, ROME, {"code": "HSE-1"})
    assert (empty.new, empty.change) == ({"code": "7"}, {"code": "7"})
    assert (taken.new, taken.change) == ({"code": "7"}, None)


def test_a_custom_field_is_read_wrapped_and_written_flat() -> None:
    row = Field("custom_field_12", "Crew", ShownLens("custom_field_12", Spot("description_actions_involved")))
    record = {"custom_fields": {"custom_field_12": {"data_type": "string", "value": "Night shift"}}}
    (ours,) = previews([row], Side.PROCORE, record, ROME, {"description_actions_involved": None})
    assert ours.new == ours.change == {"description_actions_involved": "Night shift"}
    (theirs,) = previews([row], Side.FOURHSE, {"description_actions_involved": "Day shift"}, ROME, record)
    assert theirs.new == theirs.change == {"custom_field_12": "Day shift"}
    assert {ours.round_trip, theirs.round_trip} == {RoundTrip.SAME}


def test_an_empty_value_is_no_value() -> None:
    description = of_incident(Side.PROCORE, site(description=None).image)["description"]
    assert (description.new, description.why, description.round_trip) == (None, "", RoundTrip.EMPTY)


def test_an_empty_value_empties_the_linked_record() -> None:
    description = of_incident(Side.PROCORE, site(description=None).image, office().image)["description"]
    assert description.change == {"description_event": ""}


def test_what_has_no_form_there_stays() -> None:
    status = of_incident(Side.PROCORE, site(status="closed", **{"@status_at": None}).image)["status"]
    assert (status.new, status.why) == (None, "the day of closing is not known")


def test_what_cannot_be_emptied_stays() -> None:
    title = of_incident(Side.PROCORE, site(title=None).image, office().image)["title"]
    assert (title.change, title.why, title.round_trip) == (None, "an incident needs a title", RoundTrip.STAYS)


class Shouting(TextLens):
    """Writes in capital letters, and so does not keep its word."""

    def put(self, side: Side, value: Any, current: Image, facts: Image) -> dict[str, Any]:
        return {self.key(side): str(value).upper()}


def test_a_value_that_means_something_else_there_is_told() -> None:
    row = Field("description", "Description", Shouting("description", "description_event"))
    (field,) = previews([row], Side.PROCORE, site().image, ROME)
    assert (field.round_trip, field.back) == (RoundTrip.CHANGED, Known("A WORKER FELL."))


# People ----------------------------------------------------------------------------------------------------------


def test_a_person_and_an_injury_come_back_from_ids_and_named_lines() -> None:
    there = of_person(Side.PROCORE, INJURY)
    assert there["person"].new == {"person_office_id": "o7"}
    assert there["days"].new == {"days": 3}
    written = there["person_affliction_type"].new
    assert written == {"description": "Affliction: Fracture\nBody parts: Left hand\n\nCaught in the hoist."}
    trips = {key: field.round_trip for key, field in there.items()}
    assert {key for key, trip in trips.items() if trip is RoundTrip.EMPTY} == {
        "person_filing_type", "person_date_returned_to_work", "person_date_of_death", "person_treatment_facility",
        "person_work_days_restricted", "person_work_days_transferred", "person_treated_in_er",
        "person_hospitalized_overnight", "person_recordable",
    }  # fmt: skip
    assert set(trips.values()) == {RoundTrip.SAME, RoundTrip.EMPTY}

    back = of_person(Side.FOURHSE, {"person_office_id": "o7", "days": 3, **(written or {})})
    assert back["person"].new == {"affected_party_id": 7}
    assert back["person_affliction_type"].new == {"affliction_type_id": 31}
    assert back["person_affected_body_parts"].new == {"body_part_ids": [41]}
    trips = {key: field.round_trip for key, field in back.items() if field.new is not None}
    assert set(trips.values()) == {RoundTrip.SAME}
    assert "person_affected_body_parts" in trips


def test_a_person_without_a_partner_stays() -> None:
    person = of_person(Side.PROCORE, INJURY, directory=Directory())["person"]
    assert (person.new, person.why) == (None, "this person has no partner in the 4HSE office")
