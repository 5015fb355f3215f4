"""Carries out a plan's actions one at a time, and stops asking a side that does not answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from typing import Any

from procore_4hse.apis import FourHseIncidentApi, ProcoreIncidentApi, RecordAnswer
from procore_4hse.errors import AskedToStop, BudgetExhausted, OutcomeUnknown, Refused, Unavailable
from procore_4hse.mapping.picklists import Picklists
from procore_4hse.mapping.rules import FieldMapping
from procore_4hse.models import Act, Action, Kind, Side
from procore_4hse.push.creates import Creates
from procore_4hse.push.outcomes import Outcomes, Pushed
from procore_4hse.push.removals import Removals
from procore_4hse.push.rows import Rows
from procore_4hse.push.steps import Abandoned, Steps
from procore_4hse.push.updates import Updates
from procore_4hse.push.whole import WholeRecords
from procore_4hse.store.journal import Intent
from procore_4hse.store.repository import Fence, Store
from procore_4hse.store.routes import RouteState

PATIENCE = 3
"""Calls in a row that may fail before a side counts as down for this cycle."""


class Pusher:
    """Carries out a plan's actions for one route. `keep_lease` raises LeaseLost unless it outlasts the next call."""

    def __init__(
        self,
        *,
        store: Store,
        fence: Fence,
        state: RouteState,
        cycle: int,
        mapping: FieldMapping,
        zone: str,
        procore: ProcoreIncidentApi,
        fourhse: FourHseIncidentApi,
        timer: Callable[[], float],
        keep_lease: Callable[[], None],
        listed: Mapping[Kind, Collection[str]],
        picklists: Picklists,
        stopping: Callable[[], bool],
        progress: Callable[[Action], None],
    ) -> None:
        self.stopping, self.progress = stopping, progress
        self.failures: Counter[Side] = Counter()
        self.down: set[Side] = set()
        apis = {Side.PROCORE: procore, Side.FOURHSE: fourhse}
        self.steps = Steps(store, fence, state, cycle, apis, keep_lease, timer, listed)
        self.rows = Rows(mapping.bound(picklists), picklists, zone)
        self.outcomes = Outcomes(self.steps, self.rows)
        self.whole = WholeRecords(self.steps, state.memory.put_whole)
        self.updates = Updates(self.steps, self.rows, self.outcomes, self.whole)
        self.creates = Creates(self.steps, self.rows, self.outcomes, self.updates)
        self.removals = Removals(self.steps, self.outcomes, fourhse)

    @property
    def done(self) -> Pushed:
        return self.outcomes.done

    def run(self, actions: tuple[Action, ...]) -> Pushed:
        for action in self._in_turn(actions):
            if self.stopping():
                self.outcomes.put_off(action, "the process was asked to stop")
            elif action.side in self.down:
                self.outcomes.put_off(action, f"{action.side.label} did not answer")
            else:
                self._try(action)
                self.progress(action)
        return self.done

    def adopt(self, intent: Intent, answer: RecordAnswer) -> None:
        """A create that turns out to have arrived: linked as if its answer had come."""
        self.creates.adopt(intent, answer)

    def fill_again(self, facts: Mapping[str, Any]) -> None:
        """An emptied record has its fields as they were; whatever is set by now, by us or a person, stays."""
        self.updates.fill_again(facts)

    def _in_turn(self, actions: tuple[Action, ...]) -> list[Action]:
        """Writes that failed when they were last tried come last, so that they hold up no other."""
        writes = [action for action in actions if action.act is not Act.LINK]
        if len(writes) < 2:
            return writes
        with self.steps.read() as unit:
            failed = unit.journal(self.steps.key).in_vain()
        return sorted(writes, key=lambda action: action.ref(action.side.other) in failed)

    def _try(self, action: Action) -> None:
        try:
            self._carry_out(action)
            self.failures[action.side] = 0
        except (Abandoned, AskedToStop) as error:
            self.outcomes.put_off(action, str(error))
        except Refused as error:
            self.outcomes.park(action, error)
        except BudgetExhausted as error:
            self.down.add(action.side)  # No call of this cycle gets through any more.
            self.outcomes.put_off(action, str(error))
        except (Unavailable, OutcomeUnknown) as error:
            self.failures[action.side] += 1
            if self.failures[action.side] >= PATIENCE:
                self.down.add(action.side)
            self.outcomes.put_off(action, str(error))

    def _carry_out(self, action: Action) -> None:
        by_act = {
            Act.CREATE: self.creates.carry_out,
            Act.UPDATE: self.updates.carry_out,
            Act.DELETE: self.removals.delete,
            Act.RESTORE: self.removals.restore,
        }
        by_act[action.act](action)
        self.outcomes.count(action)
