"""Every kind of question in a real browser: seen, decided, taken back, decided again, and carried out by a cycle."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from desk_reader import PHONE, Reader
from provoked import KINDS, Provoked, conflict, word

from actors import only, partner
from desk_stand import Served
from world import World

Open = Callable[..., Served]


def state(world: World, number: int) -> str:
    with world.store.read() as unit:
        entry = unit.inbox(world.route.key).find(number)
    assert entry is not None
    return entry.state


def by_keyboard_without_scripts(reader: Reader) -> None:
    reader.by_keyboard = True
    reader.scripts(on=False)


def on_a_phone(reader: Reader) -> None:
    reader.screen(PHONE)


@pytest.mark.parametrize("manner", [by_keyboard_without_scripts, on_a_phone])
@pytest.mark.parametrize("kind", KINDS)
def test_seen_decided_taken_back_decided_again_and_carried_out(
    world: World, reader: Reader, opened: Open, kind: str, manner: Callable[[Reader], None]
) -> None:
    asked: Provoked = KINDS[kind]
    known = asked.provoke(world)
    number = only(world, kind).id
    opened(world)
    manner(reader)
    reader.press("Inbox")
    assert asked.heading in reader.text
    reader.press(asked.title or f"Question {number}")
    assert reader.path == f"/inbox/{number}"
    reader.decide(asked.first)
    assert state(world, number) == "answered"
    reader.press("Take the answer back")
    assert state(world, number) == "open"
    reader.decide(asked.second, note="I asked the foreman.")
    assert "I asked the foreman." in reader.text
    world.sync()
    assert asked.is_done(world, known)
    world.sync()  # Sees that it is done.
    reader.open(f"/inbox/{number}")
    assert "closed" in reader.text
    assert "Carried out" in reader.text


def test_an_unknown_word_is_seen_and_closes_by_itself(world: World, reader: Reader, opened: Open) -> None:
    record = word(world)
    number = only(world, "word").id
    opened(world)
    reader.open("/inbox")
    assert "Unknown word" in reader.text
    reader.press("Sting on the beach")
    assert "Jellyfish" in reader.text
    world.procore.hand_edit("injury", record, affliction_type_id=None)
    world.sync()
    reader.open(f"/inbox/{number}")
    assert "closed" in reader.text


def test_a_write_is_taken_back_from_its_page_and_the_story_tells_of_it(
    world: World, reader: Reader, opened: Open
) -> None:
    site = world.on_site("Fall")
    world.sync(first=True)
    world.procore.hand_edit("incident", int(site), title="Slip")
    world.sync()
    opened(world)
    by_keyboard_without_scripts(reader)
    reader.press("Incidents")
    reader.write("Title, number, day", "Slip")
    reader.press("Find")
    reader.press("Slip")
    reader.press("Take this back: Title")
    assert "What stood there before Fall" in reader.text
    reader.write("Note", "The wrong incident.")
    reader.press("Put the old value back")
    assert "The wrong incident." in reader.text
    world.sync()
    world.sync()
    assert (world.site()[site]["title"], world.office()[partner(world, site)]["name"]) == ("Fall", "Fall")
    reader.open(f"/incidents/{site}")
    assert "taken back" in reader.text


def test_a_question_is_put_off_until_a_day(world: World, reader: Reader, opened: Open) -> None:
    conflict(world)
    opened(world)
    reader.open("/inbox/1")
    reader.unfold()
    reader.write("Show it again on", "03092026")
    reader.press("Put it off")
    assert "put off until 2026-03-09" in reader.text
    assert [entry.snoozed_until is not None for entry in world.inbox()] == [True]
