"""The token endpoint of the simulated 4HSE, as Keycloak answers it: password and refresh grants."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any

from procore_4hse.simulator.fourhse_dials import FourHseDials
from procore_4hse.simulator.wire import Clock

TOKEN_PATH = "/realms/4hse/protocol/openid-connect/token"  # noqa: S105
Answer = tuple[int, dict[str, Any]]


@dataclass(frozen=True)
class Account:
    client_id: str
    client_secret: str
    username: str
    password: str


@dataclass
class TokenEndpoint:
    """Gives out tokens and knows until when each is good, by the clock."""

    clock: Clock
    dials: FourHseDials
    account: Account
    random: Random
    access: dict[str, datetime] = field(default_factory=dict)
    refresh: dict[str, datetime] = field(default_factory=dict)

    def answer(self, form: Mapping[str, str]) -> Answer:
        client = (form.get("client_id"), form.get("client_secret", ""))
        if client != (self.account.client_id, self.account.client_secret):
            return _refusal(401, "invalid_client", "Invalid client or Invalid client credentials")
        if form.get("grant_type") == "password":
            return self._password_grant(form)
        if form.get("grant_type") == "refresh_token":
            return self._refresh_grant(form.get("refresh_token", ""))
        return _refusal(400, "unsupported_grant_type", "Unsupported grant_type")

    def accepts(self, authorization: str) -> bool:
        """Whether an Authorization header carries a token that is still good."""
        scheme, _, token = authorization.partition(" ")
        # An unknown token counts as one that ends now.
        return scheme.lower() == "bearer" and self.clock() < self.access.get(token, self.clock())

    def end_session(self) -> None:
        """Every token handed out so far is worthless from now on."""
        self.access.clear()
        self.refresh.clear()

    def _password_grant(self, form: Mapping[str, str]) -> Answer:
        if (form.get("username"), form.get("password")) != (self.account.username, self.account.password):
            return _refusal(self.dials.bad_password_status, "invalid_grant", "Invalid user credentials")
        return self._issue(self._new_refresh_token())

    def _refresh_grant(self, token: str) -> Answer:
        if self.clock() >= self.refresh.get(token, self.clock()):
            return _refusal(400, "invalid_grant", "Token is not active")
        if self.dials.refresh_token_rotates:
            del self.refresh[token]
            token = self._new_refresh_token()
        return self._issue(token)

    def _new_refresh_token(self) -> str:
        token = f"refresh-{self.random.getrandbits(96):024x}"
        self.refresh[token] = self._after(self.dials.refresh_lifetime)
        return token

    def _issue(self, refresh_token: str) -> Answer:
        token = f"access-{self.random.getrandbits(96):024x}"
        self.access[token] = self._after(self.dials.token_lifetime)
        left = self.refresh[refresh_token] - self.clock()
        return 200, {
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": self.dials.token_lifetime,
            "refresh_token": refresh_token,
            "refresh_expires_in": int(left.total_seconds()),
            "scope": "profile email",
        }

    def _after(self, seconds: int) -> datetime:
        return self.clock() + timedelta(seconds=seconds)


def _refusal(status: int, error: str, description: str) -> Answer:
    return status, {"error": error, "error_description": description}
