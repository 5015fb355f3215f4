"""What machines ask of a running process: whether it is alive, whether its store can be used, and the metrics."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from prometheus_client import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route as Path

from procore_4hse.errors import SyncError
from procore_4hse.operations.metrics import StoreCollector, exposition
from procore_4hse.operations.status import require_usable

NOT_NOW = 503

T = TypeVar("T")


def probes(collector: StoreCollector, is_alive: Callable[[], bool]) -> Starlette:
    """An ASGI application with three addresses. None of its answers holds an id or a person."""

    async def healthz(_: Request) -> Response:
        return PlainTextResponse("alive\n") if is_alive() else PlainTextResponse("stuck\n", NOT_NOW)

    async def readyz(_: Request) -> Response:
        return await _or_why_not(lambda: require_usable(collector.store), lambda _: PlainTextResponse("ready\n"))

    async def metrics(_: Request) -> Response:
        return await _or_why_not(
            lambda: exposition(collector), lambda told: Response(told, media_type=CONTENT_TYPE_LATEST)
        )

    app = Starlette(routes=[Path("/healthz", healthz), Path("/readyz", readyz), Path("/metrics", metrics)])
    app.router.redirect_slashes = False
    return app


async def _or_why_not(ask: Callable[[], T], answer: Callable[[T], Response]) -> Response:
    """The store is asked in a thread; what it lacks is told in one sentence."""
    try:
        return answer(await run_in_threadpool(ask))
    except SyncError as error:
        return PlainTextResponse(f"{error}\n", NOT_NOW)
