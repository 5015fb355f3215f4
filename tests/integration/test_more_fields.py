"""Rows that a mapping may have beside the default ones, each carried by real cycles between both simulated systems."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from shutil import copytree
from textwrap import dedent, indent
from typing import Any

import pytest

import actors as crew
from actors import NOTHING, hire, hurt_in_office, hurt_on_site, only, partner, waiting, wrote
from procore_4hse.engine.pull import Pulled
from procore_4hse.engine.snapshots import CycleInputs, snapshot
from procore_4hse.mapping.lenses.base import ACTIONS
from procore_4hse.mapping.loader import load
from procore_4hse.models import Kind, Side
from procore_4hse.simulator.faults import FaultKind
from procore_4hse.simulator.procore_dials import ProcoreDials
from procore_4hse.simulator.wire import Request
from world import MAPPING, PROJECT, World, without_office_rows

pytestmark = pytest.mark.any_store

Build = Callable[..., World]
TEXT = 598134325870420
COST, TRADE, PERMITS, INSURED = TEXT + 1, TEXT + 2, TEXT + 3, TEXT + 4
ROOFER, MASON = TEXT + 101, TEXT + 102
HOT_WORK, HEIGHT = TEXT + 111, TEXT + 112


@pytest.fixture
def with_rows(build: Build, tmp_path: Path) -> Build:
    """Builds worlds whose mapping has these rows too, and these word lists; no other row has 4HSE's texts."""

    def built(
        rows: str, *stores: str, file: str = "incident.yaml", lists: dict[str, str] | None = None, **options: Any
    ) -> World:
        folder = Path(copytree(MAPPING, tmp_path / "site", dirs_exist_ok=True))
        path = folder / file
        path.write_text(
            without_office_rows(path.read_text(encoding="utf-8")) + "\n" + indent(dedent(rows), "  "), encoding="utf-8"
        )
        for name, text in (lists or {}).items():
            (folder / "words" / f"{name}.yaml").write_text(dedent(text), encoding="utf-8")
        return build(*stores, mapping=load(folder), **options)

    return built


def is_quiet(world: World) -> bool:
    """A further cycle writes nothing, asks nothing and breaks no contract."""
    report = world.sync()
    refused = [*world.procore.refused, *world.fourhse.refused]
    return wrote(report) == NOTHING and world.inbox() == [] and report.outcome == "ok" and not refused


def actions_text(world: World, office: str) -> str:
    return str(world.office()[office]["description_actions_involved"] or "")


# What a server sets ----------------------------------------------------------------------------------------------

NUMBER = """
    - field: Number in Procore
      procore: number
      4hse: code
      direction: procore to 4hse
      using: server text
    - field: Reporter
      procore: created_by
      4hse: deponent
      direction: procore to 4hse
      using: server text
"""
CREATOR = f"""
    - field: Reporter in 4HSE
      procore: custom_field_{TEXT}
      4hse: creator
      direction: 4hse to procore
      using: server text
"""


def test_number_and_reporter_cross_with_a_new_incident_from_procore_alone(with_rows, store_url):
    world = with_rows(NUMBER, store_url)
    site, office = world.on_site("Fall"), world.in_office("Slip")
    world.sync(first=True)
    theirs = world.office()[partner(world, site)]
    assert (theirs["code"], theirs["deponent"]) == (str(world.site()[site]["number"]), "Robin Marsh")
    assert (world.office()[office]["code"], world.office()[office]["deponent"]) == (None, None)
    assert is_quiet(world)


@pytest.mark.parametrize("code", ["INT-7", ""])
def test_a_code_that_the_office_gives_or_takes_away_stays_as_the_office_left_it(with_rows, code):
    world = with_rows(NUMBER)
    site = world.on_site("Fall")
    world.sync()
    world.fourhse.hand_edit("incident", partner(world, site), code=code)
    assert is_quiet(world)
    assert is_quiet(world)
    assert (world.office()[partner(world, site)]["code"] or "") == code


def test_a_row_that_is_added_later_fills_what_is_still_empty(with_rows):
    world = with_rows("")
    with_code, without = world.on_site("Fall"), world.on_site("Slip")
    world.sync()
    world.fourhse.hand_edit("incident", partner(world, with_code), code="INT-7")
    world.with_route(mapping=with_rows(NUMBER).route.mapping)
    world.sync()
    assert world.office()[partner(world, with_code)]["code"] == "INT-7"
    assert world.office()[partner(world, without)]["code"] == str(world.site()[without]["number"])
    assert is_quiet(world)


def test_who_made_an_incident_in_4hse_stands_in_a_custom_field_of_its_copy(with_rows):
    world = with_rows(CREATOR)
    world.procore.add_custom_field(TEXT, "string")
    site, office = world.on_site("Fall"), world.in_office("Slip")
    world.sync(first=True)
    fields = world.site()[partner(world, office)]["custom_fields"]
    assert fields[f"custom_field_{TEXT}"]["value"] == world.office()[office]["creator"]
    assert world.site()[site]["custom_fields"] == {}
    assert is_quiet(world)


# Names of objects ------------------------------------------------------------------------------------------------

PLACES = """
    - field: Location
      procore: location
      4hse: description_actions_involved
      line: Location
      direction: procore to 4hse
      using: name
    - field: Hazard
      procore: hazard
      4hse: description_actions_involved
      line: Hazard
      direction: procore to 4hse
      using: name
"""


def test_location_and_hazard_are_lines_above_what_the_office_writes(with_rows, store_url):
    world = with_rows(PLACES, store_url)
    tower = world.procore.add_location(PROJECT, "Tower  A")
    hazards = world.procore.words("hazards")
    site = world.on_site("Fall", location_id=tower, hazard_id=hazards["Slip or Trip"])
    world.sync()
    office = partner(world, site)
    hazard = world.site()[site]["hazard"]["name"]
    assert actions_text(world, office) == f"Location: Tower A\nHazard: {hazard}"
    world.fourhse.hand_edit(
        "incident", office, description_actions_involved=actions_text(world, office) + "\n\nWe put up a rail."
    )
    assert is_quiet(world)
    world.procore.hand_edit("incident", int(site), hazard_id=hazards["Electrical"], location_id=None)
    assert wrote(world.sync())["updated"] == 1
    assert actions_text(world, office) == "Hazard: Electrical\n\nWe put up a rail."
    assert is_quiet(world)


def test_an_edit_of_a_name_in_4hse_stays_there_until_procore_changes_it_too(with_rows):
    world = with_rows(PLACES)
    hazards = world.procore.words("hazards")
    site = world.on_site("Fall", hazard_id=hazards["Electrical"])
    world.sync()
    office = partner(world, site)
    world.fourhse.hand_edit("incident", office, description_actions_involved="Hazard: Live wire")
    assert is_quiet(world)
    world.procore.hand_edit("incident", int(site), hazard_id=hazards["Chemical"])
    world.sync()
    assert [entry.item.kind for entry in world.inbox()] == ["conflict"]


# Custom fields ---------------------------------------------------------------------------------------------------

CUSTOM = f"""
    - field: Weather
      procore: custom_field_{TEXT}
      4hse: deponent
      direction: both
      using: text
    - field: Cost
      procore: custom_field_{COST}
      4hse: description_actions_involved
      line: Cost
      direction: both
      using: number
    - field: Trade
      procore: custom_field_{TRADE}
      4hse: description_actions_involved
      line: Trade
      direction: both
      using: words
      words: trade
    - field: Permits
      procore: custom_field_{PERMITS}
      4hse: description_actions_involved
      line: Permits
      direction: both
      using: several words
      words: permit
    - field: Insured
      procore: custom_field_{INSURED}
      4hse: code
      direction: both
      using: words
      words: insured
"""
LISTS = {
    "trade": f"""
        - 4hse: Roofer
          procore: {ROOFER}
        - 4hse: Mason
          procore: {MASON}
        """,
    "permit": f"""
        - 4hse: Hot work
          procore: {HOT_WORK}
        - 4hse: Work at height
          procore: {HEIGHT}
        """,
    "insured": """
        - 4hse: insured
          procore: true
        - 4hse: not insured
          procore: false
        """,
}


@pytest.fixture
def defined(with_rows) -> Callable[..., World]:
    """A world in which Procore knows the custom fields of the rows above."""

    def built(*stores: str) -> World:
        world = with_rows(CUSTOM, *stores, lists=LISTS)
        world.procore.add_custom_field(TEXT, "string")
        world.procore.add_custom_field(COST, "decimal")
        world.procore.add_custom_field(TRADE, "lov_entry", {ROOFER: "Roofing contractor", MASON: "Masonry"})
        world.procore.add_custom_field(PERMITS, "lov_entries", {HOT_WORK: "Hot", HEIGHT: "Height"})
        world.procore.add_custom_field(INSURED, "boolean")
        return world

    return built


def custom(world: World, site: str) -> dict[str, Any]:
    return {
        key.removeprefix("custom_field_"): each["value"] for key, each in world.site()[site]["custom_fields"].items()
    }


def by_hand(**values: Any) -> dict[str, Any]:
    return {f"custom_field_{globals()[name]}": value for name, value in values.items()}


def test_custom_fields_cross_from_procore_and_back(defined, store_url):
    world = defined(store_url)
    given = by_hand(TEXT="Rain", COST=1250.5, TRADE=ROOFER, PERMITS=[HEIGHT, HOT_WORK], INSURED=True)
    site = world.on_site("Fall", **given)
    world.sync()
    office = partner(world, site)
    row = world.office()[office]
    assert (row["deponent"], row["code"]) == ("Rain", "insured")
    assert actions_text(world, office) == "Cost: 1250.5\nTrade: Roofer\nPermits: Hot work; Work at height"
    assert is_quiet(world)

    world.fourhse.hand_edit(
        "incident", office, deponent="Snow", code="not insured",
        description_actions_involved="Cost: 90\nTrade: Mason\nPermits: Work at height",
    )  # fmt: skip
    assert wrote(world.sync())["updated"] == 1
    assert custom(world, site) == {
        str(TEXT): "Snow", str(COST): 90, str(TRADE): {"id": MASON, "label": "Masonry"},
        str(PERMITS): [{"id": HEIGHT, "label": "Height"}], str(INSURED): False,
    }  # fmt: skip
    assert is_quiet(world)


def test_a_new_incident_from_4hse_brings_its_custom_fields_flat(defined):
    world = defined()
    office = world.in_office(
        "Slip", deponent="Rain", code="insured", description_actions_involved="Trade: roofer\nPermits: Hot work"
    )
    world.sync()
    site = partner(world, office)
    assert custom(world, site)[str(TRADE)] == {"id": ROOFER, "label": "Roofing contractor"}
    sent = next(write.body for write in world.procore.writes if write.verb == "POST")
    assert sent[f"custom_field_{PERMITS}"] == [HOT_WORK]
    assert "custom_fields" not in sent
    assert is_quiet(world)


def test_another_custom_field_that_moves_disturbs_nothing(defined):
    world = defined()
    world.procore.add_custom_field(1, "string")
    site = world.on_site("Fall", **by_hand(TEXT="Rain"))
    world.sync()
    world.procore.hand_edit("incident", int(site), custom_field_1="of no row")
    assert is_quiet(world)


def test_an_entry_that_the_list_does_not_know_holds_its_field_and_not_the_incident(defined):
    world = defined()
    site = world.on_site("Fall", **by_hand(TEXT="Rain", TRADE=ROOFER + 50))
    world.sync()
    world.sync()
    office = partner(world, site)
    assert (world.office()[office]["deponent"], actions_text(world, office)) == ("Rain", "")
    assert only(world, "word").item.field == f"custom_field_{TRADE}"
    world.procore.hand_edit("incident", int(site), **by_hand(TRADE=MASON))
    world.sync()
    assert actions_text(world, office) == "Trade: Mason"
    assert is_quiet(world)


def test_a_custom_field_that_procore_leaves_aside_is_refused_and_the_rest_crosses(with_rows):
    world = with_rows(CUSTOM, lists=LISTS)
    world.procore.add_custom_field(COST, "decimal")
    office = world.in_office("Slip", deponent="Rain", description_actions_involved="Cost: 7")
    world.sync()
    site = partner(world, office)
    assert custom(world, site) == {str(COST): 7}
    assert "does not hold what was sent as " in only(world, "refused").item.reason
    assert wrote(world.sync()) == NOTHING
    assert only(world, "refused")


PERSONS = f"""
    - field: Trade
      procore: custom_field_{TRADE}
      4hse: description
      line: Trade
      direction: both
      using: words
      words: trade
    - field: Fine
      procore: custom_field_{COST}
      4hse: description
      line: Fine
      direction: both
      using: number
"""


def test_custom_fields_of_an_injury_are_lines_of_the_involved_person(with_rows, store_url):
    world = with_rows(PERSONS, store_url, file="people.yaml", lists=LISTS)
    world.procore.add_custom_field(TRADE, "lov_entry", {ROOFER: "Roofing contractor", MASON: "Masonry"})
    world.procore.add_custom_field(COST, "decimal")
    party, _ = hire(world)
    site = world.on_site("Fall")
    injury = hurt_on_site(world, site, party, description="<p>He fell.</p>", **by_hand(TRADE=ROOFER, COST=20.5))
    world.sync()
    (person,) = world.office()[partner(world, site)]["persons"]
    assert person["description"] == "Trade: Roofer\nFine: 20.5\n\nHe fell."
    assert is_quiet(world)

    world.fourhse.hand_edit(
        "incident-person", person["office_incident_person_id"], description="Fine: 30\nTrade: Mason\n\nHe fell."
    )
    assert wrote(world.sync())["updated"] == 1
    fields = world.site()[site]["injuries"][0]["custom_fields"]
    assert {key: each["value"] for key, each in fields.items()} == {
        f"custom_field_{TRADE}": {"id": MASON, "label": "Masonry"}, f"custom_field_{COST}": 30,
    }  # fmt: skip
    sent = world.procore.writes[-1]
    assert (sent.id, dict(sent.body)) == (injury, by_hand(TRADE=MASON, COST=30))
    assert is_quiet(world)


# Actions ---------------------------------------------------------------------------------------------------------

SUMMARY = """
    - field: Actions
      procore: actions
      4hse: description_actions_involved
      direction: procore to 4hse
      using: actions summary
"""


def act(world: World, site: str, description: str, kind: str = "Corrective Action") -> int:
    fields = {"action_type_id": world.procore.words("action_types")[kind], "description": description}
    return world.procore.hand_create("action", PROJECT, incident_id=int(site), **fields)


def test_actions_stand_in_4hse_as_a_list_that_follows_procores(with_rows, store_url):
    world = with_rows(SUMMARY + PLACES, store_url)
    site = world.on_site("Fall", location_id=world.procore.add_location(PROJECT, "Roof"))
    first = act(world, site, "<p>Put up a rail.</p>")
    world.sync()
    office = partner(world, site)
    assert actions_text(world, office) == "Location: Roof\n\n1. Corrective Action: Put up a rail."
    assert is_quiet(world)

    act(world, site, "Talk about edges.", "Toolbox Talk")
    world.procore.hand_edit("action", first, description="Put up two rails.")
    assert wrote(world.sync())["updated"] == 1
    assert actions_text(world, office).endswith(
        "\n\n1. Corrective Action: Put up two rails.\n2. Toolbox Talk: Talk about edges."
    )
    world.procore.hand_delete("action", first)
    world.sync()
    assert actions_text(world, office).endswith("\n\n1. Toolbox Talk: Talk about edges.")
    assert is_quiet(world)


@pytest.mark.parametrize("kind", [FaultKind.FORBIDDEN, FaultKind.EMPTY, FaultKind.HALF_JSON])
def test_a_list_of_actions_that_fails_holds_that_field_alone(with_rows, kind):
    world = with_rows(SUMMARY)
    site = world.on_site("Fall")
    act(world, site, "Put up a rail.")
    world.sync()
    before = actions_text(world, partner(world, site))
    world.faults.add(kind, path="/incidents/actions", times=None)
    world.procore.hand_edit("incident", int(site), title="Fall from a roof")
    fresh = world.on_site("Slip")
    act(world, fresh, "Clean.")
    assert world.sync().outcome == "partial"
    assert actions_text(world, partner(world, site)) == before
    assert world.office()[partner(world, site)]["name"] == "Fall from a roof"
    assert actions_text(world, partner(world, fresh)) == ""
    assert world.inbox() == []
    world.faults.clear()
    world.sync()
    assert actions_text(world, partner(world, fresh)) == "1. Corrective Action: Clean."
    assert is_quiet(world)


def test_a_list_that_was_not_read_whole_tells_nothing_whatever_was_staged_before(with_rows):
    world = with_rows(SUMMARY)
    site = world.on_site("Fall")
    act(world, site, "Clean.")
    world.sync()
    with world.store.read() as unit:
        state = unit.routes.get(world.route.key, world.route.name)
    whole = dict.fromkeys(Side, True)
    for certified, told in ((True, "1. Corrective Action: Clean."), (False, None)):
        pulled = Pulled(dict.fromkeys(Side, 0), whole, True, True, actions_certified=certified)
        seen = snapshot(world.store, CycleInputs(world.route, state, world.zone, pulled))
        assert seen.records[Side.PROCORE][site].image[ACTIONS] == told


def test_actions_are_listed_only_for_a_mapping_that_tells_of_them(with_rows):
    for rows, lists in (("", 0), (SUMMARY, 1)):
        world = with_rows(rows)
        world.sync()
        listed = [name for name in world.procore.calls.elements() if name.endswith("/incidents/actions")]
        assert len(listed) == lists


def test_of_a_private_incident_no_action_is_staged(with_rows):
    world = with_rows(SUMMARY)
    act(world, world.on_site("Fall", private=True), "Put up a rail.")
    act(world, world.on_site("Slip"), "Clean.")
    world.sync()
    with world.store.read() as unit:
        staged = [
            found.record.payload for found, _ in unit.staging(world.route.key).records(Side.PROCORE, [Kind.ACTION])
        ]
    assert sorted(str(row.get("description")) for row in staged) == ["Clean.", "None"]
    assert is_quiet(world)


def test_an_incident_from_4hse_keeps_what_its_office_says_of_actions(with_rows):
    world = with_rows(SUMMARY)
    office = world.in_office("Slip", description_actions_involved="We clean.")
    world.sync()
    assert is_quiet(world)
    act(world, partner(world, office), "Put up a rail.")
    world.sync()
    assert actions_text(world, office) == "We clean."
    assert [entry.item.kind for entry in world.inbox()] == ["conflict"]


# Statuses of the company's own -----------------------------------------------------------------------------------


@pytest.fixture
def with_statuses(build: Build, tmp_path: Path) -> Callable[..., tuple[World, dict[str, int]]]:
    """A world in which Procore is given the company's own statuses, and these statuses' ids."""

    def built(*stores: str) -> tuple[World, dict[str, int]]:
        world = build(*stores)
        ids = {"open": world.procore.custom_status("Under review", "open")}
        ids |= {"closed": world.procore.custom_status("Filed", "closed")}
        folder = Path(copytree(MAPPING, tmp_path / "site"))
        path = folder / "incident.yaml"
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace("    using: status\n", "    using: status\n    words: status\n"), encoding="utf-8")
        lines = (f"- 4hse: {word}\n  procore: {one}\n" for word, one in ids.items())
        (folder / "words" / "status.yaml").write_text("".join(lines), encoding="utf-8")
        world.with_route(mapping=load(folder))
        return world, ids

    return built


def status(world: World, site: str) -> tuple[str, int]:
    row = world.site()[site]
    return row["status"], row["custom_status"]["id"]


def test_procore_is_given_the_status_that_the_company_made(with_statuses, store_url):
    world, ids = with_statuses(store_url)
    office = world.in_office("Slip")
    world.sync()
    site = partner(world, office)
    assert status(world, site) == ("open", ids["open"])
    world.fourhse.hand_edit("incident", office, name="Slip on ice", status="closed", date_closed="2026-03-02")
    world.sync()
    assert status(world, site) == ("closed", ids["closed"])
    sent = [write.body for write in world.procore.writes if write.verb == "PATCH"]
    assert sent == [{"title": "Slip on ice"}, {"custom_status_id": ids["closed"]}]
    assert is_quiet(world)


def test_another_status_that_means_the_same_stays(with_statuses):
    world, ids = with_statuses()
    site = world.on_site("Fall", custom_status_id=world.procore.words("custom_statuses")["Closed"])
    world.sync()
    assert world.office()[partner(world, site)]["status"] == "closed"
    assert is_quiet(world)
    assert status(world, site)[1] not in ids.values()


def test_a_status_under_a_workflow_is_refused_and_the_rest_crosses(with_statuses):
    world, ids = with_statuses()
    office = world.in_office("Slip")
    world.sync()
    site = partner(world, office)
    world.procore.lock_workflow(int(site))
    world.fourhse.hand_edit("incident", office, name="Slip on ice", status="closed", date_closed="2026-03-02")
    world.sync()
    assert (world.site()[site]["title"], status(world, site)) == ("Slip on ice", ("open", ids["open"]))
    assert "workflow" in only(world, "refused").item.reason


def test_an_id_that_stands_for_the_other_word_is_refused(with_statuses, tmp_path):
    world, ids = with_statuses()
    path = tmp_path / "site" / "words" / "status.yaml"
    path.write_text(f"- 4hse: closed\n  procore: {ids['open']}\n", encoding="utf-8")
    world.with_route(mapping=load(path.parents[1]))
    office = world.in_office("Slip")
    world.sync()
    world.fourhse.hand_edit("incident", office, status="closed", date_closed="2026-03-02")
    world.sync()
    assert "does not hold what was sent as " in only(world, "refused").item.reason
    assert wrote(world.sync()) == NOTHING


# The company's own validations -----------------------------------------------------------------------------------


@pytest.mark.parametrize("validations", [True, False])
def test_writes_of_incidents_and_people_ask_for_validations_only_when_told(build, validations):
    world = build()
    world.with_route(mapping=replace(world.route.mapping, validations=validations))
    asked = listening(world)
    _, assignment = hire(world)
    hurt_in_office(world, world.in_office("Cut", category="ACCIDENTS"), assignment)
    office = world.in_office("Scare")
    hurt_in_office(world, office, assignment)
    world.sync()
    world.fourhse.hand_edit("incident", office, name="Great scare")
    world.sync()
    assert asked == {"POST incidents": validations, "POST injuries": validations, "POST near_misses": validations} | {
        "PATCH incidents": validations
    }
    assert is_quiet(world)


@pytest.mark.parametrize("switch", ["on", "off"])
def test_a_field_that_the_company_requires_holds_its_records_only_when_asked_for(build, store_url, tmp_path, switch):
    folder = Path(copytree(MAPPING, tmp_path / "site"))
    path = folder / "incident.yaml"
    text = path.read_text(encoding="utf-8").replace("fields:\n", f"configurable validations: {switch}\nfields:\n", 1)
    path.write_text(text, encoding="utf-8")
    world = build(store_url, mapping=load(folder))
    world.procore.require("incident", "description")
    world.procore.require("injury", "work_days_absent")
    _, assignment = hire(world)
    bare = world.in_office("Bare", description_event=None)
    whole = world.in_office("Whole", category="ACCIDENTS")
    person = hurt_in_office(world, whole, assignment)
    world.sync()
    made = {row["title"]: len(row["injuries"]) for row in world.site().values()}
    if switch == "off":
        assert made == {"Bare": 0, "Whole": 1}
        assert is_quiet(world)
        return
    assert made == {"Whole": 0}
    refused = waiting(world, "refused")
    assert sorted(entry.item.reason for entry in refused) == [
        "Procore requires `Days of absence` (work_days_absent), of which 4HSE gives nothing. "
        "It says: Days of absence: can't be blank",
        "Procore requires `Description` (description), of which 4HSE gives nothing. "
        "It says: Description: can't be blank",
    ]
    assert all(entry.item.advice.startswith("Fill it in in 4HSE, or check that its row") for entry in refused)
    assert world.sync().outcome == "ok"
    world.fourhse.hand_edit("incident", bare, description_event="A board was loose.")
    world.fourhse.hand_edit("incident-person", person, days=2)
    world.sync()
    assert {row["title"]: len(row["injuries"]) for row in world.site().values()} == {"Bare": 0, "Whole": 1}
    world.fourhse.hand_edit("incident", bare, description_event="")
    world.sync()
    assert world.site()[partner(world, bare)]["description"] == "A board was loose."
    assert "Description" in only(world, "refused").item.reason


@pytest.mark.parametrize("validates", [True, False], ids=["as the text says", "as the parameters say"])
def test_a_field_that_the_company_requires_of_near_misses_and_no_row_fills_is_named(build, validates):
    world = build(procore_dials=ProcoreDials(near_miss_create_validates=validates))
    world.with_route(mapping=replace(world.route.mapping, validations=True))
    world.procore.require("near_miss", "harm_source_id")
    _, assignment = hire(world)
    hurt_in_office(world, world.in_office("Scare"), assignment)
    world.sync()
    assert len(crew.on_site(world)) == (0 if validates else 1)
    assert world.procore.refused == []
    if validates:
        item = only(world, "refused").item
        assert item.reason.startswith("Procore requires `harm_source_id`, of which 4HSE gives nothing")
        assert item.advice.startswith("Give it a row in people.yaml")


def listening(world: World) -> dict[str, bool]:
    """Whether the latest write of each kind to Procore asked for validations, filled as writes go out."""
    asked: dict[str, bool] = {}

    def hear(request: Request) -> bool:
        if request.method in ("POST", "PATCH") and "/projects/" in request.path:
            kind = [part for part in request.path.split("/") if not part.isdecimal()][-1]
            asked[f"{request.method} {kind}"] = ("run_configurable_validations", "true") in request.query
        return False

    world.faults.add(FaultKind.ERROR_BEFORE, where=hear)
    return asked
