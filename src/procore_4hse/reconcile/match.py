"""Unlinked records become pairs, doubts and singles. Similarity alone never links: real registers hold two
different accidents with one title on one day."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import IntEnum
from functools import cached_property
from itertools import chain, islice
from math import ceil

from procore_4hse.mapping.lenses import text

NEAR_DAYS = 3
SHARED_WORDS = 0.8
FEWEST_WORDS = 5
NEAREST_FIRST = sorted(range(-NEAR_DAYS, NEAR_DAYS + 1), key=abs)
ROUNDING = 1e-9
LISTED = 50
"""So many that may be the same incident are looked for at most: hundreds of one name on one day are told as these."""


class Likeness(IntEnum):
    NONE = 0
    LIKELY = 1
    CLEAR = 2


Telling = tuple[date | None, str, str | None]
"""Day, title and description."""


@dataclass(frozen=True)
class Candidate:
    """An unlinked record as the matching sees it. `eligible` ones may be linked or copied; others only cast doubt.

    A `survivor` is about to be deleted, closed or left: whatever is like it casts doubt on that, even what stays home.
    """

    id: str
    day: date | None
    title: str | None
    description: str | None
    people: frozenset[str] = frozenset()
    eligible: bool = True
    title_hash: str = ""
    """All that is known of a private incident's title; equal for equal ones, empty where nothing is to compare."""
    survivor: bool = False

    @cached_property
    def normalised_title(self) -> str:
        return text.normalised_title(self.title)

    @cached_property
    def words(self) -> frozenset[str]:
        return text.words_of(f"{self.title or ''} {self.description or ''}")

    @cached_property
    def telling(self) -> Telling | None:
        """What only one incident should tell; None where something of it is empty."""
        told = (self.day, self.normalised_title, self.description)
        return told if all(told) else None


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
    in_question = {pair[0] for pair in asked}, {pair[1] for pair in asked}
    clear = _clear_pairs(procore, fourhse, not_duplicates)
    pairs = [pair for pair in clear if pair[0] not in in_question[0] and pair[1] not in in_question[1]]
    paired = {left for left, _ in pairs}, {right for _, right in pairs}
    left, right = (
        [each for each in side if each.id not in ids] for side, ids in zip((procore, fourhse), paired, strict=True)
    )
    doubts = _doubts(left, right, not_duplicates)
    for left_id, right_id in asked:
        if right_id not in doubts.setdefault(left_id, []):
            doubts[left_id].append(right_id)
    doubted = {right_id for rights in doubts.values() for right_id in rights}
    return Matches(
        pairs=tuple(sorted(pairs)),
        doubts={left_id: tuple(sorted(rights)) for left_id, rights in doubts.items()},
        singles_procore=tuple(c.id for c in left if c.eligible and c.id not in doubts),
        singles_fourhse=tuple(c.id for c in right if c.eligible and c.id not in doubted),
    )


def likeness_of(left: Candidate, right: Candidate) -> Likeness:
    if left.day is None or right.day is None:
        return Likeness.NONE
    if is_clear(left, right):
        return Likeness.CLEAR
    same_day = left.day == right.day
    same_title = left.normalised_title == right.normalised_title != ""
    if same_title and abs((left.day - right.day).days) <= NEAR_DAYS:
        return Likeness.LIKELY
    same_hash = left.title_hash == right.title_hash != ""
    if same_day and (same_hash or _similar(left, right) or left.people & right.people):
        return Likeness.LIKELY
    return Likeness.NONE


def is_clear(left: Candidate, right: Candidate) -> bool:
    """Whether both tell the same, and name nobody whom the other one does not."""
    contradicting = bool(left.people and right.people and not left.people & right.people)
    return left.telling == right.telling is not None and not contradicting


def _similar(left: Candidate, right: Candidate) -> bool:
    shared = len(left.words & right.words)
    return shared >= FEWEST_WORDS and shared >= SHARED_WORDS * len(left.words | right.words)


# Clear pairs -----------------------------------------------------------------------------------------------------


def by_telling(candidates: Iterable[Candidate]) -> Mapping[Telling | None, list[Candidate]]:
    """Those that tell enough, for only two that tell the same can be clear."""
    groups: dict[Telling | None, list[Candidate]] = defaultdict(list)
    for candidate in candidates:
        if candidate.telling is not None:
            groups[candidate.telling].append(candidate)
    return groups


def _clear_pairs(
    procore: Iterable[Candidate], fourhse: Iterable[Candidate], not_duplicates: frozenset[tuple[str, str]]
) -> list[tuple[str, str]]:
    ours, theirs = by_telling(procore), by_telling(fourhse)

    def may_be_one(left: Candidate, right: Candidate) -> bool:
        may_count = (left.eligible or right.eligible) and (left.id, right.id) not in not_duplicates
        return may_count and is_clear(left, right)

    pairs = []
    for left in procore:
        right = _only(other for other in theirs.get(left.telling, ()) if may_be_one(left, other))
        if right is None or not (left.eligible and right.eligible):
            continue
        if _only(other for other in ours[left.telling] if may_be_one(other, right)) is left:
            pairs.append((left.id, right.id))
    return pairs


def _only(candidates: Iterator[Candidate]) -> Candidate | None:
    """The one candidate, when there is one and no more."""
    found = list(islice(candidates, 2))
    return found[0] if len(found) == 1 else None


# Doubts ----------------------------------------------------------------------------------------------------------


def _doubts(
    left: Collection[Candidate], right: Collection[Candidate], not_duplicates: frozenset[tuple[str, str]]
) -> dict[str, list[str]]:
    """For each that may be one of the other side: some of those, and every one of the other side with somebody."""
    commonness = Counter(word for candidate in (*left, *right) for word in candidate.words)
    doubts: dict[str, list[str]] = {}
    theirs = Blocks(right, commonness)
    for one in left:
        alike = (other.id for other in theirs.alike(one) if (one.id, other.id) not in not_duplicates)
        if listed := list(islice(_unique(chain(doubts.get(one.id, ()), alike)), LISTED)):
            doubts[one.id] = listed
    if any(len(listed) == LISTED for listed in doubts.values()):
        named = {other for listed in doubts.values() for other in listed}
        ours = Blocks(left, commonness)
        for other in right:
            alike = (one.id for one in ours.alike(other) if (one.id, other.id) not in not_duplicates)
            if other.id not in named and (first := next(alike, None)):
                doubts[first].append(other.id)
                named.add(other.id)
    return doubts


def _unique(ids: Iterable[str]) -> Iterator[str]:
    """Each once, as they come: a survivor is compared twice, as it stands and as both sides last agreed."""
    seen = set()
    for each in ids:
        if each not in seen:
            seen.add(each)
            yield each


Standing = tuple[bool, bool]
"""Whether a record is eligible, and whether it is a survivor."""
STANDINGS: tuple[Standing, ...] = (True, False), (False, True), (False, False)


def _standing(candidate: Candidate) -> Standing:
    return candidate.eligible, candidate.survivor


def matters(one: Standing, other: Standing) -> bool:
    """Whether anything would be written that the likeness of two such records casts doubt on.

    Two survivors have each a question of their own.
    """
    return one[0] or other[0] or one[1] != other[1]


class Blocks:
    """Records of one side by what every record that is like one of them must share with it.

    Two texts of four words in five share one of the few rarest words of either: how few follows from their lengths.
    Only records that share something are compared, so that a day with thousands of incidents costs no square of them.
    """

    def __init__(self, candidates: Iterable[Candidate], commonness: Mapping[str, int]) -> None:
        self.commonness = commonness
        self.sharing: dict[Hashable, list[Candidate]] = defaultdict(list)
        self.lengths: dict[int, set[int]] = defaultdict(set)
        """How many words the texts of a day have."""
        for candidate in candidates:
            if candidate.day is not None:
                self._add(candidate, candidate.day.toordinal())

    def alike(self, candidate: Candidate) -> Iterator[Candidate]:
        """Those that are like this one of the other side, the nearest days first, where something follows from it."""
        compared = set()
        traits = list(self._shared_with(candidate, candidate.day.toordinal())) if candidate.day else []
        for standing in (standing for standing in STANDINGS if matters(_standing(candidate), standing)):
            for trait in traits:
                for other in self.sharing.get((standing, *trait), ()):
                    if other.id not in compared and likeness_of(candidate, other):
                        yield other
                    compared.add(other.id)

    def _add(self, candidate: Candidate, day: int) -> None:
        length = len(candidate.words)
        self.lengths[day].add(length)
        least = _shared_at_least(length, ceil(SHARED_WORDS * length - ROUNDING))
        traits: list[tuple[Hashable, ...]] = [(day, "title", candidate.normalised_title)]
        traits += [(day, "title hash", candidate.title_hash)] if candidate.title_hash else []
        traits += [(day, "person", person) for person in candidate.people]
        traits += [(day, "word", length, word) for word in self._rarest_first(candidate)[: _unshared(length, least)]]
        for trait in traits:
            self.sharing[_standing(candidate), *trait].append(candidate)

    def _shared_with(self, candidate: Candidate, day: int) -> Iterator[tuple[Hashable, ...]]:
        """What others are looked for by."""
        if candidate.normalised_title:
            yield from ((day + days, "title", candidate.normalised_title) for days in NEAREST_FIRST)
        if candidate.title_hash:
            yield day, "title hash", candidate.title_hash
        yield from ((day, "person", person) for person in candidate.people)
        rarest_first = self._rarest_first(candidate)
        for length in self.lengths.get(day, ()):
            least = _shared_at_least(len(rarest_first), length)
            if least <= length:
                yield from ((day, "word", length, word) for word in rarest_first[: _unshared(len(rarest_first), least)])

    def _rarest_first(self, candidate: Candidate) -> list[str]:
        return sorted(candidate.words, key=lambda word: (self.commonness[word], word))


def _shared_at_least(length: int, other: int) -> int:
    """How many words two similar texts of these lengths share at least."""
    share = SHARED_WORDS / (1 + SHARED_WORDS)  # Of both lengths together, where shared words count twice.
    return max(FEWEST_WORDS, ceil(share * (length + other) - ROUNDING))


def _unshared(length: int, shared: int) -> int:
    """So many words of a text must be looked at to meet one of those that it shares with another."""
    return max(0, length - shared + 1)
