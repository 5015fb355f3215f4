"""A mapping folder becomes a checked Mapping, or every problem at once, each with its file and line."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from procore_4hse.errors import MappingError, Problem
from procore_4hse.mapping import schema
from procore_4hse.mapping.classes import own_class
from procore_4hse.mapping.findings import findings, list_adapter
from procore_4hse.mapping.folder import Folder, read_folder
from procore_4hse.mapping.lenses.base import Lens
from procore_4hse.mapping.lenses.incident import TextLens, TitleLens
from procore_4hse.mapping.roundtrip_check import counter_examples
from procore_4hse.mapping.rules import Field, FieldMapping, Wording
from procore_4hse.mapping.schema import (
    EQUIPMENT_FORM,
    INCIDENT_FORM,
    PEOPLE_FORM,
    EquipmentRowText,
    EquipmentText,
    Form,
    MappingText,
    PeopleText,
    PersonRowText,
    Row,
    RowText,
    Words,
)
from procore_4hse.mapping.vendor_fields import AT_CREATION, INJURY_ONLY
from procore_4hse.models import Kind

OVERFLOW = "description_event"
"""The 4HSE text that a title cut there leads."""
SITE_LINE = "line_"
"""How the key of a row begins whose value stands on a line in Procore."""
Lists = Mapping[str, Words]

BEFORE_PEOPLE = PeopleText.model_validate(
    {
        "owner": "procore-4hse",
        "recognised by": ["employee id is code", "employee id is tax code", "e-mail", "exact name"],
        "fields": [
            {
                "field": "Person",
                "procore": "affected_party",
                "4hse": "person_office_id",
                "direction": "both",
                "using": "person",
            },
            {
                "field": "Days of absence",
                "procore": "work_days_absent",
                "4hse": "days",
                "direction": "both",
                "using": "number",
            },
        ],
    }
)
"""What folders of version 1 meant without saying it."""


def load(path: Path) -> FieldMapping:
    """The compiled mapping of a folder. Raises MappingError that holds every problem of all its files."""
    folder = read_folder(path)
    if problems := findings(folder):
        raise MappingError(problems)
    incident: MappingText = schema.MAPPING_TEXT.validate_python(folder.incident.document.data)
    people = BEFORE_PEOPLE
    if folder.people is not None:
        people = schema.PEOPLE_TEXT.validate_python(folder.people.document.data)
    mapping = _compiled(path.name, incident, people, _lists(folder))
    if folder.equipment is not None:
        mapping = _equipped(mapping, schema.EQUIPMENT_TEXT.validate_python(folder.equipment.document.data))
    if problems := tuple(_unsettled(folder, mapping)):
        raise MappingError(problems)
    return mapping


def word_lists(path: Path) -> Lists:
    """The lists of a folder that loads, in the order in which its rows name them."""
    return _lists(read_folder(path))


def _unsettled(folder: Folder, mapping: FieldMapping) -> Iterator[Problem]:
    """A row whose value would not come back is refused, with the smallest value that shows it."""
    rows = {"incident.yaml": mapping.fields, "people.yaml": mapping.people, "equipment.yaml": mapping.equipment}
    for file in folder.files:
        for example in counter_examples(rows[file.form.file]):
            row = next(row for row in file.rows if row.texts.get("field") == example.field.label)
            words = row.texts.get("words")
            remedy = f"Mend the list words/{words}.yaml" if words else "Give the row another field, or `using`"
            yield row.problem("using", f"this row would not settle: {example}", remedy)


def _lists(folder: Folder) -> dict[str, Words]:
    lists: dict[str, Words] = {}
    for words in folder.lists:
        entries = list_adapter(words).validate_python(words.document.data)
        lists[words.name] = tuple((str(entry.fourhse), str(entry.procore)) for entry in entries)
    return lists


def _compiled(name: str, incident: MappingText, people: PeopleText, lists: Lists) -> FieldMapping:
    return FieldMapping(
        name=name,
        fields=_composed(_twinned(_fields(INCIDENT_FORM, incident.fields, incident.owner, lists))),
        digest=_digest(incident, people, lists),
        owner=incident.owner,
        validations=incident.validations == "on",
        people=_in_order(_fields(PEOPLE_FORM, people.fields, people.owner, lists)),
        recognised=tuple(people.recognised_by),
        partners={pair.procore: pair.fourhse for pair in people.partners},
    )


def _equipped(mapping: FieldMapping, equipment: EquipmentText) -> FieldMapping:
    """The same mapping with a row for equipment."""
    # Chained, so that a folder without equipment.yaml keeps the digest that it has always had.
    digest = hashlib.sha256((mapping.digest + equipment.model_dump_json()).encode()).hexdigest()
    return replace(
        mapping,
        equipment=_fields(EQUIPMENT_FORM, equipment.fields, equipment.owner, {}),
        equipment_by=tuple(equipment.recognised_by),
        equipment_partners={pair.procore: pair.fourhse for pair in equipment.partners},
        digest=digest,
    )


def _fields(
    form: Form, rows: Sequence[RowText | PersonRowText | EquipmentRowText], owner: str, lists: Lists
) -> tuple[Field, ...]:
    labels: dict[str, list[str]] = defaultdict(list)
    site_labels: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        if row.line:
            labels[row.fourhse].append(row.line)
        if line := schema.site_line(row):
            site_labels[row.procore].append(line)
    sources = [
        Row(row, lists.get(row.words or "", ()), tuple(labels[row.fourhse]), tuple(site_labels[row.procore]))
        for row in rows
    ]
    return tuple(_field(form, row, owner) for row in sources)


def _field(form: Form, row: Row, owner: str) -> Field:
    text, using = row.text, form.using[row.text.using]
    site_line = schema.site_line(text)
    fourhse = f"{text.fourhse}, line {text.line}" if text.line else text.fourhse
    procore = f"{text.procore}, line {site_line}" if site_line else text.procore
    wording = Wording(procore, fourhse, text.using, text.owner or owner, text.reason or "")
    kinds = (Kind.INJURY,) if form is PEOPLE_FORM and text.procore in INJURY_ONLY else using.kinds
    privacy = text.privacy or own_class(form.record, text.procore, text.fourhse, on_a_line=text.line is not None)
    return Field(
        key=_key(form, row),
        label=text.field,
        lens=using.build(row),
        direction=text.direction,
        on_conflict=text.if_both_changed,
        wording=wording,
        kinds=kinds,
        privacy=privacy,
        fills_only=using.fills_only,
        at_creation=form is PEOPLE_FORM and text.procore in AT_CREATION,
    )


def _key(form: Form, row: Row) -> str:
    """Keys stand in the store, so they come from the fields: people may call the row otherwise at any time."""
    text, own = row.text, form.using[row.text.using].key
    if row.site is not None:
        return f"{SITE_LINE}{text.fourhse}"
    if own is not None and not row.is_custom and (own != "days" or text.fourhse == "days"):
        return own
    return text.procore if form is INCIDENT_FORM else f"person_{text.procore}"


def _in_order(rows: tuple[Field, ...]) -> tuple[Field, ...]:
    """Procore takes body parts only after an affliction type (P87)."""
    parts = [row for row in rows if row.wording.procore == "affected_body_parts"]
    kinds = [row for row in rows if row.wording.procore == "affliction_type"]
    if not parts or not kinds or rows.index(kinds[0]) < rows.index(parts[0]):
        return rows
    return (*(row for row in rows if row not in parts), *parts)


def _composed(fields: tuple[Field, ...]) -> tuple[Field, ...]:
    """A title that 4HSE cuts and the text that it then leads know of each other."""
    lenses = [field.lens for field in fields]
    # Without a row for that text there is nowhere to put what exceeds; the title then goes as it is.
    title = next(lens for lens in lenses if isinstance(lens, TitleLens))
    if not any(isinstance(lens, TextLens) and lens.fourhse == OVERFLOW for lens in lenses):
        return fields
    return tuple(replace(field, lens=_paired(field.lens, title)) for field in fields)


def _twinned(fields: tuple[Field, ...]) -> tuple[Field, ...]:
    """Two rows of one field in 4HSE know of each other."""
    lines = {field.wording.fourhse: field.key for field in fields if field.key.startswith(SITE_LINE)}
    filled = {field.key: lines.get(field.wording.fourhse, "") for field in fields if field.fills_only}
    twins = filled | {line: key for key, line in filled.items()}
    return tuple(replace(field, twin=twins.get(field.key, "")) for field in fields)


def _paired(lens: Lens, title: TitleLens) -> Lens:
    if lens is title:
        return replace(title, overflow=OVERFLOW)
    if isinstance(lens, TextLens) and lens.fourhse == OVERFLOW:
        return replace(lens, title=title.fourhse)
    return lens


def _digest(incident: MappingText, people: PeopleText, lists: Lists) -> str:
    """The same for the same rules and words, whatever the comments."""
    # Raising the version alone changes no rule, and must not hold a route.
    written = incident.model_dump(mode="json", exclude={"version"})
    for row in written["fields"]:
        if row["procore_line"] is None:  # Folders from before there were such lines keep their digest.
            del row["procore_line"]
    content: dict[str, Any] = {
        "incident": written,
        "people": people.model_dump(mode="json"),
        "words": {name: lists[name] for name in sorted(lists)},
    }
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()
