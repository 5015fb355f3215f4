"""Who is who: a person of Procore's directory and the same person's assignment to the 4HSE office."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date

from procore_4hse.mapping.person_keys import key, name_key, names_contradict
from procore_4hse.models import Image, Side, text_id

Key = Callable[[Image], object]
PersonKey = Callable[[Image], str]
Names = Mapping[Side, Mapping[str, str]]
"""Name by id, of everybody whom a side's list shows."""


@dataclass(frozen=True)
class Hint:
    """A rule that speaks for somebody of the other side, and yet does not count."""

    rule: str
    id: str


PERSON_ID = {Side.PROCORE: "id", Side.FOURHSE: "person_office_id"}
"""Where a directory's row bears the id by which records name the person."""
PREFIX = {Side.PROCORE: "", Side.FOURHSE: "person_"}
"""What stands before the two names in a directory's row."""
LEFT_ON = "@left_on"
"""Of a row that its list keeps, or we do, for old records alone: the day on which we first saw that they had left."""


@dataclass(frozen=True)
class Directory:
    """Partners both ways: Procore person (party) ids and 4HSE person-office ids, each partner of one at most."""

    to_fourhse: Mapping[str, str] = field(default_factory=dict)
    to_procore: Mapping[str, str] = field(default_factory=dict)
    parties: Mapping[str, str] = field(default_factory=dict)
    """Procore user id -> person id (P93)."""
    unpaired: Mapping[Side, tuple[tuple[str, str], ...]] = field(default_factory=dict)
    """Id and name of those without a partner."""
    told: Mapping[str, str] = field(default_factory=dict)
    """The partners that the mapping's table or a person named; the others were found by a rule."""
    names: Names = field(default_factory=dict)
    keys: Mapping[Side, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    """What each is recognised by, one key for each rule; an empty one tells nothing."""
    hints: Mapping[Side, Mapping[str, tuple[Hint, ...]]] = field(default_factory=dict)
    """What speaks for a partner of those who have none."""
    left: Mapping[Side, Mapping[str, date]] = field(default_factory=dict)
    """Those who left, each with the day on which we first saw that."""
    earlier: Mapping[str, str] = field(default_factory=dict)
    """Ended assignments -> the assignment that stands for the same person."""
    unassigned: Mapping[str, str] = field(default_factory=dict)
    """Procore person id -> whom of the 4HSE company it may be, who is not assigned to the office, in words."""

    @classmethod
    def of(
        cls,
        people: Iterable[Image],
        assigned: Iterable[Image],
        partners: Mapping[str, str],
        rules: Iterable[str] | None = None,
        remembered: Mapping[str, str] | None = None,
        company: Iterable[Image] = (),
    ) -> Directory:
        """Partners by the mapping's table, then by what people answered, then by the rules that nothing contradicts.

        Whoever is there now is looked for among those who are there now; only then do those who left count.
        `company` are people of 4HSE's company without an assignment to the office, in the form of an assignment.
        """
        named = tuple(RULES if rules is None else rules)
        listed = {Side.PROCORE: people, Side.FOURHSE: assigned}
        rows = {side: {str(row[PERSON_ID[side]]): row for row in listed[side]} for side in Side}
        left = {side: dict(_who_left(rows[side])) for side in Side}
        earlier = _earlier_assignments(rows[Side.FOURHSE], left[Side.FOURHSE])
        given = told_partners(partners, remembered or {}).items()
        told = {party: earlier.get(office, office) for party, office in given}
        names = {side: {person: entry_name(side, row) for person, row in rows[side].items()} for side in Side}
        keys = {
            side: {one: keys_of(side, row, named) for one, row in rows[side].items() if one not in earlier}
            for side in Side
        }
        search = _searched(named, names, keys, left, told)
        back = {office: party for party, office in search.pairs.items()}
        taken = {Side.PROCORE: search.pairs.keys(), Side.FOURHSE: back.keys()}
        alone = {side: [one for one in keys[side] if one not in taken[side]] for side in Side}
        users = {str(row["user_id"]): one for one, row in rows[Side.PROCORE].items() if row.get("user_id") is not None}
        found = cls(
            to_fourhse=search.pairs,
            to_procore=back | {once: back[now] for once, now in earlier.items() if now in back},
            parties=users,
            unpaired={side: tuple((one, names[side][one]) for one in alone[side]) for side in Side},
            told=told,
            names=names,
            keys=keys,
            hints=search.hints(),
            left=left,
            earlier=earlier,
        )
        return replace(found, unassigned=dict(_of_company(found, named, company)))

    def alike(self, side: Side, name: str) -> list[tuple[str, str]]:
        """Those without a partner who share a part of this name."""
        parts = set(name.casefold().split())
        return [each for each in self.unpaired.get(side, ()) if parts & set(each[1].casefold().split())]

    def left_before(self, side: Side, person: str, day: date | None) -> bool:
        """Whether they had left by that day, as far as we know: a record of it may mean somebody else of the name.

        Somebody whom the mapping or a person named is meant all the same.
        """
        gone = self.left.get(side, {}).get(person)
        return gone is not None and not self.is_told(side, person) and (day is None or day > gone)

    def _has_left(self, party: str, office: str) -> bool:
        return party in self.left.get(Side.PROCORE, {}) or office in self.left.get(Side.FOURHSE, {})

    def name(self, side: Side, person: str) -> str:
        """The person as the list shows them, else their id."""
        return self.names.get(side, {}).get(person) or person

    def partner(self, side: Side, person: str) -> str | None:
        """The other side's id of this person."""
        return (self.to_fourhse if side is Side.PROCORE else self.to_procore).get(person)

    def is_told(self, side: Side, person: str) -> bool:
        """Whether the mapping's table or a person named this one's partner."""
        party = person if side is Side.PROCORE else self.to_procore.get(person)
        return party in self.told

    def parts(self, party: str, office: str) -> bool:
        """Whether the lists now speak against a pair that was taken for one person: one of them has another partner,
        or both are listed, and no rule fits them any more.

        Somebody who left a list, or a namesake who joined it, says nothing about a pair from before.
        """
        office = self.earlier.get(office, office)
        if not self.is_told(Side.PROCORE, party) and self._has_left(party, office):
            return False
        if self.to_fourhse.get(party, office) != office or self.to_procore.get(office, party) != party:
            return True
        mine, theirs = self.keys.get(Side.PROCORE, {}).get(party), self.keys.get(Side.FOURHSE, {}).get(office)
        if mine is None or theirs is None:
            return False
        return not any(one and one == other for one, other in zip(mine, theirs, strict=True))


def keys_of(side: Side, row: Image, rules: Iterable[str]) -> tuple[str, ...]:
    """What somebody is recognised by, one key for each rule."""
    return tuple(RULES[rule][0 if side is Side.PROCORE else 1](row) for rule in rules)


def _searched(
    rules: tuple[str, ...],
    names: Names,
    keys: Mapping[Side, Mapping[str, tuple[str, ...]]],
    left: Mapping[Side, Mapping[str, date]],
    told: Mapping[str, str],
) -> Search:
    """Pairs among those who are there now; only then those who left count."""
    search = Search(rules, names, {side: _without(keys[side], left[side]) for side in Side}, told)
    return Search(rules, names, keys, search.pairs) if any(left.values()) else search


def _who_left(rows: Mapping[str, Image]) -> Iterator[tuple[str, date]]:
    yield from ((one, date.fromisoformat(row[LEFT_ON])) for one, row in rows.items() if row.get(LEFT_ON))


def _without(rows: Mapping[str, tuple[str, ...]], left: Collection[str]) -> dict[str, tuple[str, ...]]:
    return {one: keys for one, keys in rows.items() if one not in left}


def _earlier_assignments(rows: Mapping[str, Image], left: Mapping[str, date]) -> dict[str, str]:
    """Assignments that ended, of people who have another one: one that stands, else the one that ended last."""
    own: dict[str, list[str]] = defaultdict(list)
    for one, row in rows.items():
        own[text_id(row.get("person_id")) or f"assignment {one}"].append(one)
    earlier: dict[str, str] = {}
    for several in own.values():
        now = max(several, key=lambda one: (left.get(one, date.max), one))
        earlier |= {one: now for one in several if one in left and one != now}
    return earlier


def _of_company(found: Directory, rules: tuple[str, ...], company: Iterable[Image]) -> Iterator[tuple[str, str]]:
    """Whom of the company the rules know as somebody in Procore's list who has no partner in the office."""
    strangers = [(one, found.keys[Side.PROCORE][one]) for one, _ in found.unpaired[Side.PROCORE]]
    by_key: dict[tuple[int, str], str] = {}
    for row in company:
        name, code = entry_name(Side.FOURHSE, row), row.get("person_code")
        told = f"{name} ({code})" if code else name
        by_key |= {(place, each): told for place, each in enumerate(keys_of(Side.FOURHSE, row, rules)) if each}
    for person, keys in strangers:
        known = next((by_key[place, each] for place, each in enumerate(keys) if (place, each) in by_key), None)
        if known is not None:
            yield person, known


def told_partners(table: Mapping[str, str], remembered: Mapping[str, str]) -> dict[str, str]:
    """The mapping's table, and the answers of people that nothing in it contradicts.

    Entries that give one person to two contradict each other: none of them counts.
    """
    offices = frozenset(table.values())
    rest = {party: office for party, office in remembered.items() if party not in table and office not in offices}
    return {**_one_to_one(table), **_one_to_one(rest)}


def _one_to_one(pairs: Mapping[str, str]) -> dict[str, str]:
    given = Counter(pairs.values())
    return {party: office for party, office in pairs.items() if given[office] == 1}


def assignment_in(image: Image) -> str | None:
    """The assignment to the office that an involved person of 4HSE is; None when it shows none."""
    assignment = image.get(PERSON_ID[Side.FOURHSE])
    return None if assignment is None else str(assignment)


def name_in(side: Side, image: Image) -> str:
    """The person that a record names; empty when it shows no name."""
    if side is Side.FOURHSE:
        return _full_name(image, PREFIX[Side.FOURHSE])
    named = (image.get("affected_party"), image.get("affected_person"))
    return next((str(who["name"]).strip() for who in named if isinstance(who, Mapping) and who.get("name")), "")


def entry_name(side: Side, row: Image) -> str:
    """The name of a row of a side's directory."""
    return _full_name(row, PREFIX[side])


def _full_name(row: Image, prefix: str = "") -> str:
    # Split and joined, for names come with outer blanks (payloads 2.1.7).
    return " ".join(f"{row.get(prefix + 'first_name') or ''} {row.get(prefix + 'last_name') or ''}".split())


def _folded(value: object) -> str:
    return str(value or "").strip().casefold()


FEW = 5
"""So many are named whom one rule fits alike."""
NAME = "exact name"
RULES: Mapping[str, tuple[PersonKey, PersonKey]] = {
    "employee id is code": (lambda p: key(p.get("employee_id")), lambda a: key(a.get("person_code"))),
    "employee id is tax code": (lambda p: key(p.get("employee_id")), lambda a: key(a.get("person_tax_code"))),
    "e-mail": (
        lambda p: key(p.get("email") or p.get("email_address")),
        lambda a: key(a.get("person_entity_id")),  # The id of a person's account at 4HSE is their e-mail address.
    ),
    NAME: (
        lambda p: name_key(p.get("first_name"), p.get("last_name")),
        lambda a: name_key(a.get("person_first_name"), a.get("person_last_name")),
    ),
}
"""How a person is recognised, by the words of a mapping file, in the usual order."""


class Search:
    """Looks for partners by rules; `pairs` holds the told ones first.

    A rule counts only when it fits one person of each side and nothing contradicts it: no other rule fits one of the
    two with somebody else, and their names share a word. So the order of lists and of rules decides nothing.
    """

    def __init__(
        self,
        rules: tuple[str, ...],
        names: Names,
        keys: Mapping[Side, Mapping[str, tuple[str, ...]]],
        told: Mapping[str, str],
    ) -> None:
        self.rules, self.names = rules, names
        self.pairs = dict(told)
        self.rows = {side: _without_shared(rules, keys[side]) for side in Side}
        self._match()

    def _match(self) -> None:
        """Whoever has a partner is out of the way, so that a name may fit one person left where it fitted two."""
        found: dict[str, str] | None = None
        while found is None or found:
            self.fits = [self._fit(rule) for rule in range(len(self.rules))]
            found = {party: office for party, office in self._single() if self._is_certain(party, office)}
            self.pairs |= found

    def _fit(self, rule: int) -> dict[str, tuple[list[str], list[str]]]:
        """Whom this rule fits, by key: those of both sides who have no partner yet."""
        taken = {Side.PROCORE: self.pairs.keys(), Side.FOURHSE: frozenset(self.pairs.values())}
        found: dict[str, tuple[list[str], list[str]]] = {}
        for place, side in enumerate((Side.PROCORE, Side.FOURHSE)):
            for person, own in self.rows[side].items():
                if own[rule] and person not in taken[side]:
                    found.setdefault(own[rule], ([], []))[place].append(person)
        return {same: both for same, both in found.items() if all(both)}

    def _single(self) -> Iterator[tuple[str, str]]:
        for fits in self.fits:
            yield from ((here[0], there[0]) for here, there in fits.values() if len(here) == len(there) == 1)

    def _is_certain(self, party: str, office: str) -> bool:
        mine, theirs = self.rows[Side.PROCORE][party], self.rows[Side.FOURHSE][office]
        for one, other, fits in zip(mine, theirs, self.fits, strict=True):
            if one != other and (one in fits or other in fits):
                return False
        return not names_contradict(self.names[Side.PROCORE][party], self.names[Side.FOURHSE][office])

    def hints(self) -> dict[Side, dict[str, tuple[Hint, ...]]]:
        """What the rules say of those who have no partner."""
        found: dict[Side, dict[str, tuple[Hint, ...]]] = {side: defaultdict(tuple) for side in Side}
        for rule, fits in zip(self.rules, self.fits, strict=True):
            for here, there in fits.values():
                for side, mine, theirs in ((Side.PROCORE, here, there), (Side.FOURHSE, there, here)):
                    for person in mine:
                        found[side][person] += tuple(Hint(rule, other) for other in theirs[:FEW])
        return found


def _without_shared(rules: tuple[str, ...], rows: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """The keys of a side but for those that several people share, such as a mailbox; namesakes keep their name."""
    shared = [Counter(own[place] for own in rows.values()) for place in range(len(rules))]
    return {
        person: tuple(
            each if rule == NAME or shared[place][each] == 1 else ""
            for place, (rule, each) in enumerate(zip(rules, own, strict=True))
        )
        for person, own in rows.items()
    }


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
        pairs |= {here[one][0]: there[one][0] for one in here if len(here[one]) == 1 == len(there.get(one, ()))}
    return pairs


def _by(key_of: Key, rows: Mapping[str, Image], taken: Collection[str]) -> dict[object, list[str]]:
    row_ids: dict[object, list[str]] = defaultdict(list)
    for row_id, row in rows.items():
        if row_id not in taken and key_of(row):  # Two rows without a number do not share one.
            row_ids[key_of(row)].append(row_id)
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
        several = (one for one in here if len(here[one]) + len(there.get(one, ())) > 2 and one in there)
        unclear += ((rule, tuple(here[one]), tuple(there[one])) for one in several)
    return unclear
