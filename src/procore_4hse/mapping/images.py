"""Images: a vendor's payload with the facts that lenses need beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from procore_4hse.mapping.lenses.base import ACTIONS, INJURED, RECORDED, STATUS_AT, TIED, UNNAMED, ZONE
from procore_4hse.mapping.lenses.category import Meaning
from procore_4hse.mapping.lenses.days import parse_instant
from procore_4hse.mapping.lenses.records import STATEMENTS, statements
from procore_4hse.models import Image, Kind, RawRecord, Side, Staged, normal_id, text_id


def image_of(
    staged: Staged,
    zone: str,
    *,
    recorded: Sequence[str] | None = None,
    unnamed: Mapping[str, str] | None = None,
    actions: str | None = None,
    tied: Mapping[str, str] | None = None,
) -> Image:
    """What a lens may read of a staged record; what comes from lists is None while these are not complete."""
    facts: dict[str, object] = {ZONE: zone, STATUS_AT: staged.status_at}
    if tied is not None:
        facts[TIED] = tied
    if staged.record.side is Side.PROCORE:  # 4HSE's incidents tell neither.
        injured = None if recorded is None else Meaning.INJURY in recorded
        facts |= {INJURED: injured, RECORDED: recorded, ACTIONS: actions}
        facts |= {UNNAMED: {**(unnamed or {}), STATEMENTS: statements(staged.record.payload)}}
    return {**staged.record.payload, **facts}


REPEATED = frozenset(
    {
        *("incident_title", "incident_private", "incident_created_by"),
        *("incident_code", "incident_name", "incident_date", "incident_category"),
        *("project_name", "project_type", "office_name"),
    }
)
"""What the rows of people and equipment repeat of their incident and of where it stands: none of it is their own."""


def author_of(record: RawRecord) -> str | None:
    """Who made a record: Procore's account id, 4HSE's user name."""
    if record.side is Side.FOURHSE:
        creator = record.payload.get("creator")
        return None if creator is None else str(creator)
    account = record.payload.get("created_by")
    account_id = account.get("id") if isinstance(account, dict) else None
    return None if account_id is None else str(account_id)


def other_office(record: RawRecord, office: str) -> str:
    """The office of 4HSE in which a record stands, where that is another one than this; else empty."""
    told = text_id(record.payload.get("subtenant_id")) if record.side is Side.FOURHSE else None
    return "" if told in (None, normal_id(office)) else str(told)


def is_private(record: RawRecord) -> bool:
    """Whether Procore marks an incident private."""
    return record.kind is Kind.INCIDENT and bool(record.payload.get("private"))


def made_at(record: RawRecord) -> datetime | None:
    """When Procore says that a record was made."""
    return parse_instant(record.payload.get("created_at"))


def was_edited(record: RawRecord) -> bool:
    """Whether Procore says that a record was changed since it was made; 4HSE has no change date."""
    made, changed = made_at(record), parse_instant(record.payload.get("updated_at"))
    return record.side is Side.PROCORE and made is not None and changed is not None and changed > made


def deleted_at(image: Image) -> str | None:
    """Since when a Procore record that can still be shown lies in the recycle bin."""
    moment = image.get("deleted_at")
    return str(moment) if moment else None


def has_unknown_time(image: Image) -> bool:
    """Whether Procore knows of an incident's moment the day alone."""
    return bool(image.get("time_unknown"))


def stated_count(image: Image, below: str) -> object:
    """How many `records` or `actions` a Procore incident counts; None when it does not say."""
    stated = image.get(f"{below}_count")
    number = text_id(stated) or ""
    return int(number) if number.isdecimal() else stated  # A number may come as text; anything else agrees with none.


def parent_in(fields: Image) -> object:
    """The incident below which a create of ours puts a record in 4HSE."""
    return fields.get("office_incident_id")
