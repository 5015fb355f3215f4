"""Tables in one style: room for words, no lines between columns."""

from __future__ import annotations

from textwrap import fill

from rich import box
from rich.table import Table

from procore_4hse.cli.text import plain

ID = 36
"""The width of an id in 4HSE."""


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


def add_id_column(listed: Table, name: str) -> None:
    """A column for cells of `whole_ids`. It keeps its width: an id that a terminal broke could not be copied."""
    listed.add_column(name, no_wrap=True)


def whole_ids(*lines: str, width: int = ID) -> str:
    """A cell with ids among its lines: what is wider goes on in a further line, and no id is broken."""
    return "\n".join(fill(plain(line), width, break_on_hyphens=False) for line in lines if line)
