"""A mapping folder as it is written: its files with their lines, whatever their form."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from procore_4hse.errors import MappingError, Problem
from procore_4hse.mapping import schema
from procore_4hse.mapping.document import Document, read_document
from procore_4hse.mapping.schema import EQUIPMENT_FORM, INCIDENT_FORM, PEOPLE_FORM, Form, Using

READY = Path(__file__).parents[1] / "templates" / "mappings" / "ready"
"""The word lists that a row may name as they come with the program; a folder's own file of that name goes before."""


@dataclass(frozen=True)
class Row:
    """One row as it is written, whatever its form: `texts` holds the values that are texts and not empty."""

    form: Form
    document: Document
    index: int
    texts: Mapping[str, str]

    @property
    def using(self) -> Using | None:
        return self.form.using.get(self.texts.get("using", ""))

    def problem(self, key: str, what: str, remedy: str) -> Problem:
        return Problem(self.document.place("fields", self.index, key), what, remedy)


@dataclass(frozen=True)
class RowFile:
    """A file of rows."""

    form: Form
    document: Document

    @property
    def rows(self) -> tuple[Row, ...]:
        data = self.document.data
        listed = data.get("fields") if isinstance(data, dict) else None
        entries = enumerate(listed if isinstance(listed, list) else [])
        dicts = ((index, entry) for index, entry in entries if isinstance(entry, dict))
        return tuple(Row(self.form, self.document, index, texts_of(entry)) for index, entry in dicts)


@dataclass(frozen=True)
class WordFile:
    """A word list and the first row that names it."""

    name: str
    row: Row
    document: Document


@dataclass(frozen=True)
class Folder:
    """All files of a mapping. `problems` are files that are missing or cannot be read."""

    path: Path
    incident: RowFile
    people: RowFile | None
    equipment: RowFile | None
    lists: tuple[WordFile, ...]
    problems: tuple[Problem, ...]

    @property
    def files(self) -> tuple[RowFile, ...]:
        return tuple(file for file in (self.incident, self.people, self.equipment) if file is not None)

    @property
    def unread_lists(self) -> tuple[Path, ...]:
        """The files in `words` that no row names."""
        named = {f"{row.texts['words']}.yaml" for file in self.files for row in file.rows if "words" in row.texts}
        return tuple(path for path in sorted((self.path / "words").glob("*.y*ml")) if path.name not in named)


def read_folder(path: Path) -> Folder:
    """The files of a folder. Raises MappingError when there is no incident.yaml that can be read."""
    incident = RowFile(INCIDENT_FORM, _incident_document(path))
    problems: list[Problem] = []
    people = _people_file(path, incident, problems)
    named = _named_lists([row for file in (incident, people) if file for row in file.rows])
    lists = []
    for name, row in named.items():
        try:
            lists.append(WordFile(name, row, _word_document(path, name, row)))
        except MappingError as error:
            problems += error.problems
    return Folder(path, incident, people, _equipment_file(path, incident, problems), tuple(lists), tuple(problems))


def version_of(incident: RowFile) -> str:
    return texts_of(incident.document.data).get("version", "")


def texts_of(entry: Any) -> dict[str, str]:
    values = entry.items() if isinstance(entry, dict) else ()
    return {key: value for key, value in values if isinstance(value, str) and value}


def near(word: str, choices: Iterable[str]) -> str:
    """A hint at the nearest choice, empty when none is near."""
    # Folded, for a slip of case alone would otherwise look like another word.
    folded = {choice.casefold(): choice for choice in choices}
    closest = get_close_matches(word.casefold(), folded, n=1)
    return f"Did you mean `{folded[closest[0]]}`?" if closest else ""


def _incident_document(folder: Path) -> Document:
    path = folder / INCIDENT_FORM.file
    if path.is_file():
        return read_document(path)
    if not folder.is_dir():
        names = [entry.name for entry in folder.parent.glob("*") if entry.is_dir()]
        remedy = f"{near(folder.name, names)} `procore-4hse init` writes a folder to begin with"
        raise MappingError((Problem(str(folder.absolute()), "there is no such mapping folder", remedy.strip()),))
    remedy = f"{near(path.name, _yaml_files(folder))} Every mapping folder needs a file {path.name}"
    raise MappingError((Problem(f"{path}:1", "the file is missing", remedy.strip()),))


def _people_file(folder: Path, incident: RowFile, problems: list[Problem]) -> RowFile | None:
    """people.yaml, which version 1 did not have."""
    path, place = folder / PEOPLE_FORM.file, incident.document.place("version")
    version = version_of(incident)
    if version != schema.VERSION:
        if version == "1" and path.is_file():
            problems.append(Problem(place, f"version 1 reads no {path.name}", f"Write `version: {schema.VERSION}`"))
        return None
    if not path.is_file():
        remedy = f"{near(path.name, _yaml_files(folder))} `procore-4hse init` writes one into an empty folder; copy it"
        problems.append(Problem(f"{path}:1", "the file is missing", remedy.strip()))
        return None
    try:
        return RowFile(PEOPLE_FORM, read_document(path))
    except MappingError as error:
        problems += error.problems
        return None


def _equipment_file(folder: Path, incident: RowFile, problems: list[Problem]) -> RowFile | None:
    """equipment.yaml, which a folder may do without: then equipment stays where it is."""
    path = folder / EQUIPMENT_FORM.file
    if version_of(incident) != schema.VERSION or not path.is_file():
        return None
    try:
        return RowFile(EQUIPMENT_FORM, read_document(path))
    except MappingError as error:
        problems += error.problems
        return None


def _word_document(folder: Path, name: str, row: Row) -> Document:
    path = folder / "words" / f"{name}.yaml"
    for candidate in (path, READY / path.name):
        if candidate.is_file():
            return read_document(candidate)
    remedy = f"{near(path.name, _yaml_files(path.parent))} Write the list words/{name}.yaml, or correct the name"
    raise MappingError((row.problem("words", f"there is no word list words/{name}.yaml", remedy.strip()),))


def _yaml_files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*.y*ml"))


def _named_lists(rows: Iterable[Row]) -> dict[str, Row]:
    """The word lists that rows name, each with the first row that does."""
    named: dict[str, Row] = {}
    for row in rows:
        name = row.texts.get("words", "")
        if row.using and (row.using.takes_words or row.using.may_take_words) and re.fullmatch(schema.LIST_NAME, name):
            named.setdefault(name, row)
    return named
