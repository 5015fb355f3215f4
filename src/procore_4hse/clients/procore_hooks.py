"""Procore's hooks of one project, by name: the API v2.0, and v1.0 where a company has that one alone (P109)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from typing import Any
from urllib.parse import quote

from procore_4hse.apis import FailedDelivery, Hook, Trigger
from procore_4hse.clients.answer import anything, is_rows, objects
from procore_4hse.clients.http import Http
from procore_4hse.clients.transport import Query
from procore_4hse.errors import NotFound
from procore_4hse.models import text_id

NAMESPACE = "procore-fourhse-sync"
"""Keeps our hooks apart from those of others. The guides allow letters and dashes alone (P110)."""

RESOURCES = ("incidents",)
"""What a hook can tell of that we keep: no other resource of the tool is known (P117)."""

PER_PAGE = 100
PAGES = 10

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Edition:
    """How one version of the API is asked. `project` and `company` are filled in where they stand in braces."""

    hooks: str
    resources: str
    query: Query
    versions: tuple[str, ...]
    """Of what is sent, the best first (P111)."""
    version_key: str
    unsettled: tuple[str, ...]
    """The words by which it filters deliveries that did not arrive (P119)."""
    is_wrapped: bool
    """Answers hold their rows under `data`, and ids stand in the path; else bodies hold wrappers and the project."""


V2 = Edition(
    hooks="/rest/v2.0/companies/{company}/projects/{project}/webhooks/hooks",
    resources="/rest/v2.0/companies/{company}/projects/{project}/webhooks/resources",
    query=(),
    versions=("v4.0", "v2.0"),
    version_key="payload_version",
    unsettled=("retrying", "failed", "discarded"),
    is_wrapped=True,
)
V1 = Edition(
    hooks="/rest/v1.0/webhooks/hooks",
    resources="/rest/v1.0/webhooks/resources",
    query=(("project_id", "{project}"),),
    versions=("v2",),
    version_key="api_version",
    unsettled=("failing", "discarded"),
    is_wrapped=False,
)


class ProcoreHooks:
    """apis.HookApi over HTTP."""

    def __init__(self, http: Http, *, company_id: str, project_id: str) -> None:
        self._http = http
        self._places = {"company": quote(company_id, safe=""), "project": quote(project_id, safe="")}
        self._edition = V2

    def hooks(self) -> list[Hook]:
        try:
            return self._hooks()
        except NotFound:
            if self._edition is V1:
                raise
        self._edition = V1
        return self._hooks()

    def _hooks(self) -> list[Hook]:
        rows = self._rows(self._path(), [("namespace", NAMESPACE)])
        # Not every server may know the filter; what says it is another's is left alone.
        ours = (row for row in rows if row.get("namespace", NAMESPACE) == NAMESPACE)
        return [_hook(row, self._edition) for row in ours if text_id(row.get("id"))]

    def offered(self) -> tuple[str, list[Trigger]]:
        for version in self._edition.versions:
            query = [(self._edition.version_key, version)]
            rows = self._rows(self._filled(self._edition.resources), query)
            if found := [trigger for row in rows for trigger in _offers(row) if trigger.key[0] in RESOURCES]:
                return version, found
        return "", []

    def create(self, url: str, version: str, authorization: str) -> str:
        body = {self._edition.version_key: version, "namespace": NAMESPACE, "destination_url": url}
        answer = self._send("POST", self._path(), "hook", {**body, **_headers(authorization)})
        return text_id(answer["id"]) or ""

    def authorize(self, hook: str, authorization: str) -> None:
        self._send("PATCH", self._path(hook), "hook", _headers(authorization))

    def triggers(self, hook: str) -> list[Trigger]:
        more = [] if self._edition.is_wrapped else [("api_version", self._edition.versions[0])]
        rows = self._rows(f"{self._path(hook)}/triggers", more)
        return [Trigger(str(row.get("resource_name")), str(row.get("event_type"))) for row in rows]

    def add_trigger(self, hook: str, version: str, trigger: Trigger) -> None:
        body = {"resource_name": trigger.resource, "event_type": trigger.event}
        more = {} if self._edition.is_wrapped else {"api_version": version}
        self._send("POST", f"{self._path(hook)}/triggers", "trigger", body, **more)

    def remove(self, hook: str) -> None:
        self._http.write("DELETE", self._path(hook), query=self._query(), readable=anything)

    def failures(self, hook: str) -> list[FailedDelivery]:
        path = f"{self._path(hook)}/deliveries"
        return [
            _failed(row) for status in self._edition.unsettled for row in self._rows(path, [("filter[status]", status)])
        ]

    # How it is asked for ------------------------------------------------------------------------------------------

    def _path(self, hook: str | None = None) -> str:
        path = self._filled(self._edition.hooks)
        return path if hook is None else f"{path}/{quote(hook, safe='')}"

    def _filled(self, path: str) -> str:
        return path.format_map(self._places)

    def _query(self) -> Query:
        return [(name, self._filled(value)) for name, value in self._edition.query]

    def _rows(self, path: str, query: Query) -> list[Row]:
        """All rows, page by page, up to a thousand."""
        return [row for page in self._pages(path, [*self._query(), *query]) for row in page]

    def _pages(self, path: str, query: Query) -> Iterator[Sequence[Row]]:
        for page in count(1):
            paging = [("page", str(page)), ("per_page", str(PER_PAGE))]
            reply = self._http.read("GET", path, query=[*query, *paging], readable=self._holding(is_rows), reserve=True)
            rows = objects(self._bare(reply.body))
            yield rows
            total = reply.number("total")
            if page == PAGES or len(rows) < PER_PAGE or (total is not None and page * PER_PAGE >= total):
                return

    def _send(self, method: str, path: str, wrapper: str, body: Row, **more: Any) -> Row:
        """The row that the answer shows."""
        if self._edition.is_wrapped:
            whole: Row = body
        else:
            whole = {"project_id": int(self._places["project"]), **more, wrapper: body}
        reply = self._http.write(method, path, json=whole, readable=self._holding(_has_id))
        answer: Row = self._bare(reply.body)
        return answer

    def _holding(self, readable: Callable[[Any], bool]) -> Callable[[Any], bool]:
        if not self._edition.is_wrapped:
            return readable
        return lambda body: isinstance(body, dict) and readable(body.get("data"))

    def _bare(self, body: Any) -> Any:
        return body["data"] if self._edition.is_wrapped else body


def _has_id(body: Any) -> bool:
    return isinstance(body, dict) and text_id(body.get("id")) is not None


def _headers(authorization: str) -> Row:
    return {"destination_headers": {"Authorization": authorization}}


def _hook(row: Row, edition: Edition) -> Hook:
    return Hook(
        id=text_id(row["id"]) or "",
        url=str(row.get("destination_url") or ""),
        is_active=row.get("status") in (None, "active"),
        version=str(row.get(edition.version_key) or ""),
    )


def _offers(row: Row) -> Iterator[Trigger]:
    """A resource with its actions; v1.0 names those that it lacks."""
    lacks = row.get("except")
    actions = row.get("actions") or [each for each in ("create", "update", "delete") if each not in (lacks or ())]
    yield from (Trigger(str(row.get("name")), str(action)) for action in actions)


def _failed(row: Row) -> FailedDelivery:
    """The last attempt of a delivery; in v1.0 each attempt is a row of its own."""
    attempts = [each for each in row.get("delivery_attempts") or () if isinstance(each, dict)]
    last = max(attempts, key=_moment_text, default=row)
    status = last.get("response_status")
    at = _moment(_moment_text(last)) or _moment(str((row.get("payload") or {}).get("timestamp")))
    return FailedDelivery(at, status if isinstance(status, int) else None)


def _moment_text(attempt: Row) -> str:
    return str(attempt.get("completed_at") or attempt.get("started_at") or "")


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
