"""Intents without an outcome: settled by looking, never by guessing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import chain

import structlog

from procore_4hse.apis import FourHseIncidentApi, IncidentApi, ProcoreIncidentApi, RecordAnswer
from procore_4hse.errors import GuardStopped, NotFound, VendorError
from procore_4hse.mapping.images import author_of, made_at, parent_in, was_edited
from procore_4hse.mapping.lenses.base import NO_RECORDS, ZONE
from procore_4hse.mapping.lenses.equipment import is_gone
from procore_4hse.mapping.rules import FieldMapping
from procore_4hse.mapping.translate import LEAST_KEPT, shows
from procore_4hse.models import Act, Action, Base, Decision, Image, Item, Kind, QuestionKey, RawRecord, RecordRef, Side
from procore_4hse.push.bases import compare_arrived
from procore_4hse.push.pusher import Pusher
from procore_4hse.push.whole import emptied
from procore_4hse.reconcile import items
from procore_4hse.reconcile.approval import content_of, record_name
from procore_4hse.reconcile.snapshot import Record
from procore_4hse.store.journal import Intent
from procore_4hse.store.repository import Fence, Store
from procore_4hse.store.routes import RouteState

log = structlog.get_logger()

EVENTS = {word: f"settle.{word}" for word in ("adopted", "abandoned", "lost")}
LOOKS = 3
MARGIN = timedelta(minutes=2)
"""Two answers of one vendor may bear slightly different dates."""


@dataclass
class Recovered:
    """What is still open after looking: nothing new is planned for `pending`, nothing copied from `possibly_ours`."""

    pending: set[RecordRef] = field(default_factory=set)
    possibly_ours: set[RecordRef] = field(default_factory=set)
    items: list[Item] = field(default_factory=list)
    flaws: list[str] = field(default_factory=list)


@dataclass
class Recovery:
    """Settles one route's open intents. `fourhse_certified` says whether the listing in staging is whole."""

    store: Store
    fence: Fence
    state: RouteState
    mapping: FieldMapping
    zone: str
    procore: ProcoreIncidentApi
    fourhse: FourHseIncidentApi
    pusher: Pusher
    settle_for: timedelta
    fourhse_certified: bool
    decisions: Mapping[QuestionKey, Decision] = field(default_factory=dict)
    """What people answered, once there is something to settle."""
    recovered: Recovered = field(default_factory=Recovered)

    def run(self) -> Recovered:
        intents = self._open()
        lost, unseen = [], []
        for intent in intents:
            try:
                if not self._settle(intent):
                    lost.append(intent)
            except VendorError as error:
                self._wait(intent, str(error))
                unseen.append(intent)
        self._leave_alone(unseen)
        self._search([intent for intent in lost if intent.action.kind is Kind.INCIDENT])
        for intent in lost:
            if intent.action.kind is not Kind.INCIDENT:
                self._search_child(intent)
        return self.recovered

    def look(self) -> Recovered:
        """What stays open as long as nobody settles it: for a dry run, which tells and changes nothing."""
        intents = self._open()
        for intent in intents:
            self._hold(intent)
        self._leave_alone(intents)
        return self.recovered

    def _leave_alone(self, intents: list[Intent]) -> None:
        """Nothing is copied from what these may have made, nor from what took its place, before they are settled."""
        creates = [i for i in intents if i.action.act is Act.CREATE and i.action.kind is Kind.INCIDENT]
        try:
            for side in Side:
                self.recovered.possibly_ours |= {record.ref for record in self._strangers(side, creates)}
        except VendorError as error:
            self.recovered.flaws.append(str(error))

    def _open(self) -> list[Intent]:
        with self.store.read() as unit:
            intents = unit.journal(self.state.key).open()
            self.decisions = unit.inbox(self.state.key).decisions() if intents else {}
        return intents

    # What can be asked for by its id --------------------------------------------------------------------------------

    def _settle(self, intent: Intent) -> bool:
        """True when the intent has its outcome; False for a create that must be searched for."""
        action = intent.action
        if action.act is Act.CREATE:
            return action.side is Side.FOURHSE and self._view(intent)
        there = self._show(action)
        if action.act is Act.UPDATE:
            self._settle_update(intent, there)
        else:
            self._settle_presence(intent, there)
        return True

    def _view(self, intent: Intent) -> bool:
        """A create in 4HSE is looked up by the id that we gave."""
        kind = intent.action.kind.on(Side.FOURHSE)
        try:
            answer = self.fourhse.show(kind, str(intent.action.fields[self.fourhse.id_field(kind)]))
        except NotFound:
            return False
        self._adopt(intent, answer.record)
        return True

    def _show(self, action: Action) -> RecordAnswer | None:
        try:
            answer = self._api(action.side).show(action.kind.on(action.side), action.target_id or "")
        except NotFound:
            return None
        return None if is_gone(action.kind, answer.record.payload) else answer

    def _api(self, side: Side) -> IncidentApi:
        return self.procore if side is Side.PROCORE else self.fourhse

    def _settle_update(self, intent: Intent, there: RecordAnswer | None) -> None:
        """The fields that arrived become the base; the rest is planned anew."""
        rows, action = self.pusher.rows, intent.action
        sent = self.pusher.whole.as_sent(action, intent.before)
        comparison = compare_arrived(rows, sent, there.record.payload if there is not None else None)
        bases = comparison.bases
        arrived = there is not None and _arrived(intent.action, bases, there.record.payload)
        api = self._api(intent.action.side)
        held = emptied(api, intent.action, intent.before, there.record.payload) if there and bases else None
        with self.store.begin(self.fence) as unit:
            journal, outcomes = unit.journal(self.state.key), self.pusher.outcomes
            # What cannot be seen now may be a part that the vendor kept: no edit, once it can be seen again.
            bases = outcomes.beside_lost(unit, action, bases) | outcomes.doubted_bases(unit, action, comparison)
            if there is not None:
                unit.staging(self.state.key).put_one(there.record, server_at=there.server_date)
                bases |= outcomes.spoiled_bases(unit, action, comparison, there.record.payload)
            unit.links(self.state.key).rebase(action.ref(Side.PROCORE), bases)
            if arrived:
                unit.links(self.state.key).set_state(intent.action.ref(Side.PROCORE), intent.action.then)
            journal.end(intent.id, "adopted" if arrived else "abandoned", words="settled by looking")
            if held is not None:
                unit.inbox(self.state.key).add(held)
        self._log(intent, "adopted" if arrived else "abandoned")
        if held is not None:
            raise GuardStopped(held.reason)

    def _settle_presence(self, intent: Intent, there: RecordAnswer | None) -> None:
        """A delete arrived when the record is gone, a restore when it is there."""
        action = intent.action
        arrived = (there is None) == (action.act is Act.DELETE)
        with self.store.begin(self.fence) as unit:
            if arrived:
                links, staging = unit.links(self.state.key), unit.staging(self.state.key)
                staged = staging.find(action.ref(action.side))
                if action.act is Act.DELETE and staged is not None:
                    links.bury(staged.record, "deleted by us: " + action.reason)
                    staging.forget(action.ref(action.side))
                links.set_state(action.ref(Side.PROCORE), action.then)
            unit.journal(self.state.key).end(
                intent.id, "adopted" if arrived else "abandoned", words="settled by looking"
            )
        self._log(intent, "adopted" if arrived else "abandoned")

    # Creates whose answer was lost ----------------------------------------------------------------------------------

    def _search(self, lost: list[Intent]) -> None:
        """One look for every lost create of an incident, so that two equal ones are not taken for one."""
        try:
            strangers = {side: list(self._strangers(side, lost)) for side in Side}
        except VendorError as error:
            for intent in lost:
                self._wait(intent, str(error))
            return
        nowhere = [intent for intent in lost if not self._adopt_equal(intent, strangers[intent.action.side])]
        for intent in nowhere:
            self._find(intent, strangers[intent.action.side])
        # What no open create may have made any more is an incident like any other, in this very cycle.
        searched = {intent.action.side for intent in nowhere if intent.action.refs & self.recovered.pending}
        self.recovered.possibly_ours |= {record.ref for side in searched for record in strangers[side]}

    def _strangers(self, side: Side, lost: list[Intent]) -> Iterator[RawRecord]:
        """Unlinked records that one of these creates may have made."""
        mine = [intent for intent in lost if intent.action.side is side]
        if not mine:
            return
        since = min(intent.server_at or intent.made_at for intent in mine) - MARGIN
        records = self._made_since(since) if side is Side.PROCORE else self._listed(Kind.INCIDENT)
        accounts = self.state.memory.accounts(side)
        with self.store.read() as unit:
            links = unit.links(self.state.key)
            for record in records:
                if links.find(record.ref) is not None:
                    continue
                unknown = author_of(record) is None or not accounts or side is Side.FOURHSE
                may_be = unknown and (was_edited(record) or any(self._may_have_made(i, record) for i in mine))
                if may_be or self._is_known_ours(record):
                    yield record

    def _is_known_ours(self, record: RawRecord) -> bool:
        """Whether our account made it, and that tells something on this side."""
        return author_of(record) in self.state.memory.accounts(record.side) and self._is_told_by_author(record.side)

    def _may_have_made(self, intent: Intent, record: RawRecord) -> bool:
        """It shows what was sent, or bears the title that was sent: a vendor may have kept only a part of the rest."""
        if self._is_equal(intent, record, least=0):
            return True
        title = self._headline(record.side, record.payload)
        return self._is_told_by_author(record.side) and title == self._headline(record.side, intent.action.fields)

    def _search_child(self, intent: Intent) -> None:
        """A child is looked for within its incident alone."""
        action = intent.action
        kind = action.kind.on(action.side)
        try:
            records = self._children(action) if action.side is Side.PROCORE else self._listed(kind)
            with self.store.read() as unit:
                links = unit.links(self.state.key)
                free = [record for record in records if links.find(record.ref) is None]
        except VendorError as error:
            self._wait(intent, str(error))
            return
        if not self._adopt_equal(intent, free):
            self._find(intent, [])

    def _children(self, action: Action) -> list[RawRecord]:
        pages = self.procore.record_pages(action.kind, incident_id=action.parent, reserve=True)
        return [record for page in pages for record in page.records]

    def _made_since(self, since: datetime) -> Iterator[RawRecord]:
        """Procore incidents made since, with and without a known time (P42)."""
        window = (since, (self.procore.server_date or datetime.now(UTC)) + MARGIN)
        seen: set[str] = set()
        for unknown in (None, True):
            for page in self.procore.incident_pages(created=window, time_unknown=unknown, reserve=True):
                for record in page.records:
                    made = made_at(record)
                    # A filter that Procore did not apply would bring every incident.
                    if record.id not in seen and (made is None or made >= since):
                        seen.add(record.id)
                        yield record

    def _listed(self, kind: Kind) -> list[RawRecord]:
        with self.store.read() as unit:
            rows = unit.staging(self.state.key).records(Side.FOURHSE, [kind])
        return [staged.record for staged, _ in rows if staged.present]

    def _adopt_equal(self, intent: Intent, strangers: list[RawRecord]) -> bool:
        """Whether one of them shows what was sent; it is a stranger no more."""
        equal = next((record for record in strangers if self._is_equal(intent, record)), None)
        if equal is None:
            return False
        strangers.remove(equal)
        self._adopt(intent, equal)
        return True

    def _find(self, intent: Intent, strangers: list[RawRecord]) -> None:
        """A create that nothing equals: what a person said of it, what it may have become, or another look."""
        question = self._question(intent, strangers)
        decision = self.decisions.get(question.key)
        if decision is not None and not _is_about(decision, question):
            question, decision = items.asked_again(question, decision), None
        named = (r for r in strangers if decision and decision.verb == "approve" and r.id == decision.with_id)
        # What our account made and nobody edited is what was sent, however little is left of it.
        untouched = (r for r in strangers if self._is_known_ours(r) and not was_edited(r))
        emptied = (r for r in untouched if self._is_equal(intent, r, least=0))
        chosen = next(chain(named, emptied), None)
        if chosen is not None:
            strangers.remove(chosen)
            self._adopt(intent, chosen)
        elif self._is_told_by_author(intent.action.side) and strangers:
            # Asked for as long as the intent is open, so that an answer stands until then.
            self.recovered.items.append(question)
            if decision is not None and decision.verb == "reject":
                self._tell_apart(intent, strangers)
                self._look_again(intent)
            else:
                self._hold(intent)
        else:
            self._look_again(intent)

    def _look_again(self, intent: Intent) -> None:
        """Nothing found: looked for again, three times at least over `settle_for`, before it is made again."""
        now = self.procore.server_date if intent.action.side is Side.PROCORE else self.fourhse.server_date
        # Procore was asked for what was made since; in 4HSE the search was through the staged listing.
        is_whole = intent.action.side is Side.PROCORE or self.fourhse_certified
        if now is None or not is_whole:
            self._wait(intent, "the listing was not complete")
            return
        waited = now - (intent.server_at or intent.made_at)
        enough = intent.looks + 1 >= LOOKS and waited >= self.settle_for
        with self.store.begin(self.fence) as unit:
            unit.journal(self.state.key).looked(intent.id, now)
            if enough or not self._must_wait(intent):
                unit.journal(self.state.key).end(intent.id, "lost", words="looked for and not found")
                self._log(intent, "lost")
                return
        self._wait(intent, "a create without an answer is still looked for")

    def _is_told_by_author(self, side: Side) -> bool:
        """In 4HSE people may share our account, so its name counts only where the id we gave does not."""
        return side is Side.PROCORE or not self.state.memory.client_ids_kept

    def _must_wait(self, intent: Intent) -> bool:
        """4HSE keeps the id we give, so a second try cannot double; once it did not, it waits as Procore does."""
        return intent.action.side is Side.PROCORE or not self.state.memory.client_ids_kept

    def _question(self, intent: Intent, strangers: list[RawRecord]) -> Item:
        action = intent.action
        source = Record(action.side.other, action.source_id or "", {}, kind=action.kind.on(action.side.other))
        listed = tuple((record.id, self._headline(action.side, record.payload)) for record in strangers)
        reason = "A create got no answer, and our account made something since that differs from what was sent."
        shown = {record_name(one.ref): content_of(self.mapping, _unlinked(one)) for one in strangers}
        return items.doubt(source, listed, reason, self._headline(Side.PROCORE, action.fields), shown)

    def _tell_apart(self, intent: Intent, strangers: list[RawRecord]) -> None:
        """What a person called different from the lost one stays different from its source."""
        with self.store.begin(self.fence) as unit:
            for record in strangers:
                ids = {record.side: record.id, record.side.other: intent.action.source_id or ""}
                unit.links(self.state.key).tell_apart(ids[Side.PROCORE], ids[Side.FOURHSE])

    def _headline(self, side: Side, image: Image) -> str:
        reading = self.mapping.title.lens.get(side, image)
        return str(getattr(reading, "value", "") or "")

    def _adopt(self, intent: Intent, record: RawRecord) -> None:
        now = self._api(record.side).server_date or intent.made_at
        self.pusher.adopt(intent, RecordAnswer(record, now))
        self._log(intent, "adopted")

    def _is_equal(self, intent: Intent, record: RawRecord, *, least: int = LEAST_KEPT) -> bool:
        """Whether it shows what was sent; of a text at least so many letters."""
        image = {**record.payload, ZONE: self.zone, **NO_RECORDS}
        if intent.action.kind is not Kind.INCIDENT and not _is_of_parent(intent.action, record):
            return False
        return shows(self.pusher.rows.of_kind(intent.action.kind), intent.action, image, least=least)

    def _wait(self, intent: Intent, why: str) -> None:
        """Open until a later cycle, which goes on with it by itself."""
        self._hold(intent)
        self.recovered.flaws.append(why)

    def _hold(self, intent: Intent) -> None:
        """Nothing is planned for its records; what waits for a person is no failure of this cycle."""
        self.recovered.pending |= intent.action.refs | self._given(intent.action)

    def _given(self, action: Action) -> set[RecordRef]:
        """What a create in 4HSE makes, whether or not it got through: it bears the id that we gave."""
        if action.act is not Act.CREATE or action.side is not Side.FOURHSE:
            return set()
        kind = action.kind.on(Side.FOURHSE)
        return {RecordRef(Side.FOURHSE, kind, str(action.fields[self.fourhse.id_field(kind)]))}

    def _log(self, intent: Intent, outcome: str) -> None:
        action = intent.action
        log.info(EVENTS[outcome], side=action.side.value, act=action.act.value)


def _unlinked(record: RawRecord) -> Record:
    return Record(record.side, record.id, record.payload, kind=record.kind)


def _is_about(decision: Decision, question: Item) -> bool:
    """Whether everything that is in question was shown as it is now; less of it may be left."""
    shown: Mapping[str, str] = decision.seen.get("records", {})
    return all(shown.get(name) == content for name, content in question.facts["records"].items())


def _arrived(action: Action, bases: Mapping[str, Base], payload: Image) -> bool:
    """Whether an update is there: every mapped field it carries, or, where it carries none, the very values sent."""
    if action.sources:
        return bases.keys() >= action.sources.keys()
    return all(payload.get(name) == value for name, value in action.fields.items())


def _is_of_parent(action: Action, record: RawRecord) -> bool:
    parent = parent_in(action.fields) if action.side is Side.FOURHSE else action.parent
    return record.parent_id == str(parent)
