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
    LinkState,
    QuestionKey,
    Side,
    SyncStatus,
)
from procore_4hse.reconcile import items
from procore_4hse.reconcile.approval import (
    FIRST_MEETING,
    MAPPING,
    SCOPE,
    ZONE,
    approved_actions,
    approved_by_guards,
    cause_of,
    is_about_links,
    is_approved,
    mapping_choice,
    signature,
    stands,
)
from procore_4hse.reconcile.snapshot import Plan, Presence, Snapshot

GO_ON = "Look at what is held with: procore-4hse inbox show ID. To let it happen: procore-4hse inbox approve ID"
AFTER_A_CHANGE = (
    "Say what holds with: procore-4hse inbox approve ID --use procore|4hse|base. With procore, its values are written "
    "to 4HSE. With 4hse, its values are written to Procore. With base, both sides stay as they are until one is edited."
)
ABOUT_ALL = frozenset(("emptied", "regress", "scope", "zone", "mapping"))
"""Guards that let nothing go on that nobody has seen; a first meeting is over with its first link."""
MOVED = "What was approved goes on; since then {} came up that nobody has seen yet."


def guarded(plan: Plan, snapshot: Snapshot) -> Plan:
    """The same plan without what must not happen yet, with one item for each reason."""
    restored = (partial(_regressed, side) for side in Side)
    guards: tuple[Guard, ...] = (_first_meeting, _emptied, *restored, _changed_scope, _changed_zone, _changed_mapping)
    for guard in guards:
        question = guard(plan, snapshot)
        if question is None:
            continue
        decision = snapshot.decisions.get(question.key)
        if decision is None or not stands(decision, question.facts["cause"]):
            return _hold_all(plan, question)
        plan = _hold_what_is_new(plan, snapshot, question, decision)
    plan = _keep_answers(plan, snapshot)
    for side in Side:
        for act, limit in ((Act.DELETE, _deletes), (Act.UPDATE, _updates), (Act.CREATE, _creates)):
            plan = _hold_over_limit(plan, snapshot, side, act, limit)
    return plan


def holds_what_comes(decided: Plan) -> bool:
    """Whether it is asked about the route as a whole: what comes of this plan waits for the answer too."""
    return any(item.key.guarded in ABOUT_ALL for item in decided.items)


# Guards that hold everything -------------------------------------------------------------------------------------


Guard = Callable[[Plan, Snapshot], Item | None]
"""What is asked, as it stands now; None when there is nothing to ask. Whether it was approved is seen to elsewhere."""


def _first_meeting(plan: Plan, snapshot: Snapshot) -> Item | None:
    if snapshot.ever_linked or snapshot.meeting_approved or snapshot.only_days or not plan.actions:
        return None
    inside = {side: _in_scope(plan, side) for side in Side}
    creates = {side: len(_of(plan, side, Act.CREATE)) for side in Side}
    if not all(inside.values()) and max(creates.values()) <= snapshot.limits.max_creates:
        return None
    pairs = len([action for action in plan.actions if action.act is Act.LINK])
    doubts = len([item for item in plan.items if item.kind is ItemKind.MATCH])
    reason = (
        f"First meeting: Procore holds {items.many(inside[Side.PROCORE], 'incident', 'incidents')} to compare, and "
        f"4HSE {inside[Side.FOURHSE]}. Clearly the same: {pairs}. Doubtful: {doubts}. To be created in "
        f"Procore: {creates[Side.PROCORE]}; in 4HSE: {creates[Side.FOURHSE]}. Nothing was written."
    )
    advice = "Read it with: procore-4hse plan. To let it happen: procore-4hse inbox approve ID, or sync --first"
    return items.guard(FIRST_MEETING, reason, advice, plan.actions, {}, creates=creates)


def _in_scope(plan: Plan, side: Side) -> int:
    return len(
        [sync_status for sync_status in plan.statuses.get(side, {}).values() if sync_status is not SyncStatus.EXCLUDED]
    )


def _emptied(plan: Plan, snapshot: Snapshot) -> Item | None:
    living = [link for link in snapshot.links if link.state is LinkState.LIVE]
    for side in Side:
        if snapshot.unchanged or any(one.presence is Presence.PRESENT for one in snapshot.records[side].values()):
            continue
        lost = sorted(link.key for link in living if _is_absent(snapshot, side, link.id_on(side)))
        if lost and snapshot.certified[side]:
            reason = f"{side.label} shows no incident at all any more; {_were(len(lost))} linked."
            advice = f"See whether our account lost its rights in {side.label}. If it is really empty: inbox approve ID"
            return items.guard(QuestionKey.guard("emptied", side), reason, advice, plan.actions, {"links": lost})
    return None


def _were(count: int) -> str:
    return f"{count} {'was' if count == 1 else 'were'}"


def _is_absent(snapshot: Snapshot, side: Side, record_id: str) -> bool:
    record = snapshot.record(side, record_id)
    return record is None or record.presence is Presence.ABSENT


def _regressed(side: Side, plan: Plan, snapshot: Snapshot) -> Item | None:
    links = snapshot.restored_backup.get(side)
    if not links:
        return None
    reason = (
        f"{side.label} shows old values again on {items.many(len(links), 'linked record', 'linked records')}, as after "
        "a restored backup: what changed there since is gone at once."
    )
    advice = (
        "To write again what both sides had agreed on: procore-4hse inbox approve ID --use base; "
        "to take the old values, and what is gone as deleted: --use accept"
    )
    cause = {"links": sorted(links)}
    return items.guard(QuestionKey.guard("regress", side), reason, advice, plan.actions, cause)


def _changed_scope(plan: Plan, snapshot: Snapshot) -> Item | None:
    change = snapshot.changed.scope
    if change is None:
        return None
    reason = f"This route's settings changed. They were: {change.old}. They are now: {change.new}."
    return items.guard(SCOPE, reason, f"If that is meant: inbox approve ID. {GO_ON}", plan.actions, cause_of(change))


def _changed_zone(plan: Plan, snapshot: Snapshot) -> Item | None:
    change = snapshot.changed.zone
    if change is None:
        return None
    reason = f"The project's time zone was {change.old} and is now {change.new}; days may read differently."
    advice = "If that is right: procore-4hse inbox approve ID; the days on both sides then stay as they stand."
    return items.guard(ZONE, reason, advice, plan.actions, cause_of(change))


def _changed_mapping(plan: Plan, snapshot: Snapshot) -> Item | None:
    change, choice = snapshot.changed.mapping, mapping_choice(snapshot)
    if change is None:
        return None
    # What was counted and still differs cannot be written on the other side: each of those is asked by itself.
    counted = choice.differences if choice else frozenset()
    first = _first_differences(plan, snapshot)
    drifted = [item for item in (*filter(_is_of_records, plan.items), *first) if item.key not in counted]
    if not drifted:
        return None
    named = {item.field for item in drifted}
    labels = ", ".join(sorted(row.label for row in snapshot.mapping.by_key.values() if row.key in named))
    pairs = len({item.procore_id for item in drifted})
    how_many = items.many(pairs, "linked incident", "linked incidents")
    who = how_many if first else f"{how_many} that agreed"
    reason = f"The mapping changed, and {who} would now differ in: {labels}."
    shown = {"pairs": pairs, "differences": sorted(item.key for item in drifted)}
    return items.guard(MAPPING, reason, AFTER_A_CHANGE, plan.actions, cause_of(change), **shown)


def _first_differences(plan: Plan, snapshot: Snapshot) -> tuple[Item, ...]:
    """The conflicts about rows that no link has compared yet, when there are several: a row that was added now."""
    asked = [item for item in plan.items if item.kind is ItemKind.CONFLICT and item.key.topic == "difference"]
    if len(asked) < 2:
        return ()
    links = (*snapshot.links, *(link for links in snapshot.people.links.values() for link in links))
    compared = frozenset(key for link in links for key in link.base)
    first = tuple(item for item in asked if item.field not in compared)
    return first if len({(item.procore_id, item.fourhse_id) for item in first}) > 1 else ()


def _hold_what_is_new(plan: Plan, snapshot: Snapshot, question: Item, decision: Decision) -> Plan:
    """What was shown and approved goes on; what came up since is asked in the same question."""
    shown = approved_actions(decision)
    new = tuple(
        action
        for action in plan.actions
        if signature(action) not in shown and not _is_brought_about(snapshot, question.key, decision, action)
    )
    plan = replace(plan, answers_in_use=(*plan.answers_in_use, question.key))
    is_counted_anew = question.key == MAPPING
    if not new and not is_counted_anew:
        return plan
    # What was approved before stays in the question, so that the next answer does not take that approval back.
    facts = {**question.facts, "held": [signature(action) for action in plan.actions]}
    facts["actions"] = [items.summary(action) for action in new]
    if is_counted_anew:
        facts["differences"] = sorted({*question.facts["differences"], *decision.seen.get("differences", ())})
    many = items.many(len(new), "change", "changes")
    reason = question.reason if is_counted_anew else f"{question.reason} {MOVED.format(many)}"
    return _held_back(plan, replace(question, reason=reason, facts=facts), new)


def _is_brought_about(snapshot: Snapshot, key: QuestionKey, decision: Decision, action: Action) -> bool:
    """Whether this action is what the answer itself asked for: then it could not be on display before."""
    if key == MAPPING:
        choice = mapping_choice(snapshot)
        return choice is not None and choice.carries(action)
    return key.guarded == "regress" and is_about_links(decision, action)


def _keep_answers(plan: Plan, snapshot: Snapshot) -> Plan:
    """Approvals stay for as long as something that they cover is still to be done, across cycles."""
    planned = frozenset(map(signature, plan.actions))
    in_use = [key for key in snapshot.decisions if key.guarded and _is_needed(planned, snapshot, key)]
    return replace(plan, answers_in_use=(*plan.answers_in_use, *(k for k in in_use if k not in plan.answers_in_use)))


def _is_needed(planned: frozenset[str], snapshot: Snapshot, key: QuestionKey) -> bool:
    decision = snapshot.decisions[key]
    if not is_approved(decision):
        return False
    if key == MAPPING and mapping_choice(snapshot) is not None:
        return True
    if key.guarded == "regress":
        side = Side(key.rpartition(":")[2])
        return bool({link for link, _ in snapshot.reverted.get(side, ())} & _links_shown(decision))
    return not planned.isdisjoint(approved_actions(decision))


def _links_shown(decision: Decision) -> set[str]:
    return set(decision.seen.get("cause", {}).get("links", ()))


def _held_back(plan: Plan, item: Item, held: tuple[Action, ...]) -> Plan:
    """The plan without these actions, which wait for the answer to this item."""
    asked = set(item.facts.get("differences", ()))
    # By identity: comparing thousands of actions value by value would take minutes.
    waiting = set(map(id, held))
    return replace(
        plan,
        actions=tuple(action for action in plan.actions if id(action) not in waiting),
        items=(*(each for each in plan.items if each.key not in asked), item),
        held=(*plan.held, *held),
        stop=plan.stop or item.reason,
        statuses=_waiting(plan, held),
    )


def _is_of_records(item: Item) -> bool:
    """Whether two records drifted apart; two people whom the lists tell apart are asked about for themselves."""
    return item.kind is ItemKind.DRIFT and item.who is None


def _hold_all(plan: Plan, item: Item) -> Plan:
    """Nothing happens: no action, no new base, no change of state. What is asked besides stays asked."""
    counted = item.facts.get("differences", ())
    kept = tuple(i for i in plan.items if not (item.key == MAPPING and (_is_of_records(i) or i.key in counted)))
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
    approved = approved_by_guards(snapshot)
    counted = tuple(each for each in wanted if not (signature(each) in approved or _is_exempt(snapshot, each)))
    reason = limit(plan, snapshot, side, counted)
    return plan if reason is None else _held_back(plan, items.guard(key, reason, GO_ON, counted, {}), counted)


def _without_rejected(plan: Plan, side: Side, decision: Decision) -> Plan:
    """Deletions that a person rejected do not happen: the survivors are kept and left alone from now on."""
    named = frozenset(decision.seen.get("held", ()))
    rejected = [each for each in _of(plan, side, Act.DELETE) if signature(each) in named]
    left = set(map(id, rejected))
    kept = {(action.kind, action.target_id) for action in rejected}
    left_out = {action.id_on(side): SyncStatus.EXCLUDED for action in rejected if action.kind is Kind.INCIDENT}
    return replace(
        plan,
        actions=tuple(action for action in plan.actions if id(action) not in left),
        transitions=tuple(
            replace(change, state=LinkState.IGNORED, reason="a person keeps the survivor")
            if (change.link.kind, change.link.id_on(side)) in kept
            else change
            for change in plan.transitions
        ),
        statuses={**plan.statuses, side: {**plan.statuses.get(side, {}), **left_out}},
    )


def _is_exempt(snapshot: Snapshot, action: Action) -> bool:
    """Whether no limit counts this action: a person asked for it otherwise than by approving held ones."""
    if action.act is Act.CREATE:
        return snapshot.meeting_approved or snapshot.only_days is not None
    if action.act is Act.UPDATE:
        choice = mapping_choice(snapshot)
        return choice is not None and choice.winner is not None and choice.carries(action)
    if action.successor is not None:
        return True
    own = snapshot.decisions.get(QuestionKey.deletion(action.link, action.side.other))
    return action.act is Act.DELETE and is_approved(own)


def _deletes(plan: Plan, snapshot: Snapshot, side: Side, counted: tuple[Action, ...]) -> str | None:
    limits, links = snapshot.limits, _links(snapshot)
    if len(counted) > limits.max_deletes:
        return (
            f"{items.many(len(counted), 'record', 'records')} would be deleted in {side.label}; "
            f"more than {limits.max_deletes} need your approval (max_deletes)."
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
    count = items.many(len(counted), "incident", "incidents")
    return f"{count} would be created in {side.label}; more than {limit} need your approval (max_creates)."


def _over_share(what: str, name: str, percent: int, many: int, links: int, side: Side, least: int) -> str | None:
    if links < least or many * 100 <= percent * links:
        return None
    told = f"{many} of {links} linked incidents would be {what} in {side.label}"
    return f"{told}; more than {percent} % need your approval ({name})."


def _links(snapshot: Snapshot) -> int:
    return snapshot.unchanged + len([link for link in snapshot.links if link.state is not LinkState.ENDED])


def _of(plan: Plan, side: Side, act: Act) -> tuple[Action, ...]:
    return tuple(action for action in plan.actions if action.side is side and action.act is act)


def _waiting(plan: Plan, held: tuple[Action, ...]) -> dict[Side, dict[str, SyncStatus]]:
    statuses = {side: dict(known) for side, known in plan.statuses.items()}
    held_incidents = {record for action in held for record in action.refs if record.kind is Kind.INCIDENT}
    for record in held_incidents:
        if record.id in statuses.get(record.side, {}):
            statuses[record.side][record.id] = SyncStatus.WAITING
    return statuses
