"""The rate limit of the simulated 4HSE, in the form that Yii2's limiter answers."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from procore_4hse.simulator.wire import Clock

WINDOW = timedelta(minutes=1)


@dataclass
class RateLimit:
    """A window of a minute that opens with the first call in it; off while `per_minute` is None."""

    clock: Clock
    per_minute: int | None = None
    opened_at: datetime | None = None
    used: int = 0

    def admits(self) -> bool:
        """Whether one more call fits; counts it when it does."""
        if self.per_minute is None:
            return True
        now = self.clock()
        if self.opened_at is None or now >= self.opened_at + WINDOW:
            self.opened_at, self.used = now, 0
        if self.used >= self.per_minute:
            return False
        self.used += 1
        return True

    def headers(self) -> dict[str, str]:
        """What is left, and in how many seconds the window closes; no Retry-After, as Yii2 sends none."""
        limit = self.per_minute or 0
        # Seconds from now, where Procore gives the second of the clock (P21, H8).
        closes_in = (self.opened_at or self.clock()) + WINDOW - self.clock()
        return {
            "X-Rate-Limit-Limit": str(limit),
            "X-Rate-Limit-Remaining": str(limit - self.used),
            "X-Rate-Limit-Reset": str(max(0, round(closes_in.total_seconds()))),
        }
