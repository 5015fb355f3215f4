"""The page about the mapping: every example of it is read, and what it says of the words is what they do."""

import re
import tomllib
from pathlib import Path
from shutil import copytree
from textwrap import dedent, indent

import pytest

from procore_4hse.mapping import schema
from procore_4hse.mapping.lenses.base import Known
from procore_4hse.mapping.loader import load
from procore_4hse.models import Side
from procore_4hse.settings.model import PrivacySettings

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "mapping.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^( *)```yaml\n(.*?)^ *```$", PAGE, re.MULTILINE | re.DOTALL)
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
    kept = [row for row in rows if f"    procore: {procore[1]}\n" not in row]
    new = indent(body, "  ")
    named = re.search(r"^  words: (.*)$", body, re.MULTILINE)
    if named is not None and not (folder / "words" / f"{named[1]}.yaml").exists():
        placed(next(example for example in EXAMPLES if example.startswith(f"# words/{named[1]}.yaml")), folder)
    path.write_text(head + "".join(row.rstrip() + "\n\n" for row in kept) + new, encoding="utf-8")


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


@pytest.mark.parametrize("form", schema.FORMS, ids=lambda form: form.file)
def test_the_page_explains_each_word_of_using(form: schema.Form) -> None:
    (part,) = re.findall(rf"^## The words of `using` in {form.file}\n(.*?)^## ", PAGE, re.MULTILINE | re.DOTALL)
    sections = re.split(r"^### ", part, flags=re.MULTILINE)[1:]
    assert [section.split("\n")[0] for section in sections] == list(form.using)
    for section, using in zip(sections, form.using.values(), strict=True):
        assert section.split("\n\n")[1].lower().startswith(using.keeps.value)
        assert f"using: {using.word}\n" in section


def test_the_page_explains_every_key() -> None:
    models = (schema.MappingText, schema.PeopleText, schema.RowText, schema.PersonRowText)
    keys = {info.alias or name for model in models for name, info in model.model_fields.items()}
    assert sorted(key for key in keys if f"| `{key}` |" not in PAGE) == []


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
    assert len(READY) == 6


def test_rows_that_stand_ready_are_on_the_page() -> None:
    assert all(f"using: {using}\n" in PAGE for using in re.findall(r"^#     using: (.*)$", DEFAULT, re.MULTILINE))


# What is no YAML -------------------------------------------------------------------------------------------------

FENCED = re.findall(r"^```(\w*)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
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
    (block,) = re.findall(r"^```toml\n(\[routes\.privacy\].*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    settings = PrivacySettings.model_validate(tomllib.loads(block)["routes"]["privacy"])
    assert (settings.health.value, settings.when_barred.value) == ("4hse-to-procore", "leave out")
