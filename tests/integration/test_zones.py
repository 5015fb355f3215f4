"""Days stay where they are: four zones, the nights when their clocks change, awkward times, both directions."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from judge import judged
from procore_4hse.simulator.procore_dials import ProcoreDials
from world import PROJECT, World

pytestmark = pytest.mark.any_store

TIMES = (time(0, 0), time(0, 30), time(1, 30), time(2, 30), time(23, 59), None)
NIGHTS = {
    "Pacific/Honolulu": (date(2016, 3, 13), date(2016, 11, 6)),
    "America/Los_Angeles": (date(2016, 3, 13), date(2016, 11, 6)),
    "Europe/Rome": (date(2016, 3, 27), date(2016, 10, 30)),
    "Australia/Sydney": (date(2016, 10, 2), date(2016, 4, 3)),
}
ZONES = pytest.mark.parametrize("zone", list(NIGHTS))


def around(zone: str) -> list[date]:
    return [night + timedelta(days=shift) for night in NIGHTS[zone] for shift in (-1, 0, 1)]


def report(world: World, day: date, at: time | None) -> str:
    """An incident in Procore; a person who does not know the time leaves the clock at midnight."""
    moment = datetime.combine(day, at or time(), ZoneInfo(world.zone))
    known = {"event_date": moment.astimezone(UTC), "time_unknown": at is None}
    words = f"{day} {at}"
    return str(world.procore.hand_create("incident", PROJECT, title=words, description=f"At {words}.", **known))


def local(world: World, procore_id: str) -> datetime:
    return datetime.fromisoformat(world.site()[procore_id]["event_date"]).astimezone(ZoneInfo(world.zone))


@ZONES
def test_no_incident_moves_by_a_day(build, zone):
    world = build(zone=zone)
    expected = {report(world, day, at): day for day in around(zone) for at in TIMES}
    stamps = {one: row["event_date"] for one, row in world.site().items()}
    written = {world.in_office(f"In the office {day}", day): day for day in around(zone)}
    assert world.sync(first=True).outcome == "ok"
    partner = {link.procore_id: link.fourhse_id for link in world.links()}
    days = {one: world.office()[partner[one]]["date_incident"] for one in expected}
    assert days == {one: day.isoformat() for one, day in expected.items()}
    back = {theirs: ours for ours, theirs in partner.items()}
    made = {one: local(world, back[one]) for one in written}
    assert {one: moment.date() for one, moment in made.items()} == written
    assert all(world.site()[back[one]]["time_unknown"] for one in written)
    for _ in range(3):
        assert world.sync(full=True).written == NOTHING
    assert {one: row["event_date"] for one, row in world.site().items() if one in stamps} == stamps
    assert judged(world) == []


@ZONES
def test_a_day_set_in_4hse_keeps_procore_s_time_of_day(build, zone):
    world = build(zone=zone)
    calm = date(2016, 6, 15)
    times = {report(world, calm + timedelta(days=4 * number), at): at for number, at in enumerate(TIMES)}
    assert world.sync(first=True).outcome == "ok"
    partner = {link.procore_id: link.fourhse_id for link in world.links()}
    for day in around(zone):
        for theirs in partner.values():
            world.fourhse.hand_edit("incident", theirs, date_incident=day.isoformat())
        assert world.sync().outcome == "ok"
        assert {one: local(world, one).date() for one in times} == dict.fromkeys(times, day)
        flags = {one: world.site()[one]["time_unknown"] for one in times}
        assert flags == {one: at is None for one, at in times.items()}
    calm_again = calm + timedelta(days=40)
    for theirs in partner.values():
        world.fourhse.hand_edit("incident", theirs, date_incident=calm_again.isoformat())
    assert world.sync().outcome == "ok"
    kept = [at for at in times.values() if at not in (time(2, 30), None)]
    assert [local(world, one).time() for one, at in times.items() if at in kept] == kept
    assert judged(world) == []


@pytest.mark.one_case_in(5)
@pytest.mark.parametrize("form", ["local midnight", "local noon", "UTC midnight"])
@ZONES
def test_a_day_of_unknown_time_stays_whatever_procore_stores_for_it(build, zone, form):
    world = build(zone=zone, procore_dials=ProcoreDials(unknown_time_event_date=form))
    told = {report(world, day, None): day for day in around(zone)}
    written = {world.in_office(f"In the office {day}", day): day for day in around(zone)}
    assert world.sync(first=True).outcome == "ok"
    partner = {link.procore_id: link.fourhse_id for link in world.links()}
    assert {one: world.office()[partner[one]]["date_incident"] for one in told} == {
        one: day.isoformat() for one, day in told.items()
    }
    assert {one: world.office()[one]["date_incident"] for one in written} == {
        one: day.isoformat() for one, day in written.items()
    }
    assert world.sync(full=True).written == NOTHING
    calm = date(2016, 6, 15)
    for theirs in partner.values():
        world.fourhse.hand_edit("incident", theirs, date_incident=calm.isoformat())
    assert world.sync().outcome == "ok"
    for _ in range(2):
        assert world.sync(full=True).written == NOTHING
    assert {row["date_incident"] for row in world.office().values()} == {calm.isoformat()}
    assert judged(world) == []


def test_the_midnight_utc_of_a_copied_sample_is_the_day_that_it_names(build):
    world = build(zone="America/Los_Angeles")
    sample = {"title": "Fall", "event_date": datetime(2025, 4, 1, tzinfo=UTC), "time_unknown": True}
    ours = str(world.procore.hand_create("incident", PROJECT, **sample))
    known = str(world.procore.hand_create("incident", PROJECT, **{**sample, "title": "Slip", "time_unknown": False}))
    assert world.sync(first=True).outcome == "ok"
    partner = {link.procore_id: link.fourhse_id for link in world.links()}
    days = [world.office()[partner[one]]["date_incident"] for one in (ours, known)]
    assert days == ["2025-04-01", "2025-03-31"]
    world.fourhse.hand_edit("incident", partner[ours], date_incident="2025-04-03")
    assert world.sync().outcome == "ok"
    assert world.site()[ours]["event_date"] == "2025-04-03T07:00:00Z"
    assert world.sync(full=True).written == NOTHING


def test_another_name_of_the_same_zone_is_no_change(build):
    world = build(zone="America/Los_Angeles")
    ours = world.on_site("Late shift", date(2026, 2, 10), hour=23)
    assert world.sync(first=True).outcome == "ok"
    [theirs] = world.office()
    world.procore.add_project(PROJECT, "Riverside", "US/Pacific", "US/Pacific")
    world.fourhse.hand_edit("incident", theirs, date_incident="2026-02-12")
    report = world.sync()
    assert (report.outcome, report.written["procore"]["updated"], world.inbox()) == ("ok", 1, [])
    assert local(world, ours) == datetime(2026, 2, 12, 23, tzinfo=ZoneInfo("US/Pacific"))
    assert world.sync(full=True).written == NOTHING
    with world.store.begin() as unit:
        assert unit.routes.get(world.route.key, world.route.name).zone == "US/Pacific"
    world.procore.add_project(PROJECT, "Riverside", "Phoenix", "America/Phoenix")
    assert world.sync().outcome == "stopped"
    [entry] = world.inbox()
    assert "was US/Pacific and is now America/Phoenix" in entry.item.reason


NOTHING = {side: {"created": 0, "updated": 0, "deleted": 0} for side in ("procore", "fourhse")}
