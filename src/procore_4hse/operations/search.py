"""Incidents by id, number, day or words of their title, as both systems showed them last."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from procore_4hse.mapping.images import image_of
from procore_4hse.mapping.lenses.base import Held
from procore_4hse.models import Image, Kind, RawRecord, Side, Staged
from procore_4hse.operations.offline import UTC_ZONE, Ids, known
from procore_4hse.reconcile.diff import display
from procore_4hse.route import Route
from procore_4hse.store.repository import Store, Unit

LOOKED_AT = 200
"""So many records of one side are read at most; a text that more hold is no way to find one."""
NUMBERS = {Side.PROCORE: ("number",), Side.FOURHSE: ("code", "number")}
"""Where a record has a number that people use."""


def number_of(side: Side, image: Image) -> str:
    """The number by which people name a record; empty where it has none."""
    numbers = (image.get(name) for name in NUMBERS[side])
    return next((str(each) for each in numbers if each not in (None, "")), "")


@dataclass(frozen=True)
class Hit:
    id: str
    side: Side
    route: str
    title: str
    day: str
    number: str = ""

    @classmethod
    def of(cls, route: Route, record: RawRecord, zone: str) -> Hit:
        image = image_of(Staged(record), zone)
        readings = (row.lens.get(record.side, image) for row in (route.mapping.title, route.mapping.day))
        title, day = ("" if isinstance(reading, Held) else display(reading.value) for reading in readings)
        return cls(record.id, record.side, route.name, title, day, number_of(record.side, record.payload))

    def is_found(self, text: str) -> bool:
        """By words of its title in any order, or by its whole day, number or id."""
        sought, title = text.casefold(), self.title.casefold()
        is_named = sought in (self.day, self.number.casefold(), self.id)
        return is_named or all(word in title for word in sought.split())


def hits(unit: Unit, route: Route, side: Side, ids: Collection[str]) -> dict[str, Hit]:
    """How these incidents of one side show, by their ids; without those whose contents stay at home."""
    zone = unit.routes.get(route.key).zone or UTC_ZONE
    staged = unit.staging(route.key).some(side, Kind.INCIDENT, ids)
    return {each.record.id: Hit.of(route, each.record, zone) for each in staged if not each.minimal}


@dataclass(frozen=True)
class Found:
    """`is_cut` says that more records hold the text than were looked at."""

    hits: tuple[Hit, ...] = ()
    is_cut: bool = False


def identified(store: Store, routes: tuple[Route, ...], text: str) -> tuple[Route, Ids] | Found:
    """The incident that this is an id of, or the only one that the search finds; else all that it found."""
    if one := known(store, routes, text.strip()):
        return one
    found = search(store, routes, text)
    if len(found.hits) == 1:
        (hit,) = found.hits
        return known(store, [route for route in routes if route.name == hit.route], hit.id) or found
    return found


def search(
    store: Store, routes: Iterable[Route], text: str, sees_private: Callable[[Route], bool] = lambda _: True
) -> Found:
    """The incidents of these routes that have this id, number or day, or these words in their title.

    Those that are marked private are left out where `sees_private` says no.
    """
    sought = text.strip()
    if not sought:
        return Found()
    with store.read() as unit:
        found = [_on_route(unit, route, sought, sees_private(route)) for route in routes]
    return Found(tuple(hit for each in found for hit in each.hits), any(each.is_cut for each in found))


def _on_route(unit: Unit, route: Route, sought: str, sees_private: bool) -> Found:
    """A linked incident stands there once, as Procore shows it."""
    records = {side: _holding(unit, route, side, sought) for side in Side}
    zone = unit.routes.get(route.key).zone or UTC_ZONE
    hits = [Hit.of(route, record, zone) for own in records.values() for record in own]
    by_id = {hit.id: hit for hit in hits if hit.is_found(sought)}
    partners = unit.links(route.key).procore_of(list(by_id))
    private = unit.staging(route.key).private_among({partners.get(each, each) for each in by_id})
    hidden = frozenset[str]() if sees_private else private
    shown = tuple(
        hit for each, hit in by_id.items() if partners.get(each) not in by_id and partners.get(each, each) not in hidden
    )
    return Found(shown, any(len(own) >= LOOKED_AT for own in records.values()))


def _holding(unit: Unit, route: Route, side: Side, sought: str) -> Collection[RawRecord]:
    staging, day = unit.staging(route.key), _day(sought)
    # A short number stands in many records; for nothing else is it worth reading what each of them has as its own.
    first = NUMBERS[side] if sought.isalnum() and not sought.isalpha() else ()
    written = _written(side, day) if day else [sought.split()]
    return staging.holding(side, written, LOOKED_AT * len(written), first)


def _day(sought: str) -> date | None:
    with suppress(ValueError):
        return datetime.strptime(sought, "%Y-%m-%d").date()  # noqa: DTZ007 a day, in no zone
    return None


def _written(side: Side, day: date) -> list[list[str]]:
    """How a record may write it: Procore in UTC, where a day of the project's zone is the one before or after too."""
    shifts = (-1, 0, 1) if side is Side.PROCORE else (0,)
    return [[(day + timedelta(days=shift)).isoformat()] for shift in shifts]
