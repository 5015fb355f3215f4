"""What a cycle is about: everything of its route at once, unless it is given another selection, as a backfill is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from procore_4hse.mapping.rules import FieldMapping
from procore_4hse.push.steps import Steps
from procore_4hse.reconcile.snapshot import Plan, Snapshot

Days = tuple[date, date]
"""A range of days, both ends included."""


@dataclass(frozen=True)
class Portion:
    """A part of a plan that is carried out in one go. `day` is the day that all of it is about, if there is one."""

    plan: Plan
    day: date | None = None


class Selection(Protocol):
    """Which incidents a cycle is about, and in which portions its plan is carried out."""

    def days(self, today: date) -> Days | None:
        """The days that incidents must lie in; None for all. `today` is that of the project's zone."""

    def leaves_out_alerts(self, mapping: FieldMapping, *, begun_without: bool) -> bool:
        """Whether Procore gets no filing type, which alerts people. `begun_without` tells of an unfinished backfill."""

    def part(self, planned: Plan) -> Plan:
        """What of a plan, guards included, is carried out."""

    def announce(self, seen: Snapshot, decided: Plan) -> None:
        """Called once, with what is about to happen; a dry run ends there."""

    def portions(self, decided: Plan) -> Iterable[Portion]:
        """The plan in the order in which it is carried out. What its first portion asks is kept in any case."""

    def done(self, portion: Portion, steps: Steps) -> None:
        """Writes down that a portion was carried out and nothing of it put off."""


class Everything:
    """The selection of a plain cycle: the whole route, at once."""

    def days(self, today: date) -> Days | None:
        return None

    def leaves_out_alerts(self, mapping: FieldMapping, *, begun_without: bool) -> bool:
        """What a backfill began is finished as it began."""
        return begun_without

    def part(self, planned: Plan) -> Plan:
        return planned

    def announce(self, seen: Snapshot, decided: Plan) -> None:
        """Nobody is told beforehand."""

    def portions(self, decided: Plan) -> Iterable[Portion]:
        return (Portion(decided),)

    def done(self, portion: Portion, steps: Steps) -> None:
        """The cycle's own report is enough."""


EVERYTHING = Everything()
