"""`explain`: the whole story of one incident."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from procore_4hse.cli.actions import IN_WORDS, action_json
from procore_4hse.cli.context import CliContext, Json, cli_context, teach
from procore_4hse.cli.preview import crossing_json, crossing_table, in_words
from procore_4hse.cli.questions import advice
from procore_4hse.cli.tables import facts, table
from procore_4hse.cli.text import counted, fields_in_words, moment, plain, short
from procore_4hse.mapping.lenses.base import Known
from procore_4hse.mapping.lenses.words import SeveralWords, WordLens
from procore_4hse.models import Action, Image, Kind, Link, LinkState, RawRecord, Side
from procore_4hse.operations.explain import Compared, Story, story_of
from procore_4hse.reconcile.diff import FieldDiff, Verdict
from procore_4hse.reconcile.snapshot import Presence
from procore_4hse.store.journal import Intent

HELP = """The whole story of one incident, by its id in either system: both records, what both sides last agreed on,
rule by rule what is mapped to what, everything that was ever written for it, what waits for a person,
and what happens next.

No call is made: it shows what the last reading saw. Run `plan` first to read both systems anew.

[bold]Example[/bold]  procore-4hse explain 4711

[bold]Exit codes[/bold]  0 shown · 2 configuration, or no such incident · 4 the store cannot be used
"""

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
}
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

Id = Annotated[
    str, typer.Argument(metavar="ID", help="The id of an incident, or of a record below one, in Procore or in 4HSE.")
]


def api(app: typer.Typer) -> None:
    app.command("explain", help=teach(HELP))(explain)


def explain(ctx: typer.Context, record_id: Id, as_json: Json = False) -> None:
    context = cli_context(ctx)
    with context.runtime() as runtime:
        story = story_of(runtime, context.routes, record_id)
    if as_json:
        context.print_json(_json(story))
    else:
        _show(context, story)


# For programs ----------------------------------------------------------------------------------------------------


def _json(story: Story) -> dict[str, Any]:
    return {
        "route": story.route.name,
        "procore_id": story.ids[Side.PROCORE],
        "fourhse_id": story.ids[Side.FOURHSE],
        "link": _link_json(story.incident),
        "records": {side.value: _record_json(story.incident, side) for side in Side},
        "fields": [_field_json(diff) for diff in story.incident.fields],
        "crossings": [crossing_json(one) for one in story.incident.previews],
        "people": [_person_json(one) for one in story.people],
        "children": {kind.value: [_named(each) for each in records] for kind, records in story.children.items()},
        "journal": [_intent_json(intent) for intent in story.journal],
        "inbox": [_item_json(entry) for entry in story.items],
        "next": {
            "summary": next_words(story),
            "actions": [action_json(action) for action in story.next],
            "held": [action_json(action) for action in story.held],
        },
    }


def _person_json(person: Compared) -> dict[str, Any]:
    return {
        "record": person.kind.value,
        "procore_id": person.ids[Side.PROCORE],
        "fourhse_id": person.ids[Side.FOURHSE],
        "link": _link_json(person),
        "fields": [_field_json(diff) for diff in person.fields],
        "crossings": [crossing_json(one) for one in person.previews],
        "names_nobody": person.names_nobody,
        "local": [{"field": row.key, "label": row.label, "fourhse": in_words(kept)} for row, kept in person.local],
    }


def _link_json(pair: Compared) -> dict[str, Any] | None:
    link = pair.link
    if link is None:
        return None
    origin = link.origin.value if link.origin else None
    return {"state": link.state.value, "since": link.since.isoformat() if link.since else None, "born": origin}


def _record_json(incident: Compared, side: Side) -> dict[str, Any] | None:
    record = incident.records[side]
    if record is None:
        return None
    return {"presence": record.presence.value, "private": record.private, "fields": _own(record.image)}


def _own(image: Image) -> dict[str, Any]:
    return {name: value for name, value in image.items() if not name.startswith("@")}


def _field_json(diff: FieldDiff) -> dict[str, Any]:
    return {
        "field": diff.field.key,
        "label": diff.field.label,
        "procore": in_words(diff.procore),
        "fourhse": in_words(diff.fourhse),
        "base": _base(diff),
        "verdict": diff.verdict.value,
        "to": diff.to.value if diff.to else None,
        "reason": diff.reason,
        "using": diff.field.wording.using,
        "direction": diff.field.way.value,
        "if_both_changed": diff.field.on_conflict.value,
    }


def _intent_json(intent: Intent) -> dict[str, Any]:
    return {
        "id": intent.id,
        "at": intent.made_at.isoformat(),
        **action_json(intent.action),
        "outcome": intent.outcome,
        "words": intent.words or None,
    }


def _item_json(entry: Any) -> dict[str, Any]:
    item = entry.item
    question = {"id": str(entry.id), "kind": item.kind.value, "state": entry.state, "field": item.field}
    return {**question, "reason": item.reason, "advice": advice(entry)}


# For people ------------------------------------------------------------------------------------------------------


def _show(context: CliContext, story: Story) -> None:
    out = context.out
    out.print(headline(story))
    out.print(_sides(story))
    _show_fields(context, "Field by field", story.incident)
    for person in story.people:
        _show_fields(context, person_title(person), person)
        if person.local:
            out.print(local_words(person))
        if person.names_nobody:
            out.print(Text(nobody_words(person), style="yellow"))
    for line in _children(story):
        out.print(line)
    if story.journal:
        out.print(_journal(story))
    for entry in story.items:
        out.print(Text(f"Inbox {entry.id}, a {entry.item.kind.value}: {plain(entry.item.reason)}", style="yellow"))
        out.print(Text(f"  {plain(advice(entry))}", style="cyan"))
    out.print(Text.assemble(("Next: ", "bold"), next_words(story)))


def _show_fields(context: CliContext, title: str, pair: Compared) -> None:
    if pair.fields:
        context.out.print(_fields(title, pair))
    if pair.previews:
        context.out.print(crossing_table(f"{title}: value in, rule, value out", pair.previews))


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


def nobody_words(person: Compared) -> str:
    """Why a record that names no person stays where it is, although nothing waits for it."""
    return f"Not carried: this {CHILDREN[person.kind][0]} names no person. Name the person in Procore, and it crosses."


def _title(story: Story) -> str:
    for side in Side:
        record = story.incident.records[side]
        if record is not None and not record.minimal:
            return short(in_words(story.route.mapping.title.lens.get(side, record.image)), 200)
    return "An incident whose contents stay at home"


def _sides(story: Story) -> Table:
    both = facts()
    for side in Side:
        record = story.incident.records[side]
        state = "" if record is None else f", {PRESENCES[record.presence]}"
        state = ", brought back; the next reading shows it" if story.is_brought_back(side) else state
        state += ", private" if record is not None and record.private else ""
        both.add_row(side.label, f"{story.ids[side] or 'has none'}{state}")
    return both


def _fields(title: str, pair: Compared) -> Table:
    listed = table(title, rows_apart=True)
    listed.add_column("field", overflow="fold")
    for name in ("Procore", "4HSE", "last agreed", "so"):
        listed.add_column(name, ratio=1, overflow="fold")
    for diff in pair.fields:
        cells = (short(in_words(diff.procore), 300), short(_there(diff, pair), 300), short(_base(diff), 300))
        listed.add_row(diff.field.label, *cells, _verdict(diff))
    return listed


def _there(diff: FieldDiff, pair: Compared) -> str:
    """What 4HSE shows; of a word list its own words, not what they mean in Procore."""
    lens, record = diff.field.lens, pair.records[Side.FOURHSE]
    if isinstance(lens, WordLens | SeveralWords) and isinstance(diff.fourhse, Known) and record is not None:
        return plain(lens.spot.read(record.image))
    return in_words(diff.fourhse)


def _base(diff: FieldDiff) -> str | None:
    if diff.base is None:
        return None
    return in_words(diff.field.lens.get(Side.PROCORE, diff.base.procore))


def _verdict(diff: FieldDiff) -> str:
    words = VERDICTS[diff.verdict] + (f" {diff.to.label}" if diff.verdict is Verdict.WRITE and diff.to else "")
    return words if diff.verdict is Verdict.SAME else f"{words}: {diff.reason}"


def _children(story: Story) -> list[str]:
    """One line per kind: how many, which, and whether they travel."""
    lines = []
    for kind, records in story.children.items():
        one, many = CHILDREN[kind]
        where = Side.FOURHSE.label if kind is Kind.PERSON else Side.PROCORE.label
        stays = "; 4HSE has no place for them, so they stay there" if kind in LOCAL_KINDS else ""
        names = ", ".join(_named(record) for record in records)
        lines.append(f"{counted(len(records), one, many)} in {where}{stays}: {names}")
    return lines


def _named(record: RawRecord) -> str:
    """How people know a record: its number where it has one, else its id, and what it says."""
    payload = record.payload
    number = payload.get("full_number") or payload.get("number") or record.id
    words = short(payload.get("description") or payload.get("person_full_name"), 60)
    return f"{number} ({words})" if words else str(number)


def _journal(story: Story) -> Table:
    listed = table("What was written for it", rows_apart=True)
    listed.add_column("when", no_wrap=True)
    listed.add_column("what", no_wrap=True)
    listed.add_column("values", ratio=3, overflow="fold")
    listed.add_column("why", ratio=2, overflow="fold")
    for intent in story.journal:
        action = intent.action
        what = f"{IN_WORDS[action.act]} {action.side.label}\n{_outcome(intent)}"
        why = f"{action.reason}\n{plain(intent.words)}" if intent.words else action.reason
        listed.add_row(moment(intent.made_at).replace(" UTC", "\nUTC"), what, fields_in_words(action.fields), why)
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
