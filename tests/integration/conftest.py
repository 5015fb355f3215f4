"""Worlds whose stores are closed at the end. Cycles log every call; here only warnings are kept."""

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import structlog
from sqlalchemy import Engine, make_url

import world
from procore_4hse.store.repository import Store
from world import World


@pytest.fixture(autouse=True)
def _few_words() -> Iterator[None]:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session", autouse=True)
def _connections_are_kept(kept_name: str) -> Iterator[None]:
    """A PostgreSQL server starts a process for each connection; here one world after the other has the same two."""
    first: dict[str, Store] = {}

    def keeping(url: str, **options: Any) -> Store:
        if make_url(url).get_backend_name() == "sqlite":
            return Store(url, **options)
        store = Store(f"{url}&application_name={kept_name}", **options)
        kept = first.setdefault(url, store)
        for ours, theirs in ((store._reading, kept._reading), (store._writing, kept._writing)):
            ours.pool, ours.dialect, ours.dispose = theirs.pool, theirs.dialect, lambda: None
        return store

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(world, "Store", keeping)
        yield
    for store in first.values():
        Engine.dispose(store._reading)
        Engine.dispose(store._writing)


@pytest.fixture
def build(store_url: str) -> Iterator[Callable[..., World]]:
    """Builds worlds; a test that takes it runs once on SQLite and once on PostgreSQL."""
    with ExitStack() as stack:

        def make(url: str = store_url, **options: object) -> World:
            world = World.build(url, **options)
            stack.callback(world.store.close)
            return world

        yield make
