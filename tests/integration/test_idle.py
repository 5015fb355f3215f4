"""What an idle cycle of one route costs with hundreds of incidents a side."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from actors import hire, hurt_on_site, partner
from judge import is_quiet
from procore_4hse.operations.check import check_all
from procore_4hse.simulator.faults import FaultKind
from world import OFFICE, PROJECT, World

pytestmark = pytest.mark.any_store

MANY = 300


def fill(world: World) -> None:
    """Incidents that both sides hold already, some of them with people."""
    person = world.fourhse.add_person(world.route.fourhse_project, OFFICE, "Lee", "Marsh")
    for number in range(MANY):
        day = date(2023, 5, 1) + timedelta(days=number)
        words = {"title": f"Fall {number}", "description": f"A worker fell from step {number}."}
        moment = datetime(day.year, day.month, day.day, 20, tzinfo=UTC)
        made = world.procore.hand_create("incident", PROJECT, event_date=moment, time_unknown=number % 2 == 0, **words)
        theirs = world.in_office(words["title"], day, description_event=words["description"], category="ACCIDENTS")
        if number < 150:
            world.procore.hand_create("injury", PROJECT, incident_id=made)
            world.fourhse.hand_create("incident-person", OFFICE, office_incident_id=theirs, person_office_id=person)


def test_an_idle_cycle_reads_what_can_have_changed_once(build):
    world = build()
    fill(world)
    assert world.sync(first=True).outcome == "ok"
    assert len([link for link in world.links() if link.kind == "incident"]) == MANY
    while not is_quiet(world, world.sync()):
        pass
    before, theirs = world.procore.calls.copy(), world.fourhse.calls.copy()
    report = world.sync()
    assert is_quiet(world, report)
    at_procore, at_4hse = world.procore.calls - before, world.fourhse.calls - theirs
    assert at_procore == {PROJECT_ITSELF: 1, INCIDENTS: 1, f"{INCIDENTS}/injuries": 1}
    assert {name: count for name, count in at_4hse.items() if name != "token"} == {
        "incident/index": 3,
        "incident-person/index": 2,
    }
    assert report.calls == {"procore": at_procore.total(), "fourhse": at_4hse.total()}
    world.fourhse.dials = replace(world.fourhse.dials, page_cap=1000)
    told = [finding.what for finding in check_all(world.runtime, [world.route])]
    assert "4HSE lists up to 1000 rows a call; so many are asked for from now on." in told
    world.runtime = World._house(world.store, world.clock, world.procore, world.fourhse)
    assert pages_read(world) == {"incident/index": 1, "incident-person/index": 1}
    world.fourhse.dials = replace(world.fourhse.dials, page_cap=100)
    assert pages_read(world) == {"incident/index": 4, "incident-person/index": 2}
    assert pages_read(world) == {"incident/index": 3, "incident-person/index": 2}


def pages_read(world: World) -> dict[str, int]:
    before = world.fourhse.calls.copy()
    assert is_quiet(world, world.sync())
    return {name: count for name, count in (world.fourhse.calls - before).items() if name != "token"}


PROJECT_ITSELF = "GET /rest/v1.0/projects/{id}"
INCIDENTS = "GET /rest/v1.0/projects/{project_id}/incidents"
RECORD_LISTS = ("injuries", "near_misses", "property_damages", "environmentals")


def read_of(world: World, **options: bool) -> list[str]:
    """Which of Procore's four lists of records a cycle reads."""
    before = world.procore.calls.copy()
    assert world.sync(**options).outcome == "ok"
    read = world.procore.calls - before
    return [name for name in RECORD_LISTS if read[f"{INCIDENTS}/{name}"]]


def test_lists_of_records_are_read_when_an_incident_changes_or_counts_others_and_at_sweeps(build):
    world = build()
    incident = world.on_site()
    assert read_of(world, first=True) == [*RECORD_LISTS]
    assert read_of(world) == ["injuries"]
    world.procore.hand_edit("incident", int(incident), title="A fall from a ladder")
    assert read_of(world) == [*RECORD_LISTS]
    damage = world.procore.hand_create("property_damage", PROJECT, incident_id=int(incident), description="A gate.")
    assert read_of(world) == [*RECORD_LISTS]
    assert "A gate." in str(world.office()[partner(world, incident)])
    assert read_of(world) == ["injuries"]
    world.procore.hand_create("near_miss", PROJECT, incident_id=int(incident))
    assert read_of(world) == [*RECORD_LISTS]
    assert read_of(world) == ["injuries", "near_misses"]
    assert read_of(world, full=True) == [*RECORD_LISTS]
    world.procore.hand_delete("property_damage", damage)
    assert read_of(world) == [*RECORD_LISTS]
    assert "A gate." not in str(world.office()[partner(world, incident)])


def test_what_leaves_no_trace_in_its_incident_crosses_within_a_full_sweep(build):
    world = build()
    incident = world.on_site()
    damage = world.procore.hand_create("property_damage", PROJECT, incident_id=int(incident), description="A gate.")
    assert read_of(world, first=True) == [*RECORD_LISTS]
    began = world.clock.now
    assert read_of(world) == ["injuries"]
    world.procore.hand_edit("property_damage", damage, description="A gate and a fence.")
    assert read_of(world) == ["injuries"], "no incident says so"
    world.clock.now = began + world.runtime.full_sweep_every - timedelta(minutes=5)
    assert read_of(world) == [*RECORD_LISTS]
    assert "A gate and a fence." in str(world.office()[partner(world, incident)])


def test_lists_are_read_again_until_all_of_them_came_whole(build):
    world = build()
    world.on_site()
    world.faults.add(FaultKind.FORBIDDEN, path="/incidents/environmentals", times=None)
    assert world.sync(first=True).outcome == "partial"
    world.faults.clear()
    assert read_of(world) == [*RECORD_LISTS]
    assert read_of(world) == ["injuries"]


LISTS_OF_PEOPLE = ("people", "person-office/index")


def test_the_lists_of_people_are_read_when_a_record_changes_and_not_when_its_incident_is_renamed(build):
    """Rows of people repeat their incident's title."""
    world = build()
    party, _ = hire(world)
    other, _ = hire(world, "Bo Ray", "E2")
    incident = world.on_site()
    injury = hurt_on_site(world, incident, party)
    assert readings_of_lists(world) == 2
    assert readings_of_lists(world) == 2, "what we wrote ourselves is new too"
    assert readings_of_lists(world) == 0
    world.procore.hand_edit("incident", int(incident), title="A fall from a ladder")
    assert readings_of_lists(world) == 0
    world.fourhse.hand_edit("incident", partner(world, incident), name="A fall from a roof")
    assert readings_of_lists(world) == 0
    assert readings_of_lists(world) == 0
    assert world.site()[incident]["title"] == "A fall from a roof"
    world.procore.hand_edit("injury", injury, affected_party_id=other)
    assert readings_of_lists(world) == 2


def readings_of_lists(world: World) -> int:
    """How often a cycle reads who may be named, on both sides together."""
    before = world.procore.calls + world.fourhse.calls
    assert world.sync().outcome == "ok"
    read = world.procore.calls + world.fourhse.calls - before
    return sum(count for name, count in read.items() if name.endswith(LISTS_OF_PEOPLE))
