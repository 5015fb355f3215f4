"""Worlds whose stores are closed at the end. Cycles log every call; here only warnings are kept."""

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
import structlog

from world import World


@pytest.fixture(autouse=True)
def _few_words() -> Iterator[None]:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    yield
    structlog.reset_defaults()


@pytest.fixture
def build(store_url: str) -> Iterator[Callable[..., World]]:
    """Builds worlds; a test that takes it runs once on SQLite and once on PostgreSQL."""
    with ExitStack() as stack:

        def make(url: str = store_url, **options: object) -> World:
            world = World.build(url, **options)
            stack.callback(world.store.close)
            return world

        yield make
