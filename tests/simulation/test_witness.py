"""The witness of the histories on registers of a few rows: what it lets pass, and what it objects to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from oracle_watch import Objection, Watch

ZONE = "Europe/Rome"


def in_office(day: str, **more: Any) -> dict[str, Any]:
    told = {"name": "Near miss at gate 4", "description_event": "", "date_incident": day, "status": "new"}
    return told | {"category": "NON_COMPLIANCE", "deponent": None} | more


def on_site(day: str) -> dict[str, Any]:
    told = {"title": "Near miss at gate 4", "description": "", "event_date": f"{day}T12:00:00Z", "status": "open"}
    return told | {"time_unknown": True, "injuries": []}


@dataclass
class Registers:
    """What both systems show, and the links that the product claims."""

    site: dict[str, dict[str, Any]] = field(default_factory=dict)
    office: dict[str, dict[str, Any]] = field(default_factory=dict)
    pairs: list[tuple[str, str]] = field(default_factory=list)

    def watch(self) -> Watch:
        return Watch(lambda: self.site, lambda: self.office, lambda: self.pairs, ZONE)


@pytest.fixture
def alike() -> tuple[Registers, Watch]:
    """Two incidents that told the same, until the day of the first one was corrected."""
    registers = Registers(office={"a": in_office("2026-04-06"), "b": in_office("2026-04-06")})
    watch = registers.watch()
    watch.human()
    registers.office["a"] = in_office("2026-02-01")
    watch.human(("fourhse", "a"), "day")
    return registers, watch


@pytest.mark.parametrize("order", ["ab", "ba"])
def test_each_of_two_that_told_the_same_once_is_copied_once(alike, order):
    registers, watch = alike
    for number, one in enumerate(order):
        registers.site[str(number)] = on_site(registers.office[one]["date_incident"])
        watch.machine()
        registers.pairs.append((str(number), one))
    assert watch.partner["fourhse", "a"] == str(order.index("a"))


def test_a_second_copy_of_one_of_them_is_objected_to(alike):
    registers, watch = alike
    for number in range(2):
        registers.site[str(number)] = on_site("2026-02-01")
        if number:
            with pytest.raises(Objection, match="was made, and nothing without a partner"):
                watch.machine()
        else:
            watch.machine()
            registers.pairs.append(("0", "a"))


def test_a_copy_that_a_person_calls_another_one_is_copied_itself(alike):
    registers, watch = alike
    registers.site["0"] = on_site("2026-02-01")
    watch.machine()
    watch.told_apart(("fourhse", "a"), ["0"])
    registers.office["c"] = in_office("2026-02-01")
    watch.machine()
    assert watch.partner["fourhse", "c"] == "0"
