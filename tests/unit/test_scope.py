"""Which records take part in a route, and why one stays home."""

from dataclasses import replace
from datetime import date

import pytest

from procore_4hse.mapping.rules import Direction
from procore_4hse.models import Act, Action, Kind
from procore_4hse.reconcile.scope import day_of, exclusion, is_in_range
from routes import MAPPING, office, route, site

PRIVATE = replace(site(), private=True)
FEBRUARY = date(2026, 2, 1), date(2026, 2, 28)


def test_the_day_is_the_local_one_or_unknown():
    assert day_of(route(), site(event_date="2026-02-10T23:30:00Z", **{"@zone": "Europe/Rome"})) == date(2026, 2, 11)
    assert day_of(route(), office(date_incident=None)) is None


@pytest.mark.parametrize("record", [site(event_date="soon"), office(date_incident=["2026-02-10"])])
def test_a_day_that_cannot_be_read_is_unknown_and_keeps_nobody_home(record):
    assert day_of(route(), record) is None
    assert exclusion(route(), record) is None
    assert not is_in_range(route(only_days=FEBRUARY), record)


@pytest.mark.parametrize("linked", [True, False])
def test_privacy_keeps_a_record_home_linked_or_not(linked):
    home = "it is marked private"
    assert exclusion(route(), PRIVATE, linked=linked) == home
    assert exclusion(route(private="include"), PRIVATE, linked=linked) is None
    assert exclusion(route(born_private=frozenset({"1"})), PRIVATE, linked=linked) is None
    assert exclusion(route(born_private=frozenset({"2"})), PRIVATE, linked=linked) == home
    assert exclusion(route(private="include"), replace(site(), minimal=True), linked=linked) == home
    assert exclusion(route(), site(), linked=linked) is None


@pytest.mark.parametrize("linked", [True, False])
def test_a_category_that_is_not_shared_stays_in_4hse(linked):
    assert exclusion(route(), office(category="REPORT_FAILURE"), linked=linked) == "its category is not shared"
    assert exclusion(route(), office(category="Fire"), linked=linked) is None, "an unknown word is asked about"
    assert exclusion(route(), site(category="REPORT_FAILURE"), linked=linked) is None
    bare = replace(MAPPING, fields=tuple(row for row in MAPPING.fields if row.key != "category"))
    assert exclusion(route(mapping=bare), office(category="REPORT_FAILURE"), linked=linked) is None


@pytest.mark.parametrize(
    ("direction", "record", "reason"),
    [
        (Direction.TO_FOURHSE, site(), None),
        (Direction.TO_FOURHSE, office(), "this route does not copy from 4HSE"),
        (Direction.TO_PROCORE, site(), "this route does not copy from Procore"),
        (Direction.TO_PROCORE, office(), None),
    ],
)
def test_a_one_way_route_copies_from_one_side(direction, record, reason):
    assert exclusion(route(direction=direction), record, linked=False) == reason
    assert exclusion(route(direction=direction), record, linked=True) is None


@pytest.mark.parametrize(
    ("day", "reason"), [("2025-12-31", "it happened before 2026-01-01"), ("2026-01-01", None), (None, None)]
)
def test_since_decides_about_unlinked_ones_of_a_known_day(day, reason):
    record = office(date_incident=day)
    assert exclusion(route(), record, linked=False) == reason
    assert exclusion(route(), record, linked=True) is None
    assert exclusion(route(only_days=FEBRUARY), record, linked=False) is None, "a backfill's range replaces it"


@pytest.mark.parametrize("record", [site(event_date="2025-12-01T11:00:00Z"), office(date_incident="2025-12-01")])
def test_what_a_backfill_began_to_copy_is_never_too_old(record):
    began = Action(Act.CREATE, record.side.other, Kind.INCIDENT, None, record.id, "new")
    old = "it happened before 2026-01-01"
    assert exclusion(route(), record) == old
    assert exclusion(route(lost=(began,)), record) is None
    others = replace(began, source_id="9"), replace(began, side=record.side)
    assert exclusion(route(lost=others), record) == old
    assert exclusion(route(lost=(*others, began)), record) is None


@pytest.mark.parametrize(
    ("day", "inside"),
    [("2026-01-31", False), ("2026-02-01", True), ("2026-02-28", True), ("2026-03-01", False), (None, False)],
)
def test_both_ends_of_a_backfill_are_included(day, inside):
    assert is_in_range(route(only_days=FEBRUARY), office(date_incident=day)) is inside
    assert is_in_range(route(), office(date_incident=day)) is True
