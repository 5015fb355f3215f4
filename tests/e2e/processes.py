"""The command as a process of its own, and what both registers hold when it is over."""

from __future__ import annotations

import json
import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

from cli_stand import PLACES, Stand
from preloaded import Process

from procore_4hse.simulator.wire import Request, Response

CREATES = ("/v2/incident/create", "/incidents")
"""How the path of a create ends, in 4HSE and in Procore."""

BARE = {name: os.environ[name] for name in ("PYTHONPYCACHEPREFIX",) if name in os.environ}
"""The environment of a command with none of its own: compiled modules are found, and left, where `make` has them."""


@contextmanager
def started(stand: Stand, *words: str, before: str = "", stdin: int = -1) -> Iterator[Process]:
    """The command in a process of its own, after the statements of `before`; it never outlives the test."""
    process = Process(["--config", str(stand.file), "--log-format", "json", *words], os.environ, before, stdin)
    with closing(process):
        yield process


def ended(process: Process, within: float = 20) -> tuple[int, list[dict[str, Any]]]:
    """The exit code, and the log line by line."""
    _, log = process.communicate(timeout=within)
    return process.returncode, [json.loads(line) for line in log.splitlines()]


def is_create(request: Request) -> bool:
    return request.method == "POST" and request.path.endswith(CREATES)


def at_create(number: int, act: Callable[[], object]) -> Callable[[Request], None]:
    """`act` when the create of that number arrives, counted over both sides."""
    lock, seen = threading.Lock(), Counter[str]()

    def look(request: Request) -> None:
        if is_create(request):
            with lock:
                seen["creates"] += 1
                due = seen["creates"] == number
            if due:
                act()

    return look


def after_create(number: int, act: Callable[[], object]) -> Callable[[Request, Response], None]:
    """The same once the create is carried out, and before its answer leaves."""
    look = at_create(number, act)
    return lambda request, _: look(request)


def counts(stand: Stand, route: str = "riverside") -> tuple[Counter[str], Counter[str]]:
    """How often each headline stands in each register, straight from the simulated systems."""
    project, office = PLACES[route]
    site = Counter(row["title"] for row in stand.procore.dump(project))
    return site, Counter(row["name"] for row in stand.fourhse.dump(office))


def everything_stands_once(stand: Stand, *titles: str) -> bool:
    once = Counter(titles)
    return counts(stand) == (once, once) and not stand.procore.refused and not stand.fourhse.refused
