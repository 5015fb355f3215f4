"""Writes down everything of a plan that needs no vendor: links, bases, states, questions, and what is in force now."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import TypeVar

import structlog

from procore_4hse.apis import IncidentApi
from procore_4hse.engine.decision_outcomes import settle_decisions
from procore_4hse.engine.snapshots import CycleInputs
from procore_4hse.errors import SyncError
from procore_4hse.models import Act, Item, ItemKind, Kind, Link, QuestionKey, RecordRef, Side, SyncStatus
from procore_4hse.push.outcomes import Pushed
from procore_4hse.reconcile.approval import FIRST_MEETING, MAPPING, SCOPE, ZONE
from procore_4hse.reconcile.items import one_per_word
from procore_4hse.reconcile.snapshot import Plan, Presence, Snapshot, Transition
from procore_4hse.runtime import Runtime
from procore_4hse.store.links import Incidents
from procore_4hse.store.repository import Unit

log = structlog.get_logger()

T = TypeVar("T")
Begin = Callable[[], AbstractContextManager[Unit]]
SLICE = 500
"""Links or bases that are written in one transaction, which takes a fraction of a second then."""

AT_ONCE = 100
"""So many old cycles are forgotten after each one at most."""

OF_ACTIONS = frozenset(("first-meeting", "creates", "updates", "deletes"))
"""The guards whose approval lets a number of actions happen, and nothing else."""

HELD_AS_A_WHOLE = frozenset((SCOPE, ZONE, MAPPING, FIRST_MEETING))
"""The guards that keep what is new in a route's settings from counting as accepted."""


def has_anything_to_keep(plan: Plan) -> bool:
    """Whether a plan holds anything beside calls to a vendor."""
    kept = (plan.rebases, plan.transitions, plan.not_duplicates, plan.items)
    return any(kept) or any(action.act is Act.LINK for action in plan.actions)


def keep_plan(begin: Begin, inputs: CycleInputs, plan: Plan, *, follows: bool = False) -> None:
    """Links, bases, states and questions of a plan. `begin` opens a transaction of the route's lease.

    Links come in slices, each complete in itself and with the bases of its pairs, so that no transaction keeps others
    waiting for long: a process that dies between two of them has linked fewer pairs, which the next cycle finds again.

    A plan that `follows` another one in a cycle knows a part of the route: nothing that it does not ask is closed.
    """
    bases = {rebase.procore: rebase.fields for rebase in plan.rebases}
    linked = [action.link for action in plan.actions if action.act is Act.LINK]
    linked = [replace(link, base={**link.base, **bases.pop(link.ref(Side.PROCORE), {})}) for link in linked]
    for some in _slices(linked):
        with begin() as unit:
            _keep_links(unit, inputs.route.key, inputs.route.name, some)
    for fresh in _slices([*bases.items()]):
        with begin() as unit:
            unit.links(inputs.route.key).rebase_all(fresh)
    with begin() as unit:
        _keep_rest(unit, inputs, plan, follows)


def _slices(many: Sequence[T]) -> Iterator[Sequence[T]]:
    return (many[start : start + SLICE] for start in range(0, len(many), SLICE))


def _keep_rest(unit: Unit, inputs: CycleInputs, plan: Plan, follows: bool) -> None:
    _keep_differences(unit, inputs.route.key, plan)
    for transition in plan.transitions:
        _keep_transition(unit, inputs.route.key, transition)
    inbox, asked = unit.inbox(inputs.route.key), one_per_word((*plan.items, *inputs.settled.items))
    if inputs.only_days is None and follows:
        inbox.renew(one_per_word(plan.items), plan.answers_in_use)
        return
    if inputs.only_days is None:
        closed = inbox.keep(asked, plan.answers_in_use, plan.unknown, _unanswered(plan))
        settle_decisions(unit, inputs.route.key, closed)
        _accept(unit, inputs, plan)
        return
    # A backfill sees a part of the route: what is asked about the rest stays asked, what was answered answered.
    for item in asked:
        inbox.add(item, of_backfill=True)
    _close_settled(unit, inputs, plan)


def _unanswered(plan: Plan) -> frozenset[RecordRef]:
    """Records that are left to backfills, but for those that a person's answer calls different in this very plan."""
    apart = {
        RecordRef(side, Kind.INCIDENT, record_id)
        for pair in plan.not_duplicates
        for side, record_id in zip((Side.PROCORE, Side.FOURHSE), pair, strict=True)
    }
    return plan.left_to_backfills - apart


def _close_settled(unit: Unit, inputs: CycleInputs, plan: Plan) -> None:
    """What an earlier backfill asked about a record that this one looked at, and asks no more."""
    inbox, key = unit.inbox(inputs.route.key), inputs.route.key
    asked = {item.key for item in (*plan.items, *inputs.settled.items)} | set(plan.answers_in_use)
    over = [
        entry
        for entry in inbox.asked_by_backfills()
        if entry.item.key not in asked and entry.item.refs.isdisjoint(plan.unknown) and _is_looked_at(plan, entry.item)
    ]
    if over:
        keys = [entry.item.key for entry in over]
        inbox.close(*keys)
        settle_decisions(unit, key, keys)


def _is_looked_at(plan: Plan, item: Item) -> bool:
    """Whether each incident of the question has a place in the plan's count, and is not left out of it."""
    places = [plan.statuses.get(ref.side, {}).get(ref.id) for ref in item.refs if ref.kind is Kind.INCIDENT]
    return bool(places) and all(place not in (None, SyncStatus.EXCLUDED) for place in places)


def _keep_links(unit: Unit, key: str, name: str, linked: Sequence[Link]) -> None:
    links = unit.links(key)
    for link in linked if links.removed() else ():
        links.settle_removed(link.procore_id, link.fourhse_id, same=True)
    links.join_all(linked)
    unit.routes.save(key, name, ever_linked=True)
    _close_answers(unit, key, linked)


def _close_answers(unit: Unit, key: str, linked: Iterable[Link]) -> None:
    """What a person said to be one is one from here on."""
    told = {each for each, decision in unit.inbox(key).decisions().items() if decision.verb == "approve"}
    asked = (QuestionKey.match(record) for link in linked for record in link.refs)
    if told and (done := [each for each in asked if each in told]):
        unit.inbox(key).close(*done)
        settle_decisions(unit, key, done)


def _keep_differences(unit: Unit, key: str, plan: Plan) -> None:
    """What a person called two different incidents stays two."""
    links = unit.links(key)
    for pair in plan.not_duplicates:
        links.tell_apart(*pair)
        links.settle_removed(*pair, same=False)


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


def linked_with_people(read: Begin, key: str, plan: Plan, created: Collection[RecordRef]) -> Incidents:
    """The incidents that a carried out plan linked, made or gave an injury, and below which records stand."""
    linked = {action.source_id for action in plan.actions if (action.act, action.kind) == (Act.LINK, Kind.INCIDENT)}
    replaced = {action.parent for action in plan.actions if action.predecessor}
    if not (linked or replaced or created):
        return {}
    made = {side: [record.id for record in created if record.side is side] for side in Side}
    with read() as unit:
        links = unit.links(key)
        partners = links.procore_of(made[Side.FOURHSE]).values()
        return links.with_records_below({*filter(None, linked | replaced), *made[Side.PROCORE], *partners})


def close_guards(begin: Begin, key: str, plan: Plan, done: Pushed) -> Plan:
    """What a push leaves of the questions about the route: approvals that are carried out are over."""
    if plan.stop is None and not any(each.guarded for each in plan.answers_in_use):
        return plan
    with begin() as unit:
        _close_approvals(unit, key, plan, done)
        return _close_first_meeting(unit, key, plan)


def _close_approvals(unit: Unit, key: str, plan: Plan, done: Pushed) -> None:
    """Approvals of held actions are over when nothing of the plan was put off or refused, and nothing new is asked."""
    asked = {item.key for item in plan.items}
    over = [each for each in plan.answers_in_use if each.guarded in OF_ACTIONS and each not in asked]
    if not (done.put_off or done.refused):
        unit.inbox(key).close(*over)
        settle_decisions(unit, key, over)


def _close_first_meeting(unit: Unit, key: str, plan: Plan) -> Plan:
    """A first meeting is over with its first link: what came up since it was approved crosses in the next cycle."""
    left = tuple(item for item in plan.items if item.key != FIRST_MEETING)
    if len(left) == len(plan.items) or not unit.routes.get(key).ever_linked:
        return plan
    unit.inbox(key).close(FIRST_MEETING)
    return replace(plan, items=left, stop=next((item.reason for item in left if item.kind is ItemKind.GUARD), None))


def _accept(unit: Unit, inputs: CycleInputs, plan: Plan) -> None:
    """Scope, zone and mapping in force become what the route remembers, unless a guard still asks about them."""
    route = inputs.route
    if HELD_AS_A_WHOLE.isdisjoint(item.key for item in plan.items if item.kind is ItemKind.GUARD):
        facts = {"scope": route.scope, "zone": inputs.zone, "mapping": route.mapping.digest}
        unit.routes.save(route.key, route.name, **facts)


def drop_old_cycles(runtime: Runtime, route: str, apis: Iterable[IncidentApi]) -> None:
    """A few of the oldest go after each cycle, so that their number does not grow; failing costs no report."""
    dates = [api.server_date for api in apis if api.server_date]
    if runtime.keep_cycles is None or not dates:
        return
    try:
        with runtime.store.read() as unit:  # Old by the vendors' clocks too: ours may run ahead for a while.
            old = unit.cycles.old(route, min(unit.now, *dates) - runtime.keep_cycles, at_most=AT_ONCE)
        if old:
            with runtime.store.begin() as unit:
                unit.cycles.drop(old)
    except SyncError as error:
        log.warning("cycle.old_ones_kept", error=error)


def require_all_counted(seen: Snapshot, decided: Plan) -> None:
    """Raises SyncError unless every record that is listed stands in a place of the count."""
    for side in Side:
        listed = {record.id for record in seen.records[side].values() if record.presence is Presence.PRESENT}
        if unplaced := listed - decided.statuses[side].keys():
            raise SyncError(f"{len(unplaced)} {side.label} incidents were counted nowhere; please report this.")
