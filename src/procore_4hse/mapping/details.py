"""What people know a record by beside the rows of a mapping: its number, who made it, when it was changed last."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from procore_4hse.mapping.lenses.days import parse_instant
from procore_4hse.models import Image, Side, text_id

NUMBERS = {Side.PROCORE: ("full_number", "number"), Side.FOURHSE: ("code", "number")}
AUTHORS = {Side.PROCORE: "created_by", Side.FOURHSE: "creator"}
ABSENCE = {Side.PROCORE: "work_days_absent", Side.FOURHSE: "days"}
ENTRIES: Mapping[Side, Mapping[str, tuple[str, ...]]] = {
    Side.PROCORE: {
        "code": ("employee_id",),
        "email": ("email", "email_address"),
        "job": ("job_title",),
    },
    Side.FOURHSE: {
        "code": ("person_code",),
        "tax": ("person_tax_code",),
        "email": ("person_entity_id",),
        "born": ("person_birth_date",),
    },
}
"""What a row of a directory tells of somebody beside their name, by what it is."""


def number_of(side: Side, image: Image) -> str:
    """The number that people call an incident by; empty where it has none."""
    return _first(image, NUMBERS[side])


def author_in(side: Side, image: Image) -> str:
    """Who made a record, by name where the vendor shows one."""
    author = image.get(AUTHORS[side])
    if isinstance(author, Mapping):
        return _first(author, ("name", "login"))
    return _text(author)


def changed_at(side: Side, image: Image) -> datetime | None:
    """When a record was changed last; 4HSE never says so."""
    return parse_instant(image.get("updated_at")) if side is Side.PROCORE else None


def absence_in(side: Side, image: Image) -> int:
    """The days of absence that the record of a person shows; 0 for none, and for what is no number."""
    number = text_id(image.get(ABSENCE[side])) or ""
    return int(number) if number.isdecimal() and len(number) < FEW_DIGITS else 0


FEW_DIGITS = 7
"""What has as many digits counts no days."""


def entry_details(side: Side, row: Image) -> dict[str, str]:
    """What a row of a directory tells beside the name; without what it leaves empty."""
    told = {name: _first(row, keys) for name, keys in ENTRIES[side].items()}
    return {name: value for name, value in told.items() if value}


def _first(image: Mapping[str, Any], names: tuple[str, ...]) -> str:
    return next((value for name in names if (value := _text(image.get(name)))), "")


def _text(value: object) -> str:
    """A single value as text; a list or an object tells nothing here."""
    return str(value).strip() if isinstance(value, str | int | float) and not isinstance(value, bool) else ""
