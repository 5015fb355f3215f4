"""A mapping whose values would not come back is refused when it is read, with the smallest value that shows it."""

from dataclasses import dataclass, replace
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest

from procore_4hse.errors import MappingError
from procore_4hse.mapping.lenses.incident import TextLens
from procore_4hse.mapping.loader import load
from procore_4hse.mapping.roundtrip_check import counter_examples

DEFAULT = Path(__file__).parents[2] / "mappings" / "default"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(copytree(DEFAULT, tmp_path / "site"))


def refused(folder: Path) -> list[str]:
    with pytest.raises(MappingError) as caught:
        load(folder)
    return [str(problem).replace(f"{folder}/", "") for problem in caught.value.problems]


def test_the_default_mapping_settles() -> None:
    mapping = load(DEFAULT)
    assert [*counter_examples(mapping.fields), *counter_examples(mapping.people)] == []


@pytest.mark.parametrize(
    ("words", "rest"),
    [
        (
            '- {4hse: "-", procore: burn}\n',
            "Procore's `burn` is written to 4HSE as `description` 'Affliction: -', and reads as nothing",
        ),
        (
            "- {4hse: Burn, procore: burn}\n- {4hse: Scald, procore: BURN}\n",
            "4HSE's `burn` is written to Procore as nothing, and Procore's list of affliction types has no active",
        ),
    ],
    ids=["a word that means none", "two words that differ in case alone"],
)
def test_a_word_that_does_not_come_back(folder: Path, words: str, rest: str) -> None:
    (folder / "words" / "affliction.yaml").write_text(words)
    problem = next(
        sentence for sentence in refused(folder) if sentence.startswith("people.yaml:34: this row would not settle: ")
    )
    assert rest in problem
    assert problem.endswith("Mend the list words/affliction.yaml")


def test_a_part_that_has_no_word_of_its_own(folder: Path) -> None:
    (folder / "words" / "body_part.yaml").write_text("- {4hse: Head and neck, procore: head + neck}\n")
    (problem,) = refused(folder)
    assert "Procore's `head` is written to 4HSE as nothing" in problem
    assert "has no 4HSE word for `head` alone" in problem


@dataclass(frozen=True)
class Shortening(TextLens):
    """A text that a side cuts without a mark."""

    def put(self, *args: Any) -> dict[str, Any]:
        return {key: value[:9] for key, value in super().put(*args).items()}


def test_the_smallest_failing_value_is_told() -> None:
    row = load(DEFAULT).fields[1]
    (example,) = counter_examples((replace(row, lens=Shortening("description", "description_event")),))
    rest = "`description` '<p>&lt;p&', and reads as `<p>&lt;p&`: the two would never agree"
    assert str(example) == f"4HSE's `<p>x</p>` is written to Procore as {rest}"


MISTAKES = {
    "incident.yaml": """\
version: 2
owners: safety manager
owner:
fields:
  - field: Title
    procore: title
    4hse: names
    direction: both
    using: title
  - field: Title
    procore: descripton
    4hse: description_event
    direction: both ways
    using: text
  - field: Day
    procore: event_date
    4hse: date_incident
    using: day
  - field: Status
    procore: status
    4hse: manager
    direction: both
    if both changed: newest wins
    using: status
  - field: Number
    procore: number
    4hse: code
    direction: both
    using: text
  - field: Reporter
    procore: created_by
    4hse: deponent
    direction: procore to 4hse
    if both changed: 4hse wins
    using: title
  - field: Category
    procore: records
    4hse: category
    direction: both
    if both changed: 4hse wins
    using: category from records
    words: Category!
  - field: Place
    procore: location_id
    4hse: status
    direction: 4hse to procore
    using: local day
    word: place
""",
    "people.yaml": """\
owner: safety manager
recognised by:
  - employee number
partners:
  - procore: ann
    4hse: 0d0c
fields:
  - field: Days
    procore: work_days_absent
    4hse: days
    direction: both
    using: number
    words: days
  - field: Affliction
    procore: affliction_type
    4hse: description
    line: "Affliction:"
    direction: both
    using: words
    words: afliction
  - field: Body parts
    procore: affected_body_parts
    4hse: description
    line: Body parts
    direction: both
    using: body parts
    words: body_part
  - field: Filing type
    procore: filing_type
    4hse: description
    line: body parts
    direction: both
    using: words
""",
    "words/body_part.yaml": """\
- 4hse: Left hand; hand
  procore: hand_left
- 4hse: Wing
  procore: wing_left
- 4hse: wing
  procore: hand
""",
}


def test_a_mapping_with_many_mistakes_is_reported_whole(folder: Path) -> None:
    for name, content in MISTAKES.items():
        (folder / name).write_text(content)
    sentences = refused(folder)
    statuses, remedies = (
        [sentence.split(": ")[0] for sentence in sentences],
        [sentence.rpartition(". ")[2] for sentence in sentences],
    )
    assert statuses == [f"incident.yaml:{line}" for line in IN_INCIDENT] + [
        f"people.yaml:{line}" for line in IN_PEOPLE
    ] + [f"words/body_part.yaml:{line}" for line in (1, 4, 5)]
    assert len(set(statuses)) == len(sentences) == 30
    assert all(remedies)


IN_INCIDENT = (2, 3, 7, 10, 11, 13, 15, 18, 21, 23, 28, 31, 32, 34, 40, 42, 44, 45, 48)
IN_PEOPLE = (3, 5, 7, 13, 17, 20, 28, 30)
