"""Words and values for people: ages, days, contents of records without anything that a terminal would obey."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

UNITS = ((timedelta(days=1), "day"), (timedelta(hours=1), "hour"), (timedelta(minutes=1), "minute"))


def plain(value: Any) -> str:
    """A value of a record as text, with nothing in it that could move a cursor or colour a terminal."""
    text = "" if value is None else str(value)
    return "".join(each if each.isprintable() or each == "\n" else "\N{REPLACEMENT CHARACTER}" for each in text)


def short(value: Any, width: int = 60) -> str:
    """A value on one line, ` / ` between two lines of it, cut at `width`."""
    lines = (plain(" ".join(line.split())) for line in str("" if value is None else value).splitlines())
    line = " / ".join(line for line in lines if line)
    return line if len(line) <= width else line[: width - 1].rstrip() + "…"


def moment(instant: datetime | None) -> str:
    """An instant in UTC to the minute."""
    return instant.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC") if instant else "never"


def span(length: timedelta) -> str:
    """A length of time in its largest unit: 3 days, 1 hour, less than a minute."""
    for unit, name in UNITS:
        if count := length // unit:
            return f"{count} {name}{'s' if count != 1 else ''}"
    return "less than a minute"


def age(length: timedelta) -> str:
    """The same, short enough for a narrow column."""
    return span(length) if length >= UNITS[-1][0] else "now"


def counted(count: int, one: str, many: str | None = None) -> str:
    return f"{count} {one if count == 1 else many or one + 's'}"


def fields_in_words(fields: Mapping[str, Any], width: int = 200) -> str:
    """The raw fields that a call would send, one after the other, cut to one line each."""
    return "\n".join(f"{name}: {short(value, width) or 'empty'}" for name, value in fields.items())
