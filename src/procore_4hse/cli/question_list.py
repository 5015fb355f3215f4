"""`inbox list`: what waits for a person, by its cause."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from rich.table import Table
from rich.text import Text

from procore_4hse.cli.context import CliContext
from procore_4hse.cli.tables import table
from procore_4hse.cli.text import age, counted, plain, short
from procore_4hse.operations.questions import Group, Outline, grouped

EACH = 10
"""So many questions of one cause are listed; one answer may settle all of them."""


def show_list(context: CliContext, found: Sequence[Outline], now: datetime) -> None:
    if not found:
        context.out.print("Nothing waits for a person.")
        return
    verb = "waits" if len(found) == 1 else "wait"
    context.out.print(Text(f"{counted(len(found), 'question')} {verb} for a person", style="bold"))
    routes = {question.route.name for question in found}
    for group in grouped(found):
        context.out.print(_table(group, now, with_route=len(routes) > 1))
        if group.about and len(group.questions) > EACH:
            left = len(group.questions) - EACH
            context.out.print(f"  and {left} more of this cause; --json lists them all", style="dim")
    context.out.print("Look at one and see how to answer it: procore-4hse inbox show ID")


def _table(group: Group, now: datetime, *, with_route: bool) -> Table:
    """The rows of one group, the oldest first; what all of them share stands above."""
    listed = table(_title(group))
    listed.add_column("ID", justify="right", style="bold", no_wrap=True)
    listed.add_column("day", no_wrap=True)
    listed.add_column("incident", ratio=2, overflow="fold")
    if not group.about:
        listed.add_column("why", ratio=3, overflow="fold")
    if with_route:
        listed.add_column("route")
    listed.add_column("for", no_wrap=True)
    for question in group.questions[: EACH if group.about else None]:
        why = [] if group.about else [short(question.item.reason, 160)]
        route = [question.route.name] if with_route else []
        title = short(question.title, 60) or "-"
        age_of = age(now - question.entry.since)
        listed.add_row(str(question.id), question.day or "-", title, *why, *route, age_of)
    return listed


def _title(group: Group) -> str:
    kind = f"{group.heading} ({group.kind.value})"
    return f"{kind}: {len(group.questions)} with one cause. {plain(group.about)}" if group.about else kind
