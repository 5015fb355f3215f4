"""The lenses of an injured or endangered person: who it is, and numbers such as the days of absence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from procore_4hse.mapping.directory import Directory, assignment_in
from procore_4hse.mapping.lenses.base import ByValue, Held, Known, Lens, NeedsLists, Reading, Unwritable, odd_value
from procore_4hse.mapping.picklists import Picklists
from procore_4hse.models import Image, Side, text_id


@dataclass(frozen=True)
class PersonLens(ByValue, NeedsLists):
    """The injured or endangered person; both sides' ids mean Procore's person where a partner is known."""

    directory: Directory = field(default_factory=Directory)

    @property
    def equivalence(self) -> str:
        return "the two ids mean one person"

    def bound(self, picklists: Picklists) -> Lens:
        return replace(self, directory=picklists.directory)

    def reads(self, side: Side) -> tuple[str, ...]:
        return ("affected_party", "affected_person") if side is Side.PROCORE else ("person_office_id",)

    def names(self, side: Side) -> tuple[str, ...]:
        return ("affected_party_id",) if side is Side.PROCORE else ("person_office_id",)

    def get(self, side: Side, image: Image) -> Reading:
        if side is Side.PROCORE:
            return self._party(image)
        raw = assignment_in(image)
        if raw is None:
            return Held("4HSE names nobody here")
        office = text_id(image["person_office_id"])
        if office is None:
            return odd_value(side, "person_office_id", image["person_office_id"])
        return Known(self.directory.to_procore.get(office, f"4HSE {office}"))

    def person(self, side: Side, image: Image) -> str | None:
        """Whom a record names, by the id in its own side's list; None when it names nobody, or nobody can tell."""
        if side is Side.FOURHSE:
            return text_id(image.get("person_office_id"))
        reading = self._party(image)
        return reading.value if isinstance(reading, Known) else None

    def _party(self, image: Image) -> Reading:
        # A party may be anybody in the directory; a record may name a user alone (P93).
        for name in self.reads(Side.PROCORE):
            named = image.get(name)
            raw = named.get("id") if isinstance(named, Mapping) else named
            if raw is None:
                continue
            named_id = text_id(raw) if isinstance(named, Mapping) else None
            if named_id is None:
                return odd_value(Side.PROCORE, name, named)
            is_user = name == "affected_person"
            return Known(self.directory.parties.get(named_id, f"user {named_id}") if is_user else named_id)
        return Known(None)

    def put(self, side: Side, value: Any, current: Image, facts: Image) -> dict[str, Any]:
        if side is Side.FOURHSE:
            if str(value) not in self.directory.to_fourhse:
                raise Unwritable("this person has no partner in the 4HSE office")
            return {"person_office_id": self.directory.to_fourhse[str(value)]}
        # `4HSE …` and `user …` stand for people without a party; ids of parties are whole numbers.
        if value is None or not str(value).isdecimal():
            raise Unwritable("this person has no partner in Procore's directory")
        return {"affected_party_id": int(value)}


MOST = 2**63
"""From here on a number fits no system."""


@dataclass(frozen=True)
class NumberLens(ByValue):
    """A count; none and 0 mean the same, so that clearing never needs a null."""

    procore: str
    fourhse: str

    @property
    def equivalence(self) -> str:
        return "none and 0 are the same"

    def key(self, side: Side) -> str:
        return self.procore if side is Side.PROCORE else self.fourhse

    def reads(self, side: Side) -> tuple[str, ...]:
        return (self.key(side),)

    def names(self, side: Side) -> tuple[str, ...]:
        return (self.key(side),)

    def get(self, side: Side, image: Image) -> Reading:
        written = image.get(self.key(side))
        if written in (None, ""):
            return Known(None)
        number = text_id(written)
        try:
            days = int(number or "")
        except ValueError:
            days = MOST
        if abs(days) >= MOST:
            return Held(f"{side.label} shows {written!r} where a number stands", word=str(written))
        return Known(days or None)

    def put(self, side: Side, value: Any, current: Image, facts: Image) -> dict[str, Any]:
        return {self.key(side): int(value or 0)}
