"""A category that follows what Procore records: only where the word in 4HSE is ours, and nobody changed it.

A pair whose categories agree may still show another word than the list has for it: a spill was recorded after the copy
was made, or the list was changed. The first is written. The second is a difference for the guard of a changed mapping
to count, so that a person decides about all of them at once.
"""

from __future__ import annotations

from dataclasses import replace

from procore_4hse.mapping.lenses.base import RECORDED, Known
from procore_4hse.mapping.lenses.category import CategoryLens, Recorded, read_aloud
from procore_4hse.models import Base, Link, Side
from procore_4hse.reconcile.approval import mapping_choice
from procore_4hse.reconcile.diff import FieldDiff, Verdict
from procore_4hse.reconcile.snapshot import Presence, Snapshot

AGREE = (Verdict.SAME, Verdict.AGREED)


def may_follow(snapshot: Snapshot, link: Link) -> bool:
    """Whether it has to be known who wrote this link's word: something was recorded or removed, or the list changed."""
    row = snapshot.mapping.category
    ours, theirs = (snapshot.record(side, link.id_on(side)) for side in Side)
    base = link.base.get(row.key) if row is not None else None
    if row is None or base is None or ours is None or theirs is None or not _tells(row.lens):
        return False
    # Whatever the link's state is: it is compared in the very cycle in which what was deleted is back.
    if any(one.presence is not Presence.PRESENT for one in (ours, theirs)):
        return False
    recorded = ours.image.get(RECORDED)
    return recorded is not None and (snapshot.changed.mapping is not None or recorded != base.procore.get(RECORDED))


def _tells(lens: object) -> bool:
    return isinstance(lens, CategoryLens) and lens.tells_kinds


def following(snapshot: Snapshot, link: Link, difference: FieldDiff) -> FieldDiff:
    """The same difference; a word of ours that the list has another one for by now is written, or counted."""
    row, lens, word = difference.field, difference.field.lens, difference.value(Side.FOURHSE)
    if not isinstance(lens, CategoryLens) or not lens.tells_kinds or difference.verdict not in AGREE:
        return difference
    recorded = difference.value(Side.PROCORE)
    if snapshot.own_words.get(link.key) != word or not row.writes_to(Side.FOURHSE) or lens.word(recorded) == word:
        return difference
    if new := _recorded_since(lens, difference.base, recorded):
        return replace(difference, verdict=Verdict.WRITE, to=Side.FOURHSE, reason=f"{new} recorded in Procore since")
    if snapshot.changed.mapping is not None and not _was_left(snapshot, link, row.key):
        return replace(difference, verdict=Verdict.DRIFT, reason="the list has another word for what Procore records")
    return difference


def _recorded_since(lens: CategoryLens, base: Base | None, recorded: Recorded) -> str:
    """What Procore records and did not when both last agreed, read aloud; empty where that is not known."""
    was = lens.get(Side.PROCORE, base.procore) if base is not None else None
    if not isinstance(was, Known) or was.value.kinds is None:
        return ""
    return read_aloud((recorded.kinds or frozenset()) - was.value.kinds)


def _was_left(snapshot: Snapshot, link: Link, field: str) -> bool:
    """Whether a person said of the changed mapping that 4HSE's words stay: Procore has no place for them."""
    choice = mapping_choice(snapshot)
    return choice is not None and choice.winner is Side.FOURHSE and choice.decides(link, field)
