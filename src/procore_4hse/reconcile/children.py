"""The people of a linked incident: Procore's injuries and near misses, and 4HSE's involved people."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence, Set
from dataclasses import replace
from datetime import date
from typing import Any

from procore_4hse.mapping.lenses.base import Held, Unwritable
from procore_4hse.mapping.lenses.person import PersonLens
from procore_4hse.mapping.rules import Field
from procore_4hse.mapping.translate import facts_of, payload
from procore_4hse.models import (
    CHILDREN,
    PEOPLE_RECORDS,
    Act,
    Action,
    Base,
    Item,
    ItemKind,
    Kind,
    Link,
    LinkState,
    QuestionKey,
    RecordRef,
    Side,
    SyncStatus,
)
from procore_4hse.reconcile import items
from procore_4hse.reconcile.approval import contents
from procore_4hse.reconcile.child_context import incident_id, want, within
from procore_4hse.reconcile.diff import emptied_since
from procore_4hse.reconcile.draft import BADNESS, Draft
from procore_4hse.reconcile.equipment import named_again, plan_equipment
from procore_4hse.reconcile.identity import is_never_copied, left, no_partner, person_of
from procore_4hse.reconcile.late_accidents import IncidentPeople, is_accident, plan_late_accidents
from procore_4hse.reconcile.lifecycle import link_outcome, presence_of
from procore_4hse.reconcile.linked import Pair, compare_pair
from procore_4hse.reconcile.scope import day_of
from procore_4hse.reconcile.snapshot import Presence, Record, RecordGroup, Snapshot


def plan_children(snapshot: Snapshot, parent: Link, title: str, draft: Draft) -> None:
    """Everything that the people of one linked incident need; held while their lists are not complete."""
    people = snapshot.people
    if not people.certified or parent.procore_id in people.uncounted:
        draft.unknown |= parent.refs | set(_children_of(snapshot, parent))
        return
    records = {side: people.records[side].get(parent.id_on(side), ()) for side in Side}
    links = tuple(one for one in people.links.get(parent.procore_id, ()) if not _names_another(snapshot, one, records))
    if not links and not any(records.values()):
        return
    inner = Draft()
    kinds = CHILDREN if snapshot.mapping.equipment else PEOPLE_RECORDS
    groups = {kind: _group(snapshot, parent, title, kind, records, links) for kind in kinds}
    survivors = _survivors(snapshot, groups)
    known = IncidentPeople(snapshot, parent, title, groups[Kind.NEAR_MISS], groups[Kind.INJURY])
    named = _named_people(snapshot, _without(records, known.replaced.keys()), links, survivors)
    # What is entered anew goes before the deletion of what it stands for.
    anew = survivors & _entered_anew(snapshot, named)
    anew |= named_again(snapshot, groups[Kind.EQUIPMENT]).keys() if Kind.EQUIPMENT in groups else set()
    unpaired = _unpaired(snapshot, groups, records)
    for group in groups.values():
        _plan_kind(snapshot, parent, group, anew, unpaired, inner)
    plan_late_accidents(known, anew, inner)
    uncertain = [*_of_uncertain_links(groups, records, survivors), *_contested(snapshot, groups, inner)]
    uncertain += _of_open_creates(snapshot, records, links)
    waiting = _by_person(snapshot, uncertain).keys()
    for person, (mine, theirs) in named.items():
        if person in waiting:
            # A copy would count them twice if the partner of their record is there, or if a correction goes on.
            inner.unknown |= {record.ref for record in (*mine, *theirs)}
            continue
        _plan_person(snapshot, parent, title, mine, theirs, survivors, inner)
    if snapshot.mapping.equipment:
        plan_equipment(snapshot, groups[Kind.EQUIPMENT], parent, inner)
    _lay_over(inner, parent, draft)


def _names_another(snapshot: Snapshot, link: Link, records: Mapping[Side, tuple[Record, ...]]) -> bool:
    """Whether a survivor that was to stay as it is names somebody else by now: that one has no partner yet."""
    base = link.base.get(snapshot.mapping.person.key)
    if link.state is not LinkState.IGNORED or base is None:
        return False
    there = [r for own in records.values() for r in own if r.ref in link.refs and r.presence is Presence.PRESENT]
    if len(there) != 1:
        return False
    kept = replace(there[0], image={**there[0].image, **base.of(there[0].side)})
    who = [person_of(snapshot, one) for one in (*there, kept)]
    return None not in who and who[0] != who[1]


def leave_children(snapshot: Snapshot, parent: Link, draft: Draft) -> None:
    """Nothing is planned for the people of this incident now; what a person said about them stays said."""
    mine = set(_children_of(snapshot, parent))
    asked = {question(record) for record in mine for question in (QuestionKey.match, QuestionKey.accident)}
    draft.answers_in_use += [key for key, told in snapshot.decisions.items() if key in asked or told.who in mine]


def _children_of(snapshot: Snapshot, parent: Link) -> Iterator[RecordRef]:
    """The records of an incident's people, and the people whom they name."""
    for side in Side:
        for record in snapshot.people.records[side].get(parent.id_on(side), ()):
            yield record.ref
            if record.kind in (*PEOPLE_RECORDS, Kind.PERSON) and (person := person_of(snapshot, record)):
                yield person


def _group(
    snapshot: Snapshot,
    parent: Link,
    title: str,
    kind: Kind,
    records: dict[Side, tuple[Record, ...]],
    links: tuple[Link, ...],
) -> RecordGroup:
    """The children of one kind, on both sides."""
    known = {side: {r.id: r for r in records[side] if r.kind is kind.on(side)} for side in Side}
    own = tuple(link for link in links if link.kind is kind)
    return RecordGroup(rows_of(snapshot, kind), known, own, parent, title)


def _without(records: dict[Side, tuple[Record, ...]], left_out: Set[RecordRef]) -> dict[Side, tuple[Record, ...]]:
    return {side: tuple(record for record in own if record.ref not in left_out) for side, own in records.items()}


def rows_of(snapshot: Snapshot, kind: Kind) -> tuple[Field, ...]:
    """The rows of such a record, as the route's direction leaves them."""
    return snapshot.mapping.narrowed(snapshot.direction).rows_for(kind, snapshot.people.picklists)


def _plan_kind(
    snapshot: Snapshot,
    parent: Link,
    group: RecordGroup,
    anew: Set[RecordRef],
    unpaired: Mapping[Side, Collection[str]],
    draft: Draft,
) -> None:
    """The links of one kind; of those in `anew` the survivor has a new partner, or is asked about with one."""
    for link in group.links:
        if link.refs & anew:
            continue
        if link.refs & snapshot.pending:
            draft.set_status(Side.PROCORE, link.procore_id, SyncStatus.WAITING)
            continue
        outcome = link_outcome(snapshot, group, link)
        draft.take(outcome.transition, outcome.items, outcome.answers_in_use, outcome.rebases)
        for action in outcome.actions:
            want(snapshot, within(action, parent), str(group.title), draft)
        if outcome.alive:
            procore, fourhse = (group.records[side][link.id_on(side)] for side in Side)
            pair = Pair(link, procore, fourhse, group.rows, str(group.title), parent.procore_id, unpaired)
            compare_pair(snapshot, pair, draft)


def people_of(snapshot: Snapshot, incident: Record) -> frozenset[str]:
    """Whom an incident names, as Procore's person ids; those who have a partner on the other side alone."""
    records = snapshot.people.records[incident.side].get(incident.id)
    if not records:
        return frozenset()
    named = _by_person(snapshot, [record for record in records if record.presence is Presence.PRESENT])
    return frozenset(named) & snapshot.people.picklists.directory.to_fourhse.keys()


def edits_kept(snapshot: Snapshot, former: Link, joined: Link) -> Iterator[Action]:
    """Links for the people whom the survivor of `former` named otherwise when `joined` gave it another partner.

    Whoever is named there no more gets the record that the partner has of them, so that the removal is asked about, and
    not undone by a copy; what was emptied there is not filled by a first meeting.
    """
    side = next(side for side in Side if former.id_on(side) == joined.id_on(side))
    ours, theirs = (snapshot.people.records[each].get(joined.id_on(each), ()) for each in (side, side.other))
    here = _by_person(snapshot, [record for record in ours if record.presence is Presence.PRESENT])
    anew = _by_person(snapshot, [record for record in theirs if _is_free(snapshot, record, ())])
    linked = {link.ref(side): link for link in snapshot.people.links.get(former.procore_id, ())}
    removed = [r for r in ours if r.ref in linked and r.presence is not Presence.PRESENT]
    for person, records in _by_person(snapshot, removed).items():
        link = linked[records[-1].ref]
        if link.kind in PEOPLE_RECORDS and link.state is not LinkState.ENDED and person in anew and person not in here:
            reason = f"removed in {side.label} before its incident got this partner"
            yield _link_anew(link, records[-1], anew[person][0], joined, reason)
    for person, records in _by_person(snapshot, [r for r in theirs if r.presence is not Presence.PRESENT]).items():
        mine = here.get(person, [])
        if len(mine) == 1 and mine[0].ref in linked and person not in anew:
            reason = f"removed in {side.other.label} before it was joined"
            yield _link_anew(linked[mine[0].ref], mine[0], records[-1], joined, reason)
    for person, records in here.items():
        known = linked.get(records[0].ref)
        if known is None or len(records) != 1 or len(anew.get(person, ())) != 1:
            continue
        emptied = _emptied_since(snapshot, known, records[0])
        if emptied:
            reason = f"emptied in {side.label} before its incident got this partner"
            yield replace(_link_anew(known, records[0], anew[person][0], joined, reason), base=emptied)


def _link_anew(link: Link, record: Record, again: Record, incident: Link, reason: str) -> Action:
    """One more link of a person's record, with the record that their incident's new partner has of them."""
    ids = {record.side: record.id, again.side: again.id}
    kind = again.kind if again.side is Side.PROCORE else link.kind
    return Action(
        Act.LINK, Side.FOURHSE, kind, ids[Side.FOURHSE], ids[Side.PROCORE], reason, parent=incident.procore_id
    )


def _emptied_since(snapshot: Snapshot, link: Link, record: Record) -> dict[str, Base]:
    return emptied_since(rows_of(snapshot, link.kind), record.side, record.image, link.base)


# People without a partner record -----------------------------------------------------------------------------------


def _survivors(snapshot: Snapshot, groups: Mapping[Kind, RecordGroup]) -> set[RecordRef]:
    """Records of people whose partner in this incident is not there any more."""
    survivors = set()
    for kind in PEOPLE_RECORDS:
        for link in groups[kind].links:
            presences = {side: presence_of(snapshot, groups[kind], link, side) for side in Side}
            here = [side for side in Side if presences[side] is Presence.PRESENT]
            lost = Presence.UNSEEN not in presences.values() and not link.refs & snapshot.pending
            if len(here) == 1 and lost and link.state is not LinkState.ENDED:
                survivors.add(link.ref(here[0]))
    return survivors


def _of_uncertain_links(
    groups: Mapping[Kind, RecordGroup], records: Mapping[Side, tuple[Record, ...]], survivors: Set[RecordRef]
) -> list[Record]:
    """Records of people that are there while their partner is not, and it is not known whether that is gone."""
    linked = {record: link for kind in PEOPLE_RECORDS for link in groups[kind].links for record in link.refs}
    there = {r.ref: r for side in Side for r in records[side] if r.presence is Presence.PRESENT and r.ref in linked}
    return [record for ref, record in there.items() if ref not in survivors and not linked[ref].refs <= there.keys()]


def _of_open_creates(
    snapshot: Snapshot, records: Mapping[Side, tuple[Record, ...]], links: tuple[Link, ...]
) -> list[Record]:
    """Records of people whose copy was sent and may have arrived: no answer to it came."""
    open_ones = snapshot.pending - {ref for link in links for ref in link.refs}
    return [record for own in records.values() for record in own if record.ref in open_ones]


def _unpaired(
    snapshot: Snapshot, groups: Mapping[Kind, RecordGroup], records: Mapping[Side, tuple[Record, ...]]
) -> dict[Side, Collection[str]]:
    """Whom each side names on a record that is there while no partner of it is."""
    there = {r.ref for own in records.values() for r in own if r.presence is Presence.PRESENT}
    paired = {ref for kind in PEOPLE_RECORDS for link in groups[kind].links if link.refs <= there for ref in link.refs}
    people = (*PEOPLE_RECORDS, Kind.PERSON)
    alone = {side: [r for r in records[side] if r.kind in people and r.ref in there - paired] for side in Side}
    return {side: _by_person(snapshot, alone[side]).keys() for side in Side}


def _contested(snapshot: Snapshot, groups: Mapping[Kind, RecordGroup], draft: Draft) -> list[Record]:
    """Both records of the pairs of which it is asked who it is: the answer names one of the two again."""
    asked, key = {item.key for item in draft.items}, snapshot.mapping.person.key
    links = [link for kind in PEOPLE_RECORDS for link in groups[kind].links]
    about = [link for link in links if QuestionKey.difference(link, key) in asked]
    pairs = (groups[link.kind].record(side, link.id_on(side)) for link in about for side in Side)
    return [record for record in pairs if record is not None]


ByPerson = dict[str, tuple[list[Record], list[Record]]]
"""Records without a partner, Procore's and 4HSE's, by whom they name."""


def _named_people(
    snapshot: Snapshot,
    records: dict[Side, tuple[Record, ...]],
    links: tuple[Link, ...],
    survivors: Set[RecordRef],
) -> ByPerson:
    """Whoever is named by a record without a link. A survivor counts where the other side names the person anew."""
    free = {side: [r for r in records[side] if _is_free(snapshot, r, links)] for side in Side}
    left = {side: [r for r in records[side] if r.ref in survivors] for side in Side}
    new, old = ({side: _by_person(snapshot, some[side]) for side in Side} for some in (free, left))
    named: ByPerson = {}
    for person in sorted(new[Side.PROCORE].keys() | new[Side.FOURHSE].keys()):
        mine, theirs = (new[side].get(person) or old[side].get(person, []) for side in Side)
        named[person] = mine, theirs
    return named


def _entered_anew(snapshot: Snapshot, named: ByPerson) -> set[RecordRef]:
    """Records of people whom both sides name, but for those that a person said are never copied."""
    wanted = ([r for r in (*mine, *theirs) if not _is_rejected(snapshot, r)] for mine, theirs in named.values())
    return {record.ref for records in wanted if len({r.side for r in records}) == 2 for record in records}


def _plan_person(
    snapshot: Snapshot,
    parent: Link,
    title: str,
    mine: list[Record],
    theirs: list[Record],
    survivors: Set[RecordRef],
    draft: Draft,
) -> None:
    """One person's records: linked when there is one of each, asked about when there are more, created when alone."""
    mine, theirs = _as_told(snapshot, parent, mine, theirs, title, draft)
    if len(mine) == 1 and len(theirs) == 1:
        _link(snapshot, parent, mine[0], theirs[0], title, draft)
    elif mine and theirs:
        draft.items += [_question(snapshot, record, theirs, title) for record in mine]
    for record in (*mine, *theirs) if not (mine and theirs) else ():
        if record.ref not in survivors:
            _create(snapshot, parent, record, title, draft)


def _as_told(
    snapshot: Snapshot, parent: Link, mine: list[Record], theirs: list[Record], title: str, draft: Draft
) -> tuple[list[Record], list[Record]]:
    """Links the pairs that a person named, and gives back the rest; a rejected record stays where it is."""
    mine, theirs = ([r for r in some if not _stays_home(snapshot, r, draft)] for some in (mine, theirs))
    asked = tuple(theirs)
    for record in list(mine):
        decision = snapshot.decisions.get(QuestionKey.match(record.ref))
        partner = next((other for other in theirs if decision and other.id == decision.with_id), None)
        if decision is None or partner is None:
            continue
        if decision.covers(_question(snapshot, record, asked, title)):
            _link(snapshot, parent, record, partner, title, draft)
            draft.answers_in_use.append(decision.key)
            mine, theirs = [r for r in mine if r is not record], [r for r in theirs if r is not partner]
    return mine, theirs


def _stays_home(snapshot: Snapshot, record: Record, draft: Draft) -> bool:
    """Whether this record is never copied; an answer about the record itself is kept for as long as the record is."""
    if _is_rejected_itself(snapshot, record):
        draft.answers_in_use.append(QuestionKey.match(record.ref))
    return _is_rejected(snapshot, record)


def _is_rejected(snapshot: Snapshot, record: Record) -> bool:
    """Whether somebody said that this record, or the person whom it names, is never copied."""
    return _is_rejected_itself(snapshot, record) or is_never_copied(snapshot, person_of(snapshot, record))


def _is_rejected_itself(snapshot: Snapshot, record: Record) -> bool:
    decision = snapshot.decisions.get(QuestionKey.match(record.ref))
    return decision is not None and decision.verb == "reject"


def _is_free(snapshot: Snapshot, record: Record, links: tuple[Link, ...]) -> bool:
    if record.presence is not Presence.PRESENT or record.kind not in (*PEOPLE_RECORDS, Kind.PERSON):
        return False
    known = {link.ref(record.side) for link in links}
    return record.ref not in known | snapshot.pending | snapshot.possibly_ours


def _by_person(snapshot: Snapshot, records: list[Record]) -> dict[str, list[Record]]:
    """Records by whom they name; one that names nobody has no partner and holds nothing."""
    lens = snapshot.mapping.person.bound(snapshot.people.picklists).lens
    by_person: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        reading = lens.get(record.side, record.image)
        if not isinstance(reading, Held) and reading.value is not None:
            by_person[reading.value].append(record)
    return by_person


def _link(snapshot: Snapshot, parent: Link, procore: Record, fourhse: Record, title: str, draft: Draft) -> None:
    reason = "both name the same person"
    base = _left_of_former_links(snapshot, parent, procore, fourhse)
    ids = fourhse.id, procore.id
    action = Action(Act.LINK, Side.FOURHSE, procore.kind, *ids, reason, parent=parent.procore_id, base=base)
    draft.actions.append(action)
    rows = rows_of(snapshot, procore.kind)
    compare_pair(snapshot, Pair(action.link, procore, fourhse, rows, title, parent.procore_id), draft)


def _left_of_former_links(snapshot: Snapshot, parent: Link, *records: Record) -> dict[str, Base]:
    """What was emptied in one of these records since it agreed with the one that another stands for now."""
    links = {ref: link for link in snapshot.people.links.get(parent.procore_id, ()) for ref in link.refs}
    left: dict[str, Base] = {}
    for record in records:
        left |= _emptied_since(snapshot, links[record.ref], record) if record.ref in links else {}
    return left


def _create(snapshot: Snapshot, parent: Link, record: Record, title: str, draft: Draft) -> None:
    side = record.side.other
    kind = record.kind if record.side is Side.PROCORE else _kind_for(snapshot, parent)
    rows = rows_of(snapshot, kind)
    if not any(isinstance(row.lens, PersonLens) and row.writes_to(side) for row in rows):
        return
    try:
        fields, waiting = _fields_of_new(snapshot, rows, record)
    except Unwritable as error:
        draft.items.append(no_partner(snapshot, record, str(error), title))
        return
    if asked := left(snapshot, record, _day_of_incident(snapshot, parent, record.side), title):
        draft.items.append(asked)
        return
    sources = {row.key: row.slice(record.side, record.image) for row in rows if row.key not in waiting}
    reason = f"a person named in {record.side.label}"
    links = snapshot.people.links.get(parent.procore_id, ())
    former = next((link.generation + 1 for link in links if link.ref(record.side) == record.ref), 0)
    action = Action(
        act=Act.CREATE,
        side=side,
        kind=kind,
        target_id=None,
        source_id=record.id,
        reason=reason,
        fields=_left_behind(snapshot, record, rows) | fields | incident_id(parent, side),
        sources=sources,
        generation=max(parent.generation, former),
        parent=parent.procore_id,
    )
    want(snapshot, action, title, draft)


def _day_of_incident(snapshot: Snapshot, parent: Link, side: Side) -> date | None:
    incident = snapshot.record(side, parent.id_on(side))
    return None if incident is None else day_of(snapshot, incident)


def _fields_of_new(
    snapshot: Snapshot, rows: tuple[Field, ...], record: Record
) -> tuple[dict[str, Any], frozenset[str]]:
    """What a new record holds, and the rows that wait: their value is not known, or has no form there yet.

    Those are asked about once the record is linked. A lost create is known again without them.
    """
    side, facts = record.side.other, facts_of(record.image, snapshot.zone)
    fields: dict[str, Any] = {}
    waiting: set[str] = set()
    for row in rows:
        reading = row.lens.get(record.side, record.image)
        if isinstance(reading, Held):
            waiting.add(row.key)
        if isinstance(reading, Held) or reading.value is None or not row.writes_to(side):
            continue
        try:
            fields |= payload(side, [(row, reading.value)], fields, facts)
        except Unwritable:
            if isinstance(row.lens, PersonLens):
                raise
            waiting.add(row.key)
    return fields, frozenset(waiting)


def _left_behind(snapshot: Snapshot, record: Record, rows: tuple[Field, ...]) -> dict[str, Any]:
    """What 4HSE alone held of a person whose incident is made again there: the fields that no row carries."""
    carried = frozenset[str]().union(*(row.lens.reads(Side.FOURHSE) for row in rows))
    held = snapshot.deleted_images.get(record.ref, {}) if record.side is Side.PROCORE else {}
    return {name: value for name, value in held.items() if name not in carried}


def _kind_for(snapshot: Snapshot, parent: Link) -> Kind:
    """A person who first crosses from 4HSE becomes an injury under the injury word, else a near miss."""
    return Kind.INJURY if is_accident(snapshot, parent) else Kind.NEAR_MISS


# Questions -------------------------------------------------------------------------------------------------------


def _question(snapshot: Snapshot, record: Record, others: Sequence[Record], title: str) -> Item:
    listed = tuple((other.id, f"{other.image.get('days') or 0} days") for other in others)
    reason = "One person has several records on this incident; which is which must be told."
    item = items.doubt(record, listed, reason, title, contents(snapshot, record, *others))
    return replace(item, advice=item.advice.replace("create both", "and it is never copied"))


def _lay_over(inner: Draft, parent: Link, draft: Draft) -> None:
    """What the children need joins the plan, and their worst place becomes their incident's."""
    draft.actions += inner.actions
    draft.items += [_of_incident(item, parent) for item in inner.items]
    draft.rebases += inner.rebases
    draft.transitions += inner.transitions
    draft.answers_in_use += inner.answers_in_use
    draft.unknown |= inner.unknown
    statuses = [sync_status for known in inner.statuses.values() for sync_status in known.values()]
    worst = max(
        [*statuses, *([SyncStatus.WAITING] if inner.items else [])],
        key=BADNESS,
        default=SyncStatus.IN_SYNC,
    )
    for side in Side:
        now = draft.statuses[side][parent.id_on(side)]
        draft.set_status(side, parent.id_on(side), max(now, worst, key=BADNESS))


def _of_incident(item: Item, parent: Link) -> Item:
    """People look an item up by its incident; an answer is found by the item's own key."""
    if item.kind is ItemKind.MATCH:
        return item
    return replace(item, procore_id=parent.procore_id, fourhse_id=parent.fourhse_id)
