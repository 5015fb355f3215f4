"""What people do in the simulated Procore while it runs as a server."""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time
from typing import Any, TypeVar

from procore_4hse.simulator.manual_edits import REFUSED, Screen, one_of, typed
from procore_4hse.simulator.procore import TOKEN_PATH, SimulatedProcore
from procore_4hse.simulator.procore_contract import REFERENCES
from procore_4hse.simulator.procore_endpoints import error_body
from procore_4hse.simulator.procore_rules import Refusal
from procore_4hse.simulator.wire import Request, Response

PEOPLE = ("people", "users")
"""Lists of people: names are not unique there, ids are given as they are."""
CUSTOM = "custom_field_"
HAPPENED = time(20, tzinfo=UTC)
"""Within the same day from Honolulu to the Azores."""
Done = TypeVar("Done")


class ProcoreScreen(Screen):
    """A picker takes the name that people see: `work_activity=Roofing`."""

    def __init__(self, system: SimulatedProcore, project_id: int) -> None:
        super().__init__()
        self.system, self.project_id = system, project_id

    def create(self, *, title: str, day: date, fields: Mapping[str, str], injured: str, reporter: str) -> str:
        whom = one_of(injured, self.system.named_people(self.project_id)) if injured else None
        happened = datetime.combine(day, HAPPENED)
        usual = {"event_date": happened, "time_unknown": False, "description": title}
        given = {"title": title, **usual, **self._given(fields)}
        with self.system.acting_as(reporter):
            made = _carried_out(lambda: self.system.hand_create("incident", self.project_id, **given))
            if whom is not None:
                person = {"incident_id": made, "affected_party_id": whom}
                _carried_out(lambda: self.system.hand_create("injury", self.project_id, **person))
        return str(made)

    def edit(self, *, id: str, fields: Mapping[str, str]) -> str:
        if int(id) in self.system.named_people(self.project_id).values():
            self.system.edit_person(int(id), **{name: text or None for name, text in fields.items()})
            return "person"
        record, given = self.system.record(int(id)), self._given(fields)
        _carried_out(lambda: self.system.hand_edit(record.kind, record.id, **given))
        return record.kind.replace("_", " ")

    def delete(self, *, id: str) -> str:
        record = self.system.record(int(id))
        _carried_out(lambda: self.system.hand_delete(record.kind, record.id))
        return record.kind.replace("_", " ")

    def restore(self, *, id: str) -> str:
        record = self.system.record(int(id))
        _carried_out(lambda: self.system.hand_restore(record.kind, record.id))
        return record.kind.replace("_", " ")

    def is_write(self, request: Request) -> bool:
        return request.method != "GET" and request.path != TOKEN_PATH

    def refusal(self) -> Response:
        return Response.of(422, error_body(Refusal(422, {"base": [REFUSED]}), self.system.dials.error_form))

    def _given(self, fields: Mapping[str, str]) -> dict[str, Any]:
        return dict(_field(self.system, name, text) for name, text in fields.items())


def _carried_out(act: Callable[[], Done]) -> Done:
    try:
        return act()
    except Refusal as refusal:
        raise ValueError(str(refusal)) from refusal


def _field(system: SimulatedProcore, name: str, text: str) -> tuple[str, Any]:
    """A field as a call takes it: an entry of a list by its id."""
    if name.startswith(CUSTOM):
        return name, _custom(system, name, text)
    listing = REFERENCES.get(f"{name}_id")
    if listing is None or listing in PEOPLE:
        return name, typed(text)
    if not text:
        return f"{name}_id", None
    return f"{name}_id", _entry(name, text, system.words(listing))


def _custom(system: SimulatedProcore, name: str, text: str) -> Any:
    """What a custom field holds, typed as people see it; on their screen one that nobody defined does not stand."""
    defined = system.custom_field(name.removeprefix(CUSTOM))
    if defined is None:
        raise ValueError(f"Nobody defined a custom field `{name}` here")
    data_type, labels = defined
    ids = {label: entry_id for entry_id, label in labels.items()}
    if data_type == "lov_entries":
        return [_entry(name, each.strip(), ids) for each in text.split(";") if each.strip()]
    return _entry(name, text, ids) if text and data_type == "lov_entry" else typed(text)


def _entry(name: str, text: str, ids: Mapping[str, int]) -> int:
    if text not in ids:
        raise ValueError(f"`{name}` is one of: {', '.join(sorted(ids))}")
    return ids[text]
