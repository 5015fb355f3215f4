"""The table of docs/configuration.md, made of the settings themselves: every key, its default, its meaning.

Anew: `.venv/bin/python -m procore_4hse.settings.reference docs/configuration.md`
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
from collections.abc import Iterator
from datetime import timedelta
from enum import Enum
from itertools import pairwise
from pathlib import Path
from textwrap import dedent
from typing import Any

from pydantic import BaseModel, SecretStr
from pydantic_core import PydanticUndefined

from procore_4hse.settings.model import RouteSettings, Settings, section_model

HEAD = "| key | default | meaning |\n| --- | --- | --- |\n"
TABLE = re.compile(r"(?<=<!-- settings -->\n)(?:\|.*\n)*(?=<!-- end -->)")
DAY = 24


def written_into(page: str) -> str:
    """The page with the table as it is to be."""
    return TABLE.sub(lambda _: table(), page, count=1)


def table() -> str:
    return HEAD + "".join(f"| `{key}` | {_code(default)} | {meaning} |\n" for key, default, meaning in settings())


def settings() -> Iterator[tuple[str, str, str]]:
    """Every key with its default in words and its meaning."""
    for section, info in Settings.model_fields.items():
        yield from _keys(section, section_model(info) or RouteSettings)


def _keys(section: str, model: type[BaseModel]) -> Iterator[tuple[str, str, str]]:
    meanings = _meanings(model)
    for key, field in model.model_fields.items():
        if isinstance(field.default, BaseModel):
            yield from _keys(f"{section}.{key}", type(field.default))
        else:
            yield f"{section}.{key}", in_words(field.default), meanings[key]


def _meanings(model: type[BaseModel]) -> dict[str, str]:
    """The text below each key, on one line."""
    (body,) = ast.parse(dedent(inspect.getsource(model))).body
    statements = body.body if isinstance(body, ast.ClassDef) else []
    return {
        key.target.id: " ".join(below.value.value.split())
        for key, below in pairwise(statements)
        if isinstance(key, ast.AnnAssign) and isinstance(key.target, ast.Name)
        if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant) and isinstance(below.value.value, str)
    }


def in_words(default: Any) -> str:
    """A default as people write it; `required` where there is none."""
    if default is PydanticUndefined:
        return "required"
    if default is None or default in ("", ()):
        return "none"
    if isinstance(default, SecretStr):
        return default.get_secret_value() or "empty"
    if isinstance(default, timedelta):
        return _age(default)
    plain = default.value if isinstance(default, Enum) else default
    return str(plain).lower() if isinstance(plain, bool) else str(plain)


def _age(length: timedelta) -> str:
    hours, rest = divmod(int(length.total_seconds()), 3600)
    if rest:
        return f"{rest // 60}m"
    return f"{hours}h" if hours <= DAY or hours % DAY else f"{hours // DAY}d"


def _code(default: str) -> str:
    return default if default in ("required", "none", "empty") else f"`{default}`"


if __name__ == "__main__":
    PAGE = Path(sys.argv[1])
    PAGE.write_text(written_into(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
