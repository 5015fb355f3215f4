"""A sample of the crash points of `make crash`, the same in every run, and the proof that their judge can say no."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from crash_oracle import Expected, judge
from crash_scenarios import PAIRS, SCENARIOS, edit_office, in_office, linked, office_id, on_site, site_id

from world import World

HERE = Path(__file__).parent
EVERY = {"sqlite": 240, "postgresql": 600}
"""Of the boundaries at writes and commits, one in so many is run; a server's store costs more each time."""


def sample(*options: str, scenarios: list[str]) -> dict[str, object]:
    """What the command of `make crash` tells about a part of its points, as it does in JSON."""
    chosen = [word for name in scenarios for word in ("--scenario", name)]
    command = [sys.executable, str(HERE / "crash_run.py"), "--json", "--processes", "1", *options, *chosen]
    environment = {**os.environ, "PYTHONPATH": str(HERE.parent)}
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode in (0, 1), run.stderr
    result: dict[str, object] = json.loads(run.stdout)
    return result


NAMES = {
    "sqlite": [one.name for one in SCENARIOS[::3]],
    "postgresql": [one.name for one in SCENARIOS[1::8]],
}
"""`make crash` plays every scenario on both."""


def test_a_sample_of_crashes_on_sqlite_costs_nothing() -> None:
    """Slow, for each point is a process that is killed, another one after it, and plain cycles until all is quiet."""
    result = sample("--store", "sqlite", "--every", str(EVERY["sqlite"]), scenarios=NAMES["sqlite"])
    assert result["failures"] == []
    assert int(str(result["points"])) >= len(NAMES["sqlite"])


def test_a_sample_of_crashes_on_postgresql_costs_nothing(postgres_server: str) -> None:
    """Slow like the one above."""
    options = ("--store", "postgresql", "--postgres", postgres_server, "--every", str(EVERY["postgresql"]))
    result = sample(*options, scenarios=NAMES["postgresql"])
    assert result["failures"] == []
    assert int(str(result["points"])) >= len(NAMES["postgresql"])


# The judge --------------------------------------------------------------------------------------------------------


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    built = linked(f"sqlite:///{tmp_path}/sync.db")
    yield built
    built.store.close()


def test_the_judge_has_nothing_to_say_about_two_equal_registers(world: World) -> None:
    assert judge(PAIRS, world, cycles=1).flaws == []


def _copied(world: World) -> None:
    on_site(world, "A1")


def _strange(world: World) -> None:
    in_office(world, "Z9")


def _unequal(world: World) -> None:
    edit_office(world, "B1", name="Another title")


def _recycled(world: World) -> None:
    world.procore.hand_delete("incident", site_id(world, "A2"))


def _gone(world: World) -> None:
    world.fourhse.hand_delete("incident", office_id(world, "A2"))


def _asked(world: World) -> None:
    _recycled(world)
    world.sync()


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (_copied, ("duplicates", "A1: 2 copies in Procore")),
        (_strange, ("losses", "4HSE holds Z9, which nobody made")),
        (_unequal, ("losses", "B1: title 'Cut at the saw B1' in Procore against 'Another title' in 4HSE")),
        (_recycled, ("losses", "A2: in Procore's recycle bin without reason")),
        (_gone, ("losses", "A2: not in 4HSE")),
        (_asked, ("steps", "deletion: It was deleted in Procore")),
    ],
)
def test_the_judge_finds(world: World, change: Callable[[World], None], found: tuple[str, str]) -> None:
    change(world)
    kind, words = found
    assert any(line.startswith(words) for line in getattr(judge(PAIRS, world, cycles=1), kind))


def test_the_judge_finds_a_lost_edit_and_a_route_without_rest(world: World) -> None:
    expected = (*PAIRS[1:], Expected("A1", title="Fall from the roof"))
    findings = judge(expected, world, cycles=None)
    assert [line.startswith("A1: title is") for line in findings.losses] == [True]
    assert findings.steps == ["the route does not come to rest"]
