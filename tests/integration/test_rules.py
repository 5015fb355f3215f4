"""The table of rules names tests that exist."""

import re
from pathlib import Path

TESTS = Path(__file__).parents[1]


def test_every_rule_has_tests_and_every_test_it_names_is_there():
    rows = re.findall(r"^\| (R\d+) \|.*\| (.*) \|$", (TESTS / "integration" / "README.md").read_text(), re.MULTILINE)
    assert [rule for rule, _ in rows] == [f"R{number}" for number in range(1, 25)]
    written = {
        name for path in TESTS.rglob("test_*.py") for name in re.findall(r"^def (test_\w+)", path.read_text(), re.M)
    }
    named = {rule: re.findall(r"`(test_\w+)`", cell) for rule, cell in rows}
    assert {rule: [name for name in names if name not in written] for rule, names in named.items()} == {
        rule: [] for rule in named
    }
    assert all(named.values())
