"""What the product costs, as ratios within one run: `make bench`, explained in README.md beside this file.

`--small` takes a tenth of each size and a few minutes. `--write` writes docs/performance.md, `--only WORD` measures
the figures with that word alone, `--today` keeps what was found, for the next run to stand beside.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tomllib
import venv
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "performance.md"
BEFORE = HERE / "before.json"
"""What this script found before, by figure and size."""
PEERS = HERE.parent / ".venv" / "peers"
OFF = 1.5
"""So far off its target a figure fails the run."""
SMALLER, LEAST = 10, 500


@dataclass(frozen=True)
class Figure:
    """A row: a number of one run, or its ratio to another one of the same run."""

    name: str
    run: tuple[Any, ...]
    take: str
    unit: str
    target: float
    text: str
    by: tuple[Any, ...] = ()
    by_take: str = ""
    more_is_better: bool = False

    @property
    def is_timed(self) -> bool:
        """Whether another machine would find another number."""
        return self.unit == "ms" and not self.by_take


@dataclass(frozen=True)
class Found:
    """`of` is what the number is of, where the figure is the largest of several."""

    figure: Figure
    number: float | None
    today: float | None
    of: str = ""

    @property
    def fails(self) -> bool:
        if self.number is None:
            return False
        target = self.figure.target
        return self.number * OFF < target if self.figure.more_is_better else self.number > target * OFF


def main() -> None:
    options = asked()
    known = tomllib.loads((HERE / "figures.toml").read_text())
    figures = [Figure(**{**one, "run": tuple(one["run"]), "by": tuple(one.get("by", ()))}) for one in known["figure"]]
    os.environ.setdefault("PEERS", peers())
    speed = measure("yardstick")["yardstick"] / known["yardstick"]
    before = json.loads(BEFORE.read_text()) if BEFORE.exists() else {}
    found = []
    for figure in figures:
        if options.only in figure.name:
            found.append(one := look(figure, options.small, speed, before))
            print(": ".join([*cells(one)][::2][:2]), file=sys.stderr, flush=True)  # noqa: T201
    if options.today:
        kept = {key(one.figure, options.small): one.number for one in found}
        BEFORE.write_text(json.dumps(before | kept, indent=1, sort_keys=True) + "\n")
    Console(width=160).print(table(found))
    if options.write:
        PAGE.write_text(page(found, options.small))
    if failed := [one.figure.name for one in found if one.fails]:
        raise SystemExit("Off the target by half: " + "; ".join(failed))


def asked() -> argparse.Namespace:
    words = argparse.ArgumentParser(description=__doc__)
    for name in ("--small", "--write", "--today"):
        words.add_argument(name, action="store_true")
    words.add_argument("--only", default="")
    return words.parse_args()


# Measuring -------------------------------------------------------------------------------------------------------


def look(figure: Figure, small: bool, speed: float, before: dict[str, float | None]) -> Found:
    """The figure, as it would be on the machine of `today` where it depends on the machine."""
    name, number = taken(of_run(figure.run, small), figure.take)
    if figure.by_take:
        other = of_run(figure.by or figure.run, small).get(figure.by_take)
        number = number / other if number and other else None
    elif figure.is_timed and number is not None:
        number /= speed
    if small and number is not None and figure.name in WHOLE:
        number *= SMALLER
    return Found(figure, number, before.get(key(figure, small)), name.removeprefix(figure.take).strip())


def taken(numbers: dict[str, float], take: str) -> tuple[str, float | None]:
    """A number and its name: the one that is so called, or the largest of those below a word with a colon."""
    below = [name for name in numbers if name.startswith(take)] if take.endswith(":") else []
    name = max(below, key=numbers.__getitem__, default=take)
    return name, numbers.get(name)


WHOLE = ("200 routes of 50 idle, CPU of a round", "first link of 10,000 incidents, CPU")
"""What grows with the size: a small run tells it for the whole one."""


def of_run(run: tuple[Any, ...], small: bool) -> dict[str, float]:
    name, *sizes = run
    return measure(name, *(smaller(name, place, size) if small else size for place, size in enumerate(sizes)))


def smaller(name: str, place: int, size: int) -> int:
    """A tenth, and of routes with incidents only the number of routes; a few hundred tell more than a cycle costs."""
    if name == "routes":
        return size if place else size // SMALLER
    return max(size // SMALLER, LEAST)


@cache
def measure(name: str, *given: int) -> dict[str, float]:
    """Each in a process of its own, so that none finds what another one left."""
    command = [sys.executable, str(HERE / "measures.py"), name, *map(str, given)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 of this folder
    if done.returncode:
        raise SystemExit(f"{name} {given} failed:\n{done.stderr[-2000:]}")
    numbers: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return numbers


def peers() -> str:
    """The Python that has the other programs, installed apart from the project's; empty where that cannot be done."""
    python = PEERS / "bin" / "python"
    try:
        if not python.exists():
            venv.create(PEERS, with_pip=True)
        wanted = [str(python), "-m", "pip", "install", "-q", "-r", str(HERE / "peers.txt")]
        subprocess.run(wanted, check=True, capture_output=True)  # noqa: S603 of this folder
    except (OSError, subprocess.CalledProcessError):
        print("The programs to stand beside could not be installed: their rows stay empty.", file=sys.stderr)  # noqa: T201
        return ""
    return str(python)


# Telling ---------------------------------------------------------------------------------------------------------


def key(figure: Figure, small: bool) -> str:
    return f"{figure.name}, small" if small else figure.name


def shown(number: float | None, figure: Figure) -> str:
    if number is None:
        return "not measured"
    digits = 0 if number >= 100 else 1 if number >= 10 else 2
    return f"{number:,.{digits}f} {figure.unit}"


def cells(one: Found) -> Iterator[str]:
    figure = one.figure
    reached = shown(one.number, figure)
    yield from (figure.name, shown(one.today, figure), f"{reached} ({one.of})" if one.of else reached)
    yield f"{'>' if figure.more_is_better else '<'} {shown(figure.target, figure)}"
    yield f"{one.number / one.today:.2f}" if one.number and one.today else ""


HEADS = ("figure", "today", "reached", "target", "reached / today")


def table(found: list[Found]) -> Table:
    told = Table(box=None, padding=(0, 1), header_style="dim")
    for head in HEADS:
        told.add_column(head, justify="left" if head == "figure" else "right")
    for one in found:
        told.add_row(*cells(one), style="red" if one.fails else "")
    return told


def page(found: list[Found], small: bool) -> str:
    size = (
        "a tenth of each size and 500 incidents at least (`make bench SMALL=1`)" if small else "one run of `make bench`"
    )
    rows = [" | ".join(("", *cells(one), "")).strip() for one in found]
    told = [f"**{one.figure.name}.**\n{one.figure.text}" for one in found]
    heads = ["| " + " | ".join(HEADS) + " |", "| --- " * len(HEADS) + "|"]
    return "\n".join([INTRODUCTION.format(size=size), *heads, *rows, "", "\n\n".join(told), ""])


INTRODUCTION = """# What it costs

This page is written by the script of `make bench`, of
{size}.

Times are those of the processor, for the machine is shared; what the simulated systems take to answer is left out, and
so is the network. Times are told as on the machine on which the column `today` was measured: each run first measures
plain work that no change of the product touches, and divides by it. Live cycles are bounded by the vendors' call limits
instead: see [operating.md](operating.md). `today` is commit 61632ac, by the same script. A row that misses its target
by half fails the run.
"""

if __name__ == "__main__":
    main()
