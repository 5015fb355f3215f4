"""The values that travel through the program. All frozen; none knows HTTP, a store or a mapping file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import Any


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
    """What a record is. `PERSON` is 4HSE's IncidentPerson; the kinds before `INCIDENT_ACTION` are Procore's."""

    INCIDENT = "incident"
    INJURY = "injury"
    NEAR_MISS = "near_miss"
    PROPERTY_DAMAGE = "property_damage"
    ENVIRONMENTAL = "environmental"
    ACTION = "action"
    """What an incident led to in Procore; only read."""
    INCIDENT_ACTION = "incident_action"
    """4HSE's IncidentAction, which ties an incident to one of the office's standing requirements; only read."""
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


@dataclass(frozen=True, slots=True)
class RecordRef:
    """Names one record. Records of different kinds may bear one id; ids are compared in one normal form."""

    side: Side
    kind: Kind
    """What the record is on its own side: a person's record in 4HSE is a `PERSON`, whatever Procore calls it."""
    id: str

    def __post_init__(self) -> None:
        # 4HSE's ids are UUIDs, which mean the same in capitals.
        if (normal := normal_id(self.id)) != self.id:
            object.__setattr__(self, "id", normal)


def normal_id(raw: object) -> str:
    """An id as text in the one form in which ids are compared: vendors write them as numbers or in capitals too."""
    return str(raw).strip().lower()


def text_id(value: object) -> str | None:
    """An id as text, whether the vendor sent a number or a string (P17); None when it is no id."""
    if isinstance(value, str):
        return normal_id(value) or None
    if isinstance(value, float) and value.is_integer():
        return str(int(value))  # JSON has one kind of number: 8589934612.0 is that id too.
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None


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

    @property
    def ref(self) -> RecordRef:
        return RecordRef(self.side, self.kind, self.id)

    @property
    def equipment(self) -> RawRecord:
        """What a Procore record says about equipment, as a record of its own beside it."""
        return RawRecord(self.side, Kind.EQUIPMENT, f"{self.kind.value}-{self.id}", self.payload, self.parent_id)


# What we remember ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Base:
    """The base of one field: the raw values that each side showed when they last agreed."""

    procore: Image
    fourhse: Image
    settled: bool = False
    """True: our write or a person's answer left this pair, equal or not; it is no drift."""
    lost_on: Side | None = None
    """The side that does not hold what was sent, or only a part: the two have not agreed. Not `settled`."""

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
        return _named(self.kind, self.procore_id)

    def id_on(self, side: Side) -> str:
        return self.procore_id if side is Side.PROCORE else self.fourhse_id

    def ref(self, side: Side) -> RecordRef:
        """Its record on that side."""
        return RecordRef(side, self.kind.on(side), self.id_on(side))

    @cached_property
    def refs(self) -> frozenset[RecordRef]:
        return frozenset(self.ref(side) for side in Side)


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
    predecessor: str | None = None
    """Of an injury that is created: the Procore near miss whose place it takes."""
    successor: str | None = None
    """Of a near miss that is deleted: the Procore injury that took its place."""
    undoes: str = ""
    """The earlier write that a person takes back by it: the id of its intent and the field, with a colon between."""
    base: Mapping[str, Base] = field(default_factory=dict)
    """Of a LINK that gives a record another partner: what was emptied there since it agreed with the former one."""

    def id_on(self, side: Side) -> str:
        """Its record on that side; empty when there is none yet."""
        return (self.target_id if side is self.side else self.source_id) or ""

    @property
    def refs(self) -> frozenset[RecordRef]:
        """The records that it is about, on both sides."""
        return frozenset(self.ref(side) for side in Side if self.id_on(side))

    def ref(self, side: Side) -> RecordRef:
        """Its record on that side; with an empty id when there is none yet."""
        return RecordRef(side, self.kind.on(side), self.id_on(side))

    @property
    def link(self) -> Link:
        """The link of its records, without what the store alone knows of it, such as its number and state."""
        ids = self.id_on(Side.PROCORE), self.id_on(Side.FOURHSE)
        return Link(0, *ids, self.kind, base=self.base, parent=self.parent)


class QuestionKey(str):
    """What a question is about, as the inbox keeps it. Made and read here alone; one key is one open question.

    A record is written as its id when it is an incident, else with its kind before it: `injury-12`.
    """

    __slots__ = ()

    @classmethod
    def difference(cls, link: Link, field: str) -> QuestionKey:
        return cls(f"difference:{link.key}:{field}")

    @classmethod
    def parted(cls, party: str, office: str) -> QuestionKey:
        """One question about two people of the directories, in however many records they are taken for one."""
        return cls(f"difference:{_named(Kind.DIRECTORY, party)}:{office}")

    @classmethod
    def deletion(cls, link: Link, gone: Side) -> QuestionKey:
        return cls(f"deletion:{link.key}:{gone.value}")

    @classmethod
    def missing(cls, link: Link, side: Side) -> QuestionKey:
        return cls(f"missing:{link.key}:{side.value}")

    @classmethod
    def match(cls, record: RecordRef) -> QuestionKey:
        return cls(f"match:{record.side.value}:{_named(record.kind, record.id)}")

    @classmethod
    def accident(cls, near_miss: RecordRef) -> QuestionKey:
        """Whether a near miss of Procore was an accident, as 4HSE tells."""
        return cls(f"accident:{_named(near_miss.kind, near_miss.id)}")

    @classmethod
    def word(cls, record: RecordRef, field: str) -> QuestionKey:
        return cls(f"word:{record.side.value}:{_named(record.kind, record.id)}:{field}")

    @classmethod
    def refused(cls, action: Action) -> QuestionKey:
        """Names a call by what it wants, so that the same wish finds its earlier refusal."""
        rows = ",".join(sorted(action.sources)) if action.act is Act.UPDATE else ""
        record = action.target_id if action.act is Act.UPDATE else action.source_id or action.target_id
        return cls(f"refused:{action.act.value}:{action.side.value}:{action.kind.value}:{record}:{rows}")

    @classmethod
    def lost(cls, link: Link, field: str, side: Side) -> QuestionKey:
        """What a side did not keep of one field: named like the update that would send it again."""
        action = Action(Act.UPDATE, side, link.kind, link.id_on(side), link.id_on(side.other), "", sources={field: {}})
        return cls.refused(action)

    @classmethod
    def guard(cls, name: str, side: Side | None = None) -> QuestionKey:
        return cls(f"guard:{name}:{side.value}" if side else f"guard:{name}")

    @property
    def topic(self) -> str:
        """difference | deletion | missing | match | accident | word | refused | guard."""
        return self.partition(":")[0]

    @property
    def pair(self) -> dict[Side, str]:
        """Of a question about two people of the directories: the row of each side."""
        _, party, office = self.split(":")
        return {Side.PROCORE: _read(party)[1], Side.FOURHSE: office}

    @property
    def guarded(self) -> str:
        """What a guard's question is about, such as `scope` or `deletes`; empty for any other question."""
        return self.split(":")[1] if self.topic == "guard" else ""

    @property
    def call(self) -> Action | None:
        """Of a refused call: what it wanted to do, where and to which record, without fields; else None."""
        if self.topic != "refused":
            return None
        act, side, kind, named = self.split(":")[1:5]
        target, source = (named, None) if act == Act.UPDATE else (None, named)
        return Action(Act(act), Side(side), Kind(kind), target, source, "")

    @property
    def record(self) -> RecordRef | None:
        """The record that it names: the Procore one of a link, a near miss, or the one that a match or a word is about.

        A question about somebody wherever they are named has the row of the directory.
        """
        parts = self.split(":")
        if self.topic in ("difference", "deletion", "missing", "accident"):
            return RecordRef(Side.PROCORE, *_read(parts[1]))
        return RecordRef(Side(parts[1]), *_read(parts[2])) if self.topic in ("match", "word") else None


def _named(kind: Kind, record_id: str) -> str:
    return record_id if kind is Kind.INCIDENT else f"{kind.value}-{record_id}"


def _read(named: str) -> tuple[Kind, str]:
    # A UUID has dashes too: only the name of a kind before the first one says that it is no incident.
    kind, _, record_id = named.partition("-")
    return (Kind(kind), record_id) if kind in set(Kind) else (Kind.INCIDENT, named)


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
    key: QuestionKey
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

    @property
    def shown(self) -> str:
        """A digest of what it shows but for its wording and its ids, which its key names; an answer counts for it."""
        values = (self.procore_value, self.fourhse_value, self.base_value)
        told = json.dumps((self.kind, self.key, self.field, values, self.facts), sort_keys=True, default=str)
        return hashlib.sha256(told.encode()).hexdigest()[:12]

    @property
    def who(self) -> RecordRef | None:
        """The person of a directory whose partner it asks for, wherever that person is named."""
        return _who(self.facts)

    @property
    def refs(self) -> frozenset[RecordRef]:
        """The records that it concerns. Its ids are an incident's, but for a match, which may be about a child."""
        named = self.key.record
        if self.kind is ItemKind.MATCH and named is not None:
            return frozenset({named})
        ids = {Side.PROCORE: self.procore_id, Side.FOURHSE: self.fourhse_id}
        incidents = {RecordRef(side, Kind.INCIDENT, known) for side, known in ids.items() if known}
        return frozenset(incidents | ({named} if named else set()))


@dataclass(frozen=True)
class Decision:
    """A person's answer to an item: `verb` approve | reject | resolve | retry | undo, its options, what they saw."""

    item_id: int
    key: QuestionKey
    verb: str
    use: str | None = None
    with_id: str | None = None
    restore: bool = False
    seen: Mapping[str, Any] = field(default_factory=dict)
    """The facts of the item as it stood then."""
    shown: str | None = None
    """The digest of the item as it stood then; None of an answer from before digests were kept."""

    def covers(self, item: Item) -> bool:
        """Whether the question shows what it showed when this was said."""
        return self.shown == item.shown

    @property
    def side(self) -> Side:
        """The side whose value was chosen. Raises ValueError when the answer chose none."""
        return Side(self.use or "")

    @property
    def who(self) -> RecordRef | None:
        """The person of a directory whom the question was about, if it was about one."""
        return _who(self.seen)


def _who(facts: Mapping[str, Any]) -> RecordRef | None:
    who = facts.get("who")
    return RecordRef(Side(who["side"]), Kind.DIRECTORY, who["id"]) if who else None


@dataclass(frozen=True)
class Refusal:
    """A call that the vendor refused; tried again at `next_try` or when `fingerprint` no longer fits."""

    key: QuestionKey
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
