"""Instants and local days, in every zone and around every kind of clock change."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from importlib.resources import files
from pathlib import Path
from zoneinfo import TZPATH, ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from procore_4hse.mapping.lenses import days

quick = settings(derandomize=True, max_examples=200)

ZONES = sorted(available_timezones() - {"localtime", "posixrules"})
YEARS = (2011, 2018, 2024)
SECOND, DAY = timedelta(seconds=1), timedelta(days=1)
dates = st.dates(date(1990, 1, 1), date(2100, 12, 31))


def at(written: str) -> datetime:
    return datetime.fromisoformat(written).astimezone(UTC)


@cache
def edges() -> tuple[tuple[str, datetime], ...]:
    """Every clock change of every zone in three years: the zone, and the first instant after the change."""
    return tuple((zone, edge) for zone in ZONES for year in YEARS for edge in edges_of(zone, year))


def edges_of(zone: str, year: int) -> Iterator[datetime]:
    tz, step = ZoneInfo(zone), timedelta(days=4)
    moment = datetime(year - 1, 12, 31, tzinfo=UTC)
    while moment.year <= year:
        if offset(moment, tz) != offset(moment + step, tz):
            yield edge_between(moment, moment + step, tz)
        moment += step


def edge_between(low: datetime, high: datetime, tz: ZoneInfo) -> datetime:
    before = offset(low, tz)
    while high - low > SECOND:
        middle = low + timedelta(seconds=(high - low) // SECOND // 2)
        low, high = (middle, high) if offset(middle, tz) == before else (low, middle)
    return high


def offset(moment: datetime, tz: ZoneInfo) -> timedelta | None:
    return moment.astimezone(tz).utcoffset()


def test_the_clock_changes_are_found() -> None:
    assert ("America/Los_Angeles", at("2024-03-10T10:00:00Z")) in edges()
    assert ("Pacific/Apia", at("2011-12-30T10:00:00Z")) in edges()
    assert ("America/Sao_Paulo", at("2018-11-04T03:00:00Z")) in edges()
    assert len(edges()) > 1000


@pytest.mark.parametrize(
    ("day", "zone", "first"),
    [
        ("2018-10-31", "America/Los_Angeles", "2018-10-31T07:00:00Z"),
        ("2024-03-10", "America/Los_Angeles", "2024-03-10T08:00:00Z"),
        ("2024-03-11", "America/Los_Angeles", "2024-03-11T07:00:00Z"),
        ("2024-11-03", "America/Los_Angeles", "2024-11-03T07:00:00Z"),
        ("2024-11-04", "America/Los_Angeles", "2024-11-04T08:00:00Z"),
        ("2024-06-01", "Pacific/Honolulu", "2024-06-01T10:00:00Z"),
        ("2024-03-31", "Europe/Rome", "2024-03-30T23:00:00Z"),
        ("2024-04-01", "Europe/Rome", "2024-03-31T22:00:00Z"),
        ("2024-10-27", "Europe/Rome", "2024-10-26T22:00:00Z"),
        ("2024-10-28", "Europe/Rome", "2024-10-27T23:00:00Z"),
        ("2024-04-07", "Australia/Sydney", "2024-04-06T13:00:00Z"),
        ("2024-04-08", "Australia/Sydney", "2024-04-07T14:00:00Z"),
        ("2024-10-06", "Australia/Sydney", "2024-10-05T14:00:00Z"),
        ("2024-10-07", "Australia/Sydney", "2024-10-06T13:00:00Z"),
        ("2024-03-10", "America/Havana", "2024-03-10T05:00:00Z"),
        ("2022-03-27", "Asia/Beirut", "2022-03-26T22:00:00Z"),
        ("2018-11-04", "America/Sao_Paulo", "2018-11-04T03:00:00Z"),
        ("2010-11-07", "America/St_Johns", "2010-11-07T02:30:00Z"),
        ("1919-03-31", "America/Toronto", "1919-03-31T04:30:00Z"),
        ("2011-12-29", "Pacific/Apia", "2011-12-29T10:00:00Z"),
        ("2011-12-31", "Pacific/Apia", "2011-12-30T10:00:00Z"),
    ],
)
def test_the_first_instant_of_a_day(day: str, zone: str, first: str) -> None:
    assert days.first_instant(date.fromisoformat(day), zone) == at(first)


def test_a_day_that_a_zone_skipped_has_no_instant() -> None:
    assert days.first_instant(date(2011, 12, 30), "Pacific/Apia") is None
    assert days.same_time_on(date(2011, 12, 30), at("2011-12-28T20:00:00Z"), "Pacific/Apia") is None


@given(st.sampled_from(ZONES), dates)
@quick
def test_the_first_instant_bears_its_day_and_none_before_it_does(zone: str, day: date) -> None:
    first = days.first_instant(day, zone)
    if first is None:
        assert days.local_day(datetime(day.year, day.month, day.day, 12, tzinfo=ZoneInfo(zone)), zone) != day
    else:
        assert days.local_day(first, zone) == day
        assert days.local_day(first - SECOND, zone) < day
        assert days.local_day(first - timedelta(hours=2), zone) < day


def test_around_every_clock_change_an_instant_is_moved_to_the_day_that_was_asked_for() -> None:
    skipped = set()
    for zone, edge in edges():
        for moment in (edge - SECOND, edge, edge + timedelta(minutes=30)):
            for day in (days.local_day(edge, zone) + shift * DAY for shift in (-1, 0, 1)):
                moved = days.same_time_on(day, moment, zone)
                if moved is None:
                    skipped.add(day)
                else:
                    assert days.local_day(moved, zone) == day, (zone, moment, day)
    assert skipped == {date(2011, 12, 30)}


def test_around_every_clock_change_an_instant_that_bears_the_day_is_not_moved() -> None:
    for zone, edge in edges():
        for moment in (edge - SECOND, edge, edge + timedelta(minutes=30)):
            assert days.same_time_on(days.local_day(moment, zone), moment, zone) == moment, (zone, moment)


@pytest.mark.parametrize(
    ("moment", "zone", "day", "moved"),
    [
        ("2024-06-01T20:30:00Z", "America/Los_Angeles", "2024-12-01", "2024-12-01T21:30:00Z"),
        ("2024-03-09T10:30:00Z", "America/Los_Angeles", "2024-03-10", "2024-03-10T10:30:00Z"),
        ("2024-11-02T08:30:00Z", "America/Los_Angeles", "2024-11-03", "2024-11-03T08:30:00Z"),
        ("2024-11-03T09:30:00Z", "America/Los_Angeles", "2024-11-04", "2024-11-04T09:30:00Z"),
        ("2018-11-03T03:15:00Z", "America/Sao_Paulo", "2018-11-04", "2018-11-04T03:15:00Z"),
    ],
)
def test_another_day_keeps_the_local_time(moment: str, zone: str, day: str, moved: str) -> None:
    assert days.same_time_on(date.fromisoformat(day), at(moment), zone) == at(moved)


@pytest.mark.parametrize(
    ("moment", "zone", "day"),
    [
        ("2024-06-01T09:59:59Z", "Pacific/Honolulu", "2024-05-31"),
        ("2024-06-01T10:00:00Z", "Pacific/Honolulu", "2024-06-01"),
        ("2024-12-31T23:00:00Z", "Europe/Rome", "2025-01-01"),
        ("2024-04-06T13:00:00Z", "Australia/Sydney", "2024-04-07"),
        ("2018-10-31T20:30:00Z", "America/Los_Angeles", "2018-10-31"),
    ],
)
def test_the_local_day_of_an_instant(moment: str, zone: str, day: str) -> None:
    assert days.local_day(at(moment), zone) == date.fromisoformat(day)


@pytest.mark.parametrize(
    "written",
    [
        "2024-06-01T20:30:00Z",
        "2024-06-01T20:30:00.000Z",
        "2024-06-01T20:30:00.000000Z",
        "2024-06-01T13:30:00-07:00",
        "2024-06-01T20:30:00",
    ],
)
def test_an_instant_is_read_in_every_form_that_was_seen(written: str) -> None:
    assert days.parse_instant(written) == datetime(2024, 6, 1, 20, 30, tzinfo=UTC)


@pytest.mark.parametrize("written", [None, "", "soon", 20240601.5, "0001-01-01T00:00:00+05:00", "9999-12-31T23:59:59Z"])
def test_what_is_no_instant_reads_as_none(written: object) -> None:
    assert days.parse_instant(written) is None


@pytest.mark.parametrize("day", [date.min, date.max])
@pytest.mark.parametrize("zone", ["Pacific/Auckland", "America/Los_Angeles"])
def test_the_ends_of_the_calendar_have_no_instant(day: date, zone: str) -> None:
    assert days.first_instant(day, zone) is None
    assert days.same_time_on(day, at("2024-06-01T20:30:00Z"), zone) is None


@pytest.mark.parametrize(
    ("written", "day"),
    [
        ("2024-02-29", date(2024, 2, 29)),
        ("2024-02-29T23:59:59-11:00", date(2024, 2, 29)),
        ("2023-02-29", None),
        (None, None),
        ("", None),
    ],
)
def test_a_day_is_never_moved_by_a_zone(written: object, day: date | None) -> None:
    assert days.parse_day(written) == day


def test_an_instant_is_written_in_utc_with_four_digits_of_the_year() -> None:
    assert days.format_instant(at("2024-06-01T13:30:00.500-07:00")) == "2024-06-01T20:30:00Z"
    assert days.format_instant(datetime(202, 6, 1, tzinfo=UTC)) == "0202-06-01T00:00:00Z"


@pytest.mark.parametrize(
    ("tz_name", "time_zone", "zone"),
    [
        ("Pacific/Honolulu", "Central Time (US & Canada)", "Pacific/Honolulu"),
        (None, "Central Time (US & Canada)", "America/Chicago"),
        ("nowhere", "Alaska", "America/Juneau"),
        (None, "US/Pacific", "US/Pacific"),
        (None, "Europe/Rome", "Europe/Rome"),
        (None, "Middle of nowhere", None),
        (None, None, None),
    ],
)
def test_the_zone_of_a_project(tz_name: object, time_zone: object, zone: str | None) -> None:
    assert days.zone_name(tz_name, time_zone) == zone


# Names of one zone ------------------------------------------------------------------------------------------------


@cache
def same_content() -> tuple[tuple[str, str], ...]:
    """Each zone beside the first one whose file in the tz database holds the very same bytes."""
    first: dict[bytes, str] = {}
    return tuple((zone, first.setdefault(content_of(zone), zone)) for zone in ZONES)


def content_of(zone: str) -> bytes:
    folders = [Path(folder) for folder in TZPATH if (Path(folder) / zone).is_file()]
    return (folders[0] / zone).read_bytes() if folders else files("tzdata").joinpath("zoneinfo", zone).read_bytes()


def test_every_zone_has_its_own_rules() -> None:
    assert len(ZONES) > 400
    assert all(days.same_rules(zone, zone) for zone in ZONES)


@given(st.sampled_from(same_content()))
@settings(derandomize=True, max_examples=40, deadline=None)
def test_two_zones_of_one_content_have_the_same_rules(pair: tuple[str, str]) -> None:
    assert days.same_rules(*pair)


@given(st.sampled_from(ZONES), st.sampled_from(ZONES), st.integers(0, 4_102_444_800))
@settings(derandomize=True, max_examples=40, deadline=None)
def test_zones_of_the_same_rules_show_the_same_time(one: str, other: str, second: int) -> None:
    moment = datetime.fromtimestamp(second, UTC)
    alike = days.same_rules(one, other)
    assert days.same_rules(other, one) is alike
    assert not alike or offset(moment, ZoneInfo(one)) == offset(moment, ZoneInfo(other))


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("America/Los_Angeles", "US/Pacific", True),
        ("Etc/UTC", "UTC", True),
        ("Etc/UTC", "Etc/GMT", True),
        ("Asia/Calcutta", "Asia/Kolkata", True),
        ("Europe/Kiev", "Europe/Kyiv", True),
        ("Europe/Rome", "Europe/Vatican", True),
        ("America/New_York", "US/Eastern", True),
        ("Europe/Rome", "Europe/Berlin", False),
        ("America/New_York", "America/Toronto", False),
        ("America/Los_Angeles", "America/Phoenix", False),
        ("America/Phoenix", "America/Denver", False),
        ("Europe/London", "UTC", False),
        ("Australia/Sydney", "Australia/Brisbane", False),
        ("America/Recife", "America/Fortaleza", False),
        ("Pacific/Apia", "Pacific/Tongatapu", False),
        ("Europe/Bucharest", "Europe/Chisinau", False),
        ("Middle of nowhere", "Middle of nowhere", True),
        ("Middle of nowhere", "Europe/Rome", False),
        ("Europe/Rome", "Rome", False),
        ("America", "", False),
        ("../Europe/Rome", "Europe/Rome", False),
    ],
)
def test_zones_are_alike_by_their_clocks_and_not_by_their_names(one: str, other: str, alike: bool) -> None:
    assert days.same_rules(one, other) is alike
    assert days.same_rules(other, one) is alike


def test_no_clock_change_is_overlooked() -> None:
    """In 2000 Brazil's north-east set its clocks forward for one week, the shortest time between two changes."""
    changes = [(moment, shift) for moment, shift in days._clock_changes("America/Recife") if moment.year == 2000]
    assert changes == [
        (at("2000-02-27T02:00:00Z"), timedelta(hours=-3)),
        (at("2000-10-08T03:00:00Z"), timedelta(hours=-2)),
        (at("2000-10-15T02:00:00Z"), timedelta(hours=-3)),
    ]


# Days of unknown time ---------------------------------------------------------------------------------------------


@given(st.sampled_from(ZONES), dates)
@quick
def test_whatever_a_server_makes_of_a_day_of_unknown_time_is_that_day(zone: str, day: date) -> None:
    noon = datetime.combine(day, time(12), ZoneInfo(zone)).astimezone(UTC)
    midnight_utc = datetime.combine(day, time(), UTC)
    first = days.first_instant(day, zone)
    if first is not None:
        made = [days.day_of_instant(moment, zone, time_unknown=True) for moment in (first, noon, midnight_utc)]
        assert made == [day] * 3


@pytest.mark.parametrize(
    ("moment", "zone", "time_unknown", "day"),
    [
        ("2025-04-01T00:00:00Z", "America/Los_Angeles", True, "2025-04-01"),
        ("2025-04-01T00:00:00Z", "America/Los_Angeles", False, "2025-03-31"),
        ("2025-04-01T00:00:01Z", "America/Los_Angeles", True, "2025-03-31"),
        ("2025-04-01T07:00:00Z", "America/Los_Angeles", True, "2025-04-01"),
        ("2025-04-01T00:00:00Z", "Europe/Rome", True, "2025-04-01"),
        ("2025-03-31T22:00:00Z", "Europe/Rome", True, "2025-04-01"),
        ("2025-03-31T11:00:00Z", "Pacific/Kiritimati", True, "2025-04-01"),
    ],
)
def test_midnight_utc_means_its_own_day_where_the_time_is_unknown(
    moment: str, zone: str, time_unknown: bool, day: str
) -> None:
    assert days.day_of_instant(at(moment), zone, time_unknown=time_unknown) == date.fromisoformat(day)


def test_every_zone_name_of_procore_stands_for_a_zone() -> None:
    names = days._zone_names()
    assert len(names) == 152
    assert {name for name in names if days.zone_name(None, name) is None} == set()
