"""Counts what the histories reached, so that a rule which never fired fails the run instead of passing unseen."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from machine_moves import CLOCKS, ODD_ONES, SETTINGS, UNASKED
from structlog import DropEvent

from procore_4hse.engine.report import Report
from procore_4hse.models import Act, ItemKind, LinkState, Side
from procore_4hse.reconcile.diff import Verdict
from procore_4hse.reconcile.snapshot import Plan
from procore_4hse.simulator.faults import FaultKind
from procore_4hse.simulator.fourhse_dials import FourHseDials
from procore_4hse.simulator.procore_dials import ProcoreDials

Dials = TypeVar("Dials", ProcoreDials, FourHseDials)


@dataclass
class Meter:
    """Names are `group: what`, for example `verdict: drift` or `act: restore in procore`."""

    counts: Counter[str] = field(default_factory=Counter)

    def add(self, group: str, what: object) -> None:
        self.counts[f"{group}: {what}"] += 1

    def report(self, report: Report, plans: Iterable[Plan]) -> None:
        """How a cycle ended, and what it decided."""
        self.add("outcome", report.outcome)
        for plan in plans:
            self._plan(plan)

    def _plan(self, plan: Plan) -> None:
        for action in plan.actions:
            self.add("act", f"{action.act} in {action.side}")
            if action.then is not LinkState.LIVE:
                self.add("state", f"done -> {action.then}")
        for item in plan.items:
            self.add("item", item.kind)
            if "lost_on" in item.facts:
                self.add("loss", "asked")
            if item.kind is ItemKind.GUARD:
                self.add("guard", item.key.split(":")[1])
        for change in plan.transitions:
            self.add("state", f"{change.link.state} -> {change.state}")

    def dials(self, system: str, dials: ProcoreDials | FourHseDials) -> None:
        for dial in fields(dials):
            self.add("dial", f"{system} {dial.name}={getattr(dials, dial.name)}")

    def asked(self, names: Mapping[str, Iterable[str]]) -> None:
        """The dials that each system has looked at: what nobody looks at has been turned for nothing."""
        for system in names:
            for name in names[system]:
                self.add("asked", f"{system} {name}")

    def hear(self, _logger: object, _method: str, event: Mapping[str, Any]) -> Mapping[str, Any]:
        """A structlog processor: events are counted and go no further."""
        self.add("event", event["event"])
        raise DropEvent

    def save(self, path: Path) -> None:
        path.write_text(json.dumps(self.counts), encoding="utf-8")

    @classmethod
    def together(cls, paths: Iterable[Path]) -> Meter:
        whole = cls()
        for path in paths:
            whole.counts.update(json.loads(path.read_text(encoding="utf-8")))
        return whole

    def silent(self, wanted: Iterable[str]) -> list[str]:
        return sorted(name for name in wanted if not self.counts[name])


def noted(dials: Dials, asked: set[str]) -> Dials:
    """The same dials; the name of each that is looked at goes into `asked`."""

    def look(self: Dials, name: str) -> Any:
        asked.add(name)
        return object.__getattribute__(self, name)

    answers = {dial.name: getattr(dials, dial.name) for dial in fields(dials)}
    return type("Noted", (type(dials),), {"__getattribute__": look})(**answers)


def answers(system: str, dials: ProcoreDials | FourHseDials) -> set[str]:
    """Every dial that histories look at, and every answer of it, by the meter's names."""
    names = [dial.name for dial in fields(dials) if dial.name not in UNASKED[system]]
    turned = {f"dial: {system} {name}={getattr(one, name)}" for one in (dials, *dials.alternatives()) for name in names}
    return turned | {f"asked: {system} {name}" for name in names}


SIDES = {"Procore incident": "procore", "4HSE incident": "fourhse"}

USUAL = frozenset(
    {
        *(f"verdict: {verdict}" for verdict in (Verdict.SAME, Verdict.AGREED, Verdict.WRITE, Verdict.CONFLICT)),
        *(f"act: {act} in {side}" for act in (Act.CREATE, Act.UPDATE) for side in Side),
        "act: link in fourhse",
        "item: conflict",
        "item: deletion",
        "outcome: ok",
        "outcome: partial",
    }
)
"""What even a run of seconds must reach."""

EVERYTHING = USUAL | frozenset(
    {
        *(f"verdict: {verdict}" for verdict in Verdict),
        *(f"act: {act} in {side}" for act in (Act.CREATE, Act.UPDATE, Act.DELETE) for side in Side),
        "act: restore in procore",
        *(f"item: {kind}" for kind in ItemKind),
        *(f"fault: {kind}" for kind in FaultKind),
        *(f"clock: {by} from the truth" for by in CLOCKS),
        *(f"settings: {what} after the answers" for what in SETTINGS),
        *(f"neighbour: {what}" for what in ("left the route alone", "took over")),
        *(f"odd: {value} as {name} in {SIDES[kind]}" for kind, name, value in ODD_ONES),
        "odd: at rest",
        "site: hurt stranger",
        "around: correct list",
        "answer: name a partner",
        *(f"answer: forget: {what}" for what in ("partner", "never-copied")),
        "partner: corrected",
        *(f"loss: {what}" for what in ("asked", "left")),
        *(f"{who}: {what}" for who in ("site", "office") for what in ("enter anew", "half an emoji")),
        "second route: ok",
        *(f"event: settle.{word}" for word in ("adopted", "abandoned", "lost")),
        *(f"outcome: {word}" for word in ("ok", "partial", "failed", "stopped")),
        "state: live -> gone-procore",
        "state: live -> gone-fourhse",
        "state: gone-procore -> live",
        "state: gone-fourhse -> live",
        "state: gone-procore -> ignored",
        "state: gone-fourhse -> ignored",
        "state: ignored -> live",
        "state: closed-by-policy -> live",
        "state: gone-procore -> ended",
        "state: gone-fourhse -> ended",
        "state: live -> ended",
        *answers("procore", ProcoreDials()),
        *answers("fourhse", FourHseDials()),
    }
)
"""What a run of thousands must reach."""
RARE = frozenset(
    {
        "fault: late",
        "item: drift",
        "state: closed-by-policy -> live",
        "state: ignored -> live",
        "dial: procore error_form=string",
        "state: gone-procore -> ended",
        "state: gone-fourhse -> ended",
        "act: delete in fourhse",  # Only after a person's yes to a deletion in Procore that nothing voids meanwhile.
        "partner: corrected",  # A stranger who was hurt, named by a person, and named otherwise by a list afterwards.
        "dial: fourhse closed_on_create_allowed=False",  # Looked at where an incident is made that is closed already.
    }
)
"""What comes about in less than one history of two hundred."""

MOST = EVERYTHING - RARE
"""What a run of hundreds must reach."""
