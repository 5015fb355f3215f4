"""Which unlinked records are one: clear, likely, or strangers."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from procore_4hse.mapping.lenses import text
from procore_4hse.reconcile import match as matching
from procore_4hse.reconcile.match import Candidate, Likeness, MatchRules, likeness_of, match

DAY = date(2026, 2, 10)
TEXT = "A worker fell from the third step of a ladder."


def one(record_id: str = "1", **changes) -> Candidate:
    return Candidate(**{"id": record_id, "day": DAY, "title": "Fall", "description": TEXT, **changes})


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        ({}, Likeness.CLEAR),
        ({"title": " FALL  "}, Likeness.CLEAR),
        ({"description": "Another one slipped."}, Likeness.LIKELY),
        ({"description": None}, Likeness.LIKELY),
        ({"day": DAY + timedelta(days=3)}, Likeness.LIKELY),
        ({"day": DAY + timedelta(days=4)}, Likeness.NONE),
        ({"title": "Slip"}, Likeness.LIKELY),
        ({"title": "Slip", "description": "Quite another thing happened to somebody else that day."}, Likeness.NONE),
        ({"title": "Slip", "day": DAY + timedelta(days=1)}, Likeness.NONE),
        ({"day": None}, Likeness.NONE),
    ],
)
def test_how_alike_two_are(other, expected):
    assert likeness_of(one(), one("a", **other)) is expected
    assert likeness_of(one("a", **other), one()) is expected


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        ({"title_hash": "f0"}, Likeness.LIKELY),
        ({"title_hash": "f1"}, Likeness.NONE),
        ({"title_hash": ""}, Likeness.NONE),
        ({"title_hash": "f0", "day": DAY + timedelta(days=1)}, Likeness.NONE),
    ],
)
def test_a_private_one_is_known_by_its_day_and_the_hash_of_its_title(other, expected):
    hidden = one(title=None, description=None, eligible=False, title_hash=other["title_hash"] and "f0")
    assert likeness_of(hidden, one("a", **other)) is likeness_of(one("a", **other), hidden) is expected
    assert match([hidden], [one("a", **other)]).doubts == ({"1": ("a",)} if expected else {})


def test_empty_texts_are_never_alike():
    assert likeness_of(one(title="", description=""), one("a", title="", description="")) is Likeness.NONE
    assert likeness_of(one(title=None, description=None), one("a", title=None, description=None)) is Likeness.NONE


def test_equal_records_without_a_description_are_only_likely():
    assert likeness_of(one(description=None), one("a", description=None)) is Likeness.LIKELY


def test_people_may_contradict_or_hint():
    assert likeness_of(one(people=frozenset("x")), one("a", people=frozenset("y"))) is Likeness.LIKELY
    alike = one(title="Slip", description="", people=frozenset("x"))
    assert likeness_of(alike, one("a", people=frozenset("x"))) is Likeness.LIKELY


def test_a_clear_partner_must_be_the_only_one_in_both_directions():
    assert match([one("1")], [one("a")]).pairs == (("1", "a"),)
    for left, right in (([one("1"), one("2")], [one("a")]), ([one("1")], [one("a"), one("b")])):
        found = match(left, right)
        assert found.pairs == ()
        assert set(found.doubts) == {candidate.id for candidate in left}
        assert (found.singles_procore, found.singles_fourhse) == ((), ())


def test_two_accidents_called_the_same_on_one_day_keep_apart():
    left = [one("1", description="A mason fell from a scaffold."), one("2", description="A cook fell in the kitchen.")]
    right = [one("a", description="A mason fell from a scaffold."), one("b", description="A cook fell in the kitchen.")]
    assert match(left, right).pairs == (("1", "a"), ("2", "b"))


def test_those_called_different_are_strangers():
    found = match([one("1")], [one("a")], frozenset({("1", "a")}))
    assert (found.pairs, found.doubts, found.singles_procore, found.singles_fourhse) == ((), {}, ("1",), ("a",))


def test_who_stays_home_only_casts_doubt():
    found = match([one("1", eligible=False)], [one("a")])
    assert (found.pairs, found.doubts, found.singles_fourhse) == ((), {"1": ("a",)}, ())
    found = match([one("1", eligible=False)], [one("a", eligible=False)])
    assert (found.doubts, found.singles_procore, found.singles_fourhse) == ({}, (), ())


def test_what_is_about_to_be_deleted_is_doubted_by_what_stays_home_but_not_by_another_such():
    left, home = one("1", eligible=False, survivor=True), one("a", eligible=False)
    assert match([left], [home]).doubts == {"1": ("a",)}
    assert match([home], [left]).doubts == {"a": ("1",)}
    assert match([left], [one("a", eligible=False, survivor=True)]).doubts == {}
    assert match([left], [one("a")]).doubts == {"1": ("a",)}


CANDIDATES = st.lists(
    st.builds(
        Candidate,
        id=st.uuids().map(str),
        day=st.sampled_from([None, DAY, DAY + timedelta(days=1)]),
        title=st.sampled_from([None, "Fall", "Slip"]),
        description=st.sampled_from([None, TEXT, "Something else."]),
        eligible=st.booleans(),
    ),
    max_size=6,
    unique_by=lambda candidate: candidate.id,
)


@given(CANDIDATES, CANDIDATES)
def test_every_eligible_record_is_in_one_place(left, right):
    found = match(left, right)
    doubted = {other for others in found.doubts.values() for other in others}
    for eligible, paired, asked, alone in (
        ({c.id for c in left if c.eligible}, [a for a, _ in found.pairs], set(found.doubts), found.singles_procore),
        ({c.id for c in right if c.eligible}, [b for _, b in found.pairs], doubted, found.singles_fourhse),
    ):
        assert len(set(paired)) == len(paired)
        assert not set(paired) & asked
        assert not set(alone) & (asked | set(paired))
        assert set(alone) | asked | set(paired) >= eligible
        assert set(alone) <= eligible


# Boundaries ------------------------------------------------------------------------------------------------------

FIVE = "one two three four five"


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        (FIVE, FIVE, Likeness.LIKELY),
        ("one two three four", "one two three four", Likeness.NONE),
        (f"{FIVE} six seven eight", f"{FIVE} six seven eight nine ten", Likeness.LIKELY),
        (f"{FIVE} six seven", f"{FIVE} six seven eight nine", Likeness.NONE),
    ],
)
def test_similar_is_four_words_in_five_and_five_words_or_more(ours, theirs, expected):
    """Titles count with the texts; here one record has no title and the other no text."""
    assert likeness_of(one(title=None, description=ours), one("a", title=theirs, description=None)) is expected
    assert likeness_of(one(title=ours, description=None), one("a", title=None, description=theirs)) is expected


def test_a_missing_text_counts_no_word():
    nearly = f"{FIVE} six seven eight"
    alike = one(title=nearly, description=None), one("a", title=f"{nearly} nine ten", description=None)
    assert likeness_of(*alike) is likeness_of(*reversed(alike)) is Likeness.LIKELY
    alike = one(title=None, description=nearly), one("a", title=None, description=f"{nearly} nine ten")
    assert likeness_of(*alike) is likeness_of(*reversed(alike)) is Likeness.LIKELY


def test_one_side_s_people_contradict_nothing_and_hint_at_nothing():
    assert likeness_of(one(people=frozenset("x")), one("a")) is Likeness.CLEAR
    assert likeness_of(one(), one("a", people=frozenset("x"))) is Likeness.CLEAR
    stranger = one("a", title="Slip", description="Quite another thing.", people=frozenset("x"))
    assert likeness_of(one(), stranger) is Likeness.NONE


@pytest.mark.parametrize("days", [-4, -3, 3, 4])
def test_three_days_apart_is_near_and_four_is_not(days):
    found = match([one()], [one("a", day=DAY + timedelta(days=days))])
    assert found.doubts == ({"1": ("a",)} if abs(days) <= 3 else {})


def test_one_that_has_its_partner_is_nobody_else_s_doubt():
    """The third record has the title of both, and only likeness to each."""
    other = one("b", description="Another one.")
    found = match([one()], [one("a"), other])
    assert (found.pairs, found.doubts, found.singles_fourhse) == ((("1", "a"),), {}, ("b",))
    found = match([one(), one("2", description="Another one.")], [one("a")])
    assert (found.pairs, found.doubts, found.singles_procore) == ((("1", "a"),), {}, ("2",))


# Many of them ------------------------------------------------------------------------------------------------------

WORDS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]


@given(CANDIDATES, CANDIDATES, st.integers(2, 9), st.booleans())
def test_blocks_miss_nobody_who_is_alike(left, right, words, is_told):
    """As if each had been compared with each, also where a text is nearly another one's."""
    left = [*left, one("w1", title=None, description=" ".join(WORDS[:words]))]
    right = [
        *right,
        *(one(f"w{n}", title=None, description=" ".join(WORDS[:n]), people=frozenset("x")) for n in (5, 7)),
    ]
    left.append(one("p", title="Slip", description=None, people=frozenset("xy"), eligible=False))
    told = frozenset({("w1", "w5")}) if is_told else frozenset()
    likeness = {
        (mine.id, other.id): likeness_of(mine, other)
        for mine in left
        for other in right
        if (mine.eligible or other.eligible) and (mine.id, other.id) not in told
    }
    clear = [pair for pair, how in likeness.items() if how is Likeness.CLEAR]
    once = [pair for pair in clear if all(sum(pair[n] == other[n] for other in clear) == 1 for n in (0, 1))]
    eligible = {each.id for each in (*left, *right) if each.eligible}
    pairs = sorted(pair for pair in once if eligible >= set(pair))
    taken = {record for pair in pairs for record in pair}
    found = match(left, right, told)
    assert found.pairs == tuple(pairs)
    expected = {pair for pair, how in likeness.items() if how and taken.isdisjoint(pair)}
    assert {(mine, other) for mine, others in found.doubts.items() for other in others} == expected


@pytest.mark.parametrize(
    ("title", "ours", "theirs"),
    [
        ("Fall", "Worker {} fell from a ladder.", "Worker {} fell from a ladder."),
        ("Fall", "Worker {} fell from a ladder.", "Something else happened to {}."),
        ("Fall {}", "A worker fell from step {} and hurt a foot.", "A worker fell from step {} and hurt a foot."),
        ("Fall {}", "Worker {} fell.", "Worker {} fell, and nobody saw it."),
        ("", "", ""),
    ],
)
@pytest.mark.parametrize("eligible", [True, False])
def test_thousands_on_one_day_are_compared_in_a_number_that_grows_with_them(monkeypatch, title, ours, theirs, eligible):
    compared, read = [], []

    def counted(work, into):
        return lambda *values: into.append(values) or work(*values)

    monkeypatch.setattr(matching, "likeness_of", counted(matching.likeness_of, compared))
    monkeypatch.setattr(matching, "is_clear", counted(matching.is_clear, compared))
    monkeypatch.setattr(text, "words_of", counted(text.words_of, read))
    many = 1000
    left = [one(f"p{n}", title=title.format(n), description=ours.format(n), eligible=eligible) for n in range(many)]
    right = [one(f"f{n}", title=title.format(n), description=theirs.format(n)) for n in range(many)]
    found = match(left, right)
    assert len(compared) <= 3 * matching.LISTED * many
    assert len(read) <= 2 * many
    doubted = {other for others in found.doubts.values() for other in others}
    assert len(found.singles_fourhse) + len(doubted) + len(found.pairs) == many


def test_of_hundreds_that_may_be_one_some_are_told_and_nobody_is_left_out():
    many = 3 * matching.LISTED
    left = [one(f"p{n}", description=f"Here {n}") for n in range(many)]
    found = match(left, [one(f"f{n}", description=f"There {n}") for n in range(many)])
    assert set(found.doubts) == {each.id for each in left}
    assert min(map(len, found.doubts.values())) == matching.LISTED
    assert {other for others in found.doubts.values() for other in others} == {f"f{n}" for n in range(many)}


# By what a route says ----------------------------------------------------------------------------------------------

BY_NUMBER = MatchRules(key="number")
OTHER_TONGUE = {"title": "Caduta", "description": "Un operaio è caduto dal terzo gradino di una scala."}


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        ({"key": "7"}, Likeness.CLEAR),
        ({"key": "7", "people": frozenset({"ann"})}, Likeness.CLEAR),
        ({"key": "7", "people": frozenset({"bo"})}, Likeness.LIKELY),
        ({"key": "7", "day": DAY + timedelta(days=40)}, Likeness.LIKELY),
        ({"key": "8"}, Likeness.NONE),
        ({"key": ""}, Likeness.NONE),
    ],
)
def test_a_number_that_both_sides_know_decides_whatever_the_language(other, expected):
    here, there = one(key="7", people=frozenset({"ann"})), one("a", **OTHER_TONGUE | other)
    assert likeness_of(here, there, BY_NUMBER) is likeness_of(there, here, BY_NUMBER) is expected
    found = match([here], [there], rules=BY_NUMBER)
    assert found.pairs == ((("1", "a"),) if expected is Likeness.CLEAR else ())
    assert found.doubts == ({"1": ("a",)} if expected is Likeness.LIKELY else {})


def test_two_that_tell_the_same_under_different_numbers_are_asked_about():
    assert match([one(key="7")], [one("a", key="8")], rules=BY_NUMBER).doubts == {"1": ("a",)}


def test_a_number_that_two_of_one_side_bear_is_none():
    here = [one(key="7"), one("2", key="7", title="Cut", description="Something else altogether happened there.")]
    there = [one("a", **OTHER_TONGUE, key="7")]
    assert match(here, there, rules=BY_NUMBER).pairs == ()


def test_a_number_goes_before_another_one_that_tells_the_same():
    found = match([one(key="7")], [one("a", key="7", title="Caduta"), one("b")], rules=BY_NUMBER)
    assert (found.pairs, found.doubts) == ((), {"1": ("a", "b")})


@pytest.mark.parametrize(("days", "apart", "expected"), [(0, 1, False), (1, 1, True), (7, 7, True), (7, 8, False)])
def test_how_far_apart_two_of_one_title_may_be_is_for_the_route_to_say(days, apart, expected):
    there = one("a", day=DAY + timedelta(days=apart), description="Another one slipped.")
    assert bool(match([one()], [there], rules=MatchRules(days=days)).doubts) is expected


@pytest.mark.parametrize(("words", "expected"), [(0.5, True), (0.6, True), (0.7, False)])
def test_how_many_words_two_share_is_for_the_route_to_say(words, expected):
    here = one(title="one two three", description="four five six seven eight")
    there = one("a", title="one two three", description="four five six nine ten")  # Six of ten.
    there = replace(there, title="three two one")
    assert bool(match([here], [there], rules=MatchRules(words=words)).doubts) is expected
