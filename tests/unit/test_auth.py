"""Tokens: asked for once, renewed in time, by one thread, and never shown."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import structlog

from procore_4hse.clients.auth import FourHseAuth, HeldToken, ProcoreAuth, Token
from procore_4hse.clients.budget import Budget
from procore_4hse.clients.transport import Transport
from procore_4hse.errors import AccessRefused, Unavailable
from procore_4hse.models import Side
from procore_4hse.simulator.wire import Dropped, Handler, InProcess, Request, Response

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LOGIN = "https://login.example.com"
TOKEN_URL = "https://auth.example.com/realms/4hse/protocol/openid-connect/token"


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = NOON

    def clock(self) -> datetime:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def wire(self, side: Side, handler: Handler) -> Transport:
        budget = Budget(side, clock=self.clock, sleep=self.sleep, random=half)
        transport = InProcess(handler)
        return Transport(side, budget, clock=self.clock, sleep=self.sleep, random=half, transport=transport, urls={})


def half() -> float:
    return 0.5


class Endpoint:
    """A token endpoint: gives numbered tokens, or what `answers` says first."""

    def __init__(self, *answers: Response | type[Dropped], **extra: Any) -> None:
        self.answers = list(answers)
        self.extra = {"token_type": "bearer", "expires_in": 300} | extra
        self.forms: list[dict[str, str]] = []
        self.paths: list[str] = []

    def __call__(self, request: Request) -> Response:
        self.forms.append(request.form())
        self.paths.append(request.path)
        answer = self.answers.pop(0) if self.answers else None
        if answer is Dropped:
            raise Dropped
        if isinstance(answer, Response):
            return answer
        number = len(self.forms)
        tokens = {"access_token": f"token-{number}", "refresh_token": f"refresh-{number}"}
        return Response.of(200, tokens | self.extra)

    @property
    def grants(self) -> list[str]:
        return [form["grant_type"] for form in self.forms]


def invalid_grant() -> Response:
    return Response.of(400, {"error": "invalid_grant", "error_description": "Session not active"})


@pytest.fixture
def time() -> Time:
    return Time()


def procore(time: Time, endpoint: Endpoint) -> ProcoreAuth:
    return ProcoreAuth(time.wire(Side.PROCORE, endpoint), LOGIN + "/", "client", "quiet-secret")


def fourhse(time: Time, endpoint: Handler, secret: str = "") -> FourHseAuth:
    return FourHseAuth(time.wire(Side.FOURHSE, endpoint), TOKEN_URL, "client", secret, "user", "quiet-password")


def test_procore_gives_a_token_for_client_credentials(time: Time) -> None:
    endpoint = Endpoint(expires_in=5400)
    assert procore(time, endpoint).token().value == "token-1"
    assert endpoint.paths == ["/oauth/token"]
    assert endpoint.forms == [
        {"grant_type": "client_credentials", "client_id": "client", "client_secret": "quiet-secret"}
    ]


def test_4hse_gives_a_token_for_a_password_and_an_empty_secret_is_not_sent(time: Time) -> None:
    endpoint = Endpoint()
    assert fourhse(time, endpoint).token().value == "token-1"
    assert endpoint.forms == [
        {"grant_type": "password", "client_id": "client", "username": "user", "password": "quiet-password"}
    ]
    with_secret = Endpoint()
    fourhse(time, with_secret, secret="s").token()
    assert with_secret.forms[0]["client_secret"] == "s"


@pytest.mark.parametrize(
    ("expires_in", "good_for"),
    [(5400, 5340), (600, 540), (300, 270), (10, 9), ("300", 270), (None, 270), ("soon", 270), (-5, 270)],
)
def test_a_token_is_renewed_a_minute_or_a_tenth_of_its_life_early(time: Time, expires_in: Any, good_for: int) -> None:
    endpoint = Endpoint(expires_in=expires_in)
    auth = procore(time, endpoint)
    auth.token()
    time.now = NOON + timedelta(seconds=good_for - 1)
    assert auth.token().value == "token-1"
    time.now = NOON + timedelta(seconds=good_for)
    assert auth.token().value == "token-2"


def test_4hse_renews_with_the_newest_refresh_token(time: Time) -> None:
    endpoint = Endpoint()
    auth = fourhse(time, endpoint)
    for _ in range(3):
        auth.token()
        time.now += timedelta(seconds=300)
    assert endpoint.grants == ["password", "refresh_token", "refresh_token"]
    assert [form.get("refresh_token") for form in endpoint.forms] == [None, "refresh-1", "refresh-2"]


@pytest.mark.parametrize("status", [400, 401])
def test_a_refused_refresh_falls_back_to_the_password(time: Time, status: int) -> None:
    endpoint = Endpoint()
    auth = fourhse(time, endpoint)
    auth.token()
    time.now += timedelta(seconds=300)
    endpoint.answers = [Response.of(status, {"error": "invalid_grant"})]
    assert auth.token().value == "token-3"
    assert endpoint.grants == ["password", "refresh_token", "password"]


def test_a_refresh_whose_answer_is_lost_ends_at_the_password(time: Time) -> None:
    endpoint = Endpoint()
    auth = fourhse(time, endpoint)
    auth.token()
    time.now += timedelta(seconds=300)
    endpoint.answers = [Dropped, invalid_grant()]
    assert auth.token().value == "token-4"
    assert endpoint.grants == ["password", "refresh_token", "refresh_token", "password"]


@pytest.mark.parametrize("status", [400, 401, 403])
@pytest.mark.parametrize("make", [procore, fourhse])
def test_refused_credentials_are_an_access_error_that_names_the_settings(
    time: Time, make: Callable[[Time, Endpoint], HeldToken], status: int
) -> None:
    auth = make(time, Endpoint(Response.of(status, {"error": "invalid_client"})))
    with pytest.raises(AccessRefused) as caught:
        auth.token()
    assert caught.value.status == status
    assert "client_id" in str(caught.value)


def test_refused_credentials_are_not_sent_again_for_a_minute(time: Time) -> None:
    endpoint = Endpoint(*[Response.of(401, {"error": "invalid_client"})] * 2)
    auth = procore(time, endpoint)
    for _ in range(4):
        with pytest.raises(AccessRefused):
            auth.token()
    assert len(endpoint.forms) == 1
    time.now += timedelta(seconds=60)
    with pytest.raises(AccessRefused):
        auth.token()
    assert len(endpoint.forms) == 2


@pytest.mark.parametrize(
    "answer",
    [
        Dropped,
        Response(500, b"oops"),
        Response(200, b"<html>maintenance</html>"),
        Response.of(200, {"token_type": "bearer"}),
        Response.of(200, ["token"]),
        Response.of(200, {"access_token": "two\nlines"}),
        Response.of(404, {"error": "Realm does not exist"}),
        Response.of(429, {}),
    ],
    ids=["dropped", "500", "html", "no token", "list", "line break", "404", "429"],
)
def test_an_endpoint_that_is_down_is_tried_again_and_then_unavailable(
    time: Time, answer: Response | type[Dropped]
) -> None:
    assert procore(time, Endpoint(answer)).token().value == "token-2"
    endpoint = Endpoint(*[answer] * 9)
    with pytest.raises(Unavailable) as caught:
        procore(time, endpoint).token()
    assert len(endpoint.forms) == 5
    assert "POST /oauth/token" in str(caught.value)


def test_a_token_answered_with_401_is_replaced_once_for_all_who_held_it(time: Time) -> None:
    endpoint = Endpoint()
    auth = fourhse(time, endpoint)
    refused = auth.token()
    assert auth.renew(refused).value == "token-2"
    assert auth.renew(refused).value == "token-2"
    assert endpoint.grants == ["password", "refresh_token"]


def test_one_of_eight_threads_renews_and_the_others_wait(time: Time) -> None:
    entered, busy = threading.Barrier(8), Counter[str]()
    endpoint = Endpoint()

    def guarded(request: Request) -> Response:
        busy["inside"] += 1
        assert busy["inside"] == 1
        answer = endpoint(request)
        busy["inside"] -= 1
        return answer

    auth = fourhse(time, guarded)
    first = auth.token()
    got: list[str] = []

    def work() -> None:
        entered.wait()
        got.append(auth.renew(first).value)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == ["token-2"] * 8
    assert endpoint.grants == ["password", "refresh_token"]


def test_no_secret_shows_in_representations_log_lines_or_errors(time: Time) -> None:
    endpoint = Endpoint()
    with structlog.testing.capture_logs() as lines:
        auth = fourhse(time, endpoint)
        token = auth.token()
        endpoint.answers = [invalid_grant(), Response.of(401, {"error": "quiet-password"})]
        with pytest.raises(AccessRefused) as caught:
            auth.renew(token)
    assert [line["event"] for line in lines].count("auth.token") == 1
    everything = repr([lines, token, auth, caught.value, str(caught.value)])
    assert "quiet" not in everything
    assert "token-1" not in everything
    assert "refresh-1" not in everything
    assert repr(token) == repr(Token("other", token.renew_at))
