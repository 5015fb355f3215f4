"""Equipment without a partner: what both systems' lists hold, and how many incidents name each piece."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from procore_4hse.mapping.directory import EquipmentDirectory, doubts
from procore_4hse.mapping.lenses.equipment import RESOURCE_TYPE, names_equipment
from procore_4hse.mapping.rules import FieldMapping
from procore_4hse.models import Image, Side
from procore_4hse.operations.coverage import Gap

FEW = 5
"""So many pieces that nothing names are listed."""
IDS = {Side.PROCORE: "id", Side.FOURHSE: "office_equipment_id"}
NUMBERS = {Side.PROCORE: ("identification_number", "serial_number"), Side.FOURHSE: ("code", "serial")}
MEND = "give both the same number, or name them under `partners` in equipment.yaml"


@dataclass(frozen=True)
class EquipmentList:
    """One system's equipment by id, and the incidents whose records name each piece."""

    side: Side
    rows: Mapping[str, Image]
    named: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, side: Side, rows: Iterable[Image], records: Iterable[Image]) -> EquipmentList:
        """`records` are Procore's records of an incident, or 4HSE's resources; what was deleted does not count."""
        named: dict[str, set[str]] = defaultdict(set)
        for record in records:
            piece, incident = _piece(side, record)
            if piece is not None:
                named[piece].add(str(incident))
        # Procore's list may still show what was deleted.
        listed = {str(row[IDS[side]]): row for row in rows if not row.get("deleted_at")}
        return cls(side, listed, {piece: frozenset(incidents) for piece, incidents in named.items()})

    def called(self, piece: str) -> str:
        """A piece as people know it: its name and its number."""
        row = self.rows.get(piece, {})
        number = next((row[key] for key in NUMBERS[self.side] if row.get(key)), piece)
        return f"{row['name']} ({number})" if row.get("name") else str(number)

    def incidents(self, *pieces: str) -> int:
        return len(frozenset[str]().union(*(self.named.get(piece, frozenset()) for piece in pieces)))


def _piece(side: Side, record: Image) -> tuple[str | None, object]:
    if side is Side.PROCORE:
        return (str(record["managed_equipment"]["id"]) if names_equipment(record) else None), record.get("incident_id")
    named = record.get("entity_id") if record.get("entity_type") == RESOURCE_TYPE else None
    return (None if named is None else str(named)), record.get("office_incident_id")


def equipment_gaps(mapping: FieldMapping, procore: EquipmentList, fourhse: EquipmentList) -> list[Gap]:
    """Exceptions that name nothing, rules that fit several pieces, and pieces that have no partner."""
    if not mapping.equipment or mapping.equipment[0].inactive:
        return []
    equipment = EquipmentDirectory.of(procore.rows, fourhse.rows, mapping.equipment_by, mapping.equipment_partners)
    unclear = doubts(procore.rows, fourhse.rows, mapping.equipment_by, equipment)
    doubted = {piece for _, mine, theirs in unclear for piece in (*mine, *theirs)}
    return [
        *_exceptions(mapping, procore, fourhse),
        *(_unclear(rule, procore, mine, fourhse, theirs) for rule, mine, theirs in unclear),
        *_alone(procore, equipment.to_fourhse.keys() | doubted),
        *_alone(fourhse, equipment.to_procore.keys() | doubted),
    ]


def _exceptions(mapping: FieldMapping, procore: EquipmentList, fourhse: EquipmentList) -> Iterator[Gap]:
    for mine, theirs in mapping.equipment_partners.items():
        missing = [
            (listed, piece) for listed, piece in ((procore, mine), (fourhse, theirs)) if piece not in listed.rows
        ]
        if missing:
            where = " and ".join(f"{listed.side.label} shows no {piece}" for listed, piece in missing)
            what = f"equipment.yaml names {mine} and {theirs} as partners, and {where}"
            # The larger one, not the sum: linked incidents name the piece on both sides.
            records = max(procore.incidents(mine), fourhse.incidents(theirs))
            yield Gap(what, "correct the exception, or remove it", records)


def _unclear(
    rule: str, procore: EquipmentList, mine: tuple[str, ...], fourhse: EquipmentList, theirs: tuple[str, ...]
) -> Gap:
    fits = (
        f"{len(pieces)} in {listed.side.label}, {', '.join(map(listed.called, pieces))}"
        for listed, pieces in ((procore, mine), (fourhse, theirs))
    )
    what = f"`{rule}` fits several pieces of equipment, so that none is chosen: {'; '.join(fits)}"
    remedy = "give each a number of its own, or name the partners in equipment.yaml"
    return Gap(what, remedy, max(procore.incidents(*mine), fourhse.incidents(*theirs)))


def _alone(listed: EquipmentList, paired: Iterable[str]) -> Iterator[Gap]:
    """Each piece that incidents name, those of most incidents first; then the others, together."""
    label, other = listed.side.label, listed.side.other.label
    without = (listed.rows.keys() | listed.named.keys()) - set(paired)
    for piece in sorted(
        without & listed.named.keys(), key=lambda piece: (-listed.incidents(piece), listed.called(piece))
    ):
        unlisted = "" if piece in listed.rows else f", and {label}'s list does not show it"
        what = f"{label}'s equipment {listed.called(piece)} has no partner in {other}{unlisted}"
        yield Gap(what, MEND, listed.incidents(piece))
    idle = sorted(map(listed.called, without - listed.named.keys()))
    if idle:
        more = f" and {len(idle) - FEW} more" if len(idle) > FEW else ""
        what = f"{label}'s equipment that no incident names has no partner in {other}: {', '.join(idle[:FEW])}{more}"
        yield Gap(what, MEND)
