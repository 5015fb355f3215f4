"""Creates: no twin of what is there already, the link with its first bases, and what a new record teaches."""

from __future__ import annotations

from dataclasses import dataclass, replace

import structlog

from procore_4hse.apis import RecordAnswer
from procore_4hse.errors import Refused
from procore_4hse.mapping.closing import NEW, as_new, is_closed
from procore_4hse.mapping.images import author_of, deleted_at, is_private
from procore_4hse.models import Act, Action, Kind, Side
from procore_4hse.push.bases import first_bases, still_open
from procore_4hse.push.ids import fourhse_id
from procore_4hse.push.outcomes import Outcomes
from procore_4hse.push.rows import Rows
from procore_4hse.push.steps import Steps
from procore_4hse.push.updates import Updates
from procore_4hse.store.journal import Intent
from procore_4hse.store.repository import Unit

log = structlog.get_logger()


@dataclass(frozen=True)
class Creates:
    """Makes records and links them to those they were made from."""

    steps: Steps
    rows: Rows
    outcomes: Outcomes
    updates: Updates

    def carry_out(self, action: Action) -> None:
        id_field = self.steps.apis[action.side].id_field(action.kind.on(action.side))
        if id_field is not None:
            given = fourhse_id(self.steps.key, action.kind, action.source_id or "", action.generation)
            action = replace(action, fields={**action.fields, id_field: given})
            intent = self.steps.intend(action)
            # An earlier try may have got through after all.
            is_free = self._is_free(intent, given)
            if not is_free and (there := self.steps.look(intent, action.side, given)) is not None:
                self._take(intent, there)
                return
        else:
            intent = self.steps.intend(action)
        self._confirm_still_gone(intent)
        token = self._token(intent)
        answer = self.steps.send(intent, lambda: self._send(intent, token))
        self._settle(intent, answer, "done")
        self._close_at_last(action, answer)

    def _take(self, intent: Intent, there: RecordAnswer) -> None:
        """What bears our id is what this create made before, or the next id is tried."""
        if not self._is_of_another(intent.action, there):
            self.adopt(intent, there)
            return
        self.steps.leave_unsent(intent, f"{intent.action.side.label} holds a record of this id for another one")
        self.carry_out(replace(intent.action, generation=intent.action.generation + 1))

    def adopt(self, intent: Intent, answer: RecordAnswer) -> None:
        """A create that turns out to have arrived: linked as if its answer had come."""
        self._settle(intent, answer, "adopted")

    # The call -----------------------------------------------------------------------------------------------------

    def _is_free(self, intent: Intent, given: str) -> bool:
        """Whether this cycle's whole listing proves that no record has the id, and nobody ever tried to make one.

        Else it is asked for: a store that was lost or restored may not know, and an id that is sent twice might
        overwrite what is there (H4).
        """
        action, state = intent.action, self.steps.state
        kind = action.kind.on(action.side)
        if action.generation or not (state.ever_linked and state.memory.client_ids_kept):
            return False
        if kind not in self.steps.listed or given in self.steps.listed[kind]:
            return False
        with self.steps.read() as unit:
            return not unit.journal(self.steps.key).tried_before(intent)

    def _is_of_another(self, action: Action, there: RecordAnswer) -> bool:
        """Whether it is linked with another record by now, or stands in another incident than it would be made in."""
        with self.steps.read() as unit:
            link = unit.links(self.steps.key).find(there.record.ref)
        if link is not None and link.id_on(action.side.other) != action.source_id:
            return True
        place = self.steps.apis[action.side].id_field(Kind.INCIDENT) or ""
        return action.parent is not None and there.record.parent_id != action.fields.get(place)

    def _confirm_still_gone(self, intent: Intent) -> None:
        """What was deleted is looked at again before it is made anew: one that is back must not get a twin."""
        action, side = intent.action, intent.action.side
        with self.steps.read() as unit:
            links = unit.links(self.steps.key)
            link = links.find(action.ref(side.other))
        if link is None or not action.generation:
            return
        there = self.steps.look(intent, side, link.id_on(side))
        if there is not None and not deleted_at(there.record.payload):
            self.steps.abandon(intent, f"{side.label} shows the deleted record again")

    def _token(self, intent: Intent) -> str:
        """The Idempotency-Token: that of the first try, when an earlier one was lost (P82)."""
        with self.steps.read() as unit:
            return unit.journal(self.steps.key).first_try(intent)

    def _send(self, intent: Intent, token: str) -> RecordAnswer:
        """What 4HSE does not take as closed is sent as new, and the intent says so before."""
        action, api = intent.action, self.steps.apis[intent.action.side]
        try:
            return api.create(action.kind.on(action.side), action.fields, intent_id=token)
        except Refused:
            if action.side is not Side.FOURHSE or not is_closed(action.fields):
                raise
        fresh = as_new(action.fields)
        with self.steps.begin() as unit:
            unit.journal(self.steps.key).send_instead(intent.id, fresh)
        return api.create(action.kind.on(action.side), fresh, intent_id=token)

    def _close_at_last(self, action: Action, answer: RecordAnswer) -> None:
        """What 4HSE takes only as new is closed by an update of its own, with its own intent."""
        if not still_open(self.rows, action, answer.record.payload, "done"):
            return
        part = self.rows.part(action, self.rows.statuses(action))
        closing = replace(part, act=Act.UPDATE, target_id=answer.record.id)
        try:
            self.updates.update(replace(closing, seen=NEW))
        except Refused as error:
            self.outcomes.park(closing, error)

    # What it leaves in the store ----------------------------------------------------------------------------------

    def _settle(self, intent: Intent, answer: RecordAnswer, outcome: str) -> None:
        action, record = replace(intent.action, target_id=answer.record.id), answer.record
        comparison = first_bases(self.rows, action, record.payload, outcome)
        with self.steps.begin() as unit:
            self._link(unit, action, answer)
            if action.generation and action.kind is Kind.INCIDENT:
                self._drop_children(unit, action)
            unit.routes.save(self.steps.key, self.steps.route, ever_linked=True)
            self._learn(unit, action, answer)
            if action.kind is Kind.INCIDENT:
                self.outcomes.done.created.add(record.ref)
            self.outcomes.close(unit, replace(intent, action=action), answer, outcome, comparison)
        log.info("push.created", side=action.side.value, record=record.id)

    def _link(self, unit: Unit, action: Action, answer: RecordAnswer) -> None:
        unit.links(self.steps.key).add(
            action.id_on(Side.PROCORE),
            action.id_on(Side.FOURHSE),
            kind=action.kind,
            parent=action.parent,
            origin=action.side.other,
            generation=action.generation,
            born_private=action.side is Side.PROCORE and is_private(answer.record),
        )

    def _drop_children(self, unit: Unit, action: Action) -> None:
        """The people of an incident that was made again will be too, with what 4HSE alone held of them."""
        links, staging = unit.links(self.steps.key), unit.staging(self.steps.key)
        for link in links.drop_children(action.id_on(Side.PROCORE)):
            staged = staging.find(link.ref(Side.FOURHSE))
            if staged is not None and action.side is Side.FOURHSE:
                links.leave_behind(link, staged.record)

    def _learn(self, unit: Unit, action: Action, answer: RecordAnswer) -> None:
        """Our own account is whoever the vendor names as the author of what we created."""
        author = author_of(answer.record)
        accounts = unit.routes.get(self.steps.key, self.steps.route).memory.accounts(action.side)
        if author is not None and author not in accounts:
            unit.routes.remember(
                self.steps.key, self.steps.route, **{f"accounts_{action.side.value}": (*accounts, author)}
            )
        id_field = self.steps.apis[action.side].id_field(answer.record.kind)
        if id_field is not None and answer.record.id != action.fields.get(id_field):
            unit.routes.remember(self.steps.key, self.steps.route, client_ids_kept=False)
