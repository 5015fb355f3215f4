"""What people do in the simulated Procore by hand: for tests, the demo and seeding. No HTTP, the same rules."""

import copy
import pickle
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from functools import wraps
from typing import Any, TypeVar, cast

from procore_4hse.simulator.procore_answers import Answers, Row
from procore_4hse.simulator.procore_contract import KIND, KINDS
from procore_4hse.simulator.procore_register import Author, Register
from procore_4hse.simulator.procore_state import (
    Entry,
    Person,
    Project,
    Record,
    State,
    add_status,
    add_word,
    stamp,
)

PERSON_FIELDS = {"first_name", "last_name", "employee_id", "email"}
F = TypeVar("F", bound=Callable[..., Any])


def _locked(method: F) -> F:
    """The method, with the system's lock held."""

    @wraps(method)
    def locked(self: "ManualEdits", *args: Any, **kwargs: Any) -> Any:
        with self.lock:
            return method(self, *args, **kwargs)

    return cast("F", locked)


class ManualEdits:
    """Writes of a human user. What breaks a rule raises `Refusal`."""

    def __init__(self, register: Register) -> None:
        self.register = register
        self.lock = threading.RLock()
        self.forbidden: list[re.Pattern[str]] = []
        user_id = self._add_user("Robin Marsh", "robin.marsh@example.com")
        self.human = Author(user_id, by_hand=True)

    # Projects, people and words

    @_locked
    def add_project(self, project_id: int, name: str, time_zone: str, tz_name: str) -> None:
        """A new project, or other names and zones for one that is there."""
        now = self.register.now()
        made = self._state.projects.get(project_id)
        created_at, incidents = (made.created_at, made.incidents_made) if made else (now, 0)
        self._state.projects[project_id] = Project(
            project_id, name, time_zone, tz_name, created_at, now, incidents_made=incidents
        )

    @_locked
    def add_person(
        self,
        project_id: int,
        first_name: str,
        last_name: str,
        employee_id: str | None = None,
        email: str | None = None,
        full_user: bool = True,
    ) -> int:
        """A person of the project's directory; returns the person (party) id. Else a reference user (P93)."""
        now = self.register.now()
        person = Person(self._state.take_id(), project_id, first_name, last_name, employee_id, email, now)
        if full_user:
            person.user_id = self._add_user(person.name, email)
            person.contact_id, person.login_id = self._state.take_id(), self._state.take_id()
            self._state.logins[person.login_id] = person.name
        self._state.people[person.id] = person
        return person.id

    @_locked
    def person(self, person_id: int) -> Person:
        """With user_id, contact_id and login_id of a full user."""
        return copy.copy(self._state.people[person_id])

    @_locked
    def named_people(self, project_id: int) -> dict[str, int]:
        """The ids of the people in the project's directory by their names."""
        return {person.name: person.id for person in self._state.people.values() if person.project_id == project_id}

    @_locked
    def edit_person(self, person_id: int, **fields: str | None) -> None:
        """Another name, employee_id or email in the directory."""
        if unknown := sorted(fields.keys() - PERSON_FIELDS):
            raise ValueError(f"a person has no field {', '.join(unknown)}")
        for name, value in fields.items():
            setattr(self._state.people[person_id], name, value)

    @contextmanager
    def acting_as(self, name: str) -> Iterator[None]:
        """Whatever is done by hand meanwhile is done by the user of this name; by the usual one without a name."""
        with self.lock:
            usual = self.human
            self.human = Author(self._user_called(name), by_hand=True) if name else usual
            try:
                yield
            finally:
                self.human = usual

    @_locked
    def deactivate_person(self, person_id: int) -> None:
        """The person left: no longer among the project's users, still on old records (P95)."""
        self._state.people[person_id].active = False

    @_locked
    def add_vendor(self, name: str) -> int:
        return self._add_entry("vendors", None, {"name": name, "is_active": True}, ("id", "name"))

    @_locked
    def add_location(self, project_id: int, name: str) -> int:
        now = self._stamp()
        row = {"name": name, "node_name": name, "parent_id": None, "created_at": now, "updated_at": now}
        return self._add_entry("locations", project_id, row, ("id", *row))

    @_locked
    def add_equipment(self, project_id: int, name: str, **more: str) -> int:
        """A piece of equipment; `more` is such as `identification_number` and `serial_number`."""
        now = self._stamp()
        row = {"name": name, **more, "current_project_id": project_id, "created_at": now, "updated_at": now}
        return self._add_entry("managed_equipment", project_id, row, ("id", "name"))

    @_locked
    def add_word(self, listing: str, name: str, *, active: bool = True) -> int:
        """A company's own entry in a picker such as "affliction_types" or "hazards"."""
        return add_word(self._state, listing, name, self._stamp(), self.register.dials.word_form, active=active)

    @_locked
    def custom_status(self, name: str, status: str) -> int:
        """A new custom status that stands for open or closed; returns its id, for `custom_status_id`."""
        return add_status(self._state, name, status)

    @_locked
    def require(self, kind: str, *names: str) -> None:
        """The members that the company's field set requires of this kind; none lifts it."""
        self._state.required[kind] = set(names)

    @_locked
    def add_custom_field(self, definition_id: int, data_type: str, labels: Mapping[int, str] | None = None) -> None:
        self._state.custom_fields[str(definition_id)] = (data_type, dict(labels or {}))

    @_locked
    def custom_field(self, definition_id: str) -> tuple[str, dict[int, str]] | None:
        """The type of a custom field and the labels of its entries by their ids; None when nobody defined it."""
        return copy.deepcopy(self._state.custom_fields.get(definition_id))

    @_locked
    def words(self, listing: str) -> dict[str, int]:
        """Name -> id of a list: affliction_types, body_parts, hazards, types, custom_statuses ...

        An entry that ships with the system is called the same in whatever form its name is shown.
        """
        return {entry.called or entry.row["name"]: entry_id for entry_id, entry in self._state.lists[listing].items()}

    # Records

    @_locked
    def hand_create(self, kind: str, project_id: int, **fields: Any) -> int:
        """`fields` by the names of the API's write contract; times may be datetimes. Children need incident_id."""
        project = self.register.project(project_id)
        return self.register.create(KIND[kind], project, _plain(fields), self.human).id

    @_locked
    def hand_edit(self, kind: str, record_id: int, **fields: Any) -> None:
        self.register.edit(self.register.live(kind, record_id), _plain(fields), self.human)

    @_locked
    def hand_delete(self, kind: str, record_id: int) -> None:
        self.register.delete(self.register.live(kind, record_id), self.human)

    @_locked
    def hand_restore(self, kind: str, record_id: int) -> None:
        self.register.restore(self.register.recycled(kind, record_id), self.human)

    @_locked
    def lock_workflow(self, incident_id: int, locked: bool = True) -> None:
        """While locked, the API refuses status, custom status, assignees and distribution (P69)."""
        self.register.live("incident", incident_id).workflow_locked = locked

    # Rights

    @_locked
    def hide_project(self, project_id: int, hidden: bool = True) -> None:
        """The service account loses the project: absent from lists, 403 elsewhere (P8, P18)."""
        self._state.projects[project_id].hidden = hidden

    def forbid(self, path_regex: str) -> None:
        """Paths in which the expression is found answer 403."""
        self.forbidden.append(re.compile(path_regex))

    def permit_all(self) -> None:
        self.forbidden.clear()

    # Looking and turning back

    @_locked
    def dump(self, project_id: int) -> list[Row]:
        """The live incidents in the shape of show, children included, by number."""
        live = (record for record in self._state.records_of("incident", project_id) if record.deleted_at is None)
        return _copied([self._answers.incident_show(record) for record in live])

    @_locked
    def bin(self, project_id: int) -> list[Row]:
        """What lies in the recycle bin: list items with their `kind`."""
        recycled = (
            record for kind in KINDS for record in self._state.records_of(kind.name, project_id) if record.deleted_at
        )
        return _copied([{"kind": record.kind, **self._answers.row(record)} for record in recycled])

    @_locked
    def record(self, record_id: int) -> Record:
        """A copy of the stored record, recycled ones too."""
        return copy.deepcopy(self._state.records[record_id])

    @_locked
    def snapshot(self) -> State:
        return copy.deepcopy(self._state)

    @_locked
    def restore_snapshot(self, state: State) -> None:
        """The vendor came back from a backup: everything is as it was at the snapshot, ids included."""
        self.register.state = copy.deepcopy(state)

    @property
    def _state(self) -> State:
        return self.register.state

    @property
    def _answers(self) -> Answers:
        return Answers(self._state, self.register.dials)

    def _stamp(self) -> str:
        return stamp(self.register.now(), self.register.dials.fractional_seconds) or ""

    def _user_called(self, name: str) -> int:
        names = {person.name: person.user_id for person in self._state.people.values() if person.user_id}
        if name not in names:
            raise ValueError(f"Nobody is called {name} here; there are: {', '.join(sorted(names))}")
        return names[name]

    def _add_user(self, name: str, login: str | None) -> int:
        user_id = self._state.take_id()
        self._state.users[user_id] = {"id": user_id, "login": login, "name": name}
        return user_id

    def _add_entry(self, listing: str, project_id: int | None, row: Row, ref_names: tuple[str, ...]) -> int:
        entry_id = self._state.take_id()
        whole = {"id": entry_id, **row}
        ref = {name: whole[name] for name in ref_names}
        self._state.lists[listing][entry_id] = Entry(whole, ref, project_id=project_id)
        return entry_id


def _copied(rows: list[Row]) -> list[Row]:
    """Rows that share nothing with the state; of plain values a pickle is the quickest copy."""
    return cast("list[Row]", pickle.loads(pickle.dumps(rows, -1)))  # noqa: S301


def _plain(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    return {name: raw.isoformat() if isinstance(raw, datetime) else raw for name, raw in fields.items()}
