"""Whom records name: who has no partner, and what follows when the lists no longer say that two are one."""

from dataclasses import replace
from typing import Any

import pytest
from core import DIRECTORY, LIVE, MAPPING, child, crowd, injury, involved

from procore_4hse.mapping.directory import Directory, Hint
from procore_4hse.mapping.picklists import Picklists
from procore_4hse.mapping.rules import Direction
from procore_4hse.models import Act, Action, Base, Item, ItemKind, Kind, Link, RecordRef, Side
from procore_4hse.reconcile.children import rows_of
from procore_4hse.reconcile.diff import FieldDiff, Verdict, diff_field
from procore_4hse.reconcile.identity import (
    identified,
    ids_of,
    is_never_copied,
    named,
    never_copied,
    no_partner,
    person_of,
    question,
)
from procore_4hse.reconcile.plan import plan
from procore_4hse.reconcile.redacted_base import redact_base
from procore_4hse.reconcile.snapshot import Rebase, Record, Snapshot
from routes import decision

NAMES = {Side.PROCORE: {"7": "Ann Lee", "9": "Bob Hall"}, Side.FOURHSE: {"o7": "Ann Lee", "o9": "Bob Hall"}}
PARTED = Directory({"7": "o9", "9": "o7"}, {"o9": "7", "o7": "9"}, names=NAMES)
"""Each of the two who were one has another partner now."""
KEY = "difference:directory-7:o7"
SEEN = {"procore": "7", "fourhse": "9"}
"""Both people as Procore's, which is how an answer keeps them."""


def parted(
    directory: Directory = PARTED, own: Link | None = None, copy: Side | None = None, **changes: Any
) -> Snapshot:
    """A linked incident whose one person was the same on both sides when both agreed."""
    own = own or child()
    changed = {"picklists": Picklists(directory), "copies": {own.key: copy} if copy else {}}
    return crowd(injury(), involved(), links=(own,), of_people=changed, **changes)


def told_by(whole: Snapshot, ours: Record | None = None) -> tuple[Link, FieldDiff]:
    """The link of the two, and how they differ in who it is."""
    [own] = whole.people.links["1"]
    [row] = [row for row in rows_of(whole, Kind.INJURY) if row.key == "person"]
    return own, diff_field(row, (ours or injury()).image, involved().image, own.base["person"])


def outcome(whole: Snapshot) -> FieldDiff:
    return identified(whole, *told_by(whole))


def update(side: Side, ids: tuple[str, str], fields: dict[str, Any], reason: str, **values: Any) -> Action:
    return Action(Act.UPDATE, side, Kind.INJURY, *ids, f"Person: {reason}", fields, parent="1", **values)


PROCORE_SHOWS = {"affected_party": {"id": 7}, "affected_person": None}
FOURHSE_SHOWS = {"person_office_id": "o7"}


# Two who were one ------------------------------------------------------------------------------------------------


def test_two_whom_the_lists_tell_apart_are_asked_about_whole():
    found = plan(parted())
    assert (found.actions, found.rebases) == ((), ())
    assert found.items == (
        Item(
            kind=ItemKind.DRIFT,
            key=KEY,
            title="Fall",
            reason=(
                "Person: Procore names Ann Lee, 4HSE Ann Lee; they were one person, and the two lists no longer say so."
            ),
            advice=(
                "Ann Lee of Procore is right: procore-4hse inbox resolve ID --use procore; "
                "Ann Lee of 4HSE is right: procore-4hse inbox resolve ID --use 4hse. "
                "To name the partner of Ann Lee, the same one or another: "
                "procore-4hse inbox approve ID --with RECORD_ID; every record follows. "
                "To leave the records as they are: procore-4hse inbox reject ID"
            ),
            procore_id="1",
            fourhse_id="a",
            field="person",
            procore_value="Ann Lee",
            fourhse_value="Ann Lee",
            base_value="one person",
            facts={
                "seen": SEEN,
                "who": {"side": "procore", "id": "7"},
                "uses": ["procore", "fourhse"],
                "named": named(parted().people.picklists.directory, RecordRef(Side.PROCORE, Kind.DIRECTORY, "7")),
            },
        ),
    )


@pytest.mark.parametrize(
    ("origin", "copy", "asked"),
    [
        (None, None, {"side": "procore", "id": "7"}),
        (Side.PROCORE, None, {"side": "procore", "id": "7"}),
        (Side.FOURHSE, None, {"side": "fourhse", "id": "o7"}),
        (Side.PROCORE, Side.PROCORE, {"side": "fourhse", "id": "o7"}),
        (Side.FOURHSE, Side.FOURHSE, {"side": "procore", "id": "7"}),
    ],
)
def test_whose_partner_is_asked_for_is_the_one_that_was_named_first(origin, copy, asked):
    [item] = plan(parted(own=child(origin=origin), copy=copy)).items
    assert item.facts["who"] == asked


@pytest.mark.parametrize(
    ("directory", "direction", "uses"),
    [
        (PARTED, Direction.TO_FOURHSE, ["procore"]),
        (PARTED, Direction.TO_PROCORE, ["fourhse"]),
        (Directory({"7": "o9"}, {"o9": "7"}), Direction.BOTH, ["procore"]),
        (Directory({"9": "o7"}, {"o7": "9"}), Direction.BOTH, ["fourhse"]),
    ],
)
def test_only_a_side_whose_person_has_another_partner_that_can_be_written_can_be_followed(directory, direction, uses):
    whole = parted(directory, direction=direction)
    own, difference = told_by(whole)
    assert identified(whole, own, difference) is difference
    assert question(whole, own, difference, "Fall").facts["uses"] == uses


def test_a_person_whom_no_list_names_any_more_is_told_by_their_id():
    whole = parted(replace(PARTED, names={}))
    item = question(whole, *told_by(whole), "Fall")
    assert (item.procore_value, item.fourhse_value) == ("7", "o7")


def test_lists_that_tell_two_apart_make_a_drift_of_their_own_kind():
    _, found = told_by(parted())
    assert (found.verdict, found.reason, found.is_parted) == (Verdict.DRIFT, "the lists of people changed", True)


def test_when_neither_can_be_followed_a_partner_may_still_be_named():
    """The question itself names the people's own records; in a plan it stands under their incident."""
    whole = parted(Directory())
    item = question(whole, *told_by(whole), "Fall")
    assert item.advice.startswith("To name the partner of 7, the same one or another: ")
    assert (item.procore_id, item.fourhse_id, item.facts["uses"]) == ("i1", "p1", [])


def test_a_field_that_is_no_drift_of_the_lists_stays_as_it_is():
    whole = parted()
    own, difference = told_by(whole)
    for other in (replace(difference, is_parted=False), replace(difference, field=WITHOUT_PERSON)):
        assert identified(whole, own, other) is other


WITHOUT_PERSON = next(row for row in MAPPING.rows_for(Kind.INJURY, LIVE) if row.key == "days")


@pytest.mark.parametrize(
    "directory",
    [
        Directory(),
        Directory(
            keys={Side.PROCORE: {"7": ("e1", "ann lee")}, Side.FOURHSE: {"o7": ("e2", "ann lee")}},
        ),
    ],
)
def test_lists_that_do_not_speak_against_them_leave_them_as_they_are(directory):
    found = outcome(parted(directory))
    assert (found.verdict, found.reason, found.rebase) == (Verdict.SETTLED, "they differ as they were left", False)
    assert plan(parted(directory)).items == ()


def test_one_that_names_nobody_any_more_is_left():
    """A base of 4HSE that was removed on request, and whose record has moved since, tells no id."""
    whole = parted()
    own, difference = told_by(whole)
    nobody = replace(difference, base=Base(PROCORE_SHOWS, {}))
    unnamed = replace(difference, procore=replace(difference.procore, value=None))
    for one in (nobody, unnamed, replace(difference, base=None)):
        assert ids_of(one) is None
        found = identified(whole, own, one)
        assert (found.verdict, found.reason) == (Verdict.SETTLED, "they differ as they were left")
    assert ids_of(difference) == {Side.PROCORE: "7", Side.FOURHSE: "o7"}


@pytest.mark.parametrize("sides", [(Side.PROCORE,), (Side.FOURHSE,), tuple(Side)])
def test_what_was_removed_on_request_is_not_asked_about(sides):
    base = child().base["person"]
    redacted = redact_base(base, "salt")
    mixed = Base(*(redacted.of(side) if side in sides else base.of(side) for side in Side))
    whole = parted(own=replace(child(), base={**child().base, "person": mixed}))
    found = outcome(whole)
    assert (found.verdict, found.reason) == (Verdict.SETTLED, "what both agreed on was removed on request")
    assert plan(whole).items == ()


# A partner that was named ----------------------------------------------------------------------------------------

TOLD = replace(PARTED, told={"7": "o9", "9": "o7"})
NAMED = "another partner was named for this person"


@pytest.mark.parametrize(
    ("origin", "action"),
    [
        (
            Side.PROCORE,
            update(
                Side.FOURHSE, ("p1", "i1"), {"person_office_id": "o9"}, NAMED,
                sources={"person": PROCORE_SHOWS}, seen=FOURHSE_SHOWS,
            ),
        ),
        (
            Side.FOURHSE,
            update(
                Side.PROCORE, ("i1", "p1"), {"affected_party_id": 9}, NAMED,
                sources={"person": FOURHSE_SHOWS}, seen=PROCORE_SHOWS,
            ),
        ),
    ],
)  # fmt: skip
def test_a_partner_who_was_named_is_followed_from_the_side_that_named_the_person_first(origin, action):
    whole = parted(TOLD, child(origin=origin))
    assert outcome(whole).verdict is Verdict.WRITE
    found = plan(whole)
    assert (found.actions, found.items) == ((action,), ())


@pytest.mark.parametrize(
    ("directory", "origin"),
    [
        (TOLD, None),
        (replace(PARTED, told={"9": "o7"}), Side.PROCORE),
        (replace(PARTED, told={"7": "o9"}), Side.FOURHSE),
    ],
)
def test_a_partner_who_was_named_for_another_one_is_not_followed(directory, origin):
    found = plan(parted(directory, child(origin=origin)))
    assert (found.actions, [item.key for item in found.items]) == ((), [KEY])


def test_a_partner_who_was_named_is_followed_though_the_base_was_removed():
    base = {**child().base, "person": redact_base(child().base["person"], "salt")}
    own = replace(child(origin=Side.PROCORE), base=base)
    assert outcome(parted(TOLD, own)).to is Side.FOURHSE


@pytest.mark.parametrize(
    ("origin", "direction", "label"),
    [(Side.PROCORE, Direction.TO_PROCORE, "4HSE"), (Side.FOURHSE, Direction.TO_FOURHSE, "Procore")],
)
def test_where_it_does_not_travel_nobody_is_followed_and_nothing_asked(origin, direction, label):
    whole = parted(TOLD, child(origin=origin), direction=direction)
    found = outcome(whole)
    assert (found.verdict, found.to) == (Verdict.LOCAL, None)
    assert found.reason == f"{NAMED}; this field does not travel to {label}"
    assert (plan(whole).actions, plan(whole).items) == ((), ())


# Answers about them ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("use", "action"),
    [
        (
            "procore",
            update(
                Side.FOURHSE, ("p1", "i1"), {"person_office_id": "o9"}, "a person chose Procore",
                sources={"person": PROCORE_SHOWS}, seen=FOURHSE_SHOWS,
            ),
        ),
        (
            "fourhse",
            update(
                Side.PROCORE, ("i1", "p1"), {"affected_party_id": 9}, "a person chose 4HSE",
                sources={"person": FOURHSE_SHOWS}, seen=PROCORE_SHOWS,
            ),
        ),
    ],
)  # fmt: skip
def test_a_side_that_a_person_chose_is_followed(use, action):
    answer = decision(KEY, "resolve", use=use, seen={"seen": SEEN})
    found = plan(parted(decisions=answer))
    assert (found.actions, found.items, found.answers_in_use) == ((action,), (), (KEY,))


def test_a_person_may_leave_them_as_they_are_for_good():
    answer = decision(KEY, "reject", seen={"seen": SEEN})
    found = plan(parted(decisions=answer))
    settled = Base(PROCORE_SHOWS, FOURHSE_SHOWS, settled=True)
    assert found.rebases == (Rebase(Kind.INJURY, "i1", "p1", {"person": settled}),)
    assert (found.actions, found.items) == ((), ())
    told = outcome(parted(decisions=answer))
    assert (told.reason, told.used) == ("a person leaves the records as they are", answer[KEY])
    assert told.rebase


@pytest.mark.parametrize(
    ("key", "verb", "seen"),
    [
        (KEY, "resolve", {"procore": "7", "fourhse": "8"}),
        (KEY, "reject", {"procore": "7", "fourhse": "8"}),
        (KEY, "retry", SEEN),
        ("difference:directory-7:o8", "resolve", SEEN),
        ("difference:injury-i1:person", "reject", SEEN),
    ],
)
def test_an_answer_to_something_else_changes_nothing(key, verb, seen):
    found = plan(parted(decisions=decision(key, verb, use="procore", seen={"seen": seen})))
    assert (found.actions, found.rebases, [item.key for item in found.items]) == ((), (), [KEY])


# Who has no partner ----------------------------------------------------------------------------------------------

HERE = injury(affected_party={"id": 9, "name": "Ann Lee"})
THERE = involved(person_office_id="o9", person_first_name="Ann", person_last_name="Lee")


def test_the_person_of_a_record_is_a_row_of_its_side_s_list():
    whole = crowd()
    assert person_of(whole, HERE) == RecordRef(Side.PROCORE, Kind.DIRECTORY, "9")
    assert person_of(whole, THERE) == RecordRef(Side.FOURHSE, Kind.DIRECTORY, "o9")
    assert person_of(whole, injury(affected_party=None)) is None
    user = injury(affected_party=None, affected_person={"id": 70})
    known = crowd(of_people={"picklists": Picklists(replace(DIRECTORY, parties={"70": "7"}))})
    assert person_of(known, user) == RecordRef(Side.PROCORE, Kind.DIRECTORY, "7")


def test_a_no_about_a_person_counts_for_that_person_and_no_other():
    mine = RecordRef(Side.PROCORE, Kind.DIRECTORY, "9")
    no = decision("match:procore:directory-9", "reject")
    assert is_never_copied(crowd(decisions=no), mine)
    assert not is_never_copied(crowd(decisions=no), RecordRef(Side.FOURHSE, Kind.DIRECTORY, "9"))
    assert not is_never_copied(crowd(decisions=decision("match:procore:directory-9", "approve")), mine)
    assert not is_never_copied(crowd(decisions=no), None)


def test_answers_about_people_are_kept_though_nobody_names_them_now():
    def answer(key: str, verb: str = "reject", **seen: Any) -> dict[Any, Any]:
        return decision(key, verb, seen=seen)

    who = {"side": "procore", "id": "9"}
    other = {"side": "fourhse", "id": "o9"}
    answers = {
        **answer("match:procore:directory-9", who=who),
        **answer("match:fourhse:directory-o9", "approve", who=other),
        **answer("match:procore:1"),
        **answer(KEY, who=who),
        **answer("match:fourhse:directory-o8", who={"side": "fourhse", "id": "o8"}),
    }
    assert never_copied(crowd(decisions=answers)) == ["match:procore:directory-9", "match:fourhse:directory-o8"]


GIVE = (
    "Give the person the same employee id, tax code or e-mail on both sides, or name the partner: "
    "procore-4hse inbox approve ID --with RECORD_ID; never copy this person: procore-4hse inbox reject ID"
)


def asked(record: Record, directory: Directory) -> Item:
    whole = crowd(of_people={"picklists": Picklists(directory)})
    return no_partner(whole, record, "this person has no partner over there", "Fall")


@pytest.mark.parametrize(
    ("hints", "names", "doubt", "perhaps"),
    [
        ((), {}, "has no partner over there", ""),
        (
            (Hint("e-mail", "o1"), Hint("exact name", "o2")), {"o1": "Bob Hall", "o2": "Ann Leigh"},
            "has no certain partner over there, for it may be Bob Hall (e-mail) or Ann Leigh (exact name)",
            "Perhaps: 4HSE o1 Bob Hall; 4HSE o2 Ann Leigh. ",
        ),
        (
            (Hint("e-mail", "o1"),), {"o1": "Bob Hall"},
            "has no certain partner over there, for Bob Hall (e-mail) has another name altogether",
            "Perhaps: 4HSE o1 Bob Hall. ",
        ),
        (
            (Hint("e-mail", "o1"), Hint("employee id is code", "o1")), {"o1": "Ann Leigh"},
            "has no certain partner over there, for Ann Leigh (e-mail) may be somebody else too",
            "Perhaps: 4HSE o1 Ann Leigh. ",
        ),
    ],
)  # fmt: skip
def test_why_what_a_rule_says_of_somebody_does_not_count(hints, names, doubt, perhaps):
    listed = {Side.PROCORE: {"9": "Ann Lee"}, Side.FOURHSE: names}
    directory = replace(DIRECTORY, names=listed, hints={Side.PROCORE: {"9": hints}})
    item = asked(HERE, directory)
    person = RecordRef(Side.PROCORE, Kind.DIRECTORY, "9")
    assert item == Item(
        kind=ItemKind.MATCH, key="match:procore:directory-9", title="Fall", procore_id="9",
        reason=f"Ann Lee {doubt}; the incident itself crosses.", advice=perhaps + GIVE,
        facts={
            "candidates": [], "records": {}, "who": {"side": "procore", "id": "9"}, "named": named(directory, person),
        },
    )  # fmt: skip


def test_a_doubt_about_somebody_of_4hse_names_people_of_procore():
    names = {Side.PROCORE: {"1": "Bob Hall"}, Side.FOURHSE: {"o9": "Ann Lee"}}
    hints = {Side.FOURHSE: {"o9": (Hint("e-mail", "1"),)}}
    item = asked(THERE, replace(DIRECTORY, names=names, hints=hints))
    assert ", for Bob Hall (e-mail) has another name altogether" in item.reason
    assert item.advice == f"Perhaps: Procore 1 Bob Hall. {GIVE}"


def test_of_many_who_may_be_meant_a_few_are_named_the_likelier_first():
    hints = tuple(Hint("e-mail", f"o{number}") for number in range(7))
    both = asked(HERE, replace(DIRECTORY, hints={Side.PROCORE: {"9": hints}}))
    assert both.reason.count("(e-mail)") == 5
    assert both.advice.startswith("Perhaps: 4HSE o0 o0; 4HSE o1 o1; 4HSE o2 o2; 4HSE o3 o3; 4HSE o4 o4. Give")
    unpaired = {Side.FOURHSE: (("o0", "Ann Lee"), ("x", "Ann Hall"), ("y", "Bob Hall"))}
    alike = asked(HERE, replace(DIRECTORY, hints={Side.PROCORE: {"9": hints[:1]}}, unpaired=unpaired))
    assert alike.advice.startswith("Perhaps: 4HSE o0 Ann Lee; 4HSE x Ann Hall. Give")


def test_a_record_without_a_person_is_asked_about_itself():
    item = asked(injury(affected_party=None), DIRECTORY)
    assert (item.key, item.reason) == (
        "match:procore:injury-i1",
        "This person has no partner over there; the incident itself crosses.",
    )
    assert item.facts["who"] == {"side": "procore", "id": "i1"}
