"""`db`: the staging store."""

from __future__ import annotations

import typer

from procore_4hse.cli.context import desk_of, teach

UPGRADE = """Creates the tables of the store, or brings them up to date; nothing happens when they are.

`sync` and `run` do this by themselves. Use it to see at deployment time whether the store can be reached, or when the
account that runs the cycles may not change tables.

[bold]Example[/bold]  procore-4hse db upgrade

[bold]Exit codes[/bold]  0 the store is up to date · 2 configuration · 4 the store cannot be used
"""


def register(app: typer.Typer) -> None:
    group = typer.Typer(help="The staging store: what was read, links, what both sides last agreed on, the journal.",
                        no_args_is_help=True)  # fmt: skip
    group.command("upgrade", help=teach(UPGRADE))(upgrade)
    app.add_typer(group, name="db")


def upgrade(ctx: typer.Context) -> None:
    desk = desk_of(ctx)
    with desk.house():
        desk.out.print("The store is up to date.")
