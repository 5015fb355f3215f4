"""What the two sides agree on after a write: the bases that an answer makes, and what it does not show as sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from procore_4hse.mapping.closing import is_new
from procore_4hse.mapping.lenses.base import INJURED, NO_RECORDS, Held, Known, Reading
from procore_4hse.mapping.rules import Field
from procore_4hse.mapping.translate import keeps_part
from procore_4hse.models import Action, Base, Image, Side
from procore_4hse.push.rows import Rows

Bases = dict[str, Base]


@dataclass(frozen=True)
class Comparison:
    """What an answer shows: new bases, and the keys of the rows that the vendor did not take as sent.

    `spoiled` are rows that were not sent, whose value changed because it stands in a text that was. `unseen` are rows
    of an update without an answer of which nobody can tell by now what it left there.
    """

    bases: Bases
    lost: list[str]
    spoiled: Sequence[str] = ()
    unseen: Sequence[str] = ()


def compare_answer(rows: Rows, action: Action, payload: Image) -> Comparison:
    """New bases for what the answer shows, and the rows that it does not show as sent."""
    bases: Bases = {}
    lost = []
    shown = rows.zoned(payload)
    for row in rows.of(action):
        source = action.sources[row.key]
        sent = row.lens.get(action.side.other, source)
        stored = row.lens.get(action.side, shown)
        if isinstance(sent, Held) or isinstance(stored, Held):
            if action.side is Side.PROCORE and isinstance(stored, Held) and INJURED in row.lens.reads(Side.PROCORE):
                bases[row.key] = _agreement(row, action.side, source, {**shown, **NO_RECORDS}, settled=False)
            elif isinstance(stored, Held) and stored.word is not None and row.writes_to(action.side):
                # It is asked about as a word; once that can be read again, it is still not what was sent.
                unread = _agreement(row, action.side, source, shown, settled=False)
                bases[row.key] = replace(unread, lost_on=action.side)
            continue
        pair = {action.side: stored.value, action.side.other: sent.value}
        agree = row.lens.agree(pair[Side.PROCORE], pair[Side.FOURHSE])
        is_lost = row.writes_to(action.side) and not agree and not row.lens.is_rewrite(sent.value, stored.value)
        base = _agreement(row, action.side, source, shown, settled=not agree and not is_lost)
        bases[row.key] = replace(base, lost_on=action.side if is_lost else None)
        if is_lost:
            lost.append(row.key)
    return Comparison(bases, lost, _spoiled(rows, action, shown))


def _spoiled(rows: Rows, action: Action, shown: Image) -> list[str]:
    """Rows beside those sent whose text the vendor did not keep as this action wrote it."""
    written = rows.zoned({**action.seen, **action.fields})
    # What was not written, and changed all the same, is another matter: see `whole.emptied`.
    kept = {**written, **{name: shown[name] for name in action.fields if name in shown}}
    return [row.key for row in rows.beside(action) if _is_spoiled(row, action.side, written, kept)]


def _is_spoiled(row: Field, side: Side, written: Image, shown: Image) -> bool:
    if not written.keys() >= set(row.lens.reads(side)):
        return False
    sent, stored = row.lens.get(side, written), row.lens.get(side, shown)
    if isinstance(sent, Held) or isinstance(stored, Held):
        return sent != stored
    return sent != stored and not row.lens.is_rewrite(sent.value, stored.value)


def spoil(row: Field, base: Base, side: Side, payload: Image) -> Base:
    """The base of a row whose value a side changed on the way: both have not agreed on what stands there now."""
    return left_with(base, side, row.slice(side, payload))


def left_with(base: Base, side: Side, now: Image) -> Base:
    """The same base, of which this side holds something else by now: what a write of ours has left there."""
    kept = {side: now, side.other: base.of(side.other)}
    return replace(base, procore=kept[Side.PROCORE], fourhse=kept[Side.FOURHSE], settled=False, lost_on=side)


def first_bases(rows: Rows, action: Action, payload: Image, outcome: str) -> Comparison:
    """The same for a record that is new. Of one that was found later nothing is lost: a person may have edited it."""
    comparison = compare_answer(rows, action, payload)
    later = still_open(rows, action, payload, outcome)
    lost = [key for key in comparison.lost if key not in later]
    if outcome == "adopted":
        # What differs gets no base, so that both values are kept.
        parts = _kept_in_part(rows, action, lost, payload, least=1)
        others = [key for key in lost if key not in parts]
        agreed = {key: base for key, base in comparison.bases.items() if key not in others}
        return Comparison(agreed | _emptied_since(rows, action, others, payload) | later, parts)
    return Comparison(comparison.bases | later, lost)


def compare_arrived(rows: Rows, action: Action, payload: Image | None) -> Comparison:
    """The same for an update without an answer: what of it arrived, whole or in part. None: the record is not there."""
    if payload is None:
        return Comparison({}, [], unseen=[row.key for row in _touched(rows, action)])
    comparison = compare_answer(rows, action, payload)
    changed = [row.key for row in rows.of(action) if not _is_as_before(row, action, payload)]
    parts = _kept_in_part(rows, action, [key for key in comparison.lost if key in changed], payload)
    # What stands as it did before has not arrived, also where it agrees: a category may have to follow all the same.
    whole = [key for key in changed if (base := comparison.bases.get(key)) and not base.settled and not base.lost_on]
    arrived = {key: base for key, base in comparison.bases.items() if key in whole}
    beside = [row for row in rows.beside(action) if row.key in comparison.spoiled]
    ours = [row.key for row in beside if not _is_as_before(row, action, payload) and keeps_part(row, action, payload)]
    others = [row for row in _touched(rows, action) if not _is_as_before(row, action, payload)]
    unseen = [row.key for row in others if _is_unreadable(row.lens.get(action.side, rows.zoned(payload)))]
    return Comparison(arrived | {key: comparison.bases[key] for key in parts}, parts, ours, unseen)


def _touched(rows: Rows, action: Action) -> list[Field]:
    """The rows of which an update may have left something else; what only fills never comes back from there."""
    return [row for row in (*rows.of(action), *rows.beside(action)) if not row.fills_only]


def _is_unreadable(stored: Reading) -> bool:
    return isinstance(stored, Held) and stored.word is not None


def doubt(row: Field, base: Base | None, side: Side, before: Image) -> Base:
    """The base of an unseen row: what that side shows later is as it was before the update, or nobody's edit.

    Without a base everything that the other side holds counts as changed, so that it is sent again.
    """
    known = base or _agreement(row, side, {}, before, settled=False)
    return replace(known, lost_on=known.lost_on or side)


def _is_as_before(row: Field, action: Action, payload: Image) -> bool:
    return row.slice(action.side, payload) == row.slice(action.side, action.seen)


def _kept_in_part(rows: Rows, action: Action, keys: list[str], payload: Image, least: int = 0) -> list[str]:
    """Those of these rows of which the record holds a part; anything else there is what a person made of it."""
    return [row.key for row in rows.of(action) if row.key in keys and keeps_part(row, action, payload, least)]


def still_open(rows: Rows, action: Action, payload: Image, outcome: str) -> Bases:
    """The base of a status that 4HSE did not take at once: both were open, and Procore's was closed since.

    A create that is found later counts only when it was sent as new: else a person may have opened it again.
    """
    statuses = rows.statuses(action)
    closed = [row for row in statuses if row.lens.get(Side.PROCORE, action.sources[row.key]) == Known("closed")]
    sent_as_new = outcome == "done" or is_new(action.fields)
    if action.side is not Side.FOURHSE or not is_new(payload) or not (closed and sent_as_new):
        return {}
    return {row.key: row.base_of({row.lens.reads(Side.PROCORE)[0]: "open"}, payload) for row in statuses}


def _emptied_since(rows: Rows, action: Action, keys: list[str], payload: Image) -> Bases:
    """Bases of what was sent and is empty now: without one it would be filled again instead of asked about.

    The vendor may have emptied it, or a person; either way no rule may carry that to the side that has it whole.
    """
    sent, shown = rows.zoned(action.fields), rows.zoned(payload)
    ours = [row for row in rows.of(action) if row.key in keys]
    empty = [row for row in ours if row.lens.get(action.side, shown) in (Known(None), Known(""))]
    bases = {row.key: _agreement(row, action.side, rows.zoned({}), sent, settled=False) for row in empty}
    return {key: replace(base, lost_on=action.side) for key, base in bases.items()}


def _agreement(row: Field, side: Side, source: Image, target: Image, *, settled: bool) -> Base:
    images = {side: target, side.other: source}
    return row.base_of(images[Side.PROCORE], images[Side.FOURHSE], settled=settled)
