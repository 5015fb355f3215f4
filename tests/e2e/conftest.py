"""What the tests of the command line share."""

from collections.abc import Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import pytest
import typer.main
import typer.testing
from cli_stand import Stand


@pytest.fixture(scope="session", autouse=True)
def _commands_are_read_once() -> Iterator[None]:
    """Typer makes its commands of the signatures of ours, anew for each run in this process; they stay the same."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(typer.testing, "_get_command", cache(typer.main.get_command))
        yield


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    """Both simulated systems over HTTP, and a configuration for one route between them."""
    with ExitStack() as stack:
        yield Stand.open(tmp_path, stack)
