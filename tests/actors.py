"""People at work in both systems: who is hired where, who was hurt, and what each register says about it."""

from __future__ import annotations

from typing import Any

from world import OFFICE, PROJECT, TENANT, World


def hire_on_site(world: World, name: str = "Ann Lee", employee_id: str | None = None, email: str | None = None) -> int:
    """A person of Procore's directory; the id is the party's."""
    first, last = name.split()
    return world.procore.add_person(PROJECT, first, last, employee_id=employee_id, email=email)


def hire_in_office(
    world: World,
    name: str = "Ann Lee",
    code: str | None = None,
    tax_code: str | None = None,
    email: str | None = None,
) -> str:
    """A person assigned to the 4HSE office; the id is the assignment's."""
    first, last = name.split()
    return world.fourhse.add_person(TENANT, OFFICE, first, last, code=code, tax_code=tax_code, email=email)


def correct_in_office(world: World, assignment: str, **fields: Any) -> None:
    """An edit of the person behind an assignment in 4HSE."""
    world.fourhse.hand_edit("person", world.fourhse.look("person-office", assignment)["person_id"], **fields)


def hire(world: World, name: str = "Ann Lee", number: str = "E1") -> tuple[int, str]:
    """The same person on both sides, by employee id."""
    return hire_on_site(world, name, employee_id=number), hire_in_office(world, name, code=number)


def hurt_on_site(
    world: World, incident: str, party: int | None, days: int | None = None, kind: str = "injury", **more: Any
) -> int:
    named = {} if party is None else {"affected_party_id": party}
    lost = {} if days is None else {"work_days_absent": days}
    return world.procore.hand_create(kind, PROJECT, incident_id=int(incident), **named, **lost, **more)


def hurt_in_office(world: World, incident: str, assignment: str, days: int | None = None, **more: Any) -> str:
    lost = {} if days is None else {"days": days}
    return world.fourhse.hand_create(
        "incident-person", OFFICE, office_incident_id=incident, person_office_id=assignment, **lost, **more
    )


def on_site(world: World, incident: str | None = None) -> list[tuple[str, int | None, int | None]]:
    """(kind, party, days) of Procore's people, of one incident or of all."""
    rows = [row for one, row in world.site().items() if incident in (None, one)]
    told = (
        (kind, (record.get("affected_party") or {}).get("id"), record.get("work_days_absent"))
        for row in rows
        for kind, many in (("injury", "injuries"), ("near_miss", "near_misses"))
        for record in row[many]
    )
    return sorted(told, key=str)


def in_office(world: World, incident: str | None = None) -> list[tuple[str, int | None]]:
    """(assignment, days) of 4HSE's people, of one incident or of all."""
    rows = [row for one, row in world.office().items() if incident in (None, one)]
    return sorted(((one["person_office_id"], one["days"]) for row in rows for one in row["persons"]), key=str)


def partner(world: World, incident: str) -> str:
    """The other side's id of a linked incident."""
    link = next(one for one in world.links() if one.kind == "incident" and incident in (one.procore_id, one.fourhse_id))
    return str(link.fourhse_id if incident == link.procore_id else link.procore_id)


def waiting(world: World, kind: str) -> list[Any]:
    return [entry for entry in world.inbox() if entry.item.kind == kind]


def only(world: World, kind: str) -> Any:
    """The one item of this kind that waits."""
    (entry,) = waiting(world, kind)
    return entry


def wrote(report: Any) -> dict[str, int]:
    """Created, updated and deleted, both sides together."""
    return {
        word: sum(report.written[side][word] for side in ("procore", "fourhse"))
        for word in ("created", "updated", "deleted")
    }


NOTHING = {"created": 0, "updated": 0, "deleted": 0}


def is_quiet(world: World) -> bool:
    """A further cycle writes nothing and has nothing to complain about."""
    report = world.sync()
    return (report.outcome, wrote(report)) == ("ok", NOTHING)


def doubtful(world: World, many: int) -> None:
    """So many pairs that show the same and are no clear ones, for they have no description."""
    world.on_site("Something else")
    world.sync()
    for number in range(many):
        world.on_site(f"Fall {number}", description="")
        world.in_office(f"Fall {number}", description_event="")
    world.sync()
