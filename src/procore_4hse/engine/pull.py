"""Vendor pages into staging, page by page, with a certificate for every listing that was read whole."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from itertools import chain

import structlog

from procore_4hse.apis import FourHseIncidentApi, Page, ProcoreIncidentApi
from procore_4hse.engine.completeness import TRIES, ListingCheck, TieBreak, check_listing
from procore_4hse.engine.named_people import dated, gone_from_site, named_on_site, outside_the_office
from procore_4hse.errors import AccessRefused, NotFound, Unavailable
from procore_4hse.mapping.entries import COMPANY_LIST, LISTS, equipment_entry, person_entry, picklists_of, word_entry
from procore_4hse.mapping.images import REPEATED, has_unknown_time, stated_count
from procore_4hse.mapping.lenses.office import LISTS as TIED_LISTS
from procore_4hse.mapping.private_images import bare, private_image
from procore_4hse.mapping.rules import FieldMapping
from procore_4hse.mapping.vendor_fields import INCIDENT_LISTS
from procore_4hse.models import CHILDREN, PEOPLE_RECORDS, PROCORE_RECORDS, Image, Kind, RawRecord, Side
from procore_4hse.store.repository import Fence, Store
from procore_4hse.store.routes import RouteState

log = structlog.get_logger()

PAGE = 1000
"""Incidents that one Procore page holds; up to here every cycle lists them all."""
OVERLAP = timedelta(minutes=10)
"""Rows may be committed late, below the cursor (R10)."""
DIRECTORY_AGE = timedelta(hours=6)
"""A new assignment may give a waiting person a partner, though no record changed."""


@dataclass(frozen=True)
class Pulled:
    """What one pull brought. `flaws` are the reasons why this cycle is partial."""

    read: dict[Side, int]
    certified: dict[Side, bool]
    records_certified: bool
    """Whether Procore's four lists of records are known whole: as read now, or as read before while counts agree."""
    people_certified: bool
    uncounted: frozenset[str] = frozenset()
    """Procore incidents whose `records_count` disagrees with the lists, even when asked again."""
    flaws: tuple[str, ...] = ()
    server_at: datetime | None = None
    number: int = 0
    """The pull's own number; staging rows bear the one that brought them as they are."""
    shown: Mapping[Side, Collection[str]] = field(default_factory=dict)
    """The incidents that this pull's pages showed, whether or not they were a whole listing."""
    listed: Mapping[Kind, Collection[str]] = field(default_factory=dict)
    """The ids of each of 4HSE's listings that was read whole."""
    actions_certified: bool = False
    """Whether Procore's list of actions was read whole; it is read only when the mapping tells of them."""
    tied_certified: frozenset[Kind] = frozenset()
    """4HSE's lists of what its incidents are tied to that were read whole; so are they read."""
    swept: bool = True
    """Whether Procore was listed whole, so that absence means something."""


@dataclass
class Puller:
    """One pull of one route. `fence` guards every commit; `full` asks for a complete listing of Procore."""

    store: Store
    fence: Fence
    state: RouteState
    procore: ProcoreIncidentApi
    fourhse: FourHseIncidentApi
    keep_private: bool
    full: bool
    sweep_every: timedelta
    privacy_key: str
    mapping: FieldMapping
    """What it reads of Procore's word lists, of equipment and of actions is read."""
    keep_lease: Callable[[], None]
    number: int = 0
    flaws: list[str] = field(default_factory=list)
    started_at: datetime = field(init=False)
    """On the store's clock."""
    began_at: datetime | None = None
    """When the first page came, on its vendor's clock."""
    saw_unknown_time: bool = False
    """Whether a plain listing showed a row of unknown time, so that it hides none (P42)."""
    read: Counter[Side] = field(default_factory=Counter)
    changed_incidents: int = 0
    """Incidents that Procore shows for the first time, or otherwise than before."""
    exempt: frozenset[str] = frozenset()
    """Procore incidents that have been private since our own create."""
    shown: dict[tuple[Side, Kind], set[str]] = field(default_factory=lambda: defaultdict(set))
    """The ids that the pages showed. Kept here and not in the store: unchanged records would be written for it."""
    whole: list[tuple[Side, Kind]] = field(default_factory=list)
    """Listings that were read whole, of which nothing is marked absent yet."""
    certified: dict[Side, set[Kind]] = field(default_factory=lambda: defaultdict(set))
    """The listings that were read whole."""
    open_incidents: frozenset[str] = frozenset()
    """Those whose contents may be staged."""

    @property
    def equipment(self) -> bool:
        """Whether the mapping has a row for equipment."""
        return bool(self.mapping.equipment)

    def run(self) -> Pulled:
        with self.store.begin(self.fence) as unit:
            self.number = unit.routes.begin_pull(self.state.key, self.state.name)
            self.exempt, self.started_at = unit.links(self.fence.route).born_private(), unit.now
        procore, swept = self._procore_incidents()
        records, uncounted = self._procore_records(told=procore and swept)
        actions = self.mapping.reads_actions and self._actions()
        fourhse = self._fourhse(Kind.INCIDENT)
        people, tied = self._people(), self._tied(records)
        self._mark_absent()
        self._directories()
        return Pulled(
            read={side: self.read[side] for side in Side},
            certified={Side.PROCORE: procore, Side.FOURHSE: fourhse.certified},
            records_certified=records,
            people_certified=people and (not self.equipment or Kind.RESOURCE in tied),
            uncounted=uncounted,
            actions_certified=actions,
            tied_certified=tied,
            flaws=tuple(self.flaws),
            server_at=self.began_at,
            swept=swept,
            number=self.number,
            shown={side: self.shown[side, Kind.INCIDENT] for side in Side},
            listed={kind: self.shown[Side.FOURHSE, kind] for kind in self.certified[Side.FOURHSE]},
        )

    # Procore ------------------------------------------------------------------------------------------------------

    def _procore_incidents(self) -> tuple[bool, bool]:
        """(certified for creates, listed whole)."""
        if self._may_go_by_change() and self._changed_incidents():
            return True, False
        parts = [self._read(lambda: self.procore.incident_pages(per_page=PAGE), Kind.INCIDENT)]
        if not self.saw_unknown_time:
            parts.append(
                self._read(lambda: self.procore.incident_pages(time_unknown=True, per_page=PAGE), Kind.INCIDENT)
            )
        flaw = next((part.flaw for part in parts if part.flaw), None)
        if flaw:
            self.flaws.append(f"Procore's incident list could not be read whole: {flaw}")
            return False, False
        self.whole.append((Side.PROCORE, Kind.INCIDENT))
        total = len(frozenset().union(*(part.ids for part in parts)))
        hides = len(parts) == 2 and bool(parts[1].ids - parts[0].ids)
        with self.store.begin(self.fence) as unit:
            listed = {"incidents": total, "cursor_at": self.began_at, "swept_at": self.began_at}
            unit.routes.save(self.state.key, self.state.name, **listed)
            unit.routes.remember(self.state.key, self.state.name, hides_unknown_time=hides)
        return True, True

    def _may_go_by_change(self) -> bool:
        state = self.state
        if self.full or state.incidents <= PAGE or state.cursor_at is None or state.swept_at is None:
            return False
        now = self.procore.server_date  # Cursors are counted on Procore's clock, never on ours.
        return now is not None and max(state.cursor_at, state.swept_at) <= now < state.swept_at + self.sweep_every

    def _changed_incidents(self) -> bool:
        """Only what changed since the cursor; False when the total afterwards says that this was not all."""
        now, cursor = self.procore.server_date, self.state.cursor_at
        if now is None or cursor is None:
            return False
        window = (cursor - OVERLAP, now + timedelta(minutes=1))
        hidden = [None, True] if self._hides_unknown_time() else [None]
        for unknown in hidden:
            part = self._read(partial(self.procore.incident_pages, updated=window, time_unknown=unknown), Kind.INCIDENT)
            if part.flaw:
                return False
        totals = [self.procore.incident_total(time_unknown=unknown) for unknown in hidden]
        with self.store.read() as unit:
            staged = unit.staging(self.fence.route).count(Side.PROCORE, Kind.INCIDENT)
        if None in totals or sum(total or 0 for total in totals) != staged:
            log.info("pull.sweep", why="the total does not fit what is known")
            return False
        with self.store.begin(self.fence) as unit:
            unit.routes.save(self.state.key, self.state.name, cursor_at=self.began_at)
        return True

    def _procore_records(self, *, told: bool) -> tuple[bool, frozenset[str]]:
        """The four lists that cannot be asked for by change (P40): whether they are known whole, and who counts others.

        One that fails holds what needs them. Two are read when an incident is new, changed or counts other records, and
        at each sweep: what leaves no trace in its incident (P49) waits until then. `told`: all incidents were listed.
        """
        kinds = self._read_always() if told and not self.changed_incidents and self._all_read_lately() else ()
        whole = self._record_lists(kinds or PROCORE_RECORDS)
        # An incident that does not say how many it has tells nothing of the lists that were not read.
        if kinds and all(stated == listed for stated, listed in self._counts("records", PROCORE_RECORDS).values()):
            return whole, frozenset()
        if kinds:
            whole = self._record_lists(tuple(kind for kind in PROCORE_RECORDS if kind not in kinds)) and whole
        if whole:
            with self.store.begin(self.fence) as unit:
                unit.routes.remember(self.state.key, self.state.name, records_at=self.started_at)
        # Only against whole lists: else every incident with a record that did not come would count as wrong.
        return whole, self._counted("records", PROCORE_RECORDS) if whole else frozenset()

    def _read_always(self) -> tuple[Kind, ...]:
        """Injuries, for they decide what an incident is, and near misses if there are any; empty for all four."""
        if self.equipment:
            return ()
        with self.store.read() as unit:
            near_misses = unit.staging(self.fence.route).holds(Side.PROCORE, Kind.NEAR_MISS)
        return PEOPLE_RECORDS if near_misses else (Kind.INJURY,)

    def _all_read_lately(self) -> bool:
        read_at, now = self.state.memory.records_at, self.started_at
        return not self.full and read_at is not None and timedelta(0) <= now - read_at < self.sweep_every

    def _record_lists(self, kinds: tuple[Kind, ...]) -> bool:
        whole = [self._record_list(kind) for kind in kinds]
        self._mark_absent()
        return all(whole)

    def _record_list(self, kind: Kind) -> bool:
        """Whether the project's records of this kind were read whole."""
        try:
            return self._list(partial(self.procore.record_pages, kind), Side.PROCORE, kind).certified
        except (AccessRefused, NotFound, Unavailable) as error:
            self.flaws.append(f"Procore's list of {kind.value} records failed: {error}")
            return False

    def _actions(self) -> bool:
        """Actions do not say whether their incident is private: of those that stay home no content is staged."""
        with self.store.read() as unit:
            staged = [incident for incident, _ in unit.staging(self.fence.route).records(Side.PROCORE, [Kind.INCIDENT])]
        self.open_incidents = frozenset(incident.record.id for incident in staged if not incident.minimal)
        whole = self._record_list(Kind.ACTION)
        self._mark_absent()
        if whole:
            self._counted("actions", (Kind.ACTION,))
        return whole

    def _people(self) -> bool:
        try:
            return self._fourhse(Kind.PERSON).certified
        except (AccessRefused, NotFound, Unavailable) as error:
            self.flaws.append(f"4HSE's list of involved people failed: {error}")
            return False

    def _tied(self, records: bool) -> frozenset[Kind]:
        """What incidents name beside people, where the mapping asks for it; the lists that were read whole."""
        if self.equipment and records:  # Procore's part of it stands in the records that were read.
            self.whole.append((Side.PROCORE, Kind.EQUIPMENT))
        kinds = self.mapping.tied | (frozenset({Kind.RESOURCE}) if self.equipment else frozenset())
        return frozenset(kind for kind in sorted(kinds) if self._tied_list(kind))

    def _tied_list(self, kind: Kind) -> bool:
        try:
            return self._fourhse(kind).certified
        except (AccessRefused, NotFound, Unavailable) as error:
            self.flaws.append(f"4HSE's list of {TIED_LISTS[kind]} failed: {error}")
            return False

    def _directories(self) -> None:
        """Who may be named, on both sides, and by which words: read when a record names somebody since then."""
        if not self._names_somebody_new():
            return
        try:
            self._people_lists()
            self._word_lists()
        except (AccessRefused, NotFound, Unavailable) as error:
            self.flaws.append(f"The directory of people could not be read: {error}")
            return
        with self.store.begin(self.fence) as unit:
            unit.routes.remember(self.state.key, self.state.name, directories_at=unit.now, pickers=self._lists())

    def _people_lists(self) -> None:
        """Everybody who may be named, and those who left, for old records name them still."""
        listed = {
            side: self._entries("people", partial(person_entry, side), chain.from_iterable(pages))
            for side, pages in (
                (Side.PROCORE, self.procore.people_pages()),
                (Side.FOURHSE, self.fourhse.person_office_pages(history=True)),
            )
        }
        with self.store.read() as unit:
            staging, today = unit.staging(self.fence.route), (self.began_at or unit.now).date().isoformat()
            before = {side: staging.entries(side, Kind.DIRECTORY)[Kind.DIRECTORY] for side in Side}
            records = [*chain.from_iterable(staging.entries(Side.PROCORE, *PEOPLE_RECORDS).values())]
        gone = gone_from_site(listed[Side.PROCORE], before[Side.PROCORE], records, today)
        self._replace(Side.PROCORE, Kind.DIRECTORY, (*listed[Side.PROCORE], *gone))
        self._replace(Side.FOURHSE, Kind.DIRECTORY, dated(listed[Side.FOURHSE], before[Side.FOURHSE], today))

    def _outsiders(self) -> tuple[RawRecord, ...]:
        """People of 4HSE's company who may be meant and are not assigned to the office.

        The company is asked about when somebody new has no partner, else as seldom as the lists are read unasked.
        """
        with self.store.read() as unit:
            staging, memory, now = unit.staging(self.fence.route), self.state.memory, unit.now
            listed = {side: staging.entries(side, *LISTS) for side in Side}
            entries = {(side, kind): rows for side, kinds in listed.items() for kind, rows in kinds.items()}
            named = named_on_site(chain.from_iterable(staging.entries(Side.PROCORE, *PEOPLE_RECORDS).values()))
        directory = picklists_of(entries, self.mapping, memory.partners).directory
        strangers = named - directory.to_fourhse.keys()
        known = tuple(each for each in entries[Side.FOURHSE, Kind.PICKER] if each.parent_id == COMPANY_LIST)
        if not strangers:
            return ()
        read_lately = memory.company_at is not None and timedelta(0) <= now - memory.company_at < DIRECTORY_AGE
        if read_lately and strangers <= set(memory.strangers):
            return known
        try:
            company = [row for page in self.fourhse.company_people_pages() for row in page]
        except (AccessRefused, NotFound):
            log.warning("pull.list_closed", list="people of the company")
            company = []
        with self.store.begin(self.fence) as unit:
            unit.routes.remember(self.state.key, self.state.name, company_at=now, strangers=tuple(sorted(strangers)))
        assigned = entries[Side.FOURHSE, Kind.DIRECTORY]
        return tuple(outside_the_office(company, assigned, directory, strangers, self.mapping.recognised))

    def _word_lists(self) -> None:
        """Procore's lists that the mapping needs. They may be closed to us (P86): then their words wait."""
        rows: list[RawRecord] = []
        theirs = self._outsiders()
        for name in sorted(self.mapping.pickers):
            try:
                entries = self.procore.picker(name)
            except (AccessRefused, NotFound):
                log.warning("pull.list_closed", list=name)
                continue
            rows += self._entries(name, partial(word_entry, name), entries)
        if self.equipment:
            mine, pieces = (
                self._entries(
                    "equipment", partial(equipment_entry, api.side), chain.from_iterable(api.equipment_pages())
                )
                for api in (self.procore, self.fourhse)
            )
            rows += mine
            theirs += pieces
        self._replace(Side.FOURHSE, Kind.PICKER, theirs)
        self._replace(Side.PROCORE, Kind.PICKER, tuple(rows))

    def _entries(
        self, name: str, entry: Callable[[Image], RawRecord | None], rows: Iterable[Image]
    ) -> tuple[RawRecord, ...]:
        """The rows of a list that say which entry they are; the others are counted, for nothing can name them."""
        entries = [entry(row) for row in rows]
        usable = tuple(one for one in entries if one is not None)
        if odd := len(entries) - len(usable):
            log.warning("pull.odd_rows", list=name, rows=odd)
        return usable

    def _lists(self) -> tuple[str, ...]:
        """What is read beside the directories of people."""
        return (*sorted(self.mapping.pickers), *(["equipment"] if self.equipment else []))

    def _replace(self, side: Side, kind: Kind, rows: tuple[RawRecord, ...]) -> None:
        with self.store.begin(self.fence) as unit:
            staging = unit.staging(self.fence.route)
            if rows:
                staging.put(rows, pull=self.number, minimal=frozenset(), server_at=self.began_at or unit.now)
            staging.mark_absent(side, {kind: {row.id for row in rows}})
            staging.drop_absent(side, kind)

    def _names_somebody_new(self) -> bool:
        with self.store.read() as unit:
            staging = unit.staging(self.fence.route)
            own = (Kind.INCIDENT,) if self.mapping.pickers & INCIDENT_LISTS else ()
            newest = (
                staging.newest(Side.PROCORE, (*CHILDREN, *own)),
                staging.newest(Side.FOURHSE, (Kind.PERSON, Kind.RESOURCE, *own)),
            )
            read_at = self.state.memory.directories_at
            if not any(newest):
                return False
            if read_at is None or self.state.memory.pickers != self._lists():
                return True
            read_lately = timedelta(0) <= unit.now - read_at < DIRECTORY_AGE
            return any(at is not None and at > read_at for at in newest) or not read_lately

    def _counted(self, what: str, kinds: tuple[Kind, ...]) -> frozenset[str]:
        """Incidents whose `records_count` or `actions_count` disagrees with the lists, even when asked once more."""
        if wrong := self._miscounted(what, kinds):
            self._read_again(wrong, [None, True] if self._hides_unknown_time() else [None])
            wrong = self._miscounted(what, kinds)
        if wrong:
            self.flaws.append(f"{len(wrong)} Procore incidents count other {what} than the lists show")
        return frozenset(wrong)

    def _read_again(self, ids: set[str], unknown_times: list[bool | None]) -> None:
        for unknown in unknown_times:
            for page in self.procore.incident_pages(ids=sorted(ids), time_unknown=unknown):
                self._stage(page.records, page.server_date)

    def _hides_unknown_time(self) -> bool:
        """Whether the last complete listing showed incidents of unknown time only when they were asked for (P42)."""
        with self.store.read() as unit:
            return unit.routes.get(self.state.key, self.state.name).memory.hides_unknown_time

    def _miscounted(self, what: str, kinds: tuple[Kind, ...]) -> set[str]:
        return {
            incident for incident, (stated, listed) in self._counts(what, kinds).items() if stated not in (None, listed)
        }

    def _counts(self, what: str, kinds: tuple[Kind, ...]) -> dict[str, tuple[object, int]]:
        """How many records each incident states, and how many are staged, where we may know."""
        with self.store.read() as unit:
            staging = unit.staging(self.fence.route)
            listed = Counter(row.parent_id for row in staging.states(Side.PROCORE, kinds) if not row.absent)
            told = staging.told(Side.PROCORE, Kind.INCIDENT, f"{what}_count")
            return {one: (stated_count(image, what), listed[one]) for one, image in told}

    # 4HSE ---------------------------------------------------------------------------------------------------------

    def _fourhse(self, kind: Kind) -> ListingCheck:
        """The office read whole; a day that two pages share is read by itself when its rows changed places (H2)."""
        tie_break = TieBreak(self.fourhse.sort_value, lambda day: self._staged(self.fourhse.pages(kind, day=day), kind))
        return self._list(lambda: self.fourhse.pages(kind), Side.FOURHSE, kind, tie_break)

    # One listing --------------------------------------------------------------------------------------------------

    def _list(
        self, pages: Callable[[], Iterator[Page]], side: Side, kind: Kind, tie_break: TieBreak | None = None
    ) -> ListingCheck:
        """A complete listing; when certified, what it did not hold becomes absent."""
        part = self._read(pages, kind, tie_break)
        if part.flaw:
            self.flaws.append(f"{side.label}'s list of {kind.value} records could not be read whole: {part.flaw}")
        else:
            self.whole.append((side, kind))
            self.certified[side].add(kind)
        return part

    def _read(self, pages: Callable[[], Iterator[Page]], kind: Kind, tie_break: TieBreak | None = None) -> ListingCheck:
        part = ListingCheck(flaw="it was not read")
        for _ in range(TRIES):
            part = check_listing(self._staged(pages(), kind), tie_break)
            if part.certified:
                break
            log.info("pull.uncertified", kind=kind.value, why=part.flaw)
            if part.odd:
                log.warning("pull.odd_rows", kind=kind.value, rows=part.odd)
                break
        return part

    def _staged(self, pages: Iterable[Page], kind: Kind) -> Iterator[Page]:
        for page in pages:
            self.began_at = self.began_at or page.server_date
            self._stage(page.records, page.server_date)
            self.saw_unknown_time |= any(has_unknown_time(record.payload) for record in page.records)
            log.debug("pull.page", kind=kind.value, page=page.number, rows=len(page.records))
            yield page

    def _stage(self, records: tuple[RawRecord, ...], server_at: datetime) -> None:
        if not records:
            return
        kept = tuple(self._guarded(record) for record in records)
        hidden = tuple(record for record, was in zip(kept, records, strict=True) if record is not was)
        self.keep_lease()
        with self.store.begin(self.fence) as unit:
            for seen, minimal in self._beside(kept, hidden):
                ids = frozenset(record.id for record in minimal)
                repeated = REPEATED if seen[0].kind is not Kind.INCIDENT else frozenset[str]()
                changed = unit.staging(self.fence.route).put(
                    seen, pull=self.number, minimal=ids, server_at=server_at, repeated=repeated
                )
                if (seen[0].side, seen[0].kind) == (Side.PROCORE, Kind.INCIDENT):
                    self.changed_incidents += changed
                self.shown[seen[0].side, seen[0].kind].update(record.id for record in seen)
        self.read[records[0].side] += len(records)

    def _beside(
        self, kept: tuple[RawRecord, ...], hidden: tuple[RawRecord, ...]
    ) -> Iterator[tuple[tuple[RawRecord, ...], tuple[RawRecord, ...]]]:
        """What is staged of a page: its rows, and what they say about equipment when the mapping asks for it."""
        yield kept, hidden
        if self.equipment and kept[0].kind in PROCORE_RECORDS:
            yield tuple(record.equipment for record in kept), tuple(record.equipment for record in hidden)

    def _guarded(self, record: RawRecord) -> RawRecord:
        """Of what privacy keeps home only the id, the day and a keyed hash of the title are staged."""
        if self.keep_private:
            return record
        if record.kind is Kind.ACTION and record.parent_id not in self.open_incidents:
            return bare(record)
        return private_image(record, self.privacy_key, self.exempt)

    def _mark_absent(self) -> None:
        """What the listings that were read whole did not hold is absent."""
        with self.store.begin(self.fence) as unit:
            for side in Side:
                if shown := {kind: self.shown[side, kind] for of, kind in self.whole if of is side}:
                    unit.staging(self.fence.route).mark_absent(side, shown)
        self.whole.clear()
