"""Holds each cycle to what it would have decided had it compared everything."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from procore_4hse.engine.snapshots import snapshot
from procore_4hse.engine.unchanged import Comparison
from procore_4hse.models import Side, SyncStatus
from procore_4hse.reconcile.guard import guarded
from procore_4hse.reconcile.plan import plan
from procore_4hse.reconcile.snapshot import Plan, Snapshot


def compare_all_too(patch: pytest.MonkeyPatch) -> list[int]:
    """From now on each cycle that leaves incidents out fails where that changes its plan; how many each left out."""
    left_out: list[int] = []
    see = Comparison.snapshot

    def checked(self: Comparison) -> Snapshot:
        seen = see(self)
        if seen.unchanged:
            left_out.append(seen.unchanged)
            whole = snapshot(self.store, self.inputs)
            require_same(guarded(plan(seen), seen), guarded(plan(whole), whole))
        return seen

    patch.setattr(Comparison, "snapshot", checked)
    return left_out


def require_same(part: Plan, whole: Plan) -> None:
    """The same plan; what was left out is in sync on both sides."""
    for side in Side:
        known = dict(whole.statuses[side])
        places = {record: known.pop(record) for record in part.statuses[side]}
        assert places == part.statuses[side]
        assert [*known.values()] == [SyncStatus.IN_SYNC] * part.unchanged
    assert comparable(part) == comparable(whole)


def comparable(planned: Plan) -> dict[str, Any]:
    bare = replace(planned, statuses={}, unchanged=0)
    told = {name: getattr(bare, name) for name in ("actions", "items", "rebases", "transitions", "held")}
    told |= {name: getattr(bare, name) for name in ("not_duplicates", "answers_in_use", "unknown", "stop")}
    return {**told, "left_to_backfills": bare.left_to_backfills}
