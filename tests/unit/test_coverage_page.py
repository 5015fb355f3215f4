"""docs/coverage.md decides about every name in both vendors' contracts, each once."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from contract_names import FILE, Names, kept, names_of
from procore_4hse.mapping.loader import load
from procore_4hse.mapping.vendor_fields import INCIDENT_FIELDS, PERSON_FIELDS
from procore_4hse.models import Side

PAGE = Path(__file__).parents[2] / "docs" / "coverage.md"
VERDICTS = {"default", "choice", "used", "check", "no"}
FORMS = {
    "procore Incident": (INCIDENT_FIELDS["procore"], Side.PROCORE),
    "procore Injury": (PERSON_FIELDS["procore"], Side.PROCORE),
    "4hse Incident": (INCIDENT_FIELDS["4hse"], Side.FOURHSE),
    "4hse IncidentPersonDetail": (PERSON_FIELDS["4hse"], Side.FOURHSE),
}
Told = dict[str, list[tuple[str, list[str], str]]]


def told() -> Told:
    """The rows of the page by what they are about: verdict, names, and how or why not."""
    found: Told = {}
    for part in PAGE.read_text(encoding="utf-8").split("\n### ")[1:]:
        title, _, body = part.partition("\n")
        cells = [line.strip("| ").split(" | ") for line in body.splitlines() if line.startswith("| ")]
        rows = [(cell[0], re.findall(r"`([^`]+)`", cell[1]), cell[2]) for cell in cells[2:]]
        found[_head(title)] = rows
    return found


def _head(title: str) -> str:
    vendor, _, form = title.partition(": ") if ": " in title else title.partition("'s ")
    return f"{vendor.lower()} {form}"


def undecided(names: Names, page: Told) -> list[str]:
    """What the contracts name and the page does not, or the other way round, or twice."""
    problems = [f"the page tells of {head}, which no contract has" for head in page.keys() - names.keys()]
    for head, own in names.items():
        decided = Counter(name for _, some, _ in page.get(head, ()) for name in some)
        problems += [f"{head}: {name} is not decided" for name in own if not decided[name]]
        problems += [f"{head}: {name} is in no contract" for name in decided.keys() - set(own)]
        problems += [f"{head}: {name} is decided {count} times" for name, count in decided.items() if count > 1]
    return problems


def test_every_name_of_both_contracts_is_decided_once() -> None:
    assert undecided(kept(), told()) == []


def test_a_new_name_waits_until_somebody_decides() -> None:
    names = {head: [*own] for head, own in kept().items()}
    names["procore Injury"].append("days_of_rain")
    names["4hse operations"].append("GET /v2/incident/history/{id}")
    assert undecided(names, told()) == [
        "procore Injury: days_of_rain is not decided",
        "4hse operations: GET /v2/incident/history/{id} is not decided",
    ]


def test_every_decision_has_a_verdict_of_the_legend_and_a_reason() -> None:
    rows = [row for some in told().values() for row in some]
    assert {verdict for verdict, _, _ in rows} == VERDICTS
    assert [names for _, names, why in rows if not why.strip()] == []


@pytest.mark.parametrize("form", FORMS)
def test_what_a_row_may_carry_is_what_the_mapping_takes(form: str) -> None:
    known, side = FORMS[form]
    mapping = load(PAGE.parents[1] / "mappings" / "default")
    read = {name for row in (*mapping.fields, *mapping.people) for name in row.lens.reads(side)}
    rows = [name for verdict, names, _ in told()[form] if verdict in ("default", "choice") for name in names]
    odd = {"custom_fields", "witness_statements_count", "custom_status"}  # Known by another name there.
    odd |= {"open_observations_count", "closed_observations_count"}  # Told with the actions.
    assert set(rows) - known - read - odd == set()


@pytest.mark.parametrize(("vendor", "last_one"), [("P", 129), ("H", 12)])
def test_every_caveat_about_a_vendor_is_answered_or_left_out_by_name(vendor: str, last_one: int) -> None:
    facts = (PAGE.parent / "vendor-facts.md").read_text(encoding="utf-8")
    answered = {int(number) for number in re.findall(rf"\b{vendor}(\d+)\b", facts)}
    left_out: set[int] = set()
    head, _, _ = PAGE.read_text(encoding="utf-8").partition("## Operations")
    _, _, named = head.partition("Caveats that concern")
    for first, last in re.findall(rf"\b{vendor}(\d+)(?:\s+to\s+{vendor}(\d+))?", named):
        left_out |= set(range(int(first), int(last or first) + 1))
    assert set(range(1, last_one + 1)) - answered - left_out == set()
    assert answered & left_out == set()


def test_the_names_come_from_the_documents_and_hold_no_prose() -> None:
    document = {
        "paths": {
            "/v2/a": {
                "post": {
                    "parameters": [{"$ref": "#/components/parameters/Page"}, {"name": "id", "in": "path"}],
                    "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Ask"}}}},
                }
            }
        },
        "components": {
            "parameters": {"Page": {"name": "page", "in": "query"}},
            "schemas": {
                "Ask": {"properties": {"filter": {"properties": {"day": {}}}}},
                "Whole": {"allOf": [{"$ref": "#/components/schemas/Ask"}, {"properties": {"more": {}}}]},
            },
        },
    }
    assert dict(names_of("4hse", document)) == {
        "4hse operations": ["POST /v2/a"],
        "4hse parameters": ["filter.day", "page"],
        "4hse Ask": ["filter"],
        "4hse Whole": ["filter", "more"],
    }
    assert max(len(word) for word in FILE.read_text(encoding="utf-8").split()) < 120
