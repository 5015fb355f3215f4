"""The people of a history: on site, in the office, and whoever answers the inbox."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from machine_mapping import with_other_words
from machine_moves import Move
from machine_people import InjuredPeople
from oracle_partners import PartnerWatch
from oracle_watch import LINES, OTHER_WORDS, Watch, lines_and_text
from scenario_world import ScenarioWorld

from procore_4hse.simulator.procore_rules import Refusal
from world import OFFICE, PROJECT, TENANT

TITLES = (
    "Slip on stairs",
    'Beam <A> "B" fell',
    "Caduta: è grave",
    "Near  miss at gate 4",
    "Crane " + "swung wide " * 26,
)
TEXTS = (
    "He went up the ladder.\nNobody saw it.",
    "<p>Ladder &amp; scaffold<br>level <b>2</b></p>",
    "Zona <A> chiusa; 3 °C",
    "",
    "A rope broke and the load came down by the fence.",
)
HALF_AN_EMOJI = " \ud83d"
DAYS = (date(2026, 2, 1), date(2026, 3, 8), date(2026, 3, 29), date(2026, 4, 5), date(2026, 2, 10))
"""With the nights of the clock changes in Los Angeles, Rome and Sydney."""
HOURS = (None, 0, 2, 3, 12, 23)
WORDS = ("NON_COMPLIANCE", "ACCIDENTS", "ACCIDENTS_AND_MISSED_INJURIES")
OTHER_ZONE = "Asia/Tokyo"


@dataclass
class SitePeople:
    """Carries out moves. One that finds nothing to act on becomes a new report, so that every hand does something."""

    scenario: ScenarioWorld
    watch: Watch
    injured: InjuredPeople
    partners: PartnerWatch
    made: int = 0
    hidden: bool = False
    """Some right is lost."""
    office_before: dict[str, dict[str, Any]] = field(default_factory=dict)
    """The rows that people deleted in 4HSE, as they stood."""
    done: Callable[[str, str], None] = lambda who, what: None

    # On site ------------------------------------------------------------------------------------------------------

    def on_site(self, move: Move, target: str | None = None) -> None:
        ids = sorted(self.watch.now["procore"])
        one = target or (ids[move.which % len(ids)] if ids else None)
        act = getattr(self, f"site_{move.what.replace(' ', '_')}")
        if one is None and move.what != "restore":
            act = self.site_report
        self.done("site", move.what)
        self._try(act, move, one or "")

    def site_report(self, move: Move, _one: str) -> None:
        self.scenario.on_site(
            self._title(move), self._day(move), HOURS[move.which % len(HOURS)], description=self._text(move)
        )
        self.watch.human()

    def site_title(self, move: Move, one: str) -> None:
        self._site(one, "title", title=self._title(move))

    def site_text(self, move: Move, one: str) -> None:
        self._site(one, "text", description=self._text(move))

    def site_line(self, move: Move, one: str) -> None:
        """Somebody on site writes a line above the description, changes it or takes it away."""
        lines, text = lines_and_text(self.scenario.site()[one]["description"])
        name, label = list(LINES.items())[move.which % len(LINES)]
        lines[label] = f"Site {move.value}" if move.value % 4 else ""
        head = "\n".join(f"{label}: {said}" for label, said in lines.items() if said)
        self._site(one, name, description="\n\n".join(filter(None, (head, text))))

    def site_half_an_emoji(self, move: Move, one: str) -> None:
        self._site(one, "title", title=self._title(move) + HALF_AN_EMOJI)

    def site_day(self, move: Move, one: str) -> None:
        hour = HOURS[move.which % len(HOURS)]
        self._site(one, "day", event_date=self._instant(self._day(move), hour), time_unknown=hour is None)

    def site_hour(self, move: Move, one: str) -> None:
        """Another time of the same day."""
        day = date.fromisoformat(self.watch.now["procore"][one]["day"])
        self._site(one, None, event_date=self._instant(day, move.value), time_unknown=False)

    def site_status(self, move: Move, one: str) -> None:
        self._site(one, "status", status="open" if self.watch.now["procore"][one]["status"] == "closed" else "closed")

    def site_private(self, move: Move, one: str) -> None:
        self._site(one, None, private=not self.scenario.site()[one]["private"])

    def site_note(self, move: Move, one: str) -> None:
        self._site(one, None, recordable=not self.scenario.site()[one].get("recordable"))

    def site_injure(self, move: Move, one: str) -> None:
        self.scenario.procore.hand_create("injury", PROJECT, incident_id=int(one))
        self.watch.human(("procore", one), "category")

    def site_hurt_stranger(self, move: Move, one: str) -> None:
        self.injured.hurt_stranger(self.scenario.site()[one])

    def site_heal(self, move: Move, one: str) -> None:
        there = [injury["id"] for injury in self.scenario.site()[one]["injuries"] if injury["deleted_at"] is None]
        for injury in there[:1]:
            self.scenario.procore.hand_delete("injury", injury)
        self.watch.human(("procore", one), "category")

    def site_damage(self, move: Move, one: str) -> None:
        self._record(one, "property_damage")

    def site_spill(self, move: Move, one: str) -> None:
        self._record(one, "environmental")

    def _record(self, one: str, kind: str) -> None:
        """What hurt nobody: a kind of record that names no person."""
        self.scenario.procore.hand_create(kind, PROJECT, incident_id=int(one))
        self.watch.human()

    def site_clean_up(self, move: Move, one: str) -> None:
        """One of what hurt nobody is taken out again."""
        row = self.scenario.site()[one]
        kinds = (("property_damage", "property_damages"), ("environmental", "environmentals"))
        there = [(kind, each["id"]) for kind, many in kinds for each in row[many] if each["deleted_at"] is None]
        for kind, record in there[:1]:
            self.scenario.procore.hand_delete(kind, record)
        self.watch.human()

    def site_delete(self, move: Move, one: str) -> None:
        self.scenario.procore.hand_delete("incident", int(one))
        self.watch.human()

    def site_enter_anew(self, move: Move, one: str) -> None:
        """People correct things by deleting a record and entering it anew."""
        row = self.scenario.site()[one]
        names = ("title", "description", "time_unknown", "status", "private")
        moment = datetime.fromisoformat(row["event_date"])
        self.scenario.procore.hand_delete("incident", int(one))
        made = self.scenario.procore.hand_create(
            "incident", PROJECT, event_date=moment, **{name: row[name] for name in names}
        )
        self.watch.entered_anew(("procore", one), ("procore", str(made)))
        self.injured.enter_anew_on_site(row, str(made))

    def site_restore(self, move: Move, one: str) -> None:
        binned = sorted(row["id"] for row in self.scenario.procore.bin(PROJECT) if row["kind"] == "incident")
        if binned:
            self.scenario.procore.hand_restore("incident", binned[move.which % len(binned)])
        self.watch.human()

    def _site(self, one: str, written: str | None, **fields: Any) -> None:
        self.scenario.procore.hand_edit("incident", int(one), **fields)
        self.watch.human(("procore", one), written)

    # In the office ------------------------------------------------------------------------------------------------

    def in_office(self, move: Move, target: str | None = None) -> None:
        ids = sorted(self.watch.now["fourhse"])
        one = target or (ids[move.which % len(ids)] if ids else None)
        act = getattr(self, f"office_{move.what.replace(' ', '_')}")
        if one is None and move.what not in ("put back", "restore"):
            act = self.office_report
        self.done("office", move.what)
        self._try(act, move, one or "")

    def _try(self, act: Callable[[Move, str], None], move: Move, one: str) -> None:
        """A server that keeps nothing of some titles refuses them, from people too."""
        try:
            act(move, one)
        except Refusal:
            self.watch.human()

    def office_report(self, move: Move, _one: str) -> None:
        fields = {"description_event": self._text(move), "category": WORDS[move.which % 3]}
        fields |= (
            {"deponent": f"Witness {move.value}", "external_reference_id": f"{move.value}"} if move.value % 2 else {}
        )
        self.scenario.in_office(self._title(move)[:250], self._day(move), **fields)
        self.watch.human()

    def office_title(self, move: Move, one: str) -> None:
        self._office(one, "title", name=self._title(move)[:250])

    def office_text(self, move: Move, one: str) -> None:
        self._office(one, "text", description_event=self._text(move))

    def office_half_an_emoji(self, move: Move, one: str) -> None:
        self._office(one, "text", description_event=self._text(move) + HALF_AN_EMOJI)

    def office_day(self, move: Move, one: str) -> None:
        self._office(one, "day", date_incident=self._day(move).isoformat())

    def office_status(self, move: Move, one: str) -> None:
        word = "closed" if move.value % 3 == 0 else ("open", "new")[move.value % 2]
        today = self.scenario.clock().date().isoformat()
        if self.scenario.office()[one]["status"] == "new":
            self.scenario.fourhse.hand_edit("incident", one, status="open")
        self._office(one, "status", status=word, date_closed=today if word == "closed" else None)

    def office_category(self, move: Move, one: str) -> None:
        self._office(one, "category", category=WORDS[move.value % 3])

    def office_unshare(self, move: Move, one: str) -> None:
        self._office(one, None, category="REPORT_FAILURE")

    def office_strange_word(self, move: Move, one: str) -> None:
        self._office(one, None, category="SOMETHING_NEW")

    def office_note(self, move: Move, one: str) -> None:
        self._office(one, "reporter", deponent=f"Witness {move.value}", external_reference_id=f"{move.value}")

    def office_code(self, move: Move, one: str) -> None:
        self._office(one, "code", code=f"A-{move.value}" if move.value % 4 else None)

    def office_delete(self, move: Move, one: str) -> None:
        self.office_before[one] = self.scenario.office()[one]
        self.scenario.fourhse.hand_delete("incident", one)
        self.watch.human()

    def office_enter_anew(self, move: Move, one: str) -> None:
        row = self.scenario.office()[one]
        names = ("name", "date_incident", "category", "description_event", "deponent")
        self.office_before[one] = row
        self.scenario.fourhse.hand_delete("incident", one)
        made = self.scenario.fourhse.hand_create(
            "incident", OFFICE, status="new", **{name: row[name] for name in names}
        )
        self.watch.entered_anew(("fourhse", one), ("fourhse", made))
        self.injured.enter_anew_in_office(row, made)

    def office_put_back(self, move: Move, one: str) -> None:
        """The vendor's support brings a deleted row back under its id."""
        gone = sorted(self.office_before.keys() - self.watch.now["fourhse"].keys())
        if gone:
            row = self.office_before[gone[move.which % len(gone)]]
            names = ("office_incident_id", "name", "date_incident", "category", "description_event", "status")
            made = {name: row[name] for name in names} | ({"status": "open"} if row["status"] == "closed" else {})
            one = self.scenario.fourhse.hand_create("incident", OFFICE, **made)
            if row["status"] == "closed":
                self.scenario.fourhse.hand_edit("incident", one, status="closed", date_closed=row["date_closed"])
            self.watch.human()
            self.injured.put_back_in_office(row)

    office_restore = office_put_back

    def _office(self, one: str, written: str | None, **fields: Any) -> None:
        self.scenario.fourhse.hand_edit("incident", one, **fields)
        self.watch.human(("fourhse", one), written)

    # Rights and settings ------------------------------------------------------------------------------------------

    def around(self, move: Move) -> None:
        self.done("around", move.what)
        self.hidden = move.what not in ("show all", "reactivate", "resume")
        getattr(self, f"world_{move.what.replace(' ', '_')}")(move)
        self.watch.human()

    def world_hide_some(self, move: Move) -> None:
        self.scenario.fourhse.revoke(OFFICE, 0.4)

    def world_hide_all(self, move: Move) -> None:
        self.scenario.fourhse.revoke(OFFICE)

    def world_show_all(self, move: Move) -> None:
        """Every right is back."""
        self.scenario.fourhse.grant(OFFICE)
        self.scenario.fourhse.reactivate_office(OFFICE)
        self.scenario.fourhse.resume_project(TENANT)
        self.scenario.procore.hide_project(PROJECT, False)
        self.scenario.procore.permit_all()

    def world_historicize(self, move: Move) -> None:
        self.scenario.fourhse.historicize_office(OFFICE)

    def world_reactivate(self, move: Move) -> None:
        self.scenario.fourhse.reactivate_office(OFFICE)

    def world_suspend(self, move: Move) -> None:
        self.scenario.fourhse.suspend_project(TENANT)

    def world_resume(self, move: Move) -> None:
        self.scenario.fourhse.resume_project(TENANT)

    def world_hide_project(self, move: Move) -> None:
        self.scenario.procore.hide_project(PROJECT)

    def world_move_project(self, move: Move) -> None:
        """Somebody corrects the project's time zone; days on site may read differently from now on."""
        self.scenario.procore.add_project(PROJECT, "Riverside", OTHER_ZONE, OTHER_ZONE)
        self.watch.zone = self.scenario.zone = OTHER_ZONE
        self.watch.moved = True

    def world_new_words(self, move: Move) -> None:
        """The words for injuries and for damages change places; pairs that agreed may not any more."""
        self.scenario.with_route(mapping=with_other_words(self.scenario.route.mapping))
        self.watch.words = OTHER_WORDS

    def world_other_since(self, move: Move) -> None:
        self.scenario.with_route(since=self.scenario.route.since + timedelta(days=1))

    def world_correct_list(self, move: Move) -> None:
        self.partners.listed = self.injured.correct_list()

    def world_unlink(self, move: Move) -> None:
        links = [link for link in self.scenario.links() if link.kind == "incident"]
        if links:
            link = links[move.which % len(links)]
            with self.scenario.store.begin() as unit:
                unit.links(self.scenario.route.key).remove(link.procore_id)
            self.watch.forget(link.procore_id)

    # Words --------------------------------------------------------------------------------------------------------

    def _title(self, move: Move) -> str:
        """Now and then a title that others bear too; mostly one of its own."""
        self.made += 1
        title = TITLES[move.value % len(TITLES)]
        return title if move.value == 0 else f"{self.made} {title}"

    def _text(self, move: Move) -> str:
        self.made += 1
        text = TEXTS[move.value % len(TEXTS)]
        return text.replace("the", f"the ({self.made})").replace("Zona", f"Zona {self.made}") if move.value else text

    def _day(self, move: Move) -> date:
        return DAYS[move.value % len(DAYS)] + timedelta(days=move.which % 3)

    def _instant(self, day: date, hour: int | None) -> Any:
        return datetime(day.year, day.month, day.day, hour or 0, tzinfo=ZoneInfo(self.scenario.zone)).astimezone(UTC)
