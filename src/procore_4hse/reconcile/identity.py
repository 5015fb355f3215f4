"""Whom linked records name: who has no partner, and what follows when the lists no longer say that two are one."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from procore_4hse.mapping.directory import Directory, Hint, assignment_in, name_in
from procore_4hse.mapping.lenses.person import PersonLens
from procore_4hse.mapping.person_keys import names_contradict
from procore_4hse.models import Decision, Item, Kind, Link, QuestionKey, RecordRef, Side
from procore_4hse.reconcile import items
from procore_4hse.reconcile.approval import digest
from procore_4hse.reconcile.diff import FieldDiff, Verdict, seen
from procore_4hse.reconcile.items import Asked
from procore_4hse.reconcile.redacted_base import is_redacted
from procore_4hse.reconcile.snapshot import Record, Snapshot

FEW = 5
"""So many people who may be meant are listed."""


def person_of(snapshot: Snapshot, record: Record) -> RecordRef | None:
    """The row of its side's list that a record names."""
    lens = snapshot.mapping.person.bound(snapshot.people.picklists).lens
    person = lens.person(record.side, record.image) if isinstance(lens, PersonLens) else None
    return None if person is None else RecordRef(record.side, Kind.DIRECTORY, person)


def is_never_copied(snapshot: Snapshot, person: RecordRef | None) -> bool:
    """Whether somebody said that this person is never copied, on whatever record."""
    decision = snapshot.decisions.get(QuestionKey.match(person)) if person is not None else None
    return decision is not None and decision.verb == "reject"


def never_copied(snapshot: Snapshot) -> list[QuestionKey]:
    """The answers which say so; they count until they are taken back, whether or not a record names the person now."""
    return [
        key
        for key, decision in snapshot.decisions.items()
        if decision.verb == "reject" and decision.who is not None and key == QuestionKey.match(decision.who)
    ]


def no_partner(snapshot: Snapshot, record: Record, reason: str, title: str) -> Item:
    """The question who somebody is; the same one for each of their records."""
    person = person_of(snapshot, record) or record.ref
    name, directory = name_in(record.side, record.image), snapshot.people.picklists.directory
    told = reason.replace("this person", name or "This person")
    told = told.replace("no partner", "no certain partner") + doubt if (doubt := _doubt(directory, person)) else told
    outsider = directory.unassigned.get(person.id) if person.side is Side.PROCORE else None
    if outsider:
        told += f", and 4HSE has {outsider} in the company without an assignment to this office"
    advice = (
        f"{ASSIGN if outsider else GIVE_KEYS}, or name the partner: "
        "procore-4hse inbox approve ID --with RECORD_ID; never copy this person: procore-4hse inbox reject ID"
    )
    return _who(directory, record, person, told, _perhaps(directory, person, name) + advice, title)


GIVE_KEYS = "Give the person the same employee id, tax code or e-mail on both sides"
ASSIGN = "In 4HSE, open this person and assign them to the office; the record crosses by itself then"


def left(snapshot: Snapshot, record: Record, day: date | None, title: str) -> Item | None:
    """The question about somebody whose partner had left by the day of the incident; None where that is not so."""
    person, directory = person_of(snapshot, record), snapshot.people.picklists.directory
    partner = directory.partner(record.side, person.id) if person is not None else None
    other = record.side.other
    if person is None or partner is None or not directory.left_before(other, partner, day):
        return None
    name, gone = directory.name(other, partner), directory.left[other][partner]
    where = "the 4HSE office" if other is Side.FOURHSE else "Procore's directory"
    told = f"{name} left {where} by {gone}, and this happened {f'on {day}' if day else 'on an unknown day'}"
    again = ASSIGN if other is Side.FOURHSE else "If they are back, add them to the project's directory in Procore"
    advice = (
        f"{again}. If they are meant all the same: procore-4hse inbox approve ID --with {partner}; "
        "if it is somebody else: procore-4hse inbox approve ID --with RECORD_ID; "
        "never copy this person: procore-4hse inbox reject ID"
    )
    return _who(directory, record, person, told, advice, title)


def _who(directory: Directory, record: Record, person: RecordRef, told: str, advice: str, title: str) -> Item:
    about = replace(record, id=person.id, kind=person.kind)
    item = items.doubt(about, (), f"{told}; the incident itself crosses.", title, {})
    facts = {
        **item.facts,
        "who": {"side": person.side.value, "id": person.id},
        "named": named(directory, person),
    }
    return replace(item, advice=advice, facts=facts)


def _hints(directory: Directory, person: RecordRef) -> tuple[Hint, ...]:
    return directory.hints.get(person.side, {}).get(person.id, ())


def named(directory: Directory, person: RecordRef) -> str:
    """A digest of what the lists tell of somebody: their name, and who of the other side they may be."""
    side, name = person.side.other, directory.name(person.side, person.id)
    meant = sorted((hint.rule, hint.id, directory.name(side, hint.id)) for hint in _hints(directory, person))
    gone = directory.left.get(side, {}).get(directory.partner(person.side, person.id) or "")
    return digest(name, meant, sorted(directory.alike(side, name)), *([gone.isoformat()] if gone else []))


def is_as_named(directory: Directory, decision: Decision) -> bool:
    """Whether the lists still tell of a person what they told when somebody named the partner."""
    return decision.who is not None and decision.seen.get("named") == named(directory, decision.who)


def _doubt(directory: Directory, person: RecordRef) -> str:
    """Why what the rules say does not count."""
    side, hints = person.side.other, _hints(directory, person)
    if not hints:
        return ""
    names = {hint.id: directory.name(side, hint.id) for hint in hints}
    if len(names) > 1:
        return f", for it may be {' or '.join(f'{names[hint.id]} ({hint.rule})' for hint in hints[:FEW])}"
    name = names[hints[0].id]
    if names_contradict(name, directory.name(person.side, person.id)):
        return f", for {name} ({hints[0].rule}) has another name altogether"
    return f", for {name} ({hints[0].rule}) may be somebody else too"


def perhaps(directory: Directory, person: RecordRef, name: str) -> dict[str, str]:
    """Some people of the other side who may be this one: their ids and names."""
    side = person.side.other
    meant = {hint.id: directory.name(side, hint.id) for hint in _hints(directory, person)}
    meant |= dict(directory.alike(side, name))
    return dict(list(meant.items())[:FEW])


def _perhaps(directory: Directory, person: RecordRef, name: str) -> str:
    listed = [f"{person.side.other.label} {one} {other}" for one, other in perhaps(directory, person, name).items()]
    return f"Perhaps: {'; '.join(listed)}. " if listed else ""


# Two who were one ------------------------------------------------------------------------------------------------


def identified(snapshot: Snapshot, link: Link, difference: FieldDiff) -> FieldDiff:
    """What becomes of two people whom the lists tell apart: a partner that was named is followed, else it is asked."""
    lens, ids = difference.field.lens, ids_of(difference)
    if not difference.is_parted or not isinstance(lens, PersonLens):
        return difference
    if ids is None or not lens.directory.parts(ids[Side.PROCORE], ids[Side.FOURHSE]):
        return replace(difference, verdict=Verdict.SETTLED, reason="they differ as they were left")
    source = _first(snapshot, link)
    if source is not None and lens.directory.is_told(source, ids[source]):
        return _follow(difference, source, "another partner was named for this person")
    base = link.base[difference.field.key]
    if any(is_redacted(base.of(side)) for side in Side):
        # What was known of this person was removed on request; a question would name them again.
        return replace(difference, verdict=Verdict.SETTLED, reason="what both agreed on was removed on request")
    decision = snapshot.decisions.get(QuestionKey.parted(ids[Side.PROCORE], ids[Side.FOURHSE]))
    return difference if decision is None else _decided(difference, decision)


def ids_of(difference: FieldDiff) -> dict[Side, str] | None:
    """The two people's own ids; neither record changed since its base."""
    party = difference.value(Side.PROCORE)
    office = assignment_in(difference.base.fourhse) if difference.base is not None else None
    return None if party is None or office is None else {Side.PROCORE: str(party), Side.FOURHSE: office}


def _first(snapshot: Snapshot, link: Link) -> Side | None:
    """The side whose record named the person first: the other one's is our copy. None when both came from people."""
    copy = snapshot.people.copies.get(link.key)
    return copy.other if copy is not None else link.origin


def _follow(difference: FieldDiff, source: Side, reason: str, used: Decision | None = None) -> FieldDiff:
    to = source.other
    if difference.field.writes_to(to):
        return replace(difference, verdict=Verdict.WRITE, to=to, reason=reason, used=used)
    return replace(difference, verdict=Verdict.LOCAL, reason=f"{reason}; this field does not travel to {to.label}")


def _decided(difference: FieldDiff, decision: Decision) -> FieldDiff:
    if decision.seen.get("seen") != seen(difference):
        return difference
    if decision.verb == "reject":
        reason = "a person leaves the records as they are"
        return replace(difference, verdict=Verdict.SETTLED, reason=reason, used=decision, rebase=True)
    if decision.verb != "resolve":
        return difference
    return _follow(difference, decision.side, f"a person chose {decision.side.label}", decision)


def question(snapshot: Snapshot, link: Link, difference: FieldDiff, title: str) -> Item:
    """Which of the two it is; only a side whose person has another partner by now can be followed."""
    directory, ids = snapshot.people.picklists.directory, ids_of(difference) or {}
    names = {side: directory.name(side, ids[side]) for side in Side}
    uses = tuple(side for side in Side if directory.partner(side, ids[side]) and difference.field.writes_to(side.other))
    asked = _first(snapshot, link) or Side.PROCORE
    key = QuestionKey.parted(ids[Side.PROCORE], ids[Side.FOURHSE])
    item = items.parted(key, link, difference, title, names, Asked(asked, ids[asked], uses))
    person = RecordRef(asked, Kind.DIRECTORY, ids[asked])
    return replace(item, facts={**item.facts, "named": named(directory, person)})
