"""`procore-4hse demo`: what it shows, that it checks what it says, and that it leaves nothing behind."""

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any

import httpx
import pytest
from processes import BARE

from desk_stand import Browser
from procore_4hse.cli.context import CliContext
from procore_4hse.cli.demo import keep_desk_open
from procore_4hse.demo import INCIDENTS, NotHeld, Stage, happenings, open_stage
from procore_4hse.models import ItemKind
from procore_4hse.simulator.procore import SimulatedProcore

HEADS = (
    "Two registers of one building site",
    "1. The first meeting",
    "2. The first sync",
    "3. People work, on both sides",
    "4. The second sync",
    "5. The third sync",
    "What waits for a person, and why",
    "Where to look next",
)


@dataclass(frozen=True)
class Shown:
    code: int
    out: str
    err: str
    left: list[str]


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Shown:
    """One run of the command, with a bare environment, in an empty folder. Slow, for it is the whole demo."""
    here, temporary = tmp_path_factory.mktemp("here"), tmp_path_factory.mktemp("temporary")
    done = subprocess.run(
        [Path(sys.executable).parent / "procore-4hse", "demo"],
        cwd=here, env={**BARE, "TMPDIR": str(temporary)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    left = [str(path) for folder in (here, temporary) for path in folder.iterdir()]
    return Shown(done.returncode, done.stdout, done.stderr, left)


def test_it_tells_the_whole_story_and_every_promise_held(shown: Shown) -> None:
    assert (shown.code, shown.err) == (0, "")
    statuses = [shown.out.index(head) for head in HEADS]
    assert statuses == sorted(statuses)
    assert shown.out.count("✓") == 15
    assert "Everything told above was checked and held." in shown.out


def test_it_fits_a_terminal_of_eighty_columns(shown: Shown) -> None:
    assert max(len(line) for line in shown.out.splitlines()) <= 80


def test_it_shows_no_long_ids_no_json_and_no_log_lines(shown: Shown) -> None:
    assert not re.search(r"[0-9a-f]{8}-[0-9a-f]{4}|\d{9}|[{}]", shown.out)


def test_it_leaves_nothing_behind(shown: Shown) -> None:
    assert shown.left == []


def test_the_incidents_are_told_apart_by_title_and_day() -> None:
    seen = {(each.title, each.day) for each in happenings()}
    assert len(seen) == len(happenings()) >= INCIDENTS + 3


# What it checks --------------------------------------------------------------------------------------------------


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with open_stage(tmp_path, incidents=70) as made:
        yield made


def met(stage: Stage) -> Stage:
    stage.approve(stage.meet().items[0].id)
    return stage


EDITS: dict[str, Callable[[SimulatedProcore, dict[str, Any]], None]] = {
    "title": lambda procore, row: procore.hand_edit("incident", row["id"], title="Another"),
    "description": lambda procore, row: procore.hand_edit("incident", row["id"], description="Another"),
    "day": lambda procore, row: procore.hand_edit("incident", row["id"], event_date="2015-01-01T18:00:00Z"),
    "status": lambda procore, row: procore.hand_edit("incident", row["id"], status="closed"),
}


def test_it_finds_every_kind_of_difference_without_the_engine(stage: Stage) -> None:
    met(stage).join()
    assert stage.differences() == []
    open_ones = [row for row in stage.sites().values() if row["status"] == "open" and not row["private"]]
    for row, edit in zip(open_ones[10:], EDITS.values(), strict=False):
        edit(stage.procore, row)
    assert len(stage.differences()) == len(EDITS)


def test_a_promise_that_is_broken_ends_it(stage: Stage) -> None:
    met(stage).join()
    stage.work()
    with pytest.raises(NotHeld, match="wrote nothing") as ended:
        stage.rest()
    assert ended.value.exit_code == 4


def test_a_first_meeting_that_nobody_approved_writes_nothing(stage: Stage) -> None:
    before = stage.sites(), stage.offices()
    stage.meet()
    with pytest.raises(NotHeld, match="could cross has crossed"):
        stage.join()
    assert (stage.sites(), stage.offices()) == before


def test_what_waits_at_the_end_is_what_a_person_must_decide(stage: Stage) -> None:
    met(stage).join()
    stage.work()
    stage.catch_up()
    kinds = sorted(entry.item.kind for entry in stage.rest().items)
    assert kinds == [ItemKind.CONFLICT, ItemKind.DELETION, ItemKind.MATCH, ItemKind.MATCH]


def test_the_settings_that_it_writes_are_for_its_owner_alone(stage: Stage, tmp_path: Path) -> None:
    assert {oct(path.stat().st_mode & 0o777) for path in tmp_path.iterdir()} == {"0o600"}
    assert (tmp_path / "sync.toml").exists()


# The desk at its end ---------------------------------------------------------------------------------------------


class Turns(Event):
    """Ends the demo after what somebody does at each of its looks."""

    def __init__(self, *acts: Callable[[], object]) -> None:
        super().__init__()
        self.acts = [*acts]

    def wait(self, timeout: float | None = None) -> bool:
        if not self.acts:
            return True
        self.acts.pop(0)()
        return False


def test_on_a_terminal_the_questions_of_the_demo_are_answered_in_the_browser_and_carried_out(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    met(stage).join()
    stage.work()
    stage.catch_up()
    (conflict,) = (entry for entry in stage.inbox() if entry.item.kind is ItemKind.CONFLICT)

    def answer() -> None:
        (link,) = re.findall(r"^http://127\.0\.0\.1:\d+/enter/\S+$", capsys.readouterr().out, re.MULTILINE)
        origin = link.partition("/enter/")[0]
        with httpx.Client() as http:
            browser = Browser(origin, origin, http)
            assert http.get(link).status_code == 303
            assert browser.post("/enter").status_code == 303
            assert browser.answer(conflict.id, "procore").status_code == 303

    keep_desk_open(CliContext(), stage, Turns(answer, lambda: None))
    assert "A cycle carried your answer out: 1 write; 3 questions wait." in capsys.readouterr().out
    assert conflict.id not in [entry.id for entry in stage.inbox()]
