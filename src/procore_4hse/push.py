"""One action at a time: intent, re-read, call, comparison of the answer, outcome. One action is one commit."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn, TypeVar

import structlog

from procore_4hse.clients.fourhse import KEYS as OWN_ID
from procore_4hse.errors import (
    AccessRefused,
    AskedToStop,
    BudgetExhausted,
    GuardStopped,
    NotFound,
    OutcomeUnknown,
    Refused,
    SyncError,
    Unavailable,
    VendorError,
)
from procore_4hse.mapping import translate
from procore_4hse.mapping.equipment import is_gone
from procore_4hse.mapping.images import author_of
from procore_4hse.mapping.lenses import INJURED, ZONE, Held, Known, StatusLens
from procore_4hse.mapping.live import Live
from procore_4hse.mapping.paths import at
from procore_4hse.mapping.rules import Field
from procore_4hse.mapping.rules import Mapping as FieldMapping
from procore_4hse.mapping.words import PartsLens
from procore_4hse.models import Act, Action, Agreement, Answer, Image, Item, Kind, Link, Register, Side, Staged
from procore_4hse.reconcile import items
from procore_4hse.reconcile.refusals import refusal_fingerprint, refusal_key
from procore_4hse.store.journal import Intent
from procore_4hse.store.repository import Fence, Store, Unit
from procore_4hse.store.routes import RouteState

log = structlog.get_logger()

T = TypeVar("T")

NAMESPACE = uuid.UUID("6f1f6f0e-54a4-5e6c-9d4f-0d9f1c5b7a11")
EVENTS = {"updated": "push.updated", "deleted": "push.deleted"}
PATIENCE = 3
"""Calls in a row that may fail before a side counts as down for this cycle."""


class Abandoned(SyncError):
    """The action is not what the plan was made on any more; it is planned anew in the next cycle."""


def fourhse_id(route: str, kind: Kind, procore_id: str, generation: int) -> str:
    """The id that we give a record in 4HSE: the same for every try, another one after each deletion."""
    return str(uuid.uuid5(NAMESPACE, f"{route}/{kind.value}/{procore_id}/{generation}"))


@dataclass
class Pushed:
    """What a push did. `failed` are the record ids whose action did not come through, with the side they are on."""

    written: dict[Side, Counter[str]] = field(default_factory=lambda: {side: Counter() for side in Side})
    refused: set[tuple[Side, str]] = field(default_factory=set)
    put_off: set[tuple[Side, str]] = field(default_factory=set)
    created: set[tuple[Side, str]] = field(default_factory=set)
    deleted: set[tuple[Side, str]] = field(default_factory=set)
    flaws: list[str] = field(default_factory=list)


@dataclass
class Pusher:
    """Carries out a plan's actions for one route. `keep_lease` raises LeaseLost unless it outlasts the next call."""

    store: Store
    fence: Fence
    state: RouteState
    cycle: int
    mapping: FieldMapping
    zone: str
    registers: Mapping[Side, Register]
    keep_lease: Callable[[], None]
    live: Live = field(default_factory=Live)
    stopping: Callable[[], bool] = lambda: False
    progress: Callable[[Action], None] = lambda action: None
    done: Pushed = field(default_factory=Pushed)
    failures: Counter[Side] = field(default_factory=Counter)
    down: set[Side] = field(default_factory=set)

    def run(self, actions: tuple[Action, ...]) -> Pushed:
        for action in self._in_turn(actions):
            if self.stopping():
                self._put_off(action, "the process was asked to stop")
            elif action.side in self.down:
                self._put_off(action, f"{action.side.label} did not answer")
            else:
                self._try(action)
                self.progress(action)
        return self.done

    def _in_turn(self, actions: tuple[Action, ...]) -> list[Action]:
        """Writes that failed when they were last tried come last, so that they hold up no other."""
        writes = [action for action in actions if action.act is not Act.LINK]
        if len(writes) < 2:
            return writes
        with self.store.read() as unit:
            failed = unit.journal(self.state.key).in_vain()
        return sorted(writes, key=lambda action: (action.side, action.source_id) in failed)

    def adopt(self, intent: Intent, answer: Answer) -> None:
        """A create that turns out to have arrived: linked as if its answer had come."""
        self._settle_create(intent, answer, "adopted")

    # One action ---------------------------------------------------------------------------------------------------

    def _try(self, action: Action) -> None:
        try:
            self._carry_out(action)
            self.failures[action.side] = 0
        except (Abandoned, AskedToStop) as error:
            self._put_off(action, str(error))
        except Refused as error:
            self._park(action, error)
        except BudgetExhausted as error:
            self.down.add(action.side)
            self._put_off(action, str(error))
        except (Unavailable, OutcomeUnknown) as error:
            self.failures[action.side] += 1
            if self.failures[action.side] >= PATIENCE:
                self.down.add(action.side)
            self._put_off(action, str(error))

    def _carry_out(self, action: Action) -> None:
        if action.act is Act.CREATE:
            self._create(action)
        elif action.act is Act.DELETE:
            self._delete(action)
        elif action.act is Act.RESTORE:
            self._restore(action)
        else:
            for part in self._parts(action):
                self._update(part)
        self._count(action)

    def _parts(self, action: Action) -> tuple[Action, ...]:
        """At Procore body parts are cleared before their affliction type (P87), and a status travels alone (P69)."""
        rows = self._rows(action) if action.side is Side.PROCORE else []
        first = [row for row in rows if isinstance(row.lens, PartsLens) and not action.fields.get("body_part_ids")]
        last = [row for row in rows if isinstance(row.lens, StatusLens)]
        groups = [group for group in (first, [row for row in rows if row not in first + last], last) if group]
        return (action,) if len(groups) < 2 else tuple(self._narrowed(action, group) for group in groups)

    # Create -------------------------------------------------------------------------------------------------------

    def _create(self, action: Action) -> None:
        if action.side is Side.FOURHSE:
            given = fourhse_id(self.state.key, action.kind, action.source_id or "", action.generation)
            action = replace(action, fields={**action.fields, OWN_ID[action.kind.on(Side.FOURHSE)]: given})
            intent = self._intend(action)
            if (there := self._look(intent, given)) is not None:
                self._settle_create(intent, there, "adopted")
                return
        else:
            intent = self._intend(action)
        self._confirm_still_gone(intent)
        token = self._token(intent)
        answer = self._send(intent, lambda: self._send_create(intent, token))
        self._settle_create(intent, answer, "done")
        self._close_at_last(action, answer)

    def _confirm_still_gone(self, intent: Intent) -> None:
        """What was deleted is looked at again before it is made anew: one that is back must not get a twin."""
        action, side = intent.action, intent.action.side
        with self.store.read() as unit:
            links = unit.links(self.state.key)
            link = links.find(side.other, action.source_id or "", action.kind.on(side.other))
        if link is None or not action.generation:
            return
        try:
            there = self._read(intent, lambda: self.registers[side].show(action.kind.on(side), link.id_on(side)))
        except NotFound:
            return
        if not there.record.payload.get("deleted_at"):
            self._abandon(intent, f"{side.label} shows the deleted record again")

    def _token(self, intent: Intent) -> str:
        """The Idempotency-Token: that of the first try, when an earlier one was lost (P82)."""
        with self.store.read() as unit:
            return unit.journal(self.state.key).first_try(intent)

    def _look(self, intent: Intent, given: str) -> Answer | None:
        """A record under the id that we would give: an earlier try got through after all."""
        try:
            return self._read(
                intent, lambda: self.registers[Side.FOURHSE].show(intent.action.kind.on(Side.FOURHSE), given)
            )
        except NotFound:
            return None

    def _send_create(self, intent: Intent, token: str) -> Answer:
        """What 4HSE does not take as closed is sent as new, and the intent says so before."""
        action, register = intent.action, self.registers[intent.action.side]
        try:
            return register.create(action.kind.on(action.side), action.fields, intent_id=token)
        except Refused:
            if action.side is not Side.FOURHSE or action.fields.get("status") != "closed":
                raise
        fresh = {name: value for name, value in action.fields.items() if name != "date_closed"} | {"status": "new"}
        with self.store.begin(self.fence) as unit:
            unit.journal(self.state.key).send_instead(intent.id, fresh)
        return register.create(action.kind.on(action.side), fresh, intent_id=token)

    def _settle_create(self, intent: Intent, answer: Answer, outcome: str) -> None:
        action = replace(intent.action, target_id=answer.record.id)
        bases, lost = self._first_bases(action, answer.record.payload, outcome)
        with self.store.begin(self.fence) as unit:
            ids = {action.side: answer.record.id, action.side.other: action.source_id or ""}
            unit.links(self.state.key).add(
                ids[Side.PROCORE],
                ids[Side.FOURHSE],
                kind=action.kind,
                parent=action.parent,
                born=action.side.other,
                generation=action.generation,
                born_private=action.side is Side.PROCORE and bool(answer.record.payload.get("private")),
            )
            if action.generation and action.kind is Kind.INCIDENT:
                self._drop_children(unit, action, ids[Side.PROCORE])
            unit.routes.save(self.state.key, self.state.name, ever_linked=True)
            self._learn(unit, action, answer)
            if action.kind is Kind.INCIDENT:
                self.done.created.add((action.side, answer.record.id))
            self._close(unit, replace(intent, action=action), answer, outcome, bases, lost)
        log.info("push.created", route=self.state.name, side=action.side.value, record=answer.record.id)

    def _drop_children(self, unit: Unit, action: Action, incident: str) -> None:
        """The people of an incident that was made again will be too, with what 4HSE alone held of them."""
        links, staging = unit.links(self.state.key), unit.staging(self.state.key)
        for link in links.drop_children(incident):
            staged = staging.find(Side.FOURHSE, Kind.PERSON, link.fourhse_id)
            if staged is not None and action.side is Side.FOURHSE:
                links.leave_behind(link, staged.record)

    def _first_bases(self, action: Action, payload: Image, outcome: str) -> tuple[dict[str, Agreement], list[str]]:
        """The bases of a new link, and the fields that the vendor did not take."""
        bases, lost = self.compare(action, payload)
        later = self._still_open(action, payload, outcome)
        lost = [key for key in lost if key not in later]
        if outcome == "adopted":
            # A person may have changed it since. What differs gets no base, so that both values are kept.
            agreed = {key: base for key, base in bases.items() if key not in lost}
            return agreed | self._emptied_since(action, lost, payload) | later, []
        return bases | later, lost

    def _emptied_since(self, action: Action, keys: list[str], payload: Image) -> dict[str, Agreement]:
        """Bases of what was sent and is empty now: without one it would be filled again instead of asked about."""
        sent, shown = {**action.fields, ZONE: self.zone}, {**payload, ZONE: self.zone}
        rows = [row for row in self._rows(action) if row.key in keys]
        empty = [row for row in rows if row.lens.get(action.side, shown) in (Known(None), Known(""))]
        return {row.key: self._agreement(row, action.side, {ZONE: self.zone}, sent, settled=False) for row in empty}

    def _still_open(self, action: Action, payload: Image, outcome: str) -> dict[str, Agreement]:
        """The base of a status that 4HSE did not take at once: both were open, and Procore's was closed since.

        A create that is found later counts only when it was sent as new: else a person may have opened it again.
        """
        rows = [row for row in self._rows(action) if isinstance(row.lens, StatusLens)]
        closed = [row for row in rows if row.lens.get(Side.PROCORE, action.sources[row.key]) == Known("closed")]
        sent_as_new = outcome == "done" or action.fields.get("status") == "new"
        if action.side is not Side.FOURHSE or payload.get("status") != "new" or not (closed and sent_as_new):
            return {}
        return {row.key: row.agreement({row.lens.reads(Side.PROCORE)[0]: "open"}, payload) for row in rows}

    def _close_at_last(self, action: Action, answer: Answer) -> None:
        """What 4HSE takes only as new is closed by an update of its own, with its own intent."""
        status = [row for row in self._rows(action) if isinstance(row.lens, StatusLens)]
        if not self._still_open(action, answer.record.payload, "done"):
            return
        closing = replace(self._narrowed(action, status), act=Act.UPDATE, target_id=answer.record.id)
        try:
            self._update(replace(closing, seen={"status": "new"}))
        except Refused as error:
            self._park(closing, error)

    def _learn(self, unit: Unit, action: Action, answer: Answer) -> None:
        """Our own account is whoever the vendor names as the author of what we created."""
        author = author_of(Staged(answer.record))
        state = unit.routes.get(self.state.key, self.state.name)
        known = state.memory.get(f"accounts_{action.side.value}", [])
        if author is not None and author not in known:
            facts = {f"accounts_{action.side.value}": [*known, author]}
            unit.routes.remember(self.state.key, self.state.name, **facts)
        if action.side is Side.FOURHSE and answer.record.id != action.fields.get(OWN_ID[answer.record.kind]):
            unit.routes.remember(self.state.key, self.state.name, client_ids_kept=False)

    # Update -------------------------------------------------------------------------------------------------------

    def _update(self, action: Action) -> Image:
        """Returns the target as the answer shows it; nothing when its fields had to go one by one."""
        intent = self._intend(action)
        before = self._re_read(intent)
        try:
            answer = self._send(intent, lambda: self._send_update(action, before))
        except Refused:
            if len(action.sources) < 2:
                raise
            self._one_by_one(action)
            return {}
        return self._settle_update(intent, before, answer)

    def _settle_update(self, intent: Intent, before: Image, answer: Answer) -> Image:
        action = intent.action
        merged = replace(answer, record=replace(answer.record, payload={**before, **answer.record.payload}))
        bases, lost = self.compare(action, merged.record.payload)
        held = self.emptied(action, before, answer.record.payload)
        with self.store.begin(self.fence) as unit:
            self._close(unit, intent, merged, "done", bases, lost)
            if held is not None:
                unit.inbox(self.state.key).add(held)
        if held is not None:
            raise GuardStopped(held.reason)
        return merged.record.payload

    def _send_update(self, action: Action, before: Image) -> Answer:
        register = self.registers[action.side]
        fields = dict(action.fields)
        if self._wants_whole(action.side):
            self._refuse_to_empty(action, before)
            fields = {**_whole(register, action, before), **fields}
        try:
            return register.update(action.kind.on(action.side), action.target_id or "", fields)
        except Refused as error:
            if self._wants_others(action, before, error):
                return self._send_update(action, before)
            if self._is_jump(action, before):
                return self._step(Kind.INCIDENT, action.target_id or "", fields)
            raise

    def _is_jump(self, action: Action, before: Image) -> bool:
        return action.side is Side.FOURHSE and action.fields.get("status") == "closed" and before.get("status") == "new"

    def _step(self, kind: Kind, record_id: str, closing: Mapping[str, Any]) -> Answer:
        """4HSE may refuse to close what is new: it is opened first (H, open questions)."""
        register = self.registers[Side.FOURHSE]
        register.update(kind, record_id, {**closing, "status": "open", "date_closed": None})
        return register.update(kind, record_id, closing)

    def _wants_whole(self, side: Side) -> bool:
        return side is Side.FOURHSE and bool(self.state.memory.get("put_whole"))

    def _refuse_to_empty(self, action: Action, before: Image) -> None:
        """A call that replaces the record would take away what we never send; a person makes such a change."""
        named = [name for name in sorted(self.registers[action.side].NEVER_WRITTEN) if before.get(name)]
        if action.kind is Kind.INCIDENT and named:
            title = action.side.label
            words = f"{title} replaces whole records, and this one holds {', '.join(named)}, which we never send."
            raise Refused(f"{title} would empty fields of a record.", side=action.side, words=words)

    def _wants_others(self, action: Action, before: Image, error: Refused) -> bool:
        """A refusal that names only fields we did not send, and that are set, says that PUT wants the whole record."""
        named = set(error.fields)
        if action.side is not Side.FOURHSE or self._wants_whole(action.side):
            return False
        if not named or named & action.fields.keys():
            return False
        if not all(before.get(name) not in (None, "") for name in named):
            return False
        with self.store.begin(self.fence) as unit:
            unit.routes.remember(self.state.key, self.state.name, put_whole=True)
            self.state = unit.routes.get(self.state.key, self.state.name)
        return True

    def _one_by_one(self, action: Action) -> None:
        """One field may spoil the call for the others: each goes alone, and only the refused ones are parked."""
        refused: list[tuple[Field, Refused]] = []
        for row in self._rows(action):
            part = self._narrowed(action, [row])
            try:
                left = self._update(part)
            except Refused as error:
                refused.append((row, error))
            else:
                ours = {name: left[name] for name in part.fields if name in left and name in action.seen}
                action = replace(action, seen={**action.seen, **ours})
        for row, refusal in refused:
            self._park(self._narrowed(action, [row]), refusal)

    def emptied(self, action: Action, before: Image, after: Image) -> Item | None:
        """The question to ask when fields that we did not send are gone (is 4HSE's PUT partial? H5)."""
        own = self.registers[action.side].own_fields(action.kind) - action.fields.keys()
        gone = [name for name in own if before.get(name) not in (None, "", [], {}) and after.get(name) in (None, "")]
        if not gone:
            return None
        return items.replaced(action, sorted(gone), {name: before.get(name) for name in own}, dict(after))

    def fill_again(self, facts: Mapping[str, Any]) -> None:
        """An emptied record has its fields as they were; whatever is set by now, by us or a person, stays."""
        side, kind, record_id = Side(facts["side"]), Kind(facts["kind"]), str(facts["record"])
        register = self.registers[side]
        try:
            now = register.show(kind, record_id).record.payload
        except NotFound:
            return
        names = register.own_fields(kind) - register.NEVER_WRITTEN
        image = {name: facts["before"].get(name) if now.get(name) in (None, "") else now[name] for name in names}
        fields = {name: value for name, value in image.items() if value is not None}
        with self.store.read() as unit:
            link = unit.links(self.state.key).find(side, record_id, kind)
        source, own = (link.id_on(side.other), link.kind) if link else (None, kind)
        intent = self._intend(Action(Act.UPDATE, side, own, record_id, source, "what was emptied is put back", fields))
        with suppress(Abandoned):
            answer = self._send(intent, lambda: register.update(kind, record_id, fields))
            with self.store.begin(self.fence) as unit:
                unit.journal(self.state.key).end(intent.id, "done", answer=dict(answer.record.payload))

    # Delete and restore -------------------------------------------------------------------------------------------

    def _delete(self, action: Action) -> None:
        intent = self._intend(action)
        before = self._re_read(intent)
        self._confirm_gone(intent)
        self._send(intent, lambda: self._send_delete(action))
        with self.store.begin(self.fence) as unit:
            staging, links = unit.staging(self.state.key), unit.links(self.state.key)
            if (staged := staging.find(action.side, action.kind.on(action.side), action.target_id or "")) is not None:
                links.bury(replace(staged.record, payload=before), "deleted by us: " + action.reason)
            staging.forget(action.side, action.kind.on(action.side), action.target_id or "")
            self._end(unit, intent, "done", {})
        if action.kind is Kind.INCIDENT:
            self.done.deleted.add((action.side, action.target_id or ""))

    def _send_delete(self, action: Action) -> None:
        try:
            self.registers[action.side].delete(action.kind.on(action.side), action.target_id or "", force=True)
        except NotFound:
            log.info("push.already_gone", route=self.state.name, side=action.side.value, record=action.target_id)

    def _confirm_gone(self, intent: Intent) -> None:
        """The other side is looked at again: what is back must not cost its partner."""
        action = intent.action
        try:
            there = self._read(
                intent,
                lambda: self.registers[action.side.other].show(
                    action.kind.on(action.side.other), action.source_id or ""
                ),
            )
        except NotFound:
            return
        if not is_gone(action.kind, there.record.payload):
            self._abandon(intent, f"{action.side.other.label} shows the deleted incident again")

    def _restore(self, action: Action) -> None:
        intent = self._intend(action)
        self._send(
            intent, lambda: self.registers[action.side].restore(action.kind.on(action.side), action.target_id or "")
        )
        with self.store.begin(self.fence) as unit:
            self._end(unit, intent, "done", {})

    # The steps every write takes ----------------------------------------------------------------------------------

    def _intend(self, action: Action) -> Intent:
        """The intent, committed with the vendor's own time and with what staging holds of the target."""
        self.keep_lease()
        register = self.registers[action.side]
        with self.store.begin(self.fence) as unit:
            staged = unit.staging(self.state.key).find(action.side, action.kind.on(action.side), action.target_id or "")
            known = staged.record.payload if staged else {}
            before = {name: known[name] for name in register.own_fields(action.kind) if name in known}
            journal = unit.journal(self.state.key)
            return journal.intend(action, cycle=self.cycle, before=before, server_at=register.server_date)

    def _re_read(self, intent: Intent) -> Image:
        """The target right before the write; a difference from what the plan saw abandons the action."""
        action = intent.action
        try:
            answer = self._read(
                intent, lambda: self.registers[action.side].show(action.kind.on(action.side), action.target_id or "")
            )
        except NotFound:
            self._abandon(intent, f"{action.side.label} no longer shows the incident")
        now = answer.record.payload
        if any(at(now, path) != value for path, value in action.seen.items() if not path.startswith("@")):
            with self.store.begin(self.fence) as unit:
                unit.staging(self.state.key).put_one(answer.record, server_at=answer.server_date)
            self._abandon(intent, f"{action.side.label} changed the incident in the meantime")
        return now

    def _read(self, intent: Intent, show: Callable[[], T]) -> T:
        """A look before the write; when it fails, nothing was written, and the intent ends."""
        self.keep_lease()
        try:
            return show()
        except NotFound:
            raise
        except (VendorError, AskedToStop) as error:
            self._end_unsent(intent, type(error).__name__)
            raise

    def _send(self, intent: Intent, write: Callable[[], T]) -> T:
        """The write itself; the intent stays open only when its fate is unknown."""
        self.keep_lease()
        try:
            return write()
        except OutcomeUnknown:
            raise
        except NotFound:
            self._abandon(intent, f"{intent.action.side.label} no longer shows the incident")
        except AskedToStop:
            self._end_unsent(intent, AskedToStop.__name__)
            raise
        except VendorError as error:
            refusal = _as_refusal(error)
            words = refusal.words if refusal else type(error).__name__
            with self.store.begin(self.fence) as unit:
                unit.journal(self.state.key).end(intent.id, "refused" if refusal else "abandoned", words=words)
            raise refusal or error from error

    def _end_unsent(self, intent: Intent, words: str) -> None:
        with self.store.begin(self.fence) as unit:
            unit.journal(self.state.key).end(intent.id, "abandoned", words=words)

    def _abandon(self, intent: Intent, why: str) -> NoReturn:
        self._end_unsent(intent, why)
        raise Abandoned(f"{why}; it is planned anew in the next cycle.")

    def _close(
        self, unit: Unit, intent: Intent, answer: Answer, outcome: str, bases: dict[str, Agreement], lost: list[str]
    ) -> None:
        """Link, base and outcome in one commit; fields that the answer lacks are parked."""
        action = intent.action
        ids = {action.side: answer.record.id, action.side.other: action.source_id or ""}
        unit.links(self.state.key).rebase(ids[Side.PROCORE], bases, kind=action.kind)
        unit.staging(self.state.key).put_one(answer.record, server_at=answer.server_date)
        self._end(unit, intent, outcome, dict(answer.record.payload))
        for key in lost:
            part = self._narrowed(action, [row for row in self._rows(action) if row.key == key])
            # The record is there by now: what it lacks is an update that waits.
            self._park_in(unit, replace(part, act=Act.UPDATE), "The answer does not hold what was sent.")

    def _end(self, unit: Unit, intent: Intent, outcome: str, answer: dict[str, Any]) -> None:
        action = intent.action
        ids = {action.side: action.target_id or "", action.side.other: action.source_id or ""}
        unit.journal(self.state.key).end(intent.id, outcome, answer=answer, target_id=action.target_id)
        unit.links(self.state.key).set_state(ids[Side.PROCORE], action.then, kind=action.kind)
        key = refusal_key(action)
        unit.journal(self.state.key).forgive(key)
        unit.inbox(self.state.key).close(key, *_answered_by(action))

    def compare(self, action: Action, payload: Image) -> tuple[dict[str, Agreement], list[str]]:
        """New bases for what the answer shows, and the fields that it does not show as sent."""
        bases, lost = {}, []
        for row in self._rows(action):
            source = action.sources[row.key]
            shown = {**payload, ZONE: self.zone}
            sent = row.lens.get(action.side.other, source)
            stored = row.lens.get(action.side, shown)
            if isinstance(sent, Held) or isinstance(stored, Held):
                if action.side is Side.PROCORE and isinstance(stored, Held) and INJURED in row.lens.reads(Side.PROCORE):
                    bases[row.key] = self._agreement(row, action.side, source, {**shown, INJURED: False}, settled=False)
                continue
            pair = {action.side: stored.value, action.side.other: sent.value}
            agree = row.lens.agree(pair[Side.PROCORE], pair[Side.FOURHSE])
            bases[row.key] = self._agreement(row, action.side, source, shown, settled=not agree)
            if row.leads_to(action.side) and not agree and not row.lens.is_rewrite(sent.value, stored.value):
                lost.append(row.key)
        return bases, lost

    def _agreement(self, row: Field, side: Side, source: Image, target: Image, *, settled: bool) -> Agreement:
        images = {side: target, side.other: source}
        return row.agreement(images[Side.PROCORE], images[Side.FOURHSE], settled=settled)

    def _park(self, action: Action, error: Refused) -> None:
        with self.store.begin(self.fence) as unit:
            self._park_in(unit, action, error.words or str(error))

    def _park_in(self, unit: Unit, action: Action, words: str) -> None:
        key = refusal_key(action)
        unit.journal(self.state.key).refuse(key, action.side, words, refusal_fingerprint(action))
        refusal = unit.journal(self.state.key).refusals()[key]
        item, link = items.refused(refusal, action, self._headline(unit, action)), self._incident_of(unit, action)
        unit.inbox(self.state.key).add(
            replace(item, procore_id=link.procore_id, fourhse_id=link.fourhse_id) if link else item
        )
        self.done.refused |= _touched(action, link)
        self.done.flaws.append(f"{action.side.label} refused a record")
        log.warning("push.refused", route=self.state.name, side=action.side.value, record=action.target_id)

    def _incident_of(self, unit: Unit, action: Action) -> Link | None:
        """The link of the incident that a person's record belongs to; None for an incident's own action."""
        return unit.links(self.state.key).find(Side.PROCORE, action.parent) if action.parent else None

    def _headline(self, unit: Unit, action: Action) -> str:
        side = Side.PROCORE if action.parent else action.side.other
        staged = unit.staging(self.state.key).find(side, Kind.INCIDENT, action.parent or action.source_id or "")
        reading = self.mapping.title.lens.get(side, staged.record.payload) if staged else None
        return str(getattr(reading, "value", "") or "")

    # Small questions ----------------------------------------------------------------------------------------------

    def _rows(self, action: Action) -> list[Field]:
        return [row for row in self.rows_of(action.kind) if row.key in action.sources and not row.rests]

    def rows_of(self, kind: Kind) -> tuple[Field, ...]:
        """The mapping's rows for a link of this kind, in this route's direction."""
        if kind is Kind.INCIDENT:
            return self.mapping.fields
        return self.mapping.rows_for(kind, self.live)

    def _narrowed(self, action: Action, rows: list[Field]) -> Action:
        """The part of an update that carries these fields alone."""
        read = {key for row in rows for key in row.lens.reads(action.side)}
        return replace(
            action,
            fields=self._fields(action, rows, {key for row in rows for key in row.lens.names(action.side)}),
            sources={row.key: action.sources[row.key] for row in rows},
            seen={name: value for name, value in action.seen.items() if name in read},
        )

    def _fields(self, action: Action, rows: list[Field], keys: set[str]) -> Image:
        """What these fields write; where another one writes to the same key, it is left out of that key's value."""
        others = {key for row in self._rows(action) if row not in rows for key in row.lens.names(action.side)}
        if not keys & others & action.fields.keys():
            return {name: value for name, value in action.fields.items() if name in keys}
        readings = [(row, row.lens.get(action.side.other, action.sources[row.key])) for row in rows]
        values = [(row, reading.value) for row, reading in readings if not isinstance(reading, Held)]
        return translate.payload(action.side, values, action.seen, {ZONE: self.zone})

    def _put_off(self, action: Action, why: str) -> None:
        with self.store.read() as unit:
            self.done.put_off |= _touched(action, self._incident_of(unit, action))
        self.done.flaws.append(why)
        log.info("push.put_off", route=self.state.name, side=action.side.value, act=action.act.value, why=why)

    def _count(self, action: Action) -> None:
        if _records_of(action) & self.done.refused:
            return
        word = {Act.CREATE: "created", Act.DELETE: "deleted"}.get(action.act, "updated")
        self.done.written[action.side][word] += 1
        if action.act is not Act.CREATE:
            log.info(EVENTS[word], route=self.state.name, side=action.side.value, record=action.target_id)


def _answered_by(action: Action) -> Iterator[str]:
    """The questions that this action, done, leaves without a cause."""
    ids = {action.side: action.target_id or "", action.side.other: action.source_id or ""}
    link = Link(0, ids[Side.PROCORE], ids[Side.FOURHSE], kind=action.kind)
    yield from (items.difference_key(link, field) for field in action.sources if action.act is Act.UPDATE)
    if action.act is not Act.UPDATE:
        yield from (f"deletion:{link.key}:{side.value}" for side in Side)


def _touched(action: Action, incident: Link | None) -> set[tuple[Side, str]]:
    """The two records of an action, and those of their incident when they are a person's."""
    return _records_of(action) | ({(side, incident.id_on(side)) for side in Side} if incident else set())


def _records_of(action: Action) -> set[tuple[Side, str]]:
    ids = ((action.side, action.target_id), (action.side.other, action.source_id))
    return {(side, record_id) for side, record_id in ids if record_id}


def _as_refusal(error: VendorError) -> Refused | None:
    """A refusal of this record; a 403 on one write is one too, while 401 concerns the whole credential."""
    if isinstance(error, Refused):
        return error
    if isinstance(error, AccessRefused) and error.status == 403:
        words = "Our account may not do this."
        return Refused(str(error), side=error.side, call=error.call, status=403, words=words)
    return None


def _whole(register: Register, action: Action, before: Image) -> dict[str, Any]:
    """Every own field that is set, for a PUT that replaces the record."""
    own = register.own_fields(action.kind) - register.NEVER_WRITTEN
    return {name: before[name] for name in own if before.get(name) is not None}
