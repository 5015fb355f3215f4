"""Intended actions as a person and a program read them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.table import Table

from procore_4hse.cli.context import CliContext
from procore_4hse.cli.tables import table
from procore_4hse.cli.text import counted, plain, short
from procore_4hse.models import Act, Action, Item, Side
from procore_4hse.operations.causes import heading_of
from procore_4hse.operations.intended import Change, Intended
from procore_4hse.operations.possible_pairs import PossiblePair
from procore_4hse.operations.texts import say
from procore_4hse.reconcile.items import one_per_word
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


def action_json(action: Action, titles: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The shape of `plan --json`; `id` is the target's own, null for a create. With `titles` a link tells both."""
    is_told = titles is not None and action.act is Act.LINK
    fields = _both(action, titles or {}) if is_told else dict(action.fields)
    return {
        "side": action.side.value,
        "kind": action.act.value,
        "record": action.kind.value,
        "id": action.target_id,
        "fields": fields,
        "reason": action.reason,
    }


def _both(action: Action, titles: Mapping[str, str]) -> dict[str, Any]:
    """Two that are linked, which sends nothing: the id of each, and the headline of an incident."""
    return {side.value: {"id": action.id_on(side), "title": titles.get(action.id_on(side))} for side in Side}


def show_pairs(context: CliContext, pairs: Sequence[PossiblePair]) -> None:
    """What may be one on a new route, with what speaks for it (+) and against it (-)."""
    if not pairs:
        return
    listed = table("Possible pairs, before the first sync:", rows_apart=True)
    for name, ratio in {"Procore": 2, "4HSE": 2, "likeness": 3, "then": 1}.items():
        listed.add_column(name, ratio=ratio, overflow="fold")
    for pair in pairs:
        sides = (
            "\n".join(filter(None, each))
            for each in zip(map(_named, pair.titles), pair.days, _ref_ids(pair), strict=True)
        )
        told = "\n".join(f"{'+' if sign.speaks_for else '-'} {plain(sign.text)}" for sign in pair.signs)
        listed.add_row(*sides, told or "-", say(f"pair.{pair.then}"))
    context.out.print(listed)
    context.out.print()


def _named(title: str) -> str:
    return short(title, 60)


def _ref_ids(pair: PossiblePair) -> tuple[str, ...]:
    return tuple(ref.id for ref in pair.refs)


COLUMNS = ("route", "side", "kind", "record", "id", "title", "field", "old", "new", "reason", "held")


def field_rows(action: Action, titles: Mapping[str, str], **more: object) -> Iterator[dict[str, object]]:
    """The action in rows for a spreadsheet: one for each field, or a single one where it sends none."""
    told = action_json(action, titles) | {"title": title_of(action, titles)} | more
    for name, value in action.fields.items() or (("", None),):
        yield {**told, "field": name, "old": action.seen.get(name), "new": value}


def show_actions(context: CliContext, plan: Plan, actions: Sequence[Intended], held: Sequence[Intended]) -> None:
    """What a plan would do, and what it holds; `actions` and `held` tell the first of each."""
    for title, told, planned in (
        ("It would do:", actions, plan.actions),
        ("Held until a person allows it:", held, plan.held),
    ):
        if planned:
            context.out.print(changes_table(f"{title} {_sums(planned)}", told, of_all=len(planned)))
    if plan.items:
        context.out.print(_questions(one_per_word(plan.items)))
    if not (plan.actions or plan.held or plan.items):
        context.out.print("There is nothing to do.")
    context.out.print()


def changes_table(title: str, actions: Sequence[Intended], *, of_all: int = 0) -> Table:
    """Each action with its incident, and each field from what to what, in the mapping's labels."""
    listed = table(title, rows_apart=True)
    listed.add_column("what", no_wrap=True)
    # An id that is cut in two can be neither read aloud nor looked for.
    width = max((len(line) for action in actions for line in _ids(action)), default=0)
    listed.add_column("incident", ratio=2, overflow="fold", min_width=width)
    for name, ratio in {"values": 3, "why": 2}.items():
        listed.add_column(name, ratio=ratio, overflow="fold")
    for action in actions:
        what = f"{IN_WORDS[action.act]}\n{action.side.label}"
        changes = "\n".join((*_pair(action), *map(_change, action.changes))) or "-"
        listed.add_row(what, _incident(action), changes, plain(action.reason))
    if of_all > len(actions):
        listed.caption = f"and {of_all - len(actions)} more; --json lists them all"
    return listed


def _pair(action: Intended) -> Iterator[str]:
    """Two that are linked, each by its id and its headline; of records below an incident the id alone."""
    yield from (
        f"{ref.side.label} {ref.id}" + (f": {short(title, 100)}" if title else "") for ref, title in action.pair
    )


def _incident(action: Intended) -> str:
    """Its headline and day, what record of it is meant, and the id in Procore where it has one: `explain` takes it."""
    named = short(action.title, 60) + (f", {action.day}" if action.day else "")
    kind = "" if action.kind.value == "incident" else say(f"record.{action.kind.value}")
    return "\n".join(filter(None, (named, kind, *_ids(action))))


def _ids(action: Intended) -> list[str]:
    refs = {ref.side: ref.id for ref in (action.source, action.target) if ref}
    return [refs.get(Side.PROCORE) or refs.get(Side.FOURHSE, "")]


def _change(change: Change) -> str:
    """From what to what; of what is new what it will be."""
    new = short(change.new, 200) or say("write.empty")
    return f"{change.label}: {short(change.old, 200)} → {new}" if change.old else f"{change.label}: {new}"


def title_of(action: Action, titles: Mapping[str, str]) -> str:
    """The headline of the incident that it is about; empty where that is not known."""
    ids = (action.parent or "", *(action.id_on(side) for side in Side))
    return next((titles[known] for known in ids if known in titles), "")


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
        listed.add_row(heading_of(item), short(item.title, 40) or "-", plain(item.reason))
    if len(items) > SHOWN:
        listed.caption = f"and {len(items) - SHOWN} more"
    return listed
