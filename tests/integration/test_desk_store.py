"""What only the desk asks of the store: sessions, the log of who opened health data, one incident, a search."""

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta

import pytest

from procore_4hse.models import Kind, LinkState, RawRecord, RecordRef, Side
from procore_4hse.operations.retention import Ages, Expired
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


def test_a_session_that_a_clock_dated_ahead_lets_nobody_in_later(store: Store, clock: Clock) -> None:
    clock.advance(days=365)
    with store.begin() as unit:
        unit.desk.sign_in("one", ANNA, lasts=DAY)
    clock.advance(days=-365)
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


def test_notes_of_who_opened_a_record_go_with_the_age_of_the_journal(store: Store, clock: Clock) -> None:
    for route in ("a", "a", "b"):
        with store.begin() as unit:
            unit.desk.log_view(route, "anna", "incident", "4711")
        clock.advance(days=10)
    with store.begin() as unit:
        ends = Ages(journal=timedelta(days=25)).ends(unit.now)
        old = Expired.of(unit, "a", ends)
        assert old.counts()["views"] == 1
        assert Expired.of(unit, "a", Ages(raw=timedelta(days=2)).ends(unit.now)).views == ()
        old.carry_out(unit, "a")
    with store.read() as unit:
        assert [len(unit.desk.views(route)) for route in ("a", "b")] == [1, 1]


# One incident, and a search ----------------------------------------------------------------------------------------

ROUTE = "p/o"
RECORDS = (
    RawRecord(Side.PROCORE, Kind.INCIDENT, "1", {"title": 'Caduto "è" 100%', "private": True}),
    RawRecord(Side.PROCORE, Kind.INCIDENT, "2", {"title": "Cut", "private": False}),
    RawRecord(Side.PROCORE, Kind.INCIDENT, "3", {"title": "Burn", "private": "perhaps"}),
    RawRecord(Side.PROCORE, Kind.INJURY, "12", {"description": "Arm"}, "1"),
    RawRecord(Side.PROCORE, Kind.INJURY, "13", {"description": "Leg"}, "2"),
    RawRecord(Side.FOURHSE, Kind.INCIDENT, "a", {"name": "Caduto"}),
)


@pytest.fixture
def filled(store: Store) -> Store:
    with store.begin() as unit:
        for record in RECORDS:
            unit.staging(ROUTE).put([record], pull=1, minimal=frozenset(), server_at=START)
        unit.links(ROUTE).add("1", "a")
        unit.links(ROUTE).add("12", "p", kind=Kind.INJURY, parent="1")
        unit.links(ROUTE).add("2", "b")
        unit.links(ROUTE).set_state(RecordRef(Side.PROCORE, Kind.INCIDENT, "2"), LinkState.ENDED)
    return store


def test_one_incident_is_read_with_what_stands_below_it_and_nothing_else(filled: Store) -> None:
    with filled.read() as unit:
        staged = unit.staging(ROUTE).around(Side.PROCORE, ["1"], [Kind.INJURY])
        assert [(one.record.kind, one.record.id) for one, _ in staged] == [(Kind.INCIDENT, "1"), (Kind.INJURY, "12")]
        assert unit.staging(ROUTE).around(Side.FOURHSE, [], [Kind.PERSON]) == []
        for ids in ({Side.PROCORE: ["1"], Side.FOURHSE: ["a"]}, {Side.PROCORE: [], Side.FOURHSE: ["a"]}):
            assert [link.procore_id for link in unit.links(ROUTE).around(ids)] == ["1", "12"]
        assert unit.links(ROUTE).around({Side.PROCORE: ["3"], Side.FOURHSE: []}) == ()


def test_of_linked_incidents_those_with_people_are_told(filled: Store) -> None:
    with filled.begin() as unit:
        unit.links(ROUTE).add("3", "c")
        found = unit.links(ROUTE).with_records_below(["1", "3", "nobody's"])
    assert found == {Side.PROCORE: ["1"], Side.FOURHSE: ["a"]}


def test_links_are_counted_and_partners_named(filled: Store) -> None:
    with filled.read() as unit:
        assert (unit.links(ROUTE).count(Kind.INCIDENT), unit.links("other").count(Kind.INCIDENT)) == (1, 0)
        assert unit.links(ROUTE).procore_of(["a", "c"]) == {"a": "1"}


def test_whatever_is_not_plainly_public_is_private(filled: Store) -> None:
    with filled.read() as unit:
        assert unit.staging(ROUTE).private_among({"1", "2", "3", "4"}) == {"1", "3"}
        assert unit.staging("other").private_among({"1"}) == frozenset()


@pytest.mark.parametrize(
    ("text", "found"),
    [("CADUTO", ["1"]), ("è", ["1"]), ('"', ["1"]), ("100%", ["1"]), ("%u%", []), ("u", ["3", "2", "1"])],
)
def test_incidents_are_searched_by_plain_text(filled: Store, text: str, found: list[str]) -> None:
    with filled.read() as unit:
        assert [record.id for record in unit.staging(ROUTE).holding(Side.PROCORE, [text.split()], 10)] == found
        assert len(unit.staging(ROUTE).holding(Side.PROCORE, [text.split()], 1)) == min(1, len(found))


def test_records_whose_own_number_it_is_come_first(filled: Store) -> None:
    numbers = {"7": 12, "8": "12", "9": "112"}
    with filled.begin() as unit:
        rows = [RawRecord(Side.PROCORE, Kind.INCIDENT, known, {"number": each}) for known, each in numbers.items()]
        unit.staging(ROUTE).put(rows, pull=1, minimal=frozenset(), server_at=START)
    with filled.read() as unit:
        staging = unit.staging(ROUTE)
        found = [staging.holding(Side.PROCORE, [["12"]], 3, first) for first in (["number", "code"], [])]
    assert [[record.id for record in records] for records in found] == [["8", "7", "9"], ["9", "8", "7"]]
