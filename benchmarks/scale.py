"""What a large register and many routes cost the processor: `make bench-scale`, explained in README.md beside it.

Everything runs in process against the simulated systems. The time that they take to answer is left out, so that the
numbers are the product's own work and the store's.
"""

from __future__ import annotations

import logging
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import structlog

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from procore_4hse.simulator.wire import InProcess
from world import OFFICE, PROJECT, START, TENANT, World

MANY = 10_000
FEW, CREATES = 10, 100
ROUTES = (50, 100, 200)
IN_ROUTE = 50
FIRST = date(2025, 1, 1)

answering = 0.0
"""Seconds of the processor that the simulated systems took so far."""


def main() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    leave_out_answers()
    for what, seconds in (*one_route(), *many_routes()):
        print(f"{what:<45} {seconds:8.2f} s", flush=True)  # noqa: T201


# What is measured ------------------------------------------------------------------------------------------------


def one_route() -> Iterator[tuple[str, float]]:
    """A large register: linked, then idle, then with some new incidents."""
    with world() as large:
        for number in range(MANY):
            pair(large, number)
        yield f"first link of {MANY} a side", cpu(lambda: synced(large, first=True))
        synced(large)
        idle = cpu(lambda: synced(large))
        yield f"idle cycle of {MANY} a side", idle
        few, more = (cpu(lambda: synced(large)) for _ in created(large, (FEW, FEW + CREATES)))
        yield f"cycle with {FEW} creates into {MANY}", few
        yield f"{FEW + CREATES} creates, above an idle cycle", more - idle


def created(large: World, counts: tuple[int, ...]) -> Iterator[int]:
    """New incidents in Procore alone, so many at a time."""
    start = MANY
    for count in counts:
        for number in range(start, start + count):
            large.on_site(f"Incident {number}", FIRST + timedelta(number % 365))
        start += count
        yield count


def many_routes() -> Iterator[tuple[str, float]]:
    """An idle cycle of each of many routes in one store."""
    for count in ROUTES:
        with world() as small:
            routes = [add_route(small, number) for number in range(count)]
            for route in routes:
                use(small, route)
                for number in range(IN_ROUTE):
                    pair(small, number, *route)
                synced(small, first=True)
            yield f"idle cycles of {count} routes of {IN_ROUTE}", cpu(partial(each, small, routes))


def each(small: World, routes: list[tuple[int, str]]) -> None:
    for route in routes:
        use(small, route)
        synced(small)


# The worlds ------------------------------------------------------------------------------------------------------


@contextmanager
def world() -> Iterator[World]:
    with tempfile.TemporaryDirectory() as folder:
        yield World.build(f"sqlite:///{folder}/sync.db")


def add_route(large: World, number: int) -> tuple[int, str]:
    """A project and an office of their own."""
    project, office = PROJECT + 1 + number, str(UUID(int=number + 1))
    large.procore.add_project(project, f"Site {number}", large.zone, large.zone)
    large.fourhse.add_office(TENANT, office, f"Site {number}")
    return project, office


def use(large: World, route: tuple[int, str]) -> None:
    project, office = route
    large.with_route(name=f"site-{project}", procore_project=str(project), fourhse_office=office)


def pair(large: World, number: int, project: int = PROJECT, office: str = OFFICE) -> None:
    """One incident in both systems."""
    day, title, text = FIRST + timedelta(number % 365), f"Incident {number}", f"What happened: {number}."
    words = {"title": title, "description": text}
    at = START.replace(year=day.year, month=day.month, day=day.day, hour=20)
    large.procore.hand_create("incident", project, event_date=at, time_unknown=False, **words)
    told = {"name": title, "date_incident": day.isoformat(), "description_event": text, "status": "new"}
    large.fourhse.hand_create("incident", office, **told, category="NON_COMPLIANCE")


def synced(large: World, **options: Any) -> None:
    report = large.sync(**options)
    if report.outcome != "ok":
        raise SystemExit(f"A cycle ended as {report.outcome}: {report.reason}")


# The processor's time --------------------------------------------------------------------------------------------


def cpu(work: Callable[[], object]) -> float:
    """Seconds of the processor that the work takes, without the simulated systems' answers."""
    before, answers = time.process_time(), answering
    work()
    return time.process_time() - before - (answering - answers)


def leave_out_answers() -> None:
    """Counts the time that the simulated systems take to answer, HTTP's forms included."""
    handle = InProcess.handle_request

    def counted(self: InProcess, request: httpx.Request) -> httpx.Response:
        global answering
        began = time.process_time()
        try:
            return handle(self, request)
        finally:
            answering += time.process_time() - began

    InProcess.handle_request = counted  # type: ignore[method-assign]


if __name__ == "__main__":
    main()
