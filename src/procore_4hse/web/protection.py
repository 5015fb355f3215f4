"""What every request must be, before anything else looks at it, and what every answer says to the browser."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = structlog.get_logger()

MAX_BODY = 32 * 1024
"""A form of ours holds a few words; bytes."""
READS = ("GET", "HEAD")
CHANGES = ("POST",)

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    # Not `no-referrer`: browsers would then send `Origin: null` with our own forms.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


@dataclass(frozen=True)
class Origins:
    """Where people reach the desk: whole origins, such as `http://127.0.0.1:8484`."""

    allowed: frozenset[str]

    @classmethod
    def of(cls, base_url: str, host: str, port: int) -> Origins:
        """The address that people use, else the one that the desk is bound to, by each name of this machine."""
        if base_url:
            # As browsers write it: without the port that everybody knows.
            usual = ":443" if base_url.startswith("https:") else ":80"
            return cls(frozenset({base_url.lower().removesuffix(usual)}))
        names = {"127.0.0.1": ("127.0.0.1", "localhost"), "::1": ("[::1]", "localhost")}.get(host, (host,))
        return cls(frozenset(f"http://{name}:{port}" for name in names))

    def has_host(self, host: str) -> bool:
        return host.lower() in {origin.partition("//")[2] for origin in self.allowed}


class TooLarge(Exception):
    pass


class Protection:
    """The outermost layer: foreign hosts, other sites' forms and large bodies are refused; every answer is marked."""

    def __init__(self, app: ASGIApp, origins: Origins) -> None:
        self.app, self.origins = app, origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        marked = _marking(send)
        if refused := self._refusal(scope):
            status, why = refused
            log.info("desk.refused", status=status, why=why)
            await PlainTextResponse(f"Refused: {why}.\n", status)(scope, receive, marked)
            return
        await self._answer(scope, limited(receive, MAX_BODY), marked)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self.app(scope, receive, send)
        except TooLarge:
            await PlainTextResponse("Refused: the body is too large.\n", 413)(scope, receive, send)

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        headers = Headers(scope=scope)
        if len(headers.getlist("host")) != 1 or not self.origins.has_host(headers["host"]):
            return 421, "this desk has another address"
        if scope["method"] not in (*READS, *CHANGES):
            return 405, "no page takes this method"
        if scope["method"] in CHANGES and not self._is_from_here(headers):
            return 403, "the form is not one of this desk's pages"
        if not is_short(headers.get("content-length", "0"), MAX_BODY):
            return 413, "the body is too large"
        return None

    def _is_from_here(self, headers: Headers) -> bool:
        """By both signs that a browser gives; a request without any comes from no browser that we know."""
        site, origin = headers.get("sec-fetch-site"), headers.get("origin")
        if site is None and origin is None:
            return False
        return site in (None, "same-origin") and (origin is None or origin.lower() in self.origins.allowed)


def is_short(length: str, most: int) -> bool:
    """Whether a header tells of so many bytes at most."""
    return length.isascii() and length.isdigit() and len(length) < 10 and int(length) <= most


def limited(receive: Receive, most: int) -> Callable[[], Awaitable[Message]]:
    """The same body, which raises TooLarge where it grows beyond `most` bytes, whatever its header says."""
    size = 0

    async def checked() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > most:
            raise TooLarge
        return message

    return checked


def _marking(send: Send) -> Callable[[Any], Awaitable[None]]:
    async def marking(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers[name] = value
        await send(message)

    return marking
