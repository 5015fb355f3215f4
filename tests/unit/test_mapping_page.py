"""The pages about the mapping: every example of them is read, and what they say of the words is what they do."""

import re
import tomllib
from pathlib import Path
from shutil import copytree
from textwrap import dedent, indent

import pytest

from procore_4hse.mapping import reference, schema
from procore_4hse.mapping.lenses.base import Known
from procore_4hse.mapping.loader import load
from procore_4hse.models import Side
from procore_4hse.settings.model import PrivacySettings

ROOT = Path(__file__).parents[2]
GUIDE, STEPS, REFERENCE = (
    (ROOT / "docs" / name).read_text(encoding="utf-8")
    for name in ("mapping.md", "adding-a-field.md", "mapping-reference.md")
)
BLOCKS = re.findall(r"^( *)```yaml\n(.*?)^ *```$", GUIDE + STEPS + REFERENCE, re.MULTILINE | re.DOTALL)
EXAMPLES = [dedent(body) for _, body in BLOCKS]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(copytree(ROOT / "mappings" / "default", tmp_path / "site"))


def placed(example: str, folder: Path) -> None:
    """Lays an example into a folder: a whole file, or a row in the place of the one for the same field."""
    place, body = example.removeprefix("# ").split("\n", 1)
    path = folder / place.removesuffix(", a row")
    if not place.endswith(", a row"):
        path.write_text(body, encoding="utf-8")
        return
    procore = re.search(r"^  procore: (.*)$", body, re.MULTILINE)
    assert procore is not None
    head, *rows = re.split(r"^(?=  - field)", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    fourhse = re.search(r"^  4hse: (.*)$", body, re.MULTILINE)
    assert fourhse is not None
    is_whole = "\n  line: " not in body
    kept = [row for row in rows if not _takes_the_place(row, procore[1], fourhse[1] if is_whole else "")]
    new = indent(body, "  ")
    named = re.search(r"^  words: (.*)$", body, re.MULTILINE)
    if named is not None and not (folder / "words" / f"{named[1]}.yaml").exists():
        placed(next(example for example in EXAMPLES if example.startswith(f"# words/{named[1]}.yaml")), folder)
    path.write_text(head + "".join(row.rstrip() + "\n\n" for row in kept) + new, encoding="utf-8")


def _takes_the_place(row: str, procore: str, fourhse: str) -> bool:
    """Whether this row of the folder carries the same field of Procore's, or all of the same text of 4HSE's."""
    is_line = "    procore line: " in row
    is_same = f"    procore: {procore}\n" in row and not is_line
    return is_same or (f"    4hse: {fourhse}\n" in row and "    line: " not in row)


@pytest.mark.parametrize("example", EXAMPLES, ids=[example.split("\n")[0] for example in EXAMPLES])
def test_each_example_of_the_page_is_a_mapping(example: str, folder: Path) -> None:
    assert re.match(r"# (incident\.yaml|people\.yaml|equipment\.yaml|words/\w+\.yaml)(, a row)?\n", example)
    before, is_there = load(folder), (folder / example.removeprefix("# ").split("\n")[0]).exists()
    placed(example, folder)
    after = load(folder)
    label = re.search(r"^- field: (.*)$", example, re.MULTILINE)
    if label is not None:
        assert label[1] in [row.label for row in (*after.fields, *after.people, *after.equipment)]
    elif is_there:
        assert after.digest != before.digest


def test_the_tables_are_those_of_the_schema() -> None:
    assert reference.written_into(REFERENCE) == REFERENCE, "make them anew: see procore_4hse/mapping/reference.py"
    assert {name for _, name, _ in reference.MARKED.findall(REFERENCE)} == set(reference.TABLES)


@pytest.mark.parametrize("form", schema.FORMS, ids=lambda form: form.file)
def test_the_reference_tells_each_key_and_each_word_with_its_meaning(form: schema.Form) -> None:
    (part,) = re.findall(rf"^## The words of `using` in {form.file}\n(.*?)^## ", REFERENCE, re.MULTILINE | re.DOTALL)
    assert re.findall(r"^\| `([a-z ]+)` \| \S", part, re.MULTILINE) == list(form.using)
    keys = {info.alias or name for model in (form.top, form.row) for name, info in model.model_fields.items()}
    assert sorted(key for key in keys if not re.search(rf"^\| `{key}` \|[^|]+\| \S", REFERENCE, re.MULTILINE)) == []


def test_a_safety_manager_reads_one_page() -> None:
    assert len(GUIDE.split()) < 900


# Rows that stand ready -------------------------------------------------------------------------------------------

DEFAULT = (ROOT / "mappings" / "default" / "incident.yaml").read_text(encoding="utf-8")
READY = re.findall(r"^#   - field.*\n(?:#     .*\n)+", DEFAULT, re.MULTILINE)


ACTIVE = re.findall(r"^  - field", DEFAULT, re.MULTILINE)


def uncommented(rows: str) -> str:
    return re.sub(r"^# ", "", rows, flags=re.MULTILINE)


@pytest.mark.parametrize("row", [*READY, "".join(READY)])
def test_a_row_that_stands_ready_is_a_mapping_without_its_mark(row: str, folder: Path) -> None:
    path = folder / "incident.yaml"
    path.write_text(DEFAULT.replace(row, uncommented(row)) if row in DEFAULT else DEFAULT + uncommented(row))
    labels = re.findall(r"^#   - field: (.*)$", row, re.MULTILINE)
    assert [row.label for row in load(folder).fields][len(ACTIVE) :] == labels
    assert len(READY) == 13


def test_rows_that_stand_ready_are_on_the_page() -> None:
    ready = re.findall(r"^#     using: (.*)$", DEFAULT, re.MULTILINE)
    assert [using for using in ready if f"| `{using}` |" not in REFERENCE] == []


# What is no YAML -------------------------------------------------------------------------------------------------

FENCED = re.findall(r"^```(\w*)\n(.*?)^```$", GUIDE + REFERENCE, re.MULTILINE | re.DOTALL)
PLAIN = [body for word, body in FENCED if not word]


def test_the_files_of_a_folder_are_those_of_the_default_mapping() -> None:
    default = ROOT / "mappings" / "default"
    head, *lines = PLAIN[0].splitlines()
    assert (ROOT / head).resolve() == default
    named = {line.split()[0] for line in lines}
    assert named == {path.relative_to(default).as_posix() for path in default.rglob("*.yaml")} | {"equipment.yaml"}


def test_the_lines_above_a_text_are_read_as_the_page_says() -> None:
    (text,) = [block for block in PLAIN if block.startswith("Affliction: ")]
    people = load(ROOT / "mappings" / "default").people
    readings = {row.label: row.lens.get(Side.FOURHSE, {"description": text}) for row in people}
    assert [readings[label] for label in ("Affliction", "Body parts", "Filing type", "Description of the person")] == [
        Known("fracture"),
        Known(("hand_left", "neck")),
        Known("first_aid"),
        Known("He fell from the second rung."),
    ]


def test_the_settings_for_privacy_can_be_used() -> None:
    (block,) = re.findall(r"^```toml\n(\[routes\.privacy\].*?)^```$", REFERENCE, re.MULTILINE | re.DOTALL)
    settings = PrivacySettings.model_validate(tomllib.loads(block)["routes"]["privacy"])
    assert (settings.health.value, settings.when_barred.value) == ("4hse-to-procore", "leave out")
