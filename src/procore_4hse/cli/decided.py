"""`inbox list --closed`: what was answered or closed, by whom, when, why, and what became of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from procore_4hse.cli.context import CliContext
from procore_4hse.cli.tables import table
from procore_4hse.cli.text import counted, moment, plain, short
from procore_4hse.operations.decided import Decided
from procore_4hse.store.decisions import KeptDecision, Outcome

BY_ITSELF = "closed by itself: its cause was gone"
OPTIONS = {"use": "use", "with_id": "with", "restore": "restore"}
"""What of a choice is an option of the command."""
DECISION = ("choice", "by", "at", "from", "note", "outcome")


def choice_in_words(choice: Mapping[str, Any]) -> str:
    """The answer as the command that gives it: resolve --use 4hse."""
    words = [str(choice["verb"])]
    for name, option in OPTIONS.items():
        if value := choice.get(name):
            words += [f"--{option}"] + ([] if value is True else ["4hse" if value == "fourhse" else str(value)])
    return " ".join(words)


def outcome_in_words(decision: KeptDecision) -> str:
    by = f" by {decision.ended_by}" if decision.ended_by else ""
    told = {
        Outcome.WAITING: "the next cycle carries it out",
        Outcome.IN_USE: "it counts now",
        Outcome.CARRIED_OUT: "carried out",
        Outcome.VOID: "void",
        Outcome.TAKEN_BACK: f"taken back{by}",
        Outcome.REPLACED: f"answered anew{by}",
        Outcome.UNKNOWN: "given before decisions were recorded",
    }[decision.outcome]
    return f"{told}: {decision.words}" if decision.words else told


def decision_json(decision: KeptDecision | None) -> dict[str, Any] | None:
    if decision is None:
        return None
    given = {option: value for name, option in OPTIONS.items() if (value := decision.choice.get(name))}
    return {
        "choice": {"verb": decision.choice["verb"], "options": given},
        "by": decision.who or None,
        "at": decision.made_at.isoformat(),
        "from": decision.channel or None,
        "note": decision.note or None,
        "outcome": decision.outcome.value,
        "why": decision.words or None,
        "write": decision.write_id,
        "ended_at": decision.ended_at.isoformat() if decision.ended_at else None,
        "ended_by": decision.ended_by or None,
    }


def decision_cells(decision: KeptDecision | None, closed_at: str) -> dict[str, str]:
    """The same in a row of a table."""
    if decision is None:
        return dict.fromkeys(DECISION, "") | {"at": closed_at, "outcome": BY_ITSELF}
    told = (choice_in_words(decision.choice), decision.who, decision.made_at.isoformat(), decision.channel)
    return dict(zip(DECISION, (*told, decision.note, outcome_in_words(decision)), strict=True))


def decision_lines(decisions: Sequence[KeptDecision]) -> Iterator[str]:
    """What was decided about one question, for people."""
    for each in decisions:
        who, where = plain(each.who) or "somebody", f" ({each.channel})" if each.channel else ""
        yield f"{moment(each.made_at)}, {who}{where}: {choice_in_words(each.choice)}; {outcome_in_words(each)}"
        if each.note:
            yield f"  Note: {plain(each.note)}"


def show_decided(context: CliContext, found: Sequence[Decided]) -> None:
    if not found:
        context.out.print("Nothing was answered or closed.")
        return
    listed = table(f"{counted(len(found), 'entry', 'entries')}: answered or closed")
    listed.add_column("ID", justify="right", style="bold", no_wrap=True)
    for name in ("kind", "route", "when"):
        listed.add_column(name, no_wrap=name != "route")
    for name, ratio in (("incident", 2), ("answer", 2), ("by", 1), ("note", 2), ("outcome", 2)):
        listed.add_column(name, ratio=ratio, overflow="fold")
    for each in found:
        item, decision = each.entry.item, each.decision
        answer = choice_in_words(decision.choice) if decision else "-"
        by = plain(decision.who) if decision else "-"
        told = outcome_in_words(decision) if decision else BY_ITSELF
        title, note = short(item.title, 60) or "-", short(decision.note, 120) if decision else ""
        row = (str(each.entry.id), item.kind.value, each.route.name, moment(each.at), title, answer, by, note, told)
        listed.add_row(*row)
    context.out.print(listed)
