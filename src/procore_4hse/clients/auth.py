"""Access tokens, held in memory only: Procore by client credentials (P1, P2), 4HSE by password and refresh (H1)."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import structlog

from procore_4hse.clients.answer import Reply
from procore_4hse.clients.transport import Call, NoAnswer, Transport
from procore_4hse.errors import AccessRefused
from procore_4hse.models import Side

log = structlog.get_logger()

MARGIN = timedelta(seconds=60)
"""A token is renewed this long before it expires, or a tenth of its life before when that is shorter."""

UNSTATED_LIFE = timedelta(seconds=300)
"""The life of a token whose answer states none; the shortest that either vendor names (H1)."""

REFUSAL_STANDS = timedelta(seconds=60)
"""Credentials that were refused are not sent again for so long: repeats can lock an account."""


@dataclass(frozen=True)
class Token:
    value: str = field(repr=False)
    renew_at: datetime
    refresh: str | None = field(default=None, repr=False)


class Auth(Protocol):
    """Where a Http gets its token. Raises AccessRefused, Unavailable or BudgetExhausted."""

    def token(self) -> Token:
        """A token that is good now."""

    def renew(self, refused: Token) -> Token:
        """Another token than the one that was answered with 401."""


class HeldToken(ABC):
    """One token for all threads; one of them renews it, the others wait for the new one (R21)."""

    settings: str
    """The settings to look at when the credentials are refused."""

    def __init__(self, wire: Transport, url: str) -> None:
        self._wire = wire
        self._url = url
        self._lock = threading.Lock()
        self._held: Token | None = None
        self._refused_until: datetime | None = None

    def token(self) -> Token:
        with self._lock:
            if self._held is None or self._wire.clock() >= self._held.renew_at:
                self._held = self._obtain(self._held)
            return self._held

    def renew(self, refused: Token) -> Token:
        with self._lock:
            # Another thread may have renewed it while this one waited for the lock: a second renewal would burn a
            # refresh token that works once.
            if self._held is None or self._held.value == refused.value:
                self._held = self._obtain(self._held)
            return self._held

    @abstractmethod
    def _obtain(self, held: Token | None) -> Token:
        """A new token in place of `held`."""

    def _grant(self, form: Mapping[str, str]) -> Token:
        """A token by credentials that stand in the settings; AccessRefused when they do not work."""
        if self._refused_until is not None and self._wire.clock() < self._refused_until:
            raise self._refusal(None)
        asked_at = self._wire.clock()  # Counted from the answer, a token would seem to live longer than it does.
        reply = self._ask(form)
        if reply.status != 200:
            self._refused_until = self._wire.clock() + REFUSAL_STANDS
            raise self._refusal(reply.status)
        return self._token_of(reply, asked_at, form["grant_type"])

    def _ask(self, form: Mapping[str, str]) -> Reply:
        """The endpoint's answer: 200 with a token, or 400, 401 or 403. All else is tried again, then Unavailable."""
        call = self._call(form)
        remedy = "check the address of the token endpoint; the next cycle tries again."
        return self._wire.with_retry(call, lambda: self._ask_once(call), remedy=remedy)

    def _ask_once(self, call: Call) -> Reply:
        self._wire.budget.acquire(reserve=True)  # Without a token not even the reserved calls could be made.
        reply = self._wire.ask(call)
        if reply.status in (400, 401, 403) or (reply.status == 200 and _token_text(reply.body)):
            return reply
        raise NoAnswer.by(reply)

    def _call(self, form: Mapping[str, str]) -> Call:
        path = "/" + self._url.partition("://")[2].partition("/")[2]
        return Call("POST", self._url, path, form=form, reserve=True)

    def _token_of(self, reply: Reply, asked_at: datetime, grant: str) -> Token:
        life = _life(reply.body)
        log.debug("auth.token", side=self._wire.side.value, grant=grant, expires_in=life.total_seconds())
        refresh = reply.body.get("refresh_token")
        return Token(
            _token_text(reply.body) or "",
            renew_at=asked_at + life - min(MARGIN, life / 10),
            refresh=refresh if isinstance(refresh, str) and refresh else None,
        )

    def _refusal(self, status: int | None) -> AccessRefused:
        title = self._wire.side.label
        return AccessRefused(
            f"{title} refused to give a token; check {self.settings}.",
            side=self._wire.side,
            call=self._call({}).name,
            status=status,
        )


class ProcoreAuth(HeldToken):
    """client_credentials at {login_url}/oauth/token; its answer has no refresh token (P2)."""

    settings = "procore.client_id and procore.client_secret, and that procore.login_url belongs to procore.api_url"

    def __init__(self, wire: Transport, login_url: str, client_id: str, client_secret: str) -> None:
        super().__init__(wire, login_url.rstrip("/") + "/oauth/token")
        self._form = {
            "grant_type": "client_credentials",
            "client_id": client_id,
            "client_secret": client_secret,
        }

    def _obtain(self, held: Token | None) -> Token:
        return self._grant(self._form)


class FourHseAuth(HeldToken):
    """Password grant, then refresh; a refresh that is refused falls back to the password (H1)."""

    settings = "fourhse.client_id, fourhse.client_secret, fourhse.username and fourhse.password"

    def __init__(
        self, wire: Transport, token_url: str, client_id: str, client_secret: str, username: str, password: str
    ) -> None:
        super().__init__(wire, token_url)
        self._client = {"client_id": client_id} | ({"client_secret": client_secret} if client_secret else {})
        self._user = {"username": username, "password": password}

    def _obtain(self, held: Token | None) -> Token:
        refreshed = self._refresh(held.refresh) if held is not None and held.refresh else None
        return refreshed or self._grant({"grant_type": "password", **self._client, **self._user})

    def _refresh(self, refresh: str) -> Token | None:
        """The next token, which brings its own refresh token; None when the vendor refuses this one."""
        asked_at = self._wire.clock()
        reply = self._ask({"grant_type": "refresh_token", **self._client, "refresh_token": refresh})
        # A refused refresh is no refused credential: no pause, the password comes next.
        return self._token_of(reply, asked_at, "refresh_token") if reply.status == 200 else None


@dataclass(frozen=True)
class GivenToken:
    """A token that 4HSE handed out to keep. Nothing renews it."""

    side: Side
    value: str = field(repr=False)

    def token(self) -> Token:
        return Token(self.value, renew_at=datetime.max.replace(tzinfo=UTC))

    def renew(self, refused: Token) -> Token:
        sentence = (
            f"{self.side.label} does not accept {self.side.value}.access_token; ask 4HSE for a new one and set it."
        )
        raise AccessRefused(sentence, side=self.side, call="any call", status=401)


def _token_text(body: Any) -> str | None:
    text = body.get("access_token") if isinstance(body, dict) else None
    # A header takes nothing else; any other token would fail inside the HTTP client.
    return text if isinstance(text, str) and text.isascii() and text.isprintable() and text else None


def _life(body: Mapping[str, Any]) -> timedelta:
    try:
        seconds = float(body.get("expires_in") or 0)
    except (TypeError, ValueError):
        seconds = 0.0
    # NaN is not above 0, and the cap keeps the sum inside what a date can hold.
    return timedelta(seconds=min(seconds, 10**8)) if seconds > 0 else UNSTATED_LIFE
