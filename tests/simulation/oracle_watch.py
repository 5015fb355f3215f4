"""A witness of both registers, independent of the engine: it sees every change and who made it, and objects.

It knows the field rules of the two vendors' records and what people did and answered; it imports neither the
product's mapping nor its reconciliation. What it calls a *meaning* is a record read by the rules of `oracle.py`.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass, field
from html import unescape
from typing import Any

from oracle import LONGEST, cut, day_of, one_line, plain, title_and_text

Row = Mapping[str, Any]
Meaning = dict[str, Any]
SyncStatus = tuple[str, str]
"""(side, record id)."""

FIELDS = ("title", "text", "day", "status", "category", "reporter", "code")
TEXTS = ("title", "text", "reporter", "code")
OTHER = {"procore": "fourhse", "fourhse": "procore"}
ITEM_FIELD = {"title": "title", "text": "description", "day": "day", "status": "status", "category": "category"} | {
    "reporter": "line_deponent",
    "code": "line_code",
}
LINES = {"reporter": "Reporter", "code": "Code"}
"""What leads Procore's description, each on a line of its own."""
OTHER_LINES = ("Case number", "Actions taken")
HOLDS = {
    **dict.fromkeys(("title", "name"), ("title",)),
    "description": ("text", "reporter", "code"),
    "description_event": ("text", "title"),
    **dict.fromkeys(("event_date", "time_unknown", "date_incident"), ("day",)),
    **dict.fromkeys(("status", "date_closed"), ("status",)),
    "category": ("category",),
    "deponent": ("reporter",),
    "code": ("code",),
}
"""The fields that are told by each value of a vendor's record. A title too long for 4HSE leads its text, the
reporter and the code lead Procore's description."""
HALF_LETTERS = re.compile("[\ud800-\udfff]")
"""No program can pass these on: each is shown as a letter that cannot be read."""
WRAPPED = re.compile(r"\s*<p>([^<>]*)</p>\s*")
"""Plain text that Procore stores as a paragraph; its line ends are no blanks where a named line leads it."""
NO_LETTERS = re.compile(r"<[^<>]*>|\W|_")
CUT_MARK = re.compile(r"(?:&\w*|<[^<>]*)\Z")
"""A letter or a tag of HTML of which the end was not kept."""
CUT_LINES = re.compile(rf"<p>(?:(?:{'|'.join((*LINES.values(), *OTHER_LINES))}): [^<]*(?:<br>|</p>|\Z))+")
"""Lines of ours above HTML, as they read where its end was not kept or it was escaped: they are no lines any more."""
SHARED = ("ACCIDENTS", "ACCIDENTS_AND_MISSED_INJURIES", "NON_COMPLIANCE")
WORDS = {
    "injuries": "ACCIDENTS",
    "near_misses": "ACCIDENTS_AND_MISSED_INJURIES",
    "property_damages": "NON_COMPLIANCE",
    "environmentals": "NON_COMPLIANCE",
    "": "ACCIDENTS_AND_MISSED_INJURIES",
}
"""4HSE's word for each kind of Procore's records and for none, by the default list; the first kind decides."""
OTHER_WORDS = WORDS | {"injuries": "NON_COMPLIANCE", "property_damages": "ACCIDENTS", "environmentals": "ACCIDENTS"}
"""The same with two words exchanged."""


def meaning(side: str, row: Row, zone: str) -> Meaning:
    told = _told(side, row, zone)
    return told | {name: HALF_LETTERS.sub("\ufffd", told[name] or "") for name in TEXTS}


def lines_and_text(written: str | None) -> tuple[dict[str, str], str]:
    """The named lines that lead a description in Procore, each read once, and the text below them."""
    labels = {label.casefold(): label for label in (*LINES.values(), *OTHER_LINES)}
    wrapped = WRAPPED.fullmatch(written or "")
    is_led = wrapped is not None and " ".join(wrapped[1].partition(":")[0].split()).casefold() in labels
    rows = plain(unescape(wrapped[1]) if wrapped and is_led else written).split("\n")
    found: dict[str, str] = {}
    while rows:
        head, colon, rest = rows[0].partition(":")
        label = labels.get(" ".join(head.split()).casefold()) if colon else None
        if label is None or label in found:
            break
        found[label] = "" if rest.strip() == "-" else " ".join(rest.split())
        rows.pop(0)
    return found, "\n".join(rows).strip("\n")


def _told(side: str, row: Row, zone: str) -> Meaning:
    if side == "procore":
        lines, text = lines_and_text(row["description"])
        return {
            **{name: lines.get(label, "") for name, label in LINES.items()},
            "title": one_line(row["title"]),
            "text": text,
            "lines": tuple(sorted(lines.items())),
            "day": day_of(row, zone).isoformat(),
            "status": row["status"],
            "category": any(injury["deleted_at"] is None for injury in row["injuries"]),
            "kinds": tuple(
                kind for kind in WORDS if kind and any(one["deleted_at"] is None for one in row.get(kind, ()))
            ),
            "note": row.get("recordable"),
        }
    title, text = title_and_text(row)
    status = "open" if row["status"] == "new" else row["status"]
    day = str(row["date_incident"])[:10]
    told = {"title": title, "text": text, "day": day, "status": status, "category": row["category"]}
    return told | {"reporter": row["deponent"], "code": row.get("code"), "note": row.get("watcher")}


def alike(name: str, procore: Any, fourhse: Any, injury: str = "ACCIDENTS") -> bool:
    """Whether two meanings, Procore's first, say the same. Blanks do not count: a vendor may rewrite them."""
    if name == "category":
        return fourhse == injury if procore else fourhse in SHARED
    if name in TEXTS:
        return str(procore or "").split() == str(fourhse or "").split()
    return bool(procore == fourhse)


def same(name: str, one: Any, other: Any) -> bool:
    """Whether two meanings of one side are the same."""
    return one == other if name == "category" else alike(name, one, other)


def is_part(whole: Any, kept: Any) -> bool:
    """Whether a text may be what a server left of another one: cut, escaped, emptied, or without its tags."""
    return _letters(whole).startswith(_letters(CUT_MARK.sub("", str(kept or ""))))


def below_lines(text: Any) -> str:
    """A description without the lines of ours above it, where what was done to their markup made text of them."""
    return CUT_LINES.sub("", _unescaped(text), count=1)


def _letters(text: Any) -> str:
    return NO_LETTERS.sub("", _unescaped(text))


def _unescaped(text: Any) -> str:
    """What is left however often it was escaped."""
    shown = str(text or "")
    while (plainer := unescape(shown)) != shown:
        shown = plainer
    return shown


class Objection(AssertionError):
    """The promise that was broken, in words."""


@dataclass
class Watch:
    """`site` and `office` give the registers as they are now; `pairs` the links that the product claims."""

    site: Callable[[], Mapping[str, Row]]
    office: Callable[[], Mapping[str, Row]]
    pairs: Callable[[], Iterable[tuple[str, str]]]
    zone: str
    policy: str = "ask"
    read_only: str | None = None
    """The side that this route may never write."""
    now: dict[str, dict[str, Meaning]] = field(default_factory=lambda: {"procore": {}, "fourhse": {}})
    told: dict[tuple[SyncStatus, str], list[Any]] = field(default_factory=lambda: defaultdict(list))
    """Every meaning that a field has had."""
    agreed: dict[tuple[SyncStatus, str], list[Any]] = field(default_factory=lambda: defaultdict(list))
    """What a field showed when both sides last agreed: one value, or several where a cycle may have missed it."""
    fresh: dict[tuple[SyncStatus, str], Any] = field(default_factory=dict)
    """What people wrote and the other side has not shown yet."""
    partner: dict[SyncStatus, str] = field(default_factory=dict)
    by_hand: set[SyncStatus] = field(default_factory=set)
    """Records that people made."""
    gone_by_hand: set[SyncStatus] = field(default_factory=set)
    gone_meanwhile: set[SyncStatus] = field(default_factory=set)
    """What people deleted since this cycle began: it may have been read before."""
    returned: set[SyncStatus] = field(default_factory=set)
    """What people deleted and brought back."""
    removed_by_us: set[SyncStatus] = field(default_factory=set)
    our_closes: set[SyncStatus] = field(default_factory=set)
    """Survivors that we closed, as the policy says, and that nobody has touched since."""
    chosen: dict[tuple[str, str], tuple[str, dict[str, Any]]] = field(default_factory=dict)
    """(Procore id, field) -> the side that a person chose, and the two values they saw."""
    verdicts: dict[str, str] = field(default_factory=dict)
    """Procore id -> what a person answered about its deletion: approve, keep or restore."""
    joined: set[tuple[str, str]] = field(default_factory=set)
    anew: dict[SyncStatus, SyncStatus] = field(default_factory=dict)
    """What people deleted and entered anew: the new record -> the deleted one."""
    told_gone: set[SyncStatus] = field(default_factory=set)
    """Records that a person declared deleted."""
    hidden: Callable[[], Set[str]] = frozenset
    """Incidents of 4HSE that are kept from us as if they did not exist."""
    answered_as_gone: set[SyncStatus] = field(default_factory=set)
    """Records about whose deletion a person has answered since we last saw them."""
    taken: set[SyncStatus] = field(default_factory=set)
    """Records that a replacing PUT emptied; they must get back what they lost."""
    unsure: set[tuple[str, str]] = field(default_factory=set)
    """(Record id, field) that a write of ours may have changed which has no outcome yet."""
    refill_emptied: set[SyncStatus] = field(default_factory=set)
    """Records of which a person said that what is empty there was taken, and shall be put back."""
    rule: str | None = None
    """The side that wins when both changed a title, by the mapping."""
    refused: set[str] = field(default_factory=set)
    """Ids that a person called different from all that looked alike."""
    copied: set[str] = field(default_factory=set)
    """Ids that a person saw among what would be copied to a side that shows nothing any more, and approved."""
    unlinked: set[str] = field(default_factory=set)
    rebased: list[str] = field(default_factory=list)
    """Answers about the whole route: who wins, or that both sides stay as they stand."""
    words: Mapping[str, str] = field(default_factory=lambda: WORDS)
    """The 4HSE word for each kind of records, by the mapping in force."""
    ours: dict[str, str] = field(default_factory=dict)
    """The category that we wrote last, by 4HSE incident."""
    reworded: set[str] = field(default_factory=set)
    """4HSE incidents of which a person changed the category since we wrote it, and perhaps back."""
    lessened: set[str] = field(default_factory=set)
    """Procore incidents of which a kind of records was removed since we wrote their word: nothing follows that."""
    behind: bool = True
    """The product may have linked something since we asked."""
    moved: bool = False
    """The project's zone was changed: what was one day before may read as another."""
    replacing: bool = False
    """4HSE empties what an update does not send; the route finds out by itself."""
    late: bool = False
    """Late requests may arrive: what is written may be what was true before."""
    partial: frozenset[str] = frozenset()
    """The sides that may keep only a part of a text that is sent to them."""
    parts: dict[tuple[SyncStatus, str], Any] = field(default_factory=dict)
    """What a side kept of a text that we sent, where that is not the whole."""
    left: set[tuple[str, str]] = field(default_factory=set)
    """(Procore id, field) of texts of which a person said that a part is enough."""
    unreadable: tuple[SyncStatus, str] | None = None
    """The record and the field of which every answer says nothing at present."""
    listeners: list[Callable[[], None]] = field(default_factory=list)
    """Who else looks when a person has acted."""

    @property
    def injury(self) -> str:
        """The 4HSE word that the mapping in force calls an injury."""
        return self.words["injuries"]

    def word(self, kinds: Iterable[str]) -> str:
        """The 4HSE word that the mapping in force writes for these kinds of records."""
        return self.words[next(iter(kinds), "")]

    # Looking ------------------------------------------------------------------------------------------------------

    def look(self) -> dict[str, dict[str, Meaning]]:
        rows = {"procore": self.site(), "fourhse": self.office()}
        return {side: {key: meaning(side, row, self.zone) for key, row in rows[side].items()} for side in rows}

    def human(self, place: SyncStatus | None = None, name: str | None = None) -> None:
        """A person has acted, on this field when one is named."""
        seen, before = self.look(), self.now
        for side, records in seen.items():
            gone = {(side, key) for key in self.now[side].keys() - records.keys()}
            self.gone_by_hand |= gone
            self.gone_meanwhile |= gone
            for key in records.keys() - self.now[side].keys():
                self._appeared_by_hand((side, key))
            self.lessened |= {key for key, now in records.items() if self._lacks(before[side].get(key), now)}
        self._remember(seen)
        if place and name and place[1] in seen[place[0]]:
            was = before[place[0]].get(place[1])
            # Who writes a description in Procore anew has written its lines too, and removed those that are gone.
            for one in (name, *LINES) if (place[0], name) == ("procore", "text") else (name,):
                if was is None or was[one] != seen[place[0]][place[1]][one]:
                    self._wrote(place, one)
        for listener in self.listeners:
            listener()

    def _lacks(self, before: Meaning | None, now: Meaning) -> bool:
        return before is not None and bool({*before.get("kinds", ())} - {*now.get("kinds", ())})

    def entered_anew(self, former: SyncStatus, new: SyncStatus) -> None:
        self.anew[new] = former
        self.human()

    def cycle_begins(self) -> None:
        self.gone_meanwhile.clear()

    def cycle_ended(self, outcome: str | None, unknown: set[tuple[str, str]]) -> None:
        """What both sides show alike is what they agree on; a cycle that failed, or left it alone, may not know.

        `unknown` has (record id, field): a question about one field keeps no other one from being agreed on.
        """
        self.behind = True
        self.learn_links()
        if outcome in ("ok", "partial"):
            self.answered_as_gone &= self._out_of_sight()
        for (side, key), other in self.partner.items():
            here, there = self.now[side].get(key), self.now[OTHER[side]].get(other)
            for name in FIELDS if here and there else ():
                heard = unknown.isdisjoint({(key, name), (other, name)})
                self._agree((side, key), name, here[name], there[name], whole=heard and outcome == "ok")
                if heard and outcome in ("ok", "partial") and self._alike((side, key), name, here[name], there[name]):
                    self.fresh.pop(((side, key), name), None)

    def _out_of_sight(self) -> set[SyncStatus]:
        """Of what was asked about, that which a listing does not show us."""
        return {one for one in self.answered_as_gone if self._is_hidden(one) or one[1] not in self.now[one[0]]}

    def _agree(self, place: SyncStatus, name: str, here: Any, there: Any, *, whole: bool) -> None:
        known = self.agreed[place, name]
        if self._alike(place, name, here, there):
            self.agreed[place, name] = [here] if whole else [*known, here]

    def _appeared_by_hand(self, place: SyncStatus) -> None:
        if place in self.gone_by_hand:
            self.returned.add(place)
        self.gone_by_hand.discard(place)
        self.our_closes.discard(place)
        if place not in self.removed_by_us and place not in self.partner:
            self.by_hand.add(place)
        self.removed_by_us.discard(place)

    def _wrote(self, place: SyncStatus, name: str) -> None:
        """An edit is news unless it brings back what both sides agreed on; where it stays local, what they did last."""
        value, agreed = self.now[place[0]][place[1]][name], self.agreed[place, name]
        self.parts.pop((place, name), None)
        if name == "category" and place[0] == "fourhse":
            self.reworded.add(place[1])
        if name == "status":
            self.our_closes.discard(place)
        if any(same(name, value, was) for was in (agreed[-1:] if self.read_only == OTHER[place[0]] else agreed)):
            self.fresh.pop((place, name), None)
        elif not self._may_be_ours(place, name, value):
            self.fresh[place, name] = value
        self._clear_where_alike(place, name)

    def _may_be_ours(self, place: SyncStatus, name: str, value: Any) -> bool:
        """Nobody can tell what a person wrote from the same value sent by us, when the answer was lost.

        Of a field that the write did not bear everybody can: what stands there now is the person's.
        """
        source = (OTHER[place[0]], self.partner.get(place, ""))
        return (place[1], name) in self.unsure and any(
            self._alike(place, name, value, said) for said in self.told[source, name]
        )

    def _remember(self, seen: dict[str, dict[str, Meaning]]) -> None:
        self.now = seen
        for side, records in seen.items():
            for key, values in records.items():
                for name, value in values.items():
                    shown = self.told[(side, key), name]
                    if not shown or shown[-1] != value:
                        shown.append(value)

    def machine(self) -> None:
        """A call of ours was carried out; everything that changed is ours."""
        self.behind = True
        seen = self.look()
        if seen == self.now:
            return
        before, self.now = self.now, seen
        for side in seen:
            for key in before[side].keys() | seen[side].keys():
                self._judge((side, key), before[side].get(key), seen[side].get(key))
        # A person's record that we delete, as somebody asked, leaves the word of its incident as it is.
        site = seen["procore"].items()
        self.lessened |= {key for key, now in site if self._lacks(before["procore"].get(key), now)}
        self._remember(seen)

    # Judging ------------------------------------------------------------------------------------------------------

    def _judge(self, place: SyncStatus, old: Meaning | None, new: Meaning | None) -> None:
        if old == new:
            return
        if place[0] == self.read_only:
            raise Objection(f"{place} was written, and this route only reads that side")
        if old is None:
            self._judge_create(place, new or {})
        elif new is None:
            self._judge_delete(place)
        else:
            for name in (*FIELDS, "note"):
                if old[name] != new[name]:
                    self._judge_write(place, name, old[name], new[name])

    def _judge_create(self, place: SyncStatus, new: Meaning) -> None:
        """What we make says what a living record of the other side says, and that one had no living partner."""
        side = place[0]
        if place in self.gone_by_hand | self.removed_by_us:
            self.gone_by_hand.discard(place)
            self.removed_by_us.discard(place)
            for name in FIELDS:
                self._clear_where_alike(place, name)
            return
        self.learn_links()  # Whom the copies before this one belong to is known by now, and needs no guess.
        sources = self._sources(place, new)
        free = [other for other in sources if not self._is_partnered((OTHER[side], other))]
        # Of records that say the same, one without a living partner comes before one that was called different.
        for other in [*free, *(other for other in sources if other in self.refused)]:
            if self.partner.get((OTHER[side], other)) is None and self._stands_already(place, other, new):
                raise Objection(f"{place} was made from {other}, which was entered anew and stands there already")
            former = self.partner.get((OTHER[side], other))
            self._pair(place, other)
            self._sent(place, new, *TEXTS)
            self._judge_first_word(place, sources, former, new)
            return
        raise Objection(f"{place} was made, and nothing without a partner on the other side says what it says: {new}")

    def _is_partnered(self, source: SyncStatus) -> bool:
        """What is hidden was taken for deleted with its partner, and nobody asked, where that was deleted meanwhile."""
        place = (OTHER[source[0]], self.partner.get(source) or "")
        gone = self._is_taken_for_gone(place) or (source in self.returned and self._is_hidden(place))
        return place[1] in self.now[place[0]] and not gone

    def _judge_first_word(self, place: SyncStatus, sources: Iterable[str], former: str | None, new: Meaning) -> None:
        """A copy in 4HSE bears the word of a kind that its source records; one made again may bear what it held."""
        if place[0] != "fourhse":
            return
        held = self.told[("fourhse", former), "category"] if former else []
        kinds = [each for source in sources for each in self.told[("procore", source), "kinds"]]
        if new["category"] not in {*map(self.word, kinds), *held}:
            raise Objection(f"{place} was made as {new['category']}, and its source records {kinds[-1:]}")
        if former is None:
            self._own(place, new["category"])

    def _own(self, place: SyncStatus, word: str) -> None:
        self.ours[place[1]] = word
        self.reworded.discard(place[1])
        self.lessened.discard(self.partner.get(place, ""))

    def _judge_word(self, place: SyncStatus, source: SyncStatus, old: str, new: str) -> None:
        """A word follows an injury, or any kind that is recorded where the word that stands there is ours."""
        kinds = self._lately(source, "kinds")
        if new not in set(map(self.word, kinds)):
            raise Objection(f"the category of {place} became {new!r}, and {source} records {kinds}")
        contradicted = any("injuries" in each and old != self.injury for each in kinds)
        if not contradicted and self.ours.get(place[1]) != old:
            raise Objection(f"the category {old!r} of {place} was replaced by {new!r}, and it was none of ours")
        self._own(place, new)

    def _stands_already(self, place: SyncStatus, source: str, new: Meaning) -> bool:
        """Whether the partner of what was deleted lives and says the same, and nobody has called the two different."""
        former = self.anew.get((OTHER[place[0]], source))
        survivor = self.partner.get(former) if former else None
        there = self.now[place[0]].get(survivor or "")
        if former not in self.gone_by_hand or self._partner_of((place[0], survivor or "")) != former[1]:
            return False  # It is back, or somebody has said since what the survivor belongs to.
        if (
            there is None
            or self._is_hidden((place[0], survivor or ""))
            or self.refused & {source, survivor}
            or source in self.copied
            or self.unlinked & {source, survivor, former and former[1]}
        ):
            return False
        return all(same(name, there[name], new[name]) for name in ("title", "text", "day")) and survivor != place[1]

    def _sources(self, place: SyncStatus, new: Meaning) -> list[str]:
        """Records of the other side that say, or said once, what this one says; those that say it now come first."""
        other = OTHER[place[0]]
        living = [key for key in self.now[other] if self._said((other, key), new)]
        living.sort(key=lambda key: not self._says((other, key), new))
        return living + [key for at, key in self.gone_by_hand if at == other and self._said((at, key), new)]

    def _says(self, place: SyncStatus, new: Meaning) -> bool:
        shown = self.now[place[0]][place[1]]
        return all(alike(name, shown[name], new[name]) for name in ("title", "text", "day"))

    def _said(self, place: SyncStatus, new: Meaning) -> bool:
        names = ("title", "text", "day", "status")
        told = self.told
        said = {name for name in names if any(self._arrives(place, name, was, new[name]) for was in told[place, name])}
        # What cannot be read and is not needed is left out of a copy, until it can be.
        said |= {name for name in ("text", "status") if (place, name) == self.unreadable and new[name] in ("", "open")}
        # 4HSE may take no incident as closed at once; that it is closed in the end is asked at rest.
        opened = {"status"} if place[0] == "procore" and new["status"] == "open" else set()
        return said | opened == set(names)

    def _arrives(self, source: SyncStatus, name: str, said: Any, new: Any) -> bool:
        """Whether what a record says of a title, text, day or status may stand so on the other side."""
        side = OTHER[source[0]]
        if alike(name, said, new) or side not in self.partial or name not in TEXTS:
            return alike(name, said, new)
        # What is left of a title that leads the text is read as text, or all of the text as the end of that title.
        wholes = [said, *(f"{title} {said}" for title in self.told[source, "title"] if name == "text")]
        wholes += [f"{said} {text}" for text in self.told[source, "text"] if name == "title"]
        # What is left of markup around lines is no line.
        lines = [(key, label, was) for key, label in LINES.items() for was in self.told[source, key] if was]
        wholes += [f"{label}: {was} {said}" for _, label, was in lines if name == "text"]
        wholes += [
            f"Reporter: {one} Code: {other} {said}"
            for key, _, one in lines
            for code, _, other in lines
            if (name, key, code) == ("text", "reporter", "code")
        ]
        below = below_lines(new) if name == "text" else new
        return any(is_part(whole, kept) for whole in wholes for kept in (new, below))

    def _sent(self, place: SyncStatus, new: Meaning, *names: str) -> None:
        """What became of texts that we wrote."""
        source = self.now[OTHER[place[0]]].get(self.partner.get(place, ""))
        for name in names:
            self.parts.pop((place, name), None)
            if source is not None and place[0] in self.partial and not alike(name, source[name], new[name]):
                self.parts[place, name] = new[name]

    def _judge_delete(self, place: SyncStatus) -> None:
        other = self._partner_of(place)
        if other is None:
            raise Objection(f"{place} was deleted, and it has no partner that could have been")
        source = (OTHER[place[0]], other)
        if source not in self.gone_by_hand | self.told_gone and not self._is_taken_for_gone(source):
            raise Objection(f"{place} was deleted, and nobody deleted {source}")
        approved = self.verdicts.get(self._procore(place)) == "approve"
        if not approved and not (place[0] == "procore" and self.policy == "propagate"):
            raise Objection(f"{place} was deleted without a person's word")
        partly = {name for name in FIELDS if (source, name) in self.parts}  # It went as far as that side takes it.
        if not approved and any((place, name) in self.fresh for name in FIELDS if name not in partly):
            raise Objection(f"{place} was deleted with an edit that the other side never showed")
        self.removed_by_us.add(place)

    def _is_taken_for_gone(self, source: SyncStatus) -> bool:
        """Nobody can tell what is hidden behind a 404 from what was deleted; then a person's answer is what counts."""
        return source in self.answered_as_gone and self._is_hidden(source)

    def _is_hidden(self, place: SyncStatus) -> bool:
        return place[0] == "fourhse" and place[1] in self.hidden()

    def _judge_write(self, place: SyncStatus, name: str, old: Any, new: Any) -> None:
        no_copies = (self._drops_our_line, self._is_restoring, self._is_cut_below_our_line)
        no_copies += (self._became_text, self._went_with_its_text)
        if any(is_one(place, name, old, new) for is_one in no_copies):
            return
        other = self._partner_of(place)
        source = (OTHER[place[0]], other or "")
        deleted = source in self.gone_by_hand | self.told_gone
        if name == "status" and self._closes_survivor(place, new, deleted=deleted):
            return
        said = self.now[source[0]].get(source[1])
        if other is None or (said is None and source not in self.gone_meanwhile):
            raise Objection(f"{name} of {place} was written from {old!r} to {new!r}, and it has no living partner")
        lately = self._lately(source, name)
        if not any(self._alike(place, name, new, once) or self._arrives(source, name, once, new) for once in lately):
            raise Objection(f"{name} of {place} became {new!r}, and {source} never said so")
        if (
            (source, name) in self.parts
            and self.parts[source, name] == new
            and not self._may_overrule(place, name, old, new)
        ):
            raise Objection(f"{name} of {place}, {old!r}, was overwritten by {new!r}, which is what was left of it")
        if name == "category" and place[0] == "fourhse":
            self._judge_word(place, source, old, new)
        if name == "status":
            self._judge_close(place, source, new)
        mine = self.fresh.get((place, name))
        if mine is not None and not same(name, mine, new) and not self._may_overrule(place, name, mine, new):
            raise Objection(f"a person's {name} {mine!r} of {place} was overwritten by {new!r} without a word")
        self.fresh.pop((place, name), None)
        self._sent(place, {name: new}, *({*TEXTS} & {name}))
        if said is not None and self._alike(place, name, new, said[name]):
            self.fresh.pop((source, name), None)

    def _closes_survivor(self, place: SyncStatus, new: Any, *, deleted: bool) -> bool:
        self.our_closes.discard(place)
        is_close = new == "closed" and deleted and self.policy == "close"
        if is_close:
            self.our_closes.add(place)
        return is_close

    def _judge_close(self, place: SyncStatus, source: SyncStatus, new: Any) -> None:
        if new == "closed" and source in self.our_closes and not self._is_chosen(place, "status"):
            raise Objection(f"{place} was closed, and it was we who closed {source}, which had lost it")

    def _drops_our_line(self, place: SyncStatus, name: str, old: Any, new: Any) -> bool:
        """A long title that we put before a text goes with it when 4HSE bears another one; the text itself stays."""
        if place[0] != "fourhse" or name != "text":
            return False
        titles = self.told[("procore", self.partner.get(place, "")), "title"]
        ours = [title for title in titles if len(title) > LONGEST and alike(name, f"{title} {new}", old)]
        if ours and (place, name) in self.fresh:
            self.fresh[place, name] = new
        return bool(ours)

    def _is_cut_below_our_line(self, place: SyncStatus, name: str, old: Any, new: Any) -> bool:
        """Where Procore keeps a part of a description, a line that we write costs its end; that part goes nowhere."""
        if place[0] not in self.partial or (place[0], name) != ("procore", "text"):
            return False
        is_cut = self.now[place[0]][place[1]]["lines"] != self.told[place, "lines"][-1] and is_part(old, new)
        below = below_lines(new)
        is_cut = is_cut or (below != _unescaped(new) and is_part(old, below))
        if is_cut:
            self.parts[place, name] = new
        return is_cut

    def _became_text(self, place: SyncStatus, name: str, old: Any, new: Any) -> bool:
        """A line whose markup was escaped reads as text from then on, and stands there all the same."""
        if place[0] not in self.partial or place[0] != "procore" or name not in LINES or new:
            return False
        lines = CUT_LINES.search(_unescaped(self.now["procore"][place[1]]["text"]))
        return lines is not None and f"{LINES[name]}: {old}<" in lines[0]

    def _went_with_its_text(self, place: SyncStatus, name: str, old: Any, new: Any) -> bool:
        """Where Procore keeps nothing of a text that we send, the lines above it are gone too; that goes nowhere."""
        if place[0] not in self.partial or place[0] != "procore" or name not in LINES or new:
            return False
        here = self.now["procore"][place[1]]
        there = self.now["fourhse"].get(self.partner.get(place, ""), {})
        is_emptied = not here["text"] and not here["lines"] and bool(there.get("text"))
        if is_emptied:
            self.parts[place, name] = new
            self.fresh.pop((place, name), None)
        return is_emptied

    def _is_restoring(self, place: SyncStatus, name: str, old: Any, new: Any) -> bool:
        """A replacing PUT empties texts that were not sent; the route stops and puts them back when approved."""
        source = (OTHER[place[0]], self.partner.get(place, ""))
        unsent = self.replacing and place[0] == "fourhse" and place not in self.taken
        if not new and (unsent or not any(self._alike(place, name, new, said) for said in self.told[source, name])):
            self.taken.add(place)
            return True
        if name == "title" and alike(name, cut(old), new) and not self.now[place[0]][place[1]]["text"]:
            self.taken.add(place)  # A title too long for its field led the text, and went with it.
            return True
        filled = place in self.taken or (place in self.refill_emptied and not old)
        return filled and any(same(name, was, new) for was in self.told[place, name])

    def _lately(self, source: SyncStatus, name: str) -> list[Any]:
        """A record may have been edited since it was read; it then said what is written a moment ago."""
        return self.told[source, name] if self.late else self.told[source, name][-3:]

    def _may_overrule(self, place: SyncStatus, name: str, mine: Any, new: Any) -> bool:
        """The mapping's rule, a person's answer to what they saw, or a new link: there an empty value is filled.

        Who chose the value of the side that a one-way route writes has left both until the other side changes.
        """
        if name == "title" and self.rule == OTHER[place[0]]:
            return True
        if not mine and not self.agreed[place, name]:
            return True
        if OTHER[place[0]] in self.rebased:
            return True
        is_back = (OTHER[place[0]], self._partner_of(place)) in self.returned
        if name == "status" and is_back and self.policy == "close":
            return bool(mine == "closed")  # Nobody can tell a person's close from ours whose answer was lost.
        winner, shown = self.chosen.get((self._procore(place), name), ("", {}))
        if winner == place[0] and self.read_only == OTHER[winner]:
            moved_on = not self._was_shown(name, shown.get(OTHER[winner]), new)
            return moved_on and self._was_shown(name, shown.get(winner), mine)
        return winner == OTHER[place[0]] and self._was_shown(name, shown.get(place[0]), mine)

    def _is_chosen(self, place: SyncStatus, name: str) -> bool:
        """Whether a person said that the other side's value holds, of this one or of the whole route."""
        winner, _ = self.chosen.get((self._procore(place), name), ("", {}))
        return OTHER[place[0]] in (winner, *self.rebased)

    def _was_shown(self, name: str, shown: Any, mine: Any) -> bool:
        if name == "category":
            return True
        return str(shown or "").split() == str(mine or "").split()

    def _alike(self, place: SyncStatus, name: str, here: Any, there: Any) -> bool:
        pair = (here, there) if place[0] == "procore" else (there, here)
        return alike(name, *pair, injury=self.injury)

    def _clear_where_alike(self, place: SyncStatus, name: str) -> None:
        """What both sides show is news no more; an edit that no route carries is, until a cycle has seen them agree."""
        other = self._partner_of(place)
        there = self.now[OTHER[place[0]]].get(other or "")
        if there is not None and self._alike(place, name, self.now[place[0]][place[1]][name], there[name]):
            for one in (place, (OTHER[place[0]], other or "")):
                if one[0] != OTHER.get(self.read_only or ""):
                    self.fresh.pop((one, name), None)

    # Who belongs to whom ------------------------------------------------------------------------------------------

    def _procore(self, place: SyncStatus) -> str:
        return place[1] if place[0] == "procore" else self.partner.get(place, "")

    def _partner_of(self, place: SyncStatus) -> str | None:
        there = self.now[OTHER[place[0]]]
        if self.behind and (self.joined or self.partner.get(place) not in there):
            self.learn_links()  # Also where the one we knew is gone: another may stand in its place by now.
        return self.partner.get(place)

    def _pair(self, place: SyncStatus, other: str) -> None:
        """A new partner takes the place of one that is gone, or that was guessed among records which say the same."""
        source = (OTHER[place[0]], other)
        former = self.partner.pop(source, None)
        if former is not None and self.partner.get((place[0], former)) == other:  # It may have its right one by now.
            self.partner.pop((place[0], former))
        guessed = (OTHER[place[0]], self.partner.pop(place, ""))
        if self.partner.get(guessed) == place[1]:
            self.partner.pop(guessed)
        self.partner[place], self.partner[source] = other, place[1]
        if place[1] in self.now[place[0]]:
            for name in FIELDS:
                self._clear_where_alike(place, name)

    def settled(self) -> set[tuple[str, str]]:
        """Differences that a person saw and left: the chosen side's value does not travel on this route."""
        if self.read_only is None:
            return set()
        return {key for key, (winner, _) in self.chosen.items() if winner == OTHER[self.read_only]}

    def forget(self, procore_id: str) -> None:
        """A person took two records apart: should somebody link them again, that link is new and has no base."""
        other = self.partner.pop(("procore", procore_id), None)
        self.unlinked |= {procore_id, other or ""}
        self.partner.pop(("fourhse", other or ""), None)
        for name in FIELDS:
            self.agreed.pop((("procore", procore_id), name), None)
            self.agreed.pop((("fourhse", other or ""), name), None)

    def told_apart(self, place: SyncStatus, others: Iterable[str]) -> None:
        """A person called a record different from these: what we made for one of them is nobody's copy any more."""
        self.refused.add(place[1])
        if self.partner.get(place) in others:
            self.partner.pop((OTHER[place[0]], self.partner.pop(place)), None)

    def fill(self, place: SyncStatus) -> None:
        """A person says that what is empty there was taken from it, and shall be put back."""
        self.refill_emptied.add(place)
        for name in FIELDS:
            if not self.fresh.get((place, name), True):
                del self.fresh[place, name]

    def learn_links(self) -> None:
        """Links that the product claims: a pair that we did not see being made must be the same incident."""
        self.behind = False
        for procore_id, fourhse_id in self.pairs():
            left, right = ("procore", procore_id), ("fourhse", fourhse_id)
            if self.partner.get(left) == fourhse_id:
                continue
            if not (self._is_clear(left, right) or (procore_id, fourhse_id) in self.joined):
                raise Objection(f"{left} and {right} were linked, and they do not tell the same day, title and text")
            self._pair(left, fourhse_id)

    def _is_clear(self, left: SyncStatus, right: SyncStatus) -> bool:
        """Equal day, title and text at some moment: a person may have edited one since it was read."""
        names = ("title", "text", "day")
        return all(
            any(
                self._arrives(left, name, ours, theirs) or self._arrives(right, name, theirs, ours)
                for ours in self.told[left, name]
                for theirs in self.told[right, name]
            )
            for name in names
        )
