"""The endpoints of the simulated Procore: what each path does, for callers whose token and company are in order."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from procore_4hse.simulator import procore_contract as contract
from procore_4hse.simulator.procore_answers import Answers, Row
from procore_4hse.simulator.procore_contract import CHILD_KINDS, KINDS, Fields, Kind
from procore_4hse.simulator.procore_listing import (
    DEFAULT_PAGE,
    Query,
    RecordListing,
    cut_page,
    parse_query,
    select_rows,
)
from procore_4hse.simulator.procore_register import Author, Register
from procore_4hse.simulator.procore_rules import Refusal, forbidden, not_found
from procore_4hse.simulator.procore_state import Project, Record, part_name
from procore_4hse.simulator.wire import Request, Response

ACTIVE_ONLY = frozenset({"hazards", "contributing_behaviors", "contributing_conditions", "harm_sources"})
"""Lists that leave out inactive entries unless all=true (P98)."""


@dataclass(frozen=True)
class Account:
    """The service account that calls."""

    user_id: int
    login_id: int
    login: str
    name: str


@dataclass(frozen=True)
class Write:
    """A write that succeeded over HTTP. `verb` is POST, PATCH, DELETE or RESTORE."""

    verb: str
    kind: str
    id: int
    body: Mapping[str, Any]


@dataclass(frozen=True)
class Call:
    """One request on its endpoint, its path's ids and query read."""

    request: Request
    ids: Mapping[str, int]
    query: Query


@dataclass(frozen=True)
class Endpoint:
    method: str
    template: str
    query: Fields
    act: Callable[[Call], Response]
    pattern: re.Pattern[str] = field(init=False)

    def __post_init__(self) -> None:
        pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>\\d+)", self.template)
        object.__setattr__(self, "pattern", re.compile(pattern))

    @property
    def name(self) -> str:
        return f"{self.method} {self.template}"


@dataclass
class Endpoints:
    register: Register
    company_id: int
    account: Account
    is_admin: Callable[[], bool]
    writes: list[Write] = field(default_factory=list)
    tokens: dict[tuple[str, str], int] = field(default_factory=dict)
    """Idempotency tokens seen: (path, token) -> record id."""

    @property
    def answers(self) -> Answers:
        return Answers(self.register.state, self.register.dials)

    def table(self) -> list[Endpoint]:
        """All endpoints; those with fixed last parts stand before those with an id there."""
        return [*self._directory(), *self._pickers(), *self._children(), *self._of_kind(KINDS[0])]

    def call(self, endpoint: Endpoint, request: Request, ids: Mapping[str, int]) -> Response:
        query = parse_query(request, endpoint.query, self.register.dials)
        if ids.get("company_id", self.company_id) != self.company_id:
            raise forbidden()
        if "project_id" in ids:
            self._project(ids["project_id"])
        return endpoint.act(Call(request, ids, query))

    def may_see(self, record: Record) -> bool:
        """P84: private incidents are for their creator, admins, distribution members and assignees."""
        incident = self._incident(record)
        values, account = incident.values, self.account
        return (
            not values["private"]
            or self.is_admin()
            or incident.author_id == account.user_id
            or account.user_id in values["distribution_member_ids"]
            or account.login_id in values["assignee_ids"]
        )

    # Which path does what

    def _children(self) -> Iterator[Endpoint]:
        for kind in CHILD_KINDS:
            yield from self._of_kind(kind)

    def _of_kind(self, kind: Kind) -> Iterator[Endpoint]:
        is_incident = kind.name == "incident"
        path = "incidents" if is_incident else f"incidents/{kind.plural}"
        live = f"/rest/v1.0/projects/{{project_id}}/{path}"
        bin_ = f"/rest/{kind.bin_version}/projects/{{project_id}}/recycle_bin/{path}"
        one = contract.NO_QUERY if is_incident else contract.OF_INCIDENT
        validations = contract.VALIDATIONS if kind.validates else contract.NO_QUERY
        yield Endpoint("GET", live, kind.query, partial(self._list, kind))
        yield Endpoint("POST", live, validations, partial(self._create, kind))
        yield Endpoint("GET", f"{live}/{{id}}", one, partial(self._show, kind))
        yield Endpoint("PATCH", f"{live}/{{id}}", {**one, **validations}, partial(self._edit, kind))
        yield Endpoint("DELETE", f"{live}/{{id}}", one, partial(self._delete, kind))
        yield Endpoint("GET", bin_, kind.bin_query, partial(self._list_bin, kind))
        yield Endpoint("GET", f"{bin_}/{{id}}", one, partial(self._show_recycled, kind))
        yield Endpoint("PATCH", f"{bin_}/{{id}}/restore", one, partial(self._restore, kind))

    def _directory(self) -> Iterator[Endpoint]:
        v0, v1 = "/rest/v1.0", "/rest/v1.1"
        project = "/projects/{project_id}"
        yield Endpoint("GET", f"{v0}/me", contract.ME, self._me)
        yield Endpoint("GET", f"{v0}/companies", contract.COMPANIES, self._companies)
        yield Endpoint("GET", f"{v1}/projects", contract.PROJECTS, self._list_projects)
        yield Endpoint("GET", f"{v0}/projects/{{id}}", contract.PROJECT, self._show_project)
        yield Endpoint("GET", f"{v0}{project}/users", contract.USERS, self._list_users)
        yield Endpoint("GET", f"{v0}{project}/users/{{id}}", contract.NO_QUERY, self._show_user)
        yield Endpoint("GET", f"{v0}{project}/people", contract.PROJECT_PEOPLE, self._list_people)
        yield Endpoint("GET", f"{v0}/companies/{{company_id}}/people", contract.COMPANY_PEOPLE, self._list_people)
        yield Endpoint("GET", f"{v1}{project}/vendors", contract.VENDORS, partial(self._entries, "vendors"))
        for name, fields in (("locations", contract.LOCATIONS), ("managed_equipment", contract.MANAGED_EQUIPMENT)):
            yield Endpoint("GET", f"{v0}{project}/{name}", fields, partial(self._entries, name))
        yield Endpoint("GET", f"{v0}{project}/locations/{{location_id}}", contract.NO_QUERY, self._show_location)
        yield Endpoint("GET", f"{v0}{project}/incidents/configuration", contract.NO_QUERY, self._configuration)

    def _pickers(self) -> Iterator[Endpoint]:
        for path, fields in contract.COMPANY_PICKERS.items():
            template = f"/rest/v1.0/companies/{{company_id}}/{path}"
            name = path.rpartition("/")[2]
            yield Endpoint("GET", template, fields, partial(self._picker, name))
        for name, member in contract.FILTER_OPTIONS.items():
            template = f"/rest/v1.0/projects/{{project_id}}/incidents/filter_options/{name}"
            yield Endpoint("GET", template, contract.NO_QUERY, partial(self._options, member))

    # Records

    def _list(self, kind: Kind, call: Call) -> Response:
        shelf = self.register.state.shelf(kind.name, call.ids["project_id"])
        return self._records(kind, call, (one for one in shelf if self._is_listed(one) and self.may_see(one)))

    def _list_bin(self, kind: Kind, call: Call) -> Response:
        self._require_admin()
        shelf = self.register.state.shelf(kind.name, call.ids["project_id"])
        return self._records(kind, call, (one for one in shelf if one.deleted_at is not None), in_bin=True)

    def _is_listed(self, record: Record) -> bool:
        went_along = record.deleted_with_incident and not self.register.dials.delete_hides_children_in_lists
        return record.deleted_at is None or went_along

    def _records(self, kind: Kind, call: Call, candidates: Iterable[Record], *, in_bin: bool = False) -> Response:
        query, is_incident = call.query, kind.name == "incident"
        if is_incident and self.register.dials.time_unknown_default_hides:
            query = Query(query.values, {"time_unknown": False, **query.filters})
        listing = RecordListing(self.register, self.answers, self._project(call.ids["project_id"]), query)
        order = "-number" if is_incident else "-full_number" if kind.counted else "-created_at"
        rows = listing.select(candidates, order)
        shape = self.answers.row
        if is_incident and not in_bin:
            page = cut_page(rows, call.request, query, default=1000, cap=1000, strict=True)
        else:
            cap = self.register.dials.child_page_cap
            page = cut_page(rows, call.request, query, default=DEFAULT_PAGE, cap=cap, strict=False)
        return Response.of(200, [shape(one) for one in page.rows], page.headers)

    def _show(self, kind: Kind, call: Call) -> Response:
        recycled_too = self.register.dials.recycled_get_answers == 200
        return Response.of(200, self.answers.show(self._find(kind, call, recycled_too=recycled_too)))

    def _show_recycled(self, kind: Kind, call: Call) -> Response:
        self._require_admin()
        return Response.of(200, self.answers.show(self._in_bin(kind, call)))

    def _create(self, kind: Kind, call: Call) -> Response:
        key = (call.request.path, call.request.headers.get("idempotency-token", ""))
        first = self.register.state.records.get(self.tokens.get(key, 0))
        if self.register.dials.idempotency_token_honoured and first is not None:
            return Response.of(200, self.answers.show(first))
        body = self._body(kind, call)
        project = self._project(call.ids["project_id"])
        record = self.register.create(kind, project, body, Author(self.account.user_id))
        if key[1]:
            self.tokens[key] = record.id
        self.writes.append(Write("POST", kind.name, record.id, body))
        return Response.of(201, self.answers.show(record))

    def _edit(self, kind: Kind, call: Call) -> Response:
        record = self._find(kind, call)
        self._require_own(record)
        body = self._body(kind, call)
        self.register.edit(record, body, Author(self.account.user_id))
        self.writes.append(Write("PATCH", kind.name, record.id, body))
        return Response.of(200, self.answers.show(record))

    def _delete(self, kind: Kind, call: Call) -> Response:
        record = self._find(kind, call)
        self._require_admin()
        self.register.delete(record)
        self.writes.append(Write("DELETE", kind.name, record.id, {}))
        return Response(204)

    def _restore(self, kind: Kind, call: Call) -> Response:
        self._require_admin()
        record = self._in_bin(kind, call)
        self.register.restore(record)
        self.writes.append(Write("RESTORE", kind.name, record.id, {}))
        return Response(200)

    def _find(self, kind: Kind, call: Call, *, recycled_too: bool = False) -> Record:
        state = self.register.state
        record = state.records.get(call.ids["id"])
        if record is None or (record.deleted_at is not None and not recycled_too):
            raise not_found()
        self._belongs(record, kind, call)
        if not self.may_see(record):
            raise Refusal(self.register.dials.private_get_answers, not_found().problems)
        return record

    def _in_bin(self, kind: Kind, call: Call) -> Record:
        record = self.register.recycled(kind.name, call.ids["id"])
        self._belongs(record, kind, call)
        return record

    def _belongs(self, record: Record, kind: Kind, call: Call) -> None:
        """Ids of parents count: a record of another project or incident is not found (payloads 2.4)."""
        incident_id = call.query.values.get("incident_id", record.incident_id)
        if (record.kind, record.project_id, record.incident_id) != (kind.name, call.ids["project_id"], incident_id):
            raise not_found()

    def _body(self, kind: Kind, call: Call) -> Mapping[str, Any]:
        """The record's members out of their wrapper (P59)."""
        if "json" not in call.request.headers.get("content-type", ""):
            raise Refusal(406, {"base": ["content type must be application/json"]}, breach=True)
        try:
            body = call.request.json()
        except ValueError as error:
            raise Refusal(400, {"base": ["body is not JSON"]}, breach=True) from error
        members = body.get(kind.wrapper) if isinstance(body, dict) else None
        if not isinstance(members, dict):
            words = f"param is missing or the value is empty: {kind.wrapper}"
            raise Refusal(400, {"base": [words]}, breach=True)
        return members

    def _incident(self, record: Record) -> Record:
        return record if record.incident_id is None else self.register.state.records[record.incident_id]

    def _require_admin(self) -> None:
        """P56: deleting, the bin and the configuration are for admins of the tool."""
        if not self.is_admin():
            raise forbidden()

    def _require_own(self, record: Record) -> None:
        """P85: who is no admin edits only what they created."""
        if not self.is_admin() and self._incident(record).author_id != self.account.user_id:
            raise forbidden()

    def _project(self, project_id: int) -> Project:
        project = self.register.project(project_id)
        if project.hidden:
            raise forbidden()
        return project

    # Company, projects and people

    def _me(self, call: Call) -> Response:
        row: Row = {"id": self.account.user_id, "login": self.account.login}
        return Response.of(200, row | ({"name": self.account.name} if call.query.values else {}))

    def _companies(self, call: Call) -> Response:
        row = {"id": self.company_id, "name": "Simulated Builders", "is_active": True, "logo_url": None}
        return self._rows([row | {"my_company": True}], call)

    def _list_projects(self, call: Call) -> Response:
        self._require_company_query(call)
        view = call.query.values.get("view", "normal")
        status = call.query.filters.get("by_status", "Active")
        visible = [one for one in self.register.state.projects.values() if not one.hidden and status != "Inactive"]
        if view == "ids":
            return Response.of(200, [one.id for one in visible], {"Total": str(len(visible)), "Per-Page": "200000"})
        rows = [self.answers.project(one, view=view) for one in visible]
        found = select_rows(rows, call.query, self.register.dials)
        page = cut_page(found, call.request, call.query, default=DEFAULT_PAGE, cap=300, strict=True)
        return Response.of(200, page.rows, page.headers)

    def _show_project(self, call: Call) -> Response:
        self._require_company_query(call)
        view = "compact" if "view" in call.query.values else "show"
        return Response.of(200, self.answers.project(self._project(call.ids["id"]), view=view))

    def _require_company_query(self, call: Call) -> None:
        if call.query.values.get("company_id") != self.company_id:
            raise Refusal(400, {"base": ["Missing Project or Company ID"]}, breach=True)

    def _list_users(self, call: Call) -> Response:
        view = call.query.values.get("view", "normal")
        people = self.register.state.people.values()
        here = (one for one in people if one.project_id == call.ids["project_id"] and one.user_id and one.active)
        return self._rows((self.answers.user(one, view=view) for one in here), call)

    def _show_user(self, call: Call) -> Response:
        people = self.register.state.people.values()
        here = (one for one in people if one.project_id == call.ids["project_id"])
        person = next((one for one in here if one.user_id == call.ids["id"]), None)
        if person is None:
            raise not_found()
        return Response.of(200, self.answers.user(person))

    def _list_people(self, call: Call) -> Response:
        view = call.query.values.get("view", "normal")
        project_id = call.ids.get("project_id")
        people = self.register.state.people.values()
        here = (one for one in people if project_id in (None, one.project_id))
        return self._rows((self.answers.person(one, view=view) for one in here), call)

    def _entries(self, name: str, call: Call) -> Response:
        entries = self.register.state.lists[name].values()
        here = (one.row for one in entries if one.project_id in (None, call.ids["project_id"]))
        return self._rows(here, call)

    def _show_location(self, call: Call) -> Response:
        entry = self.register.state.lists["locations"].get(call.ids["location_id"])
        if entry is None or entry.project_id != call.ids["project_id"]:
            raise not_found()
        return Response.of(200, entry.row)

    def _configuration(self, call: Call) -> Response:
        self._require_admin()
        row = {"project_id": call.ids["project_id"], "private_by_default": False, "default_distribution": []}
        return Response.of(200, row)

    # Lists of words

    def _picker(self, name: str, call: Call) -> Response:
        if name in fixed_words():
            return Response.of(200, fixed_words()[name])
        shows_all = call.query.values.get("all", name not in ACTIVE_ONLY) or "active" in call.query.filters
        entries = self.register.state.lists[name].values()
        return self._rows((one.row for one in entries if one.active or shows_all), call)

    def _options(self, member: str, call: Call) -> Response:
        """Key and value of what the project's visible incidents use now."""
        if member == "status":
            return Response.of(200, [{"key": one, "value": one.capitalize()} for one in contract.WORDS["status"]])
        shelf = self.register.state.shelf("incident", call.ids["project_id"])
        live = [one.values[member] for one in shelf if one.deleted_at is None and self.may_see(one)]
        used = {one for value in live for one in (value if isinstance(value, list) else [value]) if one is not None}
        return Response.of(200, [{"key": str(one), "value": self._option_name(member, one)} for one in sorted(used)])

    def _option_name(self, member: str, one: int) -> str:
        if member == "assignee_ids":
            return self.register.state.logins[one]
        return str(self.register.state.lists[contract.REFERENCES[member]][one].row["name"])

    def _rows(self, rows: Iterable[Row], call: Call) -> Response:
        found = select_rows(rows, call.query, self.register.dials)
        cap = self.register.dials.child_page_cap
        page = cut_page(found, call.request, call.query, default=DEFAULT_PAGE, cap=cap, strict=False)
        return Response.of(200, page.rows, page.headers)


def fixed_words() -> Mapping[str, list[Row]]:
    """Label and value of the words that the contract fixes; these lists have no pages."""
    labels = {
        "affected_body_parts": {key: part_name(key) for key in contract.BODY_PART_KEYS},
        "filing_types": {word: word.replace("_", " ").capitalize() for word in contract.FILING_TYPES},
        "statuses": {word: word.capitalize() for word in contract.WORDS["status"]},
        "units_of_measure": {word: word for word in contract.WORDS["unit"]},
    }
    return {
        name: [{"label": label, "value": value} for value, label in words.items()] for name, words in labels.items()
    }


def error_body(refusal: Refusal, form: str) -> Any:
    """The three shapes that error bodies were seen in (P78)."""
    if form == "string":
        return {"errors": str(refusal)}
    if form == "nested":
        return {"error": {"code": refusal.status, "message": str(refusal), "details": refusal.problems}}
    return {"errors": dict(refusal.problems)}
