"""What the two simulated systems of `simulate` hold: incidents of the last weeks, and people who were hurt."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from procore_4hse.simulator.fourhse import SimulatedFourHse
from procore_4hse.simulator.procore import SimulatedProcore

COMPANY = 26972
PROJECT = 1363617
TENANT = "0d0c2d0e-6b2f-4a51-9f3f-0c8a3f2f2c11"
OFFICE = "5b7f5a5e-1d39-4a7c-8f43-7b1d6f3a9e02"
ZONE = "America/Los_Angeles"
SHARED = 3
"""Every third incident stands in both registers from the start."""
TRADE = 598134325870421
"""A custom field of the company's incidents, as its administrator defined it: one entry of a list."""
TRADES = {598134325880001: "Roofer", 598134325880002: "Mason", 598134325880003: "Framer"}

Fields = dict[str, str | int]
HAPPENINGS = (
    ("Slip on wet stairs", "A worker slipped on the wet stairs and caught the rail."),
    ("Dropped spanner", "A spanner fell from the third level into the barrier below. Nobody was near."),
    ("Cut hand", "A cut in the palm from sheet metal; first aid on site."),
    ("Reversing van", "A van reversed without a banksman and touched the fence."),
    ("Loose scaffold board", "A board on the north scaffold was found without clips and taken out of use."),
    ("Dust in the eye", "Dust in the eye while grinding; washed out at the station."),
)
BADGES = {"E1": ("Ann", "Lee"), "E2": ("Ben", "Ruiz"), "E3": ("Cara", "Novak")}
"""The people of both directories by their employee id, which is their code in 4HSE."""


@dataclass(frozen=True)
class Systems:
    """A project and an office. The ids of the people and their accidents are the same in every run."""

    procore: SimulatedProcore
    fourhse: SimulatedFourHse

    @classmethod
    def filled(cls, incidents: int) -> Systems:
        """`incidents` on each side in which nobody is named, besides four accidents with people."""
        procore, fourhse = SimulatedProcore(clock=now, company_id=COMPANY), SimulatedFourHse(clock=now)
        procore.add_project(PROJECT, "Riverside", ZONE, ZONE)
        fourhse.add_project(TENANT, "Builder")
        fourhse.add_office(TENANT, OFFICE, "Riverside site")
        procore.add_custom_field(TRADE, "lov_entry", TRADES)
        systems = cls(procore, fourhse)
        systems._add_people()
        for number in range(incidents):
            systems._add(number, now().date() - timedelta(days=number % 60))
        return systems

    def _add_people(self) -> None:
        """Three accidents on site, of which one injury names nobody, and one in the office."""
        site, office = self._hire()
        day = now().date() - timedelta(days=9)
        lost: Fields = {"work_days_absent": 12, "description": "Fell three metres."}
        skylight = "Fall through a skylight"
        roof = self._hurt(day, skylight, party=site["E1"], affliction_type="Fracture", work_activity="Roofing", **lost)
        self.procore.hand_edit("incident", roof, **{f"custom_field_{TRADE}": next(iter(TRADES))})
        self._hurt(day, "Nail in the foot", party=site["E2"], affliction_type="Puncture", work_activity="Framing")
        self._hurt(day, "Cement in the eyes", party=None, affliction_type="Chemical Burn", work_activity="Concrete")
        happened = self._in_office(day, "Finger in a door", "A door of the site office fell shut.", "ACCIDENTS")
        text = "Affliction: Crushing\nBody parts: Left index finger\n\nCold pack, back at work the next day."
        self.fourhse.hand_create(
            "incident-person",
            OFFICE,
            office_incident_id=happened,
            person_office_id=office["E3"],
            days=1,
            description=text,
        )

    def _hire(self) -> tuple[dict[str, int], dict[str, str]]:
        """The ids of the people on both sides by their badges."""
        site = {badge: self.procore.add_person(PROJECT, *name, employee_id=badge) for badge, name in BADGES.items()}
        office = {badge: self.fourhse.add_person(TENANT, OFFICE, *name, code=badge) for badge, name in BADGES.items()}
        return site, office

    def _hurt(self, day: date, title: str, *, party: int | None, **fields: str | int) -> int:
        """The id of an incident on site with one injury; words of a list are told by their names."""
        happened = self._on_site(day, title, f"{title}; the area was made safe.")
        lists = {"affliction_type": "affliction_types", "work_activity": "work_activities"}
        ids = {f"{name}_id": self.procore.words(lists[name])[str(fields.pop(name))] for name in lists}
        who = {} if party is None else {"affected_party_id": party}
        self.procore.hand_create("injury", PROJECT, incident_id=happened, **who, **ids, **fields)
        return happened

    def _add(self, number: int, day: date) -> None:
        """One incident on each side: every third the same one, the others different."""
        is_shared = number % SHARED == 0
        self._on_site(day, *_happening(number, "block B" if is_shared else f"level {number}"))
        self._in_office(day, *_happening(number + (not is_shared), "block B" if is_shared else f"store room {number}"))

    def _on_site(self, day: date, title: str, description: str) -> int:
        moment = datetime(day.year, day.month, day.day, 20, tzinfo=UTC)
        return self.procore.hand_create(
            "incident", PROJECT, title=title, description=description, event_date=moment, time_unknown=False
        )

    def _in_office(self, day: date, title: str, description: str, category: str = "NON_COMPLIANCE") -> str:
        given = {"name": title, "description_event": description, "date_incident": day.isoformat()}
        return self.fourhse.hand_create("incident", OFFICE, status="new", category=category, **given)


def _happening(number: int, place: str) -> tuple[str, str]:
    title, description = HAPPENINGS[number % len(HAPPENINGS)]
    return f"{title}, {place}", description


def now() -> datetime:
    return datetime.now(UTC)
