"""YAML read as plain text, each value with its line: no `No` becomes false, no `12:30` becomes 750."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from procore_4hse.errors import MappingError, Problem

At = tuple[str | int, ...]
"""The way to a value: keys and positions from the top of the document."""

LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The quick one where the library has it: word lists are long."""
COMPARE = "Compare the line, and the one before it, with docs/mapping.md"
LATER = "This file was not looked at further; more may be told once it can be read"
_MISPLACED = re.compile(r"did not find expected ('-' indicator|key)|expected <block end>")
"""What the two parsers say of a wrong indentation."""
_TABBED = re.compile(r"^ *\t")


@dataclass(frozen=True)
class Document:
    """A file's text as nested lists and dictionaries of texts, blanks folded."""

    path: Path
    data: Any
    lines: Mapping[At, int]

    def place(self, *at: str | int) -> str:
        """`file:line` of a value; of what would hold it when it is missing."""
        nearest = next(at[:length] for length in range(len(at), -1, -1) if at[:length] in self.lines)
        return f"{self.path}:{self.lines[nearest]}"


def read_document(path: Path) -> Document:
    """The document in a file that exists. Raises MappingError with all that keeps it from being read."""
    text = _decoded(path)
    try:
        problems = [*_refused(path, text)]
        root = None if problems else yaml.compose(text, Loader=LOADER)
    except yaml.YAMLError as error:
        raise _unread(_broken(path, text, error)) from error
    if problems:
        raise _unread(problems)
    if root is None:  # Only comments, or nothing at all.
        raise MappingError((Problem(f"{path}:1", "the file is empty", "Fill it as docs/mapping.md shows"),))
    builder = _Builder(path)
    data = builder.build(root, ())
    if builder.problems:
        raise _unread(builder.problems)
    return Document(path, data, builder.lines)


def _decoded(path: Path) -> str:
    try:
        raw = path.read_bytes()
    except OSError as error:
        what = f"the file cannot be read ({error.strerror})"
        raise _unread([Problem(f"{path}:1", what, "Correct its permissions")]) from error
    try:
        if b"\0" in raw:  # UTF-16 without a mark passes for UTF-8 as long as it holds plain English
            raise UnicodeDecodeError("utf-8", raw, at := raw.index(b"\0"), at + 1, "no text holds this byte")
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        problem = Problem(f"{path}:{line}", "a letter here is not UTF-8", "Save the file with the encoding UTF-8")
        raise _unread([problem]) from error


def _unread(problems: Iterable[Problem]) -> MappingError:
    """All that was found, and a word about what could not be looked for."""
    *others, last = problems
    return MappingError((*others, replace(last, remedy=f"{last.remedy}. {LATER}")))


def _refused(path: Path, text: str) -> Iterator[Problem]:
    """What YAML allows and a mapping does not: anchors, aliases, tags, a second document."""
    documents = 0
    for event in yaml.parse(text, Loader=LOADER):
        place = f"{path}:{event.start_mark.line + 1 if event.start_mark else 1}"
        if getattr(event, "anchor", None):
            yield Problem(place, "anchors and aliases (`&`, `*`) are not part of a mapping", "Write the value out")
        if isinstance(event, yaml.NodeEvent) and getattr(event, "tag", None):
            yield Problem(place, "tags (`!`) are not part of a mapping", "Remove the tag: every value is read as text")
        documents += isinstance(event, yaml.DocumentStartEvent)
        # A lone `---` at the top begins the first document, and is allowed.
        if documents > 1 and isinstance(event, yaml.DocumentStartEvent):
            yield Problem(place, "a second document begins here", "Remove the line `---` and what follows it")


def _broken(path: Path, text: str, error: yaml.YAMLError) -> Iterator[Problem]:
    # The parser only says that it met an unexpected character; a tab is by far the likeliest one.
    tabbed = [number for number, line in enumerate(text.splitlines(), start=1) if _TABBED.match(line)]
    for number in tabbed:
        yield Problem(f"{path}:{number}", "the line is indented with a tab", "Use blanks: YAML allows no tab here")
    if not tabbed:
        line, what, remedy = _explained(text, error)
        yield Problem(f"{path}:{line}", what, remedy)


def _explained(text: str, error: yaml.YAMLError) -> tuple[int, str, str]:
    """The line, what is wrong there in the words of a list, and what to do about it."""
    mark, parsers = getattr(error, "problem_mark", None), str(getattr(error, "problem", None) or "it cannot be read")
    if mark is None:  # A control character ends the reader before there is a mark; it knows a position only.
        line = text.count("\n", 0, getattr(error, "position", 0)) + 1
        return line, "a character that no text may hold", COMPARE
    line = mark.line + 1
    if "quoted scalar" in str(getattr(error, "context", None)):
        return _began(error, line), "a quote is not closed", "Close it, or take it away"
    if _MISPLACED.search(parsers):
        return line, *_misplaced(text.splitlines()[line - 1].strip() if mark.line < len(text.splitlines()) else "")
    if "mapping values are not allowed" in parsers:
        return (
            line,
            "a `: ` stands where none may be",
            "Put quotes around a text that holds one; put a key under the others",
        )
    if "could not find expected ':'" in parsers:
        return _began(error, line), "a key here has no value", "Write a colon and a blank between the two, `key: value`"
    return line, f"this cannot be read: {parsers}", COMPARE


def _began(error: yaml.YAMLError, line: int) -> int:
    """The line in which that began which the parser could not end; else this one."""
    begun = getattr(error, "context_mark", None)
    return line if begun is None else int(begun.line) + 1


def _misplaced(written: str) -> tuple[str, str]:
    """A line that is not indented as those around it."""
    if written.startswith("-") and not written.startswith("- "):
        return "there is no blank behind the `-`", "Write one, as in `- field: Title`"
    if written.startswith("-"):
        return "this `-` does not stand under the other `-`", "Put it under the `-` above, neither left nor right of it"
    what = "this line does not stand under the lines to which it belongs"
    return what, "Put each key under the first key of its entry; a new entry begins with `- ` under the other `-`"


class _Builder:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines: dict[At, int] = {}
        self.problems: list[Problem] = []

    def build(self, node: yaml.Node, at: At) -> Any:
        self.lines.setdefault(at, node.start_mark.line + 1)
        if isinstance(node, yaml.SequenceNode):
            return [self.build(child, (*at, index)) for index, child in enumerate(node.value)]
        if isinstance(node, yaml.MappingNode):
            return self._build_keys(node, at)
        return " ".join(str(node.value).split())

    def _build_keys(self, node: yaml.MappingNode, at: At) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                self._report(line, "a key must be a word", "Write `key: value`")
                continue
            key = " ".join(str(key_node.value).split())
            if key in data:
                first = self.lines[(*at, key)]
                self._report(line, f"`{key}` stands here twice, first in line {first}", "Remove one of the two")
                continue
            self.lines[(*at, key)] = line
            data[key] = self.build(value_node, (*at, key))
        return data

    def _report(self, line: int, what: str, remedy: str) -> None:
        self.problems.append(Problem(f"{self.path}:{line}", what, remedy))
