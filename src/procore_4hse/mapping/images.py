"""Images: a vendor's payload with the facts that lenses need beside it."""

from __future__ import annotations

from procore_4hse.mapping.lenses.base import ACTIONS, INJURED, STATUS_AT, ZONE
from procore_4hse.models import Image, Kind, Side, Staged


def image_of(staged: Staged, zone: str, *, injured: bool | None = None, actions: str | None = None) -> Image:
    """What a lens may read of a staged record; `injured` and `actions` are None while their lists are not complete."""
    facts: dict[str, object] = {ZONE: zone, STATUS_AT: staged.status_at}
    if staged.record.side is Side.PROCORE:  # 4HSE's incidents tell neither.
        facts |= {INJURED: injured, ACTIONS: actions}
    return {**staged.record.payload, **facts}


def author_of(staged: Staged) -> str | None:
    """Who made a record: Procore's account id, 4HSE's user name."""
    if staged.record.side is Side.FOURHSE:
        creator = staged.record.payload.get("creator")
        return None if creator is None else str(creator)
    account = staged.record.payload.get("created_by")
    account_id = account.get("id") if isinstance(account, dict) else None
    return None if account_id is None else str(account_id)


def is_private(staged: Staged) -> bool:
    return staged.record.kind is Kind.INCIDENT and bool(staged.record.payload.get("private"))
