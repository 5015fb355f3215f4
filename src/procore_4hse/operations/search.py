"""Incidents by id, number, title or day, as both systems showed them last."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, timedelta

from procore_4hse.mapping.images import image_of
from procore_4hse.mapping.lenses.base import Held
from procore_4hse.models import RawRecord, Side, Staged
from procore_4hse.operations.offline import UTC_ZONE
from procore_4hse.reconcile.diff import display
from procore_4hse.route import Route
from procore_4hse.store.repository import Store, Unit

LOOKED_AT = 200
"""So many records of one side are read at most; a text that more hold is no way to find one."""
NUMBERS = {Side.PROCORE: ("number",), Side.FOURHSE: ("code", "number")}
"""Where a record has a number that people use."""


@dataclass(frozen=True)
class Hit:
    id: str
    side: str
    route: str
    title: str
    day: str
    number: str = ""

    @classmethod
    def of(cls, route: Route, record: RawRecord, zone: str) -> Hit:
        image = image_of(Staged(record), zone)
        readings = (row.lens.get(record.side, image) for row in (route.mapping.title, route.mapping.day))
        title, day = ("" if isinstance(reading, Held) else display(reading.value) for reading in readings)
        numbers = (record.payload.get(name) for name in NUMBERS[record.side])
        number = next((str(each) for each in numbers if each not in (None, "")), "")
        return cls(record.id, record.side.label, route.name, title, day, number)

    def is_found(self, words: str) -> bool:
        """By a part of its title, or by its whole day, number or id."""
        sought = words.casefold()
        return sought in self.title.casefold() or sought in (self.day, self.number.casefold(), self.id)


@dataclass(frozen=True)
class Found:
    """`is_cut` says that more records hold the text than were looked at."""

    hits: tuple[Hit, ...] = ()
    is_cut: bool = False


def search(
    store: Store, routes: Iterable[Route], text: str, sees_private: Callable[[Route], bool] = lambda _: True
) -> Found:
    """The incidents of these routes that have this id, number or day, or this text in their title.

    Those that are marked private are left out where `sees_private` says no.
    """
    words = text.strip()
    if not words:
        return Found()
    with store.read() as unit:
        found = [_on_route(unit, route, words, sees_private(route)) for route in routes]
    return Found(tuple(hit for each in found for hit in each.hits), any(each.is_cut for each in found))


def _on_route(unit: Unit, route: Route, words: str, sees_private: bool) -> Found:
    """A linked incident stands there once, as Procore shows it."""
    records = {side: _holding(unit, route, side, words) for side in Side}
    zone = unit.routes.get(route.key).zone or UTC_ZONE
    hits = [Hit.of(route, record, zone) for own in records.values() for record in own]
    by_id = {hit.id: hit for hit in hits if hit.is_found(words)}
    partners = unit.links(route.key).procore_of(list(by_id))
    private = unit.staging(route.key).private_among({partners.get(each, each) for each in by_id})
    hidden = frozenset[str]() if sees_private else private
    shown = tuple(
        hit for each, hit in by_id.items() if partners.get(each) not in by_id and partners.get(each, each) not in hidden
    )
    return Found(shown, any(len(own) >= LOOKED_AT for own in records.values()))


def _holding(unit: Unit, route: Route, side: Side, words: str) -> Collection[RawRecord]:
    staging = unit.staging(route.key)
    found = (record for text in _written(words) for record in staging.holding(side, text, LOOKED_AT))
    return {record.id: record for record in found}.values()


def _written(words: str) -> tuple[str, ...]:
    """How a record may write it: a day in the project's zone is the day before or after it in UTC too."""
    with suppress(ValueError):
        day = date.fromisoformat(words)
        return tuple((day + timedelta(days=shift)).isoformat() for shift in (-1, 0, 1))
    return (words,)
