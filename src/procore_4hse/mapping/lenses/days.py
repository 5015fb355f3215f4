"""Instants and local days: Procore keeps a UTC instant, 4HSE a day, and the project's zone stands between them."""

import csv
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo, available_timezones

_SECOND = timedelta(seconds=1)
_STEP = timedelta(days=4)
"""Shorter than any time between two clock changes: a week, in Brazil in the autumn of 2000."""
_RULES_FROM, _RULES_TO = datetime(1970, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
"""The years in which two zones are compared: names of one zone may differ before, when few places kept records."""
_FIRST_YEAR, _LAST_YEAR = 2, 9998
"""A zone may move a day into the year before or after, and Python knows none before 1 or after 9999."""


@cache
def _zone_names() -> dict[str, str]:
    text = files(__package__).joinpath("time_zones.csv").read_text(encoding="utf-8")
    return {row["procore"]: row["tz"] for row in csv.DictReader(text.splitlines())}


@cache
def _known_zones() -> frozenset[str]:
    return frozenset(available_timezones())


def zone_name(tz_name: object, time_zone: object) -> str | None:
    """The tz database name of a Procore project: its `tz_name`, else the one its `time_zone` stands for (P63)."""
    for name in (tz_name, _zone_names().get(str(time_zone)), time_zone):
        if isinstance(name, str) and name in _known_zones():
            return name
    return None


def same_rules(one: str, other: str) -> bool:
    """Whether two zones show the same local time at every instant from 1970 to 2100.

    `US/Pacific` is another name of `America/Los_Angeles`. Rome and Berlin share their clocks today, but not in the
    1970s, and count as different. A name that the tz database does not hold is like itself alone.
    """
    if one == other:
        return True
    return {one, other} <= _known_zones() and _clock_changes(one) == _clock_changes(other)


@cache
def _clock_changes(zone: str) -> tuple[tuple[datetime, timedelta], ...]:
    """The offset at the beginning, and each later one with the second in which it begins."""
    tz = ZoneInfo(zone)
    moment, offset = _RULES_FROM, _offset(_RULES_FROM, tz)
    changes = [(moment, offset)]
    while moment < _RULES_TO:
        later = moment + _STEP
        if (new := _offset(later, tz)) != offset:
            changes.append((_change_between(moment, later, tz), new))
        moment, offset = later, new
    return tuple(changes)


def _change_between(low: datetime, high: datetime, tz: ZoneInfo) -> datetime:
    before = _offset(low, tz)
    while high - low > _SECOND:
        middle = low + timedelta(seconds=(high - low) // _SECOND // 2)
        low, high = (middle, high) if _offset(middle, tz) == before else (low, middle)
    return high


def _offset(moment: datetime, tz: ZoneInfo) -> timedelta:
    return moment.astimezone(tz).utcoffset() or timedelta()


def parse_instant(text: object) -> datetime | None:
    """An ISO 8601 instant in UTC, with 0, 3 or 6 fraction digits, Z or an offset; None when it is none.

    The first and the last year of the calendar are none either: some zone has no name for their days.
    """
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    if not _is_in_range(moment):
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


def parse_day(text: object) -> date | None:
    """The day of a date, or of a date with a time behind it; never moved by a zone."""
    try:
        return date.fromisoformat(str(text)[:10])  # Whatever stands behind the day is no part of it.
    except ValueError:
        return None


def format_instant(moment: datetime) -> str:
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def local_day(moment: datetime, zone: str) -> date:
    return moment.astimezone(ZoneInfo(zone)).date()


def day_of_instant(moment: datetime, zone: str, *, time_unknown: bool) -> date:
    """The day that an instant of Procore's means in the project's zone."""
    # A day of unknown time is the project's midnight by the guide (P61), but many clients copied a sample that sends
    # midnight UTC (P127). West of Greenwich that is an hour of the evening before, which nobody meant. East of it, and
    # for every other instant that a server may make of such a day, the local day is the right one.
    if time_unknown and moment.time() == time.min:
        return moment.date()
    return local_day(moment, zone)


def first_instant(day: date, zone: str) -> datetime | None:
    """The first instant that bears this day in the zone; None when the zone skipped the day altogether."""
    if not _is_in_range(day):
        return None
    moment = datetime.combine(day, time.min, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    if not _on(moment, day, zone):
        return None
    # A midnight inside a gap of the clocks maps behind its end: back to the first second that bears the day.
    while _on(moment - _SECOND, day, zone):
        moment -= _SECOND
    return moment


def same_time_on(day: date, moment: datetime, zone: str) -> datetime | None:
    """The instant on `day` with the local time of `moment`; a time inside a clock gap moves with the gap."""
    if not _is_in_range(day):
        return None
    local = moment.astimezone(ZoneInfo(zone))
    moved = datetime.combine(day, local.time(), tzinfo=ZoneInfo(zone)).astimezone(UTC)
    return moved if _on(moved, day, zone) else first_instant(day, zone)


def _is_in_range(day: date) -> bool:
    return _FIRST_YEAR <= day.year <= _LAST_YEAR


def _on(moment: datetime, day: date, zone: str) -> bool:
    return local_day(moment, zone) == day
