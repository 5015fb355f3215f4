"""Whole plans: one situation in, every action, question and count out."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from procore_4hse.models import Act, ItemKind, Kind, Link, LinkState, QuestionKey, Refusal, Side, SyncStatus
from procore_4hse.reconcile.plan import plan, plan_joined
from procore_4hse.reconcile.refusals import refusal_fingerprint
from procore_4hse.reconcile.snapshot import Plan, Presence, Snapshot
from routes import decision, link, office, ref, route, site, told


def acts(found: Plan) -> list[tuple[Act, Side, dict]]:
    return [(action.act, action.side, dict(action.fields)) for action in found.actions]


def kinds(found: Plan) -> list[ItemKind]:
    return [item.kind for item in found.items]


def test_nothing_to_do():
    found = plan(route(site(), office(), links=(link(),)))
    assert (found.actions, found.items, found.transitions) == ((), (), ())
    assert found.population(Side.PROCORE)["in_sync"] == 1


def test_an_edit_is_one_small_update_with_its_reason():
    found = plan(route(site(title="Slip"), office(), links=(link(),)))
    assert acts(found) == [(Act.UPDATE, Side.FOURHSE, {"name": "Slip"})]
    [action] = found.actions
    assert (action.target_id, action.source_id, action.reason) == ("a", "1", "Title: changed in Procore")
    assert action.seen["name"] == "Fall"


def test_two_fields_of_one_record_travel_together_and_each_side_may_have_its_own():
    found = plan(route(site(title="Slip", status="closed"), office(date_incident="2026-02-12"), links=(link(),)))
    assert acts(found) == [
        (Act.UPDATE, Side.PROCORE, {"event_date": "2026-02-12T11:00:00Z"}),
        (Act.UPDATE, Side.FOURHSE, {"name": "Slip", "status": "closed", "date_closed": "2026-02-10"}),
    ]


def test_a_conflict_writes_nothing_and_shows_three_values():
    found = plan(route(site(title="Slip"), office(name="Trip"), links=(link(),)))
    assert (found.actions, kinds(found)) == ((), [ItemKind.CONFLICT])
    [item] = found.items
    assert (item.procore_value, item.fourhse_value, item.base_value) == ("Slip", "Trip", "Fall")
    assert found.statuses[Side.PROCORE]["1"] is SyncStatus.WAITING


def test_new_ones_are_created_on_the_other_side():
    found = plan(route(site(status="closed"), office("b", name="Trip", date_incident="2026-02-20")))
    assert acts(found) == [
        (
            Act.CREATE,
            Side.FOURHSE,
            {
                "name": "Fall", "description_event": "A worker fell.", "date_incident": "2026-02-10",
                "status": "closed", "date_closed": "2026-02-10", "category": "ACCIDENTS_AND_MISSED_INJURIES",
            },
        ),
        (
            Act.CREATE,
            Side.PROCORE,
            {
                "title": "Trip", "description": "A worker fell.", "event_date": "2026-02-19T23:00:00Z",
                "time_unknown": True, "status": "open",
            },
        ),
    ]  # fmt: skip


def test_nothing_is_created_where_the_listing_was_not_whole():
    found = plan(route(site(), certified={Side.PROCORE: True, Side.FOURHSE: False}))
    assert found.actions == ()
    assert found.statuses[Side.PROCORE]["1"] is SyncStatus.WAITING


def test_equal_ones_are_linked_without_a_write():
    found = plan(route(site(), office()))
    assert [action.act for action in found.actions] == [Act.LINK]
    assert [rebase.fourhse_id for rebase in found.rebases] == ["a"]


def test_likely_ones_are_asked_about_and_nothing_is_created():
    found = plan(route(site(), office(description_event="Another one.")))
    assert (found.actions, kinds(found)) == ((), [ItemKind.MATCH])
    assert found.items[0].facts["candidates"] == ["a"]


def test_a_person_may_join_them_or_call_them_different():
    likely = site(), office(description_event="Another one.")
    joined = plan(told(route(*likely), "match:procore:1", "approve", with_id="a"))
    assert [action.act for action in joined.actions] == [Act.LINK]
    parted = plan(told(route(*likely), "match:procore:1", "reject"))
    assert [(action.act, action.side) for action in parted.actions] == [
        (Act.CREATE, Side.FOURHSE),
        (Act.CREATE, Side.PROCORE),
    ]
    assert parted.not_duplicates == (("1", "a"),)


def test_an_id_of_our_own_scheme_is_the_same_incident_whatever_it_says():
    found = plan(route(site(), office(name="Quite another"), ids_of_ours={"a": "1"}))
    assert Act.LINK in [action.act for action in found.actions]
    assert Act.CREATE not in [action.act for action in found.actions]


def test_a_second_copy_under_our_account_is_never_copied_back():
    twin = site("2", title="Trip")
    found = plan(
        route(
            site(), office(), links=(link(),), own_accounts=frozenset({"us"}),
            records={Side.PROCORE: {"1": site(), "2": replace(twin, author="us")}, Side.FOURHSE: {"a": office()}},
        )
    )  # fmt: skip
    assert (found.actions, kinds(found)) == ((), [ItemKind.MATCH])


def test_an_incident_that_another_route_has_may_have_moved():
    found = plan(route(site(), linked_elsewhere=frozenset({ref(Side.PROCORE, "1")})))
    assert (found.actions, kinds(found)) == ((), [ItemKind.MATCH])


@pytest.mark.parametrize("side", list(Side))
def test_a_record_with_an_open_intent_is_left_alone(side):
    ids = {Side.PROCORE: "1", Side.FOURHSE: "a"}
    pending = frozenset({ref(side, ids[side])})
    found = plan(route(site(title="Slip"), office(), links=(link(),), pending=pending))
    assert (found.actions, found.statuses[side][ids[side]]) == ((), SyncStatus.WAITING)


def test_what_an_unsettled_create_may_have_made_is_neither_matched_nor_copied():
    found = plan(route(site(), possibly_ours=frozenset({ref(Side.PROCORE, "1")})))
    assert (found.actions, found.statuses[Side.PROCORE]["1"]) == ((), SyncStatus.WAITING)


# Refusals ------------------------------------------------------------------------------------------------------------


def refused(next_try: timedelta) -> tuple[Snapshot, Refusal]:
    """A title that 4HSE refused, with the time at which it is tried again."""
    plain = route(site(title="Slip"), office(), links=(link(),))
    [action] = plan(plain).actions
    key = QuestionKey.refused(action)
    return plain, Refusal(key, Side.FOURHSE, "No.", refusal_fingerprint(action), plain.now + next_try)


def test_a_refused_call_waits_for_its_time():
    plain, refusal = refused(timedelta(minutes=1))
    found = plan(replace(plain, refusals={refusal.key: refusal}))
    assert (found.actions, kinds(found)) == ((), [ItemKind.REFUSED])
    assert found.statuses[Side.FOURHSE]["a"] is SyncStatus.REFUSED
    again = plan(replace(plain, refusals={refusal.key: refusal}, decisions=decision(refusal.key, "retry")))
    assert len(again.actions) == 1
    _, due = refused(timedelta(0))
    found = plan(replace(plain, refusals={due.key: due}))
    assert (len(found.actions), kinds(found)) == (1, [ItemKind.REFUSED])
    assert found.statuses[Side.FOURHSE]["a"] is SyncStatus.IN_SYNC, "it is tried now; the push says how it went"


def test_a_change_on_either_side_is_a_new_call():
    plain, refusal = refused(timedelta(hours=1))
    for changed in ((site(title="Skid"), office()), (site(title="Slip"), office(description_event="More."))):
        records = {one.side: {one.id: one} for one in changed}
        found = plan(replace(plain, records=records, refusals={refusal.key: refusal}))
        assert any(action.side is Side.FOURHSE and "name" in action.fields for action in found.actions)


# Scope ---------------------------------------------------------------------------------------------------------------


def test_since_decides_about_unlinked_ones_alone():
    early = site(event_date="2025-12-31T11:00:00Z"), office(date_incident="2025-12-31")
    assert plan(route(early[0])).statuses[Side.PROCORE]["1"] is SyncStatus.EXCLUDED
    edited = site(event_date="2025-12-31T11:00:00Z", title="Slip")
    found = plan(route(edited, early[1], links=(link(*early),)))
    assert acts(found) == [(Act.UPDATE, Side.FOURHSE, {"name": "Slip"})]


def test_a_backfill_leaves_links_and_other_days_alone():
    days = date(2026, 2, 1), date(2026, 2, 28)
    found = plan(
        route(site(title="Slip"), office(), site("2", event_date="2026-03-05T11:00:00Z"), links=(link(),),
              only_days=days)
    )  # fmt: skip
    assert found.actions == ()
    found = plan(route(site(), only_days=days, since=date(2030, 1, 1)))
    assert [action.act for action in found.actions] == [Act.CREATE]


def test_a_linked_one_that_leaves_scope_is_frozen_both_ways():
    found = plan(route(site(title="Slip"), office(category="REPORT_FAILURE"), links=(link(),)))
    assert (found.actions, found.items) == ((), ())
    assert found.statuses[Side.PROCORE]["1"] is SyncStatus.EXCLUDED


def test_one_that_was_kept_after_a_deletion_is_no_news():
    kept = link(state=LinkState.IGNORED)
    gone = route(site(), office(presence=Presence.ABSENT), links=(kept,))
    found = plan(gone)
    assert (found.actions, found.items) == ((), ())
    assert found.statuses[Side.PROCORE]["1"] is SyncStatus.EXCLUDED


def test_what_follows_a_push_is_about_people_alone():
    """The incidents that were linked just now had their own turn."""
    found = plan_joined(route(site(title="Slip"), office(), links=(link(),)))
    assert found.actions == ()
    assert found.statuses == {Side.PROCORE: {"1": SyncStatus.IN_SYNC}, Side.FOURHSE: {"a": SyncStatus.IN_SYNC}}


def test_a_plan_that_counts_nothing_has_no_population():
    assert Plan().population(Side.PROCORE) == {"in_sync": 0, "waiting": 0, "refused": 0, "excluded": 0}


def approved_deletion() -> Snapshot:
    whole = route(site(), office(presence=Presence.GONE), links=(link(),))
    return told(whole, "deletion:1:fourhse", "approve")


def test_an_approved_deletion_is_planned_and_the_gone_one_is_no_longer_counted():
    found = plan(approved_deletion())
    assert [(action.act, action.side, action.target_id) for action in found.actions] == [
        (Act.DELETE, Side.PROCORE, "1")
    ]
    assert found.statuses == {Side.PROCORE: {"1": SyncStatus.WAITING}, Side.FOURHSE: {}}
    assert found.answers_in_use == ("deletion:1:fourhse",)


def test_a_refused_deletion_waits_for_its_time_too():
    whole = approved_deletion()
    [action] = plan(whole).actions
    key = QuestionKey.refused(action)
    refusal = Refusal(key, Side.PROCORE, "No.", refusal_fingerprint(action), whole.now + timedelta(hours=1))
    found = plan(replace(whole, refusals={key: refusal}))
    assert (found.actions, [(item.key, item.title) for item in found.items]) == ((), [(key, "Fall")])
    assert found.statuses[Side.PROCORE] == {"1": SyncStatus.REFUSED}
    due = plan(replace(whole, refusals={key: replace(refusal, next_try=None)}))
    assert (due.actions, due.statuses[Side.PROCORE]) == ((action,), {"1": SyncStatus.WAITING})


def test_one_that_is_gone_in_procore_is_counted_in_4hse_alone():
    found = plan(route(site(presence=Presence.GONE), office(), links=(link(),)))
    assert found.statuses == {Side.PROCORE: {}, Side.FOURHSE: {"a": SyncStatus.WAITING}}


def test_what_a_listing_that_was_not_whole_does_not_show_stays_as_it_is():
    """Nothing asked or answered about these is closed; what a whole listing lacks is another matter."""
    found = plan(
        route(
            site(presence=Presence.PRESENT), site("2", Presence.UNSEEN), office("b", Presence.ABSENT),
            certified={Side.PROCORE: False, Side.FOURHSE: True}, pending=frozenset({ref(Side.FOURHSE, "z")}),
        )
    )  # fmt: skip
    assert found.unknown == {ref(Side.PROCORE, "2"), ref(Side.FOURHSE, "z")}


def test_an_ended_pair_is_counted_only_where_it_is_back():
    ended = link(state=LinkState.ENDED)
    found = plan(route(site(presence=Presence.ABSENT), office(presence=Presence.UNSEEN), links=(ended,)))
    assert found.statuses == {side: {} for side in Side}


# Ids of different kinds ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["linked_elsewhere", "pending", "possibly_ours"])
def test_an_injury_of_the_same_number_keeps_no_incident_from_crossing(how):
    crossing = plan(route(site())).actions
    assert [action.act for action in crossing] == [Act.CREATE]
    assert plan(route(site(), **{how: frozenset({ref(Side.PROCORE, "1", Kind.INJURY)})})).actions == crossing
    assert plan(route(site(), **{how: frozenset({ref(Side.PROCORE, "1")})})).actions == ()


def test_ids_in_capitals_name_the_same_record():
    assert ref(Side.FOURHSE, "0D0C2D0E-6B2F") == ref(Side.FOURHSE, "0d0c2d0e-6b2f")


@pytest.mark.parametrize("kind", [Kind.INCIDENT, Kind.INJURY, Kind.NEAR_MISS, Kind.EQUIPMENT])
def test_a_question_s_key_is_read_as_it_was_made(kind):
    record = ref(Side.PROCORE, "injury-12" if kind is Kind.EQUIPMENT else "12", kind)
    pair = Link(1, record.id, "5b7f5a5e-1d39-4a7c-8f43-7b1d6f3a9e02", kind=kind)
    keys = (
        QuestionKey.match(record), QuestionKey.word(record, "days"), QuestionKey.difference(pair, "days"),
        QuestionKey.deletion(pair, Side.FOURHSE), QuestionKey.missing(pair, Side.PROCORE),
    )  # fmt: skip
    assert [key.record for key in keys] == [record] * 5
    assert [key.topic for key in keys] == ["match", "word", "difference", "deletion", "missing"]
    assert {key.guarded for key in keys} == {""}


def test_a_uuid_is_no_kind_and_a_guard_names_no_record():
    theirs = ref(Side.FOURHSE, "5b7f5a5e-1d39-4a7c-8f43-7b1d6f3a9e02")
    assert QuestionKey.match(theirs).record == theirs
    deletes = QuestionKey.guard("deletes", Side.PROCORE)
    assert (deletes, deletes.guarded, deletes.record) == ("guard:deletes:procore", "deletes", None)
