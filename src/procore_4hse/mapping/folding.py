"""When two words count as the same: one answer for lenses, for `check` and for `mapping words`."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from functools import lru_cache

_BETWEEN = re.compile(r"[\s_/-]+")
_JOINING = frozenset({"and", "or"})
_KNOWN = lru_cache(maxsize=2**14)
"""A company's lists hold a few thousand words, which come again in every cycle."""


@_KNOWN
def fold(word: str) -> str:
    """A word as people write it: case and the amount of blanks do not count."""
    return " ".join(word.split()).casefold()


@_KNOWN
def fold_key(word: str) -> str:
    """An entry of one of Procore's lists: `_`, `-`, `/`, `and` and `or` do not count either (P97).

    Procore's own documents show such keys as names and as tokens: `Cut or Laceration`, `cut_or_laceration`.
    """
    parts = [part for part in _BETWEEN.split(unicodedata.normalize("NFKC", word).casefold()) if part]
    return " ".join([part for part in parts if part not in _JOINING] or parts)


def by_key(words: Iterable[str]) -> Mapping[str, str]:
    """The words by their folded key; two that differ and fold to one are left out, for neither may be guessed."""
    found: dict[str, str | None] = {}
    for word in words:
        before = found.setdefault(fold_key(word), word)
        if before is not None and fold(before) != fold(word):
            found[fold_key(word)] = None
    return {key: word for key, word in found.items() if word is not None}
