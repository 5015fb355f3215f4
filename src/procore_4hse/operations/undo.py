"""Taking a write back that was carried out: whether that can be done is found first, then it is kept as an answer."""

from __future__ import annotations

from dataclasses import dataclass

from procore_4hse.errors import UsageError
from procore_4hse.mapping.rules import Field
from procore_4hse.models import Act, Action, Item, Kind, Link, LinkState, QuestionKey, Side
from procore_4hse.operations.decisions import alone, is_undo
from procore_4hse.operations.history import Write, find_writes, in_words
from procore_4hse.operations.offline import find, offline_snapshot
from procore_4hse.reconcile import items
from procore_4hse.reconcile.diff import FieldDiff, diff_field
from procore_4hse.reconcile.snapshot import Presence, Record, Snapshot
from procore_4hse.reconcile.undo import UNDO, follows
from procore_4hse.route import Route
from procore_4hse.store.decisions import Decider
from procore_4hse.store.inbox import UNNAMED, Entry
from procore_4hse.store.journal import Intent
from procore_4hse.store.leases import Holder
from procore_4hse.store.repository import Store, Unit


@dataclass(frozen=True)
class Undo:
    """A write that can be taken back. `stays` is the side that keeps its value, for it may not be written."""

    route: Route
    write: Write
    item: Item
    stays: Side | None = None


def prepare(
    store: Store, routes: tuple[Route, ...], write_id: str, note: str = "", seen: Snapshot | None = None
) -> Undo:
    """What taking this write back would mean. Raises UsageError with why it cannot be done, and what can instead.

    `seen` is its incident as the last reading showed it, for whoever has it at hand.
    """
    route, intent, write = _found(store, routes, write_id)
    action = intent.action
    if action.act is not Act.UPDATE:
        raise UsageError(_instead(action))
    if intent.is_purged:
        raise UsageError("The values of this write were removed from the store, so nobody knows what to put back.")
    if write.undone_by:
        raise UsageError(f"This write was taken back already, by {write.undone_by}.")
    _, ids = find(store, (route,), action.parent or action.id_on(Side.PROCORE))
    seen = seen or offline_snapshot(store, route, ids)
    row, link = _row(seen, write), _link(seen, action)
    compared = _compared(seen, link, row)
    with store.read() as unit:
        _require_unasked(unit.inbox(route.key).standing(QuestionKey.difference(link, row.key)), row)
    _require_unmoved(write, row, compared)
    before = row.slice(write.side, {**intent.before, **action.seen})
    undo = {"write": write.id, "side": write.side.value, "before": before, "note": note}
    item = items.taken_back(link, compared, write.old, write.title, undo)
    return Undo(route, write, item, None if follows(row, write.side.other) else write.side.other)


def keep(store: Store, holder: Holder, undo: Undo, by: Decider = UNNAMED) -> int:
    """Keeps it as a person's answer, which the next cycles carry out; the number of the question that holds it.

    Raises UsageError when something is asked meanwhile, and RouteBusy while a cycle of the route runs.
    """
    with alone(store, holder, undo.route) as unit:
        inbox, key = unit.inbox(undo.route.key), undo.item.key
        _require_unasked(inbox.standing(key), undo.write.row)
        number = inbox.add(undo.item)
        inbox.answer(number, {"verb": UNDO}, by, undo.item.facts["note"])
    return number


# Which write ------------------------------------------------------------------------------------------------------


def _found(store: Store, routes: tuple[Route, ...], write_id: str) -> tuple[Route, Intent, Write]:
    with store.read() as unit:
        for route in routes:
            if found := find_writes(unit, route, write_id):
                return (route, *_one(write_id, found))
        _refuse_link(unit, routes, write_id)
    raise UsageError(f"No write {write_id} is known; see them with: procore-4hse history")


def _one(write_id: str, found: list[tuple[Intent, list[Write]]]) -> tuple[Intent, Write]:
    if len(found) > 1:
        raise UsageError(f"More than one write has an id that begins with {write_id}; give more of it.")
    intent, writes = found[0]
    if not writes:
        raise UsageError(f"Write {write_id} did not change that field; see what it did with: procore-4hse history")
    if len(writes) > 1:
        named = " or ".join(f"procore-4hse history undo {write.id}" for write in writes)
        raise UsageError(f"This write changed several fields, and one is taken back at a time: {named}")
    return intent, writes[0]


def _refuse_link(unit: Unit, routes: tuple[Route, ...], write_id: str) -> None:
    for link in (link for route in routes for link in unit.links(route.key).outline(Kind.INCIDENT)):
        if write_id == f"link-{link.id}":
            raise UsageError(f"To take the two apart: procore-4hse links remove {link.procore_id}")


def _instead(action: Action) -> str:
    """What is to be done about a write that made, deleted or brought back a whole record."""
    here, there = action.side.label, action.side.other.label
    if action.act is Act.CREATE:
        incident = action.parent or action.id_on(Side.PROCORE)
        return (
            f"This write made a record in {here}. To have it deleted, delete the one in {there} that it was made from: "
            "the next cycle asks about the other one. To keep both incidents and tie neither to the other: "
            f"procore-4hse links remove {incident}"
        )
    if action.act is Act.RESTORE:
        return f"This write brought a record back in {here}. Delete it there; the next cycle asks about the other one."
    if action.side is Side.PROCORE:
        return "This write deleted a record in Procore. Bring it back from the recycle bin; the next cycle sees it."
    return (
        "This write deleted a record in 4HSE, which keeps no bin. Bring the one in Procore back from its recycle bin, "
        "and the next cycle makes this one again."
    )


# Whether it can be taken back -------------------------------------------------------------------------------------


def _row(seen: Snapshot, write: Write) -> Field:
    """The mapping's row as the route carries it now."""
    rows = seen.mapping.rows_for(write.kind, seen.people.picklists)
    row = next((row for row in rows if write.row is not None and row.key == write.row.key), None)
    if row is None:
        raise UsageError("The mapping has no row for what this write changed, so it cannot be taken back.")
    if not row.updates(write.side):
        raise UsageError(f"{row.label} is not written to {write.side.label} any more; change it there by hand.")
    return row


def _link(seen: Snapshot, action: Action) -> Link:
    links = (*seen.links, *(link for own in seen.people.links.values() for link in own))
    link = next((link for link in links if (link.kind, link.refs) == (action.kind, action.refs)), None)
    if link is None or link.state is not LinkState.LIVE:
        raise UsageError("The two records of this write are no longer linked, or one was deleted; nothing is put back.")
    return link


def _compared(seen: Snapshot, link: Link, row: Field) -> FieldDiff:
    """What both sides show of the field, as the latest reading saw them."""
    procore, fourhse = (_record(seen, link, side).image for side in Side)
    return diff_field(row, procore, fourhse, link.base.get(row.key))


def _record(seen: Snapshot, link: Link, side: Side) -> Record:
    below = (record for own in seen.people.records[side].values() for record in own)
    known = seen.records[side].values() if link.kind is Kind.INCIDENT else below
    record = next((one for one in known if one.ref == link.ref(side)), None)
    if record is None or record.presence is not Presence.PRESENT or record.minimal:
        raise UsageError(f"{side.label} does not show the record now, so it is not known what stands there.")
    return record


def _require_unasked(entry: Entry | None, row: Field | None) -> None:
    if entry is None:
        return
    if is_undo(entry):
        label = row.label if row else "It"
        raise UsageError(f"{label} is being taken back already; the next cycle goes on with it.")
    raise UsageError(f"Question {entry.id} is about this field; look at it: procore-4hse inbox show {entry.id}")


def _require_unmoved(write: Write, row: Field, compared: FieldDiff) -> None:
    """Both sides show what the write left. No value is told here: it may be about somebody."""
    readings = {Side.PROCORE: compared.procore, Side.FOURHSE: compared.fourhse}
    if write.old == write.new:
        raise UsageError(f"{row.label} showed the same before this write, so there is nothing to put back.")
    if in_words(row, write.side, readings[write.side]) != write.new:
        raise _moved(row, write.side)
    if not row.lens.agree(compared.value(Side.PROCORE), compared.value(Side.FOURHSE)):
        raise _moved(row, write.side.other)


def _moved(row: Field, side: Side) -> UsageError:
    return UsageError(
        f"{row.label} no longer shows in {side.label} what this write left there, so nothing is put back. Change it by "
        "hand in either system, and the change crosses."
    )
