"""What moved after it was opened or answered: in two browsers and on the command line at once."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from desk_reader import Reader, started
from provoked import conflict

from actors import only
from desk_stand import Served
from procore_4hse.store.decisions import IN_FORCE, KeptDecision
from world import COMPANY, MAPPING, OFFICE, PROJECT, TENANT, World

Open = Callable[..., Served]
CONFIGURATION = """
[procore]
company_id = {company}
client_id = "procore-client"
client_secret = "procore-secret"
[fourhse]
client_id = "4hse-client"
username = "sync@example.com"
password = "4hse-password"
[store]
url = "{store}"
[[routes]]
name = "riverside"
procore_project = {project}
fourhse_project = "{tenant}"
fourhse_office = "{office}"
mapping = "{mapping}"
since = "2015-01-01"
"""


@pytest.fixture(scope="module")
def second() -> Iterator[Reader]:
    with started() as reader:
        yield reader


@pytest.fixture
def other(second: Reader) -> Reader:
    """A second person's browser, with nothing of the first one's in it."""
    second.driver.delete_all_cookies()
    return second


@pytest.fixture
def command(world: World, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """The real command, as a process on the same store."""
    file = tmp_path / "sync.toml"
    told = {"company": COMPANY, "project": PROJECT, "tenant": TENANT, "office": OFFICE, "mapping": MAPPING}
    file.write_text(CONFIGURATION.format(store=world.store.url, **told))
    file.chmod(0o600)

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        whole = [sys.executable, "-m", "procore_4hse", "--config", str(file), *words]
        return subprocess.run(whole, capture_output=True, text=True, check=False, timeout=60)

    return run


def kept(world: World) -> list[KeptDecision]:
    with world.store.read() as unit:
        return list(unit.decisions(world.route.key).all())


def move(world: World, pair: tuple[str, str]) -> None:
    world.procore.hand_edit("incident", int(pair[0]), title="Fall from the crane")
    world.sync()


def all_choose_4hse(world: World, reader: Reader, other: Reader, opened: Open) -> str:
    """Two people see the conflict and press nothing yet; what was shown to them."""
    seen = only(world, "conflict").item.shown
    other.sign_in(opened(world))
    for each in (reader, other):
        each.open("/inbox/1")
        each.choose("4HSE is right")
    return seen


def test_on_what_moved_since_it_was_opened_nobody_decides(
    world: World, reader: Reader, other: Reader, opened: Open, command: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    pair = conflict(world)
    seen = all_choose_4hse(world, reader, other, opened)
    move(world, pair)
    for each in (reader, other):
        each.press("Answer")
        assert "The question has changed" in each.text
        assert "was not kept" in each.text
    refused = command("inbox", "resolve", "1", "--use", "4hse", "--shown", seen)
    assert (refused.returncode, "no longer shows" in refused.stdout + refused.stderr) == (2, True)
    assert kept(world) == []
    reader.press("Back to the question")
    assert "Fall from the crane" in reader.text
    reader.decide("Procore is right")
    world.sync()
    assert world.office()[pair[1]]["name"] == "Fall from the crane"


def test_an_answer_is_void_when_what_it_was_about_moves_and_both_doors_say_what(
    world: World, reader: Reader, opened: Open, command: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    pair = conflict(world)
    opened(world)
    reader.open("/inbox/1")
    reader.decide("4HSE is right")
    move(world, pair)
    assert world.site()[pair[0]]["title"] == "Fall from the crane", "nothing was carried out"
    reader.open("/inbox/1")
    told = command("inbox", "show", "1").stdout
    for door in (reader.text, " ".join(told.split())):
        assert "It is asked again, for Procore showed “Fall from a ladder” when it was answered." in door
        assert "Fall from the crane" in door
    assert "Does not count" in reader.text


def test_of_three_who_decide_at_once_one_is_accepted_and_kept(
    world: World, reader: Reader, other: Reader, opened: Open, command: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    pair = conflict(world)
    seen = all_choose_4hse(world, reader, other, opened)
    with ThreadPoolExecutor(3) as pool:
        pages = [pool.submit(each.press, "Answer") for each in (reader, other)]
        line = pool.submit(command, "inbox", "resolve", "1", "--use", "4hse", "--shown", seen)
        for page in pages:
            page.result()
        code = line.result().returncode
    accepted = sum("Answered" in each.text for each in (reader, other)) + (code == 0)
    assert accepted == len(kept(world)) == 1
    assert [one.outcome.value in IN_FORCE for one in kept(world)] == [True]
    world.sync()
    assert world.site()[pair[0]]["title"] == "Fall from the ladder at gate 4"
