"""`history`: every write with its old and its new value."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from itertools import islice
from typing import Annotated, Any

import typer
from rich.table import Table

from procore_4hse.cli.commands import Commands
from procore_4hse.cli.context import CliContext, Json, RouteNames, cli_context, day, system_user, teach
from procore_4hse.cli.naming import HOW, meant
from procore_4hse.cli.spreadsheets import Csv, one_form, print_csv
from procore_4hse.cli.tables import add_id_column, table, whole_ids
from procore_4hse.cli.text import counted, moment, plain, short
from procore_4hse.models import Act
from procore_4hse.operations import history as writes
from procore_4hse.operations import undo as undoing
from procore_4hse.operations.history import Write
from procore_4hse.store.decisions import Decider

GROUP = """Every write that was carried out: when, where, which field, from what to what, why, and whose decision it
was.

Without a word after it, or with an incident, `history` lists, the newest write first. An incident is named by its id in
either system, its number, words of its title, or its day.

[bold]Example[/bold]  procore-4hse history "fall ladder"

[bold]Exit codes[/bold]  0 done · 2 configuration, or no such incident · 4 the store cannot be used
"""

LIST = """Lists the writes of one incident and its people, or of all routes, the newest first: one row for each field.

`--json` and `--csv` give every one of them. In `--csv`, a cell that a spreadsheet would take for a formula begins with
an apostrophe.

[bold]Example[/bold]  procore-4hse history list --since 2026-03-01 --csv

[bold]Exit codes[/bold]  0 listed · 2 configuration, or no such incident · 4 the store cannot be used
"""

UNDO = """Takes a write back that was carried out: the old value goes to the side that was written, and from there to
the other one. Give the id that the list shows, or the beginning of it.

It is kept as your answer, and carried out by the next two cycles, only while both sides still show what was written.
Where the other side may not be written, its value stays; that is told first, and asked. Until a cycle has begun with
it, `inbox undo` leaves everything as it is.

[bold]Example[/bold]  procore-4hse history undo 3f2a91bc:title --note "wrong incident"

[bold]Exit codes[/bold]  0 noted, the next cycle begins with it · 1 a cycle is running, try again · 2 it cannot be taken
back · 4 the store
"""

SHOWN = 100
"""More rows than this are not shown on a terminal; `--json` and `--csv` give them all."""
DONE = {
    Act.CREATE: "made in",
    Act.UPDATE: "changed in",
    Act.DELETE: "deleted in",
    Act.RESTORE: "brought back in",
    Act.LINK: "linked with",
}
COLUMNS = (
    "id",
    "at",
    "route",
    "side",
    "kind",
    "record_kind",
    "record",
    "title",
    "field",
    "old",
    "new",
    "reason",
    "by",
    "undone_by",
)

Words = Annotated[list[str] | None, typer.Argument(metavar="[ID]", help=HOW)]
Since = Annotated[
    date | None, typer.Option("--since", metavar="DAY", parser=day, help="Only writes since this day, YYYY-MM-DD.")
]
WriteId = Annotated[str, typer.Argument(metavar="WRITE", help="The write's id, as the list shows it.")]
Note = Annotated[str, typer.Option("--note", metavar="TEXT", help="Why, for whoever reads it later.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do it without asking, also where one side keeps its value.")]


class Listing(Commands):
    """A group that lists, unless its first word is one of its commands: that word may name an incident."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        named = args[:1] and (args[0] in self.commands or args[0] == "--help")
        return super().parse_args(ctx, args if named else ["list", *args])


def api(app: typer.Typer) -> None:
    group = typer.Typer(help=teach(GROUP), cls=Listing)
    group.command("list", help=teach(LIST))(list_writes)
    group.command("undo", help=teach(UNDO))(undo)
    app.add_typer(group, name="history")


def list_writes(
    ctx: typer.Context,
    words: Words = None,
    since: Since = None,
    route: RouteNames = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    context = cli_context(ctx)
    one_form(as_json=as_json, as_csv=as_csv)
    routes = context.named(route or [])
    with context.runtime() as runtime:
        found = writes.of_routes(runtime.store, routes, since)
        if words:
            only, ids = meant(context, runtime.store, routes, words, "history", as_json=as_json)
            known = next(record_id for record_id in ids.values() if record_id)
            found = iter(writes.of_incident(runtime.store, (only,), known, since))
        if as_csv:
            print_csv(COLUMNS, (write_json(write) for write in found))
        elif as_json:
            context.print_json({"writes": [write_json(write) for write in found]})
        else:
            _show(context, found)


def undo(ctx: typer.Context, write_id: WriteId, note: Note = "", yes: Yes = False) -> None:
    context = cli_context(ctx)
    with context.runtime() as runtime:
        wanted = undoing.prepare(runtime.store, context.routes, write_id, note)
        write = wanted.write
        old, new = short(write.old, 80) or "empty", short(write.new, 80) or "empty"
        context.out.print(f"{write.field} in {write.side.label}: {new} → {old}")
        if wanted.stays:
            side = wanted.stays.label
            stays = (
                f"{write.field} is not written to {side}, which keeps its value: the two differ until it changes there."
            )
            context.err.print(stays)
            context.confirm("Put the old value back on one side alone?", yes=yes)
        number = undoing.keep(runtime.store, runtime.holder, wanted, Decider(system_user(), "cli"))
    context.out.print(f"Noted as question {number}: the old value comes back.", style="green")
    context.out.print(f"The next cycle begins with it: procore-4hse sync --route {wanted.route.name}")
    context.out.print(f"Until then it can be left as it is: procore-4hse inbox undo {number}")


def write_json(write: Write) -> dict[str, Any]:
    return {
        "id": write.id,
        "at": write.at.isoformat(),
        "route": write.route.name,
        "side": write.side.value,
        "kind": write.act.value,
        "record_kind": write.kind.value,
        "record": write.record,
        "title": write.title or None,
        "field": write.field or None,
        "old": write.old,
        "new": write.new,
        "reason": write.reason,
        "by": write.by,
        "undone_by": write.undone_by,
    }


def _show(context: CliContext, found: Iterator[Write]) -> None:
    shown = list(islice(found, SHOWN))
    if not shown:
        context.out.print("Nothing was written yet.")
        return
    context.out.print(_table(shown))
    if next(found, None) is not None:
        context.out.print("There are older ones; get them all with --json or --csv, or name an incident or a day.")


def _table(shown: list[Write]) -> Table:
    listed = table(counted(len(shown), "write"), rows_apart=True)
    listed.add_column("when", no_wrap=True)
    add_id_column(listed, "what, and why")
    listed.add_column("old → new", overflow="fold")
    for write in shown:
        listed.add_row(moment(write.at).replace(" ", "\n", 1), _what(write), _change(write))
    return listed


def _what(write: Write) -> str:
    place = f"{write.field or write.kind.value.replace('_', ' ')}, {DONE[write.act]} {write.side.label}"
    undone = f"taken back by {short_id(write.undone_by)}" if write.undone_by else ""
    why = f"{write.reason}; {write.by}"
    return whole_ids(short(write.title, 80), place, write.record, why, undone, f"write {short_id(write.id)}")


def _change(write: Write) -> str:
    if not write.field:
        return short(write.old or write.new, 300)
    return f"{short(write.old, 150) or 'empty'}\n→ {short(write.new, 150) or 'empty'}"


def change_in_words(write: Write) -> str:
    """One write on one line: Title in 4HSE, Fall → Fall from a ladder (changed in Procore)."""
    if write.field:
        change = f"{short(write.old, 80) or 'empty'} → {short(write.new, 80) or 'empty'}"
        told = f"{plain(write.field)} in {write.side.label}: {change}"
    else:
        told = f"{write.kind.value.replace('_', ' ')} {DONE[write.act]} {write.side.label}"
    whose = f"; {write.by}" if write.by != writes.RULES else ""
    undone = "; taken back since" if write.undone_by else ""
    return f"{told} ({plain(write.reason)}{whose}{undone})"


def short_id(write_id: str) -> str:
    """As much of a write's id as names it, and its field."""
    start, colon, field = write_id.partition(":")
    return f"{start.partition('-')[0] if not start.startswith('link-') else start}{colon}{field}"
