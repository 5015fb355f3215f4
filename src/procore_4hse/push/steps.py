"""The steps that every write takes: intent, another look, the call itself, outcome."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar

from procore_4hse.apis import IncidentApi, RecordAnswer
from procore_4hse.errors import AccessRefused, AskedToStop, NotFound, OutcomeUnknown, Refused, SyncError, VendorError
from procore_4hse.mapping.paths import at
from procore_4hse.models import Act, Action, Image, Kind, QuestionKey, Side
from procore_4hse.store.decisions import Outcome
from procore_4hse.store.journal import Intent
from procore_4hse.store.repository import Fence, Store, Unit
from procore_4hse.store.routes import RouteState

T = TypeVar("T")
FRESH = 5.0
"""Seconds during which a target that was shown is not read again before it is written."""


class Abandoned(SyncError):
    """The action is not what the plan was made on any more; it is planned anew in the next cycle."""


@dataclass(frozen=True)
class Steps:
    """The steps of one route's writes in one cycle. `keep_lease` raises LeaseLost unless it outlasts the next call."""

    store: Store
    fence: Fence
    state: RouteState
    cycle: int
    apis: Mapping[Side, IncidentApi]
    keep_lease: Callable[[], None]
    timer: Callable[[], float]
    """Seconds, of which only differences mean anything."""
    listed: Mapping[Kind, Collection[str]]
    """What 4HSE's listings held that this cycle read whole, by kind."""

    @property
    def key(self) -> str:
        """The route in the store."""
        return self.state.key

    @property
    def route(self) -> str:
        """The route in what people read."""
        return self.state.name

    def read(self) -> AbstractContextManager[Unit]:
        return self.store.read()

    def begin(self) -> AbstractContextManager[Unit]:
        """A transaction that is committed only while the route's lease is ours."""
        return self.store.begin(self.fence)

    def intend(self, action: Action) -> Intent:
        """The intent, committed with the vendor's own time and with what staging holds of the target."""
        self.keep_lease()
        api = self.apis[action.side]
        with self.begin() as unit:
            staged = unit.staging(self.key).find(action.ref(action.side))
            shown = staged.record.payload if staged else {}
            before = {name: shown[name] for name in api.own_fields(action.kind) if name in shown}
            journal = unit.journal(self.key)
            return journal.intend(action, cycle=self.cycle, before=before, server_at=api.server_date)

    def look(self, intent: Intent, side: Side, record_id: str | None, kind: Kind | None = None) -> RecordAnswer | None:
        """A record before the write, None when it is gone; if the look fails, nothing was written: the intent ends."""
        self.keep_lease()
        try:
            return self.apis[side].show((kind or intent.action.kind).on(side), record_id or "")
        except NotFound:
            return None
        except (VendorError, AskedToStop) as error:
            self.leave_unsent(intent, type(error).__name__)
            raise

    def re_read(self, intent: Intent, shown: RecordAnswer | None = None) -> Image:
        """The target right before the write; a difference from what the plan saw abandons the action.

        `shown` is what it showed in the last FRESH seconds, if that is known.
        """
        action = intent.action
        answer = shown or self.look(intent, action.side, action.target_id)
        if answer is None:
            self.abandon(intent, f"{action.side.label} no longer shows the incident")
        now = answer.record.payload
        if any(at(now, path) != value for path, value in action.seen.items() if not path.startswith("@")):
            with self.begin() as unit:
                unit.staging(self.key).put_one(answer.record, server_at=answer.server_date)
            self.abandon(intent, f"{action.side.label} changed the incident in the meantime")
        return now

    def send(self, intent: Intent, write: Callable[[], T]) -> T:
        """The write itself; the intent stays open only when its fate is unknown."""
        self.keep_lease()
        try:
            return write()
        except OutcomeUnknown:
            raise  # The intent stays open, and recovery looks for the write in the next cycle.
        except NotFound:
            self.abandon(intent, f"{intent.action.side.label} no longer shows the incident")
        except AskedToStop:
            self.leave_unsent(intent, AskedToStop.__name__)
            raise
        except VendorError as error:
            refusal = _as_refusal(error)
            words = refusal.words if refusal else type(error).__name__
            with self.begin() as unit:
                unit.journal(self.key).end(intent.id, "refused" if refusal else "abandoned", words=words)
            raise refusal or error from error

    def end(self, unit: Unit, intent: Intent, outcome: str, answer: dict[str, Any], words: str = "") -> None:
        """The outcome, the link's state, and the end of what was parked or asked about this action."""
        action, key = intent.action, QuestionKey.refused(intent.action)
        unit.journal(self.key).end(intent.id, outcome, answer=answer, words=words, target_id=action.target_id)
        unit.links(self.key).set_state(action.ref(Side.PROCORE), action.then)
        unit.journal(self.key).forgive(key)
        unit.inbox(self.key).close(key, *answered_by(action))
        unit.decisions(self.key).end([key, *answered_by(action)], Outcome.CARRIED_OUT, write_id=intent.id)

    def abandon(self, intent: Intent, why: str) -> NoReturn:
        self.leave_unsent(intent, why)
        raise Abandoned(f"{why}; it is planned anew in the next cycle.")

    def leave_unsent(self, intent: Intent, words: str) -> None:
        """The intent ends, and nothing was written."""
        with self.begin() as unit:
            unit.journal(self.key).end(intent.id, "abandoned", words=words)


def answered_by(action: Action) -> Iterator[QuestionKey]:
    """The questions that this action, done, leaves without a cause."""
    yield from (QuestionKey.difference(action.link, field) for field in action.sources if action.act is Act.UPDATE)
    if action.act is not Act.UPDATE:
        yield from (QuestionKey.deletion(action.link, side) for side in Side)
    if action.successor is not None:
        yield QuestionKey.accident(action.ref(Side.PROCORE))


def _as_refusal(error: VendorError) -> Refused | None:
    """A refusal of this record; a 403 on one write is one too, while 401 concerns the whole credential."""
    if isinstance(error, Refused):
        return error
    if isinstance(error, AccessRefused) and error.status == 403:
        words = "Our account may not do this."
        return Refused(str(error), side=error.side, call=error.call, status=403, words=words)
    return None
