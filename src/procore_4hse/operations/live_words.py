"""The word lists of a mapping folder, completed from what both live systems offer and show now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from procore_4hse.apis import Page, ProcoreIncidentApi
from procore_4hse.errors import AccessRefused, NotFound, VendorError
from procore_4hse.mapping.completion import Completed, LiveList, completed
from procore_4hse.mapping.lenses.base import unreadable
from procore_4hse.mapping.lenses.custom import CustomWordLens
from procore_4hse.mapping.lenses.words import PartsLens, WordLens, WordList, parts_of
from procore_4hse.mapping.loader import word_lists
from procore_4hse.mapping.meanings import meanings
from procore_4hse.mapping.rules import Field
from procore_4hse.models import Image, Kind, Side, text_id
from procore_4hse.operations.coverage import FIXED, OPTIONS, PART_KEYS
from procore_4hse.operations.list_files import EditedFolder
from procore_4hse.route import Route
from procore_4hse.runtime import Runtime

Listed = WordLens | PartsLens
NOTHING = Completed((), 0)


@dataclass(frozen=True)
class ListReport:
    """One list of a folder: what was added to it, or why nothing could be."""

    name: str
    file: Path
    found: Completed = NOTHING
    error: VendorError | None = None


@dataclass(frozen=True)
class FolderReport:
    folder: Path
    routes: tuple[str, ...]
    lists: tuple[ListReport, ...]


@dataclass
class _Live:
    """What the routes of one folder show, each thing read once. A call that fails is a VendorError."""

    runtime: Runtime
    routes: Sequence[Route]
    read: dict[object, tuple[Image, ...] | VendorError] = field(default_factory=dict)

    def of(self, rows: Sequence[tuple[Route, Field]]) -> LiveList:
        """The list behind these rows of one word list, as all routes see it."""
        lens = _lens(rows[0][1])
        picker = _picker(lens)
        used, shown, entries = Counter[str](), Counter[str](), {str(row["id"]): row for row in self._entries(picker)}
        for route, row in rows:
            procore, _ = self.runtime.apis(route)
            for option in self._options(procore, picker):
                entries.setdefault(str(option["key"]), _in_use(option))
                used[str(option["key"])] += 0
            used.update(self._used(route, row))
            shown.update(self._shown(route, row))
        is_own = isinstance(lens, WordLens) and lens.picker is not None
        return LiveList(picker, tuple(entries.values()), used, shown, is_own)

    def _entries(self, picker: str) -> tuple[Image, ...]:
        """A company's list is the same for all its routes."""
        procore, _ = self.runtime.apis(self.routes[0])
        return self._once(picker, lambda: map(_entry, procore.whole_picker(picker)))

    def _options(self, procore: ProcoreIncidentApi, picker: str) -> Iterator[Image]:
        for kind in OPTIONS.get(picker, ()):
            try:
                yield from (each for each in procore.filter_options(kind, picker) if each.get("key"))
            except (AccessRefused, NotFound):  # The records themselves, read below, show the same values.
                continue

    def _used(self, route: Route, row: Field) -> Iterator[str]:
        lens = _lens(row)
        for kind in row.kinds:
            for image in self._read(route, kind, Side.PROCORE):
                yield from set(_ids(image.get(lens.procore)))

    def _shown(self, route: Route, row: Field) -> Iterator[str]:
        spot, several = _lens(row).spot, isinstance(row.lens, PartsLens)
        for kind in {each.on(Side.FOURHSE) for each in row.kinds}:
            for image in self._read(route, kind, Side.FOURHSE):
                written = None if unreadable(Side.FOURHSE, image, spot.key) else spot.read(image)
                yield from parts_of(written) if several else [written] if written else []

    def _read(self, route: Route, kind: Kind, side: Side) -> tuple[Image, ...]:
        procore, fourhse = self.runtime.apis(route)
        pages = fourhse.pages(kind) if side is Side.FOURHSE else _procore_pages(procore, kind)
        return self._once((route.key, kind, side), lambda: (one.payload for page in pages for one in page.records))

    def _once(self, key: object, read: Callable[[], Iterable[Image]]) -> tuple[Image, ...]:
        """What was read of this before. What failed is not tried again: each list would wait for it anew."""
        if key not in self.read:
            try:
                self.read[key] = tuple(read())
            except VendorError as error:
                self.read[key] = error
        found = self.read[key]
        if isinstance(found, VendorError):
            raise found
        return found


def complete(
    runtime: Runtime,
    folder: Path,
    routes: Sequence[Route],
    to: Path | None = None,
    step: Callable[[str], None] = lambda _: None,
) -> FolderReport:
    """Adds to the lists of `folder`, or of a copy of it in `to`, what these routes show. Raises UsageError.

    A list of which a part cannot be read stays as it is.
    """
    edited = EditedFolder.of(folder, to or folder)
    live, reports = _Live(runtime, routes), list[ListReport]()
    lists = {name: WordList.of(name, pairs) for name, pairs in word_lists(edited.source).items()}
    for name, rows in _rows_by_list(routes).items():
        if name in lists:
            step(f"words/{name}.yaml")
            reports.append(_report(live, lists[name], edited.target, rows))
    edited.write({report.name: report.found.lines for report in reports})
    return FolderReport(edited.target, tuple(route.name for route in routes), tuple(reports))


def _report(live: _Live, words: WordList, target: Path, rows: Sequence[tuple[Route, Field]]) -> ListReport:
    file = target / "words" / f"{words.name}.yaml"
    try:
        found = completed(words, live.of(rows), meanings(_lens(rows[0][1]).procore))
    except VendorError as error:
        return ListReport(words.name, file, error=error)
    return ListReport(words.name, file, found)


def _rows_by_list(routes: Sequence[Route]) -> Mapping[str, list[tuple[Route, Field]]]:
    """The rows with words that Procore lists, by the name of their word list. A list serves one of Procore's."""
    found: dict[str, list[tuple[Route, Field]]] = {}
    for route in routes:
        for row in (*route.mapping.fields, *route.mapping.people):
            if _has_list(row):
                found.setdefault(_lens(row).words.name, []).append((route, row))
    return {name: rows for name, rows in found.items() if len({_picker(_lens(row)) for _, row in rows}) == 1}


def _has_list(row: Field) -> bool:
    lens = row.lens
    if row.inactive or isinstance(lens, CustomWordLens) or not isinstance(lens, WordLens | PartsLens):
        return False
    return isinstance(lens, PartsLens) or lens.picker is not None or lens.procore in FIXED


def _lens(row: Field) -> Listed:
    assert isinstance(row.lens, WordLens | PartsLens)  # noqa: S101 `_has_list` chose them
    return row.lens


def _picker(lens: Listed) -> str:
    return PART_KEYS if isinstance(lens, PartsLens) else lens.picker or FIXED[lens.procore]


def _entry(row: Image) -> Image:
    """An entry of any list: those of words that the contract fixes have a `value`, and a `label` that people read."""
    return row if "id" in row else {"id": row.get("value"), "name": row.get("value"), "label": row.get("label")}


def _in_use(option: Image) -> Image:
    """A value in use that the list no longer has: it stays on old records, and no new one may take it."""
    return {"id": option["key"], "name": option.get("value") or option["key"], "active": False}


def _ids(raw: Any) -> Iterator[str]:
    """The entries that a record shows in a field: an object, a word, or several of them."""
    for each in raw if isinstance(raw, list) else [raw]:
        named = text_id(each.get("id")) if isinstance(each, Mapping) else each
        if isinstance(named, str) and named:
            yield named


def _procore_pages(procore: ProcoreIncidentApi, kind: Kind) -> Iterable[Page]:
    return procore.incident_pages() if kind is Kind.INCIDENT else procore.record_pages(kind)
