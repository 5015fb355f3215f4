"""What the simulated Procore holds: projects, people, lists of words and records, all as plain values."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any

from procore_4hse.simulator.procore_contract import BODY_PART_KEYS, FILING_TYPES
from procore_4hse.simulator.procore_words import Form, part_entry, shipped

FIRST_ID = 2**33 + 1
"""Beyond 32 bits, as real ids may be (P17)."""


@dataclass
class Project:
    id: int
    name: str
    time_zone: str
    """The name as Procore shows it, Rails' or the tz database's (P63)."""
    tz_name: str
    """The tz database name; the one that days are counted in."""
    created_at: datetime
    updated_at: datetime
    hidden: bool = False
    incidents_made: int = 0


@dataclass
class Person:
    """`id` is the party; a full user has ids of three more kinds (P93, payloads 2.1.8)."""

    id: int
    project_id: int
    first_name: str
    last_name: str
    employee_id: str | None
    email: str | None
    created_at: datetime
    user_id: int | None = None
    contact_id: int | None = None
    login_id: int | None = None
    active: bool = True

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name}"


@dataclass
class Entry:
    """A word that records refer to: `row` as its own list shows it, `ref` as a record shows it."""

    row: dict[str, Any]
    ref: dict[str, Any]
    active: bool = True
    project_id: int | None = None
    called: str = ""
    """What it is called here, in whatever form the company's lists ship their words."""


@dataclass
class Record:
    """An incident or one of its children; `values` by the names of the write contract, times as UTC datetimes."""

    id: int
    kind: str
    project_id: int
    incident_id: int | None
    number: int
    """Counts in the project for incidents, in the incident for their children."""
    values: dict[str, Any]
    custom: dict[str, Any]
    author_id: int
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None = None
    deleted_with_incident: bool = False
    workflow_locked: bool = False
    records_made: int = 0


@dataclass
class State:
    next_id: int = FIRST_ID
    projects: dict[int, Project] = field(default_factory=dict)
    people: dict[int, Person] = field(default_factory=dict)
    users: dict[int, dict[str, Any]] = field(default_factory=dict)
    """User id -> the user as records show it: {id, login, name}."""
    logins: dict[int, str] = field(default_factory=dict)
    """Login information id -> name (P70)."""
    lists: dict[str, dict[int, Entry]] = field(default_factory=dict)
    part_keys: dict[int, str] = field(default_factory=dict)
    """Body part id -> its key in the older contract (P88)."""
    custom_fields: dict[str, tuple[str, dict[int, str]]] = field(default_factory=dict)
    """Definition id -> data type and the labels of its list entries."""
    required: dict[str, set[str]] = field(default_factory=dict)
    """Kind -> members that the company's field set requires; enforced for writes that ask for it (P75)."""
    records: dict[int, Record] = field(default_factory=dict)
    shelves: dict[tuple[str, int], list[int]] = field(default_factory=dict)
    """(kind, project id) -> record ids as they were made."""
    children: dict[int, list[int]] = field(default_factory=dict)
    """Incident id -> ids of its children of all kinds, as they were made."""

    def take_id(self) -> int:
        self.next_id += 1
        return self.next_id - 1

    def records_of(self, kind: str, project_id: int) -> list[Record]:
        return [self.records[record_id] for record_id in self.shelves.get((kind, project_id), ())]

    def children_of(self, incident_id: int) -> list[Record]:
        return [self.records[record_id] for record_id in self.children.get(incident_id, ())]


def stamp(moment: datetime | None, fraction: bool = False) -> str | None:
    """A time as Procore prints it: UTC, whole seconds, Z (payloads 2.1.1)."""
    if moment is None:
        return None
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S") + (".000Z" if fraction else "Z")


# Invented: no public list of the words that Procore ships was found (P97).
WORD_LISTS = {
    "affliction_types": (
        "Abrasion",
        "Amputation",
        "Asphyxia",
        "Bruise or Contusion",
        "Burn",
        "Chemical Burn",
        "Concussion",
        "Crushing",
        "Cut or Laceration",
        "Dislocation",
        "Electric Shock",
        "Fracture",
        "Frostbite",
        "Hearing Loss",
        "Heat Stress",
        "Hernia",
        "Infection",
        "Inflammation",
        "Multiple Injuries",
        "Poisoning",
        "Puncture",
        "Respiratory Condition",
        "Sprain or Strain",
        "Other",
    ),
    "harm_sources": ("Chemicals", "Floors and Ground Surfaces", "Hand Tools", "Machinery", "Vehicles"),
    "work_activities": ("Concrete", "Demolition", "Electrical", "Excavation", "Framing", "Roofing"),
    "hazards": ("Chemical", "Electrical", "Fall from Height", "Slip or Trip", "Struck By"),
    "contributing_behaviors": ("Improper Lifting", "Missing PPE", "Rushing"),
    "contributing_conditions": ("Poor Lighting", "Unguarded Edge", "Wet Surface"),
    "action_types": ("Corrective Action", "Preventive Action", "Toolbox Talk"),
    "environmental_types": ("Air Emission", "Noise", "Spill", "Waste"),
}
RETIRED = {"harm_sources": "Asbestos Sheet", "hazards": "Legacy Hazard"}
"""One inactive word each: listed with all=true, refused for new use (P98)."""

PART_GROUPS = {
    "Head and Neck": "cranium ear eye face head mouth neck nose teeth throat",
    "Trunk": (
        "abdomen back breast buttock chest groin hip lower_back pec pelvis ribs tailbone torso upper_back vertebrae"
    ),
    "Upper Extremities": "arm elbow finger forearm hand palm shoulder thumb upper_arm wrist",
    "Lower Extremities": "ankle foot heel knee leg lower_leg toe upper_leg",
}
OTHER_PARTS = "Systems and Organs"
SEVERITIES = ("insignificant", "minor", "moderate", "major", "critical")
ALERTING = {"fatality": "critical", "lost_time": "major"}
"""Filing types that the company mapped to a severity: writing one alerts people (P73)."""


def _part_group(key: str) -> str:
    for name, bases in PART_GROUPS.items():
        if any(key == base or key.startswith(f"{base}_") for base in bases.split()):
            return name
    return OTHER_PARTS


@cache
def _part_parent(key: str) -> str:
    """The nearest longer region that is a key itself (finger_index_left -> finger_index), else the group."""
    words = key.split("_")
    prefixes = ("_".join(words[:length]) for length in range(len(words) - 1, 0, -1))
    return next((prefix for prefix in prefixes if prefix in BODY_PART_KEYS), _part_group(key))


def stock(state: State, moment: str, form: Form) -> None:
    """Fill the company's lists as a new company has them, in one of the forms that its words may have."""
    for listing, names in WORD_LISTS.items():
        for name in names:
            _add(state, listing, name, shipped(listing, name, form), moment)
    for listing, name in RETIRED.items():
        _add(state, listing, name, shipped(listing, name, form), moment, active=False)
    _stock_body_parts(state, moment, form)
    _stock_severities(state, moment)
    _stock_choices(state)


def add_word(state: State, listing: str, name: str, moment: str, form: Form, *, active: bool = True) -> int:
    """One more picker entry, which the company made itself. Returns its id."""
    return _add(state, listing, name, shipped(listing, name, form), moment, active=active, own=True)


def _add(
    state: State,
    listing: str,
    called: str,
    shown: tuple[str, str | None],
    moment: str,
    *,
    active: bool = True,
    own: bool = False,
) -> int:
    entry_id = state.take_id()
    name, name_key = shown
    ref = {
        "id": entry_id,
        "name": name,
        "active": active,
        "global": not own,
        "created_at": moment,
        "updated_at": moment,
    }
    row = {**ref, **({} if name_key is None else {"name_key": name_key})}
    # By the contract a record shows the name key of an action type alone.
    entry = Entry(row, row if listing == "action_types" else ref, active, called=called)
    state.lists.setdefault(listing, {})[entry_id] = entry
    return entry_id


def _stock_body_parts(state: State, moment: str, form: Form) -> None:
    ids = {name: state.take_id() for name in (*PART_GROUPS, OTHER_PARTS, *BODY_PART_KEYS)}
    state.part_keys = {ids[key]: key for key in BODY_PART_KEYS}
    entries = state.lists["body_parts"] = {}
    for key, part_id in ids.items():
        is_part = key in BODY_PART_KEYS
        row = {
            "id": part_id,
            "name": part_entry(key, form) if is_part else key,
            "selectable": is_part,
            "created_at": moment,
            "updated_at": moment,
            "parent_id": ids[_part_parent(key)] if is_part else None,
        }
        entries[part_id] = Entry(row, row, called=key)


def _stock_severities(state: State, moment: str) -> None:
    levels = {name: _severity(state.take_id(), name, order, moment) for order, name in enumerate(SEVERITIES)}
    state.lists["severity_levels"] = {row["id"]: Entry(row, row) for row in levels.values()}
    entries = state.lists["injury_filing_types"] = {}
    for name in FILING_TYPES:
        entry_id = state.take_id()
        row = {
            "id": entry_id,
            "name": name,
            "created_at": moment,
            "severity_level": levels.get(ALERTING.get(name, "")),
            "updated_at": moment,
        }
        entries[entry_id] = Entry(row, row)


def _severity(level_id: int, name: str, order: int, moment: str) -> dict[str, Any]:
    alerts = name in ALERTING.values()
    return {
        "id": level_id,
        "name": name.capitalize(),
        "procore_default_name": name,
        "active": True,
        "email_trigger": alerts,
        "push_notification_trigger": alerts,
        "order": order,
        "created_at": moment,
        "updated_at": moment,
    }


def _stock_choices(state: State) -> None:
    state.lists["types"] = {}
    for name, default, active in (("General", True, True), ("Retired Type", False, False)):
        type_id = state.take_id()
        row = {"id": type_id, "name": name, "global_type": "general", "default": default, "active": active}
        state.lists["types"][type_id] = Entry(row, row, active)
    state.lists["custom_statuses"] = {}
    for status in ("open", "closed"):
        add_status(state, status.capitalize(), status, default=True)
    for listing in ("vendors", "locations", "managed_equipment"):
        state.lists[listing] = {}


def add_status(state: State, name: str, status: str, *, default: bool = False) -> int:
    status_id = state.take_id()
    globally = {"id": 1 if status == "open" else 2, "name": status}
    row = {"id": status_id, "name": name, "default": default, "global_status": globally}
    state.lists["custom_statuses"][status_id] = Entry(row, row)
    return status_id
