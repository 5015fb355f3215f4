"""A world under repeated edits, and its judge: `judged` knows nothing of the engine."""

from __future__ import annotations

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

from edits import Editors
from oracle import differences, duplicates
from procore_4hse.engine.report import Report
from world import World


def judged(world: World, *, blanks_count: bool = True) -> list[str]:
    pairs = [(link.procore_id, link.fourhse_id) for link in world.links() if link.state == "live"]
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
    counted = {side: sum(statuses.values()) for side, statuses in report.population.items()}
    there = {"procore": len(world.site()), "fourhse": len(world.office())}
    return report.written == {"procore": nothing, "fourhse": nothing} and counted == there


def after_edits(world: World, editors: Editors, *, blanks_count: bool = True) -> None:
    """One cycle brings a round of edits to the other side, with no time of day and no `new` lost on the way."""
    times, news = clock_times(world), never_touched(world)
    edits = editors.edit_both_sides()
    moved = {edit.procore_id for edit in edits if (edit.side, edit.field) == ("procore", "day")}
    touched = {edit.fourhse_id for edit in edits if edit.field == "status"}
    report = world.sync()
    assert (report.outcome, report.reason) == ("ok", None)
    assert judged(world, blanks_count=blanks_count) == []
    now = clock_times(world)
    lost = [one for one in now if one not in moved and not is_kept(times[one], now[one])]
    assert lost == [], "the time of day survives whatever 4HSE's people do"
    assert news - touched <= never_touched(world)


def clock_times(world: World) -> dict[str, tuple[datetime, bool]]:
    zone = ZoneInfo(world.zone)
    return {
        one: (datetime.fromisoformat(row["event_date"]).astimezone(zone), row["time_unknown"])
        for one, row in world.site().items()
    }


def is_kept(before: tuple[datetime, bool], now: tuple[datetime, bool]) -> bool:
    """The same local time and flag; a time that the new day skips at its clock change cannot stay as it was.

    Midnight UTC where the time is unknown is no time of day.
    """
    if before[1] and now[1] and before[0].astimezone(UTC).time() == time():
        return True
    wanted = datetime.combine(now[0], before[0].time(), now[0].tzinfo)
    is_skipped = wanted.astimezone(UTC).astimezone(now[0].tzinfo).time() != wanted.time()
    return before[1] == now[1] and (is_skipped or before[0].time() == now[0].time())


def never_touched(world: World) -> set[str]:
    """4HSE incidents that nobody has looked at yet."""
    return {one for one, row in world.office().items() if row["status"] == "new"}
