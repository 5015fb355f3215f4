"""Commands as processes on consoles that know few characters: what has no form there is replaced, and nothing fails."""

import json
import os
import subprocess
import sys
from contextlib import closing

import pytest
from cli_stand import Stand
from preloaded import Process

TITLE = "Sturz \N{RIGHTWARDS ARROW} Gerüst \N{CJK UNIFIED IDEOGRAPH-6F22}"


def environ(encoding: str) -> dict[str, str]:
    return {**os.environ, "PYTHONIOENCODING": encoding, "COLUMNS": "200"}


def said(stand: Stand, encoding: str, *words: str) -> str:
    """What the command shows; it must have gone well."""
    with closing(Process(["--config", str(stand.file), *words], environ(encoding))) as process:
        shown, wrong = process.communicate(timeout=60)
        assert process.returncode == 0, wrong
    return shown


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [("ascii", "Sturz ? Ger?st ?"), ("ascii:strict", "Sturz ? Ger?st ?"), ("latin-1", "Sturz ? Gerüst ?")],
)
def test_characters_without_a_form_are_replaced(stand: Stand, encoding: str, shown: str) -> None:
    stand.on_site(TITLE)
    assert shown in said(stand, encoding, "plan")
    assert TITLE in json.dumps(json.loads(said(stand, encoding, "plan", "--json")), ensure_ascii=False)
    assert "Usage" in said(stand, encoding, "sync", "--help")


def test_an_interpreter_that_begins_on_such_a_console_goes_well_too(stand: Stand) -> None:
    stand.on_site(TITLE)
    command = [sys.executable, "-m", "procore_4hse", "--config", str(stand.file), "plan"]
    done = subprocess.run(command, env=environ("ascii:strict"), capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, "Sturz ? Ger?st ?" in done.stdout) == (0, True), done.stderr
