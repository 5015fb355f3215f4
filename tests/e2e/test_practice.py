"""docs/practice.md, taken exactly as it stands there: every command, and what it says to expect."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest
from reader import Reader, blocks, serving

from procore_4hse.models import ItemKind

PAGE = (Path(__file__).parents[2] / "docs" / "practice.md").read_text(encoding="utf-8")


def test_every_kind_of_question_is_practised_as_the_page_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (_, found), (_, start), *rest = blocks(PAGE)
    assert found == 'export PATH="$PWD/.venv/bin:$PATH"\n'
    make, enter, serve = map(shlex.split, start.splitlines())
    (tmp_path / make[1]).mkdir()
    monkeypatch.chdir(tmp_path / enter[1])
    reader = Reader()
    with serving(serve[1:]):
        for word, body in rest:
            reader.take(word, body)
        closed = json.loads(reader.run("procore-4hse inbox list --closed --json"))["items"]
    assert {item["kind"] for item in closed} == set(ItemKind)
