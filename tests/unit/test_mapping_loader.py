"""A mapping folder, whole and broken: what loads, and what is reported with which place and remedy."""

import itertools
import json
import re
from collections.abc import Callable
from pathlib import Path
from shutil import copytree

import pytest

from procore_4hse.errors import MappingError, Problem
from procore_4hse.mapping import schema, show
from procore_4hse.mapping.document import read_document
from procore_4hse.mapping.lenses.category import CategoryLens
from procore_4hse.mapping.lenses.incident import TextLens, TitleLens
from procore_4hse.mapping.loader import load
from procore_4hse.mapping.rules import Direction, FieldMapping, OnConflict
from procore_4hse.mapping.vendor_fields import NEVER_WRITTEN

ROOT = Path(__file__).parents[2]

INCIDENT = """\
version: 1
owner: safety manager
fields:
  - field: Title
    procore: title
    4hse: name
    direction: both
    if both changed: ask a person
    using: title
  - field: Description
    procore: description
    4hse: description_event
    direction: both
    using: text
  - field: Day
    procore: event_date
    4hse: date_incident
    direction: both
    using: local day
  - field: Status
    procore: status
    4hse: status
    direction: both
    using: status
  - field: Category
    procore: records
    4hse: category
    direction: both
    using: category from records
    words: category
"""
CATEGORY = """\
- 4hse: ACCIDENTS
  procore: injury
- 4hse: NON_COMPLIANCE
  procore: no injury
- 4hse: REPORT_FAILURE
  procore: not shared
"""
CASE_NUMBER = """\
  - field: Case number
    procore: number
    4hse: external_reference_id
    direction: procore to 4hse
    using: text
"""

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a mapping folder: incident.yaml and the category list, as given."""

    def written(incident: str | bytes = INCIDENT, category: str | bytes | None = CATEGORY) -> Path:
        folder = tmp_path / "site"
        (folder / "words").mkdir(parents=True, exist_ok=True)
        (folder / "incident.yaml").write_bytes(as_bytes(incident))
        if category is not None:
            (folder / "words" / "category.yaml").write_bytes(as_bytes(category))
        return folder

    return written


def as_bytes(content: str | bytes) -> bytes:
    return content if isinstance(content, bytes) else content.encode()


def changed(old: str, new: str, text: str = INCIDENT) -> str:
    assert old in text
    return text.replace(old, new, 1)


def problems_of(folder: Path) -> tuple[Problem, ...]:
    with pytest.raises(MappingError) as caught:
        load(folder)
    return caught.value.problems


def as_written(problem: Problem, folder: Path) -> tuple[str, str, str]:
    """Place within the folder, what is wrong, remedy."""
    return problem.place.removeprefix(f"{folder}/"), problem.what.replace(f"{folder}/", ""), problem.remedy


# What loads ------------------------------------------------------------------------------------------------------


def test_the_default_mapping_loads() -> None:
    mapping = load(ROOT / "mappings" / "default")
    texts = ["deponent", "code", "external_reference_id", "description_actions_involved"]
    records = ["injuries", "near_misses", "property_damages", "environmentals", "witness_statements"]
    assert [field.key for field in mapping.fields] == [
        *("title", "description", "day", "status", "category"), *(f"line_{name}" for name in texts), *records,
    ]  # fmt: skip
    assert mapping.name == "default"
    assert mapping.owner == "safety manager"
    assert {field.direction for field in mapping.fields[:5]} == {Direction.BOTH}
    assert isinstance(mapping.category and mapping.category.lens, CategoryLens)


def test_every_category_of_4hse_has_a_word_in_the_default_mapping() -> None:
    category = load(ROOT / "mappings" / "default").category
    assert category is not None
    assert isinstance(category.lens, CategoryLens)
    assert {word for word, _ in category.lens.words} == set(schema.FourhseCategory)


def test_title_and_description_know_of_each_other(write: Write) -> None:
    mapping = load(write())
    assert mapping.by_key["title"].lens == TitleLens("title", "name", overflow="description_event")
    assert mapping.by_key["description"].lens == TextLens("description", "description_event", title="name")


def test_a_title_without_a_description_row_stands_alone(write: Write) -> None:
    mapping = load(write(changed("4hse: description_event", "4hse: deponent")))
    assert mapping.by_key["title"].lens == TitleLens("title", "name")
    assert mapping.by_key["description"].lens == TextLens("description", "deponent")


def test_rules_owners_and_reasons_are_kept(write: Write) -> None:
    incident = changed(
        "if both changed: ask a person", "if both changed: procore wins\n    owner: site\n    reason: No"
    )
    title = load(write(incident + CASE_NUMBER)).by_key["title"]
    assert title.on_conflict is OnConflict.PROCORE
    assert (title.wording.owner, title.wording.reason) == ("site", "No")


def test_a_row_may_cross_one_way_and_carry_the_case_number(write: Write) -> None:
    field = load(write(INCIDENT + CASE_NUMBER)).by_key["number"]
    assert field.direction is Direction.TO_FOURHSE
    assert field.lens == TextLens("number", "external_reference_id")
    assert field.on_conflict is OnConflict.ASK


def test_a_mapping_needs_no_category(write: Write) -> None:
    mapping = load(write(INCIDENT[: INCIDENT.index("  - field: Category")], None))
    assert mapping.category is None


def test_every_value_is_read_as_text(write: Write) -> None:
    rows = [row.field for row in show.rows(load(write(changed("field: Title", "field: 12:30"))))]
    assert rows[0] == "12:30"
    assert show.rows(load(write(changed("owner: safety manager", "owner: No"))))[0].owner == "No"
    assert show.rows(load(write(changed("owner: safety manager", "owner: 007"))))[0].owner == "007"


def test_a_file_from_another_editor_loads(write: Write) -> None:
    incident, category = (b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode() for text in (INCIDENT, CATEGORY))
    assert load(write(incident, category)) == load(write())


# The digest ------------------------------------------------------------------------------------------------------

REORDERED = changed(
    "    procore: title\n    4hse: name\n", "    4hse:   name   # the headline\n\n    procore: 'title'\n"
)


@pytest.mark.parametrize(
    ("incident", "category"),
    [
        ("# by the book\n" + INCIDENT, CATEGORY),
        (REORDERED, CATEGORY),
        (INCIDENT, "\n\n" + CATEGORY.replace(": ", ":   ")),
        (changed("using: text", "using: text\n    if both changed: ask a person"), CATEGORY),
        (changed("owner: safety manager", "owner: |\n  safety\n  manager"), CATEGORY),
    ],
)
def test_comments_blanks_and_the_order_of_keys_do_not_count(write: Write, incident: str, category: str) -> None:
    assert load(write(incident, category)).digest == load(write()).digest


@pytest.mark.parametrize(
    ("incident", "category"),
    [
        (changed("ask a person", "procore wins"), CATEGORY),
        (changed("direction: both", "direction: procore to 4hse"), CATEGORY),
        (INCIDENT + CASE_NUMBER, CATEGORY),
        (INCIDENT, changed("not shared", "no injury", CATEGORY)),
        (INCIDENT, CATEGORY[36:] + CATEGORY[:36]),
        (INCIDENT, CATEGORY + "- {4hse: REQUEST_INSPECTION, procore: not shared}\n"),
        (INCIDENT, "- {4hse: ACCIDENTS_AND_MISSED_INJURIES, procore: no injury}\n" + CATEGORY),
    ],
)
def test_every_word_and_rule_counts(write: Write, incident: str, category: str) -> None:
    assert load(write(incident, category)).digest != load(write()).digest


BEFORE_LINES = "6e76a6590ccfa738600147e8ab63c2696ae018e726b58a371054e555e383e802"
"""The digest that this folder had before rows could lead to lines in Procore."""
BEFORE_LINES_ROWS = """
title both plain incident TitleLens | description both plain incident TextLens | day both plain incident DayLens
status both plain incident StatusLens | category procore to 4hse plain incident CategoryLens
number procore to 4hse plain incident ShownLens | created_by procore to 4hse identity incident ShownLens
hazard procore to 4hse plain incident ShownLens | near_misses procore to 4hse health incident RecordsLens
custom_field_598134325870420 both location incident ShownLens | actions procore to 4hse plain incident ActionsLens
person both identity injury near_miss PersonLens | days both health injury NumberLens
person_affliction_type both health injury WordLens | person_description both health injury near_miss TextLens
"""


def test_a_folder_of_version_2_loads_unchanged_and_means_the_same() -> None:
    mapping = load(ROOT / "tests" / "data" / "version_2")
    rows = [
        f"{row.key} {row.way} {row.privacy} {' '.join(row.kinds)} {type(row.lens).__name__}"
        for row in (*mapping.fields, *mapping.people)
    ]
    assert rows == [row.strip() for row in re.split(r"[|\n]", BEFORE_LINES_ROWS.strip())]
    assert mapping.digest == BEFORE_LINES, "a changed digest holds each route that uses such a folder"
    assert mapping.partners == {"8589934612": "0d0c2d0e-6b2f-4a51-9f3f-0c8a3f2f2c11"}
    lens = next(row.lens for row in mapping.fields if row.key == "category")
    assert isinstance(lens, CategoryLens)
    assert {word: str(meaning) for word, meaning in lens.words} == {
        "ACCIDENTS": "injury", "NON_COMPLIANCE": "no injury", "REPORT_FAILURE": "not shared",
    }  # fmt: skip


# What is broken --------------------------------------------------------------------------------------------------

NO_DAY = INCIDENT.replace(INCIDENT[INCIDENT.index("  - field: Day") : INCIDENT.index("  - field: Status")], "")

BROKEN_INCIDENTS = {
    "empty file": ("", "incident.yaml:1", "the file is empty", "docs/mapping.md"),
    "only comments": ("# nothing\n", "incident.yaml:1", "the file is empty", "docs/mapping.md"),
    "not keys": ("- field: Title\n", "incident.yaml:1", "the file has the wrong form", "keys with values"),
    "no rows": (INCIDENT[: INCIDENT.index("  - ")], "incident.yaml:3", "`fields` has no value", "Give it one"),
    "rows are no list": (
        "version: 1\nowner: x\nfields: title\n",
        "incident.yaml:3",
        "`fields` has the wrong form",
        "- ",
    ),
    "a row is a text": (
        changed("fields:\n", "fields:\n  - Title\n"),
        "incident.yaml:4",
        "wrong form",
        "keys with values",
    ),
    "a value is a list": (
        changed("4hse: name", "4hse: [name]"),
        "incident.yaml:6",
        "`4hse` has the wrong form",
        "one text",
    ),
    "duplicate key": (
        changed("4hse: name", "procore: name"),
        "incident.yaml:6",
        "stands here twice, first in line 5",
        "two",
    ),
    "anchor": (changed("version: 1", "version: &v 1"), "incident.yaml:1", "anchors and aliases", "Write the value out"),
    "alias": (changed("4hse: name", "4hse: *v"), "incident.yaml:6", "anchors and aliases", "Write the value out"),
    "tag": (changed("4hse: name", "4hse: !!str name"), "incident.yaml:6", "tags", "Remove the tag"),
    "second document": (INCIDENT + "---\nversion: 1\n", "incident.yaml:31", "second document", "Remove the line `---`"),
    "tab": (changed("    4hse: name", "\t4hse: name"), "incident.yaml:6", "indented with a tab", "Use blanks"),
    "broken": (
        changed("4hse: name", "4hse: name: x"),
        "incident.yaml:6",
        "a `: ` stands where none may be",
        "Put quotes",
    ),
    "bell": (
        changed("4hse: name", "4hse: na\x07me"),
        "incident.yaml:6",
        "a character that no text may hold",
        "Compare",
    ),
    "not UTF-8": (INCIDENT.encode().replace(b"name", b"n\xe4me"), "incident.yaml:6", "not UTF-8", "encoding UTF-8"),
    "UTF-16": (INCIDENT.encode("utf-16"), "incident.yaml:1", "not UTF-8", "encoding UTF-8"),
    "UTF-16 without a mark": (INCIDENT.encode("utf-16-le"), "incident.yaml:1", "not UTF-8", "encoding UTF-8"),
    "complex key": (
        changed("4hse: name", "? [a]\n    : name"),
        "incident.yaml:6",
        "a key must be a word",
        "key: value",
    ),
    "unknown key on top": (changed("owner:", "owners: x\nowner:"), "incident.yaml:2", "`owners` is no key", "`owner`?"),
    "unknown key in a row": (
        changed("if both changed", "if both change"),
        "incident.yaml:8",
        "no key",
        "`if both changed`?",
    ),
    "owner missing": (
        changed("owner: safety manager\n", ""),
        "incident.yaml:1",
        "`owner` is missing",
        "owner: safety manager",
    ),
    "owner empty": (
        changed("owner: safety manager", "owner:"),
        "incident.yaml:2",
        "`owner` has no value",
        "Give it one",
    ),
    "version missing": (changed("version: 1\n", ""), "incident.yaml:1", "`version` is missing", "`version: 2`"),
    "newer version": (
        changed("version: 1", "version: 3"),
        "incident.yaml:1",
        "version `3` is none",
        "Upgrade procore-4hse",
    ),
    "odd version": (changed("version: 1", "version: one"), "incident.yaml:1", "version `one` is none", "`version: 2`"),
    "direction missing": (
        changed("    direction: both\n", ""),
        "incident.yaml:4",
        "`direction` is missing",
        "direction: both",
    ),
    "direction empty": (
        changed("direction: both", "direction:"),
        "incident.yaml:7",
        "`direction` has no value",
        "Give it",
    ),
    "unknown direction": (
        changed("direction: both", "direction: procore to 4hsee"),
        "incident.yaml:7",
        "no word",
        "`procore to",
    ),
    "unknown rule": (
        changed("ask a person", "ask someone"),
        "incident.yaml:8",
        "`ask someone` is no word",
        "`ask a person`?",
    ),
    "newest wins": (
        changed("ask a person", "latest edit"),
        "incident.yaml:8",
        "is no word",
        "`4hse wins`, `ask a person`",
    ),
    "unknown using": (changed("using: text", "using: texte"), "incident.yaml:14", "`texte` is no word", "mean `text`?"),
    "using missing": (changed("    using: text\n", ""), "incident.yaml:10", "`using` is missing", "`using: text`"),
    "4hse against direction": (
        changed("both\n    if both changed: ask a person", "procore to 4hse\n    if both changed: 4hse wins"),
        "incident.yaml:8",
        "`4hse wins` stands against `direction: procore to 4hse`",
        "Write `ask a person`",
    ),
    "procore against direction": (
        changed("both\n    if both changed: ask a person", "4hse to procore\n    if both changed: procore wins"),
        "incident.yaml:8",
        "`procore wins` stands against `direction: 4hse to procore`",
        "`direction: both`",
    ),
    "category wins": (
        changed("    words: category", "    words: category\n    if both changed: 4hse wins"),
        "incident.yaml:31",
        "never writes to Procore",
        "`procore wins`",
    ),
    "one name twice": (
        changed("Description", "title"),
        "incident.yaml:10",
        "`title` has a row already, incident.yaml:4",
        "one",
    ),
    "one Procore field twice": (
        changed("4hse: external_reference_id", "4hse: code", INCIDENT + CASE_NUMBER).replace(
            "number\n", "description\n"
        ),
        "incident.yaml:32",
        "Procore's `description` has a row already, incident.yaml:11",
        "Keep one row",
    ),
    "one 4HSE field twice": (
        changed("4hse: external_reference_id", "4hse: description_event", INCIDENT + CASE_NUMBER),
        "incident.yaml:33",
        "4HSE's `description_event` has a row already, incident.yaml:12",
        "Keep one row",
    ),
    "no day": (NO_DAY, "incident.yaml:3", "no row carries the day", "`using: local day`"),
    "no title": (
        changed(INCIDENT[INCIDENT.index("  - field: Title") : INCIDENT.index("  - field: Desc")], ""),
        "incident.yaml:3",
        "no row carries the title",
        "`procore: title`, `4hse: name` and `using: title`",
    ),
    "no status": (
        changed(INCIDENT[INCIDENT.index("  - field: Status") : INCIDENT.index("  - field: Cat")], ""),
        "incident.yaml:3",
        "no row carries the status",
        "`using: status`",
    ),
    "unknown Procore field": (
        changed("procore: event_date", "procore: event_day"),
        "incident.yaml:16",
        "no incident field",
        "`event_date`?",
    ),
    "unknown 4HSE field": (
        changed("4hse: date_incident", "4hse: incident_date"),
        "incident.yaml:17",
        "no incident field",
        "`",
    ),
    "mailing Procore field": (
        changed("procore: description", "procore: distribution_member_ids"),
        "incident.yaml:11",
        "`distribution_member_ids` is never written",
        "send mail",
    ),
    "assignees": (
        changed("procore: description", "procore: assignee_ids"),
        "incident.yaml:11",
        "never written",
        "Remove",
    ),
    "manager": (
        changed("description_event", "manager"),
        "incident.yaml:12",
        "4HSE's `manager` is never written",
        "Remove",
    ),
    "assignee": (changed("description_event", "assignee"), "incident.yaml:12", "`assignee` is never written", "Remove"),
    "watcher": (changed("description_event", "watcher"), "incident.yaml:12", "`watcher` is never written", "Remove"),
    "to": (changed("description_event", "to"), "incident.yaml:12", "4HSE's `to` is never written", "Remove the row"),
    "text on a day": (
        changed("using: local day", "using: text"),
        "incident.yaml:16",
        "cannot serve Procore's `event_date`",
        "local day",
    ),
    "title on a text": (
        changed("using: text", "using: title"),
        "incident.yaml:11",
        "cannot serve",
        "Write `using: text`",
    ),
    "day on a text": (
        changed("using: text", "using: local day"),
        "incident.yaml:12",
        "cannot serve 4HSE's",
        "using: text",
    ),
    "status on a text": (
        changed("using: text", "using: status"),
        "incident.yaml:12",
        "cannot serve",
        "Write `using: text`",
    ),
    "records on a text": (
        changed("4hse: category", "4hse: code"),
        "incident.yaml:27",
        "cannot serve 4HSE's `code`",
        "text",
    ),
    "a known field that nothing serves": (
        changed("procore: description", "procore: time_unknown"),
        "incident.yaml:11",
        "`using: text` cannot serve Procore's `time_unknown`",
        "It serves `custom_field_ID`, `description`, `number`",
    ),
    "number both ways": (
        INCIDENT + changed("procore to 4hse", "both", CASE_NUMBER),
        "incident.yaml:34",
        "Procore sets `number` itself",
        "`direction: procore to 4hse`",
    ),
    "words missing": (
        changed("    words: category\n", ""),
        "incident.yaml:25",
        "needs a word list",
        "Add the line `words: category`; words/category.yaml lies there, and no row names it",
    ),
    "words not wanted": (
        changed("using: text", "using: text\n    words: category"),
        "incident.yaml:15",
        "takes no word",
        "Remove",
    ),
    "words file missing": (
        changed("words: category", "words: categories"),
        "incident.yaml:30",
        "words/categories.yaml",
        "`category.yaml`?",
    ),
    "words elsewhere": (
        changed("words: category", "words: ../category"),
        "incident.yaml:30",
        "no name of a word list",
        "small",
    ),
}


@pytest.mark.parametrize("name", BROKEN_INCIDENTS)
def test_a_broken_row_is_named_with_its_line_and_remedy(write: Write, name: str) -> None:
    incident, place, what, remedy = BROKEN_INCIDENTS[name]
    folder = write(incident)
    problems = [as_written(problem, folder) for problem in problems_of(folder)]
    assert any(place == p and what in w and remedy in r for p, w, r in problems), problems


BROKEN_LISTS = {
    "listed twice": (
        CATEGORY + CATEGORY[:36],
        "words/category.yaml:7",
        "listed already, words/category.yaml:1",
        "Keep one",
    ),
    "unknown meaning": (
        changed("no injury", "no injry", CATEGORY),
        "words/category.yaml:4",
        "no word for",
        "`no injury`?",
    ),
    "unknown word": (
        changed("ACCIDENTS", "ACIDENTS", CATEGORY),
        "words/category.yaml:1",
        "`ACIDENTS` is no",
        "`ACCIDENTS`?",
    ),
    "no injury word": (
        changed("injury", "not shared", CATEGORY),
        "words/category.yaml:1",
        "no word means `injury`",
        "injury`",
    ),
    "no word without": (
        changed("no injury", "injury", CATEGORY),
        "words/category.yaml:1",
        "no word means `no injury`",
        "procore",
    ),
    "another case": (
        changed("ACCIDENTS\n", "Accidents\n", CATEGORY),
        "words/category.yaml:1",
        "`Accidents` is no category",
        "`ACCIDENTS`?",
    ),
    "a kind without a word": (
        changed("no injury", "near miss", CATEGORY),
        "words/category.yaml:1",
        "no word means `property damage`",
        "procore: property damage",
    ),
    "a kind below all others": (
        CATEGORY + "- {4hse: REQUEST_INSPECTION, procore: environmental}\n",
        "words/category.yaml:7",
        "`environmental` is never asked for",
        "above",
    ),
    "crosses and stays": (
        CATEGORY + "- {4hse: REPORT_FAILURE, procore: no injury}\n",
        "words/category.yaml:5",
        "crosses by another",
        "Keep one",
    ),
    "empty": ("", "words/category.yaml:1", "the file is empty", "docs/mapping.md"),
    "keys": ("ACCIDENTS: injury\n", "words/category.yaml:1", "wrong form", "a list"),
    "no meaning": (
        changed("  procore: injury\n", "", CATEGORY),
        "words/category.yaml:1",
        "`procore` is missing",
        "injury`",
    ),
    "third column": (
        changed("  procore: no", "  note: x\n  procore: no", CATEGORY),
        "words/category.yaml:4",
        "`note`",
        "one of",
    ),
    "open quote": (
        changed("4hse: NON_COMPLIANCE", '4hse: "NON_COMPLIANCE', CATEGORY),
        "words/category.yaml:3",
        "a quote is not closed",
        "Close it, or take it away. This file was not looked at further; more may be told once it can be read",
    ),
    "open single quote": (
        changed("4hse: NON_COMPLIANCE", "4hse: 'NON_COMPLIANCE", CATEGORY),
        "words/category.yaml:3",
        "a quote is not closed",
        "Close it",
    ),
    "broken": ("- 4hse: [\n", "words/category.yaml:2", "cannot be read", "Compare"),
    "entry too far right": (
        changed("- 4hse: NON", " - 4hse: NON", CATEGORY),
        "words/category.yaml:3",
        "this `-` does not stand under the other `-`",
        "under the `-` above",
    ),
    "no blank behind the dash": (
        changed("- 4hse: NON", "-4hse: NON", CATEGORY),
        "words/category.yaml:3",
        "no blank behind the `-`",
        "- field",
    ),
    "key too far left": (
        changed("  procore: injury", " procore: injury", CATEGORY),
        "words/category.yaml:2",
        "does not stand under the lines",
        "under the first key of its entry",
    ),
    "key too far right": (
        changed("  procore: injury", "   procore: injury", CATEGORY),
        "words/category.yaml:2",
        "a `: ` stands where none may be",
        "put a key under the others",
    ),
    "no blank behind the colon": (
        changed("procore: injury", "procore:injury", CATEGORY),
        "words/category.yaml:2",
        "no value",
        "`key: value`",
    ),
}


@pytest.mark.parametrize("name", BROKEN_LISTS)
def test_a_broken_word_list_is_named_with_its_line_and_remedy(write: Write, name: str) -> None:
    category, place, what, remedy = BROKEN_LISTS[name]
    folder = write(INCIDENT, category)
    problems = [as_written(problem, folder) for problem in problems_of(folder)]
    assert any(place == p and what in w and remedy in r for p, w, r in problems), problems


ACTIVITY = """
  - field: Activity
    procore: work_activity
    4hse: description
    line: Activity
    direction: both
    using: words
    words: activity
"""


def problems_with(
    tmp_path: Path, row: str, words: str = "- 4hse: Roof work\n  procore: Roofing\n"
) -> tuple[Problem, ...]:
    """What is wrong with the default mapping that has one more row about people, and a list for it."""
    folder = copytree(ROOT / "mappings" / "default", tmp_path / "site")
    (folder / "words" / "activity.yaml").write_text(words)
    with (folder / "people.yaml").open("a") as people:
        people.write(row)
    return problems_of(folder)


@pytest.mark.parametrize(
    ("line", "remedy"),
    [
        ("", "Keep one row of the two, or give this row a line of its own, as in `line: Activity`"),
        ("    line: Affliction\n", "Keep one row of the two, or give this row another `line`"),
    ],
)
def test_two_values_in_one_place_may_have_lines_of_their_own(tmp_path: Path, line: str, remedy: str) -> None:
    (problem,) = problems_with(tmp_path, ACTIVITY.replace("    line: Activity\n", line))
    assert "4HSE's `description` has a row already" in problem.what
    assert problem.remedy == remedy


def test_a_missing_column_is_advised_in_words_of_its_own_list(tmp_path: Path) -> None:
    (problem,) = problems_with(tmp_path, ACTIVITY, "- 4hse: Concrete work\n- 4hse: Timber work\n  procore: Framing\n")
    assert (problem.what, problem.remedy) == ("`procore` is missing", "Add a line such as `procore: Framing`")


def test_a_missing_column_of_a_list_of_one_is_advised_too(tmp_path: Path) -> None:
    (problem,) = problems_with(tmp_path, ACTIVITY, "- procore: Framing\n")
    assert (problem.what, problem.remedy) == ("`4hse` is missing", "Add a line such as `4hse: Roof work`")


@pytest.mark.parametrize("word", ["not shard", "Not shared", "notshared"])
def test_what_is_nearly_not_shared_is_asked_about(tmp_path: Path, word: str) -> None:
    (problem,) = problems_with(tmp_path, ACTIVITY, f"- 4hse: Roof work\n  procore: {word}\n")
    assert problem.what == f"`{word}` is nearly `not shared`"
    assert problem.remedy.startswith("Did you mean `not shared`?")


def test_a_row_without_its_list_is_told_which_lists_lie_there(tmp_path: Path) -> None:
    (problem,) = problems_with(tmp_path, ACTIVITY.replace("    words: activity\n", ""))
    assert problem.remedy == "Add the line `words: activity`; words/activity.yaml lies there, and no row names it"


def test_a_slip_is_told_once(write: Write) -> None:
    """A misspelt word does not count as a missing one as well."""
    day = INCIDENT[INCIDENT.index("    procore: event_date") : INCIDENT.index("  - field: Status")]
    slips = {
        changed("using: local day", "using: local dya"): 1,
        changed(day, changed("event_date", "event_dat", changed("local day", "local dya", day))): 2,
        changed(day, changed("event_date", "event_dat", changed("date_incident", "date_incidents", day))): 2,
        changed(day, changed("local day", "local dya", changed("date_incident", "date_incidents", day))): 2,
    }
    assert [len(problems_of(write(slip))) for slip in slips] == [*slips.values()]
    assert len(problems_of(write(INCIDENT, changed("injury", "injry", CATEGORY)))) == 1


def test_all_problems_of_all_files_are_told_at_once_in_their_order(write: Write) -> None:
    incident = (
        changed("ask a person", "ask someone").replace("version: 1", "version: 9").replace("description_event", "to")
    )
    folder = write(incident, CATEGORY + "- {4hse: FIRE, procore: injry}\n")
    statuses = [as_written(problem, folder)[0] for problem in problems_of(folder)]
    assert statuses == ["incident.yaml:1", "incident.yaml:8", "incident.yaml:12", "words/category.yaml:7"]


def test_the_error_counts_its_problems_and_a_problem_reads_as_a_sentence(write: Write) -> None:
    folder = write(changed("owner: safety manager", "owner:"))
    with pytest.raises(MappingError, match=re.escape("The mapping has one problem; mend what is listed")) as caught:
        load(folder)
    remedy = "Give it one, or remove the line"
    assert str(caught.value.problems[0]) == f"{folder}/incident.yaml:2: `owner` has no value. {remedy}"


def test_a_missing_folder_is_told_with_its_neighbour(write: Write, tmp_path: Path) -> None:
    write()
    (problem,) = problems_of(tmp_path / "sites")
    assert problem.place == str(tmp_path / "sites")
    assert problem.remedy == "Did you mean `site`? `procore-4hse init` writes a folder to begin with"


def test_a_missing_file_is_told_with_its_neighbour(write: Write) -> None:
    folder = write()
    (folder / "incident.yaml").rename(folder / "incidents.yaml")
    (problem,) = problems_of(folder)
    assert problem.place == f"{folder}/incident.yaml:1"
    assert "Did you mean `incidents.yaml`?" in problem.remedy


def test_what_cannot_be_read_is_a_problem_of_its_own(tmp_path: Path) -> None:
    with pytest.raises(MappingError) as caught:
        read_document(tmp_path)
    assert str(caught.value.problems[0]).startswith(f"{tmp_path}:1: the file cannot be read (Is a directory)")


# What people are shown -------------------------------------------------------------------------------------------


def test_a_mapping_is_shown_row_by_row(write: Write) -> None:
    incident = changed(
        "using: local day", "using: local day\n    owner: site office\n    reason: By the project's clock"
    )
    rows = show.rows(load(write(incident)))
    assert [row.field for row in rows if row.record == "incident"] == [
        "Title",
        "Description",
        "Day",
        "Status",
        "Category",
    ]
    assert [(row.field, row.privacy) for row in rows if row.record == "person"] == [
        ("Person", "identity"),
        ("Days of absence", "health"),
    ]
    day = rows[2]
    assert (day.procore, day.fourhse, day.direction) == ("event_date", "date_incident", "both")
    assert (day.if_both_changed, day.using) == ("ask a person", "local day")
    assert (day.owner, day.reason) == ("site office", "By the project's clock")
    assert day.keeps.startswith("lossy: the time of day does not cross")
    assert "time of day" in day.equal
    assert rows[0].keeps == "exact"
    assert rows[4].keeps.startswith("one-way: Procore has no category")
    assert rows[4].direction == "procore to 4hse", "the row says `both`, and nothing goes to Procore"
    assert rows[0].owner == "safety manager"


def test_a_narrowed_mapping_keeps_what_people_are_told(write: Write) -> None:
    mapping: FieldMapping = load(write(INCIDENT + CASE_NUMBER))
    narrowed = mapping.narrowed(Direction.TO_PROCORE)
    keys = ["title", "description", "day", "status", "category", "number"]
    assert [field.key for field in narrowed.fields] == keys
    assert (narrowed.owner, narrowed.digest) == (mapping.owner, mapping.digest)
    rows = [row for row in show.rows(narrowed) if row.record == "incident"]
    assert [row.direction for row in rows] == ["4hse to procore"] * 4 + ["rests"] * 2
    assert {row.owner for row in rows} == {"safety manager"}


# The schema and the page -----------------------------------------------------------------------------------------


def test_the_schema_for_editors_is_current() -> None:
    stored = (ROOT / "mappings" / "mapping.schema.json").read_text(encoding="utf-8")
    assert stored == schema.json_schema_text(), "write it anew as the end of docs/mapping.md, Checking, tells"


def test_the_schema_offers_every_word_of_using() -> None:
    row = json.loads(schema.json_schema_text())["$defs"]["RowText"]["properties"]
    assert row["using"]["enum"] == list(schema.USING)
    assert row["4hse"]["type"] == "string"


def test_no_word_serves_a_field_that_is_never_written_or_unknown() -> None:
    for form, column in itertools.product(schema.FORMS, ("procore", "4hse")):
        assert form.served(column) <= form.vendor_fields[column]
        assert not form.served(column) & NEVER_WRITTEN[column]
