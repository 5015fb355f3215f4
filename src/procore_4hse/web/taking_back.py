"""Taking back at the desk: a write, an answer that goes on counting, and that two incidents are one."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from procore_4hse.errors import UsageError
from procore_4hse.mapping.classes import FieldClass
from procore_4hse.models import Action, Link, LinkState, Side
from procore_4hse.operations import decisions, remembered, undo
from procore_4hse.operations.decisions import NOTE
from procore_4hse.operations.explain import Story
from procore_4hse.operations.history import Write, find_writes
from procore_4hse.operations.remembered import Remembered
from procore_4hse.operations.texts import moment, say
from procore_4hse.operations.undo import Undo
from procore_4hse.route import Route
from procore_4hse.store.decisions import Decider
from procore_4hse.store.leases import Holder
from procore_4hse.store.repository import Unit
from procore_4hse.web.access import ABOUT_PEOPLE, Classes, Visitor, classes_of_action
from procore_4hse.web.desk import Desk
from procore_4hse.web.pages import find_incident, record_of, title_on
from procore_4hse.web.questions import LISTED, Context, Missing


class Forbidden(Exception):
    """This person may see it, and not change it."""


# A write ---------------------------------------------------------------------------------------------------------


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
        wanted = undo.prepare(desk.store, (asked.route,), write.id, seen=asked.story.seen)
    except UsageError as error:
        return {**told, "refusal": str(error)}
    return {**told, "stays": wanted.stays and say("undo.stays", field=write.field, side=wanted.stays.label)}


def keep(desk: Desk, asked: Asked, by: Decider, note: str) -> int:
    """The number of the question that holds the wish. Raises UsageError, and RouteBusy while a cycle runs."""
    if len(note) > NOTE:
        raise UsageError(f"The note has {len(note)} letters; write it in at most {NOTE}.")
    wanted: Undo = undo.prepare(desk.store, (asked.route,), asked.write.id, note.strip())
    return undo.keep(desk.store, Holder.this_process(), wanted, by)


# An answer that goes on counting ---------------------------------------------------------------------------------


def answers(desk: Desk, who: Visitor) -> Context:
    """What people said once and for all, as far as this person may see it."""
    with desk.store.read() as unit:
        found = [each for route in who.routes(desk.routes) for each in _visible(unit, route, who)]
    listed = [_answer(each, who) for each in found[:LISTED]]
    return {"answers": listed, "count": len(found), "with_route": len(who.routes(desk.routes)) > 1}


def _visible(unit: Unit, route: Route, who: Visitor) -> list[Remembered]:
    kept, classes = remembered.remembered(unit, route), who.classes(route)
    incidents = {one.incident for one in kept if one.incident}
    private = frozenset[str]() if FieldClass.HEALTH in classes else unit.staging(route.key).private_among(incidents)
    return [one for one in kept if _may_see_answer(one, classes, private)]


def _may_see_answer(one: Remembered, classes: Classes, private: Collection[str]) -> bool:
    return classes >= ABOUT_PEOPLE if one.incident is None else one.incident not in private


def _answer(one: Remembered, who: Visitor) -> Context:
    return {
        "id": one.id,
        "what": one.what,
        "said": remembered.KINDS[one.kind],
        "route": one.route.name,
        "since": moment(one.since) if one.since else "",
        "may": who.decides(one.route),
    }


def forget(desk: Desk, who: Visitor, answer_id: str, by: Decider) -> None:
    """Raises Missing, Forbidden, UsageError, and RouteBusy while a cycle runs."""
    with desk.store.read() as unit:
        seen = (one for route in who.routes(desk.routes) for one in _visible(unit, route, who))
        found = next((one for one in seen if one.id == answer_id), None)
    if found is None:
        raise Missing
    if not who.decides(found.route):
        raise Forbidden
    remembered.forget(desk.store, Holder.this_process(), (found.route,), found.id, by)


# That two incidents are one --------------------------------------------------------------------------------------


def linked(desk: Desk, who: Visitor, record_id: str) -> tuple[Story, Link]:
    """The story of a linked incident, for somebody who may take the two apart. Raises Missing and Forbidden."""
    story = find_incident(desk, who, record_id)
    link = story.incident.link
    if link is None or link.state is LinkState.ENDED:
        raise Missing
    if not who.decides(story.route):
        raise Forbidden
    return story, link


def apart(story: Story, link: Link) -> Context:
    """Both records by their titles, so that somebody knows what they say."""
    sides = [{"label": side.label, "id": link.id_on(side), "title": title_on(story, side)} for side in Side]
    return {"sides": sides, "incident": link.procore_id, "shown": link.fourhse_id}


def take_apart(desk: Desk, story: Story, link: Link) -> None:
    """Raises UsageError, and RouteBusy while a cycle runs."""
    decisions.part(desk.store, Holder.this_process(), story.route, link.procore_id)
