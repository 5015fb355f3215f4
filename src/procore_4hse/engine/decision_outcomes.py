"""What became of answers whose questions a cycle closed: told from what the store holds by then."""

from __future__ import annotations

from collections.abc import Collection

from procore_4hse.models import Kind, Link, LinkState, QuestionKey, RecordRef, Side
from procore_4hse.push.steps import answered_by
from procore_4hse.store.decisions import KeptDecision, Outcome
from procore_4hse.store.journal import Intent
from procore_4hse.store.repository import Unit

GONE = "its cause was gone before it could be carried out"
DONE = ("done", "adopted")


def settle_decisions(unit: Unit, route: str, closed: Collection[QuestionKey]) -> None:
    """Writes down whether each answer to these questions was carried out, or lost its cause first."""
    decisions = unit.decisions(route)
    for decision in decisions.in_force(closed):
        write = _write(unit, route, decision)
        if write is not None or _is_carried_out(unit, route, decision):
            decisions.end([decision.key], Outcome.CARRIED_OUT, write_id=write.id if write else None)
        else:
            decisions.end([decision.key], Outcome.VOID, words=GONE)


def _write(unit: Unit, route: str, decision: KeptDecision) -> Intent | None:
    """A write since then that answered the question, as one whose answer was lost and that recovery found."""
    ids = [part for part in _record_ids(decision.key) if part]
    for intent in unit.journal(route).story(*ids):
        answers = (QuestionKey.refused(intent.action), *answered_by(intent.action))
        if intent.made_at >= decision.made_at and intent.outcome in DONE and decision.key in answers:
            return intent
    return None


def _record_ids(key: QuestionKey) -> tuple[str, ...]:
    """The ids under which the journal may know the record of a question."""
    if key.topic == "refused":
        return (key.split(":")[4],)
    return (key.record.id,) if key.record is not None else ()


def _is_carried_out(unit: Unit, route: str, decision: KeptDecision) -> bool:
    """Whether what was answered is so, where nothing had to be written for it."""
    topic, record, verb = decision.key.topic, decision.key.record, decision.choice["verb"]
    was_in_use = decision.outcome is Outcome.IN_USE
    if record is not None and record.kind is Kind.DIRECTORY:
        return _is_about_somebody_settled(unit, route, decision) or was_in_use
    if topic == "match" and record is not None:
        return _is_matched(unit, route, decision, record) or (verb == "reject" and was_in_use)
    if topic in ("guard", "accident"):
        return was_in_use
    link = _link_of(unit, route, decision.key)
    return link is not None and _is_left_so(link, decision)


def _is_about_somebody_settled(unit: Unit, route: str, decision: KeptDecision) -> bool:
    """Whether the partner is remembered; two people who are left as they are need nothing."""
    partner, record = decision.choice["with_id"], decision.key.record
    if partner is None or record is None:
        return decision.choice["verb"] == "reject" and decision.key.topic == "difference"
    known = unit.routes.get(route).memory.partners.items()
    return any(partner in pair for pair in known)


def _is_matched(unit: Unit, route: str, decision: KeptDecision, record: RecordRef) -> bool:
    """Whether the two are linked, or called different, as was said."""
    links, partner = unit.links(route), decision.choice["with_id"]
    if partner is None:
        return any(record.id in pair for pair in links.not_duplicates())
    link = links.find(record)
    return link is not None and link.id_on(record.side.other) == partner


def _link_of(unit: Unit, route: str, key: QuestionKey) -> Link | None:
    """The link that a question is about; of a loss the key names the side's own record."""
    if key.topic == "refused":
        _, _, side, kind, record_id, _ = key.split(":", 5)
        return unit.links(route).find(RecordRef(Side(side), Kind(kind).on(Side(side)), record_id))
    return unit.links(route).find(key.record) if key.record is not None else None


def _is_left_so(link: Link, decision: KeptDecision) -> bool:
    """Whether the link shows what needs no write: a base left by a person's answer, or a deletion that is settled."""
    topic, verb = decision.key.topic, decision.choice["verb"]
    if topic == "missing":
        return link.state is not LinkState.LIVE
    if topic == "deletion":
        return verb == "reject" and not decision.choice["restore"] and link.state is LinkState.IGNORED
    base = link.base.get(decision.key.rpartition(":")[2])
    return base is not None and base.settled
