"""Stories in plain words: what people do on both sides, what each cycle plans, and how both registers end.

A story is a text file of sentences; README.md in this folder lists them. A sentence that begins with `then` is
checked against what really happened; the others happen. Lines below a sentence and further in belong to it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from scenario_world import FragileStore, ScenarioWorld

from actors import correct_in_office, hire_in_office, hire_on_site, hurt_in_office, hurt_on_site, on_site
from oracle import day_of, one_line, plain, title_and_text
from procore_4hse.engine.report import Report
from procore_4hse.mapping.rules import Direction, OnConflict
from procore_4hse.models import Action, Kind, Side
from procore_4hse.operations.remembered import forget, remembered
from procore_4hse.reconcile.snapshot import Policy
from procore_4hse.route import Route
from procore_4hse.simulator.faults import FaultKind
from procore_4hse.simulator.fourhse_dials import FourHseDials
from procore_4hse.simulator.procore_dials import ProcoreDials
from procore_4hse.store.decisions import Decider
from world import OFFICE, PROJECT, TENANT, default_mapping

SIDES = {"Procore": "procore", "4HSE": "fourhse", "on site": "procore", "in the office": "fourhse"}
CREATE = {"Procore": r"/projects/\d+/incidents$", "4HSE": r"/incident/create$"}
ZONE = "America/Los_Angeles"


@dataclass(frozen=True)
class Sentence:
    number: int
    text: str
    below: tuple[str, ...] = ()


def read(path: Path) -> Iterator[Sentence]:
    """The sentences of a story; blank lines and lines that begin with # are for the reader alone."""
    sentences: list[Sentence] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        if line.startswith(" "):
            sentences[-1] = replace(sentences[-1], below=(*sentences[-1].below, line.strip()))
        else:
            sentences.append(Sentence(number, line.strip()))
    yield from sentences


HEARD: list[tuple[re.Pattern[str], Callable[..., Any]]] = []


def hears(pattern: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The method acts out sentences of this form."""

    def known(method: Callable[..., Any]) -> Callable[..., Any]:
        HEARD.append((re.compile(pattern), method))
        return method

    return known


def short(title: str) -> str:
    """A title as stories name it: what is too long for 4HSE ends in dots."""
    return title if len(title) < 200 else f"{title[:40].rstrip()} ..."


@dataclass
class Story:
    """Acts out one story in a world of its own."""

    store: FragileStore
    scenario: ScenarioWorld = field(init=False)
    titles: dict[tuple[str, str], str] = field(default_factory=dict)
    """(side, title) -> record id, for records that bear it now or bore it once."""
    people: dict[tuple[str, str], str] = field(default_factory=dict)
    """(side, name) -> id in that side's list."""
    report: Report | None = None

    def __post_init__(self) -> None:
        route = Route(
            name="riverside",
            procore_project=str(PROJECT),
            fourhse_project=TENANT,
            fourhse_office=OFFICE,
            mapping=default_mapping(),
            since=date(2015, 1, 1),
        )
        self.scenario = ScenarioWorld.found(self.store, route, ZONE, ProcoreDials(), FourHseDials())

    def act_out(self, sentence: Sentence) -> None:
        for pattern, method in HEARD:
            if match := pattern.fullmatch(sentence.text):
                given = [sentence.below] if sentence.text.endswith(":") else []
                method(self, *match.groups(), *given)
                return
        raise ValueError(f"line {sentence.number}: nobody understands {sentence.text!r}")

    # How the route is set -----------------------------------------------------------------------------------------

    @hears(r"the project is in (\S+)")
    def _zone(self, zone: str) -> None:
        self.scenario.procore.add_project(PROJECT, "Riverside", zone, zone)
        self.scenario.zone = zone

    @hears(r"the policy for deletions is to (ask|propagate|close|ignore)")
    def _policy(self, policy: str) -> None:
        self.scenario.with_route(deletions=Policy(policy))

    @hears(r"the route copies from (Procore|4HSE) only")
    def _one_way(self, side: str) -> None:
        self.scenario.with_route(direction=Direction.TO_FOURHSE if side == "Procore" else Direction.TO_PROCORE)

    @hears(r"the mapping says that (Procore|4HSE) decides about the title")
    def _rule(self, side: str) -> None:
        rule = OnConflict.PROCORE if side == "Procore" else OnConflict.FOURHSE
        mapping = self.scenario.route.mapping
        title = replace(mapping.fields[0], on_conflict=rule)
        self.scenario.with_route(mapping=replace(mapping, fields=(title, *mapping.fields[1:])))

    # Reports ------------------------------------------------------------------------------------------------------

    @hears(r'on site, "(.+)" happened on (\S+)(?: at (\d+))?')
    def _on_site(self, title: str, day: str, hour: str | None) -> None:
        self.scenario.on_site(title, date.fromisoformat(day), int(hour) if hour else None)

    @hears(r'on site, "(.+)" and a title too long for 4HSE happened on (\S+)')
    def _long(self, title: str, day: str) -> None:
        self.scenario.on_site(title + ", and so on" * 30, date.fromisoformat(day), description="A rail was missing.")

    @hears(r'in the office, "(.+)" happened on (\S+)(?: as (\S+))?')
    def _in_office(self, title: str, day: str, word: str | None) -> None:
        self.scenario.in_office(title, date.fromisoformat(day), category=word or "NON_COMPLIANCE")

    @hears(r'both know of "(.+)" on (\S+)')
    def _both(self, title: str, day: str) -> None:
        text = f"Both wrote the same about {title}."
        self.scenario.on_site(title, date.fromisoformat(day), description=text)
        self.scenario.in_office(title, date.fromisoformat(day), description_event=text)

    # Edits --------------------------------------------------------------------------------------------------------

    @hears(r'on site, the (title|description|day) of "(.+)" becomes "(.*)"')
    def _edit_site(self, name: str, title: str, value: str) -> None:
        if name == "day":
            local = datetime.fromisoformat(value).replace(tzinfo=ZoneInfo(self.scenario.zone))
            self._site(title, event_date=local.astimezone(UTC))
        else:
            self._site(title, **{name: value})

    @hears(r'in the office, the (title|description|day|category) of "(.+)" becomes "(.*)"')
    def _edit_office(self, name: str, title: str, value: str) -> None:
        words = {"title": "name", "description": "description_event", "day": "date_incident"}
        self._office(title, **{words.get(name, name): value})

    @hears(r'on site, "(.+)" is (closed|opened)')
    def _status_site(self, title: str, word: str) -> None:
        self._site(title, status="closed" if word == "closed" else "open")

    @hears(r'in the office, "(.+)" is (closed|opened)')
    def _status_office(self, title: str, word: str) -> None:
        day = self.scenario.clock().date().isoformat() if word == "closed" else None
        self._office(title, status="closed" if word == "closed" else "open", date_closed=day)

    @hears(r'on site, "(.+)" is made (private|public)')
    def _private(self, title: str, word: str) -> None:
        self._site(title, private=word == "private")

    @hears(r'on site, (somebody|nobody) is hurt in "(.+)"')
    def _hurt(self, who: str, title: str) -> None:
        one = self._id("procore", title)
        if who == "somebody":
            self.scenario.procore.hand_create("injury", PROJECT, incident_id=int(one))
        for injury in self.scenario.site()[one]["injuries"] if who == "nobody" else ():
            self.scenario.procore.hand_delete("injury", injury["id"])

    @hears(r'(on site|in the office), "(.+)" is deleted')
    def _delete(self, where: str, title: str) -> None:
        one = self._id(SIDES[where], title)
        if where == "on site":
            self.scenario.procore.hand_delete("incident", int(one))
        else:
            self.scenario.fourhse.hand_delete("incident", one)

    @hears(r'on site, "(.+)" is put back')
    def _put_back(self, title: str) -> None:
        self.scenario.procore.hand_restore("incident", int(self._id("procore", title)))

    def _site(self, title: str, /, **fields: Any) -> None:
        self.scenario.procore.hand_edit("incident", int(self._id("procore", title)), **fields)

    def _office(self, title: str, /, **fields: Any) -> None:
        self.scenario.fourhse.hand_edit("incident", self._id("fourhse", title), **fields)

    # Who is who ---------------------------------------------------------------------------------------------------

    @hears(r'(on site|in the office), "(.+)" works(?: as (\S+))?')
    def _works(self, where: str, name: str, number: str | None) -> None:
        hired = hire_on_site if where == "on site" else hire_in_office
        self.people[SIDES[where], name] = str(hired(self.scenario, name, number))

    @hears(r'in the office, the number of "(.+)" becomes (\S+)')
    def _number(self, name: str, number: str) -> None:
        correct_in_office(self.scenario, self.people["fourhse", name], code=number)

    @hears(r'on site, "(.+)" is hurt in "(.+)" for (\d+) days')
    def _is_hurt(self, name: str, title: str, days: str) -> None:
        party = int(self.people["procore", name])
        hurt_on_site(self.scenario, self._id("procore", title), party, days=int(days))

    @hears(r'on site, "(.+)" is endangered in "(.+)"')
    def _is_endangered(self, name: str, title: str) -> None:
        hurt_on_site(self.scenario, self._id("procore", title), int(self.people["procore", name]), kind="near_miss")

    @hears(r'in the office, "(.+)" is away from work for (\d+) days')
    def _is_away(self, name: str, days: str) -> None:
        (record,) = (
            one["office_incident_person_id"]
            for row in self.scenario.office().values()
            for one in row["persons"]
            if one["person_office_id"] == self.people["fourhse", name]
        )
        self.scenario.fourhse.hand_edit("incident-person", record, days=int(days))

    @hears(r'a person says that "(.+)" was (hurt|not hurt)')
    def _was_hurt(self, name: str, word: str) -> None:
        (entry,) = (e for e in self.scenario.inbox() if e.item.field == "kind" and name in e.item.reason)
        self.scenario.answer(entry.id, "approve", use="injury" if word == "hurt" else "leave")

    @hears(r'in the office, "(.+)" is hurt in "(.+)" for (\d+) days')
    def _is_hurt_in_the_office(self, name: str, title: str, days: str) -> None:
        hurt_in_office(self.scenario, self._id("fourhse", title), self.people["fourhse", name], days=int(days))

    @hears(r'a person says that "(.+)" on site is "(.+)" in the office')
    def _is_the_same(self, name: str, other: str) -> None:
        self.scenario.answer(self._about(name).id, "approve", with_id=self.people["fourhse", other])

    @hears(r'a person says that (Procore|4HSE) is right about "(.+)"')
    def _is_right(self, side: str, name: str) -> None:
        self.scenario.answer(self._about(name).id, "resolve", use=SIDES[side])

    @hears(r'a person never copies the records of "(.+)"')
    def _never_copies(self, name: str) -> None:
        self.scenario.answer(self._about(name).id, "reject")

    @hears(r'what is remembered of "(.+)" is forgotten')
    def _forget(self, name: str) -> None:
        route, store = self.scenario.route, self.scenario.store
        with store.read() as unit:
            (one,) = (one for one in remembered(unit, route) if one.procore_id == self.people["procore", name])
        forget(store, self.scenario.runtime.holder, (route,), one.id, Decider("anna", "cli"))

    @hears(r"then 4HSE names:")
    def _names(self, below: tuple[str, ...]) -> None:
        names = {assignment: name for (side, name), assignment in self.people.items() if side == "fourhse"}
        rows = self.scenario.office().values()
        told = [f'{names[one["person_office_id"]]} in "{row["name"]}", {one["days"]} days'
                for row in rows for one in row["persons"]]  # fmt: skip
        assert sorted(below) == sorted(told)

    @hears(r"then Procore names:")
    def _procore_names(self, below: tuple[str, ...]) -> None:
        names = {party: name for (side, name), party in self.people.items() if side == "procore"}
        told = [f"{names[str(party)]}, {kind.replace('_', ' ')}, {days or 0} days"
                for kind, party, days in on_site(self.scenario)]  # fmt: skip
        assert sorted(below) == sorted(told)

    @hears(r"then 4HSE names nobody")
    def _names_nobody(self) -> None:
        assert [one for row in self.scenario.office().values() for one in row["persons"]] == []

    def _about(self, name: str) -> Any:
        """The question who somebody is."""
        (entry,) = (e for e in self.scenario.inbox() if e.item.who and name in e.item.reason)
        return entry

    # Trouble ------------------------------------------------------------------------------------------------------

    @hears(r"our account (loses every right|has every right again) in 4HSE")
    def _rights(self, word: str) -> None:
        (self.scenario.fourhse.revoke if word.startswith("loses") else self.scenario.fourhse.grant)(OFFICE)

    @hears(r"our account (may not|may again) see Procore's injuries")
    def _injuries(self, word: str) -> None:
        if word == "may not":
            self.scenario.procore.forbid("injuries")
        else:
            self.scenario.procore.permit_all()

    @hears(r"the answer to our next create in (Procore|4HSE) is lost")
    def _lost(self, side: str) -> None:
        self.scenario.faults.add(FaultKind.LOST_ANSWER, method="POST", path=CREATE[side])

    @hears(r"our next create in (Procore|4HSE) never arrives")
    def _never(self, side: str) -> None:
        self.scenario.faults.add(FaultKind.REFUSED_CONNECTION, method="POST", path=CREATE[side])

    @hears(r"(Procore|4HSE) is down")
    def _down(self, side: str) -> None:
        path = "^/rest" if side == "Procore" else "^/v2"
        self.scenario.faults.add(FaultKind.ERROR_BEFORE, path=path, times=None)

    @hears(r"everything works again")
    def _up(self) -> None:
        self.scenario.faults.clear()

    @hears(r"(\d+) minutes pass")
    def _wait(self, minutes: str) -> None:
        self.scenario.clock.advance(minutes=int(minutes))

    @hears(r"the next cycle dies right (before|after) its (first|second) (write|commit)")
    def _die(self, when: str, number: str, what: str) -> None:
        self.scenario.gate.arm(f"{when} {what}", ("first", "second").index(number))

    # Answers ------------------------------------------------------------------------------------------------------

    @hears(r'a person (approves|rejects|restores) the (\w+) of "(.+)"')
    def _answer(self, verb: str, kind: str, title: str) -> None:
        entry = self._item(kind, title)
        word = "approve" if verb == "approves" else "reject"
        self.scenario.answer(entry.id, word, restore=verb == "restores")

    @hears(r'a person chooses (Procore|4HSE) for the (\w+) of "(.+)"')
    def _choose(self, side: str, name: str, title: str) -> None:
        entry = next(e for e in self.scenario.inbox() if e.item.field == name and short(e.item.title) == title)
        self.scenario.answer(entry.id, "resolve", use=SIDES[side])

    @hears(r'a person says that both "(.+)" are (the same|different)')
    def _match(self, title: str, word: str) -> None:
        entry = self._item("match", title)
        one = entry.item.facts["candidates"][0]
        answer = {"verb": "approve", "with_id": one} if word == "the same" else {"verb": "reject"}
        self.scenario.answer(entry.id, **answer)

    @hears(r"a person approves the guard")
    def _guard(self) -> None:
        self.scenario.answer(next(e for e in self.scenario.inbox() if e.item.kind == "guard").id, "approve")

    # Cycles and what they show ------------------------------------------------------------------------------------

    @hears(r"a cycle runs( and the first meeting is approved)?")
    def _cycle(self, first: str | None) -> None:
        self.report = self.scenario.cycle(first=bool(first))

    @hears(r"then it plans:")
    def _plans(self, below: tuple[str, ...]) -> None:
        assert sorted(below) == sorted(self.planned())

    @hears(r"then nothing is planned")
    def _plans_nothing(self) -> None:
        assert self.planned() == []

    @hears(r"then the inbox asks:")
    def _asks(self, below: tuple[str, ...]) -> None:
        assert sorted(below) == sorted(self.asked())

    @hears(r"then the inbox is empty")
    def _asks_nothing(self) -> None:
        assert self.asked() == []

    @hears(r"then (Procore|4HSE) shows:")
    def _shows(self, side: str, below: tuple[str, ...]) -> None:
        assert sorted(below) == sorted(self.shown(side))

    @hears(r"then (Procore|4HSE) shows nothing")
    def _shows_nothing(self, side: str) -> None:
        assert self.shown(side) == []

    @hears(r"then the cycle ends (ok|partial|failed|stopped)")
    def _ends(self, outcome: str) -> None:
        assert self.report is not None
        assert self.report.outcome == outcome, self.report.reason

    @hears(r"then the process is dead")
    def _dead(self) -> None:
        assert self.report is None

    @hears(r"then everything is counted")
    def _counted(self) -> None:
        assert self.report is not None
        held = {"procore": len(self.scenario.site()), "fourhse": len(self.scenario.office())}
        assert {side: sum(self.report.population[side].values()) for side in held} == held

    def planned(self) -> list[str]:
        actions = self.scenario.plans[0].actions if self.scenario.plans else ()
        return [self._told(action) for action in actions if action.kind is Kind.INCIDENT]

    def _told(self, action: Action) -> str:
        title = self._title_of(action.side, action.target_id) or self._title_of(action.side.other, action.source_id)
        return f'{action.act.value} in {action.side.label} "{title}": {action.reason}'

    def asked(self) -> list[str]:
        return [f'{e.item.kind} "{short(e.item.title)}": {e.item.reason}' for e in self.scenario.inbox()]

    def shown(self, side: str) -> list[str]:
        if side == "Procore":
            return [self._site_line(row) for row in self.scenario.site().values()]
        return [self._office_line(row) for row in self.scenario.office().values()]

    def _site_line(self, row: dict[str, Any]) -> str:
        hurt = ", somebody hurt" if row["injuries"] else ""
        text = plain(row["description"]).replace("\n", " | ")
        return f'"{short(one_line(row["title"]))}" on {day_of(row, self.scenario.zone)}, {row["status"]}{hurt}: {text}'

    def _office_line(self, row: dict[str, Any]) -> str:
        title, text = title_and_text(row)
        line = text.replace("\n", " | ")
        return f'"{short(title)}" on {row["date_incident"]}, {row["status"]}, {row["category"]}: {line}'

    # Who is meant -------------------------------------------------------------------------------------------------

    def _id(self, side: str, title: str) -> str:
        """The record that bears this title, or bore it when a story last named it."""
        rows = self.scenario.site() if side == "procore" else self.scenario.office()
        key = "title" if side == "procore" else "name"
        matching = [one for one, row in rows.items() if short(row[key]) == title]
        assert len(matching) <= 1, f"two records of {side} bear the title {title!r}"
        if matching:
            self.titles[side, title] = matching[0]
        return self.titles[side, title]

    def _title_of(self, side: Side, record_id: str | None) -> str:
        rows = self.scenario.site() if side is Side.PROCORE else self.scenario.office()
        row = rows.get(record_id or "")
        name = next((title for (_, title), one in self.titles.items() if one == record_id), "")
        return short(row["title"] if side is Side.PROCORE else row["name"]) if row else name

    def _item(self, kind: str, title: str) -> Any:
        entries = [e for e in self.scenario.inbox() if e.item.kind == kind and short(e.item.title) == title]
        assert entries, f"no {kind} of {title!r} waits, only {self.asked()}"
        return entries[0]
