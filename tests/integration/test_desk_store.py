"""Sessions of the desk, and the log of who opened health data there."""

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta

import pytest

from procore_4hse.store.desk import Session, View
from procore_4hse.store.repository import Store
from world import START, Clock, opened

DAY = timedelta(days=1)
ANNA = Session("anna", [{"role": "viewer"}])


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(store_url: str, clock: Clock) -> Iterator[Store]:
    with closing(opened(store_url, clock)) as store:
        yield store


def test_a_session_lasts_until_its_end_or_until_somebody_signs_out(store: Store, clock: Clock) -> None:
    with store.begin() as unit:
        assert unit.desk.sign_in("one", ANNA, lasts=DAY)
        assert unit.desk.sign_in("two", ANNA, lasts=DAY)
        unit.desk.sign_out("two")
    with store.read() as unit:
        assert unit.desk.session("one") == ANNA
        assert unit.desk.session("two") is None
        assert unit.desk.session("three") is None
    clock.advance(days=1)
    with store.read() as unit:
        assert unit.desk.session("one") is None


def test_a_link_opens_one_session_also_after_that_one_was_ended(store: Store) -> None:
    with store.begin() as unit:
        assert unit.desk.sign_in("one", ANNA, lasts=DAY, link="link")
        unit.desk.sign_out("one")
    with store.begin() as unit:
        assert not unit.desk.sign_in("two", ANNA, lasts=DAY, link="link")
        assert unit.desk.session("two") is None


def test_sessions_that_are_over_do_not_pile_up(store: Store, clock: Clock) -> None:
    for key in ("one", "two"):
        with store.begin() as unit:
            unit.desk.sign_in(key, ANNA, lasts=DAY)
        clock.advance(days=2)
    with store.read() as unit:
        assert unit.connection.exec_driver_sql("SELECT key FROM desk_session").scalars().all() == ["two"]


def test_who_opened_which_record_is_kept_by_route(store: Store) -> None:
    with store.begin() as unit:
        unit.desk.log_view("a", "anna", "incident", "4711")
        unit.desk.log_view("b", "bruno", "question", "12")
    with store.read() as unit:
        assert unit.desk.views("a") == [View(START, "anna", "incident", "4711")]
