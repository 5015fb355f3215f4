"""Who is who on the two sides: partners by ordered rules, never by a guess."""

import itertools

import pytest

from procore_4hse.mapping.directory import RULES, Directory, Hint, name_in, told_partners
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
    assert pairs([here(1, "Ann Lee", **mine)], [there("a", "Lee Anna", **theirs)]) == {"1": "a"}


def test_without_another_sign_the_exact_name_counts():
    assert pairs([here(1, "Ann Lee")], [there("a", "ANN lee"), there("b", "Anna Lee")]) == {"1": "a"}


def test_two_rules_that_fit_different_people_fit_nobody_in_whatever_order():
    people = [here(1, "Ann Lee", employee_id="E1"), here(2, "Bo Diaz")]
    assigned = [there("a", "Bo Lee", code="E1"), there("b", "Ann Lee")]
    for rules in (RULES, reversed(RULES)):
        assert Directory.of(people, assigned, {}, rules).to_fourhse == {}
    hints = Directory.of(people, assigned, {}).hints[Side.PROCORE]
    assert hints == {"1": (Hint("employee id is code", "a"), Hint("exact name", "b"))}


def test_what_contradicts_a_rule_may_be_another_person_of_either_side():
    assigned = [there("a", code="E1", entity_id="ann@x.org")]
    assert pairs([here(1, employee_id="E1"), here(2, "Anna Lee", email="ann@x.org")], assigned) == {}


def test_two_rules_that_fit_one_person_agree():
    assigned = [there("a", code="E1", entity_id="ann@x.org"), there("b", "Bo Ray")]
    assert pairs([here(1, employee_id="E1", email="ann@x.org"), here(2, "Bo Ray")], assigned) == {"1": "a", "2": "b"}


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_the_order_of_the_lists_decides_nothing(order):
    people = [here(1, employee_id="E1"), here(2), here(3, "Bo Lee", employee_id="E3")]
    assigned = [there("a", code="E1"), there("b"), there("c", "Cy Roe", code="E3")]
    people, assigned = ([rows[place] for place in order] for rows in (people, assigned))
    assert pairs(people, assigned) == {"1": "a", "2": "b"}


@pytest.mark.parametrize(
    ("mine", "theirs"),
    [
        ("Ann Lee", "Cy Roe"),
        ("Ann Lee", "Anna Leigh"),
        ("Sean O'Brien", "Ian O'Neill"),
        ("Мария Иванова", "Пётр Сидоров"),
    ],
)
def test_names_that_share_not_one_word_contradict_a_number(mine, theirs):
    assert pairs([here(1, mine, employee_id="E1")], [there("a", theirs, code="E1")]) == {}


@pytest.mark.parametrize(
    ("mine", "theirs"),
    [
        ("Bob Ray", "Robert Ray"),
        ("Ann Lee", "Lee Ann-Marie"),
        ("Núria Pi", "Nuria Sol"),
        ("Łukasz Żak", "Lukasz Nowak"),
        ("D’Angelo Rossi", "D'Angelo Bianchi"),
        ("DAngelo Rossi", "D’Angelo Bianchi"),
        ("Jean‐Luc Roi", "Jean-Luc Blanc"),
        ("Jean‑Luc Roi", "Luc Blanc"),
        ("ＡＮＮ Lee", "ann Roe"),
        ("Мария Иванова", "Maria Ivanova"),
        ("王伟 王", "Wei Wang"),
        ("N/A -", "Cy Roe"),
    ],
)
def test_names_that_share_a_word_or_say_nothing_are_no_contradiction(mine, theirs):
    assert pairs([here(1, mine, employee_id="E1")], [there("a", theirs, code="E1")]) == {"1": "a"}


@pytest.mark.parametrize(
    "word", ["N/A", "n.a.", "0", "00000", "-", "none", "NULL", "test", " ", "\u200b", "–", "Ｎ／Ａ", 0]
)
def test_a_placeholder_is_no_key(word):
    assert pairs([here(1, "Ann Lee", employee_id=word)], [there("a", "Lee Roe", code=word)]) == {}
    assert pairs([here(1, "Ann Lee", email=word)], [there("a", "Lee Roe", entity_id=word)]) == {}


def test_an_exact_name_may_be_typed_with_any_apostrophe_hyphen_and_blanks():
    people, assigned = [here(1, "Jean‐Luc D’Arc")], [there("a", "jean-luc d'arc")]
    assert pairs(people, assigned) == {"1": "a"}


def test_a_name_of_placeholders_is_no_name():
    assert pairs([here(1, "Test Test")], [there("a", "test TEST")]) == {}
    assert pairs([here(1, "N/A n.a.")], [there("a", "N/A n.a.")]) == {}


@pytest.mark.parametrize(
    ("mine", "theirs", "same"),
    [
        ("007", "7", False),
        ("ＡＢ１", "ab1", True),
        ("AB  1", " ab\u00a01", True),
        ("Straße", "STRASSE", True),
        ("№7", "no7", True),
        (12, "12", True),
    ],
)
def test_keys_are_compared_in_one_form_and_leading_zeros_count(mine, theirs, same):
    found = pairs([here(1, "Ann Lee", employee_id=mine)], [there("a", "Lee Roe", code=theirs)])
    assert found == ({"1": "a"} if same else {})


def test_a_mailbox_that_several_share_is_no_key_also_when_one_of_them_has_a_partner():
    people = [here(1, employee_id="E1", email="site@x.org"), here(2, "Bo Lee", email="site@x.org")]
    assigned = [there("a", code="E1"), there("b", "Cy Lee", entity_id="site@x.org")]
    assert pairs(people, assigned) == {"1": "a"}


def test_a_shared_mailbox_contradicts_nothing():
    people = [here(1, employee_id="E1", email="site@x.org"), here(2, "Bo Ray", email="site@x.org")]
    assigned = [there("a", "Lee Ann", code="E1"), there("b", "Cy Roe", entity_id="site@x.org")]
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


def test_the_mapping_s_table_beats_an_answer_which_beats_every_rule():
    people, assigned = [here(1), here(2, "Bo Ray")], [there("a"), there("b", "Bo Ray"), there("c", "Cy Roe")]

    def found(table, remembered):
        return dict(Directory.of(people, assigned, table, None, remembered).to_fourhse)

    assert found({}, {"1": "c"}) == {"1": "c", "2": "b"}
    assert found({"1": "b"}, {"1": "c"}) == {"1": "b"}
    assert found({"2": "c"}, {"1": "c"}) == {"1": "a", "2": "c"}


@pytest.mark.parametrize("answers", [{"1": "c", "2": "c"}, {"2": "c", "1": "c"}])
def test_answers_that_give_one_person_to_two_do_not_count(answers):
    assert told_partners({}, answers) == told_partners(answers, {}) == {}


def test_the_lists_part_two_people_only_by_what_they_say_of_them():
    people = [here(1, employee_id="E1"), here(2, "Bo Ray", employee_id="E2"), here(3, "Cy Roe"), here(4)]
    assigned = [there("a", "Ann Roe", code="E1"), there("b", "Bo Ray", code="E9"), there("c", "Cy Roe")]
    found = Directory.of(people, assigned, {}, None, {"2": "b"})
    parted = {(party, office) for party in "12349" for office in "abcz" if found.parts(party, office)}
    # 4 has no partner and fits nobody here any more; 9 and z are on no list.
    taken = {(one, other) for one in "123" for other in "abcz"} | {(one, other) for one in "49" for other in "abc"}
    assert parted == taken - {("1", "a"), ("2", "b"), ("3", "c")}


def test_namesakes_and_people_who_left_part_nobody():
    found = Directory.of([here(1), here(2)], [there("a")], {})
    assert not found.parts("1", "a")
    assert not Directory.of([here(1)], [], {}).parts("1", "a")
    assert Directory.of([here(1)], [there("a", "Anna Lee")], {}).parts("1", "a")


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
