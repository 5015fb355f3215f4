"""`explain`: the whole story of one incident."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.text import Text

from procore_4hse.cli.actions import action_json
from procore_4hse.cli.context import CliContext, Json, cli_context, teach
from procore_4hse.cli.inbox import advice
from procore_4hse.cli.preview import crossing_json, in_words
from procore_4hse.cli.stories import (
    base_in_words,
    child_lines,
    headline,
    journal_table,
    local_words,
    named_record,
    next_words,
    nobody_words,
    person_title,
    show_fields,
    sides,
)
from procore_4hse.cli.text import plain
from procore_4hse.models import Image, Side
from procore_4hse.operations.explain import Compared, Story, story_of
from procore_4hse.reconcile.diff import FieldDiff
from procore_4hse.store.journal import Intent

HELP = """The whole story of one incident, by its id in either system: both records, what both sides last agreed on,
rule by rule what is mapped to what, everything that was ever written for it, what waits for a person,
and what happens next.

No call is made: it shows what the last reading saw. Run `plan` first to read both systems anew.

[bold]Example[/bold]  procore-4hse explain 4711

[bold]Exit codes[/bold]  0 shown · 2 configuration, or no such incident · 4 the store cannot be used
"""

Id = Annotated[
    str, typer.Argument(metavar="ID", help="The id of an incident, or of a record below one, in Procore or in 4HSE.")
]


def api(app: typer.Typer) -> None:
    app.command("explain", help=teach(HELP))(explain)


def explain(ctx: typer.Context, record_id: Id, as_json: Json = False) -> None:
    context = cli_context(ctx)
    with context.runtime() as runtime:
        story = story_of(runtime, context.routes, record_id)
    if as_json:
        context.print_json(_json(story))
    else:
        _show(context, story)


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


def _show(context: CliContext, story: Story) -> None:
    out = context.out
    out.print(headline(story))
    out.print(sides(story))
    show_fields(context, "Field by field", story.incident)
    for person in story.people:
        show_fields(context, person_title(person), person)
        if person.local:
            out.print(local_words(person))
        if person.names_nobody:
            out.print(Text(nobody_words(person), style="yellow"))
    for line in child_lines(story):
        out.print(line)
    if story.journal:
        out.print(journal_table(story))
    for entry in story.items:
        out.print(Text(f"Inbox {entry.id}, a {entry.item.kind.value}: {plain(entry.item.reason)}", style="yellow"))
        out.print(Text(f"  {plain(advice(entry))}", style="cyan"))
    out.print(Text.assemble(("Next: ", "bold"), next_words(story)))
