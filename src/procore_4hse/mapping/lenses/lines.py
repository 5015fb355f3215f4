"""Named lines that lead a text: `Affliction: Fracture` above what happened. People may edit, add and remove them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from procore_4hse.mapping.lenses import text
from procore_4hse.models import Image

NONE = "-"
"""A line with this value says that there is none."""


@dataclass(frozen=True)
class Lined:
    """A text taken apart: its named lines by label, and what stands below them."""

    lines: Mapping[str, str] = field(default_factory=dict)
    body: str | None = None


def split_lines(written: object, labels: tuple[str, ...]) -> Lined:
    """The leading lines of a text that name one of `labels`, each once, up to the first other line."""
    rows = (text.canonical(written) or "").split("\n")
    by_folded_label = {label.casefold(): label for label in labels}
    lines: dict[str, str] = {}
    for row in rows:
        label, value = _named(row, by_folded_label)
        if label is None or label in lines:  # A second line of one name is the people's text.
            break
        lines[label] = value
    below = text.tidied("\n".join(rows[len(lines) :]))
    return Lined({label: value for label, value in lines.items() if value != NONE}, below)


def _named(row: str, by_folded_label: Mapping[str, str]) -> tuple[str | None, str]:
    head, colon, rest = row.partition(":")
    label = by_folded_label.get(" ".join(head.split()).casefold()) if colon else None
    return label, " ".join(rest.split()) or NONE


def join_lines(lined: Lined, labels: tuple[str, ...], *, like: object) -> str:
    """The text that reads as these lines and this body, whatever the body begins with."""
    head = [f"{label}: {lined.lines[label]}" for label in labels if lined.lines.get(label)]
    # A body that begins like one of our lines would be read as that line: a line that says "none" goes before it,
    # and the empty line behind that one ends the lines.
    if not head and labels and split_lines(lined.body, labels).body != lined.body:
        head = [f"{labels[0]}: {NONE}"]
    whole = "\n\n".join(part for part in ("\n".join(head), lined.body) if part)
    return text.rendered(whole, like=like)


@dataclass(frozen=True)
class Spot:
    """Where a value stands in a 4HSE record: in a text, below its named lines, or on one of those lines."""

    key: str
    line: str | None = None
    labels: tuple[str, ...] = ()
    """All named lines of that text, in the order in which they are written."""

    def read(self, image: Image) -> str | None:
        if self.line is None:
            return split_lines(image.get(self.key), self.labels).body
        return split_lines(image.get(self.key), self.labels).lines.get(self.line)

    def write(self, value: str | None, current: Image) -> dict[str, Any]:
        present = current.get(self.key)
        old = split_lines(present, self.labels)
        if self.line is None:
            return {self.key: join_lines(Lined(old.lines, text.tidied(value or "")), self.labels, like=present)}
        lines = {**old.lines, self.line: " ".join((value or "").split())}
        return {self.key: join_lines(Lined(lines, old.body), self.labels, like=present)}
