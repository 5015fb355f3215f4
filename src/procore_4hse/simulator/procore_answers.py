"""How the simulated Procore shows what it holds: the shapes of list items, shows and directory entries."""

import html
import re
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from procore_4hse.simulator.procore_contract import CHILD_KINDS, KIND, REFERENCES, Kind
from procore_4hse.simulator.procore_dials import ProcoreDials
from procore_4hse.simulator.procore_rules import UNSTORED
from procore_4hse.simulator.procore_state import Person, Project, Record, State, stamp

Row = dict[str, Any]
_BREAK = re.compile(r"<br\s*/?>|</p>\s*<p>", re.IGNORECASE)
_TAG = re.compile(r"</?[a-zA-Z][^>]*>")
_SHOWN_ELSEWHERE = frozenset({"incident_id", "affected_body_parts", "body_part_ids", "description", "statement"})


def plain_text(markup: str | None) -> str | None:
    """What `..._plain_text` says of a text that is HTML (P74)."""
    if markup is None:
        return None
    return html.unescape(_TAG.sub("", _BREAK.sub("\n", markup))).strip()


def _layout(kind: Kind) -> tuple[tuple[str, ...], tuple[tuple[str, str, str], ...]]:
    """The members shown as they are stored, and those shown as objects: (member, shown as, list)."""
    names = [name for name in kind.create if name not in UNSTORED | _SHOWN_ELSEWHERE]
    plain = tuple(name for name in names if name not in REFERENCES)
    return plain, tuple((name, name[:-3], REFERENCES[name]) for name in names if name in REFERENCES)


LAYOUTS = {kind.name: _layout(kind) for kind in CHILD_KINDS}
INCIDENT_REFS = ("contributing_behavior", "contributing_condition", "hazard", "location")


@dataclass(frozen=True)
class Answers:
    """Shapes records for the answers; reads the state, never changes it."""

    state: State
    dials: ProcoreDials

    def incident_row(self, record: Record) -> Row:
        """A list item: counts, no children, no type, custom status or assignees (P45, P46)."""
        values, counts = record.values, self._counts(record)
        return {
            "id": record.id,
            "created_at": self._stamp(record.created_at),
            "deleted_at": self._stamp(record.deleted_at),
            "description": values["description"],
            "event_date": self._stamp(values["event_date"]),
            "number": record.number,
            "private": values["private"],
            "recordable": values["recordable"],
            "records_count": self.records_count(record, counts),
            "open_observations_count": 0,
            "closed_observations_count": 0,
            "actions_count": counts["action"],
            "witness_statements_count": counts["witness_statement"],
            "status": values["status"],
            "time_unknown": values["time_unknown"],
            "title": values["title"],
            "updated_at": self._stamp(record.updated_at),
            "created_by": self._author(record),
            **{name: self._reference(REFERENCES[f"{name}_id"], values[f"{name}_id"]) for name in INCIDENT_REFS},
            "attachments_count": 0,
            "custom_fields": self._custom(record),
        }

    def incident_show(self, record: Record) -> Row:
        values = record.values
        return {
            **self.incident_row(record),
            "attachments": [],
            "type": self._reference("types", values["type_id"]),
            "custom_status": self._reference("custom_statuses", values["custom_status_id"]),
            "assignees": [{"id": each, "name": self.state.logins[each]} for each in values["assignee_ids"]],
            "distribution_members": [self.state.users[each] for each in values["distribution_member_ids"]],
            **{kind.plural: self._shown_children(record, kind) for kind in CHILD_KINDS},
        }

    def child_row(self, record: Record) -> Row:
        plain, references = LAYOUTS[record.kind]
        values = record.values
        row = {name: values[name] for name in plain}
        for name, shown_as, listing in references:
            row[shown_as] = self._reference(listing, values[name])
        text = "statement" if record.kind == "witness_statement" else "description"
        row |= {
            "id": record.id,
            "incident_id": record.incident_id,
            text: values[text],
            f"{text}_plain_text": plain_text(values[text]),
            "created_at": self._stamp(record.created_at),
            "deleted_at": self._stamp(record.deleted_at),
            "updated_at": self._stamp(record.updated_at),
            "custom_fields": self._custom(record),
        }
        if not KIND[record.kind].counted:
            own = {"recording": None} if record.kind == "witness_statement" else {"observation_id": None}
            return row | {"attachments": []} | own
        return row | self._record_part(record) | (self._injured_part(values) if record.kind == "injury" else {})

    def show(self, record: Record) -> Row:
        return self.incident_show(record) if record.kind == "incident" else self.child_row(record)

    def row(self, record: Record) -> Row:
        return self.incident_row(record) if record.kind == "incident" else self.child_row(record)

    def records_count(self, record: Record, counts: Counter[str] | None = None) -> int:
        by_kind = self._counts(record) if counts is None else counts
        return sum(by_kind[kind.name] for kind in CHILD_KINDS if kind.counted)

    def project(self, project: Project, *, view: str) -> Row:
        """`view`: compact, normal, extended (as listed) or show. tz_name is in the last two only (P63)."""
        row: Row = {"id": project.id, "name": project.name}
        if view == "compact":
            return row
        row |= {
            "display_name": project.name,
            "active": True,
            "time_zone": project.time_zone,
            "created_at": self._stamp(project.created_at),
            "updated_at": self._stamp(project.updated_at),
            **dict.fromkeys(("address", "city", "state_code", "country_code", "zip", "project_number", "origin_id")),
            "is_demo": False,
            "custom_fields": {},
        }
        if view != "normal" and self.dials.tz_name_shown:
            row["tz_name"] = project.tz_name
        return row

    def user(self, person: Person, *, view: str = "normal") -> Row:
        initials = f"{person.first_name[:1]}{person.last_name[:1]}"
        row: Row = {"id": person.user_id, "first_name": person.first_name, "last_name": person.last_name}
        row |= {"name": person.name, "initials": initials, "vendor": None}
        if view == "compact":
            return row
        return row | {
            "email_address": person.email,
            "employee_id": person.employee_id,
            "is_active": person.active,
            "is_employee": person.employee_id is not None,
            "job_title": None,
            "contact_id": person.contact_id,
            "created_at": self._stamp(person.created_at),
            "updated_at": self._stamp(person.created_at),
        }

    def person(self, person: Person, *, view: str = "normal") -> Row:
        row: Row = {
            "id": person.id,
            "contact": {"is_active": person.active, "email": person.email},
            "employee_id": person.employee_id,
            "first_name": person.first_name,
            "last_name": person.last_name,
            "is_employee": person.employee_id is not None,
            "user_id": person.user_id,
            "user_uuid": None,
            "work_classification_id": None,
            "origin_id": None,
        }
        if view == "normal":
            return row
        stamps = dict.fromkeys(("created_at", "updated_at"), self._stamp(person.created_at))
        return row | {"email": person.email, "reference_user": person.user_id is None, "vendor": None} | stamps

    def _stamp(self, moment: datetime | None) -> str | None:
        return stamp(moment, self.dials.fractional_seconds)

    def _author(self, record: Record) -> Row | None:
        return None if self.dials.created_by_null else self.state.users[record.author_id]

    def _counts(self, incident: Record) -> Counter[str]:
        children = self.state.children_of(incident.id)
        return Counter(child.kind for child in children if child.deleted_at is None)

    def _shown_children(self, incident: Record, kind: Kind) -> list[Row]:
        keeps_all = self.dials.show_includes_recycled_children or incident.deleted_at is not None
        children = (child for child in self.state.children_of(incident.id) if child.kind == kind.name)
        return [self.child_row(child) for child in children if keeps_all or child.deleted_at is None]

    def _reference(self, listing: str, target_id: int | None) -> Row | None:
        if target_id is None:
            return None
        if listing == "users":
            return self.state.users[target_id]
        if listing == "people":
            return {"id": target_id, "name": self.state.people[target_id].name}
        return self.state.lists[listing][target_id].ref

    def _record_part(self, record: Record) -> Row:
        """What injuries, near misses, property damages and environmentals have in common."""
        incident = self.state.records[record.incident_id or 0]
        return {
            "type": record.kind,  # The reference's sample of a near miss says "injury", a slip (P100).
            "number": record.number,
            "full_number": f"{incident.number}.{record.number}",
            "recordable": bool(record.values.get("recordable")),
            "incident_title": incident.values["title"],
            "incident_private": incident.values["private"],
            "incident_created_by": self._author(incident),
            "summary": None,
        }

    def _injured_part(self, values: Row) -> Row:
        parts = values["body_part_ids"]
        keys = [self.state.part_keys[part_id] for part_id in parts]
        return {
            "body_parts": [self.state.lists["body_parts"][part_id].row for part_id in parts],
            "affected_body_parts": keys,
            "affected_body_part": keys[0] if keys else None,
            "afflictions": [],
        }

    def _custom(self, record: Record) -> Row:
        """Custom fields wrapped, as they are read and never written (P102, P103)."""
        return {
            f"custom_field_{definition_id}": self._custom_value(definition_id, raw)
            for definition_id, raw in record.custom.items()
        }

    def _custom_value(self, definition_id: str, raw: Any) -> Row:
        data_type, labels = self.state.custom_fields[definition_id]
        value = raw
        if data_type == "lov_entry" and raw is not None:
            value = {"id": raw, "label": labels.get(raw, str(raw))}
        if data_type == "lov_entries":
            value = [{"id": each, "label": labels.get(each, str(each))} for each in raw or ()]
        return {"data_type": data_type, "value": value}
