"""Updates: one call for a part, its answer compared, and what is tried when the call is refused."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from procore_4hse.apis import RecordAnswer
from procore_4hse.errors import GuardStopped, Refused
from procore_4hse.mapping.closing import OPEN, is_closed, is_new
from procore_4hse.mapping.rules import Field
from procore_4hse.models import Action, Image, LinkState, Side
from procore_4hse.push.bases import compare_answer
from procore_4hse.push.outcomes import Outcomes
from procore_4hse.push.rows import Rows
from procore_4hse.push.steps import FRESH, Abandoned, Steps
from procore_4hse.push.whole import WholeRecords, emptied
from procore_4hse.store.journal import Intent


@dataclass(frozen=True)
class Updates:
    """Carries out updates of records that are there."""

    steps: Steps
    rows: Rows
    outcomes: Outcomes
    whole: WholeRecords

    def carry_out(self, action: Action) -> None:
        shown, read_at = None, 0.0
        for part in self.rows.parts(action):
            is_fresh = shown is not None and self.steps.timer() - read_at < FRESH
            began = self.steps.timer()
            shown, read_at = self._update(part, shown if is_fresh else None), began

    def update(self, action: Action) -> Image:
        """Returns the target as the answer shows it; nothing when its rows had to go one by one."""
        answer = self._update(action)
        return answer.record.payload if answer else {}

    def fill_again(self, facts: Mapping[str, Any]) -> None:
        """An emptied record has its fields as they were, as far as it keeps them."""
        refill = self.whole.refill(facts)
        if refill is None:
            return
        action, now = refill
        api, intent = self.steps.apis[action.side], self.steps.intend(action)
        kind, record_id = action.kind.on(action.side), action.target_id or ""
        with suppress(Abandoned):
            self._settle(intent, now, self.steps.send(intent, lambda: api.update(kind, record_id, action.fields)))

    def _update(self, action: Action, shown: RecordAnswer | None = None) -> RecordAnswer | None:
        """The target as the answer shows it; None when its rows had to go one by one. `shown` as in `re_read`."""
        intent = self.steps.intend(action)
        before = self.steps.re_read(intent, shown)
        try:
            answer = self.steps.send(intent, lambda: self._send(action, before))
        except Refused as error:
            return self._after_a_refusal(action, before, error)
        return self._settle(intent, before, answer)

    def _settle(self, intent: Intent, before: Image, answer: RecordAnswer) -> RecordAnswer:
        action = intent.action
        merged = replace(answer, record=replace(answer.record, payload={**before, **answer.record.payload}))
        # What is sent along because 4HSE replaces the record may not be kept as it stood there either.
        comparison = compare_answer(self.rows, self.whole.as_sent(action, before), merged.record.payload)
        held = emptied(self.steps.apis[action.side], action, before, answer.record.payload)
        with self.steps.begin() as unit:
            self.outcomes.close(unit, intent, merged, "done", comparison)
            if held is not None:
                unit.inbox(self.steps.key).add(held)
        if held is not None:
            raise GuardStopped(held.reason)
        return merged

    def _send(self, action: Action, before: Image) -> RecordAnswer:
        api, record_id = self.steps.apis[action.side], action.target_id or ""
        fields = self.whole.fields(action, before)
        try:
            return api.update(action.kind.on(action.side), record_id, fields)
        except Refused as error:
            if self.whole.learn_from(error, action, before):
                return self._send(action, before)
            raise

    def _after_a_refusal(self, action: Action, before: Image, error: Refused) -> RecordAnswer | None:
        """What is new is opened and then closed; else each row goes alone, if there are several."""
        if _is_jump(action, before) and self._is_opened(action, before):
            return self._update(replace(action, seen={**action.seen, **OPEN}))
        if len(action.sources) < 2:
            raise error
        self._one_by_one(action)
        return None

    def _is_opened(self, action: Action, before: Image) -> bool:
        """4HSE may refuse to close what is new (H4): opening it is a write of its own, with its own intent."""
        with self.steps.read() as unit:
            link = unit.links(self.steps.key).find(action.ref(Side.FOURHSE))
        # It carries no row: both sides agree on open already, and the closing alone says what Procore shows.
        reason, then = "opened, because 4HSE did not close what was new", link.state if link else LinkState.LIVE
        opening = replace(action, fields=OPEN, sources={}, reason=reason, then=then)
        intent = self.steps.intend(opening)
        try:
            answer = self.steps.send(intent, lambda: self._send(opening, before))
        except Refused:
            return False
        self._settle(intent, before, answer)
        return True

    def _one_by_one(self, action: Action) -> None:
        """One row may spoil the call for the others: each goes alone, and only the refused ones are parked."""
        refused: list[tuple[Field, Refused]] = []
        for row in self.rows.of(action):
            part = self.rows.part(action, [row])
            try:
                left = self.update(part)
            except Refused as error:
                refused.append((row, error))
            else:
                # The target is read again before the next part, which must not take our own change for somebody's.
                ours = {name: left[name] for name in part.fields if name in left and name in action.seen}
                action = replace(action, seen={**action.seen, **ours})
        for row, refusal in refused:
            self.outcomes.park(self.rows.part(action, [row]), refusal)


def _is_jump(action: Action, before: Image) -> bool:
    return action.side is Side.FOURHSE and is_closed(action.fields) and is_new(before)
