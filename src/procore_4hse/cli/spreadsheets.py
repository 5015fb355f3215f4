"""Rows for a spreadsheet: comma-separated values on standard output."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated

import typer

from procore_4hse.cli.text import plain
from procore_4hse.errors import UsageError

Csv = Annotated[bool, typer.Option("--csv", help="Print comma-separated values on standard output.")]

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How a cell begins that a spreadsheet would carry out instead of showing it."""


def one_form(*, as_json: bool, as_csv: bool) -> None:
    """Raises UsageError when both forms are asked for."""
    if as_json and as_csv:
        raise UsageError("Choose one form: --json or --csv.")


def print_csv(columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> None:
    """A line of names, then a line for each row, written as they come. What is None is an empty cell."""
    lines = csv.writer(sys.stdout, lineterminator="\n")
    lines.writerow(columns)
    lines.writerows([_cell(row[name]) for name in columns] for row in rows)


def _cell(value: object) -> str:
    """The value as text that no spreadsheet takes for a formula."""
    text = "" if value is None else str(value)
    return plain(f"'{text}" if text.startswith(FORMULA) else text)
