"""An accident recognised late: 4HSE tells of one where Procore holds a near miss. It is asked, never left silent."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

import actors as crew
from actors import NOTHING, hire, hurt_in_office, hurt_on_site, is_quiet, only, partner, waiting, wrote
from procore_4hse.engine.backfill import Span, backfill
from procore_4hse.mapping.rules import Direction
from procore_4hse.operations.retention import forget_person
from procore_4hse.reconcile.snapshot import Limits, Policy
from procore_4hse.simulator.faults import FaultKind
from procore_4hse.simulator.fourhse_dials import FourHseDials
from world import World

pytestmark = pytest.mark.any_store

DAY = date(2026, 2, 10)


@pytest.fixture
def world(build: Callable[..., World], store_url: str) -> World:
    return endangered(build(store_url, fourhse_dials=FourHseDials(token_lifetime=86400)))


def endangered(world: World, *names: str) -> World:
    """An incident with a near miss of each person, in sync: first named on site, then in the office."""
    site = world.on_site("Loose plank", DAY)
    for number, name in enumerate(names or ("Ann Lee",)):
        party, _ = hire(world, name, f"E{number}")
        hurt_on_site(world, site, party, kind="near_miss", description=f"<p>It missed {name}.</p>")
    world.sync(first=True)
    assert is_quiet(world)
    assert world.inbox() == []
    return world


def calls_it_an_accident(world: World, word: str = "ACCIDENTS") -> None:
    (office,) = world.office()
    world.fourhse.hand_edit("incident", office, category=word)


def involved(world: World, number: int = 0) -> dict[str, Any]:
    """An involved person of the one incident in 4HSE, in the order of the names."""
    (row,) = world.office().values()
    people = sorted(row["persons"], key=lambda one: one["description"] or "")
    return people[number]


def adds_days(world: World, days: int, number: int = 0) -> None:
    world.fourhse.hand_edit("incident-person", involved(world, number)["office_incident_person_id"], days=days)


def near_miss(world: World, number: int = 0) -> int:
    (row,) = world.site().values()
    return int(sorted(row["near_misses"], key=lambda one: one["description"])[number]["id"])


def on_site(world: World) -> list[tuple[str, int | None]]:
    """Kind and days of Procore's people."""
    return [(kind, days) for kind, _, days in crew.on_site(world)]


def says(world: World, use: str) -> None:
    entry = only(world, "conflict")
    assert use in entry.item.facts["uses"]
    world.answer(entry.id, "approve", use=use)


def recycled(world: World) -> list[str]:
    return [row["kind"] for row in world.procore.bin(int(world.route.procore_project))]


# What is asked ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "days", "told"),
    [
        (True, 0, "4HSE calls it an accident (ACCIDENTS); in Procore it is a near miss."),
        (False, 1, "4HSE shows 1 day of absence; in Procore it is a near miss."),
        (True, 9, "4HSE calls it an accident (ACCIDENTS) and shows 9 days of absence; in Procore it is a near miss."),
    ],
)
def test_it_is_asked_with_the_person_the_day_and_what_4hse_tells(world: World, word: bool, days: int, told: str):
    if word:
        calls_it_an_accident(world)
    if days:
        adds_days(world, days)
    report = world.sync()
    assert (report.outcome, wrote(report)) == ("ok", NOTHING)
    assert report.population["procore"]["waiting"] == 1, "never silently in sync"
    item = only(world, "conflict").item
    assert (item.title, item.reason) == ("Loose plank", f"Ann Lee, 2026-02-10: {told}")
    assert "inbox approve ID --use injury" in item.advice
    assert "inbox approve ID --use leave" in item.advice
    assert ("with" in item.advice) == bool(days)
    assert ("4HSE's category then becomes ACCIDENTS" in item.advice) == (not word)
    assert is_quiet(world), "asked once"
    assert on_site(world) == [("near_miss", None)]


def test_each_person_is_a_question_of_their_own_and_one_answer_tells_who_was_hurt(build, store_url):
    world = endangered(build(store_url), "Ann Lee", "Bo Diaz", "Cy Roe")
    calls_it_an_accident(world)
    adds_days(world, 4, number=2)
    world.sync()
    entries = waiting(world, "conflict")
    assert [entry.item.reason.partition(",")[0] for entry in entries] == ["Ann Lee", "Bo Diaz", "Cy Roe"]
    world.answer(entries[1].id, "approve", use="injury")
    world.sync()
    world.sync()
    assert [entry.item.reason.partition(",")[0] for entry in waiting(world, "conflict")] == ["Cy Roe"], "4 days remain"
    assert on_site(world) == [("injury", None), ("near_miss", None), ("near_miss", None)]


def test_two_answers_at_once_are_both_carried_out(build, store_url):
    world = endangered(build(store_url), "Ann Lee", "Bo Diaz")
    calls_it_an_accident(world)
    world.sync()
    for entry in waiting(world, "conflict"):
        world.answer(entry.id, "approve", use="injury")
    world.sync()
    assert on_site(world) == [("injury", None), ("injury", None)]
    assert (world.inbox(), is_quiet(world)) == ([], True)


def test_an_injury_of_somebody_else_is_no_reason_to_ask_about_a_near_miss(world: World):
    (site,) = world.site()
    other, _ = hire(world, "Bo Diaz", "E7")
    hurt_on_site(world, site, other, days=3)
    world.sync()
    world.sync()
    (row,) = world.office().values()
    assert row["category"] == "ACCIDENTS"
    assert (world.inbox(), is_quiet(world)) == ([], True)


def test_days_of_somebody_who_has_an_injury_too_are_no_late_accident(world: World):
    (site,) = world.site()
    (party,) = [party for _, party, _ in crew.on_site(world)]
    hurt_on_site(world, site, party, days=3)
    world.sync()
    (row,) = world.office().values()
    near = min(row["persons"], key=lambda one: one["days"] or 0)
    world.fourhse.hand_edit("incident-person", near["office_incident_person_id"], days=2)
    world.sync()
    assert (world.inbox(), is_quiet(world)) == ([], True)


def test_days_that_were_there_when_a_person_first_crossed_are_asked_about(build, store_url):
    world = build(store_url)
    _, assignment = hire(world)
    hurt_in_office(world, world.in_office("Scare"), assignment, days=4)
    world.sync()
    assert on_site(world) == [("near_miss", None)]
    world.sync()
    assert "4HSE shows 4 days of absence" in only(world, "conflict").item.reason


def test_a_question_goes_when_4hse_takes_it_back(world: World):
    calls_it_an_accident(world)
    adds_days(world, 3)
    world.sync()
    calls_it_an_accident(world, "NON_COMPLIANCE")
    adds_days(world, 0)
    world.sync()
    assert (world.inbox(), on_site(world)) == ([], [("near_miss", None)])


def test_a_category_taken_back_before_the_cycle_voids_the_answer(world: World):
    calls_it_an_accident(world)
    world.sync()
    says(world, "injury")
    calls_it_an_accident(world, "NON_COMPLIANCE")
    world.sync()
    assert (world.inbox(), on_site(world)) == ([], [("near_miss", None)])


# Injury -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("policy", list(Policy))
def test_an_injury_takes_its_place_with_the_days_and_the_near_miss_goes_to_the_bin(build, store_url, policy):
    world = endangered(build(store_url, deletions=policy))
    calls_it_an_accident(world)
    adds_days(world, 9)
    world.sync()
    before = involved(world)
    says(world, "injury")
    report = world.sync()
    assert report.written == {
        "procore": {"created": 1, "updated": 0, "deleted": 1},
        "fourhse": {"created": 0, "updated": 0, "deleted": 0},
    }
    assert (report.outcome, on_site(world), recycled(world)) == ("ok", [("injury", 9)], ["near_miss"])
    assert involved(world) == before, "4HSE is not written"
    (link,) = [one for one in world.links() if one.kind != "incident"]
    (injury,) = next(iter(world.site().values()))["injuries"]
    assert (link.kind, link.state, link.procore_id) == ("injury", "live", str(injury["id"]))
    assert link.fourhse_id == before["office_incident_person_id"]
    assert injury["description"] == "<p>It missed Ann Lee.</p>"
    assert (world.inbox(), is_quiet(world)) == ([], True)
    with world.store.read() as unit:
        assert unit.inbox(world.route.key).entries(states=("open", "answered")) == []
    assert (world.procore.refused, world.fourhse.refused) == ([], [])


def test_from_now_on_it_is_an_injury_as_any_other(world: World):
    calls_it_an_accident(world)
    adds_days(world, 9)
    world.sync()
    says(world, "injury")
    world.sync()
    adds_days(world, 12)
    assert wrote(world.sync()) == {**NOTHING, "updated": 1}
    assert on_site(world) == [("injury", 12)]


def test_what_4hse_alone_knew_of_the_injury_comes_with_it(world: World):
    text = "Affliction: Burn\nBody parts: Neck\n\nIt missed Ann Lee."
    world.fourhse.hand_edit("incident-person", involved(world)["office_incident_person_id"], description=text, days=2)
    world.sync()
    says(world, "injury")
    world.sync()
    (injury,) = next(iter(world.site().values()))["injuries"]
    assert (injury["affliction_type"]["name"], injury["affected_body_parts"]) == ("Burn", ["neck"])
    world.sync()
    assert (is_quiet(world), world.inbox()) == (True, [])


def test_without_the_word_the_category_of_4hse_follows_the_injury(world: World):
    adds_days(world, 2)
    world.sync()
    says(world, "injury")
    world.sync()
    world.sync()
    (row,) = world.office().values()
    assert (row["category"], on_site(world)) == ("ACCIDENTS", [("injury", 2)])
    assert (world.inbox(), is_quiet(world)) == ([], True)


def test_a_category_taken_back_later_deletes_no_injury(world: World):
    calls_it_an_accident(world)
    world.sync()
    says(world, "injury")
    world.sync()
    calls_it_an_accident(world, "NON_COMPLIANCE")
    world.sync()
    assert on_site(world) == [("injury", None)]
    assert only(world, "conflict").item.field == "category"


def test_a_route_that_writes_to_procore_alone_makes_it_too(build, store_url):
    world = endangered(build(store_url))
    world.with_route(direction=Direction.TO_PROCORE)
    world.sync()
    for entry in world.inbox():
        world.answer(entry.id, "approve")
    calls_it_an_accident(world)
    world.sync()
    says(world, "injury")
    world.sync()
    assert (on_site(world), recycled(world)) == ([("injury", None)], ["near_miss"])


def test_a_route_that_never_writes_to_procore_offers_to_leave_it_alone(build, store_url):
    world = endangered(build(store_url, direction=Direction.TO_FOURHSE))
    calls_it_an_accident(world)
    world.sync()
    item = only(world, "conflict").item
    assert item.facts["uses"] == ["leave"]
    assert "This route never writes to Procore, so record the injury there by hand" in item.advice
    says(world, "leave")
    assert is_quiet(world)
    assert world.inbox() == []


# Leave ------------------------------------------------------------------------------------------------------------


def test_leave_keeps_both_until_one_changes(world: World):
    calls_it_an_accident(world)
    world.sync()
    says(world, "leave")
    for _ in range(3):
        assert is_quiet(world)
        assert world.inbox() == []
    report = world.sync()
    assert (report.population["procore"]["in_sync"], on_site(world)) == (1, [("near_miss", None)])
    adds_days(world, 5)
    world.sync()
    assert "5 days of absence" in only(world, "conflict").item.reason
    says(world, "leave")
    world.sync()
    world.procore.hand_edit("near_miss", near_miss(world), description="<p>It hit her after all.</p>")
    world.sync()
    assert len(waiting(world, "conflict")) == 1


def test_leave_holds_while_the_lists_are_not_whole_and_while_the_incident_is_away(world: World):
    calls_it_an_accident(world)
    world.sync()
    says(world, "leave")
    world.sync()
    (site,) = world.site()
    for is_private in (True, False):
        world.procore.hand_edit("incident", int(site), private=is_private)
        world.sync()
        assert world.inbox() == []
    world.procore.forbid(r"/near_misses$")
    world.sync()
    world.procore.permit_all()
    world.sync()
    assert world.inbox() == []


def test_leave_goes_on_counting_when_what_is_known_of_the_person_is_removed(world: World):
    calls_it_an_accident(world)
    world.sync()
    says(world, "leave")
    world.sync()
    (party,) = [str(party) for _, party, _ in crew.on_site(world)]
    forget_person(world.runtime, party, {world.route.key: world.route.mapping}, salt=lambda: "salt")
    with world.store.read() as unit:
        (entry,) = unit.inbox(world.route.key).entries(states=("answered",))
    assert "Ann" not in f"{entry.item}"
    for _ in range(2):
        world.sync()
        assert world.inbox() == []


# Between question and answer, and between the two writes ----------------------------------------------------------


def test_an_edit_on_site_after_the_question_voids_the_answer(world: World):
    calls_it_an_accident(world)
    world.sync()
    says(world, "injury")
    world.procore.hand_edit("near_miss", near_miss(world), description="<p>It grazed her.</p>")
    world.sync()
    assert on_site(world) == [("near_miss", None)]
    world.sync()
    says(world, "injury")
    world.sync()
    (injury,) = next(iter(world.site().values()))["injuries"]
    assert (injury["description"], is_quiet(world)) == ("<p>It grazed her.</p>", True)


def test_other_days_after_the_question_void_the_answer(world: World):
    adds_days(world, 2)
    world.sync()
    says(world, "injury")
    adds_days(world, 20)
    world.sync()
    assert on_site(world) == [("near_miss", None)]
    assert "20 days of absence" in only(world, "conflict").item.reason


def test_a_near_miss_that_is_changed_between_the_two_writes_stays_and_is_asked_about(world: World):
    calls_it_an_accident(world)
    world.sync()
    says(world, "injury")
    one, near = near_miss(world), r"/near_misses/\d+$"
    world.faults.add(FaultKind.ERROR_BEFORE, status=503, method="DELETE", path=near, times=9)
    world.sync()
    world.faults.clear()
    world.procore.hand_edit("near_miss", one, description="<p>No, it hit Bo.</p>")
    world.sync()
    assert on_site(world) == [("injury", None), ("near_miss", None)]
    assert len(crew.in_office(world)) == 1, "nobody is counted twice"
    assert "the near miss was changed since you answered" in only(world, "conflict").item.reason
    says(world, "leave")
    assert is_quiet(world)
    assert (world.inbox(), len(crew.in_office(world))) == ([], 1)
    world.procore.hand_edit("near_miss", one, description="<p>It hit Ann.</p>")
    world.sync()
    says(world, "injury")
    world.sync()
    assert (on_site(world), recycled(world)) == ([("injury", None)], ["near_miss"])
    assert (world.inbox(), is_quiet(world), len(crew.in_office(world))) == ([], True, 1)


def test_an_injury_that_is_gone_before_the_near_miss_leaves_it_in_its_place(world: World):
    """Nobody vanishes from an incident: the near miss is rejoined."""
    calls_it_an_accident(world)
    world.sync()
    says(world, "injury")
    world.faults.add(FaultKind.ERROR_BEFORE, status=503, method="DELETE", path=r"/near_misses/\d+$", times=9)
    world.sync()
    world.faults.clear()
    (injury,) = next(iter(world.site().values()))["injuries"]
    world.procore.hand_delete("injury", injury["id"])
    for _ in range(2):
        world.sync()
    assert on_site(world) == [("near_miss", None)]
    assert len(crew.in_office(world)) == 1
    assert "calls it an accident" in only(world, "conflict").item.reason


def test_an_injury_that_goes_at_the_last_moment_keeps_the_near_miss(world: World):
    calls_it_an_accident(world)
    world.sync()
    says(world, "injury")

    def is_taken_away(request: Any) -> bool:
        """Right after our last look at the near miss."""
        if request.method == "GET" and re.search(r"/near_misses/\d+$", request.path):
            for injury in next(iter(world.site().values()))["injuries"]:
                world.procore.hand_delete("injury", injury["id"])
        return False

    world.faults.add(FaultKind.ERROR_BEFORE, where=is_taken_away, times=None)
    assert world.sync().outcome == "partial"
    assert on_site(world) == [("near_miss", None)], "nobody vanishes from an incident"


# When a write fails -----------------------------------------------------------------------------------------------

LOSSES = (FaultKind.LOST_ANSWER, FaultKind.ERROR_AFTER, FaultKind.HALF_JSON, FaultKind.REFUSED_CONNECTION)


@pytest.mark.one_case_in(3)
@pytest.mark.parametrize("fault", LOSSES)
@pytest.mark.parametrize(("method", "path"), [("POST", r"/incidents/injuries$"), ("DELETE", r"/near_misses/\d+$")])
def test_a_lost_answer_makes_nothing_twice_and_loses_nothing(world: World, fault: FaultKind, method: str, path: str):
    calls_it_an_accident(world)
    adds_days(world, 9)
    world.sync()
    says(world, "injury")
    world.faults.add(fault, method=method, path=path)
    world.sync()
    assert world.faults.fired[fault] == 1
    for _ in range(12):
        if is_quiet(world):
            break
    assert (on_site(world), recycled(world)) == ([("injury", 9)], ["near_miss"])
    assert [days for _, days in crew.in_office(world)] == [9]
    assert (world.inbox(), is_quiet(world)) == ([], True)


def test_a_refused_injury_leaves_the_near_miss_where_it_is(world: World):
    calls_it_an_accident(world)
    world.sync()
    says(world, "injury")
    world.faults.add(FaultKind.ERROR_BEFORE, status=422, method="POST", path=r"/incidents/injuries$", times=None)
    for _ in range(3):
        world.sync()
        assert (on_site(world), recycled(world)) == ([("near_miss", None)], [])
    assert len(waiting(world, "refused")) == 1
    world.faults.clear()
    world.answer(only(world, "refused").id, "retry")
    world.sync()
    world.sync()
    assert (on_site(world), recycled(world), world.inbox()) == ([("injury", None)], ["near_miss"], [])


def test_a_bin_that_is_closed_to_us_is_told_and_counts_nobody_twice(world: World):
    calls_it_an_accident(world)
    world.sync()
    says(world, "injury")
    world.faults.add(FaultKind.FORBIDDEN, method="DELETE", path=r"/near_misses/\d+$", times=None)
    for _ in range(3):
        world.sync()
    assert on_site(world) == [("injury", None), ("near_miss", None)]
    assert len(crew.in_office(world)) == 1
    assert "Procore did not delete it. It says: " in only(world, "refused").item.reason
    world.faults.clear()
    world.answer(only(world, "refused").id, "retry")
    world.sync()
    world.sync()
    assert (on_site(world), world.inbox(), is_quiet(world)) == ([("injury", None)], [], True)


# Other ways in ----------------------------------------------------------------------------------------------------


def test_a_backfill_asks_about_what_it_links(build, store_url):
    world = build(store_url, since=date(2026, 3, 1))
    party, _ = hire(world)
    hurt_on_site(world, world.on_site("Loose plank", DAY, description="A plank."), party, kind="near_miss")
    office = world.in_office("Loose plank", DAY, description_event="A plank.", category="ACCIDENTS")
    backfill(world.runtime, world.route, Span(DAY, DAY))
    assert on_site(world) == [("near_miss", None)]
    world.sync()
    assert "calls it an accident" in only(world, "conflict").item.reason
    says(world, "injury")
    world.sync()
    world.sync()
    assert (on_site(world), len(crew.in_office(world, office)), world.inbox()) == ([("injury", None)], 1, [])


def test_an_injury_that_became_a_near_miss_on_site_is_asked_about(build, store_url):
    """Taken back on site while 4HSE still tells of an accident with its days."""
    world = build(store_url)
    party, assignment = hire(world)
    site = world.on_site()
    injury = hurt_on_site(world, site, party, days=3)
    world.sync()
    world.procore.hand_delete("injury", injury)
    hurt_on_site(world, site, party, kind="near_miss")
    world.sync()
    world.sync()
    assert "3 days of absence" in only(world, "conflict").item.reason
    assert crew.in_office(world, partner(world, site)) == [(assignment, 3)]


def test_limits_of_deletions_do_not_count_what_was_answered_one_by_one(build, store_url):
    world = endangered(build(store_url, limits=Limits(max_deletes=0)))
    calls_it_an_accident(world)
    world.sync()
    says(world, "injury")
    assert world.sync().outcome == "ok"
    assert on_site(world) == [("injury", None)]
