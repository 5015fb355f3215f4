"""An hour of ten routes whose calls are scarce; `make day` plays a whole day of 300."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import timedelta

import pytest
from day import EVERY, WITH_HINT, Day


@pytest.mark.any_store
def test_two_daemons_and_a_cron_share_an_hour_of_scarce_calls(store_url: str) -> None:
    with ExitStack() as stack:
        day = Day.build(store_url, routes=10, calls_an_hour=500, stack=stack)
        day.live(timedelta(hours=1))
        assert [*day.wrong()] == []
        assert max(day.spans) > EVERY, "the calls did not bear the pause of all"
        assert day.crossed
        assert day.outcomes.keys() == {"ok"}


@pytest.mark.any_store
def test_what_a_hook_tells_of_crosses_soon_whatever_the_others_rest(store_url: str) -> None:
    with ExitStack() as stack:
        day = Day.build(store_url, routes=10, calls_an_hour=500, stack=stack, hints=True)
        day.live(timedelta(minutes=40))
        assert [*day.wrong()] == []
        assert [bound for _, bound in day.crossed if bound == WITH_HINT]
        assert max(day.spans) > WITH_HINT
