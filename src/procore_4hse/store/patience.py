"""Waiting for a store that has no time: only before the caller's work has begun, and never for ever."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import structlog
from tenacity import RetryCallState, Retrying, retry_if_exception_type, wait_exponential

from procore_4hse.errors import StoreBusy

T = TypeVar("T")
log = structlog.get_logger()

LONGEST = 1.0
"""Seconds between two tries at most."""
TELL_AT = 6
"""The try after which the log says that the store is waited for; a short wait is nothing to tell."""


@dataclass(frozen=True)
class Patience:
    """How long a busy store is asked again; `lock_wait` is how long SQLite itself waits within one try."""

    span: timedelta = timedelta(seconds=30)
    lock_wait: timedelta = timedelta(milliseconds=250)
    timer: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def ask(self, attempt: Callable[[], T]) -> T:
        """Repeats an attempt that leaves nothing behind until the store has time. Raises StoreBusy in the end."""
        give_up_at = self.timer() + self.span.total_seconds()
        with suppress(StoreBusy):
            return attempt()  # Nearly always; dozens of units in each cycle need nothing of what follows.
        retrying = Retrying(
            retry=retry_if_exception_type(StoreBusy),
            wait=wait_exponential(multiplier=0.05, max=LONGEST),
            stop=lambda _: self.timer() >= give_up_at,
            before_sleep=_tell,
            sleep=self.sleep,
            reraise=True,
        )
        return retrying(attempt)


def _tell(state: RetryCallState) -> None:
    if state.attempt_number == TELL_AT and state.outcome is not None:
        log.warning("store.waited_for", why=state.outcome.exception())
