"""What happened to a person: affliction, body parts, filing type and description cross word by word, and stay put."""

from collections.abc import Callable
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
import yaml

from actors import NOTHING, hire, hurt_in_office, hurt_on_site, is_quiet, only, partner, waiting, wrote
from procore_4hse.mapping.loader import load
from procore_4hse.simulator.faults import FaultKind
from procore_4hse.simulator.procore_dials import ProcoreDials
from world import MAPPING, World

pytestmark = pytest.mark.any_store

TOLD = "Affliction: Fracture\nBody parts: Left hand; Neck\nFiling type: First aid\n\nHe fell < 2 m."


@pytest.fixture
def world(build: Callable[..., World], store_url: str) -> World:
    return build(store_url)


def ids(world: World, listing: str) -> dict[str, int]:
    return world.procore.words(listing)


def injury(world: World, incident: str) -> dict[str, Any]:
    (row,) = world.site()[incident]["injuries"]
    return row


def involved(world: World, incident: str) -> dict[str, Any]:
    (row,) = world.office()[incident]["persons"]
    return row


def hurt(world: World, incident: str, party: int, **more: Any) -> int:
    parts = ids(world, "body_parts")
    return hurt_on_site(
        world,
        incident,
        party,
        days=3,
        affliction_type_id=ids(world, "affliction_types")["Fracture"],
        body_part_ids=[parts["hand_left"], parts["neck"]],
        filing_type="first_aid",
        description="<p>He fell &lt; 2 m.</p>",
        **more,
    )


def crossed(world: World) -> tuple[str, int, str]:
    """An injured person in both systems: the incident and the injury in Procore, the incident in 4HSE."""
    party, _ = hire(world)
    site = world.on_site()
    record = hurt(world, site, party)
    assert world.sync().outcome == "ok"
    return site, record, partner(world, site)


def test_an_injury_crosses_in_the_words_of_the_lists(world: World) -> None:
    _, _, office = crossed(world)
    assert involved(world, office)["description"] == TOLD
    assert is_quiet(world)
    assert world.inbox() == []


def test_an_involved_person_crosses_into_an_injury(world: World) -> None:
    _, assignment = hire(world)
    office = world.in_office(category="ACCIDENTS")
    hurt_in_office(world, office, assignment, days=4, description=TOLD)
    assert world.sync().outcome == "ok"
    made = injury(world, partner(world, office))
    assert made["affliction_type"]["name"] == "Fracture"
    assert made["affected_body_parts"] == ["hand_left", "neck"]
    assert (made["description"], made["work_days_absent"]) == ("<p>He fell &lt; 2 m.</p>", 4)
    assert made["filing_type"] is None, "it would alert phones"
    assert wrote(world.sync()) == NOTHING
    assert involved(world, office)["description"] == TOLD


@pytest.mark.parametrize(
    ("edit", "shown"),
    [
        ({"affliction": "Burn"}, TOLD.replace("Fracture", "Burn")),
        ({"parts": ("neck",)}, TOLD.replace("Left hand; Neck", "Neck")),
        ({"parts": ("neck", "toe")}, TOLD.replace("Left hand; Neck", "Neck; Toe")),
        ({"parts": ()}, TOLD.replace("Body parts: Left hand; Neck\n", "")),
        ({"description": "<p>He slipped.</p>"}, TOLD.replace("He fell < 2 m.", "He slipped.")),
        ({"filing_type": "lost_time"}, TOLD.replace("First aid", "Lost time")),
    ],
)
def test_an_edit_on_site_changes_its_own_words_alone(world: World, edit: dict[str, Any], shown: str) -> None:
    site, record, office = crossed(world)
    before = world.site()[site]["updated_at"]
    fields = {name: value for name, value in edit.items() if name not in ("affliction", "parts")}
    if "affliction" in edit:
        fields["affliction_type_id"] = ids(world, "affliction_types")[edit["affliction"]]
    if "parts" in edit:
        fields["body_part_ids"] = [ids(world, "body_parts")[key] for key in edit["parts"]]
    world.procore.hand_edit("injury", record, **fields)
    assert wrote(world.sync()) == {**NOTHING, "updated": 1}
    assert involved(world, office)["description"] == shown
    assert world.site()[site]["updated_at"] == before
    assert is_quiet(world)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (TOLD.replace("Fracture", "Burn"), {"affliction": "Burn"}),
        (TOLD.replace("Left hand; Neck", "neck;  LEFT HAND; Toe"), {"parts": ["hand_left", "neck", "toe"]}),
        (TOLD.replace("Body parts: Left hand; Neck\n", ""), {"parts": []}),
        (TOLD.replace("He fell < 2 m.", "He slipped."), {"description": "<p>He slipped.</p>"}),
        ("He fell < 2 m.", {"affliction": None, "parts": []}),
    ],
)
def test_an_edit_in_the_office_changes_its_own_words_alone(world: World, text: str, shown: dict[str, Any]) -> None:
    site, _, office = crossed(world)
    world.fourhse.hand_edit("incident-person", involved(world, office)["office_incident_person_id"], description=text)
    assert wrote(world.sync()) == {**NOTHING, "updated": 1}
    row = injury(world, site)
    values = {"affliction": (row["affliction_type"] or {}).get("name"), "parts": sorted(row["affected_body_parts"])}
    values["description"] = row["description"]
    was = {"affliction": "Fracture", "parts": ["hand_left", "neck"], "description": "<p>He fell &lt; 2 m.</p>"}
    assert values == {**was, **shown}
    assert row["filing_type"] == "first_aid"
    assert is_quiet(world)


def test_parts_are_cleared_before_their_affliction(build: Callable[..., World], store_url: str) -> None:
    world = build(store_url, procore_dials=ProcoreDials(one_patch_clears_both=False))
    site, _, office = crossed(world)
    person = involved(world, office)["office_incident_person_id"]
    world.fourhse.hand_edit("incident-person", person, description="He fell < 2 m.")
    assert (report := world.sync()).outcome == "ok", report.reason
    assert (injury(world, site)["affliction_type"], injury(world, site)["affected_body_parts"]) == (None, [])
    assert world.procore.refused == []


def test_a_word_that_no_list_knows_holds_its_field_alone(world: World) -> None:
    site, record, office = crossed(world)
    own = world.procore.add_word("affliction_types", "Jellyfish")
    world.procore.hand_edit("injury", record, affliction_type_id=own, work_days_absent=9)
    assert world.sync().outcome == "ok"
    assert (involved(world, office)["days"], involved(world, office)["description"]) == (9, TOLD)
    assert "Jellyfish" in only(world, "word").item.reason
    world.fourhse.hand_edit("incident-person", involved(world, office)["office_incident_person_id"], days=11)
    world.sync()
    assert injury(world, site)["work_days_absent"] == 11
    assert len(waiting(world, "word")) == 1


def test_a_part_without_an_affliction_waits_and_the_person_crosses(world: World) -> None:
    _, assignment = hire(world)
    office = world.in_office(category="ACCIDENTS")
    hurt_in_office(world, office, assignment, days=4, description="Body parts: Neck\n\nHe fell.")
    world.sync()
    world.sync()
    made = injury(world, partner(world, office))
    assert (made["affected_body_parts"], made["description"]) == ([], "<p>He fell.</p>")
    assert "only together with an affliction type" in only(world, "word").item.reason


def test_two_injuries_of_one_person_stay_two(world: World) -> None:
    party, _ = hire(world)
    site = world.on_site()
    hurt(world, site, party)
    hurt_on_site(world, site, party, days=1, description="<p>And the foot.</p>")
    assert world.sync().outcome == "ok"
    descriptions = sorted(row["description"] for row in world.office()[partner(world, site)]["persons"])
    assert descriptions == [TOLD, "And the foot."]
    assert is_quiet(world)
    assert len(world.site()[site]["injuries"]) == 2


def test_a_corrected_person_is_one_update(world: World) -> None:
    _, record, office = crossed(world)
    other, assignment = hire(world, "Bo Ray", "E2")
    world.procore.hand_edit("injury", record, affected_party_id=other)
    assert wrote(world.sync()) == {**NOTHING, "updated": 1}
    assert involved(world, office)["person_office_id"] == assignment
    assert involved(world, office)["description"] == TOLD


def test_lines_of_a_near_miss_stay_in_4hse(world: World) -> None:
    party, _ = hire(world)
    site = world.on_site()
    record = hurt_on_site(world, site, party, kind="near_miss", description="<p>It missed him.</p>")
    world.sync()
    office = partner(world, site)
    person = involved(world, office)["office_incident_person_id"]
    world.fourhse.hand_edit("incident-person", person, description="Affliction: Burn\n\nIt missed him.")
    assert wrote(world.sync()) == NOTHING
    world.procore.hand_edit("near_miss", record, description="<p>By a hand.</p>")
    world.sync()
    assert involved(world, office)["description"] == "Affliction: Burn\n\nBy a hand."
    assert world.inbox() == []


def test_word_lists_that_are_closed_to_us_hold_their_words_alone(world: World) -> None:
    def is_picker(request: Any) -> bool:
        return request.path.endswith(("affliction_types", "body_parts"))

    world.faults.add(FaultKind.FORBIDDEN, where=is_picker, times=99)
    _, assignment = hire(world)
    office = world.in_office(category="ACCIDENTS")
    hurt_in_office(world, office, assignment, days=4, description=TOLD)
    world.sync()
    world.sync()
    made = injury(world, partner(world, office))
    assert (made["work_days_absent"], made["affliction_type"]) == (4, None)
    assert {entry.item.kind for entry in world.inbox()} == {"word"}


# A mapping that names body parts before the affliction ----------------------------------------------------------


@pytest.fixture(params=[True, False], ids=["one patch clears both", "parts first"])
def turned(request: pytest.FixtureRequest, build: Callable[..., World], store_url: str, tmp_path: Path) -> World:
    folder = Path(copytree(MAPPING, tmp_path / "turned"))
    people = yaml.safe_load((folder / "people.yaml").read_text(encoding="utf-8"))
    people["fields"].sort(key=lambda row: row["field"] != "Body parts")
    assert [row["field"] for row in people["fields"]][:3] == ["Body parts", "Person", "Days of absence"]
    (folder / "people.yaml").write_text(yaml.safe_dump(people, sort_keys=False), encoding="utf-8")
    return build(store_url, mapping=load(folder), procore_dials=ProcoreDials(one_patch_clears_both=request.param))


def told(affliction: str | None, *parts: str) -> str:
    lines = [f"Body parts: {'; '.join(parts)}"] if parts else []
    return "\n".join([*lines, *([f"Affliction: {affliction}"] if affliction else []), "", "He fell."])


def edited(world: World, person: str, text: str) -> dict[str, int]:
    world.fourhse.hand_edit("incident-person", person, description=text)
    report = world.sync()
    assert (report.outcome, report.reason) == ("ok", None)
    return wrote(report)


def shown(world: World, office: str) -> tuple[str | None, list[str]]:
    row = injury(world, partner(world, office))
    return (row["affliction_type"] or {}).get("name"), sorted(row["affected_body_parts"])


def test_type_comes_before_part_and_goes_after_it_whatever_the_order_of_the_rows(turned: World) -> None:
    _, assignment = hire(turned)
    office = turned.in_office(category="ACCIDENTS")
    person = hurt_in_office(turned, office, assignment, days=4, description=told("Fracture", "Left hand", "Neck"))
    assert turned.sync().outcome == "ok"
    assert shown(turned, office) == ("Fracture", ["hand_left", "neck"])
    edited(turned, person, told(None))
    assert shown(turned, office) == (None, [])
    edited(turned, person, told("Burn", "Toe"))
    assert shown(turned, office) == ("Burn", ["toe"])
    edited(turned, person, told("Fracture"))
    assert shown(turned, office) == ("Fracture", [])
    assert is_quiet(turned)
    assert (turned.procore.refused, turned.inbox()) == ([], [])


def test_an_injury_reaches_4hse_in_the_order_of_the_rows(turned: World) -> None:
    party, _ = hire(turned)
    site = turned.on_site()
    kinds, parts = ids(turned, "affliction_types"), ids(turned, "body_parts")
    record = hurt_on_site(
        turned, site, party, description="<p>He fell.</p>",
        affliction_type_id=kinds["Fracture"], body_part_ids=[parts["neck"]],
    )  # fmt: skip
    turned.sync()
    office = partner(turned, site)
    assert involved(turned, office)["description"] == "Body parts: Neck\nAffliction: Fracture\n\nHe fell."
    turned.procore.hand_edit("injury", record, body_part_ids=[])
    turned.procore.hand_edit("injury", record, affliction_type_id=None)
    assert wrote(turned.sync()) == {**NOTHING, "updated": 1}
    assert involved(turned, office)["description"] == "He fell."
    turned.procore.hand_edit("injury", record, affliction_type_id=kinds["Burn"], body_part_ids=[parts["toe"]])
    assert wrote(turned.sync()) == {**NOTHING, "updated": 1}
    assert involved(turned, office)["description"] == "Body parts: Toe\nAffliction: Burn\n\nHe fell."
    assert is_quiet(turned)
    assert turned.inbox() == []
