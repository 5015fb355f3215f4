"""The rules that `make breaks` breaks still stand where it says; one break is tried here, and noticed."""

from __future__ import annotations

import pytest
from broken_rules import BREAKS, PRODUCT, Break, noticed

BY_NAME = {change.rule: change for change in BREAKS}


@pytest.mark.parametrize("change", BREAKS, ids=list(BY_NAME))
def test_the_text_of_a_rule_stands_in_the_product_once(change: Break) -> None:
    assert (PRODUCT / change.file).read_text(encoding="utf-8").count(change.text) == 1


def test_a_broken_rule_is_noticed_within_a_few_histories() -> None:
    """Slow, for the broken product plays in a process of its own."""
    notice = noticed(BY_NAME["both sides changed is taken for one side changed"], 100)
    assert notice is not None
    assert "without a word" in notice.by


def test_a_broken_rule_that_histories_do_not_reach_is_noticed_by_its_tests() -> None:
    notice = noticed(BY_NAME["an answer holds whatever its question shows by now"], 0)
    assert notice is not None
    assert notice.by.startswith("`test_shown.py`")
