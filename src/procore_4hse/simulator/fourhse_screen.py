"""What people do in the simulated 4HSE while it runs as a server."""

from collections.abc import Mapping
from datetime import date

from procore_4hse.simulator.fourhse import SimulatedFourHse
from procore_4hse.simulator.manual_edits import REFUSED, Screen, one_of, typed
from procore_4hse.simulator.wire import Request, Response

CALLED = {"incident": "incident", "incident-person": "involved person", "incident-resource": "resource"}
WRITES = ("create", "update", "delete")
HURT, UNHURT = "ACCIDENTS", "NON_COMPLIANCE"
"""The category of a new incident, unless another one is given."""


class FourHseScreen(Screen):
    def __init__(self, system: SimulatedFourHse, office_id: str) -> None:
        super().__init__()
        self.system, self.office_id = system, office_id

    def create(self, *, title: str, day: date, fields: Mapping[str, str], injured: str, reporter: str) -> str:
        whom = one_of(injured, self.system.named_people(self.office_id)) if injured else None
        usual = {"status": "new", "category": HURT if injured else UNHURT, "description_event": title}
        given = {"name": title, "date_incident": day.isoformat(), **usual, **_given(fields)}
        with self.system.acting_as(self.office_id, reporter):
            made = self.system.hand_create("incident", self.office_id, **given)
            if whom is not None:
                person = {"office_incident_id": made, "person_office_id": whom}
                self.system.hand_create("incident-person", self.office_id, **person)
        return made

    def edit(self, *, id: str, fields: Mapping[str, str]) -> str:
        if assigned := self.system.look("person-office", id):
            self.system.hand_edit("person", assigned["person_id"], **_given(fields))
            return "person"
        kind = self._kind(id)
        self.system.hand_edit(kind, id, **_given(fields))
        return CALLED[kind]

    def delete(self, *, id: str) -> str:
        kind = self._kind(id)
        self.system.hand_delete(kind, id)
        return CALLED[kind]

    def hide(self, *, id: str) -> str:
        self._kind(id)
        self.system.hide(id)
        return "incident"

    def show(self, *, id: str) -> str:
        self._kind(id)
        self.system.hide(id, hidden=False)
        return "incident"

    def is_write(self, request: Request) -> bool:
        return any(word in WRITES for word in request.path.split("/"))

    def refusal(self) -> Response:
        return Response.of(422, [{"field": "name", "message": REFUSED}])

    def _kind(self, row_id: str) -> str:
        kind = next((kind for kind in CALLED if self.system.look(kind, row_id)), None)
        if kind is None:
            raise KeyError(row_id)
        return kind


def _given(fields: Mapping[str, str]) -> dict[str, str | int | None]:
    return {name: typed(text) for name, text in fields.items()}
