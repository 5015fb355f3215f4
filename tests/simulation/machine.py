"""One history from its first report to rest: real cycles against both simulated systems, watched throughout."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any, ClassVar

from machine_decisions import InboxPerson
from machine_edits import SitePeople
from machine_mapping import CUSTOM_FIELD, mapping_of
from machine_moves import Death, Fault, History, Meddling, Move, Neighbour, Odd, Setting, Turn
from machine_people import InjuredPeople
from machine_second_route import SecondRoute
from meter import Meter, noted
from oracle_partners import PartnerWatch
from oracle_people import PeopleWatch
from oracle_rest import Rest
from oracle_watch import FIELDS, HOLDS, ITEM_FIELD, SHARED, Objection, SyncStatus, Watch
from scenario_world import FragileStore, ScenarioWorld, is_write

from odd_values import ODD
from procore_4hse.engine.cycle import run_cycle
from procore_4hse.engine.lease import GRACE, LEASE
from procore_4hse.engine.report import Report
from procore_4hse.mapping.rules import Direction
from procore_4hse.models import Act, Action, Item, Kind
from procore_4hse.reconcile.approval import FIRST_MEETING, signature
from procore_4hse.reconcile.snapshot import Plan, Policy
from procore_4hse.route import Route
from procore_4hse.simulator.faults import FaultKind
from procore_4hse.simulator.wire import Request, Response
from procore_4hse.store.leases import Holder
from world import OFFICE, PROJECT, TENANT

LISTS = re.compile(r"/incidents$|/incident/index$")
RECORDS = re.compile(r"injuries|near_misses|property_damages|environmentals|incident-person/index")
SHOWN = re.compile(r"(?:/incidents/(\d+)|/incident/view/([0-9a-f-]{36}))$")
ELSEWHERE = Holder("elsewhere", "boot", 1, "1")
READ_AS = {"name": "title", "description": "text", "description_event": "text"}
"""The names that the witness gives to fields of records."""
CYCLES_TO_REST = 12
"""A lost create is looked for over half an hour; then it is made, compared, and all is quiet."""


def is_create(request: Request) -> bool:
    return request.method == "POST" and (request.path.endswith("/incidents") or request.path.endswith("/create"))


TARGETS: dict[str, Callable[[Request], bool]] = {
    "any": lambda request: True,
    "write": is_write,
    "list": lambda request: LISTS.search(request.path) is not None and not is_create(request),
    "records": lambda request: RECORDS.search(request.path) is not None,
    "view": lambda request: SHOWN.search(request.path) is not None and request.method == "GET",
    "create": is_create,
    "token": lambda request: "token" in request.path,
}


MappingDiff = tuple[Plan, set[str | None], int]
"""What a dry run planned, the records whose last write had no outcome then, and how many creates were given up by then.
"""


def comparable(plan: Plan, open_ones: Collection[str | None]) -> list[str]:
    """What a dry run plans too: it settles nothing, so it plans nothing yet for a record of which a write is open.

    Nor does it for the people of an incident of which one is.
    """
    return sorted(
        signature(one) for one in plan.actions if not {one.source_id, one.target_id, one.parent} & {*open_ones}
    )


def as_foreseen(dry: Plan, plan: Plan, open_ones: Collection[str | None]) -> bool:
    """Whether a cycle planned what the dry run before it did.

    A first meeting is over with the first link, which a write that was open may have made: what it held goes on then.
    """
    foreseen, planned = (Counter(comparable(one, open_ones)) for one in (dry, plan))
    is_meeting = bool(open_ones) and any(item.key == FIRST_MEETING for item in dry.items)
    held = Counter(comparable(replace(dry, actions=dry.held), open_ones) if is_meeting else ())
    return foreseen <= planned <= foreseen + held


def unsure_of(writes: Iterable[Action]) -> set[tuple[str, str]]:
    """(Record id, field) that these writes may have changed: what an update sends, and all of another record."""
    return {
        (one, name)
        for action in writes
        for one in (action.source_id, action.target_id)
        if one
        for name in (_told_by(action.fields) if action.act is Act.UPDATE else FIELDS)
    }


def _told_by(values: Iterable[str]) -> set[str]:
    return {name for value in values for name in HOLDS.get(value, ())}


def held_by(item: Item) -> set[tuple[str, str]]:
    """(Record id, field) that a question holds; one about a field holds that field, and all others go on.

    A text waits for the title that may lead it.
    """
    asked = (item.field or "").split(", ")
    names = {name for name in FIELDS if not item.field or ITEM_FIELD[name] in asked}
    ids = (item.procore_id, item.fourhse_id, *item.facts.get("incidents", ()))
    return {(one, name) for one in ids if one for name in names | ({"text"} if "title" in names else set())}


@dataclass
class Machine:
    """Plays a history. Whatever breaks a promise raises an AssertionError that names it."""

    store: FragileStore
    meter: Meter
    history: History
    scenario: ScenarioWorld = field(init=False)
    witness: ClassVar[type[Watch]] = Watch
    people_witness: ClassVar[type[PeopleWatch]] = PeopleWatch
    watch: Watch = field(init=False)
    person_watch: PeopleWatch = field(init=False)
    partner_watch: PartnerWatch = field(init=False)
    injured: InjuredPeople = field(init=False)
    people: SitePeople = field(init=False)
    inbox_person: InboxPerson = field(init=False)
    asked: dict[str, set[str]] = field(default_factory=lambda: {"procore": set(), "fourhse": set()})
    """The dials that each system has looked at."""
    meddling: Meddling | None = None
    neighbour: Neighbour | None = None
    taken_over: tuple[int, int] | None = None
    """The writes of both systems when the other process, which had taken our route over, was done."""
    second_route: SecondRoute | None = None
    reads_left: int = 0
    odd: SyncStatus | None = None
    """The record that shows something odd at present."""

    def __post_init__(self) -> None:
        setting = self.history.setting
        dials = noted(setting.procore(), self.asked["procore"]), noted(setting.fourhse(), self.asked["fourhse"])
        self.scenario = ScenarioWorld.found(self.store, _route(setting), setting.zone, *dials)
        if setting.custom_field() == "known":
            self.scenario.procore.add_custom_field(CUSTOM_FIELD, "string")
        self.watch = self.witness(
            self.scenario.site,
            self.scenario.office,
            self._living_links,
            setting.zone,
            policy=setting.policy,
            read_only={"procore to 4hse": "procore", "4hse to procore": "fourhse"}.get(setting.direction),
            replacing=setting.fourhse().put_is == "blanking",
            partial=setting.partial(),
            rule={"procore wins": "procore", "4hse wins": "fourhse"}.get(setting.rule),
            hidden=self.scenario.hidden,
        )
        self.injured = InjuredPeople(self.scenario, self.watch)
        self.person_watch = self.people_witness(self.watch, self.injured.hire(), setting.policy)
        self.partner_watch = PartnerWatch(self.watch, *self.injured.meet_strangers())
        witnesses = self.partner_watch, self.meter.add
        self.people = SitePeople(self.scenario, self.watch, self.injured, self.partner_watch, done=self.meter.add)
        self.inbox_person = InboxPerson(self.scenario, self.watch, self.person_watch, *witnesses)
        self.scenario.faults.on_request.append(self._meddle)
        self.scenario.faults.on_request.append(self._let_the_neighbour_in)
        if setting.second_route:
            self.second_route = SecondRoute(self.scenario, self.meter.add)
        self.scenario.faults.on_response.insert(0, self._witness)
        self.meter.dials("procore", setting.procore())
        self.meter.dials("fourhse", setting.fourhse())

    def play(self) -> None:
        self._begin()
        for number, one in enumerate(self.history.turns):
            self._play(number, one)
        self._come_to_rest()
        self.meter.asked(self.asked)
        self.meter.counts["partner: corrected"] += self.partner_watch.corrected
        self.meter.add("history", "played")

    # Turns -------------------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        setting = self.history.setting
        for number in range(setting.on_both):
            self._report_to_both(number, date(2026, 1, 10 + number))
        self.watch.human()
        for number in range(setting.on_site):
            self.people.on_site(Move("report", number, number + 1))
        for number in range(setting.in_office):
            self.people.in_office(Move("report", number, number + 2))

    def _report_to_both(self, number: int, day: date) -> None:
        """The second of them hurt somebody."""
        text, word = f"Both know of case {number}: the hook came off.", ("NON_COMPLIANCE", "ACCIDENTS")[number]
        made = self.scenario.on_site(f"Case {number}", day, 9, description=text)
        self.scenario.in_office(f"Case {number}", day, description_event=text, category=word)
        if number:
            self.scenario.procore.hand_create("injury", PROJECT, incident_id=int(made))

    def _play(self, number: int, one: Turn) -> None:
        for move in one.around:
            self._around(move)
        for move in one.site:
            self.people.on_site(move)
        for move in one.office:
            self.people.in_office(move)
        for move in one.inbox_person:
            self.inbox_person.sit_down(move)
        for move in one.settings:
            self.meter.add("settings", f"{move.what} after the answers")
            self._around(move)
        if self.second_route is not None:
            self.second_route.turn(number)
        self._spoil(one.odd)
        first = number == 0 and self.history.setting.at_once
        mapping_diff = self._rehearse(first=first) if one.mapping_diff and one.trouble is None else None
        self.scenario.faults.settle_late()
        self._prepare(one.trouble)
        report = self._cycle(calm=one.trouble is None, by=one.clock, first=first)
        self._end_trouble()
        if mapping_diff is not None and report is not None and self.scenario.plans:
            self._compare(mapping_diff)

    def _spoil(self, odd: Odd | None) -> None:
        """From now on a record shows something odd, or every record what it holds."""
        spoiler, self.odd, self.watch.unreadable = self.scenario.spoiler, None, None
        spoiler.targets.clear()
        side = "procore" if odd is not None and odd.place[0].startswith("Procore") else "fourhse"
        ids = sorted(self.watch.now[side])
        if odd is None or not ids:
            return
        kind, name, value = odd.place
        self.odd = (side, ids[odd.which % len(ids)])
        spoiler.targets[kind] = self.odd[1]
        spoiler.kind, spoiler.path, spoiler.value, spoiler.armed = kind, (name,), ODD[value], True
        self.watch.unreadable = (self.odd, READ_AS.get(name, name))
        self.meter.add("odd", f"{value} as {name} in {side}")

    def _around(self, move: Move) -> None:
        hides = move.what in ("hide some", "hide all", "historicize")
        if not (hides and self.people.hidden) and not (move.what == "hide some" and self._looks_deleted()):
            self.people.around(move)

    def _looks_deleted(self) -> bool:
        """A few records behind a 404 look deleted, and only `ask` asks: docs/promises.md, what is not promised."""
        setting = self.history.setting
        return setting.policy != "ask" and setting.fourhse().forbidden_view_status == 404

    def _cycle(self, *, calm: bool, by: timedelta = timedelta(0), **options: Any) -> Report | None:
        done = self._writes_so_far()
        self.watch.cycle_begins()
        self.store.ahead = by
        if by:
            self.meter.add("clock", f"{by} from the truth")
        report = self.scenario.cycle(**options)
        self.store.ahead = timedelta(0)
        self._see_who_wrote()
        self.watch.unsure = (
            set() if report is not None and report.outcome == "ok" else unsure_of(self.scenario.open_writes())
        )
        self.watch.cycle_ended(report.outcome if report else None, self._out_of_sight())
        self.person_watch.cycle_ended()
        if report is None:
            self.meter.add("outcome", "crash")
            return None
        self.meter.report(report, self.scenario.plans)
        if calm and self.scenario.plans:
            self._as_planned(report, done)
        return report

    def _writes_so_far(self) -> tuple[int, int]:
        return len(self.scenario.procore.writes), len(self.scenario.fourhse.writes)

    def _see_who_wrote(self) -> None:
        """A process that slept through its lease writes nothing more."""
        if self.taken_over not in (None, self._writes_so_far()):
            raise Objection(f"a process wrote after another one had taken its route: {self.taken_over}")
        self.taken_over = None

    def _out_of_sight(self) -> set[tuple[str, str]]:
        """(Record id, field) that this cycle left alone: private, not shared, missing, odd, or asked about."""
        hidden = {key for key, row in self.scenario.site().items() if row["private"]}
        unshared = {key for key, one in self.watch.now["fourhse"].items() if one["category"] not in SHARED}
        odd = {self.odd[1], self.watch.partner.get(self.odd, "")} if self.odd is not None else set()
        whole = {(key, name) for key in hidden | unshared | odd for name in FIELDS}
        return whole.union(*(held_by(entry.item) for entry in self.scenario.inbox()))

    def _prepare(self, trouble: Any) -> None:
        if isinstance(trouble, Death):
            self.scenario.gate.arm(trouble.boundary, trouble.after)
        elif isinstance(trouble, Meddling):
            self.meddling, self.reads_left = trouble, trouble.after
        elif isinstance(trouble, Neighbour):
            self.neighbour, self.reads_left = trouble, trouble.after
        else:
            for fault in trouble or ():
                self._await(fault)

    def _await(self, fault: Fault) -> None:
        """A late request may only be a create: a late update is a packet in flight, and that is not promised."""
        late = fault.kind is FaultKind.LATE
        where = TARGETS["create" if late else fault.target]
        self.watch.late |= late
        self.scenario.faults.add(fault.kind, where=where, skip=fault.skip, times=fault.times)

    def _end_trouble(self) -> None:
        self.scenario.faults.clear()
        self.meddling = self.neighbour = None
        for kind, count in self.scenario.faults.fired.items():
            self.meter.counts[f"fault: {kind}"] += count
        self.scenario.faults.fired.clear()

    # In the middle of a cycle -------------------------------------------------------------------------------------

    def _witness(self, request: Request, response: Response) -> None:
        if is_write(request):
            self.watch.machine()
            self.person_watch.machine()
            self.partner_watch.machine()

    def _meddle(self, request: Request) -> None:
        """A person acts right before a call that reads: what they did is seen, or looked for again before a write."""
        shown = SHOWN.search(request.path)
        if self.meddling is None or not (LISTS.search(request.path) or shown) or is_write(request):
            return
        self.reads_left -= 1
        if self.reads_left >= 0:
            return
        meddling, self.meddling = self.meddling, None
        side = meddling.side if shown is None else "procore" if shown[1] else "fourhse"
        target = None if shown is None else shown[1] or shown[2]
        if target is not None and target not in self.watch.now[side]:
            return
        self.meter.add("meddling", f"{meddling.move.what} before a {'view' if shown else 'list'}")
        act = self.people.on_site if side == "procore" else self.people.in_office
        act(meddling.move, target)

    def _let_the_neighbour_in(self, request: Request) -> None:
        """Another process wants the route: it leaves it alone, or has it when we slept through our lease."""
        if self.neighbour is None or is_write(request) or "token" in request.path:
            return
        self.reads_left -= 1
        if self.reads_left >= 0:
            return
        neighbour, self.neighbour = self.neighbour, None
        if neighbour.late:
            self.scenario.clock.advance((LEASE + GRACE).total_seconds() + 1)
        done = self._writes_so_far()
        report = run_cycle(self.scenario.process(ELSEWHERE), self.scenario.route)
        self.scenario.asked = None
        self.meter.add("neighbour", "took over" if neighbour.late else "left the route alone")
        if neighbour.late:
            self.taken_over = self._writes_so_far()
        elif report.outcome != "busy" or self._writes_so_far() != done:
            raise Objection(f"two processes had one route at once: {report.outcome}, {report.reason}")

    # What was planned and what was done ---------------------------------------------------------------------------

    def _rehearse(self, *, first: bool) -> MappingDiff | None:
        self.scenario.faults.settle_late()
        before, open_ones = self.watch.look(), self.scenario.open_records()
        self.scenario.cycle(dry=True, first=first)
        if self.watch.look() != before:
            raise Objection("a dry run wrote")
        return (self.scenario.plans[0], open_ones, self._given_up()) if self.scenario.plans else None

    def _compare(self, mapping_diff: MappingDiff) -> None:
        """Nothing is compared of what may have come from a create that the cycle gives up, whatever that is."""
        planned, open_ones, given_up = mapping_diff
        if self._given_up() != given_up:
            return
        self.meter.add("mapping diff", "compared")
        plan = self.scenario.plans[0]
        if not as_foreseen(planned, plan, open_ones):
            plans = [comparable(one, open_ones) for one in (planned, plan)]
            raise Objection(f"the dry run planned {plans[0]} and the cycle planned {plans[1]}")

    def _given_up(self) -> int:
        return self.meter.counts["event: settle.lost"]

    def _as_planned(self, report: Report, done: tuple[int, int]) -> None:
        """In a calm cycle every write belongs to an action, and every action was tried."""
        planned = Counter(
            (action.side.value, action.act.value, action.target_id)
            for action in self.scenario.plans[0].actions
            if action.act is not Act.LINK and action.kind is Kind.INCIDENT
        )
        written = self._written(done)
        put_back = self.watch.taken | self.watch.refill_emptied
        for call in {(side, "update", one) for side, one in put_back} - planned.keys():
            written.pop(call, None)
        made = {(side, one) for side, act, one in written if act == "create"}
        extra = [one for one in written if one not in planned and (one[0], one[2]) not in made]
        extra += [one for one in written if one[1] == "create" and (one[0], "create", None) not in planned]
        if extra:
            raise Objection(f"{extra} were written and stand in no plan: {dict(planned)}")
        if report.outcome == "ok" and not planned.keys() <= written.keys() | self._creates(written):
            raise Objection(f"planned {dict(planned)}, written {dict(written)}, and the outcome was ok")

    def _creates(self, written: Counter[tuple[str, str, str | None]]) -> set[tuple[str, str, str | None]]:
        return {(side, act, None) for side, act, _ in written if act == "create"}

    def _written(self, done: tuple[int, int]) -> Counter[tuple[str, str, str | None]]:
        verbs = {"POST": "create", "PATCH": "update", "DELETE": "delete", "RESTORE": "restore"}
        site = [w for w in self.scenario.procore.writes[done[0] :] if w.kind == "incident"]
        office = [w for w in self.scenario.fourhse.writes[done[1] :] if w.entity == "incident"]
        return Counter(
            [("procore", verbs[w.verb], str(w.id)) for w in site] + [("fourhse", w.operation, w.id) for w in office]
        )

    # Rest ---------------------------------------------------------------------------------------------------------

    def _come_to_rest(self) -> None:
        """All rights are back and nothing fails any more; in the end nothing is odd any more either."""
        self.people.world_show_all(Move("show all", 0, 0))
        if self.history.setting.on_both != 1:
            self.inbox_person.answer_all(self.history.setting.on_site)
        self._rest()
        if self.odd is not None:
            self._spoil(None)
            self._rest()
        if self.second_route is not None:
            self.second_route.check()

    def _rest(self) -> None:
        """Within a few cycles nothing is written."""
        quiet, reports = False, []
        for _ in range(CYCLES_TO_REST):
            self.scenario.faults.settle_late()
            before, done = self.watch.look(), self._writes_so_far()
            report = self._cycle(calm=False)
            reports.append(report)
            self.scenario.clock.advance(minutes=12)
            is_still = self.watch.look() == before and self._writes_so_far() == done  # A custom field is no meaning.
            # What a first link leads on to comes in the next cycle.
            is_still = is_still and not (report and any(action.act is Act.LINK for action in report.plan.actions))
            if report is not None and report.outcome != "partial" and is_still:
                held = any(entry.item.key == "guard:replaced" for entry in self.scenario.inbox())
                quiet = held or not self.scenario.unsettled()  # What stops a cycle first lets it settle nothing.
            if quiet:
                break
        if not quiet:
            raise Objection(
                f"not quiet after {CYCLES_TO_REST} cycles: {[r and (r.outcome, r.reason) for r in reports]}"
            )
        Rest(self.scenario, self.watch, self.person_watch, reports[-1], self._unreadable(), self.partner_watch).check()

    def _unreadable(self) -> SyncStatus | None:
        """The record of which something cannot be read; an id in another form is the same id."""
        is_id = self.scenario.spoiler.path in (("id",), ("office_incident_id",))
        if self.odd is None or is_id:
            return None
        self.meter.add("odd", "at rest")
        return self.odd

    def _living_links(self) -> list[tuple[str, str]]:
        with self.store.read() as unit:
            links = unit.links(self.scenario.route.key).outline(Kind.INCIDENT)
        return [(link.procore_id, link.fourhse_id) for link in links]


def _route(setting: Setting) -> Route:
    direction = next(one for one in Direction if one.value == setting.direction)
    return Route(
        name="riverside",
        procore_project=str(PROJECT),
        fourhse_project=TENANT,
        fourhse_office=OFFICE,
        mapping=mapping_of(setting),
        since=date(2015, 1, 1),
        direction=direction,
        deletions=Policy(setting.policy),
        private=setting.private,
    )
