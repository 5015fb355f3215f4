"""Plays every small history and prints what became of them: `make exhaust`, or a part of it with the options below.

What was met lies in --state-dir; a run that was stopped goes on from there. Exit 1 when the witness objects.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import structlog
from exhaust import Found, Search, events_of, play
from exhaust_world import POLICIES, SmallWorld, Start
from scenario_world import FragileStore

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108
"""A store of an instant needs no disk, where there is another place."""


@dataclass(frozen=True)
class Row:
    """One search, as far as it got."""

    start: Start
    found: Found
    seconds: float
    """Of CPU, in this run."""

    def __str__(self) -> str:
        levels = sorted(self.found.histories)
        histories = " + ".join(f"{self.found.histories[level]:,}" for level in levels)
        states = f"{sum(self.found.states.values()):,}"
        left = f"{self.found.left:,} states to go on from" if self.found.left else "all"
        return (
            f"| {self.start.name} | {histories} | {states} | {len(self.found.objections)} "
            f"| {left} | {self.seconds:,.0f} |"
        )


def quiet() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


def search(start: Start, length: int, folder: Path, minutes: float | None) -> Row:
    """Goes on with one search until all is played or its minutes are over."""
    quiet()
    began, ends = time.process_time(), time.monotonic() + (minutes or 10**6) * 60
    with tempfile.TemporaryDirectory(dir=SHARED_MEMORY if SHARED_MEMORY.is_dir() else None) as place:
        one = Search(start, Path(place), length, str(folder / f"{start.name.replace(' ', '-').replace(',', '')}.db"))
        for _ in one.steps():
            if time.monotonic() > ends:
                break
        found = one.found()
        one.close()
    return Row(start, found, time.process_time() - began)


def rows(starts: list[Start], length: int, folder: Path, minutes: float | None, processes: int) -> Iterator[Row]:
    with ProcessPoolExecutor(processes) as pool:
        yield from pool.map(partial(search, length=length, folder=folder, minutes=minutes), starts)


def replay(start: Start, path: str) -> str:
    """One history, told event by event."""
    quiet()
    with tempfile.TemporaryDirectory() as place:
        store = FragileStore(f"sqlite:///{place}/sync.db")
        world, events = SmallWorld(store, start), events_of(path)
        try:
            for number in range(len(events)):
                play(world, events[: number + 1])
                sys.stdout.write(f"{events[number]}: {story(world)}\n")
            world.check_rest()
        except AssertionError as objection:
            return str(objection)
        finally:
            store.close()
    return "no objection"


def story(world: SmallWorld) -> str:
    """What stands where, and what is asked."""
    site = [f"{row['id']} {row['title']!r}" for row in world.sites()]
    office = [f"{row['office_incident_id'][:8]} {row['name']!r}" for row in world.offices()]
    asked = [f"{entry.item.kind.value}: {entry.item.reason}" for entry in world.scenario.inbox()]
    named = sorted(f"{one.who} in {side}" for (side, _), one in world.person_watch.now.items())
    return f"Procore {site}, 4HSE {office}, people {named}, asked {asked}"


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--length", type=int, default=3, help="events in a history")
    parser.add_argument("--policy", action="append", choices=POLICIES, help="only this one; may be repeated")
    parser.add_argument("--people", choices=("none", "injured"), help="who was hurt; both unless told")
    parser.add_argument("--state-dir", type=Path, default=Path(".venv/exhaust"), help="where what was met is kept")
    parser.add_argument("--minutes", type=float, help="stop each search after so long; the next run goes on")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 2)
    parser.add_argument("--play", metavar="EVENTS", help="play one history, as an objection names it")
    return parser.parse_args()


def main() -> int:
    chosen = options()
    people = (False, True) if chosen.people is None else (chosen.people == "injured",)
    starts = [Start(injured, policy) for policy in chosen.policy or POLICIES for injured in people]
    if chosen.play:
        sys.stdout.write(f"{replay(starts[0], chosen.play)}\n")
        return 0
    chosen.state_dir.mkdir(parents=True, exist_ok=True)
    sys.stdout.write("| start | histories, by length | states | objections | played | seconds of CPU |\n")
    sys.stdout.write("| --- | --- | --- | --- | --- | --- |\n")
    objections: list[str] = []
    for row in rows(starts, chosen.length, chosen.state_dir, chosen.minutes, chosen.processes):
        sys.stdout.write(f"{row}\n")
        sys.stdout.flush()
        objections += [f"{row.start.name}: {path}: {words}" for path, words in row.found.objections.items()]
    sys.stdout.writelines(f"{one}\n" for one in objections)
    return 1 if objections else 0


if __name__ == "__main__":
    sys.exit(main())
