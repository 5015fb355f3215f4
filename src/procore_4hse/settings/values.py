"""What a value of the settings must be, and what to write instead of one that is refused."""

import difflib
import ipaddress
import json
import re
from datetime import date, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated
from urllib.parse import SplitResult, urlsplit
from uuid import UUID

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic_core import PydanticCustomError


def refusal(what: str, remedy: str) -> PydanticCustomError:
    return PydanticCustomError("refused", "{what}", {"what": what, "remedy": remedy})


_DURATION = re.compile(r"(\d{1,6})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def duration(text: object) -> timedelta:
    """The time that "30s", "5m", "24h" or "7d" means; ValueError for anything else, and for zero."""
    match = _DURATION.fullmatch(text) if isinstance(text, str) else None
    length = timedelta(**{_UNITS[match[2]]: int(match[1])}) if match else timedelta(0)
    if not length:
        raise ValueError("a duration is a number above zero and its unit, such as 30s, 5m, 24h or 7d")
    return length


_AGE = re.compile(r"(\d{1,4})([dwy])")
_DAYS = {"d": 1, "w": 7, "y": 365}


def age(text: object) -> timedelta:
    """The time that "90d", "26w" or "2y" means; ValueError for anything else, and for less than two days."""
    match = _AGE.fullmatch(text) if isinstance(text, str) else None
    length = timedelta(days=int(match[1]) * _DAYS[match[2]]) if match else timedelta(0)
    if length < timedelta(days=2):
        raise ValueError("an age is two days or more, such as 90d, 26w or 2y")
    return length


def _day(value: object) -> date:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value):
        return date.fromisoformat(value)
    raise ValueError("no day")


def not_a_flag(value: object) -> object:
    """Python takes true for 1; a number that is meant is written as one."""
    if isinstance(value, bool):
        raise ValueError("no number")
    return value


def _filled_in(text: str) -> str:
    if text.strip() in ("", "..."):
        raise refusal("is not filled in", "Put the real value there")
    return text


def _filled_in_secret(secret: SecretStr) -> SecretStr:
    _filled_in(secret.get_secret_value())
    return secret


def _parts(url: str) -> SplitResult:
    """The parts of a URL, its port checked; ValueError when it is none."""
    parts = urlsplit(url)
    _ = parts.port
    return parts


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def place_of(text: str) -> tuple[str, int]:
    """Host and port of `127.0.0.1:8485` or `[::1]:8485`; ValueError for anything else."""
    parts = urlsplit(f"//{text}")
    if parts.port is None or not parts.hostname or parts.netloc != text or "@" in text:
        raise ValueError("no host and port")
    return parts.hostname, parts.port


def _place(text: str) -> str:
    place_of(text)
    return text


def _listen(text: str) -> str:
    """Host and port, or nothing."""
    return _place(text) if text else text


def _web_url(url: str) -> str:
    parts = _parts(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("no web address")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise refusal("would send credentials unprotected over plain http", "Write https://")
    if parts.username is not None or parts.query or parts.fragment:
        raise refusal("holds more than an address", "Take out user, password, ? and #")
    return url.rstrip("/")


def _ping_url(secret: SecretStr) -> SecretStr:
    url = secret.get_secret_value()
    return SecretStr(_web_url(url)) if url else secret


def _origin(url: str) -> str:
    """A web address without a path, or nothing."""
    if url and urlsplit(_web_url(url)).path.strip("/"):
        raise refusal("holds a path", "Write scheme and host alone, such as https://desk.example.com")
    return url.rstrip("/")


PLACES = ("id", "project", "office")
"""What a link to a record may leave open."""


def _link(pattern: str) -> str:
    """A web address in which the braces stand for what differs from record to record, or nothing."""
    filled = pattern
    for place in PLACES:
        filled = filled.replace(f"{{{place}}}", "0")
    if odd := re.search(r"\{[^{}]*\}|[{}]", filled):
        raise refusal(f"holds {odd[0]}, which no record fills in", "Use {id}, {project} and {office} alone")
    parts = _parts(filled)
    if filled and (parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None):
        raise refusal("is no web address", "Write one that begins with https://, without a user")
    return pattern


def _listed(value: object) -> object:
    """A list; from the environment it comes as JSON."""
    return json.loads(value) if isinstance(value, str) else value


def _network(text: str) -> str:
    """An address or a network in CIDR form, in its usual spelling."""
    return str(ipaddress.ip_network(text))


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


def anchored(url: str, folder: Path) -> str:
    """The store's URL; a relative SQLite path in it is counted from `folder`."""
    return f"{_SQLITE}{folder / url.removeprefix(_SQLITE)}" if url.startswith(_SQLITE) else url


def word_of(words: type[StrEnum]) -> BeforeValidator:
    """Takes these words alone, and names the one that was probably meant."""
    known = " | ".join(words)

    def check(value: object) -> object:
        if value in list(words):
            return value
        near = difflib.get_close_matches(str(value).lower(), list(words), n=1)
        raise refusal(f"is not one of {known}", f"Write {near[0]}" if near else "Write one of these words")

    return BeforeValidator(check)


Filled = Annotated[str, AfterValidator(_filled_in), Field(description="text in quotes")]
Secret = Annotated[SecretStr, AfterValidator(_filled_in_secret), Field(description="text in quotes")]
Id = Annotated[int, BeforeValidator(not_a_flag), Field(gt=0, description="a whole number above 0")]
Count = Annotated[int, BeforeValidator(not_a_flag), Field(ge=0, description="a whole number, 0 or more")]
Percent = Annotated[int, BeforeValidator(not_a_flag), Field(ge=0, le=100, description="a whole number from 0 to 100")]
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
Origin = Annotated[
    str, AfterValidator(_origin), Field(description="scheme and host in quotes, such as https://desk.example.com")
]
WebUrl = Annotated[
    str, AfterValidator(lambda url: _web_url(url) if url else url), Field(description="a web address in quotes")
]
Place = Annotated[str, AfterValidator(_place), Field(description='host and port in quotes, such as "127.0.0.1:8485"')]
LinkPattern = Annotated[
    str, AfterValidator(_link), Field(description="a web address in quotes, with {id}, {project}, {office} in it")
]
Listen = Annotated[str, AfterValidator(_listen), Field(description="host and port in quotes, such as 127.0.0.1:9464")]
Text = Annotated[str, Field(description="text in quotes")]
Texts = Annotated[tuple[Filled, ...], BeforeValidator(_listed), Field(description='a list such as ["one", "two"]')]
Networks = Annotated[
    tuple[Annotated[str, AfterValidator(_network)], ...],
    BeforeValidator(_listed),
    Field(description='a list of addresses or networks, such as ["10.0.0.5", "10.1.0.0/24"]'),
]
PingUrl = Annotated[
    SecretStr, AfterValidator(_ping_url), Field(description="a web address in quotes that begins with https://")
]
Secrets = Annotated[tuple[Secret, ...], BeforeValidator(_listed), Field(description='a list such as ["one", "two"]')]
Port = Annotated[int, BeforeValidator(not_a_flag), Field(ge=0, le=65535, description="a port, 0 for a free one")]
StoreUrl = Annotated[
    SecretStr,
    AfterValidator(_store_url),
    Field(description="sqlite:///PATH or postgresql+psycopg://user:password@host/database"),
]
Uuid = Annotated[UUID, Field(description="a UUID such as 0d0c2d0e-6b2f-4a51-9f3f-0c8a3f2f2c11")]
Flag = Annotated[bool, Field(description="true or false")]
Folder = Annotated[Path, Field(description="the path of a folder, in quotes")]
