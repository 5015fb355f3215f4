"""Breaks one rule of the product at a time and plays the histories until something objects: `make breaks`.

The histories are those of `make soak` from seed 0, in their order. A rule that they reach seldom or never names the
tests that hold it, and these run instead. Prints a row per rule; exit 1 when one break goes unnoticed.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PRODUCT = ROOT / "src" / "procore_4hse"
SQLITE = ("-k", "not postgresql")
"""Every rule holds on either store, and one server less is started."""
HISTORIES = {"SIMULATION": "soak", "SIMULATION_HISTORIES": "2000", "SIMULATION_SEED": "0"}


@dataclass(frozen=True)
class Break:
    """A rule, the place that keeps it, and what stands there instead once it is broken."""

    rule: str
    file: str
    text: str
    instead: str
    tests: str = ""
    """The tests that hold it, below `tests`, where histories reach it seldom or never."""


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
        ".rebase(there.ref(Side.PROCORE), self._beside_spoiled(there, comparison.bases) | spoiled)\n",
        "\n",
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
        "integration/test_pull.py",
    ),
    Break(
        "likeness alone links",
        "reconcile/match.py",
        "        told = (self.day, self.normalised_title, self.description)\n",
        '        told = (date.max, self.normalised_title, "any")\n',
        "unit/test_match.py",
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
        "unit/test_plan.py",
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
        "an answer holds whatever its question shows by now",
        "models.py",
        "        return self.shown == item.shown\n",
        "        return True\n",
        "unit/test_shown.py",
    ),
    Break(
        "an approval lets through what nobody was shown",
        "reconcile/guard.py",
        "        if signature(action) not in shown and not _is_brought_about(",
        "        if False and not _is_brought_about(",
        "unit/test_guard.py",
    ),
    Break(
        "one entered anew is copied while its old partner is out of sight",
        "reconcile/unlinked.py",
        "    if hidden and _is_like_any(snapshot, _candidate(snapshot, record), hidden):\n",
        "    if False:\n",
        "integration/test_entered_anew.py",
    ),
    Break(
        "one partner is given to two people",
        "mapping/directory.py",
        "    return {party: office for party, office in pairs.items() if given[office] == 1}\n",
        "    return {party: office for party, office in pairs.items() if given[office]}\n",
        "unit/test_directory.py",
    ),
    Break(
        "a rule for people counts although another one contradicts it",
        "mapping/directory.py",
        "            if one != other and (one in fits or other in fits):\n",
        "            if False:\n",
        "unit/test_directory.py",
    ),
    Break(
        "a correction names somebody on a second record",
        "reconcile/linked.py",
        "    if to is None or not isinstance(difference.field.lens, PersonLens):\n        return difference\n",
        "    return difference\n",
        "unit/test_children.py unit/test_linked.py integration/test_people.py",
    ),
    Break(
        "an accident that 4HSE recognised late is passed over",
        "reconcile/late_accidents.py",
        "    for pair in _pairs(people):\n        if pair.link.refs & anew:\n",
        "    for pair in ():\n        if pair.link.refs & anew:\n",
        "unit/test_late_accidents.py",
    ),
    Break(
        "a near miss goes although the injury that took its place is gone",
        "push/removals.py",
        "        if there is None or is_gone(Kind.INJURY, there.record.payload):\n",
        "        if False:\n",
        "integration/test_recognised_late.py",
    ),
    Break(
        "what a vendor kept only in part has been agreed on",
        "push/bases.py",
        "        bases[row.key] = replace(base, lost_on=action.side if is_lost else None)\n",
        "        bases[row.key] = base\n",
        "integration/test_kept_in_part.py",
    ),
    Break(
        "a deletion takes along what nobody was shown",
        "push/removals.py",
        "        if there.items() <= shown.items():\n",
        "        if True:\n",
        "integration/test_deletions.py",
    ),
    Break(
        "what moved to another office is deleted there",
        "push/removals.py",
        "        if intent.action.side is Side.FOURHSE and None not in (listed, now) and listed != now:\n",
        "        if False:\n",
        "integration/test_deletions.py",
    ),
    Break(
        "a record that makes a lens fail ends the cycle",
        "engine/snapshots.py",
        "    if not odd:\n        return seen\n",
        "    if True:\n        return seen\n",
        "integration/test_odd_values.py",
    ),
    Break(
        "what follows a push writes over a write of unknown outcome",
        "engine/cycle.py",
        "        settled = replace(inputs.settled, pending=inputs.settled.pending | pending)\n",
        "        settled = inputs.settled\n",
        "integration/test_recognised_late.py",
    ),
    Break(
        "all guards are off",
        "reconcile/guard.py",
        "    restored = (partial(_regressed, side) for side in Side)\n",
        "    return plan\n    restored = (partial(_regressed, side) for side in Side)\n",
    ),
    Break(
        "an incident is not compared though somebody below it moved",
        "engine/unchanged.py",
        "generation, *shown, *parts, links.get(ours",
        "generation, *shown, links.get(ours",
    ),
    Break(
        "what was settled under other settings, lists or answers stays settled",
        "engine/unchanged.py",
        "memory.compared_at is None or memory.ground != self.ground",
        "memory.compared_at is None",
    ),
    Break(
        "what both sides agreed on is another one, and the pair is not compared",
        "store/links.py",
        '"base": base, "fingerprint": None}',
        '"base": base}',
        tests="integration/test_unchanged.py",
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


INSTEAD = """
import sys
from importlib.machinery import PathFinder
from importlib.util import spec_from_file_location

class Instead(PathFinder):
    def find_spec(self, name, path=None, target=None):
        return spec_from_file_location(name, {file!r}) if name == {module!r} else None

sys.meta_path.insert(0, Instead())
"""
"""What Python runs before all else where it finds it as `sitecustomize.py`: one module is taken from another file."""


def broken(change: Break, folder: Path) -> Path:
    """Where a process must look first (PYTHONPATH), so that one rule of the product does not hold in it.

    The one module is compiled anew, all others are as they are.
    """
    source = folder / "src"
    file = source / "procore_4hse" / change.file
    file.parent.mkdir(parents=True)
    file.write_text((PRODUCT / change.file).read_text().replace(change.text, change.instead))
    module = ".".join(("procore_4hse", *Path(change.file).with_suffix("").parts))
    (source / "sitecustomize.py").write_text(INSTEAD.format(file=str(file), module=module))
    return source


@dataclass(frozen=True)
class Notice:
    """What noticed a break: the number of a history, or `at once` for a test; and its objection or its name."""

    when: str
    by: str


def noticed(change: Break, most: int) -> Notice | None:
    """What objected to a break; None when `most` histories, or all tests that hold the rule, passed."""
    with tempfile.TemporaryDirectory(prefix="broken-") as folder:
        return _by_tests(change, folder) if change.tests else _by_histories(change, folder, most)


def _by_histories(change: Break, folder: str, most: int) -> Notice | None:
    run = _run(change, folder, "-c", PLAY.format(folder=folder, most=most))
    if run.returncode:
        raise SystemExit(f"{change.rule}: {run.stderr}")
    after, _, by = run.stdout.strip().partition("\t")
    return Notice(f"after {after}", by) if after else None


def _by_tests(change: Break, folder: str) -> Notice | None:
    files = [str(ROOT / "tests" / name) for name in change.tests.split()]
    run = _run(change, folder, "-m", "pytest", "-q", "-x", "-n", "0", "-p", "no:cacheprovider", *SQLITE, *files)
    if run.returncode not in (0, 1):
        raise SystemExit(f"{change.rule}: {run.stdout}")
    failed = re.search(r"^FAILED \S+/(\w+\.py)::(\w+)", run.stdout, re.MULTILINE)
    return Notice("at once", f"`{failed[1]}`: {failed[2].removeprefix('test_').replace('_', ' ')}") if failed else None


def _run(change: Break, folder: str, *command: str) -> subprocess.CompletedProcess[str]:
    """A process of its own in which the broken copy is the product."""
    paths = (broken(change, Path(folder)), ROOT / "tests", ROOT / "tests" / "simulation")
    environ = {**os.environ, **HISTORIES, "PYTHONPATH": os.pathsep.join(map(str, paths))}
    return subprocess.run(
        [sys.executable, *command], env=environ, capture_output=True, text=True, check=False, cwd=ROOT
    )


def rows(changes: tuple[Break, ...], most: int, processes: int) -> Iterator[tuple[Break, Notice | None]]:
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
    for change, notice in rows(changes, chosen.histories, chosen.processes):
        unnoticed += notice is None
        when, by = (notice.when, notice.by) if notice else ("NEVER", "")
        sys.stdout.write(f"| {change.rule} | {when} | {by} |\n")
        sys.stdout.flush()
    return 1 if unnoticed else 0


if __name__ == "__main__":
    sys.exit(main())
