"""What a cycle did, as a person reads it: one line of outcome, what crossed, what waits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from procore_4hse.cli.context import CliContext
from procore_4hse.models import Act, Action, Side

# `status` shows what waits in the same words, and runs no cycle.
if TYPE_CHECKING:
    from procore_4hse.engine.report import Report
    from procore_4hse.engine.run_routes import Progress as Counted
    from procore_4hse.engine.run_routes import Summary
    from procore_4hse.route import Route

OUTCOMES = {
    "ok": ("done", "bold green"),
    "partial": ("partly done; the rest is tried again by itself", "bold yellow"),
    "busy": ("busy: another process works on it and was left alone", "bold yellow"),
    "stopped": ("stopped: a person is needed", "bold red"),
    "failed": ("failed", "bold red"),
}
PLACES = {"in_sync": "in sync", "waiting": "waiting", "refused": "refused", "excluded": "left out"}
DOING = {
    Act.CREATE: "created in",
    Act.UPDATE: "updated in",
    Act.DELETE: "deleted in",
    Act.RESTORE: "restored in",
    Act.LINK: "linked with",
}


@contextmanager
def counting(context: CliContext, routes: Sequence[Route]) -> Iterator[Counted]:
    """While cycles run, a terminal shows for each route what was done last and how many that makes."""
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.fields[route]}"), BarColumn(20), TextColumn("{task.description}"))
    quiet = context.quiet or not context.err.is_terminal
    with Progress(*columns, TimeElapsedColumn(), console=context.err, transient=True, disable=quiet) as bars:
        tasks = {route.name: bars.add_task("reading both systems", total=None, route=route.name) for route in routes}

        def count(route: Route, action: Action, done: int) -> None:
            written = "written" if done != 1 else "record written"
            said = f"{done} {written}, last {DOING[action.act]} {action.side.label}"
            bars.update(tasks[route.name], description=said)

        yield count


def show_round(context: CliContext, done: Summary, *, due: bool = False) -> None:
    """`due`: only what was due was to be run. Told to be quiet, it shows what did not end well, and nothing else."""
    for report in done.reports:
        if report.exit_code or not context.quiet:
            show_report(context, report)
    if not done.reports and not context.quiet:
        why = "No route is due" if due else "No route is enabled"
        context.out.print(f"{why}, so there was nothing to do.")


def show_report(context: CliContext, report: Report) -> None:
    """The outcome in one line, its reason, and the numbers when there are any."""
    words, style = OUTCOMES[report.outcome]
    context.out.print(Text.assemble((report.route, "bold"), ": ", (words, style), f" ({report.seconds:.1f} s)"))
    if report.reason:
        context.out.print(f"  {report.reason}")
    if report.outcome != "busy":
        context.out.print(numbers(report))
        show_waiting(context, report.inbox)
    context.out.print()


def numbers(report: Report) -> Table:
    """Per side: read, created, updated, deleted, and where its incidents stand now."""
    table = Table(box=None, padding=(0, 1), pad_edge=False, header_style="dim")
    table.add_column(" ")
    for name in ("read", "created", "updated", "deleted", *PLACES.values()):
        table.add_column(name, justify="right")
    for side in Side:
        written, stand = report.written[side.value], report.population[side.value]
        counts = (report.pulled[side.value], written["created"], written["updated"], written["deleted"])
        table.add_row(f"  {side.label}", *map(str, counts), *(str(stand[place]) for place in PLACES))
    return table


def show_waiting(context: CliContext, inbox: dict[str, int]) -> None:
    waiting = [f"{count} {kind}" for kind, count in inbox.items() if count]
    if waiting:
        total = sum(inbox.values())
        verb = "waits" if total == 1 else "wait"
        context.out.print(f"  {total} {verb} for a person ({', '.join(waiting)}): procore-4hse inbox", style="yellow")
