"""The documents tell what the code does: commands, options, settings, modules, and the values of a real run."""

import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
import typer
from one_incident import BLOCK, DOCUMENT, blocks, written_into
from typer.testing import CliRunner

from procore_4hse.cli import app
from procore_4hse.demo import open_stage
from procore_4hse.engine.report import Report
from procore_4hse.errors import SyncError
from procore_4hse.models import ItemKind, Side
from procore_4hse.operations.texts import ENGLISH, say
from procore_4hse.settings import reference
from procore_4hse.settings.model import keys
from procore_4hse.settings.sources import CONFIG_VARIABLE, SECRETS_VARIABLE

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
CONFIGURATION = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
COMMAND_PAGE = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
ANSWERING = (ROOT / "docs" / "answering.md").read_text(encoding="utf-8")
PRACTICE = (ROOT / "docs" / "practice.md").read_text(encoding="utf-8")
OPERATING = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
PACKAGE = ROOT / "src" / "procore_4hse"
DOCUMENTS = (ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md")))
PROGRAM: Any = typer.main.get_command(app)
EVERYWHERE = {"--help", "-h"}


def commands(group: Any = PROGRAM, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Each command by the words that one types, `inbox resolve`."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            if command.invoke_without_command and "list" not in command.commands:
                yield " ".join((*path, name)), command
            yield from commands(command, (*path, name))
        else:
            yield " ".join((*path, name)), command


COMMANDS = dict(commands())


DEFAULTS = {
    "procore.client_id": "required",
    "fourhse.client_secret": "empty",
    "schedule.settle_for": "30m",
    "schedule.full_sweep_every": "24h",
    "retention.cycles": "90d",
    "retention.raw": "none",
    "desk.viewers": "none",
    "desk.port": "8484",
    "routes.enabled": "true",
    "routes.deletions": "ask",
}
"""Some defaults as the page is to spell them."""


def rows_of(command: str) -> str:
    """The rows of docs/commands.md about a command; its options stand there."""
    spelled = re.escape(command).replace(r"\ list", r" \[list\]")
    return "\n".join(
        line for line in COMMAND_PAGE.splitlines() if line.startswith("|") and re.search(rf"`{spelled}[` \[]", line)
    )


def options_of(command: Any) -> list[str]:
    return [opt for param in command.params for opt in param.opts if opt.startswith("--")]


# The README and the pages that it leads to -----------------------------------------------------------------------


@pytest.mark.parametrize("name", COMMANDS)
def test_the_commands_page_tells_every_command_with_its_options(name: str) -> None:
    rows = rows_of(name)
    assert rows, f"docs/commands.md has no row for `{name}`"
    missing = [opt for opt in options_of(COMMANDS[name]) if opt not in EVERYWHERE and opt not in rows]
    assert missing == []


def test_the_commands_page_tells_no_command_that_is_not_there() -> None:
    table = COMMAND_PAGE.split("| command | does |")[1].split("\n\n")[0]
    cells = [row.replace(r"\|", "").split("|")[1] for row in table.splitlines() if row.startswith("| `")]
    names = {re.match(r"[a-z]+(?: [a-z]+)?", spelled)[0] for cell in cells for spelled in re.findall("`([^`]*)`", cell)}  # type: ignore[index]
    assert names == {name.removesuffix(" list") for name in COMMANDS}


def test_the_commands_page_tells_every_option_before_the_command() -> None:
    text = COMMAND_PAGE.split("Before the command:")[1].split("\n\n")[0]
    assert [opt for param in PROGRAM.params for opt in param.opts if opt not in EVERYWHERE and opt not in text] == []


def test_the_configuration_page_tells_every_setting_as_it_is() -> None:
    assert reference.written_into(CONFIGURATION) == CONFIGURATION, (
        "make it anew: see procore_4hse/settings/reference.py"
    )
    told = {key: (default, meaning) for key, default, meaning in reference.settings()}
    assert set(told) >= {".".join(path) for path in keys() if path != ("routes",)}
    assert {"routes.name", "routes.privacy.health"} <= set(told)
    assert {key: told[key][0] for key in DEFAULTS} == DEFAULTS
    assert [key for key, (_, meaning) in told.items() if not meaning] == []


def test_the_configuration_page_names_the_variables_that_are_read() -> None:
    assert CONFIG_VARIABLE in CONFIGURATION
    assert SECRETS_VARIABLE in CONFIGURATION


def test_the_pages_tell_every_exit_code_and_every_kind_of_item() -> None:
    codes = {int(code) for code in re.findall(r"^\| (\d) \|", COMMAND_PAGE, re.MULTILINE)}
    assert codes == {0, *(each.exit_code for each in family(SyncError))}
    kinds = OPERATING.split("| kind | what happened |")[1].split("\n\n")[0]
    assert re.findall(r"^\| `(\w+)`", kinds, re.MULTILINE) == [str(kind) for kind in ItemKind]
    assert set(Report("any").inbox) == set(ItemKind)


def test_the_readme_can_be_read_in_ten_minutes() -> None:
    assert len(README.split()) < 1800


@pytest.mark.parametrize("page", [ANSWERING, PRACTICE], ids=["answering", "practice"])
def test_the_pages_for_those_who_answer_tell_of_every_kind_of_question(page: str) -> None:
    headings = re.findall(r"^## (?:\d\. )?(.*) \(`(\w+)`\)$", page, re.MULTILINE)
    assert sorted(headings) == sorted((say(f"kind.{kind}"), str(kind)) for kind in ItemKind)


def test_the_page_for_the_safety_manager_names_answers_as_the_desk_does() -> None:
    named = re.findall(r"(?<!\*)\*([A-Z][^*]+)\*(?!\*)", " ".join(ANSWERING.split()))
    texts = [text.replace("{side}", side.label) for text in ENGLISH.values() for side in Side]
    assert len(named) > 15
    assert [each for each in named if not any(text.startswith(each) for text in texts)] == []


def family(root: type[SyncError]) -> Iterator[type[SyncError]]:
    yield root
    for child in root.__subclasses__():
        yield from family(child)


def typed_lines() -> list[str]:
    """Every command line that these documents tell a reader to type."""
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    texts = [README, CONFIGURATION, COMMAND_PAGE, OPERATING, DOCUMENT.read_text(encoding="utf-8"), changes]
    fenced = [line for text in texts for line in re.findall(r"^(procore-4hse .*?)(?: +#.*)?$", text, re.MULTILINE)]
    inline = [line for text in texts for line in re.findall(r"`(procore-4hse [^`]*)`", text)]
    return sorted({*fenced, *inline})


@pytest.mark.parametrize("line", typed_lines())
def test_a_command_line_in_the_documents_can_be_typed(line: str) -> None:
    """Every word of it is known: commands, options and the number of arguments."""
    words = [word for word in shlex.split(line)[1:] if word != "..."]
    words = ["12" if word == "ID" else "2026-01-01" if word == "DAY" else word for word in words]
    group, context = PROGRAM, None
    while True:
        context = group.make_context(group.name, words, parent=context)
        words = [*context._protected_args, *context.args]
        if not (hasattr(group, "commands") and words):
            break
        group, words = group.commands[words[0]], words[1:]
    assert words == []


def test_the_readme_names_make_words_that_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    words = {*re.findall(r"`make (\w+)`", README), *re.findall(r"^make (\w+)", README, re.MULTILINE)}
    assert {"demo", "test", "check", "bench", "record"} <= words
    assert [word for word in words if not re.search(rf"^{word}:", makefile, re.MULTILINE)] == []


def typed(line: str, config: Path) -> int:
    """The exit code of a command line as a reader would type it, with this configuration."""
    code = CliRunner().invoke(app, ["--config", str(config), *shlex.split(line)[1:]]).exit_code
    structlog.reset_defaults()
    return code


def steps_of(heading: str) -> list[str]:
    """The commands in the block of a section of the README."""
    (block,) = re.findall(r"```sh\n(.*?)```", README.split(f"## {heading}\n")[1].split("\n## ")[0], re.DOTALL)
    return [line.split("#")[0].strip() for line in block.splitlines()]


def test_the_first_steps_of_the_readme_can_be_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two full registers: the plan shows a first meeting, the sync asks, a person says yes, the next sync is done."""
    steps = steps_of("With your own systems")
    mapping = [line.split("#")[0].strip() for line in README.splitlines() if line.startswith("procore-4hse mapping")]
    (tmp_path / "stage").mkdir()
    monkeypatch.chdir(tmp_path)
    with open_stage(tmp_path / "stage", incidents=30) as stage:
        config = tmp_path / "stage" / "sync.toml"
        assert typed(steps[0], tmp_path / "mine.toml") == 0
        assert {step: typed(step, config) for step in steps[1:]} == {
            "procore-4hse check": 0,
            "procore-4hse plan": 7,
            "procore-4hse sync": 7,
        }
        approved = [f"procore-4hse inbox approve {stage.inbox()[0].id}", "procore-4hse sync"]
        later = [line for line in steps_of("What waits for a person") if line != "procore-4hse desk"]
        assert {line: typed(line, config) for line in (*approved, *later, *mapping)} == dict.fromkeys(
            (*approved, *later, *mapping), 0
        )
        assert stage.differences() == []
    assert (tmp_path / "mine.toml").exists()


# All documents ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_to_files_that_exist(path: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)\)", path.read_text(encoding="utf-8"))
    assert [link for link in links if "://" not in link and not (path.parent / link).exists()] == []


def test_every_picture_is_shown_small_and_told_in_words() -> None:
    texts = [path.read_text(encoding="utf-8") for path in DOCUMENTS]
    shown = {name: words for text in texts for words, name in re.findall(r"!\[([^]]*)\]\(images/([^)]+)\)", text)}
    kept = {path.name: path.stat().st_size for path in (ROOT / "docs" / "images").iterdir()}
    assert kept.keys() == shown.keys()
    assert [name for name, size in kept.items() if size > 120_000 or len(shown[name]) < 20] == []


def test_the_changelog_has_the_version_that_is_shipped() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert re.search(rf"^## {re.escape(version)}$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)


# The architecture ------------------------------------------------------------------------------------------------


def rooms() -> list[str]:
    """Every module and package on the ground floor of ours."""
    paths = [path for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()]
    return sorted(f"{path.name}/" if path.is_dir() else path.name for path in paths if path.name != "__init__.py")


@pytest.mark.parametrize("room", rooms())
def test_the_architecture_has_a_paragraph_for_every_room(room: str) -> None:
    assert f"**`{room}`**" in ARCHITECTURE


def modules() -> list[str]:
    """Every module in a package of ours, `mapping/lenses/days.py`."""
    paths = (path.relative_to(PACKAGE) for path in PACKAGE.glob("*/**/*.py") if path.name != "__init__.py")
    return sorted(path.as_posix() for path in paths if "migrations" not in path.parts)


@pytest.mark.parametrize("module", modules())
def test_the_architecture_names_every_module_where_it_tells_of_its_package(module: str) -> None:
    folder, *_, name = module.split("/")
    (paragraph,) = [
        text for text in re.split(r"\n\n(?=\*\*`|## )", ARCHITECTURE) if text.startswith(f"**`{folder}/`**")
    ]
    assert f"`{name}`" in paragraph


def test_the_architecture_names_files_that_exist() -> None:
    names = set(re.findall(r"`([\w/]+\.(?:py|toml|md|yaml|csv))`", ARCHITECTURE))
    places = (ROOT, PACKAGE, *(path for path in PACKAGE.rglob("*") if path.is_dir()))
    assert [name for name in names if not any((place / name).exists() for place in places)] == []


def test_the_architecture_draws_the_floors_as_the_contract_has_them() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(each["layers"] for each in contracts if each["id"] == "floors")
    (drawn,) = re.findall(r"<!-- floors -->\n```\n(.*?)```", ARCHITECTURE, re.DOTALL)
    floors = [set(re.findall(r"\w+", line.split("  ")[0])) for line in drawn.splitlines()]
    assert floors == [set(re.findall(r"\w+", layer)) for layer in layers]


# One incident ----------------------------------------------------------------------------------------------------


def test_the_life_of_one_incident_has_the_values_of_a_run(tmp_path: Path) -> None:
    document = DOCUMENT.read_text(encoding="utf-8")
    values = blocks(tmp_path)
    assert {block["name"] for block in BLOCK.finditer(document)} == set(values)
    assert written_into(document, values) == document
