"""What every cycle asks stays cheap in an old store: by index, and in few statements however many records there are.

Each question is asked of a store with 50,000 rows; what the database says of its way through them is read, not timed.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import Any

import pytest
from sqlalchemy import ColumnElement, Connection, String, Table, case, cast, event, func, insert, literal, select, text

from actors import hire, hurt_on_site
from procore_4hse.engine import bookkeeping
from procore_4hse.models import Base, Item, ItemKind, Kind, Link, LinkState, QuestionKey, RawRecord, RecordRef, Side
from procore_4hse.operations.history import of_routes
from procore_4hse.route import Route
from procore_4hse.store.inbox import waiting
from procore_4hse.store.repository import Store, Unit
from procore_4hse.store.tables import CYCLES, INBOX, JOURNAL, LINKS, RECORDS, ROUTES, STONES
from world import World, default_mapping

ROUTE, OTHER = "1363617/office", "another/office"
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
DAY = date(2026, 2, 10)
MANY = 50_000
WRITE = {
    "act": "update",
    "side": "fourhse",
    "kind": "incident",
    "reason": "changed",
    "target_id": "a",
    "source_id": "1",
}
BLANK = {"route": ROUTE, "fields": {}, "action": {**WRITE, "then": "live"}, "before": {}, "answer": {}}


def clock() -> datetime:
    return NOW


def incident(side: Side, number: int) -> RecordRef:
    return RecordRef(side, Kind.INCIDENT, str(number))


NUMBERS = select(literal(0).label("number")).cte("numbers", recursive=True)
NUMBERS = NUMBERS.union_all(select(NUMBERS.c.number + 1).where(NUMBERS.c.number < MANY - 1))
N: ColumnElement[int] = NUMBERS.c.number
"""The number of a row, from 0 on."""
NAME: ColumnElement[str] = cast(N, String)


def fill(connection: Connection, table: Table, **columns: Any) -> None:
    """So many rows, made by the database itself: values of all of them, or what an expression gives for each."""
    given = {
        name: each if isinstance(each, ColumnElement) else literal(each, table.c[name].type)
        for name, each in columns.items()
    }
    connection.execute(insert(table).from_select([*given], select(*given.values()).select_from(NUMBERS)))


def minutes_ago(connection: Connection) -> ColumnElement[Any]:
    """The last row is of a minute ago, each before it of a minute earlier."""
    if connection.dialect.name == "postgresql":
        return literal(NOW) - (MANY - N) * text("interval '1 minute'")
    return func.strftime("%Y-%m-%d %H:%M:%S.000000", f"{NOW:%Y-%m-%d %H:%M:%S}", cast(N - MANY, String) + " minutes")


def links(connection: Connection) -> None:
    """As many here as elsewhere; five of ours are taken apart, and five were born private."""
    told = {"kind": "incident", "state": "live", "base": {}, "generation": 0, "since": NOW}
    own = {
        "route": case((N % 2 == 1, ROUTE), else_=OTHER),
        "parent": cast(N - 1, String),
        "removed": N % 10_000 == 1,
        "born_private": N % 10_000 == 3,
    }
    fill(connection, LINKS, **told, **own, procore_id=NAME, fourhse_id=NAME)


def inbox(connection: Connection) -> None:
    """Closed questions of years, and some that are open."""
    told = {"route": ROUTE, "kind": "conflict", "facts": {}, "item": {}, "since": NOW, "changed_at": NOW}
    state = case((N % 50 == 0, "open"), else_="closed")
    fill(connection, INBOX, **told, key="difference:" + NAME + ":title", state=state)


def journal(connection: Connection) -> None:
    told = {**WRITE, **BLANK, "words": "", "looks": 0}
    own = {
        "id": func.substr("0" * 36 + NAME, func.length(NAME) + 1),
        "cycle": N // 10,
        "source_id": NAME,
        "target_id": "a" + NAME,
        "outcome": case((N % 10_000 == 9_999, "lost"), else_="done"),
        "made_at": minutes_ago(connection),
        "ended_at": minutes_ago(connection),
    }
    fill(connection, JOURNAL, **{**told, **own})


def links_of_many(connection: Connection) -> None:
    """Of a hundred routes alike, with the two records of each link."""
    own = {"route": case((N % 100 == 0, ROUTE), else_="r" + cast(N % 100, String)), "removed": False}
    told = {"kind": "incident", "state": "live", "base": {}, "generation": 0, "since": NOW, "born_private": False}
    fill(connection, LINKS, **told, **own, procore_id=NAME, fourhse_id=NAME)
    seen = {"kind": "incident", "payload": {}, "digest": "", "fetched_at": NOW, "minimal": False, "absent": False}
    for side in Side:
        fill(connection, RECORDS, **seen, route=own["route"], side=side.value, id=NAME, pull=0)


def stones(connection: Connection) -> None:
    told = {"route": ROUTE, "side": "fourhse", "kind": "incident", "image": {}, "evidence": "404", "seen_at": NOW}
    fill(connection, STONES, **told, record_id=NAME)


def records(connection: Connection) -> None:
    """Of which a few are 4HSE's."""
    told = {"route": ROUTE, "kind": "incident", "payload": {}, "digest": "", "fetched_at": NOW}
    side = case((N % 1000 == 5, "fourhse"), else_="procore")
    fill(connection, RECORDS, **told, side=side, id=NAME, pull=N // 100, absent=N % 10_000 == 1)


def records_below(connection: Connection) -> None:
    """Each second one is an injury, which stands below the incident before it."""
    told = {"route": ROUTE, "side": "procore", "payload": {}, "digest": "", "fetched_at": NOW, "pull": 0}
    own = {"kind": case((N % 2 == 1, "injury"), else_="incident"), "parent_id": case((N % 2 == 1, cast(N - 1, String)))}
    fill(connection, RECORDS, **told, **own, id=NAME)


def routes(connection: Connection) -> None:
    fill(connection, ROUTES, name="", memory={}, pulls=7, key=NAME + "/office")


def cycles(connection: Connection) -> None:
    told = {"began_at": NOW, "ended_at": NOW, "outcome": "ok", "report": {}}
    fill(connection, CYCLES, **told, route=case((N % 100 == 0, ROUTE), else_=OTHER))


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    store = Store(store_url, clock=clock)
    store.upgrade()
    yield store
    store.close()


@contextmanager
def statements(store: Store) -> Iterator[list[tuple[str, Any]]]:
    """What is sent to the database meanwhile, with its values."""
    sent: list[tuple[str, Any]] = []

    def note(_connection: object, _cursor: object, statement: str, values: Any, *_: object) -> None:
        if statement.partition(" ")[0] in ("SELECT", "INSERT", "UPDATE", "DELETE"):
            sent.append((statement, values))

    engines = (store._writing, store._reading)
    for engine in engines:
        event.listen(engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        for engine in engines:
            event.remove(engine, "before_cursor_execute", note)


def sent_by(store: Store, act: Callable[[Unit], object]) -> list[tuple[str, Any]]:
    with statements(store) as sent, store.begin() as unit:
        act(unit)
    return sent


def ways(store: Store, act: Callable[[Unit], object]) -> list[str]:
    """How the database finds the rows of each question that is asked by `act`."""
    asked = [one for one in sent_by(store, act) if not one[0].startswith("INSERT")]
    explain = "EXPLAIN QUERY PLAN " if store.url.get_backend_name() == "sqlite" else "EXPLAIN "
    with store.begin() as unit:
        found = [unit.connection.exec_driver_sql(explain + statement, values).all() for statement, values in asked]
    return ["\n".join(str(row[-1]) for row in rows) for rows in found]


@dataclass(frozen=True)
class Question:
    """Something that is asked of a full table, by which index, and the columns that the index must narrow by."""

    fill: Callable[[Connection], None]
    ask: Callable[[Unit], object]
    index: str
    by: tuple[str, ...]


def conflict(number: int) -> Item:
    key = QuestionKey(f"difference:{number}:title")
    return Item(ItemKind.CONFLICT, key, "Fall", "Both changed.", "Choose.", procore_id=str(number))


PAGE = [RawRecord(Side.PROCORE, Kind.INCIDENT, f"new-{number}", {}) for number in range(100)]
QUESTIONS = {
    "settle a pair, Procore": Question(
        links,
        lambda unit: unit.links(ROUTE).settle_removed("7", "none", same=False),
        "ix_link_(procore|fourhse|removed)",
        ("route",),
    ),
    "pairs taken apart": Question(links, lambda unit: unit.links(ROUTE).removed(), "ix_link_removed", ("route",)),
    "born private": Question(links, lambda unit: unit.links(ROUTE).born_private(), "ix_link_born_private", ("route",)),
    "find, Procore": Question(
        links,
        lambda unit: unit.links(ROUTE).find(incident(Side.PROCORE, 7)),
        "ix_link_procore",
        ("procore_id", "route"),
    ),
    "find, 4HSE": Question(
        links,
        lambda unit: unit.links(ROUTE).find(incident(Side.FOURHSE, 7)),
        "ix_link_fourhse",
        ("fourhse_id", "route"),
    ),
    "children": Question(
        links, lambda unit: unit.links(ROUTE).drop_children("none"), "ix_link_parent", ("route", "parent")
    ),
    "linked elsewhere": Question(
        links,
        lambda unit: unit.links(ROUTE).linked_elsewhere([incident(Side.PROCORE, number) for number in range(20)]),
        "ix_link_procore",
        ("procore_id",),
    ),
    "close questions": Question(
        inbox,
        lambda unit: unit.inbox(ROUTE).close("difference:50:title", "deletion:50:procore"),
        "ix_inbox_key",
        ("route", "state", "key"),
    ),
    "add a question": Question(
        inbox, lambda unit: unit.inbox(ROUTE).add(conflict(51)), "ix_inbox_key", ("route", "state", "key")
    ),
    "the answer to a question": Question(
        inbox,
        lambda unit: unit.inbox(ROUTE).decision(QuestionKey("deletion:50:procore")),
        "ix_inbox_key",
        ("route", "state", "key"),
    ),
    "open questions": Question(inbox, lambda unit: unit.inbox(ROUTE).decisions(), "ix_inbox_key", ("route", "state")),
    "open intents": Question(
        journal, lambda unit: unit.journal(ROUTE).open(), "ix_journal_outcome", ("route", "outcome")
    ),
    "lost creates": Question(
        journal, lambda unit: unit.journal(ROUTE).lost(), "ix_journal_outcome", ("route", "outcome")
    ),
    "failed lately": Question(
        journal, lambda unit: unit.journal(ROUTE).in_vain(), "ix_journal_(outcome|source)", ("route",)
    ),
    "latest writes": Question(journal, lambda unit: unit.journal(ROUTE).recent(), "ix_journal_recent", ("route",)),
    "a record's story": Question(
        journal, lambda unit: unit.journal(ROUTE).story("7"), "ix_journal_(source|target)", ("route",)
    ),
    "tombstones": Question(
        stones,
        lambda unit: unit.links(ROUTE).tombstones([incident(Side.FOURHSE, number) for number in range(20)]),
        "ix_tombstone_record",
        ("route", "side", "kind", "record_id"),
    ),
    "number of the last pull": Question(
        routes, lambda unit: unit.staging(ROUTE).last_pull(), "pk_route|route_pkey|sqlite_autoindex_route_1", ("key",)
    ),
    "the latest page of the history": Question(
        journal,
        lambda unit: unit.journal(ROUTE).page(at_most=200),
        "ix_journal_outcome",
        ("route", "outcome"),
    ),
    "writes since a day, further on": Question(
        journal,
        lambda unit: unit.journal(ROUTE).page(
            since=NOW - timedelta(days=9), before=(NOW - timedelta(days=3), "5"), at_most=200
        ),
        "ix_journal_outcome",
        ("route", "outcome", "made_at"),
    ),
    "a write by the beginning of its id": Question(
        journal,
        lambda unit: unit.journal(ROUTE).beginning("0000000000000000000000000000000000"),
        "journal_pkey|sqlite_autoindex_journal_1",
        ("id",),
    ),
    "what was taken back": Question(
        journal,
        lambda unit: unit.journal(ROUTE).undone([f"a{number}" for number in range(200)]),
        "ix_journal_target",
        ("target_id",),
    ),
    "answers to some questions": Question(
        inbox,
        lambda unit: unit.inbox(ROUTE).answered([f"difference:{number}:title" for number in range(200)]),
        "ix_inbox_key",
        ("key",),
    ),
    "some records": Question(
        records,
        lambda unit: unit.staging(ROUTE).some(Side.PROCORE, Kind.INCIDENT, [str(number) for number in range(200)]),
        "raw_record_pkey|sqlite_autoindex_raw_record_1",
        ("route", "id"),
    ),
    "what stands below an incident": Question(
        records_below,
        lambda unit: unit.staging(ROUTE).below(Side.PROCORE, ["8"], (Kind.INCIDENT, Kind.INJURY, Kind.NEAR_MISS)),
        "ix_raw_record_parent",
        ("route", "side", "parent_id"),
    ),
    "what was not in a listing": Question(
        records,
        lambda unit: unit.staging(ROUTE).mark_absent(Side.FOURHSE, {Kind.INCIDENT: {"5"}}),
        "raw_record_pkey|ix_raw_record_parent|sqlite_autoindex_raw_record_1",
        ("route", "side"),
    ),
    "absent records": Question(records, lambda unit: unit.staging(ROUTE).absent(), "ix_raw_record_absent", ("route",)),
    "old cycles": Question(
        cycles,
        lambda unit: unit.cycles.old(ROUTE, NOW + timedelta(days=1), at_most=100),
        "ix_cycle_(latest|outcome)",
        ("route",),
    ),
    "writes of some hours": Question(
        journal,
        lambda unit: unit.journal(ROUTE).written(NOW - timedelta(hours=3)),
        "ix_journal_outcome",
        ("route", "outcome", "made_at"),
    ),
    "first cycle": Question(cycles, lambda unit: unit.cycles.first_began(ROUTE), "ix_cycle_latest", ("route",)),
    "what waits": Question(
        inbox, lambda unit: waiting(unit.connection, [ROUTE], NOW), "ix_inbox_key", ("route", "state")
    ),
    "what need not be compared": Question(
        links_of_many,
        lambda unit: list(unit.links(ROUTE).outlines()),
        "ix_link_(parent|procore|fourhse)",
        ("route", "id"),
    ),
    "the links below": Question(
        links_of_many, lambda unit: list(unit.links(ROUTE).child_outlines()), "ix_link_parent", ("route",)
    ),
    "incidents without a link": Question(
        links_of_many,
        lambda unit: [unit.staging(ROUTE).unlinked(side) for side in Side],
        "ix_link_(procore|fourhse|parent)",
        ("route",),
    ),
    "what staging tells without contents": Question(
        links_of_many,
        lambda unit: list(unit.staging(ROUTE).states(Side.PROCORE, [Kind.INJURY, Kind.NEAR_MISS])),
        "raw_record_pkey|ix_raw_record_parent|sqlite_autoindex_raw_record_1",
        ("route", "side"),
    ),
    "how many records incidents state": Question(
        links_of_many,
        lambda unit: list(unit.staging(ROUTE).told(Side.PROCORE, Kind.INCIDENT, "records_count")),
        "raw_record_pkey|ix_raw_record_parent|sqlite_autoindex_raw_record_1",
        ("route", "side"),
    ),
    "a page that is staged": Question(
        links_of_many,
        lambda unit: unit.staging(ROUTE).put(PAGE, pull=1, minimal=frozenset(), server_at=NOW),
        "raw_record_pkey|sqlite_autoindex_raw_record_1",
        ("route", "id"),
    ),
    "fingerprints": Question(
        links_of_many, lambda unit: unit.links(ROUTE).settle([(7, "a")]), "link_pkey|INTEGER PRIMARY KEY", ()
    ),
    "last cycle": Question(cycles, lambda unit: unit.cycles.last(ROUTE), "ix_cycle_latest", ("route",)),
}
TABLES = (links, links_of_many, inbox, journal, stones, records, records_below, routes, cycles)


@pytest.mark.parametrize("fill", TABLES, ids=lambda fill: fill.__name__)
def test_what_every_cycle_asks_is_found_by_an_index(store: Store, fill: Callable[[Connection], None]) -> None:
    with store.begin() as unit:
        fill(unit.connection)
        unit.connection.commit()
        if store.url.get_backend_name() == "postgresql":
            unit.connection.execute(text("ANALYZE"))
            unit.connection.commit()
    for name, question in QUESTIONS.items():
        if question.fill is fill:
            found = ways(store, question.ask)
            assert found, name
            for way in found:
                assert is_narrow(way, question), f"{name}:\n{way}"


def is_narrow(way: str, question: Question) -> bool:
    """Whether a database's plan goes by the index, and reads no table from its beginning to its end."""
    by_index = [line for line in way.splitlines() if "Index Cond:" in line or "USING" in line]
    reads_all = re.search(r"Seq Scan|SCAN \w+( |$)", way)
    narrowed = all(any(column in line for line in by_index) for column in question.by)
    return reads_all is None and re.search(question.index, way) is not None and narrowed


# How many statements ---------------------------------------------------------------------------------------------

THOUSAND = [incident(side, number) for side in Side for number in range(1000)]


def test_a_thousand_records_are_asked_for_in_a_few_statements(store: Store) -> None:
    with store.begin() as unit:
        links(unit.connection)
        stones(unit.connection)
    asked = len(sent_by(store, lambda unit: unit.links(ROUTE).tombstones(THOUSAND)))
    assert asked == len(sent_by(store, lambda unit: unit.links(ROUTE).linked_elsewhere(THOUSAND))) == 6
    with store.read() as unit:
        assert len(unit.links(ROUTE).tombstones(THOUSAND)) == 1000
        assert len(unit.links(ROUTE).linked_elsewhere(THOUSAND)) == 1000
        assert unit.links(ROUTE).tombstones([]) == {}


def pairs(start: int, end: int) -> list[Link]:
    return [Link(0, f"p{number}", f"f{number}") for number in range(start, end)]


def test_a_thousand_new_links_are_made_in_a_few_statements(store: Store) -> None:
    sent = sent_by(store, lambda unit: unit.links(ROUTE).join_all(pairs(0, 1000)))
    assert [statement.partition(" ")[0] for statement, _ in sent] == ["SELECT"] * 6 + ["INSERT"]
    with store.read() as unit:
        assert {link.procore_id for link in unit.links(ROUTE).all()} == {link.procore_id for link in pairs(0, 1000)}


@pytest.mark.any_store
def test_a_first_meeting_is_written_down_in_a_few_statements_and_small_transactions(
    build: Callable[..., World], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the commits none holds more than its slice of the pairs, and each is one of the route's lease."""
    monkeypatch.setattr(bookkeeping, "SLICE", 20)
    world = build()
    for number in range(90):
        words = {"title": f"Fall {number}", "description": f"Worker {number} fell."}
        world.on_site(hour=7, day=DAY, **words)
        world.in_office(words["title"], DAY, description_event=words["description"])
    commits: list[Counter[tuple[str, str]]] = [Counter()]

    def commit(_connection: object) -> None:
        commits.append(Counter())

    def note(_connection: object, _cursor: object, statement: str, values: Any, *_: object) -> None:
        table = re.search(r"(?:INTO|UPDATE|FROM) (\w+)", statement)
        word = statement.partition(" ")[0], table[1] if table else ""
        commits[-1][word] += len(values) if isinstance(values, list) else 1

    event.listen(world.store._writing, "before_cursor_execute", note)
    event.listen(world.store._writing, "commit", commit)
    assert world.sync(first=True).outcome == "ok"
    made = [commit for commit in commits if commit["INSERT", "link"]]
    assert [commit["INSERT", "link"] for commit in made] == [20, 20, 20, 20, 10]
    assert not [commit for commit in commits if commit["UPDATE", "link"]], "each link came with its base"
    assert all(commit["UPDATE", "lease"] == 1 for commit in made)
    assert not any(commit["DELETE", "link"] for commit in commits)


def test_many_links_are_made_as_one_by_one(store: Store) -> None:
    """A pair that is linked stays as it is, a record gets its new partner, and a person's link keeps its incident."""
    person = Link(0, "p1", "f9", kind=Kind.INJURY, parent="p1")
    fresh = [*pairs(0, 2), Link(0, "p7", "f7-new"), Link(0, "p8-new", "f8"), person, Link(0, "p0", "f0-new")]
    with store.begin() as unit:
        for route in (ROUTE, OTHER):
            unit.links(route).join_all(pairs(7, 10))
            unit.links(route).rebase(RecordRef(Side.PROCORE, Kind.INCIDENT, "p9"), {"title": Base({}, {})})
        unit.links(ROUTE).join_all([*fresh, *pairs(9, 10)])
        for one in (*fresh, *pairs(9, 10)):
            unit.links(OTHER).add(one.procore_id, one.fourhse_id, kind=one.kind, parent=one.parent)
    with store.read() as unit:
        together, singly = (sorted_links(unit, route) for route in (ROUTE, OTHER))
    assert together == singly
    assert [(link.procore_id, link.fourhse_id, set(link.base)) for link in together] == [
        ("p0", "f0-new", set()),
        ("p1", "f1", set()),
        ("p1", "f9", set()),
        ("p7", "f7-new", set()),
        ("p8-new", "f8", set()),
        ("p9", "f9", {"title"}),
    ]


def sorted_links(unit: Unit, route: str) -> list[Link]:
    found = [replace(link, id=0) for link in unit.links(route).all()]
    return sorted(found, key=lambda link: (link.procore_id, link.fourhse_id))


@pytest.mark.any_store
def test_a_history_is_read_in_as_many_statements_however_long_it_is(store: Store) -> None:
    """Of 50,000 writes the latest page costs what one of 5 costs, and nothing of the older ones is read."""
    route = Route("riverside", "1363617", "builder", "office", default_mapping(), since=DAY)
    few = len(sent_by(store, lambda _: list(islice(of_routes(store, [route]), 5))))
    with store.begin() as unit:
        journal(unit.connection)
    with statements(store) as sent:
        page = list(islice(of_routes(store, [route]), 200))
    assert len({write.id for write in page}) == 200
    assert page[0].record == f"a{MANY - 2}"
    assert len(sent) <= few + 8


def test_questions_are_closed_and_counted_in_one_statement_each(store: Store) -> None:
    with store.begin() as unit:
        inbox(unit.connection)
    keys = [f"difference:{number}:title" for number in range(0, 5000, 50)]
    assert len(sent_by(store, lambda unit: unit.inbox(ROUTE).close(*keys))) == 1
    assert len(sent_by(store, lambda unit: unit.inbox(ROUTE).counts())) == 1
    with store.read() as unit:
        assert unit.inbox(ROUTE).counts()["conflict"] == 900


def test_what_is_absent_already_is_not_written_again(store: Store) -> None:
    with store.begin() as unit:
        records(unit.connection)
    for many in (MANY - MANY // 1000, 0):
        with rows_changed(store) as changed, store.begin() as unit:
            unit.staging(ROUTE).mark_absent(Side.PROCORE, {Kind.INCIDENT: set()})
        assert changed["raw_record"] == many


def test_a_quiet_cycle_writes_as_little_however_many_records_there_are(build: Callable[..., World]) -> None:
    """It writes that it ran, and no row of what it read."""
    world, written = build(), []
    for many in (3, 30):
        for number in range(many):
            world.on_site(f"{many} falls, {number}", hour=number % 24)
        world.sync(first=True)
        world.sync()
        with rows_changed(world.store) as changed:
            assert world.sync().outcome == "ok"
        written.append(changed)
    assert written[0] == written[1]
    assert written[0].keys() <= {"cycle", "lease", "route", "schedule", "standing", "tally"}


@contextmanager
def rows_changed(store: Store) -> Iterator[Counter[str]]:
    """How many rows of each table are written meanwhile."""
    changed: Counter[str] = Counter()

    def note(_connection: object, cursor: Any, statement: str, *_: object) -> None:
        if found := re.match(r"(?:INSERT INTO|UPDATE|DELETE FROM) (\w+)", statement):
            changed[found[1]] += cursor.rowcount

    event.listen(store._writing, "after_cursor_execute", note)
    try:
        yield changed
    finally:
        event.remove(store._writing, "after_cursor_execute", note)


@pytest.mark.any_store
def test_a_write_reads_its_own_question_and_no_other(build: Callable[..., World]) -> None:
    """A deletion in 4HSE that takes people along looks up what was shown with it."""
    world = build()
    party, _ = hire(world)
    for number in range(6):
        hurt_on_site(world, world.on_site(f"Fall {number}", hour=number + 7), party)
    world.sync(first=True)
    world.sync()
    assert whole_inboxes_read(world, deletions=1) == whole_inboxes_read(world, deletions=3)
    assert len(world.office()) == 2


def whole_inboxes_read(world: World, deletions: int) -> int:
    """How often all open questions are read in a cycle that carries out so many deletions."""
    living = [link for link in world.links() if link.state is LinkState.LIVE]
    for link in living[:deletions]:
        world.procore.hand_delete("incident", int(link.procore_id))
    world.sync()
    for entry in world.inbox():
        world.answer(entry.id, "approve")
    with statements(world.store) as sent:
        world.sync()
    return len([one for one, _ in sent if "FROM inbox" in one and not re.search(r'key"? =', one)])


@pytest.mark.any_store
def test_the_people_of_what_was_linked_are_looked_at_without_reading_all_registers_again(
    build: Callable[..., World],
) -> None:
    world = build()
    party, _ = hire(world)
    world.on_site("Fall", hour=7)
    world.sync(first=True)
    quiet = whole_registers_read(world)
    text = "He fell from the third step of a ladder."
    met = world.on_site("Slip", hour=8, description=text)
    world.in_office("Slip", description_event=text, category="ACCIDENTS")
    for site in (met, world.on_site("Cut", hour=9)):
        hurt_on_site(world, site, party)
    assert whole_registers_read(world) == quiet
    assert sorted(len(row["persons"]) for row in world.office().values()) == [0, 1, 1]


def whole_registers_read(world: World) -> int:
    """How often a cycle reads all records of a side."""
    with statements(world.store) as sent:
        assert world.sync().outcome == "ok"
    # Lists of who may be named are read by the same order, and without what tells whether a record is there.
    whole = [one for one, _ in sent if "ORDER BY raw_record.kind" in one and "raw_record.absent" in one]
    return len([one for one in whole if "parent_id IN" not in one])


@pytest.mark.any_store
def test_links_that_ended_cost_a_quiet_cycle_no_question(build: Callable[..., World]) -> None:
    """Hundreds of them: more than one statement would name."""
    world = build()
    world.on_site("Fall", hour=7)
    world.sync(first=True)
    world.sync()
    with statements(world.store) as before:
        world.sync()
    end_links(world, 900)
    with statements(world.store) as sent:
        assert world.sync().outcome == "ok"
    assert Counter(statement for statement, _ in sent) == Counter(statement for statement, _ in before)


def end_links(world: World, many: int) -> None:
    """Incidents of former years that both systems have deleted, with the images of both."""
    with world.store.begin() as unit:
        links = unit.links(world.route.key)
        links.join_all(pairs(0, many))
        for link in pairs(0, many):
            links.set_state(link.ref(Side.PROCORE), LinkState.ENDED)
            for side in Side:
                links.bury(RawRecord(side, Kind.INCIDENT, link.id_on(side), {}), "404")


@pytest.mark.any_store
def test_a_quiet_cycle_asks_as_little_however_many_links_have_ended(build: Callable[..., World]) -> None:
    world = build()
    for number in range(8):
        world.on_site(f"Fall {number}", hour=number)
    world.sync(first=True)
    assert asked_when_ended(world, 1) == asked_when_ended(world, 5)


def asked_when_ended(world: World, many: int) -> int:
    """The statements of a quiet cycle once so many incidents were deleted on both sides."""
    living = [link for link in world.links() if link.state is LinkState.LIVE]
    for link in living[: many - (8 - len(living))]:
        world.procore.hand_delete("incident", int(link.procore_id))
        world.fourhse.hand_delete("incident", link.fourhse_id)
    world.sync()
    assert [link.state for link in world.links()].count(LinkState.ENDED) == many
    world.sync()  # What is left has been found unmoved once.
    with statements(world.store) as sent:
        assert world.sync().outcome == "ok"
    return len(sent)
