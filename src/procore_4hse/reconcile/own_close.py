"""Our own close of a survivor, which is undone once the deleted record is back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from procore_4hse.mapping.lenses.base import Held, Known
from procore_4hse.mapping.lenses.incident import StatusLens
from procore_4hse.mapping.rules import Field
from procore_4hse.models import Base, Decision, Image, Link, LinkState, QuestionKey, Side
from procore_4hse.reconcile.redacted_base import is_redacted, restore_base

Images = Mapping[Side, Image]


@dataclass(frozen=True)
class OwnClose:
    """The close of a survivor that stands as we left it, while the other record's status is as it was."""

    row: Field
    on: Side
    undoing: Decision
    """Takes the other side's status, as if a person had said so."""


def own_close(rows: Iterable[Field], link: Link, images: Images) -> OwnClose | None:
    """What of our close is left to undo, on a link that the route's policy closed."""
    row, base = _status(rows, link, images)
    if row is None or base is None:
        return None
    now = {side: row.lens.get(side, images[side]) for side in Side}
    was = {side: row.lens.get(side, base.of(side)) for side in Side}
    changed = [side for side in Side if is_redacted(base.of(side)) or now[side] != was[side]]
    values = {side.value: str(reading.value) for side, reading in now.items() if isinstance(reading, Known)}
    if len(changed) != 1 or values.get(changed[0].value) != "closed":
        return None
    asked = QuestionKey.difference(link, row.key)
    return OwnClose(row, changed[0], Decision(0, asked, "resolve", use=changed[0].other.value, seen={"seen": values}))


def is_to_be_undone(rows: Iterable[Field], link: Link, images: Images) -> bool:
    """Whether our close may stand still. Until that is written off, a link must not count as live: the close would
    pass for a person's edit and travel to the record that is back."""
    rows = tuple(rows)
    row, base = _status(rows, link, images)
    if row is None or base is None:
        return False
    if any(isinstance(row.lens.get(side, images[side]), Held) for side in Side):
        return True  # What cannot be read now may be our close, or what it has to give way to.
    ours = own_close(rows, link, images)
    return ours is not None and row.writes_to(ours.on)


def _status(rows: Iterable[Field], link: Link, images: Images) -> tuple[Field | None, Base | None]:
    if link.state is not LinkState.CLOSED_BY_POLICY:
        return None, None
    row = next((row for row in rows if isinstance(row.lens, StatusLens) and not row.inactive), None)
    return row, restore_base(row, link.base.get(row.key), images) if row is not None else None
