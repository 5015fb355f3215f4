"""Words without a partner: the lists of a mapping against what both systems offer and what their records show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from procore_4hse.mapping.classes import FieldClass
from procore_4hse.mapping.folding import fold, fold_key
from procore_4hse.mapping.lenses.base import NO_RECORDS, ZONE, Held, Known
from procore_4hse.mapping.lenses.custom import SWITCH, CustomWordLens, CustomWordsLens
from procore_4hse.mapping.lenses.incident import StatusLens
from procore_4hse.mapping.lenses.words import PartsLens, WordLens
from procore_4hse.mapping.picklists import Picklists
from procore_4hse.mapping.rules import Field, FieldMapping
from procore_4hse.models import Image, Kind, Side

STATUSES = "statuses"
PARTS = "body_parts"
PART_KEYS = "affected_body_parts"
TRIGGERS = ("email_trigger", "push_notification_trigger")
FIXED = {"filing_type": "filing_types"}
"""Procore's fields whose words the contract fixes, and the list that shows them."""

OPTIONS = {
    "affliction_types": (Kind.INJURY,),
    "affected_body_parts": (Kind.INJURY,),
    "filing_types": (Kind.INJURY,),
    "harm_sources": (Kind.INJURY, Kind.NEAR_MISS),
    "work_activities": (Kind.INJURY, Kind.NEAR_MISS),
    "hazards": (Kind.INCIDENT,),
    "contributing_behaviors": (Kind.INCIDENT,),
    "contributing_conditions": (Kind.INCIDENT,),
}
"""Procore's lists, and the kinds of record whose filter options tell which of their values are in use (P129)."""
ADD = "add the word to the mapping"
COMPLETE = f"{ADD}, or let `procore-4hse mapping words --from-live` complete the list"

Offered = Mapping[str, tuple[Image, ...]]
"""What Procore's lists hold now; a list that may not be read is missing."""
Shown = Mapping[tuple[Side, Kind], tuple[Image, ...]]
"""The records of both systems as they are now."""


@dataclass(frozen=True)
class Gap:
    """A word that one of the three does not know, and how many incidents or people records are concerned."""

    what: str
    remedy: str
    records: int = 0
    of_people: bool = False


@dataclass(frozen=True)
class StatusUse:
    """How many of Procore's incidents are in a status of the company's, and the status as one of them shows it."""

    incidents: int = 0
    image: Image = field(default_factory=dict)


def lists_for(mapping: FieldMapping) -> tuple[str, ...]:
    """Procore's lists that the words of this mapping are compared with."""
    lenses = [row.lens for row in (*mapping.fields, *mapping.people)]
    fixed = {FIXED[lens.procore] for lens in lenses if isinstance(lens, WordLens) and lens.procore in FIXED}
    keys = {PART_KEYS} if PARTS in mapping.pickers else set()
    return tuple(sorted(mapping.pickers | fixed | keys | {STATUSES}))


def gaps(mapping: FieldMapping, offered: Offered, records: Shown) -> list[Gap]:
    """Every gap, list by list: what Procore offers and no list knows, what lists name and Procore lacks, and what
    records show."""
    rows = [_Row.of(row, offered, records) for row in (*mapping.fields, *mapping.people) if not row.inactive]
    return [
        gap
        for row in rows
        for look in (_not_listed, _not_offered, _twice, _not_known)
        for gap in _by_use(look(row, offered))
    ]


@dataclass(frozen=True)
class _Row:
    """A row told what Procore offers, with the words that records show: those that are known, those that are not."""

    row: Field
    of_people: bool
    listed: Field
    """The row as the mapping has it, with every line of its list."""
    known_words: Counter[str] = field(default_factory=Counter)
    unknown_words: Counter[tuple[Side, str, str]] = field(default_factory=Counter)
    """By side, word and reason."""

    @classmethod
    def of(cls, row: Field, offered: Offered, records: Shown) -> _Row:
        pickers = [(name, entry) for name, entries in offered.items() for entry in entries if "id" in entry]
        bound = row.bound(Picklists.of(Picklists().directory, pickers))
        counted = cls(bound, Kind.INCIDENT not in row.kinds, row)
        for (side, kind), images in records.items():
            if kind in {own.on(side) for own in row.kinds}:
                for image in images:
                    counted._count(side, image)
        return counted

    def _count(self, side: Side, image: Image) -> None:
        # Neither the zone nor records decide whether a word is known; lenses of other rows cannot be read without.
        reading = self.row.lens.get(side, {**image, ZONE: "Etc/UTC", **NO_RECORDS})
        if isinstance(reading, Held):
            self.unknown_words.update([(side, reading.word, reading.reason)] if reading.word is not None else [])
        else:
            self.known_words.update(fold(str(word)) for word in _words_in(reading))

    def gap(self, what: str, remedy: str, records: int) -> Gap:
        return Gap(what, remedy, records, self.of_people)


def _words_in(reading: Known) -> tuple[object, ...]:
    return reading.value if isinstance(reading.value, tuple) else (reading.value,)


def _by_use(gaps: Iterable[Gap]) -> list[Gap]:
    return sorted(gaps, key=lambda gap: (-gap.records, gap.what))


# Procore's lists -------------------------------------------------------------------------------------------------


def _not_listed(row: _Row, offered: Offered) -> Iterator[Gap]:
    """What Procore offers, or its records still use, and the mapping does not know."""
    lens = row.row.lens
    used = {word: count for (side, word, _), count in row.unknown_words.items() if side is Side.PROCORE}
    for picker, names, is_usable in _entries(lens, offered):
        if any(_knows(lens, name) for name in names):
            continue
        records = used.get(names[-1], 0)
        if is_usable or records:
            what = f"Procore offers the {_singular(picker)} {names[-1]!r}, which {_where(lens)} does not know"
            yield row.gap(what, _added_by(lens), records)


def _added_by(lens: object) -> str:
    """How a word comes into the list of this row: the command completes lists that Procore has too."""
    listed = isinstance(lens, WordLens | PartsLens) and not isinstance(lens, CustomWordLens) and _shown_list(lens)
    return COMPLETE if listed else ADD


def out_of_use(name: str, entries: Iterable[Image], used: Iterable[Image]) -> Gap | None:
    """What records use of a list and no new record may take; `used` are the filter options of the project."""
    usable = {str(entry.get(key)) for entry in entries if entry.get("active", True) for key in ("id", "value")}
    words = sorted({str(each.get("value") or each["key"]) for each in used if str(each["key"]) not in usable})
    if not words:
        return None
    listed = ", ".join(map(repr, words))
    what = f"Procore's records use {name.replace('_', ' ')} that no new record may take: {listed}"
    return Gap(what, "have them activated in Procore where they are still needed")


def _entries(lens: object, offered: Offered) -> Iterator[tuple[str, tuple[str, ...], bool]]:
    """The entries of the list behind a row: all names of each, the one that records show last; whether it is in use."""
    picker = _shown_list(lens)
    for entry in offered.get(picker or "", ()):
        names = tuple(str(entry[key]) for key in ("name_key", "id", "name", "value") if entry.get(key) is not None)
        if picker and names:
            yield picker, names, bool(entry.get("active", True))


def _shown_list(lens: object) -> str | None:
    """The list of Procore's that has the words which records show in this field."""
    if isinstance(lens, StatusLens):
        return STATUSES
    if isinstance(lens, PartsLens):
        return PART_KEYS
    return (lens.picker or FIXED.get(lens.procore)) if isinstance(lens, WordLens) else None


def _not_offered(row: _Row, offered: Offered) -> Iterator[Gap]:
    """What the mapping names and Procore does not offer: it cannot be written there."""
    lens = row.row.lens
    # Body parts are read by the keys of one list and written by the ids of another (P88).
    picker = PARTS if isinstance(lens, PartsLens) else _shown_list(lens)
    if not offered.get(picker or "") or picker is None:  # A list that is empty or may not be read proves nothing.
        return
    for word in sorted(_words_of(lens)):
        if not _is_offered(lens, picker, word, offered):
            what = f"{_where(lens)} names the {_singular(picker)} {word!r}, which Procore does not offer"
            remedy = "correct the list, or have the entry added or activated in Procore"
            yield row.gap(what, remedy, row.known_words[fold(word)])


def _twice(row: _Row, offered: Offered) -> Iterator[Gap]:
    """4HSE words that stand beside several entries which Procore has: the first line counts, and no other."""
    lens, listed = row.row.lens, row.listed.lens
    if not isinstance(lens, WordLens) or not isinstance(listed, WordLens) or lens.picker is None:
        return
    for word, meaning in listed.words.entries:
        entries = {lens.picklists.entry_of(lens.picker, each) for each in (*meaning, *(lens.words.meaning(word) or ()))}
        if len(entries - {None}) > 1:
            first, *_ = lens.words.meaning(word) or ("",)
            what = f"{_where(lens)} gives {word!r} to {first!r} and to {next(iter(meaning))!r}, and Procore has both"
            yield row.gap(what, "take one of the two lines away: only the first one counts", 0)


def _is_offered(lens: object, picker: str, word: str, offered: Offered) -> bool:
    if isinstance(lens, PartsLens | WordLens) and (isinstance(lens, PartsLens) or lens.picker):
        return lens.picklists.id_of(picker, word) is not None
    return fold_key(word) in {fold_key(str(entry.get("value"))) for entry in offered[picker]}


def _knows(lens: object, name: str) -> bool:
    if isinstance(lens, WordLens | PartsLens):
        return lens.words.procore_word(name) is not None
    return fold(name) in _words_of(lens)


def _words_of(lens: object) -> frozenset[str]:
    if isinstance(lens, StatusLens):
        return frozenset({"open", "closed"})
    return frozenset(lens.words.procore_words.values()) if isinstance(lens, WordLens | PartsLens) else frozenset()


def _where(lens: object) -> str:
    return f"words/{lens.words.name}.yaml" if isinstance(lens, WordLens | PartsLens) else "the mapping"


def _singular(picker: str) -> str:
    names = {STATUSES: "status", PART_KEYS: "body part"}
    regular = f"{picker.removesuffix('ies')}y" if picker.endswith("ies") else picker.removesuffix("s")
    return names.get(picker, regular.replace("_", " "))


# Records ---------------------------------------------------------------------------------------------------------


def _not_known(row: _Row, offered: Offered) -> Iterator[Gap]:
    """Words that records show and no list explains. What people wrote, or about people, is counted, never repeated."""
    counted: Counter[str] = Counter()
    in_lists = {names[-1] for _, names, _ in _entries(row.row.lens, offered)}
    for (side, word, reason), count in row.unknown_words.items():
        if side is Side.PROCORE and word in in_lists:  # `_not_listed` has told it, with the same count.
            continue
        hidden = f"{side.label} shows words that {_where(row.row.lens)} does not know"
        is_free_text = side is Side.FOURHSE and hasattr(row.row.lens, "spot")
        may_repeat = row.row.privacy is FieldClass.PLAIN and not (row.of_people or is_free_text)
        counted[f"{row.row.label}: {reason if may_repeat else hidden}"] += count
    for what, count in counted.items():
        yield row.gap(what, _added_by(row.row.lens), count)


def unlisted(mapping: FieldMapping) -> tuple[str, ...]:
    """The rows with words that Procore lists nowhere: the entries of custom fields."""
    rows = [row for row in (*mapping.fields, *mapping.people) if not row.inactive]
    return tuple(row.label for row in rows if _is_unlisted(row.lens))


def _is_unlisted(lens: object) -> bool:
    return isinstance(lens, CustomWordLens | CustomWordsLens) and not lens.words.procore_words.keys() <= {*SWITCH}


# Statuses of the company's own -----------------------------------------------------------------------------------


def named_statuses(mapping: FieldMapping) -> Mapping[str, int]:
    """The custom statuses that Procore is to be given, by the word that each stands for."""
    lenses = [row.lens for row in mapping.fields if row.writes_to(Side.PROCORE)]
    return next((lens.custom for lens in lenses if isinstance(lens, StatusLens)), {})


def status_gaps(mapping: FieldMapping, offered: Offered, uses: Mapping[int, StatusUse]) -> list[Gap]:
    """Custom statuses that Procore does not show, or shows as standing for the other word.

    Procore has no list of them (P71): one is known by the incidents that are in it, or by its id among the statuses.
    """
    listed = {str(entry.get("value")) for entry in offered.get(STATUSES, ())}
    missing = []
    for word, status_id in named_statuses(mapping).items():
        use = uses.get(status_id, StatusUse())
        stands_for = _stands_for(use.image)
        if not use.incidents and str(status_id) not in listed:
            what = f"the mapping names the status {status_id} for {word!r}, which no incident or list in Procore shows"
            missing.append(Gap(what, "compare the id with your Procore administrator"))
        elif stands_for not in (None, word):
            name = str(use.image.get("name") or status_id)
            what = f"the mapping names the status {name!r} ({status_id}) for {word!r}, and Procore means {stands_for!r}"
            missing.append(Gap(what, "correct the list of statuses", use.incidents))
    return missing


def _stands_for(image: Image) -> str | None:
    meant = image.get("global_status")
    name = meant.get("name") if isinstance(meant, Mapping) else None
    return fold(str(name)) if name else None


# What alerts people ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Alarms:
    """Procore's filing types that have a severity now, and those of them whose severity alerts people (P73)."""

    severe: frozenset[str]
    loud: frozenset[str]

    @classmethod
    def of(cls, filing_types: Iterable[Image]) -> Alarms:
        levels = {str(row["name"]): row["severity_level"] for row in filing_types if row.get("severity_level")}
        loud = (name for name, level in levels.items() if any(level.get(trigger) for trigger in TRIGGERS))
        return cls(frozenset(levels), frozenset(loud))
