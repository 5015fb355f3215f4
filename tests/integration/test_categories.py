"""4HSE's category follows the kinds of Procore's records: what arrives, what is replaced, and what a new list asks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from shutil import copytree
from tempfile import TemporaryDirectory

import pytest

import former_store
from procore_4hse.mapping.lenses.records import RecordsLens
from procore_4hse.mapping.loader import load
from procore_4hse.mapping.rules import FieldMapping
from procore_4hse.simulator.faults import FaultKind
from world import MAPPING, OFFICE, PROJECT, World, default_mapping

pytestmark = pytest.mark.any_store

ACCIDENT, NEAR, BREACH = "ACCIDENTS", "ACCIDENTS_AND_MISSED_INJURIES", "NON_COMPLIANCE"
Build = Callable[..., World]


def without_lines(mapping: FieldMapping) -> FieldMapping:
    """The same mapping, but the records themselves are told nowhere: here only the category may follow them."""
    return replace(mapping, fields=tuple(row for row in mapping.fields if not isinstance(row.lens, RecordsLens)))


@pytest.fixture
def build(build: Build) -> Build:
    return partial(build, mapping=without_lines(default_mapping()))


@cache
def of_injuries_alone() -> FieldMapping:
    """The default mapping with the list of categories as it was before it told kinds apart."""
    with TemporaryDirectory() as folder:
        there = Path(copytree(MAPPING, Path(folder, "site")))
        words = (former_store.MAPPING / "words" / "category.yaml").read_text(encoding="utf-8")
        (there / "words" / "category.yaml").write_text(words, encoding="utf-8")
        return without_lines(load(there))


def record(world: World, incident: str, *kinds: str) -> list[int]:
    return [int(world.procore.hand_create(kind, PROJECT, incident_id=int(incident))) for kind in kinds]


def words(world: World) -> dict[str, str]:
    """4HSE's categories by title."""
    return {row["name"]: row["category"] for row in world.office().values()}


def copied(world: World, *kinds: str) -> str:
    """An incident of the site with these records, and its copy in the office."""
    made = world.on_site("Leak")
    record(world, made, *kinds)
    assert world.sync().outcome == "ok"
    return made


def quiet(world: World) -> bool:
    report = world.sync()
    return report.outcome == "ok" and not report.plan.actions and not world.inbox()


@pytest.mark.parametrize(
    ("kinds", "word"),
    [
        (("environmental",), BREACH),
        (("property_damage",), BREACH),
        (("property_damage", "environmental"), BREACH),
        ((), NEAR),
        (("near_miss",), NEAR),
        (("near_miss", "environmental"), NEAR),
        (("injury",), ACCIDENT),
        (("environmental", "injury"), ACCIDENT),
    ],
)
def test_a_new_incident_arrives_under_the_word_of_its_kinds(build: Build, kinds: tuple[str, ...], word: str) -> None:
    world = build()
    copied(world, *kinds)
    assert words(world) == {"Leak": word}
    assert quiet(world)


@pytest.mark.parametrize(
    ("first", "later", "word"),
    [
        ((), ("environmental",), BREACH),
        ((), ("property_damage", "injury"), ACCIDENT),
        (("environmental",), ("near_miss",), NEAR),
        (("near_miss",), ("property_damage",), NEAR),
        (("injury",), ("environmental",), ACCIDENT),
    ],
)
def test_a_kind_recorded_later_replaces_our_word(
    build: Build, first: tuple[str, ...], later: tuple[str, ...], word: str
) -> None:
    world = build()
    made = copied(world, *first)
    record(world, made, *later)
    assert world.sync().outcome == "ok"
    assert words(world) == {"Leak": word}
    assert quiet(world)


def test_a_kind_recorded_while_the_copy_was_deleted_replaces_our_word_once_it_is_back(build: Build) -> None:
    world = build()
    made = copied(world)
    world.in_office("Cut", category=BREACH)
    world.sync()
    row = next(row for row in world.office().values() if row["name"] == "Leak")
    world.fourhse.hand_delete("incident", row["office_incident_id"])
    record(world, made, "environmental")
    world.sync()
    assert world.inbox()
    names = ("office_incident_id", "name", "date_incident", "category", "description_event", "status")
    world.fourhse.hand_create("incident", OFFICE, **{name: row[name] for name in names})
    assert world.sync().outcome == "ok"
    assert words(world) == {"Leak": BREACH, "Cut": BREACH}
    assert quiet(world)


def test_the_word_of_one_that_was_called_different_from_a_copy_of_ours_is_ours(build: Build) -> None:
    world = build()
    world.procore.hand_delete("incident", int(copied(world)))
    made = world.on_site("Leak")
    world.sync()
    [doubt] = [entry for entry in world.inbox() if entry.item.kind == "match"]
    world.answer(doubt.id, "reject")
    world.sync()
    assert len(world.office()) == 2
    record(world, made, "environmental")
    world.sync()
    assert sorted(row["category"] for row in world.office().values()) == sorted([NEAR, BREACH])


@pytest.mark.parametrize("kind", [FaultKind.UNAVAILABLE, FaultKind.LOST_ANSWER])
def test_a_word_whose_write_got_no_answer_is_written_in_the_end(build: Build, kind: FaultKind) -> None:
    """Both agree under the old word too, which says nothing about whether the new one arrived."""
    world = build()
    record(world, copied(world), "environmental")
    world.faults.add(kind, method="PUT", path="/incident/update")
    world.sync()
    for _ in range(2):
        world.sync()
    assert words(world) == {"Leak": BREACH}
    assert quiet(world)


def test_a_kind_that_is_removed_writes_nothing(build: Build) -> None:
    world = build()
    made = copied(world, "environmental")
    (spill,) = (row["id"] for row in world.site()[made]["environmentals"])
    world.procore.hand_delete("environmental", spill)
    assert quiet(world)
    assert words(world) == {"Leak": BREACH}


def test_a_word_that_a_person_chose_stays(build: Build) -> None:
    """Also when what Procore records comes to fit that word, and then another kind is recorded."""
    world = build()
    made = copied(world, "near_miss")
    (miss,) = (row["id"] for row in world.site()[made]["near_misses"])
    world.fourhse.hand_edit("incident", next(iter(world.office())), category=BREACH)
    assert quiet(world)
    record(world, made, "property_damage")
    world.procore.hand_delete("near_miss", miss)
    assert quiet(world)
    record(world, made, "near_miss")
    assert quiet(world)
    assert words(world) == {"Leak": BREACH}


@pytest.mark.parametrize("kind", [FaultKind.UNAVAILABLE, FaultKind.LOST_ANSWER])
def test_a_word_that_a_person_entered_while_our_copy_had_no_answer_stays(build: Build, kind: FaultKind) -> None:
    """The office deletes the copy, if there is one, and enters it anew: it tells the same, and its word is theirs."""
    world = build()
    made = world.on_site("Leak", description="A valve.")
    world.faults.add(kind, path="/incident/create")
    world.sync()
    for one in world.office():
        world.fourhse.hand_delete("incident", one)
    world.in_office("Leak", description_event="A valve.", category=NEAR)
    world.sync()
    record(world, made, "environmental")
    assert quiet(world)
    assert words(world) == {"Leak": NEAR}


def test_a_word_that_a_person_wrote_while_our_write_had_no_answer_stays(build: Build) -> None:
    world = build()
    made = copied(world)
    record(world, made, "environmental")
    world.faults.add(FaultKind.UNAVAILABLE, method="PUT", path="/incident/update")
    world.sync()
    world.fourhse.hand_edit("incident", next(iter(world.office())), category=BREACH)
    world.sync()
    record(world, made, "near_miss")
    assert quiet(world)
    assert words(world) == {"Leak": BREACH}


def test_a_word_of_a_copy_that_got_no_answer_is_ours_when_it_bears_our_id(build: Build) -> None:
    world = build()
    made = world.on_site("Leak")
    world.faults.add(FaultKind.LOST_ANSWER, path="/incident/create")
    world.sync()
    record(world, made, "environmental")
    world.sync()
    assert quiet(world)
    assert words(world) == {"Leak": BREACH}


@pytest.mark.parametrize("on_both_sides", [False, True])
def test_a_word_of_the_office_stays(build: Build, on_both_sides: bool) -> None:
    """Whether the incident came from there or stood in both registers: nobody but the office wrote its word."""
    world = build()
    world.in_office("Leak", description_event="A valve.", category=NEAR)
    if on_both_sides:
        world.on_site("Leak", description="A valve.")
    assert world.sync(first=True).outcome == "ok"
    (made,) = world.site()
    record(world, made, "environmental")
    assert quiet(world)
    assert words(world) == {"Leak": NEAR}
    record(world, made, "injury")  # What contradicts the word is written, as ever.
    assert world.sync().outcome == "ok"
    assert words(world) == {"Leak": ACCIDENT}


def test_while_a_list_of_records_fails_no_word_changes(build: Build) -> None:
    world = build()
    made = copied(world)
    record(world, made, "environmental")
    world.faults.add(FaultKind.UNAVAILABLE, path="/incidents/environmentals$", times=None)
    assert world.sync().outcome == "partial"
    assert words(world) == {"Leak": NEAR}
    world.faults.clear()
    world.sync()
    assert words(world) == {"Leak": BREACH}


# Another list ------------------------------------------------------------------------------------------------------


def with_a_list_of_injuries(build: Build) -> World:
    """Six linked incidents under a list that knew injuries alone: the word of one was chosen by a person."""
    world = build(mapping=of_injuries_alone())
    for title, kinds in (
        ("Bare", ()),
        ("Spill", ("environmental",)),
        ("Damage", ("property_damage",)),
        ("Miss", ("near_miss",)),
        ("Burn", ("injury", "environmental")),
        ("Chosen", ("environmental",)),
    ):
        record(world, world.on_site(title), *kinds)
    world.sync()
    chosen = next(row["office_incident_id"] for row in world.office().values() if row["name"] == "Chosen")
    world.fourhse.hand_edit("incident", chosen, category=BREACH)
    world.fourhse.hand_edit("incident", chosen, category=ACCIDENT)
    assert quiet(world)
    assert {words(world)[title] for title in ("Bare", "Spill", "Damage", "Miss")} == {NEAR}
    return world


@pytest.mark.parametrize(("use", "word"), [("procore", BREACH), ("fourhse", NEAR), ("base", NEAR)])
def test_what_a_new_list_would_change_is_one_question(build: Build, use: str, word: str) -> None:
    world = with_a_list_of_injuries(build)
    before = words(world)
    world.with_route(mapping=without_lines(default_mapping()))
    report = world.sync()
    assert report.outcome == "stopped"
    (entry,) = world.inbox()
    assert entry.item.key == "guard:mapping"
    assert entry.item.reason == "The mapping changed, and 2 linked incidents that agreed would now differ in: Category."
    assert words(world) == before
    world.answer(entry.id, "approve", use=use)
    assert world.sync().outcome == "ok"
    assert words(world) == {**before, "Spill": word, "Damage": word}
    assert quiet(world)


def test_a_list_that_changes_no_pair_is_taken_up_without_a_question(build: Build) -> None:
    world = build(mapping=of_injuries_alone())
    copied(world, "near_miss", "environmental")
    world.in_office("Pump", category=BREACH)
    world.sync()
    world.with_route(mapping=without_lines(default_mapping()))
    assert quiet(world)
    (leak,) = (one for one, row in world.site().items() if row["title"] == "Leak")
    record(world, leak, "property_damage")
    assert quiet(world)


def test_an_own_word_of_a_customer_crosses_once_the_list_has_it(build: Build, tmp_path: Path) -> None:
    world = build()
    world.fourhse.hand_create(
        "incident", OFFICE, name="Fire", date_incident="2026-02-10", status="new", category="Incendio"
    )
    world.sync()
    (entry,) = world.inbox()
    assert (entry.item.kind, entry.item.field) == ("word", "category")
    folder = Path(copytree(MAPPING, tmp_path / "site"))
    with (folder / "words" / "category.yaml").open("a", encoding="utf-8") as file:
        file.write("- 4hse: Incendio\n  procore: no injury\n")
    world.with_route(mapping=without_lines(load(folder)))
    assert world.sync().outcome == "ok"
    assert [row["title"] for row in world.site().values()] == ["Fire"]
    assert quiet(world)
    assert words(world) == {"Fire": "Incendio"}
