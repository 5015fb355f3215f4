"""Signing in at an identity provider: what its answer must be before anybody is let in."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from desk_stand import Browser, Served, desk_of, served, words
from procore_4hse.simulator.wire import LoopbackServer, Request, Response
from world import Clock, World

OURS, ANOTHER = RSAKey.generate_key(2048, {"kid": "one"}), RSAKey.generate_key(2048, {"kid": "one"})
CLIENT = "desk"


@dataclass
class Provider:
    """An OpenID provider that signs whatever a test makes it say."""

    url: str = ""
    claims: dict[str, Any] = field(default_factory=dict)
    key: RSAKey = field(default_factory=lambda: OURS)
    header: dict[str, Any] = field(default_factory=lambda: {"alg": "RS256", "kid": "one"})
    issuer: str = ""
    asked: dict[str, str] = field(default_factory=dict)
    """The form of the last exchange of a code."""
    nonce: str = ""
    is_down: bool = False

    def handle(self, request: Request) -> Response:
        if self.is_down:
            return Response(503)
        if request.path.endswith("/.well-known/openid-configuration"):
            return answer(
                issuer=self.issuer or self.url,
                authorization_endpoint=f"{self.url}/authorize",
                token_endpoint=f"{self.url}/token",
                jwks_uri=f"{self.url}/keys",
            )
        if request.path.endswith("/keys"):
            return answer(keys=[OURS.as_dict(private=False)])
        self.asked = request.form()
        return answer(id_token=self.token(), access_token="a", token_type="Bearer")

    def token(self) -> str:
        now = int(time.time())
        claims = {
            "iss": self.url, "aud": CLIENT, "sub": "17", "iat": now, "exp": now + 300, "nonce": self.nonce,
            "preferred_username": "bruno", "roles": ["hse"], **self.claims,
        }  # fmt: skip
        return str(
            jwt.encode(self.header, {key: value for key, value in claims.items() if value is not None}, self.key)
        )


def answer(**content: Any) -> Response:
    return Response(200, json.dumps(content).encode(), {"Content-Type": "application/json"})


@pytest.fixture
def provider() -> Iterator[Provider]:
    made = Provider()
    with LoopbackServer(made.handle) as server:
        made.url = server.url
        yield made


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.build(f"sqlite:///{tmp_path}/sync.db", clock=Clock(datetime.now(UTC)))
    with closing(made.store):
        yield made


@pytest.fixture
def desk(world: World, provider: Provider) -> Iterator[Served]:
    settings = {
        "auth": "oidc", "issuer": provider.url, "client_id": CLIENT, "client_secret": "known to both",
        "base_url": "http://127.0.0.1", "deciders": ["hse on riverside sees health"], "viewers": ["guests"],
    }  # fmt: skip
    with served(desk_of(world, **settings)) as desk:
        yield desk


def led_away(desk: Served, browser: Browser, provider: Provider) -> dict[str, str]:
    """Begins a sign-in, and gives what the provider was asked for."""
    begun = browser.get("/sign-in")
    assert begun.status_code == 303
    address = urlsplit(begun.headers["location"])
    assert begun.headers["location"].startswith(f"{provider.url}/authorize?")
    asked = {name: value for name, (value,) in parse_qs(address.query).items()}
    provider.nonce = provider.claims.get("nonce", asked["nonce"])
    return asked


def signed_in(desk: Served, browser: Browser, provider: Provider) -> httpx.Response:
    asked = led_away(desk, browser, provider)
    return browser.get(f"/signed-in?code=a-code&state={asked['state']}")


def test_somebody_with_a_role_signs_in_and_the_code_is_bound_to_this_browser(desk: Served, provider: Provider) -> None:
    with desk.browser() as browser:
        assert "Sign in" in browser.text("/")
        asked = led_away(desk, browser, provider)
        done = browser.get(f"/signed-in?code=a-code&state={asked['state']}")
        assert (done.status_code, done.headers["location"]) == (303, "/")
        assert "Signed in as bruno" in browser.text("/")
        assert (asked["code_challenge_method"], asked["redirect_uri"]) == ("S256", "http://127.0.0.1/signed-in")
        assert provider.asked["code"] == "a-code"
        assert provider.asked["client_secret"] == "known to both"
        assert len(provider.asked["code_verifier"]) >= 43
        # What began this sign-in is used up.
        assert browser.get(f"/signed-in?code=a-code&state={asked['state']}").status_code == 403


def test_who_signed_out_is_not_signed_in_again_by_what_their_browser_kept(desk: Served, provider: Provider) -> None:
    """The session is ended in the store: a copy of its cookie opens nothing, and neither does the old code."""
    with desk.browser() as browser, desk.browser() as thief:
        asked = led_away(desk, browser, provider)
        browser.get(f"/signed-in?code=a-code&state={asked['state']}")
        thief.http.cookies.update(browser.http.cookies)
        assert thief.get("/").status_code == 200
        assert browser.post("/sign-out").status_code == 303
        assert thief.get("/").status_code == 401
        assert thief.get(f"/signed-in?code=a-code&state={asked['state']}").status_code == 403
        assert browser.get("/").status_code == 401


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "another-client"},
        {"aud": "another-client", "azp": CLIENT},
        {"aud": ["another-client"], "azp": CLIENT},
        {"aud": None},
        {"aud": [CLIENT, "another-client"], "azp": "another-client"},
        {"iss": "https://evil.example.com"},
        {"iss": None},
        {"nonce": "of another sign-in"},
        {"nonce": None},
        {"exp": 1_000_000_000},
        {"exp": None},
        {"sub": None},
    ],
)
def test_a_token_for_somebody_or_something_else_opens_nothing(
    desk: Served, provider: Provider, claims: dict[str, Any]
) -> None:
    provider.claims = claims
    with desk.browser() as browser:
        assert signed_in(desk, browser, provider).status_code == 403
        assert browser.get("/").status_code == 401


@pytest.mark.parametrize("forgery", ["another key", "no signature", "a changed signature"])
def test_a_token_that_the_provider_did_not_sign_opens_nothing(
    desk: Served, provider: Provider, forgery: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = provider.token
    if forgery == "another key":
        provider.key = ANOTHER
    else:
        forged = unsigned if forgery == "no signature" else changed
        monkeypatch.setattr(provider, "token", lambda: forged(whole()))
    with desk.browser() as browser:
        assert signed_in(desk, browser, provider).status_code == 403
        assert browser.get("/").status_code == 401


def unsigned(token: str) -> str:
    """The same claims under `alg: none`."""
    return f"eyJhbGciOiJub25lIn0.{token.split('.')[1]}."


def changed(token: str) -> str:
    """The same with some of its signature in capitals."""
    return token[:-40] + token[-40:].swapcase()


def test_an_answer_to_no_sign_in_of_this_browser_opens_nothing(desk: Served, provider: Provider) -> None:
    """Else somebody could be made to work in another one's name."""
    with desk.browser() as attacker, desk.browser() as victim:
        asked = led_away(desk, attacker, provider)
        assert victim.get(f"/signed-in?code=a-code&state={asked['state']}").status_code == 403
        led_away(desk, victim, provider)
        assert victim.get(f"/signed-in?code=a-code&state={asked['state']}").status_code == 403
        assert provider.asked == {}
        assert victim.get("/").status_code == 401


def test_a_sign_in_that_takes_too_long_begins_anew(desk: Served, provider: Provider, world: World) -> None:
    with desk.browser() as browser:
        asked = led_away(desk, browser, provider)
        world.clock.advance(minutes=11)
        assert browser.get(f"/signed-in?code=a-code&state={asked['state']}").status_code == 403


@pytest.mark.parametrize("roles", [None, [], ["others"], "others", {"hse": True}])
def test_without_a_matching_claim_nothing_is_shown(desk: Served, provider: Provider, roles: Any) -> None:
    provider.claims = {"roles": roles}
    with desk.browser() as browser:
        answer = signed_in(desk, browser, provider)
        assert (answer.status_code, "no rule of the desk names you" in words(answer)) == (403, True)
        assert browser.get("/").status_code == 401


def test_a_claim_may_lie_deeper(world: World, provider: Provider) -> None:
    provider.claims = {"roles": None, "realm_access": {"roles": ["guests"]}}
    settings = {"auth": "oidc", "issuer": provider.url, "client_id": CLIENT, "base_url": "http://127.0.0.1"}
    made = desk_of(world, **settings, role_claim="realm_access.roles", viewers=["guests"])
    with served(made) as desk, desk.browser() as browser:
        assert signed_in(desk, browser, provider).status_code == 303
        assert "You may look, and not answer." in browser.text("/")


def test_a_provider_that_does_not_answer_or_calls_itself_another_is_told_in_a_sentence(
    desk: Served, provider: Provider
) -> None:
    provider.is_down = True
    with desk.browser() as browser:
        assert "The sign-in did not succeed" in browser.text("/sign-in")
        provider.is_down, provider.issuer = False, "https://evil.example.com"
        assert browser.get("/sign-in").status_code == 403


def test_where_people_sign_in_otherwise_there_is_no_such_page(world: World) -> None:
    with served(desk_of(world)) as desk, desk.browser() as browser:
        assert browser.get("/sign-in").status_code == 404
        assert browser.get("/signed-in?code=a&state=b").status_code == 404
