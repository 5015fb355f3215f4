"""Limits as filters over a plan: what is too much, too empty or too changed waits for a person."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from procore_4hse.models import (
    Act,
    Action,
    Decision,
    Item,
    ItemKind,
    Kind,
    Link,
    LinkState,
    QuestionKey,
    Side,
    SyncStatus,
)
from procore_4hse.reconcile import items
from procore_4hse.reconcile.snapshot import Plan, Presence, Snapshot, signature

FIRST_MEETING, SCOPE, ZONE, MAPPING = map(QuestionKey.guard, ("first-meeting", "scope", "zone", "mapping"))
GO_ON = "Look at what is held with: procore-4hse inbox show ID. To let it happen: procore-4hse inbox approve ID"
AFTER_A_CHANGE = (
    "Say what holds with: procore-4hse inbox approve ID --use procore|4hse|base. With procore, its values are written "
    "to 4HSE. With 4hse, its values are written to Procore. With base, both sides stay as they are until one is edited."
)


def guarded(plan: Plan, snapshot: Snapshot) -> Plan:
    """The same plan without what must not happen yet, with one item for each reason."""
    restored = (partial(_regressed, side) for side in Side)
    guards: tuple[Whole, ...] = (_first_meeting, _emptied, *restored, _changed_scope, _changed_zone, _changed_mapping)
    for whole in guards:
        held_by = whole(plan, snapshot)
        if isinstance(held_by, Item):
            return _hold_all(plan, held_by)
        if held_by is not None:
            plan = replace(plan, answers_in_use=(*plan.answers_in_use, held_by))
    for side in Side:
        for act, limit in ((Act.DELETE, _deletes), (Act.UPDATE, _updates), (Act.CREATE, _creates)):
            plan = _hold_over_limit(plan, snapshot, side, act, limit)
    return plan


# Guards that hold everything -------------------------------------------------------------------------------------


Found = Item | QuestionKey | None
"""What is asked, or the key of the answer that allows it for as long as its cause lasts."""
Whole = Callable[[Plan, Snapshot], Found]


def _first_meeting(plan: Plan, snapshot: Snapshot) -> Found:
    if snapshot.ever_linked or snapshot.meeting_approved or snapshot.only_days or not plan.actions:
        return None
    inside = {side: _in_scope(plan, side) for side in Side}
    creates = {side: len(_of(plan, side, Act.CREATE)) for side in Side}
    if not all(inside.values()) and max(creates.values()) <= snapshot.limits.max_creates:
        return None
    pairs = len([action for action in plan.actions if action.act is Act.LINK])
    doubts = len([item for item in plan.items if item.kind is ItemKind.MATCH])
    reason = (
        f"First meeting: Procore holds {inside[Side.PROCORE]} incidents in scope and 4HSE {inside[Side.FOURHSE]}. "
        f"{pairs} are clearly the same, {doubts} are doubtful, {creates[Side.PROCORE]} would be created in Procore "
        f"and {creates[Side.FOURHSE]} in 4HSE. Nothing was written."
    )
    advice = "Read it with: procore-4hse plan. To let it happen: procore-4hse inbox approve ID, or sync --first"
    return items.guard(FIRST_MEETING, reason, advice, plan.actions, creates=creates)


def _in_scope(plan: Plan, side: Side) -> int:
    return len(
        [sync_status for sync_status in plan.statuses.get(side, {}).values() if sync_status is not SyncStatus.EXCLUDED]
    )


def _emptied(plan: Plan, snapshot: Snapshot) -> Found:
    living = [link for link in snapshot.links if link.state is LinkState.LIVE]
    for side in Side:
        if any(record.presence is Presence.PRESENT for record in snapshot.records[side].values()):
            continue
        lost = [link for link in living if _is_absent(snapshot, side, link.id_on(side))]
        if lost and snapshot.certified[side]:
            if _approved(snapshot, key := QuestionKey.guard("emptied", side)):
                return key
            reason = f"{side.label} shows no incident at all any more; {len(lost)} were linked."
            advice = f"See whether our account lost its rights in {side.label}. If it is really empty: inbox approve ID"
            return items.guard(key, reason, advice, plan.actions)
    return None


def _is_absent(snapshot: Snapshot, side: Side, record_id: str) -> bool:
    record = snapshot.record(side, record_id)
    return record is None or record.presence is Presence.ABSENT


def _regressed(side: Side, plan: Plan, snapshot: Snapshot) -> Found:
    links = snapshot.restored_backup.get(side, frozenset())
    decision = snapshot.decisions.get(key := QuestionKey.guard("regress", side))
    if decision is not None and decision.verb == "approve" and links <= set(decision.seen.get("links", ())):
        covered = {link for link, _ in snapshot.reverted.get(side, ())} & set(decision.seen.get("links", ()))
        return key if covered else None
    if not links:
        return None
    reason = (
        f"{side.label} shows old values again on {len(links)} linked records, as after a restored backup: what changed "
        "there since is gone at once."
    )
    advice = (
        "To write again what both sides had agreed on: procore-4hse inbox approve ID --use base; "
        "to take the old values, and what is gone as deleted: --use accept"
    )
    return items.guard(key, reason, advice, plan.actions, links=sorted(links))


def _changed_scope(plan: Plan, snapshot: Snapshot) -> Found:
    if snapshot.changed.scope is None or _approved(snapshot, SCOPE):
        return None
    reason = f"This route's settings changed: they were {snapshot.changed.scope}."
    return items.guard(SCOPE, reason, f"If that is meant: inbox approve ID. {GO_ON}", plan.actions)


def _changed_zone(plan: Plan, snapshot: Snapshot) -> Found:
    if snapshot.changed.zone is None or _approved(snapshot, ZONE):
        return None
    reason = (
        f"The project's time zone was {snapshot.changed.zone} and is now {snapshot.zone}; days may read differently."
    )
    advice = "If that is right: procore-4hse inbox approve ID; the days on both sides then stay as they stand."
    return items.guard(ZONE, reason, advice, plan.actions)


def _changed_mapping(plan: Plan, snapshot: Snapshot) -> Found:
    if snapshot.changed.mapping is None:
        return None
    drifted = [item for item in plan.items if item.kind is ItemKind.DRIFT]
    if not drifted:
        return None
    if snapshot.drift_winner is not None:  # What still differs cannot be written on the other side: each is asked.
        return MAPPING
    named = {item.field for item in drifted}
    labels = ", ".join(sorted(row.label for row in snapshot.mapping.by_key.values() if row.key in named))
    pairs = len({item.procore_id for item in drifted})
    counted = "1 linked incident" if pairs == 1 else f"{pairs} linked incidents"
    reason = f"The mapping changed, and {counted} that agreed would now differ in: {labels}."
    return items.guard(MAPPING, reason, AFTER_A_CHANGE, plan.actions, pairs=pairs)


def _hold_all(plan: Plan, item: Item) -> Plan:
    """Nothing happens: no action, no new base, no change of state. What is asked besides stays asked."""
    kept = tuple(i for i in plan.items if not (item.key == MAPPING and i.kind is ItemKind.DRIFT))
    kept = () if item.key == FIRST_MEETING else kept
    if item.key.guarded in ("emptied", "regress"):
        kept = tuple(i for i in kept if i.kind not in (ItemKind.MISSING, ItemKind.DELETION))
    return replace(
        plan,
        actions=(),
        rebases=(),
        transitions=(),
        not_duplicates=(),
        items=(*kept, item),
        held=plan.actions,
        stop=item.reason,
        statuses=_waiting(plan, plan.actions),
    )


# Limits that hold their own kind on their side -------------------------------------------------------------------

Limit = Callable[[Plan, Snapshot, Side, tuple[Action, ...]], str | None]


def _hold_over_limit(plan: Plan, snapshot: Snapshot, side: Side, act: Act, limit: Limit) -> Plan:
    key = QuestionKey.guard(f"{act.value}s", side)
    decision = snapshot.decisions.get(key)
    if act is Act.DELETE and decision is not None and decision.verb == "reject":
        plan = _without_rejected(plan, side, decision)
    wanted = tuple(a for a in _of(plan, side, act) if a.kind is Kind.INCIDENT or act is Act.DELETE)
    free = tuple(action for action in wanted if _is_approved(snapshot, action, decision))
    counted = tuple(action for action in wanted if action not in free)
    reason = limit(plan, snapshot, side, counted)
    answers_in_use = (*plan.answers_in_use, key) if free and decision else plan.answers_in_use
    if reason is None:
        return replace(plan, answers_in_use=answers_in_use)
    item = items.guard(key, reason, GO_ON, counted)
    kept = tuple(action for action in plan.actions if action not in counted)
    return replace(
        plan,
        actions=kept,
        items=(*plan.items, item),
        held=(*plan.held, *counted),
        answers_in_use=answers_in_use,
        stop=plan.stop or reason,
        statuses=_waiting(plan, counted),
    )


def _without_rejected(plan: Plan, side: Side, decision: Decision) -> Plan:
    """Deletions that a person rejected do not happen: the survivors are kept and left alone from now on."""
    rejected = [each for each in _of(plan, side, Act.DELETE) if signature(each) in decision.seen.get("held", ())]
    kept = {(action.kind, action.target_id) for action in rejected}
    left_out = {action.target_id or "": SyncStatus.EXCLUDED for action in rejected if action.kind is Kind.INCIDENT}
    return replace(
        plan,
        actions=tuple(action for action in plan.actions if action not in rejected),
        transitions=tuple(
            replace(change, state=LinkState.IGNORED, reason="a person keeps the survivor")
            if (change.link.kind, change.link.id_on(side)) in kept
            else change
            for change in plan.transitions
        ),
        statuses={**plan.statuses, side: {**plan.statuses.get(side, {}), **left_out}},
    )


def _is_approved(snapshot: Snapshot, action: Action, decision: Decision | None) -> bool:
    if decision is not None and decision.verb == "approve" and signature(action) in decision.seen.get("held", ()):
        return True
    if action.act is Act.CREATE:
        return snapshot.meeting_approved or snapshot.only_days is not None
    if action.act is Act.UPDATE:
        return snapshot.drift_winner is not None
    link = Link(0, action.id_on(Side.PROCORE), action.id_on(Side.FOURHSE), kind=action.kind)
    own = snapshot.decisions.get(QuestionKey.deletion(link, action.side.other))
    return action.act is Act.DELETE and own is not None and own.verb == "approve"


def _deletes(plan: Plan, snapshot: Snapshot, side: Side, counted: tuple[Action, ...]) -> str | None:
    limits, links = snapshot.limits, _links(snapshot)
    if len(counted) > limits.max_deletes:
        return (
            f"{len(counted)} incidents would be deleted in {side.label}; the limit max_deletes is {limits.max_deletes}."
        )
    return _over_share(
        "deleted", "max_delete_percent", limits.max_delete_percent, len(counted), links, side, limits.percent_from
    )


def _updates(plan: Plan, snapshot: Snapshot, side: Side, counted: tuple[Action, ...]) -> str | None:
    limits = snapshot.limits
    linked_now = {action.target_id for action in plan.actions if action.act is Act.LINK}
    linked_now |= {action.source_id for action in plan.actions if action.act is Act.LINK}
    many = len([action for action in counted if action.target_id not in linked_now])
    return _over_share(
        "updated", "max_change_percent", limits.max_change_percent, many, _links(snapshot), side, limits.percent_from
    )


def _creates(plan: Plan, snapshot: Snapshot, side: Side, counted: tuple[Action, ...]) -> str | None:
    limit = snapshot.limits.max_creates
    if len(counted) <= limit:
        return None
    return f"{len(counted)} incidents would be created in {side.label}; the limit max_creates is {limit}."


def _over_share(what: str, name: str, percent: int, many: int, links: int, side: Side, least: int) -> str | None:
    if links < least or many * 100 <= percent * links:
        return None
    return f"{many} of {links} linked incidents would be {what} in {side.label}; the limit {name} is {percent} %."


def _links(snapshot: Snapshot) -> int:
    return len([link for link in snapshot.links if link.state is not LinkState.ENDED])


def _of(plan: Plan, side: Side, act: Act) -> tuple[Action, ...]:
    return tuple(action for action in plan.actions if action.side is side and action.act is act)


def _approved(snapshot: Snapshot, key: QuestionKey) -> bool:
    decision = snapshot.decisions.get(key)
    return decision is not None and decision.verb == "approve"


def _waiting(plan: Plan, held: tuple[Action, ...]) -> dict[Side, dict[str, SyncStatus]]:
    statuses = {side: dict(known) for side, known in plan.statuses.items()}
    held_incidents = {record for action in held for record in action.refs if record.kind is Kind.INCIDENT}
    for record in held_incidents:
        if record.id in statuses.get(record.side, {}):
            statuses[record.side][record.id] = SyncStatus.WAITING
    return statuses
