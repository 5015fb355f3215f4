"""Every decision is kept with who made it, when and why, and what became of it is told as it was."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import text

import former_store
from actors import hire_in_office, hire_on_site, hurt_on_site, only
from procore_4hse.engine.snapshots import partners_told
from procore_4hse.errors import UsageError
from procore_4hse.operations import decisions, remembered
from procore_4hse.operations.decisions import Answer
from procore_4hse.reconcile.snapshot import Limits
from procore_4hse.simulator.faults import FaultKind
from procore_4hse.store.decisions import Decider, KeptDecision, Outcome
from procore_4hse.store.repository import Store
from world import World

pytestmark = pytest.mark.one_test_on_postgresql_in(8)

ANNA, BRUNO = Decider("anna", "cli"), Decider("bruno@builder.example", "web")


def decide(world: World, number: int, verb: str, by: Decider = ANNA, note: str = "", **options: Any) -> None:
    """The desk tells with each answer what its page showed, a command does not."""
    with world.store.read() as unit:
        seen = unit.inbox(world.route.key).find(number) if by.channel == "web" else None
    decisions.keep(world.store, (world.route,), number, Answer(verb, **options), by, seen=seen, note=note)


def kept(world: World) -> list[KeptDecision]:
    with world.store.read() as unit:
        return unit.decisions(world.route.key).all()


def outcomes(world: World) -> list[tuple[str, str]]:
    return [(one.outcome.value, one.words) for one in kept(world)]


def writes(world: World) -> dict[str, str]:
    """The journal's writes, by id: act and side."""
    with world.store.read() as unit:
        rows = unit.connection.execute(text("SELECT id, act, side FROM journal"))
        return {row.id: f"{row.act} {row.side}" for row in rows}


@pytest.fixture
def world(build: Callable[..., World]) -> World:
    """One linked pair whose title both sides changed; the cycle has asked about it."""
    world = build()
    made = world.on_site("Fall", hour=9)
    world.sync(first=True)
    world.procore.hand_edit("incident", int(made), title="Fall from a ladder")
    world.fourhse.hand_edit("incident", world.links()[0].fourhse_id, name="Fall from a scaffold")
    world.sync()
    return world


def linked(build: Callable[..., World], many: int = 3, **route: Any) -> World:
    world = build(**route)
    for number in range(many):
        world.on_site(f"Fall {number}")
    world.sync(first=True)
    return world


# Who, when and why -------------------------------------------------------------------------------------------------


def test_a_decision_is_kept_with_who_gave_it_and_the_write_that_carried_it_out(world: World) -> None:
    [entry] = world.inbox()
    at = world.clock()
    decide(world, entry.id, "resolve", BRUNO, " I asked the foreman. ", use="fourhse")
    [one] = kept(world)
    assert (one.item_id, one.key, one.who, one.channel) == (entry.id, entry.item.key, BRUNO.who, "web")
    assert (one.note, one.made_at, one.shown) == ("I asked the foreman.", at, entry.item.shown)
    assert one.choice == {"verb": "resolve", "use": "fourhse", "with_id": None, "restore": False}
    assert (one.outcome, one.ended_at) == (Outcome.WAITING, None)
    world.sync()
    [one] = kept(world)
    assert one.outcome is Outcome.CARRIED_OUT
    assert writes(world)[one.write_id or ""] == "update procore"
    assert one.ended_at is not None


def test_a_note_that_is_a_report_of_its_own_is_refused(world: World) -> None:
    with pytest.raises(UsageError, match="write it in at most 2000"):
        decide(world, world.inbox()[0].id, "resolve", note="x" * 2001, use="procore")
    assert kept(world) == []


def test_an_answer_in_place_of_another_and_one_taken_back_stay_in_the_record(world: World) -> None:
    number = world.inbox()[0].id
    decide(world, number, "resolve", use="procore")
    decide(world, number, "resolve", BRUNO, use="fourhse")
    decisions.take_back(world.store, (world.route,), number, ANNA)
    first, second = kept(world)
    assert (first.outcome, first.ended_by) == (Outcome.REPLACED, BRUNO.who)
    assert (second.outcome, second.ended_by) == (Outcome.TAKEN_BACK, "anna")
    world.sync()
    assert outcomes(world) == [("replaced", ""), ("taken_back", "")]


def test_what_moved_makes_it_void_and_what_moves_back_revives_it(world: World) -> None:
    number = world.inbox()[0].id
    decide(world, number, "resolve", use="procore")
    world.procore.hand_edit("incident", int(world.links()[0].procore_id), title="Something else")
    world.sync()
    assert outcomes(world) == [("void", "what it shows has changed since")]
    world.procore.hand_edit("incident", int(world.links()[0].procore_id), title="Fall from a ladder")
    world.sync()
    world.sync()
    assert outcomes(world) == [("carried_out", "")]


def test_a_cause_that_is_gone_first_makes_it_void(world: World) -> None:
    decide(world, world.inbox()[0].id, "resolve", use="procore")
    world.procore.hand_edit("incident", int(world.links()[0].procore_id), title="Fall from a scaffold")
    world.sync()
    assert outcomes(world) == [("void", "its cause was gone before it could be carried out")]


def test_a_write_whose_answer_was_lost_is_named_too(world: World) -> None:
    decide(world, world.inbox()[0].id, "resolve", use="procore")
    world.faults.add(FaultKind.LOST_ANSWER, method="PUT", path="/incident/update")
    world.sync()
    world.sync()
    [one] = kept(world)
    assert one.outcome is Outcome.CARRIED_OUT
    assert writes(world)[one.write_id or ""] == "update fourhse"


# Each kind of question ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verb", "restore", "write"),
    [("approve", False, "delete fourhse"), ("reject", True, "restore procore"), ("reject", False, None)],
)
def test_a_deletion(build: Callable[..., World], verb: str, restore: bool, write: str | None) -> None:
    world = linked(build)
    world.procore.hand_delete("incident", int(world.links()[0].procore_id))
    world.sync()
    decide(world, world.inbox()[0].id, verb, restore=restore)
    world.sync()
    [one] = kept(world)
    assert (one.outcome, one.words) == (Outcome.CARRIED_OUT, "")
    assert writes(world).get(one.write_id or "") == write


@pytest.mark.parametrize("same", [True, False])
def test_a_match(build: Callable[..., World], same: bool) -> None:
    world = build()
    world.on_site("Fall from a ladder")
    theirs = world.in_office("Fall from a ladder")
    world.sync(first=True)
    item = only(world, "match").id
    decide(world, item, "approve", with_id=theirs) if same else decide(world, item, "reject")
    world.sync()
    world.sync()
    assert outcomes(world) == [("carried_out", "")]
    assert len(world.office()) == (1 if same else 2)


def test_who_somebody_is_and_that_this_is_forgotten(build: Callable[..., World]) -> None:
    world = build()
    party, assignment = hire_on_site(world, "Ann Lee"), hire_in_office(world, "Bo Diaz")
    hurt_on_site(world, world.on_site(), party, days=3)
    world.sync()
    decide(world, only(world, "match").id, "approve", with_id=assignment)
    world.sync()
    assert outcomes(world) == [("carried_out", "")]
    with world.store.read() as unit:
        assert partners_told(unit.inbox(world.route.key).decisions().values()) == {}
        (one,) = remembered.remembered(unit, world.route)
    remembered.forget(world.store, world.runtime.holder, (world.route,), one.id, BRUNO)
    assert [(one.outcome, one.ended_by) for one in kept(world)] == [(Outcome.TAKEN_BACK, BRUNO.who)]


def test_a_person_who_is_never_copied_is_in_use_until_it_is_forgotten(build: Callable[..., World]) -> None:
    world = build()
    hurt_on_site(world, world.on_site(), hire_on_site(world, "Ann Lee"), days=3)
    world.sync()
    decide(world, only(world, "match").id, "reject")
    world.sync()
    assert outcomes(world) == [("in_use", "")]
    with world.store.read() as unit:
        (one,) = remembered.remembered(unit, world.route)
    remembered.forget(world.store, world.runtime.holder, (world.route,), one.id, BRUNO)
    assert [(one.outcome, one.ended_by) for one in kept(world)] == [(Outcome.TAKEN_BACK, BRUNO.who)]


def test_a_kept_survivor_that_is_forgotten(build: Callable[..., World]) -> None:
    world = linked(build)
    world.procore.hand_delete("incident", int(world.links()[0].procore_id))
    world.sync()
    decide(world, world.inbox()[0].id, "reject")
    world.sync()
    with world.store.read() as unit:
        (one,) = remembered.remembered(unit, world.route)
    remembered.forget(world.store, world.runtime.holder, (world.route,), one.id, BRUNO)
    assert [(one.outcome, one.ended_by) for one in kept(world)] == [(Outcome.TAKEN_BACK, BRUNO.who)]


def held(build: Callable[..., World]) -> World:
    world = linked(build)
    world.with_route(limits=Limits(max_creates=0))
    world.on_site("One more")
    world.sync()
    return world


def test_what_a_guard_held(build: Callable[..., World]) -> None:
    world = held(build)
    decide(world, only(world, "guard").id, "approve")
    world.sync()
    world.sync()
    assert outcomes(world) == [("carried_out", "")]
    assert len(world.office()) == 4


def test_a_guard_that_is_over_before_a_cycle_used_the_answer(build: Callable[..., World]) -> None:
    world = held(build)
    decide(world, only(world, "guard").id, "approve")
    linked_ones = {link.procore_id for link in world.links()}
    world.procore.hand_delete("incident", int(next(made for made in world.site() if made not in linked_ones)))
    world.sync()
    assert outcomes(world) == [("void", "its cause was gone before it could be carried out")]


@pytest.mark.parametrize("again", [True, False])
def test_a_refused_call_that_is_tried_again(build: Callable[..., World], again: bool) -> None:
    world = build()
    world.faults.add(
        FaultKind.ERROR_BEFORE, method="POST", path="/incident/create", status=422, times=2 if again else 1
    )
    world.on_site("Fall")
    world.sync(first=True)
    decide(world, only(world, "refused").id, "retry")
    world.sync()
    [one] = kept(world)
    assert (one.outcome, one.words) == (Outcome.CARRIED_OUT, "it was tried, and refused again" if again else "")
    assert (one.write_id is None) == again


# A store from before -----------------------------------------------------------------------------------------------


def test_answers_of_an_earlier_version_are_known_without_who_gave_them(
    build: Callable[..., World], store_url: str
) -> None:
    world = build()
    former_store.let_happen(world)
    former_store.restore(store_url)
    world.store.upgrade()
    rows = former_store.read("store.json")["inbox"]
    answered = [row["id"] for row in rows if row["state"] == "answered"]
    everywhere = {row["route"] for row in rows}
    with world.store.read() as unit:
        found = [one for key in everywhere for one in unit.decisions(key).all()]
    waiting = sorted(one.item_id for one in found if one.outcome is Outcome.WAITING)
    assert (waiting, {one.who for one in found}) == (sorted(answered), {""})
    assert all(one.outcome in (Outcome.WAITING, Outcome.UNKNOWN) for one in found)


# Two people at the same time -------------------------------------------------------------------------------------


def test_of_two_who_answer_at_the_same_time_one_is_told_who_was_first(world: World) -> None:
    """Each through a connection of their own, both having seen the open question."""
    (asked,) = world.inbox()
    ready = Barrier(2)

    def answer(by: Decider, use: str) -> str:
        own = Store(world.store.url.render_as_string(hide_password=False), clock=world.clock)
        with closing(own):
            ready.wait(timeout=20)
            try:
                decisions.keep(own, (world.route,), asked.id, Answer("resolve", use=use), by, seen=asked)
            except UsageError as error:
                return str(error)
            return ""

    with ThreadPoolExecutor(2) as pool:
        told = [*pool.map(answer, (ANNA, BRUNO), ("procore", "4hse"))]
    (first,) = kept(world)
    assert sorted(map(bool, told)) == [False, True]
    assert f"Question {asked.id} was answered first by {first.who}, 2026-03-02" in max(told)


def test_an_answer_of_somebody_else_stands_until_it_is_seen_or_taken_back(world: World) -> None:
    (asked,) = world.inbox()
    decide(world, asked.id, "resolve", ANNA, use="procore")
    decide(world, asked.id, "resolve", ANNA, use="4hse")
    with pytest.raises(UsageError, match="answered first by anna"):
        decide(world, asked.id, "resolve", Decider("carla", "cli"), use="procore")
    decide(world, asked.id, "resolve", BRUNO, use="procore")
    decisions.take_back(world.store, (world.route,), asked.id, BRUNO)
    decide(world, asked.id, "resolve", ANNA, use="4hse")
    assert outcomes(world)[-1] == ("waiting", "")
