"""People at work on both sides: real incidents to begin with, and edits of every kind, again and again."""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from importlib.resources import files
from io import StringIO
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from oracle import LONGEST, day_of, plain, title_and_text
from world import OFFICE, World

TEXTS = (
    'He said: "hold on" & let go.\nThen:\n\n  - the rope\n  - the hook  ',
    "<p>Ladder &amp; scaffold<br>on level <b>2</b></p><p>Nobody below &lt;A&gt;.</p>",
    "Zona <A> chiusa; perché l'acqua è a 3 °C → rischio ⚠ “alto”.",
    "<div>One line\nof source, <i>one</i> line of text.</div>",
    "Windows\r\nline\r\nends  \r\n",
    "e\u0301 decomposed, tab\there, trailing blanks   ",
    "a < b and b > c; 5'10\" tall; </p> alone",
)
TITLES = (
    "Beam <A> \"B\" & 'C' fell",
    "Caduta dall'impalcatura – è grave",
    "転倒 on the stairs",
    "Slip   with  blanks",
    "Hit by <b>truck</b>",
)
WORDS = ("NON_COMPLIANCE", "ACCIDENTS", "ACCIDENTS_AND_MISSED_INJURIES")
FIELDS = ("title", "text", "day", "status")


@dataclass(frozen=True)
class Edit:
    side: str
    field: str
    procore_id: str
    fourhse_id: str


def osha() -> list[dict[str, str]]:
    text = files("procore_4hse").joinpath("simulator/data/osha_incidents.csv").read_bytes().decode()
    return list(csv.DictReader(StringIO(text, newline="")))


def seed(world: World, many: int, *, shared: int = 0) -> None:
    """`many` real incidents a side, the first `shared` of them on both; every fifth closed, every seventh injured."""
    rows = osha()
    for number in range(many):
        left = number if number < shared else 2 * number - shared
        right = number if number < shared else left + 1
        _report_on_site(world, number, rows[left], long=number >= shared and number % 41 == 9)
        _report_in_office(world, number, rows[right])


def _report_on_site(world: World, number: int, row: dict[str, str], *, long: bool) -> None:
    closed = {"status": "closed"} if number % 5 == 0 else {}
    moment = datetime.combine(_day_in(row), time(number % 24, 30), ZoneInfo(world.zone))
    project = int(world.route.procore_project)
    made = world.procore.hand_create(
        "incident", project, title=_long(row) if long else row["event_title"], description=row["narrative"],
        event_date=moment, time_unknown=number % 3 == 0, **closed,
    )  # fmt: skip
    if number % 7 == 1:
        world.procore.hand_create("injury", project, incident_id=made)


def _report_in_office(world: World, number: int, row: dict[str, str]) -> None:
    category = "ACCIDENTS" if number % 7 == 1 else WORDS[number % 3]
    made = world.fourhse.hand_create(
        "incident", OFFICE, name=row["event_title"], description_event=row["narrative"],
        date_incident=row["event_date"], category=category, status="open" if number % 5 == 0 else "new",
    )  # fmt: skip
    if number % 5 == 0:
        world.fourhse.hand_edit("incident", made, status="closed", date_closed=row["event_date"])


def _day_in(row: dict[str, str]) -> date:
    return date.fromisoformat(row["event_date"])


def _long(row: dict[str, str]) -> str:
    return " ".join(f"{row['event_title']}: {row['narrative']} {row['employer']}".split() * 3)[:400].strip()


@dataclass
class Editors:
    """Makes edits; `done` remembers them all. One field of one pair is edited on one side at most in a round."""

    world: World
    random: Random = field(default_factory=lambda: Random(4))  # noqa: S311
    done: list[Edit] = field(default_factory=list)

    def edit_both_sides(self, share: float = 0.3) -> list[Edit]:
        pairs = [(link.procore_id, link.fourhse_id) for link in self.world.links() if link.state == "live"]
        chosen = self.random.sample(pairs, max(1, round(len(pairs) * share)))
        site, office = self.world.site(), self.world.office()
        made = [edit for pair in chosen for edit in self._edit(pair, site[pair[0]], office[pair[1]])]
        self.done += made
        return made

    def counts(self) -> Counter[tuple[str, str]]:
        return Counter((edit.side, edit.field) for edit in self.done)

    def _edit(self, pair: tuple[str, str], ours: dict[str, Any], theirs: dict[str, Any]) -> list[Edit]:
        """One or two fields of one pair; with two, each side may have its own."""
        edits = []
        for name in self.random.sample(FIELDS, self.random.choice((1, 1, 2))):
            side = self.random.choice(("procore", "fourhse"))
            if side == "procore":
                self._on_site(pair[0], name, ours)
            elif name == "title" and len(title_and_text(theirs)[0]) > LONGEST:
                continue  # The cut title in 4HSE is no place for an edit: that is a conflict by rule.
            else:
                self._in_office(pair[1], name, theirs)
            edits.append(Edit(side, name, *pair))
        return edits

    def _on_site(self, record_id: str, name: str, row: dict[str, Any]) -> None:
        fields: dict[str, Any] = {
            "title": {"title": self._title()},
            "text": {"description": self._text()},
            "day": {"event_date": self._moment(row), "time_unknown": self.random.random() < 0.3},
            "status": {"status": _other(row["status"])},
        }[name]
        self.world.procore.hand_edit("incident", int(record_id), **fields)

    def _in_office(self, record_id: str, name: str, row: dict[str, Any]) -> None:
        if name == "status":
            fields: dict[str, Any] = self._status(record_id, row)
        elif name == "text":
            title, _ = title_and_text(row)
            head = f"{title}\n\n" if len(title) > LONGEST else ""
            text = self._text()
            fields = {"description_event": head + (text if not head else "The rest, written anew: <A>.")}
        elif name == "day":
            fields = {"date_incident": self._day(date.fromisoformat(row["date_incident"][:10])).isoformat()}
        else:
            fields = {"name": self._title(short=True)}
        self.world.fourhse.hand_edit("incident", record_id, **fields)

    def _status(self, record_id: str, row: dict[str, Any]) -> dict[str, Any]:
        """Closed becomes open or new; what is not closed goes by way of open."""
        if row["status"] == "closed":
            return {"status": self.random.choice(("open", "new")), "date_closed": None}
        self.world.fourhse.hand_edit("incident", record_id, status="open")
        return {"status": "closed", "date_closed": row["date_incident"][:10]}

    def _title(self, *, short: bool = False) -> str:
        title = f"{self.random.choice(TITLES)} ({self.random.randrange(10**6)})"
        return title if short or self.random.random() < 0.8 else title + " and on it went" * 20

    def _text(self) -> str:
        text = self.random.choice(TEXTS)
        mark = f"No. {self.random.randrange(10**6)}. "
        return text.replace(">", f">{mark}", 1) if text.startswith("<") else mark + text

    def _moment(self, row: dict[str, Any]) -> datetime:
        zone = ZoneInfo(self.world.zone)
        day = self._day(day_of(row, self.world.zone))
        hour, minute = self.random.choice(((0, 0), (0, 30), (1, 30), (2, 30), (12, 0), (23, 59)))
        return datetime.combine(day, time(hour, minute), zone)

    def _day(self, day: date) -> date:
        return day + timedelta(days=self.random.choice((-40, -3, -1, 1, 2, 30)))


def _other(status: str) -> str:
    return "closed" if status == "open" else "open"


def settle_doubts(world: World) -> int:
    """A person reads every doubtful pair: the same words are the same incident, else they are different ones.

    Returns how many there were.
    """
    waiting = [entry for entry in world.inbox() if entry.item.kind == "match"]
    for entry in waiting:
        ours = world.site()[entry.item.procore_id]
        candidates = {one: world.office()[one] for one in entry.item.facts["candidates"]}
        same = [one for one, row in candidates.items() if _words(ours["description"]) == _words(title_and_text(row)[1])]
        if same:
            world.answer(entry.id, "approve", with_id=same[0])
        else:
            world.answer(entry.id, "reject")
    return len(waiting)


def _words(written: str | None) -> list[str]:
    return plain(written).split()
