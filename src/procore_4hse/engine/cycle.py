"""The cycle of a route: lease, settle, pull, map, match, plan, guard, push, count."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import structlog

from procore_4hse.clients import CALL_TIMEOUT
from procore_4hse.engine.deletion_evidence import evidence
from procore_4hse.engine.pull import Pulled, Puller
from procore_4hse.engine.recovery import Recovered, Recovery
from procore_4hse.engine.report import Report, budget_told
from procore_4hse.engine.snapshots import CycleInputs, partners_told, picklists, snapshot
from procore_4hse.errors import (
    AskedToStop,
    BudgetExhausted,
    GuardStopped,
    LeaseLost,
    Refused,
    StoreBusy,
    StoreError,
    SyncError,
    VendorError,
)
from procore_4hse.mapping.lenses.days import zone_name
from procore_4hse.mapping.picklists import Picklists
from procore_4hse.models import Act, Action, Item, ItemKind, Kind, RecordRef, Side
from procore_4hse.push.pusher import Pusher
from procore_4hse.reconcile.guard import FIRST_MEETING, MAPPING, SCOPE, ZONE, guarded
from procore_4hse.reconcile.items import REPLACED
from procore_4hse.reconcile.plan import plan
from procore_4hse.reconcile.snapshot import Plan, Presence, Snapshot
from procore_4hse.route import Route
from procore_4hse.runtime import Runtime
from procore_4hse.store.repository import Fence, Unit
from procore_4hse.store.routes import RouteState

log = structlog.get_logger()

LEASE = timedelta(minutes=10)
GRACE = CALL_TIMEOUT
"""A foreign lease is taken this long after it expired: a call of its holder may still be on its way."""


@dataclass(frozen=True)
class Options:
    """How a cycle is run. `dry` makes no write to a vendor and settles nothing; `first` approves a first meeting."""

    full: bool = False
    first: bool = False
    dry: bool = False
    only_days: tuple[date, date | None] | None = None
    """A backfill's range, both ends included; without an end, up to today in the project's zone."""


def run_cycle(
    runtime: Runtime, route: Route, options: Options = Options(), progress: Callable[[Action, int], None] | None = None
) -> Report:
    """One cycle of one route; every failure that a cycle can meet becomes the report's outcome and reason.

    Raises StoreError, and StoreBusy when it could not even be told: without the store there is nothing to report into.
    """
    with Cycle(runtime, route, options, progress) as cycle:
        cycle.run()
    return cycle.report


class Cycle:
    """The steps of one cycle, in their order. Leaving it as a context manager tells the outcome and frees the route."""

    def __init__(
        self,
        runtime: Runtime,
        route: Route,
        options: Options,
        progress: Callable[[Action, int], None] | None = None,
    ) -> None:
        self.runtime, self.route, self.options, self.report = runtime, route, options, Report(route.name)
        self.began = runtime.timer()
        self.store = runtime.store
        self.progress = progress
        self.procore, self.fourhse = runtime.apis(route)
        self.calls = {side: api.calls for side, api in self._apis().items()}
        self.token: int | None = None
        self.number = 0
        self.lease_until = runtime.clock()
        self.picklists = Picklists()
        """What the systems' own lists hold, once the pull has read them."""
        self.alerts_off = False

    # The order of a cycle -----------------------------------------------------------------------------------------

    def run(self) -> None:
        if not self.take_lease():
            self.report.ended("busy", "Another process has this route; it is left to that one.", 0)
            return
        state, zone = self.open()
        self.suppress_alerts(state)
        self.put_back(zone)
        pulled = self.pull(state)
        self.learn_partners()
        settled = self.settle(zone, pulled)
        known = self.inputs(zone, pulled, settled)
        self.carry_out(known)
        self.count(pulled, settled)
        self.end_meeting(state)
        self.end_quiet()

    # Lease --------------------------------------------------------------------------------------------------------

    def take_lease(self) -> bool:
        asked_at = self.runtime.clock()
        with self.store.begin() as unit:
            self.token = unit.leases.take(self.route.key, self.runtime.holder, ttl=LEASE, grace=GRACE)
            if self.token is not None:
                self.number = unit.cycles.begin(self.route.key)
        self.lease_until = asked_at + LEASE
        return self.token is not None

    @property
    def fence(self) -> Fence:
        return Fence(self.route.key, self.token or 0)

    def keep_lease(self) -> None:
        """The lease outlasts the next call, or LeaseLost is raised.

        Counted on this machine's clock from before the store was asked: the store's own clock may differ.
        """
        if self.lease_until - self.runtime.clock() > CALL_TIMEOUT + timedelta(minutes=1):
            return
        asked_at = self.runtime.clock()
        with self.store.begin() as unit:
            if not unit.leases.renew(self.route.key, self.fence.token, ttl=LEASE):
                raise LeaseLost("This route's lease ran out; nothing more is written. It goes on in the next cycle.")
        self.lease_until = asked_at + LEASE

    def keep_on(self) -> None:
        """Between two pages: the lease lasts and nobody asked us to stop."""
        if self.runtime.stopping():
            raise AskedToStop("The process was asked to stop; the next cycle reads again from the start.")
        self.keep_lease()

    def __enter__(self) -> Cycle:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        foreseen = self.concludes(error)
        self.report.seconds = round(self.runtime.timer() - self.began, 3)
        self.close()
        return foreseen

    def concludes(self, error: BaseException | None) -> bool:
        """Whether the report can tell how the cycle ended; an error that nobody foresaw goes on to the caller."""
        if isinstance(error, GuardStopped):
            self.report.ended("stopped", str(error), error.exit_code)
        elif isinstance(error, LeaseLost | BudgetExhausted | AskedToStop | StoreBusy):
            self.report.ended("partial", str(error), error.exit_code)
        elif isinstance(error, VendorError):
            words = f" {error.words}" if isinstance(error, Refused) and error.words else ""
            self.report.ended("failed", f"{error}{words}", error.exit_code)
        elif error is not None:
            self.report.ended("failed", "The cycle broke off; the log says where.", StoreError.exit_code)
            return False
        return True

    def close(self) -> None:
        for side, api in self._apis().items():
            self.report.calls[side.value] = api.calls - self.calls[side]
        if self.token is None:
            return
        with self.store.begin() as unit:
            self.report.inbox = unit.inbox(self.route.key).counts()
            if not self.options.dry:
                told = {**self.report.json(), "budget": self._budget()}
                unit.cycles.end(self.number, self.report.outcome, self.report.reason, told)
            unit.leases.release(self.route.key, self.token)
        log.info("cycle.done", route=self.route.name, outcome=self.report.outcome, exit=self.report.exit_code)

    def _budget(self) -> dict[str, Any]:
        """What the vendors' answers said about our calls, kept for `status`, which makes none."""
        return {
            side.value: budget_told(line, self.report.calls[side.value]) for side, line in self.runtime.budgets.items()
        }

    # Pull and settle ----------------------------------------------------------------------------------------------

    def open(self) -> tuple[RouteState, str]:
        """The route's memory and the project's zone, without which no day can be told."""
        project = self.procore.project()
        zone = zone_name(project.get("tz_name"), project.get("time_zone"))
        if zone is None:
            raise GuardStopped(
                "Procore does not say which time zone the project is in; set it in the project's settings in Procore."
            )
        with self.store.begin(self.fence) as unit:
            state = unit.routes.get(self.route.key, self.route.name)
            if not state.memory.privacy_key:
                unit.routes.remember(self.route.key, self.route.name, privacy_key=uuid.uuid4().hex)
            if self.options.first and not state.ever_linked:
                unit.routes.save(self.route.key, self.route.name, meeting_approved=True)
            return unit.routes.get(self.route.key, self.route.name), zone

    def suppress_alerts(self, state: RouteState) -> None:
        """What a backfill began is finished as it began: without filing types, which would alert people."""
        self.alerts_off = state.memory.quiet
        if self.alerts_off:
            self.route = replace(self.route, mapping=self.route.mapping.suppress_alerts())

    def put_back(self, zone: str) -> None:
        """A write that emptied fields it did not send holds the route until a person lets us put them back.

        What the vendor refuses to take back is asked about again, in its own words.
        """
        with self.store.read() as unit:
            inbox = unit.inbox(self.route.key)
            entry = next((e for e in inbox.entries(states=("open", "answered")) if e.item.key == REPLACED), None)
        if entry is None:
            return
        if entry.state == "open" or self.options.dry:
            raise GuardStopped(entry.item.reason)
        try:
            self.pusher(zone, self._state()).fill_again(entry.item.facts)
        except Refused as error:
            with self.store.begin(self.fence) as unit:
                unit.inbox(self.route.key).withdraw(entry.id)
            raise GuardStopped(f"{entry.item.reason} It would not take them back: {error.words or error}") from error
        with self.store.begin(self.fence) as unit:
            unit.routes.remember(self.route.key, self.route.name, put_whole=True)
            unit.inbox(self.route.key).close(REPLACED)

    def pull(self, state: RouteState) -> Pulled:
        puller = Puller(
            store=self.store,
            fence=self.fence,
            state=state,
            procore=self.procore,
            fourhse=self.fourhse,
            keep_private=self.route.private == "include",
            full=self.options.full or self.options.only_days is not None,
            sweep_every=self.runtime.full_sweep_every,
            privacy_key=state.memory.privacy_key,
            pickers=self.route.mapping.pickers,
            equipment=bool(self.route.mapping.equipment),
            wants_actions=self.route.mapping.reads_actions,
            keep_lease=self.keep_on,
        )
        pulled = puller.run()
        self.report.pulled = {side.value: pulled.read[side] for side in Side}
        return pulled

    def settle(self, zone: str, pulled: Pulled) -> Recovered:
        state = self._state()
        recovery = Recovery(
            store=self.store,
            fence=self.fence,
            state=state,
            mapping=self.route.mapping,
            zone=zone,
            procore=self.procore,
            fourhse=self.fourhse,
            pusher=self.pusher(zone, state),
            settle_for=self.runtime.settle_for,
            fourhse_certified=pulled.certified[Side.FOURHSE],
        )
        return recovery.look() if self.options.dry else recovery.run()

    def _open_records(self) -> set[RecordRef]:
        """Records with an intent that has no outcome yet: nothing new is planned for them."""
        with self.store.read() as unit:
            return {record for intent in unit.journal(self.route.key).open() for record in intent.action.refs}

    def learn_partners(self) -> None:
        """Reads the systems' own lists, and remembers the partner that a person named for somebody no rule matches."""
        with self.store.read() as unit:
            self.picklists = self._read_lists(unit)
            told = partners_told(unit, self.route, self.picklists)
        if not told or self.options.dry:
            return
        with self.store.begin(self.fence) as unit:
            partners = {**unit.routes.get(self.route.key, self.route.name).memory.partners, **told}
            unit.routes.remember(self.route.key, self.route.name, partners=partners)
            self.picklists = self._read_lists(unit)

    def inputs(self, zone: str, pulled: Pulled, settled: Recovered) -> CycleInputs:
        state = self._state()
        return CycleInputs(
            route=self.route,
            state=state,
            zone=zone,
            pulled=pulled,
            settled=settled,
            proven=evidence(self.store, self.route.key, self.route.limits, pulled, self.procore, self.fourhse),
            meeting_approved=state.meeting_approved or (self.options.first and not state.ever_linked),
            only_days=self._days(zone),
            picklists=self.picklists,
        )

    def _days(self, zone: str) -> tuple[date, date] | None:
        if self.options.only_days is None:
            return None
        first, last = self.options.only_days
        return first, last or self.runtime.clock().astimezone(ZoneInfo(zone)).date()

    # Plan and push ------------------------------------------------------------------------------------------------

    def carry_out(self, known: CycleInputs) -> None:
        decided = self.decide(known)
        if not self.options.dry:
            pusher = self.pusher(known.zone, known.state)
            try:
                decided = self._push(known, decided, pusher)
            finally:
                self.report.count_pushed(pusher.done)
        self._stop_if_held(decided)

    def decide(self, known: CycleInputs) -> Plan:
        seen = snapshot(self.store, known)
        self.report.plan = decided = self.planned(seen)
        self._count_places(seen, decided)
        return decided

    def planned(self, seen: Snapshot) -> Plan:
        return guarded(plan(seen), seen)

    def _push(self, known: CycleInputs, decided: Plan, pusher: Pusher) -> Plan:
        """Carries the plan out; the people of incidents that are linked by it follow in the same cycle."""
        self._record(known, decided)
        pusher.run(decided.actions)
        if not pusher.done.created and not any(action.act is Act.LINK for action in decided.actions):
            return decided
        settled = replace(known.settled, pending=known.settled.pending | self._open_records())
        again = self.decide(replace(known, state=self._state(), settled=settled))
        self._record(known, again)
        people = tuple(action for action in again.actions if action.kind is not Kind.INCIDENT)
        pusher.run(people)
        self.report.plan = replace(again, actions=(*decided.actions, *people))
        return again

    def _record(self, known: CycleInputs, decided: Plan) -> None:
        """Everything of a plan that needs no vendor, in one commit: links, bases, states, questions."""
        with self.store.begin(self.fence) as unit:
            self._keep(unit, known, decided)

    def _keep(self, unit: Unit, known: CycleInputs, decided: Plan) -> None:
        links, inbox = unit.links(self.route.key), unit.inbox(self.route.key)
        for action in decided.actions:
            if action.act is Act.LINK:
                links.settle_removed(action.source_id or "", action.target_id or "")
                links.add(action.source_id or "", action.target_id or "", kind=action.kind, parent=action.parent)
                unit.routes.save(self.route.key, self.route.name, ever_linked=True)
        for fresh in decided.rebases:
            links.rebase(fresh.procore, fresh.fields)
        for change in decided.transitions:
            self._change(unit, change)
        for pair in decided.not_duplicates:
            links.tell_apart(*pair)
            links.settle_removed(*pair)
        if known.only_days is None:
            inbox.keep((*decided.items, *known.settled.items), decided.answers_in_use, decided.unknown)
            self._accept(unit, known, decided)
        else:
            self._add(unit, (*decided.items, *known.settled.items))

    def _add(self, unit: Unit, items: Iterable[Item]) -> None:
        """A backfill sees a part of the route: what is asked about the rest stays asked, what was answered answered."""
        for item in items:
            unit.inbox(self.route.key).add(item)

    def _change(self, unit: Unit, change: Any) -> None:
        link = change.link
        unit.links(self.route.key).set_state(link.ref(Side.PROCORE), change.state)
        if change.side is None or link.state is change.state:
            return
        staged = unit.staging(self.route.key).find(link.ref(change.side))
        if staged is not None:
            unit.links(self.route.key).bury(staged.record, change.evidence)
        log.info("link.changed", route=self.route.name, state=change.state.value, procore=link.procore_id)

    def _accept(self, unit: Unit, known: CycleInputs, decided: Plan) -> None:
        """Scope, zone and mapping in force become what the route remembers, unless a guard still asks about them."""
        asked = {item.key for item in decided.items if item.kind is ItemKind.GUARD}
        facts = {"scope": self.route.scope, "zone": known.zone, "mapping": self.route.mapping.digest}
        held_whole = bool(asked & {SCOPE, ZONE, MAPPING, FIRST_MEETING})
        if not held_whole:
            unit.routes.save(self.route.key, self.route.name, **facts)

    def _stop_if_held(self, decided: Plan) -> None:
        if decided.stop is not None:
            self.report.ended("stopped", decided.stop, GuardStopped.exit_code)

    def pusher(self, zone: str, state: RouteState) -> Pusher:
        done = 0

        def progress(action: Action) -> None:
            nonlocal done
            done += 1
            if self.progress:
                self.progress(action, done)

        return Pusher(
            store=self.store,
            fence=self.fence,
            state=state,
            cycle=self.number,
            mapping=self.route.mapping.narrowed(self.route.direction),
            zone=zone,
            apis=self._apis(),
            keep_lease=self.keep_lease,
            picklists=self.picklists,
            stopping=self.runtime.stopping,
            progress=progress,
        )

    # Count --------------------------------------------------------------------------------------------------------

    def count(self, pulled: Pulled, settled: Recovered) -> None:
        for flaw in (*pulled.flaws, *settled.flaws):
            self.report.flaw(flaw)
        for side in Side:
            self.report.population[side.value] = self.report.plan.population(side)

    def _count_places(self, seen: Snapshot, decided: Plan) -> None:
        """Every record that is listed, or linked and not proven gone, stands in exactly one place."""
        for side in Side:
            listed = {r.id for r in seen.records[side].values() if r.presence is Presence.PRESENT}
            if unplaced := listed - decided.statuses[side].keys():
                raise SyncError(f"{len(unplaced)} {side.label} incidents were counted nowhere; please report this.")

    def end_meeting(self, state: RouteState) -> None:
        """The approval of a first meeting ends with the first cycle that leaves nothing of it undone."""
        if state.meeting_approved and self.report.outcome == "ok" and not self.options.dry:
            with self.store.begin(self.fence) as unit:
                if unit.routes.get(self.route.key, self.route.name).ever_linked:
                    unit.routes.save(self.route.key, self.route.name, meeting_approved=False)

    def end_quiet(self) -> None:
        """With the first cycle that leaves nothing undone a backfill is over, whatever broke it off."""
        if self.alerts_off and self.report.outcome == "ok" and not self.options.dry:
            self.remember_quiet(False)

    def remember_quiet(self, quiet: bool) -> None:
        with self.store.begin(self.fence) as unit:
            unit.routes.remember(self.route.key, self.route.name, quiet=quiet)

    # Small things -------------------------------------------------------------------------------------------------

    def _state(self) -> RouteState:
        with self.store.read() as unit:
            return unit.routes.get(self.route.key, self.route.name)

    def _read_lists(self, unit: Unit) -> Picklists:
        return picklists(unit, unit.routes.get(self.route.key, self.route.name), self.route.mapping)

    def _apis(self) -> dict[Side, Any]:
        return {Side.PROCORE: self.procore, Side.FOURHSE: self.fourhse}
