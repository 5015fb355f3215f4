"""The rows of the systems' own lists: as records to be staged, and put together to what a lens may ask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from procore_4hse.mapping.directory import PERSON_ID, Directory, EquipmentDirectory
from procore_4hse.mapping.picklists import Picklists
from procore_4hse.mapping.rules import FieldMapping
from procore_4hse.models import Image, Kind, RawRecord, Side, text_id

LISTS = (Kind.DIRECTORY, Kind.PICKER)
"""The kinds of staged records that are such rows."""
EQUIPMENT_LIST = {Side.PROCORE: "managed_equipment", Side.FOURHSE: "equipment"}
COMPANY_LIST = "people"
"""The people of 4HSE's company who may be meant, and are not assigned to the office."""
EQUIPMENT_ID = {Side.PROCORE: "id", Side.FOURHSE: "office_equipment_id"}


def person_entry(side: Side, row: Image) -> RawRecord | None:
    """Somebody who may be named on that side; None for a row without an id, as below."""
    return _entry(side, Kind.DIRECTORY, PERSON_ID[side], row)


def word_entry(picker: str, row: Image) -> RawRecord | None:
    """An entry of a word list of Procore's."""
    return _entry(Side.PROCORE, Kind.PICKER, "id", row, picker)


def equipment_entry(side: Side, row: Image) -> RawRecord | None:
    """A piece of equipment that may be named on that side."""
    return _entry(side, Kind.PICKER, EQUIPMENT_ID[side], row, EQUIPMENT_LIST[side])


def company_entry(row: Image) -> RawRecord | None:
    """Somebody of 4HSE's company, in the words of an assignment to an office, and no more than tells who it is."""
    told = {f"person_{name}": row.get(name) for name in ("first_name", "last_name", "code", "tax_code", "entity_id")}
    return _entry(Side.FOURHSE, Kind.PICKER, "person_id", {"person_id": row.get("person_id"), **told}, COMPANY_LIST)


def _entry(side: Side, kind: Kind, key: str, row: Image, listed: str | None = None) -> RawRecord | None:
    """The entry under its id, which it bears in the one form in which ids are compared."""
    entry_id = text_id(row.get(key))
    if entry_id is None:
        return None
    return RawRecord(side, kind, f"{listed}/{entry_id}" if listed else entry_id, {**row, key: entry_id}, listed)


def picklists_of(
    entries: Mapping[tuple[Side, Kind], Sequence[RawRecord]], mapping: FieldMapping, partners: Mapping[str, str]
) -> Picklists:
    """Who is who and which word has which id, by these entries and the mapping; `partners` are remembered answers."""
    words, theirs = entries[Side.PROCORE, Kind.PICKER], entries[Side.FOURHSE, Kind.PICKER]
    people = Directory.of(
        [entry.payload for entry in entries[Side.PROCORE, Kind.DIRECTORY]],
        [entry.payload for entry in entries[Side.FOURHSE, Kind.DIRECTORY]],
        mapping.partners,
        mapping.recognised,
        partners,
        [entry.payload for entry in theirs if entry.parent_id == COMPANY_LIST],
    )
    equipment = EquipmentDirectory.of(
        _equipment(Side.PROCORE, words),
        _equipment(Side.FOURHSE, theirs),
        mapping.equipment_by,
        mapping.equipment_partners,
    )
    return Picklists.of(people, ((entry.parent_id or "", entry.payload) for entry in words), equipment)


def _equipment(side: Side, entries: Sequence[RawRecord]) -> dict[str, Image]:
    """The equipment in a list, by its vendor's id: at Procore other lists stand beside it."""
    pieces = (entry.payload for entry in entries if entry.parent_id == EQUIPMENT_LIST[side])
    return {str(piece[EQUIPMENT_ID[side]]): piece for piece in pieces}
