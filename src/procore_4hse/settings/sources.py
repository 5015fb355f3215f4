"""Where settings may come from: the environment and the folder of secret files."""

import difflib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from procore_4hse.errors import Problem
from procore_4hse.settings.model import KeyPath, keys

PREFIX = "SYNC_"
CONFIG_VARIABLE = "SYNC_CONFIG"
SECRETS_VARIABLE = "SYNC_SECRETS_DIR"
LOG_PREFIX = "SYNC_LOG_"


def variable(path: KeyPath) -> str:
    return PREFIX + "__".join(str(part) for part in path).upper()


_VARIABLES = {variable(path): path for path in keys()}


@dataclass(frozen=True)
class Source:
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


def from_environment(environ: Mapping[str, str]) -> Source:
    found = {path: environ[name] for name, path in _VARIABLES.items() if name in environ}
    return Source("the environment", _tree(found), {path: variable(path) for path in found})


def unknown_variables(environ: Mapping[str, str]) -> Iterator[Problem]:
    known = {*_VARIABLES, CONFIG_VARIABLE, SECRETS_VARIABLE}
    for name in sorted(environ):
        if name.startswith(PREFIX) and name not in known and not name.startswith(LOG_PREFIX):
            yield Problem(name, "no setting has this name", did_you_mean(name, sorted(known), "Unset it"))


def did_you_mean(name: str, known: Sequence[str], otherwise: str) -> str:
    by_lower = {word.lower(): word for word in known}
    near = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.7)
    return f"Did you mean {by_lower[near[0]]}?" if near else otherwise


def from_secret_files(folder: str | None) -> tuple[Source, list[Problem]]:
    source = Source(folder or "", {})
    if not folder:
        return source, []
    if not Path(folder).is_dir():
        remedy = f"Mount the secrets there, or unset {SECRETS_VARIABLE}"
        return source, [Problem(SECRETS_VARIABLE, f"there is no folder {folder}", remedy)]
    found: dict[tuple[str, ...], str] = {}
    problems = []
    for path in keys():
        file = Path(folder) / "__".join(path)
        try:
            if file.is_file():
                found[path] = file.read_bytes().decode().removesuffix("\n")
        except (OSError, UnicodeDecodeError) as error:
            problems.append(unreadable(file, error))
    places: dict[KeyPath, str] = {path: str(Path(folder) / "__".join(path)) for path in found}
    return Source(folder, _tree(found), places), problems


def unreadable(file: Path, error: OSError | UnicodeDecodeError) -> Problem:
    if isinstance(error, UnicodeDecodeError):
        return Problem(str(file), "is not UTF-8 text", "Save it as UTF-8")
    return Problem(str(file), f"cannot be read ({error.strerror})", "Make it a file that this user may read")
