"""What people are recognised by: keys in one Unicode form, without placeholders, and whether two names contradict."""

from __future__ import annotations

import re
import unicodedata

APOSTROPHES = "'`´‘’‛′ʹʻʼʽ＇"
HYPHENS = "‐‑‒–—―−﹘﹣－"
MARKS = str.maketrans({**dict.fromkeys(APOSTROPHES, "'"), **dict.fromkeys(HYPHENS, "-")})
PLACEHOLDERS = frozenset({"na", "none", "null", "nil", "test"})
"""What people type into a field that must not be empty, without dots, slashes and blanks."""
PLAIN = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ð": "d", "ı": "i", "æ": "ae", "œ": "oe", "þ": "th"})
"""Letters that Unicode does not take apart into a plain one and its accent."""


def key(value: object) -> str:
    """A number, code or address as it is compared: leading zeros count, a placeholder is empty."""
    if value is None:
        return ""
    text = _folded(value)
    return "" if _is_placeholder(text) else text


def name_key(first: object, last: object) -> str:
    """A whole name as it is compared; empty when no part of it is more than a placeholder."""
    # Before anything else: Unicode's own form of `´` is a blank and an accent.
    parts = [_folded(str(part or "").translate(MARKS)) for part in (first, last)]
    return "" if all(_is_placeholder(part) for part in parts) else " ".join(part for part in parts if part)


def names_contradict(one: str, other: str) -> bool:
    """Whether two names share not one word; names in different scripts, or no name at all, say nothing."""
    if one == other:
        return False  # Of nearly all in two lists of thousands, whose letters are then looked at by nobody.
    words, others = _words(one), _words(other)
    common = _scripts(words) & _scripts(others)
    words, others = (frozenset(w for w in each if _scripts([w]) & common) for each in (words, others))
    return bool(words and others) and not words & others


def _folded(value: object) -> str:
    """One Unicode form, without case, invisible signs and superfluous blanks."""
    told = "" if value is None else str(value)
    if told.isascii():  # Nothing of what follows would change it, and lists hold thousands of such keys.
        return " ".join(told.casefold().split())
    text = unicodedata.normalize("NFKC", told).casefold()
    seen = (sign for sign in unicodedata.normalize("NFKC", text) if unicodedata.category(sign) != "Cf")
    return " ".join("".join(seen).split())


def _is_placeholder(text: str) -> bool:
    bare = text if text.isalnum() else "".join(sign for sign in text if sign.isalnum())
    return not bare.strip("0") or bare in PLACEHOLDERS


def _words(name: str) -> frozenset[str]:
    """The words of a name without accents; one with a hyphen or an apostrophe counts whole and in its parts."""
    folded = _folded(name.translate(MARKS))
    if all(_is_placeholder(word) for word in folded.split()):
        return frozenset()
    text = unicodedata.normalize("NFKD", folded).translate(PLAIN)
    letters = "".join(_letter(sign) for sign in text)
    words: set[str] = set()
    for word in letters.split():
        parts = re.split("['-]", word)
        words |= {"".join(parts), *(part for part in parts if len(part) > 1)}
    return frozenset(words - {""})


def _letter(sign: str) -> str:
    if unicodedata.category(sign) == "Mn":
        return ""
    return sign if sign.isalnum() or sign in "'-" or unicodedata.category(sign) == "Mc" else " "


def _scripts(words: frozenset[str] | list[str]) -> frozenset[str]:
    """The scripts of their letters, as the first word of a letter's Unicode name tells them."""
    return frozenset(unicodedata.name(sign, "").partition(" ")[0] for word in words for sign in word if sign.isalpha())
