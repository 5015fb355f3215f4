"""Intended actions as a person and a program read them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

from procore_4hse.cli.context import CliContext
from procore_4hse.cli.tables import table
from procore_4hse.cli.text import fields_in_words, plain, short
from procore_4hse.models import Act, Action, Item, Side
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


def show_actions(context: CliContext, plan: Plan, titles: Mapping[str, str]) -> None:
    """`titles` holds the headline of each incident by its id."""
    if plan.actions:
        context.out.print(_table("It would do:", plan.actions, titles))
    if plan.held:
        context.out.print(_table("Held until a person allows it:", plan.held, titles))
    if plan.items:
        context.out.print(_questions(plan.items))
    if not (plan.actions or plan.held or plan.items):
        context.out.print("There is nothing to do.")
    context.out.print()


def _table(title: str, actions: Sequence[Action], titles: Mapping[str, str]) -> Table:
    listed = table(f"{title} {_sums(actions)}", rows_apart=True)
    listed.add_column("what", no_wrap=True)
    for name, ratio in {"incident": 2, "values": 3, "why": 2}.items():
        listed.add_column(name, ratio=ratio, overflow="fold")
    for action in actions[:SHOWN]:
        what = f"{IN_WORDS[action.act]}\n{action.side.label}"
        listed.add_row(what, _incident(action, titles), fields_in_words(action.fields) or "-", action.reason)
    if len(actions) > SHOWN:
        listed.caption = f"and {len(actions) - SHOWN} more; --json lists them all"
    return listed


def _incident(action: Action, titles: Mapping[str, str]) -> str:
    """Its headline, and its id in Procore, else in 4HSE, which `explain` takes."""
    ids = {action.side: action.target_id, action.side.other: action.source_id}
    title = next((titles[known] for known in ids.values() if known and known in titles), "")
    return f"{short(title, 60)}\n{ids[Side.PROCORE] or ids[Side.FOURHSE]}".strip()


def _sums(actions: Sequence[Action]) -> str:
    sums = Counter(f"{IN_WORDS[action.act]} {action.side.label}" for action in actions)
    return ", ".join(f"{count} {words}" for words, count in sums.items())


def _questions(items: Sequence[Item]) -> Table:
    listed = table("It would ask a person:")
    for name in ("kind", "incident", "why"):
        listed.add_column(name, overflow="fold")
    for item in items[:SHOWN]:
        listed.add_row(item.kind.value, short(item.title, 40) or "-", plain(item.reason))
    if len(items) > SHOWN:
        listed.caption = f"and {len(items) - SHOWN} more"
    return listed
