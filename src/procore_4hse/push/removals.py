"""Deletes and restores: what is back must not cost its partner, and what goes leaves its last image behind."""

from __future__ import annotations

from dataclasses import dataclass, replace

import structlog

from procore_4hse.errors import NotFound
from procore_4hse.mapping.lenses.equipment import is_gone
from procore_4hse.models import Action, Kind
from procore_4hse.push.outcomes import Outcomes
from procore_4hse.push.steps import Steps
from procore_4hse.store.journal import Intent

log = structlog.get_logger()


@dataclass(frozen=True)
class Removals:
    """Takes records away, and brings them back."""

    steps: Steps
    outcomes: Outcomes

    def delete(self, action: Action) -> None:
        intent = self.steps.intend(action)
        before = self.steps.re_read(intent)
        self._confirm_gone(intent)
        self.steps.send(intent, lambda: self._send(action))
        with self.steps.begin() as unit:
            staging, links = unit.staging(self.steps.key), unit.links(self.steps.key)
            if (staged := staging.find(action.ref(action.side))) is not None:
                links.bury(replace(staged.record, payload=before), "deleted by us: " + action.reason)
            staging.forget(action.ref(action.side))
            self.steps.end(unit, intent, "done", {})
        if action.kind is Kind.INCIDENT:
            self.outcomes.done.deleted.add(action.ref(action.side))

    def restore(self, action: Action) -> None:
        intent, api = self.steps.intend(action), self.steps.apis[action.side]
        self.steps.send(intent, lambda: api.restore(action.kind.on(action.side), action.target_id or ""))
        with self.steps.begin() as unit:
            self.steps.end(unit, intent, "done", {})

    def _confirm_gone(self, intent: Intent) -> None:
        """The other side is looked at again: what is back must not cost its partner."""
        action, other = intent.action, intent.action.side.other
        there = self.steps.look(intent, other, action.source_id)
        if there is not None and not is_gone(action.kind, there.record.payload):
            self.steps.abandon(intent, f"{other.label} shows the deleted incident again")

    def _send(self, action: Action) -> None:
        api = self.steps.apis[action.side]
        try:
            api.delete(action.kind.on(action.side), action.target_id or "", force=True)
        except NotFound:
            log.info("push.already_gone", side=action.side.value, record=action.target_id)
