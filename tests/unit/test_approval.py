"""What an approval covers: signatures of what was shown, and the cause that was shown with it."""

import hashlib
from dataclasses import replace
from typing import Any

import pytest

from procore_4hse.models import Act, Action, Decision, Kind, Link, QuestionKey, Side
from procore_4hse.reconcile.approval import (
    MappingChoice,
    approved_actions,
    approved_by_guards,
    cause_of,
    digest,
    is_about_links,
    is_approved,
    mapping_choice,
    signature,
    stands,
    zone_is_approved,
)
from procore_4hse.reconcile.snapshot import Change, Changed, fingerprint
from routes import decision, route

ACTION = Action(Act.UPDATE, Side.FOURHSE, Kind.INCIDENT, "a", "1", "because", {"name": "Fall"}, {"title": {}})
OLD_TO_NEW = Change("old", "new")
CAUSE = {"old": "old", "new": "new"}


def answer(verb: str = "approve", key: str = "guard:scope", **options: Any) -> Decision:
    [told] = decision(key, verb, **options).values()
    return told


# What was shown --------------------------------------------------------------------------------------------------


def test_a_digest_tells_nothing_but_whether_two_are_equal():
    parts = ({"b": 1, "a": 2}, "x")
    assert digest(*parts) == digest({"a": 2, "b": 1}, "x")
    assert digest(*parts) == hashlib.sha256(fingerprint(*parts).encode()).hexdigest()
    assert len({digest("x"), digest("x", "x"), digest(["x"]), digest()}) == 4


@pytest.mark.parametrize(
    "change",
    [
        {"act": Act.CREATE},
        {"side": Side.PROCORE},
        {"kind": Kind.INJURY},
        {"target_id": "b"},
        {"source_id": "2"},
        {"fields": {"name": "Trip"}},
    ],
)
def test_another_side_kind_record_or_value_is_another_action(change):
    assert signature(replace(ACTION, **change)) != signature(ACTION)


@pytest.mark.parametrize("change", [{"reason": "why not"}, {"sources": {}}, {"generation": 1}])
def test_how_it_came_about_makes_no_other_action(change):
    assert signature(replace(ACTION, **change)) == signature(ACTION)


def test_only_a_yes_is_an_approval():
    assert is_approved(answer())
    assert [is_approved(one) for one in (None, answer("reject"), answer("resolve"))] == [False, False, False]


def test_what_was_approved_is_what_all_approvals_showed():
    yes, more = answer(seen={"held": ["x", "y"]}), answer(seen={"held": ["z"]})
    no = answer("reject", seen={"held": ["v"]})
    assert approved_actions(yes, no, answer(), more) == {"x", "y", "z"}


def test_only_the_questions_of_guards_approve_actions():
    decisions = {
        **decision("guard:creates:fourhse", "approve", seen={"held": ["x"]}),
        **decision("guard:deletes:fourhse", "reject", seen={"held": ["v"]}),
        **decision("match:procore:1", "approve", seen={"held": ["w"]}),
    }
    assert approved_by_guards(route(decisions=decisions)) == {"x"}


# For which cause -------------------------------------------------------------------------------------------------


def test_the_cause_of_a_change_is_both_its_ends():
    assert cause_of(Change("then", "now")) == {"old": "then", "new": "now"}


@pytest.mark.parametrize(
    ("shown", "cause"),
    [
        (CAUSE, CAUSE),
        ({}, {}),
        ({"links": ["1", "2"]}, {"links": ["1", "2"]}),
        ({"links": ["1", "2"]}, {"links": ["2"]}),
        ({"links": ["1", "2"]}, {"links": []}),
    ],
)
def test_an_approval_stands_while_its_cause_is_the_same_or_about_fewer_links(shown, cause):
    assert stands(answer(seen={"cause": shown}), cause)
    assert not stands(answer("reject", seen={"cause": shown}), cause)


@pytest.mark.parametrize(
    ("shown", "cause"),
    [
        (CAUSE, {"old": "old", "new": "newer"}),
        (CAUSE, {"old": "older", "new": "new"}),
        ({"links": ["1"]}, {"links": ["1", "2"]}),
        ({"links": ["1"]}, CAUSE),
        (CAUSE, {"links": ["1"]}),
        ({"links": ["1", "2"], "old": "x"}, {"links": ["1"], "old": "x"}),
        ({}, CAUSE),
        (None, CAUSE),
        (None, {}),
        ("links", {"links": ["1"]}),
    ],
)
def test_an_approval_of_another_cause_does_not_stand(shown, cause):
    assert not stands(answer(seen={"cause": shown}), cause)


def test_without_an_answer_or_the_cause_that_it_saw_nothing_stands():
    assert not stands(None, CAUSE)
    assert not stands(None, {})
    assert not stands(answer(), CAUSE)
    assert not stands(answer(), {})


@pytest.mark.parametrize(
    ("action", "named"),
    [
        (ACTION, ["1"]),
        (replace(ACTION, side=Side.PROCORE, target_id="1", source_id="a"), ["1"]),
        (replace(ACTION, kind=Kind.INJURY), ["injury-1"]),
    ],
)
def test_an_action_is_about_a_link_by_the_procore_record(action, named):
    assert is_about_links(answer(seen={"cause": {"links": ["9", *named]}}), action)
    for others in (["9", "a"], ["near-miss-1"], []):
        assert not is_about_links(answer(seen={"cause": {"links": others}}), action)
    assert not is_about_links(answer(), action)
    assert not is_about_links(answer(seen={"cause": {}}), action)


# A changed mapping and a changed zone ----------------------------------------------------------------------------


def choice(use: str, *differences: str) -> MappingChoice:
    return MappingChoice(use, frozenset(differences))


def test_a_side_may_win_and_base_lets_nobody_win():
    assert [choice(use).winner for use in ("procore", "fourhse", "base", "")] == [*Side, None, None]


def test_a_choice_decides_what_was_counted():
    link = Link(1, "1", "a", kind=Kind.INJURY)
    made = choice("procore", "difference:injury-1:person")
    assert made.decides(link, "person")
    assert not made.decides(link, "days")
    assert not made.decides(replace(link, procore_id="2"), "person")
    assert not made.decides(replace(link, kind=Kind.INCIDENT), "person")


def test_an_update_is_carried_by_a_choice_that_decided_all_of_it():
    made = choice("procore", "difference:1:title", "difference:1:day", "difference:injury-1:person")
    both = replace(ACTION, sources={"title": {}, "day": {}})
    to_procore = replace(both, side=Side.PROCORE, target_id="1", source_id="a")
    person = replace(ACTION, kind=Kind.INJURY, sources={"person": {}})
    assert [made.carries(one) for one in (ACTION, both, to_procore, person)] == [True] * 4
    beside = replace(ACTION, sources={"title": {}, "category": {}})
    nothing, other = replace(ACTION, sources={}), replace(ACTION, source_id="2")
    of_nobody = replace(person, kind=Kind.INCIDENT)
    assert [made.carries(one) for one in (beside, nothing, other, of_nobody)] == [False] * 4


def test_a_choice_is_the_answer_about_the_mapping_now_in_force():
    seen = {"cause": CAUSE, "differences": ["difference:1:title"]}
    yes = decision("guard:mapping", "approve", use="procore", seen=seen)
    changed = Changed(mapping=OLD_TO_NEW)
    assert mapping_choice(route(changed=changed, decisions=yes)) == choice("procore", "difference:1:title")
    plain = decision("guard:mapping", "approve", seen={"cause": CAUSE})
    assert mapping_choice(route(changed=changed, decisions=plain)) == choice("")
    others = [
        route(decisions=yes),
        route(changed=changed),
        route(changed=Changed(zone=OLD_TO_NEW), decisions=yes),
        route(changed=Changed(mapping=Change("old", "newer")), decisions=yes),
        route(changed=changed, decisions=decision("guard:mapping", "reject", use="procore", seen=seen)),
        route(changed=changed, decisions=decision("guard:zone", "approve", use="procore", seen=seen)),
    ]
    assert [mapping_choice(one) for one in others] == [None] * 6


def test_a_zone_is_approved_when_this_change_of_it_was():
    yes = decision("guard:zone", "approve", seen={"cause": CAUSE})
    changed = Changed(zone=OLD_TO_NEW)
    assert zone_is_approved(route(changed=changed, decisions=yes))
    others = [
        route(decisions=yes),
        route(changed=changed),
        route(changed=Changed(mapping=OLD_TO_NEW), decisions=yes),
        route(changed=Changed(zone=Change("older", "new")), decisions=yes),
        route(changed=changed, decisions=decision("guard:zone", "reject", seen={"cause": CAUSE})),
        route(changed=changed, decisions=decision(QuestionKey.guard("scope"), "approve", seen={"cause": CAUSE})),
    ]
    assert not any(zone_is_approved(one) for one in others)
