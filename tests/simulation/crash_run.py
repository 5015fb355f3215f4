"""Runs crash points and prints what became of them: `make crash`, or a part of it with the options below."""

from __future__ import annotations

import argparse
import json
import logging
import multiprocessing
import os
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import structlog
from crash import Boundary, Group, Moment, Point
from crash_scenarios import SCENARIOS
from crash_store import PostgresCopy, SqliteCopy, StoreCopy, postgres_sockets

STORES = ("sqlite", "postgresql")
SECOND = (3, 11, 19, 27, 35, 43, 52, 61)
"""At these boundaries of the first rerun, in turn, a double crash kills again."""
SHARES = 10
"""Every so-manieth point is also run as a double crash."""
UNCHANGING = ("read", "token")
COUNTED = """\
A point is one boundary of one scenario on one store, as a dry pass numbers them: three for every HTTP call (before it
is sent; carried out, but not answered; after the answer) and two for every commit (before it, after it). Each was run
once, with SIGKILL. {writes} of the {single} lie at a write to a vendor or at a commit, the others at reads and tokens.
A double crash kills the first rerun as well; it is counted apart."""


@dataclass(frozen=True)
class Job:
    """One scenario on one store: which of its points are run. `every` 1 is all of them, 0 all at writes and commits."""

    scenario: str
    store: str
    sockets: str
    every: int = 1
    offset: int = 0
    only: int | None = None
    doubles: bool = True

    def indexes(self, boundaries: tuple[Boundary, ...]) -> list[int]:
        """All of them, or a part of those at writes and commits, where the stores and the vendors change."""
        if self.only is not None:
            return [self.only]
        if self.every == 1:
            return list(range(len(boundaries)))
        changing = [number for number, one in enumerate(boundaries) if one.kind not in UNCHANGING]
        step = max(1, self.every)
        return changing[self.offset % min(step, len(changing)) :: step]


def run(job: Job, folder: Path) -> list[Point]:
    """All points of a job, then its double crashes."""
    place = folder / f"{os.getpid()}-{job.scenario}-{job.store}".replace(" ", "-").replace(",", "")
    place.mkdir()
    scenario = next(one for one in SCENARIOS if one.name == job.scenario)
    store_copy: StoreCopy = (
        SqliteCopy(place) if job.store == "sqlite" else PostgresCopy(job.sockets, f"crash_{os.getpid()}")
    )
    group = Group(scenario, store_copy)
    group.prepare()
    indexes = job.indexes(group.boundaries)
    points = [group.point(index) for index in indexes]
    if job.doubles:
        twice = indexes[::SHARES] if job.every < 2 else indexes[:1]
        points += [group.point(index, SECOND[n % len(SECOND)]) for n, index in enumerate(twice)]
    store_copy.clear()
    return points


def run_all(jobs: list[Job], processes: int) -> Iterator[list[Point]]:
    with tempfile.TemporaryDirectory(prefix="crash-", dir=_quick_folder()) as folder:
        work = partial(run, folder=Path(folder))
        if processes == 1:
            yield from map(work, jobs)
            return
        with multiprocessing.get_context("fork").Pool(processes) as pool:
            yield from pool.imap_unordered(work, jobs)


def _quick_folder() -> str | None:
    """Memory, where the system offers it: SQLite still syncs every commit, and a killed process loses no page."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108


# The table --------------------------------------------------------------------------------------------------------


@dataclass
class Tally:
    points: int = 0
    duplicates: int = 0
    losses: int = 0
    steps: int = 0

    def add(self, point: Point) -> None:
        self.points += 1
        self.duplicates += len(point.findings.duplicates)
        self.losses += len(point.findings.losses)
        self.steps += len(point.findings.steps)


def table(points: Iterable[Point]) -> str:
    """A block per scenario, a line per kind of action; each boundary's points are counted as SQLite + PostgreSQL."""
    counts: dict[tuple[str, str], dict[tuple[Moment, str], int]] = defaultdict(lambda: defaultdict(int))
    tallies: dict[tuple[str, str], Tally] = defaultdict(Tally)
    for point in points:
        row = point.scenario, point.first.kind
        counts[row][point.first.moment, point.store] += 1
        tallies[row].add(point)
    lines = []
    for scenario in dict.fromkeys(row[0] for row in sorted(counts, key=_order)):
        lines += ["", _line(scenario, [moment.value for moment in Moment], "duplicates", "losses", "operator steps")]
        for row in sorted(row for row in counts if row[0] == scenario):
            cells = ["+".join(str(counts[row][moment, store]) for store in STORES) for moment in Moment]
            tally = tallies[row]
            lines.append(_line(f"  {row[1]}", _blank(cells), tally.duplicates, tally.losses, tally.steps))
    return "\n".join(lines)


def _order(row: tuple[str, str]) -> int:
    return [scenario.name for scenario in SCENARIOS].index(row[0])


def _blank(cells: list[str]) -> list[str]:
    return ["" if cell == "0+0" else cell for cell in cells]


def _line(name: str, cells: list[str], *results: object) -> str:
    return f"{name:38}" + "".join(f"{cell:>22}" for cell in cells) + "".join(f"{result!s:>16}" for result in results)


def summary(points: list[Point], seconds: float) -> str:
    single = [point for point in points if point.second is None]
    double = [point for point in points if point.second is not None]
    lines = [
        "",
        f"{'':24}{'points':>10}{'duplicates':>12}{'losses':>10}{'operator steps':>16}",
    ]
    for name, chosen in (*((store, [p for p in single if p.store == store]) for store in STORES),
                         ("single crashes", single), ("double crashes", double)):  # fmt: skip
        tally = Tally()
        for point in chosen:
            tally.add(point)
        lines.append(f"{name:24}{tally.points:>10}{tally.duplicates:>12}{tally.losses:>10}{tally.steps:>16}")
    writes = len([p for p in single if p.first.kind not in UNCHANGING])
    lines += ["", COUNTED.format(writes=writes, single=len(single))]
    lines += [f"{len({p.scenario for p in points})} scenarios, {seconds:.0f} s."]
    return "\n".join(lines)


def failures(points: Iterable[Point]) -> list[str]:
    return [
        f"{p.store}, {p.scenario}, point {p.index} ({p.first.kind}, {p.first.moment}"
        + (f"; then {p.second.kind}, {p.second.moment}" if p.second else "")
        + f"): {'; '.join(p.findings.flaws)}"
        for p in points
        if p.findings.flaws
    ]


# The command ------------------------------------------------------------------------------------------------------


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", action="append", choices=STORES, help="only this store")
    parser.add_argument("--scenario", action="append", choices=[one.name for one in SCENARIOS])
    parser.add_argument("--point", type=int, help="only this boundary of each scenario")
    parser.add_argument(
        "--every",
        type=int,
        default=1,
        help="2 and more: only every so-manieth boundary at a write or a commit; 0: all of these, and no read",
    )
    parser.add_argument("--postgres", metavar="SOCKETS", help="a running server's socket folder")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 2)
    parser.add_argument("--json", action="store_true", help="counts and failures as one JSON object")
    return parser.parse_args()


def jobs_of(chosen: argparse.Namespace, sockets: str) -> list[Job]:
    scenarios = chosen.scenario or [one.name for one in SCENARIOS]
    return [
        Job(name, store, sockets, chosen.every, offset=number, only=chosen.point, doubles=chosen.point is None)
        for number, name in enumerate(scenarios)
        for store in chosen.store or STORES
    ]


def main() -> int:
    chosen, began = arguments(), time.monotonic()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    points: list[Point] = []
    with ExitStack() as stack:
        needs_server = "postgresql" in (chosen.store or STORES) and not chosen.postgres
        sockets = stack.enter_context(postgres_sockets()) if needs_server else chosen.postgres or ""
        for found in run_all(jobs_of(chosen, sockets), chosen.processes):
            points += found
            if not chosen.json:
                bad = failures(found)
                sys.stderr.write(f"{found[0].store}, {found[0].scenario}: {len(found)} points, {len(bad)} failed\n")
                sys.stderr.writelines(f"  {line}\n" for line in bad[:3])
                sys.stderr.flush()
    failed = failures(points)
    if chosen.json:
        kinds = sorted({f"{p.first.kind}, {p.first.moment}" for p in points})
        counts = {"points": len(points), "scenarios": len({p.scenario for p in points}), "kinds": kinds}
        sys.stdout.write(json.dumps({**counts, "failures": failed}) + "\n")
    else:
        sys.stdout.write("\n".join([table(points), summary(points, time.monotonic() - began), *failed]) + "\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
