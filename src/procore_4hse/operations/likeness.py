"""What speaks for two records being one incident, and what against it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from procore_4hse.mapping.details import number_of
from procore_4hse.mapping.directory import name_in
from procore_4hse.mapping.folding import fold
from procore_4hse.mapping.lenses import text
from procore_4hse.mapping.lenses.base import Known
from procore_4hse.mapping.rules import Field
from procore_4hse.models import RecordRef
from procore_4hse.operations.records import ABOUT_PEOPLE, PLAIN, Classes, KnownRecords
from procore_4hse.operations.texts import counted, say


@dataclass(frozen=True)
class Sign:
    """One thing that speaks for the two being one, or against it. `classes` must be had to see it."""

    speaks_for: bool
    text: str
    classes: Classes = PLAIN


def signs(known: KnownRecords, one: RecordRef, other: RecordRef) -> tuple[Sign, ...]:
    """What two incidents have in common and what tells them apart; nothing where one of them is not known."""
    if known.image(one) is None or known.image(other) is None:
        return ()
    return tuple(sign for told in (_days, _numbers, _titles, _words, _people) for sign in told(known, one, other))


def are_identical(known: KnownRecords, one: RecordRef, other: RecordRef) -> bool:
    """Whether day, title and description say the same, and nobody is named by one of them alone."""
    if known.image(one) is None or known.image(other) is None:
        return False
    mapping = known.route.mapping
    rows = [mapping.title, mapping.day, *([mapping.description] if mapping.description else [])]
    is_told = bool(_value(known, mapping.day, one) and _value(known, mapping.title, one))
    say_the_same = all(_agree(known, row, one, other) for row in rows)
    return is_told and say_the_same and _named(known, one) == _named(known, other)


def _days(known: KnownRecords, one: RecordRef, other: RecordRef) -> Iterator[Sign]:
    days = [_value(known, known.route.mapping.day, ref) for ref in (one, other)]
    if all(isinstance(day, date) for day in days):
        apart = abs((days[0] - days[1]).days)  # type: ignore[operator]
        yield Sign(True, say("sign.day")) if not apart else Sign(False, say("sign.days", days=counted(apart, "day")))


def _numbers(known: KnownRecords, one: RecordRef, other: RecordRef) -> Iterator[Sign]:
    """The number that people know an incident by; different ones say nothing, for each system counts by itself."""
    numbers = [fold(number_of(ref.side, known.image(ref) or {})) for ref in (one, other)]
    if all(numbers) and numbers[0] == numbers[1]:
        yield Sign(True, say("sign.number", number=number_of(one.side, known.image(one) or {})))


def _titles(known: KnownRecords, one: RecordRef, other: RecordRef) -> Iterator[Sign]:
    titles = [text.normalised_title(known.title(ref)) for ref in (one, other)]
    if any(titles):
        same = titles[0] == titles[1]
        yield Sign(same, say("sign.title" if same else "sign.titles"))


def _words(known: KnownRecords, one: RecordRef, other: RecordRef) -> Iterator[Sign]:
    """How many of the words of title and description both have."""
    words = [text.words_of(f"{known.title(ref)} {_description(known, ref)}") for ref in (one, other)]
    shared, together = len(words[0] & words[1]), len(words[0] | words[1])
    if together:
        yield Sign(
            shared >= known.route.match.words * together,
            say("sign.words", percent=100 * shared // together, shared=shared, together=together),
        )


def _people(known: KnownRecords, one: RecordRef, other: RecordRef) -> Iterator[Sign]:
    names = _named(known, one), _named(known, other)
    if all(names):
        same = bool(names[0] & names[1])
        yield Sign(same, say("sign.person" if same else "sign.people"), ABOUT_PEOPLE)


def _named(known: KnownRecords, ref: RecordRef) -> frozenset[str]:
    """The people of an incident, by their names."""
    return frozenset(fold(name) for record in known.people(ref) if (name := name_in(ref.side, record.payload)))


def _description(known: KnownRecords, ref: RecordRef) -> str:
    row = known.route.mapping.description
    return str(_value(known, row, ref) or "") if row else ""


def _value(known: KnownRecords, row: Field, ref: RecordRef) -> object:
    reading = row.lens.get(ref.side, known.image(ref) or {})
    return reading.value if isinstance(reading, Known) else None


def _agree(known: KnownRecords, row: Field, one: RecordRef, other: RecordRef) -> bool:
    mine, theirs = (known.value(row, ref.side, known.image(ref) or {}) for ref in (one, other))
    return mine.agrees(one.side, theirs)
