"""A changed word in the mapping with many linked incidents: one question with counts, and nothing written before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from shutil import copytree

import pytest

from actors import NOTHING, hurt_on_site, wrote
from procore_4hse.mapping.loader import load
from procore_4hse.models import Side
from procore_4hse.operations.mapping_diff import mapping_diff
from procore_4hse.operations.plan_effects import What
from world import MAPPING, World

pytestmark = pytest.mark.any_store

MANY = 150
DAY = date(2025, 1, 1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The default mapping, but the word for an injury is no longer ACCIDENTS."""
    there = copytree(MAPPING, tmp_path / "next")
    words = there / "words" / "category.yaml"
    meanings = {"ACCIDENTS": "injury", "REPORT_FAILURE": "not shared"}
    swapped = {"ACCIDENTS": "nothing recorded", "REPORT_FAILURE": "injury"}
    text = words.read_text(encoding="utf-8")
    for word, meaning in meanings.items():
        line = f"- 4hse: {word}\n  procore: {meaning}\n"
        assert line in text
        text = text.replace(line, f"- 4hse: {word}\n  procore: {swapped[word]}\n")
    words.write_text(text, encoding="utf-8")
    return there


def crowded(build: Callable[..., World]) -> World:
    """So many incidents with an injury that names nobody, told in both registers and linked."""
    world = build()
    for number in range(MANY):
        title, day = f"Fall {number}", DAY + timedelta(days=number % 365)
        text = f"What happened at place {number}."
        hurt_on_site(world, world.on_site(title, day, description=text), None)
        world.in_office(title, day, description_event=text, category="ACCIDENTS")
    world.sync(first=True)
    assert len(world.links()) == MANY
    return world


def test_many_links_are_one_question_and_nothing_is_written_before_the_answer(
    build: Callable[..., World], folder: Path
) -> None:
    """Slow, for all incidents are read again in each of five cycles; a guard that counts shows only with many."""
    world = crowded(build)
    diff = mapping_diff(world.store, world.route, replace(world.route, mapping=load(folder)))
    assert (diff.incidents, diff.concerned, diff.newly(What.DIFFER)) == (MANY, MANY, MANY)
    assert diff.counts == {("Category", Side.FOURHSE, What.DIFFER): MANY}

    world.with_route(mapping=load(folder))
    for _ in range(2):
        report = world.sync()
        assert (report.outcome, report.exit_code, wrote(report)) == ("stopped", 7, NOTHING)
        (entry,) = world.inbox()
        assert (entry.item.key, entry.item.facts["pairs"]) == ("guard:mapping", MANY)
        assert entry.item.reason == diff.stop
        assert f"{MANY} linked incidents" in entry.item.reason
        assert "Category" in entry.item.reason

    world.answer(entry.id, "approve", use="base")
    for _ in range(2):
        report = world.sync()
        assert (report.outcome, wrote(report), world.inbox()) == ("ok", NOTHING, [])
    assert Counter(row["category"] for row in world.office().values()) == {"ACCIDENTS": MANY}
