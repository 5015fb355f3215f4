"""Taking a write back at the desk: what would be put back, why it cannot be, and keeping it as somebody's answer."""

from __future__ import annotations

from dataclasses import dataclass

from procore_4hse.errors import UsageError
from procore_4hse.models import Action, Side
from procore_4hse.operations import undo
from procore_4hse.operations.decisions import NOTE
from procore_4hse.operations.explain import Story
from procore_4hse.operations.history import Write, find_writes
from procore_4hse.operations.texts import moment, say
from procore_4hse.operations.undo import Undo
from procore_4hse.route import Route
from procore_4hse.store.decisions import Decider
from procore_4hse.store.leases import Holder
from procore_4hse.web.access import Visitor, classes_of_action
from procore_4hse.web.desk import Desk
from procore_4hse.web.pages import find_incident, record_of
from procore_4hse.web.questions import Context, Missing


@dataclass(frozen=True)
class Asked:
    """A write of one field that somebody may see, and the incident that it is about."""

    story: Story
    write: Write

    @property
    def route(self) -> Route:
        return self.write.route


def find_write(desk: Desk, who: Visitor, write_id: str) -> Asked:
    """Raises Missing."""
    for route in who.routes(desk.routes):
        with desk.store.read() as unit:
            found = [(one.action, each) for one, writes in find_writes(unit, route, write_id) for each in writes]
        for action, write in found:
            if write.id == write_id and _may_see(who, route, action, write):
                return Asked(find_incident(desk, who, _incident_of(action)), write)
    raise Missing


def _may_see(who: Visitor, route: Route, action: Action, write: Write) -> bool:
    """Of what is no single field of a mapping's row, nothing can be taken back here."""
    return write.row is not None and {write.row.privacy, *classes_of_action(action, route)} <= who.classes(route)


def _incident_of(action: Action) -> str:
    known = action.parent or action.id_on(Side.PROCORE)
    if known is None:
        raise Missing
    return known


def page(desk: Desk, asked: Asked) -> Context:
    """What would be put back where; or else why it cannot be."""
    write, incident = asked.write, record_of(asked.story)
    told = {
        "id": write.id,
        "field": write.field,
        "side": write.side.label,
        "other": write.side.other.label,
        "old": write.old,
        "new": write.new,
        "at": moment(write.at),
        "why": write.reason,
        "incident": incident,
        "title": write.title,
        "longest_note": NOTE,
        "stays": None,
        "refusal": None,
    }
    try:
        wanted = undo.prepare(desk.store, (asked.route,), write.id)
    except UsageError as error:
        return {**told, "refusal": str(error)}
    return {**told, "stays": wanted.stays and say("undo.stays", field=write.field, side=wanted.stays.label)}


def keep(desk: Desk, asked: Asked, by: Decider, note: str) -> int:
    """The number of the question that holds the wish. Raises UsageError, and RouteBusy while a cycle runs."""
    if len(note) > NOTE:
        raise UsageError(f"The note has {len(note)} letters; write it in at most {NOTE}.")
    wanted: Undo = undo.prepare(desk.store, (asked.route,), asked.write.id, note.strip())
    return undo.keep(desk.store, Holder.this_process(), wanted, by)
