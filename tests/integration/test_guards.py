"""Too much, too new or too different: the route holds what a person has not seen yet."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import create_engine, inspect, text

from procore_4hse.mapping.rules import Direction, FieldMapping
from procore_4hse.reconcile.snapshot import Limits
from procore_4hse.store.leases import Holder
from world import PROJECT, World

pytestmark = pytest.mark.one_test_on_postgresql_in(8)

PHOENIX = ZoneInfo("America/Phoenix")
NOTHING = {side: {"created": 0, "updated": 0, "deleted": 0} for side in ("procore", "fourhse")}


def populated(build, many: int = 3, **route) -> World:
    world = build(**route)
    for number in range(many):
        world.on_site(f"Site {number}", date(2026, 1, 1 + number % 28))
        world.in_office(f"Office {number}", date(2026, 1, 1 + number % 28))
    return world


def guards(world: World) -> list[str]:
    return [entry.item.key for entry in world.inbox() if entry.item.kind == "guard"]


# First meeting -------------------------------------------------------------------------------------------------------


def test_a_first_meeting_is_asked_about_and_then_approved(build):
    world = populated(build)
    report = world.sync()
    assert (report.outcome, report.exit_code, report.written) == ("stopped", 7, NOTHING)
    assert guards(world) == ["guard:first-meeting"]
    assert report.population["procore"] == {"in_sync": 0, "waiting": 3, "refused": 0, "excluded": 0}
    assert world.sync().outcome == "stopped"
    assert world.links() == []
    world.answer(world.inbox()[0].id, "approve")
    report = world.sync()
    assert (report.outcome, len(world.links()), world.inbox()) == ("ok", 6, [])


def test_what_came_up_since_a_first_meeting_was_approved_waits_for_its_first_link(build):
    world = populated(build)
    world.sync()
    world.answer(world.inbox()[0].id, "approve")
    late = world.on_site("Burn", hour=9)
    report = world.sync()
    assert (report.outcome, len(world.links()), world.inbox()) == ("ok", 6, [])
    assert report.population["procore"]["waiting"] == 1
    world.sync()
    assert late in {link.procore_id for link in world.links()}


def test_a_first_meeting_of_one_side_alone_is_none(build):
    world = build()
    world.on_site("Fall")
    assert (world.sync().outcome, len(world.links())) == ("ok", 1)


def test_with_links_first_approves_nothing(build):
    world = populated(build, limits=Limits(max_creates=5))
    world.sync(first=True)
    for number in range(6):
        world.on_site(f"Later {number}", date(2026, 2, 1 + number))
    report = world.sync(first=True)
    assert (report.outcome, report.written) == ("stopped", NOTHING)


def test_a_first_meeting_may_exceed_max_creates_once(build):
    world = populated(build, 6, limits=Limits(max_creates=5))
    world.sync()
    world.answer(world.inbox()[0].id, "approve")
    assert (world.sync().outcome, len(world.links())) == ("ok", 12)
    for number in range(6):
        world.on_site(f"Later {number}", date(2026, 2, 1 + number))
    assert (world.sync().outcome, guards(world)) == ("stopped", ["guard:creates:fourhse"])


# Limits --------------------------------------------------------------------------------------------------------------


def test_too_many_creates_wait_and_the_rest_crosses(build):
    world = populated(build, limits=Limits(max_creates=5))
    world.sync(first=True)
    for number in range(6):
        world.on_site(f"Later {number}", date(2026, 2, 1 + number))
    world.in_office("Another", date(2026, 2, 20))
    report = world.sync()
    assert (report.outcome, report.exit_code) == ("stopped", 7)
    assert report.written["procore"]["created"] == 1
    assert report.written["fourhse"]["created"] == 0
    assert report.population["procore"]["waiting"] == 6
    [entry] = world.inbox()
    assert "more than 5 need your approval (max_creates)" in entry.item.reason
    world.answer(entry.id, "approve")
    report = world.sync()
    assert (report.outcome, report.written["fourhse"]["created"], world.inbox()) == ("ok", 6, [])


def test_what_changed_since_the_approval_is_asked_again(build):
    world = populated(build, limits=Limits(max_creates=1))
    world.sync(first=True)
    made = [world.on_site(f"Later {number}", date(2026, 2, 1 + number)) for number in range(4)]
    world.sync()
    world.answer(world.inbox()[0].id, "approve")
    for one in made[:2]:
        world.procore.hand_edit("incident", int(one), title=f"Changed {one}")
    report = world.sync()
    assert (report.outcome, report.written["fourhse"]["created"]) == ("stopped", 2)
    [entry] = world.inbox()
    assert "2 incidents would be created" in entry.item.reason


def test_too_many_changes_wait(build):
    world = populated(build, 12)
    world.sync(first=True)
    for one in list(world.site())[:13]:
        world.procore.hand_edit("incident", int(one), status="closed")
    report = world.sync()
    assert (report.outcome, report.written) == ("stopped", NOTHING)
    assert guards(world) == ["guard:updates:fourhse"]
    world.answer(world.inbox()[0].id, "approve")
    report = world.sync()
    assert (report.outcome, report.written["fourhse"]["updated"], world.inbox()) == ("ok", 13, [])


def test_a_guard_closes_itself_when_its_cause_is_gone(build):
    world = populated(build, 12)
    world.sync(first=True)
    ids = list(world.site())[:13]
    for one in ids:
        world.procore.hand_edit("incident", int(one), status="closed")
    world.sync()
    for one in ids:
        world.procore.hand_edit("incident", int(one), status="open")
    assert (world.sync().outcome, world.inbox()) == ("ok", [])


# A changed route -----------------------------------------------------------------------------------------------------


def test_a_changed_zone_stops_until_approved_and_then_moves_no_day(build):
    world = build()
    ours = world.on_site("Late shift", date(2026, 2, 10), hour=23)
    world.sync()
    [theirs] = world.office()
    world.procore.add_project(PROJECT, "Riverside", "Rome", "Europe/Rome")
    before = world.site()[ours]["event_date"]
    report = world.sync()
    assert (report.outcome, guards(world)) == ("stopped", ["guard:zone"])
    world.answer(world.inbox()[0].id, "approve")
    for _ in range(2):
        assert (world.sync().written, world.inbox()) == (NOTHING, [])
    assert (world.site()[ours]["event_date"], world.office()[theirs]["date_incident"]) == (before, "2026-02-10")
    world.fourhse.hand_edit("incident", theirs, date_incident="2026-02-12")
    assert world.sync().written["procore"]["updated"] == 1


def test_an_edit_made_while_a_zone_waits_for_approval_crosses_after_it(build):
    world = build()
    made = [world.on_site(f"Shift {number}", date(2026, 2, 10 + number)) for number in range(3)]
    world.sync()
    partner = {link.procore_id: link.fourhse_id for link in world.links()}
    world.procore.add_project(PROJECT, "Riverside", "Phoenix", "America/Phoenix")
    world.fourhse.hand_edit("incident", partner[made[0]], date_incident="2026-02-20")
    assert (world.sync().outcome, guards(world)) == ("stopped", ["guard:zone"])
    world.answer(world.inbox()[0].id, "approve")
    for _ in range(2):
        assert (world.sync().outcome, world.inbox()) == ("ok", [])
    days = {one: datetime.fromisoformat(row["event_date"]).astimezone(PHOENIX).day for one, row in world.site().items()}
    assert days == {made[0]: 20, made[1]: 11, made[2]: 12}


def test_changed_settings_are_asked_about(build):
    world = populated(build)
    world.sync(first=True)
    world.with_route(since=date(2025, 1, 1))
    assert (world.sync().outcome, guards(world)) == ("stopped", ["guard:scope"])
    world.answer(world.inbox()[0].id, "approve")
    assert (world.sync().outcome, world.inbox()) == ("ok", [])


def other_words(world: World) -> FieldMapping:
    """The same mapping, but two words of 4HSE have changed their meanings."""
    mapping = world.route.mapping
    row = mapping.category
    meanings = {**dict(row.lens.words), "NON_COMPLIANCE": "injury", "ACCIDENTS": "no injury"}
    lens = replace(row.lens, words=tuple(meanings.items()))
    fields = tuple(replace(field, lens=lens) if field is row else field for field in mapping.fields)
    return replace(mapping, fields=fields, digest="another")


@pytest.mark.parametrize(("use", "word"), [("procore", "NON_COMPLIANCE"), ("base", "ACCIDENTS")])
def test_a_changed_mapping_holds_what_would_now_differ(build, use, word):
    world = build()
    made = world.on_site("Burn")
    world.procore.hand_create("injury", PROJECT, incident_id=int(made))
    world.sync()
    world.with_route(mapping=other_words(world))
    report = world.sync()
    assert (report.outcome, guards(world), report.written) == ("stopped", ["guard:mapping"], NOTHING)
    world.answer(world.inbox()[0].id, "approve", use=use)
    for _ in range(2):
        assert world.sync().outcome == "ok"
    assert [row["category"] for row in world.office().values()] == [word]
    assert world.inbox() == []


# A restored backup ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("use", "status"), [("base", "closed"), ("accept", "open")])
@pytest.mark.parametrize("side", ["procore", "fourhse"])
def test_a_vendor_that_was_restored_from_a_backup_is_asked_about(build, side, use, status):
    world = populated(build, 3)
    world.sync(first=True)
    vendor = getattr(world, side)
    backup = vendor.snapshot()
    for link in world.links():
        if side == "procore":
            world.fourhse.hand_edit("incident", link.fourhse_id, status="closed", date_closed="2026-03-01")
        else:
            world.procore.hand_edit("incident", int(link.procore_id), status="closed")
    assert world.sync().outcome == "ok"
    vendor.restore_snapshot(backup)
    report = world.sync()
    assert (report.outcome, report.exit_code, report.written) == ("stopped", 7, NOTHING)
    [entry] = world.inbox()
    assert entry.item.key == f"guard:regress:{side}"
    world.answer(entry.id, "approve", use=use)
    for _ in range(2):
        report = world.sync()
    assert (report.outcome, world.inbox()) == ("ok", [])
    assert {row["status"].replace("new", "open") for row in world.site().values()} == {status}
    assert {row["status"].replace("new", "open") for row in world.office().values()} == {status}
    assert world.sync().written == NOTHING


# Scope ---------------------------------------------------------------------------------------------------------------


def test_what_happened_before_since_stays_where_it_is(build):
    world = build(since=date(2026, 1, 1))
    world.on_site("Old", date(2025, 12, 31), hour=23)
    world.in_office("Old too", date(2025, 12, 31))
    report = world.sync()
    assert (report.written, world.links()) == (NOTHING, [])
    assert report.population["procore"]["excluded"] == 1
    new = world.on_site("New", date(2026, 1, 1), hour=0)
    assert world.sync().written["fourhse"]["created"] == 1
    world.procore.hand_edit("incident", int(new), event_date="2025-12-01T20:00:00Z")
    assert world.sync().written["fourhse"]["updated"] == 1, "a link is never frozen by its day"


@pytest.mark.parametrize(
    ("direction", "source", "target"),
    [(Direction.TO_FOURHSE, "procore", "fourhse"), (Direction.TO_PROCORE, "fourhse", "procore")],
)
def test_a_one_way_route_writes_to_one_side_only(build, direction, source, target):
    world = build(direction=direction)
    world.on_site("Site")
    world.in_office("Office")
    report = world.sync(first=True)
    assert report.written[source] == NOTHING[source]
    assert report.written[target]["created"] == 1
    [link] = world.links()
    world.procore.hand_edit("incident", int(link.procore_id), title="From the site")
    world.fourhse.hand_edit("incident", link.fourhse_id, description_event="From the office.")
    report = world.sync()
    assert report.written[source] == NOTHING[source]
    assert report.written[target]["updated"] == 1


def test_an_unknown_category_holds_that_incident_alone(build):
    world = build()
    world.in_office("Odd", category="SOMETHING_NEW")
    world.in_office("Plain")
    report = world.sync(first=True)
    assert (report.outcome, report.written["procore"]["created"]) == ("ok", 1)
    [entry] = world.inbox()
    assert (entry.item.kind, entry.item.field) == ("word", "category")
    odd = next(one for one, row in world.office().items() if row["name"] == "Odd")
    world.fourhse.hand_edit("incident", odd, category="NON_COMPLIANCE")
    assert world.sync().written["procore"]["created"] == 1
    assert world.inbox() == []


def test_an_unshared_category_stays_in_4hse(build):
    world = build()
    world.in_office("Broken pump", category="REPORT_FAILURE")
    report = world.sync(first=True)
    assert (report.written, report.population["fourhse"]["excluded"]) == (NOTHING, 1)


# Privacy -------------------------------------------------------------------------------------------------------------


def staged_text(world: World) -> str:
    engine = create_engine(world.store.url)
    with engine.connect() as connection:
        tables = inspect(engine).get_table_names()
        rows = [tuple(row) for name in tables for row in connection.execute(text(f"SELECT * FROM {name}"))]  # noqa: S608
    engine.dispose()
    return str(rows)


def test_private_incidents_stay_home_and_leave_no_word_in_the_store(build):
    world = build()
    made = world.on_site("Secret fall", private=True, description="Nobody must know.")
    world.procore.hand_create("injury", PROJECT, incident_id=int(made), description="Secret wound")
    report = world.sync()
    assert (report.written, report.population["procore"]["excluded"]) == (NOTHING, 1)
    kept = staged_text(world)
    assert made in kept
    assert not [word for word in ("Secret", "Nobody", "wound") if word in kept]


def test_a_private_incident_that_is_entered_in_the_other_system_too_is_asked_about_and_not_copied(build):
    world = build(private="skip")
    hidden = str(world.on_site("Fall", private=True))
    world.sync()
    world.in_office("  FALL ")
    world.in_office("Slip", day=date(2026, 2, 12))
    world.sync(first=True)
    [entry] = [entry for entry in world.inbox() if entry.item.kind.value == "match"]
    assert (entry.item.procore_id, entry.item.title) == (hidden, "")
    assert sorted(row["title"] for row in world.site().values()) == ["Fall", "Slip"]


def test_private_incidents_may_be_included(build):
    world = build(private="include")
    world.on_site("Secret fall", private=True)
    assert world.sync().written["fourhse"]["created"] == 1


def test_a_linked_incident_that_becomes_private_is_frozen_both_ways(build):
    world = build()
    made = world.on_site("Fall")
    world.sync()
    [theirs] = world.office()
    world.procore.hand_edit("incident", int(made), private=True, title="Secret fall")
    assert world.sync().written == NOTHING
    world.fourhse.hand_edit("incident", theirs, status="closed", date_closed="2026-03-01")
    report = world.sync()
    assert (report.written, report.population["fourhse"]["excluded"]) == (NOTHING, 1)
    world.procore.hand_edit("incident", int(made), private=False)
    world.sync()
    assert world.site()[made]["status"] == "closed"
    assert world.office()[theirs]["name"] == "Secret fall"


# Links by hand -------------------------------------------------------------------------------------------------------


def test_two_that_a_person_took_apart_are_never_joined_again_by_the_machine(build):
    world = build()
    ours = world.on_site("Fall")
    world.sync()
    [theirs] = world.office()
    with world.store.begin() as unit:
        unit.links(world.route.key).remove(ours)
    for _ in range(2):
        assert (world.sync().written, world.links()) == (NOTHING, [])
    [entry] = world.inbox()
    assert (entry.item.kind, entry.item.facts["candidates"]) == ("match", [theirs])
    world.answer(entry.id, "approve", with_id=theirs)
    world.sync()
    assert [(link.procore_id, link.fourhse_id) for link in world.links()] == [(ours, theirs)]
    assert (world.sync().written, world.inbox()) == (NOTHING, [])


def test_called_different_both_are_copied(build):
    world = build()
    ours = world.on_site("Fall")
    world.sync()
    with world.store.begin() as unit:
        unit.links(world.route.key).remove(ours)
    world.sync()
    world.answer(world.inbox()[0].id, "reject")
    world.sync()
    assert (len(world.site()), len(world.office()), len(world.links())) == (2, 2, 2)
    assert (world.sync().written, world.inbox()) == (NOTHING, [])


# The lease -----------------------------------------------------------------------------------------------------------


def test_a_route_that_another_process_holds_is_busy(build):
    world = build()
    world.on_site("Fall")
    stranger = Holder("another-host", "boot", 1, "1")
    with world.store.begin() as unit:
        unit.leases.take(world.route.key, stranger, ttl=timedelta(minutes=5), grace=timedelta(minutes=1))
    report = world.sync()
    assert (report.outcome, report.exit_code, world.procore.calls.total()) == ("busy", 0, 0)
    world.clock.advance(minutes=10)
    assert world.sync().outcome == "ok"
    assert len(world.links()) == 1
