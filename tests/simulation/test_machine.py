"""Hundreds or thousands of histories against the real engine, watched by a witness that knows nothing of the engine.

See README.md in this folder for the profiles and for how to play a failing history again.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import hypothesis
import pytest
import structlog
from hypothesis import HealthCheck, Phase
from machine import Machine
from machine_moves import EVENLY, History, histories
from meter import EVERYTHING, MOST, USUAL, Meter
from scenario_world import FragileStore

from procore_4hse.reconcile import diff
from unchanged_check import compare_all_too


@dataclass(frozen=True)
class Profile:
    """How many histories, cut into chunks that test processes share, from which seed, and what they must reach."""

    histories: int
    chunks: int
    seed: int
    wanted: frozenset[str]

    @classmethod
    def named(cls, name: str) -> Profile:
        many = int(os.environ.get("SIMULATION_HISTORIES", "2000"))
        return {
            "dev": cls(30, 1, 0, USUAL),
            # The first of the histories that `soak` plays from the same seed.
            "ci": cls(200, 4, 0, MOST),
            "soak": cls(many, max(1, many // 50), int(os.environ.get("SIMULATION_SEED", "0")), EVERYTHING),
        }[name]


PROFILE = Profile.named(os.environ.get("SIMULATION", "dev"))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FragileStore]:
    opened = FragileStore(f"sqlite:///{tmp_path_factory.mktemp('simulation')}/sync.db")
    yield opened
    opened.close()


@pytest.fixture
def meter(monkeypatch: pytest.MonkeyPatch) -> Iterator[Meter]:
    """Hears every event of the log and counts the verdict of every comparison of a field.

    Each cycle that leaves out what did not move is held to what it would have decided had it compared everything.
    """
    compare_all_too(monkeypatch)
    meter = Meter()
    compared = diff.diff_field

    def counted(*args: object) -> diff.FieldDiff:
        difference = compared(*args)  # type: ignore[arg-type]
        meter.add("verdict", difference.verdict)
        return difference

    monkeypatch.setattr(diff, "diff_field", counted)
    structlog.configure(processors=[meter.hear])
    yield meter
    structlog.reset_defaults()


@pytest.mark.parametrize("chunk", range(PROFILE.chunks))
def test_every_history_keeps_its_promises(
    chunk: int, store: FragileStore, meter: Meter, tmp_path_factory: pytest.TempPathFactory, testrun_uid: str
) -> None:
    """Slow, for each chunk is fifty histories; smaller chunks would draw other ones than `make soak` and the breaks."""
    _play(lambda history: Machine(store, meter, history).play(), chunk)
    together = tmp_path_factory.getbasetemp().parent / f"meter-{testrun_uid}"
    together.mkdir(exist_ok=True)
    meter.save(together / f"{chunk}.json")
    _read_when_all_are_done(together)


def _play(one: Callable[[History], None], chunk: int) -> None:
    @hypothesis.seed(PROFILE.seed * 1_000_003 + chunk)
    @hypothesis.settings(
        max_examples=PROFILE.histories // PROFILE.chunks,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
        database=None,
        deadline=None,
        backend=EVENLY,
    )
    @hypothesis.given(histories())
    def play(history: History) -> None:
        one(history)

    play()


def _read_when_all_are_done(folder: Path) -> None:
    """The chunk that ends last reads what all of them reached."""
    paths = [folder / f"{chunk}.json" for chunk in range(PROFILE.chunks)]
    if not all(path.exists() for path in paths):
        return
    whole = Meter.together(paths)
    assert whole.counts["history: played"] >= PROFILE.histories
    assert whole.silent(PROFILE.wanted) == [], "these never happened; the histories do not reach them any more"
