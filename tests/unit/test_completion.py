"""What a word list lacks of what both systems hold: proposed by meaning, else new, and nothing a second time."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from procore_4hse.mapping.completion import Completed, Line, LiveList, Mark, completed
from procore_4hse.mapping.document import read_document
from procore_4hse.mapping.folder import READY
from procore_4hse.mapping.lenses.words import WordList
from procore_4hse.mapping.loader import load
from procore_4hse.mapping.meanings import TEMPLATES, meanings, stems
from procore_4hse.mapping.vendor_fields import FIXED_WORDS
from procore_4hse.mapping.word_file import appended, scalar

MAPPING = Path(__file__).parents[2] / "mappings" / "default"
KINDS = meanings("affliction_type")
BONES = [("Fracture", "fracture"), ("Fractures", "fracture"), ("Sprains", "sprain_or_strain"), ("Other", "other")]
PROPOSED, NEW = Mark.PROPOSED, Mark.NEW


def live(*names: str | tuple[str, str], used: dict[str, int] | None = None, **shown: int) -> LiveList:
    """A list of afflictions by name, or by (name key, name), with ids from 1."""
    rows: list[dict[str, Any]] = []
    for number, name in enumerate(names, start=1):
        key, text = name if isinstance(name, tuple) else (None, name)
        rows.append({"id": number, "name": text, "active": True} | ({"name_key": key} if key else {}))
    words = {word.replace("_", " "): count for word, count in shown.items()}
    return LiveList("affliction_types", tuple(rows), used or {}, words)


def found(listed: LiveList, *pairs: tuple[str, str]) -> list[tuple[str, str, Mark]]:
    lines = completed(WordList.of("affliction", pairs or BONES), listed, KINDS).lines
    return [(line.fourhse, line.procore, line.mark) for line in lines]


def test_a_list_that_knows_every_entry_in_some_form_is_complete() -> None:
    assert found(live("Fracture", ("SPRAIN/STRAIN", "Distorsione"), ("other", "Altro"))) == []


def test_an_entry_in_another_language_is_proposed_for_every_word_that_means_it() -> None:
    assert found(live("Frattura", "Distorsione o stiramento", "Altro")) == [
        ("Fracture", "Frattura", PROPOSED),
        ("Fractures", "Frattura", PROPOSED),
        ("Sprains", "Distorsione o stiramento", PROPOSED),
        ("Other", "Altro", PROPOSED),
    ]


def test_an_entry_without_a_match_gets_its_own_name_most_used_first() -> None:
    listed = live("Fracture", "Sprain or Strain", "Other", "Jellyfish", "Felt; odd", used={"5": 3})
    assert found(listed) == [("Felt, odd", "Felt; odd", NEW), ("Jellyfish", "Jellyfish", NEW)]


@pytest.mark.parametrize(
    ("entries", "proposed"),
    [
        (("Sprain", "Strain"), {"Sprains": "Sprain", "Strains": "Strain"}),
        (("Sprain",), {"Sprains": "Sprain", "Sprain or strain": "Sprain"}),
        (("Distorsione o stiramento",), dict.fromkeys(("Sprains", "Strains", "Sprain or strain"), "X")),
        (("Distorsione o stiramento", "Distorsione/Stiramento"), {}),
        (("Foreign body",), {}),
    ],
)
def test_a_kind_is_never_proposed_for_another_kind_and_of_two_none(entries: Any, proposed: dict[str, str]) -> None:
    words = [(word, "sprain_or_strain") for word in ("Sprains", "Strains", "Sprain or strain")]
    lines = completed(WordList.of("affliction", words), live(*entries), KINDS).lines
    told = {line.fourhse: line.procore for line in lines if line.mark is PROPOSED}
    assert told.keys() == proposed.keys()
    assert set(told.values()) <= {*entries}
    assert {line.procore for line in lines} == {*entries}, "each entry has a line, under some word"


def test_words_of_4hse_are_proposed_where_their_meaning_is_known_and_asked_about_elsewhere() -> None:
    listed = live("Fracture", "Sprain or Strain", "Other", Frattura=2, broken_bone=7, Felt_odd=4, fracture=9)
    result = completed(WordList.of("affliction", BONES), listed, KINDS)
    assert result == Completed(
        (Line("broken bone", "fracture", PROPOSED, 7), Line("Frattura", "fracture", PROPOSED, 2)), asked=1
    )


def test_a_words_own_list_says_what_its_other_forms_mean() -> None:
    listed = replace(live("Zap", Big_zaps=1, zaps_big=2), picker="harm_sources")
    result = completed(WordList.of("harm", [("Big zap", "Zap")]), listed, meanings("harm_source"))
    assert {line.fourhse: line.procore for line in result.lines} == {"zaps big": "Zap", "Big zaps": "Zap"}


def test_a_word_whose_entry_is_gone_is_asked_about_while_4hse_shows_it() -> None:
    listed = live("Sprain or Strain", "Other", Fracture=5)
    assert completed(WordList.of("affliction", BONES), listed, KINDS) == Completed((), asked=1)


def test_an_entry_out_of_use_gets_a_line_while_records_use_it_and_is_never_proposed() -> None:
    row = {"id": 9, "name": "Frattura", "active": False}
    for used, lines in (({}, []), ({"9": 1}, [("Frattura", "Frattura", NEW)])):
        listed = replace(live("Sprain or strain", "Other", used=used), rows=(row,))
        assert found(listed, *BONES[:1]) == lines


def test_an_empty_list_proves_nothing() -> None:
    assert found(live(Felt_odd=3)) == []


@pytest.mark.parametrize(
    ("names", "procore"),
    [
        (("Rash", ("rash", "Other rash")), ["1", "rash"]),
        (("Rash", "Rash"), ["1", "2"]),
        (("Rash + burn", "not shared"), ["1", "2"]),
        ((("rash_key", "Rash"),), ["rash_key"]),
    ],
)
def test_an_entry_is_named_by_what_is_its_own(names: Any, procore: list[str]) -> None:
    assert [line[1] for line in found(live(*names), ("x", "y"))] == procore


def test_fixed_words_get_no_second_line_for_a_word() -> None:
    rows = ({"id": "hand_left", "name": "hand_left", "label": "Mano (sinistra)"},)
    listed = LiveList("affected_body_parts", rows, {}, {"Mano sinistra": 2, "Mano": 1}, is_own=False)
    words = WordList.of("body_part", [("Hand", "hand")])
    result = completed(words, listed, meanings("affected_body_parts"))
    assert result == Completed((Line("Mano sinistra", "hand_left", PROPOSED, 2),), asked=1)


NAMES = st.sampled_from(
    [
        *("Fracture", "Frattura", "Sprain", "Strain", "Sprain/Strain", "Burn (Heat)", "Ustione", "Other"),
        *("Jellyfish", "jelly-fish", "-", "A;B", "x + y", "not shared", "12"),
    ]
)
PAIRS = st.lists(
    st.tuples(
        st.sampled_from(["Fracture", "Sprains", "Burn", "Jellyfish", "Mine", "-x"]),
        st.sampled_from(["fracture", "sprain_or_strain", "burn", "Frattura", "12", "gone"]),
    ),
    min_size=1,
    unique_by=lambda pair: pair[0].casefold(),
)


@settings(derandomize=True, max_examples=200)
@given(PAIRS, st.lists(st.tuples(st.none() | NAMES, NAMES), min_size=1, max_size=6), st.dictionaries(NAMES, st.just(1)))
def test_what_is_added_settles_at_once(
    pairs: list[tuple[str, str]], entries: list[tuple[str | None, str]], shown: dict[str, int]
) -> None:
    rows = tuple({"id": 100 + n, "name": name, "name_key": key} for n, (key, name) in enumerate(entries))
    listed = LiveList("affliction_types", rows, {}, {word: 1 for word in shown if ";" not in word})
    words = WordList.of("affliction", pairs)
    first = completed(words, listed, KINDS)
    added = [(line.fourhse, line.procore) for line in first.lines]
    after = WordList.of("affliction", [*pairs, *added])
    assert completed(after, listed, KINDS) == Completed((), first.asked)
    now = after.among(listed.entry_of)
    for row in rows:
        word = next(filter(None, map(now.procore_word, (str(row["id"]), str(row["name_key"]), str(row["name"])))), None)
        assert word is not None, "every entry that may be used has a line"
    assert all(stems(word) and ";" not in word for word, _ in added)


# The file -----------------------------------------------------------------------------------------------------------

LINES = (Line("No", "Frattura: aperta", PROPOSED), Line("# odd", "12", NEW))
ADDED = ['- 4hse: "No"  # proposed', '  procore: "Frattura: aperta"', '- 4hse: "# odd"  # new', '  procore: "12"']


@pytest.mark.parametrize(
    ("text", "end", "indent"),
    [
        ("# Mine\n- 4hse: A\n  procore: b  # kept\n", "\n", ""),
        ("- 4hse: A\n  procore: b", "\n", ""),
        ("\ufeff- 4hse: A\r\n  procore: b\r\n# last\r\n", "\r\n", ""),
        ("words:\n  - 4hse: A\n    procore: b\n\n", "\n", "  "),
    ],
)
def test_lines_go_below_what_is_there_in_its_own_form(text: str, end: str, indent: str) -> None:
    begun = text if text.endswith("\n") else text + end
    assert appended(text, LINES) == begun + "".join(f"{indent}{row}{end}" for row in ADDED)
    assert appended(text, ()) == text


@settings(derandomize=True, max_examples=300)
@given(st.text(min_size=1).map(lambda text: " ".join(text.split())).filter(bool))
def test_a_value_is_read_as_it_was_written(value: str) -> None:
    assert yaml.safe_load(f"- 4hse: {scalar(value)}  # new\n  procore: x\n") == [{"4hse": value, "procore": "x"}]


# The lists that come with the program ---------------------------------------------------------------------------------

WHOLE = [path.stem for path in sorted(READY.glob("*.yaml")) if not path.stem.endswith("_narrow")]
ROWS = {"affliction": "affliction_type", "body_part": "affected_body_parts"}


def test_the_ready_lists_are_there() -> None:
    assert READY.parent == TEMPLATES
    kinds = ("affliction_{}", "body_part_{}")
    named = {kind.format(source) for kind in kinds for source in ("oiics", "esaw_en", "esaw_it", "it")}
    assert {*WHOLE} == named | {"affliction_en"}


@pytest.mark.parametrize("name", WHOLE)
def test_a_ready_list_can_be_named_in_a_row_and_means_what_procore_has(name: str, tmp_path: Path) -> None:
    kind = next(each for each in ROWS if name.startswith(each))
    folder = Path(copytree(MAPPING, tmp_path / "mine"))
    people = folder / "people.yaml"
    people.write_text(people.read_text().replace(f"words: {kind}\n", f"words: {name}\n"))
    (folder / "words" / f"{kind}.yaml").unlink()
    row = load(folder).by_key[f"person_{ROWS[kind]}"]
    named = {key for _, meaning in row.lens.words.entries for key in meaning}  # type: ignore[attr-defined]
    default = {entry["procore"] for entry in read_document(MAPPING / "words" / f"{kind}.yaml").data}
    assert named == (FIXED_WORDS["affected_body_parts"] if kind == "body_part" else default), "every key has a word"


def test_a_file_of_the_folder_goes_before_a_ready_list(tmp_path: Path) -> None:
    folder = Path(copytree(MAPPING, tmp_path / "mine"))
    people = folder / "people.yaml"
    people.write_text(people.read_text().replace("words: affliction\n", "words: affliction_it\n"))
    (folder / "words" / "affliction_it.yaml").write_text("- 4hse: Mine\n  procore: own\n")
    row = load(folder).by_key["person_affliction_type"]
    assert row.lens.words.entries == (("Mine", frozenset({"own"})),)  # type: ignore[attr-defined]


def test_no_text_of_the_lists_means_two_afflictions() -> None:
    lists = [TEMPLATES / "default" / "words" / "affliction.yaml", *READY.glob("affliction_*.yaml")]
    texts = {stems(entry["4hse"]) for path in lists for entry in read_document(path).data}
    assert texts - KINDS.counted.keys() == set()


@pytest.mark.parametrize(
    ("text", "named", "counted"),
    [
        ("Contusione", "bruise_or_contusion", "bruise_or_contusion"),
        ("BRUISES - CONTUSIONS", "bruise_or_contusion", "bruise_or_contusion"),
        ("Ustioni chimiche", "chemical_burn", "chemical_burn"),
        ("Sprain", None, "sprain_or_strain"),
        ("Open wounds", None, "other"),
        ("021", None, "fracture"),
        ("Foreign body", None, None),
    ],
)
def test_a_text_is_a_name_of_a_type_or_counted_under_it(text: str, named: str | None, counted: str | None) -> None:
    meant = [None if key is None else frozenset({key}) for key in (named, counted)]
    assert [KINDS.named([text]), KINDS.of([text])] == meant
