"""What a question holds: both records as people read them, what each answer does, and what it shares with others."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from actors import doubtful, hire, hire_in_office, hire_on_site, hurt_on_site, only, partner
from procore_4hse.cli.questions import question_json
from procore_4hse.models import Kind, Side
from procore_4hse.operations import decisions
from procore_4hse.operations.choices import Choice
from procore_4hse.operations.decisions import Answer
from procore_4hse.operations.questions import ASKED, Question, ShownRecord, asked, question_of
from procore_4hse.reconcile.snapshot import Limits
from procore_4hse.store.decisions import Decider
from world import PROJECT, World

pytestmark = pytest.mark.any_store

ADDRESSES = {Side.PROCORE: "https://p.example/{project}/{id}", Side.FOURHSE: "https://h.example/{office}/{id}"}


@pytest.fixture
def world(build: Callable[..., World]) -> World:
    return build(addresses=ADDRESSES)


def questions(world: World) -> list[Question]:
    with world.store.read() as unit:
        return asked(unit, (world.route,), ASKED)


def the_question(world: World) -> Question:
    (question,) = questions(world)
    return question


def shown(record: ShownRecord) -> dict[str, str]:
    return {value.label: value.text for value in record.values if value.text}


def differing(record: ShownRecord) -> list[str]:
    return [value.label for value in record.values if value.differs]


def choice(question: Question, name: str) -> Choice:
    return next(each for each in question.choices if each.name == name)


# Records ---------------------------------------------------------------------------------------------------------


def in_conflict(world: World) -> tuple[str, str]:
    """An incident with somebody who was hurt, whose title both sides changed: its two ids."""
    party, _ = hire(world)
    site = world.on_site("Fall", description="He fell.")
    hurt_on_site(world, site, party, days=20)
    world.sync()
    office = partner(world, site)
    world.procore.hand_edit("incident", int(site), title="Fall from ladder")
    world.fourhse.hand_edit("incident", office, name="Fall from a step")
    world.sync()
    return site, office


def test_both_records_stand_beside_each_other_in_the_labels_of_the_mapping(world: World) -> None:
    site, office = in_conflict(world)
    question = the_question(world)
    one, other = question.records
    assert (one.ref.id, other.ref.id, one.role.value, other.role.value) == (site, office, "pair", "pair")
    both = {"Description": "He fell.", "Day": "2026-02-10", "Status": "open", "People": "Ann Lee (20 days)"}
    assert shown(one) == {
        "Title": "Fall from ladder", **both, "Category": "an injury is recorded", "Number": "1",
        "Author": "Robin Marsh", "Last change": "2026-03-02 12:05 UTC",
    }  # fmt: skip
    mine = {"Title": "Fall from a step", **both, "Category": "ACCIDENTS", "Author": "sync@example.com"}
    assert shown(other) == mine
    assert (differing(one), differing(other)) == (["Title"], ["Title"])
    assert (question.title, question.day, question.label) == ("Fall from ladder", "2026-02-10", "Title")
    assert (one.url, other.url) == (f"https://p.example/{PROJECT}/{site}", f"https://h.example/{OFFICE}/{office}")


OFFICE = "5b7f5a5e-1d39-4a7c-8f43-7b1d6f3a9e02"


def test_without_a_pattern_there_is_no_link(world: World) -> None:
    in_conflict(world)
    world.with_route(addresses={})
    assert [record.url for record in the_question(world).records] == [None, None]


def test_of_a_deletion_the_survivor_stands_beside_what_was_kept_of_the_other(world: World) -> None:
    party, _ = hire(world)
    site, office = world.on_site("Fall"), ""
    world.on_site("Another one")
    hurt_on_site(world, site, party, days=20)
    world.sync()
    office = partner(world, site)
    world.procore.hand_delete("incident", int(site))
    world.sync()
    survivor, deleted = the_question(world).records
    assert (survivor.ref.id, survivor.role.value, survivor.is_present) == (office, "survivor", True)
    assert (deleted.ref.id, deleted.role.value, deleted.is_present) == (site, "deleted", False)
    assert shown(deleted)["People"] == shown(survivor)["People"] == "Ann Lee (20 days)"
    assert differing(survivor) == []
    world.fourhse.hand_edit("incident", office, description_event="Edited since")
    world.sync()
    edited, before = the_question(world).records
    assert (differing(edited), differing(before)) == (["Description"], ["Description"])
    assert shown(before)["Description"].startswith("What happened")


def test_a_question_about_somebody_shows_their_records_and_the_address_of_the_incident(world: World) -> None:
    party, _ = hire(world)
    site = world.on_site("Fall")
    hurt_on_site(world, site, party, days=3)
    world.sync()
    ((injury,),) = (row["injuries"] for row in world.site().values())
    ((involved,),) = (row["persons"] for row in world.office().values())
    world.procore.hand_edit("injury", injury["id"], work_days_absent=7)
    world.fourhse.hand_edit("incident-person", involved["office_incident_person_id"], days=9)
    world.sync()
    question = the_question(world)
    one, other = question.records
    assert (one.ref.kind.value, other.ref.kind.value) == ("injury", "person")
    assert shown(one) == {"Person": "Ann Lee", "Days of absence": "7"}
    assert shown(other) == {"Person": "Ann Lee", "Days of absence": "9"}
    assert differing(one) == ["Days of absence"]
    assert one.url == f"https://p.example/{PROJECT}/{site}"
    assert (question.title, question.day) == ("Fall", "2026-02-10")


def test_whose_partner_is_not_known_is_shown_with_those_who_may_be_meant(world: World) -> None:
    site = world.on_site("Fall")
    world.sync()
    party = hire_on_site(world, "Ann Lee", employee_id="E1")
    other = hire_in_office(world, "Anna Lee", code="17")
    hire_in_office(world, "Bo Diaz", code="18")
    hurt_on_site(world, site, party)
    world.sync()
    question = the_question(world)
    one, candidate = question.records
    assert shown(one) == {"Name": "Ann Lee", "Code": "E1"}
    assert (candidate.ref.id, candidate.role.value, shown(candidate)) == (
        other, "candidate", {"Name": "Anna Lee", "Code": "17"},
    )  # fmt: skip
    given = choice(question, f"with:{other}")
    assert given.answer is not None
    decisions.keep(world.store, (world.route,), question.id, given.answer, Decider("anna", "cli"))
    world.sync()
    world.sync()
    assert [row["person_office_id"] for one in world.office().values() for row in one["persons"]] == [other]


def test_a_candidate_tells_what_speaks_for_it_and_against_it(world: World) -> None:
    world.on_site("Slip on wet floor", description="He slipped.")
    world.in_office("Slip on a wet floor", description_event="He slipped.")
    world.in_office("Slip on wet floor", date(2026, 2, 12), description_event="Somebody else")
    world.sync(first=True)
    _, *candidates = the_question(world).records
    told = {shown(each)["Title"]: [(sign.speaks_for, sign.text) for sign in each.signs] for each in candidates}
    assert told == {
        "Slip on a wet floor": [
            (True, "The same day"),
            (False, "The titles differ"),
            (True, "85 % of the words are shared (6 of 7)"),
        ],
        "Slip on wet floor": [
            (False, "The days are 2 days apart"),
            (True, "The same title"),
            (False, "50 % of the words are shared (4 of 8)"),
        ],
    }


def test_what_is_held_is_told_by_title_and_from_what_to_what(world: World) -> None:
    world.with_route(limits=Limits(max_change_percent=1))
    sites = [world.on_site(f"Fall {number}") for number in range(21)]
    world.sync()
    for site in sites[:2]:
        world.procore.hand_edit("incident", int(site), status="closed", title=f"Slip {site}")
    world.sync()
    question = the_question(world)
    assert (question.held_count, len(question.held)) == (2, 2)
    told = {(each.title, change.label, change.old, change.new) for each in question.held for change in each.changes}
    assert told == {
        *((f"Fall {number}", "Title", f"Fall {number}", f"Slip {site}") for number, site in enumerate(sites[:2])),
        *((f"Fall {number}", "Status", "open", "closed") for number in range(2)),
    }
    assert {record.ref.side for record in question.records} == set(Side)
    assert choice(question, "approve").undoable


def test_what_privacy_keeps_home_has_no_values(world: World) -> None:
    site, _ = in_conflict(world)
    world.procore.hand_edit("incident", int(site), private=True)
    with world.store.begin() as unit:
        (staged,) = unit.staging(world.route.key).some(Side.PROCORE, Kind.INCIDENT, [site])
        unit.staging(world.route.key).put_one(staged.record, server_at=world.clock(), minimal=True)
    one, other = the_question(world).records
    assert (one.values, bool(other.values)) == ((), True)


# Choices ---------------------------------------------------------------------------------------------------------


def test_a_deletion_says_what_would_go_and_that_it_does_not_come_back(world: World) -> None:
    sites = [world.on_site(name) for name in ("Fall", "Cut")]
    party, _ = hire(world)
    hurt_on_site(world, sites[0], party, days=20)
    world.sync()
    world.procore.hand_delete("incident", int(sites[0]))
    world.fourhse.hand_delete("incident", partner(world, sites[1]))
    world.sync()
    in_office, on_site = sorted(questions(world), key=lambda each: each.item.procore_id != sites[0])
    assert choice(in_office, "approve").consequence == (
        "The next cycle deletes it in 4HSE for good; 1 involved person, 20 days of absence and actions and files "
        "that we cannot list would go with it."
    )
    assert not choice(in_office, "approve").undoable
    assert "recycle bin" in choice(on_site, "approve").consequence
    assert choice(on_site, "approve").undoable


def test_every_open_question_can_be_left_for_later_and_is_then_not_listed(world: World) -> None:
    in_conflict(world)
    question = the_question(world)
    last = question.choices[-1]
    assert (last.verb, last.options(question.until)) == ("snooze", {"until": "2026-03-09"})
    assert last.command(question.entry, question.until) == "procore-4hse inbox snooze 1 --until 2026-03-09"
    _, entry = decisions.snooze(world.store, (world.route,), question.id)
    with world.store.read() as unit:
        entry = unit.inbox(world.route.key).find(question.id)
    assert entry.is_snoozed(world.clock())
    answer = choice(question, "procore").answer
    assert answer is not None
    decisions.keep(world.store, (world.route,), question.id, answer, Decider("anna", "cli"))
    assert [each.verb for each in the_question(world).choices] == ["resolve", "resolve"]


def test_no_question_speaks_of_what_only_engineers_know(world: World) -> None:
    """One of the kinds that come about easily, with everything that a person reads of it."""
    in_conflict(world)
    gone = world.on_site("Gone")
    world.sync()
    world.procore.hand_delete("incident", int(gone))
    world.in_office("Odd", category="FIRE_DRILL")
    world.sync()
    world.with_route(limits=Limits(max_creates=0))
    world.on_site("New")
    world.sync()
    kinds, words = set(), set()
    for question in questions(world):
        kinds.add(question.kind.value)
        said = [question.about, question.item.reason]
        said += [text for each in question.choices for text in (each.label, each.consequence)]
        words |= {word for text in said for word in text.lower().replace(".", " ").split()}
    assert kinds == {"conflict", "deletion", "word", "guard"}
    assert not words & {"base", "scope", "drift", "guard", "lens"}


# Causes ----------------------------------------------------------------------------------------------------------


def zonked(world: World, many: int) -> None:
    """So many people whose affliction 4HSE calls by a word that no list knows."""
    site = world.on_site("Fall")
    world.sync()
    for number in range(many):
        party, _ = hire(world, f"Ann{number} Lee", f"E{number}")
        hurt_on_site(world, site, party)
    world.sync()
    for person in next(iter(world.office().values()))["persons"]:
        world.fourhse.hand_edit(
            "incident-person", person["office_incident_person_id"], description="Affliction: Zonked"
        )
    world.sync()


def test_people_with_one_unknown_word_are_one_question_that_counts_their_records(world: World) -> None:
    zonked(world, 6)
    (found,) = questions(world)
    assert found.item.reason.endswith("6 records show it.")
    assert (found.item.facts["records"], len(found.item.facts["keys"])) == (6, 6)
    assert found.about == "Affliction: 4HSE shows Zonked, which no list of the mapping knows"
    assert "add 'Zonked' to words/affliction.yaml" in found.item.advice


def test_one_word_of_two_fields_is_two_causes(world: World) -> None:
    zonked(world, 1)
    world.in_office("Odd", category="FIRE_DRILL")
    world.in_office("Even", category="FIRE_DRILL")
    world.sync()
    assert sorted(each.item.facts.get("records", 1) for each in questions(world)) == [1, 2]
    assert len({each.cause for each in questions(world)}) == 2


def test_pairs_that_show_the_same_are_one_cause_and_all_others_stand_alone(world: World) -> None:
    doubtful(world, 2)
    world.on_site("Slip", date(2026, 2, 10), description="")
    world.in_office("Slip", date(2026, 2, 11), description_event="")
    world.on_site("Twice", description="")
    for _ in range(2):
        world.in_office("Twice", description_event="")
        world.on_site("Two of one", description="")
    world.in_office("Two of one", description_event="")
    world.sync()
    found = questions(world)
    by_cause = Counter(each.cause for each in found)
    assert sorted(by_cause.values()) == [1, 1, 1, 1, 2]
    assert {each.title for each in found if by_cause[each.cause] == 2} == {"Fall 0", "Fall 1"}


def test_a_cause_is_the_same_whether_one_question_is_read_or_all(world: World) -> None:
    doubtful(world, 2)
    with world.store.read() as unit:
        for entry in unit.inbox(world.route.key).entries():
            alone = question_of(unit, world.route, entry)
            assert alone in asked(unit, (world.route,))


def test_a_closed_question_offers_nothing_and_tells_no_contents(world: World) -> None:
    in_conflict(world)
    entry = only(world, "conflict")
    decisions.keep(world.store, (world.route,), entry.id, Answer("resolve", use="procore"), Decider("anna", "cli"))
    world.sync()
    with world.store.read() as unit:
        closed = unit.inbox(world.route.key).find(entry.id)
        question = question_of(unit, world.route, closed)
    assert (closed.state, question.records, question.choices) == ("closed", (), ())


def test_the_json_of_a_question_has_fields_and_no_values_of_ours(world: World) -> None:
    in_conflict(world)
    told: dict[str, Any] = json.loads(json.dumps(question_json(the_question(world))))
    record, given = told["records"][0], told["choices"][0]
    assert list(record) == ["side", "id", "role", "url", "fields"]
    assert record["fields"][0] == {"label": "Title", "value": "Fall from ladder", "differs": True}
    assert list(given) == ["verb", "options", "label", "consequence", "undoable", "command"]
    assert given["command"] == f"procore-4hse inbox resolve 1 --use procore --shown {told['shown']}"
    assert (given["options"], given["undoable"]) == ({"use": "procore"}, True)
    assert told["cause"].startswith("conflict-")


# Work ------------------------------------------------------------------------------------------------------------


def test_many_questions_take_as_few_statements_as_one(world: World) -> None:
    def statements() -> int:
        from sqlalchemy import event

        count = 0

        def note(*_: Any) -> None:
            nonlocal count
            count += 1

        event.listen(world.store._reading, "before_cursor_execute", note)
        questions(world)
        event.remove(world.store._reading, "before_cursor_execute", note)
        return count

    doubtful(world, 1)
    one = statements()
    doubtful(world, 20)
    assert (len(questions(world)), statements()) == (21, one)
