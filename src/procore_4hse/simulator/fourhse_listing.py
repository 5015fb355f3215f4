"""How the simulated 4HSE lists: filter, order, pages and their headers."""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from procore_4hse.simulator.fourhse_contract import (
    INCIDENT_ENTITIES,
    PARTIAL,
    Entity,
    Field,
    Row,
    is_text,
    is_whole_number,
    names_outside,
)
from procore_4hse.simulator.fourhse_dials import FourHseDials
from procore_4hse.simulator.fourhse_rows import Rows
from procore_4hse.simulator.fourhse_rules import Problem, Refusal

TOP_LEVEL: dict[str, Callable[[Any], bool]] = {
    "filter": lambda value: isinstance(value, dict),
    "per-page": lambda value: is_whole_number(value) and value >= 1,
    "page": lambda value: is_whole_number(value) and value >= 1,
    "sort": is_text,
    "history": lambda value: isinstance(value, bool),
}


@dataclass(frozen=True)
class Question:
    """An index body, read. `breaches` are names in it that the contract does not have."""

    filters: tuple[tuple[Field, Any], ...]
    order: Field | None = None
    is_descending: bool = False
    page: int = 1
    per_page: int = 100
    stated: int | None = None
    """What the answer says of `per_page` when that is not so."""
    history: bool = False
    breaches: tuple[str, ...] = ()


@dataclass(frozen=True)
class Listing:
    rows: list[Row]
    page: int
    page_count: int
    per_page: int
    total: int
    headers: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        numbers = {
            "Current-Page": self.page,
            "Page-Count": self.page_count,
            "Per-Page": self.per_page,
            "Total-Count": self.total,
        }
        headers = {f"X-Pagination-{name}": str(number) for name, number in numbers.items()}
        object.__setattr__(self, "headers", headers)


def read_question(entity: Entity, body: Any, dials: FourHseDials) -> Question:
    """The question in an index body; refused when a value has the wrong type or a dial refuses a name."""
    body = {} if body is None else body
    if not isinstance(body, dict):
        raise Refusal(400, (Problem("body", "Invalid JSON data in request body."),))
    _check_values(entity, body)
    filters = body.get("filter", {})
    order = body.get("sort", "")
    sort_name = order.removeprefix("-")
    unknown_filters = names_outside(filters, entity.filters)
    unknown_sorts = names_outside([sort_name] if order else [], entity.sorts)
    _check_dials(entity, body, unknown_filters, unknown_sorts, dials)
    return Question(
        filters=tuple((entity.filters[name], value) for name, value in filters.items() if _asks(entity, name, value)),
        order=entity.shown[sort_name] if order and not unknown_sorts else None,
        is_descending=order.startswith("-"),
        page=body.get("page", 1),
        per_page=min(body.get("per-page", 100), dials.page_cap),
        stated=body.get("per-page", 100) if dials.larger_page == "stated as asked" else None,
        history=body.get("history", False),
        breaches=(
            *(f"unknown name {name}" for name in names_outside(body, TOP_LEVEL)),
            *(f"unknown filter {name}" for name in unknown_filters),
            *(f"unknown sort {name}" for name in unknown_sorts),
        ),
    )


def list_rows(entity: Entity, rows: Rows, visible: list[Row], question: Question, random: Random) -> Listing:
    """One page. Rows that the order does not tell apart come in another order each time; past the end is the last."""
    matching = [row for row in visible if all(_matches(rows, entity, row, *test) for test in question.filters)]
    random.shuffle(matching)  # Before the stable sort, so that rows of one day change places between two pages (H2).
    if question.order:
        _sort(entity, rows, matching, question.order, is_descending=question.is_descending)
    page_count = -(-len(matching) // question.per_page)
    page = max(1, min(question.page, page_count))  # A page past the end is the last one again (H2).
    start = (page - 1) * question.per_page
    cut = matching[start : start + question.per_page]
    stated = question.stated or question.per_page
    return Listing([rows.detail(entity, row) for row in cut], page, page_count, stated, len(matching))


def _check_values(entity: Entity, body: Row) -> None:
    wrong = [
        Problem(name, f"{name} is invalid.")
        for name, fits in TOP_LEVEL.items()
        if name in body and not fits(body[name])
    ]
    if wrong:
        raise Refusal(422, tuple(wrong))
    named = {name: value for name, value in body.get("filter", {}).items() if _asks(entity, name, value)}
    wrong = [
        Problem(name, f"{name} is invalid.")
        for name, value in named.items()
        if not entity.filters[name].can_filter(value)
    ]
    if wrong:
        raise Refusal(422, tuple(wrong))


def _asks(entity: Entity, name: str, value: Any) -> bool:
    """Whether a filter narrows anything: a blank value does not, as in Yii2."""
    return name in entity.filters and value not in (None, "")


def _check_dials(entity: Entity, body: Row, filters: list[str], sorts: list[str], dials: FourHseDials) -> None:
    refused = filters if dials.unknown_filter == "422" else []
    if dials.unknown_sort == "422":
        refused = refused + sorts
    problems = [Problem(name, f'Unknown attribute "{name}"') for name in refused]
    if "history" in body and entity.name in INCIDENT_ENTITIES and not dials.history_accepted:
        problems.append(Problem("history", 'Unknown attribute "history"', is_documented=False))
    if dials.larger_page == "422" and body.get("per-page", 0) > dials.page_cap:
        problems.append(Problem("per-page", f"per-page must be no greater than {dials.page_cap}.", is_documented=False))
    if problems:
        raise Refusal(422, tuple(problems))


def _matches(rows: Rows, entity: Entity, row: Row, tested: Field, wanted: Any) -> bool:
    value = rows.value(entity, row, tested)
    is_partial = tested.kind == PARTIAL or (tested.kind == "code" and rows.dials.code_filter == "partial")
    if is_partial:
        return value is not None and wanted.lower() in value.lower()
    return bool(value == wanted)


def _sort(entity: Entity, rows: Rows, matching: list[Row], order: Field, *, is_descending: bool) -> None:
    def place(row: Row) -> tuple[bool, Any]:
        value = rows.value(entity, row, order)
        return (value is not None, value.lower() if isinstance(value, str) else value or 0)

    matching.sort(key=place, reverse=is_descending)
