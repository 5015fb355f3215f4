"""After each cycle both registers say the same, compared by a judge that knows nothing of the engine."""

from datetime import datetime, time
from zoneinfo import ZoneInfo

from edits import Desk, seed, settle_doubts
from oracle import differences, duplicates, shapes
from procore_4hse.report import Report
from world import World


def judged(world: World, *, blanks_count: bool = True) -> list[str]:
    pairs = [(link.procore_id, link.fourhse_id) for link in world.links()]
    site, office = world.site().values(), world.office().values()
    return differences(site, office, pairs, world.zone, blanks_count=blanks_count)


def twins(world: World) -> list[tuple[str, ...]]:
    site, office = list(world.site().values()), list(world.office().values())
    return [
        *duplicates(site, "title", "event_date", "description"),
        *duplicates(office, "name", "date_incident", "description_event"),
    ]


def is_quiet(world: World, report: Report) -> bool:
    """No write on either side, and everything counted once."""
    nothing = {"created": 0, "updated": 0, "deleted": 0}
    counted = {side: sum(places.values()) for side, places in report.population.items()}
    there = {"procore": len(world.site()), "fourhse": len(world.office())}
    return report.written == {"procore": nothing, "fourhse": nothing} and counted == there


def after_a_round(world: World, desk: Desk) -> None:
    """One cycle brings a round of edits to the other side, with no time of day and no `new` lost on the way."""
    times, news = clock_times(world), never_touched(world)
    edits = desk.round()
    moved = {edit.procore_id for edit in edits if (edit.side, edit.field) == ("procore", "day")}
    touched = {edit.fourhse_id for edit in edits if edit.field == "status"}
    report = world.sync()
    assert (report.outcome, report.reason) == ("ok", None)
    assert judged(world) == []
    now = clock_times(world)
    assert {one: now[one] for one in now if one not in moved} == {one: times[one] for one in times if one not in moved}
    assert news - touched <= never_touched(world)


def clock_times(world: World) -> dict[str, tuple[time, bool]]:
    zone = ZoneInfo(world.zone)
    return {
        one: (datetime.fromisoformat(row["event_date"]).astimezone(zone).time(), row["time_unknown"])
        for one, row in world.site().items()
    }


def never_touched(world: World) -> set[str]:
    """4HSE incidents that nobody has looked at yet."""
    return {one for one, row in world.office().items() if row["status"] == "new"}


def test_three_hundred_real_incidents_a_side_meet_and_stay_the_same(tmp_path):
    world = World.build(f"sqlite:///{tmp_path}/sync.db")
    seed(world, 300, shared=10)
    report = world.sync(first=True)
    assert report.exit_code == 0, report.reason
    doubts = settle_doubts(world)
    assert doubts > 5, "the real register holds accidents that look alike"
    assert world.sync().outcome == "ok"
    assert len(world.links()) == 590
    assert judged(world) == []
    assert twins(world) == []
    for name in ("long title", "line break", "quote", "closed", "known time", "unknown time", "injured"):
        assert shapes(list(world.site().values()))[name] > 0, name

    desk = Desk(world)
    for _ in range(3):
        after_a_round(world, desk)
    assert len(desk.counts()) == 8, "every kind of edit on both sides"
    assert min(desk.counts().values()) > 20
    for name in ("markup", "angle", "not ASCII"):
        assert shapes(list(world.site().values()))[name] > 0, name
    assert is_quiet(world, world.sync(full=True))
    assert (world.procore.refused, world.fourhse.refused) == ([], [])
    assert twins(world) == []
