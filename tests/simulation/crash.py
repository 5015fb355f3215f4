"""Crash points: a process that is really killed at a chosen boundary, and a clean rerun after it.

Three processes take part. The *group* builds one scenario and lies still from then on. For every point it forks a
*witness*, which thereby owns a copy of both simulated systems and of the clock. The witness forks a *victim*, which
opens the store anew and reaches the simulated systems through a pipe. The victim dies by SIGKILL; what the systems
stored lives on in the witness, which then reruns the command in a clean process of its own and judges both registers.
"""

from __future__ import annotations

import gc
import os
import signal
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from enum import StrEnum
from multiprocessing.connection import Connection, Pipe
from typing import Any, NoReturn

import sqlalchemy as sa
from crash_oracle import Expected, Findings, judge
from crash_store import StoreCopy
from sqlalchemy.engine.default import DefaultDialect

from procore_4hse.engine.report import Report
from procore_4hse.simulator.wire import Dropped, Request, Response
from world import Clock, World

LONGEST = 16
"""A route that is not at rest after so many clean cycles is not at rest without an operator."""


class Moment(StrEnum):
    BEFORE_SEND = "before send"
    NO_ANSWER = "committed, no answer"
    ANSWERED = "after answer"
    BEFORE_COMMIT = "before commit"
    AFTER_COMMIT = "after commit"


@dataclass(frozen=True)
class Boundary:
    """Where a process can die: `kind` says in the middle of what."""

    kind: str
    moment: Moment


@dataclass(frozen=True)
class Scenario:
    """A situation, the command that dies in it and is run again, and what must be true in the end."""

    name: str
    build: Callable[[str], World]
    expected: tuple[Expected, ...]
    act: Callable[[World], Report] = World.sync
    fresh: bool = False
    """The victim meets a store that has no tables yet."""


@dataclass(frozen=True)
class Death:
    """How a victim ended. `met` holds all its boundaries when it lived to the end."""

    killed_at: Boundary | None = None
    met: tuple[Boundary, ...] = ()
    error: str | None = None


@dataclass(frozen=True)
class Point:
    """One crash and what became of it. `second` is where the first rerun was killed too, when it was."""

    store: str
    scenario: str
    index: int
    first: Boundary
    second: Boundary | None
    findings: Findings


# The victim -------------------------------------------------------------------------------------------------------


@dataclass
class Watch:
    """Counts boundaries and dies at the fatal one; `acting` is the kind of write that the journal last announced."""

    pipe: Connection
    fatal: int | None
    met: list[Boundary] = field(default_factory=list)
    acting: str = ""
    wrote: set[str] = field(default_factory=set)

    def is_fatal(self, kind: str, moment: Moment) -> bool:
        self.met.append(Boundary(kind, moment))
        return len(self.met) - 1 == self.fatal

    def passes(self, kind: str, moment: Moment) -> None:
        if self.is_fatal(kind, moment):
            self.pipe.send(Death(killed_at=self.met[-1]))
            os.kill(os.getpid(), signal.SIGKILL)

    def sees(self, statement: str, values: Any) -> None:
        """Remembers what the open transaction writes."""
        verb, _, rest = statement.lstrip().partition(" ")
        if verb in ("INSERT", "UPDATE", "DELETE"):
            table = rest.replace("INTO ", "").replace("FROM ", "").split(None, 1)[0].strip('"')
            self.wrote.add(f"{verb} {table}")
        if statement.startswith("INSERT INTO journal"):
            columns = values.values() if isinstance(values, dict) else values
            self.acting = next((str(v) for v in columns if v in ("create", "update", "delete", "restore")), "")

    def commit_kind(self) -> str:
        wrote, self.wrote = self.wrote, set()
        if "INSERT journal" in wrote:
            return f"commit: intent of {self.acting}"
        if "UPDATE journal" in wrote:
            return f"commit: outcome of {self.acting or 'an earlier write'}"
        for table, name in COMMITS.items():
            if any(entry.endswith(f" {table}") for entry in wrote):
                return f"commit: {name}"
        return "commit: route"


COMMITS = {
    "raw_record": "staging",
    "cycle": "lease and cycle",
    "link": "plan",
    "inbox": "plan",
    "alembic_version": "tables",
}


@dataclass
class Remote:
    """A simulated system that lives in the witness."""

    name: str
    watch: Watch
    clock: Clock

    def handle(self, request: Request) -> Response:
        kind = kind_of(self.name, request)
        self.watch.passes(kind, Moment.BEFORE_SEND)
        is_last = self.watch.is_fatal(kind, Moment.NO_ANSWER)
        self.watch.pipe.send((self.name, self.clock.now, request, self.watch.met[-1] if is_last else None))
        response: Response | None = self.watch.pipe.recv()
        self.watch.passes(kind, Moment.ANSWERED)
        if response is None:
            raise Dropped
        return response


def kind_of(system: str, request: Request) -> str:
    """What a request does, read from the request alone."""
    title = {"procore": "Procore", "fourhse": "4HSE"}[system]
    if request.path.endswith("/token"):
        return "token"
    operation = request.path.split("/")[3] if system == "fourhse" else ""
    if request.method == "GET" or operation == "index":
        return "read"
    if system == "procore" and request.method == "PATCH":
        return _patch(request)
    verb = operation or {"POST": "create", "DELETE": "delete"}[request.method]
    return f"{verb} in {title}"


def _patch(request: Request) -> str:
    if request.path.endswith("/restore"):
        return "restore in Procore"
    fields = next(iter(request.json().values()))
    return "status in Procore" if set(fields) == {"status"} else "update in Procore"


@contextmanager
def watched_store(watch: Watch) -> Iterator[None]:
    """Every commit of this process passes the watch, right before and right after it."""
    plain = DefaultDialect.do_commit

    def do_commit(dialect: DefaultDialect, connection: Any) -> None:
        kind = watch.commit_kind()
        watch.passes(kind, Moment.BEFORE_COMMIT)
        plain(dialect, connection)
        watch.passes(kind, Moment.AFTER_COMMIT)

    def seen(_c: Any, _cursor: Any, statement: str, values: Any, _context: Any, _many: bool) -> None:
        watch.sees(statement, values)

    DefaultDialect.do_commit = do_commit  # type: ignore[method-assign]
    sa.event.listen(sa.Engine, "before_cursor_execute", seen)
    try:
        yield
    finally:
        DefaultDialect.do_commit = plain  # type: ignore[method-assign]
        sa.event.remove(sa.Engine, "before_cursor_execute", seen)


def reopened(world: World, watch: Watch | None = None) -> World:
    """The same world for a process that has just started: its own connections, clients and lease holder.

    A closed store holds no connection, and it still knows how its statements read; a new one would learn it anew.
    """
    ends: tuple[Any, Any] = (world.procore, world.fourhse)
    if watch is not None:
        ends = (Remote("procore", watch, world.clock), Remote("fourhse", watch, world.clock))
    return replace(world, runtime=World._house(world.store, world.clock, *ends))


def run_victim(scenario: Scenario, world: World, watch: Watch) -> None:
    with watched_store(watch):
        here = reopened(world, watch)
        if scenario.fresh:
            here.store.upgrade()
        scenario.act(here)
    watch.pipe.send(Death(met=tuple(watch.met)))


# The witness ------------------------------------------------------------------------------------------------------


def die(scenario: Scenario, world: World, fatal: int | None) -> Death:
    """Forks a victim that is killed at boundary number `fatal`, and serves it until then."""
    ours, theirs = Pipe()
    pid = os.fork()
    if pid == 0:
        ours.close()
        watch = Watch(theirs, fatal)
        in_child(lambda: run_victim(scenario, world, watch), lambda text: theirs.send(Death(error=text)))
    theirs.close()
    death = serve(ours, world, pid)
    _, status = os.waitpid(pid, 0)
    was_killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    if death.error or was_killed != (death.killed_at is not None):
        raise RuntimeError(f"{scenario.name}, boundary {fatal}: {death.error or 'the victim ended another way'}")
    return death


def serve(pipe: Connection, world: World, pid: int) -> Death:
    """Carries out the victim's requests; kills it instead of answering the one that is marked."""
    while True:
        message = pipe.recv()
        if isinstance(message, Death):
            return message
        name, world.clock.now, request, last = message
        try:
            response = getattr(world, name).handle(request)
        except Dropped:
            response = None
        if last is not None:
            os.kill(pid, signal.SIGKILL)
            return Death(killed_at=last)
        pipe.send(response)


def rest(scenario: Scenario, world: World) -> int | None:
    """Reruns the command until it ends well, then plain cycles until one finds nothing to do.

    How many runs it took, None when the route did not come to rest.
    """
    if scenario.fresh:
        world.store.upgrade()
    ended_well = False
    for runs in range(1, LONGEST + 1):
        report = world.sync() if ended_well else scenario.act(world)
        wrote = sum(count for side in report.written.values() for count in side.values())
        if ended_well and report.outcome == "ok" and not wrote:
            return runs
        ended_well = ended_well or report.outcome == "ok"
        world.clock.advance(minutes=5)
    return None


def examine(scenario: Scenario, world: World, fatal: int, again: int | None) -> tuple[Any, Any, Findings]:
    """One point: the crash, a second one during recovery when asked for, the clean rerun, the judgement."""
    first = die(scenario, world, fatal)
    second = die(scenario, world, again) if again is not None else Death()
    here = reopened(world)
    cycles = rest(scenario, here)
    findings = judge(scenario.expected, here, cycles)
    here.store.close()
    return first.killed_at, second.killed_at, findings


# The group --------------------------------------------------------------------------------------------------------


@dataclass
class Group:
    """One scenario on one store, built once; every point starts from the same state of everything."""

    scenario: Scenario
    store_copy: StoreCopy
    world: World = field(init=False)
    boundaries: tuple[Boundary, ...] = ()

    def prepare(self) -> None:
        """Builds the scenario, then counts its boundaries in a dry pass, which must itself end well."""
        self.store_copy.clear()
        self.world = self.scenario.build(self.store_copy.url)
        self.world.store.close()
        self.store_copy.keep(fresh=self.scenario.fresh)
        gc.freeze()
        self.boundaries = self._forked(self._dry)

    def _dry(self) -> tuple[Boundary, ...]:
        met = die(self.scenario, self.world, None).met
        here = reopened(self.world)
        findings = judge(self.scenario.expected, here, rest(self.scenario, here))
        if findings.flaws:
            raise RuntimeError(f"{self.scenario.name} fails without any crash: {findings.flaws}")
        return met

    def point(self, index: int, again: int | None = None) -> Point:
        first, second, findings = self._forked(lambda: examine(self.scenario, self.world, index, again))
        if first != self.boundaries[index]:
            findings.steps.append(f"boundary {index} was {first}, not {self.boundaries[index]}: the order wavers")
        return Point(self.store_copy.name, self.scenario.name, index, first, second, findings)

    def _forked(self, work: Callable[[], Any]) -> Any:
        """The work's result, done in a process of its own on a fresh copy of the store."""
        self.store_copy.restore()
        ours, theirs = Pipe(duplex=False)
        pid = os.fork()
        if pid == 0:
            ours.close()
            in_child(lambda: theirs.send((work(), None)), lambda text: theirs.send((None, text)))
        theirs.close()
        result, error = ours.recv()
        os.waitpid(pid, 0)
        ours.close()
        if error is not None:
            raise RuntimeError(error)
        return result


def in_child(work: Callable[[], None], fail: Callable[[str], None]) -> NoReturn:
    """Runs the work and ends this process; nothing of its parent's code runs on in it."""
    gc.disable()  # it lives too shortly for garbage to matter
    try:
        work()
    except BaseException:  # whatever it was, a child must never return into the code of its parent
        fail(traceback.format_exc())
    finally:
        os._exit(0)
