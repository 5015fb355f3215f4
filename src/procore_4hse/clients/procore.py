"""Procore's incidents of one project, by name. The only place with Procore's paths.

Listings are offset pages over live data (P30-P34). They are asked for oldest first, so that a new row lands at the
end and shifts nothing that was read.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from itertools import groupby
from typing import Any, ClassVar
from urllib.parse import parse_qs, quote, urlsplit

from procore_4hse.apis import Page, RecordAnswer
from procore_4hse.clients.answer import Reply, anything, has_ids, is_rows, objects
from procore_4hse.clients.http import Http
from procore_4hse.clients.procore_hooks import ProcoreHooks
from procore_4hse.clients.transport import Query
from procore_4hse.errors import Unavailable
from procore_4hse.models import Kind, RawRecord, Side, text_id

PATHS = {
    Kind.INCIDENT: "incidents",
    Kind.INJURY: "incidents/injuries",
    Kind.NEAR_MISS: "incidents/near_misses",
    Kind.PROPERTY_DAMAGE: "incidents/property_damages",
    Kind.ENVIRONMENTAL: "incidents/environmentals",
    Kind.ACTION: "incidents/actions",
}
"""Below the project, and again below its recycle bin. A write wraps its fields in the kind's own name (P59)."""

SORTS = {Kind.INCIDENT: "number"}
"""Ascending keys that never change; the record kinds sort by `created_at`, as their numbers restart (P34, P101)."""

PICKERS = {
    "hazards": "hazards",
    "contributing_behaviors": "contributing_behaviors",
    "contributing_conditions": "contributing_conditions",
} | {
    name: f"incidents/{name}"
    for name in (
        "affliction_types",
        "body_parts",
        "affected_body_parts",
        "harm_sources",
        "work_activities",
        "filing_types",
        "injury_filing_types",
        "statuses",
        "severity_levels",
        "units_of_measure",
        "action_types",
        "environmental_types",
    )
}
"""The company's word lists, below the company."""
PROJECT_LISTS = {"locations": "v1.0", "vendors": "v1.1"}
"""Lists of a project whose entries an incident names too, with the version of their path."""

WITH_INACTIVE = ("hazards", "contributing_behaviors", "contributing_conditions", "harm_sources")
"""Pickers that hide inactive entries, still used by old records, unless asked for all (P98)."""

UNPAGED = ("affected_body_parts", "filing_types", "statuses", "units_of_measure")
"""Pickers of `label` and `value`, which come whole and take no page number."""

VALIDATED = frozenset(
    {("POST", Kind.INCIDENT), ("PATCH", Kind.INCIDENT), ("POST", Kind.INJURY), ("PATCH", Kind.INJURY)}
    | {("POST", Kind.NEAR_MISS)}  # The text of the reference says so, its list of parameters does not (P76).
)
"""Writes that may ask for the company's own validations (P75)."""

IDS_PER_CALL = 100
"""So many ids fit into one address."""

Rows = list[dict[str, Any]]


class ProcoreApi:
    """apis.ProcoreIncidentApi over HTTP for one project. Ids are text."""

    NEVER_WRITTEN: ClassVar[frozenset[str]] = frozenset({"distribution_member_ids", "assignee_ids"})
    """Distribution members are mailed (P73); assignees go by login ids, which no list of ours has (P70)."""

    OWN_FIELDS: ClassVar[frozenset[str]] = frozenset({"title", "description", "event_date", "time_unknown", "status"})
    """Of what an update may touch, the part that we map."""

    NEVER_UPDATED = frozenset(
        {
            "injuries",
            "near_misses",
            "property_damages",
            "environmentals",
            "witness_statements_attributes",
            "witness_statements",
        }
    )
    """Records nested in a change are made again (P66)."""

    def __init__(self, http: Http, *, company_id: int | str, project_id: int | str, validations: bool = False) -> None:
        self._http = http
        self._validations = validations
        self.company_id = str(company_id)
        self.project_id = str(project_id)
        self._project = f"/rest/v1.0/projects/{quote(self.project_id, safe='')}"
        self._company = f"/rest/v1.0/companies/{quote(self.company_id, safe='')}"

    @property
    def side(self) -> Side:
        return Side.PROCORE

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
        """A record of a person is changed field by field, so that nothing else can go (P67)."""
        return self.OWN_FIELDS if kind is Kind.INCIDENT else frozenset()

    def id_field(self, kind: Kind) -> None:
        """Procore alone gives ids."""

    # What surrounds the incidents ---------------------------------------------------------------------------------

    def project(self) -> dict[str, Any]:
        """The project with its time zone; `tz_name` is only shown here and in the extended list (P63)."""
        query = [("company_id", self.company_id)]
        readable = _has_id(self.project_id)
        body: dict[str, Any] = self._http.read("GET", self._project, query=query, readable=readable, reserve=True).body
        return body

    def me(self) -> dict[str, Any]:
        """Our own account: `id`, `login`, and `name` because the company is stated (P10)."""
        return self._object("/rest/v1.0/me", [("company_id", self.company_id)])

    def configuration(self) -> dict[str, Any]:
        """The project's incident settings: `private_by_default`, `default_distribution` (P72)."""
        return self._object(f"{self._project}/incidents/configuration", [])

    def webhooks(self) -> ProcoreHooks:
        return ProcoreHooks(self._http, company_id=self.company_id, project_id=self.project_id)

    def statuses(self) -> Rows:
        """The company's statuses as `label` and `value`; custom ones may be missing (P71)."""
        return self.picker("statuses")

    def picker(self, name: str) -> Rows:
        """All entries of a list, inactive ones included; `name` is a key of PICKERS or PROJECT_LISTS."""
        path = self._list(name)
        if name in UNPAGED:
            return objects(self._http.read("GET", path, readable=is_rows).body)
        return [row for reply, _ in self._walk(path, _with_inactive(name)) for row in objects(reply.body)]

    def whole_picker(self, name: str) -> Rows:
        """The same, proven whole: no fewer rows than the answers state, and none without an id."""
        if name in UNPAGED:
            return self.picker(name)
        path = self._list(name)
        replies = [reply for reply, _ in self._walk(path, _with_inactive(name), readable=_rows_have_ids)]
        rows = [row for reply in replies for row in objects(reply.body) if text_id(row.get("id"))]
        stated = max((reply.number("total") or 0 for reply in replies), default=0)
        if len({text_id(row["id"]) for row in rows}) < max(stated, sum(len(reply.body) for reply in replies)):
            sentence = f"Procore sent a part of its list of {name.replace('_', ' ')} only; try again later."
            raise Unavailable(sentence, side=Side.PROCORE, call=f"GET {path}")
        return rows

    def _list(self, name: str) -> str:
        version = PROJECT_LISTS.get(name)
        if version is None:
            return f"{self._company}/{PICKERS[name]}"
        return f"/rest/{version}/projects/{quote(self.project_id, safe='')}/{name}"

    def filter_options(self, kind: Kind, name: str) -> Rows:
        """The values of one field that records of this kind use now, as `key` and `value`; they come whole (P129)."""
        return objects(self._http.read("GET", f"{self._path(kind)}/filter_options/{name}", readable=is_rows).body)

    def people_pages(self) -> Iterator[Rows]:
        """Full and reference users with their e-mail; these ids are what `affected_party_id` takes (P93)."""
        yield from (
            objects(reply.body)
            for reply, _ in self._walk(f"{self._project}/people", [("sort", "name"), ("view", "extended")])
        )

    def equipment_pages(self) -> Iterator[Rows]:
        """The equipment that records of the project may name (P96)."""
        yield from (objects(reply.body) for reply, _ in self._walk(f"{self._project}/managed_equipment", []))

    # Listings -----------------------------------------------------------------------------------------------------

    def incident_pages(
        self,
        *,
        updated: tuple[datetime, datetime] | None = None,
        created: tuple[datetime, datetime] | None = None,
        event_days: tuple[date, date] | None = None,
        time_unknown: bool | None = None,
        custom_status: str | None = None,
        ids: Sequence[str] | None = None,
        per_page: int = 1000,
        reserve: bool = False,
    ) -> Iterator[Page]:
        """Incidents of the project, lazily, oldest first. No `ids` at all means no page.

        Whether the ends of a range count is unknown (P36): ask wider. Days are UTC days of the event.
        """
        query = [
            *_range("updated_at", updated),
            *_range("created_at", created),
            *_range("event_date", event_days),
            *_flag("time_unknown", time_unknown),
            *([] if custom_status is None else [("filters[custom_status_id][]", custom_status)]),
        ]
        for some in _id_filters(ids):
            yield from self._pages(Kind.INCIDENT, "", [*query, *some], per_page=per_page, reserve=reserve)

    def incident_total(self, *, time_unknown: bool | None = None) -> int | None:
        """How many incidents a plain listing holds, by a listing of one row; None when no answer says so."""
        # Whatever the one row holds: only the number beside it counts.
        walk = self._walk(self._path(Kind.INCIDENT), _flag("time_unknown", time_unknown), per_page=1)
        return next(walk)[0].number("total")

    def record_pages(
        self,
        kind: Kind,
        *,
        ids: Sequence[str] | None = None,
        incident_id: str | None = None,
        per_page: int = 1000,
        reserve: bool = False,
    ) -> Iterator[Page]:
        """Records of one kind of the whole project, or of one incident, lazily, oldest first.

        The published contract shows no filter by id for these listings, and nothing else says that there is one:
        `ids` are picked here, and such a page states no total.
        """
        query = [] if incident_id is None else [("incident_id", incident_id)]
        yield from self._picked(kind, "", query, ids=ids, per_page=per_page, reserve=reserve)

    def recycled_pages(
        self, kind: Kind, *, ids: Sequence[str] | None, time_unknown: bool | None = None, reserve: bool = False
    ) -> Iterator[Page]:
        """Those of `ids` that lie in the recycle bin, all with None; AccessRefused without admin rights (P56, P85).

        As in every listing of incidents, those of unknown time may only show when they are asked for (P42).
        """
        if kind is Kind.EQUIPMENT:
            for named, of_kind in groupby(sorted(map(_named, ids or ())), key=lambda pair: pair[0]):
                wanted = [record_id for _, record_id in of_kind]
                yield from map(_page_naming, self.recycled_pages(named, ids=wanted, reserve=reserve))
            return
        if kind is not Kind.INCIDENT:
            yield from self._picked(kind, "recycle_bin/", [], ids=ids, reserve=reserve)
            return
        query = _flag("time_unknown", time_unknown)
        for some in _id_filters(ids):
            yield from self._pages(kind, "recycle_bin/", [*query, *some], reserve=reserve)

    # Single records -----------------------------------------------------------------------------------------------

    def show(self, kind: Kind, record_id: str) -> RecordAnswer:
        """The record as it is now; NotFound when it is gone, recycled or hidden (P19, P57)."""
        if kind is Kind.EQUIPMENT:
            return _naming(self.show(*_named(record_id)))
        reply = self._http.read("GET", self._path(kind, record_id), readable=_has_id(record_id), reserve=True)
        return self._answer(kind, reply)

    def show_recycled(self, kind: Kind, record_id: str) -> RecordAnswer:
        """A record that lies in the bin, with its `deleted_at` (P53); NotFound when it does not."""
        path = self._path(kind, record_id, below="recycle_bin/")
        return self._answer(kind, self._http.read("GET", path, readable=_has_id(record_id), reserve=True))

    def create(self, kind: Kind, fields: Mapping[str, Any], *, intent_id: str) -> RecordAnswer:
        """The new record; `intent_id` goes along as Idempotency-Token (P82). A record kind needs `incident_id`."""
        self._check(fields, self.NEVER_WRITTEN)
        headers = {"Idempotency-Token": intent_id}
        body = {kind.value: dict(fields)}
        reply = self._http.write(
            "POST",
            self._path(kind),
            query=self._asking("POST", kind),
            json=body,
            readable=_has_id(None),
            headers=headers,
        )
        return self._answer(kind, reply)

    def update(self, kind: Kind, record_id: str, fields: Mapping[str, Any]) -> RecordAnswer:
        """The changed record; only `fields` are sent, and null clears a field (P67)."""
        if kind is Kind.EQUIPMENT:
            return _naming(self.update(*_named(record_id), fields))
        self._check(fields, self.NEVER_WRITTEN | self.NEVER_UPDATED)
        body = {kind.value: dict(fields)}
        path = self._path(kind, record_id)
        query = self._asking("PATCH", kind)
        reply = self._http.write("PATCH", path, query=query, json=body, readable=_has_id(record_id))
        return self._answer(kind, reply)

    def delete(self, kind: Kind, record_id: str, *, force: bool = False) -> None:
        """Moves the record to the recycle bin (P53); `force` changes nothing here. Equipment is no longer named."""
        if kind is Kind.EQUIPMENT:
            self.update(*_named(record_id), {"managed_equipment_id": None})
            return
        self._http.write("DELETE", self._path(kind, record_id), readable=anything)

    def restore(self, kind: Kind, record_id: str) -> None:
        """Brings the record back from the bin, an incident with its records (P54)."""
        if kind is Kind.EQUIPMENT:
            kind, record_id = _named(record_id)
        path = self._path(kind, record_id, below="recycle_bin/")
        self._http.write("PATCH", f"{path}/restore", readable=anything)

    # How it is asked for ------------------------------------------------------------------------------------------

    def _asking(self, method: str, kind: Kind) -> Query:
        asks = self._validations and (method, kind) in VALIDATED
        return [("run_configurable_validations", "true")] if asks else []

    def _check(self, fields: Mapping[str, Any], refused: frozenset[str]) -> None:
        if forbidden := sorted(refused & fields.keys()):
            raise ValueError(f"never sent to Procore: {', '.join(forbidden)}")

    def _path(self, kind: Kind, record_id: str | None = None, *, below: str = "") -> str:
        if kind not in PATHS:
            raise ValueError(f"Procore has no {kind.value} of its own")
        path = f"{self._project}/{below}{PATHS[kind]}"
        return path if record_id is None else f"{path}/{quote(record_id, safe='')}"

    def _object(self, path: str, query: Query) -> dict[str, Any]:
        body: dict[str, Any] = self._http.read("GET", path, query=query, reserve=True).body
        return body

    def _answer(self, kind: Kind, reply: Reply) -> RecordAnswer:
        return RecordAnswer(_record(kind, reply.body), reply.date)

    def _picked(
        self,
        kind: Kind,
        below: str,
        query: Query,
        *,
        ids: Sequence[str] | None,
        per_page: int = 1000,
        reserve: bool,
    ) -> Iterator[Page]:
        if ids is not None and not ids:
            return
        for page in self._pages(kind, below, query, per_page=per_page, reserve=reserve):
            yield page if ids is None else _only(page, frozenset(ids))

    def _pages(self, kind: Kind, below: str, query: Query, *, per_page: int = 1000, reserve: bool) -> Iterator[Page]:
        path = self._path(kind, below=below)
        asked_for = [("sort", SORTS.get(kind, "created_at")), *query]
        for reply, asked in self._walk(path, asked_for, per_page=per_page, readable=_rows_have_ids, reserve=reserve):
            records = tuple(_record(kind, row) for row in objects(reply.body) if text_id(row.get("id")))
            yield Page(
                records=records,
                asked=asked,
                number=_page_sent(reply, asked),
                is_last=_next_page(reply, asked, per_page) is None,
                total=reply.number("total"),
                server_date=reply.date,
                odd=len(reply.body) - len(records),
            )

    def _walk(
        self,
        path: str,
        query: Query,
        *,
        per_page: int = 1000,
        readable: Callable[[Any], bool] = is_rows,
        reserve: bool = False,
    ) -> Iterator[tuple[Reply, int]]:
        """Every page's answer with the number asked for, up to the one without a next (P31)."""
        page: int | None = 1
        while page is not None:
            paging = [("page", str(page)), ("per_page", str(per_page))]
            reply = self._http.read("GET", path, query=[*query, *paging], readable=readable, reserve=reserve)
            yield reply, page
            following = _next_page(reply, page, per_page)
            # A next link that points back would be followed for ever.
            if following is not None and following <= page:
                raise _endless(path)
            page = following


def _record(kind: Kind, row: dict[str, Any]) -> RawRecord:
    parent = None if kind is Kind.INCIDENT else text_id(row.get("incident_id"))
    return RawRecord(Side.PROCORE, kind, text_id(row.get("id")) or "", row, parent)


def _named(record_id: str) -> tuple[Kind, str]:
    """The record that names the equipment: its kind and its own id, out of `injury-123`."""
    kind, _, own_id = record_id.rpartition("-")
    return Kind(kind), own_id


def _naming(answer: RecordAnswer) -> RecordAnswer:
    return RecordAnswer(answer.record.equipment, answer.server_date)


def _page_naming(page: Page) -> Page:
    return replace(page, records=tuple(record.equipment for record in page.records))


def _only(page: Page, ids: frozenset[str]) -> Page:
    records = tuple(record for record in page.records if record.id in ids)
    return replace(page, records=records, total=None)


def _rows_have_ids(body: Any) -> bool:
    return has_ids(body, "id")


def _has_id(wanted: str | None) -> Callable[[Any], bool]:
    """Readable is an object with an id: the `wanted` one, or any when None."""

    def readable(body: Any) -> bool:
        record_id = text_id(body.get("id")) if isinstance(body, dict) else None
        # An answer about another record than the one asked for is not read as the one.
        return record_id is not None and wanted in (None, record_id)

    return readable


def _with_inactive(picker: str) -> Query:
    return [("all", "true")] if picker in WITH_INACTIVE else []


def _flag(field: str, value: bool | None) -> Query:
    return [] if value is None else [(f"filters[{field}]", str(value).lower())]


def _range(field: str, ends: tuple[date, date] | None) -> Query:
    """`start...end` (P35): days as they are, instants in UTC to the second."""
    if ends is None:
        return []
    return [(f"filters[{field}]", "...".join(_moment(end) for end in ends))]


def _moment(end: date) -> str:
    if isinstance(end, datetime):
        return end.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return end.isoformat()


def _id_filters(ids: Sequence[str] | None) -> Iterator[Query]:
    """One query without a filter, or as many as the ids need; the name is repeated for each id (P38)."""
    if ids is None:
        yield []
        return
    for start in range(0, len(ids), IDS_PER_CALL):
        yield [("filters[id][]", record_id) for record_id in ids[start : start + IDS_PER_CALL]]


LINK = re.compile(r'<([^>]*)>\s*;[^,<]*\brel="?(\w+)"?')


def _links(reply: Reply) -> dict[str, int | None]:
    """Link relation -> page number, None when the address names none."""
    return {rel: _page_in(url) for url, rel in LINK.findall(reply.headers.get("link", ""))}


def _page_in(url: str) -> int | None:
    text = parse_qs(urlsplit(url).query).get("page", [""])[0]
    return int(text) if text.isdecimal() else None


def _page_sent(reply: Reply, asked: int) -> int:
    """The page that the Link header shows this to be; the one asked for when it does not say."""
    links = _links(reply)
    if (following := links.get("next")) is not None:
        return following - 1
    previous = links.get("prev")
    return asked if previous is None else previous + 1


def _next_page(reply: Reply, asked: int, per_page: int) -> int | None:
    """The page after this one by rel=next; without any Link header, by Total. Never by a short page (P31)."""
    links = _links(reply)
    if "next" in links:
        return links["next"] or asked + 1
    total, size = reply.number("total"), reply.number("per-page") or per_page
    # A Link header without `next` is the last page's (P30), whatever Total says.
    more = not links and total is not None and asked * size < total
    return asked + 1 if more else None


def _endless(path: str) -> Unavailable:
    sentence = "Procore's listing names itself as its next page; the next cycle tries again."
    return Unavailable(sentence, side=Side.PROCORE, call=f"GET {path}")
