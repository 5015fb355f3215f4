"""What the tests of the command line share."""

from collections.abc import Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer.main
import typer.testing
from cli_stand import Stand

from procore_4hse import bootstrap
from procore_4hse.mapping.rules import FieldMapping
from procore_4hse.store.repository import Store
from world import fill_new_file, share_statements


@pytest.fixture(scope="session", autouse=True)
def _commands_are_read_once() -> Iterator[None]:
    """Typer makes its commands of the signatures of ours, anew for each run in this process; they stay the same."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(typer.testing, "_get_command", cache(typer.main.get_command))
        yield


@pytest.fixture(scope="session", autouse=True)
def _mappings_are_read_once() -> Iterator[None]:
    """A process of its own reads its mapping once; here a folder whose files did not change is the same mapping."""
    load = bootstrap.load

    @cache
    def loaded(folder: Path, contents: frozenset[tuple[Path, bytes]]) -> FieldMapping:
        return load(folder)

    def read(folder: Path) -> FieldMapping:
        files = [path for path in folder.rglob("*") if path.is_file()]
        return loaded(folder, frozenset((path, path.read_bytes()) for path in files))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bootstrap, "load", read)
        yield


@pytest.fixture(scope="session", autouse=True)
def _migrations_run_once() -> Iterator[None]:
    """A new store is a copy of what the migrations made once; a store that holds something is brought up to date."""
    upgrade = Store.upgrade

    def fill_or_upgrade(store: Store) -> None:
        if not fill_new_file(store):
            upgrade(store)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Store, "upgrade", fill_or_upgrade)
        yield


@pytest.fixture(scope="session", autouse=True)
def _statements_are_compiled_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Each command here opens a store of its own; in a process of its own it would compile no statement twice."""
    make = Store.__init__
    share_statements(Store(f"sqlite:///{tmp_path_factory.mktemp('first')}/sync.db"))

    def make_and_share(store: Store, url: str, **options: Any) -> None:
        make(store, url, **options)
        if store.url.get_backend_name() == "sqlite":
            share_statements(store)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Store, "__init__", make_and_share)
        yield


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    """Both simulated systems over HTTP, and a configuration for one route between them."""
    with ExitStack() as stack:
        yield Stand.open(tmp_path, stack)
