"""Rows of custom fields, names, numbers and lines: what a folder may say of them, and what is told otherwise."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from shutil import copytree

import pytest

from procore_4hse.errors import MappingError
from procore_4hse.mapping.lenses.display import ShownLens
from procore_4hse.mapping.loader import load
from procore_4hse.mapping.rules import Field
from procore_4hse.models import Kind, Side
from world import without_office_rows

ROOT = Path(__file__).parents[2]
Write = Callable[..., Path]


@pytest.fixture
def written(tmp_path: Path) -> Write:
    """Writes the default mapping with one row more, in incident.yaml unless told, and one word list more.

    The rows that have 4HSE's texts for lines in Procore make room for it.
    """

    def write(row: str, words: str = "", file: str = "incident.yaml") -> Path:
        folder = Path(copytree(ROOT / "mappings" / "default", tmp_path / "site"))
        path = folder / file
        path.write_text(without_office_rows(path.read_text(encoding="utf-8")) + "\n" + row, encoding="utf-8")
        (folder / "words" / "trade.yaml").write_text(words or ENTRIES, encoding="utf-8")
        return folder

    return write


ENTRIES = "- 4hse: Roofer\n  procore: 101\n"
LABELS = "- 4hse: Roofer\n  procore: Roofing\n"


def row(procore: str, fourhse: str, direction: str, using: str, *more: str) -> str:
    lines = (
        "- field: More",
        f"procore: {procore}",
        f"4hse: {fourhse}",
        f"direction: {direction}",
        f"using: {using}",
        *more,
    )
    return "".join(f"  {'' if number == 0 else '  '}{line}\n" for number, line in enumerate(lines))


def problems(folder: Path) -> list[tuple[str, str]]:
    with pytest.raises(MappingError) as caught:
        load(folder)
    return [(problem.what, problem.remedy) for problem in caught.value.problems]


def last(folder: Path) -> Field:
    mapping = load(folder)
    return next(row for row in (*mapping.fields, *mapping.people) if row.label == "More")


TO_FOURHSE, TO_PROCORE = "procore to 4hse", "4hse to procore"

LOADS = {
    "number": row("number", "code", TO_FOURHSE, "server text"),
    "reporter on a line": row("created_by", "deponent", TO_FOURHSE, "server text", "line: Reporter"),
    "creator": row("custom_field_7", "creator", TO_PROCORE, "server text"),
    "location": row("location", "description_actions_involved", TO_FOURHSE, "name", "line: Location"),
    "hazard": row("hazard", "external_reference_id", TO_FOURHSE, "name"),
    "label": row("custom_field_7", "code", TO_FOURHSE, "name"),
    "actions": row("actions", "description_actions_involved", TO_FOURHSE, "actions summary"),
    "resources in a field": row("custom_field_7", "resources", TO_PROCORE, "office summary"),
    "custom text": row("custom_field_7", "code", "both", "text"),
    "custom number": row("custom_field_7", "code", "both", "number", "line: Cost"),
    "entry": row("custom_field_7", "code", "both", "words", "words: trade"),
    "entries": row("custom_field_7", "code", "both", "several words", "words: trade"),
}


@pytest.mark.parametrize("name", LOADS)
def test_such_a_row_loads(written: Write, name: str) -> None:
    loaded = last(written(LOADS[name]))
    assert loaded.key == loaded.wording.procore
    assert loaded.fills_only == (loaded.wording.using == "server text")


@pytest.mark.parametrize(
    ("using", "more"),
    [("text", ()), ("number", ()), ("words", ("words: trade",)), ("several words", ("words: trade",))],
)
def test_a_persons_custom_field_loads_and_is_health(written: Write, using: str, more: tuple[str, ...]) -> None:
    loaded = last(written(row("custom_field_7", "description", "both", using, "line: More", *more), file="people.yaml"))
    assert (loaded.key, loaded.privacy, loaded.kinds) == (
        "person_custom_field_7", "health", (Kind.INJURY, Kind.NEAR_MISS),
    )  # fmt: skip


def test_labels_may_be_read(written: Write) -> None:
    assert last(written(row("custom_field_7", "code", TO_FOURHSE, "words", "words: trade"), LABELS))


def test_a_text_below_lines_knows_them(written: Write) -> None:
    lined = row("custom_field_7", "code", "both", "text", "line: Weather")
    below = row("custom_field_8", "code", "both", "text").replace("More", "Below")
    lenses = {row.label: row.lens for row in load(written(lined + below)).fields}
    assert isinstance(lenses["Below"], ShownLens)
    assert lenses["Below"].spot.labels == ("Weather",)


REFUSED = {
    "number both ways": (
        row("number", "code", "both", "server text"),
        "Procore sets `number` itself",
        "Write `direction: procore to 4hse`",
    ),
    "creator written": (
        row("custom_field_7", "creator", TO_FOURHSE, "server text"),
        "4HSE sets `creator` itself",
        "Write `direction: 4hse to procore`",
    ),
    "server text both ways": (
        row("custom_field_7", "code", "both", "server text"),
        "`using: server text` goes one way",
        "Write `direction: procore to 4hse` or `direction: 4hse to procore`",
    ),
    "name both ways": (
        row("hazard", "code", "both", "name"),
        "`using: name` goes one way",
        "Write `direction: procore to 4hse`",
    ),
    "name towards Procore": (
        row("location", "code", TO_PROCORE, "name"),
        "`using: name` goes one way",
        "Write `direction: procore to 4hse`",
    ),
    "4HSE wins over a name": (
        row("location", "code", TO_FOURHSE, "name", "if both changed: 4hse wins"),
        "`4hse wins` stands against `direction: procore to 4hse`",
        "Write `ask a person`",
    ),
    "actions both ways": (
        row("actions", "description_actions_involved", "both", "actions summary"),
        "`using: actions summary` goes one way",
        "Write `direction: procore to 4hse`",
    ),
    "actions on a line": (
        row("actions", "description_actions_involved", TO_FOURHSE, "actions summary", "line: Actions"),
        "`using: actions summary` puts Procore's `actions` on no line",
        "Remove `line`",
    ),
    "resources without a line": (
        row("description", "resources", TO_PROCORE, "office summary"),
        "4HSE's `resources` goes to a named line in Procore",
        "Add `procore line: Resources`",
    ),
    "resources both ways": (
        row("description", "resources", "both", "office summary", "procore line: Resources"),
        "`using: office summary` goes one way",
        "Write `direction: 4hse to procore`",
    ),
    "resources on a line in 4HSE": (
        row("custom_field_7", "actions", TO_PROCORE, "office summary", "line: Requirements"),
        "`using: office summary` puts Procore's `custom_field_7` on no line",
        "Remove `line`",
    ),
    "an id for a name": (
        row("hazard_id", "code", TO_FOURHSE, "name"),
        "cannot serve Procore's `hazard_id`",
        "`hazard`",
    ),
    "a line above the description": (
        row("location", "description_event", TO_FOURHSE, "text", "line: Location"),
        "the head of `description_event` belongs to a title",
        "`4hse: description_actions_involved`",
    ),
    "a custom field as the description": (
        row("custom_field_7", "description_event", "both", "text"),
        "`using: text` cannot join Procore's `custom_field_7` and 4HSE's `description_event`",
        "Name another of `code`",
    ),
    "a status on a line": (
        row("description", "code", "both", "text", "line: What"),
        "`using: text` puts Procore's `description` on no line",
        "Remove `line`",
    ),
    "one line twice": (
        row("hazard", "code", TO_FOURHSE, "name", "line: Hazard")
        + row("location", "code", TO_FOURHSE, "name", "line: HAZARD").replace("More", "Other"),
        "4HSE's `code` has a row already",
        "Keep one",
    ),
    "a field that is no number": (
        row("custom_field_cost", "code", "both", "number"),
        "Procore has no incident field `custom_field_cost`",
        "custom_field_ID",
    ),
    "words without a list": (
        row("custom_field_7", "code", "both", "words"),
        "`using: words` needs a word list",
        "Add the line",
    ),
    "several entries of a hazard": (
        row("hazard", "code", "both", "several words", "words: trade"),
        "`using: several words` cannot serve Procore's `hazard`",
        "Write `using: name`",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_row_that_cannot_be_is_told_with_its_remedy(written: Write, name: str) -> None:
    broken, expected, remedy = REFUSED[name]
    reported = problems(written(broken))
    assert any(expected in what and remedy in how for what, how in reported), reported


@pytest.mark.parametrize("using", ["words", "several words"])
@pytest.mark.parametrize("direction", ["both", TO_PROCORE])
def test_a_label_cannot_be_written(written: Write, using: str, direction: str) -> None:
    reported = problems(written(row("custom_field_7", "code", direction, using, "words: trade"), LABELS))
    assert reported == [
        (
            "`Roofing` is a label, and Procore takes ids",
            "Write the id of the entry, `true` or `false`, or let the row go `procore to 4hse`",
        )
    ]


@pytest.mark.parametrize(
    ("procore", "fourhse"), [("custom_field_7", "days"), ("work_days_absent", "code")], ids=["custom", "days"]
)
def test_a_number_of_days_and_a_custom_number_stand_apart(written: Write, procore: str, fourhse: str) -> None:
    reported = problems(written(row(procore, fourhse, "both", "number"), file="people.yaml"))
    assert any("cannot join" in what for what, _ in reported)


STATUS = "    using: status\n"


@pytest.mark.parametrize(
    ("words", "what", "remedy"),
    [
        ("- 4hse: new\n  procore: 7\n", "`new` is no word for `4hse`", "Choose one of `closed`, `open`"),
        ("- 4hse: open\n  procore: Filed\n", "`Filed` is no id of a custom status", "Write the number"),
        ("- 4hse: open\n  procore: 7\n- 4hse: closed\n  procore: 7\n", "this row would not settle", "Mend the list"),
        ("- 4hse: open\n  procore: 7\n- 4hse: open\n  procore: 8\n", "`open` is listed already", "Keep one line"),
    ],
)
def test_a_list_of_statuses_names_ids_for_open_and_closed(written: Write, words: str, what: str, remedy: str) -> None:
    folder = written("", words)
    path = folder / "incident.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace(STATUS, f"{STATUS}    words: trade\n"), encoding="utf-8")
    ((reported, how),) = problems(folder)
    assert what in reported
    assert remedy in how


def test_a_status_may_name_one_word_only(written: Write) -> None:
    folder = written("", "- 4hse: closed\n  procore: 7\n")
    path = folder / "incident.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace(STATUS, f"{STATUS}    words: trade\n"), encoding="utf-8")
    lens = next(field for field in load(folder).fields if field.key == "status").lens
    assert lens.put(Side.PROCORE, "closed", {"status": "open"}, {}) == {"custom_status_id": 7}
    assert lens.put(Side.PROCORE, "open", {"status": "closed"}, {}) == {"status": "open"}


@pytest.mark.parametrize(("said", "validations"), [("", False), ("off", False), ("on", True)])
def test_procore_validates_only_when_the_mapping_says_so(written: Write, said: str, validations: bool) -> None:
    assert load(asking(written, said)).validations is validations


def test_validations_are_on_or_off(written: Write) -> None:
    reported = problems(asking(written, "yes"))
    assert reported == [("`yes` is no word for `configurable validations`", "Choose one of `off`, `on`")]


def asking(written: Write, said: str) -> Path:
    folder = written("")
    path = folder / "incident.yaml"
    line = f"configurable validations: {said}\n" if said else ""
    path.write_text(path.read_text(encoding="utf-8").replace("fields:\n", f"{line}fields:\n"), encoding="utf-8")
    return folder
