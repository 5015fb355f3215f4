"""What a route remembers from cycle to cycle: taken up when a cycle begins, brought up to date when it ends."""

from __future__ import annotations

import uuid

from procore_4hse.engine.snapshots import partners_told, picklists
from procore_4hse.mapping.picklists import Picklists
from procore_4hse.reconcile.identity import is_as_named
from procore_4hse.route import Route
from procore_4hse.store.repository import Fence, Store, Unit
from procore_4hse.store.routes import RouteState


def current_state(unit: Unit, route: Route) -> RouteState:
    """The route's memory as it is now."""
    return unit.routes.get(route.key, route.name)


def open_memory(unit: Unit, route: Route, *, first: bool) -> RouteState:
    """The route's memory as a cycle begins; `first` approves a first meeting, while there was none."""
    state = current_state(unit, route)
    is_new, approves = not state.memory.privacy_key, first and not state.ever_linked
    if is_new:
        unit.routes.remember(route.key, route.name, privacy_key=uuid.uuid4().hex)
    if approves:
        unit.routes.save(route.key, route.name, meeting_approved=True)
    return current_state(unit, route) if is_new or approves else state


def learn_partners(store: Store, fence: Fence, route: Route, *, dry: bool) -> Picklists:
    """The systems' own lists; the partner that a person named for somebody whom no rule matches is remembered."""
    with store.read() as unit:
        lists = picklists(unit, current_state(unit, route), route.mapping)
        answers = unit.inbox(route.key).decisions().values()
    partners = partners_told(told for told in answers if is_as_named(lists.directory, told))
    if not partners or dry:
        return lists
    with store.begin(fence) as unit:
        unit.routes.remember(route.key, route.name, partners={**current_state(unit, route).memory.partners, **partners})
        return picklists(unit, current_state(unit, route), route.mapping)


def end_meeting(unit: Unit, route: Route) -> None:
    """The approval of a first meeting ends once there are links."""
    if current_state(unit, route).ever_linked:
        unit.routes.save(route.key, route.name, meeting_approved=False)
