"""Who is who: a person of Procore's directory and the same person's assignment to the 4HSE office."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field

from procore_4hse.models import Image, Side

Key = Callable[[Image], object]

PERSON_ID = {Side.PROCORE: "id", Side.FOURHSE: "person_office_id"}
"""Where a directory's row bears the id by which records name the person."""


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
    def of(
        cls,
        people: Iterable[Image],
        assigned: Iterable[Image],
        partners: Mapping[str, str],
        rules: Iterable[str] | None = None,
    ) -> Directory:
        """Partners by a person's word first, then by the ordered rules; what a rule leaves ambiguous stays open."""
        left, right = list(people), list(assigned)
        pairs = paired(
            {str(row[PERSON_ID[Side.PROCORE]]): row for row in left},
            {str(row[PERSON_ID[Side.FOURHSE]]): row for row in right},
            (RULES[rule] for rule in (RULES if rules is None else rules)),
            partners,
        )
        parties = {str(p["user_id"]): str(p["id"]) for p in left if p.get("user_id") is not None}
        names = {Side.PROCORE: [(str(p["id"]), _full_name(p)) for p in left]}
        names[Side.FOURHSE] = [(str(a["person_office_id"]), _full_name(a, "person_")) for a in right]
        taken = {Side.PROCORE: pairs.keys(), Side.FOURHSE: frozenset(pairs.values())}
        unpaired = {side: tuple(each for each in names[side] if each[0] not in taken[side]) for side in Side}
        return cls(pairs, {office: party for party, office in pairs.items()}, parties, unpaired)

    def alike(self, side: Side, name: str) -> list[tuple[str, str]]:
        """Those without a partner who share a part of this name."""
        parts = set(name.casefold().split())
        return [each for each in self.unpaired.get(side, ()) if parts & set(each[1].casefold().split())]


def assignment_in(image: Image) -> str | None:
    """The assignment to the office that an involved person of 4HSE is; None when it shows none."""
    assignment = image.get(PERSON_ID[Side.FOURHSE])
    return None if assignment is None else str(assignment)


def name_in(side: Side, image: Image) -> str:
    """The person that a record names; empty when it shows no name."""
    if side is Side.FOURHSE:
        return _full_name(image, "person_")
    named = (image.get("affected_party"), image.get("affected_person"))
    return next((str(who["name"]).strip() for who in named if isinstance(who, Mapping) and who.get("name")), "")


def _full_name(row: Image, prefix: str = "") -> str:
    # Split and joined, for names come with outer blanks (payloads 2.1.7).
    return " ".join(f"{row.get(prefix + 'first_name') or ''} {row.get(prefix + 'last_name') or ''}".split())


def _name(first: object, last: object) -> str:
    return " ".join(f"{first or ''} {last or ''}".split()).casefold()


def _folded(value: object) -> str:
    return str(value or "").strip().casefold()


RULES: Mapping[str, tuple[Key, Key]] = {
    "employee id is code": (lambda p: _folded(p.get("employee_id")), lambda a: _folded(a.get("person_code"))),
    "employee id is tax code": (lambda p: _folded(p.get("employee_id")), lambda a: _folded(a.get("person_tax_code"))),
    "e-mail": (
        lambda p: _folded(p.get("email") or p.get("email_address")),
        lambda a: _folded(a.get("person_entity_id")),  # The id of a person's account at 4HSE is their e-mail address.
    ),
    "exact name": (
        lambda p: _name(p.get("first_name"), p.get("last_name")),
        lambda a: _name(a.get("person_first_name"), a.get("person_last_name")),
    ),
}
"""How a person is recognised, by the words of a mapping file, in the usual order; each only when unique."""


def paired(
    left: Mapping[str, Image],
    right: Mapping[str, Image],
    rules: Iterable[tuple[Key, Key]],
    exceptions: Mapping[str, str],
) -> dict[str, str]:
    """Ids of two lists that mean the same: exceptions, then rules in order, where each fits one row per side."""
    pairs = dict(exceptions)
    for mine, theirs in rules:
        # Whoever an earlier rule paired is out of the way, so that a later rule may find one left where there were two.
        here, there = _by(mine, left, pairs.keys()), _by(theirs, right, pairs.values())
        pairs |= {here[key][0]: there[key][0] for key in here if len(here[key]) == 1 == len(there.get(key, ()))}
    return pairs


def _by(key: Key, rows: Mapping[str, Image], taken: Collection[str]) -> dict[object, list[str]]:
    row_ids: dict[object, list[str]] = defaultdict(list)
    for row_id, row in rows.items():
        if row_id not in taken and key(row):  # Two rows without a number do not share one.
            row_ids[key(row)].append(row_id)
    return row_ids


EQUIPMENT_RULES: Mapping[str, tuple[Key, Key]] = {
    "identification number is code": (
        lambda p: _folded(p.get("identification_number")),
        lambda h: _folded(h.get("code")),
    ),
    "serial number": (lambda p: _folded(p.get("serial_number")), lambda h: _folded(h.get("serial"))),
    "exact name": (lambda p: _folded(p.get("name")), lambda h: _folded(h.get("name"))),
}
"""How a piece of equipment is recognised, by the words of a mapping file; each only when unique."""


@dataclass(frozen=True)
class EquipmentDirectory:
    """Partners both ways: Procore's managed equipment ids and 4HSE's office equipment ids."""

    to_fourhse: Mapping[str, str] = field(default_factory=dict)
    to_procore: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(
        cls, left: Mapping[str, Image], right: Mapping[str, Image], rules: Iterable[str], exceptions: Mapping[str, str]
    ) -> EquipmentDirectory:
        pairs = paired(left, right, (EQUIPMENT_RULES[rule] for rule in rules), exceptions)
        return cls(pairs, {there: here for here, there in pairs.items()})


Doubt = tuple[str, tuple[str, ...], tuple[str, ...]]
"""A rule, and the ids of both lists that it fits alike, more than one in one of them."""


def doubts(
    left: Mapping[str, Image], right: Mapping[str, Image], rules: Iterable[str], equipment: EquipmentDirectory
) -> list[Doubt]:
    """Where a rule chose no partner, because it fits several of those that have none."""
    unclear: list[Doubt] = []
    for rule in rules:
        mine, theirs = EQUIPMENT_RULES[rule]
        here, there = _by(mine, left, equipment.to_fourhse.keys()), _by(theirs, right, equipment.to_procore.keys())
        several = (key for key in here if len(here[key]) + len(there.get(key, ())) > 2 and key in there)
        unclear += ((rule, tuple(here[key]), tuple(there[key])) for key in several)
    return unclear
