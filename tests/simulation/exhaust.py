"""Every small history: a search, level by level, through all that a few events lead to. Equal states are met once."""

from __future__ import annotations

import gc
import sqlite3
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from exhaust_events import ALPHABET, BY_NAME, Event
from exhaust_policies import POLICIES
from exhaust_world import SmallWorld, Start
from machine_people import Impossible
from scenario_world import FragileStore

TABLES = """
CREATE TABLE IF NOT EXISTS state (
    key TEXT, policies TEXT, level INTEGER, path TEXT, kept BLOB, done INTEGER, PRIMARY KEY (key, policies)
);
CREATE TABLE IF NOT EXISTS objection (path TEXT, policy TEXT, level INTEGER, words TEXT, PRIMARY KEY (path, policy));
CREATE TABLE IF NOT EXISTS played (
    level INTEGER, event TEXT, policy TEXT, histories INTEGER, PRIMARY KEY (level, event, policy)
);
CREATE INDEX IF NOT EXISTS by_level ON state (level, done, key);
"""
NEXT = "SELECT key, policies, path, kept FROM state WHERE level = ? AND done = 0 ORDER BY key LIMIT ?"
"""By key, so that a search that is stopped early has been everywhere a little."""
PLAYED = """
INSERT INTO played VALUES (?, ?, ?, 1)
ON CONFLICT (level, event, policy) DO UPDATE SET histories = histories + 1
"""
AT_ONCE = 64
"""States that are handed out together."""
Events = tuple[str, ...]
"""The names of the events so far."""
Names = frozenset[str]


@dataclass(frozen=True)
class State:
    """Where a path led under each of these policies; its bytes, unless they were not kept."""

    key: str
    policies: Names
    path: Events
    kept: bytes | None


@dataclass(frozen=True)
class Outcome:
    """What one event more led to under each of these policies: a state, or words of the witness."""

    event: str
    policies: Names
    key: str = ""
    kept: bytes | None = None
    objection: str = ""


@dataclass(frozen=True)
class Found:
    """What a search has met so far under one policy: by number of events, and the objections with what led there."""

    histories: dict[int, int]
    states: dict[int, int]
    events: Names
    """What happened at all."""
    left: int
    """States whose continuations have not been played."""
    objections: dict[str, str]


class Player:
    """Plays the continuations of states, each from the same bytes. `known` tells under what policies a key was met."""

    def __init__(
        self, start: Start, folder: Path, length: int, alphabet: tuple[Event, ...], known: Callable[[str], Names]
    ) -> None:
        self.length, self.alphabet, self.known = length, alphabet, known
        self.store = FragileStore(f"sqlite:///{folder}/sync.db")
        self.world = SmallWorld(self.store, start)
        self.beginning = self.world.keep()
        self.first = State(self.world.key(), self.world.policies.alike, (), None)
        gc.freeze()
        gc.set_threshold(100_000)  # What a state leaves behind is mostly gone with its last name.

    def close(self) -> None:
        self.store.close()

    def after(self, state: State) -> list[Outcome]:
        """Every event after this state. One policy stands for all those that nothing tells apart from it."""
        here = zlib.decompress(state.kept) if state.kept else self._again(state)
        outcomes = []
        for event in self.alphabet:
            left = state.policies
            while left:
                self.world.resume(here)
                self.world.go_by(left)
                outcome = self._try(event, (*state.path, event.name))
                left -= self.world.policies.alike
                outcomes += [outcome] if outcome else []
        return outcomes

    def _again(self, state: State) -> bytes:
        """A state whose bytes were not kept, played anew."""
        self.world.resume(self.beginning)
        self.world.go_by(state.policies)
        for number in range(len(state.path)):
            play(self.world, state.path[: number + 1])
        return self.world.keep()

    def _try(self, event: Event, path: Events) -> Outcome | None:
        """None where there is nothing that the event could happen to."""
        world = self.world
        try:
            play(world, path)
            key = world.key()
            kept = zlib.compress(world.keep(), 1) if len(path) < self.length else None
            if event.has_cycle and not world.policies.alike <= self.known(key):
                world.check_rest()
        except Impossible:
            return None
        except Exception as error:
            words = str(error).strip().splitlines() or [""]
            return Outcome(event.name, world.policies.alike, objection=f"{type(error).__name__}: {words[0]}")
        return Outcome(event.name, world.policies.alike, key, kept)


@dataclass
class Search:
    """All histories of up to `length` events. What it met lies in `file`, and another run goes on from there."""

    start: Start
    folder: Path
    length: int
    file: str = ""
    alphabet: tuple[Event, ...] = ALPHABET
    player: Player = field(init=False)

    def __post_init__(self) -> None:
        self.db = sqlite3.connect(self.file or ":memory:", isolation_level=None)
        self.db.executescript(f"PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; {TABLES}")
        self.player = Player(self.start, self.folder, self.length, self.alphabet, partial(known, self.db))

    def run(self) -> Found:
        for _ in self.steps():
            pass
        return self.found()

    def steps(self, everywhere: Callable[..., Iterable[list[Outcome]]] | None = None) -> Iterator[Events]:
        """Plays the continuations of one state after the other, and gives the events that had led to it.

        `everywhere` maps states to what follows them, in their order; without it this process plays all of them.
        """
        if not known(self.db, self.player.first.key):
            self._meet(self.player.first)
        for level in range(self.length):
            while states := self._next(level):
                outcomes = (everywhere or partial(map, self.player.after))(states)
                for state, found in zip(states, outcomes, strict=True):
                    self._keep(state, found)
                    yield state.path

    def found(self, policy: str = POLICIES[0]) -> Found:
        of_policy = f"%{policy}%"
        count = "SELECT level, count(*) FROM state WHERE policies LIKE ? GROUP BY level"
        left = "SELECT count(*) FROM state WHERE done = 0 AND level < ? AND policies LIKE ?"
        played = "SELECT level, sum(histories) FROM played WHERE policy = ? GROUP BY level"
        objections = "SELECT path, words FROM objection WHERE policy = ? ORDER BY level, path"
        return Found(
            histories=dict(self.db.execute(played, (policy,))),
            events=frozenset(one for (one,) in self.db.execute("SELECT event FROM played WHERE policy = ?", (policy,))),
            states=dict(self.db.execute(count, (of_policy,))),
            left=self.db.execute(left, (self.length, of_policy)).fetchone()[0],
            objections=dict(self.db.execute(objections, (policy,))),
        )

    def close(self) -> None:
        self.player.close()
        self.db.close()

    def _next(self, level: int) -> list[State]:
        rows = self.db.execute(NEXT, (level, AT_ONCE)).fetchall()
        return [State(key, frozenset(names.split()), events_of(path), kept) for key, names, path, kept in rows]

    def _keep(self, state: State, outcomes: list[Outcome]) -> None:
        """All that follows a state, in one commit."""
        self.db.execute("BEGIN")
        for one in outcomes:
            path = (*state.path, one.event)
            if one.objection:
                self._object(path, one)
            else:
                self._meet(State(one.key, one.policies, path, one.kept))
            self.db.executemany(PLAYED, [(len(path), one.event, policy) for policy in one.policies])
        done = "UPDATE state SET done = 1, kept = NULL WHERE key = ? AND policies = ?"
        self.db.execute(done, (state.key, named(state.policies)))
        self.db.execute("COMMIT")

    def _meet(self, state: State) -> None:
        """Under policies under which it was met before it is nothing new; under others it is one that waits already."""
        new, level = state.policies - known(self.db, state.key), len(state.path)
        if not new:
            return
        waiting = "SELECT policies FROM state WHERE key = ? AND level = ?"
        if row := self.db.execute(waiting, (state.key, level)).fetchone():
            both = named(new | {*row[0].split()})
            self.db.execute("UPDATE state SET policies = ? WHERE key = ? AND level = ?", (both, state.key, level))
        else:
            row = (state.key, named(new), level, " + ".join(state.path), state.kept)
            self.db.execute("INSERT INTO state VALUES (?, ?, ?, ?, ?, 0)", row)

    def _object(self, path: Events, one: Outcome) -> None:
        rows = [(" + ".join(path), policy, len(path), one.objection) for policy in one.policies]
        self.db.executemany("INSERT OR REPLACE INTO objection VALUES (?, ?, ?, ?)", rows)


def known(db: sqlite3.Connection, key: str) -> Names:
    """The policies under which a state was met."""
    rows = db.execute("SELECT policies FROM state WHERE key = ?", (key,))
    return frozenset(name for (names,) in rows for name in names.split())


def known_in(file: str, key: str) -> Names:
    """The same for a process that only plays."""
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as db:
        return known(db, key)


def named(policies: Names) -> str:
    return " ".join(sorted(policies))


def play(world: SmallWorld, path: Events) -> None:
    """The last event of a path, and the cycle after it. The ids that 4HSE gives depend on the path alone."""
    world.scenario.fourhse._register.random.seed(" + ".join(path))
    event = BY_NAME[path[-1]]
    event.act(world)
    if event.has_cycle:
        world.cycle()


def events_of(path: str) -> Events:
    return tuple(path.split(" + ")) if path else ()
