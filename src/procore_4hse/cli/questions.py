"""Questions in JSON, and what of them stands in a row of a table."""

from __future__ import annotations

import re
from typing import Any

from procore_4hse.operations.choices import Choice
from procore_4hse.operations.questions import Question, ShownRecord
from procore_4hse.store.inbox import Entry

COMMAND = re.compile(r"\binbox (show|undo|resolve|approve|reject|retry) ID\b")
COLUMNS = (
    "id", "kind", "route", "title", "procore_id", "fourhse_id", "field", "procore_value", "fourhse_value",
    "base_value", "reason", "since",
)  # fmt: skip


def question_json(question: Question) -> dict[str, Any]:
    """A question as `inbox --json` tells it; null where something does not apply."""
    return {
        **question_cells(question.entry),
        "route": question.route.name,
        "title": question.title or None,
        "advice": advice(question.entry),
        "cause": question.cause,
        "shown": question.item.shown,
        "records": [_record_json(record) for record in question.records],
        "choices": [_choice_json(question, choice) for choice in question.choices],
    }


def question_cells(entry: Entry) -> dict[str, Any]:
    """What of a question fits into a row of a table, but for the route."""
    item = entry.item
    return {
        "id": str(entry.id),
        "kind": item.kind.value,
        "route": "",
        "title": item.title or None,
        "procore_id": item.procore_id,
        "fourhse_id": item.fourhse_id,
        "field": item.field,
        "procore_value": item.procore_value,
        "fourhse_value": item.fourhse_value,
        "base_value": item.base_value,
        "reason": item.reason,
        "since": entry.since.isoformat(),
    }


def _record_json(record: ShownRecord) -> dict[str, Any]:
    return {
        "side": record.ref.side.value,
        "id": record.ref.id,
        "role": record.role.value,
        "url": record.url,
        "fields": [{"label": each.label, "value": each.text, "differs": each.differs} for each in record.values],
    }


def _choice_json(question: Question, choice: Choice) -> dict[str, Any]:
    return {
        "verb": choice.verb,
        "options": choice.options(question.until),
        "label": choice.label,
        "consequence": choice.consequence,
        "undoable": choice.undoable,
        "command": choice.command(question.entry, question.until),
    }


def advice(entry: Entry) -> str:
    """How to answer, with the item's own number and what it shows in every command."""

    def command(found: re.Match[str]) -> str:
        verb = found[1]
        return f"inbox {verb} {entry.id}" + ("" if verb in ("show", "undo") else f" --shown {entry.item.shown}")

    return COMMAND.sub(command, entry.item.advice)
