"""Writes down everything of a plan that needs no vendor: links, bases, states, questions, and what is in force now."""

from __future__ import annotations

import structlog

from procore_4hse.engine.snapshots import CycleInputs
from procore_4hse.models import Act, ItemKind, Side
from procore_4hse.reconcile.approval import FIRST_MEETING, MAPPING, SCOPE, ZONE
from procore_4hse.reconcile.snapshot import Plan, Transition
from procore_4hse.store.repository import Unit

log = structlog.get_logger()

HELD_AS_A_WHOLE = frozenset((SCOPE, ZONE, MAPPING, FIRST_MEETING))
"""The guards that keep what is new in a route's settings from counting as accepted."""


def has_anything_to_keep(plan: Plan) -> bool:
    """Whether a plan holds anything beside calls to a vendor."""
    kept = (plan.rebases, plan.transitions, plan.not_duplicates, plan.items)
    return any(kept) or any(action.act is Act.LINK for action in plan.actions)


def keep_plan(unit: Unit, inputs: CycleInputs, plan: Plan) -> None:
    """Links, bases, states and questions of a plan, all in the transaction of `unit`."""
    _keep_links(unit, inputs.route.key, inputs.route.name, plan)
    for transition in plan.transitions:
        _keep_transition(unit, inputs.route.key, transition)
    inbox, asked = unit.inbox(inputs.route.key), (*plan.items, *inputs.settled.items)
    if inputs.only_days is None:
        inbox.keep(asked, plan.answers_in_use, plan.unknown)
        _accept(unit, inputs, plan)
        return
    # A backfill sees a part of the route: what is asked about the rest stays asked, what was answered answered.
    for item in asked:
        inbox.add(item)


def _keep_links(unit: Unit, key: str, name: str, plan: Plan) -> None:
    links = unit.links(key)
    for action in plan.actions:
        if action.act is Act.LINK:
            links.settle_removed(action.source_id or "", action.target_id or "")
            links.join(action.source_id or "", action.target_id or "", kind=action.kind, parent=action.parent)
            unit.routes.save(key, name, ever_linked=True)
    for fresh in plan.rebases:
        links.rebase(fresh.procore, fresh.fields)
    for pair in plan.not_duplicates:
        links.tell_apart(*pair)
        links.settle_removed(*pair)


def _keep_transition(unit: Unit, key: str, transition: Transition) -> None:
    """The link's new state; of what was deleted the last image is kept, with the evidence."""
    link = transition.link
    unit.links(key).set_state(link.ref(Side.PROCORE), transition.state)
    if transition.side is None or link.state is transition.state:
        return
    staged = unit.staging(key).find(link.ref(transition.side))
    if staged is not None:
        unit.links(key).bury(staged.record, transition.evidence)
    log.info("link.changed", state=transition.state.value, procore=link.procore_id)


def _accept(unit: Unit, inputs: CycleInputs, plan: Plan) -> None:
    """Scope, zone and mapping in force become what the route remembers, unless a guard still asks about them."""
    route = inputs.route
    if HELD_AS_A_WHOLE.isdisjoint(item.key for item in plan.items if item.kind is ItemKind.GUARD):
        facts = {"scope": route.scope, "zone": inputs.zone, "mapping": route.mapping.digest}
        unit.routes.save(route.key, route.name, **facts)
