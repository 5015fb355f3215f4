"""Deletes and restores: what is back must not cost its partner, and what goes leaves its last image behind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import structlog

from procore_4hse.apis import FourHseIncidentApi
from procore_4hse.errors import NotFound, OutcomeUnknown, Refused, VendorError
from procore_4hse.mapping.lenses.equipment import is_gone
from procore_4hse.models import Action, Image, Kind, QuestionKey, RawRecord, Side
from procore_4hse.push.outcomes import Outcomes
from procore_4hse.push.steps import Steps
from procore_4hse.reconcile import items
from procore_4hse.reconcile.approval import payload_digest, record_name
from procore_4hse.reconcile.snapshot import Record
from procore_4hse.store.inbox import MOVED
from procore_4hse.store.journal import Intent

log = structlog.get_logger()


@dataclass(frozen=True)
class Removals:
    """Takes records away, and brings them back."""

    steps: Steps
    outcomes: Outcomes
    fourhse: FourHseIncidentApi

    def delete(self, action: Action) -> None:
        intent = self.steps.intend(action)
        before = self.steps.re_read(intent)
        self._confirm_gone(intent)
        self._confirm_place(intent, before)
        self._take_away(intent)
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
        if action.successor is not None:
            self._confirm_replaced(intent, action.successor)
            return
        there = self.steps.look(intent, other, action.source_id)
        if there is not None and not is_gone(action.kind, there.record.payload):
            self.steps.abandon(intent, f"{other.label} shows the deleted incident again")

    def _confirm_replaced(self, intent: Intent, injury: str) -> None:
        """Nobody may vanish from an incident: the injury that took a near miss's place is looked at again."""
        there = self.steps.look(intent, intent.action.side, injury, Kind.INJURY)
        if there is None or is_gone(Kind.INJURY, there.record.payload):
            self.steps.abandon(intent, "Procore no longer shows the injury that took the near miss's place")

    def _confirm_place(self, intent: Intent, before: Image) -> None:
        """What moved to another office of 4HSE is no longer what a person was asked about."""
        listed, now = intent.before.get("subtenant_id"), before.get("subtenant_id")
        if intent.action.side is Side.FOURHSE and None not in (listed, now) and listed != now:
            where = f"It is in another office of 4HSE now: {now}."
            self._ask_again(intent, where, {})
            self.steps.abandon(intent, f"the record moved to office {now} of 4HSE")

    # The call -----------------------------------------------------------------------------------------------------

    def _take_away(self, intent: Intent) -> None:
        """4HSE is told to take all that hangs on it only when a person was shown all of that (H6)."""
        self.steps.send(intent, lambda: self._send(intent.action, force=False))
        if intent.action.side is Side.PROCORE or not self._is_there(intent.action):
            return
        below = self._below(intent.action)
        self._confirm_shown(intent, below)
        with self.steps.begin() as unit:  # Kept before the call, whose answer may be lost.
            for record in below:
                unit.links(self.steps.key).bury(record, "deleted by us with its incident")
        self.steps.send(intent, lambda: self._send(intent.action, force=True))

    def _send(self, action: Action, *, force: bool) -> None:
        """One call; what it says without `force` is no outcome, for it may show what kept it from deleting."""
        api = self.steps.apis[action.side]
        try:
            api.delete(action.kind.on(action.side), action.target_id or "", force=force)
        except NotFound:
            log.info("push.already_gone", side=action.side.value, record=action.target_id)
        except (Refused, OutcomeUnknown) as error:
            if force or action.side is Side.PROCORE or not _may_be_preview(error):
                raise

    def _is_there(self, action: Action) -> bool:
        """If this look fails the intent stays open: whether the delete was carried out is not known then."""
        self.steps.keep_lease()
        try:
            self.steps.apis[action.side].show(action.kind.on(action.side), action.target_id or "")
        except NotFound:
            return False
        return True

    def _below(self, action: Action) -> list[RawRecord]:
        """What hangs on a 4HSE incident at this moment."""
        if action.kind is not Kind.INCIDENT:
            return []
        found = []
        for page in (page for kind in (Kind.PERSON, Kind.RESOURCE) for page in self.fourhse.pages(kind)):
            self.steps.keep_lease()
            mine = [record for record in page.records if record.parent_id == action.target_id]
            with self.steps.begin() as unit:
                # The pull may not read resources at all, and the next question is worded from what is staged.
                for record in (one for one in mine if one.kind is Kind.RESOURCE):
                    unit.staging(self.steps.key).put_one(record, server_at=page.server_date)
            found += mine
        return found

    def _confirm_shown(self, intent: Intent, below: list[RawRecord]) -> None:
        """Whatever the approved question did not name stays, and so does its incident, until it is asked with it."""
        shown = self._answer(intent.action).get("records", {})
        there = {record_name(record.ref): payload_digest(record.payload) for record in below}
        if there.items() <= shown.items():
            return
        along = items.told_along(tuple(Record(Side.FOURHSE, one.id, one.payload, kind=one.kind) for one in below))
        self._ask_again(intent, along, {"goes_with": [record.id for record in below], "records": {**shown, **there}})
        self.steps.abandon(intent, "4HSE would delete more than was asked about")

    # The question -------------------------------------------------------------------------------------------------

    def _answer(self, action: Action) -> Mapping[str, Any]:
        """What the approved question told."""
        with self.steps.read() as unit:
            decision = unit.inbox(self.steps.key).decision(_question(action))
        return decision.seen if decision else {}

    def _ask_again(self, intent: Intent, told: str, facts: Mapping[str, Any]) -> None:
        """The answer is void; the next plan words the question anew, from what it then reads."""
        with self.steps.begin() as unit:
            inbox = unit.inbox(self.steps.key)
            decision = inbox.decision(_question(intent.action))
            entry = inbox.find(decision.item_id) if decision else None
            if entry is not None:
                item = entry.item
                again = replace(item, reason=f"{item.reason} {told}", facts={**item.facts, **facts})
                inbox.add(again, words=MOVED)


def _question(action: Action) -> QuestionKey:
    return QuestionKey.deletion(action.link, action.side.other)


def _may_be_preview(error: VendorError) -> bool:
    """A 400, or a success whose body is not that of a deletion: a look at the record tells what it was."""
    if isinstance(error, Refused):
        return error.status == 400
    return error.status is not None and 200 <= error.status < 300
