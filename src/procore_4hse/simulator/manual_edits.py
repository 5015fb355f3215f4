"""A person's screen in a simulated system that runs as a server: one request edits one record as its user would.

`POST /by-hand/{id}` with the fields as JSON. Neither vendor has this; it stands beside the handler of a system, for
those who try commands and cannot open Procore or 4HSE in a browser.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

import httpx

from procore_4hse.simulator.fourhse import SimulatedFourHse
from procore_4hse.simulator.procore import Refusal, SimulatedProcore
from procore_4hse.simulator.procore_contract import REFERENCES
from procore_4hse.simulator.wire import Handler, Request, Response

SCREEN = "/by-hand/"
PEOPLE = ("people", "users")
"""Lists of people: names are not unique there, ids are given as they are."""
CALLED = {"incident": "incident", "incident-person": "involved person", "incident-resource": "resource"}
CUSTOM = "custom_field_"
Edit = Callable[[str, Mapping[str, Any]], str]
"""Changes a record and answers what it is; KeyError when there is none, ValueError with the reason when refused."""


class NotDone(Exception):
    """The edit did not happen; the message is one sentence."""


def with_screen(handler: Handler, edit: Edit) -> Handler:
    """The same system with a screen beside it."""

    def handle(request: Request) -> Response:
        if not request.path.startswith(SCREEN):
            return handler(request)
        record_id = request.path.removeprefix(SCREEN)
        try:
            return Response.of(200, {"record": edit(record_id, request.json())})
        except KeyError:
            return Response.of(404, {"problem": f"There is no record {record_id}"})
        except ValueError as error:
            return Response.of(422, {"problem": str(error)})

    return handle


def edited(url: str, record_id: str, fields: Mapping[str, str]) -> str:
    """What the record is that was changed in the system at `url`. Raises NotDone."""
    try:
        answer = httpx.post(f"{url}{SCREEN}{record_id}", json=dict(fields), timeout=10)
        body = answer.json()
    except (httpx.HTTPError, json.JSONDecodeError) as error:
        raise NotDone(f"No simulated system answers at {url}; start both with: procore-4hse simulate") from error
    if answer.status_code != httpx.codes.OK:
        raise NotDone(f"{body['problem']}; nothing was changed.")
    return str(body["record"])


def in_procore(system: SimulatedProcore) -> Edit:
    """Edits of a Procore record; a picker takes the name that people see: `work_activity=Roofing`."""

    def edit(record_id: str, fields: Mapping[str, Any]) -> str:
        record = system.record(int(record_id))
        given = dict(_typed(system, name, text) for name, text in fields.items())
        try:
            system.hand_edit(record.kind, record.id, **given)
        except Refusal as refusal:
            raise ValueError(str(refusal)) from refusal
        return record.kind.replace("_", " ")

    return edit


def in_fourhse(system: SimulatedFourHse) -> Edit:
    """Edits of a 4HSE incident or of a row below one."""

    def edit(record_id: str, fields: Mapping[str, Any]) -> str:
        kind = next((kind for kind in CALLED if system.look(kind, record_id)), None)
        if kind is None:
            raise KeyError(record_id)
        system.hand_edit(kind, record_id, **{name: _plain(text) for name, text in fields.items()})
        return CALLED[kind]

    return edit


def _typed(system: SimulatedProcore, name: str, text: str) -> tuple[str, Any]:
    """A field as a call takes it: an entry of a list by its id."""
    if name.startswith(CUSTOM):
        return name, _custom(system, name, text)
    listing = REFERENCES.get(f"{name}_id")
    if listing is None or listing in PEOPLE:
        return name, _plain(text)
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
    return _entry(name, text, ids) if text and data_type == "lov_entry" else _plain(text)


def _entry(name: str, text: str, ids: Mapping[str, int]) -> int:
    if text not in ids:
        raise ValueError(f"`{name}` is one of: {', '.join(sorted(ids))}")
    return ids[text]


def _plain(text: str) -> str | int | None:
    """What was typed: nothing, a whole number, or a text in which `\\n` begins a new line."""
    if not text:
        return None
    # A code such as 007 stays a text.
    return int(text) if text.isdecimal() and str(int(text)) == text else text.replace("\\n", "\n")
