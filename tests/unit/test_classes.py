"""The class of a field: the table, what a row may say, and what is left of a mapping when classes may not cross."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from shutil import copytree

import pytest

from procore_4hse.errors import MappingError
from procore_4hse.mapping.classes import CLASSES, FieldClass, own_class
from procore_4hse.mapping.lenses.base import INJURED
from procore_4hse.mapping.loader import load
from procore_4hse.mapping.rules import Direction, Field
from procore_4hse.mapping.translate import new_payload
from procore_4hse.mapping.vendor_fields import INCIDENT_FIELDS, PERSON_FIELDS
from procore_4hse.models import Side
from procore_4hse.reconcile.diff import Verdict, diff_field
from routes import MAPPING, ROME, link, office, site

FOLDER = Path(__file__).parents[2] / "mappings" / "default"
HEALTH, IDENTITY, PLAIN = FieldClass.HEALTH, FieldClass.IDENTITY, FieldClass.PLAIN
NOWHERE, TO_PROCORE, TO_FOURHSE = Direction.NONE, Direction.TO_PROCORE, Direction.TO_FOURHSE
DESCRIPTION = replace(next(row for row in MAPPING.fields if row.key == "description"), privacy=HEALTH)
CATEGORY = replace(next(row for row in MAPPING.fields if row.key == "category"), privacy=HEALTH)
DAYS = next(row for row in MAPPING.people if row.key == "days")
FILING = next(row for row in MAPPING.people if row.key == "person_filing_type")


def edited(folder: Path, file: str, old: str, new: str) -> Path:
    """A copy of the default mapping with one text changed."""
    copytree(FOLDER, folder)
    text = (folder / file).read_text(encoding="utf-8")
    assert old in text
    (folder / file).write_text(text.replace(old, new, 1), encoding="utf-8")
    return folder


# The class of a row ----------------------------------------------------------------------------------------------


def test_each_row_of_the_default_mapping_has_the_class_of_its_field() -> None:
    classes = {row.label: row.privacy.value for row in (*MAPPING.fields, *MAPPING.people)}
    assert {label: word for label, word in classes.items() if word != "plain"} == {
        "Reporter": "identity",
        "Injuries without a name": "health",
        "Near misses without a name": "health",
        "Person": "identity",
        "Days of absence": "health",
        "Affliction": "health",
        "Body parts": "health",
        "Filing type": "health",
        "Restricted days": "health",
        "Transferred days": "health",
        "Return to work": "health",
        "Death": "health",
        "Emergency room": "health",
        "Overnight stay": "health",
        "Treatment facility": "health",
        "Recordable": "health",
        "Description of the person": "health",
    }
    assert {"Title", "Description", "Day", "Status", "Category"} <= {
        label for label in classes if classes[label] == "plain"
    }


@pytest.mark.parametrize(
    ("record", "procore", "fourhse", "word"),
    [
        ("incident", "created_by", "code", "identity"),
        ("incident", "description", "deponent", "identity"),
        ("incident", "location_id", "code", "location"),
        ("incident", "location_id", "deponent", "identity"),
        ("incident", "custom_field_7", "code", "plain"),
        ("person", "work_activity", "description", "health"),
        ("another", "x", "y", "plain"),
    ],
)
def test_the_higher_class_of_the_two_fields_counts(record: str, procore: str, fourhse: str, word: str) -> None:
    assert own_class(record, procore, fourhse) == word


def test_a_named_line_has_the_class_of_procore_s_field_alone() -> None:
    assert own_class("person", "work_activity", "description", on_a_line=True) is PLAIN
    assert own_class("person", "affliction_type", "description", on_a_line=True) is HEALTH


def test_the_table_names_fields_that_the_vendors_document() -> None:
    documented = {"incident": INCIDENT_FIELDS, "person": PERSON_FIELDS}
    unknown = {
        name
        for record, columns in CLASSES.items()
        for column, names in columns.items()
        for name in names.keys() - documented[record][column]
    }
    assert unknown <= {"affected_person", "location"}, "two objects that Procore shows beside an id"


def test_a_row_may_raise_its_class(tmp_path: Path) -> None:
    mapping = load(
        edited(tmp_path / "mine", "incident.yaml", "    using: text\n", "    using: text\n    class: health\n")
    )
    assert {row.key: row.privacy for row in mapping.fields}["description"] is HEALTH


def test_a_row_may_not_lower_its_class(tmp_path: Path) -> None:
    folder = edited(tmp_path / "mine", "people.yaml", "    using: number\n", "    using: number\n    class: identity\n")
    with pytest.raises(MappingError) as caught:
        load(folder)
    (problem,) = caught.value.problems
    line = (folder / "people.yaml").read_text().splitlines().index("    class: identity") + 1
    assert problem.place == f"{folder / 'people.yaml'}:{line}"
    assert problem.what == "`class: identity` is lower than `health`, which this field is by itself"
    assert problem.remedy == "Write `class: health`, or remove the line"


def test_an_unknown_class_is_told_with_the_nearest_word(tmp_path: Path) -> None:
    folder = edited(tmp_path / "mine", "people.yaml", "    using: number\n", "    using: number\n    class: helth\n")
    with pytest.raises(MappingError) as caught:
        load(folder)
    assert [(problem.what, problem.remedy) for problem in caught.value.problems] == [
        ("`helth` is no word for `class`", "Did you mean `health`?")
    ]


# What is left when a class may not cross -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "allowed", "way", "left_out"),
    [
        (DAYS, Direction.BOTH, Direction.BOTH, ""),
        (DAYS, TO_PROCORE, TO_PROCORE, "left out: health may not cross to 4HSE"),
        (DAYS, TO_FOURHSE, TO_FOURHSE, "left out: health may not cross to Procore"),
        (DAYS, NOWHERE, NOWHERE, "left out: health may not cross to 4HSE or Procore"),
        (FILING, TO_FOURHSE, TO_FOURHSE, ""),
        (FILING, TO_PROCORE, NOWHERE, "left out: health may not cross to 4HSE"),
        (CATEGORY, TO_FOURHSE, Direction.BOTH, ""),
        (CATEGORY, TO_PROCORE, NOWHERE, "left out: health may not cross to 4HSE"),
    ],
)
def test_a_row_s_way_is_met_with_what_may_cross(row: Field, allowed: Direction, way: Direction, left_out: str) -> None:
    narrowed = row.within({HEALTH: allowed, IDENTITY: NOWHERE})
    assert (narrowed.direction, narrowed.left_out) == (way, left_out)


def test_a_mapping_keeps_what_it_was_narrowed_to() -> None:
    narrowed = MAPPING.within({HEALTH: NOWHERE})
    assert {row.label for row in (*narrowed.fields, *narrowed.people) if row.inactive} == {
        "Injuries without a name",
        "Near misses without a name",
        "Days of absence",
        *("Affliction", "Body parts", "Filing type", "Description of the person"),
        *("Restricted days", "Transferred days", "Return to work", "Death", "Recordable"),
        *("Emergency room", "Overnight stay", "Treatment facility"),
    }
    assert (narrowed.crossing, narrowed.digest) == ({HEALTH: NOWHERE}, MAPPING.digest)


def test_the_route_s_way_and_its_classes_may_be_met_in_any_order() -> None:
    classes_first = MAPPING.within({HEALTH: TO_PROCORE}).narrowed(TO_FOURHSE)
    other = MAPPING.narrowed(TO_FOURHSE).within({HEALTH: TO_PROCORE})
    assert [row.direction for row in classes_first.people] == [row.direction for row in other.people]
    assert {row.label for row in other.people if not row.inactive} == {"Person"}


def test_a_row_that_rests_is_neither_compared_nor_asked_about() -> None:
    row = DESCRIPTION.within({HEALTH: NOWHERE})
    ours, theirs = site(description="A broken arm."), office(description_event="Nothing.")
    for base in (None, link().base["description"]):
        diff = diff_field(row, ours.image, theirs.image, base)
        assert (diff.verdict, diff.to) == (Verdict.LOCAL, None)
        assert diff.reason == "left out: health may not cross to 4HSE or Procore"


def test_an_edit_that_may_not_cross_says_why() -> None:
    row = DESCRIPTION.within({HEALTH: TO_PROCORE})
    diff = diff_field(row, site(description="A broken arm.").image, office().image, link().base["description"])
    assert (diff.verdict, diff.to) == (Verdict.LOCAL, None)
    assert diff.reason == "changed in Procore; left out: health may not cross to 4HSE"


def test_a_new_record_goes_without_a_barred_value_and_does_not_wait_for_it() -> None:
    rows = (*(row for row in MAPPING.fields if row.key not in ("description", "category")), DESCRIPTION, CATEGORY)
    blocked = replace(MAPPING, fields=rows).within({HEALTH: TO_PROCORE})
    made = new_payload(blocked.fields, Side.FOURHSE, site(description="A broken arm.", **{INJURED: None}).image, ROME)
    assert made == {"name": "Fall", "date_incident": "2026-02-10", "status": "new"}
