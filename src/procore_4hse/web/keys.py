"""Keys of desk and hooks: signed texts that end, and the keyed hashes under which the store knows keys."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from procore_4hse.settings.model import Settings

LINK = "link"
"""A printed link that opens one session."""
SIGN_IN = "sign-in"
"""A sign-in at an identity provider that has begun."""


def new_key() -> str:
    return secrets.token_urlsafe(32)


@dataclass(frozen=True)
class Keys:
    """One secret signs and hashes; it is never kept in the store."""

    secret: bytes

    @classmethod
    def of(cls, settings: Settings) -> Keys:
        """The same in every process of one configuration; a new client secret ends all sessions."""
        secret = settings.procore.client_secret.get_secret_value()
        return cls(hmac.digest(secret.encode(), b"keys of the desk", hashlib.sha256))

    def hashed(self, key: str) -> str:
        return self._mac("hash", key.encode()).hex()

    @property
    def digest(self) -> str:
        """Tells this secret from another one, and nothing else about it."""
        return self._mac("digest", b"").hex()[:16]

    def signed(self, purpose: str, data: dict[str, Any], *, until: datetime) -> str:
        """A text that shows these data to whoever holds it, and that nobody else can make."""
        body = json.dumps({**data, "until": until.timestamp()}).encode()
        return f"{_text(body)}.{_text(self._mac(purpose, body))}"

    def opened(self, purpose: str, text: str, now: datetime) -> dict[str, Any] | None:
        """The data of a text that was signed for this purpose and has not ended."""
        try:
            body, mac = (base64.urlsafe_b64decode(part + "==") for part in text.split("."))
        except ValueError:
            return None
        if not hmac.compare_digest(mac, self._mac(purpose, body)):
            return None
        data: dict[str, Any] = json.loads(body)
        return data if now.timestamp() < data["until"] else None

    def link(self, who: str, *, now: datetime, lasts: timedelta) -> str:
        """The key of a link that signs this person in once."""
        return self.signed(LINK, {"who": who, "nonce": new_key()}, until=now + lasts)

    def _mac(self, purpose: str, data: bytes) -> bytes:
        return hmac.digest(self.secret, purpose.encode() + b"\0" + data, hashlib.sha256)


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
