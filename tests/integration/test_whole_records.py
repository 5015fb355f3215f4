"""A whole record of each side crosses, is edited on the other side, comes back, and is quiet."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest

from actors import NOTHING, hire, hurt_on_site, is_quiet, only, partner, waiting, wrote
from procore_4hse.cli.stories import named_record
from procore_4hse.mapping.loader import load
from procore_4hse.models import Kind, Side
from procore_4hse.operations.explain import collect
from procore_4hse.simulator.faults import FaultKind
from procore_4hse.simulator.fourhse_contract import RESOURCE_TYPES
from procore_4hse.simulator.procore_dials import ProcoreDials
from world import MAPPING, PROJECT, World, without_office_rows

pytestmark = pytest.mark.any_store

Build = Callable[..., World]
OFFICE = {
    "deponent": "Anna Rossi",
    "code": "INF-12",
    "external_reference_id": "2026/4711",
    "description_actions_involved": "The ladder was replaced.\nThe crew was told.",
}
LINES = """\
Reporter: Anna Rossi
Code: INF-12
Case number: 2026/4711
Actions taken: The ladder was replaced. The crew was told.
"""


@pytest.fixture
def world(build: Build) -> World:
    return build()


def with_ready(folder: Path, *labels: str) -> Path:
    """A copy of the default mapping in which these rows that stand ready count, all when none is named."""
    copytree(MAPPING, folder)
    for name in ("incident.yaml", "people.yaml"):
        head, _, ready = (folder / name).read_text(encoding="utf-8").partition("# Rows that stand ready.")
        rows = re.findall(r"^#   - field: (.*)\n((?:#     .*\n)+)", ready, re.MULTILINE)
        wanted = [f"#   - field: {label}\n{row}" for label, row in rows if not labels or label in labels]
        (folder / name).write_text(head + "".join(re.sub("^# ", "", row, flags=re.MULTILINE) for row in wanted))
    return folder


def description(world: World, site: str) -> str:
    return str(world.site()[site]["description"])


def person_text(world: World, office: str) -> str:
    (person,) = world.office()[office]["persons"]
    return str(person["description"])


def edit_person(world: World, office: str, text: str) -> None:
    (person,) = world.office()[office]["persons"]
    world.fourhse.hand_edit("incident-person", person["office_incident_person_id"], description=text)


# The office's record ---------------------------------------------------------------------------------------------


def test_an_office_record_crosses_is_edited_on_site_and_comes_back(build: Build, tmp_path: Path) -> None:
    world = build(mapping=load(with_ready(tmp_path / "site", "Closing day")))
    office = world.in_office(description_event="He fell.", status="closed", date_closed="2026-02-20", **OFFICE)
    world.sync()
    site = partner(world, office)
    assert description(world, site) == f"{LINES}Closed on: 2026-02-20\n\nHe fell."
    assert is_quiet(world)

    edited = description(world, site).replace("Anna Rossi", "Anna Bianchi").replace("INF-12", "INF-13")
    edited = edited.replace("4711", "4712").replace("was replaced", "was thrown away")
    world.procore.hand_edit("incident", int(site), description=edited)
    assert wrote(world.sync()) == {**NOTHING, "updated": 1}
    row = world.office()[office]
    assert {name: row[name] for name in OFFICE} == {
        "deponent": "Anna Bianchi",
        "code": "INF-13",
        "external_reference_id": "2026/4712",
        "description_actions_involved": "The ladder was thrown away.\nThe crew was told.",
    }
    assert (row["description_event"], row["date_closed"]) == ("He fell.", "2026-02-20")
    assert is_quiet(world)
    assert world.inbox() == []

    world.fourhse.hand_edit("incident", office, code="INF-14", description_event="He fell far.")
    world.sync()
    assert description(world, site) == edited.replace("INF-13", "INF-14").replace("He fell.", "He fell far.")
    assert is_quiet(world)


def test_a_line_that_somebody_writes_and_takes_away_again_in_procore(world: World) -> None:
    site = world.on_site(description="<p>He <b>fell</b>.</p>")
    world.sync()
    office = partner(world, site)
    world.fourhse.hand_edit("incident", office, deponent="Anna Rossi")
    world.sync()
    assert description(world, site) == "<p>Reporter: Anna Rossi</p><p>He <b>fell</b>.</p>"
    assert world.office()[office]["description_event"] == "He fell."

    world.procore.hand_edit("incident", int(site), description="<p>code: A-1</p><p>He <b>fell</b>.</p>")
    world.sync()
    assert (world.office()[office]["deponent"], world.office()[office]["code"]) == ("", "A-1")
    assert is_quiet(world)


def test_both_sides_that_changed_a_line_are_asked_about_and_the_rest_crosses(world: World) -> None:
    office = world.in_office(description_event="He fell.", **OFFICE)
    world.sync()
    site = partner(world, office)
    edited = description(world, site).replace("INF-12", "SITE-1").replace("He fell.", "He fell far.")
    world.procore.hand_edit("incident", int(site), description=edited)
    world.fourhse.hand_edit("incident", office, code="OFFICE-1")
    world.sync()
    entry = only(world, "conflict")
    assert (entry.item.field, entry.item.procore_value, entry.item.fourhse_value) == ("line_code", "SITE-1", "OFFICE-1")
    assert world.office()[office]["description_event"] == "He fell far."
    world.answer(entry.id, "resolve", use="fourhse")
    world.sync()
    assert description(world, site) == edited.replace("SITE-1", "OFFICE-1")
    assert is_quiet(world)


def test_what_procore_set_itself_never_comes_back_as_a_line(build: Build, tmp_path: Path) -> None:
    world = build(mapping=load(with_ready(tmp_path / "site", "Number in Procore", "Reported in Procore by")))
    site, named = world.on_site(), world.on_site(title="Slip", description="Reporter: Bob\n\nShe slipped.")
    world.sync()
    office, other = partner(world, site), partner(world, named)
    filled = world.office()[office]
    assert (filled["code"], bool(filled["deponent"])) == (str(world.site()[site]["number"]), True)
    assert world.office()[other]["deponent"] == "Bob"
    assert is_quiet(world)
    assert world.inbox() == []

    world.fourhse.hand_edit("incident", office, code="INF-9")
    world.sync()
    assert description(world, site).startswith("Code: INF-9\n\n")
    assert is_quiet(world)


# The site's record -----------------------------------------------------------------------------------------------


def injured(world: World, site: str, party: int) -> int:
    return hurt_on_site(
        world, site, party, days=3, description="<p>He fell.</p>", work_days_restricted=4, work_days_transferred=0,
        date_returned_to_work="2026-02-20", treated_in_er=True, hospitalized_overnight=False, recordable=True,
        treatment_facility="St Mary: emergency", harm_source_id=world.procore.add_word("harm_sources", "Ladder"),
        affected_company_id=world.procore.add_vendor("Rossi & Sons"),
    )  # fmt: skip


def test_a_site_record_crosses_is_edited_in_the_office_and_comes_back(build: Build, tmp_path: Path) -> None:
    rows = ("Location", "Hazard", "Recordable", "Source of harm", "Company")
    world = build(mapping=load(with_ready(tmp_path / "site", *rows)))
    party, _ = hire(world)
    tower = world.procore.add_location(PROJECT, "Tower")
    roof = world.procore.add_location(PROJECT, "Roof")
    hazard = world.procore.add_word("hazards", "Open edge")
    site = world.on_site(location_id=tower, hazard_id=hazard, recordable=True)
    record = injured(world, site, party)
    world.sync()
    office = partner(world, site)
    actions = world.office()[office]["description_actions_involved"]
    assert actions == "Location: Tower\nHazard: Open edge\nRecordable: Yes"
    told = (
        "Restricted days: 4\nReturn to work: 2026-02-20\nEmergency room: Yes\n"
        "Treatment facility: St Mary: emergency\nRecordable: Yes\nSource of harm: Ladder\nCompany: Rossi & Sons\n\n"
        "He fell."
    )
    assert person_text(world, office) == told
    assert is_quiet(world)

    world.fourhse.hand_edit("incident", office, description_actions_involved="location: roof\nHazard: Open edge")
    edit_person(
        world, office, "Restricted days: 6\nTransferred days: 2\nReturn to work: 2026-02-20\nOvernight stay: sì"
    )
    world.sync()
    row = world.site()[site]
    assert (row["location"]["id"], row["hazard"]["id"], row["recordable"]) == (roof, hazard, False)
    (injury,) = row["injuries"]
    names = ("work_days_restricted", "work_days_transferred", "treated_in_er", "hospitalized_overnight", "recordable")
    assert [injury[name] for name in names] == [6, 2, False, True, False]
    assert (injury["harm_source"], injury["affected_company"], injury["treatment_facility"]) == (None, None, "")
    assert injury["date_returned_to_work"] == "2026-02-20"
    assert is_quiet(world)
    assert world.inbox() == []

    world.procore.hand_edit("injury", record, treated_in_er=True)
    world.sync()
    assert "Emergency room: Yes\nOvernight stay: sì" in person_text(world, office)
    assert is_quiet(world)


def test_a_place_that_procore_does_not_list_is_asked_about_and_never_made(build: Build, tmp_path: Path) -> None:
    world = build(mapping=load(with_ready(tmp_path / "site", "Hazard")))
    office = world.in_office(description_actions_involved="Hazard: Open edge")
    world.sync()
    site = partner(world, office)
    world.sync()
    assert "has no active `Open edge`" in only(world, "word").item.reason
    assert "Open edge" not in world.procore.words("hazards")
    hazard = world.procore.add_word("hazards", "Open Edge")
    world.clock.advance(hours=25)
    world.sync()
    assert (world.site()[site]["hazard"] or {}).get("id") == hazard
    assert is_quiet(world)
    assert world.inbox() == []


def test_a_day_of_return_goes_to_procore_with_a_new_injury_and_is_asked_about_later(world: World) -> None:
    _, assignment = hire(world)
    office = world.in_office(category="ACCIDENTS")
    world.fourhse.hand_create(
        "incident-person", world.route.fourhse_office, office_incident_id=office, person_office_id=assignment,
        description="Return to work: 2026-02-20\nDeath: 2026-02-21\n\nHe fell.",
    )  # fmt: skip
    world.sync()
    site = partner(world, office)
    (injury,) = world.site()[site]["injuries"]
    assert (injury["date_returned_to_work"], injury["date_of_death"]) == ("2026-02-20", None)
    assert is_quiet(world)

    edit_person(world, office, "Return to work: 2026-02-25\nDeath: 2026-02-21\n\nHe fell.")
    assert wrote(world.sync()) == NOTHING
    entry = only(world, "conflict")
    assert (entry.item.field, entry.item.fourhse_value) == ("person_date_returned_to_work", "2026-02-25")
    assert "Procore takes it with a new record alone" in entry.item.reason
    world.answer(entry.id, "resolve", use="procore")
    world.sync()
    assert "Return to work: 2026-02-20" in person_text(world, office)
    assert is_quiet(world)


@pytest.mark.parametrize("line", ["Return to work: next week", "Restricted days: some", "Emergency room: maybe"])
def test_what_a_line_says_in_no_form_of_its_type_waits_and_the_rest_crosses(world: World, line: str) -> None:
    party, _ = hire(world)
    site = world.on_site()
    hurt_on_site(world, site, party, days=3, description="<p>He fell.</p>")
    world.sync()
    office = partner(world, site)
    edit_person(world, office, f"{line}\nTransferred days: 2\n\nHe fell far.")
    world.sync()
    assert only(world, "word").item.field.startswith("person_")
    (injury,) = world.site()[site]["injuries"]
    assert (injury["work_days_transferred"], injury["description"]) == (2, "<p>He fell far.</p>")


def test_what_a_line_of_ours_leaves_of_an_edited_text_never_goes_on(build: Build) -> None:
    """Procore escapes whatever is entered: a line of ours rewrites a text there, whose edit crosses as it was."""
    world = build(procore_dials=ProcoreDials(text_kept="escaped"))
    office = world.in_office(description_event="He fell.")
    world.sync()
    site = partner(world, office)
    world.procore.hand_edit("incident", int(site), description="Beam <A> fell.")
    world.fourhse.hand_edit("incident", office, code="INF-1")
    for _ in range(3):
        world.sync()
        assert description(world, site) == "Code: INF-1\n\nBeam &amp;lt;A&amp;gt; fell."
        assert world.office()[office]["description_event"] == "Beam &lt;A&gt; fell."
    assert [(entry.item.kind, entry.item.field) for entry in world.inbox()] == [("refused", "description")]


# What an incident led to, and what it is tied to ------------------------------------------------------------------

RESOURCES = {
    "WORK_ENVIRONMENT": "Deck 2",
    "SUBSTANCE": "Acetone",
    "WORK_GROUP": "Scaffolders",
    "MATERIAL": "Helmets",
    "MATERIAL_ITEM": "Helmet 7",
    "ACTION": "Ladder check",
    "EQUIPMENT": "Crane 3",
}
TIED = "Equipment: Crane 3; Material item: Helmet 7; Material: Helmets; Substance: Acetone, it was spilled; " \
    "Work environment: Deck 2; Work group: Scaffolders"  # fmt: skip
REQUIRED = "Training: Work at height, once more"


def tie(world: World, office: str) -> list[str]:
    """An incident with a resource of each kind and an action; answers the ids of both kinds of rows."""
    rows = []
    for kind, name in RESOURCES.items():
        entity = world.fourhse.hand_create(RESOURCE_TYPES[kind], world.route.fourhse_office, name=name)
        told = {"description": "it was spilled"} if kind == "SUBSTANCE" else {}
        rows.append(link(world, "incident-resource", office, entity_type=kind, entity_id=entity, **told))
    training = world.fourhse.hand_create(
        "action", world.route.fourhse_office, name="Work at height", action_type="TRAINING"
    )
    return [
        *rows,
        link(
            world, "incident-action", office, entity_type="ACTION", entity_id=training, description="once more"
        ),
    ]  # fmt: skip


def link(world: World, entity: str, office: str, **fields: Any) -> str:
    return world.fourhse.hand_create(entity, world.route.fourhse_office, office_incident_id=office, **fields)


def test_what_the_office_tied_to_an_incident_stands_on_lines_in_procore_and_follows(
    build: Build, tmp_path: Path
) -> None:
    world = build(mapping=load(with_ready(tmp_path / "site", "Requirements", "Resources")))
    office = world.in_office(description_event="He fell.")
    rows = tie(world, office)
    world.sync()
    site = partner(world, office)
    listed = f"Resources: Action: Ladder check; {TIED}"
    assert description(world, site) == f"Requirements: {REQUIRED}\n{listed}\n\nHe fell."
    assert is_quiet(world)
    told = collect(world.store, world.route, {Side.PROCORE: site, Side.FOURHSE: office}).children
    assert {kind: len(records) for kind, records in told.items()} == {Kind.RESOURCE: 7, Kind.INCIDENT_ACTION: 1}
    assert named_record(told[Kind.INCIDENT_ACTION][0]) == f"{rows[-1]} ({REQUIRED})"

    for row in rows[5:6]:
        world.fourhse.hand_delete("incident-resource", row)
    world.fourhse.hand_delete("incident-action", rows[-1])
    assert wrote(world.sync()) == {**NOTHING, "updated": 1}
    assert description(world, site) == f"Resources: {TIED}\n\nHe fell."
    assert is_quiet(world)
    assert world.inbox() == []


def test_a_list_of_4hse_that_fails_holds_its_row_alone(build: Build, tmp_path: Path) -> None:
    world = build(mapping=load(with_ready(tmp_path / "site", "Requirements", "Resources")))
    office = world.in_office(description_event="He fell.")
    tie(world, office)
    world.faults.add(FaultKind.FORBIDDEN, path="/incident-resource/index", times=None)
    assert world.sync().outcome == "partial"
    site = partner(world, office)
    assert description(world, site) == f"Requirements: {REQUIRED}\n\nHe fell."
    assert world.inbox() == []
    world.faults.clear()
    world.sync()
    assert f"Resources: Action: Ladder check; {TIED}" in description(world, site)
    assert is_quiet(world)


EQUIPMENT = """\
owner: plant office
recognised by: [identification number is code]
fields:
  - {field: Equipment, procore: managed_equipment, 4hse: entity_id, direction: both, using: equipment}
"""


def test_equipment_that_crosses_by_itself_stands_on_no_line(build: Build, tmp_path: Path) -> None:
    folder = with_ready(tmp_path / "site", "Resources")
    (folder / "equipment.yaml").write_text(EQUIPMENT, encoding="utf-8")
    world = build(mapping=load(folder))
    party, _ = hire(world)
    crane = world.procore.add_equipment(PROJECT, "Crane", identification_number="EQ-1")
    world.fourhse.add_equipment(world.route.fourhse_project, world.route.fourhse_office, "Crane", code="EQ-1")
    site = world.on_site(description="He fell.")
    hurt_on_site(world, site, party, managed_equipment_id=crane)
    world.sync()
    office = partner(world, site)
    lime = world.fourhse.hand_create("substance", world.route.fourhse_office, name="Lime")
    link(world, "incident-resource", office, entity_type="SUBSTANCE", entity_id=lime)
    world.sync()
    assert {row["entity_type"] for row in world.office()[office]["resources"]} == {"EQUIPMENT", "SUBSTANCE"}
    assert description(world, site) == "Resources: Substance: Lime\n\nHe fell."
    assert is_quiet(world)


def test_actions_of_procore_stand_on_a_line_in_4hse(build: Build, tmp_path: Path) -> None:
    world = build(mapping=load(with_ready(tmp_path / "site", "Actions")))
    site = world.on_site()
    kinds = world.procore.words("action_types")
    for number, text in enumerate(("Put up a rail.", "Clean.")):
        world.procore.hand_create(
            "action", PROJECT, incident_id=int(site), action_type_id=list(kinds.values())[number], description=text
        )
    world.sync()
    first, second = list(kinds)[:2]
    line = f"Actions: 1. {first}: Put up a rail. 2. {second}: Clean."
    assert world.office()[partner(world, site)]["description_actions_involved"] == line
    assert is_quiet(world)


# Rows that are new to a route ------------------------------------------------------------------------------------


def test_rows_that_are_new_to_a_route_fill_and_what_differs_is_one_question(build: Build, tmp_path: Path) -> None:
    folder = Path(copytree(MAPPING, tmp_path / "before"))
    path = folder / "incident.yaml"
    path.write_text(without_office_rows(path.read_text(encoding="utf-8")), encoding="utf-8")
    world = build(mapping=load(folder))
    sites = [world.on_site(title=f"Fall {number}", description="He fell.") for number in range(4)]
    world.sync()
    offices = [partner(world, site) for site in sites]
    world.fourhse.hand_edit("incident", offices[0], deponent="Anna Rossi")
    for site, office in zip(sites[1:3], offices[1:3], strict=True):
        world.procore.hand_edit("incident", int(site), description="Code: SITE\n\nHe fell.")
        world.fourhse.hand_edit("incident", office, description_event="Code: SITE\n\nHe fell.", code="OFFICE")
    world.sync()
    assert is_quiet(world)

    world.with_route(mapping=load(MAPPING))
    assert wrote(world.sync()) == NOTHING
    (entry,) = world.inbox()
    assert (entry.item.kind, entry.item.facts["pairs"]) == ("guard", 2)
    assert "2 linked incidents would now differ in: Code, Description" in entry.item.reason
    world.answer(entry.id, "approve", use="procore")
    world.sync()
    assert [world.office()[office]["code"] for office in offices] == [None, "SITE", "SITE", None]
    assert description(world, sites[0]) == "Reporter: Anna Rossi\n\nHe fell."
    assert is_quiet(world)
    assert waiting(world, "conflict") == waiting(world, "drift") == []


def test_a_cycle_without_news_costs_no_more_than_before(build: Build, tmp_path: Path) -> None:
    def calls(mapping: Any) -> int:
        world = build(mapping=mapping)
        party, _ = hire(world)
        injured(world, world.on_site(), party)
        for _ in range(3):
            world.sync()
        return sum(world.sync().calls.values())

    usual = calls(load(MAPPING))
    assert calls(load(with_ready(tmp_path / "site", "Location", "Hazard", "Company"))) == usual
    assert calls(load(with_ready(tmp_path / "tied", "Requirements", "Resources"))) == usual + 2
