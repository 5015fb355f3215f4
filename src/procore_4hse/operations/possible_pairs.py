"""Which incidents of a new route may be one, with what speaks for it and against it, before anything is linked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from procore_4hse.mapping.details import number_of
from procore_4hse.mapping.folding import fold
from procore_4hse.models import Act, Action, Item, Kind, RecordRef, Side
from procore_4hse.operations.likeness import Sign, signs
from procore_4hse.operations.offline import offline_snapshot
from procore_4hse.operations.records import KnownRecords
from procore_4hse.reconcile.plan import plan
from procore_4hse.route import Route
from procore_4hse.store.repository import Store

Pair = tuple[RecordRef, RecordRef]
LINKED, ASKED, APART = "linked", "asked", "apart"
"""What the plan does with two that may be one: links them, asks, or makes each on the other side."""


@dataclass(frozen=True)
class PossiblePair:
    """Procore's incident and 4HSE's, with the headline and the day of each."""

    refs: Pair
    titles: tuple[str, str]
    days: tuple[str, str]
    then: str
    signs: tuple[Sign, ...]


def possible_pairs(store: Store, route: Route, at_most: int) -> list[PossiblePair]:
    """The first of them, by what was read last; none of a route that has links already."""
    with store.read() as unit:
        if unit.routes.get(route.key).ever_linked:
            return []
    planned = plan(offline_snapshot(store, route))  # Unguarded: a first meeting is held as a whole, doubts included.
    actions = [each for each in planned.actions if each.kind is Kind.INCIDENT]
    sure = dict.fromkeys(_linked(actions), LINKED) | dict.fromkeys(_asked(planned.items), ASKED)
    made = [ref for each in actions if each.act is Act.CREATE for ref in each.refs]
    with store.read() as unit:
        known = KnownRecords.read(unit, route, {*made, *(ref for pair in sure for ref in pair)})
    found = sure | {pair: APART for pair in _of_one_number(known, made) if pair not in sure}
    return [_told(known, pair, then) for pair, then in list(found.items())[:at_most]]


def _linked(actions: Iterable[Action]) -> Iterator[Pair]:
    yield from ((each.ref(Side.PROCORE), each.ref(Side.FOURHSE)) for each in actions if each.act is Act.LINK)


def _asked(items: Iterable[Item]) -> Iterator[Pair]:
    for item in items:
        record = item.key.record
        if item.key.topic != "match" or record is None or record.kind is not Kind.INCIDENT:
            continue
        for other in item.facts.get("candidates", ()):
            refs = {record.side: record, record.side.other: RecordRef(record.side.other, Kind.INCIDENT, str(other))}
            yield refs[Side.PROCORE], refs[Side.FOURHSE]


def _of_one_number(known: KnownRecords, made: Iterable[RecordRef]) -> Iterator[Pair]:
    """Those of one day and one number, under whatever titles, in whatever language."""
    told: dict[tuple[str, str], dict[Side, list[RecordRef]]] = defaultdict(lambda: {side: [] for side in Side})
    for ref in made:
        number = fold(number_of(ref.side, known.image(ref) or {}))
        if number and (day := known.day(ref)):
            told[day, number][ref.side].append(ref)
    for sides in told.values():
        if all(len(refs) == 1 for refs in sides.values()):
            yield sides[Side.PROCORE][0], sides[Side.FOURHSE][0]


def _told(known: KnownRecords, pair: Pair, then: str) -> PossiblePair:
    one, other = pair
    titles, days = (known.title(one), known.title(other)), (known.day(one), known.day(other))
    return PossiblePair(pair, titles, days, then, signs(known, one, other))
