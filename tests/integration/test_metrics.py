"""What a monitoring system reads: the store's truth, in the form and under the names that it expects."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text

from procore_4hse.apis import Quota
from procore_4hse.models import Side
from procore_4hse.operations.metrics import StoreCollector, exposition
from procore_4hse.operations.schedule import pause
from procore_4hse.operations.status import Terms
from procore_4hse.simulator.faults import FaultKind
from procore_4hse.store.repository import Store
from procore_4hse.store.timetable import Pace
from world import OFFICE, PROJECT, TENANT, World

pytestmark = pytest.mark.one_test_on_postgresql_in(8)

ROOT = Path(__file__).parents[2]
MINUTES, SECOND = timedelta(minutes=1), timedelta(seconds=1)
ACCOUNTS = {side: side.value for side in Side}

EXPECTED = {
    "build_info": ("version",),
    "cycles_total": ("route", "outcome"),
    "cycle_duration_seconds": (),
    "route_last_agreement_timestamp_seconds": ("route",),
    "route_due_lag_seconds": ("route",),
    "route_cadence_seconds": ("route",),
    "records": ("route", "side", "state"),
    "inbox_items": ("route", "kind"),
    "inbox_oldest_timestamp_seconds": ("route",),
    "requests_total": ("system", "outcome"),
    "budget_remaining": ("system", "window"),
    "writes_total": ("system", "action", "outcome"),
    "hints_total": ("outcome",),
}
"""Every metric with its labels, without the prefix."""
LABELS = ("route", "side", "system", "action", "window", "state", "kind", "outcome", "version", "le")
PREFIX = "procore_4hse_"
Samples = dict[tuple[str, ...], float]


@pytest.fixture
def world(build: Callable[..., World]) -> World:
    return build()


def collector(world: World) -> StoreCollector:
    return StoreCollector(world.store, [world.route], Terms(Pace(5 * MINUTES), ACCOUNTS), "1.2.3")


def told(world: World) -> dict[str, Samples]:
    """By the sample's name without the prefix, and the values of its labels in the order of `LABELS`."""
    found: dict[str, Samples] = {}
    for family in text_string_to_metric_families(exposition(collector(world)).decode()):
        for sample in family.samples:
            labels = tuple(sample.labels[name] for name in LABELS if name in sample.labels)
            found.setdefault(sample.name.removeprefix(PREFIX), {})[labels] = sample.value
    return found


def a_working_day(world: World) -> None:
    """Two incidents cross, one of which is edited on both sides; one call fails and one is limited; a hint comes in."""
    first, _ = world.on_site("Fall from a ladder"), world.on_site("Cut hand")
    world.sync()
    world.procore.hand_edit("incident", int(first), title="Fall from a roof")
    (ours,) = [row["office_incident_id"] for row in world.office().values() if row["name"] == "Fall from a ladder"]
    world.fourhse.hand_edit("incident", ours, name="Fall into a pit")
    world.sync()
    with world.store.begin() as unit:
        unit.tallies.add("", {("hints", "taken"): 1})
        unit.budgets.tell("procore", [], 0)


def test_the_metrics_are_those_that_are_promised_and_have_the_form_that_is_expected(world: World) -> None:
    a_working_day(world)
    families = [*text_string_to_metric_families(exposition(collector(world)).decode())]
    by_name = {family.name: family for family in families}
    assert len(by_name) == len(families), "one family under each name"
    named = {name.removesuffix("_total") if name.endswith("_total") else name: name for name in EXPECTED}
    assert {name.removeprefix(PREFIX) for name in by_name} == set(named)
    for short, family in ((name.removeprefix(PREFIX), family) for name, family in by_name.items()):
        whole = named[short]
        assert re.fullmatch(r"procore_4hse_[a-z_]+", family.name)
        assert family.documentation.endswith("."), family.name
        is_counter = whole.endswith("_total")
        assert (family.type == "counter") is is_counter, family.name
        assert family.type in ("counter", "gauge", "histogram"), family.name
        labels = {name for sample in family.samples for name in sample.labels} - {"le"}
        assert labels <= set(EXPECTED[whole])
        assert not family.samples or labels == set(EXPECTED[whole]), family.name


def test_the_numbers_are_those_of_the_store(world: World) -> None:
    a_working_day(world)
    found = told(world)
    assert found["build_info"] == {("1.2.3",): 1}
    assert found["cycles_total"] == {("riverside", "ok"): 2}
    assert (found["cycle_duration_seconds_count"], found["cycle_duration_seconds_bucket"][("+Inf",)]) == ({(): 2}, 2)
    assert found["inbox_items"] == {("riverside", "conflict"): 1}
    assert found["writes_total"] == {("fourhse", "create", "done"): 2}
    assert found["hints_total"] == {("taken",): 1}
    assert found["requests_total"][("procore", "ok")] == sum(world.procore.calls.values())
    for side in Side:
        of_side = {key[2]: value for key, value in found["records"].items() if key[1] == side.value}
        assert sum(of_side.values()) == 2, "the states of a side add up to what it holds"
        assert of_side["waiting"] == 1
    (agreed,), (since,) = (
        found["route_last_agreement_timestamp_seconds"].values(),
        found["inbox_oldest_timestamp_seconds"].values(),
    )
    assert agreed == since == (world.clock.now - 5 * MINUTES).timestamp()


def test_a_cycle_that_fails_wipes_no_count_and_no_proof(world: World) -> None:
    a_working_day(world)
    before = told(world)
    world.faults.add(FaultKind.ERROR_BEFORE, path="/incidents", status=500, times=None)
    assert world.sync().outcome == "failed"
    after = told(world)
    for name in ("records", "route_last_agreement_timestamp_seconds", "inbox_items"):
        assert after[name] == before[name]
    assert after["cycles_total"] == {("riverside", "ok"): 2, ("riverside", "failed"): 1}
    assert after["requests_total"][("procore", "unavailable")] > 0


def test_counters_never_become_less(world: World) -> None:
    """Neither when cycles are forgotten, nor for a dry run, nor for a route that the configuration names no more."""
    a_working_day(world)
    before = told(world)
    with world.store.begin() as unit:
        unit.connection.execute(text("DELETE FROM cycle"))
    assert world.sync(dry=True).outcome == "ok"
    after = told(world)
    assert (after["cycles_total"], after["writes_total"]) == (before["cycles_total"], before["writes_total"])
    assert after["requests_total"][("procore", "ok")] > before["requests_total"][("procore", "ok")]
    nobody = StoreCollector(world.store, [], Terms(Pace(5 * MINUTES), ACCOUNTS), "1.2.3")
    (line,) = re.findall(r'requests_total{outcome="ok",system="procore"} (.*)', exposition(nobody).decode())
    assert float(line) == after["requests_total"][("procore", "ok")]


def test_how_long_a_route_has_been_due(world: World) -> None:
    world.sync()
    assert told(world)["route_due_lag_seconds"] == {("riverside",): 0}
    world.clock.advance(minutes=3)
    assert told(world)["route_due_lag_seconds"] == {("riverside",): 180}
    assert told(world)["route_cadence_seconds"] == {("riverside",): 300}
    pause(world.store, world.route, None, "")
    assert "route_due_lag_seconds" not in told(world), "a paused route is not late"


def test_what_is_left_of_the_calls(world: World) -> None:
    hour, spike = (
        Quota(limit, limit - 9, length, length) for limit, length in ((3600, 60 * MINUTES), (20, 10 * SECOND))
    )
    with world.store.begin() as unit:
        unit.budgets.tell("procore", [hour, spike], 0)
    assert told(world)["budget_remaining"] == {("procore", "1h"): 3591, ("procore", "10s"): 11}
    with world.store.begin() as unit:
        unit.budgets.tell("procore", [Quota(0, 0, MINUTES, MINUTES)], 0)
    assert set(told(world)["budget_remaining"].values()) == {0}


def test_no_label_holds_an_id_or_a_person(world: World) -> None:
    a_working_day(world)
    spoken = exposition(collector(world)).decode()
    for secret in ("Fall", "Cut", *world.site(), *world.office(), str(PROJECT), OFFICE, TENANT, "Riverside site"):
        assert secret not in spoken


def test_a_store_without_tables_tells_the_version_alone(tmp_path: Path) -> None:
    with closing(Store(f"sqlite:///{tmp_path}/sync.db")) as store:
        spoken = exposition(StoreCollector(store, [], Terms(Pace(MINUTES), ACCOUNTS), "1.2.3")).decode()
    assert [line for line in spoken.splitlines() if not line.startswith("#")] == [
        'procore_4hse_build_info{version="1.2.3"} 1.0'
    ]


# The pages and pictures that name them -----------------------------------------------------------------------------


def named_in(words: str) -> set[str]:
    """The metrics that a text names, without the prefix and without what a histogram's samples end in."""
    found = re.findall(rf"\b{PREFIX}(\w+)", words)
    return {re.sub(r"^(cycle_duration_seconds)_(bucket|sum|count)$", r"\1", name) for name in found}


def test_every_metric_is_documented_with_its_labels() -> None:
    page = (ROOT / "docs" / "monitoring.md").read_text(encoding="utf-8")
    rows = re.findall(rf"^\| `{PREFIX}(\w+)(?:\{{([\w, ]+)\}})?` \|", page, re.MULTILINE)
    assert {name: tuple(filter(None, labels.split(", "))) for name, labels in rows} == EXPECTED
    assert named_in(page) <= EXPECTED.keys()


def test_the_dashboard_asks_for_metrics_that_exist() -> None:
    board = json.loads((ROOT / "deploy" / "grafana" / "procore-4hse.json").read_text(encoding="utf-8"))
    asked = [target["expr"] for panel in board["panels"] for target in panel.get("targets", ())]
    asked += [each["query"] for each in board["templating"]["list"] if each["type"] == "query"]
    assert all(named_in(question) for question in asked), "each asks for one of ours"
    assert named_in(" ".join(asked)) <= EXPECTED.keys()
    assert EXPECTED.keys() - named_in(" ".join(asked)) == set(), "none is left out"
    for question in asked:
        for labels in re.findall(r"by \(([\w, ]+)\)", question):
            known = {label for name in named_in(question) for label in EXPECTED[name]} | {"le"}
            assert set(labels.split(", ")) <= known, question
