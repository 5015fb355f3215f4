"""A plan in the making, and where each incident stands in the count."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from procore_4hse.models import Action, Item, Link, LinkState, QuestionKey, RecordRef, Side, SyncStatus
from procore_4hse.reconcile.lifecycle import presence_of
from procore_4hse.reconcile.snapshot import Plan, Presence, Rebase, RecordGroup, Snapshot, Transition

BADNESS = [*SyncStatus].index
"""How bad a place in the count is, compared with others."""


@dataclass
class Draft:
    """A plan in the making."""

    actions: list[Action] = field(default_factory=list)
    items: list[Item] = field(default_factory=list)
    rebases: list[Rebase] = field(default_factory=list)
    transitions: list[Transition] = field(default_factory=list)
    statuses: dict[Side, dict[str, SyncStatus]] = field(default_factory=lambda: {side: {} for side in Side})
    not_duplicates: list[tuple[str, str]] = field(default_factory=list)
    answers_in_use: list[QuestionKey] = field(default_factory=list)
    unknown: set[RecordRef] = field(default_factory=set)
    left_to_backfills: set[RecordRef] = field(default_factory=set)
    settled: set[int] = field(default_factory=set)
    _asked: set[str | None] = field(default_factory=set)
    _looked_at: int = 0

    @property
    def size(self) -> int:
        """How much it holds beside where incidents stand in the count."""
        asked = len(self.items) + len(self.answers_in_use) + len(self.unknown) + len(self.left_to_backfills)
        return asked + len(self.actions) + len(self.rebases) + len(self.transitions) + len(self.not_duplicates)

    @contextmanager
    def noting(self, link: Link) -> Iterator[None]:
        """Whether the plan of this incident's link brings nothing, and both records count as in sync."""
        before = self.size
        yield
        places = {self.statuses[side].get(link.id_on(side)) for side in Side}
        if self.size == before and places == {SyncStatus.IN_SYNC}:
            self.settled.add(link.id)

    def is_asked_about(self, record_id: str) -> bool:
        """Whether a question names this record so far."""
        for item in self.items[self._looked_at :]:
            self._asked |= {item.procore_id, item.fourhse_id}
        self._looked_at = len(self.items)
        return record_id in self._asked

    def take(
        self,
        transition: Transition | None,
        items: Iterable[Item],
        answers_in_use: Iterable[QuestionKey],
        rebases: Iterable[Rebase] = (),
    ) -> None:
        self.items += items
        self.rebases += rebases
        self.answers_in_use += answers_in_use
        if transition is not None:
            self.transitions.append(transition)

    def set_status(self, side: Side, record_id: str, sync_status: SyncStatus) -> None:
        self.statuses[side][record_id] = sync_status

    def worsen(self, side: Side, record_id: str, sync_status: SyncStatus) -> None:
        """A record counts by its worst part."""
        known = self.statuses[side].get(record_id, sync_status)
        self.statuses[side][record_id] = max(known, sync_status, key=BADNESS)

    def done(self) -> Plan:
        return Plan(
            actions=tuple(self.actions),
            items=tuple(_once(self.items)),
            rebases=tuple(self.rebases),
            transitions=tuple(self.transitions),
            statuses=self.statuses,
            not_duplicates=tuple(self.not_duplicates),
            answers_in_use=tuple(self.answers_in_use),
            unknown=frozenset(self.unknown),
            left_to_backfills=frozenset(self.left_to_backfills),
            settled=frozenset(self.settled),
        )


def _once(items: Iterable[Item]) -> Iterator[Item]:
    """What is asked about somebody wherever they are named is one question, with the first incident's headline."""
    asked = set()
    for item in items:
        if item.who is None or item.key not in asked:
            yield item
        asked.add(item.key)


def set_status(draft: Draft, snapshot: Snapshot, group: RecordGroup, link: Link, sync_status: SyncStatus) -> None:
    """A link is counted on each side that still has, or may still have, its record."""
    for side in Side:
        presence = presence_of(snapshot, group, link, side)
        if presence is Presence.GONE or (link.state is LinkState.ENDED and presence is not Presence.PRESENT):
            continue
        draft.worsen(side, link.id_on(side), sync_status)
