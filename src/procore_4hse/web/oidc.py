"""Signing in at an identity provider with OpenID Connect: authorization code with PKCE, the answer checked by Authlib.

Loaded only where the settings say so; Authlib comes with the extra `oidc`.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import httpx
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from procore_4hse.errors import SyncError
from procore_4hse.settings.model import DeskSettings
from procore_4hse.web.keys import new_key

ALGORITHMS = ["RS256", "PS256", "ES256", "EdDSA"]
LEEWAY = 60
"""By how much the provider's clock may differ from ours; seconds."""
CALLBACK = "/signed-in"
TIMEOUT = 10


class SignInFailed(SyncError):
    """The provider's answer is none that may be trusted, or no answer came."""

    def __init__(self) -> None:
        super().__init__("The sign-in did not succeed; try it again, and tell the administrator if it stays so.")


@dataclass(frozen=True)
class Begun:
    """A sign-in under way: where the browser goes, and what must be remembered until it comes back."""

    url: str
    remembered: dict[str, str]


@dataclass(frozen=True)
class SignedIn:
    who: str
    names: Collection[str]
    """The values of the role claim."""


@dataclass(frozen=True)
class Provider:
    """Makes two or three calls to the issuer for each sign-in, and none between."""

    desk: DeskSettings

    def begin(self) -> Begun:
        """Raises SignInFailed when the provider does not answer."""
        state, nonce, verifier = new_key(), new_key(), new_key()
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
        asked = {
            "response_type": "code",
            "client_id": self.desk.client_id,
            "redirect_uri": self.desk.base_url + CALLBACK,
            "scope": "openid profile email",
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        with _calls() as http:
            endpoint = self._metadata(http)["authorization_endpoint"]
        return Begun(f"{endpoint}?{urlencode(asked)}", {"state": state, "nonce": nonce, "verifier": verifier})

    def finish(self, code: str, remembered: Mapping[str, Any], now: datetime) -> SignedIn:
        """Who has signed in. Raises SignInFailed."""
        try:
            with _calls() as http:
                metadata = self._metadata(http)
                token = self._token(http, metadata["token_endpoint"], code, remembered["verifier"])
                keys = KeySet.import_key_set({"keys": _json(http.get(metadata["jwks_uri"]))["keys"]})
            return self._person(self._claims(token, keys, remembered["nonce"], now))
        except (httpx.HTTPError, JoseError, LookupError, TypeError, ValueError) as error:
            raise SignInFailed from error

    def _metadata(self, http: httpx.Client) -> dict[str, Any]:
        try:
            metadata = _json(http.get(f"{self.desk.issuer}/.well-known/openid-configuration"))
        except (httpx.HTTPError, ValueError) as error:
            raise SignInFailed from error
        if metadata.get("issuer") != self.desk.issuer:
            raise SignInFailed
        return metadata

    def _token(self, http: httpx.Client, endpoint: str, code: str, verifier: str) -> str:
        secret = self.desk.client_secret.get_secret_value()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.desk.base_url + CALLBACK,
            "client_id": self.desk.client_id,
            "code_verifier": verifier,
            **({"client_secret": secret} if secret else {}),
        }
        return str(_json(http.post(endpoint, data=form))["id_token"])

    def _claims(self, token: str, keys: KeySet, nonce: str, now: datetime) -> dict[str, Any]:
        signed = jwt.decode(token, keys, algorithms=ALGORITHMS)
        # Without a value for `aud` Authlib takes a token that was made for somebody else.
        options = {
            "iss": {"essential": True, "value": self.desk.issuer},
            "aud": {"essential": True, "value": self.desk.client_id},
            "exp": {"essential": True},
            "nonce": {"essential": True, "value": nonce},
        }
        parameters = {"nonce": nonce, "client_id": self.desk.client_id}
        claims = CodeIDToken(signed.claims, signed.header, options, parameters)
        claims.validate(now=int(now.timestamp()), leeway=LEEWAY)
        return dict(claims)

    def _person(self, claims: Mapping[str, Any]) -> SignedIn:
        who = claims.get("preferred_username") or claims.get("email") or claims["sub"]
        value: Any = claims
        for part in self.desk.role_claim.split("."):
            value = value.get(part, ()) if isinstance(value, Mapping) else ()
        names = [value] if isinstance(value, str) else value if isinstance(value, list) else []
        return SignedIn(str(who), tuple(name for name in names if isinstance(name, str)))


def _calls() -> httpx.Client:
    return httpx.Client(timeout=TIMEOUT, follow_redirects=False)


def _json(answer: httpx.Response) -> dict[str, Any]:
    answer.raise_for_status()
    data = answer.json()
    if not isinstance(data, dict):
        raise ValueError("no object")
    return data
