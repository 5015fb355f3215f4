"""One measurement, in a process of its own: `python benchmarks/measures.py NAME SIZE ...` prints its numbers as JSON.

Numbers are milliseconds of the processor, or mebibytes. What the simulated systems take to answer is left out.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import resource
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import structlog
from grown import grown
from views import View, first_views, views
from worlds import (
    FIRST,
    cpu,
    filled,
    least,
    leave_out_answers,
    linked,
    lived_in,
    many_routes,
    postgres,
    sqlite,
    synced,
    time_of,
    use,
)

from procore_4hse.bootstrap import route_apis  # isort: skip
from procore_4hse.clients import fourhse_http, procore_http
from procore_4hse.engine.cycle import Cycle, Options, run_cycle
from procore_4hse.runtime import Runtime
from procore_4hse.simulator.wire import InProcess, LoopbackServer, Request, Response
from world import COMPANY, MAPPING, Clock, World, opened

Numbers = dict[str, float]
CREATES = 50
STARTS = 5
EDITS = 20
RECORD = {"id": 1, "title": "Incident", "description": "What happened. " * 20, "parts": [{"id": n} for n in range(20)]}


# What is measured ------------------------------------------------------------------------------------------------


def yardstick() -> Numbers:
    """Plain work that no change of the product touches: how fast this machine is while it measures."""

    def work() -> None:
        table = sqlite3.connect(":memory:")
        table.execute("CREATE TABLE t (id INTEGER, body TEXT)")
        for number in range(4000):
            body = json.dumps({**RECORD, "id": number}, sort_keys=True)
            hashlib.sha256(body.encode()).hexdigest()
            table.execute("INSERT INTO t VALUES (?, ?)", (number, json.dumps(json.loads(body))))

    return {"yardstick": least(work, 7)}


def idle(size: int) -> Numbers:
    """A cycle that finds nothing new; and of it the part that decides so, without reading any register."""
    with sqlite() as url:
        return _idle(linked(url, size), size)


def lived(size: int) -> Numbers:
    """The same with people, deletions, open questions and old history."""
    with sqlite() as url:
        return _idle(lived_in(url, size), size)


def _idle(world: World, size: int) -> Numbers:
    with time_of(Cycle, "first_plan") as core:
        whole = least(lambda: synced(world))
    return {"idle": whole / size, "core": min(core) / size}


def routes(count: int, each: int) -> Numbers:
    """Idle cycles of many routes in one store."""
    with sqlite() as url:
        world, places = many_routes(url, count, each)

        def round() -> None:
            for place in places:
                use(world, place)
                synced(world)

        spent = least(round, 2)
    return {"round": spent, "route": spent / count, "incident": spent / count / each}


def first(size: int) -> Numbers:
    """The first cycle of two registers that hold the same incidents; and its longest transaction."""
    with sqlite() as url:
        world = filled(url, size)
        with longest(world) as transactions:
            spent = cpu(lambda: synced(world, first=True))
    return {"first": spent, "longest": max(transactions)}


@contextmanager
def longest(world: World) -> Iterator[list[float]]:
    """What each transaction that may write took of the processor while it was open; no vendor answers in one."""
    spent: list[float] = []
    begin = world.store.begin

    @contextmanager
    def timed(*given: Any) -> Iterator[Any]:
        with begin(*given) as unit:
            began = time.process_time()
            yield unit
            spent.append((time.process_time() - began) * 1000)

    world.store.begin = timed  # type: ignore[method-assign, assignment]
    yield spent
    world.store.begin = begin  # type: ignore[method-assign]


def creates(size: int) -> Numbers:
    """What each new incident costs above an idle cycle, beside none and beside many."""
    costs = {}
    for name, count in (("few", 10), ("many", size)):
        with sqlite() as url:
            world = linked(url, count)
            quiet = least(partial(synced, world), 2)
            for number in range(count, count + CREATES):
                world.on_site(f"Incident {number}", FIRST + timedelta(number % 365), description=f"New: {number}.")
            costs[name] = (cpu(partial(synced, world)) - quiet) / CREATES
            if len(world.links()) != count + CREATES:
                raise SystemExit("Not everything was created.")
    return costs


def pull(size: int) -> Numbers:
    """Both registers, read and staged for the first time; and what a plain loader is given to do the same."""
    with sqlite() as url, tempfile.TemporaryDirectory() as folder:
        world = filled(url, size)
        bodies = Path(folder, "bodies.jsonl")
        with bodies.open("w") as out, kept_answers(out.write), time_of(Cycle, "pull") as spent:
            world.sync(first=True)
        return {"pull": spent[0], **peer("loader", str(bodies)), **peer("dlt", str(bodies))}


@contextmanager
def kept_answers(write: Callable[[str], object]) -> Iterator[None]:
    """Each page that the simulated systems answer, a line for each."""
    handle = InProcess.handle_request

    def kept(self: InProcess, request: httpx.Request) -> httpx.Response:
        answer = handle(self, request)
        if "incident" in request.url.path and (request.method == "GET" or request.url.path.endswith("/index")):
            write(json.dumps(answer.text) + "\n")
        return answer

    InProcess.handle_request = kept  # type: ignore[method-assign]
    yield
    InProcess.handle_request = handle  # type: ignore[method-assign]


def peer(name: str, *given: str) -> Numbers:
    """A measurement of another program, where it could be installed."""
    python = os.environ.get("PEERS")
    if not python:
        return {}
    command = [python, str(Path(__file__).with_name("peers.py")), name, *given]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 of this folder
    found: Numbers = json.loads(done.stdout.splitlines()[-1]) if done.returncode == 0 else {}
    return found


def engine(size: int) -> Numbers:
    """Deciding that nothing is to be done for pairs with people, beside vdirsyncer's engine with as many items."""
    return {"core": lived(size)["core"], **peer("vdirsyncer", str(size))}


def stores(size: int) -> Numbers:
    """The same idle cycle on both kinds of store."""
    costs = {}
    for name, place in (("sqlite", sqlite), ("postgresql", postgres)):
        with place() as url:
            costs[name] = least(partial(synced, linked(url, size))) / size
    return costs


def window() -> Numbers:
    """How long a person's edit could slip between our last look at a record and our write, in process: medians."""
    looks: list[float] = []
    gaps: list[float] = []
    stamps = {"asked": 0.0, "answered": 0.0}

    def before(request: Request) -> None:
        if "/view/" in request.path:
            stamps["asked"] = time.perf_counter()
        elif request.method == "PUT":
            gaps.append(time.perf_counter() - stamps["answered"])

    def after(request: Request, _: Response) -> None:
        if "/view/" in request.path:
            stamps["answered"] = time.perf_counter()
            looks.append(stamps["answered"] - stamps["asked"])

    with sqlite() as url:
        world = linked(url, 3 * EDITS)
        world.faults.on_request.append(before)
        world.faults.on_response.append(after)
        for link in world.links()[:EDITS]:
            world.procore.hand_edit("incident", int(link.procore_id), title="Corrected")
        world.sync()
    return {"look": statistics.median(looks) * 1000, "gap": statistics.median(gaps) * 1000}


def starts() -> Numbers:
    """Whole commands beside the two largest libraries alone: medians."""
    commands = {"libraries": [sys.executable, "-c", "import httpx, sqlmodel"]}
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "procore_4hse", "--config", configured(Path(folder))]
        run([*command, "db", "upgrade"])
        commands |= {"help": [*command, "--help"], "status": [*command, "status"]}
        spent = {name: [process(one) for _ in range(STARTS)] for name, one in commands.items()}
    return {name: statistics.median(each) for name, each in spent.items()}


def memory(size: int) -> Numbers:
    """The peak of a process that runs one idle cycle and nothing else; the systems are served by another one."""
    with sqlite() as url:
        world = linked(url, size)
        world.store.close()
        with LoopbackServer(world.procore.handle) as site, LoopbackServer(world.fourhse.handle) as office:
            command = [sys.executable, __file__, "reader", url, site.url, office.url, world.clock.now.isoformat()]
            return printed(command)


def reader(url: str, site: str, office: str, moment: str) -> Numbers:
    """One idle cycle as the program runs it, over HTTP; its peak is that of this process."""
    clock = Clock(Clock().now.fromisoformat(moment))
    shared: dict[str, Any] = {"clock": clock, "sleep": clock.sleep, "random": lambda: 0.5, "pace": None}
    left = procore_http(site, site, COMPANY, "procore-client", "procore-secret", **shared)
    token = f"{office}/realms/4hse/protocol/openid-connect/token"
    right = fourhse_http(office, token, "4hse-client", "", "sync@example.com", "4hse-password", **shared)

    store = opened(url, clock)
    apis = partial(route_apis, store, left, right, COMPANY, "4hse")
    report = run_cycle(Runtime(store=store, clock=clock, apis=apis), World.build("sqlite://").route, Options())
    if report.outcome != "ok":
        raise SystemExit(f"A cycle ended as {report.outcome}: {report.reason}")
    peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return {"peak": int(peak.split()[1]) / 1024}


# Pages -----------------------------------------------------------------------------------------------------------

VIEWERS = 3
"""So many processes open each page for the first time; the least of three counts here too."""


def pages(size: int) -> Numbers:
    """The first view of each page of the desk, as `SQLite cpu: PAGE` and `PostgreSQL wall: PAGE`."""
    found: Numbers = {}
    for name, place in (("SQLite", sqlite), ("PostgreSQL", postgres)):
        with place() as url:
            world = grown(url, size, size // QUESTIONS)
            viewed = json.dumps(views(world))
            world.store.close()
            command = [sys.executable, __file__, "viewer", url, world.clock.now.isoformat(), viewed]
            each = [printed(command) for _ in range(VIEWERS)]
        found |= {f"{name} {view}": min(numbers[view] for numbers in each) for view in each[0]}
    return found


QUESTIONS = 20
"""One is open for so many incidents."""


def viewer(url: str, moment: str, viewed: str) -> Numbers:
    """What a process pays that has shown nobody anything yet."""
    now = Clock().now.fromisoformat(moment)
    return first_views(url, World.build("sqlite://").route, now, [View(*one) for one in json.loads(viewed)])


# Whole commands --------------------------------------------------------------------------------------------------


def run(command: Sequence[str]) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 commands of this file


def printed(command: Sequence[str]) -> Numbers:
    """The numbers that a measurement in a process of its own prints last."""
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 of this file
    found: Numbers = json.loads(done.stdout.splitlines()[-1])
    return found


def process(command: Sequence[str]) -> float:
    """Milliseconds that the processor spends on a whole process."""
    began = resource.getrusage(resource.RUSAGE_CHILDREN)
    run(command)
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (ended.ru_utime + ended.ru_stime - began.ru_utime - began.ru_stime) * 1000


def configured(folder: Path) -> str:
    """A configuration of one route with the default mapping and a store of its own."""
    file = folder / "sync.toml"
    file.touch(mode=0o600)
    file.write_text(CONFIGURATION.format(mapping=MAPPING))
    return str(file)


CONFIGURATION = """
[procore]
company_id = 1
client_id = "procore-client"
client_secret = "procore-secret"

[fourhse]
client_id = "4hse-client"
username = "sync@example.com"
password = "4hse-password"

[store]
url = "sqlite:///sync.db"

[[routes]]
name = "riverside"
procore_project = 1363617
fourhse_project = "0d0c2d0e-6b2f-4a51-9f3f-0c8a3f2f2c11"
fourhse_office = "5b7f5a5e-1d39-4a7c-8f43-7b1d6f3a9e02"
mapping = "{mapping}"
since = "2026-01-01"
"""

MEASURES: dict[str, Callable[..., Numbers]] = {
    one.__name__: one
    for one in (
        yardstick, idle, lived, routes, first, creates, pull, engine, stores, window, starts, memory, reader,
        pages, viewer,
    )
}  # fmt: skip


def main() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    name, *given = sys.argv[1:]
    if name not in ("reader", "viewer"):
        leave_out_answers()
    print(json.dumps(MEASURES[name](*(int(one) if one.isdecimal() else one for one in given))))  # noqa: T201


if __name__ == "__main__":
    main()
