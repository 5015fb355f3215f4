"""4HSE's category by the kinds of Procore's records: the lists that tell them, and the laws of their lens."""

from __future__ import annotations

from itertools import chain, combinations, permutations
from typing import Any

import pytest

from procore_4hse.mapping.lenses.base import INJURED, NO_RECORDS, RECORDED, Held, Known
from procore_4hse.mapping.lenses.category import BY_KIND, CategoryLens, Meaning, Recorded
from procore_4hse.models import Side
from routes import MAPPING

INJURY, NEAR_MISS, DAMAGE, RELEASE, NOTHING, NO_INJURY, NOT_SHARED = (
    *("injury", "near miss", "property damage", "environmental"),
    *("nothing recorded", "no injury", "not shared"),
)
KINDS = (INJURY, NEAR_MISS, DAMAGE, RELEASE)
SETS = [set(some) for some in chain.from_iterable(combinations(KINDS, size) for size in range(5))]


def lens(*lines: tuple[str, str]) -> CategoryLens:
    return CategoryLens("records", "category", lines)


def site(*kinds: str) -> dict[str, Any]:
    return {INJURED: INJURY in kinds, RECORDED: sorted(kinds)}


def written(category: CategoryLens, *kinds: str) -> str:
    """The word that 4HSE is given for these records."""
    reading = category.get(Side.PROCORE, site(*kinds))
    assert isinstance(reading, Known)
    return str(category.put(Side.FOURHSE, reading.value, {}, {})["category"])


DEFAULT = MAPPING.category.lens if MAPPING.category else None
assert isinstance(DEFAULT, CategoryLens)
ACCIDENT, NEAR, BREACH = "ACCIDENTS", "ACCIDENTS_AND_MISSED_INJURIES", "NON_COMPLIANCE"
INJURIES_ALONE = lens((ACCIDENT, INJURY), (BREACH, NO_INJURY), (NEAR, NO_INJURY))


@pytest.mark.parametrize(
    ("kinds", "word"),
    [
        ((), NEAR),
        ((NEAR_MISS,), NEAR),
        ((DAMAGE,), BREACH),
        ((RELEASE,), BREACH),
        ((DAMAGE, RELEASE), BREACH),
        ((NEAR_MISS, RELEASE), NEAR),
        ((INJURY,), ACCIDENT),
        ((INJURY, RELEASE), ACCIDENT),
        (KINDS, ACCIDENT),
    ],
)
def test_the_default_list_tells_the_word_of_each_kind(kinds: tuple[str, ...], word: str) -> None:
    assert written(DEFAULT, *kinds) == word


@pytest.mark.parametrize("order", list(permutations((NEAR_MISS, DAMAGE, RELEASE))))
def test_of_several_kinds_the_line_that_stands_first_decides(order: tuple[str, ...]) -> None:
    category = lens(*((kind.upper(), kind) for kind in order), ("NONE", NOTHING), ("HURT", INJURY))
    assert written(category, *order) == order[0].upper()
    assert written(category, *order[1:]) == order[1].upper()
    assert written(category, *order, INJURY) == "HURT"  # Wherever its line stands.
    assert written(category) == "NONE"


@pytest.mark.parametrize("kinds", SETS, ids=sorted)
def test_a_list_of_injuries_alone_means_what_it_always_meant(kinds: set[str]) -> None:
    assert written(INJURIES_ALONE, *kinds) == (ACCIDENT if INJURY in kinds else BREACH)
    assert INJURIES_ALONE.reads(Side.PROCORE) == (INJURED,)


def test_one_kind_may_have_a_word_beside_no_injury() -> None:
    category = lens((ACCIDENT, INJURY), (BREACH, RELEASE), (NEAR, NO_INJURY))
    assert [written(category, *kinds) for kinds in ((RELEASE, DAMAGE), (DAMAGE,), ())] == [BREACH, NEAR, NEAR]


@pytest.mark.parametrize("category", [DEFAULT, INJURIES_ALONE])
@pytest.mark.parametrize("kinds", SETS, ids=sorted)
@pytest.mark.parametrize("present", [ACCIDENT, NEAR, BREACH, None])
def test_laws(category: CategoryLens, kinds: set[str], present: str | None) -> None:
    """What is put agrees with what it was put for, and putting it once more changes nothing; the rest stays."""
    value = category.get(Side.PROCORE, site(*kinds)).value  # type: ignore[union-attr]
    current = {"category": present, "code": 1}
    once = {**current, **category.put(Side.FOURHSE, value, current, {})}
    stored = category.get(Side.FOURHSE, once)
    assert isinstance(stored, Known)
    assert category.agree(value, stored.value)
    assert {**once, **category.put(Side.FOURHSE, value, once, {})} == once
    assert once["code"] == 1
    # A base holds what the lens reads, and means the same.
    base = {name: site(*kinds)[name] for name in category.reads(Side.PROCORE)}
    assert category.get(Side.PROCORE, base) == Known(value)


@pytest.mark.parametrize("kinds", SETS, ids=sorted)
@pytest.mark.parametrize("word", [ACCIDENT, NEAR, BREACH])
def test_only_an_injury_contradicts_a_word_of_the_office(kinds: set[str], word: str) -> None:
    value = DEFAULT.get(Side.PROCORE, site(*kinds)).value  # type: ignore[union-attr]
    assert DEFAULT.agree(value, word) is (INJURY not in kinds or word == ACCIDENT)


def test_a_base_of_before_tells_of_injuries_alone_and_is_no_other_value() -> None:
    before = DEFAULT.get(Side.PROCORE, {INJURED: False, RECORDED: None})
    assert before == DEFAULT.get(Side.PROCORE, site(RELEASE)) == Known(Recorded(False))
    assert before != DEFAULT.get(Side.PROCORE, site(INJURY))


def test_a_new_incident_has_no_records() -> None:
    assert DEFAULT.get(Side.PROCORE, NO_RECORDS) == Known(Recorded(False, frozenset()))


def test_a_word_that_stands_for_an_accident_and_more_tells_of_no_injury_by_itself() -> None:
    category = lens((ACCIDENT, INJURY), (ACCIDENT, NEAR_MISS), (BREACH, NO_INJURY))
    assert not category.is_accident({"category": ACCIDENT})
    assert DEFAULT.is_accident({"category": ACCIDENT})
    assert not DEFAULT.is_accident({"category": NEAR})


@pytest.mark.parametrize("word", ["Fire", None, ""])
def test_a_word_of_a_customers_own_waits_until_the_list_has_a_line_for_it(word: str | None) -> None:
    assert isinstance(DEFAULT.get(Side.FOURHSE, {"category": word}), Held)
    with_it = lens(*DEFAULT.words, ("Fire", NO_INJURY), ("Incendio", NOT_SHARED))
    assert with_it.get(Side.FOURHSE, {"category": "Fire"}) == Known("Fire")
    assert with_it.is_shared({"category": "Fire"})
    assert not with_it.is_shared({"category": "Incendio"})


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (Recorded(True, frozenset({INJURY, RELEASE})), "an injury is recorded"),
        (Recorded(True), "an injury is recorded"),
        (Recorded(False), "no injury is recorded"),
        (Recorded(False, frozenset()), "no injury is recorded"),
        (Recorded(False, frozenset({RELEASE})), "an environmental release is recorded"),
        (Recorded(False, frozenset({NEAR_MISS, DAMAGE})), "a near miss and a property damage are recorded"),
    ],
)
def test_what_is_recorded_is_told_in_words(value: Recorded, told: str) -> None:
    assert str(value) == told


def test_every_kind_is_asked_for() -> None:
    assert {*BY_KIND, Meaning.INJURY} == {*KINDS, NOTHING}
