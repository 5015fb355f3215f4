"""Intended actions as a person and a program read them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.table import Table

from procore_4hse.cli.context import CliContext
from procore_4hse.cli.tables import add_id_column, table, whole_ids
from procore_4hse.cli.text import counted, plain, short
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


COLUMNS = ("route", "side", "kind", "record", "id", "title", "field", "old", "new", "reason", "held")


def field_rows(action: Action, titles: Mapping[str, str], **more: object) -> Iterator[dict[str, object]]:
    """The action in rows for a spreadsheet: one for each field, or a single one where it sends none."""
    told = action_json(action) | {"title": title_of(action, titles)} | more
    for name, value in action.fields.items() or (("", None),):
        yield {**told, "field": name, "old": action.seen.get(name), "new": value}


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
    add_id_column(listed, "incident, and why")
    listed.add_column("values", overflow="fold")
    for action in actions[:SHOWN]:
        what = f"{IN_WORDS[action.act]}\n{action.side.label}"
        listed.add_row(what, _incident(action, titles), _values(action) or "-")
    if len(actions) > SHOWN:
        listed.caption = f"and {len(actions) - SHOWN} more; --json and --csv list them all"
    return listed


def _incident(action: Action, titles: Mapping[str, str]) -> str:
    """Its headline, its id in Procore, else in 4HSE, which `explain` takes, and the reason."""
    known = action.id_on(Side.PROCORE) or action.id_on(Side.FOURHSE)
    return whole_ids(short(title_of(action, titles), 60), known, action.reason)


def title_of(action: Action, titles: Mapping[str, str]) -> str:
    """The headline of the incident that it is about; empty where that is not known."""
    ids = (action.parent or "", *(action.id_on(side) for side in Side))
    return next((titles[known] for known in ids if known in titles), "")


def _values(action: Action) -> str:
    """What would be sent, in the target's own fields, each with what stands there now where that is known."""
    lines = (f"{name}: {_old(action, name)}{short(value, 200) or 'empty'}" for name, value in action.fields.items())
    return "\n".join(lines)


def _old(action: Action, name: str) -> str:
    return f"{short(action.seen[name], 100) or 'empty'} → " if name in action.seen else ""


def _sums(actions: Sequence[Action]) -> str:
    sums = Counter((action.act, action.side) for action in actions)
    return ", ".join(f"{counted(count, act.value)}{_where(act, side)}" for (act, side), count in sums.items())


def _where(act: Act, side: Side) -> str:
    return "" if act is Act.LINK else f" in {side.label}"


def _questions(items: Sequence[Item]) -> Table:
    listed = table("It would ask a person:")
    for name in ("kind", "incident", "why"):
        listed.add_column(name, overflow="fold")
    for item in items[:SHOWN]:
        listed.add_row(item.kind.value, short(item.title, 40) or "-", plain(item.reason))
    if len(items) > SHOWN:
        listed.caption = f"and {len(items) - SHOWN} more"
    return listed
