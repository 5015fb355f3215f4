"""Two linked records, compared: what is written, what becomes the base, and what a person is asked."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from procore_4hse.mapping.lenses.base import INJURED, ZONE
from procore_4hse.mapping.lenses.person import NumberLens
from procore_4hse.mapping.rules import Direction, Field
from procore_4hse.models import (
    Act,
    Action,
    Base,
    Item,
    ItemKind,
    Kind,
    LinkState,
    QuestionKey,
    Refusal,
    Side,
    SyncStatus,
)
from procore_4hse.reconcile.plan import plan
from procore_4hse.reconcile.redacted_base import redact_base
from procore_4hse.reconcile.refusals import refusal_fingerprint
from procore_4hse.reconcile.snapshot import Change, Changed, Plan, Rebase
from routes import MAPPING, decision, link, office, route, site

SLIP_OR_TRIP = {"seen": {"procore": "Slip", "fourhse": "Trip"}}


def chosen(use: str, *fields: str) -> dict[str, Any]:
    """A person chose what holds for these fields of incident 1, which the mapping in force set against each other."""
    seen = {"cause": {"old": "old", "new": "new"}, "differences": [f"difference:1:{field}" for field in fields]}
    answer = decision("guard:mapping", "approve", use=use, seen=seen)
    return {"changed": Changed(mapping=Change("old", "new")), "decisions": answer}


def zone_accepted() -> dict[str, Any]:
    answer = decision("guard:zone", "approve", seen={"cause": {"old": "old", "new": "new"}})
    return {"changed": Changed(zone=Change("old", "new")), "decisions": answer}


def planned(ours=None, theirs=None, pair=None, **changes) -> Plan:
    return plan(route(ours or site(), theirs or office(), links=(pair or link(),), **changes))


def sync_status(found: Plan) -> SyncStatus:
    """Where both records of the pair stand; they never differ."""
    both = found.statuses[Side.PROCORE]["1"], found.statuses[Side.FOURHSE]["a"]
    assert both[0] is both[1]
    return both[0]


def retitled(side: Side, title: str, old: str, reason: str) -> Action:
    """The update that carries one title."""
    keys = {Side.PROCORE: ("title",), Side.FOURHSE: ("name", "description_event")}
    texts = {"title": "Fall", "name": "Fall", "description_event": "A worker fell."}
    target, source = {k: texts[k] for k in keys[side]}, {k: texts[k] for k in keys[side.other]}
    ids = {Side.PROCORE: "1", Side.FOURHSE: "a"}
    return Action(
        Act.UPDATE, side, Kind.INCIDENT, ids[side], ids[side.other], f"Title: {reason}",
        fields={keys[side][0]: title},
        sources={"title": {**source, keys[side.other][0]: title}},
        seen={**target, keys[side][0]: old},
    )  # fmt: skip


def one_way(direction: Direction, key: str = "title"):
    fields = tuple(replace(row, direction=direction) if row.key == key else row for row in MAPPING.fields)
    return replace(MAPPING, fields=fields)


@pytest.mark.parametrize(
    ("ours", "theirs", "action"),
    [
        (site(title="Slip"), office(), retitled(Side.FOURHSE, "Slip", "Fall", "changed in Procore")),
        (site(), office(name="Trip"), retitled(Side.PROCORE, "Trip", "Fall", "changed in 4HSE")),
    ],
)
def test_an_edit_is_told_whole(ours, theirs, action):
    found = planned(ours, theirs)
    assert (found.actions, found.items, found.answers_in_use) == ((action,), (), ())
    assert not any("title" in rebase.fields for rebase in found.rebases)
    assert sync_status(found) is SyncStatus.IN_SYNC


def test_two_edits_of_one_record_are_one_update_with_both_reasons():
    [action] = planned(site(title="Slip", description="More.")).actions
    assert action.reason == "Title: changed in Procore; Description: changed in Procore"
    assert action.sources == {"title": {"title": "Slip"}, "description": {"description": "More."}}


def test_two_that_agree_newly_have_a_new_base_of_that_field_alone():
    found = planned(site(title="Slip"), office(name="Slip"))
    fresh = Base({"title": "Slip"}, {"name": "Slip", "description_event": "A worker fell."})
    assert found.rebases[0].fields["title"] == fresh
    assert [(r.kind, r.procore_id, r.fourhse_id) for r in found.rebases] == [(Kind.INCIDENT, "1", "a")]
    assert "status" not in found.rebases[0].fields
    assert (found.actions, found.items) == ((), ())


# Writes that a person takes back ----------------------------------------------------------------------------------


def undo(side: Side = Side.FOURHSE, was: str = "Trip") -> dict[str, Any]:
    """A person takes back the title that was written to this side, where another one stood before."""
    before = {Side.PROCORE: {"title": was}, Side.FOURHSE: {"name": was, "description_event": "A worker fell."}}[side]
    seen = {"write": "w:title", "side": side.value, "before": before, "seen": {"procore": "Fall", "fourhse": "Fall"}}
    return decision("difference:1:title", "undo", seen=seen)


def test_what_is_taken_back_goes_first_to_the_side_that_was_written_and_leaves_the_base():
    found = planned(decisions=undo())
    [action] = found.actions
    assert (action.side, action.fields, action.sources) == (Side.FOURHSE, {"name": "Trip"}, {})
    assert (action.reason, action.undoes) == ("Title: a person took it back", "w:title")
    assert (found.items, found.rebases, found.answers_in_use) == ((), (), ("difference:1:title",))


@pytest.mark.parametrize("decisions", [undo(), {}], ids=["with the answer", "without it"])
def test_between_the_two_writes_no_rule_copies_the_newer_value_back(decisions):
    [action] = planned(site(), office(name="Trip"), decisions=decisions).actions
    assert (action.side, action.fields) == (Side.PROCORE, {"title": "Trip"})
    assert action.sources["title"]["name"] == "Trip"
    assert action.reason == ("Title: a person took it back" if decisions else "Title: changed in 4HSE")


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [(site(title="Cut"), office()), (site(), office(name="Cut")), (site(title="Cut"), office(name="Trip"))],
)
def test_a_side_that_moved_since_it_was_taken_back_is_asked_about(ours, theirs):
    found = planned(ours, theirs, decisions=undo())
    [item] = found.items
    assert item.reason == "Title: one side changed after a person took it back."
    assert (found.actions, found.answers_in_use) == ((), ())


def test_where_the_other_side_may_not_be_written_both_stay_for_good():
    found = planned(
        site(), office(name="Trip"), decisions=undo(), mapping=one_way(Direction.TO_FOURHSE)
    )  # fmt: skip
    assert (found.actions, found.items) == ((), ())
    assert found.rebases[0].fields["title"].settled is True


def test_what_shows_the_old_value_on_both_sides_needs_nothing_more():
    found = planned(site(title="Trip"), office(name="Trip"), decisions=undo())
    assert (found.actions, found.items, found.answers_in_use) == ((), (), ())


# Answers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("use", "action"),
    [
        ("procore", retitled(Side.FOURHSE, "Slip", "Trip", "a person chose Procore")),
        ("fourhse", retitled(Side.PROCORE, "Trip", "Slip", "a person chose 4HSE")),
    ],
)
def test_an_answer_is_carried_out_and_stays_until_the_work_is_done(use, action):
    answer = decision("difference:1:title", "resolve", use=use, seen=SLIP_OR_TRIP)
    found = planned(site(title="Slip"), office(name="Trip"), decisions=answer)
    assert (found.actions, found.items, found.answers_in_use) == ((action,), (), ("difference:1:title",))


def test_an_answer_that_cannot_travel_becomes_a_settled_base():
    answer = decision("difference:1:title", "resolve", use="fourhse", seen=SLIP_OR_TRIP)
    found = planned(
        site(title="Slip"), office(name="Trip"), decisions=answer, mapping=one_way(Direction.TO_FOURHSE)
    )  # fmt: skip
    left = Base({"title": "Slip"}, {"name": "Trip", "description_event": "A worker fell."}, settled=True)
    [rebase] = found.rebases
    assert rebase == Rebase(Kind.INCIDENT, "1", "a", {"title": left, "description": rebase.fields["description"]})
    assert rebase.fields["description"].settled is False, "it agrees, and reads the title of 4HSE too"
    assert (found.actions, found.items) == ((), ())


def test_what_is_settled_already_is_not_settled_again():
    pair = link(site(title="Slip"), office(name="Trip"))
    settled = replace(pair, base={**pair.base, "title": replace(pair.base["title"], settled=True)})
    found = planned(site(title="Slip"), office(name="Trip"), settled)
    assert (found.actions, found.items, found.rebases) == ((), (), ())
    assert sync_status(found) is SyncStatus.IN_SYNC


DRIFTED = link(site(title="Slip"), office(name="Trip"))


def test_a_drift_is_asked_about_with_both_values():
    found = planned(site(title="Slip"), office(name="Trip"), DRIFTED)
    [item] = found.items
    assert (item.kind, item.title, item.field) == (ItemKind.DRIFT, "Slip", "title")
    assert (item.procore_value, item.fourhse_value, item.base_value) == ("Slip", "Trip", "Slip")
    assert item.facts == SLIP_OR_TRIP
    assert sync_status(found) is SyncStatus.WAITING


def test_a_field_that_was_accepted_for_the_whole_route_is_a_new_base_without_a_write():
    for pair in (DRIFTED, replace(DRIFTED, base={})):
        found = planned(site(title="Slip"), office(name="Trip"), pair, **chosen("base", "title", "status"))
        [rebase] = found.rebases
        assert ("status" in rebase.fields) is (pair is not DRIFTED), "what agrees with its base needs no new one"
        assert rebase.fields["title"].settled is True
        assert (found.actions, found.items, found.answers_in_use) == ((), (), ())


def test_an_edit_meanwhile_is_not_accepted_with_the_rest():
    """Who accepts what a changed mapping or zone sets against each other has not seen it."""
    accepted = chosen("base", "title", "day")
    for pair in (link(), replace(link(), base={key: redact_base(one, "salt") for key, one in link().base.items()})):
        found = planned(site(title="Slip"), office(), pair, **accepted)
        assert found.actions == (retitled(Side.FOURHSE, "Slip", "Fall", "changed in Procore"),)
    found = planned(site(title="Slip"), office(name="Trip"), **accepted)
    assert (found.actions, [item.kind for item in found.items]) == ((), [ItemKind.CONFLICT])


@pytest.mark.parametrize(("day", "asked"), [("2026-02-10", []), ("2026-02-12", [ItemKind.CONFLICT])])
def test_a_zone_that_changed_is_no_edit_of_a_day(day, asked):
    early = site(event_date="2026-02-10T07:30:00Z")
    now = site(event_date="2026-02-10T07:30:00Z", **{ZONE: "America/Los_Angeles"})
    found = planned(now, office(date_incident=day), link(early), **zone_accepted())
    assert (found.actions, [item.kind for item in found.items]) == ((), asked)


def test_an_approved_zone_settles_days_alone_and_one_that_nobody_approved_settles_none():
    early = site(event_date="2026-02-10T07:30:00Z")
    now = site(event_date="2026-02-10T07:30:00Z", **{ZONE: "America/Los_Angeles"})
    found = planned(now, office(), link(early), **{**zone_accepted(), "decisions": {}})
    assert [action.fields for action in found.actions] == [{"date_incident": "2026-02-09"}]
    found = planned(site(title="Slip"), office(name="Trip"), DRIFTED, **zone_accepted())
    assert (found.rebases, [item.kind for item in found.items]) == ((), [ItemKind.DRIFT])


@pytest.mark.parametrize("use", ["base", "procore"])
def test_a_choice_about_a_changed_mapping_decides_only_the_fields_that_it_counted(use):
    found = planned(site(title="Slip"), office(name="Trip"), DRIFTED, **chosen(use, "day"))
    assert (found.actions, found.rebases, [item.kind for item in found.items]) == ((), (), [ItemKind.DRIFT])


@pytest.mark.parametrize(
    ("winner", "action"),
    [
        (Side.PROCORE, retitled(Side.FOURHSE, "Slip", "Trip", "a person chose Procore")),
        (Side.FOURHSE, retitled(Side.PROCORE, "Trip", "Slip", "a person chose 4HSE")),
    ],
)
def test_a_winner_of_a_changed_mapping_decides_every_drift(winner, action):
    found = planned(site(title="Slip"), office(name="Trip"), DRIFTED, **chosen(winner.value, "title"))
    assert (found.actions, found.items) == ((action,), ())


def test_a_winner_decides_no_conflict_and_no_field_that_cannot_travel():
    found = planned(site(title="Slip"), office(name="Trip"), **chosen("procore", "title"))
    assert (found.actions, [item.kind for item in found.items]) == ((), [ItemKind.CONFLICT])
    pair = link(site(**{INJURED: True}), office())
    found = planned(site(**{INJURED: True}), office(), pair, **chosen("fourhse", "category"))
    assert (found.actions, [item.kind for item in found.items]) == ((), [ItemKind.DRIFT])
    [action] = planned(site(**{INJURED: True}), office(), pair, **chosen("procore", "category")).actions
    assert (action.side, action.fields) == (Side.FOURHSE, {"category": "ACCIDENTS"})
    found = planned(site(title="Slip"), office(), **chosen("fourhse", "title"))
    assert [action.side for action in found.actions] == [Side.FOURHSE], "a plain edit goes its own way"


# Values that went back by themselves -----------------------------------------------------------------------------


PUT_BACK = "put back after {} was restored"


def restored(side: Side, field: str, links=("1",), use: str = "base"):
    return {
        "reverted": {side: frozenset({("1", field)})},
        "decisions": decision(
            f"guard:regress:{side.value}", "approve", use=use, seen={"cause": {"links": list(links)}}
        ),
    }


@pytest.mark.parametrize(
    ("side", "ours", "theirs", "action"),
    [
        (Side.FOURHSE, site(), office(name="Old"), retitled(Side.FOURHSE, "Fall", "Old", PUT_BACK.format("4HSE"))),
        (Side.PROCORE, site(title="Old"), office(), retitled(Side.PROCORE, "Fall", "Old", PUT_BACK.format("Procore"))),
    ],
)
def test_what_a_restored_side_lost_is_put_back_when_a_person_said_so(side, ours, theirs, action):
    found = planned(ours, theirs, **restored(side, "title"))
    assert (found.actions, found.items) == ((action,), ())
    for other in (restored(side, "status"), restored(side, "title", ["2"]), restored(side, "title", use="accept")):
        [plain] = planned(ours, theirs, **other).actions
        assert plain.side is side.other, "any other edit crosses as always"


def test_what_cannot_be_written_there_is_not_put_back():
    found = planned(site(**{INJURED: True}), **restored(Side.PROCORE, "category"))
    assert [(a.side, a.fields) for a in found.actions] == [(Side.FOURHSE, {"category": "ACCIDENTS"})]


def test_what_can_be_written_on_the_restored_side_alone_is_put_back_there():
    pair = link(site(**{INJURED: True}), office(category="ACCIDENTS"))
    found = planned(site(**{INJURED: True}), office(), pair, **restored(Side.FOURHSE, "category"))
    assert [(a.side, a.fields) for a in found.actions] == [(Side.FOURHSE, {"category": "ACCIDENTS"})]
    assert found.items == ()


def test_an_answer_of_a_person_is_not_put_back():
    setting = restored(Side.FOURHSE, "title")
    setting["decisions"] |= decision("difference:1:title", "resolve", use="fourhse", seen=SLIP_OR_TRIP)
    [action] = planned(site(title="Slip"), office(name="Trip"), **setting).actions
    assert action.side is Side.PROCORE


@pytest.mark.parametrize("theirs", [office(), office(name="Old")])
def test_a_write_that_vanished_twice_is_frozen_and_shown(theirs):
    frozen = frozenset({("1", "title")})
    found = planned(site(title="Slip"), theirs, lost_writes=frozen)
    [item] = found.items
    assert (found.actions, item.kind) == ((), ItemKind.DRIFT)
    assert item.reason == "Title: what was written here vanished twice within a day."
    shown = {"seen": {"procore": "Slip", "fourhse": item.fourhse_value}}
    answer = decision("difference:1:title", "resolve", use="procore", seen=shown)
    assert len(planned(site(title="Slip"), theirs, lost_writes=frozen, decisions=answer).actions) == 1
    assert planned(lost_writes=frozen).items == (), "two that agree again need no answer"


def test_another_field_is_not_frozen_with_it():
    found = planned(site(title="Slip"), lost_writes=frozenset({("1", "status"), ("2", "title")}))
    assert len(found.actions) == 1


# What cannot be told or written ----------------------------------------------------------------------------------


def test_a_value_without_a_form_on_the_other_side_is_asked_about_and_the_rest_crosses():
    found = planned(theirs=office(name="", status="closed"))
    assert [(a.side, a.fields) for a in found.actions] == [(Side.PROCORE, {"status": "closed"})]
    assert found.items == (
        Item(
            ItemKind.WORD, "word:fourhse:a:title", "Fall", "Title: an incident needs a title.",
            "Correct the value in 4HSE; it closes by itself.",
            procore_id="1", fourhse_id="a", field="title",
        ),
    )  # fmt: skip
    assert sync_status(found) is SyncStatus.WAITING


def test_unknown_words_are_each_asked_about_on_their_side():
    found = planned(site(status="void", title="Slip"), office(name="Trip", category="Fire"))
    assert [(item.kind, item.key) for item in found.items] == [
        (ItemKind.CONFLICT, "difference:1:title"),
        (ItemKind.WORD, "word:procore:1:status"),
        (ItemKind.WORD, "word:fourhse:a:category"),
    ]
    word = found.items[1]
    assert (word.procore_id, word.fourhse_id, word.title) == ("1", "a", "Slip")
    assert word.reason == "Procore shows the status 'void', which is none we know."


def test_evidence_that_is_not_complete_waits_without_a_question():
    found = planned(site(title="Slip", **{INJURED: None}))
    assert ([a.fields for a in found.actions], found.items) == ([{"name": "Slip"}], ())
    assert sync_status(found) is SyncStatus.WAITING


# Refusals --------------------------------------------------------------------------------------------------------


def no_thanks(action: Action, minutes: int = 60) -> Refusal:
    key = f"refused:update:{action.side.value}:incident:{action.target_id}:{','.join(sorted(action.sources))}"
    later = route().now + timedelta(minutes=minutes)
    return Refusal(key, action.side, "No.", refusal_fingerprint(action), later)


def test_one_refused_field_is_parked_and_the_other_crosses():
    refusal = no_thanks(retitled(Side.FOURHSE, "Slip", "Fall", ""))
    found = planned(site(title="Slip", status="closed"), refusals={refusal.key: refusal})
    assert [action.fields["status"] for action in found.actions] == ["closed"]
    assert "name" not in found.actions[0].fields
    [item] = found.items
    assert (item.kind, item.title, item.field) == (ItemKind.REFUSED, "Slip", "title")
    assert sync_status(found) is SyncStatus.REFUSED


def test_an_answer_whose_call_was_refused_is_kept_for_the_next_try():
    refusal = no_thanks(retitled(Side.FOURHSE, "Slip", "Trip", ""))
    answer = decision("difference:1:title", "resolve", use="procore", seen=SLIP_OR_TRIP)
    found = planned(
        site(title="Slip"), office(name="Trip"), decisions=answer, refusals={refusal.key: refusal}
    )  # fmt: skip
    assert (found.actions, found.answers_in_use) == ((), ("difference:1:title",))


CUT = replace(DRIFTED, base={**DRIFTED.base, "title": replace(DRIFTED.base["title"], lost_on=Side.FOURHSE)})
LOSS = QuestionKey.lost(CUT, "title", Side.FOURHSE)


def apart(pair=CUT, **changes) -> Plan:
    return planned(site(title="Slip"), office(name="Trip"), pair, **changes)


def test_what_a_side_did_not_keep_stays_in_the_inbox_while_both_stand():
    found = apart()
    assert found.actions == ()
    [item] = found.items
    assert (item.kind, item.key, item.title, item.field) == (ItemKind.REFUSED, LOSS, "Slip", "title")
    assert (item.procore_value, item.fourhse_value) == (None, None)
    assert sync_status(found) is SyncStatus.REFUSED


@pytest.mark.parametrize(("verb", "fields"), [("retry", {"name": "Slip"}), ("approve", None)], ids=["again", "leave"])
def test_an_answer_about_it_holds_for_the_two_values_alone(verb, fields):
    [asked] = apart().items
    found = apart(decisions=decision(LOSS, verb, seen=asked.facts))
    assert [action.fields for action in found.actions] == ([fields] if fields else [])
    assert found.items == ()
    old = decision(LOSS, verb, seen={**asked.facts, "shown": "another"})
    assert [item.key for item in apart(decisions=old).items] == [LOSS]


def test_what_is_left_so_has_not_been_agreed_on():
    [asked] = apart().items
    found = apart(decisions=decision(LOSS, "approve", seen=asked.facts))
    [rebase] = found.rebases
    base = rebase.fields["title"]
    assert (base.settled, base.lost_on) == (True, Side.FOURHSE)
    assert sync_status(found) is SyncStatus.IN_SYNC
    left = replace(CUT, base={**CUT.base, "title": base})
    assert apart(left).items == ()
    assert [item.kind for item in planned(site(title="Slip"), office(name="Tree"), left).items] == [ItemKind.CONFLICT]


def test_a_route_that_writes_no_longer_there_cannot_send_it_again():
    [asked] = apart().items
    title, *others = MAPPING.fields
    rows = replace(MAPPING, fields=(replace(title, direction=Direction.TO_PROCORE), *others))
    found = apart(decisions=decision(LOSS, "retry", seen=asked.facts), mapping=rows)
    assert (found.actions, [item.key for item in found.items]) == ((), [LOSS])


@pytest.mark.parametrize("use", ["base", "fourhse", "procore"])
def test_no_answer_about_a_mapping_settles_a_loss(use):
    found = apart(**chosen(use, "title"))
    assert (found.actions, found.rebases, [item.key for item in found.items]) == ((), (), [LOSS])


# Back from our own close -----------------------------------------------------------------------------------------


def back(ours, theirs, pair=None) -> Plan:
    return planned(ours, theirs, replace(pair or link(), state=LinkState.CLOSED_BY_POLICY))


def test_our_own_close_is_undone_when_the_deleted_one_is_back():
    [action] = back(site(), office(status="closed", date_closed="2026-03-01")).actions
    assert (action.side, action.fields) == (Side.FOURHSE, {"status": "open", "date_closed": None})
    assert action.reason == "Status: closed when it was deleted in Procore, and open again since it is back there"
    assert action.then is LinkState.LIVE
    assert back(site(), office(status="closed", date_closed="2026-03-01")).answers_in_use == ("difference:1:status",)
    [action] = back(site(status="closed"), office()).actions
    assert (action.side, action.fields) == (Side.PROCORE, {"status": "open"})


def test_a_close_that_is_no_longer_ours_alone_stands():
    assert back(site(status="closed"), office(status="closed")).actions == ()
    assert back(site(status="void"), office(status="closed")).actions == ()
    unknown = link()
    unknown = replace(unknown, base={key: base for key, base in unknown.base.items() if key != "status"})
    found = back(site(), office(status="closed"), unknown)
    assert (found.actions, [item.field for item in found.items]) == ((), ["status"])


def test_a_survivor_that_was_closed_before_keeps_what_a_person_opened():
    """Nothing was closed by us: one side was opened unseen, and that edit crosses as any other."""
    both_closed = link(site(status="closed"), office(status="closed", date_closed="2026-03-01"))
    [action] = back(site(status="closed"), office(status="open"), both_closed).actions
    assert (action.side, action.fields, action.reason) == (
        Side.PROCORE,
        {"status": "open"},
        "Status: changed in 4HSE",
    )
    [action] = back(site(), office(status="closed", date_closed="2026-03-01"), both_closed).actions
    assert (action.side, action.fields["status"]) == (Side.FOURHSE, "open")
    assert action.reason == "Status: changed in Procore"


@pytest.mark.parametrize("title", ["Slip", "S" * 300])
def test_a_link_lives_again_by_the_write_that_opens_and_by_no_other(title):
    """What is written before stands for nothing: that write may fail, and then our close is still ours alone."""
    found = back(site(title=title), office(status="closed", date_closed="2026-03-01"))
    edited, opened = found.actions
    assert (set(edited.fields) - {"description_event"}, edited.then) == ({"name"}, LinkState.CLOSED_BY_POLICY)
    assert (opened.fields, opened.then) == ({"status": "open", "date_closed": None}, LinkState.LIVE)
    assert found.transitions == ()


def test_a_refused_opening_leaves_the_link_closed():
    closed = office(status="closed", date_closed="2026-03-01")
    [wanted] = back(site(), closed).actions
    refusal = no_thanks(wanted)
    refusals = {refusal.key: refusal}
    found = planned(site(), closed, link(state=LinkState.CLOSED_BY_POLICY), refusals=refusals)
    assert (found.actions, found.transitions) == ((), ())
    found = planned(site(title="Slip"), closed, link(state=LinkState.CLOSED_BY_POLICY), refusals=refusals)
    assert [(action.fields, action.then) for action in found.actions] == [
        ({"name": "Slip"}, LinkState.CLOSED_BY_POLICY)
    ]


@pytest.mark.parametrize("status", [[], "void"])
def test_a_status_that_cannot_be_read_keeps_our_close_ours(status):
    known = link(state=LinkState.CLOSED_BY_POLICY)
    for ours, theirs in ((site(status=status), office(status="closed")), (site(title="Slip"), office(status=status))):
        found = planned(ours, theirs, known)
        assert found.transitions == ()
        assert {action.then for action in found.actions} <= {LinkState.CLOSED_BY_POLICY}


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [(site(), office()), (site(), office(status="open")), (site(status="closed"), office(status="closed"))],
)
def test_a_close_that_stands_no_more_leaves_a_living_link(ours, theirs):
    found = back(ours, theirs)
    assert (found.actions, [change.state for change in found.transitions]) == ((), [LinkState.LIVE])


def test_a_close_that_may_not_be_undone_leaves_a_living_link():
    mapping = one_way(Direction.TO_PROCORE, "status")
    closed = office(status="closed", date_closed="2026-03-01")
    found = planned(site(), closed, link(state=LinkState.CLOSED_BY_POLICY), mapping=mapping)
    assert [change.state for change in found.transitions] == [LinkState.LIVE]


def test_a_close_is_undone_though_the_values_of_its_base_were_removed():
    known = link(state=LinkState.CLOSED_BY_POLICY)
    forgotten = replace(known, base={key: redact_base(base, "salt") for key, base in known.base.items()})
    [action] = back(site(), office(status="closed", date_closed="2026-03-01"), forgotten).actions
    assert action.fields == {"status": "open", "date_closed": None}


def test_two_answers_and_an_undone_close_are_carried_out_together():
    """The status is undone by itself, beside the answer of a person about the title."""
    answer = decision("difference:1:title", "resolve", use="procore", seen=SLIP_OR_TRIP)
    closed = office(name="Trip", status="closed", date_closed="2026-03-01")
    found = planned(site(title="Slip"), closed, link(state=LinkState.CLOSED_BY_POLICY), decisions=answer)
    assert [action.fields for action in found.actions] == [{"name": "Slip"}, {"status": "open", "date_closed": None}]


def test_a_close_beside_an_edit_of_the_other_side_is_asked_about():
    known = link(site(status="void"))
    found = back(site(), office(status="closed"), known)
    assert (found.actions, [item.kind for item in found.items]) == ((), [ItemKind.CONFLICT])


def test_a_winner_of_a_changed_mapping_writes_no_field_of_the_other_way():
    found = planned(
        site(title="Slip"), office(name="Trip"), DRIFTED, **chosen("fourhse", "title"),
        mapping=one_way(Direction.TO_FOURHSE),
    )  # fmt: skip
    assert (found.actions, [item.kind for item in found.items]) == ((), [ItemKind.DRIFT])


def test_a_word_of_4hse_names_the_incident_on_both_sides():
    [item] = planned(theirs=office(category="Fire")).items
    assert (item.procore_id, item.fourhse_id) == ("1", "a")


def test_a_conflict_is_put_back_too():
    found = planned(site(title="Slip"), office(name="Old"), **restored(Side.FOURHSE, "title"))
    assert found.actions == (retitled(Side.FOURHSE, "Slip", "Old", PUT_BACK.format("4HSE")),)
    assert (found.items, sync_status(found)) == ((), SyncStatus.IN_SYNC)


@pytest.mark.parametrize("ours", [site(), site(title="Slip")])
def test_an_old_value_goes_nowhere_where_the_field_may_not_be_put_back(ours):
    told = restored(Side.FOURHSE, "title")
    found = planned(ours, office(name="Old"), mapping=one_way(Direction.TO_PROCORE), **told)
    assert (found.actions, found.items, sync_status(found)) == ((), (), SyncStatus.IN_SYNC)


def test_a_one_way_field_is_put_back_on_its_target():
    told = restored(Side.FOURHSE, "title")
    found = planned(site(title="Slip"), office(name="Old"), mapping=one_way(Direction.TO_FOURHSE), **told)
    assert [action.reason for action in found.actions] == [f"Title: {PUT_BACK.format('4HSE')}"]


def test_a_value_of_procore_without_a_form_in_4hse_is_asked_about_on_its_side():
    [item] = planned(site(title="")).items
    assert (item.key, item.procore_id, item.fourhse_id) == ("word:procore:1:title", "1", "a")


def test_what_a_vendor_sets_asks_where_the_pair_came_from():
    number = Field("number", "Number", NumberLens("number", "serial"), fills_only=True)
    mapping = replace(MAPPING, fields=(*MAPPING.fields, number))
    origin = [
        planned(site(number=5), office(), replace(link(), origin=side), mapping=mapping).actions
        for side in (Side.PROCORE, Side.FOURHSE, None)
    ]
    assert [[action.fields for action in actions] for actions in origin] == [[{"serial": 5}], [], []]


def test_a_refused_field_stays_parked_behind_one_that_is_written():
    [alone] = planned(site(description="More.")).actions
    whole = route(site(title="Slip", description="More."), office(), links=(link(),))
    key = QuestionKey.refused(alone)
    later = whole.now + timedelta(hours=1)
    refusal = Refusal(key, Side.FOURHSE, "No.", refusal_fingerprint(alone), later)
    found = plan(replace(whole, refusals={key: refusal}))
    assert [action.fields for action in found.actions] == [{"name": "Slip"}]
    assert [item.key for item in found.items] == [key]
