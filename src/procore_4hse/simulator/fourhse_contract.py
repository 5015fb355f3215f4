"""What 4HSE publishes about its entities, as tables: fields, kinds, filters, sort names, references.

A field is written `name:kind`, with `?` when it may be null and `=reference>source` when it is joined:
`office_name:text=subtenant_id>name` is the `name` of the row that `subtenant_id` points to.
"""

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

Row = dict[str, Any]

CATEGORIES = (
    "NON_COMPLIANCE",
    "ACCIDENTS",
    "ACCIDENTS_AND_MISSED_INJURIES",
    "REPORT_MALFUNCTION",
    "REPORT_FAILURE",
    "REQUEST_INSPECTION",
    "REQUEST_MAINTENANCE",
    "REQUEST_REPLACEMENT",
    "REQUEST_INTERVENTION",
)

RESOURCE_TYPES = {
    "EQUIPMENT": "equipment",
    "WORK_ENVIRONMENT": "work-environment",
    "SUBSTANCE": "substance",
    "WORK_GROUP": "work-group",
    "MATERIAL": "material",
    "MATERIAL_ITEM": "material-item",
    "ACTION": "action",
}
"""`entity_type` of a link row -> the entity that its `entity_id` points to."""

REFERENCES = {
    "office_incident_id": "incident",
    "subtenant_id": "office",
    "office_id": "office",
    "tenant_id": "project",
    "project_id": "project",
    "person_office_id": "person-office",
    "person_id": "person",
}
"""A field that points to a row -> the entity of that row."""

WORDS: dict[str, tuple[str, ...]] = {
    "category": CATEGORIES,
    "status": ("new", "open", "closed"),
    "resource_type": tuple(RESOURCE_TYPES),
    "action_link": ("ACTION",),
    "action_type": ("TRAINING", "MAINTENANCE", "HEALTH", "CHECK", "PER"),
    "project_type": ("safety", "template"),
    "project_status": ("active", "suspended", "pending_delete", "deleted"),
    "office_icon": ("office_default", "construction_site"),
    "group_type": ("HGROUP", "WORK_PLACE", "JOB"),
    "material_type": ("PPE",),
    "validity_unit": ("YEAR", "MONTH", "DAY"),
}

PARTIAL = "text"
"""The kind whose filter finds a part of the value; every other kind is compared whole."""

MAIL_FIELDS = ("manager", "assignee", "watcher", "to")
CHILDREN = {"persons": "incident-person", "resources": "incident-resource", "actions": "incident-action"}


def is_uuid(value: Any) -> bool:
    return isinstance(value, str) and bool(re.fullmatch(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", value))


def is_day(value: Any) -> bool:
    if not isinstance(value, str) or not re.fullmatch(r"\d{4}-\d\d-\d\d", value):
        return False
    try:
        date.fromisoformat(value)
    except ValueError:
        return False
    return True


def is_json_text(value: Any) -> bool:
    try:
        json.loads(value)
    except (TypeError, ValueError):
        return False
    return isinstance(value, str)


def is_text(value: Any) -> bool:
    return isinstance(value, str)


def is_whole_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def is_flag(value: Any) -> bool:
    return isinstance(value, int) and value in (0, 1)


def is_object(value: Any) -> bool:
    return isinstance(value, dict)


CHECKS: dict[str, Callable[[Any], bool]] = {
    "uuid": is_uuid,
    "text": is_text,
    "term": is_text,
    "code": is_text,
    "day": is_day,
    "integer": is_whole_number,
    "flag": is_flag,
    "json": is_json_text,
    "object": is_object,
}
FILTER_CHECKS = {**CHECKS, "uuid": is_text, "json": is_text}


@dataclass(frozen=True)
class Field:
    name: str
    kind: str
    nullable: bool = False
    reference: str | None = None
    source: str | None = None

    @classmethod
    def parse(cls, text: str) -> "Field":
        declared, _, joined = text.partition("=")
        name, _, kind = declared.partition(":")
        reference, _, source = joined.partition(">")
        return cls(name, kind.rstrip("?"), kind.endswith("?"), reference or None, source or None)

    def accepts(self, value: Any) -> bool:
        if value is None:
            return self.nullable
        if self.kind in WORDS:
            return value in WORDS[self.kind]
        return CHECKS[self.kind](value)

    def can_filter(self, value: Any) -> bool:
        return FILTER_CHECKS.get(self.kind, is_text)(value)

    @property
    def label(self) -> str:
        return self.name.replace("_", " ").title()


@dataclass(frozen=True)
class Entity:
    """One entity. `own` is what a client may write, `server` what only the server sets, `joined` what reads add."""

    name: str
    own: tuple[Field, ...]
    server: tuple[Field, ...] = ()
    joined: tuple[Field, ...] = ()
    required: tuple[str, ...] = ()
    sorts: tuple[str, ...] = ()
    unfiltered: tuple[str, ...] = ()
    """Names that a row has and a filter has not."""
    is_writable: bool = False
    office: str | None = "subtenant_id"
    project: str | None = "tenant_id"

    @property
    def key(self) -> str:
        return self.own[0].name

    @cached_property
    def stored(self) -> dict[str, Field]:
        return {field.name: field for field in (*self.own, *self.server)}

    @cached_property
    def writable(self) -> dict[str, Field]:
        return {field.name: field for field in self.own}

    @cached_property
    def shown(self) -> dict[str, Field]:
        return self.stored | {field.name: field for field in self.joined}

    @cached_property
    def filters(self) -> dict[str, Field]:
        return {name: field for name, field in self.shown.items() if name not in self.unfiltered}


def _fields(text: str) -> tuple[Field, ...]:
    return tuple(Field.parse(part) for part in text.split())


def _incident_link(name: str, own: str, joined: str, sorts: str, required: str, unfiltered: str = "") -> Entity:
    return Entity(
        name,
        own=_fields(f"{own} tenant_id:uuid subtenant_id:uuid"),
        joined=_fields(f"{joined} {INCIDENT_JOINS} {TENANCY_JOINS}"),
        required=(*required.split(), "subtenant_id", "tenant_id"),
        sorts=tuple(sorts.split()),
        unfiltered=tuple(unfiltered.split()),
        is_writable=True,
    )


def _master(name: str, own: str, joined: str = "", sorts: str = "name", unfiltered: str = "", **place: str) -> Entity:
    return Entity(
        name,
        own=_fields(own),
        joined=_fields(joined),
        sorts=tuple(sorts.split()),
        unfiltered=("permission", *unfiltered.split()),
        office=place.get("office"),
        project=place.get("project"),
    )


TENANCY_JOINS = (
    "project_name:text=tenant_id>name project_type:project_type=tenant_id>project_type "
    "office_name:text=subtenant_id>name"
)
PLACE_JOINS = (
    "project_name:text=project_id>name project_type:project_type=project_id>project_type "
    "office_name:text=office_id>name"
)
INCIDENT_JOINS = (
    "incident_code:code?=office_incident_id>code incident_name:text=office_incident_id>name "
    "incident_date:day=office_incident_id>date_incident incident_category:category?=office_incident_id>category "
    "incident_status:status=office_incident_id>status"
)
ACTIVITY = "owned_active:flag"
PARENT = "parent_active:flag"
IN_OFFICE = {"office": "office_id", "project": "project_id"}
IN_TENANCY = {"office": "subtenant_id", "project": "tenant_id"}

INCIDENT = Entity(
    "incident",
    own=_fields(
        "office_incident_id:uuid code:code? name:text date_incident:day category:category? description_event:text? "
        "description_actions_involved:text? deponent:text? manager:json? assignee:json? watcher:json? to:object? "
        "status:status external_reference_id:term? date_closed:day? tenant_id:uuid subtenant_id:uuid"
    ),
    server=_fields("creator:term created_at:term"),
    joined=_fields(f"{TENANCY_JOINS} totSicknessDays:integer totInvolvedPerson:integer permission:term"),
    required=("name", "date_incident", "subtenant_id", "tenant_id"),
    sorts=("date_incident",),
    unfiltered=("permission",),
    is_writable=True,
)

_PERSON_JOINS = (
    "person_code:code?={0}>{1}code person_first_name:text={0}>{1}first_name "
    "person_last_name:text={0}>{1}last_name person_is_employee:flag={0}>{1}is_employee"
)
_LINK_SORTS = "incident_name incident_date office_name"

_ALL = (
    INCIDENT,
    _incident_link(
        "incident-person",
        own="office_incident_person_id:uuid office_incident_id:uuid person_office_id:uuid code:code? "
        "description:text? days:integer?",
        joined="person_id:uuid=person_office_id>person_id "
        + _PERSON_JOINS.format("person_office_id", "person_")
        + " incident_description_event:text?=office_incident_id>description_event"
        " incident_description_actions_involved:text?=office_incident_id>description_actions_involved"
        " incident_deponent:text?=office_incident_id>deponent",
        sorts=f"person_first_name person_last_name person_code {_LINK_SORTS}",
        required="office_incident_id person_office_id",
        unfiltered="incident_description_event incident_description_actions_involved incident_deponent",
    ),
    _incident_link(
        "incident-resource",
        own="office_incident_resource_id:uuid office_incident_id:uuid entity_id:uuid entity_type:resource_type "
        "description:text?",
        joined="entity_name:text=entity_id>name entity_code:code?=entity_id>code",
        sorts="entity_name",
        required="office_incident_id entity_id entity_type",
    ),
    _incident_link(
        "incident-action",
        own="office_incident_action_id:uuid office_incident_id:uuid entity_type:action_link entity_id:uuid "
        "description:text?",
        joined="action_code:code?=entity_id>code action_name:text=entity_id>name "
        "action_type:action_type=entity_id>action_type",
        sorts=f"action_code action_name action_type {_LINK_SORTS}",
        required="office_incident_id entity_id entity_type",
    ),
    _master(
        "project",
        "project_id:uuid name:text description:text? country:term status:project_status project_type:project_type "
        "icon:term? npeople:integer? subscription_id:uuid? customer_id:uuid? partner_id:uuid? created_at:day "
        "updated_at:day",
        joined="permission:term",
        sorts="name created_at",
    ),
    _master(
        "office",
        "office_id:uuid project_id:uuid name:text description:text? street:text? postal_code:term? region:text? "
        "locality:text? country:term? tax_code:term? vat:term? office_type_id:uuid? code:code? "
        f"office_type_icon:office_icon created_at:integer updated_at:integer {ACTIVITY}",
        joined="project_name:text=project_id>name project_type:project_type=project_id>project_type "
        f"project_status:project_status=project_id>status {PARENT} permission:term",
        sorts="name code",
        unfiltered="created_at updated_at owned_active parent_active project_status",
        **IN_OFFICE,
    ),
    _master(
        "person",
        "person_id:uuid code:code? first_name:text last_name:text street:text? locality:text? postal_code:term? "
        "region:text? sex:term? country:term? birth_date:day? birth_place:text? tax_code:term? contract_type:term? "
        f"is_employee:integer is_prevention_people:integer entity_id:term? project_id:uuid note:text? {ACTIVITY}",
        joined=f"project_name:text=project_id>name project_status:project_status=project_id>status {PARENT}",
        sorts="first_name last_name code tax_code birth_date",
        unfiltered="note owned_active parent_active project_status",
        project="project_id",
    ),
    _master(
        "person-office",
        f"person_office_id:uuid office_id:uuid person_id:uuid project_id:uuid person_is_external:flag {ACTIVITY}",
        joined=_PERSON_JOINS.format("person_id", "")
        + " person_street:text?=person_id>street person_locality:text?=person_id>locality "
        "person_postal_code:term?=person_id>postal_code person_region:text?=person_id>region "
        "person_country:term?=person_id>country person_birth_date:day?=person_id>birth_date "
        "person_birth_place:text?=person_id>birth_place person_tax_code:term?=person_id>tax_code "
        "person_contract_type:term?=person_id>contract_type person_entity_id:term?=person_id>entity_id "
        "person_sex:term?=person_id>sex project_name:text=project_id>name office_code:code?=office_id>code "
        f"office_name:text=office_id>name {PARENT}",
        sorts="person_code person_first_name person_last_name person_birth_date person_tax_code",
        unfiltered="owned_active parent_active",
        **IN_OFFICE,
    ),
    _master(
        "equipment",
        "office_equipment_id:uuid office_id:uuid project_id:uuid equipment_id:uuid? code:code? name:text "
        f"description:text? serial:term? vendor:text? model:text? category:term? {ACTIVITY}",
        joined=f"{PLACE_JOINS} {PARENT}",
        **IN_OFFICE,
    ),
    _master(
        "work-environment",
        "office_work_environment_id:uuid office_id:uuid project_id:uuid work_environment_id:uuid? code:code? "
        f"name:text description:text? category:term? {ACTIVITY}",
        joined=f"{PLACE_JOINS} {PARENT}",
        sorts="code name office_name project_name",
        **IN_OFFICE,
    ),
    _master(
        "substance",
        "office_substance_id:uuid office_id:uuid project_id:uuid code:code? name:text description:text? " + ACTIVITY,
        joined=f"{PLACE_JOINS} {PARENT}",
        sorts="code name office_name project_name",
        **IN_OFFICE,
    ),
    _master(
        "work-group",
        "work_group_id:uuid code:code? name:text office_id:uuid work_group_type:group_type project_id:uuid "
        f"description:text? {ACTIVITY}",
        joined=f"{PLACE_JOINS} {PARENT} permission:term",
        sorts="code name work_group_type",
        unfiltered="description",
        **IN_OFFICE,
    ),
    _master(
        "material",
        "material_id:uuid material_type:material_type code:code? name:text description:text? category:term? "
        f"data:object? subtenant_id:uuid tenant_id:uuid {ACTIVITY}",
        joined=f"{TENANCY_JOINS} material_item_count:integer {PARENT}",
        sorts="code name category",
        **IN_TENANCY,
    ),
    _master(
        "material-item",
        "material_item_id:uuid material_id:uuid code:code? name:text description:text? serial:term? vendor:text? "
        f"model:text? data:object? initial_quantity:integer subtenant_id:uuid tenant_id:uuid {ACTIVITY}",
        joined=f"{TENANCY_JOINS} material_item_count:integer {PARENT}",
        **IN_TENANCY,
    ),
    _master(
        "action",
        "action_id:uuid action_type:action_type code:code? name:text subtenant_id:uuid tenant_id:term "
        "description:text? validity_unit:validity_unit? validity:integer? expire_interval:integer? manager:json? "
        f"assignee:json? watcher:json? data:json? {ACTIVITY}",
        joined=f"{TENANCY_JOINS} {PARENT}",
        sorts="code name action_type office_name project_name",
        unfiltered="description validity_unit validity expire_interval manager assignee watcher data owned_active "
        "parent_active",
        **IN_TENANCY,
    ),
)

# Filters are those of the reference: a name that rows show is not always one that a filter takes.
ENTITIES = {entity.name: entity for entity in _ALL}
INCIDENT_ENTITIES = frozenset({"incident", *CHILDREN.values()})


def names_outside(names: Iterable[str], allowed: Iterable[str]) -> list[str]:
    return sorted(set(names) - set(allowed))
