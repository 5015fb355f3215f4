"""What the pages of the desk show, what an answer does, who sees what, and how much work a page is."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from actors import doubtful, hire, hire_on_site, hurt_on_site, only, partner
from desk_stand import Served, another_route, desk_of, person, served, words
from procore_4hse.engine.lease import GRACE, LEASE
from procore_4hse.mapping.rules import Direction
from procore_4hse.models import (
    Act,
    Action,
    Item,
    ItemKind,
    Kind,
    Link,
    LinkState,
    QuestionKey,
    RawRecord,
    RecordRef,
    Side,
)
from procore_4hse.operations import decisions
from procore_4hse.operations.explain import collect, outline
from procore_4hse.operations.remembered import remembered
from procore_4hse.operations.texts import ENGLISH
from procore_4hse.reconcile.snapshot import Limits
from procore_4hse.simulator.faults import FaultKind
from procore_4hse.simulator.fourhse_dials import FourHseDials
from procore_4hse.store.leases import Holder
from procore_4hse.web.access import owner
from procore_4hse.web.app import templates
from world import World

ARM = "She broke her arm"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.build(f"sqlite:///{tmp_path}/sync.db", private="include")
    with closing(made.store):
        yield made


def in_conflict(world: World, title: str = "Fall") -> str:
    """An incident whose title both sides changed: its Procore id."""
    site = world.on_site(title)
    world.sync()
    world.procore.hand_edit("incident", int(site), title=f"{title} on site")
    world.fourhse.hand_edit("incident", partner(world, site), name=f"{title} in the office")
    world.sync()
    return site


def with_an_injury(world: World) -> str:
    """An incident in both systems, with somebody who was hurt."""
    party, _ = hire(world)
    site = world.on_site("Fall from ladder")
    hurt_on_site(world, site, party, days=3, description=ARM)
    world.sync()
    return site


# Pages -----------------------------------------------------------------------------------------------------------


def test_today_says_how_each_route_stands(world: World) -> None:
    in_conflict(world)
    with served(desk_of(world, world.route, another_route(world))) as desk, desk.signed_in() as browser:
        told = browser.text("/")
    assert "riverside Done Next cycle due now, where the daemon runs 0 / 0 1 / 1 0 / 0 0 / 0 1 / 1" in told
    assert "1 / 1 5 minutes ago 2026-03-02" in told
    assert "One question waits for a person, the oldest for 5 minutes" in told
    assert told.endswith("harbour never yet No cycle has run yet.")


def test_today_says_what_is_wrong_with_a_route_and_when_it_was_right_last(world: World) -> None:
    world.on_site()
    world.sync()
    world.clock.advance(days=3)
    with served(desk_of(world)) as desk, desk.signed_in() as browser:
        assert "3 days ago 2026-03-02 12:00 UTC The last cycle ended 3 days ago." in browser.text("/")
        world.faults.add(FaultKind.FORBIDDEN, method="POST", path="/incident/index", times=9)
        world.sync()
        told = browser.text("/")
    assert "Failed" in told
    assert "3 days ago 2026-03-02 12:00 UTC 4HSE" in told, "when both agreed last stays"
    assert "Nothing" not in told


def test_the_inbox_groups_by_kind_oldest_first_and_is_narrowed_by_kind_route_and_text(world: World) -> None:
    in_conflict(world, "Older")
    in_conflict(world, "Newer")
    gone = world.on_site("Gone")
    world.sync()
    world.procore.hand_delete("incident", int(gone))
    world.sync()
    with served(desk_of(world, world.route, another_route(world))) as desk, desk.signed_in() as browser:
        told = browser.text("/inbox")
        assert told.index("Both sides changed it 2") < told.index("Older on site") < told.index("Newer on site")
        assert told.index("Newer on site") < told.index("Deleted on one side 1") < told.index("Gone")
        assert "Older" not in browser.text("/inbox?kind=deletion")
        assert "Older" not in browser.text("/inbox?route=harbour")
        found = words(browser.post("/inbox", text="NEWER"))
        assert ("Newer on site" in found, "Older on site" in found) == (True, False)
        assert "No question fits" in words(browser.post("/inbox", text="nothing like it"))


def test_a_question_shows_both_values_and_the_last_agreement(world: World) -> None:
    site = in_conflict(world)
    with served(desk_of(world)) as desk, desk.signed_in() as browser:
        told = browser.text("/inbox/1")
        assert (
            "Procore Fall on site ≠ changed since both last agreed When both last agreed Fall "
            "4HSE Fall in the office ≠ changed since both last agreed"
        ) in told
        assert (
            "The two records Field Procore 4HSE Description What happened: Fall (1). What happened: Fall (1)." in told
        )
        assert "4HSE is right The next cycle writes this value to Procore." in told
        assert "For the command line To look at it: procore-4hse inbox show 1 Procore is right procore-4hse" in told
        assert f"/incidents/{site}" in browser.get("/inbox/1").text
        assert browser.get("/inbox/2").status_code == 404


def test_the_story_of_an_incident(world: World) -> None:
    site = with_an_injury(world)
    with served(desk_of(world)) as desk, desk.signed_in() as browser:
        told = browser.text(f"/incidents/{site}")
        assert "Title Fall from ladder Fall from ladder Fall from ladder = agree" in told
        assert "Days of absence 3 3" in told
        assert ARM in told
        assert "Created in 4HSE · Incident · done" in told
        assert browser.text(f"/incidents/{partner(world, site)}") == told
        assert browser.get("/incidents/4711").status_code == 404


@pytest.mark.parametrize("text", ["ladder", "LADDER", "2026-02-10", "ID", " ladder ", "ladder  fall"])
def test_an_incident_is_found_by_words_of_its_title_day_or_id(world: World, text: str) -> None:
    site = world.on_site("Fall from ladder", date(2026, 2, 10), hour=20)
    world.on_site("Cut", date(2026, 2, 20))
    world.sync()
    with served(desk_of(world)) as desk, desk.signed_in() as browser:
        page = browser.post("/incidents", text=site if text == "ID" else text)
    assert re.findall(r'href="/incidents/(.+?)"', page.text) == [site]
    assert "Cut" not in page.text


@pytest.mark.parametrize("text", ["è caduto", "100%", 'a "b"', "<b>"])
def test_odd_letters_are_found_as_they_are(world: World, text: str) -> None:
    world.on_site(f"Fall {text} here")
    world.on_site("Cut")
    world.sync(first=True)
    with served(desk_of(world)) as desk, desk.signed_in() as browser:
        page = browser.post("/incidents", text=text)
    assert f"Fall {text} here" in words(page)
    assert "Cut" not in page.text


def test_what_records_say_is_shown_and_never_obeyed(world: World) -> None:
    site = in_conflict(world, "<script>alert(1)</script><b>")
    with served(desk_of(world)) as desk, desk.signed_in() as browser:
        pages = [browser.get(path).text for path in ("/inbox", "/inbox/1", f"/incidents/{site}")]
    for page in pages:
        assert "&lt;script&gt;" in page
        assert "<script" not in page


def test_an_incident_tells_from_what_to_what_each_write_went_to_whoever_may_see_that_class(world: World) -> None:
    site = with_an_injury(world)
    world.procore.hand_edit("incident", int(site), title="Slip")
    world.procore.hand_edit("injury", world.site()[site]["injuries"][0]["id"], work_days_absent=7)
    world.sync()
    with looked_at(world, "team sees identity, health") as (_, browser):
        told = browser.text(f"/incidents/{site}")
    with looked_at(world, "team sees identity") as (_, browser):
        narrow = browser.text(f"/incidents/{site}")
    assert "Title Fall from ladder → Slip" in told
    assert "Days of absence 3 → 7" in told
    assert "Title Fall from ladder → Slip" in narrow
    assert "3 → 7" not in narrow


def test_runs_and_mapping(world: World) -> None:
    world.on_site()
    world.sync()
    with served(desk_of(world)) as desk, desk.signed_in() as browser:
        runs, mapping = browser.text("/runs"), browser.text("/mapping")
    assert re.search(r"2026-03-02 12:00 UTC Done 1 from Procore, 0 from 4HSE 0 to Procore, 1 to 4HSE \d+ to", runs)
    assert "Days of absence Person work_days_absent days both ask a person health" in mapping


def test_runs_draws_the_last_month_and_tells_it_as_a_table(world: World) -> None:
    in_conflict(world)
    with served(desk_of(world)) as desk, desk.signed_in() as browser:
        page = browser.get("/runs")
        assert browser.get("/runs").text.count("<svg") == page.text.count("<svg")
    told = words(page)
    assert "What crossed Writes each day, 1 at most to Procore to 4HSE 2026-02-01 to 2026-03-02, days in UTC" in told
    assert "Questions that waited Open at the end of each day, 1 at most" in told
    assert "How long the oldest had waited At the end of each day, 5 minutes at most" in told
    assert "Calls against the budget No budget is known" in told
    assert re.search(r"2026-03-02 2 0 1 1 5 minutes \d+ \d+ 2026-03-01 0 0 0 0 0 0 2026-02-28", told)
    pictures = re.findall(r'<svg class="picture".*?</svg>', page.text, re.DOTALL)
    assert [picture.count('class="bar ') for picture in pictures] == [1, 1, 1, 0]
    assert all('role="img" aria-label="' in picture for picture in pictures)


def test_no_page_calls_a_vendor(world: World) -> None:
    site = in_conflict(world)
    before = sum(world.procore.calls.values()) + sum(world.fourhse.calls.values())
    with served(desk_of(world)) as desk, desk.signed_in() as browser:
        for path in ("/", "/inbox", "/inbox/1", f"/incidents/{site}", "/runs", "/mapping"):
            assert browser.get(path).status_code == 200
        browser.answer(1, "procore")
    assert sum(world.procore.calls.values()) + sum(world.fourhse.calls.values()) == before


def test_a_deletion_is_told_with_its_own_time_and_not_with_that_of_an_earlier_one(world: World) -> None:
    site = world.on_site()
    world.on_site("Another one")
    world.sync()
    other = partner(world, site)
    world.procore.hand_delete("incident", int(site))
    world.sync()
    world.procore.hand_restore("incident", int(site))
    world.sync()
    world.clock.advance(days=3)
    world.fourhse.hand_delete("incident", other)
    world.sync()
    with served(desk_of(world)) as desk, desk.signed_in() as browser:
        told = browser.text(f"/incidents/{site}")
    assert "Linked since 2026-03-02 12:00 UTC · first made in Procore · Deleted in 4HSE since 2026-03-05 12:15" in told


def test_the_quick_story_tells_the_same_as_the_whole_one(world: World) -> None:
    site = with_an_injury(world)
    in_conflict(world, "Other")
    ids: dict[Side, str | None] = {Side.PROCORE: site, Side.FOURHSE: partner(world, site)}
    quick, whole = (tell(world.store, world.route, ids) for tell in (outline, collect))
    for part in ("incident", "people", "journal", "items", "children", "excluded", "pending", "read_at", "zone"):
        assert getattr(quick, part) == getattr(whole, part), part
    assert len(quick.people) == 1


# Answers ---------------------------------------------------------------------------------------------------------


def test_an_answer_is_kept_taken_back_given_again_and_carried_out(world: World) -> None:
    site = in_conflict(world)
    with served(desk_of(world)) as desk, desk.signed_in() as browser:
        assert browser.answer(1, "fourhse").headers["location"] == "/inbox/1"
        assert "Answered: 4HSE is right" in browser.text("/inbox/1")
        assert browser.post("/inbox/1/undo").status_code == 303
        assert "Answered" not in browser.text("/inbox/1")
        assert browser.answer(1, "procore").status_code == 303
        world.sync()
        assert world.office()[partner(world, site)]["name"] == "Fall on site"
        assert "This question is closed" in browser.text("/inbox/1")
        assert browser.post("/inbox/1/undo").status_code == 409


def test_a_decision_is_kept_with_its_note_and_the_name_that_somebody_signed_in_with(world: World) -> None:
    in_conflict(world)
    with served(desk_of(world)) as desk, desk.signed_in(owner("bruno@builder.example")) as browser:
        browser.answer(1, "fourhse", note="<b>I asked</b> the foreman.")
        with world.store.read() as unit:
            (one,) = unit.decisions(world.route.key).all()
        assert (one.who, one.channel, one.note) == ("bruno@builder.example", "web", "<b>I asked</b> the foreman.")
        told = browser.text("/inbox/1")
        assert "bruno@builder.example (at the desk): 4HSE is right . The next cycle carries it out." in told
        assert "Note: <b>I asked</b> the foreman." in told
        browser.post("/inbox/1/undo")
        assert "Taken back by bruno@builder.example" in browser.text("/inbox/1")
        assert browser.answer(1, "procore", note="x" * 2001).status_code == 409
        browser.answer(1, "procore")
        world.sync()
        told = browser.text("/inbox/1")
        assert "Procore is right . Carried out." in told


def test_what_is_put_off_does_not_count_as_waiting(world: World) -> None:
    in_conflict(world)
    with served(desk_of(world)) as desk, desk.signed_in() as browser:
        assert "One question waiting" in browser.text("/inbox")
        decisions.snooze(world.store, (world.route,), 1, world.clock().date() + timedelta(days=3))
        told = browser.text("/inbox")
        assert "One question waiting" not in told
        assert "put off until a later day" in told


def test_an_answer_to_something_that_moved_is_not_kept(world: World) -> None:
    site = in_conflict(world)
    with served(desk_of(world)) as desk, desk.signed_in() as browser:
        (shown,) = re.findall(r'name="shown" value="(\w+)"', browser.get("/inbox/1").text)
        world.procore.hand_edit("incident", int(site), title="Fall from the crane")
        world.sync()
        answer = browser.post("/inbox/1/answer", choice="procore", shown=shown)
        assert (answer.status_code, "has changed" in answer.text) == (409, True)
        assert [entry.state for entry in world.inbox()] == ["open"]
        assert browser.answer(1, "procore").status_code == 303


def test_the_second_of_two_people_who_answer_at_once_sees_that_it_was_answered(world: World) -> None:
    in_conflict(world)
    with served(desk_of(world)) as desk, desk.signed_in() as one, desk.signed_in(owner("bruno")) as other:
        (shown,) = re.findall(r'name="shown" value="(\w+)"', other.get("/inbox/1").text)
        assert one.answer(1, "procore").status_code == 303
        late = other.post("/inbox/1/answer", choice="fourhse", shown=shown)
        assert (late.status_code, "Question 1 was answered first by anna, 2026-03-02" in words(late)) == (409, True)
        assert "Procore is right" in other.text("/inbox/1")


@pytest.mark.parametrize(
    ("choice", "form"), [("delete everything", {}), ("", {}), ("approve", {}), ("other", {"with_id": "1"})]
)
def test_what_the_question_does_not_offer_is_no_answer(world: World, choice: str, form: dict[str, str]) -> None:
    in_conflict(world)
    with served(desk_of(world)) as desk, desk.signed_in() as browser:
        assert browser.answer(1, choice, **form).status_code == 409
    assert [entry.state for entry in world.inbox()] == ["open"]


def test_a_doubtful_pair_is_called_one_or_two_or_another_one(world: World) -> None:
    site = world.on_site("Slip on wet floor", description="He slipped.")
    office = world.in_office("Slip on a wet floor", description_event="He slipped.")
    world.sync(first=True)
    asked = only(world, "match").id
    with served(desk_of(world)) as desk, desk.signed_in() as browser:
        told = browser.text(f"/inbox/{asked}")
        assert "Candidate 1: Slip on a wet floor What speaks for it + The same day" in told
        assert "What speaks against it − The titles differ" in told
        assert "Title ≠ They differ Slip on wet floor Slip on a wet floor" in told
        wrong = browser.answer(asked, "other", with_id="4711")
        assert (wrong.status_code, "shows no unlinked incident 4711" in words(wrong)) == (409, True)
        assert browser.answer(asked, f"with:{office}").status_code == 303
        world.sync()
    assert partner(world, site) == office


def test_a_deletion_can_be_followed_refused_or_undone(world: World) -> None:
    site = world.on_site()
    world.sync()
    world.procore.hand_delete("incident", int(site))
    world.sync()
    with served(desk_of(world)) as desk, desk.signed_in() as browser:
        told = browser.text("/inbox/1")
        assert "Delete it in 4HSE too" in told
        assert "Keep it in 4HSE" in told
        assert browser.answer(1, "restore").status_code == 303
        world.sync()
    assert site in world.site()


def _held(name: str, side: Side | None = None) -> Item:
    held = {"act": "delete", "side": "procore", "kind": "injury", "id": "12", "source_id": None, "reason": "gone"}
    facts = {"cause": {}, "held": [], "actions": [held, {**held, "kind": "incident", "id": "7"}]}
    return Item(ItemKind.GUARD, QuestionKey.guard(name, side), "", "Too much at once.", "Approve.", facts)


PAIR = Link(1, "1", "a")
FELL = RecordRef(Side.PROCORE, Kind.INCIDENT, "1")
PERSON = RecordRef(Side.PROCORE, Kind.DIRECTORY, "5")
IDS = {"procore_id": "1", "fourhse_id": "a"}
BOTH = {"procore_value": "x", "fourhse_value": "y"}
REFUSED = Action(Act.UPDATE, Side.FOURHSE, Kind.INCIDENT, "a", "1", "changed", {"name": "x"}, {"title": {"title": "x"}})
WHO = {"who": {"side": "procore", "id": "5"}}


def _asked(kind: ItemKind, key: QuestionKey, facts: dict[str, Any] | None = None, **more: Any) -> Item:
    return Item(kind, key, "Fall", "A reason.", "An advice.", facts or {}, **more)


FIELD = {"field": "title", **IDS, **BOTH}
KINDS: dict[str, tuple[Item, tuple[str, ...]]] = {
    "conflict": (_asked(ItemKind.CONFLICT, QuestionKey.difference(PAIR, "title"), **FIELD), ("procore", "fourhse")),
    "drift": (_asked(ItemKind.DRIFT, QuestionKey.difference(PAIR, "title"), **FIELD), ("procore", "fourhse")),
    "deleted in 4HSE": (
        _asked(ItemKind.DELETION, QuestionKey.deletion(PAIR, Side.FOURHSE), **IDS), ("approve", "reject", "restore")
    ),
    "deleted and edited": (
        _asked(ItemKind.CONFLICT, QuestionKey.deletion(PAIR, Side.PROCORE), {"edited": True}, **IDS),
        ("approve", "reject", "restore"),
    ),
    "missing": (_asked(ItemKind.MISSING, QuestionKey.missing(PAIR, Side.PROCORE), **IDS), ("approve",)),
    "match": (
        _asked(ItemKind.MATCH, QuestionKey.match(FELL), {"candidates": ["b", "c"]}, procore_id="1"),
        ("with:b", "with:c", "reject", "other"),
    ),
    "word": (_asked(ItemKind.WORD, QuestionKey.word(FELL, "title"), field="title", **IDS), ()),
    "refused": (_asked(ItemKind.REFUSED, QuestionKey.refused(REFUSED), **IDS), ("retry",)),
    "not kept": (
        _asked(ItemKind.REFUSED, QuestionKey.refused(REFUSED), {"lost_on": "fourhse"}, **IDS), ("retry", "approve")
    ),
    "an accident": (
        _asked(ItemKind.DRIFT, QuestionKey.accident(RecordRef(Side.PROCORE, Kind.NEAR_MISS, "9")), {
            "uses": ["injury", "leave"], "person": "p",
        }, procore_id="1"),
        ("injury", "leave"),
    ),
    "many deletions": (_held("deletes", Side.PROCORE), ("approve", "reject")),
    "first meeting": (_held("first-meeting"), ("approve",)),
    "mapping": (_held("mapping"), ("procore", "fourhse", "base")),
    "regress": (_held("regress", Side.FOURHSE), ("base", "accept")),
    "a person": (
        _asked(ItemKind.MATCH, QuestionKey.match(PERSON), {**WHO, "candidates": ["p"]}, procore_id="5"),
        ("with:p", "other", "reject"),
    ),
    "two who were one": (
        _asked(ItemKind.DRIFT, QuestionKey.parted("5", "p"), {**WHO, "uses": ["procore"]}, **FIELD),
        ("procore", "same", "other", "reject"),
    ),
}  # fmt: skip
"""A question of each kind, and the names of its choices; to leave it for later has a form of its own."""


@pytest.mark.one_case_in(3)
@pytest.mark.parametrize("kind", KINDS)
def test_whatever_a_question_offers_is_taken_as_an_answer(world: World, kind: str) -> None:
    """What is offered and what the operations take are written down twice: here they meet."""
    item, offered = KINDS[kind]
    with world.store.begin() as unit:
        unit.inbox(world.route.key).keep([item], ())
    with served(desk_of(world)) as desk, desk.signed_in() as browser:
        page = browser.get("/inbox/1")
        assert tuple(re.findall(r'name="choice" value="([^"]+)"', page.text)) == offered
        # Who another one is must stand in a directory, and this world has none.
        for choice in (each for each in offered if each not in ("other", "same")):
            assert browser.answer(1, choice).status_code == 303
            assert "Answered: " in browser.text("/inbox/1")
            assert browser.post("/inbox/1/undo").status_code == 303
        assert "Not now" in browser.text("/inbox/1"), "every question can be left"


@pytest.mark.parametrize(
    ("direction", "offered"),
    [(Direction.TO_FOURHSE, ["approve", "reject"]), (Direction.TO_PROCORE, ["reject", "restore"])],
)
def test_nothing_is_offered_that_the_route_never_writes(world: World, direction: Direction, offered: list[str]) -> None:
    """Deleted in Procore: only a route that writes to 4HSE deletes there, and only one to Procore brings it back."""
    with world.store.begin() as unit:
        unit.inbox(world.route.key).keep([KINDS["deleted and edited"][0]], ())
    one_way = replace(world.route, direction=direction)
    with served(desk_of(world, one_way)) as desk, desk.signed_in() as browser:
        assert re.findall(r'name="choice" value="([^"]+)"', browser.get("/inbox/1").text) == offered


def test_of_what_a_guard_holds_people_are_counted_and_not_shown_to_everybody(world: World) -> None:
    with world.store.begin() as unit:
        unit.inbox(world.route.key).keep([_held("deletes", Side.PROCORE)], ())
    with looked_at(world, "team on riverside") as (_, browser):
        told = browser.text("/inbox/1")
        assert ("Incident 7" in told, "Injury 12" in told, "1 more are about people" in told) == (True, False, True)
    with looked_at(world, "team sees identity, health") as (_, browser):
        assert "Injury 12" in browser.text("/inbox/1")


# Later, and back again -------------------------------------------------------------------------------------------


def test_a_question_is_put_off_until_a_day_and_answered_all_the_same(world: World) -> None:
    in_conflict(world)
    with served(desk_of(world)) as desk, desk.signed_in() as browser:
        assert 'min="2026-03-03" value="2026-03-09"' in browser.get("/inbox/1").text
        assert browser.post("/inbox/1/snooze", until="2026-03-05").status_code == 303
        assert "It is put off until 2026-03-05" in browser.text("/inbox/1")
        assert "put off until a later day" in browser.text("/inbox")
        assert browser.answer(1, "procore").status_code == 303
        again = browser.post("/inbox/1/snooze", until="2026-03-06")
        assert (again.status_code, "nothing to put off" in words(again)) == (409, True)


@pytest.mark.parametrize("until", ["", "2026-03-02", "tomorrow", "9999-99-99"])
def test_a_question_is_put_off_to_no_day_that_has_begun(world: World, until: str) -> None:
    in_conflict(world)
    with served(desk_of(world)) as desk, desk.signed_in() as browser:
        assert browser.post("/inbox/1/snooze", until=until).status_code == 409
    assert [entry.snoozed_until for entry in world.inbox()] == [None]


def retitled(world: World) -> str:
    """An incident whose new title was written to 4HSE."""
    site = world.on_site("Fall")
    world.sync(first=True)
    world.procore.hand_edit("incident", int(site), title="Slip")
    world.sync()
    return site


def undo_link(page: httpx.Response) -> str:
    """The address of the page that takes the latest write back."""
    return unescape(re.findall(r'href="(/writes/[^"]+/undo)"', page.text)[-1])


def test_a_write_is_taken_back_on_both_sides_and_that_is_told(world: World) -> None:
    site = retitled(world)
    with served(desk_of(world)) as desk, desk.signed_in(owner("bruno")) as browser:
        link = undo_link(browser.get(f"/incidents/{site}"))
        asked = browser.text(link)
        assert "What was written Slip What stood there before Fall" in asked
        assert "and the one after it to Procore" in asked
        assert (world.inbox(), browser.get(link).status_code) == ([], 200)
        answer = browser.post(link, note="The wrong incident.")
        assert (answer.status_code, answer.headers["location"]) == (303, "/inbox/1")
        world.sync()
        world.sync()
        assert (world.site()[site]["title"], world.office()[partner(world, site)]["name"]) == ("Fall", "Fall")
        assert "Title Fall → Slip taken back" in browser.text(f"/incidents/{site}")
        assert "It cannot be taken back. This write was taken back already" in browser.text(link)
        assert browser.post(link).status_code == 409
    with world.store.read() as unit:
        (one,) = unit.decisions(world.route.key).all()
    assert (one.who, one.channel, one.note) == ("bruno", "web", "The wrong incident.")


def test_a_write_that_is_taken_back_can_be_left_until_a_cycle_begins_with_it(world: World) -> None:
    site = retitled(world)
    with served(desk_of(world)) as desk, desk.signed_in() as browser:
        browser.post(undo_link(browser.get(f"/incidents/{site}")))
        assert browser.post("/inbox/1/undo").status_code == 303
    world.sync()
    assert world.office()[partner(world, site)]["name"] == "Slip"


def test_what_moved_since_is_not_put_back(world: World) -> None:
    site = retitled(world)
    with served(desk_of(world)) as desk, desk.signed_in() as browser:
        link = undo_link(browser.get(f"/incidents/{site}"))
        world.procore.hand_edit("incident", int(site), title="Trip")
        world.sync()
        assert "no longer shows" in browser.text(link)
        assert browser.post(link).status_code == 409
    assert world.inbox() == []


def test_while_a_cycle_runs_no_write_is_taken_back(world: World) -> None:
    site = retitled(world)
    with served(desk_of(world)) as desk, desk.signed_in() as browser:
        link = undo_link(browser.get(f"/incidents/{site}"))
        with world.store.begin() as unit:
            assert unit.leases.take(world.route.key, Holder("elsewhere", "", 1, ""), ttl=LEASE, grace=GRACE)
        answer = browser.post(link)
    assert (answer.status_code, "try this again when it is done" in words(answer)) == (503, True)
    assert world.inbox() == []


@pytest.mark.parametrize(
    ("rule", "status"),
    [("team on harbour sees identity, health", 404), ("team sees identity", 404), ("team sees identity, health", 200)],
)
def test_a_write_about_somebody_is_taken_back_by_nobody_who_may_not_see_it(
    world: World, rule: str, status: int
) -> None:
    site = with_an_injury(world)
    world.procore.hand_edit("injury", world.site()[site]["injuries"][0]["id"], work_days_absent=7)
    world.sync()
    with served(desk_of(world)) as desk, desk.signed_in() as browser:
        link = undo_link(browser.get(f"/incidents/{site}"))
    seen = len(views(world))
    with looked_at(world, rule) as (_, browser):
        assert browser.get(link).status_code == status
        if status == 404:
            assert browser.post(link).status_code == 404
    assert (len(views(world)) > seen) == (status == 200)


def test_who_may_only_look_takes_nothing_back(world: World) -> None:
    site = retitled(world)
    with served(desk_of(world)) as desk, desk.signed_in() as browser:
        link = undo_link(browser.get(f"/incidents/{site}"))
    viewer = person((world.route,), viewers=["team sees identity, health"])
    with served(desk_of(world)) as desk, desk.signed_in(viewer) as browser:
        assert "/undo" not in browser.get(f"/incidents/{site}").text
        assert [browser.get(link).status_code, browser.post(link).status_code] == [403, 403]


@pytest.mark.parametrize("write_id", ["nothing", "3f2a:title", ":", "%25"])
def test_no_write_is_found_by_a_part_of_its_id(world: World, write_id: str) -> None:
    retitled(world)
    with served(desk_of(world)) as desk, desk.signed_in() as browser:
        assert browser.get(f"/writes/{write_id}/undo").status_code == 404


def test_a_record_is_opened_in_its_own_system_where_the_configuration_says_how(world: World) -> None:
    site = in_conflict(world)
    addressed = replace(world.route, addresses={Side.PROCORE: "https://p.example/{project}/{id}?a=1&b=2"})
    with served(desk_of(world, addressed)) as desk, desk.signed_in() as browser:
        page = browser.get("/inbox/1").text
    assert f'href="https://p.example/1363617/{site}?a=1&amp;b=2" rel="noreferrer">Open it in Procore<' in page
    assert "Open it in 4HSE" not in page


def test_what_is_held_is_told_by_title_and_from_what_to_what(world: World) -> None:
    world.with_route(limits=Limits(max_change_percent=1))
    sites = [world.on_site(f"Fall {number}") for number in range(21)]
    world.sync()
    world.procore.hand_edit("incident", int(sites[0]), status="closed")
    world.sync()
    with served(desk_of(world)) as desk, desk.signed_in() as browser:
        told = browser.text("/inbox/1")
    assert "Change in 4HSE Incident Fall 0 2026-02-10 Status: open → closed Status: changed in Procore" in told


def test_a_write_that_emptied_a_record_is_told_with_the_record_before_and_after(tmp_path: Path) -> None:
    dials = FourHseDials(put_is="blanking")
    with closing((world := World.build(f"sqlite:///{tmp_path}/sync.db", fourhse_dials=dials)).store):
        site = world.on_site("Fall", description="He fell from the ladder.")
        world.sync()
        world.fourhse.hand_edit("incident", partner(world, site), manager='["lee"]')
        world.procore.hand_edit("incident", int(site), status="closed")
        world.sync()
        entry = only(world, "guard")
        assert entry.item.key == "guard:replaced"
        with served(desk_of(world)) as desk, desk.signed_in() as browser:
            told = browser.text(f"/inbox/{entry.id}")
            assert "The record before and after Field 4HSE before our change 4HSE after it" in told
            assert "Description ≠ They differ He fell from the ladder. Day" in told
            assert 'manager ≠ They differ ["lee"]' in told
            assert told.count(partner(world, site)) == 1
        with served(desk_of(world)) as desk, desk.signed_in(person((world.route,), deciders=["team"])) as browser:
            told = browser.text(f"/inbox/{entry.id}")
            assert ("lee" in told.partition("The record before")[2], "He fell" in told) == (False, True)


def test_an_answer_that_counts_already_is_not_said_to_wait(world: World) -> None:
    party = hire_on_site(world, "Ann Lee")
    site = world.on_site()
    hurt_on_site(world, site, party)
    world.sync()
    with served(desk_of(world)) as desk, desk.signed_in() as browser:
        browser.answer(1, "reject")
        assert "The next cycle carries it out. Until then" in browser.text("/inbox/1")
        world.sync()
        told = browser.text("/inbox/1")
        assert "It counts now, until you take it back." in told
        assert "Until then" not in told
        assert "carries that out" not in browser.text("/")


# Many at once ----------------------------------------------------------------------------------------------------


def test_questions_of_one_cause_are_counted_and_then_answered_together(world: World) -> None:
    doubtful(world, 12)
    with served(desk_of(world)) as desk, desk.signed_in() as browser:
        told = browser.text("/inbox")
        assert "One incident or two? 12 Day, title and description are the same" in told
        assert "Answer all 12 questions of this cause together" in told
        assert "2 more of this cause." in told
        assert 'href="/inbox/1/cause"' in browser.get("/inbox/1").text
        page = browser.get("/inbox/1/cause")
        assert "Answer 12 questions of one cause" in words(page)
        assert all(f"Fall {number}" in words(page) for number in range(12))
        assert re.findall(r'name="choice" value="([^"]+)"', page.text) == ["same", "reject", "later"]
        (shown,) = re.findall(r'name="shown" value="(\w+)"', page.text)
        done = browser.post("/inbox/1/cause", choice="same", shown=shown, note="Entered on both sides")
        assert (done.status_code, done.headers["location"]) == (303, "/inbox")
        with world.store.read() as unit:
            assert {one.note for one in unit.decisions(world.route.key).all()} == {"Entered on both sides"}
        world.sync()
        assert "Nothing waits for a person." in browser.text("/inbox")
    assert len([link for link in world.links() if link.kind == "incident"]) == 13


def test_one_question_about_a_word_lists_all_incidents_with_it_to_whoever_may_see_them(world: World) -> None:
    offices = [world.in_office(f"Fall {number}", day=date(2026, 2, number + 1)) for number in range(4)]
    world.sync()
    world.procore.hand_edit("incident", int(partner(world, offices[2])), private=True)
    for office in offices:
        world.fourhse.hand_edit("incident", office, category="RAIN")
    world.sync()
    entry = only(world, "word")
    others = sorted(set(offices) - {entry.item.fourhse_id}, key=offices.index)
    shown = [each for each in others if each != offices[2]]
    with looked_at(world, "team sees health") as (_, browser):
        page = browser.get(f"/inbox/{entry.id}")
        assert re.findall(r'<li><a href="/incidents/([^"]+)">', page.text) == others
        assert "Other incidents with this word" in words(page)
    with looked_at(world, "team") as (_, browser):
        page = browser.get(f"/inbox/{entry.id}")
        assert re.findall(r'<li><a href="/incidents/([^"]+)">', page.text) == shown
        assert "1 more are private, and need rights" in words(page)


def test_three_hundred_doubtful_pairs_are_counted_and_decided_together(world: World) -> None:
    """Put straight into the store, as a cycle would leave them."""
    day = {Side.PROCORE: {"event_date": "2026-02-10T08:00:00Z"}, Side.FOURHSE: {"date_incident": "2026-02-10"}}
    ids = {Side.PROCORE: [str(n) for n in range(300)], Side.FOURHSE: [f"{n:032x}" for n in range(300)]}
    world.sync()
    with world.store.begin() as unit:
        for side, name in ((Side.PROCORE, "title"), (Side.FOURHSE, "name")):
            rows = [
                RawRecord(side, Kind.INCIDENT, known, {**day[side], name: f"Fall {n}", "private": False})
                for n, known in enumerate(ids[side])
            ]
            unit.staging(world.route.key).put(rows, pull=1, minimal=frozenset(), server_at=unit.now)
        unit.inbox(world.route.key).keep([_doubt(*pair) for pair in zip(*ids.values(), strict=True)], ())
    with served(desk_of(world)) as desk, desk.signed_in() as browser:
        assert "One incident or two? 300 Day, title and description" in browser.text("/inbox")
        page = browser.get("/inbox/7/cause")
        assert "Answer 300 questions of one cause" in words(page)
        (shown,) = re.findall(r'name="shown" value="(\w+)"', page.text)
        assert browser.post("/inbox/7/cause", choice="same", shown=shown).status_code == 303
    with world.store.read() as unit:
        answers = unit.inbox(world.route.key).decisions().values()
    assert {one.with_id for one in answers} == {*ids[Side.FOURHSE]}
    assert world.inbox() == []


def _doubt(site: str, office: str) -> Item:
    record = RecordRef(Side.PROCORE, Kind.INCIDENT, site)
    return Item(
        ItemKind.MATCH, QuestionKey.match(record), "Fall", "These look alike.", "Say which.",
        {"candidates": [office], "records": {}}, procore_id=site,
    )  # fmt: skip


def test_what_was_not_counted_is_not_answered(world: World) -> None:
    doubtful(world, 2)
    with served(desk_of(world)) as desk, desk.signed_in() as browser:
        (shown,) = re.findall(r'name="shown" value="(\w+)"', browser.get("/inbox/1/cause").text)
        world.on_site("Fall 9", description="")
        world.in_office("Fall 9", description_event="")
        world.sync()
        assert browser.post("/inbox/1/cause", choice="same", shown=shown).status_code == 409
        assert browser.post("/inbox/1/cause", choice="with:1", shown=shown).status_code == 409
        assert len(world.inbox()) == 3


def test_a_question_that_stands_alone_has_no_page_for_many(world: World) -> None:
    in_conflict(world)
    with served(desk_of(world)) as desk, desk.signed_in() as browser:
        assert browser.get("/inbox/1/cause").status_code == 404
        assert browser.post("/inbox/1/cause", choice="procore", shown="").status_code == 404


def test_a_viewer_counts_many_and_answers_none(world: World) -> None:
    doubtful(world, 2)
    viewer = person((world.route,), viewers=["team"])
    with served(desk_of(world)) as desk, desk.signed_in(viewer) as browser:
        page = browser.get("/inbox/1/cause")
        assert ("Fall 1" in words(page), "<form" in page.text.partition("<h1>")[2]) == (True, False)
        assert browser.post("/inbox/1/cause", choice="same", shown="").status_code == 403


# Answers that go on counting, and links --------------------------------------------------------------------------


def told_apart(world: World) -> None:
    """Two records that a person called different, and one that is kept though the other was deleted."""
    world.on_site("Cut at the table saw", description="He cut his hand.")
    world.in_office("Cut at table saw", description_event="He cut his hand.")
    gone = world.on_site("Slip")
    world.sync(first=True)
    world.answer(only(world, "match").id, "reject")
    world.procore.hand_delete("incident", int(gone))
    world.sync()
    world.answer(only(world, "deletion").id, "reject")
    world.sync()
    assert world.inbox() == []


def take_back_all(browser: Any) -> list[int]:
    page = browser.get("/remembered").text
    return [browser.post(unescape(path)).status_code for path in re.findall(r'action="(/remembered/[^"]+)"', page)]


def test_answers_that_go_on_counting_are_listed_and_taken_back(world: World) -> None:
    told_apart(world)
    with served(desk_of(world)) as desk, desk.signed_in() as browser:
        told = browser.text("/remembered")
        assert "Cut at the table saw and Cut at table saw called different" in told
        assert "Slip: deleted in Procore, kept in 4HSE kept, though the other one was deleted 2026-03-" in told
        assert take_back_all(browser) == [303, 303]
        assert browser.text("/remembered").endswith("There are none: no answer goes on counting.")
    world.sync()
    assert {entry.item.kind.value for entry in world.inbox()} == {"deletion"}
    with world.store.read() as unit:
        taken = [one for one in unit.decisions(world.route.key).all() if one.ended_by]
    assert {(one.ended_by, one.outcome.value) for one in taken} == {("anna", "taken_back")}


def test_the_ways_to_what_goes_on_counting(world: World) -> None:
    told_apart(world)
    kept = next(link.procore_id for link in world.links() if link.state is LinkState.IGNORED)
    with served(desk_of(world)) as desk, desk.signed_in() as browser:
        for path in ("/inbox", "/inbox/1", f"/incidents/{kept}"):
            assert 'href="/remembered"' in browser.get(path).text, path


def test_who_may_only_look_or_not_even_that_takes_no_answer_back(world: World) -> None:
    told_apart(world)
    with world.store.read() as unit:
        ids = [one.id for one in remembered(unit, world.route)]
    for rule, shown, status in (("team", True, 403), ("team on harbour", False, 404)):
        routes = (world.route, another_route(world))
        with served(desk_of(world, *routes)) as desk, desk.signed_in(person(routes, viewers=[rule])) as browser:
            page = browser.get("/remembered")
            assert ("Slip" in words(page), "<form" in page.text.partition("<h1>")[2]) == (shown, False)
            assert {browser.post(f"/remembered/{known}/forget").status_code for known in ids} == {status}
    with world.store.read() as unit:
        assert [one.id for one in remembered(unit, world.route)] == ids


def test_of_what_goes_on_counting_nobody_sees_people_or_private_incidents_without_the_right(world: World) -> None:
    told_apart(world)
    with world.store.begin() as unit:
        unit.routes.remember(world.route.key, "riverside", partners={"7": "e7"})
    private = next(known for known, row in world.site().items() if row["title"] == "Cut at the table saw")
    world.procore.hand_edit("incident", int(private), private=True)
    world.sync()
    for rule, seen in (("team", (False, False)), ("team sees identity, health", (True, True))):
        with looked_at(world, rule) as (_, browser):
            told = browser.text("/remembered")
            assert ("named as one person" in told, "called different" in told) == seen
            assert "kept, though the other one was deleted" in told


def test_two_that_were_taken_for_one_are_taken_apart(world: World) -> None:
    site = world.on_site("Fall")
    world.sync()
    office = partner(world, site)
    with served(desk_of(world)) as desk, desk.signed_in() as browser:
        assert f'href="/incidents/{site}/apart"' in browser.get(f"/incidents/{office}").text
        page = browser.get(f"/incidents/{site}/apart")
        assert f"Procore Fall {site} 4HSE Fall {office}" in words(page)
        stale = browser.post(f"/incidents/{site}/apart", shown="another")
        assert (stale.status_code, len(world.links())) == (409, 1)
        assert browser.post(f"/incidents/{site}/apart", shown=office).status_code == 303
        assert world.links() == []
        assert browser.get(f"/incidents/{site}/apart").status_code == 404
    world.sync()
    assert (len(world.links()), only(world, "match").item.title) == (0, "Fall")


def test_nobody_takes_apart_who_may_not_or_while_a_cycle_runs(world: World) -> None:
    site = world.on_site("Fall")
    world.sync()
    form = {"shown": partner(world, site)}
    viewer = person((world.route,), viewers=["team"])
    with served(desk_of(world)) as desk:
        with desk.signed_in(viewer) as browser:
            assert "/apart" not in browser.get(f"/incidents/{site}").text
            assert browser.get(f"/incidents/{site}/apart").status_code == 403
            assert browser.post(f"/incidents/{site}/apart", **form).status_code == 403
        with world.store.begin() as unit:
            assert unit.leases.take(world.route.key, Holder("elsewhere", "", 1, ""), ttl=LEASE, grace=GRACE)
        with desk.signed_in() as browser:
            assert "is running" in words(browser.post(f"/incidents/{site}/apart", **form))
    assert len(world.links()) == 1


# Who sees what ---------------------------------------------------------------------------------------------------


@contextmanager
def looked_at(world: World, rule: str) -> Iterator[tuple[Served, Any]]:
    routes = (world.route, another_route(world))
    with served(desk_of(world, *routes)) as desk, desk.signed_in(person(routes, deciders=[rule])) as browser:
        yield desk, browser


def test_a_viewer_of_one_route_sees_nothing_of_another(world: World) -> None:
    site, gone = in_conflict(world), world.on_site("Falling stone")
    world.sync()
    world.procore.hand_delete("incident", int(gone))
    world.sync()
    with looked_at(world, "team on harbour sees identity, health") as (_, browser):
        for path in ("/", "/inbox", "/runs", "/mapping", "/inbox?route=riverside"):
            told = browser.text(path)
            assert ("riverside" in told, "Fall" in told) == (False, False), path
        for path in ("/inbox/1", "/inbox/2", f"/incidents/{site}", f"/incidents/{partner(world, site)}"):
            assert browser.get(path).status_code == 404
        assert "No incident was found" in words(browser.post("/incidents", text="Fall"))
        assert browser.post("/inbox/1/answer", choice="procore").status_code == 404
        assert browser.post("/inbox/1/undo").status_code == 404


def asked_about_people(world: World) -> str:
    """An injury whose days both sides changed: the incident."""
    site = with_an_injury(world)
    ((injury,),) = (row["injuries"] for row in world.site().values())
    ((involved,),) = (row["persons"] for row in world.office().values())
    world.procore.hand_edit("injury", injury["id"], work_days_absent=7)
    world.fourhse.hand_edit("incident-person", involved["office_incident_person_id"], days=9)
    world.sync()
    return site


def test_without_health_nobody_sees_injury_affliction_or_a_question_about_them(world: World) -> None:
    site = asked_about_people(world)
    ((injury,),) = (row["injuries"] for row in world.site().values())
    with looked_at(world, "team on riverside sees identity") as (_, browser):
        pages = {path: browser.get(path) for path in ("/", "/inbox", f"/incidents/{site}", "/runs")}
        pages["search"] = browser.post("/incidents", text="broke")
        for name, page in pages.items():
            assert page.status_code == 200
            told = words(page)
            hidden = (ARM, "Days of absence", "Involved person", "Injury", "injury 12", "Ann", "Lee")
            assert [word for word in hidden if word in told] == [], name
        assert "1 more need rights" in words(pages["/inbox"])
        assert "Some of it needs rights" in words(pages[f"/incidents/{site}"])
        for path in ("/inbox/1", f"/incidents/{injury['id']}"):
            assert browser.get(path).status_code == 404
        assert browser.post("/inbox/1/answer", choice="procore").status_code == 404
    with looked_at(world, "team sees health, identity") as (_, browser):
        assert "Days of absence" in browser.text("/inbox/1")
        assert ARM in browser.text(f"/incidents/{injury['id']}")


def test_without_health_nobody_sees_a_private_incident(world: World) -> None:
    site = in_conflict(world, "Quarrel")
    world.procore.hand_edit("incident", int(site), private=True)
    world.sync()
    assert [entry.item.kind for entry in world.inbox()] != []
    with looked_at(world, "team on riverside sees identity") as (_, browser):
        assert "Quarrel" not in browser.text("/inbox")
        assert browser.get(f"/incidents/{site}").status_code == 404
        assert browser.get(f"/incidents/{partner(world, site)}").status_code == 404
        assert browser.get("/inbox/1").status_code == 404
        found = browser.post("/incidents", text="Quarrel")
        assert ("Quarrel in the office" in found.text, "No incident was found" in found.text) == (False, True)
    with looked_at(world, "team on riverside sees health") as (_, browser):
        assert "Quarrel" in browser.text("/inbox")
        assert "Quarrel" in browser.text(f"/incidents/{site}")
        assert "Quarrel" in browser.text("/inbox/1")
    assert views(world) == [("bruno", "incident", site), ("bruno", "question", "1")]


def test_of_the_records_of_a_question_nobody_sees_more_than_their_classes(world: World) -> None:
    """A title in conflict, which everybody may see, of an incident with somebody who was hurt."""
    site = with_an_injury(world)
    world.procore.hand_edit("incident", int(site), title="Slip")
    world.fourhse.hand_edit("incident", partner(world, site), name="Trip")
    world.sync()
    with looked_at(world, "team sees identity, health") as (_, browser):
        told = browser.text("/inbox/1")
        assert "People Ann Lee (3 days) Ann Lee (3 days)" in told
        assert "Author Robin Marsh" in told
    assert views(world) == [("bruno", "question", "1")], "it shows who was hurt"
    with looked_at(world, "team sees identity") as (_, browser):
        told = browser.text("/inbox/1")
        assert ("Ann" in told, "Author Robin Marsh" in told) == (False, True)
        assert "Some of it needs rights that you do not have." in told
    with looked_at(world, "team") as (_, browser):
        told = browser.text("/inbox/1")
        assert ("Ann" in told, "Marsh" in told, "Status open open" in told) == (False, False, True)
    assert len(views(world)) == 1


def test_what_is_held_of_a_private_incident_shows_to_whoever_may_see_it_alone(world: World) -> None:
    world.with_route(limits=Limits(max_change_percent=1))
    sites = [world.on_site(f"Fall {number}") for number in range(21)]
    world.sync()
    for site in sites[:2]:
        world.procore.hand_edit("incident", int(site), status="closed", private=site == sites[0])
    world.sync()
    number = next(entry.id for entry in world.inbox() if entry.item.kind is ItemKind.GUARD)
    with looked_at(world, "team") as (_, browser):
        told = browser.text(f"/inbox/{number}")
        assert ("Fall 0" in told, "Fall 1" in told) == (False, True)
    with looked_at(world, "team sees health") as (_, browser):
        assert "Fall 0" in browser.text(f"/inbox/{number}")


def views(world: World) -> list[tuple[str, str, str]]:
    with world.store.read() as unit:
        return [(view.who, view.what, view.record_id) for view in unit.desk.views(world.route.key)]


def test_opening_health_data_is_written_down_and_nothing_else_is(world: World) -> None:
    site = asked_about_people(world)
    plain = world.on_site("Cut")
    world.sync()
    with served(desk_of(world)) as desk, desk.signed_in() as browser:
        for path in ("/", "/inbox", f"/incidents/{plain}", "/inbox/99"):
            browser.get(path)
        assert views(world) == []
        browser.get("/inbox/1")
        browser.get(f"/incidents/{partner(world, site)}")
    assert views(world) == [("anna", "question", "1"), ("anna", "incident", site)]


def test_health_data_is_not_shown_where_it_cannot_be_written_down(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = with_an_injury(world)
    with served(desk_of(world)) as desk, desk.signed_in() as browser:
        with monkeypatch.context() as patch:
            patch.setattr("procore_4hse.store.desk.Desk.log_view", _fails)
            page = browser.get(f"/incidents/{site}")
        assert (page.status_code, ARM in page.text) == (500, False)


def _fails(*_: object) -> None:
    raise RuntimeError("no room")


# Texts -----------------------------------------------------------------------------------------------------------


def test_every_text_of_the_catalogue_is_used_and_every_template_can_be_read() -> None:
    folder = Path(__file__).parents[2] / "src" / "procore_4hse"
    made = templates()
    for name in made.list_templates():
        made.get_template(name)
    text = "\n".join(path.read_text(encoding="utf-8") for path in folder.rglob("*") if path.suffix in (".py", ".html"))
    said = set(re.findall(r'say\(\s*f?"([\w.{}\'\[\]-]+)"', text)) | set(re.findall(r'message\("(\w+)"', text))
    known = {key for key in ENGLISH for word in said if key == word or key.startswith(word.partition("{")[0])}
    assert {word for word in said if "{" not in word and not any(key.startswith(word) for key in ENGLISH)} == set()
    assert [key for key in ENGLISH if key not in known and key.rpartition(".")[0] not in said] == []


# Work ------------------------------------------------------------------------------------------------------------

MANY, ASKED = 10_000, 500


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """10,000 linked incidents and 500 open questions, put straight into the store."""
    world = World.build(f"sqlite:///{tmp_path_factory.mktemp('large')}/sync.db")
    with closing(world.store):
        world.sync()
        with world.store.begin() as unit:
            _fill(unit, world.route.key)
        yield world


def _fill(unit: Any, route: str) -> None:
    day = "2026-02-10"
    at = datetime(2026, 2, 10, 8, tzinfo=UTC)
    text = "What happened, in as many words as people write. " * 8
    for side, payload in (
        (Side.PROCORE, {"event_date": f"{day}T08:00:00Z", "description": text, "status": "open", "private": False}),
        (Side.FOURHSE, {"date_incident": day, "description_event": text, "status": "new"}),
    ):
        name = "title" if side is Side.PROCORE else "name"
        ids = [str(n) if side is Side.PROCORE else f"{n:032x}" for n in range(MANY)]
        rows = [
            RawRecord(side, Kind.INCIDENT, known, {**payload, "id": known, name: f"Fall {n}"})
            for n, known in enumerate(ids)
        ]
        unit.staging(route).put(rows, pull=1, minimal=frozenset(), server_at=at)
    links = [
        {"route": route, "kind": "incident", "procore_id": str(n), "fourhse_id": f"{n:032x}", "state": "live",
         "base": {}, "generation": 0, "born_private": False, "removed": False, "since": at}
        for n in range(MANY)
    ]  # fmt: skip
    unit.connection.execute(sa.insert(sa.inspect(_links()).local_table), links)
    unit.inbox(route).keep([_question(n) for n in range(ASKED)], ())


def _links() -> type[Any]:
    from procore_4hse.store.tables import LinkRow

    return LinkRow


def _question(number: int) -> Item:
    record = RecordRef(Side.PROCORE, Kind.INCIDENT, str(number))
    return Item(
        ItemKind.WORD, QuestionKey.word(record, "title"), f"Fall {number}", "An unknown word.", "Add it.",
        procore_id=str(number), fourhse_id=f"{number:032x}", field="title",
    )  # fmt: skip


@contextmanager
def counted(world: World) -> Iterator[list[str]]:
    """Every statement that is run meanwhile."""
    statements: list[str] = []

    def note(*seen: Any) -> None:
        if not seen[2].startswith("BEGIN"):
            statements.append(seen[2])

    engines = (world.store._reading, world.store._writing)
    for engine in engines:
        sa.event.listen(engine, "before_cursor_execute", note)
    yield statements
    for engine in engines:
        sa.event.remove(engine, "before_cursor_execute", note)


PAGES: dict[str, tuple[Callable[[Any], Any], int]] = {
    "today": (lambda browser: browser.get("/"), 12),
    "inbox": (lambda browser: browser.get("/inbox"), 9),
    "question": (lambda browser: browser.get("/inbox/250"), 14),
    "cause": (lambda browser: browser.get("/inbox/250/cause"), 20),
    "incident": (lambda browser: browser.get("/incidents/4711"), 31),
    "search": (lambda browser: browser.post("/incidents", text="Fall 4711"), 7),
    "search for what all hold": (lambda browser: browser.post("/incidents", text="Fall"), 7),
    "remembered": (lambda browser: browser.get("/remembered"), 12),
    "runs": (lambda browser: browser.get("/runs"), 5),
    "mapping": (lambda browser: browser.get("/mapping"), 1),
}
"""Each page, and how many statements it may take."""


@pytest.mark.one_case_in(3)
@pytest.mark.parametrize("rule", ["team sees identity, health", "team"])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_asks_the_store_as_little_whatever_it_holds(large: World, name: str, rule: str) -> None:
    get, most = PAGES[name]
    visitor = person((large.route,), deciders=[rule])
    with served(desk_of(large)) as desk, desk.signed_in(visitor) as browser:
        assert get(browser).status_code == 200
        with counted(large) as statements:
            get(browser)
    assert len(statements) <= most, statements
