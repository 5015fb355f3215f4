"""4HSE's incidents of one office, by name. The only place with 4HSE's paths.

Listings are POSTs with the filter in the body (H2). The last page is sent again for every page past the end, so
the walk ends by X-Pagination-Page-Count alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, ClassVar
from urllib.parse import quote

from procore_4hse.apis import Page, PageSize, RecordAnswer
from procore_4hse.clients.answer import Reply, anything, has_ids, is_rows, objects
from procore_4hse.clients.http import Http
from procore_4hse.errors import Refused
from procore_4hse.models import Image, Kind, RawRecord, Side, text_id

PATHS = {
    Kind.INCIDENT: "incident",
    Kind.PERSON: "incident-person",
    Kind.RESOURCE: "incident-resource",
    Kind.INCIDENT_ACTION: "incident-action",
}
KEYS = {
    Kind.INCIDENT: "office_incident_id",
    Kind.PERSON: "office_incident_person_id",
    Kind.RESOURCE: "office_incident_resource_id",
    Kind.INCIDENT_ACTION: "office_incident_action_id",
}
SORTS = {
    Kind.INCIDENT: "date_incident",
    Kind.PERSON: "incident_date",
    Kind.RESOURCE: "entity_name",
    Kind.INCIDENT_ACTION: "incident_date",
}
"""Fields that stay put; rows of one day may still change places between two pages (H2)."""

PAGE_SIZE = 100
"""The vendor's own tools ask for no more (H2); where even this is refused, 4HSE is left to say how many it sends."""
LARGER_PAGES = (1000, 500)
"""What may be granted all the same, the best first."""

WALKS = 5
"""A list around the incidents is read this often at most, until it shows as many rows as its total says."""

Rows = list[dict[str, Any]]


@dataclass
class UsualPages:
    """apis.PageSize for whoever keeps nothing."""

    granted: int = PAGE_SIZE

    def rows(self) -> int:
        return self.granted

    def remember(self, rows: int) -> None:
        self.granted = rows

    def forget(self) -> None:
        self.granted = PAGE_SIZE


class FourHseApi:
    """apis.FourHseIncidentApi over HTTP for one office. `project_id` is its tenant_id, `office_id` its subtenant_id."""

    NEVER_WRITTEN: ClassVar[frozenset[str]] = frozenset({"manager", "assignee", "watcher", "to"})
    """Of unknown form, and they may mail people (H4)."""

    OWN_FIELDS: ClassVar[frozenset[str]] = frozenset(
        {
            "code",
            "name",
            "date_incident",
            "category",
            "description_event",
            "description_actions_involved",
            "deponent",
            "manager",
            "assignee",
            "watcher",
            "to",
            "status",
            "external_reference_id",
            "date_closed",
            "tenant_id",
            "subtenant_id",
        }
    )
    """What an update may touch; everything else in a row is joined, computed or set by the server (H4)."""

    PERSON_FIELDS: ClassVar[frozenset[str]] = frozenset(
        {"code", "description", "days", "person_office_id", "office_incident_id", "tenant_id", "subtenant_id"}
    )
    """The same of an involved person (H9)."""

    RESOURCE_FIELDS: ClassVar[frozenset[str]] = frozenset(
        {"entity_id", "entity_type", "description", "office_incident_id", "tenant_id", "subtenant_id"}
    )
    """The same of a resource of an incident (H9)."""

    def __init__(self, http: Http, *, project_id: str, office_id: str, page_size: PageSize | None = None) -> None:
        self._http = http
        self._page_size = page_size or UsualPages()
        self.project_id = project_id
        self.office_id = office_id

    @property
    def side(self) -> Side:
        return Side.FOURHSE

    @property
    def server_date(self) -> datetime | None:
        return self._http.server_date

    @property
    def calls(self) -> int:
        return self._http.calls

    @property
    def asked(self) -> Counter[str]:
        return self._http.asked

    def own_fields(self, kind: Kind) -> frozenset[str]:
        others = {
            Kind.INCIDENT: self.OWN_FIELDS,
            Kind.RESOURCE: self.RESOURCE_FIELDS,
            Kind.EQUIPMENT: self.RESOURCE_FIELDS,
        }
        return others.get(kind, self.PERSON_FIELDS)

    def id_field(self, kind: Kind) -> str:
        """Where a record bears its id, and a create may give it one (H4)."""
        if kind not in KEYS:
            raise ValueError(f"4HSE has no {kind.value} of its own")
        return KEYS[kind]

    def try_page_sizes(self) -> int:
        """The most rows that 4HSE grants on a page, of those tried; remembered for the credential (H2)."""
        body = {"filter": self._ours(), "sort": SORTS[Kind.INCIDENT]}
        for rows in LARGER_PAGES:
            try:
                reply = self._page(self._path(Kind.INCIDENT, "index"), body, 1, rows)
            except Refused:
                continue
            if _is_granted(reply, 1, rows):
                self._page_size.remember(rows)
                return rows
        self._page_size.forget()
        next(self._walk(self._path(Kind.INCIDENT, "index"), body))
        return self._page_size.rows()

    # What surrounds the incidents ---------------------------------------------------------------------------------

    def project(self) -> dict[str, Any]:
        """The project with its `status`: only an active one is operational (H6)."""
        return self._object("project", self.project_id)

    def office(self) -> dict[str, Any]:
        """The office; a historicized one hides its rows from listings (H6)."""
        return self._object("office", self.office_id)

    def person_office_pages(self, *, history: bool = False) -> Iterator[Rows]:
        """The people assigned to the office, whose `person_office_id` an involved person needs (H9).

        `history` adds ended assignments, which old records still name.
        """
        yield from self._office_rows("person-office", "person_office_id", sort="person_last_name", history=history)

    def company_people_pages(self) -> Iterator[Rows]:
        """Everybody of the project who is there now; an assignment to an office is another row (H9)."""
        yield from self._rows_once("person", "person_id", {"project_id": self.project_id}, sort="last_name")

    def equipment_pages(self, *, history: bool = False) -> Iterator[Rows]:
        """The office's equipment; `history` adds what is no longer in use."""
        yield from self._office_rows("equipment", "office_equipment_id", sort="name", history=history)

    # Listings -----------------------------------------------------------------------------------------------------

    def pages(
        self, kind: Kind, *, sort: str | None = None, day: str | None = None, reserve: bool = False
    ) -> Iterator[Page]:
        """Every incident, or every involved person, of the office or of one `day` in it, lazily.

        `sort` is one field, minus descending. A listing that holds another office's row is unreadable: the filter was
        not applied.
        """
        readable = self._rows_are_ours(self.id_field(kind))
        asked_for = self._ours() | ({} if day is None else {SORTS[kind]: day})
        body = {"filter": asked_for, "sort": sort or SORTS[kind]}
        for reply, asked in self._walk(self._path(kind, "index"), body, readable=readable, reserve=reserve):
            records = tuple(_record(kind, row) for row in objects(reply.body) if self._is_usable(kind, row))
            yield Page(
                records=records,
                asked=asked,
                number=reply.number("x-pagination-current-page") or asked,
                is_last=_is_last(reply, asked),
                total=reply.number("x-pagination-total-count"),
                server_date=reply.date,
                odd=len(reply.body) - len(records),
            )

    def sort_value(self, record: RawRecord) -> str:
        """The day that a listing puts this record at; records of one day have no order among them."""
        return str(record.payload.get(SORTS[record.kind]) or "")

    # Single records -----------------------------------------------------------------------------------------------

    def show(self, kind: Kind, record_id: str) -> RecordAnswer:
        """The record as it is now, with its joined fields; NotFound when it is gone or hidden (H6)."""
        path = self._path(kind, "view", record_id)
        reply = self._http.read("GET", path, readable=_has_id(self.id_field(kind), record_id), reserve=True)
        return self._answer(kind, reply)

    def create(self, kind: Kind, fields: Mapping[str, Any], *, intent_id: str) -> RecordAnswer:
        """The new record of the office. A given own id is sent, but only the answer's counts (H4).

        4HSE knows no idempotency key (H5), so `intent_id` does not leave.
        """
        self._check(fields)
        body = {**fields, **self._ours()}  # Ours last: no caller can create in another office.
        reply = self._http.write("POST", self._path(kind, "create"), json=body, readable=_has_id(self.id_field(kind)))
        return self._answer(kind, reply)

    def update(self, kind: Kind, record_id: str, fields: Mapping[str, Any]) -> RecordAnswer:
        """The changed record, without joined fields; only `fields` are sent (H5)."""
        self._check(fields)
        path = self._path(kind, "update", record_id)
        reply = self._http.write("PUT", path, json=dict(fields), readable=_has_id(self.id_field(kind), record_id))
        return self._answer(kind, reply)

    def delete(self, kind: Kind, record_id: str, *, force: bool = False) -> None:
        """Deletes for good (H6), with `force` the children too.

        Without it a record with children is Refused, or OutcomeUnknown when the answer is 200 with a preview.
        """
        query = [("force", "true" if force else "false")]
        # Without `force` a 200 may hold the children that kept it from deleting (H6): that is no deletion.
        readable = anything if force else _is_no_preview
        self._http.write("DELETE", self._path(kind, "delete", record_id), query=query, readable=readable)

    def restore(self, kind: Kind, record_id: str) -> None:
        """Raises ValueError: nothing comes back in 4HSE, a deleted record is created again (H3)."""
        raise ValueError("4HSE has no recycle bin to restore from")

    # How it is asked for ------------------------------------------------------------------------------------------

    def _ours(self) -> dict[str, str]:
        return {"tenant_id": self.project_id, "subtenant_id": self.office_id}

    def _check(self, fields: Mapping[str, Any]) -> None:
        if forbidden := sorted(self.NEVER_WRITTEN & fields.keys()):
            raise ValueError(f"never sent to 4HSE: {', '.join(forbidden)}")

    def _path(self, kind: Kind, verb: str, record_id: str | None = None) -> str:
        self.id_field(kind)  # Raises for a kind that 4HSE does not have.
        path = f"/v2/{PATHS[kind]}/{verb}"
        return path if record_id is None else f"{path}/{quote(record_id, safe='')}"

    def _object(self, entity: str, entity_id: str) -> dict[str, Any]:
        path = f"/v2/{entity}/view/{quote(entity_id, safe='')}"
        body: dict[str, Any] = self._http.read("GET", path, reserve=True).body
        return body

    def _answer(self, kind: Kind, reply: Reply) -> RecordAnswer:
        return RecordAnswer(_record(kind, reply.body), reply.date)

    def _office_rows(self, entity: str, key: str, *, sort: str, history: bool) -> Iterator[Rows]:
        ours = {"project_id": self.project_id, "office_id": self.office_id}
        yield from self._rows_once(entity, key, ours, sort=sort, history=history)

    def _rows_once(
        self, entity: str, key: str, ours: Mapping[str, str], *, sort: str, history: bool = False
    ) -> Iterator[Rows]:
        """Each row once. Rows that are equal in the sort may change places, so one walk can miss some (H2)."""
        body = {"filter": ours, "sort": sort, "history": history}
        seen: set[str | None] = set()
        for _ in range(WALKS):
            total = None
            for reply, _ in self._walk(f"/v2/{entity}/index", body):
                fresh = {text_id(row.get(key)): row for row in objects(reply.body) if text_id(row.get(key)) not in seen}
                seen |= fresh.keys()
                total = reply.number("x-pagination-total-count")
                yield list(fresh.values())
            if total is None or len(seen) >= total:
                return

    def _rows_are_ours(self, key: str) -> Callable[[Any], bool]:
        def readable(body: Any) -> bool:
            return has_ids(body, key) and all(self._is_ours(row) for row in objects(body))

        return readable

    def _is_ours(self, row: Mapping[str, Any]) -> bool:
        # A server that ignores an unknown filter lists every office (H2). UUIDs mean the same in any case.
        office = row.get("subtenant_id")
        return not isinstance(office, str) or text_id(office) == self.office_id.lower()

    def _is_usable(self, kind: Kind, row: Mapping[str, Any]) -> bool:
        # An office of another type is none that we know: the row may be ours, and is left out.
        office = row.get("subtenant_id")
        return text_id(row.get(self.id_field(kind))) is not None and (office is None or isinstance(office, str))

    def _walk(
        self,
        path: str,
        body: Mapping[str, Any],
        *,
        readable: Callable[[Any], bool] = is_rows,
        reserve: bool = False,
    ) -> Iterator[tuple[Reply, int]]:
        """Every page's answer with the number asked for. Paging goes in the body: a query would be ignored (H2)."""
        page = partial(self._page, path, body, readable=readable, reserve=reserve)
        asked, before = 1, None
        rows: int | None = self._page_size.rows()
        while True:
            reply = _granted(page, asked, rows)
            if reply is None:
                asked, before, rows = 1, None, self._fewer(rows)
                continue
            if rows is None and asked == 1 and (own := reply.number("x-pagination-per-page")):
                self._page_size.remember(own)
            yield reply, asked
            # The last page comes again for every page past the end (H2), also when the headers are missing.
            if _is_last(reply, asked) or reply.body == before:
                return
            asked, before = asked + 1, reply.body

    def _fewer(self, rows: int | None) -> int | None:
        """What to ask for where so many rows were not granted: the usual page, else one as 4HSE makes it by itself."""
        if rows == PAGE_SIZE:
            return None
        self._page_size.forget()
        return PAGE_SIZE

    def _page(
        self,
        path: str,
        body: Mapping[str, Any],
        asked: int,
        rows: int | None,
        *,
        readable: Callable[[Any], bool] = is_rows,
        reserve: bool = False,
    ) -> Reply:
        paged = {**body, **({} if rows is None else {"per-page": rows}), "page": asked}
        return self._http.read("POST", path, json=paged, readable=readable, reserve=reserve)


def own_values(kind: Kind, image: Image) -> dict[str, Any]:
    """What an incident or an involved person holds that a call of ours may write."""
    own = FourHseApi.OWN_FIELDS if kind is Kind.INCIDENT else FourHseApi.PERSON_FIELDS
    names = own - FourHseApi.NEVER_WRITTEN
    return {name: value for name, value in image.items() if name in names and value is not None}


def _record(kind: Kind, row: dict[str, Any]) -> RawRecord:
    parent = text_id(row.get("office_incident_id")) if kind is not Kind.INCIDENT else None
    return RawRecord(Side.FOURHSE, kind, text_id(row.get(KEYS[kind])) or "", row, parent)


def _has_id(key: str, wanted: str | None = None) -> Callable[[Any], bool]:
    """Readable is an object with its id: the `wanted` one, or any when None."""

    def readable(body: Any) -> bool:
        record_id = text_id(body.get(key)) if isinstance(body, dict) else None
        # UUIDs in another case are the same id.
        return record_id is not None and (wanted is None or record_id.lower() == wanted.lower())

    return readable


def _is_no_preview(body: Any) -> bool:
    """True for an answer that lists nothing; the form of a preview is unknown (H6)."""
    return not isinstance(body, (list, dict)) or not body


def _granted(page: Callable[[int, int | None], Reply], asked: int, rows: int | None) -> Reply | None:
    """A page of as many rows as were asked for, or with None as 4HSE makes it; None where it does not grant them."""
    try:
        reply = page(asked, rows)
    except Refused:
        if rows is None or (rows == PAGE_SIZE and asked > 1):
            raise
        return None
    return reply if rows in (None, PAGE_SIZE) or _is_granted(reply, asked, rows) else None


def _is_granted(reply: Reply, asked: int, rows: int) -> bool:
    """Whether an answer says that its pages hold so many rows, and its first one does."""
    total = reply.number("x-pagination-total-count")
    is_full = asked > 1 or total is None or len(reply.body) == min(total, rows)
    return reply.number("x-pagination-per-page") == rows and is_full


def _is_last(reply: Reply, asked: int) -> bool:
    """By Page-Count, else by Total-Count, else by a page that is not full."""
    pages = reply.number("x-pagination-page-count")
    if pages is not None:
        return asked >= pages
    size = reply.number("x-pagination-per-page") or PAGE_SIZE
    total = reply.number("x-pagination-total-count")
    return len(reply.body) < size if total is None else asked * size >= total
