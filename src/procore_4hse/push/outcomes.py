"""What becomes of an action: closed in one commit, parked when the vendor refused it, put off, counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import structlog

from procore_4hse.apis import RecordAnswer
from procore_4hse.errors import Refused
from procore_4hse.mapping.rules import Field
from procore_4hse.models import Act, Action, Base, Image, Item, Kind, Link, QuestionKey, RecordRef, Side
from procore_4hse.push.bases import Bases, Comparison, doubt, left_with, spoil
from procore_4hse.push.rows import Rows
from procore_4hse.push.steps import Steps
from procore_4hse.reconcile import items
from procore_4hse.reconcile.refusals import lacking, refusal_fingerprint
from procore_4hse.store.decisions import Outcome
from procore_4hse.store.journal import Intent
from procore_4hse.store.repository import Unit

log = structlog.get_logger()

AGAIN = "it is tried again after a pause, or once either side changed"
NOT_KEPT = "did not keep all that was sent to a record; the inbox asks about it"
REFUSED_AGAIN = "it was tried, and refused again"
EVENTS = {"updated": "push.updated", "deleted": "push.deleted"}


@dataclass
class Pushed:
    """What a push did. `refused` and `put_off` are the incidents of which something did not come through, by side."""

    written: dict[Side, Counter[str]] = field(default_factory=lambda: {side: Counter() for side in Side})
    refused: set[RecordRef] = field(default_factory=set)
    put_off: set[RecordRef] = field(default_factory=set)
    created: set[RecordRef] = field(default_factory=set)
    deleted: set[RecordRef] = field(default_factory=set)
    flaws: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Outcomes:
    """Writes down what became of each action, in the store and in `done`."""

    steps: Steps
    rows: Rows
    done: Pushed = field(default_factory=Pushed)
    parked: set[RecordRef] = field(default_factory=set)
    """The records of refused actions."""
    spoiled: dict[tuple[RecordRef, str], Base] = field(default_factory=dict)
    """The bases of rows, by their Procore record, whose value on one side is no longer the one that was planned with:
    an earlier write of this push changed it there on its way."""

    def close(self, unit: Unit, intent: Intent, answer: RecordAnswer, outcome: str, comparison: Comparison) -> None:
        """Link, base and outcome in one commit; rows that the answer lacks are parked."""
        action, key = intent.action, self.steps.key
        there = replace(action, target_id=answer.record.id)
        spoiled = self.spoiled_bases(unit, there, comparison, answer.record.payload)
        self.spoiled.update({(there.ref(Side.PROCORE), row): base for row, base in spoiled.items()})
        unit.links(key).rebase(there.ref(Side.PROCORE), self._beside_spoiled(there, comparison.bases) | spoiled)
        unit.staging(key).put_one(answer.record, server_at=answer.server_date)
        lost = [row for row in self.rows.of(action) if row.key in comparison.lost]
        parts = [self.rows.part(action, [row]) for row in lost]
        self.steps.end(unit, intent, outcome, dict(answer.record.payload), _not_taken(parts))
        for row in (*lost, *(row for row in self.rows.of_kind(action.kind) if row.key in spoiled)):
            self._ask_about_loss(unit, there, row, (comparison.bases | spoiled)[row.key])

    def spoiled_bases(self, unit: Unit, action: Action, comparison: Comparison, payload: Image) -> Bases:
        """The bases of rows that stand in a text which the vendor did not keep, and that were not sent themselves."""
        known = self._known(unit, action) if comparison.spoiled else {}
        beside = [row for row in self.rows.of_kind(action.kind) if row.key in comparison.spoiled and row.key in known]
        return {row.key: spoil(row, known[row.key], action.side, self.rows.zoned(payload)) for row in beside}

    def doubted_bases(self, unit: Unit, action: Action, comparison: Comparison) -> Bases:
        """The bases of rows of which an update without an answer may have left a part that cannot be seen now."""
        known = self._known(unit, action) if comparison.unseen else {}
        unseen = [row for row in self.rows.of_kind(action.kind) if row.key in comparison.unseen]
        rows, before = [row for row in unseen if row.key in {*known, *action.sources}], self.rows.zoned(action.seen)
        return {row.key: doubt(row, known.get(row.key), action.side, before) for row in rows}

    def beside_lost(self, unit: Unit, action: Action, bases: Bases) -> Bases:
        """The bases of an update without an answer, beside what the source lost after the update was planned."""
        source, known = action.side.other, self._known(unit, action)
        moved = {row: known[row] for row in bases.keys() & known if known[row].of(source) != action.sources.get(row)}
        return _beside(bases, source, moved)

    def _known(self, unit: Unit, action: Action) -> Bases:
        """What both sides last agreed on of the record that is written."""
        link = unit.links(self.steps.key).find(action.ref(Side.PROCORE))
        return dict(link.base) if link is not None else {}

    def _beside_spoiled(self, action: Action, bases: Bases) -> Bases:
        """The same bases; where the value came from, a write of ours may have left something else of it since."""
        record = action.ref(Side.PROCORE)
        spoiled = {row: self.spoiled[record, row] for row in bases if (record, row) in self.spoiled}
        return _beside(bases, action.side.other, spoiled)

    def park(self, action: Action, error: Refused) -> None:
        """A refused action waits in the inbox, and is tried again later or once a side has changed."""
        with self.steps.begin() as unit:
            self._park(unit, action, error.words or str(error))

    def _park(self, unit: Unit, action: Action, words: str) -> None:
        key, journal = QuestionKey.refused(action), unit.journal(self.steps.key)
        journal.refuse(key, action.side, words, refusal_fingerprint(action))
        wanted, title = lacking(self.rows.of_kind(action.kind), action, words), self._headline(unit, action)
        refusal = journal.refusals()[key]
        self._ask(unit, action, items.refused(self.rows.mapping, refusal, action, title, wanted))
        self.done.flaws.append(f"{action.side.label} refused a record; {AGAIN}")

    def _ask_about_loss(self, unit: Unit, action: Action, row: Field, base: Base) -> None:
        """The record is there, and lacks what was sent: nothing is sent again until a person or a side moves."""
        link = Link(0, action.id_on(Side.PROCORE), action.id_on(Side.FOURHSE), kind=action.kind)
        values = {side: row.lens.get(side, self.rows.zoned(base.of(side))) for side in Side}
        item = items.lost(
            link, row, action.side, lambda side: getattr(values[side], "value", None), self._headline(unit, action)
        )
        self._ask(unit, action, item)
        self.done.flaws.append(f"{action.side.label} {NOT_KEPT}")

    def _ask(self, unit: Unit, action: Action, item: Item) -> None:
        """What a vendor did not take of an action; a person's is found by the incident."""
        link = self._incident_of(unit, action)
        asked = replace(item, procore_id=link.procore_id, fourhse_id=link.fourhse_id) if link else item
        unit.inbox(self.steps.key).add(asked, outcome=Outcome.CARRIED_OUT, words=REFUSED_AGAIN)
        self.done.refused |= _incidents(action, link)
        self.parked.update(action.refs)
        log.warning("push.refused", side=action.side.value, record=action.target_id)

    def _headline(self, unit: Unit, action: Action) -> str:
        side = Side.PROCORE if action.parent else action.side.other
        staged = unit.staging(self.steps.key).find(
            RecordRef(side, Kind.INCIDENT, action.parent or action.source_id or "")
        )
        reading = self.rows.mapping.title.lens.get(side, staged.record.payload) if staged else None
        return str(getattr(reading, "value", "") or "")

    def put_off(self, action: Action, why: str) -> None:
        """Nothing is written down in the store: the next cycle plans it anew."""
        with self.steps.read() as unit:
            self.done.put_off |= _incidents(action, self._incident_of(unit, action))
        self.done.flaws.append(why)
        log.info("push.put_off", side=action.side.value, act=action.act.value, why=why)

    def count(self, action: Action) -> None:
        """Counts an action that was carried out, unless a part of it was refused."""
        if action.refs & self.parked:
            return
        word = {Act.CREATE: "created", Act.DELETE: "deleted"}.get(action.act, "updated")
        self.done.written[action.side][word] += 1
        if action.act is not Act.CREATE:
            log.info(EVENTS[word], side=action.side.value, record=action.target_id)

    def _incident_of(self, unit: Unit, action: Action) -> Link | None:
        """The link of the incident that a person's record belongs to; None for an incident's own action."""
        return (
            unit.links(self.steps.key).find(RecordRef(Side.PROCORE, Kind.INCIDENT, action.parent))
            if action.parent
            else None
        )


def _beside(bases: Bases, source: Side, lost: Bases) -> Bases:
    """The same bases, beside what the source holds by now of a value that it lost after it was planned with."""
    ours = {row: base.of(source) for row, base in lost.items() if base.lost_on is source}
    return bases | {row: left_with(bases[row], source, shown) for row, shown in ours.items()}


def _not_taken(parts: Iterable[Action]) -> str:
    """What the journal says of a write that was carried out in part; names of fields alone."""
    names = ", ".join(name for part in parts for name in part.fields)
    return f"Not taken: {names}." if names else ""


def _incidents(action: Action, incident: Link | None) -> frozenset[RecordRef]:
    """The two records of an incident's action, and those of its incident when the action is a person's."""
    return incident.refs if incident else action.refs
