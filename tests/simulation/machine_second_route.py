"""Another project and office on the same store: what happens to the first route is nothing to them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from oracle_watch import Objection
from scenario_world import ScenarioWorld

from oracle import differences
from procore_4hse.engine.cycle import run_cycle
from procore_4hse.models import Item
from procore_4hse.route import Route
from world import TENANT, default_mapping

PROJECT, OFFICE = 1363618, "5b7f5a5e-1d39-4a7c-8f43-7b1d6f3a9e03"


@dataclass
class SecondRoute:
    """Calm work: in each turn a new incident and an edit on either side, then a cycle, and all of it has crossed."""

    scenario: ScenarioWorld
    done: Callable[[str, str], None]
    route: Route = field(init=False)
    zone: str = field(init=False)

    def __post_init__(self) -> None:
        self.zone = zone = self.scenario.zone
        self.scenario.procore.add_project(PROJECT, "Hillside", zone, zone)
        self.scenario.fourhse.add_office(TENANT, OFFICE, "Hillside site")
        places = {"name": "hillside", "procore_project": str(PROJECT), "fourhse_office": OFFICE}
        plain = {"mapping": default_mapping(), "direction": type(self.scenario.route.direction).BOTH}
        self.route = replace(self.scenario.route, **places, **plain)

    def turn(self, number: int) -> None:
        moment = datetime(2026, 2, 1 + number, 20, tzinfo=UTC)
        text = f"Seen on the hillside, case {number}."
        self.scenario.procore.hand_create(
            "incident", PROJECT, title=f"Hillside {number}", description=text, event_date=moment
        )
        for row in self.scenario.fourhse.dump(OFFICE)[:1]:
            self.scenario.fourhse.hand_edit("incident", row["office_incident_id"], name=f"Edited in turn {number}")
        self.cycle()

    def cycle(self) -> None:
        report = run_cycle(self.scenario.runtime, self.route)
        self.done("second route", report.outcome)

    def check(self) -> None:
        """At rest both of its registers tell the same, or the inbox names the record."""
        for _ in range(3):
            self.cycle()
        with self.scenario.store.read() as unit:
            pairs = [(link.procore_id, link.fourhse_id) for link in unit.links(self.route.key).all()]
            items = [entry.item for entry in unit.inbox(self.route.key).entries()]
        site, office = self.scenario.procore.dump(PROJECT), self.scenario.fourhse.dump(OFFICE)
        wrong = differences(site, office, pairs, self.zone, blanks_count=False)
        if untold := list(untold_of(wrong, items, dict(pairs))):
            raise Objection(f"the second route: {untold}, asked: {[item.key for item in items]}")


def untold_of(differences: Iterable[str], items: Iterable[Item], pairs: Mapping[str, str]) -> Iterator[str]:
    """Those of which no question names the record on either side and, if it names a field, that one."""
    about = [({item.procore_id, item.fourhse_id, *item.key.split(":")}, item.field) for item in items]
    for line in differences:
        record, _, rest = line.partition(": ")
        ids = {record, pairs.get(record, record)}
        if not any(ids & named and (not field or rest.startswith((field, "only"))) for named, field in about):
            yield line
