"""Somebody who knows nothing but a page of the documents, and takes its steps exactly as they stand there."""

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

import structlog
from typer.testing import CliRunner

from procore_4hse.cli import app

BLOCK = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
EXIT_CODE = re.compile(r"# exit code (\d)$")
SITE = "config/mappings/site"


def blocks(text: str) -> list[tuple[str, str]]:
    """Every fenced block with the word behind its fence."""
    return [(word, dedent(body)) for word, body in BLOCK.findall(text)]


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


class Reader:
    """The second terminal: types what the page says, writes what it says, and compares what it is told."""

    def __init__(self, site: str = SITE) -> None:
        self.site, self.said = site, ""

    def take(self, word: str, body: str) -> None:
        {"sh": self.type, "yaml": self.write, "toml": self.configure, "": self.compare}[word](body)

    def type(self, body: str) -> None:
        self.said = " ".join(map(self.run, body.splitlines()))

    def run(self, line: str) -> str:
        """A command of the page; it ends with 0, unless a remark behind it names another code."""
        words, ends = shlex.split(line, comments=True), EXIT_CODE.search(line)
        if words[0] == "cp":
            shutil.copytree(words[2], words[3])
            return ""
        assert words[0] == "procore-4hse"
        done = CliRunner(env={"COLUMNS": "200"}).invoke(app, words[1:])
        structlog.reset_defaults()
        assert done.exit_code == (int(ends[1]) if ends else 0), (words, done.output)
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
