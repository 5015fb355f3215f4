"""A command loads what it needs and nothing else, so that it starts quickly."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from cli_stand import Stand

from procore_4hse import cli
from procore_4hse.cli.commands import SUMMARIES, LoadedCommands

HTTP = {"httpx", "httpcore"}
DATABASE = {"alembic", "psycopg", "sqlalchemy", "sqlmodel"}
SCHEDULE = {"apscheduler"}
WATCH = {"apprise", "prometheus_client", "requests"}
DESK = {"authlib", "jinja2", "joserfc", "starlette", "uvicorn"}
FOLDER = Path(cli.__file__).parent


PROGRAM = """
import atexit, sys
from procore_4hse.cli import main
atexit.register(lambda: print("loaded:", *sys.modules, file=sys.stderr))
main()
"""


def loaded(*words: str) -> set[str]:
    """Every module that a process has loaded when it ends after the command with these words."""
    done = subprocess.run([sys.executable, "-c", PROGRAM, *words], capture_output=True, text=True, check=True)
    return set(done.stderr.splitlines()[-1].split())


def test_the_help_loads_no_command_and_no_library_for_database_calls_or_schedule() -> None:
    modules = loaded("--help")
    assert "typer" in modules
    assert modules & {*HTTP, *DATABASE, *SCHEDULE, *DESK, *WATCH} == set()
    assert modules & {f"procore_4hse.cli.{name}" for name in SUMMARIES} == set()


def test_the_status_of_a_store_that_is_up_to_date_loads_no_client_no_migrations_and_no_other_command(
    stand: Stand,
) -> None:
    assert stand.run("db", "upgrade").exit_code == 0
    modules = loaded("--config", str(stand.file), "status")
    assert "sqlalchemy" in modules
    assert modules & {*HTTP, *SCHEDULE, *DESK, *WATCH, "alembic", "psycopg", "sqlalchemy.dialects.postgresql"} == set()
    assert [name for name in SUMMARIES if f"procore_4hse.cli.{name}" in modules] == ["status"]
    assert [
        name for name in modules if name.startswith(("procore_4hse.clients", "procore_4hse.engine", "procore_4hse.web"))
    ] == []


def test_the_desk_needs_the_library_of_a_way_to_sign_in_only_where_it_is_used(stand: Stand) -> None:
    assert stand.run("db", "upgrade").exit_code == 0
    modules = loaded("--config", str(stand.file), "desk", "--link")
    assert {"starlette", "uvicorn"} <= modules
    assert modules & {"alembic", "authlib", "joserfc"} == set()


def test_every_command_is_listed() -> None:
    assert set(SUMMARIES) == {path.stem for path in FOLDER.glob("*.py") if "def api(" in path.read_text()}


@pytest.mark.parametrize("name", SUMMARIES)
def test_the_summary_of_a_command_is_the_first_paragraph_of_its_help(name: str) -> None:
    assert SUMMARIES[name] == LoadedCommands()[name].help.split("\n\n")[0]


def test_what_is_no_command_is_not_looked_for() -> None:
    assert "context" not in LoadedCommands()
    assert len(LoadedCommands()) == len(SUMMARIES)
