"""`demo`: the whole thing once, on two simulated systems."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from time import monotonic
from zoneinfo import ZoneInfo

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from procore_4hse.cli.context import Desk, desk_of, teach
from procore_4hse.demo import ZONE, Deed, Scene, Stage, open_stage, spoken
from procore_4hse.engine.report import Report
from procore_4hse.models import Act, Action, ItemKind, Kind, Side
from procore_4hse.store.inbox import Entry

HELP = """Shows a two-way sync from the first meeting to a quiet cycle, on two simulated systems and real incidents.

It starts both systems as servers on this machine, works in a temporary folder, needs no configuration and leaves
nothing behind. It takes less than a minute, and checks after every step that what it tells is true.

[bold]Example[/bold]  procore-4hse demo

[bold]Exit codes[/bold]  0 everything held · 4 something did not hold
"""
NEXT = (
    ("procore-4hse simulate --init", "the two systems again, to try every command on"),
    ("procore-4hse init", "write a configuration for your own systems"),
    ("procore-4hse check", "ask both of them whether everything is in place"),
    ("procore-4hse plan", "see what a sync would do, without one write"),
    ("procore-4hse sync", "do it once; `run` does it every five minutes"),
    ("procore-4hse inbox", "answer what waits"),
    ("procore-4hse explain ID", "the whole story of one incident"),
)


def register(app: typer.Typer) -> None:
    app.command("demo", help=teach(HELP))(demo)


def demo(ctx: typer.Context) -> None:
    desk, began = desk_of(ctx), monotonic()
    if not desk.verbose:
        logging.getLogger("procore_4hse").setLevel(logging.WARNING)
    with tempfile.TemporaryDirectory(prefix="procore-4hse-") as folder, open_stage(Path(folder)) as stage:
        _show_registers(desk, stage)
        creates = _show_meeting(desk, stage)
        _show_first_sync(desk, stage, creates)
        _show_work(desk, stage.work())
        _show_second_sync(desk, stage)
        items = _show_third_sync(desk, stage)
        _show_waiting(desk, stage, items)
    _show_next(desk)
    desk.out.print()
    _say(desk, f"Everything told above was checked and held. It took {monotonic() - began:.0f} seconds.")


# The story -------------------------------------------------------------------------------------------------------


def _show_registers(desk: Desk, stage: Stage) -> None:
    _head(desk, "Two registers of one building site")
    days = [date.fromisoformat(row["date_incident"]) for row in stage.offices().values()]
    _say(
        desk,
        f"The site writes its incidents into Procore (project Riverside: {len(stage.sites())}), the safety office into "
        f"4HSE (office Riverside site: {len(days)}). Both systems are simulated here, as real HTTP servers on this "
        f"machine. The incidents are real: they come from OSHA's public register, {spoken(min(days))} to "
        f"{spoken(max(days))}.",
    )


def _show_meeting(desk: Desk, stage: Stage) -> int:
    """How many incidents the first sync will create."""
    _head(desk, "1. The first meeting")
    _say(desk, "Both registers are full, so the first sync only looks, tells what it would do, and asks.")
    scene = stage.meet()
    _show_table(desk, _meeting(scene.report))
    _show_held(desk, scene)
    number = scene.items[0].id
    desk.out.print()
    _say(desk, "That looks right, so we let it happen:")
    desk.out.print(f"  $ procore-4hse inbox approve {number}", style="cyan")
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
    places: Mapping[str, int] = report.population[side.value]
    return sum(places.values()) - places["excluded"]


def _show_first_sync(desk: Desk, stage: Stage, creates: int) -> None:
    _head(desk, "2. The first sync")
    _say(desk, "Each incident that only one register has is created in the other, one call after another.")
    with _counting(desk, creates) as count:
        scene = stage.join(count)
    _show_table(desk, _numbers(scene.report))
    _show_held(desk, scene)


def _show_work(desk: Desk, deeds: tuple[Deed, ...]) -> None:
    _head(desk, "3. People work, on both sides")
    _say(desk, "The site and the safety office go on with their day, and know nothing of each other.")
    table = _table("in", "what", "incident")
    for deed in deeds:
        table.add_row(deed.where, deed.what, f"{deed.title}\n→ {deed.change}")
    _show_table(desk, table)


def _show_second_sync(desk: Desk, stage: Stage) -> None:
    _head(desk, "4. The second sync")
    _say(desk, "What changed on one side crosses to the other. What both changed, or one deleted, is asked about.")
    scene = stage.catch_up()
    table = _table("to", "why", "what arrived")
    for action in scene.written:
        table.add_row(action.side.label, action.reason, _arrived(action))
    _show_table(desk, table)
    _show_held(desk, scene)


def _arrived(action: Action) -> str:
    """What one write carried, in words."""
    fields = action.fields
    if action.kind is not Kind.INCIDENT:
        told = ", ".join(str(fields.get("description") or "").splitlines())
        return f"the injured worker, {fields.get('days')} days off work. {told}"
    if action.act is Act.CREATE:
        return f"a new incident, category {fields['category']}: {fields['name']}"
    if closed_on := fields.get("date_closed"):
        return f"closed, on {spoken(date.fromisoformat(closed_on))}"
    if moment := fields.get("event_date"):
        local = datetime.fromisoformat(moment).astimezone(ZoneInfo(ZONE))
        return f"{spoken(local.date())}; Procore keeps its time of day, {local:%H:%M}"
    text = fields.get("description") or fields.get("description_event") or fields.get("name") or fields.get("status")
    return str(text).splitlines()[-1]


def _show_third_sync(desk: Desk, stage: Stage) -> tuple[Entry, ...]:
    """What waits after it."""
    _head(desk, "5. The third sync")
    scene = stage.rest()
    calls = scene.report.calls
    _say(
        desk,
        f"Nothing is new, so nothing may be written. It took {calls['procore']} calls to Procore and "
        f"{calls['fourhse']} to 4HSE to know that.",
    )
    _show_held(desk, scene)
    return scene.items


def _show_waiting(desk: Desk, stage: Stage, items: tuple[Entry, ...]) -> None:
    _head(desk, "What waits for a person, and why")
    _say(desk, "Nothing below is guessed. Each stays as it is until someone answers; everything else goes on.")
    table = _table("no.", "kind", "incident", "procore-4hse ...")
    for entry in items:
        table.add_row(str(entry.id), entry.item.kind.value, _why(stage, entry), _answers(entry))
    _show_table(desk, table)


def _why(stage: Stage, entry: Entry) -> str:
    item = entry.item
    if item.kind is ItemKind.CONFLICT:
        return f"Procore: {item.procore_value}\n4HSE: {item.fourhse_value}\nbefore: {item.base_value}"
    if item.kind is ItemKind.DELETION:
        return f"{item.title}\nDeleted in Procore, still there in 4HSE."
    site, offices = stage.sites()[str(item.procore_id)], stage.offices()
    told = [offices[candidate] for candidate in item.facts["candidates"]]
    days = [f"{row['name']}, {spoken(date.fromisoformat(row['date_incident']))}" for row in told]
    moment = datetime.fromisoformat(site["event_date"]).astimezone(ZoneInfo(ZONE))
    return f"Procore: {site['title']}, {spoken(moment.date())}\n4HSE: {'; '.join(days)}\nOne incident, or two?"


def _answers(entry: Entry) -> str:
    if entry.item.kind is ItemKind.CONFLICT:
        return f"inbox resolve {entry.id} --use\n  procore, or 4hse"
    if entry.item.kind is ItemKind.DELETION:
        return f"inbox approve {entry.id}\n  delete it there too\ninbox reject {entry.id}\n  keep it"
    return f"inbox approve {entry.id} --with ID\n  it is one\ninbox reject {entry.id}\n  they are two"


def _show_next(desk: Desk) -> None:
    _head(desk, "Where to look next")
    _say(desk, "The commands are in .venv/bin; the README tells all of them.")
    table = _table("type", "to")
    for command, purpose in NEXT:
        table.add_row(command, purpose)
    _show_table(desk, table)


# How it looks ----------------------------------------------------------------------------------------------------


def _head(desk: Desk, title: str) -> None:
    desk.out.print()
    desk.out.rule(Text(title, "bold"), align="left", style="dim")


def _say(desk: Desk, sentence: str) -> None:
    desk.out.print(sentence)


def _show_table(desk: Desk, table: Table) -> None:
    desk.out.print()
    desk.out.print(table)


def _show_held(desk: Desk, scene: Scene) -> None:
    desk.out.print()
    for sentence in scene.held:
        desk.out.print(Text.assemble(("  ✓ ", "green"), sentence))


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
def _counting(desk: Desk, total: int) -> Iterator[_Count]:
    """A progress bar while a sync writes, on a terminal."""
    columns = (TextColumn("  {task.description:20}"), BarColumn(30), MofNCompleteColumn(), TimeElapsedColumn())
    quiet = desk.quiet or not desk.err.is_terminal
    with Progress(*columns, console=desk.err, transient=True, disable=quiet) as bars:
        yield _Count(bars, total)
