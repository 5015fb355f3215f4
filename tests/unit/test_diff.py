"""Three-way, field by field: every row of the table, as values."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from procore_4hse.mapping.rules import Direction, OnConflict
from procore_4hse.models import Ruling, Side
from procore_4hse.reconcile.diff import FieldDiff, Verdict, diff, diff_field
from routes import MAPPING, link, office, site

TITLE = MAPPING.title


def verdict(procore: str, fourhse: str, field=TITLE, ruling: Ruling | None = None) -> FieldDiff:
    """What becomes of a title that both sides called "Fall" when they last agreed."""
    base = link().base["title"]
    return diff_field(field, site(title=procore).image, office(name=fourhse).image, base, ruling)


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
    base = TITLE.agreement(ours.image, theirs.image)
    assert diff_field(TITLE, ours.image, theirs.image, base).verdict is Verdict.DRIFT
    left_so = TITLE.agreement(ours.image, theirs.image, settled=True)
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
    answer = Ruling(1, "difference:1:title", "resolve", use=use, seen=seen)
    assert verdict("Slip", "Trip", ruling=answer).to is to
    assert verdict("Slip", "Stumble", ruling=answer).verdict is Verdict.CONFLICT
    assert verdict("Skid", "Trip", ruling=answer).verdict is Verdict.CONFLICT


def test_choosing_the_target_s_value_of_a_one_way_field_keeps_both():
    seen = {"seen": {"procore": "Slip", "fourhse": "Trip"}}
    answer = Ruling(1, "difference:1:title", "resolve", use="fourhse", seen=seen)
    found = verdict("Slip", "Trip", field=with_rule(direction=Direction.TO_FOURHSE), ruling=answer)
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
        base = TITLE.agreement(site(title=agreed[0]).image, office(name=agreed[1]).image)
    found = diff_field(TITLE, ours.image, theirs.image, base)
    if found.verdict is Verdict.WRITE:
        assert base is not None
        now, was = (procore, agreed[0]) if found.to is Side.PROCORE else (fourhse, agreed[1])
        assert now == was
    assert (found.verdict in (Verdict.SAME, Verdict.AGREED)) == (procore == fourhse)
