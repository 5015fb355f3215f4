"""When a route is due next, and why: within what the budget bears, never later than agreed, quiet routes first."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from procore_4hse.store.schedule import Demand, Reason, Slot
from procore_4hse.store.timetable import Pace, Share, cadence, next_due, overdue

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
EVERY = 5 * MINUTE


def shares(calls: list[float], per_call: timedelta) -> list[Share]:
    """Of each route of a round, the quietest first."""
    return [Share(Demand(own, sum(calls[:index]), sum(calls)), per_call) for index, own in enumerate(calls)]


def rests(pace: Pace, calls: list[float], per_hour: float) -> list[timedelta]:
    return [cadence(pace, [share]).rest for share in shares(calls, HOUR / per_hour)]


paces = st.builds(
    lambda every, factor: Pace(every * MINUTE, every * MINUTE * factor, 7 * DAY),
    st.integers(1, 60),
    st.floats(1.01, 30),
)
rounds = st.lists(st.floats(0.5, 40), min_size=1, max_size=30)
budgets = st.floats(1, 10_000)


@given(paces, rounds, budgets)
def test_a_round_never_takes_more_calls_than_there_are(pace: Pace, calls: list[float], per_hour: float) -> None:
    found = rests(pace, calls, per_hour)
    used = sum(own * (HOUR / rest) for own, rest in zip(calls, found, strict=True))
    if max(found) < pace.limit:
        assert used <= per_hour * 1.0001


@given(paces, rounds, budgets)
def test_no_call_is_left_over_while_a_route_rests_longer_than_wished(
    pace: Pace, calls: list[float], per_hour: float
) -> None:
    found = rests(pace, calls, per_hour)
    used = sum(own * (HOUR / rest) for own, rest in zip(calls, found, strict=True))
    if any(rest > pace.every for rest in found) and max(found) < pace.limit:
        assert used >= per_hour * 0.999


@given(paces, rounds, budgets)
def test_the_quietest_rest_longest_and_none_beyond_what_is_allowed(
    pace: Pace, calls: list[float], per_hour: float
) -> None:
    found = rests(pace, calls, per_hour)
    assert found == sorted(found, reverse=True)
    assert all(pace.every <= rest <= pace.limit for rest in found)
    if cadence(pace, shares(calls, HOUR / per_hour)[:1]).round is None:
        assert max(found) <= pace.quiet


@given(rounds, budgets)
def test_nothing_changes_for_who_sets_no_longer_pause_and_has_calls_enough(calls: list[float], per_hour: float) -> None:
    borne = sum(calls) * 12 <= per_hour
    found = rests(Pace(EVERY), calls, per_hour)
    assert (set(found) == {EVERY}) is borne


def test_a_budget_too_small_makes_all_rest_alike_and_says_how_long_a_round_takes() -> None:
    share = Share(Demand(7, 0, 2100), HOUR / 2880)
    found = cadence(Pace(EVERY), [share])
    assert (found.rest, found.round) == (share.round, share.round)
    assert 43 * MINUTE < share.round < 44 * MINUTE
    assert cadence(Pace(EVERY, HOUR), [share]).round is None


def test_the_scarcer_of_two_budgets_counts_and_none_known_means_as_wished() -> None:
    plenty, scarce = Share(Demand(7, 0, 7), timedelta(0)), Share(Demand(5, 0, 5), 2 * MINUTE)
    assert cadence(Pace(EVERY), [plenty, scarce]).rest == 10 * MINUTE
    assert cadence(Pace(EVERY), []).rest == EVERY


def test_no_route_rests_longer_than_a_complete_listing_may_be_old() -> None:
    share = Share(Demand(7, 0, 7), DAY)
    assert cadence(Pace(EVERY, 30 * DAY, DAY), [share]).rest == DAY
    assert Pace(2 * DAY, None, DAY).limit == 2 * DAY, "but for who wants it so"


def test_why_a_route_is_due() -> None:
    told = {"every": EVERY, "rest": HOUR}
    assert next_due(NOON, outcome="ok", woken=False, **told) == (
        due := next_due(NOON, outcome="ok", woken=False, **told)
    )
    assert (due.at, due.reason) == (NOON + HOUR, Reason.CADENCE)
    for outcome in ("partial", "failed"):
        due = next_due(NOON, outcome=outcome, woken=False, **told)
        assert (due.at, due.reason) == (NOON + EVERY, Reason.RETRY)
    due = next_due(NOON, outcome="ok", woken=True, **told)
    assert (due.at, due.reason) == (NOON + timedelta(seconds=30), Reason.HINT)
    assert next_due(NOON, outcome="failed", woken=True, **told).reason is Reason.HINT


def slot(span: timedelta, every: timedelta | None = None) -> Slot:
    return Slot("a", NOON + span, NOON, Reason.CADENCE, every)


def test_a_route_is_due_once_its_pause_is_over() -> None:
    assert overdue(slot(EVERY), 4 * MINUTE, Pace(EVERY)) == -MINUTE
    assert overdue(slot(EVERY), 7 * MINUTE, Pace(EVERY)) == 2 * MINUTE


def test_a_shorter_pause_in_the_settings_counts_at_once_and_a_longer_one_after_the_next_cycle() -> None:
    assert overdue(slot(HOUR, HOUR), 10 * MINUTE, Pace(EVERY)) == 5 * MINUTE
    assert overdue(slot(EVERY, EVERY), 5 * MINUTE, Pace(HOUR)) == timedelta(0)


def test_a_moment_of_a_clock_that_ran_ahead_is_due() -> None:
    assert overdue(slot(EVERY), -DAY, Pace(EVERY)) == timedelta(0)
    assert overdue(slot(365 * DAY), DAY, Pace(EVERY, None, DAY)) == timedelta(0)
