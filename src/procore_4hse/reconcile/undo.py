"""A write that a person takes back: the old value goes to the side that was written, and from there to the other one.

Until that side shows it, the base stays as it is: what was written is then an edit of that side alone, and no rule
copies the newer value back over it, wherever the two writes are cut short.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from procore_4hse.mapping.lenses.base import ZONE, Held, Known
from procore_4hse.mapping.rules import Field
from procore_4hse.models import Decision, Image, Link, QuestionKey, Side
from procore_4hse.reconcile.diff import FieldDiff, Verdict, seen

UNDO = "undo"
"""The verb of such an answer."""
TAKEN_BACK = "a person took it back"
MOVED = "one side changed after a person took it back"
AGREE = (Verdict.SAME, Verdict.AGREED)


def with_old_value(difference: FieldDiff, decision: Decision | None, zone: str) -> FieldDiff:
    """The same field, with what it takes to put the old value back on both sides; a side that moved is asked about."""
    if decision is None or decision.verb != UNDO or difference.verdict in (Verdict.HELD, Verdict.LOST):
        return difference
    side = Side(decision.seen["side"])
    old = difference.field.lens.get(side, {**decision.seen["before"], ZONE: zone})
    if isinstance(old, Held):
        return difference
    if seen(difference) == decision.seen["seen"]:
        back = replace(difference, verdict=Verdict.WRITE, to=side, reason=TAKEN_BACK, used=decision, old=old)
        return back if difference.field.updates(side) else difference
    if difference.verdict in AGREE:
        return difference
    if _is_back(difference, side, old) and seen(difference)[side.other] == decision.seen["seen"][side.other]:
        return _carried_over(difference, side.other, decision)
    return replace(difference, verdict=Verdict.CONFLICT, to=None, reason=MOVED)


def old_payload(difference: FieldDiff, current: Image, facts: Image) -> dict[str, Any]:
    """What puts the old value back into a record that is as `current`. Raises Unwritable."""
    row, side = difference.field, difference.to or Side.PROCORE
    before = difference.used.seen["before"] if difference.used else {}
    written = row.lens.put(side, difference.written, current, facts)
    if row.lens.get(side, {**current, **written}) == difference.old:
        return written
    # Where a lens reads more than it is given to write, as of a category, the old values themselves say it.
    return {name: before[name] for name in row.lens.names(side) if name in before} or written


def is_undone(decisions: Mapping[QuestionKey, Decision], link: Link, field: str) -> bool:
    """Whether a person takes back what was written to this field: that its old value is there again is no loss."""
    decision = decisions.get(QuestionKey.difference(link, field))
    return decision is not None and decision.verb == UNDO


def follows(field: Field, side: Side) -> bool:
    """Whether the old value goes on to that side too."""
    return field.updates(side) and not field.fills_only


def _is_back(difference: FieldDiff, side: Side, old: Known) -> bool:
    now = difference.value(side)
    return bool(now == old.value or difference.field.lens.is_rewrite(old.value, now))


def _carried_over(difference: FieldDiff, to: Side, decision: Decision) -> FieldDiff:
    if follows(difference.field, to):
        return replace(difference, verdict=Verdict.WRITE, to=to, reason=TAKEN_BACK, used=decision)
    return replace(difference, verdict=Verdict.SETTLED, to=None, reason=TAKEN_BACK, used=decision)
