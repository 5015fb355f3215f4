"""Breaks one rule of the product at a time and plays the histories until something objects: `make breaks`.

The histories are those of `make soak` from seed 0, in their order. Prints a row per rule; exit 1 when one break goes
unnoticed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PRODUCT = ROOT / "src" / "procore_4hse"
HISTORIES = {"SIMULATION": "soak", "SIMULATION_HISTORIES": "2000", "SIMULATION_SEED": "0"}


@dataclass(frozen=True)
class Break:
    """A rule, the place that keeps it, and what stands there instead once it is broken."""

    rule: str
    file: str
    text: str
    instead: str


BREAKS = (
    Break(
        "both sides changed is taken for one side changed",
        "reconcile/diff.py",
        "    if len(changed) == 2:\n",
        "    if len(changed) == 3:\n",
    ),
    Break(
        "an answer counts for values that the person never saw",
        "reconcile/diff.py",
        '    if decision.seen.get("seen") != seen(difference):\n',
        "    if False:\n",
    ),
    Break(
        "no base is kept after a write",
        "push/outcomes.py",
        "        unit.links(key).rebase(there.ref(Side.PROCORE), comparison.bases | spoiled)\n        unit.staging",
        "        unit.staging",
    ),
    Break(
        "the target is not compared when it is read again",
        "push/steps.py",
        '        if any(at(now, path) != value for path, value in action.seen.items() if not path.startswith("@")):\n',
        "        if False:\n",
    ),
    Break(
        "absence counts as a deletion",
        "engine/snapshots.py",
        "    if not staged.present:\n        return Presence.ABSENT\n",
        "    if not staged.present:\n        return Presence.GONE\n",
    ),
    Break(
        "a deletion goes on without a person's word",
        "reconcile/lifecycle.py",
        "    if policy is Policy.PROPAGATE and gone is Side.FOURHSE and not edited:\n        return LinkOutcome(\n"
        "            transition=marked,\n            actions=(_delete(",
        "    if gone is Side.FOURHSE:\n        return LinkOutcome(\n"
        "            transition=marked,\n            actions=(_delete(",
    ),
    Break(
        "an edited survivor is deleted too",
        "reconcile/lifecycle.py",
        "    if policy is Policy.PROPAGATE and gone is Side.FOURHSE and not edited:\n",
        "    if policy is Policy.PROPAGATE and gone is Side.FOURHSE:\n",
    ),
    Break(
        "a one-way route writes both ways",
        "mapping/rules.py",
        "        if direction is Direction.BOTH:\n            return self\n        fields, people, equipment =",
        "        if direction in Direction:\n            return self\n        fields, people, equipment =",
    ),
    Break(
        "a lost create is made again at once",
        "engine/recovery.py",
        "        enough = intent.looks + 1 >= LOOKS and waited >= self.settle_for\n",
        "        enough = True\n",
    ),
    Break(
        "a lost create is never found again",
        "engine/recovery.py",
        "        if equal is None:\n            return False\n",
        "        if equal is None or True:\n            return False\n",
    ),
    Break(
        "every listing counts as whole",
        "engine/completeness.py",
        "        if len(self.seen) != self.total:\n",
        "        if False:\n",
    ),
    Break(
        "likeness alone links",
        "reconcile/match.py",
        "        told = (self.day, self.normalised_title, self.description)\n",
        '        told = (date.max, self.normalised_title, "any")\n',
    ),
    Break(
        "the day is read in UTC",
        "mapping/lenses/incident.py",
        "            day = moment and self._day(moment, image, image[ZONE])\n",
        '            day = moment and self._day(moment, image, "UTC")\n',
    ),
    Break(
        "an incident is closed without its day",
        "mapping/lenses/incident.py",
        '        return {self.fourhse: "closed", self.closed_on: _closing_day(facts)}\n',
        '        return {self.fourhse: "closed"}\n',
    ),
    Break(
        "a record with a write of unknown outcome is planned anew",
        "reconcile/plan.py",
        "    if link.refs & snapshot.pending:\n",
        "    if False:\n",
    ),
    Break(
        "a drift is written as if someone had edited",
        "reconcile/diff.py",
        '        return replace(difference, verdict=Verdict.DRIFT, reason="neither side changed, yet they disagree")\n',
        '        return _by_rule(difference, "neither side changed, yet they disagree")\n',
    ),
    Break(
        "what was entered anew is taken for another incident",
        "reconcile/unlinked.py",
        "            survivors[link.ref(here[0])] = link\n    return survivors\n",
        "            survivors[link.ref(here[0])] = link\n    return {}\n",
    ),
    Break(
        "a route is taken from a process that has it",
        "store/leases.py",
        "        if row.token != ended and self._is_held(row, grace):\n",
        "        if False:\n",
    ),
    Break(
        "all guards are off",
        "reconcile/guard.py",
        "    restored = (partial(_regressed, side) for side in Side)\n",
        "    return plan\n    restored = (partial(_regressed, side) for side in Side)\n",
    ),
)

PLAY = """
import test_machine as t, structlog

class Noticed(BaseException):
    pass

meter, store, played = t.Meter(), t.FragileStore("sqlite:///" + {folder!r} + "/sync.db"), 0
structlog.configure(processors=[meter.hear])

def one(history):
    global played
    played += 1
    try:
        t.Machine(store, meter, history).play()
    except Exception as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        print(played, lines[0], sep="\\t", flush=True)
        raise Noticed from None
    if played >= {most}:
        raise Noticed

try:
    for chunk in range(t.PROFILE.chunks):
        t._play(one, chunk)
except Noticed:
    pass
"""


def broken(change: Break, folder: Path) -> Path:
    """A copy of the product in which one rule does not hold."""
    source = folder / "src"
    shutil.copytree(ROOT / "src", source, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    file = source / "procore_4hse" / change.file
    file.write_text(file.read_text().replace(change.text, change.instead))
    return source


def noticed(change: Break, most: int) -> str | None:
    """After how many histories, and by what objection; None when `most` of them passed."""
    with tempfile.TemporaryDirectory(prefix="broken-") as folder:
        paths = (broken(change, Path(folder)), ROOT / "tests", ROOT / "tests" / "simulation")
        environ = {**os.environ, **HISTORIES, "PYTHONPATH": os.pathsep.join(map(str, paths))}
        command = [sys.executable, "-c", PLAY.format(folder=folder, most=most)]
        run = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    if run.returncode:
        raise SystemExit(f"{change.rule}: {run.stderr}")
    return run.stdout.strip() or None


def rows(changes: tuple[Break, ...], most: int, processes: int) -> Iterator[tuple[Break, str | None]]:
    with ThreadPoolExecutor(processes) as pool:
        yield from zip(changes, pool.map(lambda change: noticed(change, most), changes), strict=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--histories", type=int, default=2000, help="give up after so many")
    parser.add_argument("--only", type=int, action="append", help="the rule with this number, counted from 0")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 2)
    chosen = parser.parse_args()
    changes = tuple(BREAKS[number] for number in chosen.only) if chosen.only else BREAKS
    unnoticed = 0
    for change, objection in rows(changes, chosen.histories, chosen.processes):
        after, _, by = (objection or "").partition("\t")
        unnoticed += objection is None
        sys.stdout.write(f"| {change.rule} | {f'after {after}' if objection else 'NEVER'} | {by} |\n")
        sys.stdout.flush()
    return 1 if unnoticed else 0


if __name__ == "__main__":
    sys.exit(main())
