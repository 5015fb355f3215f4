"""The lenses of an incident's own fields: text, title, day and status."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

from procore_4hse.mapping.lenses import days, text
from procore_4hse.mapping.lenses.base import (
    STATUS_AT,
    ZONE,
    Columns,
    Held,
    Known,
    Reading,
    Unwritable,
    odd_value,
    unreadable,
)
from procore_4hse.mapping.lenses.lines import join_lines, split_lines
from procore_4hse.models import Image, Side

CUSTOM_STATUS = "custom_status_id"
TITLE_MAX = 255
MARK = "…"


@dataclass(frozen=True)
class TextLens(Columns):
    """Text on both sides, HTML or plain. Where titles are cut, `title` is the 4HSE key whose text leads this one."""

    title: str | None = None
    labels: tuple[str, ...] = ()
    """The named lines that lead the 4HSE text and belong to other rows."""
    site_labels: tuple[str, ...] = ()
    """The same of the text in Procore."""
    html: bool = False
    """Procore documents this field as HTML."""
    equivalence: str = "line ends, trailing blanks, outer empty lines, Unicode form and HTML markup do not count"

    def reads(self, side: Side) -> tuple[str, ...]:
        return (self.fourhse, self.title) if side is Side.FOURHSE and self.title else (self.key(side),)

    def get(self, side: Side, image: Image) -> Reading:
        if held := unreadable(side, image, *self.reads(side)):
            return held
        written = image.get(self.key(side))
        if side is Side.FOURHSE and self.title:
            return Known(split_title(image.get(self.title), written)[1])
        if labels := self._labels(side):
            return Known(split_lines(written, labels).body)
        return Known(text.of_html(written) if side is Side.PROCORE and self.html else text.canonical(written))

    def put(self, side: Side, value: Any, current: Image, facts: Image) -> dict[str, Any]:
        present = current.get(self.key(side))
        if side is Side.FOURHSE and self.title:
            return {self.fourhse: join_title(split_title(current.get(self.title), present)[0], value, like=present)}
        if labels := self._labels(side):
            lined = replace(split_lines(present, labels), body=text.tidied(value or ""))
            return {self.key(side): join_lines(lined, labels, like=present)}
        if side is Side.PROCORE and self.html:
            return {self.procore: text.as_html(value)}
        return {self.key(side): text.rendered(value, like=present)}

    def _labels(self, side: Side) -> tuple[str, ...]:
        return self.labels if side is Side.FOURHSE else self.site_labels

    def is_rewrite(self, sent: Any, stored: Any) -> bool:
        return text.is_rewrite(sent, stored)


@dataclass(frozen=True)
class TitleLens(Columns):
    """A title; what exceeds 255 characters at 4HSE leads the text in `overflow` there, up to an empty line."""

    overflow: str | None = None
    equivalence: str = "line ends, trailing blanks and Unicode form do not count; beyond 255 it leads the description"

    def reads(self, side: Side) -> tuple[str, ...]:
        return (self.fourhse, self.overflow) if side is Side.FOURHSE and self.overflow else (self.key(side),)

    def get(self, side: Side, image: Image) -> Reading:
        if held := unreadable(side, image, *self.reads(side)):
            return held
        name = image.get(self.key(side))
        if side is Side.FOURHSE and self.overflow:
            full = split_title(name, image.get(self.overflow))[0]
            return Known(full or _line(name))  # No longer title leads the text: the name is whole.
        return Known(_line(name))

    def put(self, side: Side, value: Any, current: Image, facts: Image) -> dict[str, Any]:
        if not value:
            raise Unwritable("an incident needs a title")
        written = text.rendered(value, like=None)
        if side is Side.PROCORE or not self.overflow:
            return {self.key(side): written}
        present = current.get(self.overflow)
        old, body = split_title(current.get(self.fourhse), present)
        if len(value) <= TITLE_MAX:
            return {self.fourhse: written} | ({self.overflow: text.rendered(body, like=present)} if old else {})
        # The text may begin with this very title already, below another name: it must not stand there twice.
        below = split_title(cut_title(value), present)
        body = below[1] if below[0] == value else body
        return {self.fourhse: cut_title(value), self.overflow: join_title(value, body, like=present)}

    def is_rewrite(self, sent: Any, stored: Any) -> bool:
        return text.is_rewrite(sent, stored)

    def repaired(self, was: Image, now: Image) -> dict[str, Any]:
        """The 4HSE values in which name and leading line fit again, where a person changed one of the two.

        `was` is what 4HSE showed at the last agreement. Empty when they fit, or when it cannot be told what is what.
        """
        if not self.overflow or unreadable(Side.FOURHSE, now, *self.reads(Side.FOURHSE)):
            return {}
        present, name = now.get(self.overflow), _line(now.get(self.fourhse))
        full, below = split_title(was.get(self.fourhse), was.get(self.overflow))
        if full is None or not name or split_title(name, present)[0]:
            return {}
        first, _, rest = (text.canonical(present) or "").partition("\n\n")
        line, body = _joined(first), text.tidied(rest)
        if line == full:  # The name was changed, and the old title still leads the text.
            return self._laid(name, body, like=present)
        # The leading line was changed, and nothing else. Alone it may as well be a text that took the title's place.
        if line and name == cut_title(full) and body == below and (below or _resembles(line, full)):
            return self._laid(line, body, like=present)
        return {}

    def _laid(self, title: str, body: str | None, *, like: object) -> dict[str, Any]:
        if len(title) <= TITLE_MAX:
            return {self.fourhse: text.rendered(title, like=None), str(self.overflow): text.rendered(body, like=like)}
        return {self.fourhse: cut_title(title), str(self.overflow): join_title(title, body, like=like)}

    def was_cut(self, image: Image) -> bool:
        """True when the title at 4HSE was the cut form of a longer one."""
        return bool(self.overflow and split_title(image.get(self.fourhse), image.get(self.overflow))[0])


def _line(value: object) -> str | None:
    """A title is one line: line ends inside it count as blanks."""
    return _joined(text.canonical(value))


def _joined(plain: str | None) -> str | None:
    return " ".join(part for part in plain.split("\n") if part) if plain and "\n" in plain else plain


def _resembles(line: str, title: str) -> bool:
    """Whether half of the words of a line are the title's."""
    words = line.casefold().split()
    return 2 * len([word for word in words if word in title.casefold().split()]) >= len(words)


def cut_title(title: str) -> str:
    return title[: TITLE_MAX - len(MARK)].rstrip() + MARK


def split_title(name: object, description: object) -> tuple[str | None, str | None]:
    """The full title that leads a description when `name` is its cut form, and the text below it."""
    short, body = _line(name), text.canonical(description)
    # People end titles with an ellipsis too: only a first paragraph that cuts to exactly this name is a title.
    if not short or not body or not short.endswith(MARK):
        return None, body
    head, _, rest = body.partition("\n\n")
    title = _joined(head)
    if title and len(title) > TITLE_MAX and cut_title(title) == short:
        return title, text.tidied(rest)
    return None, body


def join_title(title: str | None, body: str | None, *, like: object) -> str:
    whole = "\n\n".join(part for part in (title, body) if part) if title else body
    return text.rendered(whole, like=like)


@dataclass(frozen=True)
class DayLens(Columns):
    """A UTC instant with `time_unknown` at Procore, a day at 4HSE; the project's zone decides the day (P63)."""

    unknown: str = "time_unknown"
    equivalence: str = "Procore's time of day has no place in 4HSE and stays as it is"

    def reads(self, side: Side) -> tuple[str, ...]:
        return (self.procore, self.unknown, ZONE) if side is Side.PROCORE else (self.fourhse,)

    def get(self, side: Side, image: Image) -> Reading:
        written = image.get(self.key(side))
        if written in (None, ""):
            return Known(None)
        if side is Side.FOURHSE:
            day = days.parse_day(written)
        else:
            moment = days.parse_instant(written)
            day = moment and self._day(moment, image, image[ZONE])
        return odd_value(side, self.key(side), written) if day is None else Known(day)

    def _day(self, moment: datetime, image: Image, zone: str) -> date:
        return days.day_of_instant(moment, zone, time_unknown=image.get(self.unknown) is True)

    def put(self, side: Side, value: Any, current: Image, facts: Image) -> dict[str, Any]:
        if value is None:
            raise Unwritable("an incident needs a day")
        if side is Side.FOURHSE:
            return {self.fourhse: value.isoformat()}
        zone = facts[ZONE]
        moment = days.parse_instant(current.get(self.procore))
        if moment is None:
            return {self.procore: _instant(days.first_instant(value, zone), value, zone), self.unknown: True}
        # Procore's time of day has no place in 4HSE, so a day that is right already keeps its instant to the second.
        if self._day(moment, current, zone) == value:
            return {self.procore: current[self.procore]}
        moved = days.same_time_on(value, moment, zone)
        if moved is not None and self._day(moved, current, zone) != value:
            moved = days.first_instant(value, zone)  # At midnight UTC it would mean another day.
        return {self.procore: _instant(moved, value, zone)}


def _instant(moment: datetime | None, day: date, zone: str) -> str:
    if moment is None:
        raise Unwritable(f"{day} does not exist in {zone}")
    return days.format_instant(moment)


@dataclass(frozen=True)
class StatusLens(Columns):
    """open | closed; 4HSE's `new` means open too, and closing there needs the day."""

    closed_on: str = "date_closed"
    custom: Mapping[str, int] = field(default_factory=dict)
    """The custom status that Procore is given for a word; its id takes the place of the word (P68)."""
    equivalence: str = "4HSE's new and open both mean open; the closing day lives in 4HSE"

    def reads(self, side: Side) -> tuple[str, ...]:
        return (self.procore,) if side is Side.PROCORE else (self.fourhse, self.closed_on)

    def names(self, side: Side) -> tuple[str, ...]:
        return (self.procore, CUSTOM_STATUS) if side is Side.PROCORE else self.reads(side)

    def get(self, side: Side, image: Image) -> Reading:
        word = image.get(self.key(side))
        if word in ("open", "closed"):
            return Known(word)
        if word == "new" and side is Side.FOURHSE:
            return Known("open")
        return Held(f"{side.label} shows the status {word!r}, which is none we know", word=str(word))

    def put(self, side: Side, value: Any, current: Image, facts: Image) -> dict[str, Any]:
        if side is Side.PROCORE:
            return {CUSTOM_STATUS: self.custom[value]} if value in self.custom else {self.procore: value}
        if value == "open":
            # Whether reopening clears the closing day by itself is not known (H4), so it is cleared here.
            return {self.fourhse: "open", self.closed_on: None} if current.get(self.fourhse) else {self.fourhse: "new"}
        return {self.fourhse: "closed", self.closed_on: _closing_day(facts)}


def _closing_day(facts: Image) -> str:
    moment = days.parse_instant(facts.get(STATUS_AT))
    if moment is None:
        raise Unwritable("the day of closing is not known")
    return days.local_day(moment, facts[ZONE]).isoformat()
