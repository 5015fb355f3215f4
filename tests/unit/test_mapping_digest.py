"""What a mapping folder meant when a route was run with it, it means after an upgrade too.

A route remembers the digest of its mapping, and another digest is a question to a person. The keys of the rows stand in
the store as well. So both are written out here, for a folder of version 2 that never changes.
"""

from pathlib import Path
from shutil import copytree

import pytest

import former_store
from procore_4hse.mapping.loader import load

WITH_EQUIPMENT = "657d762a5ff244ee5469d405660695a43d522d4f38fca5ae39d77bfb43d3a6e8"
WITHOUT_EQUIPMENT = "556f769a08eb43a1b44652a41ccc5ae9eb3ccfe8737fc5904172994f37dce400"
INCIDENT, PEOPLE, HURT = ("incident",), ("injury", "near_miss"), ("injury",)
ROWS = [
    ("title", "both", "plain", INCIDENT),
    ("description", "both", "plain", INCIDENT),
    ("day", "both", "plain", INCIDENT),
    ("status", "both", "plain", INCIDENT),
    ("category", "both", "plain", INCIDENT),
    ("person", "both", "identity", PEOPLE),
    ("days", "both", "health", HURT),
    ("person_affliction_type", "both", "health", HURT),
    ("person_affected_body_parts", "both", "health", HURT),
    ("person_filing_type", "procore to 4hse", "health", HURT),
    ("person_description", "both", "health", PEOPLE),
    ("equipment", "both", "plain", ("equipment",)),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(copytree(former_store.MAPPING, tmp_path / "site"))


def test_a_folder_keeps_its_digest(folder: Path) -> None:
    assert load(folder).digest == WITH_EQUIPMENT
    (folder / "equipment.yaml").unlink()
    assert load(folder).digest == WITHOUT_EQUIPMENT


def test_those_are_the_digests_that_the_routes_of_version_0_1_remember() -> None:
    assert [route["mapping"] for route in former_store.read("store.json")["route"]] == [
        WITH_EQUIPMENT,
        WITHOUT_EQUIPMENT,
    ]


def test_rows_keep_their_keys_directions_and_classes(folder: Path) -> None:
    mapping = load(folder)
    rows = (*mapping.fields, *mapping.people, *mapping.equipment)
    assert [(row.key, row.direction.value, row.privacy.value, tuple(row.kinds)) for row in rows] == ROWS
