"""An incident as people name it: by an id, its number, words of its title or its day; several fit, or none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, NoReturn

import typer

from procore_4hse.cli.context import CliContext
from procore_4hse.cli.tables import table
from procore_4hse.cli.text import counted, plain, short
from procore_4hse.errors import UsageError
from procore_4hse.operations.offline import Ids
from procore_4hse.operations.search import Found, Hit, identified
from procore_4hse.route import Route
from procore_4hse.store.repository import Store

HOW = "Its id in Procore or in 4HSE, its number, words of its title, or its day."
Named = Annotated[list[str], typer.Argument(metavar="ID", help=HOW)]


def meant(
    context: CliContext, store: Store, routes: tuple[Route, ...], words: Sequence[str], command: str, *, as_json: bool
) -> tuple[Route, Ids]:
    """The one incident that is meant. Where several fit, they are listed, each with its `command`, and this ends.

    Raises UsageError when none fits.
    """
    text = " ".join(words)
    found = identified(store, routes, text)
    if isinstance(found, Found):
        _end_with(context, found, text, command, as_json=as_json)
    return found


def _end_with(context: CliContext, found: Found, text: str, command: str, *, as_json: bool) -> NoReturn:
    """What fits is listed; the command has told no story."""
    if not found.hits:
        raise UsageError(f"No incident {text} is known; read both systems first with: procore-4hse plan")
    if as_json:
        context.print_json({"hits": [_hit_json(hit) for hit in found.hits]})
    else:
        _list(context, found, command)
    raise typer.Exit(UsageError.exit_code)


def _list(context: CliContext, found: Found, command: str) -> None:
    listed = table(f"{counted(len(found.hits), 'incident')} may be meant")
    listed.add_column("day", no_wrap=True)
    listed.add_column("incident")
    for hit in found.hits:
        title = short(hit.title, 200) or "An incident without a title"
        number = f", number {hit.number}" if hit.number else ""
        listed.add_row(hit.day, f"{title}{plain(number)}\nprocore-4hse {command} {hit.id}")
    if found.is_cut:
        listed.caption = "There are more; add another word of the title."
    context.out.print(listed)


def _hit_json(hit: Hit) -> dict[str, str | None]:
    return {
        "id": hit.id,
        "side": hit.side.value,
        "route": hit.route,
        "number": hit.number or None,
        "day": hit.day,
        "title": hit.title,
    }
