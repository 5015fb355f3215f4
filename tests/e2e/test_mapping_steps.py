"""The steps of docs/adding-a-field.md, taken exactly as they stand there, by somebody who knows nothing else."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from reader import Reader, blocks, serving

DOCS = Path(__file__).parents[2] / "docs"
BLOCKS = blocks((DOCS / "adding-a-field.md").read_text(encoding="utf-8"))
REFERENCE = (DOCS / "mapping-reference.md").read_text(encoding="utf-8")


TRADE = re.findall(
    r"^```yaml\n(# (?:incident.yaml, a row\n- field: Trade|words/trade.yaml)\n.*?)^```$", REFERENCE, re.M | re.S
)


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
