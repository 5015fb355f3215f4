"""Answers that were given to something else than what a cycle then finds, in whole cycles on both databases."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

import actors as crew
from actors import hire, hire_in_office, hurt_in_office, hurt_on_site, only, waiting, wrote
from procore_4hse.models import Kind
from procore_4hse.simulator.wire import Request
from world import OFFICE, PROJECT, TENANT, World

pytestmark = pytest.mark.any_store  # What is asked is decided above the store.

AGAIN = "It is asked again, for since it was answered "
ANNEX = "5b7f5a5e-1d39-4a7c-8f43-7b1d6f3a9e03"
WHERE = f"It is in another office of 4HSE now: {ANNEX}."


@pytest.fixture
def world(build: Callable[..., World], store_url: str) -> World:
    """Three incidents that both sides hold, at rest."""
    made = build(store_url)
    for number in range(3):
        made.on_site(f"Fall {number}", date(2026, 2, 1 + 5 * number))
    made.sync(first=True)
    assert crew.is_quiet(made)
    return made


def pair(world: World) -> tuple[str, str]:
    link = min(world.links(), key=lambda link: link.id)
    return link.procore_id, link.fourhse_id


def asked_again(world: World, item_id: int, why: str) -> Any:
    """The one question, in the same item, after a cycle that wrote nothing; it stays as it is."""
    for _ in range(2):
        assert wrote(world.sync()) == crew.NOTHING
        [entry] = world.inbox()
        assert (entry.id, entry.item.reason.endswith(f"{AGAIN}{why}.")) == (item_id, True), entry.item.reason
    return entry


# Deletions ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["approve", "reject"])
def test_somebody_hurt_in_procore_after_the_answer_is_not_lost_with_the_incident(world: World, verb: str) -> None:
    ours, theirs = pair(world)
    party, _ = hire(world)
    world.fourhse.hand_delete("incident", theirs)
    world.sync()
    entry = only(world, "deletion")
    world.answer(entry.id, verb)
    hurt_on_site(world, ours, party, days=None, kind="near_miss")
    again = asked_again(world, entry.id, "the record of a person in Procore came up")
    assert ours in world.site()
    world.answer(again.id, "approve")
    assert world.sync().written["procore"]["deleted"] == 1


def test_more_days_in_4hse_after_the_answer_are_asked_about(world: World) -> None:
    ours, theirs = pair(world)
    person = hurt_in_office(world, theirs, hire_in_office(world), days=3)
    world.sync()
    world.procore.hand_delete("incident", int(ours))
    world.sync()
    entry = only(world, "deletion")
    assert "1 involved person (3 days)" in entry.item.reason
    world.answer(entry.id, "approve")
    world.fourhse.hand_edit("incident-person", person, days=60)
    again = asked_again(world, entry.id, "the record of a person in 4HSE was edited")
    assert "1 involved person (60 days)" in again.item.reason
    world.answer(again.id, "approve")
    assert world.sync().written["fourhse"]["deleted"] == 1


def test_days_that_change_while_the_delete_is_under_way_keep_the_incident(world: World) -> None:
    """4HSE's first answer shows what hangs on it: it is read again, and it is not what the approval was about."""
    ours, theirs = pair(world)
    person = hurt_in_office(world, theirs, hire_in_office(world), days=3)
    world.sync()
    world.procore.hand_delete("incident", int(ours))
    world.sync()
    world.answer(only(world, "deletion").id, "approve")
    waits = [person]

    def meets(request: Request) -> None:
        if request.method == "DELETE" and waits:
            world.fourhse.hand_edit("incident-person", waits.pop(), days=60)

    world.faults.on_request.append(meets)
    assert wrote(world.sync()) == crew.NOTHING
    assert "1 involved person (60 days)" in only(world, "deletion").item.reason
    assert wrote(world.sync()) == crew.NOTHING
    world.answer(only(world, "deletion").id, "approve")
    assert world.sync().written["fourhse"]["deleted"] == 1


@pytest.mark.parametrize("answered", [False, True])
def test_where_a_survivor_moved_is_told_for_as_long_as_it_is_there(world: World, answered: bool) -> None:
    ours, theirs = pair(world)
    world.fourhse.add_office(TENANT, ANNEX, "Annex")
    world.procore.hand_delete("incident", int(ours))
    world.sync()
    entry = only(world, "deletion")
    if answered:
        world.answer(entry.id, "approve")
    world.fourhse.hand_edit("incident", theirs, subtenant_id=ANNEX)
    for _ in range(3):
        assert wrote(world.sync()) == crew.NOTHING
        [again] = world.inbox()
        assert (again.id, again.item.kind.value, WHERE in again.item.reason) == (entry.id, "deletion", True)
    world.answer(again.id, "approve")
    assert wrote(world.sync()) == crew.NOTHING
    assert world.fourhse.look("incident", theirs)["subtenant_id"] == ANNEX
    assert (world.inbox(), crew.is_quiet(world)) == ([], True)


def test_one_that_moved_back_is_asked_about_as_before(world: World) -> None:
    ours, theirs = pair(world)
    world.fourhse.add_office(TENANT, ANNEX, "Annex")
    world.procore.hand_delete("incident", int(ours))
    world.fourhse.hand_edit("incident", theirs, subtenant_id=ANNEX)
    world.sync()
    world.fourhse.hand_edit("incident", theirs, subtenant_id=OFFICE)
    world.sync()
    entry = only(world, "deletion")
    assert WHERE not in entry.item.reason
    world.answer(entry.id, "approve")
    assert world.sync().written["fourhse"]["deleted"] == 1


def test_one_that_moved_while_its_partner_lives_is_missing_with_its_place(world: World) -> None:
    _, theirs = pair(world)
    world.fourhse.add_office(TENANT, ANNEX, "Annex")
    world.fourhse.hand_edit("incident", theirs, subtenant_id=ANNEX)
    for _ in range(2):
        assert wrote(world.sync()) == crew.NOTHING
        assert WHERE in only(world, "missing").item.reason


def test_a_survivor_that_is_missing_without_proof_has_a_question(world: World) -> None:
    ours, theirs = pair(world)
    world.fourhse.hand_delete("incident", theirs)
    world.sync()
    world.procore.forbid("recycle_bin")
    world.procore.hand_delete("incident", int(ours))
    for _ in range(2):
        assert wrote(world.sync()) == crew.NOTHING
        entry = only(world, "missing")
    world.answer(entry.id, "approve")
    world.sync()
    [state] = [link.state.value for link in world.links() if link.procore_id == ours]
    assert (state, world.inbox()) == ("ended", [])


# Missing -----------------------------------------------------------------------------------------------------------


def test_an_edit_voids_the_word_that_a_missing_one_was_deleted(world: World) -> None:
    ours, theirs = pair(world)
    world.procore.forbid("recycle_bin")
    world.procore.hand_delete("incident", int(ours))
    world.sync()
    entry = only(world, "missing")
    world.answer(entry.id, "approve")
    world.fourhse.hand_edit("incident", theirs, description_event="He broke an arm.")
    again = asked_again(world, entry.id, f"4HSE {theirs} was edited")
    world.answer(again.id, "approve")
    world.sync()
    assert [one.item.kind.value for one in world.inbox()] == ["conflict"]


# Matches -----------------------------------------------------------------------------------------------------------


def alike(world: World) -> tuple[str, str, Any]:
    """Two that may be one: their ids, and the question."""
    ours = world.on_site("Cut hand", date(2026, 2, 20))
    theirs = world.in_office("Cut hand", date(2026, 2, 21))
    world.sync()
    return ours, theirs, only(world, "match")


@pytest.mark.parametrize("verb", ["approve", "reject"])
@pytest.mark.parametrize("who", ["procore", "fourhse"])
def test_an_edit_of_either_voids_the_answer_and_nothing_is_doubled(world: World, verb: str, who: str) -> None:
    ours, theirs, entry = alike(world)
    world.answer(entry.id, verb, **({"with_id": theirs} if verb == "approve" else {}))
    if who == "procore":
        world.procore.hand_edit("incident", int(ours), title="Quite another", description="Rain came in.")
        again = asked_again(world, entry.id, f"Procore {ours} was edited")
    else:
        world.fourhse.hand_edit("incident", theirs, name="Quite another", description_event="Rain came in.")
        again = asked_again(world, entry.id, f"4HSE {theirs} was edited")
    assert (len(world.site()), len(world.office())) == (4, 4)
    world.answer(again.id, "approve", with_id=theirs)
    world.sync()
    assert (ours, theirs) in [(link.procore_id, link.fourhse_id) for link in world.links()]


def test_a_new_candidate_voids_the_answer(world: World) -> None:
    ours, theirs, entry = alike(world)
    world.answer(entry.id, "approve", with_id=theirs)
    other = world.in_office("Cut hand", date(2026, 2, 19))
    again = asked_again(world, entry.id, f"4HSE {other} came up")
    assert again.item.facts["candidates"] == sorted((theirs, other))
    world.answer(again.id, "approve", with_id=other)
    world.sync()
    assert (ours, other) in [(link.procore_id, link.fourhse_id) for link in world.links()]


# People ------------------------------------------------------------------------------------------------------------


def test_a_partner_is_asked_for_again_when_somebody_else_who_may_be_meant_came_up(world: World) -> None:
    ours, _ = pair(world)
    party = world.procore.add_person(PROJECT, "Ann", "Lee")
    assignment = world.fourhse.add_person(TENANT, OFFICE, "Bo", "Diaz")
    hurt_on_site(world, ours, party, days=3)
    world.sync()
    entry = only(world, "match")
    world.answer(entry.id, "approve", with_id=assignment)
    world.fourhse.add_person(TENANT, OFFICE, "Ann", "Leigh")
    world.clock.advance(days=1)
    assert wrote(world.sync())["created"] == 0
    [again] = waiting(world, "match")
    assert (again.id, again.item.reason.endswith(f"{AGAIN}what it shows has changed.")) == (entry.id, True)
    world.answer(again.id, "approve", with_id=assignment)
    assert wrote(world.sync())["created"] == 1
    assert [link.kind for link in world.links() if link.kind is not Kind.INCIDENT] == [Kind.INJURY]
