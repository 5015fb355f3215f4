"""`db`: the staging store."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Annotated

import typer
from rich.table import Table

from procore_4hse.cli.context import CliContext, Json, cli_context, day, teach
from procore_4hse.errors import SyncError, UsageError
from procore_4hse.operations import retention
from procore_4hse.operations.retention import LOOKED_AT, Ages, Cutoffs, Purged
from procore_4hse.runtime import Runtime

UPGRADE = """Creates the tables of the store, or brings them up to date; nothing happens when they are.

`sync` and `run` do this by themselves. Use it to see at deployment time whether the store can be reached, or when the
account that runs the cycles may not change tables.

[bold]Example[/bold]  procore-4hse db upgrade

[bold]Exit codes[/bold]  0 the store is up to date · 2 configuration · 4 the store cannot be used
"""

PURGE = """Removes contents that the store no longer needs, or what it remembers of one person. Links, what both sides
last agreed on, ignored marks and the numbers that 4HSE's ids are made of always stay: the next cycle writes nothing
because of it.

With `--before DAY` go, as far as they are older than that day (in UTC): raw records that neither side shows any more,
the values in the journal and in closed questions, and the last images of what was deleted. When, what and how it ended
stays. Without `--before` the ages of the section `retention` of the configuration count. An incident that is brought
back afterwards is made from its partner alone: what only the deleted one held is gone.

With `--person ID`, a person's id in Procore or a person-office id in 4HSE, go that person's rows of both directories,
the contents of injuries, near misses and involved people that name them, and everything kept about these records. It
asks first; where there is no terminal, `--yes` answers. Records that still stand in Procore or 4HSE come back with the
next cycle, so remove the person there first. What the text of an incident says about somebody is not found by an id.

[bold]Example[/bold]  procore-4hse db purge --before 2025-01-01 --dry-run ·
procore-4hse db purge --person 4711

[bold]Exit codes[/bold]  0 done · 1 a cycle is running on a route, run it again · 2 usage or configuration · 4 the store
"""

CONTENTS = {
    "raw_records": "raw records that neither side shows any more",
    "journal": "writes in the journal whose values go",
    "inbox": "closed questions whose values go",
    "tombstones": "last images of deleted records",
    "views": "notes of who opened health data at the desk",
    "decisions": "decisions whose notes and names go",
}
TRACES = {
    "directory": "rows of the two directories",
    "raw_records": "injuries, near misses and involved people whose contents go",
    "bases": "links of these records that keep a fingerprint in place of values",
    "journal": "writes in the journal whose values go",
    "inbox": "questions whose values go",
    "tombstones": "last images of deleted records",
    "refusals": "refusals whose words go",
    "partners": "partners that a person named",
    "decisions": "decisions whose notes go",
    "signed": "times that they signed in and decided, or opened health data, whose name goes",
}
COMES_BACK = (
    "Records that still stand in Procore or 4HSE come back with the next cycle unless they are removed there. Links "
    "stay, with fingerprints in place of values, so that nothing is written because of the removal."
)
NOBODY = (
    "The store holds nothing about a person with this id; give the person's id in Procore or the person_office_id in "
    "4HSE. If it was removed before, nothing is left to do."
)
UNSETTLED = "{} writes whose fate is not known yet keep their values; run this again after the next cycle."
IN_USE = (
    "Another process uses the store's file, so that removed contents may stay in its free pages; run this again when "
    "nothing else runs."
)


Before = Annotated[
    date | None, typer.Option("--before", metavar="DAY", parser=day, help="What is older than this day, YYYY-MM-DD.")
]
PersonId = Annotated[
    str | None, typer.Option("--person", metavar="ID", help="One person's data, by their id in Procore or 4HSE.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Count what would go and change nothing.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Remove a person's data without asking.")]


def api(app: typer.Typer) -> None:
    group = typer.Typer(help="The staging store: what was read, links, what both sides last agreed on, the journal.",
                        no_args_is_help=True)  # fmt: skip
    group.command("upgrade", help=teach(UPGRADE))(upgrade)
    group.command("purge", help=teach(PURGE))(purge)
    app.add_typer(group, name="db")


def upgrade(ctx: typer.Context) -> None:
    context = cli_context(ctx)
    with context.runtime():
        context.out.print("The store is up to date.")


def purge(
    ctx: typer.Context,
    before: Before = None,
    person: PersonId = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    context = cli_context(ctx)
    if person is None:
        done, names = _purge_old(context, before, dry=dry_run), CONTENTS
    elif before is not None:
        raise UsageError("--before and --person are two purges; run one after the other.")
    else:
        done, names = _forget(context, person, dry=dry_run, yes=yes), TRACES
    is_nobody = person is not None and done.is_empty
    if as_json:
        context.print_json({"dry_run": dry_run, **done.counts, "busy": list(done.busy.values())})
    elif not is_nobody:
        context.out.print(_table(done, names))
        _say(context, done, dry=dry_run)
    if is_nobody:
        raise UsageError(NOBODY)
    if done.busy:
        listed = ", ".join(done.busy.values())
        raise SyncError(f"A cycle of route {listed} is running, so nothing was removed there; run this again later.")


# What is old ------------------------------------------------------------------------------------------------------


def _purge_old(context: CliContext, before: date | None, *, dry: bool) -> Purged:
    ends = _ends(context, before)
    with context.runtime() as runtime:
        return _carried_out(
            context, runtime, dry, lambda: retention.purge_old(runtime, ends, retention.all_routes(runtime), dry=dry)
        )


def _ends(context: CliContext, before: date | None) -> Callable[[datetime], Cutoffs]:
    """Before which instant what may go; the store's own clock decides how old something is."""
    if before is None:
        ages = Ages(**context.settings.retention.model_dump(exclude={"cycles"}))
        if ages.is_endless:
            raise UsageError("Say --before DAY, or set ages under [retention] in the configuration.")
        return ages.ends
    moment = datetime(before.year, before.month, before.day, tzinfo=UTC)
    if moment > datetime.now(UTC) - LOOKED_AT:
        raise UsageError("A cycle looks at what it wrote in the last 24 hours; give --before yesterday or earlier.")
    return lambda now: Cutoffs.at(moment)


# One person -------------------------------------------------------------------------------------------------------


def _forget(context: CliContext, person: str, *, dry: bool, yes: bool) -> Purged:
    """Shows what would go and asks, then removes what there is by then."""
    if not dry:
        context.must_be_able_to_ask(yes=yes)
    with context.runtime() as runtime:
        mappings = {route.key: route.mapping for route in context.routes}
        routes = {key: mappings.get(key) for key in retention.all_routes(runtime)}

        def forget(*, dry: bool) -> Purged:
            return retention.forget_person(runtime, person, routes, salt=lambda: secrets.token_hex(16), dry=dry)

        if not (dry or yes):
            found = forget(dry=True)
            if found.is_empty:
                return found
            context.err.print(_table(found, TRACES))
            context.err.print(COMES_BACK)
            context.confirm("Remove this from the store?", yes=yes)
        return _carried_out(context, runtime, dry, lambda: forget(dry=dry))


def _carried_out(context: CliContext, runtime: Runtime, dry: bool, remove: Callable[[], Purged]) -> Purged:
    done = remove()
    if not dry and any(done.counts.values()) and not runtime.store.rewrite():
        context.err.print(IN_USE, style="bold yellow")
    return done


# What is shown ----------------------------------------------------------------------------------------------------


def _table(done: Purged, names: dict[str, str]) -> Table:
    """Counts alone: no name and no value of a record."""
    listed = Table(box=None, show_header=False, padding=(0, 1), pad_edge=False)
    listed.add_column(justify="right")
    listed.add_column()
    for key, words in names.items():
        listed.add_row(str(done.counts[key]), words)
    return listed


def _say(context: CliContext, done: Purged, *, dry: bool) -> None:
    unsettled = done.counts.get("unsettled")
    if unsettled:
        context.out.print(UNSETTLED.format(unsettled), style="yellow")
    if dry:
        context.out.print("Nothing was changed: this was a dry run.")
    elif "directory" in done.counts:
        context.out.print(f"Removed. {COMES_BACK}", style="green")
    else:
        context.out.print("Purged.", style="green")
