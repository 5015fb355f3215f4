"""`explain`: what one incident is now, what waits, what was decided, and on request every rule."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Annotated, Any

import typer
from rich.text import Text

from procore_4hse.cli.actions import action_json
from procore_4hse.cli.context import CliContext, Json, cli_context, teach
from procore_4hse.cli.decided import decision_cells, decision_lines
from procore_4hse.cli.history import change_in_words, write_json
from procore_4hse.cli.naming import Named, meant
from procore_4hse.cli.preview import crossing_json, in_words
from procore_4hse.cli.questions import advice
from procore_4hse.cli.stories import (
    base_in_words,
    headline,
    named_record,
    next_words,
    nobody_words,
    person_title,
    show_rules,
    sides,
    verdict_in_words,
)
from procore_4hse.cli.text import counted, moment, plain, short, span
from procore_4hse.models import Image, Side
from procore_4hse.operations import history
from procore_4hse.operations.decided import Decided
from procore_4hse.operations.explain import Compared, Story, collect, decisions_about
from procore_4hse.operations.history import Write
from procore_4hse.reconcile.diff import FieldDiff, Verdict
from procore_4hse.runtime import Runtime
from procore_4hse.store.inbox import Entry
from procore_4hse.store.journal import Intent

HELP = """What one incident is now: how both sides stand, what happens next, what waits for a person, what people
decided about it, and what was written for it last.

With `--rules` all of it follows: both records field by field, value in, rule, value out and back, and every write.

Name it by its id in either system, or that of a record below it; by its number; by words of its title; or by its day,
YYYY-MM-DD. Where several fit, they are listed, each with the command that tells its story. No call is made: it shows
what the last reading saw. Run `plan` first to read both systems anew.

[bold]Example[/bold]  procore-4hse explain "fall ladder"

[bold]Exit codes[/bold]  0 shown · 2 configuration, no such incident, or several · 4 the store cannot be used
"""

AT_REST = (Verdict.SAME, Verdict.AGREED, Verdict.LOCAL, Verdict.SETTLED)
"""What needs nothing, now or later."""
LAST = 5
"""So many of the latest writes are shown; `--rules` and `history` show all."""

Rules = Annotated[bool, typer.Option("--rules", help="All of it: field by field, rule by rule, and every write.")]


def api(app: typer.Typer) -> None:
    app.command("explain", help=teach(HELP))(explain)


def explain(ctx: typer.Context, words: Named, rules: Rules = False, as_json: Json = False) -> None:
    context = cli_context(ctx)
    with context.runtime() as runtime:
        story = collect(
            runtime.store, *meant(context, runtime.store, context.routes, words, "explain", as_json=as_json)
        )
        if as_json:
            context.print_json(_json(runtime, story))
        else:
            _show(context, runtime, story)
    if rules and not as_json:
        show_rules(context, story)


# For programs ----------------------------------------------------------------------------------------------------


def _json(runtime: Runtime, story: Story) -> dict[str, Any]:
    """All of the story; `short` is what people read first."""
    return {
        "route": story.route.name,
        "procore_id": story.ids[Side.PROCORE],
        "fourhse_id": story.ids[Side.FOURHSE],
        "link": _link_json(story.incident),
        "records": {side.value: _record_json(story.incident, side) for side in Side},
        "fields": [_field_json(diff) for diff in story.incident.fields],
        "crossings": [crossing_json(one) for one in story.incident.previews],
        "people": [_person_json(one) for one in story.people],
        "children": {kind.value: [named_record(each) for each in records] for kind, records in story.children.items()},
        "journal": [_intent_json(intent) for intent in story.journal],
        "inbox": [_item_json(entry) for entry in story.items],
        "next": {
            "summary": next_words(story),
            "actions": [action_json(action) for action in story.next],
            "held": [action_json(action) for action in story.held],
        },
        "short": _short_json(runtime, story),
    }


def _short_json(runtime: Runtime, story: Story) -> dict[str, Any]:
    decided = decisions_about(runtime.store, story)
    return {
        "agree": bool(story.incident.fields) and not _waiting(story),
        "waiting": [
            {"record": pair.kind.value, "procore_id": pair.ids[Side.PROCORE], **_field_json(diff)}
            for pair, diff in _waiting(story)
        ],
        "next": next_words(story),
        "questions": [str(entry.id) for entry in story.items],
        "decisions": [
            {"question": str(each.entry.id), **decision_cells(each.decision, each.at.isoformat())}
            for each in decided
            if each.decision is not None
        ],
        "changes": [write_json(write) for write in islice(_writes(runtime, story), LAST)],
    }


def _person_json(person: Compared) -> dict[str, Any]:
    return {
        "record": person.kind.value,
        "procore_id": person.ids[Side.PROCORE],
        "fourhse_id": person.ids[Side.FOURHSE],
        "link": _link_json(person),
        "fields": [_field_json(diff) for diff in person.fields],
        "crossings": [crossing_json(one) for one in person.previews],
        "names_nobody": person.names_nobody,
        "local": [{"field": row.key, "label": row.label, "fourhse": in_words(kept)} for row, kept in person.local],
    }


def _link_json(pair: Compared) -> dict[str, Any] | None:
    link = pair.link
    if link is None:
        return None
    origin = link.origin.value if link.origin else None
    return {"state": link.state.value, "since": link.since.isoformat() if link.since else None, "born": origin}


def _record_json(incident: Compared, side: Side) -> dict[str, Any] | None:
    record = incident.records[side]
    if record is None:
        return None
    return {"presence": record.presence.value, "private": record.private, "fields": _own(record.image)}


def _own(image: Image) -> dict[str, Any]:
    return {name: value for name, value in image.items() if not name.startswith("@")}


def _field_json(diff: FieldDiff) -> dict[str, Any]:
    return {
        "field": diff.field.key,
        "label": diff.field.label,
        "procore": in_words(diff.procore),
        "fourhse": in_words(diff.fourhse),
        "base": base_in_words(diff),
        "verdict": diff.verdict.value,
        "to": diff.to.value if diff.to else None,
        "reason": diff.reason,
        "using": diff.field.wording.using,
        "direction": diff.field.way.value,
        "if_both_changed": diff.field.on_conflict.value,
    }


def _intent_json(intent: Intent) -> dict[str, Any]:
    return {
        "id": intent.id,
        "at": intent.made_at.isoformat(),
        **action_json(intent.action),
        "outcome": intent.outcome,
        "words": intent.words or None,
    }


def _item_json(entry: Any) -> dict[str, Any]:
    item = entry.item
    question = {"id": str(entry.id), "kind": item.kind.value, "state": entry.state, "field": item.field}
    return {**question, "reason": item.reason, "advice": advice(entry)}


# For people ------------------------------------------------------------------------------------------------------


def _show(context: CliContext, runtime: Runtime, story: Story) -> None:
    out, now = context.out, datetime.now(UTC)
    out.print(headline(story))
    out.print(sides(story))
    for line in _standing(story):
        out.print(line)
    out.print(Text.assemble(("Next: ", "bold"), next_words(story)))
    _part(context, "Questions", [line for entry in story.items for line in _question(entry, now)])
    _part(context, "Decisions", [*_decided(decisions_about(runtime.store, story))])
    _part(context, "Last changes", [*_changes(runtime, story)])


def _part(context: CliContext, title: str, lines: Sequence[str]) -> None:
    if lines:
        context.out.print()
        context.out.print(title, style="bold")
    for line in lines:
        context.out.print(line)


def _standing(story: Story) -> Iterator[Text]:
    """How both sides stand: the fields that are not at rest, of the incident and of its people."""
    waiting = _waiting(story)
    for pair, diff in waiting:
        whose = "" if pair is story.incident else f"{person_title(pair)}, "
        told = f"{whose}{diff.field.label}: {_both(diff)} ({verdict_in_words(diff)})"
        yield Text(plain(told), style="yellow")
    if story.incident.fields and not waiting:
        yield Text("Both sides agree.")
    for person in story.people:
        if person.names_nobody:
            yield Text(nobody_words(story, person), style="yellow")


def _waiting(story: Story) -> list[tuple[Compared, FieldDiff]]:
    """The fields that are not at rest, each with the record that it stands in."""
    pairs = (story.incident, *story.people)
    return [(pair, diff) for pair in pairs for diff in pair.fields if diff.verdict not in AT_REST]


def _both(diff: FieldDiff) -> str:
    shown = {Side.PROCORE: diff.procore, Side.FOURHSE: diff.fourhse}
    return "; ".join(f"{side.label} {short(in_words(reading), 80) or 'empty'}" for side, reading in shown.items())


def _question(entry: Entry, now: datetime) -> Iterator[str]:
    state = "waits for the next cycle" if entry.state == "answered" else f"open for {span(now - entry.since)}"
    yield f"Question {entry.id}, {entry.item.kind.value}, {state}: {plain(entry.item.reason)}"
    yield f"   procore-4hse inbox show {entry.id}"


def _decided(found: Sequence[Decided]) -> Iterator[str]:
    for each in found:
        if each.decision is not None:
            yield f"Question {each.entry.id}, {each.entry.item.kind.value}: {plain(each.entry.item.reason)}"
            yield from (f"   {line}" for line in decision_lines([each.decision]))


def _changes(runtime: Runtime, story: Story) -> Iterator[str]:
    """The latest writes of the incident and its people, one line for each field."""
    writes = _writes(runtime, story)
    for write in islice(writes, LAST):
        yield f"{moment(write.at)}, {change_in_words(write)}"
    if len(writes) > LAST:
        yield f"and {counted(len(writes) - LAST, 'earlier one')}: procore-4hse history {_id_of(story)}"


def _writes(runtime: Runtime, story: Story) -> list[Write]:
    return history.of_incident(runtime.store, (story.route,), _id_of(story))


def _id_of(story: Story) -> str:
    return next(record_id for record_id in story.ids.values() if record_id)
