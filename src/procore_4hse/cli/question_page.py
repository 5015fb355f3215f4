"""One question on a terminal: what it is about, side by side, why it is asked, and what may be answered."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.table import Table
from rich.text import Text

from procore_4hse.cli.actions import changes_table
from procore_4hse.cli.context import CliContext
from procore_4hse.cli.questions import advice
from procore_4hse.cli.tables import facts, table
from procore_4hse.cli.text import moment, plain
from procore_4hse.models import ItemKind
from procore_4hse.operations.questions import Question, ShownRecord
from procore_4hse.operations.subjects import Role
from procore_4hse.operations.texts import say
from procore_4hse.store.decisions import KeptDecision, Outcome
from procore_4hse.store.inbox import Entry

DIFFERS, SAME = "≠", " "
"""How a line is marked on which the two differ: by more than its colour."""
LONGEST = 600
"""So many letters of a text are shown on which both agree."""


def show_question(context: CliContext, question: Question, decision: KeptDecision | None = None) -> None:
    """`decision` is the answer in force, if there is one."""
    out = context.out
    out.print(_headline(question, decision))
    if question.title:
        out.print(Text(plain(question.title) + (f", {question.day}" if question.day else ""), style="bold"))
    for record in [each for each in question.records if each.role is not Role.AFTER] if not question.held else ():
        out.print(_named(record), soft_wrap=True)
    for shown in _beside(question):
        out.print(shown)
    if question.held:
        out.print(changes_table(_held_title(question), question.held))
    _show_reason(context, question)
    if question.entry.state == "answered":
        out.print(Text(f"To take the answer back: procore-4hse inbox undo {question.id}", style="cyan"))
    _show_choices(context, question)


def _headline(question: Question, decision: KeptDecision | None) -> Text:
    kind = f"{question.heading} ({question.kind.value})"
    state = state_in_words(question.entry, decision)
    return Text.assemble((f"Question {question.id}", "bold"), f" · {kind} · {question.route.name} · {state}")


def state_in_words(entry: Entry, decision: KeptDecision | None) -> str:
    said = f"since {moment(entry.since)}"
    if entry.state == "open" and entry.snoozed_until is not None:
        said += f", put off until {moment(entry.snoozed_until)}"
    if entry.state == "answered":
        in_use = decision is not None and decision.outcome is Outcome.IN_USE
        return f"{said}, answered: {'it counts now' if in_use else 'the next cycle carries it out'}"
    return said if entry.state == "open" else f"{said}, closed"


def _named(record: ShownRecord) -> Text:
    """Where a record is found: its id, and its address in its own system."""
    word = "presence.gone" if record.role is Role.DELETED else "presence.absent"
    gone = "" if record.is_present else f", {say(word)}"
    address = f"  {record.url}" if record.url else ""
    return Text(f"{record.ref.side.label} {record.ref.id}{gone}{address}", style="dim")


# Side by side -----------------------------------------------------------------------------------------------------


def _beside(question: Question) -> Iterator[Table]:
    """Two records beside each other; of several candidates each beside the one that is asked about."""
    if question.held or not question.records:
        return
    first, *others = question.records
    candidates = [each for each in others if each.role is Role.CANDIDATE]
    if not candidates:
        yield _table("", (first, *others), question)
    for number, each in enumerate(candidates, 1):
        title = f"Candidate {number} of {len(candidates)}" if len(candidates) > 1 else "It may be the same as"
        yield _table(title, (first, each), question)
        if each.signs:
            yield _signs(each)


def _table(title: str, records: Sequence[ShownRecord], question: Question) -> Table:
    listed = table(title)
    listed.add_column("", no_wrap=True, width=1)
    listed.add_column("", style="dim", overflow="fold", max_width=16)
    for record in records:
        listed.add_column(_column(record), ratio=1, overflow="fold")
    base = question.item.base_value
    asked = question.label if question.item.field and question.kind in (ItemKind.CONFLICT, ItemKind.DRIFT) else None
    for label in dict.fromkeys(value.label for record in records for value in record.values):
        values = [next((one for one in record.values if one.label == label), None) for record in records]
        differs = any(value is not None and value.differs for value in values)
        cells = [_cell(value.text if value else "", whole=differs) for value in values]
        listed.add_row(DIFFERS if differs else SAME, label, *cells, style="bold" if differs else "")
        if label == asked:
            listed.add_row("", "last agreed", say("question.never") if base is None else _cell(base, whole=True))
    return listed


def _column(record: ShownRecord) -> str:
    told = record.role in (Role.DELETED, Role.SURVIVOR, Role.BEFORE, Role.AFTER)
    return f"{record.ref.side.label} ({say(f'role.{record.role.value}')})" if told else record.ref.side.label


def _cell(text: str, *, whole: bool) -> str:
    shown = plain(text) or say("question.empty") if whole else plain(text)
    return shown if whole or len(shown) <= LONGEST else f"{shown[:LONGEST].rstrip()}…"


def _signs(candidate: ShownRecord) -> Table:
    told = facts()
    for sign in candidate.signs:
        told.add_row("for" if sign.speaks_for else "against", sign.text)
    return told


def _held_title(question: Question) -> str:
    count = question.held_count
    return f"{count} held" if count == len(question.held) else f"{count} held, the first {len(question.held)}:"


# Why, and what then -----------------------------------------------------------------------------------------------


def _show_reason(context: CliContext, question: Question) -> None:
    item = question.item
    context.out.print(Text("Why it is asked", style="bold"))
    context.out.print(plain(item.reason))
    if note := item.facts.get("note"):
        context.out.print(f"Note: {plain(note)}", soft_wrap=True)
    if _is_told_apart_from_choices(question):
        context.out.print(Text(plain(advice(question.entry)), style="cyan"), soft_wrap=True)


def _is_told_apart_from_choices(question: Question) -> bool:
    """Whether its advice says more than the choices do: what to correct, or where to look."""
    item = question.item
    if item.who is not None or item.key.topic == "accident":
        return True
    return question.kind in (ItemKind.WORD, ItemKind.REFUSED, ItemKind.MISSING, ItemKind.GUARD)


def _show_choices(context: CliContext, question: Question) -> None:
    if not question.choices:
        return
    context.out.print(Text("What you may answer", style="bold"))
    for number, (choice, command) in enumerate(question.commands(), 1):
        told = "" if choice.undoable else " This cannot be undone later."
        line = Text.assemble(f"{number} ", (choice.label, "bold"), f": {choice.consequence}{told}")
        context.out.print(line)
        context.out.print(Text(f"  {command}", style="cyan"), soft_wrap=True)
