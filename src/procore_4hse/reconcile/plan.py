"""The plan of a cycle: links first, with their people, then what is linked nowhere. A pure function of a snapshot."""

from __future__ import annotations

from dataclasses import replace

from procore_4hse.models import Kind, Link, RecordRef, Side, SyncStatus
from procore_4hse.reconcile import items
from procore_4hse.reconcile.children import leave_children, plan_children
from procore_4hse.reconcile.draft import Draft, set_status
from procore_4hse.reconcile.identity import never_copied
from procore_4hse.reconcile.lifecycle import link_outcome, marked_gone
from procore_4hse.reconcile.linked import Pair, compare_pair
from procore_4hse.reconcile.refusals import keep_open, may_try
from procore_4hse.reconcile.scope import exclusion
from procore_4hse.reconcile.snapshot import Plan, Presence, Snapshot
from procore_4hse.reconcile.unlinked import Matching, match_unlinked, plan_unlinked


def plan(snapshot: Snapshot) -> Plan:
    """Every create, update, delete, restore and link with its reason, and everything that waits for a person.

    Guards are not looked at here: see `guard.guarded`.
    """
    draft = Draft(unknown=_unknown(snapshot))
    matching = match_unlinked(snapshot, draft)
    for link in snapshot.links:
        if snapshot.only_days is None and link.refs & matching.taken:
            _leave_to_match(snapshot, link, matching, draft)
        elif snapshot.only_days is None:
            with draft.noting(link):
                _plan_link(snapshot, link, draft)
        else:
            set_status(draft, snapshot, snapshot.incidents, link, SyncStatus.EXCLUDED)
    plan_unlinked(snapshot, matching, draft)
    draft.answers_in_use += never_copied(snapshot)
    planned = draft.done()
    # A question whose answer lost its ground is asked again in the same item.
    told = tuple(items.asked_again(item, snapshot.decisions.get(item.key)) for item in planned.items)
    return replace(planned, items=told, unchanged=snapshot.unchanged)


def _unknown(snapshot: Snapshot) -> set[RecordRef]:
    """Records with a write whose fate is unknown, and those that a listing which was not whole does not show."""
    silent = {
        record.ref
        for side in Side
        for record in snapshot.records[side].values()
        if record.presence is not Presence.PRESENT and not snapshot.certified[side]
    }
    return silent | snapshot.pending


def plan_joined(snapshot: Snapshot) -> Plan:
    """What the people need of incidents that were linked in this cycle, all of the snapshot; their own turn is over."""
    draft = Draft()
    for link in snapshot.links:
        _plan_link(snapshot, link, draft)
    planned = draft.done()
    return replace(planned, actions=tuple(action for action in planned.actions if action.kind is not Kind.INCIDENT))


def _plan_link(snapshot: Snapshot, link: Link, draft: Draft) -> None:
    """One incident's link: what became of its records, and when both live, how they compare."""
    incidents = snapshot.incidents
    if link.refs & snapshot.pending:
        set_status(draft, snapshot, incidents, link, SyncStatus.WAITING)
        leave_children(snapshot, link, draft)
        return
    outcome = link_outcome(snapshot, incidents, link)
    draft.take(outcome.transition, outcome.items, outcome.answers_in_use, outcome.rebases)
    title = items.headline(snapshot.mapping, incidents, link)
    for action in outcome.actions:
        tried = may_try(snapshot, action)
        keep_open(snapshot, action, title, draft, tried=tried)
        if tried:
            draft.actions.append(action)
    if not outcome.alive or _is_away(snapshot, link):
        set_status(draft, snapshot, incidents, link, SyncStatus.EXCLUDED if outcome.alive else outcome.sync_status)
        leave_children(snapshot, link, draft)
    else:
        procore, fourhse = (snapshot.records[side][link.id_on(side)] for side in Side)
        compare_pair(snapshot, Pair(link, procore, fourhse, incidents.rows, title), draft)
        plan_children(snapshot, link, title, draft)


def _leave_to_match(snapshot: Snapshot, link: Link, matching: Matching, draft: Draft) -> None:
    """A survivor that may have been entered anew over there: what is asked about that goes before its deletion."""
    set_status(draft, snapshot, snapshot.incidents, link, SyncStatus.WAITING)
    leave_children(snapshot, link, draft)
    # A link that gets a new partner in this plan is no longer the one whose record is gone.
    draft.take(None if matching.joins(link) else marked_gone(snapshot, snapshot.incidents, link), (), ())


def _is_away(snapshot: Snapshot, link: Link) -> bool:
    """A linked incident that left the route's scope is frozen both ways, and compared again when it is back."""
    records = (snapshot.records[side][link.id_on(side)] for side in Side)
    return any(exclusion(snapshot, record, linked=True) for record in records)
