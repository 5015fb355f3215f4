"""Intended actions as a person and a program read them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from rich.table import Table

from procore_4hse.cli.context import Desk
from procore_4hse.cli.text import fields_in_words, short
from procore_4hse.models import Act, Action, Item
from procore_4hse.reconcile.snapshot import Plan

SHOWN = 200
"""More actions of one plan than this are counted, not listed; `--json` lists them all."""
IN_WORDS = {
    Act.CREATE: "create in",
    Act.UPDATE: "update in",
    Act.DELETE: "delete in",
    Act.RESTORE: "restore in",
    Act.LINK: "link with",
}


def action_json(action: Action) -> dict[str, Any]:
    """The shape of `plan --json`; `id` is the target's own, null for a create."""
    return {
        "side": action.side.value,
        "kind": action.act.value,
        "record": action.kind.value,
        "id": action.target_id,
        "fields": dict(action.fields),
        "reason": action.reason,
    }


def show_actions(desk: Desk, plan: Plan) -> None:
    if plan.actions:
        desk.out.print(_table("It would do:", plan.actions))
    if plan.held:
        desk.out.print(_table("Held until a person allows it:", plan.held))
    if plan.items:
        desk.out.print(_questions(plan.items))
    if not (plan.actions or plan.held or plan.items):
        desk.out.print("There is nothing to do.")
    desk.out.print()


def _table(title: str, actions: Sequence[Action]) -> Table:
    table = Table(title=f"{title} {_sums(actions)}", title_justify="left", title_style="bold", show_lines=True)
    table.add_column("what", no_wrap=True)
    table.add_column("record", overflow="fold", max_width=36)
    table.add_column("values", ratio=3)
    table.add_column("why", ratio=2)
    for action in actions[:SHOWN]:
        what = f"{IN_WORDS[action.act]}\n{action.side.title}"
        table.add_row(what, _record(action), fields_in_words(action.fields), action.reason)
    if len(actions) > SHOWN:
        table.caption = f"and {len(actions) - SHOWN} more; --json lists them all"
    return table


def _record(action: Action) -> str:
    """Its id on the side where it exists."""
    if action.target_id is not None:
        return action.target_id
    return f"{action.side.other.title} {action.source_id}"


def _sums(actions: Sequence[Action]) -> str:
    sums = Counter(f"{IN_WORDS[action.act]} {action.side.title}" for action in actions)
    return ", ".join(f"{count} {words}" for words, count in sums.items())


def _questions(items: Sequence[Item]) -> Table:
    table = Table(title="It would ask a person:", title_justify="left", title_style="bold")
    for name in ("kind", "incident", "why"):
        table.add_column(name)
    for item in items[:SHOWN]:
        table.add_row(item.kind.value, short(item.title, 40), item.reason)
    if len(items) > SHOWN:
        table.caption = f"and {len(items) - SHOWN} more"
    return table
