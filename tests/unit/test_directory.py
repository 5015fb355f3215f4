"""Who is who on the two sides: partners by ordered rules, never by a guess."""

import pytest

from procore_4hse.mapping.directory import Directory, name_in
from procore_4hse.mapping.lenses.base import Held, Known, Unwritable
from procore_4hse.mapping.lenses.person import NumberLens, PersonLens
from procore_4hse.models import Side


def here(party, name="Ann Lee", **more):
    first, last = name.split()
    return {"id": party, "first_name": first, "last_name": last, **more}


def there(assignment, name="Ann Lee", **more):
    first, last = name.split()
    return {"person_office_id": assignment, "person_first_name": first, "person_last_name": last} | {
        f"person_{key}": value for key, value in more.items()
    }


def pairs(people, assigned, told=None):
    return dict(Directory.of(people, assigned, told or {}).to_fourhse)


# Rules ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mine", "theirs"),
    [
        ({"employee_id": "E1"}, {"code": " e1 "}),
        ({"employee_id": "RSSMRA80"}, {"tax_code": "rssmra80"}),
        ({"email": "A@x.org"}, {"entity_id": "a@X.org"}),
        ({"email_address": "A@x.org"}, {"entity_id": "a@x.org"}),
    ],
)
def test_one_sign_that_both_bear_makes_two_people_one(mine, theirs):
    assert pairs([here(1, "Ann Lee", **mine)], [there("a", "Anna Leigh", **theirs)]) == {"1": "a"}


def test_without_another_sign_the_exact_name_counts():
    assert pairs([here(1, "Ann Lee")], [there("a", "ANN lee"), there("b", "Anna Lee")]) == {"1": "a"}


def test_an_earlier_rule_beats_a_later_one():
    people = [here(1, "Ann Lee", employee_id="E1"), here(2, "Bo Diaz")]
    assigned = [there("a", "Bo Diaz", code="E1"), there("b", "Ann Lee")]
    assert pairs(people, assigned) == {"1": "a"}


@pytest.mark.parametrize(
    ("people", "assigned"),
    [
        ([here(1), here(2)], [there("a")]),
        ([here(1)], [there("a"), there("b")]),
        ([here(1, employee_id="E1"), here(2, "Bo Ray", employee_id="E1")], [there("a", "Cy Roe", code="E1")]),
        ([here(1, "Bo Ray", email="x@y.z")], [there("a", entity_id="x@y.z"), there("b", entity_id="X@y.z")]),
    ],
)
def test_what_fits_two_people_fits_nobody(people, assigned):
    assert pairs(people, assigned) == {}


def test_nothing_in_common_is_no_sign():
    assert (
        pairs([here(1, "Ann Lee", employee_id="", email=None)], [there("a", "Bo Ray", code="", entity_id=None)]) == {}
    )


def test_one_who_is_taken_by_a_rule_leaves_the_next_rule_unambiguous():
    people = [here(1, employee_id="E1"), here(2)]
    assigned = [there("a", code="E1"), there("b")]
    assert pairs(people, assigned) == {"1": "a", "2": "b"}


def test_what_a_person_told_beats_every_rule():
    people = [here(1, employee_id="E1"), here(2, "Bo Ray")]
    assigned = [there("a", code="E1"), there("b", "Bo Ray")]
    assert pairs(people, assigned, {"1": "b"}) == {"1": "b"}


def test_partners_are_known_both_ways():
    found = Directory.of([here(1, user_id=71)], [there("a")], {})
    assert (found.to_fourhse, found.to_procore, found.parties) == ({"1": "a"}, {"a": "1"}, {"71": "1"})


def test_those_without_a_partner_are_listed_by_a_part_of_their_name():
    found = Directory.of([here(1), here(2, "Bo Ray")], [there("a"), there("b", "Anna LEE"), there("c", "Bo Diaz")], {})
    assert found.alike(Side.FOURHSE, "Ann Lee") == [("b", "Anna LEE")]
    assert found.alike(Side.PROCORE, "Bo Diaz") == [("2", "Bo Ray")]
    assert found.alike(Side.PROCORE, "") == []


# Lenses -----------------------------------------------------------------------------------------------------------

DIRECTORY = Directory({"1": "a"}, {"a": "1"}, {"71": "1"})
PERSON = PersonLens(DIRECTORY)
DAYS = NumberLens("work_days_absent", "days")


@pytest.mark.parametrize(
    ("side", "image", "meaning"),
    [
        (Side.PROCORE, {"affected_party": {"id": 1}}, "1"),
        (Side.PROCORE, {"affected_party": {"id": 1}, "affected_person": {"id": 9}}, "1"),
        (Side.PROCORE, {"affected_party": None, "affected_person": {"id": 71}}, "1"),
        (Side.PROCORE, {"affected_person": {"id": 72}}, "user 72"),
        (Side.PROCORE, {"affected_party": None}, None),
        (Side.FOURHSE, {"person_office_id": "a"}, "1"),
        (Side.FOURHSE, {"person_office_id": "z"}, "4HSE z"),
    ],
)
def test_a_record_means_procore_s_person(side, image, meaning):
    assert PERSON.get(side, image) == Known(meaning)


def test_an_involved_person_that_names_nobody_cannot_be_told():
    assert isinstance(PERSON.get(Side.FOURHSE, {}), Held)


def test_a_person_is_written_by_the_other_side_s_id():
    assert PERSON.put(Side.FOURHSE, "1", {}, {}) == {"person_office_id": "a"}
    assert PERSON.put(Side.PROCORE, "1", {}, {}) == {"affected_party_id": 1}


@pytest.mark.parametrize(
    ("side", "value"), [(Side.FOURHSE, "2"), (Side.PROCORE, "4HSE z"), (Side.PROCORE, None), (Side.FOURHSE, "user 72")]
)
def test_a_person_without_a_partner_has_no_form_there(side, value):
    with pytest.raises(Unwritable, match="no partner"):
        PERSON.put(side, value, {}, {})


@pytest.mark.parametrize(("written", "days"), [(None, None), (0, None), ("", None), (3, 3), ("3", 3)])
def test_no_days_and_zero_days_are_the_same(written, days):
    assert DAYS.get(Side.PROCORE, {"work_days_absent": written}) == Known(days)
    assert DAYS.get(Side.FOURHSE, {"days": written}) == Known(days)


def test_days_that_are_no_number_are_held_with_the_word():
    assert DAYS.get(Side.FOURHSE, {"days": "many"}) == Held("4HSE shows 'many' where a number stands", word="many")


@pytest.mark.parametrize(("value", "written"), [(None, 0), (3, 3)])
def test_clearing_days_writes_zero_so_that_no_null_is_needed(value, written):
    assert DAYS.put(Side.PROCORE, value, {}, {}) == {"work_days_absent": written}
    assert DAYS.put(Side.FOURHSE, value, {}, {}) == {"days": written}


def test_the_name_on_a_record_is_for_people_to_read():
    assert name_in(Side.PROCORE, {"affected_party": {"id": 1, "name": "Ann Lee"}}) == "Ann Lee"
    assert name_in(Side.PROCORE, {"affected_party": None, "affected_person": {"id": 7, "name": " Bo "}}) == "Bo"
    assert name_in(Side.FOURHSE, there("a")) == "Ann Lee"
    assert name_in(Side.FOURHSE, {}) == name_in(Side.PROCORE, {}) == ""
