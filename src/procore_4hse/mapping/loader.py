"""A mapping folder becomes a checked Mapping, or every problem at once, each with its file and line."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from collections.abc import Mapping as Dict
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from procore_4hse.errors import MappingError, Problem
from procore_4hse.mapping import schema
from procore_4hse.mapping.document import Document, read_document
from procore_4hse.mapping.lenses import Lens, TextLens, TitleLens
from procore_4hse.mapping.rules import Direction, Field, Mapping, OnConflict, Wording
from procore_4hse.mapping.schema import USING, MappingText, Meaning, RowText, Using, WordText

INCIDENT_FILE = "incident.yaml"
OVERFLOW = "description_event"
"""The 4HSE text that a title cut there leads."""

_COLUMNS = {"procore": "Procore", "4hse": "4HSE"}
_EXAMPLES = {
    "version": "version: 1",
    "owner": "owner: safety manager",
    "fields": "fields:",
    "field": "field: Title",
    "procore": "procore: title",
    "4hse": "4hse: name",
    "direction": "direction: both",
    "using": "using: text",
}
_FORMS = {
    "string_type": "one text",
    "list_type": "a list: lines that begin with `- `",
    "model_type": "keys with values",
}


def load(folder: Path) -> Mapping:
    """The compiled mapping of a folder. Raises MappingError that holds every problem of all its files."""
    incident = _incident_document(folder)
    rows = _rows(incident)
    problems = [*_shape_problems(incident, schema.MAPPING_TEXT), *_version_problems(incident), *_row_problems(rows)]
    lists: dict[str, Document] = {}
    for name, row in _word_lists(rows).items():
        try:
            lists[name] = _word_document(folder, name, row)
        except MappingError as error:
            problems += error.problems
        else:
            problems += [*_shape_problems(lists[name], schema.WORD_LIST_TEXT), *_word_problems(lists[name])]
    if problems:
        raise MappingError(tuple(sorted(problems, key=_by_place)))
    words = {name: schema.WORD_LIST_TEXT.validate_python(document.data) for name, document in lists.items()}
    return _compiled(folder.name, schema.MAPPING_TEXT.validate_python(incident.data), words)


# Reading ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Row:
    """One row as it is written, whatever its form: `texts` holds the values that are texts and not empty."""

    document: Document
    index: int
    texts: Dict[str, str]

    @property
    def using(self) -> Using | None:
        return USING.get(self.texts.get("using", ""))

    def problem(self, key: str, what: str, remedy: str) -> Problem:
        return Problem(self.document.place("fields", self.index, key), what, remedy)


def _incident_document(folder: Path) -> Document:
    path = folder / INCIDENT_FILE
    if path.is_file():
        return read_document(path)
    if not folder.is_dir():
        names = [entry.name for entry in folder.parent.glob("*") if entry.is_dir()]
        remedy = f"{_near(folder.name, names)} `procore-4hse init` writes a folder to begin with"
        raise MappingError((Problem(str(folder), "there is no such mapping folder", remedy.strip()),))
    remedy = f"{_near(INCIDENT_FILE, _yaml_files(folder))} Every mapping folder needs a file {INCIDENT_FILE}"
    raise MappingError((Problem(f"{path}:1", "the file is missing", remedy.strip()),))


def _word_document(folder: Path, name: str, row: _Row) -> Document:
    path = folder / "words" / f"{name}.yaml"
    if path.is_file():
        return read_document(path)
    remedy = f"{_near(path.name, _yaml_files(path.parent))} Write the list words/{name}.yaml, or correct the name"
    raise MappingError((row.problem("words", f"there is no word list words/{name}.yaml", remedy.strip()),))


def _yaml_files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*.y*ml"))


def _rows(incident: Document) -> tuple[_Row, ...]:
    listed = incident.data.get("fields") if isinstance(incident.data, dict) else None
    entries = enumerate(listed if isinstance(listed, list) else [])
    return tuple(_Row(incident, index, _texts(entry)) for index, entry in entries if isinstance(entry, dict))


def _texts(entry: Any) -> dict[str, str]:
    values = entry.items() if isinstance(entry, dict) else ()
    return {key: value for key, value in values if isinstance(value, str) and value}


def _word_lists(rows: Iterable[_Row]) -> dict[str, _Row]:
    """The word lists that rows name, each with the first row that does."""
    named: dict[str, _Row] = {}
    for row in rows:
        name = row.texts.get("words", "")
        if row.using and row.using.takes_words and re.fullmatch(schema.LIST_NAME, name):
            named.setdefault(name, row)
    return named


def _by_place(problem: Problem) -> tuple[str, int]:
    file, _, line = problem.place.rpartition(":")
    return file, int(line)


def _near(word: str, choices: Iterable[str]) -> str:
    """A hint at the nearest choice, empty when none is near."""
    folded = {choice.casefold(): choice for choice in choices}
    found = get_close_matches(word.casefold(), folded, n=1)
    return f"Did you mean `{folded[found[0]]}`?" if found else ""


def _choose(word: str, choices: Iterable[str]) -> str:
    known = sorted(choices)
    return _near(word, known) or "Choose one of " + ", ".join(f"`{choice}`" for choice in known)


# Shape -----------------------------------------------------------------------------------------------------------


def _shape_problems(document: Document, adapter: TypeAdapter[Any]) -> Iterator[Problem]:
    try:
        adapter.validate_python(document.data)
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            what, remedy = _told(detail["type"], detail["loc"], detail["input"], detail.get("ctx", {}))
            yield Problem(document.place(*detail["loc"]), what, remedy)


def _told(kind: str, at: tuple[int | str, ...], written: Any, facts: dict[str, Any]) -> tuple[str, str]:
    """What a finding of the schema means, and its remedy."""
    key = next((step for step in reversed(at) if isinstance(step, str)), "")
    if kind == "missing":
        return f"`{key}` is missing", f"Add a line such as `{_example(at)}`"
    if kind == "extra_forbidden":
        return f"`{key}` is no key that a mapping knows", _choose(key, _keys(at))
    if kind in ("string_too_short", "too_short") or written == "":
        return f"`{key}` has no value", "Give it one, or remove the line"
    if kind in ("enum", "literal_error"):
        return f"`{written}` is no word for `{key}`", _choose(written, re.findall("'([^']*)'", facts["expected"]))
    if kind == "string_pattern_mismatch":
        return f"`{written}` is no name of a word list", "Use small letters, digits and `_`, as in `category`"
    part = "the file" if not at else f"`{key}`" if isinstance(at[-1], str) else "this entry"
    return f"{part} has the wrong form", f"It is {_FORMS.get(kind, 'written as docs/mapping.md shows')}"


def _example(at: tuple[int | str, ...]) -> str:
    in_words = {"procore": "procore: injury", "4hse": "4hse: ACCIDENTS"} if isinstance(at[0], int) else {}
    return {**_EXAMPLES, **in_words}[str(at[-1])]


def _keys(at: tuple[int | str, ...]) -> list[str]:
    model: type[BaseModel] = MappingText if len(at) == 1 else RowText if at[0] == "fields" else WordText
    return [info.alias or name for name, info in model.model_fields.items()]


def _version_problems(incident: Document) -> Iterator[Problem]:
    version = _texts(incident.data).get("version", schema.VERSION)
    if version == schema.VERSION:
        return
    remedy = f"Write `version: {schema.VERSION}`"
    if version.isdecimal() and int(version) > int(schema.VERSION):
        remedy = f"Upgrade procore-4hse-sync, or write the folder in version {schema.VERSION} as docs/mapping.md shows"
    yield Problem(incident.place("version"), f"version `{version}` is none that this release reads", remedy)


# Sense -----------------------------------------------------------------------------------------------------------


def _row_problems(rows: tuple[_Row, ...]) -> Iterator[Problem]:
    for row in rows:
        for column in _COLUMNS:
            if column in row.texts:
                yield from _column_problems(row, column, row.texts[column])
        yield from _rule_problems(row)
        yield from _words_key_problems(row)
    for key, what in {"field": "the field", "procore": "Procore's", "4hse": "4HSE's"}.items():
        yield from _twice_problems(rows, key, what)
    if rows:
        yield from _required_problems(rows)


def _column_problems(row: _Row, column: str, name: str) -> Iterator[Problem]:
    vendor = _COLUMNS[column]
    if name in schema.NEVER_WRITTEN[column]:
        remedy = "Remove the row: writing it would send mail to people, or its form is not documented"
        yield row.problem(column, f"{vendor}'s `{name}` is never written", remedy)
    elif name not in schema.KNOWN_FIELDS[column]:
        yield row.problem(column, f"{vendor} has no incident field `{name}`", _choose(name, _served(column)))
    elif row.using and name not in row.using.serves(column):
        yield row.problem(
            column, f"`using: {row.using.word}` cannot serve {vendor}'s `{name}`", _better(row.using, column, name)
        )
    elif name in schema.READ_ONLY[column] and row.texts.get("direction") != _away_from(column):
        yield row.problem("direction", f"{vendor} sets `{name}` itself", f"Write `direction: {_away_from(column)}`")


def _served(column: str) -> set[str]:
    return {name for using in USING.values() for name in using.serves(column)}


def _better(using: Using, column: str, name: str) -> str:
    for other in USING.values():
        if name in other.serves(column):
            return f"Write `using: {other.word}`, or another field; this one serves {_listed(using.serves(column))}"
    return f"It serves {_listed(using.serves(column))}"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(names))


def _away_from(column: str) -> Direction:
    return Direction.TO_FOURHSE if column == "procore" else Direction.TO_PROCORE


def _rule_problems(row: _Row) -> Iterator[Problem]:
    """A side can win only when its value may travel to the other one."""
    rule, direction = row.texts.get("if both changed"), row.texts.get("direction")
    barred = {Direction.TO_FOURHSE: OnConflict.FOURHSE, Direction.TO_PROCORE: OnConflict.PROCORE}
    if rule and direction in barred and rule == barred[Direction(direction)]:
        what = f"`{rule}` stands against `direction: {direction}`"
        yield row.problem("if both changed", what, "Write `ask a person`, or `direction: both`")
    elif row.using and row.using.never_writes == "procore" and rule == OnConflict.FOURHSE:
        what = f"`{rule}` cannot be: `using: {row.using.word}` never writes to Procore"
        yield row.problem("if both changed", what, "Write `ask a person` or `procore wins`")


def _words_key_problems(row: _Row) -> Iterator[Problem]:
    if row.using is None:
        return
    if row.using.takes_words and "words" not in row.texts:
        yield row.problem("words", f"`using: {row.using.word}` needs a word list", "Add the line `words: category`")
    if not row.using.takes_words and "words" in row.texts:
        yield row.problem("words", f"`using: {row.using.word}` takes no word list", "Remove the line")


def _twice_problems(rows: Iterable[_Row], key: str, what: str) -> Iterator[Problem]:
    first: dict[str, _Row] = {}
    for row in rows:
        name = row.texts.get(key)
        if name is None:
            continue
        earlier = first.setdefault(name.casefold(), row)
        if earlier is not row:
            place = earlier.document.place("fields", earlier.index, key)
            yield row.problem(key, f"{what} `{name}` has a row already, {place}", "Keep one row of the two")


def _required_problems(rows: tuple[_Row, ...]) -> Iterator[Problem]:
    """A row that is meant for a required field counts, even when something else is wrong with it."""
    for using in (using for using in USING.values() if using.is_required):
        (procore,), (fourhse,) = using.procore, using.fourhse
        meant = {("using", using.word), ("procore", procore), ("4hse", fourhse)}
        if not any(meant & set(row.texts.items()) for row in rows):
            remedy = f"Add a row with `procore: {procore}`, `4hse: {fourhse}` and `using: {using.word}`"
            yield Problem(rows[0].document.place("fields"), f"no row carries the {using.key}", remedy)


def _word_problems(document: Document) -> Iterator[Problem]:
    entries = [_texts(entry) for entry in document.data] if isinstance(document.data, list) else []
    first: dict[str, int] = {}
    for index, word in enumerate(entry.get("4hse") for entry in entries):
        if word is not None and first.setdefault(word, index) != index:
            what = f"`{word}` is listed already, {document.place(first[word], '4hse')}"
            yield Problem(document.place(index, "4hse"), what, "Keep one line of the two")
    meanings = {entry.get("procore", "") for entry in entries}
    if meanings and meanings <= set(Meaning):
        for needed in sorted({Meaning.INJURY, Meaning.NO_INJURY} - meanings):
            what = f"no word means `{needed}`"
            yield Problem(document.place(), what, f"Give one word of 4HSE the line `procore: {needed}`")


# Compiling -------------------------------------------------------------------------------------------------------


def _compiled(name: str, written: MappingText, lists: dict[str, list[WordText]]) -> Mapping:
    words = {key: {entry.fourhse.value: entry.procore.value for entry in entries} for key, entries in lists.items()}
    lenses = [USING[row.using].build(row, words.get(row.words or "", {})) for row in written.fields]
    rows = zip(written.fields, _composed(lenses), strict=True)
    fields = tuple(_field(row, lens, written.owner) for row, lens in rows)
    return Mapping(name, fields, _digest(written, words), written.owner)


def _composed(lenses: list[Lens]) -> list[Lens]:
    """A title that 4HSE cuts and the text that it then leads know of each other."""
    title = next(lens for lens in lenses if isinstance(lens, TitleLens))
    if not any(isinstance(lens, TextLens) and lens.fourhse == OVERFLOW for lens in lenses):
        return lenses
    return [_paired(lens, title) for lens in lenses]


def _paired(lens: Lens, title: TitleLens) -> Lens:
    if lens is title:
        return replace(title, overflow=OVERFLOW)
    if isinstance(lens, TextLens) and lens.fourhse == OVERFLOW:
        return replace(lens, title=title.fourhse)
    return lens


def _field(row: RowText, lens: Lens, owner: str) -> Field:
    wording = Wording(row.procore, row.fourhse, row.using, row.owner or owner, row.reason or "")
    key = USING[row.using].key or row.procore
    return Field(key, row.field, lens, row.direction, row.if_both_changed, wording)


def _digest(written: MappingText, words: dict[str, dict[str, str]]) -> str:
    content = {"incident": written.model_dump(mode="json"), "words": {k: [*v.items()] for k, v in words.items()}}
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()
