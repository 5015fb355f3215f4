"""Unlinked records become pairs, doubts and singles. Similarity alone never links: real registers hold two
different accidents with one title on one day."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import date
from enum import IntEnum

from procore_4hse.mapping.lenses import text

NEAR_DAYS = 3
SHARED_WORDS = 0.8
FEWEST_WORDS = 5


class Likeness(IntEnum):
    NONE = 0
    LIKELY = 1
    CLEAR = 2


@dataclass(frozen=True)
class Candidate:
    """An unlinked record as the matching sees it. `eligible` ones may be linked or copied; others only cast doubt."""

    id: str
    day: date | None
    title: str | None
    description: str | None
    people: frozenset[str] = frozenset()
    eligible: bool = True


@dataclass(frozen=True)
class Matches:
    """`doubts` maps a Procore id to the 4HSE ids that may be the same incident; every record is in one place only."""

    pairs: tuple[tuple[str, str], ...] = ()
    doubts: dict[str, tuple[str, ...]] = field(default_factory=dict)
    singles_procore: tuple[str, ...] = ()
    singles_fourhse: tuple[str, ...] = ()


def match(
    procore: Collection[Candidate],
    fourhse: Collection[Candidate],
    not_duplicates: frozenset[tuple[str, str]] = frozenset(),
    asked: frozenset[tuple[str, str]] = frozenset(),
) -> Matches:
    """Pairs where exactly one clear partner stands on each side; whatever else is alike is a doubt.

    Those of `asked` are doubts however alike they are, and neither of the two becomes a pair with another one.
    """
    likeness = {
        (left.id, right.id): how
        for left, right in _neighbours(procore, fourhse)
        if (left.eligible or right.eligible)
        and (left.id, right.id) not in not_duplicates
        and (how := likeness_of(left, right))
    }
    likeness |= dict.fromkeys(asked, Likeness.LIKELY)
    asked_left, asked_right = ({pair[place] for pair in asked} for place in (0, 1))
    pairs = _unique_clear(
        likeness,
        {c.id for c in procore if c.eligible} - asked_left,
        {c.id for c in fourhse if c.eligible} - asked_right,
    )
    paired = {left for left, _ in pairs}, {right for _, right in pairs}
    doubts: dict[str, list[str]] = defaultdict(list)
    for left_id, right_id in likeness:
        if left_id not in paired[0] and right_id not in paired[1]:
            doubts[left_id].append(right_id)
    doubted = {right for rights in doubts.values() for right in rights}
    return Matches(
        pairs=tuple(sorted(pairs)),
        doubts={left: tuple(sorted(rights)) for left, rights in doubts.items()},
        singles_procore=tuple(c.id for c in procore if c.eligible and c.id not in paired[0] and c.id not in doubts),
        singles_fourhse=tuple(c.id for c in fourhse if c.eligible and c.id not in paired[1] and c.id not in doubted),
    )


def likeness_of(left: Candidate, right: Candidate) -> Likeness:
    if left.day is None or right.day is None:
        return Likeness.NONE
    same_day = left.day == right.day
    same_title = text.normalised_title(left.title) == text.normalised_title(right.title) != ""
    contradicting = bool(left.people and right.people and not left.people & right.people)
    if same_day and same_title and left.description and left.description == right.description and not contradicting:
        return Likeness.CLEAR
    if same_title and abs((left.day - right.day).days) <= NEAR_DAYS:
        return Likeness.LIKELY
    if same_day and (_similar(left, right) or left.people & right.people):
        return Likeness.LIKELY
    return Likeness.NONE


def _similar(left: Candidate, right: Candidate) -> bool:
    ours = text.words_of(f"{left.title or ''} {left.description or ''}")
    theirs = text.words_of(f"{right.title or ''} {right.description or ''}")
    shared = len(ours & theirs)
    return shared >= FEWEST_WORDS and shared >= SHARED_WORDS * len(ours | theirs)


def _neighbours(left: Iterable[Candidate], right: Iterable[Candidate]) -> Iterable[tuple[Candidate, Candidate]]:
    """Only records of nearly one day can be alike, so only those are compared."""
    by_day: dict[int, list[Candidate]] = defaultdict(list)
    for candidate in right:
        if candidate.day is not None:
            by_day[candidate.day.toordinal()].append(candidate)
    for candidate in left:
        if candidate.day is not None:
            for days in range(-NEAR_DAYS, NEAR_DAYS + 1):
                for other in by_day.get(candidate.day.toordinal() + days, ()):
                    yield candidate, other


def _unique_clear(likeness: dict[tuple[str, str], Likeness], left: set[str], right: set[str]) -> list[tuple[str, str]]:
    clear = [pair for pair, how in likeness.items() if how is Likeness.CLEAR]
    lefts, rights = Counter(pair[0] for pair in clear), Counter(pair[1] for pair in clear)
    return [pair for pair in clear if lefts[pair[0]] == 1 == rights[pair[1]] and pair[0] in left and pair[1] in right]
