"""The register of the simulated Procore: records are created, edited, deleted into the bin and restored from it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from procore_4hse.simulator.procore_contract import KIND, Fields, Kind
from procore_4hse.simulator.procore_dials import ProcoreDials
from procore_4hse.simulator.procore_rules import Draft, Refusal, Rules, defaults, not_found
from procore_4hse.simulator.procore_state import ALERTING, Project, Record, State, stamp, stock
from procore_4hse.simulator.wire import Clock


@dataclass(frozen=True)
class Author:
    """Who writes. `by_hand`: a person at a screen, whom no API contract binds."""

    user_id: int
    by_hand: bool = False


class Register:
    def __init__(self, clock: Clock, dials: ProcoreDials, first_id: int) -> None:
        self.clock = clock
        self.dials = dials
        self.state = State(next_id=first_id)
        self.mails = 0
        self.on_change: list[Callable[[str, Record, Author], None]] = []
        """Called with create, update, delete or restore, the record, and whoever did it."""
        stock(self.state, stamp(self.now(), dials.fractional_seconds) or "", dials.word_form)

    def now(self) -> datetime:
        return self.clock().astimezone(UTC).replace(microsecond=0)

    @property
    def rules(self) -> Rules:
        return Rules(self.state, self.dials)

    def project(self, project_id: int) -> Project:
        project = self.state.projects.get(project_id)
        if project is None:
            raise not_found()
        return project

    def live(self, kind: str, record_id: int) -> Record:
        record = self.state.records.get(record_id)
        if record is None or record.kind != kind or record.deleted_at is not None:
            raise not_found()
        return record

    def recycled(self, kind: str, record_id: int) -> Record:
        record = self.state.records.get(record_id)
        if record is None or record.kind != kind or record.deleted_at is None:
            raise not_found()
        return record

    def create(self, kind: Kind, project: Project, body: Mapping[str, Any], author: Author) -> Record:
        rules = self.rules
        draft = rules.draft(kind, kind.create, body, project, None)
        rules.require(draft)
        incident_id = draft.values.pop("incident_id", None)
        incident = None if kind.name == "incident" else self.live("incident", incident_id)
        if incident is not None and incident.project_id != project.id:
            raise not_found()
        record = self._store(draft, project, incident, author)
        if incident is not None:
            self._touch_incident_of(record)
        self._tell("create", record, author)
        return record

    def edit(self, record: Record, body: Mapping[str, Any], author: Author) -> Record:
        rules = self.rules
        kind = KIND[record.kind]
        # A person at a screen may also set what the contract of updates leaves out (P91).
        fields: Fields = {**kind.update, **kind.create} if author.by_hand else kind.update
        if record.workflow_locked and not author.by_hand:  # P69 is about the API; people work through the workflow.
            rules.refuse_locked(body)
        project = self.project(record.project_id)
        draft = rules.draft(kind, fields, body, project, record)
        draft.values.pop("incident_id", None)
        if not author.by_hand:
            self.mails += _mails(draft, record.values)
        if self._apply(record, draft):
            record.updated_at = self.now()
            self._touch_incident_of(record)
            self._tell("update", record, author)
        for nested in draft.nested:  # Lists in a change are records to be created (P66).
            self._touch_incident_of(self._store(nested, project, record, author))
        return record

    def delete(self, record: Record, author: Author) -> None:
        """Into the bin; an incident takes its children along."""
        self._recycle(record, with_incident=False)
        for child in self.state.children_of(record.id):
            if child.deleted_at is None:
                self._recycle(child, with_incident=True)
        self._touch_incident_of(record)
        self._tell("delete", record, author)

    def restore(self, record: Record, author: Author) -> None:
        """Out of the bin; an incident brings back those children that went with it (P54)."""
        if record.incident_id is not None and self.state.records[record.incident_id].deleted_at is not None:
            raise Refusal(422, {"incident": ["is in the recycle bin"]}, breach=True)
        # A child that was deleted before its incident stays in the bin.
        went_along = [child for child in self.state.children_of(record.id) if child.deleted_with_incident]
        for restored in (record, *went_along):
            restored.deleted_at, restored.deleted_with_incident = None, False
            if self.dials.restore_bumps_updated_at:
                restored.updated_at = self.now()
        self._touch_incident_of(record)
        self._tell("restore", record, author)

    def _tell(self, event: str, record: Record, author: Author) -> None:
        for listener in self.on_change:
            listener(event, record, author)

    def _recycle(self, record: Record, *, with_incident: bool) -> None:
        record.deleted_at, record.deleted_with_incident = self.now(), with_incident
        if self.dials.delete_bumps_updated_at:
            record.updated_at = self.now()

    def _apply(self, record: Record, draft: Draft) -> bool:
        """Whether anything changed: an empty edit moves no time stamp."""
        before = (dict(record.values), dict(record.custom))
        record.values.update(draft.values)
        record.custom.update(draft.custom)
        return before != (record.values, record.custom)

    def _touch_incident_of(self, child: Record) -> None:
        if child.incident_id is not None and self.dials.child_edit_bumps_incident:
            self.state.records[child.incident_id].updated_at = self.now()

    def _store(self, draft: Draft, project: Project, incident: Record | None, author: Author) -> Record:
        now, kind = self.now(), draft.kind
        record = Record(
            id=self.state.take_id(),
            kind=kind.name,
            project_id=project.id,
            incident_id=incident.id if incident else None,
            number=_next_number(kind, project, incident),
            values=defaults(kind, self.state) | draft.values,
            custom=dict(draft.custom),
            author_id=author.user_id,
            created_at=now,
            updated_at=now,
        )
        if not author.by_hand:
            self.mails += _mails(draft, {})
        self.state.records[record.id] = record
        self.state.shelves.setdefault((kind.name, project.id), []).append(record.id)
        if incident is not None:
            self.state.children.setdefault(incident.id, []).append(record.id)
        for nested in draft.nested:
            self._store(nested, project, record, author)
        return record


def _next_number(kind: Kind, project: Project, incident: Record | None) -> int:
    """Incidents count in their project; the counted records of an incident share one count."""
    if incident is None:
        project.incidents_made += 1
        return project.incidents_made
    if kind.counted:
        incident.records_made += 1
    return incident.records_made


def _mails(draft: Draft, before: Mapping[str, Any]) -> int:
    """Messages that these values send: new distribution members, an alerting filing type (P73)."""
    earlier = before.get("distribution_member_ids", ())
    members = [member for member in draft.values.get("distribution_member_ids", ()) if member not in earlier]
    filing = draft.values.get("filing_type")
    return len(members) + (filing in ALERTING and filing != before.get("filing_type"))
