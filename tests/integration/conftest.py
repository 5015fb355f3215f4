"""Worlds whose stores are closed at the end. Cycles log every call; here only warnings are kept."""

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import structlog

from world import World


@pytest.fixture(autouse=True)
def _few_words() -> Iterator[None]:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    yield
    structlog.reset_defaults()


@pytest.fixture
def build(tmp_path: Path) -> Iterator[Callable[..., World]]:
    """Builds worlds, on a SQLite file of their own unless told."""
    with ExitStack() as stack:

        def make(store_url: str = f"sqlite:///{tmp_path}/sync.db", **options: object) -> World:
            world = World.build(store_url, **options)
            stack.callback(world.store.close)
            return world

        yield make
