"""A person's no to deletions that a guard holds."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

from procore_4hse.mapping.loader import load
from procore_4hse.models import Act, Action, Decision, Kind, Link, LinkState, QuestionKey, Side, SyncStatus
from procore_4hse.reconcile.approval import signature
from procore_4hse.reconcile.guard import guarded
from procore_4hse.reconcile.snapshot import Limits, Plan, Record, Snapshot, Transition

MAPPING = load(Path(__file__).parents[2] / "mappings" / "default")
LINKS = tuple(Link(number, f"site-{number}", f"office-{number}") for number in range(3))


def delete(link: Link) -> Action:
    return Action(Act.DELETE, Side.PROCORE, Kind.INCIDENT, link.procore_id, link.fourhse_id, "deleted in 4HSE")


def snapshot(*rejected: Link) -> Snapshot:
    """A route that may delete one incident in a cycle, where a person said no to these deletions."""
    key = QuestionKey.guard("deletes", Side.PROCORE)
    decision = Decision(1, key, "reject", seen={"held": [signature(delete(link)) for link in rejected]})
    return Snapshot(
        mapping=MAPPING,
        zone="Etc/UTC",
        since=date(2026, 1, 1),
        now=datetime(2026, 3, 1, tzinfo=UTC),
        records={side: {link.id_on(side): Record(side, link.id_on(side), {}) for link in LINKS} for side in Side},
        links=LINKS,
        limits=Limits(max_deletes=1),
        decisions={key: decision} if rejected else {},
        ever_linked=True,
    )


def plan(*deleted: Link) -> Plan:
    return Plan(
        actions=tuple(delete(link) for link in deleted),
        transitions=tuple(
            Transition(link, LinkState.GONE_FOURHSE, "deleted in 4HSE", Side.FOURHSE, "proof") for link in deleted
        ),
        statuses={Side.PROCORE: {link.procore_id: SyncStatus.WAITING for link in deleted}, Side.FOURHSE: {}},
    )


def test_rejected_deletions_do_not_happen_and_their_links_are_left_alone() -> None:
    found = guarded(plan(*LINKS), snapshot(*LINKS))
    assert (found.actions, found.held, found.items, found.stop) == ((), (), (), None)
    assert [(each.link, each.state, each.evidence) for each in found.transitions] == [
        (link, LinkState.IGNORED, "proof") for link in LINKS
    ]
    assert found.population(Side.PROCORE)["excluded"] == 3


def test_a_no_covers_only_what_was_shown() -> None:
    found = guarded(plan(*LINKS), snapshot(LINKS[0], LINKS[1]))
    assert found.actions == (delete(LINKS[2]),)
    assert [each.state for each in found.transitions] == [
        LinkState.IGNORED,
        LinkState.IGNORED,
        LinkState.GONE_FOURHSE,
    ]


def test_without_an_answer_they_are_held() -> None:
    found = guarded(plan(*LINKS), snapshot())
    assert found.actions == ()
    assert len(found.held) == 3
    assert {each.state for each in found.transitions} == {LinkState.GONE_FOURHSE}
