"""Words of Procore's lists are known in any of the forms that its documents show them in, and none is guessed."""

from __future__ import annotations

from pathlib import Path
from shutil import copytree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from procore_4hse.errors import MappingError
from procore_4hse.mapping.directory import Directory
from procore_4hse.mapping.folding import fold, fold_key
from procore_4hse.mapping.lenses.base import Held, Known, Unwritable
from procore_4hse.mapping.lenses.lines import Spot
from procore_4hse.mapping.lenses.words import PartsLens, WordLens, WordList
from procore_4hse.mapping.loader import load
from procore_4hse.mapping.picklists import Picklists
from procore_4hse.models import Image, Side

MAPPING = Path(__file__).parents[2] / "mappings" / "default"
SPOT = Spot("description", "Affliction", ("Affliction",))
CUT = "cut_or_laceration"


def picker(*names: tuple[str | None, str], inactive: tuple[str, ...] = ()) -> Picklists:
    """A list of afflictions of (name key, name), with ids from 1."""
    rows = [
        {"id": number, "name": name, "active": name not in inactive} | ({"name_key": key} if key else {})
        for number, (key, name) in enumerate(names, start=1)
    ]
    return Picklists.of(Directory(), (("affliction_types", row) for row in rows))


def lens(lists: Picklists, *pairs: tuple[str, str]) -> WordLens:
    words = WordList.of("affliction", pairs or [("Cut", CUT)])
    return WordLens("affliction_type", SPOT, words, "affliction_types").bound(lists)  # type: ignore[return-value]


def shown(name: str, number: int = 1) -> Image:
    return {"affliction_type": {"id": number, "name": name}}


def told(word: str) -> Image:
    return {"description": f"Affliction: {word}"}


FORMS = [
    CUT,
    "Cut or Laceration",
    "CUT/LACERATION",
    "cut - laceration",
    "Cut and  laceration",
    "cut_laceration",
    "Cut and/or laceration",
]


@pytest.mark.parametrize("form", FORMS)
def test_a_key_is_known_in_any_form(form: str) -> None:
    assert fold_key(form) == fold_key(CUT)
    for listed in (picker((form, "Taglio")), picker((None, form)), picker((form.upper(), "x"))):
        lense = lens(listed)
        assert lense.get(Side.PROCORE, {"affliction_type": {"id": 1}}) == Known(CUT)
        assert lense.put(Side.PROCORE, CUT, {}, {}) == {"affliction_type_id": 1}


@pytest.mark.parametrize("word", ["or", "and", "and/or", "-"])
def test_a_word_of_nothing_but_what_does_not_count_is_no_other_word(word: str) -> None:
    assert [other for other in ("or", "and", "and/or", "-", CUT) if fold_key(other) == fold_key(word)] == [word]


@settings(derandomize=True, max_examples=200)
@given(st.text(max_size=12))
def test_what_is_the_same_as_people_write_it_is_the_same_as_a_key(word: str) -> None:
    assert fold_key(f"  {word} ") == fold_key(word)
    if fold_key(word):
        assert fold_key(fold_key(word)) == fold_key(word)


def test_two_entries_that_fold_to_one_are_told_apart_by_how_they_are_written_or_not_at_all() -> None:
    two = picker(("Cut or Laceration", "a"), ("Cut and Laceration", "b"))
    assert [two.id_of("affliction_types", word) for word in ("cut and laceration", "cut  or laceration")] == [2, 1]
    assert two.id_of("affliction_types", "cut_or_laceration") is None
    with pytest.raises(Unwritable):
        lens(two).put(Side.PROCORE, CUT, {}, {})


def test_two_words_of_a_list_that_fold_to_one_are_not_guessed() -> None:
    words = WordList.of("affliction", [("A", "hand_or_arm"), ("B", "Hand and arm")])
    assert (words.procore_word("HAND AND ARM"), words.procore_word("hand-arm")) == ("Hand and arm", None)


def test_an_entry_that_a_list_names_by_its_key_and_by_its_name_is_one() -> None:
    both = lens(picker((CUT, "Taglio")), ("Cut", CUT), ("Ferita da taglio", "Taglio"), ("By id", "1"))
    for word in ("Cut", "Ferita da taglio", "By id"):
        assert both.get(Side.FOURHSE, told(word)) == Known(CUT) == both.get(Side.PROCORE, shown("Taglio"))


def test_body_parts_are_known_by_keys_that_are_names() -> None:
    rows = [("body_parts", {"id": 7, "name": "Finger Index-Right", "selectable": True})]
    words = WordList.of("body_part", [("Right index finger", "finger_index_right")])
    parts = PartsLens("affected_body_parts", Spot("description", "Body parts", ("Body parts",)), words)
    bound = parts.bound(Picklists.of(Directory(), rows))
    assert bound.get(Side.PROCORE, {"affected_body_parts": ["Finger Index/Right"]}) == Known(("finger_index_right",))
    assert bound.put(Side.PROCORE, ("finger_index_right",), {"affliction_type": 1}, {}) == {"body_part_ids": [7]}


# A 4HSE word with several lines -----------------------------------------------------------------------------------

TWICE = [("Cut", CUT), ("Wound", CUT), ("Cut", "Taglio"), ("Old", "not shared")]


@pytest.mark.parametrize(
    ("listed", "meant"),
    [
        (picker((CUT, "x")), CUT),
        (picker((None, "Taglio")), "Taglio"),
        (picker((None, "Taglio"), (CUT, "x")), CUT),
        (picker((CUT, "x"), (None, "Taglio"), inactive=("x",)), CUT),
        (picker((None, "Other")), CUT),
        (Picklists(), CUT),
    ],
    ids=["first", "second", "both", "first out of use", "none", "unread"],
)
def test_the_first_line_that_procore_has_is_the_meaning(listed: Picklists, meant: str) -> None:
    both = lens(listed, *TWICE)
    assert both.get(Side.FOURHSE, told("CUT")) == Known(meant)
    assert both.put(Side.FOURHSE, meant, {}, {}) == told("Cut")


def test_a_word_whose_line_procore_does_not_have_has_no_form_there() -> None:
    with pytest.raises(Unwritable):
        lens(picker((None, "Taglio")), *TWICE).put(Side.PROCORE, CUT, {}, {})


def test_a_list_with_one_line_for_each_word_means_what_it_always_did() -> None:
    words = load(MAPPING).by_key["person_affliction_type"].lens.words  # type: ignore[attr-defined]
    keys = {key for _, meaning in words.entries for key in meaning}
    for listed in (picker(*((key, key.title()) for key in keys)), picker((None, "Ustione")), Picklists()):
        assert lens(listed, *PAIRS).words.entries == WordList.of("x", PAIRS).entries
        assert words.among(lambda word, listed=listed: listed.entry_of("affliction_types", word)) is words


PAIRS = [("Cut", CUT), ("Wound", CUT), ("Old", "not shared"), ("Scald", "burn")]
NAMES = st.sampled_from(["Cut", "cut", "Burn/Scald", "burn_or_scald", "Taglio", "Ustione", "3", "Other"])


@settings(derandomize=True, max_examples=300)
@given(
    st.lists(st.tuples(st.sampled_from(["W1", "w1", "W2", "W3"]), NAMES), min_size=1, max_size=7),
    st.lists(st.tuples(st.none() | NAMES, NAMES), max_size=5),
)
def test_what_is_read_is_written_back_as_it_was(
    pairs: list[tuple[str, str]], rows: list[tuple[str | None, str]]
) -> None:
    listed = picker(*rows)
    one = lens(listed, *pairs)
    for word, _ in pairs:
        read = one.get(Side.FOURHSE, told(word))
        assert isinstance(read, Known)
        assert one.get(Side.FOURHSE, one.put(Side.FOURHSE, read.value, {}, {})) == read
    for number, (_, name) in enumerate(rows, start=1):
        read = one.get(Side.PROCORE, shown(name, number))
        if isinstance(read, Held):
            continue
        assert one.get(Side.FOURHSE, one.put(Side.FOURHSE, read.value, {}, {})) == read
        try:
            (written,) = one.put(Side.PROCORE, read.value, {}, {}).values()
        except Unwritable:
            continue
        assert one.get(Side.PROCORE, shown(rows[written - 1][1], written)) == read


def edited(folder: Path, name: str, more: str) -> Path:
    copy = Path(copytree(MAPPING, folder / "mine"))
    with (copy / "words" / f"{name}.yaml").open("a", encoding="utf-8") as file:
        file.write(more)
    return copy


def test_a_list_of_the_company_takes_a_second_line_for_a_word(tmp_path: Path) -> None:
    assert load(edited(tmp_path, "affliction", "- 4hse: fracture\n  procore: Frattura\n"))


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("affliction", "- 4hse: fracture\n  procore: Fracture\n"),
        ("affliction", "- 4hse: fracture\n  procore: not shared\n"),
        ("filing_type", "- 4hse: Fatality\n  procore: first_aid\n"),
        ("body_part", "- 4hse: Hand\n  procore: arm\n"),
    ],
)
def test_no_other_list_takes_one_and_none_takes_the_same_twice(tmp_path: Path, name: str, more: str) -> None:
    with pytest.raises(MappingError) as raised:
        load(edited(tmp_path, name, more))
    assert "is listed already" in raised.value.problems[0].what
    assert fold(" A  b ") == "a b"
