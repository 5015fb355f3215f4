"""Calls that a vendor refused: parked, tried again later or when a side changes, and shown for as long as wanted."""

from __future__ import annotations

import re
from collections.abc import Collection

from procore_4hse.mapping.rules import Field
from procore_4hse.models import Action, QuestionKey, SyncStatus
from procore_4hse.reconcile import items
from procore_4hse.reconcile.draft import Draft
from procore_4hse.reconcile.snapshot import Snapshot, fingerprint


def refusal_fingerprint(action: Action) -> str:
    """Changes when either side's values of the refused call change."""
    return fingerprint(dict(action.sources), dict(action.seen), dict(action.fields))


def may_try(snapshot: Snapshot, action: Action) -> bool:
    refusal = snapshot.refusals.get(QuestionKey.refused(action))
    if refusal is None or refusal.fingerprint != refusal_fingerprint(action):
        return True
    decision = snapshot.decisions.get(refusal.key)
    return bool(decision and decision.verb == "retry") or refusal.next_try is None or snapshot.now >= refusal.next_try


NAMED = re.compile(r"(?:^|; )([a-z_]\w*): ")
"""The fields that a vendor's words name, in whatever language they go on."""


def lacking(rows: Collection[Field], action: Action, words: str) -> tuple[items.Lacking, ...]:
    """The fields that a vendor's words name, and which a refused call did not send; `rows` are those of its kind."""
    missing = dict.fromkeys(name for name in NAMED.findall(words) if action.fields.get(name) in (None, "", []))
    return tuple(
        items.Lacking(name, next((row for row in rows if name in row.lens.names(action.side)), None))
        for name in missing
    )


def keep_open(snapshot: Snapshot, action: Action, title: str, draft: Draft, *, tried: bool) -> None:
    """The item of a refused call stays open for as long as the call is wanted; one that is tried now may succeed."""
    refusal = snapshot.refusals.get(QuestionKey.refused(action))
    if refusal is None:
        return
    rows = snapshot.mapping.rows_for(action.kind, snapshot.people.picklists)
    wanted = lacking(rows, action, refusal.words)
    draft.items.append(items.refused(snapshot.mapping, refusal, action, title, wanted))
    if tried:
        return
    for record in action.refs:
        draft.set_status(record.side, record.id, SyncStatus.REFUSED)
