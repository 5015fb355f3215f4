"""Answers with one value that nobody expects in them: each field of each kind of record in turn, on its way to us."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from shutil import copytree
from typing import Any

from actors import hire, hurt_in_office, hurt_on_site
from procore_4hse.mapping.loader import load
from procore_4hse.mapping.rules import FieldMapping
from procore_4hse.simulator.wire import Request, Response
from world import MAPPING, OFFICE, PROJECT, TENANT, World

MISSING = object()
"""The key itself is not there."""
CAPITALS, AS_TEXT, AS_FLOAT = object(), object(), object()
"""The value that stands there, in another form."""

ODD: dict[str, Any] = {
    "half an emoji": "Fall \ud83d",
    "half an emoji in an object": {"id": 7, "name": "\udc00", "label": "\ud83d"},
    "NUL": "a\u0000b",
    "1e999": float("inf"),
    "minus 1e999": float("-inf"),
    "NaN": float("nan"),
    "beyond 64 bit": 2**70,
    "below 64 bit": -(2**70),
    "thousands of digits": 10**4000 + 7,
    "null": None,
    "missing": MISSING,
    "empty text": "",
    "blanks": "  ",
    "text": "another text",
    "text with a colon": "word:with:colons; and; more",
    "zero": 0,
    "negative": -1,
    "fraction": 1.5,
    "true": True,
    "false": False,
    "list": [],
    "list of null": [None],
    "list of numbers": [7, 8.0, 2**70],
    "list of lists": [[], [{}]],
    "list of objects": [{"id": {}, "name": []}, {"label": None}],
    "object": {},
    "object without name": {"id": None},
    "object of objects": {"id": {"id": 1}, "name": {"name": {}}, "value": {"value": [1]}},
    "object with a list for an id": {"id": [], "name": 7},
    "object with an unknown id": {"id": 9.0, "name": True, "value": "x"},
    "day of no calendar": "2026-02-31",
    "first year": "0001-01-01T00:00:00Z",
    "last year": "9999-12-31T23:59:59Z",
    "instant": "2026-02-10T08:00:00Z",
    "capitals": CAPITALS,
    "as text": AS_TEXT,
    "as a float": AS_FLOAT,
    "very long": "x" * 20_000,
}
"""What a field may hold against every document, by a name for it."""


@dataclass(frozen=True)
class Place:
    """Where a kind of record is answered, and under which key its rows bear their id."""

    path: re.Pattern[str]
    id_key: str

    @classmethod
    def of(cls, path: str, id_key: str = "id") -> Place:
        return cls(re.compile(path), id_key)


PLACES = {
    "Procore incident": Place.of(r"/projects/\d+/incidents(/\d+)?$"),
    "injury": Place.of(r"/incidents/injuries(/\d+)?$"),
    "near miss": Place.of(r"/incidents/near_misses(/\d+)?$"),
    "property damage": Place.of(r"/incidents/property_damages(/\d+)?$"),
    "action": Place.of(r"/incidents/actions(/\d+)?$"),
    "Procore person": Place.of(r"/projects/\d+/people$"),
    "Procore equipment": Place.of(r"/managed_equipment$"),
    "affliction": Place.of(r"/affliction_types$"),
    "body part": Place.of(r"/body_parts$"),
    "4HSE incident": Place.of(r"/v2/incident/", "office_incident_id"),
    "involved person": Place.of(r"/v2/incident-person/", "office_incident_person_id"),
    "resource": Place.of(r"/v2/incident-resource/", "office_incident_resource_id"),
    "4HSE action": Place.of(r"/v2/incident-action/", "office_incident_action_id"),
    "assignment": Place.of(r"/v2/person-office/", "person_office_id"),
    "4HSE equipment": Place.of(r"/v2/equipment/", "office_equipment_id"),
}
"""Every kind of record that a cycle reads."""


@dataclass
class Spoiler:
    """Changes one field of one record in every answer that shows it, while `armed`; `shown` are the clean rows.

    Without targets no answer is looked at.
    """

    armed: bool = False
    kind: str = ""
    record_id: str = ""
    path: tuple[str, ...] = ()
    value: Any = None
    targets: dict[str, str] = field(default_factory=dict)
    """The record of each kind that is spoiled."""
    shown: dict[str, dict[str, Any]] = field(default_factory=dict)
    spoiled: int = 0

    def __call__(self, request: Request, response: Response) -> Response:
        if not self.targets:
            return response
        kind = next((kind for kind, place in PLACES.items() if place.path.search(request.path)), None)
        if kind not in self.targets or response.status >= 300 or not response.body:
            return response
        try:
            body = json.loads(response.body)
        except ValueError:  # A fault has spoiled it already.
            return response
        rows = [row for row in (body if isinstance(body, list) else [body]) if self._is_target(kind, row)]
        for row in rows:
            self.shown[kind] = json.loads(json.dumps(row))
            if self.armed and kind == self.kind:
                self._spoil(row)
        if not rows or not self.armed:
            return response
        return Response(response.status, json.dumps(body).encode(), response.headers)

    def _is_target(self, kind: str, row: Any) -> bool:
        return isinstance(row, dict) and str(row.get(PLACES[kind].id_key)) == self.targets.get(kind)

    def _spoil(self, row: dict[str, Any]) -> None:
        self.spoiled += 1
        *outer, last = self.path
        for key in outer:
            row = row[key]
        if self.value is MISSING:
            row.pop(last, None)
        else:
            row[last] = _in_another_form(row.get(last), self.value)


def _in_another_form(present: Any, odd: Any) -> Any:
    if odd is CAPITALS:
        return str(present).upper()
    if odd is AS_TEXT:
        return f" {present} "
    if odd is AS_FLOAT:
        return float(present) if isinstance(present, int) else present
    return odd


class Spoiled:
    """A simulated system whose answers go through a spoiler."""

    def __init__(self, system: Any, spoiler: Spoiler) -> None:
        self.system, self.spoiler = system, spoiler

    def handle(self, request: Request) -> Response:
        return self.spoiler(request, self.system.handle(request))


EQUIPMENT = """\
owner: plant office
recognised by: [identification number is code]
fields:
  - {field: Equipment, procore: managed_equipment, 4hse: entity_id, direction: both, using: equipment}
"""
ROWS = """
  - {field: Actions, procore: actions, 4hse: description_actions_involved, line: Actions, direction: procore to 4hse, \
using: records summary}
  - {field: Place, procore: location, 4hse: description_actions_involved, line: Place, direction: procore to 4hse, \
using: name}
  - {field: Cost, procore: custom_field_901, 4hse: description_actions_involved, line: Cost, direction: both, \
using: number}
  - {field: Note, procore: custom_field_902, 4hse: description_actions_involved, line: Note, direction: both, \
using: text}
  - {field: Requirements, procore: description, procore line: Requirements, 4hse: actions, \
direction: 4hse to procore, using: office summary}
  - {field: Resources, procore: description, procore line: Resources, 4hse: resources, \
direction: 4hse to procore, using: office summary}
"""


def mapping_of_everything(folder: Path) -> FieldMapping:
    """The default mapping, with rows that read every other kind of record too."""
    site = Path(copytree(MAPPING, folder / "site"))
    (site / "equipment.yaml").write_text(EQUIPMENT, encoding="utf-8")
    incident = site / "incident.yaml"
    incident.write_text(incident.read_text(encoding="utf-8") + ROWS, encoding="utf-8")
    return load(site)


def build(url: str, mapping: FieldMapping) -> tuple[World, Spoiler]:
    """One incident with everything below it on each side, besides plain ones that nothing odd is about."""
    world, spoiler = World.build(url, mapping=mapping), Spoiler()
    world.runtime = World._house(
        world.store,
        world.clock,
        Spoiled(world.procore, spoiler),  # type: ignore[arg-type]
        Spoiled(world.fourhse, spoiler),  # type: ignore[arg-type]
    )
    world.procore.add_custom_field(901, "decimal")
    world.procore.add_custom_field(902, "string")
    party, assignment = hire(world)
    other, _ = hire(world, "Bo Ray", "E2")
    crane = world.procore.add_equipment(PROJECT, "Crane", identification_number="EQ-1")
    office_crane = world.fourhse.add_equipment(TENANT, OFFICE, "Crane", code="EQ-1")
    affliction, part = (
        world.procore.words("affliction_types")["Fracture"],
        world.procore.words("body_parts")["ankle_left"],
    )
    place = world.procore.add_location(PROJECT, "Roof")
    site = world.on_site("Site odd", hour=9, location_id=place, custom_field_901=12.5, custom_field_902="Rain")
    hurt = {"affliction_type_id": affliction, "body_part_ids": [part], "managed_equipment_id": crane}
    injury = hurt_on_site(world, site, party, days=3, **hurt)
    near_miss = hurt_on_site(world, site, other, kind="near_miss")
    damage = hurt_on_site(world, site, None, kind="property_damage")
    kind = next(iter(world.procore.words("action_types").values()))
    action = world.procore.hand_create(
        "action", PROJECT, incident_id=int(site), action_type_id=kind, description="<p>Put up a rail.</p>"
    )
    office = world.in_office(
        "Office odd", date(2026, 2, 20), category="ACCIDENTS", description_actions_involved="Called the foreman."
    )
    involved = hurt_in_office(world, office, assignment, days=2, description="Affliction: Fracture\n\nHe fell.")
    named = {"office_incident_id": office, "entity_id": office_crane, "entity_type": "EQUIPMENT"}
    resource = world.fourhse.hand_create("incident-resource", OFFICE, **named)
    check = world.fourhse.hand_create("action", OFFICE, name="Ladder check", action_type="CHECK")
    tied = {"office_incident_id": office, "entity_id": check, "entity_type": "ACTION"}
    required = world.fourhse.hand_create("incident-action", OFFICE, **tied)
    ids = (site, injury, near_miss, damage, action, party, crane, affliction, part)
    ids += (office, involved, resource, required, assignment, office_crane)
    spoiler.targets = {kind: str(record_id) for kind, record_id in zip(PLACES, ids, strict=True)}
    return world, spoiler


def fields_of(row: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    """Every key of a row, and of the objects in it."""
    for key, value in row.items():
        yield (key,)
        if isinstance(value, dict):
            yield from ((key, *below) for below in fields_of(value))
