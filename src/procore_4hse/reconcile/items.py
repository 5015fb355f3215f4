"""What a person is asked, in their words. `ID` in an advice stands for the item's own number."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from procore_4hse.mapping.folding import fold
from procore_4hse.mapping.lenses.base import Held, Known, Unwritable
from procore_4hse.mapping.lenses.incident import TextLens, TitleLens
from procore_4hse.mapping.paths import CUSTOM, stem
from procore_4hse.mapping.rules import Field, FieldMapping
from procore_4hse.models import Act, Action, Decision, Item, ItemKind, Kind, Link, QuestionKey, RecordRef, Refusal, Side
from procore_4hse.reconcile.approval import digest, read_name, signature
from procore_4hse.reconcile.diff import FieldDiff, display, seen
from procore_4hse.reconcile.snapshot import Record, RecordGroup

AGAIN = "try again now: procore-4hse inbox retry ID"
WORDS = "the list words/"
"""How a reason names a list of the mapping."""
NOT_DONE = {
    Act.CREATE: "did not take the new record",
    Act.UPDATE: "did not take the change",
    Act.DELETE: "did not delete it",
    Act.RESTORE: "did not bring it back",
}
FEW = 8
"""So many words are named for those who do not know the list by heart."""
REPLACED = QuestionKey.guard("replaced")
"""A write emptied what it did not send."""


def title_of(mapping: FieldMapping, record: Record | None) -> str:
    """The headline by which people know an incident; empty when privacy keeps it home."""
    if record is None or record.minimal:
        return ""
    reading = mapping.title.lens.get(record.side, record.image)
    return "" if isinstance(reading, Held) else display(reading.value)


def headline(mapping: FieldMapping, group: RecordGroup, link: Link) -> str:
    """The headline of a link's incident, from whichever side still shows one."""
    if group.title is not None:
        return group.title
    titles = (title_of(mapping, group.record(side, link.id_on(side))) for side in Side)
    return next((title for title in titles if title), "")


def difference(kind: ItemKind, link: Link, compared: FieldDiff, title: str) -> Item:
    """A conflict or a drift: one field, both values, and what both showed when they last agreed."""
    shown = seen(compared)
    answers = "--use procore" if not compared.field.updates(Side.PROCORE) else "--use procore, or --use 4hse"
    return Item(
        kind=kind,
        key=QuestionKey.difference(link, compared.field.key),
        title=title,
        reason=f"{compared.field.label}: {compared.reason}.",
        advice=f"Choose the value that holds: procore-4hse inbox resolve ID {answers}",
        procore_id=link.procore_id,
        fourhse_id=link.fourhse_id,
        field=compared.field.key,
        procore_value=shown[Side.PROCORE],
        fourhse_value=shown[Side.FOURHSE],
        base_value=_base_value(compared),
        facts={"seen": shown, **({"counts_twice": True} if compared.counts_twice else {})},
    )


def taken_back(link: Link, compared: FieldDiff, old: str, title: str, undo: Mapping[str, Any]) -> Item:
    """A person's wish to take a write back, as a question that is answered already; `undo` is what it goes by.

    Both values are those that stand there now, and what the old one was stands in place of the base.
    """
    shown = seen(compared)
    return Item(
        kind=ItemKind.CONFLICT,
        key=QuestionKey.difference(link, compared.field.key),
        title=title,
        reason=f"{compared.field.label}: a person takes back what was written to {Side(undo['side']).label}.",
        advice="To leave it as it was written: procore-4hse inbox undo ID",
        procore_id=link.procore_id,
        fourhse_id=link.fourhse_id,
        field=compared.field.key,
        procore_value=shown[Side.PROCORE],
        fourhse_value=shown[Side.FOURHSE],
        base_value=old,
        facts={**undo, "seen": shown},
    )


def _base_value(compared: FieldDiff) -> str | None:
    """What both showed last; of a side that another partner's record stands beside now, what that side showed."""
    if compared.base is None:
        return None
    ours, theirs = (compared.field.lens.get(side, compared.base.of(side)) for side in Side)
    was = theirs if ours == Known(None) else ours
    return display(None if isinstance(was, Held) else was.value)


def parted(
    key: QuestionKey, link: Link, compared: FieldDiff, title: str, names: Mapping[Side, str], asked: Asked
) -> Item:
    """Two people who were one, and by the lists are so no more: one question, however many records name them."""
    follow = "; ".join(
        f"{names[side]} of {side.label} is right: procore-4hse inbox resolve ID --use {SPOKEN[side]}"
        for side in asked.uses
    )
    advice = (
        f"{follow + '. ' if follow else ''}To name the partner of {names[asked.side]}, the same one or another: "
        "procore-4hse inbox approve ID --with RECORD_ID; every record follows. "
        "To leave the records as they are: procore-4hse inbox reject ID"
    )
    return Item(
        kind=ItemKind.DRIFT,
        key=key,
        title=title,
        reason=(
            f"{compared.field.label}: Procore names {names[Side.PROCORE]}, 4HSE {names[Side.FOURHSE]}; "
            "they were one person, and the two lists no longer say so."
        ),
        advice=advice,
        procore_id=link.procore_id,
        fourhse_id=link.fourhse_id,
        field=compared.field.key,
        procore_value=names[Side.PROCORE],
        fourhse_value=names[Side.FOURHSE],
        base_value="one person",
        facts={
            "seen": seen(compared),
            "who": {"side": asked.side.value, "id": asked.id},
            "uses": [side.value for side in asked.uses],
        },
    )


@dataclass(frozen=True)
class Asked:
    """Whose partner may be named in an answer, and the sides that may be followed instead."""

    side: Side
    id: str
    uses: tuple[Side, ...] = ()


SPOKEN = {Side.PROCORE: "procore", Side.FOURHSE: "4hse"}


def word(record: Record, other_id: str | None, field: str, reason: str, title: str, held: Held | None = None) -> Item:
    """A value that cannot be carried over as it stands; `held` tells of a word that the mapping does not know."""
    facts = {"word": held.word, "file": held.file} if held and held.word else {}
    return Item(
        kind=ItemKind.WORD,
        key=QuestionKey.word(record.ref, field),
        title=title,
        reason=f"{reason}.",
        advice=_after_a_word(record.side, reason, held),
        field=field,
        facts=facts,
        **_ids(record, other_id),
    )


def why_held(
    rows: Iterable[Field], record: Record, other_id: str | None, error: Unwritable, title: str
) -> tuple[Item, ...]:
    """Why a record cannot be made on the other side: an unknown word, or what cannot be read, is asked about.

    Evidence that is only incomplete in this cycle is not.
    """
    row = next(row for row in rows if row.key == error.field)
    reading = row.lens.get(record.side, record.image)
    held = reading if isinstance(reading, Held) else None
    if held is not None and held.word is None:
        return ()
    return (word(record, other_id, row.key, str(error), title, held),)


TOLD = 500
"""So many of the records that one question is about are named in it."""


def one_per_word(asked: Iterable[Item]) -> tuple[Item, ...]:
    """The same questions, those about one unknown word as one: it is that of the record with the lowest id."""
    groups: dict[object, list[Item]] = {}
    for item in asked:
        groups.setdefault(_same_word(item), []).append(item)
    return tuple(_together(group) if len(group) > 1 else group[0] for group in groups.values())


def _same_word(item: Item) -> object:
    """Equal for questions about one word; a question of another kind is like no other."""
    record, word = item.key.record, item.facts.get("word")
    if item.kind is not ItemKind.WORD or record is None or not word:
        return id(item)
    return record.side, item.field, fold(str(word)), item.facts.get("file")


def _together(group: list[Item]) -> Item:
    ordered = sorted(group, key=lambda item: (len(item.key), item.key))
    first, told = ordered[0], ordered[:TOLD]
    about = {
        "records": len(group),
        "keys": [str(item.key) for item in told],
        "incidents": sorted({known for item in told for known in (item.procore_id, item.fourhse_id) if known}),
    }
    return replace(first, reason=f"{first.reason} {len(group)} records show it.", facts={**first.facts, **about})


def _after_a_word(side: Side, reason: str, held: Held | None) -> str:
    if held is not None and held.file:
        few = held.meanings[:FEW]
        more = " or another" if len(held.meanings) > len(few) else ""
        like = f" ({', '.join(few)}{more})" if few else ""
        return (
            f"If it is a typing mistake, correct it in {side.label}. If the word is right, ask the colleague who looks "
            f"after this program to add {held.word!r} to {held.file}, and say what it means in "
            f"{side.other.label}{like}. The question closes by itself."
        )
    if held is None and WORDS in reason:
        return f"Correct the value in {side.label}, or add the word to the list; it closes by itself."
    return f"Correct the value in {side.label}; it closes by itself."


@dataclass(frozen=True)
class Lacking:
    """A field that a vendor wants, which the call did not send; `row` is the one that would write it."""

    name: str
    row: Field | None

    @property
    def label(self) -> str:
        return f"`{self.row.label}` ({self.name})" if self.row else f"`{self.name}`"


def refused(
    mapping: FieldMapping, refusal: Refusal, action: Action, title: str, lacking: tuple[Lacking, ...] = ()
) -> Item:
    """A call that a system did not take; what it says is about its own names of fields, told by the mapping's.

    Where it wanted fields that were not sent, the question names them.
    """
    lacking = lacking if action.act is Act.CREATE else ()
    ids = {action.side: action.target_id, action.side.other: action.source_id}
    return Item(
        kind=ItemKind.REFUSED,
        key=refusal.key,
        title=title,
        reason=f"{_not_taken(action, lacking)} It says: {_labelled(mapping, action.side, refusal.words)}",
        advice=_to_be_filled(action, lacking) if lacking else _after_a_refusal(action),
        procore_id=ids[Side.PROCORE],
        fourhse_id=ids[Side.FOURHSE],
        field=", ".join(sorted(action.sources)) or None,
        facts={"refusal": digest(refusal.fingerprint, refusal.words)},
    )


def _labelled(mapping: FieldMapping, side: Side, words: str) -> str:
    """A vendor's `name: too long; day: wrong` with the labels of these fields."""
    labels = {name: row.label for row in reversed([*mapping.by_key.values()]) for name in row.lens.names(side)}
    told = (each.partition(": ") for each in words.split("; "))
    return "; ".join(f"{labels.get(name, name)}{colon}{said}" for name, colon, said in told)


def _not_taken(action: Action, lacking: tuple[Lacking, ...]) -> str:
    if not lacking:
        return f"{action.side.label} {NOT_DONE[action.act]}."
    named = " and ".join(each.label for each in lacking)
    return f"{action.side.label} requires {named}, of which {action.side.other.label} gives nothing."


def _to_be_filled(action: Action, lacking: tuple[Lacking, ...]) -> str:
    """What fills a field that a vendor requires: a value in its row, or a row."""
    file = "incident.yaml" if action.kind is Kind.INCIDENT else "people.yaml"
    other, told = action.side.other.label, []
    if any(each.row for each in lacking):
        told.append(f"fill it in in {other}, or check that its row in {file} goes to {action.side.label}")
    if not all(each.row for each in lacking):
        told.append(
            f"give it a row in {file}, or ask your {action.side.label} administrator whether it must be required"
        )
    sentence = "; ".join(told)
    return f"{sentence[0].upper()}{sentence[1:]}. It is tried again by itself when something changes, or {AGAIN}"


def _after_a_refusal(action: Action) -> str:
    if not action.fields or not all(stem(name) == CUSTOM for name in action.fields):
        return f"Change the record on either side, or {AGAIN}"
    return _custom_fields(action.kind, len(action.fields))


def _custom_fields(kind: Kind, count: int) -> str:
    file = "incident.yaml" if kind is Kind.INCIDENT else "people.yaml"
    what = "this field; compare its number" if count == 1 else "these fields; compare their numbers"
    return f"Procore may not know {what} in {file} with your Procore administrator's, then {AGAIN}"


def lost(link: Link, field: Field, side: Side, value: Callable[[Side], Any], title: str) -> Item:
    """A value of which a side keeps only a part, or nothing; `value` tells what each side shows."""
    return Item(
        kind=ItemKind.REFUSED,
        key=QuestionKey.lost(link, field.key, side),
        title=title,
        reason=_not_kept(field, side, value(side.other), value(side)),
        advice=_after_a_loss(link, field, side),
        procore_id=link.procore_id,
        fourhse_id=link.fourhse_id,
        field=field.key,
        facts=lost_facts(side, value),
    )


def lost_facts(side: Side, value: Callable[[Side], Any]) -> dict[str, Any]:
    """What an answer about a loss holds for: these two values. The digest keeps the texts themselves out."""
    return {"lost_on": side.value, "shown": digest(*(display(value(each)) for each in Side))}


def _not_kept(field: Field, side: Side, sent: Any, stored: Any) -> str:
    """What became of a value; of a text in figures, for what it tells has no place in a reason."""
    if not isinstance(field.lens, TextLens | TitleLens) or not sent:
        return f"`{field.label}`: the answer does not hold what was sent as {', '.join(field.lens.names(side))}."
    letters = len(stored or "")
    if letters < len(sent):
        return f"{field.label}: {side.label} kept {letters} of {len(sent)} letters; {side.other.label} has them all."
    return (
        f"{field.label}: {side.label} made {letters} letters of the {len(sent)} that were sent; "
        f"{side.other.label} has them unchanged."
    )


def _after_a_loss(link: Link, field: Field, side: Side) -> str:
    keep = "Leave both as they are: procore-4hse inbox approve ID"
    if side is Side.PROCORE and all(stem(name) == CUSTOM for name in field.lens.names(side)):
        return f"{_custom_fields(link.kind, len(field.lens.names(side)))}. {keep}"
    return f"Change it on either side, or send it again now: procore-4hse inbox retry ID. {keep}"


def doubt(
    record: Record, candidates: tuple[tuple[str, str], ...], reason: str, title: str, records: Mapping[str, str]
) -> Item:
    """A record that may be one of the other side's `candidates` (id, headline); nothing is created meanwhile.

    `records` is what it and they show, as `approval.contents` tells it.
    """
    other = record.side.other.label
    listed = "; ".join(f"{other} {record_id} {headline}" for record_id, headline in candidates)
    same = "the same: procore-4hse inbox approve ID --with RECORD_ID; " if candidates else ""
    return Item(
        kind=ItemKind.MATCH,
        key=QuestionKey.match(record.ref),
        title=title,
        reason=reason,
        advice=f"{listed + '. ' if listed else ''}If {same}different, create both: procore-4hse inbox reject ID",
        facts={"candidates": [record_id for record_id, _ in candidates], "records": dict(records)},
        **_ids(record, None),
    )


@dataclass(frozen=True)
class Survivor:
    """What is told about the record whose partner was deleted. `records` is as `approval.contents` tells it.

    `goes_with` is what 4HSE would delete along with its incident, as far as we read it; None where nothing is lost.
    `office` is the other office of 4HSE in which it stands by now.
    """

    records: Mapping[str, str]
    edited: bool = False
    goes_with: tuple[Record, ...] | None = None
    office: str = ""


def deletion(
    link: Link, gone: Side, evidence: str, title: str, survivor: Survivor, written: frozenset[Side] = frozenset(Side)
) -> Item:
    """A survivor of a deletion; `written` are the sides that this route may write."""
    alive, edited, goes_with, office = gone.other, survivor.edited, survivor.goes_with, survivor.office
    reason = f"It was deleted in {gone.label}: {evidence}. It is still there in {alive.label}"
    reason += ", and was changed there since both agreed." if edited else "."
    reason += "" if goes_with is None else f" {told_along(goes_with)}"
    reason += f" {elsewhere(office)}" if office else ""
    return Item(
        kind=ItemKind.CONFLICT if edited else ItemKind.DELETION,
        key=QuestionKey.deletion(link, gone),
        title=title,
        reason=reason,
        advice=_moved_away(gone, written) if office else _after_a_deletion(gone, written),
        procore_id=link.procore_id,
        fourhse_id=link.fourhse_id,
        facts={
            "edited": edited,
            "records": dict(survivor.records),
            **({"goes_with": [record.id for record in goes_with]} if goes_with else {}),
            **({"office": office} if office else {}),
        },
    )


def elsewhere(office: str) -> str:
    return f"It is in another office of 4HSE now: {office}."


def told_along(records: tuple[Record, ...]) -> str:
    """What would be deleted with a 4HSE incident: counts alone, for a person's name has no place in a question."""
    people = [record for record in records if record.kind is Kind.PERSON]
    resources = len(records) - len(people)
    counts = []
    if people:
        lost = [days for record in people if isinstance(days := record.image.get("days"), int)]
        told = f" ({many(sum(lost), 'day', 'days')})" if lost else ""
        counts.append(many(len(people), "involved person", "involved people") + told)
    if resources:
        counts.append(many(resources, "resource", "resources"))
    along = f"With it would go {' and '.join(counts)}. " if counts else ""
    return f"{along}{'Other resources' if resources else 'Resources'}, actions and files there: not known."


def many(count: int, one: str, more: str) -> str:
    return f"{count} {one if count == 1 else more}"


def _after_a_deletion(gone: Side, written: frozenset[Side]) -> str:
    alive = gone.other
    keep = f"keep it there: inbox reject ID; bring it back in {gone.label}: inbox reject ID --restore"
    if alive in written and gone in written:
        return f"Delete it in {alive.label} too: procore-4hse inbox approve ID; {keep}"
    if alive in written:
        return f"Delete it in {alive.label} too: procore-4hse inbox approve ID; keep it there: inbox reject ID"
    return f"This route never writes to {alive.label}, so delete it there by hand, or {keep}"


INJURY, LEAVE = "injury", "leave"
"""The answers about an accident that was recognised late."""
TO_LEAVE = "to leave both as they are until one of them changes: procore-4hse inbox approve ID --use leave"


@dataclass(frozen=True)
class LateAccident:
    """What 4HSE tells of somebody whom Procore knows only by a near miss."""

    who: str
    day: str
    """The incident's, as people read it; empty when it is not known."""
    word: str
    """4HSE's category, when it says accident and Procore shows no injury; else empty."""
    days: int
    """Of absence, when Procore shows no injury of this person; else 0."""
    after: str
    """What 4HSE's category becomes once Procore shows an injury; empty when it stays."""

    @property
    def lost(self) -> str:
        return many(self.days, "day", "days") + " of absence" if self.days else ""


def accident(link: Link, told: LateAccident, facts: Mapping[str, Any], title: str) -> Item:
    """An accident recognised late. `facts` are what an answer is checked against, with the `uses` that it may name."""
    word = f"calls it an accident ({told.word})" if told.word else ""
    lost = f"shows {told.lost}" if told.lost else ""
    return _about_near_miss(
        link.ref(Side.PROCORE),
        f"{_who(told.who, told.day)}: 4HSE {' and '.join(filter(None, (word, lost)))}; in Procore it is a near miss.",
        _after_an_accident(told, may_write=INJURY in facts["uses"]),
        title,
        facts,
        fourhse_value=", ".join(filter(None, (told.word, told.lost))),
    )


def _after_an_accident(told: LateAccident, *, may_write: bool) -> str:
    if not may_write:
        return f"This route never writes to Procore, so record the injury there by hand; or, {TO_LEAVE}"
    lost = f" with {told.lost}" if told.lost else ""
    after = f"; 4HSE's category then becomes {told.after}" if told.after else ""
    return (
        f"To record an injury in Procore{lost} and then move the near miss to Procore's recycle bin{after}: "
        f"procore-4hse inbox approve ID --use injury; {TO_LEAVE}"
    )


def replaced_near_miss(record: Record, who: str, day: str, facts: Mapping[str, Any], title: str) -> Item:
    """A near miss that was changed after an injury took its place, and before it went to the bin."""
    return _about_near_miss(
        record.ref,
        f"{_who(who, day)}: the injury stands in Procore by now, and the near miss was changed since you answered.",
        "To move the near miss to Procore's recycle bin: procore-4hse inbox approve ID --use injury; "
        "to leave it until it changes: procore-4hse inbox approve ID --use leave",
        title,
        facts,
        fourhse_value="injury",
    )


def _who(name: str, day: str) -> str:
    return f"{name}, {day}" if day else name


def _about_near_miss(
    near_miss: RecordRef, reason: str, advice: str, title: str, facts: Mapping[str, Any], *, fourhse_value: str
) -> Item:
    return Item(
        kind=ItemKind.CONFLICT,
        key=QuestionKey.accident(near_miss),
        title=title,
        reason=reason,
        advice=advice,
        facts=facts,
        field="kind",
        procore_value="near miss",
        fourhse_value=fourhse_value,
    )


def _moved_away(gone: Side, written: frozenset[Side]) -> str:
    keep = "leave it alone from now on: procore-4hse inbox reject ID"
    back = f"; bring the other one back in {gone.label}: inbox reject ID --restore" if gone in written else ""
    return f"This route deletes nothing in another office. Delete it there by hand, or move it back, or {keep}{back}"


def missing(link: Link, side: Side, title: str, records: Mapping[str, str], office: str = "") -> Item:
    """One that a complete listing does not hold. `records` is what the other one shows, as `approval.contents` tells
    it; `office` is the other office of 4HSE in which it was found.
    """
    told = f" {elsewhere(office)}" if office else ""
    return Item(
        kind=ItemKind.MISSING,
        key=QuestionKey.missing(link, side),
        title=title,
        reason=f"{side.label} no longer shows it, and nothing proves that it was deleted; both sides are left alone."
        + told,
        advice=(
            f"Look whether our account may still see it in {side.label}; it goes on by itself when it is back. "
            "If it was deleted: procore-4hse inbox approve ID"
        ),
        procore_id=link.procore_id,
        fourhse_id=link.fourhse_id,
        facts={"records": dict(records), **({"office": office} if office else {})},
    )


def guard(
    key: QuestionKey, reason: str, advice: str, held: tuple[Action, ...], cause: Mapping[str, Any], **facts: Any
) -> Item:
    """What holds actions. An approval covers the held ones, as signatures, and counts for this cause alone."""
    return Item(
        kind=ItemKind.GUARD,
        key=key,
        title="",
        reason=reason,
        advice=advice,
        facts={
            "cause": dict(cause),
            "held": [signature(action) for action in held],
            "actions": [summary(action) for action in held],
            **facts,
        },
    )


def summary(action: Action) -> dict[str, Any]:
    """A held action as questions tell it, without a value; the approval itself covers signatures."""
    return {
        "act": action.act.value,
        "side": action.side.value,
        "kind": action.kind.value,
        "id": action.target_id,
        "source_id": action.source_id,
        "parent": action.parent,
        "fields": sorted(action.sources),
        "reason": action.reason,
    }


def replaced(action: Action, gone: list[str], before: dict[str, Any], after: dict[str, Any]) -> Item:
    """A write that took away fields it did not send: both images are kept, and the route stops."""
    return Item(
        kind=ItemKind.GUARD,
        key=REPLACED,
        title="",
        reason=f"{action.side.label} emptied fields that our change did not send: {', '.join(gone)}.",
        advice="Both images are kept here. To put them back, and to send whole records from now on: inbox approve ID",
        procore_id=action.source_id if action.side is Side.FOURHSE else action.target_id,
        fourhse_id=action.target_id if action.side is Side.FOURHSE else action.source_id,
        facts={
            "kind": action.kind.on(action.side).value,
            "record": action.target_id,
            "side": action.side.value,
            "before": before,
            "after": after,
            "sent": dict(action.fields),
        },
    )


# What moved after an answer ---------------------------------------------------------------------------------------


def asked_again(item: Item, decision: Decision | None) -> Item:
    """The same question, saying what moved since it was answered; unchanged where no answer lost its ground."""
    if decision is None or decision.covers(item) or not is_about_records(item):
        return item
    return replace(item, reason=f"{item.reason} {_why_again(item, decision)}")


def is_about_records(item: Item) -> bool:
    """Whether whole records are on display, so that any move of one of them voids the answer."""
    is_deletion = item.kind is ItemKind.CONFLICT and item.field is None
    return is_deletion or item.kind in (ItemKind.DELETION, ItemKind.MATCH, ItemKind.MISSING)


def _why_again(item: Item, decision: Decision) -> str:
    if decision.shown is None:
        return "It is asked again, for an answer from an earlier version does not tell what was shown then."
    moves = _moves(decision.seen.get("records", {}), item.facts.get("records", {}))
    return f"It is asked again, for since it was answered {'; '.join(moves) or 'what it shows has changed'}."


def _moves(before: Mapping[str, str], now: Mapping[str, str]) -> tuple[str, ...]:
    """What became of each record, in words, each move once: several people may have been added."""
    edited = [name for name in now if name in before and before[name] != now[name]]
    told = [f"{_in_words(name)} was edited" for name in edited]
    told += [f"{_in_words(name)} came up" for name in now if name not in before]
    told += [f"{_in_words(name)} is no longer part of it" for name in before if name not in now]
    return tuple(dict.fromkeys(told))


def _in_words(name: str) -> str:
    """A record, by the name that `approval.contents` gives it. People are not named."""
    record = read_name(name)
    if record.kind is Kind.INCIDENT:
        return f"{record.side.label} {record.id}"
    return f"{'a resource' if record.kind is Kind.RESOURCE else 'the record of a person'} in {record.side.label}"


def _ids(record: Record, other_id: str | None) -> dict[str, Any]:
    ids = {record.side: record.id, record.side.other: other_id}
    return {"procore_id": ids[Side.PROCORE], "fourhse_id": ids[Side.FOURHSE]}
