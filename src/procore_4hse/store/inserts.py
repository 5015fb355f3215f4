"""Statements about many rows, and inserts that two processes may make at once: the second one changes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from typing import Any, TypeVar

from sqlalchemy import Connection, Table

CHUNK = 400
"""So many ids are named in one statement at most."""

T = TypeVar("T")


def insert_new(connection: Connection, table: Table, rows: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> int:
    """Inserts the rows whose keys are free; how many those were, for a single row."""
    # The one that is at work is loaded already; to load the other one takes longer than most commands do.
    dialect = import_module(f"sqlalchemy.dialects.{connection.dialect.name}")
    statement = dialect.insert(table).on_conflict_do_nothing().execution_options(preserve_rowcount=True)
    return connection.execute(statement, rows).rowcount


def add_up(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Adds each row's `value` to the one that is there under its key."""
    dialect = import_module(f"sqlalchemy.dialects.{connection.dialect.name}")
    statement = dialect.insert(table)
    summed = {"value": table.c.value + statement.excluded.value}
    connection.execute(statement.on_conflict_do_update(index_elements=[*table.primary_key], set_=summed), rows)


def chunks(ids: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(ids), CHUNK):
        yield ids[start : start + CHUNK]
