"""The two rate windows of the simulated Procore: 60 minutes and 10 seconds (P21)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from procore_4hse.simulator.wire import Clock

PLENTY = 10**9
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass
class Window:
    """Counts calls from the first one on, for its length; then it starts anew."""

    length: timedelta
    limit: int = PLENTY
    started_at: datetime = LONG_AGO
    count: int = 0

    def take(self, now: datetime) -> None:
        if now >= self.resets_at:
            self.started_at, self.count = now, 0
        self.count += 1

    @property
    def resets_at(self) -> datetime:
        return self.started_at + self.length

    @property
    def remaining(self) -> int:
        return max(0, self.limit - self.count)

    @property
    def is_over(self) -> bool:
        return self.count > self.limit


@dataclass
class RateLimits:
    clock: Clock
    hour: Window = field(default_factory=lambda: Window(timedelta(minutes=60)))
    spike: Window = field(default_factory=lambda: Window(timedelta(seconds=10)))

    def take(self) -> Window:
        """Count one call, failed ones too (P25); the window nearest exhaustion."""
        for window in (self.hour, self.spike):
            window.take(self.clock())
        # The headers describe the one nearer its end, so the limit jumps between answers (P21).
        return min((self.hour, self.spike), key=lambda window: (window.remaining, not window.is_over))

    def headers(self, window: Window) -> Mapping[str, str]:
        return {
            "X-Rate-Limit-Limit": str(window.limit),
            "X-Rate-Limit-Remaining": str(window.remaining),
            "X-Rate-Limit-Reset": str(int(window.resets_at.timestamp())),
        }
