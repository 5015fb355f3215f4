"""The rows of the mapping that an action carries, and the parts into which it falls."""

from __future__ import annotations

from dataclasses import dataclass, replace

from procore_4hse.mapping import translate
from procore_4hse.mapping.lenses.base import ZONE, Held
from procore_4hse.mapping.lenses.incident import StatusLens
from procore_4hse.mapping.lenses.words import PartsLens
from procore_4hse.mapping.picklists import Picklists
from procore_4hse.mapping.rules import Field, FieldMapping
from procore_4hse.models import Action, Image, Kind, Side


@dataclass(frozen=True)
class Rows:
    """The mapping as the writes of one route use it: in the route's direction, with the systems' lists and the zone."""

    mapping: FieldMapping
    picklists: Picklists
    zone: str

    def of_kind(self, kind: Kind) -> tuple[Field, ...]:
        """The mapping's rows for a link of this kind, in this route's direction."""
        if kind is Kind.INCIDENT:
            return self.mapping.fields
        return self.mapping.rows_for(kind, self.picklists)

    def of(self, action: Action) -> list[Field]:
        """The rows whose values this action carries."""
        return [row for row in self.of_kind(action.kind) if row.key in action.sources and not row.inactive]

    def beside(self, action: Action) -> list[Field]:
        """The rows whose values this action does not carry, and which stand in a text that it writes."""
        others = [row for row in self.of_kind(action.kind) if row.key not in action.sources and not row.inactive]
        return [row for row in others if action.fields.keys() & set(row.lens.reads(action.side))]

    def statuses(self, action: Action) -> list[Field]:
        return [row for row in self.of(action) if isinstance(row.lens, StatusLens)]

    def parts(self, action: Action) -> tuple[Action, ...]:
        """At Procore body parts are cleared before their affliction type (P87), and a status travels alone (P69)."""
        rows = self.of(action) if action.side is Side.PROCORE else []
        first = [row for row in rows if isinstance(row.lens, PartsLens) and row.lens.clears(action.fields)]
        last = [row for row in rows if isinstance(row.lens, StatusLens)]
        groups = [group for group in (first, [row for row in rows if row not in first + last], last) if group]
        return (action,) if len(groups) < 2 else tuple(self.part(action, group) for group in groups)

    def part(self, action: Action, rows: list[Field]) -> Action:
        """The part of an update that carries these rows alone."""
        read = {key for row in rows for key in row.lens.reads(action.side)}
        return replace(
            action,
            fields=self._fields(action, rows, {key for row in rows for key in row.lens.names(action.side)}),
            sources={row.key: action.sources[row.key] for row in rows},
            seen={name: value for name, value in action.seen.items() if name in read},
        )

    def _fields(self, action: Action, rows: list[Field], keys: set[str]) -> Image:
        """What these rows write; where another one writes to the same key, it is left out of that key's value."""
        others = {key for row in self.of(action) if row not in rows for key in row.lens.names(action.side)}
        if not keys & others & action.fields.keys():
            return {name: value for name, value in action.fields.items() if name in keys}
        readings = [(row, row.lens.get(action.side.other, action.sources[row.key])) for row in rows]
        values = [(row, reading.value) for row, reading in readings if not isinstance(reading, Held)]
        return translate.payload(action.side, values, action.seen, {ZONE: self.zone})

    def zoned(self, payload: Image) -> Image:
        """A payload beside the zone, without which no day in it can be read."""
        return {**payload, ZONE: self.zone}
