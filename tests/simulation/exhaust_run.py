"""Plays every small history and prints what became of them: `make exhaust`, or a part of it with the options below.

What was met lies in --state-dir; a run that was stopped goes on from there. Exit 1 when the witness objects.
"""

from __future__ import annotations

import argparse
import logging
import multiprocessing
import os
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import structlog
from exhaust import Found, Outcome, Player, Search, State, events_of, known_in, play
from exhaust_events import ALPHABET
from exhaust_policies import POLICIES
from exhaust_world import SmallWorld, Start
from scenario_world import FragileStore

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108
"""A store of an instant needs no disk, where there is another place."""


@dataclass(frozen=True)
class Row:
    """One search under one policy, as far as it got."""

    start: Start
    policy: str
    found: Found

    @property
    def name(self) -> str:
        return f"{self.start.name}, {self.policy}"

    def __str__(self) -> str:
        levels = sorted(self.found.histories)
        histories = " + ".join(f"{self.found.histories[level]:,}" for level in levels)
        states = " + ".join(f"{self.found.states[level]:,}" for level in sorted(self.found.states))
        left = f"{self.found.left:,} states to go on from" if self.found.left else "all"
        return f"| {self.start.name}, {self.policy} | {histories} | {states} | {len(self.found.objections)} | {left} |"


def quiet() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


@contextmanager
def somewhere() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=SHARED_MEMORY if SHARED_MEMORY.is_dir() else None) as place:
        yield Path(place)


def search(start: Start, length: int, folder: Path, ends: float, processes: int) -> Iterator[Row]:
    """Goes on with one search until all is played, or until that moment; one row for each policy."""
    file = str(folder / f"{start.name.replace(' ', '-')}.db")
    with somewhere() as place:
        one = Search(start, place, length, file)
        with helped(start, place, length, file, processes) as everywhere:
            for _ in one.steps(everywhere):
                if time.monotonic() > ends:
                    break
        for policy in start.policies:
            yield Row(start, policy, one.found(policy))
        one.close()


@contextmanager
def helped(start: Start, place: Path, length: int, file: str, processes: int) -> Iterator[Any]:
    """What maps states to what follows them, by so many processes with a world each; None for this one alone."""
    if processes == 1:
        yield None
        return
    with multiprocessing.get_context("spawn").Pool(processes, begin, (start, place, length, file)) as pool:
        yield partial(pool.imap, follow)


player: Player
"""Of a process that plays for a search."""


def begin(start: Start, place: Path, length: int, file: str) -> None:
    global player
    quiet()
    own = place / str(os.getpid())
    own.mkdir()
    player = Player(start, own, length, ALPHABET, partial(known_in, file))


def follow(state: State) -> list[Outcome]:
    return player.after(state)


def replay(start: Start, path: str) -> str:
    """One history, told event by event."""
    with somewhere() as place:
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
    parser.add_argument("--minutes", type=float, default=10**6, help="stop after so long; the next run goes on")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 2)
    parser.add_argument("--play", metavar="EVENTS", help="play one history, as an objection names it")
    return parser.parse_args()


def main() -> int:
    chosen = options()
    quiet()
    people = (False, True) if chosen.people is None else (chosen.people == "injured",)
    starts = [Start(injured, tuple(chosen.policy or POLICIES)) for injured in people]
    if chosen.play:
        sys.stdout.write(f"{replay(starts[0], chosen.play)}\n")
        return 0
    chosen.state_dir.mkdir(parents=True, exist_ok=True)
    sys.stdout.write("| start | histories, by length | states, by length | objections | played |\n")
    sys.stdout.write("| --- | --- | --- | --- | --- |\n")
    objections: list[str] = []
    ends = time.monotonic() + chosen.minutes * 60
    for start in starts:
        for row in search(start, chosen.length, chosen.state_dir, ends, chosen.processes):
            sys.stdout.write(f"{row}\n")
            sys.stdout.flush()
            objections += [
                f"{start.name}, {row.policy}: {path}: {words}" for path, words in row.found.objections.items()
            ]
    sys.stdout.writelines(f"{one}\n" for one in objections)
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    sys.stdout.write(f"{sum(one.ru_utime + one.ru_stime for one in used):,.0f} seconds of CPU\n")
    return 1 if objections else 0


if __name__ == "__main__":
    sys.exit(main())
