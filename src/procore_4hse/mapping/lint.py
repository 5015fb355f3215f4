"""What is no mistake in a mapping folder, and yet worth a look."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from procore_4hse.errors import Problem
from procore_4hse.mapping.classes import CLASSES, FieldClass, own_class
from procore_4hse.mapping.folder import Folder, Row, read_folder


def lint(path: Path) -> tuple[Problem, ...]:
    """Every remark on a folder that loads, by file and line."""
    folder = read_folder(path)
    rows = [row for file in folder.files for row in file.rows]
    return (*(_unclassed(row) for row in rows if _is_about_health(row)), *_unused(folder))


def _is_about_health(row: Row) -> bool:
    """Whether it stands in a text about somebody's health, is plain by itself, and says nothing about its class."""
    procore, fourhse = (row.texts.get(key, "") for key in ("procore", "4hse"))
    # A value below the lines has the text's own class; only a named line takes Procore's, which may be lower.
    if "line" not in row.texts or "class" in row.texts or row.form.record not in CLASSES:
        return False
    around = CLASSES[row.form.record]["4hse"].get(fourhse, FieldClass.PLAIN)
    own = own_class(row.form.record, procore, fourhse, on_a_line=True)
    return around is FieldClass.HEALTH and own is FieldClass.PLAIN


def _unclassed(row: Row) -> Problem:
    what = f"`{row.texts.get('field')}` is `plain`, and stands in a text about a person's health"
    return row.problem("line", what, "If its words tell of health, add `class: health`; if not, add `class: plain`")


def _unused(folder: Folder) -> Iterator[Problem]:
    for path in folder.unread_lists:
        what = "no row names this list, and it was not read"
        yield Problem(str(path), what, f"Name it in a row, `words: {path.stem}`, or take the file away")
