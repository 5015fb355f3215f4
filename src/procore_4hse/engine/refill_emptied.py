"""A write that emptied fields which it did not send (H5) holds its route until a person lets us put them back."""

from __future__ import annotations

from collections.abc import Callable

from procore_4hse.errors import GuardStopped, Refused
from procore_4hse.push.pusher import Pusher
from procore_4hse.reconcile.items import REPLACED
from procore_4hse.route import Route
from procore_4hse.store.decisions import Outcome
from procore_4hse.store.repository import Fence, Store


def refill_emptied(store: Store, fence: Fence, route: Route, pusher: Callable[[], Pusher], *, dry: bool) -> None:
    """Fills an emptied record again once a person has said so; until then GuardStopped is raised.

    What the vendor refuses to take back is asked about again; its own words may quote a record and stay out of it.
    """
    with store.read() as unit:
        entries = unit.inbox(route.key).entries(states=("open", "answered"))
        entry = next((each for each in entries if each.item.key == REPLACED), None)
    if entry is None:
        return
    if entry.state == "open" or dry:
        raise GuardStopped(entry.item.reason)
    try:
        pusher().fill_again(entry.item.facts)
    except Refused as error:
        with store.begin(fence) as unit:
            unit.inbox(route.key).withdraw(entry.id, void="the system would not take the values back")
        step = f"see why with: procore-4hse explain {entry.item.facts['record']}"
        raise GuardStopped(f"{entry.item.reason} It would not take them back; {step}") from error
    with store.begin(fence) as unit:
        unit.routes.remember(route.key, route.name, put_whole=True)
        unit.inbox(route.key).close(REPLACED)
        unit.decisions(route.key).end([REPLACED], Outcome.CARRIED_OUT)
