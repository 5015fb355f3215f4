"""The world of the histories: both simulated systems and a store in which a process may die at any boundary."""

from __future__ import annotations

import itertools
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from odd_values import Spoiled, Spoiler
from procore_4hse.engine.cycle import Options, run_cycle
from procore_4hse.engine.report import Report
from procore_4hse.engine.selection import Everything
from procore_4hse.errors import UsageError
from procore_4hse.models import Action, Link, Side
from procore_4hse.operations.decisions import take_back
from procore_4hse.reconcile.snapshot import Plan
from procore_4hse.route import Route
from procore_4hse.runtime import Runtime
from procore_4hse.simulator.faults import Faults
from procore_4hse.simulator.fourhse import SimulatedFourHse
from procore_4hse.simulator.fourhse_dials import FourHseDials
from procore_4hse.simulator.procore import SimulatedProcore
from procore_4hse.simulator.procore_dials import ProcoreDials
from procore_4hse.simulator.wire import Request, Response
from procore_4hse.store.decisions import Decider
from procore_4hse.store.leases import Holder
from procore_4hse.store.repository import Fence, Store, Unit
from world import OFFICE, PROJECT, TENANT, Clock, World

BOUNDARIES = ("before write", "after write", "before commit", "after commit")
READS = re.compile(r"/index$|/view(/|$)")


def is_write(request: Request) -> bool:
    return request.method != "GET" and READS.search(request.path) is None and "token" not in request.path


class Crash(BaseException):
    """The process ends here; nothing of it runs any more, no clean-up either."""


@dataclass
class Gate:
    """Where the process dies: at the `left`-th passing of a boundary. Once dead it never commits or sends again."""

    boundary: str | None = None
    left: int = 0
    dead: bool = False

    def arm(self, boundary: str, left: int) -> None:
        self.boundary, self.left = boundary, left

    def revive(self) -> None:
        self.boundary, self.left, self.dead = None, 0, False

    def check(self) -> None:
        if self.dead:
            raise Crash

    def passing(self, boundary: str) -> None:
        self.check()
        if boundary != self.boundary:
            return
        self.left -= 1
        if self.left < 0:
            self.dead = True
            raise Crash


class FragileStore(Store):
    """A store that one process opens once; its clock and its gate belong to the history at work."""

    def __init__(self, url: str) -> None:
        self.watch: Clock = Clock()
        self.ahead = timedelta(0)
        self.gate = Gate()
        super().__init__(url, clock=self._time)
        self.upgrade()

    def _time(self) -> datetime:
        """This machine's own clock, which may be wrong."""
        return self.watch() + self.ahead

    @contextmanager
    def begin(self, fence: Fence | None = None) -> Iterator[Unit]:
        self.gate.check()
        with super().begin(fence) as unit:
            yield unit
            self.gate.passing("before commit")
        self.gate.passing("after commit")

    def wipe(self) -> None:
        """Every row of every table is gone, as in a store that nobody has used."""
        with sqlite3.connect(str(self.url.database)) as connection:
            names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
            for (name,) in names:
                if name != "alembic_version":
                    connection.execute(f'DELETE FROM "{name}"')  # noqa: S608
        connection.close()


@dataclass
class Recorded(Everything):
    """The whole route, and every plan that a cycle decides on."""

    plans: list[Plan]

    def part(self, planned: Plan) -> Plan:
        self.plans.append(planned)
        return planned


@dataclass
class ScenarioWorld(World):
    """A world whose process can die and be born again on the same store."""

    gate: Gate = field(default_factory=Gate)
    plans: list[Plan] = field(default_factory=list)
    """What the last cycle decided; a second plan, if there is one, is about people of new links alone."""
    asked: list[Any] | None = None
    """The inbox as it is, while neither a cycle nor an answer can have changed it."""
    lives: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    spoiler: Spoiler = field(default_factory=Spoiler)
    """What is odd in the answers of both systems."""

    @classmethod
    def found(
        cls, store: FragileStore, route: Route, zone: str, procore_dials: ProcoreDials, fourhse_dials: FourHseDials
    ) -> ScenarioWorld:
        store.wipe()
        store.watch, store.gate, store.ahead = Clock(), Gate(), timedelta(0)
        clock = store.watch
        faults = Faults(clock)
        procore = SimulatedProcore(clock=clock, dials=procore_dials, faults=faults)
        fourhse = SimulatedFourHse(clock=clock, dials=fourhse_dials, faults=faults)
        procore.add_project(PROJECT, "Riverside", zone, zone)
        fourhse.add_project(TENANT, "Builder")
        fourhse.add_office(TENANT, OFFICE, "Riverside site")
        runtime = cls._house(store, clock, procore, fourhse)
        scenario = cls(store, clock, procore, fourhse, faults, route, runtime, zone, gate=store.gate)
        scenario.be_born()
        faults.on_request.append(scenario._before_send)
        faults.on_response.append(scenario._processed)
        return scenario

    def _before_send(self, request: Request) -> None:
        self.gate.check()
        if is_write(request):
            self.gate.passing("before write")

    def _processed(self, request: Request, response: Response) -> None:
        if is_write(request):
            self.gate.passing("after write")

    def cycle(self, **options: Any) -> Report | None:
        """One cycle, and five minutes; None when the process died in it. The next one then starts in a new process.

        No time passes after a dry run: what may be tried again in a while is tried by neither it nor the cycle.
        """
        self.plans.clear()
        self.asked = None
        try:
            return run_cycle(self.runtime, self.route, Options(**options), selection=Recorded(self.plans))
        except Crash:
            self._die()
            self.be_born()
            return None
        finally:
            self.gate.revive()
            if not options.get("dry"):
                self.clock.advance(minutes=5)

    def inbox(self) -> list[Any]:
        if self.asked is None:
            self.asked = super().inbox()
        return list(self.asked)

    def answer(self, item_id: int, verb: str, **options: Any) -> None:
        super().answer(item_id, verb, **options)
        self.asked = [entry for entry in self.inbox() if entry.id != item_id]

    def withdraw(self, which: int) -> Any:
        """An answer is taken back; the item that it was given to, None when nothing is answered or it must stay."""
        self.asked = None
        with self.store.read() as unit:
            answered = unit.inbox(self.route.key).entries(states=("answered",))
        if not answered:
            return None
        entry = answered[which % len(answered)]
        try:
            take_back(self.store, (self.route,), entry.id, Decider("anna", "cli"))
        except UsageError:
            return None
        return entry.item

    def hidden(self) -> set[str]:
        """Incidents that our user may not see, where 4HSE answers then as if they did not exist."""
        return self.fourhse.snapshot().access.incidents if self.fourhse.dials.forbidden_view_status == 404 else set()

    def be_born(self) -> None:
        self.runtime = self.process(Holder.this_process())

    def _die(self) -> None:
        """Whoever held a lease in this process is one that everybody on this host can tell to be dead."""
        dead = replace(Holder.this_process(), started=f"life {next(self.lives)}")
        with sqlite3.connect(str(self.store.url.database)) as connection:
            connection.execute("UPDATE lease SET holder = ? WHERE holder = ?", (str(dead), str(self.runtime.holder)))
        connection.close()

    def process(self, holder: Holder) -> Runtime:
        """A process with connections of its own. What these wait for does not move with this machine's clock."""
        ends: tuple[Any, Any] = Spoiled(self.procore, self.spoiler), Spoiled(self.fourhse, self.spoiler)
        runtime = self._house(self.store, self.clock, *ends)
        clock = self.store._time if isinstance(self.store, FragileStore) else self.clock
        return replace(runtime, clock=clock, holder=holder)

    def unsettled(self) -> int:
        """Writes whose fate is unknown and about which nobody is asked."""
        with self.store.read() as unit:
            asked = {
                one for e in unit.inbox(self.route.key).entries() for one in (e.item.procore_id, e.item.fourhse_id)
            }
            return len([i for i in unit.journal(self.route.key).open() if i.action.source_id not in asked])

    def open_writes(self) -> list[Action]:
        """What has no outcome yet."""
        with self.store.read() as unit:
            return [intent.action for intent in unit.journal(self.route.key).open()]

    def found_there(self) -> set[str | None]:
        """The targets of writes that got no answer and were found to be there, not under an id of ours."""
        with self.store.read() as unit:
            writes = unit.journal(self.route.key).page(at_most=10_000)
        found = [intent.action for intent in writes if intent.outcome == "adopted"]
        return {action.target_id for action in found if action.target_id not in action.fields.values()}

    def open_records(self) -> set[str | None]:
        """The ids of the records whose last write has no outcome yet."""
        return {one for action in self.open_writes() for one in (action.source_id, action.target_id) if one}

    def deleted_images(self, link: Link) -> str | None:
        """The side on which the link's record was last taken for deleted."""
        with self.store.read() as unit:
            links = unit.links(self.route.key)
            graves = {side: grave for side in Side if (grave := links.tombstone(link.ref(side)))}
        return max(graves, key=lambda side: graves[side].seen_at, default=None)
