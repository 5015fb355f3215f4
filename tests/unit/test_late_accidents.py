"""Accidents that 4HSE tells of where Procore holds a near miss: what is asked, and what each answer plans."""

from dataclasses import replace
from typing import Any

import pytest
from core import DIRECTORY, LIVE, MAPPING, child, crowd, injury, involved, near_miss

from procore_4hse.mapping.picklists import Picklists
from procore_4hse.mapping.rules import Direction
from procore_4hse.models import Act, Action, Decision, Item, ItemKind, Kind, Link, QuestionKey, Refusal, Side
from procore_4hse.reconcile.guard import guarded
from procore_4hse.reconcile.plan import plan
from procore_4hse.reconcile.refusals import refusal_fingerprint
from procore_4hse.reconcile.snapshot import Limits, Plan, Presence, Record, Snapshot
from routes import MAPPING as WHOLE
from routes import ref

KEY = QuestionKey("accident:near_miss-n1")
NEAR_MISS, PERSON = ref(Side.PROCORE, "n1", Kind.NEAR_MISS), ref(Side.FOURHSE, "p1", Kind.PERSON)
ANN = {"affected_party": {"id": 7, "name": "Ann Lee"}}
BO = {"affected_party": {"id": 8, "name": "Bo Diaz"}}
LEAVE = "to leave both as they are until one of them changes: procore-4hse inbox approve ID --use leave"


def told(days: int | None = 9, *more: Record, ours: Record | None = None, **changes: Any) -> Snapshot:
    """Ann's near miss and her 4HSE record with these days; by default 4HSE calls the incident an accident."""
    ours, theirs = ours or near_miss(**ANN), involved(days=days)
    return crowd(ours, theirs, *more, **{"links": (child(ours, theirs),), "category": "ACCIDENTS", **changes})


def question(seen: Snapshot) -> Item:
    [item] = plan(seen).items
    return item


def answered(use: str, seen: Snapshot | None = None, **changes: Any) -> dict[QuestionKey, Decision]:
    """This answer to what is asked of a snapshot."""
    facts = {**question(seen or told()).facts, **changes}
    return {KEY: Decision(1, KEY, "approve", use=use, seen=facts)}


def quiet(found: Plan) -> bool:
    return (found.actions, found.items) == ((), ())


# What is asked ---------------------------------------------------------------------------------------------------


def test_it_is_asked_whole():
    item = question(told())
    assert {name: len(item.facts[name]) for name in ("near_miss", "accident")} == {"near_miss": 64, "accident": 64}
    assert replace(item, facts={}) == Item(
        kind=ItemKind.CONFLICT,
        key=KEY,
        title="Fall",
        reason=(
            "Ann Lee, 2026-02-10: 4HSE calls it an accident (ACCIDENTS) and shows 9 days of absence; "
            "in Procore it is a near miss."
        ),
        advice=(
            "To record an injury in Procore with 9 days of absence and then move the near miss to Procore's recycle "
            f"bin: procore-4hse inbox approve ID --use injury; {LEAVE}"
        ),
        procore_id="1",
        fourhse_id="a",
        field="kind",
        procore_value="near miss",
        fourhse_value="ACCIDENTS, 9 days of absence",
    )
    assert (item.facts["person"], item.facts["uses"]) == ("p1", ["injury", "leave"])


@pytest.mark.parametrize(
    ("category", "days", "said", "value"),
    [
        ("ACCIDENTS", None, "calls it an accident (ACCIDENTS);", "ACCIDENTS"),
        ("NON_COMPLIANCE", 1, "shows 1 day of absence;", "1 day of absence"),
    ],
)
def test_the_word_or_the_days_alone_are_enough(category, days, said, value):
    item = question(told(days, category=category))
    assert item.reason == f"Ann Lee, 2026-02-10: 4HSE {said} in Procore it is a near miss."
    assert item.fourhse_value == value


def test_what_becomes_of_the_category_is_told_where_it_is_written():
    after = "4HSE's category then becomes ACCIDENTS"
    assert after in question(told(category="NON_COMPLIANCE")).advice
    assert after not in question(told()).advice
    away = told(category="NON_COMPLIANCE", direction=Direction.TO_PROCORE)
    assert after not in question(replace(away, mapping=MAPPING.narrowed(Direction.TO_PROCORE))).advice
    [held] = [item for item in plan(told(category="UNKNOWN")).items if item.key == KEY]
    assert after not in held.advice


@pytest.mark.parametrize(
    ("category", "days"), [("NON_COMPLIANCE", None), ("NON_COMPLIANCE", 0), ("NON_COMPLIANCE", -1)]
)
def test_nothing_is_asked_where_4hse_tells_of_no_accident(category, days):
    assert quiet(plan(told(days, category=category)))


def test_an_injury_of_the_incident_is_what_the_word_tells_of():
    bo = injury(**BO), involved("p2", person_office_id="o8")
    pairs = child(near_miss(**ANN), involved(days=None)), child(*bo)
    assert quiet(plan(told(None, *bo, links=pairs)))
    assert "shows 9 days" in question(told(9, *bo, links=(child(near_miss(**ANN), involved(days=9)), pairs[1]))).reason
    gone = injury(presence=Presence.GONE, **BO)
    assert KEY in [item.key for item in plan(told(None, gone)).items], "one that is gone tells nothing"


def test_days_of_somebody_who_has_an_injury_too_tell_of_that_one():
    ann = injury(**ANN), involved("p2")
    assert quiet(plan(told(9, *ann, links=(child(near_miss(**ANN), involved(days=9)), child(*ann)))))


def test_two_whom_nobody_knows_to_be_one_are_not_asked_about():
    theirs = involved(days=9, person_office_id="o8")
    found = plan(crowd(near_miss(**ANN), theirs, links=(child(near_miss(**ANN), theirs),), category="ACCIDENTS"))
    assert KEY not in [item.key for item in found.items], "nobody gets the days of another"


@pytest.mark.parametrize("presence", [Presence.GONE, Presence.ABSENT])
def test_what_follows_from_a_deletion_goes_first(presence):
    ours = replace(near_miss(**ANN), presence=presence)
    assert KEY not in [item.key for item in plan(told(ours=ours)).items]


def test_one_who_is_named_by_nobody_is_somebody():
    assert question(told(ours=near_miss())).reason.startswith("Somebody, 2026-02-10:")


def test_a_mapping_without_days_or_that_keeps_them_home_asks_by_the_word_alone():
    bare = replace(MAPPING, people=MAPPING.people[:1])
    links = (child(near_miss(**ANN), involved(days=9)),)
    assert quiet(plan(told(9, mapping=bare, category="NON_COMPLIANCE", links=links)))
    home = replace(MAPPING, people=(MAPPING.people[0], replace(MAPPING.people[1], direction=Direction.NONE)))
    assert quiet(plan(told(9, mapping=home, category="NON_COMPLIANCE")))
    assert question(told(9, mapping=home)).fourhse_value == "ACCIDENTS"


def test_a_route_that_never_writes_to_procore_can_only_leave_it():
    item = question(told(mapping=MAPPING.narrowed(Direction.TO_FOURHSE), direction=Direction.TO_FOURHSE))
    assert item.facts["uses"] == ["leave"]
    by_hand = "This route never writes to Procore, so record the injury there by hand; or, "
    assert item.advice == by_hand + LEAVE


def test_lists_that_are_not_whole_leave_everything_as_it_is():
    found = plan(told(of_people={"certified": False}))
    assert quiet(found)
    assert NEAR_MISS in found.unknown


def test_an_open_write_leaves_question_and_answer_as_they_are():
    found = plan(told(pending=frozenset({PERSON})))
    assert quiet(found)
    assert NEAR_MISS in found.unknown


# Leave -----------------------------------------------------------------------------------------------------------


def test_left_alone_it_is_in_sync_until_something_moves():
    said = answered("leave")
    found = plan(told(decisions=said))
    assert quiet(found)
    assert (found.answers_in_use, found.statuses[Side.PROCORE]["1"]) == ((KEY,), "in_sync")
    assert question(told(10, decisions=said)).facts != said[KEY].seen
    assert question(told(decisions=said, category="NON_COMPLIANCE")).key == KEY


def test_left_alone_stays_said_while_the_incident_is_away():
    away = told(decisions=answered("leave"))
    ours = away.records[Side.PROCORE]["1"]
    hidden = {**away.records, Side.PROCORE: {"1": replace(ours, private=True)}}
    assert KEY in plan(replace(away, records=hidden)).answers_in_use


# Injury ----------------------------------------------------------------------------------------------------------

MADE = Action(
    act=Act.CREATE,
    side=Side.PROCORE,
    kind=Kind.INJURY,
    target_id=None,
    source_id="p1",
    reason="a person said that it was an accident; the near miss then goes to Procore's recycle bin",
    fields={"affected_party_id": 7, "work_days_absent": 9, "incident_id": 1},
    sources={"person": {"person_office_id": "o7"}, "days": {"days": 9}},
    parent="1",
    predecessor="n1",
)


def test_it_becomes_an_injury_with_its_days():
    found = plan(told(decisions=answered("injury")))
    assert (found.actions, found.items, found.answers_in_use) == ((MADE,), (), (KEY,))


@pytest.mark.parametrize("now", [told(10), told(category="NON_COMPLIANCE")])
def test_an_answer_counts_for_what_was_shown(now):
    void = plan(replace(now, decisions=answered("injury")))
    assert void.actions == ()
    assert [item.key for item in void.items] == [KEY]


@pytest.mark.parametrize("use", ["injury", "leave"])
def test_an_edit_of_the_near_miss_is_asked_about_again(use):
    said = answered(use, whole("Near.", "<p>Near.</p>"))
    assert not plan(whole("Near.", "<p>Near.</p>", decisions=said)).items
    edited = plan(whole("Near.", "<p>Hit.</p>", decisions=said))
    assert [item.key for item in edited.items] == [KEY]
    assert [action.act for action in edited.actions] == [Act.UPDATE], "the edit crosses all the same"


def test_an_answer_for_a_route_that_may_not_write_any_more_is_asked_again():
    seen = told(
        decisions=answered("injury"), mapping=MAPPING.narrowed(Direction.TO_FOURHSE), direction=Direction.TO_FOURHSE
    )
    assert (plan(seen).actions, question(seen).facts["uses"]) == ((), ["leave"])


def test_a_refused_injury_waits_for_its_turn():
    refusal = QuestionKey.refused(MADE)
    parked = {refusal: Refusal(refusal, Side.PROCORE, "No.", refusal_fingerprint(MADE), told().now.replace(year=2027))}
    found = plan(told(decisions=answered("injury"), refusals=parked))
    assert (found.actions, [item.key for item in found.items], found.answers_in_use) == ((), [refusal], (KEY,))


def whole(text: str, ours: str, **changes: Any) -> Snapshot:
    """The same with all rows of the default mapping."""
    mine, theirs = near_miss(**ANN, description=ours), involved(days=9, description=text)
    before = near_miss(**ANN, description="<p>Near.</p>"), involved(days=9, description="Near.")
    rows = WHOLE.rows_for(Kind.NEAR_MISS, LIVE)
    base = {row.key: row.base_of(before[0].image, before[1].image) for row in rows}
    pair = Link(5, "n1", "p1", kind=Kind.NEAR_MISS, parent="1", base=base)
    return crowd(mine, theirs, links=(pair,), category="ACCIDENTS", mapping=WHOLE, **changes)


def test_it_holds_what_the_near_miss_held_and_what_4hse_alone_knew():
    seen = whole("Affliction: Burn\n\nNear.", "<p>Near.</p>")
    [made] = plan(replace(seen, decisions=answered("injury", seen))).actions
    assert made.fields == {
        "affected_party_id": 7, "work_days_absent": 9, "description": "<p>Near.</p>", "incident_id": 1
    }  # fmt: skip
    assert "person_affliction_type" not in made.sources, "Procore's list is not known here: it follows when it is"
    assert {"person", "days", "person_description"} <= made.sources.keys()


def test_what_both_have_yet_to_agree_on_stays_procore_s_and_is_compared_anew():
    seen = whole("Office.", "<p>Site.</p>")
    facts = next(item for item in plan(seen).items if item.key == KEY).facts
    found = plan(replace(seen, decisions={KEY: Decision(1, KEY, "approve", use="injury", seen=facts)}))
    [made] = found.actions
    assert made.fields["description"] == "<p>Site.</p>"
    assert "person_description" not in made.sources
    assert [item.field for item in found.items] == ["person_description"]


def test_what_is_just_being_written_goes_first():
    seen = whole("Near.", "<p>Site.</p>")
    [item] = plan(seen).items
    found = plan(replace(seen, decisions={KEY: Decision(1, KEY, "approve", use="injury", seen=item.facts)}))
    assert [action.act for action in found.actions] == [Act.UPDATE]
    assert (found.items, found.answers_in_use) == ((), (KEY,))


def test_nobody_is_made_whom_procore_does_not_know():
    user = near_miss(affected_party=None, affected_person={"id": 3, "name": "Ann Lee"})
    live = Picklists(replace(DIRECTORY, to_procore={"o7": "user 3"}))
    changes: dict[str, Any] = {"of_people": {"picklists": live}, "ours": user}
    seen = told(**changes)
    found = plan(told(**changes, decisions=answered("injury", seen)))
    assert (found.actions, [item.kind for item in found.items]) == ((), [ItemKind.MATCH])
    assert found.answers_in_use == (KEY,)


# The near miss whose place an injury has taken -------------------------------------------------------------------


def half(use: str = "injury", *, near: Record | None = None, hurt: Record | None = None, **changes: Any) -> Snapshot:
    """The injury stands and is linked; the near miss is still there."""
    mine, theirs = hurt or injury(work_days_absent=9, **ANN), involved(days=9)
    links = (child(mine, theirs),)
    near = near or near_miss(**ANN)
    return crowd(mine, theirs, near, **{"links": links, "decisions": answered(use), **changes})


def test_the_near_miss_goes_to_the_bin_and_nobody_is_copied():
    found = plan(half())
    assert found.actions == (
        Action(
            act=Act.DELETE,
            side=Side.PROCORE,
            kind=Kind.NEAR_MISS,
            target_id="n1",
            source_id="p1",
            reason="an injury took its place, as a person said",
            seen={"affected_party": ANN["affected_party"], "affected_person": None},
            parent="1",
            then="ended",
            successor="i1",
        ),
    )
    assert (found.items, found.answers_in_use) == ((), (KEY,))


def test_no_limit_counts_it():
    seen = half(limits=Limits(max_deletes=0))
    assert guarded(plan(seen), seen).stop is None


def test_one_that_was_changed_since_is_asked_about_and_not_copied():
    seen = half(near=near_miss(**BO))
    found = plan(seen)
    assert found.actions == ()
    [item] = found.items
    assert item.reason == (
        "Bo Diaz, 2026-02-10: the injury stands in Procore by now, and the near miss was changed since you answered."
    )
    assert (item.key, item.facts["person"], item.facts["uses"]) == (KEY, "p1", ["injury", "leave"])
    again = {KEY: Decision(1, KEY, "approve", use="injury", seen=item.facts)}
    assert [action.act for action in plan(replace(seen, decisions=again)).actions] == [Act.DELETE]
    left = plan(replace(seen, decisions={KEY: replace(again[KEY], use="leave")}))
    assert (quiet(left), left.answers_in_use) == (True, (KEY,))


def test_a_near_miss_with_an_open_write_waits():
    found = plan(half(pending=frozenset({NEAR_MISS})))
    assert quiet(found)
    assert NEAR_MISS in found.unknown


def test_without_the_right_to_write_it_stays_and_is_not_copied():
    found = plan(half(direction=Direction.TO_FOURHSE, mapping=MAPPING.narrowed(Direction.TO_FOURHSE)))
    assert (quiet(found), found.answers_in_use) == (True, (KEY,))


def test_an_injury_that_is_gone_gives_the_near_miss_its_place_back():
    found = plan(half(hurt=injury(work_days_absent=9, presence=Presence.GONE, **ANN)))
    assert [(action.act, action.source_id, action.target_id) for action in found.actions] == [(Act.LINK, "n1", "p1")]


def test_an_answer_about_somebody_else_s_record_takes_nothing_away():
    other = {KEY: replace(answered("injury")[KEY], seen={"person": "p9"})}
    assert [action.act for action in plan(half(decisions=other)).actions] == [Act.CREATE]
