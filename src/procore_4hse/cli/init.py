"""`init`: a configuration to fill in and a mapping to begin with."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import typer

from procore_4hse.cli.context import CliContext, cli_context, teach
from procore_4hse.errors import UsageError
from procore_4hse.settings.toml_file import DEFAULT_FILE

TEMPLATES = Path(__file__).parents[1] / "templates"
DEFAULT_MAPPING = TEMPLATES / "mappings" / "default"
OWNER_ONLY = 0o600
READABLE = 0o644

HELP = """Writes a commented configuration and a copy of the default mapping, to begin with.

The configuration is `config/sync.toml`, or the file that `--config` names before the command; the mapping goes to
`mappings/default` beside it. Nothing is ever overwritten: when one of the files is there already, none is written.

Fill in what is empty, then run `procore-4hse check`.

[bold]Example[/bold]  procore-4hse init

[bold]Exit codes[/bold]  0 written · 2 a file is there already, or the folder cannot be written
"""


def api(app: typer.Typer) -> None:
    app.command("init", help=teach(HELP))(init)


def init(ctx: typer.Context) -> None:
    context = cli_context(ctx)
    file = context.config or DEFAULT_FILE
    begin(context, file, (TEMPLATES / "sync.toml").read_bytes())
    context.out.print(f"Fill in what is empty in {file}, then run: procore-4hse check", soft_wrap=True)


def begin(context: CliContext, file: Path, settings: bytes) -> None:
    """Writes these settings and, beside them, a copy of the default mapping."""
    must_be_new(file)
    for path, content in ((file, settings), *_copies(file)):
        _write(path, content, OWNER_ONLY if path == file else READABLE)
        context.out.print(f"wrote {path}", soft_wrap=True)


def must_be_new(file: Path) -> None:
    """Raises UsageError when one of the files that would be written is there."""
    if there := [path for path in (file, *(path for path, _ in _copies(file))) if path.exists()]:
        listed = ", ".join(map(str, there))
        raise UsageError(f"Nothing was written, because this is there already: {listed}. Move it away first.")


def _copies(file: Path) -> Iterator[tuple[Path, bytes]]:
    """Each file of the mapping with what it is to hold."""
    for source in sorted(DEFAULT_MAPPING.rglob("*.yaml")):
        yield file.parent / "mappings" / "default" / source.relative_to(DEFAULT_MAPPING), source.read_bytes()


def _write(path: Path, content: bytes, mode: int) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode), "wb") as file:
            file.write(content)
    except OSError as error:
        raise UsageError(f"{path} cannot be written ({error.strerror}); choose a folder that you may write.") from error
