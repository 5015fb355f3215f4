"""Named lines that lead a text: `Affliction: Fracture` above what happened. People may edit, add and remove them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from html import unescape
from typing import Any

from procore_4hse.mapping.lenses import text
from procore_4hse.models import Image

NONE = "-"
"""A line with this value says that there is none."""
_ENDS = re.compile(r"</(?:p|div|h[1-6]|li|ul|ol)\s*>|<br\s*/?>", re.IGNORECASE)
"""Where a line of HTML ends."""
_WRAPPED = re.compile(r"\s*<p>([^<>]*)</p>\s*", re.IGNORECASE)
"""What a server makes of plain text that it stores as HTML."""
_MOST_ENDS = 40
_NO_LINE = "<p>&nbsp;</p>"


@dataclass(frozen=True)
class Lined:
    """A text taken apart: its named lines by label, and what stands below them."""

    lines: Mapping[str, str] = field(default_factory=dict)
    body: str | None = None


def split_lines(written: object, labels: tuple[str, ...]) -> Lined:
    """The leading lines of a text that name one of `labels`, each once, up to the first other line."""
    return _split("" if written is None else str(written), labels)


@lru_cache(maxsize=64)  # Each row of a text takes it apart, for what stands there now and for the base.
def _split(written: str, labels: tuple[str, ...]) -> Lined:
    by_folded_label = {label.casefold(): label for label in labels}
    rows = _rows(written, by_folded_label)
    lines: dict[str, str] = {}
    for row in rows:
        label, value = _named(row, by_folded_label)
        if label is None or label in lines:  # A second line of one name is the people's text.
            break
        lines[label] = value
    below = text.tidied("\n".join(rows[len(lines) :]))
    return Lined({label: value for label, value in lines.items() if value != NONE}, below)


def _rows(written: str, by_folded_label: Mapping[str, str]) -> list[str]:
    # HTML shows no line ends, yet a server that only wraps plain text keeps those of the lines that we wrote.
    wrapped = _WRAPPED.fullmatch(written)
    kept = (text.tidied(unescape(wrapped[1])) or "").split("\n") if wrapped else []
    if kept and _named(kept[0], by_folded_label)[0] is not None:
        return kept
    return (text.canonical(written) or "").split("\n")


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
    if (marked_up := _above_markup(head, lined, labels, str(like or ""))) is not None:
        return marked_up
    whole = "\n\n".join(part for part in ("\n".join(head), lined.body) if part)
    return text.rendered(whole, like=like)


def _above_markup(head: list[str], lined: Lined, labels: tuple[str, ...], present: str) -> str | None:
    """These lines above HTML whose body keeps its markup; None where the two cannot be told apart, or the body goes."""
    if not text.is_html(present) or not lined.body or split_lines(present, labels).body != lined.body:
        return None
    lines = {label: value for label, value in lined.lines.items() if value}
    wanted = Lined({label: lines[label] for label in labels if label in lines}, lined.body)
    tried = (
        text.as_html("\n".join(head)) + between + body
        for body in _bodies(present, lined.body)
        for between in ("", _NO_LINE)
    )
    return next((laid for laid in tried if split_lines(laid, labels) == wanted), None)


def _bodies(present: str, body: str) -> Iterator[str]:
    """What of this HTML shows the body alone: all of it, or what stands below its first lines."""
    ends = [0, *(end.end() for end, _ in zip(_ENDS.finditer(present), range(_MOST_ENDS), strict=False))]
    return (present[end:] for end in ends if text.canonical(present[end:]) == body)


@dataclass(frozen=True)
class Spot:
    """Where a value stands in a record: in a text, below its named lines, or on one of those lines."""

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
