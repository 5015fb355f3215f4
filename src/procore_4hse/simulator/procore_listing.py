"""Listings of the simulated Procore: query names are checked, rows filtered, sorted and cut into pages."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any, TypeVar
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from procore_4hse.simulator.procore_answers import Answers, Row
from procore_4hse.simulator.procore_contract import REFERENCES, Field, Fields
from procore_4hse.simulator.procore_dials import ProcoreDials
from procore_4hse.simulator.procore_register import Register
from procore_4hse.simulator.procore_rules import Refusal, moment_of
from procore_4hse.simulator.procore_state import Project, Record
from procore_4hse.simulator.wire import Request

T = TypeVar("T")
DEFAULT_PAGE = 100
"""Rows per page where no document says how many."""


@dataclass(frozen=True)
class Query:
    """The checked query of one request; filters by their bare names."""

    values: Mapping[str, Any]
    filters: Mapping[str, Any]


def _breach(name: str, words: str) -> Refusal:
    return Refusal(400, {name: [words]}, breach=True)


def parse_query(request: Request, fields: Fields, dials: ProcoreDials) -> Query:
    """Every name is one of the contract's and every value of its type; else Refusal 400."""
    raw: dict[str, list[str]] = {}
    for name, value in request.query:
        raw.setdefault(name, []).append(value)
    values = {}
    for name, texts in raw.items():
        bare = name.removesuffix("[]")
        field = fields.get(bare)
        if field is None or (name != bare and not field.type.endswith("[]")):
            raise _breach(name, "is not a parameter of this endpoint")
        values[bare] = _read(field, texts, name != bare, dials)
    filters = {name[8:-1]: value for name, value in values.items() if name.startswith("filters[")}
    return Query(values, filters)


def _read(field: Field, texts: list[str], bracketed: bool, dials: ProcoreDials) -> Any:
    if not field.type.endswith("[]"):
        return _read_one(field, texts[-1])
    if not bracketed:
        if dials.array_filter_needs_brackets:
            raise _breach(field.name, "must be an array")
        texts = [part.strip().strip('"') for text in texts for part in text.strip("[]").split(",")]
    return [_read_one(Field(field.name, field.type[:-3], choices=field.choices), text) for text in texts]


def _read_one(field: Field, text: str) -> Any:
    try:
        return QUERY_READERS[field.type](field, text)
    except ValueError as error:
        raise _breach(field.name, f"is not of the type {field.type}") from error


def _word(field: Field, text: str) -> str:
    if text not in field.choices:
        raise _breach(field.name, "is not included in the list")
    return text


def _sort_names(field: Field, text: str) -> list[str]:
    names = text.split(",")
    if any(name.removeprefix("-") not in field.choices for name in names):
        raise _breach("sort", "is not included in the list")
    return names


def _range(field: Field, text: str) -> tuple[str, str]:
    """`a...b`, each bare or in double quotes, or the whole in double quotes (P35, P37)."""
    start, dots, end = text.partition("...")
    ends = (start.strip('"'), end.strip('"'))
    if not dots or not all(ends):
        raise _breach(field.name, "must be a range")
    for end_text in ends:  # Raises ValueError, which the caller turns into a refusal.
        datetime.fromisoformat(end_text)
    return ends


def _boolean(field: Field, text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError(field.name)
    return text == "true"


QUERY_READERS: Mapping[str, Callable[[Field, str], Any]] = {
    "int": lambda _, text: int(text),
    "text": lambda _, text: text,
    "object": lambda _, text: json.loads(text),
    "bool": _boolean,
    "word": _word,
    "range": _range,
    "sort": _sort_names,
}


@dataclass(frozen=True)
class Range:
    """The instants of a range filter, with the ends that the dials include."""

    start: datetime
    end: datetime
    start_included: bool
    end_included: bool

    def __contains__(self, moment: object) -> bool:
        if not isinstance(moment, datetime):
            return False
        after = moment >= self.start if self.start_included else moment > self.start
        return after and (moment <= self.end if self.end_included else moment < self.end)


def make_range(ends: tuple[str, str], dials: ProcoreDials, zone: tzinfo) -> Range:
    days = zone if dials.range_days_are_local else UTC
    start, end = (_instant(text, days) for text in ends)
    if len(ends[1]) == len("2026-01-31") and dials.range_end_included:
        end += timedelta(days=1, seconds=-1)  # Stored times have whole seconds.
    return Range(start, end, dials.range_start_included, dials.range_end_included)


def _instant(text: str, zone: tzinfo) -> datetime:
    if len(text) == len("2026-01-31"):
        return datetime.combine(date.fromisoformat(text), time(), zone).astimezone(UTC)
    return moment_of(text)


@dataclass(frozen=True)
class RecordListing:
    """One listing of records of one kind in one project, live or recycled."""

    register: Register
    answers: Answers
    project: Project
    query: Query

    def select(self, candidates: Iterable[Record], default_sort: str) -> list[Record]:
        tests = [self._test(name, value) for name, value in self.query.filters.items()]
        incident_id = self.query.values.get("incident_id")
        rows = [
            record
            for record in candidates
            if (incident_id is None or record.incident_id == incident_id) and all(test(record) for test in tests)
        ]
        return self._sorted(rows, self.query.values.get("sort") or [default_sort])

    def _test(self, name: str, value: Any) -> Callable[[Record], bool]:
        if isinstance(value, tuple):
            span = make_range(value, self.register.dials, ZoneInfo(self.project.tz_name))
            return lambda record: self._moment(record, name) in span
        wanted = frozenset(value if isinstance(value, list) else [value])
        if name == "id":
            return lambda record: record.id in wanted
        if name == "query":
            return lambda record: _mentions(record, value.lower())
        if name == "has_root_cause_analysis":
            return lambda _: not value
        if name == "affected_body_part":
            keys = self.register.state.part_keys
            return lambda record: any(keys[each] in wanted for each in record.values["body_part_ids"])
        if name in ("assignee_id", "body_part_id"):
            return lambda record: any(each in wanted for each in record.values[f"{name}s"])
        return lambda record: record.values[name] in wanted

    def _moment(self, record: Record, name: str) -> datetime | None:
        if name in ("created_at", "updated_at"):
            moment: datetime = getattr(record, name)
            return moment
        value = record.values[name]
        return _instant(value, ZoneInfo(self.project.tz_name)) if isinstance(value, str) else value

    def _sorted(self, rows: list[Record], names: Sequence[str]) -> list[Record]:
        """Stable over several names; ties by id, so that two walks see one order."""
        rows.sort(key=lambda record: record.id, reverse=names[0].startswith("-"))
        # The last name first: each later sort is stable, so the first name decides in the end.
        for name in reversed(names):
            key = self._sort_key(name.removeprefix("-"))
            rows.sort(key=lambda record: _null_first(key(record)), reverse=name.startswith("-"))
        return rows

    def _sort_key(self, name: str) -> Callable[[Record], Any]:
        if name in ("number", "created_at", "updated_at"):
            return lambda record: getattr(record, name)
        if name == "full_number":
            records = self.register.state.records
            return lambda record: (records[record.incident_id or 0].number, record.number)
        if name == "records_count":
            return self.answers.records_count
        if f"{name}_id" in REFERENCES:
            return lambda record: (self.answers.row(record).get(name) or {}).get("name")
        return lambda record: record.values.get(name)


def _mentions(record: Record, words: str) -> bool:
    texts = (record.values.get(name) for name in ("title", "description", "statement"))
    return any(words in text.lower() for text in texts if text)


def _null_first(value: Any) -> tuple[bool, Any]:
    return (value is not None, 0 if value is None else value)


def select_rows(rows: Iterable[Row], query: Query, dials: ProcoreDials) -> list[Row]:
    """Directory and picker rows by the filters that say something about their members; sorted if asked."""
    tests = [_row_test(name, value, dials) for name, value in query.filters.items()]
    matching = [row for row in rows if all(test(row) for test in tests)]
    for name in reversed(query.values.get("sort") or ()):
        matching.sort(key=lambda row: _row_key(row, name.removeprefix("-")), reverse=name.startswith("-"))
    return matching


def _row_test(name: str, value: Any, dials: ProcoreDials) -> Callable[[Row], bool]:
    if isinstance(value, tuple):
        span = make_range(value, dials, UTC)
        # Days of these filters are taken as UTC's: no document says, and only records are asked for by local days.
        return lambda row: bool(row.get(name)) and moment_of(row[name]) in span
    if name in ("search", "query"):
        return lambda row: value.lower() in json.dumps(row, ensure_ascii=False).lower()
    if name in ("reference_users_only", "without_reference_users"):
        keeps_reference = name == "reference_users_only"
        return lambda row: not value or (row["user_id"] is None) == keeps_reference
    wanted = [str(each) for each in (value if isinstance(value, list) else [value])]
    # A filter by a member that rows do not show, such as a trade, keeps everything here.
    return lambda row: name not in row or str(row[name]) in wanted


def _row_key(row: Row, name: str) -> tuple[bool, Any]:
    value = row.get(name, row.get("last_name"))
    return _null_first(value.get("name") if isinstance(value, dict) else value)


@dataclass(frozen=True)
class PageOf:
    """One page of rows and the headers that describe it (P30)."""

    rows: list[Any]
    headers: Mapping[str, str]


def cut_page(rows: Sequence[T], request: Request, query: Query, *, default: int, cap: int, strict: bool) -> "PageOf":
    """Offset paging over the rows as they are now. Over `cap` is refused when `strict`, else cut to it."""
    size = query.values.get("per_page", min(default, cap))
    number = query.values.get("page", 1)
    if number < 1 or size < 1 or (strict and size > cap):
        raise _breach("per_page" if number >= 1 else "page", "is out of range")
    size = min(size, cap)
    pages = max(1, -(-len(rows) // size))
    chosen = list(rows[(number - 1) * size : number * size])
    headers = {"Per-Page": str(size), "Total": str(len(rows)), "Link": _links(request, number, pages, size)}
    return PageOf(chosen, {name: value for name, value in headers.items() if value})


def _links(request: Request, number: int, pages: int, size: int) -> str:
    """first and prev not on the first page, next and last not on the last one."""
    wanted = {"first": 1, "prev": number - 1} if number > 1 else {}
    if number < pages:
        wanted |= {"next": number + 1, "last": pages}
    host = request.headers.get("host", "api.procore.com")
    scheme = "http" if host.startswith(("127.0.0.1", "localhost")) else "https"
    rest = [(name, value) for name, value in request.query if name not in ("page", "per_page")]
    return ", ".join(
        f'<{scheme}://{host}{request.path}?{urlencode([*rest, ("page", page), ("per_page", size)])}>; rel="{rel}"'
        for rel, page in wanted.items()
    )
