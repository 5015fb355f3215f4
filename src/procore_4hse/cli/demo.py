"""`demo`: the whole thing once, on two simulated systems."""

from __future__ import annotations

import logging
import signal
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from threading import Event
from time import monotonic
from zoneinfo import ZoneInfo

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from procore_4hse.cli.context import CliContext, cli_context, system_user, teach
from procore_4hse.cli.text import counted
from procore_4hse.demo import ZONE, Deed, Scene, Stage, open_stage, spoken
from procore_4hse.engine.report import Report
from procore_4hse.models import Act, Action, ItemKind, Kind, Side
from procore_4hse.store.inbox import Entry
from procore_4hse.web.desk import LINK_LASTS, Desk
from procore_4hse.web.server import serving

HELP = """Shows a two-way sync from the first meeting to a quiet cycle, on two simulated systems and real incidents.

It starts both systems as servers on this machine, works in a temporary folder, needs no configuration and leaves
nothing behind. It takes less than a minute, and checks after every step that what it tells is true. On a terminal it
then keeps the desk open, where you can answer what waits, until Ctrl-C.

[bold]Example[/bold]  procore-4hse demo

[bold]Exit codes[/bold]  0 everything held · 4 something did not hold
"""
LOOPBACK = "127.0.0.1"
NEXT = (
    ("procore-4hse simulate --init", "the two systems again: docs/practice.md leads you to every question"),
    ("procore-4hse init", "write a configuration for your own systems"),
    ("procore-4hse check", "ask both of them whether everything is in place"),
    ("procore-4hse plan", "see what a sync would do, without one write"),
    ("procore-4hse sync", "do it once; `run` does it every five minutes"),
    ("procore-4hse inbox", "answer what waits"),
    ("procore-4hse explain ID", "the whole story of one incident"),
)


def api(app: typer.Typer) -> None:
    app.command("demo", help=teach(HELP))(demo)


def demo(ctx: typer.Context) -> None:
    context, began = cli_context(ctx), monotonic()
    if not context.verbose:
        logging.getLogger("procore_4hse").setLevel(logging.WARNING)
    with tempfile.TemporaryDirectory(prefix="procore-4hse-") as folder, open_stage(Path(folder)) as stage:
        _show_registers(context, stage)
        creates = _show_meeting(context, stage)
        _show_first_sync(context, stage, creates)
        _show_work(context, stage.work())
        _show_second_sync(context, stage)
        items = _show_third_sync(context, stage)
        _show_waiting(context, stage, items)
        _show_next(context)
        context.out.print()
        _say(context, f"Everything told above was checked and held. It took {monotonic() - began:.0f} seconds.")
        if context.out.is_terminal:
            keep_desk_open(context, stage, told_to_end())


# The story -------------------------------------------------------------------------------------------------------


def _show_registers(context: CliContext, stage: Stage) -> None:
    _head(context, "Two registers of one building site")
    days = [date.fromisoformat(row["date_incident"]) for row in stage.offices().values()]
    _say(
        context,
        f"The site writes its incidents into Procore (project Riverside: {len(stage.sites())}), the safety office into "
        f"4HSE (office Riverside site: {len(days)}). Both systems are simulated here, as real HTTP servers on this "
        f"machine. The incidents are real: they come from OSHA's public register, {spoken(min(days))} to "
        f"{spoken(max(days))}.",
    )


def _show_meeting(context: CliContext, stage: Stage) -> int:
    """How many incidents the first sync will create."""
    _head(context, "1. The first meeting")
    _say(context, "Both registers are full, so the first sync only looks, tells what it would do, and asks.")
    scene = stage.meet()
    _show_table(context, _meeting(scene.report))
    _show_held(context, scene)
    number = scene.items[0].id
    context.out.print()
    _say(context, "That looks right, so we let it happen:")
    context.out.print(f"  $ procore-4hse inbox approve {number}", style="cyan")
    stage.approve(number)
    return len([action for action in scene.report.plan.held if action.act is Act.CREATE])


def _meeting(report: Report) -> Table:
    """What each register holds and would get, from the plan that was not carried out."""
    pairs = len([action for action in report.plan.held if action.act is Act.LINK])
    creates = {s: len([a for a in report.plan.held if a.act is Act.CREATE and a.side is s]) for s in Side}
    return _counts(
        ("in both registers, clearly the same: linked", lambda side: pairs),
        ("perhaps the same: a person is asked", lambda side: _in_scope(report, side) - pairs - creates[side.other]),
        ("only here: would be copied to the other", lambda side: creates[side.other]),
        (
            "kept at home: private, or of a kind not shared",
            lambda side: report.population[side.value]["excluded"],
        ),
    )


def _in_scope(report: Report, side: Side) -> int:
    statuses: Mapping[str, int] = report.population[side.value]
    return sum(statuses.values()) - statuses["excluded"]


def _show_first_sync(context: CliContext, stage: Stage, creates: int) -> None:
    _head(context, "2. The first sync")
    _say(context, "Each incident that only one register has is created in the other, one call after another.")
    with _counting(context, creates) as count:
        scene = stage.join(count)
    _show_table(context, _numbers(scene.report))
    _show_held(context, scene)


def _show_work(context: CliContext, deeds: tuple[Deed, ...]) -> None:
    _head(context, "3. People work, on both sides")
    _say(context, "The site and the safety office go on with their day, and know nothing of each other.")
    table = _table("in", "what", "incident")
    for deed in deeds:
        table.add_row(deed.where, deed.what, f"{deed.title}\n→ {deed.change}")
    _show_table(context, table)


def _show_second_sync(context: CliContext, stage: Stage) -> None:
    _head(context, "4. The second sync")
    _say(context, "What changed on one side crosses to the other. What both changed, or one deleted, is asked about.")
    scene = stage.catch_up()
    table = _table("to", "why", "what arrived")
    for action in scene.written:
        table.add_row(action.side.label, action.reason, _arrived(action))
    _show_table(context, table)
    _show_held(context, scene)


def _arrived(action: Action) -> str:
    """What one write carried, in words."""
    fields = action.fields
    if action.kind is not Kind.INCIDENT:
        description = ", ".join(str(fields.get("description") or "").splitlines())
        return f"the injured worker, {fields.get('days')} days off work. {description}"
    if action.act is Act.CREATE:
        return f"a new incident, category {fields['category']}: {fields['name']}"
    if closed_on := fields.get("date_closed"):
        return f"closed, on {spoken(date.fromisoformat(closed_on))}"
    if moment := fields.get("event_date"):
        local = datetime.fromisoformat(moment).astimezone(ZoneInfo(ZONE))
        return f"{spoken(local.date())}; Procore keeps its time of day, {local:%H:%M}"
    text = fields.get("description") or fields.get("description_event") or fields.get("name") or fields.get("status")
    return str(text).splitlines()[-1]


def _show_third_sync(context: CliContext, stage: Stage) -> tuple[Entry, ...]:
    """What waits after it."""
    _head(context, "5. The third sync")
    scene = stage.rest()
    calls = scene.report.calls
    _say(
        context,
        f"Nothing is new, so nothing may be written. It took {calls['procore']} calls to Procore and "
        f"{calls['fourhse']} to 4HSE to know that.",
    )
    _show_held(context, scene)
    return scene.items


def _show_waiting(context: CliContext, stage: Stage, items: tuple[Entry, ...]) -> None:
    _head(context, "What waits for a person, and why")
    _say(context, "Nothing below is guessed. Each stays as it is until someone answers; everything else goes on.")
    table = _table("no.", "kind", "incident", "procore-4hse ...")
    for entry in items:
        table.add_row(str(entry.id), entry.item.kind.value, _why(stage, entry), _answers(entry))
    _show_table(context, table)


def _why(stage: Stage, entry: Entry) -> str:
    item = entry.item
    if item.kind is ItemKind.CONFLICT:
        return f"Procore: {item.procore_value}\n4HSE: {item.fourhse_value}\nbefore: {item.base_value}"
    if item.kind is ItemKind.DELETION:
        return f"{item.title}\nDeleted in Procore, still there in 4HSE."
    site, offices = stage.sites()[str(item.procore_id)], stage.offices()
    candidates = [offices[candidate] for candidate in item.facts["candidates"]]
    days = [f"{row['name']}, {spoken(date.fromisoformat(row['date_incident']))}" for row in candidates]
    moment = datetime.fromisoformat(site["event_date"]).astimezone(ZoneInfo(ZONE))
    return f"Procore: {site['title']}, {spoken(moment.date())}\n4HSE: {'; '.join(days)}\nOne incident, or two?"


def _answers(entry: Entry) -> str:
    if entry.item.kind is ItemKind.CONFLICT:
        return f"inbox resolve {entry.id} --use\n  procore, or 4hse"
    if entry.item.kind is ItemKind.DELETION:
        return f"inbox approve {entry.id}\n  delete it there too\ninbox reject {entry.id}\n  keep it"
    return f"inbox approve {entry.id} --with ID\n  it is one\ninbox reject {entry.id}\n  they are two"


def _show_next(context: CliContext) -> None:
    _head(context, "Where to look next")
    _say(context, "The commands are in .venv/bin; docs/commands.md tells all of them.")
    table = _table("type", "to")
    for command, purpose in NEXT:
        table.add_row(command, purpose)
    _show_table(context, table)


# The desk --------------------------------------------------------------------------------------------------------

LOOK_EVERY = 2.0
"""So many seconds pass at most until an answer is carried out."""


def told_to_end() -> Event:
    """Set by Ctrl-C and SIGTERM."""
    ended = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    return ended


def keep_desk_open(context: CliContext, stage: Stage, ended: Event) -> None:
    """The inbox in the browser, and a cycle after each answer, until `ended` is set."""
    desk = Desk.of(stage.settings, (stage.route,), stage.runtime.store)
    with serving(desk, LOOPBACK, 0) as url:
        key = desk.keys.link(system_user(), now=stage.clock(), lasts=LINK_LASTS)
        _head(context, "Your turn")
        _say(context, "Open this address in a browser. It signs you in once, within 15 minutes. What waits is there.")
        context.out.print(f"\n{url}/enter/{key}\n", style="cyan", soft_wrap=True)
        _say(context, "Answer something, and it is carried out at once. Ctrl-C ends everything.")
        context.out.file.flush()
        while not ended.wait(LOOK_EVERY):
            if report := stage.carry_out():
                _say(context, _carried_out(report))


def _carried_out(report: Report) -> str:
    made = sum(sum(counts.values()) for counts in report.written.values())
    waiting = sum(report.inbox.values())
    left = counted(waiting, "question waits", "questions wait")
    return f"A cycle carried your answer out: {counted(made, 'write')}; {left}."


# How it looks ----------------------------------------------------------------------------------------------------


def _head(context: CliContext, title: str) -> None:
    context.out.print()
    context.out.rule(Text(title, "bold"), align="left", style="dim")


def _say(context: CliContext, sentence: str) -> None:
    context.out.print(sentence)


def _show_table(context: CliContext, table: Table) -> None:
    context.out.print()
    context.out.print(table)


def _show_held(context: CliContext, scene: Scene) -> None:
    context.out.print()
    for sentence in scene.held:
        context.out.print(Text.assemble(("  ✓ ", "green"), sentence))


def _table(*columns: str) -> Table:
    table = Table(box=None, padding=(0, 1), header_style="dim")
    for name in columns:
        table.add_column(name, justify="right" if name in ("Procore", "4HSE") else "left", overflow="fold")
    return table


def _numbers(report: Report) -> Table:
    return _counts(
        ("created by this sync", lambda side: report.written[side.value]["created"]),
        ("in step now", lambda side: report.population[side.value]["in_sync"]),
        ("waiting for a person", lambda side: report.population[side.value]["waiting"]),
        ("kept at home", lambda side: report.population[side.value]["excluded"]),
        ("calls", lambda side: report.calls[side.value]),
    )


def _counts(*rows: tuple[str, Callable[[Side], int]]) -> Table:
    table = _table("", "Procore", "4HSE")
    for name, count in rows:
        table.add_row(name, *(str(count(side)) for side in Side))
    return table


class _Count:
    """Moves a progress bar by one for each write."""

    def __init__(self, bars: Progress, total: int) -> None:
        self.bars = bars
        self.task = bars.add_task("writing", total=total)

    def __call__(self, action: Action, done: int) -> None:
        self.bars.update(self.task, completed=done, description=f"creating in {action.side.label}")


@contextmanager
def _counting(context: CliContext, total: int) -> Iterator[_Count]:
    """A progress bar while a sync writes, on a terminal."""
    columns = (TextColumn("  {task.description:20}"), BarColumn(30), MofNCompleteColumn(), TimeElapsedColumn())
    quiet = context.quiet or not context.err.is_terminal
    with Progress(*columns, console=context.err, transient=True, disable=quiet) as bars:
        yield _Count(bars, total)
