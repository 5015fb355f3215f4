"""What people do about those who were hurt in an incident: entered, corrected, taken out, their days changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from oracle_watch import SyncStatus, Watch
from scenario_world import ScenarioWorld

import actors as crew

Row = Mapping[str, Any]
Person = tuple[int, str]
"""Somebody's party in Procore and assignment in 4HSE."""
STAFF = (("Ann Lee", "E1"), ("Bo Ray", "E2"))
KINDS = (("injury", "injuries"), ("near_miss", "near_misses"))


class Impossible(Exception):
    """There is nothing that this could be done to."""


@dataclass
class InjuredPeople:
    """Acts on the rows of incidents, as both systems show them now."""

    scenario: ScenarioWorld
    watch: Watch
    staff: tuple[Person, ...] = ()
    stranger: int = 0
    meant: str = ""

    def hire(self) -> dict[Any, str]:
        """Everybody is known on both sides; their first names, by party and by assignment."""
        self.staff = tuple(crew.hire(self.scenario, *who) for who in STAFF)
        named = zip((name.split()[0] for name, _ in STAFF), self.staff, strict=True)
        return {one: name for name, ids in named for one in ids}

    def meet_strangers(self) -> tuple[int, tuple[str, ...]]:
        """Somebody on site whom no list identifies, and who of the office may be meant."""
        office = tuple(crew.hire_in_office(self.scenario, name) for name in ("Cyrus Stone", "Dora Fox"))
        self.stranger, self.meant = crew.hire_on_site(self.scenario, "Cy Roe", "E9"), office[0]
        return self.stranger, office

    def hurt_stranger(self, row: Row) -> None:
        crew.hurt_on_site(self.scenario, str(row["id"]), self.stranger, 4)
        self.watch.human(_site(row), "category")

    def correct_list(self) -> str:
        """The office enters the number that was missing there, and the name that stands on site; whom that is about."""
        crew.correct_in_office(self.scenario, self.meant, code="E9", first_name="Cy", last_name="Roe")
        self.scenario.clock.advance(minutes=420)  # Until the lists are read again.
        return self.meant

    # On site ------------------------------------------------------------------------------------------------------

    def first_on_site(self, row: Row) -> tuple[str, dict[str, Any]]:
        """The kind and the record of the first person named in an incident."""
        people = [(kind, one) for kind, one in _on_site(row) if one["affected_party"]]
        if not people:
            raise Impossible
        return min(people, key=lambda pair: pair[1]["id"])

    def hurt_on_site(self, row: Row, who: int, days: int | None = 5, kind: str = "injury") -> None:
        lost = days if kind == "injury" else None
        more = {"work_days_restricted": 2, "treated_in_er": True} if lost == 5 else {}
        crew.hurt_on_site(self.scenario, str(row["id"]), self.staff[who][0], lost, kind, **more)
        self.watch.human(_site(row), "category")

    def days_on_site(self, row: Row) -> None:
        kind, one = self.first_on_site(row)
        if kind != "injury":
            raise Impossible
        days = 7 if one["work_days_absent"] != 7 else 8
        self.scenario.procore.hand_edit(kind, one["id"], work_days_absent=days, work_days_restricted=days - 5)
        self.watch.human()

    def remove_on_site(self, row: Row, *, again: bool = False) -> None:
        """Taken out of the incident, and entered once more where that is said."""
        kind, one = self.first_on_site(row)
        self.scenario.procore.hand_delete(kind, one["id"])
        self.watch.human(_site(row), "category")
        if again:
            self._copy_on_site(str(row["id"]), kind, one)
            self.watch.human(_site(row), "category")

    def correct_on_site(self, row: Row) -> None:
        """It was somebody else."""
        kind, one = self.first_on_site(row)
        party = self._other(0, one["affected_party"]["id"])
        self.scenario.procore.hand_edit(kind, one["id"], affected_party_id=party)
        self.watch.human()

    def enter_anew_on_site(self, row: Row, incident: str) -> None:
        """The people of a deleted incident, in the one that was entered instead."""
        for kind, one in _on_site(row):
            self._copy_on_site(incident, kind, one)
        self.watch.human(("procore", incident), "category")

    def _copy_on_site(self, incident: str, kind: str, one: Row) -> None:
        party = one["affected_party"] and one["affected_party"]["id"]
        crew.hurt_on_site(self.scenario, incident, party, one.get("work_days_absent"), kind)

    # In the office ------------------------------------------------------------------------------------------------

    def first_in_office(self, row: Row) -> dict[str, Any]:
        """The row of the first person named in an incident."""
        if not row["persons"]:
            raise Impossible
        order = [assignment for _, assignment in self.staff]
        first: dict[str, Any] = min(row["persons"], key=lambda one: order.index(one["person_office_id"]))
        return first

    def hurt_in_office(self, row: Row, who: int, days: int | None = 5) -> None:
        crew.hurt_in_office(self.scenario, row["office_incident_id"], self.staff[who][1], days)
        self.watch.human()

    def days_in_office(self, row: Row) -> None:
        one = self.first_in_office(row)
        days = 9 if one["days"] != 9 else 10
        below = [line for line in str(one["description"] or "").split("\n") if not line.startswith("Restricted days")]
        lines = [f"Restricted days: {days}", *below] if days == 9 else below
        self._edit_in_office(one, days=days, description="\n".join(lines))

    def remove_in_office(self, row: Row, *, again: bool = False) -> None:
        one = self.first_in_office(row)
        self.scenario.fourhse.hand_delete("incident-person", one["office_incident_person_id"])
        self.watch.human()
        if again:
            self._copy_in_office(row["office_incident_id"], one)

    def correct_in_office(self, row: Row) -> None:
        one = self.first_in_office(row)
        self._edit_in_office(one, person_office_id=self._other(1, one["person_office_id"]))

    def enter_anew_in_office(self, row: Row, incident: str) -> None:
        for one in row["persons"]:
            self._copy_in_office(incident, one)

    def put_back_in_office(self, row: Row) -> None:
        """The people of a row that the vendor's support brings back, under their ids."""
        for one in row["persons"]:
            record = {"office_incident_person_id": one["office_incident_person_id"]}
            self._copy_in_office(row["office_incident_id"], one, **record)

    def _copy_in_office(self, incident: str, one: Row, **more: Any) -> None:
        crew.hurt_in_office(self.scenario, incident, one["person_office_id"], one["days"], **more)
        self.watch.human()

    def _edit_in_office(self, one: Row, **fields: Any) -> None:
        self.scenario.fourhse.hand_edit("incident-person", one["office_incident_person_id"], **fields)
        self.watch.human()

    # Who is who ---------------------------------------------------------------------------------------------------

    def _other(self, side: int, now: Any) -> Any:
        """Somebody else, by their id on a side: 0 is Procore, 1 is 4HSE."""
        return next(ids[side] for ids in self.staff if ids[side] != now)


def _on_site(row: Row) -> list[tuple[str, dict[str, Any]]]:
    return [(kind, one) for kind, many in KINDS for one in row[many] if one["deleted_at"] is None]


def _site(row: Row) -> SyncStatus:
    return ("procore", str(row["id"]))
