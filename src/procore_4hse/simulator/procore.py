"""A simulated Procore, written from the vendor's published documents alone.

Marks such as P61 in this package's comments are numbers of the list of facts about the Procore API. What that list
calls unknown is a dial (`ProcoreDials`). `handle` is the whole system: give it to `InProcess` or `LoopbackServer`.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from procore_4hse.simulator.faults import Faults
from procore_4hse.simulator.procore_dials import ProcoreDials
from procore_4hse.simulator.procore_directory import DirectoryEndpoints
from procore_4hse.simulator.procore_endpoints import Account, Call, Endpoint, Write, error_body
from procore_4hse.simulator.procore_hook_board import HookBoard
from procore_4hse.simulator.procore_hooks import HookEndpoints
from procore_4hse.simulator.procore_limits import PLENTY, RateLimits, Window
from procore_4hse.simulator.procore_listing import parse_query
from procore_4hse.simulator.procore_manual_edits import ManualEdits
from procore_4hse.simulator.procore_records import RecordEndpoints
from procore_4hse.simulator.procore_register import Register
from procore_4hse.simulator.procore_rules import Refusal, forbidden
from procore_4hse.simulator.procore_state import FIRST_ID
from procore_4hse.simulator.wire import Clock, Request, Response, http_date

__all__ = ["ProcoreDials", "Refusal", "SimulatedProcore", "Write"]

TOKEN_PATH = "/oauth/token"  # noqa: S105
TOKEN_LIFE = timedelta(seconds=5400)
"""90 minutes (P1)."""
NOT_FOUND_WITHOUT_COMPANY = re.compile(r"/rest/v1\.0/projects/\d+/(recycle_bin/)?incidents")
"""Paths that answer 404 instead of 400 when the company header is missing (payloads 2.3)."""
OVER_LIMIT = "You have surpassed the max number of requests for an hour. Please wait until your limit resets."


class SimulatedProcore(ManualEdits):
    def __init__(
        self,
        *,
        clock: Clock,
        dials: ProcoreDials | None = None,
        faults: Faults | None = None,
        company_id: int = 26972,
        client_id: str = "procore-client",
        client_secret: str = "procore-secret",  # noqa: S107
        seed: int = 0,
    ) -> None:
        """`seed` shifts the ids, so that two simulated companies share none."""
        self.clock = clock
        self.dials = dials or ProcoreDials()
        self.service_account_is_admin = True
        super().__init__(Register(clock, self.dials, FIRST_ID + seed * 10**7))
        self.account = self._open_account()
        self.calls: Counter[str] = Counter()
        self.refused: list[str] = []
        self.limits = RateLimits(clock)
        self._seed = seed
        self._credentials = (client_id, client_secret)
        self._tokens: dict[str, datetime] = {}
        self._records = RecordEndpoints(self.register, company_id, self.account, self._is_admin)
        directory = DirectoryEndpoints(self.register, company_id, self.account, self._is_admin)
        self.hooks = HookBoard(self.register, company_id)
        hooks = HookEndpoints(self.register, company_id, self.account, self._is_admin, self.hooks)
        self._table = [*directory.endpoints(), *self._records.endpoints(), *hooks.endpoints()]
        self._endpoints: dict[tuple[str, str], tuple[Endpoint | None, Mapping[str, int]]] = {}
        self.handle = faults.wrap(self._serve) if faults else self._serve

    @property
    def writes(self) -> list[Write]:
        return self._records.writes

    @property
    def mails(self) -> int:
        """Messages that writes over HTTP sent to people: distribution members and alerting filing types (P73)."""
        return self.register.mails

    def set_limits(self, hour: int = PLENTY, spike: int = PLENTY) -> None:
        """Calls per 60 minutes and per 10 seconds, counted from now."""
        self.limits = RateLimits(self.clock)
        self.limits.hour.limit, self.limits.spike.limit = hour, spike

    def expire_tokens(self) -> None:
        """Every token given so far is expired."""
        self._tokens = dict.fromkeys(self._tokens, self.clock())

    def _is_admin(self) -> bool:
        return self.service_account_is_admin

    def _open_account(self) -> Account:
        """The service account as a directory user; such names begin with a blank (payloads 2.1.7)."""
        login, name = "incident-sync-0a813c91@service.example.com", " incident-sync-0a813c91"
        user_id, login_id = self._add_user(name, login), self._state.take_id()
        self._state.logins[login_id] = name
        return Account(user_id, login_id, login, name)

    def _serve(self, request: Request) -> Response:
        with self.lock:
            window = self.limits.take()  # Before anything can fail: failed calls count too (P25).
            endpoint, ids = self._find_endpoint(request)
            self.calls[endpoint.name if endpoint else f"{request.method} {request.path}"] += 1
            try:
                response = self._answer(request, window, endpoint, ids)
            except Refusal as refusal:
                response = self._refuse(request, refusal)
            number = sum(self.calls.values())
        headers = {"Date": http_date(self.clock()), "x-request-id": f"{self._seed:08x}-{number:012x}"}
        limits = self.limits.headers(window) if self.dials.rate_headers_sent else {}
        return Response(response.status, response.body, {**response.headers, **headers, **limits})

    def _find_endpoint(self, request: Request) -> tuple[Endpoint | None, Mapping[str, int]]:
        asked = (request.method, request.path)
        if asked not in self._endpoints:
            self._endpoints[asked] = next(self._matching(*asked), (None, {}))
        return self._endpoints[asked]

    def _matching(self, method: str, path: str) -> Iterator[tuple[Endpoint, Mapping[str, int]]]:
        for endpoint in self._table:
            if endpoint.method == method and (match := endpoint.pattern.fullmatch(path)):
                yield endpoint, {name: int(text) for name, text in match.groupdict().items()}

    def _answer(self, request: Request, window: Window, endpoint: Endpoint | None, ids: Mapping[str, int]) -> Response:
        if window.is_over:
            return self._too_many(window)
        if (request.method, request.path) == ("POST", TOKEN_PATH):
            return self._give_token(request)
        if problem := self._token_problem(request):
            return problem
        self._check_company(request)
        if any(pattern.search(request.path) for pattern in self.forbidden):
            raise forbidden()
        if endpoint is None:
            raise Refusal(404, {"base": ["No such endpoint"]}, breach=True)
        return self._act(endpoint, request, ids)

    def _act(self, endpoint: Endpoint, request: Request, ids: Mapping[str, int]) -> Response:
        query = parse_query(request, endpoint.query, self.dials)
        if ids.get("company_id", self._records.company_id) != self._records.company_id:
            raise forbidden()
        if "project_id" in ids:
            self._records.project(ids["project_id"])
        return endpoint.act(Call(request, ids, query))

    def _refuse(self, request: Request, refusal: Refusal) -> Response:
        if refusal.breach:
            self.refused.append(f"{refusal.status} {request.method} {request.path}: {refusal}")
        return Response.of(refusal.status, error_body(refusal, self.dials.error_form))

    def _too_many(self, window: Window) -> Response:
        wait = max(1, int((window.resets_at - self.clock()).total_seconds()))
        headers = {"Retry-After": str(wait)} if self.dials.retry_after_on_429 else {}
        return Response.of(429, {"errors": OVER_LIMIT}, headers)

    def _give_token(self, request: Request) -> Response:
        """JSON and form bodies (P1, P5), client credentials only, and no refresh token (P2)."""
        try:
            is_json = "json" in request.headers.get("content-type", "")
            asked = request.json() if is_json else request.form()
        except ValueError:
            return Response.of(400, {"error": "invalid_request"})
        if asked.get("grant_type") != "client_credentials":
            return Response.of(400, {"error": "unsupported_grant_type"})
        if (asked.get("client_id"), asked.get("client_secret")) != self._credentials:
            words = "Client authentication failed due to unknown client"
            return Response.of(401, {"error": "invalid_client", "error_description": words})
        token = f"procore-token-{self._seed}-{len(self._tokens) + 1}"
        self._tokens[token] = self.clock() + TOKEN_LIFE
        life, now = int(TOKEN_LIFE.total_seconds()), int(self.clock().timestamp())
        return Response.of(200, {"access_token": token, "token_type": "Bearer", "expires_in": life, "created_at": now})

    def _token_problem(self, request: Request) -> Response | None:
        """The two 401 answers, of an expired token and of none (P12)."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme != "Bearer" or token not in self._tokens:
            return Response.of(401, {"error": "Invalid Token"})
        if self._tokens[token] <= self.clock():
            return Response.of(401, {"errors": "The access token expired"})
        return None

    def _check_company(self, request: Request) -> None:
        """P9, P16: a service account names its company on every call."""
        company = request.headers.get("procore-company-id")
        if company is None:
            status = 404 if NOT_FOUND_WITHOUT_COMPANY.match(request.path) else 400
            raise Refusal(status, {"base": ["Missing Procore-Company-Id header!"]}, breach=True)
        if company != str(self._records.company_id):
            raise forbidden()
