"""Tables in one style: room for words, no lines between columns."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from io import StringIO
from typing import Any

from rich import box
from rich.table import Table

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How a cell begins that a spreadsheet would carry out as a formula."""


def table(title: str = "", *, rows_apart: bool = False) -> Table:
    """A table with a title above it; `rows_apart` draws a line between rows of several lines each."""
    return Table(
        title=title or None,
        title_justify="left",
        title_style="bold",
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1),
        show_lines=rows_apart,
        header_style="dim",
    )


def facts() -> Table:
    """Two columns without a head: a name, and what is to be said about it."""
    plain = Table(box=None, show_header=False, padding=(0, 1), pad_edge=False)
    plain.add_column(style="dim", no_wrap=True)
    plain.add_column(overflow="fold")
    return plain


def as_csv(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """Rows with their heads as CSV; no cell of it is a formula."""
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_cell(row[name]) for name in columns] for row in rows)
    return text.getvalue()


def _cell(value: Any) -> str:
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(FORMULA) else text
