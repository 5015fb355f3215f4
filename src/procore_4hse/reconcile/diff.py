"""Three-way, field by field: what each side shows now against what both showed when they last agreed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from procore_4hse.mapping.lenses.base import Held, Known, Reading
from procore_4hse.mapping.lenses.equipment import EquipmentLens
from procore_4hse.mapping.lenses.incident import TitleLens
from procore_4hse.mapping.lenses.person import PersonLens
from procore_4hse.mapping.rules import Field
from procore_4hse.models import Base, Decision, Image, Side
from procore_4hse.reconcile.redacted_base import is_redacted, restore_base

BOTH_CHANGED = "both sides changed it"
"""How a reason says that each side moved since they last agreed."""
LONGEST_QUOTE = 80
"""So many letters of an earlier value are told in a reason."""


class Verdict(StrEnum):
    SAME = "same"
    """Both agree and the base says so."""
    AGREED = "agreed"
    """Both agree in new values: a new base, nothing written."""
    WRITE = "write"
    CONFLICT = "conflict"
    DRIFT = "drift"
    """Neither changed, yet they disagree."""
    LOCAL = "local"
    """The edit of a side from which this field does not travel; it stays there."""
    SETTLED = "settled"
    """They differ, and our write or a person's answer left it so."""
    LOST = "lost"
    """A side does not hold what was sent to it, or only a part; nothing is written until a person or a side moves."""
    HELD = "held"
    """A value cannot be told; this field waits."""


@dataclass(frozen=True)
class FieldDiff:
    field: Field
    verdict: Verdict
    reason: str
    procore: Reading
    fourhse: Reading
    base: Base | None = None
    to: Side | None = None
    """Where a WRITE goes."""
    old: Known | None = None
    """What a WRITE puts back there, instead of what the other side shows."""
    used: Decision | None = None
    """The person's answer that decided."""
    rebase: bool = False
    """True: the disagreement becomes the new base."""
    is_parted: bool = False
    """True: of a DRIFT about who it is, which comes from the lists of people; no record changed."""
    counts_twice: bool = False
    """True: of a CONFLICT about who it is, whose write would name somebody on a second record of that side."""

    @property
    def written(self) -> Any:
        """What a WRITE writes."""
        return self.old.value if self.old is not None else self.value((self.to or Side.PROCORE).other)

    def value(self, side: Side) -> Any:
        reading = self.procore if side is Side.PROCORE else self.fourhse
        return reading.value if isinstance(reading, Known) else None


def diff(
    rows: Iterable[Field],
    procore: Image,
    fourhse: Image,
    base: dict[str, Base],
    decisions: dict[str, Decision],
    origin: Side | None = None,
) -> tuple[FieldDiff, ...]:
    """Every field of one pair. `base` may lack fields (a new link); `decisions` are a person's answers by field key.

    `origin` is the side that had it first, None for a pair that was matched.
    """
    rows = tuple(rows)
    fourhse = {**fourhse, **repaired_title(rows, fourhse, base)}
    differences = [diff_field(f, procore, fourhse, base.get(f.key), decisions.get(f.key), origin) for f in rows]
    if any(row.twin for row in rows):
        differences = [_unless_filled(d, differences) for d in differences]
    contested = [d for d in differences if _is_contested(d)]
    return tuple(_wait_for(d, contested) for d in differences)


def diff_field(
    field: Field,
    procore: Image,
    fourhse: Image,
    base: Base | None,
    decision: Decision | None = None,
    origin: Side | None = None,
) -> FieldDiff:
    left, right = field.lens.get(Side.PROCORE, procore), field.lens.get(Side.FOURHSE, fourhse)
    base = restore_base(field, base, {Side.PROCORE: procore, Side.FOURHSE: fourhse})
    difference = FieldDiff(field, Verdict.SAME, "both agree", left, right, base)
    if field.inactive:
        return replace(difference, verdict=Verdict.LOCAL, reason=field.left_out or "this field does not travel here")
    for reading in (left, right):
        if isinstance(reading, Held):
            return replace(difference, verdict=Verdict.HELD, reason=reading.reason)
    if field.lens.agree(difference.value(Side.PROCORE), difference.value(Side.FOURHSE)):
        if base is not None and base == field.base_of(procore, fourhse):
            return difference
        return FieldDiff(field, Verdict.AGREED, "both show the same, newly", left, right, base)
    if field.fills_only:
        return _filled(difference, base, origin)
    if decision is not None and decision.verb == "resolve":
        return _decided(difference, decision)
    return _merge(difference) if base is None else _three_way(difference, base)


def _filled(difference: FieldDiff, base: Base | None, origin: Side | None) -> FieldDiff:
    """What a vendor sets crosses once, into an empty field of a record that came from there."""
    to = origin.other if origin is not None else None
    if to is None or not difference.field.writes_to(to):
        return _local(difference, "it is carried only to a record that came from where it is set")
    if base is not None and base.lost_on is not None and not any(_changed(difference, side, base) for side in Side):
        return _left(difference, base)
    if difference.value(to.other) is None or difference.value(to) is not None:
        return _local(difference, f"{to.label} has a value of its own")
    if base is not None and _changed(difference, to, base):
        return _local(difference, f"it was emptied in {to.label}")
    if base is not None and base.settled and not _changed(difference, to.other, base):
        return _left(difference, base)
    return _written(difference, to, f"{to.label} has none yet")


def _unless_filled(difference: FieldDiff, differences: Iterable[FieldDiff]) -> FieldDiff:
    """What Procore set itself, and 4HSE only holds from there, does not come back as a line."""
    if not difference.field.twin or difference.field.fills_only or difference.value(Side.PROCORE) is not None:
        return difference
    filling = next(each for each in differences if each.field.key == difference.field.twin)
    carried, there = filling.value(Side.PROCORE), difference.value(Side.FOURHSE)
    if there is None or carried is None or not filling.field.lens.agree(carried, there):
        return difference
    return _local(difference, f"{filling.field.label} stands there, which came from Procore")


def _local(difference: FieldDiff, reason: str) -> FieldDiff:
    return replace(difference, verdict=Verdict.LOCAL, reason=reason)


def _merge(difference: FieldDiff) -> FieldDiff:
    """A new link has no base: an empty value is filled, two different ones follow the field's rule."""
    for side in Side:
        if difference.value(side) is None and difference.value(side.other) is not None:
            return _written(difference, side, f"{side.label} has none yet")
    return _by_rule(difference, "they differed when they were linked")


def _three_way(difference: FieldDiff, base: Base) -> FieldDiff:
    changed = [side for side in Side if _changed(difference, side, base)]
    if not changed:
        # Where ids mean a row of a list, the list changed and no record did.
        if base.settled or base.lost_on or isinstance(difference.field.lens, EquipmentLens):
            return _left(difference, base)
        if isinstance(difference.field.lens, PersonLens):
            return replace(difference, verdict=Verdict.DRIFT, reason="the lists of people changed", is_parted=True)
        return replace(difference, verdict=Verdict.DRIFT, reason="neither side changed, yet they disagree")
    if base.lost_on in changed:
        return _conflict(difference, f"{base.lost_on.label} did not keep what was sent, and it was changed there since")
    if len(changed) == 2:
        return _by_rule(difference, BOTH_CHANGED)
    side = changed[0]
    if side is Side.FOURHSE and _is_cut_title(difference):
        return _conflict(difference, "the title is longer than 4HSE holds, and was changed there")
    return _written(difference, side.other, f"changed in {side.label}")


def _left(difference: FieldDiff, base: Base) -> FieldDiff:
    """Two values that stay as they are; of a loss nobody has said so yet."""
    if base.lost_on is None or base.settled:
        return replace(difference, verdict=Verdict.SETTLED, reason="they differ as they were left")
    return replace(difference, verdict=Verdict.LOST, reason=f"{base.lost_on.label} did not keep what was sent")


def _written(difference: FieldDiff, to: Side, reason: str) -> FieldDiff:
    if difference.field.updates(to):
        return replace(difference, verdict=Verdict.WRITE, to=to, reason=reason)
    if difference.field.writes_to(to):
        return _conflict(difference, f"{reason}, and {to.label} takes it with a new record alone")
    if not difference.field.lens.writes(to):
        return _conflict(difference, f"{reason}, and {to.label} cannot take it")
    if difference.field.alerts_off and difference.field.travels_to(to):
        return _held_back(difference)
    why = difference.field.left_out if to in difference.field.blocked else f"this field does not travel to {to.label}"
    return replace(difference, verdict=Verdict.LOCAL, reason=f"{reason}; {why}")


def _held_back(difference: FieldDiff) -> FieldDiff:
    """During a backfill two records that are new to each other stay as they are; an edit of a linked one waits."""
    if difference.base is None:
        why = "left as it is by a backfill, since it would alert people"
        return replace(difference, verdict=Verdict.SETTLED, reason=why, rebase=True)
    return _local(difference, "it would alert people, and waits for the end of a backfill")


def emptied_since(rows: Iterable[Field], side: Side, now: Image, former: Mapping[str, Base]) -> dict[str, Base]:
    """What a record no longer holds of what it agreed on with its former partner, as bases beside another partner.

    That somebody emptied it is an edit, which no first meeting fills. The other side has agreed on nothing yet, so that
    both count as changed.
    """
    known = ((row, former[row.key]) for row in rows if row.key in former)
    return {row.key: _one_sided(row, side, base) for row, base in known if _was_emptied(row, side, now, base)}


def _was_emptied(field: Field, side: Side, now: Image, former: Base) -> bool:
    known = restore_base(field, former, {side: now}) or former
    was = field.lens.get(side, known.of(side))
    held_something = is_redacted(known.of(side)) or (isinstance(was, Known) and was.value is not None)
    return held_something and field.lens.get(side, now) == Known(None)


def _one_sided(field: Field, side: Side, base: Base) -> Base:
    nothing = field.slice(side.other, {})
    return Base(base.procore, nothing) if side is Side.PROCORE else Base(nothing, base.fourhse)


def _by_rule(difference: FieldDiff, reason: str) -> FieldDiff:
    winner = difference.field.on_conflict.winner
    if winner is None:
        return _conflict(difference, reason)
    return _written(difference, winner.other, f"{reason}; the mapping says {difference.field.on_conflict.value}")


def _conflict(difference: FieldDiff, reason: str) -> FieldDiff:
    return replace(difference, verdict=Verdict.CONFLICT, reason=reason)


def _decided(difference: FieldDiff, decision: Decision) -> FieldDiff:
    """A person chose a side; their word counts for the values that they saw."""
    if decision.seen.get("seen") != seen(difference):
        return _conflict(difference, _asked_again(difference, decision))
    to = decision.side.other
    if difference.field.travels_to(to) and not (difference.field.at_creation and to is Side.PROCORE):
        return replace(
            difference, verdict=Verdict.WRITE, to=to, reason=f"a person chose {to.other.label}", used=decision
        )
    return replace(difference, verdict=Verdict.SETTLED, reason=f"a person chose {to.other.label}", used=decision)


def _asked_again(difference: FieldDiff, decision: Decision) -> str:
    """Why they differ, and which side has moved since a person looked, from what."""
    before, now = decision.seen.get("seen") or {}, seen(difference)
    moved = [
        f"{side.label} showed {_quoted(before[side.value])}"
        for side in Side
        if before.get(side.value, now[side.value]) != now[side.value]
    ]
    found = _merge(difference) if difference.base is None else _three_way(difference, difference.base)
    return f"{found.reason}. It is asked again, for {' and '.join(moved) or 'less was shown'} when it was answered"


def _quoted(value: str) -> str:
    if not value:
        return "nothing"
    return f"“{value}”" if len(value) <= LONGEST_QUOTE else f"“{value[:LONGEST_QUOTE].rstrip()}…”"


def seen(difference: FieldDiff) -> dict[str, str]:
    """The two values in the form in which an answer to them is kept."""
    return {side.value: display(difference.value(side)) for side in Side}


def display(value: Any) -> str:
    """A value as people read it."""
    if value is None:
        return ""
    if isinstance(value, tuple):
        return "; ".join(str(each) for each in value)
    return str(value)


def _changed(difference: FieldDiff, side: Side, base: Base) -> bool:
    was = difference.field.lens.get(side, base.of(side))
    return is_redacted(base.of(side)) or isinstance(was, Held) or was.value != difference.value(side)


def _is_cut_title(difference: FieldDiff) -> bool:
    lens = difference.field.lens
    return isinstance(lens, TitleLens) and difference.base is not None and lens.was_cut(difference.base.fourhse)


def repaired_title(rows: Iterable[Field], fourhse: Image, base: Mapping[str, Base]) -> dict[str, Any]:
    """The 4HSE values in which a cut title and its leading line fit again, where a person changed one of the two."""
    for row in rows:
        if isinstance(row.lens, TitleLens) and not row.inactive and row.key in base:
            return row.lens.repaired(base[row.key].fourhse, fourhse)
    return {}


def _is_contested(difference: FieldDiff) -> bool:
    """A cut title that was changed in 4HSE and is not settled there yet: the full one still leads the description."""
    if (
        difference.verdict not in (Verdict.CONFLICT, Verdict.WRITE)
        or not _is_cut_title(difference)
        or difference.base is None
    ):
        return False
    return difference.verdict is Verdict.CONFLICT or _changed(difference, Side.FOURHSE, difference.base)


def _wait_for(difference: FieldDiff, contested: list[FieldDiff]) -> FieldDiff:
    """A field that shares its 4HSE text with a contested title waits for it: nobody can tell the two apart."""
    if difference.field.inactive:
        return difference
    mine = set(difference.field.lens.reads(Side.FOURHSE))
    for title in contested:
        if title.field is not difference.field and mine & set(title.field.lens.reads(Side.FOURHSE)):
            why = f"waits for the answer about {title.field.label}"
            return replace(difference, verdict=Verdict.HELD, to=None, reason=why)
    return difference
