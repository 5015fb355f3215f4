"""Lines added to the word lists of a mapping folder: each file whole or as it was, and no folder that does not load."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryDirectory

from procore_4hse.errors import MappingError, UsageError
from procore_4hse.mapping.completion import Line
from procore_4hse.mapping.folder import READY
from procore_4hse.mapping.loader import load
from procore_4hse.mapping.word_file import appended

PACKAGED = READY.parent
"""The mappings that come with the program."""
READABLE = 0o644


@dataclass(frozen=True)
class EditedFolder:
    """A mapping folder to be completed: it is read from `source`, and written to `target`, which may be the same."""

    source: Path
    target: Path
    before: Mapping[Path, bytes] = field(default_factory=dict)
    """What the source held when it was read, by path in the folder."""

    @classmethod
    def of(cls, folder: Path, target: Path) -> EditedFolder:
        """A target that is a mapping folder already is completed itself; a new one becomes a copy of `folder`."""
        if target.resolve().is_relative_to(PACKAGED.resolve()):
            raise UsageError(
                f"{target} comes with the program, and its next version would undo what is written there; "
                "add --to with a folder of your own, and name that one in the configuration."
            )
        source = target if (target / "incident.yaml").is_file() else folder
        files = sorted(path.relative_to(source) for path in source.rglob("*.yaml"))
        if there := [path for path in files if source != target and (target / path).exists()]:
            raise UsageError(f"{target / there[0]} is there already, in a folder without a mapping; choose another.")
        return cls(source, target, {path: (source / path).read_bytes() for path in files})

    @property
    def is_copied(self) -> bool:
        return self.source != self.target

    def write(self, lines: Mapping[str, Sequence[Line]]) -> None:
        """Adds these lines to the lists of these names; all is tried on a copy first. Raises UsageError."""
        after = dict(self.before) if self.is_copied else {}
        for name in (name for name, some in lines.items() if some):
            path = Path("words", f"{name}.yaml")
            present = (
                self.before.get(path) or (READY / path.name).read_bytes()
            )  # A ready list becomes the folder's own.
            after[path] = appended(present.decode(), lines[name]).encode()
        if not after:
            return
        _must_load({**self.before, **after})
        for path, content in after.items():
            _put(self.target / path, content, None if self.is_copied else self.before.get(path))


def _must_load(files: Mapping[Path, bytes]) -> None:
    with TemporaryDirectory() as trial:
        for path, content in files.items():
            (Path(trial) / path.parent).mkdir(parents=True, exist_ok=True)
            (Path(trial) / path).write_bytes(content)
        try:
            load(Path(trial))
        except MappingError as error:
            first = error.problems[0]
            place = Path(first.place).relative_to(trial) if first.place.startswith(trial) else first.place
            raise UsageError(
                f"Nothing was written, because {place} would not load with lines below it: {first.what}. "
                "Write that list with a line `- 4hse:` and a line `procore:` for each word, and run the command again."
            ) from error


def _put(file: Path, content: bytes, before: bytes | None) -> None:
    """The file with this content, in one step. What somebody else wrote meanwhile is left alone."""
    path = file.resolve()  # The file behind a symbolic link, not the link.
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        mode = path.stat().st_mode & 0o7777 if path.exists() else READABLE
        with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as draft:
            try:
                draft.write(content)
                draft.flush()
                os.fsync(draft.fileno())
                os.chmod(draft.name, mode)
                if (path.read_bytes() if path.exists() else None) != before:
                    raise UsageError(f"{file} was changed by somebody else meanwhile; run the command again.")
                os.replace(draft.name, path)
            finally:
                Path(draft.name).unlink(missing_ok=True)
    except OSError as error:
        sentence = f"{file} cannot be written ({error.strerror}); add --to with a folder that you may write."
        raise UsageError(sentence) from error
