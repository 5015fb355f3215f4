"""The mappings of the histories: the default one, one in which a word means something else, one with a row more."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import replace
from functools import cache
from pathlib import Path

from machine_moves import Setting

from procore_4hse.mapping.loader import load
from procore_4hse.mapping.rules import FieldMapping, OnConflict
from world import MAPPING, default_mapping

CUSTOM_FIELD = 598134325870420
WITNESS_ROW = f"""
  - field: Case number
    procore: custom_field_{CUSTOM_FIELD}
    4hse: external_reference_id
    direction: 4hse to procore
    using: text
"""


def mapping_of(setting: Setting) -> FieldMapping:
    mapping = with_witness() if setting.custom_field() else default_mapping()
    title = replace(mapping.fields[0], on_conflict=OnConflict(setting.rule))
    return replace(mapping, fields=(title, *mapping.fields[1:]))


def with_other_words(mapping: FieldMapping) -> FieldMapping:
    """The same rows, but the category's words mean something else."""
    other = other_words()
    fields = tuple(other.category if row.key == other.category.key else row for row in mapping.fields)
    return replace(mapping, fields=fields, digest=other.digest)


@cache
def with_witness() -> FieldMapping:
    """The default mapping with a row that leads to a custom field, where another one leads to a line."""
    rows = (MAPPING / "incident.yaml").read_text(encoding="utf-8")
    before, after = rows.split("  - field: Case number\n")
    return _changed("incident.yaml", before + "  - field: " + after.split("  - field: ", 1)[1] + WITNESS_ROW)


@cache
def other_words() -> FieldMapping:
    """The default mapping with the words for injuries and for damages exchanged."""
    text = (MAPPING / "words" / "category.yaml").read_text(encoding="utf-8")
    one, other = "4hse: ACCIDENTS\n", "4hse: NON_COMPLIANCE\n"
    swapped = text.replace(one, "@").replace(other, one).replace("@", other)
    return _changed("words/category.yaml", swapped)


def _changed(name: str, text: str) -> FieldMapping:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "mapping"
        shutil.copytree(MAPPING, place)
        (place / name).write_text(text, encoding="utf-8")
        return load(place)
