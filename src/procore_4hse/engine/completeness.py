"""Proof that a listing was read whole, page by page; without it, what a listing does not hold means nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from procore_4hse.apis import Page
from procore_4hse.models import RawRecord

TRIES = 3
"""So often a listing is read before it counts as not whole."""


@dataclass(frozen=True)
class ListingCheck:
    """Proof that a listing was complete: every page asked for, totals that stood still, each id once."""

    ids: frozenset[str] = frozenset()
    flaw: str | None = None
    """Why the listing proves nothing; None when it is certified."""
    pages: int = 0
    odd: int = 0
    """Rows that did not say which record they are; reading again brings them again."""

    @property
    def certified(self) -> bool:
        return self.flaw is None


@dataclass(frozen=True)
class TieBreak:
    """How to read those rows that a listing's order does not tell apart: they may change places between two pages."""

    sort_value: Callable[[RawRecord], str]
    """A row's value in the order."""
    pages: Callable[[str], Iterator[Page]]
    """The rows of one such value alone."""


@dataclass
class PageWalk:
    """What the pages of one listing have shown so far: ids, never a page."""

    tie_break: TieBreak | None = None
    seen: set[str] = field(default_factory=set)
    total: int | None = None
    pages: int = 0
    last: str = ""
    """Where the last page ended in the listing's order."""
    shared: set[str] = field(default_factory=set)
    """Sort values that two pages share."""
    again: set[str] = field(default_factory=set)
    """Shared sort values of which a row came twice, so that another one may not have come at all."""
    odd: int = 0
    """Rows without a usable id."""

    def add(self, page: Page) -> str | None:
        """Why the listing proves nothing after this page; None while it may."""
        ids = {record.id for record in page.records}
        repeated = self._repeated(page)
        if page.number != page.asked:
            return f"page {page.asked} was asked for and page {page.number} came"
        if self.pages and page.total != self.total:
            return "the total moved while it was read"
        if len(ids) != len(page.records) or not repeated.keys() <= self.shared:
            return "a row came twice"
        self.again |= repeated.keys()
        self.seen |= ids
        self.total, self.pages, self.odd = page.total, self.pages + 1, self.odd + page.odd
        return None

    def _repeated(self, page: Page) -> dict[str, str]:
        """Sort values of the rows that came before, with their ids; without a tie break each has its own."""
        sort_value = self.tie_break.sort_value if self.tie_break else lambda record: f"id {record.id}"
        if page.records and self.pages and sort_value(page.records[0]) == self.last:
            self.shared.add(self.last)
        self.last = sort_value(page.records[-1]) if page.records else self.last
        return {sort_value(record): record.id for record in page.records if record.id in self.seen}

    def read_shared(self) -> None:
        """Reads by itself whatever the pages told twice."""
        if self.tie_break is None:
            return
        for sort_value in sorted(self.again):
            for _ in range(TRIES):
                pages = list(_ids_and_total(self.tie_break.pages(sort_value)))
                self.seen |= frozenset().union(*(ids for ids, _ in pages))
                if sum(len(ids) for ids, _ in pages) == pages[-1][1]:
                    break

    def result(self) -> ListingCheck:
        if self.odd:  # Which records these are is unknown: any that is missing may be one of them.
            return ListingCheck(flaw=f"{self.odd} rows bear no usable id", pages=self.pages, odd=self.odd)
        if self.total is None:
            return ListingCheck(flaw="the answer states no total", pages=self.pages)
        if len(self.seen) != self.total:
            return ListingCheck(flaw=f"{len(self.seen)} rows came where {self.total} were announced", pages=self.pages)
        return ListingCheck(ids=frozenset(self.seen), pages=self.pages)


def _ids_and_total(pages: Iterable[Page]) -> Iterator[tuple[frozenset[str], int | None]]:
    return ((frozenset(record.id for record in page.records), page.total) for page in pages)


def check_listing(pages: Iterable[Page], tie_break: TieBreak | None = None) -> ListingCheck:
    """Reads a listing to its end and says whether it was whole."""
    walk = PageWalk(tie_break)
    for page in pages:
        if flaw := walk.add(page):
            return ListingCheck(flaw=flaw, pages=walk.pages + 1)
    walk.read_shared()
    return walk.result()
