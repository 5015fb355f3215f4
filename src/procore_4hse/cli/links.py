"""`links`: which incident is which."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import typer
from rich.table import Table

from procore_4hse.cli.context import CliContext, Json, RouteNames, cli_context, teach
from procore_4hse.cli.spreadsheets import Csv, one_form, print_csv
from procore_4hse.cli.tables import add_id_column, table, whole_ids
from procore_4hse.cli.text import counted, moment, short
from procore_4hse.models import Kind, Link, LinkState, RecordRef, Side
from procore_4hse.operations import decisions as answers
from procore_4hse.operations.search import Hit, hits
from procore_4hse.reconcile.diff import display
from procore_4hse.route import Route
from procore_4hse.runtime import Runtime
from procore_4hse.store.repository import Unit

GROUP = """Which incident is which: list the links, add one by hand, take one apart.

Without a word after it, `links` lists. The cycles link by themselves what is clearly the same and ask about what is
doubtful; use this where they cannot know.

[bold]Example[/bold]  procore-4hse links --route riverside

[bold]Exit codes[/bold]  0 done · 1 a cycle is running, try again · 2 configuration, or a pair that cannot be linked ·
4 the store cannot be used
"""

LIST = """Lists the links: day and title of each incident, both ids, and since when they are linked.

In `--csv`, a cell that a spreadsheet would take for a formula begins with an apostrophe.

[bold]Example[/bold]  procore-4hse links list --csv

[bold]Exit codes[/bold]  0 listed · 2 configuration · 4 the store cannot be used
"""

ADD = """Says that two incidents are one. Both must have been read, and neither may be linked already.

The next cycle merges them: an empty value is filled, two different ones follow the field's rule. It asks first; where
there is no terminal, `--yes` answers.

[bold]Example[/bold]  procore-4hse links add --route riverside 4711 5b7f5a5e-1d39-4a7c-8f43-7b1d6f3a9e02

[bold]Exit codes[/bold]  0 linked · 1 a cycle is running, try again · 2 the two cannot be linked · 4 the store
"""

REMOVE = """Says that two linked incidents are different. Neither is changed, copied or linked with the other again
until a person answers the question about them in the inbox. It asks first; where there is no terminal, `--yes` answers.

[bold]Example[/bold]  procore-4hse links remove 4711

[bold]Exit codes[/bold]  0 taken apart · 1 a cycle is running, try again · 2 no such link · 4 the store
"""

COLUMNS = ("route", "day", "title", "procore_id", "fourhse_id", "since", "state")
STATES = {
    LinkState.LIVE: "",
    LinkState.GONE_PROCORE: "deleted in Procore",
    LinkState.GONE_FOURHSE: "deleted in 4HSE",
    LinkState.CLOSED_BY_POLICY: "one deleted, the other closed",
    LinkState.IGNORED: "one deleted, the other kept",
    LinkState.ENDED: "deleted on both sides",
}

ProcoreId = Annotated[str, typer.Argument(metavar="PROCORE_ID", help="The incident's id in Procore.")]
FourHseId = Annotated[str, typer.Argument(metavar="FOURHSE_ID", help="The incident's id in 4HSE, a UUID.")]
OneRoute = Annotated[str, typer.Option("--route", metavar="NAME", help="The route that both belong to.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do it without asking.")]


def api(app: typer.Typer) -> None:
    group = typer.Typer(help=teach(GROUP), invoke_without_command=True)
    group.callback()(either)
    group.command("list", help=teach(LIST))(list_links)
    group.command("add", help=teach(ADD))(add)
    group.command("remove", help=teach(REMOVE))(remove)
    app.add_typer(group, name="links")


def either(ctx: typer.Context, route: RouteNames = None, as_json: Json = False, as_csv: Csv = False) -> None:
    if ctx.invoked_subcommand is None:
        _list(cli_context(ctx), route, as_json=as_json, as_csv=as_csv)


def list_links(ctx: typer.Context, route: RouteNames = None, as_json: Json = False, as_csv: Csv = False) -> None:
    _list(cli_context(ctx), route, as_json=as_json, as_csv=as_csv)


def add(ctx: typer.Context, procore_id: ProcoreId, fourhse_id: FourHseId, route: OneRoute, yes: Yes = False) -> None:
    context = cli_context(ctx)
    (line,) = context.named([route])
    ids = {Side.PROCORE: procore_id, Side.FOURHSE: fourhse_id.lower()}
    with context.runtime() as runtime:
        with runtime.store.read() as unit:
            answers.check_pair(unit, line, *ids.values())
            _introduce(context, unit, line, ids)
        context.confirm("Are these two the same incident?", yes=yes)
        answers.join(runtime.store, runtime.holder, line, *ids.values())
    context.out.print(f"Linked. The next cycle merges them: procore-4hse sync --route {line.name}", style="green")


def remove(ctx: typer.Context, procore_id: ProcoreId, yes: Yes = False) -> None:
    context = cli_context(ctx)
    with context.runtime() as runtime:
        route, link = answers.link_of(runtime.store, context.routes, procore_id)
        with runtime.store.read() as unit:
            _introduce(context, unit, route, {side: link.id_on(side) for side in Side})
        context.confirm("Take these two apart?", yes=yes)
        _part(context, runtime, route, link)


def _part(context: CliContext, runtime: Runtime, route: Route, link: Link) -> None:
    answers.part(runtime.store, runtime.holder, route, link.procore_id)
    context.out.print(
        "Taken apart. Nothing joins or copies the two until a person answers: procore-4hse inbox", style="green"
    )


def _introduce(context: CliContext, unit: Unit, route: Route, ids: dict[Side, str]) -> None:
    """Both records by id and title, so that a person knows what they say yes to."""
    for side, record_id in ids.items():
        staged = unit.staging(route.key).find(RecordRef(side, Kind.INCIDENT, record_id))
        title = route.mapping.title.lens.get(side, staged.record.payload) if staged and not staged.minimal else None
        words = short(display(getattr(title, "value", None)), 80) or "title not known"
        context.err.print(f"  {side.label:7} {record_id}  {words}", soft_wrap=True)


@dataclass(frozen=True)
class Row:
    """`hit` is how the incident shows, in Procore or else in 4HSE; None where its contents stay at home."""

    route: Route
    link: Link
    hit: Hit | None


def _list(context: CliContext, names: list[str] | None, *, as_json: bool, as_csv: bool) -> None:
    one_form(as_json=as_json, as_csv=as_csv)
    routes = context.named(names or [])
    with context.runtime() as runtime, runtime.store.read() as unit:
        listed = [row for route in routes for row in _rows(unit, route)]
    if as_csv:
        print_csv(COLUMNS, (_json(row) for row in listed))
    elif as_json:
        context.print_json({"links": [_json(row) for row in listed]})
    elif listed:
        context.out.print(_table(listed, len(routes) > 1))
    else:
        context.out.print("No incident is linked yet.")


def _rows(unit: Unit, route: Route) -> list[Row]:
    links = [link for link in unit.links(route.key).all() if _is_shown(link)]
    shown = {side: hits(unit, route, side, [link.id_on(side) for link in links]) for side in Side}
    found = ([shown[side].get(link.id_on(side)) for side in Side] for link in links)
    return [Row(route, link, next(filter(None, both), None)) for link, both in zip(links, found, strict=True)]


def _is_shown(link: Link) -> bool:
    return link.kind is Kind.INCIDENT and link.state is not LinkState.ENDED


def _json(row: Row) -> dict[str, Any]:
    link, hit = row.link, row.hit
    return {
        "route": row.route.name,
        "procore_id": link.procore_id,
        "fourhse_id": link.fourhse_id,
        "since": link.since.isoformat() if link.since else None,
        "day": hit.day if hit else None,
        "title": hit.title if hit else None,
        "state": link.state.value,
    }


def _table(rows: list[Row], with_routes: bool) -> Table:
    listed = table(counted(len(rows), "linked incident"))
    if with_routes:
        listed.add_column("route", overflow="fold")
    listed.add_column("day", no_wrap=True)
    add_id_column(listed, "incident, its ids in Procore and in 4HSE")
    listed.add_column("linked since")
    for row in rows:
        link = row.link
        title = short(row.hit.title, 200) if row.hit else "An incident whose contents stay at home"
        since = f"{moment(link.since).partition(' ')[0]}\n{STATES[link.state]}".strip()
        cells = (row.hit.day if row.hit else "", whole_ids(title, link.procore_id, link.fourhse_id), since)
        listed.add_row(*([row.route.name] if with_routes else []), *cells)
    return listed
