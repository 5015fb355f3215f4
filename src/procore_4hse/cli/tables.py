"""Tables in one style: room for words, no lines between columns."""

from __future__ import annotations

from rich import box
from rich.table import Table


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
