"""A simulated 4HSE: its token endpoint and v2 API as the vendor documents them, and what people do in its rows.

What no document settles is a dial (`FourHseDials`). It never reads the product's own code.
"""

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from procore_4hse.simulator.fourhse_contract import CHILDREN, ENTITIES, MAIL_FIELDS, Entity, Row, names_outside
from procore_4hse.simulator.fourhse_dials import FourHseDials
from procore_4hse.simulator.fourhse_limit import RateLimit
from procore_4hse.simulator.fourhse_listing import list_rows, read_question
from procore_4hse.simulator.fourhse_manual_edits import ManualEdits
from procore_4hse.simulator.fourhse_register import Register
from procore_4hse.simulator.fourhse_rules import Problem, Refusal
from procore_4hse.simulator.fourhse_tokens import TOKEN_PATH, Account, TokenEndpoint
from procore_4hse.simulator.wire import Clock, Handler, Request, Response, http_date

if TYPE_CHECKING:
    from procore_4hse.simulator.faults import Faults

METHODS = {"index": "POST", "create": "POST", "view": "GET", "update": "PUT", "delete": "DELETE"}
QUERY_NAMES = {"view": ("id",), "update": ("id",), "delete": ("id", "force")}
PERSONAL_TOKEN = "access-token"  # noqa: S105 a name in an address
STATUS_NAMES = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    422: "Unprocessable entity",
    429: "Too Many Requests",
    500: "Internal Server Error",
}


@dataclass(frozen=True)
class Write:
    """One write that was carried out over HTTP. `fields` is what the client sent, unknown names included."""

    operation: str
    """create, update or delete."""
    entity: str
    id: str
    fields: Mapping[str, Any]


@dataclass(frozen=True)
class Call:
    """A routed request. `row_id` is None where the route has none."""

    operation: str
    entity: Entity
    row_id: str | None
    request: Request

    @property
    def name(self) -> str:
        return f"{self.entity.name}/{self.operation}"


class SimulatedFourHse(ManualEdits):
    """4HSE in memory; `handle` answers a request. One lock guards all of it, edits by hand included.

    `calls` counts requests by name ("token", "incident/index", ...); `refused` has one line for every request that
    breaks the published contract or a documented rule; `writes` lists what was carried out; `mails` counts writes
    that name manager, assignee, watcher or to.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        dials: FourHseDials | None = None,
        faults: "Faults | None" = None,
        client_id: str = "4hse-client",
        client_secret: str = "",
        username: str = "sync@example.com",
        password: str = "4hse-password",  # noqa: S107
        personal_token: str = "4hse-personal-token",  # noqa: S107
        seed: int = 0,
    ) -> None:
        self.dials = dials or FourHseDials()
        register = Register(clock, self.dials, Random(seed))  # noqa: S311
        super().__init__(clock, register, threading.RLock(), Random(seed + 1))  # noqa: S311
        self.calls: Counter[str] = Counter()
        self.refused: list[str] = []
        self.writes: list[Write] = []
        self.mails = 0
        self._username = username
        self._personal_token = personal_token
        self._shuffling = Random(seed + 3)  # noqa: S311
        account = Account(client_id, client_secret, username, password)
        self._tokens = TokenEndpoint(clock, self.dials, account, Random(seed + 2))  # noqa: S311
        self._limit = RateLimit(clock)
        self._handler: Handler = faults.wrap(self._handle) if faults is not None else self._handle

    def handle(self, request: Request) -> Response:
        return self._handler(request)

    def set_limit(self, per_minute: int | None) -> None:
        """At most so many API calls in a minute, tokens not counted; None: no limit."""
        self._limit.per_minute = per_minute

    def end_session(self) -> None:
        """Tokens handed out so far stop working."""
        with self._lock:
            self._tokens.end_session()

    def _handle(self, request: Request) -> Response:
        with self._lock:
            answer = self._token(request) if request.path == TOKEN_PATH else self._api(request)
            headers = {**answer.headers, "Date": http_date(self.clock())}
            return Response(answer.status, answer.body, headers)

    def _token(self, request: Request) -> Response:
        self.calls["token"] += 1
        if request.method != "POST":
            return _error(405, "Method Not Allowed")
        return Response.of(*self._tokens.answer(request.form()))

    def _api(self, request: Request) -> Response:
        call = _route(request)
        self.calls[call.name if call else "unknown"] += 1
        if not self._lets_in(request):
            return _error(401, "Your request was made with invalid credentials.")
        if not self._limit.admits():  # Behind the token: Yii counts calls of a known user.
            return _error(429, "Rate limit exceeded.", self._limit.headers())
        answer = self._answer(request, call)
        if self.dials.rate_headers_sent and self._limit.per_minute is not None:
            return Response(answer.status, answer.body, {**answer.headers, **self._limit.headers()})
        return answer

    def _lets_in(self, request: Request) -> bool:
        """By a token of the header, or by the personal one in the address."""
        header = request.headers.get("authorization", "")
        return self._tokens.accepts(header) or dict(request.query).get(PERSONAL_TOKEN) == self._personal_token

    def _answer(self, request: Request, call: Call | None) -> Response:
        if call is None:
            return self._refuse(request, Refusal(404, (Problem("path", "Page not found."),)))
        try:
            self._check_call(call)
            return OPERATIONS[call.operation](self, call)
        except Refusal as refusal:
            return self._refuse(request, refusal)

    def _refuse(self, request: Request, refusal: Refusal) -> Response:
        documented = [f"{problem.field}: {problem.message}" for problem in refusal.problems if problem.is_documented]
        if documented:
            self.refused.append(f"{request.method} {request.path}: {'; '.join(documented)}")
        if refusal.status == 422 and self.dials.error_form == "yii":
            return Response.of(422, [{"field": item.field, "message": item.message} for item in refusal.problems])
        return _error(refusal.status, refusal.problems[0].message if refusal.problems else str(refusal))

    def _check_call(self, call: Call) -> None:
        expected = METHODS[call.operation]
        if call.request.method != expected:
            raise Refusal(405, (Problem("method", f"This URL can only handle {expected} requests."),))
        allowed = (PERSONAL_TOKEN, *QUERY_NAMES.get(call.operation, ()))
        if call.name == "person/view":
            allowed = (*allowed, "code", "project_id")
        for name in names_outside((name for name, _ in call.request.query), allowed):
            self.refused.append(f"{call.request.method} {call.request.path}: unknown query name {name}")

    def _index(self, call: Call) -> Response:
        question = read_question(call.entity, _json(call.request), self.dials)
        self.refused += [f"POST {call.request.path}: {breach}" for breach in question.breaches]
        if self.dials.suspended_index == "403":
            self._check_suspended({tested.name: wanted for tested, wanted in question.filters})
        rows = self._register.visible(call.entity, history=question.history)
        listing = list_rows(call.entity, self._register.rows, rows, question, self._shuffling)
        return Response.of(200, listing.rows, listing.headers)

    def _check_suspended(self, named: Mapping[str, Any]) -> None:
        """403 when a filter names a suspended project, or an office of one."""
        office = self._register.rows.get("office", named.get("subtenant_id", named.get("office_id")))
        project_id = named.get("tenant_id", named.get("project_id", office and office["project_id"]))
        self._register.check_project(ENTITIES["office"], {"project_id": project_id})

    def _view(self, call: Call) -> Response:
        row_id = call.row_id or self._person_by_code(call)
        row = self._register.find(call.entity, row_id)
        return Response.of(200, self._register.rows.detail(call.entity, row))

    def _person_by_code(self, call: Call) -> str:
        """The id of the person that `code` and `project_id` name, empty when there is none."""
        query = dict(call.request.query)
        wanted = (query.get("code"), query.get("project_id"))
        people = self._register.rows.tables["person"].values() if call.entity.name == "person" else ()
        return next((row["person_id"] for row in people if (row["code"], row["project_id"]) == wanted), "")

    def _create(self, call: Call) -> Response:
        sent = _fields_sent(call.request)
        row = self._register.create(call.entity, _assigned(call.entity, sent), creator=self._username)
        row_id = row[call.entity.key]
        self._note("create", call.entity, row_id, sent)
        headers = {"Location": f"/v2/{call.entity.name}/view/{row_id}"}
        return Response.of(self.dials.success_status_create, self._register.rows.bare(call.entity, row), headers)

    def _update(self, call: Call) -> Response:
        sent = _fields_sent(call.request)
        old = self._register.find(call.entity, call.row_id or "")
        row = self._register.update(call.entity, old, _assigned(call.entity, sent))
        self._note("update", call.entity, row[call.entity.key], sent)
        return Response.of(200, self._register.rows.bare(call.entity, row))

    def _delete(self, call: Call) -> Response:
        """force=true takes the row and its children; without it, children (or a dial) turn it into a preview."""
        row = self._register.find(call.entity, call.row_id or "")
        is_forced = dict(call.request.query).get("force", "false").lower() in ("true", "1")
        preview = self._preview(row[call.entity.key])
        if not is_forced and (any(preview.values()) or not self.dials.force_false_deletes_childless):
            return Response.of(self.dials.delete_preview_status, preview)
        self._register.delete(call.entity, row)
        self._note("delete", call.entity, row[call.entity.key], {})
        return Response(204) if self.dials.success_status_delete == 204 else Response.of(200, True)

    def _preview(self, row_id: str) -> dict[str, list[str]]:
        rows = self._register.rows
        return {
            word: [child[entity.key] for entity, child in rows.children(row_id, name)]
            for word, name in CHILDREN.items()
        }

    def _note(self, operation: str, entity: Entity, row_id: str, sent: Row) -> None:
        self.writes.append(Write(operation, entity.name, row_id, sent))
        self.mails += any(sent.get(name) is not None for name in MAIL_FIELDS)


OPERATIONS: dict[str, Callable[[SimulatedFourHse, Call], Response]] = {
    "index": SimulatedFourHse._index,
    "create": SimulatedFourHse._create,
    "view": SimulatedFourHse._view,
    "update": SimulatedFourHse._update,
    "delete": SimulatedFourHse._delete,
}


def _route(request: Request) -> Call | None:
    """The call that a path names, None when the API has no such path."""
    parts = request.path.strip("/").split("/")
    if len(parts) not in (3, 4) or parts[0] != "v2" or parts[1] not in ENTITIES:
        return None
    entity, operation = ENTITIES[parts[1]], parts[2]
    if operation not in METHODS or (operation not in ("index", "view") and not entity.is_writable):
        return None
    takes_id = operation not in ("index", "create")
    if len(parts) == 4 and not takes_id:
        return None
    row_id = unquote(parts[3]) if len(parts) == 4 else dict(request.query).get("id")
    return Call(operation, entity, row_id if takes_id else None, request)


def _json(request: Request) -> Any:
    try:
        return request.json()
    except ValueError as error:
        raise Refusal(400, (Problem("body", "Invalid JSON data in request body."),)) from error


def _fields_sent(request: Request) -> Row:
    sent = _json(request)
    if not isinstance(sent, dict):
        raise Refusal(400, (Problem("body", "Invalid JSON data in request body."),))
    return sent


def _assigned(entity: Entity, sent: Row) -> Row:
    """What the server assigns of a body: unknown names, joined and server-set fields are dropped without a word."""
    return {name: value for name, value in sent.items() if name in entity.writable}


def _error(status: int, message: str, headers: Mapping[str, str] | None = None) -> Response:
    body = {"name": STATUS_NAMES[status], "message": message, "code": 0, "status": status}
    return Response.of(status, body, headers)
