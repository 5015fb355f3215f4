"""What need not be compared is not, and no cycle decides otherwise for that."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date

import pytest
from sqlalchemy import select, update

from actors import correct_in_office, hire, hire_in_office, hurt_on_site, partner
from procore_4hse.engine import unchanged
from procore_4hse.engine.pull import Puller
from procore_4hse.engine.unchanged import Comparison
from procore_4hse.models import Kind, RecordRef, Side
from procore_4hse.reconcile.snapshot import Limits, Policy
from procore_4hse.store.links import Links
from procore_4hse.store.tables import LINKS
from unchanged_check import compare_all_too
from world import Scene, World

pytestmark = pytest.mark.any_store
FIVE = 5


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many linked incidents each cycle compared; each is held to what it would have decided with all of them."""
    counts: list[int] = []
    compare_all_too(monkeypatch)
    see = Comparison.snapshot

    def counted(self: Comparison) -> object:
        seen = see(self)
        counts.append(len(seen.links))
        return seen

    monkeypatch.setattr(Comparison, "snapshot", counted)
    return counts


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """Five linked incidents, each with a person, of which there is nothing to do."""
    world = World.build(f"sqlite:///{tmp_path_factory.mktemp('settled')}/sync.db")
    for number in range(FIVE):
        party, _ = hire(world, f"Ann Lee{number}", f"E{number}")
        hurt_on_site(world, world.on_site(f"Fall {number}", date(2026, 2, 1 + number), hour=7), party)
    for _ in range(4):
        assert world.sync(first=True).outcome == "ok"
    return Scene.of(world)


@pytest.fixture
def settled(build: Callable[..., World], scene: Scene) -> World:
    return scene.begin(build())


def _ids(world: World) -> list[RecordRef]:
    return [link.ref(Side.PROCORE) for link in world.links() if link.kind == "incident"]


# Moves, each with how many incidents the cycle after it compares -----------------------------------------------


def retitle_on_site(world: World) -> None:
    world.procore.hand_edit("incident", int(_ids(world)[0].id), title="A fall from a ladder")


def retitle_on_both(world: World) -> None:
    retitle_on_site(world)
    world.fourhse.hand_edit("incident", partner(world, _ids(world)[0].id), name="A fall from a roof")


def hurt_another(world: World) -> None:
    party, _ = hire(world, "Bo Ray", "E77")
    hurt_on_site(world, _ids(world)[1].id, party)


def hurt_a_stranger(world: World) -> None:
    """Nobody in 4HSE is like them: a question that stands, and asks anew in each cycle."""
    stranger = world.procore.add_person(1363617, "Cy", "Doe", employee_id="E88")
    hurt_on_site(world, _ids(world)[1].id, stranger)


def days_in_office(world: World) -> None:
    persons = world.office()[partner(world, _ids(world)[2].id)]["persons"]
    world.fourhse.hand_edit("incident-person", persons[0]["office_incident_person_id"], days=9)


def days_on_site(world: World) -> None:
    """Of an injury, which leaves no trace in its incident."""
    (link,) = [each for each in world.links() if each.parent == _ids(world)[2].id]
    world.procore.hand_edit("injury", int(link.procore_id), work_days_absent=9)


def delete_on_site(world: World) -> None:
    world.procore.hand_delete("incident", int(_ids(world)[3].id))


def one_more(world: World) -> None:
    world.on_site("Cut", date(2026, 2, 20), hour=9)


def one_in_office(world: World) -> None:
    world.in_office("Burn", date(2026, 2, 21))


def somebody_else_of_that_number(world: World) -> None:
    """The list of people alone: everybody who is named may mean somebody else by now."""
    hire_in_office(world, "Dee Poe", code="E0")


def told_apart_in_office(world: World) -> None:
    _, assignment = next(iter(world.links())), world.office()[partner(world, _ids(world)[0].id)]["persons"][0]
    correct_in_office(world, assignment["person_office_id"], code="E999")


def private(world: World) -> None:
    world.procore.hand_edit("incident", int(_ids(world)[1].id), private=True)


def policy(world: World) -> None:
    world.with_route(deletions=Policy.CLOSE)


def limits(world: World) -> None:
    world.with_route(limits=Limits(max_creates=7))


def since(world: World) -> None:
    world.with_route(since=date(2026, 2, 3))


def take_apart(world: World) -> None:
    with world.store.begin() as unit:
        unit.links(world.route.key).remove(_ids(world)[4].id)
        unit.connection.commit()


def new_agreement(world: World) -> None:
    """What both sides agreed on, taken away as on somebody's request: no record moves."""
    with world.store.begin() as unit:
        link = unit.links(world.route.key).find(_ids(world)[0])
        unit.links(world.route.key).rebase(_ids(world)[0], link.base)
        unit.connection.commit()


def new_agreement_about_a_person(world: World) -> None:
    with world.store.begin() as unit:
        links: Links = unit.links(world.route.key)
        (link,) = [each for each in links.all() if each.parent == _ids(world)[0].id]
        links.rebase(link.ref(Side.PROCORE), link.base)
        unit.connection.commit()


def linked_once_more(world: World) -> None:
    """The same two, of which one has been private since it was made."""
    with world.store.begin() as unit:
        link = unit.links(world.route.key).find(_ids(world)[0])
        unit.links(world.route.key).add(link.procore_id, link.fourhse_id, born_private=True)
        unit.connection.commit()


def refused_call(world: World) -> None:
    with world.store.begin() as unit:
        unit.journal(world.route.key).refuse("refused:update:fourhse:incident:none:title", Side.FOURHSE, "no", "x")
        unit.connection.commit()


MOVES = {
    retitle_on_site: 1,
    retitle_on_both: 1,
    hurt_another: FIVE,  # The lists of people have somebody new.
    hurt_a_stranger: FIVE,
    days_in_office: 1,
    days_on_site: 1,
    delete_on_site: 1,
    one_more: 0,
    one_in_office: 0,
    somebody_else_of_that_number: 0,  # Nobody reads the lists before a record moves, or they are six hours old.
    told_apart_in_office: FIVE,
    private: 1,
    policy: FIVE,
    limits: FIVE,
    since: FIVE,
    take_apart: FIVE - 1,
    new_agreement: 1,
    new_agreement_about_a_person: 1,
    linked_once_more: 1,
    refused_call: FIVE,
}


@pytest.mark.one_case_in(4)
@pytest.mark.parametrize("move", MOVES, ids=lambda move: move.__name__)
def test_what_moved_is_compared_and_the_plan_is_that_of_all(
    move: Callable[[World], None], settled: World, compared: list[int]
) -> None:
    settled.sync()
    assert compared == [0]
    move(settled)
    settled.sync()
    assert compared == [0, MOVES[move]]
    for entry in settled.inbox():
        settled.answer(entry.id, "approve", use="procore")
    for pause in (0, 7, 0):
        settled.clock.advance(hours=pause)
        settled.sync()


def test_all_are_compared_when_asked_for_and_once_in_a_sweep(settled: World, compared: list[int]) -> None:
    """So a mistake about what moved lasts no longer than `schedule.full_sweep_every`."""
    settled.sync()
    settled.sync(dry=True)
    settled.sync(full=True)
    settled.sync()
    settled.clock.advance(hours=24)
    settled.sync()
    settled.sync()
    assert compared == [0, FIVE, FIVE, 0, FIVE, 0]


def test_what_no_fingerprint_tells_is_found_by_the_sweep(settled: World, compared: list[int]) -> None:
    """As if a statement had forgotten to take the fingerprint away: what both agreed on is another title."""
    link = settled.links()[0]
    base = {key: each for key, each in link.base.items() if key != "title"}
    with settled.store.begin() as unit:
        unit.links(settled.route.key).rebase(link.ref(Side.PROCORE), base)
        kept = {**unit.connection.execute(select(LINKS.c.base).where(LINKS.c.id == link.id)).scalar_one()}
        unit.connection.execute(update(LINKS).where(LINKS.c.id == link.id).values(base={**kept, "title": OTHER}))
        unit.connection.commit()
    settled.sync(full=True)
    assert compared[-1] == FIVE
    assert settled.links()[0].base["title"].procore == {"title": link.base["title"].procore["title"]}


OTHER = {"procore": {"title": "Another"}, "fourhse": {"name": "Another", "description_event": ""}, "settled": False}


def test_marks_of_new_settings_count_only_once_all_are_written(
    settled: World, compared: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that dies between them and goes back to its former settings compares everything."""
    settled.sync()
    former = settled.route.deletions
    settled.procore.hand_edit("incident", int(_ids(settled)[0].id), title="A fall from a ladder")
    with monkeypatch.context() as patch:
        patch.setattr(Links, "settle", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        policy(settled)
        with pytest.raises(KeyboardInterrupt):
            settled.sync()
    settled.with_route(deletions=former)
    for _ in range(4):
        settled.sync()
    assert compared == [0, FIVE, FIVE, 1, 1, 0]


def test_an_idle_cycle_writes_nothing_about_what_did_not_move(settled: World, compared: list[int]) -> None:
    settled.sync()
    with settled.store.read() as unit:
        before = unit.connection.execute(select(LINKS)).all()
    settled.sync()
    with settled.store.read() as unit:
        assert unit.connection.execute(select(LINKS)).all() == before
    assert compared == [0, 0]


def test_an_answer_about_somebody_that_lasts_lets_others_be_left_out(settled: World, compared: list[int]) -> None:
    hurt_a_stranger(settled)
    settled.sync()
    (entry,) = settled.inbox()
    settled.answer(entry.id, "reject")
    for _ in range(3):
        settled.sync()
    assert settled.inbox() == []
    assert compared[-1] == 0


def test_all_are_compared_where_a_decision_looks_further(
    settled: World, compared: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    settled.sync()
    with monkeypatch.context() as patch:
        patch.setattr(unchanged, "_looks_further", lambda _: True)
        settled.sync()
    settled.sync()
    assert compared == [0, FIVE, 0]


def test_all_are_compared_once_a_tied_list_is_read_whole_again(
    settled: World, compared: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What stood in a list that was read in part told nothing, and may tell something now."""
    settled.sync()
    run = Puller.run
    whole = frozenset({Kind.INCIDENT_ACTION})
    for tied in (whole, frozenset(), whole, whole):
        monkeypatch.setattr(Puller, "run", lambda self, tied=tied: replace(run(self), tied_certified=tied))
        settled.sync()
    assert compared == [0, FIVE, FIVE, FIVE, 0]
