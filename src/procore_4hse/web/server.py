"""The desk, and what machines ask, as servers on a port of this machine, each in a thread of its own."""

from __future__ import annotations

import logging
import socket
from asyncio import TimerHandle, Transport
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from time import sleep

import h11
import structlog
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from procore_4hse.errors import UsageError
from procore_4hse.web.app import create_app
from procore_4hse.web.desk import Desk
from procore_4hse.web.protection import Origins

log = structlog.get_logger()

AT_ONCE = 100
"""Connections beyond that are told to come again."""
WHOLE_WITHIN = 20
"""A connection that has not sent a whole request by then is closed; seconds."""
LONGEST_WAIT = 5
"""How long answers in hand may take when the desk is told to end; seconds."""
LOOK_EVERY = 0.01

BEGAN = {"desk": "desk.started", "metrics": "metrics.started"}
ENDED = {"desk": "desk.stopped", "metrics": "metrics.stopped"}


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
def serving(desk: Desk, host: str, port: int) -> Iterator[str]:
    """Answers while the caller's work goes on; gives the address that people use.

    Raises UsageError when the port cannot be had.
    """
    with _bound("The desk", host, port, "Choose another with --port.") as door:
        port = door.getsockname()[1]
        app = create_app(desk, Origins.of(desk.settings.base_url, host, port))
        with _answering(app, door, "desk", auth=desk.settings.auth.value):
            yield desk.settings.base_url or f"http://{_spelled(host)}:{port}"


@contextmanager
def probing(app: ASGIApp, listen: str) -> Iterator[str]:
    """The same for what machines ask; gives the address. Raises UsageError when it cannot be had."""
    host, _, port = listen.rpartition(":")
    bound = _bound("The metrics", host.strip("[]"), int(port), "Choose another in metrics.listen.")
    with bound as door, _answering(app, door, "metrics"):
        yield f"http://{host}:{door.getsockname()[1]}"


@contextmanager
def _answering(app: ASGIApp, door: socket.socket, name: str, **facts: str) -> Iterator[None]:
    """In a thread of its own."""
    server = uvicorn.Server(_config(app))
    # What it would log holds addresses with keys in them, and what broke a page may hold what a record says.
    logging.getLogger("uvicorn").setLevel(logging.CRITICAL + 1)
    thread = Thread(target=server.run, kwargs={"sockets": [door]}, name=name, daemon=True)
    thread.start()
    while not server.started and thread.is_alive():
        sleep(LOOK_EVERY)
    log.info(BEGAN[name], port=door.getsockname()[1], **facts)
    try:
        yield
    finally:
        server.should_exit = True
        thread.join()
        log.info(ENDED[name])


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


def _bound(what: str, host: str, port: int, remedy: str) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family)
    except OSError as error:
        why = f"{error.strerror}" if error.strerror else "it cannot be used"
        raise UsageError(f"{what} cannot listen at {host} port {port}: {why}. {remedy}") from error


def _spelled(host: str) -> str:
    return f"[{host}]" if ":" in host else host
