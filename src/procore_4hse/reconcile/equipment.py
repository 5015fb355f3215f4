"""Equipment of a linked incident: what Procore's records name, and what 4HSE lists as resources."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from procore_4hse.mapping.lenses.base import Held, Unwritable
from procore_4hse.mapping.rules import Field
from procore_4hse.mapping.translate import payload
from procore_4hse.models import Act, Action, Kind, Link, RecordRef, Side
from procore_4hse.reconcile import items
from procore_4hse.reconcile.child_context import incident_id, want
from procore_4hse.reconcile.draft import Draft
from procore_4hse.reconcile.linked import Pair, compare_pair
from procore_4hse.reconcile.snapshot import Presence, Record, RecordGroup, Snapshot

Named = dict[str | None, list[Record]]
"""Records by the piece of equipment that they name, Procore's id; None for those that name none."""


def plan_equipment(snapshot: Snapshot, group: RecordGroup, parent: Link, draft: Draft) -> None:
    """Links what names the same piece, carries the rest, and leaves alone what has no place on the other side.

    One piece is carried once, however many records of the incident name it.
    """
    (row,) = group.rows
    again = named_again(snapshot, group)
    for resource, record in again.items():
        left = group.records[Side.FOURHSE][resource.id]
        _link(snapshot, group, row, record, left, "another record names this equipment", draft)
    free = {side: _free(snapshot, group, row, side, frozenset(one.ref for one in again.values())) for side in Side}
    known = _linked(group, row)
    for piece in sorted(piece for piece in free[Side.PROCORE] if piece is not None):
        first, theirs = free[Side.PROCORE][piece][0], free[Side.FOURHSE].get(piece)
        if theirs:
            _link(snapshot, group, row, first, theirs[0], "both name the same equipment", draft)
        elif piece not in known:
            _create(snapshot, group, row, parent, piece, first, draft)
    empty = free[Side.PROCORE].get(None, [])
    alone = [r for piece, some in free[Side.FOURHSE].items() if piece not in free[Side.PROCORE] for r in some]
    if len(empty) == len(alone) == 1 and not group.links and row.writes_to(Side.PROCORE):
        _link(snapshot, group, row, empty[0], alone[0], "the one record of the incident names no equipment yet", draft)


def named_again(snapshot: Snapshot, group: RecordGroup) -> dict[RecordRef, Record]:
    """Resources whose Procore record is not there any more: each with another record that names the same piece."""
    found: dict[RecordRef, Record] = {}
    for row in group.rows:
        free = _free(snapshot, group, row, Side.PROCORE)
        for resource in _left_alone(snapshot, group):
            reading = row.lens.get(Side.FOURHSE, resource.image)
            named = [] if isinstance(reading, Held) or reading.value is None else free.get(reading.value, [])
            if other := next((record for record in named if record not in found.values()), None):
                found[resource.ref] = other
    return found


def _left_alone(snapshot: Snapshot, group: RecordGroup) -> Iterator[Record]:
    """Resources that are there while the Procore record of their link is not."""
    for link in group.links:
        ours, theirs = (group.record(side, link.id_on(side)) for side in Side)
        is_alone = ours is None or ours.presence is not Presence.PRESENT
        if is_alone and theirs is not None and theirs.presence is Presence.PRESENT and not link.refs & snapshot.pending:
            yield theirs


def _free(
    snapshot: Snapshot, group: RecordGroup, row: Field, side: Side, linked: frozenset[RecordRef] = frozenset()
) -> Named:
    taken = {link.ref(side) for link in group.links} | snapshot.pending | snapshot.possibly_ours | linked
    by_piece: Named = defaultdict(list)
    for record in group.records[side].values():
        reading = row.lens.get(side, record.image)
        is_free = record.ref not in taken
        if is_free and record.presence is Presence.PRESENT and not record.minimal and not isinstance(reading, Held):
            by_piece[reading.value].append(record)
    return by_piece


def _linked(group: RecordGroup, row: Field) -> set[object]:
    """The pieces that the incident's links carry already, as either side names them."""
    records = [group.record(side, link.id_on(side)) for link in group.links for side in Side]
    readings = [row.lens.get(record.side, record.image) for record in records if record is not None]
    return {reading.value for reading in readings if not isinstance(reading, Held)}


def _link(
    snapshot: Snapshot, group: RecordGroup, row: Field, mine: Record, theirs: Record, reason: str, draft: Draft
) -> None:
    action = Action(Act.LINK, Side.FOURHSE, Kind.EQUIPMENT, theirs.id, mine.id, reason, parent=group.parent_id)
    draft.actions.append(action)
    compare_pair(snapshot, Pair(action.link, mine, theirs, (row,), str(group.title), group.parent_id), draft)


def _create(
    snapshot: Snapshot, group: RecordGroup, row: Field, parent: Link, piece: str, record: Record, draft: Draft
) -> None:
    """A resource in 4HSE for the piece that a record names; nothing while it has no partner there."""
    if not row.writes_to(Side.FOURHSE):
        return
    try:
        fields = payload(Side.FOURHSE, [(row, piece)], {}, {})
    except Unwritable as error:
        reason = f"{row.label}: {error}; name it under `partners` in equipment.yaml"
        draft.items.append(items.word(record, None, row.key, reason, str(group.title)))
        return
    action = Action(
        act=Act.CREATE,
        side=Side.FOURHSE,
        kind=Kind.EQUIPMENT,
        target_id=None,
        source_id=record.id,
        reason="a piece of equipment named in Procore",
        fields={**fields, **incident_id(parent, Side.FOURHSE)},
        sources={row.key: row.slice(Side.PROCORE, record.image)},
        generation=parent.generation,
        parent=parent.procore_id,
    )
    want(snapshot, action, str(group.title), draft)
