"""`inbox`: what waits for a person, and their answers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Annotated, Any

import typer
from rich.text import Text

from procore_4hse.cli.answering import Chosen, Wanted, answer_each
from procore_4hse.cli.context import CliContext, cli_context, day, system_user, teach
from procore_4hse.cli.decided import DECISION, decision_cells, decision_json, decision_lines, show_decided
from procore_4hse.cli.question_list import show_list
from procore_4hse.cli.question_page import show_question
from procore_4hse.cli.questions import COLUMNS, question_cells, question_json
from procore_4hse.cli.spreadsheets import print_csv
from procore_4hse.cli.tables import table
from procore_4hse.cli.text import moment, plain
from procore_4hse.cli.walk import Walk, must_have_terminal
from procore_4hse.errors import UsageError
from procore_4hse.models import ItemKind
from procore_4hse.operations import decisions as answers
from procore_4hse.operations import remembered
from procore_4hse.operations.choices import Choice
from procore_4hse.operations.decided import Decided, decided, unacted
from procore_4hse.operations.decisions import Answer
from procore_4hse.operations.questions import ASKED, Outline, Question, asked, outlined, question_of, questions
from procore_4hse.operations.remembered import Remembered
from procore_4hse.store.decisions import Decider
from procore_4hse.store.inbox import Entry
from procore_4hse.store.repository import Store, Unit

GROUP = """What waits for a person: list it, look at one item, answer it.

Without a word after it, `inbox` lists. Nothing is written when you answer: the next cycle carries the answer out, if it
still fits what it was given to.

[bold]Kinds[/bold] conflict: both sides changed one field · deletion: one side deleted it · match: perhaps one incident,
perhaps two · word: a word that the mapping does not know · refused: a system said no · drift: the sides disagree
although neither changed · guard: too much at once, held · missing: no longer shown, and no proof that it was deleted

An answer may go to several items at once, or with `--kind KIND --all` to every open one of a kind. Each is checked by
itself. `--note` keeps why.

[bold]Example[/bold]  procore-4hse inbox --kind conflict

[bold]Exit codes[/bold]  0 done · 2 configuration, no such item, or an answer that does not fit it · 4 the store
"""

LIST = """Lists what waits for a person, oldest first. With `--closed` it lists what was answered or closed: who
answered what, when and from where, their note, and what became of it. What closed by itself says so.

[bold]Example[/bold]  procore-4hse inbox list --closed --since 2026-11-01 --csv

[bold]Exit codes[/bold]  0 listed · 2 configuration · 4 the store cannot be used
"""

SHOW = """Shows one item whole: both values, what both sides last agreed on, why it is asked, and how to answer.

[bold]Example[/bold]  procore-4hse inbox show 12

[bold]Exit codes[/bold]  0 shown · 2 no such item · 4 the store cannot be used
"""

RESOLVE = """Answers a conflict or a drift: the value of this side holds, and the other side is given it.

The answer counts for the values that you saw; when a side changes before the next cycle, it is asked again. Where a
field does not travel, both values stay.

[bold]Example[/bold]  procore-4hse inbox resolve 12 --use 4hse

[bold]Exit codes[/bold]  0 noted, the next cycle carries it out · 2 the answer does not fit the item · 4 the store
"""

APPROVE = """Says yes: to a deletion (the survivor is deleted too), to a missing one (it was deleted), to a match
(`--with` the record that is the same incident), or to what a guard holds. Of what a system did not keep whole it says
that both may stay as they are.

A guard about a changed mapping wants `--use`: the side whose values hold, or `base` to leave both as they are. So does
an accident recognised late, of which Procore holds only a near miss: `injury` records it in Procore and moves the near
miss to the bin, `leave` keeps both.

[bold]Example[/bold]  procore-4hse inbox approve 12 --with 8613

[bold]Exit codes[/bold]  0 noted, the next cycle carries it out · 2 the answer does not fit the item · 4 the store
"""

REJECT = """Says no: to a deletion (the survivor is kept and left alone from now on, or with `--restore` the deleted one
is brought back), to held deletions, or to a match (they are different, and both are created).

[bold]Example[/bold]  procore-4hse inbox reject 12 --restore

[bold]Exit codes[/bold]  0 noted, the next cycle carries it out · 2 the answer does not fit the item · 4 the store
"""

RETRY = """Tries a refused call again in the next cycle, without waiting for its turn; what was not kept whole is sent
once more.

[bold]Example[/bold]  procore-4hse inbox retry 12

[bold]Exit codes[/bold]  0 noted, the next cycle tries it · 2 the item is no refused one · 4 the store
"""

UNDO = """Takes an answer back before a cycle has carried it out; the item is open again.

What was carried out is not undone by this: `history undo` takes a write back. A person's record that was rejected may
be taken up again at any time.

[bold]Example[/bold]  procore-4hse inbox undo 12

[bold]Exit codes[/bold]  0 the item is open again · 2 it has no answer, or is closed · 4 the store
"""

SNOOZE = """Puts an item off: it is not listed before that day, and does not count as waiting. It stays open.

It is listed again when that day begins in the project's time zone, or sooner when what it shows moves.

[bold]Example[/bold]  procore-4hse inbox snooze 12 --until 2026-12-01

[bold]Exit codes[/bold]  0 put off · 2 it is not open, or the day has begun · 4 the store
"""

WALK = """Shows one question after the other on the terminal, and takes the answer by one key: a number for each choice,
`s` to skip it, `q` to quit.

What cannot be undone later is asked twice.

[bold]Example[/bold]  procore-4hse inbox walk --kind match

[bold]Exit codes[/bold]  0 done · 2 configuration, or no terminal to ask on · 4 the store cannot be used
"""

REMEMBERED = """Lists the answers that go on counting: partners of people, incidents that are two, people who are never
copied, records that are kept though the other one was deleted, and near misses that are left as they are.

What the mapping's own table of partners says outranks an answer; one that contradicts it is listed as not used.

[bold]Example[/bold]  procore-4hse inbox remembered --json

[bold]Exit codes[/bold]  0 listed · 2 configuration · 4 the store cannot be used
"""

FORGET = """Takes such an answer back: the next cycle asks again where it must.

Of a partner: the two are no longer known as one person. Name the right one when it is asked, and every record that
names the wrong one is corrected.

[bold]Example[/bold]  procore-4hse inbox forget partner:0123456789

[bold]Exit codes[/bold]  0 forgotten · 1 a cycle of the route is running · 2 nothing has this id · 4 the store
"""

Numbers = Annotated[list[int] | None, typer.Argument(metavar="ID", help="The items' numbers, as the list shows them.")]
EveryOfKind = Annotated[ItemKind | None, typer.Option("--kind", metavar="KIND", help="With --all: every item of it.")]
All = Annotated[bool, typer.Option("--all", help="All items of the kind; it shows their count and asks first.")]
Note = Annotated[str, typer.Option("--note", metavar="TEXT", help="Why, for those who ask later.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Go on with all of them without asking.")]
Until = Annotated[date, typer.Option("--until", metavar="DAY", parser=day, help="The day it is listed again.")]
Closed = Annotated[bool, typer.Option("--closed", help="What was answered or closed, and what became of it.")]
Since = Annotated[
    date | None,
    typer.Option("--since", metavar="DAY", parser=day, help="With --closed: of what happened since that day (UTC)."),
]
Snoozed = Annotated[bool, typer.Option("--snoozed", help="Also what is put off until a later day.")]
AsCsv = Annotated[bool, typer.Option("--csv", help="Print rows for a spreadsheet.")]
Number = Annotated[int, typer.Argument(metavar="ID", help="The item's number, as the list shows it.")]
AnswerId = Annotated[str, typer.Argument(metavar="ID", help="The answer's id, as `inbox remembered` shows it.")]
OfKind = Annotated[ItemKind | None, typer.Option("--kind", metavar="KIND", help="Only items of this kind.")]
OfRoute = Annotated[list[str] | None, typer.Option("--route", metavar="NAME", help="Only items of this route.")]
AsRemembered = Annotated[bool, typer.Option("--json", help="Print one JSON object with all answers.")]
AsShown = Annotated[bool, typer.Option("--json", help="Print one JSON object with everything that it shows.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object with all items.")]
Use = Annotated[str, typer.Option("--use", metavar="procore|4hse", help="The side whose value holds.")]
GuardUse = Annotated[
    str | None,
    typer.Option(
        "--use", metavar="procore|4hse|base|accept|injury|leave", help="What holds, when the item asks for it."
    ),
]
With = Annotated[str | None, typer.Option("--with", metavar="RECORD_ID", help="The other side's id of a match.")]
Shown = Annotated[
    str | None,
    typer.Option("--shown", metavar="DIGEST", help="What you saw, as printed with the item; another state is refused."),
]
Restore = Annotated[bool, typer.Option("--restore", help="Bring the deleted one back.")]


def api(app: typer.Typer) -> None:
    group = typer.Typer(help=teach(GROUP), invoke_without_command=True)
    group.callback()(either)
    group.command("list", help=teach(LIST))(list_items)
    group.command("show", help=teach(SHOW))(show)
    group.command("resolve", help=teach(RESOLVE))(resolve)
    group.command("approve", help=teach(APPROVE))(approve)
    group.command("reject", help=teach(REJECT))(reject)
    group.command("retry", help=teach(RETRY))(retry)
    group.command("undo", help=teach(UNDO))(undo)
    group.command("snooze", help=teach(SNOOZE))(snooze)
    group.command("walk", help=teach(WALK))(walk)
    group.command("remembered", help=teach(REMEMBERED))(list_remembered)
    group.command("forget", help=teach(FORGET))(forget)
    app.add_typer(group, name="inbox")


def either(
    ctx: typer.Context,
    kind: OfKind = None,
    route: OfRoute = None,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    if ctx.invoked_subcommand is None:
        _list(cli_context(ctx), Listed(kind, tuple(route or ())), as_json=as_json, as_csv=as_csv)


def list_items(
    ctx: typer.Context,
    kind: OfKind = None,
    route: OfRoute = None,
    closed: Closed = False,
    since: Since = None,
    snoozed: Snoozed = False,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    if since is not None and not closed:
        raise UsageError("--since belongs to --closed; what waits is always listed as a whole.")
    listed = Listed(kind, tuple(route or ()), snoozed=snoozed)
    if closed:
        _list_closed(cli_context(ctx), listed, since, as_json=as_json, as_csv=as_csv)
    else:
        _list(cli_context(ctx), listed, as_json=as_json, as_csv=as_csv)


def show(ctx: typer.Context, item_id: Number, as_json: AsShown = False) -> None:
    context = cli_context(ctx)
    with context.runtime() as runtime:
        route, entry = answers.find(runtime.store, context.routes, item_id)
        with runtime.store.read() as unit:
            question = question_of(unit, route, entry)
            decisions = [one for one in unit.decisions(route.key).of(entry.item.key) if one.item_id == entry.id]
    if as_json:
        context.print_json(question_json(question))
        return
    show_question(context, question, decisions[-1] if decisions else None)
    for line in decision_lines(decisions):
        context.out.print(line, soft_wrap=True)


def resolve(
    ctx: typer.Context,
    use: Use,
    item_ids: Numbers = None,
    kind: EveryOfKind = None,
    every: All = False,
    route: OfRoute = None,
    note: Note = "",
    shown: Shown = None,
    yes: Yes = False,
) -> None:
    chosen = Chosen(item_ids or (), kind, every, route or (), yes, shown)
    _answer(cli_context(ctx), chosen, Answer("resolve", use=use), note)


def approve(
    ctx: typer.Context,
    item_ids: Numbers = None,
    with_id: With = None,
    use: GuardUse = None,
    kind: EveryOfKind = None,
    every: All = False,
    route: OfRoute = None,
    note: Note = "",
    shown: Shown = None,
    yes: Yes = False,
) -> None:
    chosen = Chosen(item_ids or (), kind, every, route or (), yes, shown)
    _answer(cli_context(ctx), chosen, Answer("approve", use=use, with_id=with_id), note)


def reject(
    ctx: typer.Context,
    item_ids: Numbers = None,
    restore: Restore = False,
    kind: EveryOfKind = None,
    every: All = False,
    route: OfRoute = None,
    note: Note = "",
    shown: Shown = None,
    yes: Yes = False,
) -> None:
    chosen = Chosen(item_ids or (), kind, every, route or (), yes, shown)
    _answer(cli_context(ctx), chosen, Answer("reject", restore=restore), note)


def retry(
    ctx: typer.Context,
    item_ids: Numbers = None,
    kind: EveryOfKind = None,
    every: All = False,
    route: OfRoute = None,
    note: Note = "",
    shown: Shown = None,
    yes: Yes = False,
) -> None:
    chosen = Chosen(item_ids or (), kind, every, route or (), yes, shown)
    _answer(cli_context(ctx), chosen, Answer("retry"), note)


def undo(
    ctx: typer.Context,
    item_ids: Numbers = None,
    kind: EveryOfKind = None,
    every: All = False,
    route: OfRoute = None,
    yes: Yes = False,
) -> None:
    context, by = cli_context(ctx), me()

    def act(store: Store, wanted: Wanted) -> tuple[str, str]:
        found, entry = answers.take_back(store, context.routes, wanted.number, by)
        then = "is closed: what was not put back yet stays" if answers.is_undo(entry) else "waits for an answer again"
        return f"Taken back: item {entry.id} ({entry.item.kind.value}) {then}.", found.name

    answer_each(context, Chosen(item_ids or (), kind, every, route or (), yes), act, state="answered")


def snooze(ctx: typer.Context, item_id: Number, until: Until) -> None:
    context = cli_context(ctx)
    with context.runtime() as runtime:
        _, entry = answers.snooze(runtime.store, context.routes, item_id, until)
    context.out.print(
        f"Put off: item {entry.id} ({entry.item.kind.value}) is listed again on {until}, or sooner if it moves.",
        style="green",
    )


def walk(ctx: typer.Context, kind: OfKind = None, route: OfRoute = None) -> None:
    context, by = cli_context(ctx), me()
    must_have_terminal()
    listed = Listed(kind)

    def answer(store: Store, question: Question, choice: Choice) -> str:
        if choice.answer is None:
            answers.snooze(store, context.routes, question.id, question.until)
            return f"Put off: it is listed again on {question.until}, or sooner if it moves."
        shown, seen = question.item.shown, question.entry
        _, entry, kept = answers.keep(store, context.routes, question.id, choice.answer, by, shown=shown, seen=seen)
        return f"Noted: {_in_words(entry, kept)}"

    with context.runtime() as runtime:
        round_ = Walk(context, runtime.store, answer)
        round_.through(context.named(tuple(route or ())), lambda question: listed.takes(question.entry))
    _tell_next(context, round_.answered)


def _tell_next(context: CliContext, routes: Iterable[str]) -> None:
    for name in sorted(routes):
        context.out.print(f"The next cycle carries it out: procore-4hse sync --route {name}")


def me() -> Decider:
    return Decider(system_user(), "cli")


def _answer(context: CliContext, chosen: Chosen, answer: Answer, note: str) -> None:
    by = me()

    def act(store: Store, wanted: Wanted) -> tuple[str, str]:
        given = answer
        if answer.verb == "approve" and answer.with_id is None and wanted.only_candidate:
            given = replace(answer, with_id=wanted.only_candidate)
        route, entry, kept = answers.keep(
            store, context.routes, wanted.number, given, by, shown=wanted.shown, note=note
        )
        earlier = " in place of your earlier answer" if entry.state == "answered" else ""
        return f"Noted{earlier}: {_in_words(entry, kept)}", route.name

    _tell_next(context, answer_each(context, chosen, act))


def _in_words(entry: Entry, answer: Answer) -> str:
    """What the answer means, told back."""
    number = f"item {entry.id} ({entry.item.kind.value})"
    if answer.verb == "resolve":
        return f"{number}, the value of {answers.TITLES[answer.use or '']} holds."
    if entry.item.who and answer.verb != "resolve":
        return f"{number}, {_of_person(entry, answer)}."
    if answer.with_id:
        return f"{number}, it is the same incident as {answer.with_id}."
    if answer.use in NEAR_MISSES:
        return f"{number}, {NEAR_MISSES[answer.use]}."
    if answer.restore:
        return f"{number}, the deleted one is brought back."
    if answer.verb == "approve" and "lost_on" in entry.item.facts:
        return f"{number}, both may stay as they are."
    return f"{number}, {MEANINGS[answer.verb]}."


def _of_person(entry: Entry, answer: Answer) -> str:
    if answer.with_id:
        return f"{answer.with_id} is that person's partner"
    return "the records stay as they are" if entry.item.kind is ItemKind.DRIFT else "that person is never copied"


NEAR_MISSES = {
    "injury": "an injury is recorded in Procore, then the near miss goes to the bin",
    "leave": "both stay as they are until one of them changes",
}
MEANINGS = {"approve": "approved", "reject": "rejected", "retry": "it is tried again now"}


# Listing ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Listed:
    """What of the inbox is listed: of one kind or all, of these routes or all."""

    kind: ItemKind | None = None
    routes: tuple[str, ...] = ()
    snoozed: bool = False
    """Also what is put off until a later day."""

    def takes(self, entry: Entry) -> bool:
        return self.kind is None or entry.item.kind is self.kind


def _list(context: CliContext, listed: Listed, *, as_json: bool, as_csv: bool) -> None:
    routes = context.named(listed.routes)
    with context.runtime() as runtime, runtime.store.read() as unit:
        known: Sequence[Outline] = asked(unit, routes, ASKED) if as_json else outlined(unit, routes, ASKED)
        now = unit.now
        answered = sum(unacted(unit, route, [each.entry for each in known if each.route is route]) for route in routes)
    waiting = [each for each in known if each.entry.state == "open" and listed.takes(each.entry)]
    found = [each for each in waiting if listed.snoozed or not each.entry.is_snoozed(now)]
    if as_json:
        context.print_json({"items": [question_json(each) for each in found if isinstance(each, Question)]})
        return
    if as_csv:
        print_csv(COLUMNS, ({**question_cells(each.entry), "route": each.route.name} for each in found))
        return
    show_list(context, found, now)
    if put_off := len(waiting) - len(found):
        context.out.print(f"{put_off} put off until a later day: procore-4hse inbox list --snoozed", style="dim")
    if answered:
        context.out.print(f"{answered} answered; the next cycle carries that out.", style="dim")


def _list_closed(context: CliContext, listed: Listed, since: date | None, *, as_json: bool, as_csv: bool) -> None:
    begin = datetime(since.year, since.month, since.day, tzinfo=UTC) if since else None
    with context.runtime() as runtime, runtime.store.read() as unit:
        found = [each for each in decided(unit, context.named(listed.routes), begin) if listed.takes(each.entry)]
        known = _of_decided(unit, found) if as_json else {}
    if as_json:
        context.print_json({"items": [_closed_json(each, known[each.entry.id]) for each in found]})
    elif as_csv:
        rows = [{**question_cells(each.entry), "route": each.route.name, **_closed_cells(each)} for each in found]
        print_csv((*COLUMNS, "state", *DECISION), rows)
    else:
        show_decided(context, found)


def _of_decided(unit: Unit, found: Sequence[Decided]) -> dict[int, Question]:
    """The questions that were decided or closed, by their numbers."""
    routes = {each.route.key: each.route for each in found}
    entries = {each.entry.id: each.entry for each in found}.values()
    own = ((route, [entry for entry in entries if entry.route == key]) for key, route in routes.items())
    return {each.id: each for route, some in own for each in questions(unit, route, some)}


def _closed_json(each: Decided, question: Question) -> dict[str, Any]:
    return {**question_json(question), "state": each.entry.state, "decision": decision_json(each.decision)}


def _closed_cells(each: Decided) -> dict[str, str]:
    return {"state": each.entry.state, **decision_cells(each.decision, each.at.isoformat())}


# Answers that go on counting ---------------------------------------------------------------------------------------


def list_remembered(ctx: typer.Context, as_json: AsRemembered = False) -> None:
    context = cli_context(ctx)
    with context.runtime() as runtime, runtime.store.read() as unit:
        found = [one for route in context.routes for one in remembered.remembered(unit, route)]
    if as_json:
        context.print_json({"remembered": [_remembered_json(one) for one in found]})
    elif not found:
        context.out.print("Nothing is remembered: no answer goes on counting.")
    else:
        _show_remembered(context, found)


def forget(ctx: typer.Context, answer_id: AnswerId) -> None:
    context = cli_context(ctx)
    with context.runtime() as runtime:
        one = remembered.forget(runtime.store, runtime.holder, context.routes, answer_id, me())
    context.out.print(Text(f"Forgotten: {plain(one.what)} ({remembered.KINDS[one.kind]}).", style="green"))
    context.out.print(f"The next cycle asks again where it must: procore-4hse sync --route {one.route.name}")


def _remembered_json(one: Remembered) -> dict[str, Any]:
    return {
        "id": one.id,
        "kind": one.kind,
        "route": one.route.name,
        "what": one.what,
        "procore_id": one.procore_id,
        "fourhse_id": one.fourhse_id,
        "since": one.since.isoformat() if one.since else None,
    }


def _show_remembered(context: CliContext, found: list[Remembered]) -> None:
    listed = table(f"{len(found)} remembered")
    listed.add_column("ID", style="bold", no_wrap=True)
    listed.add_column("route")
    listed.add_column("what", ratio=2, overflow="fold")
    listed.add_column("said", ratio=1)
    listed.add_column("since", no_wrap=True)
    for one in found:
        since = moment(one.since) if one.since else "-"
        listed.add_row(one.id, one.route.name, plain(one.what), remembered.KINDS[one.kind], since)
    context.out.print(listed)
    context.out.print("Take one back: procore-4hse inbox forget ID")
