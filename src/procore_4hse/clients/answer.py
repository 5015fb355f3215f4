"""What came back: one answer as a value, whether it can be read, and the words a vendor refuses with."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from procore_4hse.clients.budget import whole_number
from procore_4hse.models import normal_id

Readable = Callable[[Any], bool]
"""Says whether a parsed body has the form that the caller can work with."""

LONGEST_WORDS = 500
"""A vendor's own words are kept up to this many characters."""


@dataclass(frozen=True)
class Reply:
    """One answer. `body` is the parsed JSON, None when there is none; `headers` find a name in any case."""

    status: int
    headers: Mapping[str, str]
    date: datetime
    """The Date header, UTC; without one the latest known, else our own clock."""
    body: Any = field(default=None, repr=False)
    text: str = field(default="", repr=False)
    is_json: bool = True
    """False when the answer has a body that is not JSON."""

    def number(self, header: str) -> int | None:
        """A header's whole number; None when absent or unreadable."""
        return whole_number(self.headers.get(header))

    def can_be_read(self, readable: Readable) -> bool:
        """True when the body has the right form and is not an error in disguise (200 with an error inside)."""
        return self.is_json and not _holds_error(self.body) and readable(self.body)


def parse(content: bytes) -> tuple[Any, bool]:
    """The body as JSON and whether it is readable; an empty body is readable and None."""
    if not content.strip():
        return None, True
    try:
        return json.loads(content), True
    except (ValueError, RecursionError):
        return None, False


def _holds_error(body: Any) -> bool:
    return isinstance(body, Mapping) and bool(body.get("error") or body.get("errors"))


def text_id(value: Any) -> str | None:
    """An id as text, whether the vendor sent a number or a string (P17); None when it is no id."""
    if isinstance(value, str):
        return normal_id(value) or None
    if isinstance(value, float) and value.is_integer():
        return str(int(value))  # JSON has one kind of number: 8589934612.0 is that id too.
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None


def is_object(body: Any) -> bool:
    return isinstance(body, dict)


def is_rows(body: Any) -> bool:
    return isinstance(body, list) and all(isinstance(row, dict) for row in body)


def anything(body: Any) -> bool:
    """For answers whose body does not matter, an empty one included."""
    return True


def words_of(reply: Reply) -> tuple[str, tuple[str, ...]]:
    """The vendor's own sentences, joined, and the fields they name, from every known form (P78, H8).

    A body of no known form gives its text.
    """
    complaints = list(_complaints(reply.body, None))
    sentences = [f"{name}: {said}" if name else said for name, said in complaints if said]
    words = "; ".join(dict.fromkeys(sentences)) or reply.text.strip()
    return words[:LONGEST_WORDS], tuple(dict.fromkeys(name for name, _ in complaints if name))


Complaints = Iterator[tuple[str | None, str]]


def _complaints(body: Any, name: str | None) -> Complaints:
    """Yields (field or None, sentence) from a string, a list, a map, or any nesting of them."""
    if isinstance(body, str):
        yield name, body.strip()
    elif isinstance(body, list):
        for entry in body:
            yield from _complaints(entry, name)
    elif isinstance(body, dict):
        yield from _complaints_in_map(body, name)


CARRIERS = ("error", "errors", "error_description", "reason", "details")
"""Keys that hold complaints in a known form; beside them, other keys name no fields."""


def _complaints_in_map(body: dict[str, Any], name: str | None) -> Complaints:
    carried = [body[key] for key in CARRIERS if body.get(key)]
    if isinstance(body.get("message"), str):
        own = body.get("field")
        yield (own if isinstance(own, str) else name), body["message"].strip()
        yield from _named_fields(body.get("fields"))
    if carried:
        for entry in carried:
            yield from _complaints(entry, name)
    elif not isinstance(body.get("message"), str):  # A plain map of field names to what is wrong with each.
        for key, entry in body.items():
            yield from _complaints(entry, str(key))


def _named_fields(fields: Any) -> Complaints:
    if isinstance(fields, list):
        # Names without words of their own: the message beside them speaks of all.
        yield from ((entry, "") for entry in fields if isinstance(entry, str))
    else:
        yield from _complaints(fields, None)
