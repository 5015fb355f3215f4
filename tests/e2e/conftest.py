"""What the tests of the command line share."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from cli_stand import Stand


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    """Both simulated systems over HTTP, and a configuration for one route between them."""
    with ExitStack() as stack:
        yield Stand.open(tmp_path, stack)
