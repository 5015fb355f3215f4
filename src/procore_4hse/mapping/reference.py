"""The tables of docs/mapping-reference.md, made of the schema itself: the keys of each file, and the words of `using`.

Anew: `.venv/bin/python -m procore_4hse.mapping.reference docs/mapping-reference.md`
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from procore_4hse.mapping import schema
from procore_4hse.mapping.classes import CLASSES, FieldClass
from procore_4hse.mapping.paths import CUSTOM

MARKED = re.compile(r"(<!-- ([\w .]+) -->\n)(?:\|.*\n)*(<!-- end -->)")
"""Where a table stands, with its name."""


def written_into(page: str) -> str:
    """The page with its tables as they are to be."""
    return MARKED.sub(lambda found: found[1] + TABLES[found[2]]() + found[3], page)


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    columns = tuple(head)
    lines = [columns, ["---"] * len(columns), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def keys(model: type[BaseModel]) -> str:
    """The keys of a file or a row, with what holds where one is missing."""
    rows = (
        (f"`{info.alias or name}`", _default(info), (info.description or "").rstrip("."))
        for name, info in model.model_fields.items()
    )
    return table(("key", "default", "meaning"), rows)


def _default(info: FieldInfo) -> str:
    default: Any = info.default
    if default is PydanticUndefined:
        return "required"
    return f"`{default}`" if default else "none"


def words(form: schema.Form) -> str:
    """What each word of `using` means, which fields it serves on both sides, and what it loses."""
    rows = (
        (
            f"`{using.word}`",
            using.means,
            _names(using.procore),
            _names(using.fourhse),
            f"{using.keeps}: {using.lost}" if using.lost else using.keeps.value,
        )
        for using in form.using.values()
    )
    return table(("word", "meaning", "fields in Procore", "fields in 4HSE", "keeps"), rows)


def _names(fields: Iterable[str]) -> str:
    spelled = {name.replace(CUSTOM, "custom_field_NUMBER") for name in fields}
    return ", ".join(f"`{name}`" for name in sorted(spelled))


def classes() -> str:
    """Which fields have which class, the highest first."""
    rows = ((f"`{one}`", _of_class("incident", one), _of_class("person", one)) for one in reversed(FieldClass))
    return table(("class", "fields of an incident", "fields of a person"), rows)


def _of_class(record: str, wanted: FieldClass) -> str:
    if wanted is FieldClass.PLAIN:
        return "all others"
    columns = CLASSES[record].values()
    return _names(name for column in columns for name, one in column.items() if one is wanted) or "none"


TABLES: Mapping[str, Callable[[], str]] = {
    "incident.yaml": partial(keys, schema.MappingText),
    "people.yaml": partial(keys, schema.PeopleText),
    "equipment.yaml": partial(keys, schema.EquipmentText),
    "row": partial(keys, schema.RowText),
    "classes": classes,
    **{f"using in {form.file}": partial(words, form) for form in schema.FORMS},
}
"""By the names that stand in the page."""

if __name__ == "__main__":
    PAGE = Path(sys.argv[1])
    PAGE.write_text(written_into(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
