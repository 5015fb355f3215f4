"""The steps of docs/mapping.md, taken exactly as they stand there, by somebody who knows nothing but the page."""

from __future__ import annotations

import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import dedent, indent

import pytest
import structlog
from typer.testing import CliRunner

from procore_4hse.cli import app

PAGE = (Path(__file__).parents[2] / "docs" / "mapping.md").read_text(encoding="utf-8")
SECTION = PAGE.split("## Adding a field and a word list, step by step\n")[1].split("\n## ")[0]
FOUND = re.findall(r"^ *```(\w*)\n(.*?)^ *```$", SECTION, re.MULTILINE | re.DOTALL)
BLOCKS = [(word, dedent(body)) for word, body in FOUND]
SITE = "config/mappings/site"


def one_line(text: str) -> str:
    return " ".join(text.split())


@contextmanager
def serving(words: list[str]) -> Iterator[None]:
    """The first terminal: the two systems, until the block ends."""
    with subprocess.Popen([sys.executable, "-m", "procore_4hse", *words], stdout=subprocess.PIPE, text=True) as servers:
        try:
            assert servers.stdout is not None
            assert any(line.startswith("Ctrl-C") for line in servers.stdout)
            yield
        finally:
            servers.send_signal(signal.SIGINT)


TRADE = re.findall(
    r"^```yaml\n(# (?:incident.yaml, a row\n- field: Trade|words/trade.yaml)\n.*?)^```$", PAGE, re.M | re.S
)


class Reader:
    """The second terminal: types what the page says, writes what it says, and compares what it is told."""

    def __init__(self, site: str = SITE) -> None:
        self.site, self.said = site, ""

    def take(self, word: str, body: str) -> None:
        {"sh": self.type, "yaml": self.write, "toml": self.configure, "": self.compare}[word](body)

    def type(self, body: str) -> None:
        self.said = " ".join(self.run(shlex.split(line)) for line in body.splitlines())

    def run(self, words: list[str]) -> str:
        if words[0] == "cp":
            shutil.copytree(words[2], words[3])
            return ""
        assert words[0] == "procore-4hse"
        done = CliRunner(env={"COLUMNS": "200"}).invoke(app, words[1:])
        structlog.reset_defaults()
        assert done.exit_code == 0, (words, done.output)
        return one_line(done.stdout)

    def write(self, body: str) -> None:
        name, text = body.removeprefix("# ").split("\n", 1)
        path = Path(self.site, name.removesuffix(", a row"))
        if name.endswith(", a row"):
            text = path.read_text(encoding="utf-8") + "\n" + indent(text, "  ")
        path.write_text(text, encoding="utf-8")

    def configure(self, body: str) -> None:
        path, key = Path("config/sync.toml"), body.partition(" ")[0]
        text = path.read_text(encoding="utf-8")
        (line,) = re.findall(rf"^{key} = .*\n", text, re.MULTILINE)
        path.write_text(text.replace(line, body), encoding="utf-8")

    def compare(self, body: str) -> None:
        assert body
        for line in body.splitlines():
            assert one_line(line) in self.said


def test_the_steps_lead_to_a_field_that_crosses_both_ways(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (_, found), (_, start), *rest = BLOCKS
    assert found == 'export PATH="$PWD/.venv/bin:$PATH"\n'
    make, enter, serve = map(shlex.split, start.splitlines())
    assert (make[0], enter[0], serve[0]) == ("mkdir", "cd", "procore-4hse")
    (tmp_path / make[1]).mkdir()
    monkeypatch.chdir(tmp_path / enter[1])
    with serving(serve[1:]):
        reader = Reader()
        for word, body in rest:
            reader.take(word, body)
    assert [word for word, _ in BLOCKS].count("sh") == 13


def test_the_custom_field_of_the_page_crosses_on_the_simulated_systems(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with serving(["simulate", "--init", "--incidents", "0"]):
        reader = Reader("config/mappings/default")
        for body in TRADE:
            reader.write(body)
        reader.type("procore-4hse sync --first\nprocore-4hse explain 8589934822 --rules")
        reader.compare("description_actions_involved: Trade: Roofer")
        reader.type("procore-4hse simulate edit 8589934822 custom_field_598134325870421=Mason")
        reader.type("procore-4hse sync\nprocore-4hse explain 8589934822 --rules")
        reader.compare("Trade: changed in Procore\nMason (598134325880002)\ndescription_actions_involved: Trade: Mason")
        reader.type("procore-4hse check")
        reader.compare("of the words of `Trade` only those that records show were compared.")
    assert len(TRADE) == 2
