"""Three-way, field by field: every row of the table, as values."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from procore_4hse.mapping.lenses.base import INJURED
from procore_4hse.mapping.lenses.category import Recorded
from procore_4hse.mapping.lenses.person import NumberLens
from procore_4hse.mapping.rules import Direction, Field, OnConflict
from procore_4hse.models import Base, Decision, Side
from procore_4hse.reconcile.diff import FieldDiff, Verdict, diff, diff_field, display, seen
from routes import MAPPING, link, office, site

TITLE = MAPPING.title


def verdict(procore: str, fourhse: str, field=TITLE, decision: Decision | None = None) -> FieldDiff:
    """What becomes of a title that both sides called "Fall" when they last agreed."""
    base = link().base["title"]
    return diff_field(field, site(title=procore).image, office(name=fourhse).image, base, decision)


def with_rule(**changes):
    return replace(TITLE, **changes)


@pytest.mark.parametrize(
    ("procore", "fourhse", "expected", "to"),
    [
        ("Fall", "Fall", Verdict.SAME, None),
        ("Slip", "Slip", Verdict.AGREED, None),
        ("Slip", "Fall", Verdict.WRITE, Side.FOURHSE),
        ("Fall", "Slip", Verdict.WRITE, Side.PROCORE),
        ("Slip", "Trip", Verdict.CONFLICT, None),
    ],
)
def test_the_table(procore, fourhse, expected, to):
    found = verdict(procore, fourhse)
    assert (found.verdict, found.to) == (expected, to)


def test_two_that_never_agreed_and_never_changed_have_drifted():
    ours, theirs = site(title="Fall"), office(name="Slip")
    base = TITLE.base_of(ours.image, theirs.image)
    assert diff_field(TITLE, ours.image, theirs.image, base).verdict is Verdict.DRIFT
    left_so = TITLE.base_of(ours.image, theirs.image, settled=True)
    assert diff_field(TITLE, ours.image, theirs.image, left_so).verdict is Verdict.SETTLED


@pytest.mark.parametrize(
    ("direction", "edited", "expected"),
    [
        (Direction.TO_FOURHSE, ("Slip", "Fall"), Verdict.WRITE),
        (Direction.TO_FOURHSE, ("Fall", "Slip"), Verdict.LOCAL),
        (Direction.TO_PROCORE, ("Slip", "Fall"), Verdict.LOCAL),
        (Direction.TO_PROCORE, ("Fall", "Slip"), Verdict.WRITE),
        (Direction.TO_FOURHSE, ("Slip", "Trip"), Verdict.CONFLICT),
    ],
)
def test_a_one_way_field_crosses_one_way_and_counts_the_other_edit_as_local(direction, edited, expected):
    assert verdict(*edited, field=with_rule(direction=direction)).verdict is expected


@pytest.mark.parametrize(
    ("rule", "to"), [(OnConflict.PROCORE, Side.FOURHSE), (OnConflict.FOURHSE, Side.PROCORE), (OnConflict.ASK, None)]
)
def test_both_changed_follows_the_field_s_rule(rule, to):
    found = verdict("Slip", "Trip", field=with_rule(on_conflict=rule))
    assert found.to is to
    assert (found.verdict is Verdict.CONFLICT) == (to is None)


@pytest.mark.parametrize(("use", "to"), [("procore", Side.FOURHSE), ("fourhse", Side.PROCORE)])
def test_an_answer_counts_for_the_values_it_was_given_to(use, to):
    seen = {"seen": {"procore": "Slip", "fourhse": "Trip"}}
    answer = Decision(1, "difference:1:title", "resolve", use=use, seen=seen)
    assert verdict("Slip", "Trip", decision=answer).to is to
    assert verdict("Slip", "Stumble", decision=answer).verdict is Verdict.CONFLICT
    assert verdict("Skid", "Trip", decision=answer).verdict is Verdict.CONFLICT


def test_choosing_the_target_s_value_of_a_one_way_field_keeps_both():
    seen = {"seen": {"procore": "Slip", "fourhse": "Trip"}}
    answer = Decision(1, "difference:1:title", "resolve", use="fourhse", seen=seen)
    found = verdict("Slip", "Trip", field=with_rule(direction=Direction.TO_FOURHSE), decision=answer)
    assert (found.verdict, found.used) == (Verdict.SETTLED, answer)


def test_without_a_base_an_empty_value_is_filled_and_two_different_ones_are_asked_about():
    text = MAPPING.description
    filled = diff_field(text, site(description="").image, office().image, None)
    assert (filled.verdict, filled.to) == (Verdict.WRITE, Side.PROCORE)
    assert diff_field(text, site(description="A").image, office().image, None).verdict is Verdict.CONFLICT


def test_a_value_that_cannot_be_told_holds_its_field_alone():
    found = {d.field.key: d for d in diff(MAPPING.fields, site().image, office(status="odd").image, {}, {})}
    assert found["status"].verdict is Verdict.HELD
    assert found["title"].verdict is Verdict.AGREED


def test_a_cut_title_that_4hse_edits_is_asked_about_and_its_text_waits():
    long = "A long title " * 30
    short, head = long[:254].rstrip() + "…", long.strip()
    ours = site(title=head)
    theirs = office(name=short, description_event=f"{head}\n\nA worker fell.")
    base = link(ours, theirs).base
    edited = office(name="Shorter now", description_event=theirs.image["description_event"])
    found = {d.field.key: d.verdict for d in diff(MAPPING.fields, ours.image, edited.image, dict(base), {})}
    assert (found["title"], found["description"]) == (Verdict.CONFLICT, Verdict.HELD)


def test_a_rewrite_that_means_the_same_is_no_change():
    found = verdict("Fall", "Fall \r\n")
    assert found.verdict in (Verdict.SAME, Verdict.AGREED)
    text = MAPPING.description
    html = office(description_event="<p>A worker&#32;fell.</p>")
    assert diff_field(text, site().image, html.image, link().base["description"]).to is None


WORDS = st.sampled_from(["Fall", "Slip", "Trip"])


@given(WORDS, WORDS, st.one_of(st.none(), st.tuples(WORDS, WORDS)))
def test_a_write_never_meets_a_value_that_its_side_changed_too(procore, fourhse, agreed):
    ours, theirs = site(title=procore), office(name=fourhse)
    base = None
    if agreed:
        base = TITLE.base_of(site(title=agreed[0]).image, office(name=agreed[1]).image)
    found = diff_field(TITLE, ours.image, theirs.image, base)
    if found.verdict is Verdict.WRITE:
        assert base is not None
        now, was = (procore, agreed[0]) if found.to is Side.PROCORE else (fourhse, agreed[1])
        assert now == was
    assert (found.verdict in (Verdict.SAME, Verdict.AGREED)) == (procore == fourhse)


# Reasons, as people read them ------------------------------------------------------------------------------------

DRIFTED = TITLE.base_of(site().image, office(name="Slip").image)
LEFT_SO = TITLE.base_of(site().image, office(name="Slip").image, settled=True)


@pytest.mark.parametrize(
    ("procore", "fourhse", "field", "base", "reason"),
    [
        ("Fall", "Fall", TITLE, TITLE.base_of(site().image, office().image), "both agree"),
        ("Fall", "Fall", TITLE, None, "both show the same, newly"),
        ("Fall", "Slip", TITLE, DRIFTED, "neither side changed, yet they disagree"),
        ("Fall", "Slip", TITLE, LEFT_SO, "they differ as they were left"),
        ("Fall", "", TITLE, None, "4HSE has none yet"),
        ("", "Fall", TITLE, None, "Procore has none yet"),
        ("Fall", "Slip", TITLE, None, "they differed when they were linked"),
        ("Trip", "Slip", TITLE, DRIFTED, "changed in Procore"),
        ("Fall", "Trip", TITLE, DRIFTED, "changed in 4HSE"),
        ("Trip", "Skid", TITLE, DRIFTED, "both sides changed it"),
        (
            "Trip", "Skid", with_rule(on_conflict=OnConflict.PROCORE), DRIFTED,
            "both sides changed it; the mapping says procore wins",
        ),
        (
            "Fall", "Trip", with_rule(direction=Direction.TO_FOURHSE), DRIFTED,
            "changed in 4HSE; this field does not travel to Procore",
        ),
    ],
)  # fmt: skip
def test_each_verdict_has_its_reason(procore, fourhse, field, base, reason):
    assert diff_field(field, site(title=procore).image, office(name=fourhse).image, base).reason == reason


CATEGORY = MAPPING.category


def test_a_category_that_contradicts_an_injury_is_asked_about_because_procore_cannot_take_it():
    ours, theirs = site(**{INJURED: True}), office(category="ACCIDENTS")
    base = CATEGORY.base_of(ours.image, theirs.image)
    found = diff_field(CATEGORY, ours.image, office(category="NON_COMPLIANCE").image, base)
    assert (found.verdict, found.to) == (Verdict.CONFLICT, None)
    assert found.reason == "changed in 4HSE, and Procore cannot take it"
    assert seen(found) == {"procore": "an injury is recorded", "fourhse": "NON_COMPLIANCE"}


def test_an_injury_that_appears_writes_the_injury_word_and_one_that_goes_writes_nothing():
    base = link().base["category"]
    found = diff_field(CATEGORY, site(**{INJURED: True}).image, office().image, base)
    assert (found.verdict, found.to) == (Verdict.WRITE, Side.FOURHSE)
    hurt = CATEGORY.base_of(site(**{INJURED: True}).image, office(category="ACCIDENTS").image)
    gone = diff_field(CATEGORY, site().image, office(category="ACCIDENTS").image, hurt)
    assert (gone.verdict, gone.to) == (Verdict.AGREED, None)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (Recorded(True), "an injury is recorded"),
        (Recorded(False), "no injury is recorded"),
        ("Fall", "Fall"),
        (3, "3"),
        ((4, "b"), "4; b"),
    ],
)
def test_values_are_shown_as_people_read_them(value, text):
    assert display(value) == text


def test_a_held_value_has_none_and_tells_why():
    found = diff_field(CATEGORY, site(**{INJURED: None}).image, office(category="Fire").image, None)
    assert (found.verdict, found.value(Side.PROCORE), found.value(Side.FOURHSE)) == (Verdict.HELD, None, None)
    assert found.reason == "Procore's record lists are not complete in this cycle"
    found = diff_field(CATEGORY, site().image, office(category="Fire").image, None)
    assert found.reason == "4HSE shows the category 'Fire', which the list words/category.yaml does not know"


def test_an_unreadable_base_counts_as_a_change():
    """The word that both agreed on is not in the mapping any more."""
    base = replace(link().base["category"], fourhse={"category": "Fire"})
    found = diff_field(CATEGORY, site(**{INJURED: True}).image, office().image, base)
    assert (found.verdict, found.reason) == (Verdict.CONFLICT, "both sides changed it")


# Answers ---------------------------------------------------------------------------------------------------------

SLIP_OR_TRIP = {"seen": {"procore": "Slip", "fourhse": "Trip"}}


@pytest.mark.parametrize(
    ("use", "direction", "expected", "to", "reason"),
    [
        ("procore", Direction.BOTH, Verdict.WRITE, Side.FOURHSE, "a person chose Procore"),
        ("fourhse", Direction.BOTH, Verdict.WRITE, Side.PROCORE, "a person chose 4HSE"),
        ("procore", Direction.TO_FOURHSE, Verdict.WRITE, Side.FOURHSE, "a person chose Procore"),
        ("fourhse", Direction.TO_FOURHSE, Verdict.SETTLED, None, "a person chose 4HSE"),
        ("procore", Direction.TO_PROCORE, Verdict.SETTLED, None, "a person chose Procore"),
    ],
)
def test_an_answer_is_carried_out_where_the_field_travels(use, direction, expected, to, reason):
    answer = Decision(1, "difference:1:title", "resolve", use=use, seen=SLIP_OR_TRIP)
    found = verdict("Slip", "Trip", with_rule(direction=direction), answer)
    assert (found.verdict, found.to, found.reason, found.used) == (expected, to, reason, answer)


def test_a_side_that_moved_after_the_answer_is_asked_about_again():
    answer = Decision(1, "difference:1:title", "resolve", use="procore", seen=SLIP_OR_TRIP)
    found = verdict("Slip", "Skid", decision=answer)
    assert (found.verdict, found.to, found.used) == (Verdict.CONFLICT, None, None)
    assert found.reason == "both sides changed it. It is asked again, for 4HSE showed “Trip” when it was answered"


@pytest.mark.parametrize(
    ("shown", "told"),
    [
        ({"procore": "", "fourhse": "x" * 99}, f"Procore showed nothing and 4HSE showed “{'x' * 80}…”"),
        ({}, "less was shown"),
    ],
)
def test_a_difference_that_is_asked_again_says_what_was_shown_before(shown, told):
    answer = Decision(1, "difference:1:title", "resolve", use="procore", seen={"seen": shown})
    assert verdict("Fall", "Skid", decision=answer).reason == (
        f"changed in 4HSE. It is asked again, for {told} when it was answered"
    )


def test_only_a_choice_decides_a_difference():
    other = Decision(1, "difference:1:title", "retry", use="procore", seen=SLIP_OR_TRIP)
    assert verdict("Slip", "Trip", decision=other).verdict is Verdict.CONFLICT


def test_agreement_outdoes_an_answer():
    answer = Decision(1, "difference:1:title", "resolve", use="procore", seen=SLIP_OR_TRIP)
    assert verdict("Slip", "Slip", decision=answer).verdict is Verdict.AGREED


def test_the_answer_of_one_field_is_not_that_of_another():
    answer = {"title": Decision(1, "difference:1:title", "resolve", use="procore", seen=SLIP_OR_TRIP)}
    edited = site(title="Slip", description="A."), office(name="Trip", description_event="B.")
    found = {d.field.key: d for d in diff(MAPPING.fields, edited[0].image, edited[1].image, dict(link().base), answer)}
    assert (found["title"].verdict, found["title"].to) == (Verdict.WRITE, Side.FOURHSE)
    assert found["description"].verdict is Verdict.CONFLICT


# Titles that 4HSE cuts -------------------------------------------------------------------------------------------

LONG = "A long title " * 29 + "end"
CUT = office(name=LONG[:254].rstrip() + "…", description_event=f"{LONG}\n\nA worker fell.")


def cut(ours, theirs, **decisions):
    base = dict(link(site(title=LONG), CUT).base)
    return {d.field.key: d for d in diff(MAPPING.fields, ours.image, theirs.image, base, decisions)}


def test_a_cut_title_that_nobody_touched_agrees_and_so_does_its_text():
    assert {found.verdict for found in cut(site(title=LONG), CUT).values()} == {Verdict.SAME}


def test_a_cut_title_that_procore_edits_is_written_and_holds_nothing():
    found = cut(site(title="Short"), CUT)
    assert (found["title"].verdict, found["title"].to) == (Verdict.WRITE, Side.FOURHSE)
    assert found["description"].verdict is Verdict.SAME


def test_a_contested_cut_title_holds_the_text_below_it_and_no_other_field():
    found = cut(site(title=LONG), replace(CUT, image={**CUT.image, "name": "Mine"}))
    assert found["title"].reason == "the title is longer than 4HSE holds, and was changed there"
    assert found["description"].reason == "waits for the answer about Title"
    verdicts = [found[key].verdict for key in ("title", "description", "day", "status", "category")]
    assert verdicts == [Verdict.CONFLICT, Verdict.HELD, Verdict.SAME, Verdict.SAME, Verdict.SAME]


def test_a_cut_title_that_both_sides_changed_holds_its_text_until_it_is_settled():
    """What a person or the mapping chose is written first; until then nobody can tell the title from the text."""
    ours, theirs = site(title="Short"), replace(CUT, image={**CUT.image, "name": "Mine"})
    assert cut(ours, theirs)["description"].verdict is Verdict.HELD
    told = Decision(1, "title", "resolve", use="procore", seen={"seen": seen(cut(ours, theirs)["title"])})
    found = cut(ours, theirs, title=told)
    assert (found["title"].verdict, found["description"].verdict) == (Verdict.WRITE, Verdict.HELD)


def test_a_text_that_waits_for_its_title_is_written_nowhere():
    theirs = replace(CUT, image={**CUT.image, "name": "Mine"})
    rows = [replace(row, on_conflict=OnConflict.PROCORE) if row.key == "description" else row for row in MAPPING.fields]
    ours, base = site(title=LONG, description="More."), dict(link(site(title=LONG), CUT).base)
    title, description = diff(rows, ours.image, theirs.image, base, {})[:2]
    assert (title.verdict, description.verdict, description.to) == (Verdict.CONFLICT, Verdict.HELD, None)


def test_a_contested_title_that_was_never_cut_leaves_its_text_alone():
    pair = site(title="Slip"), office(name="Trip", description_event="More.")
    found = {d.field.key: d for d in diff(MAPPING.fields, pair[0].image, pair[1].image, dict(link().base), {})}
    assert [found[key].verdict for key in ("title", "description")] == [Verdict.CONFLICT, Verdict.WRITE]


def test_a_category_that_rests_on_this_route_stays_where_it_is():
    field = replace(CATEGORY, direction=Direction.TO_PROCORE)
    found = diff_field(field, site(**{INJURED: True}).image, office().image, link().base["category"])
    assert (found.verdict, found.to) == (Verdict.LOCAL, None)


# What a vendor sets ----------------------------------------------------------------------------------------------

SET = Field("number", "Number", NumberLens("number", "code"), fills_only=True)


@pytest.mark.parametrize(
    ("values", "origin", "base", "found"),
    [
        ((3, None), Side.PROCORE, None, (Verdict.WRITE, Side.FOURHSE, "4HSE has none yet")),
        ((None, 3), Side.FOURHSE, None, (Verdict.WRITE, Side.PROCORE, "Procore has none yet")),
        ((3, None), Side.FOURHSE, None, (Verdict.LOCAL, None, "Procore has a value of its own")),
        ((None, 3), Side.PROCORE, None, (Verdict.LOCAL, None, "4HSE has a value of its own")),
        ((3, 4), Side.PROCORE, None, (Verdict.LOCAL, None, "4HSE has a value of its own")),
        (
            (3, None), None, None,
            (Verdict.LOCAL, None, "it is carried only to a record that came from where it is set"),
        ),
        ((3, None), Side.PROCORE, (3, 3, False), (Verdict.LOCAL, None, "it was emptied in 4HSE")),
        ((None, 3), Side.FOURHSE, (3, 3, False), (Verdict.LOCAL, None, "it was emptied in Procore")),
        ((3, None), Side.PROCORE, (3, None, True), (Verdict.SETTLED, None, "they differ as they were left")),
        ((5, None), Side.PROCORE, (3, None, True), (Verdict.WRITE, Side.FOURHSE, "4HSE has none yet")),
        ((3, None), Side.PROCORE, (3, None, False), (Verdict.WRITE, Side.FOURHSE, "4HSE has none yet")),
        ((3, 3), Side.PROCORE, (3, 3, True), (Verdict.AGREED, None, "both show the same, newly")),
    ],
)  # fmt: skip
def test_what_a_vendor_sets_fills_an_empty_field_of_what_came_from_there(values, origin, base, found):
    was = {"number": Base({"number": base[0]}, {"code": base[1]}, base[2])} if base else {}
    [one] = diff([SET], {"number": values[0]}, {"code": values[1]}, was, {}, origin)
    assert (one.verdict, one.to, one.reason) == found


def test_what_a_vendor_sets_never_goes_against_its_way():
    one = diff_field(replace(SET, direction=Direction.TO_PROCORE), {"number": 3}, {}, None, None, Side.PROCORE)
    assert (one.verdict, one.reason) == (
        Verdict.LOCAL,
        "it is carried only to a record that came from where it is set",
    )


# What rests ------------------------------------------------------------------------------------------------------


def test_a_row_that_rests_is_not_compared():
    inactive = replace(MAPPING.title, direction=Direction.NONE)
    found = diff_field(inactive, site(title="Slip").image, office(name="Trip").image, None)
    assert (found.verdict, found.to, found.reason) == (Verdict.LOCAL, None, "this field does not travel here")
    blocked = replace(inactive, blocked=(Side.FOURHSE,))
    assert diff_field(blocked, site().image, office().image, None).reason == blocked.left_out != ""


def test_a_row_that_privacy_keeps_home_says_so():
    blocked = replace(MAPPING.title, direction=Direction.TO_PROCORE, blocked=(Side.FOURHSE,))
    found = diff_field(blocked, site(title="Slip").image, office().image, link().base["title"])
    assert (found.verdict, found.reason) == (Verdict.LOCAL, f"changed in Procore; {blocked.left_out}")


def test_a_text_that_rests_waits_for_no_title():
    rows = [replace(row, direction=Direction.NONE) if row.key == "description" else row for row in MAPPING.fields]
    theirs = replace(CUT, image={**CUT.image, "name": "Mine"})
    base = dict(link(site(title=LONG), CUT).base)
    found = diff(rows, site(title=LONG).image, theirs.image, base, {})
    assert [one.verdict for one in found[:2]] == [Verdict.CONFLICT, Verdict.LOCAL]


# While nobody is to be alerted ----------------------------------------------------------------------------------

QUIET = with_rule(alerts_off=True)


def test_a_quiet_field_that_never_agreed_is_left_as_it_is_for_good():
    found = diff_field(QUIET, site(title=None).image, office(name="Slip").image, None)
    assert (found.verdict, found.rebase, found.to) == (Verdict.SETTLED, True, None)
    assert found.reason == "left as it is by a backfill, since it would alert people"


@pytest.mark.parametrize(
    ("procore", "fourhse", "expected", "to"),
    [("Fall", "Slip", Verdict.LOCAL, None), ("Slip", "Fall", Verdict.WRITE, Side.FOURHSE)],
)
def test_an_edit_of_a_quiet_field_waits_in_4hse_and_crosses_from_procore(procore, fourhse, expected, to):
    found = verdict(procore, fourhse, QUIET)
    assert (found.verdict, found.rebase, found.to) == (expected, False, to)
    waits = "it would alert people, and waits for the end of a backfill"
    assert found.reason == (waits if to is None else "changed in Procore")


@pytest.mark.parametrize(
    ("direction", "procore", "fourhse", "reason"),
    [
        (Direction.TO_FOURHSE, "Fall", "Slip", "changed in 4HSE; this field does not travel to Procore"),
        (Direction.TO_PROCORE, "Slip", "Fall", "changed in Procore; this field does not travel to 4HSE"),
    ],
)
def test_a_quiet_field_that_never_travels_there_waits_for_nothing(direction, procore, fourhse, reason):
    found = verdict(procore, fourhse, replace(QUIET, direction=direction))
    assert (found.verdict, found.reason) == (Verdict.LOCAL, reason)


def test_a_person_s_answer_about_a_quiet_field_is_carried_out():
    asked = seen(verdict("Slip", "Trip", QUIET))
    found = verdict("Slip", "Trip", QUIET, Decision(1, "title", "resolve", use="fourhse", seen={"seen": asked}))
    assert (found.verdict, found.to) == (Verdict.WRITE, Side.PROCORE)


# What a side did not keep ------------------------------------------------------------------------------------------

KEPT_IN_PART = TITLE.base_of(site(title="Fall from a roof").image, office(name="Fall").image, lost_on=Side.FOURHSE)


@pytest.mark.parametrize(
    ("procore", "fourhse", "expected", "to"),
    [
        ("Fall from a roof", "Fall", Verdict.LOST, None),
        ("Fall from a roof", "Slip", Verdict.CONFLICT, None),
        ("Fall from a wall", "Slip", Verdict.CONFLICT, None),
        ("Fall from a wall", "Fall", Verdict.WRITE, Side.FOURHSE),
        ("Fall", "Fall", Verdict.AGREED, None),
    ],
)
@pytest.mark.parametrize("rule", OnConflict)
@pytest.mark.parametrize("direction", [Direction.BOTH, Direction.TO_FOURHSE])
def test_a_kept_part_is_never_written_over_the_whole(procore, fourhse, expected, to, rule, direction):
    field = with_rule(on_conflict=rule, direction=direction)
    for settled in (False, True):
        base = replace(KEPT_IN_PART, settled=settled)
        result = diff_field(field, site(title=procore).image, office(name=fourhse).image, base)
        left = Verdict.SETTLED if settled and expected is Verdict.LOST else expected
        assert (result.verdict, result.to) == (left, to)
