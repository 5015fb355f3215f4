"""Where a value stands in a record: under a key, or deeper, as a custom field of Procore's does (P102)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from procore_4hse.models import Image

CUSTOM = "custom_field_ID"
"""Stands for every custom field wherever field names are listed; ID is the number of its definition."""
_CUSTOM = re.compile(r"custom_field_[0-9]+")


def stem(name: str) -> str:
    """The name under which a field is listed: all custom fields under one."""
    return CUSTOM if _CUSTOM.fullmatch(name) else name


def path_of(name: str) -> str:
    """Where a record shows the field of this name; custom fields are shown wrapped and written flat (P103)."""
    return f"custom_fields.{name}.value" if stem(name) == CUSTOM else name


def at(image: Image, path: str) -> Any:
    """The value there, None when nothing is; what is cut out of a record holds it under its whole path."""
    if path in image:  # Bases keep the flat slice, `custom_fields.….value` as one key.
        return image[path]
    value: Any = image
    for step in path.split("."):
        value = value.get(step) if isinstance(value, Mapping) else None
    return value
