"""What the core is given: what a person wants put back, what counts as moved, how a plan is counted."""

import pytest

from procore_4hse.models import Side, SyncStatus
from procore_4hse.reconcile.snapshot import Plan, fingerprint
from routes import decision, route

LOST = {Side.FOURHSE: frozenset({("1", None), ("1", "title"), ("2", "day")})}
KEY = "guard:regress:fourhse"
BACK = decision(KEY, "approve", use="base", seen={"cause": {"links": ["1"]}})


def test_what_was_lost_is_put_back_for_the_links_that_were_shown():
    whole = route(reverted=LOST, decisions=BACK)
    assert whole.to_restore(Side.FOURHSE) == {("1", None), ("1", "title")}
    assert whole.to_restore(Side.PROCORE) == frozenset()


@pytest.mark.parametrize(
    "decisions",
    [
        {},
        decision(KEY, "approve", use="accept", seen={"cause": {"links": ["1"]}}),
        decision(KEY, "reject", use="base", seen={"cause": {"links": ["1"]}}),
        decision(KEY, "approve", use="base"),
        decision("guard:regress:procore", "approve", use="base", seen={"cause": {"links": ["1"]}}),
    ],
)
def test_without_that_word_nothing_is_put_back(decisions):
    assert route(reverted=LOST, decisions=decisions).to_restore(Side.FOURHSE) == frozenset()


def test_nothing_lost_is_nothing_to_put_back():
    assert route(decisions=BACK).to_restore(Side.FOURHSE) == frozenset()


def test_each_place_is_counted_on_its_side():
    found = Plan(statuses={Side.PROCORE: {"1": SyncStatus.WAITING, "2": SyncStatus.WAITING, "3": SyncStatus.REFUSED}})
    assert found.population(Side.PROCORE) == {"in_sync": 0, "waiting": 2, "refused": 1, "excluded": 0}
    assert found.population(Side.FOURHSE) == {"in_sync": 0, "waiting": 0, "refused": 0, "excluded": 0}


def test_equal_values_in_another_order_are_equal_and_our_own_facts_do_not_count():
    one = {"title": "Fall", "party": {"id": 7, "name": "Ann"}}
    other = {"party": {"name": "Ann", "id": 7}, "title": "Fall", "@zone": "Europe/Rome"}
    assert fingerprint(one) == fingerprint(other)
    assert fingerprint(one) != fingerprint({**one, "party": {"id": 8, "name": "Ann"}})
    assert fingerprint("1") != fingerprint(1)
