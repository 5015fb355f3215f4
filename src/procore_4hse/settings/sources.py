"""Where settings come from: what all sources have in common, the environment, and the folder of secret files."""

import difflib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from procore_4hse.errors import Problem
from procore_4hse.settings.model import KeyPath, keys

PREFIX = "SYNC_"
CONFIG_VARIABLE = "SYNC_CONFIG"
SECRETS_VARIABLE = "SYNC_SECRETS_DIR"
LOG_PREFIX = "SYNC_LOG_"


def variable(path: KeyPath) -> str:
    return PREFIX + "__".join(str(part) for part in path).upper()


_VARIABLES = {variable(path): path for path in keys()}
_SERVICE_LINK = re.compile(
    r"""SYNC_(?:[A-Z0-9]+_)*(?:
        SERVICE_HOST=.*
      | SERVICE_PORT(?:_[A-Z0-9]+)*=\d+
      | PORT(?:_\d+_(?:TCP|UDP|SCTP))?=(?:tcp|udp|sctp)://.*
      | PORT_\d+_(?:TCP|UDP|SCTP)_(?:PROTO|PORT|ADDR)=.*
    )""",
    re.VERBOSE,
)
"""What Kubernetes puts into every container of a namespace for a service called sync, or sync-something."""


class Source(PydanticBaseSettingsSource):
    """Settings from one place as a tree, read when it is made.

    `places` names the variable, the file or the line of a key; `problems` are those of the source itself.
    """

    is_toml = False

    def __init__(self, settings_cls: type[BaseSettings], name: str) -> None:
        super().__init__(settings_cls)
        self.name = name
        self.tree: Mapping[str, Any] = {}
        self.places: Mapping[KeyPath, str] = {}
        self.problems: tuple[Problem, ...] = ()

    def __call__(self) -> dict[str, Any]:
        """Everything that stands in the source, so that the settings can refuse what they do not know."""
        return dict(self.tree)

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        return self.tree.get(field_name), field_name, False

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


class EnvironmentSource(Source):
    """`SYNC_` variables with `__` between levels, lists as JSON; one that no setting has is a problem."""

    def __init__(self, settings_cls: type[BaseSettings], environ: Mapping[str, str]) -> None:
        super().__init__(settings_cls, "the environment")
        texts = {path: environ[name] for name, path in _VARIABLES.items() if name in environ}
        self.tree = _tree(texts)
        self.places = {path: variable(path) for path in texts}
        self.problems = tuple(_unknown(environ))


def _unknown(environ: Mapping[str, str]) -> Iterator[Problem]:
    known = {*_VARIABLES, CONFIG_VARIABLE, SECRETS_VARIABLE}
    for name in sorted(environ):
        is_ours = name.startswith(PREFIX) and not name.startswith(LOG_PREFIX)
        if is_ours and name not in known and not _SERVICE_LINK.fullmatch(f"{name}={environ[name]}"):
            yield Problem(name, "no setting has this name", did_you_mean(name, sorted(known), "Unset it"))


def did_you_mean(name: str, known: Sequence[str], otherwise: str) -> str:
    by_lower = {word.lower(): word for word in known}
    near = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.7)
    return f"Did you mean {by_lower[near[0]]}?" if near else otherwise


class SecretFilesSource(Source):
    """A folder with one file for each secret, as containers mount them; other files in it are not looked at."""

    def __init__(self, settings_cls: type[BaseSettings], folder: str | None) -> None:
        super().__init__(settings_cls, folder or "")
        if not folder:
            return
        if not Path(folder).is_dir():
            remedy = f"Mount the secrets there, or unset {SECRETS_VARIABLE}"
            self.problems = (Problem(SECRETS_VARIABLE, f"there is no folder {folder}", remedy),)
            return
        self._read({path: Path(folder) / "__".join(path) for path in keys()})

    def _read(self, files: Mapping[tuple[str, ...], Path]) -> None:
        texts, problems = {}, []
        for path, file in files.items():
            try:
                if file.is_file():
                    texts[path] = _without_line_end(read_text(file))
            except (OSError, UnicodeDecodeError) as error:
                problems.append(unreadable(str(file), error))
        self.tree = _tree(texts)
        self.places = {path: str(files[path]) for path in texts}
        self.problems = tuple(problems)


def _without_line_end(text: str) -> str:
    return text.removesuffix("\n").removesuffix("\r") if text.endswith("\n") else text


def _tree(texts: Mapping[tuple[str, ...], str]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for path, text in texts.items():
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


def read_text(file: Path) -> str:
    """What a file says, without the byte order mark that some editors put first.

    Raises OSError, or UnicodeDecodeError for another encoding.
    """
    raw = file.read_bytes()
    if b"\0" in raw:  # UTF-16 without a mark passes for UTF-8 as long as it holds plain English
        raise UnicodeDecodeError("utf-8", raw, at := raw.index(b"\0"), at + 1, "no text holds this byte")
    return raw.decode("utf-8-sig")


def unreadable(place: str, error: OSError | UnicodeDecodeError) -> Problem:
    if isinstance(error, UnicodeDecodeError):
        return Problem(place, "is not UTF-8 text", "Save it as UTF-8")
    return Problem(place, f"cannot be read ({error.strerror})", "Make it a file that this user may read")
