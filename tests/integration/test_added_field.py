"""The steps of docs/adding-a-field.md, followed to their end: a field and a word list are added, and cross."""

import re
from collections.abc import Callable
from pathlib import Path
from shutil import copytree
from textwrap import dedent, indent

import pytest

from actors import NOTHING, hire, hurt_on_site, is_quiet, only, partner, wrote
from procore_4hse.mapping.loader import load
from world import World

pytestmark = pytest.mark.any_store

ROOT = Path(__file__).parents[2]


def added(folder: Path) -> Path:
    """The default mapping with what the section tells to write."""
    copytree(ROOT / "mappings" / "default", folder)
    steps = (ROOT / "docs" / "adding-a-field.md").read_text(encoding="utf-8")
    words, row, _ = (dedent(body) for body in re.findall(r"^ +```yaml\n(.*?)^ +```$", steps, re.MULTILINE | re.DOTALL))
    (folder / "words" / "activity.yaml").write_text(words)
    with (folder / "people.yaml").open("a") as people:
        people.write("\n" + indent(row, "  "))
    return folder


def test_a_field_and_a_word_list_are_added_as_the_page_says_and_cross(
    build: Callable[..., World], store_url: str, tmp_path: Path
) -> None:
    world = build(store_url)
    party, _ = hire(world)
    site = world.on_site()
    activities = world.procore.words("work_activities")
    record = hurt_on_site(world, site, party, days=3, description="He fell.", work_activity_id=activities["Roofing"])
    world.sync()
    office = partner(world, site)

    world.with_route(mapping=load(added(tmp_path / "site")))
    assert wrote(world.sync()) == {**NOTHING, "updated": 1}
    (person,) = world.office()[office]["persons"]
    assert person["description"] == "Activity: Roof work\n\nHe fell."
    assert is_quiet(world)

    fields = {"description": "Activity: Concrete work\n\nHe fell."}
    world.fourhse.hand_edit("incident-person", person["office_incident_person_id"], **fields)
    assert wrote(world.sync()) == {**NOTHING, "updated": 1}
    assert world.site()[site]["injuries"][0]["work_activity"]["name"] == "Concrete"

    world.procore.hand_edit("injury", record, work_activity_id=activities["Framing"])
    assert wrote(world.sync()) == NOTHING
    assert "'Framing', which the list words/activity.yaml does not know" in only(world, "word").item.reason


def test_a_line_that_stood_in_a_text_before_its_row_stops_the_route(
    build: Callable[..., World], tmp_path: Path
) -> None:
    world = build()
    party, _ = hire(world)
    site = world.on_site()
    activities = world.procore.words("work_activities")
    hurt_on_site(world, site, party, description="He fell.", work_activity_id=activities["Roofing"])
    world.sync()
    (person,) = world.office()[partner(world, site)]["persons"]
    fields = {"description": "Activity: Concrete work\n\nHe fell."}
    world.fourhse.hand_edit("incident-person", person["office_incident_person_id"], **fields)
    world.sync()

    world.with_route(mapping=load(added(tmp_path / "site")))
    assert wrote(world.sync()) == NOTHING
    assert "The mapping changed" in only(world, "guard").item.reason
    assert only(world, "conflict").item.field == "person_work_activity"
