"""What the contract tests share: a clock that only sleeping moves, and answers made by hand."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from procore_4hse.clients import Http, fourhse_http, procore_http
from procore_4hse.simulator.wire import Dropped, InProcess, Request, Response, http_date

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
COMPANY, PROJECT = 26972, 1363617
FOURHSE_PROJECT = "0d0c2d0e-6b2f-4a51-9f3f-0c8a3f2f2c11"
OFFICE = "5b7f5a5e-1d39-4a7c-8f43-7b1d6f3a9e02"
TOKEN_PATHS = ("/oauth/token", "/realms/4hse/protocol/openid-connect/token")


@dataclass
class Time:
    """A clock that only sleeping moves, and all that slept."""

    now: datetime = NOON
    slept: list[float] = field(default_factory=list)

    def clock(self) -> datetime:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += timedelta(seconds=seconds)


def half() -> float:
    return 0.5


def procore_at(url: str, time: Time, transport: httpx.BaseTransport | None = None, **given: Any) -> Http:
    values = {"client_id": "procore-client", "client_secret": "procore-secret"} | given
    login = values.pop("login_url", url)
    return procore_http(
        url, login, COMPANY, **values, clock=time.clock, sleep=time.sleep, random=half, transport=transport
    )


def fourhse_at(url: str, time: Time, transport: httpx.BaseTransport | None = None, **given: Any) -> Http:
    values = {
        "token_url": url + TOKEN_PATHS[1],
        "client_id": "4hse-client",
        "client_secret": "",
        "username": "sync@example.com",
        "password": "4hse-password",
        "pace": None,
    } | given
    return fourhse_http(url, **values, clock=time.clock, sleep=time.sleep, random=half, transport=transport)


Next = Response | type[Dropped] | Exception | Callable[[Request], Response]


@dataclass
class Vendor:
    """A vendor made by hand: gives tokens, answers from `script` in turn, and repeats the last answer for ever."""

    time: Time
    script: list[Next] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    tokens: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def handle(self, request: Request) -> Response:
        with self.lock:
            answer = self._answer(request)
        if isinstance(answer, Exception) or answer is Dropped:
            raise answer
        assert isinstance(answer, Response)
        return Response(answer.status, answer.body, {"Date": http_date(self.time.now), **answer.headers})

    def _answer(self, request: Request) -> Any:
        if request.path in TOKEN_PATHS:
            self.tokens += 1
            return Response.of(200, {"access_token": f"quiet-token-{self.tokens}", "expires_in": 3600})
        self.requests.append(request)
        answer = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        return answer(request) if callable(answer) and answer is not Dropped else answer

    def procore(self) -> Http:
        return procore_at("https://api.example.com", self.time, InProcess(self.handle))

    def fourhse(self, **given: Any) -> Http:
        return fourhse_at("https://service.example.com", self.time, InProcess(self.handle), **given)
