"""`mapping`: the mapping, checked, and as a table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import typer
from rich.table import Table
from rich.text import Text

from procore_4hse.cli.context import Desk, Json, desk_of, show_problems, teach
from procore_4hse.cli.tables import table
from procore_4hse.errors import MappingError, Problem
from procore_4hse.mapping.loader import load
from procore_4hse.mapping.rules import Mapping
from procore_4hse.mapping.show import Row, rows

UNCONFIGURED = Path("mappings/default")
"""What is looked at where no configuration names a mapping."""

CHECK = """Reads the mapping of every route and names every problem at once, each with file, line and remedy.

Use it after every change of a mapping; no call is made. Where there is no configuration yet, the folder
`mappings/default` is checked.

[bold]Example[/bold]  procore-4hse mapping check

[bold]Exit codes[/bold]  0 no problem · 2 problems, in the mapping or in the configuration
"""

SHOW = """Prints the mapping as a table: each field, its name on both sides, the way it travels, who decides when both
sides changed it, and what is lost on the way.

[bold]Example[/bold]  procore-4hse mapping show

[bold]Exit codes[/bold]  0 shown · 2 problems, in the mapping or in the configuration
"""


def register(app: typer.Typer) -> None:
    group = typer.Typer(help="Which field of one system is which of the other.", no_args_is_help=True)
    group.command("check", help=teach(CHECK))(check)
    group.command("show", help=teach(SHOW))(show)
    app.add_typer(group, name="mapping")


def check(ctx: typer.Context, as_json: Json = False) -> None:
    desk = desk_of(ctx)
    folders = list(_folders(desk))
    found: dict[Path, Mapping] = {}
    problems: list[Problem] = []
    for folder in folders:
        try:
            found[folder] = load(folder)
        except MappingError as error:
            problems += error.problems
    if as_json:
        desk.print_json(_checked_json(found, problems))
    else:
        _show_checked(desk, found, problems)
    raise typer.Exit(MappingError.exit_code if problems else 0)


def show(ctx: typer.Context) -> None:
    desk = desk_of(ctx)
    for folder in _folders(desk):
        known = load(folder)
        desk.out.print(_table(folder, known))
        for row in rows(known):
            for remark in _remarks(row):
                desk.out.print(remark)


def _folders(desk: Desk) -> Iterator[Path]:
    """The mapping folders of all routes, each once."""
    if not desk.is_configured and UNCONFIGURED.is_dir():
        yield UNCONFIGURED
        return
    yield from dict.fromkeys(route.mapping for route in desk.settings.routes)


def _checked_json(found: dict[Path, Mapping], problems: list[Problem]) -> dict[str, Any]:
    fields = [
        {"folder": str(folder), "fields": [asdict(row) for row in rows(known)]} for folder, known in found.items()
    ]
    outcome = ("failed", MappingError.exit_code) if problems else ("ok", 0)
    told = [asdict(problem) for problem in problems]
    return {"outcome": outcome[0], "exit": outcome[1], "problems": told, "mappings": fields}


def _show_checked(desk: Desk, found: dict[Path, Mapping], problems: list[Problem]) -> None:
    for folder, known in found.items():
        desk.out.print(f"{folder}: {len(known.fields)} fields, no problem.", style="green", soft_wrap=True)
    if problems:
        show_problems(desk, MappingError(tuple(problems)))


def _table(folder: Path, mapping: Mapping) -> Table:
    names = table(f"The mapping {mapping.name} ({folder}), owner: {mapping.owner or 'nobody'}")
    for name in ("field", "Procore", "4HSE", "travels", "if both changed"):
        names.add_column(name, overflow="fold")
    for row in rows(mapping):
        names.add_row(row.field, row.procore, row.fourhse, row.direction, row.if_both_changed)
    return names


def _remarks(row: Row) -> Iterator[Text]:
    """What a row keeps, what counts as equal in it, and why it is as it is."""
    yield Text.assemble((row.field, "bold"), f" ({row.using}): {row.keeps}.")
    yield Text(f"  Equal: {row.equal}.")
    if row.reason:
        yield Text(f"  {row.reason}", style="dim")
