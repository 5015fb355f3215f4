"""The word lists of the default mapping: whole, without contradiction, and enough for real injuries."""

import csv
from collections import Counter
from pathlib import Path

import pytest

from procore_4hse.mapping.document import read_document
from procore_4hse.simulator.procore_state import WORD_LISTS

ROOT = Path(__file__).parents[2]
WORDS = ROOT / "mappings" / "default" / "words"
KEYS = (ROOT / "tests" / "data" / "body_part_keys.txt").read_text().split()
"""Procore's keys of body parts, as its published contract lists them."""
AFFLICTIONS = [name.lower().replace(" ", "_") for name in WORD_LISTS["affliction_types"]]
"""The name_keys of the affliction types that a new company has in Procore."""
LISTS = {"affliction": "nature_title", "body_part": "part_of_body_title"}
"""Each list with the column of the OSHA reports whose words it knows."""
NOT_SHARED = "not shared"


def osha() -> list[dict[str, str]]:
    """The real injuries that come with the project."""
    with (ROOT / "src" / "procore_4hse" / "simulator" / "data" / "osha_incidents.csv").open(
        encoding="utf-8", newline=""
    ) as file:
        return list(csv.DictReader(file))


def entries(name: str) -> list[tuple[str, str]]:
    """(4HSE word, Procore word) of each entry, in the order of the file."""
    return [(entry["4hse"], entry["procore"]) for entry in read_document(WORDS / f"{name}.yaml").data]


def folded(word: str) -> str:
    return "".join(word.split()).casefold()


def folded_column(name: str) -> set[str]:
    return {folded(word) for word, _ in entries(name)}


def parts(words: str) -> list[str]:
    return words.split(" + ")


def written(name: str) -> dict[str, str]:
    """Procore word -> the 4HSE word that is written for it."""
    first: dict[str, str] = {}
    for word, meaning in entries(name):
        first.setdefault(meaning, word)
    return first


def gaps(name: str) -> Counter[str]:
    """The words of the OSHA reports that the list does not know, with the number of reports."""
    listed = folded_column(name)
    titles = [row[LISTS[name]] for row in osha()]
    return Counter(title for title in titles if folded(title) not in listed)


# The lists alone ------------------------------------------------------------------------------------------------------


def test_every_key_of_procore_has_a_word() -> None:
    assert len(KEYS) == len(set(KEYS)) == 138
    assert [meaning for _, meaning in entries("body_part")[:138]] == KEYS


def test_every_affliction_type_of_procore_has_a_word() -> None:
    assert [meaning for _, meaning in entries("affliction")[: len(AFFLICTIONS)]] == AFFLICTIONS


def test_every_procore_word_is_one_that_procore_has() -> None:
    named = {part for _, meaning in entries("body_part") for part in parts(meaning)}
    assert named - {NOT_SHARED} == set(KEYS)
    assert {meaning for _, meaning in entries("affliction")} - {NOT_SHARED} == set(AFFLICTIONS)


def test_a_word_for_several_parts_names_each_once_and_always_in_one_order() -> None:
    several = {meaning for _, meaning in entries("body_part") if "+" in meaning}
    assert several
    assert all(len(parts(meaning)) == len(set(parts(meaning))) > 1 for meaning in several)
    assert len({frozenset(parts(meaning)) for meaning in several}) == len(several)


@pytest.mark.parametrize("name", LISTS)
def test_no_word_stands_twice_or_holds_what_separates_words(name: str) -> None:
    counted = Counter(folded(word) for word, _ in entries(name))
    assert [word for word, times in counted.items() if times > 1] == []
    assert [word for word, _ in entries(name) if ";" in word] == []


def test_a_key_with_a_side_is_written_with_that_side_and_no_other_is() -> None:
    for key, word in written("body_part").items():
        said = [side for side in ("left", "right") if side in word.casefold().split()]
        assert said == [side for side in ("left", "right") if key.endswith(f"_{side}")], word


# Real injuries --------------------------------------------------------------------------------------------------------


def test_the_lists_know_four_of_five_real_injuries_completely() -> None:
    lists = {column: folded_column(name) for name, column in LISTS.items()}
    rows = osha()
    whole = [row for row in rows if all(folded(row[column]) in lists[column] for column in lists)]
    assert (len(whole), len(rows)) == (486, 600)


def test_the_words_without_a_partner_are_these_and_no_others() -> None:
    assert gaps("affliction") == {}
    assert gaps("body_part") == {
        "Nonclassifiable": 67,
        "Multiple body parts, n.e.c.": 46,
        "Multiple body parts, unspecified": 1,
    }


def test_other_takes_no_more_injuries_than_have_no_type_of_their_own() -> None:
    meanings = {folded(word): meaning for word, meaning in entries("affliction")}
    natures = Counter(meanings[folded(row["nature_title"])] for row in osha())
    assert natures.most_common(4) == [("fracture", 164), ("amputation", 158), ("other", 132), ("burn", 37)]
