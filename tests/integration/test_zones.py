"""Days stay where they are: four zones, the nights when their clocks change, awkward times, both directions."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from judge import judged
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


NOTHING = {side: {"created": 0, "updated": 0, "deleted": 0} for side in ("procore", "fourhse")}
