"""The wire to one vendor: single attempts with time-outs, patient repetition, a log line for each."""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from importlib.metadata import version
from ipaddress import ip_address
from typing import Any
from urllib.parse import quote, quote_plus

import httpx
import structlog
from tenacity import RetryCallState, Retrying, retry_if_exception_type

from procore_4hse.clients.answer import Reply, parse
from procore_4hse.clients.budget import Budget, backoff, http_date, retry_after
from procore_4hse.clients.surroundings import cause_of, certificates, with_proxies
from procore_4hse.errors import ConfigurationError, Problem, Unavailable
from procore_4hse.models import Side

log = structlog.get_logger()

TIMEOUT = httpx.Timeout(connect=5.0, read=15.0, write=5.0, pool=5.0)
"""Seconds that each part of an attempt may take; `read` counts between two pieces of an answer."""

ANSWER_WITHIN = timedelta(seconds=20)
"""An answer that still trickles in so long after its request began is given up."""

ATTEMPT_LASTS = timedelta(seconds=40)
"""No attempt lasts longer: ANSWER_WITHIN, and one read time-out for the last piece."""

TRIES = 5
TRY_FOR = timedelta(seconds=60)

NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError, httpx.UnsupportedProtocol)
"""Failures before the request left: the vendor has certainly not acted on it."""

NO_ANSWER = "no_answer"
OUTCOMES = {401: "denied", 403: "denied", 404: "not_found", 429: "limited"}
"""How an attempt is counted by its status, where not by the hundred it is in."""

Query = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Call:
    """A request before it has a token. `reserve` lets it use the part of the budget kept for recovery and push."""

    method: str
    url: str
    path: str
    query: Query = field(default=(), repr=False)
    json: Any = field(default=None, repr=False)
    form: Mapping[str, str] | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)
    reserve: bool = False

    @property
    def name(self) -> str:
        return f"{self.method} {self.shown_path}"

    @property
    def shown_path(self) -> str:
        """The path with `{id}` for every id: one name per endpoint in logs and errors."""
        return "/".join("{id}" if _is_id(part) else part for part in self.path.split("/"))


class NoAnswer(Exception):
    """No usable answer. `sent` is False when the request certainly never left."""

    def __init__(
        self,
        reason: str,
        *,
        sent: bool = True,
        status: int | None = None,
        wait: timedelta | None = None,
        remedy: str | None = None,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.remedy = remedy
        """What somebody can do about it, when the reason tells."""
        self.sent = sent
        self.status = status
        self.wait = wait
        """What Retry-After asked for."""

    @classmethod
    def by(cls, reply: Reply) -> NoAnswer:
        reason = f"status {reply.status}" if not 200 <= reply.status < 300 else "unreadable answer"
        return cls(reason, status=reply.status, wait=retry_after(reply.headers, reply.date))


class Transport:
    """Sends to one vendor with one credential's budget. Thread-safe. Redirects are not followed."""

    def __init__(
        self,
        side: Side,
        budget: Budget,
        *,
        clock: Callable[[], datetime],
        sleep: Callable[[float], None],
        random: Callable[[], float],
        transport: httpx.BaseTransport | None = None,
        urls: Mapping[str, str],
        token_name: str | None = None,
    ) -> None:
        """`token_name` is the query name in which tokens travel; without one, they go in a header."""
        refuse_open_urls(urls)
        self._token_name = token_name
        self.side = side
        self.budget = budget
        self.clock = clock
        self._sleep = sleep
        self._random = random
        self._made = threading.local()
        # A proxy of the environment must not see what goes to loopback.
        trust_env = not all(is_loopback(httpx.URL(url).host) for url in urls.values())
        self._client = with_proxies(lambda: _connect(transport, trust_env))

    @property
    def calls(self) -> int:
        """Calls that this thread has made: routes run side by side, one thread each."""
        return self.asked.total()

    @property
    def asked(self) -> Counter[str]:
        """The same by what came of them: ok, not_found, refused, denied, limited, unavailable or no_answer."""
        return Counter(getattr(self._made, "asked", None))

    def close(self) -> None:
        self._client.close()

    def ask(self, call: Call, token: str | None = None) -> Reply:
        """One attempt; any status comes back as a Reply. Raises NoAnswer when no whole one came."""
        started, outcome = self.clock(), NO_ANSWER
        try:
            reply = self._transmit(call, token, started)
            outcome = _outcome(reply.status)
        except httpx.HTTPError as error:
            self._log_call(call, started, None, failure=type(error).__name__)
            reason, remedy = cause_of(error)
            raise NoAnswer(reason, sent=not isinstance(error, NOT_SENT), remedy=remedy) from error
        finally:
            self._made.asked = self.asked + Counter((outcome,))
        self._log_call(call, started, reply.status, request_id=reply.headers.get("x-request-id"))
        self.budget.observe(reply.status, reply.headers, http_date(reply.headers.get("date")))
        return reply

    def with_retry(self, call: Call, attempt: Callable[[], Reply], *, remedy: str) -> Reply:
        """Repeats an attempt that may be repeated until it works, else raises Unavailable that ends in `remedy`."""
        started = self.clock()
        retrying = Retrying(
            retry=retry_if_exception_type(NoAnswer),
            wait=self._pause,
            stop=lambda state: self._is_enough(state, started),
            before_sleep=lambda state: self._log_retry(call, state),
            sleep=self._sleep,
            reraise=True,
        )
        try:
            return retrying(attempt)
        except NoAnswer as error:
            sentence = (
                f"{self.side.label} gave no usable answer to {call.name} ({error.reason}); {error.remedy or remedy}"
            )
            raise Unavailable(sentence, side=self.side, call=call.name, status=error.status) from error

    def _transmit(self, call: Call, token: str | None, started: datetime) -> Reply:
        headers, query = dict(call.headers), httpx.QueryParams(list(call.query))
        if token is not None and self._token_name:
            query = query.add(self._token_name, token)
        elif token is not None:
            headers["Authorization"] = f"Bearer {token}"
        request = self._client.build_request(
            call.method, call.url, params=query or None, json=call.json, data=call.form, headers=headers
        )
        response = self._client.send(request, stream=True)
        try:
            content = self._content(response, started)
        finally:
            response.close()
        if token is not None and self._token_name:
            content = _without_token(content, token)
        body, is_json = parse(content)
        date = http_date(response.headers.get("date")) or self.clock().replace(microsecond=0)
        text = content.decode("utf-8", "replace")  # For words of an error page, whatever it is encoded in.
        return Reply(response.status_code, response.headers, date, body, text, is_json)

    def _content(self, response: httpx.Response, started: datetime) -> bytes:
        pieces = []
        for piece in response.iter_bytes():
            pieces.append(piece)
            # `read` of TIMEOUT begins anew with every piece, so that a trickle would never end by it.
            if self.clock() - started > ANSWER_WITHIN:
                raise httpx.ReadTimeout("the answer took too long as a whole")
        return b"".join(pieces)

    def _pause(self, state: RetryCallState) -> float:
        wanted = backoff(state.attempt_number, self._random)
        failure = _failure(state)
        return max(wanted, failure.wait.total_seconds()) if failure and failure.wait else wanted

    def _is_enough(self, state: RetryCallState, started: datetime) -> bool:
        again_at = self.clock() + timedelta(seconds=state.upcoming_sleep)
        return state.attempt_number >= TRIES or again_at - started > TRY_FOR

    def _log_retry(self, call: Call, state: RetryCallState) -> None:
        failure = _failure(state)
        log.info(
            "http.retry",
            side=self.side.value,
            method=call.method,
            path=call.shown_path,
            attempt=state.attempt_number,
            wait_seconds=round(state.upcoming_sleep, 1),
            reason=failure.reason if failure else None,
        )

    def _log_call(self, call: Call, started: datetime, status: int | None, **facts: str | None) -> None:
        log.debug(
            "http.call",
            side=self.side.value,
            method=call.method,
            path=call.shown_path,
            status=status,
            seconds=round((self.clock() - started).total_seconds(), 3),
            **facts,
        )


def _outcome(status: int) -> str:
    if 200 <= status < 300:
        return "ok"
    return OUTCOMES.get(status, "refused" if 400 <= status < 500 else "unavailable")


def _without_token(content: bytes, token: str) -> bytes:
    """An answer without the token: a page that quotes the address of the call would bring it into the inbox."""
    for form in {token, quote(token, safe=""), quote_plus(token)}:
        content = content.replace(form.encode(), b"[hidden]")
    return content


def _connect(transport: httpx.BaseTransport | None, trust_env: bool) -> httpx.Client:
    return httpx.Client(
        transport=transport,
        verify=certificates(trust_env),
        timeout=TIMEOUT,
        follow_redirects=False,  # What answers from another address, such as a login page, is no answer.
        trust_env=trust_env,
        headers={
            "Accept": "application/json",
            "User-Agent": f"procore-4hse-sync/{_version()}",
        },
    )


@cache
def _version() -> str:
    """Of this program. The package's whole description is read to find it."""
    return version("procore-4hse-sync")


def refuse_open_urls(urls: Mapping[str, str]) -> None:
    """Raises ConfigurationError unless every url is https, or http to a loopback address; keys name the settings."""
    problems = tuple(
        Problem(place, "the address is not https", "Use https://; http:// is only for a loopback address.")
        for place, url in urls.items()
        if not _is_private(url)
    )
    if problems:
        raise ConfigurationError(problems)


def is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _is_private(text: str) -> bool:
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL:
        return False
    return bool(url.host) and (url.scheme == "https" or (url.scheme == "http" and is_loopback(url.host)))


def _is_id(part: str) -> bool:
    """True for a path segment with a digit that is no version; endpoints of both vendors have no digits."""
    return bool(re.search(r"\d", part)) and not re.fullmatch(r"v\d+(\.\d+)?|4hse", part)


def _failure(state: RetryCallState) -> NoAnswer | None:
    error = state.outcome.exception() if state.outcome else None
    return error if isinstance(error, NoAnswer) else None
