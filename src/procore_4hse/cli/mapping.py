"""`mapping`: the mapping, checked, as a table, and tried on what is staged."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from procore_4hse.bootstrap import routes_of
from procore_4hse.cli.context import CliContext, Json, RouteNames, cli_context, ended, show_problems, teach
from procore_4hse.cli.live_words import show_words, words_json, worst_code
from procore_4hse.cli.mapping_diffs import mapping_diff_json, show_mapping_diff
from procore_4hse.cli.naming import Named, meant
from procore_4hse.cli.preview import way_in_words
from procore_4hse.cli.tables import table
from procore_4hse.cli.text import counted
from procore_4hse.cli.trials import show_trial, trial_json
from procore_4hse.errors import ConfigurationError, MappingError, Problem, UsageError
from procore_4hse.mapping.lint import lint
from procore_4hse.mapping.loader import load, word_lists
from procore_4hse.mapping.rules import Direction, FieldMapping
from procore_4hse.mapping.schema import Words
from procore_4hse.mapping.show import Row, rows
from procore_4hse.operations.explain import collect
from procore_4hse.operations.live_words import complete
from procore_4hse.operations.mapping_diff import mapping_diff
from procore_4hse.route import Route
from procore_4hse.settings.model import Settings

UNCONFIGURED = Path("mappings/default")
"""What is looked at where no configuration names a mapping."""

CHECK = """Reads a mapping folder and names every problem at once, each with file, line and remedy. Remarks are no
problems: a word list that no row names, or a row that may need more care than it asks for.

Use it after every change of a mapping; no call is made. Without FOLDER the mapping of every route is checked, and where
there is no configuration yet the folder `mappings/default`.

[bold]Example[/bold]  procore-4hse mapping check mappings/next

[bold]Exit codes[/bold]  0 no problem · 2 problems, in the mapping or in the configuration
"""

SHOW = """Prints the mapping as a table: each field, its name on both sides, the way it travels, who decides when both
sides changed it, what is lost on the way, and the class that says where it may cross. With `--route` it is the mapping
as that route carries it: what its direction and its privacy leave out is told. With `--words` the word lists follow.

[bold]Example[/bold]  procore-4hse mapping show --route riverside

[bold]Exit codes[/bold]  0 shown · 2 problems, in the mapping or in the configuration
"""

TRY = """Takes one staged incident through a mapping, field by field: what each side shows, the rule, what would be
written to the other side, as a new record and in the linked one, and whether it comes back as it was. Then what the
next cycle would do with it.

It is named as for `explain`: by an id, its number, words of its title, or its day.

No call is made and nothing is written, here or there. Without `--mapping` it is the route's own folder as it is on
disk now, so that a change can be tried before the next cycle. It shows what records hold.

[bold]Example[/bold]  procore-4hse mapping try 4711 --mapping mappings/next

[bold]Exit codes[/bold]  0 shown · 2 a mapping that cannot be read, or no such incident · 4 the store cannot be used
"""

DIFF = """Says which staged incidents another mapping would change, and how, before anybody deploys it: the plan of what
was read last under the present mapping against the plan under FOLDER.

No call is made and nothing is written, here or there. Run `plan` first to read both systems anew.

[bold]Example[/bold]  procore-4hse mapping diff mappings/next

[bold]Exit codes[/bold]  0 shown · 2 a mapping or a configuration that cannot be read · 4 the store cannot be used
"""

WORDS = """Completes the word lists of a mapping from both live systems: Procore's own lists, the values in use, and
the words that 4HSE's texts show. Nothing is written to either system.

A 4HSE word whose entry Procore does not have gets a further line where one entry means the same, marked `# proposed`.
An entry without any match gets a line under its own name, marked `# new`. Both count at once: look at them, and change
what is wrong. No line that is there is ever changed or moved, and a second run adds nothing.

Without `--to` the folder of each route is completed, for all routes that use it. With `--to` it is that folder, which
becomes a copy of the route's where it is not there yet.

[bold]Example[/bold]  procore-4hse mapping words --from-live --to mappings/mine

[bold]Exit codes[/bold]  0 completed · 1 a list could not be read whole and stays as it is · 2 a mapping, a folder or a
configuration that cannot be used · 3 credentials or permissions · 4 the store cannot be used
"""

Checked = Annotated[
    Path | None, typer.Argument(metavar="FOLDER", help="A mapping folder; else those that the routes name.")
]
WithWords = Annotated[bool, typer.Option("--words", help="Print the word lists too.")]
Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="The folder of the other mapping.")]
Other = Annotated[
    Path | None, typer.Option("--mapping", metavar="FOLDER", help="Another mapping than the one of the route.")
]
FromLive = Annotated[bool, typer.Option("--from-live", help="Ask both live systems; there is no other source yet.")]
Target = Annotated[Path | None, typer.Option("--to", metavar="FOLDER", help="Write to this mapping folder.")]
Everything = Annotated[bool, typer.Option("--all", help="List every change, however many there are.")]


def api(app: typer.Typer) -> None:
    group = typer.Typer(help="Which field of one system is which of the other.", no_args_is_help=True)
    group.command("check", help=teach(CHECK))(check)
    group.command("show", help=teach(SHOW))(show)
    group.command("try", help=teach(TRY))(try_)
    group.command("diff", help=teach(DIFF))(diff)
    group.command("words", help=teach(WORDS))(words)
    app.add_typer(group, name="mapping")


def check(ctx: typer.Context, folder: Checked = None, as_json: Json = False) -> None:
    context = cli_context(ctx)
    folders = [folder] if folder else list(_folders(context))
    mappings: dict[Path, FieldMapping] = {}
    problems: list[Problem] = []
    for each in folders:
        try:
            mappings[each] = load(each)
        except MappingError as error:
            problems += error.problems
    if context.is_configured and not problems:
        problems += _blocked(context.settings) if folder is None else _barred_there(context, folder)
    if as_json:
        context.print_json(_checked_json(mappings, problems))
    else:
        _show_checked(context, mappings, problems)
    raise typer.Exit(MappingError.exit_code if problems else 0)


def _blocked(settings: Settings) -> tuple[Problem, ...]:
    """Rows that go where a route does not let their class cross."""
    try:
        routes_of(settings)
    except ConfigurationError as error:
        return error.problems
    return ()


def _barred_there(context: CliContext, folder: Path) -> tuple[Problem, ...]:
    """The same, were every route to use this folder. Settings that are not filled in yet are no fault of a folder."""
    try:
        settings = context.settings
    except ConfigurationError:
        context.note("The configuration cannot be read yet, so it was not looked at what its routes let cross.")
        return ()
    routes = tuple(each.model_copy(update={"mapping": folder}) for each in settings.routes)
    return _blocked(settings.model_copy(update={"routes": routes}))


def show(ctx: typer.Context, route: RouteNames = None, words: WithWords = False) -> None:
    context = cli_context(ctx)
    for where, known, folder in _shown(context, route):
        context.out.print(_table(where, known))
        for row in rows(known):
            for remark in _remarks(row):
                context.out.print(remark)
        for name, pairs in word_lists(folder).items() if words else ():
            context.out.print(_list(name, pairs))


def _shown(context: CliContext, names: list[str] | None) -> Iterator[tuple[str, FieldMapping, Path]]:
    """What is shown: the mapping of each route that is named, as it carries it, or each folder as it is."""
    folders = {each.name: each.mapping for each in context.settings.routes} if names else {}
    for route in context.named(names) if names else ():
        yield f"route {route.name}", route.mapping.narrowed(route.direction), folders[route.name]
    for folder in () if names else _folders(context):
        yield str(folder), load(folder), folder


def try_(
    ctx: typer.Context, words: Named, mapping: Other = None, route: RouteNames = None, as_json: Json = False
) -> None:
    context = cli_context(ctx)
    routes = context.named(route or [])
    if mapping is not None:
        routes = _under(context, routes, mapping)
    with context.runtime() as runtime:
        story = collect(runtime.store, *meant(context, runtime.store, routes, words, "mapping try", as_json=as_json))
    if as_json:
        context.print_json(trial_json(story, mapping))
    else:
        show_trial(context, story, mapping)


def diff(
    ctx: typer.Context, folder: Folder, route: RouteNames = None, every: Everything = False, as_json: Json = False
) -> None:
    context = cli_context(ctx)
    routes = context.named(route or [])
    others = _under(context, routes, folder)
    with context.runtime() as runtime:
        diffs = [mapping_diff(runtime.store, each, other) for each, other in zip(routes, others, strict=True)]
    if as_json:
        context.print_json({"routes": [mapping_diff_json(each, folder) for each in diffs]})
    else:
        for each in diffs:
            show_mapping_diff(context, each, folder, every=every)


def words(
    ctx: typer.Context,
    from_live: FromLive = False,
    route: RouteNames = None,
    to: Target = None,
    as_json: Json = False,
) -> None:
    context = cli_context(ctx)
    if not from_live:
        raise UsageError("Say where the words come from: procore-4hse mapping words --from-live")
    chosen = _by_folder(context, route or [], alone=to is not None)
    if to is not None and len(chosen) > 1:
        raise UsageError("These routes have different mappings; name one of them with --route.")
    with context.runtime() as runtime:
        reports = [complete(runtime, folder, routes, to, context.note) for folder, routes in chosen.items()]
    if as_json:
        context.print_json(words_json(reports))
    else:
        show_words(context, reports)
    raise typer.Exit(worst_code(reports))


def _by_folder(context: CliContext, names: list[str], *, alone: bool) -> dict[Path, list[Route]]:
    """The folders of these routes, each with all routes that use it, or `alone` with the named ones only."""
    folders = {each.name: each.mapping for each in context.settings.routes}
    named = context.named(names) if names else context.chosen(names)
    others = () if alone else (each for each in context.routes if each.enabled and each not in named)
    routes = (*named, *others)
    wanted = sorted({folders[route.name] for route in named})
    return {folder: [each for each in routes if folders[each.name] == folder] for folder in wanted}


def _under(context: CliContext, routes: tuple[Route, ...], folder: Path) -> tuple[Route, ...]:
    """The same routes with the mapping of this folder, as the configuration would let it be used."""
    redirected = {each.name: each.model_copy(update={"mapping": folder}) for each in context.settings.routes}
    return routes_of(context.settings.model_copy(update={"routes": tuple(redirected[each.name] for each in routes)}))


def _folders(context: CliContext) -> Iterator[Path]:
    """The mapping folders of all routes, each once."""
    if not context.is_configured and UNCONFIGURED.is_dir():
        yield UNCONFIGURED
        return
    yield from dict.fromkeys(route.mapping for route in context.settings.routes)


def _checked_json(mappings: dict[Path, FieldMapping], problems: list[Problem]) -> dict[str, Any]:
    fields = [
        {"folder": str(folder), "fields": [asdict(row) for row in rows(known)]} for folder, known in mappings.items()
    ]
    outcome = ("failed", MappingError.exit_code) if problems else ("ok", 0)
    errors, remarks = ([asdict(each) for each in listed] for listed in (problems, _all_remarks(mappings)))
    return {"outcome": outcome[0], "exit": outcome[1], "problems": errors, "remarks": remarks, "mappings": fields}


def _all_remarks(mappings: dict[Path, FieldMapping]) -> list[Problem]:
    return [each for folder in mappings for each in lint(folder)]


def _show_checked(context: CliContext, mappings: dict[Path, FieldMapping], problems: list[Problem]) -> None:
    for folder, known in mappings.items():
        context.out.print(
            f"{folder}: {counted(len(known.by_key), 'field')}, no problem.", style="green", soft_wrap=True
        )
    for remark in _all_remarks(mappings):
        context.out.print(f"{remark.place}: {remark.what}.", style="yellow", soft_wrap=True)
        context.out.print(f"  {ended(remark.remedy)}", style="cyan", soft_wrap=True)
    if problems:
        show_problems(context, MappingError(tuple(problems)))


def _table(where: str, mapping: FieldMapping) -> Table:
    names = table(f"The mapping {mapping.name} ({where}), owner: {mapping.owner or 'nobody'}")
    for name in ("field", "Procore", "4HSE", "travels", "if both changed", "class"):
        names.add_column(name, overflow="fold")
    for row in rows(mapping):
        names.add_row(
            row.field,
            row.procore,
            row.fourhse,
            way_in_words(Direction(row.direction)),
            row.if_both_changed,
            row.privacy,
        )
    return names


def _list(name: str, pairs: Words) -> Table:
    listed = table(f"The words of words/{name}.yaml")
    for column in ("4HSE", "Procore"):
        listed.add_column(column, overflow="fold")
    for pair in pairs:
        listed.add_row(*pair)
    return listed


def _remarks(row: Row) -> Iterator[Text]:
    """What a row keeps, what counts as equal in it, and why it is as it is."""
    yield Text.assemble((row.field, "bold"), f" ({row.using}): {row.keeps}.")
    yield Text(f"  Equal: {row.equal}.")
    if row.left_out:
        yield Text(f"  {row.left_out[0].upper()}{row.left_out[1:]}.", style="yellow")
    if row.reason:
        yield Text(f"  {row.reason}", style="dim")
