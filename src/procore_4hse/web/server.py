"""The desk as a server on a port of this machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from starlette.types import ASGIApp

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
