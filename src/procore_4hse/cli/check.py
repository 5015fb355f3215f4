"""`check`: whether the configuration can work, asked of both live systems."""

from __future__ import annotations

from typing import Any

import typer
from rich.progress import Progress, SpinnerColumn, TextColumn
from rich.table import Table
from rich.text import Text

from procore_4hse.cli.context import CliContext, Json, cli_context, teach
from procore_4hse.cli.tables import facts
from procore_4hse.cli.text import counted
from procore_4hse.engine.run_routes import worst_exit_code
from procore_4hse.operations.check import Finding, Level, check_all, lifetime
from procore_4hse.operations.notify import addresses

HELP = """Whether the configuration can work: credentials, what our accounts may see on each route, clocks, time zones,
and every word that both systems show now against the mapping.

Use it after `init`, after each change, and when something does not cross. It only reads. A word without a partner or a
recycle bin that may not be seen is a warning: cycles run all the same, and what is concerned waits.

[bold]Example[/bold]  procore-4hse check

[bold]Exit codes[/bold]  0 it can work, perhaps with warnings · 1 a system could not be reached · 2 configuration or
mapping · 3 credentials or permissions · 4 the store · 7 a person must set something first, such as the time zone
"""

MARKS = {Level.OK: ("ok", "green"), Level.WARNING: ("warning", "yellow"), Level.PROBLEM: ("problem", "bold red")}


def api(app: typer.Typer) -> None:
    app.command("check", help=teach(HELP))(check)


def check(ctx: typer.Context, as_json: Json = False) -> None:
    context = cli_context(ctx)
    routes, hooks_at = context.chosen([]), context.settings.hooks.url
    with context.runtime() as runtime:
        findings = _watched(context, lambda step: list(check_all(runtime, routes, step, hooks_at=hooks_at)))
    findings += [*lifetime(context.settings.retention.journal), *addresses(context.settings)]
    code = worst_exit_code([each.code for each in findings])
    if as_json:
        context.print_json(_json(findings, code))
    else:
        _show(context, findings)
    raise typer.Exit(code)


def _watched(context: CliContext, work: Any) -> list[Finding]:
    """The findings, with a word on the terminal about what is looked at."""
    quiet = context.quiet or not context.err.is_terminal
    columns = (SpinnerColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=context.err, transient=True, disable=quiet) as bars:
        task = bars.add_task("")
        findings: list[Finding] = work(lambda step: bars.update(task, description=f"checking {step}"))
    return findings


def _json(findings: list[Finding], code: int) -> dict[str, Any]:
    listed = [{"place": each.place, "level": each.level.value, "what": each.what} for each in findings]
    return {"outcome": "failed" if code else "ok", "exit": code, "findings": listed}


def _show(context: CliContext, findings: list[Finding]) -> None:
    context.out.print("The configuration and the mapping", style="bold")
    context.out.print(_found([Finding("", Level.OK, "No problem.")]))
    for place in dict.fromkeys(each.place for each in findings):
        context.out.print(place, style="bold")
        context.out.print(_found([each for each in findings if each.place == place]))
    problems, warnings = (len([e for e in findings if e.level is level]) for level in (Level.PROBLEM, Level.WARNING))
    context.out.print()
    if problems:
        context.out.print(f"{counted(problems, 'problem')}; mend it and run this again.", style="bold red")
    elif warnings:
        context.out.print(f"It can work; {counted(warnings, 'warning')}.", style="yellow")
    else:
        context.out.print("Everything is in order. Look at what would happen with: procore-4hse plan", style="green")


def _found(findings: list[Finding]) -> Table:
    listed = facts()
    for each in findings:
        word, style = MARKS[each.level]
        listed.add_row(Text(f"  {word:7}", style), each.what)
    return listed
