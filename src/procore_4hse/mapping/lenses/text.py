"""Text as two systems may write it: what counts as equal, and how plain text and HTML become one another."""

import re
import unicodedata
from html import escape
from html.parser import HTMLParser

_BLOCKS = frozenset(
    {"p", "div", "li", "ul", "ol", "h1", "h2", "h3", "h4", "h5", "h6", "tr", "table", "blockquote", "pre"}
)
_ENCLOSED = re.compile(
    r"\s*<(p|div|ul|ol|h[1-6]|table|blockquote|pre)(\s[^<>]*)?>.*</\1\s*>\s*", re.DOTALL | re.IGNORECASE
)
_LAYOUT = re.compile(r"[ \t]*[\r\n][ \t\r\n]*")
"""A line end in the source of HTML: layout, not a line of the text."""
_WORDS = re.compile(r"\w+", re.UNICODE)


def is_html(text: str) -> bool:
    """True when one block element encloses the whole text; `<A>` inside plain text is no HTML."""
    return _ENCLOSED.fullmatch(text) is not None


def canonical(text: object) -> str | None:
    """The text that counts: plain, one kind of line end, composed Unicode, no trailing blanks; None when empty."""
    if text is None:
        return None
    written = str(text)
    return tidied(_plain(written) if is_html(written) else written)


def of_html(written: object) -> str | None:
    """The text that counts of a field that is documented as HTML, with or without an enclosing element."""
    return None if written is None else tidied(_plain(str(written)))


def as_html(plain: str | None) -> str:
    """Plain text as one paragraph of HTML; empty stays empty."""
    return "<p>" + escape(plain, quote=False).replace("\n", "<br>") + "</p>" if plain else ""


def tidied(plain: str) -> str | None:
    """Plain text with one kind of line end, composed Unicode and no blanks at line ends or outer empty lines."""
    # An é comes as one code point or as two, and editors of HTML write no-break blanks for repeated ones.
    text = unicodedata.normalize("NFC", plain).replace("\r\n", "\n").replace("\r", "\n").replace("\u00a0", " ")
    return "\n".join(line.rstrip() for line in text.split("\n")).strip("\n") or None


def rendered(text: str | None, *, like: object) -> str:
    """The text to write where `like` stands now: HTML stays HTML, and nothing plain is mistaken for HTML."""
    written = text or ""
    if is_html(str(like or "")) or is_html(written):
        return as_html(written) or "<p></p>"  # Empty, yet HTML, so that the next text stays HTML too.
    return written


def is_rewrite(sent: str | None, stored: str | None) -> bool:
    """True when a server stored `sent` with outer or repeated blanks removed, and nothing else."""
    return folded(sent) == folded(stored)


def folded(text: str | None) -> str:
    return " ".join((text or "").split())


def normalised_title(text: str | None) -> str:
    """A title as the matching compares it: case and blanks do not count."""
    return folded(text).casefold()


def words_of(text: str | None) -> frozenset[str]:
    return frozenset(_WORDS.findall((text or "").casefold()))


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.preformatted = 0

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag == "br":
            self.parts.append("\n")
        elif tag in _BLOCKS:
            self._new_line()
        self.preformatted += tag == "pre"

    def handle_endtag(self, tag: str) -> None:
        if tag in _BLOCKS:
            self._new_line()
        self.preformatted -= tag == "pre"

    def handle_data(self, data: str) -> None:
        text = data if self.preformatted else _LAYOUT.sub(" ", data)
        if text != data and self._is_at_line_start():
            text = text.lstrip()  # The source's indentation, not the text's.
        if text:
            self.parts.append(text)

    def parse_html_declaration(self, i: int) -> int:
        # As browsers do: `<![` opens a comment that ends at the next `>`. The parent refuses such text.
        if self.rawdata.startswith("<![", i):
            return self.parse_bogus_comment(i)
        return super().parse_html_declaration(i)

    def _is_at_line_start(self) -> bool:
        return not self.parts or self.parts[-1].endswith("\n")

    def _new_line(self) -> None:
        if not self._is_at_line_start():
            self.parts.append("\n")


def _plain(html: str) -> str:
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return "".join(reader.parts)
