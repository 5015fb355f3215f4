"""Do both registers say the same? A comparison from the field rules alone; it uses nothing of the product."""

import html
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

Row = Mapping[str, Any]

LONGEST = 255
SHARED = ("ACCIDENTS", "ACCIDENTS_AND_MISSED_INJURIES", "NON_COMPLIANCE")
BLOCK = re.compile(r"\s*<(p|div|ul|ol|h[1-6]|table|blockquote|pre)\b[^<>]*>.*</\1>\s*", re.DOTALL | re.IGNORECASE)


def differences(
    site: Iterable[Row],
    office: Iterable[Row],
    pairs: Iterable[tuple[str, str]],
    zone: str,
    *,
    blanks_count: bool = True,
) -> list[str]:
    """One line for each field in which the two records of a pair disagree, and for each record without a partner.

    With `blanks_count` false, texts that differ only in the amount of blank space are equal: a vendor that rewrites
    blanks has stored the same text.
    """
    left = {str(row["id"]): row for row in site}
    right = {str(row["office_incident_id"]): row for row in office}
    differences = []
    for procore_id, fourhse_id in pairs:
        ours, theirs = left.pop(procore_id, None), right.pop(fourhse_id, None)
        if ours is None or theirs is None:
            differences.append(f"{procore_id} and {fourhse_id}: one of the two is not there, or has two partners")
        else:
            differences += [f"{procore_id}: {line}" for line in _compare(ours, theirs, zone, blanks_count)]
    return [*differences, *(f"{one}: only in Procore" for one in left), *(f"{one}: only in 4HSE" for one in right)]


def _compare(ours: Row, theirs: Row, zone: str, blanks_count: bool) -> Iterable[str]:
    same = _equal if blanks_count else _nearly
    title, text = title_and_text(theirs)
    if not same(one_line(ours["title"]), title):
        yield f"title {ours['title']!r} against {theirs['name']!r}"
    if not same(plain(ours["description"]), text):
        yield f"description {ours['description']!r} against {theirs['description_event']!r}"
    if day_of(ours, zone) != date.fromisoformat(theirs["date_incident"][:10]):
        yield f"day {ours['event_date']} in {zone} against {theirs['date_incident']}"
    if ours["status"] != {"new": "open"}.get(theirs["status"], theirs["status"]):
        yield f"status {ours['status']} against {theirs['status']}"
    if theirs["status"] == "closed" and not theirs["date_closed"]:
        yield "closed in 4HSE without a day"
    if theirs["category"] not in (SHARED[:1] if ours["injuries"] else SHARED):
        yield f"{len(ours['injuries'])} injuries against {theirs['category']}"


def title_and_text(row: Row) -> tuple[str, str]:
    """What 4HSE means: a cut title leads the description, up to an empty line."""
    name, text = one_line(row["name"]), plain(row["description_event"])
    head, _, rest = text.partition("\n\n")
    whole = one_line(head)
    if len(whole) > LONGEST and name == cut(whole):
        return whole, rest.strip("\n")
    return name, text


def cut(title: str) -> str:
    return title[: LONGEST - 1].rstrip() + "…"


def day_of(row: Row, zone: str) -> date:
    """The local day; of unknown time, midnight UTC stands for its own day."""
    moment = datetime.fromisoformat(row["event_date"]).astimezone(UTC)
    is_bare_day = row["time_unknown"] and moment.time() == time()
    return moment.date() if is_bare_day else moment.astimezone(ZoneInfo(zone)).date()


def plain(written: str | None) -> str:
    """The text itself: markup read where one block element encloses all, one kind of line end, no outer blanks."""
    text = written or ""
    if BLOCK.fullmatch(text):
        text = re.sub(r"\s*\n\s*", " ", text)
        text = re.sub(r"<br\s*/?>|</(p|div|li)>\s*(?=<(p|div|li)\b)", "\n", text, flags=re.IGNORECASE)
        text = html.unescape(re.sub(r"</?[a-z][^<>]*>", "", text, flags=re.IGNORECASE))
    text = unicodedata.normalize("NFC", text).replace("\r\n", "\n").replace("\r", "\n")
    return "\n".join(line.rstrip() for line in text.split("\n")).strip("\n")


def one_line(written: str | None) -> str:
    return " ".join(part for part in plain(written).split("\n") if part)


def _equal(left: str, right: str) -> bool:
    return left == right


def _nearly(left: str, right: str) -> bool:
    return left.split() == right.split()


def duplicates(rows: Sequence[Row], *names: str) -> list[tuple[str, ...]]:
    """What stands more than once on one side: the values of these fields, blanks aside."""
    counts = Counter(tuple(" ".join(str(row[name]).split()) for name in names) for row in rows)
    return [values for values, count in counts.items() if count > 1]


def shapes(site: Sequence[Row]) -> Counter[str]:
    """How many Procore incidents bear each awkward shape, so that a test can tell that it met them."""
    tests = {
        "long title": lambda row: len(row["title"]) > LONGEST,
        "markup": lambda row: BLOCK.fullmatch(row["description"] or "") is not None,
        "line break": lambda row: "\n" in (row["description"] or ""),
        "quote": lambda row: '"' in row["title"] + (row["description"] or ""),
        "angle": lambda row: "<A>" in row["title"],
        "not ASCII": lambda row: not row["title"].isascii() or not (row["description"] or "").isascii(),
        "closed": lambda row: row["status"] == "closed",
        "known time": lambda row: not row["time_unknown"],
        "unknown time": lambda row: row["time_unknown"],
        "injured": lambda row: bool(row["injuries"]),
    }
    return Counter(name for row in site for name, test in tests.items() if test(row))
