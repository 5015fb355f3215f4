"""The record endpoints of the simulated Procore: seven kinds, each listed, shown, written, recycled and restored."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from procore_4hse.simulator import procore_contract as contract
from procore_4hse.simulator.procore_contract import CHILD_KINDS, KINDS, Kind
from procore_4hse.simulator.procore_endpoints import Call, Endpoint, Endpoints, Write
from procore_4hse.simulator.procore_listing import DEFAULT_PAGE, Query, RecordListing, cut_page
from procore_4hse.simulator.procore_register import Author
from procore_4hse.simulator.procore_rules import Refusal, forbidden, not_found
from procore_4hse.simulator.procore_state import Record
from procore_4hse.simulator.wire import Response


@dataclass
class RecordEndpoints(Endpoints):
    writes: list[Write] = field(default_factory=list)
    tokens: dict[tuple[str, str], int] = field(default_factory=dict)
    """Idempotency tokens seen: (path, token) -> record id."""

    def endpoints(self) -> Iterator[Endpoint]:
        """Children first: their fixed last part stands where an incident's id does."""
        for kind in (*CHILD_KINDS, KINDS[0]):
            yield from self._of_kind(kind)

    def _of_kind(self, kind: Kind) -> Iterator[Endpoint]:
        is_incident = kind.name == "incident"
        path = "incidents" if is_incident else f"incidents/{kind.plural}"
        live = f"/rest/v1.0/projects/{{project_id}}/{path}"
        bin_ = f"/rest/{kind.bin_version}/projects/{{project_id}}/recycle_bin/{path}"
        of_one = contract.NO_QUERY if is_incident else contract.OF_INCIDENT
        validations = contract.VALIDATIONS if kind.validates else contract.NO_QUERY
        # The text of a near miss's create names what its parameters lack (P76): no breach, whatever comes of it.
        named = contract.VALIDATIONS if kind.name == "near_miss" else validations
        yield Endpoint("GET", live, kind.query, partial(self._list, kind))
        yield Endpoint("POST", live, named, partial(self._create, kind))
        yield Endpoint("GET", f"{live}/{{id}}", of_one, partial(self._show, kind))
        yield Endpoint("PATCH", f"{live}/{{id}}", {**of_one, **validations}, partial(self._edit, kind))
        yield Endpoint("DELETE", f"{live}/{{id}}", of_one, partial(self._delete, kind))
        yield Endpoint("GET", bin_, kind.bin_query, partial(self._list_bin, kind))
        yield Endpoint("GET", f"{bin_}/{{id}}", of_one, partial(self._show_recycled, kind))
        yield Endpoint("PATCH", f"{bin_}/{{id}}/restore", of_one, partial(self._restore, kind))

    def _list(self, kind: Kind, call: Call) -> Response:
        kept = self.register.state.records_of(kind.name, call.ids["project_id"])
        return self._records(
            kind, call, (record for record in kept if self._is_listed(record) and self.may_see(record))
        )

    def _list_bin(self, kind: Kind, call: Call) -> Response:
        self.require_admin()
        kept = self.register.state.records_of(kind.name, call.ids["project_id"])
        return self._records(kind, call, (record for record in kept if record.deleted_at is not None), in_bin=True)

    def _is_listed(self, record: Record) -> bool:
        went_along = record.deleted_with_incident and not self.register.dials.delete_hides_children_in_lists
        return record.deleted_at is None or went_along

    def _records(self, kind: Kind, call: Call, candidates: Iterable[Record], *, in_bin: bool = False) -> Response:
        query, is_incident = call.query, kind.name == "incident"
        if is_incident and self.register.dials.time_unknown_default_hides:
            query = Query(query.values, {"time_unknown": False, **query.filters})
        listing = RecordListing(self.register, self.answers, self.project(call.ids["project_id"]), query)
        order = "-number" if is_incident else "-full_number" if kind.counted else "-created_at"
        rows = listing.select(candidates, order)
        shape = self.answers.row
        if is_incident and not in_bin:
            page = cut_page(rows, call.request, query, default=1000, cap=1000, strict=True)
        else:
            cap = self.register.dials.child_page_cap
            page = cut_page(rows, call.request, query, default=DEFAULT_PAGE, cap=cap, strict=False)
        return Response.of(200, [shape(record) for record in page.rows], page.headers)

    def _show(self, kind: Kind, call: Call) -> Response:
        recycled_too = self.register.dials.recycled_get_answers == 200
        return Response.of(200, self.answers.show(self._find(kind, call, recycled_too=recycled_too)))

    def _show_recycled(self, kind: Kind, call: Call) -> Response:
        self.require_admin()
        return Response.of(200, self.answers.show(self._in_bin(kind, call)))

    def _create(self, kind: Kind, call: Call) -> Response:
        key = (call.request.path, call.request.headers.get("idempotency-token", ""))
        first = self.register.state.records.get(self.tokens.get(key, 0))
        if self.register.dials.idempotency_token_honoured and first is not None:
            return Response.of(200, self.answers.show(first))
        body = self._body(kind, call)
        self._validate(kind, call, body)
        project = self.project(call.ids["project_id"])
        record = self.register.create(kind, project, body, Author(self.account.user_id))
        if key[1]:
            self.tokens[key] = record.id
        self.writes.append(Write("POST", kind.name, record.id, body))
        return Response.of(201, self.answers.show(record))

    def _edit(self, kind: Kind, call: Call) -> Response:
        record = self._find(kind, call)
        self._require_own(record)
        body = self._body(kind, call)
        self._validate(kind, call, {**record.values, **body})
        self.register.edit(record, body, Author(self.account.user_id))
        self.writes.append(Write("PATCH", kind.name, record.id, body))
        return Response.of(200, self.answers.show(record))

    def _delete(self, kind: Kind, call: Call) -> Response:
        record = self._find(kind, call)
        self.require_admin()
        self.register.delete(record, Author(self.account.user_id))
        self.writes.append(Write("DELETE", kind.name, record.id, {}))
        return Response(204)

    def _restore(self, kind: Kind, call: Call) -> Response:
        self.require_admin()
        record = self._in_bin(kind, call)
        self.register.restore(record, Author(self.account.user_id))
        self.writes.append(Write("RESTORE", kind.name, record.id, {}))
        return Response(200)

    def _find(self, kind: Kind, call: Call, *, recycled_too: bool = False) -> Record:
        state = self.register.state
        record = state.records.get(call.ids["id"])
        if record is None or (record.deleted_at is not None and not recycled_too):
            raise not_found()
        self._belongs(record, kind, call)
        if not self.may_see(record):  # Told as missing or as forbidden: a 404 may stand for a 403 (P19).
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

    def _validate(self, kind: Kind, call: Call, after: Mapping[str, Any]) -> None:
        """What the company's field set requires is only enforced when the write asks for it (P75)."""
        required = self.register.state.required.get(kind.name, set())
        unmet = sorted(name for name in required if after.get(name) in (None, ""))
        runs = kind.validates or self.register.dials.near_miss_create_validates
        if unmet and runs and call.query.values.get("run_configurable_validations"):
            raise Refusal(self.register.dials.validation_status, {name: ["can't be blank"] for name in unmet})

    def _require_own(self, record: Record) -> None:
        """P85: who is no admin edits only what they created."""
        if not self.is_admin() and self.incident_of(record).author_id != self.account.user_id:
            raise forbidden()
