"""The values that travel through the house. All frozen; none knows HTTP, a store or a mapping file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol


class Side(StrEnum):
    PROCORE = "procore"
    FOURHSE = "fourhse"

    @property
    def other(self) -> Side:
        return Side.FOURHSE if self is Side.PROCORE else Side.PROCORE

    @property
    def title(self) -> str:
        return "Procore" if self is Side.PROCORE else "4HSE"


class Kind(StrEnum):
    """What a record is. `PERSON` is 4HSE's IncidentPerson; the four kinds before it are Procore's records."""

    INCIDENT = "incident"
    INJURY = "injury"
    NEAR_MISS = "near_miss"
    PROPERTY_DAMAGE = "property_damage"
    ENVIRONMENTAL = "environmental"
    PERSON = "person"


PROCORE_RECORDS = (Kind.INJURY, Kind.NEAR_MISS, Kind.PROPERTY_DAMAGE, Kind.ENVIRONMENTAL)
"""The kinds that Procore counts in an incident's `records_count`."""


@dataclass(frozen=True)
class RawRecord:
    """A record as the vendor sent it. Ids are text; `parent_id` is a child's incident."""

    side: Side
    kind: Kind
    id: str
    payload: Mapping[str, Any]
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
class Answer:
    record: RawRecord
    server_date: datetime


class Register(Protocol):
    """One side's incident register, bound to the route's project or office. Writes are never retried here."""

    @property
    def side(self) -> Side: ...

    @property
    def server_date(self) -> datetime | None:
        """The latest Date header seen from this vendor."""

    @property
    def calls(self) -> int:
        """Calls made so far, tokens included."""

    def show(self, kind: Kind, record_id: str) -> Answer:
        """The record as it is now; NotFound when it is gone or hidden."""

    def create(self, kind: Kind, fields: Mapping[str, Any], *, intent_id: str) -> Answer: ...

    def update(self, kind: Kind, record_id: str, fields: Mapping[str, Any]) -> Answer: ...

    def delete(self, kind: Kind, record_id: str) -> None: ...

    def restore(self, kind: Kind, record_id: str) -> None: ...
