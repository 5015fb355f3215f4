"""Words without a partner, both ways, each with the number of records that it concerns."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from procore_4hse.mapping.classes import FieldClass
from procore_4hse.mapping.lenses.custom import CustomWordLens, CustomWordsLens
from procore_4hse.mapping.lenses.incident import StatusLens
from procore_4hse.mapping.lenses.lines import Spot
from procore_4hse.mapping.lenses.words import WordList
from procore_4hse.mapping.rules import Direction, Field, FieldMapping
from procore_4hse.models import Image, Kind, Side
from procore_4hse.operations.coverage import (
    Alarms,
    Gap,
    StatusUse,
    gaps,
    lists_for,
    named_statuses,
    status_gaps,
    unlisted,
)
from routes import MAPPING, office, site

AFFLICTIONS: tuple[Image, ...] = (
    {"id": 31, "name": "Frattura", "name_key": "fracture", "active": True},
    {"id": 32, "name": "Burn", "name_key": "burn", "active": True},
)
PARTS: tuple[Image, ...] = (
    {"id": 40, "name": "upper", "selectable": False},
    {"id": 41, "name": "hand_left", "selectable": True},
)
OFFERED: dict[str, tuple[Image, ...]] = {
    "affliction_types": AFFLICTIONS,
    "body_parts": PARTS,
    "affected_body_parts": ({"label": "Left hand", "value": "hand_left"},),
    "filing_types": ({"label": "First aid", "value": "first_aid"},),
    "statuses": ({"label": "Open", "value": "open"}, {"label": "Closed", "value": "closed"}),
}
WORDS = {
    "affliction": [("Fracture", "fracture"), ("Burn", "burn")],
    "body_part": [("Left hand", "hand_left")],
    "filing_type": [("First aid", "first_aid")],
}


def mapping(**lists: list[tuple[str, str]]) -> FieldMapping:
    """The default mapping with short word lists."""
    lists_by_name = {name: WordList.of(name, pairs) for name, pairs in {**WORDS, **lists}.items()}

    def listed(row: Any) -> Any:
        words = getattr(row.lens, "words", None)
        return (
            replace(row, lens=replace(row.lens, words=lists_by_name[words.name]))
            if isinstance(words, WordList)
            else row
        )

    return replace(MAPPING, people=tuple(listed(row) for row in MAPPING.people))


def gaps_of(
    whole: FieldMapping | None = None, records: dict[tuple[Side, Kind], tuple[Image, ...]] | None = None, **offered: Any
) -> list[Gap]:
    return gaps(whole or mapping(), {**OFFERED, **offered}, records or {})


def injured(**fields: Any) -> dict[tuple[Side, Kind], tuple[Image, ...]]:
    return {(Side.PROCORE, Kind.INJURY): ({"affected_party": {"id": 7}, **fields},)}


def involved(*descriptions: str) -> dict[tuple[Side, Kind], tuple[Image, ...]]:
    rows = tuple({"person_office_id": "o7", "description": text} for text in descriptions)
    return {(Side.FOURHSE, Kind.PERSON): rows}


def test_lists_that_know_each_other_leave_no_gap() -> None:
    assert gaps_of() == []


def test_every_list_behind_a_word_is_asked_for() -> None:
    expected = ("affected_body_parts", "affliction_types", "body_parts", "filing_types", "statuses")
    assert lists_for(MAPPING) == expected
    assert lists_for(replace(MAPPING, people=())) == ("statuses",)


# What Procore offers ---------------------------------------------------------------------------------------------


def test_an_entry_that_no_list_knows_is_told_with_the_injuries_that_show_it() -> None:
    entry = {"id": 33, "name": "Site rash", "active": True}
    (gap,) = gaps_of(affliction_types=(*AFFLICTIONS, entry))
    assert gap.what == "Procore offers the affliction type 'Site rash', which words/affliction.yaml does not know"
    assert (gap.records, gap.of_people) == (0, True)
    (used,) = gaps_of(None, injured(affliction_type={"id": 33}), affliction_types=(*AFFLICTIONS, entry))
    assert used == replace(gap, records=1)


@pytest.mark.parametrize("word", ["site_rash", "33", "SITE  rash"])
def test_an_entry_is_known_by_its_key_its_id_or_its_name(word: str) -> None:
    entry = {"id": 33, "name": "Site rash", "name_key": "site_rash", "active": True}
    whole = mapping(affliction=[*WORDS["affliction"], ("Rash", word)])
    assert [gap for gap in gaps_of(whole, affliction_types=(*AFFLICTIONS, entry)) if "offers the" in gap.what] == []


def test_an_entry_out_of_use_counts_only_while_records_show_it() -> None:
    entry = {"id": 33, "name": "Old", "active": False}
    offered = {"affliction_types": (*AFFLICTIONS, entry)}
    assert gaps_of(**offered) == []
    (gap,) = gaps_of(None, injured(affliction_type={"id": 33, "name": "Old"}), **offered)
    assert gap.records == 1


def test_body_parts_are_compared_by_the_keys_that_records_show() -> None:
    keys = (*OFFERED["affected_body_parts"], {"label": "Tail", "value": "tail"})
    (gap,) = gaps_of(None, injured(affected_body_parts=["tail"]), affected_body_parts=keys)
    assert gap.what == "Procore offers the body part 'tail', which words/body_part.yaml does not know"
    assert gap.records == 1


def test_a_status_that_the_mapping_does_not_know_is_told() -> None:
    statuses = (*OFFERED["statuses"], {"label": "Draft", "value": "draft"})
    images = (site(status="draft").image, site().image)
    (gap,) = gaps_of(None, {(Side.PROCORE, Kind.INCIDENT): images}, statuses=statuses)
    assert gap.what == "Procore offers the status 'draft', which the mapping does not know"
    assert (gap.records, gap.of_people) == (1, False)


# What the lists name ---------------------------------------------------------------------------------------------


def test_a_word_that_procore_does_not_offer_is_told_with_those_who_mean_it() -> None:
    whole = mapping(affliction=[*WORDS["affliction"], ("Bite", "bite")])
    records = involved("Affliction: Bite\n\nBy a dog.", "Affliction: bite", "Affliction: Burn")
    (gap,) = gaps_of(whole, records)
    assert gap.what == "words/affliction.yaml names the affliction type 'bite', which Procore does not offer"
    assert gap.records == 2


def test_a_part_that_cannot_be_selected_cannot_be_written() -> None:
    whole = mapping(body_part=[("Left hand", "hand_left"), ("Upper body", "upper")])
    keys = (*OFFERED["affected_body_parts"], {"label": "Upper", "value": "upper"})
    (gap,) = gaps_of(whole, affected_body_parts=keys)
    assert gap.what == "words/body_part.yaml names the body part 'upper', which Procore does not offer"


def test_fixed_words_are_compared_with_the_list_that_shows_them() -> None:
    whole = mapping(filing_type=[("First aid", "first_aid"), ("Fatal", "fatality")])
    (gap,) = gaps_of(whole)
    assert "names the filing type 'fatality'" in gap.what


def test_a_list_that_may_not_be_read_is_not_compared() -> None:
    whole = mapping(affliction=[*WORDS["affliction"], ("Bite", "bite")])
    assert gaps_of(whole, affliction_types=()) == []


# What records show -----------------------------------------------------------------------------------------------


def test_a_category_that_no_list_knows_is_told_and_counted() -> None:
    images = (office(category="FIRE").image, office(category="FIRE").image, office().image)
    (gap,) = gaps_of(None, {(Side.FOURHSE, Kind.INCIDENT): images})
    assert gap.what == "Category: 4HSE shows the category 'FIRE', which the list words/category.yaml does not know"
    assert (gap.records, gap.of_people) == (2, False)


def test_what_is_written_about_people_is_counted_and_never_repeated() -> None:
    records = involved("Affliction: something private\n\nText.", "Affliction: another\nBody parts: soul", "Plain text.")
    counts = {gap.what: gap.records for gap in gaps_of(None, records)}
    assert counts == {
        "Affliction: 4HSE shows words that words/affliction.yaml does not know": 2,
        "Body parts: 4HSE shows words that words/body_part.yaml does not know": 1,
    }


def test_rows_that_rest_have_no_gaps() -> None:
    whole = mapping(affliction=[*WORDS["affliction"], ("Bite", "bite")])
    assert len(gaps_of(whole)) == 1
    assert gaps_of(whole.within({FieldClass.HEALTH: Direction.NONE})) == []


def test_gaps_of_one_list_are_told_by_use() -> None:
    entries = tuple({"id": 50 + n, "name": f"Own {n}", "active": True} for n in range(3))
    missing = gaps_of(None, injured(affliction_type={"id": 52}), affliction_types=(*AFFLICTIONS, *entries))
    assert [(gap.records, gap.what.split("'")[1]) for gap in missing] == [(1, "Own 2"), (0, "Own 0"), (0, "Own 1")]


# Statuses of the company's own -----------------------------------------------------------------------------------

REVIEWED = {"id": 71, "name": "Reviewed", "global_status": {"id": 1, "name": "Open"}}


def with_statuses(**ids: int) -> FieldMapping:
    """The default mapping with these custom statuses, by the word that each stands for."""

    def given(row: Field) -> Field:
        return replace(row, lens=replace(row.lens, custom=ids)) if isinstance(row.lens, StatusLens) else row

    return replace(MAPPING, fields=tuple(given(row) for row in MAPPING.fields))


def test_statuses_that_procore_shows_as_named_leave_no_gap() -> None:
    whole = with_statuses(open=71)
    assert named_statuses(whole) == {"open": 71}
    assert status_gaps(whole, OFFERED, {71: StatusUse(2, REVIEWED)}) == []


def test_a_status_that_nothing_in_procore_shows_is_told() -> None:
    (gap,) = status_gaps(with_statuses(open=71, closed=72), OFFERED, {71: StatusUse(2, REVIEWED), 72: StatusUse()})
    assert gap.what == "the mapping names the status 72 for 'closed', which no incident or list in Procore shows"
    assert (gap.records, gap.of_people) == (0, False)


def test_a_status_that_a_list_shows_is_known_before_any_incident_is_in_it() -> None:
    statuses = (*OFFERED["statuses"], {"label": "Filed", "value": "72"})
    assert status_gaps(with_statuses(closed=72), {"statuses": statuses}, {72: StatusUse()}) == []


def test_a_status_that_means_the_other_word_is_told_with_its_incidents() -> None:
    (gap,) = status_gaps(with_statuses(closed=71), OFFERED, {71: StatusUse(2, REVIEWED)})
    assert gap.what == "the mapping names the status 'Reviewed' (71) for 'closed', and Procore means 'open'"
    assert gap.records == 2


def test_a_status_is_not_looked_for_where_none_is_written() -> None:
    assert named_statuses(with_statuses(open=71).narrowed(Direction.TO_FOURHSE)) == {}
    assert named_statuses(MAPPING) == {}


# What alerts people ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("level", "severe", "loud"),
    [
        (None, False, False),
        ({"name": "Minor", "email_trigger": False, "push_notification_trigger": False}, True, False),
        ({"name": "Major", "email_trigger": True, "push_notification_trigger": False}, True, True),
        ({"name": "Major", "email_trigger": False, "push_notification_trigger": True}, True, True),
        ({"name": "Major"}, True, False),
    ],
)
def test_a_filing_type_alerts_people_when_its_severity_has_a_trigger(
    level: Image | None, severe: bool, loud: bool
) -> None:
    alarms = Alarms.of([{"id": 1, "name": "first_aid", "severity_level": level}])
    assert ("first_aid" in alarms.severe, "first_aid" in alarms.loud) == (severe, loud)


# Custom fields ---------------------------------------------------------------------------------------------------


def with_custom(
    label: str, lens: CustomWordLens | CustomWordsLens, direction: Direction = Direction.BOTH
) -> FieldMapping:
    row = replace(MAPPING.title, key=f"custom_field_{label}", label=label, lens=lens, direction=direction)
    return replace(MAPPING, fields=(*MAPPING.fields, row))


def test_rows_whose_entries_procore_lists_nowhere_are_named_unless_they_rest_or_mean_yes_and_no() -> None:
    trades = WordList.of("trade", [("Roofer", "598"), ("True", "true")])
    switch = WordList.of("switch", [("Ja", "true"), ("Nein", "false"), ("?", "not shared")])
    single, several = (
        CustomWordLens("custom_field_7", Spot("deponent"), trades),
        CustomWordsLens("custom_field_7", Spot("deponent"), trades),
    )
    assert unlisted(MAPPING) == ()
    assert unlisted(with_custom("Trade", single)) == ("Trade",)
    assert unlisted(with_custom("Trades", several)) == ("Trades",)
    assert unlisted(with_custom("Trade", single, Direction.NONE)) == ()
    assert unlisted(with_custom("Wet", replace(single, words=switch))) == ()


# Words that are known in another form ------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["Bone/Fracture", "bone_and_fracture", "BONE - FRACTURE"])
def test_an_entry_in_another_form_is_known_and_offered(form: str) -> None:
    whole = mapping(affliction=[("Broken", "bone_or_fracture"), ("Burn", "burn")])
    entries = ({"id": 31, "name": form, "active": True}, AFFLICTIONS[1])
    assert gaps_of(whole, affliction_types=entries) == []


def test_a_word_with_two_entries_is_told_while_procore_has_both() -> None:
    whole = mapping(affliction=[*WORDS["affliction"], ("Burn", "Scald"), ("fracture", "Cracked")])
    found = gaps_of(whole, affliction_types=(*AFFLICTIONS, {"id": 33, "name": "Scald", "active": True}))
    assert [gap.what for gap in found] == [
        "Procore offers the affliction type 'Scald', which words/affliction.yaml does not know",
        "words/affliction.yaml gives 'Burn' to 'burn' and to 'Scald', and Procore has both",
    ]
