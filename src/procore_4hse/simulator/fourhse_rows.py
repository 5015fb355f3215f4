"""The rows that the simulated 4HSE holds, how they point to each other, and what a reader gets to see of one."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

from procore_4hse.simulator.fourhse_contract import (
    ENTITIES,
    REFERENCES,
    RESOURCE_TYPES,
    Entity,
    Field,
    Row,
)
from procore_4hse.simulator.fourhse_dials import FourHseDials

Tables = dict[str, dict[str, Row]]


class Rows:
    """Every row by entity and id. A stored row is never changed in place: a change puts a new one."""

    def __init__(self, dials: FourHseDials) -> None:
        self.dials = dials
        self.tables: Tables = {name: {} for name in ENTITIES}
        self._children: dict[str, dict[str, str]] = defaultdict(dict)

    def put(self, entity: Entity, row: Row) -> None:
        self._unlink(entity, self.get(entity.name, row[entity.key]))  # A link row may move to another incident.
        self.tables[entity.name][row[entity.key]] = row
        if _is_child(entity):
            self._children[row["office_incident_id"]][row[entity.key]] = entity.name

    def remove(self, entity: Entity, row: Row) -> None:
        """The row and all that hangs on it are gone for good."""
        for child in list(self.children(row[entity.key])):  # A copy: each removal shortens what is walked.
            self.remove(*child)
        self._unlink(entity, row)
        self._children.pop(row[entity.key], None)
        del self.tables[entity.name][row[entity.key]]

    def get(self, entity_name: str, row_id: Any) -> Row | None:
        return self.tables[entity_name].get(row_id) if isinstance(row_id, str) else None

    def children(self, incident_id: str, entity_name: str | None = None) -> Iterator[tuple[Entity, Row]]:
        for row_id, name in self._children.get(incident_id, {}).items():
            if entity_name in (None, name):
                yield ENTITIES[name], self.tables[name][row_id]

    def copy_tables(self) -> Tables:
        return {name: dict(table) for name, table in self.tables.items()}

    def replace_tables(self, tables: Tables) -> None:
        self.tables = {name: {} for name in ENTITIES}
        self._children.clear()
        for name, table in tables.items():
            for row in table.values():
                self.put(ENTITIES[name], row)

    def target(self, row: Row, reference: str) -> tuple[Entity, Row] | None:
        """The row that a reference of `row` points to, None when there is none."""
        name = RESOURCE_TYPES.get(row["entity_type"]) if reference == "entity_id" else REFERENCES[reference]
        target = self.get(name, row.get(reference)) if name else None
        return (ENTITIES[name], target) if name and target else None

    def value(self, entity: Entity, row: Row, field: Field) -> Any:
        """What a read shows of one field, joined and computed ones included."""
        if field.reference and field.source:
            return self._rendered(field, self._joined(row, field.reference, field.source))
        if field.name in entity.stored:
            return self._rendered(field, row.get(field.name))
        return self._rendered(field, COMPUTED[field.name](self, entity, row))

    def detail(self, entity: Entity, row: Row) -> Row:
        """The row as index and view show it."""
        hidden = set() if self.dials.permission_in_rows else {"permission"}
        return {name: self.value(entity, row, field) for name, field in entity.shown.items() if name not in hidden}

    def bare(self, entity: Entity, row: Row) -> Row:
        """The row as create and update answer it: own fields only."""
        return {name: self._rendered(field, row.get(name)) for name, field in entity.stored.items()}

    def is_active(self, entity: Entity, row: Row) -> bool:
        return bool(row.get("owned_active", True)) and self.parent_is_active(entity, row)

    def parent_is_active(self, entity: Entity, row: Row) -> bool:
        """Whether what the row stands under is active: an active project, and an office that is not historicized."""
        project = self.get("project", row.get(entity.project or ""))
        office = self.get("office", row.get(entity.office or "")) if entity.name != "office" else None
        return (project is None or project["status"] == "active") and (office is None or bool(office["owned_active"]))

    def _joined(self, row: Row, reference: str, source: str) -> Any:
        target = self.target(row, reference)
        if target is None:
            return None
        entity, target_row = target
        return self.value(entity, target_row, entity.shown[source]) if source in entity.shown else None

    def _rendered(self, field: Field, value: Any) -> Any:
        if field.kind == "json" and self.dials.json_text_decoded and value is not None:
            return json.loads(value)
        if field.kind == "flag" and value is not None:
            return int(value) if self.dials.flags_are_numbers else bool(value)
        return value

    def _unlink(self, entity: Entity, row: Row | None) -> None:
        if row and _is_child(entity):
            self._children[row["office_incident_id"]].pop(row[entity.key], None)


def _is_child(entity: Entity) -> bool:
    return entity.is_writable and entity.name != "incident"


def _sickness_days(rows: Rows, entity: Entity, row: Row) -> int:
    return sum(child["days"] or 0 for _, child in rows.children(row[entity.key], "incident-person"))


def _involved_people(rows: Rows, entity: Entity, row: Row) -> int:
    return sum(1 for _ in rows.children(row[entity.key], "incident-person"))


def _items_of_material(rows: Rows, entity: Entity, row: Row) -> int:
    material = row.get("material_id")
    return sum(1 for item in rows.tables["material-item"].values() if item["material_id"] == material)


COMPUTED: dict[str, Callable[[Rows, Entity, Row], Any]] = {
    "totSicknessDays": _sickness_days,
    "totInvolvedPerson": _involved_people,
    "material_item_count": _items_of_material,
    "parent_active": Rows.parent_is_active,
    "permission": lambda rows, entity, row: "manager",
}
