"""The privacy of a route: which rows it refuses, which it leaves out, and that a change of it is a change of scope."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest

from procore_4hse.bootstrap import routes_of
from procore_4hse.errors import ConfigurationError, Problem
from procore_4hse.mapping.classes import FieldClass
from procore_4hse.mapping.rules import Direction
from procore_4hse.reconcile.match import MatchRules
from procore_4hse.route import Route
from procore_4hse.settings.model import Settings

FOLDER = Path(__file__).parents[2] / "mappings" / "default"
ROUTE = {
    "name": "riverside",
    "procore_project": 1363617,
    "fourhse_project": "0d0c2d0e-6b2f-4a51-9f3f-0c8a3f2f2c11",
    "fourhse_office": "5b7f5a5e-1d39-4a7c-8f43-7b1d6f3a9e02",
    "mapping": FOLDER,
    "since": date(2026, 1, 1),
}
HEALTH_ROWS = [
    "Days of absence",
    "Affliction",
    "Body parts",
    "Filing type",
    "Restricted days",
    "Transferred days",
    "Return to work",
    "Death",
    "Emergency room",
    "Overnight stay",
    "Treatment facility",
    "Recordable",
    "Description of the person",
]
UNNAMED_ROWS = ["Injuries without a name", "Near misses without a name"]


def settings_with(privacy: dict[str, str], **route: Any) -> Settings:
    return Settings(
        procore={"company_id": 1, "client_id": "a", "client_secret": "b"},
        fourhse={"client_id": "a", "username": "b", "password": "c"},
        store={"url": "sqlite:///sync.db"},
        routes=({**ROUTE, **route, "privacy": privacy},),
    )


def route_of(privacy: dict[str, str], **route: Any) -> Route:
    (built,) = routes_of(settings_with(privacy, **route))
    return built


def problems_of(privacy: dict[str, str], **route: Any) -> tuple[Problem, ...]:
    with pytest.raises(ConfigurationError) as caught:
        routes_of(settings_with(privacy, **route))
    return caught.value.problems


def raised(folder: Path, field: str) -> Path:
    """A copy of the default mapping in which the row of this Procore field holds health."""
    copytree(FOLDER, folder)
    text = (folder / "incident.yaml").read_text(encoding="utf-8")
    row = f"    procore: {field}\n"
    (folder / "incident.yaml").write_text(text.replace(row, f"{row}    class: health\n", 1), encoding="utf-8")
    return folder


def test_everything_crosses_where_nothing_is_said() -> None:
    mapping = route_of({}).mapping
    assert not [row.label for row in (*mapping.fields, *mapping.people) if row.blocked]
    assert mapping.crossing == {}


def test_a_route_that_bars_a_class_refuses_to_start_and_names_each_row() -> None:
    problems = problems_of({"health": "none"})
    assert {problem.place for problem in problems} == {"route riverside, privacy, health"}
    assert [problem.what.split("`")[1] for problem in problems] == [
        *UNNAMED_ROWS,
        *HEALTH_ROWS,
    ]
    assert str(problems[len(UNNAMED_ROWS)]) == (
        "route riverside, privacy, health: the row `Days of absence` goes to 4HSE and Procore, where its class, "
        'health, may not cross. Let health cross there, or write when_barred = "leave out"'
    )


def test_a_row_that_may_still_go_one_way_is_told_which() -> None:
    by_row = {problem.what.split("`")[1]: problem for problem in problems_of({"health": "4hse-to-procore"})}
    assert by_row.keys() == {*HEALTH_ROWS, *UNNAMED_ROWS}
    assert "goes to 4HSE, where its class" in by_row["Affliction"].what
    assert by_row["Affliction"].remedy.endswith(", or write `direction: 4hse to procore` in the row")
    assert by_row["Filing type"].remedy == 'Let health cross there, or write when_barred = "leave out"'


def test_only_ways_that_the_route_goes_are_refused() -> None:
    narrow = route_of({"health": "procore-to-4hse", "plain": "procore-to-4hse"}, direction="procore-to-4hse")
    assert not [row.label for row in (*narrow.mapping.fields, *narrow.mapping.people) if row.blocked]


def test_what_may_not_cross_is_left_out_where_the_route_says_so() -> None:
    mapping = route_of({"health": "none", "when_barred": "leave out"}).mapping
    assert {row.label for row in mapping.people if row.inactive} == set(HEALTH_ROWS)
    assert {row.left_out for row in mapping.people if row.inactive} >= {
        "left out: health may not cross to 4HSE or Procore",
        "left out: health may not cross to 4HSE",
    }
    assert [row.label for row in mapping.fields if row.blocked] == UNNAMED_ROWS


@pytest.mark.parametrize("when", ["refuse", "leave out"])
def test_a_title_a_day_and_a_status_cannot_be_barred(when: str) -> None:
    problems = problems_of({"plain": "procore-to-4hse", "when_barred": when})
    required = [problem for problem in problems if "no incident can do without" in problem.remedy]
    assert [problem.what.split("`")[1] for problem in required] == ["Title", "Day", "Status"]
    assert (problems == tuple(required)) == (when == "leave out")


def test_a_raised_class_can_bar_a_required_row(tmp_path: Path) -> None:
    folder = raised(tmp_path / "mine", "title")
    (problem,) = problems_of({"health": "none", "when_barred": "leave out"}, mapping=folder)
    assert problem.what == ("the row `Title` goes to 4HSE and Procore, where its class, health, may not cross")


def test_the_problems_of_all_routes_come_at_once() -> None:
    settings = settings_with({"identity": "none"})
    other = settings.routes[0].model_copy(update={"name": "hillside"})
    with pytest.raises(ConfigurationError) as caught:
        routes_of(settings.model_copy(update={"routes": (*settings.routes, other)}))
    assert [problem.place for problem in caught.value.problems] == [
        *["route riverside, privacy, identity"] * 2,
        *["route hillside, privacy, identity"] * 2,
    ]


def test_the_scope_tells_what_may_not_cross_freely_and_nothing_else() -> None:
    plain = route_of({}).scope
    assert plain == "direction both, since 2026-01-01, private skip"
    blocked = route_of({"health": "none", "identity": "4hse-to-procore", "when_barred": "leave out"})
    assert blocked.scope == f"{plain}, health crosses nowhere, identity crosses 4hse to procore"
    assert blocked.mapping.crossing == {FieldClass.HEALTH: Direction.NONE, FieldClass.IDENTITY: Direction.TO_PROCORE}


# Beside privacy: what a route knows incidents by --------------------------------------------------------------------


@pytest.mark.parametrize(("named", "key"), [("", ""), ("number", "number"), (" DESCRIPTION ", "description")])
def test_a_route_knows_incidents_by_a_number_or_a_row(named: str, key: str) -> None:
    built = route_of({}, match={"days": 5, "words": 90, "key": named})
    assert built.match == MatchRules(5, 0.9, key)


def test_a_row_that_the_mapping_does_not_have_is_named() -> None:
    (problem,) = problems_of({}, match={"key": "Case"})
    assert problem.place == "route riverside, match, key"
    assert problem.what == "no row of the mapping is called 'Case'"
