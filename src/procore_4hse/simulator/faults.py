"""Faults on demand: what networks, gateways and tired servers do to a request on its way."""

import json
import re
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from procore_4hse.simulator.wire import Clock, Dropped, Handler, Request, Response, http_date


class FaultKind(StrEnum):
    REFUSED_CONNECTION = "refused_connection"
    """No answer; the request was not processed."""
    LOST_ANSWER = "lost_answer"
    """No answer; the request was processed."""
    ERROR_BEFORE = "error_before"
    """500; not processed."""
    ERROR_AFTER = "error_after"
    """502; processed."""
    UNAVAILABLE = "unavailable"
    """503 with Retry-After (`delay`, else one second); not processed."""
    TOO_MANY = "too_many"
    """429, with Retry-After only when `delay` is given; not processed."""
    UNAUTHORIZED = "unauthorized"
    """401; not processed."""
    FORBIDDEN = "forbidden"
    """403; not processed."""
    HTML = "html"
    """200 with a page of HTML, as a captive portal or a login page answers; not processed."""
    HALF_JSON = "half_json"
    """Processed; the body of the answer ends half-way."""
    ERROR_INSIDE = "error_inside"
    """200 whose body is an error; not processed."""
    EMPTY = "empty"
    """200 with an empty list and totals of zero; not processed."""
    OTHER_SCHEMA = "other_schema"
    """Processed; every key of the answered object, or of each listed one, carries another name."""
    LATE = "late"
    """No answer now; processed once the clock has moved by `delay` (five minutes unless told)."""


PROCESSED_FIRST = frozenset({FaultKind.LOST_ANSWER, FaultKind.ERROR_AFTER, FaultKind.HALF_JSON, FaultKind.OTHER_SCHEMA})
NO_RECORDS = {
    "Total": "0",
    "X-Pagination-Total-Count": "0",
    "X-Pagination-Page-Count": "0",
    "X-Pagination-Current-Page": "1",
    "X-Pagination-Per-Page": "100",
}
STATUS = {
    FaultKind.ERROR_BEFORE: 500,
    FaultKind.ERROR_AFTER: 502,
    FaultKind.UNAVAILABLE: 503,
    FaultKind.TOO_MANY: 429,
    FaultKind.UNAUTHORIZED: 401,
    FaultKind.FORBIDDEN: 403,
}
LATE_BY = timedelta(minutes=5)


@dataclass
class Rule:
    """One fault in wait: `skip` matching requests pass first, then `times` of them meet it (None: all)."""

    kind: FaultKind
    method: str | None = None
    path: re.Pattern[str] | None = None
    where: Callable[[Request], bool] | None = None
    times: int | None = 1
    skip: int = 0
    delay: timedelta | None = None
    status: int | None = None

    def matches(self, request: Request) -> bool:
        return (
            (self.method is None or self.method == request.method)
            and (self.path is None or self.path.search(request.path) is not None)
            and (self.where is None or self.where(request))
        )

    def takes(self, request: Request) -> bool:
        """Whether this request meets the fault; counts it when it matches."""
        if self.times == 0 or not self.matches(request):
            return False
        if self.skip:
            self.skip -= 1
            return False
        if self.times is not None:
            self.times -= 1
        return True


@dataclass(frozen=True)
class Late:
    due: datetime
    handler: Handler
    request: Request


@dataclass
class Faults:
    """The faults between a client and the simulated systems. A request meets one at most: the oldest."""

    clock: Clock
    fired: Counter[FaultKind] = field(default_factory=Counter)
    on_request: list[Callable[[Request], None]] = field(default_factory=list)
    """Called with each request before anything is done with it; what they raise reaches the client's side."""
    on_response: list[Callable[[Request, Response], None]] = field(default_factory=list)
    """Called with each processed request and the system's own answer, before a fault spoils it."""
    latency: Callable[[], None] | None = None

    def __post_init__(self) -> None:
        self._rules: list[Rule] = []
        self._late: list[Late] = []
        self._lock = threading.RLock()

    def add(
        self,
        kind: FaultKind,
        *,
        method: str | None = None,
        path: str | None = None,
        where: Callable[[Request], bool] | None = None,
        times: int | None = 1,
        skip: int = 0,
        delay: timedelta | None = None,
        status: int | None = None,
    ) -> None:
        """`path` is a regular expression searched in the request's path; `status` replaces the usual one."""
        pattern = re.compile(path) if path is not None else None
        with self._lock:
            self._rules.append(Rule(kind, method, pattern, where, times, skip, delay, status))

    def clear(self) -> None:
        """No fault is in wait any more; late requests still arrive."""
        with self._lock:
            self._rules.clear()

    def wrap(self, handler: Handler) -> Handler:
        def faulty(request: Request) -> Response:
            self.settle_late()
            for callback in self.on_request:
                callback(request)
            if self.latency is not None:
                self.latency()
            rule = self._rule_for(request)
            return self._process(handler, request) if rule is None else self._fail(rule, handler, request)

        return faulty

    def settle_late(self) -> None:
        """Process the late requests whose moment has come, in the order of their moments."""
        with self._lock:
            now = self.clock()
            due = sorted((late for late in self._late if late.due <= now), key=lambda late: late.due)
            self._late = [late for late in self._late if late.due > now]
        # Outside the lock: a late request runs callbacks, which may add faults.
        for late in due:
            self._process(late.handler, late.request)

    def _rule_for(self, request: Request) -> Rule | None:
        with self._lock:
            return next((rule for rule in self._rules if rule.takes(request)), None)

    def _process(self, handler: Handler, request: Request) -> Response:
        response = handler(request)
        for callback in self.on_response:
            callback(request, response)
        return response

    def _fail(self, rule: Rule, handler: Handler, request: Request) -> Response:
        with self._lock:
            self.fired[rule.kind] += 1
            if rule.kind is FaultKind.LATE:
                self._late.append(Late(self.clock() + (rule.delay or LATE_BY), handler, request))
        response = self._process(handler, request) if rule.kind in PROCESSED_FIRST else None
        if rule.kind in {FaultKind.REFUSED_CONNECTION, FaultKind.LOST_ANSWER, FaultKind.LATE}:
            raise Dropped
        if rule.kind in STATUS:
            return self._error(rule)
        return self._spoiled(rule.kind, response)

    def _error(self, rule: Rule) -> Response:
        headers = {"Date": http_date(self.clock())}
        if rule.delay is not None or rule.kind is FaultKind.UNAVAILABLE:
            wait = rule.delay or timedelta(seconds=1)
            headers["Retry-After"] = str(int(wait.total_seconds()))
        return Response.of(rule.status or STATUS[rule.kind], {"error": f"simulated: {rule.kind}"}, headers)

    def _spoiled(self, kind: FaultKind, response: Response | None) -> Response:
        date = {"Date": http_date(self.clock())}
        if kind is FaultKind.HTML:
            page = b"<!DOCTYPE html><html><body><h1>Please sign in</h1></body></html>"
            return Response(200, page, {"Content-Type": "text/html; charset=utf-8", **date})
        if kind is FaultKind.ERROR_INSIDE:
            return Response.of(200, {"error": "Something went wrong"}, date)
        if kind is FaultKind.EMPTY or response is None:
            return Response.of(200, [], {**NO_RECORDS, **date})
        if kind is FaultKind.HALF_JSON:
            return Response(response.status, response.body[: len(response.body) // 2], response.headers)
        return _renamed(response)


def _renamed(response: Response) -> Response:
    if not response.body:
        return response
    body = json.dumps(_other_names(json.loads(response.body))).encode()
    return Response(response.status, body, response.headers)


def _other_names(data: Any) -> Any:
    if isinstance(data, list):
        return [_other_names(item) for item in data]
    return {f"new_{name}": value for name, value in data.items()} if isinstance(data, dict) else data
