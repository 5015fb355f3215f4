"""What a pull may conclude from what it saw: certificates, and the doubts of a listing that was not whole."""

import json
from collections import Counter
from dataclasses import replace
from datetime import date, timedelta

import pytest

from judge import is_quiet
from procore_4hse.engine import pull
from procore_4hse.simulator.faults import FaultKind
from procore_4hse.simulator.procore_dials import ProcoreDials
from procore_4hse.simulator.wire import Request, Response
from world import PROJECT, World

pytestmark = pytest.mark.one_test_on_postgresql_in(8)

NOTHING = {side: {"created": 0, "updated": 0, "deleted": 0} for side in ("procore", "fourhse")}
LISTS = {"procore": "/incidents$", "fourhse": "/v2/incident/index"}
BOTH = pytest.mark.parametrize("side", list(LISTS))


@pytest.fixture
def world(build) -> World:
    world = build()
    for number in range(3):
        world.on_site(f"Site {number}", date(2026, 2, 1 + number), hour=10)
        world.in_office(f"Office {number}", date(2026, 2, 11 + number))
    world.sync(first=True)
    return world


def new_on(world: World, side: str) -> None:
    if side == "procore":
        world.on_site("Newcomer", date(2026, 2, 20))
    else:
        world.in_office("Newcomer", date(2026, 2, 20))


def other(side: str) -> str:
    return "fourhse" if side == "procore" else "procore"


def spoil(world: World, side: str, change) -> None:
    """Every list of incidents on that side reaches us with `change` made to it."""
    vendor = world.procore if side == "procore" else world.fourhse
    plain = vendor.handle

    def handle(request: Request) -> Response:
        response = plain(request)
        if response.status != 200 or not request.path.endswith(("/incidents", "/incident/index")):
            return response
        return change(response)

    world.runtime = world._house(world.store, world.clock, *paths(world, side, handle))


def paths(world: World, side: str, handle):
    spoilt = type("Spoilt", (), {"handle": staticmethod(handle)})()
    return (spoilt, world.fourhse) if side == "procore" else (world.procore, spoilt)


def with_totals(response: Response, total: int) -> Response:
    names = {"Total": str(total), "X-Pagination-Total-Count": str(total)}
    return replace(response, headers={**response.headers, **{n: v for n, v in names.items() if n in response.headers}})


def without_last(response: Response) -> Response:
    rows = json.loads(response.body)
    return replace(response, body=json.dumps(rows[:-1]).encode())


def with_one_twice(response: Response) -> Response:
    rows = json.loads(response.body)
    return replace(response, body=json.dumps([*rows[:-1], rows[0]] if len(rows) > 1 else rows).encode())


# Certificates --------------------------------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("change", [without_last, with_one_twice], ids=["a row is missing", "a row came twice"])
def test_a_listing_that_is_not_whole_creates_and_misses_nothing(world, side, change):
    spoil(world, side, change)
    new_on(world, other(side))
    edited = world.links()[0]
    world.procore.hand_edit("incident", int(edited.procore_id), title="Edited")
    report = world.sync()
    assert (report.outcome, report.exit_code) == ("partial", 1)
    assert {side: counts["created"] for side, counts in report.written.items()} == {"procore": 0, "fourhse": 0}
    assert world.inbox() == [], "nothing is missing where the list was not whole"
    assert world.office()[edited.fourhse_id]["name"] == "Edited", "updates cross all the same"


@BOTH
def test_what_a_listing_shows_unchanged_is_written_to_and_what_it_left_out_is_not(world, side):
    """No row of the store says what was shown: only what is new or changed is written there."""
    left_out: list[str] = []

    def without_one(response: Response) -> Response:
        row = json.loads(response.body)[-1]
        left_out.append(str(row.get("id") or row["office_incident_id"]))
        return without_last(response)

    spoil(world, side, without_one)
    world.sync()
    links = sorted(world.links(), key=lambda link: left_out[0] in (link.procore_id, link.fourhse_id))
    for link in links:
        if side == "procore":
            world.fourhse.hand_edit("incident", link.fourhse_id, name="Edited")
        else:
            world.procore.hand_edit("incident", int(link.procore_id), title="Edited")
    for outcome, crossed in (("partial", len(links) - 1), ("ok", len(links))):
        assert world.sync().outcome == outcome
        site, office = world.site(), world.office()
        both = [{site[link.procore_id]["title"], office[link.fourhse_id]["name"]} == {"Edited"} for link in links]
        assert both == [number < crossed for number in range(len(links))]
        world.runtime = world._house(world.store, world.clock, world.procore, world.fourhse)


@BOTH
def test_a_total_that_moves_is_read_again(world, side):
    totals = iter([7, 6, 6, 6, 6, 6])
    spoil(world, side, lambda response: with_totals(response, next(totals)))
    new_on(world, other(side))
    report = world.sync()
    assert report.outcome == "ok"
    assert report.written[side]["created"] == 1


def test_a_row_that_shifts_between_two_pages_is_no_deletion(build, monkeypatch):
    """Somebody deletes a row of the first page while the second is on its way: the last one would be skipped."""
    monkeypatch.setattr(pull, "PAGE", 4)
    world = build()
    for number in range(9):
        world.on_site(f"Site {number}", date(2026, 2, 1 + number), hour=10)
    world.sync()
    ids = sorted(world.site())
    asked = Counter()

    def shift(request: Request) -> None:
        if request.path.endswith("/incidents") and request.method == "GET":
            asked["pages"] += 1
            if asked["pages"] == 2:
                world.procore.hand_delete("incident", int(ids[0]))

    world.faults.on_request.append(shift)
    world.sync(full=True)
    assert asked["pages"] > 4, "the listing was read again"
    assert {entry.item.procore_id for entry in world.inbox()} <= {ids[0]}


def test_the_last_page_sent_again_is_not_taken_for_another(world):
    def wrong_page(response: Response) -> Response:
        return replace(response, headers={**response.headers, "X-Pagination-Current-Page": "2"})

    spoil(world, "fourhse", wrong_page)
    new_on(world, "procore")
    report = world.sync()
    assert (report.outcome, report.written) == ("partial", NOTHING)


@pytest.mark.one_case_in(3)
@pytest.mark.any_store
@BOTH
@pytest.mark.parametrize("kind", [FaultKind.HTML, FaultKind.HALF_JSON, FaultKind.OTHER_SCHEMA, FaultKind.ERROR_INSIDE])
def test_an_unreadable_listing_fails_and_changes_nothing(world, side, kind):
    world.faults.add(kind, path=LISTS[side], times=None)
    new_on(world, other(side))
    report = world.sync()
    assert report.exit_code == 1
    assert (report.written, world.inbox()) == (NOTHING, [])
    world.faults.clear()
    assert world.sync().outcome == "ok"


@BOTH
def test_a_short_outage_is_ridden_through(world, side):
    world.faults.add(FaultKind.UNAVAILABLE, path=LISTS[side], times=2)
    new_on(world, side)
    assert world.sync().outcome == "ok"


def test_rows_of_one_day_may_change_places_between_two_pages(build):
    world = build(since=date(2030, 1, 1))
    for number in range(230):
        world.in_office(f"Report {number}", date(2026, 2, 1 + number % 3))
    days = Counter(row["date_incident"] for row in world.office().values())
    assert min(days.values()) > 70, "two days lie on two pages"
    for _ in range(4):
        report = world.sync()
        assert (report.outcome, report.population["fourhse"]["excluded"]) == ("ok", 230)


# By change alone -----------------------------------------------------------------------------------------------------


@pytest.fixture
def large(build, monkeypatch) -> World:
    """A register larger than one page, read whole once."""
    monkeypatch.setattr(pull, "PAGE", 4)
    world = build()
    for number in range(6):
        world.on_site(f"Site {number}", date(2026, 2, 1 + number), hour=10)
    world.sync()
    return world


def whole_lists(world: World) -> list[bool]:
    """Which requests for incidents asked for all of them; filled while cycles run."""
    asked: list[bool] = []

    def note(request: Request) -> None:
        names = dict(request.query)
        if request.path.endswith("/incidents") and request.method == "GET" and names.get("per_page") != "1":
            asked.append("filters[updated_at]" not in names)

    world.faults.on_request.append(note)
    return asked


def test_beyond_a_page_only_what_changed_is_read(large):
    asked = whole_lists(large)
    one = int(min(large.site()))
    large.procore.hand_edit("incident", one, title="Edited")
    large.on_site("Newcomer", date(2026, 2, 20))
    large.in_office("From the office", date(2026, 2, 21))
    report = large.sync()
    assert (report.outcome, report.written["fourhse"]) == ("ok", {"created": 1, "updated": 1, "deleted": 0})
    assert report.written["procore"]["created"] == 1
    assert not any(asked)
    assert is_quiet(large, large.sync())


def test_a_deletion_shows_in_the_total_and_is_looked_for(large):
    asked = whole_lists(large)
    large.procore.hand_delete("incident", int(min(large.site())))
    report = large.sync()
    assert any(asked)
    assert (report.outcome, [entry.item.kind for entry in large.inbox()]) == ("ok", ["deletion"])


def test_one_deleted_and_one_made_do_not_hide_each_other(large):
    large.procore.hand_delete("incident", int(min(large.site())))
    large.on_site("Newcomer", date(2026, 2, 20))
    report = large.sync()
    assert report.written["fourhse"]["created"] == 1
    assert [entry.item.kind for entry in large.inbox()] == ["deletion"]


def test_the_whole_list_is_read_on_its_own_schedule(large):
    asked = whole_lists(large)
    large.clock.advance(hours=25)
    large.sync()
    assert any(asked)


def test_an_edit_committed_late_is_not_lost_below_the_cursor(large):
    """It bears a time before the last pull, and becomes visible only after it."""
    one = int(min(large.site()))
    large.clock.advance(hours=1)
    pulled_at = large.clock.now
    large.sync()
    now, large.clock.now = large.clock.now, pulled_at - timedelta(minutes=2)
    large.procore.hand_edit("incident", one, title="Late")
    large.clock.now = now
    assert large.sync().written["fourhse"]["updated"] == 1


def test_incidents_of_unknown_time_are_found_where_the_default_hides_them(build, monkeypatch):
    monkeypatch.setattr(pull, "PAGE", 4)
    world = build(procore_dials=ProcoreDials(time_unknown_default_hides=True))
    for number in range(6):
        world.on_site(f"Site {number}", date(2026, 2, 1 + number), hour=10 if number % 2 else None)
    assert world.sync().written["fourhse"]["created"] == 6
    hidden = next(int(one) for one, row in world.site().items() if row["time_unknown"])
    world.procore.hand_edit("incident", hidden, title="Edited")
    assert world.sync().written["fourhse"]["updated"] == 1
    world.procore.hand_delete("incident", hidden)
    world.sync()
    assert [entry.item.kind for entry in world.inbox()] == ["deletion"]


def test_an_injury_on_one_of_unknown_time_is_counted(build, monkeypatch):
    """A child moves no change date, so the incident is asked for again by its id, and by its unknown time."""
    monkeypatch.setattr(pull, "PAGE", 4)
    world = build(procore_dials=ProcoreDials(time_unknown_default_hides=True))
    made = [world.on_site(f"Site {n}", date(2026, 2, 1 + n), hour=10 if n % 2 else None) for n in range(6)]
    world.sync()
    for _ in range(2):
        world.clock.advance(hours=1)
        world.sync()
    world.procore.hand_create("injury", PROJECT, incident_id=int(made[0]))
    report = world.sync()
    assert (report.outcome, report.written["fourhse"]["updated"]) == ("ok", 1)


# Injuries ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [FaultKind.FORBIDDEN, FaultKind.EMPTY, FaultKind.ERROR_BEFORE])
def test_a_record_list_that_fails_changes_no_category(world, kind):
    hurt = world.links()[0]
    world.procore.hand_create("injury", PROJECT, incident_id=int(hurt.procore_id))
    world.sync()
    assert world.office()[hurt.fourhse_id]["category"] == "ACCIDENTS"
    categories = {one: row["category"] for one, row in world.office().items()}
    world.faults.add(kind, path="/incidents/injuries$", times=None)
    world.on_site("Newcomer", date(2026, 2, 20))
    world.procore.hand_edit("incident", int(hurt.procore_id), title="Edited")
    report = world.sync()
    assert (report.outcome, report.exit_code) == ("partial", 1)
    assert report.written["fourhse"]["updated"] == 1
    assert {one: row["category"] for one, row in world.office().items() if one in categories} == categories
    assert world.inbox() == []
    created = report.written["fourhse"]["created"]
    assert created == (kind is FaultKind.EMPTY), "an empty list still proves that the newcomer counts no record"
    world.faults.clear()
    report = world.sync()
    assert (report.outcome, report.written["fourhse"]["created"]) == ("ok", 1 - created)


def test_a_deletion_is_no_edit_while_the_record_lists_fail(world):
    gone = world.links()[0]
    world.fourhse.hand_delete("incident", gone.fourhse_id)
    world.sync()
    assert [entry.item.kind for entry in world.inbox()] == ["deletion"]
    world.faults.add(FaultKind.FORBIDDEN, path="/incidents/injuries$", times=None)
    world.sync()
    assert [entry.item.kind for entry in world.inbox()] == ["deletion"]


def test_an_injury_makes_an_accident_and_its_end_leaves_it_one(build):
    world = build()
    ours = int(world.on_site("Burn"))
    world.sync()
    [theirs] = world.office()
    assert world.office()[theirs]["category"] == "ACCIDENTS_AND_MISSED_INJURIES"
    injury = world.procore.hand_create("injury", PROJECT, incident_id=ours)
    assert world.sync().written["fourhse"]["updated"] == 1
    assert world.office()[theirs]["category"] == "ACCIDENTS"
    assert "Injuries without a name: 1" in world.office()[theirs]["description_actions_involved"]
    world.procore.hand_delete("injury", injury)
    # Only the line that told of an injury of nobody's goes.
    assert world.sync().written["fourhse"]["updated"] == 1
    assert "Injuries without a name" not in (world.office()[theirs]["description_actions_involved"] or "")
    assert world.office()[theirs]["category"] == "ACCIDENTS"
    assert world.inbox() == []
    assert world.sync().written == NOTHING


def test_a_word_of_4hse_never_touches_procore_s_injuries(build):
    world = build()
    ours = int(world.on_site("Burn"))
    world.procore.hand_create("injury", PROJECT, incident_id=ours)
    world.sync()
    [theirs] = world.office()
    world.fourhse.hand_edit("incident", theirs, category="NON_COMPLIANCE")
    assert world.sync().written == NOTHING
    [entry] = world.inbox()
    assert (entry.item.kind, entry.item.field) == ("conflict", "category")
    world.answer(entry.id, "resolve", use="procore")
    world.sync()
    assert world.office()[theirs]["category"] == "ACCIDENTS"
    assert len(world.site()[str(ours)]["injuries"]) == 1
    assert world.inbox() == []
