"""What another mapping would change, as people and programs read it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from procore_4hse.cli.context import CliContext
from procore_4hse.cli.tables import table
from procore_4hse.cli.text import counted, plain, short
from procore_4hse.models import Kind
from procore_4hse.operations.mapping_diff import ASKED, Change, MappingDiff
from procore_4hse.operations.plan_effects import Effect, What

SHOWN = 20
"""More changes than this are counted, not listed, unless `--all` asks for them."""

IN_WORDS = {
    What.CREATE: "created there",
    What.UPDATE: "written there",
    What.DELETE: "deleted there",
    What.RESTORE: "restored there",
    What.LINK: "linked",
    What.DIFFER: "no longer agrees, a person names the side that holds",
    What.CONFLICT: "a conflict, a person decides",
    What.HOLD: "a word without a partner, it waits",
    What.ASK: "a person is asked",
    What.EXCLUDE: "stays out",
}


def mapping_diff_json(diff: MappingDiff, folder: Path) -> dict[str, Any]:
    return {
        "route": diff.route.name,
        "mapping": str(folder),
        "incidents": diff.incidents,
        "concerned": diff.concerned,
        "rows": list(diff.rows),
        "counts": [
            {"field": label, "side": side.value, "what": what.value, "incidents": count}
            for (label, side, what), count in diff.counts.items()
        ],
        "newly": _newly(diff),
        "stop": diff.stop,
        "changes": [_change_json(each) for each in diff.changes],
    }


def _newly(diff: MappingDiff) -> dict[str, int]:
    return {
        "held": diff.newly(What.HOLD),
        "excluded": diff.newly(What.EXCLUDE),
        "asked": diff.newly(*ASKED),
    }


def _change_json(change: Change) -> dict[str, Any]:
    spot = change.spot
    return {
        "procore_id": spot.procore_id,
        "fourhse_id": spot.fourhse_id,
        "title": change.title,
        "record": spot.kind.value,
        "record_id": spot.record_id,
        "field": spot.field or None,
        "side": spot.side.value,
        "now": _effect_json(change.now),
        "then": _effect_json(change.then),
    }


def _effect_json(effect: Effect | None) -> dict[str, Any] | None:
    if effect is None:
        return None
    return {
        "what": effect.what.value,
        "from": dict(effect.was),
        "to": dict(effect.becomes),
        "reason": effect.reason,
    }


# For people ------------------------------------------------------------------------------------------------------


def show_mapping_diff(context: CliContext, diff: MappingDiff, folder: Path, *, every: bool) -> None:
    out = context.out
    staged = counted(diff.incidents, "staged incident")
    out.print(Text.assemble((f"Route {diff.route.name}", "bold"), f": {folder} instead of {diff.route.mapping.name}"))
    for sentence in diff.rows or ("Both mappings have the same rows and words.",):
        out.print(f"  {sentence}")
    if not diff.incidents:
        out.print("Nothing is staged yet; read both systems first with: procore-4hse plan")
    elif not diff.changes:
        out.print(f"None of {staged} would change.", style="green")
    else:
        _show_changes(context, diff, every=every)
    if diff.stop and diff.changes:
        out.print(Text(f"The next cycle would stop and ask: {diff.stop}", style="yellow"))


def _show_changes(context: CliContext, diff: MappingDiff, *, every: bool) -> None:
    newly = _newly(diff)
    context.out.print(
        f"{diff.concerned} of {counted(diff.incidents, 'staged incident')} would change: {newly['held']} newly held, "
        f"{newly['excluded']} newly left out, {newly['asked']} newly asked about."
    )
    if diff.counts:
        context.out.print(_sums(diff))
    context.out.print(_list(diff.changes if every else diff.changes[:SHOWN], len(diff.changes)))


def _sums(diff: MappingDiff) -> Table:
    listed = table("What would newly happen")
    for name in ("field", "where", "what"):
        listed.add_column(name)
    listed.add_column("incidents", justify="right")
    for (label, side, what), count in diff.counts.items():
        listed.add_row(label, side.label, IN_WORDS[what], str(count))
    return listed


def _list(changes: Sequence[Change], many: int) -> Table:
    listed = table("Change by change", rows_apart=True)
    for name, ratio in {"incident": 2, "field": 1, "now": 2, "then": 2}.items():
        listed.add_column(name, ratio=ratio, overflow="fold")
    for change in changes:
        listed.add_row(_incident(change), _field(change), _effect(change.now), _effect(change.then))
    if many > len(changes):
        listed.caption = f"and {many - len(changes)} more; --all lists them"
    return listed


def _incident(change: Change) -> str:
    return f"{short(change.title, 60)}\n{change.spot.procore_id or change.spot.fourhse_id}".strip()


def _field(change: Change) -> str:
    spot = change.spot
    below = "" if spot.kind is Kind.INCIDENT else f"\n{spot.kind.value.replace('_', ' ')} {spot.record_id}"
    return f"{change.label} in {spot.side.label}{below}"


def _effect(effect: Effect | None) -> str:
    if effect is None:
        return "nothing"
    lines = [f"{name}: {_value(effect.was.get(name))} → {_value(value)}" for name, value in effect.becomes.items()]
    return "\n".join([f"{IN_WORDS[effect.what]}", *lines, *([] if lines else [plain(effect.reason)])])


def _value(value: Any) -> str:
    return short(value, 200) or "empty"
