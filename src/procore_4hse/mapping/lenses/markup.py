"""HTML as editors write it, read as plain text.

The parser of the standard library takes minutes for a page of broken markup, and reads some of it differently from one
patch release to the next. What both sides agreed on must read the same tomorrow, so this scanner is our own. It passes
over each character a fixed number of times, keeps no stack, and takes what it cannot read for text.
"""

import re
from functools import cache
from html import unescape


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


ENCLOSING = _names(
    """address article aside blockquote details div dl fieldset figure footer form h1 h2 h3 h4 h5 h6 header main nav ol
    p pre section table ul"""
)
"""The blocks that may stand around a whole text."""
_BLOCKS = ENCLOSING | _names("caption center dd dialog dt figcaption hgroup hr legend li menu summary tr")
_CELLS = frozenset({"td", "th"})
_UNSEEN = frozenset({"head", "script", "style", "template", "title"})
"""Elements whose content is never shown."""

_OPENING = re.compile(r"<(?:(?P<tag>/?[a-zA-Z])|(?P<comment>!--)|(?P<other>[!?/]))")
_QUOTED = r"""=\s*"[^"]*"|=\s*'[^']*'"""
# `*+` gives nothing back: a tag without an end is given up at once, not tried again at each of its letters.
_TAG = re.compile(rf"<(/?)([a-zA-Z][^\s/>]*+)((?:{_QUOTED}|[^>])*+)>")
_TAG_UP_TO_ANY_BRACKET = re.compile(r"<(/?)([a-zA-Z][^\s/>]*+)([^>]*+)>")
_COMMENT = re.compile(r"<!--(?:-?>|.*?--\s*!?>)", re.DOTALL)
_DECLARATION = re.compile(r"<[^>]*>")
_WHOLE = {"tag": (_TAG, _TAG_UP_TO_ANY_BRACKET), "comment": (_COMMENT,), "other": (_DECLARATION,)}
"""How each kind of markup goes on up to its end, in the order in which the patterns are tried."""

# Looking back keeps a long run of blanks from being tried again from each of its blanks.
_LAYOUT = re.compile(r"(?<![ \t])[ \t]*[\r\n][ \t\r\n]*")
"""A line end in the source of HTML: layout, not a line of the text."""
_NUMBER = re.compile(r"&#0*([0-9]+)")


def plain(html: str) -> str:
    """The text that a page of HTML shows, with a line for each block and each `<br>`."""
    return _Reader(html).read()


class _Reader:
    def __init__(self, html: str) -> None:
        self.html = html
        self.at = 0
        self.parts: list[str] = []
        self.preformatted = 0
        self.after_cell = False
        self.endless: set[object] = set()
        """What has no end from here on; looking for it again and again would take quadratic time."""

    def read(self) -> str:
        while (start := self.html.find("<", self.at)) >= 0:
            self._show(self.html[self.at : start])
            self.at = start
            self._pass_markup()
        self._show(self.html[self.at :])
        return "".join(self.parts)

    def _pass_markup(self) -> None:
        opening = _OPENING.match(self.html, self.at)
        kind = str(opening.lastgroup) if opening else ""
        match = self._whole(kind)
        if match is None:
            self._show("<")
            self.at += 1
            return
        self.at = match.end()
        if kind == "tag":
            self._meet(match[2].lower(), is_end=bool(match[1]), is_empty=match[3].endswith("/"))

    def _whole(self, kind: str) -> re.Match[str] | None:
        for pattern in _WHOLE.get(kind, ()):
            if pattern not in self.endless:
                if match := pattern.match(self.html, self.at):
                    return match
                self.endless.add(pattern)
        return None

    def _meet(self, name: str, *, is_end: bool, is_empty: bool) -> None:
        if name in _UNSEEN and not is_end and not is_empty:
            self._pass_over(name)
        elif name == "br" and not is_end:
            self._break_line()
        elif name in _BLOCKS:
            self._begin_line()
        elif name in _CELLS:
            self.after_cell = True
        if name == "pre" and not is_empty:
            self.preformatted = max(0, self.preformatted + (-1 if is_end else 1))

    def _pass_over(self, name: str) -> None:
        """Go on behind the content of an element; where it never ends, its tag alone is passed over."""
        depth = 1
        for tag in () if name in self.endless else _tags(name).finditer(self.html, self.at):
            depth += -1 if tag[1] else name == "template"  # The others cannot hold one of their own kind.
            if not depth:
                self.at = tag.start()
                return
        self.endless.add(name)

    def _show(self, source: str) -> None:
        data = _unescaped(source)
        text = data if self.preformatted else _LAYOUT.sub(" ", data)
        if text != data and self._is_at_line_start():
            text = text.lstrip(" \t")  # The source's indentation; no-break blanks are the text's.
        if not text:
            return
        if self.after_cell and not (self._ends_blank() or text[0].isspace()):
            self.parts.append(" ")
        self.after_cell = False
        self.parts.append(text)

    def _ends_blank(self) -> bool:
        return not self.parts or self.parts[-1][-1].isspace()

    def _is_at_line_start(self) -> bool:
        return not self.parts or self.parts[-1].endswith("\n")

    def _begin_line(self) -> None:
        if not self._is_at_line_start():
            self._break_line()

    def _break_line(self) -> None:
        self.parts.append("\n")
        self.after_cell = False


@cache
def _tags(name: str) -> re.Pattern[str]:
    return re.compile(rf"<(/?){name}(?=[\s/>])", re.IGNORECASE)


def _unescaped(source: str) -> str:
    # Python refuses to read a number of thousands of digits; eight say already that no character has it.
    return unescape(_NUMBER.sub(lambda number: f"&#{number[1][:8]}", source))
