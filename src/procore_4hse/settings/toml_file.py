"""The settings file: its values, the line of each, and whether everyone may read the secrets in it."""

import re
import shlex
import stat
import tomllib
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic_settings import BaseSettings

from procore_4hse.errors import Problem
from procore_4hse.settings.model import KeyPath
from procore_4hse.settings.sources import CONFIG_VARIABLE, Source, read_text, unreadable

DEFAULT_FILE = Path("config/sync.toml")
_SECRET_KEYS = (
    *(("procore", "client_secret"), ("fourhse", "client_secret"), ("fourhse", "password")),
    *(("alerts", "urls"), ("alerts", "ping_url")),
)


class TomlSource(Source):
    """A TOML file. `was_read` is false when there is none, or none that can be read."""

    is_toml = True

    def __init__(self, settings_cls: type[BaseSettings], file: Path, *, required: bool) -> None:
        super().__init__(settings_cls, str(file))
        self.was_read = False
        try:
            text = read_text(file)
            self.tree = tomllib.loads(text)
        except FileNotFoundError:
            self.problems = (_no_file(file),) if required else ()
        except tomllib.TOMLDecodeError as error:
            self.problems = (_bad_toml(file, str(error)),)
        except UnicodeDecodeError as error:
            line = error.object.count(b"\n", 0, error.start) + 1
            self.problems = (unreadable(f"{file}:{line}", error),)
        except OSError as error:
            self.problems = (unreadable(str(file), error),)
        else:
            self.was_read = True
            self.places = {path: f"{file}:{line}" for path, line in lines_of(text).items()}
            self.problems = tuple(_exposed(file, self.tree))


def _no_file(file: Path) -> Problem:
    remedy = f"Write one with `procore-4hse init`, or name yours with --config or {CONFIG_VARIABLE}"
    return Problem(str(file), "there is no such file", remedy)


def _bad_toml(file: Path, words: str) -> Problem:
    at = re.search(r"\(at line (\d+), column (\d+)\)", words)
    place = f"{file}:{at[1]}" if at else str(file)
    return Problem(place, "is not TOML from here on", "Look for a missing quote, bracket or = on this line")


def _exposed(file: Path, tree: Mapping[str, Any]) -> Iterator[Problem]:
    if file.stat().st_mode & stat.S_IROTH and any(_secrets_in(tree)):
        remedy = f"Run: chmod 600 {shlex.quote(str(file))}"
        yield Problem(str(file), "holds a secret and can be read by everyone on this machine", remedy)


def _secrets_in(tree: Mapping[str, Any]) -> Iterator[bool]:
    for section, key in (*_SECRET_KEYS, ("store", "url")):
        table = tree.get(section)
        value = table.get(key) if isinstance(table, dict) else None
        yield _has_password(value) if key == "url" else value not in (None, "", "...", [])
    routes = tree.get("routes")
    if isinstance(routes, list):
        yield from (bool(each.get("alerts")) for each in routes if isinstance(each, dict))


def _has_password(url: object) -> bool:
    try:
        return isinstance(url, str) and (urlsplit(url).password is not None or "password=" in url)
    except ValueError:
        return True


# The line of each key, which tomllib does not tell ---------------------------------------------------------------

_TOKEN = re.compile(
    r"""
    (?P<text> \"{3}(?:\\.|[^\\])*?\"{3}\"{0,2} | '{3}.*?'{3}'{0,2} | "(?:\\.|[^"\\])*" | '[^']*' )
    | (?P<mark> [\[\]{}=,.\n] )
    | (?P<word> [^\s\[\]{}=,.\#"']+ )
    | \#[^\n]* | \s
    """,
    re.VERBOSE | re.DOTALL,
)
"""Three quotes that close a text may have one or two more before them, which belong to it."""


def lines_of(toml: str) -> dict[KeyPath, int]:
    """The line where each table, key and entry of a list begins, in a text that tomllib has accepted."""
    walk = _Walk(toml)
    walk.document()
    return walk.lines


class _Walk:
    """Goes through a text token by token, the way TOML is nested."""

    def __init__(self, toml: str) -> None:
        self.lines: dict[KeyPath, int] = {}
        self._tokens = deque(_tokens(toml))
        self._last_of_list: dict[KeyPath, int] = {}
        self._line = 1

    def document(self) -> None:
        table: KeyPath = ()
        while self._tokens:
            if self._passed("["):
                table = self._header()
            elif not self._passed("\n"):
                self._assignment(table)

    def _header(self) -> KeyPath:
        is_listed = self._passed("[")
        *outer, name = self._keys(until="]")
        path = (*self._table(outer), name)
        if is_listed:
            self._last_of_list[path] = self._last_of_list.get(path, -1) + 1
        table = self._table((*outer, name))
        self._note(table)
        while self._passed("]"):
            pass
        return table

    def _table(self, keys: Sequence[str]) -> KeyPath:
        """The way to a table; among those of a list the last one is meant."""
        path: KeyPath = ()
        for key in keys:
            path = (*path, key)
            path = (*path, self._last_of_list[path]) if path in self._last_of_list else path
        return path

    def _assignment(self, table: KeyPath) -> None:
        path = (*table, *self._keys(until="="))
        self._note(path)
        self._next()
        self._value(path)

    def _keys(self, until: str) -> list[str]:
        keys = []
        while self._tokens[0][0] != until:
            key = self._next()
            if key != ".":
                keys.append(tomllib.loads(f"key = {key}")["key"] if key[0] in "\"'" else key)
        return keys

    def _value(self, path: KeyPath) -> None:
        if self._passed("{"):
            self._inline_table(path)
        elif self._passed("["):
            self._list(path)
        else:
            while self._tokens and self._tokens[0][0] not in ("\n", ",", "]", "}"):
                self._next()

    def _inline_table(self, path: KeyPath) -> None:
        while not self._passed("}"):
            if not self._passed(",", "\n"):
                self._assignment(path)

    def _list(self, path: KeyPath) -> None:
        index = 0
        while not self._passed("]"):
            if self._passed(","):
                index += 1
            elif not self._passed("\n"):
                self._line = self._tokens[0][1]
                self._note((*path, index))
                self._value((*path, index))

    def _note(self, path: KeyPath) -> None:
        for size in range(1, len(path)):
            self.lines.setdefault(path[:size], self._line)
        self.lines[path] = self._line

    def _passed(self, *marks: str) -> bool:
        """Whether one of these is next; then it is left behind."""
        is_next = bool(self._tokens) and self._tokens[0][0] in marks
        if is_next:
            self._next()
        return is_next

    def _next(self) -> str:
        token, self._line = self._tokens.popleft()
        return token


def _tokens(toml: str) -> Iterator[tuple[str, int]]:
    line = 1
    for match in _TOKEN.finditer(toml):
        if match.lastgroup:
            yield match[0], line
        line += match[0].count("\n")
