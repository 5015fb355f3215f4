"""A row that cannot be told yet waits by itself: the new record goes without it, and nothing is taken as agreed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from procore_4hse.mapping.lenses.base import Unwritable
from procore_4hse.mapping.lenses.custom import CustomWordLens
from procore_4hse.mapping.lenses.lines import Spot
from procore_4hse.mapping.lenses.words import WordList
from procore_4hse.mapping.rules import Field
from procore_4hse.mapping.translate import new_payload, unsaid
from procore_4hse.models import Side
from procore_4hse.reconcile.plan import plan
from routes import MAPPING, ROME, office, route, site

TRADES = WordList.of("trade", [("Roofer", "101"), ("Mason", "Masonry")])
TRADE = Field("custom_field_7", "Trade", CustomWordLens("custom_field_7", Spot("code"), TRADES))
WITH_TRADE = replace(MAPPING, fields=(TRADE, *MAPPING.fields))


def entry(number: int) -> dict[str, Any]:
    return {"custom_fields": {"custom_field_7": {"value": {"id": number, "label": "?"}}}}


@pytest.mark.parametrize(
    ("record", "left"),
    [
        (site(**entry(101)), set()),
        (site(**entry(9)), {"custom_field_7"}),
        (site(), set()),
        (office(code="Roofer"), set()),
        (office(code="Baker"), {"custom_field_7"}),
        (office(code="Mason"), {"custom_field_7"}),
    ],
    ids=["known", "unknown entry", "none", "word", "unknown word", "no id to write"],
)
def test_the_new_record_goes_without_what_cannot_be_told(record, left):
    assert unsaid(WITH_TRADE.fields, record.side.other, record.image, ROME) == left
    (action,) = plan(route(record, mapping=WITH_TRADE)).actions
    assert set(action.sources) == {row.key for row in WITH_TRADE.fields} - left
    assert ("code" in action.fields or "custom_field_7" in action.fields) == (
        not left and record.image.get("code", record.image.get("custom_fields")) is not None
    )


@pytest.mark.parametrize("changes", [{"status": "odd"}, {"@injured": None}, {"title": ""}, {"event_date": None}])
def test_what_a_record_cannot_be_without_holds_it(changes):
    with pytest.raises(Unwritable):
        new_payload(WITH_TRADE.fields, Side.FOURHSE, site(**changes).image, ROME)


def test_a_held_record_is_asked_about_by_what_holds_it():
    planned = plan(route(site(status="odd", **entry(9)), mapping=WITH_TRADE))
    assert planned.actions == ()
    assert [item.field for item in planned.items] == ["status"]
