"""What the core is given and what it gives back: a route at one moment, and the plan made of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from enum import StrEnum
from functools import cached_property
from typing import Any

from procore_4hse.mapping.picklists import Picklists
from procore_4hse.mapping.rules import Direction, Field, FieldMapping
from procore_4hse.models import (
    Action,
    Base,
    Decision,
    Image,
    Item,
    Kind,
    Link,
    LinkState,
    QuestionKey,
    RecordRef,
    Refusal,
    Side,
    SyncStatus,
)
from procore_4hse.reconcile.match import USUAL, MatchRules


class Presence(StrEnum):
    """What the latest pull says about a record that we know."""

    PRESENT = "present"
    UNSEEN = "unseen"
    """Not listed, but the listing was not certified: it says nothing."""
    ABSENT = "absent"
    """Not in a certified listing; alone no proof of anything."""
    GONE = "gone"
    """Deleted, with evidence."""


@dataclass(frozen=True)
class Record:
    side: Side
    id: str
    image: Image
    presence: Presence = Presence.PRESENT
    private: bool = False
    author: str | None = None
    created_at: str | None = None
    minimal: bool = False
    """Privacy keeps it home: the image holds no contents."""
    evidence: str = ""
    """Why it counts as gone, in words."""
    kind: Kind = Kind.INCIDENT
    is_older: bool = False
    """Its vendor showed a later state of it before."""
    office: str = ""
    """The other office of 4HSE in which it stands now; empty unless it moved there."""

    @cached_property
    def ref(self) -> RecordRef:
        return RecordRef(self.side, self.kind, self.id)


@dataclass(frozen=True)
class RecordGroup:
    """Records of one kind that are compared with each other: a route's incidents, or one incident's injuries."""

    rows: tuple[Field, ...]
    """The mapping's rows for a record of this kind."""
    records: Mapping[Side, Mapping[str, Record]]
    links: tuple[Link, ...] = ()
    parent: Link | None = None
    """The incident whose children these are; None for incidents."""
    title: str | None = None
    """That incident's headline."""

    def record(self, side: Side, record_id: str) -> Record | None:
        return self.records[side].get(record_id)

    @property
    def parent_id(self) -> str | None:
        return self.parent.procore_id if self.parent else None


class Policy(StrEnum):
    ASK = "ask"
    PROPAGATE = "propagate"
    CLOSE = "close"
    IGNORE = "ignore"


@dataclass(frozen=True)
class Limits:
    max_deletes: int = 20
    max_delete_percent: int = 10
    max_change_percent: int = 50
    max_creates: int = 200
    percent_from: int = 20
    """Shares count from this many links up."""


@dataclass(frozen=True)
class Change:
    """A setting as it was when this route was last in order, and as it is."""

    old: str
    new: str


@dataclass(frozen=True)
class Changed:
    """What is no longer as it was when this route was last in order; None when unchanged."""

    scope: Change | None = None
    zone: Change | None = None
    mapping: Change | None = None
    """Digests."""


@dataclass(frozen=True)
class People:
    """Injuries, near misses and involved people, by the incident they belong to on their side.

    `links` are by the incident's Procore id. `certified` says whether every list was read whole in this cycle;
    `uncounted` are incidents whose lists still disagree with their counts.
    """

    records: Mapping[Side, Mapping[str, tuple[Record, ...]]] = field(
        default_factory=lambda: {side: {} for side in Side}
    )
    links: Mapping[str, tuple[Link, ...]] = field(default_factory=dict)
    picklists: Picklists = field(default_factory=Picklists)
    copies: Mapping[str, Side] = field(default_factory=dict)
    """By link key: the side whose record names its person because we wrote it there; the other one's was first."""
    certified: bool = False
    uncounted: frozenset[str] = frozenset()
    further_resources: Mapping[str, tuple[Record, ...]] = field(default_factory=dict)
    """What 4HSE lists beside people and equipment, by its incident: never compared, and yet deleted with it."""


@dataclass(frozen=True)
class Snapshot:
    """One route at one moment, complete: everything that decides the plan."""

    mapping: FieldMapping
    zone: str
    since: date
    now: datetime
    records: Mapping[Side, Mapping[str, Record]]
    links: tuple[Link, ...] = ()
    people: People = field(default_factory=People)
    certified: Mapping[Side, bool] = field(default_factory=lambda: {Side.PROCORE: True, Side.FOURHSE: True})
    direction: Direction = Direction.BOTH
    private: str = "skip"
    deletions: Policy = Policy.ASK
    limits: Limits = Limits()
    match: MatchRules = USUAL
    decisions: Mapping[QuestionKey, Decision] = field(default_factory=dict)
    refusals: Mapping[QuestionKey, Refusal] = field(default_factory=dict)
    pending: frozenset[RecordRef] = frozenset()
    """Records with an unsettled intent: nothing new is planned for them."""
    possibly_ours: frozenset[RecordRef] = frozenset()
    """Unlinked records that an unsettled create may have made."""
    lost: tuple[Action, ...] = ()
    """Creates that were given up: an unlinked record that shows what one of them sent is a late copy."""
    own_accounts: frozenset[str] = frozenset()
    title_hash: Callable[[str | None], str] = field(default=lambda _: "", repr=False, compare=False)
    """The keyed hash of a title, as it is staged of what privacy keeps home; empty where nothing is kept home."""
    returned: frozenset[RecordRef] = frozenset()
    """Incidents without a link that were deleted once and are there again: another record may stand for them by now."""
    linked_elsewhere: frozenset[RecordRef] = frozenset()
    """Records that another route has linked."""
    not_duplicates: frozenset[tuple[str, str]] = frozenset()
    """Pairs (Procore id, 4HSE id) that a person called different."""
    unlinked_by_hand: frozenset[tuple[str, str]] = frozenset()
    open_matches: frozenset[tuple[str, str]] = frozenset()
    """Pairs of incidents (Procore id, 4HSE id) of which a person is asked whether they are one."""
    ids_of_ours: Mapping[str, str] = field(default_factory=dict)
    """4HSE id that our scheme gives -> Procore id."""
    ever_linked: bool = False
    meeting_approved: bool = False
    changed: Changed = Changed()
    lost_writes: frozenset[tuple[str, str]] = frozenset()
    """Fields (link key, field key) whose written value went back by itself, twice within a day."""
    restored_backup: Mapping[Side, frozenset[str]] = field(default_factory=dict)
    """Link keys, by the side that shows old values again, as after a restored backup."""
    reverted: Mapping[Side, frozenset[tuple[str, str | None]]] = field(default_factory=dict)
    """Fields (link key, field key), and whole records (link key, None), of which a side shows a state from before."""
    only_days: tuple[date, date] | None = None
    """A backfill's range, both ends included: it replaces `since` and leaves everything else alone."""
    born_private: frozenset[str] = frozenset()
    """Procore ids that have been private since our own create."""
    own_words: Mapping[str, str] = field(default_factory=dict)
    """By link key: the category that we sent last, of incidents whose word may have to follow what is recorded."""
    unchanged: int = 0
    """How many linked incidents are left out: they show what they showed when there was nothing to do for them."""
    deleted_images: Mapping[RecordRef, Image] = field(default_factory=dict)
    """What 4HSE held last of its own: by the deleted record there, or by the Procore record of a person whose
    incident was made again."""

    @cached_property
    def digests(self) -> dict[RecordRef, str]:
        """What `approval.contents` has computed so far."""
        return {}

    @cached_property
    def incidents(self) -> RecordGroup:
        return RecordGroup(self.mapping.fields, self.records, self.links)

    def record(self, side: Side, record_id: str) -> Record | None:
        return self.records[side].get(record_id)

    def to_restore(self, side: Side) -> frozenset[tuple[str, str | None]]:
        """What a person wants written again on a side that came back from a backup."""
        decision = self.decisions.get(QuestionKey.guard("regress", side))
        if decision is None or (decision.verb, decision.use) != ("approve", "base"):
            return frozenset()
        links = decision.seen.get("cause", {}).get("links", ())
        return frozenset(each for each in self.reverted.get(side, ()) if each[0] in links)


@dataclass(frozen=True)
class Rebase:
    """New bases for one link; nothing is written to a vendor."""

    kind: Kind
    procore_id: str
    fourhse_id: str
    fields: Mapping[str, Base]

    @property
    def procore(self) -> RecordRef:
        """The Procore record of the link."""
        return RecordRef(Side.PROCORE, self.kind, self.procore_id)


@dataclass(frozen=True)
class Transition:
    """A link changes its state; `side` and `evidence` say what was deleted, when something was."""

    link: Link
    state: LinkState
    reason: str
    side: Side | None = None
    evidence: str = ""


@dataclass(frozen=True)
class Plan:
    """Everything that this cycle would do, decide, ask and count. A dry run is a plan that nobody pushes."""

    actions: tuple[Action, ...] = ()
    items: tuple[Item, ...] = ()
    rebases: tuple[Rebase, ...] = ()
    transitions: tuple[Transition, ...] = ()
    statuses: Mapping[Side, Mapping[str, SyncStatus]] = field(default_factory=dict)
    not_duplicates: tuple[tuple[str, str], ...] = ()
    """Pairs that a person's answer calls different, to be remembered."""
    answers_in_use: tuple[QuestionKey, ...] = ()
    """Keys of answered items that actions of this plan carry out; they stay until the work is done."""
    unknown: frozenset[RecordRef] = frozenset()
    """Records of which this cycle could not tell enough: what is asked or answered about them stays as it is."""
    left_to_backfills: frozenset[RecordRef] = frozenset()
    """Unlinked records that happened before the route's `since`: what a backfill asks about them stays asked."""
    stop: str | None = None
    """Why the route is held, in one sentence; None when nothing is."""
    held: tuple[Action, ...] = ()
    settled: frozenset[int] = field(default=frozenset(), compare=False)
    """Numbers of the incidents' links for which there is nothing to do, to ask or to remember."""
    unchanged: int = 0
    """How many incidents were left out of the snapshot; they are in sync on both sides."""

    def followed_by(self, later: Plan) -> Plan:
        """The plan with what came of it in the same cycle: the later one knows better where its incidents stand."""
        statuses = {side: {**self.statuses.get(side, {}), **later.statuses.get(side, {})} for side in Side}
        return replace(
            self,
            actions=(*self.actions, *later.actions),
            items=(*self.items, *later.items),
            statuses=statuses,
            stop=self.stop or later.stop,
            held=(*self.held, *later.held),
        )

    def population(self, side: Side) -> dict[str, int]:
        counts = {
            sync_status.value: 0
            for sync_status in (SyncStatus.IN_SYNC, SyncStatus.WAITING, SyncStatus.REFUSED, SyncStatus.EXCLUDED)
        }
        for sync_status in self.statuses.get(side, {}).values():
            counts[sync_status.value] += 1
        counts[SyncStatus.IN_SYNC.value] += self.unchanged
        return counts


def fingerprint(*parts: Any) -> str:
    """Equal for equal raw values; used to see whether anything moved."""
    return repr([_plain(part) for part in parts])


def _plain(part: Any) -> Any:
    if isinstance(part, Mapping):
        return sorted((str(key), _plain(value)) for key, value in part.items() if not str(key).startswith("@"))
    return part
