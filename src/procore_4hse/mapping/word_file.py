"""A word list as the text that people edit: lines are added at its end, and nothing that stands there moves."""

from __future__ import annotations

import re
from collections.abc import Iterable

import yaml

from procore_4hse.mapping.completion import Line
from procore_4hse.mapping.document import LOADER

_FIRST = re.compile(r"^(?P<indent> *)- ", re.MULTILINE)


def appended(text: str, lines: Iterable[Line]) -> str:
    """The text with these lines below it, in its own indentation and with its own ends of lines."""
    added = list(lines)
    if not added:
        return text
    end = "\r\n" if "\r\n" in text else "\n"
    indent = found["indent"] if (found := _FIRST.search(text)) else ""
    begun = text if not text or text.endswith("\n") else text + end
    return begun + "".join(f"{row}{end}" for line in added for row in _rows(line, indent))


def _rows(line: Line, indent: str) -> tuple[str, str]:
    return (
        f"{indent}- 4hse: {scalar(line.fourhse)}  # {line.mark}",
        f"{indent}  procore: {scalar(line.procore)}",
    )


def scalar(value: str) -> str:
    """The value as YAML writes it on one line: as it is where every reader takes it for this text, else in quotes."""
    try:
        plain = yaml.load(f"- k: {value}  # x", Loader=LOADER)  # noqa: S506 no other than the safe loader
    except yaml.YAMLError:
        plain = None
    if plain == [{"k": value}]:
        return value
    return str(yaml.safe_dump(value, default_style='"', allow_unicode=True, width=float("inf"))).strip()
