"""Two processes and two routes on a store that somebody keeps locking: nobody ends, nothing is lost, nothing is twice.

Five minutes of simulated work here; `make neighbours` plays half an hour, several times, and shows the figures.
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from datetime import timedelta

import pytest
import structlog
from neighbours import Neighbours

MINUTES = int(os.environ.get("NEIGHBOURS_MINUTES", "5"))
SEEDS = int(os.environ.get("NEIGHBOURS_SEEDS", "1"))


@pytest.mark.parametrize("seed", range(SEEDS))
def test_neighbours_on_one_store_do_everything_once(store_url: str, seed: int) -> None:
    with ExitStack() as stack, structlog.testing.capture_logs():
        neighbours = Neighbours.move_in(store_url, seed, stack)
        neighbours.live(timedelta(minutes=MINUTES))
        assert neighbours.rest() == []
    print(f"seed {seed}, {MINUTES} min: {neighbours.figures()}")  # noqa: T201
    assert neighbours.locker.held["locks"] > 0
    assert {"ok", "busy", "partial"} <= neighbours.outcomes.keys(), "the neighbours never met"
