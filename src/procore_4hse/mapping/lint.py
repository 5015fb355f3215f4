"""What is no mistake in a mapping folder, and yet worth a look."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from procore_4hse.errors import Problem
from procore_4hse.mapping.classes import CLASSES, FieldClass, own_class
from procore_4hse.mapping.findings import list_adapter
from procore_4hse.mapping.folder import Folder, Row, read_folder
from procore_4hse.mapping.lenses.category import Meaning
from procore_4hse.mapping.schema import WORD_LIST_TEXT, FourhseCategory


def lint(path: Path) -> tuple[Problem, ...]:
    """Every remark on a folder that loads, by file and line."""
    folder = read_folder(path)
    rows = [row for file in folder.files for row in file.rows]
    return (*(_unclassed(row) for row in rows if _is_about_health(row)), *_undocumented(folder), *_unused(folder))


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


def _undocumented(folder: Folder) -> Iterator[Problem]:
    """Categories of a customer's own that would be written: whether 4HSE takes them is told nowhere."""
    for words in (words for words in folder.lists if list_adapter(words) is WORD_LIST_TEXT):
        written: set[str] = set()
        for index, entry in enumerate(words.document.data):
            word, meaning = entry["4hse"], entry["procore"]
            if word not in tuple(FourhseCategory) and meaning not in {*written, Meaning.NOT_SHARED}:
                what = f"`{word}` is written for `{meaning}`, and 4HSE documents no such category"
                yield Problem(words.document.place(index, "4hse"), what, "See that 4HSE takes it, on one incident")
            written.add(meaning)


def _unused(folder: Folder) -> Iterator[Problem]:
    for path in folder.unread_lists:
        what = "no row names this list, and it was not read"
        yield Problem(str(path), what, f"Name it in a row, `words: {path.stem}`, or take the file away")
