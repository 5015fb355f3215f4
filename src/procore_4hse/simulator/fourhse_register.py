"""The state of the simulated 4HSE behind its HTTP face: who sees what, and how rows come, change and go."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC
from random import Random
from typing import Any
from uuid import UUID

from procore_4hse.simulator.fourhse_contract import INCIDENT_ENTITIES, Entity, Row
from procore_4hse.simulator.fourhse_dials import FourHseDials
from procore_4hse.simulator.fourhse_rows import Rows, Tables
from procore_4hse.simulator.fourhse_rules import RULES, Change, Problem, Refusal, field_problems, stored_text
from procore_4hse.simulator.wire import Clock


@dataclass
class Access:
    """What our user lost: whole offices, single incidents, the right to write in an office."""

    offices: set[str] = field(default_factory=set)
    incidents: set[str] = field(default_factory=set)
    read_only: set[str] = field(default_factory=set)

    def copy(self) -> "Access":
        return Access(set(self.offices), set(self.incidents), set(self.read_only))


@dataclass(frozen=True)
class Snapshot:
    """Rows and rights as they stood."""

    tables: Tables
    access: Access


class Register:
    """Rows under the server's rules. `Refusal` is raised when a rule or a right says no."""

    def __init__(self, clock: Clock, dials: FourHseDials, random: Random) -> None:
        self.clock = clock
        self.dials = dials
        self.random = random
        self.rows = Rows(dials)
        self.access = Access()

    def snapshot(self) -> Snapshot:
        return Snapshot(self.rows.copy_tables(), self.access.copy())

    def restore_snapshot(self, snapshot: Snapshot) -> None:
        self.rows.replace_tables(snapshot.tables)
        self.access = snapshot.access.copy()

    def new_id(self) -> str:
        return str(UUID(int=self.random.getrandbits(128), version=4))

    def visible(self, entity: Entity, *, history: bool) -> list[Row]:
        """The rows that an index may show: rights, suspended projects and history taken into account."""
        offices = self._offices_out_of_sight(entity, history=history)
        projects = self._suspended_projects()
        office, project = entity.office or "", entity.project or ""
        return [
            row
            for row in self.rows.tables[entity.name].values()
            if row.get(office) not in offices
            and row.get(project) not in projects
            and row.get("office_incident_id") not in self.access.incidents
            and (history or row.get("owned_active", True))
        ]

    def find(self, entity: Entity, row_id: str) -> Row:
        """The row that our user asked for by id; refused when it is gone, hidden or of a suspended project."""
        row = self.rows.get(entity.name, row_id)
        if row is None:
            raise Refusal(404, sentence=f"Object not found: {row_id}")
        self.check_project(entity, row)
        is_lost = row.get("office_incident_id") in self.access.incidents
        if is_lost or row.get(entity.office or "") in self.access.offices:
            raise Refusal(self.dials.forbidden_view_status, sentence="You are not allowed to perform this action.")
        return row

    def check_project(self, entity: Entity, row: Mapping[str, Any]) -> None:
        if row.get(entity.project or "") in self._suspended_projects():
            raise Refusal(403, sentence="The project is suspended.")

    def create(self, entity: Entity, sent: Mapping[str, Any], *, creator: str, by_hand: bool = False) -> Row:
        """The new row, kept. `sent` holds known fields only."""
        self._check_fields(entity, sent, creating=True, by_hand=by_hand)
        new: Row = dict.fromkeys(entity.stored) | self._server_fields(entity, creator)
        new |= {name: stored_text(entity.stored[name], value, self.dials) for name, value in sent.items()}
        new[entity.key] = self._id_for(entity, sent, by_hand=by_hand)
        self._check_writing(entity, new, by_hand=by_hand)
        self._check_rules(Change(entity, None, new, sent, by_hand))
        # After the rules, as a database finds a key that is taken only when it stores the row.
        self._check_repeated(entity, new[entity.key])
        self.rows.put(entity, new)
        return new

    def update(self, entity: Entity, old: Row, sent: Mapping[str, Any], *, by_hand: bool = False) -> Row:
        """The row after the change, kept; its id, creator and created_at never change."""
        asked = sent if by_hand else self._filled(entity, sent)
        self._check_fields(entity, asked, creating=False, by_hand=by_hand)
        kept = {name: value for name, value in asked.items() if self._is_assigned(entity, name, value, by_hand)}
        # A new row, never the old one changed: snapshots and answers share the stored rows.
        new = old | {name: stored_text(entity.stored[name], value, self.dials) for name, value in kept.items()}
        if self._reopens(old, new) and "date_closed" not in sent:
            new["date_closed"] = None
        self._check_writing(entity, new, by_hand=by_hand)
        self._check_rules(Change(entity, old, new, kept, by_hand))
        self.rows.put(entity, new)
        return new

    def delete(self, entity: Entity, row: Row, *, by_hand: bool = False) -> None:
        self._check_writing(entity, row, by_hand=by_hand)
        self.rows.remove(entity, row)

    def _offices_out_of_sight(self, entity: Entity, *, history: bool) -> set[str]:
        out = set(self.access.offices)
        is_incident = entity.name in INCIDENT_ENTITIES
        # Whether `history` brings back incidents of an ended office is not known (H6).
        shows_all = history and (self.dials.history_shows_hidden_incidents or not is_incident)
        if shows_all or (is_incident and not self.dials.historicized_office_hides_incidents):
            return out
        offices = self.rows.tables["office"].values()
        return out | {office["office_id"] for office in offices if not office["owned_active"]}

    def _suspended_projects(self) -> set[str]:
        projects = self.rows.tables["project"].values()
        return {project["project_id"] for project in projects if project["status"] != "active"}

    def _check_writing(self, entity: Entity, row: Row, *, by_hand: bool) -> None:
        """403 when our user may not write where the row stands; a person by hand may."""
        if by_hand:
            return
        self.check_project(entity, row)
        if row["subtenant_id"] in self.access.offices | self.access.read_only:
            raise Refusal(403, sentence="You are not allowed to perform this action.")

    def _server_fields(self, entity: Entity, creator: str) -> Row:
        if entity.name != "incident":
            return {}
        return {"status": self.dials.created_default_status, "creator": creator, "created_at": self._created_at()}

    def _created_at(self) -> str | int:
        now = self.clock().astimezone(UTC)
        if self.dials.created_at_form == "unix":
            return int(now.timestamp())
        return (
            now.strftime("%d/%m/%Y %H:%M") if self.dials.created_at_form == "italian" else now.isoformat("T", "seconds")
        )

    def _id_for(self, entity: Entity, sent: Mapping[str, Any], *, by_hand: bool) -> str:
        given = sent.get(entity.key)
        return given if given and (by_hand or self.dials.client_id_kept) else self.new_id()

    def _check_repeated(self, entity: Entity, row_id: str) -> None:
        if self.rows.get(entity.name, row_id) is None or self.dials.repeated_id == "overwrite":
            return
        if self.dials.repeated_id == "500":
            raise Refusal(500, sentence="Database Exception")
        taken = f'{entity.stored[entity.key].label} "{row_id}" has already been taken.'
        raise Refusal(422, (Problem(entity.key, taken, is_documented=False),))

    def _is_assigned(self, entity: Entity, name: str, value: Any, by_hand: bool) -> bool:
        ignored_move = name in ("tenant_id", "subtenant_id") and self.dials.office_move == "ignored"
        lost_null = value is None and not self.dials.null_clears and not by_hand
        return name != entity.key and not ignored_move and not lost_null

    def _filled(self, entity: Entity, sent: Mapping[str, Any]) -> Row:
        """What was sent and, unless an update is partial, what it did by leaving fields out."""
        if self.dials.put_is == "partial":
            return dict(sent)
        absent = [field for name, field in entity.writable.items() if name not in sent and name != entity.key]
        blank: Row = {field.name: None for field in absent if field.nullable}
        if self.dials.put_is == "full":
            missing = [field.name for field in absent if field.name in entity.required]
            _refuse(Problem(name, f"{name} cannot be blank.", is_documented=False) for name in missing)
            blank |= {field.name: self.dials.created_default_status for field in absent if field.kind == "status"}
        return blank | dict(sent)

    def _reopens(self, old: Row, new: Row) -> bool:
        was_closed = old.get("status") == "closed" and new.get("status") != "closed"
        return was_closed and self.dials.reopening_clears_date_closed

    def _check_fields(self, entity: Entity, sent: Mapping[str, Any], *, creating: bool, by_hand: bool) -> None:
        _refuse(field_problems(entity, sent, creating=creating, by_hand=by_hand))

    def _check_rules(self, change: Change) -> None:
        _refuse(problem for rule in RULES.get(change.entity.name, ()) for problem in rule(self.rows, change))


def _refuse(problems: Iterable[Problem]) -> None:
    """422 with the first problem of every field, when there is any."""
    first: dict[str, Problem] = {}
    for problem in problems:
        first.setdefault(problem.field, problem)
    if first:
        raise Refusal(422, tuple(first.values()))
