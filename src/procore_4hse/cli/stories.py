"""One incident as people read it: what it is, rule by rule what crosses, what was written, and what is next."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from rich.table import Table
from rich.text import Text

from procore_4hse.cli.actions import IN_WORDS
from procore_4hse.cli.context import CliContext
from procore_4hse.cli.preview import in_words, show_crossings
from procore_4hse.cli.tables import ID, add_id_column, facts, table, whole_ids
from procore_4hse.cli.text import counted, fields_in_words, moment, plain, short
from procore_4hse.mapping.lenses import actions, office
from procore_4hse.mapping.lenses.base import Known
from procore_4hse.mapping.lenses.words import SeveralWords, WordLens
from procore_4hse.models import Action, Image, Kind, Link, LinkState, RawRecord, Side
from procore_4hse.operations.explain import IN_OFFICE, Compared, Story
from procore_4hse.operations.search import number_of
from procore_4hse.reconcile.diff import FieldDiff, Verdict
from procore_4hse.reconcile.snapshot import Presence
from procore_4hse.store.journal import Intent

VERDICTS = {
    Verdict.SAME: "agree",
    Verdict.AGREED: "agree, newly",
    Verdict.WRITE: "write to",
    Verdict.CONFLICT: "conflict",
    Verdict.DRIFT: "drift",
    Verdict.LOCAL: "stays where it is",
    Verdict.SETTLED: "left as they are",
    Verdict.LOST: "waits for an answer",
    Verdict.HELD: "waits",
}
CHILDREN = {
    Kind.INJURY: ("injury", "injuries"),
    Kind.NEAR_MISS: ("near miss", "near misses"),
    Kind.PROPERTY_DAMAGE: ("property damage", "property damages"),
    Kind.ENVIRONMENTAL: ("environmental record", "environmental records"),
    Kind.PERSON: ("involved person", "involved people"),
    Kind.EQUIPMENT: ("piece of equipment", "pieces of equipment"),
    Kind.ACTION: ("action", "actions"),
    Kind.RESOURCE: ("resource", "resources"),
    Kind.INCIDENT_ACTION: ("action", "actions"),
}
TOLD: Mapping[Kind, Callable[[Image], str]] = {
    Kind.ACTION: actions.told,
    Kind.RESOURCE: office.told,
    Kind.INCIDENT_ACTION: office.told,
}
"""What a record says, where that is more than a description."""
LOCAL_KINDS = (Kind.PROPERTY_DAMAGE, Kind.ENVIRONMENTAL)
"""4HSE has no place for these: they stay in Procore."""

PRESENCES = {
    Presence.PRESENT: "shown",
    Presence.UNSEEN: "not seen by the last reading",
    Presence.ABSENT: "no longer shown",
    Presence.GONE: "deleted",
}
STATES = {
    LinkState.GONE_PROCORE: "deleted in Procore",
    LinkState.GONE_FOURHSE: "deleted in 4HSE",
    LinkState.CLOSED_BY_POLICY: "one was deleted, and the other was closed",
    LinkState.IGNORED: "one was deleted, and the other is kept and left alone",
    LinkState.ENDED: "deleted on both sides",
}


BESIDE = 36
"""What the values that were sent leave to the columns beside them."""


def show_rules(context: CliContext, story: Story) -> None:
    """Everything, rule by rule: fields, people, what stands below the incident, and every write."""
    out = context.out
    _show_fields(context, "Field by field", story.incident)
    for person in story.people:
        _show_fields(context, person_title(person), person)
        if person.local:
            out.print(local_words(person))
    for line in _child_lines(story):
        out.print(line)
    if story.journal:
        out.print(_journal_table(story, out.width - BESIDE))


def _show_fields(context: CliContext, title: str, pair: Compared) -> None:
    if pair.fields:
        context.out.print(_fields(title, pair))
    if pair.previews:
        show_crossings(context, f"{title}: value in, rule, value out", pair.previews)


def headline(story: Story) -> Text:
    link = story.incident.link
    since = f" since {moment(link.since)}" if link and link.since else ""
    linked = f"linked{since}" if link else "not linked"
    state = f"; {_ended(story, link)}" if link and link.state is not LinkState.LIVE else ""
    origin = f", first made in {link.origin.label}" if link and link.origin else ""
    return Text.assemble((_title(story), "bold"), f"\nroute {story.route.name}, {linked}{origin}{state}")


def _ended(story: Story, link: Link) -> str:
    """What became of its records, and since when: the deletion's own time."""
    times = [moment(at) for at in story.deleted_at.values()]
    return f"{STATES[link.state]}{f' since {min(times)}' if times else ''}"


def person_title(person: Compared) -> str:
    """What the record is, its ids, and whether it is linked: `injury 12, in 4HSE 5f…`."""
    one, _ = CHILDREN[person.kind]
    ids = ", ".join(f"{side.label} {known}" for side, known in person.ids.items() if known)
    return f"{one.capitalize()} ({ids}){'' if person.link else ', not linked'}"


def local_words(person: Compared) -> str:
    """What stays in 4HSE because such a record has no place for it in Procore: how many values, and which."""
    values = "; ".join(f"{row.label}: {short(in_words(kept), 60)}" for row, kept in person.local)
    kept = counted(len(person.local), "value stays", "values stay")
    return f"{kept} in 4HSE, for which a {CHILDREN[person.kind][0]} has no place: {values}"


def nobody_words(story: Story, person: Compared) -> str:
    """How a record that names no person crosses, or that it does not, although nothing waits for it."""
    what = CHILDREN[person.kind][0]
    row = story.route.mapping.telling(person.kind)
    if row is None or not row.writes_to(Side.FOURHSE):
        return f"Not carried: this {what} names no person. Name the person in Procore, and it crosses."
    told = f"This {what} names no person, and is told under {row.label!r} of its incident in 4HSE."
    return f"{told} Name the person in Procore, and it crosses by itself."


def _title(story: Story) -> str:
    for side in Side:
        record = story.incident.records[side]
        if record is not None and not record.minimal:
            return short(in_words(story.route.mapping.title.lens.get(side, record.image)), 200)
    return "An incident whose contents stay at home"


def sides(story: Story) -> Table:
    both = facts()
    for side in Side:
        record = story.incident.records[side]
        number = number_of(side, record.image) if record is not None else ""
        state = f", number {plain(number)}" if number else ""
        presence = "" if record is None else f", {PRESENCES[record.presence]}"
        state += ", brought back; the next reading shows it" if story.is_brought_back(side) else presence
        state += ", private" if record is not None and record.private else ""
        both.add_row(side.label, f"{story.ids[side] or 'has none'}{state}")
    return both


def _fields(title: str, pair: Compared) -> Table:
    listed = table(title, rows_apart=True)
    listed.add_column("field", overflow="fold")
    for name in ("Procore", "4HSE", "last agreed", "so"):
        listed.add_column(name, ratio=1, overflow="fold")
    for diff in pair.fields:
        cells = (short(in_words(diff.procore), 300), short(_there(diff, pair), 300), short(base_in_words(diff), 300))
        listed.add_row(diff.field.label, *cells, verdict_in_words(diff))
    return listed


def _there(diff: FieldDiff, pair: Compared) -> str:
    """What 4HSE shows; of a word list its own words, not what they mean in Procore."""
    lens, record = diff.field.lens, pair.records[Side.FOURHSE]
    if isinstance(lens, WordLens | SeveralWords) and isinstance(diff.fourhse, Known) and record is not None:
        return plain(lens.spot.read(record.image))
    return in_words(diff.fourhse)


def base_in_words(diff: FieldDiff) -> str | None:
    if diff.base is None:
        return None
    return in_words(diff.field.lens.get(Side.PROCORE, diff.base.procore))


def verdict_in_words(diff: FieldDiff) -> str:
    words = VERDICTS[diff.verdict] + (f" {diff.to.label}" if diff.verdict is Verdict.WRITE and diff.to else "")
    return words if diff.verdict is Verdict.SAME else f"{words}: {diff.reason}"


def _child_lines(story: Story) -> list[str]:
    """One line per kind: how many, which, and whether they travel."""
    lines = []
    for kind, records in story.children.items():
        one, many = CHILDREN[kind]
        where = (Side.FOURHSE if kind in IN_OFFICE else Side.PROCORE).label
        stays = f"; 4HSE has no place for {'it, so it stays' if len(records) == 1 else 'them, so they stay'} there"
        names = ", ".join(named_record(record) for record in records)
        lines.append(f"{counted(len(records), one, many)} in {where}{stays if kind in LOCAL_KINDS else ''}: {names}")
    return lines


def named_record(record: RawRecord) -> str:
    """How people know a record: its number where it has one, else its id, and what it says."""
    payload = record.payload
    number = payload.get("full_number") or payload.get("number") or record.id
    told = TOLD.get(record.kind, lambda image: image.get("description") or image.get("person_full_name"))
    words = short(told(payload), 60)
    return f"{number} ({words})" if words else str(number)


def _journal_table(story: Story, width: int) -> Table:
    listed = table("What was written for it", rows_apart=True)
    listed.add_column("when", no_wrap=True)
    listed.add_column("what, and why", overflow="fold")
    add_id_column(listed, "values")
    for intent in story.journal:
        action = intent.action
        what = (f"{IN_WORDS[action.act]} {action.side.label}", _outcome(intent), action.reason, plain(intent.words))
        values = whole_ids(*fields_in_words(action.fields).splitlines(), width=max(ID, width))
        listed.add_row(moment(intent.made_at).replace(" ", "\n", 1), "\n".join(filter(None, what)), values)
    return listed


def _outcome(intent: Intent) -> str:
    if intent.outcome == "open":
        return "not known yet"
    return "done in part" if intent.outcome == "done" and intent.words else str(intent.outcome)


def next_words(story: Story) -> str:
    """What the next cycle does with this incident, as far as the last reading tells."""
    if story.pending:
        return "a write whose answer was lost is looked for first; nothing else happens before."
    if story.held:
        return f"{_told(story.held)}, which a guard holds until a person allows it."
    if story.next:
        return f"{_told(story.next)}."
    if story.stop and story.asks:
        return f"the route is held until a person acts: {story.stop}"
    if waiting := [str(entry.id) for entry in story.items if entry.state == "open"]:
        return f"nothing until a person answers (inbox {', '.join(waiting)})."
    if story.asks:
        return "a person is asked: " + " ".join(item.reason for item in story.asks)
    if story.excluded:
        return f"nothing: {story.excluded}."
    if nameless := len([one for one in story.people if one.names_nobody]):
        return f"nothing; {counted(nameless, 'record names', 'records name')} no person."
    return "nothing; there is nothing to do."


def _told(actions: tuple[Action, ...]) -> str:
    return "; ".join(f"{IN_WORDS[action.act]} {action.side.label} ({action.reason})" for action in actions)
