"""Whom records name beside those who are there now: people who left, and people of the company outside the office."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace

from procore_4hse.mapping.directory import LEFT_ON, Directory, keys_of
from procore_4hse.mapping.entries import company_entry
from procore_4hse.mapping.picklists import Picklists
from procore_4hse.mapping.rules import FieldMapping
from procore_4hse.mapping.translate import unsaid
from procore_4hse.models import PEOPLE_RECORDS, Image, Kind, RawRecord, Side, text_id

OVER = (False, 0, "0", "false")
"""How 4HSE may say no; some of its flags are numbers (H4)."""
COMPANY = re.compile(r"\s*\([^()]*\)\s*$")
"""Behind a name, as Procore may show it (payloads 2.1.7)."""


def dated(rows: Iterable[RawRecord], before: Iterable[RawRecord], today: str) -> tuple[RawRecord, ...]:
    """Assignments to the office, those that ended marked with the day on which we first saw it; no list tells it."""
    known = _first_seen(before)
    return tuple(
        _marked(row, known.get(row.id, today)) if row.payload.get("owned_active") in OVER else row for row in rows
    )


def gone_from_site(
    listed: Iterable[RawRecord], before: Iterable[RawRecord], records: Iterable[RawRecord], today: str
) -> Iterator[RawRecord]:
    """Whom records of Procore name and its list no longer shows: as we knew them last, else by their name (P95)."""
    rows = {row.id: row for row in listed}
    users = {text_id(row.payload.get("user_id")) for row in rows.values()} - {None}
    former, known = {row.id: row for row in before}, _first_seen(before)
    for person, name in _named(records, users).items():
        if person not in rows:
            row = former.get(person) or RawRecord(
                Side.PROCORE, Kind.DIRECTORY, person, {"id": person, "first_name": name}
            )
            yield _marked(row, known.get(person, today))


def named_on_site(records: Iterable[RawRecord]) -> frozenset[str]:
    """The ids of all whom records of Procore name as somebody of its list."""
    return frozenset(one for one in _named(records, frozenset()) if one.isdecimal())


def outside_the_office(
    company: Iterable[Image],
    assigned: Iterable[RawRecord],
    directory: Directory,
    strangers: Collection[str],
    rules: tuple[str, ...],
) -> Iterator[RawRecord]:
    """Those of the company who may be one of `strangers` and are not assigned to the office now."""
    here = {text_id(row.payload.get("person_id")) for row in assigned if LEFT_ON not in row.payload}
    sought = {pair for one in strangers for pair in enumerate(directory.keys[Side.PROCORE].get(one, ())) if pair[1]}
    for row in company:
        entry = company_entry(row)
        if entry is None or entry.payload["person_id"] in here:
            continue
        if sought & set(enumerate(keys_of(Side.FOURHSE, entry.payload, rules))):
            yield entry


def lacks(mapping: FieldMapping, lists: Picklists, record: RawRecord) -> bool:
    """Whether a record below an incident names somebody or a word that, by the lists, the other system lacks."""
    kinds = {Kind.PERSON: PEOPLE_RECORDS, Kind.RESOURCE: (Kind.EQUIPMENT,)}.get(record.kind, (record.kind,))
    try:
        return any(unsaid(mapping.rows_for(kind, lists), record.side.other, record.payload, "UTC") for kind in kinds)
    except Exception:  # Somebody who must be known is not; or it is a value that no lens expects.
        return True


def _named(records: Iterable[RawRecord], users: Collection[str | None]) -> dict[str, str]:
    """Id and name of all whom they name; users whom the list has under another id are left to it (P93)."""
    named: dict[str, str] = {}
    for record in records:
        party, user = (record.payload.get(name) for name in ("affected_party", "affected_person"))
        if isinstance(party, Mapping) and (one := text_id(party.get("id"))):
            named[one] = _name(party)
        elif isinstance(user, Mapping) and (one := text_id(user.get("id"))) and one not in users:
            named[f"user {one}"] = _name(user)
    return named


def _name(who: Image) -> str:
    return COMPANY.sub("", str(who.get("name") or "")).strip()


def _first_seen(before: Iterable[RawRecord]) -> dict[str, str]:
    return {row.id: row.payload[LEFT_ON] for row in before if row.payload.get(LEFT_ON)}


def _marked(row: RawRecord, day: str) -> RawRecord:
    return replace(row, payload={**row.payload, LEFT_ON: day})
