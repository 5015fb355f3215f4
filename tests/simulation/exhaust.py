"""Every small history: a search, level by level, through all that a few events lead to. Equal states are met once."""

from __future__ import annotations

import gc
import sqlite3
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from exhaust_events import ALPHABET, BY_NAME, Event
from exhaust_world import SmallWorld, Start
from machine_people import Impossible
from scenario_world import FragileStore

TABLES = """
CREATE TABLE IF NOT EXISTS state (key TEXT PRIMARY KEY, level INTEGER, path TEXT, kept BLOB, done INTEGER);
CREATE TABLE IF NOT EXISTS objection (path TEXT PRIMARY KEY, level INTEGER, words TEXT);
CREATE TABLE IF NOT EXISTS played (level INTEGER, event TEXT, histories INTEGER, PRIMARY KEY (level, event));
CREATE INDEX IF NOT EXISTS by_level ON state (level, done, key);
"""
NEXT = "SELECT key, path, kept FROM state WHERE level = ? AND done = 0 ORDER BY key LIMIT 1"
"""By key, so that a search that is stopped early has been everywhere a little."""
Events = tuple[str, ...]
"""The names of the events so far."""


@dataclass(frozen=True)
class Found:
    """What a search has met so far: by number of events, and the objections with the events that led to them."""

    histories: dict[int, int]
    states: dict[int, int]
    events: frozenset[str]
    """What happened at all."""
    left: int
    """States whose continuations have not been played."""
    objections: dict[str, str]


@dataclass
class Search:
    """All histories of up to `length` events. What it met lies in `file`, and another run goes on from there."""

    start: Start
    folder: Path
    length: int
    file: str = ""
    alphabet: tuple[Event, ...] = ALPHABET
    world: SmallWorld = field(init=False)

    def __post_init__(self) -> None:
        self.db = sqlite3.connect(self.file or ":memory:", isolation_level=None)
        self.db.executescript(f"PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; {TABLES}")
        self.store = FragileStore(f"sqlite:///{self.folder}/sync.db")

    def run(self) -> Found:
        for _ in self.steps():
            pass
        return self.found()

    def steps(self) -> Iterator[Events]:
        """Plays the continuations of one state after the other, and gives the events that had led to it."""
        self._begin()
        for level in range(self.length):
            while row := self.db.execute(NEXT, (level,)).fetchone():
                path = events_of(row[1])
                self._continue(row[0], path, row[2])
                yield path

    def found(self) -> Found:
        count = "SELECT level, count(*) FROM state GROUP BY level"
        left = "SELECT count(*) FROM state WHERE done = 0 AND level < ?"
        return Found(
            histories=dict(self.db.execute("SELECT level, sum(histories) FROM played GROUP BY level")),
            events=frozenset(name for (name,) in self.db.execute("SELECT DISTINCT event FROM played")),
            states=dict(self.db.execute(count)),
            left=self.db.execute(left, (self.length,)).fetchone()[0],
            objections=dict(self.db.execute("SELECT path, words FROM objection ORDER BY level, path")),
        )

    def close(self) -> None:
        self.store.close()
        self.db.close()

    # One state ----------------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        """The world at rest before anything happens."""
        self.world = SmallWorld(self.store, self.start)
        self.beginning = self.world.keep()
        gc.freeze()
        gc.set_threshold(100_000)  # What a state leaves behind is mostly gone with its last name.
        self._meet(self.world.key(), (), self.beginning)

    def _continue(self, key: str, path: Events, kept: bytes | None) -> None:
        """Every event after this state, each from the same bytes."""
        here = zlib.decompress(kept) if kept else self._again(path)
        self.db.execute("BEGIN")
        for event in self.alphabet:
            self.world.resume(here)
            self._try(event.name, path)
        self.db.execute("UPDATE state SET done = 1, kept = NULL WHERE key = ?", (key,))
        self.db.execute("COMMIT")

    def _again(self, path: Events) -> bytes:
        """A state whose bytes were not kept, played anew."""
        self.world.resume(self.beginning)
        for number in range(len(path)):
            play(self.world, path[: number + 1])
        return self.world.keep()

    def _try(self, name: str, before: Events) -> None:
        path = (*before, name)
        try:
            play(self.world, path)
            key = self.world.key()
            kept = self.world.keep()
            if self._is_new(key) and BY_NAME[name].has_cycle:
                self.world.check_rest()
        except Impossible:
            return
        except Exception as error:
            self._object(path, error)
        else:
            self._meet(key, path, kept)
        count = "INSERT INTO played VALUES (?, ?, 1) ON CONFLICT (level, event) DO UPDATE SET histories = histories + 1"
        self.db.execute(count, (len(path), name))

    def _is_new(self, key: str) -> bool:
        return self.db.execute("SELECT 1 FROM state WHERE key = ?", (key,)).fetchone() is None

    def _meet(self, key: str, path: Events, kept: bytes) -> None:
        blob = zlib.compress(kept, 1) if len(path) < self.length else None
        self.db.execute("INSERT OR IGNORE INTO state VALUES (?, ?, ?, ?, 0)", (key, len(path), " + ".join(path), blob))

    def _object(self, path: Events, error: Exception) -> None:
        words = str(error).strip().splitlines() or [""]
        self.db.execute(
            "INSERT OR REPLACE INTO objection VALUES (?, ?, ?)",
            (" + ".join(path), len(path), f"{type(error).__name__}: {words[0]}"),
        )


def play(world: SmallWorld, path: Events) -> None:
    """The last event of a path, and the cycle after it. The ids that 4HSE gives depend on the path alone."""
    world.scenario.fourhse._register.random.seed(" + ".join(path))
    event = BY_NAME[path[-1]]
    event.act(world)
    if event.has_cycle:
        world.cycle()


def events_of(path: str) -> Events:
    return tuple(path.split(" + ")) if path else ()
