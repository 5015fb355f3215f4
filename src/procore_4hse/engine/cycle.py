"""The cycle of a route: lease, pull, settle what was left open, map, match, plan, guard, push, count."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from functools import partial
from types import TracebackType
from zoneinfo import ZoneInfo

import structlog
from structlog.contextvars import bound_contextvars

from procore_4hse.apis import IncidentApi
from procore_4hse.engine import bookkeeping
from procore_4hse.engine.appointments import end_cycle
from procore_4hse.engine.deletion_evidence import Proofs, evidence
from procore_4hse.engine.lease import RouteLease
from procore_4hse.engine.memory import current_state, end_meeting, learn_partners, open_memory
from procore_4hse.engine.pull import Pulled, Puller
from procore_4hse.engine.recovery import Recovered, Recovery
from procore_4hse.engine.refill_emptied import refill_emptied
from procore_4hse.engine.report import Report
from procore_4hse.engine.selection import EVERYTHING, Days, Portion, Selection
from procore_4hse.engine.snapshots import CycleInputs, snapshot
from procore_4hse.errors import AskedToStop, GuardStopped
from procore_4hse.mapping.picklists import Picklists
from procore_4hse.mapping.places import NO_ZONE, project_zone
from procore_4hse.models import Action, Kind, Side
from procore_4hse.push.pusher import Pusher
from procore_4hse.reconcile.foreseen import foreseen
from procore_4hse.reconcile.guard import guarded, holds_what_comes
from procore_4hse.reconcile.plan import plan, plan_joined
from procore_4hse.reconcile.snapshot import Plan, Snapshot
from procore_4hse.route import Route
from procore_4hse.runtime import Runtime
from procore_4hse.store.links import Incidents
from procore_4hse.store.routes import RouteState

log = structlog.get_logger()


@dataclass(frozen=True)
class Options:
    """How a cycle is run. `dry` makes no write to a vendor and settles nothing; `first` approves a first meeting."""

    full: bool = False
    first: bool = False
    dry: bool = False


Progress = Callable[[Action, int], None]
"""Called after each action, with how many that makes."""


def run_cycle(
    runtime: Runtime,
    route: Route,
    options: Options = Options(),
    progress: Progress | None = None,
    *,
    selection: Selection = EVERYTHING,
    lease: RouteLease | None = None,
) -> Report:
    """One cycle of one route, under a `lease` that is taken or here; every failure becomes the report's outcome.

    Raises StoreError, and StoreBusy when it could not even be told: without the store there is nothing to report into.
    """
    # Every line that this thread logs meanwhile bears the route's name.
    with bound_contextvars(route=route.name):
        with Cycle(lease or RouteLease(runtime, route.key), route, options, progress, selection) as cycle:
            cycle.run()
        return cycle.report


class Cycle:
    """The steps of one cycle, in their order. Leaving it as a context manager tells the outcome and frees the route."""

    def __init__(
        self, lease: RouteLease, route: Route, options: Options, progress: Progress | None, selection: Selection
    ) -> None:
        self.lease, self.runtime, self.route = lease, lease.runtime, route
        self.options, self.progress, self.selection = options, progress, selection
        self.store = self.runtime.store
        self.procore, self.fourhse = self.runtime.apis(route)
        self.report = Report(route.name)
        self.began = self.runtime.timer()
        self.calls_before = {side: api.calls for side, api in self._apis().items()}
        self.picklists = Picklists()
        """What the systems' own lists hold, once the pull has read them."""
        self.listed: Mapping[Kind, Collection[str]] = {}
        """What 4HSE's listings held that this cycle read whole."""
        self.alerts_off = False
        """Whether Procore gets no filing type, which would alert people."""

    def run(self) -> None:
        if not self.lease.take():
            self.report.ended("busy", "Another process has this route; it is left to that one.", 0)
            return
        state, zone = self.open()
        days = self.selection.days(self.runtime.clock().astimezone(ZoneInfo(zone)).date())
        self.suppress_alerts(state)
        refill_emptied(
            self.store, self.lease.fence, self.route, lambda: self.pusher(zone, self.state()), dry=self.options.dry
        )
        pulled = self.pull(state, whole=self.options.full or days is not None)
        self.picklists = learn_partners(self.store, self.lease.fence, self.route, dry=self.options.dry)
        settled = self.settle(zone, pulled)
        proven = evidence(
            self.store, self.lease.fence, self.route.key, self.route.limits, pulled, self.procore, self.fourhse
        )
        self.plan_and_push(self.inputs(zone, pulled, settled, proven, days))
        self.count(pulled, settled)
        self.end(state)

    # Before the plan ----------------------------------------------------------------------------------------------

    def open(self) -> tuple[RouteState, str]:
        """The route's memory and the project's zone, without which no day can be told."""
        zone = project_zone(self.procore.project())
        if zone is None:
            raise GuardStopped(NO_ZONE)
        with self.store.begin(self.lease.fence) as unit:
            return open_memory(unit, self.route, first=self.options.first), zone

    def suppress_alerts(self, state: RouteState) -> None:
        """The rows that would alert people write nothing, where the selection says so."""
        quiet = state.memory.quiet
        self.alerts_off = self.selection.leaves_out_alerts(self.route.mapping, begun_without=quiet)
        if self.alerts_off:
            self.route = replace(self.route, mapping=self.route.mapping.suppress_alerts())
        elif quiet and not self.options.dry:
            self.remember_quiet(False)

    def pull(self, state: RouteState, *, whole: bool) -> Pulled:
        """Both registers, as they are now, into the store."""
        puller = Puller(
            store=self.store,
            fence=self.lease.fence,
            state=state,
            procore=self.procore,
            fourhse=self.fourhse,
            keep_private=self.route.private == "include",
            full=whole,
            sweep_every=self.runtime.full_sweep_every,
            privacy_key=state.memory.privacy_key,
            account=self.runtime.account,
            mapping=self.route.mapping,
            keep_lease=self.keep_on,
        )
        pulled = puller.run()
        self.listed = pulled.listed
        self.report.pulled = {side.value: pulled.read[side] for side in Side}
        return pulled

    def keep_on(self) -> None:
        """Between two pages: the lease lasts and nobody asked us to stop."""
        if self.runtime.stopping():
            raise AskedToStop("The process was asked to stop; the next cycle reads again from the start.")
        self.lease.keep()

    def settle(self, zone: str, pulled: Pulled) -> Recovered:
        """The writes whose answer was lost are looked for before anything new is planned for their records."""
        state = self.state()
        recovery = Recovery(
            store=self.store,
            fence=self.lease.fence,
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

    def inputs(self, zone: str, pulled: Pulled, settled: Recovered, proven: Proofs, days: Days | None) -> CycleInputs:
        """What the plan needs beside the store."""
        state = self.state()
        return CycleInputs(
            route=self.route,
            state=state,
            zone=zone,
            pulled=pulled,
            settled=settled,
            proven=proven,
            meeting_approved=state.meeting_approved or (self.options.first and not state.ever_linked),
            only_days=days,
            picklists=self.picklists,
        )

    # Plan and push ------------------------------------------------------------------------------------------------

    def plan_and_push(self, inputs: CycleInputs) -> None:
        """A dry run is a plan that nobody pushes."""
        decided = self.first_plan(inputs)
        if not self.options.dry:
            pusher = self.pusher(inputs.zone, inputs.state)
            try:
                decided = self.push(inputs, decided, pusher)
            finally:  # What was written before an error is counted too.
                self.report.count_pushed(pusher.done)
        if decided.stop is not None:
            self.report.ended("stopped", decided.stop, GuardStopped.exit_code)

    def first_plan(self, inputs: CycleInputs) -> Plan:
        """What is decided; the snapshot is too large to be kept while we push."""
        seen = snapshot(self.store, inputs)
        self.report.plan = decided = self.decide(seen, plan(seen))
        self.selection.announce(seen, decided)
        bookkeeping.require_all_counted(seen, decided)
        self.report.plan = decided = foreseen(seen, decided, dry=self.options.dry)
        return decided

    def decide(self, seen: Snapshot, planned: Plan) -> Plan:
        """What of a plan is carried out now."""
        return self.selection.part(guarded(planned, seen))

    def push(self, inputs: CycleInputs, decided: Plan, pusher: Pusher) -> Plan:
        """Carries the plan out; what it leads on to follows in the same cycle, above all people of new links."""
        if self.alerts_off and not inputs.state.memory.quiet:
            self.remember_quiet(True)
        for portion in self.selection.portions(decided):
            self.push_portion(inputs, portion, pusher)
        begin = partial(self.store.begin, self.lease.fence)
        decided = bookkeeping.close_guards(begin, self.route.key, decided, pusher.done)
        joined = bookkeeping.linked_with_people(self.store.read, self.route.key, decided, pusher.done.created)
        if not any(joined.values()) or holds_what_comes(decided):
            return decided
        return self.follow_up(inputs, joined, decided, pusher)

    def push_portion(self, inputs: CycleInputs, portion: Portion, pusher: Pusher) -> None:
        if portion.day is None or bookkeeping.has_anything_to_keep(portion.plan):
            self.write_down(inputs, portion.plan)
        put_off = len(pusher.done.put_off)
        pusher.run(portion.plan.actions)
        if len(pusher.done.put_off) == put_off:
            self.selection.done(portion, pusher.steps)

    def follow_up(self, inputs: CycleInputs, incidents: Incidents, decided: Plan, pusher: Pusher) -> Plan:
        """The people of incidents that have a link only since the push; whatever else there is was planned before."""
        with self.store.read() as unit:  # Nothing new is planned for records with an intent that has no outcome yet.
            pending = {record for intent in unit.journal(self.route.key).open() for record in intent.action.refs}
        settled = replace(inputs.settled, pending=inputs.settled.pending | pending)
        after = snapshot(self.store, replace(inputs, state=self.state(), settled=settled), incidents)
        people = self.decide(after, plan_joined(after))
        self.report.plan = decided.followed_by(people)
        self.write_down(inputs, people, follows=True)
        pusher.run(people.actions)
        return self.report.plan

    def write_down(self, inputs: CycleInputs, decided: Plan, *, follows: bool = False) -> None:
        """Everything of a plan that needs no vendor."""
        bookkeeping.keep_plan(partial(self.store.begin, self.lease.fence), inputs, decided, follows=follows)

    def pusher(self, zone: str, state: RouteState) -> Pusher:
        """A new one, which counts its actions from one."""
        done = 0

        def progress(action: Action) -> None:
            nonlocal done
            done += 1
            if self.progress:
                self.progress(action, done)

        return Pusher(
            store=self.store,
            fence=self.lease.fence,
            state=state,
            cycle=self.lease.cycle,
            mapping=self.route.mapping.narrowed(self.route.direction),
            zone=zone,
            procore=self.procore,
            fourhse=self.fourhse,
            timer=self.runtime.timer,
            keep_lease=self.lease.keep,
            listed=self.listed,
            picklists=self.picklists,
            stopping=self.runtime.stopping,
            progress=progress,
        )

    # Count and end ------------------------------------------------------------------------------------------------

    def count(self, pulled: Pulled, settled: Recovered) -> None:
        """Every incident of both sides stands in exactly one place."""
        for flaw in (*pulled.flaws, *settled.flaws):
            self.report.flaw(flaw)
        for side in Side:
            self.report.population[side.value] = self.report.plan.population(side)

    def end(self, state: RouteState) -> None:
        """What ends with the first cycle that leaves nothing undone: a first meeting, and a backfill without alerts."""
        is_done = self.report.outcome == "ok" and not self.options.dry
        if is_done and state.meeting_approved:
            with self.store.begin(self.lease.fence) as unit:
                end_meeting(unit, self.route)
        if is_done and self.alerts_off:
            self.remember_quiet(False)

    def __enter__(self) -> Cycle:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> bool:
        is_foreseen = self.report.ended_by(error)
        self.report.seconds = round(self.runtime.timer() - self.began, 3)
        self.close()
        return is_foreseen  # Python raises any other error again.

    def close(self) -> None:
        """The route is free again; of a cycle that is no dry run the store keeps the report."""
        for side, api in self._apis().items():
            self.report.calls[side.value] = api.calls - self.calls_before[side]
        if not self.lease.is_ours:
            return
        self.lease.end()
        is_whole = self.selection is EVERYTHING
        end_cycle(self.runtime, self.lease, self.report, dry=self.options.dry, whole=is_whole)
        bookkeeping.drop_old_cycles(self.runtime, self.route.key, self._apis().values())
        log.info("cycle.done", outcome=self.report.outcome, exit=self.report.exit_code)

    # The store and the vendors ------------------------------------------------------------------------------------

    def state(self) -> RouteState:
        with self.store.read() as unit:
            return current_state(unit, self.route)

    def remember_quiet(self, quiet: bool) -> None:
        """Whether a backfill that alerts nobody has begun and not come to its end."""
        with self.store.begin(self.lease.fence) as unit:
            unit.routes.remember(self.route.key, self.route.name, quiet=quiet)

    def _apis(self) -> dict[Side, IncidentApi]:
        return {Side.PROCORE: self.procore, Side.FOURHSE: self.fourhse}
