"""A mapping, compiled: which field of one system is which of the other, and who may change what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property

from procore_4hse.mapping.classes import FieldClass
from procore_4hse.mapping.directory import RULES
from procore_4hse.mapping.lenses.base import ACTIONS, Lens, NeedsLists
from procore_4hse.mapping.lenses.category import CategoryLens
from procore_4hse.mapping.lenses.display import EntryLens
from procore_4hse.mapping.lenses.incident import DayLens, TextLens, TitleLens
from procore_4hse.mapping.lenses.office import LISTS, OfficeLens
from procore_4hse.mapping.lenses.person import PersonLens
from procore_4hse.mapping.lenses.records import RecordsLens
from procore_4hse.mapping.lenses.words import PartsLens, WordLens
from procore_4hse.mapping.paths import at
from procore_4hse.mapping.picklists import Picklists
from procore_4hse.models import PEOPLE_RECORDS, Base, Image, Kind, Side

FILING_TYPE = "filing_type"


class Direction(StrEnum):
    BOTH = "both"
    TO_FOURHSE = "procore to 4hse"
    TO_PROCORE = "4hse to procore"
    NONE = "rests"
    """Of a row whose way the route does not go; no mapping file may say so."""

    def writes_to(self, side: Side) -> bool:
        if self is Direction.NONE:  # Else the comparison below would let it write to Procore.
            return False
        return self is Direction.BOTH or (self is Direction.TO_FOURHSE) == (side is Side.FOURHSE)


class OnConflict(StrEnum):
    ASK = "ask a person"
    PROCORE = "procore wins"
    FOURHSE = "4hse wins"

    @property
    def winner(self) -> Side | None:
        return {"procore wins": Side.PROCORE, "4hse wins": Side.FOURHSE}.get(self.value)


@dataclass(frozen=True)
class Wording:
    """What the mapping file tells people about a row; no rule depends on it."""

    procore: str = ""
    fourhse: str = ""
    using: str = ""
    owner: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Field:
    """One row of the mapping. `key` is its stable name in bases and in the inbox, `label` what people read."""

    key: str
    label: str
    lens: Lens
    direction: Direction = Direction.BOTH
    on_conflict: OnConflict = OnConflict.ASK
    wording: Wording = Wording()
    kinds: tuple[Kind, ...] = (Kind.INCIDENT,)
    """The Procore records that have this field."""
    privacy: FieldClass = FieldClass.PLAIN
    blocked: tuple[Side, ...] = ()
    """Where its values would go if its class might cross."""
    fills_only: bool = False
    """Set by the vendor: carried to the side that got the record from there, and never over a value."""
    twin: str = ""
    """The key of another row with the same field in 4HSE: one fills it from what Procore sets itself, and the other
    joins it to a line in Procore."""
    at_creation: bool = False
    """Procore takes its value with a new record alone."""
    alerts_off: bool = False
    """Writes nothing to Procore for now, where it would alert people; see `FieldMapping.suppress_alerts`."""

    def slice(self, side: Side, image: Image) -> dict[str, object]:
        """The raw values that this field reads of a record."""
        return {path: at(image, path) for path in self.lens.reads(side)}

    def base_of(self, procore: Image, fourhse: Image, *, settled: bool = False, lost_on: Side | None = None) -> Base:
        return Base(self.slice(Side.PROCORE, procore), self.slice(Side.FOURHSE, fourhse), settled, lost_on)

    def writes_to(self, side: Side) -> bool:
        return self.travels_to(side) and not (self.alerts_off and side is Side.PROCORE)

    def updates(self, side: Side) -> bool:
        """Whether its values go to records that are there already."""
        return self.writes_to(side) and not (self.at_creation and side is Side.PROCORE)

    def travels_to(self, side: Side) -> bool:
        """Whether its values go there, also when they are held back for now."""
        return self.direction.writes_to(side) and self.lens.writes(side)

    @property
    def way(self) -> Direction:
        """The way that its values go in the end: a category never goes to Procore, whatever its row says."""
        there = frozenset(side for side in Side if self.travels_to(side))
        ways = (Direction.BOTH, Direction.TO_FOURHSE, Direction.TO_PROCORE, Direction.NONE)
        return next(way for way in ways if there == {side for side in Side if way.writes_to(side)})

    @property
    def inactive(self) -> bool:
        """Whether its values go nowhere: it is not compared, asked about or kept."""
        return self.direction is Direction.NONE

    @property
    def left_out(self) -> str:
        """What privacy keeps home, in words; empty when it keeps nothing."""
        where = " or ".join(side.label for side in self.blocked)
        return f"left out: {self.privacy} may not cross to {where}" if where else ""

    def within(self, crossing: Mapping[FieldClass, Direction]) -> Field:
        """The same row, its way met with the one that its class may go."""
        allowed = crossing.get(self.privacy, Direction.BOTH)
        blocked = tuple(side for side in reversed(Side) if self.writes_to(side) and not allowed.writes_to(side))
        if not blocked:
            return self
        left = replace(self, direction=_meet(self.direction, allowed), blocked=(*self.blocked, *blocked))
        # A row that may go one way and whose lens writes only the other goes nowhere.
        return left if any(left.writes_to(side) for side in Side) else replace(left, direction=Direction.NONE)

    def bound(self, picklists: Picklists) -> Field:
        """The same row, told what both systems' own lists hold now."""
        return replace(self, lens=self.lens.bound(picklists)) if isinstance(self.lens, NeedsLists) else self


@dataclass(frozen=True)
class FieldMapping:
    """The rows of a mapping folder in their order. Exactly one reads a title, one a day, one a category."""

    name: str
    fields: tuple[Field, ...]
    digest: str = ""
    """Changes whenever a word or a rule of the folder changes."""
    owner: str = ""
    people: tuple[Field, ...] = ()
    """The rows of an injury or a near miss and an involved person; exactly one says who it is."""
    recognised: tuple[str, ...] = tuple(RULES)
    """How a person of one system is recognised in the other, in this order."""
    partners: Mapping[str, str] = field(default_factory=dict)
    """Procore person id -> 4HSE person-office id: exceptions that go before every rule."""
    validations: bool = False
    """Whether Procore is asked to refuse what lacks a field that the company calls required (P75)."""
    equipment: tuple[Field, ...] = ()
    """The one row of equipment, when the folder has one."""
    equipment_by: tuple[str, ...] = ()
    equipment_partners: Mapping[str, str] = field(default_factory=dict)
    crossing: Mapping[FieldClass, Direction] = field(default_factory=dict)
    """The classes that a route bars, each with the way it may still go."""

    @property
    def by_key(self) -> Mapping[str, Field]:
        return {field.key: field for field in (*self.fields, *self.people, *self.equipment)}

    @cached_property
    def title(self) -> Field:
        return next(field for field in self.fields if isinstance(field.lens, TitleLens))

    @cached_property
    def description(self) -> Field | None:
        """The row that tells what happened, when the mapping has one."""
        texts = (field for field in self.fields if isinstance(field.lens, TextLens))
        return next((field for field in texts if field.lens.reads(Side.PROCORE) == ("description",)), None)

    @cached_property
    def day(self) -> Field:
        return next(field for field in self.fields if isinstance(field.lens, DayLens))

    @cached_property
    def category(self) -> Field | None:
        return next((field for field in self.fields if isinstance(field.lens, CategoryLens)), None)

    @cached_property
    def person(self) -> Field:
        return next(row for row in self.people if isinstance(row.lens, PersonLens))

    @property
    def pickers(self) -> frozenset[str]:
        """The lists of Procore's that the rows need for their ids."""
        lenses = [row.lens for row in (*self.fields, *self.people)]
        named = {lens.picker for lens in lenses if isinstance(lens, WordLens | EntryLens) and lens.picker}
        return frozenset(named | ({"body_parts"} if any(isinstance(lens, PartsLens) for lens in lenses) else set()))

    @property
    def reads_actions(self) -> bool:
        """Whether a row tells of an incident's actions, which cost a list of their own."""
        return any(ACTIONS in row.lens.reads(Side.PROCORE) for row in self.fields if not row.inactive)

    @property
    def tied(self) -> frozenset[Kind]:
        """The lists of what 4HSE's incidents are tied to that rows tell of; each costs a reading of its own."""
        asked = {row.lens.spot.key for row in self.fields if isinstance(row.lens, OfficeLens) and not row.inactive}
        return frozenset(kind for kind, name in LISTS.items() if name in asked)

    @property
    def tells_records(self) -> bool:
        """Whether a row tells of records that name nobody."""
        return any(isinstance(row.lens, RecordsLens) for row in self.fields if not row.inactive)

    def telling(self, kind: Kind) -> Field | None:
        """The row that tells of records of this kind which name nobody, when the mapping has one."""
        lenses = ((row, row.lens) for row in self.fields if not row.inactive)
        return next((row for row, lens in lenses if isinstance(lens, RecordsLens) and lens.tells(kind)), None)

    @property
    def alerting(self) -> tuple[Field, ...]:
        """The rows that write a filing type to Procore, which may alert people by e-mail and push (P73)."""
        going = (row for row in self.people if row.travels_to(Side.PROCORE))
        return tuple(row for row in going if FILING_TYPE in row.lens.names(Side.PROCORE))

    def suppress_alerts(self) -> FieldMapping:
        """The same mapping while nobody is to be alerted: what it would write as a filing type stays unwritten."""
        loud = {row.key for row in self.alerting}
        return replace(self, people=tuple(replace(row, alerts_off=row.key in loud) for row in self.people))

    def bound(self, picklists: Picklists) -> FieldMapping:
        """The same mapping, the rows of an incident told what both systems' own lists hold now."""
        if not any(isinstance(row.lens, NeedsLists) for row in self.fields):
            return self
        return replace(self, fields=tuple(row.bound(picklists) for row in self.fields))

    def rows_for(self, kind: Kind, picklists: Picklists) -> tuple[Field, ...]:
        """The rows by which a Procore record of this kind and its partner agree."""
        rows = self.people if kind in PEOPLE_RECORDS else self.equipment if kind is Kind.EQUIPMENT else self.fields
        return picklists.once(kind, rows, lambda: tuple(row.bound(picklists) for row in rows if kind in row.kinds))

    def narrowed(self, direction: Direction) -> FieldMapping:
        """The same mapping for a route that carries one direction only; rows of the other one rest."""
        if direction is Direction.BOTH:
            return self
        fields, people, equipment = (
            tuple(replace(row, direction=_meet(row.direction, direction)) for row in rows)
            for rows in (self.fields, self.people, self.equipment)
        )
        return replace(self, fields=fields, people=people, equipment=equipment)

    def within(self, crossing: Mapping[FieldClass, Direction]) -> FieldMapping:
        """The same mapping for a route that lets each class cross only as told; a class not named crosses freely."""
        return replace(
            self,
            fields=tuple(row.within(crossing) for row in self.fields),
            people=tuple(row.within(crossing) for row in self.people),
            equipment=tuple(row.within(crossing) for row in self.equipment),
            crossing={**self.crossing, **crossing},
        )


def _meet(row: Direction, route: Direction) -> Direction:
    if route is Direction.BOTH:
        return row
    return route if row in (Direction.BOTH, route) else Direction.NONE
