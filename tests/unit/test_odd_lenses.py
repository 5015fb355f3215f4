"""What lenses say of values that have no business where they stand: they wait, with a reason, and never fail."""

from typing import Any

import pytest

from odd_values import AS_FLOAT, AS_TEXT, CAPITALS, MISSING, ODD
from procore_4hse.mapping.lenses.base import INJURED, ZONE, Held, Known
from procore_4hse.mapping.lenses.words import PartsLens
from procore_4hse.mapping.picklists import Picklists
from procore_4hse.mapping.rules import Field
from procore_4hse.models import Side
from world import default_mapping

ROWS = {row.key: row for row in (*default_mapping().fields, *default_mapping().people)}
VALUES = [value for value in ODD.values() if value not in (MISSING, CAPITALS, AS_TEXT, AS_FLOAT)]


@pytest.mark.parametrize("row", ROWS.values(), ids=lambda row: row.key)
@pytest.mark.parametrize("side", Side)
def test_a_lens_says_something_of_every_value(row: Field, side: Side) -> None:
    names = [name for name in row.lens.reads(side) if not name.startswith("@")]
    for value in VALUES:
        image = {ZONE: "UTC", INJURED: None, **dict.fromkeys(names, value)}
        assert isinstance(row.lens.get(side, image), Known | Held), value


@pytest.mark.parametrize("value", [[], ["x"], {}, {"id": []}, True])
@pytest.mark.parametrize("name", ["title", "event_date"])
def test_what_is_no_single_value_is_held_with_its_name(name: str, value: Any) -> None:
    row = next(row for row in ROWS.values() if name in row.lens.reads(Side.PROCORE))
    reading = row.lens.get(Side.PROCORE, {ZONE: "UTC", name: value})
    assert reading == Held(f"Procore shows something in `{name}` that cannot be read", word=str(value))


@pytest.mark.parametrize("raw", ["ankle_left", 7, 7.0, {"id": 7}, {"name_key": "ankle_left"}])
def test_a_body_part_may_come_as_a_key_an_id_or_an_object(raw: Any) -> None:
    lens = next(row.lens for row in ROWS.values() if isinstance(row.lens, PartsLens))
    picklists = Picklists(pickers={"body_parts": {"7": {"id": "7", "name_key": "ankle_left", "name": "Ankle"}}})
    assert lens.bound(picklists).get(Side.PROCORE, {"affected_body_parts": [raw]}) == Known(("ankle_left",))
