"""How a body becomes values: types, references and documented rules, all checked before anything is stored."""

import html
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from procore_4hse.simulator.kept_text import kept_text
from procore_4hse.simulator.procore_contract import (
    KIND,
    NESTED,
    REFERENCES,
    WORKFLOW_FIELDS,
    Field,
    Fields,
    Kind,
)
from procore_4hse.simulator.procore_dials import ProcoreDials
from procore_4hse.simulator.procore_state import Project, Record, State


class Refusal(Exception):
    """A request that is not carried out. `breach`: it broke the contract or a documented rule."""

    def __init__(self, status: int, problems: Mapping[str, list[str]], *, breach: bool = False) -> None:
        super().__init__("; ".join(f"{name}: {', '.join(words)}" for name, words in problems.items()))
        self.status = status
        self.problems = problems
        self.breach = breach


def not_found() -> Refusal:
    return Refusal(404, {"base": ["Item not found"]})


def forbidden() -> Refusal:
    return Refusal(403, {"base": ["You do not have permission to perform this action"]})


@dataclass
class Draft:
    """What a body asks for, checked: stored values, custom fields by definition id, records to create with it."""

    kind: Kind
    values: dict[str, Any] = field(default_factory=dict)
    custom: dict[str, Any] = field(default_factory=dict)
    nested: list["Draft"] = field(default_factory=list)


def _integer(raw: Any) -> int:
    if isinstance(raw, bool) or not isinstance(raw, int):
        raise TypeError
    return raw


def _instance(kind: type) -> Callable[[Any], Any]:
    def check(raw: Any) -> Any:
        if not isinstance(raw, kind):
            raise TypeError
        return raw

    return check


def _list_of(read_item: Callable[[Any], Any]) -> Callable[[Any], list[Any]]:
    return lambda raw: [read_item(item) for item in _instance(list)(raw)]


def _number(raw: Any) -> str:
    """Numbers on write, decimal strings on read (P92)."""
    if isinstance(raw, bool) or not isinstance(raw, (int, float)):
        raise TypeError
    return f"{Decimal(str(raw)):.2f}"


def _day(raw: Any) -> str | None:
    """A malformed day is stored as null, not refused (P64)."""
    try:
        return date.fromisoformat(_instance(str)(raw)[:10]).isoformat()
    except ValueError:
        return None


def moment_of(text: str) -> datetime:
    """An ISO 8601 time in UTC, whole seconds; without offset it is UTC. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return aware.astimezone(UTC).replace(microsecond=0)


def _moment(raw: Any) -> datetime | None:
    """A malformed time is stored as null, not refused (P64)."""
    try:
        return moment_of(_instance(str)(raw))
    except (ValueError, OverflowError):
        return None


READERS: Mapping[str, Callable[[Any], Any]] = {
    "text": _instance(str),
    "word": _instance(str),
    "bool": _instance(bool),
    "object": _instance(dict),
    "int": _integer,
    "number": _number,
    "day": _day,
    "moment": _moment,
    "ints[]": _list_of(_integer),
    "texts[]": _list_of(_instance(str)),
    "words[]": _list_of(_instance(str)),
}
UNSTORED = frozenset(
    ["upload_uuids", "upload_ids", "drawing_revision_ids", "file_version_ids", "form_ids", "image_ids", "recording"]
)
"""Members about files: allowed, without effect here."""
LISTS_OF_PROJECT = frozenset({"locations", "managed_equipment"})


@dataclass(frozen=True)
class Rules:
    """Reads bodies against the contract and the state of the moment."""

    state: State
    dials: ProcoreDials

    def draft(
        self, kind: Kind, fields: Fields, body: Mapping[str, Any], project: Project, before: Record | None
    ) -> Draft:
        """The checked draft; raises Refusal with every problem, by member."""
        problems: dict[str, list[str]] = {}
        draft = Draft(kind)
        for name, raw in body.items():
            if words := self._take(draft, fields, name, raw, project):
                problems[name] = [words]
        self._translate(draft)
        earlier = before.values if before else defaults(kind, self.state)
        for name, words in self._broken_rules(draft, earlier, project):
            problems.setdefault(name, []).append(words)
        if problems:
            raise self.invalid(problems)
        self._couple(draft, earlier, project)  # Last, so that only what was sent can break a rule.
        return draft

    def invalid(self, problems: Mapping[str, list[str]]) -> Refusal:
        return Refusal(self.dials.validation_status, problems, breach=True)

    def require(self, draft: Draft) -> None:
        """Title and event_date of an incident (P60), the parent and partner ids of a child (P99)."""
        absent = [name for name in draft.kind.required if name not in draft.values]
        if absent:
            raise self.invalid({name: ["can't be blank"] for name in absent})

    def refuse_locked(self, body: Mapping[str, Any]) -> None:
        locked = [name for name in WORKFLOW_FIELDS if name in body]
        if locked:
            raise self.invalid({name: ["cannot be changed while a workflow is active"] for name in locked})

    def _take(self, draft: Draft, fields: Fields, name: str, raw: Any, project: Project) -> str | None:
        """Put one member into the draft; the words of its problem if it has one."""
        if name == "custom_fields":
            return None  # Only flat members are read; the nested form is left aside with 200 (payloads 2.1.6).
        if name.startswith("custom_field_") and name[13:].isdigit():
            return self._take_custom(draft, name[13:], raw)
        if draft.kind.name == "incident" and name in NESTED:
            return self._take_nested(draft, NESTED[name], raw, project)
        if name not in fields:
            return "is not a member of this record" if self.dials.patch_unknown_fields == "refuse" else None
        return self._take_value(draft, fields[name], raw)

    def _take_custom(self, draft: Draft, definition_id: str, raw: Any) -> str | None:
        if definition_id not in self.state.custom_fields:
            return "is not a custom field" if self.dials.undefined_custom_fields == "refuse" else None
        draft.custom[definition_id] = self._kept(raw) if isinstance(raw, str) else raw
        return None if isinstance(raw, (str, int, float, list, type(None))) else "has the wrong type"

    def _take_value(self, draft: Draft, field: Field, raw: Any) -> str | None:
        if raw is None:
            if not field.nullable:
                return "may not be null"
            if self.dials.null_clears:
                draft.values[field.name] = None
            return None  # Else the field is left as it is, with a success all the same.
        try:
            value = READERS[field.type](raw)
        except TypeError:
            return "has the wrong type"
        if field.choices and any(each not in field.choices for each in (value if isinstance(value, list) else [value])):
            return "is not included in the list"
        if field.name not in UNSTORED:
            draft.values[field.name] = self._kept(value) if field.type == "text" else value
        return None

    def _kept(self, text: str) -> str:
        trimmed = text.strip() if self.dials.trims_text else text
        return kept_text(trimmed, self.dials.text_kept)

    def _take_nested(self, draft: Draft, name: str, raw: Any, project: Project) -> str | None:
        if not isinstance(raw, list) or not all(isinstance(item, dict) for item in raw):
            return "has the wrong type"
        kind = KIND[name]
        draft.nested += [self.draft(kind, kind.nested, item, project, None) for item in raw]
        return None

    def _translate(self, draft: Draft) -> None:
        """Older forms become the current ones: body part keys (P88), the filing type 'recordable' (P90)."""
        values = draft.values
        keys = values.pop("affected_body_parts", None)
        if keys is not None:
            ids = {key: part_id for part_id, key in self.state.part_keys.items()}
            values.setdefault("body_part_ids", [ids[key] for key in keys])
        if values.get("filing_type") == "recordable":
            del values["filing_type"]
            values["recordable"] = True

    def _broken_rules(self, draft: Draft, before: Mapping[str, Any], project: Project) -> Iterator[tuple[str, str]]:
        for name, value in draft.values.items():
            if name in REFERENCES and value is not None and (words := self._reference(name, value, before, project)):
                yield name, words
        if draft.kind.name == "incident":
            yield from self._broken_incident_rules(draft.values)
        if draft.kind.name == "injury":
            yield from self._broken_injury_rules(draft.values, before)

    def _reference(self, name: str, target_id: int, before: Mapping[str, Any], project: Project) -> str | None:
        target = REFERENCES[name]
        if target in ("users", "people"):
            people: Mapping[int, Any] = self.state.users if target == "users" else self.state.people
            return None if target_id in people else "is not a full user" if target == "users" else "is not a person"
        entry = self.state.lists[target].get(target_id)
        if entry is None or (target in LISTS_OF_PROJECT and entry.project_id not in (None, project.id)):
            return "not found"
        # An inactive entry may stay where it stands, and may not be chosen anew (P98).
        return None if entry.active or before.get(name) == target_id else "is not active"

    def _broken_incident_rules(self, values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        if "title" in values and not values["title"].strip():
            yield "title", "can't be blank"
        if "status" in values and "custom_status_id" in values:
            yield "status", "cannot be given together with custom_status_id"
        if any(each not in self.state.logins for each in values.get("assignee_ids", ())):
            yield "assignee_ids", "must be login information ids"
        if any(each not in self.state.users for each in values.get("distribution_member_ids", ())):
            yield "distribution_member_ids", "must be user ids"

    def _broken_injury_rules(self, values: Mapping[str, Any], before: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        parts = values.get("body_part_ids", before["body_part_ids"])
        listed = self.state.lists["body_parts"]
        if any(part_id not in listed or not listed[part_id].row["selectable"] for part_id in parts):
            yield "body_part_ids", "must be selectable body parts"
        if parts and values.get("affliction_type_id", before["affliction_type_id"]) is None:
            yield "affliction_type_id", "can't be blank while body parts are set"
        clears = "affliction_type_id" in values and values["affliction_type_id"] is None
        if clears and not parts and before["body_part_ids"] and not self.dials.one_patch_clears_both:
            yield "affliction_type_id", "can't be cleared while body parts are set"

    def _couple(self, draft: Draft, before: Mapping[str, Any], project: Project) -> None:
        """Values that follow from others, and what the server makes of them."""
        values = draft.values
        if draft.kind.name != "incident":
            return
        statuses = self.state.lists["custom_statuses"]
        if "custom_status_id" in values:
            values["status"] = statuses[values["custom_status_id"]].row["global_status"]["name"]
        elif "status" in values and values["status"] != before["status"]:
            values["custom_status_id"] = default_status(self.state, values["status"])
        if self.dials.html_wraps_description and values.get("description"):
            values["description"] = wrapped(values["description"])
        if self.dials.unknown_time_event_date != "kept":
            self._move_unknown_time(values, before, project)

    def _move_unknown_time(self, values: dict[str, Any], before: Mapping[str, Any], project: Project) -> None:
        after, form = {**before, **values}, self.dials.unknown_time_event_date
        sent = after["event_date"]
        if not after["time_unknown"] or sent is None or (form == "UTC midnight" and sent.time() == time()):
            return
        hour = 12 if form == "local noon" else 0
        moved = sent.astimezone(ZoneInfo(project.tz_name)).replace(hour=hour, minute=0, second=0, fold=0)
        values["event_date"] = moved.replace(tzinfo=UTC) if form == "UTC midnight" else moved.astimezone(UTC)


def wrapped(text: str) -> str:
    """The text as one paragraph of HTML; what is one already stays."""
    return text if text.startswith("<p>") else f"<p>{html.escape(text, quote=False)}</p>"


def default_status(state: State, status: str) -> int:
    rows = (entry.row for entry in state.lists["custom_statuses"].values())
    return next(int(row["id"]) for row in rows if row["default"] and row["global_status"]["name"] == status)


def defaults(kind: Kind, state: State) -> dict[str, Any]:
    """The values of a record of which nothing was said."""
    values: dict[str, Any] = {name: None for name in kind.create if name not in UNSTORED}
    values.pop("incident_id", None)
    if kind.name == "injury":
        del values["affected_body_parts"]
        values |= {"body_part_ids": [], "recordable": False}
    if kind.name == "incident":
        general = next(type_id for type_id, entry in state.lists["types"].items() if entry.row["default"])
        values |= {"status": "open", "custom_status_id": default_status(state, "open"), "type_id": general}
        values |= {"private": False, "recordable": False, "time_unknown": False}
        values |= {"assignee_ids": [], "distribution_member_ids": []}
    return values
