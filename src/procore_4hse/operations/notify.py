"""How a message leaves: to people by apprise, to a dead-man's switch by one call. Neither is retried here.

apprise is an extra, and loads only once there is something to tell. What it would log holds addresses, which are
secrets, so nothing of that is kept.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import structlog

from procore_4hse.errors import UsageError
from procore_4hse.operations.alerts import Watch
from procore_4hse.route import Route
from procore_4hse.runtime import Runtime
from procore_4hse.settings.model import Settings

# Whoever only sends does not wait for what `check` needs.
if TYPE_CHECKING:
    from procore_4hse.operations.check import Finding

log = structlog.get_logger()

WITHIN = 10.0
"""Seconds for one message, or for one ping: a process that is told to end is gone within 15."""


@dataclass(frozen=True)
class Watcher:
    """What a process that runs cycles does for those who do not look; what fails is told by the log, and costs nothing.

    `watch` is None where nobody is to be told, `ping_url` empty where there is no dead-man's switch.
    """

    watch: Watch | None
    ping_url: str
    stopping: Callable[[], bool] = lambda: False

    @classmethod
    def of(cls, settings: Settings, runtime: Runtime, routes: Sequence[Route]) -> Watcher:
        """`routes` are those of the settings, in their order. Raises UsageError where nothing could send."""
        require_apprise(settings)
        watch = Watch.of(settings, runtime, routes, by_apprise)
        ping_url = settings.alerts.ping_url.get_secret_value()
        return cls(watch if watch.channels else None, ping_url, runtime.stopping)

    def look(self) -> None:
        if self.watch is not None:
            try:
                self.watch.look()
            except Exception as error:
                log.exception("alerts.failed", error=error)

    def round_over(self, exit_code: int) -> None:
        """After each round: who waits is told, and so is the dead-man's switch, if there is still time for both."""
        self.look()
        if self.ping_url and not self.stopping():
            ping(self.ping_url, exit_code)


def require_apprise(settings: Settings) -> None:
    """Raises UsageError where there are addresses and nothing that could send to them."""
    if (settings.alerts.urls or any(route.alerts for route in settings.routes)) and find_spec("apprise") is None:
        raise UsageError("Alerts need a library more; install procore-4hse-sync[alerts], or take the addresses out.")


def addresses(settings: Settings) -> Iterator[Finding]:
    """Those that nothing could be sent to, by their numbers: an address is a secret. Raises UsageError, as above."""
    from procore_4hse.operations.check import Finding, Level

    require_apprise(settings)
    places = {"alerts.urls": settings.alerts.urls}
    places |= {f"route {route.name}, alerts": route.alerts for route in settings.routes}
    for place, urls in places.items():
        _, odd = _sender([url.get_secret_value() for url in urls]) if urls else (None, [])
        for number in odd:
            yield Finding(place, Level.WARNING, f"Address {number} is none that alerts can go to; see monitoring.md.")


def by_apprise(urls: Sequence[str], title: str, text: str) -> bool:
    """False when not all of it arrived. An address that apprise does not understand is told by its number."""
    from apprise import AppriseResultStatus

    sender, odd = _sender(urls)
    if odd:
        log.error("alerts.odd_address", numbers=odd)
    # Its truth alone would not tell a message that went to some of the addresses only, or to none.
    result = sender.notify(title=title, body=text, timeout=WITHIN)
    return not odd and bool(result.status == AppriseResultStatus.SUCCESS)


def _sender(urls: Sequence[str]) -> tuple[Any, list[int]]:
    """What sends to these addresses, and the numbers of those that it does not understand."""
    from apprise import Apprise

    for library in ("apprise", "urllib3"):
        logging.getLogger(library).setLevel(logging.CRITICAL + 1)
    sender = Apprise()
    return sender, [number for number, url in enumerate(urls, start=1) if not sender.add(url)]


def ping(url: str, exit_code: int) -> bool:
    """Tells a dead-man's switch that a round is over; the code stands at the end of the address."""
    import httpx

    try:
        # Connecting may take so long, and the answer once more.
        done = httpx.get(f"{url}/{exit_code}", timeout=WITHIN / 2).is_success
    except Exception as error:  # Some odd addresses are found out only here, by errors that are none of httpx.
        log.warning("alerts.not_pinged", error=type(error).__name__)
        return False
    if not done:
        log.warning("alerts.not_pinged", error="the answer was no success")
    return done
