"""What a pull may conclude from what it saw: certificates, and the doubts of a listing that was not whole."""

from collections import Counter
from datetime import date

import pytest

from world import World


@pytest.fixture
def world(build) -> World:
    return build()


def test_rows_of_one_day_may_change_places_between_two_pages(world):
    for number in range(230):
        world.in_office(f"Report {number}", date(2026, 2, 1 + number % 3))
    assert world.sync(first=True).exit_code == 0
    days = Counter(row["date_incident"] for row in world.office().values())
    assert min(days.values()) > 70, "two days lie on two pages"
    for _ in range(3):
        report = world.sync()
        assert (report.outcome, report.population["fourhse"]["in_sync"]) == ("ok", 230)
