"""The call budget: what headers teach it, when it waits, when it gives up."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest

from procore_4hse.clients.budget import Budget, backoff, http_date, retry_after
from procore_4hse.errors import BudgetExhausted
from procore_4hse.models import Side

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = NOON
        self.slept: list[float] = []

    def clock(self) -> datetime:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def time() -> Time:
    return Time()


def budget_of(time: Time, *, pace: float | None = None) -> Budget:
    return Budget(Side.PROCORE, clock=time.clock, sleep=time.sleep, random=lambda: 0.5, pace=pace)


def stated(limit: int, remaining: int, left: int, at: datetime = NOON) -> dict[str, str]:
    """Rate headers as Procore sends them: Reset is a unix second."""
    return {
        "x-rate-limit-limit": str(limit),
        "x-rate-limit-remaining": str(remaining),
        "x-rate-limit-reset": str(int(at.timestamp()) + left),
    }


def test_a_budget_that_knows_nothing_lets_every_call_through(time: Time) -> None:
    budget = budget_of(time)
    for _ in range(100):
        budget.acquire(reserve=False)
    assert (time.slept, budget.limit, budget.remaining, budget.resets_at) == ([], None, None, None)
    assert budget.cadence(10) is None


def test_a_near_reset_is_waited_for(time: Time) -> None:
    budget = budget_of(time)
    budget.observe(200, stated(25, 0, 8), NOON)
    budget.acquire(reserve=True)
    assert time.slept == [8.0]


def test_a_reset_a_minute_away_is_waited_for_and_a_later_one_is_not(time: Time) -> None:
    near, late = budget_of(time), budget_of(time)
    late.observe(200, stated(600, 0, 61), NOON)
    with pytest.raises(BudgetExhausted) as caught:
        late.acquire(reserve=True)
    assert caught.value.resets_at == NOON + timedelta(seconds=61)
    assert "2026-03-01 12:01:01Z" in str(caught.value)
    assert time.slept == []
    near.observe(200, stated(600, 0, 60), NOON)
    near.acquire(reserve=True)
    assert time.slept == [60.0]


def test_a_fifth_is_kept_for_settle_and_push(time: Time) -> None:
    budget = budget_of(time)
    budget.observe(200, stated(600, 121, 3000), NOON)
    budget.acquire(reserve=False)
    with pytest.raises(BudgetExhausted):
        budget.acquire(reserve=False)
    for _ in range(120):
        budget.acquire(reserve=True)
    with pytest.raises(BudgetExhausted):
        budget.acquire(reserve=True)


def test_the_hour_is_remembered_while_answers_report_the_spike_window(time: Time) -> None:
    budget = budget_of(time)
    budget.observe(200, stated(600, 122, 3000), NOON)
    for left in (10, 9):
        budget.acquire(reserve=False)
        budget.observe(200, stated(25, 20, left), NOON)
    with pytest.raises(BudgetExhausted):
        budget.acquire(reserve=False)
    assert (budget.limit, budget.remaining) == (600, 120)


def test_a_window_that_is_over_no_longer_blocks(time: Time) -> None:
    budget = budget_of(time)
    budget.observe(200, stated(600, 0, 3000), NOON)
    time.now += timedelta(seconds=3000)
    budget.acquire(reserve=False)
    assert time.slept == []
    assert budget.remaining == 599, "the call counts in the window that began with it"


def test_a_new_hourly_limit_replaces_the_old_one(time: Time) -> None:
    budget = budget_of(time)
    budget.observe(200, stated(600, 0, 3000), NOON)
    budget.observe(200, stated(3600, 3000, 3000), NOON)
    budget.acquire(reserve=False)
    assert (budget.limit, budget.remaining) == (3600, 2999)


def test_the_reset_is_counted_from_the_servers_date_not_from_our_clock(time: Time) -> None:
    budget = budget_of(time)
    skewed = NOON + timedelta(hours=5)
    budget.observe(200, stated(25, 0, 7, at=skewed), skewed)
    budget.acquire(reserve=True)
    assert time.slept == [7.0]


def test_a_small_reset_is_seconds_from_now(time: Time) -> None:
    budget = budget_of(time)
    headers = {"x-rate-limit-limit": "60", "x-rate-limit-remaining": "0", "x-rate-limit-reset": "30"}
    budget.observe(200, headers, None)
    budget.acquire(reserve=True)
    assert time.slept == [30.0]


@pytest.mark.parametrize(
    ("headers", "waited"),
    [
        ({"retry-after": "7"} | stated(600, 0, 3000), 7.0),
        ({"retry-after": "Sun, 01 Mar 2026 12:00:09 GMT"}, 9.0),
        (stated(25, 0, 4), 4.0),
        ({}, 1.0),
        ({"retry-after": "0"}, 1.0),
        ({"retry-after": "soon", "x-rate-limit-limit": "many", "x-rate-limit-reset": "-1"}, 1.0),
    ],
    ids=["retry-after outranks reset", "a date", "reset", "neither", "zero", "unreadable"],
)
def test_a_429_blocks_every_call_for(time: Time, headers: dict[str, str], waited: float) -> None:
    budget = budget_of(time)
    budget.observe(429, headers, NOON)
    budget.acquire(reserve=True)
    assert time.slept == [waited]


def test_repeated_429_without_headers_wait_longer_each_time_until_an_answer_comes(time: Time) -> None:
    budget = budget_of(time)
    for status in (429, 429, 429, 200, 429):
        budget.observe(status, {}, None)
        budget.acquire(reserve=True)
    assert time.slept == [1.0, 2.0, 4.0, 1.0]


def test_a_late_retry_after_ends_the_wait_at_once(time: Time) -> None:
    budget = budget_of(time)
    budget.observe(429, {"retry-after": "1800"}, NOON)
    with pytest.raises(BudgetExhausted) as caught:
        budget.acquire(reserve=True)
    assert caught.value.resets_at == NOON + timedelta(seconds=1800)
    assert budget.exhausted().resets_at == caught.value.resets_at


def test_less_patience_gives_up_earlier(time: Time) -> None:
    budget = budget_of(time)
    budget.observe(200, stated(25, 0, 8), NOON)
    with pytest.raises(BudgetExhausted):
        budget.acquire(reserve=True, patience=timedelta(seconds=5))
    assert time.slept == []


def test_the_pace_holds_until_an_answer_states_a_limit(time: Time) -> None:
    budget = budget_of(time, pace=2.0)
    for _ in range(3):
        budget.acquire(reserve=False)
    assert time.slept == [0.5, 0.5]
    budget.observe(200, stated(1000, 900, 3000), NOON)
    for _ in range(3):
        budget.acquire(reserve=False)
    assert time.slept == [0.5, 0.5]


def test_a_clock_that_stands_still_does_not_hang_a_waiting_call() -> None:
    slept: list[float] = []
    budget = Budget(Side.FOURHSE, clock=lambda: NOON, sleep=slept.append, random=lambda: 0.5, pace=2.0)
    budget.acquire(reserve=False)
    budget.acquire(reserve=False)
    assert slept == [0.5]


def test_the_cadence_leaves_the_reserve_alone(time: Time) -> None:
    budget = budget_of(time)
    budget.observe(200, stated(600, 500, 3000), NOON)
    assert budget.cadence(48) == timedelta(minutes=6)
    budget.observe(200, stated(25, 20, 8), NOON)
    assert budget.cadence(48) == timedelta(minutes=6)
    assert budget_of(time, pace=2.0).cadence(10) == timedelta(seconds=5)


def test_the_last_seconds_of_an_hour_are_no_spike_window(time: Time) -> None:
    budget = budget_of(time)
    budget.observe(200, stated(600, 500, 3000), NOON)
    budget.observe(200, stated(600, 400, 8), NOON)
    assert budget.cadence(48) == timedelta(minutes=6)


def test_the_cadence_of_a_bucket_follows_from_the_part_used(time: Time) -> None:
    budget = budget_of(time)
    headers = {"x-rate-limit-limit": "60", "x-rate-limit-remaining": "30", "x-rate-limit-reset": "30"}
    budget.observe(200, headers, None)
    assert budget.cadence(48) == timedelta(seconds=60)


def test_threads_never_share_one_call(time: Time) -> None:
    budget = budget_of(time)
    budget.observe(200, stated(600, 40, 3000), NOON)
    got = []

    def use() -> None:
        for _ in range(20):
            try:
                budget.acquire(reserve=True)
            except BudgetExhausted:
                return
            got.append(1)

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 40


def test_back_off_doubles_with_jitter_and_stays_bounded() -> None:
    assert [backoff(n, lambda: 0.5) for n in (1, 2, 3, 9)] == [1.0, 2.0, 4.0, 32.0]
    assert (backoff(3, lambda: 0.0), backoff(3, lambda: 0.99)) == (2.0, pytest.approx(5.96))


def test_dates_and_retry_after_of_any_form_are_read_or_none() -> None:
    assert http_date("Sun, 01 Mar 2026 12:00:00 GMT") == NOON
    assert http_date("yesterday") is http_date("") is http_date(None) is None
    assert retry_after({}, NOON) is None
    assert retry_after({"retry-after": "Sun, 01 Mar 2026 11:00:00 GMT"}, NOON) == timedelta()
