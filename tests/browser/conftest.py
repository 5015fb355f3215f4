"""A real chromium, started once for each test process, and worlds whose desk is open in it."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import structlog
from desk_reader import AXE, Reader, started

from desk_stand import Served, desk_of, served
from world import World

NEEDED = {"chromium": shutil.which("chromium"), "chromedriver": shutil.which("chromedriver"), "axe-core": AXE.exists()}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where something is missing these tests are skipped, but for whoever asked for them by `make browser`."""
    missing = [name for name, found in NEEDED.items() if not found]
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)
            if missing and os.environ.get("BROWSER") != "required":
                item.add_marker(pytest.mark.skip(reason=_why_not(missing)))


def _why_not(missing: list[str]) -> str:
    is_missing = f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not installed"
    return (
        f"This test opens the desk in a real browser, and {is_missing} here. "
        "Run `make browser`: it installs what is missing (from Debian, as root) and runs these tests."
    )


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
