"""A small world that can be put aside and taken up again: one pair of incidents, everybody who acts, the witness."""

from __future__ import annotations

import pickle
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from datetime import date, timedelta
from itertools import islice
from typing import Any

from exhaust_key import key_of
from exhaust_policies import POLICIES, GoesByPolicy, Policies
from machine import Machine
from machine_mapping import mapping_of, with_other_words
from machine_moves import History, Setting
from meter import Meter
from oracle_people import PeopleWatch
from oracle_rest import Rest
from oracle_watch import FIELDS, OTHER, Meaning, Objection, SyncStatus, Watch
from scenario_world import FragileStore, is_write

import actors as crew
from procore_4hse.reconcile.snapshot import Policy
from procore_4hse.simulator.faults import FaultKind

DAY, BEFORE_SINCE = date(2026, 2, 10), date(2026, 1, 20)
SINCE, LATER_SINCE = date(2026, 2, 1), date(2026, 2, 20)
TEXT = "He slipped from the second rung of the ladder by the north fence and hurt his left knee."
CORRECTED = f"{TEXT} Nobody saw it."
NEAR = timedelta(days=3)
"""So far apart two reports of one accident may be dated; beyond that nobody would take them for one."""
CYCLES_TO_REST = 12
NO_MEMORY = ("watch", "names", "listeners", "policy")
"""Whom a witness asks, and who asks it; the policy is the world's."""


def _memory(witness: Any) -> dict[str, Any]:
    """What a witness knows, without whom it asks."""
    known = {one.name: getattr(witness, one.name) for one in fields(witness) if one.name not in NO_MEMORY}
    return {name: value for name, value in known.items() if not callable(value)}


def _sets(witness: Any) -> Iterator[Iterable[Any]]:
    """The same as parts without an order. What stands in the registers now is said there."""
    for name, value in _memory(witness).items():
        if name != "now":
            parts = value.items() if isinstance(value, Mapping) else value if isinstance(value, set) else [value]
            yield [(name, _once(part)) for part in parts]


def _once(part: Any) -> Any:
    """Values that were met one after the other, each once."""
    is_list = isinstance(part, tuple) and isinstance(part[-1], list)
    return (part[0], list(dict.fromkeys(part[-1]))) if is_list else part


@dataclass(frozen=True)
class Start:
    """What a search begins with."""

    injured: bool = False
    policies: tuple[str, ...] = POLICIES

    @property
    def name(self) -> str:
        return f"one pair{' with an injured person' if self.injured else ''}"


@dataclass
class SmallPeopleWatch(GoesByPolicy, PeopleWatch):
    """The witness of people."""


@dataclass
class SmallWatch(GoesByPolicy, Watch):
    """The witness of one accident: whatever stands anywhere tells of it, so that counting shows a second copy."""

    unapproved: bool = False
    """A setting was changed, and nobody has said yet that the route may go on with it."""

    def machine(self) -> None:
        before = self.now
        super().machine()
        if self.unapproved and self.now != before:
            raise Objection("something was written under a changed setting that nobody approved")

    def _judge_create(self, place: SyncStatus, new: Meaning) -> None:
        super()._judge_create(place, new)
        here, there = (len(self.now[side]) for side in (place[0], OTHER[place[0]]))
        if here > there and self._is_told_here(place) and not self.refused and "restore" not in self.verdicts.values():
            raise Objection(f"{place} was made: a second copy, for {here} stand here and {there} on the other side")

    def _is_told_here(self, place: SyncStatus) -> bool:
        """Whether another record of this side tells nearly the same, as it stands or as both sides last agreed."""
        mine = self.now[place[0]][place[1]]
        others = [(place[0], key) for key in self.now[place[0]] if key != place[1]]
        return any(self._tells(other, mine) for other in others)

    def _tells(self, other: SyncStatus, mine: Meaning) -> bool:
        said = {name: [self.now[other[0]][other[1]][name], *self.agreed[other, name]] for name in FIELDS}
        day = date.fromisoformat(mine["day"])
        is_near = any(abs(date.fromisoformat(each) - day) <= NEAR for each in said["day"])
        return (mine["title"] in said["title"] and is_near) or (
            mine["text"] in said["text"] and mine["day"] in said["day"]
        )

    def _appeared_by_hand(self, place: SyncStatus) -> None:
        """An answer about a deletion is over once the record is back."""
        super()._appeared_by_hand(place)
        self.verdicts.pop(self._procore(place), None)


class SmallRest(Rest):
    """What lies before the route's first day stays home."""

    def _stays_home(self, standing: SyncStatus) -> bool:
        day = date.fromisoformat(self.watch.now[standing[0]][standing[1]]["day"])
        return super()._stays_home(standing) or day < self.scenario.route.since


class SmallWorld(Machine):
    """Both systems, a store and a witness. `keep` gives a world as bytes, `resume` goes on from there."""

    witness, people_witness = SmallWatch, SmallPeopleWatch
    watch: SmallWatch
    person_watch: SmallPeopleWatch

    def __init__(self, store: FragileStore, start: Start) -> None:
        setting = Setting(
            "America/Los_Angeles", (), start.policies[0], "both", "skip", "ask a person", 0, 0, 0, at_once=False
        )
        super().__init__(store, Meter(), History(setting, ()))
        self.start = start
        self.policies = self.watch.policies = self.person_watch.policies = Policies()
        self.go_by(frozenset(start.policies))
        self.scenario.with_route(since=SINCE)
        self.armed = ""
        self.approved = {SINCE}
        """The first days that the route may go on with: the one in force, and one that was approved since."""
        self.other_words = False
        self.rows = sqlite3.connect(str(store.url.database), isolation_level=None)
        self._shorten_lists()
        self.constant = self.scenario.procore.register.state.lists, self.scenario.procore.register.state.part_keys
        self._report()

    def _shorten_lists(self) -> None:
        """No history names a part of the body, and more than a hundred would be read again after most events."""
        lists = self.scenario.procore.register.state.lists
        lists["body_parts"] = dict(islice(lists["body_parts"].items(), 5))

    def _report(self) -> None:
        """One incident that was reported on site, and its copy in the office, at rest."""
        made = self.scenario.on_site("Fall from a ladder", DAY, 9, description=TEXT)
        if self.start.injured:
            crew.hurt_on_site(self.scenario, made, self.injured.staff[0][0], days=3)
        self.watch.human()
        for _ in range(2):
            self.cycle()
        self.check_rest()

    def sites(self) -> list[dict[str, Any]]:
        """The incidents in Procore, the oldest first."""
        return sorted(self.scenario.site().values(), key=lambda row: row["id"])

    def offices(self) -> list[dict[str, Any]]:
        """The incidents in 4HSE, the oldest first."""
        return sorted(self.scenario.office().values(), key=lambda row: (row["created_at"], row["office_incident_id"]))

    def go_by(self, policies: frozenset[str]) -> None:
        """What happens from here on happens under one of these, and stands for the others while they lead to it too."""
        self.policies.take(policies)
        self.scenario.with_route(deletions=Policy(self.policies.now))

    # Cycles -------------------------------------------------------------------------------------------------------

    def cycle(self) -> None:
        """One cycle, in which what was armed goes wrong; then it is followed by a clean one."""
        armed, self.armed = self.armed, ""
        if armed == "lost answer":
            self.scenario.faults.add(FaultKind.LOST_ANSWER, where=is_write, times=1)
        elif armed:
            self.scenario.gate.arm(armed, 0)
        self._one(calm=not armed)
        self.scenario.faults.clear()
        if armed:
            self._one(calm=True)

    def _one(self, *, calm: bool) -> None:
        before = self._writes_so_far()
        with self.policies.compared():
            self.report = self._cycle(calm=calm)
        is_still = self._writes_so_far() == before
        is_done = self.report is not None and self.report.outcome != "partial"
        self.rests = is_still and is_done and not self.scenario.unsettled()
        if self.report is not None:
            self.asked_since = self.scenario.route.since
            self.approved = self.approved & {self.asked_since} or self.approved

    def check_rest(self) -> None:
        """Within a few quiet cycles nothing is written, and everything is where a person can explain it."""
        for _ in range(CYCLES_TO_REST):
            if self.rests:
                break
            self.scenario.clock.advance(minutes=12)
            self._one(calm=True)
        else:
            told = self.report and (self.report.outcome, self.report.reason)
            raise Objection(f"not quiet after {CYCLES_TO_REST} cycles: {told}")
        SmallRest(self.scenario, self.watch, self.person_watch, self.report).check()

    # Put aside and taken up -----------------------------------------------------------------------------------------

    def keep(self) -> bytes:
        procore, fourhse = self.scenario.procore, self.scenario.fourhse
        return pickle.dumps(
            {
                "procore": replace(procore.register.state, lists={}, part_keys={}),
                "fourhse": fourhse.snapshot(),
                "refused": (procore.refused, fourhse.refused),
                "rows": self._stored(),
                "clock": (self.scenario.clock.now, self.scenario.store.ahead),
                "route": (self.scenario.route.since, self.other_words),
                "watch": _memory(self.watch),
                "people": _memory(self.person_watch),
                "office_before": self.people.office_before,
                "own": (self.armed, self.approved, self.asked_since),
            },
            -1,
        )

    def resume(self, kept: bytes) -> None:
        held = pickle.loads(kept)  # noqa: S301
        procore, fourhse = self.scenario.procore, self.scenario.fourhse
        lists, part_keys = self.constant
        procore.register.state = replace(held["procore"], lists=lists, part_keys=part_keys)
        fourhse.restore_snapshot(held["fourhse"])
        procore.refused[:], fourhse.refused[:] = held["refused"]
        procore.writes.clear()
        fourhse.writes.clear()
        procore.set_limits()
        self._fill(held["rows"])
        self.scenario.clock.now, self.scenario.store.ahead = held["clock"]
        since, self.other_words = held["route"]
        self.scenario.with_route(since=since, mapping=self._mapping())
        vars(self.watch).update(held["watch"])
        vars(self.person_watch).update(held["people"])
        self.people.office_before = held["office_before"]
        self.armed, self.approved, self.asked_since = held["own"]
        self.scenario.asked = None
        self.scenario.be_born()

    def _mapping(self) -> Any:
        mapping = mapping_of(self.history.setting)
        return with_other_words(mapping) if self.other_words else mapping

    def key(self) -> str:
        """The same for two worlds that nothing but ids, clocks and the numbers of runs tells apart."""
        own = [self.armed, sorted(self.approved), self.asked_since, self.scenario.route.since, self.other_words]
        own += [self.scenario.store.ahead, sorted(self.people.office_before)]
        witnesses = [memory for watch in (self.watch, self.person_watch) for memory in _sets(watch)]
        return key_of(self._registers(), self._columns(), [own, *witnesses])

    def _registers(self) -> Iterator[str]:
        for record in sorted(self.scenario.procore.register.state.records.values(), key=lambda one: one.id):
            yield repr(replace(record, created_at=None, updated_at=None, deleted_at=record.deleted_at is not None))
        for row in self.offices():
            people = [one | {"created_at": 0, "updated_at": 0} for one in row["persons"]]
            yield repr({**row, "created_at": 0, "updated_at": 0, "persons": people})

    def _columns(self) -> dict[str, list[dict[str, Any]]]:
        columns = {}
        for name, rows in self._stored().items():
            heads = [one[1] for one in self.rows.execute(f'PRAGMA table_info("{name}")')]
            columns[name] = [dict(zip(heads, row, strict=True)) for row in rows]
        columns["inbox"] = [row for row in columns["inbox"] if row["state"] != "closed"]
        columns["raw_record"] = [row for row in columns["raw_record"] if row["kind"] not in ("picker", "directory")]
        return columns

    def _tables(self) -> list[str]:
        names = self.rows.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
        return [name for (name,) in names if name != "alembic_version" and not name.startswith("sqlite_")]

    def _stored(self) -> dict[str, list[tuple[Any, ...]]]:
        return {name: self.rows.execute(f'SELECT * FROM "{name}" ORDER BY rowid').fetchall() for name in self._tables()}  # noqa: S608

    def _fill(self, stored: Mapping[str, list[tuple[Any, ...]]]) -> None:
        self.rows.execute("BEGIN IMMEDIATE")
        for name, rows in stored.items():
            self.rows.execute(f'DELETE FROM "{name}"')  # noqa: S608
            if rows:
                places = ", ".join("?" * len(rows[0]))
                self.rows.executemany(f'INSERT INTO "{name}" VALUES ({places})', rows)  # noqa: S608
        self.rows.execute("COMMIT")
