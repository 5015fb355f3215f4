"""inbox: what waits, and answers that are checked before they are kept."""

from __future__ import annotations

import re
import shutil
from datetime import timedelta
from typing import Any

import pytest
from cli_stand import DAY, MAPPING, TENANT, Stand

from procore_4hse.simulator.faults import FaultKind

ITEM_KEYS = [
    "id", "kind", "route", "title", "procore_id", "fourhse_id", "field", "procore_value", "fourhse_value",
    "base_value", "reason", "since", "advice", "cause", "shown", "records", "choices",
]  # fmt: skip


def only(stand: Stand) -> dict[str, Any]:
    """The one item that waits."""
    (item,) = stand.json("inbox")["items"]
    assert list(item) == ITEM_KEYS
    return dict(item)


def conflict(stand: Stand) -> tuple[str, str]:
    """A title that both sides changed; the ids of the pair."""
    site, office = stand.linked("Fall from ladder")
    stand.procore.hand_edit("incident", int(site), title="Fall from a ladder, north")
    stand.fourhse.hand_edit("incident", office, name="Fall from a step")
    stand.run("sync")
    return site, office


def test_an_empty_inbox_says_so(stand: Stand) -> None:
    assert stand.json("inbox", "list") == {"items": []}
    assert "Nothing waits for a person." in stand.said("inbox")


@pytest.mark.parametrize(("use", "title"), [("4hse", "Fall from a step"), ("procore", "Fall from a ladder, north")])
def test_a_conflict_shows_all_three_values_and_is_settled_by_an_answer(stand: Stand, use: str, title: str) -> None:
    site, office = conflict(stand)
    item = only(stand)
    assert (item["id"], item["kind"], item["route"], item["field"]) == ("1", "conflict", "riverside", "title")
    assert (item["procore_id"], item["fourhse_id"]) == (site, office)
    values = (item["procore_value"], item["fourhse_value"], item["base_value"])
    assert values == ("Fall from a ladder, north", "Fall from a step", "Fall from ladder")
    command = f"procore-4hse inbox resolve 1 --shown {item['shown']} --use procore, or --use 4hse"
    assert command in item["advice"]
    shown = stand.said("inbox", "show", "1")
    assert all(value in shown for value in values)
    assert "4HSE is right: The next cycle writes this value to Procore." in shown
    assert f"procore-4hse inbox resolve 1 --use 4hse --shown {item['shown']}" in shown
    assert "The next cycle carries it out: procore-4hse sync" in stand.said("inbox", "resolve", "1", "--use", use)
    assert stand.json("inbox") == {"items": []}
    assert "1 answered" in stand.said("inbox")
    assert "answered: the next cycle" in stand.said("inbox", "show", "1")
    stand.run("sync")
    rows = stand.procore.dump(1363617), stand.fourhse.dump("5b7f5a5e-1d39-4a7c-8f43-7b1d6f3a9e02")
    assert (rows[0][0]["title"], rows[1][0]["name"]) == (title, title)


def test_the_list_can_be_narrowed(stand: Stand) -> None:
    conflict(stand)
    assert len(stand.json("inbox", "--kind", "conflict")["items"]) == 1
    assert stand.json("inbox", "list", "--kind", "match") == {"items": []}
    assert len(stand.json("inbox", "list", "--route", "riverside")["items"]) == 1
    assert "There is no route seaside" in stand.said("inbox", "--route", "seaside", exit_code=2)
    assert "'rumour' is not one of" in stand.said("inbox", "--kind", "rumour", exit_code=2)


@pytest.mark.one_case_in(5)
@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("resolve", "1", "--use", "both"), "Say which holds: --use procore or --use 4hse."),
        (("resolve", "1", "--use", "base"), "Say which holds: --use procore or --use 4hse."),
        (("resolve", "9", "--use", "4hse"), "The inbox has no item 9"),
        (("show", "9"), "The inbox has no item 9"),
        (("approve", "1"), "Item 1 is a conflict, and approve takes"),
        (("approve", "1", "--with", "7"), "--with names the partner of a match"),
        (("approve", "1", "--use", "base"), "--use belongs to a guard"),
        (("reject", "1"), "Item 1 is a conflict, and reject takes"),
        (("reject", "1", "--restore"), "--restore brings back what was deleted"),
        (("retry", "1"), "Item 1 is a conflict, and retry takes a refused item"),
        (("resolve", "1"), "Missing option"),
        (("resolve", "one", "--use", "4hse"), "Invalid value for 'ID'"),
    ],
)
def test_an_answer_that_does_not_fit_is_told_and_not_kept(stand: Stand, words: tuple[str, ...], sentence: str) -> None:
    conflict(stand)
    assert sentence in stand.said("inbox", *words, exit_code=2)
    assert len(stand.json("inbox")["items"]) == 1


def test_a_closed_item_takes_no_answer(stand: Stand) -> None:
    site, _ = conflict(stand)
    stand.procore.hand_edit("incident", int(site), title="Fall from a step")
    stand.run("sync")
    assert stand.json("inbox") == {"items": []}
    assert "Item 1 is closed" in stand.said("inbox", "resolve", "1", "--use", "4hse", exit_code=2)


def test_what_procore_never_takes_cannot_be_chosen(stand: Stand) -> None:
    site, office = stand.linked("Fall from ladder")
    stand.procore.hand_create("injury", 1363617, incident_id=int(site))
    stand.run("sync")
    stand.fourhse.hand_edit("incident", office, category="NON_COMPLIANCE")
    stand.run("sync")
    item = only(stand)
    assert (item["kind"], item["field"]) == ("conflict", "category")
    refused = stand.said("inbox", "resolve", item["id"], "--use", "4hse", exit_code=2)
    assert "is never written to Procore, so only --use procore can be chosen" in refused
    assert stand.run("inbox", "resolve", item["id"], "--use", "procore").exit_code == 0


# Deletions -------------------------------------------------------------------------------------------------------


def deleted(stand: Stand) -> dict[str, Any]:
    site, _ = stand.linked()
    stand.linked("Another one")
    stand.procore.hand_delete("incident", int(site))
    stand.run("sync")
    item = only(stand)
    assert item["kind"] == "deletion"
    return item


def test_an_approved_deletion_deletes_the_survivor(stand: Stand) -> None:
    item = deleted(stand)
    assert stand.run("inbox", "approve", item["id"]).exit_code == 0
    assert stand.json("sync")["routes"][0]["written"]["fourhse"]["deleted"] == 1


def test_a_rejected_deletion_keeps_the_survivor(stand: Stand) -> None:
    item = deleted(stand)
    assert stand.run("inbox", "reject", item["id"]).exit_code == 0
    stand.run("sync")
    assert stand.json("inbox") == {"items": []}
    assert len(stand.fourhse.dump("5b7f5a5e-1d39-4a7c-8f43-7b1d6f3a9e02")) == 2


def test_a_deleted_one_is_brought_back_on_request(stand: Stand) -> None:
    item = deleted(stand)
    assert "brought back" in stand.said("inbox", "reject", item["id"], "--restore")
    stand.run("sync")
    assert len(stand.procore.dump(1363617)) == 2


def test_deleted_here_and_edited_there_takes_the_answers_of_a_deletion(stand: Stand) -> None:
    site, office = stand.linked()
    stand.linked("Another one")
    stand.procore.hand_delete("incident", int(site))
    stand.fourhse.hand_edit("incident", office, name="Edited meanwhile")
    stand.run("sync")
    item = only(stand)
    assert (item["kind"], item["field"]) == ("conflict", None)
    assert "resolve takes" in stand.said("inbox", "resolve", item["id"], "--use", "4hse", exit_code=2)
    assert stand.run("inbox", "reject", item["id"], "--restore").exit_code == 0


# The whole question ----------------------------------------------------------------------------------------------


def test_both_sides_stand_beside_each_other_at_80_columns_and_what_differs_is_marked(stand: Stand) -> None:
    site, office = conflict(stand)
    stand.environ["COLUMNS"] = "80"
    shown = stand.run("inbox", "show", "1").stdout
    lines = shown.splitlines()
    assert max(len(line) for line in lines if "--shown" not in line) <= 80
    (title,) = (line for line in lines if line.startswith(" ≠"))
    assert title.split("  ")[1].split()[0] == "Title"
    assert ("Fall from a ladder, north" in title, "Fall from a step" in title) == (True, True)
    assert any(line.split()[:2] == ["last", "agreed"] and "Fall from ladder" in line for line in lines)
    assert any(line.split() == ["Status", "open", "open"] for line in lines), "what agrees bears no mark"
    assert (f"Procore {site}" in lines, f"4HSE {office}" in lines) == (True, True), "no id is cut in two"


def test_a_question_in_json_is_the_one_of_the_list(stand: Stand) -> None:
    conflict(stand)
    assert stand.json("inbox", "show", "1") == only(stand)


def test_a_record_is_told_with_its_address_where_the_configuration_knows_it(stand: Stand) -> None:
    pattern = "https://p.example/{project}/incidents/{id}"
    stand.write(stand.head() + f'\n[links]\nprocore = "{pattern}"\n' + stand.route("riverside"))
    site, _ = conflict(stand)
    one, other = only(stand)["records"]
    assert (one["url"], other["url"]) == (f"https://p.example/1363617/incidents/{site}", None)
    assert f"https://p.example/1363617/incidents/{site}" in stand.said("inbox", "show", "1")


def test_the_list_shows_day_and_title_the_oldest_first_by_what_is_asked(stand: Stand) -> None:
    conflict(stand)
    site, _ = stand.linked("Cut hand")
    stand.procore.hand_delete("incident", int(site))
    stand.run("sync")
    said = stand.said("inbox")
    assert said.startswith("2 questions wait for a person")
    assert said.index("Both sides changed it (conflict)") < said.index("Deleted on one side (deletion)")
    assert f"1 {DAY} Fall from a ladder, north Title: both sides changed it." in said
    assert f"2 {DAY} Cut hand It was deleted in Procore" in said


def doubtful_pairs(stand: Stand, many: int) -> None:
    """So many pairs that show the same and are no clear ones, for they have no description."""
    stand.linked("Something else")
    for number in range(many):
        stand.on_site(f"Fall {number}", description="")
        stand.in_office(f"Fall {number}", description_event="")
    stand.run("sync")


def test_pairs_that_show_the_same_are_joined_by_one_answer_with_the_count_shown_first(stand: Stand) -> None:
    doubtful_pairs(stand, 12)
    said = stand.said("inbox")
    assert "One incident or two? (match): 12 with one cause. Day, title and description are the same" in said
    assert "and 2 more of this cause" in said
    assert "there is no terminal to ask on" in stand.said("inbox", "approve", "--kind", "match", "--all", exit_code=2)
    done = stand.said("inbox", "approve", "--kind", "match", "--all", "--yes")
    assert done.startswith("12 questions of kind match: Day, title and description are the same")
    stand.run("sync")
    assert len(stand.json("links")["links"]) == 13
    assert stand.json("inbox") == {"items": []}


def test_of_several_causes_the_counts_stand_first_and_what_is_not_alike_is_never_joined_in_bulk(stand: Stand) -> None:
    doubtful_pairs(stand, 2)
    stand.on_site("Slip", description="")
    stand.in_office("Slip", DAY + timedelta(days=1), description_event="")
    stand.run("sync")
    done = stand.said("inbox", "approve", "--kind", "match", "--all", "--yes", exit_code=2)
    assert "3 questions of kind match: 2: Day, title and description are the same" in done
    assert "1: each by itself" in done
    assert "Say which record is the same incident: --with RECORD_ID" in done
    assert "1 of 3 could not be done" in done
    stand.run("sync")
    assert len(stand.json("links")["links"]) == 3


def test_sixty_people_with_one_unknown_word_are_one_question_which_the_word_settles(stand: Stand) -> None:
    folder = stand.folder / "mapping"
    shutil.copytree(MAPPING, folder)
    stand.configure(mapping=f'"{folder}"')
    site = stand.on_site("Loose plank")
    for number in range(60):
        party = stand.procore.add_person(PROJECT, f"Ann{number}", "Lee", employee_id=f"E{number}")
        stand.fourhse.add_person(TENANT, OFFICE, f"Ann{number}", "Lee", code=f"E{number}")
        stand.procore.hand_create("injury", PROJECT, incident_id=int(site), affected_party_id=party)
    stand.run("sync")
    for person in stand.fourhse.dump(OFFICE)[0]["persons"]:
        stand.fourhse.hand_edit(
            "incident-person", person["office_incident_person_id"], description="Affliction: Zonked"
        )
    stand.run("sync")
    found = stand.json("inbox")["items"]
    assert [(each["kind"], each["reason"].endswith("60 records show it.")) for each in found] == [("word", True)]
    assert "add 'Zonked' to words/affliction.yaml, and say what it means in Procore (abrasion, " in found[0]["advice"]
    people = [one["office_incident_person_id"] for one in stand.fourhse.dump(OFFICE)[0]["persons"]]
    for person in (min(people), max(people)):
        stand.fourhse.hand_edit("incident-person", person, description="Affliction: Burn")
    stand.run("sync")
    (left,) = stand.json("inbox")["items"]
    assert left["reason"].endswith("58 records show it.")
    with (folder / "words" / "affliction.yaml").open("a", encoding="utf-8") as words:
        words.write("- 4hse: Zonked\n  procore: fracture\n")
    stand.run("sync")
    assert stand.json("inbox") == {"items": []}


def walk(stand: Stand, monkeypatch: pytest.MonkeyPatch, keys: str, *words: str) -> str:
    """What the terminal shows to somebody who presses these keys."""
    with monkeypatch.context() as patch:
        patch.setattr("procore_4hse.cli.walk.has_terminal", lambda: True)
        done = stand.run("inbox", "walk", *words, answer=keys)
    assert done.exit_code == 0, done.output
    return " ".join(done.output.split())


def test_a_walk_refuses_without_a_terminal(stand: Stand) -> None:
    assert "there is no terminal to ask on" in stand.said("inbox", "walk", exit_code=2)


def test_a_walk_goes_from_question_to_question_by_one_key_each(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    conflict(stand)
    item, office = doubtful(stand)
    said = walk(stand, monkeypatch, "s1")
    assert "1 of 2" in said
    assert f"Noted: item {item['id']} (match), it is the same incident as {office}." in said
    assert "The next cycle carries it out: procore-4hse sync --route riverside" in said
    assert [each["id"] for each in stand.json("inbox")["items"]] == ["1"]
    assert "Noted: item 1 (conflict), the value of 4HSE holds." in walk(stand, monkeypatch, "x2", "--kind", "conflict")
    assert "Nothing waits for a person." in walk(stand, monkeypatch, "")


def test_a_walk_can_be_left_and_asks_twice_about_what_cannot_be_undone(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    deleted(stand)
    said = walk(stand, monkeypatch, "1nq")
    assert "this cannot be undone later. Press y to do it." in said
    assert len(stand.json("inbox")["items"]) == 1
    assert "Noted: item 1 (deletion), approved." in walk(stand, monkeypatch, "1y")


def test_a_walk_puts_off_and_names_another_record(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    item, office = doubtful(stand)
    assert "no unlinked incident 4711" in walk(stand, monkeypatch, "34711\nq")
    assert f"the same incident as {office}" in walk(stand, monkeypatch, f"3{office}\n")
    stand.run("inbox", "undo", item["id"])
    assert "Put off: it is listed again on" in walk(stand, monkeypatch, "4")
    assert stand.json("inbox") == {"items": []}


# What is told of answers -----------------------------------------------------------------------------------------


def test_an_answer_that_counts_already_does_not_wait_for_a_cycle(stand: Stand) -> None:
    hurt(stand)
    stand.run("inbox", "reject", "1")
    assert "1 answered; the next cycle carries that out." in stand.said("inbox")
    stand.run("sync")
    assert "answered" not in stand.said("inbox")
    assert "answered: it counts now" in stand.said("inbox", "show", "1")
    assert stand.json("status")["routes"][0]["answered"] == 0


def test_a_deletion_is_told_with_its_own_time_and_a_restored_record_is_not_missing(stand: Stand) -> None:
    item = deleted(stand)
    said = stand.said("explain", item["procore_id"])
    assert re.search(r"linked since \S+ \S+ UTC, first made in Procore; deleted in Procore since \S+ \S+ UTC", said)
    stand.run("inbox", "reject", item["id"], "--restore")
    stand.run("sync")
    said = stand.said("explain", item["procore_id"])
    assert f"Procore {item['procore_id']}, number 1, brought back; the next reading shows it" in said
    stand.run("sync")
    assert f"Procore {item['procore_id']}, number 1, shown" in stand.said("explain", item["procore_id"])


# What was shown --------------------------------------------------------------------------------------------------


def command_in(item: dict[str, Any], verb: str) -> list[str]:
    """The words of the first such command that the question prints, after `inbox`."""
    words = re.search(rf"inbox ({verb} [^;.]*)", item["advice"])
    assert words is not None, item["advice"]
    return words[1].split()


def test_every_command_that_a_question_prints_tells_what_was_shown(stand: Stand) -> None:
    item = deleted(stand)
    commands = re.findall(r"inbox \w+ [^;.]*", item["advice"])
    assert len(commands) == 3
    assert all(f"{item['id']} --shown {item['shown']}" in command for command in commands)
    shown = stand.said("inbox", "show", item["id"])
    assert all(choice["command"] in shown for choice in item["choices"])
    assert [choice["command"].split()[2] for choice in item["choices"]] == ["approve", "reject", "reject", "snooze"]
    assert stand.run("inbox", *command_in(item, "approve")).exit_code == 0
    assert stand.json("sync")["routes"][0]["written"]["fourhse"]["deleted"] == 1


@pytest.mark.parametrize("verb", ["approve", "reject"])
def test_an_answer_to_another_state_is_refused_and_not_kept(stand: Stand, verb: str) -> None:
    item = deleted(stand)
    person = stand.fourhse.add_person(TENANT, OFFICE, "Ann", "Lee")
    stand.fourhse.hand_create(
        "incident-person", OFFICE, office_incident_id=item["fourhse_id"], person_office_id=person, days=3
    )
    stand.run("sync")
    refused = stand.said("inbox", *command_in(item, verb), exit_code=2)
    assert f"Item {item['id']} no longer shows what it showed as {item['shown']}" in refused
    assert f"procore-4hse inbox show {item['id']}" in refused
    again = only(stand)
    assert (again["id"], again["shown"] != item["shown"]) == (item["id"], True)
    assert "1 involved person (3 days)" in again["reason"]
    assert stand.run("inbox", *command_in(again, verb)).exit_code == 0


def test_a_digest_holds_for_every_verb(stand: Stand) -> None:
    conflict(stand)
    item = only(stand)
    for words in (("resolve", "1", "--use", "4hse"), ("approve", "1"), ("reject", "1"), ("retry", "1")):
        assert "no longer shows" in stand.said("inbox", *words, "--shown", "0123456789ab", exit_code=2)
    assert stand.run("inbox", "resolve", "1", "--use", "4hse", "--shown", item["shown"]).exit_code == 0


def test_without_a_digest_what_the_store_shows_counts_and_a_move_voids_it(stand: Stand) -> None:
    item, office = doubtful(stand)
    assert stand.run("inbox", "approve", item["id"], "--with", office).exit_code == 0
    stand.fourhse.hand_edit("incident", office, description_event="Quite another thing.")
    stand.run("sync")
    again = only(stand)
    assert (again["id"], len(stand.json("links")["links"])) == (item["id"], 1)
    assert again["reason"].endswith(f"It is asked again, for since it was answered 4HSE {office} was edited.")
    assert stand.run("inbox", "approve", item["id"], "--with", office, "--shown", again["shown"]).exit_code == 0
    stand.run("sync")
    assert len(stand.json("links")["links"]) == 2


# Matches ---------------------------------------------------------------------------------------------------------


def doubtful(stand: Stand) -> tuple[dict[str, Any], str]:
    """A link, so that nothing is a first meeting, and two that may be one; the item, and the 4HSE id."""
    stand.linked("Something else")
    stand.on_site("Cut hand")
    office = stand.in_office("Cut hand", DAY + timedelta(days=2))
    stand.run("sync")
    (item,) = stand.json("inbox", "--kind", "match")["items"]
    assert item["fourhse_id"] is None
    assert office in item["advice"]
    return item, office


def test_a_match_is_approved_with_the_other_record(stand: Stand) -> None:
    item, office = doubtful(stand)
    assert f"candidates are {office}" in stand.said("inbox", "approve", item["id"], exit_code=2)
    assert "no unlinked incident 4711" in stand.said("inbox", "approve", item["id"], "--with", "4711", exit_code=2)
    linked = stand.json("links")["links"][0]["fourhse_id"]
    assert f"no unlinked incident {linked}" in stand.said("inbox", "approve", item["id"], "--with", linked, exit_code=2)
    assert f"the same incident as {office}" in stand.said("inbox", "approve", item["id"], "--with", office)
    stand.run("sync")
    assert (item["procore_id"], office) in [(e["procore_id"], e["fourhse_id"]) for e in stand.json("links")["links"]]


def test_an_incident_that_is_no_candidate_may_be_named_too(stand: Stand) -> None:
    item, _ = doubtful(stand)
    stand.faults.add(FaultKind.ERROR_BEFORE, method="POST", path="/incidents$", status=422)
    other = stand.in_office("Nothing alike at all")
    stand.run("sync")
    assert stand.run("inbox", "approve", item["id"], "--with", other).exit_code == 0


def test_a_rejected_match_creates_both(stand: Stand) -> None:
    item, _ = doubtful(stand)
    assert stand.run("inbox", "reject", item["id"]).exit_code == 0
    stand.run("sync")
    stand.run("sync")
    assert len(stand.json("links")["links"]) == 3


# Refused, guards -------------------------------------------------------------------------------------------------


def test_a_refused_one_is_tried_again_on_request(stand: Stand) -> None:
    stand.on_site("Cut hand")
    stand.faults.add(FaultKind.ERROR_BEFORE, method="POST", path="incident/create", status=422)
    stand.run("sync")
    item = only(stand)
    assert item["kind"] == "refused"
    assert stand.json("sync")["routes"][0]["written"]["fourhse"]["created"] == 0
    assert "it is tried again now" in stand.said("inbox", "retry", item["id"])
    assert stand.json("sync")["routes"][0]["written"]["fourhse"]["created"] == 1


def test_a_first_meeting_is_approved_without_a_choice(stand: Stand) -> None:
    stand.on_site("Cut hand")
    stand.in_office("Loose board")
    stand.run("sync")
    item = only(stand)
    assert item["kind"] == "guard"
    shown = stand.said("inbox", "show", item["id"])
    assert "First meeting" in shown
    assert "2 held" in shown
    assert "Title: Cut hand" in shown
    assert "Title: Loose board" in shown
    assert "new in Procore" in shown
    assert "nothing to choose" in stand.said("inbox", "approve", item["id"], "--use", "procore", exit_code=2)
    assert "reject takes" in stand.said("inbox", "reject", item["id"], exit_code=2)
    assert stand.run("inbox", "approve", item["id"]).exit_code == 0
    assert stand.json("sync")["routes"][0]["written"]["procore"]["created"] == 1


def test_contents_cannot_steer_a_terminal(stand: Stand) -> None:
    site, office = stand.linked()
    stand.procore.hand_edit("incident", int(site), title="\x1b[31mred")
    stand.fourhse.hand_edit("incident", office, name="[bold]plain")
    stand.run("sync")
    said = stand.said("inbox", "show", "1")
    assert "\x1b" not in said
    assert "[bold]plain" in said


# Answers that go on counting -------------------------------------------------------------------------------------

PROJECT, OFFICE = 1363617, "5b7f5a5e-1d39-4a7c-8f43-7b1d6f3a9e02"
REMEMBERED_KEYS = ["id", "kind", "route", "what", "procore_id", "fourhse_id", "since"]


def remembered(stand: Stand) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = stand.json("inbox", "remembered")["remembered"]
    assert all(list(one) == REMEMBERED_KEYS for one in found)
    return found


def hurt(stand: Stand) -> tuple[int, str, str]:
    """Ann was hurt, and nobody in 4HSE is known to be her; her id, and those of two people there."""
    party = stand.procore.add_person(PROJECT, "Ann", "Lee")
    wrong = stand.fourhse.add_person(TENANT, OFFICE, "Bo", "Diaz")
    right = stand.fourhse.add_person(TENANT, OFFICE, "Anna", "Leigh")
    site, _ = stand.linked()
    stand.procore.hand_create("injury", PROJECT, incident_id=int(site), affected_party_id=party)
    stand.run("sync")
    return party, wrong, right


def named_in_office(stand: Stand) -> list[str]:
    return [person["person_office_id"] for row in stand.fourhse.dump(OFFICE) for person in row["persons"]]


def test_nothing_is_remembered_at_first(stand: Stand) -> None:
    stand.linked()
    assert remembered(stand) == []
    assert "Nothing is remembered" in stand.said("inbox", "remembered")
    assert "Nothing remembered has the id partner:7" in stand.said("inbox", "forget", "partner:7", exit_code=2)


def test_a_wrong_partner_is_forgotten_and_another_one_corrects_the_records(stand: Stand) -> None:
    party, wrong, right = hurt(stand)
    said = stand.said("inbox", "approve", only(stand)["id"], "--with", wrong)
    assert f"{wrong} is that person's partner" in said
    stand.run("sync")
    assert named_in_office(stand) == [wrong]
    (one,) = remembered(stand)
    assert (one["kind"], one["route"], one["what"]) == ("partner", "riverside", "Ann Lee in Procore is Bo Diaz in 4HSE")
    assert (one["procore_id"], one["fourhse_id"], one["since"]) == (str(party), wrong, None)
    assert one["id"] in stand.said("inbox", "remembered")
    assert "Forgotten: Ann Lee in Procore is Bo Diaz in 4HSE" in stand.said("inbox", "forget", one["id"])
    assert remembered(stand) == []
    assert one["id"] in stand.said("inbox", "forget", one["id"], exit_code=2)
    stand.run("sync")
    item = only(stand)
    assert (item["kind"], item["procore_value"], item["fourhse_value"]) == ("drift", "Ann Lee", "Bo Diaz")
    no_use = stand.said("inbox", "resolve", item["id"], "--use", "procore", exit_code=2)
    assert "Nobody is known as the partner" in no_use
    assert "shows no person 4711" in stand.said("inbox", "approve", item["id"], "--with", "4711", exit_code=2)
    record = stand.procore.dump(PROJECT)[0]["injuries"][0]["id"]
    story = stand.json("explain", str(record))
    assert [one["id"] for one in story["inbox"]] == [item["id"]]
    assert {each["field"]: each["verdict"] for each in story["people"][0]["fields"]}["person"] == "drift"
    assert stand.run("inbox", "approve", item["id"], "--with", right).exit_code == 0
    stand.run("sync")
    assert named_in_office(stand) == [right]
    assert remembered(stand)[0]["id"] != one["id"]


def test_one_person_is_not_named_as_the_partner_of_two(stand: Stand) -> None:
    other = stand.procore.add_person(PROJECT, "Cy", "Roe")
    _, wrong, _ = hurt(stand)
    (site, *_) = stand.procore.dump(PROJECT)
    stand.procore.hand_create("injury", PROJECT, incident_id=site["id"], affected_party_id=other)
    stand.run("sync")
    first, second = (one["id"] for one in stand.json("inbox")["items"])
    assert stand.run("inbox", "approve", first, "--with", wrong).exit_code == 0
    assert "partner of somebody else" in stand.said("inbox", "approve", second, "--with", wrong, exit_code=2)
    assert stand.run("inbox", "approve", first, "--with", wrong).exit_code == 0


def test_a_person_who_is_never_copied_is_asked_about_again_when_that_is_forgotten(stand: Stand) -> None:
    party, _, _ = hurt(stand)
    assert "that person is never copied" in stand.said("inbox", "reject", only(stand)["id"])
    stand.run("sync")
    (one,) = remembered(stand)
    assert (one["kind"], one["what"], one["procore_id"]) == ("never-copied", "Ann Lee of Procore", str(party))
    assert one["since"]
    stand.said("inbox", "forget", one["id"])
    stand.run("sync")
    assert only(stand)["kind"] == "match"
    assert remembered(stand) == []


def test_two_that_were_called_different_are_asked_about_again(stand: Stand) -> None:
    item, office = doubtful(stand)
    for path in ("/incidents$", "incident/create"):
        stand.faults.add(FaultKind.ERROR_BEFORE, method="POST", path=path, status=422, times=None)
    stand.run("inbox", "reject", item["id"])
    stand.run("sync")
    (one,) = remembered(stand)
    assert (one["kind"], one["what"]) == ("different", "Cut hand and Cut hand")
    assert (one["procore_id"], one["fourhse_id"]) == (item["procore_id"], office)
    stand.said("inbox", "forget", one["id"])
    stand.run("sync")
    assert "match" in [each["kind"] for each in stand.json("inbox")["items"]]


def test_a_kept_survivor_is_asked_about_again(stand: Stand) -> None:
    item = deleted(stand)
    stand.run("inbox", "reject", item["id"])
    stand.run("sync")
    (one,) = remembered(stand)
    assert one["kind"] == "ignored"
    assert one["what"].endswith("deleted in Procore, kept in 4HSE")
    assert one["since"]
    stand.said("inbox", "forget", one["id"])
    stand.run("sync")
    again = only(stand)
    assert (again["kind"], again["procore_id"]) == ("deletion", item["procore_id"])
    assert stand.run("inbox", "approve", again["id"]).exit_code == 0
    stand.run("sync")
    assert len(stand.fourhse.dump(OFFICE)) == 1


def test_a_survivor_is_not_forgotten_while_the_route_ignores_every_deletion(stand: Stand) -> None:
    stand.configure(deletions='"ignore"')
    site, _ = stand.linked()
    stand.linked("Another one")
    stand.procore.hand_delete("incident", int(site))
    stand.run("sync")
    (one,) = remembered(stand)
    assert "ignores every deletion" in stand.said("inbox", "forget", one["id"], exit_code=2)
    assert len(remembered(stand)) == 1


# Accidents recognised late ---------------------------------------------------------------------------------------


def late_accident(stand: Stand, *names: str) -> tuple[str, str]:
    """An incident whose people are near misses in Procore, and an accident in 4HSE: its two ids."""
    site = stand.on_site("Loose plank")
    for number, name in enumerate(names or ("Ann Lee",)):
        first, last = name.split()
        party = stand.procore.add_person(PROJECT, first, last, employee_id=f"E{number}")
        stand.fourhse.add_person(TENANT, OFFICE, first, last, code=f"E{number}")
        stand.procore.hand_create("near_miss", PROJECT, incident_id=int(site), affected_party_id=party)
    stand.run("sync")
    (row,) = stand.fourhse.dump(OFFICE)
    stand.fourhse.hand_edit("incident", row["office_incident_id"], category="ACCIDENTS")
    stand.fourhse.hand_edit("incident-person", row["persons"][0]["office_incident_person_id"], days=9)
    stand.run("sync")
    return site, row["office_incident_id"]


def records(stand: Stand) -> tuple[int, int]:
    """How many injuries and near misses Procore holds."""
    (row,) = stand.procore.dump(PROJECT)
    return len(row["injuries"]), len(row["near_misses"])


def test_an_accident_recognised_late_is_told_with_both_answers_and_what_they_do(stand: Stand) -> None:
    site, office = late_accident(stand)
    item = only(stand)
    assert (item["kind"], item["field"], item["title"]) == ("conflict", "kind", "Loose plank")
    assert (item["procore_id"], item["fourhse_id"]) == (site, office)
    assert (item["procore_value"], item["fourhse_value"]) == ("near miss", "ACCIDENTS, 9 days of absence")
    assert item["reason"].startswith(f"Ann Lee, {DAY}: 4HSE calls it an accident (ACCIDENTS) and shows 9 days")
    injury = "record an injury in Procore with 9 days of absence and then move the near miss to Procore's recycle bin"
    for advice in (item["advice"], stand.said("inbox", "show", "1")):
        assert injury in advice
        approve = f"procore-4hse inbox approve 1 --shown {item['shown']}"
        assert f"{approve} --use injury" in advice
        assert f"leave both as they are until one of them changes: {approve} --use leave" in advice
    assert "Ann Lee, " in stand.said("inbox")
    [asked] = stand.json("explain", office)["inbox"]
    assert (asked["reason"], asked["advice"]) == (item["reason"], item["advice"])
    for name in ("sync", "status"):
        assert "Ann" not in stand.said(name)


def test_an_injury_is_recorded_and_the_near_miss_goes_to_the_bin(stand: Stand) -> None:
    late_accident(stand)
    said = stand.said("inbox", "approve", "1", "--use", "injury")
    assert "an injury is recorded in Procore, then the near miss goes to the bin" in said
    [planned] = stand.json("plan")["routes"][0]["actions"]
    assert (planned["side"], planned["kind"], planned["record"]) == ("procore", "create", "injury")
    assert stand.json("sync")["routes"][0]["written"]["procore"] == {"created": 1, "updated": 0, "deleted": 1}
    assert records(stand) == (1, 0)
    assert stand.json("inbox") == {"items": []}
    assert "answered" not in stand.said("inbox")


def test_what_is_left_a_near_miss_is_remembered_and_can_be_asked_again(stand: Stand) -> None:
    late_accident(stand)
    assert "both stay as they are until one of them changes" in stand.said("inbox", "approve", "1", "--use", "leave")
    stand.run("sync")
    (one,) = remembered(stand)
    assert (one["kind"], one["what"]) == ("near-miss", "somebody in Loose plank")
    assert "Forgotten" in stand.said("inbox", "forget", one["id"])
    stand.run("sync")
    assert only(stand)["field"] == "kind"
    assert remembered(stand) == []


def test_two_that_are_left_near_misses_are_remembered_each(stand: Stand) -> None:
    late_accident(stand, "Ann Lee", "Bo Diaz")
    for item in stand.json("inbox")["items"]:
        stand.said("inbox", "approve", item["id"], "--use", "leave")
    stand.run("sync")
    assert len({one["id"] for one in remembered(stand)}) == 2


def test_an_answer_that_is_carried_out_in_part_is_not_taken_back(stand: Stand) -> None:
    late_accident(stand)
    stand.said("inbox", "approve", "1", "--use", "injury")
    stand.faults.add(FaultKind.FORBIDDEN, method="DELETE", times=None)
    stand.run("sync")
    assert records(stand) == (1, 1)
    assert "can be changed and not taken back" in stand.said("inbox", "undo", "1", exit_code=2)
    stand.said("inbox", "approve", "1", "--use", "leave")
    stand.run("sync")
    (one,) = remembered(stand)
    assert "can be changed and not taken back" in stand.said("inbox", "forget", one["id"], exit_code=2)
    assert records(stand) == (1, 1)
    (row,) = stand.fourhse.dump(OFFICE)
    assert len(row["persons"]) == 1, "nobody is counted twice"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("approve", "1"), "Say which holds: --use injury or --use leave."),
        (("approve", "1", "--use", "procore"), "Say which holds: --use injury or --use leave."),
        (("approve", "1", "--with", "7"), "--with names the partner of a match"),
        (
            ("resolve", "1", "--use", "4hse"),
            "and approve with --use takes it, for it is about an accident recognised late",
        ),
        (("reject", "1"), "and approve with --use takes it"),
        (("retry", "1"), "and approve with --use takes it"),
    ],
)
def test_a_late_accident_takes_its_own_two_answers_alone(stand: Stand, words: tuple[str, ...], sentence: str) -> None:
    late_accident(stand)
    assert sentence in stand.said("inbox", *words, exit_code=2)
    assert len(stand.json("inbox")["items"]) == 1


# What was not kept whole -------------------------------------------------------------------------------------------


LONG = "Jo fell from a ladder that nobody had tied to the wall above the gate of the site."


def cut(stand: Stand) -> str:
    """A text of which 4HSE kept the first sixty letters; the number of the question."""
    object.__setattr__(stand.fourhse.dials, "text_kept", "cut")
    stand.on_site("Fall", description=LONG)
    assert stand.run("sync").exit_code == 1
    item = only(stand)
    assert (item["kind"], item["field"]) == ("refused", "description")
    return str(item["id"])


def test_a_loss_is_told_in_figures_and_may_stay(stand: Stand) -> None:
    number = cut(stand)
    said = stand.said("inbox", "show", number)
    assert f"4HSE kept 60 of {len(LONG)} letters; Procore has them all." in said
    assert f"Leave both as they are: procore-4hse inbox approve {number}" in said
    assert f"send it again now: procore-4hse inbox retry {number}" in said
    done = stand.run("sync")
    assert (done.exit_code, "ladder" in done.output + only(stand)["reason"]) == (0, False)
    assert stand.json("status")["routes"][0]["population"]["fourhse"]["refused"] == 1
    assert "both may stay as they are" in stand.said("inbox", "approve", number)
    route = stand.json("sync")["routes"][0]
    assert (route["population"]["fourhse"]["in_sync"], route["inbox"]["refused"]) == (1, 0)
    assert stand.json("status")["routes"][0]["population"]["fourhse"]["in_sync"] == 1


def test_a_loss_is_sent_once_more_on_request(stand: Stand) -> None:
    number = cut(stand)
    object.__setattr__(stand.fourhse.dials, "text_kept", "whole")
    assert "it is tried again now" in stand.said("inbox", "retry", number)
    assert stand.json("sync")["routes"][0]["written"]["fourhse"]["updated"] == 1
    assert stand.json("inbox") == {"items": []}


@pytest.mark.parametrize("words", [("reject",), ("resolve", "--use", "procore"), ("approve", "--use", "base")])
def test_a_loss_takes_no_other_answer(stand: Stand, words: tuple[str, ...]) -> None:
    number = cut(stand)
    verb, *options = words
    assert f"tem {number} is a refused" in stand.said("inbox", verb, number, *options, exit_code=2)


def test_the_story_of_an_incident_tells_of_the_loss(stand: Stand) -> None:
    cut(stand)
    site = stand.json("links")["links"][0]["procore_id"]
    assert "4HSE did not keep what was sent" in str(stand.json("explain", site))


def test_a_refusal_cannot_be_approved(stand: Stand) -> None:
    stand.on_site("Cut hand")
    stand.faults.add(FaultKind.ERROR_BEFORE, method="POST", path="incident/create", status=422)
    stand.run("sync")
    assert "is a refused, and approve takes" in stand.said("inbox", "approve", only(stand)["id"], exit_code=2)
