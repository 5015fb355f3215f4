"""What people do to 4HSE by hand: seed it, edit it, take rights away. Same rules of state, no HTTP."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from typing import Any

from procore_4hse.simulator.fourhse_contract import CHILDREN, ENTITIES, Entity, Row, names_outside
from procore_4hse.simulator.fourhse_register import Register, Snapshot
from procore_4hse.simulator.fourhse_rules import Refusal
from procore_4hse.simulator.wire import Clock

OFFICE_USER = "safety.manager@example.com"
DEFAULTS: dict[str, Row] = {
    "project": {"country": "IT", "status": "active", "project_type": "safety"},
    "person": {"is_employee": 1, "is_prevention_people": 0},
    "person-office": {"person_is_external": False},
    "work-group": {"work_group_type": "HGROUP"},
    "material": {"material_type": "PPE"},
    "material-item": {"initial_quantity": 1},
    "action": {"action_type": "CHECK"},
}


class ManualEdits:
    """A person at 4HSE's own screens. What a rule of state refuses raises ValueError; a missing row, KeyError.

    Ids are UUID text. Unlike a request, a hand may set any category, `creator` and `created_at`.
    """

    def __init__(self, clock: Clock, register: Register, lock: "threading.RLock", random: Random) -> None:
        self.clock = clock
        self._register = register
        self._lock = lock
        self._random = random
        self._user = OFFICE_USER

    def add_project(self, project_id: str, name: str) -> None:
        today = self.clock().date().isoformat()
        self._keep("project", {"project_id": project_id, "name": name, "created_at": today, "updated_at": today})

    def add_office(self, project_id: str, office_id: str, name: str, icon: str = "construction_site") -> None:
        now = int(self.clock().timestamp())
        place = {"office_id": office_id, "project_id": project_id, "created_at": now, "updated_at": now}
        self._keep("office", {**place, "name": name, "office_type_icon": icon})

    def add_person(
        self,
        project_id: str,
        office_id: str,
        first_name: str,
        last_name: str,
        code: str | None = None,
        tax_code: str | None = None,
        email: str | None = None,
    ) -> str:
        """Assigns a person to an office and answers the person_office_id; a code in use is the same person."""
        with self._editing():
            person_id = self._person_with(project_id, code) or self._keep(
                "person",
                {
                    "project_id": project_id,
                    "first_name": first_name,
                    "last_name": last_name,
                    "code": code,
                    "tax_code": tax_code,
                    "entity_id": email,
                },
            )
            return self.hand_create("person-office", office_id, person_id=person_id)

    def named_people(self, office_id: str) -> dict[str, str]:
        """The person_office_ids of an office's people by their names."""
        with self._lock:
            people, assigned = (self._register.rows.tables[name] for name in ("person", "person-office"))
            return {
                f"{person['first_name']} {person['last_name']}": row_id
                for row_id, row in assigned.items()
                if row["office_id"] == office_id and (person := people[row["person_id"]])
            }

    @contextmanager
    def acting_as(self, office_id: str, name: str) -> Iterator[None]:
        """Whatever is done by hand meanwhile is done by this person of the office; without a name by the usual user."""
        with self._lock:
            people = self.named_people(office_id)
            if name and name not in people:
                raise ValueError(f"Nobody is called {name} here; there are: {', '.join(sorted(people))}")
            self._user = name or OFFICE_USER
            try:
                yield
            finally:
                self._user = OFFICE_USER

    def add_equipment(
        self, project_id: str, office_id: str, name: str, code: str | None = None, serial: str | None = None
    ) -> str:
        """Answers the office_equipment_id."""
        facts = {"name": name, "code": code, "serial": serial}
        return self.hand_create("equipment", office_id, project_id=project_id, **facts)

    def hand_create(self, entity_name: str, office_id: str, **fields: Any) -> str:
        """A new row of any entity that stands in an office; answers its id."""
        with self._editing() as register:
            entity = ENTITIES[entity_name]
            project_id = register.rows.tables["office"][office_id]["project_id"]
            place = {entity.office: office_id, entity.project: project_id}
            return self._keep(entity_name, {name: value for name, value in place.items() if name} | fields)

    def hand_edit(self, entity_name: str, row_id: str, **fields: Any) -> None:
        with self._editing() as register:
            entity = ENTITIES[entity_name]
            _check_names(entity, fields)
            register.update(entity, register.rows.tables[entity_name][row_id], fields, by_hand=True)

    def hand_delete(self, entity_name: str, row_id: str) -> None:
        """The row and its children are gone for good."""
        with self._editing() as register:
            register.delete(ENTITIES[entity_name], register.rows.tables[entity_name][row_id], by_hand=True)

    def historicize(self, entity_name: str, row_id: str) -> None:
        """Ends the existence period of a person-office, an equipment ...; links to it stay."""
        self.hand_edit(entity_name, row_id, owned_active=False)

    def historicize_office(self, office_id: str) -> None:
        self.historicize("office", office_id)

    def reactivate_office(self, office_id: str) -> None:
        self.hand_edit("office", office_id, owned_active=True)

    def suspend_project(self, project_id: str) -> None:
        self.hand_edit("project", project_id, status="suspended")

    def resume_project(self, project_id: str) -> None:
        self.hand_edit("project", project_id, status="active")

    def revoke(self, office_id: str, share: float = 1.0) -> None:
        """Our user no longer sees this share of the office's incidents, nor what hangs on them; 1.0: nothing of it."""
        with self._editing() as register:
            if share >= 1:  # The office itself, so that incidents that are made later stay hidden too.
                register.access.offices.add(office_id)
            incidents = sorted(row["office_incident_id"] for row in self._incidents(office_id))
            register.access.incidents |= set(self._random.sample(incidents, round(min(share, 1) * len(incidents))))

    def revoke_writing(self, office_id: str) -> None:
        """Our user may read the office and no longer write in it."""
        with self._editing() as register:
            register.access.read_only.add(office_id)

    def hide(self, incident_id: str, *, hidden: bool = True) -> None:
        """Our user no longer sees this one incident, or sees it again."""
        with self._editing() as register:
            changed = register.access.incidents.add if hidden else register.access.incidents.discard
            changed(incident_id)

    def grant(self, office_id: str) -> None:
        """Our user sees and may write everything in the office again."""
        with self._editing() as register:
            register.access.offices.discard(office_id)
            register.access.read_only.discard(office_id)
            register.access.incidents -= {row["office_incident_id"] for row in self._incidents(office_id)}

    def look(self, entity_name: str, row_id: str) -> Row | None:
        """A row as it is stored, None when there is none."""
        with self._lock:
            row = self._register.rows.get(entity_name, row_id)
            return dict(row) if row else None

    def dump(self, office_id: str) -> list[Row]:
        """The office's incidents as stored, by day and id, each with lists `persons`, `resources`, `actions`."""
        with self._lock:
            dumped = [{**row, **self._links(row["office_incident_id"])} for row in self._incidents(office_id)]
            return sorted(dumped, key=lambda row: (row["date_incident"], row["office_incident_id"]))

    def snapshot(self) -> Snapshot:
        """All rows and rights as they are now."""
        with self._lock:
            return self._register.snapshot()

    def restore_snapshot(self, snapshot: Snapshot) -> None:
        """All rows and rights as they were, as after a restored backup."""
        with self._lock:
            self._register.restore_snapshot(snapshot)

    def _keep(self, entity_name: str, fields: Row) -> str:
        with self._editing() as register:
            entity = ENTITIES[entity_name]
            active = {"owned_active": True} if "owned_active" in entity.stored else {}
            given = DEFAULTS.get(entity_name, {}) | active | fields
            _check_names(entity, given)
            row: Row = register.create(entity, given, creator=self._user, by_hand=True)
            return str(row[entity.key])

    def _person_with(self, project_id: str, code: str | None) -> str | None:
        people = self._register.rows.tables["person"].values() if code else ()
        return next(
            (row["person_id"] for row in people if (row["project_id"], row["code"]) == (project_id, code)), None
        )

    def _incidents(self, office_id: str) -> Iterator[Row]:
        return (row for row in self._register.rows.tables["incident"].values() if row["subtenant_id"] == office_id)

    def _links(self, incident_id: str) -> dict[str, list[Row]]:
        children = self._register.rows.children
        return {word: [dict(row) for _, row in children(incident_id, name)] for word, name in CHILDREN.items()}

    @contextmanager
    def _editing(self) -> Iterator[Register]:
        with self._lock:
            try:
                yield self._register
            except Refusal as refusal:
                raise ValueError(str(refusal)) from refusal


def _check_names(entity: Entity, fields: Row) -> None:
    unknown = names_outside(fields, entity.stored)
    if unknown:
        raise ValueError(f"{entity.name} has no field {', '.join(unknown)}")
