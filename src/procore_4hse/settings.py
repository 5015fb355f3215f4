"""The settings of a run: gathered from three sources, checked as a whole, frozen.

Strongest first: environment variables (`SYNC_`, with `__` between levels), files in the folder that
`SYNC_SECRETS_DIR` names, the TOML file. `load` is the only door: nothing is read when this module is
imported, and no other module reads the environment or a settings file.
"""

import difflib
import ipaddress
import json
import re
import shlex
import stat
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import SplitResult, urlsplit
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails, PydanticCustomError
from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from procore_4hse.errors import ConfigurationError, Problem

PREFIX = "SYNC_"
DEFAULT_FILE = Path("config/sync.toml")
CONFIG_VARIABLE = "SYNC_CONFIG"
SECRETS_VARIABLE = "SYNC_SECRETS_DIR"
LOG_PREFIX = "SYNC_LOG_"

KeyPath = tuple[str | int, ...]
"""Where a value stands: ("procore", "client_id"), or ("routes", 0, "since")."""


# What a value must be --------------------------------------------------------------------------------------------


class Direction(StrEnum):
    BOTH = "both"
    PROCORE_TO_FOURHSE = "procore-to-4hse"
    FOURHSE_TO_PROCORE = "4hse-to-procore"


class Crossing(StrEnum):
    """Which way the values of one class may cross."""

    BOTH = "both"
    PROCORE_TO_FOURHSE = "procore-to-4hse"
    FOURHSE_TO_PROCORE = "4hse-to-procore"
    NONE = "none"


class WhenBarred(StrEnum):
    """What becomes of a row whose class may not go where the row goes."""

    REFUSE = "refuse"
    LEAVE_OUT = "leave out"


class Deletions(StrEnum):
    """What happens to the survivor when one side deleted its record."""

    ASK = "ask"
    PROPAGATE = "propagate"
    CLOSE = "close"
    IGNORE = "ignore"


class Private(StrEnum):
    """What happens to Procore incidents that are marked private."""

    SKIP = "skip"
    INCLUDE = "include"


def _refusal(what: str, remedy: str) -> PydanticCustomError:
    return PydanticCustomError("refused", "{what}", {"what": what, "remedy": remedy})


_DURATION = re.compile(r"(\d{1,6})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def duration(text: object) -> timedelta:
    """The time that "30s", "5m", "24h" or "7d" means; ValueError for anything else, and for zero."""
    found = _DURATION.fullmatch(text) if isinstance(text, str) else None
    length = timedelta(**{_UNITS[found[2]]: int(found[1])}) if found else timedelta(0)
    if not length:
        raise ValueError("a duration is a number above zero and its unit, such as 30s, 5m, 24h or 7d")
    return length


_AGE = re.compile(r"(\d{1,4})([dwy])")
_DAYS = {"d": 1, "w": 7, "y": 365}


def age(text: object) -> timedelta:
    """The time that "90d", "26w" or "2y" means; ValueError for anything else, and for less than two days."""
    found = _AGE.fullmatch(text) if isinstance(text, str) else None
    length = timedelta(days=int(found[1]) * _DAYS[found[2]]) if found else timedelta(0)
    if length < timedelta(days=2):
        raise ValueError("an age is two days or more, such as 90d, 26w or 2y")
    return length


def _day(value: object) -> date:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value):
        return date.fromisoformat(value)
    raise ValueError("no day")


def _not_a_flag(value: object) -> object:
    """Python takes true for 1; a number that is meant is written as one."""
    if isinstance(value, bool):
        raise ValueError("no number")
    return value


def _at_least_one(routes: object) -> object:
    if routes in ([], ()):
        raise ValueError("no routes")
    return routes


def _filled_in(text: str) -> str:
    if text.strip() in ("", "..."):
        raise _refusal("is not filled in", "Put the real value there")
    return text


def _filled_in_secret(secret: SecretStr) -> SecretStr:
    _filled_in(secret.get_secret_value())
    return secret


def _parts(url: str) -> SplitResult:
    """The parts of a URL, its port checked; ValueError when it is none."""
    parts = urlsplit(url)
    _ = parts.port
    return parts


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _web_url(url: str) -> str:
    parts = _parts(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("no web address")
    if parts.scheme == "http" and not _is_loopback(parts.hostname):
        raise _refusal("would send credentials unprotected over plain http", "Write https://")
    if parts.username is not None or parts.query or parts.fragment:
        raise _refusal("holds more than an address", "Take out user, password, ? and #")
    return url.rstrip("/")


_SQLITE = "sqlite:///"


def _store_url(secret: SecretStr) -> SecretStr:
    url = secret.get_secret_value()
    if url.startswith(_SQLITE):
        usable = len(url) > len(_SQLITE) and ":memory:" not in url and "?" not in url and "#" not in url
    else:
        parts = _parts(url)
        usable = parts.scheme == "postgresql+psycopg" and parts.path.strip("/") != ""
    if not usable:
        raise ValueError("no store")
    return secret


def _word_of(words: type[StrEnum]) -> BeforeValidator:
    known = " | ".join(words)

    def check(value: object) -> object:
        if value in list(words):
            return value
        near = difflib.get_close_matches(str(value).lower(), list(words), n=1)
        raise _refusal(f"is not one of {known}", f"Write {near[0]}" if near else "Write one of these words")

    return BeforeValidator(check)


Filled = Annotated[str, AfterValidator(_filled_in), Field(description="text in quotes")]
Secret = Annotated[SecretStr, AfterValidator(_filled_in_secret), Field(description="text in quotes")]
Id = Annotated[int, BeforeValidator(_not_a_flag), Field(gt=0, description="a whole number above 0")]
Count = Annotated[int, BeforeValidator(_not_a_flag), Field(ge=0, description="a whole number, 0 or more")]
Percent = Annotated[int, BeforeValidator(_not_a_flag), Field(ge=0, le=100, description="a whole number from 0 to 100")]
Duration = Annotated[
    timedelta,
    BeforeValidator(duration),
    Field(description='a number and its unit in quotes, such as "30s", "5m", "24h" or "7d"'),
]
Age = Annotated[
    timedelta | None,
    BeforeValidator(age),
    Field(description='two days or more, as a number and its unit in quotes, such as "90d", "26w" or "2y"'),
]
Day = Annotated[date, BeforeValidator(_day), Field(description="a day of the calendar as YYYY-MM-DD")]
Url = Annotated[str, AfterValidator(_web_url), Field(description="a web address that begins with https://")]
StoreUrl = Annotated[
    SecretStr,
    AfterValidator(_store_url),
    Field(description="sqlite:///PATH or postgresql+psycopg://user:password@host/database"),
]
Uuid = Annotated[UUID, Field(description="a UUID such as 0d0c2d0e-6b2f-4a51-9f3f-0c8a3f2f2c11")]
Flag = Annotated[bool, Field(description="true or false")]
Folder = Annotated[Path, Field(description="the path of a folder, in quotes")]


# The settings, in the words of the file --------------------------------------------------------------------------


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class ProcoreSettings(_Section):
    api_url: Url = "https://api.procore.com"
    login_url: Url = "https://login.procore.com"
    company_id: Id
    client_id: Filled
    client_secret: Secret


class FourHseSettings(_Section):
    api_url: Url = "https://service.4hse.com"
    token_url: Url = "https://auth.4hse.com/realms/4hse/protocol/openid-connect/token"  # noqa: S105 an address
    client_id: Filled
    client_secret: Annotated[SecretStr, Field(description="text in quotes")] = SecretStr("")
    username: Annotated[Filled, Field(repr=False)]
    password: Secret


class StoreSettings(_Section):
    url: StoreUrl
    """A SQLite path in it is absolute once the settings are loaded. Secret, for it may hold a password."""


class ScheduleSettings(_Section):
    every: Duration = timedelta(minutes=5)
    full_sweep_every: Duration = timedelta(hours=24)
    settle_for: Duration = timedelta(minutes=30)


class GuardSettings(_Section):
    max_deletes: Count = 20
    max_delete_percent: Percent = 10
    max_change_percent: Percent = 50
    max_creates: Count = 200


class RetentionSettings(_Section):
    """How old contents may become; without an age they stay."""

    raw: Age = None
    journal: Age = None
    tombstones: Age = None


Crosses = Annotated[Crossing, _word_of(Crossing)]


class PrivacySettings(_Section):
    """Which classes of values may cross, by the classes that the rows of a mapping have."""

    identity: Crosses = Crossing.BOTH
    health: Crosses = Crossing.BOTH
    location: Crosses = Crossing.BOTH
    plain: Crosses = Crossing.BOTH
    when_barred: Annotated[WhenBarred, _word_of(WhenBarred)] = WhenBarred.REFUSE


class RouteSettings(_Section):
    name: Filled
    procore_project: Id
    fourhse_project: Uuid
    fourhse_office: Uuid
    mapping: Folder
    """Absolute once the settings are loaded."""
    direction: Annotated[Direction, _word_of(Direction)] = Direction.BOTH
    enabled: Flag = True
    since: Day
    deletions: Annotated[Deletions, _word_of(Deletions)] = Deletions.ASK
    private: Annotated[Private, _word_of(Private)] = Private.SKIP
    privacy: Annotated[PrivacySettings, Field(description="a [routes.privacy] table")] = PrivacySettings()


class Settings(BaseSettings):
    """Everything that a run may be told. Built from its arguments alone; `load` gathers those."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    procore: ProcoreSettings
    fourhse: FourHseSettings
    store: StoreSettings
    schedule: ScheduleSettings = ScheduleSettings()
    guards: GuardSettings = GuardSettings()
    retention: RetentionSettings = RetentionSettings()
    routes: Annotated[
        tuple[RouteSettings, ...],
        BeforeValidator(_at_least_one),
        Field(description="one or more [[routes]] tables (in the environment a JSON list)"),
    ]

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)


def _keys() -> Iterator[tuple[str, ...]]:
    """The path of every key that one variable or one secret file can set."""
    for section, info in Settings.model_fields.items():
        model = _section_model(info)
        if model is None:
            yield (section,)
        else:
            yield from ((section, key) for key in model.model_fields)


def _section_model(info: FieldInfo) -> type[BaseModel] | None:
    kind = info.annotation
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def _variable(path: KeyPath) -> str:
    return PREFIX + "__".join(str(part) for part in path).upper()


_VARIABLES = {_variable(path): path for path in _keys()}
_SECRET_KEYS = (("procore", "client_secret"), ("fourhse", "client_secret"), ("fourhse", "password"))


# The three sources -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Source:
    """Settings from one source as a tree; `places` names the variable, the file or the line of a key."""

    name: str
    tree: Mapping[str, Any]
    places: Mapping[KeyPath, str] = field(default_factory=dict)
    is_toml: bool = False

    def holds(self, path: KeyPath) -> bool:
        node: Any = self.tree
        try:
            for part in path:
                node = node[part]
        except (KeyError, IndexError, TypeError):
            return False
        return True

    def place(self, path: KeyPath) -> str:
        known = next((path[:size] for size in range(len(path), 0, -1) if path[:size] in self.places), ())
        where = self.places.get(known, self.name)
        return where if known == path and not self.is_toml else f"{where} {_spoken(path)}"


def _spoken(path: KeyPath) -> str:
    if path[0] == "routes" and len(path) > 1:
        return ", ".join([f"route {int(path[1]) + 1}", *map(str, path[2:])])
    return ".".join(map(str, path))


def _tree(values: Mapping[tuple[str, ...], str]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for path, text in values.items():
        if len(path) == 1:
            tree[path[0]] = _json_or_text(text)
        else:
            tree.setdefault(path[0], {})[path[1]] = text
    return tree


def _json_or_text(text: str) -> Any:
    """Text that is no JSON stays text, which no list accepts."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _from_environment(environ: Mapping[str, str]) -> _Source:
    found = {path: environ[name] for name, path in _VARIABLES.items() if name in environ}
    return _Source("the environment", _tree(found), {path: _variable(path) for path in found})


def _unknown_variables(environ: Mapping[str, str]) -> Iterator[Problem]:
    known = {*_VARIABLES, CONFIG_VARIABLE, SECRETS_VARIABLE}
    for name in sorted(environ):
        if name.startswith(PREFIX) and name not in known and not name.startswith(LOG_PREFIX):
            yield Problem(name, "no setting has this name", _did_you_mean(name, sorted(known), "Unset it"))


def _did_you_mean(name: str, known: Sequence[str], otherwise: str) -> str:
    by_lower = {word.lower(): word for word in known}
    near = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.7)
    return f"Did you mean {by_lower[near[0]]}?" if near else otherwise


def _from_secret_files(folder: str | None) -> tuple[_Source, list[Problem]]:
    source = _Source(folder or "", {})
    if not folder:
        return source, []
    if not Path(folder).is_dir():
        remedy = f"Mount the secrets there, or unset {SECRETS_VARIABLE}"
        return source, [Problem(SECRETS_VARIABLE, f"there is no folder {folder}", remedy)]
    found: dict[tuple[str, ...], str] = {}
    problems = []
    for path in _keys():
        file = Path(folder) / "__".join(path)
        try:
            if file.is_file():
                found[path] = file.read_bytes().decode().removesuffix("\n")
        except (OSError, UnicodeDecodeError) as error:
            problems.append(_unreadable(file, error))
    places: dict[KeyPath, str] = {path: str(Path(folder) / "__".join(path)) for path in found}
    return _Source(folder, _tree(found), places), problems


def _unreadable(file: Path, error: OSError | UnicodeDecodeError) -> Problem:
    if isinstance(error, UnicodeDecodeError):
        return Problem(str(file), "is not UTF-8 text", "Save it as UTF-8")
    return Problem(str(file), f"cannot be read ({error.strerror})", "Make it a file that this user may read")


def _from_toml(file: Path, *, required: bool) -> tuple[_Source | None, list[Problem]]:
    """The file's settings, None when there is nothing to read, and the problems with it."""
    try:
        text = file.read_bytes().decode()
        source = _Source(str(file), tomllib.loads(text), _lines(text, file), is_toml=True)
    except FileNotFoundError:
        return None, [_no_file(file)] if required else []
    except tomllib.TOMLDecodeError as error:
        return None, [_bad_toml(file, str(error))]
    except (OSError, UnicodeDecodeError) as error:
        return None, [_unreadable(file, error)]
    return source, list(_exposed(file, source.tree))


def _no_file(file: Path) -> Problem:
    remedy = f"Write one with `procore-4hse init`, or name yours with --config or {CONFIG_VARIABLE}"
    return Problem(str(file), "there is no such file", remedy)


def _bad_toml(file: Path, words: str) -> Problem:
    at = re.search(r"\(at line (\d+), column (\d+)\)", words)
    place = f"{file}:{at[1]}" if at else str(file)
    return Problem(place, "is not TOML from here on", "Look for a missing quote, bracket or = on this line")


_HEADER = re.compile(r"\s*(\[{1,2})\s*([\w-]+)(?:\s*\.\s*([\w-]+))?\s*\]{1,2}")
_KEY = re.compile(r"\s*[\"']?([\w-]+)[\"']?\s*(?:\.\s*[\"']?([\w-]+)[\"']?\s*)?=")


def _lines(text: str, file: Path) -> dict[KeyPath, str]:
    """The place, as FILE:LINE, of each table and key that stands on a line of its own."""
    places: dict[KeyPath, str] = {}
    table: KeyPath = ()
    count = 0
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _HEADER.match(line):
            listed = header[1] == "[["
            count += listed
            of_route = listed or (header[2] == "routes" and header[3] is not None)
            table = (header[2], count - 1) if of_route else (header[2],)
            table = (*table, header[3]) if header[3] else table
            places[table] = f"{file}:{number}"
        elif key := _KEY.match(line):
            places[(*table, *(part for part in key.groups() if part))] = f"{file}:{number}"
    return places


def _exposed(file: Path, tree: Mapping[str, Any]) -> Iterator[Problem]:
    if file.stat().st_mode & stat.S_IROTH and any(_secrets_in(tree)):
        remedy = f"Run: chmod 600 {shlex.quote(str(file))}"
        yield Problem(str(file), "holds a secret and can be read by everyone on this machine", remedy)


def _secrets_in(tree: Mapping[str, Any]) -> Iterator[bool]:
    for section, key in (*_SECRET_KEYS, ("store", "url")):
        table = tree.get(section)
        value = table.get(key) if isinstance(table, dict) else None
        yield _has_password(value) if key == "url" else value not in (None, "", "...")


def _has_password(url: object) -> bool:
    try:
        return isinstance(url, str) and (urlsplit(url).password is not None or "password=" in url)
    except ValueError:
        return True


# All of it together ----------------------------------------------------------------------------------------------


def load(config: Path | None, environ: Mapping[str, str]) -> Settings:
    """The settings from `config` (else SYNC_CONFIG, else config/sync.toml), secret files and `environ`.

    Paths in them are absolute. Raises ConfigurationError with every problem found.
    """
    named = config or (Path(environ[CONFIG_VARIABLE]) if environ.get(CONFIG_VARIABLE) else None)
    file = named or DEFAULT_FILE
    secrets, secret_problems = _from_secret_files(environ.get(SECRETS_VARIABLE))
    others = (_from_environment(environ), secrets)
    toml, toml_problems = _from_toml(file, required=named is not None or not any(each.tree for each in others))
    sources = (*others, toml) if toml else others
    is_whole = toml is not None or not toml_problems
    settings, faults = _validated(sources)
    problems = [
        *_unknown_variables(environ),
        *secret_problems,
        *toml_problems,
        *(_problem(fault, sources) for fault in faults if is_whole or fault["type"] != "missing"),
        *_shared_by_routes(sources),
    ]
    if settings is None or problems:
        raise ConfigurationError(tuple(problems))
    return _anchored(settings, (file.parent if toml else Path()).absolute())


def _validated(sources: Sequence[_Source]) -> tuple[Settings | None, list[ErrorDetails]]:
    """The settings that the sources give together, the first one strongest, or what is wrong with them."""
    bare: dict[str, Any] = {section: {} for section, info in Settings.model_fields.items() if _section_model(info)}
    trees = [*(dict(source.tree) for source in sources), bare]

    class Layered(Settings):
        @classmethod
        def settings_customise_sources(
            cls, settings_cls: type[BaseSettings], *_: Any, **__: Any
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return tuple(InitSettingsSource(settings_cls, tree) for tree in trees)

    try:
        layered = Layered()
    except ValidationError as error:
        return None, error.errors(include_url=False, include_input=False)
    return Settings(**{name: getattr(layered, name) for name in Settings.model_fields}), []


def _problem(fault: ErrorDetails, sources: Sequence[_Source]) -> Problem:
    path = fault["loc"]
    if fault["type"] == "missing":
        return _missing(path, sources)
    place = next(source.place(path) for source in sources if source.holds(path))
    if fault["type"] == "extra_forbidden":
        known = sorted(_fields_at(path[:-1]))
        return Problem(place, "no setting has this name", _did_you_mean(str(path[-1]), known, "Take it out"))
    if fault["type"] == "refused":
        return Problem(place, fault["msg"], fault["ctx"]["remedy"])
    return Problem(place, "the value cannot be used", f"Write {_expected(path)}")


def _missing(path: KeyPath, sources: Sequence[_Source]) -> Problem:
    """A missing key of a route is missed where the routes stand; any other in the file, if there is one."""
    in_routes = path[0] == "routes" and len(path) > 1
    owner = next((each for each in sources if each.is_toml or (in_routes and each.holds(path[:-1]))), None)
    if in_routes and owner:
        return Problem(owner.place(path), "is missing", f"Give the route a line: {path[-1]} = ...")
    if not owner:
        return Problem(_variable(path), "is missing", "Set it, or write a file with `procore-4hse init`")
    table = "[[routes]]" if path[0] == "routes" else f"{path[-1]} under [{path[0]}]"
    return Problem(owner.place(path), "is missing", f"Add {table}, or set {_variable(path)}")


def _fields_at(path: KeyPath) -> dict[str, FieldInfo]:
    if not path:
        return Settings.model_fields
    if path[0] == "routes":
        return PrivacySettings.model_fields if "privacy" in path else RouteSettings.model_fields
    model = _section_model(Settings.model_fields[str(path[0])])
    return model.model_fields if model else {}


def _expected(path: KeyPath) -> str:
    if isinstance(path[-1], int):
        return "a [[routes]] table"
    return _fields_at(path[:-1])[path[-1]].description or f"a table [{path[-1]}]"


_UNIQUE_IN_ROUTES = ("name", "procore_project", "fourhse_office")


def _shared_by_routes(sources: Sequence[_Source]) -> Iterator[Problem]:
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


def _anchored(settings: Settings, folder: Path) -> Settings:
    """The settings with every relative path counted from `folder`."""
    url = settings.store.url.get_secret_value()
    if url.startswith(_SQLITE):
        url = f"{_SQLITE}{folder / url.removeprefix(_SQLITE)}"
    routes = tuple(route.model_copy(update={"mapping": folder / route.mapping}) for route in settings.routes)
    store = settings.store.model_copy(update={"url": SecretStr(url)})
    return settings.model_copy(update={"store": store, "routes": routes})
