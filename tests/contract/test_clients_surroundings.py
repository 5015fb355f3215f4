"""What a machine may bring along for every connection: certificates, proxies, names; and what is said of it."""

from __future__ import annotations

import os
import random
import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from handmade import Vendor

from procore_4hse.clients import procore_http
from procore_4hse.clients.surroundings import cause_of, certificates
from procore_4hse.errors import ConfigurationError, Unavailable

SECRET = "hidden-in-the-address"


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No proxy and no certificate of the machine's own, and nothing remembered of either."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name.startswith("SSL_CERT_"):
            monkeypatch.delenv(name)
    certificates.cache_clear()
    yield
    certificates.cache_clear()


def connect(url: str = "https://procore.example.com") -> None:
    procore_http(
        url, url, 1, "client", "secret", clock=lambda: datetime.now(UTC), sleep=lambda _: None, random=random.random
    ).close()


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("SSL_CERT_FILE", "/no/such/file", "No such file"),
        ("SSL_CERT_FILE", "/", "Is a directory"),
        ("SSL_CERT_FILE", __file__, "holds no certificate"),
        ("SSL_CERT_DIR", "/no/such/folder", "no folder"),
        ("HTTPS_PROXY", f"ftp://user:{SECRET}@proxy:21", "not supported"),
        ("ALL_PROXY", f"socks4://user:{SECRET}@proxy", "not supported"),
        ("HTTPS_PROXY", f"socks5://user:{SECRET}@proxy:1080", "httpx[socks]"),
        ("HTTP_PROXY", f"http://{SECRET}:::", "cannot be understood"),
        ("https_proxy", "http://[::1", "cannot be understood"),
        ("NO_PROXY", "localhost,fd00::/8", "IPv6 networks"),
        ("NO_PROXY", "[::1]:80,@@@", "IPv6 networks"),
    ],
)
def test_what_cannot_work_is_told_with_its_variable(
    variable: str, value: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigurationError) as caught:
        connect()
    (problem,) = caught.value.problems
    assert (problem.place, caught.value.exit_code) == (variable.upper(), 2)
    assert told in str(problem)
    assert SECRET not in str(problem)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("HTTPS_PROXY", "http://proxy:8080"),
        ("HTTPS_PROXY", "proxy:8080"),
        ("NO_PROXY", "localhost,.example.com,10.0.0.0/8,::1"),
        ("NO_PROXY", "*"),
        ("SSL_CERT_FILE", ""),
        ("SSL_CERT_DIR", str(Path(__file__).parent)),
    ],
)
def test_what_can_work_is_taken(variable: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, value)
    connect()


def test_nothing_of_it_concerns_a_loopback_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/no/such/file")
    monkeypatch.setenv("NO_PROXY", "fd00::/8")
    connect("http://127.0.0.1:1")


def caused_by(cause: Exception) -> httpx.HTTPError:
    error = httpx.ConnectError(str(cause))
    error.__cause__ = cause
    return error


def untrusted() -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError("certificate verify failed")
    error.verify_message = "self-signed certificate"
    return error


@pytest.mark.parametrize(
    ("error", "cause", "step"),
    [
        (caused_by(untrusted()), "(its certificate is not trusted: self-signed certificate)", "SSL_CERT_FILE"),
        (caused_by(socket.gaierror(-2, "Name or service not known")), "the name of its host", "DNS"),
        (httpx.ProxyError("407"), "the proxy did not let it through", "HTTPS_PROXY"),
        (httpx.ConnectError("refused"), "connection failed, ConnectError", "the next cycle tries again."),
    ],
)
def test_why_a_vendor_was_not_reached_is_told_with_the_next_step(
    error: httpx.HTTPError, cause: str, step: str, vendor: Vendor
) -> None:
    vendor.script = [error]
    for act in (lambda http: http.read("GET", "/me"), lambda http: http.write("POST", "/incidents", json={})):
        with pytest.raises(Unavailable) as caught:
            act(vendor.procore())
        assert caught.value.exit_code == 1
        assert cause in str(caught.value)
        assert step in str(caught.value)
        assert str(caught.value).endswith("the next cycle tries again.")


def test_an_error_that_is_its_own_cause_is_told_too():
    outer, inner = httpx.ConnectError("outer"), OSError("inner")
    outer.__cause__, inner.__context__ = inner, outer
    assert cause_of(outer) == ("connection failed, ConnectError", None)
