"""The one request function: every way a call can fail, for reads and for writes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import structlog
from handmade import COMPANY, NOON, Time, Vendor, fourhse_at, half, procore_at

from procore_4hse.apis import CALL_TIMEOUT
from procore_4hse.clients import Http, procore_http
from procore_4hse.clients.transport import ANSWER_WITHIN, ATTEMPT_LASTS, TIMEOUT, TRY_FOR, Call
from procore_4hse.engine.lease import GRACE, KEPT_FOR, LEASE
from procore_4hse.errors import (
    AccessRefused,
    BudgetExhausted,
    ConfigurationError,
    NotFound,
    OutcomeUnknown,
    Refused,
    Unavailable,
    VendorError,
)
from procore_4hse.models import Side
from procore_4hse.simulator.wire import Dropped, InProcess, Request, Response, http_date

OK = Response.of(200, {"id": 7, "title": "Fall"})
PATH = "/rest/v1.0/projects/1363617/incidents/7"
PRIVATE = "Jane Roe broke her wrist"

UNUSABLE: dict[str, Any] = {
    "dropped": Dropped,
    "read time-out": httpx.ReadTimeout("no answer"),
    "write time-out": httpx.WriteTimeout("stuck"),
    "broken": httpx.RemoteProtocolError("half an answer"),
    "500": Response.of(500, {"error": PRIVATE}),
    "502 html": Response(502, b"<html>bad gateway</html>"),
    "503": Response.of(503, {}),
    "504": Response(504, b""),
    "408": Response.of(408, {}),
    "html": Response(200, b"<html>please log in</html>"),
    "half json": Response(200, b'{"id": 7, "title": "Jane Ro'),
    "not utf-8": Response(200, b'{"id": 7, "title": "\xff\xfe"}'),
    "a list": Response.of(200, [{"id": 7}]),
    "error inside": Response.of(200, {"error": {"message": PRIVATE}}),
    "errors inside": Response.of(200, {"id": 7, "errors": [PRIVATE]}),
    "empty": Response(200, b""),
    "redirect": Response(302, b"", {"Location": "https://evil.example.com/"}),
}
NEVER_LEFT: dict[str, Exception] = {
    "connect error": httpx.ConnectError("refused"),
    "connect time-out": httpx.ConnectTimeout("slow"),
    "pool time-out": httpx.PoolTimeout("busy"),
    "proxy error": httpx.ProxyError("407"),
}
REFUSALS: dict[int, type[VendorError]] = {403: AccessRefused, 404: NotFound} | dict.fromkeys(
    (400, 405, 406, 409, 410, 413, 422), Refused
)


def read(http: Http) -> Any:
    return http.read("GET", PATH, query=[("filters[query]", PRIVATE)]).body


def write(http: Http) -> Any:
    return http.write("PATCH", PATH, json={"incident": {"title": PRIVATE}}).body


def failure_of(act: Callable[[Http], Any], http: Http) -> VendorError:
    with pytest.raises(VendorError) as caught:
        act(http)
    return caught.value


@pytest.mark.parametrize("name", [*UNUSABLE, *NEVER_LEFT])
def test_a_read_is_tried_again_after(name: str, vendor: Vendor) -> None:
    vendor.script = [(UNUSABLE | NEVER_LEFT)[name]] * 2 + [OK]
    assert read(vendor.procore()) == {"id": 7, "title": "Fall"}
    assert vendor.time.slept == [1.0, 2.0]


@pytest.mark.parametrize("name", [*UNUSABLE, *NEVER_LEFT])
def test_a_read_is_unavailable_after_five_tries_of(name: str, vendor: Vendor) -> None:
    vendor.script = [(UNUSABLE | NEVER_LEFT)[name]]
    error = failure_of(read, vendor.procore())
    assert type(error) is Unavailable
    assert len(vendor.requests) == 5
    assert vendor.time.slept == [1.0, 2.0, 4.0, 8.0]


@pytest.mark.parametrize("name", UNUSABLE)
def test_a_write_is_sent_once_and_its_outcome_unknown_after(name: str, vendor: Vendor) -> None:
    vendor.script = [UNUSABLE[name], OK]
    error = failure_of(write, vendor.procore())
    assert type(error) is OutcomeUnknown
    assert len(vendor.requests) == 1
    assert vendor.time.slept == []


@pytest.mark.parametrize("name", NEVER_LEFT)
def test_a_write_that_never_left_is_unavailable_after(name: str, vendor: Vendor) -> None:
    vendor.script = [NEVER_LEFT[name], OK]
    assert type(failure_of(write, vendor.procore())) is Unavailable
    assert len(vendor.requests) == 1


@pytest.mark.parametrize("act", [read, write])
@pytest.mark.parametrize("status", REFUSALS)
def test_a_refusal_is_not_repeated(act: Callable[[Http], Any], status: int, vendor: Vendor) -> None:
    vendor.script = [Response.of(status, {"errors": {"title": [PRIVATE]}}), OK]
    error = failure_of(act, vendor.procore())
    assert (type(error), error.status, len(vendor.requests)) == (REFUSALS[status], status, 1)


def test_only_the_words_of_a_refused_write_are_said_to_be_in_the_inbox(vendor: Vendor) -> None:
    vendor.script = [Response.of(422, {"errors": {"title": [PRIVATE]}})] * 2
    told = [str(failure_of(act, vendor.procore())) for act in (read, write)]
    assert ["in the inbox" in sentence for sentence in told] == [False, True]
    assert "nothing was read" in told[0]


@pytest.mark.parametrize("act", [read, write])
def test_a_401_renews_the_token_once_and_repeats(act: Callable[[Http], Any], vendor: Vendor) -> None:
    vendor.script = [Response.of(401, {"error": "Invalid Token"}), OK]
    assert act(vendor.procore())["id"] == 7
    assert [request.headers["authorization"] for request in vendor.requests] == [
        "Bearer quiet-token-1",
        "Bearer quiet-token-2",
    ]


@pytest.mark.parametrize("act", [read, write])
def test_a_second_401_is_refused_access(act: Callable[[Http], Any], vendor: Vendor) -> None:
    vendor.script = [Response.of(401, {"errors": "Unauthorized"})]
    error = failure_of(act, vendor.procore())
    assert (type(error), error.status, len(vendor.requests), vendor.tokens) == (AccessRefused, 401, 2, 2)


@pytest.mark.parametrize("act", [read, write])
@pytest.mark.parametrize(
    ("headers", "waited"),
    [
        ({"Retry-After": "9"}, 9.0),
        ({"X-Rate-Limit-Limit": "25", "X-Rate-Limit-Remaining": "0", "X-Rate-Limit-Reset": "1772366408"}, 8.0),
        ({"X-Rate-Limit-Limit": "600", "X-Rate-Limit-Remaining": "0", "X-Rate-Limit-Reset": "1772366459"}, 59.0),
        ({"X-Rate-Limit-Limit": "60", "X-Rate-Limit-Remaining": "0", "X-Rate-Limit-Reset": "12"}, 12.0),
        ({}, 1.0),
    ],
    ids=["retry-after", "spike window", "end of the hour", "seconds from now", "no headers"],
)
def test_a_429_is_waited_out(
    act: Callable[[Http], Any], headers: dict[str, str], waited: float, vendor: Vendor
) -> None:
    assert datetime.fromtimestamp(1772366400, UTC) == NOON
    vendor.script = [Response.of(429, {}, headers), OK]
    assert act(vendor.procore())["id"] == 7
    assert vendor.time.slept == [waited]
    assert len(vendor.requests) == 2


@pytest.mark.parametrize("act", [read, write])
@pytest.mark.parametrize(
    "headers",
    [
        {"Retry-After": "61"},
        {"X-Rate-Limit-Limit": "600", "X-Rate-Limit-Remaining": "0", "X-Rate-Limit-Reset": "1772369000"},
    ],
)
def test_a_late_reset_ends_the_call_at_once(
    act: Callable[[Http], Any], headers: dict[str, str], vendor: Vendor
) -> None:
    vendor.script = [Response.of(429, {}, headers), OK]
    error = failure_of(act, vendor.procore())
    assert isinstance(error, BudgetExhausted)
    assert error.resets_at > NOON + timedelta(seconds=60)
    assert (vendor.time.slept, len(vendor.requests)) == ([], 1)


@pytest.mark.parametrize("act", [read, write])
@pytest.mark.parametrize("wait", [None, "30"])
def test_endless_429_ends_within_a_minute(act: Callable[[Http], Any], wait: str | None, vendor: Vendor) -> None:
    vendor.script = [Response.of(429, {}, {"Retry-After": wait} if wait else {})]
    assert isinstance(failure_of(act, vendor.procore()), BudgetExhausted)
    assert 0 < sum(vendor.time.slept) <= 60


def test_a_read_of_a_pull_leaves_the_reserve_to_writes(vendor: Vendor) -> None:
    rate = {"X-Rate-Limit-Limit": "600", "X-Rate-Limit-Remaining": "120", "X-Rate-Limit-Reset": "1772369000"}
    vendor.script = [Response.of(200, {"id": 7}, rate)]
    http = vendor.procore()
    read(http)
    assert isinstance(failure_of(read, http), BudgetExhausted)
    assert write(http)["id"] == 7
    assert http.read("GET", PATH, reserve=True).body["id"] == 7


def test_retry_after_of_a_503_is_obeyed(vendor: Vendor) -> None:
    vendor.script = [Response.of(503, {}, {"Retry-After": "20"}), OK]
    read(vendor.procore())
    assert vendor.time.slept == [20.0]


def test_a_503_that_asks_for_more_than_a_minute_ends_the_read(vendor: Vendor) -> None:
    vendor.script = [Response.of(503, {}, {"Retry-After": "90"}), OK]
    assert isinstance(failure_of(read, vendor.procore()), Unavailable)
    assert vendor.time.slept == []


def test_slow_failures_end_after_a_minute_in_all(vendor: Vendor) -> None:
    def slow(request: Request) -> Response:
        vendor.time.now += timedelta(seconds=30)
        raise httpx.ReadTimeout("no answer")

    vendor.script = [slow]
    assert isinstance(failure_of(read, vendor.procore()), Unavailable)
    assert len(vendor.requests) == 2


def test_a_write_that_waited_too_long_for_its_token_does_not_leave(vendor: Vendor) -> None:
    vendor.script = [OK]
    tokens = iter([Response.of(500, {}), Response.of(200, {"access_token": "late", "expires_in": 3600})])

    def slow_token(request: Request) -> Response:
        if request.path != "/oauth/token":
            return vendor.handle(request)
        vendor.time.now += timedelta(seconds=35)
        return next(tokens)

    http = procore_at("https://api.example.com", vendor.time, InProcess(slow_token))
    assert isinstance(failure_of(write, http), Unavailable)
    assert vendor.requests == []
    assert next(tokens, None) is None


def test_the_longest_call_is_a_minute_of_waiting_and_one_attempt() -> None:
    assert timedelta(seconds=60) + ATTEMPT_LASTS == CALL_TIMEOUT
    assert (TIMEOUT.connect, TIMEOUT.read) == (5.0, 15.0)
    until_the_first_byte = sum((TIMEOUT.pool or 99, TIMEOUT.connect, TIMEOUT.write or 99, TIMEOUT.read))
    assert max(until_the_first_byte, ANSWER_WITHIN.total_seconds() + TIMEOUT.read) <= ATTEMPT_LASTS.total_seconds()


def test_a_holder_that_stands_still_is_succeeded_within_three_minutes() -> None:
    assert timedelta(minutes=3) > LEASE + GRACE
    assert timedelta(0) < KEPT_FOR, "a lease that was just renewed outlasts a call"
    assert TRY_FOR + CALL_TIMEOUT < LEASE + GRACE, "and within its grace the longest read"


def test_an_answer_that_trickles_in_for_long_is_given_up(time: Time, vendor: Vendor) -> None:
    class Trickle(httpx.BaseTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            if request.url.path == "/oauth/token":
                return httpx.Response(200, json={"access_token": "a", "expires_in": 3600})

            def pieces() -> Any:
                for _ in range(100):
                    time.now += timedelta(seconds=8)
                    yield b" "

            return httpx.Response(200, content=pieces())

    http = procore_at("https://api.example.com", time, Trickle())
    assert isinstance(failure_of(write, http), OutcomeUnknown)
    assert time.now == NOON + timedelta(seconds=24)


def test_the_token_never_follows_a_redirect(vendor: Vendor) -> None:
    vendor.script = [Response(307, b"", {"Location": "https://evil.example.com/steal"}), OK]
    failure_of(write, vendor.procore())
    assert [request.path for request in vendor.requests] == [PATH]


@pytest.mark.parametrize(
    "url", ["http://api.example.com", "http://10.0.0.8", "ftp://127.0.0.1", "api.example.com", "https://", "http://["]
)
def test_an_open_address_is_refused_before_any_call(url: str, time: Time) -> None:
    with pytest.raises(ConfigurationError) as caught:
        procore_at(url, time, login_url="https://login.example.com")
    assert [problem.place for problem in caught.value.problems] == ["procore.api_url"]
    with pytest.raises(ConfigurationError) as caught:
        fourhse_at("https://service.example.com", time, token_url=url)
    assert [problem.place for problem in caught.value.problems] == ["fourhse.token_url"]


@pytest.mark.parametrize("url", ["http://127.0.0.1:8080", "http://localhost", "http://[::1]:1", "https://api.x.org"])
def test_https_and_loopback_are_accepted(url: str, time: Time) -> None:
    procore_at(url, time).close()


def test_every_attempt_counts_tokens_included(vendor: Vendor) -> None:
    vendor.script = [Response.of(500, {}), Response.of(401, {}), OK]
    http = vendor.procore()
    assert http.calls == 0
    read(http)
    assert http.calls == 5


def test_the_server_date_is_the_api_answers_own(vendor: Vendor) -> None:
    yesterday = NOON - timedelta(days=1)
    vendor.script = [Response.of(200, {"id": 7}, {"Date": http_date(yesterday)})]
    http = vendor.procore()
    assert http.server_date is None
    assert http.read("GET", PATH).date == yesterday == http.server_date


@pytest.mark.parametrize("date", ["", "yesterday"])
def test_without_a_readable_date_the_latest_known_one_counts(date: str, vendor: Vendor) -> None:
    dated = Response.of(200, {"id": 7}, {"Date": http_date(NOON - timedelta(days=1))})
    vendor.script = [dated, Response.of(200, {"id": 7}, {"Date": date})]
    http = vendor.procore()
    read(http)
    assert http.read("GET", PATH).date == NOON - timedelta(days=1) == http.server_date


def test_every_call_to_procore_names_the_company(vendor: Vendor) -> None:
    vendor.script = [OK]
    http = vendor.procore()
    read(http)
    write(http)
    assert [request.headers["procore-company-id"] for request in vendor.requests] == [str(COMPANY)] * 2


def test_4hse_goes_two_calls_a_second_until_a_header_says_otherwise(vendor: Vendor) -> None:
    vendor.script = [OK]
    http = vendor.fourhse(pace=2.0)
    for _ in range(4):
        read(http)
    assert vendor.time.slept == [0.5] * 4


@pytest.mark.parametrize("act", [read, write])
@pytest.mark.parametrize(
    "answer", [*UNUSABLE.values(), *NEVER_LEFT.values(), *(Response.of(s, {"errors": [PRIVATE]}) for s in REFUSALS)]
)
def test_errors_and_log_lines_say_nothing_private(act: Callable[[Http], Any], answer: Any, vendor: Vendor) -> None:
    vendor.script = [answer]
    with structlog.testing.capture_logs() as lines:
        error = failure_of(act, vendor.procore())
    shown = f"{error} {lines!r} {error.call}"
    assert [line["event"] for line in lines].count("http.call") >= 2
    for secret in ("Jane", "wrist", "quiet", "secret", "filters", "evil"):
        assert secret not in shown
    assert str(error).endswith(".")
    assert error.call == ("GET" if act is read else "PATCH") + " /rest/v1.0/projects/{id}/incidents/{id}"
    assert error.side is Side.PROCORE


def test_a_log_line_tells_method_path_status_time_and_request_id(vendor: Vendor) -> None:
    def slow(request: Request) -> Response:
        vendor.time.now += timedelta(seconds=0.25)
        return Response.of(200, {"id": 7}, {"X-Request-Id": "abc-1"})

    vendor.script = [Response.of(503, {}), slow]
    with structlog.testing.capture_logs() as lines:
        read(vendor.procore())
    facts = {"side": "procore", "method": "GET", "path": "/rest/v1.0/projects/{id}/incidents/{id}"}
    assert lines[-1] == facts | {
        "event": "http.call",
        "log_level": "debug",
        "status": 200,
        "seconds": 0.25,
        "request_id": "abc-1",
    }
    assert facts.items() <= next(line for line in lines if line["event"] == "http.retry").items()


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        (
            "/rest/v1.1/projects/12/recycle_bin/incidents/34/restore",
            "/rest/v1.1/projects/{id}/recycle_bin/incidents/{id}/restore",
        ),
        ("/v2/incident/view/0d0c2d0e-6b2f-4a51-9f3f-0c8a3f2f2c11", "/v2/incident/view/{id}"),
        ("/v2/incident/view/inc-1", "/v2/incident/view/{id}"),
        ("/realms/4hse/protocol/openid-connect/token", "/realms/4hse/protocol/openid-connect/token"),
    ],
)
def test_a_call_is_named_by_its_endpoint(path: str, shown: str) -> None:
    assert Call("GET", "https://x" + path, path).name == f"GET {shown}"


def test_the_environments_proxy_is_not_used_for_loopback(time: Time, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example.com:3128")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example.com:3128")

    def mounts(url: str) -> int:
        with procore_http(
            url, url, COMPANY, "i", "s", clock=time.clock, sleep=time.sleep, random=half, transport=None
        ) as http:
            return len(http._wire._client._mounts)

    assert mounts("http://127.0.0.1:9") == 0
    assert mounts("https://api.example.com") > 0
