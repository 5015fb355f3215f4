"""The settings file: its values, the line of each, and whether everyone may read the secrets in it."""

import re
import shlex
import stat
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from procore_4hse.errors import Problem
from procore_4hse.settings.model import KeyPath
from procore_4hse.settings.sources import CONFIG_VARIABLE, Source, unreadable

DEFAULT_FILE = Path("config/sync.toml")
_SECRET_KEYS = (("procore", "client_secret"), ("fourhse", "client_secret"), ("fourhse", "password"))


def from_toml(file: Path, *, required: bool) -> tuple[Source | None, list[Problem]]:
    """The file's settings, None when there is nothing to read, and the problems with it."""
    try:
        text = file.read_bytes().decode()
        source = Source(str(file), tomllib.loads(text), _lines(text, file), is_toml=True)
    except FileNotFoundError:
        return None, [_no_file(file)] if required else []
    except tomllib.TOMLDecodeError as error:
        return None, [_bad_toml(file, str(error))]
    except (OSError, UnicodeDecodeError) as error:
        return None, [unreadable(file, error)]
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
