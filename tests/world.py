"""A small world for tests: both simulated systems, a store, a clock that moves only when told, and real cycles."""

from __future__ import annotations

import itertools
import pickle
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Engine, inspect

from procore_4hse.bootstrap import route_apis
from procore_4hse.clients import fourhse_http, procore_http
from procore_4hse.engine.cycle import Options, run_cycle
from procore_4hse.engine.report import Report
from procore_4hse.mapping.loader import load
from procore_4hse.route import Route
from procore_4hse.runtime import Runtime
from procore_4hse.simulator.faults import Faults
from procore_4hse.simulator.fourhse import SimulatedFourHse
from procore_4hse.simulator.fourhse_dials import FourHseDials
from procore_4hse.simulator.procore import SimulatedProcore
from procore_4hse.simulator.procore_dials import ProcoreDials
from procore_4hse.simulator.wire import InProcess
from procore_4hse.store import schema
from procore_4hse.store.repository import Store

MAPPING = Path(__file__).parent.parent / "mappings" / "default"
default_mapping = cache(lambda: load(MAPPING))
"""Read once: a mapping never changes."""
_OFFICE_ROW = re.compile(
    r"^  - field: .*\n    procore: description\n    procore line:.*\n(?:    .*\n)+\n", re.MULTILINE
)


def without_office_rows(incident: str) -> str:
    """incident.yaml without the rows that put fields of 4HSE on lines in Procore, so that others may have them."""
    return _OFFICE_ROW.sub("", incident)


COMPANY = 26972
PROJECT = 1363617
TENANT = "0d0c2d0e-6b2f-4a51-9f3f-0c8a3f2f2c11"
OFFICE = "5b7f5a5e-1d39-4a7c-8f43-7b1d6f3a9e02"
START = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


@dataclass
class Clock:
    """Time as both systems, the store and the product see it."""

    now: datetime = START

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float = 0, **parts: float) -> None:
        self.now += timedelta(seconds=seconds, **parts)

    def sleep(self, seconds: float) -> None:
        self.advance(seconds)


@cache
def _empty_store() -> bytes:
    """A SQLite store without a row: the migrations run once in a test process, and each world copies what they made."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "sync.db")
        store = Store(f"sqlite:///{path}")
        with store.begin() as unit:
            schema.upgrade(unit.connection)
        store.close()
        return path.read_bytes()


def fill_new_file(store: Store) -> bool:
    """Whether the store was a new SQLite file, which now has its tables."""
    path = Path(store.url.database or "")
    if store.url.get_backend_name() != "sqlite" or path.stat().st_size:
        return False
    path.write_bytes(_empty_store())
    return True


def opened(url: str, clock: Clock) -> Store:
    """A store with its tables. A new SQLite file starts as a copy; a database that has tables has the present ones."""
    store = Store(url, clock=clock)
    if not fill_new_file(store) and not inspect(store._reading).has_table("alembic_version"):
        store.upgrade()
    share_statements(store)
    return store


FIRST: dict[str, Engine] = {}
"""The first engine of each kind of database in this process."""


def share_statements(store: Store) -> None:
    """SQLAlchemy compiles a statement once for each engine; here thousands of stores have two engines each."""
    kind = store.url.get_backend_name()
    if kind not in FIRST:
        with store._reading.connect():
            FIRST[kind] = store._reading
    first = FIRST[kind]
    for engine in (store._reading, store._writing):
        engine.dialect, engine._compiled_cache = first.dialect, first._compiled_cache


@dataclass
class World:
    """One project in one zone and one office; `sync` runs a cycle and lets five minutes pass."""

    store: Store
    clock: Clock
    procore: SimulatedProcore
    fourhse: SimulatedFourHse
    faults: Faults
    route: Route
    runtime: Runtime
    zone: str = "America/Los_Angeles"
    serial: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    @classmethod
    def build(
        cls,
        store_url: str,
        *,
        zone: str = "America/Los_Angeles",
        procore_dials: ProcoreDials | None = None,
        fourhse_dials: FourHseDials | None = None,
        clock: Clock | None = None,
        **route: Any,
    ) -> World:
        clock = clock or Clock()
        faults = Faults(clock)
        procore = SimulatedProcore(clock=clock, dials=procore_dials, faults=faults)
        fourhse = SimulatedFourHse(clock=clock, dials=fourhse_dials, faults=faults)
        procore.add_project(PROJECT, "Riverside", zone, zone)
        fourhse.add_project(TENANT, "Builder")
        fourhse.add_office(TENANT, OFFICE, "Riverside site")
        store = opened(store_url, clock)
        line = Route(
            **{
                "name": "riverside",
                "procore_project": str(PROJECT),
                "fourhse_project": TENANT,
                "fourhse_office": OFFICE,
                "mapping": default_mapping(),
                "since": date(2015, 1, 1),
                **route,
            }
        )
        return cls(store, clock, procore, fourhse, faults, line, cls._house(store, clock, procore, fourhse), zone)

    @staticmethod
    def _house(store: Store, clock: Clock, procore: SimulatedProcore, fourhse: SimulatedFourHse) -> Runtime:
        shared: dict[str, Any] = {"clock": clock, "sleep": clock.sleep, "random": lambda: 0.5, "pace": None}
        left = procore_http(
            "https://procore.test", "https://login.test", COMPANY, "procore-client", "procore-secret",
            transport=InProcess(procore.handle), **shared,
        )  # fmt: skip
        right = fourhse_http(
            "https://fourhse.test", "https://auth.test/realms/4hse/protocol/openid-connect/token",
            "4hse-client", "", "sync@example.com", "4hse-password", transport=InProcess(fourhse.handle), **shared,
        )  # fmt: skip

        return Runtime(store=store, clock=clock, apis=partial(route_apis, store, left, right, COMPANY, "4hse"))

    # A cycle ------------------------------------------------------------------------------------------------------

    def sync(self, **options: Any) -> Report:
        report = run_cycle(self.runtime, self.route, Options(**options))
        self.clock.advance(minutes=5)
        return report

    def with_route(self, **changes: Any) -> None:
        self.route = replace(self.route, **changes)

    # People at work -----------------------------------------------------------------------------------------------

    def on_site(
        self, title: str = "Fall", day: date = date(2026, 2, 10), hour: int | None = None, **fields: Any
    ) -> str:
        """An incident made by hand in Procore; without an hour its time is unknown."""
        local = datetime(day.year, day.month, day.day, hour or 0, tzinfo=ZoneInfo(self.zone))
        made = self.procore.hand_create(
            "incident", PROJECT, title=title, event_date=local.astimezone(UTC), time_unknown=hour is None,
            **{"description": f"What happened: {title} ({next(self.serial)}).", **fields},
        )  # fmt: skip
        return str(made)

    def in_office(self, title: str = "Fall", day: date = date(2026, 2, 10), **fields: Any) -> str:
        """An incident made by hand in 4HSE."""
        text = f"What happened: {title} ({next(self.serial)})."
        given = {"name": title, "date_incident": day.isoformat(), "description_event": text, "status": "new"}
        return self.fourhse.hand_create("incident", OFFICE, **{**given, "category": "NON_COMPLIANCE", **fields})

    def site(self) -> dict[str, dict[str, Any]]:
        return {str(row["id"]): row for row in self.procore.dump(PROJECT)}

    def office(self) -> dict[str, dict[str, Any]]:
        return {row["office_incident_id"]: row for row in self.fourhse.dump(OFFICE)}

    def inbox(self) -> list[Any]:
        with self.store.read() as unit:
            return unit.inbox(self.route.key).entries()

    def answer(self, item_id: int, verb: str, **options: Any) -> None:
        with self.store.begin() as unit:
            unit.inbox(self.route.key).answer(item_id, {"verb": verb, **options})

    def links(self) -> list[Any]:
        with self.store.read() as unit:
            return list(unit.links(self.route.key).all())


@dataclass(frozen=True)
class Scene:
    """All that a world on SQLite holds at one moment. Others go on from there, for the scene is long to set."""

    store: bytes
    registers: bytes
    now: datetime

    @classmethod
    def of(cls, world: World) -> Scene:
        """Nothing is pending in the world, which is over by this."""
        world.store.close()  # The last connection brings everything into the one file.
        ids = world.fourhse._register.random.getstate()
        states = pickle.dumps((world.procore.snapshot(), world.fourhse.snapshot(), ids))
        return cls(Path(world.store.url.database or "").read_bytes(), states, world.clock.now)

    def begin(self, world: World) -> World:
        """The world, which was built alike and in which nothing has happened yet, at that moment."""
        world.store.close()
        Path(world.store.url.database or "").write_bytes(self.store)
        site, offices, ids = pickle.loads(self.registers)  # noqa: S301
        world.procore.restore_snapshot(site)
        world.fourhse.restore_snapshot(offices)
        world.fourhse._register.random.setstate(ids)
        world.clock.now = self.now
        return world


def titles(rows: Iterable[dict[str, Any]], key: str) -> list[str]:
    return sorted(row[key] for row in rows)
