"""A store of version 0.1 goes on under this version: no step of an operator, nothing doubled, no flood of questions.

When it was left, questions of most kinds waited for a person, some had an answer that no cycle had carried out, the
answer to a create was lost on either side, and people had gone on editing both systems (see `former_store.py`).

That version did not keep what was shown of a deletion, of two incidents that may be one, and of somebody without a
partner: the answers to those three are asked for once more. All others hold.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from shutil import copytree

import pytest

import former_store
from actors import NOTHING, in_office, on_site, wrote
from judge import twins
from oracle import differences
from procore_4hse.engine.cycle import Options, run_cycle
from procore_4hse.engine.report import Report
from procore_4hse.mapping.loader import load
from procore_4hse.models import Kind, LinkState, RecordRef, Side
from procore_4hse.reconcile.snapshot import Limits
from procore_4hse.route import Route
from procore_4hse.simulator.faults import FaultKind
from world import World

pytestmark = pytest.mark.one_test_on_postgresql_in(3)

HILLSIDE = 1363618
HILLSIDE_OFFICE = "9c1d9f6a-4e52-4d0b-8a77-2f4f6f1f7b33"
WITH_WORD, WITHOUT_PIECE, INVOLVED = "8589934855", "8589934853", "5a921187-19c7-4df4-8f4f-f31e78de5857"
"""Two injuries in Procore and an involved person in 4HSE, each with a value that nobody knows on the other side."""
NOBODY = "8589934874"
"""An injury in Procore of somebody who has no partner, which waits for an answer."""
RENAMED = {
    f"word:procore:{WITH_WORD}:person_affliction_type": f"word:procore:injury-{WITH_WORD}:person_affliction_type",
    f"word:procore:injury-{WITHOUT_PIECE}:equipment": f"word:procore:equipment-injury-{WITHOUT_PIECE}:equipment",
    f"word:fourhse:{INVOLVED}:person_affliction_type": f"word:fourhse:person-{INVOLVED}:person_affliction_type",
    "match:procore:injury-8589934872": "match:procore:directory-8589934826",
    f"match:procore:injury-{NOBODY}": "match:procore:directory-8589934830",
}
"""Migration 0003 names the kind of a record that is no incident, 0005 the person whom a record names."""
ANSWERED = {
    "difference:8589934845:title",
    "deletion:8589934847:procore",
    "match:procore:8589934876",
    "match:procore:directory-8589934826",
    "guard:creates:fourhse",
}
"""A conflict, a deletion, two incidents that are one, a person's partner, and creates beyond a limit."""
ASKED_AGAIN = {"deletion:8589934847:procore", "match:procore:8589934876", "match:procore:directory-8589934826"}
"""Those whose answer does not tell what was shown."""
STAYS_ANSWERED = "match:procore:injury-8589934861"
"""Somebody who is never copied: that answer was given about this record, and holds for as long as it is there."""
KEPT_ALONE, PRIVATE = "8589934848", "8589934858"
"""Two incidents that stay in Procore: one whose deletion in 4HSE was rejected, and a private one."""
DAYS_OF_THE_UNKNOWN = (4, 7)
"""The days of absence of the two people who are never copied."""
Question = tuple[int, str, str]
"""Its number, its key, and since when it waits."""


@dataclass
class FormerStore:
    """Both routes of the store that was left, and the systems that they keep the same."""

    world: World
    hillside: Route

    @property
    def routes(self) -> tuple[Route, Route]:
        return self.world.route, self.hillside

    def sync(self) -> tuple[Report, Report]:
        first, second = (run_cycle(self.world.runtime, route, Options()) for route in self.routes)
        self.world.clock.advance(minutes=5)
        return first, second

    def questions(self, state: str = "open") -> set[Question]:
        with self.world.store.read() as unit:
            entries = [entry for one in self.routes for entry in unit.inbox(one.key).entries(states=(state,))]
        return {(entry.id, str(entry.item.key), entry.since.isoformat()) for entry in entries}

    def number(self, key: str) -> int:
        return next(number for number, known, _ in self.questions() if known == key)

    def differences(self) -> list[str]:
        systems = self.world.site().values(), self.world.office().values()
        return differences(*systems, self._pairs(self.world.route), self.world.zone)

    def hill_differences(self) -> list[str]:
        systems = self.world.procore.dump(HILLSIDE), self.world.fourhse.dump(HILLSIDE_OFFICE)
        return differences(*systems, self._pairs(self.hillside), self.world.zone)

    def _pairs(self, route: Route) -> list[tuple[str, str]]:
        with self.world.store.read() as unit:
            links = list(unit.links(route.key).all())
        alive = [link for link in links if link.kind is Kind.INCIDENT and link.state is LinkState.LIVE]
        return [(link.procore_id, link.fourhse_id) for link in alive]


@pytest.fixture
def former(build: Callable[..., World], store_url: str, tmp_path: Path) -> FormerStore:
    world = build(mapping=load(former_store.MAPPING))
    former_store.let_happen(world)
    former_store.restore(store_url)
    world.faults.add(
        FaultKind.ERROR_BEFORE, method="PUT", path="/incident/update", times=None, status=422,
        where=lambda request: b"cursed" in request.body,
    )  # fmt: skip
    plain = copytree(former_store.MAPPING, tmp_path / "plain")
    (plain / "equipment.yaml").unlink()
    hillside = replace(
        world.route, name="hillside", procore_project=str(HILLSIDE), fourhse_office=HILLSIDE_OFFICE,
        mapping=load(plain), limits=Limits(max_creates=3),
    )  # fmt: skip
    return FormerStore(world, hillside)


def when_left(state: str) -> set[Question]:
    """The questions in this state when the store was left, under the keys that they have now."""
    rows = [row for row in former_store.read("store.json")["inbox"] if row["state"] == state]
    return {(row["id"], RENAMED.get(row["key"], row["key"]), row["since"]) for row in rows}


def waiting() -> set[Question]:
    """What waits for an answer after the first cycle."""
    return when_left("open") | {each for each in when_left("answered") if each[1] in ASKED_AGAIN}


def answer_again(former: FormerStore) -> None:
    """Each of them is answered once more as it was before."""
    answers = {
        row["id"]: row["answer"] for row in former_store.read("store.json")["inbox"] if row["state"] == "answered"
    }
    for key in ASKED_AGAIN:
        number = former.number(key)
        told = {name: value for name, value in answers[number].items() if name not in ("verb", "seen")}
        former.world.answer(number, answers[number]["verb"], **told)


def counts(report: Report) -> dict[str, Counter[str]]:
    return {side: +Counter(written) for side, written in report.written.items()}


def test_every_question_keeps_its_number_key_and_age(former: FormerStore) -> None:
    former.world.store.upgrade()
    assert (former.questions("open"), former.questions("answered")) == (when_left("open"), when_left("answered"))
    assert {key for _, key, _ in when_left("answered")} == {*ANSWERED, STAYS_ANSWERED}
    topics = Counter(key.partition(":")[0] for _, key, _ in when_left("open"))
    assert topics == {"match": 3, "word": 4, "deletion": 1, "difference": 1, "refused": 1}


def test_a_question_is_named_after_its_own_record_whatever_else_bears_its_id(
    former: FormerStore, store_url: str
) -> None:
    former_store.stage_again(store_url, WITH_WORD, kinds=("incident", "picker", "directory"))
    former.world.store.upgrade()
    assert former.questions() == when_left("open")


def test_ids_that_4hse_wrote_in_capitals_are_the_same_ids(former: FormerStore, store_url: str) -> None:
    former_store.write_in_capitals(store_url, INVOLVED)
    former.world.store.upgrade()
    assert former.questions() == when_left("open")
    with former.world.store.read() as unit:
        known = unit.links(former.world.route.key).find(RecordRef(Side.FOURHSE, Kind.PERSON, INVOLVED))
        staged = unit.staging(former.world.route.key).find(RecordRef(Side.FOURHSE, Kind.PERSON, INVOLVED))
    assert known is not None
    assert (known.fourhse_id, staged is not None and staged.present) == (INVOLVED, True)


def test_of_two_questions_about_one_person_the_first_goes_on(former: FormerStore, store_url: str) -> None:
    former_store.ask_again(store_url, NOBODY, "near_miss")
    former.world.store.upgrade()
    added = former.questions() - when_left("open")
    assert [key for _, key, _ in added] == [f"match:procore:near_miss-{NOBODY}"]
    former.sync()
    assert former.questions() == waiting()


def test_a_question_is_named_after_the_person_whose_login_a_record_names(former: FormerStore, store_url: str) -> None:
    former_store.name_by_user(store_url, NOBODY, 4711)
    former.world.store.upgrade()
    assert former.questions() == when_left("open")


def test_the_next_cycle_carries_out_what_was_answered_and_asks_nothing_new(former: FormerStore) -> None:
    former.world.store.upgrade()
    riverside, hillside = former.sync()
    assert [(one.outcome, one.reason) for one in (riverside, hillside)] == [("ok", None), ("ok", None)]
    # In Procore the conflict's title and the one that was edited in 4HSE. In 4HSE the title that was edited in Procore,
    # the days of a person whose base is redacted, and the injury of the incident whose create had lost its answer.
    assert counts(riverside) == {"procore": {"updated": 2}, "fourhse": {"created": 1, "updated": 2}}
    # What the guard had held; the create in Procore that had lost its answer is found and not made again.
    assert counts(hillside) == {"procore": {}, "fourhse": {"created": 4}}
    assert former.questions("open") == waiting()
    former.sync()  # Sees that what the guard had held is done.
    assert {key for _, key, _ in former.questions("answered")} == {STAYS_ANSWERED}
    with former.world.store.read() as unit:
        assert [intent for route in former.routes for intent in unit.journal(route.key).open()] == []


def test_an_answer_that_does_not_tell_what_was_shown_is_asked_for_once_more_and_then_carried_out(
    former: FormerStore,
) -> None:
    former.world.store.upgrade()
    former.sync()
    with former.world.store.read() as unit:
        reasons = [unit.inbox(former.world.route.key).find(former.number(key)).item.reason for key in ASKED_AGAIN]
    assert all(reason.endswith("does not tell what was shown then.") for reason in reasons)
    answer_again(former)
    riverside, _ = former.sync()
    # The survivor of the deletion, and the person with the partner now.
    assert counts(riverside)["fourhse"] == {"created": 1, "deleted": 1}
    assert former.questions("open") == when_left("open")
    assert {key for _, key, _ in former.questions("answered")} == {STAYS_ANSWERED}


def test_then_it_is_quiet_and_the_refused_call_is_tried_again_after_its_pause(former: FormerStore) -> None:
    former.world.store.upgrade()
    former.sync()
    outcomes = set()
    for _ in range(5):
        for report in former.sync():
            assert wrote(report) == NOTHING
            outcomes.add(report.outcome)
        assert former.questions() == waiting()
    assert outcomes == {"ok", "partial"}
    former.world.faults.clear()
    former.world.clock.advance(hours=2)
    assert counts(former.sync()[0])["fourhse"] == {"updated": 1}
    assert former.questions() == {each for each in waiting() if not each[1].startswith("refused:")}


def test_once_everything_is_answered_both_registers_agree_and_nothing_is_doubled(former: FormerStore) -> None:
    world = former.world
    world.store.upgrade()
    former.sync()
    world.faults.clear()
    _answer_all(former)
    for _ in range(3):
        former.sync()
    assert former.questions() == set()
    assert [wrote(report) for report in former.sync()] == [NOTHING, NOTHING]
    assert former.differences() == [f"{KEPT_ALONE}: only in Procore", f"{PRIVATE}: only in Procore"]
    assert (former.hill_differences(), twins(world)) == ([], [])
    days_on_site = [days or 0 for _, _, days in on_site(world)]
    days_in_office = [days or 0 for _, days in in_office(world)]
    assert sorted(days_on_site) == sorted([*days_in_office, *DAYS_OF_THE_UNKNOWN])
    assert (world.procore.refused, world.fourhse.refused) == ([], [])


def _answer_all(former: FormerStore) -> None:
    """A person answers what still waits, or corrects the word that nobody knows."""
    world = former.world
    answer_again(former)
    fracture = world.procore.words("affliction_types")["Fracture"]
    world.procore.hand_edit("injury", int(WITH_WORD), affliction_type_id=fracture)
    world.procore.hand_edit("injury", int(WITHOUT_PIECE), managed_equipment_id=None)
    world.fourhse.hand_edit("incident-person", INVOLVED, description=None)
    [drill] = [one for one, row in world.office().items() if row["category"] == "FIRE_DRILL"]
    world.fourhse.hand_edit("incident", drill, category="NON_COMPLIANCE")
    split = former.number("match:procore:8589934850")
    with world.store.read() as unit:
        [candidate] = unit.inbox(world.route.key).find(split).item.facts["candidates"]
    world.answer(split, "approve", with_id=candidate)
    world.answer(former.number("match:procore:8589934875"), "reject")
    world.answer(former.number("match:procore:directory-8589934830"), "reject")
    world.answer(former.number("difference:8589934846:title"), "resolve", use="procore")
    world.answer(former.number("deletion:8589934868:fourhse"), "approve")


def test_how_a_route_stood_is_known_right_after_the_upgrade(former: FormerStore) -> None:
    """Its last cycle, and what its last success counted and proved."""
    former.world.store.upgrade()
    with former.world.store.read() as unit:
        cycles = unit.cycles.recent(former.world.route.key, 100)
        stand = unit.standings.of([former.world.route.key])[former.world.route.key]
    last = next(cycle for cycle in cycles if cycle.ended_at)
    success = next((cycle for cycle in cycles if cycle.outcome == "ok"), None)
    assert (stand.ended_at, stand.outcome, stand.reason) == (last.ended_at, last.outcome, last.reason)
    assert stand.succeeded_at == stand.agreed_at == (success.ended_at if success else None)
    assert stand.population == (success.report["population"] if success else {})
