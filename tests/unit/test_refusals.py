"""Calls that a vendor refused: what they are known by, and when they are tried again."""

from dataclasses import replace
from datetime import timedelta

import pytest

from procore_4hse.models import Act, Action, ItemKind, Kind, QuestionKey, Refusal, Side, SyncStatus
from procore_4hse.reconcile.approval import signature
from procore_4hse.reconcile.draft import Draft
from procore_4hse.reconcile.refusals import keep_open, may_try, refusal_fingerprint
from procore_4hse.reconcile.snapshot import fingerprint
from routes import decision, route

NOW = route().now
UPDATE = Action(
    Act.UPDATE, Side.FOURHSE, Kind.INCIDENT, "a", "1", "because",
    fields={"name": "Slip"}, sources={"title": {"title": "Slip"}, "day": {}}, seen={"name": "Fall"},
)  # fmt: skip
CREATE = replace(UPDATE, act=Act.CREATE, target_id=None)


def refusal(action: Action, next_try=NOW + timedelta(minutes=1)) -> dict[str, Refusal]:
    key = QuestionKey.refused(action)
    return {key: Refusal(key, action.side, "No.", refusal_fingerprint(action), next_try)}


@pytest.mark.parametrize(
    ("action", "key"),
    [
        (UPDATE, "refused:update:fourhse:incident:a:day,title"),
        (CREATE, "refused:create:fourhse:incident:1:"),
        (replace(UPDATE, act=Act.DELETE), "refused:delete:fourhse:incident:1:"),
        (replace(UPDATE, act=Act.DELETE, source_id=None), "refused:delete:fourhse:incident:a:"),
        (
            replace(UPDATE, act=Act.RESTORE, side=Side.PROCORE, kind=Kind.INJURY),
            "refused:restore:procore:injury:1:",
        ),
    ],
)  # fmt: skip
def test_a_call_is_known_by_what_it_wants(action, key):
    assert QuestionKey.refused(action) == key


@pytest.mark.parametrize(
    "changed", [{"sources": {"title": {"title": "Skid"}}}, {"seen": {"name": "Trip"}}, {"fields": {"name": "Skid"}}]
)
def test_what_either_side_shows_makes_another_call_of_it(changed):
    assert refusal_fingerprint(replace(UPDATE, **changed)) != refusal_fingerprint(UPDATE)
    assert may_try(route(refusals=refusal(UPDATE)), replace(UPDATE, **changed, reason="another"))


def test_the_order_of_keys_and_facts_of_our_own_do_not_count():
    assert fingerprint({"b": 1, "a": {"d": 1, "c": 2}}) == fingerprint({"a": {"c": 2, "d": 1}, "b": 1})
    assert fingerprint({"a": 1, "@zone": "x"}) == fingerprint({"a": 1})
    assert fingerprint({"a": 1}) != fingerprint({"a": 2})
    assert fingerprint({"a": 1}) != fingerprint({"b": 1})
    assert fingerprint({"a": 1}, {}) != fingerprint({}, {"a": 1})


@pytest.mark.parametrize(
    "changed",
    [
        {"act": Act.CREATE},
        {"side": Side.PROCORE},
        {"kind": Kind.INJURY},
        {"target_id": "b"},
        {"source_id": "2"},
        {"fields": {"name": "Skid"}},
    ],
)
def test_an_approval_covers_side_kind_record_and_fields_alone(changed):
    assert signature(replace(UPDATE, **changed)) != signature(UPDATE)
    assert signature(replace(UPDATE, reason="another", seen={}, sources={})) == signature(UPDATE)


@pytest.mark.parametrize(
    ("next_try", "tried"),
    [
        (NOW + timedelta(seconds=1), False),
        (NOW, True),
        (NOW - timedelta(seconds=1), True),
        (None, True),
    ],
)
def test_a_refused_call_waits_for_its_time(next_try, tried):
    assert may_try(route(refusals=refusal(UPDATE, next_try)), UPDATE) is tried


def test_a_call_that_was_never_refused_is_tried():
    assert may_try(route(refusals=refusal(CREATE)), UPDATE)


def test_only_a_retry_brings_it_forward():
    waiting = route(refusals=refusal(UPDATE))
    key = QuestionKey.refused(UPDATE)
    assert may_try(replace(waiting, decisions=decision(key, "retry")), UPDATE)
    assert not may_try(replace(waiting, decisions=decision(key, "reject")), UPDATE)
    assert not may_try(replace(waiting, decisions=decision(QuestionKey.refused(CREATE), "retry")), UPDATE)


@pytest.mark.parametrize("tried", [True, False])
def test_its_item_stays_open_for_as_long_as_the_call_is_wanted(tried):
    draft = Draft()
    keep_open(route(refusals=refusal(UPDATE)), UPDATE, "Slip", draft, tried=tried)
    assert [(item.kind, item.key, item.title) for item in draft.items] == [
        (ItemKind.REFUSED, QuestionKey.refused(UPDATE), "Slip")
    ]
    both = {Side.PROCORE: {"1": SyncStatus.REFUSED}, Side.FOURHSE: {"a": SyncStatus.REFUSED}}
    assert draft.statuses == ({side: {} for side in Side} if tried else both)


def test_a_refused_create_counts_its_source_alone():
    draft = Draft()
    keep_open(route(refusals=refusal(CREATE)), CREATE, "Slip", draft, tried=False)
    assert draft.statuses == {Side.PROCORE: {"1": SyncStatus.REFUSED}, Side.FOURHSE: {}}


def test_what_was_not_refused_leaves_no_item():
    draft = Draft()
    keep_open(route(refusals=refusal(CREATE)), UPDATE, "Slip", draft, tried=False)
    assert (draft.items, draft.statuses) == ([], {side: {} for side in Side})
