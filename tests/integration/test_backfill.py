"""A backfill: what it shows first, what it carries out, and that nothing is lost or doubled however it ends."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from oracle import duplicates
from procore_4hse.engine.backfill import Preview, Progress, Result, Span, backfill, refuse_contradictions
from procore_4hse.engine.cycle import Options
from procore_4hse.engine.run_routes import run_routes
from procore_4hse.errors import UsageError
from procore_4hse.mapping.rules import Direction
from procore_4hse.reconcile.snapshot import Limits
from procore_4hse.simulator.faults import FaultKind
from world import OFFICE, PROJECT, TENANT, Clock, World, titles

pytestmark = pytest.mark.one_test_on_postgresql_in(8)

FIRST, LAST = date(2025, 3, 1), date(2025, 3, 31)
SPAN = Span(FIRST, LAST)
SINCE = date(2026, 1, 1)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    built = World.build(f"sqlite:///{tmp_path}/sync.db", since=SINCE)
    yield built
    built.store.close()


def run(world: World, span: Span = SPAN, **options: Any) -> Result:
    result = backfill(world.runtime, world.route, span, **options)
    world.clock.advance(minutes=5)
    return result


def fill(world: World, days: int = 6) -> None:
    """One incident a day on each side, all different."""
    for number in range(days):
        world.on_site(f"Site {number}", FIRST + timedelta(days=number))
        world.in_office(f"Office {number}", FIRST + timedelta(days=number))


def everywhere(world: World) -> tuple[list[str], list[str]]:
    return titles(world.site().values(), "title"), titles(world.office().values(), "name")


def twins(world: World) -> list[tuple[str, ...]]:
    site, office = list(world.site().values()), list(world.office().values())
    return [*duplicates(site, "title"), *duplicates(office, "name")]


def days_written_down(world: World) -> set[str]:
    with world.store.read() as unit:
        return unit.cycles.days_done(world.route.key, f"{FIRST}..{LAST} both")


# The range -------------------------------------------------------------------------------------------------------


def test_both_ends_of_the_range_are_included_and_nothing_beyond(store_url: str) -> None:
    world = World.build(store_url, since=SINCE)
    for number, day in enumerate((FIRST - timedelta(1), FIRST, LAST, LAST + timedelta(1), SINCE + timedelta(9))):
        world.on_site(f"Site {number}", day, hour=23)
        world.in_office(f"Office {number}", day)
    report = run(world).report
    assert (report.outcome, report.reason) == ("ok", None)
    site, office = everywhere(world)
    assert [name for name in site if name.startswith("Office")] == ["Office 1", "Office 2"]
    assert [name for name in office if name.startswith("Site")] == ["Site 1", "Site 2"]
    assert report.population["procore"] == {"in_sync": 4, "waiting": 0, "refused": 0, "excluded": 3}
    world.store.close()


def test_without_an_end_it_goes_up_to_today_in_the_zone_of_the_project(tmp_path: Path) -> None:
    evening = Clock(datetime(2026, 3, 2, 20, 0, tzinfo=UTC))
    world = World.build(f"sqlite:///{tmp_path}/sync.db", zone="Australia/Sydney", since=date(2030, 1, 1), clock=evening)
    world.on_site("Today in Sydney", date(2026, 3, 3), hour=5)
    world.in_office("Tomorrow", date(2026, 3, 4))
    result = run(world, Span(date(2026, 3, 1)))
    assert result.preview is not None
    assert result.preview.last == date(2026, 3, 3)
    assert everywhere(world) == (["Today in Sydney"], ["Today in Sydney", "Tomorrow"])
    world.store.close()


def test_the_people_of_an_incident_come_with_it_and_those_of_others_do_not(world: World) -> None:
    party = world.procore.add_person(PROJECT, "Ada", "Stone", employee_id="E-7")
    office_person = world.fourhse.add_person(TENANT, OFFICE, "Ada", "Stone", code="E-7")
    linked = world.on_site("Linked before", SINCE)
    world.sync()
    for incident in (linked, world.on_site("Fall", FIRST)):
        world.procore.hand_create("injury", PROJECT, incident_id=int(incident), affected_party_id=party)
    assert run(world).report.outcome == "ok"
    hurt = {row["name"]: [p["person_office_id"] for p in row["persons"]] for row in world.office().values()}
    assert hurt == {"Linked before": [], "Fall": [office_person]}


def test_what_it_linked_stays_in_sync_whatever_since_says(world: World) -> None:
    fill(world)
    run(world)
    world.procore.hand_edit("incident", int(world.links()[0].procore_id), title="Told better")
    assert world.sync().outcome == "ok"
    assert "Told better" in everywhere(world)[1]


# The preview -----------------------------------------------------------------------------------------------------


def test_the_preview_counts_what_then_happens_and_writes_nothing(world: World) -> None:
    fill(world, days=3)
    world.on_site("Same", LAST, description="The very same words here.")
    world.in_office("Same", LAST, description_event="The very same words here.")
    world.on_site("Like", LAST)
    world.in_office("Like", LAST - timedelta(2))
    before = everywhere(world)
    looked = run(world, dry=True)
    assert everywhere(world) == before
    assert (world.links(), days_written_down(world), world.inbox()) == ([], set(), [])
    assert looked.preview == Preview(
        FIRST, LAST, pairs=1, doubts=1, creates={"procore": 3, "fourhse": 3}, days=4, days_done=0, calls=9
    )
    assert looked.json()["preview"]["first"] == "2025-03-01"
    done = run(world)
    assert done.preview == looked.preview
    assert done.report.written["procore"]["created"] == done.report.written["fourhse"]["created"] == 3
    assert len(world.links()) == 7
    assert done.report.inbox["match"] == 1


def test_the_calls_of_the_preview_are_those_that_the_creates_cost(world: World) -> None:
    fill(world, days=5)
    looked, done = run(world, dry=True), run(world)
    again = run(world)
    assert looked.preview is not None
    assert looked.preview.calls == sum(done.report.calls.values()) - sum(again.report.calls.values())
    assert looked.preview.seconds == looked.preview.calls // 2


def test_it_is_shown_before_the_first_write(world: World) -> None:
    fill(world)
    seen: list[tuple[str, int]] = []
    run(world, shown=lambda route, preview: seen.append((route, len(world.office()))))
    assert seen == [("riverside", 6)]


def test_progress_counts_days_and_records(world: World) -> None:
    fill(world, days=3)
    steps: list[Progress] = []
    run(world, watch=steps.append)
    assert [(step.days, step.records) for step in steps] == [(1, 1), (1, 2), (2, 3), (2, 4), (3, 5), (3, 6)]
    assert steps[0].day == FIRST
    assert {(step.of_days, step.of_records) for step in steps} == {(3, 6)}


# Guards and directions -------------------------------------------------------------------------------------------


def test_many_creates_and_a_first_meeting_are_approved_by_it(world: World) -> None:
    world.with_route(limits=Limits(max_creates=2))
    fill(world)
    assert run(world).report.outcome == "ok"
    assert len(world.links()) == 12


@pytest.mark.parametrize(("direction", "to"), [(Direction.TO_FOURHSE, "fourhse"), (Direction.TO_PROCORE, "procore")])
def test_a_direction_narrows_what_is_copied_and_links_all_the_same(world: World, direction: Direction, to: str) -> None:
    fill(world, days=2)
    world.on_site("Same", LAST, description="The very same words here.")
    world.in_office("Same", LAST, description_event="The very same words here.")
    result = run(world, replace(SPAN, direction=direction))
    assert result.preview is not None
    assert (result.preview.pairs, result.preview.creates) == (1, {"procore": 0, "fourhse": 0, to: 2})
    assert {"procore": len(world.site()), "fourhse": len(world.office())} == {"procore": 3, "fourhse": 3, to: 5}
    assert result.report.population[to] == {"in_sync": 3, "waiting": 0, "refused": 0, "excluded": 2}


def test_a_direction_never_turns_a_one_way_route(world: World) -> None:
    one_way = replace(world.route, direction=Direction.TO_FOURHSE)
    refuse_contradictions([world.route, one_way], Direction.TO_FOURHSE)
    refuse_contradictions([world.route, one_way], Direction.BOTH)
    with pytest.raises(UsageError, match="riverside"):
        refuse_contradictions([world.route, one_way], Direction.TO_PROCORE)


def test_a_changed_scope_holds_it_too(world: World) -> None:
    world.on_site("Fall", SINCE)
    world.sync()
    fill(world)
    world.with_route(deletions=world.route.deletions, since=date(2026, 2, 1))
    held = run(world).report
    assert (held.outcome, held.exit_code) == ("stopped", 7)
    assert len(world.office()) == 7


def test_questions_and_answers_about_the_rest_of_the_route_stay(world: World) -> None:
    world.on_site("Fall", SINCE)
    world.on_site("Slip", SINCE + timedelta(9))
    world.sync()
    for number, link in enumerate(world.links()):
        world.procore.hand_edit("incident", int(link.procore_id), title=f"On site {number}")
        world.fourhse.hand_edit("incident", link.fourhse_id, name=f"In office {number}")
    world.sync()
    asked = world.inbox()
    world.answer(asked[0].id, "resolve", use="procore")
    fill(world)
    assert run(world).report.inbox["conflict"] == 1
    world.sync()
    assert [entry.id for entry in world.inbox()] == [asked[1].id]
    assert "On site 0" in everywhere(world)[1]


# However it ends -------------------------------------------------------------------------------------------------


def test_a_run_that_is_stopped_goes_on_where_it_was(world: World) -> None:
    fill(world)
    answers: Counter[str] = Counter()
    world.faults.on_response.append(lambda request, _: answers.update([request.path]))
    halfway = replace(world.runtime, stopping=lambda: answers["/v2/incident/create"] >= 3)
    broken = backfill(halfway, world.route, SPAN).report
    assert (broken.outcome, broken.exit_code) == ("partial", 1)
    assert broken.written["fourhse"]["created"] == 3
    assert days_written_down(world) == {"2025-03-01", "2025-03-02"}
    result = run(world)
    assert result.preview is not None
    assert (result.report.outcome, result.preview.days_done, result.preview.days) == ("ok", 2, 4)
    assert len(days_written_down(world)) == 6
    assert twins(world) == []
    assert len(world.links()) == len(world.site()) == len(world.office()) == 12


def test_a_day_with_a_lost_answer_is_not_done_and_the_answer_is_looked_for(world: World) -> None:
    fill(world, days=2)
    world.faults.add(FaultKind.LOST_ANSWER, method="POST", path=r"/incidents$")
    assert run(world).report.outcome == "partial"
    assert days_written_down(world) == {"2025-03-02"}
    assert run(world).report.outcome == "ok"
    assert twins(world) == []
    assert len(world.links()) == 4


@pytest.mark.parametrize("path", [r"/projects/\d+/incidents$", "/v2/incident/create"])
def test_a_create_that_never_arrived_is_made_by_the_cycles_that_follow(world: World, path: str) -> None:
    fill(world, days=2)
    world.faults.add(FaultKind.REFUSED_CONNECTION, method="POST", path=path)
    assert run(world).report.outcome == "partial"
    world.on_site("Told late", FIRST)
    for _ in range(9):
        world.sync()
    assert len(world.links()) == len(world.office()) == 4
    assert len(world.site()) == 5, "what the backfill never began stays home"
    assert twins(world) == []


def test_a_finished_run_that_is_repeated_finds_what_is_new_in_the_range(world: World) -> None:
    fill(world)
    run(world)
    world.on_site("Told late", FIRST)
    world.in_office("Told later", FIRST + timedelta(1))
    result = run(world)
    assert result.preview is not None
    assert (result.preview.days_done, result.preview.creates) == (6, {"procore": 1, "fourhse": 1})
    assert result.report.outcome == "ok"
    assert len(world.links()) == 14
    assert twins(world) == []


def test_a_refused_record_is_asked_about_and_the_others_go_on(world: World) -> None:
    fill(world, days=3)
    world.faults.add(FaultKind.FORBIDDEN, path="/v2/incident/create")
    result = run(world)
    assert (result.report.outcome, result.report.inbox["refused"]) == ("partial", 1)
    assert len(world.links()) == 5


def test_a_vendor_that_is_down_leaves_the_rest_for_the_next_run(world: World) -> None:
    fill(world)
    world.faults.add(FaultKind.UNAVAILABLE, method="POST", path=r"/incidents$", times=None)
    result = run(world)
    assert (result.report.outcome, result.report.written["fourhse"]["created"]) == ("partial", 6)
    assert days_written_down(world) == set()
    world.faults.clear()
    for _ in range(8):
        if run(world).report.outcome == "ok":
            break
    assert len(world.links()) == 12
    assert twins(world) == []
    assert not world.procore.refused
    assert not world.fourhse.refused


def test_a_route_whose_turn_had_not_come_is_left_alone(world: World) -> None:
    fill(world)
    world.runtime = replace(world.runtime, stopping=lambda: True)
    (report,) = run_routes(world.runtime, [world.route], Options()).reports
    for told in (report, run(world).report):
        assert (told.outcome, told.exit_code, sum(told.calls.values())) == ("partial", 1, 0)
        assert "run it again" in (told.reason or "")
    assert len(world.office()) == 6


def test_a_route_that_another_process_has_is_left_alone(world: World) -> None:
    fill(world)
    elsewhere = replace(world.runtime.holder, host="another-host")
    with world.store.begin() as unit:
        unit.leases.take(world.route.key, elsewhere, ttl=timedelta(minutes=5), grace=timedelta(0))
    result = run(world)
    assert (result.report.outcome, result.report.exit_code, result.preview) == ("busy", 1, None)
    assert len(world.office()) == 6


# What it asks ------------------------------------------------------------------------------------------------------


@pytest.fixture
def doubtful(build: Any) -> World:
    """A pair that may be one incident, of days before `since`: a backfill has asked, and two cycles have run since."""
    world = build(since=SINCE)
    world.on_site("Linked before", SINCE)
    world.sync(first=True)
    world.on_site("Slip on wet floor", FIRST, description="He slipped.")
    world.in_office("Slip on a wet floor", FIRST, description_event="He slipped.")
    assert run(world).report.inbox["match"] == 1
    world.sync()
    assert world.sync().inbox["match"] == 1
    return world


def theirs(world: World) -> str:
    """The 4HSE incident of the pair."""
    return next(made for made, row in world.office().items() if row["name"].startswith("Slip"))


def mine(world: World) -> int:
    """The Procore incident of the pair."""
    return next(int(made) for made, row in world.site().items() if row["title"].startswith("Slip"))


def outcomes(world: World) -> list[str]:
    with world.store.read() as unit:
        return [one.outcome.value for one in unit.decisions(world.route.key).all()]


def test_what_a_backfill_asks_stays_until_it_is_answered_and_the_next_cycle_links_the_two(doubtful: World) -> None:
    doubtful.answer(doubtful.inbox()[0].id, "approve", with_id=theirs(doubtful))
    doubtful.sync()
    assert [link.fourhse_id for link in doubtful.links()[1:]] == [theirs(doubtful)]
    assert [entry.item.field for entry in doubtful.inbox()] == ["title"], "the two are merged as any pair is"
    assert outcomes(doubtful) == ["carried_out"]


def test_two_that_are_called_different_are_copied_by_the_next_backfill(doubtful: World) -> None:
    doubtful.answer(doubtful.inbox()[0].id, "reject")
    doubtful.sync()
    assert (doubtful.inbox(), len(doubtful.office()), outcomes(doubtful)) == ([], 2, ["carried_out"])
    run(doubtful)
    assert (len(doubtful.site()), len(doubtful.office()), doubtful.inbox()) == (3, 3, [])


def test_what_it_asked_about_a_record_that_is_gone_closes(doubtful: World) -> None:
    doubtful.procore.hand_delete("incident", mine(doubtful))
    doubtful.sync()
    assert doubtful.inbox() == []


def test_what_it_asked_about_a_record_that_became_private_closes(doubtful: World) -> None:
    doubtful.procore.hand_edit("incident", mine(doubtful), private=True)
    doubtful.sync()
    assert doubtful.inbox() == []


def test_an_answer_to_what_moved_since_leaves_it_asked(doubtful: World) -> None:
    [entry] = doubtful.inbox()
    doubtful.answer(entry.id, "approve", with_id=theirs(doubtful))
    doubtful.procore.hand_edit("incident", mine(doubtful), description="He fell from the roof.")
    doubtful.sync()
    assert ([each.id for each in doubtful.inbox()], outcomes(doubtful)) == ([entry.id], ["void"])
    assert len(doubtful.links()) == 1


def test_the_next_backfill_closes_what_it_has_no_doubt_about_any_more(doubtful: World) -> None:
    doubtful.procore.hand_edit("incident", mine(doubtful), title="Burn", description="Hot pipe.")
    doubtful.sync()
    assert len(doubtful.inbox()) == 1
    run(doubtful)
    assert doubtful.inbox() == []
    assert len(doubtful.office()) == 3


def test_a_backfill_of_other_days_leaves_it_alone(doubtful: World) -> None:
    run(doubtful, Span(FIRST + timedelta(days=5), LAST))
    assert len(doubtful.inbox()) == 1
