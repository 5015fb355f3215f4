"""Real injuries, with their nature and part of the body, cross both ways and back; no word is ever guessed."""

import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from actors import NOTHING, hire, hurt_in_office, hurt_on_site, only, waiting, wrote
from edits import osha
from oracle import plain
from procore_4hse.mapping.loader import load
from procore_4hse.operations.live_words import complete
from procore_4hse.simulator.faults import FaultKind
from procore_4hse.simulator.procore_dials import ProcoreDials
from procore_4hse.simulator.procore_state import WORD_LISTS
from procore_4hse.simulator.procore_words import OTHER_FORMS
from world import MAPPING, World

pytestmark = pytest.mark.any_store

CREW = 10
"""So many people there are, and so many injuries has an incident, one each."""

Build = Callable[..., World]
Worlds = Callable[[str], World]


@dataclass(frozen=True)
class Injury:
    """What a record means, in Procore's words; None where a 4HSE word has no partner."""

    affliction: str | None
    parts: frozenset[str] | None
    days: int
    text: str


# The lists, read once more, without the product ---------------------------------------------------------------------


@cache
def meanings(name: str) -> dict[str, str]:
    entries = yaml.safe_load((MAPPING / "words" / f"{name}.yaml").read_text(encoding="utf-8"))
    return {folded(entry["4hse"]): entry["procore"] for entry in entries}


def folded(word: str) -> str:
    return "".join(word.split()).casefold()


def parts_in(words: str) -> frozenset[str] | None:
    meant = [meanings("body_part").get(folded(word)) for word in words.split(";") if word.strip()]
    return None if None in meant else frozenset(part for each in meant if each for part in each.split(" + "))


# Records that mean an injury, and what records mean -----------------------------------------------------------------


Reports = Sequence[tuple[int, dict[str, str]]]


def reports() -> Reports:
    """One report for each pair of nature and part, an awkward narrative before a plain one.

    The number of each, from one, stands in the days of absence, so that every injury is known again.
    """
    firsts: dict[tuple[str, str], tuple[int, dict[str, str]]] = {}
    for days, row in sorted(enumerate(osha(), start=1), key=lambda each: is_awkward(each[1]), reverse=True):
        firsts.setdefault((row["nature_title"], row["part_of_body_title"]), (days, row))
    return sorted(firsts.values(), key=lambda each: each[0])


def is_awkward(row: dict[str, str]) -> bool:
    text = row["narrative"]
    return not text.isascii() or '"' in text or "\n" in text


def meant(days: int, row: dict[str, str]) -> Injury:
    affliction = meanings("affliction").get(folded(row["nature_title"]))
    return Injury(affliction, parts_in(row["part_of_body_title"]), days, words_of(row["narrative"]))


def words_of(text: str | None) -> str:
    """A text without regard to markup and to the amount of blanks."""
    return " ".join(plain(text).split())


def keys_of(names: Iterable[str]) -> dict[str, str]:
    return {name: name.lower().replace(" ", "_") for name in names}


AFFLICTIONS = keys_of(WORD_LISTS["affliction_types"])


def kinds_on_site(world: World) -> dict[int, str]:
    """The word of the default list for each affliction type, by its id: whatever Procore calls it."""
    return {entry: AFFLICTIONS.get(name, name) for name, entry in world.procore.words("affliction_types").items()}


def told_on_site(world: World) -> dict[int, Injury]:
    kinds = kinds_on_site(world)
    records = [record for row in world.site().values() for record in row["injuries"]]
    injuries = [
        Injury(
            kinds[record["affliction_type"]["id"]] if record["affliction_type"] else None,
            frozenset(record["affected_body_parts"]),
            record["work_days_absent"],
            words_of(record["description"]),
        )
        for record in records
    ]
    assert len(injuries) == len({one.days for one in injuries})
    return {one.days: one for one in injuries}


def told_in_office(world: World) -> dict[int, Injury]:
    records = [record for row in world.office().values() for record in row["persons"]]
    assert len(records) == len({record["days"] for record in records})
    return {record["days"]: described(record["days"], record["description"]) for record in records}


LINED = re.compile(r"Affliction: (?P<affliction>[^\n]*)\n(?:Body parts: (?P<parts>[^\n]*)\n)?\n(?P<text>.*)", re.DOTALL)


def described(days: int, description: str) -> Injury:
    match = LINED.fullmatch(description)
    assert match, description
    affliction = meanings("affliction").get(folded(match["affliction"]))
    return Injury(affliction, parts_in(match["parts"] or ""), days, words_of(match["text"]))


def day_before(start: int) -> date:
    """A day of its own for each incident: 4HSE's listings know no order within a day."""
    return date(2026, 2, 28) - timedelta(days=start // CREW)


def hurt_all_on_site(world: World, rows: Reports) -> None:
    ids = {key: world.procore.words("affliction_types")[name] for name, key in AFFLICTIONS.items()}
    people = [hire(world, f"Worker Number{number}", f"E{number}")[0] for number in range(CREW)]
    for start in range(0, len(rows), CREW):
        incident = world.on_site(f"Day {start}", day_before(start))
        for party, (days, row) in zip(people, rows[start : start + CREW], strict=False):
            one = meant(days, row)
            hurt_on_site(
                world, incident, party, days, description=row["narrative"],
                affliction_type_id=ids[one.affliction or ""], affected_body_parts=sorted(one.parts or ()),
            )  # fmt: skip


def hurt_all_in_office(world: World, told: Sequence[tuple[int, str]]) -> None:
    people = [hire(world, f"Worker Number{number}", f"E{number}")[1] for number in range(CREW)]
    for start in range(0, len(told), CREW):
        incident = world.in_office(f"Day {start}", day_before(start), category="ACCIDENTS")
        for assignment, (days, text) in zip(people, told[start : start + CREW], strict=False):
            hurt_in_office(world, incident, assignment, days, description=text)


def structured(row: dict[str, str]) -> str:
    return f"Affliction: {row['nature_title']}\nBody parts: {row['part_of_body_title']}\n\n{row['narrative']}"


def is_mapped(row: dict[str, str]) -> bool:
    one = meant(0, row)
    return one.affliction is not None and one.parts is not None


def people_in_office(world: World) -> list[dict[str, Any]]:
    return [record for row in world.office().values() for record in row["persons"]]


def words_asked(world: World) -> Counter[str]:
    """The words that wait for a person, each with the number of records that show it."""
    counted: Counter[str] = Counter()
    for item in (entry.item for entry in waiting(world, "word")):
        counted.update(dict.fromkeys(re.findall(r"shows '(.*?)', which", item.reason), item.facts.get("records", 1)))
    return counted


def settle(world: World) -> None:
    """One cycle in which all crosses, and one in which nothing is left to write."""
    report = world.sync(first=True)
    assert (report.outcome, report.reason) == ("ok", None), report.reason
    again = world.sync()
    assert (again.outcome, wrote(again)) == ("ok", NOTHING)
    assert [*world.procore.refused, *world.fourhse.refused] == []


# The tests ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def worlds(build: Build, tmp_path: Path) -> Worlds:
    """Worlds by name, each with a store of its own."""
    return lambda name: build(f"sqlite:///{tmp_path}/{name}.db")


def test_every_mapped_injury_crosses_from_procore_and_back(worlds: Worlds) -> None:
    crosses_from_procore_and_back(worlds, reports())


def crosses_from_procore_and_back(worlds: Worlds, chosen: Reports) -> None:
    rows = [(days, row) for days, row in chosen if is_mapped(row)]
    expected = {days: meant(days, row) for days, row in rows}
    there = worlds("there")
    hurt_all_on_site(there, rows)
    settle(there)
    assert told_in_office(there) == told_on_site(there) == expected
    assert there.inbox() == []

    back = worlds("back")
    hurt_all_in_office(back, [(record["days"], record["description"]) for record in people_in_office(there)])
    settle(back)
    assert told_on_site(back) == expected
    assert back.inbox() == []


def parts_on_site(one: Injury) -> frozenset[str]:
    """The parts that Procore can show: those that have a key, and only beside a nature (P87)."""
    return one.parts or frozenset() if one.affliction else frozenset()


def crossed_from_fourhse(world: World, chosen: Reports) -> Counter[str]:
    """The words that were asked about; all else crossed, and a part that nobody can name crossed as none."""
    before = people_in_office(world)
    settle(world)
    assert people_in_office(world) == before
    expected = {days: meant(days, row) for days, row in chosen}
    assert told_on_site(world) == {days: replace(one, parts=parts_on_site(one)) for days, one in expected.items()}
    unknown = [one for one in expected.values() if one.affliction is None]
    without_parts = [one for one in expected.values() if not parts_on_site(one)]
    asked = [entry.item for entry in world.inbox()]
    assert sum(item.facts.get("records", 1) for item in asked) == len(unknown) + len(without_parts)
    assert len({(item.field, item.facts["word"]) for item in asked}) == len(asked), "one question per word"
    return words_asked(world)


# Whatever form Procore's words have ----------------------------------------------------------------------------------


Teach = Callable[[World], None]


@pytest.fixture(params=["tokens", *OTHER_FORMS])
def shipped(request: pytest.FixtureRequest, build: Build, tmp_path: Path) -> tuple[World, Teach]:
    """A Procore that ships its words in this form; and what `mapping words --from-live` does for a copy of the default
    mapping."""
    mine = Path(shutil.copytree(MAPPING, tmp_path / "mine"))
    dials = ProcoreDials(word_form=request.param)
    world = build(f"sqlite:///{tmp_path}/shipped.db", procore_dials=dials, mapping=load(mine))

    def teach(world: World) -> None:
        report = complete(world.runtime, mine, [world.route])
        assert [one.error for one in report.lists] == [None] * 3
        world.with_route(mapping=load(mine))

    return world, teach


def test_four_of_five_real_injuries_cross_whatever_procore_calls_their_words(shipped: tuple[World, Teach]) -> None:
    world, teach = shipped
    chosen = reports()
    hurt_all_in_office(world, [(days, structured(row)) for days, row in chosen])
    teach(world)
    assert crossed_from_fourhse(world, chosen) == {
        "Nonclassifiable": 12,
        "Multiple body parts, n.e.c.": 13,
        "Multiple body parts, unspecified": 1,
    }
    told, pairs = told_on_site(world), Counter(pair_of(row) for row in osha())
    whole = [row for days, row in chosen if told[days].affliction and told[days].parts]
    assert sum(pairs[pair_of(row)] for row in whole) >= 0.8 * len(osha())


def pair_of(row: dict[str, str]) -> tuple[str, str]:
    return row["nature_title"], row["part_of_body_title"]


def test_every_affliction_type_crosses_from_procore_whatever_it_is_called(shipped: tuple[World, Teach]) -> None:
    world, teach = shipped
    world.procore.add_word("affliction_types", "Jellyfish sting")
    teach(world)
    kinds = world.procore.words("affliction_types")
    for start, kind in enumerate(kinds.values()):
        party, _ = hire(world, f"Worker Number{start}", f"E{start}")
        site = world.on_site(f"Day {start}", day_before(start * CREW))
        hurt_on_site(world, site, party, start + 1, affliction_type_id=kind, description=f"Injury {start}.")
    settle(world)
    assert world.inbox() == []
    lines = {record["days"]: record["description"].partition("\n")[0] for record in people_in_office(world)}
    assert len(set(lines.values())) == len(kinds) == 25
    assert lines[25] == "Affliction: Jellyfish sting"


def test_a_word_that_is_taught_lets_the_value_cross_and_closes_its_question(worlds: Worlds, tmp_path: Path) -> None:
    world = worlds("taught")
    own = world.procore.add_word("affliction_types", "Welder's flash")
    party, _ = hire(world)
    site = world.on_site()
    hurt_on_site(world, site, party, 3, description="Looked into the arc.", affliction_type_id=own)
    settle(world)
    assert "Welder's flash" in only(world, "word").item.reason
    assert [one["description"] for one in people_in_office(world)] == ["Looked into the arc."]

    mine = Path(shutil.copytree(MAPPING, tmp_path / "mine"))
    with (mine / "words" / "affliction.yaml").open("a", encoding="utf-8") as file:
        file.write(f"- 4hse: Arc eye\n  procore: {own}\n")
    world.with_route(mapping=load(mine))
    report = world.sync()
    assert (report.outcome, wrote(report)["updated"]) == ("ok", 1)
    assert [one["description"] for one in people_in_office(world)] == ["Affliction: Arc eye\n\nLooked into the arc."]
    assert world.inbox() == []
    assert wrote(world.sync()) == NOTHING


# A part has a place in Procore only beside a nature (P87) -----------------------------------------------------------


def hurt_and_told(world: World, text: str) -> str:
    """The record in 4HSE of a person who was hurt, described like this."""
    _, assignment = hire(world)
    record = hurt_in_office(world, world.in_office("Cut", category="ACCIDENTS"), assignment, 3, description=text)
    assert world.sync().outcome == "ok"
    return record


def on_site_now(world: World) -> tuple[str | None, frozenset[str] | None]:
    (one,) = told_on_site(world).values()
    return one.affliction, one.parts


def test_a_part_waits_for_its_nature_and_crosses_with_it(worlds: Worlds) -> None:
    world = worlds("waits")
    record = hurt_and_told(world, "Affliction: Felt odd\nBody parts: Left hand\n\nAt the saw.")
    for _ in range(2):
        assert wrote(world.sync()) == NOTHING
        assert {entry.item.field for entry in waiting(world, "word")} == {
            "person_affliction_type",
            "person_affected_body_parts",
        }
    world.fourhse.hand_edit("incident-person", record, description="Affliction: Burn\nBody parts: Left hand")
    world.sync()
    assert on_site_now(world) == ("burn", {"hand_left"})
    assert (wrote(world.sync()), world.inbox()) == (NOTHING, [])


def test_nature_and_part_told_later_cross_in_one_write(worlds: Worlds) -> None:
    world = worlds("later")
    record = hurt_and_told(world, "At the saw.")
    world.fourhse.hand_edit("incident-person", record, description="Affliction: Burn\nBody parts: Left hand\n\nA saw.")
    assert wrote(world.sync()) == {"created": 0, "updated": 1, "deleted": 0}
    assert on_site_now(world) == ("burn", {"hand_left"})
    assert (wrote(world.sync()), world.inbox()) == (NOTHING, [])


@pytest.mark.parametrize("text", ["Affliction: Burn\nBody parts: All over", "Affliction: Odd\nBody parts: Left hand"])
def test_a_lost_create_that_could_not_tell_all_is_known_again(worlds: Worlds, text: str) -> None:
    world = worlds("lost")
    _, assignment = hire(world)
    hurt_in_office(world, world.in_office("Cut", category="ACCIDENTS"), assignment, 3, description=text)
    world.faults.add(FaultKind.LOST_ANSWER, method="POST", path=r"/incidents/injuries$")
    assert world.sync().outcome == "partial"
    for _ in range(8):
        world.sync()
    assert len(told_on_site(world)) == 1
    assert {entry.item.kind for entry in world.inbox()} == {"word"}
    assert wrote(world.sync()) == NOTHING


@pytest.mark.parametrize("kind", [FaultKind.HALF_JSON, FaultKind.HTML, FaultKind.UNAVAILABLE, FaultKind.LOST_ANSWER])
@pytest.mark.parametrize("path", ["affliction_types$", "incidents/injuries$", "incident-person/index"])
@pytest.mark.parametrize("shipped", ["Italian without keys"], indirect=True)
def test_a_list_that_is_half_read_teaches_nothing(shipped: tuple[World, Teach], kind: FaultKind, path: str) -> None:
    world, _ = shipped
    world.faults.add(kind, path=path, times=None)
    mine = Path(str(world.store.url.database)).parent / "mine"
    before = (mine / "words" / "affliction.yaml").read_bytes()
    report = complete(world.runtime, mine, [world.route])
    assert {one.name: one.error is not None for one in report.lists}["affliction"]
    assert (mine / "words" / "affliction.yaml").read_bytes() == before
