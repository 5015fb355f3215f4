"""The witness of somebody whom the lists do not identify: their partner in 4HSE is whom a person named last.

It stands beside the witness of people, which does not see them, and knows the vendors' records and what was answered.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from oracle_watch import Objection, Watch

Named = dict[str, tuple[str, str]]
"""4HSE record id -> its incident and whom it names."""


@dataclass
class PartnerWatch:
    """One person on site, and who of the office may be meant."""

    watch: Watch
    party: int
    office: tuple[str, ...]
    told: str | None = None
    """Whom a person named last, unless that was taken back."""
    named_there: str | None = None
    """Whom a person named in records that stand there, also when they said then that no new ones are made."""
    listed: str | None = None
    """Whom the lists name since they were corrected."""
    never_copied: bool = False
    now: Named = field(default_factory=dict)
    ours: set[str] = field(default_factory=set)
    """Records in 4HSE that we made or wrote."""
    corrected: int = 0
    """How often we named another one in a record."""

    def __post_init__(self) -> None:
        self.watch.listeners.append(self.human)

    def human(self) -> None:
        self.now = self._look()

    def name(self, office: str, *, there: bool) -> None:
        """A person named them, in answer to a question about a record where `there` says so."""
        self.told, self.never_copied = office, False
        self.named_there = office if there else None

    def never_copy(self) -> None:
        """What was said of records that stand there holds: this is about new ones."""
        self.told, self.never_copied = None, True

    def forget(self) -> None:
        self.told, self.named_there, self.never_copied = None, None, False

    def machine(self) -> None:
        """A call of ours was carried out: it names whom it may, and nobody once more than Procore does."""
        before, self.now = self.now, self._look()
        for record, named in self.now.items():
            if before.get(record) == named:
                continue
            incident, office = named
            if office not in (self.told, self.listed) and not (record in before and office == self.named_there):
                raise Objection(f"{office} was named in {incident}, and nobody said that it is they: {self.told}")
            self.ours.add(record)
            self.corrected += record in before
            if record not in before and self._in_office(incident) > max(self._on_site(incident, gone=True), 1):
                raise Objection(f"somebody is counted twice in {incident}")

    def problems(self, asked: set[str]) -> Iterator[str]:
        """What must not be at rest. `asked` are ids that questions name: of people, of their records and incidents."""
        partner = self.told or self.listed
        if {str(self.party), *self.office} & asked or self.never_copied:
            return
        for incident in self.watch.now["fourhse"]:
            site = self.watch.partner.get(("fourhse", incident))
            if site not in self.watch.now["procore"] or {incident, site} & asked:
                continue
            wrong = [o for r, (i, o) in self.now.items() if i == incident and r in self.ours and o != partner]
            if partner is not None and wrong:
                yield f"{wrong} are named in {incident}, {partner} is meant, and nobody is asked"
            if self._on_site(incident) and not self._in_office(incident):
                yield f"somebody hurt in {site} is not named in {incident}, and nobody is asked"

    def _look(self) -> Named:
        return {
            one["office_incident_person_id"]: (incident, one["person_office_id"])
            for incident, row in self.watch.office().items()
            for one in row["persons"]
            if one["person_office_id"] in self.office
        }

    def _in_office(self, incident: str) -> int:
        return Counter(i for i, _ in self.now.values())[incident]

    def _on_site(self, incident: str, *, gone: bool = False) -> int:
        """Their records in the partner of a 4HSE incident, those that were deleted included where that is said."""
        row = self.watch.site().get(self.watch._partner_of(("fourhse", incident)) or "", {})
        hurt = [one for one in row.get("injuries", ()) if (one.get("affected_party") or {}).get("id") == self.party]
        return len([one for one in hurt if gone or one["deleted_at"] is None])
