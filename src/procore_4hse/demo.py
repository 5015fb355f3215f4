"""A two-way sync from beginning to end, on two simulated systems and real incidents, which checks itself."""

from __future__ import annotations

import csv
import html
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from importlib.resources import files
from io import StringIO
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from procore_4hse.bootstrap import open_runtime, routes_of
from procore_4hse.engine.cycle import Options, run_cycle
from procore_4hse.engine.report import Report
from procore_4hse.errors import SyncError
from procore_4hse.models import Action, Item, ItemKind, Kind, Link, LinkState
from procore_4hse.route import Route
from procore_4hse.runtime import Runtime
from procore_4hse.settings.loader import load
from procore_4hse.settings.model import Settings
from procore_4hse.simulator.fourhse import SimulatedFourHse
from procore_4hse.simulator.procore import SimulatedProcore
from procore_4hse.simulator.wire import LoopbackServer
from procore_4hse.store.inbox import Entry

COMPANY, PROJECT, ZONE = 26972, 1363617, "America/Chicago"
TENANT, OFFICE = "0d0c2d0e-6b2f-4a51-9f3f-0c8a3f2f2c11", "5b7f5a5e-1d39-4a7c-8f43-7b1d6f3a9e02"
INCIDENTS = 300
BADGE, DAYS_OFF = "1042", 3
"""A worker whom both systems know, and how long the new injury keeps them away."""
HURT = "Affliction: Concussion\nBody parts: Head"
"""What Procore says of that injury in its own words, as it stands in 4HSE."""
DOUBTFUL = (20, 45)
"""Places, in the list of incidents, of those that the two registers tell differently."""
LONGEST_TITLE = 62
SYSTEMS = """
[procore]
api_url = "{procore}"
login_url = "{procore}"
company_id = {company}
client_id = "procore-client"
client_secret = "procore-secret"

[fourhse]
api_url = "{fourhse}"
token_url = "{fourhse}/realms/4hse/protocol/openid-connect/token"
client_id = "4hse-client"
username = "sync@example.com"
password = "4hse-password"

[store]
url = "{store}"
"""
"""The simulated systems at their addresses, with the credentials that they accept."""
ROUTE = """
[[routes]]
name = "riverside"
procore_project = {project}
fourhse_project = "{tenant}"
fourhse_office = "{office}"
mapping = "{mapping}"
since = "2015-01-01"
"""


class NotHeld(SyncError):
    """Something that the demo promises did not come true."""

    exit_code = 4


def held(fact: bool, sentence: str) -> str:
    """The sentence, once its fact is true; NotHeld otherwise."""
    if not fact:
        raise NotHeld(f'This did not hold: "{sentence}" Please report it with the output above.')
    return sentence


# The incidents ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Happening:
    """A real incident, from the public register that data/README.md describes."""

    title: str
    day: date
    text: str
    in_hospital: bool


def happenings() -> list[Happening]:
    """Incidents with a short title that no other one of the same days bears, by day."""
    text = files("procore_4hse").joinpath("simulator/data/osha_incidents.csv").read_text(encoding="utf-8")
    every = [_happening(row) for row in csv.DictReader(StringIO(text, newline=""))]
    distinct: list[Happening] = []
    latest: dict[str, date] = {}
    for each in sorted(every, key=lambda each: each.day):
        # Matching asks about equal titles within days of each other; the demo shows two doubts, and no more.
        alone = each.day - latest.get(each.title, date.min) > timedelta(days=4)
        if alone and len(each.title) <= LONGEST_TITLE and not each.title.startswith("Nonclassifiable"):
            latest[each.title] = each.day
            distinct.append(each)
    return distinct


def _happening(row: dict[str, str]) -> Happening:
    event, part = _short(row["event_title"]), _short(row["part_of_body_title"]).lower()
    title = event if part in ("nonclassifiable", "body systems") else f"{event}: {part}"
    return Happening(title, date.fromisoformat(row["event_date"]), row["narrative"], row["hospitalized"] != "0")


def _short(words: str) -> str:
    return re.sub(r"(, (n\.e\.c\.|unspecified)|-unintentional)+$", "", words)


# The stage -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Deed:
    """What a person did by hand to the incident of this title, in words."""

    where: str
    what: str
    title: str
    change: str


@dataclass(frozen=True)
class Scene:
    """One cycle: what it reports, and the promises that were checked after it."""

    report: Report
    held: tuple[str, ...]
    items: tuple[Entry, ...]
    written: tuple[Action, ...] = ()
    """What the journal says was done."""


@dataclass
class Stage:
    """Both simulated systems with their incidents, and the route between them. `clock` is everyone's."""

    procore: SimulatedProcore
    fourhse: SimulatedFourHse
    runtime: Runtime
    route: Route
    clock: Callable[[], datetime]
    settings: Settings
    spare: list[Happening] = field(default_factory=list)

    # What is on both sides ----------------------------------------------------------------------------------------

    def sites(self) -> dict[str, dict[str, Any]]:
        return {str(row["id"]): row for row in self.procore.dump(PROJECT)}

    def offices(self) -> dict[str, dict[str, Any]]:
        return {row["office_incident_id"]: row for row in self.fourhse.dump(OFFICE)}

    def links(self) -> list[Link]:
        """Which incident is which."""
        with self.runtime.store.read() as unit:
            return [link for link in unit.links(self.route.key).all() if link.kind is Kind.INCIDENT]

    def inbox(self) -> tuple[Entry, ...]:
        with self.runtime.store.read() as unit:
            return tuple(unit.inbox(self.route.key).entries())

    def differences(self) -> list[str]:
        """Linked incidents that the two registers tell differently, found without the engine."""
        sites, offices = self.sites(), self.offices()
        living = [link for link in self.links() if link.state is LinkState.LIVE]
        pairs = [(sites[link.procore_id], offices[link.fourhse_id]) for link in living]
        return [site["title"] for site, office in pairs if site_tells(site) != office_tells(office)]

    # The story ----------------------------------------------------------------------------------------------------

    def meet(self) -> Scene:
        """A first cycle, which finds two full registers and asks before it writes."""
        before = self._writes()
        report, items = self._cycle()
        guards = [entry for entry in items if entry.item.kind is ItemKind.GUARD]
        return Scene(
            report,
            (
                held(report.outcome == "stopped" and len(guards) == 1, "It stopped and asks a person."),
                held(self._writes() == before, "Neither system was written to."),
            ),
            items,
        )

    def approve(self, item_id: int) -> None:
        """What `procore-4hse inbox approve` does."""
        with self.runtime.store.begin() as unit:
            unit.inbox(self.route.key).answer(item_id, {"verb": "approve"})

    def join(self, progress: Callable[[Action, int], None] | None = None) -> Scene:
        """The first sync: pairs are linked, everything else that may cross is created on the other side."""
        report, items = self._cycle(progress)
        shared, doubts = len(self.links()), [e for e in items if e.item.kind is ItemKind.MATCH]
        return Scene(
            report,
            (
                held(report.outcome == "ok", "Everything that could cross has crossed."),
                held(not self.differences(), f"Both registers tell the same about all {shared} incidents they share."),
                held(len(doubts) == len(DOUBTFUL), f"{len(doubts)} doubtful pairs were left for a person to judge."),
                self._none_refused(),
            ),
            items,
        )

    def catch_up(self) -> Scene:
        """The second sync, after people worked on both sides."""
        report, items = self._cycle()
        conflicts = [entry.item for entry in items if entry.item.kind is ItemKind.CONFLICT]
        gone = [entry.item for entry in items if entry.item.kind is ItemKind.DELETION]
        return Scene(
            report,
            (
                held(report.outcome == "ok" and self._crossed(report) == 8, "Each of the seven changes crossed once."),
                held(
                    self._hurt() == [(DAYS_OFF, HURT)],
                    "The injured worker crossed with the new incident: days, affliction and body part.",
                ),
                held(self._is_kept(conflicts), "The conflict overwrote nothing: each side still has its own words."),
                held(
                    len(gone) == 1 and gone[0].fourhse_id in self.offices(),
                    "The deletion deleted nothing else: it waits for a person.",
                ),
                held(
                    self.differences() == [item.title for item in conflicts],
                    "Apart from the conflict, both registers tell the same again.",
                ),
                self._none_refused(),
            ),
            items,
            self._journal_of_the_last_cycle(),
        )

    def rest(self) -> Scene:
        """A third sync, with nothing new on either side."""
        before = (self.sites(), self.offices(), self._writes())
        report, items = self._cycle()
        after = (self.sites(), self.offices(), self._writes())
        return Scene(
            report,
            (
                held(report.outcome == "ok" and self._crossed(report) == 0, "It wrote nothing to either system."),
                held(before == after, "Not one value changed in either register."),
                self._none_refused(),
            ),
            items,
        )

    def carry_out(self) -> Report | None:
        """A further cycle once somebody answered something; None while nobody did."""
        with self.runtime.store.read() as unit:
            answered = unit.inbox(self.route.key).entries(states=("answered",))
        return self._cycle()[0] if answered else None

    def _cycle(self, progress: Callable[[Action, int], None] | None = None) -> tuple[Report, tuple[Entry, ...]]:
        return run_cycle(self.runtime, self.route, Options(), progress), self.inbox()

    def _journal_of_the_last_cycle(self) -> tuple[Action, ...]:
        with self.runtime.store.read() as unit:
            ids = [link.procore_id for link in unit.links(self.route.key).all()]
            story = unit.journal(self.route.key).story(*ids)
        latest = max(intent.cycle for intent in story)
        return tuple(intent.action for intent in story if intent.cycle == latest and intent.outcome == "done")

    def _crossed(self, report: Report) -> int:
        return sum(sum(counts.values()) for counts in report.written.values())

    def _writes(self) -> int:
        # The simulated Procore keeps calls, failed ones too, so that this finds writes that came to nothing as well.
        made = sum(n for name, n in self.procore.calls.items() if not name.startswith("GET") and "oauth" not in name)
        return made + len(self.fourhse.writes)

    def _hurt(self) -> list[tuple[int, str]]:
        people = [person for row in self.offices().values() for person in row["persons"]]
        return [(person["days"], person["description"]) for person in people]

    def _is_kept(self, conflicts: list[Item]) -> bool:
        sites, offices = self.sites(), self.offices()
        return len(conflicts) == 1 and all(
            sites[str(item.procore_id)]["title"] == item.procore_value
            and offices[str(item.fourhse_id)]["name"] == item.fourhse_value
            for item in conflicts
        )

    def _none_refused(self) -> str:
        refused = [*self.procore.refused, *self.fourhse.refused]
        return held(not refused, "Neither system refused a request.")

    # People at work -----------------------------------------------------------------------------------------------

    def work(self) -> tuple[Deed, ...]:
        """Seven changes that can cross, one that both sides make differently, and one deletion."""
        sites, offices = self.sites(), self.offices()
        pairs = [(sites[link.procore_id], offices[link.fourhse_id]) for link in self.links()]
        chosen = iter([pair for pair in pairs if _is_open_fall(pair[0])])
        return (
            self._retitle(*next(chosen)),
            self._add_to_procore(*next(chosen)),
            self._close_in_procore(*next(chosen)),
            self._report_new(self.spare[0]),
            self._move_day(*next(chosen)),
            self._add_to_fourhse(*next(chosen)),
            self._close_in_fourhse(*next(chosen)),
            self._disagree(*next(chosen)),
            self._delete(*next(chosen)),
        )

    def _retitle(self, site: dict[str, Any], _: dict[str, Any]) -> Deed:
        title = f"{site['title']} (night shift)"
        self.procore.hand_edit("incident", site["id"], title=title)
        return Deed("Procore", "title corrected", site["title"], title)

    def _add_to_procore(self, site: dict[str, Any], _: dict[str, Any]) -> Deed:
        added = "Follow-up: area fenced off, toolbox talk held."
        self.procore.hand_edit("incident", site["id"], description=f"{site['description']}\n\n{added}")
        return Deed("Procore", "description extended", site["title"], f"... {added}")

    def _close_in_procore(self, site: dict[str, Any], _: dict[str, Any]) -> Deed:
        self.procore.hand_edit("incident", site["id"], status="closed")
        return Deed("Procore", "closed", site["title"], "closed")

    def _report_new(self, new: Happening) -> Deed:
        made = self._on_site(replace(new, in_hospital=False), hour=14)
        worker = self.procore.add_person(PROJECT, "Dana", "Ortiz", employee_id=BADGE)
        self.fourhse.add_person(TENANT, OFFICE, "Dana", "Ortiz", code=BADGE)
        self.procore.hand_create(
            "injury",
            PROJECT,
            incident_id=made,
            affected_party_id=worker,
            work_days_absent=DAYS_OFF,
            affliction_type_id=self.procore.words("affliction_types")["Concussion"],
            body_part_ids=[self.procore.words("body_parts")["head"]],
        )
        words = f"{spoken(new.day)}: concussion, {DAYS_OFF} days off work"
        return Deed("Procore", "reported, with an injury", new.title, words)

    def _move_day(self, site: dict[str, Any], office: dict[str, Any]) -> Deed:
        was = date.fromisoformat(office["date_incident"])
        now = was - timedelta(days=1)
        self.fourhse.hand_edit("incident", office["office_incident_id"], date_incident=now.isoformat())
        return Deed("4HSE", "day corrected", site["title"], f"{spoken(now)}, no longer {spoken(was)}")

    def _add_to_fourhse(self, site: dict[str, Any], office: dict[str, Any]) -> Deed:
        added = "Measures agreed with the crew – see form <A>, “lifting”."
        text = f"{office['description_event']}\n\n{added}"
        self.fourhse.hand_edit("incident", office["office_incident_id"], description_event=text)
        return Deed("4HSE", "description extended", site["title"], f"... {added}")

    def _close_in_fourhse(self, site: dict[str, Any], office: dict[str, Any]) -> Deed:
        closed_on = self.clock().date().isoformat()
        self.fourhse.hand_edit("incident", office["office_incident_id"], status="closed", date_closed=closed_on)
        return Deed("4HSE", "closed", site["title"], "closed")

    def _disagree(self, site: dict[str, Any], office: dict[str, Any]) -> Deed:
        ours, theirs = f"{site['title']} (scaffold)", f"{office['name']} (ladder)"
        self.procore.hand_edit("incident", site["id"], title=ours)
        self.fourhse.hand_edit("incident", office["office_incident_id"], name=theirs)
        return Deed("both", "title changed", site["title"], "... (scaffold) in Procore, ... (ladder) in 4HSE")

    def _delete(self, site: dict[str, Any], _: dict[str, Any]) -> Deed:
        self.procore.hand_delete("incident", site["id"])
        return Deed("Procore", "deleted", site["title"], "in the recycle bin")

    # Filling both registers ---------------------------------------------------------------------------------------

    def fill(self, incidents: int) -> None:
        """A fifth of the incidents stands in both registers, the others in one; two are told differently."""
        supply = happenings()
        for number, each in enumerate(supply[:incidents]):
            in_both, here = number % 5 == 0, number % 2 == 1
            if in_both or here:
                self._on_site(each, hour=7 + number % 10 if number % 4 else None, closed=number % 3 == 0)
            if in_both or not here:
                there = self._told_otherwise(each, number) if number in DOUBTFUL else each
                self._in_office(there, closed=number % 3 == 0, as_html=number % 10 == 0)
        self._on_site(supply[incidents], hour=9, private=True)
        self._in_office(supply[incidents + 1], category="REPORT_FAILURE")
        self.spare = supply[incidents + 2 :]

    def _told_otherwise(self, each: Happening, number: int) -> Happening:
        if number == DOUBTFUL[0]:
            return Happening(each.title, each.day + timedelta(days=2), each.text, each.in_hospital)
        return Happening("Accident at work", each.day, f"{each.title}. {each.text}", each.in_hospital)

    def _on_site(self, happening: Happening, hour: int | None, *, closed: bool = False, private: bool = False) -> int:
        """Its id; an injury that names nobody hangs on it when someone went to hospital."""
        local = datetime.combine(happening.day, time(hour or 0), ZoneInfo(ZONE))
        made = self.procore.hand_create(
            "incident",
            PROJECT,
            title=happening.title,
            description=happening.text,
            event_date=local.astimezone(UTC),
            time_unknown=hour is None,
            status="closed" if closed else "open",
            private=private,
        )
        if happening.in_hospital:
            self.procore.hand_create("injury", PROJECT, incident_id=made)
        return made

    def _in_office(
        self, happening: Happening, *, closed: bool = False, as_html: bool = False, category: str = "ACCIDENTS"
    ) -> None:
        one_line = " ".join(happening.text.split()) == happening.text
        text = f"<p>{html.escape(happening.text)}</p>" if as_html and one_line else happening.text
        closing = (
            {"status": "closed", "date_closed": happening.day + timedelta(days=30)} if closed else {"status": "new"}
        )
        self.fourhse.hand_create(
            "incident",
            OFFICE,
            name=happening.title,
            date_incident=happening.day.isoformat(),
            description_event=text,
            category=category,
            **{name: str(value) for name, value in closing.items()},
        )


def _is_open_fall(site: dict[str, Any]) -> bool:
    """Open, at a known time, and of the sort whose records people correct."""
    return "fall " in site["title"].lower() and site["status"] == "open" and not site["time_unknown"]


def spoken(day: date) -> str:
    """A day as it is read aloud: 4 March 2016."""
    return f"{day.day} {day:%B %Y}"


def site_tells(row: dict[str, Any]) -> tuple[object, ...]:
    """What a Procore incident says, in the words that both registers have."""
    moment = datetime.fromisoformat(row["event_date"]).astimezone(ZoneInfo(ZONE))
    return row["title"].strip(), moment.date(), _words(row["description"]), row["status"] == "closed"


def office_tells(row: dict[str, Any]) -> tuple[object, ...]:
    """The same of a 4HSE incident."""
    day = date.fromisoformat(row["date_incident"])
    return row["name"].strip(), day, _words(row["description_event"]), row["status"] == "closed"


def _words(text: str) -> list[str]:
    """The words of a text, whatever its line ends, blanks and markup."""
    paragraph = re.fullmatch(r"\s*<p>(.*)</p>\s*", text, re.DOTALL)
    return (html.unescape(re.sub(r"<[^>]*>", " ", paragraph[1])) if paragraph else text).split()


@contextmanager
def open_stage(folder: Path, *, incidents: int = INCIDENTS) -> Iterator[Stage]:
    """Two filled systems as servers on loopback, and settings and a store in `folder`; all closed at the end."""
    procore, fourhse = SimulatedProcore(clock=_now), SimulatedFourHse(clock=_now)
    procore.add_project(PROJECT, "Riverside", ZONE, ZONE)
    fourhse.add_project(TENANT, "Riverside")
    fourhse.add_office(TENANT, OFFICE, "Riverside site")
    with LoopbackServer(procore.handle) as site, LoopbackServer(fourhse.handle) as office:
        settings = load(_write_settings(folder, site.url, office.url), {})
        with open_runtime(settings) as runtime:
            runtime.store.upgrade()
            stage = Stage(procore, fourhse, runtime, routes_of(settings)[0], _now, settings)
            stage.fill(incidents)
            yield stage


def _write_settings(folder: Path, procore: str, fourhse: str) -> Path:
    path = folder / "sync.toml"
    names = {"project": PROJECT, "tenant": TENANT, "office": OFFICE}
    mapping = Path(str(files("procore_4hse"))) / "templates" / "mappings" / "default"
    text = SYSTEMS.format(procore=procore, fourhse=fourhse, company=COMPANY, store="sqlite:///sync.db")
    text += ROUTE.format(mapping=mapping, **names)
    # It holds secrets: readable by everybody, even for a moment, it would be refused.
    with open(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    return path


def _now() -> datetime:
    return datetime.now(UTC)
