"""Unlinked records become pairs, doubts and singles. Similarity alone never links: real registers hold two
different accidents with one title on one day."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from enum import IntEnum
from functools import cached_property
from itertools import chain, islice
from math import ceil

from procore_4hse.mapping.lenses import text

FEWEST_WORDS = 5
ROUNDING = 1e-9
LISTED = 50
"""So many that may be the same incident are looked for at most: hundreds of one name on one day are told as these."""


@dataclass(frozen=True)
class MatchRules:
    """What speaks for two being one incident, as a route says."""

    days: int = 3
    """So many days two of one title may be apart."""
    words: float = 0.8
    """The share of the words of title and description that two of one day have in common."""
    key: str = ""
    """What both sides know an incident by: the key of a row, or NUMBER; empty where there is nothing."""

    @property
    def nearest_first(self) -> list[int]:
        return sorted(range(-self.days, self.days + 1), key=abs)


NUMBER = "number"
"""Procore's number and 4HSE's code, where no row of the mapping is called so."""
USUAL = MatchRules()


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
    key: str = ""
    """What both sides know the incident by, where the route names such a field."""

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

    @property
    def tells(self) -> tuple[Hashable, ...]:
        """Each of what a clear partner shares one of."""
        known = (("key", self.key) if self.key else None, ("telling", self.telling) if self.telling else None)
        return tuple(each for each in known if each)


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
    rules: MatchRules = USUAL,
) -> Matches:
    """Pairs where exactly one clear partner stands on each side; whatever else is alike is a doubt.

    Those of `asked` are doubts however alike they are, and neither of the two becomes a pair with another one.
    """
    procore, fourhse = _without_shared_keys(procore), _without_shared_keys(fourhse)
    in_question = {pair[0] for pair in asked}, {pair[1] for pair in asked}
    clear = _clear_pairs(procore, fourhse, not_duplicates)
    pairs = [pair for pair in clear if pair[0] not in in_question[0] and pair[1] not in in_question[1]]
    paired = {left for left, _ in pairs}, {right for _, right in pairs}
    left, right = (
        [each for each in side if each.id not in ids] for side, ids in zip((procore, fourhse), paired, strict=True)
    )
    doubts = _doubts(left, right, not_duplicates, rules)
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


def _without_shared_keys(candidates: Collection[Candidate]) -> Collection[Candidate]:
    """A key that several of one side bear is none; a survivor is one, as it stands and as both sides last agreed."""
    bearers: dict[str, set[str]] = defaultdict(set)
    for each in candidates:
        bearers[each.key].add(each.id)
    return [replace(each, key="") if len(bearers[each.key]) > 1 else each for each in candidates]


def likeness_of(left: Candidate, right: Candidate, rules: MatchRules = USUAL) -> Likeness:
    if left.day is None or right.day is None:
        return Likeness.NONE
    if is_clear(left, right):
        return Likeness.CLEAR
    if left.key == right.key != "":
        return Likeness.LIKELY
    same_day = left.day == right.day
    same_title = left.normalised_title == right.normalised_title != ""
    if same_title and abs((left.day - right.day).days) <= rules.days:
        return Likeness.LIKELY
    same_hash = left.title_hash == right.title_hash != ""
    if same_day and (same_hash or _similar(left, right, rules) or left.people & right.people):
        return Likeness.LIKELY
    return Likeness.NONE


def is_clear(left: Candidate, right: Candidate) -> bool:
    """Whether both tell the same, and name nobody whom the other one does not.

    A key that both have decides instead of title and description, and may contradict them.
    """
    contradicting = bool(left.people and right.people and not left.people & right.people)
    if left.key and right.key:
        return left.key == right.key and left.day == right.day is not None and not contradicting
    return left.telling == right.telling is not None and not contradicting


def _similar(left: Candidate, right: Candidate, rules: MatchRules) -> bool:
    shared = len(left.words & right.words)
    return shared >= FEWEST_WORDS and shared >= rules.words * len(left.words | right.words) - ROUNDING


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
    ours, theirs = _by_what_they_tell(procore), _by_what_they_tell(fourhse)

    def may_be_one(left: Candidate, right: Candidate) -> bool:
        may_count = (left.eligible or right.eligible) and (left.id, right.id) not in not_duplicates
        return may_count and is_clear(left, right)

    pairs = []
    for left in procore:
        right = _only(other for other in _telling_alike(theirs, left) if may_be_one(left, other))
        if right is None or not (left.eligible and right.eligible):
            continue
        if _only(other for other in _telling_alike(ours, right) if may_be_one(other, right)) is left:
            pairs.append((left.id, right.id))
    return pairs


def _by_what_they_tell(candidates: Iterable[Candidate]) -> Mapping[Hashable, list[Candidate]]:
    groups: dict[Hashable, list[Candidate]] = defaultdict(list)
    for candidate in candidates:
        for told in candidate.tells:
            groups[told].append(candidate)
    return groups


def _telling_alike(groups: Mapping[Hashable, list[Candidate]], one: Candidate) -> Iterator[Candidate]:
    """Those that share anything with this one which could make them clear, each once."""
    seen: set[int] = set()
    for other in chain.from_iterable(groups.get(told, ()) for told in one.tells):
        if id(other) not in seen:
            seen.add(id(other))
            yield other


def _only(candidates: Iterator[Candidate]) -> Candidate | None:
    """The one candidate, when there is one and no more."""
    found = list(islice(candidates, 2))
    return found[0] if len(found) == 1 else None


# Doubts ----------------------------------------------------------------------------------------------------------


def _doubts(
    left: Collection[Candidate],
    right: Collection[Candidate],
    not_duplicates: frozenset[tuple[str, str]],
    rules: MatchRules,
) -> dict[str, list[str]]:
    """For each that may be one of the other side: some of those, and every one of the other side with somebody."""
    commonness = Counter(word for candidate in (*left, *right) for word in candidate.words)
    doubts: dict[str, list[str]] = {}
    theirs = Blocks(right, commonness, rules)
    for one in left:
        alike = (other.id for other in theirs.alike(one) if (one.id, other.id) not in not_duplicates)
        if listed := list(islice(_unique(chain(doubts.get(one.id, ()), alike)), LISTED)):
            doubts[one.id] = listed
    if any(len(listed) == LISTED for listed in doubts.values()):
        named = {other for listed in doubts.values() for other in listed}
        ours = Blocks(left, commonness, rules)
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

    Two texts that share most of their words share one of the few rarest words of either: how few follows from their
    lengths. Only records that share something are compared, so that a day with thousands of incidents costs no square
    of them.
    """

    def __init__(
        self, candidates: Iterable[Candidate], commonness: Mapping[str, int], rules: MatchRules = USUAL
    ) -> None:
        self.commonness, self.rules = commonness, rules
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
                    if other.id not in compared and likeness_of(candidate, other, self.rules):
                        yield other
                    compared.add(other.id)

    def _add(self, candidate: Candidate, day: int) -> None:
        length = len(candidate.words)
        self.lengths[day].add(length)
        least = self._shared_at_least(length, ceil(self.rules.words * length - ROUNDING))
        traits: list[tuple[Hashable, ...]] = [(day, "title", candidate.normalised_title)]
        traits += [(day, "title hash", candidate.title_hash)] if candidate.title_hash else []
        traits += [(day, "person", person) for person in candidate.people]
        traits += [("key", candidate.key)] if candidate.key else []
        traits += [(day, "word", length, word) for word in self._rarest_first(candidate)[: _unshared(length, least)]]
        for trait in traits:
            self.sharing[_standing(candidate), *trait].append(candidate)

    def _shared_with(self, candidate: Candidate, day: int) -> Iterator[tuple[Hashable, ...]]:
        """What others are looked for by."""
        if candidate.normalised_title:
            yield from ((day + days, "title", candidate.normalised_title) for days in self.rules.nearest_first)
        if candidate.title_hash:
            yield day, "title hash", candidate.title_hash
        if candidate.key:
            yield "key", candidate.key
        yield from ((day, "person", person) for person in candidate.people)
        rarest_first = self._rarest_first(candidate)
        for length in self.lengths.get(day, ()):
            least = self._shared_at_least(len(rarest_first), length)
            if least <= length:
                yield from ((day, "word", length, word) for word in rarest_first[: _unshared(len(rarest_first), least)])

    def _shared_at_least(self, length: int, other: int) -> int:
        """How many words two similar texts of these lengths share at least."""
        share = self.rules.words / (1 + self.rules.words)  # Of both lengths together, where shared words count twice.
        return max(FEWEST_WORDS, ceil(share * (length + other) - ROUNDING))

    def _rarest_first(self, candidate: Candidate) -> list[str]:
        return sorted(candidate.words, key=lambda word: (self.commonness[word], word))


def _unshared(length: int, shared: int) -> int:
    """So many words of a text must be looked at to meet one of those that it shares with another."""
    return max(0, length - shared + 1)
