"""Commands as processes on consoles that know few characters: what has no form there is replaced, and nothing fails."""

import json
import os
import subprocess
import sys

import pytest
from cli_stand import Stand

TITLE = "Sturz \N{RIGHTWARDS ARROW} Gerüst \N{CJK UNIFIED IDEOGRAPH-6F22}"


def said(stand: Stand, encoding: str, *words: str) -> str:
    """What the command shows; it must have gone well."""
    command = [sys.executable, "-m", "procore_4hse", "--config", str(stand.file), *words]
    environ = {**os.environ, "PYTHONIOENCODING": encoding, "COLUMNS": "200"}
    done = subprocess.run(command, env=environ, capture_output=True, timeout=60, encoding="latin-1", check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [("ascii", "Sturz ? Ger?st ?"), ("ascii:strict", "Sturz ? Ger?st ?"), ("latin-1", "Sturz ? Gerüst ?")],
)
def test_characters_without_a_form_are_replaced(stand: Stand, encoding: str, shown: str) -> None:
    stand.on_site(TITLE)
    assert shown in said(stand, encoding, "plan")
    assert TITLE in json.dumps(json.loads(said(stand, encoding, "plan", "--json")), ensure_ascii=False)
    assert "Usage" in said(stand, encoding, "sync", "--help")
