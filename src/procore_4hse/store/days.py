"""Days in UTC as a database counts them, so that it adds up by itself what a page tells of many days."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from sqlalchemy import ColumnElement, Integer, cast, extract

FIRST = date(1970, 1, 1)
SECONDS = 24 * 3600


def number_of(moment: ColumnElement[datetime]) -> ColumnElement[int]:
    """The day of a moment, counted from the first one of 1970."""
    return cast(extract("epoch", moment), Integer) // SECONDS


def day_of(number: int) -> date:
    return FIRST + timedelta(days=number)
