"""The receiver of Procore's hooks: one path on a port of its own. It answers soon, and never calls anybody.

Whoever sends is known by the header that their hook was created with; all others are refused before their body is read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import structlog
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from procore_4hse.errors import StoreBusy, StoreError
from procore_4hse.operations.hints import Hints
from procore_4hse.web.listener import listening, spelled
from procore_4hse.web.protection import TooLarge, is_short, limited

log = structlog.get_logger()

T = TypeVar("T")
MAX_BODY = 256 * 1024
"""An event has less than 1 kB; bytes."""
STORE_WITHIN = 2.0
"""The store is asked twice, each time for so long: Procore waits five seconds (P115)."""

TAKEN, UNREADABLE, NOBODY, ELSEWHERE, NO_POST, TOO_LONG, BUSY = 204, 400, 401, 404, 405, 413, 503


class Refused(Exception):
    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Receiver:
    """Answers 204 to a hint, also to one that came before, and to everything else with a bare status."""

    def __init__(self, hints: Hints, path: str) -> None:
        self.hints, self.path = hints, path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        status = await self._status(scope, receive)
        await Response(status_code=status, headers={"Cache-Control": "no-store"})(scope, receive, send)

    async def _status(self, scope: Scope, receive: Receive) -> int:
        try:
            await self._take(scope, receive)
        except Refused as refusal:
            log.info("hooks.refused", status=refusal.status)
            return refusal.status
        except Exception as error:
            log.error("hooks.failed", error=error)
            return 500
        return TAKEN

    async def _take(self, scope: Scope, receive: Receive) -> None:
        headers = Headers(scope=scope)
        _check_form(scope, headers, self.path)
        given = headers.getlist("authorization")
        project = await _soon(lambda: self.hints.sender(given[0])) if len(given) == 1 else None
        if project is None:
            raise Refused(NOBODY)
        body = await _body(scope, receive)
        try:
            outcome = await _soon(lambda: self.hints.take(project, body))
        except ValueError as error:
            raise Refused(UNREADABLE) from error
        log.info("hooks.received", project=project, outcome=outcome.value)


def _check_form(scope: Scope, headers: Headers, path: str) -> None:
    if scope["path"] != path:
        raise Refused(ELSEWHERE)
    if scope["method"] != "POST":
        raise Refused(NO_POST)
    if not is_short(headers.get("content-length", "0"), MAX_BODY):
        raise Refused(TOO_LONG)


async def _body(scope: Scope, receive: Receive) -> bytes:
    try:
        return await Request(scope, limited(receive, MAX_BODY)).body()
    except TooLarge as error:
        raise Refused(TOO_LONG) from error
    except ClientDisconnect as error:
        raise Refused(UNREADABLE) from error


async def _soon(work: Callable[[], T]) -> T:
    """What the store says, in a thread. One that has no time is no reason to keep Procore waiting: it comes again."""
    try:
        return await asyncio.wait_for(asyncio.to_thread(work), STORE_WITHIN)
    except (StoreBusy, StoreError, TimeoutError) as error:
        log.warning("hooks.store_waited_for", error=error)
        raise Refused(BUSY) from error


@contextmanager
def receiving(hints: Hints, host: str, port: int, path: str) -> Iterator[str]:
    """Takes hints while the caller's work goes on; gives the address on this machine.

    Raises UsageError when the port cannot be had.
    """
    remedy = "Choose another for hooks.listen."
    with listening(lambda _: Receiver(hints, path), host, port, name="receiver of hooks", remedy=remedy) as bound:
        log.info("hooks.started", port=bound)
        try:
            yield f"http://{spelled(host)}:{bound}{path}"
        finally:
            log.info("hooks.stopped")
