"""What came back: one answer as a value, whether it can be read, and the words a vendor refuses with."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from procore_4hse.clients.budget import whole_number
from procore_4hse.models import text_id

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
        body = json.loads(content, parse_int=_whole, parse_float=_fraction, parse_constant=str)
        return (_storable(body) if _UNSTORABLE.search(content) else body), True
    except (ValueError, RecursionError):
        return None, False


# Every answer passes here before anything is made of it, so what no store takes is replaced in this one place:
# PostgreSQL refuses NUL characters in JSON and text, and infinite numbers in JSON; half an emoji has no UTF-8 form.

_UNSTORABLE = re.compile(rb"\\u(?:d[89a-f]|0000)|\xed[\xa0-\xbf]", re.IGNORECASE)
"""Bytes without which no text of a body can hold half of a pair or a NUL."""
_HALF = re.compile("[\ud800-\udfff]")
LONGEST_NUMBER = 4000
"""Digits; Python reads little more, and a longer number stays text."""


def _storable(value: Any) -> Any:
    """The same with U+FFFD for each lone surrogate, and without NUL characters."""
    if isinstance(value, str):
        return _HALF.sub("\ufffd", value).replace("\0", "")
    if isinstance(value, list):
        return [_storable(each) for each in value]
    return {_storable(key): _storable(each) for key, each in value.items()} if isinstance(value, dict) else value


def _whole(digits: str) -> int | str:
    return int(digits) if len(digits) <= LONGEST_NUMBER else digits


def _fraction(digits: str) -> float | str:
    number = float(digits)
    return number if math.isfinite(number) else digits


def _holds_error(body: Any) -> bool:
    return isinstance(body, Mapping) and bool(body.get("error") or body.get("errors"))


def is_object(body: Any) -> bool:
    return isinstance(body, dict)


def is_rows(body: Any) -> bool:
    """True for a list with objects in it, or an empty one; `objects` leaves out what is none."""
    return isinstance(body, list) and (not body or any(isinstance(row, dict) for row in body))


def objects(body: list[Any]) -> list[dict[str, Any]]:
    """The rows of a list that are objects: one that is none is no reason to go without the others."""
    return [row for row in body if isinstance(row, dict)]


def has_ids(body: Any, key: str) -> bool:
    """True when rows bear ids. A row without one is left out; where no row has one, this is not what was asked for."""
    return is_rows(body) and (not body or any(text_id(row.get(key)) for row in objects(body)))


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
