"""A base without its values still tells who has changed what since."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from core import MAPPING, injury, involved

from procore_4hse.mapping.lenses.person import NumberLens
from procore_4hse.mapping.rules import Field
from procore_4hse.models import Base, Image, Link, Side
from procore_4hse.reconcile import lifecycle
from procore_4hse.reconcile.diff import FieldDiff, Verdict, diff_field
from procore_4hse.reconcile.redacted_base import is_redacted, redact_base, restore_base
from procore_4hse.reconcile.snapshot import Presence, Snapshot
from routes import link, office, route, site


def link_outcome(snapshot: Snapshot, link: Link) -> lifecycle.LinkOutcome:
    return lifecycle.link_outcome(snapshot, snapshot.incidents, link)


DAYS = Field("days", "Days of absence", NumberLens("work_days_absent", "days"))
BASE = Base({"work_days_absent": 4711}, {"days": 4711})


def site_days(days: int | None) -> Image:
    return {"work_days_absent": days}


def office_days(days: int | None) -> Image:
    return {"days": days}


def compared(procore: int | None, fourhse: int | None, base: Base = BASE) -> FieldDiff:
    return diff_field(DAYS, site_days(procore), office_days(fourhse), redact_base(base, "salt"))


def test_no_value_is_left() -> None:
    kept = redact_base(BASE, "salt")
    told = json.dumps([dict(kept.procore), dict(kept.fourhse)])
    assert "4711" not in told
    assert "days" not in told
    assert is_redacted(kept.procore)
    assert is_redacted(kept.fourhse)
    assert not is_redacted(BASE.procore)


def test_one_value_leaves_different_marks_under_different_salts() -> None:
    assert redact_base(BASE, "one").procore["@print"] != redact_base(BASE, "other").procore["@print"]


def test_what_is_forgotten_stays_as_it_is() -> None:
    once = redact_base(BASE, "one")
    assert redact_base(once, "other") == once


@pytest.mark.parametrize("settled", [True, False])
def test_a_side_that_still_shows_it_gives_the_value_back(settled: bool) -> None:
    base = replace(BASE, settled=settled)
    kept = redact_base(base, "salt")
    assert restore_base(DAYS, kept, {Side.PROCORE: site_days(4711), Side.FOURHSE: office_days(4711)}) == base
    moved = restore_base(DAYS, kept, {Side.PROCORE: site_days(4711), Side.FOURHSE: office_days(1)})
    assert moved == Base(BASE.procore, kept.fourhse, settled)
    half = Base(kept.procore, BASE.fourhse, settled)
    assert restore_base(DAYS, half, {Side.PROCORE: site_days(4711), Side.FOURHSE: office_days(4711)}) == base
    alone = restore_base(DAYS, kept, {Side.FOURHSE: office_days(4711)})
    assert alone == Base(kept.procore, BASE.fourhse, settled)


def test_a_base_that_is_known_or_missing_is_left_alone() -> None:
    now = {Side.PROCORE: site_days(1), Side.FOURHSE: office_days(2)}
    assert restore_base(DAYS, BASE, now) is BASE
    assert restore_base(DAYS, None, now) is None


def test_a_value_is_known_again_in_another_order_and_whatever_it_is_made_of() -> None:
    person = MAPPING.people[0]
    ours, theirs = injury(affected_party={"id": 7, "name": "Ann", "born_on": date(1980, 5, 1)}), involved()
    turned = injury(affected_party={"born_on": date(1980, 5, 1), "name": "Ann", "id": 7})
    base = person.base_of(ours.image, theirs.image)
    assert (
        restore_base(person, redact_base(base, "salt"), {Side.PROCORE: turned.image, Side.FOURHSE: theirs.image})
        == base
    )


@pytest.mark.parametrize(
    ("procore", "fourhse", "verdict", "to"),
    [
        (4711, 4711, Verdict.SAME, None),
        (5, 5, Verdict.AGREED, None),
        (4711, 5, Verdict.WRITE, Side.PROCORE),
        (5, 4711, Verdict.WRITE, Side.FOURHSE),
        (None, 4711, Verdict.WRITE, Side.FOURHSE),
        (4711, None, Verdict.WRITE, Side.PROCORE),
        (5, 6, Verdict.CONFLICT, None),
    ],
)
def test_an_edit_since_is_told_from_what_stood(procore: Any, fourhse: Any, verdict: Verdict, to: Side | None) -> None:
    found = compared(procore, fourhse)
    assert (found.verdict, found.to) == (verdict, to)


def test_two_that_were_left_different_stay_so() -> None:
    left = Base({"work_days_absent": 3}, {"days": 4}, settled=True)
    assert compared(3, 4, left).verdict is Verdict.SETTLED
    assert compared(3, 5, left).to is Side.PROCORE


@pytest.mark.parametrize(("now", "is_edited"), [({}, False), ({"title": "Slip"}, True), ({"description": None}, True)])
def test_a_survivor_counts_as_edited_only_when_it_was(now: dict[str, Any], is_edited: bool) -> None:
    whole = link()
    kept = replace(whole, base={key: redact_base(base, "salt") for key, base in whole.base.items()})
    assert edited(kept, now) is is_edited
    assert edited(whole, now) is is_edited


def edited(mine: Link, now: dict[str, Any]) -> bool:
    known = route(site(**now), office(presence=Presence.GONE), links=(mine,))
    (item,) = link_outcome(known, mine).items
    return bool(item.facts["edited"])


def test_who_did_not_keep_a_value_outlives_it() -> None:
    lost = replace(BASE, lost_on=Side.FOURHSE)
    kept = redact_base(lost, "salt")
    assert (is_redacted(kept.procore), kept.lost_on) == (True, Side.FOURHSE)
    shown = {Side.PROCORE: lost.procore, Side.FOURHSE: lost.fourhse}
    assert restore_base(DAYS, kept, shown) == lost
