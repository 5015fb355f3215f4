"""Writes whose answer was lost: found by looking, done once, and never against a person's edit."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from procore_4hse.apis import RecordAnswer
from procore_4hse.clients import ProcoreApi
from procore_4hse.mapping.loader import load
from procore_4hse.mapping.rules import FieldMapping
from procore_4hse.models import Act, Kind, LinkState, RecordRef, Side
from procore_4hse.push.pusher import Pusher
from procore_4hse.reconcile.snapshot import Policy
from procore_4hse.simulator.faults import FaultKind
from procore_4hse.simulator.fourhse_dials import FourHseDials
from procore_4hse.simulator.procore_dials import ProcoreDials
from world import MAPPING, OFFICE, World

pytestmark = pytest.mark.one_test_on_postgresql_in(8)

TEN = timedelta(minutes=10)
SETTLE_FOR = timedelta(minutes=30)
INCIDENTS = r"/projects/\d+/incidents$"
AUTHORS = pytest.mark.parametrize("author_shown", [True, False], ids=["author shown", "no author"])

LOSSES = (
    FaultKind.REFUSED_CONNECTION,
    FaultKind.LOST_ANSWER,
    FaultKind.ERROR_AFTER,
    FaultKind.HALF_JSON,
    FaultKind.LATE,
)
"""Every way in which a write ends without an answer that can be read."""


Linked = Callable[..., World]


@pytest.fixture
def linked(build: Callable[..., World]) -> Linked:
    """One pair born on site (0), one born in the office (1), in sync; 4HSE's tokens outlast a late request."""

    def make(store_url: str, **options: Any) -> World:
        options.setdefault("fourhse_dials", FourHseDials(token_lifetime=86400))
        world = build(store_url, **options)
        world.on_site("Ladder", hour=9)
        world.in_office("Saw")
        world.sync(first=True)
        assert world.sync().outcome == "ok"
        return world

    return make


def come_to_rest(world: World, within: int = 12) -> int:
    """Cycles until one has nothing to do and says so."""
    for cycles in range(1, within + 1):
        report = world.sync()
        if report.outcome == "ok" and not any(sum(side.values()) for side in report.written.values()):
            return cycles
    raise AssertionError(f"not at rest after {within} cycles: {report.outcome}, {report.reason}")


def site(world: World) -> list[str]:
    return sorted(row["title"] for row in world.site().values())


def office(world: World) -> list[str]:
    return sorted(row["name"] for row in world.office().values())


def waiting(world: World) -> list[str]:
    return sorted(entry.item.kind.value for entry in world.inbox())


def pair(world: World, number: int = 0) -> tuple[int, str]:
    link = world.links()[number]
    return int(link.procore_id), link.fourhse_id


# Lost answers on every kind of write ------------------------------------------------------------------------------


@pytest.mark.one_case_in(3)
@pytest.mark.any_store
@pytest.mark.parametrize("fault", LOSSES)
class TestAnyLoss:
    """Whatever becomes of the answer, the write is done once and the route comes to rest by itself."""

    def test_create_in_procore(self, linked: Linked, store_url: str, fault: FaultKind) -> None:
        world = linked(store_url)
        world.in_office("Hook")
        world.faults.add(fault, method="POST", path=INCIDENTS, delay=TEN)
        assert world.sync().outcome == "partial"
        come_to_rest(world)
        assert world.faults.fired[fault] == 1
        assert site(world) == office(world) == ["Hook", "Ladder", "Saw"]
        assert waiting(world) == []

    @pytest.mark.parametrize("kept", [True, False], ids=["id kept", "id not kept"])
    def test_create_in_4hse(self, linked: Linked, store_url: str, fault: FaultKind, kept: bool) -> None:
        world = linked(store_url, fourhse_dials=FourHseDials(token_lifetime=86400, client_id_kept=kept))
        world.on_site("Hook")
        world.faults.add(fault, path="/incident/create", delay=TEN)
        assert world.sync().outcome == "partial"
        come_to_rest(world)
        assert site(world) == office(world) == ["Hook", "Ladder", "Saw"]
        assert waiting(world) == []

    def test_update_in_procore_with_status_apart(self, linked: Linked, store_url: str, fault: FaultKind) -> None:
        world = linked(store_url)
        ours, theirs = pair(world)
        world.fourhse.hand_edit(
            "incident", theirs, name="Scaffold", date_incident="2026-02-14", status="closed", date_closed="2026-02-20"
        )
        world.faults.add(fault, method="PATCH", delay=TEN)
        assert world.sync().outcome == "partial"
        world.faults.add(fault, method="PATCH", where=lambda request: b"status" in request.body, delay=TEN)
        come_to_rest(world)
        row = world.site()[str(ours)]
        assert (row["title"], row["status"], row["event_date"]) == ("Scaffold", "closed", "2026-02-14T17:00:00Z")
        assert waiting(world) == []

    def test_update_in_4hse(self, linked: Linked, store_url: str, fault: FaultKind) -> None:
        world = linked(store_url)
        ours, theirs = pair(world)
        world.procore.hand_edit("incident", ours, title="Scaffold", status="closed")
        world.faults.add(fault, method="PUT", delay=TEN)
        assert world.sync().outcome == "partial"
        come_to_rest(world)
        row = world.office()[theirs]
        assert (row["name"], row["status"], row["date_closed"]) == ("Scaffold", "closed", "2026-03-02")
        assert waiting(world) == []

    @pytest.mark.parametrize("side", list(Side))
    def test_delete(self, linked: Linked, store_url: str, fault: FaultKind, side: Side) -> None:
        """`side` is where a person deleted; the lost call deletes on the other one."""
        world = linked(store_url)
        ours, theirs = pair(world)
        if side is Side.PROCORE:
            world.procore.hand_delete("incident", ours)
        else:
            world.fourhse.hand_delete("incident", theirs)
        world.sync()
        world.answer(world.inbox()[0].id, "approve")
        world.faults.add(fault, method="DELETE", delay=TEN)
        world.sync()
        come_to_rest(world)
        assert world.faults.fired[fault] == 1
        assert site(world) == office(world) == ["Saw"]
        assert waiting(world) == []
        assert [link.state.value for link in world.links()] == ["ended", "live"]

    def test_restore(self, linked: Linked, store_url: str, fault: FaultKind) -> None:
        world = linked(store_url)
        ours, _ = pair(world)
        world.procore.hand_delete("incident", ours)
        world.sync()
        world.answer(world.inbox()[0].id, "reject", restore=True)
        world.faults.add(fault, method="PATCH", path="/restore", delay=TEN)
        world.sync()
        come_to_rest(world)
        assert world.faults.fired[fault] == 1
        assert site(world) == office(world) == ["Ladder", "Saw"]
        assert [link.state.value for link in world.links()] == ["live", "live"]

    def test_create_of_the_next_generation(self, linked: Linked, store_url: str, fault: FaultKind) -> None:
        world = linked(store_url)
        _, theirs = pair(world)
        world.fourhse.hand_delete("incident", theirs)
        world.sync()
        world.answer(world.inbox()[0].id, "reject", restore=True)
        world.faults.add(fault, path="/incident/create", delay=TEN)
        world.sync()
        come_to_rest(world)
        assert site(world) == office(world) == ["Ladder", "Saw"]
        assert theirs not in world.office()
        assert [(link.state.value, link.generation) for link in world.links()] == [("live", 1), ("live", 0)]


@pytest.mark.parametrize(
    ("act", "options"), [("delete", {"verb": "approve"}), ("restore", {"verb": "reject", "restore": True})]
)
def test_a_lost_delete_or_restore_is_adopted_by_looking(
    linked: Linked, store_url: str, act: str, options: dict[str, Any]
) -> None:
    world = linked(store_url)
    ours, theirs = pair(world)
    world.procore.hand_delete("incident", ours)
    world.sync()
    world.answer(world.inbox()[0].id, **options)
    world.faults.add(FaultKind.LOST_ANSWER, where=lambda request: request.method in ("DELETE", "PATCH"))
    world.sync()
    world.sync()
    with world.store.read() as unit:
        story = unit.journal(world.route.key).story(str(ours), theirs)
        stone = unit.links(world.route.key).tombstone(RecordRef(Side.FOURHSE, Kind.INCIDENT, theirs))
    assert [(one.action.act.value, one.outcome) for one in story if one.action.act.value == act] == [(act, "adopted")]
    assert (stone is not None) == (act == "delete")


# What counts as ours ----------------------------------------------------------------------------------------------


@AUTHORS
def test_lost_create_is_adopted_in_the_next_cycle(linked: Linked, store_url: str, author_shown: bool) -> None:
    world = linked(store_url, procore_dials=ProcoreDials(created_by_null=not author_shown))
    world.in_office("Hook")
    world.faults.add(FaultKind.LOST_ANSWER, method="POST", path=INCIDENTS)
    world.sync()
    assert len(world.links()) == 2
    world.sync()
    assert len(world.links()) == 3
    assert site(world) == ["Hook", "Ladder", "Saw"]


def with_a_field_that_procore_drops(folder: Path) -> FieldMapping:
    place = folder / "mapping"
    shutil.copytree(MAPPING, place)
    row = {"field": "Weather", "procore": "custom_field_1", "4hse": "description_actions_involved", "line": "Weather"}
    row["using"] = "text"
    lines = "    ".join(f"{key}: {value}\n" for key, value in {**row, "direction": "4hse to procore"}.items())
    (place / "incident.yaml").write_text((MAPPING / "incident.yaml").read_text() + f"\n  - {lines}")
    return load(place)


def test_a_lost_create_of_which_procore_kept_only_a_part_is_never_copied(
    linked: Linked, store_url: str, tmp_path: Path
) -> None:
    """Nobody has said who we are there, and what stands there is not quite what was sent: it is asked about."""
    mapping = with_a_field_that_procore_drops(tmp_path)
    dials = ProcoreDials(created_by_null=True)
    world = linked(store_url, procore_dials=dials, mapping=mapping)
    world.in_office("Hook", description_actions_involved="Weather: rain")
    world.faults.add(FaultKind.LOST_ANSWER, method="POST", path=INCIDENTS)
    for _ in range(3):
        world.sync()
    assert (site(world), office(world)) == (["Hook", "Ladder", "Saw"], ["Hook", "Ladder", "Saw"])
    [entry] = [one for one in world.inbox() if one.item.kind == "match"]
    world.answer(entry.id, "approve", with_id=entry.item.facts["candidates"][0])
    world.sync()
    assert len(world.links()) == 3


@AUTHORS
def test_a_dry_run_neither_copies_nor_asks_about_a_lost_create(
    linked: Linked, store_url: str, author_shown: bool
) -> None:
    world = linked(store_url, procore_dials=ProcoreDials(created_by_null=not author_shown))
    world.in_office("Hook")
    world.faults.add(FaultKind.LOST_ANSWER, method="POST", path=INCIDENTS)
    world.sync()
    for report in (world.sync(dry=True), world.sync()):
        assert (report.plan.actions, report.plan.items) == ((), ())
    assert len(world.links()) == 3


@pytest.mark.any_store
@pytest.mark.parametrize("resembled", [False, True])
def test_what_bears_the_id_of_a_lost_create_is_neither_linked_nor_asked_about_before_it_can_be_looked_at(
    build: Callable[..., World], store_url: str, resembled: bool
) -> None:
    """Not even where our account has made nothing yet that tells its name."""
    world = build(store_url)
    ours = world.on_site("Hook")
    world.in_office("Saw")
    world.faults.add(FaultKind.LOST_ANSWER, path="/incident/create")
    world.sync(first=True)
    theirs = next(key for key, row in world.office().items() if row["name"] == "Hook")
    world.fourhse.hand_edit("incident", theirs, name="Hook of the crane")
    if resembled:
        world.on_site("Hook of the crane", description=world.office()[theirs]["description_event"])
    planned = world.sync(dry=True).plan
    assert ([action.act for action in planned.actions], planned.items) == ([Act.CREATE] * resembled, ())
    world.faults.add(FaultKind.UNAVAILABLE, path="/incident/view", times=9)
    world.sync()
    assert theirs not in {link.fourhse_id for link in world.links()}
    assert world.inbox() == []
    world.faults.clear()
    world.sync()
    assert {link.procore_id: link.fourhse_id for link in world.links()}[ours] == theirs


@pytest.mark.any_store
def test_what_took_the_place_of_a_lost_create_is_not_copied_before_that_can_be_looked_at(
    build: Callable[..., World], store_url: str
) -> None:
    world = build(store_url)
    world.on_site("Hook")
    world.faults.add(FaultKind.LOST_ANSWER, path="/incident/create")
    world.sync()
    [row] = world.office().values()
    world.fourhse.hand_delete("incident", row["office_incident_id"])
    names = ("name", "date_incident", "category", "description_event", "status")
    anew = world.fourhse.hand_create("incident", OFFICE, **{name: row[name] for name in names})
    world.faults.add(FaultKind.UNAVAILABLE, path="/incident/view", times=9)
    world.sync()
    assert (len(world.site()), world.inbox()) == (1, [])
    world.faults.clear()
    world.sync()
    assert [link.fourhse_id for link in world.links()] == [anew]
    assert (len(world.site()), len(world.office()), world.inbox()) == (1, 1, [])


@pytest.mark.parametrize("hides", [True, False], ids=["unknown time hidden", "unknown time listed"])
def test_lost_create_of_unknown_time_is_found_under_either_default(linked: Linked, store_url: str, hides: bool) -> None:
    world = linked(store_url, procore_dials=ProcoreDials(time_unknown_default_hides=hides))
    world.in_office("Hook")
    world.faults.add(FaultKind.LOST_ANSWER, method="POST", path=INCIDENTS)
    world.sync()
    world.sync()
    assert len(world.links()) == 3
    assert site(world) == ["Hook", "Ladder", "Saw"]


@pytest.mark.parametrize(("side", "path"), [(Side.PROCORE, INCIDENTS), (Side.FOURHSE, "/incident/create")])
def test_an_adopted_record_is_dated_by_the_clock_of_the_side_that_shows_it(
    linked: Linked, store_url: str, monkeypatch: pytest.MonkeyPatch, side: Side, path: str
) -> None:
    world = linked(store_url)
    world.in_office("Hook")
    world.on_site("Winch")
    world.faults.add(FaultKind.LOST_ANSWER, method="POST", path=path)
    world.sync()
    adopted: list[RecordAnswer] = []
    monkeypatch.setattr(Pusher, "adopt", lambda self, intent, answer: adopted.append(answer))
    monkeypatch.setattr(ProcoreApi, "server_date", world.clock.now + timedelta(hours=5))
    world.sync()
    (answer,) = adopted
    ahead = answer.server_date - world.clock.now
    assert (answer.record.side, ahead > timedelta(hours=4)) == (side, side is Side.PROCORE)


def test_two_equal_lost_creates_are_two(linked: Linked, store_url: str) -> None:
    world = linked(store_url)
    for _ in range(2):
        world.in_office("Hook", description_event="The same words.")
    world.faults.add(FaultKind.LOST_ANSWER, method="POST", path=INCIDENTS, times=2)
    world.sync()
    come_to_rest(world)
    assert site(world) == office(world) == ["Hook", "Hook", "Ladder", "Saw"]
    assert len({link.procore_id for link in world.links()}) == 4


def test_a_lost_create_is_looked_for_three_times_over_settle_for_before_it_is_made_again(
    linked: Linked, store_url: str
) -> None:
    world = linked(store_url)
    world.in_office("Hook")
    world.faults.add(FaultKind.REFUSED_CONNECTION, method="POST", path=INCIDENTS)
    lost_at = world.clock()
    world.sync()
    while world.clock() - lost_at < SETTLE_FOR:
        assert world.sync().outcome == "partial"
        assert site(world) == ["Ladder", "Saw"]
    world.sync()
    assert site(world) == ["Hook", "Ladder", "Saw"]


def test_time_alone_is_not_enough_looks(linked: Linked, store_url: str) -> None:
    world = linked(store_url)
    world.in_office("Hook")
    world.faults.add(FaultKind.REFUSED_CONNECTION, method="POST", path=INCIDENTS)
    world.sync()
    world.clock.advance(hours=2)
    world.sync()
    world.sync()
    assert site(world) == ["Ladder", "Saw"]
    world.sync()
    assert site(world) == ["Hook", "Ladder", "Saw"]


def test_another_incident_of_our_account_is_asked_about_and_left_alone_meanwhile(
    linked: Linked, store_url: str
) -> None:
    world = linked(store_url)
    theirs = world.in_office("Hook")
    world.faults.add(FaultKind.LOST_ANSWER, method="POST", path=INCIDENTS)
    world.sync()
    ours = next(key for key, row in world.site().items() if row["title"] == "Hook")
    world.procore.hand_edit("incident", int(ours), title="Hook of the crane")
    world.sync()
    world.sync()
    assert waiting(world) == ["match"]
    assert (len(site(world)), len(office(world))) == (3, 3)
    world.answer(world.inbox()[0].id, "approve", with_id=ours)
    come_to_rest(world)
    assert {(link.procore_id, link.fourhse_id) for link in world.links()} >= {(ours, theirs)}
    assert "Hook of the crane" in site(world)


@AUTHORS
def test_the_first_create_ever_is_asked_about_when_it_was_edited_before_we_looked(
    build: Callable[..., World], store_url: str, author_shown: bool
) -> None:
    """Nothing has told our account yet; an incident that nobody edited since then is not ours."""
    world = build(store_url, procore_dials=ProcoreDials(created_by_null=not author_shown))
    theirs = world.in_office("Hook")
    world.faults.add(FaultKind.LOST_ANSWER, method="POST", path=INCIDENTS)
    world.sync(first=True)
    (ours,) = world.site()
    world.procore.hand_edit("incident", int(ours), title="Beam", description="Other words.")
    world.on_site("Crane")
    world.sync()
    assert (waiting(world), world.inbox()[0].item.facts["candidates"]) == (["match"], [ours])
    assert sorted(office(world)) == ["Crane", "Hook"]
    world.answer(world.inbox()[0].id, "approve", with_id=ours)
    come_to_rest(world)
    assert (ours, theirs) in {(link.procore_id, link.fourhse_id) for link in world.links()}
    assert len(site(world)) == len(office(world)) == 2


def test_what_another_lost_create_made_is_no_candidate(linked: Linked, store_url: str) -> None:
    world = linked(store_url)
    for title in ("Hook", "Rope"):
        world.in_office(title)
    world.faults.add(FaultKind.REFUSED_CONNECTION, method="POST", path=INCIDENTS)
    world.faults.add(FaultKind.LOST_ANSWER, method="POST", path=INCIDENTS)
    world.sync()
    assert len(site(world)) == 3
    world.sync()
    assert (waiting(world), len(world.links())) == ([], 3)


def test_what_a_person_emptied_after_a_lost_create_is_not_filled_again(linked: Linked, store_url: str) -> None:
    world = linked(store_url)
    world.in_office("Hook")
    world.faults.add(FaultKind.LOST_ANSWER, method="POST", path=INCIDENTS)
    world.sync()
    ours = next(key for key, row in world.site().items() if row["title"] == "Hook")
    world.procore.hand_edit("incident", int(ours), description="")
    world.sync()
    world.answer(world.inbox()[0].id, "approve", with_id=ours)
    world.sync()
    assert world.site()[ours]["description"] in (None, "")
    assert [(entry.item.kind, entry.item.field) for entry in world.inbox()] == [("conflict", "description")]


def test_a_person_says_that_they_differ_and_both_are_created(linked: Linked, store_url: str) -> None:
    world = linked(store_url)
    world.in_office("Hook")
    world.faults.add(FaultKind.LOST_ANSWER, method="POST", path=INCIDENTS)
    world.sync()
    ours = next(key for key, row in world.site().items() if row["title"] == "Hook")
    world.procore.hand_edit("incident", int(ours), title="Another thing", description="Other words.")
    world.sync()
    world.answer(world.inbox()[0].id, "reject")
    for _ in range(10):
        world.sync()
    assert site(world) == office(world) == ["Another thing", "Hook", "Ladder", "Saw"]
    assert len(world.links()) == 4
    assert waiting(world) == []


def test_what_was_taken_for_a_lost_create_crosses_in_the_cycle_that_gives_it_up(linked: Linked, store_url: str) -> None:
    """That cycle says that all is well, and may be the last one for a while."""
    world = linked(store_url)
    lost = world.in_office("Hook")
    world.faults.add(FaultKind.LOST_ANSWER, method="POST", path=INCIDENTS)
    world.sync()
    ours = next(key for key, row in world.site().items() if row["title"] == "Hook")
    world.procore.hand_edit("incident", int(ours), title="Another thing", description="Other words.")
    world.sync()
    world.answer(world.inbox()[0].id, "reject")
    world.fourhse.hand_edit("incident", lost, category="REPORT_FAILURE")
    while world.sync().outcome != "ok":
        assert "Another thing" not in office(world), "it may still be ours"
    assert office(world) == ["Another thing", "Hook", "Ladder", "Saw"]


def test_an_answer_about_one_that_was_edited_since_is_asked_for_again(linked: Linked, store_url: str) -> None:
    world = linked(store_url)
    world.in_office("Hook")
    world.faults.add(FaultKind.LOST_ANSWER, method="POST", path=INCIDENTS)
    world.sync()
    ours = next(key for key, row in world.site().items() if row["title"] == "Hook")
    world.procore.hand_edit("incident", int(ours), title="Hook of the crane")
    world.sync()
    [entry] = world.inbox()
    world.answer(entry.id, "approve", with_id=ours)
    world.procore.hand_edit("incident", int(ours), title="Another thing", description="Other words.")
    world.sync()
    [again] = world.inbox()
    assert (again.id, len(world.links())) == (entry.id, 2)
    assert again.item.reason.endswith(f"since it was answered Procore {ours} was edited.")


# Late commits -----------------------------------------------------------------------------------------------------


def _late_twin(linked: Linked, store_url: str, **dials: Any) -> World:
    """The first try arrives after it was given up and made again."""
    world = linked(store_url, procore_dials=ProcoreDials(**dials))
    world.in_office("Hook")
    world.faults.add(FaultKind.LATE, method="POST", path=INCIDENTS, delay=timedelta(minutes=50))
    world.sync()
    come_to_rest(world)
    assert site(world) == ["Hook", "Ladder", "Saw"]
    world.clock.advance(minutes=30)
    return world


def test_a_late_twin_is_asked_about_and_never_copied(linked: Linked, store_url: str) -> None:
    world = _late_twin(linked, store_url)
    world.sync()
    world.sync()
    assert site(world) == ["Hook", "Hook", "Ladder", "Saw"]
    assert office(world) == ["Hook", "Ladder", "Saw"]
    assert waiting(world) == ["match"]


def test_with_an_honoured_token_there_is_no_late_twin(linked, store_url: str) -> None:
    world = _late_twin(linked, store_url, idempotency_token_honoured=True)
    world.sync()
    assert site(world) == office(world) == ["Hook", "Ladder", "Saw"]
    assert waiting(world) == []


def test_a_late_twin_without_an_author_is_asked_about_too(linked: Linked, store_url: str) -> None:
    world = _late_twin(linked, store_url, created_by_null=True)
    world.sync()
    world.sync()
    assert office(world) == ["Hook", "Ladder", "Saw"]
    assert waiting(world) == ["match"]


def test_a_late_twin_in_4hse_under_an_id_of_its_own_is_asked_about_and_never_copied(
    linked: Linked, store_url: str
) -> None:
    world = linked(store_url, fourhse_dials=FourHseDials(token_lifetime=86400, client_id_kept=False))
    world.on_site("Hook")
    world.faults.add(FaultKind.LATE, path="/incident/create", delay=timedelta(minutes=50))
    world.sync()
    come_to_rest(world)
    world.clock.advance(minutes=30)
    world.sync()
    world.sync()
    assert office(world) == ["Hook", "Hook", "Ladder", "Saw"]
    assert site(world) == ["Hook", "Ladder", "Saw"]
    assert waiting(world) == ["match"]


# Updates that carry no mapped field -------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [FaultKind.REFUSED_CONNECTION, FaultKind.LOST_ANSWER])
def test_a_lost_close_of_a_survivor_is_made_again_when_it_did_not_arrive(
    linked: Linked, store_url: str, fault: FaultKind
) -> None:
    world = linked(store_url, deletions=Policy.CLOSE)
    ours, theirs = pair(world)
    world.procore.hand_delete("incident", ours)
    world.faults.add(fault, method="PUT")
    world.sync()
    come_to_rest(world)
    assert world.office()[theirs]["status"] == "closed"
    assert world.links()[0].state is LinkState.CLOSED_BY_POLICY


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_lost_answer_between_create_and_close_still_closes(linked: Linked, store_url: str, method: str) -> None:
    dials = FourHseDials(closed_on_create_allowed=False, closing_jump_allowed=False)
    world = linked(store_url, fourhse_dials=dials)
    world.on_site("Hook", status="closed")
    world.faults.add(FaultKind.LOST_ANSWER, method=method, path=r"/incident/(create|update)", skip=1)
    world.sync()
    assert world.faults.fired[FaultKind.LOST_ANSWER] == 1
    come_to_rest(world)
    hook = next(row for row in world.office().values() if row["name"] == "Hook")
    assert (hook["status"], hook["date_closed"]) == ("closed", "2026-03-02")
    assert waiting(world) == []


def closing_in_steps(linked: Linked, store_url: str, **route: Any) -> tuple[World, str]:
    """A pair that is new in 4HSE, where only what is open is closed."""
    dials = FourHseDials(closing_jump_allowed=False, token_lifetime=86400)
    world = linked(store_url, fourhse_dials=dials, **route)
    theirs = pair(world)[1]
    assert world.office()[theirs]["status"] == "new"
    return world, theirs


def steps_of(world: World, theirs: str) -> list[tuple[Any, str]]:
    """Status sent and outcome of each update, in no order: the clock stands still."""
    with world.store.read() as unit:
        story = unit.journal(world.route.key).story(theirs)
    return [(intent.action.fields.get("status"), intent.outcome) for intent in story if intent.action.act == "update"]


def test_opening_and_closing_are_two_writes_with_two_intents(linked: Linked, store_url: str) -> None:
    world, theirs = closing_in_steps(linked, store_url)
    world.procore.hand_edit("incident", pair(world)[0], status="closed")
    assert world.sync().written["fourhse"]["updated"] == 1
    assert sorted(steps_of(world, theirs)) == [("closed", "done"), ("closed", "refused"), ("open", "done")]
    assert world.office()[theirs]["status"] == "closed"
    assert come_to_rest(world) == 1


@pytest.mark.one_case_in(3)
@pytest.mark.any_store
@pytest.mark.parametrize("fault", [fault for fault in LOSSES if fault is not FaultKind.LATE])
@pytest.mark.parametrize(("skip", "lost"), [(1, "open"), (2, "closed")])
def test_a_loss_between_opening_and_closing_closes_in_the_end(
    linked: Linked, store_url: str, fault: FaultKind, skip: int, lost: str
) -> None:
    world, theirs = closing_in_steps(linked, store_url)
    world.procore.hand_edit("incident", pair(world)[0], status="closed")
    world.faults.add(fault, method="PUT", path="/incident/update", skip=skip, delay=TEN)
    assert world.sync().outcome == "partial"
    assert (lost, "open") in steps_of(world, theirs)
    come_to_rest(world)
    arrived = fault is not FaultKind.REFUSED_CONNECTION
    assert (lost, "adopted" if arrived else "abandoned") in steps_of(world, theirs)
    assert world.office()[theirs]["status"] == "closed"
    assert waiting(world) == []


def test_a_survivor_that_was_only_opened_still_counts_as_deleted(linked: Linked, store_url: str) -> None:
    world, theirs = closing_in_steps(linked, store_url, deletions=Policy.CLOSE)
    world.procore.hand_delete("incident", pair(world)[0])
    world.faults.add(FaultKind.REFUSED_CONNECTION, method="PUT", path="/incident/update", skip=2)
    world.sync()
    assert world.office()[theirs]["status"] == "open"
    assert world.links()[0].state is LinkState.GONE_PROCORE
    come_to_rest(world)
    assert world.office()[theirs]["status"] == "closed"
    assert world.links()[0].state is LinkState.CLOSED_BY_POLICY


# Edits between the commit and the look ----------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [FaultKind.LOST_ANSWER, FaultKind.HALF_JSON])
def test_an_edit_of_a_created_4hse_incident_is_not_lost(linked: Linked, store_url: str, fault: FaultKind) -> None:
    world = linked(store_url)
    world.on_site("Hook")
    world.faults.add(fault, path="/incident/create")
    world.sync()
    theirs = next(key for key, row in world.office().items() if row["name"] == "Hook")
    world.fourhse.hand_edit("incident", theirs, name="Hook of the crane")
    for _ in range(3):
        world.sync()
    assert len(world.links()) == 3
    assert office(world) == ["Hook of the crane", "Ladder", "Saw"]
    assert "Hook of the crane" in site(world) or waiting(world) == ["conflict"]


def test_a_closed_create_that_a_person_opened_before_we_looked_is_not_closed_again(
    linked: Linked, store_url: str
) -> None:
    world = linked(store_url)
    world.on_site("Hook", status="closed")
    world.faults.add(FaultKind.LOST_ANSWER, path="/incident/create")
    world.sync()
    theirs = next(key for key, row in world.office().items() if row["name"] == "Hook")
    world.fourhse.hand_edit("incident", theirs, status="new", date_closed=None)
    world.sync()
    world.sync()
    assert world.office()[theirs]["status"] == "new"
    assert [(entry.item.kind, entry.item.field) for entry in world.inbox()] == [("conflict", "status")]


def test_an_edited_create_is_asked_about_where_4hse_keeps_no_id(linked: Linked, store_url: str) -> None:
    world = linked(store_url, fourhse_dials=FourHseDials(client_id_kept=False))
    ours = world.on_site("Hook")
    world.faults.add(FaultKind.LOST_ANSWER, path="/incident/create")
    world.sync()
    theirs = next(key for key, row in world.office().items() if row["name"] == "Hook")
    world.fourhse.hand_edit("incident", theirs, name="Hook of the crane")
    for _ in range(10):
        world.sync()
    assert (waiting(world), len(site(world)), len(office(world))) == (["match"], 3, 3)
    world.answer(world.inbox()[0].id, "approve", with_id=theirs)
    world.sync()
    assert (ours, theirs) in {(link.procore_id, link.fourhse_id) for link in world.links()}


def test_what_a_person_wrote_into_an_emptied_record_stays_when_the_rest_is_put_back(
    linked: Linked, store_url: str
) -> None:
    world = linked(store_url, fourhse_dials=FourHseDials(token_lifetime=86400, put_is="blanking"))
    ours, theirs = pair(world)
    text = world.office()[theirs]["description_event"]
    world.fourhse.hand_edit("incident", theirs, code="7")
    world.procore.hand_edit("incident", ours, title="Scaffold")
    assert world.sync().outcome == "stopped"
    assert world.office()[theirs]["description_event"] is None
    world.fourhse.hand_edit("incident", theirs, name="Stairs", code="8")
    world.answer(world.inbox()[0].id, "approve")
    come_to_rest(world)
    row = world.office()[theirs]
    assert (row["name"], row["code"], row["description_event"]) == ("Stairs", "8", text)
    assert world.site()[str(ours)]["title"] == "Stairs"


def test_a_record_that_4hse_will_not_take_back_is_asked_about_again(linked: Linked, store_url: str) -> None:
    world = linked(store_url, fourhse_dials=FourHseDials(token_lifetime=86400, put_is="blanking"))
    ours, theirs = pair(world)
    text = world.office()[theirs]["description_event"]
    world.procore.hand_edit("incident", ours, title="Scaffold")
    assert world.sync().outcome == "stopped"
    world.fourhse.hand_edit("incident", theirs, category="OF_NO_LIST")
    for _ in range(2):
        (entry,) = world.inbox()
        world.answer(entry.id, "approve")
        report = world.sync()
        assert (report.outcome, report.exit_code, waiting(world)) == ("stopped", 7, ["guard"])
        assert "see why with: procore-4hse explain" in str(report.reason)
        assert "Category is invalid" not in str(report.reason), "the vendor's words stand in explain alone"
    world.fourhse.hand_edit("incident", theirs, category="ACCIDENTS_AND_MISSED_INJURIES")
    world.answer(entry.id, "approve")
    come_to_rest(world)
    assert (world.office()[theirs]["description_event"], waiting(world)) == (text, [])


def test_procore_is_sent_what_was_emptied_and_nothing_else(linked: Linked, store_url: str) -> None:
    """Whatever else its record shows may be odd, or somebody's edit of this moment."""
    world = linked(store_url)
    ours, theirs = pair(world)
    text = world.site()[str(ours)]["description"]
    world.fourhse.hand_edit("incident", theirs, name="Scaffold")
    world.faults.add(FaultKind.LOST_ANSWER, method="PATCH")
    world.sync()
    world.procore.hand_edit("incident", ours, description="")
    assert world.sync().outcome == "stopped"
    world.answer(world.inbox()[0].id, "approve")
    come_to_rest(world)
    sent = [write.body for write in world.procore.writes if write.verb == "PATCH" and "description" in write.body]
    assert sent == [{"description": text}]
    assert waiting(world) == []


@pytest.mark.any_store
@pytest.mark.parametrize("fault", LOSSES)
def test_putting_back_what_4hse_emptied_is_journalled_and_survives_a_lost_answer(
    linked: Linked, store_url: str, fault: FaultKind
) -> None:
    world = linked(store_url, fourhse_dials=FourHseDials(token_lifetime=86400, put_is="blanking"))
    ours, theirs = pair(world)
    text = world.office()[theirs]["description_event"]
    world.procore.hand_edit("incident", ours, title="Scaffold")
    assert world.sync().outcome == "stopped"
    world.answer(world.inbox()[0].id, "approve")
    world.faults.add(fault, method="PUT", delay=TEN)
    assert world.sync().outcome == "failed"
    with world.store.read() as unit:
        (intent,) = unit.journal(world.route.key).open()
    assert (intent.action.reason, intent.action.source_id) == ("what was emptied is put back", str(ours))
    come_to_rest(world)
    row = world.office()[theirs]
    assert (row["name"], row["description_event"]) == ("Scaffold", text)
    assert waiting(world) == []


def test_an_edit_of_the_source_meanwhile_crosses(linked: Linked, store_url: str) -> None:
    world = linked(store_url)
    theirs = world.in_office("Hook")
    world.faults.add(FaultKind.LOST_ANSWER, method="POST", path=INCIDENTS)
    world.sync()
    world.fourhse.hand_edit("incident", theirs, name="Hook of the crane")
    come_to_rest(world)
    assert site(world) == office(world) == ["Hook of the crane", "Ladder", "Saw"]
    assert waiting(world) == []


def test_an_edit_of_the_same_field_after_a_lost_update_is_not_lost(linked: Linked, store_url: str) -> None:
    world = linked(store_url)
    ours, theirs = pair(world)
    world.procore.hand_edit("incident", ours, title="Scaffold")
    world.faults.add(FaultKind.LOST_ANSWER, method="PUT")
    world.sync()
    world.fourhse.hand_edit("incident", theirs, name="Stairs")
    for _ in range(3):
        world.sync()
    assert world.office()[theirs]["name"] == "Stairs"
    assert world.site()[str(ours)]["title"] == "Stairs" or waiting(world) == ["conflict"]


def test_an_edit_of_another_field_after_a_lost_update_crosses(linked: Linked, store_url: str) -> None:
    world = linked(store_url)
    ours, theirs = pair(world)
    world.procore.hand_edit("incident", ours, title="Scaffold")
    world.faults.add(FaultKind.LOST_ANSWER, method="PUT")
    world.sync()
    world.fourhse.hand_edit("incident", theirs, date_incident="2026-02-14")
    come_to_rest(world)
    assert world.office()[theirs]["name"] == "Scaffold"
    assert world.site()[str(ours)]["event_date"] == "2026-02-14T17:00:00Z"


def test_a_record_restored_by_hand_after_a_lost_delete_stays(linked: Linked, store_url: str) -> None:
    world = linked(store_url)
    ours, theirs = pair(world)
    world.fourhse.hand_delete("incident", theirs)
    world.sync()
    world.answer(world.inbox()[0].id, "approve")
    world.faults.add(FaultKind.LOST_ANSWER, method="DELETE")
    world.sync()
    come_to_rest(world)
    world.procore.hand_restore("incident", ours)
    come_to_rest(world)
    assert site(world) == office(world) == ["Ladder", "Saw"]
