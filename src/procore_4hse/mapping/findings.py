"""What is wrong with a mapping folder: shape by the schema, then sense, every finding with its line and remedy."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from procore_4hse.errors import Problem
from procore_4hse.mapping import schema
from procore_4hse.mapping.classes import FieldClass, own_class
from procore_4hse.mapping.document import Document
from procore_4hse.mapping.folder import Folder, Row, RowFile, WordFile, near, texts_of, version_of
from procore_4hse.mapping.folding import fold, fold_key
from procore_4hse.mapping.lenses.category import BY_KIND, Meaning
from procore_4hse.mapping.lenses.custom import is_written
from procore_4hse.mapping.lenses.words import NOT_SHARED, PLUS
from procore_4hse.mapping.paths import CUSTOM, stem
from procore_4hse.mapping.rules import Direction, OnConflict
from procore_4hse.mapping.schema import Form, FourhseCategory, StatusWordText, Using, WordPairText, WordText
from procore_4hse.mapping.vendor_fields import FIXED_WORDS, NEVER_WRITTEN, PICKERS

_COLUMNS = {"procore": "Procore", "4hse": "4HSE"}
_EXAMPLES = {
    "version": f"version: {schema.VERSION}",
    "owner": "owner: safety manager",
    "fields": "fields:",
    "field": "field: Title",
    "procore": "procore: title",
    "4hse": "4hse: name",
    "direction": "direction: both",
    "using": "using: text",
    "recognised by": "recognised by: [e-mail, exact name]",
}
_PAIR = {"4hse": "4hse: Roof work", "procore": "procore: Roofing"}
BY_ID = "Write the id of the entry, `true` or `false`, or let the row go `procore to 4hse`"
SITE_LINE = "procore line"
_ON_SITE_LINES = {"date_closed": "Closed on", "resources": "Resources", "actions": "Requirements"}
"""What stands on a line where it goes to a description in Procore, each with a name for that line."""
NEARLY = f"Did you mean `{NOT_SHARED}`? An entry of that name is written by its id"
_FORMS = {
    "string_type": "one text",
    "list_type": "a list: lines that begin with `- `",
    "model_type": "keys with values",
}
_STATUS_ID = ("is no id of a custom status", "Write the number of the status in Procore, as in `598134325870440`")
_PATTERNS = {
    "words": ("is no name of a word list", "Use small letters, digits and `_`, as in `category`"),
    "line": ("is no name of a line", "Use a word without `:` and `;`, as in `Affliction`"),
    SITE_LINE: ("is no name of a line", "Use a word without `:` and `;`, as in `Reporter`"),
    "4hse": ("holds `;`, which stands between two words", "Use a comma, or write two words"),
    "procore": ("is no id of a person", "Write the number that Procore's directory shows, as in `8589934612`"),
}


def findings(folder: Folder) -> tuple[Problem, ...]:
    """Every problem of a folder, by file and line."""
    problems = [*folder.problems, *_version_problems(folder.incident)]
    unread = tuple(path.stem for path in folder.unread_lists if path.suffix == ".yaml")
    for file in folder.files:
        problems += [*_shape_problems(file.document, file.form), *_row_problems(file.rows, unread)]
    for words in folder.lists:
        problems += [*_list_shape_problems(words), *_word_problems(words)]
    return tuple(sorted(problems, key=_by_place))


def _by_place(problem: Problem) -> tuple[str, int]:
    file, _, line = problem.place.rpartition(":")
    return file, int(line)


def _choose(word: str, choices: Iterable[str]) -> str:
    candidates = sorted(choices)
    return near(word, candidates) or "Choose one of " + ", ".join(f"`{choice}`" for choice in candidates)


# Shape -----------------------------------------------------------------------------------------------------------


def list_adapter(words: WordFile) -> TypeAdapter[Any]:
    """The form of a word list: category and status have words of their own, every other list has two free columns."""
    return _list_form(words)[0]


def _list_form(words: WordFile) -> tuple[TypeAdapter[Any], type[BaseModel]]:
    own: dict[str, tuple[TypeAdapter[Any], type[BaseModel]]] = {
        "category": (schema.WORD_LIST_TEXT, WordText),
        "status": (schema.STATUS_WORDS_TEXT, StatusWordText),
    }
    return own.get((words.row.using and words.row.using.key) or "", (schema.WORD_PAIRS_TEXT, WordPairText))


def _shape_problems(document: Document, form: Form) -> Iterator[Problem]:
    yield from _schema_problems(
        document, form.adapter, {"top": form.top, "fields": form.row, "partners": schema.PartnerText}
    )


def _list_shape_problems(words: WordFile) -> Iterator[Problem]:
    adapter, entry = _list_form(words)
    yield from _schema_problems(words.document, adapter, {"top": entry})


Models = dict[str, type[BaseModel]]


def _schema_problems(document: Document, adapter: TypeAdapter[Any], models: Models) -> Iterator[Problem]:
    try:
        adapter.validate_python(document.data)
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            kind, at = detail["type"], detail["loc"]
            if kind == "missing":
                what, remedy = f"`{at[-1]}` is missing", f"Add a line such as `{_example(document.data, at)}`"
            else:
                what, remedy = _schema_finding(kind, at, detail["input"], detail.get("ctx", {}), models)
            yield Problem(document.place(*at), what, remedy)


def _schema_finding(
    kind: str, at: tuple[int | str, ...], written: Any, facts: dict[str, Any], models: Models
) -> tuple[str, str]:
    """What a finding of the schema means, and its remedy."""
    key = next((step for step in reversed(at) if isinstance(step, str)), "")
    if kind == "extra_forbidden":
        return f"`{key}` is no key that a mapping knows", _choose(key, _keys(at, models))
    if kind in ("string_too_short", "too_short") or written == "":
        return f"`{key}` has no value", "Give it one, or remove the line"
    if kind in ("enum", "literal_error"):
        return f"`{written}` is no word for `{key}`", _choose(written, re.findall("'([^']*)'", facts["expected"]))
    if kind == "string_pattern_mismatch":
        # Only entries of a list begin with a position: there, `procore` is a status; under `partners`, a person.
        what, remedy = _STATUS_ID if (key, type(at[0])) == ("procore", int) else _PATTERNS[key]
        return f"`{written}` {what}", remedy
    part = "the file" if not at else f"`{key}`" if isinstance(at[-1], str) else "this entry"
    return f"{part} has the wrong form", f"It is {_FORMS.get(kind, 'written as docs/mapping-reference.md shows')}"


def _example(data: Any, at: tuple[int | str, ...]) -> str:
    """A line for a missing key; in a word list one that another entry of the same list has."""
    key = str(at[-1])
    if not isinstance(at[0], int):
        return _EXAMPLES[key]
    return next((f"{key}: {entry[key]}" for entry in map(texts_of, data) if key in entry), _PAIR[key])


def _keys(at: tuple[int | str, ...], models: Models) -> list[str]:
    model = models["top"] if len(at) == 1 else models.get(str(at[0]), models["top"])
    return [info.alias or name for name, info in model.model_fields.items()]


def _version_problems(incident: RowFile) -> Iterator[Problem]:
    version = version_of(incident)
    if version in ("", *schema.VERSIONS):  # A missing one is told with the other missing keys.
        return
    remedy = f"Write `version: {schema.VERSION}`"
    if version.isdecimal() and int(version) > int(schema.VERSION):
        remedy = f"Upgrade procore-4hse-sync, or write version {schema.VERSION} as docs/mapping-reference.md shows"
    yield Problem(incident.document.place("version"), f"version `{version}` is none that this release reads", remedy)


# Sense -----------------------------------------------------------------------------------------------------------


def _row_problems(rows: tuple[Row, ...], unread: tuple[str, ...]) -> Iterator[Problem]:
    for row in rows:
        for column in _COLUMNS:
            if column in row.texts:
                yield from _column_problems(row, column, row.texts[column])
        yield from _rule_problems(row)
        yield from _words_key_problems(row, unread)
        yield from _way_problems(row)
        yield from _line_problems(row)
        yield from _site_line_problems(row)
        yield from _class_problems(row)
    for key, what in {"field": "the field", "procore": "Procore's", "4hse": "4HSE's"}.items():
        yield from _twice_problems(rows, key, what)
    if rows:
        yield from _required_problems(rows)


def _column_problems(row: Row, column: str, name: str) -> Iterator[Problem]:
    vendor = _COLUMNS[column]
    if name in NEVER_WRITTEN[column]:
        remedy = "Remove the row: writing it would send mail to people, or its form is not documented"
        yield row.problem(column, f"{vendor}'s `{name}` is never written", remedy)
    elif stem(name) not in row.form.vendor_fields[column]:
        what = f"{vendor} has no {row.form.record} field `{name}`"
        yield row.problem(column, what, _choose(name, row.form.served(column)))
    elif row.using and stem(name) not in row.using.serves(column):
        yield row.problem(
            column, f"`using: {row.using.word}` cannot serve {vendor}'s `{name}`", _better(row, row.using, column, name)
        )
    elif name in row.form.read_only[column] and row.texts.get("direction") != _away_from(column):
        yield row.problem("direction", f"{vendor} sets `{name}` itself", f"Write `direction: {_away_from(column)}`")


def _better(row: Row, using: Using, column: str, name: str) -> str:
    for other in row.form.using.values():
        if stem(name) in other.serves(column):
            return f"Write `using: {other.word}`, or another field; this one serves {_listed(using.serves(column))}"
    return f"It serves {_listed(using.serves(column))}"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(names))


def _away_from(column: str) -> Direction:
    return Direction.TO_FOURHSE if column == "procore" else Direction.TO_PROCORE


def _rule_problems(row: Row) -> Iterator[Problem]:
    """A side can win only when its value may travel to the other one."""
    rule, direction = row.texts.get("if both changed"), row.texts.get("direction")
    blocked = {Direction.TO_FOURHSE: OnConflict.FOURHSE, Direction.TO_PROCORE: OnConflict.PROCORE}
    if rule and direction in blocked and rule == blocked[Direction(direction)]:
        what = f"`{rule}` stands against `direction: {direction}`"
        yield row.problem("if both changed", what, "Write `ask a person`, or `direction: both`")
    elif row.using and row.using.never_writes == "procore" and rule == OnConflict.FOURHSE:
        what = f"`{rule}` cannot be: `using: {row.using.word}` never writes to Procore"
        yield row.problem("if both changed", what, "Write `ask a person` or `procore wins`")


def _way_problems(row: Row) -> Iterator[Problem]:
    """The way that a word goes, and the fields that it joins; what a vendor sets itself is told elsewhere."""
    if row.using is None:
        return
    procore, fourhse, direction = (row.texts.get(key, "") for key in ("procore", "4hse", "direction"))
    only, directions = row.form.read_only, tuple(Direction)
    if (
        direction in directions
        and direction not in row.using.ways
        and not {procore} & only["procore"] | {fourhse} & only["4hse"]
    ):
        ways = " or ".join(f"`direction: {way}`" for way in row.using.ways)
        yield row.problem("direction", f"`using: {row.using.word}` goes one way", f"Write {ways}")
    if (stem(procore), fourhse) in row.using.not_duplicates:
        what = f"`using: {row.using.word}` cannot join Procore's `{procore}` and 4HSE's `{fourhse}`"
        yield row.problem("4hse", what, f"Name another of {_listed(row.using.fourhse - {fourhse})}")


def _line_problems(row: Row) -> Iterator[Problem]:
    if row.using is None or "line" not in row.texts:
        return
    procore = row.texts.get("procore", "")
    if row.texts.get("4hse") == "description_event":
        what = "the head of `description_event` belongs to a title that 4HSE cuts, and has no lines"
        yield row.problem("line", what, "Write `4hse: description_actions_involved`, or another text")
    elif stem(procore) in row.using.procore - row.using.on_lines:
        what = f"`using: {row.using.word}` puts Procore's `{procore}` on no line"
        yield row.problem("line", what, "Remove `line`")


def _site_line_problems(row: Row) -> Iterator[Problem]:
    """What stands on a line in Procore: a field of 4HSE's, above the description there."""
    if row.using is None or row.form is not schema.INCIDENT_FORM:
        return
    procore, fourhse, line = (row.texts.get(key, "") for key in ("procore", "4hse", SITE_LINE))
    if not line and procore == "description" and (example := _ON_SITE_LINES.get(fourhse)):
        remedy = f"Add `{SITE_LINE}: {example}`"
        yield row.problem("4hse", f"4HSE's `{fourhse}` goes to a named line in Procore", remedy)
    elif not line:
        return
    elif "line" in row.texts:
        yield row.problem(SITE_LINE, "a value stands on a line in one system, not in both", f"Remove `{SITE_LINE}`")
    elif procore != "description":
        what = f"Procore's `{procore}` has no lines above it"
        yield row.problem(SITE_LINE, what, f"Write `procore: description`, or remove `{SITE_LINE}`")
    elif fourhse not in row.using.on_site_lines:
        what = f"`using: {row.using.word}` puts 4HSE's `{fourhse}` on no line in Procore"
        yield row.problem(SITE_LINE, what, f"Remove `{SITE_LINE}`")


def _words_key_problems(row: Row, unread: tuple[str, ...]) -> Iterator[Problem]:
    if row.using is None:
        return
    if row.using.takes_words and "words" not in row.texts:
        yield row.problem("words", f"`using: {row.using.word}` needs a word list", _add_a_list(row, unread))
    if not (row.using.takes_words or row.using.may_take_words) and "words" in row.texts:
        yield row.problem("words", f"`using: {row.using.word}` takes no word list", "Remove the line")


def _class_problems(row: Row) -> Iterator[Problem]:
    """A row may take more care of a value than its field asks for, never less."""
    asked = row.texts.get("class")
    if asked not in tuple(FieldClass):
        return
    names = row.texts.get("procore", ""), row.texts.get("4hse", "")
    own = own_class(row.form.record, *names, on_a_line="line" in row.texts)
    if FieldClass(asked).is_below(own):
        what = f"`class: {asked}` is lower than `{own}`, which this field is by itself"
        yield row.problem("class", what, f"Write `class: {own}`, or remove the line")


def _add_a_list(row: Row, unread: tuple[str, ...]) -> str:
    if not unread:
        return f"Add the line `words: {_a_list(row)}`"
    files = " and ".join(f"words/{name}.yaml" for name in unread)
    lie = "lies there, and no row names it" if len(unread) == 1 else "lie there, and no row names them"
    return f"Add the line `words: {unread[0]}`; {files} {lie}"


def _a_list(row: Row) -> str:
    """A name for the list that this row lacks."""
    named = re.fullmatch(schema.LIST_NAME, row.texts.get("procore", ""))
    return named[0] if named and row.form is not schema.INCIDENT_FORM else "category"


def _twice_problems(rows: Iterable[Row], key: str, what: str) -> Iterator[Problem]:
    first: dict[tuple[str, str], Row] = {}
    for row in rows:
        # One text may hold many lines, each of another row.
        name, line = row.texts.get(key), row.texts.get({"4hse": "line", "procore": SITE_LINE}.get(key, ""), "")
        if name is None:
            continue
        earlier = first.setdefault((name.casefold(), line.casefold()), row)
        if earlier is not row and not (key == "4hse" and _may_share(earlier, row)):
            place = earlier.document.place("fields", earlier.index, key)
            yield row.problem(key, f"{what} `{name}` has a row already, {place}", _one_of_two(row, key))


def _may_share(one: Row, other: Row) -> bool:
    """What Procore sets itself may stand in a field of 4HSE's of which people's own words go to a line in Procore."""
    fills = [each for each in (one, other) if each.using is not None and each.using.fills_only]
    lines = [each for each in (one, other) if SITE_LINE in each.texts]
    return len(fills) == len(lines) == 1 and fills != lines


def _one_of_two(row: Row, key: str) -> str:
    """The remedy for two rows in one place; a value that may stand on a line can have one of its own."""
    may_have_a_line = row.using is not None and stem(row.texts.get("procore", "")) in row.using.on_lines
    if key != "4hse" or not may_have_a_line or row.texts["4hse"] == "description_event":
        return "Keep one row of the two"
    own = (
        "another `line`"
        if "line" in row.texts
        else f"a line of its own, as in `line: {row.texts.get('field', 'Activity')}`"
    )
    return f"Keep one row of the two, or give this row {own}"


def _required_problems(rows: tuple[Row, ...]) -> Iterator[Problem]:
    """A row that is meant for a required field counts, even when something else is wrong with it."""
    for using in (using for using in rows[0].form.using.values() if using.is_required):
        (procore,), (fourhse,) = using.procore, using.fourhse
        meant = {("using", using.word), ("procore", procore), ("4hse", fourhse)}
        if not any(meant & set(row.texts.items()) for row in rows):
            remedy = f"Add a row with `procore: {procore}`, `4hse: {fourhse}` and `using: {using.word}`"
            yield Problem(rows[0].document.place("fields"), f"no row carries the {using.key}", remedy)


def _word_problems(words: WordFile) -> Iterator[Problem]:
    document = words.document
    entries = [texts_of(entry) for entry in document.data] if isinstance(document.data, list) else []
    tells_categories = list_adapter(words) is schema.WORD_LIST_TEXT
    yield from _repeated_words(words, entries, tells_categories=tells_categories)
    yield from _category_problems(document, entries) if tells_categories else _fixed_problems(words, entries)


def _repeated_words(words: WordFile, entries: list[dict[str, str]], *, tells_categories: bool) -> Iterator[Problem]:
    """A 4HSE word that stands twice.

    Beside a list of the company's it may, with another word of Procore's; and a category may stand for several kinds of
    records, each in a line of its own.
    """
    is_picked = words.row.texts.get("procore") in PICKERS
    first: dict[str, int] = {}
    pairs: set[tuple[str, str]] = set()
    for index, entry in enumerate(entries):
        word, meant = fold(entry.get("4hse", "")), entry.get("procore", "")
        before = first.setdefault(word, index)
        may_repeat = tells_categories or (is_picked and NOT_SHARED not in (meant, entries[before].get("procore")))
        if word and before != index and (not may_repeat or (word, fold_key(meant)) in pairs):
            what = f"`{entry['4hse']}` is listed already, {words.document.place(before, '4hse')}"
            yield Problem(words.document.place(index, "4hse"), what, "Keep one line of the two")
        pairs.add((word, fold_key(meant)))


# Categories --------------------------------------------------------------------------------------------------------


def _category_problems(document: Document, entries: list[dict[str, str]]) -> Iterator[Problem]:
    meanings = [entry.get("procore", "") for entry in entries]
    yield from _misspelt_problems(document, entries)
    # A word that is no meaning may be a slip for the one that seems to be missing.
    if meanings and {*meanings} <= set(Meaning):
        for needed in _missing_meanings({*meanings}):
            what = f"no word means `{needed}`"
            yield Problem(document.place(), what, f"Give one word of 4HSE the line `procore: {needed}`")
        yield from _unread_problems(document, meanings)
        yield from _torn_problems(document, entries)


def _missing_meanings(meanings: set[str]) -> list[str]:
    """What a list does not tell: a word for injuries, and one for all others or for each kind of them."""
    others = BY_KIND if meanings & BY_KIND and Meaning.NO_INJURY not in meanings else {Meaning.NO_INJURY}
    return [meaning for meaning in Meaning if meaning in {Meaning.INJURY, *others} - meanings]


def _misspelt_problems(document: Document, entries: list[dict[str, str]]) -> Iterator[Problem]:
    """A word of a customer's own may be any but one of the documented ones in another case, or with a slip."""
    for index, entry in enumerate(entries):
        word, documented = entry.get("4hse", ""), tuple(FourhseCategory)
        is_meant = word.upper() in documented or re.fullmatch("[A-Z_]+", word)
        if word not in documented and is_meant and (hint := near(word, documented)):
            yield Problem(document.place(index, "4hse"), f"`{word}` is no category of 4HSE", hint)


def _unread_problems(document: Document, meanings: list[str]) -> Iterator[Problem]:
    """`no injury` speaks of whatever is recorded: a kind below it would never be asked for."""
    below = meanings.index(Meaning.NO_INJURY) if Meaning.NO_INJURY in meanings else len(meanings)
    for index, meaning in enumerate(meanings):
        if index > below and meaning in BY_KIND:
            what = f"`{meaning}` is never asked for: `{Meaning.NO_INJURY}` stands above it"
            yield Problem(document.place(index, "procore"), what, "Move this line above that one")


def _torn_problems(document: Document, entries: list[dict[str, str]]) -> Iterator[Problem]:
    """A word cannot stay in 4HSE and cross."""
    crossing = {entry.get("4hse") for entry in entries if entry.get("procore") != Meaning.NOT_SHARED}
    for index, entry in enumerate(entries):
        if entry.get("procore") == Meaning.NOT_SHARED and entry.get("4hse") in crossing:
            what = f"`{entry.get('4hse')}` stays in 4HSE by this line, and crosses by another"
            yield Problem(document.place(index, "4hse"), what, "Keep one line of the two")


def _is_label_to_write(row: Row, word: str) -> bool:
    """Whether an entry of a custom field would have to be written by its label."""
    is_custom = stem(row.texts.get("procore", "")) == CUSTOM
    return is_custom and row.texts.get("direction") != Direction.TO_FOURHSE and not is_written(word)


def _is_nearly_not_shared(word: str) -> bool:
    return bool(get_close_matches(word.casefold(), [NOT_SHARED], cutoff=0.85))


def _fixed_problems(words: WordFile, entries: list[dict[str, str]]) -> Iterator[Problem]:
    """Words that Procore's contract fixes, such as the keys of body parts."""
    field = words.row.texts.get("procore", "")
    fixed = FIXED_WORDS.get(field)
    for index, entry in enumerate(entries):
        text = entry.get("procore", NOT_SHARED)  # A missing one is told by the schema.
        for word in () if text == NOT_SHARED else text.split(PLUS):
            place = words.document.place(index, "procore")
            if fixed is None and _is_nearly_not_shared(word):
                yield Problem(place, f"`{word}` is nearly `{NOT_SHARED}`", NEARLY)
            if fixed is not None and word not in fixed:
                hint = near(word, fixed) or "docs/mapping-reference.md lists them"
                yield Problem(place, f"Procore knows no `{word}` as {field}", hint)
            if _is_label_to_write(words.row, word):
                yield Problem(place, f"`{word}` is a label, and Procore takes ids", BY_ID)
        if fixed is None and PLUS in text:
            yield Problem(words.document.place(index, "procore"), f"`{text}` are several words", "Name one of them")
