"""One odd value in one record never stops a route, never deletes or doubles anything, and holds nothing in silence.

Every field of every kind of record is given every value of `odd_values.ODD`, one at a time. A run of the tests takes a
sample of these cases for each kind; `make odd` takes as many as ODD_CASES says.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import cache
from itertools import product
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from structlog.testing import capture_logs

import odd_values
from odd_values import ODD, PLACES, Spoiler, fields_of, mapping_of_everything
from procore_4hse.engine.report import Report
from procore_4hse.mapping.lenses.base import Reading
from procore_4hse.mapping.lenses.incident import TextLens
from procore_4hse.mapping.rules import FieldMapping
from procore_4hse.models import Image, Side
from world import World

pytestmark = pytest.mark.any_store
CASES = int(os.environ.get("ODD_CASES", "3"))
"""So many cases of each kind are played."""
SEED = int(os.environ.get("ODD_SEED", "0"))
ANOTHER_RECORD = frozenset(
    {"text", "text with a colon", "zero", "negative", "beyond 64 bit", "below 64 bit", "very long", "half an emoji"}
    | {"NUL", "day of no calendar", "first year", "last year", "instant", "thousands of digits"}
    | {"1e999", "minus 1e999", "NaN"}
)
"""What may be an id: a row that bears it is another record, and nothing odd."""


SPELT_OUT = ("1e999", "minus 1e999", "NaN", "as text", "capitals", "thousands of digits")
"""What reads as text."""


@dataclass(frozen=True)
class Case:
    kind: str
    path: tuple[str, ...]
    odd: str
    linked: bool
    """Whether the record had crossed before it became odd."""

    @property
    def hides_the_record(self) -> bool:
        """Whether the record's own id is what is odd: then its listing proves nothing."""
        return self.path in ((PLACES[self.kind].id_key,), ("subtenant_id",))

    @property
    def is_fair(self) -> bool:
        # An office's id in a row of 4HSE's says that the filter was not applied: that answer is refused as a whole.
        if self.path == ("subtenant_id",):
            return not isinstance(ODD[self.odd], str) and self.odd not in SPELT_OUT
        return self.path != (PLACES[self.kind].id_key,) or self.odd not in ANOTHER_RECORD


@cache
def mapping() -> FieldMapping:
    with TemporaryDirectory() as folder:
        return mapping_of_everything(Path(folder))


@cache
def shown() -> dict[str, dict[str, Any]]:
    """A clean row of each kind."""
    with TemporaryDirectory() as folder:
        world, spoiler = odd_values.build(f"sqlite:///{folder}/sync.db", mapping())
        world.sync(first=True)
        world.sync(first=True)
        world.store.close()
        return spoiler.shown


def cases(kind: str) -> list[Case]:
    each = (Case(kind, *choice) for choice in product(fields_of(shown()[kind]), ODD, (False, True)))
    fair = [case for case in each if case.is_fair]
    return Random(f"{kind} {SEED}").sample(fair, min(CASES, len(fair)))  # noqa: S311


def children(world: World) -> tuple[int, int]:
    site = sum(len(row["injuries"]) + len(row["near_misses"]) for row in world.site().values())
    return site, sum(len(row["persons"]) for row in world.office().values())


def play(world: World, spoiler: Spoiler, case: Case) -> Iterator[str]:
    """What goes wrong, in words."""
    if case.linked:
        world.sync(first=True)
    site = world.on_site("Ladder", date(2026, 1, 5))
    office = world.in_office("Puddle", date(2026, 1, 15))
    spoiler.kind, spoiler.path, spoiler.value, spoiler.armed = case.kind, case.path, ODD[case.odd], True
    before = {*world.site()}, {*world.office()}
    for _ in range(2):
        report = world.sync(first=True)
        if report.outcome not in ("ok", "partial") or report.exit_code not in (0, 1):
            yield f"the cycle ended {report.outcome}: {report.reason}"
    if not spoiler.spoiled:
        yield "nothing was spoiled"
    linked = {one for link in world.links() for one in (link.procore_id, link.fourhse_id)}
    if not {site, office} <= linked and not case.hides_the_record:
        yield "another incident did not cross"
    if waits(report) and report.outcome == "ok" and not world.inbox():
        yield "an incident waits, and nobody is told why"
    spoiler.armed = False
    yield from aftermath(world, before)


def aftermath(world: World, before: tuple[set[str], set[str]]) -> Iterator[str]:
    """What is wrong once the vendor answers as it should again."""
    for _ in range(2):
        report = world.sync(first=True)
    if report.outcome != "ok":
        yield f"it did not come to rest: {report.outcome}: {report.reason}"
    yield from lost_or_doubled(world, *before)


def lost_or_doubled(world: World, site: set[str], office: set[str]) -> Iterator[str]:
    """What became of the records that were there before."""
    if not (site <= {*world.site()} and office <= {*world.office()}):
        yield "something was deleted"
    if (len(world.site()), len(world.office())) != (4, 4) or max(children(world)) > 3:
        yield f"something was doubled: {len(world.site())}, {len(world.office())}, {children(world)}"


def waits(report: Report) -> bool:
    return any(counts["waiting"] for counts in report.population.values())


def troubles(case: Case, folder: Path) -> list[str]:
    world, spoiler = odd_values.build(f"sqlite:///{folder}/sync.db", mapping())
    try:
        return [f"{case}: {trouble}" for trouble in play(world, spoiler, case)]
    finally:
        world.store.close()


@pytest.mark.parametrize("odd", ["half an emoji", "NUL", "1e999", "NaN", "beyond 64 bit", "half an emoji in an object"])
def test_postgresql_takes_whatever_a_record_holds(postgres_url: str, odd: str) -> None:
    world, spoiler = odd_values.build(postgres_url, mapping())
    spoiler.kind, spoiler.path, spoiler.value, spoiler.armed = "Procore incident", ("title",), ODD[odd], True
    assert world.sync(first=True).outcome == "ok"
    assert world.sync(first=True).outcome == "ok"
    world.store.close()


def fails_on(record: str, lens_get: Any) -> Any:
    def get(self: TextLens, side: Side, image: Image) -> Reading:
        if record in (str(image.get("id")), image.get("office_incident_id")):
            raise ZeroDivisionError(image.get("description"))
        reading: Reading = lens_get(self, side, image)
        return reading

    return get


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize("linked", [True, False])
def test_a_record_that_makes_us_fail_is_left_alone_until_it_is_read(
    build: Callable[..., World], monkeypatch: pytest.MonkeyPatch, side: Side, linked: bool
) -> None:
    world = build()
    odd = world.on_site("Fall") if side is Side.PROCORE else world.in_office("Fall")
    plain = world.on_site("Ladder", date(2026, 1, 5))
    if linked:
        world.sync(first=True)
        if side is Side.PROCORE:
            world.procore.hand_edit("incident", int(odd), title="Fall from a roof")
        else:
            world.fourhse.hand_edit("incident", odd, name="Fall from a roof")
    with monkeypatch.context() as patch, capture_logs() as logs:
        patch.setattr(TextLens, "get", fails_on(odd, TextLens.get))
        world.procore.hand_edit("incident", int(plain), title="Ladder slipped")
        report = world.sync(first=True)
    assert (report.outcome, report.population[side.value]["waiting"]) == ("ok", 1)
    assert {"pull.odd_record"} == {line["event"] for line in logs if line["log_level"] == "error"}
    assert [row["name"] for row in world.office().values() if row["name"].startswith("Ladder")] == ["Ladder slipped"]
    assert len(world.site()) + len(world.office()) == (4 if linked else 3)
    world.sync(first=True)
    expected = "Fall from a roof" if linked else "Fall"
    assert expected in [row["title"] for row in world.site().values()]
    assert expected in [row["name"] for row in world.office().values()]
    assert (len(world.site()), len(world.office()), world.inbox()) == (2, 2, [])


@pytest.mark.one_case_in(5)
@pytest.mark.parametrize("kind", PLACES)
def test_no_value_of_a_record_stops_a_route(kind: str, tmp_path: Path) -> None:
    found: list[str] = []
    for number, case in enumerate(cases(kind)):
        folder = tmp_path / str(number)
        folder.mkdir()
        found += troubles(case, folder)
    assert not found, "\n".join(found)
