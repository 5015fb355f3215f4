"""Who is who: a person of Procore's directory and the same person's assignment to the 4HSE office."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from procore_4hse.mapping.lenses import Held, Known, Reading, Unwritable
from procore_4hse.mapping.rules import Field
from procore_4hse.models import Image, Kind, Side

Key = Callable[[Image], object]


@dataclass(frozen=True)
class Directory:
    """Partners both ways: Procore person (party) ids and 4HSE person-office ids, each partner of one at most."""

    to_fourhse: Mapping[str, str] = field(default_factory=dict)
    to_procore: Mapping[str, str] = field(default_factory=dict)
    parties: Mapping[str, str] = field(default_factory=dict)
    """Procore user id -> person id (P93)."""
    unpaired: Mapping[Side, tuple[tuple[str, str], ...]] = field(default_factory=dict)
    """Id and name of those without a partner."""

    @classmethod
    def of(cls, people: Iterable[Image], assigned: Iterable[Image], told: Mapping[str, str]) -> Directory:
        """Partners by a person's word first, then by the ordered rules; what a rule leaves ambiguous stays open."""
        left, right = list(people), list(assigned)
        pairs = dict(told)
        for mine, theirs in RULES:
            pairs |= _unique(mine, theirs, left, right, pairs)
        parties = {str(p["user_id"]): str(p["id"]) for p in left if p.get("user_id") is not None}
        names = {Side.PROCORE: [(str(p["id"]), _shown(p)) for p in left]}
        names[Side.FOURHSE] = [(str(a["person_office_id"]), _shown(a, "person_")) for a in right]
        taken = {Side.PROCORE: pairs.keys(), Side.FOURHSE: frozenset(pairs.values())}
        unpaired = {side: tuple(each for each in names[side] if each[0] not in taken[side]) for side in Side}
        return cls(pairs, {office: party for party, office in pairs.items()}, parties, unpaired)

    def alike(self, side: Side, name: str) -> list[tuple[str, str]]:
        """Those without a partner who share a part of this name."""
        parts = set(name.casefold().split())
        return [each for each in self.unpaired.get(side, ()) if parts & set(each[1].casefold().split())]


def name_in(side: Side, image: Image) -> str:
    """The person that a record names; empty when it shows no name."""
    if side is Side.FOURHSE:
        return _shown(image, "person_")
    named = (image.get("affected_party"), image.get("affected_person"))
    return next((str(who["name"]).strip() for who in named if isinstance(who, Mapping) and who.get("name")), "")


def _shown(row: Image, prefix: str = "") -> str:
    return " ".join(f"{row.get(prefix + 'first_name') or ''} {row.get(prefix + 'last_name') or ''}".split())


def _name(first: object, last: object) -> str:
    return " ".join(f"{first or ''} {last or ''}".split()).casefold()


def _folded(value: object) -> str:
    return str(value or "").strip().casefold()


RULES: tuple[tuple[Key, Key], ...] = (
    (lambda p: _folded(p.get("employee_id")), lambda a: _folded(a.get("person_code"))),
    (lambda p: _folded(p.get("employee_id")), lambda a: _folded(a.get("person_tax_code"))),
    (lambda p: _folded(p.get("email") or p.get("email_address")), lambda a: _folded(a.get("person_entity_id"))),
    (
        lambda p: _name(p.get("first_name"), p.get("last_name")),
        lambda a: _name(a.get("person_first_name"), a.get("person_last_name")),
    ),
)
"""Employee id = code, then tax code, then e-mail, then the exact name in the office; each only when unique."""


def _unique(
    mine: Key, theirs: Key, people: list[Image], assigned: list[Image], taken: Mapping[str, str]
) -> dict[str, str]:
    left: dict[object, set[str]] = defaultdict(set)
    right: dict[object, set[str]] = defaultdict(set)
    for person in people:
        if str(person["id"]) not in taken and mine(person):
            left[mine(person)].add(str(person["id"]))
    for row in assigned:
        if str(row["person_office_id"]) not in taken.values() and theirs(row):
            right[theirs(row)].add(str(row["person_office_id"]))
    both = (key for key in left if len(left[key]) == 1 == len(right.get(key, ())))
    return {next(iter(left[key])): next(iter(right[key])) for key in both}


@dataclass(frozen=True)
class PersonLens:
    """The injured or endangered person; both sides' ids mean Procore's person where a partner is known."""

    directory: Directory = field(default_factory=Directory)

    @property
    def equivalence(self) -> str:
        return "the two ids mean one person"

    def reads(self, side: Side) -> tuple[str, ...]:
        return ("affected_party", "affected_person") if side is Side.PROCORE else ("person_office_id",)

    def get(self, side: Side, image: Image) -> Reading:
        if side is Side.PROCORE:
            return Known(self._party(image))
        office = image.get("person_office_id")
        if office is None:
            return Held("4HSE names nobody here")
        return Known(self.directory.to_procore.get(str(office), f"4HSE {office}"))

    def _party(self, image: Image) -> str | None:
        party, user = image.get("affected_party"), image.get("affected_person")
        if isinstance(party, Mapping) and party.get("id") is not None:
            return str(party["id"])
        if isinstance(user, Mapping) and user.get("id") is not None:
            return self.directory.parties.get(str(user["id"]), f"user {user['id']}")
        return None

    def put(self, side: Side, value: Any, current: Image, facts: Image) -> dict[str, Any]:
        if side is Side.FOURHSE:
            if str(value) not in self.directory.to_fourhse:
                raise Unwritable("this person has no partner in the 4HSE office")
            return {"person_office_id": self.directory.to_fourhse[str(value)]}
        if value is None or not str(value).isdecimal():
            raise Unwritable("this person has no partner in Procore's directory")
        return {"affected_party_id": int(value)}

    def agree(self, procore: Any, fourhse: Any) -> bool:
        return bool(procore == fourhse)

    def is_rewrite(self, sent: Any, stored: Any) -> bool:
        return bool(sent == stored)

    def writes(self, side: Side) -> bool:
        return True


@dataclass(frozen=True)
class NumberLens:
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

    def get(self, side: Side, image: Image) -> Reading:
        written = image.get(self.key(side))
        try:
            return Known(int(written) or None if written not in (None, "") else None)
        except (TypeError, ValueError):
            return Held(f"{side.title} shows {written!r} where a number stands", word=str(written))

    def put(self, side: Side, value: Any, current: Image, facts: Image) -> dict[str, Any]:
        return {self.key(side): int(value or 0)}

    def agree(self, procore: Any, fourhse: Any) -> bool:
        return bool(procore == fourhse)

    def is_rewrite(self, sent: Any, stored: Any) -> bool:
        return bool(sent == stored)

    def writes(self, side: Side) -> bool:
        return True


PERSON = Field("person", "Person", PersonLens())
DAYS = Field("days", "Days of absence", NumberLens("work_days_absent", "days"))


def rows_for(kind: Kind, directory: Directory) -> tuple[Field, ...]:
    """The rows by which a record of this Procore kind and an involved person agree; a near miss has no days."""
    person = replace(PERSON, lens=PersonLens(directory))
    return (person, DAYS) if kind is Kind.INJURY else (person,)
