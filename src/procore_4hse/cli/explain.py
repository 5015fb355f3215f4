"""`explain`: what one incident is now, what waits, what was decided, and on request every rule."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Annotated, Any, NoReturn

import typer
from rich.text import Text

from procore_4hse.cli.actions import action_json
from procore_4hse.cli.context import CliContext, Json, cli_context, teach
from procore_4hse.cli.decided import decision_lines
from procore_4hse.cli.history import change_in_words
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
from procore_4hse.cli.tables import table
from procore_4hse.cli.text import counted, moment, plain, short, span
from procore_4hse.errors import UsageError
from procore_4hse.models import Image, Side
from procore_4hse.operations import history
from procore_4hse.operations.decided import Decided
from procore_4hse.operations.explain import Compared, Story, collect, decisions_about
from procore_4hse.operations.search import Found, Hit, identified
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

Id = Annotated[
    list[str],
    typer.Argument(metavar="ID", help="Its id in Procore or in 4HSE, its number, words of its title, or its day."),
]
Rules = Annotated[bool, typer.Option("--rules", help="All of it: field by field, rule by rule, and every write.")]


def api(app: typer.Typer) -> None:
    app.command("explain", help=teach(HELP))(explain)


def explain(ctx: typer.Context, words: Id, rules: Rules = False, as_json: Json = False) -> None:
    context, text = cli_context(ctx), " ".join(words)
    with context.runtime() as runtime:
        meant = identified(runtime.store, context.routes, text)
        if isinstance(meant, Found):
            _end_with(context, meant, text, as_json=as_json)
        story = collect(runtime.store, *meant)
        if as_json:
            context.print_json(_json(story))
        else:
            _show(context, runtime, story)
    if rules and not as_json:
        show_rules(context, story)


# Several ---------------------------------------------------------------------------------------------------------


def _end_with(context: CliContext, found: Found, text: str, *, as_json: bool) -> NoReturn:
    """What fits is listed; the command has told no story."""
    if not found.hits:
        raise UsageError(f"No incident {text} is known; read both systems first with: procore-4hse plan")
    if as_json:
        context.print_json({"hits": [_hit_json(hit) for hit in found.hits]})
    else:
        _list(context, found)
    raise typer.Exit(UsageError.exit_code)


def _list(context: CliContext, found: Found) -> None:
    listed = table(f"{counted(len(found.hits), 'incident')} may be meant")
    listed.add_column("day", no_wrap=True)
    listed.add_column("incident")
    for hit in found.hits:
        title, number = (
            short(hit.title, 200) or "An incident without a title",
            f", number {hit.number}" * bool(hit.number),
        )
        listed.add_row(hit.day, f"{title}{plain(number)}\nprocore-4hse explain {hit.id}")
    if found.is_cut:
        listed.caption = "There are more; add another word of the title."
    context.out.print(listed)


def _hit_json(hit: Hit) -> dict[str, str | None]:
    return {
        "id": hit.id,
        "side": hit.side.value,
        "route": hit.route,
        "number": hit.number or None,
        "day": hit.day,
        "title": hit.title,
    }


# For programs ----------------------------------------------------------------------------------------------------


def _json(story: Story) -> dict[str, Any]:
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
    pairs = (story.incident, *story.people)
    waiting = [(pair, diff) for pair in pairs for diff in pair.fields if diff.verdict not in AT_REST]
    for pair, diff in waiting:
        whose = "" if pair is story.incident else f"{person_title(pair)}, "
        told = f"{whose}{diff.field.label}: {_both(diff)} ({verdict_in_words(diff)})"
        yield Text(plain(told), style="yellow")
    if story.incident.fields and not waiting:
        yield Text("Both sides agree.")
    for person in story.people:
        if person.names_nobody:
            yield Text(nobody_words(story, person), style="yellow")


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
    known = next(record_id for record_id in story.ids.values() if record_id)
    writes = history.of_incident(runtime.store, (story.route,), known)
    for write in islice(writes, LAST):
        yield f"{moment(write.at)}, {change_in_words(write)}"
    if len(writes) > LAST:
        yield f"and {counted(len(writes) - LAST, 'earlier one')}: procore-4hse history {known}"
