"""The call budget of one credential, shared by all its routes and learnt from the vendor's answers.

Procore reports whichever of two windows, an hour and ten seconds, is nearest exhaustion, with the unix second of
its reset (P21-P25). 4HSE documents no limit; Yii's limiter would send the seconds until the quota is full again (H8).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from procore_4hse.apis import RESERVE, Quota, SharedBudget
from procore_4hse.errors import BudgetExhausted, SyncError
from procore_4hse.models import Side

PATIENCE = timedelta(seconds=60)
"""A reset up to this far away is waited for; a later one raises BudgetExhausted."""

SHARE_EVERY = timedelta(seconds=2)
"""How old what this process knows of the others' calls may become."""
SAME_PERIOD = timedelta(seconds=5)
"""Two statements of a window whose ends are no further apart are about one period of it."""

SPIKE = timedelta(seconds=10)
HOUR = timedelta(hours=1)
LONGEST_BACKOFF = 32.0
EPOCH_BEGINS = 100_000_000
"""A Reset above this is a unix second, below it a number of seconds from now."""

LONGEST_LEFT = 86_400.0
"""No reset is believed to be further away than a day, in seconds."""


@dataclass(frozen=True)
class Window:
    """A quota as an answer stated it; `length` is how long the quota lasts, as far as answers have shown."""

    limit: int
    remaining: int
    resets_at: datetime
    length: timedelta

    @property
    def reserved(self) -> int:
        return self.limit // RESERVE

    def blocks(self, now: datetime, *, reserve: bool, calls: float = 1) -> bool:
        return now < self.resets_at and self.remaining - calls < (0 if reserve else self.reserved)

    def after_a_call(self, now: datetime) -> Window:
        """A period that is over is followed by another one, whether or not the vendor tells of it."""
        if now < self.resets_at or self.length <= SPIKE:
            return replace(self, remaining=self.remaining - 1)
        return replace(self, remaining=self.limit - 1, resets_at=now + self.length)

    def quota(self, now: datetime) -> Quota:
        return Quota(self.limit, self.remaining, self.resets_at - now, self.length)


class Budget:
    """Lets calls through while the quota lasts. Thread-safe: one per credential.

    `pace` is calls a second until an answer carries X-Rate-Limit headers; None sets no pace.
    """

    def __init__(
        self,
        side: Side,
        *,
        clock: Callable[[], datetime],
        sleep: Callable[[float], None],
        random: Callable[[], float],
        pace: float | None = None,
        shared: SharedBudget | None = None,
    ) -> None:
        self._side = side
        self._shared = shared
        self._shared_at: datetime | None = None
        self._told: dict[int, Window] = {}
        """What the vendor told since the last exchange with the other processes."""
        self._spent = 0
        """Our calls since then."""
        self._clock = clock
        self._sleep = sleep
        self._random = random
        self._gap = None if pace is None else timedelta(seconds=1 / pace)
        self._lock = threading.Lock()
        self._windows: dict[int, Window] = {}
        self._blocked_until: datetime | None = None
        self._next_slot: datetime | None = None
        self._refusals = 0

    def acquire(self, *, reserve: bool, patience: timedelta = PATIENCE) -> None:
        """Returns when one call may be made; `reserve` lets it draw on the part kept for recovery and push.

        Waits `patience` at most, and raises BudgetExhausted at once when that cannot be enough.
        """
        self._exchange_if_old()
        now = self._clock()
        give_up_at = now + patience
        while (free_at := self._claim(now, reserve=reserve)) is not None:
            if free_at > give_up_at:
                raise self._exhausted(free_at)
            self._sleep((free_at - now).total_seconds())
            now = max(self._clock(), free_at)  # A sleep may end early; without `max` the same claim would come again.

    def observe(self, status: int, headers: Mapping[str, str], date: datetime | None) -> None:
        """Learns from one answer; `date` is its Date header, so that a skewed clock here does not matter."""
        now = self._clock()
        window = _window(headers, now, date or now)
        with self._lock:
            if window is not None:
                self._learn(window)
            if status == 429:
                self._refuse(now, retry_after(headers, date or now), window)
            else:
                self._refusals = 0
        if status == 429:
            self._exchange()

    def waits(self, calls: float = 1) -> timedelta:
        """How long so many plain calls would have to wait, where that is longer than a call has the patience for."""
        self._exchange_if_old()
        now = self._clock()
        with self._lock:
            obstacles = [w.resets_at for w in self._windows.values() if w.blocks(now, reserve=False, calls=calls)]
            wait = max([*obstacles, self._blocked_until or now, now]) - now
        return wait if wait > PATIENCE else timedelta(0)

    def share(self) -> None:
        """Lets the other processes know what was learnt here since the last time."""
        if self._told or self._spent:
            self._exchange()

    def exhausted(self) -> BudgetExhausted:
        """The error for a call that the vendor went on refusing with 429."""
        return self._exhausted(self._blocked_until or self._clock())

    @property
    def limit(self) -> int | None:
        """Calls in the longest window known; None before an answer stated one."""
        window = self._longest()
        return None if window is None else window.limit

    @property
    def remaining(self) -> int | None:
        """Calls left in the longest window known."""
        window = self._longest()
        if window is None:
            return None
        return window.remaining if self._clock() < window.resets_at else window.limit

    @property
    def resets_at(self) -> datetime | None:
        window = self._longest()
        return None if window is None else window.resets_at

    def cadence(self, calls_per_cycle: int) -> timedelta | None:
        """The shortest time between two cycles that the budget bears in the long run; None while unknown."""
        with self._lock:
            windows = tuple(self._windows.values())
        if not windows:
            return None if self._gap is None else self._gap * calls_per_cycle
        return max(window.length * calls_per_cycle / (window.limit - window.reserved) for window in windows)

    def _longest(self) -> Window | None:
        with self._lock:
            return max(self._windows.values(), key=lambda window: window.length, default=None)

    def _claim(self, now: datetime, *, reserve: bool) -> datetime | None:
        """Takes one call and returns None, or returns the moment worth waiting for."""
        with self._lock:
            obstacles = [w.resets_at for w in self._windows.values() if w.blocks(now, reserve=reserve)]
            obstacles += [moment for moment in (self._blocked_until, self._next_slot) if moment and moment > now]
            if obstacles:
                return max(obstacles)
            self._spend(now)
            return None

    def _spend(self, now: datetime) -> None:
        # Counted down at once, for other threads ask before the answer of this call states the new remainder.
        self._spent += 1
        for limit, window in self._windows.items():
            self._windows[limit] = window.after_a_call(now)
        paced = self._gap is not None and not self._windows
        self._next_slot = now + self._gap if paced and self._gap else None

    def _learn(self, window: Window) -> None:
        """Keeps the newest statement about each window; a new long limit replaces the old one (P22)."""
        earlier = self._windows.pop(window.limit, None)
        if earlier is not None:
            # A glance late in an hour looks like ten seconds: the longest that was seen is nearest the truth.
            window = replace(window, length=max(earlier.length, window.length))
        elif window.length > SPIKE:
            self._windows = {limit: old for limit, old in self._windows.items() if old.length <= SPIKE}
        self._windows[window.limit] = self._told[window.limit] = window
        self._next_slot = None

    def _refuse(self, now: datetime, asked: timedelta | None, window: Window | None) -> None:
        """Blocks all calls after a 429: Retry-After, else the reset, else back-off with jitter (P23)."""
        self._refusals += 1
        if asked is not None:
            # Retry-After outranks the reset that the same answer states; kept, that reset could block for longer.
            self._windows.pop(window.limit if window else 0, None)
            wait = max(asked, timedelta(seconds=1))
        elif window is not None and window.resets_at > now:
            wait = window.resets_at - now
        else:
            wait = timedelta(seconds=backoff(self._refusals, self._random))
        self._blocked_until = now + wait

    # What other processes know -------------------------------------------------------------------------------------

    def _exchange_if_old(self) -> None:
        if self._shared_at is None or not timedelta(0) <= self._clock() - self._shared_at < SHARE_EVERY:
            self._exchange()

    def _exchange(self) -> None:
        """A store that has no time leaves us with what we know ourselves."""
        now = self._clock()
        if self._shared is None:
            return
        with self._lock:
            self._shared_at = now
            told, spent = [*self._news(now)], self._spent
            self._told, self._spent = {}, 0
        try:
            known = self._shared.exchange(told, spent)
        except SyncError:
            return
        with self._lock:
            for quota in known:
                self._hear(quota, now)

    def _news(self, now: datetime) -> Iterator[Quota]:
        yield from (window.quota(now) for window in self._told.values())
        if self._blocked_until and self._blocked_until > now:
            left = self._blocked_until - now
            yield Quota(0, 0, left, left)

    def _hear(self, quota: Quota, now: datetime) -> None:
        """What others know: of one period the smaller remainder is the later one."""
        ends = now + quota.left
        if not quota.limit:
            self._blocked_until = max(self._blocked_until or now, ends)
            return
        ours = self._windows.get(quota.limit)
        if ours is None or ends > ours.resets_at + SAME_PERIOD:
            self._windows[quota.limit] = Window(quota.limit, quota.remaining, ends, quota.length)
        elif ends > max(now, ours.resets_at - SAME_PERIOD):
            length = max(ours.length, quota.length)
            self._windows[quota.limit] = replace(ours, remaining=min(ours.remaining, quota.remaining), length=length)

    def _exhausted(self, resets_at: datetime) -> BudgetExhausted:
        moment = resets_at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
        return BudgetExhausted(
            f"The call budget at {self._side.label} is used up until {moment}; wait until then, "
            "or lengthen schedule.every if this happens often.",
            side=self._side,
            resets_at=resets_at,
        )


def backoff(attempt: int, random: Callable[[], float]) -> float:
    """Seconds to wait after failure number `attempt`: doubling, between half and one and a half of it."""
    return float(min(2 ** (attempt - 1), LONGEST_BACKOFF)) * (0.5 + random())


def retry_after(headers: Mapping[str, str], date: datetime) -> timedelta | None:
    """What Retry-After asks for, as seconds or as a date after the answer's own; None when absent or unreadable."""
    text = headers.get("retry-after", "").strip()
    if text.isdecimal():
        return timedelta(seconds=min(int(text), 10**8))
    moment = http_date(text)
    return None if moment is None else max(moment - date, timedelta())


def http_date(text: str | None) -> datetime | None:
    """An HTTP date as a UTC instant; None when absent or unreadable."""
    try:
        moment = parsedate_to_datetime(text or "")
    except (TypeError, ValueError):
        return None
    # `-0000` means UTC of no stated zone, and is parsed without one.
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def whole_number(text: str | None) -> int | None:
    """A header's non-negative whole number; None when absent or unreadable."""
    text = (text or "").strip()
    return int(text) if text.isdecimal() and len(text) < 19 else None  # Longer ones overflow dates and stores.


def _window(headers: Mapping[str, str], now: datetime, date: datetime) -> Window | None:
    limit = whole_number(headers.get("x-rate-limit-limit"))
    remaining = whole_number(headers.get("x-rate-limit-remaining"))
    reset = whole_number(headers.get("x-rate-limit-reset"))
    if not limit or remaining is None or reset is None:
        return None
    if reset > EPOCH_BEGINS:
        # Against the answer's own date, as the second that it names is one of the vendor's clock.
        left = min(max(reset - date.timestamp(), 0.0), LONGEST_LEFT)
        length = SPIKE if left <= SPIKE.total_seconds() else HOUR
    else:
        left = min(float(reset), LONGEST_LEFT)
        # Yii counts the seconds until the quota is full again, so the whole window follows from the part used.
        length = timedelta(seconds=max(left * limit / max(limit - remaining, 1), 1.0))
    return Window(limit, remaining, now + timedelta(seconds=left), length)
