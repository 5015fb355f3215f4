"""One incident taken through a mapping, as people and programs read it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.text import Text

from procore_4hse.cli.actions import action_json
from procore_4hse.cli.context import CliContext
from procore_4hse.cli.preview import crossing_json, show_crossings
from procore_4hse.cli.stories import headline, next_words, nobody_words, person_title
from procore_4hse.cli.text import moment
from procore_4hse.models import Item, Side
from procore_4hse.operations.explain import Compared, Story


def trial_json(story: Story, folder: Path | None) -> dict[str, Any]:
    """`mapping` is the folder that was asked for, null for the route's own."""
    return {
        "route": story.route.name,
        "mapping": str(folder) if folder else None,
        "procore_id": story.ids[Side.PROCORE],
        "fourhse_id": story.ids[Side.FOURHSE],
        "records": [_record_json(one) for one in (story.incident, *story.people)],
        "next": {
            "summary": next_words(story),
            "actions": [action_json(action) for action in story.next],
            "held": [action_json(action) for action in story.held],
            "asks": [_question_json(item) for item in story.asks],
        },
    }


def _record_json(record: Compared) -> dict[str, Any]:
    return {
        "record": record.kind.value,
        "procore_id": record.ids[Side.PROCORE],
        "fourhse_id": record.ids[Side.FOURHSE],
        "linked": record.link is not None,
        "fields": [crossing_json(one) for one in record.previews],
    }


def _question_json(item: Item) -> dict[str, Any]:
    return {"kind": item.kind.value, "field": item.field, "reason": item.reason}


def show_trial(context: CliContext, story: Story, folder: Path | None) -> None:
    name = f"the mapping in {folder}" if folder else f"its mapping {story.route.mapping.name} as it is on disk"
    context.out.print(headline(story))
    context.out.print(Text(f"through {name}; nothing is written"))
    context.out.print(Text(f"both records as they were read last, {moment(story.read_at)}"))
    for one in (story.incident, *story.people):
        title = "Incident" if one is story.incident else person_title(one)
        if one.previews:
            show_crossings(context, title, one.previews)
        else:
            context.out.print(f"{title}: its contents are not here.")
        if one.names_nobody:
            context.out.print(Text(nobody_words(story, one), style="yellow"))
    for item in story.asks:
        context.out.print(Text(f"It would ask a person: {item.reason}", style="yellow"))
    context.out.print(Text.assemble(("Next: ", "bold"), next_words(story)))
