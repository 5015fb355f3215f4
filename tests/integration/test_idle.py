"""What an idle cycle of one route costs with a thousand incidents a side."""

from datetime import UTC, date, datetime, timedelta

import pytest

from judge import is_quiet
from world import OFFICE, PROJECT, World

pytestmark = pytest.mark.any_store

MANY = 1000


def fill(world: World) -> None:
    """A thousand incidents that both sides hold already, some of them with people."""
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


def test_an_idle_cycle_reads_each_list_once(build):
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
    lists = sum(count for name, count in at_procore.items() if name.rsplit("/", 1)[-1] in RECORD_LISTS)
    tokens = at_procore["POST /oauth/token"]
    assert lists == 4
    assert at_procore.total() - lists - tokens <= 4
    assert {name: count for name, count in at_4hse.items() if name != "token"} == {
        "incident/index": 10,
        "incident-person/index": 2,
    }
    assert report.calls == {"procore": at_procore.total(), "fourhse": at_4hse.total()}


RECORD_LISTS = ("injuries", "near_misses", "property_damages", "environmentals")
