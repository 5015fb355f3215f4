"""What the program asks of each side, whoever answers: the clients over HTTP, or anything else that keeps to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar, Protocol

from procore_4hse.models import Image, Kind, RawRecord, Side

CALL_TIMEOUT = timedelta(seconds=100)
"""A call that began this long ago can no longer reach the vendor."""


RESERVE = 5
"""One call in this many is kept for recovery and push: what was begun can be finished on a used-up quota."""


@dataclass(frozen=True)
class Quota:
    """Calls that a vendor allows in a window of `length`, which ends in `left`. `limit` 0: none at all until then."""

    limit: int
    remaining: int
    left: timedelta
    length: timedelta

    @property
    def per_call(self) -> timedelta:
        """How long it takes in the long run until one more plain call is allowed."""
        return self.length / (self.limit - self.limit // RESERVE) if self.limit else timedelta(0)


class SharedBudget(Protocol):
    """What all processes of one credential know of its budget together."""

    def exchange(self, told: Sequence[Quota], spent: int) -> Sequence[Quota]:
        """Adds what the vendor told here since the last time, and our calls; what is known now. Raises SyncError."""


class PageSize(Protocol):
    """How many rows 4HSE grants on a page, as far as it was tried. Raises StoreError."""

    def rows(self) -> int:
        """What to ask for."""

    def remember(self, rows: int) -> None:
        """4HSE granted so many."""

    def forget(self) -> None:
        """It no longer does: the usual number is asked for again."""


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
    odd: int = 0
    """Rows that are left out of `records`, because nothing says which record they are."""


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

    def id_field(self, kind: Kind) -> str | None:
        """The field by which a create may give the record its id; None where the vendor alone does."""

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

    def project(self) -> Image:
        """The project itself."""

    def equipment_pages(self) -> Iterator[Sequence[Image]]:
        """The equipment that records of this place may name."""


class ProcoreIncidentApi(IncidentApi, Protocol):
    """A Procore project. A `reserve` call may use the part of the budget that is kept for recovery and push."""

    @property
    def company_id(self) -> str: ...

    def incident_pages(
        self,
        *,
        updated: tuple[datetime, datetime] | None = None,
        created: tuple[datetime, datetime] | None = None,
        time_unknown: bool | None = None,
        custom_status: str | None = None,
        ids: Sequence[str] | None = None,
        per_page: int = 1000,
        reserve: bool = False,
    ) -> Iterator[Page]:
        """Incidents, oldest first. Those of unknown time may only show when they are asked for (P42)."""

    def incident_total(self, *, time_unknown: bool | None = None) -> int | None:
        """How many incidents a plain listing holds; None when no answer says so."""

    def record_pages(self, kind: Kind, *, incident_id: str | None = None, reserve: bool = False) -> Iterator[Page]:
        """Records of one kind, of the whole project or of one incident, oldest first."""

    def recycled_pages(
        self, kind: Kind, *, ids: Sequence[str] | None, time_unknown: bool | None = None
    ) -> Iterator[Page]:
        """Those of `ids` that lie in the recycle bin, all with None; AccessRefused without the right to see it."""

    def show_recycled(self, kind: Kind, record_id: str) -> RecordAnswer:
        """A record that lies in the recycle bin, with the time of its deletion; NotFound when it does not."""

    def people_pages(self) -> Iterator[Sequence[Image]]:
        """Who may be named in records of the project."""

    def picker(self, name: str) -> Sequence[Image]:
        """All entries of a word list of the company's."""

    def whole_picker(self, name: str) -> Sequence[Image]:
        """The same, where a part of the list would mislead; Unavailable when fewer came than the answers state."""

    def filter_options(self, kind: Kind, name: str) -> Sequence[Image]:
        """The values of one field that the project's records of this kind use now, as `key` and `value` (P129)."""

    def me(self) -> Image:
        """Our own account."""

    def configuration(self) -> Image:
        """The project's incident settings."""


class FourHseIncidentApi(IncidentApi, Protocol):
    """A 4HSE office."""

    @property
    def project_id(self) -> str: ...

    def id_field(self, kind: Kind) -> str:
        """4HSE takes the id that we give."""

    def try_page_sizes(self) -> int:
        """The most rows that 4HSE grants on a page, of those tried; remembered, and asked for from now on."""

    def office(self) -> Image:
        """The office itself."""

    def pages(self, kind: Kind, *, day: str | None = None) -> Iterator[Page]:
        """Records of one kind, of the whole office or of one `day` in it."""

    def sort_value(self, record: RawRecord) -> str:
        """The day that a listing puts this record at; records of one day have no order among them."""

    def person_office_pages(self, *, history: bool = False) -> Iterator[Sequence[Image]]:
        """The people assigned to the office, who may be named in its records; `history` adds those who left."""

    def company_people_pages(self) -> Iterator[Sequence[Image]]:
        """Everybody of the 4HSE project, whether or not they are assigned to the office."""
