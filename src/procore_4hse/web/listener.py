"""A port of this machine that answers while the caller's work goes on, in a thread of its own."""

from __future__ import annotations

import logging
import socket
from asyncio import TimerHandle, Transport
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread
from time import sleep

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from procore_4hse.errors import UsageError

AT_ONCE = 100
"""Connections beyond that are told to come again."""
WHOLE_WITHIN = 20
"""A connection that has not sent a whole request by then is closed; seconds."""
LONGEST_WAIT = 5
"""How long answers in hand may take when the listener is told to end; seconds."""
LOOK_EVERY = 0.01


class Punctual(H11Protocol):
    """Leaves whoever opens a connection and says nothing, or never comes to an end: they would take others' places."""

    timer: TimerHandle | None = None

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.timer = self.loop.call_later(WHOLE_WITHIN, transport.close)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.conn.their_state not in (h11.IDLE, h11.SEND_BODY):
            self._forget()
        elif self.timer is None:
            self.timer = self.loop.call_later(WHOLE_WITHIN, self.transport.close)

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget()
        super().connection_lost(exc)

    def _forget(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None


@contextmanager
def listening(app_at: Callable[[int], ASGIApp], host: str, port: int, *, name: str, remedy: str) -> Iterator[int]:
    """Answers at this port with the app that is made for it; gives the port, which is a free one for 0.

    Raises UsageError, which ends in the `remedy`, when the port cannot be had.
    """
    with _bound(host, port, name, remedy) as door:
        port = door.getsockname()[1]
        server = uvicorn.Server(_config(app_at(port)))
        # What it would log holds addresses with keys in them, and what broke a page may hold what a record says.
        logging.getLogger("uvicorn").setLevel(logging.CRITICAL + 1)
        thread = Thread(target=server.run, kwargs={"sockets": [door]}, name=name, daemon=True)
        thread.start()
        while not server.started and thread.is_alive():
            sleep(LOOK_EVERY)
        try:
            yield port
        finally:
            server.should_exit = True
            thread.join()


def spelled(host: str) -> str:
    """As it stands in an address."""
    return f"[{host}]" if ":" in host else host


def _config(app: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        loop="asyncio",
        http=Punctual,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=AT_ONCE,
        timeout_graceful_shutdown=LONGEST_WAIT,
    )


def _bound(host: str, port: int, name: str, remedy: str) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family)
    except OSError as error:
        why = f"{error.strerror}" if error.strerror else "it cannot be used"
        raise UsageError(f"The {name} cannot listen at {host} port {port}: {why}. {remedy}") from error
