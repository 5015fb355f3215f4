"""A filing type may alert people in Procore: a backfill leaves it out unless told, and nothing of it is lost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest

from actors import NOTHING, hire, hurt_in_office, hurt_on_site, is_quiet, partner, wrote
from procore_4hse.engine.backfill import Span, backfill
from procore_4hse.mapping.loader import load
from procore_4hse.models import Act, Kind, Side
from procore_4hse.operations.explain import collect
from procore_4hse.simulator.faults import FaultKind
from world import MAPPING, World

pytestmark = pytest.mark.any_store

DAY, SINCE = date(2025, 3, 1), date(2026, 1, 1)
SPAN = Span(DAY, date(2025, 3, 31))
TOLD = "Affliction: Fracture\nFiling type: Lost time\n\nHe fell."


@pytest.fixture
def world(build: Callable[..., World], store_url: str, tmp_path: Path) -> World:
    """A route whose mapping writes filing types to Procore."""
    folder = Path(copytree(MAPPING, tmp_path / "site"))
    people = folder / "people.yaml"
    text = people.read_text(encoding="utf-8")
    way = "    direction: procore to 4hse           # the other way would let Procore alert phones\n"
    assert way in text
    people.write_text(text.replace(way, "    direction: both\n"), encoding="utf-8")
    return build(store_url, since=SINCE, mapping=load(folder))


def run(world: World, span: Span = SPAN) -> Any:
    report = backfill(world.runtime, world.route, span).report
    world.clock.advance(minutes=5)
    return report


def hurt(world: World, assignment: str, title: str = "Fall", day: date = DAY, text: str = TOLD) -> tuple[str, str]:
    """An accident in 4HSE and its involved person."""
    office = world.in_office(title, day, category="ACCIDENTS")
    return office, hurt_in_office(world, office, assignment, days=3, description=text)


def injury(world: World, office: str) -> Any:
    (row,) = world.site()[partner(world, office)]["injuries"]
    return row


def involved(world: World, office: str) -> Any:
    (row,) = world.office()[office]["persons"]
    return row


def filed(world: World) -> dict[str, Any]:
    """The filing types in Procore, by the incident's title."""
    return {row["title"]: one["filing_type"] for row in world.site().values() for one in row["injuries"]}


def test_a_backfill_leaves_filing_types_out_and_so_do_the_cycles_that_follow(world: World) -> None:
    _, assignment = hire(world)
    office, _ = hurt(world, assignment)
    assert run(world).outcome == "ok"
    made = injury(world, office)
    assert (made["affliction_type"]["name"], made["work_days_absent"], made["filing_type"]) == ("Fracture", 3, None)
    assert is_quiet(world)
    assert is_quiet(world)
    assert injury(world, office)["filing_type"] is None
    assert involved(world, office)["description"] == TOLD
    assert (world.procore.mails, world.inbox()) == (0, [])


def test_what_was_left_out_crosses_when_somebody_edits_it(world: World) -> None:
    _, assignment = hire(world)
    _, person = hurt(world, assignment)
    run(world)
    world.fourhse.hand_edit("incident-person", person, description=TOLD.replace("He fell", "He slipped"))
    assert wrote(world.sync()) == {**NOTHING, "updated": 1}
    assert filed(world) == {"Fall": None}, "another part of the same text moved"
    world.fourhse.hand_edit("incident-person", person, description=TOLD.replace("Lost time", "Fatality"))
    assert wrote(world.sync()) == {**NOTHING, "updated": 1}
    assert (filed(world), world.procore.mails) == ({"Fall": "fatality"}, 1)
    assert is_quiet(world)


def test_a_filing_type_that_is_set_on_site_afterwards_crosses_to_4hse(world: World) -> None:
    _, assignment = hire(world)
    office, _ = hurt(world, assignment)
    run(world)
    world.procore.hand_edit("injury", injury(world, office)["id"], filing_type="first_aid")
    assert wrote(world.sync()) == {**NOTHING, "updated": 1}
    assert involved(world, office)["description"] == TOLD.replace("Lost time", "First aid")
    assert is_quiet(world)


def test_it_carries_them_when_it_is_told_to(world: World) -> None:
    _, assignment = hire(world)
    hurt(world, assignment)
    assert run(world, replace(SPAN, with_filing_types=True)).outcome == "ok"
    assert (filed(world), world.procore.mails) == ({"Fall": "lost_time"}, 1)
    assert is_quiet(world)


def test_an_injury_that_stood_in_both_systems_is_not_filed_either(world: World) -> None:
    party, assignment = hire(world)
    same = "The very same words here."
    site = world.on_site("Fall", DAY, description=same)
    hurt_on_site(world, site, party, days=3, description="<p>He fell.</p>")
    office = world.in_office("Fall", DAY, description_event=same, category="ACCIDENTS")
    hurt_in_office(world, office, assignment, days=3, description=TOLD)
    assert run(world).outcome == "ok"
    assert injury(world, office)["affliction_type"]["name"] == "Fracture", "the rest is filled in"
    assert is_quiet(world)
    assert is_quiet(world)
    assert (filed(world), world.procore.mails) == ({"Fall": None}, 0)
    assert involved(world, office)["description"] == TOLD


@pytest.mark.parametrize("fault", [FaultKind.REFUSED_CONNECTION, FaultKind.LOST_ANSWER])
def test_a_cycle_that_finishes_a_broken_backfill_leaves_them_out_too(world: World, fault: FaultKind) -> None:
    _, assignment = hire(world)
    hurt(world, assignment, "Old")
    world.faults.add(fault, method="POST", path="/injuries$")
    assert run(world).outcome == "partial"
    for _ in range(9):
        world.sync()
    assert filed(world) == {"Old": None}
    hurt(world, assignment, "New", SINCE)
    world.sync()
    assert (filed(world), world.procore.mails) == ({"Old": None, "New": "lost_time"}, 1)
    assert is_quiet(world)


def test_what_is_told_of_a_broken_backfill_is_what_then_happens(world: World) -> None:
    _, assignment = hire(world)
    office, _ = hurt(world, assignment)
    stopped = replace(world.runtime, stopping=lambda: bool(world.site()))
    assert backfill(stopped, world.route, SPAN).report.outcome == "partial"
    (create,) = collect(world.store, world.route, {Side.PROCORE: partner(world, office), Side.FOURHSE: office}).next
    assert (create.act, create.kind, "filing_type" in create.fields) == (Act.CREATE, Kind.INJURY, False)


def test_an_edit_made_while_a_backfill_is_broken_off_waits_for_its_end(world: World) -> None:
    _, assignment = hire(world)
    _, person = hurt(world, assignment, "New", SINCE, TOLD.replace("Lost time", "First aid"))
    world.sync()
    hurt(world, assignment, "Old")
    world.faults.add(FaultKind.UNAVAILABLE, method="POST", path="/injuries$", times=None)
    assert run(world).outcome == "partial"
    world.fourhse.hand_edit("incident-person", person, description=TOLD)
    assert world.sync().outcome == "partial"
    assert (filed(world), world.procore.mails) == ({"New": "first_aid"}, 0)
    world.faults.clear()
    for _ in range(9):
        world.sync()
    assert (filed(world), world.procore.mails) == ({"New": "lost_time", "Old": None}, 1)
    assert world.inbox() == []


def test_the_default_mapping_has_nothing_to_leave_out(build: Callable[..., World]) -> None:
    world = build(since=SINCE)
    assert world.route.mapping.alerting == ()
    _, assignment = hire(world)
    hurt(world, assignment)
    assert run(world).outcome == "ok"
    assert (filed(world), world.procore.mails) == ({"Fall": None}, 0)
    assert is_quiet(world)
