"""The desk, and what machines ask, each as a server on a port of this machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from starlette.types import ASGIApp

from procore_4hse.settings.values import place_of
from procore_4hse.web.app import create_app
from procore_4hse.web.desk import Desk
from procore_4hse.web.listener import listening, spelled
from procore_4hse.web.protection import Origins

log = structlog.get_logger()


@contextmanager
def serving(desk: Desk, host: str, port: int) -> Iterator[str]:
    """Answers while the caller's work goes on; gives the address that people use.

    Raises UsageError when the port cannot be had.
    """

    def app_at(port: int) -> ASGIApp:
        return create_app(desk, Origins.of(desk.settings.base_url, host, port))

    with listening(app_at, host, port, name="desk", remedy="Choose another with --port.") as bound:
        log.info("desk.started", port=bound, auth=desk.settings.auth.value)
        try:
            yield desk.settings.base_url or f"http://{spelled(host)}:{bound}"
        finally:
            log.info("desk.stopped")


@contextmanager
def probing(app: ASGIApp, listen: str) -> Iterator[str]:
    """The same for what machines ask; gives the address. Raises UsageError when it cannot be had."""
    host, port = place_of(listen)
    remedy = "Choose another in metrics.listen."
    with listening(lambda _: app, host, port, name="metrics", remedy=remedy) as bound:
        log.info("metrics.started", port=bound)
        try:
            yield f"http://{spelled(host)}:{bound}"
        finally:
            log.info("metrics.stopped")
