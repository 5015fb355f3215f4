"""What an action on a child needs of its incident: where it belongs, and whether it may be tried now."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from procore_4hse.models import Act, Action, Link, Side
from procore_4hse.reconcile.draft import Draft
from procore_4hse.reconcile.refusals import keep_open, may_try
from procore_4hse.reconcile.snapshot import Snapshot


def within(action: Action, parent: Link) -> Action:
    """A child that is made again belongs to its incident."""
    if action.act is not Act.CREATE:
        return action
    return replace(action, fields={**action.fields, **incident_id(parent, action.side)})


def want(snapshot: Snapshot, action: Action, title: str, draft: Draft) -> None:
    tried = may_try(snapshot, action)
    keep_open(snapshot, action, title, draft, tried=tried)
    if tried:
        draft.actions.append(action)


def incident_id(parent: Link, side: Side) -> dict[str, Any]:
    return (
        {"incident_id": int(parent.procore_id)} if side is Side.PROCORE else {"office_incident_id": parent.fourhse_id}
    )
