"""A real chromium, started once for each test process, and worlds whose desk is open in it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import structlog
from desk_reader import Reader, started

from desk_stand import Served, desk_of, served
from real_browser import IS_LEFT_OUT
from world import World


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where something is missing these tests are left out; the summary says so."""
    here = [item for item in items if Path(__file__).parent in item.path.parents]
    for item in here:
        item.add_marker(pytest.mark.browser)
    if IS_LEFT_OUT:
        config.hook.pytest_deselected(items=here)
        items[:] = [item for item in items if item not in here]


@pytest.fixture(autouse=True)
def _few_words() -> Iterator[None]:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Reader]:
    with started() as reader:
        yield reader


@pytest.fixture
def reader(chromium: Reader) -> Iterator[Reader]:
    """Nobody's browser: no cookie, a large window, scripts on."""
    chromium.begin()
    yield chromium
    chromium.driver.delete_all_cookies()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.build(f"sqlite:///{tmp_path}/sync.db")
    yield made
    made.store.close()


@pytest.fixture
def opened(reader: Reader) -> Iterator[Callable[..., Served]]:
    """Serves the desk of a world and signs the reader in to it by a link, as a person would."""
    with ExitStack() as stack:

        def open_desk(world: World, **settings: object) -> Served:
            desk = stack.enter_context(served(desk_of(world, **settings)))
            reader.sign_in(desk)
            return desk

        yield open_desk
