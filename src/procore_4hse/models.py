"""The values that travel through the program. All frozen; none knows HTTP, a store or a mapping file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, Protocol


class Side(StrEnum):
    PROCORE = "procore"
    FOURHSE = "fourhse"

    @property
    def other(self) -> Side:
        return Side.FOURHSE if self is Side.PROCORE else Side.PROCORE

    @property
    def label(self) -> str:
        """The system's name in what people read."""
        return "Procore" if self is Side.PROCORE else "4HSE"


class Kind(StrEnum):
    """What a record is. `PERSON` is 4HSE's IncidentPerson; the kinds before it are Procore's."""

    INCIDENT = "incident"
    INJURY = "injury"
    NEAR_MISS = "near_miss"
    PROPERTY_DAMAGE = "property_damage"
    ENVIRONMENTAL = "environmental"
    ACTION = "action"
    """What an incident led to in Procore; only read."""
    PERSON = "person"
    DIRECTORY = "directory"
    """Who may be named at all: a person of the Procore project, an assignment to the 4HSE office."""
    PICKER = "picker"
    """An entry of a Procore word list; its parent is the list."""

    EQUIPMENT = "equipment"
    """The piece of equipment that a Procore record names; its id is the record's, with its kind before it."""
    RESOURCE = "resource"
    """4HSE's IncidentResource."""

    def on(self, side: Side) -> Kind:
        """What a record of this Procore kind is on that side."""
        if side is Side.PROCORE or self is Kind.INCIDENT:
            return self
        return Kind.RESOURCE if self in (Kind.EQUIPMENT, Kind.RESOURCE) else Kind.PERSON


PEOPLE_RECORDS = (Kind.INJURY, Kind.NEAR_MISS)
"""The Procore kinds that can name a person, and so have a partner in 4HSE."""

CHILDREN = (*PEOPLE_RECORDS, Kind.EQUIPMENT)
"""The kinds of links that belong to an incident."""

PROCORE_RECORDS = (Kind.INJURY, Kind.NEAR_MISS, Kind.PROPERTY_DAMAGE, Kind.ENVIRONMENTAL)
"""The kinds that Procore counts in an incident's `records_count`."""


# What the vendors send -------------------------------------------------------------------------------------------

Image = Mapping[str, Any]
"""A record's payload, plus facts that we derived about it under keys that begin with `@`."""


@dataclass(frozen=True)
class RawRecord:
    """A record as the vendor sent it. Ids are text; `parent_id` is a child's incident."""

    side: Side
    kind: Kind
    id: str
    payload: Image
    parent_id: str | None = None


@dataclass(frozen=True)
class Page:
    """One page of a listing. `number` is the page the server says it sent, `asked` the one we wanted."""

    records: tuple[RawRecord, ...]
    asked: int
    number: int
    is_last: bool
    total: int | None
    """Records in the whole listing, as this answer states it."""
    server_date: datetime
    """The answer's Date header, UTC, whole seconds."""


@dataclass(frozen=True)
class RecordAnswer:
    record: RawRecord
    server_date: datetime


class IncidentApi(Protocol):
    """One side's incident register, bound to the route's project or office. Writes are never retried here."""

    OWN_FIELDS: ClassVar[frozenset[str]]
    """What an update may touch; everything else is joined, computed or set by the server."""
    NEVER_WRITTEN: ClassVar[frozenset[str]]
    """Own fields that no call of ours ever sends."""

    def own_fields(self, kind: Kind) -> frozenset[str]:
        """What an update of such a record may touch; a person's has fewer fields than an incident."""

    @property
    def side(self) -> Side: ...

    @property
    def server_date(self) -> datetime | None:
        """The latest Date header seen from this vendor."""

    @property
    def calls(self) -> int:
        """Calls made so far by this thread, tokens included: routes run side by side, one thread each."""

    def show(self, kind: Kind, record_id: str) -> RecordAnswer:
        """The record as it is now; NotFound when it is gone or hidden."""

    def create(self, kind: Kind, fields: Mapping[str, Any], *, intent_id: str) -> RecordAnswer: ...

    def update(self, kind: Kind, record_id: str, fields: Mapping[str, Any]) -> RecordAnswer: ...

    def delete(self, kind: Kind, record_id: str, *, force: bool = False) -> None: ...

    def restore(self, kind: Kind, record_id: str) -> None: ...


# What we remember ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Base:
    """The base of one field: the raw values that each side showed when they last agreed."""

    procore: Image
    fourhse: Image
    settled: bool = False
    """True: our write or a person's answer left this pair, equal or not; it is no drift."""

    def of(self, side: Side) -> Image:
        return self.procore if side is Side.PROCORE else self.fourhse


class LinkState(StrEnum):
    LIVE = "live"
    GONE_PROCORE = "gone-procore"
    GONE_FOURHSE = "gone-fourhse"
    CLOSED_BY_POLICY = "closed-by-policy"
    IGNORED = "ignored"
    ENDED = "ended"

    @classmethod
    def gone(cls, side: Side) -> LinkState:
        return cls.GONE_PROCORE if side is Side.PROCORE else cls.GONE_FOURHSE


@dataclass(frozen=True)
class Link:
    """Which two records are one. `kind` is the Procore kind; a child's `parent` is its incident's Procore id."""

    id: int
    procore_id: str
    fourhse_id: str
    kind: Kind = Kind.INCIDENT
    state: LinkState = LinkState.LIVE
    base: Mapping[str, Base] = field(default_factory=dict)
    parent: str | None = None
    generation: int = 0
    origin: Side | None = None
    """The side that had it first; None for records that were matched."""
    since: datetime | None = None

    @property
    def key(self) -> str:
        """Names the link in questions and answers; ids of different kinds may be equal."""
        return self.procore_id if self.kind is Kind.INCIDENT else f"{self.kind.value}-{self.procore_id}"

    def id_on(self, side: Side) -> str:
        return self.procore_id if side is Side.PROCORE else self.fourhse_id


@dataclass(frozen=True)
class Staged:
    """A record as it lies in staging: what we saw last, and whether the latest certified listing still had it."""

    record: RawRecord
    present: bool = True
    status_at: str | None = None
    """The vendor's change date, or the server's date, at which its present status was first seen."""
    minimal: bool = False
    """A record that privacy keeps home: only its id, day and a keyed hash of the title are here."""
    is_older: bool = False
    """Its vendor showed a later change date before."""


# What shall happen -----------------------------------------------------------------------------------------------


class Act(StrEnum):
    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    RESTORE = "restore"
    LINK = "link"


@dataclass(frozen=True)
class Action:
    """One intended step. `kind` is the link's; `fields` are in the target's own words; a LINK writes to no vendor."""

    act: Act
    side: Side
    kind: Kind
    target_id: str | None
    source_id: str | None
    reason: str
    fields: Image = field(default_factory=dict)
    sources: Mapping[str, Image] = field(default_factory=dict)
    """Per mapped field that this action carries: the source's raw values it was made from."""
    seen: Image = field(default_factory=dict)
    """The target's raw values that the plan was made on; a re-read that differs abandons the action."""
    generation: int = 0
    parent: str | None = None
    """A child's incident: its Procore id."""
    then: LinkState = LinkState.LIVE
    """The state that the link takes when this is done."""

    def id_on(self, side: Side) -> str:
        """Its record on that side; empty when there is none yet."""
        return (self.target_id if side is self.side else self.source_id) or ""

    @property
    def records(self) -> frozenset[tuple[Side, str]]:
        """The records that it is about, on both sides."""
        return frozenset((side, self.id_on(side)) for side in Side if self.id_on(side))


class ItemKind(StrEnum):
    CONFLICT = "conflict"
    DELETION = "deletion"
    MATCH = "match"
    WORD = "word"
    REFUSED = "refused"
    DRIFT = "drift"
    GUARD = "guard"
    MISSING = "missing"


@dataclass(frozen=True)
class Item:
    """Something that waits for a person. `key` names its cause: one cause is one open item."""

    kind: ItemKind
    key: str
    title: str
    reason: str
    advice: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What an answer must be checked against: the values seen, candidates, held actions."""
    procore_id: str | None = None
    fourhse_id: str | None = None
    field: str | None = None
    procore_value: str | None = None
    fourhse_value: str | None = None
    base_value: str | None = None


@dataclass(frozen=True)
class Decision:
    """A person's answer to an item: `verb` approve | reject | resolve | retry, with its options, and what they saw."""

    item_id: int
    key: str
    verb: str
    use: str | None = None
    with_id: str | None = None
    restore: bool = False
    seen: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Refusal:
    """A call that the vendor refused; tried again at `next_try` or when `fingerprint` no longer fits."""

    key: str
    side: Side
    words: str
    fingerprint: str
    next_try: datetime | None


class SyncStatus(StrEnum):
    """Where an incident stands in the count, from best to worst."""

    EXCLUDED = "excluded"
    IN_SYNC = "in_sync"
    WAITING = "waiting"
    REFUSED = "refused"
