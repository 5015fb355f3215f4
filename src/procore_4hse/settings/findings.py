"""What is wrong with settings: each problem with its place and what to do about it."""

from collections.abc import Iterator, Sequence
from uuid import UUID

from pydantic_core import ErrorDetails

from procore_4hse.errors import Problem
from procore_4hse.settings.model import KeyPath, expected, fields_at
from procore_4hse.settings.sources import Source, did_you_mean, variable


def problem(fault: ErrorDetails, sources: Sequence[Source]) -> Problem:
    path = fault["loc"]
    if fault["type"] == "missing":
        return _missing(path, sources)
    place = next(source.place(path) for source in sources if source.holds(path))
    if fault["type"] == "extra_forbidden":
        known = sorted(fields_at(path[:-1]))
        return Problem(place, "no setting has this name", did_you_mean(str(path[-1]), known, "Take it out"))
    if fault["type"] == "refused":
        return Problem(place, fault["msg"], fault["ctx"]["remedy"])
    return Problem(place, "the value cannot be used", f"Write {expected(path)}")


def _missing(path: KeyPath, sources: Sequence[Source]) -> Problem:
    """A missing key of a route is missed where the routes stand; any other in the file, if there is one."""
    in_routes = path[0] == "routes" and len(path) > 1
    owner = next((each for each in sources if each.is_toml or (in_routes and each.holds(path[:-1]))), None)
    if in_routes and owner:
        return Problem(owner.place(path), "is missing", f"Give the route a line: {path[-1]} = ...")
    if not owner:
        return Problem(variable(path), "is missing", "Set it, or write a file with `procore-4hse init`")
    table = "[[routes]]" if path[0] == "routes" else f"{path[-1]} under [{path[0]}]"
    return Problem(owner.place(path), "is missing", f"Add {table}, or set {variable(path)}")


_UNIQUE_IN_ROUTES = ("name", "procore_project", "fourhse_office")


def shared_by_routes(sources: Sequence[Source]) -> Iterator[Problem]:
    """Routes that would write to one register twice, or could not be told apart."""
    source = next((each for each in sources if each.holds(("routes",))), None)
    routes = source.tree["routes"] if source else None
    if source is None or not isinstance(routes, list):
        return
    seen: dict[tuple[str, str], int] = {}
    for number, route in enumerate(routes):
        for key in _UNIQUE_IN_ROUTES:
            value = route.get(key) if isinstance(route, dict) else None
            first = seen.setdefault((key, _plain(value)), number) if value not in (None, "") else number
            if first != number:
                place = source.place(("routes", number, key))
                yield Problem(place, f"route {first + 1} has the same {key}", f"Give each route its own {key}")


def _plain(value: object) -> str:
    """One text for all ways to write a number or a UUID."""
    text = str(value).strip()
    try:
        return str(UUID(text))
    except ValueError:
        return str(int(text)) if text.isdecimal() else text
