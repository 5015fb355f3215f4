"""What a vendor sets crosses once: into an empty field of a record that came from there, and never over a value."""

from __future__ import annotations

from dataclasses import replace

import pytest

from procore_4hse.mapping.lenses.display import ShownLens
from procore_4hse.mapping.lenses.lines import Spot
from procore_4hse.mapping.rules import Direction, Field
from procore_4hse.models import Base, LinkState, Side
from procore_4hse.reconcile.diff import FieldDiff, Verdict, diff_field
from procore_4hse.reconcile.plan import plan
from procore_4hse.reconcile.snapshot import Presence
from routes import WITHOUT_LINES, link, office, route, site, told

NUMBER = Field(
    "number", "Number", ShownLens("number", Spot("code"), is_set_by_procore=True), Direction.TO_FOURHSE, fills_only=True
)
WITH_NUMBER = replace(WITHOUT_LINES, fields=(*WITHOUT_LINES.fields, NUMBER))


def base(number: int | None, code: str | None, *, settled: bool = False) -> Base:
    return Base({"number": number}, {"code": code}, settled)


def found(
    number: int | None, code: str | None, base: Base | None = None, origin: Side | None = Side.PROCORE
) -> FieldDiff:
    return diff_field(NUMBER, {"number": number}, {"code": code}, base, origin=origin)


def test_an_empty_field_of_what_came_from_procore_is_filled():
    assert (found(9, None).verdict, found(9, None).to) == (Verdict.WRITE, Side.FOURHSE)
    assert found(9, "", base(None, None)).verdict is Verdict.WRITE


@pytest.mark.parametrize("origin", [Side.FOURHSE, None])
def test_an_incident_that_was_made_in_4hse_or_matched_gets_none(origin):
    assert found(9, None, origin=origin).verdict is Verdict.LOCAL


@pytest.mark.parametrize(
    ("number", "code", "then"),
    [
        (9, "INT-7", None),
        (9, "INT-7", base(9, "9")),
        (10, "9", base(9, "9")),
        (9, None, base(9, "9")),
        (None, "INT-7", None),
        (None, "9", base(9, "9")),
    ],
    ids=["had one", "edited", "renumbered", "emptied by hand", "nothing to carry", "no longer set"],
)
def test_nothing_is_written_over_what_somebody_left(number, code, then):
    assert found(number, code, then).verdict is Verdict.LOCAL


def test_what_the_vendor_did_not_take_is_not_sent_again():
    assert found(9, None, base(9, None, settled=True)).verdict is Verdict.SETTLED
    assert found(10, None, base(9, None, settled=True)).verdict is Verdict.WRITE


def test_both_alike_agree():
    assert found(9, "9").verdict is Verdict.AGREED
    assert found(9, "9", base(9, "9")).verdict is Verdict.SAME


def test_a_plan_fills_by_where_the_link_was_born():
    ours, theirs = site(number=9), office(code=None)
    for origin, fields in ((Side.PROCORE, [{"code": "9"}]), (Side.FOURHSE, []), (None, [])):
        planned = plan(route(ours, theirs, links=(link(ours, theirs, origin=origin),), mapping=WITH_NUMBER))
        assert [dict(action.fields) for action in planned.actions] == fields
        assert planned.items == ()


def test_a_new_record_carries_it():
    (action,) = plan(route(site(number=9), mapping=WITH_NUMBER)).actions
    assert action.fields["code"] == "9"


@pytest.mark.parametrize(
    ("origin", "code", "again"),
    [
        (Side.PROCORE, "INT-7", "INT-7"),
        (Side.PROCORE, None, "9"),
        (Side.FOURHSE, "INT-7", "INT-7"),
        (Side.FOURHSE, None, None),
    ],
)
def test_a_record_that_is_made_again_has_the_code_that_it_had(origin, code, again):
    ours, theirs = site(number=9), office(presence=Presence.GONE, code=code)
    gone = link(ours, theirs, origin=origin, state=LinkState.GONE_FOURHSE)
    deleted_images = {theirs.ref: {"code": code} if code else {}}
    whole = route(ours, theirs, links=(gone,), mapping=WITH_NUMBER, deleted_images=deleted_images)
    (action,) = plan(told(whole, f"deletion:{gone.key}:fourhse", "reject", restore=True)).actions
    assert action.fields.get("code") == again


def named(key: str, line: str, direction: Direction = Direction.TO_FOURHSE) -> Field:
    spot = Spot("description_actions_involved", line, ("Location", "Hazard"))
    return Field(key, line, ShownLens(key, spot, is_set_by_procore=True), direction)


@pytest.mark.parametrize(("way", "place"), [(Direction.TO_FOURHSE, "Gate"), (Direction.TO_PROCORE, "Roof")])
def test_what_the_office_wrote_below_the_lines_comes_back_with_a_record_that_is_made_again(way, place):
    lines = named("location", "Location", way), named("hazard", "Hazard")
    mapping = replace(WITHOUT_LINES, fields=(*WITHOUT_LINES.fields, *lines))
    text = "Location: Roof\nHazard: Fall\n\nWe put up a rail."
    ours, theirs = site(location={"name": "Gate"}, hazard={"name": "Fall"}), office(presence=Presence.GONE)
    gone = link(ours, theirs, origin=Side.PROCORE, state=LinkState.GONE_FOURHSE)
    deleted_images = {theirs.ref: {"description_actions_involved": text}}
    whole = route(ours, theirs, links=(gone,), mapping=mapping, deleted_images=deleted_images)
    (action,) = plan(told(whole, f"deletion:{gone.key}:fourhse", "reject", restore=True)).actions
    assert action.fields["description_actions_involved"] == text.replace("Roof", place)


def test_what_the_vendor_kept_in_part_is_asked_about_until_a_side_moves():
    lost = Base({"number": 90}, {"code": "9"}, lost_on=Side.FOURHSE)
    assert found(90, "9", lost).verdict is Verdict.LOST
    assert found(90, "9", replace(lost, settled=True)).verdict is Verdict.SETTLED
    assert found(90, "7", lost).verdict is Verdict.LOCAL
    assert found(90, None, Base({"number": 90}, {"code": None}, lost_on=Side.FOURHSE)).verdict is Verdict.LOST
