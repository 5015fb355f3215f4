"""Text as two systems may write it: what counts as equal, and how plain text and HTML become one another."""

import re
import unicodedata
from difflib import SequenceMatcher
from html import escape

from procore_4hse.mapping.lenses import markup

_ENCLOSING = "|".join((*sorted(markup.ENCLOSING), "html", "body"))
_OPENS = re.compile(
    rf"(?:\s|<!--(?:[^-]|-(?!->))*-->|<!doctype[^<>]*>|<meta\b[^<>]*>)*<(?:{_ENCLOSING}|head|style)(?:\s[^<>]*)?>",
    re.IGNORECASE,
)
"""How HTML begins: with a block, or with what editors and word processors put before the first one."""
_CLOSES = re.compile(rf"</(?:{_ENCLOSING})\s*>(?:\s|&nbsp;|<br\s*/?>|<!--[^<>]*-->)*", re.IGNORECASE)
_KEPT_BLANKS = re.compile(r"^ | (?= )", re.MULTILINE)
"""The blanks that a page of HTML would not show, and an editor would therefore remove."""
_TAGS = re.compile(r"<[^<>]*>")
_FOUR_BYTES = re.compile("[\U00010000-\U0010ffff]")
"""Letters that some databases take for the end of a text, or leave out."""
_SPACED = re.compile(r"\S+\s*")
_WORDS = re.compile(r"\w+", re.UNICODE)


def is_html(text: str) -> bool:
    """True when a text begins and ends with a block element; `<A>` inside plain text is no HTML."""
    return "</" in text and _OPENS.match(text) is not None and _CLOSES.fullmatch(text, text.rfind("</")) is not None


def canonical(text: object) -> str | None:
    """The text that counts: plain, one kind of line end, composed Unicode, no trailing blanks; None when empty."""
    if text is None:
        return None
    written = str(text)
    return tidied(markup.plain(written) if is_html(written) else written)


def of_html(written: object) -> str | None:
    """The text that counts of a field that is documented as HTML, with or without an enclosing element."""
    return None if written is None else tidied(markup.plain(str(written)))


def as_html(plain: str | None) -> str:
    """Plain text as one paragraph of HTML; empty stays empty."""
    if not plain:
        return ""
    shown = _KEPT_BLANKS.sub("&nbsp;", escape(plain, quote=False))
    return "<p>" + shown.replace("\n", "<br>") + "</p>"


def tidied(plain: str) -> str | None:
    """Plain text with one kind of line end, composed Unicode and no blanks at line ends or outer empty lines."""
    if plain.isascii() and "\n" not in plain and "\r" not in plain:  # Most are, and each is read several times.
        return plain.rstrip() or None
    # An é comes as one code point or as two, and editors of HTML write no-break blanks for repeated ones.
    text = unicodedata.normalize("NFC", plain).replace("\r\n", "\n").replace("\r", "\n").replace("\u00a0", " ")
    return "\n".join(line.rstrip() for line in text.split("\n")).strip("\n") or None


def rendered(text: str | None, *, like: object) -> str:
    """The text to write where `like` stands now: HTML stays HTML, and nothing plain is mistaken for HTML."""
    written = text or ""
    if is_html(str(like or "")) or is_html(written):
        return as_html(written) or "<p></p>"  # Empty, yet HTML, so that the next text stays HTML too.
    return written


def respaced(line: str, like: str | None) -> str:
    """The words of one line, with the line ends that `like` has behind the same words."""
    spaced = _SPACED.findall(like or "")
    if not any("\n" in word for word in spaced):
        return line
    words, laid = line.split(), list[str]()
    for _, old, old_end, new, new_end in SequenceMatcher(None, [w.rstrip() for w in spaced], words).get_opcodes():
        if spaced[old:old_end] and [word.rstrip() for word in spaced[old:old_end]] == words[new:new_end]:
            laid += spaced[old:old_end]
            continue
        laid += [f"{word} " for word in words[new:new_end]]
        if laid and spaced[old:old_end]:  # What stood at the end of a line was replaced, or went.
            laid[-1] = laid[-1].rstrip() + spaced[old_end - 1][len(spaced[old_end - 1].rstrip()) :]
    return "".join(word if word[-1].isspace() else f"{word} " for word in laid).rstrip()


def is_rewrite(sent: str | None, stored: str | None) -> bool:
    """True when a server stored `sent` with outer or repeated blanks removed, and nothing else."""
    return folded(sent) == folded(stored)


def is_part(sent: str, stored: str) -> bool:
    """True when `stored` is what a server may leave of `sent`: cut, escaped, emptied, or without markup or letters."""
    kept = folded(unicodedata.normalize("NFC", stored)).removesuffix("…").removesuffix("...").rstrip()
    left = (sent, escape(sent), escape(sent, quote=False), _TAGS.sub("", sent), _FOUR_BYTES.sub("", sent))
    return any(folded(unicodedata.normalize("NFC", form)).startswith(kept) for form in left)


def folded(text: str | None) -> str:
    return " ".join((text or "").split())


def normalised_title(text: str | None) -> str:
    """A title as the matching compares it: case and blanks do not count."""
    return folded(text).casefold()


def words_of(text: str | None) -> frozenset[str]:
    return frozenset(_WORDS.findall((text or "").casefold()))
