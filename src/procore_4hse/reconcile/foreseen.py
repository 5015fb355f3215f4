"""What the people need of incidents that a plan would make or link: a cycle plans it later, a dry run tells it now."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from procore_4hse.models import Act, Action, Item, Kind, Link, Side, SyncStatus
from procore_4hse.reconcile import items
from procore_4hse.reconcile.child_context import incident_id
from procore_4hse.reconcile.children import plan_children
from procore_4hse.reconcile.draft import Draft
from procore_4hse.reconcile.snapshot import Plan, Record, Snapshot

Links = list[tuple[Link, Action]]
"""What would be linked, with the action that leads to it."""


def foreseen(snapshot: Snapshot, decided: Plan, *, dry: bool = True) -> Plan:
    """The plan with what follows it in the same cycle; unchanged where that is going to happen (`dry` is False)."""
    if not dry:
        return decided
    now, later = (_Following(snapshot, actions) for actions in (decided.actions, decided.held))
    asked = {item.key: item for item in (*decided.items, *now.items, *later.items)}
    return replace(
        decided,
        actions=(*decided.actions, *now.actions),
        held=(*decided.held, *later.actions),
        items=tuple(asked.values()),
    )


class _Following:
    """What follows some actions, as if every incident of theirs were there on both sides."""

    def __init__(self, snapshot: Snapshot, actions: Iterable[Action]) -> None:
        of_incidents = [each for each in actions if each.kind is Kind.INCIDENT and each.act in (Act.CREATE, Act.LINK)]
        links = [(_link(each, number), each) for number, each in enumerate(of_incidents, 1)]
        self.actions: list[Action] = []
        self.items: list[Item] = []
        self._plan(_as_if_there(snapshot, links), links)

    def _plan(self, snapshot: Snapshot, links: Links) -> None:
        for link, action in links:
            draft = Draft()
            for side in Side:
                draft.set_status(side, link.id_on(side), SyncStatus.IN_SYNC)
            plan_children(snapshot, link, items.headline(snapshot.mapping, snapshot.incidents, link), draft)
            self.items += (_without_new(item, link, action) for item in draft.items)
            self.actions += draft.actions if action.act is Act.LINK else _of_new(action, link, draft.actions)


def _link(action: Action, number: int) -> Link:
    """The link that an action leads to; the record that it makes has an id that no record can have."""
    new = {Side.PROCORE: f"-{number}", Side.FOURHSE: f"new {number}"}
    ids = {side: action.id_on(side) or new[side] for side in Side}
    return Link(-number, ids[Side.PROCORE], ids[Side.FOURHSE], generation=action.generation)


def _as_if_there(snapshot: Snapshot, links: Links) -> Snapshot:
    """The records that would be made beside those that are there; whom a former partner named is no link of theirs."""
    records = {side: dict(snapshot.records[side]) for side in Side}
    below = dict(snapshot.people.links)
    for link, action in links:
        if action.act is Act.CREATE:
            made = link.id_on(action.side)
            records[action.side][made] = Record(action.side, made, action.fields)
            below.pop(link.procore_id, None)
    return replace(snapshot, records=records, people=replace(snapshot.people, links=below))


def _without_new(item: Item, link: Link, action: Action) -> Item:
    """The question without the id that no record has."""
    ids = {side: action.id_on(side) for side in Side}
    if item.procore_id == link.procore_id and not ids[Side.PROCORE]:
        return replace(item, procore_id=None)
    return replace(item, fourhse_id=None) if item.fourhse_id == link.fourhse_id and not ids[Side.FOURHSE] else item


def _of_new(action: Action, link: Link, actions: Iterable[Action]) -> Iterator[Action]:
    """Actions below an incident that is not there yet: they name the one that it is made from."""
    for each in actions:
        places = incident_id(link, each.side).keys() if each.side is action.side else ()
        fields = {name: value for name, value in each.fields.items() if name not in places}
        yield replace(each, fields=fields, parent=action.source_id)
