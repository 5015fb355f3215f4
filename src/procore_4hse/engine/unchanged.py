"""Which linked incidents a cycle need not compare: those that show what they showed when there was nothing to do.

No saving here changes what a cycle decides: an incident is left out while everything that its decision depends on is
as it was when a cycle last found nothing to do, to ask or to remember for it. That is kept as two digests.

The **fingerprint** of an incident stands beside its link. It covers, of the incident and of all that stands below it on
both sides: the contents of each record as a digest, whether a listing still holds it, whether privacy keeps it home,
since when it has its status, the latest change date that its vendor ever showed, and the links, with their ids, states
and generations. What both sides agreed on has no part in it: the store takes the fingerprint away in the very
statement that changes a link.

A link whose records were deleted on both sides is left out too, unless one of the two is there again, or an answer is
in force: it might be about somebody whom a deleted incident named.

The **ground** of a route covers what decides about all of its incidents: the version of this program; the mapping, and
whether it may alert people; scope, direction, zone, privacy, policy of deletions, limits and rules of likeness; the
lists of people, words and equipment on both sides; the partners that people named, and the accounts that are ours; all
answers in force, and all refused calls; and which lists of actions and of what is tied to incidents were read whole.
Another ground compares everything.

Everything is compared, too, in a dry run, a backfill, a cycle with `--full`, and when the last time is
`schedule.full_sweep_every` ago, so that a mistake in this file lasts no longer; and whenever a decision may need to
look at incidents that are left out: see `_is_plain` and `_looks_further`.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cache
from importlib.metadata import version
from uuid import UUID

from procore_4hse.engine.lease import RouteLease
from procore_4hse.engine.snapshots import RECORDS, CycleInputs, snapshot, states_of_lists
from procore_4hse.models import Decision, Kind, LinkState, QuestionKey, RecordRef, Side
from procore_4hse.reconcile.snapshot import Changed, Plan, Presence, Record, Snapshot
from procore_4hse.store.links import STATE, Incidents
from procore_4hse.store.repository import Store, Unit

SLICE = 500
"""Fingerprints that are written in one transaction."""


@dataclass(frozen=True)
class Outline:
    """An incident's link as the store has it, with the digest of what it shows now; None where that is not certain."""

    number: int
    ids: dict[Side, str]
    kept: str | None
    shows: str | None
    children: tuple[int, ...]
    """Links of people and equipment below it that have moved since they were looked at."""
    is_over: bool
    """Both records were deleted, and neither is there again."""

    @property
    def is_unchanged(self) -> bool:
        return self.shows is not None and self.shows == self.kept and not self.children


@dataclass
class Comparison:
    """What one cycle compares, and what it remembers of that for the next one."""

    lease: RouteLease
    inputs: CycleInputs
    full: bool = False
    dry: bool = False
    ground: str = ""
    answers: Mapping[QuestionKey, Decision] = field(default_factory=dict)
    """That no cycle has carried out yet."""
    is_whole: bool = True
    outlines: list[Outline] = field(default_factory=list)
    """Of all that is compared."""

    def snapshot(self) -> Snapshot:
        """The route as it is now, without the incidents that need no comparison."""
        if self.dry:
            return snapshot(self.store, self.inputs)
        with self.store.read() as unit:
            self.answers = unit.inbox(self.inputs.route.key).decisions()
            self.ground = _ground(unit, self.inputs, self.answers)
            self.is_whole = not self._may_leave_out(unit)
            moved, unchanged = self._moved(unit)
        if not self.is_whole:
            seen = replace(snapshot(self.store, self.inputs, moved), unchanged=unchanged)
            if not _looks_further(seen):
                return seen
            self.is_whole, self.outlines = True, []
            with self.store.read() as unit:
                self._moved(unit)
        return snapshot(self.store, self.inputs)

    @property
    def store(self) -> Store:
        return self.lease.runtime.store

    def keep(self, seen: Snapshot, planned: Plan, decided: Plan) -> None:
        """Remembers for which incidents there is nothing to do; nothing is written where that is as it was."""
        if self.dry or decided.stop is not None or not _is_plain(self.inputs) or _is_odd(seen, self.inputs):
            return
        marks = [*_marks(self.outlines, planned.settled)]
        memory = self.inputs.state.memory
        if marks and self.ground != memory.ground:
            self._remember(ground="")  # Should this break off, no mark counts that was made on another ground.
        for start in range(0, len(marks), SLICE):
            with self.store.begin(self.lease.fence) as unit:
                unit.links(self.inputs.route.key).settle(marks[start : start + SLICE])
        if self.is_whole:
            with self.store.read() as unit:
                self._remember(ground=self.ground, compared_at=unit.now)

    def _may_leave_out(self, unit: Unit) -> bool:
        memory = self.inputs.state.memory
        if self.full or memory.compared_at is None or memory.ground != self.ground:
            return False
        is_lately = timedelta(0) <= unit.now - memory.compared_at < self.lease.runtime.full_sweep_every
        return is_lately and _is_plain(self.inputs) and not self._may_concern_any(unit)

    def _may_concern_any(self, unit: Unit) -> bool:
        """Whether an answer may be about incidents that are left out, or about the route as a whole."""
        return any(map(_is_about_any, self.answers)) or bool(unit.links(self.inputs.route.key).removed())

    def _moved(self, unit: Unit) -> tuple[Incidents, int]:
        """The incidents that must be compared, and how many are left out."""
        moved: dict[Side, list[str]] = {side: [] for side in Side}
        unchanged = 0
        # An answer about somebody whom a deleted incident named counts for as long as the incident is known.
        leaves_out_ended = not self.answers
        for one in _outlines(unit, self.inputs):
            if not self.is_whole and (one.is_unchanged or (one.is_over and leaves_out_ended)):
                unchanged += one.is_unchanged
                continue
            self.outlines.append(one)
            for side in Side:
                moved[side].append(one.ids[side])
        if not self.is_whole:
            staging = unit.staging(self.inputs.route.key)
            moved = {side: sorted({*ids, *staging.unlinked(side)}) for side, ids in moved.items()}
        return moved, unchanged

    def _remember(self, **facts: object) -> None:
        with self.store.begin(self.lease.fence) as unit:
            unit.routes.remember(self.inputs.route.key, self.inputs.route.name, **facts)


# What a cycle must be like ---------------------------------------------------------------------------------------


def _is_plain(inputs: CycleInputs) -> bool:
    """Whether the cycle is about the whole route, everything was read whole, and nothing about the route changed."""
    pulled, route, state = inputs.pulled, inputs.route, inputs.state
    was_read = all(pulled.certified.values()) and pulled.records_certified and pulled.people_certified
    is_as_before = (state.scope, state.mapping) == (route.scope, route.mapping.digest) and state.zone == inputs.zone
    return was_read and is_as_before and inputs.only_days is None and not state.memory.quiet


def _is_about_any(answer: QuestionKey) -> bool:
    record = answer.record
    return bool(answer.guarded) or (answer.topic == "match" and record is not None and record.kind is Kind.INCIDENT)


def _looks_further(seen: Snapshot) -> bool:
    """Whether a decision about what is there may need to look at what was left out."""
    looks_back = (seen.lost_writes, seen.returned, *seen.restored_backup.values(), *seen.reverted.values())
    linked = {side: {link.id_on(side) for link in seen.links} for side in Side}
    free = (one for side in Side for one in seen.records[side].values() if one.id not in linked[side])
    return any(looks_back) or any(_may_be_ours(seen, one) for one in free if one.presence is Presence.PRESENT)


def _may_be_ours(seen: Snapshot, record: Record) -> bool:
    """Whether our account made it in Procore, or its id in 4HSE may be one that we give."""
    if record.side is Side.PROCORE:
        return record.author is not None and record.author in seen.own_accounts
    try:
        return UUID(record.id).version == 5
    except ValueError:
        return False


def _is_odd(seen: Snapshot, inputs: CycleInputs) -> bool:
    """Whether something looks as it did before, or could not be read: nothing new is taken for settled then."""
    looks_back = (seen.lost_writes, *seen.restored_backup.values(), *seen.reverted.values())
    return any(looks_back) or seen.changed != Changed() or seen.pending != inputs.settled.pending


# Digests ---------------------------------------------------------------------------------------------------------


def _outlines(unit: Unit, inputs: CycleInputs) -> Iterator[Outline]:
    """Every incident's link with the digest of what both sides show of it and of all below."""
    key, uncertain = inputs.route.key, _uncertain(inputs)
    below: dict[tuple[Side, str], bytes] = defaultdict(bytes)
    open_below: set[str] = set()
    for side, kinds in RECORDS.items():
        for kind, one, parent, *told in unit.staging(key).states(side, [k for k in kinds if k is not Kind.INCIDENT]):
            below[side, parent or ""] = _digest(below[side, parent or ""], kind, one, *told)
            if uncertain and RecordRef(side, Kind(kind), one) in uncertain:
                open_below.add(parent or "")
    links: dict[str, bytes] = defaultdict(bytes)
    moved: dict[str, list[int]] = defaultdict(list)
    for parent, number, *told, fingerprint in unit.links(key).child_outlines():
        links[parent] = _digest(links[parent], number, *told)
        if fingerprint is None:
            moved[parent].append(number)
    for number, ours, theirs, state, generation, kept, *shown in unit.links(key).outlines():
        ids = {Side.PROCORE: ours, Side.FOURHSE: theirs}
        refs = {RecordRef(side, Kind.INCIDENT, one) for side, one in ids.items()} if uncertain else set()
        is_open = bool(refs & uncertain) or not open_below.isdisjoint(ids.values())
        parts = (below.get((side, one), b"") for side, one in ids.items())
        shows = _digest(b"", ours, theirs, generation, *shown, *parts, links.get(ours, b""))
        is_certain = state == LinkState.LIVE and not is_open and ours not in inputs.pulled.uncounted
        is_over = state == LinkState.ENDED and not is_open and False not in _absences(shown)
        yield Outline(number, ids, kept, shows.hex() if is_certain else None, tuple(moved.get(ours, ())), is_over)


def _absences(shown: Sequence[object]) -> tuple[object, object]:
    """Whether each record is absent, Procore's first; None of one that is not staged."""
    place, width = STATE.index("absent"), len(STATE)
    return shown[place], shown[width + place]


def _uncertain(inputs: CycleInputs) -> frozenset[RecordRef]:
    """Records with a write whose fate is unknown, and those that are proven gone just now."""
    return frozenset(inputs.settled.pending) | frozenset(inputs.settled.possibly_ours) | inputs.proven.keys()


def _marks(outlines: Iterable[Outline], settled: frozenset[int]) -> Iterator[tuple[int, str | None]]:
    """What is to be written: incidents' fingerprints, and of the links below them that they were looked at."""
    for one in outlines:
        shows = one.shows if one.number in settled else None
        if shows != one.kept:
            yield one.number, shows
        if shows is not None:
            yield from ((number, "") for number in one.children)


def _ground(unit: Unit, inputs: CycleInputs, answers: Mapping[QuestionKey, Decision]) -> str:
    """Digest of all that decides about more than one incident."""
    route, memory, key = inputs.route, inputs.state.memory, inputs.route.key
    rules = (_version(), route.mapping.digest, memory.quiet, route.scope, inputs.zone, route.direction, route.private)
    settings = (route.deletions, route.limits, route.match, route.since, route.fourhse_office, inputs.meeting_approved)
    people = (sorted(memory.partners.items()), memory.accounts_procore, memory.accounts_fourhse)
    lists = states_of_lists(unit, key)
    told = sorted(map(repr, answers.values()))
    refused = sorted((each.key, each.fingerprint) for each in unit.journal(key).refusals().values())
    was_whole = (inputs.pulled.actions_certified, sorted(inputs.pulled.tied_certified))
    return _digest(b"", rules, settings, people, lists, told, refused, was_whole).hex()


def _digest(before: bytes, *parts: object) -> bytes:
    return hashlib.blake2b(before + repr(parts).encode(), digest_size=16).digest()


@cache
def _version() -> str:
    return version("procore-4hse-sync")
