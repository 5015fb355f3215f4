"""Histories of one and two events, and the proof that such a search sees a broken rule."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog
from broken_rules import BREAKS, ROOT, Break, broken
from exhaust import Found, Player, Search
from exhaust_events import ALPHABET, BY_NAME
from exhaust_policies import POLICIES
from exhaust_world import SmallWorld, Start
from scenario_world import FragileStore

VARIANTS = {
    "correct anew on site",
    "correct anew in office",
    "close or reopen in office",
    "day across since in office",
    "hurt in office",
    "person anew on site",
    "person anew in office",
    "other person in office",
    "third answer",
    "approve, then since",
    "dies before a write",
    "clock ahead",
    "clock back",
    "shared or not",
    "new words",
    "put back in office",
}
"""Events that have one like them among the others, or do the same whatever came before; `make exhaust` plays them after
each event and before each."""
FEW = tuple(BY_NAME[name] for name in ("title on site", "days in office", "private or not", "undo"))


@pytest.fixture(autouse=True)
def silence() -> Iterator[None]:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.reset_defaults()


def test_every_history_of_two_events_keeps_its_promises(tmp_path: Path) -> None:
    """Slow, for it plays hundreds of histories; `make exhaust` plays longer ones, of all events, under every policy."""
    alphabet = tuple(event for event in ALPHABET if event.name not in VARIANTS)
    assert len(alphabet) == len(ALPHABET) - len(VARIANTS)
    search = Search(Start(injured=True, policies=("ask",)), tmp_path, 2, alphabet=alphabet)
    found = search.run()
    search.close()
    assert found.objections == {}
    assert found.histories[2] > 400
    never = {event.name for event in alphabet} - found.events
    assert never == {"undo"}, "to take an answer back needs a question and an answer before"


@pytest.mark.parametrize("injured", [False, True], ids=["nobody", "somebody injured"])
def test_every_history_of_one_event_keeps_its_promises(tmp_path: Path, injured: bool) -> None:
    search = Search(Start(injured=injured), tmp_path, 1)
    found = search.run()
    search.close()
    assert found.objections == {}
    assert found.histories[1] > 20


# The search itself --------------------------------------------------------------------------------------------------


@pytest.fixture
def world(tmp_path: Path) -> Iterator[SmallWorld]:
    store = FragileStore(f"sqlite:///{tmp_path}/sync.db")
    yield SmallWorld(store, Start(injured=True))
    store.close()


@pytest.fixture
def after(world: SmallWorld) -> Callable[..., str]:
    """The key of the state that these events lead to."""
    beginning = world.keep()

    def key(*names: str) -> str:
        world.resume(beginning)
        for name in names:
            BY_NAME[name].act(world)
            world.cycle()
        return world.key()

    return key


def test_equal_states_are_one_whatever_led_to_them(after: Callable[..., str]) -> None:
    assert after("close or reopen on site", "title in office") == after("title in office", "close or reopen on site")
    assert after("private or not", "private or not") == after()


def test_other_states_are_told_apart(after: Callable[..., str]) -> None:
    keys = [after(), after("title on site"), after("title in office"), after("days on site"), after("delete on site")]
    assert len(set(keys)) == len(keys)


def test_what_was_put_aside_goes_on_as_it_was(world: SmallWorld, after: Callable[..., str]) -> None:
    key, kept = after("enter anew on site"), world.keep()
    after("delete in office", "approve")
    world.resume(kept)
    assert world.key() == key


def run(folder: Path, file: str, steps: int) -> Found:
    """A search of a small alphabet that is stopped after so many states."""
    search = Search(Start(injured=True), folder, 2, file, FEW)
    for _ in zip(range(steps), search.steps(), strict=False):
        pass
    found = search.found()
    search.close()
    return found


def test_a_search_that_was_stopped_goes_on_where_it_was(tmp_path: Path) -> None:
    whole = run(tmp_path, "", 100)
    file = str(tmp_path / "met.db")
    first = run(tmp_path, file, 2)
    assert first.left > 0
    assert run(tmp_path, file, 100) == whole


# Policies -----------------------------------------------------------------------------------------------------------

ALL = frozenset(POLICIES)
ALIKE = {
    "title on site": {ALL},
    "delete on site": {frozenset({"ask", "propagate"}), frozenset({"close"}), frozenset({"ignore"})},
    "remove person in office": {frozenset({"ask", "close"}), frozenset({"propagate"}), frozenset({"ignore"})},
}
"""The policies that lead to the same after one event."""


def test_a_history_is_played_once_for_all_policies_that_lead_to_the_same(tmp_path: Path) -> None:
    player = Player(Start(injured=True), tmp_path, 1, tuple(map(BY_NAME.get, ALIKE)), lambda _: frozenset())
    outcomes = player.after(player.first)
    player.close()
    assert {name: {one.policies for one in outcomes if one.event == name} for name in ALIKE} == ALIKE
    assert len({one.key for one in outcomes}) == len(outcomes)


# A broken rule ------------------------------------------------------------------------------------------------------

NOT_A_SURVIVOR = Break(
    "who lost their partner is no candidate for what is entered anew",
    "reconcile/unlinked.py",
    "        if len(here) == 1:\n            survivors[link.ref(here[0])] = link\n    return survivors\n",
    "    return survivors\n",
)
COUNTED_TWICE = Break(
    "a person who is entered anew is a new person",
    "reconcile/children.py",
    "new[side].get(person) or old[side].get(person, [])",
    "new[side].get(person, [])",
)
OF_THE_OTHERS = ("both sides changed is taken for one side changed", "a deletion goes on without a person's word")


@pytest.mark.one_case_in(4)
@pytest.mark.parametrize(
    ("change", "words"),
    [
        (NOT_A_SURVIVOR, "a second copy"),
        (COUNTED_TWICE, "is counted twice"),
        *((one, "without a") for one in BREAKS if one.rule in OF_THE_OTHERS),
    ],
    ids=lambda one: one.rule if isinstance(one, Break) else "",
)
def test_one_event_shows_a_broken_rule(change: Break, words: str, tmp_path: Path) -> None:
    """Slow, for the broken product plays in a process of its own."""
    source = broken(change, tmp_path)
    assert change.instead in (source / "procore_4hse" / change.file).read_text(encoding="utf-8")
    told = noticed(source, tmp_path)
    assert words in told


def noticed(source: Path, folder: Path) -> str:
    """The objections of all histories of one event under `ask`."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (source, ROOT / "tests")))}
    command = [sys.executable, str(ROOT / "tests/simulation/exhaust_run.py"), "--length", "1", "--policy", "ask"]
    command += ["--people", "injured", "--processes", "1", "--state-dir", str(folder / "met")]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode in (0, 1), run.stderr
    return run.stdout
