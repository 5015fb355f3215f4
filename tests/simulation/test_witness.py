"""The witness of the histories on registers of a few rows: what it lets pass, and what it objects to."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

import pytest
from machine import as_foreseen, comparable, held_by, unsure_of
from machine_second_route import untold_of
from oracle_partners import PartnerWatch
from oracle_people import PeopleWatch
from oracle_watch import Objection, Watch

from procore_4hse.models import Act, Action, Item, ItemKind, Kind, QuestionKey, Side
from procore_4hse.reconcile.approval import FIRST_MEETING, signature
from procore_4hse.reconcile.snapshot import Plan

ZONE = "Europe/Rome"


def in_office(day: str, **more: Any) -> dict[str, Any]:
    told = {"name": "Near miss at gate 4", "description_event": "", "date_incident": day, "status": "new"}
    return told | {"category": "ACCIDENTS_AND_MISSED_INJURIES", "deponent": None} | more


def on_site(day: str) -> dict[str, Any]:
    told = {"title": "Near miss at gate 4", "description": "", "event_date": f"{day}T12:00:00Z", "status": "open"}
    return told | {"time_unknown": True, "injuries": []}


@dataclass
class Registers:
    """What both systems show, and the links that the product claims."""

    site: dict[str, dict[str, Any]] = field(default_factory=dict)
    office: dict[str, dict[str, Any]] = field(default_factory=dict)
    pairs: list[tuple[str, str]] = field(default_factory=list)

    def watch(self) -> Watch:
        return Watch(lambda: self.site, lambda: self.office, lambda: self.pairs, ZONE)


def keeping_parts(site: dict[str, str] | None = None, office: str | None = None) -> tuple[Registers, Watch]:
    """An incident that both sides tell alike, where Procore may keep a part of a text only."""
    there = in_office("2026-02-01") | ({} if office is None else {"description_event": office})
    registers = Registers({"0": on_site("2026-02-01") | (site or {})}, {"a": there}, [("0", "a")])
    watch = registers.watch()
    watch.partial = frozenset({"procore"})
    watch.human()
    watch.cycle_ended("ok", set())
    return registers, watch


@pytest.fixture
def alike() -> tuple[Registers, Watch]:
    """Two incidents that told the same, until the day of the first one was corrected."""
    registers = Registers(office={"a": in_office("2026-04-06"), "b": in_office("2026-04-06")})
    watch = registers.watch()
    watch.human()
    registers.office["a"] = in_office("2026-02-01")
    watch.human(("fourhse", "a"), "day")
    return registers, watch


@pytest.mark.parametrize("order", ["ab", "ba"])
def test_each_of_two_that_told_the_same_once_is_copied_once(alike, order):
    registers, watch = alike
    for number, one in enumerate(order):
        registers.site[str(number)] = on_site(registers.office[one]["date_incident"])
        watch.machine()
        registers.pairs.append((str(number), one))
    assert watch.partner["fourhse", "a"] == str(order.index("a"))


def test_a_second_copy_of_one_of_them_is_objected_to(alike):
    registers, watch = alike
    for number in range(2):
        registers.site[str(number)] = on_site("2026-02-01")
        if number:
            with pytest.raises(Objection, match="was made, and nothing without a partner"):
                watch.machine()
        else:
            watch.machine()
            registers.pairs.append(("0", "a"))


def test_a_copy_that_a_person_calls_another_one_is_copied_itself(alike):
    registers, watch = alike
    registers.site["0"] = on_site("2026-02-01")
    watch.machine()
    watch.told_apart(("fourhse", "a"), ["0"])
    registers.office["c"] = in_office("2026-02-01")
    watch.machine()
    assert watch.partner["fourhse", "c"] == "0"


LONG = "Crane" + " swung wide" * 26


@pytest.mark.parametrize(("left", "objects"), [("The rope broke.", False), ("The rope", True), ("broke.", True)])
def test_a_line_of_ours_goes_with_its_title_and_the_text_stays(left, objects):
    registers = Registers({"0": on_site("2026-02-01") | {"title": LONG, "description": "A hook."}}, pairs=[("0", "a")])
    text = f"{LONG}\n\nThe rope broke."
    registers.office["a"] = in_office("2026-02-01", name="Slip on stairs", description_event=text)
    watch = registers.watch()
    watch.joined.add(("0", "a"))
    watch.human()
    watch.learn_links()
    registers.office["a"]["description_event"] = left
    if objects:
        with pytest.raises(Objection, match="text of"):
            watch.machine()
    else:
        watch.machine()


@pytest.mark.parametrize(("rewritten", "objects"), [(True, False), (False, True)])
def test_a_line_that_went_with_its_description_is_nobodys_edit_any_more(rewritten, objects):
    registers = Registers({"0": on_site("2026-02-01")}, {"a": in_office("2026-02-01")}, [("0", "a")])
    watch = registers.watch()
    watch.human()
    watch.cycle_ended("ok", set())
    registers.site["0"]["description"] = "Reporter: Jo\n\nA hook."
    watch.human(("procore", "0"), "reporter")
    registers.office["a"]["deponent"] = "Kim"
    watch.human(("fourhse", "a"), "reporter")
    if rewritten:
        registers.site["0"]["description"] = "A hook."
        watch.human(("procore", "0"), "text")
    registers.site["0"]["description"] = "Reporter: Kim\n\nA hook."
    with pytest.raises(Objection, match="a person's reporter 'Jo'") if objects else nullcontext():
        watch.machine()


@pytest.mark.parametrize(("lines", "taken_over"), [("Code: A-1\n\n", False), ("Code: A-1\n\n", True), ("", False)])
def test_a_text_is_cut_below_a_line_of_ours_alone_and_its_part_goes_nowhere(lines, taken_over):
    registers, watch = keeping_parts()
    registers.site["0"]["description"] = "The rope broke."
    watch.human(("procore", "0"), "text")
    registers.office["a"]["code"] = "A-1"
    watch.human(("fourhse", "a"), "code")
    registers.site["0"]["description"] = f"{lines}The rope"
    with nullcontext() if lines else pytest.raises(Objection, match="text of"):
        watch.machine()
    if lines:
        registers.office["a"]["description_event"] = "The rope" if taken_over else "The rope broke."
        with pytest.raises(Objection, match="what was left of it") if taken_over else nullcontext():
            watch.machine()


@pytest.mark.parametrize(("kept", "objects"), [("A hook &am", False), ("Another", True)])
def test_what_is_left_of_lines_above_html_reads_as_text_and_has_to_go_on_as_the_text_did(kept, objects):
    registers, watch = keeping_parts({"description": "<p>A hook &amp; a rope</p>"}, "A hook & a rope")
    registers.office["a"]["deponent"] = "Jo"
    watch.human(("fourhse", "a"), "reporter")
    registers.site["0"]["description"] = f"<p>Reporter: Jo<br>Case number: 7</p><p>{kept}"
    with pytest.raises(Objection, match="never said so") if objects else nullcontext():
        watch.machine()


def action(source: str, parent: str | None = None) -> Action:
    return Action(Act.CREATE, Side.FOURHSE, Kind.INJURY if parent else Kind.INCIDENT, None, source, "", parent=parent)


def test_what_an_open_write_keeps_back_is_not_compared_and_nothing_else():
    plan = Plan(actions=(action("1"), action("7", parent="1"), action("2"), action("8", parent="2")))
    assert comparable(plan, {"1"}) == sorted(map(signature, plan.actions[2:]))
    assert len(comparable(plan, set())) == len(plan.actions)


MEETING = Item(ItemKind.GUARD, FIRST_MEETING, "", "", "")


@pytest.mark.parametrize(
    ("items", "open_ones", "planned", "is_foreseen"),
    [
        ((MEETING,), {"1"}, "23", True),
        ((MEETING,), {"1"}, "2", True),
        ((MEETING,), {"1"}, "3", False),
        ((MEETING,), {"1"}, "234", False),
        ((MEETING,), (), "23", False),
        ((), {"1"}, "23", False),
    ],
)
def test_what_a_first_meeting_held_may_go_on_where_an_open_write_made_the_first_link(
    items, open_ones, planned, is_foreseen
):
    dry = Plan(actions=(action("2"),), held=(action("3"),), items=items)
    assert as_foreseen(dry, Plan(actions=tuple(map(action, planned))), open_ones) == is_foreseen


def test_what_the_second_route_asks_about_is_told_and_nothing_else():
    item = Item(ItemKind.REFUSED, QuestionKey("refused:a"), "", "", "", fourhse_id="a", field="description")
    lines = ["0: description 'x' against ''", "0: title 'x' against ''", "1: description 'x' against ''"]
    assert list(untold_of(lines, [item], {"0": "a", "1": "b"})) == lines[1:]
    unmade = Item(ItemKind.REFUSED, QuestionKey("refused:create:fourhse:incident:2:"), "", "", "", field="title")
    assert list(untold_of(["2: only in Procore", "3: only in Procore"], [unmade], {})) == ["3: only in Procore"]


@pytest.mark.parametrize("by", ["us", "a person"])
def test_a_close_of_ours_goes_to_no_record_that_is_back(by):
    registers = Registers({"0": on_site("2026-02-01")}, {"a": in_office("2026-02-01")}, [("0", "a")])
    watch = registers.watch()
    watch.policy = "close"
    watch.human()
    watch.learn_links()
    row = registers.site.pop("0")
    watch.human()
    registers.office["a"]["status"] = "closed"
    if by == "us":
        watch.machine()
    else:
        watch.human(("fourhse", "a"), "status")
    registers.site["0"] = row
    watch.human()
    registers.site["0"] = row | {"status": "closed"}
    if by == "us":
        with pytest.raises(Objection, match="it was we who closed"):
            watch.machine()
    else:
        watch.machine()


@pytest.mark.parametrize("sent", ["name", "status"])
def test_an_edit_is_a_persons_unless_a_lost_write_sent_that_very_field(sent):
    site = on_site("2026-02-01")
    registers = Registers({"0": site}, {"a": in_office("2026-02-01")}, [("0", "a")])
    watch = registers.watch()
    watch.human()
    watch.learn_links()
    for row in (site, registers.office["a"]):
        row["status"] = "closed"
    watch.human()
    watch.cycle_ended("ok", set())
    watch.unsure = unsure_of([Action(Act.UPDATE, Side.FOURHSE, Kind.INCIDENT, "a", "0", "", fields={sent: ""})])
    registers.office["a"]["status"] = "open"
    watch.human(("fourhse", "a"), "status")
    assert ((("fourhse", "a"), "status") in watch.fresh) == (sent == "name")


@pytest.mark.parametrize(("asked", "objects"), [("description", False), ("title, category", True), (None, True)])
def test_a_question_about_one_field_keeps_no_other_one_from_being_agreed_on(asked, objects):
    registers = Registers({"0": on_site("2026-02-01")}, {"a": in_office("2026-02-01")}, [("0", "a")])
    watch = registers.watch()
    watch.read_only = "procore"
    watch.human()
    watch.learn_links()
    registers.office["a"]["category"] = "NON_COMPLIANCE"
    watch.human(("fourhse", "a"), "category")
    item = Item(ItemKind.REFUSED, QuestionKey("refused:a"), "", "", "", fourhse_id="a", field=asked)
    watch.cycle_ended("partial", held_by(item))
    registers.site["0"]["injuries"].append({"deleted_at": None})
    watch.human()
    registers.office["a"]["category"] = "ACCIDENTS"
    if objects:
        with pytest.raises(Objection, match="a person's category"):
            watch.machine()
    else:
        watch.machine()


CY, RIGHT, WRONG = 7, "right", "wrong"


@pytest.fixture
def hurt() -> tuple[Registers, PartnerWatch]:
    """Somebody whom no list identifies was hurt in an incident that both sides hold."""
    injury = {"id": 1, "affected_party": {"id": CY}, "deleted_at": None}
    site, office = on_site("2026-02-01") | {"injuries": [injury]}, in_office("2026-02-01", persons=[])
    registers = Registers({"0": site}, {"a": office}, [("0", "a")])
    watch = registers.watch()
    partners = PartnerWatch(watch, CY, (RIGHT, WRONG))
    watch.human()
    watch.learn_links()
    return registers, partners


def name(registers: Registers, office: str, record: str = "r") -> None:
    registers.office["a"]["persons"].append({"office_incident_person_id": record, "person_office_id": office})


def test_a_partner_that_nobody_named_is_objected_to(hurt):
    registers, partners = hurt
    partners.told = RIGHT
    name(registers, WRONG)
    with pytest.raises(Objection, match="nobody said that it is they"):
        partners.machine()


def test_a_wrong_partner_is_corrected_where_we_named_them(hurt):
    registers, partners = hurt
    partners.told = WRONG
    name(registers, WRONG)
    partners.machine()
    partners.told = RIGHT
    assert list(partners.problems(set())) == [f"['{WRONG}'] are named in a, {RIGHT} is meant, and nobody is asked"]
    registers.office["a"]["persons"].clear()
    name(registers, RIGHT)
    partners.machine()
    assert (list(partners.problems(set())), partners.corrected) == ([], 1)


def test_whom_a_person_named_in_a_record_is_named_there_and_in_no_new_one(hurt):
    registers, partners = hurt
    name(registers, WRONG)
    partners.human()
    partners.name(RIGHT, there=True)
    partners.never_copy()
    registers.office["a"]["persons"].clear()
    name(registers, RIGHT)
    partners.machine()
    registers.office["a"]["persons"].clear()
    partners.human()
    name(registers, RIGHT)
    with pytest.raises(Objection, match="nobody said that it is they"):
        partners.machine()


def test_somebody_named_twice_is_objected_to(hurt):
    registers, partners = hurt
    partners.told = RIGHT
    name(registers, RIGHT)
    partners.machine()
    name(registers, RIGHT, "s")
    with pytest.raises(Objection, match="counted twice"):
        partners.machine()


def test_nobody_named_and_nobody_asked_is_told_at_rest(hurt):
    _, partners = hurt
    assert list(partners.problems(set())) == ["somebody hurt in 0 is not named in a, and nobody is asked"]
    assert list(partners.problems({str(CY)})) == []


NAMES = {1: "Ann", 2: "Bo", "ann": "Ann", "bo": "Bo"}


def injured(party: int) -> dict[str, Any]:
    return {"id": 5, "affected_party": {"id": party}, "work_days_absent": 3, "deleted_at": None}


@dataclass
class Injured:
    """Ann is named in an incident of both sides; 4HSE's is linked once that is said."""

    registers: Registers
    people: PeopleWatch

    def site(self, *records: dict[str, Any]) -> None:
        self.registers.site["0"] = on_site("2026-02-01") | {"injuries": [*records], "near_misses": []}

    def office(self, *who: str) -> None:
        told = {"days": 3, "description": None}
        rows = [{"office_incident_person_id": f"r {one}", "person_office_id": one} | told for one in who]
        self.registers.office["a"] = in_office("2026-02-01", persons=rows)

    def link(self) -> None:
        self.registers.pairs.append(("0", "a"))
        self.people.watch.behind = True
        self.people.watch.learn_links()


@pytest.fixture
def ann() -> Injured:
    registers = Registers()
    both = Injured(registers, PeopleWatch(registers.watch(), NAMES))
    both.site(injured(1))
    both.office("ann")
    both.people.watch.human()
    return both


@pytest.mark.parametrize("verdict", ["approve", "reject", None])
def test_a_survivor_that_names_somebody_else_goes_by_a_persons_word_alone(ann, verdict):
    ann.link()
    ann.office()
    ann.people.watch.human()
    ann.site(injured(2))
    ann.people.watch.human()
    if verdict:
        ann.people.verdicts["0", "Bo"] = verdict
    assert bool(list(ann.people.differences("0", "a"))) == (verdict != "reject")
    ann.site()
    ann.people.watch.machine()
    if verdict == "approve":
        ann.people.machine()
    else:
        with pytest.raises(Objection, match="Bo in procore 0 was removed"):
            ann.people.machine()


@pytest.mark.parametrize("linked", [True, False])
def test_who_was_taken_out_is_made_again_only_where_the_incident_had_no_partner_then(ann, linked):
    if linked:
        ann.link()
    ann.office()
    ann.people.watch.human()
    if not linked:
        ann.link()
    ann.office("ann")
    ann.people.watch.machine()
    if linked:
        with pytest.raises(Objection, match="made again without a word"):
            ann.people.machine()
    else:
        ann.people.machine()


def test_who_comes_back_with_their_incident_was_entered_by_nobody(ann):
    ann.link()
    row = ann.registers.site.pop("0")
    ann.people.watch.human()
    ann.office()
    ann.people.watch.human()
    ann.registers.site["0"] = row
    ann.people.watch.human()
    assert ann.people.removed == {("fourhse", "a", "Ann")}


@pytest.mark.parametrize(
    ("hidden", "answered", "shown_since", "objects"),
    [(True, True, False, False), (False, True, False, True), (True, False, False, True), (True, True, True, True)],
)
@pytest.mark.parametrize("verdict", ["approve", "restore"])
def test_what_is_hidden_as_if_it_were_not_there_goes_by_a_persons_answer(
    hidden, answered, shown_since, objects, verdict
):
    registers = Registers({"0": on_site("2026-02-01")}, {"a": in_office("2026-02-01")}, [("0", "a")])
    watch, kept = registers.watch(), {"a"} if hidden else set()
    watch.hidden = lambda: kept
    watch.human()
    watch.cycle_ended("ok", set())
    watch.verdicts["0"] = verdict
    if answered:
        watch.answered_as_gone.add(("fourhse", "a"))
    if shown_since:
        kept.clear()
        watch.cycle_ended("ok", set())
        kept.add("a")
    if verdict == "approve":
        del registers.site["0"]
    else:
        registers.office["b"] = registers.office["a"]
    words = "nobody deleted" if verdict == "approve" else "was made, and nothing"
    with pytest.raises(Objection, match=words) if objects else nullcontext():
        watch.machine()


@pytest.mark.parametrize(
    ("lines", "text", "objects"),
    [
        ("Reporter: Kim&lt;br&gt;Code: Site 1", "A hook.", None),
        ("Reporter: Kim&lt;br&gt;Code: Site 1", "Another.", "never said so"),
        ("Reporter: Kim&lt;br&gt;Code: Site 2", "A hook.", "a person's code 'Site 1'"),
        ("Reporter: Kim", "A hook.", "a person's code 'Site 1'"),
    ],
)
def test_a_line_whose_markup_was_escaped_reads_as_text_and_stands_there_all_the_same(lines, text, objects):
    registers, watch = keeping_parts()
    registers.site["0"]["description"] = "Code: Site 1\n\nA hook."
    watch.human(("procore", "0"), "code")
    registers.office["a"]["deponent"] = "Kim"
    watch.human(("fourhse", "a"), "reporter")
    sent = f"{lines}&lt;br&gt;&lt;br&gt;"
    registers.site["0"]["description"] = f"<p>&lt;p&gt;{sent}{text}&lt;/p&gt;</p>"
    with pytest.raises(Objection, match=objects) if objects else nullcontext():
        watch.machine()
    if not objects:  # A person had the lines sent again.
        registers.site["0"]["description"] = f"<p>&lt;p&gt;{sent}&amp;lt;p&amp;gt;{lines}A hook.&lt;/p&gt;</p>"
        watch.machine()


@pytest.mark.parametrize(
    ("text", "left", "objects"), [("A <hook>.", "", False), ("", "", True), ("A <hook>.", "A", True)]
)
def test_a_line_goes_with_a_text_of_ours_of_which_nothing_is_kept_and_with_no_other_one(text, left, objects):
    registers, watch = keeping_parts()
    registers.site["0"]["description"] = "Reporter: Jo"
    watch.human(("procore", "0"), "reporter")
    registers.office["a"] |= {"deponent": "Kim", "description_event": text}
    watch.human(("fourhse", "a"), "reporter")
    watch.human(("fourhse", "a"), "text")
    registers.site["0"]["description"] = left
    with pytest.raises(Objection, match="a person's reporter 'Jo'") if objects else nullcontext():
        watch.machine()
    if not objects:
        registers.office["a"]["deponent"] = None
        with pytest.raises(Objection, match="what was left of it"):
            watch.machine()
