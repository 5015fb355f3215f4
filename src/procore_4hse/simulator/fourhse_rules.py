"""What the simulated 4HSE checks before it keeps a row; each rule yields the problems it finds."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

from procore_4hse.simulator.fourhse_contract import CATEGORIES, RESOURCE_TYPES, Entity, Field, Row
from procore_4hse.simulator.fourhse_dials import FourHseDials
from procore_4hse.simulator.fourhse_rows import Rows
from procore_4hse.simulator.kept_text import kept_text


@dataclass(frozen=True)
class Problem:
    """One field that cannot stay as it is. `is_documented`: the published contract or reference says so."""

    field: str
    message: str
    is_documented: bool = True


class Refusal(Exception):
    """4HSE reads the request and says no: 422 with `problems`, or another status with one sentence."""

    def __init__(self, status: int, problems: tuple[Problem, ...] = (), sentence: str = "") -> None:
        super().__init__(sentence or "; ".join(f"{problem.field}: {problem.message}" for problem in problems))
        self.status = status
        self.problems = problems


@dataclass(frozen=True)
class Change:
    """A write on its way: `old` is None on create, `new` is the row as it would stand, `sent` what was asked for."""

    entity: Entity
    old: Row | None
    new: Row
    sent: Mapping[str, Any]
    by_hand: bool = False

    def sets(self, name: str) -> bool:
        """Whether the row would hold another value than before."""
        return self.old is None or self.old.get(name) != self.new.get(name)


Problems = Iterator[Problem]
Rule = Callable[[Rows, Change], Problems]


def field_problems(entity: Entity, sent: Mapping[str, Any], *, creating: bool, by_hand: bool) -> Problems:
    """Values of the wrong type and required fields that are missing or blank."""
    for name, value in sent.items():
        field = entity.stored[name]
        if value is not None and not field.accepts(value) and not (by_hand and name == "category"):
            yield Problem(name, f"{field.label} is invalid.")
        elif (value is None and not field.nullable) or (name in entity.required and value == ""):
            yield Problem(name, f"{field.label} cannot be blank.")
    if creating:
        for name in entity.required:
            if name not in sent:
                yield Problem(name, f"{entity.stored[name].label} cannot be blank.")


def stored_text(field: Field, value: Any, dials: FourHseDials) -> Any:
    """A value as the server keeps it: what it does to texts on the way in."""
    if not isinstance(value, str) or field.kind not in ("text", "term", "code"):
        return value
    text = value.strip() if dials.trims_text else value
    if dials.wraps_description_in_html and field.name.startswith("description") and not text.startswith("<p>"):
        text = "<p>" + escape(text, quote=False).replace("\n", "<br>") + "</p>"
    if field.name == "name" and dials.title_too_long == "cut":
        text = text[: dials.title_max]
    return kept_text(text, dials.text_kept) or ("" if field.nullable else text)


def _title_fits(rows: Rows, change: Change) -> Problems:
    limit = rows.dials.title_max
    if limit is not None and change.sets("name") and len(change.new["name"]) > limit:
        yield Problem("name", f"Name should contain at most {limit} characters.", is_documented=False)


def _closed_has_its_day(rows: Rows, change: Change) -> Problems:
    if change.new["status"] != "closed":
        return
    # Whether a day that the row still holds from an earlier closing would do is not known (H4): a dial.
    asked_again = change.sent.get("status") == "closed" and not change.by_hand
    must_be_sent = asked_again and rows.dials.closing_needs_date == "in request"
    if change.new["date_closed"] is None or (must_be_sent and "date_closed" not in change.sent):
        yield Problem("date_closed", "Date Closed cannot be blank.")


def _status_may_follow(rows: Rows, change: Change) -> Problems:
    if change.new["status"] != "closed":
        return
    before = change.old["status"] if change.old else None
    jumps = before == "new" and not rows.dials.closing_jump_allowed
    if jumps or (before is None and not rows.dials.closed_on_create_allowed):
        yield Problem("status", "Status is invalid.", is_documented=False)


def _category_may_stay(rows: Rows, change: Change) -> Problems:
    category = change.new["category"]
    if change.old is None and category is None and rows.dials.category_required:
        yield Problem("category", "Category cannot be blank.", is_documented=False)
    is_foreign = category is not None and category not in CATEGORIES
    if is_foreign and not change.by_hand and rows.dials.foreign_category_on_old_rows == "422":
        yield Problem("category", "Category is invalid.", is_documented=False)


def _place_is_one(rows: Rows, change: Change) -> Problems:
    """The office exists, and the project is the one it belongs to."""
    office = rows.get("office", change.new["subtenant_id"])
    if office is None:
        yield Problem("subtenant_id", "Subtenant Id is invalid.", is_documented=False)
    elif office["project_id"] != change.new["tenant_id"]:
        yield Problem("tenant_id", "Tenant Id is invalid.")
    moves = change.old is not None and (change.sets("subtenant_id") or change.sets("tenant_id"))
    if moves and rows.dials.office_move == "422":
        yield Problem("subtenant_id", "Subtenant Id cannot be changed.", is_documented=False)


def _incident_exists(rows: Rows, change: Change) -> Problems:
    if rows.get("incident", change.new["office_incident_id"]) is None:
        yield Problem("office_incident_id", "Office Incident Id is invalid.", is_documented=False)


def _person_may_be_linked(rows: Rows, change: Change) -> Problems:
    person = rows.get("person-office", change.new["person_office_id"])
    if not change.sets("person_office_id"):
        return
    if person is None or not _assignment_serves(rows.dials, person, change.new):
        yield Problem("person_office_id", "Person Office Id is invalid.", is_documented=False)


def _assignment_serves(dials: FourHseDials, person: Row, link: Row) -> bool:
    foreign = person["office_id"] != link["subtenant_id"] and dials.other_office_person_refused
    return not foreign and (person["owned_active"] or not dials.historicized_person_refused)


def _person_is_linked_once(rows: Rows, change: Change) -> Problems:
    if not rows.dials.duplicate_person_refused or not change.sets("person_office_id"):
        return
    linked = rows.children(change.new["office_incident_id"], "incident-person")
    if any(row["person_office_id"] == change.new["person_office_id"] for _, row in linked):
        yield Problem("person_office_id", "Person Office Id has already been taken.", is_documented=False)


def _resource_exists(rows: Rows, change: Change) -> Problems:
    if rows.get(RESOURCE_TYPES[change.new["entity_type"]], change.new["entity_id"]) is None:
        yield Problem("entity_id", "Entity Id is invalid.", is_documented=False)


RULES: dict[str, tuple[Rule, ...]] = {
    "incident": (_title_fits, _closed_has_its_day, _status_may_follow, _category_may_stay, _place_is_one),
    "incident-person": (_incident_exists, _person_may_be_linked, _person_is_linked_once, _place_is_one),
    "incident-resource": (_incident_exists, _resource_exists, _place_is_one),
    "incident-action": (_incident_exists, _resource_exists, _place_is_one),
}
